import { noticeRoutes as routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { type AppContext, type Bindings, type Caller, command, recordRestrictedRead, uuidIn } from '../access/index.ts'
import type { ClosingConditions, DeclarationEffects } from '../incidents/index.ts'
import type { Tx } from '../kernel/database.ts'
import type { Audits } from '../paging/index.ts'
import { auditCounter, auditObligations, watchdogJob } from './auditor.ts'
import { checkClocks } from './checks.ts'
import { approveDecision, proposeDecision, rejectDecision, withdrawDecision } from './decisions.ts'
import { settleDelivery } from './deliveries.ts'
import { followIncident } from './follow.ts'
import { joinObligations } from './joined.ts'
import { whyHeldBack } from './mails.ts'
import { approveNotice, changeNotice, discardNotice, draftNotice, sendNotice } from './notices.ts'
import { listObligations, openObligations, readObligation, unsentNotices } from './obligations.ts'
import { previewMails } from './preview.ts'
import { clockJob } from './timers.ts'
import { customerObligations } from './updates.ts'

export { countAwaitingInNotices } from './awaiting.ts'
export { countObligations, obligationsOf } from './obligations.ts'
export { noticeRecords } from './records.ts'

export function openNotices(context: AppContext, conditions: ClosingConditions, effects: DeclarationEffects, audits: Audits): Bindings {
  conditions.add(async (reader, incident) => [...(await openObligations(reader, incident.id)), ...(await unsentNotices(reader, incident.id))])
  effects.add(async (tx, incident) => {
    await followIncident(tx, incident)
    await joinObligations(tx, context, [incident.id])
  })
  effects.obligations = customerObligations
  context.visibility.names('obligation.joined', data => sql`select ${uuidIn(sql`(${data} ->> 'incidentId')`)}`)
  const counter = auditCounter(context.metrics)
  audits.add(watchdogJob)
  context.jobs.register(watchdogJob, { run: tx => auditObligations(tx, context, counter) })
  context.jobs.register(clockJob, { run: (tx, { incidentId }) => checkClocks(tx, context, incidentId) })
  context.messenger.beforeDelivery('notice', message => whyHeldBack(context, message))
  context.messenger.onDelivery('notice', async (tx, deliveries) => {
    for (const delivery of deliveries) await settleDelivery(tx, context, delivery)
  })
  const read = (tx: Tx, caller: Caller, id: string) => readObligation(tx, context, caller, id)
  return [
    command(routes.obligations, async (tx, { caller, query }) => {
      const page = await listObligations(tx, context, caller, query)
      // Those of one incident have the texts of its notices.
      if (query.incidentId !== undefined && page.items.length > 0) await recordRestrictedRead(tx, context, caller, query.incidentId)
      return page
    }),
    command(routes.draftNotice, async (tx, { caller, params, body }) => read(tx, caller, await draftNotice(tx, context, caller, params.id, body))),
    command(routes.changeNotice, async (tx, { caller, params, body }) => read(tx, caller, await changeNotice(tx, context, caller, params.id, body))),
    command(routes.approveNotice, async (tx, { caller, params, body }) => read(tx, caller, await approveNotice(tx, context, caller, params.id, body.version))),
    command(routes.discardNotice, async (tx, { caller, params, body }) => read(tx, caller, await discardNotice(tx, context, caller, params.id, body.version))),
    command(routes.noticeMails, async (tx, { caller, params }) => {
      const { incidentId, mails } = await previewMails(tx, context, caller, params.id)
      await recordRestrictedRead(tx, context, caller, incidentId)
      return mails
    }),
    command(routes.sendNotice, async (tx, { caller, params, body }) => read(tx, caller, await sendNotice(tx, context, caller, params.id, body.version))),
    command(routes.proposeDecision, async (tx, { caller, params, body }) => {
      await proposeDecision(tx, context, caller, params.id, body)
      return read(tx, caller, params.id)
    }),
    command(routes.approveDecision, async (tx, { caller, params, body }) => {
      await approveDecision(tx, context, caller, params.id, body.version)
      return read(tx, caller, params.id)
    }),
    command(routes.rejectDecision, async (tx, { caller, params, body }) => {
      await rejectDecision(tx, context, caller, params.id, body)
      return read(tx, caller, params.id)
    }),
    command(routes.withdrawDecision, async (tx, { caller, params }) => {
      await withdrawDecision(tx, context, caller, params.id)
      return read(tx, caller, params.id)
    }),
  ]
}

import { noticeRoutes as routes } from '@tocsin/api'
import { act, type Bindings, type Caller, type House, question } from '../identity/index.ts'
import type { ClosingConditions } from '../incidents/index.ts'
import type { Tx } from '../platform/database.ts'
import { approveDecision, proposeDecision, reviewDecision, reviewJob, withdrawDecision } from './decisions.ts'
import { approveNotice, changeNotice, draftNotice, promiseJob, rememberPromise, sendNotice, settleDelivery } from './notices.ts'
import { followIncident, listObligations, openDuties, readObligation, warn, warnJob } from './obligations.ts'

export { listObligations } from './obligations.ts'

export function openNotices(house: House, conditions: ClosingConditions): Bindings {
  conditions.add((reader, incident) => openDuties(reader, incident.id))
  house.followers.react('notices', {
    'incident.customers-set': (tx, entry) => followIncident(tx, entry.subject.id),
    'incident.declared': (tx, entry) => followIncident(tx, entry.subject.id),
  })
  house.jobs.register<{ incidentId: string; afterHours: number }>(warnJob, { run: (tx, { incidentId, afterHours }) => warn(tx, house, incidentId, afterHours) })
  house.jobs.register<{ noticeId: string }>(promiseJob, { run: (tx, { noticeId }) => rememberPromise(tx, house, noticeId) })
  house.jobs.register<{ obligationId: string }>(reviewJob, { run: (tx, { obligationId }) => reviewDecision(tx, house, obligationId) })
  house.messenger.onDelivery('notice', async (tx, deliveries) => {
    for (const delivery of deliveries) await settleDelivery(tx, house, delivery)
  })
  const read = (tx: Tx, caller: Caller, id: string) => readObligation(tx, house, caller, id)
  return [
    question(routes.obligations, (reader, { caller, query }) => listObligations(reader, house, caller, query)),
    act(routes.draftNotice, async (tx, { caller, params, body }) => read(tx, caller, await draftNotice(tx, house, caller, params.id, body))),
    act(routes.changeNotice, async (tx, { caller, params, body }) => read(tx, caller, await changeNotice(tx, house, caller, params.id, body))),
    act(routes.approveNotice, async (tx, { caller, params, body }) => read(tx, caller, await approveNotice(tx, house, caller, params.id, body.version))),
    act(routes.sendNotice, async (tx, { caller, params, body }) => read(tx, caller, await sendNotice(tx, house, caller, params.id, body.version))),
    act(routes.proposeDecision, async (tx, { caller, params, body }) => {
      await proposeDecision(tx, house, caller, params.id, body)
      return read(tx, caller, params.id)
    }),
    act(routes.approveDecision, async (tx, { caller, params, body }) => {
      await approveDecision(tx, house, caller, params.id, body.version)
      return read(tx, caller, params.id)
    }),
    act(routes.withdrawDecision, async (tx, { caller, params }) => {
      await withdrawDecision(tx, house, caller, params.id)
      return read(tx, caller, params.id)
    }),
  ]
}

import { when } from '@tocsin/events'
import { asc, eq, inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import type { customers } from '../directory/index.ts'
import { type IncidentRow, incidents, pageLead, reopenForObligation } from '../incidents/index.ts'
import { lastEntryAbout, recordAll, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { noDecision, type ObligationRow, plan } from './clocks.ts'
import { endObligations } from './follow.ts'
import { areApproved, mailsOf, postMails } from './mails.ts'
import { notices, obligations } from './tables.ts'
import { returnedTopic } from './timers.ts'

/** What a delivery is of, locked. */
export interface DeliveredNotice {
  readonly notice: typeof notices.$inferSelect
  readonly obligation: ObligationRow
  readonly incident: IncidentRow
  readonly customer: typeof customers.$inferSelect
}

/**
 * Undoes what a notice met that was returned to the last contact who had it: it is due again, with the deadline that it had, and what the notice announced is not.
 * An incident that was closed meanwhile is reopened: no closed incident owes anything.
 * @param said the address, and what the server said
 * @returns the notice's incident as it is now
 */
export async function takeBack(tx: Tx, { notice, incident, customer }: DeliveredNotice, said: string): Promise<IncidentRow> {
  await endObligations(tx, incident.id, 'update', 'notice-returned', eq(obligations.promisedById, notice.id))
  // An update that was announced earlier gives way to one that was announced since: there is one at a time.
  const isNeeded = sql`(kind <> 'update' or not exists (select 1 from obligations other where other.incident_id = obligations.incident_id
    and other.customer_id = obligations.customer_id and other.kind = 'update' and other.state in ('due', 'deferred')))`
  const again = await tx.db
    .update(obligations)
    .set({ ...noDecision, state: 'due', notifiedAt: null, metById: null, version: sql`${obligations.version} + 1` })
    .where(sql`${obligations.metById} = ${notice.id} and ${isNeeded}`)
    .returning()
  await recordAll(
    tx,
    again
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, incidentId, kind, dueAt }) => ({
        ...{ actor: system, type: 'obligation.reopened' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
        data: { customer: customer.name, kind, dueAt, noticeId: notice.id },
      })),
  )
  const byIncident = Map.groupBy(again, ({ incidentId }) => incidentId)
  if (byIncident.size === 0) return incident
  const affected = await tx.db
    .select()
    .from(incidents)
    .where(inArray(incidents.id, [...byIncident.keys()]))
    .orderBy(asc(incidents.id))
    .for('update')
  let own = incident
  for (const each of affected) {
    const open = await reopenForObligation(tx, each, `The notice to ${customer.name} was returned: ${said}`)
    if (open.id === incident.id) own = open
    await plan(tx, each.id, byIncident.get(each.id) ?? [])
  }
  return own
}

/** No contact was reached by a notice: the alternates get the same approved mail, once; after that, or where there are none, the lead is paged with what was said. */
export async function reachNobody(tx: Tx, context: AppContext, { notice, obligation, incident, customer }: DeliveredNotice, said: string): Promise<void> {
  const last = await lastEntryAbout(tx, { kind: 'notice', id: notice.id }, 'notice.sent')
  const hasAlternates = customer.contacts.some(({ isAlternate }) => isAlternate)
  const mails = await mailsOf(tx, incident, notice, customer)
  const isApproved = await areApproved(tx, notice, mails)
  // Nobody is told by itself of an incident whose declaration was an error.
  if (hasAlternates && isApproved && incident.stoodDownAt === null && last?.data.isToAlternates !== true) {
    await postMails(tx, context, system, incident, notice, customer, mails, true)
    await tx.db
      .update(notices)
      .set({ state: 'sending', version: sql`${notices.version} + 1` })
      .where(eq(notices.id, notice.id))
    return
  }
  const [{ dueAt = null } = {}] = await tx.db.select({ dueAt: obligations.dueAt }).from(obligations).where(eq(obligations.id, obligation.id))
  await pageLead(tx, context, incident, {
    topic: returnedTopic(obligation.id),
    brief: 'a notice reached nobody',
    title: `Incident ${incident.number}: the notice to ${customer.name} reached nobody`,
    summary: [
      `The mail to ${said}`,
      `${customer.name} counts as not notified${dueAt === null ? '' : `; the notice is due ${when(dueAt, tx.now)}`}.`,
      incident.stoodDownAt === null ? '' : 'The incident was stood down: waive the notification if nothing is owed to the customer.',
      hasAlternates && !isApproved ? 'The alternate contacts did not get it, because what was approved has changed since.' : '',
      'Correct the contacts of the customer if they are wrong, and send the notice again. Changed contacts need a new approval.',
    ]
      .filter(line => line !== '')
      .join('\n'),
  })
}

import { lastTime, wasFoundTooLate } from '@tocsin/deadlines'
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { incidents } from '../incidents/index.ts'
import { record, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import type { Delivery } from '../kernel/messenger.ts'
import { messages } from '../notify/index.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { isOpen, noDecision, type ObligationRow, plan, recordMissed, resolveCalls } from './clocks.ts'
import { isMetWith, joinObligations } from './joined.ts'
import { type DeliveredNotice, reachNobody, takeBack } from './returned.ts'
import { notices, obligations } from './tables.ts'
import { returnedTopic } from './timers.ts'

type NoticeRow = typeof notices.$inferSelect

async function lockDelivered(tx: Tx, noticeId: string): Promise<DeliveredNotice | undefined> {
  const [found] = await tx.db
    .select({ incidentId: obligations.incidentId })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(eq(notices.id, noticeId))
  if (!found) return undefined
  // In the order in which commands lock them.
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, found.incidentId)).for('update')
  const [locked] = await tx.db
    .select({ notice: notices, obligation: obligations, customer: customers })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(eq(notices.id, noticeId))
    .for('update', { of: [obligations, notices] })
  return incident && locked && { incident, ...locked }
}

/**
 * Records the delivery of one mail of a notice, and what servers report of it later. The first that a server accepted meets what is owed to the customer, and makes
 * what it announces owed. Where the last that one had accepted is returned, that is undone. Where none has arrived, the alternates get it; then the lead is paged.
 */
export async function settleDelivery(tx: Tx, context: AppContext, delivery: Delivery): Promise<void> {
  const delivered = await lockDelivered(tx, delivery.purposeId)
  if (!delivered) return
  const { notice, obligation, incident, customer } = delivered
  const { address, receipt, messageId, state } = delivery
  const entry = { actor: system, subject: { kind: 'notice', id: notice.id }, within: incident.id } as const
  if (state === 'delayed' || state === 'relayed' || state === 'delivered')
    return record(tx, { ...entry, type: 'notice.reported', data: { customer: customer.name, address, messageId, outcome: state, report: receipt } })
  const noticeState = await settledState(tx, notice)
  await record(tx, {
    ...entry,
    type: state === 'sent' ? 'notice.delivered' : state === 'failed' ? 'notice.undelivered' : 'notice.bounced',
    data: { customer: customer.name, address, receipt, messageId, noticeState },
  })
  if (noticeState !== notice.state)
    await tx.db
      .update(notices)
      .set({ state: noticeState, sentAt: noticeState === 'sent' ? tx.now : null, version: notice.version + 1 })
      .where(eq(notices.id, notice.id))
  if (state === 'sent') {
    await meet(tx, context, obligation, notice, customer.name)
    await oweAnnounced(tx, obligation, notice, customer.name)
  } else if (!(await isTaken(tx, notice.id))) {
    const said = `${address}: ${receipt}`
    const open = state === 'bounced' ? await takeBack(tx, delivered, said) : incident
    if (noticeState === 'approved') await reachNobody(tx, context, { ...delivered, incident: open }, said)
  }
  // What it met is due again, or it is not being sent any more: incidents may have been linked or unlinked since.
  if (noticeState !== notice.state || state === 'bounced') await joinObligations(tx, context, [incident.id])
}

/** A notice meets everything that is owed to its customer, in linked incidents too, but for what it announces itself, or one after it does. */
async function meet(tx: Tx, context: AppContext, obligation: ObligationRow, notice: NoticeRow, customer: string): Promise<void> {
  const which = and(isMetWith(obligation), isOpen, sql`(${obligations.promisedById} is null or ${obligations.promisedById} < ${notice.id}::uuid)`)
  // Its check may be a moment late: what is notified after the deadline has missed it.
  await recordMissed(tx, which)
  const met = await tx.db
    .update(obligations)
    .set({ state: 'notified', notifiedAt: tx.now, metById: notice.id, nextCheckAt: null, version: sql`${obligations.version} + 1` })
    .where(which)
    .returning()
  for (const { id, incidentId, dueAt, foundAt, foundDueAt } of met) {
    await record(tx, {
      ...{ actor: system, type: 'obligation.notified', subject: { kind: 'obligation', id }, within: incidentId },
      data: {
        ...{ customer, notifiedAt: tx.now, dueAt, noticeId: notice.id },
        isInTime: dueAt !== null && tx.now <= lastTime({ dueAt, foundAt, foundDueAt }),
        ...(dueAt !== null && foundDueAt !== null && wasFoundTooLate({ dueAt, foundAt }) ? { foundDueAt } : {}),
      },
    })
  }
  await resolvePagesAbout(tx, context, system, obligation.incidentId, returnedTopic(obligation.id))
  for (const incidentId of new Set(met.map(row => row.incidentId))) await resolveCalls(tx, context, incidentId)
}

/** The next communication that a notice announces is owed from its first delivery on; again where the notice had been returned and was sent anew. */
export async function oweAnnounced(tx: Tx, obligation: ObligationRow, notice: NoticeRow, customer: string): Promise<void> {
  const { incidentId, customerId, isDemo, isExercise } = obligation
  const { id: noticeId, nextCommunicationAt: dueAt } = notice
  if (dueAt === null || customerId === null) return
  const [known] = await tx.db.select({ id: obligations.id, state: obligations.state }).from(obligations).where(eq(obligations.promisedById, noticeId)).limit(1)
  if (known && known.state !== 'ended') return
  const id = known?.id ?? newId()
  const clock = { ...noDecision, state: 'due', startedAt: tx.now, dueAt, missedDueAt: null, notifiedAt: null, metById: null } as const
  const promised = await tx.db
    .insert(obligations)
    .values({ ...clock, id, incidentId, customerId, kind: 'update', promisedById: noticeId, isDemo, isExercise })
    .onConflictDoUpdate({ target: obligations.id, set: { ...clock, pagedAt: null, version: sql`${obligations.version} + 1` } })
    .returning()
  await record(tx, {
    ...{ actor: system, type: 'obligation.promised', subject: { kind: 'obligation', id }, within: incidentId },
    data: { customer, customerId, noticeId, startedAt: tx.now, dueAt },
  })
  await plan(tx, incidentId, promised)
}

/** States of a mail that a server took, and did not return. */
const taken = ['sent', 'delayed', 'delivered'] as const

const mailsIn = async (tx: Tx, noticeId: string, states: readonly (typeof messages.$inferSelect)['state'][]) =>
  (
    await tx.db
      .select({ id: messages.id })
      .from(messages)
      .where(and(eq(messages.purpose, 'notice'), eq(messages.purposeId, noticeId), inArray(messages.state, [...states])))
      .limit(1)
  ).length > 0

const isTaken = (tx: Tx, noticeId: string) => mailsIn(tx, noticeId, taken)

/** Once every mail has gone its way the notice is sent; when none was taken, or all were returned, it is back to be sent again. */
async function settledState(tx: Tx, notice: NoticeRow): Promise<NoticeRow['state']> {
  if (notice.state !== 'sending' && notice.state !== 'sent') return notice.state
  if (await mailsIn(tx, notice.id, ['queued', 'held'])) return notice.state
  return (await isTaken(tx, notice.id)) ? 'sent' : 'approved'
}

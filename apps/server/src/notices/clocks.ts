import { addHours, type Clock, firstCall, lastTime, lateFrom, nextCall, noticeClock, promiseClock } from '@tocsin/deadlines'
import { and, asc, eq, inArray, isNotNull, lt, type SQL, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type Actor, recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { cancelWaiting, schedule } from '../kernel/jobs/schedule.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { obligations } from './tables.ts'
import { clockJob, clockKey, executiveTopic, noticesTopic, reviewTopic } from './timers.ts'

export type ObligationRow = typeof obligations.$inferSelect

/** What of an obligation says when its clock is looked at. */
export type Clocked = Pick<ObligationRow, 'kind' | 'state' | 'startedAt' | 'dueAt' | 'foundAt' | 'foundDueAt' | 'missedDueAt' | 'decisionReviewOn'>

export const isOpen = inArray(obligations.state, ['due', 'deferred'])

/** What is owed to the same customer of the same incident. */
export const isOfCustomer = ({ incidentId, customerId }: Pick<ObligationRow, 'incidentId' | 'customerId'>) =>
  and(eq(obligations.incidentId, incidentId), sql`${obligations.customerId} is not distinct from ${customerId}::uuid`)

/** 9 o'clock UTC of a day: when a decision that was made until that day is reviewed. */
export const morningOf = (day: string): Instant => addHours(`${day}T00:00:00.000Z`, 9)

/** The deadline after which an obligation is missed, as `lastTime` has it. */
const lastDueAt = sql<Instant>`case when ${obligations.dueAt} <= ${obligations.foundAt} then ${obligations.foundDueAt} else ${obligations.dueAt} end`

/** The clock of an obligation by its contract; undefined until its incident is declared. */
export function clockOf({ kind, startedAt, dueAt }: Pick<Clocked, 'kind' | 'startedAt' | 'dueAt'>): Clock | undefined {
  if (startedAt === null || dueAt === null) return undefined
  return kind === 'update' ? promiseClock(startedAt, dueAt) : noticeClock(startedAt, dueAt)
}

/**
 * When the clock of an obligation is looked at next: one that is due always is again. A deferral ends on its day of review, and does not keep a deadline from being missed;
 * a waiver is reviewed once. Where the contract's deadline had passed before the customer was found, people are paged as about any that is overdue, and when the
 * time from being found is over.
 * @param isNew whether it is in its state from now on: then nobody was paged yet for what is past
 */
export function nextCheck(obligation: Clocked, now: Instant, isNew: boolean): Instant | null {
  const clock = clockOf(obligation)
  if (clock === undefined) return null
  const late = lateFrom({ dueAt: lastTime({ ...obligation, dueAt: clock.dueAt }) })
  const review = obligation.decisionReviewOn === null ? [] : [morningOf(obligation.decisionReviewOn)]
  switch (obligation.state) {
    case 'due':
      return [isNew ? firstCall(clock, now) : nextCall(clock, now), ...(late > now ? [late] : [])].toSorted()[0] ?? null
    case 'deferred':
      return [...review, ...(obligation.missedDueAt !== null && lateFrom({ dueAt: obligation.missedDueAt }) === late ? [] : [late])].toSorted()[0] ?? null
    case 'waived':
      return review.find(at => isNew || at > now) ?? null
    default:
      return null
  }
}

/** Stores when the clocks of these obligations of an incident are looked at, and wakes its job for the first. In as many statements for many as for one. */
export async function plan(tx: Tx, incidentId: string, rows: readonly (Clocked & { readonly id: string })[], isNew = true): Promise<void> {
  if (rows.length > 0) {
    const checks = rows.map(row => nextCheck(row, tx.now, isNew))
    await tx.db.execute(sql`
      update obligations set next_check_at = planned.at
      from unnest(${sql.param(rows.map(row => row.id))}::uuid[], ${sql.param(checks)}::timestamptz[]) as planned (id, at)
      where obligations.id = planned.id`)
  }
  await wakeClock(tx, incidentId)
}

/** Sees to it that the job of an incident runs when the first of its clocks is to be looked at. */
export async function wakeClock(tx: Tx, incidentId: string): Promise<void> {
  const [first] = await tx.db
    .select({ at: obligations.nextCheckAt })
    .from(obligations)
    .where(and(eq(obligations.incidentId, incidentId), isNotNull(obligations.nextCheckAt)))
    .orderBy(asc(obligations.nextCheckAt))
    .limit(1)
  const key = clockKey(incidentId)
  if (first?.at == null) await cancelWaiting(tx, key)
  else await schedule(tx, { kind: clockJob, key, runAt: first.at, data: { incidentId } })
}

/** Open obligations whose deadline passed before `at` and is not on record as missed. */
export const isUnrecordedMiss = (at: Instant) => and(isOpen, lt(lastDueAt, at), sql`${obligations.missedDueAt} is distinct from ${lastDueAt}`)

/** The names of customers. */
export async function customerNames(reader: Reader, rows: readonly Pick<ObligationRow, 'customerId'>[]): Promise<(id: string | null) => string> {
  const ids = [...new Set(rows.flatMap(({ customerId }) => customerId ?? []))]
  const named =
    ids.length === 0
      ? []
      : await reader.db
          .select({ id: customers.id, name: customers.name })
          .from(customers)
          .where(sql`${customers.id} = any(${sql.param(ids)}::uuid[])`)
  const names = new Map(named.map(({ id, name }) => [id, name]))
  return id => (id === null ? '' : (names.get(id) ?? ''))
}

/**
 * Puts deadlines on record that have passed without a notice, each once: one that is moved can be missed anew. What was notified or waived in time is not
 * missed; a deferral does not move the deadline, and the entry names it.
 * @param which of the obligations
 */
export async function recordMissed(tx: Tx, which: SQL | undefined): Promise<{ incidentId: string }[]> {
  const { id, incidentId, customerId, state, missedDueAt, term, kind } = obligations
  const missed = await tx.db
    .update(obligations)
    .set({ missedDueAt: lastDueAt })
    .where(and(which, isUnrecordedMiss(tx.now)))
    .returning({ id, incidentId, customerId, state, missedDueAt, term, kind })
  const nameOf = await customerNames(tx, missed)
  await recordAll(
    tx,
    missed.flatMap(({ missedDueAt: due, ...each }) =>
      due === null || (each.state !== 'due' && each.state !== 'deferred')
        ? []
        : [
            {
              ...{ actor: system, type: 'obligation.missed' as const, subject: { kind: 'obligation' as const, id: each.id }, within: each.incidentId },
              data: { customer: nameOf(each.customerId), customerId: each.customerId, dueAt: due, term: each.term, state: each.state, kind: each.kind },
            },
          ],
    ),
  )
  return missed
}

/** Waivers of an incident whose day of review has come, until something else is decided. */
export const isForReview = (incidentId: string, now: Instant) =>
  and(
    eq(obligations.incidentId, incidentId),
    eq(obligations.state, 'waived'),
    sql`${obligations.decisionReviewOn} + interval '9 hours' <= ${now}::timestamptz at time zone 'UTC'`,
  )

/** Nobody stays paged to review waivers once something else is decided about all of them. */
export async function resolveReviews(tx: Tx, context: AppContext, actor: Actor, incidentId: string): Promise<void> {
  const left = await tx.db.select({ id: obligations.id }).from(obligations).where(isForReview(incidentId, tx.now)).limit(1)
  if (left.length === 0) await resolvePagesAbout(tx, context, actor, incidentId, reviewTopic)
}

/** An obligation about which nothing is decided. */
export const noDecision = {
  decisionKind: null,
  decisionReasonCategory: null,
  decisionReason: null,
  decisionReviewOn: null,
  decisionById: null,
  decisionApprovedById: null,
} as const

export async function resolvePages(tx: Tx, context: AppContext, incidentId: string): Promise<void> {
  for (const topic of [noticesTopic, executiveTopic]) await resolvePagesAbout(tx, context, system, incidentId, topic)
}

/** Obligations of an incident that somebody was paged about and that are not met. */
export const isCalled = (incidentId: string) => and(eq(obligations.incidentId, incidentId), eq(obligations.state, 'due'), isNotNull(obligations.pagedAt))

/** Nobody stays paged when nothing is left of what the page asked for. */
export async function resolveCalls(tx: Tx, context: AppContext, incidentId: string): Promise<void> {
  const left = await tx.db.select({ id: obligations.id }).from(obligations).where(isCalled(incidentId)).limit(1)
  if (left.length === 0) await resolvePages(tx, context, incidentId)
}

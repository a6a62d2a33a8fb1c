import { addHours, type Clock, firstCall, lastTime, lateFrom, nextCall, noticeClock, promiseClock, wasFoundTooLate } from '@tocsin/deadlines'
import { counted, when } from '@tocsin/events'
import { and, asc, eq, inArray, isNotNull, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, incidents, pageLead } from '../incidents/index.ts'
import { type Actor, recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { cancelWaiting, schedule } from '../kernel/jobs/schedule.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { calledBy } from './called-by.ts'
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

/** Looks at the clocks of an incident's obligations that have something to say now: deadlines are missed, deferrals end, the lead is paged. */
export async function checkClocks(tx: Tx, context: AppContext, incidentId: string): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, incidentId)).for('update')
  if (!incident) return
  const isDue = and(eq(obligations.incidentId, incidentId), lte(obligations.nextCheckAt, tx.now))
  await recordMissed(tx, isDue)
  const rows = await tx.db.select().from(obligations).where(isDue).orderBy(asc(obligations.id)).for('update')
  const checked = await endDeferrals(tx, rows)
  await reviewWaivers(tx, context, incident, checked)
  const due = checked.filter(({ state }) => state === 'due')
  for (const called of await calledBy(tx, incident, due)) await call(tx, context, called.incident, called.rows)
  await plan(tx, incidentId, checked, false)
}

/** Deferrals whose day of review has come end: what was deferred is due again, and is paged about at once. @returns the obligations as they are now */
async function endDeferrals(tx: Tx, rows: readonly ObligationRow[]): Promise<ObligationRow[]> {
  const ended = rows.filter(({ state, decisionReviewOn }) => state === 'deferred' && decisionReviewOn !== null && morningOf(decisionReviewOn) <= tx.now)
  if (ended.length === 0) return [...rows]
  const ids = ended.map(({ id }) => id)
  const again = await tx.db
    .update(obligations)
    .set({ ...noDecision, state: 'due', version: sql`${obligations.version} + 1` })
    .where(sql`${obligations.id} = any(${sql.param(ids)}::uuid[])`)
    .returning()
  const nameOf = await customerNames(tx, ended)
  await recordAll(
    tx,
    ended.map(({ id, incidentId, customerId, decisionReviewOn }) => ({
      ...{ actor: system, type: 'decision.lapsed' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
      data: { customer: nameOf(customerId), reviewOn: decisionReviewOn ?? '' },
    })),
  )
  const byId = new Map(again.map(row => [row.id, row]))
  return rows.map(row => byId.get(row.id) ?? row)
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

/** Waivers of an incident whose day of review has come, until something else is decided. */
const isForReview = (incidentId: string, now: Instant) =>
  and(
    eq(obligations.incidentId, incidentId),
    eq(obligations.state, 'waived'),
    sql`${obligations.decisionReviewOn} + interval '9 hours' <= ${now}::timestamptz at time zone 'UTC'`,
  )

/**
 * The day of review of waivers has come: the lead is paged to look at them again, in one page for all of an incident. Of an error or an exercise that is over nobody has to
 * be notified, whatever was decided.
 */
async function reviewWaivers(tx: Tx, context: AppContext, incident: IncidentRow, rows: readonly ObligationRow[]): Promise<void> {
  const due = rows.filter(({ state, decisionReviewOn }) => state === 'waived' && decisionReviewOn !== null && morningOf(decisionReviewOn) <= tx.now)
  const isClosed = incident.status === 'closed'
  if (due.length === 0 || incident.stoodDownAt !== null || (incident.isExercise && isClosed)) return
  const nameOf = await customerNames(tx, due)
  await recordAll(
    tx,
    due.map(({ id, customerId, decisionReviewOn }) => ({
      ...{ actor: system, type: 'decision.due' as const, subject: { kind: 'obligation' as const, id }, within: incident.id },
      data: { customer: nameOf(customerId), kind: 'waive' as const, reviewOn: decisionReviewOn ?? '' },
    })),
  )
  const named = await tx.db
    .select({ customer: customers.name, count: sql<number>`count(*) over ()`.mapWith(Number) })
    .from(obligations)
    .leftJoin(customers, eq(customers.id, obligations.customerId))
    .where(isForReview(incident.id, tx.now))
    .orderBy(asc(customers.name))
    .limit(maxNamed)
  const { count = 0 } = named[0] ?? {}
  const lines = named.map(({ customer }) =>
    customer === null
      ? 'It was decided that nobody needs to be notified, with a review today. List the affected customers, or make a new decision.'
      : `The notification of ${customer} was waived, with a review today. Notify the customer, or make a new decision.`,
  )
  // The earlier page says less.
  await resolvePagesAbout(tx, context, system, incident.id, reviewTopic)
  await pageLead(tx, context, incident, {
    topic: reviewTopic,
    brief: 'review of a notification decision due',
    title: `Incident ${incident.number}: ${count > 1 ? `reviews of ${count} notification decisions are` : 'review of a notification decision is'} due`,
    summary: [
      ...lines,
      ...(count > named.length ? [`And ${count - named.length} more.`] : []),
      ...(isClosed ? ['The incident is closed: reopen it to decide otherwise.'] : []),
    ].join('\n'),
  })
}

/** Nobody stays paged to review waivers once something else is decided about all of them. */
export async function resolveReviews(tx: Tx, context: AppContext, actor: Actor, incidentId: string): Promise<void> {
  const left = await tx.db.select({ id: obligations.id }).from(obligations).where(isForReview(incidentId, tx.now)).limit(1)
  if (left.length === 0) await resolvePagesAbout(tx, context, actor, incidentId, reviewTopic)
}

/** Obligations that a page names; of more it says how many. */
const maxNamed = 20

/**
 * The lead is paged about obligations that are due: in one page for all of an incident that somebody was paged about and that are not met, each with its own
 * time. From the deadline of one of them on the executive sponsor is, too.
 */
async function call(tx: Tx, context: AppContext, incident: IncidentRow, rows: readonly ObligationRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx.db
    .update(obligations)
    .set({ pagedAt: tx.now })
    .where(sql`${obligations.id} = any(${sql.param(rows.map(({ id, joinedToId }) => joinedToId ?? id))}::uuid[])`)
  const nameOf = await customerNames(tx, rows)
  await recordAll(
    tx,
    rows.map(({ id, incidentId, kind, customerId, startedAt, dueAt }) => ({
      ...{ actor: system, type: 'obligation.warned' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
      data: {
        ...{ customer: nameOf(customerId), kind, dueAt, isOverdue: dueAt !== null && dueAt < tx.now },
        afterHours: startedAt === null ? 0 : (Date.parse(tx.now) - Date.parse(startedAt)) / 3_600_000,
      },
    })),
  )
  const { title, summary, isOverdue } = await describe(tx, incident)
  const page = { brief: isOverdue ? 'notification overdue' : 'notification obligation due', title, summary }
  // The earlier page says less, and while it escalates no second one of its topic would be opened.
  await resolvePages(tx, context, incident.id)
  await pageLead(tx, context, incident, { ...page, topic: noticesTopic })
  const { executiveId, leadId } = incident
  if (isOverdue && executiveId !== null && executiveId !== leadId)
    await pageLead(tx, context, incident, { ...page, topic: executiveTopic, personId: executiveId })
}

async function resolvePages(tx: Tx, context: AppContext, incidentId: string): Promise<void> {
  for (const topic of [noticesTopic, executiveTopic]) await resolvePagesAbout(tx, context, system, incidentId, topic)
}

/** Obligations of an incident that somebody was paged about and that are not met. */
const isCalled = (incidentId: string) => and(eq(obligations.incidentId, incidentId), eq(obligations.state, 'due'), isNotNull(obligations.pagedAt))

/** The deadline of one notice: the earliest of what it meets, as those of linked incidents are joined. */
export const sharedDueAt = sql`least(${obligations.dueAt}, (select min(joined.due_at) from obligations joined
  where joined.joined_to_id = ${obligations.id} and joined.state in ('due', 'deferred')))`

/** The page about an incident's obligations: the worst first. */
async function describe(reader: Reader, incident: IncidentRow): Promise<{ title: string; summary: string; isOverdue: boolean }> {
  const { now } = reader
  const all = sql`count(*) over ()`
  const named = await reader.db
    .select({
      ...{ kind: obligations.kind, dueAt: sql<Instant | null>`${sharedDueAt}`.mapWith(obligations.dueAt), customer: customers.name },
      ...{ foundAt: obligations.foundAt, foundDueAt: obligations.foundDueAt },
      ...{ count: sql<number>`${all}::int`, initial: sql<number>`count(*) filter (where kind = 'initial') over ()`.mapWith(Number) },
      ...{ updates: sql<number>`count(*) filter (where kind = 'update') over ()`.mapWith(Number) },
      overdue: sql<number>`count(*) filter (where ${sharedDueAt} < ${now}) over ()`.mapWith(Number),
    })
    .from(obligations)
    .leftJoin(customers, eq(customers.id, obligations.customerId))
    .where(isCalled(incident.id))
    .orderBy(asc(sharedDueAt), asc(customers.name))
    .limit(maxNamed)
  const { count = 0, initial = 0, updates = 0, overdue = 0, dueAt = null } = named[0] ?? {}
  const what = [
    ...(initial > 0 ? [`${counted(initial, 'customer')} not notified`] : []),
    ...(updates > 0 ? [`${counted(updates, 'update')} not sent`] : []),
    ...(count > initial + updates ? ['affected customers not listed'] : []),
  ].join(', ')
  const until = overdue > 0 ? (count === 1 ? 'overdue' : `${overdue} overdue`) : `due ${when(dueAt ?? now, now)}`
  const lines = named.map(({ kind, customer, dueAt: at, foundAt, foundDueAt }) => {
    const time = at === null ? '' : at < now ? `was due on ${when(at, now)}` : `is due on ${when(at, now)}`
    if (kind === 'scope') return `The list of affected customers ${time}. List them, or have it approved that nobody needs to be notified.`
    if (at !== null && foundDueAt !== null && wasFoundTooLate({ dueAt: at, foundAt }))
      return `${customer ?? ''}: the first notice ${time}, before the customer was found affected; counted from then, it ${foundDueAt < now ? 'was' : 'is'} due on ${when(foundDueAt, now)}.`
    return `${customer ?? ''}: the ${kind === 'initial' ? 'first notice' : 'update'} ${time}.`
  })
  return {
    title: `Incident ${incident.number}: ${what} (${until})`,
    summary: [...lines, ...(count > named.length ? [`And ${count - named.length} more.`] : [])].join('\n'),
    isOverdue: overdue > 0,
  }
}

/** Nobody stays paged when nothing is left of what the page asked for. */
export async function resolveCalls(tx: Tx, context: AppContext, incidentId: string): Promise<void> {
  const left = await tx.db.select({ id: obligations.id }).from(obligations).where(isCalled(incidentId)).limit(1)
  if (left.length === 0) await resolvePages(tx, context, incidentId)
}

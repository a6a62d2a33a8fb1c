import { wasFoundTooLate } from '@tocsin/deadlines'
import { counted, when } from '@tocsin/events'
import { and, asc, eq, lte, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, incidents, pageLead } from '../incidents/index.ts'
import { recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { calledBy } from './called-by.ts'
import { customerNames, isCalled, isForReview, morningOf, noDecision, type ObligationRow, plan, recordMissed, resolvePages } from './clocks.ts'
import { joinObligations } from './joined.ts'
import { obligations } from './tables.ts'
import { executiveTopic, noticesTopic, reviewTopic } from './timers.ts'

/** Looks at the clocks of an incident's obligations that have something to say now: deadlines are missed, deferrals end, the lead is paged. */
export async function checkClocks(tx: Tx, context: AppContext, incidentId: string): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, incidentId)).for('update')
  if (!incident) return
  const isDue = and(eq(obligations.incidentId, incidentId), lte(obligations.nextCheckAt, tx.now))
  await recordMissed(tx, isDue)
  const rows = await tx.db.select().from(obligations).where(isDue).orderBy(asc(obligations.id)).for('update')
  const checked = await endDeferrals(tx, context, incidentId, rows)
  await reviewWaivers(tx, context, incident, checked)
  const due = checked.filter(({ state }) => state === 'due')
  for (const called of await calledBy(tx, incident, due)) await call(tx, context, called.incident, called.rows)
  await plan(tx, incidentId, checked, false)
}

/**
 * Deferrals whose day of review has come end: what was deferred is due again, and is paged about at once, with what linked incidents owe to the same customer.
 * @returns the obligations as they are now
 */
async function endDeferrals(tx: Tx, context: AppContext, incidentId: string, rows: readonly ObligationRow[]): Promise<readonly ObligationRow[]> {
  const ended = rows.filter(({ state, decisionReviewOn }) => state === 'deferred' && decisionReviewOn !== null && morningOf(decisionReviewOn) <= tx.now)
  if (ended.length === 0) return rows
  await tx.db
    .update(obligations)
    .set({ ...noDecision, state: 'due', version: sql`${obligations.version} + 1` })
    .where(isOneOf(ended))
  const nameOf = await customerNames(tx, ended)
  await recordAll(
    tx,
    ended.map(({ id, customerId, decisionReviewOn }) => ({
      ...{ actor: system, type: 'decision.lapsed' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
      data: { customer: nameOf(customerId), reviewOn: decisionReviewOn ?? '' },
    })),
  )
  await joinObligations(tx, context, [incidentId])
  return tx.db.select().from(obligations).where(isOneOf(rows)).orderBy(asc(obligations.id))
}

const isOneOf = (rows: readonly ObligationRow[]) => sql`${obligations.id} = any(${sql.param(rows.map(({ id }) => id))}::uuid[])`

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

/** The deadline of one notice: the earliest of what it meets, as those of linked incidents are joined. */
const sharedDueAt = sql`least(${obligations.dueAt}, (select min(joined.due_at) from obligations joined
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
    summary: [
      ...lines,
      ...(count > named.length ? [`And ${count - named.length} more.`] : []),
      ...(overdue > 0 && incident.executiveId === null ? ['No executive sponsor is assigned, so nobody else is paged about this. Assign one.'] : []),
    ].join('\n'),
    isOverdue: overdue > 0,
  }
}

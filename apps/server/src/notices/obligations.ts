import type { Obligation } from '@tocsin/api'
import { addHours, customerClock, schedule as scheduleOf, timing } from '@tocsin/deadlines'
import { when } from '@tocsin/events'
import { digest } from '@tocsin/merkle'
import { and, asc, count, eq, exists, inArray, lt, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, accountsThatActed, people, type Viewer } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, incidentCustomers, incidents, pageLead } from '../incidents/index.ts'
import { changedSince, recordAll, system } from '../journal/index.ts'
import { addSeconds, type Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { scheduleAll } from '../kernel/jobs/schedule.ts'
import { notFound } from '../kernel/problems.ts'
import { messages } from '../notify/index.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { notices, obligations } from './tables.ts'
import { textOf } from './text.ts'
import { deadlineJob, deadlineKey, warnJob, warnKey, warnTopic } from './timers.ts'

export type ObligationRow = typeof obligations.$inferSelect

/**
 * Brings the obligations of an incident in line with its customers: prepared before the declaration, running from it on. The clock runs from the
 * declaration also for a customer who is found to be affected later: that is what the contract says. It is part of the declaration's own transaction,
 * and takes as many statements for a thousand customers as for one.
 */
export async function followIncident(tx: Tx, incident: IncidentRow): Promise<void> {
  const affected = await tx.db
    .select({ id: customers.id, name: customers.name, noticeHours: customers.noticeHours, version: customers.version })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .where(eq(incidentCustomers.incidentId, incident.id))
  await removeUnlisted(tx, incident.id)
  if (affected.length === 0) return
  await tx.db
    .insert(obligations)
    .values(
      affected.map(customer => ({
        incidentId: incident.id,
        customerId: customer.id,
        state: 'pending' as const,
        hours: customer.noticeHours,
        isDemo: incident.isDemo,
      })),
    )
    .onConflictDoNothing()
  if (incident.declaredAt !== null) await startClocks(tx, incident.id, incident.declaredAt, affected)
}

/** Before the declaration, who is not listed any more needs no notice. What was drafted for them goes too, and is on record. */
async function removeUnlisted(tx: Tx, incidentId: string): Promise<void> {
  const unlisted = and(
    eq(obligations.incidentId, incidentId),
    eq(obligations.state, 'pending'),
    sql`not exists (select 1 from ${incidentCustomers} listed where listed.incident_id = ${incidentId} and listed.customer_id = ${obligations.customerId})`,
  )
  const discarded = await tx.db
    .select({ notice: notices, customer: customers.name })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(unlisted)
    .orderBy(asc(notices.id))
  await recordAll(
    tx,
    discarded.flatMap(({ notice, customer }) =>
      notice.state === 'draft' || notice.state === 'approved'
        ? [
            {
              ...{ actor: system, type: 'notice.discarded' as const, subject: { kind: 'notice' as const, id: notice.id }, within: incidentId },
              data: { customer, state: notice.state, sha256: digest(textOf(notice)) },
            },
          ]
        : [],
    ),
  )
  await tx.db.delete(obligations).where(unlisted)
}

interface Affected {
  readonly id: string
  readonly name: string
  readonly noticeHours: number
  readonly version: number
}

async function startClocks(tx: Tx, incidentId: string, declaredAt: Instant, affected: readonly Affected[]): Promise<void> {
  const clocks = affected.map(({ id, noticeHours }) => ({ id, hours: noticeHours, ...scheduleOf(customerClock(noticeHours), declaredAt) }))
  const started = await tx.db.execute<{ id: string; customer_id: string; hours: number }>(sql`
    update obligations set state = 'due', started_at = ${declaredAt}, due_at = clock.due_at, hours = clock.hours, version = version + 1
    from unnest(${sql.param(clocks.map(clock => clock.id))}::uuid[], ${sql.param(clocks.map(clock => clock.hours))}::int[],
      ${sql.param(clocks.map(clock => clock.dueAt))}::timestamptz[]) as clock (customer_id, hours, due_at)
    where obligations.incident_id = ${incidentId} and obligations.customer_id = clock.customer_id and obligations.state = 'pending'
    returning obligations.id, obligations.customer_id, obligations.hours`)
  const byId = new Map(affected.map(customer => [customer.id, customer]))
  await recordAll(
    tx,
    started.rows.map(({ id, customer_id: customerId, hours }) => ({
      actor: system,
      type: 'obligation.opened',
      subject: { kind: 'obligation', id },
      within: incidentId,
      data: {
        ...{ customer: byId.get(customerId)?.name ?? '', customerId, customerVersion: byId.get(customerId)?.version ?? 0 },
        ...{ startedAt: declaredAt, dueAt: scheduleOf(customerClock(hours), declaredAt).dueAt, hours },
      },
    })),
  )
  const given = [...new Set(started.rows.map(({ hours }) => hours))]
  await scheduleWarnings(
    tx,
    incidentId,
    given.flatMap(hours => warningsLeft(hours, declaredAt, tx.now)),
  )
  await scheduleAll(
    tx,
    given.map(hours => ({ kind: deadlineJob, key: deadlineKey(incidentId, hours), runAt: lateFrom(hours, declaredAt), data: { incidentId } })),
  )
}

/** The first moment at which a notification is late: a notice at its very deadline is on time. */
const lateFrom = (hours: number, startedAt: Instant) => addSeconds(scheduleOf(customerClock(hours), startedAt).dueAt, 0.001)

/**
 * Puts deadlines on record that have passed without a notice, each once: one that is moved can be missed anew. What was notified or waived in time is not
 * missed; a deferral does not move the deadline, and the entry names it.
 * @param which of the obligations
 */
export async function recordMissed(tx: Tx, which: SQL): Promise<{ incidentId: string }[]> {
  const { id, incidentId, customerId, state, dueAt, hours } = obligations
  const missed = await tx.db
    .update(obligations)
    .set({ missedDueAt: sql`${dueAt}` })
    .where(and(which, isUnrecordedMiss(tx.now)))
    .returning({ id, incidentId, customerId, state, dueAt, hours })
  const customerIds = [...new Set(missed.map(each => each.customerId))]
  const named =
    missed.length === 0 ? [] : await tx.db.select({ id: customers.id, name: customers.name }).from(customers).where(inArray(customers.id, customerIds))
  const names = new Map(named.map(customer => [customer.id, customer.name]))
  await recordAll(
    tx,
    missed.flatMap(({ dueAt: due, ...each }) =>
      due === null || (each.state !== 'due' && each.state !== 'deferred')
        ? []
        : [
            {
              ...{ actor: system, type: 'obligation.missed' as const, subject: { kind: 'obligation' as const, id: each.id }, within: each.incidentId },
              data: { customer: names.get(each.customerId) ?? '', customerId: each.customerId, dueAt: due, hours: each.hours, state: each.state },
            },
          ],
    ),
  )
  return missed
}

/** Open obligations whose deadline passed before `at` and is not on record as missed. */
export const isUnrecordedMiss = (at: Instant) => and(isOpen, lt(obligations.dueAt, at), sql`${obligations.missedDueAt} is distinct from ${obligations.dueAt}`)

/** The warnings of a clock that runs from now on: those that lie ahead, and of those that are past already only the last, which is given at once. */
function warningsLeft(hours: number, startedAt: Instant, now: Instant): Warning[] {
  const all = scheduleOf(customerClock(hours), startedAt).warnings
  const past = all.filter(warning => warning.at <= now).at(-1)
  return all.filter(each => each === past || each.at > now)
}

/** An obligation that was deferred or waived is due again: of the warnings that nobody got meanwhile, the last is given at once. */
export async function warnAnew(tx: Tx, { incidentId, startedAt, hours }: ObligationRow): Promise<void> {
  if (startedAt !== null) await scheduleWarnings(tx, incidentId, warningsLeft(hours, startedAt, tx.now))
}

interface Warning {
  readonly at: Instant
  readonly afterHours: number
}

export async function scheduleWarnings(tx: Tx, incidentId: string, warnings: readonly Warning[]): Promise<void> {
  const byKey = new Map(warnings.map(({ at, afterHours }) => [warnKey(incidentId, at), { at, afterHours }]))
  await scheduleAll(
    tx,
    [...byKey].map(([key, { at, afterHours }]) => ({ kind: warnJob, key, runAt: at, data: { incidentId, afterHours } })),
  )
}

/** Customers that a warning names; of more it says how many. */
const maxNamed = 20

/** Contracts of a few hours are warned about after minutes. */
const inWords = (hours: number) => (hours < 2 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`)

/** The lead is paged while somebody is still to be notified: of the customers whose clock has this warning, each clock for itself. */
export async function warn(tx: Tx, context: AppContext, incidentId: string, afterHours: number): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, incidentId))
  if (!incident) return
  const due = await tx.db
    .select({ obligation: obligations, customer: customers.name })
    .from(obligations)
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(obligations.incidentId, incidentId), eq(obligations.state, 'due')))
    .orderBy(asc(obligations.dueAt), asc(customers.name))
  const concerned = due.filter(({ obligation }) => customerClock(obligation.hours).warnAfterHours.includes(afterHours))
  for (const [hours, open] of Map.groupBy(concerned, ({ obligation }) => obligation.hours)) {
    const names = open.slice(0, maxNamed).map(({ customer }) => customer)
    const more = open.length > maxNamed ? ` and ${open.length - maxNamed} more` : ''
    const dueAt = open[0]?.obligation.dueAt ?? tx.now
    // The earlier warning names other customers and another time; while its page escalates, no second one of its topic would be opened.
    await resolvePagesAbout(tx, context, system, incidentId, warnTopic(hours))
    await recordAll(
      tx,
      open.map(({ obligation, customer }) => ({
        actor: system,
        type: 'obligation.warned',
        subject: { kind: 'obligation', id: obligation.id },
        within: incidentId,
        data: { customer, afterHours, dueAt: obligation.dueAt },
      })),
    )
    await pageLead(tx, context, incident, {
      topic: warnTopic(hours),
      brief: 'notification obligation due',
      title: `Incident ${incident.number}: ${open.length === 1 ? '1 customer is' : `${open.length} customers are`} not notified after ${inWords(afterHours)}`,
      summary: `Not notified: ${names.join(', ')}${more}.\nThe first notice ${dueAt < tx.now ? 'was' : 'is'} due on ${when(dueAt, tx.now)}.`,
    })
  }
}

const isOpen = inArray(obligations.state, ['due', 'deferred'])
const proposer = alias(people, 'proposer')
const approver = alias(people, 'approver')
const author = alias(people, 'author')

const cursor = listCursor('obligations', z.tuple([z.boolean(), z.union([z.iso.datetime(), z.literal('infinity')]), z.string(), z.uuid()]))
const isMet = sql<boolean>`(${obligations.notifiedAt} is not null)`
const dueOrder = sql`coalesce(${obligations.dueAt}, 'infinity'::timestamptz)`

/** Obligations in the order of their list; without a limit all of them. */
async function selectObligations(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined, limit?: number): Promise<Obligation[]> {
  const asked = reader.db
    .select({ obligation: obligations, incident: incidents, customer: customers, proposedBy: proposer.name, approvedBy: approver.name })
    .from(obligations)
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .leftJoin(proposer, eq(proposer.id, obligations.decisionById))
    .leftJoin(approver, eq(approver.id, obligations.decisionApprovedById))
    .where(and(condition, context.visibility.condition(viewer, obligations.incidentId)))
    .orderBy(asc(isMet), asc(dueOrder), asc(customers.name), asc(obligations.id))
  const rows = limit === undefined ? await asked : await asked.limit(limit)
  const byObligation = await noticesOf(
    reader,
    rows.map(row => row.obligation.id),
  )
  return rows.map(({ obligation, incident, customer, proposedBy, approvedBy }) => ({
    id: obligation.id,
    incident: { id: incident.id, number: incident.number, title: incident.title, isClosed: incident.status === 'closed', executiveId: incident.executiveId },
    customer: { id: customer.id, name: customer.name },
    state: obligation.state,
    timing:
      obligation.startedAt === null || obligation.dueAt === null
        ? null
        : timing({ startedAt: obligation.startedAt, dueAt: obligation.dueAt, notifiedAt: obligation.notifiedAt }, customerClock(obligation.hours), reader.now),
    startedAt: obligation.startedAt,
    dueAt: obligation.dueAt,
    notifiedAt: obligation.notifiedAt,
    decision:
      obligation.decisionKind === null
        ? null
        : {
            kind: obligation.decisionKind,
            reasonCategory: obligation.decisionReasonCategory ?? 'other',
            reason: obligation.decisionReason ?? '',
            proposedBy: { id: obligation.decisionById ?? obligation.id, name: proposedBy ?? '' },
            approvedBy,
            reviewOn: obligation.decisionReviewOn ?? '',
          },
    notices: byObligation.get(obligation.id) ?? [],
    isDemo: obligation.isDemo,
    version: obligation.version,
  }))
}

async function noticesOf(reader: Reader, obligationIds: readonly string[]): Promise<Map<string, Obligation['notices']>> {
  if (obligationIds.length === 0) return new Map()
  const rows = await reader.db
    .select({ notice: notices, author: author.name, approvedBy: approver.name })
    .from(notices)
    .innerJoin(author, eq(author.id, notices.authorId))
    .leftJoin(approver, eq(approver.id, notices.approvedById))
    .where(inArray(notices.obligationId, [...obligationIds]))
    .orderBy(asc(notices.id))
  const ids = rows.map(row => row.notice.id)
  const sent =
    ids.length === 0
      ? []
      : await reader.db
          .select()
          .from(messages)
          .where(and(eq(messages.purpose, 'notice'), inArray(messages.purposeId, ids)))
          .orderBy(asc(messages.id))
  const drafted = await accountsThatActed(
    reader,
    rows.map(({ notice }) => ({ id: notice.id, personId: notice.authorId })),
    'notice.drafted',
  )
  const list = rows.map(({ notice, author: by, approvedBy }) => ({
    obligationId: notice.obligationId,
    notice: {
      id: notice.id,
      kind: notice.kind,
      state: notice.state,
      nature: notice.nature,
      userImpact: notice.userImpact,
      mitigation: notice.mitigation,
      isInvestigationComplete: notice.isInvestigationComplete,
      nextSteps: notice.nextSteps,
      nextCommunicationAt: notice.nextCommunicationAt,
      author: { id: notice.authorId, name: drafted.get(notice.id) ?? by },
      editorId: notice.editorId,
      approvedBy,
      approvedAt: notice.approvedAt,
      sentAt: notice.sentAt,
      deliveries: sent
        .filter(message => message.purposeId === notice.id)
        .map(message => ({ to: message.address, state: message.state, receipt: message.receipt ?? message.lastError, at: message.sentAt })),
      version: notice.version,
    },
  }))
  return new Map([...Map.groupBy(list, each => each.obligationId)].map(([id, each]) => [id, each.map(({ notice }) => notice)]))
}

/** Obligations that the viewer may see, earliest due date first. Open ones are neither notified nor waived. */
export async function listObligations(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: { view: 'open' | 'all'; incidentId?: string | undefined; limit: number; cursor?: string | undefined; updatedSince?: Instant | undefined },
): Promise<{ items: Obligation[]; next: string | null }> {
  const after = cursor.read(query.cursor)
  const condition = and(
    query.view === 'open' ? isOpen : undefined,
    query.incidentId === undefined ? undefined : eq(obligations.incidentId, query.incidentId),
    changedObligations(reader, query.updatedSince),
    // The first of the two is the part that an index holds.
    after && sql`(${isMet}, ${dueOrder}) >= (${after[0]}, ${after[1]}::timestamptz)`,
    after && sql`(${isMet}, ${dueOrder}, ${customers.name}, ${obligations.id}) > (${after[0]}, ${after[1]}::timestamptz, ${after[2]}, ${after[3]}::uuid)`,
  )
  const rows = await selectObligations(reader, context, viewer, condition, query.limit + 1)
  return cursor.page(rows, query.limit, row => [row.notifiedAt !== null, row.dueAt ?? 'infinity', row.customer.name, row.id])
}

/** The condition that an obligation, or one of its notices, has changed. */
const changedObligations = (reader: Reader, since: Instant | undefined) =>
  or(
    changedSince(obligations.id, since),
    since === undefined
      ? undefined
      : exists(
          reader.db
            .select({ id: notices.id })
            .from(notices)
            .where(and(eq(notices.obligationId, obligations.id), changedSince(notices.id, since))),
        ),
  )

/** Every obligation of one incident, however many there are. */
export async function obligationsOf(reader: Reader, context: AppContext, viewer: Viewer, incidentId: string): Promise<Obligation[]> {
  return selectObligations(reader, context, viewer, eq(obligations.incidentId, incidentId))
}

/** How many customers of declared incidents that a viewer may see were not notified yet, and are to be. */
export async function countObligations(reader: Reader, context: AppContext, viewer: Viewer): Promise<number> {
  const [found] = await reader.db
    .select({ n: count() })
    .from(obligations)
    .where(and(isOpen, context.visibility.condition(viewer, obligations.incidentId)))
  return found?.n ?? 0
}

export async function readObligation(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<Obligation> {
  const [obligation] = await selectObligations(reader, context, viewer, eq(obligations.id, id))
  if (!obligation) throw notFound('notification obligation')
  return obligation
}

/** Nobody is warned any more of customers whose contracts give so many hours, unless one of them is still due. */
export async function resolveWarnings(tx: Tx, context: AppContext, { incidentId, hours }: ObligationRow): Promise<void> {
  const due = and(eq(obligations.incidentId, incidentId), eq(obligations.hours, hours), eq(obligations.state, 'due'))
  const found = await tx.db.select({ id: obligations.id }).from(obligations).where(due).limit(1)
  if (found.length === 0) await resolvePagesAbout(tx, context, system, incidentId, warnTopic(hours))
}

/** Customers that closing conditions name; of more they say how many. */
const maxBlocking = 3

/** What prevents closing the incident: obligations that are due or deferred. */
export async function openObligations(reader: Reader, incidentId: string): Promise<string[]> {
  const rows = await reader.db
    .select({ state: obligations.state, customer: customers.name, all: sql<number>`count(*) over ()::int` })
    .from(obligations)
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(obligations.incidentId, incidentId), isOpen))
    .orderBy(asc(obligations.dueAt), asc(customers.name))
    .limit(maxBlocking)
  const [first] = rows
  const mark = ({ state }: { state: string }) => (state === 'deferred' ? ' (deferred)' : '')
  if (first === undefined || first.all <= maxBlocking) return rows.map(row => `${row.customer} is not notified yet${mark(row)}.`)
  const named = rows.map(row => `${row.customer}${mark(row)}`).join(', ')
  return [`${first.all.toLocaleString('en')} customers are not notified yet: ${named} and ${(first.all - maxBlocking).toLocaleString('en')} more.`]
}

/** 9 o'clock UTC of a day: when people are reminded of what falls due on it. */
export function morningOf(day: string): string {
  return addHours(`${day}T00:00:00.000Z`, 9)
}

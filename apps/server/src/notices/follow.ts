import type { NoticeTerm } from '@tocsin/api'
import { addHours, countingOnce, deadlinesOf, type Starts } from '@tocsin/deadlines'
import { and, asc, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { calendars, customers } from '../directory/index.ts'
import { awareAt, type IncidentRow, incidentCustomers } from '../incidents/index.ts'
import { lastEntryAbout, record, recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { customerNames, isOpen, noDecision, type ObligationRow, plan } from './clocks.ts'
import { discardNotices } from './discard.ts'
import { obligations } from './tables.ts'

/** Who is affected has to be known early enough for the contract's 72 hours. */
const scopeHours = 24

/** Classes whose incidents have somebody to notify. */
export const reportableClasses = ['customer-reportable', 'privacy-breach'] as const satisfies readonly IncidentRow['class'][]
const isReportable = (incident: IncidentRow) => reportableClasses.some(kind => kind === incident.class)

/**
 * Brings the obligations of an incident in line with its class and its customers: prepared before the declaration, running from it on. Each clock runs from what
 * the contract counts from, also for a customer who is found to be affected later; how long the same time from being found lasts is kept beside that. Where there must be somebody to notify and nobody is
 * listed, that is an obligation, too. It is part of the declaration's own transaction, and takes as many statements for a thousand customers as for one.
 */
export async function followIncident(tx: Tx, incident: IncidentRow): Promise<void> {
  // Nothing is owed because of a declaration that was an error.
  if (incident.stoodDownAt !== null) return
  const affected = await tx.db
    .select({ customer: customers, calendar: calendars, foundAt: incidentCustomers.foundAt })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .leftJoin(calendars, eq(calendars.id, customers.calendarId))
    .where(eq(incidentCustomers.incidentId, incident.id))
  await removeUnlisted(tx, incident.id)
  if (affected.length > 0)
    await tx.db
      .insert(obligations)
      .values(
        affected.map(({ customer }) => ({
          ...{ incidentId: incident.id, customerId: customer.id, kind: 'initial' as const, state: 'pending' as const },
          ...{ isDemo: incident.isDemo, isExercise: incident.isExercise },
        })),
      )
      .onConflictDoNothing()
  if (incident.declaredAt === null) return
  const starts = { declaredAt: incident.declaredAt, awareAt: await awareAt(tx, incident.id) }
  await startClocks(tx, incident.id, starts, affected)
  await moveClocks(tx, incident.id, starts)
  await followScope(tx, incident, incident.declaredAt, affected.length)
  await assess(tx, incident, affected.length)
}

/** Before the declaration, who is not listed any more needs no notice. What was drafted for them goes too, and is on record. */
async function removeUnlisted(tx: Tx, incidentId: string): Promise<void> {
  const unlisted = and(
    eq(obligations.incidentId, incidentId),
    eq(obligations.state, 'pending'),
    sql`not exists (select 1 from ${incidentCustomers} listed where listed.incident_id = ${incidentId} and listed.customer_id = ${obligations.customerId})`,
  )
  await discardNotices(tx, incidentId, unlisted)
  await tx.db.delete(obligations).where(unlisted)
}

interface Affected {
  readonly customer: typeof customers.$inferSelect
  readonly calendar: typeof calendars.$inferSelect | null
  readonly foundAt: Instant
}

/** What deadlines are counted from, but for when each customer was found. */
type IncidentStarts = Omit<Starts, 'foundAt'>

/** The term of a contract as it is now, with its calendar. */
function termOf({ customer: { noticeStart: start, noticeAmount: amount, noticeUnit: unit }, calendar }: Affected): NoticeTerm {
  if (calendar === null || unit === 'hours') return { start, amount, unit, calendar: null }
  const { name, timeZone, workdays, holidays } = calendar
  return { start, amount, unit, calendar: { name, timeZone, workdays, holidays } }
}

async function startClocks(tx: Tx, incidentId: string, starts: IncidentStarts, affected: readonly Affected[]): Promise<void> {
  if (affected.length === 0) return
  const count = countingOnce()
  const clocks = affected.map(each => {
    const term = termOf(each)
    return { customerId: each.customer.id, term, foundAt: each.foundAt, ...deadlinesOf(term, { ...starts, foundAt: each.foundAt }, count) }
  })
  const column = (of: (clock: (typeof clocks)[number]) => string) => sql.param(clocks.map(of))
  const { rows } = await tx.db.execute<{ id: string }>(sql`
    update obligations set state = 'due', started_at = clock.started_at, due_at = clock.due_at, found_at = clock.found_at, found_due_at = clock.found_due_at,
      term = clock.term::jsonb, version = version + 1
    from unnest(${column(clock => clock.customerId)}::uuid[], ${column(clock => JSON.stringify(clock.term))}::text[], ${column(clock => clock.startedAt)}::timestamptz[],
      ${column(clock => clock.dueAt)}::timestamptz[], ${column(clock => clock.foundAt)}::timestamptz[], ${column(clock => clock.foundDueAt)}::timestamptz[])
      as clock (customer_id, term, started_at, due_at, found_at, found_due_at)
    where obligations.incident_id = ${incidentId} and obligations.customer_id = clock.customer_id and obligations.kind = 'initial' and obligations.state = 'pending'
    returning obligations.id`)
  if (rows.length === 0) return
  const started = await obligationsOf(
    tx,
    rows.map(({ id }) => id),
  )
  const byId = new Map(affected.map(({ customer }) => [customer.id, customer]))
  await recordAll(
    tx,
    started.flatMap(({ id, customerId, term, startedAt, dueAt, foundAt, foundDueAt }) => {
      const customer = customerId === null ? undefined : byId.get(customerId)
      if (customer === undefined || term === null || startedAt === null || dueAt === null) return []
      return [
        {
          ...{ actor: system, type: 'obligation.opened' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
          data: { customer: customer.name, customerId: customer.id, customerVersion: customer.version, term, startedAt, dueAt, foundAt, foundDueAt },
        },
      ]
    }),
  )
  await plan(tx, incidentId, started)
}

const obligationsOf = (reader: Reader, ids: readonly string[]): Promise<ObligationRow[]> =>
  reader.db
    .select()
    .from(obligations)
    .where(sql`${obligations.id} = any(${sql.param([...ids])}::uuid[])`)
    .orderBy(asc(obligations.id))

/**
 * What deadlines are counted from was corrected: when the organization became aware, or when a customer was found. Those that run move, by the term that they
 * were counted by; what was met stays as it is. Whoever corrects it has seen to it that they move to a later time only with a second person's approval.
 */
async function moveClocks(tx: Tx, incidentId: string, starts: IncidentStarts): Promise<void> {
  const running = await tx.db
    .select({ obligation: obligations, customer: customers.name, foundAt: incidentCustomers.foundAt })
    .from(obligations)
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .innerJoin(incidentCustomers, and(eq(incidentCustomers.incidentId, obligations.incidentId), eq(incidentCustomers.customerId, obligations.customerId)))
    .where(
      // Those of earlier versions do not say when anybody was found.
      and(eq(obligations.incidentId, incidentId), eq(obligations.kind, 'initial'), inArray(obligations.state, runningStates), isNotNull(obligations.foundAt)),
    )
    .orderBy(asc(obligations.id))
  const count = countingOnce()
  const moved = running.flatMap(({ obligation, customer, foundAt }) => {
    const { id, customerId, term, startedAt, dueAt } = obligation
    if (term === null || customerId === null || startedAt === null || dueAt === null) return []
    const before = { startedAt, dueAt, foundAt: obligation.foundAt, foundDueAt: obligation.foundDueAt }
    const after = { foundAt, ...deadlinesOf(term, { ...starts, foundAt }, count) }
    return after.startedAt === startedAt && after.foundAt === before.foundAt ? [] : [{ id, customer, customerId, after, before }]
  })
  if (moved.length === 0) return
  const column = (of: (move: (typeof moved)[number]) => string) => sql.param(moved.map(of))
  await tx.db.execute(sql`
    update obligations set started_at = move.started_at, due_at = move.due_at, found_at = move.found_at, found_due_at = move.found_due_at, version = version + 1
    from unnest(${column(move => move.id)}::uuid[], ${column(move => move.after.startedAt)}::timestamptz[], ${column(move => move.after.dueAt)}::timestamptz[],
      ${column(move => move.after.foundAt)}::timestamptz[], ${column(move => move.after.foundDueAt)}::timestamptz[])
      as move (id, started_at, due_at, found_at, found_due_at)
    where obligations.id = move.id`)
  await recordAll(
    tx,
    moved.map(({ id, customer, customerId, after, before }) => ({
      ...{ actor: system, type: 'obligation.moved' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
      data: { customer, customerId, ...after, before },
    })),
  )
  await plan(
    tx,
    incidentId,
    await obligationsOf(
      tx,
      moved.map(({ id }) => id),
    ),
  )
}

/** A waiver that is withdrawn is due by its deadline again. */
const runningStates = ['due', 'deferred', 'waived'] as const satisfies readonly ObligationRow['state'][]

/** Where somebody must be notified and nobody is listed, the list is owed; once somebody is listed it is not any more. */
async function followScope(tx: Tx, incident: IncidentRow, declaredAt: Instant, customerCount: number): Promise<void> {
  if (customerCount > 0) return endObligations(tx, incident.id, 'scope', 'customers-listed')
  if (!isReportable(incident)) return
  // Where the class was raised after the declaration, nobody owed a list before that.
  const classified = await lastEntryAbout(tx, { kind: 'incident', id: incident.id }, 'incident.classified')
  const startedAt = classified !== undefined && classified.at > declaredAt ? classified.at : declaredAt
  const dueAt = addHours(startedAt, scopeHours)
  const opened = await tx.db
    .insert(obligations)
    .values({
      ...{
        id: newId(),
        incidentId: incident.id,
        kind: 'scope',
        state: 'due',
        term: { start: 'declared', amount: scopeHours, unit: 'hours', calendar: null },
        startedAt,
        dueAt,
        isDemo: incident.isDemo,
        isExercise: incident.isExercise,
      },
    })
    .onConflictDoNothing()
    .returning()
  for (const { id } of opened)
    await record(tx, {
      ...{ actor: system, type: 'obligation.scope-opened', subject: { kind: 'obligation', id }, within: incident.id },
      data: { startedAt, dueAt, hours: scopeHours },
    })
  if (opened.length > 0) await plan(tx, incident.id, opened)
}

/** Ends open obligations of a kind: nothing is owed any more. @param which of them, where not all */
export async function endObligations(
  tx: Tx,
  incidentId: string,
  kind: ObligationRow['kind'],
  why: 'customers-listed' | 'stood-down' | 'notice-returned' | 'reopened',
  which = sql`true`,
): Promise<void> {
  const ended = await tx.db
    .update(obligations)
    .set({ ...(why === 'stood-down' ? noDecision : {}), state: 'ended', nextCheckAt: null, version: sql`${obligations.version} + 1` })
    .where(and(eq(obligations.incidentId, incidentId), eq(obligations.kind, kind), isOpen, which))
    .returning()
  if (ended.length === 0) return
  const nameOf = await customerNames(tx, ended)
  await recordAll(
    tx,
    ended.map(({ id, customerId }) => ({
      ...{ actor: system, type: 'obligation.ended' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
      data: { customer: nameOf(customerId), kind, why },
    })),
  )
}

/** Which obligations the incident has, and why none, is on record whenever that changes. */
async function assess(tx: Tx, incident: IncidentRow, customerCount: number): Promise<void> {
  const result = customerCount > 0 ? ('customers' as const) : isReportable(incident) ? ('scope' as const) : ('none' as const)
  const data = { class: incident.class, customers: customerCount, result }
  const subject = { kind: 'incident' as const, id: incident.id }
  const last = await lastEntryAbout(tx, subject, 'obligation.assessed')
  if (last && last.data.class === data.class && last.data.customers === data.customers && last.data.result === result) return
  await record(tx, { actor: system, type: 'obligation.assessed', subject, within: incident.id, data })
}

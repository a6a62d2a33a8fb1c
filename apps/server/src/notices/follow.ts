import { addHours } from '@tocsin/deadlines'
import { digest } from '@tocsin/merkle'
import { and, asc, eq, sql } from 'drizzle-orm'
import { customers } from '../directory/index.ts'
import { type IncidentRow, incidentCustomers } from '../incidents/index.ts'
import { lastEntryAbout, record, recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { customerNames, isOpen, type ObligationRow, plan } from './clocks.ts'
import { notices, obligations } from './tables.ts'
import { textOf } from './text.ts'

/** Who is affected has to be known early enough for the contract's 72 hours. */
const scopeHours = 24

/** Classes whose incidents have somebody to notify. */
export const reportableClasses = ['customer-reportable', 'privacy-breach'] as const satisfies readonly IncidentRow['class'][]
const isReportable = (incident: IncidentRow) => reportableClasses.some(kind => kind === incident.class)

/**
 * Brings the obligations of an incident in line with its class and its customers: prepared before the declaration, running from it on. The clock runs from the
 * declaration also for a customer who is found to be affected later: that is what the contract says. Where there must be somebody to notify and nobody is
 * listed, that is an obligation, too. It is part of the declaration's own transaction, and takes as many statements for a thousand customers as for one.
 */
export async function followIncident(tx: Tx, incident: IncidentRow): Promise<void> {
  const affected = await tx.db
    .select({ id: customers.id, name: customers.name, noticeHours: customers.noticeHours, version: customers.version })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .where(eq(incidentCustomers.incidentId, incident.id))
  await removeUnlisted(tx, incident.id)
  if (affected.length > 0)
    await tx.db
      .insert(obligations)
      .values(
        affected.map(customer => ({
          ...{ incidentId: incident.id, customerId: customer.id, kind: 'initial' as const, state: 'pending' as const },
          ...{ hours: customer.noticeHours, isDemo: incident.isDemo, isExercise: incident.isExercise },
        })),
      )
      .onConflictDoNothing()
  if (incident.declaredAt === null) return
  await startClocks(tx, incident.id, incident.declaredAt, affected)
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
  if (affected.length === 0) return
  const clocks = affected.map(({ id, noticeHours }) => ({ id, hours: noticeHours, dueAt: addHours(declaredAt, noticeHours) }))
  const { rows } = await tx.db.execute<{ id: string }>(sql`
    update obligations set state = 'due', started_at = ${declaredAt}, due_at = clock.due_at, hours = clock.hours, version = version + 1
    from unnest(${sql.param(clocks.map(clock => clock.id))}::uuid[], ${sql.param(clocks.map(clock => clock.hours))}::int[],
      ${sql.param(clocks.map(clock => clock.dueAt))}::timestamptz[]) as clock (customer_id, hours, due_at)
    where obligations.incident_id = ${incidentId} and obligations.customer_id = clock.customer_id and obligations.kind = 'initial' and obligations.state = 'pending'
    returning obligations.id`)
  if (rows.length === 0) return
  const started = await tx.db
    .select()
    .from(obligations)
    .where(sql`${obligations.id} = any(${sql.param(rows.map(({ id }) => id))}::uuid[])`)
    .orderBy(asc(obligations.id))
  const byId = new Map(affected.map(customer => [customer.id, customer]))
  await recordAll(
    tx,
    started.flatMap(({ id, customerId, hours, dueAt }) => {
      const customer = customerId === null ? undefined : byId.get(customerId)
      if (customer === undefined || hours === null || dueAt === null) return []
      return [
        {
          ...{ actor: system, type: 'obligation.opened' as const, subject: { kind: 'obligation' as const, id }, within: incidentId },
          data: { customer: customer.name, customerId: customer.id, customerVersion: customer.version, startedAt: declaredAt, dueAt, hours },
        },
      ]
    }),
  )
  await plan(tx, incidentId, started)
}

/** Where somebody must be notified and nobody is listed, the list is owed; once somebody is listed it is not any more. */
async function followScope(tx: Tx, incident: IncidentRow, declaredAt: Instant, customerCount: number): Promise<void> {
  if (customerCount > 0) return endObligations(tx, incident.id, 'scope', 'customers-listed')
  if (!isReportable(incident)) return
  const dueAt = addHours(declaredAt, scopeHours)
  const opened = await tx.db
    .insert(obligations)
    .values({
      ...{
        id: newId(),
        incidentId: incident.id,
        kind: 'scope',
        state: 'due',
        hours: scopeHours,
        startedAt: declaredAt,
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
      data: { startedAt: declaredAt, dueAt, hours: scopeHours },
    })
  if (opened.length > 0) await plan(tx, incident.id, opened)
}

/** Ends open obligations of a kind: nothing is owed any more. @param which of them, where not all */
export async function endObligations(
  tx: Tx,
  incidentId: string,
  kind: ObligationRow['kind'],
  why: 'customers-listed' | 'promised-anew' | 'notice-returned',
  which = sql`true`,
): Promise<void> {
  const ended = await tx.db
    .update(obligations)
    .set({ state: 'ended', nextCheckAt: null, version: sql`${obligations.version} + 1` })
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

import type { Obligation } from '@tocsin/api'
import { addHours, customerClock, schedule as scheduleOf, timing } from '@tocsin/deadlines'
import { and, asc, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, incidentCustomers, incidents, pageLead } from '../incidents/index.ts'
import { record, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { schedule } from '../kernel/jobs.ts'
import { clocksLane, defineJob } from '../kernel/lanes.ts'
import { notFound } from '../kernel/problems.ts'
import { messages } from '../notify/tables.ts'
import { notices, obligations } from './tables.ts'

export type ObligationRow = typeof obligations.$inferSelect
export const warnJob = defineJob({ kind: 'notices.warn', lane: clocksLane, data: z.object({ incidentId: z.uuid(), afterHours: z.number() }), isUrgent: true })
export const warnTopic = 'notices'

/** Brings the obligations of an incident in line with its customers: prepared before the declaration, running from it on. */
export async function followIncident(tx: Tx, incidentId: string): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, incidentId))
  if (!incident) return
  const affected = await tx.db
    .select({ id: customers.id, name: customers.name, noticeHours: customers.noticeHours, isDemo: customers.isDemo })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .where(eq(incidentCustomers.incidentId, incidentId))
  await tx.db.delete(obligations).where(
    and(
      eq(obligations.incidentId, incidentId),
      eq(obligations.state, 'pending'),
      affected.length === 0
        ? undefined
        : sql`not ${inArray(
            obligations.customerId,
            affected.map(customer => customer.id),
          )}`,
    ),
  )
  for (const customer of affected) {
    await tx.db
      .insert(obligations)
      .values({ incidentId, customerId: customer.id, state: 'pending', hours: customer.noticeHours, isDemo: incident.isDemo })
      .onConflictDoNothing()
    if (incident.declaredAt !== null) await startClock(tx, incident, { declaredAt: incident.declaredAt }, customer)
  }
}

/** The clock runs from the declaration, also for a customer who is found to be affected later: that is what the contract says. */
async function startClock(
  tx: Tx,
  incident: IncidentRow,
  { declaredAt }: { declaredAt: string },
  customer: { id: string; name: string; noticeHours: number },
): Promise<void> {
  const { dueAt, warnings } = scheduleOf(customerClock(customer.noticeHours), declaredAt)
  const [started] = await tx.db
    .update(obligations)
    .set({ state: 'due', startedAt: declaredAt, dueAt, hours: customer.noticeHours, version: sql`${obligations.version} + 1` })
    .where(and(eq(obligations.incidentId, incident.id), eq(obligations.customerId, customer.id), eq(obligations.state, 'pending')))
    .returning()
  if (!started) return
  await record(tx, {
    actor: system,
    type: 'obligation.opened',
    subject: { kind: 'obligation', id: started.id },
    within: incident.id,
    data: { customer: customer.name, startedAt: declaredAt, dueAt },
  })
  // Of warnings that are past already only the last is given, at once.
  const past = warnings.filter(warning => warning.at <= tx.now).at(-1)
  // One warning for all customers of an incident with the same clock: the key is its time.
  for (const warning of warnings.filter(each => each === past || each.at > tx.now))
    await schedule(tx, {
      kind: warnJob,
      key: `notices:${incident.id}:${warning.at}`,
      runAt: warning.at,
      data: { incidentId: incident.id, afterHours: warning.afterHours },
    })
}

/** The lead is paged while somebody is still to be notified. */
export async function warn(tx: Tx, context: AppContext, incidentId: string, afterHours: number): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, incidentId))
  if (!incident) return
  const open = await tx.db
    .select({ obligation: obligations, customer: customers.name })
    .from(obligations)
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(obligations.incidentId, incidentId), eq(obligations.state, 'due')))
    .orderBy(asc(obligations.dueAt))
  const [first] = open
  if (!first) return
  for (const { obligation, customer } of open)
    await record(tx, {
      actor: system,
      type: 'obligation.warned',
      subject: { kind: 'obligation', id: obligation.id },
      within: incidentId,
      data: { customer, afterHours, dueAt: obligation.dueAt },
    })
  const names = open.map(({ customer }) => customer).join(', ')
  await pageLead(tx, context, incident, {
    topic: warnTopic,
    title: `Incident ${incident.number}: ${open.length === 1 ? '1 customer is' : `${open.length} customers are`} not notified after ${Math.round(afterHours)} hours`,
    summary: `Still to be notified: ${names}.\nThe first notice is due at ${first.obligation.dueAt}.`,
  })
}

const proposer = alias(people, 'proposer')
const approver = alias(people, 'approver')
const author = alias(people, 'author')

async function selectObligations(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined): Promise<Obligation[]> {
  const rows = await reader.db
    .select({ obligation: obligations, incident: incidents, customer: customers, proposedBy: proposer.name, approvedBy: approver.name })
    .from(obligations)
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .leftJoin(proposer, eq(proposer.id, obligations.decisionById))
    .leftJoin(approver, eq(approver.id, obligations.decisionApprovedById))
    .where(and(condition, context.visibility.condition(viewer, obligations.incidentId)))
    .orderBy(sql`${obligations.notifiedAt} is not null`, sql`${obligations.dueAt} asc nulls last`, asc(customers.name))
    .limit(1_000)
  const byObligation = await noticesOf(
    reader,
    rows.map(row => row.obligation.id),
  )
  return rows.map(({ obligation, incident, customer, proposedBy, approvedBy }) => ({
    id: obligation.id,
    incident: { id: incident.id, number: incident.number, title: incident.title },
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
      author: { id: notice.authorId, name: by },
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

/** Duties that the viewer may see, the one due first on top. Open ones are those that nobody has met, nor decided not to meet. */
export async function listObligations(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: { view: 'open' | 'all'; incidentId?: string | undefined },
): Promise<Obligation[]> {
  const open = query.view === 'open' ? inArray(obligations.state, ['due', 'deferred']) : undefined
  return selectObligations(reader, context, viewer, and(open, query.incidentId === undefined ? undefined : eq(obligations.incidentId, query.incidentId)))
}

export async function readObligation(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<Obligation> {
  const [obligation] = await selectObligations(reader, context, viewer, eq(obligations.id, id))
  if (!obligation) throw notFound('duty to notify')
  return obligation
}

/** What stands against closing the incident: duties that run. */
export async function openObligations(reader: Reader, incidentId: string): Promise<string[]> {
  const rows = await reader.db
    .select({ state: obligations.state, customer: customers.name })
    .from(obligations)
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(obligations.incidentId, incidentId), inArray(obligations.state, ['due', 'deferred'])))
  return rows.map(row => `${row.customer} is not notified yet${row.state === 'deferred' ? ': its notice is delayed' : ''}.`)
}

/** 9 o'clock UTC of a day: when people are reminded of what falls due on it. */
export function morningOf(day: string): string {
  return addHours(`${day}T00:00:00.000Z`, 9)
}

import { countingOnce } from '@tocsin/deadlines'
import { and, asc, eq, gt, inArray, isNotNull, isNull, ne, notExists, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Counter } from 'prom-client'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { incidentCustomers, incidents } from '../incidents/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { jobs } from '../kernel/tables.ts'
import { defineCounter } from '../kernel/telemetry.ts'
import { isOpen, isUnrecordedMiss, nextCheck, plan, recordMissed, wakeClock } from './clocks.ts'
import { oweAnnounced } from './deliveries.ts'
import { followIncident, reportableClasses } from './follow.ts'
import { incidentsMisjoined, joinObligations } from './joined.ts'
import { notices, obligations } from './tables.ts'
import { clockKey } from './timers.ts'

export const watchdogJob = defineJob({ kind: 'notices.audit', lane: clocksLane, data: z.object({}) })
/** What is as late as that is not just about to be done. */
const lateSeconds = 60
const lateAlarm = 'obligation-warnings-late'
/** Repaired in one audit; the rest is left for the next one, and logged. */
const maxRepaired = 200

interface Repair {
  readonly incidentId: string
  readonly what: 'obligation' | 'deadline' | 'warning' | 'late warning' | 'missed deadline' | 'announced update' | 'joined obligation'
  readonly count: number
}

export type AuditCounter = Counter<'result'>
export const auditCounter = defineCounter({
  name: 'tocsin_obligation_audits_total',
  help: 'Audits of notification obligations, by result: in order, repaired',
  labelNames: ['result'],
})

/**
 * Once a minute: every affected customer of a declared incident has an obligation whose clock runs and is due when its contract says, and so has an incident that must have
 * affected customers and lists none; every announced update is one; one notice meets what linked incidents owe to a customer, and nothing else; every open one is looked at when its clock says; every missed deadline has its entry. What is missing is
 * repaired and reported to the administrators: it should not have been possible.
 */
export async function auditObligations(tx: Tx, context: AppContext, counter: AuditCounter): Promise<void> {
  const repairs = [
    ...(await repairObligations(tx)),
    ...(await repairDeadlines(tx)),
    ...(await repairAnnounced(tx)),
    ...(await repairJoined(tx, context)),
    ...(await repairChecks(tx, context)),
    ...(await repairMissed(tx)),
  ]
  counter.inc({ result: repairs.length > 0 ? 'repaired' : 'in order' })
  if (repairs.length === 0) return
  context.log.error({ repairs }, 'the auditor repaired notification obligations')
  await recordAll(
    tx,
    repairs.map(({ incidentId, what, count }) => ({
      actor: system,
      type: 'obligation.repaired',
      subject: { kind: 'incident', id: incidentId },
      within: incidentId,
      data: { what, count },
    })),
  )
  const numbers = await tx.db
    .select({ id: incidents.id, number: incidents.number })
    .from(incidents)
    .where(
      inArray(
        incidents.id,
        repairs.map(repair => repair.incidentId),
      ),
    )
  const affected = numbers.map(({ number }) => number).sort((a, b) => a - b)
  await context.alarms.raise(tx, {
    // Each repair is a page of its own: one that was acknowledged stays open, and what is lost after it is another fault.
    key: `obligations-repaired:${tx.now}`,
    title: `The auditor repaired notification deadlines of ${affected.length === 1 ? `incident ${affected[0]}` : `${affected.length} incidents`}`,
    summary: `Missing or late obligations or warnings were repaired: ${repairs.map(({ what, count }) => `${count} x ${what}`).join(', ')}. Check the obligations of incident ${affected.slice(0, 20).join(', ')} and find the cause. This should not happen.`,
  })
}

async function repairObligations(tx: Tx): Promise<Repair[]> {
  const clock = sql`select 1 from ${obligations} where ${obligations.incidentId} = ${incidents.id} and ${obligations.state} <> 'pending'
    and ${obligations.kind} = case when ${incidentCustomers.customerId} is null then 'scope' else 'initial' end
    and ${obligations.customerId} is not distinct from ${incidentCustomers.customerId}`
  const missing = await tx.db
    .select({ id: incidents.id, count: sql<number>`count(*)::int` })
    .from(incidents)
    .leftJoin(incidentCustomers, eq(incidentCustomers.incidentId, incidents.id))
    .where(
      and(
        isNotNull(incidents.declaredAt),
        isNull(incidents.stoodDownAt),
        ne(incidents.status, 'closed'),
        or(isNotNull(incidentCustomers.customerId), inArray(incidents.class, reportableClasses)),
        sql`not exists (${clock})`,
      ),
    )
    .groupBy(incidents.id)
    .limit(maxRepaired)
  if (missing.length === 0) return []
  // One that somebody works on now is looked at again in a minute.
  const locked = await tx.db
    .select()
    .from(incidents)
    .where(
      inArray(
        incidents.id,
        missing.map(({ id }) => id),
      ),
    )
    .for('update', { skipLocked: true })
  for (const incident of locked) await followIncident(tx, incident)
  const counts = new Map(missing.map(({ id, count }) => [id, count]))
  return locked.map(({ id }) => ({ incidentId: id, what: 'obligation' as const, count: counts.get(id) ?? 0 }))
}

/** A deadline is where its clock began and the term of the contract put it, and nowhere else. */
async function repairDeadlines(tx: Tx): Promise<Repair[]> {
  const { id, term, startedAt, dueAt: storedDueAt, foundAt, foundDueAt } = obligations
  const open = await tx.db
    .select({ id, term, startedAt, dueAt: storedDueAt, foundAt, foundDueAt })
    .from(obligations)
    .where(and(isOpen, isNotNull(term)))
  const count = countingOnce()
  const wrong = open.flatMap(row => {
    if (row.term === null || row.startedAt === null) return []
    const { calendar } = row.term
    const right = {
      dueAt: count(row.startedAt, row.term, calendar ?? undefined),
      foundDueAt: row.foundAt === null ? null : count(row.foundAt, row.term, calendar ?? undefined),
    }
    return right.dueAt === row.dueAt && right.foundDueAt === row.foundDueAt ? [] : [{ id: row.id, ...right }]
  })
  if (wrong.length === 0) return []
  const some = wrong.slice(0, maxRepaired)
  const { rows: repaired } = await tx.db.execute<{ incidentId: string }>(sql`
    update obligations set due_at = right_one.due_at, found_due_at = right_one.found_due_at, version = version + 1
    from unnest(${sql.param(some.map(row => row.id))}::uuid[], ${sql.param(some.map(row => row.dueAt))}::timestamptz[],
      ${sql.param(some.map(row => row.foundDueAt))}::timestamptz[]) as right_one (id, due_at, found_due_at)
    where obligations.id = right_one.id and obligations.id in (
      select id from obligations where id = any(${sql.param(some.map(row => row.id))}::uuid[]) for update skip locked)
    returning obligations.incident_id as "incidentId"`)
  return counted('deadline', repaired)
}

/** Every open obligation is looked at when its clock says, and its incident's job runs then. */
async function repairChecks(tx: Tx, context: AppContext): Promise<Repair[]> {
  const { id, incidentId, kind, state, startedAt, foundAt, foundDueAt, missedDueAt, decisionReviewOn, nextCheckAt } = obligations
  const open = await tx.db
    .select({ id, incidentId, kind, state, startedAt, dueAt: obligations.dueAt, foundAt, foundDueAt, missedDueAt, decisionReviewOn, nextCheckAt })
    .from(obligations)
    .where(isOpen)
    .orderBy(asc(incidentId))
  const [latest, late] = [addSeconds(tx.now, lateSeconds), addSeconds(tx.now, -lateSeconds)]
  const byIncident = Map.groupBy(open, row => row.incidentId)
  const keys = [...byIncident.keys()].map(clockKey)
  const found = await tx.db
    .select({ key: jobs.key, runAt: jobs.runAt })
    .from(jobs)
    .where(sql`${jobs.key} = any(${sql.param(keys)}::text[])`)
  const runs = new Map(found.map(({ key, runAt }) => [key, runAt]))
  const repairs: Repair[] = []
  let stuck = 0
  for (const [incident, rows] of byIncident) {
    // What is past is about to be looked at.
    const isPutOff = (row: (typeof rows)[number]) => {
      const expected = nextCheck(row, tx.now, false)
      return row.nextCheckAt !== null && row.nextCheckAt > tx.now && expected !== null && row.nextCheckAt > expected
    }
    const missing = rows.filter(row => row.nextCheckAt === null)
    const putOff = rows.filter(isPutOff)
    if (missing.length + putOff.length > 0) await plan(tx, incident, [...missing, ...putOff])
    const first = rows.flatMap(row => (missing.includes(row) || putOff.includes(row) ? [] : (row.nextCheckAt ?? []))).toSorted()[0]
    const runAt = runs.get(clockKey(incident))
    const isAsleep = first !== undefined && (runAt === undefined || (runAt > first && runAt > latest))
    if (isAsleep) await wakeClock(tx, incident)
    if (missing.length > 0) repairs.push({ incidentId: incident, what: 'warning', count: missing.length })
    if (putOff.length > 0 || isAsleep) repairs.push({ incidentId: incident, what: 'late warning', count: Math.max(putOff.length, 1) })
    if (first !== undefined && first < late && !isAsleep) stuck += 1
  }
  if (stuck === 0) await context.alarms.resolve(tx, lateAlarm)
  else
    await context.alarms.raise(tx, {
      key: lateAlarm,
      title: `Notification warnings of ${stuck === 1 ? '1 incident are' : `${stuck} incidents are`} late`,
      summary:
        'Their jobs are due and have not succeeded, so the incident leads are not paged about customers who are not notified. See the log for the error.',
    })
  return repairs
}

/** A deadline that passed a while ago is on record as missed, unless its check is about to do that. */
async function repairMissed(tx: Tx): Promise<Repair[]> {
  const unrecorded = tx.db
    .select({ id: obligations.id })
    .from(obligations)
    .where(and(isUnrecordedMiss(addSeconds(tx.now, -lateSeconds)), sql`coalesce(${obligations.nextCheckAt}, 'infinity') > ${tx.now}`))
    .limit(maxRepaired)
    .for('update', { skipLocked: true })
  return counted('missed deadline', await recordMissed(tx, inArray(obligations.id, unrecorded)))
}

/** An obligation is joined to that of its parent as long as one notice of the parent meets both. */
async function repairJoined(tx: Tx, context: AppContext): Promise<Repair[]> {
  const wrong = await incidentsMisjoined(tx, maxRepaired)
  if (wrong.length > 0)
    await joinObligations(
      tx,
      context,
      wrong.map(({ incidentId }) => incidentId),
    )
  return wrong.map(each => ({ ...each, what: 'joined obligation' }))
}

/** What the last notice to a customer announced is owed. */
async function repairAnnounced(tx: Tx): Promise<Repair[]> {
  const newer = alias(notices, 'newer')
  const missing = await tx.db
    .select({ notice: notices, obligation: obligations, customer: customers.name })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .where(
      and(
        eq(notices.state, 'sent'),
        gt(notices.nextCommunicationAt, tx.now),
        ne(incidents.status, 'closed'),
        notExists(
          tx.db
            .select({ id: newer.id })
            .from(newer)
            .where(and(eq(newer.obligationId, notices.obligationId), eq(newer.state, 'sent'), gt(newer.sentAt, notices.sentAt))),
        ),
        sql`not exists (select 1 from obligations announced where announced.promised_by_id = ${notices.id})`,
      ),
    )
    .limit(maxRepaired)
  for (const { notice, obligation, customer } of missing) await oweAnnounced(tx, obligation, notice, customer)
  return counted(
    'announced update',
    missing.map(({ obligation }) => obligation),
  )
}

const counted = (what: Repair['what'], all: readonly { readonly incidentId: string }[]): Repair[] =>
  [...Map.groupBy(all, ({ incidentId }) => incidentId)].map(([incidentId, ofIncident]) => ({ incidentId, what, count: ofIncident.length }))

import { customerClock, schedule as scheduleOf } from '@tocsin/deadlines'
import { and, asc, eq, inArray, isNotNull, ne, sql } from 'drizzle-orm'
import type { Counter } from 'prom-client'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { incidentCustomers, incidents } from '../incidents/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { scheduleAll } from '../kernel/jobs/schedule.ts'
import { jobs } from '../kernel/tables.ts'
import { defineCounter } from '../kernel/telemetry.ts'
import { reviewJob, reviewKey } from './decisions.ts'
import { followIncident, morningOf, scheduleWarnings, warnKey } from './obligations.ts'
import { obligations } from './tables.ts'

export const watchdogJob = defineJob({ kind: 'notices.audit', lane: clocksLane, data: z.object({}) })
/** A warning that is later than that is reported. */
const lateSeconds = 60
/** Repaired in one audit; the rest is left for the next one, and logged. */
const maxRepaired = 200

interface Repair {
  readonly incidentId: string
  readonly what: 'obligation' | 'warning' | 'late warning' | 'review'
  readonly count: number
}

export type AuditCounter = Counter<'result'>
export const auditCounter = defineCounter({
  name: 'tocsin_obligation_audits_total',
  help: 'Audits of notification obligations, by result: in order, repaired',
  labelNames: ['result'],
})

/**
 * Once a minute: every affected customer of a declared incident has an obligation whose clock runs, every running one has its next warning, every
 * decision its day of review. What is missing is repaired and reported to the administrators: it should not have been possible.
 */
export async function auditObligations(tx: Tx, context: AppContext, counter: AuditCounter): Promise<void> {
  const repairs = [...(await repairObligations(tx)), ...(await repairWarnings(tx)), ...(await repairReviews(tx))]
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
    // Another day is another page: this one stays open once it is acknowledged.
    key: `obligations-repaired:${tx.now.slice(0, 10)}:${affected.join(',')}`.slice(0, 300),
    title: `The auditor repaired notification deadlines of ${affected.length === 1 ? `incident ${affected[0]}` : `${affected.length} incidents`}`,
    summary: `Missing or late obligations, warnings or reviews were repaired: ${repairs.map(({ what, count }) => `${count} x ${what}`).join(', ')}. Check the obligations of incident ${affected.slice(0, 20).join(', ')} and find the cause. This should not happen.`,
  })
}

async function repairObligations(tx: Tx): Promise<Repair[]> {
  const clock = sql`select 1 from ${obligations} where ${obligations.incidentId} = ${incidents.id} and ${obligations.customerId} = ${incidentCustomers.customerId} and ${obligations.state} <> 'pending'`
  const missing = await tx.db
    .select({ id: incidents.id, count: sql<number>`count(*)::int` })
    .from(incidents)
    .innerJoin(incidentCustomers, eq(incidentCustomers.incidentId, incidents.id))
    .where(and(isNotNull(incidents.declaredAt), ne(incidents.status, 'closed'), sql`not exists (${clock})`))
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

async function repairWarnings(tx: Tx): Promise<Repair[]> {
  // Customers of an incident with the same clock share their warnings: one row for all of them.
  const clocks = await tx.db
    .selectDistinct({ incidentId: obligations.incidentId, startedAt: obligations.startedAt, hours: obligations.hours })
    .from(obligations)
    .where(eq(obligations.state, 'due'))
    .orderBy(asc(obligations.incidentId))
  const expected = clocks.flatMap(({ incidentId, startedAt, hours }) =>
    startedAt === null
      ? []
      : scheduleOf(customerClock(hours), startedAt).warnings.map(warning => ({ ...warning, incidentId, key: warnKey(incidentId, warning.at) })),
  )
  if (expected.length === 0) return []
  const keys = sql.param([...new Set(expected.map(({ key }) => key))])
  const found = await tx.db.select({ key: jobs.key, runAt: jobs.runAt }).from(jobs).where(sql`${jobs.key} = any(${keys}::text[])`)
  const waiting = new Map(found.map(({ key, runAt }) => [key, runAt]))
  const repairs: Repair[] = []
  for (const [incidentId, warnings] of Map.groupBy(expected, ({ incidentId }) => incidentId)) {
    // One that is past has been given, and its job is gone with it.
    const missing = warnings.filter(({ at, key }) => at > tx.now && !waiting.has(key))
    const late = warnings.filter(({ at, key }) => waiting.has(key) && at < addSeconds(tx.now, -lateSeconds))
    await (missing.length > 0 ? scheduleWarnings(tx, incidentId, missing) : undefined)
    if (missing.length > 0) repairs.push({ incidentId, what: 'warning', count: missing.length })
    if (late.length > 0) repairs.push({ incidentId, what: 'late warning', count: late.length })
  }
  return repairs
}

async function repairReviews(tx: Tx): Promise<Repair[]> {
  const missing = await tx.db
    .select({ id: obligations.id, incidentId: obligations.incidentId, reviewOn: obligations.decisionReviewOn })
    .from(obligations)
    .where(
      and(
        inArray(obligations.state, ['deferred', 'waived']),
        sql`${obligations.decisionReviewOn} + interval '9 hours' > (${tx.now}::timestamptz at time zone 'UTC')`,
        sql`not exists (select 1 from ${jobs} where ${jobs.key} = 'decision:' || ${obligations.id}::text)`,
      ),
    )
    .limit(maxRepaired)
  await scheduleAll(
    tx,
    missing.flatMap(({ id, reviewOn }) =>
      reviewOn === null ? [] : [{ kind: reviewJob, key: reviewKey(id), runAt: morningOf(reviewOn), data: { obligationId: id } }],
    ),
  )
  return [...Map.groupBy(missing, ({ incidentId }) => incidentId)].map(([incidentId, all]) => ({ incidentId, what: 'review' as const, count: all.length }))
}

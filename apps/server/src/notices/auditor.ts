import { customerClock, schedule as scheduleOf } from '@tocsin/deadlines'
import { and, asc, eq, gt, inArray, isNotNull, ne, notExists, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
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
import { followIncident, isUnrecordedMiss, morningOf, recordMissed, scheduleWarnings } from './obligations.ts'
import { notices, obligations } from './tables.ts'
import { communicationJob, communicationKey, reviewJob, reviewKey, warnKey } from './timers.ts'

export const watchdogJob = defineJob({ kind: 'notices.audit', lane: clocksLane, data: z.object({}) })
/** A warning whose timer is set for later than that is set anew; one that failed is tried again sooner. */
const lateSeconds = 60
const lateAlarm = 'obligation-warnings-late'
/** Repaired in one audit; the rest is left for the next one, and logged. */
const maxRepaired = 200

interface Repair {
  readonly incidentId: string
  readonly what: 'obligation' | 'deadline' | 'warning' | 'late warning' | 'missed deadline' | 'review' | 'announced update'
  readonly count: number
}

export type AuditCounter = Counter<'result'>
export const auditCounter = defineCounter({
  name: 'tocsin_obligation_audits_total',
  help: 'Audits of notification obligations, by result: in order, repaired',
  labelNames: ['result'],
})

/**
 * Once a minute: every affected customer of a declared incident has an obligation whose clock runs and is due when its contract says, every running one
 * has its next warning, every missed deadline its entry, every decision its day of review, every announced update its reminder. What is missing is repaired and reported to the administrators: it should not have been possible.
 */
export async function auditObligations(tx: Tx, context: AppContext, counter: AuditCounter): Promise<void> {
  const repairs = [
    ...(await repairObligations(tx)),
    ...(await repairDeadlines(tx)),
    ...(await repairWarnings(tx, context)),
    ...(await repairMissed(tx)),
    ...(await repairReviews(tx)),
    ...(await repairAnnouncedUpdates(tx)),
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

/** A deadline is where its clock began and the hours of the contract put it, and nowhere else. */
async function repairDeadlines(tx: Tx): Promise<Repair[]> {
  const right = sql`${obligations.startedAt} + make_interval(hours => ${obligations.hours})`
  const wrong = tx.db
    .select({ id: obligations.id })
    .from(obligations)
    .where(and(inArray(obligations.state, ['due', 'deferred']), sql`${obligations.dueAt} is distinct from ${right}`))
    .limit(maxRepaired)
    .for('update', { skipLocked: true })
  const repaired = await tx.db
    .update(obligations)
    .set({ dueAt: right, version: sql`${obligations.version} + 1` })
    .where(inArray(obligations.id, wrong))
    .returning({ incidentId: obligations.incidentId })
  return counted('deadline', repaired)
}

async function repairWarnings(tx: Tx, context: AppContext): Promise<Repair[]> {
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
  const [latest, late] = [addSeconds(tx.now, lateSeconds), addSeconds(tx.now, -lateSeconds)]
  for (const [incidentId, warnings] of Map.groupBy(expected, ({ incidentId }) => incidentId)) {
    // One that is past has been given, and its timer is gone with it.
    const missing = warnings.filter(({ at, key }) => at > tx.now && !waiting.has(key))
    const moved = warnings.filter(({ at, key }) => {
      const runAt = waiting.get(key)
      return runAt !== undefined && runAt > at && runAt > latest
    })
    if (missing.length + moved.length > 0) await scheduleWarnings(tx, incidentId, [...missing, ...moved])
    if (missing.length > 0) repairs.push({ incidentId, what: 'warning', count: missing.length })
    if (moved.length > 0) repairs.push({ incidentId, what: 'late warning', count: moved.length })
  }
  const stuck = expected.filter(({ at, key }) => at < late && (waiting.get(key) ?? latest) < latest)
  if (stuck.length === 0) await context.alarms.resolve(tx, lateAlarm)
  else
    await context.alarms.raise(tx, {
      key: lateAlarm,
      title: `${stuck.length === 1 ? '1 notification warning is' : `${stuck.length} notification warnings are`} late`,
      summary:
        'Their jobs are due and have not succeeded, so the incident leads are not paged about customers who are not notified. See the log for the error.',
    })
  return repairs
}

/** A deadline that passed a while ago is on record as missed, unless its job is about to do that. */
async function repairMissed(tx: Tx): Promise<Repair[]> {
  const job = sql`select 1 from ${jobs}
    where ${jobs.key} = 'deadline:' || ${obligations.incidentId}::text || ':' || ${obligations.hours}::text and ${jobs.runAt} < ${addSeconds(tx.now, lateSeconds)}`
  const unrecorded = tx.db
    .select({ id: obligations.id })
    .from(obligations)
    .where(and(isUnrecordedMiss(addSeconds(tx.now, -lateSeconds)), sql`not exists (${job})`))
    .limit(maxRepaired)
    .for('update', { skipLocked: true })
  return counted('missed deadline', await recordMissed(tx, inArray(obligations.id, unrecorded)))
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
  return counted('review', missing)
}

/** What the last notice to a customer announced, and is still to come. */
async function repairAnnouncedUpdates(tx: Tx): Promise<Repair[]> {
  const newer = alias(notices, 'newer')
  const missing = await tx.db
    .select({ id: notices.id, obligationId: notices.obligationId, incidentId: obligations.incidentId, at: notices.nextCommunicationAt })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
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
        sql`not exists (select 1 from ${jobs} where ${jobs.key} = 'next-communication:' || ${notices.obligationId}::text)`,
      ),
    )
    .limit(maxRepaired)
  await scheduleAll(
    tx,
    missing.flatMap(({ id, obligationId, at }) =>
      at === null ? [] : [{ kind: communicationJob, key: communicationKey(obligationId), runAt: at, data: { noticeId: id } }],
    ),
  )
  return counted('announced update', missing)
}

const counted = (what: Repair['what'], all: readonly { readonly incidentId: string }[]): Repair[] =>
  [...Map.groupBy(all, ({ incidentId }) => incidentId)].map(([incidentId, ofIncident]) => ({ incidentId, what, count: ofIncident.length }))

import { and, eq, inArray, isNotNull, lt, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { clocksLane, defineJob, escalationLane, type JobKind } from '../kernel/jobs/lanes.ts'
import { schedule, scheduleAll } from '../kernel/jobs/schedule.ts'
import { post } from '../kernel/outbound.ts'
import { jobs } from '../kernel/tables.ts'
import { defineCounter } from '../kernel/telemetry.ts'
import { escalateJob, escalationKey } from './escalation.ts'
import { heartbeatSettings } from './heartbeat-settings.ts'
import { notifyJob } from './notifications.ts'
import { wakeJob } from './pages.ts'
import { pages } from './tables.ts'

export const watchdogJob = defineJob({ kind: 'paging.audit', lane: clocksLane, data: z.object({}), isUrgent: true })
export const watchdogPingJob = defineJob({ kind: 'paging.heartbeat-url', lane: clocksLane, data: z.object({}) })
const everySeconds = 60
/** An escalation that is later than that is reported. */
const lateSeconds = 30
/** Clocks of several machines differ by less. */
const aheadSeconds = 60
const maxRepaired = 1_000

export const escalationAudits = defineCounter({
  name: 'tocsin_escalation_audits_total',
  help: 'Audits of open escalations, by result: in order, late, repaired',
  labelNames: ['result'],
})

/** Kinds of jobs of other modules that check their own commitments with each run of the watchdog. Each is a job of its own: none fails with another. */
export class Audits {
  readonly #kinds: JobKind<Record<string, never>>[] = []
  add(kind: JobKind<Record<string, never>>): void {
    this.#kinds.push(kind)
  }
  get kinds(): readonly JobKind<Record<string, never>>[] {
    return this.#kinds
  }
}

/** Schedules the next run: one job, however often it is scheduled. */
export async function scheduleWatchdog(tx: Tx): Promise<void> {
  await schedule(tx, { kind: watchdogJob, key: watchdogJob.kind, runAt: addSeconds(tx.now, everySeconds), data: {} })
}

/**
 * Once a minute: every escalation that is open has a timer for its next step, and none is late. What is missing is repaired and reported; only
 * then is the heartbeat sent that an external monitor expects. A run that fails is retried, and no heartbeat is sent meanwhile.
 */
export async function runWatchdog(tx: Tx, context: AppContext, audits: Audits): Promise<void> {
  await scheduleWatchdog(tx)
  await scheduleAll(
    tx,
    audits.kinds.map(kind => ({ kind, key: kind.kind, runAt: tx.now, data: {} })),
  )
  const ahead = await bringBack(tx)
  const timer = sql`select 1 from ${jobs} where ${jobs.key} = 'page:' || ${pages.id}::text`
  const wrong = await tx.db
    .select({ id: pages.id, withinId: pages.withinId, nextEscalationAt: pages.nextEscalationAt, hasTimer: sql<boolean>`exists (${timer})` })
    .from(pages)
    .where(
      and(
        eq(pages.state, 'triggered'),
        or(sql`not exists (${timer})`, and(isNotNull(pages.nextEscalationAt), lt(pages.nextEscalationAt, addSeconds(tx.now, -lateSeconds)))),
      ),
    )
    .limit(maxRepaired)
    .for('update', { skipLocked: true })
  const missing = wrong.filter(page => !page.hasTimer)
  await scheduleAll(
    tx,
    missing.map(({ id, nextEscalationAt }) => ({ kind: escalateJob, key: escalationKey(id), runAt: nextEscalationAt ?? tx.now, data: { pageId: id } })),
  )
  await recordAll(
    tx,
    wrong.map(({ id, withinId, hasTimer, nextEscalationAt }) => ({
      actor: system,
      type: 'page.repaired',
      subject: { kind: 'page', id },
      within: withinId,
      data: { what: hasTimer ? 'late' : 'missing', dueAt: nextEscalationAt },
    })),
  )
  if (ahead > 0) context.log.warn({ ahead }, 'the watchdog found timers set while the clock was ahead, and corrected them')
  escalationAudits(context.metrics).inc({ result: missing.length + ahead > 0 ? 'repaired' : wrong.length > 0 ? 'late' : 'in order' })
  if (wrong.length > 0)
    context.log.warn({ missing: missing.length, late: wrong.length - missing.length }, 'the watchdog found late escalations or missing timers')
  if (context.config.of(heartbeatSettings).TOCSIN_HEARTBEAT_URL !== undefined)
    await schedule(tx, { kind: watchdogPingJob, key: watchdogPingJob.kind, runAt: tx.now, data: {} })
}

/**
 * Timers that were set at a time that is still to come: the clock ran ahead then and was put right while the process was down (while it runs it does not go
 * back). Escalations and deliveries keep the wait that they were set for, from now on; deadlines are points in time. @returns how many timers there were
 */
async function bringBack(tx: Tx): Promise<number> {
  const { rows } = await tx.db.execute<{ page_id: string | null; due_at: string; count: number }>(sql`
    with wrong as (
      select id, case when kind in (${escalateJob.kind}, ${wakeJob.kind}, ${notifyJob.kind}) then data->>'pageId' end as page_id,
        run_at, run_at - (scheduled_at - ${tx.now}::timestamptz) as right_at from jobs
      where (lane = ${escalationLane.name} or lane like 'delivery:%') and scheduled_at > ${addSeconds(tx.now, aheadSeconds)}
      limit ${maxRepaired} for update skip locked),
    repaired as (update jobs set run_at = right_at, scheduled_at = ${tx.now} from wrong where jobs.id = wrong.id)
    select page_id, max(right_at)::text as due_at, count(*)::int as count from wrong group by page_id`)
  if (rows.length === 0) return 0
  const ids = rows.flatMap(row => row.page_id ?? [])
  const timer = sql`select ${jobs.runAt} from ${jobs} where ${jobs.key} = 'page:' || ${pages.id}::text`
  const repaired = await tx.db
    .update(pages)
    .set({ nextEscalationAt: sql`case when ${pages.nextEscalationAt} is null then null else (${timer}) end` })
    .where(inArray(pages.id, ids))
    .returning({ id: pages.id, withinId: pages.withinId })
  const due = new Map(rows.map(row => [row.page_id, row.due_at]))
  await recordAll(
    tx,
    repaired.map(({ id, withinId }) => ({
      actor: system,
      type: 'page.repaired',
      subject: { kind: 'page', id },
      within: withinId,
      data: { what: 'ahead', dueAt: due.has(id) ? new Date(due.get(id) ?? '').toISOString() : null },
    })),
  )
  return rows.reduce((sum, row) => sum + row.count, 0)
}

/** Sends a heartbeat to the external monitor: escalations are in order. */
export async function pingHeartbeatUrl(context: AppContext, signal: AbortSignal): Promise<void> {
  const { TOCSIN_HEARTBEAT_URL: url } = context.config.of(heartbeatSettings)
  if (url !== undefined) await post({ url, reach: 'anywhere', headers: { 'content-type': 'application/json' }, body: '{}', signal })
}

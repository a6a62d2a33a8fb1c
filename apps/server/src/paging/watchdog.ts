import { and, eq, isNotNull, lt, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { schedule, scheduleAll } from '../kernel/jobs.ts'
import { clocksLane, defineJob } from '../kernel/lanes.ts'
import { post } from '../kernel/outbound.ts'
import { jobs } from '../kernel/tables.ts'
import { escalateJob, escalationKey } from './escalation.ts'
import { pages } from './tables.ts'

export const watchdogJob = defineJob({ kind: 'on-call.audit', lane: clocksLane, data: z.object({}), isUrgent: true })
export const watchdogPingJob = defineJob({ kind: 'on-call.heart', lane: clocksLane, data: z.object({}) })
const everySeconds = 60
/** A step that is later than that is reported. */
const lateSeconds = 30
const maxRepaired = 1_000

/** Waits for the next look. Scheduling it again at each start changes nothing: it is one job. */
export async function scheduleWatchdog(tx: Tx): Promise<void> {
  await schedule(tx, { kind: watchdogJob, key: watchdogJob.kind, runAt: addSeconds(tx.now, everySeconds), data: {} })
}

/**
 * Once a minute: every escalation that is open has a timer for its next step, and none is late. What is missing is mended and reported; only
 * then does the heart beat that an outside monitor listens to. A look that fails is tried again, and the heart is silent meanwhile.
 */
export async function runWatchdog(tx: Tx, context: AppContext): Promise<void> {
  await scheduleWatchdog(tx)
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
  context.metrics.audits.inc({ result: missing.length > 0 ? 'repaired' : wrong.length > 0 ? 'late' : 'in order' })
  if (wrong.length > 0)
    context.log.warn({ missing: missing.length, late: wrong.length - missing.length }, 'the auditor found escalations that were not in order')
  if (context.config.heartbeatUrl !== undefined) await schedule(tx, { kind: watchdogPingJob, key: watchdogPingJob.kind, runAt: tx.now, data: {} })
}

/** Tells the outside monitor that escalations are in order. */
export async function pingHeartbeatUrl(context: AppContext, signal: AbortSignal): Promise<void> {
  const url = context.config.heartbeatUrl
  if (url !== undefined) await post({ url, mayReachPrivate: true, headers: { 'content-type': 'application/json' }, body: '{}', signal })
}

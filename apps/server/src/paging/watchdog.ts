import { and, eq, isNotNull, lt, or, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { schedule, scheduleAll } from '../kernel/jobs.ts'
import { post } from '../kernel/outbound.ts'
import { jobs } from '../kernel/tables.ts'
import { escalateJob, escalationKey } from './escalation.ts'
import { pages } from './tables.ts'

export const watchdogJob = 'on-call.audit'
export const watchdogPingJob = 'on-call.heart'
const everySeconds = 60
/** A step that is later than that is reported. */
const lateSeconds = 30
const maxRepaired = 1_000

/** Kinds of jobs of other modules that look, with each look of the auditor, whether what they promise is in order. Each is a job of its own: none fails with another. */
export class Audits {
  readonly #kinds: string[] = []
  add(kind: string): void {
    this.#kinds.push(kind)
  }
  get kinds(): readonly string[] {
    return this.#kinds
  }
}

/** Waits for the next look. Scheduling it again at each start changes nothing: it is one job. */
export async function scheduleWatchdog(tx: Tx): Promise<void> {
  await schedule(tx, { kind: watchdogJob, key: watchdogJob, runAt: addSeconds(tx.now, everySeconds), data: {} })
}

/**
 * Once a minute: every escalation that is open has a timer for its next step, and none is late. What is missing is mended and reported; only
 * then does the heart beat that an outside monitor listens to. A look that fails is tried again, and the heart is silent meanwhile.
 */
export async function runWatchdog(tx: Tx, context: AppContext, audits: Audits): Promise<void> {
  await scheduleWatchdog(tx)
  await scheduleAll(
    tx,
    audits.kinds.map(kind => ({ kind, key: kind, runAt: tx.now, data: {} })),
  )
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
  if (context.config.heartbeatUrl !== undefined) await schedule(tx, { kind: watchdogPingJob, key: watchdogPingJob, runAt: tx.now, data: {} })
}

/** Tells the outside monitor that escalations are in order. */
export async function pingHeartbeatUrl(context: AppContext): Promise<void> {
  const url = context.config.heartbeatUrl
  if (url !== undefined) await post({ url, mayReachPrivate: true, headers: { 'content-type': 'application/json' }, body: '{}' })
}

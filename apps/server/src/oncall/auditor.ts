import { and, eq, isNotNull, lt, or, sql } from 'drizzle-orm'
import type { House } from '../identity/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addSeconds } from '../platform/clock.ts'
import type { Tx } from '../platform/database.ts'
import { schedule, scheduleAll } from '../platform/jobs.ts'
import { post } from '../platform/outbound.ts'
import { jobs } from '../platform/tables.ts'
import { climbJob, climbKey } from './climb.ts'
import { pages } from './tables.ts'

export const auditJob = 'on-call.audit'
export const heartJob = 'on-call.heart'
const everySeconds = 60
/** A step that is later than that is reported. */
const lateSeconds = 30
const mostRepaired = 1_000

/** Waits for the next look. Scheduling it again at each start changes nothing: it is one job. */
export async function waitForAudit(tx: Tx): Promise<void> {
  await schedule(tx, { kind: auditJob, key: auditJob, runAt: addSeconds(tx.now, everySeconds), data: {} })
}

/**
 * Once a minute: every escalation that is open has a timer for its next step, and none is late. What is missing is mended and reported; only
 * then does the heart beat that an outside monitor listens to. A look that fails is tried again, and the heart is silent meanwhile.
 */
export async function audit(tx: Tx, house: House): Promise<void> {
  await waitForAudit(tx)
  const timer = sql`select 1 from ${jobs} where ${jobs.key} = 'page:' || ${pages.id}::text`
  const wrong = await tx.db
    .select({ id: pages.id, withinId: pages.withinId, nextStepAt: pages.nextStepAt, hasTimer: sql<boolean>`exists (${timer})` })
    .from(pages)
    .where(
      and(
        eq(pages.state, 'triggered'),
        or(sql`not exists (${timer})`, and(isNotNull(pages.nextStepAt), lt(pages.nextStepAt, addSeconds(tx.now, -lateSeconds)))),
      ),
    )
    .limit(mostRepaired)
    .for('update', { skipLocked: true })
  const missing = wrong.filter(page => !page.hasTimer)
  await scheduleAll(
    tx,
    missing.map(({ id, nextStepAt }) => ({ kind: climbJob, key: climbKey(id), runAt: nextStepAt ?? tx.now, data: { pageId: id } })),
  )
  await recordAll(
    tx,
    wrong.map(({ id, withinId, hasTimer, nextStepAt }) => ({
      actor: system,
      type: 'page.repaired',
      subject: { kind: 'page', id },
      within: withinId,
      data: { what: hasTimer ? 'late' : 'missing', dueAt: nextStepAt },
    })),
  )
  house.metrics.audits.inc({ result: missing.length > 0 ? 'repaired' : wrong.length > 0 ? 'late' : 'in order' })
  if (wrong.length > 0) house.log.warn({ missing: missing.length, late: wrong.length - missing.length }, 'the auditor found escalations that were not in order')
  if (house.config.heartbeatUrl !== undefined) await schedule(tx, { kind: heartJob, key: heartJob, runAt: tx.now, data: {} })
}

/** Tells the outside monitor that escalations are in order. */
export async function beat(house: House): Promise<void> {
  const url = house.config.heartbeatUrl
  if (url !== undefined) await post({ url, mayReachPrivate: true, headers: { 'content-type': 'application/json' }, body: '{}' })
}

import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { system } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { erase } from './erase.ts'
import { erasures } from './tables.ts'

export const retentionJob = defineJob({ kind: 'erasure.retention', lane: housekeepingLane, data: z.object({}) })
/** Records that one run erases. Where there may be more, the next one follows at once. */
const maxRecords = 100
const reason = 'The configured retention has ended'

/** Schedules the next run: 3 o'clock UTC, unless it is scheduled already. */
export async function scheduleRetention(tx: Tx): Promise<void> {
  const night = `${tx.now.slice(0, 10)}T03:00:00.000Z`
  await schedule(tx, { kind: retentionJob, key: retentionJob.kind, runAt: night > tx.now ? night : addDays(night, 1), data: {} })
}

/** Every night: erases the data whose configured retention has ended, in batches. Each is on record as an erasure of its own. */
export async function eraseOutlived(tx: Tx, context: AppContext): Promise<void> {
  await scheduleRetention(tx)
  for (const [kind, erasable] of context.erasables.all) {
    const found = await erasable.outlived?.(tx, maxRecords)
    if (found === undefined || found.ids.length === 0) continue
    const id = newId()
    const records = found.ids.length
    const fields = await erase(tx, context, kind, found, { id, actor: system, basis: 'retention', reason, requestedBy: null })
    await tx.db.insert(erasures).values({ id, kind, state: 'done', basis: 'retention', reason, records, fields, requestedAt: tx.now, decidedAt: tx.now })
    if (records === maxRecords) await schedule(tx, { kind: retentionJob, key: retentionJob.kind, runAt: tx.now, data: {} })
  }
}

import { isNull } from 'drizzle-orm'
import type { AppContext, Bindings } from '../access/index.ts'
import type { Tx } from '../kernel/database.ts'
import { alarmCoverage, coverageJob, scheduleCoverageCheck } from './coverage.ts'
import { schedulingBindings } from './routes.ts'
import { recordShifts, shiftChangeJob } from './shift-log.ts'
import { readSnapshot } from './snapshot.ts'
import { shiftRecords } from './tables.ts'
import { schedulesWith } from './time-off.ts'

export { unreachablePeople } from './coverage.ts'
export { addOverride, addTemporary, saveSchedule } from './schedules.ts'
export { recordShifts } from './shift-log.ts'
export { type OnCallSnapshot, peopleBehind, readSnapshot, readSnapshotOf, referenceIn, type Settings, tierOf, withoutPeople } from './snapshot.ts'
export { onCallSettings, schedules } from './tables.ts'
export { assertPeriod, countStaffed, listOnCall, maxFairnessDays, onCallOf } from './teams.ts'
export { addTimeOff, listTimeOff } from './time-off.ts'

export function openScheduling(context: AppContext): Bindings {
  context.jobs.register(shiftChangeJob, { run: (tx, { scheduleId, since }) => recordShifts(tx, context, [scheduleId], { since }) })
  context.jobs.register(coverageJob, { run: tx => alarmCoverage(tx, context) })
  context.jobs.keep(coverageJob, scheduleCoverageCheck)
  // Somebody who leaves is never on call from that instant, and who is on call then is recorded.
  context.readers.react('on-call', {
    'person.changed': async (tx, entry) => {
      const snapshot = await readSnapshot(tx)
      await recordShifts(tx, context, schedulesWith(snapshot, entry.subject.id))
    },
  })
  return schedulingBindings(context)
}

/** Records who is on call, and the next handoff, of schedules that have none recorded yet. */
export async function resumeScheduling(tx: Tx, context: AppContext): Promise<void> {
  const { rows } = await readSnapshot(tx)
  const open = await tx.db.selectDistinct({ id: shiftRecords.scheduleId }).from(shiftRecords).where(isNull(shiftRecords.end))
  const recorded = new Set(open.map(one => one.id))
  await recordShifts(
    tx,
    context,
    [...rows.keys()].filter(id => !recorded.has(id)),
  )
}

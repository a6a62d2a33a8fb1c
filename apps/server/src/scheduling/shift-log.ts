import { shifts, tierNames } from '@tocsin/oncall'
import { and, desc, eq, gt, inArray, isNull } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, findPerson, people } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record, system } from '../journal/index.ts'
import { addDays, addMinutes, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { cancel, type NewJob, scheduleAll } from '../kernel/jobs/schedule.ts'
import { type OnCallSnapshot, positionName, positionsOf, readSnapshot, type ScheduleRow } from './snapshot.ts'
import { handoffNotes, shiftRecords } from './tables.ts'

/** `since`: up to when shifts have been recorded. */
const ShiftChange = z.object({ scheduleId: z.uuid(), since: z.iso.datetime() })
type ShiftChange = z.output<typeof ShiftChange>
export const shiftChangeJob = defineJob({ kind: 'scheduling.shift-change', lane: clocksLane, data: ShiftChange })
const jobKey = (scheduleId: string) => `turn:${scheduleId}`
/** How far ahead the next change is looked for; without one it is looked for again then. */
const lookAheadDays = 30

/** One change of who is on call. */
interface Change {
  readonly at: Instant
  readonly participants: readonly string[]
  readonly shadows: readonly string[]
}

/**
 * Records who is on call in schedules where that has changed, with an entry of the journal, notifies whoever goes on call, and schedules the next
 * change. Because it is recorded when it happens, the past does not change with the schedule.
 */
export async function recordShifts(tx: Tx, context: AppContext, scheduleIds: readonly string[], { since = tx.now, isGone = false }: Watch = {}): Promise<void> {
  if (scheduleIds.length === 0) return
  const snapshot = await readSnapshot(tx, undefined, since)
  const records = await tx.db
    .select()
    .from(shiftRecords)
    .where(and(inArray(shiftRecords.scheduleId, [...scheduleIds]), isNull(shiftRecords.end)))
    .for('update')
  const jobs: NewJob<ShiftChange>[] = []
  for (const scheduleId of scheduleIds) {
    const row = snapshot.rows.get(scheduleId)
    const core = snapshot.schedules.get(scheduleId)
    if (!row || !core) continue
    const positions = positionsOf(snapshot, scheduleId)
    const open = records.filter(one => one.scheduleId === scheduleId)
    let next: Instant = addDays(tx.now, lookAheadDays)
    for (const position of positions) {
      const soon = shifts(core, tx.now, addDays(tx.now, lookAheadDays), position)
      const [current] = soon
      if (soon.length > 1 && current && current.end < next) next = current.end
      const changes: Change[] = isGone
        ? [{ at: tx.now, participants: [], shadows: [] }]
        : shifts(core, since, addMinutes(tx.now, 1 / 60_000), position).map(({ start, participants, shadows = [] }) => ({ at: start, participants, shadows }))
      const last = open.find(one => one.position === position)
      await recordChanges(tx, context, snapshot, row, position, last, changes)
    }
    // A position that is no longer required ends.
    for (const one of open)
      if (!positions.includes(one.position)) await recordChanges(tx, context, snapshot, row, one.position, one, [{ at: tx.now, participants: [], shadows: [] }])
    if (isGone) await cancel(tx, jobKey(scheduleId))
    else jobs.push({ kind: shiftChangeJob, key: jobKey(scheduleId), runAt: next, data: { scheduleId, since: tx.now } })
  }
  await scheduleAll(tx, jobs)
}

interface Watch {
  /** Where the timer is late (the server was down) the changes since then are recorded with their true times. */
  readonly since?: Instant
  /** The schedule is about to be removed. */
  readonly isGone?: boolean
}

async function recordChanges(
  tx: Tx,
  context: AppContext,
  snapshot: OnCallSnapshot,
  row: ScheduleRow,
  position: number,
  open: typeof shiftRecords.$inferSelect | undefined,
  changes: readonly Change[],
): Promise<void> {
  let last = open
  for (const { at, participants, shadows } of changes) {
    const isSame = last !== undefined && last.participantIds.join() === participants.join() && last.shadowIds.join() === shadows.join()
    if (isSame) continue
    const entryId = newId()
    const fresh = {
      ...{ id: newId(), teamId: row.teamId, scheduleId: row.id, scheduleName: row.name, position, entryId },
      ...{ participantIds: [...participants], shadowIds: [...shadows], start: at, end: null },
    }
    if (last) await tx.db.update(shiftRecords).set({ end: at }).where(eq(shiftRecords.id, last.id))
    await tx.db.insert(shiftRecords).values(fresh)
    const named = (ids: readonly string[]) => ids.map(id => ({ id, name: snapshot.people.get(id)?.name ?? '' }))
    await record(tx, {
      id: entryId,
      actor: system,
      type: 'on-call.changed',
      subject: { kind: 'schedule', id: row.id },
      data: { teamId: row.teamId, schedule: row.name, position, start: at, people: named(participants), shadows: named(shadows) },
    })
    const arriving = participants.filter(id => !last?.participantIds.includes(id))
    // Nobody is notified of a shift that was over before it could be recorded.
    if (last && at === changes.at(-1)?.at) for (const personId of arriving) await welcome(tx, context, row, position, personId, at)
    last = fresh
  }
}

/** The handoff message for whoever goes on call: handoff notes, and open incidents. */
async function welcome(tx: Tx, context: AppContext, row: ScheduleRow, position: number, personId: string, at: Instant): Promise<void> {
  const person = await findPerson(tx, personId)
  if (!person?.isActive) return
  const [team] = await listTeams(tx, [row.teamId])
  const notes = await tx.db
    .select({ note: handoffNotes, author: people.name })
    .from(handoffNotes)
    .innerJoin(people, eq(people.id, handoffNotes.writtenById))
    .where(and(eq(handoffNotes.teamId, row.teamId), gt(handoffNotes.writtenAt, addDays(at, -7))))
    .orderBy(desc(handoffNotes.writtenAt))
    .limit(3)
  const open = await context.workload.openIncidents(tx, row.teamId, { personId, role: person.role, needToKnow: 'own' })
  const role = position === 0 ? 'on call' : `${position < tierNames.length ? '' : 'on call at '}${positionName(position)}`
  const body = [
    `You are now ${role} for ${team?.name ?? row.name} (${row.name}).`,
    notes.length === 0 ? 'No handoff notes.' : notes.map(({ note, author }) => `${author} wrote:\n${note.text}`).join('\n\n'),
    open.lines.length === 0 ? 'No open incidents.' : `Open incidents:\n${open.lines.map(line => `- ${line}`).join('\n')}`,
    `View who is on call and your shifts: ${context.messenger.origin}/on-call`,
  ].join('\n\n')
  await context.messenger.post(tx, {
    channel: 'email',
    address: person.email,
    purpose: 'handoff',
    purposeId: row.id,
    // One of them may be restricted before the message leaves.
    namedIds: open.ids,
    subject: `You are ${role} for ${team?.name ?? row.name}`,
    body: `${body}\n`,
    isDemo: person.isDemo,
  })
}

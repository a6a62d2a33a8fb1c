import { isDeepStrictEqual } from 'node:util'
import type { Override, OverrideInput, Schedule, ScheduleInput, Temporary, TemporaryInput } from '@tocsin/api'
import { includesRole } from '@tocsin/api'
import { span } from '@tocsin/events'
import { peopleOf, shifts } from '@tocsin/oncall'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { type AppContext, assertPeople, assertResponders, type Caller, findPerson } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { type Actor, markAs, record } from '../journal/index.ts'
import { addDays, type Instant, laterOf } from '../kernel/clock.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { AppProblem, changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { recordShifts } from './shift-log.ts'
import { findSchedule, type OnCallSnapshot, type OverrideRow, positionName, positionsOf, readSnapshot, type ScheduleRow } from './snapshot.ts'
import { apprenticeships, overrides, schedules } from './tables.ts'

const maxSchedules = 50
const maxOverrides = 1_000
/** How far ahead people are notified of changed shifts, and coverage is checked. */
export const horizonDays = 90

export function scheduleView(row: ScheduleRow): Schedule {
  const { id, teamId, name, timeZone, merge, layers, needsApprenticeship, version } = row
  return { id, teamId, name, timeZone, merge, layers, needsApprenticeship, version }
}

/**
 * Adds a schedule to a team, or changes one. Saving it as it is changes nothing.
 * @param left people who may be named though they have left
 */
export async function saveSchedule(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: z.output<typeof ScheduleInput> & { id?: string | undefined; version?: number | undefined },
  left: readonly string[] = [],
): Promise<Schedule> {
  await holdLock(tx, 'organization')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  const { id: given, version, ...values } = input
  // People who have left, or may only observe now, may remain in a layer until they are replaced; new ones must be able to respond.
  const before = given === undefined ? undefined : await lockSchedule(tx, given)
  if (before && before.teamId !== teamId) throw notFound('schedule')
  const known = new Set(before?.layers.flatMap(peopleOf))
  await assertResponders(
    tx,
    values.layers.flatMap(peopleOf).filter(id => !known.has(id) && !left.includes(id)),
    'layers.participants',
  )
  const id = given ?? newId()
  if (before) {
    if (version === undefined) throw invalid('version', 'is required to change a schedule')
    if (before.version !== version) throw changedMeanwhile()
  }
  const isOfTeam = eq(schedules.teamId, teamId)
  if (await isNameTaken(tx, schedules, values.name, id, isOfTeam)) throw conflict(`The team already has a schedule named ${values.name}.`)
  if (!before && (await tx.db.$count(schedules, isOfTeam)) >= maxSchedules) throw conflict(`A team can have at most ${maxSchedules} schedules.`)
  if (before && isDeepStrictEqual(factsOf({ teamId, ...values }), factsOf(before))) return scheduleView(before)
  await changing(tx, context, caller.actor, id, async () => {
    if (before)
      await tx.db
        .update(schedules)
        .set({ ...values, version: before.version + 1 })
        .where(eq(schedules.id, id))
    else await tx.db.insert(schedules).values({ ...values, id, teamId })
    // Whoever is in the schedule when the rule is turned on counts as trained: it applies to those who join later.
    if (values.needsApprenticeship && before?.needsApprenticeship !== true)
      await markAsTrained(tx, caller, teamId, [...known, ...values.layers.flatMap(peopleOf)])
    const entry = { actor: caller.actor, subject: { kind: 'schedule', id } } as const
    const data = factsOf({ teamId, ...values })
    if (before) await record(tx, { ...entry, type: 'schedule.changed', data: { ...data, before: factsOf(before) } })
    else {
      await markAs(tx, id, teamId)
      await record(tx, { ...entry, type: 'schedule.added', data })
    }
  })
  const row = await findSchedule(tx, id)
  if (!row) throw notFound('schedule')
  return scheduleView(row)
}

/** A schedule as its entries keep it. */
function factsOf({ teamId, name, timeZone, merge, layers, needsApprenticeship }: Omit<ScheduleRow, 'id' | 'version'>) {
  return { teamId, name, timeZone, merge, layers, needsApprenticeship }
}

/** An override as its entries keep it. */
function overrideFacts({ id, kind, position, participantIds, layers, start, end, reason }: OverrideRow) {
  return { id, kind, position, participantIds, layers, start, end, reason }
}

async function markAsTrained(tx: Tx, caller: Caller, teamId: string, personIds: readonly string[]): Promise<void> {
  const ids = [...new Set(personIds)]
  if (ids.length === 0) return
  await tx.db
    .insert(apprenticeships)
    .values(ids.map(personId => ({ teamId, personId, startedAt: tx.now, finishedAt: tx.now, finishedById: caller.personId })))
    .onConflictDoNothing()
}

/** @throws AppProblem conflict while a tier of a team or a policy uses it. */
export async function removeSchedule(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  await holdLock(tx, 'organization')
  const row = await lockSchedule(tx, id)
  const snapshot = await readSnapshot(tx)
  const using = [...snapshot.settings].find(([, { tiers }]) => tiers.some(one => one.scheduleId === id))
  if (using) {
    const [teamId, { tiers }] = using
    const [team] = await listTeams(tx, [teamId])
    throw conflict(`The team ${team?.name} uses this schedule for its tier ${tiers.find(one => one.scheduleId === id)?.name}. Change the tiers first.`)
  }
  await context.usages.assertUnused(tx, 'schedule', id)
  await recordShifts(tx, context, [id], { isGone: true })
  await tx.db.delete(schedules).where(eq(schedules.id, id))
  await record(tx, { actor: caller.actor, type: 'schedule.removed', subject: { kind: 'schedule', id }, data: { teamId: row.teamId, name: row.name } })
}

async function lockSchedule(tx: Tx, id: string): Promise<ScheduleRow> {
  const [row] = await tx.db.select().from(schedules).where(eq(schedules.id, id)).for('update')
  if (!row) throw notFound('schedule')
  return row
}

/** Responders of the team may take a shift, shadow one, or remove themselves from theirs; overrides for others, and for other teams, are for leads. */
async function assertMayOverride(tx: Tx, caller: Caller, schedule: ScheduleRow, participantIds: readonly string[]): Promise<void> {
  if (includesRole(caller.role, 'lead')) return
  const [team] = await listTeams(tx, [schedule.teamId])
  const isTheirs = team?.members.some(member => member.id === caller.personId) || schedule.layers.some(layer => peopleOf(layer).includes(caller.personId))
  if (!isTheirs) throw new AppProblem('forbidden', 'You are not on this team. Ask a team lead to make this change.')
  if (participantIds.length !== 1 || participantIds[0] !== caller.personId)
    throw new AppProblem('forbidden', 'You can only add or remove yourself. Ask a lead to create overrides for others.')
}

async function assertOverridesLeft(tx: Tx, scheduleId: string): Promise<void> {
  const snapshot = await readSnapshot(tx)
  if (snapshot.overrides.filter(one => one.scheduleId === scheduleId).length >= maxOverrides)
    throw conflict(`A schedule can have at most ${maxOverrides} current and future overrides.`)
}

export async function addOverride(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  scheduleId: string,
  input: z.output<typeof OverrideInput> & { reason: string },
): Promise<Override> {
  await assertMayOverride(tx, caller, await lockSchedule(tx, scheduleId), input.participants)
  if (input.end <= tx.now) throw invalid('end', 'must be in the future')
  if (input.kind === 'remove') await assertPeople(tx, input.participants, 'participants')
  else await assertResponders(tx, input.participants, 'participants')
  await assertOverridesLeft(tx, scheduleId)
  const { participants, position = 0, kind, start, end, reason } = input
  // It starts now at the earliest, so that the past does not change.
  const row = { kind, position, participantIds: participants, name: null, layers: null, merge: null, start: laterOf(start, tx.now), end, reason }
  return overrideView(await addRow(tx, context, caller, scheduleId, row), caller.actor.name)
}

export async function addTemporary(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  scheduleId: string,
  input: z.output<typeof TemporaryInput> & { reason: string },
): Promise<Temporary> {
  await lockSchedule(tx, scheduleId)
  if (input.end <= tx.now) throw invalid('end', 'must be in the future')
  await assertResponders(tx, input.layers.flatMap(peopleOf), 'layers.participants')
  await assertOverridesLeft(tx, scheduleId)
  const { name, layers, merge = 'top', start, end, reason } = input
  const row = { kind: 'temporary' as const, position: 0, participantIds: [], name, layers, merge, start: laterOf(start, tx.now), end, reason }
  return temporaryView(await addRow(tx, context, caller, scheduleId, row), caller.actor.name)
}

async function addRow(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  scheduleId: string,
  row: Omit<OverrideRow, 'id' | 'scheduleId' | 'createdById' | 'createdAt'>,
): Promise<OverrideRow> {
  const stored = { ...row, id: newId(), scheduleId, createdById: caller.personId, createdAt: tx.now }
  await changing(tx, context, caller.actor, scheduleId, async () => {
    await tx.db.insert(overrides).values(stored)
    await record(tx, {
      actor: caller.actor,
      type: 'override.added',
      subject: { kind: 'schedule', id: scheduleId },
      data: overrideFacts(stored),
    })
  })
  return stored
}

/** Removes an override: a future one is deleted, one that has begun ends now. */
export async function removeOverride(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const [row] = await tx.db.select().from(overrides).where(eq(overrides.id, id)).for('update')
  if (!row || row.end <= tx.now) throw notFound('override')
  if (!includesRole(caller.role, 'lead') && row.createdById !== caller.personId && !row.participantIds.includes(caller.personId))
    throw new AppProblem('forbidden', 'You can only remove overrides that you created or that include you. Ask a lead.')
  await changing(tx, context, caller.actor, row.scheduleId, async () => {
    if (row.start >= tx.now) await tx.db.delete(overrides).where(eq(overrides.id, id))
    else await tx.db.update(overrides).set({ end: tx.now }).where(eq(overrides.id, id))
    await record(tx, { actor: caller.actor, type: 'override.removed', subject: { kind: 'schedule', id: row.scheduleId }, data: overrideFacts(row) })
  })
}

export const overrideView = (row: OverrideRow, createdBy: string): Override => ({
  id: row.id,
  kind: row.kind === 'temporary' ? 'replace' : row.kind,
  position: row.position,
  participants: row.participantIds,
  start: row.start,
  end: row.end,
  reason: row.reason,
  createdBy,
  createdAt: row.createdAt,
})

export const temporaryView = (row: OverrideRow, createdBy: string): Temporary => ({
  id: row.id,
  name: row.name ?? '',
  layers: row.layers ?? [],
  merge: row.merge ?? 'top',
  start: row.start,
  end: row.end,
  reason: row.reason,
  createdBy,
  createdAt: row.createdAt,
})

/**
 * Makes a change to one schedule with its consequences: who is on call now is recorded, the next handoff is scheduled, and
 * everybody whose shifts have changed is notified.
 */
async function changing(tx: Tx, context: AppContext, actor: Actor, scheduleId: string, change: () => Promise<void>): Promise<void> {
  const before = await readSnapshot(tx)
  await change()
  const after = await readSnapshot(tx)
  await recordShifts(tx, context, [scheduleId])
  await notifyAffected(tx, context, actor, before, after, [scheduleId])
}

/** Notifies everybody whose shifts in the next 90 days have changed, except who changed them. */
export async function notifyAffected(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  before: OnCallSnapshot,
  after: OnCallSnapshot,
  scheduleIds: readonly string[],
): Promise<void> {
  const until = addDays(tx.now, horizonDays)
  for (const id of scheduleIds) {
    const row = after.rows.get(id)
    if (!row) continue
    const [team] = await listTeams(tx, [row.teamId])
    const then = heldIn(before, id, tx.now, until)
    const now = heldIn(after, id, tx.now, until)
    for (const personId of new Set([...then.keys(), ...now.keys()])) {
      const [old = [], fresh = []] = [then.get(personId), now.get(personId)]
      if (personId === actor.id || old.join() === fresh.join()) continue
      const person = await findPerson(tx, personId)
      if (!person?.isActive) continue
      await context.messenger.post(tx, {
        channel: 'email',
        address: person.email,
        purpose: 'on-call',
        purposeId: id,
        subject: `Your on-call shifts in ${row.name} have changed`,
        body: `${actor.name} changed ${row.name}${team ? ` of ${team.name}` : ''}.\n\n${shiftWords(fresh, tx.now, row.timeZone)}\n\nView the schedule: ${context.messenger.origin}/on-call\n`,
        isDemo: person.isDemo,
      })
    }
  }
}

const maxShiftLines = 12

function shiftWords(held: readonly string[], now: Instant, timeZone: string): string {
  if (held.length === 0) return 'You have no shifts on this schedule in the next 90 days.'
  const lines = held
    .toSorted()
    .slice(0, maxShiftLines)
    .map(shift => {
      const [start = '', end = '', position = '0'] = shift.split(' ')
      return `- ${span(start, end, now, timeZone)}${position === '0' ? '' : `, ${positionName(Number(position))}`}`
    })
  const more = held.length > maxShiftLines ? [`- and ${held.length - maxShiftLines} more`] : []
  return ['Your shifts in the next 90 days:', ...lines, ...more].join('\n')
}

/** For each person their shifts: `start end position`. */
function heldIn(snapshot: OnCallSnapshot, scheduleId: string, from: Instant, until: Instant): Map<string, string[]> {
  const schedule = snapshot.schedules.get(scheduleId)
  const held = new Map<string, string[]>()
  if (schedule === undefined) return held
  for (const position of positionsOf(snapshot, scheduleId))
    for (const shift of shifts(schedule, from, until, position))
      for (const person of shift.participants) held.set(person, [...(held.get(person) ?? []), `${shift.start} ${shift.end} ${position}`])
  return held
}

/** People by id who created overrides, with their names. */
export async function namesOf(reader: Reader, rows: readonly OverrideRow[]): Promise<(row: OverrideRow) => string> {
  const snapshot = new Map<string, string>()
  for (const id of new Set(rows.flatMap(row => row.createdById ?? []))) snapshot.set(id, (await findPerson(reader, id))?.name ?? '')
  return row => (row.createdById === null ? 'Tocsin' : (snapshot.get(row.createdById) ?? ''))
}

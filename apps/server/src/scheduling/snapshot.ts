import type { OnCallShift, PageTarget, Reference, Role } from '@tocsin/api'
import type { Absence, Schedule as CoreSchedule, Shift } from '@tocsin/oncall'
import { peopleOf, shiftAt, tierNames } from '@tocsin/oncall'
import { and, asc, eq, gt, inArray, isNotNull } from 'drizzle-orm'
import { canRespond, people } from '../access/index.ts'
import { teamMembers } from '../directory/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader } from '../kernel/database.ts'
import { apprenticeships, onCallSettings, overrides, schedules, timeOff } from './tables.ts'

export type ScheduleRow = typeof schedules.$inferSelect
export type OverrideRow = typeof overrides.$inferSelect
export type Settings = (typeof onCallSettings.$inferSelect)['settings']

const longAgo = '1970-01-01T00:00:00.000Z'

/** Everything that decides who is on call, read at one moment. */
export interface OnCallSnapshot {
  readonly at: Instant
  readonly rows: ReadonlyMap<string, ScheduleRow>
  readonly overrides: readonly OverrideRow[]
  /** Schedules as the pure core reads them, by id. */
  readonly schedules: ReadonlyMap<string, CoreSchedule>
  readonly settings: ReadonlyMap<string, Settings>
  readonly people: ReadonlyMap<string, { readonly name: string; readonly isActive: boolean; readonly canRespond: boolean }>
  readonly members: ReadonlyMap<string, readonly string[]>
}

/**
 * Reads schedules with what changes them: overrides, temporary schedules, time off, people who left, apprentices.
 * @param teamIds whose schedules; all where undefined
 * @param since overrides and time off that ended before are left out
 */
export async function readSnapshot(reader: Reader, teamIds?: readonly string[], since: Instant = reader.now): Promise<OnCallSnapshot> {
  const { db } = reader
  const rows = await db
    .select()
    .from(schedules)
    .where(teamIds === undefined ? undefined : inArray(schedules.teamId, [...teamIds]))
    .orderBy(asc(schedules.name), asc(schedules.id))
  const settings = await db.select({ teamId: onCallSettings.teamId, settings: onCallSettings.settings }).from(onCallSettings)
  const memberships = await db.select().from(teamMembers)
  const over = rows.length === 0 ? [] : await db.select().from(overrides).where(gt(overrides.end, since)).orderBy(asc(overrides.id))
  return assemble(reader, since, { rows, settings, memberships, over, everybody: await db.select(named).from(people) })
}

/**
 * The part of the on-call snapshot that decides whom the pages of some teams go to now: an installation has thousands of people, a batch of pages concerns few.
 * @param targets what else is needed: the targets of their policies
 */
export async function readSnapshotOf(reader: Reader, settings: ReadonlyMap<string, Settings>, targets: readonly PageTarget[]): Promise<OnCallSnapshot> {
  const { db } = reader
  const all = [...targets, ...[...settings.values()].flatMap(one => one.fallback)]
  const scheduleIds = [
    ...[...settings.values()].flatMap(one => one.tiers.map(({ scheduleId }) => scheduleId)),
    ...all.flatMap(target => (target.kind === 'schedule' ? [target.scheduleId] : [])),
  ]
  const teamIds = [...settings.keys(), ...all.flatMap(target => (target.kind === 'team' ? [target.teamId] : []))]
  const rows =
    scheduleIds.length === 0
      ? []
      : await db
          .select()
          .from(schedules)
          .where(inArray(schedules.id, [...new Set(scheduleIds)]))
  const memberships = await db
    .select()
    .from(teamMembers)
    .where(inArray(teamMembers.teamId, [...new Set(teamIds)]))
  const over =
    rows.length === 0
      ? []
      : await db
          .select()
          .from(overrides)
          .where(
            and(
              inArray(
                overrides.scheduleId,
                rows.map(row => row.id),
              ),
              gt(overrides.end, reader.now),
            ),
          )
          .orderBy(asc(overrides.id))
  const layers = [...rows.flatMap(row => row.layers), ...over.flatMap(one => one.layers ?? [])]
  const personIds = new Set([
    ...layers.flatMap(peopleOf),
    ...over.flatMap(one => one.participantIds),
    ...memberships.map(one => one.personId),
    ...all.flatMap(target => (target.kind === 'person' ? [target.personId] : [])),
  ])
  const everybody =
    personIds.size === 0
      ? []
      : await db
          .select(named)
          .from(people)
          .where(inArray(people.id, [...personIds]))
  return assemble(reader, reader.now, { rows, settings: [...settings].map(([teamId, own]) => ({ teamId, settings: own })), memberships, over, everybody })
}

const named = { id: people.id, name: people.name, isActive: people.isActive, role: people.role }

interface Parts {
  readonly rows: readonly ScheduleRow[]
  readonly settings: readonly { readonly teamId: string; readonly settings: Settings }[]
  readonly memberships: readonly { readonly teamId: string; readonly personId: string }[]
  readonly over: readonly OverrideRow[]
  readonly everybody: readonly { readonly id: string; readonly name: string; readonly isActive: boolean; readonly role: Role }[]
}

async function assemble(reader: Reader, since: Instant, { rows, settings, memberships, over, everybody }: Parts): Promise<OnCallSnapshot> {
  const { db } = reader
  const off = await db.select().from(timeOff).where(gt(timeOff.end, since)).orderBy(asc(timeOff.id))
  const finished = rows.some(row => row.needsApprenticeship) ? await db.select().from(apprenticeships).where(isNotNull(apprenticeships.finishedAt)) : []
  // Whoever has left, or may only observe now, is never on call.
  const left: Absence[] = everybody.filter(one => !canRespond(one)).map(one => ({ participant: one.id, start: longAgo }))
  const absences = [...left, ...off.map(one => ({ participant: one.personId, start: one.start, end: one.end }))]
  const overOf = Map.groupBy(over, one => one.scheduleId)
  return {
    at: reader.now,
    rows: new Map(rows.map(row => [row.id, row])),
    overrides: over,
    schedules: new Map(
      rows.map(row => {
        const able = new Set(finished.filter(one => one.teamId === row.teamId).map(one => one.personId))
        const apprentices = row.needsApprenticeship ? everybody.map(one => one.id).filter(id => !able.has(id)) : []
        return [row.id, toCore(row, overOf.get(row.id) ?? [], absences, apprentices)]
      }),
    ),
    settings: new Map(settings.map(row => [row.teamId, row.settings])),
    people: new Map(everybody.map(one => [one.id, { name: one.name, isActive: one.isActive, canRespond: canRespond(one) }])),
    members: new Map([...Map.groupBy(memberships, one => one.teamId)].map(([id, own]) => [id, own.map(one => one.personId)])),
  }
}

/** The same moment without some people: schedules pass them over as those who have left, and nobody pages them. */
export function withoutPeople(snapshot: OnCallSnapshot, ids: ReadonlySet<string>): OnCallSnapshot {
  const absences = [...ids].map(participant => ({ participant, start: longAgo }))
  return {
    ...snapshot,
    schedules: new Map([...snapshot.schedules].map(([id, schedule]) => [id, { ...schedule, absences: [...(schedule.absences ?? []), ...absences] }])),
    people: new Map([...snapshot.people].map(([id, person]) => [id, ids.has(id) ? { ...person, canRespond: false } : person])),
  }
}

/** A schedule as the pure core reads it; its name is its id, so that coverage requirements can name it. */
export function toCore(
  row: Omit<ScheduleRow, 'version'>,
  own: readonly OverrideRow[],
  absences: readonly Absence[],
  apprentices: readonly string[],
): CoreSchedule {
  // Of all absences and apprentices only those of the schedule matter: each is checked for every span of time.
  const layers = [...row.layers, ...own.flatMap(one => one.layers ?? [])]
  const current = new Set([...layers.flatMap(peopleOf), ...own.flatMap(one => one.participantIds)])
  return {
    name: row.id,
    timeZone: row.timeZone,
    merge: row.merge,
    layers: row.layers,
    overrides: own.flatMap(({ kind, position, participantIds, start, end }) =>
      kind === 'temporary' ? [] : [{ kind, position, participants: participantIds, start, end }],
    ),
    temporaries: own.flatMap(({ name, start, end, layers, merge }) =>
      layers === null ? [] : [{ name: name ?? '', start, end, layers, merge: merge ?? 'top' }],
    ),
    absences: absences.filter(one => current.has(one.participant)),
    apprentices: apprentices.filter(id => current.has(id)),
  }
}

export function referenceIn(snapshot: OnCallSnapshot, id: string): Reference {
  return { id, name: snapshot.people.get(id)?.name ?? 'Unknown user' }
}

export function toShift(snapshot: OnCallSnapshot, shift: Shift): OnCallShift {
  const name = (id: string) => referenceIn(snapshot, id)
  return { start: shift.start, end: shift.end, people: shift.participants.map(name), shadows: (shift.shadows ?? []).map(name) }
}

/** A tier by its id; undefined for one that no team of the snapshot has. */
export function tierOf(snapshot: OnCallSnapshot, tierId: string): Settings['tiers'][number] | undefined {
  for (const { tiers } of snapshot.settings.values()) {
    const found = tiers.find(tier => tier.id === tierId)
    if (found !== undefined) return found
  }
  return undefined
}

/** Who is behind a target now: ids of people, and of those who shadow. A channel is nobody. */
export function peopleBehind(
  snapshot: OnCallSnapshot,
  teamId: string,
  target: PageTarget,
): { readonly people: readonly string[]; readonly shadows: readonly string[] } {
  const held = (scheduleId: string, position: number) => {
    const schedule = snapshot.schedules.get(scheduleId)
    if (schedule === undefined) return { people: [], shadows: [] }
    const { participants, shadows = [] } = shiftAt(schedule, snapshot.at, position)
    return { people: participants, shadows }
  }
  const active = (ids: readonly string[]) => ({ people: ids.filter(id => snapshot.people.get(id)?.canRespond), shadows: [] })
  if (target.kind === 'tier') {
    const requirement = tierOf(snapshot, target.tierId)
    return requirement === undefined ? active([]) : held(requirement.scheduleId, requirement.position)
  }
  if (target.kind === 'schedule') return held(target.scheduleId, target.position)
  if (target.kind === 'person') return active([target.personId])
  if (target.kind === 'team') return active(snapshot.members.get(target.teamId) ?? [])
  if (target.kind === 'everyone') return active(snapshot.members.get(teamId) ?? [])
  return active([])
}

/** The places in layers of people who have left or may only observe: to be filled. */
export function vacancies(snapshot: OnCallSnapshot, teamId: string): { schedule: Reference; layer: string; person: Reference; sentence: string }[] {
  return [...snapshot.rows.values()]
    .filter(row => row.teamId === teamId)
    .flatMap(row =>
      row.layers.flatMap(layer =>
        peopleOf(layer)
          .filter(id => snapshot.people.get(id)?.canRespond !== true)
          .map(id => {
            const person = referenceIn(snapshot, id)
            const state = snapshot.people.get(id)?.isActive ? 'an observer' : 'deactivated'
            const sentence = `${person.name} is ${state} and still in ${row.name}, layer ${layer.name}.`
            return { schedule: { id: row.id, name: row.name }, layer: layer.name, person, sentence }
          }),
      ),
    )
}

/** What people call a position in a rotation: 0 is the primary. */
export const positionName = (position: number): string => tierNames[position] ?? `position ${position + 1}`

/** The positions of a schedule that tiers use; the first always. */
export function positionsOf(snapshot: OnCallSnapshot, scheduleId: string): number[] {
  const requirement = [...snapshot.settings.values()].flatMap(({ tiers }) => tiers.filter(one => one.scheduleId === scheduleId).map(one => one.position))
  return [...new Set([0, ...requirement])].toSorted((a, b) => a - b)
}

export async function findSchedule(reader: Reader, id: string): Promise<ScheduleRow | undefined> {
  const [row] = await reader.db.select().from(schedules).where(eq(schedules.id, id))
  return row
}

import type { TeamCalendar, TeamOnCall } from '@tocsin/api'
import { shifts } from '@tocsin/oncall'
import { and, asc, eq, gt, isNull, lt, or } from 'drizzle-orm'
import { listTeams } from '../directory/index.ts'
import { addDays, type Instant, laterOf } from '../kernel/clock.ts'
import type { Reader } from '../kernel/database.ts'
import { invalid, notFound } from '../kernel/problems.ts'
import { comingConcerns, concernsOf, unreachablePeople } from './coverage.ts'
import { horizonDays, namesOf, overrideView, scheduleView, temporaryView } from './schedules.ts'
import { type OnCallSnapshot, positionsOf, readSnapshot, referenceIn, type Settings, toShift, vacancies } from './snapshot.ts'
import { onCallSettings, shiftRecords } from './tables.ts'
import { listTimeOff } from './time-off.ts'

/** How far ahead the end of a shift is looked for. */
const shiftDays = 14
const maxCalendarDays = 100
export const maxFairnessDays = 400

/** Each team with who is on call and what is wrong with its coverage. */
export async function listOnCall(reader: Reader, teamIds?: readonly string[]): Promise<TeamOnCall[]> {
  const teams = await listTeams(reader, teamIds)
  const snapshot = await readSnapshot(reader)
  const versions = new Map(
    (await reader.db.select({ id: onCallSettings.teamId, version: onCallSettings.version }).from(onCallSettings)).map(row => [row.id, row.version]),
  )
  const unreachable = await unreachablePeople(reader)
  return teams.map(team => {
    const settings = snapshot.settings.get(team.id)
    return {
      team: { id: team.id, name: team.name },
      teamKind: team.kind,
      settings: settings ? { ...settings, version: versions.get(team.id) ?? 1 } : null,
      schedules: [...snapshot.rows.values()].filter(row => row.teamId === team.id).map(scheduleView),
      current: (settings?.tiers ?? []).flatMap(requirement => current(snapshot, requirement)),
      concerns: comingConcerns(snapshot, team.id, unreachable),
      vacancies: vacancies(snapshot, team.id),
    }
  })
}

function current(snapshot: OnCallSnapshot, { name: tier, scheduleId, position }: Settings['tiers'][number]): TeamOnCall['current'] {
  const core = snapshot.schedules.get(scheduleId)
  if (core === undefined) return []
  const found = shifts(core, snapshot.at, addDays(snapshot.at, shiftDays), position)
  const [now] = found
  if (now === undefined) return []
  const { people, shadows } = toShift(snapshot, now)
  return [{ tier, schedule: { id: scheduleId, name: snapshot.rows.get(scheduleId)?.name ?? '' }, people, shadows, until: found.length > 1 ? now.end : null }]
}

/** How many of these teams have somebody on call now. */
export async function countStaffed(reader: Reader, teamIds: readonly string[]): Promise<number> {
  const snapshot = await readSnapshot(reader, teamIds)
  const isStaffed = (tiers: Settings['tiers']) => tiers.some(tier => current(snapshot, tier).some(({ people }) => people.length > 0))
  return teamIds.filter(id => isStaffed(snapshot.settings.get(id)?.tiers ?? [])).length
}

export async function onCallOf(reader: Reader, teamId: string): Promise<TeamOnCall> {
  const [found] = await listOnCall(reader, [teamId])
  if (!found) throw notFound('team')
  return found
}

/** @throws AppProblem invalid for a period that is empty, or longer than so many days */
export function assertPeriod({ from, until }: { from: Instant; until: Instant }, maxDays: number): void {
  if (until <= from) throw invalid('until', 'must be later than from')
  if (until > addDays(from, maxDays)) throw invalid('until', `must be at most ${maxDays} days after from`)
}

/** All that a calendar of a team shows. */
export async function readCalendar(reader: Reader, teamId: string, period: { from: Instant; until: Instant }): Promise<TeamCalendar> {
  assertPeriod(period, maxCalendarDays)
  const [team] = await listTeams(reader, [teamId])
  if (!team) throw notFound('team')
  const { from, until } = period
  const snapshot = await readSnapshot(reader, undefined, from)
  // Includes schedules of other teams that this team uses for its tiers.
  const requirement = new Set(snapshot.settings.get(teamId)?.tiers.map(one => one.scheduleId))
  const rows = [...snapshot.rows.values()].filter(row => row.teamId === teamId || requirement.has(row.id))
  const createdBy = await namesOf(reader, snapshot.overrides)
  const unreachable = await unreachablePeople(reader)
  const found = rows.map(row => {
    const core = snapshot.schedules.get(row.id)
    const own = snapshot.overrides.filter(one => one.scheduleId === row.id && one.start < until)
    return {
      schedule: scheduleView(row),
      layers: row.layers.map(layer => ({
        name: layer.name,
        shifts: shifts({ name: row.id, timeZone: row.timeZone, layers: [layer] }, from, until).map(shift => toShift(snapshot, shift)),
      })),
      final:
        core === undefined
          ? []
          : positionsOf(snapshot, row.id).map(position => ({ position, shifts: shifts(core, from, until, position).map(shift => toShift(snapshot, shift)) })),
      overrides: own.filter(one => one.kind !== 'temporary').map(one => overrideView(one, createdBy(one))),
      temporaries: own.filter(one => one.kind === 'temporary').map(one => temporaryView(one, createdBy(one))),
    }
  })
  const current = new Set(
    found.flatMap(one => one.final.flatMap(({ shifts: own }) => own.flatMap(shift => [...shift.people, ...shift.shadows].map(person => person.id)))),
  )
  return {
    team: { id: team.id, name: team.name },
    schedules: found,
    concerns: concernsOf(snapshot, teamId, unreachable, laterOf(from, reader.now), laterOf(until, reader.now)),
    timeOff: (await listTimeOff(reader, snapshot)).filter(
      off => off.start < until && off.end > from && (current.has(off.person.id) || team.members.some(one => one.id === off.person.id)),
    ),
    people: [...new Set([...current, ...team.members.map(member => member.id)])].map(id => referenceIn(snapshot, id)),
  }
}

/** The coming shifts of one person, in all teams. */
export function shiftsOf(snapshot: OnCallSnapshot, teams: readonly { id: string; name: string }[], personId: string, from: Instant, until: Instant) {
  return teams
    .flatMap(team =>
      (snapshot.settings.get(team.id)?.tiers ?? []).flatMap(({ name: tier, scheduleId, position }) => {
        const core = snapshot.schedules.get(scheduleId)
        if (core === undefined) return []
        return shifts(core, from, until, position)
          .filter(shift => shift.participants.includes(personId) || shift.shadows?.includes(personId))
          .map(shift => ({
            team: { id: team.id, name: team.name },
            schedule: { id: scheduleId, name: snapshot.rows.get(scheduleId)?.name ?? '' },
            tier,
            start: shift.start,
            end: shift.end,
            isShadow: !shift.participants.includes(personId),
          }))
      }),
    )
    .toSorted((a, b) => (a.start < b.start ? -1 : 1))
}

export async function listMyShifts(reader: Reader, personId: string) {
  return shiftsOf(await readSnapshot(reader), await listTeams(reader), personId, reader.now, addDays(reader.now, horizonDays))
}

const maxShiftRecords = 20_000

/** Who was on call, as recorded when it happened. */
export async function readPastCoverage(reader: Reader, teamId: string, { from, until }: { from: Instant; until: Instant }) {
  assertPeriod({ from, until }, maxFairnessDays)
  const snapshot = await readSnapshot(reader, [])
  const rows = await reader.db
    .select()
    .from(shiftRecords)
    .where(and(eq(shiftRecords.teamId, teamId), lt(shiftRecords.start, until), or(isNull(shiftRecords.end), gt(shiftRecords.end, from))))
    .orderBy(asc(shiftRecords.start), asc(shiftRecords.position))
    .limit(maxShiftRecords + 1)
  if (rows.length > maxShiftRecords) throw invalid('until', `must be earlier: the period contains more than ${maxShiftRecords} shifts`)
  return rows.map(row => ({
    schedule: { id: row.scheduleId, name: row.scheduleName },
    position: row.position,
    start: row.start,
    end: row.end,
    people: row.participantIds.map(id => referenceIn(snapshot, id)),
    shadows: row.shadowIds.map(id => referenceIn(snapshot, id)),
    entryId: row.entryId,
  }))
}

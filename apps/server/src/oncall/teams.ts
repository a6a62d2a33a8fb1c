import type { oncallRoutes, RouteInput, TeamCalendar, TeamOnCall } from '@tocsin/api'
import { fairness, isWithin, shifts } from '@tocsin/oncall'
import { and, asc, eq, gt, gte, isNull, lt, or } from 'drizzle-orm'
import { assertPeople, type Caller, type House, listTeams } from '../identity/index.ts'
import { record } from '../journal/index.ts'
import { addDays, type Instant, laterOf } from '../platform/clock.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../platform/problems.ts'
import { type Book, readBook, referenceIn, type Settings, toShift, turnsOf, vacancies } from './book.ts'
import { comingConcerns, concernsOf, unreachablePeople } from './coverage.ts'
import { savePolicy } from './policies.ts'
import { horizonDays, namesOf, overrideView, saveSchedule, scheduleView, temporaryView } from './schedules.ts'
import { pageNotifications, pages, policies, shiftRecords, teamsOnCall } from './tables.ts'
import { listTimeOff } from './time-off.ts'
import { watchTurns } from './turns.ts'

/** How far ahead the end of a shift is looked for. */
const shiftDays = 14
const mostCalendarDays = 100
const mostFairnessDays = 400

/** Each team with who is on call and what is wrong with its coverage. */
export async function listOnCall(reader: Reader, teamIds?: readonly string[]): Promise<TeamOnCall[]> {
  const teams = await listTeams(reader, teamIds)
  const book = await readBook(reader)
  const versions = new Map(
    (await reader.db.select({ id: teamsOnCall.teamId, version: teamsOnCall.version }).from(teamsOnCall)).map(row => [row.id, row.version]),
  )
  const unreachable = await unreachablePeople(reader)
  return teams.map(team => {
    const settings = book.settings.get(team.id)
    return {
      team: { id: team.id, name: team.name },
      teamKind: team.kind,
      settings: settings ? { ...settings, version: versions.get(team.id) ?? 1 } : null,
      schedules: [...book.rows.values()].filter(row => row.teamId === team.id).map(scheduleView),
      standing: (settings?.promises ?? []).flatMap(promised => standing(book, promised)),
      concerns: comingConcerns(book, team.id, unreachable),
      vacancies: vacancies(book, team.id),
    }
  })
}

function standing(book: Book, { depth, scheduleId, turn }: Settings['promises'][number]): TeamOnCall['standing'] {
  const core = book.schedules.get(scheduleId)
  if (core === undefined) return []
  const found = shifts(core, book.at, addDays(book.at, shiftDays), turn)
  const [now] = found
  if (now === undefined) return []
  const { people, shadows } = toShift(book, now)
  return [{ depth, schedule: { id: scheduleId, name: book.rows.get(scheduleId)?.name ?? '' }, people, shadows, until: found.length > 1 ? now.end : null }]
}

async function onCallOf(reader: Reader, teamId: string): Promise<TeamOnCall> {
  const [found] = await listOnCall(reader, [teamId])
  if (!found) throw notFound('team')
  return found
}

/** Sets what a team promises and how its pages climb. */
export async function saveTeamOnCall(
  tx: Tx,
  house: House,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof oncallRoutes.saveTeamOnCall>['body'],
): Promise<TeamOnCall> {
  const { version, ...settings } = input
  const [before] = await tx.db.select().from(teamsOnCall).where(eq(teamsOnCall.teamId, teamId)).for('update')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  if (before && version === undefined) throw invalid('version', 'is required to change what a team promises')
  if (before && before.version !== version) throw changedMeanwhile()
  await assertSettings(tx, settings)
  if (before)
    await tx.db
      .update(teamsOnCall)
      .set({ settings, version: before.version + 1 })
      .where(eq(teamsOnCall.teamId, teamId))
  else await tx.db.insert(teamsOnCall).values({ teamId, settings })
  await record(tx, { actor: caller.actor, type: 'on-call.set', subject: { kind: 'team', id: teamId }, data: { ...settings } })
  await watchTurns(tx, house, [...new Set([...settings.promises, ...(before?.settings.promises ?? [])].map(one => one.scheduleId))])
  return onCallOf(tx, teamId)
}

async function assertSettings(tx: Tx, settings: Settings): Promise<void> {
  const book = await readBook(tx)
  const known = new Set((await tx.db.select({ id: policies.id }).from(policies)).map(row => row.id))
  for (const [i, { scheduleId }] of settings.promises.entries())
    if (!book.rows.has(scheduleId)) throw invalid(`promises.${i}.scheduleId`, 'must name a schedule that there is')
  if (settings.policyId !== null && !known.has(settings.policyId)) throw invalid('policyId', 'must name a policy that there is')
  for (const [i, { policyId }] of settings.routing.entries())
    if (!known.has(policyId)) throw invalid(`routing.${i}.policyId`, 'must name a policy that there is')
  await assertPeople(
    tx,
    settings.fallback.flatMap(target => (target.kind === 'person' ? [target.personId] : [])),
    'fallback',
  )
}

const depthNames = ['primary', 'backup', 'third']

/** One rotation, its depths and one policy, for a team that has nothing yet. */
export async function setUpOnCall(
  tx: Tx,
  house: House,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof oncallRoutes.setUpOnCall>['body'],
): Promise<TeamOnCall> {
  const [team] = await listTeams(tx, [teamId])
  if (!team) throw notFound('team')
  const [before] = await tx.db.select({ id: teamsOnCall.teamId }).from(teamsOnCall).where(eq(teamsOnCall.teamId, teamId))
  if (before) throw conflict('The team is on call already: change its schedules instead.')
  await assertPeople(tx, input.participantIds, 'participantIds')
  const { timeZone, rotation, participantIds, steps, repeats } = input
  const row = await saveSchedule(tx, house, caller, teamId, {
    ...{ name: `${team.name} rotation`, timeZone, merge: 'top', needsApprenticeship: false },
    layers: [{ name: 'Rotation', rotation, participants: participantIds }],
  })
  // A depth that there are too few people for is not promised: it would be a gap for ever.
  const depths = Math.min(input.depth, participantIds.length)
  const policy = await savePolicy(tx, caller, teamId, { name: `${team.name} escalation`, steps, repeats, businessHours: null })
  return saveTeamOnCall(tx, house, caller, teamId, {
    timeZone,
    promises: depthNames.slice(0, depths).map((depth, turn) => ({ depth, scheduleId: row.id, turn })),
    ...{ longestDays: null, longestNights: null, fallback: [], policyId: policy.id, routing: [], highFrom: 'high', progressMinutes: null },
    ...{ holidays: [], traineeShifts: 3 },
  })
}

function assertPeriod({ from, until }: { from: Instant; until: Instant }, mostDays: number): void {
  if (until <= from) throw invalid('until', 'must be later than from')
  if (until > addDays(from, mostDays)) throw invalid('until', `must be at most ${mostDays} days after from`)
}

/** All that a calendar of a team shows. */
export async function readCalendar(reader: Reader, teamId: string, period: { from: Instant; until: Instant }): Promise<TeamCalendar> {
  assertPeriod(period, mostCalendarDays)
  const [team] = await listTeams(reader, [teamId])
  if (!team) throw notFound('team')
  const { from, until } = period
  const book = await readBook(reader, undefined, from)
  // Schedules of other teams stand here too where this team promises them.
  const promised = new Set(book.settings.get(teamId)?.promises.map(one => one.scheduleId))
  const rows = [...book.rows.values()].filter(row => row.teamId === teamId || promised.has(row.id))
  const createdBy = await namesOf(reader, book.overrides)
  const unreachable = await unreachablePeople(reader)
  const found = rows.map(row => {
    const core = book.schedules.get(row.id)
    const own = book.overrides.filter(one => one.scheduleId === row.id && one.start < until)
    return {
      schedule: scheduleView(row),
      layers: row.layers.map(layer => ({
        name: layer.name,
        shifts: shifts({ name: row.id, timeZone: row.timeZone, layers: [layer] }, from, until).map(shift => toShift(book, shift)),
      })),
      final:
        core === undefined ? [] : turnsOf(book, row.id).map(turn => ({ turn, shifts: shifts(core, from, until, turn).map(shift => toShift(book, shift)) })),
      overrides: own.filter(one => one.kind !== 'temporary').map(one => overrideView(one, createdBy(one))),
      temporaries: own.filter(one => one.kind === 'temporary').map(one => temporaryView(one, createdBy(one))),
    }
  })
  const standing = new Set(
    found.flatMap(one => one.final.flatMap(({ shifts: own }) => own.flatMap(shift => [...shift.people, ...shift.shadows].map(person => person.id)))),
  )
  return {
    team: { id: team.id, name: team.name },
    schedules: found,
    concerns: concernsOf(book, teamId, unreachable, laterOf(from, reader.now), laterOf(until, reader.now)),
    timeOff: (await listTimeOff(reader, book)).filter(
      off => off.start < until && off.end > from && (standing.has(off.person.id) || team.members.some(one => one.id === off.person.id)),
    ),
    people: [...new Set([...standing, ...team.members.map(member => member.id)])].map(id => referenceIn(book, id)),
  }
}

/** The coming shifts of one person, in all teams. */
export function shiftsOf(book: Book, teams: readonly { id: string; name: string }[], personId: string, from: Instant, until: Instant) {
  return teams
    .flatMap(team =>
      (book.settings.get(team.id)?.promises ?? []).flatMap(({ depth, scheduleId, turn }) => {
        const core = book.schedules.get(scheduleId)
        if (core === undefined) return []
        return shifts(core, from, until, turn)
          .filter(shift => shift.participants.includes(personId) || shift.shadows?.includes(personId))
          .map(shift => ({
            team: { id: team.id, name: team.name },
            schedule: { id: scheduleId, name: book.rows.get(scheduleId)?.name ?? '' },
            depth,
            start: shift.start,
            end: shift.end,
            isShadow: !shift.participants.includes(personId),
          }))
      }),
    )
    .toSorted((a, b) => (a.start < b.start ? -1 : 1))
}

export async function listMyShifts(reader: Reader, personId: string) {
  return shiftsOf(await readBook(reader), await listTeams(reader), personId, reader.now, addDays(reader.now, horizonDays))
}

/** Who was on call, as it was written down when it happened. */
export async function readPastCoverage(reader: Reader, teamId: string, { from, until }: { from: Instant; until: Instant }) {
  assertPeriod({ from, until }, mostFairnessDays)
  const book = await readBook(reader, [])
  const rows = await reader.db
    .select()
    .from(shiftRecords)
    .where(and(eq(shiftRecords.teamId, teamId), lt(shiftRecords.start, until), or(isNull(shiftRecords.end), gt(shiftRecords.end, from))))
    .orderBy(asc(shiftRecords.start), asc(shiftRecords.turn))
    .limit(20_000)
  return rows.map(row => ({
    schedule: { id: row.scheduleId, name: row.scheduleName },
    turn: row.turn,
    start: row.start,
    end: row.end,
    people: row.participantIds.map(id => referenceIn(book, id)),
    shadows: row.shadowIds.map(id => referenceIn(book, id)),
    entryId: row.entryId,
  }))
}

/** What each person carried or will carry in a team. */
export async function readFairness(reader: Reader, teamId: string, { from, until, holidays }: RouteInput<typeof oncallRoutes.fairness>['query']) {
  assertPeriod({ from, until }, mostFairnessDays)
  const asked = holidays
    .split(',')
    .filter(text => text.trim() !== '')
    .map(text => text.trim())
  const wrong = asked.find(text => !/^\d{4}-\d\d-\d\d$/.test(text) || new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) !== text)
  if (wrong !== undefined) throw invalid('holidays', `must be dates such as 2026-12-25 with commas between them, not ${wrong}`)
  const book = await readBook(reader, undefined, from)
  const settings = book.settings.get(teamId)
  const days = asked.length > 0 ? asked : (settings?.holidays ?? [])
  const totals = new Map<string, { hours: number; nightHours: number; weekendHours: number; holidayHours: number }>()
  for (const { scheduleId, turn } of settings?.promises ?? []) {
    const core = book.schedules.get(scheduleId)
    for (const { participant, ...share } of core === undefined ? [] : fairness(core, from, until, { turn, holidays: days })) {
      const before = totals.get(participant) ?? { hours: 0, nightHours: 0, weekendHours: 0, holidayHours: 0 }
      totals.set(participant, {
        hours: before.hours + share.hours,
        nightHours: before.nightHours + share.nightHours,
        weekendHours: before.weekendHours + share.weekendHours,
        holidayHours: before.holidayHours + share.holidayHours,
      })
    }
  }
  const paged = await reader.db
    .selectDistinct({ pageId: pageNotifications.pageId, personId: pageNotifications.personId, at: pageNotifications.at })
    .from(pageNotifications)
    .innerJoin(pages, eq(pages.id, pageNotifications.pageId))
    .where(and(eq(pages.teamId, teamId), gte(pageNotifications.at, from), lt(pageNotifications.at, until)))
  const night = { timeZone: settings?.timeZone ?? 'UTC', hours: [{ from: '22:00', until: '06:00' }] }
  const round = (hours: number) => Math.round(hours * 10) / 10
  return [...new Set([...totals.keys(), ...paged.flatMap(one => one.personId ?? [])])]
    .map(id => {
      const own = paged.filter(one => one.personId === id)
      const share = totals.get(id) ?? { hours: 0, nightHours: 0, weekendHours: 0, holidayHours: 0 }
      return {
        person: referenceIn(book, id),
        hours: round(share.hours),
        nightHours: round(share.nightHours),
        weekendHours: round(share.weekendHours),
        holidayHours: round(share.holidayHours),
        pages: new Set(own.map(one => one.pageId)).size,
        nightPages: new Set(own.filter(one => isWithin(night, one.at)).map(one => one.pageId)).size,
      }
    })
    .toSorted((a, b) => b.hours - a.hours || a.person.name.localeCompare(b.person.name))
}

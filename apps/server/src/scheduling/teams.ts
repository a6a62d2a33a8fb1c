import type { RouteInput, schedulingRoutes, TeamCalendar, TeamOnCall } from '@tocsin/api'
import { fairness, isWithin, shifts } from '@tocsin/oncall'
import { and, asc, eq, gt, gte, isNull, lt, or } from 'drizzle-orm'
import { type AppContext, assertPeople, type Caller } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import { addDays, type Instant, laterOf } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { savePolicy } from '../paging/policies.ts'
import { pageNotifications, pages, policies } from '../paging/tables.ts'
import { comingConcerns, concernsOf, unreachablePeople } from './coverage.ts'
import { horizonDays, namesOf, overrideView, saveSchedule, scheduleView, temporaryView } from './schedules.ts'
import { recordShifts } from './shift-log.ts'
import { type OnCallSnapshot, positionsOf, readSnapshot, referenceIn, type Settings, toShift, vacancies } from './snapshot.ts'
import { onCallSettings, shiftRecords } from './tables.ts'
import { listTimeOff } from './time-off.ts'

/** How far ahead the end of a shift is looked for. */
const shiftDays = 14
const maxCalendarDays = 100
const maxFairnessDays = 400

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

function current(snapshot: OnCallSnapshot, { tier, scheduleId, position }: Settings['tiers'][number]): TeamOnCall['current'] {
  const core = snapshot.schedules.get(scheduleId)
  if (core === undefined) return []
  const found = shifts(core, snapshot.at, addDays(snapshot.at, shiftDays), position)
  const [now] = found
  if (now === undefined) return []
  const { people, shadows } = toShift(snapshot, now)
  return [{ tier, schedule: { id: scheduleId, name: snapshot.rows.get(scheduleId)?.name ?? '' }, people, shadows, until: found.length > 1 ? now.end : null }]
}

async function onCallOf(reader: Reader, teamId: string): Promise<TeamOnCall> {
  const [found] = await listOnCall(reader, [teamId])
  if (!found) throw notFound('team')
  return found
}

/** Sets what a team promises and how its pages climb. */
export async function saveTeamOnCall(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof schedulingRoutes.saveTeamOnCall>['body'],
): Promise<TeamOnCall> {
  const { version, ...settings } = input
  const [before] = await tx.db.select().from(onCallSettings).where(eq(onCallSettings.teamId, teamId)).for('update')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  if (before && version === undefined) throw invalid('version', 'is required to change what a team promises')
  if (before && before.version !== version) throw changedMeanwhile()
  await assertSettings(tx, settings)
  if (before)
    await tx.db
      .update(onCallSettings)
      .set({ settings, version: before.version + 1 })
      .where(eq(onCallSettings.teamId, teamId))
  else await tx.db.insert(onCallSettings).values({ teamId, settings })
  await record(tx, { actor: caller.actor, type: 'on-call.set', subject: { kind: 'team', id: teamId }, data: { ...settings } })
  await recordShifts(tx, context, [...new Set([...settings.tiers, ...(before?.settings.tiers ?? [])].map(one => one.scheduleId))])
  return onCallOf(tx, teamId)
}

async function assertSettings(tx: Tx, settings: Settings): Promise<void> {
  const snapshot = await readSnapshot(tx)
  const known = new Set((await tx.db.select({ id: policies.id }).from(policies)).map(row => row.id))
  for (const [i, { scheduleId }] of settings.tiers.entries())
    if (!snapshot.rows.has(scheduleId)) throw invalid(`promises.${i}.scheduleId`, 'must name a schedule that there is')
  if (settings.policyId !== null && !known.has(settings.policyId)) throw invalid('policyId', 'must name a policy that there is')
  for (const [i, { policyId }] of settings.routing.entries())
    if (!known.has(policyId)) throw invalid(`routing.${i}.policyId`, 'must name a policy that there is')
  await assertPeople(
    tx,
    settings.fallback.flatMap(target => (target.kind === 'person' ? [target.personId] : [])),
    'fallback',
  )
}

const tierNames = ['primary', 'backup', 'third']

/** One rotation, its depths and one policy, for a team that has nothing yet. */
export async function setUpOnCall(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof schedulingRoutes.setUpOnCall>['body'],
): Promise<TeamOnCall> {
  const [team] = await listTeams(tx, [teamId])
  if (!team) throw notFound('team')
  const [before] = await tx.db.select({ id: onCallSettings.teamId }).from(onCallSettings).where(eq(onCallSettings.teamId, teamId))
  if (before) throw conflict('The team is on call already: change its schedules instead.')
  await assertPeople(tx, input.participantIds, 'participantIds')
  const { timeZone, rotation, participantIds, levels, repeats } = input
  const row = await saveSchedule(tx, context, caller, teamId, {
    ...{ name: `${team.name} rotation`, timeZone, merge: 'top', needsApprenticeship: false },
    layers: [{ name: 'Rotation', rotation, participants: participantIds }],
  })
  // A depth that there are too few people for is not promised: it would be a gap for ever.
  const tiers = Math.min(input.tier, participantIds.length)
  const policy = await savePolicy(tx, caller, teamId, { name: `${team.name} escalation`, levels, repeats, businessHours: null })
  return saveTeamOnCall(tx, context, caller, teamId, {
    timeZone,
    tiers: tierNames.slice(0, tiers).map((tier, position) => ({ tier, scheduleId: row.id, position })),
    ...{ longestDays: null, longestNights: null, fallback: [], policyId: policy.id, routing: [], highFrom: 'high', progressMinutes: null },
    ...{ holidays: [], traineeShifts: 3 },
  })
}

function assertPeriod({ from, until }: { from: Instant; until: Instant }, maxDays: number): void {
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
  // Schedules of other teams stand here too where this team promises them.
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
      (snapshot.settings.get(team.id)?.tiers ?? []).flatMap(({ tier, scheduleId, position }) => {
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

/** Who was on call, as it was written down when it happened. */
export async function readPastCoverage(reader: Reader, teamId: string, { from, until }: { from: Instant; until: Instant }) {
  assertPeriod({ from, until }, maxFairnessDays)
  const snapshot = await readSnapshot(reader, [])
  const rows = await reader.db
    .select()
    .from(shiftRecords)
    .where(and(eq(shiftRecords.teamId, teamId), lt(shiftRecords.start, until), or(isNull(shiftRecords.end), gt(shiftRecords.end, from))))
    .orderBy(asc(shiftRecords.start), asc(shiftRecords.position))
    .limit(maxShiftRecords + 1)
  if (rows.length > maxShiftRecords) throw invalid('until', `must be earlier: there are more than ${maxShiftRecords} shifts in this time`)
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

/** What each person carried or will carry in a team. */
export async function readFairness(reader: Reader, teamId: string, { from, until, holidays }: RouteInput<typeof schedulingRoutes.fairness>['query']) {
  assertPeriod({ from, until }, maxFairnessDays)
  const asked = holidays
    .split(',')
    .filter(text => text.trim() !== '')
    .map(text => text.trim())
  const wrong = asked.find(text => !/^\d{4}-\d\d-\d\d$/.test(text) || new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) !== text)
  if (wrong !== undefined) throw invalid('holidays', `must be dates such as 2026-12-25 with commas between them, not ${wrong}`)
  const snapshot = await readSnapshot(reader, undefined, from)
  const settings = snapshot.settings.get(teamId)
  const days = asked.length > 0 ? asked : (settings?.holidays ?? [])
  const totals = new Map<string, { hours: number; nightHours: number; weekendHours: number; holidayHours: number }>()
  for (const { scheduleId, position } of settings?.tiers ?? []) {
    const core = snapshot.schedules.get(scheduleId)
    for (const { participant, ...share } of core === undefined ? [] : fairness(core, from, until, { position, holidays: days })) {
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
        person: referenceIn(snapshot, id),
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

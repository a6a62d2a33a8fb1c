import { type RouteInput, type schedulingRoutes, teamOnCallDefaults } from '@tocsin/api'
import { fairness, isWithin, night } from '@tocsin/oncall'
import { and, eq, gte, lt, ne } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { invalid } from '../kernel/problems.ts'
import { assertPeriod, maxFairnessDays, readSnapshot, referenceIn } from '../scheduling/index.ts'
import { pageNotifications, pages } from './tables.ts'

/** What each person carried or will carry in a team. */
export async function readFairness(reader: Reader, teamId: string, { from, until, holidays }: RouteInput<typeof schedulingRoutes.fairness>['query']) {
  assertPeriod({ from, until }, maxFairnessDays)
  const asked = holidays
    .split(',')
    .filter(text => text.trim() !== '')
    .map(text => text.trim())
  const wrong = asked.find(text => !/^\d{4}-\d\d-\d\d$/.test(text) || new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) !== text)
  if (wrong !== undefined) throw invalid('holidays', `must be comma-separated dates such as 2026-12-25, not ${wrong}`)
  const snapshot = await readSnapshot(reader, undefined, from)
  const settings = snapshot.settings.get(teamId) ?? teamOnCallDefaults
  const days = asked.length > 0 ? asked : settings.holidays
  const totals = new Map<string, { hours: number; nightHours: number; weekendHours: number; holidayHours: number }>()
  for (const { scheduleId, position } of settings.tiers) {
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
    // An exercise is no load of the real world, nor is a drill.
    .where(
      and(
        eq(pages.teamId, teamId),
        eq(pages.isExercise, false),
        ne(pages.subjectKind, 'drill'),
        gte(pageNotifications.at, from),
        lt(pageNotifications.at, until),
      ),
    )
  const nights = { timeZone: settings.timeZone, hours: [night] }
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
        nightPages: new Set(own.filter(one => isWithin(nights, one.at)).map(one => one.pageId)).size,
      }
    })
    .toSorted((a, b) => b.hours - a.hours || a.person.name.localeCompare(b.person.name))
}

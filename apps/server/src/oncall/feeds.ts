import { shifts } from '@tocsin/oncall'
import { and, eq, isNull } from 'drizzle-orm'
import ical, { ICalCalendarMethod } from 'ical-generator'
import { type Caller, findPerson, type House, listTeams } from '../identity/index.ts'
import { record } from '../journal/index.ts'
import { addDays } from '../platform/clock.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { AppProblem, notFound } from '../platform/problems.ts'
import { randomSecret, secretDigest } from '../platform/secrets.ts'
import { findSchedule, readBook, toShift, turnsOf } from './book.ts'
import { calendarFeeds } from './tables.ts'
import { shiftsOf } from './teams.ts'

/** What a feed shows: the month past and the half year ahead. */
const [pastDays, aheadDays] = [30, 180]

/** Makes the secret address of a feed; an earlier one of the same person for the same ends. */
export async function makeFeed(tx: Tx, house: House, caller: Caller, scheduleId: string | null): Promise<{ url: string }> {
  if (scheduleId !== null && !(await findSchedule(tx, scheduleId))) throw notFound('schedule')
  await tx.db
    .delete(calendarFeeds)
    .where(and(eq(calendarFeeds.personId, caller.personId), scheduleId === null ? isNull(calendarFeeds.scheduleId) : eq(calendarFeeds.scheduleId, scheduleId)))
  const token = randomSecret(24)
  await tx.db.insert(calendarFeeds).values({ id: newId(), tokenDigest: secretDigest(token), personId: caller.personId, scheduleId, createdAt: tx.now })
  await record(tx, { actor: caller.actor, type: 'calendar-feed.made', subject: { kind: 'person', id: caller.personId }, data: { scheduleId } })
  return { url: `${house.messenger.origin}/feeds/${token}.ics` }
}

interface Happening {
  readonly id: string
  readonly start: string
  readonly end: string
  readonly summary: string
}

/** The calendar behind a secret address, in iCalendar (RFC 5545). */
export async function readFeed(reader: Reader, house: House, token: string): Promise<string> {
  const [feed] = await reader.db
    .select()
    .from(calendarFeeds)
    .where(eq(calendarFeeds.tokenDigest, secretDigest(token.replace(/\.ics$/, ''))))
  const person = feed ? await findPerson(reader, feed.personId) : undefined
  if (!feed || !person?.isActive) throw new AppProblem('not-found', 'There is no calendar at this address, or not any more.')
  // Hours, not seconds: whoever fetches it again within the hour gets the same text.
  const hour = `${reader.now.slice(0, 13)}:00:00.000Z`
  const [from, until] = [addDays(hour, -pastDays), addDays(hour, aheadDays)]
  const book = await readBook(reader, undefined, from)
  const calendar = ical({ name: '', method: ICalCalendarMethod.PUBLISH, prodId: { company: 'Tocsin', product: 'On call' } })
  const happenings: Happening[] = []
  if (feed.scheduleId === null) {
    calendar.name(`On call: ${person.name}`)
    for (const shift of shiftsOf(book, await listTeams(reader), person.id, from, until))
      happenings.push({
        ...shift,
        id: `${shift.schedule.id}-${shift.depth}`,
        summary: `${shift.isShadow ? 'Watching' : 'On call'}: ${shift.team.name}, ${shift.depth}`,
      })
  } else {
    const row = book.rows.get(feed.scheduleId)
    const core = book.schedules.get(feed.scheduleId)
    if (!row || !core) throw notFound('schedule')
    calendar.name(row.name)
    for (const turn of turnsOf(book, row.id))
      for (const shift of shifts(core, from, until, turn).map(one => toShift(book, one)))
        happenings.push({
          id: `${row.id}-${turn}`,
          ...{ start: shift.start, end: shift.end },
          summary:
            shift.people.length === 0 ? `Nobody: ${row.name}` : `${shift.people.map(one => one.name).join(', ')}${turn === 0 ? '' : `, ${turn + 1} in turn`}`,
        })
  }
  for (const { id, start, end, summary } of happenings)
    calendar.createEvent({
      id: `${id}-${Date.parse(start)}@tocsin`,
      start: new Date(start),
      end: new Date(end),
      summary,
      stamp: new Date(hour),
      url: `${house.messenger.origin}/on-call`,
    })
  calendar.ttl(3_600)
  return calendar.toString()
}

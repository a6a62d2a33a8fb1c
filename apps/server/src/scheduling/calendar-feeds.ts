import { shifts } from '@tocsin/oncall'
import { and, asc, eq, isNull } from 'drizzle-orm'
import ical, { ICalCalendarMethod } from 'ical-generator'
import { type AppContext, type Caller, findPerson, people } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, notFound } from '../kernel/problems.ts'
import { randomSecret, secretDigest } from '../kernel/secrets.ts'
import { findSchedule, positionName, positionsOf, readSnapshot, toShift } from './snapshot.ts'
import { calendarFeeds } from './tables.ts'
import { shiftsOf } from './teams.ts'

/** What a feed shows: the month past and the half year ahead. */
const [pastDays, aheadDays] = [30, 180]

/** Creates the secret address of a feed; it revokes an earlier one of the same person for the same schedule. */
export async function makeFeed(tx: Tx, context: AppContext, caller: Caller, scheduleId: string | null): Promise<{ url: string }> {
  if (scheduleId !== null && !(await findSchedule(tx, scheduleId))) throw notFound('schedule')
  // Of several made at once, the last one counts.
  await tx.db.select({ id: people.id }).from(people).where(eq(people.id, caller.personId)).for('no key update')
  await tx.db
    .delete(calendarFeeds)
    .where(and(eq(calendarFeeds.personId, caller.personId), scheduleId === null ? isNull(calendarFeeds.scheduleId) : eq(calendarFeeds.scheduleId, scheduleId)))
  const token = randomSecret(24)
  await tx.db.insert(calendarFeeds).values({ id: newId(), tokenDigest: secretDigest(token), personId: caller.personId, scheduleId, createdAt: tx.now })
  await record(tx, { actor: caller.actor, type: 'calendar-feed.made', subject: { kind: 'person', id: caller.personId }, data: { scheduleId } })
  return { url: `${context.messenger.origin}/feeds/${token}.ics` }
}

/** The feeds of a person, oldest first. */
export async function listFeeds(reader: Reader, personId: string) {
  return reader.db
    .select({ id: calendarFeeds.id, scheduleId: calendarFeeds.scheduleId, createdAt: calendarFeeds.createdAt })
    .from(calendarFeeds)
    .where(eq(calendarFeeds.personId, personId))
    .orderBy(asc(calendarFeeds.createdAt), asc(calendarFeeds.id))
}

/** Revokes a feed of the caller: from now on its address is unknown. */
export async function revokeFeed(tx: Tx, caller: Caller, id: string): Promise<void> {
  const [gone] = await tx.db
    .delete(calendarFeeds)
    .where(and(eq(calendarFeeds.id, id), eq(calendarFeeds.personId, caller.personId)))
    .returning()
  if (!gone) throw notFound('calendar feed')
  const data = { scheduleId: gone.scheduleId }
  await record(tx, { actor: caller.actor, type: 'calendar-feed.revoked', subject: { kind: 'person', id: caller.personId }, data })
}

interface CalendarEvent {
  readonly id: string
  readonly start: string
  readonly end: string
  readonly summary: string
}

/** The calendar behind a secret address, in iCalendar (RFC 5545). */
export async function readFeed(reader: Reader, context: AppContext, token: string): Promise<string> {
  const [feed] = await reader.db
    .select()
    .from(calendarFeeds)
    .where(eq(calendarFeeds.tokenDigest, secretDigest(token.replace(/\.ics$/, ''))))
  const person = feed ? await findPerson(reader, feed.personId) : undefined
  if (!feed || !person?.isActive) throw new AppProblem('not-found', 'This calendar feed does not exist or was revoked.')
  // Hours, not seconds: whoever fetches it again within the hour gets the same text.
  const hour = `${reader.now.slice(0, 13)}:00:00.000Z`
  const [from, until] = [addDays(hour, -pastDays), addDays(hour, aheadDays)]
  const snapshot = await readSnapshot(reader, undefined, from)
  const calendar = ical({ name: '', method: ICalCalendarMethod.PUBLISH, prodId: { company: 'Tocsin', product: 'On call' } })
  const events: CalendarEvent[] = []
  if (feed.scheduleId === null) {
    calendar.name(`On call: ${person.name}`)
    for (const shift of shiftsOf(snapshot, await listTeams(reader), person.id, from, until))
      events.push({
        ...shift,
        id: `${shift.schedule.id}-${shift.tier}`,
        summary: `${shift.isShadow ? 'Shadowing' : 'On call'}: ${shift.team.name}, ${shift.tier}`,
      })
  } else {
    const row = snapshot.rows.get(feed.scheduleId)
    const core = snapshot.schedules.get(feed.scheduleId)
    if (!row || !core) throw notFound('schedule')
    calendar.name(row.name)
    for (const position of positionsOf(snapshot, row.id))
      for (const shift of shifts(core, from, until, position).map(one => toShift(snapshot, one)))
        events.push({
          id: `${row.id}-${position}`,
          ...{ start: shift.start, end: shift.end },
          summary:
            shift.people.length === 0
              ? `Coverage gap: ${row.name}`
              : `${shift.people.map(one => one.name).join(', ')}${position === 0 ? '' : `, ${positionName(position)}`}`,
        })
  }
  for (const { id, start, end, summary } of events)
    calendar.createEvent({
      id: `${id}-${Date.parse(start)}@tocsin`,
      start: new Date(start),
      end: new Date(end),
      summary,
      stamp: new Date(hour),
      url: `${context.messenger.origin}/on-call`,
    })
  calendar.ttl(3_600)
  return calendar.toString()
}

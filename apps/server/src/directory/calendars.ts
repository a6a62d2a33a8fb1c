import { isDeepStrictEqual } from 'node:util'
import { type Calendar, type CalendarInput, weekdays } from '@tocsin/api'
import { asc, count, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { calendars, customers } from './tables.ts'

type Input = z.output<typeof CalendarInput> & { id?: string | undefined; version?: number | undefined }

/** An installation has a few: one for each country in whose business days a contract counts. */
const maxCalendars = 100

/** The calendars by name. */
export async function listCalendars(reader: Reader): Promise<Calendar[]> {
  return reader.db.select().from(calendars).orderBy(asc(calendars.name))
}

const daysOf = ({ name, timeZone, workdays, holidays }: z.output<typeof CalendarInput>) => ({
  ...{ name, timeZone, workdays: weekdays.filter(day => workdays.includes(day)) },
  holidays: [...new Set(holidays)].sort(),
})

/** Adds a calendar, or changes the one whose id and version are given. Deadlines that are running are not counted anew. */
export async function saveCalendar(tx: Tx, caller: Caller, input: Input): Promise<Calendar> {
  await holdLock(tx, 'organization')
  const days = daysOf(input)
  const all = await listCalendars(tx)
  const id = input.id ?? newId()
  if (await isNameTaken(tx, calendars, days.name, id)) throw conflict(`A calendar named ${days.name} already exists.`)
  if (input.id === undefined) {
    if (all.length >= maxCalendars) throw conflict(`There are ${maxCalendars} calendars, as many as there can be. Remove one first.`)
    const added = { id, ...days, version: 1 }
    await tx.db.insert(calendars).values(added)
    await record(tx, { actor: caller.actor, type: 'calendar.added', subject: { kind: 'calendar', id: added.id }, data: days })
    return added
  }
  const before = all.find(each => each.id === id)
  if (before === undefined) throw notFound('calendar')
  if (input.version === undefined) throw invalid('version', 'is required to update a calendar')
  if (before.version !== input.version) throw changedMeanwhile()
  if (isDeepStrictEqual(days, daysOf(before))) return before
  const saved = { id: before.id, ...days, version: before.version + 1 }
  await tx.db.update(calendars).set(saved).where(eq(calendars.id, saved.id))
  await record(tx, { actor: caller.actor, type: 'calendar.changed', subject: { kind: 'calendar', id: saved.id }, data: { ...days, before: daysOf(before) } })
  return saved
}

/** @throws AppProblem conflict while the contract of a customer counts by it */
export async function removeCalendar(tx: Tx, caller: Caller, id: string): Promise<void> {
  await holdLock(tx, 'organization')
  const [calendar] = await tx.db.select().from(calendars).where(eq(calendars.id, id)).for('update')
  if (!calendar) throw notFound('calendar')
  const [user] = await tx.db.select({ name: customers.name }).from(customers).where(eq(customers.calendarId, id)).orderBy(asc(customers.name)).limit(1)
  if (user) {
    const [all] = await tx.db.select({ n: count() }).from(customers).where(eq(customers.calendarId, id))
    const more = (all?.n ?? 1) - 1
    throw conflict(`The contract of ${user.name}${more > 0 ? ` and ${more} more` : ''} counts by this calendar. Choose another calendar there first.`)
  }
  await tx.db.delete(calendars).where(eq(calendars.id, id))
  await record(tx, { actor: caller.actor, type: 'calendar.removed', subject: { kind: 'calendar', id }, data: { name: calendar.name } })
}

import { Temporal } from 'temporal-polyfill'
import { addHours, type Instant } from './instants.ts'

/** In the order of ISO 8601. */
const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** How long somebody has. */
export interface Period {
  readonly amount: number
  readonly unit: 'hours' | 'calendar-days' | 'business-days'
}

/** Which days people work, and where. It has at least one workday. */
export interface Calendar {
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string
  readonly workdays: readonly (typeof weekdays)[number][]
  /** Dates, such as `2026-12-25`. */
  readonly holidays: readonly string[]
}

/** Monday to Friday in UTC, without holidays: for contracts that name no calendar. */
export const defaultCalendar: Calendar = { timeZone: 'UTC', workdays: ['mon', 'tue', 'wed', 'thu', 'fri'], holidays: [] }

/**
 * The last moment of a period that begins at an event. Hours are elapsed hours, exactly. Days are counted as in Regulation (EEC, Euratom) No 1182/71, Article 3:
 * the day of the event does not count, and the last day counts until its end, on the clock of the calendar. Calendar days include weekends and holidays and may
 * end on one: Article 3(4) would move that end to the next working day, but contracts rarely do, and the earlier end is right under both.
 */
export function dueAt(startedAt: Instant, { amount, unit }: Period, calendar: Calendar = defaultCalendar): Instant {
  if (unit === 'hours') return addHours(startedAt, amount)
  const day = Temporal.Instant.from(startedAt).toZonedDateTimeISO(calendar.timeZone).toPlainDate()
  return endOf(unit === 'calendar-days' ? day.add({ days: amount }) : nthWorkday(day, amount, calendar), calendar.timeZone)
}

/** The workday that is the nth after a day: whole weeks at once, then what holidays took of them, and the rest, a day at a time. */
function nthWorkday(day: Temporal.PlainDate, n: number, { workdays, holidays }: Calendar): Temporal.PlainDate {
  if (workdays.length === 0) throw new Error('a calendar has at least one workday')
  const isWorked = weekdays.map(weekday => workdays.includes(weekday))
  const perWeek = isWorked.filter(Boolean).length
  const off = new Set(holidays.map(dayNumber))
  const isWorkday = (number: number) => isWorked[(((number + firstWeekday) % 7) + 7) % 7] === true
  const start = dayNumber(day.toString())
  const weeks = Math.floor((n - 1) / perWeek)
  let last = start + weeks * 7
  const taken = [...off].filter(holiday => holiday > start && holiday <= last && isWorkday(holiday)).length
  for (let left = n - weeks * perWeek + taken; left > 0; ) {
    last += 1
    if (isWorkday(last) && !off.has(last)) left -= 1
  }
  return day.add({ days: last - start })
}

/** Days since January 1, 1970, which was a Thursday. */
const dayNumber = (day: string): number => Date.parse(day) / 86_400_000
const firstWeekday = weekdays.indexOf('thu')

/** `dueAt` for the obligations of many customers: most have the same start and term, and what was counted once is not counted again. */
export function countingOnce(): typeof dueAt {
  const known = new Map<string, Instant>()
  return (startedAt, { amount, unit }, calendar = defaultCalendar) => {
    const key = [startedAt, amount, unit, calendar.timeZone, calendar.workdays, calendar.holidays].join()
    const due = known.get(key) ?? dueAt(startedAt, { amount, unit }, calendar)
    known.set(key, due)
    return due
  }
}

/** The last millisecond of a day: the next one may begin at 01:00, where the clocks skip midnight. */
const endOf = (day: Temporal.PlainDate, timeZone: string): Instant =>
  new Date(day.add({ days: 1 }).toZonedDateTime(timeZone).epochMilliseconds - 1).toISOString()

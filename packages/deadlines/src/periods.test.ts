import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addHours, type Calendar, countingOnce, deadlinesOf, defaultCalendar, dueAt, lastTime, type Period, wasFoundTooLate } from './index.ts'

const inZone = (timeZone: string, holidays: readonly string[] = []): Calendar => ({ ...defaultCalendar, timeZone, holidays })

test.each<[string, string, Period, Calendar, string]>([
  // Monday.
  ['hours are exact', '2026-11-23T08:00:00.000Z', { amount: 96, unit: 'hours' }, defaultCalendar, '2026-11-27T08:00:00.000Z'],
  ['the day of the start does not count', '2026-11-23T08:00:00.000Z', { amount: 1, unit: 'calendar-days' }, defaultCalendar, '2026-11-24T23:59:59.999Z'],
  ['calendar days may end on a Sunday', '2026-11-26T23:59:00.000Z', { amount: 3, unit: 'calendar-days' }, defaultCalendar, '2026-11-29T23:59:59.999Z'],
  ['five business days skip a weekend', '2026-11-23T08:00:00.000Z', { amount: 5, unit: 'business-days' }, defaultCalendar, '2026-11-30T23:59:59.999Z'],
  ['from a Saturday the Monday is the first', '2026-11-28T08:00:00.000Z', { amount: 1, unit: 'business-days' }, defaultCalendar, '2026-11-30T23:59:59.999Z'],
  ['holidays are skipped', '2026-12-23T12:00:00.000Z', { amount: 2, unit: 'business-days' }, inZone('UTC', ['2026-12-25']), '2026-12-28T23:59:59.999Z'],
  [
    'a holiday on a weekend is no second day',
    '2026-12-25T12:00:00.000Z',
    { amount: 1, unit: 'business-days' },
    inZone('UTC', ['2026-12-26']),
    '2026-12-28T23:59:59.999Z',
  ],
  // 23:30 UTC is the next day in Berlin.
  ['the day is that of the zone', '2026-11-23T23:30:00.000Z', { amount: 1, unit: 'calendar-days' }, inZone('Europe/Berlin'), '2026-11-25T22:59:59.999Z'],
  ['across the end of summer time', '2026-10-24T10:00:00.000Z', { amount: 1, unit: 'calendar-days' }, inZone('Europe/Berlin'), '2026-10-25T22:59:59.999Z'],
  ['across its start', '2026-03-28T10:00:00.000Z', { amount: 1, unit: 'calendar-days' }, inZone('Europe/Berlin'), '2026-03-29T21:59:59.999Z'],
  ['February 29', '2028-02-28T10:00:00.000Z', { amount: 1, unit: 'calendar-days' }, defaultCalendar, '2028-02-29T23:59:59.999Z'],
  ['February 28', '2026-02-28T10:00:00.000Z', { amount: 1, unit: 'calendar-days' }, defaultCalendar, '2026-03-01T23:59:59.999Z'],
  // In Cairo, April 24, 2026 begins at 01:00.
  [
    'a day that begins after a skipped midnight',
    '2026-04-22T10:00:00.000Z',
    { amount: 1, unit: 'calendar-days' },
    inZone('Africa/Cairo'),
    '2026-04-23T21:59:59.999Z',
  ],
  // Samoa had no December 30, 2011.
  ['a day that the zone left out', '2011-12-29T20:00:00.000Z', { amount: 1, unit: 'calendar-days' }, inZone('Pacific/Apia'), '2011-12-30T09:59:59.999Z'],
])('%s', (_, startedAt, period, calendar, due) => {
  expect(dueAt(startedAt, period, calendar)).toBe(due)
})

const instants = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true }).map(at => at.toISOString())
const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Africa/Cairo',
  'Pacific/Auckland',
  'Australia/Lord_Howe',
  'America/Santiago',
)
const days = fc.date({ min: new Date('2020-01-01'), max: new Date('2042-01-01'), noInvalidDate: true }).map(at => at.toISOString().slice(0, 10))
const calendars = fc.record({
  timeZone: zones,
  workdays: fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const, { minLength: 1 }),
  holidays: fc.array(days, { maxLength: 30 }),
})
const periods = fc.record({
  amount: fc.integer({ min: 1, max: 366 }),
  unit: fc.constantFrom('hours' as const, 'calendar-days' as const, 'business-days' as const),
})

test('a deadline follows its start, a longer period never ends earlier, and a later start never makes it earlier', () => {
  fc.assert(
    fc.property(instants, fc.nat({ max: 400 }), periods, calendars, (startedAt, hours, period, calendar) => {
      const due = dueAt(startedAt, period, calendar)
      expect(due > startedAt).toBe(true)
      expect(dueAt(startedAt, { ...period, amount: period.amount + 1 }, calendar) > due).toBe(true)
      expect(dueAt(addHours(startedAt, hours), period, calendar) >= due).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('business days never end before as many calendar days, and end on a workday that is no holiday', () => {
  fc.assert(
    fc.property(instants, fc.integer({ min: 1, max: 60 }), calendars, (startedAt, amount, calendar) => {
      const due = dueAt(startedAt, { amount, unit: 'business-days' }, calendar)
      expect(due >= dueAt(startedAt, { amount, unit: 'calendar-days' }, calendar)).toBe(true)
      const parts = new Intl.DateTimeFormat('en-CA', { timeZone: calendar.timeZone, weekday: 'short', year: 'numeric', month: '2-digit', day: '2-digit' })
      const { weekday = '', year, month, day } = Object.fromEntries(parts.formatToParts(new Date(due)).map(({ type, value }) => [type, value]))
      expect(calendar.workdays).toContain(weekday.toLowerCase().slice(0, 3))
      expect(calendar.holidays).not.toContain(`${year}-${month}-${day}`)
    }),
    { numRuns: 100 },
  )
})

test('business days are those that counting a day at a time comes to, also where they were counted before, and in no time', () => {
  const count = countingOnce()
  fc.assert(
    fc.property(instants, fc.integer({ min: 1, max: 366 }), calendars, (startedAt, amount, { workdays, holidays }) => {
      const calendar = { timeZone: 'UTC', workdays, holidays }
      let last = Date.parse(startedAt.slice(0, 10))
      for (let left = amount; left > 0; ) {
        last += 86_400_000
        const weekday = (['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const)[new Date(last).getUTCDay()]
        if (weekday !== undefined && workdays.includes(weekday) && !holidays.includes(new Date(last).toISOString().slice(0, 10))) left -= 1
      }
      const due = new Date(last + 86_399_999).toISOString()
      for (const counted of [dueAt, count, count]) expect(counted(startedAt, { amount, unit: 'business-days' }, calendar)).toBe(due)
    }),
    { numRuns: 300 },
  )
  // A year of business days for as many obligations as an incident may have: a day at a time it took seconds.
  const startedAt = performance.now()
  for (let n = 0; n < 4_000; n += 1) count('2026-11-23T08:00:00.000Z', { amount: 366, unit: 'business-days' }, defaultCalendar)
  expect(performance.now() - startedAt).toBeLessThan(500)
})

test('a term counts from the start that it names; without a statement of awareness, from the declaration', () => {
  const starts = { declaredAt: '2026-11-23T08:00:00.000Z', foundAt: '2026-11-24T08:00:00.000Z', awareAt: '2026-11-22T08:00:00.000Z' }
  const term = { amount: 72, unit: 'hours', calendar: null } as const
  const startOf = (start: 'declared' | 'found' | 'aware', awareAt: string | null = starts.awareAt) =>
    deadlinesOf({ ...term, start }, { ...starts, awareAt }).startedAt
  expect([startOf('declared'), startOf('found'), startOf('aware'), startOf('aware', null)]).toEqual([
    starts.declaredAt,
    starts.foundAt,
    starts.awareAt,
    starts.declaredAt,
  ])
  expect(deadlinesOf({ ...term, start: 'declared' }, starts)).toMatchObject({ dueAt: '2026-11-26T08:00:00.000Z', foundDueAt: '2026-11-27T08:00:00.000Z' })
})

test('what had to be met before the customer was found is late only after the same time from then on', () => {
  const late = { dueAt: '2026-11-26T08:00:00.000Z', foundAt: '2026-12-22T06:00:00.000Z', foundDueAt: '2026-12-25T06:00:00.000Z' }
  expect(wasFoundTooLate(late)).toBe(true)
  expect(lastTime(late)).toBe(late.foundDueAt)
  const inTime = { ...late, foundAt: '2026-11-26T07:59:59.999Z', foundDueAt: '2026-11-29T07:59:59.999Z' }
  expect(wasFoundTooLate(inTime)).toBe(false)
  expect(lastTime(inTime), 'an hour that is left is an hour').toBe(late.dueAt)
  expect(lastTime({ dueAt: late.dueAt, foundAt: null, foundDueAt: null })).toBe(late.dueAt)
})

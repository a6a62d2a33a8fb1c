import { z } from 'zod'
import { Day, Id, IdParams, Line, Reference, UpdatedQuery, Version } from './common.ts'
import { atLeast, route } from './route.ts'
import { TimeZone, weekdays } from './schedules.ts'

/** What a contract counts from. */
export const noticeStarts = ['declared', 'found', 'aware'] as const
export const noticeUnits = ['hours', 'calendar-days', 'business-days'] as const

const Start = z
  .enum(noticeStarts)
  .describe(
    '`declared`: the declaration of the incident; `found`: when the customer was found to be affected; `aware`: when the organization became aware of the incident, by its key dates, or the declaration where none is stated',
  )
const Unit = z
  .enum(noticeUnits)
  .describe('Hours are exact. Of days, the day of the start does not count, and the last one ends with its last moment in the time zone of the calendar')

const maxAmount = { hours: 8_760, 'calendar-days': 366, 'business-days': 366 } as const

/** How long a contract gives to notify a customer, and from when. */
export const NoticeTermInput = z
  .object({
    start: Start.default('declared'),
    amount: z.number().int().min(1, 'must be at least 1'),
    unit: Unit.default('hours'),
    calendarId: Id.nullable().default(null).describe('The calendar that days are counted by; null for Monday to Friday in UTC, without holidays'),
  })
  .superRefine(({ amount, unit, calendarId }, context) => {
    if (amount > maxAmount[unit])
      context.addIssue({ code: 'custom', path: ['amount'], message: `must be at most ${maxAmount[unit].toLocaleString('en-US')} ${unit.replace('-', ' ')}` })
    if (unit === 'hours' && calendarId !== null)
      context.addIssue({ code: 'custom', path: ['calendarId'], message: 'must be null for a period in hours, which are the same on every day' })
  })

/** The term of a customer's contract, as it is now. */
export const CustomerTerm = z.object({ start: Start, amount: z.number(), unit: Unit, calendar: Reference.nullable() })

const calendarShape = { name: z.string(), timeZone: z.string(), workdays: z.array(z.enum(weekdays)), holidays: z.array(z.string()) }

/** The term that a deadline was counted by, with all that it follows from. */
export const NoticeTerm = z.object({ start: Start, amount: z.number(), unit: Unit, calendar: z.object(calendarShape).nullable() }).meta({ id: 'NoticeTerm' })
export type NoticeTerm = z.output<typeof NoticeTerm>

export const CalendarInput = z.object({
  name: Line(80),
  timeZone: TimeZone,
  workdays: z.array(z.enum(weekdays)).min(1, 'must have at least one day').max(7),
  holidays: z.array(Day).max(400, 'must have at most 400 days').default([]).describe('Days that are not worked, such as 2026-12-25'),
})
export const Calendar = z.object({ id: Id, ...calendarShape, version: Version }).meta({ id: 'Calendar' })
export type Calendar = z.output<typeof Calendar>

export const calendarRoutes = {
  calendars: route({
    method: 'GET',
    path: '/api/v1/calendars',
    summary: 'List the calendars that contracts in days are counted by',
    access: atLeast('responder', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(Calendar),
  }),
  saveCalendar: route({
    method: 'POST',
    path: '/api/v1/calendars',
    summary: 'Create a calendar, or update it if id and version are given; deadlines that are running keep the calendar that they were counted by',
    access: atLeast('lead', 'catalog:write'),
    body: CalendarInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Calendar,
  }),
  removeCalendar: route({
    method: 'DELETE',
    path: '/api/v1/calendars/{id}',
    summary: 'Delete a calendar that no customer uses',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
}

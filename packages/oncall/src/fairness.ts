import { Temporal } from 'temporal-polyfill'
import { activeHours, clip, joined, type Restriction, type Span } from './hours.ts'
import { type Schedule, shifts } from './schedule.ts'
import { night } from './vocabulary.ts'
import { instantOf } from './wall-clock.ts'

/** How much of a schedule somebody carries, in hours. */
export interface Share {
  readonly participant: string
  readonly hours: number
  /** In hours that are night on the schedule's clock. */
  readonly nightHours: number
  /** Saturdays and Sundays on the schedule's clock. */
  readonly weekendHours: number
  /** On the days that were named as holidays, on the schedule's clock. */
  readonly holidayHours: number
}

const weekends: readonly Restriction[] = [{ days: ['sat', 'sun'], from: '00:00', until: '24:00' }]
const hourMs = 3_600_000

/** What each person carries in [from, until), who carries most first. @param holidays dates, `2026-12-25` */
export function fairness(
  schedule: Schedule,
  from: string,
  until: string,
  { position = 0, holidays = [] }: { position?: number; holidays?: readonly string[] } = {},
): Share[] {
  const within: Span = { start: Date.parse(from), end: Date.parse(until) }
  const [nights, weekend] = [[night], weekends].map(hours => activeHours(hours, schedule.timeZone, within))
  const free = daysOf(holidays, schedule.timeZone)
  const totals = new Map<string, Omit<Share, 'participant'>>()
  const overlap = (span: Span, spans: readonly Span[] = []) => clip(spans, span).reduce((sum, { start, end }) => sum + end - start, 0) / hourMs
  for (const { start, end, participants } of shifts(schedule, from, until, position)) {
    const span = { start: Date.parse(start), end: Date.parse(end) }
    for (const participant of participants) {
      const before = totals.get(participant) ?? { hours: 0, nightHours: 0, weekendHours: 0, holidayHours: 0 }
      totals.set(participant, {
        hours: before.hours + (span.end - span.start) / hourMs,
        nightHours: before.nightHours + overlap(span, nights),
        weekendHours: before.weekendHours + overlap(span, weekend),
        holidayHours: before.holidayHours + overlap(span, free),
      })
    }
  }
  return [...totals]
    .map(([participant, share]) => ({ participant, ...share }))
    .toSorted((a, b) => b.hours - a.hours || (a.participant < b.participant ? -1 : 1))
}

function daysOf(dates: readonly string[], timeZone: string): Span[] {
  const spans = [...new Set(dates)].toSorted().map(text => {
    const day = Temporal.PlainDate.from(text)
    const at = (date: Temporal.PlainDate) => instantOf(date.toPlainDateTime(), timeZone).epochMilliseconds
    return { start: at(day), end: at(day.add({ days: 1 })) }
  })
  return joined(spans)
}

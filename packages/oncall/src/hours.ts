import { Temporal } from 'temporal-polyfill'
import { type Weekday, weekdays } from './vocabulary.ts'
import { instantOf } from './wall-clock.ts'

/** Hours in which a layer is active: on some days of the week, from one wall-clock time until another, over midnight where that is earlier. */
export interface Restriction {
  /** Days on which the hours begin; all where undefined. */
  readonly days?: readonly Weekday[] | undefined
  /** `HH:MM`. */
  readonly from: string
  /** `HH:MM`; the same as `from`, or `24:00`, is a whole day. */
  readonly until: string
}

/** Milliseconds since 1970: [start, end). */
export interface Span {
  readonly start: number
  readonly end: number
}
/** The parts of spans that lie within one. */
export const clip = <Kind extends Span>(spans: readonly Kind[], { start, end }: Span): Kind[] =>
  spans.map(span => ({ ...span, start: Math.max(span.start, start), end: Math.min(span.end, end) })).filter(span => span.start < span.end)

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))

/** The hours of restrictions, joined where they touch. */
export function activeHours(restrictions: readonly Restriction[], timeZone: string, { start, end }: Span): Span[] {
  const first = Temporal.Instant.fromEpochMilliseconds(start).toZonedDateTimeISO(timeZone).toPlainDate().subtract({ days: 2 })
  const last = Temporal.Instant.fromEpochMilliseconds(end).toZonedDateTimeISO(timeZone).toPlainDate().add({ days: 1 })
  const spans: Span[] = []
  for (let date = first; Temporal.PlainDate.compare(date, last) <= 0; date = date.add({ days: 1 })) {
    const weekday = weekdays[date.dayOfWeek - 1]
    for (const { days, from, until } of restrictions) {
      if (days !== undefined && (weekday === undefined || !days.includes(weekday))) continue
      const midnight = date.toPlainDateTime()
      const [begins, ends] = [minutesOf(from), minutesOf(until)]
      const at = (minutes: number) => instantOf(midnight.add({ minutes }), timeZone).epochMilliseconds
      spans.push({ start: at(begins), end: at(ends <= begins ? ends + 1_440 : ends) })
    }
  }
  return joined(spans.filter(span => span.start < span.end).toSorted((a, b) => a.start - b.start))
}

export function joined(spans: readonly Span[]): Span[] {
  const out: Span[] = []
  for (const span of spans) {
    const last = out.at(-1)
    if (last !== undefined && span.start <= last.end) out[out.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
    else out.push(span)
  }
  return out
}

import { Temporal } from 'temporal-polyfill'
import type { rotationTypes } from './vocabulary.ts'
import { instantOf, withOffset } from './wall-clock.ts'

/** When shifts change: at wall-clock times of a zone. */
export interface Rotation {
  readonly type: (typeof rotationTypes)[number]
  /** The length of a shift in hours, days, weeks or months: a whole number from 1. */
  readonly every: number
  /** The first handoff, on the wall clock: `2026-03-23T09:00`. Nobody is on call before it. */
  readonly start: string
}

/** A handoff: the instant, and its number among those that exist. */
export interface Handoff {
  readonly index: number
  readonly at: Temporal.Instant
}

const hourMs = 3_600_000

/** The wall-clock time of the n-th handoff. In months, the 29th to 31st fall on the last day of a shorter month. */
function wallOf({ type, every, start }: Rotation, n: number): Temporal.PlainDateTime {
  const first = Temporal.PlainDateTime.from(start)
  if (type === 'hourly') return first.add({ hours: n * every })
  if (type === 'daily') return first.add({ days: n * every })
  if (type === 'weekly') return first.add({ weeks: n * every })
  return first.add({ months: n * every })
}

/** Milliseconds on the wall clock between handoffs, or undefined for months, which differ. */
function periodMs({ type, every }: Rotation): number | undefined {
  if (type === 'monthly') return undefined
  return every * hourMs * { hourly: 1, daily: 24, weekly: 168 }[type]
}

const wallMs = (wall: Temporal.PlainDateTime) => wall.toZonedDateTime('UTC').epochMilliseconds

/** The greatest n whose handoff is at or before `at`, or -1. */
function placeAt(rotation: Rotation, timeZone: string, at: Temporal.Instant): number {
  const first = Temporal.PlainDateTime.from(rotation.start)
  const now = at.toZonedDateTimeISO(timeZone).toPlainDateTime()
  const period = periodMs(rotation)
  const guess =
    period === undefined ? Math.floor(first.until(now, { largestUnit: 'months' }).months / rotation.every) : Math.floor((wallMs(now) - wallMs(first)) / period)
  // The wall clock goes back for an hour a year, or a day once in a lifetime: the guess may then be too low, never by more than that.
  const slack = period === undefined ? 2 : Math.ceil((26 * hourMs) / period) + 1
  for (let n = guess + slack; n >= Math.max(0, guess - slack); n--) if (Temporal.Instant.compare(instantOf(wallOf(rotation, n), timeZone), at) <= 0) return n
  return -1
}

/**
 * How many of the handoffs 1 … n fall on the one before them: those of hours that do not exist fall together at the end of the gap, where
 * they are one handoff. Counted by the gaps of the zone, not handoff by handoff.
 */
function fallenTogether(rotation: Rotation, timeZone: string, until: Temporal.Instant): number {
  const period = periodMs(rotation)
  // No gap was ever longer than a day.
  if (period === undefined || period > 24 * hourMs) return 0
  const first = wallMs(Temporal.PlainDateTime.from(rotation.start))
  let fallen = 0
  let zoned: Temporal.ZonedDateTime | null = instantOf(Temporal.PlainDateTime.from(rotation.start), timeZone)
    .subtract({ hours: 48 })
    .toZonedDateTimeISO(timeZone)
  for (;;) {
    const offset: number = zoned.offsetNanoseconds
    zoned = zoned.getTimeZoneTransition('next')
    if (zoned === null || Temporal.Instant.compare(zoned.toInstant(), until) > 0) return fallen
    const gapMs = (zoned.offsetNanoseconds - offset) / 1e6
    if (gapMs <= 0) continue
    const gapEnd = wallMs(zoned.toPlainDateTime())
    const from = Math.max(0, Math.ceil((gapEnd - gapMs - first) / period))
    const to = Math.floor((gapEnd - first) / period)
    fallen += Math.max(0, to - from)
  }
}

/**
 * The handoffs from the last one at or before `from` until `until`, in order. Those that fall on the same instant are one, so that nobody's
 * shift is skipped in spring.
 */
export function* handoffsAround(rotation: Rotation, timeZone: string, from: Temporal.Instant, until: Temporal.Instant): Generator<Handoff> {
  let n = placeAt(rotation, timeZone, from)
  let index = n < 0 ? 0 : n - fallenTogether(rotation, timeZone, from)
  n = Math.max(0, n)
  for (let before: Temporal.Instant | undefined; ; n++) {
    const at = instantOf(wallOf(rotation, n), timeZone)
    if (Temporal.Instant.compare(at, until) >= 0) return
    if (before?.equals(at)) continue
    yield { index, at }
    before = at
    index++
  }
}

/** The instants in [from, until) at which shifts change, ISO 8601 with the zone's offset. @param period instants, ISO 8601 */
export function handoffs(rotation: Rotation, timeZone: string, { from, until }: { readonly from: string; readonly until: string }): string[] {
  const begin = Temporal.Instant.from(from)
  const found: string[] = []
  for (const { at } of handoffsAround(rotation, timeZone, begin, Temporal.Instant.from(until)))
    if (Temporal.Instant.compare(at, begin) >= 0) found.push(withOffset(at, timeZone))
  return found
}

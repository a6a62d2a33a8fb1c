/** An instant: ISO 8601 in UTC with milliseconds, `2026-11-23T08:00:00.000Z`. Two of them compare as text. */
export type Instant = string

/** Where the time comes from. Everything asks this one, so that tests move time instead of waiting for it. */
export interface Clock {
  now(): Instant
}

export const systemClock: Clock = { now: () => new Date().toISOString() }

export function addMinutes(instant: Instant, minutes: number): Instant {
  return addSeconds(instant, minutes * 60)
}

export function addSeconds(instant: Instant, seconds: number): Instant {
  return new Date(Date.parse(instant) + seconds * 1_000).toISOString()
}

export function addDays(instant: Instant, days: number): Instant {
  return addMinutes(instant, days * 1_440)
}

/** The later of two instants. */
export const laterOf = (a: Instant, b: Instant): Instant => (Date.parse(a) > Date.parse(b) ? a : b)

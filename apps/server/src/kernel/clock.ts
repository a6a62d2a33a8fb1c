/** An instant: ISO 8601 in UTC with milliseconds, `2026-11-23T08:00:00.000Z`. Two of them compare as text. */
export type Instant = string

/** Where the time comes from. Everything asks this one, so that tests move time instead of waiting for it. */
export interface Clock {
  now(): Instant
}

/**
 * The machine's clock, which is never followed backwards: when it is set back (NTP steps, a wrong hand), time goes on from where it was by
 * the clock that only counts, until the machine's has caught up. Nothing that waits for a time then waits an hour longer, and no record is older
 * than the one before it. Set forward it is followed at once: a machine that slept cannot be told from one whose clock was set.
 * @param wallMs milliseconds since 1970; @param steadyMs milliseconds of a clock that nobody sets
 */
export function steadyClock(wallMs: () => number = Date.now, steadyMs: () => number = () => performance.now()): Clock {
  let base = { wall: wallMs(), steady: steadyMs() }
  return {
    now() {
      const [wall, steady] = [wallMs(), steadyMs()]
      const counted = base.wall + (steady - base.steady)
      if (wall < counted - toleratedMs) return new Date(counted).toISOString()
      base = { wall, steady }
      return new Date(wall).toISOString()
    },
  }
}

/** Small corrections backwards are followed. */
const toleratedMs = 500

export const systemClock: Clock = steadyClock()

export function addMinutes(instant: Instant, minutes: number): Instant {
  return addSeconds(instant, minutes * 60)
}

/** Milliseconds since 1970 that somebody else says, as an instant; undefined for none, and for a time before 1970 or after the year 9999. */
export function instantAt(milliseconds: number | undefined): Instant | undefined {
  return milliseconds !== undefined && milliseconds >= 0 && milliseconds < 253_402_300_800_000 ? new Date(milliseconds).toISOString() : undefined
}

export function addSeconds(instant: Instant, seconds: number): Instant {
  return new Date(Date.parse(instant) + seconds * 1_000).toISOString()
}

export function addDays(instant: Instant, days: number): Instant {
  return addMinutes(instant, days * 1_440)
}

/** The earlier of two instants. */
export const earlierOf = (a: Instant, b: Instant): Instant => (Date.parse(a) < Date.parse(b) ? a : b)

/** The later of two instants. */
export const laterOf = (a: Instant, b: Instant): Instant => (Date.parse(a) > Date.parse(b) ? a : b)

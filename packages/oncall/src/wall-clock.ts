import type { Temporal } from 'temporal-polyfill'

/**
 * The instant at which the clocks of a zone first show `wall` or have gone past it. A time in the hour that does not exist is thus the first
 * instant after the gap (not what Temporal's `compatible` makes of it: 02:30 would be 03:30), and one in the hour that comes twice is
 * its first occurrence.
 */
export function instantOf(wall: Temporal.PlainDateTime, timeZone: string): Temporal.Instant {
  const earlier = wall.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  // 'earlier' moves a time inside a gap back by the gap's length: then the gap's end is the next transition.
  if (earlier.toPlainDateTime().equals(wall)) return earlier.toInstant()
  return (earlier.getTimeZoneTransition('next') ?? earlier).toInstant()
}

/** ISO 8601 in UTC, with milliseconds. */
export const utc = (instant: Temporal.Instant): string => new Date(instant.epochMilliseconds).toISOString()

/** ISO 8601 with the zone's offset, to the second. */
export const withOffset = (instant: Temporal.Instant, timeZone: string): string =>
  instant.toZonedDateTimeISO(timeZone).toString({ timeZoneName: 'never', smallestUnit: 'second' })

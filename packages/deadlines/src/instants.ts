/** An instant: ISO 8601 in UTC with milliseconds, `2026-11-23T08:00:00.000Z`. Two of them compare as text. */
export type Instant = string

export const hourMs = 3_600_000

/** `instant` plus a number of elapsed hours (never wall-clock hours: the contract counts real time). */
export function addHours(instant: Instant, hours: number): Instant {
  return new Date(Date.parse(instant) + hours * hourMs).toISOString()
}

import { Temporal } from 'temporal-polyfill'

/** A weekly rotation: participants take turns of one week, handing over at a wall-clock time in the rotation's zone. */
export interface WeeklyRotation {
  /** IANA time zone, for example `Europe/Berlin`. */
  readonly timeZone: string
  /** Ids in the order of their turns; may be empty. */
  readonly participants: readonly string[]
  /** The first handoff, as a date in the zone: the first participant's turn starts there. Earlier, nobody is on call. */
  readonly startDate: string
  /** Wall-clock time of every handoff, `HH:MM`. */
  readonly handoffTime: string
}

/** A turn on call, [start, end), instants in ISO 8601 UTC. */
export interface Shift {
  readonly participant: string
  readonly start: string
  readonly end: string
}

/** The n-th handoff. It stays at its wall-clock time across daylight saving; one that falls in a gap is the gap's end. */
function handoff(rotation: WeeklyRotation, n: number): Temporal.Instant {
  const local = Temporal.PlainDate.from(rotation.startDate).add({ weeks: n }).toPlainDateTime(Temporal.PlainTime.from(rotation.handoffTime))
  const earlier = local.toZonedDateTime(rotation.timeZone, { disambiguation: 'earlier' })
  // 'earlier' moves a time inside a gap back by the gap's length: then the first instant after the gap is the next transition.
  if (earlier.toPlainDateTime().equals(local)) return earlier.toInstant()
  const transition = earlier.getTimeZoneTransition('next')
  return (transition ?? earlier).toInstant()
}

/** The number of the turn that holds `at`, or undefined before the first handoff. */
function turnAt(rotation: WeeklyRotation, at: Temporal.Instant): number | undefined {
  const date = at.toZonedDateTimeISO(rotation.timeZone).toPlainDate()
  const weeks = Math.floor(Temporal.PlainDate.from(rotation.startDate).until(date, { largestUnit: 'days' }).days / 7)
  // The date alone is off by one turn before the hour of a handoff day (and in a zone that skipped a date): look next door.
  for (const n of [weeks + 1, weeks, weeks - 1]) {
    if (n >= 0 && Temporal.Instant.compare(handoff(rotation, n), at) <= 0) return n
  }
  return undefined
}

/**
 * Who answers at `at`, in order of depth: the one whose turn it is, then the next in turn, and so on.
 * Depth 0 is the primary, 1 the backup. Empty before the first handoff or without participants.
 */
export function onCall(rotation: WeeklyRotation, at: string): string[] {
  const turn = turnAt(rotation, Temporal.Instant.from(at))
  const { participants } = rotation
  if (turn === undefined || participants.length === 0) return []
  const first = turn % participants.length
  return [...participants.slice(first), ...participants.slice(0, first)]
}

/** The shifts that overlap [from, until), in order, with their true starts and ends. */
export function shifts(rotation: WeeklyRotation, from: string, until: string): Shift[] {
  const { participants } = rotation
  if (participants.length === 0 || until <= from) return []
  const found: Shift[] = []
  const end = Temporal.Instant.from(until)
  for (let n = turnAt(rotation, Temporal.Instant.from(from)) ?? 0; ; n += 1) {
    const start = handoff(rotation, n)
    if (Temporal.Instant.compare(start, end) >= 0) return found
    const participant = participants[n % participants.length]
    // The index is in range because the list is not empty.
    if (participant !== undefined) found.push({ participant, start: iso(start), end: iso(handoff(rotation, n + 1)) })
  }
}

function iso(instant: Temporal.Instant): string {
  return new Date(instant.epochMilliseconds).toISOString()
}

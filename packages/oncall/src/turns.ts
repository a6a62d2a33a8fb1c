import { Temporal } from 'temporal-polyfill'
import { handoffsAround, type Rotation } from './rotation.ts'
import { utc } from './wall-clock.ts'

/** People who take turns in a rotation, each of them the backup of the one before. */
export interface Rota {
  /** IANA time zone, for example `Europe/Berlin`. */
  readonly timeZone: string
  readonly rotation: Rotation
  /** Ids in the order of their turns; may be empty. */
  readonly participants: readonly string[]
}

/** A turn on call, [start, end), instants in ISO 8601 UTC. */
export interface Turn {
  readonly participant: string
  readonly start: string
  readonly end: string
}

const always = Temporal.Instant.from('9999-01-01T00:00:00Z')

/**
 * Who answers at `at`, in order of depth: the one whose turn it is, then the next in turn, and so on.
 * Depth 0 is the primary, 1 the backup. Empty before the first handoff or without participants.
 */
export function inTurn({ timeZone, rotation, participants }: Rota, at: string): string[] {
  const instant = Temporal.Instant.from(at)
  const [handoff] = handoffsAround(rotation, timeZone, instant, instant.add({ nanoseconds: 1 }))
  if (handoff === undefined || participants.length === 0) return []
  const first = handoff.index % participants.length
  return [...participants.slice(first), ...participants.slice(0, first)]
}

/** The turns that overlap [from, until), in order, with their true starts and ends. */
export function turnsOf({ timeZone, rotation, participants }: Rota, from: string, until: string): Turn[] {
  if (participants.length === 0 || until <= from) return []
  const found: Turn[] = []
  const end = Temporal.Instant.from(until)
  let open: { participant: string; start: Temporal.Instant } | undefined
  for (const { index, at } of handoffsAround(rotation, timeZone, Temporal.Instant.from(from), always)) {
    if (open !== undefined) found.push({ participant: open.participant, start: utc(open.start), end: utc(at) })
    if (Temporal.Instant.compare(at, end) >= 0) return found
    const participant = participants[index % participants.length]
    // The index is in range because the list is not empty.
    open = participant === undefined ? undefined : { participant, start: at }
  }
  return found
}

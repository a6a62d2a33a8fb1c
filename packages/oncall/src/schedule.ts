import { Temporal } from 'temporal-polyfill'
import { activeHours, clip, type Restriction, type Span } from './hours.ts'
import { handoffsAround, type Rotation } from './rotation.ts'
import { utc } from './wall-clock.ts'

/** People who take turns. */
export interface Layer {
  readonly name: string
  readonly rotation: Rotation
  /** In the order of their turns. Nobody: the layer is not active. */
  readonly participants: readonly string[]
  /** Where its clock hangs, if that is not the schedule's: follow-the-sun is layers in several zones. */
  readonly timeZone?: string | undefined
  /** Active only in these hours; always where there are none. */
  readonly restrictions?: readonly Restriction[] | undefined
  /** Instants between which the layer counts. */
  readonly starts?: string | undefined
  readonly ends?: string | undefined
}

/** A change for a time: others instead, others besides, or without some. */
export interface Override {
  readonly kind: 'replace' | 'add' | 'remove'
  readonly participants: readonly string[]
  readonly start: string
  readonly end: string
}

export interface Schedule {
  readonly name: string
  readonly timeZone: string
  /** The lowest first: where several are active the highest wins, or with `all` every one counts. */
  readonly layers: readonly Layer[]
  readonly merge?: 'top' | 'all' | undefined
  /** In the order in which they were made: the later has the last word. */
  readonly overrides?: readonly Override[] | undefined
}

/** Who is on call from `start` until `end`: instants in ISO 8601 UTC. Nobody: a gap. */
export interface Shift {
  readonly start: string
  readonly end: string
  readonly participants: readonly string[]
}

interface Held extends Span {
  readonly participants: readonly string[]
}

/** The turns of a layer in [from, until), as they are in its hours; in order, without overlap. */
function turns(layer: Layer, timeZone: string, within: Span): Held[] {
  const span = {
    start: Math.max(within.start, layer.starts === undefined ? within.start : Date.parse(layer.starts)),
    end: Math.min(within.end, layer.ends === undefined ? within.end : Date.parse(layer.ends)),
  }
  const { participants, rotation, restrictions } = layer
  if (span.start >= span.end || participants.length === 0) return []
  const zone = layer.timeZone ?? timeZone
  const handed = [...handoffsAround(rotation, zone, Temporal.Instant.fromEpochMilliseconds(span.start), Temporal.Instant.fromEpochMilliseconds(span.end))]
  const held = handed.flatMap(({ index, at }, i): Held[] => {
    const participant = participants[index % participants.length]
    const end = handed[i + 1]?.at.epochMilliseconds ?? span.end
    return participant === undefined ? [] : [{ start: at.epochMilliseconds, end, participants: [participant] }]
  })
  const inSpan = clip(held, span)
  if (restrictions === undefined || restrictions.length === 0) return inSpan
  const hours = activeHours(restrictions, zone, span)
  return inSpan.flatMap(turn => hours.flatMap(hour => clip([turn], hour)))
}

/**
 * Who is on call from `from` until `until`, gaps included: every instant of it is in exactly one shift, and neighbours differ.
 * @param from, until instants, ISO 8601
 */
export function shifts(schedule: Schedule, from: string, until: string): Shift[] {
  const within = { start: Date.parse(from), end: Date.parse(until) }
  if (within.start >= within.end) return []
  const layers = schedule.layers.map(layer => turns(layer, schedule.timeZone, within)).toReversed()
  const overrides = (schedule.overrides ?? []).map(({ kind, participants, start, end }) => ({
    kind,
    ...{ participants, start: Date.parse(start), end: Date.parse(end) },
  }))
  const edges = new Set([within.start, within.end])
  for (const { start, end } of [...layers.flat(), ...clip(overrides, within)]) edges.add(start).add(end)
  const marks = [...edges].sort((a, b) => a - b)
  const cursors = layers.map(() => 0)
  const found: Held[] = []
  for (const [i, start] of marks.slice(0, -1).entries()) {
    const end = marks[i + 1] ?? start
    const active = layers.flatMap((held, place) => {
      let cursor = cursors[place] ?? 0
      while ((held[cursor]?.end ?? Number.POSITIVE_INFINITY) <= start) cursor++
      cursors[place] = cursor
      const turn = held[cursor]
      return turn !== undefined && turn.start <= start ? [turn.participants] : []
    })
    const base = schedule.merge === 'all' ? [...new Set(active.flat())] : (active[0] ?? [])
    const participants = overrides.filter(override => override.start <= start && end <= override.end).reduce(changed, base)
    const last = found.at(-1)
    if (last !== undefined && last.participants.join('\n') === participants.join('\n')) found[found.length - 1] = { ...last, end }
    else found.push({ start, end, participants })
  }
  return found.map(({ start, end, participants }) => ({ start: iso(start), end: iso(end), participants }))
}

function changed(before: readonly string[], { kind, participants }: Pick<Override, 'kind' | 'participants'>): readonly string[] {
  if (kind === 'replace') return participants
  if (kind === 'add') return [...new Set([...before, ...participants])]
  return before.filter(one => !participants.includes(one))
}

const iso = (ms: number) => utc(Temporal.Instant.fromEpochMilliseconds(ms))

/** Who is on call at an instant; nobody in a gap. */
export function whoIsOnCall(schedule: Schedule, at: string): readonly string[] {
  const next = new Date(Date.parse(at) + 1).toISOString()
  return shifts(schedule, at, next)[0]?.participants ?? []
}

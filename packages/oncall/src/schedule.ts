import { Temporal } from 'temporal-polyfill'
import { activeHours, clip, type Restriction, type Span } from './hours.ts'
import { handoffsAround, type Rotation } from './rotation.ts'
import { instantOf, utc } from './wall-clock.ts'

/** Who is on call in one slot of a rotation: one person, several together, or nobody, which leaves it to the layer below. */
export type RotationSlot = string | readonly string[]

/** A layer of a schedule: people in a rotation. */
export interface Layer {
  readonly name: string
  readonly rotation: Rotation
  /** The slots of the rotation, in order. None: the layer is not active. */
  readonly participants: readonly RotationSlot[]
  /** On call together with the layer below it, rather than over it. */
  readonly beside?: boolean | undefined
  /** With every handoff (the default), or with every shift that has hours in it: then nobody's shift falls wholly into hours off. */
  readonly advance?: 'handoff' | 'shift' | undefined
  /** Its time zone, if that is not the schedule's: follow-the-sun is layers in several zones. */
  readonly timeZone?: string | undefined
  /** Active only in these hours; always where there are none. */
  readonly restrictions?: readonly Restriction[] | undefined
  /** Instants between which the layer counts. */
  readonly starts?: string | undefined
  readonly ends?: string | undefined
}

/** A change for a time: others instead, others in addition, without some, or some who shadow. */
export interface Override {
  readonly kind: 'replace' | 'add' | 'remove' | 'shadow'
  /** The position that it changes: 0 (the default) is on call, 1 the next in the rotation. */
  readonly position?: number | undefined
  readonly participants: readonly string[]
  readonly start: string
  readonly end: string
}

type Merge = 'top' | 'all'

/** Layers that replace the schedule's own for a time, such as a week of holidays. */
export interface Temporary {
  readonly name: string
  readonly start: string
  readonly end: string
  readonly layers: readonly Layer[]
  readonly merge?: Merge | undefined
}

/** Time off: no layer gives them a shift, but they may still take one by an override. Without an end they have left, and are never on call again. */
export interface Absence {
  readonly participant: string
  readonly start: string
  readonly end?: string | undefined
}

export interface Schedule {
  readonly name: string
  readonly timeZone: string
  /** The lowest first: where several are active the highest wins, or with `all` every one counts. */
  readonly layers: readonly Layer[]
  readonly merge?: Merge | undefined
  /** In the order in which they were created: the later one wins. */
  readonly overrides?: readonly Override[] | undefined
  readonly temporaries?: readonly Temporary[] | undefined
  readonly absences?: readonly Absence[] | undefined
  /** Who is still in training: in their shifts they shadow, and somebody else is on call. */
  readonly apprentices?: readonly string[] | undefined
}

/** Who is on call from `start` until `end`: instants in ISO 8601 UTC. Nobody: a gap. */
export interface Shift {
  readonly start: string
  readonly end: string
  readonly participants: readonly string[]
  /** Who shadows. */
  readonly shadows?: readonly string[]
}

interface Held extends Span {
  readonly participants: readonly string[]
}

const spanOf = ({ start, end }: { readonly start: string; readonly end?: string | undefined }): Span => ({
  start: Date.parse(start),
  end: end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end),
})
const covers = (outer: Span, { start, end }: Span) => outer.start <= start && end <= outer.end

/** Handoff by handoff, from the one at or before the span until its end: the span of each shift and its number. */
function numbered({ rotation }: Layer, zone: string, { start, end }: Span): (Span & { readonly index: number })[] {
  const handed = [...handoffsAround(rotation, zone, Temporal.Instant.fromEpochMilliseconds(start), Temporal.Instant.fromEpochMilliseconds(end))]
  return handed.map(({ index, at }, i) => ({ index, start: at.epochMilliseconds, end: handed[i + 1]?.at.epochMilliseconds ?? end }))
}

/** The same, numbered by the shifts that have hours in them. Counted from the first handoff: there is no shorter way through the hours of years. */
function numberedByHours(layer: Layer, zone: string, span: Span, restrictions: readonly Restriction[]): (Span & { readonly index: number })[] {
  const first = instantOf(Temporal.PlainDateTime.from(layer.rotation.start), zone).epochMilliseconds
  if (first >= span.end) return []
  const hours = activeHours(restrictions, zone, { start: first, end: span.end })
  let hour = 0
  return numbered(layer, zone, { start: first, end: span.end })
    .filter(position => {
      while ((hours[hour]?.end ?? Number.POSITIVE_INFINITY) <= position.start) hour++
      return (hours[hour]?.start ?? Number.POSITIVE_INFINITY) < position.end
    })
    .map(({ start, end }, index) => ({ index, start, end }))
}

/** The shifts of a layer in a span, within its hours; in order, without overlap. @param position 0 for who is on call, 1 for the next in the rotation */
function layerShifts(layer: Layer, timeZone: string, within: Span, position: number): Held[] {
  const span = {
    start: Math.max(within.start, layer.starts === undefined ? within.start : Date.parse(layer.starts)),
    end: Math.min(within.end, layer.ends === undefined ? within.end : Date.parse(layer.ends)),
  }
  const { participants, restrictions = [] } = layer
  // A shorter list has nobody at that position: the same person twice is no backup.
  if (span.start >= span.end || participants.length <= position) return []
  const zone = layer.timeZone ?? timeZone
  const byHours = layer.advance === 'shift' && restrictions.length > 0
  const places = byHours ? numberedByHours(layer, zone, span, restrictions) : numbered(layer, zone, span)
  const held = places.flatMap(({ index, start, end }): Held[] => {
    const people = [participants[(index + position) % participants.length] ?? []].flat()
    return people.length === 0 ? [] : [{ start, end, participants: people }]
  })
  const inSpan = clip(held, span)
  if (restrictions.length === 0) return inSpan
  return withinHours(inSpan, activeHours(restrictions, zone, span))
}

/** The parts of shifts that lie within hours; both in order and without overlap. */
function withinHours(held: readonly Held[], hours: readonly Span[]): Held[] {
  const found: Held[] = []
  let hour = 0
  for (const position of held) {
    while ((hours[hour]?.end ?? Number.POSITIVE_INFINITY) <= position.start) hour++
    for (let at = hour; (hours[at]?.start ?? Number.POSITIVE_INFINITY) < position.end; at++) found.push(...clip([position], hours[at] ?? position))
  }
  return found
}

/** A stack of layers with the time in which it counts. */
interface Stack extends Span {
  /** The highest first: layers of one level are on call together. */
  readonly levels: readonly (readonly (readonly Held[])[])[]
}

/** The schedule's own layers and those of its temporary schedules, the last one first: it wins. */
function stacks(schedule: Schedule, within: Span, position: number): Stack[] {
  const stack = (layers: readonly Layer[], merge: Merge | undefined, span: Span): Stack => {
    const levels: (readonly Held[])[][] = []
    for (const layer of layers) {
      const held = layerShifts(layer, schedule.timeZone, span, position)
      const [level] = levels
      if (level !== undefined && (merge === 'all' || layer.beside === true)) level.unshift(held)
      else levels.unshift([held])
    }
    return { ...span, levels }
  }
  const temporary = (schedule.temporaries ?? []).flatMap(one => clip([spanOf(one)], within).map(span => stack(one.layers, one.merge, span)))
  return [...temporary.toReversed(), stack(schedule.layers, schedule.merge, within)]
}

/** Reads spans in order at growing times. */
function reader(held: readonly Held[]): (at: number) => Held | undefined {
  let cursor = 0
  return at => {
    while ((held[cursor]?.end ?? Number.POSITIVE_INFINITY) <= at) cursor++
    const found = held[cursor]
    return found !== undefined && found.start <= at ? found : undefined
  }
}

/**
 * Who is on call from `from` until `until`, gaps included: every instant of it is in exactly one shift, and neighbours differ.
 * @param from, until instants, ISO 8601
 * @param position 0 for those on call, 1 for the next in the rotation, their backup, and so on
 */
export function shifts(schedule: Schedule, from: string, until: string, position = 0): Shift[] {
  const within = { start: Date.parse(from), end: Date.parse(until) }
  if (within.start >= within.end) return []
  const all = stacks(schedule, within, position).map(stack => ({ ...stack, readers: stack.levels.map(level => level.map(reader)) }))
  const overrides = (schedule.overrides ?? [])
    .filter(one => (one.position ?? 0) === position)
    .map(one => ({ ...spanOf(one), kind: one.kind, participants: one.participants }))
  const absences = (schedule.absences ?? []).map(one => ({ ...spanOf(one), participant: one.participant }))
  const apprentices = new Set(schedule.apprentices)
  const edges = new Set([within.start, within.end])
  for (const { start, end } of [...all, ...all.flatMap(({ levels }) => levels.flat(2)), ...clip(overrides, within), ...clip(absences, within)])
    edges.add(start).add(end)
  const marks = [...edges].sort((a, b) => a - b)
  const found: (Held & { readonly shadows: readonly string[] })[] = []
  for (const [i, start] of marks.slice(0, -1).entries()) {
    const span = { start, end: marks[i + 1] ?? start }
    const away = absences.filter(absence => covers(absence, span))
    const stack = all.find(one => covers(one, span))
    const levels = (stack?.readers ?? []).map(level =>
      level.flatMap(read => read(start)?.participants ?? []).filter(one => !away.some(({ participant }) => participant === one)),
    )
    const able = levels.map(level => level.filter(one => !apprentices.has(one))).find(isSomebody) ?? []
    const current = overrides.filter(override => covers(override, span))
    const chosen = current.reduce(changed, [...new Set(able)])
    const left = new Set(away.filter(({ end }) => end === Number.POSITIVE_INFINITY).map(({ participant }) => participant))
    const participants = chosen.filter(one => !left.has(one) && !apprentices.has(one))
    const scheduled = levels.find(isSomebody) ?? []
    const watching = [
      ...[...scheduled, ...chosen].filter(one => apprentices.has(one)),
      ...current.flatMap(one => (one.kind === 'shadow' ? one.participants : [])),
    ]
    const shadows = [...new Set(watching)].filter(one => !participants.includes(one) && !left.has(one))
    const last = found.at(-1)
    if (last !== undefined && isSame(last.participants, participants) && isSame(last.shadows, shadows)) found[found.length - 1] = { ...last, end: span.end }
    else found.push({ ...span, participants, shadows })
  }
  return found.map(({ start, end, participants, shadows }) => ({
    start: iso(start),
    end: iso(end),
    participants,
    ...(shadows.length === 0 ? {} : { shadows }),
  }))
}

const isSomebody = (people: readonly string[]) => people.length > 0
const isSame = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((one, i) => one === b[i])

function changed(before: readonly string[], { kind, participants }: Pick<Override, 'kind' | 'participants'>): readonly string[] {
  if (kind === 'replace') return participants
  if (kind === 'add') return [...new Set([...before, ...participants])]
  if (kind === 'remove') return before.filter(one => !participants.includes(one))
  return before
}

const iso = (ms: number) => utc(Temporal.Instant.fromEpochMilliseconds(ms))

/** Everybody in the rotation of a layer, once. */
export function peopleOf({ participants }: { readonly participants: readonly RotationSlot[] }): string[] {
  return [...new Set(participants.flat())]
}

/** The shift at an instant. */
export function shiftAt(schedule: Schedule, at: string, position = 0): Shift {
  const [found] = shifts(schedule, at, new Date(Date.parse(at) + 1).toISOString(), position)
  return found ?? { start: at, end: at, participants: [] }
}

/** Who is on call at an instant; nobody in a gap. */
export function whoIsOnCall(schedule: Schedule, at: string, position = 0): readonly string[] {
  return shiftAt(schedule, at, position).participants
}

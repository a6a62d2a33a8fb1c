import { fold } from './fold.ts'
import { channelOf, classOf, type EventClass } from './taxonomy/classes.ts'
import { pathsOf, timeFields } from './taxonomy/fields.ts'

/** What an event has under a field. */
export interface FieldValue {
  /** The key is there, be its value null. */
  readonly exists: boolean
  /** Scalar values as texts: one, or those of a list. */
  readonly texts: readonly string[]
  /** Absent, or nothing but null. */
  readonly isNull: boolean
}

const absent: FieldValue = { exists: false, texts: [], isNull: true }
const mostDepth = 100

type Json = Readonly<Record<string, unknown>>

/** User mappings: more paths for a field. */
export type FieldMapping = Readonly<Record<string, readonly string[]>>

/** A parsed event, read by the names of the taxonomy. Answers are kept: many rules ask for the same field. */
export class EventView {
  readonly event: Json
  readonly #mapping: FieldMapping
  readonly #fields = new Map<string, FieldValue>()
  readonly #folded = new Map<string, readonly string[]>()
  #everything: { texts: readonly string[]; folded: readonly string[] } | undefined

  constructor(event: Json, mapping: FieldMapping = {}) {
    this.event = event
    this.#mapping = mapping
  }

  field(name: string): FieldValue {
    const known = this.#fields.get(name)
    if (known !== undefined) return known
    const found = pathsOf(name, this.#mapping)
      .values()
      .map(path => valueAt(this.event, path))
      .find(value => value.exists)
    const value = found ?? absent
    this.#fields.set(name, value)
    return value
  }

  /** The field's texts with case folded away. */
  folded(name: string): readonly string[] {
    const known = this.#folded.get(name)
    if (known !== undefined) return known
    const folded = this.field(name).texts.map(fold)
    this.#folded.set(name, folded)
    return folded
  }

  /** Every scalar of the event, for keywords. */
  everything(isCased: boolean): readonly string[] {
    if (this.#everything === undefined) {
      const texts: string[] = []
      collect(this.event, texts, 0)
      this.#everything = { texts, folded: texts.map(fold) }
    }
    return isCased ? this.#everything.texts : this.#everything.folded
  }

  class(): EventClass {
    const [channel] = this.field('Channel').texts
    const [provider] = this.field('Provider_Name').texts
    const [eventId] = this.field('EventID').texts
    const id = eventId !== undefined && /^\d{1,9}$/.test(eventId) ? Number(eventId) : undefined
    return classOf(channelOf(channel, provider), id, path => valueAt(this.event, path).exists)
  }

  /** When it happened, in ms since 1970, or undefined where it does not say. */
  time(): number | undefined {
    for (const path of timeFields) {
      const [text] = valueAt(this.event, path).texts
      const at = text === undefined ? undefined : parseTime(text)
      if (at !== undefined) return at
    }
    return undefined
  }
}

/** ISO 8601 (a blank for the T, UTC without a zone), or seconds, milliseconds, microseconds or nanoseconds since 1970. */
export function parseTime(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    let at = Number(text)
    if (at < 1e8) return undefined
    if (at < 1e11) at *= 1_000
    while (at > 1e14) at /= 1_000
    return Math.trunc(at)
  }
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)\s*(Z|UTC|[+-]\d\d:?\d\d)?$/i.exec(text.trim())
  if (match === null) return undefined
  const [, day, clock = '', zone = 'Z'] = match
  const fraction = clock.replace(',', '.').replace(/(\.\d{3})\d+$/, '$1')
  const at = Date.parse(`${day}T${fraction}${/^utc$/i.test(zone) ? 'Z' : zone.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`)
  return Number.isNaN(at) ? undefined : at
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * What stands at a path. At each object the rest of the path is tried as one key, then its first part: `a.b` finds `{"a.b": 1}` and
 * `{"a": {"b": 1}}`. Lists are looked into. A key also counts with its blanks left out (Sigma 2.1, Field Usage: `SAM User Account` is
 * `SAMUserAccount`).
 */
export function valueAt(event: Json, path: string): FieldValue {
  const found: unknown[] = []
  reach(event, path, found, 0)
  if (found.length === 0) return absent
  const texts: string[] = []
  for (const value of found) scalars(value, texts, 0)
  return { exists: true, texts, isNull: found.every(value => value === null) }
}

function reach(value: unknown, path: string, found: unknown[], depth: number): void {
  if (depth > mostDepth) return
  if (Array.isArray(value)) {
    for (const item of value) reach(item, path, found, depth + 1)
    return
  }
  if (!isObject(value)) return
  const whole = keyOf(value, path)
  if (whole !== undefined) {
    found.push(value[whole])
    return
  }
  const dot = path.indexOf('.')
  if (dot < 0) return
  const first = path.slice(0, dot)
  const rest = path.slice(dot + 1)
  if (first === '*') {
    for (const inner of Object.values(value)) reach(inner, rest, found, depth + 1)
    return
  }
  const key = keyOf(value, first)
  if (key !== undefined) reach(value[key], rest, found, depth + 1)
}

function keyOf(object: Json, name: string): string | undefined {
  if (Object.hasOwn(object, name)) return name
  for (const key in object) if (key.includes(' ') && key.replaceAll(' ', '') === name && Object.hasOwn(object, key)) return key
  return undefined
}

function scalars(value: unknown, texts: string[], depth: number): void {
  if (typeof value === 'string') texts.push(value)
  else if (typeof value === 'number' || typeof value === 'boolean') texts.push(String(value))
  else if (Array.isArray(value) && depth < mostDepth) for (const item of value) scalars(item, texts, depth + 1)
}

function collect(value: unknown, texts: string[], depth: number): void {
  if (isObject(value)) {
    if (depth < mostDepth) for (const inner of Object.values(value)) collect(inner, texts, depth + 1)
  } else if (Array.isArray(value)) {
    if (depth < mostDepth) for (const inner of value) collect(inner, texts, depth + 1)
  } else scalars(value, texts, 0)
}

/**
 * Parses one event. Integers that a number cannot hold exactly keep their digits, as texts.
 * @throws SyntaxError, or TypeError for JSON that is not an object
 */
export function parseEvent(line: string): Json {
  const event: unknown = /\d{16}/.test(line) ? JSON.parse(line, exactNumber) : JSON.parse(line)
  if (!isObject(event)) throw new TypeError('an event must be a JSON object')
  return event
}

function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined || Number.isSafeInteger(value)) return value
  return /^-?\d+$/.test(context.source) ? context.source : value
}

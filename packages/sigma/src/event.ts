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
  /** Every number is one that a number can hold. */
  readonly isExact: boolean
}

const absent: FieldValue = { exists: false, texts: [], isNull: true, isExact: true }
const maxDepth = 100
/** Keys of one event, at every depth. Real ones have some hundred. */
const maxKeys = 20_000
/** A key takes so many characters at least: `"":0,` */
const keyLength = 5

type Json = Readonly<Record<string, unknown>>

/** User mappings: more paths for a field. */
export type FieldMapping = Readonly<Record<string, readonly string[]>>

/** An event, read by the names of the taxonomy. Answers are kept: many rules ask for the same field. */
export class EventView {
  /** As JSON. */
  readonly text: string
  readonly #event: Json
  #exact: Json | undefined
  readonly #mapping: FieldMapping
  readonly #fields = new Map<string, FieldValue>()
  readonly #folded = new Map<string, readonly string[]>()
  #everything: { texts: readonly string[]; folded: readonly string[] } | undefined

  /** @throws SyntaxError, TypeError for JSON that is not an object, or RangeError for one with too many keys */
  constructor(text: string, mapping: FieldMapping = {}) {
    const event: unknown = JSON.parse(text)
    if (!isObject(event)) throw new TypeError('an event must be a JSON object')
    if (text.length > maxKeys * keyLength && countKeys(event) > maxKeys) throw new RangeError(`an event may have at most ${maxKeys.toLocaleString('en')} keys`)
    this.text = text
    this.#event = event
    this.#mapping = mapping
  }

  field(name: string): FieldValue {
    const known = this.#fields.get(name)
    if (known !== undefined) return known
    const value = this.#lookUp(name)
    this.#fields.set(name, value)
    return value
  }

  #lookUp(name: string): FieldValue {
    for (const path of pathsOf(name, this.#mapping)) {
      const value = this.#at(path)
      if (value.exists) return value
    }
    return absent
  }

  /** Integers that a number cannot hold keep their digits: only then is the text parsed once more, which is slow. */
  #at(path: string): FieldValue {
    const value = valueAt(this.#event, path)
    return value.isExact ? value : valueAt(this.#withDigits(), path)
  }

  #withDigits(): Json {
    this.#exact ??= JSON.parse(this.text, exactNumber) as Json
    return this.#exact
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
      collect(/\d{16}/.test(this.text) ? this.#withDigits() : this.#event, texts, 0)
      this.#everything = { texts, folded: texts.map(fold) }
    }
    return isCased ? this.#everything.texts : this.#everything.folded
  }

  class(): EventClass {
    const [channel] = this.field('Channel').texts
    const [provider] = this.field('Provider_Name').texts
    const [eventId] = this.field('EventID').texts
    const id = eventId !== undefined && /^\d{1,9}$/.test(eventId) ? Number(eventId) : undefined
    return classOf(channelOf(channel, provider), id, path => valueAt(this.#event, path).exists)
  }

  /** When it happened, in ms since 1970, or undefined where it does not say. */
  time(): number | undefined {
    for (const path of timeFields) {
      const [text] = valueAt(this.#event, path).texts
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
    // More than nanoseconds have until the year 5138 is no time; what a number cannot hold would never become smaller.
    if (at < 1e8 || at > 1e20) return undefined
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
  let isExact = true
  for (const value of found) if (!scalars(value, texts, 0)) isExact = false
  return { exists: true, texts, isNull: found.every(value => value === null), isExact }
}

function reach(value: unknown, path: string, found: unknown[], depth: number): void {
  if (depth > maxDepth) return
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

/** Keys with blanks of an object, by their names without; undefined where it has none. Each object is looked through once, however many names are asked for. */
const stripped = new WeakMap<Json, ReadonlyMap<string, string> | undefined>()

function keyOf(object: Json, name: string): string | undefined {
  if (Object.hasOwn(object, name)) return name
  if (!stripped.has(object)) stripped.set(object, strippedKeys(object))
  return stripped.get(object)?.get(name)
}

function strippedKeys(object: Json): ReadonlyMap<string, string> | undefined {
  const blank = Object.keys(object).filter(key => key.includes(' '))
  if (blank.length === 0) return undefined
  // The first of two that are the same without blanks counts.
  return new Map(blank.toReversed().map(key => [key.replaceAll(' ', ''), key]))
}

function countKeys(event: Json): number {
  let count = 0
  const left: unknown[] = [event]
  for (let value = left.pop(); value !== undefined && count <= maxKeys; value = left.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) count += Object.keys(value).length
    for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) left.push(inner)
  }
  return count
}

/** Adds the scalars of a value. @returns false where one is an integer too large for a number */
function scalars(value: unknown, texts: string[], depth: number): boolean {
  if (typeof value === 'string') texts.push(value)
  else if (typeof value === 'number') {
    texts.push(String(value))
    return !Number.isInteger(value) || Number.isSafeInteger(value)
  } else if (typeof value === 'boolean') texts.push(String(value))
  else if (Array.isArray(value) && depth < maxDepth) return value.map(item => scalars(item, texts, depth + 1)).every(Boolean)
  return true
}

function collect(value: unknown, texts: string[], depth: number): void {
  if (isObject(value)) {
    if (depth < maxDepth) for (const inner of Object.values(value)) collect(inner, texts, depth + 1)
  } else if (Array.isArray(value)) {
    if (depth < maxDepth) for (const inner of value) collect(inner, texts, depth + 1)
  } else scalars(value, texts, 0)
}

function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined || Number.isSafeInteger(value)) return value
  return /^-?\d+$/.test(context.source) ? context.source : value
}

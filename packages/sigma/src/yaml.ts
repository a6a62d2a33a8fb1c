import { constructFromEvents, EVENT_ID, type Event, getScalarValue, parseEvents, YAMLException } from 'js-yaml'
import { RuleProblem } from './problem.ts'

const maxCharacters = 2_000_000
/** Few, so that aliases of aliases cannot blow a small file up. */
const maxAliases = 20
/** Values that aliases may add: a list that is named twice, in a list that is named twice, and so on, becomes a million times as long. */
const maxRepeated = 100_000

export interface YamlDocument {
  readonly value: unknown
  /** The line, from 1, of the value that `path` leads to, or of the last key on the way that exists. */
  lineOf(path: readonly (string | number)[]): number
}

/**
 * The documents of a YAML 1.2 text.
 * @throws RuleProblem with the line, where it does not parse
 */
export function parseYaml(text: string): YamlDocument[] {
  if (text.length > maxCharacters) throw new RuleProblem(`the file is larger than ${maxCharacters} characters`, [], 1)
  try {
    const events = parseEvents(text, { maxDepth: 100 })
    const starts = events.flatMap(({ type }, at) => (type === EVENT_ID.DOCUMENT ? [at + 1] : []))
    const lines = lineStarts(text)
    const values = constructFromEvents(events, { source: text, maxAliases })
    if (events.some(({ type }) => type === EVENT_ID.ALIAS)) for (const value of values) assertFewRepeated(value)
    return values.map((value, i) => ({
      value,
      lineOf: path => lineIn(lines, offsetOf(text, events, starts[i] ?? 0, path)),
    }))
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const line = /\((\d+):\d+\)/.exec(error.message)?.[1]
    throw new RuleProblem(`the file is not valid YAML: ${error.reason}`, [], line === undefined ? 1 : Number(line))
  }
}

/** @throws RuleProblem where the value has so many values, counted as often as aliases repeat them, that to go over it takes seconds. Looks at each once. */
function assertFewRepeated(value: unknown): void {
  const sizes = new Map<object, number>()
  let written = 0
  const sizeOf = (part: unknown): number => {
    if (typeof part !== 'object' || part === null) return 0
    const known = sizes.get(part)
    if (known !== undefined) return known
    // One that is part of itself has no end.
    sizes.set(part, Number.POSITIVE_INFINITY)
    const members = Object.values(part)
    written += members.length
    const size = members.reduce<number>((sum, member) => sum + sizeOf(member), members.length)
    sizes.set(part, size)
    return size
  }
  if (sizeOf(value) - written > maxRepeated) throw new RuleProblem(`its aliases repeat more than ${maxRepeated.toLocaleString('en')} values`, [], 1)
}

/** Where each line begins. */
function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** The line, from 1, that an offset is in: of those that begin before it, or at it, the last. */
function lineIn(starts: readonly number[], offset: number): number {
  let [from, to] = [0, starts.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((starts[middle] ?? 0) <= offset) from = middle + 1
    else to = middle
  }
  return from
}

/** Walks the events of the document that begins at `from` along a path. Only done when something is wrong: it costs a pass over the document. */
function offsetOf(text: string, events: readonly Event[], from: number, path: readonly (string | number)[]): number {
  let at = from
  let offset = startOf(events[at])
  for (const step of path) {
    const found = child(text, events, at, step)
    if (found === undefined) break
    at = found.at
    offset = found.offset
  }
  return offset
}

function startOf(event: Event | undefined): number {
  if (event?.type === EVENT_ID.SCALAR) return event.valueStart
  if (event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE) return event.start
  return 0
}

/** The index after the value that starts at `at`. */
function after(events: readonly Event[], at: number): number {
  let depth = 0
  for (let i = at; i < events.length; i++) {
    const type = events[i]?.type
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++
    if (type === EVENT_ID.POP) depth--
    if (depth <= 0) return i + 1
  }
  return events.length
}

function child(text: string, events: readonly Event[], at: number, step: string | number): { at: number; offset: number } | undefined {
  const parent = events[at]
  let i = at + 1
  if (parent?.type === EVENT_ID.SEQUENCE && typeof step === 'number') {
    for (let n = 0; n < step; n++) i = after(events, i)
    return events[i]?.type === EVENT_ID.POP ? undefined : { at: i, offset: startOf(events[i]) }
  }
  if (parent?.type !== EVENT_ID.MAPPING) return undefined
  for (let key = events[i]; key !== undefined && key.type !== EVENT_ID.POP; key = events[i]) {
    const value = after(events, i)
    if (key.type === EVENT_ID.SCALAR && getScalarValue(text, key) === String(step)) return { at: value, offset: key.valueStart }
    i = after(events, value)
  }
  return undefined
}

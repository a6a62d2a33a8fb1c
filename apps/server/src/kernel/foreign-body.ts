import { AppProblem } from './problems.ts'
import { storable } from './text.ts'

/** @throws AppProblem invalid */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new AppProblem('invalid', 'Body is not valid JSON.')
  }
}

/** True for JSON whose lists and objects are nested deeper than that: told by looking at each byte once, before anything is made of it. */
export function isDeeper(json: Uint8Array, levels: number): boolean {
  let depth = 0
  let isText = false
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]
    if (isText) {
      if (byte === 0x5c) at += 1
      else if (byte === 0x22) isText = false
    } else if (byte === 0x22) isText = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > levels) return true
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return false
}

/** Bounds of a body from other software: as much as fits into the largest request that it sends, and no deeper than a schema can follow. */
const maxValues = 200_000
const maxDepth = 100
const tooDeep = '… (nested too deeply)'

/**
 * Reads the JSON of software that cannot be told to send it otherwise, and that does not send again what was refused. Each text is made one that PostgreSQL
 * keeps; bytes that are not UTF-8, NUL and half surrogate pairs become replacement characters; what is nested too deeply is replaced by words that say so.
 * A member named `__proto__` is an ordinary one, named `(__proto__)` so that no copy of it changes a prototype.
 * @throws AppProblem invalid, for what is not JSON or has too many values
 */
export function readForeignJson(bytes: Uint8Array): unknown {
  const whole = parseJson(bytes)
  let count = 0
  const clean = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return storable(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth >= maxDepth) return tooDeep
    const entries = Object.entries(value)
    count += entries.length
    if (count > maxValues) throw new AppProblem('invalid', `body: must have at most ${maxValues.toLocaleString('en')} values.`)
    if (Array.isArray(value)) return value.map(member => clean(member, depth + 1))
    return Object.fromEntries(entries.map(([name, member]) => [name === '__proto__' ? '(__proto__)' : storable(name), clean(member, depth + 1)]))
  }
  return clean(whole, 0)
}

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

/**
 * What of JSON is beyond a bound: told by looking at each byte once, before anything is made of it. Values are the members of all lists and objects.
 */
export function excessOf(json: Uint8Array, max: { readonly levels: number; readonly values: number }): 'levels' | 'values' | undefined {
  let depth = 0
  let values = 0
  let isText = false
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]
    if (isText) {
      if (byte === backslash) at += 1
      else if (byte === quote) isText = false
    } else if (byte === quote) isText = true
    else if (byte === comma) values += 1
    else if (byte === openList || byte === openObject) {
      depth += 1
      if (json[at + 1] !== closeList && json[at + 1] !== closeObject) values += 1
    } else if (byte === closeList || byte === closeObject) depth -= 1
    if (depth > max.levels) return 'levels'
    if (values > max.values) return 'values'
  }
  return undefined
}

const [quote, comma, backslash, openList, closeList, openObject, closeObject] = [0x22, 0x2c, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d]

/** Bounds of a body from other software: as much as fits into the largest request that it sends, and no deeper than a schema can follow. */
const maxValues = 200_000
const maxDepth = 100
const tooDeep = '… (nested too deeply)'

/**
 * Reads the JSON of software that cannot be told to send it otherwise, and that does not send again what was refused. Each text is made one that PostgreSQL
 * keeps; bytes that are not UTF-8, NUL and half surrogate pairs become replacement characters; what is nested too deeply is replaced by words that say so.
 * A member named `__proto__` is an ordinary one, named `(__proto__)` so that no copy of it changes a prototype.
 * @throws AppProblem invalid, for what is not JSON; too-large, for what has too many values
 */
export function readForeignJson(bytes: Uint8Array): unknown {
  if (excessOf(bytes, { levels: Number.POSITIVE_INFINITY, values: maxValues }) !== undefined)
    throw new AppProblem('too-large', `The request has more than ${maxValues.toLocaleString('en')} values.`)
  const clean = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return storable(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth >= maxDepth) return tooDeep
    if (Array.isArray(value)) return value.map(member => clean(member, depth + 1))
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name === '__proto__' ? '(__proto__)' : storable(name), clean(member, depth + 1)]))
  }
  return clean(parseJson(bytes), 0)
}

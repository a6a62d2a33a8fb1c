import { parseNetwork } from './cidr.ts'
import { type Condition, identifiersOf, parseCondition } from './condition.ts'
import { and, atomsOf, type Comparison, type Expression, not, or, type Position, type Test, type TimePart } from './expression.ts'
import { literalOf, many, type Pattern, parsePattern, pattern, withAnyDash } from './pattern.ts'
import { RuleProblem } from './problem.ts'
import { compileRegex } from './regex.ts'

/** Values of placeholders for `expand`, by name without the percent signs. */
export type Placeholders = Readonly<Record<string, readonly string[]>>

const maxDepth = 50
const maxExpansions = 10_000
/** Tests that the conditions of a rule come to: those of an identifier as often as it is named. */
const maxTests = 100_000

/** What a value is on its way through the modifiers. */
type Value =
  | { readonly kind: 'text'; readonly pattern: Pattern /** Characters are bytes: a UTF-16 modifier has made them. */; readonly isBytes: boolean }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }

const known = new Set([
  'contains', 'startswith', 'endswith', 'all', 'cased', 'exists', 'neq', 're', 'i', 'm', 's', 'cidr', 'lt', 'lte', 'gt', 'gte', 'base64', 'base64offset',
  'utf16', 'utf16le', 'utf16be', 'wide', 'windash', 'fieldref', 'expand', 'minute', 'hour', 'day', 'week', 'month', 'year',
]) // biome-ignore format: a list of words

const positions = ['contains', 'startswith', 'endswith'] as const
const comparisons = ['lt', 'lte', 'gt', 'gte'] as const
const timeParts = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const

/**
 * Turns a `detection` (or the selections of a filter) into one expression.
 * @param section search identifiers and `condition`, as YAML gives them
 * @throws RuleProblem with the path of what is wrong
 */
export function parseDetection(section: Readonly<Record<string, unknown>>, placeholders: Placeholders): Expression {
  const { condition, timeframe, ...identifiers } = section
  if (timeframe !== undefined) throw new RuleProblem('timeframe was removed from Sigma; use a correlation rule with a timespan', ['timeframe'])
  if (condition === undefined) throw new RuleProblem('the condition is missing')
  const names = Object.keys(identifiers)
  if (names.length === 0) throw new RuleProblem('the detection has no search identifier')
  const parsed = new Map<string, Expression>()
  for (const name of names)
    parsed.set(
      name,
      within([name], () => parseIdentifier(identifiers[name], placeholders, 0)),
    )
  const conditions = Array.isArray(condition) ? condition : [condition]
  if (conditions.length === 0) throw new RuleProblem('the condition is empty', ['condition'])
  const resolve = resolver(parsed)
  return or(
    conditions.map(text =>
      within(['condition'], () => {
        if (typeof text !== 'string') throw new RuleProblem('the condition must be a string')
        return resolve(parseCondition(text))
      }),
    ),
  )
}

/** Runs `work`; what it throws gets `path` in front of its own. */
export function within<T>(path: readonly (string | number)[], work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RuleProblem && error.line === undefined) throw new RuleProblem(error.message, [...path, ...error.path])
    throw error
  }
}

/**
 * Puts identifiers into the conditions of a rule.
 * @throws RuleProblem also where all conditions together come to too many tests: a short one may name everything again and again
 */
export function resolver(identifiers: ReadonlyMap<string, Expression>): (condition: Condition) => Expression {
  const names = [...identifiers.keys()]
  const sizes = new Map([...identifiers].map(([name, expression]) => [name, atomsOf(expression).length]))
  let size = 0
  const grow = (by: number) => {
    size += by
    if (size > maxTests) throw new RuleProblem(`the condition comes to more than ${maxTests.toLocaleString('en')} tests`)
  }
  const named = (name: string): Expression | undefined => {
    grow(sizes.get(name) ?? 0)
    return identifiers.get(name)
  }
  const resolve = (condition: Condition): Expression => {
    if (condition.op === 'not') return not(resolve(condition.of))
    if ('of' in condition) return condition.op === 'and' ? and(condition.of.map(resolve)) : or(condition.of.map(resolve))
    if (condition.op === 'identifier') {
      const found = named(condition.name)
      if (found === undefined) throw new RuleProblem(`the condition names "${condition.name}", which is not a search identifier of this rule`)
      return found
    }
    // Each name is compared with each pattern.
    grow(names.length)
    const counted = identifiersOf(condition.pattern, names)
    if (counted.length === 0) throw new RuleProblem(`the condition counts "${condition.pattern ?? 'them'}", but no search identifier of this rule matches it`)
    const of = counted.flatMap(name => named(name) ?? [])
    return condition.op === 'every' ? and(of) : or(of)
  }
  return resolve
}

/** A map, a list of maps or a list of keywords. */
export function parseIdentifier(value: unknown, placeholders: Placeholders, depth: number): Expression {
  if (depth > maxDepth) throw new RuleProblem(`search identifiers are nested more than ${maxDepth} levels deep`)
  if (Array.isArray(value)) {
    if (value.length === 0) throw new RuleProblem('the list is empty')
    return or(value.map((part, i) => within([i], () => (isScalar(part) ? parseItem('', part, placeholders) : parseIdentifier(part, placeholders, depth + 1)))))
  }
  if (isScalar(value)) return parseItem('', value, placeholders)
  if (typeof value !== 'object' || value === null) throw new RuleProblem('a search identifier must be a map, a list of maps or a list of keywords')
  const entries = Object.entries(value)
  if (entries.length === 0) throw new RuleProblem('the map is empty')
  return and(entries.map(([key, part]) => within([key], () => parseItem(key, part, placeholders))))
}

const isScalar = (value: unknown): value is string | number | boolean | bigint => ['string', 'number', 'boolean', 'bigint'].includes(typeof value)

/** One `field|modifiers: values` of a map; without a field, keywords. */
export function parseItem(key: string, raw: unknown, placeholders: Placeholders): Expression {
  const [name = '', ...modifiers] = key.split('|')
  const field = name === '' ? undefined : name
  for (const modifier of modifiers) if (!known.has(modifier)) throw new RuleProblem(`the modifier ${JSON.stringify(modifier)} is not in the specification`)
  for (const [i, modifier] of modifiers.entries()) if (modifiers.indexOf(modifier) !== i) throw new RuleProblem(`the modifier ${modifier} appears twice`)
  const raws: readonly unknown[] = Array.isArray(raw) ? raw : [raw]
  if (raws.length === 0) throw new RuleProblem('the list of values is empty')
  const has = (modifier: string) => modifiers.includes(modifier)
  if (has('exists')) {
    if (raws.length !== 1 || typeof raws[0] !== 'boolean' || modifiers.length !== 1 || field === undefined)
      throw new RuleProblem('exists must be the only modifier and takes true or false')
    return { op: 'atom', atom: { field, test: { kind: 'exists', expected: raws[0] } } }
  }
  const values = raws.flatMap((value, i) => within(Array.isArray(raw) ? [i] : [], () => parseValue(value, modifiers, placeholders)))
  const atoms = values.map((options): Expression => {
    const alternatives = options.map((value): Expression => ({ op: 'atom', atom: { field, test: testOf(value, modifiers, field) } }))
    return or(alternatives)
  })
  const joined = has('all') ? and(atoms) : or(atoms)
  return has('neq') ? not(joined) : joined
}

/** The value with its transforming modifiers applied, in their order: alternatives of one value. */
function parseValue(raw: unknown, modifiers: readonly string[], placeholders: Placeholders): Value[][] {
  if (raw === null || raw === undefined) {
    if (modifiers.some(modifier => modifier !== 'all' && modifier !== 'neq')) throw new RuleProblem('null takes no modifier')
    return [[{ kind: 'null' }]]
  }
  if (!isScalar(raw)) throw new RuleProblem('a value must be a string, a number, true, false or null')
  let values: Value[] = [
    typeof raw === 'number'
      ? { kind: 'number', value: raw }
      : typeof raw === 'boolean'
        ? { kind: 'boolean', value: raw }
        : { kind: 'text', pattern: readText(String(raw), modifiers), isBytes: false },
  ]
  for (const modifier of modifiers) values = values.flatMap(value => transform(value, modifier, placeholders))
  if (values.length > maxExpansions) throw new RuleProblem(`the value expands to more than ${maxExpansions} values`)
  return [values]
}

/** Regular expressions and references are taken as they are; other texts have wildcards. */
function readText(text: string, modifiers: readonly string[]): Pattern {
  if (modifiers.includes('re') || modifiers.includes('fieldref') || modifiers.includes('cidr')) return pattern([text])
  return parsePattern(text)
}

function asText(value: Value, modifier: string): { pattern: Pattern; isBytes: boolean } {
  if (value.kind === 'text') return value
  if (value.kind === 'number' || value.kind === 'boolean') return { pattern: pattern([String(value.value)]), isBytes: false }
  throw new RuleProblem(`the modifier ${modifier} cannot be applied to null`)
}

function transform(value: Value, modifier: string, placeholders: Placeholders): Value[] {
  const text = () => asText(value, modifier)
  const made = (next: Pattern, isBytes = false): Value[] => [{ kind: 'text', pattern: pattern(next), isBytes }]
  if (modifier === 'windash') return made(withAnyDash(text().pattern))
  if (modifier === 'base64') return made([Buffer.from(bytesOf(text(), modifier)).toString('base64')])
  if (modifier === 'base64offset') return base64Offsets(bytesOf(text(), modifier)).flatMap(encoded => made([encoded]))
  if (modifier === 'wide' || modifier === 'utf16le' || modifier === 'utf16be' || modifier === 'utf16') {
    const wide = text().pattern.map(part => (typeof part === 'string' ? utf16(part, modifier === 'utf16be') : part))
    return made(modifier === 'utf16' ? ['\xff\xfe', ...wide] : wide, true)
  }
  if (modifier === 'expand') return expand(text().pattern, placeholders).map(next => ({ kind: 'text', pattern: next, isBytes: false }))
  return [value]
}

/** UTF-16 as a text whose characters are bytes. */
function utf16(text: string, isBigEndian: boolean): string {
  const bytes = Buffer.from(text, 'utf16le')
  return (isBigEndian ? bytes.swap16() : bytes).toString('latin1')
}

const bytesOf = (value: { pattern: Pattern; isBytes: boolean }, modifier: string): Uint8Array =>
  Buffer.from(literalOf(value.pattern, modifier), value.isBytes ? 'latin1' : 'utf8')

/** What Base64 makes of the bytes at each of the three places they can have in a longer text, without the characters that depend on what stands beside. */
function base64Offsets(bytes: Uint8Array): string[] {
  const starts = [0, 2, 3]
  const ends = [undefined, -3, -2]
  return [0, 1, 2].map(offset => {
    const encoded = Buffer.concat([Buffer.alloc(offset, 0x20), bytes]).toString('base64')
    return encoded.slice(starts[offset], ends[(bytes.length + offset) % 3])
  })
}

/** Puts in the values of `%name%`; `\%` is a plain percent sign. */
function expand(value: Pattern, placeholders: Placeholders): Pattern[] {
  let results: Pattern[] = [[]]
  for (const part of value) {
    if (typeof part !== 'string') {
      results = results.map(result => [...result, part])
      continue
    }
    for (const piece of part.split(/((?<!\\)%[^%\s\\]+%)/)) {
      const name = /^%([^%\s\\]+)%$/.exec(piece)?.[1]
      const values = name === undefined ? [pattern([piece.replaceAll('\\%', '%')])] : placeholders[name]?.map(parsePattern)
      if (values === undefined || values.length === 0) throw new RuleProblem(`the placeholder %${name}% has no values: set them in the configuration`)
      if (results.length * values.length > maxExpansions) throw new RuleProblem(`the value expands to more than ${maxExpansions} values`)
      results = results.flatMap(result => values.map(next => [...result, ...next]))
    }
  }
  return results.map(pattern)
}

/** The test that a value and its type modifiers come to. @throws RuleProblem where they do not go together. */
function testOf(value: Value, modifiers: readonly string[], field: string | undefined): Test {
  const isCased = modifiers.includes('cased')
  const position = positions.find(name => modifiers.includes(name))
  if (positions.filter(name => modifiers.includes(name)).length > 1) throw new RuleProblem('only one of contains, startswith and endswith is allowed')
  const comparison = comparisons.filter(name => modifiers.includes(name))
  const part = timeParts.filter(name => modifiers.includes(name))
  if (comparison.length > 1) throw new RuleProblem(`${comparison.join(' and ')} cannot be combined`)
  if (part.length > 1) throw new RuleProblem(`${part.join(' and ')} cannot be combined`)
  if (value.kind === 'null') return { kind: 'null' }
  if (modifiers.includes('fieldref')) {
    if (field === undefined || value.kind !== 'text') throw new RuleProblem('the value of fieldref must be a field name')
    return { kind: 'fieldref', field: literalOf(value.pattern, 'fieldref'), position: position ?? 'equals', isCased }
  }
  if (comparison[0] !== undefined || part[0] !== undefined) return numericTest(value, comparison[0], part[0])
  if (modifiers.includes('cidr')) {
    const network = value.kind === 'text' ? literalOf(value.pattern, 'cidr') : ''
    if (parseNetwork(network) === undefined) throw new RuleProblem(`${JSON.stringify(network)} is not a network such as 10.0.0.0/8 or fe80::/10`)
    return { kind: 'cidr', network }
  }
  const { pattern: text } = asText(value, modifiers[0] ?? '')
  if (modifiers.includes('re')) {
    const source = regexAt(literalOf(text, 're'), position)
    const flags = ['i', 'm', 's'].filter(flag => modifiers.includes(flag)).join('')
    compileRegex(source, flags)
    return { kind: 'regex', source, flags }
  }
  if (modifiers.some(modifier => modifier === 'i' || modifier === 'm' || modifier === 's')) throw new RuleProblem('the modifiers i, m and s require re')
  if (field === undefined) return { kind: 'pattern', pattern: pattern([many, ...text, many]), isCased }
  return { kind: 'pattern', pattern: placed(text, position), isCased }
}

function numericTest(value: Value, comparison: Comparison | undefined, part: TimePart | undefined): Test {
  const text = value.kind === 'text' ? literalOf(value.pattern, comparison ?? part ?? '') : String('value' in value ? value.value : '')
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) throw new RuleProblem(`${comparison ?? part} takes a number, not ${JSON.stringify(text)}`)
  if (comparison !== undefined) return { kind: 'compare', comparison, value: number, ...(part === undefined ? {} : { part }) }
  if (part === undefined) throw new RuleProblem('a number is compared with lt, lte, gt, gte or a part of a time')
  return { kind: 'time', part, value: number }
}

function placed(text: Pattern, position: Position | undefined): Pattern {
  const before = position === 'contains' || position === 'endswith' ? ([many] as const) : []
  const after = position === 'contains' || position === 'startswith' ? ([many] as const) : []
  return pattern([...before, ...text, ...after])
}

/** A regular expression is looked for anywhere; startswith and endswith tie it to an end. */
function regexAt(source: string, position: Position | undefined): string {
  if (position === 'startswith') return `^(?:${source})`
  return position === 'endswith' ? `(?:${source})$` : source
}

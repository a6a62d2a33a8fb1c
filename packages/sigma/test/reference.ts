/**
 * A second evaluator, written straight from the specification, slow and obvious: no index, no compilation, regular expressions of the
 * language for patterns. It shares no code with the engine but the YAML it is given. Tests hold the engine against it.
 */

type Json = Readonly<Record<string, unknown>>

type IsTrue = (name: string) => boolean
type Truth = (isTrue: IsTrue) => boolean

/** A test of events for the detection of a rule, whatever its log source. */
export function referenceOf(detection: Json, paths: (field: string) => readonly string[]): (event: Json) => boolean {
  const names = Object.keys(detection).filter(name => name !== 'condition')
  const truths = [detection.condition].flat().map(condition => truth(String(condition), names))
  const identifiers = new Map(names.map(name => [name, identifier(detection[name], paths)]))
  return event => truths.some(is => is(name => identifiers.get(name)?.(event) === true))
}

/** Reads a condition by putting, for each part that is understood, a mark in its place, from the most binding to the least. */
function truth(condition: string, names: readonly string[]): Truth {
  let tokens = condition.replaceAll('(', ' ( ').replaceAll(')', ' ) ').trim().split(/\s+/)
  const understood: Truth[] = []
  const mark = (part: Truth) => `#${understood.push(part) - 1}`
  for (let at = tokens.findIndex(token => token.toLowerCase() === 'of'); at > 0; at = tokens.findIndex(token => token.toLowerCase() === 'of')) {
    const what = tokens[at + 1] ?? ''
    const fitting = what.toLowerCase() === 'them' ? names.filter(name => !name.startsWith('_')) : names.filter(name => wildcard(what.split('*')).test(name))
    const isAll = tokens[at - 1]?.toLowerCase() === 'all'
    tokens = [...tokens.slice(0, at - 1), mark(isTrue => (isAll ? fitting.every(isTrue) : fitting.some(isTrue))), ...tokens.slice(at + 2)]
  }
  const flat = (list: readonly string[]): Truth => {
    const parts = split(list, 'or').map(part => split(part, 'and').map(factor))
    return isTrue => parts.some(factors => factors.every(is => is(isTrue)))
  }
  const factor = (list: readonly string[]): Truth => {
    const [first = '', ...rest] = list
    if (first.toLowerCase() === 'not') {
      const inner = factor(rest)
      return isTrue => !inner(isTrue)
    }
    return understood[Number(first.slice(1))] ?? (isTrue => isTrue(first))
  }
  for (let close = tokens.indexOf(')'); close >= 0; close = tokens.indexOf(')')) {
    const open = tokens.lastIndexOf('(', close)
    tokens = [...tokens.slice(0, open), mark(flat(tokens.slice(open + 1, close))), ...tokens.slice(close + 1)]
  }
  return flat(tokens)
}

function split(tokens: readonly string[], at: string): string[][] {
  const parts: string[][] = [[]]
  for (const token of tokens) {
    if (token.toLowerCase() === at) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

type Meets = (event: Json) => boolean
type Paths = (field: string) => readonly string[]

function identifier(value: unknown, paths: Paths): Meets {
  if (Array.isArray(value)) {
    const parts = value.map(part => identifier(part, paths))
    return event => parts.some(meets => meets(event))
  }
  if (typeof value !== 'object' || value === null) return item('', value, paths)
  const parts = Object.entries(value).map(([key, part]) => item(key, part, paths))
  return event => parts.every(meets => meets(event))
}

function item(key: string, raw: unknown, paths: Paths): Meets {
  const [field = '', ...modifiers] = key.split('|')
  const parts = [raw].flat().map(value => single(field, value, modifiers, paths))
  const meets: Meets = modifiers.includes('all') ? event => parts.every(part => part(event)) : event => parts.some(part => part(event))
  return modifiers.includes('neq') ? event => !meets(event) : meets
}

function single(field: string, raw: unknown, modifiers: readonly string[], paths: Paths): Meets {
  const has = (modifier: string) => modifiers.includes(modifier)
  const find = (event: Json): Found => lookUp(event, field, paths)
  const anyText =
    (test: (text: string) => boolean): Meets =>
    event =>
      find(event).texts.some(test)
  if (has('exists')) return event => find(event).exists === raw
  if (raw === null) return event => find(event).values.every(value => value === null)
  if (has('fieldref'))
    return event => {
      const others = lookUp(event, String(raw), paths).texts.flatMap(other => positioned([[other]], modifiers, 'i'))
      return find(event).texts.some(text => others.some(other => other.test(text)))
    }
  if (has('re')) {
    const expression = regex(String(raw), ['i', 'm', 's'].filter(has).join(''))
    return anyText(text => expression.test(text))
  }
  if (has('cidr')) return anyText(text => inNetwork(text, String(raw)))
  const comparison = ['lt', 'lte', 'gt', 'gte'].find(has)
  if (comparison !== undefined)
    return anyText(text => {
      const [a, b] = [Number(text), Number(raw)]
      if (text.trim() === '' || Number.isNaN(a)) return false
      return comparison === 'lt' ? a < b : comparison === 'lte' ? a <= b : comparison === 'gt' ? a > b : a >= b
    })
  let alternatives: Part[][] = [parse(String(raw))]
  for (const modifier of modifiers) alternatives = alternatives.flatMap(parts => transformed(parts, modifier))
  const tests = positioned(alternatives, field === '' ? [...modifiers, 'contains'] : modifiers, has('cased') ? '' : 'i')
  return anyText(text => tests.some(test => test.test(text)))
}

/** Perl's inline flag becomes one of the language; what the stricter Unicode mode refuses is read without it. */
function regex(source: string, flags: string): RegExp {
  const plain = source.replaceAll('(?i)', '')
  const all = [...new Set(plain === source ? flags : `${flags}i`)].join('')
  try {
    return new RegExp(plain, `u${all}`)
  } catch {
    return new RegExp(plain, all)
  }
}

type Part = string | { readonly wild: '*' | '?' }

/** Sigma 2.1, Escape Character. */
function parse(text: string): Part[] {
  const parts: Part[] = []
  for (let rest = text; rest !== ''; ) {
    const pair = /^\\[\\*?]/.exec(rest)
    if (pair !== null) {
      parts.push(rest.charAt(1))
      rest = rest.slice(2)
      continue
    }
    const character = [...rest][0] ?? ''
    parts.push(character === '*' || character === '?' ? { wild: character } : character)
    rest = rest.slice(character.length)
  }
  return parts
}

function transformed(parts: Part[], modifier: string): Part[][] {
  const text = () => parts.map(part => (typeof part === 'string' ? part : part.wild)).join('')
  if (modifier === 'windash') {
    const dashes = ['-', '/', '–', '—', '―']
    return parts.reduce<Part[][]>(
      (made, part) => made.flatMap(before => (typeof part === 'string' && dashes.includes(part) ? dashes : [part]).map(choice => [...before, choice])),
      [[]],
    )
  }
  const bytes = () => Buffer.from(text(), /^[\0-\xff]*$/.test(text()) && text().includes('\0') ? 'latin1' : 'utf8')
  if (modifier === 'base64') return [[...bytes().toString('base64')]]
  if (modifier === 'base64offset')
    return [0, 1, 2].map(offset => {
      const encoded = Buffer.concat([Buffer.alloc(offset, 'x'), bytes()])
        .toString('base64')
        .replace(/=+$/, '')
      const first = Math.ceil((offset * 8) / 6)
      const bits = (offset + bytes().length) * 8
      return [...encoded.slice(first, Math.floor(bits / 6))]
    })
  if (modifier === 'wide' || modifier === 'utf16le')
    return [parts.flatMap((part): Part[] => (typeof part === 'string' ? [...Buffer.from(part, 'utf16le').toString('latin1')] : [part]))]
  return [parts]
}

const quote = (text: string) => [...text].map(character => `\\u{${character.codePointAt(0)?.toString(16)}}`).join('')

function wildcard(pieces: readonly string[]): RegExp {
  return new RegExp(`^${pieces.map(quote).join('.*')}$`, 'su')
}

interface Tester {
  test(text: string): boolean
}

/** Pieces between stars, one after the other: the first at the start, the last at the end, unless the modifier leaves that end open. */
function positioned(alternatives: readonly Part[][], modifiers: readonly string[], flags: string): Tester[] {
  const isOpenBefore = modifiers.includes('contains') || modifiers.includes('endswith')
  const isOpenAfter = modifiers.includes('contains') || modifiers.includes('startswith')
  return alternatives.map(parts => {
    const pieces: string[] = ['']
    for (const part of parts) {
      if (typeof part === 'object' && part.wild === '*') pieces.push('')
      else pieces[pieces.length - 1] += typeof part === 'string' ? quote(part) : '[^]'
    }
    if (isOpenBefore) pieces.unshift('')
    if (isOpenAfter) pieces.push('')
    const [only = ''] = pieces
    if (pieces.length === 1) return new RegExp(`^${only}$`, `u${flags}`)
    const first = new RegExp(`^${only}`, `u${flags}`)
    const middle = pieces.slice(1, -1).map(piece => new RegExp(piece, `gu${flags}`))
    const last = new RegExp(`${pieces.at(-1)}$`, `u${flags}`)
    return {
      test: text => {
        let from = first.exec(text)?.[0].length
        if (from === undefined) return false
        for (const piece of middle) {
          piece.lastIndex = from
          const match = piece.exec(text)
          if (match === null) return false
          from = match.index + match[0].length
        }
        return last.test(text.slice(from))
      },
    }
  })
}

interface Found {
  readonly exists: boolean
  readonly values: readonly unknown[]
  /** The values as text. */
  readonly texts: readonly string[]
}

const found = (exists: boolean, values: readonly unknown[]): Found => ({
  ...{ exists, values },
  texts: values
    .flat(20)
    .filter(value => value !== null && typeof value !== 'object')
    .map(String),
})

const fieldsOf = new WeakMap<Json, Map<string, Found>>()

/** The first path that the event has. Rules ask for the same fields of the same event again and again. */
function lookUp(event: Json, field: string, paths: Paths): Found {
  const fields = fieldsOf.get(event) ?? new Map<string, Found>()
  fieldsOf.set(event, fields)
  const known = fields.get(field) ?? (field === '' ? found(true, everything(event)) : search(event, paths(field)))
  fields.set(field, known)
  return known
}

function search(event: Json, paths: readonly string[]): Found {
  for (const path of paths) {
    const values = at(event, path)
    if (values.length > 0) return found(true, values)
  }
  return found(false, [])
}

const keys = new WeakMap<object, Map<string, unknown>>()

/** Values by key; a key with blanks also without them, unless another is called so. */
function byKey(object: object): Map<string, unknown> {
  const known =
    keys.get(object) ??
    new Map([
      ...Object.entries(object)
        .map(([key, value]): [string, unknown] => [key.replaceAll(' ', ''), value])
        .toReversed(),
      ...Object.entries(object),
    ])
  keys.set(object, known)
  return known
}

function at(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value.flatMap(part => at(part, path))
  if (typeof value !== 'object' || value === null) return []
  const named = byKey(value)
  if (named.has(path)) return [named.get(path)]
  const [first = '', ...rest] = path.split('.')
  if (rest.length === 0) return []
  if (first === '*') return Object.values(value).flatMap(inner => at(inner, rest.join('.')))
  return named.has(first) ? at(named.get(first), rest.join('.')) : []
}

function everything(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(everything) : [value]
}

/** Compares as many bits as the prefix says. */
function inNetwork(text: string, network: string): boolean {
  const [address = '', length] = network.split('/')
  const [a, b] = [bits(text), bits(address)]
  if (a === undefined || b === undefined || a.length !== b.length) return false
  const prefix = length === undefined ? a.length : Number(length)
  return a.slice(0, prefix) === b.slice(0, prefix)
}

function bits(text: string): string | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const bytes = text.split('.').map(Number)
    return bytes.every(byte => byte < 256) ? bytes.map(byte => byte.toString(2).padStart(8, '0')).join('') : undefined
  }
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(':')) return undefined
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => '0'), ...right]
  return groups.length === 8 ? groups.map(group => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('') : undefined
}

import {
  type DurationValue,
  type Field,
  type Filter,
  type FilterProblem,
  filterLimits,
  type NumberValue,
  type Operator,
  operators,
  type Pattern,
  type Term,
  type TimeValue,
  type Who,
} from './filter.ts'
import { listed, nearest } from './words.ts'

export type Parsed = { readonly filter: Filter; readonly problem?: undefined } | { readonly filter?: undefined; readonly problem: FilterProblem }

class Wrong extends Error {
  readonly start: number
  readonly end: number
  constructor(message: string, start: number, end: number) {
    super(message)
    this.start = start
    this.end = end
  }
}

/** Reads a filter of a list with these fields, in linear time. A problem is a sentence that says what would be right. */
export function parse(text: string, fields: readonly Field[]): Parsed {
  try {
    return { filter: new Parser(text, fields).filter() }
  } catch (error) {
    if (error instanceof Wrong) return { problem: { message: error.message, start: error.start, end: error.end } }
    throw error
  }
}

/** The field that a name or another name of it means, in any case. */
export function fieldNamed(fields: readonly Field[], name: string): Field | undefined {
  const wanted = name.toLowerCase()
  return fields.find(field => field.name.toLowerCase() === wanted || field.aliases?.includes(wanted))
}

interface Value {
  readonly pattern: Pattern
  readonly text: string
  readonly isQuoted: boolean
  readonly start: number
  readonly end: number
}

const namePattern = /[a-z][a-z0-9]*(?:\.[\w./-]*)?:/iy
const durationUnits = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const unitOf = (text: string): keyof typeof durationUnits | undefined => (['m', 'h', 'd', 'w'] as const).find(unit => unit === text)

class Parser {
  readonly #text: string
  readonly #fields: readonly Field[]
  #at = 0

  constructor(text: string, fields: readonly Field[]) {
    this.#text = text
    this.#fields = fields
  }

  filter(): Filter {
    const text = this.#text
    if (text.length > filterLimits.characters)
      throw new Wrong(`A filter must have at most ${filterLimits.characters.toLocaleString('en-US')} characters`, 0, text.length)
    if (text.includes('\0') || !text.isWellFormed()) throw new Wrong('A filter must be text without control characters', 0, text.length)
    const terms: Term[] = []
    for (;;) {
      while (isSpace(text.charAt(this.#at))) this.#at += 1
      if (this.#at >= text.length) return terms
      const start = this.#at
      terms.push(this.#term())
      if (terms.length > filterLimits.terms) throw new Wrong(`A filter must have at most ${filterLimits.terms} terms`, start, this.#at)
    }
  }

  #term(): Term {
    const start = this.#at
    const isNegated = this.#text.charAt(start) === '-' && this.#at + 1 < this.#text.length && !isSpace(this.#text.charAt(start + 1))
    if (isNegated) this.#at += 1
    const place = () => ({ isNegated, start, end: this.#at })
    namePattern.lastIndex = this.#at
    const found = namePattern.exec(this.#text)?.[0]
    // An address such as https://evil.example is a text.
    if (found !== undefined && !this.#text.startsWith('//', this.#at + found.length)) {
      this.#at += found.length
      return this.#fieldTerm(found.slice(0, -1), start, isNegated)
    }
    const { pattern, isQuoted, text } = this.#value('')
    if (!isQuoted && (text === 'OR' || text === 'AND'))
      throw new Wrong(
        text === 'OR'
          ? 'OR is not part of the filter language: write alternatives with commas, such as severity:high,critical'
          : 'AND is not part of the filter language: all terms must hold anyway, so leave it out',
        ...([start, this.#at] as const),
      )
    if (pattern.every(piece => piece.trim() === '')) throw new Wrong('The text to search for is empty', start, this.#at)
    return { kind: 'word', pattern, ...place() }
  }

  #fieldTerm(name: string, start: number, isNegated: boolean): Term {
    const dot = name.indexOf('.')
    const base = dot < 0 ? name : name.slice(0, dot)
    const key = dot < 0 ? undefined : name.slice(dot + 1)
    if (base.toLowerCase() === 'is' && key === undefined) return this.#isTerm(start, isNegated)
    const field = fieldNamed(this.#fields, base)
    const nameEnd = this.#at - 1
    if (field === undefined || (key !== undefined && field.isKeyed !== true)) {
      const known = nearest(base, ['is', ...this.#fields.flatMap(one => [one.name, ...(one.aliases ?? [])])])
      throw new Wrong(
        `${name} is not a field${known === undefined ? '' : `: did you mean ${known}?`}${known === undefined ? '.' : ''} To search for it as text, put it in quotation marks`,
        start,
        nameEnd,
      )
    }
    if (field.isKeyed === true && (key === undefined || key === ''))
      throw new Wrong(`${field.name} needs a key, such as ${field.name}.${field.example ?? 'key:value'}`, start, nameEnd)
    const values = this.#values(field, name)
    const place = { isNegated, start, end: this.#at }
    switch (field.kind) {
      case 'choice':
        return { kind: 'choice', field: field.name, values: values.map(value => choiceOf(field, name, value)), ...place }
      case 'text':
        return { kind: 'text', field: field.name, key, values: values.map(({ pattern }) => pattern), ...place }
      case 'person':
        return {
          ...{ kind: 'person', field: field.name },
          values: values.map(({ pattern, text, isQuoted }): Who => {
            const word = text.toLowerCase()
            return !isQuoted && (word === 'me' || word === 'none') ? { who: word } : { who: 'named', name: pattern }
          }),
          ...place,
        }
      case 'number':
        return { kind: 'number', field: field.name, values: values.map(value => numberOf(name, value)), ...place }
      case 'duration':
        return { kind: 'duration', field: field.name, values: values.map(value => durationOf(name, value)), ...place }
      case 'time':
        return { kind: 'time', field: field.name, values: values.map(value => timeOf(name, value)), ...place }
      case 'flag': {
        const [value, ...more] = values
        const word = value?.text.toLowerCase()
        if (more.length > 0 || (word !== 'yes' && word !== 'no')) throw new Wrong(`${name} takes yes or no, or write is:${field.name}`, start, this.#at)
        return { kind: 'flag', field: field.name, ...place, isNegated: isNegated !== (word === 'no') }
      }
    }
  }

  #isTerm(start: number, isNegated: boolean): Term {
    const { text } = this.#value(',')
    const field = fieldNamed(this.#fields, text)
    if (field?.kind === 'flag') return { kind: 'flag', field: field.name, isNegated, start, end: this.#at }
    const flags = this.#fields.filter(one => one.kind === 'flag').map(one => `is:${one.name}`)
    throw new Wrong(text === '' ? `is: needs a value: use ${listed(flags)}` : `is:${text} is not known: use ${listed(flags)}`, start, this.#at)
  }

  #values(field: Field, name: string): Value[] {
    const values: Value[] = []
    for (;;) {
      const value = this.#value(',')
      const isEmpty = value.pattern.length === 1 && value.pattern[0].trim() === ''
      if (isEmpty) throw new Wrong(`${name}: needs a value${exampleOf(field, name)}`, value.start, value.end)
      values.push(value)
      if (values.length > filterLimits.values) throw new Wrong(`${name} must have at most ${filterLimits.values} values`, value.start, value.end)
      if (this.#text.charAt(this.#at) !== ',') return values
      this.#at += 1
    }
  }

  /** One value: bare characters, quoted texts and wildcards, without a space between them. */
  #value(separator: string): Value {
    const start = this.#at
    const pieces: [string, ...string[]] = ['']
    let [text, isQuoted] = ['', false]
    const add = (more: string) => {
      pieces[pieces.length - 1] = `${pieces[pieces.length - 1]}${more}`
      text += more
    }
    for (;;) {
      const character = this.#text.charAt(this.#at)
      if (character === '' || isSpace(character) || character === separator) break
      if (character === '"') {
        isQuoted = true
        add(this.#quoted())
      } else if (character === '*') {
        // Several in a row are one.
        if (pieces.length === 1 || pieces[pieces.length - 1] !== '') pieces.push('')
        text += '*'
        this.#at += 1
      } else {
        add(character)
        this.#at += 1
      }
    }
    if (pieces.length > filterLimits.wildcards + 1) throw new Wrong(`A value must have at most ${filterLimits.wildcards} wildcards`, start, this.#at)
    return { pattern: pieces, text, isQuoted, start, end: this.#at }
  }

  #quoted(): string {
    const start = this.#at
    const parts: string[] = []
    this.#at += 1
    for (;;) {
      const character = this.#text.charAt(this.#at)
      if (character === '') throw new Wrong('A quotation mark is not closed: add " at the end of the text', start, this.#at)
      this.#at += 1
      if (character === '"') return parts.join('')
      const next = this.#text.charAt(this.#at)
      if (character === '\\' && (next === '"' || next === '\\')) {
        parts.push(next)
        this.#at += 1
      } else parts.push(character)
    }
  }
}

const isSpace = (character: string) => character !== '' && /\s/.test(character)

/** What follows "needs a value". */
function exampleOf(field: Field, name: string): string {
  if (field.values !== undefined) return `: use ${listed(field.values)}`
  return field.example === undefined || field.isKeyed ? '' : `, such as ${name}:${field.example}`
}

function choiceOf(field: Field, name: string, { text, start, end }: Value): string {
  const values = field.values ?? []
  const found = values.find(value => value.toLowerCase() === text.toLowerCase())
  if (found !== undefined) return found
  throw new Wrong(`${name}:${text} is not a ${field.name}: use ${listed(values)}`, start, end)
}

function operatorOf(text: string): { readonly operator: Operator | undefined; readonly rest: string } {
  const operator = operators.find(one => text.startsWith(one))
  return { operator, rest: text.slice(operator?.length ?? 0) }
}

function numberOf(name: string, { text, start, end }: Value): NumberValue {
  const { operator = '=', rest } = operatorOf(text)
  if (!/^\d{1,15}$/.test(rest)) throw new Wrong(`${name}:${text} is not a number: use ${name}:5, ${name}:>5 or ${name}:<=5`, start, end)
  return { operator, number: Number(rest) }
}

function durationOf(name: string, { text, start, end }: Value): DurationValue {
  const { operator, rest } = operatorOf(text)
  const unit = unitOf(rest.slice(-1))
  const number = rest.slice(0, -1)
  if (unit === undefined || !/^\d{1,6}$/.test(number))
    throw new Wrong(`${name}:${text} is not a duration: use a number with m, h, d or w, such as ${name}:>2h`, start, end)
  if (operator === undefined || operator === '=') throw new Wrong(`${name}:${text} needs < or >, such as ${name}:>${rest}`, start, end)
  return { operator, ms: Number(number) * durationUnits[unit], text: rest }
}

const dayMs = 86_400_000
function timeOf(name: string, { text, start, end }: Value): TimeValue {
  const { operator = '=', rest } = operatorOf(text)
  const isDay = /^\d{4}-\d\d-\d\d$/.test(rest)
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(rest)
  const from = isDay || isMoment ? Date.parse(rest) : Number.NaN
  // A day that its month does not have, such as February 30, is taken for one of the next by some engines.
  const exists = !Number.isNaN(from) && new Date(`${rest.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(rest.slice(0, 10))
  if (!exists || rest < '1970') throw new Wrong(`${name}:${text} is not a date: use 2026-11-01 or 2026-11-01T08:00Z, such as ${name}:<2026-11-01`, start, end)
  return { operator, from: new Date(from).toISOString(), until: new Date(from + (isDay ? dayMs : 1)).toISOString(), text: rest }
}

import { isWithin, parseNetwork } from './cidr.ts'
import type { EventView } from './event.ts'
import { parseTime } from './event.ts'
import type { Atom, Comparison, Expression, Test, TimePart } from './expression.ts'
import { matcherOf } from './pattern.ts'
import { compileRegex } from './regex.ts'

/** An expression made ready to be asked many times. */
export type Evaluator = (view: EventView) => boolean

/** Prepares an expression: patterns, networks and regular expressions are compiled once. */
export function prepare(expression: Expression): Evaluator {
  if (expression.op === 'atom') return prepareAtom(expression.atom)
  if (expression.op === 'not') {
    const inner = prepare(expression.of)
    return view => !inner(view)
  }
  const parts = expression.of.map(prepare)
  return expression.op === 'and' ? view => parts.every(part => part(view)) : view => parts.some(part => part(view))
}

function prepareAtom({ field, test }: Atom): Evaluator {
  if (field === undefined) return prepareKeyword(test)
  switch (test.kind) {
    case 'null':
      return view => view.field(field).isNull
    case 'exists':
      return view => view.field(field).exists === test.expected
    case 'pattern': {
      const matches = matcherOf(test.pattern, test.isCased)
      return test.isCased ? view => view.field(field).texts.some(matches) : view => view.folded(field).some(matches)
    }
    case 'fieldref':
      return view => {
        const texts = (name: string) => (test.isCased ? view.field(name).texts : view.folded(name))
        return texts(field).some(text => texts(test.field).some(other => refers(text, other, test.position)))
      }
    default: {
      const matches = textTest(test)
      return view => view.field(field).texts.some(matches)
    }
  }
}

function refers(text: string, other: string, position: 'equals' | 'startswith' | 'endswith' | 'contains'): boolean {
  if (position === 'equals') return text === other
  if (position === 'startswith') return text.startsWith(other)
  return position === 'endswith' ? text.endsWith(other) : text.includes(other)
}

function prepareKeyword(test: Test): Evaluator {
  if (test.kind === 'pattern') {
    const matches = matcherOf(test.pattern, test.isCased)
    return view => view.everything(test.isCased).some(matches)
  }
  if (test.kind === 'null' || test.kind === 'exists' || test.kind === 'fieldref') return () => false
  const matches = textTest(test)
  return view => view.everything(true).some(matches)
}

type TextTest = Extract<Test, { kind: 'regex' | 'cidr' | 'compare' | 'time' }>

function textTest(test: TextTest): (text: string) => boolean {
  if (test.kind === 'regex') return compileRegex(test.source, test.flags)
  if (test.kind === 'cidr') {
    const network = parseNetwork(test.network)
    return network === undefined ? () => false : text => isWithin(network, text)
  }
  if (test.kind === 'time') return text => timePart(text, test.part) === test.value
  return text => {
    const number = test.part === undefined ? numberOf(text) : timePart(text, test.part)
    return number !== undefined && compares(number, test.comparison, test.value)
  }
}

const numberOf = (text: string): number | undefined => (/^\s*[-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?\s*$/i.test(text) ? Number(text) : undefined)

function compares(number: number, comparison: Comparison, bound: number): boolean {
  if (comparison === 'lt') return number < bound
  if (comparison === 'lte') return number <= bound
  return comparison === 'gt' ? number > bound : number >= bound
}

/** A part of a time as it is written, without conversion between zones (Sigma 2.1, Time Modifiers). Weeks are those of ISO 8601. */
export function timePart(text: string, part: TimePart): number | undefined {
  const written = /^\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?/.exec(text)
  if (written === null) {
    const at = parseTime(text)
    return at === undefined ? undefined : timePart(new Date(at).toISOString(), part)
  }
  const [, year, month, day, hour, minute] = written.map(Number)
  if (part === 'year') return year
  if (part === 'month') return month
  if (part === 'day') return day
  if (part === 'week') return isoWeek(year ?? 0, month ?? 0, day ?? 0)
  const value = part === 'hour' ? hour : minute
  return Number.isNaN(value) ? undefined : value
}

function isoWeek(year: number, month: number, day: number): number {
  const thursday = new Date(Date.UTC(year, month - 1, day))
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7))
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  return Math.ceil(((thursday.getTime() - first) / 86_400_000 + 1) / 7)
}

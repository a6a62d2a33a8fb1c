import type { Atom, Expression } from '../expression.ts'
import { fold } from '../fold.ts'
import { shapeOf } from '../pattern.ts'
import { needsOf } from '../regex.ts'
import { escaped, plainRun } from './bytes.ts'
import { witnessesOf } from './witness.ts'
import type { Writer } from './writer.ts'

/** Operations of the scanner, as in wasm/scan.ts. */
const op = {
  and: 1,
  or: 2,
  not: 3,
  equals: 4,
  startswith: 5,
  endswith: 6,
  contains: 7,
  null: 8,
  exists: 9,
  needs: 10,
  keyword: 11,
  maybe: 12,
  present: 13,
} as const

type LiteralOp = 'equals' | 'startswith' | 'endswith' | 'contains'

/**
 * Writes an expression as a program of the scanner, which answers no, maybe or yes. It never answers no where the exact evaluator
 * says yes, nor yes where that says no.
 * @returns its words; addresses of literals point into the writer's image
 */
export function programOf(expression: Expression, slotOf: (field: string) => number, writer: Writer): number[] {
  if (expression.op === 'not') {
    const inner = programOf(expression.of, slotOf, writer)
    return [op.not, inner.length + 2, ...inner]
  }
  if (expression.op === 'atom') return atom(expression.atom, slotOf, writer)
  const parts = expression.op === 'or' ? merged(expression.of) : bySelectivity(expression.of).map(part => [part])
  const programs = parts.map(group => {
    const [first] = group
    return group.length === 1 && first !== undefined ? programOf(first, slotOf, writer) : literals(group, slotOf, writer)
  })
  const [only] = programs
  if (programs.length === 1 && only !== undefined) return only
  const words = programs.flat()
  return [(expression.op === 'and' ? op.and : op.or) | (programs.length << 8), words.length + 2, ...words]
}

/** What most likely fails comes first. */
function bySelectivity(parts: readonly Expression[]): Expression[] {
  const cost = (part: Expression) => witnessesOf(part, () => true)?.cost ?? (part.op === 'not' ? 2 : 1)
  return parts
    .map(part => ({ part, cost: cost(part) }))
    .toSorted((a, b) => a.cost - b.cost)
    .map(({ part }) => part)
}

function plainLiteral(expression: Expression): { field: string; shape: LiteralOp; literal: string } | undefined {
  if (expression.op !== 'atom') return undefined
  const { field, test } = expression.atom
  if (field === undefined || test.kind !== 'pattern' || test.isCased) return undefined
  const { shape, literal } = shapeOf(test.pattern)
  return shape === 'any' || shape === 'complex' ? undefined : { field, shape, literal: fold(literal) }
}

/** Alternatives grouped by field and shape: one node tests them all. */
function merged(parts: readonly Expression[]): Expression[][] {
  const groups = new Map<string, Expression[]>()
  for (const [i, part] of parts.entries()) {
    const plain = plainLiteral(part)
    const key = plain === undefined ? `${i}` : `${plain.shape} ${plain.field}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [part])
    else group.push(part)
  }
  return [...groups.values()]
}

function literals(group: readonly Expression[], slotOf: (field: string) => number, writer: Writer): number[] {
  const plain = group.flatMap(part => plainLiteral(part) ?? [])
  const [first] = plain
  if (first === undefined) throw new Error('a group of literals is never empty')
  const words = plain.flatMap(({ literal }) => place(literal, writer))
  return [op[first.shape] | (plain.length << 8), words.length + 3, slotOf(first.field), ...words]
}

function place(text: string, writer: Writer): [number, number] {
  const { at, length } = writer.text(text)
  return [at, length]
}

function atom({ field, test }: Atom, slotOf: (field: string) => number, writer: Writer): number[] {
  if (field === undefined) return keyword(test, writer)
  const slot = slotOf(field)
  const needs = (texts: readonly string[], length = 0) => {
    const words = texts.filter(text => text !== '').flatMap(text => place(text, writer))
    return [op.needs | ((words.length / 2) << 8), words.length + 4, slot, length, ...words]
  }
  if (test.kind === 'null') return [op.null, 3, slot]
  if (test.kind === 'exists') return [op.exists | ((test.expected ? 1 : 0) << 8), 3, slot]
  if (test.kind === 'regex') {
    const { literals: needed, length } = needsOf(test.source)
    return needs(needed, Math.min(length, 1e6))
  }
  if (test.kind !== 'pattern') return needs([])
  const { shape, literal } = shapeOf(test.pattern)
  if (shape === 'complex' || test.isCased) return needs(test.pattern.filter(part => typeof part === 'string').map(fold))
  if (shape === 'any') return [op.present, 3, slot]
  return [op[shape] | (1 << 8), 5, slot, ...place(fold(literal), writer)]
}

/** Keywords are looked for in the raw line: what they need of it, so never a yes. */
function keyword(test: Atom['test'], writer: Writer): number[] {
  const texts =
    test.kind === 'pattern' ? test.pattern.filter(part => typeof part === 'string').map(fold) : test.kind === 'regex' ? needsOf(test.source).literals : []
  const run = texts.map(plainRun).reduce((best, text) => (text.length > best.length ? text : best), '')
  if (run === '') return [op.maybe, 2]
  return [op.keyword | (1 << 8), 4, ...place(escaped(run), writer)]
}

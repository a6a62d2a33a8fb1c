import { fold } from './fold.ts'
import { RuleProblem } from './problem.ts'

/** `*`: any number of characters, none too. */
export const many = 0
/** `?`: exactly one character. */
export const one = 1
/** One of the dashes that `windash` makes interchangeable. */
export const dash = 2

/** A string value of a rule: literal pieces and wildcards, in order. Two literals never stand side by side. */
export type Pattern = readonly (string | typeof many | typeof one | typeof dash)[]

/** The characters that `windash` makes interchangeable (Sigma 2.1, modifiers): `-`, `/`, en dash, em dash, horizontal bar. */
const dashes = '-/–—―'

/** Joins neighbouring literals and drops empty ones and repeated `*`. */
export function pattern(parts: Pattern): Pattern {
  const joined: (string | typeof many | typeof one | typeof dash)[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (part === '' || (part === many && last === many)) continue
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part
    else joined.push(part)
  }
  return joined
}

/**
 * Reads a string value with wildcards (Sigma 2.1, Escape Character): `*` and `?` are wildcards; a backslash escapes a wildcard or a
 * backslash; any other backslash stands for itself.
 */
export function parsePattern(text: string): Pattern {
  const parts: (string | typeof many | typeof one)[] = []
  let literal = ''
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    const next = text.charAt(i + 1)
    if (character === '\\' && (next === '*' || next === '?' || next === '\\')) {
      literal += next
      i++
    } else if (character === '*' || character === '?') {
      parts.push(literal, character === '*' ? many : one)
      literal = ''
    } else literal += character
  }
  return pattern([...parts, literal])
}

/** The text of a pattern without wildcards. @throws RuleProblem naming `modifier` when it has one. */
export function literalOf(value: Pattern, modifier: string): string {
  const [first = '', ...rest] = value
  if (rest.length > 0 || typeof first !== 'string') throw new RuleProblem(`the modifier ${modifier} cannot be applied to a value with wildcards`)
  return first
}

/** Makes every dash of the value stand for any dash. */
export function withAnyDash(value: Pattern): Pattern {
  return pattern(
    value.flatMap((part): Pattern => {
      if (typeof part !== 'string') return [part]
      return [...part].map(character => (dashes.includes(character) ? dash : character))
    }),
  )
}

export type PatternShape = 'equals' | 'startswith' | 'endswith' | 'contains' | 'any' | 'complex'

/** The shape of a pattern, with its one literal where it has just one. */
export function shapeOf(value: Pattern): { shape: PatternShape; literal: string } {
  const literals = value.filter(part => typeof part === 'string')
  const [literal = ''] = literals
  if (literals.length > 1 || value.some(part => part === one || part === dash)) return { shape: 'complex', literal: '' }
  if (literals.length === 0) return { shape: value.length === 0 ? 'equals' : 'any', literal: '' }
  const before = value[0] === many
  const after = value.at(-1) === many
  return { shape: before ? (after ? 'contains' : 'endswith') : after ? 'startswith' : 'equals', literal }
}

/** A test of a text that has been folded already, unless `isCased`. */
export function matcherOf(value: Pattern, isCased: boolean): (text: string) => boolean {
  const prepared = isCased ? value : value.map(part => (typeof part === 'string' ? fold(part) : part))
  const { shape, literal } = shapeOf(prepared)
  if (shape === 'equals') return text => text === literal
  if (shape === 'startswith') return text => text.startsWith(literal)
  if (shape === 'endswith') return text => text.endsWith(literal)
  if (shape === 'contains') return text => text.includes(literal)
  if (shape === 'any') return () => true
  return text => matchesSegments(segments(prepared), text)
}

type Segment = readonly (string | typeof one | typeof dash)[]

/** Splits at `*`. */
function segments(value: Pattern): readonly Segment[] {
  const found: (string | typeof one | typeof dash)[][] = [[]]
  for (const part of value) {
    if (part === many) found.push([])
    else found.at(-1)?.push(part)
  }
  return found
}

/** The index after a match of `segment` at `at`, or -1. */
function matchAt(segment: Segment, text: string, at: number): number {
  let position = at
  for (const part of segment) {
    if (typeof part === 'string') {
      if (!text.startsWith(part, position)) return -1
      position += part.length
      continue
    }
    const code = text.codePointAt(position)
    if (code === undefined || (part === dash && !dashes.includes(String.fromCodePoint(code)))) return -1
    position += code > 0xffff ? 2 : 1
  }
  return position
}

function matchesSegments(all: readonly Segment[], text: string): boolean {
  const [first = [], ...others] = all
  let position = matchAt(first, text, 0)
  if (position < 0) return false
  if (others.length === 0) return position === text.length
  const last = others.pop() ?? []
  for (const segment of others) {
    const end = find(segment, text, position)
    if (end < 0) return false
    position = end
  }
  if (last.length === 0) return true
  // The last segment stands at the end; its length in code units is not fixed, so every start that could fit is tried, from the right.
  for (let at = text.length; at >= position; at--) if (matchAt(last, text, at) === text.length) return true
  return false
}

/** The index after the leftmost match of `segment` at or after `from`, or -1. Leftmost is right for all but the last segment. */
function find(segment: Segment, text: string, from: number): number {
  if (segment.length === 0) return from
  const [head] = segment
  for (let at = from; at <= text.length; at++) {
    if (typeof head === 'string') {
      at = text.indexOf(head, at)
      if (at < 0) return -1
    }
    const end = matchAt(segment, text, at)
    if (end >= 0) return end
  }
  return -1
}

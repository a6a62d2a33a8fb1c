import { many, matcherOf } from './pattern.ts'
import { RuleProblem } from './problem.ts'

/** A condition over search identifiers, as written. */
export type Condition =
  | { readonly op: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly op: 'not'; readonly of: Condition }
  | { readonly op: 'identifier'; readonly name: string }
  /** `1 of x*`, `all of them`; a pattern of undefined is `them`. */
  | { readonly op: 'some' | 'every'; readonly pattern: string | undefined }

const maxDepth = 200

interface Token {
  readonly text: string
  readonly isWord: boolean
}

function tokens(text: string): Token[] {
  const found: Token[] = []
  for (const [match] of text.matchAll(/[()]|[^\s()]+/g)) found.push({ text: match, isWord: match !== '(' && match !== ')' })
  return found
}

/**
 * Parses a condition (Sigma 2.1, Condition). From least to most binding: or, and, not, x of, parentheses.
 * @throws RuleProblem for pipes (aggregations of old rules) and anything that does not parse.
 */
export function parseCondition(text: string): Condition {
  if (text.includes('|')) throw new RuleProblem('the condition has a pipe; aggregations were removed from Sigma, use a correlation rule')
  const list = tokens(text)
  let at = 0
  let depth = 0
  const peek = () => list[at]
  const isNext = (word: string) => peek()?.text.toLowerCase() === word

  const several = (op: 'and' | 'or', part: () => Condition): Condition => {
    const first = part()
    const of = [first]
    while (isNext(op)) {
      at++
      of.push(part())
    }
    return of.length === 1 ? first : { op, of }
  }
  const nested = (part: () => Condition): Condition => {
    if (++depth > maxDepth) throw new RuleProblem(`the condition is nested more than ${maxDepth} levels deep`)
    const inner = part()
    depth--
    return inner
  }
  const disjunction = (): Condition => several('or', conjunction)
  const conjunction = (): Condition => several('and', negation)
  const negation = (): Condition => {
    if (!isNext('not')) return primary()
    at++
    return { op: 'not', of: nested(negation) }
  }
  const primary = (): Condition => {
    const token = peek()
    if (token === undefined) throw new RuleProblem('the condition ends where a search identifier is expected')
    at++
    if (token.text === '(') {
      const inner = nested(disjunction)
      if (peek()?.text !== ')') throw new RuleProblem('the condition has an opening parenthesis that is not closed')
      at++
      return inner
    }
    if (token.text === ')') throw new RuleProblem('the condition has a closing parenthesis without an opening one')
    const word = token.text.toLowerCase()
    if ((word === '1' || word === 'any' || word === 'all') && isNext('of')) {
      at++
      const what = peek()
      if (what === undefined || !what.isWord) throw new RuleProblem(`the condition needs a pattern or "them" after "${token.text} of"`)
      at++
      return { op: word === 'all' ? 'every' : 'some', pattern: what.text.toLowerCase() === 'them' ? undefined : what.text }
    }
    if (/^\d+$/.test(word) && isNext('of')) throw new RuleProblem(`"${token.text} of" is not in the specification; use "1 of" or "all of"`)
    if (word === 'and' || word === 'or' || word === 'of') throw new RuleProblem(`the condition has "${token.text}" where a search identifier is expected`)
    return { op: 'identifier', name: token.text }
  }

  const whole = disjunction()
  const left = peek()
  if (left !== undefined) throw new RuleProblem(`the condition has "${left.text}" where "and", "or" or its end is expected`)
  return whole
}

/** The identifiers that a pattern of `x of` stands for. `them` leaves out names that start with an underscore. */
export function identifiersOf(pattern: string | undefined, names: readonly string[]): string[] {
  if (pattern === undefined) return names.filter(name => !name.startsWith('_'))
  const test = matcherOf(
    pattern.split('*').flatMap((piece, i) => (i === 0 ? [piece] : [many, piece])),
    true,
  )
  return names.filter(test)
}

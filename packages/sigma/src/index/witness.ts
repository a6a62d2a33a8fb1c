import type { Atom, Expression } from '../expression.ts'
import { fold } from '../fold.ts'
import { type PatternShape, shapeOf } from '../pattern.ts'
import { needsOf } from '../regex.ts'

/**
 * What an event must have for a rule to have a chance: at least one of these. Without it the rule cannot match, so that only rules
 * whose witness is there are looked at.
 */
export interface Witness {
  /** Undefined: anywhere in the event (keywords). */
  readonly field: string | undefined
  /** `present`: any value. */
  readonly shape: 'equals' | 'startswith' | 'endswith' | 'contains' | 'present'
  /** Folded. Empty for `present`. */
  readonly literal: string
}

export interface Witnesses {
  readonly any: readonly Witness[]
  /** Rough share of events that have one. */
  readonly cost: number
}

/** Texts that many healthy events have: poor witnesses. */
const common = [
  '\\windows\\', 'system32', 'svchost.exe', 'powershell', '.exe', '.dll', 'c:\\', '\\program files', 'microsoft', '\\software\\', 'currentversion', 'hklm',
  'nt authority', 'ntdll', 'kernel', 'http', '/usr/bin', '/bin/', 'unknown', 'true', 'false', '\\users\\', 'explorer.exe', 'services.exe', 'lsass.exe', 'high', 'system',
] // biome-ignore format: a list of words

/** A guess at how many events have the literal: longer is rarer. */
function costOf(shape: Witness['shape'], literal: string): number {
  if (shape === 'present') return 0.9
  const byLength = [1, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05, 0.04, 0.02, 0.015, 0.012, 0.01][Math.min(literal.length, 11)] ?? 0.01
  const cost = shape === 'equals' ? byLength / 4 : byLength
  const isCommon = common.some(word => word.includes(literal) || (literal.includes(word) && literal.length < word.length + 5))
  return isCommon ? Math.max(cost, 0.4) : cost
}

const of = (any: readonly Witness[]): Witnesses => ({ any, cost: any.reduce((cost, witness) => cost + costOf(witness.shape, witness.literal), 0) })
const longest = (literals: readonly string[]) => literals.reduce((best, literal) => (literal.length > best.length ? literal : best), '')

/**
 * The cheapest witnesses of an expression, or undefined where it may match without any.
 * @param isUsable whether a field may serve: the event id does not where the class of the event has it already
 */
export function witnessesOf(expression: Expression, isUsable: (field: string) => boolean): Witnesses | undefined {
  if (expression.op === 'not') return undefined
  if (expression.op === 'atom') return ofAtom(expression.atom, isUsable)
  const parts = expression.of.map(part => witnessesOf(part, isUsable))
  if (expression.op === 'and')
    return parts.reduce((best, part) => (part !== undefined && (best === undefined || part.cost < best.cost) ? part : best), undefined)
  const all: Witness[] = []
  let cost = 0
  for (const part of parts) {
    if (part === undefined) return undefined
    all.push(...part.any)
    cost += part.cost
  }
  return { any: all, cost }
}

function ofAtom({ field, test }: Atom, isUsable: (field: string) => boolean): Witnesses | undefined {
  if (field !== undefined && !isUsable(field)) return undefined
  const present = field === undefined ? undefined : of([{ field, shape: 'present', literal: '' }])
  const containing = (literals: readonly string[]) => {
    const literal = longest(literals)
    return literal === '' ? present : of([{ field, shape: 'contains', literal }])
  }
  if (test.kind === 'pattern') {
    const { shape, literal } = shapeOf(test.pattern)
    if (field === undefined || shape === 'complex') return containing(test.pattern.filter(part => typeof part === 'string').map(fold))
    if (shape === 'any' || (shape !== 'equals' && literal === '')) return present
    return of([{ field, shape: shape satisfies Exclude<PatternShape, 'complex' | 'any'>, literal: fold(literal) }])
  }
  if (test.kind === 'regex') return containing(needsOf(test.source).literals)
  if (test.kind === 'null') return undefined
  if (test.kind === 'exists') return test.expected ? present : undefined
  return present
}

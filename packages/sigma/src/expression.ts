import type { Pattern } from './pattern.ts'

export type Comparison = 'lt' | 'lte' | 'gt' | 'gte'
export type TimePart = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'
export type Position = 'equals' | 'startswith' | 'endswith' | 'contains'

/** What one value of a rule asks of a field. */
export type Test =
  | { readonly kind: 'pattern'; readonly pattern: Pattern; readonly isCased: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'exists'; readonly expected: boolean }
  /** `flags` as of RE2: i, m, s. */
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string }
  | { readonly kind: 'cidr'; readonly network: string }
  | { readonly kind: 'compare'; readonly comparison: Comparison; readonly value: number; readonly part?: TimePart }
  | { readonly kind: 'time'; readonly part: TimePart; readonly value: number }
  | { readonly kind: 'fieldref'; readonly field: string; readonly position: Position; readonly isCased: boolean }

/** A field and a test of it. Without a field: a keyword, looked for in every value of the event. */
export interface Atom {
  readonly field: string | undefined
  readonly test: Test
}

export type Expression =
  | { readonly op: 'and' | 'or'; readonly of: readonly Expression[] }
  | { readonly op: 'not'; readonly of: Expression }
  | { readonly op: 'atom'; readonly atom: Atom }

export const and = (of: readonly Expression[]): Expression => join('and', of)
export const or = (of: readonly Expression[]): Expression => join('or', of)
export const not = (of: Expression): Expression => ({ op: 'not', of })

function join(op: 'and' | 'or', of: readonly Expression[]): Expression {
  const flat = of.flatMap(part => (part.op === op ? part.of : [part]))
  const [only] = flat
  return flat.length === 1 && only !== undefined ? only : { op, of: flat }
}

/** Every atom of an expression, in the order of the rule. */
export function atomsOf(expression: Expression): Atom[] {
  if (expression.op === 'atom') return [expression.atom]
  return expression.op === 'not' ? atomsOf(expression.of) : expression.of.flatMap(atomsOf)
}

/** The same expression on other fields. */
export function renameFields(expression: Expression, rename: (field: string) => string): Expression {
  if (expression.op === 'not') return { op: 'not', of: renameFields(expression.of, rename) }
  if (expression.op !== 'atom') return { op: expression.op, of: expression.of.map(part => renameFields(part, rename)) }
  const { field, test } = expression.atom
  return {
    op: 'atom',
    atom: {
      field: field === undefined ? undefined : rename(field),
      test: test.kind === 'fieldref' ? { ...test, field: rename(test.field) } : test,
    },
  }
}

/** The name that a field has where fields are renamed: its own unless it is named there. A field may be called as what every object has, such as `constructor`. */
export const nameIn = (names: Readonly<Record<string, string>>, field: string): string => (Object.hasOwn(names, field) ? (names[field] ?? field) : field)

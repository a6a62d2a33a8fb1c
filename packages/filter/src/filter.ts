/**
 * The filter language of lists: `severity:high,critical host:db-* -service:billing "text" count:>5`. Terms all hold; values with commas between them are
 * alternatives; `-` negates a term; `*` stands for any characters; quotation marks make a text literal.
 */
export const fieldKinds = ['choice', 'text', 'number', 'time', 'duration', 'flag', 'person'] as const
export type FieldKind = (typeof fieldKinds)[number]

/** What a list can be filtered by. A flag is asked for as `is:name`. */
export interface Field {
  readonly name: string
  readonly kind: FieldKind
  readonly description: string
  /** Other names of the same field. */
  readonly aliases?: readonly string[]
  /** Of a choice: all there are. */
  readonly values?: readonly string[]
  /** It takes a key after a dot, such as `label.env:prod`. */
  readonly isKeyed?: boolean
  /** A value to show how it is used. */
  readonly example?: string
}

/** A text with wildcards: what stands between them. One piece is a literal; `db-*` is `['db-', '']`. */
export type Pattern = readonly [string, ...string[]]

export const operators = ['<=', '>=', '<', '>', '='] as const
export type Operator = (typeof operators)[number]

export type Who = { readonly who: 'me' | 'none' } | { readonly who: 'named'; readonly name: Pattern }
export interface NumberValue {
  readonly operator: Operator
  readonly number: number
}
/** A span of time as milliseconds; `text` is as it was written. */
export interface DurationValue {
  readonly operator: Operator
  readonly ms: number
  readonly text: string
}
/** A day in UTC or a moment: from `from` until before `until` (ISO 8601 with milliseconds); `text` is as it was written. */
export interface TimeValue {
  readonly operator: Operator
  readonly from: string
  readonly until: string
  readonly text: string
}

interface Place {
  readonly isNegated: boolean
  /** Where it is in the text: from `start` until before `end`. */
  readonly start: number
  readonly end: number
}
export type Term = Place &
  (
    | { readonly kind: 'word'; readonly pattern: Pattern }
    | { readonly kind: 'choice'; readonly field: string; readonly values: readonly string[] }
    | { readonly kind: 'text'; readonly field: string; readonly key: string | undefined; readonly values: readonly Pattern[] }
    | { readonly kind: 'person'; readonly field: string; readonly values: readonly Who[] }
    | { readonly kind: 'number'; readonly field: string; readonly values: readonly NumberValue[] }
    | { readonly kind: 'duration'; readonly field: string; readonly values: readonly DurationValue[] }
    | { readonly kind: 'time'; readonly field: string; readonly values: readonly TimeValue[] }
    | { readonly kind: 'flag'; readonly field: string }
  )

/** Terms that must all hold. */
export type Filter = readonly Term[]

/** What is wrong with a text, as a sentence, and where. */
export interface FilterProblem {
  readonly message: string
  readonly start: number
  readonly end: number
}

/** Bounds of one filter. */
export const filterLimits = { characters: 2_000, terms: 50, values: 50, wildcards: 5 } as const

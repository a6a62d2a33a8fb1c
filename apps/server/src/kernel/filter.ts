import { type Field, type Filter, type Operator, type Pattern, parse, type Term } from '@tocsin/filter'
import { and, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Instant } from './clock.ts'
import { AppProblem } from './problems.ts'

/** How a field becomes a condition, by its kind. */
type Condition =
  | { readonly kind: 'choice'; readonly of: (values: readonly string[]) => SQL }
  | { readonly kind: 'text'; readonly of: (value: Pattern, key: string) => SQL }
  | { readonly kind: 'person'; readonly named: (value: Pattern) => SQL; readonly me: SQL; readonly none: SQL }
  | { readonly kind: 'number'; readonly of: SQLWrapper }
  | { readonly kind: 'time'; readonly of: SQLWrapper }
  | { readonly kind: 'duration'; readonly of: SQLWrapper }
  | { readonly kind: 'flag'; readonly of: SQL }

/** A condition for each field of a list: one without does not compile. A number is a column; a time, an instant; a duration, the instant since when. */
export type Conditions<OneField extends Field> = { readonly [Each in OneField as Each['name']]: Extract<Condition, { kind: Each['kind'] }> }

/** Reads the filter of a request. @throws AppProblem invalid, naming `filter`, with a sentence that says what would be right */
export function readFilter(text: string, fields: readonly Field[]): Filter {
  const { filter, problem } = parse(text, fields)
  if (filter !== undefined) return filter
  throw new AppProblem('invalid', `${problem.message}.`, [{ path: 'filter', message: problem.message }])
}

/**
 * The condition for what a filter finds; undefined for everything.
 * @param word the condition for a text that stands without a field
 */
export function filterCondition(
  filter: Filter,
  conditions: Readonly<Record<string, Condition>>,
  word: (pattern: Pattern) => SQL,
  now: Instant,
): SQL | undefined {
  return and(
    ...filter.map(term => {
      const found = term.kind === 'word' ? word(term.pattern) : termCondition(term, conditions[term.field], now)
      // What is not known, such as the host of an alert without one, is not excluded by a negated term.
      return term.isNegated ? sql`(${found}) is not true` : sql`(${found})`
    }),
  )
}

function termCondition(term: Exclude<Term, { kind: 'word' }>, condition: Condition | undefined, now: Instant): SQL {
  if (condition?.kind === 'choice' && term.kind === 'choice') return condition.of(term.values)
  if (condition?.kind === 'text' && term.kind === 'text') return anyOf(term.values.map(value => condition.of(value, term.key ?? '')))
  if (condition?.kind === 'flag' && term.kind === 'flag') return condition.of
  if (condition?.kind === 'person' && term.kind === 'person')
    return anyOf(term.values.map(value => (value.who === 'named' ? condition.named(value.name) : condition[value.who])))
  if (condition?.kind === 'number' && term.kind === 'number') {
    const { of } = condition
    return anyOf(term.values.map(({ operator, number }) => sql`${of} ${signs[operator]} ${number}::bigint`))
  }
  if (condition?.kind === 'duration' && term.kind === 'duration') {
    const { of } = condition
    // Older than two hours is first seen before that.
    return anyOf(term.values.map(({ operator, ms }) => sql`${of} ${signs[turned[operator]]} ${new Date(Date.parse(now) - ms).toISOString()}::timestamptz`))
  }
  if (condition?.kind === 'time' && term.kind === 'time') {
    const { of } = condition
    return anyOf(
      term.values.map(({ operator, from, until }) => {
        if (operator === '=') return sql`(${of} >= ${from}::timestamptz and ${of} < ${until}::timestamptz)`
        // After a day is from its end on, and up to a day includes it.
        const isEnd = operator === '>' || operator === '<='
        return sql`${of} ${signs[operator === '>' ? '>=' : operator === '<=' ? '<' : operator]} ${isEnd ? until : from}::timestamptz`
      }),
    )
  }
  throw new Error(`the field ${term.field} has no condition for a ${term.kind}`)
}

const anyOf = (conditions: readonly SQL[]): SQL => or(...conditions) ?? sql`false`
const signs: Readonly<Record<Operator, SQL>> = { '<': sql`<`, '<=': sql`<=`, '>': sql`>`, '>=': sql`>=`, '=': sql`=` }
const turned: Readonly<Record<Operator, Operator>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=' }

const escaped = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&')
/** A pattern as LIKE has it. */
const likeOf = (pattern: Pattern) => pattern.map(escaped).join('%')

/** The condition that a text in lower case is what a pattern says. */
export function isText(column: SQLWrapper, pattern: Pattern): SQL {
  return pattern.length === 1 ? sql`${column} = lower(${pattern[0]}::text)` : sql`${column} like lower(${likeOf(pattern)}::text)`
}

/** The condition that a text in lower case contains what a pattern says. */
export const containsText = (column: SQLWrapper, pattern: Pattern): SQL => sql`${column} like lower(${`%${likeOf(pattern)}%`}::text)`

import type { z } from 'zod'

/** One thing that is wrong: the path of the field (`contacts.0.email`, empty for the whole), and what would be right (`must be an email address`). */
export interface FieldError {
  readonly path: string
  readonly message: string
}

/** Parses what comes from outside. What is wrong is said once for each field, in words that a person who fills in a form understands. */
export function validate<Shape extends z.ZodType>(schema: Shape, value: unknown): { data: z.output<Shape> } | { errors: readonly FieldError[] } {
  const parsed = schema.safeParse(value, { error: expectation })
  return parsed.success ? { data: parsed.data } : { errors: fieldErrors(parsed.error.issues, []) }
}

/**
 * Of a union's branches the one that was meant speaks: the one that knows most of the fields, and of those the one that got furthest. Where no branch knows
 * any of them, the union speaks itself, if it has words of its own.
 */
function fieldErrors(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[]): FieldError[] {
  return issues.flatMap(issue => {
    const path = [...prefix, ...issue.path]
    if (issue.code === 'invalid_union') {
      const unknown = issue.errors.map(unknownFields)
      const isNoneMeant = issue.errors.length > 1 && Math.min(...unknown) > 0 && new Set(unknown).size === 1
      const [meant] = issue.errors.toSorted((a, b) => unknownFields(a) - unknownFields(b) || depth(b) - depth(a))
      if (meant && !(isNoneMeant && issue.message !== 'Invalid input')) return fieldErrors(meant, path)
    }
    return [{ path: path.map(String).join('.'), message: issue.message }]
  })
}

/** How many fields a branch does not know. */
function unknownFields(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((count, issue) => count + (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys.length : 0), 0)
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map(issue => issue.path.length))
}

const types: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  array: 'must be a list',
  object: 'must be an object',
  record: 'must be an object',
  tuple: 'must be a list',
  null: 'must be null',
}

const formats: Readonly<Record<string, string>> = {
  email: 'must be an email address',
  url: 'must be a URL',
  uuid: 'must be a valid ID',
  datetime: 'must be a date and time such as 2026-11-23T08:00:00Z',
  date: 'must be a date such as 2026-11-23',
  time: 'must be a time such as 09:00',
}

const units: Readonly<Record<string, readonly [string, string]>> = {
  string: ['character', 'characters'],
  array: ['item', 'items'],
  set: ['item', 'items'],
  file: ['byte', 'bytes'],
}

/** What would be right, where the schema does not say it itself. */
function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : types[issue.expected]
    case 'invalid_value': {
      if (issue.input === undefined) return 'is required'
      const values = issue.values.map(String)
      return values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`
    }
    case 'invalid_union':
      if (!Array.isArray(issue.options)) return issue.input === undefined ? 'is required' : undefined
      return `must be one of ${issue.options.map(String).join(', ')}`
    case 'unrecognized_keys':
      return `has unknown ${issue.keys.length === 1 ? 'field' : 'fields'}: ${someOf(issue.keys)}`
    case 'invalid_format':
      return formats[issue.format]
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty'
      return bound(issue.origin, Number(issue.minimum), issue.inclusive === false ? ['more than', 'more than'] : ['at least', 'at least'])
    case 'too_big':
      return bound(issue.origin, Number(issue.maximum), issue.inclusive === false ? ['less than', 'fewer than'] : ['at most', 'at most'])
    default:
      return undefined
  }
}

/** Names that a sentence has room for. */
const maxNames = 20

export const someOf = (names: readonly string[]) =>
  names.length <= maxNames ? names.join(', ') : `${names.slice(0, maxNames).join(', ')} and ${(names.length - maxNames).toLocaleString('en')} more`

/** A limit of a number, or of how many there are of something. */
function bound(origin: string, limit: number, [amount, count]: readonly [string, string]): string {
  const unit = units[origin]
  if (!unit) return `must be ${amount} ${limit}`
  return `must have ${count} ${limit} ${limit === 1 ? unit[0] : unit[1]}`
}

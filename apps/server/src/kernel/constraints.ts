import { AppProblem } from './problems.ts'

/** What PostgreSQL says of a constraint that a statement ran into. */
interface Violation {
  readonly code: string
  readonly table: string
  readonly constraint: string
  /** Names the columns and the values: `Key (name)=(Blue) already exists.` */
  readonly detail: string
}

/** The violation behind an error of a statement, or undefined where it is another one. */
function violationOf(error: unknown): Violation | undefined {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (typeof cause !== 'object' || cause === null || !('code' in cause) || typeof cause.code !== 'string' || !/^23(503|505|514)$/.test(cause.code))
    return undefined
  const text = (key: string) => (key in cause ? String((cause as Record<string, unknown>)[key] ?? '') : '')
  return { code: cause.code, table: text('table'), constraint: text('constraint'), detail: text('detail') }
}

/**
 * What a caller is told when two do the same at once, or name what is gone: rules check first and say it in their own words, and this is for what comes
 * between their check and the write. The field is read from the key of the constraint, so that every constraint there will be is told.
 * @returns undefined for an error that is no violation of a constraint
 */
export function constraintProblem(error: unknown): AppProblem | undefined {
  const violation = violationOf(error)
  if (violation === undefined) return undefined
  const { code, table, constraint, detail } = violation
  const [, key = ''] = /^Key \((.+?)\)=/.exec(detail) ?? []
  const field = fieldOf(key)
  if (code === '23505') {
    const path = field ?? 'body'
    const message = field === undefined ? `is already one of ${words(table)}` : `is already used by another one of ${words(table)}`
    return new AppProblem('conflict', `${path}: ${message}. Somebody else may have just saved it. Reload and try again.`, [{ path, message }])
  }
  if (code === '23503') {
    const [, user] = /is still referenced from table "(\w+)"/.exec(detail) ?? []
    if (user !== undefined) return new AppProblem('conflict', `It is still used by ${words(user)}. Remove it there first.`)
    const path = field ?? 'body'
    const message = 'must be the ID of an existing record'
    return new AppProblem('invalid', `${path}: ${message}.`, [{ path, message }])
  }
  const path = fieldOf(constraint.replace(`${table}_`, '').replace(/_check$/, '')) ?? 'body'
  const message = 'has a value that is not allowed'
  return new AppProblem('invalid', `${path}: ${message}.`, [{ path, message }])
}

/** The field that the last column of a key stands for: those before it say within what it is the only one. Digests are of secrets, and no caller's. */
function fieldOf(key: string): string | undefined {
  const column = /^\w+$/.exec(
    key
      .split(', ')
      .at(-1)
      ?.replace(/^lower\((\w+)(::text)?\)$/, '$1') ?? '',
  )?.[0]
  if (column === undefined || column === 'id' || column.endsWith('_digest')) return undefined
  return column.replace(/_(\w)/g, (_, initial: string) => initial.toUpperCase())
}

const words = (table: string) => `the ${table.replaceAll('_', ' ')}`

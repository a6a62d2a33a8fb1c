import type { z } from 'zod'
import { invalid } from './problems.ts'

/** Where a page of a list ends: the values that its rows are ordered by, of the last one shown. Callers hand it back and read nothing in it. */
export interface ListCursor<Values extends readonly unknown[]> {
  /** The values in a caller's cursor, or undefined for the first page. @throws AppProblem invalid, naming `cursor`, for one that this list did not give */
  read(cursor: string | undefined): Values | undefined
  /** One page of `rows`, of which one more than `limit` was asked for. */
  page<Row>(rows: readonly Row[], limit: number, valuesOf: (row: Row) => Values): { items: Row[]; next: string | null }
}

/** The cursor of the list `name`, whose rows are ordered by values of this shape. One list's cursor is refused by another. */
export function listCursor<Values extends readonly unknown[]>(name: string, shape: z.ZodType<Values>): ListCursor<Values> {
  return {
    read(cursor) {
      if (cursor === undefined) return undefined
      const [list, ...values] = parts(cursor)
      const parsed = shape.safeParse(values)
      if (list !== name || !parsed.success || !values.every(isStorable)) throw invalid('cursor', 'must be the `next` value of a page of this list')
      return parsed.data
    },
    page(rows, limit, valuesOf) {
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      const next = rows.length > limit && last !== undefined ? Buffer.from(JSON.stringify([name, ...valuesOf(last)])).toString('base64url') : null
      return { items, next }
    },
  }
}

/** Texts that the database would refuse: with NUL, half a surrogate pair, or of a year that it does not know. */
const isStorable = (value: unknown) => typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed() && !/^0000-\d\d-\d\d/.test(value))

function parts(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

import { type BuildExtraConfigColumns, getTableColumns, sql } from 'drizzle-orm'
import { bigint, type CheckBuilder, check, customType, type PgColumnBuilderBase, type PgTableExtraConfigValue, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
import type { Instant } from './clock.ts'
import { newId } from './ids.ts'

/** A point in time: timestamptz in store, ISO 8601 with milliseconds in code. */
export const instant = customType<{ data: Instant; driverData: string }>({
  dataType: () => 'timestamptz(3)',
  fromDriver: value => new Date(value).toISOString(),
})

/** Raw bytes. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

export const id = () => uuid('id').primaryKey().$defaultFn(newId)
export const count = (name: string) => bigint(name, { mode: 'number' })

/**
 * A JSON document (jsonb), parsed by its schema whenever it is read: a program trusts the type that it gets. Schemas say the shape alone, not limits
 * that may change: what was stored under an earlier limit is still read.
 */
export const json = <T>(name: string, schema: z.ZodType<T>) =>
  customType<{ data: T; driverData: unknown }>({
    dataType: () => 'jsonb',
    fromDriver: value => schema.parse(value),
    toDriver: value => JSON.stringify(value),
  })(name)

/** One of some words. A table made by {@link table} has a CHECK constraint for it. */
export const choice = <const Values extends readonly [string, ...string[]]>(name: string, values: Values) => text(name, { enum: values })

const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`

/** A table, with a CHECK constraint for each column that is one of some words. */
export function table<Name extends string, Columns extends Record<string, PgColumnBuilderBase>>(
  name: Name,
  columns: Columns,
  extra: (self: BuildExtraConfigColumns<Name, Columns, 'pg'>) => PgTableExtraConfigValue[] = () => [],
) {
  // The columns are known once the table is made; its constraints are asked for later.
  let checks: CheckBuilder[] = []
  const made = pgTable(name, columns, self => [...extra(self), ...checks])
  checks = Object.values(getTableColumns(made)).flatMap(column =>
    column.enumValues === undefined ? [] : [check(`${name}_${column.name}_known`, sql`${column} in (${sql.raw(column.enumValues.map(quoted).join(', '))})`)],
  )
  return made
}

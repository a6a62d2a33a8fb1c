import { type BuildExtraConfigColumns, getTableColumns, sql } from 'drizzle-orm'
import { bigint, type CheckBuilder, check, customType, type PgColumnBuilderBase, type PgTableExtraConfigValue, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import type { Instant } from './clock.ts'
import { newId } from './ids.ts'

/**
 * A point in time: timestamptz in store, ISO 8601 with milliseconds in code. What PostgreSQL keeps and ISO 8601 has no four digits for, such as infinity,
 * is read as the first or last that it has: such a row, which only another program writes, breaks no query.
 */
export const instant = customType<{ data: Instant; driverData: string }>({
  dataType: () => 'timestamptz(3)',
  fromDriver: value => {
    const date = new Date(value)
    if (!Number.isNaN(date.getTime())) return date.toISOString()
    return /^-|BC$/.test(value) ? '0000-01-01T00:00:00.000Z' : '9999-12-31T23:59:59.999Z'
  },
})

/** Raw bytes. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

export const id = () => uuid('id').primaryKey().$defaultFn(newId)
export const count = (name: string) => bigint(name, { mode: 'number' })

/** A stored value that does not have its shape, such as one of an older program or written by hand. Queries never give it out (`unreadable.ts`). */
export class Unreadable {
  /** What it counts as; undefined where its row is left out. */
  readonly instead: unknown
  constructor(instead: unknown) {
    this.instead = instead
  }
}

/**
 * A JSON document (jsonb), parsed by its schema whenever it is read: a program trusts the type that it gets. The shape alone counts, not limits: what
 * was stored under an earlier limit, or with a time zone that has gone since, is still read.
 * @param instead what a value of another shape counts as, where it would be worse to leave its row out, as is done without
 */
export const json = <T>(name: string, schema: z.ZodType<T>, instead?: NoInfer<T> | null) => {
  const shape = shapeOf(schema)
  return customType<{ data: T; driverData: unknown }>({
    dataType: () => 'jsonb',
    fromDriver: value => {
      const parsed = z.safeParse(shape, value)
      // The shape is that of the schema: what it has parsed is of the same type. What is unreadable does not leave the query.
      return (parsed.success ? parsed.data : new Unreadable(instead)) as T
    },
    toDriver: value => JSON.stringify(value),
  })(name)
}

/** A schema without limits, patterns, refinements and transforms, as stored values are: what a transform has made is stored. Unknown fields are left out. */
export function shapeOf(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'string':
      return z.string()
    case 'number':
      return z.number()
    case 'array':
      return z.array(shapeOf(def.element))
    case 'object':
      return z.object(Object.fromEntries(Object.entries(def.shape).map(([name, field]) => [name, shapeOf(field)])))
    case 'record':
      return z.record(z.string(), shapeOf(def.valueType))
    case 'union':
      return z.union(def.options.map(shapeOf))
    case 'optional':
      return z.optional(shapeOf(def.innerType))
    case 'nullable':
      return z.nullable(shapeOf(def.innerType))
    case 'readonly':
      return shapeOf(def.innerType)
    case 'default':
      return z._default(shapeOf(def.innerType), def.defaultValue)
    case 'pipe':
      return shapeOf(def.out._zod.def.type === 'transform' ? def.in : def.out)
    default:
      return schema
  }
}

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

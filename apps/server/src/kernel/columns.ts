import { bigint, customType, jsonb, text, uuid } from 'drizzle-orm/pg-core'
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
export const json = <T>(name: string) => jsonb(name).$type<T>()
export const choice = <T extends string>(name: string) => text(name).$type<T>()

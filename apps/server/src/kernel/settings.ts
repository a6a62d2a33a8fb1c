import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Reader, Tx } from './database.ts'
import { settings } from './tables.ts'

/** A setting of the installation; undefined while it was never set, and where it cannot be read. */
export async function readSetting<T>(reader: Reader, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const [found] = await reader.db.select().from(settings).where(eq(settings.name, name))
  if (found === undefined) return undefined
  const parsed = schema.safeParse(found.value)
  if (parsed.success) return parsed.data
  reader.unreadable.note({ table: 'settings', id: name, column: 'value', isLeftOut: true }, db => readSetting({ ...reader, db }, name, schema))
  return undefined
}

export async function saveSetting(tx: Tx, name: string, value: unknown): Promise<void> {
  await tx.db.insert(settings).values({ name, value }).onConflictDoUpdate({ target: settings.name, set: { value } })
}

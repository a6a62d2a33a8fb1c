import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Reader, Tx } from './database.ts'
import { settings } from './tables.ts'

/** A setting of the installation, or undefined while it was never set. */
export async function readSetting<T>(reader: Reader, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const [found] = await reader.db.select().from(settings).where(eq(settings.name, name))
  return found === undefined ? undefined : schema.parse(found.value)
}

export async function saveSetting(tx: Tx, name: string, value: unknown): Promise<void> {
  await tx.db.insert(settings).values({ name, value }).onConflictDoUpdate({ target: settings.name, set: { value } })
}

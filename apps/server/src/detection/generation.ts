import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Reader, Tx } from '../kernel/database.ts'
import { readSetting } from '../kernel/settings.ts'

const name = 'detection.generation'
/** NOTIFY reaches every server on the database; one that was not connected looks when it is again. */
export const generationChannel = 'tocsin_detection'

/**
 * Tells every server on this database that rules, indicators or sources have changed: what each remembers of them is read anew.
 * @returns the number of this change
 */
export async function announceChange(tx: Tx): Promise<number> {
  const { rows } = await tx.db.execute<{ generation: string }>(sql`
    insert into settings (name, value) values (${name}, '1')
    on conflict (name) do update set value = to_jsonb(
      -- One that was damaged goes on above every number that there was.
      case when jsonb_typeof(settings.value) = 'number' then (settings.value #>> '{}')::numeric::bigint else extract(epoch from now())::bigint end + 1)
    returning value #>> '{}' as generation`)
  await tx.db.execute(sql`select pg_notify(${generationChannel}, '')`)
  return Number(rows[0]?.generation)
}

/** The number of the latest change; 0 before the first. */
export async function latestChange(reader: Reader): Promise<number> {
  return (await readSetting(reader, name, z.number())) ?? 0
}

import { maxCounted } from '@tocsin/api'
import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Reader } from './database.ts'

/** Counts the rows of a statement without a limit of its own, up to `maxCounted`: what is read on every page costs the same however much there is. */
export async function counted(reader: Reader, rows: SQLWrapper | SQL): Promise<number> {
  const found = await reader.db.execute<{ n: number }>(sql`select count(*)::int as n from (select 1 from (${rows}) as found limit ${maxCounted}) as counted`)
  return found.rows[0]?.n ?? 0
}

import { and, ne, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { Reader } from './database.ts'

/** A name as people compare it: without its case, and without the ways in which Unicode writes one character or one space differently (NFKC). */
const folded = (name: SQL) => sql`lower(trim(regexp_replace(normalize(${name}, NFKC), '\\s+', ' ', 'g')))`

/**
 * Whether another record has this name already, in whatever case or spaces: to people who read them, "cust 01" is "Cust  01".
 * @param id the record that is to have it
 * @param within among which records a name is the only one, where not all
 */
export async function isNameTaken(
  reader: Reader,
  table: PgTable & { readonly id: AnyPgColumn; readonly name: AnyPgColumn },
  name: string,
  id: string,
  within?: SQL,
): Promise<boolean> {
  const same = sql`${folded(sql`${table.name}`)} = ${folded(sql`${name}::text`)}`
  return (
    (
      await reader.db
        .select({ id: table.id })
        .from(table)
        .where(and(same, ne(table.id, id), within))
        .limit(1)
    ).length > 0
  )
}

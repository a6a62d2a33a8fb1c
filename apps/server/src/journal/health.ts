import { sql } from 'drizzle-orm'
import { type Database, isSqlState, isUnavailable } from '../kernel/database.ts'
import type { Finding } from '../kernel/finding.ts'

/** Entries read by one look: the latest, and the next of a round through all, so that damage is found wherever it is. */
const entriesAtOnce = 1_000
/** Asked more often, the last answer is given again. */
const lookMs = 10_000

/** Whether the journal can be read. Nothing is repaired: what is damaged comes back only from a backup. */
export function journalHealth(database: Database): () => Promise<Finding | undefined> {
  let after = 0
  let lookedAt = 0
  let finding: Finding | undefined
  return async () => {
    if (Date.now() - lookedAt < lookMs) return finding
    lookedAt = Date.now()
    try {
      const { db } = database.reader()
      await db.execute(sql`select count(entry::text) from (select j as entry from journal j order by seq desc limit ${entriesAtOnce}) latest`)
      const { rows } = await db.execute<{ last: string | null }>(
        sql`select max((entry).seq) as last, count(entry::text) from (select j as entry from journal j where seq > ${after} order by seq limit ${entriesAtOnce}) next`,
      )
      after = Number(rows[0]?.last ?? 0)
      finding = undefined
    } catch (error) {
      // A database that is away is told of by its own check; damage that was found once stays told until it was looked for anew.
      if (!isUnavailable(error)) finding = { severity: 'unavailable', detail: sentence(error) }
    }
    return finding
  }
}

function sentence(error: unknown): string {
  // SQLSTATE class XX: data_corrupted, index_corrupted.
  const isDamaged = isSqlState(error, 'XX001') || isSqlState(error, 'XX002')
  return isDamaged ? 'The audit log cannot be read: a database page is corrupted. Restore the database from a backup.' : 'The audit log cannot be read.'
}

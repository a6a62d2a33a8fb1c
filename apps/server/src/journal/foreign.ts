import type { ForeignEntry } from '@tocsin/events/fold'
import { and, asc, desc, eq, gt, inArray, isNull, lte, sql } from 'drizzle-orm'
import { addSeconds } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import type { Secrets } from '../kernel/secrets.ts'
import { faultsOf, saveBorder, storedBorder } from './border.ts'
import { isForeign, macFault } from './entry-mac.ts'
import { lastGiven } from './order.ts'
import { record, type StoredEntry, system, toEntry } from './record.ts'
import { journal, journalCursors, journalLeaves } from './tables.ts'
import { storedColumns } from './values.ts'

/*
 * Entries that this program did not write, or that somebody has changed before they were sealed. They are sealed as they are, as evidence, and named by
 * an entry of their own.
 */

/** For so long they are told in `/readyz` and by an alarm. */
const toldSeconds = 86_400
/** Of the entries that name them, the newest so many are read. */
const maxFindings = 100

/** The number of the last entry from before entries had MACs. The first sealing decides it for good. */
async function decideBorder(tx: Tx): Promise<number> {
  const stored = await storedBorder(tx)
  if (stored !== undefined) return stored
  // One that was removed or changed is not decided anew: where something with a MAC was sealed already, all that is new needs one.
  const sealed = await tx.db.execute<{ hasMac: boolean }>(sql`
    select coalesce(bool_or(mac is not null), false) as "hasMac" from journal
    where id in (select entry_id from journal_leaves order by leaf_index desc limit 10000)`)
  const given = await tx.db.execute<{ last: string }>(sql`select ${lastGiven}::text as last from journal_seq_seq`)
  const seq = sealed.rows[0]?.hasMac ? 0 : Number(given.rows[0]?.last)
  await saveBorder(tx, seq)
  return seq
}

/**
 * Records, in the transaction that seals them, which of some entries this program did not write.
 * @param isStray they stand below what was sealed already, where this program writes nothing
 */
export async function nameForeign(tx: Tx, secrets: Secrets, entries: readonly StoredEntry[], isStray: boolean): Promise<void> {
  const border = await decideBorder(tx)
  const ids = entries.map(({ id }) => id)
  // Removed and inserted once more, or given a new number: its MAC is right, and readers would do again what it says.
  const again = new Set((await tx.db.select({ id: journalLeaves.entryId }).from(journalLeaves).where(inArray(journalLeaves.entryId, ids))).map(({ id }) => id))
  const found = entries.flatMap(({ id, stored }) => {
    const wrong = stored.seq <= border && !isStray ? undefined : macFault(secrets, stored)
    const fault = again.has(id) ? ('sealed before' as const) : (wrong ?? (isStray ? ('out of order' as const) : undefined))
    return fault === undefined ? [] : [{ id, fault }]
  })
  if (found.length === 0) return
  await record(tx, {
    actor: system,
    type: 'journal.foreign-entry',
    subject: { kind: 'journal', id: 'journal' },
    data: { count: found.length, entries: found },
  })
}

/** Parts entries into those that this program wrote, and what somebody else wrote among them: that tells nothing of a record. */
export async function partForeign(reader: Reader, entries: readonly StoredEntry[]): Promise<{ own: StoredEntry[]; foreign: ForeignEntry[] }> {
  const faults = await faultsOf(
    reader,
    entries.map(({ stored }) => stored),
  )
  const foreign = entries.flatMap(({ id, at, type, subject }) => {
    const fault = faults.get(id)
    return isForeign(fault) ? [{ id, at, type, subject, fault }] : []
  })
  const ids = new Set(foreign.map(({ id }) => id))
  return { own: entries.filter(({ id }) => !ids.has(id)), foreign }
}

/** Entries that are looked at for strays at once: the newest, and the next of a round through all. */
const maxSwept = 5_000
/** Of these, so many are sealed at once. */
const maxStrays = 200

/**
 * Looks for entries that the sealer has passed over: written in a transaction that ended late and did not wait its turn (`order.ts`), or with a number of
 * the writer's own choice, also one that the sequence has not given yet. It holds the place of the sealer to the end of the transaction.
 * @param after the number to go on from
 * @returns them, and the number to go on from next time; nothing while the sealer is at work
 */
export async function findStrays(tx: Tx, sealer: string, after: number): Promise<{ strays: StoredEntry[]; after: number } | undefined> {
  const [cursor] = await tx.db.select().from(journalCursors).where(eq(journalCursors.name, sealer)).for('update', { skipLocked: true })
  if (cursor === undefined) return undefined
  const numbers = (order: typeof asc, from: number) =>
    tx.db
      .select({ id: journal.id, seq: journal.seq })
      .from(journal)
      .where(and(gt(journal.seq, from), lte(journal.seq, cursor.seq)))
      .orderBy(order(journal.seq))
      .limit(maxSwept)
  const next = await numbers(asc, after)
  const newest = await numbers(desc, 0)
  // Outside of what the sequence has given. It is asked after the entries that this statement sees were numbered, and not the other way around.
  const outside = await tx.db.execute<{ id: string }>(sql`
    select id from journal left join journal_leaves on entry_id = id
      where seq > (select ${lastGiven} from journal_seq_seq) and entry_id is null
    union all select id from journal left join journal_leaves on entry_id = id where seq < 1 and entry_id is null
    limit ${maxStrays}`)
  const ids = [...new Set([...next, ...newest, ...outside.rows].map(({ id }) => id))]
  const found = await tx.db
    .select({ row: storedColumns })
    .from(journal)
    .leftJoin(journalLeaves, eq(journalLeaves.entryId, journal.id))
    .where(and(sql`${journal.id} = any(${sql.param(ids)}::uuid[])`, isNull(journalLeaves.entryId)))
    .orderBy(journal.seq)
    .limit(maxStrays)
  return { strays: found.map(({ row }) => toEntry(row)), after: next.length < maxSwept ? 0 : (next.at(-1)?.seq ?? after) }
}

/** The IDs of entries that were named when they were sealed. Only what this program found counts: a finding, too, can be written by others. */
export async function namedForeign(reader: Reader): Promise<ReadonlySet<string>> {
  const found = await reader.db.select(storedColumns).from(journal).where(eq(journal.type, 'journal.foreign-entry'))
  const genuine = found.filter(row => macFault(reader.keys, row) === undefined).map(toEntry)
  return new Set(genuine.flatMap(entry => (entry.fault === null && entry.type === 'journal.foreign-entry' ? entry.data.entries.map(({ id }) => id) : [])))
}

/** How many entries were found lately that this program did not write. */
export async function countForeign(reader: Reader, secrets: Secrets): Promise<number> {
  const type = 'journal.foreign-entry'
  const found = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(
      and(eq(journal.subjectId, 'journal'), eq(journal.subjectKind, 'journal'), eq(journal.type, type), gt(journal.at, addSeconds(reader.now, -toldSeconds))),
    )
    .orderBy(desc(journal.seq))
    .limit(maxFindings)
  // Only what this program found counts: a finding, too, can be written by others.
  return found.filter(row => macFault(secrets, row) === undefined).reduce((sum, { data }) => sum + Number(data?.count ?? 0), 0)
}

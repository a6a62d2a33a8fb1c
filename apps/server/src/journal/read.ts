import { and, asc, desc, gt, inArray, lte, sql } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { lastGiven, look } from './order.ts'
import { type Entry, type StoredEntry, toEntry } from './record.ts'
import { journal } from './tables.ts'
import { storedColumns } from './values.ts'

/** An entry and its number, which readers' cursors are made of. */
export interface Numbered {
  readonly seq: number
  readonly entry: StoredEntry
}

const batch = 200
/** Numbers that one query goes through, so that it ends soon also where few of them concern the reader. */
const span = 50_000

/**
 * (c): the next entries above `cursor` and up to `bound`, of some types or of all.
 * @returns them, at most 200, and the cursor behind them; it has moved also where none was found
 */
export async function readBetween(
  reader: Reader,
  cursor: number,
  bound: number,
  types?: ReadonlySet<string>,
): Promise<{ entries: Numbered[]; cursor: number }> {
  if (cursor >= bound) return { entries: [], cursor }
  const end = Math.min(bound, cursor + span)
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(gt(journal.seq, cursor), lte(journal.seq, end), types === undefined ? undefined : inArray(journal.type, [...types])))
    .orderBy(asc(journal.seq))
    .limit(batch)
  const last = rows.at(-1)
  return { entries: rows.map(row => ({ seq: row.seq, entry: toEntry(row) })), cursor: rows.length === batch && last ? last.seq : end }
}

/** Looks, and reads the next entries after a cursor. `isBehind`: there may be newer ones, now or in a moment. */
export async function readAfter(reader: Reader, cursor: number): Promise<{ entries: Entry[]; cursor: number; isBehind: boolean }> {
  const { bound, last } = await look(reader)
  const read = await readBetween(reader, cursor, bound)
  return { entries: read.entries.map(({ entry }) => entry), cursor: read.cursor, isBehind: read.cursor < last }
}

/** The number of the newest entry that can be seen, whether readers may go that far yet or not. One that the sequence has not given is nobody's to read. */
export async function newestNumber(reader: Reader): Promise<number> {
  const [newest] = await reader.db
    .select({ seq: journal.seq })
    .from(journal)
    .where(sql`${journal.seq} <= (select ${lastGiven} from journal_seq_seq)`)
    .orderBy(desc(journal.seq))
    .limit(1)
  return newest?.seq ?? 0
}

import { sql } from 'drizzle-orm'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { locks } from '../kernel/locks.ts'

/*
 * In which order the journal is read, and how far.
 *
 * Entries are numbered by a sequence, and numbers can commit out of order: a transaction may take 7 and commit after one that took 8. Readers follow
 * the numbers, so they must never pass one that may still appear. Waiting for the oldest transaction that runs (pg_snapshot_xmin) would be safe, but
 * any transaction of the whole cluster holds that back, also one that somebody forgot in a database that has nothing to do with this one. So only
 * those who write the journal are waited for:
 *
 *   A writer, before its first nextval, takes a shared advisory lock until its end, whose key is the sequence's last number L at that moment.
 *   A reader looks in three statements, one after the other: (a) the sequence's last number A; (b) the smallest key B among the holders of such
 *   locks; (c) the entries above its cursor and up to min(A, B).
 *
 * Proof that no entry is passed over. Let s <= min(A, B) be the number of an entry that commits, written by the transaction T with the key L.
 *   1. Numbers only grow, and s <= A: T's nextval that gave s came before (a). T held its lock before that nextval, so before (a), and L < s.
 *   2. At (b), T still holds its lock or does not. If it does, B <= L < s: a contradiction. So it does not, and as it held it before, T has ended.
 *   3. PostgreSQL makes a commit visible before it frees the locks of the transaction. (c) takes its snapshot after (b): it sees the entry.
 * So every entry up to min(A, B) that will ever be seen is seen now, and a cursor may be set there. What a transaction that holds no such lock does,
 * here or elsewhere in the cluster, is of no importance.
 *
 * A key has 31 bits, a number has more: of a key, the number near A is meant. Keys just above A are of writers that came after (a); by 1 they have
 * no number up to A, and they are passed over, so that a stream of writers does not hold a reader back.
 */

const keys = 2 ** 31

/** The sequence's last number; before the first it stands at 1 and has not given it. */
export const lastGiven = sql`(case when is_called then last_value else last_value - 1 end)`

/** Transactions that hold their place already. */
const holding = new WeakSet<object>()

/** Holds the place of what this transaction writes to the journal, until its end. It comes before the first entry is numbered. */
export async function holdPlace(tx: Tx): Promise<void> {
  if (holding.has(tx.db)) return
  await tx.db.execute(sql`select pg_advisory_xact_lock_shared(${locks.journalWriters}, (${lastGiven} % ${keys})::int) from journal_seq_seq`)
  holding.add(tx.db)
}

/** How far the journal can be read now. */
export interface Look {
  /** Up to here nothing can appear any more. */
  readonly bound: number
  /** The last number given; what lies above `bound` is readable once its writers have ended. */
  readonly last: number
}

/** Looks how far the journal can be read: (a) and (b) of the proof. */
export async function look(reader: Reader): Promise<Look> {
  const given = await reader.db.execute<{ last: string }>(sql`select ${lastGiven}::text as last from journal_seq_seq`)
  const last = Number(given.rows[0]?.last)
  const holders = await reader.db.execute<{ key: string }>(sql`
    select distinct objid::text as key from pg_locks
    where locktype = 'advisory' and classid = ${locks.journalWriters} and objsubid = 2
      and database = (select oid from pg_database where datname = current_database())`)
  return { last, bound: Math.min(last, ...holders.rows.map(({ key }) => lowerBound(Number(key), last))) }
}

/** The number that a key stands for, or Infinity for one of a writer that came after `last` was read. */
export function lowerBound(key: number, last: number): number {
  const behind = (((last - key) % keys) + keys) % keys
  return behind < keys / 2 ? last - behind : Number.POSITIVE_INFINITY
}

/** A transaction that writes the journal and does not end: nobody can read past its place. */
export interface HeldPlace {
  readonly pid: number
  /** Since when its transaction is open, by the clock of the database. */
  readonly since: Instant
  readonly openSeconds: number
  /** Its latest statement, without parameters. */
  readonly query: string
}

/** The writers of this journal whose transaction has been open for longer than some seconds, the oldest first. */
export async function heldPlaces(reader: Reader, seconds: number): Promise<HeldPlace[]> {
  const found = await reader.db.execute<{ pid: number; since: string; open: number; query: string }>(sql`
    select activity.pid, activity.xact_start::text as since, extract(epoch from clock_timestamp() - activity.xact_start)::float8 as open, left(activity.query, 200) as query
    from pg_stat_activity activity
    where activity.xact_start < clock_timestamp() - make_interval(secs => ${seconds})
      and activity.pid in (
        select pid from pg_locks where locktype = 'advisory' and classid = ${locks.journalWriters} and objsubid = 2
          and database = (select oid from pg_database where datname = current_database()))
    order by activity.xact_start limit 10`)
  return found.rows.map(row => ({ pid: row.pid, since: new Date(row.since).toISOString(), openSeconds: row.open, query: withoutLiterals(row.query) }))
}

/** A statement without the values in it: quoted text, also where it is cut, and numbers. */
export const withoutLiterals = (query: string): string =>
  query
    .replaceAll(/\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/g, '?')
    .replaceAll(/'(?:[^']|'')*(?:'|$)/g, '?')
    .replaceAll(/\b\d[\w.]*/g, '?')

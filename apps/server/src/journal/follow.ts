import { asc, eq, sql } from 'drizzle-orm'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import type { Log } from '../kernel/telemetry.ts'
import { type Entry, journalChannel, type Reactions, reactTo, toEntry } from './record.ts'
import { journal, journalCursors } from './tables.ts'

/** How far a reader has read, in commit order. */
interface Cursor {
  readonly xid: string
  readonly seq: number
}

const batch = 200

/**
 * The next entries after a cursor in an order that never changes: by transaction, then number, and only of transactions below which
 * none is still running. `isBehind`: newer ones exist that cannot be read yet.
 */
export async function readAfter(reader: Reader, cursor: Cursor): Promise<{ entries: Entry[]; cursor: Cursor; isBehind: boolean }> {
  const rows = await reader.db
    .select()
    .from(journal)
    .where(sql`(${journal.xid}, ${journal.seq}) > (${cursor.xid}::xid8, ${cursor.seq}::bigint) and ${journal.xid} < pg_snapshot_xmin(pg_current_snapshot())`)
    .orderBy(asc(journal.xid), asc(journal.seq))
    .limit(batch)
  const last = rows.at(-1)
  const next = last ? { xid: last.xid, seq: last.seq } : cursor
  if (rows.length === batch) return { entries: rows.map(toEntry), cursor: next, isBehind: true }
  const waiting = await reader.db
    .select({ seq: journal.seq })
    .from(journal)
    .where(sql`(${journal.xid}, ${journal.seq}) > (${next.xid}::xid8, ${next.seq}::bigint)`)
    .limit(1)
  return { entries: rows.map(toEntry), cursor: next, isBehind: waiting.length > 0 }
}

/** Where the journal ends now. */
export async function endOfJournal(reader: Reader): Promise<Cursor> {
  const [last] = await reader.db.select({ xid: journal.xid, seq: journal.seq }).from(journal).orderBy(sql`${journal.xid} desc, ${journal.seq} desc`).limit(1)
  return last ?? { xid: '0', seq: 0 }
}

type JournalReader = (tx: Tx, entries: readonly Entry[]) => Promise<void>

/** One follower in this process. */
interface Following {
  readonly follow: JournalReader
  /** The types that it does something about; undefined for all. */
  readonly types: ReadonlySet<string> | undefined
  /** How far this process has seen it read: entries up to here are done, or are nothing to it. */
  seen: Cursor
  retryMs: number
}

/** Between rounds, so that under load one transaction takes in many entries. */
const restMs = 8

/**
 * Lets modules react to what the journal says: each follower sees every entry once, in order; its effects and its cursor are written
 * in one transaction. A follower that fails is tried again, from where it stood, at growing distances.
 */
export class JournalReaders {
  readonly #database: Database
  readonly #log: Log
  readonly #readers = new Map<string, Following>()
  #running: Promise<void> | undefined
  #isWoken = false
  #isStopped = true
  #timer: NodeJS.Timeout | undefined

  constructor(database: Database, log: Log) {
    this.#database = database
    this.#log = log
  }

  /** Follows the journal under a name that stays the same for ever. */
  follow(name: string, follow: JournalReader, types?: ReadonlySet<string>): void {
    this.#readers.set(name, { follow, types, seen: { xid: '0', seq: 0 }, retryMs: 0 })
  }

  /** Reacts to entries of some types, one by one. */
  react(name: string, reactions: Reactions): void {
    const react = async (tx: Tx, entries: readonly Entry[]) => {
      for (const entry of entries) await reactTo(reactions, tx, entry)
    }
    this.follow(name, react, new Set(Object.keys(reactions)))
  }

  async start(): Promise<void> {
    await this.#database.transaction(async tx => {
      for (const [name, follower] of this.#readers) {
        await tx.db.insert(journalCursors).values({ name, xid: '0', seq: 0 }).onConflictDoNothing()
        const [cursor] = await tx.db.select().from(journalCursors).where(eq(journalCursors.name, name))
        if (cursor) follower.seen = cursor
      }
    })
    this.#isStopped = false
    this.#database.listen(journalChannel, () => this.wake())
    this.wake()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  wake(): void {
    if (this.#isStopped) return
    this.#isWoken = true
    if (!this.#running) {
      this.#running = this.#loop().finally(() => {
        this.#running = undefined
        if (this.#isWoken) this.wake()
      })
    }
  }

  /** Follows to the end of the journal as it is now. */
  async drain(): Promise<void> {
    for (;;) {
      this.wake()
      while (this.#running) await this.#running
      const end = await endOfJournal(this.#database.reader())
      const isBehind = [...this.#readers.values()].some(({ seen }) => isBefore(seen, end))
      if (!isBehind || this.#isStopped) return
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  async #loop(): Promise<void> {
    clearTimeout(this.#timer)
    while (this.#isWoken && !this.#isStopped) {
      this.#isWoken = false
      const waitMs = await this.#round()
      if (waitMs === 0) {
        this.#isWoken = true
        await new Promise(resolve => setTimeout(resolve, restMs))
      } else if (Number.isFinite(waitMs)) this.#timer = setTimeout(() => this.wake(), waitMs)
    }
  }

  /** One look at the journal for all followers. Returns in how many milliseconds to come again: 0 at once, Infinity when woken. */
  async #round(): Promise<number> {
    try {
      // Looked at first without a lock: most entries are nothing to most followers, and cost them no transaction.
      const from = [...this.#readers.values()].map(follower => follower.seen).reduce((a, b) => (isBefore(a, b) ? a : b))
      const glance = await readAfter(this.#database.reader(), from)
      const waits = await Promise.all([...this.#readers].map(([name, follower]) => this.#offer(name, follower, glance)))
      if (glance.entries.length > 0) return Math.min(...waits)
      // Entries of transactions that still run: they end within moments.
      return Math.min(...waits, glance.isBehind ? 15 : Number.POSITIVE_INFINITY)
    } catch (error) {
      this.#log.error({ err: error }, 'the journal cannot be read; trying again')
      return 1_000
    }
  }

  /** Offers what was seen to one follower, which takes it in a transaction if any of it is for it. */
  async #offer(name: string, follower: Following, glance: Awaited<ReturnType<typeof readAfter>>): Promise<number> {
    if (!isBefore(follower.seen, glance.cursor)) return glance.entries.length > 0 ? 0 : Number.POSITIVE_INFINITY
    const { types } = follower
    const isConcerned = glance.entries.some(entry => types === undefined || types.has(entry.type))
    if (!isConcerned) {
      // The stored cursor may stay behind: what lies between is looked at again after a restart, and is nothing.
      follower.seen = glance.cursor
      return 0
    }
    try {
      const taken = await this.#take(name, follower)
      if (isBefore(follower.seen, taken)) follower.seen = taken
      follower.retryMs = 0
      return 0
    } catch (error) {
      follower.retryMs = Math.min(30_000, Math.max(100, follower.retryMs * 2))
      this.#log.error({ err: error, follower: name }, 'a follower of the journal failed and tries again')
      return follower.retryMs
    }
  }

  /** Gives a follower its next batch. Its effect and its cursor are one transaction. */
  async #take(name: string, follower: Following): Promise<Cursor> {
    return this.#database.transaction(async tx => {
      const [cursor] = await tx.db.select().from(journalCursors).where(eq(journalCursors.name, name)).for('update', { skipLocked: true })
      // Another process is at it: come again.
      if (!cursor) return follower.seen
      const read = await readAfter(tx, cursor)
      if (read.entries.length === 0) return cursor
      await follower.follow(tx, read.entries)
      await tx.db.update(journalCursors).set(read.cursor).where(eq(journalCursors.name, name))
      return read.cursor
    })
  }
}

function isBefore(a: Cursor, b: Cursor): boolean {
  const [left, right] = [BigInt(a.xid), BigInt(b.xid)]
  return left === right ? a.seq < b.seq : left < right
}

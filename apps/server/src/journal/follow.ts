import { asc, eq, sql } from 'drizzle-orm'
import type { Database, Reader, Tx } from '../platform/database.ts'
import type { Log } from '../platform/telemetry.ts'
import { type Entry, journalChannel, toEntry } from './record.ts'
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

type Follower = (tx: Tx, entries: readonly Entry[]) => Promise<void>

/**
 * Lets modules react to what the journal says: each follower sees every entry once, in order; its effects and its cursor are written
 * in one transaction. A follower that fails is tried again, from where it stood, at growing distances.
 */
export class Followers {
  readonly #database: Database
  readonly #log: Log
  readonly #followers = new Map<string, { follow: Follower; retryMs: number }>()
  #running: Promise<void> | undefined
  #isWoken = false
  #isStopped = true
  #timer: NodeJS.Timeout | undefined

  constructor(database: Database, log: Log) {
    this.#database = database
    this.#log = log
  }

  /** Follows the journal under a name that stays the same for ever. */
  follow(name: string, follow: Follower): void {
    this.#followers.set(name, { follow, retryMs: 0 })
  }

  /** Reacts to entries of some types, one by one. */
  react(name: string, reactions: Readonly<Record<string, (tx: Tx, entry: Entry) => Promise<void>>>): void {
    this.follow(name, async (tx, entries) => {
      for (const entry of entries) await reactions[entry.type]?.(tx, entry)
    })
  }

  async start(): Promise<void> {
    await this.#database.transaction(async tx => {
      for (const name of this.#followers.keys()) await tx.db.insert(journalCursors).values({ name, xid: '0', seq: 0 }).onConflictDoNothing()
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
      const cursors = await this.#database.reader().db.select().from(journalCursors)
      const isBehind = cursors.some(
        cursor => this.#followers.has(cursor.name) && (BigInt(cursor.xid) < BigInt(end.xid) || (cursor.xid === end.xid && cursor.seq < end.seq)),
      )
      if (!isBehind || this.#isStopped) return
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  async #loop(): Promise<void> {
    clearTimeout(this.#timer)
    while (this.#isWoken && !this.#isStopped) {
      this.#isWoken = false
      const waits = await Promise.all([...this.#followers.keys()].map(name => this.#round(name)))
      const soonest = Math.min(...waits)
      if (soonest === 0) this.#isWoken = true
      else if (Number.isFinite(soonest)) this.#timer = setTimeout(() => this.wake(), soonest)
    }
  }

  /** One batch of one follower. Returns in how many milliseconds to come again: 0 at once, Infinity when woken. */
  async #round(name: string): Promise<number> {
    const follower = this.#followers.get(name)
    if (!follower) return Number.POSITIVE_INFINITY
    try {
      const result = await this.#database.transaction(async tx => {
        const [cursor] = await tx.db.select().from(journalCursors).where(eq(journalCursors.name, name)).for('update', { skipLocked: true })
        if (!cursor) return { entries: [], isBehind: true }
        const read = await readAfter(tx, cursor)
        if (read.entries.length === 0) return read
        await follower.follow(tx, read.entries)
        await tx.db.update(journalCursors).set(read.cursor).where(eq(journalCursors.name, name))
        return read
      })
      follower.retryMs = 0
      if (result.entries.length > 0) return 0
      // Entries of transactions that still run: they end within moments.
      return result.isBehind ? 15 : Number.POSITIVE_INFINITY
    } catch (error) {
      follower.retryMs = Math.min(30_000, Math.max(100, follower.retryMs * 2))
      this.#log.error({ err: error, follower: name }, 'a follower of the journal failed and tries again')
      return follower.retryMs
    }
  }
}

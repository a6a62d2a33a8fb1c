import { inArray, sql } from 'drizzle-orm'
import type { Alarms } from '../kernel/alarms.ts'
import type { Database, Tx } from '../kernel/database.ts'
import type { Log } from '../kernel/telemetry.ts'
import { lastGiven } from './order.ts'
import { newestNumber } from './read.ts'
import { type Follow, type Following, JournalReader } from './reader.ts'
import { type Entry, journalChannel, type Reactions, reactTo } from './record.ts'
import { journalCursors } from './tables.ts'
import { Tail } from './tail.ts'

/** Between the times that cursors of readers which had nothing to do are stored. */
const storeMs = 5_000

/**
 * Lets modules react to what the journal says. Each reader sees every entry once, in order: its effects and its cursor are written in one
 * transaction. Each goes at its own pace. One that fails at an entry tries it again a few times at growing distances, then sets it aside as a dead
 * letter, which pages the administrators, and goes on.
 */
export class JournalReaders {
  readonly #database: Database
  readonly #log: Log
  readonly #alarms: Alarms
  readonly #readers = new Map<string, JournalReader>()
  readonly #tail: Tail
  #storing: NodeJS.Timeout | undefined
  #isStopped = true

  constructor(database: Database, log: Log, alarms: Alarms) {
    this.#database = database
    this.#log = log
    this.#alarms = alarms
    const each = (act: (reader: JournalReader) => void) => () => this.#readers.forEach(act)
    this.#tail = new Tail(
      database,
      log,
      each(reader => reader.wake()),
      each(reader => reader.halt()),
    )
  }

  /** Every reader of this process, by name. */
  get readers(): ReadonlyMap<string, JournalReader> {
    return this.#readers
  }

  /**
   * Follows the journal under a name that stays the same for ever, in batches; where a batch fails, entry by entry.
   * @param options.committed what it took in is committed
   * @param options.isStrict it may pass nothing over: it is tried for ever and never sets an entry aside
   */
  follow(name: string, follow: Follow, options: Pick<Following, 'types' | 'isStrict' | 'committed'> = {}): void {
    if (this.#readers.has(name)) throw new Error(`there is a journal reader named ${name} already`)
    this.#readers.set(name, new JournalReader({ name, follow, ...options }, { database: this.#database, log: this.#log, alarms: this.#alarms }, this.#tail))
  }

  /** Reacts to entries of some types, one by one. */
  react(name: string, reactions: Reactions): void {
    const react = async (tx: Tx, entries: readonly Entry[]) => {
      for (const entry of entries) await reactTo(reactions, tx, entry)
    }
    this.follow(name, react, { types: new Set(Object.keys(reactions)) })
  }

  async start(): Promise<void> {
    const names = [...this.#readers.keys()]
    const rows =
      names.length === 0
        ? []
        : await this.#database.transaction(async tx => {
            await tx.db
              .insert(journalCursors)
              .values(names.map(name => ({ name, seq: 0 })))
              .onConflictDoNothing()
            return tx.db.select().from(journalCursors).where(inArray(journalCursors.name, names))
          })
    await this.#tail.start()
    for (const { name, seq } of rows) this.#readers.get(name)?.start(seq)
    this.#isStopped = false
    this.#database.listen(journalChannel, () => this.wake())
    this.#storing = setInterval(() => {
      // A notice that was lost costs no more than this.
      this.wake()
      this.#store().catch((error: unknown) => this.#log.warn({ err: error }, 'the cursors of journal readers could not be stored; retrying'))
    }, storeMs)
    this.wake()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#storing)
    await this.#tail.stop()
    await Promise.all([...this.#readers.values()].map(reader => reader.stop()))
    await this.#store().catch((error: unknown) => this.#log.warn({ err: error }, 'the cursors of journal readers could not be stored at shutdown'))
  }

  /** Something was written: look at once. */
  wake(): void {
    this.#tail.wake()
  }

  /** Until every reader has read the journal as it is now, but for those that fail again and again. */
  async drain(): Promise<void> {
    while (!this.#isStopped) {
      const end = await newestNumber(this.#database.reader())
      this.wake()
      if ([...this.#readers.values()].every(reader => reader.seen >= end || reader.isStuck)) return
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Stores the positions of readers that no entry concerned, in one statement, so that a restart goes on from there. */
  async #store(): Promise<void> {
    const moved = [...this.#readers.values()].flatMap(reader => (reader.unstored === undefined ? [] : [{ reader, ...reader.unstored }]))
    if (moved.length === 0) return
    const names = sql.param(moved.map(({ reader }) => reader.name))
    const numbers = sql.param(moved.map(({ seq }) => seq))
    const before = sql.param(moved.map(({ stored }) => stored))
    // A cursor that somebody works with is not waited for. One ahead of the journal is of before a restore, and so is one above what came back.
    const stored = await this.#database.reader().db.execute<{ name: string; seq: string }>(sql`
      with fresh as (select * from unnest(${names}::text[], ${numbers}::bigint[], ${before}::bigint[]) as fresh (name, seq, before)),
        free as (select name from journal_cursors where name in (select name from fresh) for update skip locked)
      update journal_cursors set seq = case when journal_cursors.seq < fresh.before then journal_cursors.seq else fresh.seq end from fresh, free
      where journal_cursors.name = fresh.name and free.name = fresh.name and journal_cursors.seq < fresh.seq
        and fresh.seq <= (select ${lastGiven} from journal_seq_seq)
      returning journal_cursors.name, journal_cursors.seq`)
    const seqOf = new Map(stored.rows.map(row => [row.name, Number(row.seq)]))
    for (const { reader, stored: last } of moved) {
      const seq = seqOf.get(reader.name)
      if (seq !== undefined) reader.markStored(seq, last)
    }
  }
}

import { eq, sql } from 'drizzle-orm'
import type { Alarms } from '../kernel/alarms.ts'
import { type Database, isContention, isOutage, type Tx } from '../kernel/database.ts'
import { type Log, sentenceOf } from '../kernel/telemetry.ts'
import type { Numbered } from './read.ts'
import { record, type StoredEntry, system } from './record.ts'
import { journalCursors, journalDeadLetters } from './tables.ts'
import type { Tail } from './tail.ts'

export type Follow = (tx: Tx, entries: readonly StoredEntry[]) => Promise<void>

export interface Following {
  readonly name: string
  readonly follow: Follow
  /** The types that it does something about; undefined for all. */
  readonly types?: ReadonlySet<string> | undefined
  /** It may pass no entry over: it is tried for ever, and never sets one aside. */
  readonly isStrict?: boolean
  /** What it took in is committed. It may run late or, after a crash, not at all. */
  readonly committed?: (() => Promise<void>) | undefined
}

export interface ReaderServices {
  readonly database: Database
  readonly log: Log
  readonly alarms: Alarms
}

const maxBatch = 200
/** Between the attempts to take in one entry; after the last of them it is set aside. */
const backoffMs = [100, 400, 1_600, 6_400]
/** Where nothing may be set aside, and while the database is away or another holds a lock. */
const maxBackoffMs = 30_000
/** Another process is reading under this name. */
const takenMs = 50

export const deadLetterAlarm = (reader: string) => `journal-dead-letters:${reader}`

/** One reader of the journal in this process, at its own pace: what it does, or fails to do, holds up no other. */
export class JournalReader {
  readonly following: Following
  readonly #services: ReaderServices
  readonly #tail: Tail
  /** Up to here everything is done, or is nothing to it. */
  #seen = 0
  /** The same, as it is stored. */
  #stored = 0
  /** Failed attempts since it last took something in. */
  #failures = 0
  #lastError: string | undefined
  /** Up to here entries are taken one by one, so that only the one that fails is set aside. */
  #singlyTo = 0
  #isStopped = false
  #isHalted = false
  #isTaking = false
  #wake: () => void = () => {}
  #isWoken = false
  #running: Promise<void> | undefined

  constructor(following: Following, services: ReaderServices, tail: Tail) {
    this.following = following
    this.#services = services
    this.#tail = tail
  }

  get name(): string {
    return this.following.name
  }
  get seen(): number {
    return this.#seen
  }
  /** It fails again and again, or is halted: nobody should wait for it. */
  get isStuck(): boolean {
    return this.#failures >= 3 || this.#isHalted
  }
  get lastError(): string | undefined {
    return this.#failures > 0 ? this.#lastError : undefined
  }
  /** What is still to be stored of where it is, and what was stored last, or undefined. While it takes entries in, that stores it. */
  get unstored(): { readonly seq: number; readonly stored: number } | undefined {
    return this.#seen > this.#stored && !this.#isTaking && !this.#isHalted ? { seq: this.#seen, stored: this.#stored } : undefined
  }
  /** @param before what was stored when it was asked for: below that the journal went back, and the cursor with it */
  markStored(seq: number, before: number): void {
    if (seq < before) this.halt()
    else this.#stored = Math.max(this.#stored, seq)
  }

  /** It reads no more until it is started anew: the journal went back behind it. */
  get isHalted(): boolean {
    return this.#isHalted
  }

  /**
   * The journal is behind what this reader has read, as after a restore: its numbers are given a second time, and to go on would pass over entries.
   * What is stored came back with the journal, so that a start goes on from there.
   */
  halt(): void {
    if (!this.#isHalted) this.#services.log.error({ reader: this.name, cursor: this.#seen }, 'the journal went back behind a reader; it waits for a restart')
    this.#isHalted = true
  }

  start(cursor: number): void {
    this.#seen = cursor
    this.#stored = cursor
    this.#isStopped = false
    this.#isHalted = false
    this.#running = this.#loop()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.wake()
    await this.#running
  }

  /** There may be more to read. */
  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      this.#isWoken = false
      if (this.#isHalted) {
        await this.#pause()
        continue
      }
      try {
        const found = await this.#tail.after(this.#seen, this.following.types, this.#singlyTo > this.#seen ? 1 : maxBatch)
        if (found.entries.length > 0) await this.#take(found.entries.slice(0, this.#singlyTo > this.#seen ? 1 : maxBatch), found.cursor)
        else if (found.cursor > this.#seen) this.#seen = found.cursor
        else if (!this.#isWoken) await this.#pause()
      } catch (error) {
        this.#services.log.error({ err: error, reader: this.name }, 'a journal reader cannot read; retrying')
        await this.#pause(1_000)
      }
    }
  }

  /** Until woken, or stopped; with a time, for so long, or until stopped. */
  #pause(ms?: number): Promise<void> {
    // Stopped while it took something in: nobody wakes it any more.
    if (this.#isStopped) return Promise.resolve()
    return new Promise(resolve => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      this.#wake = () => {
        if (ms !== undefined && !this.#isStopped) return
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #take(entries: readonly Numbered[], cursor: number): Promise<void> {
    const [first] = entries
    if (first === undefined) return
    // Of a part of what was found, the cursor stands behind the last of that part.
    const end = this.#singlyTo > this.#seen ? first.seq : cursor
    this.#isTaking = true
    try {
      const taken = await this.#transaction(end, tx =>
        this.following.follow(
          tx,
          entries.map(({ entry }) => entry),
        ),
      )
      if (!taken) return await this.#pause(takenMs)
      this.#failures = 0
    } catch (error) {
      await this.#failed(entries, first, error)
    } finally {
      this.#isTaking = false
    }
  }

  /**
   * One effect and the cursor behind it. Where another process has read further, its cursor is taken over instead.
   * @returns false while another process is at it
   */
  async #transaction(end: number, effect: (tx: Tx) => Promise<void>): Promise<boolean> {
    let hasTaken = false
    const stored = await this.#services.database.transaction(async tx => {
      const [row] = await tx.db.select().from(journalCursors).where(eq(journalCursors.name, this.name)).for('update', { skipLocked: true })
      if (row === undefined || row.seq > this.#seen) return row?.seq
      if (row.seq < this.#stored) {
        this.halt()
        return undefined
      }
      await effect(tx)
      await tx.db.update(journalCursors).set({ seq: end }).where(eq(journalCursors.name, this.name))
      hasTaken = true
      return end
    })
    if (hasTaken) await this.following.committed?.()
    if (stored === undefined) return false
    this.#seen = stored
    this.#stored = stored
    return true
  }

  async #failed(entries: readonly Numbered[], first: Numbered, error: unknown): Promise<void> {
    const { log } = this.#services
    this.#lastError = faultOf(error)
    // A lock that another holds says nothing about the entry: neither is an attempt.
    if (isOutage(error) || isContention(error) || this.following.isStrict) {
      const waitMs = Math.min(maxBackoffMs, 250 * 2 ** Math.min(this.#failures, 10))
      this.#failures += 1
      log.error({ err: error, reader: this.name, attempts: this.#failures }, 'a journal reader failed; retrying')
      return this.#pause(waitMs)
    }
    if (entries.length > 1) {
      this.#singlyTo = entries.at(-1)?.seq ?? first.seq
      return
    }
    this.#failures += 1
    const attempts = this.#attemptsAt(first.seq)
    const waitMs = backoffMs[attempts - 1]
    log.error({ err: error, reader: this.name, entry: first.entry.id, attempts }, 'a journal reader failed at an entry')
    if (waitMs !== undefined) return this.#pause(waitMs)
    await this.#setAside(first, attempts, this.#lastError)
  }

  #current = { seq: 0, attempts: 0 }
  #attemptsAt(seq: number): number {
    this.#current = { seq, attempts: this.#current.seq === seq ? this.#current.attempts + 1 : 1 }
    return this.#current.attempts
  }

  /** The entry becomes a dead letter, the administrators are paged, and the reader goes on with the next one. */
  async #setAside({ seq, entry }: Numbered, attempts: number, error: string): Promise<void> {
    const { alarms, log } = this.#services
    const deadLetter = { reader: this.name, entryId: entry.id, error: error.slice(0, 1_000), attempts }
    const keep = async (tx: Tx) => {
      await tx.db
        .insert(journalDeadLetters)
        .values({ ...deadLetter, at: tx.now })
        .onConflictDoUpdate({
          target: [journalDeadLetters.reader, journalDeadLetters.entryId],
          set: {
            error: deadLetter.error,
            attempts: sql`${journalDeadLetters.attempts} + ${attempts}`,
            at: tx.now,
            state: 'open',
            settledAt: null,
            settledBy: null,
          },
        })
      await record(tx, {
        actor: system,
        type: 'journal-entry.set-aside',
        subject: { kind: 'journal-entry', id: entry.id },
        within: entry.within,
        data: { reader: this.name, type: entry.type, attempts },
      })
    }
    const page = {
      key: deadLetterAlarm(this.name),
      title: `Dead letter in the audit log reader "${this.name}"`,
      summary: `Processing of an entry of type ${entry.type} (${entry.id}) failed ${attempts} times, and the reader continued with the next entry. Actions triggered by that entry have not run. In Settings, System, replay the dead letter after fixing the cause, or discard it.`,
    }
    await this.#transaction(seq, async tx => {
      await keep(tx)
      await alarms.raise(tx, page)
    }).catch(async (fault: unknown) => {
      // Where paging is what fails, the entry is set aside all the same; the next look at the readers raises the alarm.
      log.error({ err: fault, reader: this.name }, 'administrators could not be paged about a dead letter')
      await this.#transaction(seq, keep)
    })
    this.#failures = 0
    log.error({ reader: this.name, entry: entry.id, type: entry.type, attempts }, 'a journal reader created a dead letter')
  }
}

/** What an error says, without what it quotes; of a failed statement what the database says of it, not the statement. */
export function faultOf(error: unknown): string {
  return sentenceOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
}

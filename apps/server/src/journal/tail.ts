import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../kernel/database.ts'
import type { Log } from '../kernel/telemetry.ts'
import { look } from './order.ts'
import { type Numbered, readBetween } from './read.ts'

/** Between looks, so that under load one look takes in many entries. */
const restMs = 8
/** Between looks while a writer below the newest entries has not ended: soon at first, then more seldom. */
const heldMs = { first: 15, max: 250 }
/** Entries that are kept for readers that are a little behind. */
const maxKept = 400

/**
 * The newest part of the journal, read once for all readers of this process: a dozen of them that each asked the database at each entry would cost more
 * than what they do. It waits for no reader. Who is further behind than what is kept here reads for itself.
 */
export class Tail {
  readonly #database: Database
  readonly #log: Log
  readonly #onMore: () => void
  readonly #onBack: () => void
  #kept: Numbered[] = []
  /** Every entry above `#from` and up to `#upTo` that there will ever be is kept. */
  #from = 0
  #upTo = 0
  #isWoken = false
  #isStopped = true
  #running: Promise<void> | undefined

  /** `onMore` is called when there is more to read, `onBack` when the journal went back behind what was read. */
  constructor(database: Database, log: Log, onMore: () => void, onBack: () => void) {
    this.#database = database
    this.#log = log
    this.#onMore = onMore
    this.#onBack = onBack
  }

  /** How far the journal can be read, as this process knows. */
  get end(): number {
    return this.#upTo
  }

  async start(): Promise<void> {
    const { bound } = await look(this.#database.reader())
    this.#from = bound
    this.#upTo = bound
    this.#isStopped = false
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  /** Something was written. */
  wake(): void {
    if (this.#isStopped) return
    this.#isWoken = true
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined
      if (this.#isWoken) this.wake()
    })
  }

  /** The next entries after a cursor that concern a reader, and the cursor behind them. */
  async after(cursor: number, types: ReadonlySet<string> | undefined, max: number): Promise<{ entries: Numbered[]; cursor: number }> {
    const end = this.#upTo
    if (cursor < this.#from) return readBetween(this.#database.reader(), cursor, end, types)
    const entries = this.#kept.filter(({ seq, entry }) => seq > cursor && seq <= end && (types === undefined || types.has(entry.type))).slice(0, max)
    const last = entries.at(-1)
    return { entries, cursor: entries.length === max && last ? last.seq : end }
  }

  async #loop(): Promise<void> {
    let waitMs: number = heldMs.first
    while (this.#isWoken && !this.#isStopped) {
      this.#isWoken = false
      try {
        const { isBehind, hasMoved } = await this.#read()
        waitMs = hasMoved ? heldMs.first : Math.min(heldMs.max, waitMs * 2)
        if (isBehind) this.#isWoken = true
        await sleep(isBehind && !hasMoved ? waitMs : restMs)
      } catch (error) {
        this.#log.error({ err: error }, 'the journal cannot be read; retrying')
        this.#isWoken = true
        await sleep(1_000)
      }
    }
  }

  async #read(): Promise<{ isBehind: boolean; hasMoved: boolean }> {
    const reader = this.#database.reader()
    const { bound, last } = await look(reader)
    if (last < this.#upTo) this.#onBack()
    const { entries, cursor } = await readBetween(reader, this.#upTo, bound)
    const hasMoved = cursor > this.#upTo
    if (hasMoved) {
      this.#kept.push(...entries)
      const dropped = this.#kept.splice(0, Math.max(0, this.#kept.length - maxKept)).at(-1)
      if (dropped) this.#from = dropped.seq
      this.#upTo = cursor
      this.#onMore()
    }
    return { isBehind: cursor < last, hasMoved }
  }
}

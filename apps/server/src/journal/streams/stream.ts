import { createHash } from 'node:crypto'
import { ocsfDocument } from '@tocsin/events/ocsf'
import { eq, sql } from 'drizzle-orm'
import { type Database, isOutage } from '../../kernel/database.ts'
import { endedBy } from '../../kernel/deadline.ts'
import type { Receiver } from '../../kernel/receiver-address.ts'
import type { Log } from '../../kernel/telemetry.ts'
import { look } from '../order.ts'
import { type Numbered, readBetween } from '../read.ts'
import { journalCursors } from '../tables.ts'
import { reasonOf, type WitnessStatus } from '../witnesses/witness.ts'
import { sendBatch } from './send.ts'

export interface StreamServices {
  readonly database: Database
  readonly log: Log
  /** Of this program, told to receivers. */
  readonly version: string
  /** Which of these entries everybody with an account may see. */
  readonly openEntries: (ids: readonly string[]) => Promise<ReadonlySet<string>>
}

/** A batch is given up after that time, and sent again. */
const deadlineMs = 15_000
const backoffMs = { first: 1_000, max: 300_000 }
/** After so many failures in a row it is an alarm. */
const failuresUntilAlarm = 3
/** Where a notice of something new was lost. */
const lookMs = 5_000
/** Data of the entries of one batch; one that is longer is a batch of its own. */
const maxBatchBytes = 1_000_000

/** The name under which the position of a receiver is kept: it stays the same when the list is put in another order. */
export const cursorOf = (address: string) => `stream:${createHash('sha256').update(address).digest('hex').slice(0, 32)}`

/** Sends a receiver every entry of the audit log, in order and at its own pace: each at least once, over restarts. Who waits or fails is nobody else's matter. */
export class AuditStream {
  /** As it is named on record and in `/readyz`, which anybody may read: without an address. */
  readonly name: string
  readonly cursor: string
  readonly #receiver: Receiver
  readonly #secret: string
  readonly #services: StreamServices
  readonly #deadlineMs: number
  readonly #end = new AbortController()
  /** Up to here everything was taken. */
  #seen = 0
  /** The same, as it is stored. */
  #stored = 0
  /** It ends behind that number: what follows is not for this receiver any more. */
  #until = Number.POSITIVE_INFINITY
  /** The oldest entry that is not taken yet, by when this process began to send it (monotonic, ms). */
  #since: number | undefined
  #failures = 0
  #error: string | undefined
  #wake: () => void = () => {}
  #isWoken = false
  #running: Promise<void> | undefined

  constructor(given: { name: string; address: string; receiver: Receiver; secret: string }, services: StreamServices, options: { deadlineMs?: number } = {}) {
    this.name = given.name
    this.cursor = cursorOf(given.address)
    this.#receiver = given.receiver
    this.#secret = given.secret
    this.#services = services
    this.#deadlineMs = options.deadlineMs ?? deadlineMs
  }

  get status(): WitnessStatus {
    const lagSeconds = this.#since === undefined ? 0 : Math.round((performance.now() - this.#since) / 1_000)
    return { name: this.name, lagSeconds, error: this.#error, isFailing: this.#failures >= failuresUntilAlarm }
  }

  start(seen: number): void {
    this.#seen = seen
    this.#stored = seen
    this.#running = this.#loop()
  }

  /** Sends what there is up to a number, and then ends. */
  endAt(seq: number): void {
    this.#until = seq
    this.wake()
  }

  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  async stop(): Promise<void> {
    this.#end.abort(new Error('the server stops'))
    this.wake()
    await this.#running
  }

  async #loop(): Promise<void> {
    while (!this.#end.signal.aborted && this.#seen < this.#until) {
      this.#isWoken = false
      const waitMs = await this.#step()
      if (waitMs > 0) await this.#pause(waitMs)
    }
  }

  /** Sends the next batch, if there is one. @returns for how long to wait before the next */
  async #step(): Promise<number> {
    try {
      const reader = this.#services.database.reader()
      const { bound, last } = await look(reader)
      const { entries, cursor } = await readBetween(reader, this.#seen, Math.min(bound, this.#until))
      const batch = withinBytes(entries)
      const end = batch.length < entries.length ? (batch.at(-1)?.seq ?? cursor) : cursor
      if (batch.length > 0) await this.#send(batch)
      if (batch.length > 0) await this.#store(end)
      else this.#seen = end
      this.#taken()
      if (this.#seen < last) return batch.length > 0 || this.#seen < bound ? 0 : 250
      return this.#isWoken ? 0 : lookMs
    } catch (error) {
      if (this.#end.signal.aborted) return 0
      // A database that is away is told of by its own check.
      if (isOutage(error)) return lookMs
      this.#failures += 1
      this.#error = reasonOf(error)
      this.#services.log.warn({ err: error, stream: this.name }, 'a receiver did not take entries of the audit log; retrying')
      return Math.min(backoffMs.max, backoffMs.first * 2 ** Math.min(this.#failures - 1, 20))
    }
  }

  async #send(batch: readonly Numbered[]): Promise<void> {
    this.#since ??= performance.now()
    const { version, openEntries } = this.#services
    // Asked at each attempt: what has become restricted meanwhile is not told.
    const open = await openEntries(batch.map(({ entry }) => entry.id))
    const outgoing = batch.map(({ entry }) => ({
      ...{ at: entry.at, subjectKind: entry.subject.kind },
      document: ocsfDocument(entry, { version, isOpen: open.has(entry.id) }),
    }))
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(this.#deadlineMs)])
    await endedBy(sendBatch(this.#receiver, this.#secret, outgoing, signal), signal)
  }

  /** Another process that sends to the same receiver may have been first, and after a restore the stored position is an older one: it counts. */
  async #store(end: number): Promise<void> {
    const { database } = this.#services
    const [stored] = await database.transaction(tx =>
      tx.db
        .update(journalCursors)
        .set({ seq: sql`case when ${journalCursors.seq} = ${this.#stored} then ${end} else ${journalCursors.seq} end` })
        .where(eq(journalCursors.name, this.cursor))
        .returning({ seq: journalCursors.seq }),
    )
    this.#stored = stored?.seq ?? end
    this.#seen = this.#stored
  }

  #taken(): void {
    if (this.#failures > 0) this.#services.log.info({ stream: this.name }, 'a receiver takes entries of the audit log again')
    this.#failures = 0
    this.#error = undefined
    this.#since = undefined
  }

  #pause(ms: number): Promise<void> {
    if (this.#end.signal.aborted) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        // Something new is no reason to try one that fails sooner.
        if (this.#failures > 0 && !this.#end.signal.aborted) return
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function withinBytes(entries: readonly Numbered[]): readonly Numbered[] {
  let bytes = 0
  const end = entries.findIndex(({ entry }, at) => {
    bytes += JSON.stringify(entry.data).length
    return at > 0 && bytes > maxBatchBytes
  })
  return end < 0 ? entries : entries.slice(0, end)
}

import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import { sql } from 'drizzle-orm'
import type { Database } from '../platform/database.ts'
import { AppProblem } from '../platform/problems.ts'
import type { LogSourceRow } from './sources.ts'
import { eventBatches, type LogSourceParts } from './tables.ts'

const compress = promisify(zstdCompress)

/** Events that wait, uncompressed: beyond this a shipper is asked to come again later. */
const mostWaitingBytes = 512 * 1_048_576

export const batchChannel = 'tocsin_batches'

/** Too much waits: come again in some seconds. */
export class TooMuch extends AppProblem {
  readonly retryAfterSeconds = 5
  constructor() {
    super('too-many', `More than ${mostWaitingBytes / 1_048_576} MB of events wait to be matched. Send them again in a few seconds.`)
  }
}

/** Keeps what comes in until it is matched. What it has taken is in the database, committed: a `kill -9` loses none of it. */
export class EventIntake {
  readonly #database: Database
  #waitingBytes = 0
  #waitingBatches = 0

  constructor(database: Database) {
    this.#database = database
  }

  get waiting(): { readonly bytes: number; readonly batches: number } {
    return { bytes: this.#waitingBytes, batches: this.#waitingBatches }
  }

  /** Counts what an earlier run has left. */
  async start(): Promise<void> {
    const [left] = await this.#database
      .reader()
      .db.select({ bytes: sql<string>`coalesce(sum(${eventBatches.sizeBytes}), 0)`, batches: sql<string>`count(*)` })
      .from(eventBatches)
    this.#waitingBytes = Number(left?.bytes ?? 0)
    this.#waitingBatches = Number(left?.batches ?? 0)
  }

  get isFull(): boolean {
    return this.#waitingBytes > mostWaitingBytes
  }

  /**
   * @param lines events, a line of JSON each
   * @param logsource what they are, where the source itself does not say
   * @throws TooMuch
   */
  async accept(source: LogSourceRow, lines: Buffer, logsource: LogSourceParts | null = null): Promise<void> {
    if (lines.length === 0) return
    if (this.isFull) throw new TooMuch()
    this.#waitingBytes += lines.length
    this.#waitingBatches++
    try {
      const body = await compress(lines)
      const { db, now } = this.#database.reader()
      await db.insert(eventBatches).values({ sourceId: source.id, receivedAt: now, logsource, sizeBytes: lines.length, body })
    } catch (error) {
      this.done(lines.length)
      throw error
    }
    await this.#database.reader().db.execute(sql`select pg_notify(${batchChannel}, '')`)
  }

  /** A batch has been matched. */
  done(bytes: number): void {
    this.#waitingBytes -= bytes
    this.#waitingBatches--
  }
}

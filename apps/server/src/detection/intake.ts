import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import { sql } from 'drizzle-orm'
import type { Database, Tx } from '../kernel/database.ts'
import { AppProblem } from '../kernel/problems.ts'
import type { LogSourceRow } from './sources.ts'
import { eventBatches, type LogSourceParts } from './tables.ts'

const compress = promisify(zstdCompress)

/** Events that wait, uncompressed: beyond this a shipper is asked to come again later. */
const maxWaitingBytes = 512 * 1_048_576

const recountMs = 2_000

export const batchChannel = 'tocsin_batches'

/** Too much waits: come again in some seconds. */
export class TooMuch extends AppProblem {
  override readonly retryAfterSeconds = 5
  constructor() {
    super('too-many', `More than ${maxWaitingBytes / 1_048_576} MB of events are queued. Try again in a few seconds.`)
  }
}

/** Keeps received events until they are matched. What it has taken is in the database, committed: a `kill -9` loses none of it. */
export class EventIntake {
  readonly #database: Database
  #waitingBytes = 0
  #waitingBatches = 0
  /** Counted up with each change of the two, and how many batches are just being written. */
  #changes = 0
  #accepting = 0
  #timer: NodeJS.Timeout | undefined
  #isStopped = true

  constructor(database: Database) {
    this.#database = database
  }

  get waiting(): { readonly bytes: number; readonly batches: number } {
    return { bytes: this.#waitingBytes, batches: this.#waitingBatches }
  }

  /** Counts what an earlier run has left, and from then on again and again: another server may match what this one took in. */
  async start(): Promise<void> {
    this.#isStopped = false
    await this.#recount()
    this.#later()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #later(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      // A database that is away is asked again; the count stays meanwhile.
      void this.#recount()
        .catch(() => undefined)
        .finally(() => this.#later())
    }, recountMs)
  }

  async #recount(): Promise<void> {
    const changes = this.#changes
    const [left] = await this.#database
      .reader()
      .db.select({ bytes: sql<string>`coalesce(sum(${eventBatches.sizeBytes}), 0)`, batches: sql<string>`count(*)` })
      .from(eventBatches)
    // Something came or went while it was counted: the next count tells.
    if (changes !== this.#changes || this.#accepting > 0) return
    this.#waitingBytes = Number(left?.bytes ?? 0)
    this.#waitingBatches = Number(left?.batches ?? 0)
  }

  get isFull(): boolean {
    return this.#waitingBytes > maxWaitingBytes
  }

  /**
   * @param lines events, a line of JSON each
   * @param logsource what they are, where the source itself does not say
   * @throws TooMuch
   */
  accept(source: LogSourceRow, lines: Buffer, logsource: LogSourceParts | null = null): Promise<void> {
    return this.acceptAll(source, [{ lines, logsource }])
  }

  /**
   * Takes batches together, with what must be written when they are.
   * @throws TooMuch
   */
  async acceptAll(
    source: LogSourceRow,
    batches: readonly { readonly lines: Buffer; readonly logsource: LogSourceParts | null }[],
    also: (tx: Tx) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const filled = batches.flatMap(({ lines, logsource }) => partsOf(lines).map(part => ({ lines: part, logsource })))
    if (filled.length > 0 && this.isFull) throw new TooMuch()
    for (const { lines } of filled) this.#count(lines.length, 1)
    this.#accepting += 1
    try {
      const rows = await Promise.all(filled.map(async ({ lines, logsource }) => ({ logsource, sizeBytes: lines.length, body: await compress(lines) })))
      await this.#database.transaction(async tx => {
        for (const together of statementsOf(rows))
          await tx.db.insert(eventBatches).values(together.map(row => ({ ...row, sourceId: source.id, receivedAt: tx.now })))
        await also(tx)
        await tx.db.execute(sql`select pg_notify(${batchChannel}, '')`)
      })
    } catch (error) {
      for (const { lines } of filled) this.done(lines.length)
      throw error
    } finally {
      this.#accepting -= 1
      this.#changes += 1
    }
  }

  /** Takes a batch in the transaction of whoever has it, whatever waits already. */
  async acceptWithin(tx: Tx, sourceId: string, lines: Buffer): Promise<void> {
    await tx.db.insert(eventBatches).values({ sourceId, receivedAt: tx.now, logsource: null, sizeBytes: lines.length, body: await compress(lines) })
    await tx.db.execute(sql`select pg_notify(${batchChannel}, '')`)
    this.#count(lines.length, 1)
  }

  #count(bytes: number, batches: number): void {
    this.#changes += 1
    this.#waitingBytes += bytes
    this.#waitingBatches += batches
  }

  /** A batch has become two. */
  divided(): void {
    this.#count(0, 1)
  }

  /** A batch has been matched. */
  done(bytes: number): void {
    this.#count(-bytes, -1)
  }
}

/** Lines of a batch, and bytes of a statement: to copy more at once would hold up others. */
const maxBatchBytes = 4 * 1_048_576

/** The same lines in batches that are not too large; a line is never divided. */
function partsOf(lines: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < lines.length; ) {
    const end = lines.length - at <= maxBatchBytes ? -1 : lines.indexOf(10, at + maxBatchBytes)
    const to = end < 0 ? lines.length : end + 1
    parts.push(lines.subarray(at, to))
    at = to
  }
  return parts
}

/** Rows in the order that they have, those that are small together. */
function statementsOf<Row extends { readonly body: Uint8Array }>(rows: readonly Row[]): Row[][] {
  const statements: Row[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const row of rows) {
    size += row.body.length
    if (size > maxBatchBytes) {
      statements.push([])
      size = row.body.length
    }
    statements.at(-1)?.push(row)
  }
  return statements
}

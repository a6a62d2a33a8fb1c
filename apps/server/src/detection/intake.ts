import { sql } from 'drizzle-orm'
import type { Database, Tx } from '../kernel/database.ts'
import { AppProblem } from '../kernel/problems.ts'
import { maxBatchBytes, type Packed, pack } from './pack.ts'
import type { LogSourceRow } from './sources.ts'
import { eventBatches, type LogSourceParts } from './tables.ts'

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
   * @param logsource what they are, where the source itself does not say
   * @throws TooMuch
   */
  accept(source: LogSourceRow, batches: readonly Packed[], logsource: LogSourceParts | null = null): Promise<void> {
    return this.acceptAll(source, [{ batches, logsource }])
  }

  /**
   * Takes batches together, with what must be written when they are.
   * @throws TooMuch
   */
  async acceptAll(
    source: LogSourceRow,
    groups: readonly { readonly batches: readonly Packed[]; readonly logsource: LogSourceParts | null }[],
    also: (tx: Tx) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const rows = groups.flatMap(({ batches, logsource }) => batches.map(batch => ({ ...rowOf(batch), logsource })))
    if (rows.length > 0 && this.isFull) throw new TooMuch()
    for (const { sizeBytes } of rows) this.#count(sizeBytes, 1)
    this.#accepting += 1
    try {
      await this.#database.transaction(async tx => {
        for (const together of statementsOf(rows))
          await tx.db.insert(eventBatches).values(together.map(row => ({ ...row, sourceId: source.id, receivedAt: tx.now })))
        await also(tx)
        await tx.db.execute(sql`select pg_notify(${batchChannel}, '')`)
      })
    } catch (error) {
      for (const { sizeBytes } of rows) this.done(sizeBytes)
      throw error
    } finally {
      this.#accepting -= 1
      this.#changes += 1
    }
  }

  /** Takes a batch in the transaction of whoever has it, whatever waits already. */
  async acceptWithin(tx: Tx, sourceId: string, lines: Buffer): Promise<void> {
    const batches = pack(lines)
    await tx.db.insert(eventBatches).values(batches.map(batch => ({ ...rowOf(batch), sourceId, receivedAt: tx.now, logsource: null })))
    await tx.db.execute(sql`select pg_notify(${batchChannel}, '')`)
    for (const { sizeBytes } of batches) this.#count(sizeBytes, 1)
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

const rowOf = ({ sizeBytes, body }: Packed) => ({ sizeBytes, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) })

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

import type { Placeholders, RuleFile } from '@tocsin/sigma'
import { AppProblem } from '../kernel/problems.ts'
import type { Log } from '../kernel/telemetry.ts'
import { WorkerFailure, WorkerPool } from '../kernel/worker-pool.ts'
import { parseTasks, type RuleHeads } from './parse-tasks.ts'
import type { BulkItem } from './shipped.ts'
import type { LogSourceParts } from './tables.ts'

/** So much is read where it arrives, in at most some milliseconds (test/linear.test.ts): to hand it to a worker would take longer. */
const maxHereBytes = 65_536
const limits = { workers: 2, maxQueued: 64, deadlineMs: 30_000, memoryMb: 256 }

/** Reads what shippers and files have sent: small inputs at once, large ones on a worker. */
export class Parsers {
  readonly #pool = new WorkerPool<typeof parseTasks>(new URL('./parse-worker.ts', import.meta.url), limits)
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** A request of the bulk API. @throws AppProblem */
  async bulk(body: Buffer, index: string | undefined): Promise<{ lines: Buffer; items: readonly BulkItem[] }> {
    if (body.length <= maxHereBytes) return parseTasks.bulk({ body, index })
    const { lines, items } = await this.#request(this.#pool.run('bulk', { body, index }))
    return { lines: bufferOf(lines), items }
  }

  /** Lines of events, and others. @throws AppProblem */
  async count(lines: Buffer): Promise<{ events: number; others: number }> {
    return lines.length <= maxHereBytes ? parseTasks.count({ lines }) : this.#request(this.#pool.run('count', { lines }))
  }

  /** A request of OTLP, as lines of JSON. @throws AppProblem */
  async otlp(body: Buffer, type: string): Promise<Buffer> {
    return body.length <= maxHereBytes ? parseTasks.otlp({ body, type }) : bufferOf(await this.#request(this.#pool.run('otlp', { body, type })))
  }

  /**
   * Lines of a followed file, as events. Where a worker reaches its limits at them they stay as they are: those that are no JSON objects become dead letters
   * when they are matched, and the file is read on.
   */
  async file(bytes: Buffer, path: string, readAt: string): Promise<readonly { lines: Buffer; logsource: LogSourceParts }[]> {
    if (bytes.length <= maxHereBytes) return parseTasks.file({ bytes, path, readAt })
    try {
      const groups = await this.#pool.run('file', { bytes, path, readAt })
      return groups.map(({ lines, logsource }) => ({ lines: bufferOf(lines), logsource }))
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error
      this.#log.error({ err: error, path }, 'lines of a file could not be read; they become dead letters')
      return [{ lines: bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from('\n')]), logsource: {} }]
    }
  }

  /** Files of rules. @throws AppProblem */
  rules(files: readonly RuleFile[], placeholders: Placeholders): Promise<RuleHeads> {
    return this.#request(this.#pool.run('rules', { files, placeholders }))
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  /** Whoever asked is told what was wrong. */
  async #request<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error
      this.#log.warn({ err: error }, 'what was sent could not be read')
      throw new AppProblem('too-large', `This could not be read: ${error.message}. Nothing was stored. Send less at once.`)
    }
  }
}

/** A buffer that was handed over from another thread. */
const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

import { availableParallelism } from 'node:os'
import type { Placeholders, RuleFile } from '@tocsin/sigma'
import type { Log } from '../kernel/telemetry.ts'
import { maxHereBytes, WorkerFailure, WorkerPool } from '../kernel/worker-pool.ts'
import { type Packed, pack } from './pack.ts'
import { parseTasks, type RuleHeads } from './parse-tasks.ts'
import type { BulkAsked } from './shipped.ts'
import type { LogSourceParts } from './tables.ts'
import type { Settings, Tried } from './try.ts'

/** So much of rules is read at once: a value of a rule takes longer than one of an event. */
const maxRuleHere = 16_384
/** Workers share the processors with everything else, and with the threads that match. */
const limits = { workers: Math.min(2, Math.max(1, availableParallelism() - 1)), maxQueued: 64, deadlineMs: 30_000, memoryMb: 256 }

/** Reads and packs what shippers and files have sent: small inputs at once, large ones on a worker. */
export class Parsers {
  readonly #pool = new WorkerPool<typeof parseTasks>(new URL('./parse-worker.ts', import.meta.url), limits)
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** A request of the bulk API, whose memory is handed over. @throws AppProblem */
  async bulk(body: Buffer, asked: BulkAsked): Promise<{ batches: readonly Packed[]; answer: Buffer }> {
    if (body.length <= maxHereBytes) return parseTasks.bulk({ body, asked })
    const { batches, answer } = await this.#pool.request('bulk', { body, asked }, body)
    return { batches, answer: bufferOf(answer) }
  }

  /** Events as lines, an array or one after the other, whose memory is handed over: as lines, of which some may be no events. @throws AppProblem */
  async events(body: Buffer): Promise<{ batches: readonly Packed[]; events: number; others: number }> {
    return body.length <= maxHereBytes ? parseTasks.events({ body }) : this.#pool.request('events', { body }, body)
  }

  /** A request of OTLP, whose memory is handed over, as lines of JSON. @throws AppProblem */
  async otlp(body: Buffer, type: string): Promise<readonly Packed[]> {
    return body.length <= maxHereBytes ? parseTasks.otlp({ body, type }) : this.#pool.request('otlp', { body, type }, body)
  }

  /**
   * Lines of a followed file, as events. Where a worker reaches its limits at them they stay as they are: those that are no JSON objects become dead letters
   * when they are matched, and the file is read on.
   */
  async file(bytes: Buffer, path: string, readAt: string): Promise<readonly { batches: readonly Packed[]; logsource: LogSourceParts }[]> {
    if (bytes.length <= maxHereBytes) return parseTasks.file({ bytes, path, readAt })
    try {
      return await this.#pool.run('file', { bytes, path, readAt })
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error
      this.#log.error({ err: error, path }, 'lines of a file could not be read; they become dead letters')
      return [{ batches: pack(bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from('\n')])), logsource: {} }]
    }
  }

  /** Files of rules. @throws AppProblem */
  async rules(files: readonly RuleFile[], placeholders: Placeholders): Promise<RuleHeads> {
    const length = files.reduce((sum, { text }) => sum + text.length, 0)
    return length <= maxRuleHere ? parseTasks.rules({ files, placeholders }) : this.#pool.request('rules', { files, placeholders })
  }

  /** What a rule finds in events. @throws AppProblem */
  async tried(text: string, events: readonly string[] | string, settings: Settings): Promise<Tried> {
    const length = typeof events === 'string' ? events.length : events.reduce((sum, event) => sum + event.length, 0)
    return text.length + length <= maxRuleHere ? parseTasks.tried({ text, events, settings }) : this.#pool.request('tried', { text, events, settings })
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

/** A buffer that was handed over from another thread. */
const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

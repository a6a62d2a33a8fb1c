import { closeSync, openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { type CorrelationMatch, Correlator } from './correlate.ts'
import type { Placeholders } from './detection.ts'
import type { Engine, EngineOptions, InvalidLine, Matcher, Sink } from './engine.ts'
import { EventView } from './event.ts'
import type { FoundIndicator, IndicatorSet } from './indicators/set.ts'
import { lineRange } from './line-range.ts'
import type { LogSource } from './rule.ts'
import type { RuleFile } from './ruleset.ts'

/** A match as plain data, as it crosses between threads. */
export interface FoundMatch {
  /** Index in `engine.rules`. */
  readonly rule: number
  /** From 0 within the chunk. */
  readonly line: number
  readonly fields: Readonly<Record<string, string | readonly string[]>>
  /** Event time in ms since 1970, where the event says it. */
  readonly at: number | undefined
  /** The event as JSON. */
  readonly text: string
}

/** An event with indicators in it, as plain data. */
export interface FoundSighting {
  /** From 0 within the chunk. */
  readonly line: number
  readonly found: readonly FoundIndicator[]
  readonly at: number | undefined
  readonly text: string
}

export interface ChunkResult {
  readonly lines: number
  readonly events: number
  readonly matches: readonly FoundMatch[]
  readonly sightings: readonly FoundSighting[]
  readonly invalid: readonly InvalidLine[]
}

/** A part of a file, by its bytes. */
export interface FileRange {
  readonly path: string
  readonly from: number
  readonly to: number
}

/** Matches chunks of whole lines, one after the other. */
export class ChunkMatcher {
  /** Only which rules and lines: no fields, times and texts. */
  isLean = false
  readonly #numbers: ReadonlyMap<string, number>
  readonly #matcher: Matcher

  /** @param indicators looked for in the same pass */
  constructor(engine: Engine, indicators?: IndicatorSet) {
    this.#matcher = engine.matcher(indicators)
    this.#numbers = new Map(engine.rules.map(({ id }, i) => [id, i]))
  }

  /** Matches a chunk whose last line is whole, with or without its newline. */
  match(chunk: Uint8Array, logsource?: LogSource): ChunkResult {
    return this.#collect(logsource, (matcher, sink) => {
      matcher.push(chunk, sink)
      matcher.end(sink)
    })
  }

  /** Matches a piece of a stream: a line may go on in the next piece. */
  push(piece: Uint8Array, logsource?: LogSource): ChunkResult {
    return this.#collect(logsource, (matcher, sink) => matcher.push(piece, sink))
  }

  /** Matches what `read` gives, piece after piece, without copying it. */
  pull(read: (into: Uint8Array) => number, logsource?: LogSource): ChunkResult {
    return this.#collect(logsource, (matcher, sink) => matcher.pull(read, sink))
  }

  /** Matches the lines of a file that begin within [from, to) of its bytes. */
  matchRange({ path, from, to }: FileRange, logsource?: LogSource): ChunkResult {
    const descriptor = openSync(path, 'r')
    try {
      const read = lineRange(descriptor, from, to)
      return this.#collect(logsource, (matcher, sink) => {
        matcher.pull(read, sink)
        matcher.end(sink)
      })
    } finally {
      closeSync(descriptor)
    }
  }

  /** The end of a stream. */
  end(logsource?: LogSource): ChunkResult {
    return this.#collect(logsource, (matcher, sink) => matcher.end(sink))
  }

  #collect(logsource: LogSource | undefined, work: (matcher: Matcher, sink: Sink) => void): ChunkResult {
    const matcher = this.#matcher
    matcher.declare(logsource)
    const [firstLine, firstEvent] = [matcher.lines, matcher.events]
    const matches: FoundMatch[] = []
    const sightings: FoundSighting[] = []
    const invalid: InvalidLine[] = []
    work(matcher, {
      match: match => {
        const rule = this.#numbers.get(match.rule.id) ?? 0
        const line = match.line - firstLine
        if (this.isLean) matches.push({ rule, line, fields: {}, at: undefined, text: '' })
        else matches.push({ rule, line, fields: match.fields, at: match.event.time(), text: match.event.text })
      },
      sighting: ({ line, event, found }) => {
        sightings.push({ line: line - firstLine, found, at: event.time(), text: this.isLean ? '' : event.text })
      },
      invalid: problem => {
        invalid.push({ ...problem, line: problem.line - firstLine })
      },
    })
    return { lines: matcher.lines - firstLine, events: matcher.events - firstEvent, matches, sightings, invalid }
  }
}

interface Waiting {
  resolve(result: ChunkResult): void
  reject(error: Error): void
}

/** What a worker is to match: lines, or a part of a file, which it reads itself. */
export type Assignment = { readonly chunk: Uint8Array<ArrayBuffer> } | { readonly range: FileRange }

interface Reply {
  readonly result: ChunkResult
  readonly chunk?: Uint8Array<ArrayBuffer>
}

/** What a worker begins with. */
export interface DetectorData {
  readonly saved: Uint8Array
  readonly isLean: boolean
  readonly indicators: SharedArrayBuffer | undefined
}

/** Bytes of a chunk that the pool lends. */
const lentBytes = 1 << 20

/** A thread that ends is replaced at growing distances, and without delay after it has matched something again. */
const firstRestartMs = 100
const maxRestartMs = 10_000
/** A chunk that takes longer hangs: its thread is ended. The largest take seconds. */
const chunkMs = 120_000

interface Job extends Waiting {
  readonly assignment: Assignment
  readonly logsource: LogSource | undefined
}

/** One thread and what is on the way to it. */
class MatcherThread {
  readonly #data: DetectorData
  readonly #returned: (chunk: Uint8Array<ArrayBuffer>) => void
  readonly #died: (error: Error) => void
  #worker: Worker | undefined
  /** Sent, not answered yet, in order. */
  readonly #sent: Job[] = []
  /** Not sent yet: the thread is being replaced. */
  readonly #unsent: Job[] = []
  #failures = 0
  #restart: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(data: DetectorData, returned: (chunk: Uint8Array<ArrayBuffer>) => void, died: (error: Error) => void) {
    this.#data = data
    this.#returned = returned
    this.#died = died
    this.#start()
  }

  get load(): number {
    return this.#sent.length + this.#unsent.length
  }

  get isRunning(): boolean {
    return this.#worker !== undefined
  }

  #start(): void {
    const worker = new Worker(new URL('./detector-worker.ts', import.meta.url), { workerData: this.#data })
    this.#worker = worker
    let failure: Error | undefined
    worker.on('message', (reply: Reply) => {
      if (reply.chunk !== undefined) this.#returned(reply.chunk)
      const job = this.#sent.shift()
      this.#watch()
      this.#failures = 0
      job?.resolve(reply.result)
    })
    worker.on('error', error => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    // Comes after every error, also when the thread ran out of memory or was ended by hand.
    worker.once('exit', () => this.#ended(failure ?? new Error('the matcher thread exited')))
    for (const job of this.#unsent.splice(0)) this.#post(worker, job)
  }

  #ended(error: Error): void {
    this.#worker = undefined
    clearTimeout(this.#deadline)
    for (const job of this.#sent.splice(0)) job.reject(error)
    if (this.#isClosed) return
    this.#died(error)
    const delay = Math.min(maxRestartMs, firstRestartMs * 2 ** Math.min(this.#failures, 10))
    this.#failures += 1
    this.#restart = setTimeout(() => this.#start(), delay)
  }

  /** Ends the thread when what it is at takes too long. */
  #watch(): void {
    clearTimeout(this.#deadline)
    const worker = this.#worker
    if (this.#sent.length > 0) this.#deadline = setTimeout(() => void worker?.terminate(), chunkMs)
  }

  #post(worker: Worker, job: Job): void {
    this.#sent.push(job)
    if (this.#sent.length === 1) this.#watch()
    const { assignment, logsource } = job
    worker.postMessage({ assignment, logsource }, 'chunk' in assignment ? [assignment.chunk.buffer] : [])
  }

  send(assignment: Assignment, logsource: LogSource | undefined): Promise<ChunkResult> {
    return new Promise((resolve, reject) => {
      const job = { assignment, logsource, resolve, reject }
      if (this.#isClosed) reject(new Error('the matcher is closed'))
      else if (this.#worker === undefined) this.#unsent.push(job)
      else this.#post(this.#worker, job)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    for (const job of this.#unsent.splice(0)) job.reject(new Error('the matcher is closed'))
    await this.#worker?.terminate()
  }
}

/**
 * Chunks matched on worker threads. Each worker takes its chunks in order; there may be several chunks on the way to it. A thread that ends (out of
 * memory, a fault, by hand) fails the chunks that it had and is replaced.
 */
export class MatcherPool {
  readonly #threads: MatcherThread[]
  /** Memory that has come back. Fresh memory costs more than matching does: the system hands it out page by page. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  /** Settles when every worker is ready. */
  readonly ready: Promise<void>

  /**
   * @param saved what `Engine.save` gave
   * @param isLean matches say only which rule and line
   * @param indicators looked for in the same pass
   * @param onDeath called when a thread has ended by itself; it is replaced
   */
  constructor(
    saved: Uint8Array,
    threads: number,
    {
      isLean = false,
      indicators,
      onDeath = () => undefined,
    }: { isLean?: boolean; indicators?: IndicatorSet | undefined; onDeath?: (error: Error) => void } = {},
  ) {
    const returned = (chunk: Uint8Array<ArrayBuffer>) => {
      if (chunk.buffer.byteLength === lentBytes) this.#spare.push(new Uint8Array(chunk.buffer))
    }
    this.#threads = Array.from({ length: threads }, () => new MatcherThread({ saved, isLean, indicators: indicators?.memory }, returned, onDeath))
    // A chunk without a line comes back when all before it is done.
    this.ready = Promise.all(this.#threads.map(thread => thread.send({ chunk: new Uint8Array(0) }, undefined))).then(() => undefined)
    // Who does not wait for it may close the pool before all are ready.
    this.ready.catch(() => undefined)
  }

  /** Threads that are being replaced now. */
  get missing(): number {
    return this.#threads.filter(({ isRunning }) => !isRunning).length
  }

  /** The worker that has least to do; one that runs before one that is being replaced. */
  get #freest(): MatcherThread {
    return this.#threads.reduce((best, candidate) => (isFreer(candidate, best) ? candidate : best))
  }

  /** Memory for a chunk: it is used again when the chunk has been matched. */
  lend(): Uint8Array<ArrayBuffer> {
    return this.#spare.pop() ?? new Uint8Array(lentBytes)
  }

  /**
   * Matches a chunk of whole lines. The chunk's memory goes over to the worker: it must be nobody else's.
   * @throws Error when the thread ends at it, or takes longer than two minutes
   */
  match(chunk: Uint8Array<ArrayBuffer>, logsource?: LogSource): Promise<ChunkResult> {
    return this.#freest.send({ chunk }, logsource)
  }

  /** Matches a part of a file, which the worker reads to where it is scanned: nothing is copied on this thread. */
  matchRange(range: FileRange, logsource?: LogSource): Promise<ChunkResult> {
    return this.#freest.send({ range }, logsource)
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.close()))
  }
}

function isFreer(a: MatcherThread, b: MatcherThread): boolean {
  return a.isRunning === b.isRunning ? a.load < b.load : a.isRunning
}

/** Compiles rules on a thread of their own: it takes seconds, in which this one has other things to do. @returns what `Engine.load` takes */
export function compileApart(files: readonly RuleFile[], options: EngineOptions & { readonly placeholders?: Placeholders }): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./compile-worker.ts', import.meta.url), {
      workerData: { files, options },
      // Much of what compiling makes is short-lived: a small nursery keeps it from growing the process by a hundred megabytes.
      resourceLimits: { maxYoungGenerationSizeMb: 12 },
    })
    worker.once('message', (saved: Uint8Array) => resolve(saved))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the compile worker exited without a result')))
  })
}

/** Follows the matches of an engine for its correlations, in the order in which chunks came in. */
export class Correlating {
  readonly #engine: Engine
  readonly correlator: Correlator
  readonly #quiet: ReadonlySet<string>

  constructor(engine: Engine) {
    this.#engine = engine
    this.correlator = new Correlator(engine.correlations, engine.rules)
    const generating = engine.correlations.filter(({ isGenerating }) => isGenerating).flatMap(({ rules }) => rules)
    const named = (list: readonly string[]) =>
      new Set(engine.rules.flatMap(({ id, name }) => (list.includes(id) || (name !== undefined && list.includes(name)) ? [id] : [])))
    const loud = named(generating)
    // A rule that only serves a correlation does not alert by itself, unless the correlation says so (generate).
    this.#quiet = new Set([...named(engine.correlations.flatMap(({ rules }) => rules))].filter(id => !loud.has(id)))
  }

  /** Whether the rule's own matches are reported. */
  isReported(rule: number): boolean {
    const id = this.#engine.rules[rule]?.id
    return id !== undefined && !this.#quiet.has(id)
  }

  /** @param ref what names the event in a correlation's list */
  observe(match: FoundMatch, ref: string, arrivedAt: number): CorrelationMatch[] {
    const id = this.#engine.rules[match.rule]?.id
    if (id === undefined || !this.correlator.watches(id)) return []
    return this.correlator.observe({ rule: id, at: match.at ?? arrivedAt, ref, event: new EventView(match.text, this.#engine.mapping) })
  }
}

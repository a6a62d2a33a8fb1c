import { once } from 'node:events'
import { closeSync, createReadStream, openSync, readFileSync, readSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import {
  ChunkMatcher,
  type ChunkResult,
  Correlating,
  type Engine,
  type IndicatorSet,
  IndicatorSetBuilder,
  type LogSource,
  MatcherPool,
  parseIndicator,
  type RuleFile,
  readIndicators,
  UnreadableList,
} from '@tocsin/sigma'
import { cacheFolder, compileCached, readRuleFiles, UnreadableRules } from '@tocsin/sigma/files'
import { isJson, jsonDocuments } from './json-documents.ts'
import { CliProblem, printable } from './output.ts'

export interface DetectOptions {
  readonly rules: readonly string[]
  readonly threads: number
  readonly count: boolean
  readonly logsource?: LogSource
  /** Lists of indicators of compromise. */
  readonly indicators: readonly string[]
  /** A file with the values of placeholders. */
  readonly placeholders?: string
  /** A file with the field mapping. */
  readonly mapping?: string
}

const pieceBytes = 1 << 18
/** Pieces of the file that are matched between two reports. */
const piecesBetweenReports = 64
/** Chunks on the way to each thread: enough that none waits, few enough that memory stays bounded. */
const chunksPerThread = 3

/** Reads rule files from several paths. @throws CliProblem, code 2 */
export async function ruleFilesOf(paths: readonly string[]): Promise<RuleFile[]> {
  try {
    return (await Promise.all(paths.map(path => readRuleFiles(path)))).flat()
  } catch (error) {
    throw error instanceof UnreadableRules ? new CliProblem(error.message, 2) : error
  }
}

/** Matches a file of events against rules, offline. */
export async function detect(file: string, options: DetectOptions): Promise<void> {
  await assertReadable(file)
  const files = await ruleFilesOf(options.rules)
  if (files.length === 0 && options.rules.length > 0) throw new CliProblem(`No rule files (.yml) found at ${options.rules.join(', ')}.`, 2)
  const engine = await compileCached(
    files,
    {
      ...(options.logsource === undefined ? {} : { declared: [options.logsource] }),
      ...(options.placeholders === undefined ? {} : { placeholders: listsOf(options.placeholders) }),
      ...(options.mapping === undefined ? {} : { mapping: listsOf(options.mapping) }),
    },
    cacheFolder(),
  )
  const indicators = options.indicators.length === 0 ? undefined : await indicatorsOf(options.indicators)
  const report = new Report(engine, options.count, indicators)
  // Counting needs nothing but which rule; a correlation needs times and fields.
  const isLean = options.count && engine.correlations.length === 0
  const work = { ...options, engine, indicators, file, report, isLean }
  report.finish(await (options.threads === 1 ? onThisThread(work) : onWorkers(work)))
}

/** Reads a JSON object whose values are lists of texts. @throws CliProblem, code 2 */
function listsOf(path: string): Record<string, string[]> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CliProblem(
      code === 'ENOENT' ? `${path} does not exist.` : code === undefined ? `${path} is not valid JSON.` : `${path} cannot be read (${code}).`,
      2,
    )
  }
  const isList = (list: unknown): list is string[] => Array.isArray(list) && list.every(text => typeof text === 'string')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CliProblem(`${path} must be a JSON object.`, 2)
  const wrong = Object.entries(value).find(([, list]) => !isList(list))
  if (wrong !== undefined) throw new CliProblem(`${path}: "${wrong[0]}" must be a list of strings.`, 2)
  return value as Record<string, string[]>
}

/** Reads lists of indicators into one set. @throws CliProblem, code 2 */
async function indicatorsOf(paths: readonly string[]): Promise<IndicatorSet> {
  const builder = new IndicatorSetBuilder()
  for (const path of paths) {
    await assertReadable(path)
    let refused = 0
    try {
      for await (const { indicators, problems } of readIndicators(createReadStream(path, { highWaterMark: pieceBytes }))) {
        for (const { key } of indicators) builder.add(key)
        for (const { at, reason } of problems.slice(0, Math.max(0, 10 - refused))) process.stderr.write(`${path}, ${at}: ${printable(reason)}\n`)
        refused += problems.length
      }
    } catch (error) {
      if (error instanceof UnreadableList || error instanceof RangeError) throw new CliProblem(`${path} ${error.message}.`, 2)
      throw error
    }
    if (refused > 0) process.stderr.write(`${path}: ${refused} invalid entries skipped.\n`)
  }
  const set = builder.finish()
  if (set.size === 0) throw new CliProblem(`No indicators found at ${paths.join(', ')}.`, 2)
  return set
}

interface Work {
  readonly engine: Engine
  readonly indicators: IndicatorSet | undefined
  readonly file: string
  readonly report: Report
  /** Only which rule and line. */
  readonly isLean: boolean
  readonly threads: number
  readonly logsource?: LogSource
}

type Source = AsyncIterable<Buffer>

const secondsSince = (started: number) => (performance.now() - started) / 1_000

/** @returns the seconds that reading and matching took, from when all was ready */
async function onThisThread({ engine, indicators, file, report, isLean, logsource }: Work): Promise<number> {
  const matcher = new ChunkMatcher(engine, indicators)
  matcher.isLean = isLean
  const started = performance.now()
  if (file !== '-' && isLines(file)) {
    const descriptor = openSync(file, 'r')
    try {
      // The file is read to where it is scanned. Matches are reported at intervals.
      for (let isOver = false; !isOver; ) {
        let left = piecesBetweenReports
        const found = matcher.pull(into => {
          if (left-- === 0) return 0
          const size = readSync(descriptor, into)
          isOver = size === 0
          return size
        }, logsource)
        await report.take(found)
      }
    } finally {
      closeSync(descriptor)
    }
  } else for await (const piece of openEvents(file)) await report.take(matcher.push(piece, logsource))
  await report.take(matcher.end(logsource))
  return secondsSince(started)
}

async function onWorkers({ engine, indicators, file, report, isLean, threads, logsource }: Work): Promise<number> {
  const pool = new MatcherPool(engine.save(), threads, { isLean, indicators })
  try {
    await pool.ready
    const started = performance.now()
    // Results are taken in the order of the file, whichever thread is done first.
    const results: Promise<ChunkResult>[] = []
    for await (const result of assigned(pool, file, logsource)) {
      results.push(result.found)
      // Rejections are met when the result is taken.
      result.found.catch(() => undefined)
      const [first] = results
      if (first !== undefined && results.length >= threads * chunksPerThread) {
        await report.take(await first)
        results.shift()
      }
    }
    for (const result of results) await report.take(await result)
    return secondsSince(started)
  } finally {
    await pool.close()
  }
}

/** Bytes of a file that a thread takes at once: small enough that all end at nearly the same time. */
const rangeBytes = 1 << 22

/** The parts of a file on their way to the threads, in its order. A file of lines is read by the threads themselves. */
async function* assigned(pool: MatcherPool, file: string, logsource: LogSource | undefined): AsyncIterable<{ readonly found: Promise<ChunkResult> }> {
  if (file !== '-' && isLines(file)) {
    const { size } = await stat(file)
    for (let from = 0; from < size; from += rangeBytes)
      yield { found: pool.matchRange({ path: resolve(file), from, to: Math.min(size, from + rangeBytes) }, logsource) }
    return
  }
  for await (const chunk of wholeLines(openEvents(file), () => pool.lend())) yield { found: pool.match(chunk, logsource) }
}

async function assertReadable(file: string): Promise<void> {
  if (file === '-') return
  const about = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new CliProblem(error.code === 'ENOENT' ? `${file} does not exist.` : `${file} cannot be read (${error.code}).`, 2)
  })
  if (!about.isFile()) throw new CliProblem(`${file} is not a file.`, 2)
  try {
    closeSync(openSync(file, 'r'))
  } catch (error) {
    throw new CliProblem(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, 2)
  }
}

/** The events of a file or of standard input as lines of JSON, in pieces. A piece is good until the next is asked for. */
function openEvents(file: string): Source {
  if (file === '-') return named('standard input', unpacked(process.stdin))
  return named(file, isLines(file) ? plainLines(file) : unpacked(createReadStream(file, { highWaterMark: pieceBytes })))
}

async function* named(name: string, source: Iterable<Buffer> | AsyncIterable<Buffer>): Source {
  try {
    yield* source
  } catch (error) {
    if (error instanceof CliProblem) throw error
    throw new CliProblem(`${name} cannot be read (${error instanceof Error ? error.message : String(error)}).`, 2)
  }
}

/** Whether a file is plain lines of JSON, judged by its first line. */
function isLines(file: string): boolean {
  const descriptor = openSync(file, 'r')
  try {
    const head = Buffer.alloc(pieceBytes)
    const text = head.toString('utf8', 0, readSync(descriptor, head))
    return text.startsWith('{') && isJson(text.slice(0, text.indexOf('\n')))
  } finally {
    closeSync(descriptor)
  }
}

/** Reads into one buffer, again and again: reading ahead would cost more than it saves. */
function* plainLines(file: string): Iterable<Buffer> {
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(pieceBytes)
    for (let bytes = readSync(descriptor, buffer); bytes > 0; bytes = readSync(descriptor, buffer)) yield buffer.subarray(0, bytes)
  } finally {
    closeSync(descriptor)
  }
}

/** Lines of JSON from what may be compressed, and may be one list. */
async function* unpacked(raw: Readable): Source {
  const pieces = raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const first = await pieces.next()
  const head: Buffer = first.done === true ? Buffer.alloc(0) : first.value
  const whole = (async function* () {
    yield head
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) yield piece.value
  })()
  yield* jsonDocuments(head[0] === 0x1f && head[1] === 0x8b ? gunzip(whole) : whole)
}

async function* gunzip(pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // The wide mark lets it unpack ahead, on a thread of its own, while this one matches.
  const gunzip = createGunzip({ chunkSize: pieceBytes, ...{ readableHighWaterMark: 1 << 23 } })
  const feeding = (async () => {
    for await (const piece of pieces) if (!gunzip.write(piece)) await once(gunzip, 'drain')
    gunzip.end()
  })()
  feeding.catch((error: unknown) => gunzip.destroy(error instanceof Error ? error : new Error(String(error))))
  yield* gunzip
  await feeding
}

/** Cuts pieces at the ends of lines, into chunks that fill the memory that is lent. */
async function* wholeLines(pieces: Source, lend: () => Uint8Array<ArrayBuffer>): AsyncIterable<Uint8Array<ArrayBuffer>> {
  let chunk = lend()
  let size = 0
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(chunk.length - size, piece.length - at)
      chunk.set(piece.subarray(at, at + taken), size)
      size += taken
      at += taken
      if (size < chunk.length) continue
      const end = chunk.lastIndexOf(10) + 1
      const lent = lend()
      const next = end === 0 || size - end > lent.length ? new Uint8Array(chunk.length * 2) : lent
      next.set(chunk.subarray(end))
      size -= end
      if (end > 0) yield chunk.subarray(0, end)
      chunk = next
    }
  if (size > 0) yield chunk.subarray(0, size)
}

/** The output: a line for each match on standard output, or counts at the end. */
class Report {
  readonly #engine: Engine
  readonly #isCount: boolean
  readonly #correlating: Correlating
  readonly #byRule = new Map<string, number>()
  readonly #indicators: IndicatorSet | undefined
  readonly #byIndicator = new Map<string, number>()
  #lines = 0
  #events = 0
  #matches = 0
  #sightings = 0
  #invalid = 0
  #said = Date.now()

  constructor(engine: Engine, isCount: boolean, indicators: IndicatorSet | undefined) {
    this.#engine = engine
    this.#indicators = indicators
    this.#isCount = isCount
    this.#correlating = new Correlating(engine)
  }

  async take({ lines, events, matches, sightings, invalid }: ChunkResult): Promise<void> {
    let out = ''
    for (const match of matches) {
      const rule = this.#engine.rules[match.rule]
      if (rule === undefined) throw new RangeError(`there is no rule ${match.rule}`)
      const line = this.#lines + match.line + 1
      if (this.#correlating.isReported(match.rule)) out += this.#say(rule, line, match.fields)
      // An event without a time gets the time of the epoch plus its line: the order of the file.
      for (const found of this.#correlating.observe(match, String(line), line)) {
        const { correlation, group, value, refs, events: count } = found
        out += this.#say(correlation, line, group, { value, events: count, lines: refs.map(Number) })
      }
    }
    for (const { line, found } of sightings)
      for (const { key, field, value } of found) {
        this.#sightings++
        this.#byIndicator.set(key, (this.#byIndicator.get(key) ?? 0) + 1)
        if (!this.#isCount)
          out += `${JSON.stringify({ indicator: { kind: parseIndicator(key)?.kind, value: key }, line: this.#lines + line + 1, fields: { [field]: value } })}\n`
      }
    for (const { line, reason } of invalid.slice(0, Math.max(0, 10 - this.#invalid)))
      process.stderr.write(`line ${this.#lines + line + 1} is not an event: ${printable(reason)}\n`)
    this.#invalid += invalid.length
    this.#lines += lines
    this.#events += events
    if (out !== '' && !process.stdout.write(out)) await once(process.stdout, 'drain')
    if (process.stderr.isTTY && Date.now() - this.#said > 500) {
      this.#said = Date.now()
      process.stderr.write(`\r${this.#events.toLocaleString('en')} events, ${this.#matches.toLocaleString('en')} matches`)
    }
  }

  #say(rule: { id: string; title: string; level: string }, line: number, fields: object, correlation?: object): string {
    this.#matches++
    this.#byRule.set(rule.id, (this.#byRule.get(rule.id) ?? 0) + 1)
    if (this.#isCount) return ''
    return `${JSON.stringify({ rule: { id: rule.id, title: rule.title, level: rule.level }, line, fields, ...(correlation === undefined ? {} : { correlation }) })}\n`
  }

  finish(seconds: number): void {
    const { rules, correlations, refused } = this.#engine
    const events = this.#events - this.#invalid
    const eventsPerSecond = Math.round(events / Math.max(seconds, 1e-6))
    if (this.#isCount)
      process.stdout.write(
        `${JSON.stringify({
          rules: {
            loaded: rules.length + correlations.length,
            refused: refused.map(({ file, line, reason }) => ({ file, reason: `line ${line}: ${reason}` })),
          },
          events,
          matches: this.#matches,
          byRule: Object.fromEntries(this.#byRule),
          ...(this.#indicators === undefined
            ? {}
            : { indicators: { loaded: this.#indicators.size, sightings: this.#sightings, byIndicator: Object.fromEntries(this.#byIndicator) } }),
          seconds: Math.round(seconds * 1e6) / 1e6,
          eventsPerSecond,
        })}\n`,
      )
    const clear = process.stderr.isTTY ? '\r\u001b[K' : ''
    process.stderr.write(
      `${clear}${rules.length + correlations.length} rules (${refused.length} refused), ${events} events${this.#invalid > 0 ? ` (and ${this.#invalid} invalid lines)` : ''}, ${this.#matches} matches${this.#indicators === undefined ? '' : `, ${this.#sightings} sightings of ${this.#indicators.size} indicators`} in ${seconds.toFixed(2)} s: ${eventsPerSecond} events/s\n`,
    )
  }
}

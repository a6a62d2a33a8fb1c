import { DrizzleQueryError } from 'drizzle-orm'
import pg from 'pg'
import { type DestinationStream, pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { z } from 'zod'
import { withinMs } from './within.ts'

export type Log = Pick<import('pino').Logger, 'debug' | 'info' | 'warn' | 'error'>

const maxCauses = 5

/**
 * One sentence of an error, without what it quotes: errors of the database repeat parameters and rows, errors of parsers the text that they stumbled over.
 * Names of tables, columns and constraints stay.
 */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`
  if (error instanceof DrizzleQueryError) {
    const [, verb = 'statement'] = /^\s*(\w+)/.exec(error.query) ?? []
    const [, table = 'nothing that is known'] = /\b(?:insert into|update|from)\s+"?(\w+)/i.exec(error.query) ?? []
    return `Failed query: ${verb} on ${table}`
  }
  // A wrapper that repeats what it wraps.
  if (error.cause instanceof Error && error.message === error.cause.message) return sentenceOf(error.cause)
  // Messages about constraints (class 23) quote names alone; others quote values, which may themselves have quotation marks.
  const isQuoting = (error instanceof pg.DatabaseError && !error.code?.startsWith('23')) || error instanceof SyntaxError || error instanceof z.ZodError
  return isQuoting ? error.message.replace(/["'].*["']/s, '…') : error.message
}

/** What of an error goes into the log: errors of drivers carry whole connections, with their keys, on them, and rows in `detail` and `where`. */
function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: sentenceOf(error) }
  const { code, table, column, constraint } = error as { code?: unknown; table?: unknown; column?: unknown; constraint?: unknown }
  const text = (name: string, value: unknown) => (typeof value === 'string' || typeof value === 'number' ? { [name]: String(value) } : {})
  const hasCause = error.cause !== undefined && depth < maxCauses
  return {
    type: error.name,
    message: sentenceOf(error),
    ...text('code', code),
    ...(error instanceof pg.DatabaseError ? { ...text('table', table), ...text('column', column), ...text('constraint', constraint) } : {}),
    // The frames alone: what stands before them is the message.
    stack: (error.stack ?? '')
      .split('\n')
      .filter(line => /^\s+at /.test(line))
      .join('\n'),
    ...(hasCause ? { cause: describeError(error.cause, depth + 1) } : {}),
    ...(error instanceof AggregateError && depth < maxCauses ? { errors: error.errors.slice(0, maxCauses).map(one => describeError(one, depth + 1)) } : {}),
  }
}

/** Warnings and errors of one kind are written once in so long, with the number of those that were not. */
const repeatMs = 60_000
const maxKinds = 1_000

/**
 * Keeps a fault that repeats from filling the disk: the first of a kind is written at once, those that follow within a minute are counted, and the next one
 * that is written says how many there were. A kind is the sentence, where it happened, and the error's own kind.
 */
class Repetitions {
  readonly #kinds = new Map<string, { until: number; skipped: number }>()

  /** @returns how many were not written before this one; undefined when it is not to be written itself */
  admit(kind: string, now: number): number | undefined {
    const known = this.#kinds.get(kind)
    if (known !== undefined && now < known.until) {
      known.skipped += 1
      return undefined
    }
    this.#kinds.delete(kind)
    const [oldest] = this.#kinds.keys()
    if (this.#kinds.size >= maxKinds && oldest !== undefined) this.#kinds.delete(oldest)
    this.#kinds.set(kind, { until: now + repeatMs, skipped: 0 })
    return known?.skipped ?? 0
  }
}

function kindOf(fields: unknown, message: unknown): string {
  const { err, ...rest } = (typeof fields === 'object' && fields !== null ? fields : {}) as Record<string, unknown>
  const { code, cause } = (err instanceof Error ? err : {}) as { code?: unknown; cause?: { code?: unknown } }
  const where = ['kind', 'route', 'method', 'follower', 'reader', 'channel', 'check', 'list', 'source'].map(name => rest[name])
  return JSON.stringify([message, ...where, err instanceof Error ? err.name : undefined, code ?? cause?.code])
}

const warn = 40
const error = 50

/**
 * Structured logs, one JSON object a line. What could be a secret is cut out wherever it stands.
 * @param destination standard error if not given
 */
export function openLog(level: string, isPretty: boolean, destination?: DestinationStream): import('pino').Logger {
  const redact = {
    paths: ['password', 'secret', 'token', 'key', 'authorization', 'cookie', '*.password', '*.secret', '*.token', '*.key', '*.authorization', '*.cookie'],
    censor: '[redacted]',
  }
  const repetitions = new Repetitions()
  const hooks: import('pino').LoggerOptions['hooks'] = {
    logMethod(args, method, at) {
      if (at !== warn && at !== error) return method.apply(this, args)
      const [fields, message] = typeof args[0] === 'string' ? [{}, args[0]] : [args[0], args[1]]
      const skipped = repetitions.admit(kindOf(fields, message), Date.now())
      if (skipped === undefined) return
      if (skipped === 0) return method.apply(this, args)
      return method.apply(this, [{ ...(typeof fields === 'object' ? fields : { value: fields }), repeated: skipped }, String(message)])
    },
  }
  const options = { level, redact, serializers: { err: (value: unknown) => describeError(value) }, hooks }
  if (isPretty)
    return pino({ ...options, transport: { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' } } })
  return pino(options, destination ?? pino.destination(2))
}

/** What is counted. Labels are names of routes, kinds and states: never content. */
export interface Metrics {
  readonly registry: Registry
  /** Adds the metrics of another process of this installation: `read` gives them as text, with a label that tells them apart. */
  addProcess(read: () => Promise<string>): void
  /** All of them, as Prometheus reads them. */
  text(): Promise<string>
  readonly requests: Histogram<'route' | 'status'>
  readonly jobs: Counter<'kind' | 'result'>
  readonly jobDeadlines: Counter<'lane'>
  readonly journalSize: Gauge
  readonly refusedSignIns: Counter<'factor'>
  readonly unexpected: Counter<'kind'>
  /** A gauge that is read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void
  /** A counter that something else counts; `name` ends with `_total`. */
  counter(name: string, help: string, read: () => number): void
}

export function openMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // Gauges that are named like counters; what they add up is there by type.
  for (const name of ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total']) registry.removeSingleMetric(name)
  const registers = [registry]
  const others: (() => Promise<string>)[] = []
  return {
    registry,
    addProcess: read => void others.push(read),
    text: async () => mergeMetrics([await registry.metrics(), ...(await Promise.all(others.map(read => read())))]),
    requests: new Histogram({
      name: 'tocsin_http_request_seconds',
      help: 'Response time of requests',
      labelNames: ['route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    jobs: new Counter({ name: 'tocsin_jobs_total', help: 'Jobs run', labelNames: ['kind', 'result'], registers }),
    jobDeadlines: new Counter({
      name: 'tocsin_job_deadlines_total',
      help: 'Job runs aborted at the deadline of their lane',
      labelNames: ['lane'],
      registers,
    }),
    journalSize: new Gauge({ name: 'tocsin_journal_entries', help: 'Sealed audit log entries', registers }),
    refusedSignIns: new Counter({
      name: 'tocsin_sign_ins_refused_total',
      help: 'Rejected sign-ins by factor: password, code, passkey',
      labelNames: ['factor'],
      registers,
    }),
    unexpected: new Counter({
      name: 'tocsin_unexpected_errors_total',
      help: 'Unexpected errors: responses with status 500, unhandled rejections and uncaught exceptions',
      labelNames: ['kind'],
      registers,
    }),
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    },
    counter(name, help, read) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(read())
        },
      })
    },
  }
}

/**
 * Declares a counter of a module, to be kept beside what it counts.
 * @returns the counter of a registry, made when it is first asked for: a process has one registry, tests have many
 */
export function defineCounter<Label extends string>(declared: {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly Label[]
}): (metrics: Metrics) => Counter<Label> {
  const made = new WeakMap<Registry, Counter<Label>>()
  return ({ registry }) => {
    const counter = made.get(registry) ?? new Counter({ ...declared, labelNames: [...declared.labelNames], registers: [registry] })
    made.set(registry, counter)
    return counter
  }
}

/** A scrape waits no longer for a gauge that asks the database. */
const gaugeMs = 2_000

/** A gauge with one label, read when somebody asks for the metrics. What cannot be read then is left out and logged. */
export function openGauge(
  registry: Registry,
  log: Log,
  { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
  read: () => Promise<readonly (readonly [label: string, value: number])[]>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect: async () => {
      gauge.reset()
      try {
        for (const [value, n] of await withinMs(gaugeMs, read())) gauge.set({ [label]: value }, n)
      } catch (error) {
        log.warn({ err: error, metric: name }, 'a metric could not be read')
      }
    },
  })
}

/** Texts of several processes as one: each metric is described once, with the samples of all. */
function mergeMetrics(texts: readonly string[]): string {
  const blocks = texts.flatMap(text => text.split('\n\n').filter(block => block.trim() !== ''))
  const byHeader = Map.groupBy(blocks, block => block.split('\n').find(line => line.startsWith('# TYPE ')) ?? '')
  return `${[...byHeader.values()]
    .map(([first = '', ...more]) =>
      [first.trimEnd(), ...more.map(block => block.split('\n').filter(line => line !== '' && !line.startsWith('#')))].flat().join('\n'),
    )
    .join('\n\n')}\n`
}

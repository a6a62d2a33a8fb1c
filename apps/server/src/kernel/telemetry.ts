import { pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type Log = Pick<import('pino').Logger, 'debug' | 'info' | 'warn' | 'error'>

/** What of an error goes into the log: errors of drivers carry whole connections, with their keys, on them. */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error ? { code: String(error.code) } : {}
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }) }
}

/** Structured logs, one JSON object a line on standard error. What could be a secret is cut out wherever it stands. */
export function openLog(level: string, isPretty: boolean): import('pino').Logger {
  const redact = {
    paths: ['password', 'secret', 'token', 'key', 'authorization', 'cookie', '*.password', '*.secret', '*.token', '*.key', '*.authorization', '*.cookie'],
    censor: '[cut out]',
  }
  const serializers = { err: describeError }
  if (isPretty)
    return pino({
      level,
      redact,
      serializers,
      transport: { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' } },
    })
  return pino({ level, redact, serializers }, pino.destination(2))
}

/** What is counted. Labels are names of routes, kinds and states: never content. */
export interface Metrics {
  readonly registry: Registry
  /** Adds the metrics of another process of this installation: `read` gives them as text, with a label that tells them apart. */
  addProcess(read: () => Promise<string>): void
  /** All of them, as Prometheus reads them. */
  text(): Promise<string>
  readonly requests: Histogram<'route' | 'status'>
  readonly alerts: Counter<'result'>
  readonly messages: Counter<'channel' | 'state'>
  readonly pageDelay: Histogram
  readonly jobs: Counter<'kind' | 'result'>
  readonly jobDeadlines: Counter<'lane'>
  readonly audits: Counter<'result'>
  readonly journalSize: Gauge
}

export function openMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const others: (() => Promise<string>)[] = []
  return {
    registry,
    addProcess: read => void others.push(read),
    text: async () => mergeMetrics([await registry.metrics(), ...(await Promise.all(others.map(read => read())))]),
    requests: new Histogram({
      name: 'tocsin_http_request_seconds',
      help: 'Time to answer',
      labelNames: ['route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    alerts: new Counter({ name: 'tocsin_alerts_total', help: 'Alerts accepted: new, or repeated while open', labelNames: ['result'], registers }),
    messages: new Counter({ name: 'tocsin_messages_total', help: 'Messages by what became of them', labelNames: ['channel', 'state'], registers }),
    pageDelay: new Histogram({
      name: 'tocsin_message_delay_seconds',
      help: 'From a message written to its channel taking it',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30, 300],
      registers,
    }),
    jobs: new Counter({ name: 'tocsin_jobs_total', help: 'Jobs run', labelNames: ['kind', 'result'], registers }),
    jobDeadlines: new Counter({
      name: 'tocsin_job_deadlines_total',
      help: 'Runs of jobs that were ended because they took longer than their lane allows',
      labelNames: ['lane'],
      registers,
    }),
    audits: new Counter({
      name: 'tocsin_escalation_audits_total',
      help: 'Looks at the open escalations: in order, late, repaired',
      labelNames: ['result'],
      registers,
    }),
    journalSize: new Gauge({ name: 'tocsin_journal_entries', help: 'Sealed journal entries', registers }),
  }
}

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
        for (const [value, n] of await read()) gauge.set({ [label]: value }, n)
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

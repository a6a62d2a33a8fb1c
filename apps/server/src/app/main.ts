import { listPeople } from '../access/index.ts'
import { hasDemo, loadRequestedDemo, requestDemo } from '../demo/index.ts'
import { systemClock } from '../kernel/clock.ts'
import { ConfigProblem, readConfig } from '../kernel/config.ts'
import { type Log, openLog, sentenceOf } from '../kernel/telemetry.ts'
import { runPager } from './run-pager.ts'
import { type Server, startServer } from './server.ts'

/** What one process of the program does; without one it serves, and keeps a pager beside it. */
type Role = 'all' | 'web' | 'paging'
const pagingOf = { main: 'beside', all: 'here', web: 'elsewhere' } as const

/**
 * Runs the server until it is told to stop (SIGINT, SIGTERM, or its launcher gone).
 * A wrong configuration ends it with one sentence and exit code 2.
 */
export async function serve(options: { port?: string | undefined; role?: Role | undefined; withDemo?: boolean; isJson?: boolean }): Promise<void> {
  if (options.role === 'paging') return runPager()
  const stopping = toldToStop()
  const starting = new AbortController()
  void stopping.then(() => {
    starting.abort()
    // What does not end by then is ended with the process.
    setTimeout(() => process.exit(1), stopMs).unref()
  })
  try {
    const config = readConfig({ ...process.env, ...(options.port === undefined ? {} : { PORT: options.port }) })
    const log = openLog(config.logLevel, process.stderr.isTTY === true)
    const server = await startServer(config, log, systemClock, { paging: pagingOf[options.role ?? 'main'], signal: starting.signal })
    handleTheUnhandled(server, log)
    void stopping.then(() => stopServer(server))
    if (options.withDemo) await askForDemo(server)
    welcome(server, options.isJson === true)
  } catch (error) {
    if (starting.signal.aborted) process.exit(0)
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exit(error instanceof ConfigProblem ? 2 : 1)
  }
}

function welcome(server: Server, isJson: boolean): void {
  const { origin, setupLink, context } = server
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ origin, setupLink: setupLink ?? null, isPagingLive: context.messenger.isLive })}\n`)
    return
  }
  const lines = [`Tocsin is ready: ${origin}`]
  if (setupLink) lines.push(`Create the first administrator with this one-time link: ${setupLink}`)
  if (!context.messenger.isLive) lines.push('Paging is not live: no mail server is configured (SMTP_URL). Messages stand in the outbox.')
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function askForDemo({ context }: Server): Promise<void> {
  await context.database.transaction(async tx => {
    if (await hasDemo(tx)) return
    await requestDemo(tx)
    const administrator = (await listPeople(tx)).find(person => person.role === 'administrator' && person.isActive)
    if (administrator) await loadRequestedDemo(tx, context, administrator.id)
  })
}

/**
 * A promise that nobody waited for and that failed is told of, and the server goes on: what it was part of has ended, nothing else. After an exception that
 * nobody caught its state is not known: it stops in order and ends with 1, to be started again.
 */
function handleTheUnhandled(server: Server, log: Log): void {
  process.on('unhandledRejection', error => {
    server.context.metrics.unexpected.inc({ kind: 'rejection' })
    log.error({ err: error }, 'a promise failed that nobody waited for')
  })
  process.on('uncaughtException', error => {
    server.context.metrics.unexpected.inc({ kind: 'exception' })
    log.error({ err: error }, 'an exception was not caught; the server stops')
    setTimeout(() => process.exit(1), stopMs).unref()
    void server.stop().finally(() => process.exit(1))
  })
}

/** Stopping takes no longer. */
const stopMs = 30_000

/** Resolves when the server is told to stop, also while it is still starting: by a signal, or because its launcher is gone. */
function toldToStop(): Promise<void> {
  return new Promise(resolve => {
    // Ctrl-C in a terminal comes twice, from the terminal and passed on by the launcher: the second finds the promise resolved.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'] as const) process.on(signal, () => resolve())
  })
}

async function stopServer(server: Server): Promise<void> {
  try {
    await server.stop()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`Stopping failed: ${sentenceOf(error)}\n`)
    process.exit(1)
  }
}

import { listPeople } from '../access/index.ts'
import { hasDemo, loadRequestedDemo, requestDemo } from '../demo/index.ts'
import { systemClock } from '../kernel/clock.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { openLog, sentenceOf } from '../kernel/telemetry.ts'
import { readConfig } from './config.ts'
import { type Rotated, rotateMasterKey } from './rotate-key.ts'
import { runPager } from './run-pager.ts'
import { type Server, startServer } from './server.ts'
import { handleTheUnhandled } from './unhandled.ts'

/** What one process of the program does; without one it serves, and keeps a pager beside it. */
type Role = 'all' | 'web' | 'paging'
const pagingOf = { main: 'beside', all: 'here', web: 'elsewhere' } as const

/**
 * Runs the server until it is stopped (SIGINT, SIGTERM, or its launcher gone).
 * A wrong configuration ends it with one sentence and exit code 2.
 */
export async function serve(options: {
  port?: string | undefined
  role?: Role | undefined
  withDemo?: boolean
  isJson?: boolean
  /** See `ServerOptions`. */
  acceptsRestoredLog?: boolean | undefined
  recoverAdministrator?: string | undefined
}): Promise<void> {
  if (options.role === 'paging') return runPager()
  const stopping = stopRequested()
  const starting = new AbortController()
  void stopping.then(() => {
    starting.abort()
    // Whatever has not ended by then ends with the process.
    setTimeout(() => process.exit(1), stopMs).unref()
  })
  try {
    const config = readConfig({ ...process.env, ...(options.port === undefined ? {} : { PORT: options.port }) })
    const log = openLog(config.logLevel, process.stderr.isTTY === true)
    const server = await startServer(config, log, systemClock, {
      paging: pagingOf[options.role ?? 'main'],
      acceptsRestoredLog: options.acceptsRestoredLog,
      recoverAdministrator: options.recoverAdministrator,
      signal: starting.signal,
    })
    handleTheUnhandled({ log, count: kind => server.context.metrics.unexpected.inc({ kind }), stop: () => server.stop(), stopMs })
    void stopping.then(() => stopServer(server))
    if (options.withDemo) await askForDemo(server)
    welcome(server, options.isJson === true)
  } catch (error) {
    if (starting.signal.aborted) process.exit(0)
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exit(error instanceof ConfigProblem ? 2 : 1)
  }
}

/** Replaces the master key while no server runs, and says what it did. A wrong configuration ends it with one sentence and exit code 2. */
export async function rotateKey(isJson: boolean): Promise<void> {
  try {
    const config = readConfig(process.env)
    const rotated = await rotateMasterKey(config, openLog(config.logLevel, process.stderr.isTTY === true))
    process.stdout.write(isJson ? `${JSON.stringify(rotated ?? null)}\n` : `${rotationLines(rotated).join('\n')}\n`)
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exit(error instanceof ConfigProblem ? 2 : 1)
  }
}

function rotationLines(rotated: Rotated | undefined): string[] {
  if (rotated === undefined) return ['The new master key is in place already. Start Tocsin.']
  const { from, to, unreadable } = rotated
  return [
    `The master key ${from} was replaced by ${to}. All sessions and private links have ended. Start Tocsin with the new key alone.`,
    'Back up the new key apart from the database. Backups of the database from before need the earlier one.',
    ...(unreadable === 0 ? [] : [`Sealed values that did not open with the earlier key, and are lost: ${unreadable}.`]),
  ]
}

function welcome(server: Server, isJson: boolean): void {
  const { origin, setupLink, recoveryLink, context } = server
  if (isJson) {
    process.stdout.write(
      `${JSON.stringify({ origin, setupLink: setupLink ?? null, ...(recoveryLink && { recoveryLink }), isPagingLive: context.messenger.isLive })}\n`,
    )
    return
  }
  const lines = [`Tocsin is ready: ${origin}`]
  if (setupLink) lines.push(`Create the first administrator with this one-time link: ${setupLink}`)
  if (recoveryLink) lines.push(`Set a new password and second factor with this one-time link, within 30 minutes: ${recoveryLink}`)
  if (!context.messenger.isLive) lines.push('Email is not configured (SMTP_URL), so pages are not delivered. Messages are held until it is.')
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

/** Stopping takes no longer. */
const stopMs = 30_000

/** Resolves when the server is asked to stop, also while it is still starting: by a signal, or because its launcher is gone. */
function stopRequested(): Promise<void> {
  return new Promise(resolve => {
    // Ctrl-C in a terminal arrives twice, from the terminal and passed on by the launcher: the second finds the promise resolved.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'] as const) process.on(signal, () => resolve())
  })
}

async function stopServer(server: Server): Promise<void> {
  try {
    await server.stop()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`Shutdown failed: ${sentenceOf(error)}\n`)
    process.exit(1)
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { openLog, sentenceOf } from '../kernel/telemetry.ts'
import { readConfig } from './config.ts'
import { startPager } from './pager.ts'
import { type FromPager, ToPager } from './pager-messages.ts'
import { handleTheUnhandled } from './unhandled.ts'

/** How long running work may take to finish on a stop. */
const stopMs = 8_000

/**
 * Runs the pager in this process until it is stopped. Under a supervisor that is SIGTERM, or the end of the channel to it: when the supervisor is
 * gone, so is the database that it owns. Without one also Ctrl-C; a supervisor gets that itself, from the same terminal.
 * A wrong configuration ends it with one sentence and exit code 2.
 */
export async function runPager(): Promise<void> {
  const isSupervised = process.send !== undefined
  /** Resolves once it is sent: the message of a process that exits right after it would be lost. */
  const say = (message: FromPager) => new Promise<void>(resolve => (process.connected ? process.send?.(message, () => resolve()) : resolve()))
  const stopping = new Promise<void>(resolve => {
    process.on('SIGTERM', () => resolve())
    process.on('disconnect', () => resolve())
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => isSupervised || resolve())
  })
  try {
    const config = readConfig(process.env)
    const starting = new AbortController()
    void stopping.then(() => starting.abort())
    const log = openLog(config.logLevel, process.stderr.isTTY === true)
    const pager = await startPager(config, log, starting.signal)
    handleTheUnhandled({ log, count: pager.countUnexpected, stop: () => pager.stop(), stopMs })
    process.on('message', message => {
      const parsed = ToPager.safeParse(message)
      // The supervisor is of the same program: what it sends is known, unless it is not ours.
      if (!parsed.success) return log.error({ err: parsed.error }, 'a message to the pager cannot be read')
      const asked = parsed.data
      if (asked.kind === 'ping') return void say({ kind: 'pong' })
      pager.metrics().then(
        text => say({ kind: 'metrics', id: asked.id, text }),
        () => say({ kind: 'metrics', id: asked.id, text: '' }),
      )
    })
    if (isSupervised) await say({ kind: 'ready' })
    else process.stdout.write('The pager is ready.\n')
    await stopping
    await Promise.race([pager.stop(), sleep(stopMs)])
    process.exit(0)
  } catch (error) {
    const sentence = sentenceOf(error)
    if (isSupervised) await say({ kind: 'problem', sentence })
    process.stderr.write(`The pager cannot start: ${sentence}\n`)
    process.exit(error instanceof ConfigProblem ? 2 : 1)
  }
}

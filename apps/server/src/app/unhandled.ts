import type { Log } from '../kernel/telemetry.ts'

interface Running {
  readonly log: Log
  readonly count: (kind: 'rejection' | 'exception') => void
  readonly stop: () => Promise<void>
  /** Stopping takes no longer. */
  readonly stopMs: number
}

/**
 * An unhandled rejection is logged, and the process continues: only what it was part of has ended. After an exception that nobody caught its state is
 * unknown: it stops in order and exits with 1, to be restarted.
 */
export function handleTheUnhandled({ log, count, stop, stopMs }: Running): void {
  process.on('unhandledRejection', error => {
    count('rejection')
    log.error({ err: error }, 'unhandled rejection')
  })
  process.on('uncaughtException', error => {
    count('exception')
    log.error({ err: error }, 'uncaught exception; shutting down')
    setTimeout(() => process.exit(1), stopMs).unref()
    void stop().finally(() => process.exit(1))
  })
}

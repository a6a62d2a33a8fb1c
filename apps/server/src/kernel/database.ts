import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { drizzle, type NodePgQueryResultHKT } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import type { PgDatabase } from 'drizzle-orm/pg-core'
import pg from 'pg'
import type { Clock, Instant } from './clock.ts'
import { endedBy } from './deadline.ts'
import type { Log } from './telemetry.ts'

/** Questions to the database, at an instant. */
export interface Reader {
  readonly db: PgDatabase<NodePgQueryResultHKT, Record<string, never>>
  readonly now: Instant
}

/** A transaction: what is done in it happens whole or not at all, at the instant `now`. */
export interface Tx extends Reader {
  readonly isTransaction: true
}

export interface Database {
  readonly url: string
  /** Questions outside a transaction. */
  reader(): Reader
  /** Runs `work` in a transaction; what it throws rolls everything back. When `signal` fires it is ended, by closing its connection. */
  transaction<T>(work: (tx: Tx) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Calls `heard` on each NOTIFY of `channel`, and once after each reconnection, as notices may have been missed. */
  listen(channel: string, heard: () => void): void
  close(): Promise<void>
}

/** A connection that only listens notices within about 20 s that the other side is gone without a word; none is waited for longer than 10 s. */
export const patience = { keepAlive: true, keepAliveInitialDelayMillis: 10_000, connectionTimeoutMillis: 10_000 } as const

interface PoolOptions {
  readonly poolSize?: number
  /** A connection that answers nothing for so long is given up. It is longer than any statement may take, so that only a dead network is meant. */
  readonly silentMs?: number
}

/** Opens a pool on PostgreSQL. `log` hears of lost connections; the pool mends itself. */
export function openDatabase(url: string, clock: Clock, log: Log, { poolSize = 12, silentMs = 40_000 }: PoolOptions = {}): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    // Timestamps are read as text: the instant column gives them their one form.
    types: { getTypeParser: (oid, format) => (oid === 1184 ? (text: string) => text : pg.types.getTypeParser(oid, format)) },
    ...patience,
    connectionTimeoutMillis: Math.min(patience.connectionTimeoutMillis, silentMs),
    query_timeout: silentMs,
    options: '-c timezone=UTC -c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000 -c lock_timeout=10000',
  })
  let isClosing = false
  pool.on('error', error => {
    if (!isClosing) log.warn({ err: error }, 'an idle database connection was lost')
  })
  // A connection that is in use has no listener of the pool's: without this one, its loss would end the process. Its query fails, and tells.
  pool.on('connect', client => {
    client.on('error', error => log.debug({ err: error }, 'a database connection in use was lost'))
  })
  const db = drizzle(pool)
  const ears = listener(url, log)
  return {
    url,
    reader: () => ({ db, now: clock.now() }),
    transaction: (work, signal) => inTransaction(pool, db => work({ db, now: clock.now(), isTransaction: true }), signal),
    listen: ears.listen,
    close: async () => {
      isClosing = true
      await ears.close()
      await pool.end()
    },
  }
}

/**
 * Runs `work` between begin and commit on one connection, which goes back to the pool whatever happens: whole, or to be thrown away. (Drizzle's own
 * `transaction` keeps the connection for ever when `begin` fails, so that a database that goes away empties the pool.)
 * @throws what `work` throws; the signal's reason; Error where the database rolled back instead of committing
 */
async function inTransaction<T>(pool: pg.Pool, work: (db: Reader['db']) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const client = await pool.connect()
  let isClean = false
  try {
    await client.query('begin')
    const working = work(drizzle(client))
    const result = await (signal ? endedBy(working, signal) : working)
    // A fault that `work` passed over ends the transaction all the same, and the database says so only here.
    const { command } = await client.query('commit')
    if (command !== 'COMMIT') throw new Error('The transaction was rolled back: a statement in it had failed.')
    isClean = true
    return result
  } catch (error) {
    // `work` may still hold the connection: it must be nobody else's.
    if (signal?.aborted) throw error
    const rolledBack = client.query('rollback').then(
      () => true,
      () => false,
    )
    isClean = await Promise.race([rolledBack, sleep(rollbackMs, false, { ref: false })])
    throw error
  } finally {
    client.release(!isClean)
  }
}

const rollbackMs = 5_000

/** One connection that hears NOTIFY, opened at the first `listen` and opened again whenever it is lost. */
function listener(url: string, log: Log): Pick<Database, 'listen' | 'close'> {
  const handlers = new Map<string, (() => void)[]>()
  let client: pg.Client | undefined
  let isClosed = false
  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: url, ...patience })
    client = next
    next.on('notification', notice => {
      for (const heard of handlers.get(notice.channel) ?? []) heard()
    })
    let isLost = false
    const lost = () => {
      if (isLost || isClosed || client !== next) return
      isLost = true
      log.warn('the listening database connection was lost; it is opened again')
      setTimeout(() => void connect(), 250)
    }
    next.on('error', lost)
    next.on('end', lost)
    try {
      await next.connect()
      for (const channel of handlers.keys()) await next.query(`listen ${channel}`)
      for (const heard of [...handlers.values()].flat()) heard()
    } catch (error) {
      log.warn({ err: error }, 'the listening database connection could not be opened')
      lost()
    }
  }
  return {
    listen(channel, heard) {
      const known = handlers.get(channel)
      if (known) {
        known.push(heard)
        return
      }
      handlers.set(channel, [heard])
      if (!client) void connect()
      // A client that is not connected yet listens to all channels once it is; a failure closes it, which connects again.
      else client.query(`listen ${channel}`).catch((error: unknown) => log.warn({ err: error, channel }, 'could not listen'))
    },
    async close() {
      isClosed = true
      await client?.end().catch((error: unknown) => log.debug({ err: error }, 'closing the listening connection'))
    },
  }
}

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url))

/** Brings the schema to this version. Migrations only go forward; several starting servers take turns. */
export async function migrateDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock(7236001)')
    await migrate(drizzle(client), { migrationsFolder })
  } finally {
    await client.end()
  }
}

/** True for an error of the database that names this SQLSTATE. */
export function isSqlState(error: unknown, state: string): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === state
}

/**
 * A transaction for somebody who waits for its end: one that lost against another (deadlock, serialization) is run again, twice at most.
 * @throws what `work` throws
 */
export async function transactionRetried<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction(work)
    } catch (error) {
      if (attempt >= 3 || !(isSqlState(error, '40P01') || isSqlState(error, '40001'))) throw error
    }
  }
}

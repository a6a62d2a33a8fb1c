import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DrizzleQueryError, sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import type { CallOrigin } from './call-origin.ts'
import type { Clock, Instant } from './clock.ts'
import { ConfigProblem } from './config-problem.ts'
import { endedBy } from './deadline.ts'
import type { Finding } from './finding.ts'
import { locks } from './locks.ts'
import type { Secrets } from './secrets.ts'
import type { Log } from './telemetry.ts'
import { openQueries, type Queries, UnreadableValues } from './unreadable.ts'
import { withinMs } from './within.ts'

/** Queries to the database, at an instant. */
export interface Reader {
  readonly db: Queries
  readonly now: Instant
  /** What queries could not read. */
  readonly unreadable: UnreadableValues
  /** Show whether this program has written something. @throws Error before the master key is open */
  readonly keys: Pick<Secrets, 'isSigned' | 'wasSigned'>
}

/** What of the master key is used on rows. */
type RowKeys = Pick<Secrets, 'sign' | 'isSigned' | 'wasSigned'>

/** A transaction: what is done in it happens whole or not at all, at the instant `now`. */
export interface Tx extends Reader {
  readonly isTransaction: true
  /** A keyed digest that shows later that this program wrote something. @throws Error before the master key is open */
  readonly sign: Secrets['sign']
  /** From where the request came that this is the transaction of; undefined for what Tocsin does by itself. */
  readonly origin?: CallOrigin
}

export interface Database {
  readonly url: string
  /** Stored values that queries could not read. */
  readonly unreadable: UnreadableValues
  /** Queries outside a transaction. */
  reader(): Reader
  /** Gives transactions the master key, which is checked against the database and so opened after it. */
  signWith(secrets: RowKeys): void
  /** Runs `work` in a transaction; what it throws rolls everything back. When `signal` fires it is ended, by closing its connection. */
  transaction<T>(work: (tx: Tx) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Calls `listener` on each NOTIFY of `channel`, and once after each reconnection, as notices may have been missed. */
  listen(channel: string, listener: () => void): void
  /** Its connections: all, those without work, and how many wait for one. */
  readonly connections: { readonly open: number; readonly idle: number; readonly waiting: number }
  /** What is wrong with it, in one sentence; undefined while it answers. */
  health(): Promise<Finding | undefined>
  close(): Promise<void>
}

/** A connection that only listens notices within about 20 s that the other side is gone without a word; none is waited for longer than 10 s. */
export const patience = { keepAlive: true, keepAliveInitialDelayMillis: 10_000, connectionTimeoutMillis: 10_000 } as const

interface PoolOptions {
  /** Transactions at a time. Half as many reads have connections of their own: what waits for a row that others change keeps nobody from reading. Of 1, there is one for both. */
  readonly poolSize?: number
  /** A connection that answers nothing for so long is given up. It is longer than any statement may take, so that only a dead network is meant. */
  readonly silentMs?: number
}

/** A database that answers nothing for so long is unavailable. */
const healthMs = 3_000

/** A database that is started together with the server is waited for so long. */
const startMs = 30_000

/**
 * Waits until a database answers.
 * @param setting that has the URL
 * @throws ConfigProblem when it answers and refuses (user, password, name, certificate), or a file that the URL names cannot be read; Error when it does not answer in time
 */
export async function awaitDatabase(url: string, log: Log, signal?: AbortSignal, setting = 'DATABASE_URL'): Promise<void> {
  const { hostname, port } = new URL(url)
  const where = `${decodeURIComponent(hostname)}:${port || '5432'}`
  for (const end = Date.now() + startMs; ; ) {
    const client = openClient(url, setting)
    // An error that comes after the first is of no more interest.
    client.on('error', () => undefined)
    try {
      await client.connect()
      return
    } catch (error) {
      const reason = refusal(error)
      if (reason !== undefined) throw new ConfigProblem(`${setting}: the database at ${where} ${reason}.`)
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'no response'
      if (Date.now() >= end) throw new Error(`The database at ${where} does not respond (${code}). Start it, or correct ${setting}.`)
      log.warn({ database: where, code }, 'waiting for the database')
      await sleep(500, undefined, signal ? { signal } : {})
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

/** Reads the files that the URL names. @throws ConfigProblem where it cannot */
function openClient(url: string, setting: string): pg.Client {
  try {
    return new pg.Client({ connectionString: url, ...patience, connectionTimeoutMillis: 5_000 })
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException
    throw new ConfigProblem(`${setting}: ${path === undefined ? message : `${path} cannot be read (${code})`}.`)
  }
}

/** Why waiting would not help. */
function refusal(error: unknown): string | undefined {
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (code === '28P01' || code === '28000') return 'rejects this user or password'
  if (code === '3D000') return 'has no database with this name'
  if (code === '42501') return 'does not let this user connect'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'has a certificate for another host; connect by a name that is in its certificate'
  if (/CERT|VERIFY|ERR_TLS|INVALID_(CA|PURPOSE)/.test(code))
    return `has an untrusted certificate (${code}); sslrootcert names the file of the CA that issued it, see "TLS to the database" in docs/operating.md`
  return message.includes('does not support SSL') ? 'does not support TLS, which sslmode requires' : undefined
}

/** Opens a pool on PostgreSQL. `log` is told of lost connections; the pool repairs itself. */
export function openDatabase(url: string, clock: Clock, log: Log, { poolSize = 12, silentMs = 40_000 }: PoolOptions = {}): Database {
  const options: pg.PoolConfig = {
    connectionString: url,
    // Timestamps are read as text: the instant column gives them their one form.
    types: { getTypeParser: (oid, format) => (oid === 1184 ? (text: string) => text : pg.types.getTypeParser(oid, format)) },
    ...patience,
    connectionTimeoutMillis: Math.min(patience.connectionTimeoutMillis, silentMs),
    query_timeout: silentMs,
    options:
      '-c timezone=UTC -c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000 -c lock_timeout=10000 -c pg_trgm.word_similarity_threshold=0.4',
  }
  const pool = new pg.Pool({ ...options, max: poolSize })
  const readPool = poolSize === 1 ? pool : new pg.Pool({ ...options, max: Math.ceil(poolSize / 2) })
  const pools = new Set([pool, readPool])
  let isClosing = false
  for (const each of pools) {
    each.on('error', error => {
      if (!isClosing) log.warn({ err: error }, 'an idle database connection was lost')
    })
    // A connection that is in use has no listener of the pool's: without this one, its loss would end the process. Its query fails, and tells.
    each.on('connect', client => {
      client.on('error', error => log.debug({ err: error }, 'a database connection in use was lost'))
    })
  }
  const unreadable = new UnreadableValues(log)
  const db = openQueries(readPool, unreadable)
  const ears = listener(url, log)
  // A full disk still answers queries: only a transaction that failed tells of it, and one that was committed since that there is room again.
  let isFull = false
  const closed = () => {
    throw new Error('the master key is not open')
  }
  let keys: RowKeys = { sign: closed, isSigned: closed, wasSigned: closed }
  return {
    url,
    unreadable,
    reader: () => ({ db, now: clock.now(), unreadable, keys }),
    signWith(secrets) {
      keys = secrets
    },
    async transaction(work, signal) {
      try {
        const result = await inTransaction(
          pool,
          client => work({ db: openQueries(client, unreadable), now: clock.now(), unreadable, keys, isTransaction: true, sign: keys.sign }),
          signal,
        )
        isFull = false
        return result
      } catch (error) {
        if (isDiskFull(error)) isFull = true
        throw error
      }
    },
    listen: ears.listen,
    get connections() {
      const sum = (count: (each: pg.Pool) => number) => [...pools].reduce((total, each) => total + count(each), 0)
      return { open: sum(each => each.totalCount), idle: sum(each => each.idleCount), waiting: sum(each => each.waitingCount) }
    },
    async health() {
      try {
        // A standby, and a server that was set to read-only, answer every query and take nothing.
        const { rows } = await withinMs(
          healthMs,
          readPool.query<{ isReadOnly: boolean }>(`select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as "isReadOnly"`),
        )
        if (rows[0]?.isReadOnly) return { severity: 'unavailable', detail: 'The database is read-only. Nothing can be written.' }
      } catch {
        return { severity: 'unavailable', detail: 'The database does not respond.' }
      }
      return isFull ? { severity: 'unavailable', detail: 'The database disk is full. Nothing can be written.' } : undefined
    },
    close: async () => {
      isClosing = true
      await ears.close()
      await Promise.all([...pools].map(each => each.end()))
    },
  }
}

/**
 * Runs `work` between begin and commit on one connection, which goes back to the pool whatever happens: whole, or to be thrown away. (Drizzle's own
 * `transaction` keeps the connection for ever when `begin` fails, so that a database that goes away empties the pool.)
 * @throws what `work` throws; the signal's reason; Error where the database rolled back instead of committing
 */
async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const client = await pool.connect().catch(asDatabaseFault)
  let isClean = false
  try {
    await client.query('begin').catch(asDatabaseFault)
    const working = work(client)
    const result = await (signal ? endedBy(working, signal) : working)
    // A fault that `work` passed over ends the transaction all the same, and the database says so only here.
    const { command } = await client.query('commit').catch(asDatabaseFault)
    if (command !== 'COMMIT') throw new Error('The transaction was rolled back because a statement failed.')
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

/** One connection that listens for NOTIFY, opened at the first `listen` and opened again whenever it is lost. */
function listener(url: string, log: Log): Pick<Database, 'listen' | 'close'> {
  const handlers = new Map<string, (() => void)[]>()
  let client: pg.Client | undefined
  let isClosed = false
  let turn: Promise<unknown> = Promise.resolve()
  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: url, ...patience })
    client = next
    next.on('notification', notice => {
      for (const listener of handlers.get(notice.channel) ?? []) listener()
    })
    let isLost = false
    const lost = () => {
      if (isLost || isClosed || client !== next) return
      isLost = true
      log.warn('the listening database connection was lost; reconnecting')
      setTimeout(() => void connect(), 250)
    }
    next.on('error', lost)
    next.on('end', lost)
    try {
      turn = (async () => {
        await next.connect()
        for (const channel of handlers.keys()) await next.query(`listen ${channel}`)
      })()
      await turn
      for (const listener of [...handlers.values()].flat()) listener()
    } catch (error) {
      log.warn({ err: error }, 'the listening database connection could not be opened')
      lost()
    }
  }
  return {
    listen(channel, listener) {
      const known = handlers.get(channel)
      if (known) {
        known.push(listener)
        return
      }
      handlers.set(channel, [listener])
      if (!client) void connect()
      // A client that is not connected yet listens to all channels once it is; a failure closes it, which connects again.
      else {
        const current = client
        // One after the other, as the driver wants it.
        turn = turn.then(() => current.query(`listen ${channel}`)).catch((error: unknown) => log.warn({ err: error, channel }, 'could not listen'))
      }
    },
    async close() {
      isClosed = true
      await client?.end().catch((error: unknown) => log.debug({ err: error }, 'closing the listening connection'))
    },
  }
}

/** Everything that a transaction reads is of one moment. It comes before its first query. */
export async function holdSnapshot(tx: Tx): Promise<void> {
  await tx.db.execute(sql`set transaction isolation level repeatable read`)
}

/** Waits until no other transaction holds an advisory lock, and holds it to the end of this one: what it reads from then on is not changed meanwhile. */
export async function holdLock(tx: Tx, lock: 'administrators' | 'organization' | 'invitations' | 'reports' | 'witnessing'): Promise<void> {
  await tx.db.execute(sql`select pg_advisory_xact_lock(${locks[lock]})`)
}

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url))

/**
 * Brings the schema to this version. Migrations only go forward; several starting servers run them one after the other.
 * @throws ConfigProblem when the database has migrations that this version does not know, or another encoding than UTF-8; when its user may not create tables
 */
export async function migrateDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await assertUtf8(client)
    await client.query('select pg_advisory_lock($1)', [locks.migrations])
    // With nothing to do, no right to make anything is needed.
    if ((await assertKnown(client)) === 0) return
    await assertMayCreate(client)
    await migrate(drizzle(client), { migrationsFolder })
  } finally {
    await client.end()
  }
}

/** Text of any other encoding loses characters, or fails on them, one alert at a time. */
async function assertUtf8(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string; encoding: string }>(`select current_database() as name, current_setting('server_encoding') as encoding`)
  const { name = '', encoding = '' } = rows[0] ?? {}
  if (encoding !== 'UTF8')
    throw new ConfigProblem(
      `DATABASE_URL: the database ${name} has the encoding ${encoding}, but UTF8 is required. Create one with: create database ${pg.escapeIdentifier(`${name}_utf8`)} encoding 'UTF8' template template0;`,
    )
}

/** Migrations make tables in the first schema of the search path, and a schema of their own for the list of those that were applied. */
async function assertMayCreate(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ database: string; role: string; schema: string; inDatabase: boolean; inSchema: boolean }>(`
    select current_database() as database, current_user as role, coalesce(current_schema(), 'public') as schema,
      has_database_privilege(current_database(), 'CREATE') as "inDatabase",
      coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as "inSchema"`)
  const [found] = rows
  if (found === undefined || (found.inDatabase && found.inSchema)) return
  const { database, role, schema } = found
  const to = `to ${pg.escapeIdentifier(role)};`
  const grants = [
    ...(found.inDatabase ? [] : [`grant create on database ${pg.escapeIdentifier(database)} ${to}`]),
    ...(found.inSchema ? [] : [`grant usage, create on schema ${pg.escapeIdentifier(schema)} ${to}`]),
  ]
  throw new ConfigProblem(`DATABASE_URL: the user ${role} may not create tables in the database ${database}. As its owner, run: ${grants.join(' ')}`)
}

/**
 * Checks that a database has the schema of this version, for a process that does not bring it there.
 * @throws ConfigProblem when it is newer, older, or not set up
 */
export async function assertMigrated(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, ...patience })
  await client.connect()
  try {
    const missing = await assertKnown(client)
    if (missing > 0) throw new ConfigProblem('The database is not set up for this version of Tocsin. Start the web process of this version first.')
  } finally {
    await client.end()
  }
}

/**
 * The migrator itself looks only at times: it would start an older program on a newer database.
 * @returns how many migrations are still to be applied
 */
async function assertKnown(client: pg.Client): Promise<number> {
  const known = readMigrationFiles({ migrationsFolder })
  const { rows: tables } = await client.query("select 1 from pg_tables where schemaname = 'drizzle' and tablename = '__drizzle_migrations'")
  if (tables.length === 0) return known.length
  const { rows: applied } = await client.query<{ hash: string; at: string }>(
    'select hash, created_at as at from drizzle.__drizzle_migrations order by created_at',
  )
  const unknown = applied.find(({ hash }) => known.every(migration => migration.hash !== hash))
  if (unknown === undefined) return known.length - applied.length
  const newest = Math.max(...known.map(({ folderMillis }) => folderMillis))
  throw new ConfigProblem(
    Number(unknown.at) > newest
      ? 'The database was migrated by a newer version of Tocsin. Start that version or a later one.'
      : 'The database was created by a development version of Tocsin with different migrations. Use another database, or start that version.',
  )
}

/** An error of the driver outside a statement of Drizzle's, which wraps its own (`DrizzleQueryError`): so that no other connection's error is taken for one of the database. */
class DatabaseFault extends Error {
  override readonly name = 'DatabaseFault'
}

function asDatabaseFault(cause: unknown): never {
  throw new DatabaseFault(cause instanceof Error ? cause.message : String(cause), { cause })
}

/** The driver's error behind an error of the database; undefined for errors that come from elsewhere. */
function driverError(error: unknown): object | undefined {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof DrizzleQueryError || at instanceof DatabaseFault) return typeof at.cause === 'object' && at.cause !== null ? at.cause : undefined
  return undefined
}

function codeOf(error: object | undefined): string {
  return error !== undefined && 'code' in error ? String(error.code) : ''
}

/** True for an error of the database that names this SQLSTATE. */
export function isSqlState(error: unknown, state: string): boolean {
  return codeOf(driverError(error)) === state
}

/** SQLSTATE 53100, or an input/output error (58030) that the full disk is the reason of. */
function isDiskFull(error: unknown): boolean {
  const driver = driverError(error)
  return codeOf(driver) === '53100' || (driver instanceof Error && driver.message.includes('No space left on device'))
}

/**
 * True when the database cannot serve now, and may later: it cannot be reached, ended the connection (class 08, 57P0x), has no room or no connection left
 * (class 53, 58030), did not answer in time (55P03, 57014) or was not asked in time (25P03), is read-only (25006), refuses the password (28P01) or is
 * not there (3D000), as while it is restored or its password changed.
 */
export function isUnavailable(error: unknown): boolean {
  const driver = driverError(error)
  if (driver === undefined) return false
  if (/^(08...|53...|57014|57P0[1-5]|58030|55P03|25006|25P03|28P01|3D000|E[A-Z]{4,}|EAI_[A-Z]+)$/.test(codeOf(driver))) return true
  // The driver's own errors have no code.
  return driver instanceof Error && /^(Connection terminated|timeout e|Query read timeout|Client (has|was)|The server does not)/.test(driver.message)
}

/**
 * True for a database that is away, starting, full or read-only, or a connection that was lost; false for a statement or a transaction that took too
 * long, which is its own.
 */
export function isOutage(error: unknown): boolean {
  return isUnavailable(error) && !/^(57014|55P03|25P03)$/.test(codeOf(driverError(error)))
}

/** True for a transaction that lost against another (deadlock, serialization) or waited too long for a lock: nothing is wrong with what it does. */
export function isContention(error: unknown): boolean {
  return /^(40P01|40001|55P03)$/.test(codeOf(driverError(error)))
}

/**
 * A transaction for somebody who waits for its end: one that lost against another (deadlock, serialization) is run again, twice at most.
 * @throws what `work` throws
 */
export async function transactionRetried<T>(database: Database, work: (tx: Tx) => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction(work, signal)
    } catch (error) {
      if (attempt >= 3 || signal?.aborted || !(isSqlState(error, '40P01') || isSqlState(error, '40001'))) throw error
    }
  }
}

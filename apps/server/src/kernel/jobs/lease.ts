import { randomInt } from 'node:crypto'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { patience, type Reader } from '../database.ts'
import { locks } from '../locks.ts'
import type { Log } from '../telemetry.ts'

/** Pause between two tries to hold the lease again. */
const regainMs = 250

/**
 * What says that a worker lives: the advisory lock of its number, on a connection of its own. When the process dies PostgreSQL frees the lock, and
 * what the worker had taken is another's at once.
 */
export class WorkerLease {
  /** What the worker signs its jobs with. */
  readonly worker = randomInt(1, 2 ** 31 - 1)
  readonly #url: string
  readonly #log: Log
  #client: pg.Client | undefined
  #isStopped = true

  constructor(url: string, log: Log) {
    this.#url = url
    this.#log = log
  }

  /** @throws when the database is not there */
  async start(): Promise<void> {
    this.#isStopped = false
    await this.#hold()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#client?.end()
  }

  async #hold(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, ...patience })
    client.on('error', error => {
      // Before the lock is held, the call that failed says so.
      if (this.#client !== client) return
      this.#log.warn({ err: error }, 'the lease connection was lost; reconnecting')
      this.#client = undefined
      this.#regain()
    })
    try {
      await client.connect()
      await client.query('select pg_advisory_lock($1, $2)', [locks.jobWorkers, this.worker])
    } catch (error) {
      await client.end().catch(() => undefined)
      throw error
    }
    if (this.#isStopped) await client.end()
    else this.#client = client
  }

  /** Again and again, until the database is back. */
  #regain(): void {
    if (this.#isStopped) return
    setTimeout(() => {
      if (this.#isStopped) return
      this.#hold().catch((error: unknown) => {
        this.#log.warn({ err: error }, 'the lease is not available yet')
        this.#regain()
      })
    }, regainMs)
  }
}

/** The numbers of the workers that live, as a query. */
export const living = sql`select objid::bigint from pg_locks where locktype = 'advisory' and classid = ${locks.jobWorkers} and granted
  and database = (select oid from pg_database where datname = current_database())`

/** True while a runner works on this database, in this process or in another. */
export async function isAnyRunning(reader: Reader): Promise<boolean> {
  const { rows } = await reader.db.execute(sql`${living} limit 1`)
  return rows.length > 0
}

import { isDeepStrictEqual } from 'node:util'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { record, recordAll, system } from '../journal/index.ts'
import type { Config } from '../kernel/config.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import { isAnyRunning } from '../kernel/jobs/lease.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import type { Log } from '../kernel/telemetry.ts'
import { saveAway } from '../kernel/uptime.ts'

const setting = 'system.running'
const signEveryMs = 60_000
/** A database that does not answer must not keep the server from stopping. */
const stopWithinMs = 5_000

const Value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable()

/** What the last server left: its last heartbeat, version and settings. */
const Running = z.object({
  seenAt: z.iso.datetime(),
  /** It stopped as it should, at `seenAt`. */
  isStopped: z.boolean(),
  version: z.string(),
  settings: z.record(z.string(), Value),
})

/** SHA-256 of the newest migration that the database has. */
async function schemaOf(reader: Reader): Promise<string> {
  const { rows } = await reader.db.execute<{ hash: string }>(sql`select hash from drizzle.__drizzle_migrations order by created_at desc limit 1`)
  return rows[0]?.hash ?? ''
}

/**
 * Records when a server ran and when none did: an auditor's first question about any monitoring.
 * A start records its version, the downtime before it, and what changed since; a heartbeat is stored every minute.
 */
export class Lifetime {
  readonly #database: Database
  readonly #log: Log
  readonly #version: string
  readonly #role: 'all' | 'web'
  readonly #settings: Record<string, z.output<typeof Value>>
  #timer: NodeJS.Timeout | undefined

  /** @param role `web` where another process pages people */
  constructor(database: Database, log: Log, config: Config, version: string, role: 'all' | 'web') {
    this.#database = database
    this.#log = log
    this.#version = version
    this.#role = role
    this.#settings = config.kept
  }

  async start(): Promise<void> {
    await this.#database.transaction(tx => this.#recordStart(tx))
    this.#timer = setInterval(() => {
      this.#database
        .transaction(tx => this.#sign(tx, false))
        .catch((error: unknown) => this.#log.warn({ err: error }, 'could not store the heartbeat of the server; retrying in a minute'))
    }, signEveryMs)
  }

  /** Never throws: a database that is gone is no reason not to stop. What never started does not stop either. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    const late = new Promise<never>((_, reject) => setTimeout(reject, stopWithinMs, new Error('the database does not respond')).unref())
    const stopped = this.#database.transaction(async tx => {
      await this.#sign(tx, true)
      await record(tx, { actor: system, type: 'system.stopped', subject: { kind: 'system', id: 'system' }, data: await this.#running(tx) })
    })
    await Promise.race([stopped, late]).catch((error: unknown) => this.#log.warn({ err: error }, 'could not record the stop of the server'))
  }

  async #running(reader: Reader) {
    return { version: this.#version, schema: await schemaOf(reader), role: this.#role }
  }

  async #sign(tx: Tx, isStopped: boolean): Promise<void> {
    const running: z.input<typeof Running> = { seenAt: tx.now, isStopped, version: this.#version, settings: this.#settings }
    await saveSetting(tx, setting, running)
  }

  async #recordStart(tx: Tx): Promise<void> {
    const before = await readSetting(tx, setting, Running)
    const entry = { actor: system, subject: { kind: 'system', id: 'system' } } as const
    if (before !== undefined && !(await isAnyRunning(tx))) {
      const seconds = Math.max(0, Math.round((Date.parse(tx.now) - Date.parse(before.seenAt)) / 1_000))
      await record(tx, { ...entry, type: 'system.away', data: { from: before.seenAt, until: tx.now, seconds, isExact: before.isStopped } })
    }
    // Not by who runs jobs: a pager that runs by itself receives nothing.
    if (before !== undefined && (before.isStopped || Date.parse(tx.now) - Date.parse(before.seenAt) > 2 * signEveryMs))
      await saveAway(tx, { from: before.seenAt, until: tx.now })
    if (before !== undefined && before.version !== this.#version)
      await record(tx, { ...entry, type: 'system.upgraded', data: { from: before.version, to: this.#version } })
    await record(tx, { ...entry, type: 'system.started', data: await this.#running(tx) })
    if (before !== undefined) await this.#recordSettings(tx, before.settings)
    await this.#sign(tx, false)
  }

  async #recordSettings(tx: Tx, old: z.output<typeof Running>['settings']): Promise<void> {
    // A setting that the last version did not have has no value before.
    const changed = Object.entries(this.#settings).filter(([name, value]) => name in old && !isDeepStrictEqual(old[name], value))
    await recordAll(
      tx,
      changed.map(([name, after]) => ({
        ...{ actor: system, type: 'setting.changed' as const, subject: { kind: 'setting' as const, id: name } },
        data: { name, before: old[name] ?? null, after },
      })),
    )
  }
}

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { endAllSessions } from '../access/index.ts'
import { look, openCheckpoints, record, succeedLogKey, system } from '../journal/index.ts'
import { systemClock } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { assertMigrated, awaitDatabase, type Database, openDatabase } from '../kernel/database.ts'
import { startEmbeddedPostgres } from '../kernel/embedded-postgres.ts'
import { abandonRotation, beginRotation, finishRotation, placeKeyFile } from '../kernel/master-key.ts'
import { reseal, sealedColumns } from '../kernel/sealed-columns.ts'
import type { Log } from '../kernel/telemetry.ts'
import { holdDataFolder } from './data-folder.ts'
// Loads every module, so that each has declared its sealed columns.
import './server.ts'

/** What the rotation of the master key has done. */
export interface Rotated {
  /** IDs of the keys. */
  readonly from: string
  readonly to: string
  /** Sealed values that did not open with the earlier key. */
  readonly unreadable: number
}

/**
 * Replaces the master key while no server runs: seals everything anew, batch by batch, and ends sessions and private links. Killed at any point, it goes on
 * when it is run again with the same keys.
 * @returns undefined where only the end was left of one that was killed
 * @throws ConfigProblem when a key is missing or wrong, or a server or pager runs
 */
export async function rotateMasterKey(config: Config, log: Log): Promise<Rotated | undefined> {
  const undo: (() => Promise<void> | void)[] = []
  try {
    const folder = holdDataFolder(config.dataFolder)
    undo.push(() => folder.release())
    const embedded = config.databaseUrl === undefined ? await startEmbeddedPostgres(join(config.dataFolder, 'postgres'), log) : undefined
    if (embedded) undo.push(() => embedded.stop())
    const url = config.databaseUrl ?? embedded?.url ?? ''
    await awaitDatabase(url, log)
    await assertMigrated(url)
    // One connection: any other is of somebody else.
    const database = openDatabase(url, systemClock, log, { poolSize: 1 })
    undo.push(() => database.close())
    const rotated = await rotate(database, config, log)
    placeKeyFile(config)
    return rotated
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function rotate(database: Database, config: Config, log: Log): Promise<Rotated | undefined> {
  const rotation = await beginRotation(database, config)
  if (rotation === undefined) return undefined
  const { from, to, isResumed } = rotation
  try {
    await assertAlone(database)
  } catch (error) {
    if (!isResumed) await database.transaction(abandonRotation)
    throw error
  }
  let unreadable = 0
  for (const column of sealedColumns()) unreadable += await reseal(database, column, from, to)
  const data = { from: from.keyId, to: to.keyId, unreadable }
  const { file } = openCheckpoints(config, log)
  database.signWith(to)
  await database.transaction(async tx => {
    const { last } = await look(tx)
    await finishRotation(tx, rotation, last, await succeedLogKey(tx, from, to, file))
    await endAllSessions(tx)
    await record(tx, { actor: system, type: 'master-key.rotated', subject: { kind: 'system', id: 'system' }, data })
  })
  return data
}

/** A server that was just ended is gone from the database by then. */
const goneMs = 1_000

/** @throws ConfigProblem while anything else is connected to the database as this user: a server would go on with the earlier key */
async function assertAlone(database: Database): Promise<void> {
  for (const end = Date.now() + goneMs; ; await sleep(200)) {
    const { rows } = await database.reader().db.execute<{ others: number; user: string }>(sql`
      select count(*)::int as others, current_user as user from pg_stat_activity
      where datname = current_database() and usename = current_user and pid <> pg_backend_pid() and backend_type = 'client backend'`)
    const { others = 0, user = '' } = rows[0] ?? {}
    if (others === 0) return
    if (Date.now() >= end)
      throw new ConfigProblem(
        `${others} other connections of the user ${user} to the database are open. Stop every Tocsin server and pager, then rotate the key.`,
      )
  }
}

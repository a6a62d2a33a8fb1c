import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrateDatabase } from '../src/kernel/database.ts'
import { grantRights, userOf } from '../src/kernel/database-rights.ts'
import { startEmbeddedPostgres } from '../src/kernel/embedded-postgres.ts'
import { openLog } from '../src/kernel/telemetry.ts'
import { chromiumPath } from './browser.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the database that every test clones, as its owner. */
    templateUrl: string
    /** The same as the program connects to it. */
    programUrl: string
    /** Path of the Chromium that shows the pages. */
    chromiumPath: string
  }
}

/** What a run leaves in its folder at most, with room. */
const roomBytes = 4 * 2 ** 30

/**
 * The folder of this run. It lies in memory where there is room for it, and programs in it may be run: a database is cloned for each of a thousand
 * tests, which takes most of a run on a disk, and a hundredth of that in memory. `TMPDIR` chooses another place.
 */
function makeRunFolder(): string {
  const make = (parent: string) => mkdtempSync(join(parent, `tocsin-test-${process.pid}-`))
  if (process.env.TMPDIR || !existsSync('/dev/shm')) return make(tmpdir())
  removeLeftovers('/dev/shm')
  if (process.availableMemory() < 2 * roomBytes) return make(tmpdir())
  const { bavail, bsize } = statfsSync('/dev/shm')
  if (bavail * bsize < roomBytes) return make(tmpdir())
  const folder = make('/dev/shm')
  const program = join(folder, 'program')
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o700 })
  if (spawnSync(program).status === 0) return folder
  rmSync(folder, { recursive: true })
  return make(tmpdir())
}

/** A run that was killed leaves its folder, which would take memory for ever. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^tocsin-test-(\d+)-/.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Another user's is alive, too.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** One real PostgreSQL for all tests; each world clones a migrated template, so that none sees another's rows. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  // Before the temporary folder is another one: it is unpacked there once for all runs.
  project.provide('chromiumPath', await chromiumPath())
  const folder = makeRunFolder()
  // Passed through, not read: where PostgreSQL runs as nobody, its folder is in here.
  chmodSync(folder, 0o711)
  process.env.TMPDIR = folder
  process.env.NODE_COMPILE_CACHE = join(folder, 'compiled')
  const postgres = await startEmbeddedPostgres(join(folder, 'postgres'), openLog('error', false))
  await migrateDatabase(postgres.ownerUrl)
  await grantRights(postgres.ownerUrl, userOf(postgres.url))
  const client = new pg.Client({ connectionString: postgres.ownerUrl.replace(/\/tocsin$/, '/postgres') })
  await client.connect()
  // Tests need the behaviour of a database, not its durability: the one test that kills it starts its own.
  for (const setting of ['synchronous_commit', 'fsync', 'full_page_writes']) await client.query(`alter system set ${setting} = off`)
  await client.query('select pg_reload_conf()')
  await client.query('alter database tocsin with is_template true')
  await client.end()
  project.provide('templateUrl', postgres.ownerUrl)
  project.provide('programUrl', postgres.url)
  return async () => {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

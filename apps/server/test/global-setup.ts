import { mkdtemp, rm } from 'node:fs/promises'
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

/** One real PostgreSQL for all tests; each world clones a migrated template, so that none sees another's rows. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-test-'))
  const postgres = await startEmbeddedPostgres(join(folder, 'postgres'), openLog('error', false))
  await migrateDatabase(postgres.ownerUrl)
  await grantRights(postgres.ownerUrl, userOf(postgres.url))
  const client = new pg.Client({ connectionString: postgres.ownerUrl.replace(/\/tocsin$/, '/postgres') })
  await client.connect()
  // Tests need the behaviour of a database, not its durability: the one test that kills it starts its own.
  await client.query('alter system set synchronous_commit = off')
  await client.query('select pg_reload_conf()')
  await client.query('alter database tocsin with is_template true')
  await client.end()
  project.provide('templateUrl', postgres.ownerUrl)
  project.provide('programUrl', postgres.url)
  project.provide('chromiumPath', await chromiumPath())
  return async () => {
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

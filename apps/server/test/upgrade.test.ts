import { createHash, randomUUID } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { withMac } from '../src/access/session-mac.ts'
import { sessions } from '../src/access/tables.ts'
import { readConfig } from '../src/app/config.ts'
import { startServer } from '../src/app/server.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { migrateDatabase } from '../src/kernel/database.ts'
import { openLog } from '../src/kernel/telemetry.ts'

const releases = fileURLToPath(new URL('./releases', import.meta.url))
const migrations = fileURLToPath(new URL('../migrations', import.meta.url))
const versions = readdirSync(releases, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : []))

/** An empty database of its own. */
async function withDatabase(work: (url: string, client: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: inject('templateUrl').replace(/\/tocsin$/, '/postgres') })
  await admin.connect()
  const name = `t_${randomUUID().replaceAll('-', '')}`
  await admin.query(`create database ${name}`)
  const url = inject('templateUrl').replace(/\/tocsin$/, `/${name}`)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(url, client)
  } finally {
    await client.end()
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  }
}

/** The migrations up to and with the one named `last`, as the release had them. */
function migrationsOf(last: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-release-'))
  cpSync(migrations, folder, { recursive: true })
  const path = join(folder, 'meta', '_journal.json')
  const journal = JSON.parse(readFileSync(path, 'utf8')) as { entries: { tag: string }[] }
  const end = journal.entries.findIndex(({ tag }) => tag === last)
  if (end < 0) throw new Error(`there is no migration ${last}`)
  writeFileSync(path, JSON.stringify({ ...journal, entries: journal.entries.slice(0, end + 1) }))
  return folder
}

async function counts(client: pg.Client, tables: readonly string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const table of tables) found[table] = Number((await client.query<{ n: string }>(`select count(*) as n from ${table}`)).rows[0]?.n)
  return found
}

describe('migrations', () => {
  test('that landed never change, and each has its checksum in the list', () => {
    const listed = readFileSync(join(releases, 'migrations.sha256'), 'utf8')
    const actual = readdirSync(migrations)
      .filter(name => name.endsWith('.sql'))
      .sort()
      .map(
        name =>
          `${createHash('sha256')
            .update(readFileSync(join(migrations, name)))
            .digest('hex')}  ${name}\n`,
      )
      .join('')
    expect(actual, 'A migration that landed was changed, or a new one is not in the list: see apps/server/test/releases/README.md.').toBe(listed)
  })

  test('there is a release to upgrade from', () => expect(versions).toContain('0.1.0'))

  test.for(versions)('a database of %s is brought up to date, and what was in it is still there', async version => {
    await withDatabase(async (url, client) => {
      const schema = migrationsOf(readFileSync(join(releases, version, 'last-migration'), 'utf8').trim())
      await migrate(drizzle(client), { migrationsFolder: schema })
      const rows = readFileSync(join(releases, version, 'rows.sql'), 'utf8')
      await client.query(rows)
      const tables = [...new Set([...rows.matchAll(/^insert into (\w+)/gm)].map(([, table = '']) => table))]
      expect(tables.length).toBeGreaterThan(5)
      const before = await counts(client, tables)
      const folder = await mkdtemp(join(tmpdir(), 'tocsin-upgrade-'))
      const config = readConfig({ TOCSIN_DATA: folder, DATABASE_URL: url, PORT: '0', TOCSIN_LOG_LEVEL: 'silent' })
      const server = await startServer(config, openLog('silent', false), systemClock)
      try {
        const after = await counts(client, tables)
        for (const table of tables) expect(after[table], table).toBeGreaterThanOrEqual(before[table] ?? 0)
        // Sessions of before they had a MAC have ended: this one is made as today's are, and in use.
        const { database, secrets } = server.context
        await database.transaction(async tx => {
          for (const row of await tx.db.select().from(sessions))
            await tx.db
              .update(sessions)
              .set(withMac(secrets, { ...row, lastSeenAt: tx.now }))
              .where(eq(sessions.id, row.id))
        })
        const origin = server.origin.replace('localhost', '127.0.0.1')
        const call = createClient({
          origin,
          fetch: (input, init) =>
            fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), origin, cookie: `tocsin_session=a-token-of-${version}` } }),
        })
        expect(await call('status')).toMatchObject({ organization: 'Bright Ledger', isSetUp: true })
        expect((await call('incidents', {})).items.map(({ title }) => title)).toEqual(['Keys in a repository'])
        expect((await call('services')).map(({ name }) => name)).toEqual(['Billing'])
        const { rows: pulls } = await client.query("select kind, key from jobs where kind like '%pull-indicators'")
        expect(pulls).toEqual([{ kind: 'detection.pull-indicators', key: 'detection.pull-indicators 0193b5a0-0000-7000-8000-0000000000f2' }])
        await call('openIncident', { body: { title: 'After the upgrade', reason: 'Seen.' } })
        await server.context.readers.drain()
        const { rows: foreign } = await client.query("select data from journal where type = 'journal.foreign-entry'")
        expect(foreign, 'entries without a MAC from before').toEqual([])
      } finally {
        await server.stop()
        await rm(folder, { recursive: true, force: true })
        await rm(schema, { recursive: true, force: true })
      }
    })
  })

  test('equal names within a team, which a race could make, do not stop the upgrade: the later ones are renamed', async () => {
    await withDatabase(async (url, client) => {
      const schema = migrationsOf('0003_names_of_detection_jobs')
      await migrate(drizzle(client), { migrationsFolder: schema })
      await rm(schema, { recursive: true, force: true })
      const id = (n: number) => `0193b5a0-0000-7000-8000-00000000000${n}`
      await client.query(`insert into teams (id, name, kind) values ('${id(1)}', 'Blue', 'security'), ('${id(2)}', 'Green', 'security')`)
      const rows = [
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 2],
      ].map(([n = 0, team = 0]) => `'${id(n)}', '${id(team)}', 'Nights'`)
      await client.query(`insert into schedules (id, team_id, name, time_zone, merge, layers) values ${rows.map(row => `(${row}, 'UTC', 'top', '[]')`)}`)
      await client.query(`insert into policies (id, team_id, name, levels, repeats) values ${rows.map(row => `(${row}, '[]', 0)`)}`)
      await client.query(`insert into team_channels (id, team_id, name, kind, address) values ${rows.map(row => `(${row}, 'webhook', 'x')`)}`)
      await migrateDatabase(url)
      for (const table of ['schedules', 'policies', 'team_channels']) {
        const { rows: found } = await client.query<{ name: string }>(`select name from ${table} order by id`)
        expect(
          found.map(({ name }) => name),
          table,
        ).toEqual(['Nights', 'Nights (000002)', 'Nights (000003)', 'Nights'])
      }
    })
  })

  test('hours of contracts become terms from the declaration, and customers were found when the audit log first lists them', async () => {
    await withDatabase(async (url, client) => {
      const schema = migrationsOf('0020_exercises')
      await migrate(drizzle(client), { migrationsFolder: schema })
      await rm(schema, { recursive: true, force: true })
      const id = (n: number) => `0193b5a0-0000-7000-8000-00000000000${n}`
      const names = [1, 2, 3]
      await client.query(
        `insert into customers (id, name, region, terms, notice_hours, contacts) values ${names.map(n => `('${id(n)}', 'C${n}', 'EU', '', ${n * 24}, '[]')`)}`,
      )
      await client.query(
        `insert into incidents (id, title, status, class, responsibility, data_touched, opened_at, is_restricted) values ('${id(9)}', 'T', 'suspected', 'suspected', 'us', '{}', '2026-11-20', false)`,
      )
      await client.query(`insert into incident_customers (incident_id, customer_id, basis) values ${names.map(n => `('${id(9)}', '${id(n)}', 'Logs.')`)}`)
      await client.query(
        `insert into obligations (id, incident_id, kind, customer_id, state, hours) values ('${id(4)}', '${id(9)}', 'initial', '${id(1)}', 'due', 24), ('${id(5)}', '${id(9)}', 'initial', '${id(2)}', 'pending', 48)`,
      )
      /** Entries of both versions: the first said before by IDs alone. */
      const entries = [
        ['2026-11-21', 1, [1, 2], { customerIds: [] }],
        ['2026-11-22', 2, [2], { customers: [{ id: id(1) }, { id: id(2) }] }],
        ['2026-11-23', 2, [1, 2], { customers: [{ id: id(2) }] }],
      ] as const
      for (const [n, [at, version, listed, before]] of entries.entries())
        await client.query(
          `insert into journal (id, at, actor_kind, actor_name, type, subject_kind, subject_id, within_id, version, data, is_demo, is_exercise, is_restricted, body_hash)
          values ($1, $2, 'person', 'Ada', 'incident.customers-set', 'incident', $3::uuid::text, $3::uuid, $4, $5, false, false, false, '')`,
          [id(n + 6), at, id(9), version, { customers: listed.map(one => ({ id: id(one), name: 'C', basis: 'Logs.' })), before }],
        )
      await migrateDatabase(url)
      const rows = async (query: string) => (await client.query<Record<string, unknown>>(query)).rows.map(row => Object.values(row))
      expect(await rows('select notice_start, notice_amount, notice_unit, calendar_id from customers order by id')).toEqual(
        names.map(n => ['declared', n * 24, 'hours', null]),
      )
      expect(await rows("select to_char(found_at at time zone 'UTC', 'DD') from incident_customers order by customer_id"), 'the third is in no entry').toEqual([
        ['23'],
        ['21'],
        ['20'],
      ])
      expect(await rows('select term from obligations order by id')).toEqual([[{ start: 'declared', amount: 24, unit: 'hours', calendar: null }], [null]])
    })
  })

  test('a database of a newer version is refused in one sentence, and so is one whose migrations were changed', async () => {
    await withDatabase(async (url, client) => {
      await migrateDatabase(url)
      await migrateDatabase(url)
      const { rows } = await client.query<{ at: string }>('select max(created_at) as at from drizzle.__drizzle_migrations')
      await client.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', ['of the future', Number(rows[0]?.at) + 1])
      await expect(migrateDatabase(url)).rejects.toThrow('migrated by a newer version of Tocsin')
      await client.query('update drizzle.__drizzle_migrations set created_at = 1 where hash = $1', ['of the future'])
      await expect(migrateDatabase(url)).rejects.toThrow('created by a development version')
    })
  })
})

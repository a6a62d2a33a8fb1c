import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { freePort, until } from '../../test/alertmanager.ts'
import { spawnServer } from '../../test/own-process.ts'
import { patience } from '../../test/patience.ts'
import { layWire } from '../../test/wire.ts'
import { cloneDatabase } from '../../test/world.ts'
import { migrateDatabase } from '../kernel/database.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-start-'))
const secret = 'a master key for this test only, long'

let starts = 0

/** Starts, and returns how it ended with what it said in the end. */
async function failed(env: Record<string, string>): Promise<{ code: unknown; sentence: string | undefined; lines: number }> {
  const server = spawnServer({ TOCSIN_DATA: join(folder, `data-${++starts}`), PORT: '0', TOCSIN_LOG_LEVEL: 'silent', ...env })
  const code = await server.ended
  const lines = server.errors().trim().split('\n')
  return { code, sentence: lines.at(-1), lines: lines.length }
}

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a start that cannot succeed ends with one sentence', () => {
  test.for([
    [{ TOCSIN_LOGLEVEL: 'info' }, 2, 'TOCSIN_LOGLEVEL is not a setting: did you mean TOCSIN_LOG_LEVEL?'],
    [{ TOCSIN_COFFEE_TEMPERATURE: '80' }, 2, /^TOCSIN_COFFEE_TEMPERATURE is not a setting: the settings are TOCSIN_DATA, /],
    [{ TOCSIN_DATA: '/proc/nowhere/data' }, 2, 'TOCSIN_DATA /proc/nowhere/data is not writable (ENOENT).'],
    [{ TOCSIN_DATA: '/dev/null/data' }, 2, 'TOCSIN_DATA /dev/null/data is not writable (EEXIST).'],
  ] as const)('%o', { timeout: 60_000 * patience }, async ([env, code, sentence]) => {
    expect(await failed(env)).toEqual({ code, sentence: typeof sentence === 'string' ? sentence : expect.stringMatching(sentence), lines: 1 })
  })

  test.concurrent('a database that refuses: at once; settings of others in the environment are none of ours', async () => {
    const url = new URL(inject('templateUrl'))
    const shared = { TOCSIN_URL: 'http://localhost', TOCSIN_API_KEY: 'x', OTHER_TOCSIN_X: '1' }
    url.password = 'wrong'
    expect(await failed({ ...shared, DATABASE_URL: url.href })).toMatchObject({
      code: 2,
      sentence: `DATABASE_URL: the database at ${decodeURIComponent(url.host)} rejects this user or password.`,
      lines: 1,
    })
    const unknown = inject('templateUrl').replace(/\/tocsin$/, '/nowhere')
    expect(await failed({ DATABASE_URL: unknown })).toMatchObject({
      code: 2,
      sentence: `DATABASE_URL: the database at ${decodeURIComponent(url.host)} has no database with this name.`,
      lines: 1,
    })
  })

  test.concurrent('a database of another encoding, or one in which the user may make nothing: at once, with what to do', async () => {
    const admin = new pg.Client({ connectionString: inject('templateUrl').replace(/\/tocsin$/, '/postgres') })
    await admin.connect()
    const to = (database: string, user?: string) => {
      const url = new URL(inject('templateUrl'))
      url.pathname = `/${database}`
      if (user !== undefined) Object.assign(url, { username: user, password: 'x' })
      return url.href
    }
    try {
      for (const encoding of ['LATIN1', 'SQL_ASCII']) {
        await admin.query(`create database t_encoding encoding '${encoding}' template template0 locale 'C'`)
        expect(await failed({ DATABASE_URL: to('t_encoding') })).toEqual({
          code: 2,
          sentence: `DATABASE_URL: the database t_encoding has the encoding ${encoding}, but UTF8 is required. Create one with: create database "t_encoding_utf8" encoding 'UTF8' template template0;`,
          lines: 1,
        })
        await admin.query('drop database t_encoding with (force)')
      }
      await admin.query(`create role "t_o'dd" login password 'x'`)
      await admin.query('create database t_rights')
      const grants = `grant create on database "t_rights" to "t_o'dd"; grant usage, create on schema "public" to "t_o'dd";`
      expect(await failed({ DATABASE_URL: to('t_rights', "t_o'dd") })).toEqual({
        code: 2,
        sentence: `DATABASE_URL: the user t_o'dd may not create tables in the database t_rights. As its owner, run: ${grants}`,
        lines: 1,
      })
      // What it says helps; once set up, the rights are not needed.
      const owner = new pg.Client({ connectionString: to('t_rights') })
      await owner.connect()
      await owner.query(grants)
      await migrateDatabase(to('t_rights', "t_o'dd"))
      await owner.query(grants.replaceAll('grant', 'revoke').replaceAll(' to ', ' from '))
      await migrateDatabase(to('t_rights', "t_o'dd"))
      await owner.end()
    } finally {
      for (const name of ['t_encoding', 't_rights']) await admin.query(`drop database if exists ${name} with (force)`)
      await admin.query(`drop role if exists "t_o'dd"`)
      await admin.end()
    }
  })

  test.concurrent('a database that does not answer is waited for; SIGTERM ends the wait', async () => {
    const port = await freePort()
    const server = spawnServer({
      TOCSIN_DATA: join(folder, 'waiting'),
      PORT: '0',
      DATABASE_URL: `postgres://tocsin@127.0.0.1:${port}/tocsin`,
      TOCSIN_LOG_LEVEL: 'info',
    })
    await until(() => server.log().find(line => line.msg === 'waiting for the database'), 'it waits')
    expect(await server.stop()).toBe(0)
    // One that comes up meanwhile is used.
    const clone = await cloneDatabase()
    const late = spawnServer({
      TOCSIN_DATA: join(folder, 'late'),
      TOCSIN_SECRET: secret,
      PORT: '0',
      DATABASE_URL: clone.url.replace(/@.*\//, `@127.0.0.1:${port}/`),
      TOCSIN_LOG_LEVEL: 'info',
    })
    await until(() => (late.log().length > 0 ? true : undefined), 'it waits too')
    const wire = await layWire(clone.url, port)
    await late.ready
    expect(await late.stop()).toBe(0)
    wire.stop()
    await clone.drop()
  })

  test.concurrent('one that never answers ends the start with 1', { timeout: 90_000 * patience }, async () => {
    const port = await freePort()
    expect(await failed({ DATABASE_URL: `postgres://tocsin@127.0.0.1:${port}/tocsin` })).toEqual({
      code: 1,
      sentence: `The database at 127.0.0.1:${port} does not respond (ECONNREFUSED). Start it, or correct DATABASE_URL.`,
      lines: 1,
    })
  })
})

test('an unhandled rejection is logged; an uncaught exception shuts the server down in order', { timeout: 60_000 * patience }, async () => {
  const clone = await cloneDatabase()
  const fault = "process.on('SIGUSR2',()=>{Promise.reject(new Error('lost'))});process.on('SIGWINCH',()=>{throw new Error('thrown')})"
  const server = spawnServer({
    TOCSIN_DATA: join(folder, 'faults'),
    TOCSIN_SECRET: secret,
    PORT: '0',
    DATABASE_URL: clone.url,
    TOCSIN_LOG_LEVEL: 'info',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}`,
  })
  const { origin } = await server.ready
  server.child.kill('SIGUSR2')
  await until(() => server.log().find(line => line.msg === 'unhandled rejection'), 'it is logged')
  expect(await (await fetch(`${origin}/metrics`)).text()).toMatch(/tocsin_unexpected_errors_total\{kind="rejection"[^}]*\} 1/)
  server.child.kill('SIGWINCH')
  expect(await server.ended).toBe(1)
  expect(server.log().map(line => line.msg)).toContain('uncaught exception; shutting down')
  await clone.drop()
})

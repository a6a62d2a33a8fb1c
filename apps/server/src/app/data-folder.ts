import { chmodSync, linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { makeFolder } from '../kernel/folders.ts'

interface RunningServer {
  readonly pid: number
  readonly start: string
}

/**
 * Takes the data folder for this process, so that two servers never share one database cluster by mistake.
 * What a killed server left behind is taken over.
 * @throws ConfigProblem when another server runs on it, or it cannot be written.
 */
export function holdDataFolder(folder: string): { release(): void } {
  const path = join(folder, 'server.pid')
  // Written beside its place and linked there when whole: of two that start in the same moment one finds the other's.
  const mine = `${path}.${process.pid}`
  try {
    makeFolder(folder)
    // It holds the master key and the database: also one that was there before is for this user alone.
    const { mode, uid } = statSync(folder)
    if ((mode & 0o077) !== 0 && (process.getuid?.() === 0 || process.getuid?.() === uid)) chmodSync(folder, 0o700)
    writeFileSync(mine, JSON.stringify({ pid: process.pid, start: startOf(process.pid) }))
    try {
      while (!isLinked(mine, path)) {
        const holder = readHolder(path)
        if (isRunning(holder)) throw inUse(folder, holder)
        putAside(path, `${mine}.stale`, folder)
      }
    } finally {
      rmSync(mine, { force: true })
    }
  } catch (error) {
    if (error instanceof ConfigProblem) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigProblem(
      code === 'ENOSPC'
        ? `TOCSIN_DATA ${folder}: the disk is full. Free up space, then start again.`
        : `TOCSIN_DATA ${folder} is not writable (${code ?? String(error)}).`,
    )
  }
  return { release: () => rmSync(path, { force: true }) }
}

const inUse = (folder: string, { pid }: RunningServer) =>
  new ConfigProblem(`Another Tocsin server (process ${pid}) is using the data folder ${folder}. Stop it first, or set TOCSIN_DATA to another folder.`)

/** False where something stands there already. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Takes away what a killed server left. Another start may have done so meanwhile and have put its own there, which then goes back.
 * @throws ConfigProblem in that case
 */
function putAside(path: string, aside: string, folder: string): void {
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    const holder = readHolder(aside)
    if (!isRunning(holder)) return
    isLinked(aside, path)
    throw inUse(folder, holder)
  } finally {
    rmSync(aside, { force: true })
  }
}

function readHolder(path: string): RunningServer | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunningServer
  } catch {
    // None there, or damaged: nobody holds the folder.
    return undefined
  }
}

const isRunning = (holder: RunningServer | undefined): holder is RunningServer => holder !== undefined && startOf(holder.pid) === holder.start

/** When a process started, as the kernel counts it: a number that was given to another program has another start. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '')
  } catch {
    return isAlive(pid) ? 'running' : 'ended'
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

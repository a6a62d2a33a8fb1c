import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigProblem } from '../kernel/config.ts'
import { makeFolder } from '../kernel/folders.ts'

/**
 * Takes the data folder for this process, so that two servers never share one database cluster by mistake.
 * What a killed server left behind is taken over.
 * @throws ConfigProblem when another server runs on it, or it cannot be written.
 */
export function holdDataFolder(folder: string): { release(): void } {
  const path = join(folder, 'server.pid')
  try {
    makeFolder(folder)
    const holder = readHolder(path)
    if (holder && startOf(holder.pid) === holder.start)
      throw new ConfigProblem(
        `Another Tocsin server (process ${holder.pid}) is using the data folder ${folder}. Stop it first, or set TOCSIN_DATA to another folder.`,
      )
    writeFileSync(path, JSON.stringify({ pid: process.pid, start: startOf(process.pid) }))
  } catch (error) {
    if (error instanceof ConfigProblem) throw error
    throw new ConfigProblem(`TOCSIN_DATA ${folder} is not writable (${(error as NodeJS.ErrnoException).code ?? String(error)}).`)
  }
  return { release: () => rmSync(path, { force: true }) }
}

function readHolder(path: string): { pid: number; start: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { pid: number; start: string }
  } catch {
    // None there, or cut off while it was written: nobody holds the folder.
    return undefined
  }
}

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

import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it, for its owner alone. Node's own `recursive` never returns where the system says that a parent does not exist though it
 * does, as below /proc.
 * @throws the error of the system (`ENOENT`, `EACCES`, `ENOTDIR`, …)
 */
export function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Two that start at once make the same folder.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/**
 * Writes a file for its owner alone, unless there is one. It is written beside its place and linked there when it is whole and on disk: of two that start
 * at once the first wins, and none reads half of it.
 * @throws the error of the system
 */
export function writeOnce(path: string, text: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return
  const whole = `${path}.${randomBytes(6).toString('hex')}`
  const own = { mode: 0o600, flag: 'wx', flush: true } as const
  const isCode = (error: unknown, ...codes: string[]) => codes.includes((error as NodeJS.ErrnoException).code ?? '')
  try {
    writeFileSync(whole, text, own)
    try {
      linkSync(whole, path)
    } catch (error) {
      // Some file systems have no links.
      if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
      writeFileSync(path, text, own)
    }
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(whole, { force: true })
  }
}

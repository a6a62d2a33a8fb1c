import { mkdirSync, statSync } from 'node:fs'
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

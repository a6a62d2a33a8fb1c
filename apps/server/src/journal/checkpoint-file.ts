import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Checkpoint, type LogKeys, NotGenuine, notesIn, openCheckpoint } from '@tocsin/merkle'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { appendCheckpoint } from './witnesses/file.ts'

/** A file that grows past this becomes `FILE.1`, in place of the one before it, and a new one is begun. */
const maxBytes = 1_000_000

/**
 * The checkpoints that this installation signed, kept outside the database: signed notes one after the other, the newest last. Whoever rewrites the
 * database cannot rewrite what stands here.
 */
export class CheckpointFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * The newest checkpoint that one of these keys has signed; what a crash left half written is passed over. Undefined where there is none.
   * @throws ConfigProblem where the file cannot be read, or is of another log: to go on without it would be to sign whatever the database holds
   */
  last(keys: string | LogKeys): { readonly note: string; readonly checkpoint: Checkpoint } | undefined {
    for (const path of [this.#path, `${this.#path}.1`]) {
      const notes = notesIn(textOf(path)).reverse()
      assertOfLog(path, notes[0], keys)
      for (const found of notes) {
        try {
          return { note: found, checkpoint: openCheckpoint(found, keys) }
        } catch (error) {
          if (!(error instanceof NotGenuine)) throw error
        }
      }
    }
    return undefined
  }

  /** Appends a signed note; it is on the disk when this resolves. */
  async append(signed: string): Promise<void> {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    const size = await stat(this.#path).then(
      found => found.size,
      () => 0,
    )
    if (size > maxBytes) renameSync(this.#path, `${this.#path}.1`)
    await appendCheckpoint(this.#path, signed)
  }
}

/** @throws ConfigProblem for the newest checkpoint of another installation, whose data folder was taken or copied */
function assertOfLog(path: string, newest: string | undefined, keys: string | LogKeys): void {
  const key = typeof keys === 'string' ? keys : keys.at(-1)?.key
  const [found, own] = [newest?.split('\n')[0], key?.split('+')[0]]
  if (found === undefined || found === own) return
  throw new ConfigProblem(
    `${path} has checkpoints of another audit log (${found}) than the one in the database (${own}): TOCSIN_DATA is the data folder of another installation, or a copy of it. Set TOCSIN_DATA to the data folder of this database. If that is lost, move the checkpoint files (checkpoints.log and checkpoints.log.1) out of this one, and keep them.`,
  )
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return ''
    throw new ConfigProblem(
      `${path} cannot be read (${code ?? String(error)}): it has the checkpoints of the audit log that were signed last. Make it readable, or restore it from a backup.`,
    )
  }
}

import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { z } from 'zod'
import type { Alarms } from './alarms.ts'
import { type Config, settingsPart } from './config.ts'
import type { Database } from './database.ts'
import type { Finding } from './finding.ts'
import { AppProblem } from './problems.ts'
import { Repeating } from './repeating.ts'
import type { Log } from './telemetry.ts'
import { removeLeftFolders } from './temporary-files.ts'

const mebibyte = 1_048_576
const lookMs = 30_000
const alarmKey = 'disk-space'
/** The alarm resolves when so much more is free than is required: a disk at the edge pages once. */
const clearOf = 1.1

export const diskSettings = settingsPart(
  {
    TOCSIN_MIN_FREE_DISK_MB: z.coerce
      .number('must be a number of MB')
      .int('must be a whole number of MB')
      .min(0, 'must be at least 0')
      .default(1_024)
      .describe('Free space in MB below which no files are taken, of the data folder and the temporary folder'),
  },
  { TOCSIN_MIN_FREE_DISK_MB: 'value' },
)

interface Services {
  readonly config: Config
  readonly database: Database
  readonly alarms: Alarms
  readonly log: Log
}

/** Bytes of a folder's disk that this program may still fill. */
async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/**
 * Keeps files that anybody may send from filling the disk on which everything else is written: below a bound of free space none are taken, and administrators
 * are paged.
 */
export class DiskGuard {
  readonly #services: Services
  readonly #folders: readonly string[]
  readonly #minBytes: number
  readonly #freeBytesOf: (folder: string) => Promise<number>
  /** Whether the alarm may be open; at the start too, as an earlier process may have raised it. */
  #isOpen = true
  readonly #looks: Repeating

  constructor(services: Services, measure = freeBytesOf) {
    this.#services = services
    this.#looks = new Repeating(lookMs, () => this.look(), services.log, 'the free disk space could not be checked')
    this.#folders = [services.config.dataFolder, tmpdir()]
    this.#minBytes = services.config.of(diskSettings).TOCSIN_MIN_FREE_DISK_MB * mebibyte
    this.#freeBytesOf = measure
  }

  /** Before files are received. @throws AppProblem unavailable */
  async assertRoom(): Promise<void> {
    if ((await this.#leastFree()) >= this.#minBytes) return
    throw new AppProblem('unavailable', 'The server is low on disk space and takes no files at the moment. Send it without files, or try again later.')
  }

  async health(): Promise<Finding | undefined> {
    if ((await this.#leastFree()) >= this.#minBytes) return undefined
    return { severity: 'degraded', detail: `Less than ${this.#minBytes / mebibyte} MB of disk space are free: no files are taken.` }
  }

  start(): void {
    this.#looks.start()
  }

  async stop(): Promise<void> {
    await this.#looks.stop()
  }

  /** One look: removes what a killed process left, raises and resolves the alarm. */
  async look(): Promise<void> {
    await Promise.all([this.#follow(), removeLeftFolders()])
  }

  async #follow(): Promise<void> {
    const { database, alarms } = this.#services
    const free = await this.#leastFree()
    if (free < this.#minBytes) {
      this.#isOpen = true
      return database.transaction(tx =>
        alarms.raise(tx, {
          key: alarmKey,
          title: 'The server is low on disk space',
          summary: `${Math.floor(free / mebibyte)} MB are free in the data folder or the temporary folder, less than TOCSIN_MIN_FREE_DISK_MB (${this.#minBytes / mebibyte}). Uploads are refused until there is more. When the disk is full, nothing can be written, and nobody is notified.`,
        }),
      )
    }
    if (!this.#isOpen || free < this.#minBytes * clearOf) return
    await database.transaction(tx => alarms.resolve(tx, alarmKey))
    this.#isOpen = false
  }

  async #leastFree(): Promise<number> {
    return Math.min(...(await Promise.all(this.#folders.map(folder => this.#freeBytesOf(folder)))))
  }
}

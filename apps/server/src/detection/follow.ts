import type { FileHandle } from 'node:fs/promises'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { and, eq, isNull, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import type { Tx } from '../kernel/database.ts'
import { invalid } from '../kernel/problems.ts'
import { sentenceOf } from '../kernel/telemetry.ts'
import type { EventIntake } from './intake.ts'
import type { Parsers } from './parsers.ts'
import { sourceSettings } from './source-settings.ts'
import type { LogSourceRow } from './sources.ts'
import { followedFiles, logSources } from './tables.ts'

const pollMs = 500
const pieceBytes = 1_048_576
const maxFiles = 500
/** So much of a file's beginning tells it from another that has got its inode. */
const headBytes = 128
const packed = /\.(?:gz|xz|bz2|zst|zip)$/i

/** Does some work; what goes wrong is kept for the source's problem, and undefined comes back. */
type Attempt = <T>(work: () => Promise<T>) => Promise<T | undefined>

interface Followed {
  readonly identity: string
  readonly path: string
  readonly handle: FileHandle
  position: number
  head: string
}

/**
 * Checks the files that a source is to follow: whole paths within the folders that whoever runs the server has named, so that nobody can
 * read the server's other files through a page.
 * @throws AppProblem invalid
 */
export function assertFollowable(files: readonly string[], folders: readonly string[]): void {
  for (const [i, file] of files.entries()) {
    if (folders.length === 0) throw invalid(`files.${i}`, 'cannot be followed: set TOCSIN_FOLLOW_FOLDERS first')
    if (!isAbsolute(file)) throw invalid(`files.${i}`, 'must be an absolute path such as /var/log/auth.log')
    if (dirname(file).includes('*')) throw invalid(`files.${i}`, 'may have wildcards only in the file name')
    if (!folders.some(folder => isInside(normalize(file), folder))) throw invalid(`files.${i}`, `must be in one of ${folders.join(', ')}`)
  }
}

const isInside = (path: string, folder: string) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep)

/**
 * Follows log files as they grow. How far a file is read is written with the batch that was read, so that a server that is killed loses no
 * line and reads none twice. A file that was renamed (rotated) is read to its end before the new one; one that was cut is read anew.
 */
export class FileFollower {
  readonly #context: AppContext
  readonly #intake: EventIntake
  readonly #parsers: Parsers
  readonly #open = new Map<string, Followed>()
  readonly #problems = new Map<string, string>()
  #sources: Promise<LogSourceRow[]> | undefined
  #polling: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = true

  constructor(context: AppContext, intake: EventIntake, parsers: Parsers) {
    this.#context = context
    this.#intake = intake
    this.#parsers = parsers
  }

  start(): void {
    this.#isStopped = false
    this.#later()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#polling
    for (const { handle } of this.#open.values()) await handle.close()
    this.#open.clear()
  }

  /** Sources have changed. */
  forget(): void {
    this.#sources = undefined
  }

  /** Why a source's files cannot be read, or null. */
  problemOf(sourceId: string): string | null {
    return this.#problems.get(sourceId) ?? null
  }

  #later(): void {
    clearTimeout(this.#timer)
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.poll().then(() => this.#later()), pollMs)
  }

  /** Reads what has been added to all files since the last time. */
  poll(): Promise<void> {
    this.#polling ??= this.#poll()
      .catch((error: unknown) => this.#context.log.error({ err: error }, 'files could not be followed; retrying'))
      .finally(() => {
        this.#polling = undefined
      })
    return this.#polling
  }

  async #poll(): Promise<void> {
    this.#sources ??= this.#readSources()
    const sources = await this.#sources.catch((error: unknown) => {
      this.#sources = undefined
      throw error
    })
    for (const source of sources) {
      const problems: string[] = []
      // A file that cannot be read must not silence the others: whoever can write into a folder of logs could make one.
      const attempt: Attempt = async work => {
        try {
          return await work()
        } catch (error) {
          problems.push(sentenceOf(error))
          return undefined
        }
      }
      const paths = await this.#pathsOf(source, attempt)
      await attempt(() => this.#finishRenamed(source, paths))
      for (const path of paths) await attempt(() => this.#follow(source, path))
      this.#tell(source, problems)
    }
  }

  /** Logs a problem once, not twice a second. */
  #tell(source: LogSourceRow, [problem, ...others]: readonly string[]): void {
    if (problem === undefined) {
      this.#problems.delete(source.id)
      return
    }
    const sentence = others.length === 0 ? problem : `${problem} (and ${others.length} more)`
    if (this.#problems.get(source.id) !== sentence) this.#context.log.warn({ source: source.id, problem: sentence }, 'a file cannot be followed; retrying')
    this.#problems.set(source.id, sentence)
  }

  async #readSources(): Promise<LogSourceRow[]> {
    const rows = await this.#context.database.reader().db.select().from(logSources).where(isNull(logSources.revokedAt))
    return rows.filter(({ files }) => files.length > 0)
  }

  /** The files that exist now; those that are followed already come first. A link that leads out of the folders is not followed. */
  async #pathsOf({ files }: LogSourceRow, attempt: Attempt): Promise<string[]> {
    const known = new Set([...this.#open.values()].map(({ path }) => path))
    const named = new Set<string>()
    for (const file of files) {
      const name = basename(file)
      const names = name.includes('*') ? await attempt(async () => (await readdir(dirname(file))).filter(wildcard(name)).sort()) : [name]
      for (const one of names ?? []) if (!packed.test(one)) named.add(join(dirname(file), one))
    }
    const found: string[] = []
    for (const path of [...named].toSorted((a, b) => Number(known.has(b)) - Number(known.has(a)))) {
      if (found.length === maxFiles) {
        await attempt(() => Promise.reject(new Error(`more than ${maxFiles} files match ${files.join(', ')}; the others are not read`)))
        break
      }
      if (await attempt(() => this.#isFollowable(path))) found.push(path)
    }
    return found
  }

  async #isFollowable(path: string): Promise<boolean> {
    const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (real === undefined) return false
    const folders = await Promise.all(this.#context.config.of(sourceSettings).TOCSIN_FOLLOW_FOLDERS.map(folder => realpath(folder).catch(() => folder)))
    if (!folders.some(folder => isInside(real, folder))) throw new Error(`${path} links to ${real}, which is outside TOCSIN_FOLLOW_FOLDERS`)
    return (await stat(real)).isFile()
  }

  async #follow(source: LogSourceRow, path: string): Promise<void> {
    const followed = await this.#opened(source, path)
    await this.#readOn(source, followed, false)
  }

  async #opened(source: LogSourceRow, path: string): Promise<Followed> {
    const about = await stat(path, { bigint: true })
    const identity = `${about.dev}:${about.ino}`
    const key = `${source.id} ${identity}`
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const handle = await open(path, 'r')
    try {
      // Between the look and the opening, another file may have been put there.
      const opened = await handle.stat({ bigint: true })
      if (`${opened.dev}:${opened.ino}` !== identity || !(await this.#isFollowable(path))) throw new Error(`${path} was replaced while it was opened`)
      const [row] = await this.#context.database
        .reader()
        .db.select()
        .from(followedFiles)
        .where(and(eq(followedFiles.sourceId, source.id), eq(followedFiles.identity, identity)))
      const fresh = { identity, path, handle, position: row?.position ?? 0, head: row?.head ?? '' }
      this.#open.set(key, fresh)
      return fresh
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Files that are at their path no longer: read to the end, also those that were renamed while no server ran. */
  async #finishRenamed(source: LogSourceRow, paths: readonly string[]): Promise<void> {
    const now = new Set<string>()
    for (const path of paths) {
      const about = await stat(path, { bigint: true }).catch(() => undefined)
      if (about !== undefined) now.add(`${source.id} ${about.dev}:${about.ino}`)
    }
    const own = [...this.#open].filter(([key]) => key.startsWith(`${source.id} `))
    if (own.length === 0) await this.#findRenamed(source, paths, now)
    for (const [key, followed] of this.#open) {
      if (!key.startsWith(`${source.id} `) || now.has(key)) continue
      await this.#readOn(source, followed, true)
      await followed.handle.close()
      this.#open.delete(key)
    }
  }

  /** After a start: files whose reading had not ended may have other names now. */
  async #findRenamed(source: LogSourceRow, paths: readonly string[], now: ReadonlySet<string>): Promise<void> {
    const rows = await this.#context.database.reader().db.select().from(followedFiles).where(eq(followedFiles.sourceId, source.id))
    for (const folder of new Set(source.files.map(file => dirname(file)))) {
      const missing = rows.filter(row => dirname(row.path) === folder && !now.has(`${source.id} ${row.identity}`))
      if (missing.length === 0) continue
      for (const name of await readdir(folder)) {
        const path = join(folder, name)
        if (packed.test(name) || paths.includes(path)) continue
        const about = await stat(path, { bigint: true }).catch(() => undefined)
        if (about?.isFile() && missing.some(row => row.identity === `${about.dev}:${about.ino}`) && (await this.#isFollowable(path)))
          await this.#opened(source, path)
      }
    }
  }

  /** @param isOver nothing will be added: the last line may lack its newline */
  async #readOn(source: LogSourceRow, followed: Followed, isOver: boolean): Promise<void> {
    await this.#noticeCut(followed)
    while (!this.#isStopped && !this.#intake.isFull) {
      const piece = Buffer.alloc(pieceBytes)
      const { bytesRead } = await followed.handle.read(piece, 0, pieceBytes, followed.position)
      if (bytesRead === 0) return
      const read = piece.subarray(0, bytesRead)
      const newline = read.lastIndexOf(10)
      // A line that fills the whole piece is taken in parts; one that is not whole yet is left.
      const size = newline >= 0 ? newline + 1 : isOver || bytesRead === pieceBytes ? bytesRead : 0
      if (size === 0) return
      const head = followed.position === 0 ? read.toString('hex', 0, Math.min(size, headBytes)) : followed.head
      await this.#take(source, { ...followed, position: followed.position + size, head }, read.subarray(0, size))
      followed.position += size
      followed.head = head
    }
  }

  /** A file that is shorter than what was read of it was cut; one that begins otherwise is another one. */
  async #noticeCut(followed: Followed): Promise<void> {
    if (followed.position === 0) return
    const { size } = await followed.handle.stat()
    const wanted = Buffer.from(followed.head, 'hex')
    const head = Buffer.alloc(wanted.length)
    await followed.handle.read(head, 0, head.length, 0)
    if (size >= followed.position && head.equals(wanted)) return
    followed.position = 0
    followed.head = ''
  }

  async #take(source: LogSourceRow, { identity, path, position, head }: Followed, bytes: Buffer): Promise<void> {
    const readAt = this.#context.clock.now()
    const row = { path, position, head, readAt }
    await this.#intake.acceptAll(source, await this.#parsers.file(bytes, path, readAt), async (tx: Tx) => {
      await tx.db
        .insert(followedFiles)
        .values({ sourceId: source.id, identity, ...row })
        .onConflictDoUpdate({ target: [followedFiles.sourceId, followedFiles.identity], set: row })
      // What stood at this path a year ago has been rotated away long since.
      await tx.db
        .delete(followedFiles)
        .where(
          and(eq(followedFiles.sourceId, source.id), eq(followedFiles.path, path), sql`${followedFiles.readAt} < ${readAt}::timestamptz - interval '365 days'`),
        )
    })
  }
}

function wildcard(name: string): (candidate: string) => boolean {
  const parts = name.split('*').map(part => part.replaceAll(/[.\\+?^${}()|[\]]/g, '\\$&'))
  const pattern = new RegExp(`^${parts.join('[^/]*')}$`)
  return candidate => pattern.test(candidate) && !candidate.startsWith('.')
}

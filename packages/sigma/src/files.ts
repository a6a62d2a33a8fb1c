import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { Engine, type EngineOptions } from './engine.ts'
import { compileApart, type Placeholders, type RuleFile } from './index.ts'

/** A path that rules cannot be read from, in one sentence. */
export class UnreadableRules extends Error {
  override readonly name = 'UnreadableRules'
}

const maxFiles = 100_000
const maxFileBytes = 2_000_000
/** Of everything in an archive, unpacked: all of SigmaHQ has a tenth. */
const maxBytes = 128_000_000
const isRuleFile = (name: string) => /\.ya?ml$/i.test(name) && !/(^|[\\/])\./.test(name)

/**
 * The rule files at a path: a file, a folder or a .tar.gz, in the order of their names.
 * @param name what the file is called, where its path does not say
 * @throws UnreadableRules
 */
export async function readRuleFiles(path: string, name = path): Promise<RuleFile[]> {
  const about = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UnreadableRules(error.code === 'ENOENT' ? `${path} does not exist.` : `${path} cannot be read (${error.code}).`)
  })
  if (about.isDirectory()) return readFolder(path)
  if (/\.(tar\.gz|tgz|tar)$/i.test(name)) return readArchive(path, /\.tar$/i.test(name))
  return [{ name, text: await readText(path) }]
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > maxFileBytes) throw new UnreadableRules(`${path} is larger than ${maxFileBytes / 1e6} MB, the maximum for a rule file.`)
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UnreadableRules(`${path} cannot be read (${error.code}).`)
  })
}

async function readFolder(folder: string): Promise<RuleFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter(entry => entry.isFile() && isRuleFile(relative(folder, join(entry.parentPath, entry.name))))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  if (paths.length > maxFiles) throw new UnreadableRules(`${folder} has more than ${maxFiles} rule files.`)
  const files: RuleFile[] = []
  for (let i = 0; i < paths.length; i += 64)
    files.push(
      ...(await Promise.all(paths.slice(i, i + 64).map(async path => ({ name: relative(folder, path).split(sep).join('/'), text: await readText(path) })))),
    )
  return files
}

async function readArchive(path: string, isPlain: boolean): Promise<RuleFile[]> {
  const files: RuleFile[] = []
  let bytes = 0
  const archive = extract()
  archive.on('entry', (header, stream, next) => {
    const pieces: Buffer[] = []
    let size = 0
    const isWanted = header.type === 'file' && isRuleFile(header.name)
    stream.on('data', piece => {
      if (!Buffer.isBuffer(piece)) return
      size += piece.length
      bytes += piece.length
      if (bytes > maxBytes || (isWanted && (size > maxFileBytes || files.length >= maxFiles)))
        archive.destroy(new UnreadableRules(`${path} is too large: at most ${maxFiles} files of ${maxFileBytes / 1e6} MB, ${maxBytes / 1e6} MB in all.`))
      else if (isWanted) pieces.push(piece)
    })
    // Ended with the archive, which tells why; without a listener the process would end as well.
    stream.on('error', () => undefined)
    stream.on('end', () => {
      if (isWanted) files.push({ name: header.name.replace(/^\.\//, ''), text: Buffer.concat(pieces).toString('utf8') })
      next()
    })
    stream.resume()
  })
  try {
    if (isPlain) await pipeline(createReadStream(path), archive)
    else await pipeline(createReadStream(path), createGunzip(), archive)
  } catch (error) {
    throw error instanceof UnreadableRules ? error : new UnreadableRules(`${path} is not a readable archive (${(error as Error).message}).`)
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Where compiled rules are kept: the user's cache folder. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tocsin')
}

/** A digest of this package's code: rules compiled by other code are not taken. */
async function codeDigest(): Promise<string> {
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const digest = createHash('sha256')
  for (const name of (await readdir(folder, { recursive: true })).sort())
    if (/\.(ts|wasm)$/.test(name) && !/\.test\.ts$/.test(name)) digest.update(name).update(await readFile(join(folder, name)))
  return digest.digest('hex')
}

/**
 * Compiles rules, or takes them from the cache where the same rules were compiled by the same code before.
 * A cache that cannot be read or written costs time, nothing else.
 */
export async function compileCached(files: readonly RuleFile[], options: EngineOptions & { placeholders?: Placeholders }, folder: string): Promise<Engine> {
  const { placeholders = {}, ...rest } = options
  const digest = createHash('sha256')
    .update(await codeDigest())
    .update(JSON.stringify([placeholders, rest]))
  for (const { name, text } of files) digest.update(`${name.length} ${text.length} `).update(name).update(text)
  const path = join(folder, `rules-${digest.digest('hex').slice(0, 32)}.bin`)
  const known = await loadSaved(path)
  if (known !== undefined) return known
  const saved = await compileApart(files, options)
  await keep(folder, path, saved)
  const engine = Engine.load(saved)
  if (engine === undefined) throw new Error('the engine was compiled by another version')
  return engine
}

async function loadSaved(path: string): Promise<Engine | undefined> {
  try {
    return Engine.load(await readFile(path))
  } catch {
    // Not there, or damaged: it is compiled anew.
    return undefined
  }
}

/** Written beside and renamed, so that nobody reads half of it; the oldest beyond a few are removed. */
async function keep(folder: string, path: string, saved: Uint8Array): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const temporary = `${path}.${process.pid}`
    await writeFile(temporary, saved, { mode: 0o600 })
    await rename(temporary, path)
    const others = (await readdir(folder)).filter(name => /^rules-.*\.bin$/.test(name)).map(name => join(folder, name))
    const aged = await Promise.all(others.map(async name => ({ name, at: (await stat(name)).mtimeMs })))
    for (const { name } of aged.toSorted((a, b) => b.at - a.at).slice(8)) await rm(name, { force: true })
  } catch {
    // A full or read-only disk: the rules are compiled again next time.
  }
}

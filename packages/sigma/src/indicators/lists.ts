import { type Duplex, pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { CsvError, parse } from 'csv-parse'
import { type Indicator, parseIndicator } from './indicator.ts'
import { indicatorsOfPattern, UnsupportedPattern } from './stix.ts'

/** An indicator with what its list says of it. */
export interface ListedIndicator extends Indicator {
  readonly description: string
  /** When it ends by itself, ISO 8601. */
  readonly validUntil: string | undefined
  /** The STIX object that names it. */
  readonly objectId?: string
}

/** An entry that is not taken. */
export interface ListProblem {
  /** `line 5`, or the id of a STIX object. */
  readonly at: string
  readonly reason: string
}

export interface ListPart {
  readonly indicators: readonly ListedIndicator[]
  readonly problems: readonly ListProblem[]
  /** STIX objects whose indicators no longer hold: revoked, or given anew in this part. */
  readonly replaced: readonly string[]
}

/** A list that cannot be read at all, in one sentence without its name. */
export class UnreadableList extends Error {
  override readonly name = 'UnreadableList'
}

/** A STIX bundle is held in memory. */
export const maxBundleBytes = 256 * 1_048_576
/** Few enough that to store them holds nothing else up. */
const partSize = 2_000

/**
 * Reads a list of indicators: a STIX 2.1 bundle, a CSV, or a line each; also compressed by gzip.
 * @throws UnreadableList
 */
export async function* readIndicators(source: AsyncIterable<Uint8Array>): AsyncIterable<ListPart> {
  const pieces = source[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return
  const head = Buffer.from(first.value)
  const whole = (async function* () {
    yield head
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) yield Buffer.from(piece.value)
  })()
  if (head[0] === 0x1f && head[1] === 0x8b) {
    try {
      yield* readIndicators(joined(Readable.from(whole), createGunzip()))
    } catch (error) {
      throw error instanceof UnreadableList ? error : new UnreadableList('is not valid gzip')
    }
    return
  }
  if (/^\uFEFF?\s*\{/.test(head.toString('utf8', 0, 200))) yield* bundleParts(whole)
  else yield* lineParts(whole)
}

/** What comes out of a transformation; failures of its source are its own. */
function joined<Out extends Duplex>(from: Readable, to: Out): Out {
  pipeline(from, to, () => undefined)
  return to
}

async function* bundleParts(whole: AsyncIterable<Buffer>): AsyncIterable<ListPart> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of whole) {
    size += piece.length
    if (size > maxBundleBytes) throw new UnreadableList(`is larger than ${maxBundleBytes / 1_048_576} MB: split it`)
    pieces.push(piece)
  }
  let bundle: unknown
  try {
    bundle = JSON.parse(
      Buffer.concat(pieces)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    )
  } catch {
    throw new UnreadableList('looks like a STIX bundle but is not valid JSON')
  }
  const objects = (bundle as { objects?: unknown } | null)?.objects
  if (!Array.isArray(objects)) throw new UnreadableList('is JSON but not a STIX 2.1 bundle: the list of objects is missing')
  for (let from = 0; from < objects.length; from += partSize) yield indicatorsOfObjects(objects.slice(from, from + partSize))
}

/** The indicators among STIX 2.1 objects, of a bundle or from a TAXII server. Those that were revoked are only named as replaced. */
export function indicatorsOfObjects(objects: readonly unknown[]): ListPart {
  const indicators: ListedIndicator[] = []
  const replaced: string[] = []
  const problems: ListProblem[] = []
  for (const object of objects) {
    if (typeof object !== 'object' || object === null) continue
    const { type, id, pattern, pattern_type: language = 'stix', name, description, valid_until: until, revoked } = object as Readonly<Record<string, unknown>>
    if (type !== 'indicator') continue
    if (typeof id === 'string') replaced.push(id)
    if (revoked === true) continue
    const at = typeof id === 'string' ? id.slice(0, 200) : 'an indicator without id'
    if (language !== 'stix' || typeof pattern !== 'string') {
      problems.push({ at, reason: `its pattern type is ${String(language).slice(0, 50)}, not stix` })
      continue
    }
    try {
      const text = [name, description].filter(part => typeof part === 'string' && part !== '').join(': ')
      const validUntil = instantOf(typeof until === 'string' ? until : '')
      for (const indicator of indicatorsOfPattern(pattern))
        indicators.push({ ...indicator, description: text.slice(0, 1_000), validUntil, ...(typeof id === 'string' ? { objectId: id } : {}) })
    } catch (error) {
      if (!(error instanceof UnsupportedPattern)) throw error
      problems.push({ at, reason: error.message })
    }
  }
  return { indicators, problems, replaced }
}

const instantOf = (text: string): string | undefined => {
  const at = text === '' ? Number.NaN : Date.parse(text)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

const valueColumns = [
  'indicator',
  'ioc',
  'ioc_value',
  'value',
  'ip',
  'ip_address',
  'dst_ip',
  'address',
  'domain',
  'hostname',
  'host',
  'url',
  'sha256_hash',
  'sha256',
  'sha1',
  'md5',
  'hash',
]
const descriptionColumns = ['description', 'comment', 'malware_printable', 'malware', 'threat', 'signature', 'tags', 'category', 'reference']
const untilColumns = ['valid_until', 'expires', 'expires_at', 'expiration', 'expiry']

/** Where the value, its description and its end stand in a row. */
interface Columns {
  readonly value: number
  readonly description: number
  readonly until: number
}

function columnsOf(row: readonly string[]): Columns {
  const names = row.map(cell =>
    cell
      .trim()
      .toLowerCase()
      .replace(/^#\s*/, '')
      .replaceAll(/[\s-]+/g, '_')
      .replaceAll('"', ''),
  )
  const find = (wanted: readonly string[]) => wanted.map(name => names.indexOf(name)).find(at => at >= 0) ?? -1
  return { value: find(valueColumns), description: find(descriptionColumns), until: find(untilColumns) }
}

async function* lineParts(whole: AsyncIterable<Buffer>): AsyncIterable<ListPart> {
  // A URL has commas and semicolons: where no header names a column, a line that is an indicator as it stands is not cut at them.
  const rows = joined(
    Readable.from(whole),
    parse({
      bom: true,
      delimiter: [',', ';', '\t'],
      raw: true,
      info: true,
      relax_quotes: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: 100_000,
    }),
  )
  let columns: Columns | undefined
  let indicators: ListedIndicator[] = []
  let problems: ListProblem[] = []
  try {
    for await (const { record, raw, info } of rows as AsyncIterable<{ record: string[]; raw: string; info: { lines: number } }>) {
      const line = raw.trim()
      const isComment = /^\s*(#|\/\/)/.test(line)
      if (columns === undefined || isComment) {
        const named = columnsOf(record)
        const isHeader = named.value >= 0 && parseIndicator(record[named.value] ?? '') === undefined
        if (isHeader) columns = named
        else if (!isComment) columns ??= { value: -1, description: -1, until: -1 }
        if (isHeader || isComment) continue
      }
      const found = rowOf(line, record, columns ?? { value: -1, description: -1, until: -1 })
      if (found === undefined) problems.push({ at: `line ${info.lines}`, reason: `no IP address, domain, URL or hash found: ${line.slice(0, 100)}` })
      else indicators.push(found)
      if (indicators.length + problems.length < partSize) continue
      yield { indicators, problems, replaced: [] }
      indicators = []
      problems = []
    }
  } catch (error) {
    if (error instanceof CsvError) throw new UnreadableList(`is not valid CSV: ${error.message}`)
    throw error
  }
  yield { indicators, problems, replaced: [] }
}

function rowOf(line: string, record: readonly string[], { value, description, until }: Columns): ListedIndicator | undefined {
  const indicator =
    (value < 0 ? parseIndicator(line) : undefined) ??
    parseIndicator(record[value] ?? '') ??
    record.reduce<Indicator | undefined>((found, cell) => found ?? parseIndicator(cell), undefined) ??
    // A comment may stand behind a value, and a file of hosts has its own address before it.
    parseIndicator(line.replace(/^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+/, '').split(/\s+[#;]|\s+/)[0] ?? '')
  if (indicator === undefined) return undefined
  return { ...indicator, description: (record[description] ?? '').slice(0, 1_000), validUntil: instantOf(record[until] ?? '') }
}

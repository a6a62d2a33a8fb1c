import { canonicalJson, digest } from './canonical.ts'
import { type Checkpoint, type LogKeys, NotGenuine, openCheckpoint } from './checkpoint.ts'
import { type CommittedValue, commitmentsIn, isCommitted, reveal } from './commitment.ts'
import { hashBody, type LeafBody, type LeafHeader, leafData, saltBytes } from './journal-leaf.ts'
import { logKeys } from './log-keys.ts'
import { append, emptyFrontier, leafHash, root, verifyInclusion } from './tree.ts'

/**
 * One journal entry as exported: its place in the tree, its header, and the hashes that lead from it to the root (base64). Its body is
 * there with its salt (base64), or it is withheld or erased and only `bodyHash` (base64) stands for it. `values` are the texts that the body commits to, each
 * with the salt of its commitment, by their paths in the data; one that is missing was erased.
 */
export interface ExportedEntry {
  readonly index: number
  readonly header: LeafHeader
  readonly salt?: string
  readonly body?: LeafBody
  readonly values?: Readonly<Record<string, CommittedValue>>
  readonly bodyHash?: string
  readonly proof: readonly string[]
}

/** What `tocsin journal verify` found. `problems` is empty when everything holds. */
export interface ExportVerification {
  readonly origin: string
  /** The log's newest key that the file names. */
  readonly key: string
  readonly treeSize: number
  readonly entries: number
  /** Entries whose body was withheld or erased: their headers are proved, and that nobody can have changed what they stand for. */
  readonly withheld: number
  /** Texts that bodies commit to and that were erased: what they said is gone, and that they were there is proved. */
  readonly erased: number
  /** How many entries there are of each type, by the headers. Where `isComplete`, these are all that were ever written. */
  readonly types: Readonly<Record<string, number>>
  /** True when the file holds every entry of the tree, not a selection such as one incident's. */
  readonly isComplete: boolean
  readonly problems: readonly string[]
}

/** The third has the statements that lead from earlier keys of the log to its newest, and the fourth the texts that bodies commit to. */
const formats = ['tocsin journal export v2', 'tocsin journal export v3', 'tocsin journal export v4'] as const
type Format = (typeof formats)[number]
const format: Format = 'tocsin journal export v4'

/** What an export says before its entries. */
export interface ExportHead {
  readonly key: string
  readonly successions?: readonly string[]
  readonly checkpoint: string
  readonly document: unknown
  /** By default the newest. */
  readonly format?: Format
}

/**
 * Writes an export: a JSON file that needs nothing but itself (and, for distrust, the log's key from elsewhere) to be checked. The members
 * stand on a line each: format, key, successions where the key was replaced, checkpoint, document, then entries, one a line; each value is canonical JSON (RFC 8785), so that
 * every byte of the file is covered by a hash or a signature. The last entry is that of the export itself: its `body.data.documentSha256`
 * is the {@link digest} of the document.
 */
export const writeExport = ({ entries, ...head }: ExportHead & { readonly entries: readonly ExportedEntry[] }): string =>
  exportStart(head) + exportEntries(entries, true) + exportEnd(entries.length)

/** An export as far as its first entry. What is large is written in pieces: this, its entries some at a time, and the end. */
export function exportStart({ key, successions = [], checkpoint, document, format: wanted = format }: ExportHead): string {
  return [
    '{',
    `  "format": ${JSON.stringify(wanted)},`,
    `  "key": ${canonicalJson(key)},`,
    ...(successions.length === 0 ? [] : [`  "successions": ${canonicalJson(successions)},`]),
    `  "checkpoint": ${canonicalJson(checkpoint)},`,
    `  "document": ${canonicalJson(document)},`,
    '  "entries": [',
  ].join('\n')
}

/** Entries of an export, in their order. @param isFirst whether none were written before them */
export const exportEntries = (entries: readonly ExportedEntry[], isFirst: boolean): string =>
  entries
    .map(({ index, header, salt, body, values, bodyHash, proof }, position) => {
      const separator = isFirst && position === 0 ? '\n' : ',\n'
      return `${separator}    ${canonicalJson({ index, header, salt, body, values, bodyHash, proof })}`
    })
    .join('')

/** @param count how many entries were written */
export const exportEnd = (count: number): string => (count === 0 ? ']\n}\n' : '\n  ]\n}\n')

/**
 * Checks an export byte by byte: the signature of its checkpoint, each entry against the checkpoint, the document against
 * the entry that recorded the export, and that the file is spelled exactly as it was written.
 * @param trustedKey a key of the log as known from elsewhere, from which the file may lead to a newer one; without it the key inside the file is believed.
 * @param since older checkpoints (signed notes) that the audit log has to extend; the file is then one of the whole audit log.
 */
export function verifyExport(text: string, trustedKey?: string, since?: readonly string[]): ExportVerification {
  const problems: string[] = []
  const parsed = parseExport(text, problems)
  if (!parsed) return { origin: '', key: '', treeSize: 0, entries: 0, withheld: 0, erased: 0, types: {}, isComplete: false, problems }
  const keys = keysOf(parsed, trustedKey, problems)
  let origin = ''
  let treeSize = 0
  try {
    const checkpoint = openCheckpoint(parsed.checkpoint, keys)
    origin = checkpoint.origin
    treeSize = checkpoint.size
    verifyEntries(parsed.entries, checkpoint, problems)
  } catch (error) {
    if (!(error instanceof NotGenuine)) throw error
    problems.push(error.message)
  }
  // Nothing of the file's shape is certain yet: a changed byte may have renamed a member.
  const last = parsed.entries.at(-1) as { body?: { data?: { documentSha256?: unknown } | null } | null } | null | undefined
  if (last?.body?.data?.documentSha256 !== digest(parsed.document))
    problems.push('the document was changed: its digest is not the one that the last entry recorded at export')
  if (problems.length === 0) problems.push(...missingFrom(parsed), ...erasedInSilence(parsed))
  if (problems.length === 0 && since !== undefined) verifyExtends(parsed, treeSize, keys, since, problems)
  if (problems.length === 0 && writeExport(parsed) !== text) problems.push(respelledAt(text, writeExport(parsed)))
  const isComplete = parsed.entries.length === treeSize && parsed.entries.every((entry, position) => entry.index === position)
  return { origin, key: parsed.key, treeSize, entries: parsed.entries.length, ...contentsOf(parsed.entries), isComplete, problems }
}

/** The keys that may have signed: those of the file, if they lead from the trusted one; else that one alone. */
function keysOf({ key, successions }: ParsedExport, trustedKey: string | undefined, problems: string[]): LogKeys {
  const alone = [{ key: trustedKey ?? key, maxSize: Number.POSITIVE_INFINITY }]
  try {
    const keys = logKeys(key, successions)
    if (trustedKey === undefined || keys.some(known => known.key === trustedKey)) return keys
    problems.push('the key in the file does not match the trusted key')
  } catch (error) {
    if (!(error instanceof NotGenuine)) throw error
    problems.push(error.message)
  }
  return alone
}

/** The data of an exported entry with the texts that it commits to, as it was recorded. Of a genuine entry. */
export const exportedData = ({ body, values }: Pick<ExportedEntry, 'values'> & { readonly body?: { readonly data?: unknown } | undefined }): unknown =>
  body && reveal(body.data, path => values?.[path]?.value)

/** What an entry of an erasure says of what was erased; nothing of what is not such a list. */
function erasedBy({ header, body }: ExportedEntry): string[] {
  const { fields } = (header.type === 'erasure.done' ? (body?.data ?? {}) : {}) as { fields?: unknown }
  return Array.isArray(fields)
    ? (fields as readonly { entryId?: unknown; path?: unknown }[]).map(field => `${String(field?.entryId)} ${String(field?.path)}`)
    : []
}

/**
 * Texts that are missing without an erasure on record: whoever owns the database could have deleted them, and whoever had the file could have taken them out.
 * An erasure is within the same incident as what it erased, so that a file that has the body of one has that of the other.
 */
function erasedInSilence({ entries }: ParsedExport): string[] {
  const recorded = new Set(entries.flatMap(erasedBy))
  return entries.flatMap((entry, position) =>
    erasedFrom(entry)
      .filter(path => !recorded.has(`${entry.body?.id} ${path}`))
      .map(path => `${nameOf(entry, position)} has no ${path.slice(1)}, and no entry says that it was erased`),
  )
}

/** The paths of the texts that were erased from an entry. */
const erasedFrom = ({ body, values = {} }: ExportedEntry): string[] => [...commitmentsIn(body?.data).keys()].filter(path => !Object.hasOwn(values, path))

/** The digest of a selection of entries, in any order: nobody can leave one out, or put another in, without changing it. */
export function selectionDigest(bodyHashes: readonly Uint8Array[]): string {
  return digest(bodyHashes.map(hash => Buffer.from(hash).toString('base64')).sort())
}

/** Whether all entries are there that the export was made with: every one of the audit log, or those that its own entry counted. */
function missingFrom({ document, entries }: ParsedExport): string[] {
  const isWhole = isObject(document) && (document as { scope?: unknown }).scope === 'all'
  const missing = isWhole ? entries.findIndex((entry, position) => entry.index !== position) : -1
  if (missing !== -1) return [`the entry with index ${missing} is missing: the file was exported with every entry of the audit log`]
  const { selection } = (entries.at(-1)?.body?.data ?? {}) as { selection?: { entries?: unknown; sha256?: unknown } }
  if (selection === undefined) return []
  const selected = entries.slice(0, -1)
  if (selection.entries !== selected.length) return [`${selected.length} entries are there, but the file was exported with ${String(selection.entries)}`]
  const hashes = selected.flatMap(entry => bodyHashOf(entry) ?? [])
  return selection.sha256 === selectionDigest(hashes) ? [] : ['the entries are not those that the file was exported with']
}

function verifyExtends({ entries, checkpoint }: ParsedExport, treeSize: number, keys: LogKeys, notes: readonly string[], problems: string[]): void {
  for (const note of notes) {
    let older: Checkpoint
    try {
      older = openCheckpoint(note, keys)
    } catch (error) {
      if (!(error instanceof NotGenuine)) throw error
      problems.push(`of the older checkpoint: ${error.message}`)
      continue
    }
    const found = rootOf(entries, older.size) ?? (older.size === treeSize ? openCheckpoint(checkpoint, keys).root : undefined)
    if (older.size > treeSize)
      problems.push(`the audit log has ${treeSize} entries, fewer than the ${older.size} of the older checkpoint: it was rewritten, or the file is older`)
    else if (found === undefined)
      problems.push(
        `the file does not hold the first ${older.size} of ${treeSize} entries, so that it cannot be compared with the older checkpoint: take an export of the whole audit log`,
      )
    else if (Buffer.compare(found, older.root) !== 0)
      problems.push(`the first ${older.size} of ${treeSize} entries are not those of the older checkpoint: the audit log was rewritten`)
  }
}

/** The root of the first `size` entries; undefined where the file does not hold them all. Their inclusion was verified. */
function rootOf(entries: readonly ExportedEntry[], size: number): Uint8Array | undefined {
  let frontier = emptyFrontier
  for (const [position, entry] of entries.slice(0, size).entries()) {
    const hash = bodyHashOf(entry)
    if (entry.index !== position || hash === undefined) return undefined
    frontier = append(frontier, leafHash(leafData(entry.header, hash))).frontier
  }
  return frontier.size === size ? root(frontier) : undefined
}

function contentsOf(entries: readonly (ExportedEntry | null | undefined)[]): Pick<ExportVerification, 'withheld' | 'erased' | 'types'> {
  const types = new Map<string, number>()
  for (const entry of entries) {
    const type = String(entry?.header?.type)
    types.set(type, (types.get(type) ?? 0) + 1)
  }
  const erased = entries.reduce((sum, entry) => sum + (entry ? erasedFrom(entry).length : 0), 0)
  return { withheld: entries.filter(entry => entry?.bodyHash !== undefined).length, erased, types: Object.fromEntries([...types].sort()) }
}

/** Names the first line that differs from how the same content is written: spaces, key order, escapes or extra members. */
function respelledAt(text: string, written: string): string {
  if (text.replaceAll('\r\n', '\n') === written) return 'the line ends of the file were changed, as by an editor or a transfer as text; every byte counts'
  const lines = text.split('\n')
  const expected = written.split('\n')
  const line = lines.findIndex((content, position) => content !== expected[position])
  const entry = lines.slice(0, line + 1).filter(content => content.startsWith('    {')).length
  const isEntry = lines[line]?.startsWith('    {') === true
  return `${isEntry ? `entry ${entry} of the file` : `line ${line === -1 ? lines.length : line + 1}`} is not spelled as it was exported`
}

interface ParsedExport {
  format: Format
  key: string
  successions: string[]
  checkpoint: string
  document: unknown
  entries: ExportedEntry[]
}

function parseExport(text: string, problems: string[]): ParsedExport | undefined {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(text) as Record<string, unknown>
  } catch (error) {
    problems.push(`${brokenLine(text) ?? 'the file'} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
  const written = formats.find(each => each === value?.format)
  const successions = written === formats[0] ? [] : (value?.successions ?? [])
  const isExport =
    written !== undefined &&
    Array.isArray(successions) &&
    successions.every(note => typeof note === 'string') &&
    typeof value.key === 'string' &&
    typeof value.checkpoint === 'string' &&
    Array.isArray(value.entries)
  if (!isExport) {
    problems.push(`the file is not a "${format}"`)
    return undefined
  }
  return {
    key: value.key as string,
    format: written,
    successions,
    checkpoint: value.checkpoint as string,
    document: value.document ?? null,
    entries: value.entries as ExportedEntry[],
  }
}

/** The first entry whose line does not parse on its own, named as people know it. */
function brokenLine(text: string): string | undefined {
  let position = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith('    {')) continue
    try {
      JSON.parse(line.replace(/,$/, ''))
    } catch {
      return `entry ${position + 1} of the file`
    }
    position += 1
  }
  return undefined
}

function verifyEntries(entries: readonly ExportedEntry[], checkpoint: { size: number; root: Uint8Array }, problems: string[]): void {
  let previous = -1
  for (const [position, exported] of entries.entries()) {
    const name = nameOf(exported, position)
    const isShaped =
      typeof exported === 'object' &&
      exported !== null &&
      Number.isSafeInteger(exported.index) &&
      Array.isArray(exported.proof) &&
      exported.proof.every(hash => typeof hash === 'string') &&
      isObject(exported.header)
    const hash = isShaped ? bodyHashOf(exported) : undefined
    if (hash === undefined) {
      problems.push(`${name} is not an exported entry`)
      continue
    }
    if (exported.index <= previous) problems.push(`${name} is out of order`)
    previous = exported.index
    const proof = exported.proof.map(bytesOf)
    const isIncluded =
      proof.every(sibling => sibling !== undefined) &&
      verifyInclusion({
        leafIndex: exported.index,
        treeSize: checkpoint.size,
        leafHash: leafHash(leafData(exported.header, hash)),
        proof,
        root: checkpoint.root,
      })
    if (!isIncluded) {
      problems.push(`${name} was changed: it does not lead to the signed root`)
      continue
    }
    const commitments = commitmentsIn(exported.body?.data)
    for (const [path, value] of Object.entries(exported.values ?? {})) {
      const commitment = commitments.get(path)
      if (commitment === undefined || !isCommitted(commitment, value))
        problems.push(`${name} was changed: its ${path.slice(1)} is not the one that was recorded`)
    }
  }
}

const nameOf = (exported: ExportedEntry | null | undefined, position: number) =>
  `entry ${position + 1} of the file (index ${String(exported?.index)} in the audit log)`

/** The hash of an entry's body, from the body or, where that is withheld, as given; undefined where it is neither of the two, or both. */
function bodyHashOf({ salt, body, values, bodyHash }: ExportedEntry): Uint8Array | undefined {
  if (values !== undefined && (body === undefined || !isObject(values) || !isShapedAll(Object.values(values)))) return undefined
  if (bodyHash !== undefined) {
    const given = salt === undefined && body === undefined ? bytesOf(bodyHash) : undefined
    return given?.length === 32 ? given : undefined
  }
  const bytes = bytesOf(salt)
  return bytes?.length === saltBytes && body !== undefined && isObject(body) ? hashBody(bytes, body) : undefined
}

/** Values of an export have a salt and a text, and nothing that no hash covers. */
const isShapedAll = (values: readonly CommittedValue[]) =>
  values.length > 0 && values.every(value => isObject(value) && Object.keys(value).sort().join() === 'salt,value' && bytesOf(value.salt)?.length === saltBytes)

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Base64 has spare bits at its end: only the one spelling of some bytes is accepted. */
function bytesOf(base64: unknown): Uint8Array | undefined {
  if (typeof base64 !== 'string') return undefined
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 ? bytes : undefined
}

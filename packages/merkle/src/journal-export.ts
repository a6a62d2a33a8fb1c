import { createHash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'
import { NotGenuine, openCheckpoint } from './checkpoint.ts'
import { leafHash, verifyInclusion } from './tree.ts'

/** One journal entry as exported: the entry, its place in the tree, and the hashes that lead from it to the root (base64). */
export interface ExportedEntry {
  readonly index: number
  readonly entry: Readonly<Record<string, unknown>>
  readonly proof: readonly string[]
}

/** What `tocsin journal verify` found. `problems` is empty when everything holds. */
export interface Verdict {
  readonly origin: string
  readonly treeSize: number
  readonly entries: number
  /** True when the file holds every entry of the tree, not a selection such as one incident's. */
  readonly isComplete: boolean
  readonly problems: readonly string[]
}

const header = 'tocsin journal export v1'

/**
 * Writes an export: a text file that needs nothing but itself (and, for distrust, the log's key from elsewhere) to be checked.
 * Line 1 names the format and the SHA-256 of `document`; then the key, the checkpoint and the document, then one line an entry,
 * all in canonical JSON, so that every byte of the file is covered by a hash or a signature.
 */
export function writeExport(content: { key: string; checkpoint: string; document: unknown; entries: readonly ExportedEntry[] }): string {
  const members = content.entries.map(({ index, entry, proof }) => `    ${canonicalJson({ index, entry, proof })}`)
  return [
    '{',
    `  "format": ${JSON.stringify(header)},`,
    `  "key": ${canonicalJson(content.key)},`,
    `  "checkpoint": ${canonicalJson(content.checkpoint)},`,
    `  "document": ${canonicalJson(content.document)},`,
    `  "entries": [${members.length === 0 ? ']' : `\n${members.join(',\n')}\n  ]`}`,
    '}',
    '',
  ].join('\n')
}

/** The digest of an export's document, which the last entry of the export must carry as `data.documentSha256`. */
export function documentDigest(document: unknown): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex')
}

/**
 * Checks an export byte by byte: the signature of its checkpoint, each entry against the checkpoint, the document against
 * the entry that recorded the export, and that the file is spelled exactly as it was written.
 * @param trustedKey the log's key as known from elsewhere; without it the key inside the file is believed.
 */
export function verifyExport(text: string, trustedKey?: string): Verdict {
  const problems: string[] = []
  const parsed = parseExport(text, problems)
  if (!parsed) return { origin: '', treeSize: 0, entries: 0, isComplete: false, problems }
  if (trustedKey !== undefined && trustedKey !== parsed.key) problems.push('the key in the file is not the key that you trust')
  let origin = ''
  let treeSize = 0
  try {
    const checkpoint = openCheckpoint(parsed.checkpoint, trustedKey ?? parsed.key)
    origin = checkpoint.origin
    treeSize = checkpoint.size
    verifyEntries(parsed.entries, checkpoint, problems)
  } catch (error) {
    if (!(error instanceof NotGenuine)) throw error
    problems.push(error.message)
  }
  // Nothing of the file's shape is certain yet: a changed byte may have renamed a member.
  const last = parsed.entries.at(-1) as { entry?: { data?: { documentSha256?: unknown } | null } | null } | null | undefined
  if (last?.entry?.data?.documentSha256 !== documentDigest(parsed.document))
    problems.push('the document was changed: its digest is not the one that the last entry recorded at export')
  if (problems.length === 0 && writeExport(parsed) !== text) problems.push(respelledAt(text, writeExport(parsed)))
  const isComplete = parsed.entries.length === treeSize && parsed.entries.every((entry, position) => entry.index === position)
  return { origin, treeSize, entries: parsed.entries.length, isComplete, problems }
}

/** Names the first line that differs from how the same content is written: spaces, key order, escapes or extra members. */
function respelledAt(text: string, written: string): string {
  const lines = text.split('\n')
  const expected = written.split('\n')
  const line = lines.findIndex((content, position) => content !== expected[position])
  const entry = lines.slice(0, line + 1).filter(content => content.startsWith('    {')).length
  const isEntry = lines[line]?.startsWith('    {') === true
  return `${isEntry ? `entry ${entry} of the file` : `line ${line === -1 ? lines.length : line + 1}`} is not spelled as it was exported`
}

interface ParsedExport {
  key: string
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
  const isExport =
    value !== null && value.format === header && typeof value.key === 'string' && typeof value.checkpoint === 'string' && Array.isArray(value.entries)
  if (!isExport) {
    problems.push(`the file is not a "${header}"`)
    return undefined
  }
  return {
    key: value.key as string,
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
    const name = `entry ${position + 1} of the file (index ${String(exported?.index)} in the journal)`
    const isShaped =
      typeof exported === 'object' &&
      exported !== null &&
      Number.isSafeInteger(exported.index) &&
      Array.isArray(exported.proof) &&
      exported.proof.every(hash => typeof hash === 'string') &&
      typeof exported.entry === 'object' &&
      exported.entry !== null
    if (!isShaped) {
      problems.push(`${name} is not an exported entry`)
      continue
    }
    if (exported.index <= previous) problems.push(`${name} stands out of order`)
    previous = exported.index
    const proof = exported.proof.map(hash => Buffer.from(hash, 'base64'))
    const isIncluded =
      // Base64 has spare bits at its end: only the one spelling of a hash is accepted.
      proof.every((hash, at) => hash.toString('base64') === exported.proof[at]) &&
      verifyInclusion({
        leafIndex: exported.index,
        treeSize: checkpoint.size,
        leafHash: leafHash(canonicalJson(exported.entry)),
        proof,
        root: checkpoint.root,
      })
    if (!isIncluded) problems.push(`${name} was changed: it does not lead to the signed root`)
  }
}

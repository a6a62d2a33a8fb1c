import { createHash } from 'node:crypto'
import {
  append,
  canonicalJson,
  type ExportedEntry,
  type Frontier,
  inclusionPlaces,
  joinSubtrees,
  leafHash,
  openCheckpoint,
  perfectSubtrees,
  root,
  signCheckpoint,
  signingKey,
  verifierKey,
  writeExport,
} from '@tocsin/merkle'
import { desc, eq, or, type SQL, sql } from 'drizzle-orm'
import type { Reader, Tx } from '../kernel/database.ts'
import type { Secrets } from '../kernel/secrets.ts'
import { type Entry, type Selection, selectionCondition, toEntry } from './record.ts'
import { journal, journalCheckpoints, journalLeaves, journalNodes } from './tables.ts'

/** Appends journal entries to the Merkle tree and signs what it has become. */
export interface Sealer {
  /** The log's verifier key (C2SP signed-note), which auditors keep. */
  readonly key: string
  seal(tx: Tx, entries: readonly Entry[]): Promise<void>
}

/** The log is named by its key, so that two installations are never taken for one another. */
export function openSealer(secrets: Secrets): Sealer {
  const seed = secrets.derive('journal signing')
  const privateKey = signingKey(seed)
  const origin = `tocsin/${createHash('sha256').update(seed).digest('hex').slice(0, 16)}`
  // What this process sealed last: good as long as nobody else has sealed since.
  let kept: Frontier | undefined
  return {
    key: verifierKey(origin, privateKey),
    async seal(tx, entries) {
      const size = (await latestCheckpoint(tx))?.size ?? 0
      let frontier = kept?.size === size ? kept : await readFrontier(tx, size)
      const leaves: (typeof journalLeaves.$inferInsert)[] = []
      const nodes: (typeof journalNodes.$inferInsert)[] = []
      for (const entry of entries) {
        leaves.push({ leafIndex: frontier.size, entryId: entry.id })
        const appended = append(frontier, leafHash(canonicalJson(entry)))
        frontier = appended.frontier
        nodes.push(...appended.completed.map(node => ({ level: node.level, nodeIndex: node.index, hash: node.hash })))
      }
      await tx.db.insert(journalLeaves).values(leaves)
      await tx.db.insert(journalNodes).values(nodes)
      const note = signCheckpoint({ origin, size: frontier.size, root: root(frontier) }, privateKey)
      await tx.db.insert(journalCheckpoints).values({ size: frontier.size, note, at: tx.now })
      kept = frontier
    },
  }
}

async function readFrontier(tx: Tx, size: number): Promise<Frontier> {
  const hashes = await readNodes(tx, perfectSubtrees(0, size))
  return { size, hashes: perfectSubtrees(0, size).map(place => hashes.get(placeName(place)) ?? fault(place)) }
}

/** The newest signed checkpoint, or undefined while nothing was sealed. */
export async function latestCheckpoint(reader: Reader): Promise<{ size: number; note: string } | undefined> {
  const [latest] = await reader.db.select().from(journalCheckpoints).orderBy(desc(journalCheckpoints.size)).limit(1)
  return latest
}

type Place = { readonly level: number; readonly index: number }
const placeName = (place: Place) => `${place.level}/${place.index}`
function fault(place: Place): never {
  throw new Error(`the journal's tree has no node ${placeName(place)}`)
}

async function readNodes(reader: Reader, places: readonly Place[]): Promise<Map<string, Buffer>> {
  const wanted = new Map(places.map(place => [placeName(place), place]))
  if (wanted.size === 0) return new Map()
  const levels = sql.param([...wanted.values()].map(place => place.level))
  const indexes = sql.param([...wanted.values()].map(place => place.index))
  const rows = await reader.db
    .select()
    .from(journalNodes)
    .where(sql`(${journalNodes.level}, ${journalNodes.nodeIndex}) in (select * from unnest(${levels}::int[], ${indexes}::bigint[]))`)
  return new Map(rows.map(row => [placeName({ level: row.level, index: row.nodeIndex }), row.hash]))
}

/**
 * The entries of a selection (with that of the export itself) and their proofs, as one file that proves itself.
 * @param exportId the id of the entry that recorded this export: it is the last one, and carries the digest of `document`.
 * @returns undefined while that entry is not sealed yet.
 */
export async function exportJournal(
  reader: Reader,
  sealer: Sealer,
  selection: Selection | 'all',
  document: unknown,
  exportId: string,
): Promise<string | undefined> {
  const exported = await leafOf(reader, exportId)
  const checkpoint = await latestCheckpoint(reader)
  if (exported === undefined || checkpoint === undefined || checkpoint.size <= exported) return undefined
  const condition: SQL | undefined = selection === 'all' ? undefined : or(selectionCondition(selection), eq(journal.subjectId, exportId))
  const rows = await reader.db
    .select({ row: journal, leafIndex: journalLeaves.leafIndex })
    .from(journal)
    .innerJoin(journalLeaves, eq(journalLeaves.entryId, journal.id))
    .where(sql`${journalLeaves.leafIndex} <= ${exported} ${condition ? sql`and ${condition}` : sql``}`)
    .orderBy(journalLeaves.leafIndex)
  const size = openCheckpoint(checkpoint.note, sealer.key).size
  const places = rows.flatMap(({ leafIndex }) => inclusionPlaces(leafIndex, size).flat())
  const nodes = await readNodes(reader, places)
  const entries: ExportedEntry[] = rows.map(({ row, leafIndex }) => ({
    index: leafIndex,
    entry: { ...toEntry(row) },
    proof: inclusionPlaces(leafIndex, size).map(siblings =>
      joinSubtrees(siblings.map(place => nodes.get(placeName(place)) ?? fault(place))).toString('base64'),
    ),
  }))
  return writeExport({ key: sealer.key, checkpoint: checkpoint.note, document, entries })
}

/** An export is the subject of its own entry, so its id leads to the leaf. */
async function leafOf(reader: Reader, exportId: string): Promise<number | undefined> {
  const [found] = await reader.db
    .select({ leafIndex: journalLeaves.leafIndex })
    .from(journalLeaves)
    .innerJoin(journal, eq(journal.id, journalLeaves.entryId))
    .where(eq(journal.subjectId, exportId))
  return found?.leafIndex
}

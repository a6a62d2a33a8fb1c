import { setImmediate } from 'node:timers/promises'
import {
  append,
  emptyFrontier,
  emptyRoot,
  inclusionPlaces,
  type LogKeys,
  leafData,
  leafHash,
  NotGenuine,
  openCheckpoint,
  root,
  verifyInclusion,
} from '@tocsin/merkle'
import { and, asc, desc, eq, gte, lt } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { faultsOf } from './border.ts'
import { erasedInSilence } from './erase.ts'
import { namedForeign } from './foreign.ts'
import { placeName, proofOf, readNodes } from './nodes.ts'
import { headerOf, toEntry } from './record.ts'
import { journal, journalCheckpoints, journalLeaves } from './tables.ts'
import { storedColumns } from './values.ts'

/** Entries that one look compares: a perfect subtree of the log, or what there is of the last one. */
const width = 128
/** Of these, so many are hashed without a pause: an entry may be long. */
const atOnce = 16

/** A sealed entry that is not stored any more as it was sealed. */
export interface AlteredEntry {
  readonly index: number
  /** Of the entry; empty where nothing says which one it was. */
  readonly id: string
  readonly fault: 'deleted' | 'changed'
}

/**
 * Compares the stored entries with the signed log, a part at each look, in rounds from the newest to the oldest: whoever owns the tables can delete entries
 * that were sealed long ago, move them to another record or change what they say, and so take them out of an incident and of its exports.
 */
export class SealedEntries {
  readonly #keys: LogKeys
  /** What was found, by the part that it is in, until that is as it was. */
  readonly #altered = new Map<number, readonly AlteredEntry[]>()
  #next = Number.POSITIVE_INFINITY

  constructor(keys: LogKeys) {
    this.#keys = keys
  }

  get altered(): readonly AlteredEntry[] {
    return [...this.#altered.values()].flat()
  }

  /** Looks at the next part. */
  async look(reader: Reader): Promise<void> {
    const [newest] = await reader.db.select().from(journalCheckpoints).orderBy(desc(journalCheckpoints.size)).limit(1)
    if (newest === undefined) return
    let checkpoint: ReturnType<typeof openCheckpoint>
    try {
      checkpoint = openCheckpoint(newest.note, this.#keys)
    } catch (error) {
      // That is told of where the whole tree is looked at.
      if (error instanceof NotGenuine) return
      throw error
    }
    const part = Math.min(this.#next, Math.ceil(checkpoint.size / width) - 1)
    this.#next = part === 0 ? Number.POSITIVE_INFINITY : part - 1
    const found = await inspect(reader, part, checkpoint)
    if (found.length === 0) this.#altered.delete(part)
    else this.#altered.set(part, found)
  }
}

async function inspect(reader: Reader, part: number, { size, root: signed }: ReturnType<typeof openCheckpoint>): Promise<AlteredEntry[]> {
  const start = part * width
  const count = Math.min(width, size - start)
  const rows = await reader.db
    .select({ index: journalLeaves.leafIndex, id: journalLeaves.entryId, row: storedColumns })
    .from(journalLeaves)
    .leftJoin(journal, eq(journal.id, journalLeaves.entryId))
    .where(and(gte(journalLeaves.leafIndex, start), lt(journalLeaves.leafIndex, start + count)))
    .orderBy(asc(journalLeaves.leafIndex))
  const byIndex = new Map(rows.map(row => [row.index, row]))
  const places = inclusionPlaces(start, size)
  const leaves = Array.from({ length: count }, (_, n) => ({ level: 0, index: start + n }))
  const nodes = await readNodes(reader, [...leaves, ...places.flat()])
  const faulty = new Set<string>()
  for (let n = 0; n < rows.length; n += atOnce) {
    await setImmediate()
    const some = rows.slice(n, n + atOnce).flatMap(({ row }) => row ?? [])
    for (const id of (await faultsOf(reader, some)).keys()) faulty.add(id)
    for (const id of await erasedInSilence(reader, some)) faulty.add(id)
  }
  // What somebody else wrote has no right MAC, and what was changed before it was sealed not the body that was hashed: that was told of then.
  const named = faulty.size === 0 ? new Set<string>() : await namedForeign(reader)
  let frontier = emptyFrontier
  const altered: AlteredEntry[] = []
  for (const [n, leaf] of leaves.entries()) {
    if (n % atOnce === 0) await setImmediate()
    const { id = '', row } = byIndex.get(leaf.index) ?? {}
    const hash = nodes.get(placeName(leaf)) ?? emptyRoot
    frontier = append(frontier, hash).frontier
    const isSame = row != null && leafHash(leafData(headerOf(toEntry(row)), row.bodyHash)).equals(hash) && (!faulty.has(id) || named.has(id))
    if (!isSame) altered.push({ index: leaf.index, id, fault: row == null ? 'deleted' : 'changed' })
  }
  // The parts are the leaves of the upper tree: this one leads to the signed root, or its hashes were changed with the entries.
  const proof = proofOf(nodes, places.slice(inclusionPlaces(0, count).length))
  const isProved = proof !== undefined && verifyInclusion({ leafIndex: part, treeSize: Math.ceil(size / width), leafHash: root(frontier), proof, root: signed })
  return altered.length > 0 || isProved ? altered : [{ index: start, id: '', fault: 'changed' }]
}

import {
  append,
  type Checkpoint,
  consistencyPlaces,
  type ExportedEntry,
  emptyFrontier,
  emptyRoot,
  exportEnd,
  exportEntries,
  exportStart,
  type Frontier,
  inclusionPlaces,
  joinSubtrees,
  type LogKeys,
  leafData,
  leafHash,
  NotGenuine,
  openCheckpoint,
  perfectSubtrees,
  root,
  signCheckpoint,
} from '@tocsin/merkle'
import { desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import type { Secrets } from '../kernel/secrets.ts'
import { hasOwnBody } from './entry-mac.ts'
import { countForeign, findStrays, namedForeign, nameForeign } from './foreign.ts'
import { openLogIdentity } from './log-keys.ts'
import { type Place, placeName, readNodes } from './nodes.ts'
import { headerOf, record, type StoredEntry, system, toEntry } from './record.ts'
import { SealedEntries } from './sealed-entries.ts'
import { journal, journalCheckpoints, journalLeaves, journalNodes } from './tables.ts'
import { exportedValues, type StoredRow, storedColumns } from './values.ts'
import type { Checkpoints } from './witnesses/open.ts'
import type { Witnessing } from './witnesses/witness.ts'

/** The name of its reader, which is its cursor's. */
export const sealerName = 'sealer'

/** Why the stored tree is not signed any further, in one sentence. */
export class NotAnExtension extends Error {
  override readonly name = 'NotAnExtension'
}

/** Appends journal entries to the Merkle tree and signs what it has become, as long as that extends what was signed before. */
export interface Sealer {
  /** The log's verifier key (C2SP signed-note), which auditors keep. */
  readonly key: string
  /** The statements that lead from its first key to this one, as signed notes; none while it was not replaced. */
  readonly successions: readonly string[]
  /** A checkpoint of the first `size` entries, which are sealed, and whose root this is. */
  sign(size: number, root: Uint8Array): string
  /**
   * What of it this program did not write is sealed too, and named by an entry.
   * @throws NotAnExtension when the stored tree is not one that extends what was signed last
   */
  seal(tx: Tx, entries: readonly StoredEntry[]): Promise<void>
  /** What was sealed is committed: from now on nothing less is extended. */
  committed(): Promise<void>
  /** Seals a part of what was passed over, if there is any, and says so on record: this program writes nothing that is. */
  sweep(database: Database): Promise<void>
  /** Who is given the checkpoints, the data folder first. */
  readonly witnesses: readonly Witnessing[]
  /** What of the stored entries is not as it was sealed, as far as it was compared: a part at each look. */
  readonly sealedEntries: SealedEntries
  /** How many entries were found in the last 24 hours that this program did not write. */
  countForeign(reader: Reader): Promise<number>
  /** Why nothing is sealed, in one sentence; undefined while the stored tree extends what was signed last. */
  inspect(reader: Reader): Promise<string | undefined>
  /**
   * Takes the stored tree for the one to extend, where it is whole but not what was signed last, as after the restore of an older backup.
   * That is on record, with both checkpoints.
   * @returns false where there was nothing to accept
   * @throws NotAnExtension when the stored tree is not a whole one of this log
   */
  accept(tx: Tx): Promise<boolean>
}

/**
 * @param checkpoints where they are kept outside the database, and who else is given them, in the process that seals
 */
export function openSealer(secrets: Secrets, checkpoints?: Checkpoints): Sealer {
  const { origin, privateKey, key, successions, keys } = openLogIdentity(secrets)
  const sign = (size: number, hash: Uint8Array) => signCheckpoint({ origin, size, root: hash }, privateKey)
  const { kept, witnesses = [] } = checkpoints ?? {}
  let signed = checkpoints?.file.last(keys)?.note
  // Signed in a transaction that may not be committed yet.
  let pending: string | undefined
  // Up to here a round was made for what was passed over.
  let swept = 0

  /** The stored tree, which has to extend what was signed last. */
  async function readExtension(reader: Reader): Promise<Frontier> {
    // Before the tree is read: meanwhile it may be sealed further, and what was signed with it.
    const before = signed
    const { frontier, note } = await readWhole(reader, keys)
    const last = before === undefined ? { size: 0, root: emptyRoot } : openCheckpoint(before, keys)
    if (frontier.size < last.size)
      throw new NotAnExtension(`The audit log in the database has ${frontier.size} sealed entries, fewer than the ${last.size} that were signed last.`)
    const then = frontier.size === last.size ? frontier : await readFrontier(reader, last.size)
    if (!root(then).equals(last.root))
      throw new NotAnExtension(`The first ${last.size} of the ${frontier.size} sealed entries in the database are not those that were signed.`)
    if (note !== undefined && frontier.size > last.size && signed === before) await keep(note)
    return frontier
  }

  async function keep(note: string): Promise<void> {
    signed = note
    for (const witness of witnesses) void witness.offer(note)
    // Sealing waits for one attempt to write to the data folder, and goes on without it.
    await kept?.offer(note)
  }

  /** @returns the signed checkpoint */
  async function extend(tx: Tx, entries: readonly StoredEntry[], isStray: boolean): Promise<string> {
    let frontier = await readExtension(tx)
    await nameForeign(tx, secrets, entries, isStray)
    const leaves: (typeof journalLeaves.$inferInsert)[] = []
    const nodes: (typeof journalNodes.$inferInsert)[] = []
    for (const entry of entries) {
      leaves.push({ leafIndex: frontier.size, entryId: entry.id })
      const appended = append(frontier, leafHash(leafData(headerOf(entry), entry.bodyHash)))
      frontier = appended.frontier
      nodes.push(...appended.completed.map(node => ({ level: node.level, nodeIndex: node.index, hash: node.hash })))
    }
    await tx.db.insert(journalLeaves).values(leaves)
    await tx.db.insert(journalNodes).values(nodes)
    const note = sign(frontier.size, root(frontier))
    await tx.db.insert(journalCheckpoints).values({ size: frontier.size, note, at: tx.now })
    return note
  }

  return {
    key,
    successions,
    sign,
    async seal(tx, entries) {
      pending = await extend(tx, entries, false)
    },
    async sweep(database) {
      const note = await database.transaction(async tx => {
        const found = await findStrays(tx, sealerName, swept)
        if (found !== undefined) swept = found.after
        return found === undefined || found.strays.length === 0 ? undefined : extend(tx, found.strays, true)
      })
      if (note !== undefined) await keep(note)
    },
    witnesses: kept ? [kept, ...witnesses] : witnesses,
    sealedEntries: new SealedEntries(keys),
    countForeign: reader => countForeign(reader, secrets),
    async committed() {
      if (pending !== undefined) await keep(pending)
      pending = undefined
    },
    async inspect(reader) {
      try {
        await readExtension(reader)
        return undefined
      } catch (error) {
        if (error instanceof NotAnExtension) return error.message
        throw error
      }
    },
    async accept(tx) {
      if (signed === undefined || (await this.inspect(tx)) === undefined) return false
      const { frontier, note = sign(frontier.size, root(frontier)) } = await readWhole(tx, keys)
      await record(tx, { actor: system, type: 'journal.restore-accepted', subject: { kind: 'journal', id: 'journal' }, data: { signed, restored: note } })
      pending = note
      return true
    },
  }
}

/**
 * The tree as it is stored, and its newest checkpoint.
 * @throws NotAnExtension when that is not signed by one of these keys, or leaves and nodes are not what it says
 */
async function readWhole(reader: Reader, keys: LogKeys): Promise<{ frontier: Frontier; note: string | undefined }> {
  // In one statement, so that both are of one moment.
  const found = await reader.db.execute<{ leaves: string; size: string | null; note: string | null }>(sql`
    select (select coalesce(max(leaf_index), -1) + 1 from journal_leaves)::text as leaves, newest.size::text, newest.note
    from (select 1) as one left join (select size, note from journal_checkpoints order by size desc limit 1) as newest on true`)
  const [stored] = found.rows
  const leaves = Number(stored?.leaves ?? 0)
  const size = Number(stored?.size ?? 0)
  const note = stored?.note ?? undefined
  if (leaves !== size) throw new NotAnExtension(`The audit log in the database has ${leaves} sealed entries, but its newest checkpoint is of ${size}.`)
  if (note === undefined) return { frontier: emptyFrontier, note: undefined }
  const checkpoint = openStored(note, keys)
  const frontier = await readFrontier(reader, size)
  if (checkpoint.size !== size || !root(frontier).equals(checkpoint.root))
    throw new NotAnExtension(`The ${size} sealed entries in the database are not those that its newest checkpoint was signed for.`)
  return { frontier, note }
}

function openStored(note: string, keys: LogKeys): Checkpoint {
  try {
    return openCheckpoint(note, keys)
  } catch (error) {
    if (error instanceof NotGenuine) throw new NotAnExtension('The newest checkpoint in the database was not signed by the key of this installation.')
    throw error
  }
}

async function readFrontier(reader: Reader, size: number): Promise<Frontier> {
  const places = perfectSubtrees(0, size)
  const nodes = await readNodes(reader, places)
  const hashes = places.flatMap(place => nodes.get(placeName(place)) ?? [])
  if (hashes.length < places.length) throw new NotAnExtension(`Hashes of the first ${size} sealed entries are missing in the database.`)
  return { size, hashes }
}

/** The newest signed checkpoint, or undefined while nothing was sealed. */
export async function latestCheckpoint(reader: Reader): Promise<{ size: number; note: string } | undefined> {
  const [latest] = await reader.db.select().from(journalCheckpoints).orderBy(desc(journalCheckpoints.size)).limit(1)
  return latest
}

function fault(place: Place): never {
  throw new Error(`the journal's tree has no node ${placeName(place)}`)
}

/** Entries that are read, proved and written at a time: a turn of the event loop each, and what is held of a large log. */
const exportedAtOnce = 250

/**
 * Some entries, or all of them (with that of the export itself) and their proofs, as one file that proves itself, in pieces.
 * @param exportId the id of the entry that recorded this export: it is the last one, and carries the digest of `document`.
 * @param shown the condition for entries whose bodies are in the file; of the others it holds the hash
 * @returns undefined while that entry is not sealed yet.
 */
export async function exportJournal(
  database: Database,
  sealer: Sealer,
  entryIds: readonly string[] | 'all',
  document: unknown,
  exportId: string,
  shown: SQL,
): Promise<AsyncGenerator<string> | undefined> {
  const reader = database.reader()
  const exported = await leafOf(reader, exportId)
  const checkpoint = await latestCheckpoint(reader)
  if (exported === undefined || checkpoint === undefined || checkpoint.size <= exported) return undefined
  // The whole ends with the export's own entry, also where more was sealed since: it has a checkpoint of just that.
  const size = entryIds === 'all' ? exported + 1 : checkpoint.size
  const note = size === checkpoint.size ? checkpoint.note : sealer.sign(size, root(await readFrontier(reader, size)))
  const leaves = entryIds === 'all' ? undefined : [...(await leavesOf(reader, entryIds)).filter(leaf => leaf < exported), exported]
  // What was sealed with another body than its hash says, and named for it, has no body that belongs to it: with one, the whole file would not be genuine ever again.
  const named = await namedForeign(reader)

  async function readPage(indexes: readonly number[]): Promise<ExportedEntry[]> {
    const page = database.reader()
    const rows = await page.db
      .select({ row: storedColumns, leafIndex: journalLeaves.leafIndex, isShown: sql<boolean>`${shown}` })
      .from(journal)
      .innerJoin(journalLeaves, eq(journalLeaves.entryId, journal.id))
      .where(sql`${journalLeaves.leafIndex} = any(${sql.param([...indexes])}::bigint[])`)
      .orderBy(journalLeaves.leafIndex)
    const proofs = rows.map(({ leafIndex }) => inclusionPlaces(leafIndex, size))
    const nodes = await readNodes(page, proofs.flat(2))
    return rows.map(({ row, leafIndex, isShown }, position) => ({
      index: leafIndex,
      header: headerOf(toEntry(row)),
      ...(isShown && !(named.has(row.id) && !hasOwnBody(row)) ? bodyOf(row) : hashOnly(row)),
      proof: (proofs[position] ?? []).map(siblings => joinSubtrees(siblings.map(place => nodes.get(placeName(place)) ?? fault(place))).toString('base64')),
    }))
  }

  async function* pieces(): AsyncGenerator<string> {
    yield exportStart({ key: sealer.key, successions: sealer.successions, checkpoint: note, document })
    const count = leaves?.length ?? size
    let written = 0
    for (let from = 0; from < count; from += exportedAtOnce) {
      const to = Math.min(from + exportedAtOnce, count)
      const entries = await readPage(leaves?.slice(from, to) ?? Array.from({ length: to - from }, (_, position) => from + position))
      yield exportEntries(entries, written === 0)
      written += entries.length
    }
    yield exportEnd(written)
  }
  return pieces()
}

/** The proof that the tree of `size2` entries extends that of `size1` (RFC 9162 section 2.1.4), with both roots. @param size1 from 1 to `size2`, which is sealed */
export async function proveConsistency(reader: Reader, size1: number, size2: number): Promise<{ root1: Buffer; root2: Buffer; proof: Buffer[] }> {
  const places = consistencyPlaces(size1, size2)
  const nodes = await readNodes(reader, [...places.flat(), ...perfectSubtrees(0, size1), ...perfectSubtrees(0, size2)])
  const joined = (subtrees: readonly Place[]) => joinSubtrees(subtrees.map(place => nodes.get(placeName(place)) ?? fault(place)))
  return { root1: joined(perfectSubtrees(0, size1)), root2: joined(perfectSubtrees(0, size2)), proof: places.map(joined) }
}

/** A body as it is stored with the texts that it commits to, whatever a reader makes of it; of an erased one the hash that stays. */
function bodyOf(row: StoredRow): Pick<ExportedEntry, 'salt' | 'body' | 'values' | 'bodyHash'> {
  const { id, actorId, actorName, withinId, data, salt, bodyHash } = row
  if (data === null || salt === null) return hashOnly({ bodyHash })
  const values = exportedValues(row)
  return { salt: salt.toString('base64'), body: { id, actor: { id: actorId, name: actorName }, within: withinId, data }, ...(values ? { values } : {}) }
}

const hashOnly = ({ bodyHash }: { readonly bodyHash: Buffer }) => ({ bodyHash: bodyHash.toString('base64') })

/** Where these entries stand in the tree, in its order. */
async function leavesOf(reader: Reader, entryIds: readonly string[]): Promise<number[]> {
  const found = await reader.db
    .select({ leafIndex: journalLeaves.leafIndex })
    .from(journalLeaves)
    .where(sql`${journalLeaves.entryId} = any(${sql.param([...entryIds])}::uuid[])`)
    .orderBy(journalLeaves.leafIndex)
  return found.map(({ leafIndex }) => leafIndex)
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

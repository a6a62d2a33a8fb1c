import { and, desc, eq, gt, gte, lt, or, type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { holdPlace } from './order.ts'
import { journal, journalLeaves } from './tables.ts'

/** Who did it. `name` is kept as it was then. */
export interface Actor {
  readonly kind: 'person' | 'key' | 'source' | 'reporter' | 'system'
  readonly id: string | null
  readonly name: string
}

/** What Tocsin does by itself. */
export const system: Actor = { kind: 'system', id: null, name: 'Tocsin' }

export interface Subject {
  readonly kind: string
  readonly id: string
}

/** One entry as everybody reads it; this, in canonical JSON, is what the Merkle tree's leaves are hashes of. */
export interface Entry {
  readonly id: string
  readonly at: Instant
  readonly actor: Actor
  readonly type: string
  readonly subject: Subject
  readonly within: string | null
  readonly data: Readonly<Record<string, unknown>>
}

export const journalChannel = 'tocsin_journal'

export interface NewEntry {
  /** Where something else is to refer to the entry. */
  readonly id?: string
  readonly actor: Actor
  readonly type: string
  readonly subject: Subject
  readonly within?: string | null
  readonly data?: Record<string, unknown>
}

/**
 * Writes one entry, in the transaction of the change itself. `type` is `<noun>.<past participle>`; `within` is the id of the
 * record that decides who may see it. Secrets do not belong into `data`: entries are exported.
 */
export async function record(tx: Tx, entry: NewEntry): Promise<void> {
  await recordAll(tx, [entry])
}

/** Writes the entries of a batch. */
export async function recordAll(tx: Tx, entries: readonly NewEntry[]): Promise<void> {
  if (entries.length === 0) return
  await holdPlace(tx)
  await tx.db.insert(journal).values(
    entries.map(({ id, actor, type, subject, within, data }) => ({
      id: id ?? newId(),
      at: tx.now,
      actorKind: actor.kind,
      actorId: actor.id,
      actorName: actor.name,
      type,
      subjectKind: subject.kind,
      subjectId: subject.id,
      withinId: within ?? null,
      data: data ?? {},
    })),
  )
  await tx.db.execute(sql`select pg_notify(${journalChannel}, '')`)
}

export function toEntry(row: typeof journal.$inferSelect): Entry {
  return {
    id: row.id,
    at: row.at,
    actor: { kind: row.actorKind as Actor['kind'], id: row.actorId, name: row.actorName },
    type: row.type,
    subject: { kind: row.subjectKind, id: row.subjectId },
    within: row.withinId,
    data: row.data,
  }
}

/** Which entries: those within one record (an incident), and those about some subjects from before they belonged to it. */
export interface Selection {
  readonly within: string
  readonly subjects: readonly string[]
}

export function selectionCondition(selection: Selection): SQL | undefined {
  const { within, subjects } = selection
  return subjects.length === 0
    ? eq(journal.withinId, within)
    : or(eq(journal.withinId, within), sql`${journal.subjectId} = any(${sql.param([...subjects])}::text[])`)
}

/** Entries of a selection, oldest first. */
export async function readEntries(reader: Reader, selection: Selection): Promise<Entry[]> {
  const rows = await reader.db.select().from(journal).where(selectionCondition(selection)).orderBy(journal.seq)
  return rows.map(toEntry)
}

/** Entries about one subject above a number, oldest first, and the number of each to go on from. */
export async function readEntriesAbout(
  reader: Reader,
  subject: Subject,
  { after, limit }: { after: number; limit: number },
): Promise<{ entry: Entry; seq: number }[]> {
  const rows = await reader.db
    .select()
    .from(journal)
    .where(and(eq(journal.subjectId, subject.id), eq(journal.subjectKind, subject.kind), gt(journal.seq, after)))
    .orderBy(journal.seq)
    .limit(limit)
  return rows.map(row => ({ entry: toEntry(row), seq: row.seq }))
}

/** When a person last did something about a record or within it, after `since`; undefined when nobody did. */
export async function lastDoneByPeople(reader: Reader, recordId: string, since: Instant): Promise<Instant | undefined> {
  const [found] = await reader.db
    .select({ at: sql<string | null>`max(${journal.at})` })
    .from(journal)
    .where(and(or(eq(journal.subjectId, recordId), eq(journal.withinId, recordId)), eq(journal.actorKind, 'person'), gt(journal.at, since)))
  return found?.at ? new Date(found.at).toISOString() : undefined
}

/** The latest entries, newest first, of those that `condition` lets through; `before` is the `seq` to go on from. */
export async function latestEntries(
  reader: Reader,
  options: { limit: number; before?: number | undefined; condition?: SQL | undefined },
): Promise<{ entry: Entry; seq: number; leafIndex: number | null }[]> {
  const rows = await reader.db
    .select({ row: journal, leafIndex: journalLeaves.leafIndex })
    .from(journal)
    .leftJoin(journalLeaves, eq(journalLeaves.entryId, journal.id))
    .where(and(options.before === undefined ? undefined : lt(journal.seq, options.before), options.condition))
    .orderBy(desc(journal.seq))
    .limit(options.limit)
  return rows.map(({ row, leafIndex }) => ({ entry: toEntry(row), seq: row.seq, leafIndex }))
}

/** The column that visibility rules apply to. */
export const entryWithin = journal.withinId

/** True when this actor wrote an entry of this type about the subject since a moment: so that a page which is live is not a read a second. */
export async function wasRecorded(reader: Reader, entry: { actor: Actor; type: string; subject: Subject; since: Instant }): Promise<boolean> {
  const { actor, type, subject, since } = entry
  const [found] = await reader.db
    .select({ id: journal.id })
    .from(journal)
    .where(and(eq(journal.subjectId, subject.id), eq(journal.type, type), eq(journal.actorId, actor.id ?? ''), gte(journal.at, since)))
    .limit(1)
  return found !== undefined
}

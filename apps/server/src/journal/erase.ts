import { type DataOf, erasableOf, erasableTypes, titleOnRecord } from '@tocsin/events'
import { commit, saltBytes } from '@tocsin/merkle'
import { and, eq, inArray, isNotNull, or, type SQL, sql } from 'drizzle-orm'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { faultsOf } from './border.ts'
import { type Actor, recordAll, toEntry } from './record.ts'
import { journal, journalValues } from './tables.ts'
import { erasuresOf, type StoredRow, storedColumns } from './values.ts'

/** Records of a kind. */
export interface About {
  readonly kind: string
  readonly ids: readonly string[]
}

/** Texts that one entry of an erasure lists; a larger erasure has several. */
const maxFields = 500

/** What an erasure is about, as its entries say: nothing of what is erased. */
export type Erasing = Omit<DataOf<'erasure.done'>, 'fields'> & { readonly id: string; readonly actor: Actor }

/**
 * Erases the texts that entries about some records commit to, in the transaction that erases them from the tables. What is left is on record: which texts of
 * which entries, in an entry within the same incident, or in none, so that an export which has the one has the other.
 * @param about the records, by their kinds
 * @param within the incidents in which the erasure is on record in any case; null: in none
 * @returns how many texts were erased
 */
export async function eraseTexts(tx: Tx, erasing: Erasing, about: readonly About[], within: readonly (string | null)[]): Promise<number> {
  const { id, actor, ...data } = erasing
  const fields = await tx.db
    .select({ entryId: journalValues.entryId, path: journalValues.path, within: journal.withinId })
    .from(journalValues)
    .innerJoin(journal, eq(journal.id, journalValues.entryId))
    .where(and(isOneOf(about), isNotNull(journalValues.value)))
    .orderBy(journal.seq, journalValues.path)
  const older = await withoutCommitments(tx, about)
  const byIncident = Map.groupBy([...fields, ...older], field => field.within)
  const parts = [...new Set([...within, ...byIncident.keys()])].flatMap(incident =>
    partsOf(byIncident.get(incident) ?? []).map(part => ({ incident, part, id: newId() })),
  )
  await recordAll(
    tx,
    parts.map(({ incident, part, id: entryId }) => ({
      ...{ id: entryId, actor, type: 'erasure.done', subject: { kind: 'erasure', id }, within: incident },
      data: { ...data, fields: part.map(({ entryId: erased, path }) => ({ entryId: erased, path })) },
    })),
  )
  const erased = parts.flatMap(({ part, id: erasedIn }) => part.map(field => ({ ...field, erasedIn })))
  const column = (of: (field: (typeof erased)[number]) => string) => sql.param(erased.map(of))
  if (erased.length > 0)
    await tx.db.execute(sql`
      update ${journalValues} set salt = null, value = null, erased_in = given.erased_in
      from unnest(${column(({ entryId }) => entryId)}::uuid[], ${column(({ path }) => path)}::text[], ${column(({ erasedIn }) => erasedIn)}::uuid[])
        as given (entry_id, path, erased_in)
      where journal_values.entry_id = given.entry_id and journal_values.path = given.path`)
  await eraseBodies(
    tx,
    erased.filter(({ path }) => path === wholeBody),
  )
  return erased.length
}

/** The path of what is erased of an entry that has no commitments. */
const wholeBody = ''

/** True for a title that quotes what a reporter wrote: entries of earlier versions had it. */
const isQuotation = (title: unknown) => typeof title === 'string' && titleOnRecord(title) !== title

/** Entries from before texts were committed to that have such a text in their body: it is erased as a whole. */
async function withoutCommitments(reader: Reader, about: readonly About[]) {
  const rows = await reader.db
    .select({ id: journal.id, type: journal.type, data: journal.data, within: journal.withinId })
    .from(journal)
    .where(and(isOneOf(about), isNotNull(journal.data), or(inArray(journal.type, [...erasableTypes]), sql`${journal.data} ->> 'title' like '%Report R-%: %'`)))
    .orderBy(journal.seq)
  return rows
    .filter(({ type, data }) => isQuotation(data?.title) || commit(data, erasableOf(type), () => new Uint8Array(saltBytes)).values.size > 0)
    .map(({ id, within }) => ({ entryId: id, path: wholeBody, within }))
}

/** Erases bodies as a whole; their headers and hashes stay. The database allows it of entries that are marked so, and nothing else. */
async function eraseBodies(tx: Tx, erased: readonly { readonly entryId: string; readonly erasedIn: string }[]): Promise<void> {
  if (erased.length === 0) return
  await tx.db.insert(journalValues).values(erased.map(({ entryId, erasedIn }) => ({ entryId, path: wholeBody, erasedIn })))
  await tx.db
    .update(journal)
    .set({ data: null, salt: null })
    .where(
      inArray(
        journal.id,
        erased.map(({ entryId }) => entryId),
      ),
    )
}

const isOneOf = (about: readonly About[]): SQL | undefined =>
  or(...about.map(({ kind, ids }) => and(sql`${journal.subjectId} = any(${sql.param([...ids])}::text[])`, eq(journal.subjectKind, kind))))

/** At least one: an erasure is on record also where no entry had a text of it. */
function partsOf<Field>(fields: readonly Field[]): Field[][] {
  return Array.from({ length: Math.max(1, Math.ceil(fields.length / maxFields)) }, (_, part) => fields.slice(part * maxFields, (part + 1) * maxFields))
}

/** The IDs of entries of which something is marked as erased that no erasure of this program lists: somebody else has taken it away. */
export async function erasedInSilence(reader: Reader, rows: readonly StoredRow[]): Promise<ReadonlySet<string>> {
  const marked = rows.flatMap(row => [...erasuresOf(row)].map(([path, { erasedIn }]) => ({ entryId: row.id, path, erasedIn })))
  if (marked.length === 0) return new Set()
  const erasures = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(inArray(journal.id, [...new Set(marked.map(({ erasedIn }) => erasedIn))]), eq(journal.type, 'erasure.done')))
  const faults = await faultsOf(reader, erasures)
  const listed = new Set(
    erasures
      .filter(({ id }) => !faults.has(id))
      .flatMap(row => {
        const entry = toEntry(row)
        return entry.fault === null && entry.type === 'erasure.done' ? entry.data.fields.map(({ entryId, path }) => `${entry.id} ${entryId} ${path}`) : []
      }),
  )
  return new Set(marked.filter(({ entryId, path, erasedIn }) => !listed.has(`${erasedIn} ${entryId} ${path}`)).map(({ entryId }) => entryId))
}

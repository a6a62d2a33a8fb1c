import { type EventType, versionOf } from '@tocsin/events'
import { alteredEntry, type Difference, differenceSentence, differencesBetween, type FoldableEntry, foldedTypes, type StoredRecord } from '@tocsin/events/fold'
import { digest } from '@tocsin/merkle'
import { and, asc, count, eq, gt, inArray, type SQL } from 'drizzle-orm'
import type { Alarms } from '../kernel/alarms.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict } from '../kernel/problems.ts'
import { faultsOf } from './border.ts'
import { isForeign } from './entry-mac.ts'
import { type Entry, type EntryOf, type NewEntry, recordAll, system, toEntry } from './record.ts'
import { journal, journalLeaves } from './tables.ts'
import { storedColumns } from './values.ts'

/** An entry for the fold, which is told nothing of one that cannot be read. */
function foldable(entry: Entry, index: number | null): FoldableEntry {
  const { id, at, type, subject, actor, isDemo, isExercise } = entry
  const base = { id, index, at, type, subject, actor, isDemo, isExercise }
  return entry.fault === null ? { ...base, version: versionOf(entry.type), data: entry.data } : { ...base, version: entry.version, data: undefined }
}

interface Foldable extends FoldableEntry {
  readonly within: string | null
  /** Its body is not the one that this program wrote. */
  readonly isAltered: boolean
}

const withIndex = (reader: Reader, condition: SQL | undefined) =>
  reader.db
    .select({ row: storedColumns, leafIndex: journalLeaves.leafIndex })
    .from(journal)
    .leftJoin(journalLeaves, eq(journalLeaves.entryId, journal.id))
    .where(condition)
    .orderBy(asc(journal.seq))

const readFoldable = async (reader: Reader, condition: SQL | undefined) =>
  foldableOf(reader, await withIndex(reader, and(condition, inArray(journal.type, foldedTypes))))

/** Entries to fold: those that this program wrote. What somebody else wrote beside them tells nothing of a record, and an alarm tells of it. */
async function foldableOf(reader: Reader, rows: Awaited<ReturnType<typeof withIndex>>): Promise<Foldable[]> {
  const faults = await faultsOf(
    reader,
    rows.map(({ row }) => row),
  )
  return rows.flatMap(({ row, leafIndex }) => {
    const fault = faults.get(row.id)
    if (isForeign(fault)) return []
    const entry = foldable(toEntry(row), leafIndex)
    return [{ ...entry, within: row.withinId, isAltered: fault !== undefined, ...(fault === undefined ? {} : { data: undefined }) }]
  })
}

/** What the tables say otherwise than the entries, and which of these are not as they were written. */
const compared = (entries: readonly Foldable[], stored: readonly StoredRecord[]): Difference[] => [
  ...entries.flatMap(entry => (entry.isAltered ? alteredEntry(entry) : [])),
  ...differencesBetween(entries, stored),
]

/** Entries of one type that one look goes through. */
const maxOfType = 500

/** The next entries of a type above a number, of those that this program wrote. @returns them, and the number to go on from; undefined after the last */
export async function nextOfType(reader: Reader, type: EventType, after: number): Promise<{ entries: readonly FoldableEntry[]; after: number } | undefined> {
  const rows = await withIndex(reader, and(eq(journal.type, type), gt(journal.seq, after))).limit(maxOfType)
  const last = rows.at(-1)
  return last && { entries: await foldableOf(reader, rows), after: last.row.seq }
}

/** How many entries there are to fold of each of some incidents. */
export async function countFoldable(reader: Reader, incidentIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await reader.db
    .select({ id: journal.withinId, n: count() })
    .from(journal)
    .where(and(inArray(journal.withinId, [...incidentIds]), inArray(journal.type, foldedTypes)))
    .groupBy(journal.withinId)
  return new Map(rows.flatMap(({ id, n }) => (id === null ? [] : [[id, n]])))
}

/** What the tables say otherwise than the entries, by incident. Read it in a snapshot (`holdSnapshot`): what is just being written would differ. */
export async function compareWithEntries(
  reader: Reader,
  incidentIds: readonly string[],
  stored: readonly (StoredRecord & { readonly incidentId: string })[],
): Promise<ReadonlyMap<string, Difference[]>> {
  const entries = Map.groupBy(await readFoldable(reader, inArray(journal.withinId, [...incidentIds])), ({ within }) => within)
  const records = Map.groupBy(stored, ({ incidentId }) => incidentId)
  return new Map(incidentIds.map(id => [id, compared(entries.get(id) ?? [], records.get(id) ?? [])]))
}

const maxValue = 500
/** New differences of an incident that one report puts on record; the next one goes on. */
const maxReported = 100
const digestOf = ({ stored, recorded }: Pick<Difference, 'stored' | 'recorded'>) => digest({ stored, recorded })
const keyOf = (recordId: string, field: string | null) => `${recordId} ${field ?? ''}`

/** The differences of some incidents that are on record and did not end: their digests, by record and field. */
async function readKnown(reader: Reader, incidentIds: readonly string[]): Promise<ReadonlyMap<string, Map<string, EntryOf<'record.altered'>['data']>>> {
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(inArray(journal.subjectId, [...incidentIds]), inArray(journal.type, ['record.altered', 'record.restored'])))
    .orderBy(asc(journal.seq))
  const known = new Map<string, Map<string, EntryOf<'record.altered'>['data']>>()
  for (const entry of rows.map(toEntry)) {
    if (entry.fault !== null) continue
    const ofIncident = known.get(entry.subject.id) ?? new Map<string, EntryOf<'record.altered'>['data']>()
    known.set(entry.subject.id, ofIncident)
    if (entry.type === 'record.altered') ofIncident.set(keyOf(entry.data.record.id, entry.data.field), entry.data)
    if (entry.type === 'record.restored') ofIncident.delete(keyOf(entry.data.record.id, entry.data.field))
  }
  return known
}

/**
 * Puts on record what differs, each difference once, and what agrees again; pages the administrators about what is new.
 * @param found by incident, with those where nothing differs
 * @param isWhole false where only a part of the incidents was compared, so that nothing is known of what is not among the differences
 */
export async function reportDifferences(tx: Tx, alarms: Alarms, found: ReadonlyMap<string, readonly Difference[]>, isWhole = true): Promise<void> {
  const known = await readKnown(tx, [...found.keys()])
  const altered: NewEntry[] = []
  const restored: NewEntry[] = []
  const sentences: string[] = []
  for (const [incidentId, differences] of found) {
    const entry = { actor: system, subject: { kind: 'incident', id: incidentId }, within: incidentId } as const
    const before = known.get(incidentId)
    const fresh = differences.filter(({ id, field, ...difference }) => before?.get(keyOf(id, field))?.sha256 !== digestOf(difference))
    for (const difference of fresh.slice(0, maxReported)) {
      const { kind, id, field, stored, recorded, source } = difference
      const sha256 = digestOf(difference)
      const values = { stored: stored?.slice(0, maxValue) ?? null, recorded: recorded?.slice(0, maxValue) ?? null }
      altered.push({ ...entry, type: 'record.altered', data: { record: { kind, id }, field, ...values, sha256, source } })
      sentences.push(field === null && source !== null ? `${kind} ${recorded ?? id}, whose row is gone` : `${kind} ${id}${field === null ? '' : `, ${field}`}`)
    }
    const differing = new Set(differences.map(({ id, field }) => keyOf(id, field)))
    for (const [key, { record, field }] of isWhole ? (before ?? []) : [])
      if (!differing.has(key)) restored.push({ ...entry, type: 'record.restored', data: { record, field } })
  }
  await recordAll(tx, [...altered, ...restored])
  if (altered.length === 0) return
  const incidents = new Set(altered.map(({ within }) => within))
  await alarms.raise(tx, {
    // What differs is new each time: a page about an earlier difference must not hold this one back.
    key: `records-altered:${newId()}`,
    title: `${incidents.size === 1 ? 'An incident differs' : `${incidents.size} incidents differ`} from the audit log`,
    summary: `The database was changed outside Tocsin, or restored in part. The audit log says otherwise than the tables for: ${sentences.slice(0, 20).join('; ')}${sentences.length > 20 ? ` and ${sentences.length - 20} more` : ''}. The audit log has an entry for each difference, and holds what is right.`,
  })
}

interface Services {
  readonly database: Database
  readonly alarms: Alarms
}

/**
 * Holds an act to the record: what it hangs on, such as an approved text, must be in the tables as the entries about it say. Otherwise the act does not happen, and the
 * administrators are paged.
 * @param stored as read under the lock of whoever changes it
 * @throws AppProblem conflict that names the fields that differ
 */
export async function assertAsRecorded({ database, alarms }: Services, tx: Tx, incidentId: string, stored: StoredRecord): Promise<void> {
  const found = compared(await readFoldable(tx, eq(journal.subjectId, stored.id)), [stored])
  if (found.length > 0) await refuseAltered({ database, alarms }, incidentId, found)
}

/** Refuses an act because of what differs, which is reported in a transaction that outlives it. */
export async function refuseAltered({ database, alarms }: Services, incidentId: string, found: readonly Difference[]): Promise<never> {
  await database.transaction(other => reportDifferences(other, alarms, new Map([[incidentId, found]]), false))
  throw conflict(
    `The database was changed outside Tocsin, so nothing was done and the administrators are paged: ${found.slice(0, 5).map(differenceSentence).join('; ')}.`,
  )
}

import { randomBytes } from 'node:crypto'
import { type DataOf, type EventType, erasableOf, originOf, readEvent, type SubjectOf, UnreadableEvent, versionOf, type WithinOf } from '@tocsin/events'
import { commit, hashBody, type LeafHeader, saltBytes } from '@tocsin/merkle'
import { and, desc, eq, gt, gte, inArray, lt, or, type SQL, sql } from 'drizzle-orm'
import type { CallOrigin } from '../kernel/call-origin.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { faultsOf } from './border.ts'
import { macOf } from './entry-mac.ts'
import { holdPlace } from './order.ts'
import { journal, journalLeaves, journalValues } from './tables.ts'
import { erasuresOf, revealed, type StoredRow, storedColumns } from './values.ts'

/** Who did it. `name` is kept as it was then. */
export interface Actor {
  readonly kind: 'person' | 'key' | 'integration' | 'reporter' | 'system'
  readonly id: string | null
  readonly name: string
}

/** What Tocsin does by itself. */
export const system: Actor = { kind: 'system', id: null, name: 'Tocsin' }

interface Subject<Kind extends string = string> {
  readonly kind: Kind
  readonly id: string
}

interface EntryBase {
  readonly id: string
  readonly at: Instant
  readonly actor: Actor
  /** Of the form that its data was written in. */
  readonly version: number
  readonly isDemo: boolean
  readonly isExercise: boolean
  readonly isRestricted: boolean
  readonly bodyHash: Buffer
  /** From where a person, or who uses a key, did it. */
  readonly calledFrom?: CallOrigin | undefined
  /** What was erased of it: how many texts, and who did that, when and why. */
  readonly erasure?: ErasureOfEntry | undefined
}

interface ErasureOfEntry {
  readonly count: number
  readonly at: Instant
  readonly by: string
  readonly reason: string
}

type Entries = {
  readonly [Type in EventType]: EntryBase & {
    readonly type: Type
    readonly subject: Subject<SubjectOf<Type>>
    readonly within: WithinOf<Type>
    readonly data: DataOf<Type>
    readonly fault: null
  }
}

/** An entry of one type. */
export type EntryOf<Type extends EventType> = Entries[Type]

/** An entry whose type is unknown, whose data is not as its type says, or whose data was erased. It is shown as it is stored. */
export interface UnreadableEntry extends EntryBase {
  readonly type: string
  readonly subject: Subject
  readonly within: string | null
  readonly data: Readonly<Record<string, unknown>>
  /** What is wrong with it, as a sentence. */
  readonly fault: string
}

/** One entry as everybody reads it. Where `fault` is null, `type` says what `data` is, in its newest form. */
export type Entry = Entries[EventType] | UnreadableEntry

/** An entry with its row, where what is stored counts and not what is read of it. */
export type StoredEntry = Entry & { readonly stored: StoredRow }

export const journalChannel = 'tocsin_journal'

type NewEntries = {
  readonly [Type in EventType]: {
    /** Where something else is to refer to the entry. */
    readonly id?: string
    readonly actor: Actor
    readonly type: Type
    readonly subject: Subject<SubjectOf<Type>>
  } & (WithinOf<Type> extends null ? { readonly within?: null } : { readonly within: WithinOf<Type> }) &
    (Record<never, never> extends DataOf<Type> ? { readonly data?: DataOf<Type> } : { readonly data: DataOf<Type> })
}

/** An entry to be written: one of the types of `@tocsin/events`, with its kind of subject and its data. */
export type NewEntry = NewEntries[EventType]

/**
 * Writes one entry, in the transaction of the change itself. `within` is the id of the incident that decides who may see it.
 * Secrets do not belong into `data`: entries are exported. Some keep from where they were asked for (`keepsOrigin`), in the body beside the data.
 * @throws UnreadableEvent when the data is not as the type says, where the compiler could not see it
 */
export async function record(tx: Tx, entry: NewEntry): Promise<void> {
  await recordAll(tx, [entry])
}

/** What is read and handed out of an incident. */
const readings: ReadonlySet<EventType> = new Set(['incident.read', 'incident.exported', 'report.read', 'report-file.read'])

/**
 * True where an entry keeps from where it was asked for: what a person or a key did in a request. The record of an incident goes to authorities and customers,
 * who have no need of the addresses of those who worked on it: of its entries, those keep them that say who read it.
 */
const keepsOrigin = ({ actor: { kind }, within = null, type }: NewEntry) => (kind === 'person' || kind === 'key') && (within === null || readings.has(type))

/** Writes the entries of a batch in one statement, which also finds the marks of the records that they are about. */
export async function recordAll(tx: Tx, entries: readonly NewEntry[]): Promise<void> {
  if (entries.length === 0) return
  await holdPlace(tx)
  const salts = randomBytes(saltBytes * entries.length)
  const rows = entries.map((entry, at) => {
    const { id = newId(), actor, type, subject, within = null, data: given = {} } = entry
    const version = versionOf(type)
    readEvent(type, version, given)
    const { data: body, values } = commit(given, erasableOf(type), () => randomBytes(saltBytes))
    const data = tx.origin !== undefined && keepsOrigin(entry) ? { ...Object(body), calledFrom: tx.origin } : body
    const salt = salts.subarray(at * saltBytes, (at + 1) * saltBytes)
    const hash = hashBody(salt, { id, actor: { id: actor.id, name: actor.name }, within, data })
    const header = { id, at: tx.now, type, version, actorKind: actor.kind, subjectKind: subject.kind, subjectId: subject.id }
    return { id, actor, type, version, subject, within, data: JSON.stringify(data), salt, hash, values, mac: macOf(tx.sign, header, hash) }
  })
  const column = <T>(of: (row: (typeof rows)[number]) => T) => sql.param(rows.map(of))
  await tx.db.execute(sql`
    insert into journal (id, at, actor_kind, actor_id, actor_name, type, version, subject_kind, subject_id, within_id, data, salt, body_hash, mac,
      is_demo, is_exercise, is_restricted)
    select given.id, ${tx.now}::timestamptz, actor_kind, actor_id, actor_name, type, version, subject_kind, subject_id, within_id, data::jsonb,
      decode(salt, 'hex'), decode(body_hash, 'hex'), mac,
      coalesce(about.is_demo, false) or coalesce(around.is_demo, false),
      coalesce(about.is_exercise, false) or coalesce(around.is_exercise, false),
      coalesce(about.is_restricted, false) or coalesce(around.is_restricted, false)
    from unnest(
      ${column(row => row.id)}::uuid[], ${column(row => row.actor.kind)}::text[], ${column(row => row.actor.id)}::text[],
      ${column(row => row.actor.name)}::text[], ${column(row => row.type)}::text[], ${column(row => row.version)}::int[],
      ${column(row => row.subject.kind)}::text[], ${column(row => row.subject.id)}::text[], ${column(row => row.within)}::uuid[],
      ${column(row => row.data)}::text[], ${column(row => row.salt.toString('hex'))}::text[], ${column(row => row.hash.toString('hex'))}::text[],
      ${column(row => row.mac)}::text[]
    ) with ordinality as given (id, actor_kind, actor_id, actor_name, type, version, subject_kind, subject_id, within_id, data, salt, body_hash, mac, place)
    left join journal_marks about on about.record_id = given.subject_id
    left join journal_marks around on around.record_id = given.within_id::text
    order by given.place`)
  const values = rows.flatMap(row => [...row.values].map(([path, { salt, value }]) => ({ entryId: row.id, path, salt: Buffer.from(salt, 'base64'), value })))
  if (values.length > 0) await keepValues(tx, values)
  await tx.db.execute(sql`select pg_notify(${journalChannel}, '')`)
}

/** Keeps the texts that new entries commit to. */
async function keepValues(tx: Tx, values: readonly { entryId: string; path: string; salt: Buffer; value: string }[]): Promise<void> {
  const column = <T>(of: (value: (typeof values)[number]) => T) => sql.param(values.map(of))
  await tx.db.execute(sql`
    insert into ${journalValues} (entry_id, path, salt, value)
    select entry_id, path, decode(salt, 'hex'), value
    from unnest(${column(({ entryId }) => entryId)}::uuid[], ${column(({ path }) => path)}::text[], ${column(({ salt }) => salt.toString('hex'))}::text[],
      ${column(({ value }) => value)}::text[]) as given (entry_id, path, salt, value)`)
}

function erasureOf(row: StoredRow): ErasureOfEntry | undefined {
  const erasures = [...erasuresOf(row).values()]
  const [first] = erasures
  if (first === undefined) return undefined
  const { at, by, reason } = first
  return { count: erasures.length, at: new Date(at ?? row.at).toISOString(), by: by ?? 'somebody', reason: reason ?? '' }
}

/** Who erased something, when and why, as it is shown in its place. */
export const erasureSentence = ({ at, by, reason }: Pick<ErasureOfEntry, 'at' | 'by' | 'reason'>) => `Erased on ${at.slice(0, 10)} by ${by}: ${reason}`

/** An entry from its row: read by its type, or with what is wrong with it. */
export function toEntry(row: StoredRow): StoredEntry {
  const { id, at, type, version, isDemo, isExercise, isRestricted, bodyHash } = row
  const entry = {
    ...{ id, at, type, version, isDemo, isExercise, isRestricted, bodyHash, stored: row, calledFrom: originOf(row.data), erasure: erasureOf(row) },
    actor: { kind: row.actorKind as Actor['kind'], id: row.actorId, name: row.actorName },
    subject: { kind: row.subjectKind, id: row.subjectId },
    within: row.withinId,
  }
  if (row.data === null) return { ...entry, data: {}, fault: entry.erasure ? erasureSentence(entry.erasure) : 'Its data was erased.' }
  try {
    // The registry has checked that `data` is that of `type`: what a look-up by name cannot say in types.
    return { ...entry, data: readEvent(type, version, revealed(row)), fault: null } as StoredEntry
  } catch (error) {
    if (!(error instanceof UnreadableEvent)) throw error
    return { ...entry, data: row.data, fault: error.message }
  }
}

/** What of an entry stands in its leaf as it is. */
export function headerOf({ at, type, version, subject, actor, isDemo, isExercise, isRestricted }: Entry): LeafHeader {
  return { at, type, version, subject, actorKind: actor.kind, isDemo, isExercise, isRestricted }
}

/** What is done about entries of some types. */
export type Reactions = { readonly [Type in EventType]?: (tx: Tx, entry: EntryOf<Type>) => Promise<void> }

/**
 * Does what is to be done about one entry, if anything.
 * @throws UnreadableEvent when something is, and the entry cannot be read
 */
export async function reactTo(reactions: Reactions, tx: Tx, entry: Entry): Promise<void> {
  if (!Object.hasOwn(reactions, entry.type)) return
  if (entry.fault !== null) throw new UnreadableEvent(`Entry ${entry.id} cannot be read: ${entry.fault}`)
  // A reaction takes the entries of its key's type alone, and this one is of that type: TypeScript does not tie the two together.
  const reaction = reactions[entry.type] as ((tx: Tx, entry: Entry) => Promise<void>) | undefined
  await reaction?.(tx, entry)
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

/** Entries of a selection, oldest first, of those that `condition` lets through. */
export async function readEntries(reader: Reader, selection: Selection, condition?: SQL): Promise<StoredEntry[]> {
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(selectionCondition(selection), condition))
    .orderBy(journal.seq)
  return rows.map(toEntry)
}

/** The latest entries of a selection that `condition` lets through, newest first, and the number of each to go on from; those below `before` where it is given. */
export async function latestOfSelection(
  reader: Reader,
  selection: Selection,
  { limit, before, condition }: { limit: number; before: number | undefined; condition: SQL },
): Promise<{ entry: Entry; seq: number }[]> {
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(selectionCondition(selection), condition, before === undefined ? undefined : lt(journal.seq, before)))
    .orderBy(desc(journal.seq))
    .limit(limit)
  return rows.map(row => ({ entry: toEntry(row), seq: row.seq }))
}

/** Entries about one subject above a number, oldest first, and the number of each to go on from. */
export async function readEntriesAbout(
  reader: Reader,
  subject: Subject,
  { after, limit }: { after: number; limit: number },
): Promise<{ entry: Entry; seq: number }[]> {
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(eq(journal.subjectId, subject.id), eq(journal.subjectKind, subject.kind), gt(journal.seq, after)))
    .orderBy(journal.seq)
    .limit(limit)
  return rows.map(row => ({ entry: toEntry(row), seq: row.seq }))
}

/** The newest entry of a type about a subject that this program wrote, where it can be read: an act may hang on it. */
export async function lastEntryAbout<Type extends EventType>(
  reader: Reader,
  subject: Subject<SubjectOf<Type>>,
  type: Type,
): Promise<EntryOf<Type> | undefined> {
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(eq(journal.subjectId, subject.id), eq(journal.subjectKind, subject.kind), eq(journal.type, type)))
    .orderBy(desc(journal.seq))
  const faults = await faultsOf(reader, rows)
  const row = rows.find(({ id }) => !faults.has(id))
  const entry: Entry | undefined = row && toEntry(row)
  // It was asked for by its type, and has been read as one of it.
  return entry === undefined || entry.fault !== null ? undefined : (entry as EntryOf<Type>)
}

/** All entries of some types about a subject, or about some, that this program wrote, oldest first. */
export async function entriesAbout(reader: Reader, subjectIds: string | readonly string[], types: readonly EventType[]): Promise<Entry[]> {
  const rows = await reader.db
    .select(storedColumns)
    .from(journal)
    .where(and(inArray(journal.subjectId, [subjectIds].flat()), inArray(journal.type, [...types])))
    .orderBy(journal.seq)
  const faults = await faultsOf(reader, rows)
  return rows.filter(({ id }) => !faults.has(id)).map(toEntry)
}

/** When a person last did something about one of some records or within it, after `since`; undefined when nobody did. */
export async function lastDoneByPeople(reader: Reader, recordIds: readonly string[], since: Instant): Promise<Instant | undefined> {
  const [found] = await reader.db
    .select({ at: sql<string | null>`max(${journal.at})` })
    .from(journal)
    .where(
      and(or(inArray(journal.subjectId, [...recordIds]), inArray(journal.withinId, [...recordIds])), eq(journal.actorKind, 'person'), gt(journal.at, since)),
    )
  return found?.at ? new Date(found.at).toISOString() : undefined
}

/** The latest entries, newest first, of those that `condition` lets through; `before` is the `seq` to go on from. */
export async function latestEntries(
  reader: Reader,
  options: { limit: number; before?: number | undefined; condition?: SQL | undefined },
): Promise<{ entry: Entry; seq: number; leafIndex: number | null }[]> {
  const rows = await reader.db
    .select({ row: storedColumns, leafIndex: journalLeaves.leafIndex })
    .from(journal)
    .leftJoin(journalLeaves, eq(journalLeaves.entryId, journal.id))
    .where(and(options.before === undefined ? undefined : lt(journal.seq, options.before), options.condition))
    .orderBy(desc(journal.seq))
    .limit(options.limit)
  return rows.map(({ row, leafIndex }) => ({ entry: toEntry(row), seq: row.seq, leafIndex }))
}

/** The columns that visibility rules apply to. */
export const entryColumns = {
  ...{ type: journal.type, data: journal.data, withinId: journal.withinId },
  ...{ subjectKind: journal.subjectKind, subjectId: journal.subjectId },
}

/** Which of these entries a condition lets through. */
export async function entriesThat(reader: Reader, ids: readonly string[], condition: SQL): Promise<ReadonlySet<string>> {
  const rows = await reader.db
    .select({ id: journal.id })
    .from(journal)
    .where(and(inArray(journal.id, [...ids]), condition))
  return new Set(rows.map(({ id }) => id))
}

/** What the entries of a type are about that a person or a service account caused since a moment, oldest first. */
export async function subjectsOf(reader: Reader, { actorId, type, since }: { actorId: string; type: EventType; since: Instant }): Promise<string[]> {
  const rows = await reader.db
    .select({ id: journal.subjectId })
    .from(journal)
    .where(and(eq(journal.actorId, actorId), eq(journal.type, type), gte(journal.at, since)))
    .orderBy(journal.seq)
  return rows.map(({ id }) => id)
}

/** True when this actor wrote an entry of this type about the subject since a moment: so that a page which is live is not a read a second. */
export async function wasRecorded(reader: Reader, entry: { actor: Actor; type: EventType; subject: Subject; since: Instant }): Promise<boolean> {
  const { actor, type, subject, since } = entry
  const [found] = await reader.db
    .select({ id: journal.id })
    .from(journal)
    .where(and(eq(journal.subjectId, subject.id), eq(journal.type, type), eq(journal.actorId, actor.id ?? ''), gte(journal.at, since)))
    .limit(1)
  return found !== undefined
}

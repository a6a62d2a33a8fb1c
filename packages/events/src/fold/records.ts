import { canonicalJson } from '@tocsin/merkle'

/** A journal entry, as a fold reads it: from the journal itself or from an export. */
export interface FoldableEntry {
  readonly id: string
  /** Its index in the audit log; null where it is not sealed yet. */
  readonly index: number | null
  readonly at: string
  readonly type: string
  readonly version: number
  readonly subject: { readonly kind: string; readonly id: string }
  readonly actor: { readonly kind: string; readonly id: string | null }
  readonly isDemo: boolean
  readonly isExercise: boolean
  /** Undefined where its body was erased or withheld. */
  readonly data: unknown
}

/** The entry that a field's value is from. */
export type Source = Pick<FoldableEntry, 'id' | 'index' | 'type'>

/** A record as the tables have it: its fields by name, and lists in a fixed order. */
export interface StoredRecord {
  readonly kind: string
  readonly id: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A field of a record of which the tables say something else than the entries. */
export interface Difference {
  readonly kind: string
  readonly id: string
  /** Null where the record as a whole is missing from the tables, or stands there without any entry. */
  readonly field: string | null
  /** In the table, as canonical JSON; null where the record is missing from it. */
  readonly stored: string | null
  /** By the entries, as canonical JSON; null where none is about the record. Of an incident that is missing from the tables: its number. */
  readonly recorded: string | null
  readonly source: Source | null
}

/** An entry that somebody else wrote into the database, and what shows that. It tells nothing of a record. */
export interface ForeignEntry extends Pick<FoldableEntry, 'id' | 'at' | 'type' | 'subject'> {
  readonly fault: string
}

interface Value {
  readonly value: unknown
  readonly source: Source
}

/** What the entries say of one record. A field that is not here is not on record: entries of older versions did not carry it. */
class FoldedRecord {
  readonly kind: string
  readonly id: string
  /** The entry that made it. A table may lack a record that has none: it was never more than prepared. */
  made: Source | undefined
  /** True when entries about it could not be read: what they said is not known. */
  isForgotten = false
  readonly #fields = new Map<string, Value>()

  constructor(kind: string, id: string) {
    this.kind = kind
    this.id = id
  }

  get fields(): ReadonlyMap<string, Value> {
    return this.#fields
  }

  /** What a field is, as far as it is on record. */
  get(field: string): unknown {
    return this.#fields.get(field)?.value
  }

  /** Sets fields to what an entry says; undefined says that the entry does not know what they are now. */
  set({ id, index, type }: FoldableEntry, fields: Readonly<Record<string, unknown>>): void {
    for (const [field, value] of Object.entries(fields)) {
      if (value === undefined) this.#fields.delete(field)
      else this.#fields.set(field, { value, source: { id, index, type } })
    }
  }

  /** From an entry on that cannot be read nothing is known of it. */
  forget(): void {
    this.isForgotten = true
    this.#fields.clear()
  }
}

/** Records as the entries tell them, and approvals that are not of what the entries say. */
export class FoldedRecords {
  readonly #records = new Map<string, FoldedRecord>()
  readonly #voided: Difference[] = []
  /** The record that each entry is about, by its ID. */
  readonly #byEntry = new Map<string, FoldedRecord>()

  get all(): Iterable<FoldedRecord> {
    return this.#records.values()
  }

  /** Approvals of something else than the entries before them say. */
  get voided(): readonly Difference[] {
    return this.#voided
  }

  /** The record that an entry is about. */
  of({ id, subject }: FoldableEntry): FoldedRecord {
    const found = this.#records.get(subject.id) ?? new FoldedRecord(subject.kind, subject.id)
    this.#records.set(subject.id, found)
    this.#byEntry.set(id, found)
    return found
  }

  /** The record that an entry makes, with its first fields. */
  make(entry: FoldableEntry, fields: Readonly<Record<string, unknown>>): void {
    const record = this.of(entry)
    record.made = { id: entry.id, index: entry.index, type: entry.type }
    record.set(entry, fields)
  }

  remove({ subject }: FoldableEntry): void {
    this.#records.delete(subject.id)
  }

  /** The record that an entry before is about, by the ID of the entry. */
  ofEntry(entryId: string): FoldedRecord | undefined {
    return this.#byEntry.get(entryId)
  }

  find(id: string): FoldedRecord | undefined {
    return this.#records.get(id)
  }

  /** Notes the digest of what was approved; where all of it is on record, it must be that of the entries before. */
  approve(entry: FoldableEntry, approved: string | undefined, byEntries: string | undefined): void {
    if (approved === undefined || byEntries === undefined || approved === byEntries) return
    const { id, index, type } = entry
    const { subject } = entry
    this.#voided.push({
      ...{ kind: subject.kind, id: subject.id, field: 'approvedSha256', source: { id, index, type } },
      ...{ stored: canonicalJson(approved), recorded: canonicalJson(byEntries) },
    })
  }
}

import { canonicalJson } from '@tocsin/merkle'
import { foldEntries } from './fold.ts'
import type { Difference, FoldableEntry, ForeignEntry, StoredRecord } from './records.ts'

/** Records that the tables may hold before any entry is about them: an obligation that is prepared, for an incident that is not declared. */
const isPrepared = ({ kind, fields }: StoredRecord) => kind === 'obligation' && fields.state === 'pending'

/**
 * Compares records as the tables have them with what the entries say, field by field. What is not on record is no difference.
 * @param entries all of what the records belong to, oldest first
 * @param stored of every record that the entries are about, those that exist
 */
export function differencesBetween(entries: readonly FoldableEntry[], stored: readonly StoredRecord[]): Difference[] {
  const folded = foldEntries(entries)
  const found: Difference[] = [...folded.voided]
  const ids = new Set(stored.map(({ id }) => id))
  for (const { kind, id, made, fields } of folded.all)
    if (made !== undefined && fields.size > 0 && !ids.has(id)) found.push({ ...{ kind, id, field: null, stored: null, recorded: null, source: made } })
  for (const record of stored) {
    const { kind, id } = record
    const told = folded.find(id)
    if (told === undefined) {
      if (!isPrepared(record)) found.push({ kind, id, field: null, stored: null, recorded: null, source: null })
      continue
    }
    for (const [field, { value, source }] of told.fields) {
      if (!Object.hasOwn(record.fields, field)) continue
      const [inTable, byEntry] = [canonicalJson(record.fields[field]), canonicalJson(value)]
      if (inTable !== byEntry) found.push({ kind, id, field, stored: inTable, recorded: byEntry, source })
    }
  }
  return found
}

/** An incident that an entry opened and that is missing from the tables as a whole. */
export function missingIncident(opened: FoldableEntry): Difference {
  const { id, index, type, subject } = opened
  const number = foldEntries([opened]).find(subject.id)?.get('number')
  const recorded = number === undefined ? null : canonicalJson(number)
  return { ...{ kind: subject.kind, id: subject.id, field: null }, stored: null, recorded, source: { id, index, type } }
}

const entryField = 'entry'

/** An entry whose stored body is not the one that it was written with: what it said of its record is not known. */
export function alteredEntry({ id, index, type, subject }: FoldableEntry): Difference {
  return {
    kind: subject.kind,
    id: subject.id,
    field: entryField,
    stored: canonicalJson('altered'),
    recorded: canonicalJson('as written'),
    source: { id, index, type },
  }
}

const maxShown = 120
const shown = (value: string) => (value.length > maxShown ? `${value.slice(0, maxShown)}…` : value)

/** A difference as a sentence: the record, the field, both values, the entry. */
export function differenceSentence({ kind, id, field, stored, recorded, source }: Difference): string {
  const name = `${kind} ${id}`
  const entry = source === null ? '' : `entry ${source.index ?? source.id} (${source.type})`
  if (field === null && source === null) return `${name} is in the tables, but no entry is about it`
  if (field === null) return `${name}${recorded === null ? '' : ` (number ${recorded})`} is missing from the tables; ${entry} made it`
  if (field === entryField) return `${name}: ${entry} was changed in the database, and does not say any more what it was written with`
  if (field === 'approvedSha256') return `${name}: ${entry} approved something else (${stored}) than the entries before it say (${recorded})`
  return `${name}: ${field} is ${shown(stored ?? '')} in the table, but ${shown(recorded ?? '')} by ${entry}`
}

/** An entry that somebody else wrote as a sentence: which one, what it pretends, and what shows that. */
export function foreignSentence({ id, at, type, subject, fault }: ForeignEntry): string {
  return `entry ${id} (${type}), about ${subject.kind} ${subject.id}, dated ${at}: ${fault}`
}

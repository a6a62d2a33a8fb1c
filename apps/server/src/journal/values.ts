import { erasableOf, erasableTypes } from '@tocsin/events'
import { type CommittedValue, commitmentsIn, isCommitted, reveal } from '@tocsin/merkle'
import { getTableColumns, sql } from 'drizzle-orm'
import { journal, journalValues } from './tables.ts'

/** Who erased a text of an entry, when and why, and the entry that has it on record. */
interface StoredErasure {
  readonly erasedIn: string
  readonly at: string | null
  readonly by: string | null
  readonly reason: string | null
}

/** The texts that an entry commits to, and the erasures of those that are gone, by their paths. */
export type StoredValues = Readonly<Record<string, CommittedValue | StoredErasure>>

export type StoredRow = typeof journal.$inferSelect & { readonly values: StoredValues | null }

/** The columns of an entry, with the texts that it commits to: they are looked up for the types that have such texts, and where the body was erased. For statements from `journal`, under its own name. */
export const storedColumns = {
  ...getTableColumns(journal),
  values: sql<StoredValues | null>`case when journal.data is null or journal.type = any(${sql.param([...erasableTypes])}::text[]) then (
    select json_object_agg(stored.path, case when stored.erased_in is null
      then json_build_object('salt', encode(stored.salt, 'base64'), 'value', stored.value)
      else json_build_object('erasedIn', stored.erased_in, 'at', erasing.at, 'by', erasing.actor_name, 'reason', erasing.data ->> 'reason') end)
    from ${journalValues} stored left join journal as erasing on erasing.id = stored.erased_in
    where stored.entry_id = journal.id) end`,
}

const isErased = (stored: CommittedValue | StoredErasure | undefined): stored is StoredErasure => stored !== undefined && 'erasedIn' in stored

/** The erasures of an entry, by the paths of what was erased; of its whole body by an empty path. */
export const erasuresOf = ({ values }: Pick<StoredRow, 'values'>): ReadonlyMap<string, StoredErasure> =>
  new Map(Object.entries(values ?? {}).flatMap(([path, stored]) => (isErased(stored) ? [[path, stored]] : [])))

/** True where each text that the entry commits to is as it was written, or was erased. */
export function hasOwnValues({ type, data, values }: Pick<StoredRow, 'type' | 'data' | 'values'>): boolean {
  if (erasableOf(type).length === 0) return true
  return [...commitmentsIn(data)].every(([path, commitment]) => {
    const stored = values?.[path]
    return stored !== undefined && (isErased(stored) || isCommitted(commitment, stored))
  })
}

/** The data of an entry with its texts, as it was given to `record()`; those that were erased read as `[erased]`. */
export function revealed({ type, data, values }: Pick<StoredRow, 'type' | 'data' | 'values'>): unknown {
  if (erasableOf(type).length === 0) return data
  return reveal(data, path => {
    const stored = values?.[path]
    return stored === undefined || isErased(stored) ? undefined : stored.value
  })
}

/** The texts of an entry that are exported with it, each with its salt. */
export function exportedValues({ values }: Pick<StoredRow, 'values'>): Readonly<Record<string, CommittedValue>> | undefined {
  const kept = Object.entries(values ?? {}).flatMap(([path, stored]) => (isErased(stored) ? [] : [[path, stored] as const]))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

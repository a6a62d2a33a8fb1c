import { type SQLWrapper, sql } from 'drizzle-orm'
import type { Tx } from '../kernel/database.ts'
import { journalMarks } from './tables.ts'

export interface Marks {
  readonly isDemo?: boolean
  readonly isExercise?: boolean
  readonly isRestricted?: boolean
}

/**
 * Marks records, so that each entry about or within them carries the marks from now on; entries that stand keep theirs.
 * Call it before the first entry about a record. Marks that are not given stay as they are.
 */
export async function markRecords(tx: Tx, recordIds: readonly string[], marks: Marks): Promise<void> {
  if (recordIds.length === 0) return
  await tx.db
    .insert(journalMarks)
    .values([...new Set(recordIds)].map(recordId => ({ recordId, ...marks })))
    .onConflictDoUpdate({ target: journalMarks.recordId, set: { ...marks } })
}

/** Whether any of these records is marked as belonging to an exercise. */
export const isOfExercise = (...recordIds: readonly SQLWrapper[]) =>
  sql<boolean>`exists (select 1 from journal_marks mark where mark.is_exercise and mark.record_id in (${sql.join(
    recordIds.map(id => sql`${id}::text`),
    sql`, `,
  )}))`

/** Marks a record as belonging to the demo or an exercise when the one that it belongs to does: a schedule as its team. */
export async function markAs(tx: Tx, recordId: string, ownerId: string): Promise<void> {
  await tx.db.execute(sql`
    insert into journal_marks (record_id, is_demo, is_exercise)
    select ${recordId}, is_demo, is_exercise from journal_marks where record_id = ${ownerId} and (is_demo or is_exercise)
    on conflict (record_id) do update set is_demo = journal_marks.is_demo or excluded.is_demo, is_exercise = journal_marks.is_exercise or excluded.is_exercise`)
}

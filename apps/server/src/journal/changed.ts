import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../kernel/clock.ts'
import type { Reader } from '../kernel/database.ts'
import { journal } from './tables.ts'

/** Types of entries that tell of a look at a record, not of a change. */
const looks = ['incident.read', 'report.read', 'report-file.read', 'incident.exported']

/**
 * The condition that the audit log has a change of a record since `since`: every change that matters is an entry. Undefined, which is no condition, without `since`.
 * @param id column of the ID of the record
 * @param of what an entry names the record by: its own subject, the record that its page is about, or the incident that it was written in
 */
export function changedSince(id: AnyColumn, since: Instant | undefined, of: 'subject' | 'subject or page' | 'within' = 'subject'): SQL | undefined {
  if (since === undefined) return undefined
  const recent = sql`from ${journal} where ${journal.at} >= ${since}::timestamptz and not (${journal.type} = any(${sql.param(looks)}::text[]))`
  if (of === 'within') return sql`${id} in (select ${journal.withinId} ${recent} and ${journal.withinId} is not null)`
  const pages = of === 'subject' ? sql`` : sql`union all select ${journal.data} #>> '{about,id}' ${recent} and ${journal.subjectKind} = 'page'`
  return sql`${id}::text in (select ${journal.subjectId} ${recent} ${pages})`
}

/** When the latest change was recorded within an incident; `id` is the column of its ID. */
export const lastRecordedWithin = (id: AnyColumn) =>
  sql`(select last.at from ${journal} as last where last.within_id = ${id} and not (last.type = any(${sql.param(looks)}::text[])) order by last.seq desc limit 1)`

/** Of the records of a whole list those that the audit log has a change of since `since`, as `changedSince` has it; all of them without. */
export async function onlyChanged<Row extends { readonly id: string }>(reader: Reader, rows: readonly Row[], since: Instant | undefined): Promise<Row[]> {
  if (since === undefined || rows.length === 0) return [...rows]
  const ids = rows.map(row => row.id)
  const found = await reader.db
    .selectDistinct({ id: journal.subjectId })
    .from(journal)
    .where(
      sql`${journal.at} >= ${since}::timestamptz and not (${journal.type} = any(${sql.param(looks)}::text[])) and ${journal.subjectId} = any(${sql.param(ids)}::text[])`,
    )
  const changed = new Set(found.map(row => row.id))
  return rows.filter(row => changed.has(row.id))
}

import type { StoredRecord } from '@tocsin/events/fold'
import { inArray } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { followUps, reviews } from './tables.ts'

/** A review as the fold of its entries tells it. */
export function reviewRecord({ id, incidentId: _, version: __, ...fields }: typeof reviews.$inferSelect): StoredRecord {
  return { kind: 'review', id, fields }
}

/** A follow-up action as the fold of its entries tells it. */
export function followUpRecord({ id, incidentId: _, version: __, ...fields }: typeof followUps.$inferSelect): StoredRecord {
  return { kind: 'follow-up', id, fields }
}

/** Reviews of incidents with their follow-up actions, as the tables have them: in as many statements for many as for one. */
export async function reviewRecords(reader: Reader, incidentIds: readonly string[]): Promise<(StoredRecord & { readonly incidentId: string })[]> {
  const which = [...incidentIds]
  const rows = await reader.db.select().from(reviews).where(inArray(reviews.incidentId, which))
  const actions = await reader.db.select().from(followUps).where(inArray(followUps.incidentId, which))
  return [
    ...rows.map(row => ({ incidentId: row.incidentId, ...reviewRecord(row) })),
    ...actions.map(row => ({ incidentId: row.incidentId, ...followUpRecord(row) })),
  ]
}

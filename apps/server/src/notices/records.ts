import type { StoredRecord } from '@tocsin/events/fold'
import { and, eq, inArray } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { messages } from '../notify/index.ts'
import { notices, obligations } from './tables.ts'

type ObligationRow = typeof obligations.$inferSelect
type NoticeRow = typeof notices.$inferSelect

/** An obligation as the fold of its entries tells it. */
export function obligationRecord({ id, incidentId: _, version: __, nextCheckAt: ___, pagedAt: ____, ...fields }: ObligationRow): StoredRecord {
  return { kind: 'obligation', id, fields }
}

/** A notice as the fold of its entries tells it. @param to the addresses that it was sent to, where they are compared too */
export function noticeRecord({ id, version: _, ...fields }: NoticeRow, to?: readonly string[]): StoredRecord {
  return { kind: 'notice', id, fields: { ...fields, ...(to && { to: to.toSorted() }) } }
}

/** Obligations of incidents with their notices, as the tables have them: in as many statements for many as for one. */
export async function noticeRecords(reader: Reader, incidentIds: readonly string[]): Promise<(StoredRecord & { readonly incidentId: string })[]> {
  const { db } = reader
  const which = inArray(obligations.incidentId, [...incidentIds])
  const rows = await db.select().from(obligations).where(which)
  const noticeRows = await db
    .select({ notice: notices, incidentId: obligations.incidentId })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(which)
  const sent = await db
    .select({ noticeId: messages.purposeId, address: messages.address })
    .from(messages)
    .innerJoin(notices, eq(notices.id, messages.purposeId))
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(and(eq(messages.purpose, 'notice'), which))
  const sentTo = Map.groupBy(sent, ({ noticeId }) => noticeId)
  return [
    ...rows.map(row => ({ incidentId: row.incidentId, ...obligationRecord(row) })),
    ...noticeRows.map(({ notice, incidentId }) => ({
      incidentId,
      ...noticeRecord(
        notice,
        (sentTo.get(notice.id) ?? []).map(({ address }) => address),
      ),
    })),
  ]
}

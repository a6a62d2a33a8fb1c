import type { StoredRecord } from '@tocsin/events/fold'
import { inArray } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import type { IncidentRow } from './incident.ts'
import { incidentCustomers, incidentMembers, incidentServices, incidentSuspects, incidents, notes, tasks } from './tables.ts'

export type TaskRow = typeof tasks.$inferSelect

const byId = <T extends { readonly id: string }>(all: readonly T[] = []) => all.toSorted((a, b) => (a.id < b.id ? -1 : 1))

/** A task as the fold of its entries tells it. */
export function taskRecord({ id, title, assigneeId, dueOn, isBusinessImpacting, approvedById, doneAt, doneById }: TaskRow): StoredRecord {
  return { kind: 'task', id, fields: { title, assigneeId, dueOn, isBusinessImpacting, approvedById, doneAt, doneById } }
}

function incidentRecord(
  { id, version: _, ...row }: IncidentRow,
  lists: { memberIds: string[]; suspectIds: string[]; services: object[]; customers: object[] },
): StoredRecord {
  return { kind: 'incident', id, fields: { ...row, ...lists } }
}

/** Incidents with their tasks and notes, as the tables have them: in as many statements for many as for one. */
export async function incidentRecords(reader: Reader, ids: readonly string[]): Promise<(StoredRecord & { readonly incidentId: string })[]> {
  const { db } = reader
  const which = [...ids]
  const rows = await db.select().from(incidents).where(inArray(incidents.id, which))
  const services = await db.select().from(incidentServices).where(inArray(incidentServices.incidentId, which))
  const customers = await db.select().from(incidentCustomers).where(inArray(incidentCustomers.incidentId, which))
  const members = await db.select().from(incidentMembers).where(inArray(incidentMembers.incidentId, which))
  const suspects = await db.select().from(incidentSuspects).where(inArray(incidentSuspects.incidentId, which))
  const taskRows = await db.select().from(tasks).where(inArray(tasks.incidentId, which))
  const noteRows = await db.select().from(notes).where(inArray(notes.incidentId, which))
  const servicesOf = Map.groupBy(services, ({ incidentId }) => incidentId)
  const customersOf = Map.groupBy(customers, ({ incidentId }) => incidentId)
  const suspectsOf = Map.groupBy(suspects, ({ incidentId }) => incidentId)
  const membersOf = Map.groupBy(members, ({ incidentId }) => incidentId)
  return [
    ...rows.map(row => ({
      incidentId: row.id,
      ...incidentRecord(row, {
        memberIds: (membersOf.get(row.id) ?? []).map(({ personId }) => personId).sort(),
        suspectIds: (suspectsOf.get(row.id) ?? []).map(({ personId }) => personId).sort(),
        services: byId(servicesOf.get(row.id)?.map(({ serviceId, basis }) => ({ id: serviceId, basis }))),
        customers: byId(customersOf.get(row.id)?.map(({ customerId, basis }) => ({ id: customerId, basis }))),
      }),
    })),
    ...taskRows.map(row => ({ incidentId: row.incidentId, ...taskRecord(row) })),
    ...noteRows.map(({ id, incidentId, authorId, markdown, createdAt, editedAt, erasure }) => ({
      ...{ incidentId, kind: 'note', id, fields: { authorId, markdown, createdAt, editedAt, erasure: erasure && { at: erasure.at, reason: erasure.reason } } },
    })),
  ]
}

import type { StoredRecord } from '@tocsin/events/fold'
import { inArray } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import type { IncidentRow } from './incident.ts'
import {
  incidentCustomers,
  incidentFacts,
  incidentHandovers,
  incidentMembers,
  incidentServices,
  incidentSuspects,
  incidents,
  notes,
  proposals,
  tasks,
} from './tables.ts'

export type TaskRow = typeof tasks.$inferSelect

const byId = <T extends { readonly id: string }>(all: readonly T[] = []) => all.toSorted((a, b) => (a.id < b.id ? -1 : 1))

/** A task as the fold of its entries tells it. */
export function taskRecord({ id, title, assigneeId, dueOn, isBusinessImpacting, approvedById, doneAt, doneById }: TaskRow): StoredRecord {
  return { kind: 'task', id, fields: { title, assigneeId, dueOn, isBusinessImpacting, approvedById, doneAt, doneById } }
}

/** A proposal as the fold of its entries tells it. */
export function proposalRecord({ id, incidentId: _, ...fields }: typeof proposals.$inferSelect): StoredRecord {
  return { kind: 'proposal', id, fields }
}

/** A key date as the fold of its entries tells it. */
export function factRecord({ id, incidentId: _, ...fields }: typeof incidentFacts.$inferSelect): StoredRecord {
  return { kind: 'fact', id, fields }
}

function incidentRecord(
  { id, version: _, ...row }: IncidentRow,
  lists: { memberIds: string[]; suspectIds: string[]; handovers: object[]; services: object[]; customers: object[] },
): StoredRecord {
  return { kind: 'incident', id, fields: { ...row, ...lists } }
}

/** Incidents with their tasks, proposals, notes and key dates, as the tables have them: in as many statements for many as for one. */
export async function incidentRecords(reader: Reader, ids: readonly string[]): Promise<(StoredRecord & { readonly incidentId: string })[]> {
  const { db } = reader
  const which = [...ids]
  const rows = await db.select().from(incidents).where(inArray(incidents.id, which))
  const services = await db.select().from(incidentServices).where(inArray(incidentServices.incidentId, which))
  const customers = await db.select().from(incidentCustomers).where(inArray(incidentCustomers.incidentId, which))
  const members = await db.select().from(incidentMembers).where(inArray(incidentMembers.incidentId, which))
  const suspects = await db.select().from(incidentSuspects).where(inArray(incidentSuspects.incidentId, which))
  const handovers = await db.select().from(incidentHandovers).where(inArray(incidentHandovers.incidentId, which)).orderBy(incidentHandovers.role)
  const taskRows = await db.select().from(tasks).where(inArray(tasks.incidentId, which))
  const factRows = await db.select().from(incidentFacts).where(inArray(incidentFacts.incidentId, which))
  const noteRows = await db.select().from(notes).where(inArray(notes.incidentId, which))
  const proposalRows = await db.select().from(proposals).where(inArray(proposals.incidentId, which))
  const servicesOf = Map.groupBy(services, ({ incidentId }) => incidentId)
  const customersOf = Map.groupBy(customers, ({ incidentId }) => incidentId)
  const suspectsOf = Map.groupBy(suspects, ({ incidentId }) => incidentId)
  const handoversOf = Map.groupBy(handovers, ({ incidentId }) => incidentId)
  const membersOf = Map.groupBy(members, ({ incidentId }) => incidentId)
  return [
    ...rows.map(row => ({
      incidentId: row.id,
      ...incidentRecord(row, {
        memberIds: (membersOf.get(row.id) ?? []).map(({ personId }) => personId).sort(),
        suspectIds: (suspectsOf.get(row.id) ?? []).map(({ personId }) => personId).sort(),
        handovers: (handoversOf.get(row.id) ?? []).map(({ role, toId, noteId, requestedAt }) => ({ role, toId, noteId, requestedAt })),
        services: byId(servicesOf.get(row.id)?.map(({ serviceId, basis }) => ({ id: serviceId, basis }))),
        customers: byId(customersOf.get(row.id)?.map(({ customerId, basis, foundAt }) => ({ id: customerId, basis, foundAt }))),
      }),
    })),
    ...factRows.map(row => ({ incidentId: row.incidentId, ...factRecord(row) })),
    ...taskRows.map(row => ({ incidentId: row.incidentId, ...taskRecord(row) })),
    ...proposalRows.map(row => ({ incidentId: row.incidentId, ...proposalRecord(row) })),
    ...noteRows.map(({ id, incidentId, authorId, markdown, createdAt, editedAt, erasure }) => ({
      ...{ incidentId, kind: 'note', id, fields: { authorId, markdown, createdAt, editedAt, erasure: erasure && { at: erasure.at, reason: erasure.reason } } },
    })),
  ]
}

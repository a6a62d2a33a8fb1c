import type { IncidentSeverity, Severity } from '@tocsin/api'
import { and, asc, eq, inArray, ne, or, sql } from 'drizzle-orm'
import { services } from '../catalog/index.ts'
import type { House } from '../identity/index.ts'
import { incidentServices, incidents } from './tables.ts'

/** The severities of incidents that are at least as grave as an alert's. One that has no severity yet may be anything. */
const atLeastAs: Readonly<Record<Severity, readonly IncidentSeverity[]>> = {
  critical: ['SEV1'],
  high: ['SEV1', 'SEV2'],
  medium: ['SEV1', 'SEV2', 'SEV3'],
  low: ['SEV1', 'SEV2', 'SEV3', 'SEV4'],
  info: ['SEV1', 'SEV2', 'SEV3', 'SEV4'],
}

/** Says to the floor below what people work on: for handoffs, and so that a second incident does not wait for the first. */
export function defineWorkload(house: House): void {
  house.workload.define({
    async openIncidents(reader, teamId, viewer) {
      const rows = await reader.db
        .selectDistinctOn([incidents.number], { number: incidents.number, title: incidents.title, severity: incidents.severity, status: incidents.status })
        .from(incidents)
        .innerJoin(incidentServices, eq(incidentServices.incidentId, incidents.id))
        .innerJoin(services, eq(services.id, incidentServices.serviceId))
        .where(
          and(
            ne(incidents.status, 'closed'),
            or(eq(services.securityTeamId, teamId), eq(services.engineeringTeamId, teamId)),
            house.visibility.condition(viewer, incidents.id),
          ),
        )
        .orderBy(asc(incidents.number))
        .limit(50)
      return rows
        .toSorted((a, b) => (a.severity ?? 'SEV9').localeCompare(b.severity ?? 'SEV9'))
        .map(({ number, title, severity, status }) => `Incident ${number}, ${severity ?? 'no severity yet'}, ${status}: ${title}`)
    },
    async busy(reader, personIds, severity, exceptId) {
      if (personIds.length === 0) return []
      const ids = [...personIds]
      const rows = await reader.db
        .select({ leadId: incidents.leadId, ownerId: incidents.ownerId })
        .from(incidents)
        .where(
          and(
            ne(incidents.status, 'closed'),
            sql`${incidents.id} <> ${exceptId}::uuid`,
            or(inArray(incidents.leadId, ids), inArray(incidents.ownerId, ids)),
            or(sql`${incidents.severity} is null`, inArray(incidents.severity, [...atLeastAs[severity]])),
          ),
        )
      const working = new Set(rows.flatMap(row => [row.leadId, row.ownerId]))
      return ids.filter(id => working.has(id))
    },
  })
}

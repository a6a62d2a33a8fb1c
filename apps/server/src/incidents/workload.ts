import { type IncidentSeverity, isAtLeast, type Severity, severities } from '@tocsin/api'
import { and, asc, eq, inArray, ne, or } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { incidentServices, incidents } from './tables.ts'

/** The severity of an alert that an incident is as severe as. */
const asSevereAs: Readonly<Record<IncidentSeverity, Severity>> = { SEV1: 'critical', SEV2: 'high', SEV3: 'medium', SEV4: 'low' }

/** The severities of alerts that are no more severe than an incident's. One that has no severity yet may be anything. */
const outweighedBy = (severity: IncidentSeverity | null) => severities.filter(one => severity === null || isAtLeast(asSevereAs[severity], one))

/** Open incidents that a handoff names. */
const maxNamed = 50

/** Provides the layer below with what people work on: for handoffs, and so that a second incident does not wait for the first. */
export function defineWorkload(context: AppContext): void {
  context.workload.define({
    async openIncidents(reader, teamId, viewer) {
      const rows = await reader.db
        .selectDistinctOn([incidents.number], {
          ...{ id: incidents.id, number: incidents.number, title: incidents.title, severity: incidents.severity, status: incidents.status },
          isRestricted: incidents.isRestricted,
          codename: incidents.codename,
        })
        .from(incidents)
        .innerJoin(incidentServices, eq(incidentServices.incidentId, incidents.id))
        .innerJoin(services, eq(services.id, incidentServices.serviceId))
        .where(
          and(
            ne(incidents.status, 'closed'),
            eq(incidents.isExercise, false),
            or(eq(services.securityTeamId, teamId), eq(services.engineeringTeamId, teamId)),
            context.visibility.condition(viewer, incidents.id),
          ),
        )
        .orderBy(asc(incidents.number))
        .limit(maxNamed + 1)
      const named = rows
        .slice(0, maxNamed)
        .toSorted((a, b) => (a.severity ?? 'SEV9').localeCompare(b.severity ?? 'SEV9'))
        .map(({ id, number, title, severity, status, isRestricted, codename }) => {
          // The message is in the log, which others read.
          const what = isRestricted ? `restricted${codename === null ? '' : ` (${codename})`}; open it in Tocsin` : title
          return { id, line: `Incident ${number}, ${severity ?? 'no severity yet'}, ${status}: ${what}` }
        })
      const more = rows.length > maxNamed ? ['and more (see the open incidents in Tocsin)'] : []
      return { ids: named.map(({ id }) => id), lines: [...named.map(({ line }) => line), ...more] }
    },
    async engagements(reader, personIds) {
      if (personIds.length === 0) return []
      const ids = [...personIds]
      const rows = await reader.db
        .select({ id: incidents.id, severity: incidents.severity, leadId: incidents.leadId, ownerId: incidents.ownerId })
        .from(incidents)
        // Who takes part in an exercise is free for what is real.
        .where(and(ne(incidents.status, 'closed'), eq(incidents.isExercise, false), or(inArray(incidents.leadId, ids), inArray(incidents.ownerId, ids))))
      const asked = new Set(ids)
      return rows.flatMap(({ id, severity, leadId, ownerId }) =>
        [leadId, ownerId].flatMap(personId =>
          personId !== null && asked.has(personId) ? [{ personId, incidentId: id, outweighs: outweighedBy(severity) }] : [],
        ),
      )
    },
  })
}

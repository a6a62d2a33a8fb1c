import { z } from 'zod'
import { AlertIds, alertStatuses } from './alerts.ts'
import { At, Day, Id, IdParams, Reason, Severity, Version } from './common.ts'
import { Incident, IncidentSeverity, IncidentStatus } from './incident.ts'
import { atLeast, route } from './route.ts'

const ofChild = { id: Id, incident: z.object({ id: Id, number: z.number() }) }
/** What the children of a parent incident have. */
export const RollUp = z
  .object({
    children: z.array(
      z.object({
        ...{ id: Id, number: z.number(), title: z.string(), status: IncidentStatus, severity: IncidentSeverity.nullable() },
        ...{ alertCount: z.number(), openTaskCount: z.number(), noteCount: z.number() },
      }),
    ),
    alerts: z.array(z.object({ ...ofChild, number: z.number(), title: z.string(), severity: Severity, status: z.enum(alertStatuses), lastSeenAt: At })),
    tasks: z.array(z.object({ ...ofChild, title: z.string(), assignee: z.string().nullable(), dueOn: Day.nullable() })).describe('Open tasks'),
    notes: z.array(z.object({ ...ofChild, author: z.string(), text: z.string().describe('How it begins, as Markdown'), createdAt: At })),
  })
  .meta({ id: 'RollUp' })
export type RollUp = z.output<typeof RollUp>

/** Parent incidents (major incidents): many incidents, one cause. */
export const parentIncidentRoutes = {
  makeParent: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/cover',
    summary:
      'Make an incident a parent incident (major incident) and link alerts and incidents to it: their pages are resolved, its lead is paged once, and their leads and owners are added',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, reason: Reason, alertIds: AlertIds, incidentIds: z.array(Id).max(100).default([]) }),
    reply: Incident,
  }),
  unlinkChild: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/unlink',
    summary: 'Unlink an incident from its parent, as its lead: it owes its own notices again, by their deadlines. Linked alerts stay with the parent',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, childId: Id, reason: Reason }),
    reply: Incident,
  }),
  rollUp: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}/roll-up',
    summary: 'Alerts, open tasks and notes of the linked incidents that the caller can see: counts for each, and the latest 50 of each kind',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    reply: RollUp,
  }),
}

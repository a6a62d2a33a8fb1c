import { z } from 'zod'
import { Alert, AlertIds } from './alerts.ts'
import { ChangingQuery, Id, IdParams, IsExercise, Line, PageQuery, pageOf, Reason, Responsibility, Version } from './common.ts'
import { DataTouched, Incident, IncidentClass, IncidentSelection, IncidentSummary, SeverityCriteria, TimelineEntry } from './incident.ts'
import { incidentAccessRoutes } from './incident-access.ts'
import { incidentClassRoutes } from './incident-classes.ts'
import { incidentLifecycleRoutes } from './incident-lifecycle.ts'
import { incidentNoteRoutes } from './incident-notes.ts'
import { incidentScopeRoutes } from './incident-scope.ts'
import { incidentTaskRoutes } from './incident-tasks.ts'
import { parentIncidentRoutes } from './parent-incidents.ts'
import { atLeast, route } from './route.ts'

const Codename = Line(60).describe('What messages call the incident while it is restricted; one is chosen if omitted')

/** Every operation on incidents that is not about a role, a proposal or a key date. */
export const incidentRoutes = {
  incidents: route({
    method: 'GET',
    path: '/api/v1/incidents',
    summary: 'List incidents by a filter, newest first',
    access: atLeast('observer', 'incidents:read'),
    query: ChangingQuery.extend(IncidentSelection.shape),
    reply: pageOf(IncidentSummary),
  }),
  incident: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}',
    summary: 'Get an incident with its timeline; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    reply: Incident,
    isReadRecorded: true,
  }),
  incidentTimeline: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}/timeline',
    summary: 'List the timeline of an incident, newest first; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(TimelineEntry),
    isReadRecorded: true,
  }),
  openIncident: route({
    method: 'POST',
    path: '/api/v1/incidents',
    summary: 'Open a suspected incident',
    access: atLeast('responder', 'incidents:write'),
    body: z.object({
      title: Line(200),
      reason: Reason,
      responsibility: Responsibility.default('us'),
      serviceIds: z.array(Id).max(100).default([]),
      alertIds: AlertIds,
      isRestricted: z.boolean().default(false),
      codename: Codename.optional(),
      isExercise: IsExercise,
    }),
    reply: Incident,
    status: 201,
  }),
  escalateAlert: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/escalate',
    summary: 'Escalate an alert to a new or existing incident',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ incidentId: Id.optional(), title: Line(200).optional(), responsibility: Responsibility, reason: Reason }),
    reply: Incident,
    status: 201,
  }),
  moveAlert: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/move',
    summary: 'Move an alert from its incident to another one, or back to the triage queue; the timelines of both incidents say so',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ incidentId: Id.nullable().describe('null: back to the triage queue'), reason: Reason }),
    reply: Alert,
  }),
  changeIncident: route({
    method: 'PATCH',
    path: '/api/v1/incidents/{id}',
    summary: 'Update the details of an incident',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({
      version: Version,
      title: Line(200).optional(),
      summary: z.string().trim().max(20_000).optional(),
      responsibility: Responsibility.optional(),
      approximateUsers: z.number().int().min(0).max(10_000_000_000).nullable().optional(),
      dataTouched: DataTouched.optional(),
      isRestricted: z.boolean().optional().describe('With a reason. Of an incident that has a lead, by that lead or somebody with the role lead'),
      codename: Codename.optional(),
      reason: Reason.optional(),
    }),
    reply: Incident,
  }),
  assessSeverity: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/severity',
    summary: 'Assess the severity (SEV1 to SEV4) from the criteria; the reasoning is logged',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, criteria: SeverityCriteria }),
    reply: Incident,
  }),
  classifyIncident: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/class',
    summary: 'Set the incident class, with a reason',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, reason: Reason, class: IncidentClass }),
    reply: Incident,
  }),
  ...parentIncidentRoutes,
  ...incidentAccessRoutes,
  ...incidentScopeRoutes,
  ...incidentLifecycleRoutes,
  ...incidentTaskRoutes,
  ...incidentNoteRoutes,
  exportIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/export',
    summary: 'Export an incident as signed JSON; the export is kept in the audit log',
    access: atLeast('responder', 'incidents:read'),
    params: IdParams,
    produces: 'application/json',
  }),
  printIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/export.html',
    summary: 'Export an incident as an HTML report',
    access: atLeast('responder', 'incidents:read'),
    params: IdParams,
    produces: 'text/html',
  }),
  ...incidentClassRoutes,
}

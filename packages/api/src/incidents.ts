import { z } from 'zod'
import { Alert } from './alerts.ts'
import { At, ChangingQuery, Day, Erasure, Id, IdParams, IsExercise, Line, PageQuery, pageOf, Reference, Responsibility, Text, Version } from './common.ts'
import { atLeast, route } from './route.ts'

/** The life of an incident (NIST SP 800-61: containment, eradication, recovery), in order. */
export const incidentStatuses = ['suspected', 'declared', 'contained', 'eradicated', 'recovered', 'closed'] as const
export const IncidentStatus = z.enum(incidentStatuses)
export type IncidentStatus = z.output<typeof IncidentStatus>

export const incidentClasses = ['suspected', 'security-incident', 'customer-reportable', 'privacy-breach', 'not-an-incident'] as const
export const IncidentClass = z.enum(incidentClasses)
export type IncidentClass = z.output<typeof IncidentClass>

/** What severity follows from. Each answer is a fact about the incident; the rule that weighs them is the server's. */
export const SeverityCriteria = z
  .object({
    privacy: z.enum(['none', 'possible', 'confirmed']).describe('Is personal or customer data exposed?'),
    impact: z.enum(['none', 'degraded', 'outage', 'destructive']).describe('Impact on the confidentiality, integrity or availability of the service'),
    scope: z.enum(['one-asset', 'one-service', 'several-services', 'widespread']),
    customers: z.enum(['none', 'one', 'several', 'most']),
    region: z.enum(['one', 'several', 'global']),
    data: z.enum(['none', 'internal', 'confidential', 'restricted']).describe('The most sensitive class of data affected'),
    recoverability: z.enum(['regular', 'supplemented', 'extended', 'not-recoverable']).describe('NIST SP 800-61 recoverability effort'),
  })
  .meta({ id: 'SeverityCriteria' })
export type SeverityCriteria = z.output<typeof SeverityCriteria>

export const incidentSeverities = ['SEV1', 'SEV2', 'SEV3', 'SEV4'] as const
export const IncidentSeverity = z.enum(incidentSeverities)
export type IncidentSeverity = z.output<typeof IncidentSeverity>

export const DataTouched = z.object({
  customerData: z.enum(['unknown', 'no', 'yes']),
  personalData: z.enum(['unknown', 'no', 'yes']),
  description: z.string().trim().max(4_000).default(''),
})

export const incidentRoles = ['lead', 'owner', 'communications', 'executive'] as const
export const IncidentRole = z.enum(incidentRoles)
export type IncidentRole = z.output<typeof IncidentRole>

export const Task = z
  .object({
    id: Id,
    title: z.string(),
    assignee: Reference.nullable(),
    dueOn: Day.nullable(),
    doneAt: At.nullable(),
    doneBy: z.string().nullable(),
    isBusinessImpacting: z.boolean().describe('Business-impacting: requires approval of the executive sponsor'),
    approvedBy: z.string().nullable(),
    version: Version,
  })
  .meta({ id: 'Task' })
export const Note = z
  .object({
    id: Id,
    author: z.string(),
    markdown: z.string(),
    html: z.string().describe('Sanitized HTML; the text as it is where it has more than 10,000 elements'),
    createdAt: At,
    editedAt: At.nullable(),
    erasure: Erasure.nullable().describe('Who erased its text, when and why; null where it was not'),
    version: Version,
    isMine: z.boolean(),
  })
  .meta({ id: 'Note' })
export type Note = z.output<typeof Note>
export const TimelineEntry = z
  .object({ id: Id, at: At, by: z.string(), type: z.string(), sentence: z.string(), reason: z.string().nullable() })
  .meta({ id: 'TimelineEntry' })
export type TimelineEntry = z.output<typeof TimelineEntry>

export const IncidentSummary = z
  .object({
    id: Id,
    number: z.number(),
    title: z.string(),
    status: IncidentStatus,
    class: IncidentClass,
    severity: IncidentSeverity.nullable(),
    lead: Reference.nullable(),
    owner: Reference.nullable(),
    openedAt: At,
    declaredAt: At.nullable(),
    closedAt: At.nullable(),
    isRestricted: z.boolean(),
    isDemo: z.boolean(),
    isExercise: z.boolean(),
  })
  .meta({ id: 'IncidentSummary' })
export type IncidentSummary = z.output<typeof IncidentSummary>

export const Incident = IncidentSummary.extend({
  version: Version,
  summary: z.string(),
  responsibility: Responsibility,
  severityCriteria: SeverityCriteria.nullable(),
  severityWhy: z.string().nullable().describe('The criteria that determined the severity, as text'),
  communications: Reference.nullable(),
  executive: Reference.nullable(),
  codename: z.string().nullable().describe('What messages call the incident while it is restricted'),
  members: z.array(Reference).describe('Who can see the restricted incident in addition to its roles'),
  suspects: z.array(Reference).describe('Who can see nothing of the restricted incident, whatever their role'),
  approximateUsers: z.number().nullable(),
  dataTouched: DataTouched,
  monitorUntil: Day.nullable(),
  legalHoldReason: z.string().nullable().describe('Why nothing of it may be erased; null where it may'),
  services: z.array(Reference.extend({ basis: z.string() })),
  customers: z.array(Reference.extend({ basis: z.string() })),
  tasks: z.array(Task),
  notes: z.array(Note).describe('The latest notes, oldest first: at most 50, with at most 1 MB of HTML'),
  notesNext: z.string().nullable().describe('Cursor of the notes before these in GET /api/v1/incidents/{id}/notes; null if there are none'),
  noteCount: z.number().describe('Notes in all'),
  alerts: z.array(Alert),
  parent: z.object({ id: Id, number: z.number(), title: z.string() }).nullable().describe('The parent incident'),
  children: z.array(z.object({ id: Id, number: z.number(), title: z.string() })).describe('The linked incidents that the caller can see'),
  timeline: z.array(TimelineEntry).describe('The latest 500 entries, oldest first'),
  timelineNext: z.string().nullable().describe('Cursor of the entries before these in GET /api/v1/incidents/{id}/timeline; null if there are none'),
  nextActions: z.array(
    z.object({
      to: IncidentStatus,
      action: z.string(),
      blockedBy: z.array(z.string()),
      because: z.array(z.string()).describe('What speaks for it, such as alerts on the services of a recovered incident'),
    }),
  ),
}).meta({ id: 'Incident' })
export type Incident = z.output<typeof Incident>

export const ClassDefinition = z
  .object({ class: IncidentClass, name: z.string(), text: z.string(), version: Version, changedBy: z.string(), changedAt: At })
  .meta({ id: 'ClassDefinition' })

const Reason = Text(8_000).describe('Reason; kept in the audit log')
const Transition = z.object({ version: Version, reason: Reason })
const Codename = Line(60).describe('What messages call the incident while it is restricted; one is chosen if omitted')
const IdOrNumber = z.union([Id, z.string().regex(/^[1-9][0-9]{0,8}$/)], 'must be the ID or the number of an incident')

export const incidentRoutes = {
  incidents: route({
    method: 'GET',
    path: '/api/v1/incidents',
    summary: 'List incidents, newest first',
    access: atLeast('observer', 'incidents:read'),
    query: ChangingQuery.extend({ view: z.enum(['open', 'all']).default('open') }),
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
      alertIds: z.array(Id).max(100).default([]),
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
    body: Transition.extend({ class: IncidentClass }),
    reply: Incident,
  }),
  makeParent: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/cover',
    summary:
      'Make an incident a parent incident (major incident) and link alerts and incidents to it: their pages are resolved, its lead is paged once, and their leads and owners are added',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, reason: Reason, alertIds: z.array(Id).max(500).default([]), incidentIds: z.array(Id).max(100).default([]) }),
    reply: Incident,
  }),
  assignRole: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/roles/{role}',
    summary: 'Assign or unassign an incident role',
    access: atLeast('responder', 'incidents:write'),
    params: z.object({ id: Id, role: IncidentRole }),
    body: z.object({ version: Version, personId: Id.nullable() }),
    reply: Incident,
  }),
  setMembers: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/members',
    summary: 'Set who can see a restricted incident in addition to its roles',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, personIds: z.array(Id).max(200) }),
    reply: Incident,
  }),
  setSuspects: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/suspects',
    summary: 'Set who can see nothing of a restricted incident, is not paged about it and holds no role in it, whatever their role; they are not told',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version, personIds: z.array(Id).max(50) }),
    reply: Incident,
  }),
  pageIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/page',
    summary: 'Page people, or the on-call of a team, about an incident; people named for a restricted incident can see it from then on',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ personIds: z.array(Id).max(50).default([]), teamId: Id.optional() }),
    reply: Incident,
  }),
  breakGlass: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/break-glass',
    summary: 'Get access to a restricted incident for 24 hours; its lead is paged, and a task to review the access is added',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: z.object({ id: IdOrNumber }),
    body: z.object({ reason: Reason }),
    reply: Incident,
  }),
  setAffectedServices: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/services',
    summary: 'Set the affected services, each with a reason; the engineering team of each added service is paged, unless the incident is restricted',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, services: z.array(z.object({ id: Id, basis: Text(1_000) })).max(200) }),
    reply: Incident,
  }),
  setAffectedCustomers: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/customers',
    summary: 'Set the affected customers, each with a reason',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, customers: z.array(z.object({ id: Id, basis: Text(1_000) })).max(2_000) }),
    reply: Incident,
  }),
  declareIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/declare',
    summary: 'Declare an incident and start the notification deadlines; requires severity and class',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  containIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/contain',
    summary: 'Mark an incident contained; also from recovered if the attacker has returned',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  eradicateIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/eradicate',
    summary: 'Mark an incident eradicated',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  recoverIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/recover',
    summary: 'Mark an incident recovered, with the known secure state, how it was verified, and the end of the monitoring period',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition.extend({
      secureState: Text(4_000),
      verification: Text(4_000),
      monitorUntil: Day.nullable().describe('Last day of the monitoring period; null for none, with a reason'),
      noMonitoringReason: Text(4_000).optional(),
    })
      .refine(({ monitorUntil, noMonitoringReason }) => monitorUntil !== null || noMonitoringReason !== undefined, {
        path: ['noMonitoringReason'],
        message: 'is required without a monitoring period',
      })
      .refine(({ monitorUntil, noMonitoringReason }) => monitorUntil === null || noMonitoringReason === undefined, {
        path: ['noMonitoringReason'],
        message: 'must be omitted where monitorUntil is a date',
      }),
    reply: Incident,
  }),
  extendMonitoring: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/monitoring',
    summary: 'Extend the monitoring period of a recovered incident, or start one',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition.extend({ monitorUntil: Day.describe('Last day of the monitoring period') }),
    reply: Incident,
  }),
  closeIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/close',
    summary: 'Close an incident; it cannot be changed afterwards',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  reopenIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/reopen',
    summary: 'Reopen a closed incident',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  addTask: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/tasks',
    summary: 'Add a task to an incident',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({
      title: Line(300),
      assigneeId: Id.nullable().default(null),
      dueOn: Day.nullable().default(null),
      isBusinessImpacting: z.boolean().default(false),
    }),
    reply: Incident,
    status: 201,
  }),
  changeTask: route({
    method: 'PATCH',
    path: '/api/v1/incidents/{id}/tasks/{taskId}',
    summary: 'Complete, reopen or update a task',
    access: atLeast('responder', 'incidents:write'),
    params: z.object({ id: Id, taskId: Id }),
    body: z.object({
      version: Version,
      title: Line(300).optional(),
      assigneeId: Id.nullable().optional(),
      dueOn: Day.nullable().optional(),
      isDone: z.boolean().optional(),
    }),
    reply: Incident,
  }),
  approveTask: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/tasks/{taskId}/approve',
    summary: 'Approve a business-impacting task; only the executive sponsor can',
    access: atLeast('observer'),
    params: z.object({ id: Id, taskId: Id }),
    body: z.object({ version: Version }),
    reply: Incident,
  }),
  incidentNotes: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}/notes',
    summary: 'List the notes of an incident, newest first; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    query: ChangingQuery,
    reply: pageOf(Note),
    isReadRecorded: true,
  }),
  addNote: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/notes',
    summary: 'Add a note (Markdown)',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ markdown: Text(50_000) }),
    reply: Incident,
    status: 201,
  }),
  changeNote: route({
    method: 'PATCH',
    path: '/api/v1/incidents/{id}/notes/{noteId}',
    summary: 'Edit your own note; the audit log keeps the previous text',
    access: atLeast('responder', 'incidents:write'),
    params: z.object({ id: Id, noteId: Id }),
    body: z.object({ version: Version, markdown: Text(50_000) }),
    reply: Incident,
  }),
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
  classDefinitions: route({
    method: 'GET',
    path: '/api/v1/incident-classes',
    summary: "List the organization's incident class definitions",
    access: atLeast('observer', 'incidents:read'),
    reply: z.array(ClassDefinition),
  }),
  defineClass: route({
    method: 'PUT',
    path: '/api/v1/incident-classes/{class}',
    summary: 'Save a new version of a class definition; earlier versions are kept',
    access: atLeast('administrator'),
    params: z.object({ class: IncidentClass }),
    body: z.object({ version: Version, text: Text(8_000) }),
    reply: z.array(ClassDefinition),
  }),
}

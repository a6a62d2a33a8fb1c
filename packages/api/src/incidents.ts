import { z } from 'zod'
import { Alert, alertStatuses } from './alerts.ts'
import {
  At,
  ChangingQuery,
  Day,
  Erasure,
  Id,
  IdParams,
  Instant,
  IsExercise,
  Line,
  PageQuery,
  pageOf,
  Reference,
  Responsibility,
  Severity,
  Statement,
  Text,
  Version,
} from './common.ts'
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
/** A task in a list of those of all incidents. */
export const MyTask = Task.pick({ id: true, title: true, dueOn: true, isBusinessImpacting: true, approvedBy: true, version: true })
  .extend({ incident: z.object({ id: Id, number: z.number(), title: z.string(), isExercise: z.boolean() }) })
  .meta({ id: 'MyTask' })
export type MyTask = z.output<typeof MyTask>
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

/** Acts on a declared incident that somebody proposes and a second person approves. */
export const proposalKinds = ['stand-down', 'lower-class', 'lower-severity', 'close'] as const
export const proposalStates = ['open', 'approved', 'rejected', 'withdrawn', 'void'] as const
export const Proposal = z
  .object({
    id: Id,
    kind: z.enum(proposalKinds),
    change: z.string().describe('What an approval does, as text'),
    reason: z.string(),
    proposedBy: Reference,
    proposedAt: At,
    state: z.enum(proposalStates).describe('`void`: the class, the severity or the status of the incident changed before anybody decided'),
    decidedBy: z.string().nullable(),
    decidedAt: At.nullable(),
    sha256: z.string().describe('Digest of what is proposed; an approval names it'),
  })
  .meta({ id: 'Proposal' })
export type Proposal = z.output<typeof Proposal>

/** A role that somebody is asked to take over. */
export const Handover = z
  .object({
    role: IncidentRole,
    to: Reference,
    by: z.string().describe('Who asks'),
    note: z
      .object({ markdown: z.string(), html: z.string().describe('Sanitized HTML') })
      .nullable()
      .describe('The handover note; null without one'),
    requestedAt: At,
  })
  .meta({ id: 'Handover' })
export type Handover = z.output<typeof Handover>

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
  handovers: z.array(Handover).describe('Roles that somebody is asked to take over and has not accepted'),
  codename: z.string().nullable().describe('What messages call the incident while it is restricted'),
  members: z.array(Reference).describe('Who can see the restricted incident in addition to its roles'),
  suspects: z.array(Reference).describe('Who can see nothing of the restricted incident, whatever their role'),
  approximateUsers: z.number().nullable(),
  dataTouched: DataTouched,
  monitorUntil: Day.nullable(),
  stoodDownAt: At.nullable().describe('When the incident was stood down: its declaration was an error'),
  round: z.number().describe('1, and one more each time the declared incident was reopened'),
  recoveryVerified: z.object({ by: z.string(), at: At }).nullable().describe('Who confirmed the verification of the last recovery'),
  exceptions: z
    .array(z.object({ id: Id, sentence: z.string(), personId: Id, at: At, reviewedBy: z.string().nullable(), reviewedAt: At.nullable() }))
    .describe('Where one person did both of two acts that the segregation policy separates'),
  proposals: z.array(Proposal).describe('The latest 20 proposals that take a second person, newest first'),
  legalHoldReason: z.string().nullable().describe('Why nothing of it may be erased; null where it may'),
  services: z.array(Reference.extend({ basis: z.string() })),
  customers: z.array(Reference.extend({ basis: z.string(), foundAt: At.describe('When it was found that the customer is affected') })),
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
/** One bound wherever alerts are named. */
const AlertIds = z.array(Id).max(500).default([])
const Codename = Line(60).describe('What messages call the incident while it is restricted; one is chosen if omitted')
const AffectedCustomer = z.object({
  id: Id,
  basis: Text(1_000),
  foundAt: Instant.optional().describe(
    'When it was found that the customer is affected; by default now for one that is added. Once the incident is declared it can be corrected to an earlier time only',
  ),
})
const IdOrNumber = z.union([Id, z.string().regex(/^[1-9][0-9]{0,8}$/)], 'must be the ID or the number of an incident')

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
    summary: 'Set the affected customers, each with a reason and when it was found affected',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, customers: z.array(AffectedCustomer).max(2_000) }),
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
      secureState: Statement(4_000, 'Restored from the image of November 20').describe('What services were restored to'),
      verification: Statement(4_000, 'Compared with the build, two clean scans').describe('How that was checked'),
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
    summary: 'Reopen a closed incident; of a declared one with a new monitoring period, and whether customers who were notified get an update',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition.extend({
      monitorUntil: Day.nullable()
        .optional()
        .describe('Required for an incident that was recovered: last day of the monitoring period; null for none, with a reason'),
      noMonitoringReason: Text(4_000).optional(),
      updateCustomers: z
        .boolean()
        .optional()
        .describe('Required where customers were notified: true makes an update due to each in 24 hours; false takes a reason'),
      noUpdateReason: Text(4_000).optional(),
    }),
    reply: Incident,
  }),
  myTasks: route({
    method: 'GET',
    path: '/api/v1/me/tasks',
    summary: 'List your open tasks in all open incidents, those due first on top',
    access: atLeast('observer', 'incidents:read'),
    query: ChangingQuery,
    reply: pageOf(MyTask),
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

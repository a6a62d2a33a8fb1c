import { z } from 'zod'
import { Alert } from './alerts.ts'
import { At, Day, Erasure, FilterText, Id, Reference, Responsibility, Version } from './common.ts'

/** The life of an incident (NIST SP 800-61: containment, eradication, recovery), in order. */
export const incidentStatuses = ['suspected', 'declared', 'contained', 'eradicated', 'recovered', 'closed'] as const
export const IncidentStatus = z.enum(incidentStatuses)
export type IncidentStatus = z.output<typeof IncidentStatus>

export const incidentViews = ['open', 'all'] as const
/** Which incidents. */
export const IncidentSelection = z.object({ view: z.enum(incidentViews).default('open'), filter: FilterText })

export const incidentClasses = ['suspected', 'security-incident', 'customer-reportable', 'privacy-breach', 'not-an-incident'] as const
export const IncidentClass = z.enum(incidentClasses)
export type IncidentClass = z.output<typeof IncidentClass>

/** The questions that severity follows from, each with its answers, the least severe first. */
export const severityAnswers = {
  privacy: ['none', 'possible', 'confirmed'],
  impact: ['none', 'degraded', 'outage', 'destructive'],
  scope: ['one-asset', 'one-service', 'several-services', 'widespread'],
  customers: ['none', 'one', 'several', 'most'],
  region: ['one', 'several', 'global'],
  data: ['none', 'internal', 'confidential', 'restricted'],
  recoverability: ['regular', 'supplemented', 'extended', 'not-recoverable'],
} as const

/** What severity follows from. Each answer is a fact about the incident; the rule that weighs them is the server's. */
export const SeverityCriteria = z
  .object({
    privacy: z.enum(severityAnswers.privacy).describe('Is personal or customer data exposed?'),
    impact: z.enum(severityAnswers.impact).describe('Impact on the confidentiality, integrity or availability of the service'),
    scope: z.enum(severityAnswers.scope),
    customers: z.enum(severityAnswers.customers),
    region: z.enum(severityAnswers.region),
    data: z.enum(severityAnswers.data).describe('The most sensitive class of data affected'),
    recoverability: z.enum(severityAnswers.recoverability).describe('NIST SP 800-61 recoverability effort'),
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

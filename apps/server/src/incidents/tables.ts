import {
  DataTouched,
  Erasure,
  factKinds,
  factStates,
  IncidentClass,
  IncidentSeverity,
  IncidentStatus,
  incidentClasses,
  incidentRoles,
  incidentSeverities,
  incidentStatuses,
  proposalKinds,
  proposalStates,
  responsibilities,
  SeverityCriteria,
} from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { bigint, boolean, date, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { people } from '../access/tables.ts'
import { customers, services } from '../directory/tables.ts'
import { choice, id, instant, json, table } from '../kernel/columns.ts'

export const incidents = table(
  'incidents',
  {
    id: id(),
    /** From a counter that is part of the transaction, so that there are no gaps: an incident that was not opened after all uses none up. */
    number: bigint('number', { mode: 'number' }).notNull().default(sql`next_number('incidents')`),
    title: text('title').notNull(),
    summary: text('summary').notNull().default(''),
    status: choice('status', incidentStatuses).notNull(),
    class: choice('class', incidentClasses).notNull(),
    severity: choice('severity', incidentSeverities),
    severityCriteria: json('severity_criteria', SeverityCriteria, null),
    severityWhy: text('severity_why'),
    responsibility: choice('responsibility', responsibilities).notNull(),
    leadId: uuid('lead_id').references(() => people.id),
    ownerId: uuid('owner_id').references(() => people.id),
    communicationsId: uuid('communications_id').references(() => people.id),
    executiveId: uuid('executive_id').references(() => people.id),
    approximateUsers: bigint('approximate_users', { mode: 'number' }),
    dataTouched: json('data_touched', DataTouched, { customerData: 'unknown', personalData: 'unknown', description: '' }).notNull(),
    monitorUntil: date('monitor_until', { mode: 'string' }),
    openedAt: instant('opened_at').notNull(),
    declaredAt: instant('declared_at'),
    closedAt: instant('closed_at'),
    /** Since when its declaration counts as an error; null again once it is reopened. */
    stoodDownAt: instant('stood_down_at'),
    /** One more each time it was reopened after a declaration. */
    round: integer('round').notNull().default(1),
    isRestricted: boolean('is_restricted').notNull(),
    /** What messages call it while it is restricted; null before it first was. */
    codename: text('codename'),
    /** Its parent incident. */
    parentId: uuid('parent_id'),
    /** Why nothing of it may be erased; null where it may. */
    legalHoldReason: text('legal_hold_reason'),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
    /** It belongs to an exercise: nothing of it reaches a customer, an authority or the public. */
    isExercise: boolean('is_exercise').notNull().default(false),
  },
  self => [
    index('incidents_number').on(self.number),
    index('incidents_status').on(self.status),
    index('incidents_covered').on(self.parentId),
    index('incidents_text').using('gin', sql`lower(${self.title} || E'\\n' || ${self.summary} || E'\\n' || coalesce(${self.codename}, '')) gin_trgm_ops`),
  ],
)

const incidentId = () =>
  uuid('incident_id')
    .notNull()
    .references(() => incidents.id, { onDelete: 'cascade' })

export const incidentServices = table(
  'incident_services',
  {
    incidentId: incidentId(),
    serviceId: uuid('service_id')
      .notNull()
      .references(() => services.id),
    basis: text('basis').notNull(),
  },
  self => [primaryKey({ columns: [self.incidentId, self.serviceId] })],
)

export const incidentCustomers = table(
  'incident_customers',
  {
    incidentId: incidentId(),
    customerId: uuid('customer_id')
      .notNull()
      .references(() => customers.id),
    basis: text('basis').notNull(),
    /** When it was found that the customer is affected. */
    foundAt: instant('found_at').notNull(),
  },
  self => [primaryKey({ columns: [self.incidentId, self.customerId] })],
)

export const incidentMembers = table(
  'incident_members',
  {
    incidentId: incidentId(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id),
  },
  self => [primaryKey({ columns: [self.incidentId, self.personId] })],
)

/** Who is asked to take over a role of an incident and has not answered. */
export const incidentHandovers = table(
  'incident_handovers',
  {
    incidentId: incidentId(),
    role: choice('role', incidentRoles).notNull(),
    toId: uuid('to_id')
      .notNull()
      .references(() => people.id),
    /** Who asks: the person, or the person behind the service account. */
    byId: uuid('by_id')
      .notNull()
      .references(() => people.id),
    /** The name of who asks: a service account has its own. */
    by: text('by').notNull(),
    /** The handover note. */
    noteId: uuid('note_id'),
    requestedAt: instant('requested_at').notNull(),
  },
  self => [primaryKey({ columns: [self.incidentId, self.role] }), index('incident_handovers_to').on(self.toId)],
)

/** Who is suspected of having caused a restricted incident, and sees nothing of it, whatever their role. */
export const incidentSuspects = table(
  'incident_suspects',
  {
    incidentId: incidentId(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id),
    namedById: uuid('named_by_id')
      .notNull()
      .references(() => people.id),
    namedAt: instant('named_at').notNull(),
  },
  self => [primaryKey({ columns: [self.incidentId, self.personId] }), index('incident_suspects_person').on(self.personId)],
)

export const tasks = table(
  'tasks',
  {
    id: id(),
    incidentId: incidentId(),
    title: text('title').notNull(),
    assigneeId: uuid('assignee_id').references(() => people.id),
    dueOn: date('due_on', { mode: 'string' }),
    isBusinessImpacting: boolean('is_business_impacting').notNull().default(false),
    approvedById: uuid('approved_by_id').references(() => people.id),
    doneAt: instant('done_at'),
    doneById: uuid('done_by_id').references(() => people.id),
    version: integer('version').notNull().default(1),
  },
  self => [index('tasks_incident').on(self.incidentId), index('tasks_open').on(self.assigneeId).where(sql`${self.doneAt} is null`)],
)

const ProposedChange = z.object({
  from: z.object({ status: IncidentStatus, class: IncidentClass, severity: IncidentSeverity }),
  to: z.object({ class: IncidentClass.optional(), severity: IncidentSeverity.optional(), criteria: SeverityCriteria.optional() }),
})
export type ProposedChange = z.output<typeof ProposedChange>

/** What takes a second person: it is never changed, only decided. */
export const proposals = table(
  'incident_proposals',
  {
    id: id(),
    incidentId: incidentId(),
    kind: choice('kind', proposalKinds).notNull(),
    change: json('change', ProposedChange).notNull(),
    reason: text('reason').notNull(),
    state: choice('state', proposalStates).notNull(),
    proposedById: uuid('proposed_by_id')
      .notNull()
      .references(() => people.id),
    proposedAt: instant('proposed_at').notNull(),
    decidedById: uuid('decided_by_id').references(() => people.id),
    decidedAt: instant('decided_at'),
  },
  self => [
    index('incident_proposals_incident').on(self.incidentId, self.proposedAt),
    uniqueIndex('incident_proposals_open_once').on(self.incidentId, self.kind).where(sql`state = 'open'`),
  ],
)

export const notes = table(
  'notes',
  {
    id: id(),
    incidentId: incidentId(),
    authorId: uuid('author_id')
      .notNull()
      .references(() => people.id),
    markdown: text('markdown').notNull(),
    createdAt: instant('created_at').notNull(),
    editedAt: instant('edited_at'),
    /** Who erased its text, when and why. */
    erasure: json('erasure', Erasure, null),
    version: integer('version').notNull().default(1),
  },
  self => [index('notes_incident').on(self.incidentId)],
)

/** When the key moments of an incident were, with who says so. Every version is kept: a correction supersedes the one before it. */
export const incidentFacts = table(
  'incident_facts',
  {
    id: id(),
    incidentId: incidentId(),
    kind: choice('kind', factKinds).notNull(),
    at: instant('at').notNull(),
    source: text('source').notNull(),
    basis: text('basis').notNull(),
    /** Why the one before it was wrong; null for the first of its kind. */
    reason: text('reason'),
    state: choice('state', factStates).notNull(),
    recordedById: uuid('recorded_by_id')
      .notNull()
      .references(() => people.id),
    recordedAt: instant('recorded_at').notNull(),
    /** Who approved or rejected a proposed one. */
    decidedById: uuid('decided_by_id').references(() => people.id),
    decidedAt: instant('decided_at'),
  },
  self => [
    index('incident_facts_incident').on(self.incidentId),
    uniqueIndex('incident_facts_current').on(self.incidentId, self.kind).where(sql`state = 'current'`),
    uniqueIndex('incident_facts_proposed').on(self.incidentId, self.kind).where(sql`state = 'proposed'`),
  ],
)

/** What the organization means by each class, in its own words: every version is kept. */
export const classDefinitions = table(
  'class_definitions',
  {
    class: choice('class', incidentClasses).notNull(),
    version: integer('version').notNull(),
    text: text('text').notNull(),
    changedBy: text('changed_by').notNull(),
    changedAt: instant('changed_at').notNull(),
  },
  self => [primaryKey({ columns: [self.class, self.version] })],
)

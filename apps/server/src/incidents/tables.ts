import type { DataTouched, IncidentClass, IncidentSeverity, IncidentStatus, Responsibility, SeverityCriteria } from '@tocsin/api'
import { bigint, bigserial, boolean, date, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
import { people } from '../access/tables.ts'
import { customers, services } from '../directory/tables.ts'
import { choice, id, instant, json } from '../kernel/columns.ts'

export const incidents = pgTable(
  'incidents',
  {
    id: id(),
    number: bigserial('number', { mode: 'number' }).notNull(),
    title: text('title').notNull(),
    summary: text('summary').notNull().default(''),
    status: choice<IncidentStatus>('status').notNull(),
    class: choice<IncidentClass>('class').notNull(),
    severity: choice<IncidentSeverity>('severity'),
    severityCriteria: json<SeverityCriteria>('severity_criteria'),
    severityWhy: text('severity_why'),
    responsibility: choice<Responsibility>('realm').notNull(),
    leadId: uuid('lead_id').references(() => people.id),
    ownerId: uuid('owner_id').references(() => people.id),
    communicationsId: uuid('communications_id').references(() => people.id),
    executiveId: uuid('executive_id').references(() => people.id),
    approximateUsers: bigint('approximate_users', { mode: 'number' }),
    dataTouched: json<z.output<typeof DataTouched>>('data_touched').notNull(),
    monitorUntil: date('monitor_until', { mode: 'string' }),
    openedAt: instant('opened_at').notNull(),
    declaredAt: instant('declared_at'),
    closedAt: instant('closed_at'),
    isRestricted: boolean('is_restricted').notNull(),
    /** The widespread event that it is a part of. */
    parentId: uuid('parent_id'),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [index('incidents_number').on(table.number), index('incidents_status').on(table.status), index('incidents_covered').on(table.parentId)],
)

const incidentId = () =>
  uuid('incident_id')
    .notNull()
    .references(() => incidents.id, { onDelete: 'cascade' })

export const incidentServices = pgTable(
  'incident_services',
  {
    incidentId: incidentId(),
    serviceId: uuid('service_id')
      .notNull()
      .references(() => services.id),
    basis: text('basis').notNull(),
  },
  table => [primaryKey({ columns: [table.incidentId, table.serviceId] })],
)

export const incidentCustomers = pgTable(
  'incident_customers',
  {
    incidentId: incidentId(),
    customerId: uuid('customer_id')
      .notNull()
      .references(() => customers.id),
    basis: text('basis').notNull(),
  },
  table => [primaryKey({ columns: [table.incidentId, table.customerId] })],
)

export const incidentMembers = pgTable(
  'incident_members',
  {
    incidentId: incidentId(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id),
  },
  table => [primaryKey({ columns: [table.incidentId, table.personId] })],
)

export const tasks = pgTable(
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
  table => [index('tasks_incident').on(table.incidentId)],
)

export const notes = pgTable(
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
    version: integer('version').notNull().default(1),
  },
  table => [index('notes_incident').on(table.incidentId)],
)

/** What the organization means by each class, in its own words: every version is kept. */
export const classDefinitions = pgTable(
  'class_definitions',
  {
    class: choice<IncidentClass>('class').notNull(),
    version: integer('version').notNull(),
    text: text('text').notNull(),
    changedBy: text('changed_by').notNull(),
    changedAt: instant('changed_at').notNull(),
  },
  table => [primaryKey({ columns: [table.class, table.version] })],
)

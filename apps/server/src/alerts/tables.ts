import type { AlertInput, AlertMatchers, alertStatuses, dispositions, Responsibility, Severity } from '@tocsin/api'
import type { ZonedHours } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { bigserial, boolean, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { services } from '../directory/tables.ts'
import { choice, id, instant, json } from '../kernel/columns.ts'

/** Alerts that are not to page for a time. */
export const silences = pgTable(
  'silences',
  {
    id: id(),
    matchers: json<AlertMatchers>('matchers').notNull(),
    reason: text('reason').notNull(),
    hours: json<ZonedHours>('hours'),
    start: instant('start').notNull(),
    end: instant('end').notNull(),
    authorId: uuid('author_id')
      .notNull()
      .references(() => people.id),
    createdAt: instant('created_at').notNull(),
  },
  table => [index('silences_end').on(table.end)],
)

/** What is expected to give a sign of life. */
export const heartbeats = pgTable(
  'heartbeats',
  {
    id: id(),
    name: text('name').notNull(),
    serviceId: uuid('service_id').references(() => services.id),
    severity: choice<Severity>('severity').notNull(),
    everyMinutes: integer('every_minutes').notNull(),
    tokenDigest: text('token_digest').notNull(),
    state: choice<'new' | 'healthy' | 'silent'>('state').notNull(),
    lastHeartbeatAt: instant('last_heartbeat_at'),
    createdAt: instant('created_at').notNull(),
  },
  table => [uniqueIndex('heartbeats_token').on(table.tokenDigest)],
)

export const alerts = pgTable(
  'alerts',
  {
    id: id(),
    number: bigserial('number', { mode: 'number' }).notNull(),
    kind: choice<'alert' | 'report'>('kind').notNull(),
    title: text('title').notNull(),
    severity: choice<Severity>('severity').notNull(),
    status: choice<(typeof alertStatuses)[number]>('status').notNull(),
    serviceId: uuid('service_id').references(() => services.id),
    /** Within what a dedup key means one thing: the API, or one source. */
    dedupScope: text('dedup_scope').notNull(),
    dedupKey: text('dedup_key'),
    /** While open, the same key is the same alert; it closes with a verdict, its source's end, or its incident's. */
    isOpen: boolean('is_open').notNull().default(true),
    source: text('source').notNull(),
    labels: json<Record<string, string>>('labels').notNull(),
    links: json<AlertInput['links']>('links').notNull(),
    description: text('description').notNull(),
    observables: json<AlertInput['observables']>('observables').notNull(),
    count: integer('count').notNull().default(1),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    sourceResolvedAt: instant('source_resolved_at'),
    hasPaged: boolean('has_paged').notNull().default(false),
    /** The silence that keeps it from paging, while it does. */
    silencedById: uuid('silenced_by_id').references(() => silences.id),
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    dispositionOutcome: choice<'dismissed' | 'escalated'>('disposition_outcome'),
    dispositionValue: choice<(typeof dispositions)[number]>('disposition_value'),
    dispositionResponsibility: choice<Responsibility>('disposition_responsibility'),
    dispositionReason: text('disposition_reason'),
    dispositionById: uuid('disposition_by_id').references(() => people.id),
    dispositionAt: instant('disposition_at'),
    incidentId: uuid('incident_id'),
    incidentNumber: integer('incident_number'),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    uniqueIndex('alerts_open_key').on(table.dedupScope, table.dedupKey).where(sql`${table.isOpen}`),
    index('alerts_number').on(table.number),
    index('alerts_queue').on(table.number).where(sql`${table.dispositionAt} is null`),
    index('alerts_incident').on(table.incidentId),
  ],
)

import type { AlertInput, alertStatuses, dismissalReasons, Realm, Severity } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { bigserial, boolean, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { services } from '../catalog/tables.ts'
import { people } from '../identity/tables.ts'
import { choice, id, instant, json } from '../platform/columns.ts'

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
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    verdictOutcome: choice<'dismissed' | 'escalated'>('verdict_outcome'),
    verdictReason: choice<(typeof dismissalReasons)[number]>('verdict_reason'),
    verdictRealm: choice<Realm>('verdict_realm'),
    verdictStatement: text('verdict_statement'),
    verdictById: uuid('verdict_by_id').references(() => people.id),
    verdictAt: instant('verdict_at'),
    incidentId: uuid('incident_id'),
    incidentNumber: integer('incident_number'),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    uniqueIndex('alerts_open_key').on(table.dedupScope, table.dedupKey).where(sql`${table.isOpen}`),
    index('alerts_number').on(table.number),
    index('alerts_queue').on(table.number).where(sql`${table.verdictAt} is null`),
    index('alerts_incident').on(table.incidentId),
  ],
)

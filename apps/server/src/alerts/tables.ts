import { AlertMatchers, alertActs, alertStatuses, dispositions, Observable, responsibilities, severities, ZonedHours } from '@tocsin/api'
import { type SQLWrapper, sql } from 'drizzle-orm'
import { type AnyPgColumn, bigserial, boolean, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { people } from '../access/tables.ts'
import { services } from '../directory/tables.ts'
import { choice, id, instant, json, table } from '../kernel/columns.ts'
import { pages } from '../paging/tables.ts'

const Links = z.array(z.object({ url: z.string(), text: z.string() }))
const Labels = z.record(z.string(), z.string())

/** Alerts that are not to page for a time. */
export const silences = table(
  'silences',
  {
    id: id(),
    matchers: json('matchers', AlertMatchers).notNull(),
    reason: text('reason').notNull(),
    hours: json('hours', ZonedHours),
    start: instant('start').notNull(),
    end: instant('end').notNull(),
    authorId: uuid('author_id')
      .notNull()
      .references(() => people.id),
    createdAt: instant('created_at').notNull(),
  },
  self => [index('silences_end').on(self.end)],
)

/** Heartbeat monitors. */
export const heartbeats = table(
  'heartbeats',
  {
    id: id(),
    name: text('name').notNull(),
    serviceId: uuid('service_id').references(() => services.id),
    severity: choice('severity', severities).notNull(),
    everyMinutes: integer('every_minutes').notNull(),
    tokenDigest: text('token_digest').notNull(),
    state: choice('state', ['new', 'healthy', 'silent']).notNull(),
    lastHeartbeatAt: instant('last_heartbeat_at'),
    createdAt: instant('created_at').notNull(),
  },
  self => [uniqueIndex('heartbeats_token').on(self.tokenDigest)],
)

/** The place of a severity in the order of urgency: 0 for critical. */
export const urgencyOf = (severity: SQLWrapper) => sql`array_position(${sql.raw(`array['${severities.toReversed().join("', '")}']`)}, ${severity})`

export const alerts = table(
  'alerts',
  {
    id: id(),
    number: bigserial('number', { mode: 'number' }).notNull(),
    kind: choice('kind', ['alert', 'report']).notNull(),
    title: text('title').notNull(),
    severity: choice('severity', severities).notNull(),
    status: choice('status', alertStatuses).notNull(),
    serviceId: uuid('service_id').references(() => services.id),
    /** Within what a dedup key means one thing about one service: one API key, one person, or one source. */
    dedupScope: text('dedup_scope').notNull(),
    dedupKey: text('dedup_key'),
    /** While open, the same key is the same alert; it closes with its disposition, when its source resolves it, or with its incident. */
    isOpen: boolean('is_open').notNull().default(true),
    source: text('source').notNull(),
    labels: json('labels', Labels, {}).notNull(),
    links: json('links', Links, []).notNull(),
    description: text('description').notNull(),
    observables: json('observables', z.array(Observable), []).notNull(),
    /** The detection rule that raised it, as it was then; null where none did. */
    rule: json('rule', z.object({ id: z.string(), version: z.number(), sha256: z.string() }).readonly(), null),
    count: integer('count').notNull().default(1),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    sourceResolvedAt: instant('source_resolved_at'),
    hasPaged: boolean('has_paged').notNull().default(false),
    /** The page that speaks for it and others, where it was one of a storm and nobody has decided about it yet. */
    stormPageId: uuid('storm_page_id').references(() => pages.id, { onDelete: 'set null' }),
    /** The silence that keeps it from paging, while it does. */
    silencedById: uuid('silenced_by_id').references(() => silences.id),
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    /** Whose work it is; null while it is unassigned. */
    assigneeId: uuid('assignee_id').references(() => people.id),
    dispositionOutcome: choice('disposition_outcome', ['dismissed', 'escalated']),
    dispositionValue: choice('disposition_value', dispositions),
    dispositionResponsibility: choice('disposition_responsibility', responsibilities),
    dispositionReason: text('disposition_reason'),
    dispositionById: uuid('disposition_by_id').references(() => people.id),
    dispositionAt: instant('disposition_at'),
    /** The alert that a duplicate repeats. */
    duplicateOfId: uuid('duplicate_of_id').references((): AnyPgColumn => alerts.id, { onDelete: 'set null' }),
    incidentId: uuid('incident_id'),
    incidentNumber: integer('incident_number'),
    isDemo: boolean('is_demo').notNull().default(false),
    /** It belongs to an exercise: nothing of it reaches a customer, an authority or the public. */
    isExercise: boolean('is_exercise').notNull().default(false),
    /** What it is about, as `kind=value` in lower case: its hosts, accounts, addresses, domains, URLs and hashes. Computed by the database, so that no writer forgets it. */
    entities: text('entities').array().notNull().generatedAlwaysAs(sql`alert_entities(observables)`),
    /** What a search looks at, in lower case: title, description and the values of observables. Computed by the database, so that what is erased is gone here, too. */
    searchText: text('search_text').notNull().generatedAlwaysAs(sql`alert_search_text(title, description, observables)`),
  },
  self => [
    uniqueIndex('alerts_open_key')
      .on(self.dedupScope, self.dedupKey, sql`coalesce(${self.serviceId}, '00000000-0000-0000-0000-000000000000')`)
      .where(sql`${self.isOpen}`),
    index('alerts_number').on(self.number),
    index('alerts_queue').on(self.number).where(sql`${self.dispositionAt} is null`),
    index('alerts_incident').on(self.incidentId),
    index('alerts_assignee').on(self.assigneeId).where(sql`${self.assigneeId} is not null and ${self.dispositionAt} is null`),
    index('alerts_duplicates').on(self.duplicateOfId).where(sql`${self.duplicateOfId} is not null`),
    index('alerts_storm').on(self.stormPageId).where(sql`${self.stormPageId} is not null`),
    index('alerts_silence').on(self.silencedById).where(sql`${self.silencedById} is not null`),
    index('alerts_urgency').on(urgencyOf(self.severity), self.firstSeenAt, self.number),
    index('alerts_queue_urgency').on(urgencyOf(self.severity), self.firstSeenAt, self.number).where(sql`${self.dispositionAt} is null`),
    index('alerts_last_seen').on(self.lastSeenAt, self.number),
    index('alerts_count').on(self.count, self.number),
    index('alerts_service').on(self.serviceId, self.number),
    index('alerts_source').on(sql`lower(${self.source})`, self.number),
    index('alerts_first_seen').using('brin', self.firstSeenAt),
    index('alerts_entities').using('gin', self.entities),
    index('alerts_labels').using('gin', sql`${self.labels} jsonb_path_ops`),
    index('alerts_rule').on(sql`(${self.rule} ->> 'id')`, self.number).where(sql`${self.rule} is not null`),
    index('alerts_search_text').using('gin', sql`${self.searchText} gin_trgm_ops`),
  ],
)

/** What an act changed of an alert, where that can be put back. */
const AlertState = z.object({
  status: z.enum(alertStatuses),
  isOpen: z.boolean(),
  severity: z.enum(severities),
  serviceId: z.string().nullable(),
  acknowledgedById: z.string().nullable(),
  acknowledgedAt: z.string().nullable(),
  assigneeId: z.string().nullable(),
  dispositionOutcome: z.enum(['dismissed', 'escalated']).nullable(),
  dispositionValue: z.enum(dispositions).nullable(),
  dispositionResponsibility: z.enum(responsibilities).nullable(),
  dispositionReason: z.string().nullable(),
  dispositionById: z.string().nullable(),
  dispositionAt: z.string().nullable(),
  duplicateOfId: z.string().nullable(),
  incidentId: z.string().nullable(),
  incidentNumber: z.number().nullable(),
})
export type AlertState = z.output<typeof AlertState>

/** Alerts that an act found and left in the same state: what it changed of them, before and after. */
const Change = z.object({ ids: z.array(z.string()), before: AlertState.partial(), after: AlertState.partial() })
export type AlertChange = z.output<typeof Change>

/** Acts on alerts, while they can be undone and some time longer. */
export const performedActs = table(
  'alert_acts',
  {
    id: id(),
    act: choice('act', alertActs).notNull(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    at: instant('at').notNull(),
    changes: json('changes', z.array(Change)).notNull(),
    undoneAt: instant('undone_at'),
  },
  self => [index('alert_acts_at').on(self.at)],
)

/** What an alert said each time that it was received: of the latest times. The alert itself says what the newest of the most severe ones did. */
export const alertOccurrences = table(
  'alert_occurrences',
  {
    alertId: uuid('alert_id')
      .notNull()
      .references(() => alerts.id, { onDelete: 'cascade' }),
    /** The how-manieth it is. */
    number: integer('number').notNull(),
    at: instant('at').notNull(),
    severity: choice('severity', severities).notNull(),
    title: text('title').notNull(),
    description: text('description').notNull(),
    observables: json('observables', z.array(Observable), []).notNull(),
    links: json('links', Links, []).notNull(),
    labels: json('labels', Labels, {}).notNull(),
  },
  self => [primaryKey({ columns: [self.alertId, self.number] })],
)

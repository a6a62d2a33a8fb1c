import { ruleLevels, ruleOrigins } from '@tocsin/api'
import { indicatorKinds } from '@tocsin/sigma'
import { sql } from 'drizzle-orm'
import { bigserial, boolean, date, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { alerts } from '../alerts/tables.ts'
import { services } from '../directory/tables.ts'
import { bytes, choice, count, id, instant, json, table } from '../kernel/columns.ts'

const LogSourceParts = z.object({ category: z.string().optional(), product: z.string().optional(), service: z.string().optional() })
export type LogSourceParts = Readonly<z.output<typeof LogSourceParts>>

/** What a correlation remembers of its groups. */
const CorrelationGroups = z
  .array(z.object({ key: z.string(), isMet: z.boolean(), entries: z.array(z.tuple([z.number(), z.number(), z.string(), z.string()]).readonly()).readonly() }))
  .readonly()

/** Sigma rules, correlations and filters, each as its author wrote it. */
export const detectionRules = table(
  'detection_rules',
  {
    id: id(),
    /** The id that the rule gives itself. */
    ruleId: text('rule_id').notNull(),
    kind: choice('kind', ['rule', 'correlation', 'filter']).notNull(),
    title: text('title').notNull(),
    level: choice('level', ruleLevels),
    origin: choice('origin', ruleOrigins).notNull(),
    tags: json('tags', z.array(z.string()).readonly(), []).notNull(),
    logsource: json('logsource', LogSourceParts, {}).notNull(),
    description: text('description').notNull(),
    text: text('text').notNull(),
    isEnabled: boolean('is_enabled').notNull(),
    version: integer('version').notNull().default(1),
    changedAt: instant('changed_at').notNull(),
    changedBy: text('changed_by').notNull(),
    matches: count('matches').notNull().default(0),
    lastMatchAt: instant('last_match_at'),
    /** An exception ends by itself. */
    expiresAt: instant('expires_at'),
    /** The alert that an exception was made from: whose text it repeats, and who may not see the one does not see the other. */
    alertId: uuid('alert_id').references(() => alerts.id, { onDelete: 'set null' }),
    /** What its alerts are about; null leaves it to the log source. */
    serviceId: uuid('service_id').references(() => services.id, { onDelete: 'set null' }),
  },
  self => [uniqueIndex('detection_rules_rule_id').on(self.ruleId), index('detection_rules_title').on(self.title, self.id)],
)

export const detectionRuleVersions = table(
  'detection_rule_versions',
  {
    ruleId: uuid('rule_id')
      .notNull()
      .references(() => detectionRules.id, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    text: text('text').notNull(),
    changedAt: instant('changed_at').notNull(),
    changedBy: text('changed_by').notNull(),
  },
  self => [primaryKey({ columns: [self.ruleId, self.version] })],
)

/** Matches of a rule by day. */
export const detectionDays = table(
  'detection_days',
  {
    ruleId: uuid('rule_id')
      .notNull()
      .references(() => detectionRules.id, { onDelete: 'cascade' }),
    day: date('day', { mode: 'string' }).notNull(),
    matches: count('matches').notNull(),
  },
  self => [primaryKey({ columns: [self.ruleId, self.day] })],
)

/** Where log events come from, each with a secret address. */
export const logSources = table(
  'log_sources',
  {
    id: id(),
    name: text('name').notNull(),
    keyDigest: text('key_digest').notNull(),
    logsource: json('logsource', LogSourceParts, {}).notNull(),
    /** Networks that it sends syslog from. */
    senders: json('senders', z.array(z.string()).readonly(), []).notNull().default(sql`'[]'::jsonb`),
    /** Files of this machine that it follows; the last part may have wildcards. */
    files: json('files', z.array(z.string()).readonly(), []).notNull().default(sql`'[]'::jsonb`),
    gapMinutes: integer('gap_minutes'),
    /** What alerts of its events are about, where their rule does not say it. */
    serviceId: uuid('service_id').references(() => services.id, { onDelete: 'set null' }),
    /** An alert is open because it is silent. */
    isSilent: boolean('is_silent').notNull().default(false),
    createdAt: instant('created_at').notNull(),
    lastSeenAt: instant('last_seen_at'),
    events: count('events').notNull().default(0),
    revokedAt: instant('revoked_at'),
  },
  self => [uniqueIndex('log_sources_key').on(self.keyDigest)],
)

/** What was acknowledged and is not matched yet: lines of JSON, compressed. A row goes in the transaction of its effect. */
export const eventBatches = table('event_batches', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  sourceId: uuid('source_id')
    .notNull()
    .references(() => logSources.id),
  receivedAt: instant('received_at').notNull(),
  /** What these events are, where their source says it batch by batch. */
  logsource: json('logsource', LogSourceParts, null),
  /** Uncompressed. */
  sizeBytes: integer('size_bytes').notNull(),
  body: bytes('body').notNull(),
  attempts: integer('attempts').notNull().default(0),
})

/** Lines that are no events: a person reads them, fixes them, and has them matched again. */
export const deadLetters = table(
  'dead_letters',
  {
    id: id(),
    sourceId: uuid('source_id')
      .notNull()
      .references(() => logSources.id),
    receivedAt: instant('received_at').notNull(),
    reason: text('reason').notNull(),
    text: text('text').notNull(),
  },
  self => [index('dead_letters_received').on(self.receivedAt)],
)

/** The latest events of an alert. */
export const detectionMatches = table(
  'detection_matches',
  {
    id: id(),
    alertId: uuid('alert_id')
      .notNull()
      .references(() => alerts.id, { onDelete: 'cascade' }),
    ruleId: uuid('rule_id').references(() => detectionRules.id, { onDelete: 'set null' }),
    sourceId: uuid('source_id')
      .notNull()
      .references(() => logSources.id),
    at: instant('at').notNull(),
    fields: json('fields', z.record(z.string(), z.array(z.string()).readonly()).readonly(), {}).notNull(),
    event: text('event').notNull(),
  },
  self => [index('detection_matches_alert').on(self.alertId, self.id)],
)

/** Lists of indicators of compromise: uploaded, or pulled from a TAXII server. */
export const indicatorLists = table('indicator_lists', {
  id: id(),
  name: text('name').notNull(),
  level: choice('level', ruleLevels).notNull(),
  isEnabled: boolean('is_enabled').notNull().default(true),
  /** Where it is pulled from: the address of a TAXII 2.1 collection. Null for one that is uploaded. */
  url: text('url'),
  username: text('username'),
  /** The password, or without a name a bearer token; sealed. */
  secretSealed: text('secret_sealed'),
  pullMinutes: integer('pull_minutes'),
  /** Where the next pull goes on. */
  addedAfter: text('added_after'),
  /** The rows that count. An import writes its own with a number of its own, which counts when it is whole; those before it are then removed. */
  generation: integer('generation').notNull().default(0),
  /** The highest number that an import was given: two at once do not mix, nor what one left behind that broke off. */
  lastGeneration: integer('last_generation').notNull().default(0),
  size: count('size').notNull().default(0),
  refused: count('refused').notNull().default(0),
  refusedExamples: json('refused_examples', z.array(z.object({ at: z.string(), reason: z.string() })).readonly(), [])
    .notNull()
    .default(sql`'[]'::jsonb`),
  sightings: count('sightings').notNull().default(0),
  lastSightingAt: instant('last_sighting_at'),
  /** When it was last imported or pulled. */
  updatedAt: instant('updated_at'),
  /** Why the last pull failed. */
  problem: text('problem'),
  createdAt: instant('created_at').notNull(),
})

export const indicators = table(
  'indicators',
  {
    listId: uuid('list_id')
      .notNull()
      .references(() => indicatorLists.id, { onDelete: 'cascade' }),
    /** As the engine writes it: see packages/sigma, parseIndicator. */
    key: text('key').notNull(),
    kind: choice('kind', indicatorKinds).notNull(),
    description: text('description').notNull(),
    validUntil: instant('valid_until'),
    /** The STIX object that names it. */
    objectId: text('object_id'),
    generation: integer('generation').notNull(),
  },
  self => [
    primaryKey({ columns: [self.listId, self.key, self.generation] }),
    // Few lists have these, and a million rows are written faster without.
    index('indicators_object').on(self.listId, self.objectId).where(sql`${self.objectId} is not null`),
    index('indicators_end').on(self.validUntil).where(sql`${self.validUntil} is not null`),
  ],
)

/** Values that raise no alert, whichever list has them: what a list is wrong about. */
export const ignoredIndicators = table('ignored_indicators', {
  key: text('key').primaryKey(),
  reason: text('reason').notNull(),
  ignoredAt: instant('ignored_at').notNull(),
  ignoredBy: text('ignored_by').notNull(),
  /** The alert that it was ignored at, if any: it is hidden with it. */
  alertId: uuid('alert_id').references(() => alerts.id, { onDelete: 'set null' }),
})

/** Files that are followed, and how far they are read: written with the batch that was read. */
export const followedFiles = table(
  'followed_files',
  {
    sourceId: uuid('source_id')
      .notNull()
      .references(() => logSources.id, { onDelete: 'cascade' }),
    path: text('path').notNull(),
    /** Device and inode: a file that was renamed is still the same. */
    identity: text('identity').notNull(),
    position: count('position').notNull(),
    /** How it begins, in hexadecimal: an inode may come to be another file's. */
    head: text('head').notNull(),
    readAt: instant('read_at').notNull(),
  },
  self => [primaryKey({ columns: [self.sourceId, self.identity] })],
)

/** What correlations remember, written with the batch that changed it. */
export const correlationStates = table('correlation_states', {
  correlationId: text('correlation_id').primaryKey(),
  state: json('state', CorrelationGroups, []).notNull(),
})

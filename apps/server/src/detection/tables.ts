import type { ruleLevels, ruleOrigins } from '@tocsin/api'
import type { CorrelatorState, IndicatorKind } from '@tocsin/sigma'
import { sql } from 'drizzle-orm'
import { bigserial, boolean, date, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { alerts } from '../alerts/tables.ts'
import { bytes, choice, count, id, instant, json } from '../kernel/columns.ts'

export interface LogSourceParts {
  readonly category?: string | undefined
  readonly product?: string | undefined
  readonly service?: string | undefined
}

/** Sigma rules, correlations and filters, each as its author wrote it. */
export const detectionRules = pgTable(
  'detection_rules',
  {
    id: id(),
    /** The id that the rule gives itself. */
    ruleId: text('rule_id').notNull(),
    kind: choice<'rule' | 'correlation' | 'filter'>('kind').notNull(),
    title: text('title').notNull(),
    level: choice<(typeof ruleLevels)[number]>('level'),
    origin: choice<(typeof ruleOrigins)[number]>('origin').notNull(),
    tags: json<readonly string[]>('tags').notNull(),
    logsource: json<LogSourceParts>('logsource').notNull(),
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
  },
  table => [uniqueIndex('detection_rules_rule_id').on(table.ruleId), index('detection_rules_title').on(table.title, table.id)],
)

export const detectionRuleVersions = pgTable(
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
  table => [primaryKey({ columns: [table.ruleId, table.version] })],
)

/** Matches of a rule by day. */
export const detectionDays = pgTable(
  'detection_days',
  {
    ruleId: uuid('rule_id')
      .notNull()
      .references(() => detectionRules.id, { onDelete: 'cascade' }),
    day: date('day', { mode: 'string' }).notNull(),
    matches: count('matches').notNull(),
  },
  table => [primaryKey({ columns: [table.ruleId, table.day] })],
)

/** Where log events come from, each with a secret address. */
export const logSources = pgTable(
  'log_sources',
  {
    id: id(),
    name: text('name').notNull(),
    keyDigest: text('key_digest').notNull(),
    logsource: json<LogSourceParts>('logsource').notNull(),
    /** Networks that it sends syslog from. */
    senders: json<readonly string[]>('senders').notNull().default([]),
    /** Files of this machine that it follows; the last part may have wildcards. */
    files: json<readonly string[]>('files').notNull().default([]),
    gapMinutes: integer('gap_minutes'),
    /** An alert stands because it is silent. */
    isSilent: boolean('is_silent').notNull().default(false),
    createdAt: instant('created_at').notNull(),
    lastSeenAt: instant('last_seen_at'),
    events: count('events').notNull().default(0),
    revokedAt: instant('revoked_at'),
  },
  table => [uniqueIndex('log_sources_key').on(table.keyDigest)],
)

/** What was acknowledged and is not matched yet: lines of JSON, compressed. A row goes in the transaction of its effect. */
export const eventBatches = pgTable('event_batches', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  sourceId: uuid('source_id')
    .notNull()
    .references(() => logSources.id),
  receivedAt: instant('received_at').notNull(),
  /** What these events are, where their source says it batch by batch. */
  logsource: json<LogSourceParts>('logsource'),
  /** Uncompressed. */
  sizeBytes: integer('size_bytes').notNull(),
  body: bytes('body').notNull(),
  attempts: integer('attempts').notNull().default(0),
})

/** Lines that are no events: a person reads them, mends them, and has them matched again. */
export const deadLetters = pgTable(
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
  table => [index('dead_letters_received').on(table.receivedAt)],
)

/** The events that an alert rests on: the latest of them. */
export const detectionMatches = pgTable(
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
    fields: json<Readonly<Record<string, readonly string[]>>>('fields').notNull(),
    event: text('event').notNull(),
  },
  table => [index('detection_matches_alert').on(table.alertId, table.id)],
)

/** Lists of indicators of compromise: uploaded, or pulled from a TAXII server. */
export const indicatorLists = pgTable('indicator_lists', {
  id: id(),
  name: text('name').notNull(),
  level: choice<(typeof ruleLevels)[number]>('level').notNull(),
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
  refusedExamples: json<readonly { at: string; reason: string }[]>('refused_examples').notNull().default([]),
  sightings: count('sightings').notNull().default(0),
  lastSightingAt: instant('last_sighting_at'),
  /** When it was last imported or pulled. */
  updatedAt: instant('updated_at'),
  /** Why the last pull failed. */
  problem: text('problem'),
  createdAt: instant('created_at').notNull(),
})

export const indicators = pgTable(
  'indicators',
  {
    listId: uuid('list_id')
      .notNull()
      .references(() => indicatorLists.id, { onDelete: 'cascade' }),
    /** As the engine writes it: see packages/sigma, parseIndicator. */
    key: text('key').notNull(),
    kind: choice<IndicatorKind>('kind').notNull(),
    description: text('description').notNull(),
    validUntil: instant('valid_until'),
    /** The STIX object that names it. */
    objectId: text('object_id'),
    generation: integer('generation').notNull(),
  },
  table => [
    primaryKey({ columns: [table.listId, table.key, table.generation] }),
    // Few lists have these, and a million rows are written faster without.
    index('indicators_object').on(table.listId, table.objectId).where(sql`${table.objectId} is not null`),
    index('indicators_end').on(table.validUntil).where(sql`${table.validUntil} is not null`),
  ],
)

/** Values that raise no alert, whichever list has them: what a list is wrong about. */
export const ignoredIndicators = pgTable('ignored_indicators', {
  key: text('key').primaryKey(),
  reason: text('reason').notNull(),
  ignoredAt: instant('ignored_at').notNull(),
  ignoredBy: text('ignored_by').notNull(),
})

/** Files that are followed, and how far they are read: written with the batch that was read. */
export const followedFiles = pgTable(
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
  table => [primaryKey({ columns: [table.sourceId, table.identity] })],
)

/** What correlations remember, written with the batch that changed it. */
export const correlationStates = pgTable('correlation_states', {
  correlationId: text('correlation_id').primaryKey(),
  state: json<CorrelatorState[number]['groups']>('state').notNull(),
})

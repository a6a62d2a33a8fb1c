import type { channelWords } from '@tocsin/api'
import { boolean, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, choice, count, id, instant, json } from './columns.ts'

/** Work that is due at a time. A row is deleted in the same transaction as the effect of its work. */
export const jobs = pgTable(
  'jobs',
  {
    id: id(),
    kind: text('kind').notNull(),
    /** At most one job has a key: scheduling it again replaces it. */
    key: text('key').notNull(),
    data: json<unknown>('data').notNull(),
    runAt: instant('run_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    /** The worker that runs it: the number of an advisory lock which the database frees when that worker dies. */
    leasedBy: integer('leased_by'),
  },
  table => [uniqueIndex('jobs_key').on(table.key), index('jobs_due').on(table.runAt)],
)

/** The ways that a message can leave. */
export type MessageChannel = keyof typeof channelWords
export type MessageState = 'queued' | 'held' | 'sent' | 'failed' | 'cancelled'

/** The outbox: every message that leaves or should leave. */
export const messages = pgTable(
  'messages',
  {
    id: id(),
    channel: choice<MessageChannel>('channel').notNull(),
    address: text('address').notNull(),
    /** What the message is part of; its module is told how it went. */
    purpose: text('purpose').notNull(),
    purposeId: uuid('purpose_id').notNull(),
    /** The record that decides who may see the message. */
    withinId: uuid('within_id'),
    subject: text('subject').notNull(),
    /** May hold the placeholder of one private link, which is written in only when the message leaves. */
    body: text('body').notNull(),
    linkPath: text('link_path'),
    linkClaims: json<Record<string, string>>('link_claims'),
    /** Sealed: what the channel needs to reach or convince its receiver. */
    secret: text('webhook_secret'),
    state: choice<MessageState>('state').notNull(),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    receipt: text('receipt'),
    createdAt: instant('created_at').notNull(),
    sentAt: instant('sent_at'),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    index('messages_created').on(table.createdAt),
    index('messages_purpose').on(table.purpose, table.purposeId),
    index('messages_state').on(table.state),
  ],
)

export const files = pgTable('files', {
  id: id(),
  name: text('name').notNull(),
  mediaType: text('media_type').notNull(),
  sizeBytes: count('size_bytes').notNull(),
  sha256: text('sha256').notNull(),
  createdAt: instant('created_at').notNull(),
})

export const fileChunks = pgTable(
  'file_chunks',
  {
    fileId: uuid('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    position: integer('position').notNull(),
    content: bytes('content').notNull(),
  },
  table => [primaryKey({ columns: [table.fileId, table.position] })],
)

/** Settings of the whole installation, one value a name. */
export const settings = pgTable('settings', { name: text('name').primaryKey(), value: json<unknown>('value').notNull() })

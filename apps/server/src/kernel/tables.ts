import { index, integer, primaryKey, smallint, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { bytes, choice, count, id, instant, json, table } from './columns.ts'

/** Work that is due at a time. A row is deleted in the same transaction as the effect of its work. */
export const jobs = table(
  'jobs',
  {
    id: id(),
    kind: text('kind').notNull(),
    /** Its kind's: jobs are claimed by lane. */
    lane: text('lane').notNull(),
    /** 0 for what is urgent, 1 for the rest. */
    priority: smallint('priority').notNull(),
    /** The host that it calls, where its lane bounds the places for one; else empty. */
    destination: text('destination').notNull(),
    /** At most one job has a key: scheduling it again replaces it. */
    key: text('key').notNull(),
    data: json('data', z.unknown()).notNull(),
    runAt: instant('run_at').notNull(),
    /** When that was decided. Later than now only where a clock ran ahead. */
    scheduledAt: instant('scheduled_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    /** The worker that runs it: the number of an advisory lock which the database frees when that worker dies. */
    leasedBy: integer('leased_by'),
  },
  self => [uniqueIndex('jobs_key').on(self.key), index('jobs_due').on(self.lane, self.priority, self.runAt)],
)

export const files = table('files', {
  id: id(),
  name: text('name').notNull(),
  mediaType: text('media_type').notNull(),
  sizeBytes: count('size_bytes').notNull(),
  sha256: text('sha256').notNull(),
  /** Sealed: the key of its content, with size and digest. Null for a file from before content was encrypted. */
  key: text('key'),
  createdAt: instant('created_at').notNull(),
  /** What a scanner found; null where none has looked. `removed`: it was infected, and its content is gone. */
  scan: choice('scan', ['clean', 'infected', 'removed']),
  scannedAt: instant('scanned_at'),
})

export const fileChunks = table(
  'file_chunks',
  {
    fileId: uuid('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
    position: integer('position').notNull(),
    content: bytes('content').notNull(),
  },
  self => [primaryKey({ columns: [self.fileId, self.position] })],
)

/** Requests with an `Idempotency-Key`, and what was answered. */
export const idempotencyKeys = table(
  'idempotency_keys',
  {
    /** Digest of caller, route and key. */
    id: text('id').primaryKey(),
    /** Digest of what was asked. */
    request: text('request').notNull(),
    /** Sealed JSON; null while the request runs. */
    reply: text('reply'),
    createdAt: instant('created_at').notNull(),
  },
  self => [index('idempotency_keys_created').on(self.createdAt)],
)

/** Settings of the whole installation, one value a name. */
export const settings = table('settings', { name: text('name').primaryKey(), value: json('value', z.unknown()).notNull() })

/** The last number of each kind that is numbered without gaps: the function `next_number(kind)` raises it, and its row stays locked until the transaction ends. */
export const numbers = table('numbers', { kind: text('kind').primaryKey(), last: count('last').notNull() })

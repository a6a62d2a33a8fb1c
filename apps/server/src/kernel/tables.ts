import { index, integer, pgTable, primaryKey, smallint, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, count, id, instant, json } from './columns.ts'

/** Work that is due at a time. A row is deleted in the same transaction as the effect of its work. */
export const jobs = pgTable(
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
    data: json<unknown>('data').notNull(),
    runAt: instant('run_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    /** The worker that runs it: the number of an advisory lock which the database frees when that worker dies. */
    leasedBy: integer('leased_by'),
  },
  table => [uniqueIndex('jobs_key').on(table.key), index('jobs_due').on(table.lane, table.priority, table.runAt)],
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

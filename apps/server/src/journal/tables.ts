import { sql } from 'drizzle-orm'
import { bigserial, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, choice, count, id, instant, json } from '../kernel/columns.ts'

/** The one record: append-only, held so by a trigger. */
export const journal = pgTable(
  'journal',
  {
    id: id(),
    seq: bigserial('seq', { mode: 'number' }).notNull(),
    at: instant('at').notNull(),
    actorKind: text('actor_kind').notNull(),
    actorId: text('actor_id'),
    actorName: text('actor_name').notNull(),
    type: text('type').notNull(),
    subjectKind: text('subject_kind').notNull(),
    subjectId: text('subject_id').notNull(),
    /** The record that the entry belongs to, and that decides who may see it: an incident's id. */
    withinId: uuid('within_id'),
    data: json<Record<string, unknown>>('data').notNull(),
  },
  table => [
    uniqueIndex('journal_seq').on(table.seq),
    index('journal_within').on(table.withinId, table.seq),
    index('journal_subject').on(table.subjectId, table.seq),
  ],
)

/** A sealed entry's place in the Merkle tree. */
export const journalLeaves = pgTable('journal_leaves', { leafIndex: count('leaf_index').primaryKey(), entryId: uuid('entry_id').notNull() }, table => [
  index('journal_leaves_entry').on(table.entryId),
])

/** Roots of perfect subtrees (level 0: the leaves): they never change, and every proof is made of them. */
export const journalNodes = pgTable(
  'journal_nodes',
  { level: integer('level').notNull(), nodeIndex: count('node_index').notNull(), hash: bytes('hash').notNull() },
  table => [primaryKey({ columns: [table.level, table.nodeIndex] })],
)

/** Signed checkpoints (C2SP tlog-checkpoint). */
export const journalCheckpoints = pgTable('journal_checkpoints', {
  size: count('size').primaryKey(),
  note: text('note').notNull(),
  at: instant('at').notNull(),
})

/** How far each reader has read: up to this number. */
export const journalCursors = pgTable('journal_cursors', { name: text('name').primaryKey(), seq: count('seq').notNull() })

/** Entries that a reader could not take in and has set aside, so that it goes on. */
export const journalDeadLetters = pgTable(
  'journal_dead_letters',
  {
    id: id(),
    reader: text('reader').notNull(),
    /** No foreign key: the journal's own trigger keeps what it points at. */
    entryId: uuid('entry_id').notNull(),
    error: text('error').notNull(),
    attempts: integer('attempts').notNull(),
    at: instant('at').notNull(),
    state: choice<'open' | 'replayed' | 'discarded'>('state').notNull().default('open'),
    settledAt: instant('settled_at'),
    /** Who replayed or discarded it. */
    settledBy: text('settled_by'),
    /** Why it was discarded. */
    reason: text('reason'),
  },
  table => [
    uniqueIndex('journal_dead_letters_entry').on(table.reader, table.entryId),
    index('journal_dead_letters_open').on(table.reader).where(sql`${table.state} = 'open'`),
    index('journal_dead_letters_at').on(table.at, table.id),
  ],
)

import { sql } from 'drizzle-orm'
import { bigserial, boolean, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { bytes, choice, count, id, instant, json, table } from '../kernel/columns.ts'

/** The one record: append-only, held so by a trigger. */
export const journal = table(
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
    /** Of the form of `data`. */
    version: integer('version').notNull(),
    /** Null once it was erased; the header and the hash of the body stay, and so do the proofs. No reader may miss an entry. */
    data: json('data', z.record(z.string(), z.unknown()), {}),
    isDemo: boolean('is_demo').notNull(),
    isExercise: boolean('is_exercise').notNull(),
    isRestricted: boolean('is_restricted').notNull(),
    /** Null once the body was erased. */
    salt: bytes('salt'),
    /** SHA-256(salt || canonical JSON of the body): packages/merkle, `hashBody`. */
    bodyHash: bytes('body_hash').notNull(),
    /** Shows the sealer that this program wrote the entry (`entry-mac.ts`). Null in entries from before there was one. */
    mac: text('mac'),
  },
  self => [uniqueIndex('journal_seq').on(self.seq), index('journal_within').on(self.withinId, self.seq), index('journal_subject').on(self.subjectId, self.seq)],
)

/** A sealed entry's place in the Merkle tree. */
export const journalLeaves = table('journal_leaves', { leafIndex: count('leaf_index').primaryKey(), entryId: uuid('entry_id').notNull() }, self => [
  index('journal_leaves_entry').on(self.entryId),
])

/** Roots of perfect subtrees (level 0: the leaves): they never change, and every proof is made of them. */
export const journalNodes = table(
  'journal_nodes',
  { level: integer('level').notNull(), nodeIndex: count('node_index').notNull(), hash: bytes('hash').notNull() },
  self => [primaryKey({ columns: [self.level, self.nodeIndex] })],
)

/** Signed checkpoints (C2SP tlog-checkpoint). */
export const journalCheckpoints = table('journal_checkpoints', {
  size: count('size').primaryKey(),
  note: text('note').notNull(),
  at: instant('at').notNull(),
})

/** How far each reader has read: up to this number. */
export const journalCursors = table('journal_cursors', { name: text('name').primaryKey(), seq: count('seq').notNull() })

/** Entries that a reader could not take in and has set aside, so that it goes on. */
export const journalDeadLetters = table(
  'journal_dead_letters',
  {
    id: id(),
    reader: text('reader').notNull(),
    /** No foreign key: the journal's own trigger keeps what it points at. */
    entryId: uuid('entry_id').notNull(),
    error: text('error').notNull(),
    attempts: integer('attempts').notNull(),
    at: instant('at').notNull(),
    state: choice('state', ['open', 'replayed', 'discarded']).notNull().default('open'),
    settledAt: instant('settled_at'),
    /** Who replayed or discarded it. */
    settledBy: text('settled_by'),
    /** Why it was discarded. */
    reason: text('reason'),
  },
  self => [
    uniqueIndex('journal_dead_letters_entry').on(self.reader, self.entryId),
    index('journal_dead_letters_open').on(self.reader).where(sql`${self.state} = 'open'`),
    index('journal_dead_letters_at').on(self.at, self.id),
  ],
)

/** Records whose entries carry a mark in their header: those of the demo, of exercises, and restricted incidents. Others have no row. */
export const journalMarks = table('journal_marks', {
  recordId: text('record_id').primaryKey(),
  isDemo: boolean('is_demo').notNull().default(false),
  isExercise: boolean('is_exercise').notNull().default(false),
  isRestricted: boolean('is_restricted').notNull().default(false),
})

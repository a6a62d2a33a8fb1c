import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import { bigserial, boolean, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { bytes, choice, count, id, instant, json, table } from '../kernel/columns.ts'

/** From where an entry says that it was asked for; of several addresses the first. */
export const firstAddress = (data: AnyColumn | SQL) =>
  sql`coalesce(${data} #>> '{calledFrom,address}', ${data} ->> 'address', ${data} ->> 'ip', ${data} #>> '{addresses,0}')`

/** The words by which an entry is found: names, titles and email addresses, and who did it, where that was not Tocsin. What people wrote is not among them. */
export const words = ({ actorKind, actorName, data }: Readonly<Record<'actorKind' | 'actorName' | 'data', AnyColumn | SQL>>) => {
  const parts = ['name', 'title', 'email'].map(field => sql.raw(`'${field}'`)).map(field => sql`coalesce(left(${data} ->> ${field}, 1000), '')`)
  const actor = sql`case when ${actorKind} = 'system' then '' else ${actorName} end`
  return sql`to_tsvector('simple'::regconfig, ${sql.join([actor, ...parts], sql` || ' ' || `)})`
}

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
  self => [
    uniqueIndex('journal_seq').on(self.seq),
    index('journal_within').on(self.withinId, self.seq),
    index('journal_subject').on(self.subjectId, self.seq),
    // For the search (search.ts), each in the order of the list.
    index('journal_type').on(self.type, self.seq),
    index('journal_actor').on(self.actorId, self.seq).where(sql`${self.actorId} is not null`),
    index('journal_at').on(self.at),
    index('journal_address')
      .on(firstAddress(self.data), self.seq)
      .where(sql`${firstAddress(self.data)} is not null`),
    index('journal_addresses').using('gin', sql`(${self.data} -> 'addresses') jsonb_path_ops`).where(sql`${self.data} ? 'addresses'`),
    index('journal_words').using('gin', words(self)),
  ],
)

/**
 * Texts that entries commit to, each until it is erased; held so by a trigger. Of one that was erased it is known in which entry that is on record.
 * An entry from before there were commitments, whose body was erased as a whole, has a row with an empty path.
 */
export const journalValues = table(
  'journal_values',
  {
    /** No foreign key: the journal's own trigger keeps what it points at. */
    entryId: uuid('entry_id').notNull(),
    /** In the data of the entry: `/files/0/name`. */
    path: text('path').notNull(),
    salt: bytes('salt'),
    value: text('value'),
    erasedIn: uuid('erased_in'),
  },
  self => [primaryKey({ columns: [self.entryId, self.path] })],
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

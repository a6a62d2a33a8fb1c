import type { findingKinds } from '@tocsin/api'
import { date, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { incidents } from '../incidents/tables.ts'
import { choice, id, instant, json } from '../kernel/columns.ts'

export interface Finding {
  readonly id: string
  readonly kind: (typeof findingKinds)[number]
  readonly reason: string
}

export const reviews = pgTable(
  'reviews',
  {
    id: id(),
    incidentId: uuid('incident_id')
      .notNull()
      .references(() => incidents.id, { onDelete: 'cascade' }),
    state: choice<'draft' | 'finished'>('state').notNull(),
    sequence: text('sequence').notNull(),
    findings: json<Finding[]>('findings').notNull(),
    finishedById: uuid('finished_by_id').references(() => people.id),
    finishedAt: instant('finished_at'),
    version: integer('version').notNull().default(1),
  },
  table => [uniqueIndex('reviews_incident').on(table.incidentId)],
)

export const followUps = pgTable(
  'followUps',
  {
    id: id(),
    reviewId: uuid('review_id')
      .notNull()
      .references(() => reviews.id, { onDelete: 'cascade' }),
    incidentId: uuid('incident_id')
      .notNull()
      .references(() => incidents.id, { onDelete: 'cascade' }),
    title: text('title').notNull(),
    ownerId: uuid('owner_id')
      .notNull()
      .references(() => people.id),
    dueOn: date('due_on', { mode: 'string' }).notNull(),
    state: choice<'open' | 'done' | 'verified'>('state').notNull(),
    evidence: text('evidence'),
    verifiedById: uuid('verified_by_id').references(() => people.id),
    version: integer('version').notNull().default(1),
  },
  table => [index('improvements_review').on(table.reviewId), index('improvements_due').on(table.dueOn, table.id)],
)

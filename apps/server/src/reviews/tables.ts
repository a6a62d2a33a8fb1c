import { findingKinds } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { date, index, integer, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { people } from '../access/tables.ts'
import { incidents } from '../incidents/tables.ts'
import { choice, id, instant, json, table } from '../kernel/columns.ts'

const Finding = z.object({ id: z.string(), kind: z.enum(findingKinds), description: z.string() })
export type Finding = z.output<typeof Finding>

/** The rules that require a review, by what each looks at. */
export const requiringRules = ['customer-reportable', 'privacy-breach', 'affected-data', 'affected-customers', 'notified-in-error'] as const

/** Incidents that require a review. */
export const reviewRequirements = table('review_requirements', {
  incidentId: uuid('incident_id')
    .primaryKey()
    .references(() => incidents.id, { onDelete: 'cascade' }),
  /** The rule that required it first. */
  rule: choice('rule', requiringRules).notNull(),
})

export const reviews = table(
  'reviews',
  {
    id: id(),
    incidentId: uuid('incident_id')
      .notNull()
      .references(() => incidents.id, { onDelete: 'cascade' }),
    /** The round of the incident: each reopening asks for a review of its own, and the earlier one stays as it was finished. */
    round: integer('round').notNull().default(1),
    state: choice('state', ['draft', 'finished']).notNull(),
    sequence: text('sequence').notNull(),
    findings: json('findings', z.array(Finding), []).notNull(),
    finishedById: uuid('finished_by_id').references(() => people.id),
    finishedAt: instant('finished_at'),
    version: integer('version').notNull().default(1),
  },
  self => [uniqueIndex('reviews_round').on(self.incidentId, self.round), uniqueIndex('reviews_draft').on(self.incidentId).where(sql`state = 'draft'`)],
)

export const followUps = table(
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
    state: choice('state', ['open', 'done', 'verified']).notNull(),
    evidence: text('evidence'),
    verifiedById: uuid('verified_by_id').references(() => people.id),
    version: integer('version').notNull().default(1),
  },
  self => [index('follow_ups_review').on(self.reviewId), index('follow_ups_due').on(self.dueOn, self.id)],
)

import type { obligationStates, reasonCategories } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { boolean, date, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { customers } from '../directory/tables.ts'
import { incidents } from '../incidents/tables.ts'
import { choice, id, instant } from '../kernel/columns.ts'

/** A duty to notify one customer of one incident. */
export const obligations = pgTable(
  'obligations',
  {
    id: id(),
    incidentId: uuid('incident_id')
      .notNull()
      .references(() => incidents.id, { onDelete: 'cascade' }),
    customerId: uuid('customer_id')
      .notNull()
      .references(() => customers.id),
    state: choice<(typeof obligationStates)[number]>('state').notNull(),
    /** The hours that the contract gives, as they were when the clock started. */
    hours: integer('hours').notNull(),
    startedAt: instant('started_at'),
    dueAt: instant('due_at'),
    notifiedAt: instant('notified_at'),
    decisionKind: choice<'defer' | 'waive'>('decision_kind'),
    decisionReasonCategory: choice<(typeof reasonCategories)[number]>('decision_reason_category'),
    decisionReason: text('decision_reason'),
    decisionReviewOn: date('decision_review_on', { mode: 'string' }),
    decisionById: uuid('decision_by_id').references(() => people.id),
    decisionApprovedById: uuid('decision_approved_by_id').references(() => people.id),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    uniqueIndex('obligations_once').on(table.incidentId, table.customerId),
    index('obligations_due').on(sql`(${table.notifiedAt} is not null)`, sql`coalesce(${table.dueAt}, 'infinity'::timestamptz)`),
  ],
)

export const notices = pgTable(
  'notices',
  {
    id: id(),
    obligationId: uuid('obligation_id')
      .notNull()
      .references(() => obligations.id, { onDelete: 'cascade' }),
    kind: choice<'initial' | 'update'>('kind').notNull(),
    state: choice<'draft' | 'approved' | 'sending' | 'sent'>('state').notNull(),
    nature: text('nature').notNull(),
    userImpact: text('user_impact').notNull(),
    mitigation: text('mitigation').notNull(),
    isInvestigationComplete: boolean('is_investigation_complete').notNull(),
    nextSteps: text('next_steps'),
    nextCommunicationAt: instant('next_communication_at'),
    authorId: uuid('author_id')
      .notNull()
      .references(() => people.id),
    /** Who changed it last: approval takes another pair of eyes than this one, too. */
    editorId: uuid('editor_id')
      .notNull()
      .references(() => people.id),
    approvedById: uuid('approved_by_id').references(() => people.id),
    approvedAt: instant('approved_at'),
    sentAt: instant('sent_at'),
    version: integer('version').notNull().default(1),
  },
  table => [index('notices_obligation').on(table.obligationId)],
)

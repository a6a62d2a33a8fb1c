import { NoticeTerm, obligationKinds, obligationStates, reasonCategories } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { boolean, date, index, integer, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { customers } from '../directory/tables.ts'
import { incidents } from '../incidents/tables.ts'
import { choice, id, instant, json, table } from '../kernel/columns.ts'

/** What is owed because of one incident, by a time: to one customer, or the answer to who is affected. */
export const obligations = table(
  'obligations',
  {
    id: id(),
    incidentId: uuid('incident_id')
      .notNull()
      .references(() => incidents.id, { onDelete: 'cascade' }),
    kind: choice('kind', obligationKinds).notNull(),
    /** Null while it is not known who is affected. */
    customerId: uuid('customer_id').references(() => customers.id),
    state: choice('state', obligationStates).notNull(),
    /** The time that the contract gives, as it was when the clock started, with its calendar; null before that, and for what was promised for a time. */
    term: json('term', NoticeTerm, null),
    /** The notice that promised it. */
    promisedById: uuid('promised_by_id'),
    startedAt: instant('started_at'),
    dueAt: instant('due_at'),
    /** When it was found that the customer is affected, and when the same time from then on ends; null where nobody had to be found. */
    foundAt: instant('found_at'),
    foundDueAt: instant('found_due_at'),
    /** The deadline that is on record as missed. */
    missedDueAt: instant('missed_due_at'),
    /** When its clock is looked at next: somebody is paged, a deadline is missed, a decision ends. Null when nothing more is to come. */
    nextCheckAt: instant('next_check_at'),
    /** When somebody was paged about it last. */
    pagedAt: instant('paged_at'),
    notifiedAt: instant('notified_at'),
    /** The notice that met it. */
    metById: uuid('met_by_id'),
    decisionKind: choice('decision_kind', ['defer', 'waive']),
    decisionReasonCategory: choice('decision_reason_category', reasonCategories),
    decisionReason: text('decision_reason'),
    decisionReviewOn: date('decision_review_on', { mode: 'string' }),
    decisionById: uuid('decision_by_id').references(() => people.id),
    decisionApprovedById: uuid('decision_approved_by_id').references(() => people.id),
    /** The obligation of the parent incident to the same customer, whose notice meets this one too. */
    joinedToId: uuid('joined_to_id'),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
    /** It belongs to an exercise: nothing of it reaches a customer, an authority or the public. */
    isExercise: boolean('is_exercise').notNull().default(false),
  },
  self => [
    uniqueIndex('obligations_once').on(self.incidentId, self.customerId).where(sql`kind = 'initial'`),
    uniqueIndex('obligations_promised_once').on(self.incidentId, self.customerId).where(sql`kind = 'update' and state in ('due', 'deferred')`),
    uniqueIndex('obligations_promised_by').on(self.promisedById).where(sql`promised_by_id is not null`),
    uniqueIndex('obligations_scope_once').on(self.incidentId).where(sql`kind = 'scope'`),
    index('obligations_met_by').on(self.metById).where(sql`met_by_id is not null`),
    index('obligations_joined_to').on(self.joinedToId).where(sql`joined_to_id is not null`),
    index('obligations_check').on(self.incidentId, self.nextCheckAt).where(sql`next_check_at is not null`),
    index('obligations_due').on(sql`(${self.notifiedAt} is not null)`, sql`coalesce(${self.dueAt}, 'infinity'::timestamptz)`),
  ],
)

export const notices = table(
  'notices',
  {
    id: id(),
    obligationId: uuid('obligation_id')
      .notNull()
      .references(() => obligations.id, { onDelete: 'cascade' }),
    kind: choice('kind', ['initial', 'update']).notNull(),
    state: choice('state', ['draft', 'approved', 'sending', 'sent']).notNull(),
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
  self => [index('notices_obligation').on(self.obligationId)],
)

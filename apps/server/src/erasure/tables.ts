import { erasureKinds } from '@tocsin/api'
import { index, integer, text, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { choice, id, instant, table } from '../kernel/columns.ts'

/** Requests to erase personal data, and what became of them. */
export const erasures = table(
  'erasures',
  {
    id: id(),
    kind: choice('kind', erasureKinds).notNull(),
    state: choice('state', ['requested', 'done', 'withdrawn']).notNull(),
    /** An email address or an ID. Null once it is decided: the address would be personal data itself. */
    target: text('target'),
    /** The incident that decides who may see the request. */
    withinId: uuid('within_id'),
    basis: choice('basis', ['request', 'retention']).notNull(),
    reason: text('reason').notNull(),
    requestedById: uuid('requested_by_id').references(() => people.id),
    requestedAt: instant('requested_at').notNull(),
    decidedById: uuid('decided_by_id').references(() => people.id),
    decidedAt: instant('decided_at'),
    records: integer('records').notNull(),
    fields: integer('fields').notNull().default(0),
  },
  self => [index('erasures_requested').on(self.requestedAt, self.id)],
)

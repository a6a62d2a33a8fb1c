import type { pageStates, Severity } from '@tocsin/api'
import type { EscalationStep } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { boolean, date, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people, teams } from '../identity/tables.ts'
import { choice, id, instant, json } from '../platform/columns.ts'

/** A team's weekly rotation and its escalation policy. */
export const rotas = pgTable('rotas', {
  teamId: uuid('team_id')
    .primaryKey()
    .references(() => teams.id, { onDelete: 'cascade' }),
  timeZone: text('time_zone').notNull(),
  startDate: date('start_date', { mode: 'string' }).notNull(),
  handoffTime: text('handoff_time').notNull(),
  participantIds: json<string[]>('participant_ids').notNull(),
  steps: json<EscalationStep[]>('steps').notNull(),
  repeats: integer('repeats').notNull(),
  version: integer('version').notNull().default(1),
})

export const contactMethods = pgTable(
  'contact_methods',
  {
    id: id(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    kind: choice<'email' | 'webhook'>('kind').notNull(),
    address: text('address').notNull(),
    /** Sealed signing secret of a webhook. */
    secret: text('secret'),
    createdAt: instant('created_at').notNull(),
  },
  table => [index('contact_methods_person').on(table.personId)],
)

export const pages = pgTable(
  'pages',
  {
    id: id(),
    teamId: uuid('team_id')
      .notNull()
      .references(() => teams.id),
    subjectKind: choice<'alert' | 'incident'>('subject_kind').notNull(),
    subjectId: uuid('subject_id').notNull(),
    withinId: uuid('within_id'),
    title: text('title').notNull(),
    summary: text('summary').notNull(),
    severity: choice<Severity>('severity').notNull(),
    state: choice<(typeof pageStates)[number]>('state').notNull(),
    /** What the page is about, exactly: one key climbs once at a time. */
    key: text('key').notNull(),
    /** Somebody who is asked before the team: then the page starts at the position before the first. */
    firstPersonId: uuid('first_person_id').references(() => people.id),
    /** The place in the escalation policy that comes next. */
    position: integer('position').notNull().default(0),
    nextStepAt: instant('next_step_at'),
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    createdAt: instant('created_at').notNull(),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    uniqueIndex('pages_climbing').on(table.key).where(sql`${table.state} = 'triggered'`),
    index('pages_subject').on(table.subjectId),
    index('pages_created').on(table.createdAt),
  ],
)

/** Who was notified of a page, how and when. */
export const pageNotifications = pgTable(
  'page_notifications',
  {
    id: id(),
    pageId: uuid('page_id')
      .notNull()
      .references(() => pages.id, { onDelete: 'cascade' }),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id),
    position: integer('position').notNull(),
    channel: choice<'email' | 'webhook'>('channel').notNull(),
    messageId: uuid('message_id').notNull(),
    at: instant('at').notNull(),
  },
  table => [index('page_notifications_page').on(table.pageId)],
)

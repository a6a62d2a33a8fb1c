import type { PageTarget, pageStates, Severity } from '@tocsin/api'
import type { EscalationLevel, Urgency, ZonedHours } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { teams } from '../directory/tables.ts'
import { choice, id, instant, json } from '../kernel/columns.ts'
import type { MessageChannel } from '../notify/tables.ts'

const team = () =>
  uuid('team_id')
    .notNull()
    .references(() => teams.id, { onDelete: 'cascade' })

const person = () =>
  uuid('person_id')
    .notNull()
    .references(() => people.id, { onDelete: 'cascade' })

/** Escalation policies. */
export const policies = pgTable(
  'policies',
  {
    id: id(),
    teamId: team(),
    name: text('name').notNull(),
    levels: json<EscalationLevel<PageTarget>[]>('levels').notNull(),
    repeats: integer('repeats').notNull(),
    businessHours: json<ZonedHours>('business_hours'),
    version: integer('version').notNull().default(1),
  },
  table => [index('policies_team').on(table.teamId)],
)

export const pages = pgTable(
  'pages',
  {
    id: id(),
    /** Null: the administrators, about the installation itself. */
    teamId: uuid('team_id').references(() => teams.id),
    subjectKind: choice<'alert' | 'incident' | 'drill' | 'system'>('subject_kind').notNull(),
    subjectId: uuid('subject_id').notNull(),
    withinId: uuid('within_id'),
    title: text('title').notNull(),
    summary: text('summary').notNull(),
    severity: choice<Severity>('severity').notNull(),
    urgency: choice<Urgency>('urgency').notNull().default('high'),
    serviceId: uuid('service_id'),
    state: choice<(typeof pageStates)[number]>('state').notNull(),
    /** What the page is about, exactly: one key climbs once at a time. */
    key: text('key').notNull(),
    /** Somebody who is asked before the team: then the page starts at the position before the first. */
    firstPersonId: uuid('first_person_id').references(() => people.id),
    /** The place in the escalation policy that comes next. */
    levelIndex: integer('level_index').notNull().default(0),
    /** How many people have to acknowledge, as the step that was paged last says. */
    needed: integer('needed').notNull().default(1),
    /** Who has acknowledged, where several have to. */
    acknowledgements: json<{ personId: string; at: string }[]>('acknowledgements').notNull().default([]),
    nextEscalationAt: instant('next_escalation_at'),
    snoozedUntil: instant('snoozed_until'),
    /** When it was seen last that somebody does something about it; it re-arms some time after. */
    progressAt: instant('progress_at'),
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    createdAt: instant('created_at').notNull(),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    uniqueIndex('pages_escalating').on(table.key).where(sql`${table.state} = 'triggered'`),
    index('pages_subject').on(table.subjectId),
    index('pages_list').on(sql`(${table.state} in ('triggered', 'exhausted'))`, table.createdAt, table.id),
    index('pages_drills').on(table.teamId, table.createdAt, table.id).where(sql`${table.subjectKind} = 'drill'`),
    index('pages_system').on(table.key).where(sql`${table.subjectKind} = 'system'`),
    index('pages_open').on(table.nextEscalationAt).where(sql`${table.state} = 'triggered'`),
  ],
)

/** Pages that came to one person faster than anybody can read: they go out as one message. */
export const pageBundles = pgTable(
  'page_bundles',
  {
    id: id(),
    personId: person(),
    dueAt: instant('due_at').notNull(),
    sentAt: instant('sent_at'),
  },
  table => [uniqueIndex('page_bundles_open').on(table.personId).where(sql`${table.sentAt} is null`)],
)

/** Who was notified of a page, how and when. */
export const pageNotifications = pgTable(
  'page_notifications',
  {
    id: id(),
    pageId: uuid('page_id')
      .notNull()
      .references(() => pages.id, { onDelete: 'cascade' }),
    /** Null: a channel of the team. */
    personId: uuid('person_id').references(() => people.id, { onDelete: 'cascade' }),
    levelIndex: integer('level_index').notNull(),
    channel: choice<MessageChannel>('channel').notNull(),
    /** The contact method; null for the e-mail of the account and for channels. */
    methodId: uuid('method_id'),
    /** Null while it waits for its bundle. */
    messageId: uuid('message_id'),
    bundleId: uuid('bundle_id').references(() => pageBundles.id),
    /** The message whose channel was in trouble, where this one went instead. */
    insteadOf: uuid('instead_of'),
    at: instant('at').notNull(),
  },
  table => [
    index('page_notifications_page').on(table.pageId),
    index('page_notifications_person').on(table.personId, table.at),
    index('page_notifications_bundle').on(table.bundleId),
    index('page_notifications_message').on(table.messageId),
  ],
)

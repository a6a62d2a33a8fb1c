import type { channelWords, contactKinds as kinds, TeamChannel } from '@tocsin/api'
import type { Urgency } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { teams } from '../directory/tables.ts'
import { choice, id, instant, json } from '../kernel/columns.ts'

const team = () =>
  uuid('team_id')
    .notNull()
    .references(() => teams.id, { onDelete: 'cascade' })

const person = () =>
  uuid('person_id')
    .notNull()
    .references(() => people.id, { onDelete: 'cascade' })

export type ContactKind = (typeof kinds)[number]
export type TeamChannelKind = TeamChannel['kind']

export const contactMethods = pgTable(
  'contact_methods',
  {
    id: id(),
    personId: person(),
    kind: choice<ContactKind>('kind').notNull(),
    address: text('address').notNull(),
    /** What the person calls it: a phone, a laptop. */
    label: text('label').notNull().default(''),
    /** Sealed: the signing secret of a webhook, the keys of a browser. */
    secret: text('secret'),
    createdAt: instant('created_at').notNull(),
    /** Nobody is paged at a method before its holder has shown that it reaches them. */
    verifiedAt: instant('verified_at'),
    codeDigest: text('code_digest'),
    codeExpiresAt: instant('code_expires_at'),
    codeAttempts: integer('code_attempts').notNull().default(0),
  },
  table => [index('contact_methods_person').on(table.personId)],
)

/** How somebody wants to be paged: which method, so many minutes after the page. */
export const notificationRules = pgTable(
  'notification_rules',
  {
    personId: person(),
    urgency: choice<Urgency>('urgency').notNull(),
    steps: json<{ methodId: string; afterMinutes: number }[]>('steps').notNull(),
  },
  table => [primaryKey({ columns: [table.personId, table.urgency] })],
)

/** Where a team talks: a step of a policy can page it. */
export const teamChannels = pgTable(
  'team_channels',
  {
    id: id(),
    teamId: team(),
    kind: choice<TeamChannelKind>('kind').notNull(),
    name: text('name').notNull(),
    address: text('address').notNull(),
    secret: text('secret'),
  },
  table => [index('team_channels_team').on(table.teamId)],
)

/** The ways that a message can leave. */
export type MessageChannel = keyof typeof channelWords
export type MessageState = 'queued' | 'held' | 'sent' | 'failed' | 'cancelled'

/** The outbox: every message that leaves or should leave. */
export const messages = pgTable(
  'messages',
  {
    id: id(),
    channel: choice<MessageChannel>('channel').notNull(),
    address: text('address').notNull(),
    /** What the message is part of; its module is told how it went. */
    purpose: text('purpose').notNull(),
    purposeId: uuid('purpose_id').notNull(),
    /** The record that decides who may see the message. */
    withinId: uuid('within_id'),
    subject: text('subject').notNull(),
    /** May hold the placeholder of one private link, which is written in only when the message leaves. */
    body: text('body').notNull(),
    linkPath: text('link_path'),
    linkClaims: json<Record<string, string>>('link_claims'),
    /** Sealed: what the channel needs to reach or convince its receiver. */
    secret: text('webhook_secret'),
    state: choice<MessageState>('state').notNull(),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    receipt: text('receipt'),
    createdAt: instant('created_at').notNull(),
    sentAt: instant('sent_at'),
    /** Since when its channel is in trouble with it: it was refused, or not taken in time. */
    troubledAt: instant('troubled_at'),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    index('messages_created').on(table.createdAt),
    index('messages_purpose').on(table.purpose, table.purposeId),
    index('messages_unsent').on(table.channel, table.createdAt).where(sql`${table.state} in ('queued', 'held')`),
  ],
)

import { contactKinds, messageChannels, messageStates, teamChannelKinds } from '@tocsin/api'
import { urgencies } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { people } from '../access/tables.ts'
import { teams } from '../directory/tables.ts'
import { choice, id, instant, json, table } from '../kernel/columns.ts'

const team = () =>
  uuid('team_id')
    .notNull()
    .references(() => teams.id, { onDelete: 'cascade' })

const person = () =>
  uuid('person_id')
    .notNull()
    .references(() => people.id, { onDelete: 'cascade' })

export type ContactKind = (typeof contactKinds)[number]

export const contactMethods = table(
  'contact_methods',
  {
    id: id(),
    personId: person(),
    kind: choice('kind', contactKinds).notNull(),
    address: text('address').notNull(),
    /** What the person calls it: a phone, a laptop. */
    label: text('label').notNull().default(''),
    /** Sealed: the signing secret of a webhook, the keys of a browser. */
    secret: text('secret'),
    createdAt: instant('created_at').notNull(),
    /** Nobody is paged at a method before they have verified it. */
    verifiedAt: instant('verified_at'),
    codeDigest: text('code_digest'),
    codeExpiresAt: instant('code_expires_at'),
    codeAttempts: integer('code_attempts').notNull().default(0),
  },
  self => [index('contact_methods_person').on(self.personId)],
)

/** How somebody wants to be paged: which method, so many minutes after the page. */
export const notificationRules = table(
  'notification_rules',
  {
    personId: person(),
    urgency: choice('urgency', urgencies).notNull(),
    steps: json('steps', z.array(z.object({ methodId: z.string(), afterMinutes: z.number() }))).notNull(),
  },
  self => [primaryKey({ columns: [self.personId, self.urgency] })],
)

/** A team's chat channel: a level of a policy can page it. */
export const teamChannels = table(
  'team_channels',
  {
    id: id(),
    teamId: team(),
    kind: choice('kind', teamChannelKinds).notNull(),
    name: text('name').notNull(),
    address: text('address').notNull(),
    secret: text('secret'),
  },
  self => [uniqueIndex('team_channels_name').on(self.teamId, self.name)],
)

/** The outbox: every message that leaves or should leave. */
export const messages = table(
  'messages',
  {
    id: id(),
    channel: choice('channel', messageChannels).notNull(),
    address: text('address').notNull(),
    /** What the message is part of; its module is notified of the delivery. */
    purpose: text('purpose').notNull(),
    purposeId: uuid('purpose_id').notNull(),
    /** The record that decides who may see the message. */
    withinId: uuid('within_id'),
    /** Other incidents that its text names: whoever may not see one of them does not read it. */
    namedIds: uuid('named_ids').array().notNull().default(sql`'{}'`),
    /** Its text says nothing of what it is about. */
    isNeutral: boolean('is_neutral').notNull().default(false),
    subject: text('subject').notNull(),
    /** May hold the placeholder of one private link, which is written in only when the message leaves. */
    body: text('body').notNull(),
    linkPath: text('link_path'),
    linkClaims: json('link_claims', z.record(z.string(), z.string()), null),
    /** Sealed: what the channel needs to reach or convince its receiver. */
    secret: text('webhook_secret'),
    /** Sealed: the code that is written into the body only when the message leaves. Gone with the last attempt. */
    code: text('code'),
    state: choice('state', messageStates).notNull(),
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    receipt: text('receipt'),
    createdAt: instant('created_at').notNull(),
    sentAt: instant('sent_at'),
    /** What a server reported of it after it was sent: the server, and what it said. */
    report: text('report'),
    reportedAt: instant('reported_at'),
    /** Since when its delivery is failing: it was rejected, or not accepted in time. */
    troubledAt: instant('troubled_at'),
    isDemo: boolean('is_demo').notNull().default(false),
    /** It belongs to an exercise: nothing of it reaches a customer, an authority or the public. */
    isExercise: boolean('is_exercise').notNull().default(false),
  },
  self => [
    index('messages_created').on(self.createdAt, self.id),
    index('messages_purpose').on(self.purpose, self.purposeId),
    index('messages_state').on(self.state),
    index('messages_unsent').on(self.channel, self.createdAt).where(sql`${self.state} in ('queued', 'held')`),
    index('messages_failed').on(self.channel, self.createdAt).where(sql`${self.state} = 'failed'`),
  ],
)

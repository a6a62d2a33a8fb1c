import { EscalationLevelInput, messageChannels, pageStates, severities, unacknowledgedStates, ZonedHours } from '@tocsin/api'
import { urgencies } from '@tocsin/oncall'
import { type SQLWrapper, sql } from 'drizzle-orm'
import { boolean, index, integer, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
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

/** How far a page has come in its policy, see `EscalationProgress`. */
const Progress = z.object({
  round: z.number(),
  passed: z.array(z.string()).readonly(),
  /** Somebody who can answer was paged by a level, or a channel of a team. */
  hasReached: z.boolean().optional(),
  /** No level had anyone to page, or somebody passed it on after the last one, so that the fallback was paged: once. */
  isFallbackPaged: z.boolean().optional(),
})

/** Escalation policies. */
export const policies = table(
  'policies',
  {
    id: id(),
    teamId: team(),
    name: text('name').notNull(),
    /** Those that were saved before levels had IDs have none, see `levelsOf`. */
    levels: json('levels', z.array(EscalationLevelInput)).notNull(),
    repeats: integer('repeats').notNull(),
    businessHours: json('business_hours', ZonedHours),
    version: integer('version').notNull().default(1),
  },
  self => [uniqueIndex('policies_name').on(self.teamId, self.name)],
)

/** Whether a page is unacknowledged, as its index has it: written out, because an index fits no parameters. */
const unacknowledgedIn = (state: SQLWrapper) => sql<boolean>`${state} in (${sql.raw(unacknowledgedStates.map(one => `'${one}'`).join(', '))})`

export const pages = table(
  'pages',
  {
    id: id(),
    /** Null: the administrators, about the installation itself. */
    teamId: uuid('team_id').references(() => teams.id),
    subjectKind: choice('subject_kind', ['alert', 'incident', 'drill', 'system']).notNull(),
    subjectId: uuid('subject_id').notNull(),
    withinId: uuid('within_id'),
    title: text('title').notNull(),
    summary: text('summary').notNull(),
    /** Title and summary say nothing of what it is about, as those of a restricted incident. */
    isNeutral: boolean('is_neutral').notNull().default(false),
    severity: choice('severity', severities).notNull(),
    urgency: choice('urgency', urgencies).notNull().default('high'),
    serviceId: uuid('service_id'),
    state: choice('state', pageStates).notNull(),
    /** What the page is about, exactly: only one page of a key escalates at a time. */
    key: text('key').notNull(),
    /** Somebody who is paged before the team: then the page starts at the level before the first. */
    firstPersonId: uuid('first_person_id').references(() => people.id),
    /** Whom alone it pages, in the place of a team's escalation policy. */
    personIds: json('person_ids', z.array(z.uuid()), null),
    /** How often it has escalated, ever: what a press of “Escalate” is about. -1 where somebody is to be paged before the first level. */
    levelIndex: integer('level_index').notNull().default(0),
    /** Where that is in the policy; null before the first level, and for pages that an earlier version opened. */
    progress: json('progress', Progress, null),
    /** How many people have to acknowledge, as the level that was paged last requires. */
    needed: integer('needed').notNull().default(1),
    /** Who has acknowledged, where several have to. */
    acknowledgements: json('acknowledgements', z.array(z.object({ personId: z.string(), at: z.string() })), [])
      .notNull()
      .default(sql`'[]'::jsonb`),
    nextEscalationAt: instant('next_escalation_at'),
    snoozedUntil: instant('snoozed_until'),
    /** When activity was last seen; it re-arms some time after. */
    progressAt: instant('progress_at'),
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    createdAt: instant('created_at').notNull(),
    isDemo: boolean('is_demo').notNull().default(false),
    /** It belongs to an exercise: nothing of it reaches a customer, an authority or the public. */
    isExercise: boolean('is_exercise').notNull().default(false),
  },
  self => [
    uniqueIndex('pages_escalating').on(self.key).where(sql`${self.state} = 'triggered'`),
    index('pages_subject').on(self.subjectId),
    index('pages_list').on(sql`(${unacknowledgedIn(self.state)})`, self.createdAt, self.id),
    index('pages_drills').on(self.teamId, self.createdAt, self.id).where(sql`${self.subjectKind} = 'drill'`),
    index('pages_system').on(self.key).where(sql`${self.subjectKind} = 'system'`),
    index('pages_open').on(self.nextEscalationAt).where(sql`${self.state} = 'triggered'`),
  ],
)

/** The condition of a page that is unacknowledged. */
export const unacknowledged = unacknowledgedIn(pages.state)

/** Pages to one person in quick succession: they go out as one message. */
export const pageBundles = table(
  'page_bundles',
  {
    id: id(),
    personId: person(),
    dueAt: instant('due_at').notNull(),
    sentAt: instant('sent_at'),
  },
  self => [uniqueIndex('page_bundles_open').on(self.personId).where(sql`${self.sentAt} is null`)],
)

/** Who was notified of a page, how and when. */
export const pageNotifications = table(
  'page_notifications',
  {
    id: id(),
    pageId: uuid('page_id')
      .notNull()
      .references(() => pages.id, { onDelete: 'cascade' }),
    /** Null: a channel of the team. */
    personId: uuid('person_id').references(() => people.id, { onDelete: 'cascade' }),
    levelIndex: integer('level_index').notNull(),
    channel: choice('channel', messageChannels).notNull(),
    /** The contact method; null for the email of the account and for channels. */
    methodId: uuid('method_id'),
    /** Null while it waits for its bundle. */
    messageId: uuid('message_id'),
    bundleId: uuid('bundle_id').references(() => pageBundles.id),
    /** The message whose channel was failing, where this one went instead. */
    insteadOf: uuid('instead_of'),
    at: instant('at').notNull(),
  },
  self => [
    index('page_notifications_page').on(self.pageId),
    index('page_notifications_person').on(self.personId, self.at),
    index('page_notifications_bundle').on(self.bundleId),
    index('page_notifications_message').on(self.messageId),
  ],
)

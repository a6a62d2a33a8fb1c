import type { contactKinds as kinds, pageStates, Severity, StepTarget, TeamChannel, TeamOnCallInput } from '@tocsin/api'
import type { EscalationStep, Layer, Urgency, ZonedHours } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
import { people, teams } from '../identity/tables.ts'
import { choice, id, instant, json } from '../platform/columns.ts'
import type { MessageChannel } from '../platform/tables.ts'

const team = () =>
  uuid('team_id')
    .notNull()
    .references(() => teams.id, { onDelete: 'cascade' })
const person = () =>
  uuid('person_id')
    .notNull()
    .references(() => people.id, { onDelete: 'cascade' })

/** Who takes turns: layers of rotations. Participants are ids of people. */
export const schedules = pgTable(
  'schedules',
  {
    id: id(),
    teamId: team(),
    name: text('name').notNull(),
    timeZone: text('time_zone').notNull(),
    merge: choice<'top' | 'all'>('merge').notNull(),
    layers: json<Layer[]>('layers').notNull(),
    needsApprenticeship: boolean('needs_apprenticeship').notNull().default(false),
    version: integer('version').notNull().default(1),
  },
  table => [index('schedules_team').on(table.teamId)],
)

/** What stands instead of a schedule's turns for a time: an override, or with layers a temporary schedule. */
export const overrides = pgTable(
  'schedule_overrides',
  {
    id: id(),
    scheduleId: uuid('schedule_id')
      .notNull()
      .references(() => schedules.id, { onDelete: 'cascade' }),
    kind: choice<'replace' | 'add' | 'remove' | 'shadow' | 'temporary'>('kind').notNull(),
    turn: integer('turn').notNull().default(0),
    participantIds: json<string[]>('participant_ids').notNull(),
    /** Of a temporary schedule. */
    name: text('name'),
    layers: json<Layer[]>('layers'),
    merge: choice<'top' | 'all'>('merge'),
    start: instant('start').notNull(),
    end: instant('end').notNull(),
    reason: text('reason').notNull(),
    createdById: uuid('created_by_id').references(() => people.id),
    createdAt: instant('created_at').notNull(),
  },
  table => [index('schedule_overrides_schedule').on(table.scheduleId, table.end)],
)

export const timeOff = pgTable(
  'time_off',
  {
    id: id(),
    personId: person(),
    start: instant('start').notNull(),
    end: instant('end').notNull(),
    reason: text('reason').notNull(),
  },
  table => [index('time_off_end').on(table.end)],
)

/** Who learns in a team, until somebody says that they stand alone. */
export const apprenticeships = pgTable(
  'apprenticeships',
  {
    teamId: team(),
    personId: person(),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at'),
    finishedById: uuid('finished_by_id').references(() => people.id),
  },
  table => [primaryKey({ columns: [table.teamId, table.personId] })],
)

/** What a team promises, and how its pages climb. */
export const teamsOnCall = pgTable('teams_on_call', {
  teamId: team().primaryKey(),
  settings: json<z.output<typeof TeamOnCallInput>>('settings').notNull(),
  version: integer('version').notNull().default(1),
})

/** Escalation policies. */
export const policies = pgTable(
  'policies',
  {
    id: id(),
    teamId: team(),
    name: text('name').notNull(),
    steps: json<EscalationStep<StepTarget>[]>('steps').notNull(),
    repeats: integer('repeats').notNull(),
    businessHours: json<ZonedHours>('business_hours'),
    version: integer('version').notNull().default(1),
  },
  table => [index('policies_team').on(table.teamId)],
)

/** Who was on call, written down when it happened; each row has an entry in the journal, so that it can be proved. */
export const shiftRecords = pgTable(
  'shift_records',
  {
    id: id(),
    teamId: team(),
    scheduleId: uuid('schedule_id').notNull(),
    scheduleName: text('schedule_name').notNull(),
    turn: integer('turn').notNull(),
    participantIds: json<string[]>('participant_ids').notNull(),
    shadowIds: json<string[]>('shadow_ids').notNull(),
    start: instant('start').notNull(),
    /** Null while it lasts. */
    end: instant('end'),
    entryId: uuid('entry_id').notNull(),
  },
  table => [
    index('shift_records_team').on(table.teamId, table.start),
    uniqueIndex('shift_records_open').on(table.scheduleId, table.turn).where(sql`${table.end} is null`),
  ],
)

export const handoffNotes = pgTable(
  'handoff_notes',
  {
    id: id(),
    teamId: team(),
    text: text('text').notNull(),
    writtenById: uuid('written_by_id')
      .notNull()
      .references(() => people.id),
    writtenAt: instant('written_at').notNull(),
  },
  table => [index('handoff_notes_team').on(table.teamId, table.writtenAt)],
)

/** Calendar feeds at secret addresses; only the digest of the secret is kept. */
export const calendarFeeds = pgTable(
  'calendar_feeds',
  {
    id: id(),
    tokenDigest: text('token_digest').notNull(),
    personId: person(),
    /** Null: the person's own shifts. */
    scheduleId: uuid('schedule_id').references(() => schedules.id, { onDelete: 'cascade' }),
    createdAt: instant('created_at').notNull(),
  },
  table => [uniqueIndex('calendar_feeds_token').on(table.tokenDigest)],
)

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

export const pages = pgTable(
  'pages',
  {
    id: id(),
    teamId: uuid('team_id')
      .notNull()
      .references(() => teams.id),
    subjectKind: choice<'alert' | 'incident' | 'drill'>('subject_kind').notNull(),
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
    position: integer('position').notNull().default(0),
    /** How many people have to acknowledge, as the step that was paged last says. */
    needed: integer('needed').notNull().default(1),
    /** Who has acknowledged, where several have to. */
    acknowledgements: json<{ personId: string; at: string }[]>('acknowledgements').notNull().default([]),
    nextStepAt: instant('next_step_at'),
    snoozedUntil: instant('snoozed_until'),
    /** When it was seen last that somebody does something about it; it re-arms some time after. */
    progressAt: instant('progress_at'),
    acknowledgedById: uuid('acknowledged_by_id').references(() => people.id),
    acknowledgedAt: instant('acknowledged_at'),
    createdAt: instant('created_at').notNull(),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [
    uniqueIndex('pages_climbing').on(table.key).where(sql`${table.state} = 'triggered'`),
    index('pages_subject').on(table.subjectId),
    index('pages_created').on(table.createdAt),
    index('pages_drills').on(table.teamId, table.createdAt).where(sql`${table.subjectKind} = 'drill'`),
    index('pages_open').on(table.nextStepAt).where(sql`${table.state} = 'triggered'`),
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
    position: integer('position').notNull(),
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

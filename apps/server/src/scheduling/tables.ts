import { ScheduleInput, TeamOnCallSettings } from '@tocsin/api'
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

/** Schedules: layers of rotations. Participants are ids of people. */
export const schedules = table(
  'schedules',
  {
    id: id(),
    teamId: team(),
    name: text('name').notNull(),
    timeZone: text('time_zone').notNull(),
    merge: choice('merge', ['top', 'all']).notNull(),
    layers: json('layers', ScheduleInput.shape.layers).notNull(),
    needsApprenticeship: boolean('needs_apprenticeship').notNull().default(false),
    version: integer('version').notNull().default(1),
  },
  self => [uniqueIndex('schedules_name').on(self.teamId, self.name)],
)

/** What replaces a schedule's shifts for a time: an override, or with layers a temporary schedule. */
export const overrides = table(
  'schedule_overrides',
  {
    id: id(),
    scheduleId: uuid('schedule_id')
      .notNull()
      .references(() => schedules.id, { onDelete: 'cascade' }),
    kind: choice('kind', ['replace', 'add', 'remove', 'shadow', 'temporary']).notNull(),
    position: integer('position').notNull().default(0),
    participantIds: json('participant_ids', z.array(z.string())).notNull(),
    /** Of a temporary schedule. */
    name: text('name'),
    layers: json('layers', ScheduleInput.shape.layers),
    merge: choice('merge', ['top', 'all']),
    start: instant('start').notNull(),
    end: instant('end').notNull(),
    reason: text('reason').notNull(),
    createdById: uuid('created_by_id').references(() => people.id),
    createdAt: instant('created_at').notNull(),
  },
  self => [index('schedule_overrides_schedule').on(self.scheduleId, self.end)],
)

export const timeOff = table(
  'time_off',
  {
    id: id(),
    personId: person(),
    start: instant('start').notNull(),
    end: instant('end').notNull(),
    reason: text('reason').notNull(),
  },
  self => [index('time_off_end').on(self.end)],
)

/** Who is in training in a team, until somebody signs them off. */
export const apprenticeships = table(
  'apprenticeships',
  {
    teamId: team(),
    personId: person(),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at'),
    finishedById: uuid('finished_by_id').references(() => people.id),
  },
  self => [primaryKey({ columns: [self.teamId, self.personId] })],
)

/** The coverage requirements of a team, and how its pages escalate. */
export const onCallSettings = table('on_call_settings', {
  teamId: team().primaryKey(),
  settings: json('settings', TeamOnCallSettings).notNull(),
  version: integer('version').notNull().default(1),
})

/** Who was on call, recorded when it happened; each row has an entry in the journal as evidence. */
export const shiftRecords = table(
  'shift_records',
  {
    id: id(),
    teamId: team(),
    scheduleId: uuid('schedule_id').notNull(),
    scheduleName: text('schedule_name').notNull(),
    position: integer('position').notNull(),
    participantIds: json('participant_ids', z.array(z.string()), []).notNull(),
    shadowIds: json('shadow_ids', z.array(z.string()), []).notNull(),
    start: instant('start').notNull(),
    /** Null while it lasts. */
    end: instant('end'),
    entryId: uuid('entry_id').notNull(),
  },
  self => [
    index('shift_records_team').on(self.teamId, self.start),
    uniqueIndex('shift_records_open').on(self.scheduleId, self.position).where(sql`${self.end} is null`),
  ],
)

export const handoffNotes = table(
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
  self => [index('handoff_notes_team').on(self.teamId, self.writtenAt, self.id)],
)

/** Calendar feeds at secret addresses; only the digest of the secret is kept. */
export const calendarFeeds = table(
  'calendar_feeds',
  {
    id: id(),
    tokenDigest: text('token_digest').notNull(),
    personId: person(),
    /** Null: the person's own shifts. */
    scheduleId: uuid('schedule_id').references(() => schedules.id, { onDelete: 'cascade' }),
    createdAt: instant('created_at').notNull(),
  },
  self => [uniqueIndex('calendar_feeds_token').on(self.tokenDigest)],
)

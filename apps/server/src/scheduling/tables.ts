import type { TeamOnCallInput } from '@tocsin/api'
import type { Layer } from '@tocsin/oncall'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
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
    position: integer('position').notNull().default(0),
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
export const onCallSettings = pgTable('on_call_settings', {
  teamId: team().primaryKey(),
  settings: json<z.output<typeof TeamOnCallInput>>('settings').notNull(),
  version: integer('version').notNull().default(1),
})

/** Who was on call, written down when it happened; each row has an entry in the journal, so that it can be proved. */
export const shiftRecords = pgTable(
  'shift_records',
  {
    id: id(),
    teamId: team(),
    scheduleId: uuid('schedule_id').notNull(),
    scheduleName: text('schedule_name').notNull(),
    position: integer('position').notNull(),
    participantIds: json<string[]>('participant_ids').notNull(),
    shadowIds: json<string[]>('shadow_ids').notNull(),
    start: instant('start').notNull(),
    /** Null while it lasts. */
    end: instant('end'),
    entryId: uuid('entry_id').notNull(),
  },
  table => [
    index('shift_records_team').on(table.teamId, table.start),
    uniqueIndex('shift_records_open').on(table.scheduleId, table.position).where(sql`${table.end} is null`),
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
  table => [index('handoff_notes_team').on(table.teamId, table.writtenAt, table.id)],
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

import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { test } from '../../test/world.ts'
import { teams } from '../directory/tables.ts'
import { onCallSettings, schedules } from '../scheduling/tables.ts'
import { shapeOf } from './columns.ts'

test('the database refuses a word that a column does not know', async ({ world }) => {
  const { db } = world.server.context.database.reader()
  await expect(db.execute(sql`insert into teams (id, name, kind) values (gen_random_uuid(), 'Odd', 'marketing')`)).rejects.toMatchObject({
    cause: { constraint: 'teams_kind_known' },
  })
  // Every column of some words has its constraint: none was made by another way.
  const found = await db.execute<{ table: string }>(sql`
    select distinct conrelid::regclass::text as "table" from pg_constraint where contype = 'c' and conname like '%_known'`)
  const names = found.rows.map(row => row.table)
  for (const name of ['people', 'alerts', 'incidents', 'obligations', 'notices', 'pages', 'messages', 'contact_methods', 'detection_rules', 'reviews'])
    expect(names).toContain(name)
})

test('a JSON column that does not hold its shape is a fault when read, and never a wrong type', async ({ world }) => {
  const { db } = world.server.context.database.reader()
  const { team } = await world.team()
  await db.execute(sql`update schedules set layers = '[{"name": 7}]' where team_id = ${team.id}`)
  await expect(db.select().from(schedules)).rejects.toThrow(/name/)
  await expect(db.select().from(teams)).resolves.toHaveLength(1)
})

test('what was stored under a limit, a pattern or a time zone of before is still read', async ({ world }) => {
  const { db } = world.server.context.database.reader()
  const { team } = await world.team()
  const holidays = Array.from({ length: 500 }, () => 'Christmas Day')
  await db.execute(sql`update on_call_settings set settings = settings || ${JSON.stringify({ holidays, timeZone: 'Mars/Olympus', traineeShifts: 1e6 })}::jsonb`)
  const [row] = await db.select().from(onCallSettings)
  expect(row).toMatchObject({ teamId: team.id, settings: { holidays, timeZone: 'Mars/Olympus', traineeShifts: 1e6 } })
})

describe('the shape of a schema', () => {
  const Schema = z.object({
    name: z.string().min(3).max(5).regex(/^a/),
    at: z.iso.datetime().transform(text => new Date(text).toISOString()),
    count: z.number().int().max(3).default(1),
    list: z.array(z.email()).max(1).readonly(),
    either: z.union([z.strictObject({ kind: z.literal('a'), a: z.uuid() }), z.strictObject({ kind: z.literal('b') })]),
    labels: z.record(z.string().max(2), z.string().max(2)),
    maybe: z.string().max(1).nullable().optional(),
    choice: z.enum(['x', 'y']),
  })
  const stored = { name: 'zz zzzz', at: 'then', list: ['x', 'y'], either: { kind: 'a', a: '1' }, labels: { long: 'longer' }, maybe: null, choice: 'x' }

  test('has no limits, patterns and transforms, keeps defaults, and leaves out what it does not know', () => {
    expect(z.parse(shapeOf(Schema), { ...stored, later: 1 })).toEqual({ ...stored, count: 1 })
  })

  test.for([{ name: 7 }, { list: 'x' }, { either: { kind: 'c' } }, { labels: { a: 1 } }, { maybe: 1 }, { choice: 'z' }, { count: '1' }])(
    'still refuses another type: %j',
    wrong => {
      expect(z.safeParse(shapeOf(Schema), { ...stored, ...wrong }).success).toBe(false)
    },
  )
})

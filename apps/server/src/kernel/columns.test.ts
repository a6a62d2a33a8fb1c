import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { test } from '../../test/world.ts'
import { teams } from '../directory/tables.ts'
import { schedules } from '../scheduling/tables.ts'

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

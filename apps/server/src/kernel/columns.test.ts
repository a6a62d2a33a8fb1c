import { eq, sql } from 'drizzle-orm'
import pg from 'pg'
import { describe, expect, test as plain } from 'vitest'
import { z } from 'zod'
import { buildWorld, test } from '../../test/world.ts'
import { alerts } from '../alerts/tables.ts'
import { teams } from '../directory/tables.ts'
import { onCallSettings, schedules } from '../scheduling/tables.ts'
import { shapeOf } from './columns.ts'
import { UnreadableWatch } from './unreadable-watch.ts'

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

describe('a JSON column that does not hold its shape', () => {
  test('is never a wrong type: its row is left out, or it counts as what the column says', async ({ world }) => {
    const { database } = world.server.context
    const { db } = database.reader()
    const { team } = await world.team()
    const other = await world.team()
    await world.alert({ labels: { host: 'web-1' } })
    const [broken] = await db.select().from(schedules).where(eq(schedules.teamId, team.id))
    await db.execute(sql`update schedules set layers = '[{"name": 7}]' where team_id = ${team.id}`)
    await db.execute(sql`update alerts set labels = '"seven"'`)
    expect(await db.select({ teamId: schedules.teamId, layers: schedules.layers }).from(schedules)).toEqual([
      { teamId: other.team.id, layers: [expect.objectContaining({ name: expect.any(String) })] },
    ])
    expect(await db.select({ id: schedules.id }).from(schedules), 'what is not asked for is not missed').toHaveLength(2)
    expect((await db.select().from(alerts).leftJoin(teams, eq(teams.id, alerts.id)))[0]).toMatchObject({ alerts: { labels: {} }, teams: null })
    // A query that does not name the row is followed by one that does.
    const named = () =>
      database.unreadable
        .list()
        .map(({ table, id, column }) => [table, id, column])
        .toSorted()
    expect(named()).toContainEqual(['schedules', undefined, 'layers'])
    await database.unreadable.review(db)
    expect(named()).toEqual([
      ['alerts', expect.any(String), 'labels'],
      ['schedules', broken?.id, 'layers'],
    ])
    await db.execute(sql`update schedules set layers = '[]'`)
    await db.execute(sql`delete from alerts`)
    await database.unreadable.review(db)
    expect(database.unreadable.list()).toEqual([])
  })

  test('stops its own record alone, which is named to whoever opens it and to the administrators', async ({ world }) => {
    const { context } = world.server
    const { db } = context.database.reader()
    const administrator = await world.person('administrator')
    const lead = await world.person('lead')
    const { team, members } = await world.team()
    await world.team()
    await world.service('billing', team)
    const silence = { matchers: { severities: ['high' as const] }, reason: 'Load test', start: world.now, end: '2026-11-30T10:00:00Z' }
    const { id: silenceId } = await lead.call('addSilence', { body: silence })
    const fallback = await world.person()
    const settings = (await lead.call('onCall')).find(one => one.team.id === team.id)?.settings
    if (!settings) throw new Error('the team is on call')
    await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...settings, fallback: [{ kind: 'person', personId: fallback.id }] } })
    const policy = (await lead.call('policies')).find(one => one.teamId === team.id)
    await db.execute(sql`update policies set levels = '{"secret": "content"}' where team_id = ${team.id}`)
    await db.execute(sql`update silences set matchers = '7'`)
    await db.execute(sql`insert into settings values ('organization', '[7]')`)
    const shown = (await lead.call('policies')).map(one => one.teamId)
    expect(shown).toHaveLength(2)
    expect(shown).not.toContain(team.id)
    expect(await lead.call('silences')).toEqual([])
    expect(await lead.call('status')).toMatchObject({ organization: '' })
    // The safe side: the silence holds nothing back, and where the policy cannot tell whom to page, the fallback and everyone on the team are.
    await world.alert({ service: 'billing', title: 'Odd sign-in' })
    for (const person of [...members, fallback]) person.expectPage(/Odd sign-in/)
    const missing = { problem: { status: 500, detail: expect.stringContaining(`policies ${policy?.id} cannot be read: its column levels`) } }
    await expect(lead.call('removePolicy', { params: { id: policy?.id ?? '' } })).rejects.toMatchObject(missing)
    await expect(lead.call('endSilence', { params: { id: silenceId } })).rejects.toMatchObject({ problem: { status: 500 } })
    await expect(lead.call('removePolicy', { params: { id: '01890000-0000-7000-8000-000000000000' } })).rejects.toMatchObject({ problem: { status: 404 } })
    const readyz = async () => (await fetch(`${world.origin}/readyz`)).json() as Promise<{ details: { name: string; detail: string }[] }>
    const { detail } = (await readyz()).details.find(({ name }) => name === 'stored values') ?? { detail: '' }
    expect(detail, 'anybody may read it: no IDs').toMatch(/^3 stored values cannot be read, in policies, settings, silences\. /)
    expect(detail).not.toContain(silenceId)
    const watch = new UnreadableWatch(context, 'web')
    for (let looks = 0; looks < 3; looks += 1) await watch.look()
    await world.settle()
    const { text } = administrator.expectPage(/3 stored values cannot be read/)
    for (const name of [`policies ${policy?.id} (levels)`, `silences ${silenceId} (matchers)`, 'settings organization (value)']) expect(text).toContain(name)
    expect(text).not.toContain('content')
    administrator.expectNoPage()
    await db.execute(sql`delete from silences where id = ${silenceId}`)
    await db.execute(sql`update policies set levels = '[]' where team_id = ${team.id}`)
    await db.execute(sql`update settings set value = '"Bright Ledger"' where name = 'organization'`)
    await watch.look()
    expect((await readyz()).details).toEqual([])
    expect(await lead.call('status')).toMatchObject({ organization: 'Bright Ledger' })
    expect((await administrator.call('pages')).items.map(page => page.state)).toContain('resolved')
  })

  test('tells nobody of a record that they may not see, and of nothing else that is missing below it', async ({ world }) => {
    const { db } = world.server.context.database.reader()
    const [lead, other] = [await world.person('lead'), await world.person('responder')]
    const { id } = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    await db.execute(sql`update incidents set severity_criteria = '7' where id = ${id}`)
    expect(await lead.call('incident', { params: { id } }), 'it is shown without the value').toMatchObject({ title: 'Insider', severityCriteria: null })
    await expect(other.call('incident', { params: { id } })).rejects.toMatchObject({ problem: { status: 404 } })
    const nowhere = { id, taskId: '00000000-0000-4000-8000-000000000000' }
    await expect(lead.call('changeTask', { params: nowhere, body: { version: 1, isDone: true } })).rejects.toMatchObject({ problem: { status: 404 } })
  })

  plain('does not stop the start', async () => {
    const settings = ['system.running', 'detection.generation', 'detection.mapping', 'detection.placeholders']
    const { world, end } = await buildWorld({
      through: async url => {
        const client = new pg.Client({ connectionString: url })
        await client.connect()
        await client.query(
          `insert into settings select name, '"rubbish"' from unnest($1::text[]) name on conflict (name) do update set value = excluded.value`,
          [settings],
        )
        await client.query(`insert into settings values ('organization', '{}')`)
        await client.end()
        return url
      },
    })
    try {
      const lead = await world.person('lead')
      // With a log source, the rules are compiled.
      await lead.call('createLogSource', { body: { name: 'web' } })
      await world.server.detection.detector.settle()
      const { team, primary } = await world.team()
      await world.service('billing', team)
      await world.alert({ service: 'billing', title: 'Odd sign-in' })
      primary.expectPage(/Odd sign-in/)
      const unread = world.server.context.database.unreadable.list().map(({ id }) => id)
      expect(unread).toEqual(expect.arrayContaining(['system.running', 'detection.mapping', 'detection.placeholders']))
    } finally {
      await end()
    }
  })
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

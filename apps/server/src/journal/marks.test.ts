import { verifyExport } from '@tocsin/merkle'
import { eq, sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { journal, journalMarks } from './tables.ts'

async function allEntries(world: World) {
  return world.server.context.database.reader().db.select().from(journal).orderBy(journal.seq)
}

/** What belongs to the demo, as the tables of all modules say. */
async function demoRecords(world: World): Promise<Set<string>> {
  const { rows } = await world.server.context.database.reader().db.execute<{ id: string }>(sql`
    select id from people where is_demo union select id from teams where is_demo union select id from services where is_demo
    union select id from customers where is_demo union select id from integrations where is_demo union select id from alerts where is_demo
    union select id from incidents where is_demo union select id from pages where is_demo union select id from obligations where is_demo
    union select pages.id from pages join teams on teams.id = pages.team_id and teams.is_demo where pages.subject_kind = 'drill'
    union select schedules.id from schedules join teams on teams.id = schedules.team_id and teams.is_demo
    union select policies.id from policies join teams on teams.id = policies.team_id and teams.is_demo`)
  return new Set(rows.map(row => row.id))
}

const incidentOf = (person: Person, id: string) => person.call('incident', { params: { id } })

/** Declares an incident of which customers are affected. */
async function declareFor(person: Person, id: string, customers: readonly { id: string }[]): Promise<void> {
  const { version } = await incidentOf(person, id)
  const affected = customers.map(customer => ({ id: customer.id, basis: 'x' }))
  await person.call('setAffectedCustomers', { params: { id }, body: { version, customers: affected } })
  await declare(person, id)
}

describe('marks in the headers of entries', () => {
  test('every entry about a record of the demo says so, and no other', async ({ world }) => {
    const administrator = await world.person('administrator')
    const own = await world.team()
    await world.service('own', own.team)
    await administrator.call('loadDemo')
    await world.advance({ seconds: 60 })
    await world.alert({ title: 'A real one', service: 'own' })
    const { items } = await administrator.call('alerts', {})
    const demo = items.find(alert => alert.isDemo) ?? expect.fail('the attack has begun')
    const real = items.find(alert => !alert.isDemo) ?? expect.fail('a real alert came')
    await administrator.call('acknowledgeAlert', { params: { id: demo.id } })
    const customers = await administrator.call('customers')
    for (const alert of [demo, real]) {
      const { id } = await administrator.call('escalateAlert', { params: { id: alert.id }, body: { responsibility: 'us', reason: 'x' } })
      await administrator.call('addNote', { params: { id }, body: { markdown: 'x' } })
      if (alert === demo) await declareFor(administrator, id, customers.slice(0, 1))
    }
    const teams = await administrator.call('teams')
    const demoTeam = teams.find(team => team.isDemo && team.kind === 'security') ?? expect.fail('the demo has a team')
    for (const teamId of [demoTeam.id, own.team.id]) await administrator.call('startDrill', { params: { id: teamId }, body: {} })
    await world.advance({ minutes: 30 })

    const records = await demoRecords(world)
    const entries = await allEntries(world)
    const wrong = entries.filter(({ subjectId, withinId, isDemo }) => isDemo !== (records.has(subjectId) || (withinId !== null && records.has(withinId))))
    expect(wrong.map(({ type, subjectId, isDemo }) => ({ type, subjectId, isDemo }))).toEqual([])
    const kinds = new Set(entries.filter(entry => entry.isDemo).map(entry => entry.subjectKind))
    expect([...kinds].sort()).toEqual(
      expect.arrayContaining(['alert', 'customer', 'incident', 'integration', 'note', 'obligation', 'page', 'policy', 'schedule', 'service', 'team']),
    )
    expect(entries.filter(entry => !entry.isDemo).map(entry => entry.type)).toEqual(expect.arrayContaining(['alert.received', 'page.triggered', 'page.sent']))
    const file = await (await administrator.call.raw('exportJournal')).text()
    expect(verifyExport(file).problems).toEqual([])
  })

  test('pages of a drill are an exercise; those of an alert are none', async ({ world }) => {
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const lead = await world.person('lead')
    await lead.call('startDrill', { params: { id: team.id }, body: {} })
    await world.alert({ service: 'billing' })
    const [drill] = (await lead.call('pages')).items.filter(page => page.isDrill)
    await primary.call('acknowledgePage', { params: { id: drill?.id ?? '' } })
    await world.settle()
    const entries = await allEntries(world)
    const exercise = entries.filter(entry => entry.isExercise)
    expect(new Set(exercise.map(entry => entry.subjectId))).toEqual(new Set([drill?.id]))
    expect(exercise.map(entry => entry.type)).toEqual(expect.arrayContaining(['drill.started', 'page.notified', 'page.sent', 'drill.acknowledged']))
    expect(entries.filter(entry => entry.subjectId === drill?.id && !entry.isExercise)).toEqual([])
  })

  test('a restricted incident marks what is written from then on; what stands keeps its mark', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('openIncident', { body: { title: 'x', reason: 'x' } })
    const other = await lead.call('openIncident', { body: { title: 'y', reason: 'y', isRestricted: true } })
    const change = async (isRestricted: boolean) => {
      const { version } = await incidentOf(lead, id)
      await lead.call('changeIncident', { params: { id }, body: { version, isRestricted, reason: 'x' } })
    }
    const addNote = (markdown: string) => lead.call('addNote', { params: { id }, body: { markdown } })
    await addNote('before')
    await change(true)
    await addNote('while')
    await change(false)
    await addNote('after')
    const entries = await allEntries(world)
    const marks = entries.filter(entry => entry.withinId === id && entry.type !== 'incident.read').map(entry => [entry.type, entry.isRestricted])
    expect(marks).toEqual([
      ['incident.opened', false],
      ['incident.role-assigned', false],
      ['note.written', false],
      ['incident.changed', true],
      ['note.written', true],
      ['incident.changed', false],
      ['note.written', false],
    ])
    expect(entries.filter(entry => entry.withinId === other.id).map(entry => entry.isRestricted)).not.toContain(false)
    expect(entries.filter(entry => entry.withinId === null).map(entry => entry.isRestricted)).not.toContain(true)
  })

  test('records without a mark have no row', async ({ world }) => {
    const lead = await world.person('lead')
    const { team } = await world.team()
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    await lead.call('openIncident', { body: { title: 'x', reason: 'x' } })
    const { db } = world.server.context.database.reader()
    expect(await db.select().from(journalMarks)).toEqual([])
  })
})

describe('an erased body', () => {
  test('leaves every proof as it is, and is reported as withheld, not as tampered with', async ({ world }) => {
    world.isTampered = true
    const administrator = await world.person('administrator')
    const incident = await administrator.call('openIncident', { body: { title: 'x', reason: 'x' } })
    await administrator.call('addNote', { params: { id: incident.id }, body: { markdown: 'Ada Lovelace, born 1815' } })
    const { db } = world.server.context.database.reader()
    const [note] = await db.select().from(journal).where(eq(journal.type, 'note.written'))
    const exported = async () => (await administrator.call.raw('exportJournal')).text()
    expect(verifyExport(await exported())).toMatchObject({ problems: [], withheld: 0 })
    const change = (set: string) =>
      world.asOwner('alter table journal disable trigger all', `update journal set ${set} where id = '${note?.id}'`, 'alter table journal enable trigger all')
    await change("data = null, salt = null, actor_id = null, actor_name = ''")
    const file = await exported()
    expect(file).not.toContain('Lovelace')
    expect(verifyExport(file)).toMatchObject({ problems: [], withheld: 1, isComplete: true, types: { 'note.written': 1 } })
    const { timeline } = await incidentOf(administrator, incident.id)
    expect(timeline.at(-1)).toMatchObject({ type: 'note.written', sentence: 'note.written (unreadable entry)', reason: 'Its data was erased.' })
    // An erasure is no way to put something else there.
    await change("body_hash = decode(repeat('07', 32), 'hex')")
    expect(verifyExport(await exported()).problems).toEqual([expect.stringMatching(/was changed: it does not lead to the signed root$/)])
  })
})

import { ne } from 'drizzle-orm'
import { expect } from 'vitest'
import { test, type World } from '../../test/world.ts'
import { journal } from '../journal/tables.ts'

/** The entries that are written while something is done, without those that say who looked. */
async function entriesOf(world: World, work: () => Promise<unknown>) {
  const { db } = world.server.context.database.reader()
  const read = () => db.select({ id: journal.id, type: journal.type }).from(journal).where(ne(journal.type, 'incident.read'))
  const before = new Set((await read()).map(entry => entry.id))
  await work()
  await world.settle()
  return (await read()).filter(entry => !before.has(entry.id)).map(entry => entry.type)
}

const dataTouched = { customerData: 'unknown', personalData: 'unknown', description: '' } as const
const criteria = {
  privacy: 'none',
  impact: 'degraded',
  scope: 'one-asset',
  customers: 'one',
  region: 'one',
  data: 'internal',
  recoverability: 'regular',
} as const

test('saving an incident records what differs, and nothing where nothing does', async ({ world }) => {
  const { team, primary, backup } = await world.team()
  const service = await world.service('billing', team)
  const [globex, hooli] = [await world.customer('Globex'), await world.customer('Hooli')]
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  // The pages about it are on record before what follows.
  await world.settle()
  const params = { id }
  const read = () => primary.call('incident', { params })
  const version = async () => (await read()).version
  const last = async () => (await read()).timeline.at(-1)?.sentence
  const form = { title: 'Leak', summary: '', responsibility: 'us', approximateUsers: null, dataTouched, isRestricted: false } as const

  await primary.call('changeIncident', { params, body: { ...form, version: await version(), title: 'Key leaked' } })
  expect(await last()).toBe('Changed title from “Leak” to “Key leaked”')
  await primary.call('changeIncident', {
    params,
    body: { ...form, version: await version(), title: 'Key leaked', isRestricted: true, reason: 'It is one of us.' },
  })
  expect(await last()).toBe('Turned restricted access on')
  await primary.call('changeIncident', { params, body: { ...form, version: await version(), title: 'Key leaked', isRestricted: false, reason: 'It was not.' } })
  expect((await read()).timeline.map(entry => entry.sentence)).toContain('Turned restricted access off')

  const customers = [{ id: globex.id, basis: 'Logs' }]
  await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers } })
  expect(await last()).toBe('Changed the affected customers: added Globex')
  const changed = [
    { id: globex.id, basis: 'Their own report' },
    { id: hooli.id, basis: 'Logs' },
  ]
  await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers: changed } })
  expect(await last()).toBe('Changed the affected customers: added Hooli; changed the basis of Globex')
  await primary.call('setMembers', { params, body: { version: await version(), personIds: [primary.id, backup.id] } })
  await primary.call('assessSeverity', { params, body: { version: await version(), criteria } })
  await primary.call('addNote', { params, body: { markdown: 'Seen in the logs.' } })
  await primary.call('addTask', { params, body: { title: 'Cut it off' } })

  const { version: saved, services, tasks, notes, lead, members } = await read()
  const [task, note] = [tasks[0] ?? expect.fail('there is a task'), notes[0] ?? expect.fail('there is a note')]
  const unchanged = await entriesOf(world, async () => {
    await primary.call('changeIncident', { params, body: { ...form, version: saved, title: 'Key leaked' } })
    await primary.call('assignRole', { params: { id, role: 'lead' }, body: { version: saved, personId: lead?.id ?? null } })
    await primary.call('setMembers', { params, body: { version: saved, personIds: members.map(member => member.id).toReversed() } })
    await primary.call('setAffectedCustomers', { params, body: { version: saved, customers: changed.toReversed() } })
    await primary.call('setAffectedServices', { params, body: { version: saved, services: services.map(({ id, basis }) => ({ id, basis })) } })
    await primary.call('assessSeverity', { params, body: { version: saved, criteria } })
    await primary.call('changeTask', {
      params: { id, taskId: task.id },
      body: { version: task.version, title: 'Cut it off', assigneeId: null, dueOn: null, isDone: false },
    })
    await primary.call('changeNote', { params: { id, noteId: note.id }, body: { version: note.version, markdown: 'Seen in the logs.' } })
  })
  expect(unchanged).toEqual([])
  const after = await read()
  expect([after.version, after.tasks[0]?.version, after.notes[0]?.version], 'no new version').toEqual([saved, task.version, note.version])
})

test('a task that is renamed after its approval says that the approval is void, and cannot be completed with it', async ({ world }) => {
  const lead = await world.person('lead')
  const sponsor = await world.executive('lead')
  const { id } = await lead.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
  const params = { id }
  const { version } = await lead.call('incident', { params })
  await lead.call('assignRole', { params: { id, role: 'executive' }, body: { version, personId: sponsor.id } })
  const { tasks } = await lead.call('addTask', { params, body: { title: 'Cut it off', isBusinessImpacting: true } })
  const taskId = tasks[0]?.id ?? ''
  await sponsor.call('approveTask', { params: { id, taskId }, body: { version: 1 } })
  await expect(lead.call('changeTask', { params: { id, taskId }, body: { version: 2, title: 'Cut all off', isDone: true } })).rejects.toThrow(
    /executive sponsor must approve it first/,
  )
  await lead.call('changeTask', { params: { id, taskId }, body: { version: 2, title: 'Cut all off' } })
  const { timeline } = await lead.call('changeTask', { params: { id, taskId }, body: { version: 3, title: 'Cut everything off' } })
  expect(timeline.slice(-2).map(entry => entry.sentence)).toEqual([
    'Renamed a task from Cut it off to Cut all off; its approval is void',
    'Renamed a task from Cut all off to Cut everything off',
  ])
})

test('saving teams, services, customers, schedules, policies and people as they are writes no entry', async ({ world }) => {
  const admin = await world.person('administrator')
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const customer = await world.customer('Globex')
  const { id, name, kind } = team
  const customers = await admin.call('customers')
  const kept = customers.find(each => each.id === customer.id) ?? expect.fail('the customer is there')
  const policy = (await admin.call('policies')).find(each => each.teamId === id) ?? expect.fail('the team has a policy')
  const onCall = (await admin.call('onCall')).find(each => each.team.id === id) ?? expect.fail('the team is on call')
  const schedule = onCall.schedules[0] ?? expect.fail('the team has a schedule')
  const settings = onCall.settings ?? expect.fail('the team is set up')
  const { members, version } = (await admin.call('teams')).find(each => each.id === id) ?? expect.fail('the team is there')
  const [definition] = await admin.call('classDefinitions')
  const trainee = { params: { id, personId: primary.id }, body: { isFinished: false } }
  await admin.call('saveApprenticeship', trainee)
  const unchanged = await entriesOf(world, async () => {
    await admin.call('saveApprenticeship', trainee)
    await admin.call('saveTeam', { body: { id, version, name, kind, memberIds: members.map(member => member.id).toReversed() } })
    const { securityTeam, engineeringTeam, isDemo: _, ...facts } = service
    await admin.call('saveService', { body: { ...facts, securityTeamId: securityTeam.id, engineeringTeamId: engineeringTeam?.id } })
    const { services, isDemo: __, noticeTerm, ...terms } = kept
    const { calendar, ...term } = noticeTerm
    await admin.call('saveCustomer', {
      body: { ...terms, noticeTerm: { ...term, calendarId: calendar?.id ?? null }, serviceIds: services.map(each => each.id) },
    })
    const { teamId: ___, ...saved } = policy
    await admin.call('savePolicy', { params: { id }, body: saved })
    await admin.call('saveSchedule', { params: { id }, body: schedule })
    await admin.call('saveTeamOnCall', { params: { id }, body: settings })
    await admin.call('changePerson', { params: { id: primary.id }, body: { role: 'responder', isActive: true } })
    if (definition) await admin.call('defineClass', { params: { class: definition.class }, body: { version: definition.version, text: definition.text } })
    await primary.call('saveNotificationRules', { body: await primary.call('notificationRules') })
  })
  expect(unchanged).toEqual([])
  expect((await admin.call('policies')).find(each => each.id === policy.id)?.version).toBe(policy.version)
})

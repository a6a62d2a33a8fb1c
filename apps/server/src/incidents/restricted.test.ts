import { createClient, type IncidentRole, incidentRoles } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { giveRole } from '../../test/roles.ts'
import { type Person, test, type World } from '../../test/world.ts'

const nobody = '01900000-0000-7000-8000-000000000000'

describe('a restricted incident is seen', () => {
  test('by whoever has one of its roles, from then on and until they have it no more', async ({ world }) => {
    const opener = await world.person('lead')
    const { id } = await opener.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const params = { id }
    const unassign = async (role: IncidentRole) => {
      const { version } = await opener.call('incident', { params })
      await opener.call('assignRole', { params: { id, role }, body: { version, personId: null } })
    }
    const listedFor = async (person: Person) => (await person.call('incidents', { query: { view: 'all' } })).items.map(incident => incident.id)
    for (const role of incidentRoles) {
      const person = await world.executive('responder', `the ${role}`)
      const refused = () => expect(person.call('incident', { params }), role).rejects.toMatchObject(refusal('not-found'))
      await refused()
      expect(await listedFor(person), role).toEqual([])
      await giveRole(opener, id, role, person)
      expect(await person.call('incident', { params }), role).toMatchObject({ id })
      expect(await listedFor(person), role).toEqual([id])
      await unassign(role)
      await refused()
      expect(await listedFor(person), role).toEqual([])
    }
  })

  test('by an executive sponsor who is an observer, and who decides there', async ({ world }) => {
    const lead = await world.person('lead')
    const executive = await world.executive('observer')
    let incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const params = { id: incident.id }
    incident = await lead.call('assignRole', { params: { ...params, role: 'executive' }, body: { version: incident.version, personId: executive.id } })
    incident = await lead.call('addTask', { params, body: { title: 'Switch billing off', isBusinessImpacting: true } })
    const [task] = incident.tasks
    await executive.call('approveTask', { params: { id: incident.id, taskId: task?.id ?? '' }, body: { version: task?.version ?? 0 } })
    expect((await executive.call('incident', { params })).tasks).toMatchObject([{ approvedBy: executive.name }])
  })
})

describe('the answer to an earlier request', () => {
  /** Sends a change under one key, first and again. @returns status and body */
  const sender =
    (world: World, person: Person, path: string, body: object, method = 'POST') =>
    async () => {
      const headers = {
        cookie: person.cookie,
        origin: world.origin,
        'content-type': 'application/json',
        'idempotency-key': `key of ${person.id}`.replaceAll(' ', '-'),
      }
      const reply = await fetch(`${world.origin}${path}`, { method, headers, body: JSON.stringify(body) })
      return { status: reply.status, text: await reply.text() }
    }
  const withdrawn = { status: 409, text: expect.stringMatching(/^(?!.*Insider).*who may see what has changed since then/) }
  const versionOf = async (person: Person, id: string) => (await person.call('incident', { params: { id } })).version

  test('is repeated to nobody who has lost a role, a membership or a right since, nor is it carried out twice', async ({ world }) => {
    const [administrator, one, other, third] = [
      await world.person('administrator'),
      await world.person('lead'),
      await world.person('lead'),
      await world.person('lead'),
    ]
    const { id } = await administrator.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const addTask = (person: Person) => sender(world, person, `/api/v1/incidents/${id}/tasks`, { title: 'Call the lawyers' })
    const [byMember, byLead, byRole] = [addTask(one), addTask(other), addTask(third)]
    const members = async (personIds: string[]) =>
      administrator.call('setMembers', { params: { id }, body: { version: await versionOf(administrator, id), personIds } })
    await members([administrator.id, one.id])
    const first = await byMember()
    expect(first).toEqual({ status: 201, text: expect.stringContaining('Insider') })
    expect(await byMember()).toEqual(first)
    await members([administrator.id])
    expect(await byMember()).toEqual(withdrawn)

    await giveRole(administrator, id, 'lead', other)
    expect((await byLead()).status).toBe(201)
    await administrator.call('assignRole', { params: { id, role: 'lead' }, body: { version: await versionOf(administrator, id), personId: null } })
    expect(await byLead()).toEqual(withdrawn)

    await members([administrator.id, third.id])
    expect((await byRole()).status).toBe(201)
    await administrator.call('changePerson', { params: { id: third.id }, body: { role: 'responder' } })
    await administrator.call('changePerson', { params: { id: third.id }, body: { role: 'lead' } })
    const again = await world.signIn(third)
    expect(await addTask(again)()).toEqual(withdrawn)
    expect((await administrator.call('incident', { params: { id } })).tasks).toHaveLength(3)
  })

  test('is repeated to nobody for whom it was hidden since, but to who has hidden it', async ({ world }) => {
    const [hiding, stranger, reporter] = [await world.person('lead'), await world.person('lead'), await world.person('lead')]
    const { id } = await hiding.call('openIncident', { body: { title: 'Insider', reason: 'Seen.' } })
    const addTask = sender(world, stranger, `/api/v1/incidents/${id}/tasks`, { title: 'Call the lawyers' })
    expect((await addTask()).text).toContain('Insider')
    const hide = sender(
      world,
      hiding,
      `/api/v1/incidents/${id}`,
      { version: await versionOf(hiding, id), isRestricted: true, reason: 'It is one of us.' },
      'PATCH',
    )
    const hidden = await hide()
    expect(hidden).toMatchObject({ status: 200 })
    expect(await hide()).toEqual(hidden)
    expect(await addTask()).toEqual(withdrawn)

    const report = sender(world, reporter, '/api/v1/alerts', { title: 'Insider at work', severity: 'low' })
    const { text } = await report()
    const [alert] = (JSON.parse(text) as { alerts: { id: string }[] }).alerts
    await hiding.call('openIncident', { body: { title: 'Another', reason: 'Seen.', isRestricted: true, alertIds: [alert?.id ?? ''] } })
    expect(await report()).toEqual(withdrawn)
  })
})

test('an incident that was not opened after all uses up no number', async ({ world }) => {
  const lead = await world.person('lead')
  const alert = await world.alert()
  await lead.call('dismissAlert', { params: { id: alert.id }, body: { value: 'false-positive', responsibility: 'us', reason: 'A test.' } })
  const open = async () => (await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.' } })).number
  const first = await open()
  const escalation = { params: { id: alert.id }, body: { responsibility: 'us', reason: 'Seen.' } } as const
  await expect(lead.call('escalateAlert', escalation)).rejects.toMatchObject(refusal('conflict'))
  const numbers = await Promise.all([open(), open(), open()])
  expect(numbers.toSorted((a, b) => a - b)).toEqual([first + 1, first + 2, first + 3])
})

test('a service account sees restricted incidents only where that was granted, and makes, leads and approves none', async ({ world }) => {
  const administrator = await world.person('administrator')
  const { id } = await administrator.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
  const make = async (seesRestricted: boolean) => {
    const body = { name: 'CI', scopes: ['incidents:read', 'incidents:write'], seesRestricted } as const
    const { secret } = await administrator.call('createApiKey', { body: { ...body, scopes: [...body.scopes] } })
    return createClient({ origin: world.origin, apiKey: secret })
  }
  const [blind, granted] = [await make(false), await make(true)]
  await expect(blind('incident', { params: { id } })).rejects.toMatchObject(refusal('not-found'))
  expect(await granted('incident', { params: { id } })).toMatchObject({ id })
  const restricted = { title: 'Insider', reason: 'Seen.', isRestricted: true }
  await expect(blind('openIncident', { body: restricted })).rejects.toMatchObject(refusal('forbidden'))
  const known = await blind('openIncident', { body: { title: 'Known', reason: 'Seen.' } })
  expect(known).toMatchObject({ lead: null, members: [] })
  await expect(
    blind('changeIncident', { params: { id: known.id }, body: { version: known.version, isRestricted: true, reason: 'Seen.' } }),
  ).rejects.toMatchObject(refusal('forbidden'))
  const params = { id: nobody, taskId: nobody }
  for (const approve of [
    () => granted('approveTask', { params, body: { version: 1 } }),
    () => granted('approveNotice', { params, body: { version: 1 } }),
    () => granted('approveDecision', { params, body: { version: 1 } }),
    () => granted('finishReview', { params, body: { version: 1 } }),
  ])
    await expect(approve()).rejects.toMatchObject(refusal('forbidden'))
})

test('an entry about a kind of record that this version does not know, and of which nobody has said whose it is, is for administrators alone', async ({
  world,
}) => {
  const [lead, administrator] = [await world.person('lead'), await world.person('administrator')]
  await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  world.isTampered = true
  await world.server.context.database.reader().db.execute(`
    insert into journal (id, at, actor_kind, actor_name, type, version, subject_kind, subject_id, data, salt, body_hash, is_demo, is_exercise, is_restricted)
    select '${nobody}', at, actor_kind, actor_name, 'suspect.named', 1, 'suspect', '${nobody}', '{"name": "Eve"}', salt, body_hash, false, false, false
    from journal where type = 'incident.opened'`)
  const shown = async (person: Person) => (await person.call('journal', { query: { limit: 200 } })).items.map(({ type }) => type)
  expect(await shown(lead)).toContain('incident.opened')
  expect(await shown(lead)).not.toContain('suspect.named')
  expect(await shown(administrator)).toContain('suspect.named')
})

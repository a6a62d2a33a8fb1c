import { createClient, type IncidentRole, incidentRoles } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'

const nobody = '01900000-0000-7000-8000-000000000000'

describe('a restricted incident is seen', () => {
  test('by whoever has one of its roles, from then on and until they have it no more', async ({ world }) => {
    const opener = await world.person('lead')
    const administrator = await world.person('administrator')
    const { id } = await opener.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const params = { id }
    const assign = async (role: IncidentRole, person: Person | null) => {
      const { version } = await administrator.call('incident', { params })
      await administrator.call('assignRole', { params: { id, role }, body: { version, personId: person?.id ?? null } })
    }
    const listedFor = async (person: Person) => (await person.call('incidents', { query: { view: 'all' } })).items.map(incident => incident.id)
    for (const role of incidentRoles) {
      const person = await world.person('responder', `the ${role}`)
      const refused = () => expect(person.call('incident', { params }), role).rejects.toMatchObject(refusal('not-found'))
      await refused()
      expect(await listedFor(person), role).toEqual([])
      await assign(role, person)
      expect(await person.call('incident', { params }), role).toMatchObject({ id })
      expect(await listedFor(person), role).toEqual([id])
      await assign(role, null)
      await refused()
      expect(await listedFor(person), role).toEqual([])
    }
  })

  test('by an executive sponsor who is an observer, and who decides there', async ({ world }) => {
    const lead = await world.person('lead')
    const executive = await world.person('observer')
    let incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const params = { id: incident.id }
    incident = await lead.call('assignRole', { params: { ...params, role: 'executive' }, body: { version: incident.version, personId: executive.id } })
    incident = await lead.call('addTask', { params, body: { title: 'Switch billing off', isBusinessImpacting: true } })
    const [task] = incident.tasks
    await executive.call('approveTask', { params: { id: incident.id, taskId: task?.id ?? '' }, body: { version: task?.version ?? 0 } })
    expect((await executive.call('incident', { params })).tasks).toMatchObject([{ approvedBy: executive.name }])
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
  await expect(blind('changeIncident', { params: { id: known.id }, body: { version: known.version, isRestricted: true } })).rejects.toMatchObject(
    refusal('forbidden'),
  )
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

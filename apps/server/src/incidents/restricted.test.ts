import { type IncidentRole, incidentRoles } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'

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

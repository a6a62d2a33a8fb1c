import { describe, expect } from 'vitest'
import { test } from '../../test/world.ts'

describe('the demo', () => {
  test('loads an organization, plays an attack through the intake, pages, and goes with one act', async ({ world }) => {
    const administrator = await world.person('administrator')
    expect(await administrator.call('loadDemo')).toEqual({ teams: 2, services: 5, customers: 8, people: 8 })
    await expect(administrator.call('loadDemo')).rejects.toThrow(/already loaded/)
    await world.advance({ seconds: 60 })
    const { items } = await administrator.call('alerts', {})
    expect(items.map(alert => alert.isDemo)).toEqual([true, true, true, true])
    const pages = (await administrator.call('pages')).items
    expect(pages.length).toBeGreaterThan(0)
    expect(
      world.mail.mails.filter(mail => mail.to.endsWith('.example')),
      'nobody is behind a demo address',
    ).toEqual([])
    expect((await administrator.call('messageLog')).items[0]?.state).toBe('sent')
    const incident = await administrator.call('escalateAlert', { params: { id: items[0]?.id ?? '' }, body: { responsibility: 'us', reason: 'x' } })
    expect(incident.isDemo).toBe(true)
    await world.settle()

    await administrator.call('removeDemo')
    expect((await administrator.call('status')).hasDemo).toBe(false)
    for (const rest of [await administrator.call('alerts', { query: { view: 'all' } }), await administrator.call('incidents', { query: { view: 'all' } })])
      expect(rest.items).toEqual([])
    for (const rest of [
      await administrator.call('services'),
      await administrator.call('customers'),
      await administrator.call('teams'),
      (await administrator.call('pages')).items,
      (await administrator.call('messageLog')).items,
    ])
      expect(rest).toEqual([])
    expect((await administrator.call('people')).people.map(person => person.name)).toEqual([administrator.name])
    await world.advance({ hours: 1 })
    expect((await administrator.call('journal', {})).items[0]?.type).toBe('demo.removed')
    await administrator.call('loadDemo')
  })

  test('is not removed from under a record of one’s own, and says which', async ({ world }) => {
    const administrator = await world.person('administrator')
    await administrator.call('loadDemo')
    const teams = await administrator.call('teams')
    const of = (kind: string) => teams.find(team => team.kind === kind)?.id ?? ''
    await administrator.call('saveService', { body: { name: 'own', securityTeamId: of('security'), engineeringTeamId: of('engineering') } })
    await expect(administrator.call('removeDemo')).rejects.toThrow(/used by your own records \(services\)/)
    expect((await administrator.call('status')).hasDemo).toBe(true)
    // Nor does it take a real alert and the work on it with it: not by a service of the demo, nor in an incident of the demo.
    const [service] = (await administrator.call('services')).filter(({ name }) => name !== 'own')
    const open = (alertIds: string[]) =>
      administrator.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service?.id ?? ''], alertIds } })
    const { id } = await world.alert({ title: 'Real' })
    expect((await open([id])).isDemo).toBe(false)
    const demo = await open([])
    expect(demo.isDemo).toBe(true)
    const other = await world.alert({ title: 'Real, too' })
    const escalate = administrator.call('escalateAlert', { params: { id: other.id }, body: { incidentId: demo.id, responsibility: 'us', reason: 'x' } })
    await expect(escalate).rejects.toThrow(`Alert ${other.number} is a real one, and the incident is demo data`)
  })
})

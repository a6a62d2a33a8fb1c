import { routes } from '@tocsin/api'
import { expect } from 'vitest'
import { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('lists of records give those that have changed since a time, and no others', async ({ world }) => {
  const { primary } = await world.team({ tiers: 1 })
  const sent = async (title: string, severity: 'low' | 'high' = 'low') =>
    (await primary.call('createAlerts', { body: { title, severity, dedupKey: title } })).alerts[0] ?? expect.fail()
  const [, repeated, paged] = [await sent('Old'), await sent('Repeated'), await sent('Paged', 'high')]
  const incident = await primary.call('openIncident', { body: { title: 'Touched', reason: 'Seen.' } })
  await primary.call('openIncident', { body: { title: 'Old', reason: 'Seen.' } })
  await primary.call('addNote', { params: { id: incident.id }, body: { markdown: 'Old' } })
  await world.settle()
  world.jump({ hours: 1 })
  const query = { view: 'all', updatedSince: world.now } as const
  const alerts = async () => (await primary.call('alerts', { query })).items.map(({ title }) => title).sort()
  const incidents = async () => (await primary.call('incidents', { query })).items.map(({ title }) => title)
  const pages = async () => (await primary.call('pages', { query: { updatedSince: query.updatedSince } })).items.map(({ title }) => title)
  const notes = async () =>
    (await primary.call('incidentNotes', { params: { id: incident.id }, query: { updatedSince: query.updatedSince } })).items.map(({ markdown }) => markdown)
  expect([await alerts(), await incidents(), await pages(), await notes()]).toEqual([[], [], [], []])
  await primary.call('incident', { params: { id: incident.id } })
  expect(await incidents(), 'a look is no change').toEqual([])
  await sent('Repeated')
  await primary.call('acknowledgeAlert', { params: { id: paged.id } })
  await primary.call('addNote', { params: { id: incident.id }, body: { markdown: 'New' } })
  await world.settle()
  expect([await alerts(), await incidents(), await pages(), await notes()]).toEqual([['Paged', 'Repeated'], ['Touched'], ['Paged'], ['New']])
  const first = await primary.call('alerts', { query: { ...query, limit: 1 } })
  const next = await primary.call('alerts', { query: { ...query, limit: 1, cursor: first.next ?? '' } })
  expect([...first.items, ...next.items].map(({ id }) => id)).toEqual([paged.id, repeated.id])
  for (const name of ['alerts', 'incidents', 'obligations', 'followUps', 'pages', 'myPages'] as const) {
    await primary.call(name, { query: { updatedSince: query.updatedSince } })
    await expect(primary.call(name, { query: { updatedSince: 'yesterday' } })).rejects.toMatchObject(refusal('invalid', 'updatedSince'))
  }
  const administrator = await world.person('administrator')
  const rules = (await administrator.call('detectionRules')).items
  expect(rules.length).toBeGreaterThan(0)
  expect((await administrator.call('detectionRules', { query: { updatedSince: query.updatedSince } })).items).toEqual([])
  expect((await administrator.call('erasures', { query: { updatedSince: query.updatedSince } })).items).toEqual([])
})

test('so do lists that are whole: every one of those that have the parameter', async ({ world }) => {
  const { team } = await world.team({ tiers: 1 })
  const lead = await world.person('lead')
  const [old, changed] = [await world.service('billing', team), await world.service('search', team)]
  world.jump({ hours: 1 })
  const query = { updatedSince: world.now }
  const { id, version, description, pageFrom, securityTeam, engineeringTeam } = changed
  await lead.call('saveService', {
    body: { ...{ id, version, description, pageFrom }, name: 'find', securityTeamId: securityTeam.id, engineeringTeamId: engineeringTeam?.id },
  })
  expect((await lead.call('services', { query })).map(service => service.name)).toEqual(['find'])
  expect((await lead.call('services')).map(service => service.id).sort()).toEqual([old.id, id].sort())
  const administrator = await world.person('administrator')
  const incident = await lead.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
  const whole = Object.entries(routes).flatMap(([name, { query: schema, reply }]) =>
    reply instanceof z.ZodArray && schema instanceof z.ZodObject && 'updatedSince' in schema.shape ? [name] : [],
  )
  expect(whole).toEqual(
    expect.arrayContaining([
      ...['teams', 'services', 'customers', 'calendars', 'policies', 'timeOff', 'silences', 'heartbeats', 'integrations', 'logSources'],
      ...['apiKeys', 'incidentFacts'],
    ]),
  )
  for (const name of whole) {
    const { path } = routes[name as keyof typeof routes]
    const get = async (since: string) =>
      fetch(`${world.origin}${path.replace('{id}', incident.id)}?updatedSince=${since}`, { headers: { cookie: administrator.cookie } })
    const reply = await get(query.updatedSince)
    expect([name, reply.status, name === 'services' ? 1 : 0]).toEqual([name, 200, ((await reply.json()) as unknown[]).length])
    expect((await get('yesterday')).status, name).toBe(400)
  }
})

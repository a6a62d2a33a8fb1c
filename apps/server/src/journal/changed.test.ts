import { expect } from 'vitest'
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
})

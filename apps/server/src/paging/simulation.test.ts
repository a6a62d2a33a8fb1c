import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'
import { addMinutes } from '../kernel/clock.ts'
import { pageNotifications } from './tables.ts'

test('a simulated page goes to whom the real one does, at the same minutes', async ({ world }) => {
  const { team, primary, backup } = await world.team({ tiers: 2, repeats: 1 })
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const simulated = await primary.call('simulatePage', { params: { id: service.id }, query: { severity: 'critical' } })
  expect(simulated).toMatchObject({ outcome: 'paged', service: { name: 'billing' }, team: { id: team.id }, urgency: 'high', warnings: [] })
  expect(simulated.escalations.at(-1)).toMatchObject({ isLast: true, people: expect.arrayContaining([expect.objectContaining({ name: lead.name })]) })
  await world.settle()
  expect(
    world.takeMails().filter(mail => mail.purpose.startsWith('page')),
    'nobody is paged',
  ).toEqual([])
  const start = world.now
  await primary.call('createAlerts', { body: { title: 'Down', severity: 'critical', service: 'billing' } })
  await world.advance({ minutes: (simulated.escalations.at(-1)?.afterMinutes ?? 0) + 1 })
  const sent = await world.server.context.database.reader().db.select().from(pageNotifications)
  const real = sent.map(({ personId, at }) => `${(Date.parse(at) - Date.parse(start)) / 60_000} ${personId}`)
  const foreseen = simulated.escalations.flatMap(({ people }) =>
    people.flatMap(({ id, messages }) => messages.map(({ afterMinutes }) => `${afterMinutes} ${id}`)),
  )
  expect(real.toSorted()).toEqual(foreseen.toSorted())
  for (const { id } of [primary, backup, lead]) expect(foreseen.some(one => one.endsWith(id))).toBe(true)
})

test('at a later time it follows overrides of then; what is below the threshold or silenced pages nobody', async ({ world }) => {
  const { team, primary, backup } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team, undefined, 'high')
  const ask = (query: { severity?: 'medium' | 'high'; at?: string }) => primary.call('simulatePage', { params: { id: service.id }, query })
  const later = addMinutes(world.now, 30 * 60)
  const [own] = (await primary.call('onCall')).filter(one => one.team.id === team.id)
  const stand = await world.person('responder', 'Stand In')
  const lead = await world.person('lead')
  await lead.call('addOverride', {
    params: { id: own?.schedules[0]?.id ?? '' },
    body: { participants: [stand.id], start: addMinutes(later, -60), end: addMinutes(later, 60), reason: 'Cover' },
  })
  expect((await ask({ severity: 'high', at: later })).escalations[0]?.people).toMatchObject([{ name: 'Stand In' }])
  expect((await ask({ severity: 'high' })).escalations[0]?.people).toMatchObject([{ name: primary.name }])
  expect(backup.id).toBe(primary.id)
  expect(await ask({ severity: 'medium' })).toMatchObject({ outcome: 'queued', escalations: [] })
  await lead.call('addSilence', {
    body: { matchers: { serviceIds: [service.id] }, reason: 'Migration', start: world.now, end: addMinutes(later, -60) },
  })
  expect(await ask({ severity: 'high' })).toMatchObject({ outcome: 'silenced', reason: expect.stringMatching(/Migration/), escalations: [] })
  expect(await ask({ severity: 'high', at: later }), 'it has ended by then').toMatchObject({ outcome: 'paged' })
  await expect(ask({ at: addMinutes(world.now, -48 * 60) })).rejects.toMatchObject(refusal('invalid', 'at'))
  await expect((await world.person('observer')).call('simulatePage', { params: { id: service.id } })).rejects.toMatchObject(refusal('forbidden'))
  await expect(primary.call('simulatePage', { params: { id: team.id } })).rejects.toMatchObject(refusal('not-found'))
})

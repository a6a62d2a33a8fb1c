import { expect } from 'vitest'
import { giveRole } from '../../test/roles.ts'
import { test } from '../../test/world.ts'

test('a parent incident links alerts and incidents: their pages are resolved, one lead is paged once, and the others join', async ({ world }) => {
  const [first, second] = [await world.team({ tiers: 2 }), await world.team({ tiers: 2 })]
  await world.service('billing', first.team)
  const identity = await world.service('identity', second.team)
  const open = (title: string, serviceIds: string[] = []) =>
    first.primary.call('openIncident', { body: { title, reason: 'Reasonable suspicion.', serviceIds } })
  const event = await open('Keys leaked')
  const part = await open('Odd sign-ins', [identity.id])
  await world.settle()
  second.primary.expectPage(/Odd sign-ins/)
  const alert = await world.alert({ service: 'billing', title: 'Export in bulk' })
  first.primary.expectPage(/Export in bulk/)
  const leadOfPart = second.backup
  await giveRole(first.primary, part.id, 'lead', leadOfPart)
  await world.settle()
  world.takeMails()

  const { version } = await first.primary.call('incident', { params: { id: event.id } })
  const body = { version, reason: 'The same key in all of them.', alertIds: [alert.id], incidentIds: [part.id] }
  const covering = await first.primary.call('makeParent', { params: { id: event.id }, body })
  await world.settle()
  expect(covering).toMatchObject({ children: [{ number: part.number, title: 'Odd sign-ins' }], alerts: [{ id: alert.id }], parent: null })
  const mails = world.takeMails()
  expect(mails.filter(mail => mail.purpose === 'page').map(mail => [mail.to, mail.subject])).toEqual([
    [first.primary.email, '[CRITICAL] Incident 1 is now a parent incident: Keys leaked'],
  ])
  expect(mails.find(mail => mail.to === leadOfPart.email)?.subject).toBe('Join incident 1: Keys leaked')
  expect((await leadOfPart.call('incident', { params: { id: part.id } })).parent).toMatchObject({ number: event.number })
  const pages = (await first.primary.call('pages')).items
  expect(pages.filter(page => page.state === 'triggered').map(page => page.subject.id)).toEqual([event.id])
  await world.advance({ hours: 3 })
  expect(
    world.takeMails().filter(mail => mail.purpose === 'page' && !/parent incident/.test(mail.subject)),
    'the pages of the parts have ended',
  ).toEqual([])

  const linked = await first.primary.call('incident', { params: { id: event.id } })
  const sentences = linked.timeline.map(entry => entry.sentence)
  expect(sentences).toContain('Made it a parent incident: linked incident 2 and alert 1')
  expect(sentences).toContain('Page triggered: Incident 1 is now a parent incident: Keys leaked')
  world.takeMails()
  await first.primary.call('makeParent', { params: { id: event.id }, body: { ...body, version: linked.version, alertIds: [] } })
  await world.settle()
  expect(world.takeMails(), 'linked already: nobody is paged').toEqual([])
  const unchanged = await first.primary.call('incident', { params: { id: event.id } })
  expect([unchanged.version, unchanged.timeline.length], 'no entry').toEqual([linked.version, linked.timeline.length])

  const again = await first.primary.call('incident', { params: { id: part.id } })
  await expect(
    first.primary.call('makeParent', { params: { id: part.id }, body: { ...body, version: again.version, incidentIds: [event.id], alertIds: [] } }),
  ).rejects.toThrow(/already has a parent incident/)
  const fresh = await first.primary.call('incident', { params: { id: event.id } })
  await expect(
    first.primary.call('makeParent', { params: { id: event.id }, body: { ...body, version: fresh.version, incidentIds: [event.id], alertIds: [] } }),
  ).rejects.toThrow(/not include the incident itself/)
  await expect(
    first.primary.call('makeParent', { params: { id: event.id }, body: { ...body, version: fresh.version, incidentIds: [], alertIds: [] } }),
  ).rejects.toThrow(/must list at least one incident/)
})

test('a restricted parent is not revealed to the leads of its children', async ({ world }) => {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  await world.service('billing', team)
  const event = await primary.call('openIncident', { body: { title: 'Insider', reason: 'Suspicion.', isRestricted: true, codename: 'Jade Owl' } })
  const part = await backup.call('openIncident', { body: { title: 'Odd copies', reason: 'Suspicion.' } })
  await world.settle()
  world.takeMails()
  const { version } = await primary.call('incident', { params: { id: event.id } })
  await primary.call('makeParent', { params: { id: event.id }, body: { version, reason: 'Known to few.', incidentIds: [part.id] } })
  await world.settle()
  const seen = await backup.call('incident', { params: { id: part.id } })
  expect(seen.parent).toBeNull()
  expect(JSON.stringify(seen)).not.toContain('Insider')
  const mails = world.takeMails()
  expect(mails.filter(mail => mail.to === backup.email && mail.purpose !== 'page')).toEqual([])
  // What the page is about is told without any detail.
  expect(mails.filter(mail => mail.to === primary.email && mail.purpose === 'page').map(mail => mail.subject)).toEqual([
    '[CRITICAL] Incident 1 (restricted: Jade Owl): now a parent incident',
  ])
})

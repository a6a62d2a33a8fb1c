import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { type Received, startPeer } from '../../test/peer.ts'
import { linkIn, test } from '../../test/world.ts'

test('an unacknowledged page escalates to the backup after five minutes', async ({ world }) => {
  const { team, primary, backup } = await world.team({ tiers: 2, escalateAfter: { minutes: 5 } })
  await world.service('billing', team)
  await world.alert({ severity: 'high', service: 'billing' })
  primary.expectPage(/billing/)
  backup.expectNoPage()
  await world.advance({ minutes: 4, seconds: 59 })
  backup.expectNoPage()
  await world.advance({ seconds: 1 })
  backup.expectPage(/billing/)
  primary.expectNoPage()
})

test('the link in a page acknowledges it in one step, and escalation stops', async ({ world }) => {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  const alert = await world.alert({ service: 'billing' })
  const token = linkIn(primary.expectPage(/billing/), '/a/')
  const visitor = world.client()
  expect((await visitor('pageByLink', { body: { token } })).state).toBe('triggered')
  const acknowledged = await visitor('acknowledgeByLink', { body: { token } })
  expect(acknowledged).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  await world.advance({ hours: 3 })
  backup.expectNoPage()
  expect(await primary.call('alert', { params: { id: alert.id } })).toMatchObject({ status: 'acknowledged', acknowledgedBy: primary.name })
})

test('a released page goes to the next person at once', async ({ world }) => {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  const alert = await world.alert({ service: 'billing' })
  const token = linkIn(primary.expectPage(/billing/), '/a/')
  await world.client()('acknowledgeByLink', { body: { token } })
  await world.client()('releaseByLink', { body: { token } })
  await world.settle()
  backup.expectPage(/billing/)
  expect((await primary.call('alert', { params: { id: alert.id } })).status).toBe('open')
})

test('a snoozed page that is released, declined or escalated is the next person’s: the end of that snooze takes it from nobody', async ({ world }) => {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  for (const handOn of [
    (_: string, token: string) => world.client()('releaseByLink', { body: { token } }),
    (id: string) => primary.call('declinePage', { params: { id }, body: {} }),
    (id: string) => primary.call('escalatePage', { params: { id }, body: { level: 1 } }),
  ]) {
    await world.alert({ service: 'billing' })
    const token = linkIn(primary.expectPage(/billing/), '/a/')
    const id = (await primary.call('pages')).items.find(({ state }) => state === 'triggered')?.id ?? ''
    const params = { id }
    await primary.call('acknowledgePage', { params })
    await primary.call('snoozePage', { params, body: { minutes: 30 } })
    await handOn(id, token)
    await world.settle()
    backup.expectPage(/billing/)
    await backup.call('acknowledgePage', { params })
    await world.advance({ minutes: 31 })
    expect(await primary.call('page', { params })).toMatchObject({ state: 'acknowledged', acknowledgedBy: backup.name })
    for (const person of [primary, backup]) person.expectNoPage()
  }
})

test('an alert is whose page it is: nobody’s once it is declined or a snooze ends, and the next person’s who acknowledges', async ({ world }) => {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  const alert = await world.alert({ service: 'billing' })
  const of = async () => {
    await world.settle()
    const { status, acknowledgedBy } = await primary.call('alert', { params: { id: alert.id } })
    return [status, acknowledgedBy]
  }
  const params = { id: (await primary.call('pages')).items[0]?.id ?? '' }
  await primary.call('acknowledgePage', { params })
  expect(await of()).toEqual(['acknowledged', primary.name])
  await primary.call('declinePage', { params, body: { toId: null, reason: 'On a train.' } })
  expect(await of()).toEqual(['open', null])
  await backup.call('acknowledgePage', { params })
  expect(await of()).toEqual(['acknowledged', backup.name])
  await backup.call('snoozePage', { params, body: { minutes: 30 } })
  await world.advance({ minutes: 30 })
  expect(await of()).toEqual(['open', null])
})

test('a page is exhausted after its last level and its repeats, and stays in the list', async ({ world }) => {
  const { team, primary } = await world.team({ tiers: 1, repeats: 1 })
  await world.service('billing', team)
  await world.alert({ service: 'billing' })
  primary.expectPage(/billing/)
  await world.advance({ minutes: 5 })
  primary.expectPage(/billing/)
  await world.advance({ minutes: 5 })
  primary.expectNoPage()
  expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'exhausted' })
})

test('without a rotation the members are paged: a page is never lost', async ({ world }) => {
  const lead = await world.person('lead')
  const member = await world.person()
  const team = await lead.call('saveTeam', { body: { name: 'No rotation', kind: 'security', memberIds: [member.id] } })
  await world.service('billing', team)
  await world.alert({ service: 'billing' })
  member.expectPage(/billing/)
})

test('a link for another page, or a changed one, opens nothing', async ({ world }) => {
  const { team, primary } = await world.team()
  await world.service('billing', team)
  await world.alert({ service: 'billing' })
  const token = linkIn(primary.expectPage(/billing/), '/a/')
  const changed = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
  await expect(world.client()('acknowledgeByLink', { body: { token: changed } })).rejects.toThrow(/link is invalid/)
  expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'triggered' })
})

describe('before a mail server is configured', () => {
  test.override({ options: { withMail: false } })

  test('messages are held in sight, without their private links', async ({ world }) => {
    const { team } = await world.team()
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    const lead = await world.person('lead')
    const message = (await lead.call('messageLog')).items.find(one => one.purpose === 'page')
    expect(message).toMatchObject({ state: 'held' })
    expect(message?.text).toContain('[private link]')
    expect(message?.text).not.toContain('/a/')
    expect((await lead.call('status')).isPagingLive).toBe(false)
    expect(await (await fetch(`${world.origin}/readyz`)).json()).toEqual({
      status: 'degraded',
      details: [{ name: 'delivery', detail: 'Messages by email are held until the channel is configured.' }],
    })
  })
})

describe('a webhook', () => {
  test.override({ options: { env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } } })

  test('is paged, with a link that acknowledges', async ({ world }) => {
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const device = await startPeer()
    const { secret, method } = await primary.call('addContactMethod', { body: { kind: 'webhook', address: `${device.url}/hook` } })
    expect(secret).toMatch(/^whsec_/)
    await world.settle()
    const bodyOf = (one: Received | undefined) => JSON.parse(one?.body.toString() ?? '{}') as { type: string; title: string; text: string }
    const code = /\d{6}/.exec(bodyOf(device.received[0]).text)?.[0] ?? ''
    await primary.call('verifyContactMethod', { params: { id: method.id }, body: { code } })
    device.received.length = 0
    device.answer = () => ({ status: device.received.length === 1 ? 503 : 200 })
    await world.alert({ service: 'billing' })
    await world.advance({ seconds: 10 })
    primary.expectPage(/billing/)
    expect(
      device.received.map(one => [bodyOf(one).type, bodyOf(one).title]),
      'refused once, and repeated',
    ).toEqual([
      ['page', '[HIGH] billing: Something odd'],
      ['page', '[HIGH] billing: Something odd'],
    ])
    expect(new Set(device.received.map(one => one.headers['webhook-id'])).size, 'under one id').toBe(1)
    const token = linkIn({ to: '', subject: '', messageId: '', purpose: '', returnPath: '', text: bodyOf(device.received[0]).text }, '/a/')
    expect((await world.client()('acknowledgeByLink', { body: { token } })).acknowledgedBy).toBe(primary.name)
    await device.stop()
  })

  test('that never answers holds up nobody else’s page', async ({ world }) => {
    const { team, primary, backup } = await world.team()
    await world.service('billing', team)
    const device = await startPeer()
    const { method } = await primary.call('addContactMethod', { body: { kind: 'webhook', address: `${device.url}/hook` } })
    await world.settle()
    const code = /\d{6}/.exec((JSON.parse(device.received[0]?.body.toString() ?? '{}') as { text: string }).text)?.[0] ?? ''
    await primary.call('verifyContactMethod', { params: { id: method.id }, body: { code } })
    device.answer = () => undefined
    const sender = await world.person()
    await sender.call('createAlerts', { body: [1, 2, 3].map(n => ({ title: `Odd ${n}`, severity: 'high' as const, service: 'billing' })) })
    await until(
      () => (world.mail.mails.filter(mail => mail.to === primary.email && mail.purpose === 'page').length === 3 ? true : undefined),
      'the mails arrive while the webhook hangs: it is given up after ten seconds',
      8_000,
    )
    backup.expectNoPage()
    await device.stop()
  })
})

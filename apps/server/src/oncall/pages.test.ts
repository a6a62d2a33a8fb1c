import { createServer } from 'node:http'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { linkIn, test } from '../../test/world.ts'

test('an unanswered page climbs to the backup after five minutes', async ({ world }) => {
  const { team, primary, backup } = await world.team({ depth: 2, escalateAfter: { minutes: 5 } })
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

test('the link in a page acknowledges it in one act, and it climbs no further', async ({ world }) => {
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

test('a page that is handed back goes to the next person at once', async ({ world }) => {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  const alert = await world.alert({ service: 'billing' })
  const token = linkIn(primary.expectPage(/billing/), '/a/')
  await world.client()('acknowledgeByLink', { body: { token } })
  await world.client()('handBackByLink', { body: { token } })
  await world.settle()
  backup.expectPage(/billing/)
  expect((await primary.call('alert', { params: { id: alert.id } })).status).toBe('open')
})

test('a page is exhausted after its last step and its repeats, and stands in sight', async ({ world }) => {
  const { team, primary } = await world.team({ depth: 1, repeats: 1 })
  await world.service('billing', team)
  await world.alert({ service: 'billing' })
  primary.expectPage(/billing/)
  await world.advance({ minutes: 5 })
  primary.expectPage(/billing/)
  await world.advance({ minutes: 5 })
  primary.expectNoPage()
  expect((await primary.call('pages'))[0]).toMatchObject({ state: 'exhausted' })
})

test('without a rotation the members are paged: a page is never silence', async ({ world }) => {
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
  await expect(world.client()('acknowledgeByLink', { body: { token: changed } })).rejects.toThrow(/not right/)
  expect((await primary.call('pages'))[0]).toMatchObject({ state: 'triggered' })
})

describe('before a mail server is configured', () => {
  test.override({ options: { withMail: false } })

  test('messages are held in sight, without their private links', async ({ world }) => {
    const { team } = await world.team()
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    const lead = await world.person('lead')
    const message = (await lead.call('outbox')).find(one => one.purpose === 'page')
    expect(message).toMatchObject({ state: 'held' })
    expect(message?.text).toContain('[private link]')
    expect(message?.text).not.toContain('/a/')
    expect((await lead.call('status')).isPagingLive).toBe(false)
  })
})

describe('a webhook', () => {
  test.override({ options: { env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } } })

  test('is paged, with a link that acknowledges', async ({ world }) => {
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const received: { id: string; body: { type: string; title: string; text: string } }[] = []
    const device = createServer((request, reply) => {
      let body = ''
      request.on('data', chunk => {
        body += chunk
      })
      request.on('end', () => {
        received.push({ id: String(request.headers['webhook-id']), body: JSON.parse(body) as (typeof received)[number]['body'] })
        reply.statusCode = received.length === 1 ? 503 : 200
        reply.end()
      })
    })
    await new Promise<void>(resolve => device.listen(0, '127.0.0.1', () => resolve()))
    const address = device.address()
    const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/hook`
    const { secret } = await primary.call('addContactMethod', { body: { kind: 'webhook', address: url } })
    expect(secret).toMatch(/^whsec_/)
    await world.alert({ service: 'billing' })
    await world.advance({ seconds: 10 })
    primary.expectPage(/billing/)
    expect(
      received.map(each => [each.body.type, each.body.title]),
      'refused once, and repeated',
    ).toEqual([
      ['page', '[HIGH] billing: Something odd'],
      ['page', '[HIGH] billing: Something odd'],
    ])
    expect(new Set(received.map(each => each.id)).size, 'under one id').toBe(1)
    const token = linkIn({ to: '', subject: '', messageId: '', purpose: '', text: received[0]?.body.text ?? '' }, '/a/')
    expect((await world.client()('acknowledgeByLink', { body: { token } })).acknowledgedBy).toBe(primary.name)
    await new Promise(resolve => device.close(resolve))
  })

  test('that never answers holds up nobody else’s page', async ({ world }) => {
    const { team, primary, backup } = await world.team()
    await world.service('billing', team)
    const silent = createServer(() => undefined)
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', () => resolve()))
    const address = silent.address()
    await primary.call('addContactMethod', {
      body: { kind: 'webhook', address: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/` },
    })
    const sender = await world.person()
    await sender.call('createAlerts', { body: [1, 2, 3].map(n => ({ title: `Odd ${n}`, severity: 'high' as const, service: 'billing' })) })
    await until(
      () => (world.mail.mails.filter(mail => mail.to === primary.email && mail.purpose === 'page').length === 3 ? true : undefined),
      'the mails arrive while the webhook hangs: it is given up after ten seconds',
      8_000,
    )
    backup.expectNoPage()
    silent.closeAllConnections()
    await new Promise(resolve => silent.close(resolve))
  })
})

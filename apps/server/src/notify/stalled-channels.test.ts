import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { startPeer } from '../../test/peer.ts'
import { startStubbornMailServer } from '../../test/stubborn.ts'
import { buildWorld } from '../../test/world.ts'
import { newId } from '../kernel/ids.ts'
import { contactMethods, messages, notificationRules } from './tables.ts'

const Pushed = z.object({ topic: z.string(), title: z.string() })

test('a channel that delivers nothing is in readiness, on the pages and in a page by another channel, until it delivers again', {
  timeout: 120_000 * patience,
}, async () => {
  const [mail, ntfy] = [await startStubbornMailServer('4xx'), await startPeer()]
  const { world, end } = await buildWorld({ smtpUrl: mail.url, withAuditor: true, env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } })
  onTestFinished(async () => {
    await end()
    for (const peer of [mail, ntfy]) await peer.stop()
  })
  const { database } = world.server.context
  const ready = async () =>
    z.object({ status: z.string(), details: z.array(z.object({ name: z.string() })).optional() }).parse(await (await fetch(`${world.origin}/readyz`)).json())
  const ada = await world.person('administrator', 'Ada')
  const { team } = await world.team()
  await world.service('billing', team)
  await database.transaction(async tx => {
    const method = { id: newId(), personId: ada.id, kind: 'ntfy' as const, address: `${ntfy.url}/ada`, createdAt: tx.now, verifiedAt: tx.now, secret: null }
    await tx.db.insert(contactMethods).values(method)
    await tx.db.insert(notificationRules).values({ personId: ada.id, urgency: 'high', steps: [{ methodId: method.id, afterMinutes: 0 }] })
  })
  const alarms = () => ntfy.received.map(one => Pushed.parse(JSON.parse(one.body.toString()))).filter(({ title }) => /Messages by email/.test(title)).length

  await world.alert({ service: 'billing', severity: 'critical' })
  await world.advance({ seconds: 30 })
  expect((await ada.call('counters')).stalledChannels, 'a minute has not passed').toEqual([])
  await world.advance({ minutes: 2 })
  expect((await ada.call('counters')).stalledChannels).toEqual(['email'])
  expect(await ready()).toMatchObject({ status: 'degraded', details: expect.arrayContaining([expect.objectContaining({ name: 'delivery' })]) })
  await until(() => (alarms() > 0 ? true : undefined), 'the administrator is paged by ntfy')
  await world.advance({ minutes: 3 })
  expect(alarms(), 'one page while it lasts').toBe(1)

  // One message that left, though others still wait: the channel works, an address does not.
  await database.transaction(tx =>
    tx.db.insert(messages).values({
      ...{ id: newId(), channel: 'email', address: 'x@example.org', purpose: 'test', purposeId: newId(), subject: 'x', body: 'x' },
      ...{ state: 'sent', createdAt: tx.now, sentAt: tx.now },
    }),
  )
  await world.advance({ minutes: 1 })
  expect((await ada.call('counters')).stalledChannels).toEqual([])
  expect((await ada.call('pages')).items.filter(page => /Messages by email/.test(page.title)).map(page => page.state)).toEqual(['resolved'])

  // Those that wait for that address do not hide that the channel stands still later.
  await world.alert({ service: 'billing', severity: 'critical', title: 'Later' })
  await world.advance({ minutes: 2 })
  expect((await ada.call('counters')).stalledChannels).toEqual(['email'])
})

test('a channel whose provider rejects everything for good is one that delivers nothing', { timeout: 120_000 * patience }, async () => {
  const slack = await startPeer(() => ({ status: 200, body: JSON.stringify({ ok: false, error: 'invalid_auth' }) }))
  const { world, end } = await buildWorld({ env: { SLACK_BOT_TOKEN: 'xoxb-revoked', SLACK_SIGNING_SECRET: 'x', SLACK_API_URL: `${slack.url}/api` } })
  onTestFinished(async () => {
    await end()
    await slack.stop()
  })
  const { database } = world.server.context
  const { team, primary } = await world.team({ tiers: 1 })
  await world.service('billing', team)
  await database.transaction(async tx => {
    const method = { id: newId(), personId: primary.id, kind: 'slack' as const, address: 'U012AB3CD', createdAt: tx.now, verifiedAt: tx.now, secret: null }
    await tx.db.insert(contactMethods).values(method)
    await tx.db.insert(notificationRules).values({ personId: primary.id, urgency: 'high', steps: [{ methodId: method.id, afterMinutes: 0 }] })
  })
  const stalled = async () => (await primary.call('counters')).stalledChannels
  for (const n of [1, 2]) {
    await world.alert({ title: `Alert ${n}`, service: 'billing' })
    await world.advance({ minutes: 2 })
  }
  expect(slack.received.length).toBe(2)
  expect(await stalled(), 'two may be one wrong address').toEqual([])
  await world.alert({ title: 'Alert 3', service: 'billing' })
  await world.advance({ minutes: 2 })
  expect(await stalled()).toEqual(['Slack'])
  // The token is a new one.
  slack.answer = () => ({ status: 200, body: JSON.stringify({ ok: true, ts: '1' }) })
  await world.alert({ title: 'Alert 4', service: 'billing' })
  await world.advance({ minutes: 2 })
  expect(await stalled()).toEqual([])
})

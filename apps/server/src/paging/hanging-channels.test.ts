import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { type Peer, startPeer } from '../../test/peer.ts'
import { startStubbornMailServer } from '../../test/stubborn.ts'
import { buildWorld, type Person, test, type World } from '../../test/world.ts'
import { newId } from '../kernel/ids.ts'
import { sealFor } from '../kernel/sealed-columns.ts'
import { contactSecrets } from '../notify/sealed-secrets.ts'
import { contactMethods, notificationRules } from '../notify/tables.ts'

const teamCount = 25
const alertsPerTeam = 4
const pageCount = teamCount * alertsPerTeam
const NtfyBody = z.object({ topic: z.string(), title: z.string() })

/** What was pushed to people's phones, by whom it was for. */
const pushedTo = (ntfy: Peer, role: 'primary' | 'backup') =>
  ntfy.received.map(one => NtfyBody.parse(JSON.parse(one.body.toString()))).filter(({ topic }) => topic.startsWith(role))

/** A server that says a byte every now and then and never comes to an end. */
async function startTrickle(): Promise<{ url: string; asked: () => number; stop: () => void }> {
  let asked = 0
  const server = createServer((_request, reply) => {
    asked += 1
    reply.writeHead(200, { 'content-type': 'application/taxii+json;version=2.1' })
    const timer = setInterval(() => reply.write(' '), 100)
    reply.on('close', () => clearInterval(timer))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api1/collections/1/`,
    asked: () => asked,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Gives somebody contact methods: the first is paged at once, the others only where that one is in trouble. */
async function reachedBy(world: World, person: Person, ways: readonly { kind: 'email' | 'webhook' | 'ntfy'; address: string }[]): Promise<void> {
  const { database, secrets } = world.server.context
  await database.transaction(async tx => {
    const rows = ways.map(({ kind, address }) => ({
      ...{ id: newId(), personId: person.id, kind, address, createdAt: tx.now, verifiedAt: tx.now },
      secret: kind === 'webhook' ? sealFor(secrets, contactSecrets, 'c2VjcmV0', kind, address) : null,
    }))
    await tx.db.insert(contactMethods).values(rows)
    await tx.db.insert(notificationRules).values({ personId: person.id, urgency: 'high', steps: [{ methodId: rows[0]?.id ?? '', afterMinutes: 0 }] })
  })
}

test.for([
  ['greeting', 'it never greets'],
  ['ehlo', 'it stops after EHLO'],
  ['4xx', 'it refuses everything for now'],
] as const)(
  'while a mail server hangs (%s), a webhook says nothing and a feed trickles, each page fails over after 15 s and escalates on time',
  { timeout: 120_000 * patience },
  async ([where]) => {
    const mail = await startStubbornMailServer(where)
    const [ntfy, dead, trickle] = [await startPeer(), await startPeer(() => undefined), await startTrickle()]
    const { world, end } = await buildWorld({
      smtpUrl: mail.url,
      // They hang for as long as the test takes.
      deadlineSeconds: { 'delivery:email': 100, 'delivery:webhook': 100 },
      env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true', TOCSIN_ALLOW_PRIVATE_FEEDS: 'true' },
    })
    onTestFinished(async () => {
      for (const peer of [mail, ntfy, dead]) await peer.stop()
      trickle.stop()
      await end()
    })
    const { jobs } = world.server.context
    const { team: engineering } = await world.team({ kind: 'engineering', tiers: 1 })
    for (let n = 0; n < teamCount; n += 1) {
      const { team, primary, backup } = await world.team({ tiers: 2 })
      const first = n % 2 === 0 ? ({ kind: 'email', address: primary.email } as const) : ({ kind: 'webhook', address: `${dead.url}/hook` } as const)
      await reachedBy(world, primary, [first, { kind: 'ntfy', address: `${ntfy.url}/primary${n}` }])
      await reachedBy(world, backup, [{ kind: 'ntfy', address: `${ntfy.url}/backup${n}` }])
      await world.service(`service ${n}`, team, engineering)
    }
    const lead = await world.person('lead')
    await lead.call('createIndicatorList', { body: { name: 'Trickle', taxii: { url: trickle.url, pullMinutes: 30 } } })
    await lead.call('createAlerts', {
      body: Array.from({ length: pageCount }, (_, n) => ({ title: `Odd ${n}`, severity: 'high' as const, service: `service ${n % teamCount}` })),
    })
    await until(() => (mail.count > 0 && dead.received.length > 0 && trickle.asked() > 0 ? true : undefined), 'everything that hangs was called')
    expect(ntfy.received.length, 'nobody is paged another way at once').toBe(0)
    if (where !== '4xx') {
      world.jump({ seconds: 14 })
      jobs.wake()
      await new Promise(resolve => setTimeout(resolve, 300))
      expect(pushedTo(ntfy, 'primary').filter(({ topic }) => Number(topic.slice(7)) % 2 === 0).length, 'nor before 15 s').toBe(0)
    }
    world.jump({ seconds: where === '4xx' ? 15 : 1 })
    jobs.wake()
    const diverted = Date.now()
    await until(() => (pushedTo(ntfy, 'primary').length >= pageCount ? true : undefined), 'every page has reached its person another way')
    expect(Date.now() - diverted, 'at once when the 15 s are over').toBeLessThan(5_000)
    expect(pushedTo(ntfy, 'backup').length, 'nothing escalated').toBe(0)

    world.jump({ minutes: 5 })
    const due = Date.now()
    jobs.wake()
    await until(() => (pushedTo(ntfy, 'backup').length >= pageCount ? true : undefined), 'every page has escalated')
    expect(Date.now() - due, 'on time: the seconds are this machine’s').toBeLessThan(4_000)
    await new Promise(resolve => setTimeout(resolve, 500))
    for (const role of ['primary', 'backup'] as const) {
      const titles = pushedTo(ntfy, role).map(({ title }) => title)
      expect([titles.length, new Set(titles).size], `${role}: each page once`).toEqual([pageCount, pageCount])
    }
    const [page] = (await lead.call('pages')).items
    const { events } = await lead.call('page', { params: { id: page?.id ?? '' } })
    expect(events.filter(event => event.kind === 'page.failed-over').length, 'and its timeline says so once').toBe(1)
  },
)

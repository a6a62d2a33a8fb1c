import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'
import { saveAway } from '../kernel/uptime.ts'
import { missHeartbeat } from './heartbeats.ts'

/** A heartbeat monitor of a backup that runs every hour, and the token of its address. */
async function monitor(world: World) {
  const { team, primary } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { heartbeat, url } = await lead.call('addHeartbeat', { body: { name: 'Backup', serviceId: service.id, everyMinutes: 60 } })
  const read = async () => (await lead.call('heartbeats')).find(({ id }) => id === heartbeat.id)
  const latest = async () => (await lead.call('alerts', { query: { view: 'all' } })).items[0]?.description
  const alerts = async () => (await lead.call('alerts', { query: { view: 'all' } })).items.map(({ status, severity }) => [status, severity])
  return { lead, primary, heartbeat, token: new URL(url).pathname.split('/').at(-1) ?? '', read, alerts, latest }
}

const ways = {
  'by POST': (world: World, token: string) => world.client()('heartbeat', { params: { token } }),
  'by GET': (world: World, token: string) => world.client()('heartbeatByGet', { params: { token } }),
}
for (const [way, send] of Object.entries(ways))
  describe(`a heartbeat ${way}`, () => {
    test('starts the time anew for whoever has the address, and ends the silence with its page', async ({ world }) => {
      const { token, primary, lead, read, alerts, latest } = await monitor(world)
      const beat = () => send(world, token)
      expect(await read()).toMatchObject({ state: 'new', lastHeartbeatAt: null, expectedBy: '2026-11-23T09:00:00.000Z' })
      await world.advance({ minutes: 30 })
      await beat()
      expect(await read()).toMatchObject({ state: 'healthy', lastHeartbeatAt: world.now, expectedBy: '2026-11-23T09:30:00.000Z' })
      await world.advance({ minutes: 59 })
      expect(await alerts()).toEqual([])
      await world.advance({ minutes: 1 })
      expect(await read()).toMatchObject({ state: 'silent' })
      expect(await alerts()).toEqual([['open', 'high']])
      expect(await latest()).toContain('Last heartbeat received on Nov 23, 08:30 UTC.')
      primary.expectPage(/Backup/)
      await beat()
      await world.settle()
      expect(await read()).toMatchObject({ state: 'healthy', lastHeartbeatAt: world.now })
      expect(await alerts()).toEqual([['resolved', 'high']])
      expect((await lead.call('pages')).items.map(({ state }) => state)).toEqual(['resolved'])
      await world.advance({ minutes: 60 })
      expect(await alerts(), 'silent again is a new alert').toHaveLength(2)
    })

    test('is refused for an address that is nobody’s, and after the monitor was removed', async ({ world }) => {
      const { token, lead, heartbeat } = await monitor(world)
      const beat = (given: string) => send(world, given)
      await expect(beat('x'.repeat(32))).rejects.toMatchObject(refusal('not-found'))
      await expect(beat('x'.repeat(101))).rejects.toMatchObject(refusal('invalid', 'token'))
      await expect(beat(heartbeat.id), 'the id is no secret').rejects.toMatchObject(refusal('not-found'))
      await lead.call('removeHeartbeat', { params: { id: heartbeat.id } })
      await expect(beat(token)).rejects.toMatchObject(refusal('not-found'))
    })
  })

test('one that is expected every minute says so', async ({ world }) => {
  const lead = await world.person('lead')
  await lead.call('addHeartbeat', { body: { name: 'Pulse', everyMinutes: 1 } })
  await world.advance({ minutes: 1 })
  expect((await lead.call('alerts', { query: { view: 'all' } })).items[0]?.description).toContain('A heartbeat is expected every minute.')
})

test('what is sent while no server runs is not missed: the time starts anew when one does', async ({ world }) => {
  const { read, alerts } = await monitor(world)
  const down = async (away: { minutes?: number; hours?: number }) => {
    const from = world.now
    world.jump(away)
    await world.server.context.database.transaction(tx => saveAway(tx, { from, until: tx.now }))
  }
  await down({ hours: 2 })
  await world.advance({ minutes: 59 })
  expect([await read(), await alerts()]).toMatchObject([{ state: 'new', expectedBy: '2026-11-23T11:00:00.000Z' }, []])
  await world.advance({ minutes: 1 })
  expect(await alerts()).toEqual([['open', 'high']])
  await down({ hours: 2 })
  await world.advance({ minutes: 1 })
  expect(await read(), 'one that was silent before still is').toMatchObject({ state: 'silent', expectedBy: '2026-11-23T09:00:00.000Z' })
})

test('a server that restarts again and again hides no heartbeat that is missed', async ({ world }) => {
  const { alerts } = await monitor(world)
  for (let n = 0; n < 5; n += 1) {
    await world.advance({ minutes: 25 })
    const from = world.now
    world.jump({ seconds: 5 })
    await world.server.context.database.transaction(tx => saveAway(tx, { from, until: tx.now }))
  }
  await world.advance({ minutes: 1 })
  expect(await alerts()).toEqual([['open', 'high']])
})

test('a heartbeat is put on record when the state changes, and not each time', async ({ world }) => {
  const { token, lead } = await monitor(world)
  for (let n = 0; n < 3; n += 1) {
    await world.client()('heartbeat', { params: { token } })
    await world.advance({ minutes: 1 })
  }
  const types = async () => (await lead.call('journal', {})).items.map(({ type }) => type).filter(type => /^heartbeat\.(received|missed)$/.test(type))
  expect(await types()).toEqual(['heartbeat.received'])
  await world.advance({ hours: 2 })
  await world.client()('heartbeat', { params: { token } })
  expect(await types()).toEqual(['heartbeat.received', 'heartbeat.missed', 'heartbeat.received'])
})

test('a timer that rings too early raises nothing, and waits for the time that counts', async ({ world }) => {
  const { token, heartbeat, read, alerts } = await monitor(world)
  await world.client()('heartbeat', { params: { token } })
  const { context } = world.server
  await context.database.transaction(tx => missHeartbeat(tx, context, heartbeat.id))
  await world.settle()
  expect(await read()).toMatchObject({ state: 'healthy' })
  expect(await alerts()).toEqual([])
  await world.advance({ minutes: 60 })
  expect(await alerts()).toHaveLength(1)
})

test('monitors are added and removed by leads, and name a service that there is', async ({ world }) => {
  const { lead, heartbeat } = await monitor(world)
  const responder = await world.person('responder')
  const body = { name: 'Other', everyMinutes: 5 }
  await expect(responder.call('addHeartbeat', { body })).rejects.toMatchObject(refusal('forbidden'))
  await expect(responder.call('removeHeartbeat', { params: { id: heartbeat.id } })).rejects.toMatchObject(refusal('forbidden'))
  await expect(lead.call('addHeartbeat', { body: { ...body, serviceId: heartbeat.id } })).rejects.toMatchObject(refusal('invalid', 'serviceId'))
  await expect(lead.call('addHeartbeat', { body: { ...body, everyMinutes: 0 } })).rejects.toMatchObject(refusal('invalid', 'everyMinutes'))
  expect(await lead.call('heartbeats')).toHaveLength(1)
})

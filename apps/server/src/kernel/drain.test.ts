import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { sql } from 'drizzle-orm'
import { fastify } from 'fastify'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { Drain } from './drain.ts'
import { readSetting, saveSetting } from './settings.ts'

/** Holds up every command that opens an incident, until released. */
async function holdUp(world: World): Promise<{ waiting: () => Promise<number>; release: () => Promise<void> }> {
  const { database } = world.server.context
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  let isHeld = () => {}
  const locked = new Promise<void>(resolve => {
    isHeld = resolve
  })
  const holding = database.transaction(async tx => {
    await tx.db.execute(sql`lock table incidents in share row exclusive mode`)
    isHeld()
    await held
  })
  await locked
  return {
    waiting: async () =>
      Number(
        (await database.reader().db.execute<{ n: string }>(sql`select count(*) as n from pg_locks where relation = 'incidents'::regclass and not granted`))
          .rows[0]?.n,
      ),
    release: async () => {
      release()
      await holding
    },
  }
}

const open = (person: Person, title: string) => person.call.raw('openIncident', { body: { title, reason: 'Seen.' } })

describe('a server that is told to stop', () => {
  test('answers what is in flight, takes nothing more, and ends live streams', async ({ world }) => {
    const lead = await world.person('lead')
    const hold = await holdUp(world)
    const stream = await fetch(`${world.origin}/api/v1/live`, { headers: { cookie: lead.cookie } })
    const ended = stream.text()
    const requests = Array.from({ length: 6 }, (_, n) => open(lead, `In flight ${n}`))
    await until(async () => ((await hold.waiting()) === 6 ? true : undefined), 'all are in flight')
    let isStopped = false
    const stopped = world.server.stop().then(() => {
      isStopped = true
    })
    await expect(ended).resolves.toContain(': open')
    await expect(fetch(`${world.origin}/healthz`), 'no connection is taken').rejects.toThrow()
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(isStopped).toBe(false)
    await hold.release()
    const replies = await Promise.all(requests)
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201])
    expect(replies.map(({ headers }) => headers.get('connection'))).toEqual(Array.from({ length: 6 }, () => 'close'))
    await stopped
  })

  test('answers 503 to a request that comes on a connection it still has', async ({ world }) => {
    const lead = await world.person('lead')
    const hold = await holdUp(world)
    const first = open(lead, 'In flight')
    await until(async () => ((await hold.waiting()) === 1 ? true : undefined), 'it is in flight')
    // The head of a request has begun when the server is told to stop: its connection is no idle one.
    const { hostname, port } = new URL(world.origin)
    const socket = connect(Number(port), hostname)
    socket.write('GET /api/v1/status HTTP/1.1\r\nhost: tocsin\r\n')
    await new Promise(resolve => setTimeout(resolve, 200))
    const stopped = world.server.stop()
    const answer = text(socket)
    socket.write('\r\n')
    expect(await answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close[\s\S]*Tocsin is stopping/i)
    await hold.release()
    expect((await first).status).toBe(201)
    await stopped
  })

  test('rolls back what is not done in time: nothing is committed whose caller is not told', { timeout: 60_000 * patience }, async ({ world }) => {
    const { database } = world.server.context
    const drain = new Drain()
    const http = fastify()
    drain.watch(http)
    http.post('/slow', () =>
      drain.guard(database).transaction(async tx => {
        await saveSetting(tx, 'late', true)
        await tx.db.execute(sql`select pg_sleep(10.5)`)
        return {}
      }),
    )
    const origin = await http.listen({ port: 0 })
    const late = fetch(`${origin}/slow`, { method: 'POST' })
    await new Promise(resolve => setTimeout(resolve, 200))
    await drain.run(http, () => undefined)
    expect((await late).ok).toBe(false)
    expect(await readSetting(database.reader(), 'late', z.boolean())).toBeUndefined()
  })
})

import { routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { test, type World } from '../../test/world.ts'
import { SecurityEvents } from './security-events.ts'

/** What is stored of the entries of a type, oldest first. */
async function entries(world: World, type: string) {
  const { rows } = await world.server.context.database
    .reader()
    .db.execute<{ actor_id: string | null; subject_id: string; data: Record<string, unknown> }>(
      sql`select actor_id, subject_id, data from journal where type = ${type} order by seq`,
    )
  return rows
}

const post = (world: World, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${world.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': `curl/8 ${'x'.repeat(500)}`, ...headers },
    body: JSON.stringify(body),
  })

describe('what a person does in a request', () => {
  test('keeps its address and device in the sealed body, and what Tocsin does by itself has none', async ({ world }) => {
    const ada = await world.person('administrator')
    const reply = await fetch(`${world.origin}${routes.renameOrganization.path}`, {
      method: routes.renameOrganization.method,
      headers: { cookie: ada.cookie, origin: world.origin, 'content-type': 'application/json', 'user-agent': 'Test browser' },
      body: JSON.stringify({ name: 'Orchard' }),
    })
    expect(reply.status).toBe(204)
    const [renamed] = await entries(world, 'organization.renamed')
    expect(renamed?.data).toMatchObject({ name: 'Orchard', calledFrom: { address: '127.0.0.1', device: 'Test browser' } })
    const { items } = await ada.call('journal')
    const shown = items.find(({ type }) => type === 'organization.renamed')
    expect(shown?.data).toEqual({ name: 'Orchard', before: { name: null } })
    expect(shown?.calledFrom).toMatchObject({ address: '127.0.0.1' })
    const { rows } = await world.server.context.database
      .reader()
      .db.execute(sql`select 1 from journal where actor_kind not in ('person', 'key') and data ? 'calledFrom'`)
    expect(rows).toEqual([])
  })

  test('within an incident keeps it only for who read it: the record goes to others', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('openIncident', { body: { title: 'Leaked key', reason: 'Seen in a log.' } })
    await lead.call.raw('exportIncident', { params: { id } })
    const ofType = async (type: string) => (await entries(world, type))[0]?.data
    expect(await ofType('incident.exported')).toMatchObject({ calledFrom: { address: '127.0.0.1' } })
    expect(await ofType('incident.opened')).not.toHaveProperty('calledFrom')
  })

  test('signs out on record, from where', async ({ world }) => {
    const ada = await world.person()
    await ada.call('signOut')
    expect((await entries(world, 'session.ended'))[0]).toMatchObject({ actor_id: ada.id, data: { calledFrom: { address: '127.0.0.1' } } })
  })
})

describe('what callers are refused', () => {
  test('is one entry a minute, with how often, however often it was', async ({ world }) => {
    const { securityEvents } = world.server.context
    const observer = await world.person('observer')
    await Promise.all(Array.from({ length: 40 }, () => observer.call('journal').catch(() => undefined)))
    expect(await entries(world, 'access.refused')).toEqual([])
    await securityEvents.flush()
    expect(await entries(world, 'access.refused')).toMatchObject([
      { actor_id: observer.id, subject_id: observer.id, data: { reason: 'forbidden', area: 'journal', count: 40, addresses: ['127.0.0.1'] } },
    ])
    await securityEvents.flush()
    expect(await entries(world, 'access.refused')).toHaveLength(1)
  })

  test('names each kind: no account, a locked one, keys, sessions, links, signatures, passkeys', async ({ world }) => {
    const { securityEvents } = world.server.context
    const typed = 'Tr0ub4dor-my-password@example.org'
    for (let n = 0; n < 3; n += 1) await post(world, '/api/v1/session', { email: typed, password: 'x' })
    const ada = await world.person()
    for (let n = 0; n < 7; n += 1) await post(world, '/api/v1/session', { email: ada.email, password: 'x' })
    await fetch(`${world.origin}/api/v1/alerts`, { headers: { authorization: 'Bearer tok_wrong' } })
    await fetch(`${world.origin}/api/v1/alerts`, { headers: { cookie: 'tocsin_session=wrong' } })
    await post(world, '/api/v1/page-links/view', { token: 'wrong' })
    await post(world, '/in/wrong/events', {})
    await post(world, '/hooks/slack', {})
    await post(world, '/api/v1/session/passkey', { challengeId: crypto.randomUUID(), response: { id: 'x' } })
    await securityEvents.flush()
    const refused = await entries(world, 'access.refused')
    const of = (reason: string) => refused.filter(({ data }) => data.reason === reason).map(({ data }) => data)
    expect(of('unknown-account')).toMatchObject([{ count: 3, accounts: [expect.any(String)], device: expect.stringMatching(/^curl\/8 x+$/) }])
    expect(String(of('unknown-account')[0]?.device).length).toBe(300)
    expect(JSON.stringify(refused)).not.toContain('my-password')
    expect(refused.filter(({ data }) => data.reason === 'locked').map(({ subject_id }) => subject_id)).toEqual([ada.id])
    expect(of('not-signed-in')).toMatchObject([{ area: 'alerts', count: 2 }])
    for (const reason of ['wrong-link', 'wrong-key', 'wrong-signature', 'passkey']) expect(of(reason), reason).toMatchObject([{ count: 1 }])
    // A browser that opens the sign-in page shows nothing, and is refused nothing.
    await fetch(`${world.origin}/api/v1/me`)
    await securityEvents.flush()
    expect(await entries(world, 'access.refused')).toHaveLength(refused.length)
  })

  test('counts what is not valid, too large or of another type, by who sent it, and never what was sent', async ({ world }) => {
    const { securityEvents } = world.server.context
    const responder = await world.person('responder')
    const probe = "'; drop table people; --"
    for (let n = 0; n < 20; n += 1) await responder.call.raw('acknowledgePage', { params: { id: probe } }).catch(() => undefined)
    await post(world, '/api/v1/session', { email: probe })
    await post(world, '/api/v1/session', { email: 'x'.repeat(100_000) })
    await post(world, '/api/v1/reports', {}, { 'content-type': 'text/xml' })
    await post(world, '/in/wrong/alertmanager', { version: '9' })
    await securityEvents.flush()
    const refused = (await entries(world, 'access.refused')).filter(({ data }) => data.reason === 'invalid')
    expect(refused.map(({ subject_id, data }) => [subject_id, data.area, data.count]).toSorted()).toEqual(
      [
        [responder.id, 'pages', 20],
        ['127.0.0.1', 'session', 2],
        ['127.0.0.1', 'reports', 1],
        ['127.0.0.1', 'in', 1],
      ].toSorted(),
    )
    expect(JSON.stringify(refused)).not.toContain('drop table')
  })

  test('takes a bounded place, whoever asks from how many addresses', async ({ world }) => {
    const { securityEvents } = world.server.context
    for (let n = 0; n < 5_000; n += 1)
      securityEvents.unknownAccount(`nobody${n}@example.org`, { address: `198.51.${Math.floor(n / 250)}.${n % 250}`, device: 'x' })
    await securityEvents.flush()
    const refused = await entries(world, 'access.refused')
    expect(refused.length).toBe(501)
    expect(refused.reduce((sum, { data }) => sum + Number(data.count), 0)).toBe(5_000)
    for (const { data } of refused) for (const named of [data.addresses, data.accounts]) expect((named as unknown[]).length).toBeLessThanOrEqual(10)
  })

  test('names accounts also while strangers fill their place', async ({ world }) => {
    const { securityEvents } = world.server.context
    const [observer, lead] = [await world.person('observer'), await world.person('lead')]
    for (let n = 0; n < 600; n += 1) securityEvents.unknownAccount('nobody@example.org', { address: `198.51.${Math.floor(n / 250)}.${n % 250}`, device: 'x' })
    await observer.call('journal').catch(() => undefined)
    await lead.call('customers')
    securityEvents.locked(lead.id, { address: '198.51.100.1', device: 'x' })
    await securityEvents.flush()
    expect(await entries(world, 'records.read')).toMatchObject([{ actor_id: lead.id, data: { area: 'customers' } }])
    const refused = await entries(world, 'access.refused')
    expect(refused.slice(501)).toMatchObject([
      { actor_id: observer.id, data: { reason: 'forbidden' } },
      { subject_id: lead.id, data: { reason: 'locked' } },
    ])
  })
})

describe('what people read', () => {
  test('of customers and the audit log is on record within a minute, and then once an hour with how often', async ({ world }) => {
    const { securityEvents } = world.server.context
    const ada = await world.person('lead')
    await ada.call('customers')
    await securityEvents.flush()
    for (let n = 0; n < 9; n += 1) await ada.call('customers')
    await ada.call('journal')
    await securityEvents.flush()
    const counts = async () => (await entries(world, 'records.read')).map(({ actor_id, data }) => [actor_id === ada.id, data.area, data.count])
    expect(await counts()).toEqual([
      [true, 'customers', 1],
      [true, 'journal', 1],
    ])
    world.jump({ hours: 1 })
    await securityEvents.flush()
    expect((await counts()).at(-1)).toEqual([true, 'customers', 9])
  })

  test('is put on record at the stop', async ({ world }) => {
    const { context } = world.server
    const ada = await world.person('lead')
    for (const isLast of [false, true]) {
      await ada.call('customers')
      await context.securityEvents.flush(isLast)
    }
    expect(await entries(world, 'records.read')).toHaveLength(2)
    // Also what a write just before it has lost: the stop waits for that.
    const failing = Promise.withResolvers<never>()
    let writes = 0
    const transaction: typeof context.database.transaction = (work, signal) => {
      writes += 1
      return writes === 1 ? failing.promise : context.database.transaction(work, signal)
    }
    const events = new SecurityEvents({ ...context, database: { ...context.database, transaction } })
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    events.start()
    events.unknownAccount('nobody@example.org', { address: '198.51.100.7', device: 'x' })
    vi.advanceTimersByTime(60_000)
    events.unknownAccount('somebody@example.org', { address: '198.51.100.7', device: 'x' })
    const stopped = events.stop()
    failing.reject(new Error('the database is away'))
    await stopped
    const [refused] = await entries(world, 'access.refused')
    expect(refused?.data).toMatchObject({ count: 2, accounts: [expect.any(String), expect.any(String)] })
  })

  test('is bounded while nothing can be put on record, and no refusal is lost', async ({ world }) => {
    const { context } = world.server
    let isAway = true
    const transaction: typeof context.database.transaction = (work, signal) =>
      isAway ? Promise.reject(new Error('the database is away')) : context.database.transaction(work, signal)
    const events = new SecurityEvents({ ...context, database: { ...context.database, transaction } })
    for (let round = 0; round < 3; round += 1) {
      const lost = events.flush()
      for (let n = 0; n < 600; n += 1) events.unknownAccount('nobody@example.org', { address: `10.${round}.${n >> 8}.${n & 255}`, device: 'x' })
      await lost
    }
    isAway = false
    await events.flush()
    const refused = await entries(world, 'access.refused')
    expect(refused).toHaveLength(501)
    expect(refused.reduce((sum, { data }) => sum + Number(data.count), 0)).toBe(1_800)
    expect(refused.filter(({ subject_id }) => subject_id === 'many')).toMatchObject([{ data: { count: 1_300 } }])
  })
})

import { createClient, type RouteName, routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { expect, vi } from 'vitest'
import { linkIn, type Person, test, type World } from '../../test/world.ts'
import { Idempotency } from './idempotency.ts'
import { idempotencyKeys } from './tables.ts'

/** Sends a request as this person's browser would, with a key of our choice. */
const send = (world: World, person: Person, path: string, key: string, body: unknown, method = 'POST') =>
  fetch(`${world.origin}${path}`, {
    method,
    headers: {
      cookie: person.cookie,
      origin: world.origin,
      'idempotency-key': key,
      ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
    },
    body: body instanceof FormData ? body : JSON.stringify(body),
  })
const incidentOf = (title: string) => ({ title, reason: 'Seen.' })
const openTitles = async (person: Person) => (await person.call('incidents', {})).items.map(({ title }) => title).sort()

test('the same request with the same key runs once, and is answered the same', async ({ world }) => {
  const lead = await world.person('lead')
  const first = await send(world, lead, '/api/v1/incidents', 'k1', incidentOf('One'))
  const second = await send(world, lead, '/api/v1/incidents', 'k1', incidentOf('One'))
  expect([first.status, second.status]).toEqual([201, 201])
  expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([null, 'true'])
  expect(await second.json()).toEqual(await first.json())
  expect(await openTitles(lead)).toEqual(['One'])
})

test('another body with the same key is refused; another person or route has keys of its own', async ({ world }) => {
  const [lead, other] = [await world.person('lead'), await world.person('lead')]
  await send(world, lead, '/api/v1/incidents', 'k1', incidentOf('One'))
  const reused = await send(world, lead, '/api/v1/incidents', 'k1', incidentOf('Two'))
  expect([reused.status, ((await reused.json()) as { type: string }).type]).toEqual([422, 'urn:tocsin:problem:key-reused'])
  expect((await send(world, other, '/api/v1/incidents', 'k1', incidentOf('Other'))).status).toBe(201)
  expect((await send(world, lead, '/api/v1/alerts', 'k1', { title: 'An alert', severity: 'low' })).ok).toBe(true)
  expect(await openTitles(lead)).toEqual(['One', 'Other'])
  for (const bad of ['', 'with space', 'x'.repeat(201)]) expect((await send(world, lead, '/api/v1/incidents', bad, incidentOf('Bad'))).status, bad).toBe(400)
})

test('ten at once with one key make one, and all get its answer', async ({ world }) => {
  const lead = await world.person('lead')
  const replies = await Promise.all(Array.from({ length: 10 }, () => send(world, lead, '/api/v1/incidents', 'k1', incidentOf('One'))))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]))
  expect(new Set(await Promise.all(replies.map(async reply => ((await reply.json()) as { id: string }).id))).size).toBe(1)
  expect(await openTitles(lead)).toEqual(['One'])
})

test('a request that failed may be sent again with its key', async ({ world }) => {
  const lead = await world.person('lead')
  const name = {
    name: 'Billing',
    securityTeamId: '00000000-0000-4000-8000-000000000000',
    engineeringTeamId: '00000000-0000-4000-8000-000000000000',
    pageFrom: 'high',
  }
  const refused = await send(world, lead, '/api/v1/services', 'k1', name)
  expect(refused.ok).toBe(false)
  const { team } = await world.team()
  const engineering = await world.team({ kind: 'engineering', tiers: 1 })
  expect((await send(world, lead, '/api/v1/services', 'k1', { ...name, securityTeamId: team.id, engineeringTeamId: engineering.team.id })).ok).toBe(true)
})

test('a secret that is shown once is shown to a repetition, and is not readable in the database', async ({ world }) => {
  const lead = await world.person('administrator')
  const create = () => send(world, lead, '/api/v1/api-keys', 'k1', { name: 'ci', scopes: ['alerts:write'] })
  const [first, second] = [(await (await create()).json()) as { secret: string }, (await (await create()).json()) as { secret: string }]
  expect(first.secret).toMatch(/^tok_/)
  expect(second).toEqual(first)
  const { rows } = await world.server.context.database.reader().db.execute<{ reply: string }>(sql`select reply from idempotency_keys where reply is not null`)
  expect(rows.length).toBeGreaterThan(0)
  expect(JSON.stringify(rows)).not.toContain(first.secret)
})

test('after 24 hours a key is free again, and old keys are removed', async ({ world }) => {
  const lead = await world.person('lead')
  const count = async () =>
    Number((await world.server.context.database.reader().db.execute<{ n: string }>(sql`select count(*) as n from idempotency_keys`)).rows[0]?.n)
  const open = (title: string) => send(world, lead, '/api/v1/incidents', 'k1', incidentOf(title))
  await open('One')
  world.jump({ hours: 23, minutes: 59 })
  expect((await open('Another')).status).toBe(422)
  world.jump({ minutes: 1 })
  expect((await open('Another')).status).toBe(201)
  expect(await openTitles(lead)).toEqual(['Another', 'One'])
  expect(await count()).toBe(1)
  await world.advance({ hours: 49 })
  expect(await count()).toBe(0)
})

test('workflows and forms: a repetition does nothing twice, one with another file is refused', async ({ world }) => {
  const lead = await world.person('lead')
  const rule = (title: string) => {
    const form = new FormData()
    form.append('isEnabled', 'true')
    const id = '44444444-4444-4444-8444-444444444444'
    const text = `title: ${title}\nid: ${id}\nlogsource: {category: test}\ndetection:\n  selection:\n    F: evil\n  condition: selection\nlevel: low\n`
    form.append('files', new Blob([text]), 'rule.yml')
    return form
  }
  const path = routes.importDetectionRules.path
  const replies = await Promise.all([1, 2, 3].map(() => send(world, lead, path, 'k1', rule('Seen'))))
  for (const reply of replies.filter(({ ok }) => !ok)) expect([reply.status, reply.headers.get('retry-after')]).toEqual([409, '5'])
  const answers = await Promise.all(replies.filter(({ ok }) => ok).map(reply => reply.json()))
  expect(answers.length).toBeGreaterThan(0)
  const again = await send(world, lead, path, 'k1', rule('Seen'))
  expect([again.headers.get('idempotent-replayed'), await again.json()]).toEqual(['true', answers[0]])
  expect((await send(world, lead, path, 'k1', rule('Other'))).status).toBe(422)
})

test('a workflow that was cut off is told to come again, and may run again after some minutes', async ({ world }) => {
  const lead = await world.person('lead')
  const check = () => send(world, lead, routes.checkDetectionRule.path, 'k1', { text: 'title: x' })
  expect((await check()).status).toBe(200)
  await world.server.context.database.transaction(tx => tx.db.execute(sql`update idempotency_keys set reply = null`))
  expect((await check()).status).toBe(409)
  world.jump({ minutes: 5 })
  expect((await check()).status).toBe(200)
})

test('callers that are not known share no keys: none can use up, or read, what another asked', async ({ world }) => {
  const administrator = await world.person('administrator')
  const keyOf = async (name: string) => (await administrator.call('createIntegration', { body: { kind: 'pagerduty', name } })).key
  const enqueue = async (routingKey: string, summary: string) => {
    const reply = await fetch(`${world.origin}/v2/enqueue`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'incident-1' },
      body: JSON.stringify({ routing_key: routingKey, event_action: 'trigger', payload: { summary, source: 'db-1', severity: 'critical' } }),
    })
    return [reply.status, reply.headers.get('idempotent-replayed')]
  }
  const [one, two] = [await keyOf('One'), await keyOf('Two')]
  expect(await enqueue(one, 'First')).toEqual([202, null])
  expect(await enqueue(two, 'Second')).toEqual([202, null])
  expect(await enqueue(one, 'First'), 'the same request again is one').toEqual([202, 'true'])
  expect((await administrator.call('alerts', {})).items.map(alert => alert.title).sort()).toEqual(['First', 'Second'])
})

test('a run that took too long leaves alone the key that a later run has', async ({ world }) => {
  const { database, secrets } = world.server.context
  const idempotency = new Idempotency(secrets)
  const request = { id: 'i', request: 'r' }
  const late = Promise.withResolvers<number>()
  const first = idempotency.workflow(
    database,
    request,
    () => late.promise,
    () => true,
  )
  await vi.waitFor(async () => expect((await database.reader().db.select().from(idempotencyKeys)).map(row => row.id)).toContain('i'))
  world.jump({ seconds: 301 })
  expect(
    await idempotency.workflow(
      database,
      request,
      async () => 2,
      () => true,
    ),
  ).toEqual({ result: 2, isReplayed: false })
  late.reject(new Error('too late'))
  await expect(first).rejects.toThrow('too late')
  expect(
    await idempotency.workflow(
      database,
      request,
      async () => 3,
      () => true,
    ),
  ).toEqual({ result: 2, isReplayed: true })
})

test('no session is handed to who repeats a sign-in', async ({ world }) => {
  const administrator = await world.person('administrator')
  await administrator.call('invite', { body: { email: 'eve@tocsin.test', name: 'Eve', role: 'responder' } })
  await world.settle()
  const token = linkIn(world.expectMail('eve@tocsin.test', /invited/), '/invite/')
  const accept = () =>
    fetch(`${world.origin}${routes.acceptInvitation.path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: world.origin, 'idempotency-key': 'k1' },
      body: JSON.stringify({ token, name: 'Eve', password: 'correct horse battery staple' }),
    })
  const first = await accept()
  expect([first.ok, first.headers.get('set-cookie')]).toEqual([true, expect.stringContaining('tocsin_session=')])
  const second = await accept()
  expect([second.ok, second.headers.get('set-cookie')]).toEqual([false, null])
})

test('the client repeats a change without a reply under one key, and that changes nothing twice', async ({ world }) => {
  const lead = await world.person('lead')
  let losses = 2
  const keys = new Set<string>()
  const lossy: typeof fetch = async (input, init) => {
    const headers = init?.headers as Record<string, string>
    keys.add(headers['idempotency-key'] ?? '')
    const reply = await fetch(input, { ...init, headers: { ...headers, cookie: lead.cookie, origin: world.origin } })
    if (losses-- > 0) throw new TypeError('fetch failed')
    return reply
  }
  const call = createClient({ origin: world.origin, fetch: lossy, retries: 2 })
  await call('openIncident', { body: incidentOf('One') })
  expect([await openTitles(lead), keys.size]).toEqual([['One'], 1])
  await call('openIncident', { body: incidentOf('Two') })
  expect([await openTitles(lead), keys.size]).toEqual([['One', 'Two'], 2])
})

test('the API document names the header for each operation that changes something', async ({ world }) => {
  const document = (await (await fetch(`${world.origin}/api/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { operationId: string; parameters?: { name: string }[] }>>
  }
  for (const [path, operations] of Object.entries(document.paths))
    for (const [method, { operationId, parameters = [] }] of Object.entries(operations)) {
      expect(routes[operationId as RouteName], path).toBeDefined()
      expect(
        parameters.some(({ name }) => name === 'Idempotency-Key'),
        `${method} ${path}`,
      ).toBe(method !== 'get')
    }
})

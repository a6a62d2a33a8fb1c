import { type Route, routes } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { fastify } from 'fastify'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'
import { readConfig } from '../app/config.ts'
import { addDays } from '../kernel/clock.ts'
import { isSameOrigin } from '../kernel/http.ts'
import { type Caller, command, nameOfCaller, openCommand, openQuery, openWorkflow, query, workflow } from './caller.ts'
import { people, sessions } from './tables.ts'

const never = () => Promise.reject(new Error('the handler was called'))

/** The status that a request without an origin is answered with, and the sentence of a refusal. */
async function ask(world: World, route: Route, headers: Record<string, string>, body?: unknown): Promise<[number, string?]> {
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { ...headers, 'content-type': 'application/json' } }
  const reply = await fetch(`${world.origin}${route.path}`, { method: route.method, headers, ...json })
  const text = await reply.text()
  return reply.ok ? [reply.status] : [reply.status, JSON.parse(text).detail]
}

const alert = { title: 'Odd', severity: 'low' }
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })

describe('a handler', () => {
  test('of a known caller is not bound to a public route, nor one of anybody to another', () => {
    for (const bind of [() => command(routes.signIn, never), () => query(routes.status, never), () => workflow(routes.signIn, never)])
      expect(bind).toThrow('is public')
    for (const bind of [() => openCommand(routes.signOut, never), () => openQuery(routes.me, never), () => openWorkflow(routes.signOut, never)])
      expect(bind).toThrow('is not public')
    expect([command(routes.signOut, never), query(routes.me, never), openQuery(routes.status, never)].map(({ route }) => route)).toEqual([
      routes.signOut,
      routes.me,
      routes.status,
    ])
  })

  test('of a known caller never runs for nobody', async ({ world }) => {
    const connection = { ip: '', userAgent: '', cookie: () => undefined, setCookie() {}, clearCookie() {}, onClose() {} }
    const call = { params: {}, query: {}, body: {}, caller: null, files: [], connection }
    const once = { inside: (_: unknown, work: () => Promise<unknown>) => work(), around: (work: () => Promise<unknown>) => work() }
    for (const { run } of [command(routes.signOut, never), query(routes.me, never), workflow(routes.signOut, never)])
      expect(() => run(world.server.context.database, call, once)).toThrow('was called by nobody')
  })
})

test('the name of a caller is of the person or the key, not of the session', () => {
  const ada: Caller = { actor: { kind: 'person', id: 'a', name: 'Ada' }, personId: 'a', role: 'lead', needToKnow: 'own', sessionId: 's' }
  expect(nameOfCaller({ ...ada, sessionId: 't' })).toBe(nameOfCaller(ada))
  const others = [null, { ...ada, actor: { ...ada.actor, id: 'b' } }, { ...ada, actor: { ...ada.actor, kind: 'key' as const }, sessionId: null }]
  expect(new Set([ada, ...others].map(nameOfCaller)).size).toBe(4)
})

describe('a session', () => {
  test('reads whoever asks the browser to, changes only from our own pages, and within its role', async ({ world }) => {
    const { cookie } = await world.person('observer')
    expect(await ask(world, routes.alerts, { cookie })).toEqual([200])
    expect(await ask(world, routes.createAlerts, { cookie }, alert)).toEqual([403, 'Cross-site requests are not allowed.'])
    expect(await ask(world, routes.createAlerts, { cookie, origin: world.origin }, alert)).toEqual([
      403,
      'This requires the role responder. Your role is observer.',
    ])
    const responder = await world.person('responder')
    expect(await ask(world, routes.createAlerts, { cookie: responder.cookie, origin: world.origin }, alert)).toEqual([202])
  })

  test('with half its factors opens the account alone, one that is made up or missing nothing, and public routes need none', async ({ world }) => {
    const { id, cookie } = await world.person('administrator')
    await world.lowerSessions({ id })
    expect(await ask(world, routes.me, { cookie })).toEqual([200])
    expect(await ask(world, routes.alerts, { cookie })).toEqual([401, 'Verify your second factor first.'])
    expect(await ask(world, routes.me, { cookie: `${cookie}x` })).toEqual([401, 'The session has ended. Sign in again.'])
    expect(await ask(world, routes.me, {})).toEqual([401, 'Sign in, or send an API key.'])
    expect(await ask(world, routes.status, {})).toEqual([200])
  })
})

describe('an API key', () => {
  test('does what its scopes say within the role of its service account, and is told what it lacks', async ({ world }) => {
    const administrator = await world.person('administrator')
    const maker = await world.person('administrator', 'Ada')
    const { key, secret } = await maker.call('createApiKey', {
      body: { name: 'CI', role: 'responder', scopes: ['alerts:read', 'alerts:write', 'catalog:write'] },
    })
    expect(await ask(world, routes.alerts, bearer(secret))).toEqual([200])
    expect(await ask(world, routes.createAlerts, { authorization: `bearer ${secret}` }, alert), 'a scheme has no case (RFC 9110, section 11.1)').toEqual([202])
    expect((await administrator.call('journal', {})).items.find(({ type }) => type === 'alert.received')).toMatchObject({
      actor: { kind: 'key', id: key.id, name: 'CI (service account)' },
    })
    expect(await ask(world, routes.services, bearer(secret))).toEqual([
      403,
      'This requires the scope catalog:read. The API key has alerts:read, alerts:write, catalog:write.',
    ])
    for (const route of [routes.me, routes.apiKeys]) expect(await ask(world, route, bearer(secret))).toEqual([403, 'This action is not available to API keys.'])
    expect(await ask(world, routes.saveTeam, bearer(secret), {})).toEqual([403, 'This requires the role lead. The service account has the role responder.'])
    await administrator.call('changePerson', { params: { id: maker.id }, body: { role: 'observer' } })
    await administrator.call('changePerson', { params: { id: maker.id }, body: { isActive: false } })
    expect(await ask(world, routes.createAlerts, bearer(secret), alert), 'its maker left').toEqual([202])
  })

  test('that is wrong in any part opens nothing, also beside a cookie that would', async ({ world }) => {
    const { id, cookie, call } = await world.person('administrator')
    const { key, secret } = await call('createApiKey', { body: { name: 'CI', scopes: ['alerts:read'] } })
    const random = secret.slice(`tok_${key.id}_`.length)
    const wrong = [`${secret}x`, secret.slice(0, -1), `tok_${id}_${random}`, `tok_${'-'.repeat(36)}_${random}`, `tok_${key.id}_`, random, 'x']
    for (const given of wrong) expect(await ask(world, routes.alerts, { ...bearer(given), cookie }), given).toEqual([401, 'The API key is not valid.'])
    expect(await ask(world, routes.alerts, bearer(secret))).toEqual([200])
    await call('revokeApiKey', { params: { id: key.id } })
    expect(await ask(world, routes.alerts, bearer(secret))).toEqual([401, 'The API key is not valid.'])
  })
})

test('a key opens nothing after its time, nor from elsewhere, and its first use and that of each day are on record with the address', async ({ world }) => {
  const administrator = await world.person('administrator')
  const make = async (more: { networks?: string[]; expiresInDays?: number }) =>
    administrator.call('createApiKey', { body: { name: 'CI', role: 'observer', scopes: ['alerts:read'], ...more } })
  const uses = async () =>
    (await administrator.call('journal', { query: { limit: 200 } })).items.flatMap(({ type, data }) => (type === 'api-key.used' ? [data] : []))
  const elsewhere = await make({ networks: ['203.0.113.0/24', '2001:db8::/32'] })
  expect(await ask(world, routes.alerts, bearer(elsewhere.secret))).toEqual([403, 'The API key may not be used from 127.0.0.1.'])
  expect(await uses()).toEqual([])
  const { key, secret } = await make({ networks: ['10.0.0.0/8', '127.0.0.0/8'], expiresInDays: 3 })
  expect(key).toMatchObject({ lastUsedFrom: null, expiresAt: addDays(world.now, 3), seesRestricted: false })
  for (const _ of [1, 2]) expect(await ask(world, routes.alerts, bearer(secret))).toEqual([200])
  expect(await uses()).toEqual([{ name: 'CI', address: '127.0.0.1' }])
  expect((await administrator.call('apiKeys')).find(({ id }) => id === key.id)).toMatchObject({ lastUsedAt: world.now, lastUsedFrom: '127.0.0.1' })
  world.jump({ hours: 24 })
  expect(await Promise.all([1, 2, 3, 4].map(() => ask(world, routes.alerts, bearer(secret))))).toEqual(Array(4).fill([200]))
  expect((await uses()).length).toBe(2)
  world.jump({ hours: 48 })
  expect(await ask(world, routes.alerts, bearer(secret))).toEqual([401, 'The API key has expired. An administrator can create another one.'])
  for (const body of [{ expiresInDays: 731 }, { networks: ['10.0.0.0/33'] }, { networks: ['host'] }])
    await expect(make(body)).rejects.toMatchObject(refusal('invalid'))
})

test('a session opens nothing while its person is deactivated; the service account that they made goes on', async ({ world }) => {
  const { id, cookie, call } = await world.person('administrator')
  const { secret } = await call('createApiKey', { body: { name: 'CI', scopes: ['alerts:read'] } })
  // In the database, because deactivating by the API also ends sessions.
  const setActive = (isActive: boolean) => world.server.context.database.transaction(tx => tx.db.update(people).set({ isActive }).where(eq(people.id, id)))
  const statuses = async () => [(await ask(world, routes.alerts, { cookie }))[0], (await ask(world, routes.alerts, bearer(secret)))[0]]
  expect(await statuses()).toEqual([200, 200])
  await setActive(false)
  expect(await statuses()).toEqual([401, 200])
  await setActive(true)
  expect(await statuses()).toEqual([200, 200])
})

test('when a session or an API key was last used is kept to the minute', async ({ world }) => {
  const { call } = await world.person('administrator')
  const { secret } = await call('createApiKey', { body: { name: 'CI', scopes: ['alerts:read'] } })
  const lastUsed = async () => {
    await ask(world, routes.alerts, bearer(secret))
    return [(await call('me')).sessions[0]?.lastSeenAt, (await call('apiKeys'))[0]?.lastUsedAt]
  }
  const first = world.now
  // Sessions of test worlds are used a year from now, so that they are never idle.
  await world.server.context.database.reader().db.update(sessions).set({ lastSeenAt: first })
  expect(await lastUsed()).toEqual([first, first])
  world.jump({ seconds: 60 })
  expect(await lastUsed(), 'no write for each request').toEqual([first, first])
  world.jump({ seconds: 1 })
  const second = world.now
  expect(await lastUsed()).toEqual([second, second])
  world.jump({ seconds: 30 })
  expect(await lastUsed()).toEqual([second, second])
})

describe('a rate limit', () => {
  /** Wrong sign-ins, of which the contract allows 20 a minute from one address. */
  const signIns = async (world: World, headersOf: (n: number) => Record<string, string>) => {
    const body = JSON.stringify({ email: 'nobody@tocsin.test', password: 'wrong wrong wrong' })
    const statuses: number[] = []
    for (let n = 0; n < 24; n += 1) {
      const headers = { 'content-type': 'application/json', origin: world.origin, ...headersOf(n) }
      statuses.push((await fetch(`${world.origin}/api/v1/session`, { method: 'POST', headers, body })).status)
    }
    return statuses.filter(status => status === 429).length
  }

  test.for([
    ['an Authorization header', (n: number) => ({ authorization: `x${n}` })],
    ['a cookie', (n: number) => ({ cookie: `tocsin_session=x${n}` })],
    ['an address that nobody trusted has written', (n: number) => ({ 'x-forwarded-for': `192.0.2.${n}` })],
  ] as const)('is not got around with %s', async ([, headersOf], { world }) => {
    expect(await signIns(world, headersOf)).toBe(4)
  })

  test('counts a verified caller, whatever the session', async ({ world }) => {
    const { call } = await world.person('observer')
    const other = await world.person('observer')
    const change = (who: typeof call) => who.raw('changePassword', { body: { current: 'x', next: 'a much better staple' } }).then(() => 'ok', String)
    const answers: string[] = []
    for (let n = 0; n < 11; n += 1) answers.push(await change(call))
    expect(answers.findIndex(answer => answer.includes('limit is 10 per minute'))).toBe(10)
    expect(await change(other.call), 'somebody else at the same address').not.toContain('limit')
  })

  describe('behind a proxy', () => {
    test.override({ options: { env: { TOCSIN_TRUST_PROXY: '127.0.0.0/8,10.0.0.0/8' } } })

    test('counts the right-most address that is no proxy, and whatever a stranger writes before it changes nothing', async ({ world }) => {
      expect(await signIns(world, n => ({ 'x-forwarded-for': `192.0.2.${n}, 198.51.100.7, 10.1.2.3` }))).toBe(4)
      expect(await signIns(world, n => ({ 'x-forwarded-for': `203.0.113.${n}, 10.1.2.3` })), 'real addresses have a share each').toBe(0)
    })
  })
})

test('the origin of a change must have come with TLS where Tocsin is reached with it', async () => {
  const isTaken = async (publicUrl: string | undefined, origin: string) => {
    const config = readConfig(publicUrl === undefined ? {} : { TOCSIN_PUBLIC_URL: publicUrl })
    const http = fastify()
    http.post('/', async request => ({ isTaken: isSameOrigin(config, request) }))
    return (await http.inject({ method: 'POST', url: '/', headers: { host: 'inside:8080', origin } })).json().isTaken
  }
  expect(await isTaken('https://tocsin.example', 'https://tocsin.example')).toBe(true)
  expect(await isTaken('https://tocsin.example', 'http://tocsin.example')).toBe(false)
  expect(await isTaken('https://tocsin.example', 'https://inside:8080')).toBe(true)
  expect(await isTaken('https://tocsin.example', 'http://inside:8080')).toBe(false)
  expect(await isTaken(undefined, 'http://inside:8080')).toBe(true)
})

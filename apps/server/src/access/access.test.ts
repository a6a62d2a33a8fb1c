import { type Role, type Route, type RouteName, roles, routes, scopes } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { patience } from '../../test/patience.ts'
import { test, type World } from '../../test/world.ts'

const all = Object.entries(routes) as [RouteName, Route][]
const nobody = '01900000-0000-7000-8000-000000000000'

async function request(world: World, route: Route, headers: Record<string, string>): Promise<number> {
  const path = route.path
    .replace('{role}', 'lead')
    .replace('{class}', 'suspected')
    .replace(/\{\w+\}/g, nobody)
  const body = route.method === 'GET' || route.method === 'DELETE' ? {} : { body: '{}', headers: { ...headers, 'content-type': 'application/json' } }
  const reply = await fetch(`${world.origin}${path}`, { method: route.method, headers, ...body })
  await reply.body?.cancel()
  return reply.status
}

describe('every route says who may call it, and keeps to it', () => {
  test('nobody without an account passes where the contract asks for one', async ({ world }) => {
    for (const [name, route] of all) {
      const status = await request(world, route, { origin: world.origin })
      if (route.access.kind === 'public') expect(status, name).not.toBe(401)
      else expect(status, name).toBe(401)
    }
  })

  test('a role below the one that a route asks for is refused, and the one that it asks for is not', { timeout: 120_000 * patience }, async ({ world }) => {
    const people = Object.fromEntries(await Promise.all(roles.map(async role => [role, await world.person(role)] as const))) as Record<
      Role,
      Awaited<ReturnType<World['person']>>
    >
    for (const [name, route] of all) {
      if (route.access.kind !== 'role') continue
      for (const role of roles) {
        // Commands that end what the walk depends on are checked for refusal only.
        const isRefused = roles.indexOf(role) < roles.indexOf(route.access.role)
        if (!isRefused && ['liveEvents', 'loadDemo', 'removeDemo', 'exportJournal'].includes(name)) continue
        const status = await request(world, route, { origin: world.origin, cookie: people[role].cookie })
        if (isRefused) expect(status, `${name} as ${role}`).toBe(403)
        else expect([401, 403, 500], `${name} as ${role}`).not.toContain(status)
      }
    }
  })

  test('a session without its second factor opens nothing but the account itself', async ({ world }) => {
    const person = await world.person('administrator')
    await world.lowerSessions(person)
    for (const [name, route] of all)
      if (route.access.kind === 'role') expect(await request(world, route, { origin: world.origin, cookie: person.cookie }), name).toBe(401)
    expect((await person.call('me')).assurance).toBe('password')
  })

  test('a key does what its scope says, and nothing that is for people', { timeout: 120_000 * patience }, async ({ world }) => {
    const administrator = await world.person('administrator')
    for (const scope of scopes) {
      const { secret } = await administrator.call('createApiKey', { body: { name: scope, scopes: [scope] } })
      for (const [name, route] of all) {
        if (route.access.kind === 'public' || name === 'liveEvents') continue
        const isAllowed = route.access.kind === 'role' && route.access.scope === scope
        const status = await request(world, route, { authorization: `Bearer ${secret}` })
        if (isAllowed) expect([401, 403, 500], `${name} with ${scope}`).not.toContain(status)
        else expect(status, `${name} with ${scope}`).toBe(403)
      }
    }
  })

  test('a key never goes beyond the role of who made it, and ends with a revocation', async ({ world }) => {
    const administrator = await world.person('administrator')
    const second = await world.person('administrator')
    const { secret, key } = await second.call('createApiKey', { body: { name: 'all', scopes: [...scopes] } })
    await administrator.call('changePerson', { params: { id: second.id }, body: { role: 'observer' } })
    expect(await request(world, routes.createAlerts, { authorization: `Bearer ${secret}` })).toBe(403)
    expect(await request(world, routes.alerts, { authorization: `Bearer ${secret}` })).toBe(200)
    await administrator.call('revokeApiKey', { params: { id: key.id } })
    expect(await request(world, routes.alerts, { authorization: `Bearer ${secret}` })).toBe(401)
  })

  test('an act in a session must come from our own pages (CSRF)', async ({ world }) => {
    const person = await world.person('responder')
    const post = (headers: Record<string, string>) =>
      fetch(`${world.origin}/api/v1/alerts`, {
        method: 'POST',
        headers: { cookie: person.cookie, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ title: 'x', severity: 'low' }),
      })
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403)
    expect((await post({})).status).toBe(403)
    expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await post({ origin: world.origin })).status).toBe(202)
  })
})

import { createClient, type Role, type Route, type RouteName, roles, routes, scopes } from '@tocsin/api'
import { verifyExport } from '@tocsin/merkle'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/alertmanager.ts'
import { type Canaries, canary, fillRestricted } from '../../test/canary.ts'
import { patience } from '../../test/patience.ts'
import { tracedFetch } from '../../test/request-statements.ts'
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

  test('a key never goes beyond the role of its service account, and ends with a revocation', async ({ world }) => {
    const administrator = await world.person('administrator')
    const second = await world.person('administrator')
    const { secret, key } = await second.call('createApiKey', { body: { name: 'all', role: 'observer', scopes: [...scopes] } })
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

/** The folder that an id in a path follows, and the id. */
const idsInPath = (route: Route) => [...route.path.matchAll(/([\w-]+)\/\{\w+\}/g)].map(([, folder = '']) => folder)

/** A path with ids of what is restricted; undefined where some part of it has none. */
function pathTo(route: Route, ids: Readonly<Record<string, string>>): string | undefined {
  const path = route.path.replace('{role}', 'lead').replace(/([\w-]+)\/\{\w+\}/g, (whole, folder: string) => (ids[folder] ? `${folder}/${ids[folder]}` : whole))
  return path.includes('{') ? undefined : path
}

/** What a query needs, or has more to show by. */
const period = 'from=2026-11-20T00:00:00Z&until=2026-11-30T00:00:00Z'
const queries: Readonly<Record<string, readonly string[]>> = {
  ...{ calendar: [period], pastCoverage: [period], fairness: [period], lookUpIndicator: ['value=CANARY'], detectionRules: ['search=CANARY'] },
  search: ['q=CANARY'],
}
const queriesOf = (name: string, { query }: Route): readonly string[] => {
  const views = query instanceof z.ZodObject && 'view' in query.shape ? ['view=open', 'view=all', 'view=triage', 'view=enabled'] : ['']
  return queries[name] ?? views
}

type JsonSchema = Record<string, unknown> & { readonly $defs?: Record<string, JsonSchema> }

/** A value that a schema of a body takes. */
function sample(schema: JsonSchema, defs = schema.$defs ?? {}): unknown {
  const { $ref, anyOf = schema.oneOf, type, properties, required, items, minItems, format, minimum, examples } = schema
  if (examples) return (examples as unknown[])[0]
  if (schema.enum) return (schema.enum as unknown[])[0]
  if ('const' in schema) return schema.const
  if (typeof $ref === 'string') return sample(defs[$ref.split('/').at(-1) ?? ''] ?? {}, defs)
  if (anyOf) return sample((anyOf as JsonSchema[])[0] ?? {}, defs)
  if (type === 'object')
    return Object.fromEntries(
      ((required as string[] | undefined) ?? []).map(name => [name, sample((properties as Record<string, JsonSchema>)[name] ?? {}, defs)]),
    )
  if (type === 'array') return minItems ? [sample(items as JsonSchema, defs)] : []
  if (type === 'integer' || type === 'number') return minimum ?? 1
  if (type === 'boolean') return true
  return format === 'uuid' ? nobody : format === 'date' ? '2026-12-01' : format === 'date-time' ? '2026-12-01T00:00:00Z' : 'some plain text'
}

/** Where a schema takes IDs: the names that lead to each, `[]` for those of a list. */
function idFields(schema: JsonSchema, path: readonly string[] = [], defs = schema.$defs ?? {}): string[][] {
  const { $ref, anyOf = schema.oneOf, properties, items, format } = schema
  if (typeof $ref === 'string') return idFields(defs[$ref.split('/').at(-1) ?? ''] ?? {}, path, defs)
  if (format === 'uuid') return [[...path]]
  return [
    ...((anyOf as JsonSchema[] | undefined) ?? []).flatMap(one => idFields(one, path, defs)),
    ...Object.entries((properties as Record<string, JsonSchema> | undefined) ?? {}).flatMap(([name, one]) => idFields(one, [...path, name], defs)),
    ...(items ? idFields(items as JsonSchema, [...path, '[]'], defs) : []),
  ]
}

/** A value with an ID where the path leads. */
function withId(value: unknown, [name, ...rest]: readonly string[], id: string): unknown {
  if (name === undefined) return id
  if (name === '[]') return [withId(Array.isArray(value) ? value[0] : undefined, rest, id)]
  const object = value as Record<string, unknown> | undefined
  return { ...object, [name]: withId(object?.[name], rest, id) }
}

/** What a body needs for its IDs to be looked at. */
const bodies: Readonly<Record<string, object>> = { dismissAlert: { value: 'duplicate' }, ignoreIndicator: { value: '198.51.100.78' } }

/** Everybody who may not see the incident: a person of each role that is not told of it by right, and a key of each scope. */
async function outsiders(world: World): Promise<Map<string, { readonly role: Role; readonly scope: string | null; readonly headers: Record<string, string> }>> {
  const administrator = await world.person('administrator')
  const found = new Map()
  for (const role of ['observer', 'responder', 'lead'] as const) {
    const person = await world.person(role)
    found.set(role, { role, scope: null, headers: { cookie: person.cookie, origin: world.origin } })
  }
  for (const scope of scopes) {
    const { secret } = await administrator.call('createApiKey', { body: { name: scope, role: 'administrator', scopes: [scope] } })
    found.set(`a key for ${scope}`, { role: 'administrator', scope, headers: { authorization: `Bearer ${secret}` } })
  }
  return found
}

const mayCall = ({ access }: Route, { role, scope }: { role: Role; scope: string | null }) =>
  access.kind !== 'role'
    ? access.kind === 'public' || scope === null
    : roles.indexOf(role) >= roles.indexOf(access.role) && (scope === null || access.scope === scope)

/** What of the restricted incident stands in a text. */
const leaked = (text: string, { secrets }: Canaries) => secrets.filter(secret => text.includes(secret))

describe('a restricted incident, for whoever has no part in it', () => {
  test('is nowhere: no route, stream, feed or mail says a word, a number or an ID of it, and nothing is changed by what they send', {
    timeout: 180_000 * patience,
  }, async ({ world }) => {
    const people = await outsiders(world)
    const canaries = await fillRestricted(world)
    const { ids, lead, teamId } = canaries
    const observer = people.get('observer')
    const feed = await createClient({
      origin: world.origin,
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...observer?.headers } }),
    })('makeFeed', { body: { scheduleId: null } })
    const services = (await lead.call('services'))[0]?.id ?? ''
    const others = { teams: teamId, services, feeds: new URL(feed.url).pathname.split('/').at(-1) ?? '', heartbeat: 'none' }
    const missingIds = { ...others, ...Object.fromEntries(Object.keys(ids).map(folder => [folder, nobody])) }
    // How long an answer takes tells nothing: what is hidden is asked for by the same statements as what does not exist.
    const ask = tracedFetch()
    for (const [who, { headers, ...caller }] of people)
      for (const [name, route] of all) {
        if (route.method !== 'GET' || name === 'liveEvents' || !mayCall(route, caller)) continue
        const path = pathTo(route, { ...others, ...ids })
        expect(path, `the crawl has an id for ${name}: add one to fillRestricted`).toBeDefined()
        for (const query of queriesOf(name, route)) {
          const search = `?${query}${query.startsWith('view') ? '&limit=200' : ''}`
          const [reply, statements] = await ask(`${world.origin}${path}${search}`, { headers })
          // It may repeat what it was asked for.
          const text = (await reply.text()).replaceAll(query, '')
          if (query.startsWith('view') && reply.status === 400) continue
          expect([200, 403, 404], `${name} as ${who}: ${text}`).toContain(reply.status)
          expect(leaked(text, canaries), `${name} as ${who}`).toEqual([])
          if (!idsInPath(route).some(folder => folder in ids)) continue
          expect(reply.status, `${name} as ${who}`).toBe(404)
          const [, others] = await ask(`${world.origin}${pathTo(route, missingIds)}${search}`, { headers })
          expect(statements, `${name} as ${who} asks as it does for nothing`).toEqual(others)
        }
      }
    for (const id of canaries.knownIds)
      for (const name of ['exportIncident', 'printIncident'] as const) {
        const path = routes[name].path.replace('{id}', id)
        const reply = await fetch(`${world.origin}${path}`, { method: routes[name].method, headers: people.get('lead')?.headers ?? {} })
        const text = await reply.text()
        expect(leaked(text, canaries), `${name} of what is linked to it`).toEqual([])
        if (name === 'printIncident') continue
        const verified = verifyExport(text)
        expect(verified.problems).toEqual([])
        expect(verified.withheld).toBeGreaterThan(0)
      }
    const state = async () => {
      const found = await lead.call('incident', { params: { id: ids.incidents ?? '' } })
      return [found, (await lead.call('pages')).items, (await lead.call('obligations', { query: { view: 'all' } })).items]
    }
    const stop = new AbortController()
    const heard = new Map<string, string>()
    for (const who of ['observer', 'lead', 'a key for incidents:read']) {
      const stream = await fetch(`${world.origin}${routes.liveEvents.path}`, { headers: people.get(who)?.headers ?? {}, signal: stop.signal })
      void stream.body
        ?.pipeThrough(new TextDecoderStream())
        .pipeTo(new WritableStream({ write: text => void heard.set(who, (heard.get(who) ?? '') + text) }))
        .catch(() => {})
    }
    await lead.call('addNote', { params: { id: ids.incidents ?? '' }, body: { markdown: canary } })
    await lead.call('reportOfAlert', { params: { id: ids.alerts ?? '' } })
    await lead.call.raw('reportFile', { params: { id: ids['report-files'] ?? '' } })
    await lead.call('escalatePage', { params: { id: ids.pages ?? '' }, body: { level: 1 } })
    const known = await lead.call('openIncident', { body: { title: 'Known to all', reason: 'Seen.' } })
    await until(() => (heard.size === 3 && [...heard.values()].every(text => text.includes(known.id)) ? true : undefined), 'what everybody may see is heard')
    stop.abort()
    for (const [who, text] of heard) expect(leaked(text, canaries), `the live stream as ${who}`).toEqual([])
    const ownAlert = await world.alert({ title: 'Known alert' })
    await world.settle()
    const before = JSON.stringify(await state())
    const used = new Set<string>()
    for (const [who, { headers, ...caller }] of people)
      for (const [name, route] of all) {
        const path = pathTo(route, { ...others, ...ids })
        if (route.method === 'GET' || route.access.kind !== 'role' || path === undefined || !mayCall(route, caller)) continue
        if (!idsInPath(route).some(folder => folder in ids)) continue
        const json: JsonSchema = route.body === undefined ? {} : z.toJSONSchema(route.body, { io: 'input', unrepresentable: 'any' })
        const send = async (to: string) => {
          const body = route.body === undefined ? {} : { body: JSON.stringify(sample(json)), headers: { ...headers, 'content-type': 'application/json' } }
          const [reply, statements] = await ask(`${world.origin}${to}`, { method: route.method, headers, ...body })
          return [reply.status, ((await reply.json()) as { detail: string }).detail, statements] as const
        }
        // The first use of a key is on record.
        if (!used.has(who)) await send(pathTo(route, missingIds) ?? '')
        used.add(who)
        const answer = await send(path)
        expect([403, 404], `${name} as ${who}: ${answer[1]}`).toContain(answer[0])
        expect(answer, `${name} as ${who} does and says what it does of nothing`).toEqual(await send(pathTo(route, missingIds) ?? ''))
      }
    // In a body or a query, too, its IDs are those of nothing.
    const { version } = await lead.call('incident', { params: { id: known.id } })
    const knownIds = { ...others, incidents: known.id, alerts: ownAlert.id }
    const refused = new Map<string, string>()
    for (const who of ['a key for incidents:write', 'lead']) {
      const { headers, ...caller } = people.get(who) ?? { role: 'observer', scope: null, headers: {} }
      for (const [name, route] of all)
        for (const part of ['body', 'query'] as const) {
          if (route.access.kind !== 'role' || !mayCall(route, caller) || route[part] === undefined) continue
          const json: JsonSchema = z.toJSONSchema(route[part], { io: 'input', unrepresentable: 'any' })
          const path = pathTo(route, { ...Object.fromEntries(idsInPath(route).map(folder => [folder, nobody])), ...knownIds }) ?? ''
          for (const field of idFields(json)) {
            const send = async (id: string) => {
              const given = withId(
                {
                  ...z.record(z.string(), z.unknown()).parse(sample(json)),
                  ...(part === 'body' && Object.keys(json.properties ?? {}).includes('version') ? { version } : {}),
                  ...bodies[name],
                },
                field,
                id,
              )
              const search = part === 'query' ? `?${new URLSearchParams(given as Record<string, string>)}` : ''
              const init = part === 'query' ? { headers } : { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(given) }
              const [reply, statements] = await ask(`${world.origin}${path}${search}`, { method: route.method, ...init })
              return [reply.status, (await reply.text()).replaceAll(id, 'ID'), statements] as const
            }
            const missing = await send(nobody)
            refused.set(`${name} ${field.join('.')}`, missing[1])
            for (const kind of ['incidents', 'alerts', 'pages', 'obligations'])
              expect(await send(ids[kind] ?? ''), `${name} ${field.join('.')} as ${who}`).toEqual(missing)
          }
        }
    }
    const looked = [...refused].flatMap(([field, answer]) => (/There is no such|must be the ID of another|must be IDs of alerts/.test(answer) ? [field] : []))
    const asked =
      'openIncident alertIds.[]/makeParent alertIds.[]/makeParent incidentIds.[]/escalateAlert incidentId/dismissAlert duplicateOf/ignoreIndicator alertId'
    expect(looked).toEqual(expect.arrayContaining(asked.split('/')))
    expect(JSON.stringify(await state())).toBe(before)
    // Days in which it is paged, warned and reminded of.
    await world.advance({ hours: 70 })
    const mails = world.takeMails().filter(mail => !canaries.insiders.includes(mail.to))
    expect(mails.length, 'people are paged').toBeGreaterThan(0)
    expect(mails.filter(mail => `${mail.subject} ${mail.text}`.includes(canary))).toEqual([])
    // What commands answer that name nothing of it: last, because they change things.
    const { cookie } = await world.person('lead')
    const askers = new Map([...people].filter(([, { scope }]) => scope !== null)).set('lead', {
      ...{ role: 'lead', scope: null, headers: { cookie, origin: world.origin } },
    })
    const answered = new Set<string>()
    for (const [who, { headers, ...caller }] of askers)
      for (const [name, route] of all) {
        if (route.method === 'GET' || route.access.kind !== 'role' || !mayCall(route, caller)) continue
        const json: JsonSchema = route.body === undefined ? {} : z.toJSONSchema(route.body, { io: 'input', unrepresentable: 'any' })
        const body = route.body === undefined ? {} : { body: JSON.stringify(sample(json)), headers: { ...headers, 'content-type': 'application/json' } }
        const path = pathTo(route, { ...Object.fromEntries(idsInPath(route).map(folder => [folder, nobody])), ...knownIds })
        const reply = await fetch(`${world.origin}${path}`, { method: route.method, headers, ...body })
        expect(leaked(await reply.text(), canaries), `${name} as ${who}`).toEqual([])
        if (reply.ok) answered.add(name)
      }
    expect(answered.size, 'commands are carried out').toBeGreaterThan(20)
  })
})

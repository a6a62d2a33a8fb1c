import { type Route, type RouteName, routes } from '@tocsin/api'
import { expect } from 'vitest'
import { z } from 'zod'
import { test } from '../../test/world.ts'
import { newId } from '../kernel/ids.ts'

const shapeOf = ({ params }: Route): Record<string, z.ZodType | undefined> => (params instanceof z.ZodObject ? params.shape : {})

const all = Object.entries(routes) as [RouteName, Route][]

test('a query parameter or a field that a route does not know is refused by its name, on every route that is not public', async ({ world }) => {
  const administrator = await world.person('administrator')
  const headers = { cookie: administrator.cookie, origin: world.origin, 'content-type': 'application/json' }
  for (const [name, route] of all) {
    if (route.access.kind === 'public' || route.consumes !== undefined) continue
    const known = (part: string) => [newId(), 'lead', 'suspected', '1'].find(value => shapeOf(route)[part]?.safeParse(value).success !== false) ?? ''
    const path = route.path.replace(/\{(\w+)\}/g, (_, part: string) => known(part))
    const isRead = route.method === 'GET'
    const sent = await fetch(`${world.origin}${path}${isRead ? '?notAField=1' : ''}`, {
      ...{ method: route.method, headers },
      ...(isRead ? {} : { body: JSON.stringify({ notAField: 1 }) }),
    })
    const reply = await sent.text()
    expect([sent.status, reply], `${name}: ${reply}`).toEqual([400, expect.stringContaining('notAField')])
  }
})

test('what a script sends that does not exist is refused, and nothing is done', async ({ world }) => {
  const lead = await world.person('lead')
  const { id, version } = await lead.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
  const send = async (method: string, path: string, body?: object) => {
    const headers = { cookie: lead.cookie, origin: world.origin, 'content-type': 'application/json' }
    const sent = await fetch(`${world.origin}/api/v1${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
    const reply = (await sent.json()) as { detail: string; errors?: { path: string }[] }
    return [sent.status, reply.errors?.map(({ path: where }) => where)]
  }
  expect(await send('GET', '/alerts?severity=high')).toEqual([400, ['severity']])
  expect(await send('PATCH', `/incidents/${id}`, { version, title: 'Changed', awareAt: world.now })).toEqual([400, ['awareAt']])
  expect(await send('POST', `/incidents/${id}/declare`, { version, reason: 'x', declaredAt: world.now })).toEqual([400, ['declaredAt']])
  expect(await send('POST', '/alerts', { title: 'Odd', severity: 'low', observables: [{ kind: 'other', value: 'x', note: 'y' }] })).toEqual([
    ...[400, ['observables.0.note']],
  ])
  expect(await lead.call('incident', { params: { id } })).toMatchObject({ title: 'Odd', status: 'suspected', version })
})

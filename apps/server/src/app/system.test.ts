import { roles, routes } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'
import { readConfig } from './config.ts'

describe('what monitoring asks, without an account', () => {
  test('healthz and readyz: alive all the time, ready while nothing is unavailable, and what is degraded by name', async ({ world }) => {
    const anybody = world.client()
    expect(await anybody('healthz')).toEqual({ status: 'ok' })
    expect(await anybody('readyz')).toEqual({ status: 'ready', details: [] })
    let severity: 'degraded' | 'unavailable' = 'degraded'
    world.server.context.health.add('disk', async () => ({ severity, detail: 'It is nearly full.' }))
    expect(await anybody('readyz')).toEqual({ status: 'degraded', details: [{ name: 'disk', detail: 'It is nearly full.' }] })
    severity = 'unavailable'
    await expect(anybody('readyz')).rejects.toMatchObject(refusal('unavailable'))
    expect(await anybody('healthz'), 'it is no reason to start the process again').toEqual({ status: 'ok' })
  })

  test('metrics: the text format of Prometheus, with counts that move and without names', async ({ world }) => {
    const anybody = world.client()
    const size = async () => {
      const reply = await anybody.raw('metrics')
      expect(reply.headers.get('content-type')).toContain('text/plain')
      const text = await reply.text()
      return { text, entries: Number(/^tocsin_journal_entries (\d+)$/m.exec(text)?.[1]) }
    }
    const before = await size()
    const lead = await world.person('lead', 'Wilhelmina')
    await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
    await world.settle()
    const after = await size()
    expect(after.entries).toBeGreaterThan(before.entries)
    expect(after.text).not.toMatch(/Wilhelmina|Odd sign-ins/i)
  })

  describe('with a token', () => {
    const token = 'only-for-our-prometheus'
    test.override({ options: { env: { TOCSIN_MONITORING_TOKEN: token } } })

    test('metrics and openApi are for who sends it, or has signed in, and the others for everybody', async ({ world }) => {
      const statusWith = async (path: string, headers: Record<string, string>) => (await fetch(`${world.origin}${path}`, { headers })).status
      const { cookie } = await world.person('observer')
      for (const path of ['/metrics', '/api/openapi.json']) {
        expect(await statusWith(path, {}), path).toBe(401)
        for (const wrong of [`${token}x`, token.slice(1), 'x']) expect(await statusWith(path, { authorization: `Bearer ${wrong}` }), path).not.toBe(200)
        expect(await statusWith(path, { authorization: `Bearer ${token}` }), path).toBe(200)
        expect(await statusWith(path, { cookie }), path).toBe(200)
      }
      for (const path of ['/healthz', '/readyz', '/api/v1/status']) expect(await statusWith(path, {}), path).toBe(200)
      expect(await statusWith('/api/v1/alerts', { authorization: `Bearer ${token}` }), 'it is no API key').toBe(401)
    })
  })

  test('openApi: every route of the contract by its name, with who may call it', async ({ world }) => {
    const document = JSON.parse(await (await world.client().raw('openApi')).text())
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: world.server.context.messenger.origin }] })
    for (const [name, { path, method, access }] of Object.entries(routes)) {
      const operation = document.paths[path]?.[method.toLowerCase()]
      expect(operation, name).toMatchObject({ operationId: name })
      if (access.kind === 'role') expect(operation.description, name).toContain(access.role)
    }
  })
})

describe('security.txt', () => {
  test('does not exist where nobody said whom to write to', async ({ world }) => {
    await expect(world.client()('securityTxt')).rejects.toMatchObject(refusal('not-found'))
  })

  describe('where a contact is configured', () => {
    test.override({ options: { env: { TOCSIN_SECURITY_CONTACT: 'mailto:security@example.com' } } })

    test('tells it, until a day that lies ahead by less than a year', async ({ world }) => {
      const reply = await world.client().raw('securityTxt')
      expect(reply.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      const fields = Object.fromEntries(
        (await reply.text())
          .trim()
          .split('\n')
          .map(line => line.split(/: (.*)/)),
      )
      expect(fields).toMatchObject({ Contact: 'mailto:security@example.com', Canonical: expect.stringContaining('/.well-known/security.txt') })
      expect(fields.Expires).toBe('2027-02-21T08:00:00.000Z')
    })
  })

  test.for(['security@example.com', 'http://example.com', 'mailto:', 'javascript:alert(1)'])('%s is refused at the start', contact => {
    expect(() => readConfig({ TOCSIN_SECURITY_CONTACT: contact })).toThrow('TOCSIN_SECURITY_CONTACT must be a URL such as mailto:security@example.com')
  })
})

describe('renaming the organization', () => {
  test('changes the name that everybody reads, and is on record with the one before', async ({ world }) => {
    const administrator = await world.person('administrator')
    await administrator.call('renameOrganization', { body: { name: 'Bright Ledger' } })
    expect((await world.client()('status')).organization).toBe('Bright Ledger')
    await administrator.call('renameOrganization', { body: { name: 'Brighter Ledger' } })
    expect((await world.client()('status')).organization).toBe('Brighter Ledger')
    const [entry] = (await administrator.call('journal', {})).items
    expect(entry).toMatchObject({
      ...{ type: 'organization.renamed', actor: { id: administrator.id } },
      data: { name: 'Brighter Ledger', before: { name: 'Bright Ledger' } },
    })
  })

  test('is for administrators, and a name is not empty', async ({ world }) => {
    const body = { name: 'Ours now' }
    for (const role of roles.filter(each => each !== 'administrator'))
      await expect((await world.person(role)).call('renameOrganization', { body })).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('renameOrganization', { body })).rejects.toMatchObject(refusal('not-signed-in'))
    const administrator = await world.person('administrator')
    await expect(administrator.call('renameOrganization', { body: { name: '  ' } })).rejects.toMatchObject(refusal('invalid', 'name'))
    expect((await world.client()('status')).organization).toBe('')
  })
})

import { describe, expect } from 'vitest'
import { alertmanagerMissing, hasAlertmanager, startAlertmanager, until } from '../../test/alertmanager.ts'
import { linkIn, test, type World } from '../../test/world.ts'

const post = (url: string, body: unknown) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
const inWorld = (world: World, url: string) => url.replace(/^http:\/\/localhost:\d+/, world.origin)

describe('a real Alertmanager', () => {
  test('pages by its webhook, and its end of an alert stops the page', async ({ world, skip }) => {
    if (!hasAlertmanager) skip(alertmanagerMissing)
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const lead = await world.person('lead')
    const { url } = await lead.call('createIntegration', { body: { kind: 'alertmanager', name: 'Production' } })
    const alertmanager = await startAlertmanager(inWorld(world, url))
    try {
      const alert = {
        labels: { alertname: 'BulkRead', service: 'billing', severity: 'critical', instance: 'billing-3' },
        annotations: { summary: 'Bulk export', description: 'Many records' },
      }
      await alertmanager.send(alert)
      const received = await until(async () => (await primary.call('alerts', {})).items[0], 'the alert arrives')
      expect(received).toMatchObject({
        title: 'Bulk export',
        severity: 'critical',
        service: { name: 'billing' },
        labels: { alertname: 'BulkRead' },
        observables: [{ kind: 'host', value: 'billing-3' }],
      })
      await world.settle()
      primary.expectPage(/Bulk export/)
      await alertmanager.send({ ...alert, endsAt: new Date(Date.now() - 1_000).toISOString() })
      const resolved = await until(async () => {
        const now = await primary.call('alert', { params: { id: received.id } })
        return now.status === 'resolved' ? now : undefined
      }, 'the alert is resolved')
      expect(resolved.sourceResolvedAt).not.toBeNull()
      expect((await primary.call('pages')).items[0]?.state).toBe('resolved')
      expect((await primary.call('alerts', {})).items, 'what paged somebody is in the triage queue').toHaveLength(1)
    } finally {
      await alertmanager.stop()
    }
  })
})

describe('the PagerDuty Events API v2', () => {
  test('triggers, repeats, acknowledges and resolves', async ({ world }) => {
    const { team, primary, backup } = await world.team()
    const service = await world.service('billing', team)
    const lead = await world.person('lead')
    const { url, key } = await lead.call('createIntegration', { body: { kind: 'pagerduty', name: 'SIEM', serviceId: service.id } })
    expect(key).toHaveLength(32)
    const trigger = {
      event_action: 'trigger',
      dedup_key: 'x1',
      payload: { summary: 'Root login', source: 'db-1', severity: 'critical', custom_details: { ip: '198.51.100.7' } },
    }
    const first = await post(`${world.origin}/v2/enqueue`, { routing_key: key, ...trigger })
    expect([first.status, await first.json()]).toEqual([202, { status: 'success', message: 'Event processed', dedup_key: 'x1' }])
    expect((await post(inWorld(world, url), { routing_key: 'ignored', ...trigger })).status).toBe(202)
    await world.settle()
    primary.expectPage(/Root login/)
    primary.expectNoPage()
    const [alert] = (await primary.call('alerts', {})).items
    expect(alert).toMatchObject({ count: 2, severity: 'critical', dedupKey: 'x1' })
    await post(`${world.origin}/v2/enqueue`, { routing_key: key, event_action: 'acknowledge', dedup_key: 'x1' })
    await world.advance({ hours: 1 })
    backup.expectNoPage()
    await post(`${world.origin}/v2/enqueue`, { routing_key: key, event_action: 'resolve', dedup_key: 'x1' })
    await post(`${world.origin}/v2/enqueue`, { routing_key: key, ...trigger })
    expect((await primary.call('alerts', { query: { view: 'all' } })).items.map(each => [each.number, each.status, each.count])).toEqual([
      [2, 'open', 1],
      [1, 'resolved', 2],
    ])
  })

  test('bad events are refused with the field that is wrong, and a wrong key with 403', async ({ world }) => {
    const lead = await world.person('lead')
    const { key } = await lead.call('createIntegration', { body: { kind: 'pagerduty', name: 'SIEM' } })
    const missing = await post(`${world.origin}/v2/enqueue`, { routing_key: key, event_action: 'trigger' })
    expect([missing.status, ((await missing.json()) as { errors: unknown }).errors]).toEqual([400, [{ path: 'payload', message: 'is required to trigger' }]])
    expect((await post(`${world.origin}/v2/enqueue`, { routing_key: 'x'.repeat(32), event_action: 'resolve', dedup_key: 'a' })).status).toBe(403)
    expect((await post(`${world.origin}/v2/enqueue`, { event_action: 'resolve', dedup_key: 'a' })).status).toBe(400)
    await lead.call('revokeIntegration', { params: { id: (await lead.call('integrations'))[0]?.id ?? '' } })
    expect((await post(`${world.origin}/v2/enqueue`, { routing_key: key, event_action: 'resolve', dedup_key: 'a' })).status).toBe(403)
  })
})

describe('alerts by the API', () => {
  test('the same key while open is one alert, whose count and last-seen rise', async ({ world }) => {
    const person = await world.person()
    const send = (count: number) =>
      person.call('createAlerts', { body: Array.from({ length: count }, () => ({ title: 'Odd', severity: 'low' as const, dedupKey: 'k' })) })
    expect((await send(1)).alerts).toMatchObject([{ number: 1, isNew: true, count: 1 }])
    await world.advance({ minutes: 5 })
    expect((await send(3)).alerts.map(alert => [alert.number, alert.count])).toEqual([
      [1, 4],
      [1, 4],
      [1, 4],
    ])
    const [alert] = (await person.call('alerts', {})).items
    expect(alert).toMatchObject({ count: 4, firstSeenAt: '2026-11-23T08:00:00.000Z', lastSeenAt: '2026-11-23T08:05:00.000Z' })
    await person.call('dismissAlert', { params: { id: alert?.id ?? '' }, body: { value: 'benign-true-positive', responsibility: 'us', reason: 'A test.' } })
    expect((await send(1)).alerts).toMatchObject([{ isNew: true, count: 1 }])
  })

  test('a batch with one bad alert is refused whole, naming each bad field', async ({ world }) => {
    const person = await world.person()
    const good = { title: 'Good', severity: 'low' }
    const reply = await fetch(`${world.origin}/api/v1/alerts`, {
      method: 'POST',
      headers: { cookie: person.cookie, origin: world.origin, 'content-type': 'application/json' },
      body: JSON.stringify([good, { title: '', severity: 'awful' }, { ...good, observables: [{ kind: 'smell', value: 'x' }] }]),
    })
    expect(reply.status).toBe(400)
    expect(reply.headers.get('content-type')).toContain('application/problem+json')
    const { errors } = (await reply.json()) as { errors: { path: string }[] }
    expect(errors.map(error => error.path)).toEqual(['1.title', '1.severity', '2.observables.0.kind'])
    expect((await person.call('alerts', { query: { view: 'all' } })).items).toEqual([])
    await expect(
      person.call('createAlerts', {
        body: [
          { title: 'A', severity: 'low' },
          { title: 'B', severity: 'low', service: 'nothing' },
        ],
      }),
    ).rejects.toThrow('1.service: "nothing" is not a service in the catalog')
    await expect(person.call('createAlerts', { body: { title: 'A\u0000B', severity: 'low' } })).rejects.toThrow(/NUL/)
    await expect(person.call('createAlerts', { body: { title: 'A', severity: 'low', links: [{ url: 'javascript:alert(1)' }] } })).rejects.toThrow(/http/)
    expect((await person.call('alerts', { query: { view: 'all' } })).items).toEqual([])
  })

  test('two hundred at once, half with the same keys, are counted exactly', async ({ world }) => {
    const person = await world.person()
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        person.call('createAlerts', {
          body: Array.from({ length: 5 }, (_each, m) => ({ title: `Odd ${m}`, severity: 'low' as const, dedupKey: `k${(n + m) % 7}` })),
        }),
      ),
    )
    const { items } = await person.call('alerts', { query: { limit: 200 } })
    expect(items).toHaveLength(7)
    expect(items.reduce((sum, alert) => sum + alert.count, 0)).toBe(200)
  })
})

test('a text that is cut in the middle of an emoji is received all the same, from every source', async ({ world }) => {
  const lead = await world.person('lead')
  const long = (length: number) => `${'x'.repeat(length - 1)}🔥 and more`
  const cut = (length: number) => `${'x'.repeat(length - 1)}\u{fffd}`
  const shortened = (length: number) => `${'x'.repeat(length - 1)}…`
  const pagerduty = await lead.call('createIntegration', { body: { kind: 'pagerduty', name: 'SIEM' } })
  const payload = { summary: `a\n${long(298)}`, source: 'db-1', severity: 'info' }
  expect((await post(inWorld(world, pagerduty.url), { event_action: 'trigger', payload })).status).toBe(202)
  const alertmanager = await lead.call('createIntegration', { body: { kind: 'alertmanager', name: 'Production' } })
  const firing = {
    status: 'firing',
    labels: { team: long(1_000), host: long(2_000) },
    annotations: { summary: long(300) },
    startsAt: world.now,
    fingerprint: 'f',
  }
  expect((await post(inWorld(world, alertmanager.url), { version: '4', groupKey: 'g', alerts: [firing] })).status).toBe(200)
  const [received, event] = (await lead.call('alerts', {})).items
  expect([received?.title, event?.title]).toEqual([shortened(300), `a ${shortened(298)}`])
  expect(received).toMatchObject({ labels: { team: shortened(1_000) }, observables: [{ kind: 'host', value: shortened(2_000) }] })

  const fields = { audience: 'employee', text: long(160), happenedAt: 'Today', affected: 'Me', contactName: 'Kim', contactEmail: 'kim@tocsin.test' }
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) body.append(name, value)
  body.append('files', new File(['x'], long(200)))
  expect((await fetch(`${world.origin}/api/v1/reports`, { method: 'POST', body })).status).toBe(201)
  const { alerts } = await lead.call('createAlerts', { body: { title: long(200), severity: 'low' } })
  const incident = await lead.call('escalateAlert', { params: { id: alerts[0]?.id ?? '' }, body: { responsibility: 'us', reason: 'Seen.' } })
  expect(incident.title).toBe(cut(200))
})

describe('reports', () => {
  const form = (fields: Record<string, string>, files: File[] = []) => {
    const body = new FormData()
    for (const [name, value] of Object.entries({
      audience: 'customer',
      text: 'A mail asks for my password.',
      happenedAt: 'Today',
      affected: 'Me',
      contactName: 'Kim',
      contactEmail: 'kim@customer.test',
      ...fields,
    }))
      body.append(name, value)
    for (const file of files) body.append('files', file)
    return body
  }
  const send = (world: World, body: FormData) => fetch(`${world.origin}/api/v1/reports`, { method: 'POST', body })

  test('become an alert, with files, and a private link shows how they stand', async ({ world }) => {
    const { primary } = await world.team()
    const reply = await send(world, form({}, [new File([Buffer.alloc(3_000_000, 7)], '../mail <1>.eml')]))
    expect(reply.status).toBe(201)
    const { reference, link } = (await reply.json()) as { reference: string; link: string }
    await world.settle()
    primary.expectPage(new RegExp(reference))
    const [alert] = (await primary.call('alerts', {})).items
    expect(alert).toMatchObject({ kind: 'report', severity: 'high', description: 'A mail asks for my password.' })
    const token = linkIn({ to: '', subject: '', text: link, messageId: '', purpose: '', returnPath: '' }, '/r/')
    const visitor = world.client()
    expect(await visitor('followReport', { body: { token } })).toMatchObject({
      reference,
      stage: 'received',
      files: [{ name: 'mail <1>.eml', sizeBytes: 3_000_000 }],
    })
    const id = alert?.id ?? ''
    await primary.call('acknowledgeAlert', { params: { id } })
    expect((await visitor('followReport', { body: { token } })).stage).toBe('being-looked-at')
    await expect(visitor('followReport', { body: { token: `${token}x` } })).rejects.toThrow(/link is invalid/)

    const report = await primary.call('reportOfAlert', { params: { id } })
    const file = await primary.call.raw('reportFile', { params: { id: report.files[0]?.id ?? '' } })
    expect(file.headers.get('content-disposition')).toMatch(/^attachment/)
    expect((await file.arrayBuffer()).byteLength).toBe(3_000_000)
    const lead = await world.person('lead')
    const types = (await lead.call('journal', {})).items.map(entry => entry.type)
    expect(types).toEqual(expect.arrayContaining(['report.read', 'report-file.read']))
  })

  test('a file that is too large, or a missing field, stores nothing', async ({ world }) => {
    const person = await world.person()
    const large = await send(world, form({}, [new File([Buffer.alloc(20 * 1_048_576 + 1)], 'large.bin')]))
    expect([large.status, ((await large.json()) as { detail: string }).detail]).toEqual([413, expect.stringContaining('20 MB')])
    const empty = await send(world, form({ text: ' ', contactEmail: 'nobody' }))
    expect(((await empty.json()) as { errors: { path: string }[] }).errors.map(error => error.path)).toEqual(['text', 'contactEmail'])
    expect((await person.call('alerts', { query: { view: 'all' } })).items).toEqual([])
  })
})

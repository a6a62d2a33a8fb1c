import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'

async function integration(world: World, kind: 'alertmanager' | 'pagerduty') {
  const { team, primary } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team)
  const other = await world.service('search', team, (await world.team({ kind: 'engineering', tiers: 1 })).team)
  const lead = await world.person('lead')
  const { key, source } = await lead.call('createIntegration', { body: { kind, name: 'Production', serviceId: service.id } })
  const alerts = async () => (await lead.call('alerts', { query: { view: 'all' } })).items
  return { lead, primary, key, source, service, other, alerts, anybody: world.client() }
}

describe('fromAlertmanager', () => {
  const firing = (fingerprint: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}) => ({
    ...{ status: 'firing' as const, labels: { alertname: 'BulkRead', ...labels }, annotations, startsAt: '2026-11-23T08:00:00Z' },
    ...{ generatorURL: 'http://prometheus.test/graph', fingerprint },
  })
  const payload = (...alerts: ReturnType<typeof firing>[]) => ({ version: '4' as const, groupKey: '{}', externalURL: 'http://alertmanager.test', alerts })

  test('makes an alert of each, with the service that its labels name, and else that of the integration', async ({ world }) => {
    const { key, alerts, service, other, anybody, primary, lead, source } = await integration(world, 'alertmanager')
    const first = firing('a1', { severity: 'critical', host: 'db-1', src_ip: '198.51.100.7', user: 'kim' }, { summary: 'Bulk export', description: 'Many.' })
    const second = firing('a2', { severity: 'warning', service: 'search' }, { runbook_url: 'javascript:alert(1)' })
    expect(await anybody('fromAlertmanager', { params: { key }, body: payload(first, second) })).toEqual({ accepted: 2 })
    await world.settle()
    primary.expectPage(/Bulk export/)
    const received = await alerts()
    expect(received.find(({ dedupKey }) => dedupKey === 'a1')).toMatchObject({
      ...{ title: 'Bulk export', severity: 'critical', description: 'Many.', service: { id: service.id }, labels: first.labels },
      observables: [
        { kind: 'host', value: 'db-1' },
        { kind: 'ipv4-addr', value: '198.51.100.7' },
        { kind: 'user-account', value: 'kim' },
      ],
      links: [{ url: 'http://prometheus.test/graph' }, { url: 'http://alertmanager.test' }],
    })
    expect(received.find(({ dedupKey }) => dedupKey === 'a2')).toMatchObject({ title: 'BulkRead', severity: 'medium', service: { id: other.id } })
    expect(received).toHaveLength(2)
    expect(await lead.call('integrations')).toMatchObject([{ id: source.id, received: 2, lastSeenAt: world.now }])
  })

  test('takes the webhook of Grafana as well, which ends its alerts by the same fingerprint', async ({ world }) => {
    const { key, alerts, other, primary } = await integration(world, 'alertmanager')
    // As https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/ has it.
    const alert = {
      ...{ status: 'firing', labels: { alertname: 'High memory usage', team: 'blue', service: 'search', severity: 'critical' } },
      annotations: { description: 'The system has high memory usage', runbook_url: 'https://runbook.test/1234', summary: 'Memory of us-1 is short' },
      ...{ startsAt: '2026-11-23T09:51:03.157076+02:00', endsAt: '0001-01-01T00:00:00Z', fingerprint: 'c6eadffa33fcdf37' },
      generatorURL: 'https://grafana.test/alerting/1afz29v7z/edit',
      silenceURL: 'https://grafana.test/alerting/silence/new?alertmanager=grafana&matchers=alertname%3DT2',
      ...{ dashboardURL: 'https://grafana.test/d/abc', panelURL: '', values: { B: 44.23943737541908, C: 1 }, imageURL: 'https://grafana.test/a.png' },
    }
    const unvalued = { ...alert, fingerprint: 'bc97ff14869b13e3', values: null, valueString: '', orgId: 1, labels: { alertname: 'DatasourceNoData' } }
    const send = async (version: string, ...sent: object[]) => {
      const body = {
        ...{ receiver: 'My Super Webhook', status: 'firing', orgId: 1, alerts: sent, groupLabels: {}, commonLabels: { team: 'blue' }, commonAnnotations: {} },
        ...{ externalURL: 'https://grafana.test/', version, groupKey: '{}:{}', truncatedAlerts: 0, title: '[FIRING:2] (blue)', state: 'alerting', message: '' },
      }
      const headers = { 'content-type': 'application/json' }
      const reply = await fetch(`${world.origin}/in/${key}/alertmanager`, { method: 'POST', headers, body: JSON.stringify(body) })
      return [reply.status, await reply.json()]
    }
    expect(await send('1', alert, unvalued)).toEqual([200, { accepted: 2 }])
    await world.settle()
    primary.expectPage(/Memory of us-1 is short/)
    expect((await alerts()).find(({ dedupKey }) => dedupKey === alert.fingerprint)).toMatchObject({
      ...{ title: 'Memory of us-1 is short', severity: 'critical', description: 'The system has high memory usage', service: { id: other.id } },
      links: [{ text: 'Alert source' }, { text: 'Runbook' }, { text: 'Dashboard', url: 'https://grafana.test/d/abc' }, { text: 'Grafana' }],
    })
    expect(await send('1', { ...alert, status: 'resolved', endsAt: '2026-11-23T08:00:01Z' })).toEqual([200, { accepted: 1 }])
    expect(Object.fromEntries((await alerts()).map(({ dedupKey, status }) => [dedupKey, status]))).toEqual({
      [alert.fingerprint]: 'resolved',
      [unvalued.fingerprint]: 'open',
    })
    expect(await send('2', alert)).toMatchObject([400, { errors: [{ path: 'version' }] }])
  })

  test('takes each name of a severity for what it means, and what it does not know for high, with a note', async ({ world }) => {
    const { key, alerts, anybody } = await integration(world, 'alertmanager')
    const expected = {
      ...{ page: 'critical', fatal: 'critical', P1: 'critical', 'SEV-1': 'critical', ERROR: 'high', urgent: 'high', warning: 'medium', ticket: 'medium' },
      ...{ minor: 'low', none: 'info', purple: 'high', '1': 'high', constructor: 'high' },
    }
    const body = payload(...Object.keys(expected).map(severity => firing(severity, { severity })), firing('missing'))
    await anybody('fromAlertmanager', { params: { key }, body })
    const received = await alerts()
    expect(Object.fromEntries(received.map(({ dedupKey, severity }) => [dedupKey, severity]))).toEqual({ ...expected, missing: 'high' })
    const noted = received.filter(({ description }) => description.includes('taken as high')).map(({ dedupKey }) => dedupKey)
    expect(noted.toSorted()).toEqual(['1', 'constructor', 'missing', 'purple'])
  })

  test('takes the names that its integration maps for what that says, from when it does', async ({ world }) => {
    const { anybody, alerts, lead, service, primary } = await integration(world, 'alertmanager')
    const severities = { Purple: 'low', Page: 'medium' } as const
    const { key, source } = await lead.call('createIntegration', { body: { kind: 'alertmanager', name: 'Own', serviceId: service.id, severities } })
    expect(source.severities).toEqual({ purple: 'low', page: 'medium' })
    const send = (...names: string[]) =>
      anybody('fromAlertmanager', { params: { key }, body: payload(...names.map(severity => firing(`${severity} ${Math.random()}`, { severity }))) })
    await send('PURPLE', 'page')
    await world.settle()
    primary.expectNoPage()
    expect((await alerts()).map(({ severity }) => severity).toSorted()).toEqual(['low', 'medium'])
    const params = { id: source.id }
    await lead.call('saveSeverities', { params, body: { severities: { purple: 'critical' } } })
    await lead.call('saveSeverities', { params, body: { severities: { purple: 'critical' } } })
    await send('purple')
    await world.settle()
    primary.expectPage(/\[CRITICAL\]/)
    const changes = (await lead.call('journal', {})).items.filter(({ type }) => type === 'integration.changed')
    expect(changes).toMatchObject([{ data: { severities: { purple: 'critical' }, before: { severities: { purple: 'low', page: 'medium' } } } }])
    const body = { severities: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`name ${n}`, 'low' as const])) }
    await expect(lead.call('saveSeverities', { params, body })).rejects.toMatchObject(refusal('invalid', 'severities'))
    const responder = await world.person('responder')
    await expect(responder.call('saveSeverities', { params, body: { severities: {} } })).rejects.toMatchObject(refusal('forbidden'))
  })

  test('refuses no alert for a field that is missing, null or of another type; those that were cut off are one alert that says how many', async ({ world }) => {
    const { key, alerts } = await integration(world, 'alertmanager')
    const post = async (body: object) => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(`${world.origin}/in/${key}/alertmanager`, { method: 'POST', headers, body: JSON.stringify(body) })).status
    }
    const odd = [
      { status: 'firing', labels: { alertname: 'Bare' } },
      { status: null, labels: { alertname: 'Nulls', code: 7, gone: null }, annotations: null, startsAt: null, generatorURL: null, fingerprint: null },
      { labels: null, annotations: { summary: 12 }, fingerprint: 34 },
    ]
    expect(await post({ version: '4', groupKey: 'g', externalURL: null, truncatedAlerts: 8, alerts: odd })).toBe(200)
    expect((await alerts()).map(({ title }) => title).toSorted()).toEqual(['12', '8 more alerts of a group were not sent', 'Bare', 'Nulls'])
    expect((await alerts()).find(({ title }) => title === 'Nulls')?.labels).toMatchObject({ code: '7' })
    expect(await post({ version: '4', groupKey: 'g', truncatedAlerts: 'none', alerts: [{ ...odd[0], status: 'resolved' }] })).toBe(200)
    const open = (await alerts()).filter(({ status }) => status === 'open').map(({ title }) => title)
    expect(open.toSorted(), 'the same labels are the same alert; nothing is cut off any more').toEqual(['12', 'Nulls'])
  })

  test('makes an alert that comes again as more severe more severe, which pages', async ({ world }) => {
    const { key, alerts, anybody, primary } = await integration(world, 'alertmanager')
    const send = (severity: string) => anybody('fromAlertmanager', { params: { key }, body: payload(firing('a1', { severity })) })
    await send('minor')
    await world.settle()
    primary.expectNoPage()
    await send('critical')
    await world.settle()
    primary.expectPage(/BulkRead/)
    await send('minor')
    expect(await alerts()).toMatchObject([{ severity: 'critical', count: 3 }])
  })

  test('ends the alert whose fingerprint is resolved, and no other', async ({ world }) => {
    const { key, alerts, anybody, lead } = await integration(world, 'alertmanager')
    const send = (...all: Parameters<typeof payload>) => anybody('fromAlertmanager', { params: { key }, body: payload(...all) })
    await send({ ...firing('a1'), startsAt: '2026-11-23T09:59:58.123456789+02:00' }, firing('a2'), { ...firing('a3'), startsAt: 'yesterday' })
    const ended = { ...firing('a1'), status: 'resolved' as const, endsAt: '2026-11-23T08:00:01Z' }
    const unsaid = { ...firing('a3'), status: 'resolved' as const, endsAt: '0001-01-01T00:00:00Z' }
    await anybody('fromAlertmanager', { params: { key }, body: { ...payload(), alerts: [ended, unsaid] } })
    await world.settle()
    // When it happened is what the source says, where it says it in a way that can be read.
    const occurred = async (type: string) =>
      (await lead.call('journal', { query: { limit: 200 } })).items
        .filter(entry => entry.type === type)
        .map(({ data }) => (data as { occurredAt?: string }).occurredAt)
    expect((await occurred('alert.received')).toSorted()).toEqual(['2026-11-23T07:59:58.123Z', '2026-11-23T08:00:00.000Z', undefined])
    expect((await occurred('alert.resolved-by-source')).toSorted()).toEqual(['2026-11-23T08:00:01.000Z', undefined])
    expect((await alerts()).map(({ dedupKey, status }) => [dedupKey, status]).toSorted()).toEqual([
      ['a1', 'resolved'],
      ['a2', 'open'],
      ['a3', 'resolved'],
    ])
  })

  test('takes each alert for itself: odd characters in one keep no other from paging', async ({ world }) => {
    const { key, alerts, anybody, primary } = await integration(world, 'alertmanager')
    const polluting: Record<string, string> = JSON.parse('{"__proto__": "root", "constructor": "x", "severity": "info"}')
    const odd = [firing('a1', { path: 'C:\0', severity: 'info' }, { description: 'disk full \ud83d' }), firing('a2', polluting)]
    await anybody('fromAlertmanager', { params: { key }, body: payload(...odd, firing('a3', { severity: 'critical' }, { summary: 'Ransom note' })) })
    await world.settle()
    primary.expectPage(/Ransom note/)
    const byKey = new Map((await alerts()).map(alert => [alert.dedupKey, alert]))
    expect(byKey.get('a1')).toMatchObject({ labels: { path: 'C:\ufffd' }, description: 'disk full \ufffd' })
    expect(byKey.get('a2')).toMatchObject({
      labels: { '(__proto__)': 'root', constructor: 'x' },
      description: 'Shortened when received: label __proto__ is named (__proto__).',
    })
    expect(Object.getPrototypeOf(byKey.get('a2')?.labels)).toBe(Object.prototype)
    // The same resolves it.
    await anybody('fromAlertmanager', { params: { key }, body: { ...payload(), alerts: odd.map(alert => ({ ...alert, status: 'resolved' as const })) } })
    expect((await alerts()).filter(({ status }) => status === 'open').map(({ dedupKey }) => dedupKey)).toEqual(['a3'])
  })

  test('cuts what is too long, and the description says what', async ({ world }) => {
    const { key, alerts, anybody } = await integration(world, 'alertmanager')
    const long = 'x'.repeat(30_000)
    const all = [
      firing('long', { stack: long }, { summary: long, description: `${long}END` }),
      { ...firing('link'), generatorURL: `http://prometheus.test/${long}` },
      firing('many', many(60)),
      firing(`${long}1`),
      firing(`${long}2`),
    ]
    const body = { ...payload(...all), groupKey: long, receiver: long }
    await anybody('fromAlertmanager', { params: { key }, body })
    const received = await alerts()
    expect(received).toHaveLength(5)
    const [tall, link, wide] = ['long', 'link', 'many'].map(name => received.find(({ dedupKey }) => dedupKey === name))
    expect([tall?.title, tall?.labels.stack]).toEqual([`${'x'.repeat(299)}…`, `${'x'.repeat(999)}…`])
    expect(tall?.description.length).toBeLessThanOrEqual(20_000)
    expect(tall?.description).toContain(
      'title is cut at 300 of 30,000 characters; label stack is cut at 1,000 of 30,000 characters; description is cut at 18,000',
    )
    expect(link).toMatchObject({ links: [{ text: 'Alertmanager' }], description: expect.stringContaining('link Alert source is omitted') })
    expect(Object.keys(wide?.labels ?? {})).toHaveLength(50)
    expect(wide?.description).toMatch(/11 of 61 labels are omitted: label_49, label_50/)
    await anybody('fromAlertmanager', { params: { key }, body: { ...payload(), alerts: [{ ...firing(`${long}1`), status: 'resolved' }] } })
    expect((await alerts()).filter(({ status }) => status === 'open')).toHaveLength(4)
  })

  test('takes groups of more than a thousand, bytes that are not UTF-8 and deep values; what is no JSON, or has no alerts, is refused', async ({ world }) => {
    const { key, anybody, lead } = await integration(world, 'alertmanager')
    const send = (body: string | Uint8Array<ArrayBuffer>) =>
      fetch(`${world.origin}/in/${key}/alertmanager`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const group = payload(
      ...Array.from({ length: 1_500 }, (_, n) => firing(`g${n}`, { severity: 'info', a: 'x', b: 'x', c: 'x', d: 'x', e: 'x', f: 'x', ...many(30) })),
    )
    expect(await anybody('fromAlertmanager', { params: { key }, body: group })).toEqual({ accepted: 1_500 })
    const latin = Buffer.from(JSON.stringify(payload(firing('latin', {}, { summary: 'disque pl\u00e9in' }))), 'latin1')
    expect((await send(Uint8Array.from(latin))).status).toBe(200)
    expect((await lead.call('alerts', { query: { limit: 1 } })).items).toMatchObject([{ title: 'disque pl\ufffdin' }])
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
    expect((await send(`{"version":"4","extra":${deep},"alerts":[${JSON.stringify(firing('deep'))}]}`)).status).toBe(200)
    for (const body of ['{"version": "4"', '"text"', '[]', '', JSON.stringify({ version: '4', alerts: [] })]) expect((await send(body)).status).toBe(400)
  })

  test('that is too large to be read is taken as one alert that says so, and pages', async ({ world }) => {
    const { key, anybody, alerts, primary } = await integration(world, 'alertmanager')
    const send = (body: string, at = key) =>
      fetch(`${world.origin}/in/${at}/alertmanager`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const huge = JSON.stringify(payload(firing('huge', {}, { description: 'x'.repeat(5_000_000) })))
    const values = JSON.stringify({ ...payload(firing('values')), extra: Array(250_000).fill(1) })
    for (const body of [huge, values]) {
      const reply = await send(body)
      expect([reply.status, await reply.json()]).toEqual([200, { accepted: 1 }])
    }
    expect((await send(huge, 'x'.repeat(32))).status).toBe(403)
    expect(await alerts()).toMatchObject([{ title: 'Alerts of Production were too large to be read', severity: 'high', count: 2 }])
    expect((await alerts())[0]?.description).toContain('The request has more than 200,000 values.')
    await world.settle()
    primary.expectPage(/too large to be read/)
    await anybody('fromAlertmanager', { params: { key }, body: payload(firing('small')) })
    expect(await alerts()).toHaveLength(2)
  })

  test('is refused with a key that is wrong, of another kind, or revoked, and with another version; nothing is stored', async ({ world }) => {
    const { key, alerts, anybody, lead, source } = await integration(world, 'alertmanager')
    const body = payload(firing('a1'))
    const { key: pagerDuty } = await lead.call('createIntegration', { body: { kind: 'pagerduty', name: 'SIEM' } })
    for (const wrong of ['x'.repeat(32), pagerDuty, source.id])
      await expect(anybody('fromAlertmanager', { params: { key: wrong }, body })).rejects.toMatchObject(refusal('forbidden'))
    const older: object = { ...body, version: '3' }
    await expect(anybody.raw('fromAlertmanager', { params: { key }, body: older })).rejects.toMatchObject(refusal('invalid', 'version'))
    await expect(anybody('fromAlertmanager', { params: { key }, body: payload() })).rejects.toMatchObject(refusal('invalid', 'alerts'))
    await lead.call('revokeIntegration', { params: { id: source.id } })
    await expect(anybody('fromAlertmanager', { params: { key }, body })).rejects.toMatchObject(refusal('forbidden'))
    expect(await alerts()).toEqual([])
  })
})

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`label_${n}`, 'x']))

describe('PagerDuty’s Events API', () => {
  const trigger = (severity: 'critical' | 'error' | 'warning' | 'info', dedup_key?: string) => ({
    ...{ event_action: 'trigger' as const, ...(dedup_key === undefined ? {} : { dedup_key }) },
    payload: { summary: 'Root login', source: 'db-1', severity },
  })

  test('fromPagerDutyIntegration takes each severity for what it means', async ({ world }) => {
    const { key, alerts, anybody, service, lead } = await integration(world, 'pagerduty')
    const expected = { critical: 'critical', error: 'high', warning: 'medium', info: 'info' } as const
    for (const severity of ['critical', 'error', 'warning', 'info'] as const)
      await anybody('fromPagerDutyIntegration', { params: { key }, body: trigger(severity, severity) })
    const received = await alerts()
    expect(Object.fromEntries(received.map(({ dedupKey, severity }) => [dedupKey, severity]))).toEqual(expected)
    expect(received.every(alert => alert.service?.id === service.id)).toBe(true)
    const { payload, ...event } = trigger('info', 'dated')
    for (const timestamp of ['2026-11-23T07:00:00.000+0000', '2026-11-23T08:01:00+01:00', 'Monday'])
      await anybody('fromPagerDutyIntegration', { params: { key }, body: { ...event, payload: { ...payload, timestamp } } })
    const said = (await lead.call('journal', {})).items.filter(({ type }) => type === 'alert.received' || type === 'alert.repeated').slice(0, 3)
    expect(said.map(({ data }) => (data as { occurredAt?: string }).occurredAt)).toEqual([undefined, '2026-11-23T07:01:00.000Z', '2026-11-23T07:00:00.000Z'])
  })

  test('a trigger is refused for no optional field: null, numbers, other names of severities', async ({ world }) => {
    const { key, alerts } = await integration(world, 'pagerduty')
    const headers = { 'content-type': 'application/json' }
    const post = async (body: object) => (await fetch(`${world.origin}/in/${key}/v2/enqueue`, { method: 'POST', headers, body: JSON.stringify(body) })).status
    const base = { event_action: 'trigger', payload: { summary: 'Odd', source: 'db-1', severity: 'critical' } }
    const nulls = { client: null, client_url: null, links: null, images: null, dedup_key: null }
    const all = [
      { ...base, ...nulls, payload: { ...base.payload, timestamp: null, component: null, group: null, class: null, custom_details: null } },
      { ...base, dedup_key: 7, payload: { summary: 12, source: 1, severity: 'CRITICAL', class: 3 } },
      { ...base, links: [{ href: null }, 'text'], payload: { summary: 'Unknown', source: null, severity: 'wild' } },
      { ...base, payload: { summary: 'Missing' } },
    ]
    for (const body of all) expect(await post(body), JSON.stringify(body)).toBe(202)
    expect((await alerts()).map(({ title, severity, dedupKey }) => [title, severity, dedupKey?.length === 32 ? 'own' : dedupKey]).toSorted()).toEqual([
      ['12', 'critical', '7'],
      ['Missing', 'high', 'own'],
      ['Odd', 'critical', 'own'],
      ['Unknown', 'high', 'own'],
    ])
    expect(await post({ ...base, payload: { source: 'db-1' } }), 'what it is about has to be said').toBe(400)
  })

  test('a warning pages nobody where pages begin at high, and an error does', async ({ world }) => {
    const { key, anybody, primary } = await integration(world, 'pagerduty')
    await anybody('fromPagerDuty', { body: { routing_key: key, ...trigger('warning') } })
    await world.settle()
    primary.expectNoPage()
    await anybody('fromPagerDuty', { body: { routing_key: key, ...trigger('error') } })
    await world.settle()
    primary.expectPage(/Root login/)
  })

  test('an event with the same dedup key that is more severe raises its alert, which pages', async ({ world }) => {
    const { key, anybody, alerts, primary } = await integration(world, 'pagerduty')
    const send = (severity: 'warning' | 'critical') => anybody('fromPagerDuty', { body: { routing_key: key, ...trigger(severity, 'one') } })
    await send('warning')
    await world.settle()
    primary.expectNoPage()
    await send('critical')
    await world.settle()
    primary.expectPage(/Root login/)
    await send('warning')
    expect(await alerts()).toMatchObject([{ severity: 'critical', count: 3 }])
  })

  test('an event without a dedup key is an alert of its own, whose key is answered; component and group name the service', async ({ world }) => {
    const { key, anybody, alerts, other } = await integration(world, 'pagerduty')
    const body = { routing_key: key, ...trigger('info') }
    const replies = [
      await anybody('fromPagerDuty', { body }),
      await anybody('fromPagerDuty', { body: { ...body, payload: { ...body.payload, component: 'unheard-of', group: 'search' } } }),
    ]
    expect(replies.map(({ status }) => status)).toEqual(['success', 'success'])
    const received = await alerts()
    expect(received.map(({ dedupKey }) => dedupKey).toSorted()).toEqual(replies.map(reply => reply.dedup_key).toSorted())
    expect(received.find(({ dedupKey }) => dedupKey === replies[1]?.dedup_key)).toMatchObject({ service: { id: other.id } })
  })

  test('a trigger with odd characters or long texts pages at both addresses; a summary that is cut stands whole in the description', async ({ world }) => {
    const { key, anybody, alerts, primary } = await integration(world, 'pagerduty')
    const long = 'x'.repeat(5_000)
    const odd = trigger('critical', 'odd \0')
    const deep = `{"__proto__": {"isAdmin": true}, "deep": ${'['.repeat(200)}${']'.repeat(200)}}`
    await anybody('fromPagerDutyIntegration', { params: { key }, body: { ...odd, payload: { ...odd.payload, summary: 'disk full \ud83d' } } })
    await world.settle()
    primary.expectPage(/disk full \ufffd/)
    const tall = {
      ...trigger('critical', long),
      client: long,
      client_url: `http://siem.test/${long}`,
      links: Array.from({ length: 25 }, () => ({ href: 'http://siem.test' })),
    }
    const payload = { ...tall.payload, summary: `Long ${long}`, source: long, component: long, custom_details: JSON.parse(deep) }
    await anybody('fromPagerDuty', { body: { routing_key: key, ...tall, payload } })
    await world.settle()
    primary.expectPage(/Long/)
    const received = await alerts()
    const found = received.find(({ title }) => title.startsWith('Long'))
    expect(found?.title).toBe(`Long ${'x'.repeat(294)}…`)
    for (const part of [`Long ${long}`, '(__proto__)', 'nested too deeply', 'title is cut', 'label source is cut', '5 of 25 links are omitted', 'link x'])
      expect(found?.description).toContain(part)
    for (const dedup_key of ['odd \0', long]) await anybody('fromPagerDutyIntegration', { params: { key }, body: { event_action: 'resolve', dedup_key } })
    expect((await alerts()).map(({ status }) => status)).toEqual(['resolved', 'resolved'])
  })

  test('both addresses refuse a key that is wrong, of another kind, or revoked, and name the field that is missing', async ({ world }) => {
    const { key, anybody, lead, source, alerts } = await integration(world, 'pagerduty')
    const { key: alertmanager } = await lead.call('createIntegration', { body: { kind: 'alertmanager', name: 'Prometheus' } })
    const both = (given: string) => [
      () => anybody('fromPagerDuty', { body: { routing_key: given, ...trigger('critical') } }),
      () => anybody('fromPagerDutyIntegration', { params: { key: given }, body: trigger('critical') }),
    ]
    for (const wrong of ['x'.repeat(32), alertmanager]) for (const send of both(wrong)) await expect(send()).rejects.toMatchObject(refusal('forbidden'))
    await expect(anybody('fromPagerDuty', { body: trigger('critical') })).rejects.toMatchObject(refusal('invalid', 'routing_key'))
    const large = { ...trigger('critical'), client: 'x'.repeat(80_000) }
    await expect(anybody('fromPagerDutyIntegration', { params: { key: 'x'.repeat(32) }, body: large })).rejects.toMatchObject(refusal('forbidden'))
    await expect(anybody('fromPagerDutyIntegration', { params: { key: 'x'.repeat(300) }, body: large })).rejects.toMatchObject(refusal('invalid', 'key'))
    for (const event_action of ['acknowledge', 'resolve'] as const)
      await expect(anybody('fromPagerDutyIntegration', { params: { key }, body: { event_action } })).rejects.toMatchObject(refusal('invalid', 'dedup_key'))
    await lead.call('revokeIntegration', { params: { id: source.id } })
    for (const send of both(key)) await expect(send()).rejects.toMatchObject(refusal('forbidden'))
    expect(await alerts()).toEqual([])
  })
})

test('integrations are made and revoked by leads, and their list shows no key', async ({ world }) => {
  const { lead, key, source } = await integration(world, 'pagerduty')
  const responder = await world.person('responder')
  const body = { kind: 'pagerduty' as const, name: 'Other' }
  await expect(responder.call('createIntegration', { body })).rejects.toMatchObject(refusal('forbidden'))
  await expect(responder.call('revokeIntegration', { params: { id: source.id } })).rejects.toMatchObject(refusal('forbidden'))
  await expect((await world.person('observer')).call('integrations')).rejects.toMatchObject(refusal('forbidden'))
  await expect(lead.call('createIntegration', { body: { ...body, serviceId: source.id } })).rejects.toMatchObject(refusal('invalid', 'serviceId'))
  expect(await (await responder.call.raw('integrations')).text()).not.toContain(key)
})

test('our own API goes on refusing what it cannot store, and names the field', async ({ world }) => {
  const lead = await world.person('lead')
  const alert = { title: 'Odd', severity: 'low' as const }
  for (const wrong of [{ description: 'a\0b' }, { description: 'disk full \ud83d' }, { description: 'x'.repeat(20_001) }])
    await expect(lead.call('createAlerts', { body: { ...alert, ...wrong } })).rejects.toMatchObject(refusal('invalid', 'description'))
  const administrator = await world.person('administrator')
  const { secret } = await administrator.call('createApiKey', { body: { name: 'own', scopes: ['alerts:write'] } })
  const send = async (body: string | Uint8Array<ArrayBuffer>) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` }
    const reply = await fetch(`${world.origin}/api/v1/alerts`, { method: 'POST', headers, body })
    return [reply.status, await reply.text()]
  }
  expect(await send(Uint8Array.from(Buffer.from(JSON.stringify({ ...alert, title: 'pl\u00e9in' }), 'latin1')))).toEqual([
    400,
    expect.stringContaining('Body must be UTF-8.'),
  ])
  expect(await send(`{"title": "Odd", "severity": "low", "labels": {"__proto__": "x"}}`)).toEqual([
    400,
    expect.stringContaining('labels: must not have a field named __proto__.'),
  ])
  expect(await send('{')).toEqual([400, expect.stringContaining('Body is not valid JSON.')])
  expect(await send(JSON.stringify(alert))).toEqual([202, expect.any(String)])
  expect((await lead.call('alerts', {})).items).toHaveLength(1)
})

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

  test('takes each name of a severity for what it means, and what it does not know for medium', async ({ world }) => {
    const { key, alerts, anybody } = await integration(world, 'alertmanager')
    const expected = { page: 'critical', ERROR: 'high', warning: 'medium', minor: 'low', none: 'info', purple: 'medium' }
    const body = payload(...Object.keys(expected).map(severity => firing(severity, { severity })))
    await anybody('fromAlertmanager', { params: { key }, body })
    expect(Object.fromEntries((await alerts()).map(({ dedupKey, severity }) => [dedupKey, severity]))).toEqual(expected)
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
    const { key, alerts, anybody } = await integration(world, 'alertmanager')
    const send = (...all: Parameters<typeof payload>) => anybody('fromAlertmanager', { params: { key }, body: payload(...all) })
    await send(firing('a1'), firing('a2'))
    await anybody('fromAlertmanager', { params: { key }, body: { ...payload(), alerts: [{ ...firing('a1'), status: 'resolved' }] } })
    await world.settle()
    expect((await alerts()).map(({ dedupKey, status }) => [dedupKey, status]).toSorted()).toEqual([
      ['a1', 'resolved'],
      ['a2', 'open'],
    ])
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

describe('PagerDuty’s Events API', () => {
  const trigger = (severity: 'critical' | 'error' | 'warning' | 'info', dedup_key?: string) => ({
    ...{ event_action: 'trigger' as const, ...(dedup_key === undefined ? {} : { dedup_key }) },
    payload: { summary: 'Root login', source: 'db-1', severity },
  })

  test('fromPagerDutyIntegration takes each severity for what it means', async ({ world }) => {
    const { key, alerts, anybody, service } = await integration(world, 'pagerduty')
    const expected = { critical: 'critical', error: 'high', warning: 'medium', info: 'info' } as const
    for (const severity of ['critical', 'error', 'warning', 'info'] as const)
      await anybody('fromPagerDutyIntegration', { params: { key }, body: trigger(severity, severity) })
    const received = await alerts()
    expect(Object.fromEntries(received.map(({ dedupKey, severity }) => [dedupKey, severity]))).toEqual(expected)
    expect(received.every(alert => alert.service?.id === service.id)).toBe(true)
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

  test('both addresses refuse a key that is wrong, of another kind, or revoked, and name the field that is missing', async ({ world }) => {
    const { key, anybody, lead, source, alerts } = await integration(world, 'pagerduty')
    const { key: alertmanager } = await lead.call('createIntegration', { body: { kind: 'alertmanager', name: 'Prometheus' } })
    const both = (given: string) => [
      () => anybody('fromPagerDuty', { body: { routing_key: given, ...trigger('critical') } }),
      () => anybody('fromPagerDutyIntegration', { params: { key: given }, body: trigger('critical') }),
    ]
    for (const wrong of ['x'.repeat(32), alertmanager]) for (const send of both(wrong)) await expect(send()).rejects.toMatchObject(refusal('forbidden'))
    await expect(anybody('fromPagerDuty', { body: trigger('critical') })).rejects.toMatchObject(refusal('invalid', 'routing_key'))
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

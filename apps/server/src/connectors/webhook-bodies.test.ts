import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { routes } from '@tocsin/api'
import { afterAll, expect, test } from 'vitest'
import { patience } from '../../test/patience.ts'
import { OwnBodies } from '../kernel/own-bodies.ts'
import { AppProblem } from '../kernel/problems.ts'
import { WebhookBodies } from './webhook-bodies.ts'

const own = new OwnBodies()
const webhooks = new WebhookBodies()
afterAll(() => Promise.all([own.close(), webhooks.alertmanager.close()]))

const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value))
const alert = { title: 'Odd', severity: 'low', labels: { host: 'db-1' } }
const firing = { status: 'firing', labels: { alertname: 'BulkRead', service: 'billing' }, fingerprint: 'a1' }
const payload = { version: '4', alerts: [firing, { ...firing, status: 'resolved', endsAt: '2026-11-23T08:00:01Z' }] }
const event = { routing_key: 'k', event_action: 'trigger', payload: { summary: 'Root login', source: 'db-1', severity: 'critical' } }

/** The same behind so much space that it is read on a worker. */
const large = (bytes: Buffer) => Buffer.concat([Buffer.alloc(80_000, ' '), bytes])
const outcomeOf = (reading: Promise<unknown>) =>
  reading.then(
    read => ({ read }),
    (error: unknown) => (error instanceof AppProblem ? { kind: error.kind, message: error.message, errors: error.errors } : error),
  )

test.each([
  ['alerts', own.read.bind(own, routes.createAlerts), bytesOf([alert, alert]), { read: [expect.objectContaining(alert), expect.objectContaining(alert)] }],
  [
    'an alert with a wrong field',
    own.read.bind(own, routes.createAlerts),
    bytesOf({ ...alert, severity: 'purple' }),
    { kind: 'invalid', message: 'severity: must be one of info, low, medium, high, critical', errors: [expect.objectContaining({ path: 'severity' })] },
  ],
  ['no JSON', own.read.bind(own, routes.createAlerts), Buffer.from('{'), { kind: 'invalid', message: 'Body is not valid JSON.', errors: undefined }],
  [
    'a notification of Alertmanager',
    webhooks.alertmanager.read,
    bytesOf(payload),
    {
      read: {
        count: 2,
        firing: [expect.objectContaining({ alert: expect.objectContaining({ title: 'BulkRead', dedupKey: 'a1' }), service: 'billing' })],
        resolved: new Map([
          ['a1', '2026-11-23T08:00:01.000Z'],
          [expect.stringMatching(/^truncated /), undefined],
        ]),
      },
    },
  ],
  ['an event for PagerDuty', webhooks.pagerDuty.read, bytesOf(event), { read: expect.objectContaining({ routingKey: 'k', action: 'trigger' }) }],
  ['another version', webhooks.alertmanager.read, bytesOf({ ...payload, version: '3' }), expect.objectContaining({ kind: 'invalid' })],
] as const)('%s: what is large is read as what is small is', async (_, read, bytes, expected) => {
  const small = await outcomeOf(read(bytes))
  expect(small).toEqual(expected)
  expect(await outcomeOf(read(large(bytes)))).toEqual(small)
})

test('nothing else waits while hostile bodies are read, refused and put into words', async () => {
  const nested = (count: number) => Buffer.concat([Buffer.alloc(count, '['), Buffer.alloc(count, ']')])
  const keys = (count: number) => bytesOf(Object.fromEntries(Array.from({ length: count }, (_, n) => [`key-${n}`, 'value'])))
  // Warm: the workers run.
  await Promise.all([own.read(routes.createAlerts, large(bytesOf(alert))), webhooks.alertmanager.read(large(bytesOf(payload)))])
  const manyLabels = { ...payload, alerts: [{ ...firing, labels: { ...firing.labels, ...JSON.parse(keys(190_000).toString()) } }] }
  const bodies = {
    own: [nested(2_000_000), keys(45_000), bytesOf(Array(20_000).fill(1)), Buffer.alloc(4_000_000, ',')],
    alertmanager: [nested(2_000_000), keys(190_000), bytesOf({ version: '4', alerts: Array(60_000).fill(1) }), bytesOf(manyLabels)],
    pagerDuty: [bytesOf({ ...event, payload: { ...event.payload, custom_details: JSON.parse(keys(30_000).toString()) } })],
  }
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  await sleep(20)
  const read = await Promise.allSettled([
    ...bodies.own.map(bytes => own.read(routes.createAlerts, bytes)),
    ...bodies.alertmanager.map(webhooks.alertmanager.read),
    ...bodies.pagerDuty.map(webhooks.pagerDuty.read),
  ])
  // What was read here would have held up this.
  await sleep(20)
  delay.disable()
  expect(read.map(({ status }) => status)).toEqual([...Array(7).fill('rejected'), 'fulfilled', 'fulfilled'])
  // What is refused is refused for what it is, not for a limit of the worker.
  for (const one of read) if (one.status === 'rejected') expect(String(one.reason)).toMatch(/: (?!.*could not be read)/)
  expect(delay.max / 1e6).toBeLessThan(100 * patience)
})

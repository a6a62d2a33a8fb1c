import type { SeverityCriteria } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

const criteria: SeverityCriteria = {
  ...({ privacy: 'none', impact: 'degraded', scope: 'one-service', customers: 'none' } as const),
  ...({ region: 'one', data: 'internal', recoverability: 'regular' } as const),
}

/** An incident of the service billing, led by the first on call, brought to where it can be recovered. */
async function eradicated(world: World) {
  const { team, primary } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { id } = await primary.call('openIncident', { body: { title: 'Token stolen', reason: 'Seen.', serviceIds: [service.id] } })
  const version = async () => (await lead.call('incident', { params: { id } })).version
  const say = async () => ({ params: { id }, body: { version: await version(), reason: 'As the runbook says.' } })
  await lead.call('assessSeverity', { params: { id }, body: { version: await version(), criteria } })
  await lead.call('classifyIncident', { params: { id }, body: { ...(await say()).body, class: 'security-incident' } })
  await lead.call('declareIncident', await say())
  await lead.call('containIncident', await say())
  await lead.call('eradicateIncident', await say())
  await world.settle()
  world.takeMails()
  return { id, lead, primary, team, say, version }
}

/** The same, recovered and monitored for ten days. */
async function recovered(world: World, monitorUntil: string | null = '2026-12-03') {
  const found = await eradicated(world)
  const { body, params } = await found.say()
  const none = monitorUntil === null ? { noMonitoringReason: 'The service is switched off.' } : {}
  await found.lead.call('recoverIncident', {
    params,
    body: { ...body, secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil, ...none },
  })
  return found
}

const leadPages = async ({ call }: Person) => (await call('pages')).items.filter(({ title }) => /monitored service/.test(title))
const timeline = async ({ call }: Person, id: string) => (await call('incident', { params: { id } })).timeline.map(({ sentence }) => sentence)
const containAction = async ({ call }: Person, id: string) =>
  (await call('incident', { params: { id } })).nextActions.find(({ action }) => action === 'contain') ?? expect.fail()

describe('the monitoring period', () => {
  test('of a recovered incident is extended with a reason, and never shortened', async ({ world }) => {
    const { id, lead, version } = await recovered(world)
    const extend = async (monitorUntil: string, reason = 'Seen again elsewhere.') =>
      lead.call('extendMonitoring', { params: { id }, body: { version: await version(), monitorUntil, reason } })
    for (const day of ['2026-11-01', '2026-11-30', '2026-12-03', '2062-12-03'])
      await expect(extend(day)).rejects.toMatchObject(refusal('invalid', 'monitorUntil'))
    await expect(extend('2026-12-24', ' ')).rejects.toMatchObject(refusal('invalid', 'reason'))
    expect(await extend('2026-12-24')).toMatchObject({ monitorUntil: '2026-12-24' })
    expect(await timeline(lead, id)).toContain('Extended the monitoring period from Dec 3 to Dec 24')
    await world.advance({ days: 12 })
    const { nextActions } = await lead.call('incident', { params: { id } })
    expect(nextActions.find(({ action }) => action === 'close')?.blockedBy).toContain('The monitoring period lasts until 2026-12-24 UTC.')
  })

  test('is of recovered incidents alone', async ({ world }) => {
    const { id, lead, version } = await eradicated(world)
    const body = { version: await version(), monitorUntil: '2026-12-24', reason: 'Early.' }
    await expect(lead.call('extendMonitoring', { params: { id }, body })).rejects.toMatchObject(refusal('conflict'))
  })

  test('can be none, with a reason, and be started later', async ({ world }) => {
    const { id, lead, say } = await eradicated(world)
    const recover = async (more: { monitorUntil: string | null; noMonitoringReason?: string }) => {
      const { body, params } = await say()
      return lead.call('recoverIncident', {
        params,
        body: { ...body, secureState: 'Restored from clean images', verification: 'Two scans found nothing', ...more },
      })
    }
    await expect(recover({ monitorUntil: null })).rejects.toMatchObject(refusal('invalid', 'noMonitoringReason'))
    await expect(recover({ monitorUntil: '2062-12-03' }), 'a slip of the year, which nobody could close').rejects.toThrow(/must be within 366 days/)
    await expect(recover({ monitorUntil: '2026-12-03', noMonitoringReason: 'x' })).rejects.toMatchObject(refusal('invalid', 'noMonitoringReason'))
    const done = await recover({ monitorUntil: null, noMonitoringReason: 'The service is switched off.' })
    expect(done).toMatchObject({ status: 'recovered', monitorUntil: null })
    expect(done.timeline.at(-1)).toMatchObject({
      sentence: 'Marked the incident recovered, without a monitoring period',
      reason: expect.stringContaining('No monitoring period: The service is switched off.'),
    })
    expect(done.nextActions.find(({ action }) => action === 'close')?.blockedBy.join()).not.toMatch(/monitoring/)
    const { body, params } = await say()
    await lead.call('extendMonitoring', { params, body: { ...body, monitorUntil: '2026-12-01' } })
    expect(await timeline(lead, id)).toContain('Started a monitoring period until Dec 1')
  })
})

describe('an alert on a monitored service', () => {
  test('pages the lead once for a burst, is on the timeline, and proposes to contain again', async ({ world }) => {
    const { id, lead, primary, say } = await recovered(world)
    expect((await containAction(lead, id)).because).toEqual([])
    world.jump({ hours: 1 })
    const { number } = await world.alert({ title: 'Support token used AGAIN', severity: 'medium', service: 'billing' })
    await world.alert({ title: 'And again', severity: 'high', service: 'billing' })
    await world.settle()
    primary.expectPage(/alert on a monitored service/)
    expect(await leadPages(lead)).toHaveLength(1)
    expect(await timeline(lead, id)).toContain(`1 alert on a monitored service: alert ${number} on billing, Support token used AGAIN`)
    expect((await containAction(lead, id)).because).toEqual([
      expect.stringMatching(/^Alerts on monitored services since the recovery, last at Nov 23, 09:00 UTC/),
    ])
    const [page] = await leadPages(lead)
    await primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    world.jump({ hours: 2 })
    await world.alert({ title: 'Next burst', severity: 'medium', service: 'billing' })
    await world.settle()
    expect(await leadPages(lead)).toHaveLength(2)
    await lead.call('containIncident', await say())
    expect((await leadPages(lead)).map(({ state }) => state)).toEqual(['resolved', 'resolved'])
    world.jump({ hours: 2 })
    await world.alert({ title: 'While contained', severity: 'medium', service: 'billing' })
    await world.settle()
    expect(await leadPages(lead)).toHaveLength(2)
  })

  test('that repeats one from before does, too', async ({ world }) => {
    const { id, lead, primary, say } = await recovered(world)
    const send = () => primary.call('createAlerts', { body: { title: 'Odd', severity: 'medium', service: 'billing', dedupKey: 'k' } })
    await send()
    await world.settle()
    expect(await leadPages(lead)).toHaveLength(1)
    world.jump({ hours: 3 })
    await send()
    await world.settle()
    expect((await timeline(lead, id)).filter(sentence => /on a monitored service: alert/.test(sentence))).toHaveLength(2)

    // A new round has a monitoring period of its own: what was seen in the one before proposes nothing.
    world.jump({ days: 11 })
    const other = await world.person('lead')
    await other.call('verifyRecovery', await say())
    await other.call('closeIncident', await say())
    const { body, params } = await say()
    await lead.call('reopenIncident', { params, body: { ...body, monitorUntil: '2026-12-24' } })
    expect((await containAction(lead, id)).because).toEqual([])
  })

  test('that is of little severity, silenced, of another service, of an exercise, part of another incident, or after the period pages no lead', async ({
    world,
  }) => {
    const { lead, primary, team } = await recovered(world)
    await world.alert({ title: 'Low', severity: 'low', service: 'billing' })
    await world.service('search', team)
    await world.alert({ title: 'Drill', severity: 'critical', service: 'billing', isExercise: true })
    await world.alert({ title: 'Elsewhere', severity: 'medium', service: 'search' })
    await lead.call('addSilence', { body: { matchers: { titleContains: 'Load' }, reason: 'Load test', start: world.now, end: '2026-11-24T08:00:00Z' } })
    await world.alert({ title: 'Load', severity: 'high', service: 'billing' })
    await world.settle()
    expect(await leadPages(lead)).toEqual([])
    await world.advance({ days: 11 })
    await world.alert({ title: 'Late', severity: 'high', service: 'billing' })
    await world.settle()
    expect(await leadPages(primary)).toEqual([])
  })
})

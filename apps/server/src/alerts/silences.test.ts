import { describe, expect } from 'vitest'
import { startPeer } from '../../test/peer.ts'
import { buildWorld, test } from '../../test/world.ts'
import { cancel } from '../kernel/jobs/schedule.ts'
import { pages } from '../paging/tables.ts'

describe('a silence', () => {
  test('keeps what matches from paging, in the queue, and pages what is still open when it is over', async ({ world }) => {
    const { team, primary } = await world.team()
    const service = await world.service('billing', team)
    const lead = await world.person('lead')
    const added = await lead.call('addSilence', {
      body: { matchers: { serviceIds: [service.id], titleContains: 'DISK' }, reason: 'New disks', start: world.now, end: '2026-11-23T10:00:00Z' },
    })
    expect(added).toMatchObject({ isActive: true, author: lead.name, held: 0 })
    const full = await world.alert({ service: 'billing', title: 'Disk full' })
    const other = await world.alert({ service: 'billing', title: 'Disk slow' })
    primary.expectNoPage()
    expect((await lead.call('silences'))[0]?.held).toBe(2)
    await world.alert({ service: 'billing', title: 'Sign-in from afar' })
    primary.expectPage(/Sign-in/)
    await primary.call('acknowledgeAlert', { params: { id: other.id } })
    await world.advance({ hours: 2 })
    primary.expectPage(/Disk full/)
    primary.expectNoPage()
    const entries = (await lead.call('journal', { query: { limit: 200 } })).items.toReversed()
    const about = (id: string) => entries.filter(({ subject, type }) => subject.id === id && type.startsWith('alert.silence')).map(({ type }) => type)
    expect(about(full.id)).toEqual(['alert.silenced', 'alert.silence-ended'])
    expect(about(other.id), 'somebody had acknowledged it').toEqual(['alert.silenced'])
    const ended = entries.find(({ type }) => type === 'alert.silence-ended')
    expect(ended).toMatchObject({ sentence: 'The silence of the alert ended: New disks', data: { silenceId: added.id, reason: 'New disks' } })
    const paged = entries.find(({ type, data }) => type === 'page.triggered' && (data as { about: { id: string } }).about.id === full.id)
    expect(entries.indexOf(paged ?? expect.fail('it paged'))).toBeGreaterThan(entries.indexOf(ended ?? expect.fail('it was held')))
    await world.alert({ service: 'billing', title: 'Disk odd' })
    primary.expectPage(/Disk odd/)
  })

  test('that is ended at once lets what it held back page at once', async ({ world }) => {
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const lead = await world.person('lead')
    const { id } = await lead.call('addSilence', {
      body: { matchers: { severities: ['high'] }, reason: 'Load test', start: world.now, end: '2026-11-30T10:00:00Z' },
    })
    await world.alert({ service: 'billing' })
    primary.expectNoPage()
    await lead.call('endSilence', { params: { id } })
    await world.settle()
    primary.expectPage(/billing/)
    await expect(lead.call('endSilence', { params: { id } })).rejects.toThrow(/silence/)
  })

  test('may recur: maintenance every night, and what came in it and is still open pages in the morning', async ({ world }) => {
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const lead = await world.person('lead')
    await lead.call('addSilence', {
      body: {
        ...{ matchers: { source: 'api' }, reason: 'Backups', start: world.now, end: '2027-02-01T00:00:00Z' },
        hours: { timeZone: 'UTC', hours: [{ from: '22:00', until: '02:00' }] },
      },
    })
    await world.alert({ service: 'billing', title: 'By day', source: 'api' })
    primary.expectPage(/By day/)
    await world.advance({ hours: 15 })
    world.takeMails()
    await world.alert({ service: 'billing', title: 'By night', source: 'api' })
    primary.expectNoPage()
    await world.advance({ hours: 3 })
    primary.expectPage(/By night/)
  })

  test('has a reason, an end within a year, and something that it is about', async ({ world }) => {
    const lead = await world.person('lead')
    const body = { matchers: { severities: ['high' as const] }, reason: 'Why', start: world.now, end: '2026-11-24T00:00:00Z' }
    await expect(lead.call('addSilence', { body: { ...body, reason: ' ' } })).rejects.toThrow(/reason/)
    await expect(lead.call('addSilence', { body: { ...body, matchers: {} } })).rejects.toThrow(/at least one condition/)
    await expect(lead.call('addSilence', { body: { ...body, end: '2028-01-01T00:00:00Z' } })).rejects.toThrow(/at most one year/)
    await expect((await world.person()).call('addSilence', { body })).rejects.toThrow()
  })
})

test('a missed heartbeat pages after 26 hours, and the next heartbeat resolves it', async ({ world }) => {
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { heartbeat, url } = await lead.call('addHeartbeat', { body: { name: 'Nightly backup', serviceId: service.id, everyMinutes: 26 * 60 } })
  const sendHeartbeat = (method: string) => fetch(url.replace('localhost', '127.0.0.1'), { method })
  await world.advance({ hours: 20 })
  expect((await sendHeartbeat('POST')).status).toBe(204)
  await world.advance({ hours: 25, minutes: 59 })
  primary.expectNoPage()
  await world.advance({ minutes: 1 })
  primary.expectPage(/billing: Nightly backup: heartbeat missed/)
  expect((await lead.call('heartbeats'))[0]).toMatchObject({ id: heartbeat.id, state: 'silent' })
  expect((await sendHeartbeat('GET')).status).toBe(204)
  await world.settle()
  expect((await lead.call('pages')).items.map(page => page.state)).toEqual(['resolved'])
  expect((await lead.call('heartbeats'))[0]).toMatchObject({ state: 'healthy', lastHeartbeatAt: world.now })
  expect((await fetch(`${world.origin}/heartbeat/somebody-elses`, { method: 'POST' })).status).toBe(404)
  await lead.call('removeHeartbeat', { params: { id: heartbeat.id } })
  expect((await sendHeartbeat('POST')).status).toBe(404)
})

describe('the auditor', () => {
  test('repairs an escalation whose timer is missing, reports it, and only then sends the heartbeat', async () => {
    const monitor = await startPeer()
    const { world, end } = await buildWorld({ withAuditor: true, env: { TOCSIN_HEARTBEAT_URL: `${monitor.url}/heartbeat/tocsin` } })
    const { team, primary, backup } = await world.team()
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    primary.expectPage(/billing/)
    const { database } = world.server.context
    const [page] = await database.reader().db.select({ id: pages.id }).from(pages)
    await database.transaction(tx => cancel(tx, `page:${page?.id}`))
    const before = monitor.received.length
    await world.advance({ minutes: 2 })
    expect(monitor.received.length - before, 'one heartbeat a minute').toBe(2)
    expect(monitor.received.at(-1)?.path).toBe('/heartbeat/tocsin')
    const timeline = await primary.call('page', { params: { id: page?.id ?? '' } })
    expect(timeline.events.map(event => event.text)).toContain('The watchdog repaired an escalation timer (it was missing)')
    await world.advance({ minutes: 3 })
    backup.expectPage(/billing/)
    await end()
    await monitor.stop()
  })
})

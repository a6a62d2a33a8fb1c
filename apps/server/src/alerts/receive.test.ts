import type { AlertInput } from '@tocsin/api'
import { and, asc, eq, inArray } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import type { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { statements } from '../../test/statements.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { system } from '../journal/index.ts'
import { journal } from '../journal/tables.ts'
import { type IncomingAlert, receiveAlerts, resolveBySource } from './receive.ts'

type Given = Partial<z.input<typeof AlertInput>>

/** Sends a batch through the API, of low severity where nothing else is said. */
const send = async ({ call }: Person, ...batch: readonly Given[]) =>
  (await call('createAlerts', { body: batch.map(alert => ({ title: 'Odd', severity: 'low' as const, ...alert })) })).alerts

/** Takes one alert as a module of the server hands it in. */
async function receive(world: World, alert: Partial<IncomingAlert>, isDemo?: boolean) {
  const { context } = world.server
  const whole: IncomingAlert = {
    ...{ title: 'Odd', severity: 'low', serviceId: null, source: 'test', labels: {}, links: [], description: '', observables: [], ...alert },
  }
  const [received] = await context.database.transaction(tx => receiveAlerts(tx, context, system, 'test', [whole], { isDemo: isDemo ?? false }))
  return received ?? expect.fail('one answer for one alert')
}

/** The scope of what somebody sends through the API. */
const scopeOf = ({ id }: Person) => `api person ${id}`

const resolve = (world: World, scope: string, ...keys: string[]) =>
  world.server.context.database.transaction(tx => resolveBySource(tx, world.server.context, system, scope, keys))

/** Entries about alerts of these types, oldest first, without from where they were asked for. */
const recorded = async (world: World, ...types: string[]) => {
  const rows = await world.server.context.database
    .reader()
    .db.select({ type: journal.type, id: journal.subjectId, within: journal.withinId, data: journal.data, isDemo: journal.isDemo })
    .from(journal)
    .where(and(eq(journal.subjectKind, 'alert'), inArray(journal.type, types)))
    .orderBy(asc(journal.seq))
  return rows.map(row => {
    const { calledFrom: _, ...data } = row.data ?? {}
    return { ...row, data }
  })
}

const readAlert = ({ call }: Person, { id }: { id: string }) => call('alert', { params: { id } })
const pageTitles = async ({ call }: Person) => (await call('pages')).items.map(({ title }) => title)
const triage = async ({ call }: Person) => (await call('alerts', {})).items.map(({ title }) => title)

describe('a batch of alerts', () => {
  test('is one alert for each key, as its last word says, and one for each without; repetitions are counted', async ({ world }) => {
    const lead = await world.person('lead')
    const first = await send(lead, { title: 'B', dedupKey: 'b' }, {}, { dedupKey: 'a' }, {}, { title: 'B again', severity: 'medium', dedupKey: 'b' })
    const [b, single, a, otherSingle, bAgain] = first
    expect(first.map(({ isNew, count }) => [isNew, count])).toEqual([
      [true, 2],
      [true, 1],
      [true, 1],
      [true, 1],
      [true, 2],
    ])
    expect(bAgain).toEqual(b)
    expect(new Set([b?.id, single?.id, a?.id, otherSingle?.id]).size).toBe(4)
    expect(await readAlert(lead, b ?? expect.fail())).toMatchObject({ title: 'B again', severity: 'medium', count: 2, kind: 'alert', isDemo: false })

    expect(await send(lead, { dedupKey: 'b' })).toEqual([{ ...b, isNew: false, count: 3 }])
    const mixed = await send(lead, { dedupKey: 'a' }, { dedupKey: 'c' }, { dedupKey: 'a' })
    const c = { id: mixed[1]?.id, number: 5, isNew: true, count: 1 }
    expect(mixed, 'repetitions use up no numbers').toEqual([{ ...a, isNew: false, count: 3 }, c, { ...a, isNew: false, count: 3 }])

    const received = await recorded(world, 'alert.received')
    expect(new Set(received.map(({ id }) => id))).toEqual(new Set([b, single, a, otherSingle, c].map(each => each?.id)))
    expect(received).toHaveLength(5)
    expect((await recorded(world, 'alert.repeated')).map(({ id, data }) => [id, data])).toEqual([
      [b?.id, { count: 3 }],
      [a?.id, { count: 3 }],
    ])
    const metrics = await (await world.client().raw('metrics')).text()
    expect(metrics).toMatch(/^tocsin_alerts_total\{result="new"\} 5$/m)
    expect(metrics).toMatch(/^tocsin_alerts_total\{result="repeated"\} 2$/m)
  })

  test('of the demo is marked as such in what is recorded about it, and no other', async ({ world }) => {
    const lead = await world.person('lead')
    const [demo, real] = [await receive(world, {}, true), await receive(world, {})]
    expect([(await readAlert(lead, demo)).isDemo, (await readAlert(lead, real)).isDemo]).toEqual([true, false])
    expect((await recorded(world, 'alert.received')).map(({ id, isDemo }) => [id, isDemo])).toEqual([
      [demo.id, true],
      [real.id, false],
    ])
  })
})

describe('the service of an alert', () => {
  test('is found by its name or ID; a batch that names another is refused with each such place', async ({ world }) => {
    const { team } = await world.team({ tiers: 1 })
    const service = await world.service('billing', team)
    const lead = await world.person('lead')
    const sent = await send(lead, { service: 'billing' }, { service: service.id }, { service: '' }, {})
    const found = await Promise.all(sent.map(async alert => (await readAlert(lead, alert)).service))
    const billing = { id: service.id, name: 'billing' }
    expect(found).toEqual([billing, billing, null, null])
    await expect(send(lead, { service: 'billing' }, { service: 'Billing' }, {}, { service: team.id })).rejects.toMatchObject(
      refusal('invalid', '1.service', '3.service'),
    )
    await expect(lead.call('createAlerts', { body: { title: 'Odd', severity: 'low', service: 'nothing' } })).rejects.toMatchObject(
      refusal('invalid', 'service'),
    )
    expect(await triage(lead)).toHaveLength(4)
  })
})

describe('an alert pages', () => {
  test('the team of its service from the severity that the service names, without one the first security team from high', async ({ world }) => {
    const lead = await world.person('lead')
    await send(lead, { title: 'Nobody to page', severity: 'critical' })
    expect(await pageTitles(lead)).toEqual([])
    const first = await world.team({ tiers: 1 })
    const { team, primary } = await world.team({ tiers: 1 })
    const service = await world.service('billing', team)

    await send(lead, { severity: 'medium' }, { severity: 'medium', service: 'billing' })
    await world.settle()
    expect(await pageTitles(lead)).toEqual([])
    await send(lead, { title: 'No service', severity: 'high' })
    await world.settle()
    first.primary.expectPage(/No service/)
    await send(lead, { title: 'Bulk read', severity: 'high', service: 'billing' })
    await world.settle()
    primary.expectPage(/billing: Bulk read/)
    first.primary.expectNoPage()

    const saved = { name: 'billing', securityTeamId: team.id, engineeringTeamId: service.engineeringTeam?.id, id: service.id, version: service.version }
    await lead.call('saveService', { body: { ...saved, pageFrom: 'critical' } })
    await send(lead, { title: 'Below critical', severity: 'high', service: 'billing' })
    expect((await pageTitles(lead)).sort()).toEqual(['No service', 'billing: Bulk read'])
  })

  test('with what it says, and a long description is visibly shortened', async ({ world }) => {
    const { team, primary } = await world.team({ tiers: 1 })
    const service = await world.service('billing', team)
    const start = 'x'.repeat(1_500)
    await receive(world, { title: 'Short', severity: 'critical', description: start })
    await receive(world, { title: 'Long', severity: 'high', serviceId: service.id, description: `${start}y` })
    await receive(world, { title: 'Told', severity: 'high', kind: 'report' })
    const summaries = await Promise.all((await primary.call('pages')).items.map(async ({ id }) => (await primary.call('page', { params: { id } })).summary))
    expect(summaries.sort()).toEqual([
      `Alert from test: Long\nSeverity high, service billing\n\n${start}…`,
      `Alert from test: Short\nSeverity critical\n\n${start}`,
      'Reported by a user: Told\nSeverity high',
    ])
  })

  test('that silences hold once all of them are over, unless it was acknowledged or resolved meanwhile', async ({ world }) => {
    const { primary } = await world.team({ tiers: 1 })
    const lead = await world.person('lead')
    for (const end of ['2026-11-23T09:00:00Z', '2026-11-23T10:00:00Z'])
      await lead.call('addSilence', { body: { matchers: { severities: ['high'] }, reason: 'Load test', start: world.now, end } })
    const high = { severity: 'high', dedupKey: 'resolved' } as const
    const [held, acknowledged] = await send(lead, { ...high, title: 'Held', dedupKey: 'held' }, { title: 'Acknowledged', severity: 'high' }, high)
    await primary.call('acknowledgeAlert', { params: { id: acknowledged?.id ?? '' } })
    await resolve(world, scopeOf(lead), 'resolved')
    await world.advance({ minutes: 119 })
    expect(await pageTitles(lead)).toEqual([])
    const silenced = (await recorded(world, 'alert.silenced')).filter(({ id }) => id === held?.id)
    expect(silenced, 'by the first silence, and then by the second').toHaveLength(2)
    await world.advance({ minutes: 1 })
    primary.expectPage(/Held/)
    expect(await pageTitles(lead)).toEqual(['Held'])
  })
})

describe('an alert that is repeated as more severe', () => {
  test('rises, says so, and pages when it reaches the threshold; it never falls', async ({ world }) => {
    const { team, primary } = await world.team({ tiers: 1 })
    await world.service('billing', team)
    const lead = await world.person('lead')
    const same = { title: 'Brute force', service: 'billing', dedupKey: 'a' }
    const [alert] = await send(lead, same)
    const at = async () => (await readAlert(lead, alert ?? expect.fail())).severity
    await send(lead, { ...same, severity: 'medium' })
    await world.settle()
    primary.expectNoPage()
    expect(await at()).toBe('medium')
    await send(lead, { ...same, severity: 'critical' }, { ...same, severity: 'low' })
    await world.settle()
    primary.expectPage(/\[CRITICAL\] billing: Brute force/)
    await send(lead, same)
    await send(lead, { ...same, severity: 'critical' })
    expect(await at(), 'a repetition does not make it less severe').toBe('critical')
    expect((await recorded(world, 'alert.repeated')).map(({ data }) => data)).toEqual([
      { count: 2, severity: 'medium', before: { severity: 'low' } },
      { count: 4, severity: 'critical', before: { severity: 'medium' } },
      { count: 5 },
      { count: 6 },
    ])
    expect(await pageTitles(lead)).toHaveLength(1)
  })

  test('pages who has acknowledged it, and the team where nobody was paged before; not when it is in an incident', async ({ world }) => {
    const { primary } = await world.team({ tiers: 1 })
    const [unpaged, paged, taken] = await send(
      primary,
      { title: 'Unpaged', dedupKey: 'unpaged' },
      { title: 'Paged', dedupKey: 'paged', severity: 'high' },
      { title: 'Taken', dedupKey: 'taken' },
    )
    for (const alert of [unpaged, paged]) await primary.call('acknowledgeAlert', { params: { id: alert?.id ?? '' } })
    await primary.call('escalateAlert', { params: { id: taken?.id ?? '' }, body: { responsibility: 'us', reason: 'It is real.' } })
    await world.settle()
    world.takeMails()
    const keys = ['unpaged', 'paged', 'taken']
    await send(primary, ...keys.map(dedupKey => ({ title: `Again ${dedupKey}`, dedupKey, severity: 'critical' as const })))
    await world.settle()
    expect(
      world
        .takeMails()
        .flatMap(mail => (mail.purpose === 'page' ? [mail.subject] : []))
        .toSorted(),
    ).toEqual(['[CRITICAL] Again paged', '[CRITICAL] Again unpaged'])
    const rows = await Promise.all([unpaged, paged, taken].map(alert => readAlert(primary, alert ?? expect.fail())))
    expect(rows.map(({ severity, status }) => [severity, status])).toEqual([
      ['critical', 'acknowledged'],
      ['critical', 'acknowledged'],
      ['critical', 'escalated'],
    ])
  })

  test('is held by a silence that fits it as it is now, and pages when that is over', async ({ world }) => {
    await world.team({ tiers: 1 })
    const lead = await world.person('lead')
    for (const matchers of [{ titleContains: 'held' }, { titleContains: 'loud', severities: ['high' as const] }])
      await lead.call('addSilence', { body: { matchers, reason: 'Load test', start: world.now, end: '2026-11-23T09:00:00Z' } })
    await send(lead, { title: 'Held', dedupKey: 'held' }, { title: 'Loud', dedupKey: 'loud' })
    const [held, loud] = [
      { title: 'Held', dedupKey: 'held' },
      { title: 'Loud', dedupKey: 'loud' },
    ]
    for (const severity of ['high', 'critical'] as const) await send(lead, { ...held, severity }, { ...loud, severity })
    await world.settle()
    expect(await pageTitles(lead)).toEqual(['Loud'])
    expect(await recorded(world, 'alert.silenced'), 'once each').toHaveLength(2)
    await world.advance({ minutes: 60 })
    expect((await pageTitles(lead)).toSorted(), 'one page each').toEqual(['Held', 'Loud'])
  })

  test('of many, takes as many statements as of one', async ({ world }) => {
    const { context } = world.server
    const batch = (count: number, severity: 'low' | 'medium' | 'high'): IncomingAlert[] =>
      Array.from({ length: count }, (_, i) => ({
        ...{ title: severity, severity, dedupKey: `${count} ${i}`, serviceId: null, source: 'test', labels: {}, links: [], description: '', observables: [] },
      }))
    const taken = async (count: number) => {
      await context.database.transaction(tx => receiveAlerts(tx, context, system, 'test', batch(count, 'low')))
      return statements(() => context.database.transaction(tx => receiveAlerts(tx, context, system, 'test', batch(count, 'medium'))))
    }
    expect(await taken(200)).toBe(await taken(1))
    expect(await recorded(world, 'alert.repeated')).toHaveLength(201)
    const { primary } = await world.team()
    const resolved = async (count: number) => {
      const keys = batch(count, 'high').map(({ dedupKey = '' }) => dedupKey)
      await context.database.transaction(tx => receiveAlerts(tx, context, system, 'resolved', batch(count, 'high')))
      return statements(() => context.database.transaction(tx => resolveBySource(tx, context, system, 'resolved', keys)))
    }
    expect(await resolved(20)).toBe(await resolved(1))
    expect(await recorded(world, 'alert.resolved-by-source')).toHaveLength(21)
    expect((await primary.call('pages', { query: { limit: 200 } })).items.map(({ state }) => state)).toEqual(Array.from({ length: 21 }, () => 'resolved'))
  })
})

describe('the occurrences of an alert', () => {
  test('are all counted and the last 50 readable; the alert says what the newest of the most severe ones did', async ({ world }) => {
    const { primary } = await world.team({ tiers: 1 })
    const address = (value: string) => ({ observables: [{ kind: 'ipv4-addr' as const, value }] })
    const [rise] = await send(primary, { title: 'Odd sign-in', description: 'one', dedupKey: 'k-rise', ...address('203.0.113.1') })
    const id = rise?.id ?? ''
    const content = { title: 'RANSOM NOTE', description: 'All disks', labels: { host: 'db-1' }, links: [{ url: 'https://siem.test/2', text: 'Search' }] }
    const ransom = { ...content, severity: 'critical' as const, ...address('203.0.113.2') }
    expect(await send(primary, { ...ransom, dedupKey: 'k-rise' })).toEqual([{ ...rise, isNew: false, count: 2 }])
    await world.settle()
    primary.expectPage(/\[CRITICAL\] RANSOM NOTE/)
    expect(await readAlert(primary, { id })).toMatchObject({ ...ransom, count: 2 })
    await send(primary, { title: 'Odd sign-in', description: 'three', dedupKey: 'k-rise' }, { ...ransom, title: 'RANSOM NOTE again', dedupKey: 'k-rise' })
    await send(primary, { title: 'Last', dedupKey: 'k-rise' })
    expect(await readAlert(primary, { id }), 'the newest of the most severe ones').toMatchObject({ ...ransom, title: 'RANSOM NOTE again', count: 5 })
    const read = (query: { limit?: number; cursor?: string } = {}) => primary.call('alertOccurrences', { params: { id }, query })
    const { items } = await read()
    expect(items.map(({ number, severity, title }) => [number, severity, title])).toEqual([
      [5, 'low', 'Last'],
      [4, 'critical', 'RANSOM NOTE again'],
      [3, 'low', 'Odd sign-in'],
      [2, 'critical', 'RANSOM NOTE'],
      [1, 'low', 'Odd sign-in'],
    ])
    expect(items[3]).toEqual({ number: 2, at: world.now, ...ransom })
    expect((await recorded(world, 'alert.repeated')).map(({ data }) => data)).toEqual([
      { count: 2, severity: 'critical', title: 'RANSOM NOTE', before: { severity: 'low', title: 'Odd sign-in' } },
      { count: 4, title: 'RANSOM NOTE again', before: { title: 'RANSOM NOTE' } },
      { count: 5 },
    ])
    await send(primary, ...Array.from({ length: 60 }, (_, n) => ({ title: `Burst ${n}`, dedupKey: 'k-rise' })))
    await send(primary, { title: 'After the burst', dedupKey: 'k-rise' })
    const first = await read({ limit: 30 })
    const second = await read({ limit: 30, cursor: first.next ?? '' })
    expect(
      [...first.items, ...second.items].map(({ number }) => number),
      'the last 50',
    ).toEqual(Array.from({ length: 50 }, (_, n) => 66 - n))
    expect(second.next).toBeNull()
    expect(await readAlert(primary, { id })).toMatchObject({ count: 66 })
  })

  test('are for those who may see the alert', async ({ world }) => {
    const [lead, outsider] = [await world.person('lead'), await world.person('lead')]
    const [alert] = await send(lead, {})
    const params = { id: alert?.id ?? '' }
    expect((await outsider.call('alertOccurrences', { params })).items).toHaveLength(1)
    const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    await lead.call('escalateAlert', { params, body: { incidentId: incident.id, responsibility: 'us', reason: 'Theirs.' } })
    await expect(outsider.call('alertOccurrences', { params })).rejects.toMatchObject(refusal('not-found'))
    await expect(lead.call('alertOccurrences', { params, query: { cursor: 'x' } })).rejects.toMatchObject(refusal('invalid', 'cursor'))
  })
})

describe('a dedup key', () => {
  test('means one alert for one API key and one service, and another for every other', async ({ world }) => {
    const { team } = await world.team({ tiers: 1 })
    const [billing, search] = [await world.service('billing', team), await world.service('search', team)]
    const [ada, ben] = [await world.person('responder'), await world.person('responder')]
    const same = { dedupKey: 'k', service: 'billing' }
    const sent = [...(await send(ada, same, { ...same, service: 'search' }, { dedupKey: 'k' }, same)), ...(await send(ben, same))]
    expect(sent.map(({ isNew, count }) => [isNew, count])).toEqual([
      [true, 2],
      [true, 1],
      [true, 1],
      [true, 2],
      [true, 1],
    ])
    expect(new Set(sent.map(({ id }) => id)).size).toBe(4)
    const [again] = await send(ada, { ...same, service: search.id })
    expect(again).toEqual({ ...sent[1], isNew: false, count: 2 })
    expect((await readAlert(ada, again ?? expect.fail())).service?.id).toBe(search.id)
    expect((await readAlert(ada, sent[0] ?? expect.fail())).service?.id).toBe(billing.id)
    await resolve(world, scopeOf(ada), 'k')
    expect(await triage(ada), 'its sender resolves all of them, and nothing of another sender').toHaveLength(1)
  })

  test('that two batches open at once is one alert, and neither is refused', async ({ world }) => {
    const lead = await world.person('lead')
    const batch = Array.from({ length: 20 }, (_, n) => ({ title: `Odd ${n}`, dedupKey: `k${n}` }))
    const sent = await Promise.all([send(lead, ...batch), send(lead, ...batch.toReversed()), send(lead, ...batch)])
    expect(new Set(sent.flat().map(({ id }) => id)).size).toBe(20)
    expect(sent.flat().filter(({ isNew }) => isNew)).toHaveLength(20)
    const counts = await Promise.all((sent[0] ?? []).map(async alert => (await readAlert(lead, alert)).count))
    expect(counts).toEqual(Array.from({ length: 20 }, () => 3))
  })
})

describe('a source that reports its alert as resolved', () => {
  test('stops its page, leaves what has paged in triage, and the next with the key is new', async ({ world }) => {
    const { primary, backup } = await world.team()
    const lead = await world.person('lead')
    const [paged, quiet] = await send(
      lead,
      { title: 'Paged', severity: 'high', dedupKey: 'paged' },
      { title: 'Quiet', dedupKey: 'quiet' },
      { title: 'Other', dedupKey: 'other' },
    )
    await world.settle()
    primary.expectPage(/Paged/)
    await resolve(world, 'of another source', 'paged', 'quiet')
    await resolve(world, scopeOf(lead))
    expect(new Set(await triage(lead)), 'nothing of this scope, or nothing at all, was named').toEqual(new Set(['Paged', 'Other', 'Quiet']))
    await resolve(world, scopeOf(lead), 'paged')
    await resolve(world, scopeOf(lead), 'quiet', 'of no alert')
    await resolve(world, scopeOf(lead), 'paged', 'quiet')
    for (const alert of [paged, quiet])
      expect(await readAlert(lead, alert ?? expect.fail())).toMatchObject({ status: 'resolved', sourceResolvedAt: world.now, disposition: null })
    expect(new Set(await triage(lead))).toEqual(new Set(['Paged', 'Other']))
    expect((await lead.call('pages')).items.map(({ state }) => state)).toEqual(['resolved'])
    expect(
      (await recorded(world, 'alert.resolved-by-source')).map(({ id }) => id),
      'each once',
    ).toEqual([paged?.id, quiet?.id])
    await world.advance({ hours: 1 })
    backup.expectNoPage()
    const [again] = await send(lead, { title: 'Paged again', severity: 'high', dedupKey: 'paged' })
    expect(again).toMatchObject({ isNew: true, count: 1 })
    await world.settle()
    primary.expectPage(/Paged again/)
  })

  test('changes nothing of its place in an incident, whose record says so', async ({ world }) => {
    const lead = await world.person('lead')
    const [alert] = await send(lead, { dedupKey: 'k' })
    const incident = await lead.call('escalateAlert', { params: { id: alert?.id ?? '' }, body: { responsibility: 'us', reason: 'Seen.' } })
    expect(await send(lead, { dedupKey: 'k' })).toEqual([{ ...alert, isNew: false, count: 2 }])
    await resolve(world, scopeOf(lead), 'k')
    expect(await readAlert(lead, alert ?? expect.fail())).toMatchObject({ status: 'escalated', sourceResolvedAt: world.now, incident: { id: incident.id } })
    expect((await recorded(world, 'alert.repeated', 'alert.resolved-by-source')).map(({ type, within }) => [type, within])).toEqual([
      ['alert.repeated', incident.id],
      ['alert.resolved-by-source', incident.id],
    ])
  })
})

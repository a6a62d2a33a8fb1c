import { routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { withInstallation } from '../../test/installation.ts'
import { test, type World } from '../../test/world.ts'
import { record } from '../journal/index.ts'
import { ownSourceId } from './own-trail.ts'

const rows = async <Row extends Record<string, unknown>>({ server }: Pick<World, 'server'>, query: ReturnType<typeof sql>) =>
  (await server.context.database.reader().db.execute<Row>(query)).rows

async function signIn(world: World, email: string): Promise<void> {
  await fetch(`${world.origin}${routes.signIn.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: world.origin },
    body: JSON.stringify({ email, password: 'not the password of anybody' }),
  })
}

/** Everything that is on record has been matched, and what follows has happened. */
async function watched(world: World): Promise<void> {
  await world.server.context.securityEvents.flush()
  await world.settle()
  await world.server.detection.detector.settle()
  await until(() => world.server.detection.intake.waiting.batches === 0 || undefined, 'all is matched')
  await world.settle()
}

describe('what happens in Tocsin itself', () => {
  test.override({ options: { env: { TOCSIN_OWN_RULES: 'true' } } })

  test('raises alerts that page: wrong passwords, guessed keys, a new administrator; and no alert causes another', async ({ world }) => {
    const { primary, backup } = await world.team()
    const administrator = await world.person('administrator')
    for (let n = 0; n < 10; n += 1) {
      await signIn(world, backup.email)
      world.jump({ minutes: 1 })
    }
    for (let n = 0; n < 101; n += 1) await fetch(`${world.origin}/in/${'x'.repeat(24)}/events`, { method: 'POST', body: '{}' })
    await watched(world)
    await administrator.call('changePerson', { params: { id: primary.id }, body: { role: 'administrator', reason: 'Stands in.' } })
    await watched(world)
    primary.expectPage(new RegExp(`Many Refused Sign-Ins for One Account: ${backup.name}`))
    primary.expectPage(/Keys, Links or Accounts Guessed from One Address: 127\.0\.0\.1/)
    primary.expectPage(new RegExp(`Account Made Administrator: ${primary.name}`))
    const alerts = await rows(world, sql`select id from alerts`)
    expect(alerts).toHaveLength(3)
    // Every entry that is fed is matched once, and what the alerts caused is not fed.
    await watched(world)
    const [source] = await rows<{ events: string }>(world, sql`select events from log_sources where id = ${ownSourceId}`)
    const caused = await rows(world, sql`select 1 from journal where type ~ '^(alert|page)[.]'`)
    expect(caused.length).toBeGreaterThan(5)
    const fed = await rows(world, sql`select 1 from journal where type ~ '^(sign-in|access|person|system)[.]' and type <> 'system.away'`)
    expect(Number(source?.events)).toBe(fed.length)
    expect(await rows(world, sql`select id from alerts`)).toEqual(alerts)
  })

  const address = (n: number) => `198.51.${Math.floor(n / 250)}.${n % 250}`
  const alertsNow = (world: World) => rows<{ title: string; count: number }>(world, sql`select title, count from alerts where is_open order by number`)

  test('is one alert for an account, and one page, from however many addresses it is guessed, also once it is locked', async ({ world }) => {
    const { primary, backup } = await world.team()
    const { securityEvents, database } = world.server.context
    for (let minute = 0; minute < 4; minute += 1) {
      await database.transaction(async tx => {
        for (let n = 0; n < 20; n += 1)
          await record(tx, {
            ...{ actor: { kind: 'system', id: null, name: 'Somebody' }, subject: { kind: 'person', id: backup.id }, type: 'sign-in.refused' },
            data: { address: address(minute * 20 + n), device: 'x' },
          })
      })
      for (let n = 0; n < 1_000; n += 1) securityEvents.locked(backup.id, { address: address(minute * 1_000 + n), device: 'x' })
      await watched(world)
      world.jump({ minutes: 1 })
    }
    expect(await alertsNow(world)).toMatchObject([{ title: `Tocsin: Many Refused Sign-Ins for One Account: ${backup.name}` }])
    expect(await rows(world, sql`select title from pages`)).toHaveLength(1)
    primary.expectPage(/Many Refused Sign-Ins for One Account/)
    // The next day only the lock shows that it goes on.
    world.jump({ hours: 25 })
    for (let n = 0; n < 1_000; n += 1) securityEvents.locked(backup.id, { address: address(n), device: 'x' })
    await watched(world)
    expect(await alertsNow(world)).toHaveLength(2)
  })

  test('is bounded in alerts and pages from however many addresses keys and accounts are guessed, and goes on when that is closed', async ({ world }) => {
    await world.team()
    const lead = await world.person('lead')
    const { securityEvents } = world.server.context
    const guess = async (from: number, to: number) => {
      for (let place = from; place < to; place += 1)
        for (let n = 0; n < 101; n += 1) securityEvents.unknownAccount(`nobody${n}@example.org`, { address: address(place), device: 'x' })
      await watched(world)
    }
    await guess(0, 60)
    const byAddress = 'Tocsin: Keys, Links or Accounts Guessed from One Address'
    expect((await alertsNow(world)).map(({ title }) => title.replace(/[\d.]+$/, '')).toSorted()).toEqual([
      'Tocsin: Keys, Links or Accounts Guessed from Many Addresses',
      ...Array(5).fill(`${byAddress}: `),
      `${byAddress}: more than `,
    ])
    expect(await rows(world, sql`select title from pages`)).toHaveLength(7)
    await guess(60, 80)
    const [bundle] = (await lead.call('alerts', {})).items.filter(({ title }) => title === `${byAddress}: more than 5`)
    expect([(await alertsNow(world)).length, bundle?.count]).toEqual([7, 75])
    const dismissed = { value: 'benign-true-positive', responsibility: 'us', reason: 'A test of ours.' } as const
    await lead.call('dismissAlert', { params: { id: bundle?.id ?? '' }, body: dismissed })
    await guess(80, 81)
    expect(await alertsNow(world)).toContainEqual({ title: `${byAddress}: more than 5`, count: 1 })
    expect(await rows(world, sql`select title from pages`)).toHaveLength(8)
  })

  test('tells of a person who is refused again and again beside any number of strangers', async ({ world }) => {
    await world.team()
    const observer = await world.person('observer')
    const flood = async (actor: { kind: 'system'; id: null; name: string } | { kind: 'person'; id: string; name: string }, ids: readonly string[]) => {
      const { now } = world
      await world.server.context.database.transaction(async tx => {
        for (const id of ids)
          await record(tx, {
            ...{ actor, subject: { kind: 'caller', id }, type: 'access.refused' },
            data: { area: 'alerts', count: 60, firstAt: now, lastAt: now, addresses: [id], device: 'x', reason: 'too-many' },
          })
      })
      await watched(world)
    }
    const title = 'Tocsin: One Caller Refused Again and Again'
    await flood(
      { kind: 'system', id: null, name: 'Somebody' },
      Array.from({ length: 8 }, (_, n) => address(n)),
    )
    await flood({ kind: 'person', id: observer.id, name: observer.name }, [observer.id])
    const titles = (await alertsNow(world)).map(alert => alert.title)
    expect(titles).toHaveLength(7)
    expect(titles).toEqual(expect.arrayContaining([`${title}: more than 5`, `${title}: ${observer.name}`]))
  })

  test('is matched without what restricted incidents are about, and is not among the latest events that rules are tried on', async ({ world }) => {
    const { primary } = await world.team()
    const lead = await world.person('lead')
    for (let n = 0; n < 10; n += 1) {
      const { id } = await lead.call('openIncident', { body: { title: 'Kumquat', reason: 'Quince.', isRestricted: true } })
      await lead.call('incident', { params: { id } })
    }
    await watched(world)
    primary.expectPage(new RegExp(`Many Restricted Incidents Opened by One Person: ${lead.name}`))
    const ids = (await rows<{ id: string }>(world, sql`select id from incidents`)).map(({ id }) => id)
    const told = JSON.stringify(await rows(world, sql`select event, fields, title, description from detection_matches cross join alerts`))
    expect(told).toContain('incident.read')
    expect(told).not.toMatch(new RegExp(`Kumquat|Quince|${ids.join('|')}`))
    expect(world.server.detection.detector.recent).toEqual([])
  })

  test('is not left unwatched in silence: a rule that is disabled or gets an exception pages the administrators, and the source cannot be revoked', async ({
    world,
  }) => {
    const [ada, grace] = [await world.person('administrator'), await world.person('administrator')]
    const [rule] = (await ada.call('detectionRules', { query: { search: 'Account Made Administrator' } })).items
    const params = { id: rule?.id ?? '' }
    await ada.call('enableDetectionRule', { params, body: { isEnabled: false } })
    await world.settle()
    grace.expectPage(/The rule "Tocsin: Account Made Administrator" was disabled/)
    await ada.call('enableDetectionRule', { params, body: { isEnabled: true } })
    await world.settle()
    expect((await ada.call('pages')).items.map(({ state }) => state)).toEqual(['resolved'])
    const filter = `title: Nobody\nid: 33333333-3333-4333-8333-333333333333\nlogsource:\n  product: tocsin\n  service: audit\nfilter:\n  rules:\n    - ${rule?.ruleId}\n  them:\n    type: person.changed\n  condition: not them\n`
    await ada.call('createDetectionRule', { body: { text: filter } })
    await world.settle()
    grace.expectPage(/The rule "Tocsin: Account Made Administrator" has an exception/)
    // Named by no id: every rule of any log source, or one by its name.
    const said = async () => {
      await world.settle()
      return (await ada.call('pages', { query: { limit: 200 } })).items.flatMap(({ title, state }) => (state === 'triggered' ? title : []))
    }
    const anyRule = filter
      .replace('id: 3', 'id: 4')
      .replace('  service: audit\n', '')
      .replace(/rules:\n.*/, 'rules: any')
    const { id } = await ada.call('createDetectionRule', { body: { text: anyRule } })
    expect(await said()).toContain('The rule "Tocsin: Audit Log Exported" has an exception')
    await ada.call('enableDetectionRule', { params: { id }, body: { isEnabled: false } })
    await ada.call('createDetectionRule', { body: { text: anyRule.replace('id: 4', 'id: 5').replace('rules: any', 'rules: [tocsin_guess]') } })
    expect((await said()).toSorted()).toEqual([
      'The rule "Tocsin: Account Made Administrator" has an exception',
      'The rule "Tocsin: Key, Link or Account Guessed Wrongly" has an exception',
    ])
    // Under another id, with another rule in its place.
    const [exported] = (await ada.call('detectionRules', { query: { search: 'Audit Log Exported' } })).items
    const { text, version } = await ada.call('detectionRule', { params: { id: exported?.id ?? '' } })
    const renamed = text.replace(/^id: .*$/m, 'id: 63333333-3333-4333-8333-333333333333')
    await ada.call('changeDetectionRule', { params: { id: exported?.id ?? '' }, body: { text: renamed, version } })
    await ada.call('createDetectionRule', { body: { text: text.replace('journal.exported', 'nothing') } })
    expect(await said()).toContain('The rule "Tocsin: Audit Log Exported" was replaced, or has another ID')
    await expect(ada.call('revokeLogSource', { params: { id: ownSourceId } })).rejects.toThrow(
      /is built in\. It is switched off by the setting TOCSIN_OWN_RULES/,
    )
    expect((await ada.call('logSources')).map(({ name, revokedAt }) => [name, revokedAt])).toEqual([['Tocsin audit trail', null]])
  })
})

test('that Tocsin is started without watching itself is on record, and pages the administrators', async () => {
  await withInstallation(async ({ start }) => {
    await (await start('2026-11-23T08:00:00.000Z')).stop()
    const server = await start('2026-11-23T09:00:00.000Z', { TOCSIN_OWN_RULES: 'false' })
    expect(await rows({ server }, sql`select data from journal where type = 'setting.changed'`)).toEqual([
      { data: { name: 'TOCSIN_OWN_RULES', before: true, after: false } },
    ])
    expect(await rows({ server }, sql`select type from journal where type like 'log-source.%' order by seq`)).toEqual([
      { type: 'log-source.added' },
      { type: 'log-source.revoked' },
    ])
    expect(await rows({ server }, sql`select title from pages`)).toEqual([{ title: 'Tocsin no longer watches itself' }])
  })
})

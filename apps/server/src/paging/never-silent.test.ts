import type { EscalationLevelInput, PageTarget, Severity } from '@tocsin/api'
import { and, eq, isNotNull } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { patience } from '../../test/patience.ts'
import { addVerified, formOf, jsonOf, withProviders } from '../../test/providers.ts'
import { refusal } from '../../test/refusal.ts'
import { linkIn, type Person, test, type World } from '../../test/world.ts'
import { people } from '../access/index.ts'
import { maxPagesPerMinute } from './notifications.ts'
import { pageNotifications } from './tables.ts'

type Level = Omit<EscalationLevelInput, 'targets'> & { targets: (PageTarget | 'first' | 'second' | 'vacant')[] }
interface Setup {
  readonly repeats?: number
  readonly fallback?: readonly Person[]
  readonly pageFrom?: Severity
  readonly highFrom?: Severity
  readonly tiers?: 1 | 2
}

let made = 0

/** A team of one or two people, a tier that nobody is in, a lead outside the team, and a service of its own that follows the policy given. */
async function policyWith(world: World, levels: readonly Level[], { repeats = 0, fallback = [], pageFrom = 'medium', highFrom, tiers = 2 }: Setup = {}) {
  const { team, members } = await world.team({ tiers })
  const lead = await world.person('lead')
  const [before] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
  if (!before?.settings) throw new Error('the team has settings')
  const scheduleId = before.schedules[0]?.id ?? ''
  const params = { id: team.id }
  const { settings } = await lead.call('saveTeamOnCall', {
    params,
    body: { ...before.settings, tiers: [...before.settings.tiers, { name: 'vacant', scheduleId, position: 9 }] },
  })
  if (!settings) throw new Error('the team has settings')
  const idOf = { first: settings.tiers[0]?.id, second: settings.tiers[1]?.id, vacant: settings.tiers.at(-1)?.id }
  const targetOf = (target: Level['targets'][number]): PageTarget => (typeof target === 'string' ? { kind: 'tier', tierId: idOf[target] ?? '' } : target)
  const policy = await lead.call('savePolicy', {
    params,
    body: { name: 'Special', levels: levels.map(level => ({ ...level, targets: level.targets.map(targetOf) })), repeats },
  })
  await lead.call('saveTeamOnCall', {
    params,
    body: {
      ...{ ...settings, policyId: policy.id, fallback: fallback.map(person => ({ kind: 'person' as const, personId: person.id })) },
      ...(highFrom === undefined ? {} : { highFrom }),
    },
  })
  const name = `service ${++made}`
  await world.service(name, team, undefined, pageFrom)
  await world.settle()
  world.takeMails()
  const [first, second = first] = members
  if (!first || !second) throw new Error('people')
  return { team, lead, first, second, name }
}

const pageOf = async ({ call }: Person) => (await call('pages')).items[0] ?? expect.fail('there is a page')
/** To whom mails about pages went that nobody looked at yet, sorted. */
const paged = (world: World) =>
  world
    .takeMails()
    .flatMap(mail => (mail.purpose.startsWith('page') ? [mail.to] : []))
    .toSorted()
const waits = (targets: Level['targets']): Level => ({ targets, waitMinutes: 5, whenEmpty: 'wait' })

describe('N1: a policy that only waits', () => {
  test('pages the fallback after its first round, however often it repeats, and the leads once it is exhausted', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const { name, lead } = await policyWith(world, [waits(['vacant']), waits([])], { repeats: 3, fallback: [manager] })
    await world.alert({ service: name, severity: 'critical' })
    await world.advance({ minutes: 9, seconds: 59 })
    expect(paged(world)).toEqual([])
    await world.advance({ seconds: 1 })
    expect(paged(world)).toEqual([manager.email])
    await world.advance({ hours: 24 })
    expect(await pageOf(lead)).toMatchObject({ state: 'exhausted' })
    const told = paged(world)
    expect(told).toContain(lead.email)
    expect(new Set(told).size, 'each once').toBe(told.length)
  })

  test('counts somebody who has left as nobody', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const left = await world.person()
    const { name } = await policyWith(world, [waits([{ kind: 'person', personId: left.id }])], { fallback: [manager] })
    await world.server.context.database.transaction(tx => tx.db.update(people).set({ isActive: false }).where(eq(people.id, left.id)))
    await world.alert({ service: name })
    await world.advance({ minutes: 5 })
    expect(paged(world)).toEqual([manager.email])
  })

  test('without any security team pages the administrators, once while that is open', async ({ world }) => {
    const administrator = await world.person('administrator')
    for (const title of ['One', 'Two']) await world.alert({ title, severity: 'critical' })
    expect(administrator.expectPage(/no security team/).text).toContain('Add a security team')
    administrator.expectNoPage()
  })
})

describe('N13: a page that is passed on at the last level', () => {
  test.for(['decline', 'escalate', 'release'] as const)('goes to the fallback by %s, and not to whoever passed it on', async (how, { world }) => {
    const { name, first, lead } = await policyWith(world, [{ targets: ['first'], waitMinutes: 5 }], { tiers: 1 })
    const administrator = await world.person('administrator')
    await world.alert({ service: name })
    const token = linkIn(first.expectPage(/service/), '/a/')
    const params = { id: (await pageOf(first)).id }
    if (how === 'decline') await first.call('declinePage', { params, body: {} })
    if (how === 'escalate') await first.call('escalatePage', { params, body: { level: 1 } })
    if (how === 'release') {
      await first.call('acknowledgePage', { params })
      await world.client()('releaseByLink', { body: { token } })
    }
    await world.settle()
    expect(administrator.expectPage(/service/).text).toContain('The escalation policy has no further level, so you are paged instead.')
    expect(paged(world)).toEqual([])
    await administrator.call('declinePage', { params, body: {} })
    await world.settle()
    expect(await pageOf(lead)).toMatchObject({ state: 'exhausted' })
    expect(paged(world), 'the leads are told then').toContain(lead.email)
  })

  test('tells the leads of the team once it is exhausted, and nobody else', async ({ world }) => {
    const { name, first, second, team, lead } = await policyWith(world, [{ targets: ['first'], waitMinutes: 5 }])
    const own = await world.person('lead', 'team lead')
    const { version } = (await lead.call('teams')).find(one => one.id === team.id) ?? expect.fail()
    await lead.call('saveTeam', {
      body: { id: team.id, version, name: team.name, kind: 'security', memberIds: [first.id, second.id, own.id] },
    })
    await world.settle()
    world.takeMails()
    await world.alert({ service: name })
    expect(paged(world)).toEqual([first.email])
    await world.advance({ minutes: 5 })
    const mail = own.expectPage(/service/)
    expect(mail.text).toContain('You are paged as a lead.')
    expect(mail.text).toContain('does not escalate further')
    expect(paged(world)).toEqual([])
    const { events } = await lead.call('page', { params: { id: (await pageOf(lead)).id } })
    expect(events.map(event => event.text)).toContain('Nobody acknowledged the page; paged team lead as a lead')
    await world.client()('acknowledgeByLink', { body: { token: linkIn(mail, '/a/') } })
    expect(await pageOf(lead)).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'team lead' })
    await world.advance({ hours: 24 })
    expect(paged(world)).toEqual([])
  })
})

describe('N14: an answer about a level that is over', () => {
  const three: Level[] = [
    { targets: ['first'], waitMinutes: 5 },
    { targets: ['second'], waitMinutes: 10 },
    { targets: [{ kind: 'everyone' }], waitMinutes: 10 },
  ]

  test('does not escalate: the link of the level before, a second press, another person in the same second', async ({ world }) => {
    const { name, first, second } = await policyWith(world, three)
    await world.alert({ service: name })
    const token = linkIn(first.expectPage(/service/), '/a/')
    const params = { id: (await pageOf(first)).id }
    expect(await pageOf(first)).toMatchObject({ level: 1 })
    await world.advance({ minutes: 5 })
    second.expectPage(/service/)
    const visitor = world.client()
    await expect(visitor('escalateByLink', { body: { token } })).rejects.toMatchObject(refusal('conflict'))
    await expect(first.call('escalatePage', { params, body: { level: 1 } })).rejects.toThrow(/already escalated to the next level/)
    await world.settle()
    expect(paged(world)).toEqual([])
    // What is shown now may be escalated, once.
    const { levels } = await visitor('pageByLink', { body: { token } })
    const both = await Promise.allSettled([visitor('escalateByLink', { body: { token, levels } }), second.call('escalatePage', { params, body: { level: 2 } })])
    expect(both.map(one => one.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    await world.settle()
    expect(paged(world)).toEqual([first.email, second.email].toSorted())
    expect(await pageOf(first)).toMatchObject({ level: 3 })
  })

  test('a decline is on record, and takes no time from the level after', async ({ world }) => {
    const { name, first, second } = await policyWith(world, three)
    await world.alert({ service: name })
    first.expectPage(/service/)
    await world.advance({ minutes: 5 })
    second.expectPage(/service/)
    const params = { id: (await pageOf(first)).id }
    await first.call('declinePage', { params, body: { reason: 'Too late.' } })
    await world.settle()
    expect(paged(world)).toEqual([])
    expect((await first.call('page', { params })).events.map(event => event.text)).toContain(`${first.name} declined the page: Too late.`)
    await second.call('declinePage', { params, body: {} })
    await world.settle()
    expect(paged(world)).toEqual([first.email, second.email].toSorted())
  })

  test('a page that was snoozed and begins anew is not escalated by what was sent before', async ({ world }) => {
    const { name, first } = await policyWith(world, three)
    await world.alert({ service: name })
    const token = linkIn(first.expectPage(/service/), '/a/')
    const params = { id: (await pageOf(first)).id }
    await first.call('acknowledgePage', { params })
    await first.call('snoozePage', { params, body: { minutes: 30 } })
    await world.advance({ minutes: 30 })
    first.expectPage(/service/)
    await expect(world.client()('escalateByLink', { body: { token } })).rejects.toMatchObject(refusal('conflict'))
  })
})

describe('N2: an alert that comes again as more severe', () => {
  const levels: Level[] = [
    { targets: ['first'], waitMinutes: 30 },
    { targets: ['second'], waitMinutes: 30 },
  ]
  const send = async (world: World, service: string, title: string, severity: Severity) => world.alert({ service, title, severity, dedupKey: 'disk' })

  test('takes its title and severity, and pages', async ({ world }) => {
    const { name, first } = await policyWith(world, levels, { pageFrom: 'high' })
    const { id } = await send(world, name, 'Disk 80%', 'medium')
    expect(paged(world)).toEqual([])
    await send(world, name, 'Disk 99%', 'critical')
    expect(first.expectPage(/Disk 99%/).subject).toContain('[CRITICAL]')
    const params = { id }
    expect(await first.call('alert', { params })).toMatchObject({ title: 'Disk 99%', severity: 'critical', count: 2 })
    await send(world, name, 'Disk 85%', 'medium')
    expect(await first.call('alert', { params })).toMatchObject({ title: 'Disk 99%', severity: 'critical', count: 3 })
    expect(paged(world)).toEqual([])
  })

  test('escalates its page again from the first level, also one that was exhausted', async ({ world }) => {
    const { name, first, second, lead } = await policyWith(world, levels)
    await send(world, name, 'Disk 80%', 'medium')
    first.expectPage(/Disk 80%/)
    await world.advance({ minutes: 30 })
    second.expectPage(/Disk 80%/)
    await send(world, name, 'Disk 90%', 'high')
    expect(first.expectPage(/\[HIGH\] .*Disk 90%/).text).toContain('Its severity has risen.')
    second.expectNoPage()
    await world.advance({ hours: 2 })
    expect(await pageOf(lead)).toMatchObject({ state: 'exhausted', severity: 'high' })
    world.takeMails()
    await send(world, name, 'Disk 99%', 'critical')
    first.expectPage(/\[CRITICAL\] .*Disk 99%/)
    expect((await lead.call('pages')).items).toMatchObject([{ state: 'triggered', severity: 'critical' }])
  })

  test('pages whoever has acknowledged it, and nobody else', async ({ world }) => {
    const { name, first, lead } = await policyWith(world, levels)
    await send(world, name, 'Disk 80%', 'medium')
    await world.client()('acknowledgeByLink', { body: { token: linkIn(first.expectPage(/Disk/), '/a/') } })
    await send(world, name, 'Disk 99%', 'critical')
    expect(first.expectPage(/\[CRITICAL\] .*Disk 99%/).text).toContain('It is acknowledged and does not escalate further.')
    expect(paged(world)).toEqual([])
    expect(await pageOf(lead)).toMatchObject({ state: 'acknowledged', severity: 'critical' })
    await send(world, name, 'Disk 99%', 'critical')
    expect(paged(world), 'once').toEqual([])
  })
})

describe('high and critical pages', () => {
  test('never wait for a bundle; others do, and their bundle names the worst first', async ({ world }) => {
    const { name, first } = await policyWith(world, [{ targets: ['first'], waitMinutes: 60 }], { pageFrom: 'low' })
    const sender = await world.person()
    const batch = (severity: Severity, length: number) => Array.from({ length }, (_, n) => ({ title: `${severity} ${n}`, severity, service: name }))
    await sender.call('createAlerts', { body: [...batch('high', 10), ...batch('critical', 5), ...batch('low', 3), ...batch('medium', 1)] })
    await world.settle()
    const once = world.takeMails().flatMap(mail => (mail.to === first.email ? [mail.subject] : []))
    expect(once.filter(subject => /\[(HIGH|CRITICAL)\]/.test(subject))).toHaveLength(15)
    await sender.call('createAlerts', { body: batch('high', 1) })
    await world.settle()
    expect(first.expectPage(/high 0/).subject).toContain('[HIGH]')
    await world.advance({ minutes: 1 })
    const bundled = 4 - once.filter(subject => /\[(LOW|MEDIUM)\]/.test(subject)).length
    const bundle = first.expectPage(/and \d+ more/)
    expect(bundle.subject).toBe(`[MEDIUM] ${name}: medium 0 and ${bundled - 1} more pages`)
    expect(bundle.text).toMatch(/- \[MEDIUM\][^\n]*\n- \[LOW\]/)
  })

  test('the worst of a bundle is in its SMS, call and push title, too', async () => {
    await withProviders(async (world, { twilio, slack }) => {
      const { name, first } = await policyWith(world, [{ targets: ['first'], waitMinutes: 60 }], { pageFrom: 'low' })
      const methods = [
        await addVerified(world, first, { kind: 'sms', address: '+4930123456' }, twilio),
        await addVerified(world, first, { kind: 'voice', address: '+4930123457' }, twilio),
        await addVerified(world, first, { kind: 'slack', address: 'U012AB3CD' }, slack),
      ]
      const rules = methods.map(methodId => ({ methodId, afterMinutes: 0 }))
      await first.call('saveNotificationRules', { body: { high: rules, low: rules } })
      const sender = await world.person()
      const many = Array.from({ length: maxPagesPerMinute + 2 }, (_, n) => ({ title: `Odd ${n}`, severity: 'low' as const, service: name }))
      await sender.call('createAlerts', { body: [...many, { title: 'Worse', severity: 'medium', service: name }] })
      await world.settle()
      twilio.received.length = 0
      slack.received.length = 0
      await world.advance({ minutes: 1 })
      const subject = `[MEDIUM] ${name}: Worse and 3 more pages`
      const said = twilio.received.map((_, n) => formOf(twilio, n))
      expect(said.map(form => form.Body ?? form.Twiml)).toEqual([expect.stringContaining(subject), expect.stringContaining(subject)])
      expect(jsonOf(slack, 0).text).toBe(subject)
    })
  })
})

/** What may happen to a page meanwhile. */
const happenings = ['decline', 'escalate', 'rise', 'leave', 'override'] as const

test('whatever a policy says, and whatever happens meanwhile, a page at its threshold reaches somebody who can answer, and its exhaustion a lead', {
  timeout: 120_000 * patience,
}, async ({ world }) => {
  const administrator = await world.person('administrator')
  const [manager, left] = [await world.person(), await world.person()]
  const { name, first, lead, team } = await policyWith(world, [waits([])])
  const { database, jobs } = world.server.context
  const setActive = ({ id }: Person, isActive: boolean) => database.transaction(tx => tx.db.update(people).set({ isActive }).where(eq(people.id, id)))
  const own = async () => (await lead.call('onCall')).find(one => one.team.id === team.id) ?? expect.fail('a team')
  const params = { id: team.id }
  const tierIds = (await own()).settings?.tiers.map(one => one.id) ?? []
  const targets: Record<string, PageTarget> = {
    first: { kind: 'tier', tierId: tierIds[0] ?? '' },
    second: { kind: 'tier', tierId: tierIds[1] ?? '' },
    vacant: { kind: 'tier', tierId: tierIds[2] ?? '' },
    left: { kind: 'person', personId: left.id },
  }
  const night = { timeZone: 'UTC', hours: [{ from: '22:00', until: '23:00' }] }
  const level = fc.record({
    targets: fc.uniqueArray(
      fc.constantFrom('first', 'second', 'vacant', 'left').map(key => targets[key] ?? expect.fail('a target')),
      { maxLength: 2 },
    ),
    waitMinutes: fc.integer({ min: 1, max: 30 }),
    whenEmpty: fc.constantFrom('fallback' as const, 'skip' as const, 'wait' as const),
    urgency: fc.constantFrom('high' as const, 'low' as const, undefined),
    when: fc.constantFrom(night, undefined),
  })
  const situation = fc.record({
    levels: fc.array(level, { minLength: 1, maxLength: 3 }),
    repeats: fc.integer({ min: 0, max: 2 }),
    fallback: fc.constantFrom([], [manager], [left]),
    events: fc.array(fc.constantFrom(...happenings, 'nothing' as const), { maxLength: 4 }),
  })
  let key = 0
  await fc.assert(
    fc.asyncProperty(situation, async ({ levels, repeats, fallback, events }) => {
      for (const person of [left, first]) await setActive(person, true)
      const [policy] = (await lead.call('policies')).filter(one => one.teamId === team.id && one.name === 'Special')
      const said = levels.map(({ urgency, when, ...one }) => ({ ...one, ...(urgency ? { urgency } : {}), ...(when ? { when } : {}) }))
      const rules = { ...(policy ? { id: policy.id, version: policy.version } : {}), name: 'Special', levels: said, repeats }
      await lead.call('savePolicy', { params, body: rules })
      const { settings } = await own()
      if (!settings) throw new Error('the team has settings')
      const targeted = fallback.map(person => ({ kind: 'person' as const, personId: person.id }))
      await lead.call('saveTeamOnCall', { params, body: { ...settings, fallback: targeted } })
      await setActive(left, false)
      const dedupKey = `${++key}`
      const send = (severity: Severity) => lead.call('createAlerts', { body: { title: 'Odd', service: name, severity, dedupKey } })
      const { alerts } = await send('medium')
      const page = async () => (await lead.call('pages')).items.find(one => one.subject.id === alerts[0]?.id) ?? expect.fail('it pages')
      const due = [...events]
      let isHere = true
      // Each level, its repeats, the fallback, and what begins anew: an end, whatever happens.
      for (let rounds = 0, now = await page(); now.state === 'triggered'; now = await page()) {
        expect(++rounds).toBeLessThan(60)
        const what = due.shift()
        if (what === 'decline') await manager.call('declinePage', { params: { id: now.id }, body: {} })
        else if (what === 'escalate') await lead.call('escalatePage', { params: { id: now.id }, body: { level: now.level } })
        else if (what === 'rise') await send('critical')
        else {
          if (what === 'leave') {
            isHere = false
            await setActive(first, isHere)
          }
          const end = new Date(Date.parse(world.now) + 3_600_000).toISOString()
          const nobody = { start: world.now, end, participants: [first.id], kind: 'remove' as const, reason: 'Ill.' }
          if (what === 'override' && isHere) await lead.call('addOverride', { params: { id: (await own()).schedules[0]?.id ?? '' }, body: nobody })
          if (now.nextEscalationAt === null) throw new Error('what is triggered has a timer')
          world.jump({ seconds: Math.max(0, (Date.parse(now.nextEscalationAt) - Date.parse(world.now)) / 1_000) })
        }
        await jobs.drain()
      }
      const { id, state } = await page()
      expect(state).toBe('exhausted')
      const reached = await database
        .reader()
        .db.selectDistinct({ id: people.id, role: people.role })
        .from(pageNotifications)
        .innerJoin(people, eq(people.id, pageNotifications.personId))
        .where(and(eq(pageNotifications.pageId, id), isNotNull(pageNotifications.messageId)))
      const responsible = [lead.id, administrator.id]
      expect(
        reached.some(person => person.id !== left.id && !responsible.includes(person.id)) || reached.some(person => person.id === administrator.id),
        'somebody who can answer, or the administrators',
      ).toBe(true)
      expect(
        reached.some(person => person.role === 'lead' || person.id === administrator.id),
        'a lead, in the end',
      ).toBe(true)
    }),
    { numRuns: 25, endOnFailure: true },
  )
})

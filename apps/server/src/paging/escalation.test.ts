import type { EscalationLevelInput, PageTarget, policyRoutes, RouteInput, Severity } from '@tocsin/api'
import { and, eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { startPeer } from '../../test/peer.ts'
import { linkIn, type Person, test, type World } from '../../test/world.ts'
import { incidents } from '../incidents/tables.ts'
import { journal } from '../journal/tables.ts'
import { newId } from '../kernel/ids.ts'
import { jobs } from '../kernel/tables.ts'
import { contactMethods } from '../notify/tables.ts'
import { escalatePages, escalationKey } from './escalation.ts'
import { maxUrgentPerMinute } from './notifications.ts'
import { type PageRequest, pageTeam } from './pages.ts'
import { pages, policies } from './tables.ts'

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri'] as const

type BusinessHours = RouteInput<typeof policyRoutes.savePolicy>['body']['businessHours']
/** A target of the tests: a tier by its number, `'vacant'` for one that nobody is in. */
type Target = PageTarget | { kind: 'tier'; tier: number | 'vacant' }
type Level = Omit<EscalationLevelInput, 'targets'> & { targets: Target[] }

/** A team of three people in three tiers and a vacant one, and the policy that is given. */
async function teamWith(world: World, levels: Level[], more: { repeats?: number; settings?: object; businessHours?: BusinessHours } = {}) {
  const { team, members } = await world.team({ tiers: 3 })
  const lead = await world.person('lead')
  const [before] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
  const scheduleId = before?.schedules[0]?.id ?? ''
  const vacant = { name: 'vacant', scheduleId, position: 9 }
  if (!before?.settings) throw new Error('the team has settings')
  const body = { ...before.settings, tiers: [...before.settings.tiers, vacant] }
  const { settings } = await lead.call('saveTeamOnCall', { params: { id: team.id }, body })
  if (!settings) throw new Error('the team has settings')
  const targetOf = (target: Target): PageTarget =>
    'tier' in target ? { kind: 'tier', tierId: settings.tiers.at(target.tier === 'vacant' ? -1 : target.tier)?.id ?? '' } : target
  const policyOf = (all: Level[]): EscalationLevelInput[] => all.map(level => ({ ...level, targets: level.targets.map(targetOf) }))
  const policy = await lead.call('savePolicy', {
    params: { id: team.id },
    body: {
      name: 'Special',
      levels: policyOf(levels),
      repeats: more.repeats ?? 0,
      ...(more.businessHours ? { businessHours: more.businessHours } : {}),
    },
  })
  await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...settings, policyId: policy.id, ...more.settings } })
  await world.service('billing', team, undefined, 'medium')
  await world.settle()
  world.takeMails()
  const [first, second, third] = members
  if (!first || !second || !third) throw new Error('three people')
  return { team, lead, policy, policyOf, settings, first, second, third }
}

const tier = (n: number): Level => ({ targets: [{ kind: 'tier', tier: n }], waitMinutes: 5 })
const pageOf = async (person: Person) => {
  const [page] = (await person.call('pages')).items
  if (!page) throw new Error('there is a page')
  return page
}
const timelineOf = async (person: Person) => (await person.call('page', { params: { id: (await pageOf(person)).id } })).events

/** Pages a team as any module does: about an alert, unless something else is said. */
async function pageNow(world: World, teamId: string, more: Partial<PageRequest> = {}): Promise<void> {
  const { context } = world.server
  const request: PageRequest = { teamId, subject: { kind: 'alert', id: newId() }, title: 'Odd', summary: 'Look at it.', severity: 'high', ...more }
  await context.database.transaction(tx => pageTeam(tx, context, request))
  await world.settle()
}

/** Data of the entries of one type about a page, oldest first. */
async function dataOf(world: World, pageId: string, type: 'page.triggered' | 'page.notified' | 'page.resolved') {
  const { db } = world.server.context.database.reader()
  const rows = await db
    .select({ data: journal.data })
    .from(journal)
    .where(and(eq(journal.subjectId, pageId), eq(journal.type, type)))
    .orderBy(journal.seq)
  return rows.map(row => row.data)
}

/** Leaves somebody without any contact method that works: the only one was never verified. */
async function makeUnreachable(world: World, ...all: Person[]): Promise<void> {
  await world.server.context.database.transaction(tx =>
    tx.db.insert(contactMethods).values(all.map(({ id }) => ({ personId: id, kind: 'sms' as const, address: '+4930123456', createdAt: tx.now }))),
  )
}

/** Somebody becomes the lead of a new incident that nobody is paged about. */
async function takeLead(world: World, person: Person): Promise<string> {
  const { id, version } = await person.call('openIncident', { body: { title: 'Another', reason: 'Reasonable suspicion.' } })
  await person.call('assignRole', { params: { id, role: 'lead' }, body: { version, personId: person.id } })
  await world.settle()
  world.takeMails()
  return id
}

describe('a policy', () => {
  test('pages people, schedules, teams and everyone, in its order', async ({ world }) => {
    const other = await world.team({ tiers: 2 })
    const person = await world.person()
    const { first, second, third } = await teamWith(world, [
      { targets: [{ kind: 'person', personId: person.id }], waitMinutes: 1 },
      { targets: [{ kind: 'team', teamId: other.team.id }], waitMinutes: 1 },
      { targets: [tier(0).targets[0] ?? { kind: 'everyone' }, { kind: 'tier', tier: 1 }], waitMinutes: 1 },
      { targets: [{ kind: 'everyone' }], waitMinutes: 1 },
    ])
    await world.alert({ service: 'billing' })
    person.expectPage(/billing/)
    other.primary.expectNoPage()
    await world.advance({ minutes: 1 })
    other.primary.expectPage(/billing/)
    other.backup.expectPage(/billing/)
    await world.advance({ minutes: 1 })
    first.expectPage(/billing/)
    second.expectPage(/billing/)
    third.expectNoPage()
    await world.advance({ minutes: 1 })
    third.expectPage(/billing/)
  })

  test('is chosen by service and severity, and the first rule that fits decides', async ({ world }) => {
    const { team, lead, settings, first, third, policy, policyOf } = await teamWith(world, [tier(0)])
    const special = await lead.call('savePolicy', { params: { id: team.id }, body: { name: 'Third', levels: policyOf([tier(2)]), repeats: 0 } })
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    await lead.call('saveTeamOnCall', {
      params: { id: team.id },
      body: {
        ...settings,
        policyId: policy.id,
        version: found?.settings?.version ?? 0,
        routing: [{ severities: ['critical'], policyId: special.id, urgency: 'low' }],
      },
    })
    await world.alert({ service: 'billing', severity: 'critical', title: 'Grave' })
    third.expectPage(/Grave/)
    expect(await pageOf(third)).toMatchObject({ policy: 'Third', urgency: 'low' })
    // What decided is on record with the page, as it was then.
    const [triggered] = await dataOf(world, (await pageOf(third)).id, 'page.triggered')
    const [notified] = await dataOf(world, (await pageOf(third)).id, 'page.notified')
    expect(triggered).toMatchObject({ policy: { id: special.id, name: 'Third', version: 1 }, urgency: 'low' })
    expect(triggered?.policy).toEqual(notified?.policy)
    await world.alert({ service: 'billing', severity: 'high', title: 'Usual' })
    first.expectPage(/Usual/)
    third.expectNoPage()
  })

  test('names tiers by their id: reordering, renaming and adding change nobody that it pages', async ({ world }) => {
    const { team, lead, settings, first, second, third } = await teamWith(world, [tier(0)])
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    const [primary, secondary, ...rest] = settings.tiers
    if (!primary || !secondary || !found?.settings) throw new Error('two tiers')
    const added = { name: 'observer', scheduleId: primary.scheduleId, position: 2 }
    const tiers = [added, { ...secondary, name: 'first' }, { ...primary, name: 'second' }, ...rest]
    const saved = await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...found.settings, tiers } })
    expect(saved.settings?.tiers.map(one => one.id).slice(1, 3)).toEqual([secondary.id, primary.id])
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    second.expectNoPage()
    third.expectNoPage()
  })

  test('keeps the tiers that it pages: one of them cannot be removed, and a tier of nobody cannot be named', async ({ world }) => {
    const { team, lead, settings, policy } = await teamWith(world, [tier(1)])
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    const save = (tiers: { id?: string; name: string; scheduleId: string; position: number }[], more: object = {}) =>
      lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...settings, ...more, version: found?.settings?.version ?? 0, tiers } })
    const [primary, secondary, tertiary] = settings.tiers
    if (!primary || !secondary || !tertiary) throw new Error('three tiers')
    await expect(save([primary])).rejects.toThrow(/The escalation policy (Special|Team \d+ escalation) uses the tier secondary\. Change the policy first\./)
    await expect(save([primary, { ...secondary, id: team.id }])).rejects.toThrow(/tiers\.1\.id|ID of a tier/)
    await expect(save([primary, secondary, { ...secondary }])).rejects.toThrow(/ID of a tier/)
    await expect(save([primary, secondary, { name: 'primary', scheduleId: primary.scheduleId, position: 0 }])).rejects.toThrow(/must be unique/)
    await expect(save([primary, secondary], { fallback: [{ kind: 'tier', tierId: team.id }] })).rejects.toThrow(/the ID of an existing tier/)
    await expect(
      lead.call('savePolicy', {
        params: { id: team.id },
        body: { id: policy.id, version: policy.version, name: 'Special', levels: [{ targets: [{ kind: 'tier', tierId: team.id }], waitMinutes: 5 }] },
      }),
    ).rejects.toThrow(/the ID of an existing tier/)
    await save([primary, secondary, tertiary])
  })

  test('may change while a page is open: the page goes on after the level that it is at, skips none and repeats none', async ({ world }) => {
    const { team, lead, policy, policyOf, first, second, third } = await teamWith(world, [tier(0), tier(1), tier(2)])
    const other = await world.person()
    let saved = policy
    const save = async (levels: EscalationLevelInput[]) => {
      const { id, name, version, repeats } = saved
      saved = await lead.call('savePolicy', { params: { id: team.id }, body: { id, name, version, repeats, levels } })
    }
    const [a, b, c] = policy.levels
    if (!a || !b || !c) throw new Error('three levels')
    expect(new Set([a.id, b.id, c.id]).size).toBe(3)
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    await save([{ targets: [{ kind: 'person', personId: other.id }], waitMinutes: 5 }, a, b, c])
    expect(saved.levels.slice(1), 'a stored level keeps its ID').toEqual([a, b, c])
    await world.advance({ minutes: 5 })
    second.expectPage(/billing/)
    first.expectNoPage()
    other.expectNoPage()
    // Without IDs, as scripts do, one with another wait: the levels are still the same ones.
    await save([saved.levels[0] ?? a, ...policyOf([tier(0), { ...tier(1), waitMinutes: 9 }, tier(2)])])
    expect(saved.levels.map(level => level.id).slice(1)).toEqual([a.id, b.id, c.id])
    await expect(save([{ ...a, id: team.id }])).rejects.toThrow('levels.0.id: must be the ID of a level of this policy, used once.')
    await expect(save([a, a])).rejects.toThrow('levels.1.id: must be the ID of a level of this policy, used once.')
    await save(saved.levels.filter(level => level.id !== b.id))
    await world.advance({ minutes: 5 })
    third.expectPage(/billing/)
    for (const person of [first, second, other]) person.expectNoPage()
    const gone = 'The level that the page was at is not in the escalation policy that applies now.'
    expect((await timelineOf(first)).map(event => event.text)).toContain(`Paged ${third.name}: ${gone}`)
    await world.advance({ minutes: 5 })
    other.expectPage(/billing/)
    await save([c])
    await world.advance({ minutes: 5 })
    expect(await pageOf(first)).toMatchObject({ state: 'exhausted' })
    expect((await timelineOf(first)).find(event => event.kind === 'page.exhausted')?.text).toMatch(
      new RegExp(`^Nobody acknowledged the page; paged .* as leads: ${gone}$`),
    )
    for (const person of [first, second, third, other]) person.expectNoPage()
  })

  test('from before levels had IDs, and a page that it has opened, go on as they were', async ({ world }) => {
    const { team, lead, policy, first, second } = await teamWith(world, [tier(0), tier(1)], { repeats: 1 })
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    await world.server.context.database.transaction(async tx => {
      await tx.db
        .update(policies)
        .set({ levels: policy.levels.map(({ id: _, ...level }) => level) })
        .where(eq(policies.id, policy.id))
      await tx.db.update(pages).set({ progress: null })
    })
    const stored = (await lead.call('policies')).find(one => one.id === policy.id)
    if (!stored) throw new Error('the policy')
    const [a, b] = stored.levels
    if (!a || !b) throw new Error('two levels')
    await world.advance({ minutes: 5 })
    second.expectPage(/billing/)
    // Whoever changes the policy saves the IDs that it has been read with.
    const { id, name, version, repeats } = stored
    await lead.call('savePolicy', { params: { id: team.id }, body: { id, name, version, repeats, levels: [b, a] } })
    await world.advance({ minutes: 5 })
    second.expectPage(/billing/)
    first.expectNoPage()
    await world.advance({ minutes: 5 })
    first.expectPage(/billing/)
    await world.advance({ minutes: 5 })
    expect(await pageOf(first)).toMatchObject({ state: 'exhausted' })
  })

  test('of another team pages the tiers of that team', async ({ world }) => {
    const other = await world.team({ tiers: 2 })
    const { team, lead, settings, first } = await teamWith(world, [tier(0)])
    const borrowed = (await lead.call('policies')).find(one => one.teamId === other.team.id)
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    await lead.call('saveTeamOnCall', {
      params: { id: team.id },
      body: { ...settings, version: found?.settings?.version ?? 0, policyId: borrowed?.id ?? null },
    })
    await world.alert({ service: 'billing' })
    other.primary.expectPage(/billing/)
    await takeLead(world, other.primary)
    await world.alert({ service: 'billing', title: 'Another one' })
    other.backup.expectPage(/Another one/)
    first.expectNoPage()
  })

  test('that is used cannot be removed', async ({ world }) => {
    const { lead, policy, policyOf, team } = await teamWith(world, [tier(0)])
    await expect(lead.call('removePolicy', { params: { id: policy.id } })).rejects.toThrow(`The team ${team.name} uses this escalation policy`)
    const spare = await lead.call('savePolicy', { params: { id: team.id }, body: { name: 'Spare', levels: policyOf([tier(0)]) } })
    await lead.call('removePolicy', { params: { id: spare.id } })
  })

  test('lets pages of low urgency wait for business hours, and high ones not', async ({ world }) => {
    const office = { timeZone: 'Europe/Berlin', hours: [{ days: [...weekdays], from: '09:30', until: '17:00' }] }
    const settings = { highFrom: 'critical' }
    const { first } = await teamWith(world, [tier(0)], { businessHours: office, settings })
    // 08:00 UTC on a Monday is 09:00 in Berlin.
    await world.alert({ service: 'billing', severity: 'high', title: 'Mild' })
    first.expectNoPage()
    expect(await pageOf(first)).toMatchObject({ urgency: 'low', nextEscalationAt: '2026-11-23T08:30:00.000Z' })
    expect((await timelineOf(first)).map(event => event.text)).toEqual(['Page triggered', 'Paged nobody at this level: Deferred until business hours.'])
    await world.alert({ service: 'billing', severity: 'critical', title: 'Grave' })
    first.expectPage(/Grave/)
    first.expectNoPage()
    await world.advance({ minutes: 30 })
    first.expectPage(/Mild/)
  })

  test('has steps that count at some hours or for one urgency only', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [
      { ...tier(0), when: { timeZone: 'UTC', hours: [{ from: '20:00', until: '06:00' }] } },
      { ...tier(1), urgency: 'low' },
      tier(2),
    ])
    await world.alert({ service: 'billing' })
    third.expectPage(/billing/)
    first.expectNoPage()
    second.expectNoPage()
  })

  test('waits where a step has no target, and goes on at once where an empty one is to be skipped', async ({ world }) => {
    const { first, second } = await teamWith(world, [
      { targets: [], waitMinutes: 3 },
      { targets: [{ kind: 'tier', tier: 'vacant' }], waitMinutes: 9, whenEmpty: 'skip' },
      tier(0),
      { targets: [{ kind: 'tier', tier: 'vacant' }], waitMinutes: 2, whenEmpty: 'wait' },
      tier(1),
    ])
    await world.alert({ service: 'billing' })
    first.expectNoPage()
    await world.advance({ minutes: 3 })
    first.expectPage(/billing/)
    await world.advance({ minutes: 5 })
    second.expectNoPage()
    await world.advance({ minutes: 2 })
    second.expectPage(/billing/)
  })

  test('that only waits has paged nobody in the end: the fallback is paged, once, before the page is exhausted', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const { first } = await teamWith(world, [{ targets: [], waitMinutes: 1 }], { settings: { fallback: [{ kind: 'person', personId: manager.id }] } })
    await world.alert({ service: 'billing' })
    manager.expectNoPage()
    await world.advance({ minutes: 1 })
    expect(manager.expectPage(/billing/).text).toContain('No level of the escalation policy has anyone to page')
    await world.advance({ minutes: 10 })
    expect(await pageOf(first)).toMatchObject({ state: 'exhausted' })
    manager.expectNoPage()
  })

  test('that needs fewer acknowledgements does not forget how many the one before waits for', async ({ world }) => {
    const both = [
      { kind: 'tier' as const, tier: 0 },
      { kind: 'tier' as const, tier: 1 },
    ]
    const { first, third } = await teamWith(world, [{ targets: both, waitMinutes: 5, acknowledgements: 2 }, tier(2)])
    await world.alert({ service: 'billing' })
    const token = linkIn(first.expectPage(/billing/), '/a/')
    await world.client()('acknowledgeByLink', { body: { token } })
    await world.advance({ minutes: 5 })
    expect(await world.client()('pageByLink', { body: { token } })).toMatchObject({ state: 'triggered', waitsFor: 1 })
    const last = linkIn(third.expectPage(/billing/), '/a/')
    expect(await world.client()('acknowledgeByLink', { body: { token: last } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: first.name })
    // Where nobody acknowledged, there is nothing to remember.
    await world.alert({ service: 'billing', title: 'Another' })
    await world.advance({ minutes: 5 })
    const another = linkIn(third.expectPage(/Another/), '/a/')
    expect(await world.client()('acknowledgeByLink', { body: { token: another } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: third.name })
  })

  test('can require several acknowledgements, and escalates until they are there', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [
      {
        targets: [
          { kind: 'tier', tier: 0 },
          { kind: 'tier', tier: 1 },
        ],
        waitMinutes: 5,
        acknowledgements: 2,
      },
      { ...tier(2), acknowledgements: 2 },
    ])
    await world.alert({ service: 'billing' })
    const token = linkIn(first.expectPage(/billing/), '/a/')
    second.expectPage(/billing/)
    expect(await world.client()('acknowledgeByLink', { body: { token } })).toMatchObject({ state: 'triggered', waitsFor: 1 })
    expect(await world.client()('acknowledgeByLink', { body: { token } }), 'the same person twice is one').toMatchObject({ state: 'triggered', waitsFor: 1 })
    await world.advance({ minutes: 5 })
    const last = linkIn(third.expectPage(/billing/), '/a/')
    expect(await world.client()('acknowledgeByLink', { body: { token: last } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: first.name })
  })
})

describe('a page that would reach nobody', () => {
  test('goes to the fallback of the team at once, and says why', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const { first } = await teamWith(world, [{ targets: [{ kind: 'tier', tier: 'vacant' }], waitMinutes: 5 }, tier(0)], {
      settings: { fallback: [{ kind: 'person', personId: manager.id }] },
    })
    await world.alert({ service: 'billing' })
    expect(manager.expectPage(/billing/).text).toContain('Nobody is on call as vacant, so you are paged instead.')
    await world.advance({ minutes: 5 })
    first.expectPage(/billing/)
    const timeline = await first.call('page', { params: { id: (await pageOf(first)).id } })
    expect(timeline.events.map(event => event.text)).toContain('Paged duty manager: Nobody is on call as vacant. Paged the fallback instead.')
  })

  test('goes to the administrators where there is nobody else', async ({ world }) => {
    const administrator = await world.person('administrator')
    const lead = await world.person('lead')
    const team = await lead.call('saveTeam', { body: { name: 'Empty', kind: 'security', memberIds: [] } })
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    expect(administrator.expectPage(/billing/).text).toContain('so you are paged instead')
  })

  test('goes there too when every step is to be skipped', async ({ world }) => {
    const administrator = await world.person('administrator')
    await teamWith(world, [{ targets: [{ kind: 'tier', tier: 'vacant' }], waitMinutes: 5, whenEmpty: 'skip' }])
    await world.alert({ service: 'billing' })
    administrator.expectNoPage()
    expect(world.takeMails().filter(mail => mail.purpose === 'page').length, 'the members of the team are its last resort before the administrators').toBe(3)
  })

  test('goes to the fallback when no level holds now, and is exhausted when that does not answer', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const { first } = await teamWith(world, [{ ...tier(0), urgency: 'low' }], { settings: { fallback: [{ kind: 'person', personId: manager.id }] } })
    await world.alert({ service: 'billing' })
    const sentence = 'No level of the escalation policy has anyone to page, so you are paged instead.'
    expect(manager.expectPage(/billing/).text).toContain(sentence)
    first.expectNoPage()
    const { id } = await pageOf(first)
    expect(await dataOf(world, id, 'page.notified')).toMatchObject([{ level: 0, notified: ['duty manager'], channels: [], why: sentence }])
    await world.advance({ minutes: 9, seconds: 59 })
    expect(await pageOf(first)).toMatchObject({ state: 'triggered' })
    await world.advance({ seconds: 1 })
    expect(await pageOf(first)).toMatchObject({ state: 'exhausted', nextEscalationAt: null })
    manager.expectNoPage()
  })

  test('goes to the fallback when a snooze ends and no level holds any more, though it has gone to somebody before', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const morning = { timeZone: 'UTC', hours: [{ from: '07:00', until: '08:10' }] }
    const { first } = await teamWith(world, [{ ...tier(0), when: morning }], { settings: { fallback: [{ kind: 'person', personId: manager.id }] } })
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    const params = { id: (await pageOf(first)).id }
    await first.call('acknowledgePage', { params })
    await first.call('snoozePage', { params, body: { minutes: 30 } })
    await world.advance({ minutes: 30 })
    expect(manager.expectPage(/billing/).text).toContain('No level of the escalation policy has anyone to page')
    first.expectNoPage()
  })

  test('is exhausted when none of the levels that are left holds, and nothing is due about it any more', async ({ world }) => {
    const { first, second } = await teamWith(world, [tier(0), { ...tier(1), urgency: 'low' }])
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    await world.advance({ minutes: 5 })
    second.expectNoPage()
    const page = await pageOf(first)
    expect(page).toMatchObject({ state: 'exhausted', nextEscalationAt: null })
    expect((await timelineOf(first)).find(event => event.kind === 'page.exhausted')?.text).toMatch(/^Nobody acknowledged the page; paged lead .+ as leads$/)
    expect(
      await world.server.context.database
        .reader()
        .db.select()
        .from(jobs)
        .where(eq(jobs.key, escalationKey(page.id))),
    ).toEqual([])
  })

  test('goes to the first of fallback, members and administrators that has somebody who can be reached, and to nobody twice', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const administrator = await world.person('administrator')
    const { first, second, third } = await teamWith(world, [tier(0)], { settings: { fallback: [{ kind: 'person', personId: manager.id }] } })
    const sentence = 'The person on call has no working contact method, so you are paged instead.'
    await makeUnreachable(world, first)
    await world.alert({ service: 'billing', title: 'One' })
    expect(first.expectPage(/One/).text).not.toContain('instead')
    expect(manager.expectPage(/One/).text).toContain(sentence)
    second.expectNoPage()
    await makeUnreachable(world, manager)
    await world.alert({ service: 'billing', title: 'Two' })
    expect(first.expectPage(/Two/).text).not.toContain('instead')
    for (const person of [second, third]) expect(person.expectPage(/Two/).text).toContain(sentence)
    for (const person of [first, manager, administrator]) person.expectNoPage()
    await makeUnreachable(world, second, third)
    await world.alert({ service: 'billing', title: 'Three' })
    first.expectPage(/Three/)
    expect(administrator.expectPage(/Three/).text).toContain(sentence)
    for (const person of [first, second, third, manager]) person.expectNoPage()
  })

  test('because the person whom its level names has left says so', async ({ world }) => {
    const [gone, administrator] = [await world.person(), await world.person('administrator')]
    const { first } = await teamWith(world, [{ targets: [{ kind: 'person', personId: gone.id }], waitMinutes: 5 }])
    await administrator.call('changePerson', { params: { id: gone.id }, body: { isActive: false } })
    await world.alert({ service: 'billing' })
    expect(first.expectPage(/billing/).text).toContain('This escalation level has nobody to page, so you are paged instead.')
    gone.expectNoPage()
  })

  test('because who is on call only shadows goes to the fallback as well; whom the level also names responds', async ({ world }) => {
    const [novice, manager] = [await world.person('responder', 'novice'), await world.person('responder', 'duty manager')]
    const { lead, team, first } = await teamWith(
      world,
      [
        { targets: [{ kind: 'tier', tier: 0 }], waitMinutes: 5 },
        {
          targets: [
            { kind: 'person', personId: novice.id },
            { kind: 'tier', tier: 0 },
          ],
          waitMinutes: 5,
        },
      ],
      { settings: { fallback: [{ kind: 'person', personId: manager.id }] } },
    )
    const [schedule] = (await lead.call('onCall')).find(one => one.team.id === team.id)?.schedules ?? []
    if (!schedule) throw new Error('the team has a schedule')
    const strict = await lead.call('saveSchedule', { params: { id: team.id }, body: { ...schedule, needsApprenticeship: true } })
    const layers = strict.layers.map(layer => ({ ...layer, participants: [novice.id] }))
    await lead.call('saveSchedule', { params: { id: team.id }, body: { ...strict, layers } })
    await world.settle()
    world.takeMails()
    await world.alert({ service: 'billing' })
    expect(novice.expectPage(/billing/).text).toContain('For your information: you are shadowing. The person on call responds.')
    expect(manager.expectPage(/billing/).text).toContain('Nobody is on call as primary, so you are paged instead.')
    await world.advance({ minutes: 5 })
    expect(novice.expectPage(/billing/).text).not.toContain('shadowing')
    manager.expectNoPage()
    first.expectNoPage()
  })

  test('is none when it is about the installation: the administrators are meant', async ({ world }) => {
    const administrator = await world.person('administrator')
    const { database, alarms } = world.server.context
    await database.transaction(tx => alarms.raise(tx, { key: 'disk', title: 'The disk is full', summary: 'Make room.' }))
    await world.settle()
    expect(administrator.expectPage(/The disk is full/).text).not.toContain('instead')
    administrator.expectNoPage()
  })
})

describe('a page for one person first', () => {
  test('goes to the team ten minutes later, from its first level; one acknowledgement ends it', async ({ world }) => {
    const { team, first, second } = await teamWith(world, [tier(0), tier(1)])
    const owner = await world.person('responder', 'owner')
    await pageNow(world, team.id, { title: 'Answered', firstPersonId: owner.id })
    const token = linkIn(owner.expectPage(/Answered/), '/a/')
    expect(await world.client()('acknowledgeByLink', { body: { token } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'owner' })
    await pageNow(world, team.id, { title: 'Unanswered', firstPersonId: owner.id })
    owner.expectPage(/Unanswered/)
    await world.advance({ minutes: 9, seconds: 59 })
    first.expectNoPage()
    await world.advance({ seconds: 1 })
    first.expectPage(/Unanswered/)
    first.expectNoPage()
    await world.advance({ minutes: 5 })
    second.expectPage(/Unanswered/)
    owner.expectNoPage()
  })

  test('goes to the team at once when that person has left, and to its fallback when no level holds then either', async ({ world }) => {
    const { team, first, second } = await teamWith(world, [{ ...tier(0), urgency: 'high' }])
    const [gone, administrator] = [await world.person(), await world.person('administrator')]
    await administrator.call('changePerson', { params: { id: gone.id }, body: { isActive: false } })
    await pageNow(world, team.id, { title: 'Grave', firstPersonId: gone.id })
    first.expectPage(/Grave/)
    second.expectNoPage()
    await pageNow(world, team.id, { title: 'Mild', severity: 'low', firstPersonId: gone.id })
    for (const person of [first, second]) expect(person.expectPage(/Mild/).text).toContain('No level of the escalation policy has anyone to page')
    gone.expectNoPage()
  })
})

describe('a team channel', () => {
  test.override({ options: { env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } } })

  test('is somebody to page: a level with nothing else needs no fallback, and the timeline names it beside people', async ({ world }) => {
    const chat = await startPeer()
    const { lead, team, policy, policyOf, first, second } = await teamWith(world, [tier(0)])
    const { channel } = await lead.call('saveTeamChannel', { params: { id: team.id }, body: { kind: 'webhook', name: 'Room', address: `${chat.url}/room` } })
    const target = { kind: 'channel' as const, channelId: channel.id }
    const levels = policyOf([
      { targets: [target], waitMinutes: 5 },
      { targets: [{ kind: 'tier', tier: 0 }, target], waitMinutes: 5 },
    ])
    const save = (version: number, only: typeof levels) =>
      lead.call('savePolicy', { params: { id: team.id }, body: { id: policy.id, version, name: policy.name, levels: only, repeats: 0 } })
    const { version } = await save(policy.version, levels)
    await world.alert({ service: 'billing' })
    expect(chat.received.length).toBe(1)
    first.expectNoPage()
    await world.advance({ minutes: 5 })
    expect(chat.received.length).toBe(2)
    first.expectPage(/billing/)
    second.expectNoPage()
    const notified = (await timelineOf(first)).filter(event => event.kind === 'page.notified')
    expect(notified.map(event => event.text)).toEqual(['Paged Room', `Paged ${first.name}, Room`])
    await save(version, levels.slice(0, 1))
    await world.alert({ service: 'billing' })
    expect(chat.received.length).toBe(3)
    first.expectNoPage()
    await chat.stop()
  })
})

describe('surge', () => {
  test('pages the next available tier as well while the person on call works on an incident that is as severe', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [tier(0)])
    const { id, version } = await first.call('openIncident', { body: { title: 'Another', reason: 'Reasonable suspicion.' } })
    await first.call('assignRole', { params: { id, role: 'lead' }, body: { version, personId: first.id } })
    await world.settle()
    world.takeMails()
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    expect(second.expectPage(/billing/).text).toContain(`${first.name} already works on another incident, so you are paged as well.`)
    third.expectNoPage()
  })

  test('passes over a tier that is busy as well', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [tier(0)])
    await takeLead(world, first)
    await takeLead(world, second)
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    second.expectNoPage()
    expect(third.expectPage(/billing/).text).toContain(`${first.name} already works on another incident, so you are paged as well.`)
    expect((await timelineOf(first)).map(event => event.text)).toContain(
      `Paged ${first.name}, ${third.name}: ${first.name} already works on another incident. Paged the next available tier as well.`,
    )
  })

  test('is none for a drill, for the very incident, for a less severe one, or for one that somebody else works on', async ({ world }) => {
    const { team, lead, first, second, third } = await teamWith(world, [tier(0)])
    await takeLead(world, third)
    await world.alert({ service: 'billing', title: 'Of nobody here' })
    first.expectPage(/Of nobody here/)
    second.expectNoPage()
    const id = await takeLead(world, first)
    await pageNow(world, team.id, { subject: { kind: 'incident', id }, title: 'The same' })
    first.expectPage(/The same/)
    second.expectNoPage()
    await lead.call('startDrill', { params: { id: team.id }, body: {} })
    await world.settle()
    first.expectPage(/\[DRILL\]/)
    second.expectNoPage()
    world.isTampered = true
    await world.server.context.database.transaction(tx => tx.db.update(incidents).set({ severity: 'SEV4' }).where(eq(incidents.id, id)))
    await world.alert({ service: 'billing', title: 'More severe' })
    first.expectPage(/More severe/)
    second.expectNoPage()
    third.expectNoPage()
  })

  test('tells somebody whom the level pages anyway nothing of it', async ({ world }) => {
    const both: Target[] = [
      { kind: 'tier', tier: 1 },
      { kind: 'tier', tier: 0 },
    ]
    const { first, second, third } = await teamWith(world, [{ targets: both, waitMinutes: 5 }])
    await takeLead(world, first)
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    expect(second.expectPage(/billing/).text).not.toContain('as well')
    second.expectNoPage()
    third.expectNoPage()
  })

  test('is none for a tier that nobody is in: the fallback is paged, not the tier after it', async ({ world }) => {
    const manager = await world.person('responder', 'duty manager')
    const { team, lead, policy, first } = await teamWith(world, [{ targets: [{ kind: 'tier', tier: 'vacant' }], waitMinutes: 5 }])
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    if (!found?.settings) throw new Error('the team has settings')
    const tiers = [...found.settings.tiers.slice(-1), ...found.settings.tiers.slice(0, -1)]
    const fallback = [{ kind: 'person' as const, personId: manager.id }]
    await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...found.settings, tiers, fallback, policyId: policy.id } })
    await world.alert({ service: 'billing' })
    expect(manager.expectPage(/billing/).text).toContain('Nobody is on call as vacant, so you are paged instead.')
    first.expectNoPage()
  })
})

describe('a storm', () => {
  async function sendMany(world: World, length: number, severity: Severity): Promise<void> {
    const sender = await world.person()
    await sender.call('createAlerts', { body: Array.from({ length }, (_, n) => ({ title: `Odd ${n}`, severity, service: 'billing' })) })
    await world.settle()
  }

  test('in a bundle names to nobody who may not see it what belongs to an incident', async ({ world }) => {
    const { lead } = await teamWith(world, [tier(0)])
    const stranger = await world.person('lead')
    const [service] = await lead.call('services')
    // As many as go out at once.
    await sendMany(world, maxUrgentPerMinute - 1, 'high')
    const hidden = []
    for (const title of ['Hidden one', 'Hidden two'])
      hidden.push(await lead.call('openIncident', { body: { title, reason: 'Suspicion.', serviceIds: [service?.id ?? ''] } }))
    await world.advance({ minutes: 1 })
    for (const { id } of hidden) {
      const { version } = await lead.call('incident', { params: { id } })
      await lead.call('changeIncident', { params: { id }, body: { version, isRestricted: true, reason: 'It is one of us.' } })
    }
    const sent = (await lead.call('messageLog')).items.filter(message => message.purpose === 'page-bundle').map(message => message.text)
    expect(sent.length).toBe(1)
    expect(sent.join()).toMatch(/Hidden one|Hidden two/)
    expect(sent.join()).not.toMatch(/Hidden one[\s\S]*Hidden two|Hidden two[\s\S]*Hidden one/)
    expect(JSON.stringify((await stranger.call('messageLog')).items)).not.toContain('Hidden')
  })

  test('is bundled: nobody gets more than a few pages in a minute, and the bundle says how many', async ({ world }) => {
    const { first } = await teamWith(world, [{ ...tier(0), waitMinutes: 30 }])
    await sendMany(world, 40, 'medium')
    expect(world.takeMails().filter(mail => mail.to === first.email).length).toBe(5)
    await world.advance({ minutes: 1 })
    const bundle = world.takeMails().filter(mail => mail.to === first.email)
    expect(bundle.map(mail => mail.subject)).toEqual([expect.stringMatching(/^\[MEDIUM\] billing: Odd \d+ and 34 more pages$/)])
    const [mail] = bundle
    if (!mail) throw new Error('a bundle')
    const token = linkIn(mail, '/a/')
    expect(await world.client()('pageByLink', { body: { token } })).toMatchObject({ title: '35 pages', state: 'triggered' })
    expect(await world.client()('acknowledgeByLink', { body: { token } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: first.name })
    expect((await first.call('pages')).items.filter(page => page.state === 'triggered').length).toBe(5)
    await world.alert({ service: 'billing', title: 'Later' })
    first.expectPage(/Later/)
    // One is over: the link acts on the others.
    const acknowledged = (await first.call('pages')).items.filter(page => page.state === 'acknowledged')
    const over = acknowledged[0]?.subject.id ?? ''
    await first.call('dismissAlert', { params: { id: over }, body: { value: 'false-positive', responsibility: 'us', reason: 'Nothing.' } })
    const snoozed = await world.client()('snoozeByLink', { body: { token, minutes: 30 } })
    expect(snoozed.snoozedUntil).not.toBeNull()
    expect((await first.call('pages')).items.filter(page => page.snoozedUntil !== null).length).toBeGreaterThan(30)
  })

  test('in a bundle that was not sent is canceled with its acknowledgement', async ({ world }) => {
    const { first } = await teamWith(world, [{ ...tier(0), waitMinutes: 30 }])
    await sendMany(world, 9, 'medium')
    world.mail.refuse({ code: 451, text: 'later' })
    await world.advance({ minutes: 1 })
    const states = async () => {
      const lead = await world.person('lead')
      return (await lead.call('messageLog', { query: { limit: 100 } })).items.filter(one => one.purpose === 'page-bundle').map(one => one.state)
    }
    expect(await states()).toEqual(['queued'])
    for (const { id } of (await first.call('pages')).items) await first.call('acknowledgePage', { params: { id } })
    expect(await states()).toEqual(['cancelled'])
  })
})

describe('a page', () => {
  test('tells both of two who acknowledge at the same moment who has it', async ({ world }) => {
    const { first, second } = await teamWith(world, [
      {
        targets: [
          { kind: 'tier', tier: 0 },
          { kind: 'tier', tier: 1 },
        ],
        waitMinutes: 5,
      },
    ])
    await world.alert({ service: 'billing' })
    const { id } = await pageOf(first)
    const replies = await Promise.all([first.call('acknowledgePage', { params: { id } }), second.call('acknowledgePage', { params: { id } })])
    const [winner] = replies
    expect([first.name, second.name]).toContain(winner?.acknowledgedBy)
    expect(new Set(replies.map(reply => reply.acknowledgedBy)).size).toBe(1)
    const { events } = await first.call('page', { params: { id } })
    expect(events.filter(event => event.kind === 'page.acknowledged').length).toBe(1)
  })

  test('is declined, with or without somebody named', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [tier(0), tier(1), tier(2)])
    await world.alert({ service: 'billing' })
    first.expectPage(/billing/)
    const { id } = await pageOf(first)
    await first.call('declinePage', { params: { id }, body: { toId: third.id, reason: 'On a train' } })
    await world.settle()
    expect(third.expectPage(/billing/).text).toContain(`${first.name} reassigned this page to you: On a train`)
    second.expectNoPage()
    await third.call('declinePage', { params: { id }, body: {} })
    await world.settle()
    second.expectPage(/billing/)
    const timeline = await first.call('page', { params: { id } })
    expect(timeline.events.map(event => event.text)).toEqual(
      expect.arrayContaining([`${first.name} reassigned the page to ${third.name}: On a train`, `${third.name} declined the page`]),
    )
  })

  test('reassigned to somebody who does not answer continues to escalate', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [tier(0), tier(1)])
    await world.alert({ service: 'billing' })
    const { id } = await pageOf(first)
    await first.call('declinePage', { params: { id }, body: { toId: third.id } })
    await world.settle()
    third.expectPage(/billing/)
    await world.advance({ minutes: 9, seconds: 59 })
    second.expectNoPage()
    await world.advance({ seconds: 1 })
    second.expectPage(/billing/)
  })

  test('goes to the next step at once when somebody says so, and more people can be asked to join', async ({ world }) => {
    const { first, second, third } = await teamWith(world, [tier(0), tier(1)])
    await world.alert({ service: 'billing' })
    const { id } = await pageOf(first)
    await first.call('escalatePage', { params: { id }, body: { level: 1 } })
    await world.settle()
    second.expectPage(/billing/)
    await second.call('acknowledgePage', { params: { id } })
    const joined = await second.call('addResponders', { params: { id }, body: { personIds: [third.id] } })
    await world.settle()
    expect(third.expectPage(/billing/).text).toContain(`${second.name} added you as a responder.`)
    expect(joined).toMatchObject({ state: 'acknowledged', acknowledgedBy: second.name })
  })

  test('that is snoozed escalates again afterwards from the first level; an unacknowledged one cannot be snoozed', async ({ world }) => {
    const { first, second } = await teamWith(world, [tier(0), tier(1)])
    await world.alert({ service: 'billing' })
    const token = linkIn(first.expectPage(/billing/), '/a/')
    const { id } = await pageOf(first)
    await expect(first.call('snoozePage', { params: { id }, body: { minutes: 30 } })).rejects.toThrow(/Acknowledge the page before/)
    await second.call('acknowledgePage', { params: { id } })
    const notTheirs = (what: string) => `Only the person who acknowledged the page can ${what} it.`
    await expect(world.client()('snoozeByLink', { body: { token, minutes: 30 } })).rejects.toThrow(notTheirs('snooze'))
    await expect(first.call('snoozePage', { params: { id }, body: { minutes: 30 } })).rejects.toThrow(notTheirs('snooze'))
    await expect(world.client()('releaseByLink', { body: { token } })).rejects.toThrow(notTheirs('release'))
    await expect(first.call('declinePage', { params: { id }, body: {} })).rejects.toThrow(notTheirs('decline'))
    await expect(world.client()('declineByLink', { body: { token, to: null } })).rejects.toThrow(notTheirs('decline'))
    expect((await second.call('snoozePage', { params: { id }, body: { minutes: 30 } })).snoozedUntil).toBe('2026-11-23T08:30:00.000Z')
    await world.advance({ minutes: 29, seconds: 59 })
    first.expectNoPage()
    await world.advance({ seconds: 1 })
    first.expectPage(/billing/)
    second.expectNoPage()
  })

  test('that is acknowledged and then sees nothing happen re-arms; one that does see something does not', async ({ world }) => {
    const { first, lead } = await teamWith(world, [tier(0)], { settings: { progressMinutes: 30 } })
    const [service] = await lead.call('services')
    const incident = await lead.call('openIncident', { body: { title: 'Odd', reason: 'Suspicion.', serviceIds: [service?.id ?? ''] } })
    await world.settle()
    const token = linkIn(first.expectPage(/Odd/), '/a/')
    const id = (await first.call('myPages')).items[0]?.id ?? ''
    await world.client()('acknowledgeByLink', { body: { token } })
    await world.advance({ minutes: 20 })
    await first.call('addNote', { params: { id: incident.id }, body: { markdown: 'I look at the sign-ins.' } })
    await world.advance({ minutes: 29, seconds: 59 })
    first.expectNoPage()
    await world.advance({ seconds: 1 })
    first.expectPage(/Odd/)
    expect((await first.call('page', { params: { id } })).events.map(event => event.kind)).toContain('page.unacknowledged')
  })

  test('sets a timer that comes before what is less urgent, and that does nothing once the page is acknowledged', async ({ world }) => {
    const { first, second } = await teamWith(world, [tier(0), tier(1)])
    await world.alert({ service: 'billing' })
    const { id } = await pageOf(first)
    const { context } = world.server
    const timers = () =>
      context.database
        .reader()
        .db.select()
        .from(jobs)
        .where(eq(jobs.key, escalationKey(id)))
    expect(await timers()).toMatchObject([{ kind: 'page.escalate', lane: 'escalation', priority: 0, runAt: '2026-11-23T08:05:00.000Z' }])
    await first.call('acknowledgePage', { params: { id } })
    // A timer that was taken just before the acknowledgement.
    await context.database.transaction(tx => escalatePages(tx, context, [id]))
    await world.settle()
    second.expectNoPage()
    expect(await pageOf(first)).toMatchObject({ state: 'acknowledged', acknowledgedBy: first.name, nextEscalationAt: null })
    expect(await timers()).toEqual([])
    expect((await timelineOf(first)).filter(event => event.kind === 'page.notified').map(event => event.text)).toEqual([`Paged ${first.name}`])
  })

  test('that is reassigned while another about the same escalates is merged into that one, about which the colleague is paged', async ({ world }) => {
    const { first, third, lead, team } = await teamWith(world, [tier(0), tier(1)])
    const start = async () => (await lead.call('startDrill', { params: { id: team.id }, body: {} })).id
    const earlier = await start()
    await first.call('acknowledgePage', { params: { id: earlier } })
    const later = await start()
    await world.settle()
    world.takeMails()
    await first.call('declinePage', { params: { id: earlier }, body: { toId: third.id } })
    await world.settle()
    expect(await lead.call('page', { params: { id: earlier } })).toMatchObject({ state: 'resolved' })
    expect(third.expectPage(/\[DRILL\]/).text).toContain(`${first.name} reassigned this page to you.`)
    expect((await lead.call('page', { params: { id: later } })).notifications.map(one => one.person)).toContain(third.name)
  })

  test('whose level names only a channel that is gone goes to the fallback: a channel that is not there is nobody', async ({ world }) => {
    const { first, policy } = await teamWith(world, [tier(0)])
    const gone = { kind: 'channel' as const, channelId: '0193b5a0-0000-7000-8000-000000000001' }
    await world.server.context.database.transaction(tx =>
      tx.db
        .update(policies)
        .set({ levels: [{ targets: [gone], waitMinutes: 5 }] })
        .where(eq(policies.id, policy.id)),
    )
    await world.alert({ service: 'billing' })
    expect(first.expectPage(/billing/).text).toContain('This escalation level has nobody to page')
  })

  test('that would escalate again while another about the same does is merged into that one', async ({ world }) => {
    const { first, second, lead, team } = await teamWith(world, [tier(0), tier(1)])
    const start = async () => (await lead.call('startDrill', { params: { id: team.id }, body: {} })).id
    const earlier = await start()
    await first.call('acknowledgePage', { params: { id: earlier } })
    const later = await start()
    await world.settle()
    world.takeMails()
    expect(await first.call('escalatePage', { params: { id: earlier }, body: { level: 1 } })).toMatchObject({ state: 'resolved', nextEscalationAt: null })
    await world.settle()
    expect(world.takeMails()).toEqual([])
    expect(await dataOf(world, earlier, 'page.resolved')).toMatchObject([{ about: { kind: 'drill', id: earlier }, mergedInto: later }])
    expect(await lead.call('page', { params: { id: later } })).toMatchObject({ state: 'triggered' })
    await world.advance({ minutes: 5 })
    second.expectPage(/\[DRILL\]/)
    second.expectNoPage()
  })

  test('of an incident that is hidden from somebody cannot be acted on by them', async ({ world }) => {
    const { first, lead } = await teamWith(world, [tier(0)])
    const stranger = await world.person()
    const [service] = await lead.call('services')
    const { id } = await lead.call('openIncident', { body: { title: 'Secret', reason: 'Suspicion.', serviceIds: [service?.id ?? ''], isRestricted: true } })
    await lead.call('pageIncident', { params: { id }, body: { personIds: [first.id] } })
    await world.settle()
    first.expectPage(/restricted/)
    expect((await stranger.call('pages')).items).toEqual([])
    const [page] = (await lead.call('pages')).items
    const params = { id: page?.id ?? '' }
    for (const command of ['acknowledgePage', 'page'] as const) await expect(stranger.call(command, { params })).rejects.toThrow(/page/)
    await expect(stranger.call('escalatePage', { params, body: { level: 1 } })).rejects.toThrow(/page/)
  })
})

test('a drill pages for real, says at once that it is one, and keeps the time', async ({ world }) => {
  const { first, lead, team } = await teamWith(world, [tier(0)])
  const { id } = await lead.call('startDrill', { params: { id: team.id }, body: {} })
  await world.settle()
  const mail = first.expectPage(/\[DRILL\] Paging drill/)
  await expect(lead.call('startDrill', { params: { id: team.id }, body: {} })).rejects.toThrow(/already running/)
  await world.advance({ minutes: 2 })
  await world.client()('acknowledgeByLink', { body: { token: linkIn(mail, '/a/') } })
  const timeline = await lead.call('page', { params: { id } })
  expect(timeline).toMatchObject({ isDrill: true, state: 'acknowledged' })
  expect(timeline.events.map(event => event.text)).toContain(`${first.name} acknowledged the drill after 2 min`)
  await lead.call('startDrill', { params: { id: team.id }, body: { urgency: 'low' } })
  await world.alert({ service: 'billing', title: 'No drill' })
  expect((await lead.call('drills', { params: { id: team.id } })).items).toMatchObject([
    { urgency: 'low', state: 'triggered', acknowledgedBy: null, afterSeconds: null, paged: [first.name] },
    { id, state: 'acknowledged', acknowledgedBy: first.name, afterSeconds: 120, paged: [first.name] },
  ])
})

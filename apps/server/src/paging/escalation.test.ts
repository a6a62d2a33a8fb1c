import type { EscalationLevel, PageTarget, policyRoutes, RouteInput } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { linkIn, type Person, test, type World } from '../../test/world.ts'

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri'] as const

type BusinessHours = RouteInput<typeof policyRoutes.savePolicy>['body']['businessHours']
/** A target of the tests: a tier by its number, `'vacant'` for one that nobody is in. */
type Target = PageTarget | { kind: 'tier'; tier: number | 'vacant' }
type Level = Omit<EscalationLevel, 'targets'> & { targets: Target[] }

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
  const policyOf = (all: Level[]): EscalationLevel[] => all.map(level => ({ ...level, targets: level.targets.map(targetOf) }))
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
  await world.service('billing', team)
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

  test('of another team pages the tiers of that team', async ({ world }) => {
    const other = await world.team({ tiers: 2 })
    const { team, lead, settings } = await teamWith(world, [tier(0)])
    const borrowed = (await lead.call('policies')).find(one => one.teamId === other.team.id)
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    await lead.call('saveTeamOnCall', {
      params: { id: team.id },
      body: { ...settings, version: found?.settings?.version ?? 0, policyId: borrowed?.id ?? null },
    })
    await world.alert({ service: 'billing' })
    other.primary.expectPage(/billing/)
  })

  test('that is used cannot be removed', async ({ world }) => {
    const { lead, policy, policyOf, team } = await teamWith(world, [tier(0)])
    await expect(lead.call('removePolicy', { params: { id: policy.id } })).rejects.toThrow(/uses this escalation policy/)
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
})

describe('a storm', () => {
  test('in a bundle names to nobody who may not see it what belongs to an incident', async ({ world }) => {
    const { lead } = await teamWith(world, [tier(0)])
    const stranger = await world.person('lead')
    const [service] = await lead.call('services')
    for (let n = 0; n < 6; n += 1) await world.alert({ service: 'billing', title: `Odd ${n}` })
    const hidden = []
    for (const title of ['Hidden one', 'Hidden two'])
      hidden.push(await lead.call('openIncident', { body: { title, reason: 'Suspicion.', serviceIds: [service?.id ?? ''] } }))
    await world.advance({ minutes: 1 })
    for (const { id } of hidden) {
      const { version } = await lead.call('incident', { params: { id } })
      await lead.call('changeIncident', { params: { id }, body: { version, isRestricted: true } })
    }
    const sent = (await lead.call('messageLog')).items.filter(message => message.purpose === 'page-bundle').map(message => message.text)
    expect(sent.length).toBe(1)
    expect(sent.join()).toMatch(/Hidden one|Hidden two/)
    expect(sent.join()).not.toMatch(/Hidden one[\s\S]*Hidden two|Hidden two[\s\S]*Hidden one/)
    expect(JSON.stringify((await stranger.call('messageLog')).items)).not.toContain('Hidden')
  })

  test('is bundled: nobody gets more than a few pages in a minute, and the bundle says how many', async ({ world }) => {
    const { first } = await teamWith(world, [{ ...tier(0), waitMinutes: 30 }])
    const sender = await world.person()
    await sender.call('createAlerts', { body: Array.from({ length: 40 }, (_, n) => ({ title: `Odd ${n}`, severity: 'high' as const, service: 'billing' })) })
    await world.settle()
    expect(world.takeMails().filter(mail => mail.to === first.email).length).toBe(5)
    await world.advance({ minutes: 1 })
    const bundle = world.takeMails().filter(mail => mail.to === first.email)
    expect(bundle.map(mail => mail.subject)).toEqual(['35 more unacknowledged pages'])
    const [mail] = bundle
    if (!mail) throw new Error('a bundle')
    const token = linkIn(mail, '/a/')
    expect(await world.client()('pageByLink', { body: { token } })).toMatchObject({ title: '35 pages', state: 'triggered' })
    expect(await world.client()('acknowledgeByLink', { body: { token } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: first.name })
    expect((await first.call('pages')).items.filter(page => page.state === 'triggered').length).toBe(5)
    await world.alert({ service: 'billing', title: 'Later' })
    first.expectPage(/Later/)
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
    await first.call('escalatePage', { params: { id } })
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
    await expect(world.client()('snoozeByLink', { body: { token, minutes: 30 } }), 'it is not theirs').rejects.toThrow(
      /Only the person who acknowledged the page/,
    )
    expect((await first.call('snoozePage', { params: { id }, body: { minutes: 30 } })).snoozedUntil).toBe('2026-11-23T08:30:00.000Z')
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

  test('of an incident that is hidden from somebody cannot be acted on by them', async ({ world }) => {
    const { first, lead } = await teamWith(world, [tier(0)])
    const stranger = await world.person()
    const [service] = await lead.call('services')
    await lead.call('openIncident', { body: { title: 'Secret', reason: 'Suspicion.', serviceIds: [service?.id ?? ''], isRestricted: true } })
    await world.settle()
    first.expectPage(/restricted/)
    expect((await stranger.call('pages')).items).toEqual([])
    const administrator = await world.person('administrator')
    const [page] = (await administrator.call('pages')).items
    for (const command of ['acknowledgePage', 'escalatePage', 'page'] as const)
      await expect(stranger.call(command, { params: { id: page?.id ?? '' } })).rejects.toThrow(/page/)
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

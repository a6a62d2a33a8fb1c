import type { OrganizationFile } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { linkIn, type Person, test, type World } from '../../test/world.ts'

const ada = { email: 'ada@example.org', name: 'Ada', role: 'responder' as const }
const ben = { email: 'ben@example.org', name: 'Ben', role: 'responder' as const }

/** A small organization as a file: two people in a daily rotation, two teams, a policy, a service. */
const file = {
  people: [ada, ben],
  teams: [
    {
      ...{ name: 'Response', kind: 'security' as const, members: [ada.email, ben.email], timeZone: 'UTC', policy: 'Default' },
      tiers: [{ name: 'primary', schedule: 'Daily' }],
      routing: [{ services: ['billing'], policy: 'Default' }],
    },
    { name: 'Payments', kind: 'engineering' as const, members: [ben.email] },
  ],
  schedules: [
    {
      ...{ name: 'Daily', team: 'Response', timeZone: 'UTC' },
      layers: [{ name: 'Days', participants: [ada.email, ben.email], rotation: { type: 'daily' as const, start: '2026-11-23T00:00' } }],
    },
  ],
  policies: [{ team: 'Response', name: 'Default', levels: [{ targets: [{ tier: 'primary' }], waitMinutes: 7 }], repeats: 1 }],
  services: [{ name: 'billing', securityTeam: 'Response', engineeringTeam: 'Payments', pageFrom: 'medium' as const }],
}

const apply = (person: Person, organization: object, isPlanOnly = false) =>
  person.call('applyOrganization', { body: { organization: { ...organization }, isPlanOnly } })
const due = (plan: Awaited<ReturnType<typeof apply>>) =>
  plan.filter(({ action }) => action !== 'keep').map(({ action, kind, name }) => `${action} ${kind} ${name}`)
const read = async (person: Person): Promise<OrganizationFile> => person.call('exportOrganization')
/** What the administrator has put on record. */
const entriesOf = async (person: Person) =>
  (await person.call('journal', { query: { limit: 200 } })).items.filter(({ actor }) => actor.id === person.id).map(({ type }) => type)

async function applied(world: World) {
  const administrator = await world.person('administrator')
  await apply(administrator, file)
  await world.settle()
  return administrator
}

describe('applyOrganization', () => {
  test('says first what it would do and does nothing of it; then does it, whole, and has nothing left to do', async ({ world }) => {
    const administrator = await world.person('administrator')
    const before = await read(administrator)
    const plan = await apply(administrator, file, true)
    expect(due(plan).toSorted()).toEqual([
      'add person ada@example.org',
      'add person ben@example.org',
      'add policy Response / Default',
      'add schedule Response / Daily',
      'add service billing',
      'add team Payments',
      'add team Response',
    ])
    expect(await read(administrator)).toEqual(before)
    expect(await entriesOf(administrator)).toEqual([])
    expect(await apply(administrator, file)).toEqual(plan)
    expect(due(await apply(administrator, file))).toEqual([])
    expect(
      (await entriesOf(administrator)).filter(type => type === 'organization.applied'),
      'nothing to do is no entry',
    ).toHaveLength(1)
  })

  test('works: who was entered is on call, is paged by the policy, and is invited to choose a password', async ({ world }) => {
    const administrator = await applied(world)
    const [team] = (await administrator.call('onCall')).filter(one => one.team.name === 'Response')
    expect(team?.current).toMatchObject([{ tier: 'primary', people: [{ name: 'Ada' }] }])
    const invitation = world.expectMail(ada.email, /invite/)
    expect(linkIn(invitation, '/invite/')).not.toBe('')
    await world.alert({ service: 'billing', severity: 'medium' })
    world.expectMail(ada.email, /billing/)
  })

  test('changes what differs, and leaves alone what a file does not name', async ({ world }) => {
    const administrator = await applied(world)
    const [policy] = file.policies
    const change = { policies: [{ ...policy, repeats: 3 }] }
    const plan = await apply(administrator, change)
    expect(due(plan)).toEqual(['change policy Response / Default'])
    expect(plan[0]?.changes).toHaveLength(1)
    const now = await read(administrator)
    expect(now.policies).toMatchObject([{ name: 'Default', repeats: 3 }])
    expect(now.teams.map(({ name }) => name).toSorted()).toEqual(['Payments', 'Response'])
    expect(now.services).toMatchObject([{ name: 'billing', pageFrom: 'medium' }])
  })

  test('one wrong name refuses the whole file, with its place, and nothing of it is there', async ({ world }) => {
    const administrator = await world.person('administrator')
    const before = await read(administrator)
    const [service] = file.services
    const wrong = { ...file, services: [{ ...service, securityTeam: 'Nobody' }] }
    await expect(apply(administrator, wrong)).rejects.toMatchObject(refusal('invalid', 'services.0.securityTeam'))
    const [schedule] = file.schedules
    const unknown = { ...file, schedules: [{ ...schedule, layers: [{ ...schedule?.layers[0], participants: ['eve@example.org'] }] }] }
    await expect(apply(administrator, unknown)).rejects.toMatchObject(refusal('invalid', 'schedules.0.layers.0.participants.0'))
    const [[team], [policy]] = [file.teams, file.policies]
    const long = 'x'.repeat(81)
    await expect(apply(administrator, { ...file, policies: [{ ...policy, name: long }] })).rejects.toMatchObject(
      refusal('invalid', 'organization.policies.0.name'),
    )
    await expect(apply(administrator, { ...file, teams: [{ ...team, name: long }] })).rejects.toMatchObject(refusal('invalid', 'organization.teams.0.name'))
    const observed = { ...file, people: [ada, { ...ben, role: 'observer' as const }] }
    await expect(apply(administrator, observed)).rejects.toMatchObject(refusal('invalid', 'schedules.0.layers.participants'))
    await expect(apply(administrator, observed)).rejects.toThrow('Ben')
    expect(await read(administrator)).toEqual(before)
    expect(await entriesOf(administrator)).toEqual([])
    await world.settle()
    expect(world.takeMails()).toEqual([])
  })

  test('is for administrators, or a key of one that may write the catalog', async ({ world }) => {
    const lead = await world.person('lead')
    await expect(apply(lead, file, true)).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('applyOrganization', { body: { organization: {} } })).rejects.toMatchObject(refusal('not-signed-in'))
    const administrator = await world.person('administrator')
    const statusWith = async (scope: 'catalog:write' | 'catalog:read') => {
      const { secret } = await administrator.call('createApiKey', { body: { name: scope, scopes: [scope] } })
      const reply = await fetch(`${world.origin}/api/v1/organization/apply`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ organization: file, isPlanOnly: true }),
      })
      return reply.status
    }
    expect(await statusWith('catalog:write')).toBe(200)
    expect(await statusWith('catalog:read')).toBe(403)
  })
})

describe('exportOrganization', () => {
  test('says what there is in the words of files, and applied again it changes nothing', async ({ world }) => {
    const administrator = await applied(world)
    const lead = await world.person('lead')
    const exported = await read(lead)
    expect(exported.people).toEqual(expect.arrayContaining([ada, ben, { email: lead.email, name: lead.name, role: 'lead' }]))
    expect(exported.teams.find(({ name }) => name === 'Response')).toMatchObject(file.teams[0] ?? {})
    expect(exported.schedules).toMatchObject(file.schedules)
    expect(exported.policies).toMatchObject(file.policies)
    expect(exported.services).toMatchObject(file.services)
    expect(due(await apply(administrator, exported))).toEqual([])
  })

  test('leaves out who has left, and is for leads', async ({ world }) => {
    const administrator = await applied(world)
    const gone = (await administrator.call('people')).people.find(({ email }) => email === ben.email)
    await administrator.call('changePerson', { params: { id: gone?.id ?? '' }, body: { isActive: false } })
    const exported = await read(administrator)
    expect(exported.people.map(({ email }) => email)).not.toContain(ben.email)
    expect(exported.teams.flatMap(({ members = [] }) => members)).not.toContain(ben.email)
    await expect(read(await world.person('responder'))).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('exportOrganization')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

test('exportOrganization leaves out the demo, also where a policy of somebody else’s names a team of it', async ({ world }) => {
  const administrator = await world.person('administrator')
  await administrator.call('loadDemo')
  const demo = (await administrator.call('teams')).find(({ name }) => name.endsWith('(demo)'))
  const { team: own } = await world.team()
  const targets = [{ kind: 'team' as const, teamId: demo?.id ?? '' }, { kind: 'everyone' as const }]
  await administrator.call('savePolicy', { params: { id: own.id }, body: { name: 'Mixed', levels: [{ targets, waitMinutes: 5 }], repeats: 0 } })
  const exported = await read(administrator)
  expect(JSON.stringify(exported)).not.toContain('(demo)')
  expect(exported.policies.find(({ name }) => name === 'Mixed')?.levels).toMatchObject([{ targets: [{ everyone: true }] }])
})

describe('tiers in files', () => {
  const [response, payments] = file.teams
  const [policy] = file.policies
  const named = (names: readonly string[], targets: readonly string[]) => ({
    ...file,
    teams: [
      {
        ...response,
        tiers: names.map((name, position) => ({ name, schedule: 'Daily', position, hours: [] })),
        holidays: [],
        fallback: targets.map(tier => ({ tier })),
      },
      payments,
    ],
    policies: [{ ...policy, levels: targets.map(tier => ({ targets: [{ tier }], waitMinutes: 7 })) }],
  })
  const tiersOf = async (person: Person) => (await person.call('onCall')).find(one => one.team.name === 'Response')?.settings?.tiers ?? []

  test('a tier is renamed, or removed with its level, in one file; what stays keeps its id', async ({ world }) => {
    const administrator = await applied(world)
    const steps: [string[], string[]][] = [
      [
        ['first', 'second'],
        ['first', 'second'],
      ],
      [
        ['primary', 'second'],
        ['primary', 'second'],
      ],
      [['second'], ['second']],
    ]
    const [before] = await tiersOf(administrator)
    for (const [tiers, targets] of steps) {
      const wanted = named(tiers, targets)
      await apply(administrator, wanted)
      expect(due(await apply(administrator, wanted))).toEqual([])
      const now = await tiersOf(administrator)
      expect(now.map(({ name }) => name)).toEqual(tiers)
      if (tiers.length === 2) expect(now[0]?.id).toBe(before?.id)
    }
    const [last] = await tiersOf(administrator)
    expect((await administrator.call('policies')).find(({ name }) => name === 'Default')?.levels).toMatchObject([{ targets: [{ tierId: last?.id }] }])
    await world.alert({ service: 'billing', severity: 'medium' })
    world.expectMail(ada.email, /billing/)
  })

  test('a level of a policy is told by whom it pages: moved or changed it keeps its ID, by which open pages find it', async ({ world }) => {
    const administrator = await applied(world)
    const [policy] = file.policies
    const level = (target: object, waitMinutes: number) => ({ targets: [target], waitMinutes })
    const levelsWith = async (...levels: object[]) => {
      await apply(administrator, { policies: [{ ...policy, levels }] })
      return ((await administrator.call('policies')).find(one => one.name === 'Default')?.levels ?? []).map(({ id }) => id)
    }
    const [primary = '', everyone = ''] = await levelsWith(level({ tier: 'primary' }, 7), level({ everyone: true }, 7))
    const changed = await levelsWith(level({ person: ben.email }, 1), level({ everyone: true }, 7), level({ tier: 'primary' }, 3))
    expect(changed.slice(1)).toEqual([everyone, primary])
    expect([primary, everyone]).not.toContain(changed[0])
  })

  test('a tier is of its own team’s schedule where another team has one of the same name; of one that two others have, none is meant', async ({ world }) => {
    const administrator = await world.person('administrator')
    const daily = (team: string, person: string) => ({
      ...{ name: 'Daily', team, timeZone: 'UTC' },
      layers: [{ name: 'Days', participants: [person], rotation: { type: 'daily' as const, start: '2026-11-23T00:00' } }],
    })
    const team = (name: string) => ({ name, kind: 'security' as const, members: [ada.email, ben.email], timeZone: 'UTC' })
    const tiers = [{ name: 'primary', schedule: 'Daily' }]
    const both = {
      people: [ada, ben],
      teams: [{ ...team('Alpha'), tiers }, team('Beta')],
      schedules: [daily('Alpha', ada.email), daily('Beta', ben.email)],
    }
    await apply(administrator, both)
    const [alpha] = (await administrator.call('onCall')).filter(one => one.team.name === 'Alpha')
    const [schedule] = alpha?.schedules ?? []
    expect(alpha?.settings?.tiers[0]?.scheduleId).toBe(schedule?.id)
    await expect(apply(administrator, { ...both, teams: [...both.teams, { ...team('Gamma'), tiers }] })).rejects.toThrow(
      /names the schedule Daily, of which several teams have one/,
    )
  })

  test('one that a level still names is not removed: the file is refused, and all stays', async ({ world }) => {
    const administrator = await applied(world)
    const before = await read(administrator)
    await expect(apply(administrator, { teams: [{ ...response, tiers: [] }] })).rejects.toMatchObject(refusal('conflict'))
    const dangling = { ...named(['first'], ['first']), policies: [{ ...policy, levels: [{ targets: [{ tier: 'primary' }], waitMinutes: 7 }] }] }
    await expect(apply(administrator, { ...dangling, policies: [{ ...dangling.policies[0], repeats: 3 }] })).rejects.toMatchObject(
      refusal('invalid', 'policies.0.levels.0.targets.0'),
    )
    expect(await read(administrator)).toEqual(before)
  })
})

describe('who has left', () => {
  const soon = '2030-01-01T00:00:00.000Z'
  const everywhere = {
    ...file,
    teams: [{ ...file.teams[0], fallback: [{ person: ben.email }] }, file.teams[1]],
    schedules: [{ ...file.schedules[0], overrides: [{ participants: [ben.email], start: '2029-12-30T00:00:00.000Z', end: soon }] }],
    policies: [{ ...file.policies[0], levels: [{ targets: [{ tier: 'primary' }, { person: ben.email }], waitMinutes: 7 }] }],
  }

  test('stays deactivated and in place, with a warning; the rest of the file is applied, and an export changes nothing', async ({ world }) => {
    const administrator = await world.person('administrator')
    await apply(administrator, everywhere)
    const gone = (await administrator.call('people')).people.find(({ email }) => email === ben.email)
    await administrator.call('changePerson', { params: { id: gone?.id ?? '' }, body: { isActive: false } })
    await world.settle()
    world.takeMails()
    const warning = { action: 'keep', kind: 'person', name: ben.email, warning: `${ben.email} is deactivated` }

    const exported = await read(administrator)
    const again = await apply(administrator, exported)
    expect([due(again), again[0]]).toEqual([[], expect.objectContaining(warning)])
    expect(await read(administrator)).toEqual(exported)

    const plan = await apply(administrator, everywhere)
    expect([due(plan), plan.filter(line => line.warning !== undefined)]).toEqual([[], [expect.objectContaining(warning)]])

    // Everything that names them can still be changed, and new things may name them: they are on call in none.
    const [schedule] = everywhere.schedules
    const [policy] = everywhere.policies
    const changed = {
      ...everywhere,
      teams: [{ ...everywhere.teams[0], highFrom: 'low' as const }, everywhere.teams[1]],
      schedules: [
        { ...schedule, timeZone: 'Europe/Berlin', absences: [{ participant: ben.email, start: '2029-01-01T00:00:00.000Z', end: soon }] },
        { ...schedule, name: 'Second', overrides: [{ participants: [ben.email], start: '2029-12-01T00:00:00.000Z', end: soon }] },
      ],
      policies: [
        { ...policy, repeats: 4 },
        { ...policy, name: 'Second' },
      ],
    }
    expect(due(await apply(administrator, changed)).toSorted()).toEqual([
      ...['add policy Response / Second', 'add schedule Response / Second', 'change policy Response / Default'],
      ...['change schedule Response / Daily', 'change team Response'],
    ])
    expect(due(await apply(administrator, changed))).toEqual([])
    expect(due(await apply(administrator, await read(administrator)))).toEqual([])
    expect((await administrator.call('people')).people.find(({ email }) => email === ben.email)).toMatchObject({ isActive: false })
    await world.alert({ service: 'billing', severity: 'medium' })
    await world.advance({ days: 1 })
    await world.settle()
    expect(world.takeMails().flatMap(mail => mail.to)).not.toContain(ben.email)
  })
})

test('an item that is named twice is refused with both places, of each kind', async ({ world }) => {
  const administrator = await world.person('administrator')
  for (const kind of ['people', 'teams', 'schedules', 'policies', 'services'] as const) {
    const [first] = file[kind]
    const twice = { ...file, [kind]: [...file[kind], { ...first }] }
    const path = `organization.${kind}.${file[kind].length}.${kind === 'people' ? 'email' : 'name'}`
    const message = expect.stringMatching(new RegExp(`^must be unique. ${kind}\\.0 is `))
    await expect(apply(administrator, twice, true)).rejects.toMatchObject({ problem: { status: 400, errors: [{ path, message }] } })
  }
  const [schedule] = file.schedules
  const elsewhere = { ...file, schedules: [...file.schedules, { ...schedule, team: 'Payments' }] }
  expect(due(await apply(administrator, elsewhere, true))).toContain('add schedule Payments / Daily')
})

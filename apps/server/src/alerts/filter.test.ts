import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'
import { alerts as stored } from './tables.ts'

test('an alert has its entities in lower case, whoever writes it', async ({ world }) => {
  const { primary } = await world.team({ tiers: 1 })
  const observables = [
    { kind: 'host', value: 'DB-01' },
    { kind: 'user-account', value: 'Mira' },
    { kind: 'process', value: 'nc' },
    { kind: 'url', value: `https://evil.example/${'x'.repeat(1_900)}` },
  ] as const
  const { alerts } = await primary.call('createAlerts', { body: { title: 'Odd', severity: 'low', observables: [...observables] } })
  const read = async () => {
    const [row] = await world.server.context.database
      .reader()
      .db.select({ entities: stored.entities })
      .from(stored)
      .where(eq(stored.id, alerts[0]?.id ?? ''))
    return row?.entities
  }
  const entities = await read()
  expect(entities).toEqual(['host=db-01', expect.stringMatching(/^url=https:\/\/evil.example\/x{479}$/), 'user-account=mira'])
  await world.asOwner(`update alerts set observables = '"odd"'`)
  expect(await read()).toEqual([])
})

test('the list of alerts is found by its filter, in each order, and a wrong filter is a sentence', async ({ world }) => {
  const { primary, team } = await world.team({ tiers: 1 })
  const lead = await world.person('lead')
  await lead.call('saveService', {
    body: { name: 'billing', description: '', securityTeamId: team.id, engineeringTeamId: team.id, pageFrom: 'critical' },
  })
  const send = async (body: Parameters<typeof primary.call<'createAlerts'>>[1]['body']) => (await primary.call('createAlerts', { body })).alerts
  const odd = { title: 'Odd sign-in', severity: 'critical', source: 'okta', description: 'From 203.0.113.66, 100 % sure_', dedupKey: 'odd' } as const
  await send([
    {
      title: 'Brute force on mira',
      severity: 'high',
      source: 'sigma',
      service: 'billing',
      labels: { env: 'prod' },
      observables: [{ kind: 'host', value: 'DB-01' }],
    },
    odd,
    {
      title: 'Bucket made public',
      severity: 'low',
      source: 'sigma',
      observables: [
        { kind: 'process', value: 'C:\\nc.exe' },
        { kind: 'host', value: 'web-1' },
      ],
    },
  ])
  world.jump({ hours: 3 })
  await send([odd, { title: 'Disk full', severity: 'info' }])
  const find = async (
    filter: string,
    query: { view?: 'triage' | 'all'; sort?: 'severity' | 'newest' | 'oldest' | 'lastSeen' | 'count'; limit?: number } = {},
  ) =>
    (await primary.call('alerts', { query: { filter, ...(query.view === 'all' ? {} : { sort: 'severity' as const }), ...query } })).items.map(
      alert => alert.title.split(' ')[0],
    )
  expect(await find(''), 'most severe first').toEqual(['Odd', 'Brute', 'Bucket', 'Disk'])
  const cases = {
    'severity:high,critical': ['Odd', 'Brute'],
    'severity:high,critical -source:okta': ['Brute'],
    'service:bill*': ['Brute'],
    'service:none severity:low': ['Bucket'],
    '-service:billing severity:low': ['Bucket'],
    'host:db-01': ['Brute'],
    'host:db-*,WEB-*': ['Brute', 'Bucket'],
    '-host:db-01': ['Odd', 'Bucket', 'Disk'],
    'ip:203.0.113.66': ['Odd'],
    'ip:203[.]0[.]113[.]66': ['Odd'],
    'ip:203.0.*': ['Odd'],
    'process:*nc.exe': ['Bucket'],
    'observable:web-1': ['Bucket'],
    '"sign-in" odd': ['Odd'],
    '"100 % sure_"': ['Odd'],
    'text:"100 _ sure"': [],
    'b*public': ['Bucket'],
    'count:>1': ['Odd'],
    'age:>2h': ['Odd', 'Brute', 'Bucket'],
    'age:<2h': ['Disk'],
    'first:<1980-01-01': [],
    'label.env:prod': ['Brute'],
    'label.env:PR*': ['Brute'],
    'is:unassigned -is:silenced -is:exercise -is:demo kind:alert status:open disposition:none': ['Odd', 'Brute', 'Bucket', 'Disk'],
    'assignee:me': [],
    'assignee:none severity:info': ['Disk'],
    'incident:none severity:info': ['Disk'],
    'incident:INC-1': [],
    'rule:x team:*': [],
    'text:brute': ['Brute'],
  }
  for (const [filter, expected] of Object.entries(cases)) expect(await find(filter), filter).toEqual(expected)
  expect(await find('source:sigma', { view: 'all' }), 'newest first').toEqual(['Bucket', 'Brute'])
  expect(await find('', { sort: 'oldest' })).toEqual(['Odd', 'Brute', 'Bucket', 'Disk'])
  expect(await find('', { sort: 'count', limit: 1 })).toEqual(['Odd'])
  for (const sort of ['severity', 'newest', 'oldest', 'lastSeen', 'count'] as const) {
    const all = await find('', { sort })
    const paged: (string | undefined)[] = []
    for (let cursor: string | undefined, n = 0; n < 4; n += 1) {
      const { items, next } = await primary.call('alerts', { query: { sort, limit: 1, cursor } })
      paged.push(...items.map(alert => alert.title.split(' ')[0]))
      cursor = next ?? undefined
    }
    expect(paged, sort).toEqual(all)
  }
  const { next } = await primary.call('alerts', { query: { sort: 'count', limit: 1 } })
  await expect(primary.call('alerts', { query: { sort: 'oldest', cursor: next ?? '' } })).rejects.toMatchObject(refusal('invalid', 'cursor'))
  await expect(primary.call('alerts', { query: { filter: 'severity:hgh' } })).rejects.toMatchObject({
    problem: {
      status: 400,
      errors: [{ path: 'filter', message: 'severity:hgh is not a severity: use critical, high, medium, low or info' }],
    },
  })
  const similar = await primary.call('alerts', { query: { filter: 'brutte' } })
  expect(similar).toMatchObject({ isApproximate: true, items: [{ title: 'Brute force on mira' }], next: null })
  expect(await primary.call('alerts', { query: { filter: 'brute' } })).toMatchObject({ isApproximate: false })
})

test('a filter finds nothing of a restricted incident for who may not see it', async ({ world }) => {
  const lead = await world.person('lead')
  const outsider = await world.person('lead')
  const { id } = await world.alert({ severity: 'low', title: 'Secret project' })
  const incident = await lead.call('openIncident', { body: { title: 'Insider Mallory', reason: 'Seen.', isRestricted: true } })
  await lead.call('escalateAlert', { params: { id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'It is theirs.' } })
  for (const filter of ['secret', 'sekret', `incident:${incident.number}`, '-host:x', '-disposition:none status:escalated'])
    for (const [person, expected] of [
      [lead, 1],
      [outsider, 0],
    ] as const)
      expect((await person.call('alerts', { query: { view: 'all', filter } })).items, filter).toHaveLength(expected)
  for (const filter of ['mallory', 'is:restricted', 'phase:suspected', '-text:qqq'])
    for (const [person, expected] of [
      [lead, 1],
      [outsider, 0],
    ] as const)
      expect((await person.call('incidents', { query: { filter } })).items, filter).toHaveLength(expected)
  const find = async (filter: string) => (await lead.call('incidents', { query: { filter } })).items.map(({ number }) => number)
  expect(await find('lead:me,none involved:me,none class:suspected severity:none opened:>2000-01-01 -is:exercise updated:>=2000-01-01')).toEqual([
    incident.number,
  ])
  for (const filter of ['declared:>2000-01-01', 'service:*', 'customer:x', 'owner:me', 'updated:<2000-01-01']) expect(await find(filter), filter).toEqual([])
  await expect(find('phase:open')).rejects.toMatchObject(refusal('invalid', 'filter'))
})

test('a row of the table says the host, the user, whose work it is, and what becomes of the page', async ({ world }) => {
  const { team, primary } = await world.team()
  await world.service('billing', team)
  const outsider = await world.person('lead')
  const observables = [
    { kind: 'user-account' as const, value: 'Mira' },
    { kind: 'host' as const, value: 'DB-1' },
  ]
  const { id } = await world.alert({ severity: 'critical', title: 'Down', service: 'billing', observables })
  await world.alert({ severity: 'low', title: 'Quiet' })
  await world.settle()
  const row = async (person = primary) => (await person.call('alertRows', { query: { filter: 'host:db-*' } })).items[0]
  expect(await row()).toMatchObject({
    ...{ id, host: 'DB-1', user: 'Mira', assignee: null, service: { name: 'billing' }, isSilenced: false },
    page: { state: 'triggered', team: { id: team.id }, acknowledgedBy: null },
  })
  await primary.call('acknowledgeAlert', { params: { id } })
  expect(await row()).toMatchObject({ assignee: { name: primary.name }, page: { state: 'acknowledged', acknowledgedBy: primary.name } })
  expect((await primary.call('alertRows', { query: { sort: 'severity' } })).items.map(({ title, page }) => [title, page === null])).toEqual([
    ['Down', false],
    ['Quiet', true],
  ])
  const incident = await primary.call('openIncident', { body: { title: 'Secret', reason: 'Seen.', isRestricted: true } })
  await primary.call('escalateAlert', { params: { id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'It is theirs.' } })
  expect((await outsider.call('alertRows', { query: { view: 'all' } })).items.map(({ title }) => title)).toEqual(['Quiet'])
})

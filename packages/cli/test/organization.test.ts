import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { describe, expect } from 'vitest'
import { test, type World } from '../../../apps/server/test/world.ts'
import { tocsin } from './tocsin.ts'

const yaml = `people:
  - { email: ada@example.org, name: Ada, role: lead }
  - { email: ben@example.org, name: Ben }
  - { email: cai@example.org, name: Cai }
teams:
  - name: Response
    kind: security
    members: [ada@example.org, ben@example.org, cai@example.org]
    timeZone: Europe/Berlin
    tiers:
      - { name: primary, schedule: response }
      - { name: secondary, schedule: response, position: 1, hours: [{ days: [mon, tue, wed, thu, fri], from: 09:00, until: 17:00 }] }
    longestDays: 8
    holidays: ['2026-12-25', '2026-12-26']
    fallback: [{ person: ada@example.org }]
    policy: usual
    routing: [{ severities: [critical], policy: grave, urgency: high }]
  - { name: Platform, kind: engineering, members: [cai@example.org] }
schedules:
  - name: response
    team: Response
    timeZone: Europe/Berlin
    layers:
      - { name: week, rotation: { type: weekly, start: 2026-03-02T09:00 }, participants: [ben@example.org, cai@example.org] }
    overrides:
      - { participants: [ada@example.org], start: 2026-12-24T08:00:00Z, end: 2026-12-27T08:00:00Z }
    temporaries:
      - name: New year
        start: 2026-12-31T08:00:00Z
        end: 2027-01-02T08:00:00Z
        layers: [{ name: few, rotation: { type: daily, start: 2026-12-31T08:00 }, participants: [[ada@example.org, ben@example.org], []], beside: true }]
policies:
  - team: Response
    name: usual
    repeats: 1
    levels:
      - { targets: [{ tier: primary }], waitMinutes: 5 }
      - { targets: [{ tier: secondary }, { schedule: response, position: 1 }], waitMinutes: 5, acknowledgements: 2 }
      - { targets: [{ everyone: true }], waitMinutes: 10, whenEmpty: skip }
  - { team: Response, name: grave, levels: [{ targets: [{ team: Response }, { person: ada@example.org }], waitMinutes: 1 }] }
services:
  - { name: billing, securityTeam: Response, engineeringTeam: Platform }
`

const folderWith = (files: Record<string, string>) => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-organization-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function keyOf(world: World) {
  const administrator = await world.person('administrator')
  const { secret } = await administrator.call('createApiKey', { body: { name: 'git', scopes: ['catalog:read', 'catalog:write'] } })
  return { administrator, env: { TOCSIN_URL: world.origin, TOCSIN_API_KEY: secret } }
}

describe('npx tocsin apply', () => {
  test('shows a plan, applies it whole, and the second time changes nothing; export gives the same files back', async ({ world }) => {
    const { administrator, env } = await keyOf(world)
    const folder = folderWith({ 'organization.yaml': yaml })
    const plan = await tocsin(['apply', '-f', folder, '--plan'], env)
    expect(plan.out).toContain('+ person ben@example.org\n')
    expect(plan.out).toContain('+ schedule Response / response\n')
    expect(plan.out).toMatch(/9 to add, 0 to change, 0 unchanged\.\n$/)
    expect((await administrator.call('onCall')).length, 'a plan changes nothing').toBe(0)
    expect(await tocsin(['apply', '-f', folder], env), 'nobody to ask').toMatchObject({ code: 2, err: expect.stringContaining('--yes') })
    const applied = await tocsin(['apply', '-f', folder, '--yes'], env)
    expect(applied).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Applied.') })
    expect((await tocsin(['apply', '-f', folder, '--yes'], env)).out).toBe('No changes.\n')

    const [response] = (await administrator.call('onCall')).filter(one => one.team.name === 'Response')
    expect(response?.current.map(({ tier, people }) => [tier, people.map(person => person.name).join()])).toEqual([
      ['primary', 'Ben'],
      ['secondary', 'Cai'],
    ])
    expect(response?.settings).toMatchObject({
      longestDays: 8,
      holidays: ['2026-12-25', '2026-12-26'],
      routing: [{ severities: ['critical'], urgency: 'high' }],
    })
    await world.settle()
    world.expectMail('ben@example.org', /invited to Tocsin/)

    const out = mkdtempSync(join(tmpdir(), 'tocsin-export-'))
    await tocsin(['export', '-o', out], env)
    const read = (kind: string) => (load(readFileSync(join(out, `${kind}.yaml`), 'utf8')) as Record<string, unknown[]>)[kind]
    const given = load(yaml) as Record<string, Record<string, unknown>[]>
    expect(read('policies')).toEqual([expect.objectContaining(given.policies?.[1]), expect.objectContaining(given.policies?.[0])])
    expect(read('schedules')).toMatchObject([
      {
        name: 'response',
        overrides: [{ participants: ['ada@example.org'] }],
        temporaries: [{ name: 'New year', layers: [{ participants: [['ada@example.org', 'ben@example.org'], []], beside: true }] }],
      },
    ])
    expect((await tocsin(['apply', '-f', out, '--yes'], env)).out).toBe('No changes.\n')
    // The same files answer without a server.
    const who = await tocsin(['oncall', 'who', '-f', join(out, 'schedules.yaml'), '--schedule', 'response', '--at', '2026-12-25T12:00:00Z'])
    expect(JSON.parse(who.out)).toMatchObject({ onCall: ['ada@example.org'] })
    const both = await tocsin(['oncall', 'who', '-f', join(out, 'schedules.yaml'), '--schedule', 'response', '--at', '2026-12-31T12:00:00Z'])
    expect(JSON.parse(both.out)).toMatchObject({ onCall: ['ada@example.org', 'ben@example.org'] })
  })

  test('a change of one file is a change of that, field by field, and what is not named stays', async ({ world }) => {
    const { administrator, env } = await keyOf(world)
    await tocsin(['apply', '-f', folderWith({ 'a.yaml': yaml }), '--yes'], env)
    const change = `teams:\n  - { name: Response, longestDays: 14 }\nservices:\n  - { name: billing, securityTeam: Response, engineeringTeam: Platform, pageFrom: critical }\n`
    const { out } = await tocsin(['apply', '-f', folderWith({ 'b.yml': change }), '--yes'], env)
    expect(out).toContain('~ team Response\n    longestDays: 8 → 14\n')
    expect(out).toContain('~ service billing\n    pageFrom: "high" → "critical"\n')
    const [response] = (await administrator.call('onCall')).filter(one => one.team.name === 'Response')
    expect(response?.settings).toMatchObject({ longestDays: 14, tiers: [{ name: 'primary' }, { name: 'secondary' }] })
  })

  test('what is wrong is named with its place, and nothing is half done', async ({ world }) => {
    const { administrator, env } = await keyOf(world)
    const apply = (text: string) => tocsin(['apply', '-f', folderWith({ 'a.yaml': text }), '--yes'], env)
    expect((await apply(yaml.replace('{ tier: primary }]', '{ tier: third }]'))).err).toBe(
      'policies.0.levels.0.targets.0: names the tier third, which does not exist in the team.\n',
    )
    expect((await apply(yaml.replace('participants: [ben@example.org, cai', 'participants: [ben@example.org, dan'))).err).toBe(
      'schedules.0.layers.0.participants.1: names the person dan@example.org, which exists neither on the server nor in the file.\n',
    )
    expect(await administrator.call('onCall')).toEqual([])
    expect((await administrator.call('people')).people.length, 'not even the people').toBe(1)
    expect(await apply(yaml.replace('kind: security', 'kind: secret'))).toMatchObject({ code: 2, err: expect.stringMatching(/a\.yaml\.teams\.0\.kind/) })
    expect(await apply(yaml.replace('{ tier: primary }]', '{ user: ada@example.org }]'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/policies\.0\.levels\.0\.targets\.0 must be one of tier, schedule, person, team, everyone, channel\.\n$/),
    })
    expect(await apply('teams: {')).toMatchObject({ code: 2, err: expect.stringContaining('is not valid YAML') })
    const reader = await administrator.call('createApiKey', { body: { name: 'r', scopes: ['catalog:read'] } })
    expect((await tocsin(['apply', '-f', folderWith({ 'a.yaml': yaml }), '--plan'], { ...env, TOCSIN_API_KEY: reader.secret })).code).toBe(1)
  })

  test('names that are given twice are refused with both places, also in two files', async ({ world }) => {
    const { administrator, env } = await keyOf(world)
    const service = (name: string) => `services:\n  - { name: ${name}, securityTeam: Response, engineeringTeam: Platform }\n`
    const folder = folderWith({ 'a.yaml': yaml, 'b.yaml': service('billing') })
    expect(await tocsin(['apply', '-f', folder, '--yes'], env)).toMatchObject({
      ...{ code: 2, out: '' },
      err: `Names must be unique. ${folder}/b.yaml: services.0 is billing, as is ${folder}/a.yaml: services.0.\n`,
    })
    const twice = folderWith({ 'a.yaml': yaml.replace('  - { name: Platform, ', '  - { name: Platform, kind: engineering }\n  - { name: Platform, ') })
    expect(await tocsin(['apply', '-f', twice, '--yes'], env)).toMatchObject({
      code: 2,
      err: `${twice}/a.yaml.teams.2.name must be unique. teams.1 is Platform, too.\n`,
    })
    expect((await administrator.call('people')).people).toHaveLength(1)
    expect((await tocsin(['apply', '-f', folderWith({ 'a.yaml': yaml, 'b.yaml': service('search') }), '--yes'], env)).code).toBe(0)
  })

  test('who has left is said, and blocks nothing', async ({ world }) => {
    const { administrator, env } = await keyOf(world)
    const folder = folderWith({ 'a.yaml': yaml })
    await tocsin(['apply', '-f', folder, '--yes'], env)
    const ada = (await administrator.call('people')).people.find(person => person.email === 'ada@example.org')
    await administrator.call('changePerson', { params: { id: ada?.id ?? '' }, body: { isActive: false } })
    expect((await tocsin(['apply', '-f', folder, '--yes'], env)).out).toBe('! ada@example.org is deactivated\nNo changes.\n')
    const out = mkdtempSync(join(tmpdir(), 'tocsin-export-'))
    await tocsin(['export', '-o', out], env)
    expect((await tocsin(['apply', '-f', out, '--yes'], env)).out).toBe('! ada@example.org is deactivated\nNo changes.\n')
  })

  test('who was entered from a file joins by the invitation, and stays the same person', async ({ world }) => {
    const { administrator, env } = await keyOf(world)
    await tocsin(['apply', '-f', folderWith({ 'a.yaml': yaml }), '--yes'], env)
    await world.settle()
    const token = /\/invite\/([A-Za-z0-9._-]+)/.exec(world.expectMail('ben@example.org', /invited to Tocsin/).text)?.[1] ?? ''
    const before = (await administrator.call('people')).people.find(person => person.email === 'ben@example.org')
    await world.client()('acceptInvitation', { body: { token, name: 'Ben B.', password: 'a password of many letters' } })
    const after = (await administrator.call('people')).people.find(person => person.email === 'ben@example.org')
    expect(after).toMatchObject({ id: before?.id, name: 'Ben B.' })
  })
})

test('npx tocsin schema prints the JSON Schema that the documentation publishes', async () => {
  const { out } = await tocsin(['schema'])
  expect(JSON.parse(out)).toEqual(JSON.parse(readFileSync(new URL('../../../docs/organization.schema.json', import.meta.url), 'utf8')))
})

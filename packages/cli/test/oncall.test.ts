import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tocsin as run } from './tocsin.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-oncall-'))
const file = join(folder, 'schedules.yml')
writeFileSync(
  file,
  `schedules:
  - name: primary
    timeZone: Europe/Berlin
    layers:
      - name: always
        rotation: { type: weekly, start: 2026-03-02T09:00 }
        participants: [ada, ben]
      - name: office
        rotation: { type: daily, every: 2, start: 2026-03-02T00:00 }
        participants: [cai]
        restrictions:
          - { days: [mon], from: 09:00, until: 17:00 }
    overrides:
      - { participants: [dan], start: 2026-03-03T08:00:00Z, end: 2026-03-03T10:00:00Z }
`,
)

const tocsin = (...args: string[]) => run(['oncall', ...args])

describe('npx tocsin oncall', () => {
  test('handoffs stay at their time across daylight saving', async () => {
    const { code, out } = await tocsin(
      'handoffs',
      '--type',
      'daily',
      '--every',
      '1',
      '--start',
      '2020-03-06T02:30',
      '--zone',
      'America/Chicago',
      '--from',
      '2020-03-07T00:00:00-06:00',
      '--until',
      '2020-03-10T00:00:00Z',
    )
    expect([code, JSON.parse(out)]).toEqual([0, ['2020-03-07T02:30:00-06:00', '2020-03-08T03:00:00-05:00', '2020-03-09T02:30:00-05:00']])
  })

  test('who and shifts come from a file', async () => {
    const who = await tocsin('who', '-f', file, '--schedule', 'primary', '--at', '2026-03-03T09:30:00+01:00')
    expect(JSON.parse(who.out)).toEqual({ schedule: 'primary', at: '2026-03-03T08:30:00.000Z', onCall: ['dan'] })
    const shifts = await tocsin('shifts', '-f', file, '--schedule', 'primary', '--from', '2026-03-01T00:00:00Z', '--until', '2026-03-03T09:00:00Z')
    expect(JSON.parse(shifts.out)).toEqual([
      { start: '2026-03-01T00:00:00.000Z', end: '2026-03-02T08:00:00.000Z', participants: [] },
      { start: '2026-03-02T08:00:00.000Z', end: '2026-03-02T16:00:00.000Z', participants: ['cai'] },
      { start: '2026-03-02T16:00:00.000Z', end: '2026-03-03T08:00:00.000Z', participants: ['ada'] },
      { start: '2026-03-03T08:00:00.000Z', end: '2026-03-03T09:00:00.000Z', participants: ['dan'] },
    ])
  })

  test('a period that ends before it begins, or at once, is refused', async () => {
    const given: Record<string, string[]> = {
      handoffs: ['--type', 'daily', '--start', '2026-03-02T09:00', '--zone', 'UTC'],
      shifts: ['-f', file, '--schedule', 'primary'],
      fairness: ['-f', file, '--schedule', 'primary'],
      coverage: ['-f', file],
    }
    for (const [command, options] of Object.entries(given))
      for (const until of ['2026-03-02T08:00:00Z', '2026-03-02T10:00:00+01:00'])
        expect(await tocsin(command, ...options, '--from', '2026-03-02T09:00:00Z', '--until', until)).toEqual({
          ...{ code: 2, out: '', err: '--until must be later than --from.\n' },
        })
  })

  test('coverage names what is wrong, and ends with 1 for a pipeline; fairness counts', async () => {
    const covered = join(folder, 'covered.yml')
    const schedule = (name: string, participants: string) =>
      `  - { name: ${name}, timeZone: UTC, layers: [{ name: l, rotation: { type: weekly, start: 2026-03-02T09:00 }, participants: [${participants}] }] }\n`
    const write = (backup: string) =>
      writeFileSync(
        covered,
        `schedules:\n${schedule('first', 'ada, ben')}${schedule('second', backup)}teams:\n  - name: Response\n    timeZone: UTC\n    holidays: [2026-03-06]\n    tiers: [{ name: primary, schedule: first }, { name: secondary, schedule: second }]\n`,
      )
    const period = ['--from', '2026-03-02T09:00:00Z', '--until', '2026-03-16T09:00:00Z']
    write('ben, ada')
    expect(await tocsin('coverage', '-f', covered, ...period)).toMatchObject({ code: 0, out: '[]\n' })
    write('ben')
    const found = await tocsin('coverage', '-f', covered, ...period)
    expect([found.code, JSON.parse(found.out)]).toMatchObject([
      1,
      [{ kind: 'double', participant: 'ben', tiers: ['primary', 'secondary'], start: '2026-03-09T09:00:00.000Z' }],
    ])
    const shares = JSON.parse((await tocsin('fairness', '-f', covered, '--schedule', 'first', ...period)).out) as {
      participant: string
      weekendHours: number
      holidayHours: number
    }[]
    expect(shares.map(({ participant, weekendHours, holidayHours }) => [participant, weekendHours, holidayHours])).toEqual([
      ['ada', 48, 24],
      ['ben', 48, 0],
    ])
    expect((await tocsin('coverage', '-f', file, ...period)).err).toContain('has no teams with coverage requirements.')
  })

  const handoffs = (changed: Record<string, string>) => {
    const options = {
      '--type': 'daily',
      '--start': '2020-03-06T02:30',
      '--zone': 'UTC',
      '--from': '2020-03-07T00:00:00Z',
      '--until': '2020-03-10T00:00:00Z',
      ...changed,
    }
    return tocsin('handoffs', ...Object.entries(options).flat())
  }
  test.each([
    [{ '--start': '2020-02-30T02:30' }, 'rotation.start must be an existing date.\n'],
    [{ '--start': 'tomorrow' }, 'rotation.start must be a local date and time such as 2026-03-23T09:00.\n'],
    [{ '--zone': 'Mars/Olympus' }, '--zone must be a time zone such as Europe/Berlin.\n'],
    [{ '--from': '2020-03-07' }, '--from must be an instant such as 2026-03-23T09:00:00+01:00.\n'],
    [{ '--until': '2090-03-07T00:00:00Z' }, '--until must be at most 20 years after --from.\n'],
    [{ '--every': '0' }, expect.stringContaining('whole number from 1')],
    [{ '--type': 'yearly' }, expect.stringContaining('Allowed choices are hourly, daily, weekly, monthly')],
  ])('%j is refused in one sentence, with code 2', async (changed, err) => expect(await handoffs(changed)).toEqual({ code: 2, out: '', err }))

  test.each([
    ['schedules: [', /is not valid YAML: /],
    ['schedules: [{name: a, timeZone: UTC, layers: [], colour: red}]', /schedules\.0 .*colour/],
    [
      'schedules: [{name: a, timeZone: UTC, layers: [{name: l, participants: [x], rotation: {type: daily, start: 9}}]}]',
      /schedules\.0\.layers\.0\.rotation\.start /,
    ],
    ['schedules: []', /has no schedule named primary\. Schedules in the file: none\.$/],
  ])('a file that says %s is refused with its place', async (text, err) => {
    const wrong = join(folder, 'wrong.yml')
    writeFileSync(wrong, text)
    const done = await tocsin('who', '-f', wrong, '--schedule', 'primary', '--at', '2026-03-03T09:30:00Z')
    expect([done.code, done.out]).toEqual([2, ''])
    expect(done.err.trim()).toMatch(err)
  })
})

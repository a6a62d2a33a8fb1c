import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readRuleFiles } from '../src/files.ts'
import { Correlator, EventView, readRules } from '../src/index.ts'
import { isMissing, sharedPath } from './shared.ts'

const base = (name: string) => `title: ${name}\nid: ${name}-id\nname: ${name}\nlogsource:\n  category: test\ndetection:\n  s:\n    F: ${name}\n  condition: s\n`

/** A correlator of correlations written in YAML, over the rules a, b and c. */
function correlatorOf(...correlations: string[]): Correlator {
  const set = readRules([{ name: 'rules.yml', text: [...['a', 'b', 'c'].map(base), ...correlations].join('---\n') }])
  expect(set.refused).toEqual([])
  return new Correlator(set.correlations, set.rules)
}

const correlation = (body: string, extra = '') => `title: T\nid: t\n${extra}correlation:\n${body.replaceAll(/^/gm, '  ')}\n`

/** Feeds events `[rule, second, fields]` and tells the seconds at which something was found. */
function found(correlator: Correlator, events: readonly (readonly [string, number, Record<string, unknown>])[]): number[] {
  return events.flatMap(([rule, second, fields], i) =>
    correlator.observe({ rule: `${rule}-id`, at: second * 1_000, ref: String(i), event: new EventView(JSON.stringify(fields)) }).map(({ at }) => at / 1_000),
  )
}

const u = (U: string, more: Record<string, unknown> = {}) => ({ U, ...more })

describe('event_count', () => {
  const counting = correlation('type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition:\n  gte: 3')

  test('counts per group, and says so once while it holds', () => {
    expect(
      found(correlatorOf(counting), [
        ['a', 0, u('x')],
        ['a', 1, u('y')],
        ['a', 2, u('x')],
        ['a', 3, u('x')],
        ['a', 4, u('x')],
      ]),
    ).toEqual([3])
  })
  test('forgets what is older than the timespan', () => {
    expect(
      found(correlatorOf(counting), [
        ['a', 0, u('x')],
        ['a', 5, u('x')],
        ['a', 11, u('x')],
        ['a', 14, u('x')],
      ]),
    ).toEqual([14])
  })
  test('says so again after it has ceased to hold', () => {
    expect(
      found(
        correlatorOf(counting),
        [0, 1, 2, 3, 30, 31, 32].map(second => ['a', second, u('x')] as const),
      ),
    ).toEqual([2, 32])
  })
  test('sets an event that comes late in its place', () => {
    expect(
      found(correlatorOf(counting), [
        ['a', 0, u('x')],
        ['a', 4, u('x')],
        ['a', 13, u('x')],
        ['a', 7, u('x')],
      ]),
    ).toEqual([7])
  })
  test('an event without the group’s field belongs to none', () => {
    expect(
      found(
        correlatorOf(counting),
        [0, 1, 2, 3].map(second => ['a', second, {}] as const),
      ),
    ).toEqual([])
  })
  test('names the events that it rests on, and the group', () => {
    const correlator = correlatorOf(counting)
    found(correlator, [
      ['a', 0, u('x')],
      ['a', 1, u('x')],
    ])
    expect(correlator.observe({ rule: 'a-id', at: 2_000, ref: 'third', event: new EventView('{"U":"x"}') })).toMatchObject([
      { group: { U: 'x' }, value: 3, refs: ['0', '1', 'third'], events: 3 },
    ])
  })
  test('a range takes both bounds; an upper bound alone is judged when the window is over', () => {
    const range = correlation('type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition:\n  gt: 1\n  lte: 2')
    expect(
      found(correlatorOf(range), [
        ['a', 0, u('x')],
        ['a', 1, u('x')],
        ['a', 2, u('x')],
      ]),
    ).toEqual([1])
    const few = correlation('type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition:\n  lt: 2')
    expect(
      found(correlatorOf(few), [
        ['a', 0, u('x')],
        ['a', 5, u('y')],
        ['a', 6, u('y')],
        ['a', 20, u('z')],
      ]),
    ).toEqual([10])
  })
})

test('value_count counts different values, of several fields together', () => {
  const counting = correlation('type: value_count\nrules: [a]\ngroup-by: [H]\ntimespan: 10s\ncondition:\n  field: [U, V]\n  gte: 2')
  const event = (U: string, V: string) => ({ H: 'h', U, V })
  expect(
    found(correlatorOf(counting), [
      ['a', 0, event('x', '1')],
      ['a', 1, event('x', '1')],
      ['a', 2, event('x', '2')],
    ]),
  ).toEqual([2])
})

test('temporal: all rules in any order; temporal_ordered: in theirs', () => {
  const any = correlation('type: temporal\nrules: [a, b, c]\ngroup-by: [U]\ntimespan: 10s')
  const ordered = any.replace('temporal', 'temporal_ordered')
  const events = [
    ['b', 0, u('x')],
    ['a', 1, u('x')],
    ['c', 2, u('y')],
    ['c', 3, u('x')],
    ['b', 4, u('x')],
    ['c', 5, u('x')],
  ] as const
  expect(found(correlatorOf(any), events)).toEqual([3])
  expect(found(correlatorOf(ordered), events)).toEqual([5])
  expect(
    found(correlatorOf(any), [
      ['a', 0, u('x')],
      ['b', 1, u('x')],
      ['c', 12, u('x')],
    ]),
  ).toEqual([])
  const two = correlation('type: temporal\nrules: [a, b, c]\ngroup-by: [U]\ntimespan: 10s\ncondition:\n  gte: 2')
  expect(
    found(correlatorOf(two), [
      ['a', 0, u('x')],
      ['a', 1, u('x')],
      ['c', 2, u('x')],
    ]),
  ).toEqual([2])
})

test('value_sum, value_avg, value_median and value_percentile', () => {
  const of = (type: string, condition: string) =>
    correlatorOf(correlation(`type: ${type}\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition:\n  field: N\n  ${condition}`))
  const events = (...numbers: unknown[]) => numbers.map((N, i) => ['a', i, u('x', { N })] as const)
  expect(found(of('value_sum', 'gt: 10'), events(5, '5', 1))).toEqual([2])
  expect(found(of('value_avg', 'gte: 4'), events(1, 2, 9))).toEqual([2])
  expect(found(of('value_median', 'gt: 4'), events(1, 5, 5))).toEqual([2])
  expect(found(of('value_percentile', 'percentile: 90\n  gte: 9'), events(1, 1, 1, 10))).toEqual([])
  expect(found(of('value_percentile', 'percentile: 100\n  gte: 9'), events(1, 1, 1, 10))).toEqual([3])
  // Without a percentile: the share of the event's value, as in the specification's example.
  expect(found(of('value_percentile', 'lte: 25'), events('x', 'x', 'x', 'rare'))).toEqual([3])
})

test('aliases join fields of different names', () => {
  const joined = correlation('type: temporal\nrules: [a, b]\ngroup-by: [ip]\ntimespan: 10s\naliases:\n  ip:\n    a: destination.ip\n    b: source.ip')
  expect(
    found(correlatorOf(joined), [
      ['a', 0, { destination: { ip: '1' } }],
      ['b', 1, { source: { ip: '2' } }],
      ['b', 2, { source: { ip: '1' } }],
    ]),
  ).toEqual([2])
})

test('correlations are chained: many failures, then a success', () => {
  const many =
    'title: Many\nid: many-id\nname: many\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [U, H]\n  timespan: 10s\n  condition:\n    gte: 2\n'
  const then = correlation('type: temporal_ordered\nrules: [many, b]\ngroup-by: [U]\ntimespan: 60s')
  const correlator = correlatorOf(then, many)
  const on = (H: string) => u('x', { H })
  expect(
    found(correlator, [
      ['b', 0, on('h')],
      ['a', 1, on('h')],
      ['a', 2, on('h')],
      ['b', 3, on('other')],
    ]),
  ).toEqual([2, 3])
})

describe('what cannot be', () => {
  const refused = (body: string) => readRules([{ name: 'r.yml', text: [base('a'), correlation(body)].join('---\n') }]).refused[0]?.reason
  test.each([
    ['type: count\nrules: [a]\ntimespan: 1m', 'the type must be one of'],
    ['type: event_count\nrules: [a]\ntimespan: 1m', 'requires a condition'],
    ['type: event_count\nrules: [a]\ntimespan: 1w\ncondition: {gte: 1}', 'the timespan must be'],
    ['type: value_count\nrules: [a]\ntimespan: 1m\ncondition: {gte: 1}', 'requires a field'],
    ['type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {atleast: 1}', 'a condition cannot have "atleast"'],
    ['type: event_count\nrules: [missing]\ntimespan: 1m\ncondition: {gte: 1}', 'refers to missing'],
    ['type: event_count\nrules: [t]\ntimespan: 1m\ncondition: {gte: 1}', 'refers to itself'],
  ])('%j', (body, reason) => {
    expect(refused(body)).toContain(reason)
  })
})

test('memory is bounded: the group longest without an event goes first, and it is counted', () => {
  const set = readRules([
    { name: 'r.yml', text: [base('a'), correlation('type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 1h\ncondition:\n  gte: 1000')].join('---\n') },
  ])
  const correlator = new Correlator(set.correlations, set.rules, { groups: 10, groupEvents: 5, events: 30 })
  found(
    correlator,
    Array.from({ length: 50 }, (_, i) => ['a', i, u(String(i))] as const),
  )
  expect(correlator.counts).toEqual({ kept: 10, evicted: 40 })
  found(
    correlator,
    Array.from({ length: 20 }, (_, i) => ['a', 100 + i, u('x')] as const),
  )
  expect(correlator.counts.evicted).toBe(40 + 1 + 15)
  expect(correlator.counts.kept).toBeLessThanOrEqual(30)
})

test.skipIf(isMissing)('the correlations of the specification are read (skipped without the shared folder)', async () => {
  const set = readRules(await readRuleFiles(sharedPath('spec/tests/schema/correlation')))
  for (const { reason } of set.refused) expect(reason).toMatch(/refers to|is already used by a rule/)
})

const history = fc.array(fc.record({ rule: fc.constantFrom('a', 'b'), second: fc.integer({ min: 0, max: 40 }), user: fc.constantFrom('x', 'y') }), {
  maxLength: 40,
})

test('property: counting agrees with a window looked at afresh for every event', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 5 }), (events, least) => {
      const ordered = events.toSorted((p, q) => p.second - q.second)
      const correlator = correlatorOf(correlation(`type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 10s\ncondition:\n  gte: ${least}`))
      const isMet: Record<string, boolean> = {}
      for (const [i, { rule, second, user }] of ordered.entries()) {
        const matches = found(correlator, [[rule, second, u(user)]])
        if (rule !== 'a') {
          expect(matches).toEqual([])
          continue
        }
        const inside = ordered.slice(0, i + 1).filter(other => other.rule === 'a' && other.user === user && other.second >= second - 10)
        const met = inside.length >= least
        if (inside.length === 1) isMet[user] = false
        expect(matches).toEqual(met && isMet[user] !== true ? [second] : [])
        isMet[user] = met
      }
    }),
  )
})

test('property: state that was saved and restored goes on as if nothing had been', () => {
  fc.assert(
    fc.property(history, fc.nat(40), (events, cut) => {
      const ordered = events.toSorted((p, q) => p.second - q.second).map(({ rule, second, user }) => [rule, second, u(user)] as const)
      const text = correlation('type: temporal_ordered\nrules: [a, b]\ngroup-by: [U]\ntimespan: 5s')
      const whole = correlatorOf(text)
      const first = correlatorOf(text)
      const expected = ordered.map(event => found(whole, [event]))
      const before = ordered.slice(0, cut).map(event => found(first, [event]))
      const second = correlatorOf(text)
      second.restore(JSON.parse(JSON.stringify(first.save())))
      expect([...before, ...ordered.slice(cut).map(event => found(second, [event]))]).toEqual(expected)
    }),
  )
})

test('property: the order in which events arrive (up to a timespan late) does not decide whether a count is found', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 3 }), seconds => {
      const counting = correlation('type: event_count\nrules: [a]\ngroup-by: [U]\ntimespan: 5s\ncondition:\n  gte: 4')
      const isThere = seconds.some(second => seconds.filter(other => other >= second && other <= second + 5).length >= 4)
      expect(
        found(
          correlatorOf(counting),
          seconds.map(second => ['a', second, u('x')] as const),
        ).length > 0,
      ).toBe(isThere)
    }),
  )
})

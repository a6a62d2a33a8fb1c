import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import type { Restriction } from './hours.ts'
import { handoffs, type Rotation } from './rotation.ts'
import { type Layer, type Override, type Schedule, shifts, whoIsOnCall } from './schedule.ts'
import { rotationTypes, weekdays } from './vocabulary.ts'

const between = (rotation: Rotation, zone: string, from: string, until: string) => handoffs(rotation, zone, { from, until })

describe('handoffs', () => {
  test('in an hour that does not exist happen at the first instant after it', () => {
    expect(between({ type: 'daily', every: 1, start: '2020-03-06T02:30' }, 'America/Chicago', '2020-03-06T00:00:00Z', '2020-03-11T00:00:00Z')).toEqual([
      '2020-03-06T02:30:00-06:00',
      '2020-03-07T02:30:00-06:00',
      '2020-03-08T03:00:00-05:00',
      '2020-03-09T02:30:00-05:00',
      '2020-03-10T02:30:00-05:00',
    ])
  })

  test('in an hour that comes twice happen the first time', () => {
    expect(between({ type: 'daily', every: 1, start: '2020-10-31T01:30' }, 'America/Chicago', '2020-10-31T00:00:00Z', '2020-11-03T00:00:00Z')).toEqual([
      '2020-10-31T01:30:00-05:00',
      '2020-11-01T01:30:00-05:00',
      '2020-11-02T01:30:00-06:00',
    ])
  })

  test('of hours count hours of the wall clock: one fewer in spring, and one that takes two in autumn', () => {
    expect(between({ type: 'hourly', every: 1, start: '2020-03-08T00:00' }, 'America/Chicago', '2020-03-08T07:00:00Z', '2020-03-08T11:00:00Z')).toEqual([
      '2020-03-08T01:00:00-06:00',
      '2020-03-08T03:00:00-05:00',
      '2020-03-08T04:00:00-05:00',
      '2020-03-08T05:00:00-05:00',
    ])
    expect(between({ type: 'hourly', every: 1, start: '2020-11-01T00:00' }, 'America/Chicago', '2020-11-01T05:00:00Z', '2020-11-01T09:30:00Z')).toEqual([
      '2020-11-01T00:00:00-05:00',
      '2020-11-01T01:00:00-05:00',
      '2020-11-01T02:00:00-06:00',
      '2020-11-01T03:00:00-06:00',
    ])
  })

  test('stay at their time where the clocks move by half an hour', () => {
    expect(between({ type: 'daily', every: 1, start: '2026-10-02T02:15' }, 'Australia/Lord_Howe', '2026-10-02T00:00:00Z', '2026-10-05T00:00:00Z')).toEqual([
      '2026-10-03T02:15:00+10:30',
      '2026-10-04T02:30:00+11:00',
      '2026-10-05T02:15:00+11:00',
    ])
  })

  test('of months on the 31st fall on the last day of a shorter one', () => {
    expect(
      between({ type: 'monthly', every: 1, start: '2026-01-31T09:00' }, 'UTC', '2026-01-01T00:00:00Z', '2026-06-01T00:00:00Z').map(at => at.slice(0, 10)),
    ).toEqual(['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31'])
  })

  test('on a day that a zone skipped are one, and nobody is skipped for it', () => {
    // Samoa had no 30 December 2011.
    const hourly: Layer = { name: 'l', rotation: { type: 'hourly', every: 6, start: '2011-12-29T00:00' }, participants: ['a', 'b', 'c', 'd', 'e'] }
    const found = shifts({ name: 's', timeZone: 'Pacific/Apia', layers: [hourly] }, '2011-12-30T04:00:00Z', '2011-12-30T22:00:00Z')
    expect(found.map(({ start, participants }) => [start, participants[0]])).toEqual([
      ['2011-12-30T04:00:00.000Z', 'd'],
      ['2011-12-30T10:00:00.000Z', 'e'],
      ['2011-12-30T16:00:00.000Z', 'a'],
    ])
  })

  test('there are none before the first', () => {
    const rotation: Rotation = { type: 'weekly', every: 2, start: '2026-03-23T09:00' }
    expect(between(rotation, 'Europe/Berlin', '2026-01-01T00:00:00Z', '2026-03-23T08:00:00Z')).toEqual([])
    expect(between(rotation, 'Europe/Berlin', '2026-03-23T08:00:00Z', '2026-04-06T07:00:01Z')).toEqual([
      '2026-03-23T09:00:00+01:00',
      '2026-04-06T09:00:00+02:00',
    ])
  })
})

const daily = (participants: string[], start = '2026-03-01T00:00'): Pick<Layer, 'rotation' | 'participants'> => ({
  rotation: { type: 'daily', every: 1, start },
  participants,
})
const workdays: Restriction = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', until: '17:00' }
const flat = (schedule: Schedule, from: string, until: string) =>
  shifts(schedule, from, until).map(({ start, participants }) => `${start.slice(5, 16)} ${participants.join('+') || '–'}`)

describe('a schedule', () => {
  test('gives the higher layer its hours, and the lower the rest', () => {
    const schedule: Schedule = {
      name: 's',
      timeZone: 'UTC',
      layers: [
        { name: 'always', ...daily(['ada']) },
        { name: 'office', ...daily(['ben']), restrictions: [workdays] },
      ],
    }
    // 6 March 2026 is a Friday.
    expect(flat(schedule, '2026-03-06T00:00:00Z', '2026-03-10T00:00:00Z')).toEqual([
      '03-06T00:00 ada',
      '03-06T09:00 ben',
      '03-06T17:00 ada',
      '03-09T09:00 ben',
      '03-09T17:00 ada',
    ])
    expect(whoIsOnCall(schedule, '2026-03-06T09:00:00Z')).toEqual(['ben'])
    expect(whoIsOnCall(schedule, '2026-03-06T08:59:59Z')).toEqual(['ada'])
  })

  test('follows the sun by layers in several zones, and shows the gap between them', () => {
    const layer = (name: string, timeZone: string): Layer => ({ name, ...daily([name]), timeZone, restrictions: [{ from: '08:00', until: '16:00' }] })
    const schedule: Schedule = {
      name: 's',
      timeZone: 'UTC',
      layers: [layer('berlin', 'Europe/Berlin'), layer('denver', 'America/Denver'), layer('sydney', 'Australia/Sydney')],
    }
    expect(flat(schedule, '2026-03-05T07:00:00Z', '2026-03-06T07:00:00Z')).toEqual([
      '03-05T07:00 berlin',
      '03-05T15:00 denver',
      '03-05T21:00 sydney',
      '03-06T05:00 –',
    ])
  })

  test('hours go over midnight, and a whole day is from a time to itself', () => {
    const night: Schedule = {
      name: 's',
      timeZone: 'UTC',
      layers: [{ name: 'n', ...daily(['ada']), restrictions: [{ days: ['fri'], from: '22:00', until: '06:00' }] }],
    }
    expect(flat(night, '2026-03-06T00:00:00Z', '2026-03-08T00:00:00Z')).toEqual(['03-06T00:00 –', '03-06T22:00 ada', '03-07T06:00 –'])
    const day: Schedule = {
      name: 's',
      timeZone: 'UTC',
      layers: [{ name: 'n', ...daily(['ada']), restrictions: [{ days: ['sat'], from: '00:00', until: '24:00' }] }],
    }
    expect(flat(day, '2026-03-06T00:00:00Z', '2026-03-09T00:00:00Z')).toEqual(['03-06T00:00 –', '03-07T00:00 ada', '03-08T00:00 –'])
  })

  test('overrides replace, add and remove, the later last; a layer ends', () => {
    const overrides: Override[] = [
      { kind: 'replace', participants: ['cai'], start: '2026-03-06T10:00:00Z', end: '2026-03-06T14:00:00Z' },
      { kind: 'add', participants: ['dan'], start: '2026-03-06T12:00:00Z', end: '2026-03-06T16:00:00Z' },
      { kind: 'remove', participants: ['cai'], start: '2026-03-06T13:00:00Z', end: '2026-03-06T13:30:00Z' },
    ]
    const schedule: Schedule = { name: 's', timeZone: 'UTC', layers: [{ name: 'l', ...daily(['ada']), ends: '2026-03-06T18:00:00Z' }], overrides }
    expect(flat(schedule, '2026-03-06T09:00:00Z', '2026-03-06T20:00:00Z')).toEqual([
      '03-06T09:00 ada',
      '03-06T10:00 cai',
      '03-06T12:00 cai+dan',
      '03-06T13:00 dan',
      '03-06T13:30 cai+dan',
      '03-06T14:00 ada+dan',
      '03-06T16:00 ada',
      '03-06T18:00 –',
    ])
  })

  test('with merge: all everybody counts who is in an active layer', () => {
    const schedule: Schedule = {
      name: 's',
      timeZone: 'UTC',
      merge: 'all',
      layers: [
        { name: 'a', ...daily(['ada']) },
        { name: 'b', ...daily(['ben', 'ada']) },
      ],
    }
    expect(flat(schedule, '2026-03-01T12:00:00Z', '2026-03-03T00:00:00Z')).toEqual(['03-01T12:00 ben+ada', '03-02T00:00 ada'])
  })
})

describe('a turn', () => {
  const three = (more: Partial<Layer>): Schedule => ({
    name: 's',
    timeZone: 'UTC',
    layers: [
      { name: 'below', ...daily(['zoe']) },
      { name: 'l', ...daily([]), ...more },
    ],
  })

  test('is of several people together, or of nobody, which leaves it to the layer below', () => {
    const schedule = three({ participants: ['ada', ['ben', 'cai'], []] })
    expect(flat(schedule, '2026-03-01T00:00:00Z', '2026-03-05T00:00:00Z')).toEqual([
      '03-01T00:00 ada',
      '03-02T00:00 ben+cai',
      '03-03T00:00 zoe',
      '03-04T00:00 ada',
    ])
    expect(whoIsOnCall(schedule, '2026-03-01T12:00:00Z', 1)).toEqual(['ben', 'cai'])
    expect(whoIsOnCall({ ...schedule, absences: [{ participant: 'ben', start: '2026-03-02T00:00:00Z' }] }, '2026-03-02T12:00:00Z')).toEqual(['cai'])
  })

  test('of a layer beside the one below is on call together with it; a third above both takes over', () => {
    const schedule = three({ participants: ['ada', []], beside: true })
    expect(flat(schedule, '2026-03-01T00:00:00Z', '2026-03-03T00:00:00Z')).toEqual(['03-01T00:00 ada+zoe', '03-02T00:00 zoe'])
    const office: Layer = { name: 'office', ...daily(['dan']), restrictions: [{ from: '09:00', until: '17:00' }] }
    expect(flat({ ...schedule, layers: [...schedule.layers, office] }, '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z')).toEqual([
      '03-01T00:00 ada+zoe',
      '03-01T09:00 dan',
      '03-01T17:00 ada+zoe',
    ])
  })
})

describe('who is not there', () => {
  const two = (more: Partial<Schedule>): Schedule => ({ name: 's', timeZone: 'UTC', layers: [{ name: 'l', ...daily(['ada', 'ben', 'cai']) }], ...more })
  const [from, until] = ['2026-03-01T12:00:00Z', '2026-03-04T00:00:00Z']

  test('has time off, and leaves a gap; whoever takes the shift fills it, even the one who is off', () => {
    const absences = [{ participant: 'ben', start: '2026-03-02T06:00:00Z', end: '2026-03-02T18:00:00Z' }]
    expect(flat(two({ absences }), from, until)).toEqual(['03-01T12:00 ada', '03-02T00:00 ben', '03-02T06:00 –', '03-02T18:00 ben', '03-03T00:00 cai'])
    const cover: Override = { kind: 'replace', participants: ['cai'], start: '2026-03-02T06:00:00Z', end: '2026-03-02T12:00:00Z' }
    const own: Override = { kind: 'add', participants: ['ben'], start: '2026-03-02T12:00:00Z', end: '2026-03-02T18:00:00Z' }
    expect(flat(two({ absences, overrides: [cover, own] }), from, until)).toEqual([
      '03-01T12:00 ada',
      '03-02T00:00 ben',
      '03-02T06:00 cai',
      '03-02T12:00 ben',
      '03-03T00:00 cai',
    ])
  })

  test('has left, and is never on call again, whatever says so; a lower layer takes over', () => {
    const absences = [{ participant: 'ben', start: '2026-03-02T06:00:00Z' }]
    const override: Override = { kind: 'replace', participants: ['ben'], start: '2026-03-01T12:00:00Z', end: '2026-03-09T00:00:00Z' }
    expect(flat(two({ absences, overrides: [override] }), from, until)).toEqual(['03-01T12:00 ben', '03-02T06:00 –'])
    const layers = [
      { name: 'below', ...daily(['zoe']) },
      { name: 'above', ...daily(['ben']) },
    ]
    expect(flat(two({ layers, absences }), from, until)).toEqual(['03-01T12:00 ben', '03-02T06:00 zoe'])
  })

  test('is the next in the rotation where the first is listed twice: nobody is their own backup', () => {
    expect(whoIsOnCall(two({}), from, 1)).toEqual(['ben'])
    expect(whoIsOnCall(two({}), from, 2)).toEqual(['cai'])
    expect(whoIsOnCall(two({}), from, 3)).toEqual([])
  })

  test('an apprentice shadows, and is never on call alone', () => {
    const found = shifts(two({ apprentices: ['ben'] }), '2026-03-01T00:00:00Z', '2026-03-04T00:00:00Z')
    expect(found.map(({ participants, shadows }) => [participants, shadows])).toEqual([
      [['ada'], undefined],
      [[], ['ben']],
      [['cai'], undefined],
    ])
  })

  test('a shadow watches beside who is on call, and is not on call', () => {
    const shadow: Override = { kind: 'shadow', participants: ['zoe'], start: '2026-03-01T18:00:00Z', end: '2026-03-02T06:00:00Z' }
    expect(shifts(two({ overrides: [shadow] }), from, '2026-03-02T12:00:00Z').map(({ participants, shadows }) => [participants, shadows])).toEqual([
      [['ada'], undefined],
      [['ada'], ['zoe']],
      [['ben'], ['zoe']],
      [['ben'], undefined],
    ])
  })
})

test('a temporary schedule replaces the layers for its time, and overrides apply to it', () => {
  const schedule: Schedule = {
    ...{ name: 's', timeZone: 'UTC', layers: [{ name: 'l', ...daily(['ada', 'ben', 'cai']) }] },
    temporaries: [{ name: 'holidays', start: '2026-03-02T12:00:00Z', end: '2026-03-04T12:00:00Z', layers: [{ name: 'few', ...daily(['zoe']) }] }],
    overrides: [{ kind: 'add', participants: ['yan'], start: '2026-03-03T00:00:00Z', end: '2026-03-03T06:00:00Z' }],
  }
  expect(flat(schedule, '2026-03-02T00:00:00Z', '2026-03-05T00:00:00Z')).toEqual([
    '03-02T00:00 ben',
    '03-02T12:00 zoe',
    '03-03T00:00 zoe+yan',
    '03-03T06:00 zoe',
    '03-04T12:00 ada',
  ])
})

test('rotations that advance with each shift skip days without hours; with each handoff they do not', () => {
  const weekend: Restriction = { days: ['sat', 'sun'], from: '09:00', until: '17:00' }
  const schedule = (advance: Layer['advance']): Schedule => ({
    ...{ name: 's', timeZone: 'UTC', layers: [{ name: 'l', ...daily(['ada', 'ben', 'cai']), advance, restrictions: [weekend] }] },
  })
  const people = (advance: Layer['advance']) =>
    shifts(schedule(advance), '2026-03-01T00:00:00Z', '2026-03-16T00:00:00Z')
      .filter(({ participants }) => participants.length > 0)
      .map(({ start, participants }) => `${start.slice(8, 10)} ${participants.join()}`)
  expect(people('shift')).toEqual(['01 ada', '07 ben', '08 cai', '14 ada', '15 ben'])
  expect(people('handoff')).toEqual(['01 ada', '07 ada', '08 ben', '14 ben', '15 cai'])
})

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Chicago',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Santiago',
  'Africa/Casablanca',
  'Pacific/Auckland',
  'Asia/Tehran',
] as const

/**
 * Another way to say the rule, minute by minute: the wall clock, which never goes back (what it shows a second time it has shown), reaches
 * or passes the time of a handoff or of hours. Written without a look at the code.
 */
class MinuteByMinute {
  readonly #offsets = new Map<string, Map<number, number>>()

  #wall(zone: string, minute: number): number {
    // Clocks change on quarters of an hour.
    const quarter = Math.floor(minute / 15)
    const offsets = this.#offsets.get(zone) ?? new Map<number, number>()
    this.#offsets.set(zone, offsets)
    const offset = offsets.get(quarter) ?? Temporal.Instant.fromEpochMilliseconds(quarter * 900_000).toZonedDateTimeISO(zone).offsetNanoseconds / 60e9
    offsets.set(quarter, offset)
    return minute + offset
  }

  /** For each minute of [from, until) who is on call at a position; minutes since 1970. */
  *run(schedule: Schedule, position: number, begin: number, from: number, until: number): Generator<string> {
    const minuteOf = (at: string | undefined, without: number) => (at === undefined ? without : Date.parse(at) / 60_000)
    const statesOf = (made: readonly Layer[]) =>
      made.map(layer => ({
        starts: minuteOf(layer.starts, Number.NEGATIVE_INFINITY),
        ends: minuteOf(layer.ends, Number.POSITIVE_INFINITY),
        layer,
        zone: layer.timeZone ?? schedule.timeZone,
        wall: Number.NEGATIVE_INFINITY,
        n: 0,
        next: wallMinutes(layer.rotation, 0),
        position: -1,
        isHandedOver: false,
      }))
    const away = (schedule.absences ?? []).map(one => ({ ...one, from: minuteOf(one.start, 0), until: minuteOf(one.end, Number.POSITIVE_INFINITY) }))
    const stacks = [{ from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, merge: schedule.merge, states: statesOf(schedule.layers) }]
    for (const one of schedule.temporaries ?? [])
      stacks.push({ from: minuteOf(one.start, 0), until: minuteOf(one.end, 0), merge: one.merge, states: statesOf(one.layers) })
    for (let minute = begin; minute < until; minute++) {
      let answer = ''
      for (const { states, ...stack } of stacks) {
        // Who holds it, from the lowest layer up: somebody above takes it away from whoever is below, unless the layer is beside the other.
        let [level, held] = [-1, -1]
        const holders = new Set<string>()
        for (const [place, state] of states.entries()) {
          state.wall = Math.max(state.wall, this.#wall(state.zone, minute))
          while (state.next <= state.wall) {
            state.next = wallMinutes(state.layer.rotation, ++state.n)
            state.isHandedOver = true
          }
          const { participants, restrictions, advance } = state.layer
          const isWithin = minute >= state.starts && minute < state.ends
          const isActive = restrictions === undefined || restrictions.some(one => isIn(one, state.wall))
          if (state.isHandedOver && (isActive || advance !== 'shift')) {
            state.isHandedOver = false
            state.position++
          }
          if (!(stack.merge === 'all' || state.layer.beside)) level = place
          if (state.position < 0 || !isWithin || !isActive || participants.length <= position) continue
          const scheduled = [participants[(state.position + position) % participants.length] ?? []].flat()
          const able = scheduled.filter(person => {
            const isAway = away.some(one => one.participant === person && minute >= one.from && minute < one.until)
            return !isAway && !schedule.apprentices?.includes(person)
          })
          if (able.length === 0) continue
          if (held !== level) holders.clear()
          held = level
          for (const person of able) holders.add(person)
        }
        if (minute >= stack.from && minute < stack.until) answer = [...holders].sort().join()
      }
      if (minute >= from) yield answer
    }
  }
}

function wallMinutes({ type, every, start }: Rotation, n: number): number {
  const first = Temporal.PlainDateTime.from(start)
  const wall = type === 'monthly' ? first.add({ months: n * every }) : first.add({ hours: n * every * { hourly: 1, daily: 24, weekly: 168 }[type] })
  return Date.parse(`${wall.toString({ smallestUnit: 'minute' })}Z`) / 60_000
}

function isIn({ days, from, until }: Restriction, wall: number): boolean {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
  const [begins, ends] = [minutes(from), minutes(until) <= minutes(from) ? minutes(until) + 1_440 : minutes(until)]
  const today = Math.floor(wall / 1_440)
  return [today - 1, today].some(day => {
    const weekday = weekdays[(((day + 3) % 7) + 7) % 7]
    if (weekday === undefined || (days !== undefined && !days.includes(weekday))) return false
    return wall >= day * 1_440 + begins && wall < day * 1_440 + ends
  })
}

const time = fc
  .tuple(fc.nat(23), fc.constantFrom(0, 15, 30, 45))
  .map(([hours, minutes]) => `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`)
const somebody = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const layers = (zone: fc.Arbitrary<string>): fc.Arbitrary<Layer[]> =>
  fc.array(
    fc.record(
      {
        name: fc.constant('l'),
        rotation: fc.record({
          type: fc.constantFrom(...rotationTypes),
          every: fc.integer({ min: 1, max: 5 }),
          start: fc.tuple(fc.integer({ min: 1, max: 31 }), time).map(([day, at]) => `2025-12-${String(day).padStart(2, '0')}T${at}`),
        }),
        participants: fc.array(fc.oneof({ weight: 3, arbitrary: somebody }, fc.uniqueArray(somebody, { maxLength: 2 })), { maxLength: 4 }),
        beside: fc.boolean(),
        timeZone: zone,
        restrictions: fc.array(
          fc.record({ days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }), from: time, until: time }, { requiredKeys: ['from', 'until'] }),
          {
            minLength: 1,
            maxLength: 2,
          },
        ),
        advance: fc.constantFrom('handoff' as const, 'shift' as const),
        starts: fc.constant('2026-02-10T12:00:00Z'),
        ends: fc.constant('2026-11-20T12:00:00Z'),
      },
      { requiredKeys: ['name', 'rotation', 'participants'] },
    ),
    { minLength: 1, maxLength: 3 },
  )

test.each(zones)('a year in %s is what it is minute by minute', zone => {
  const from = Date.parse('2026-01-01T00:00:00Z') / 60_000
  const until = Date.parse('2027-01-01T00:00:00Z') / 60_000
  const begin = from - 45 * 1_440
  const slow = new MinuteByMinute()
  fc.assert(
    fc.property(
      layers(fc.constantFrom(...zones)),
      layers(fc.constantFrom(...zones)),
      fc.nat(1),
      fc.constantFrom('top' as const, 'all' as const),
      (made, instead, position, merge) => {
        const schedule: Schedule = {
          ...{ name: 's', timeZone: zone, layers: made, merge },
          temporaries: [{ name: 't', start: '2026-03-20T10:00:00Z', end: '2026-04-10T10:00:00Z', layers: instead, merge: merge === 'top' ? 'all' : 'top' }],
          absences: [
            { participant: 'a', start: '2026-06-01T08:00:00Z', end: '2026-07-01T08:00:00Z' },
            { participant: 'b', start: '2026-10-20T08:00:00Z' },
          ],
          apprentices: ['e'],
        }
        const fast = shifts(schedule, new Date(from * 60_000).toISOString(), new Date(until * 60_000).toISOString(), position)
        const ends = fast.map(({ end }) => Date.parse(end) / 60_000)
        let place = 0
        let minute = from
        for (const expected of slow.run(schedule, position, begin, from, until)) {
          while ((ends[place] ?? Number.POSITIVE_INFINITY) <= minute) place++
          const found = fast[place]?.participants.toSorted().join() ?? 'no shift'
          if (found !== expected)
            throw new Error(`${new Date(minute * 60_000).toISOString()}: ${found || 'nobody'}, but minute by minute ${expected || 'nobody'}`)
          minute++
        }
      },
    ),
    // Other schedules each time the tests run.
    { numRuns: 1 },
  )
})

describe('property', () => {
  const instant = fc.date({ min: new Date('2026-01-01T00:00:00Z'), max: new Date('2026-12-01T00:00:00Z'), noInvalidDate: true }).map(date => date.toISOString())
  const zone = fc.constantFrom(...zones)

  test('shifts fill the time asked for, without overlap or hole, and neighbours differ', () => {
    fc.assert(
      fc.property(layers(zone), zone, instant, fc.integer({ min: 1, max: 60 * 86_400 }), (made, timeZone, from, seconds) => {
        const until = new Date(Date.parse(from) + seconds * 1_000).toISOString()
        const found = shifts({ name: 's', timeZone, layers: made }, from, until)
        expect([found[0]?.start, found.at(-1)?.end]).toEqual([from, until])
        for (const [i, shift] of found.entries()) {
          expect(shift.start < shift.end).toBe(true)
          const next = found[i + 1]
          if (next === undefined) continue
          expect(next.start).toBe(shift.end)
          expect(next.participants).not.toEqual(shift.participants)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('an override changes its own time and nothing else', () => {
    fc.assert(
      fc.property(
        layers(zone),
        zone,
        fc.constantFrom<Override['kind']>('replace', 'add', 'remove'),
        instant,
        fc.integer({ min: 1, max: 2_000 }),
        (made, timeZone, kind, start, minutes) => {
          const end = new Date(Date.parse(start) + minutes * 60_000).toISOString()
          const plain: Schedule = { name: 's', timeZone, layers: made }
          const changed: Schedule = { ...plain, overrides: [{ kind, participants: ['a', 'z'], start, end }] }
          const day = (schedule: Schedule, from: string, until: string) => shifts(schedule, from, until)
          const before = new Date(Date.parse(start) - 5 * 86_400_000).toISOString()
          const after = new Date(Date.parse(end) + 5 * 86_400_000).toISOString()
          expect(day(changed, before, start)).toEqual(day(plain, before, start))
          expect(day(changed, end, after)).toEqual(day(plain, end, after))
          for (const { participants } of day(changed, start, end)) {
            if (kind === 'replace') expect(participants).toEqual(['a', 'z'])
            if (kind === 'add') expect(participants).toEqual(expect.arrayContaining(['a', 'z']))
            if (kind === 'remove') expect(participants).not.toContain('a')
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

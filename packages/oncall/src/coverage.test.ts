import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coverage, type Team } from './coverage.ts'
import { fairness } from './fairness.ts'
import type { Schedule } from './schedule.ts'

const weekly = (name: string, participants: string[], more: Partial<Schedule['layers'][number]> = {}): Schedule => ({
  name,
  timeZone: 'UTC',
  layers: [{ name: 'l', rotation: { type: 'weekly', every: 1, start: '2026-03-02T09:00' }, participants, ...more }],
})
const team: Team = {
  name: 'Response',
  timeZone: 'UTC',
  tiers: [
    { name: 'primary', schedule: 'first' },
    { name: 'backup', schedule: 'second', hours: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', until: '17:00' }] },
  ],
  longestDays: 7,
}
const [from, until] = ['2026-03-02T09:00:00.000Z', '2026-03-16T09:00:00.000Z']

describe('coverage', () => {
  test('that is whole has nothing to be said of', () => {
    expect(coverage(team, [weekly('first', ['ada', 'ben']), weekly('second', ['ben', 'ada'])], from, until)).toEqual([])
  })

  test('names gaps, and only those within the required hours', () => {
    const ends = '2026-03-13T12:00:00Z'
    expect(coverage(team, [weekly('first', ['ada', 'ben'], { ends }), weekly('second', ['ben', 'ada'], { ends })], from, until)).toEqual([
      { kind: 'gap', team: 'Response', tier: 'primary', start: '2026-03-13T12:00:00.000Z', end: until },
      { kind: 'gap', team: 'Response', tier: 'backup', start: '2026-03-13T12:00:00.000Z', end: '2026-03-13T17:00:00.000Z' },
    ])
  })

  test('names who is their own backup', () => {
    expect(coverage(team, [weekly('first', ['ada', 'ben']), weekly('second', ['ben', 'ben'])], from, until).filter(({ kind }) => kind === 'double')).toEqual([
      { kind: 'double', team: 'Response', participant: 'ben', tiers: ['primary', 'backup'], start: '2026-03-09T09:00:00.000Z', end: until },
    ])
  })

  test('names who holds a tier too long', () => {
    expect(coverage(team, [weekly('first', ['ada']), weekly('second', ['ben', 'cai'])], from, until)).toEqual([
      { kind: 'stretch', team: 'Response', participant: 'ada', tier: 'primary', start: from, end: until, days: 14 },
    ])
  })

  test('of a schedule that does not exist throws', () => {
    expect(() => coverage(team, [weekly('first', ['ada'])], from, until)).toThrow('there is no schedule second')
  })
})

describe('coverage by people', () => {
  const daily = (participants: string[]): Schedule => ({
    ...{ name: 'first', timeZone: 'UTC' },
    layers: [{ name: 'l', rotation: { type: 'daily', every: 1, start: '2026-03-02T12:00' }, participants }],
  })
  const one: Team = { name: 'Response', timeZone: 'UTC', tiers: [{ name: 'primary', schedule: 'first' }], longestNights: 2 }

  test('names runs of nights that are too long, and breaks them where somebody else has a night', () => {
    expect(coverage(one, [daily(['ada', 'ada', 'ben', 'ada', 'ada', 'ada', 'ben'])], '2026-03-02T12:00:00Z', '2026-03-09T12:00:00Z')).toEqual([
      { kind: 'nights', team: 'Response', participant: 'ada', tier: 'primary', start: '2026-03-05T22:00:00.000Z', end: '2026-03-08T06:00:00.000Z', nights: 3 },
    ])
  })

  test('names who cannot be paged', () => {
    expect(coverage(one, [daily(['ada', 'ben'])], '2026-03-02T12:00:00Z', '2026-03-05T12:00:00Z', new Set(['ben']))).toEqual([
      { kind: 'unreachable', team: 'Response', participant: 'ben', tier: 'primary', start: '2026-03-03T12:00:00.000Z', end: '2026-03-04T12:00:00.000Z' },
    ])
  })

  test('takes the next in the rotation as the backup, who is never the primary', () => {
    const both: Team = { ...one, tiers: [...one.tiers, { name: 'backup', schedule: 'first', position: 1 }] }
    const until = '2026-03-04T12:00:00.000Z'
    expect(coverage(both, [daily(['ada', 'ben'])], '2026-03-02T12:00:00Z', until)).toEqual([])
    expect(coverage(both, [daily(['ada'])], '2026-03-02T12:00:00Z', until)).toEqual([
      { kind: 'gap', team: 'Response', tier: 'backup', start: '2026-03-02T12:00:00.000Z', end: until },
    ])
  })
})

describe('fairness', () => {
  test('counts the hours of holidays on the clock of the schedule', () => {
    const berlin = { ...weekly('first', ['ada', 'ben']), timeZone: 'Europe/Berlin' }
    expect(
      fairness(berlin, from, until, { holidays: ['2026-03-06', '2026-03-06', '2026-03-10'] }).map(({ participant, holidayHours }) => [
        participant,
        holidayHours,
      ]),
    ).toEqual([
      ['ada', 24],
      ['ben', 24],
    ])
  })

  test('counts hours, nights and weekends', () => {
    expect(fairness(weekly('first', ['ada', 'ben', 'cai']), from, until)).toEqual([
      { participant: 'ada', hours: 168, nightHours: 56, weekendHours: 48, holidayHours: 0 },
      { participant: 'ben', hours: 168, nightHours: 56, weekendHours: 48, holidayHours: 0 },
    ])
  })

  test('property: shares and gaps together are all the time there is', () => {
    const instant = fc
      .date({ min: new Date('2026-01-01T00:00:00Z'), max: new Date('2026-12-01T00:00:00Z'), noInvalidDate: true })
      .map(date => date.toISOString())
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Chicago')
    fc.assert(
      fc.property(
        instant,
        fc.integer({ min: 1, max: 40 * 86_400 }),
        zone,
        fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
        (start, seconds, timeZone, people) => {
          const end = new Date(Date.parse(start) + seconds * 1_000).toISOString()
          const schedule = { ...weekly('first', people, { restrictions: [{ from: '08:00', until: '20:00' }] }), timeZone }
          const shares = fairness(schedule, start, end).reduce((sum, { hours }) => sum + hours, 0)
          const open = coverage({ name: 't', timeZone, tiers: [{ name: 'primary', schedule: 'first' }] }, [schedule], start, end)
          const gaps = open.reduce((sum, concern) => sum + (Date.parse(concern.end) - Date.parse(concern.start)) / 3_600_000, 0)
          expect(shares + gaps).toBeCloseTo(seconds / 3_600, 6)
          for (const { hours, nightHours, weekendHours } of fairness(schedule, start, end))
            expect(Math.max(nightHours, weekendHours)).toBeLessThanOrEqual(hours + 1e-9)
        },
      ),
      { numRuns: 200 },
    )
  })
})

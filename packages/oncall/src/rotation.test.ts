import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { climb, climbCount } from './escalation.ts'
import { rotationTypes } from './rotation.ts'
import { inTurn, type Rota, turnsOf } from './turns.ts'

const berlin: Rota = { timeZone: 'Europe/Berlin', participants: ['ada', 'ben', 'cai'], rotation: { type: 'weekly', every: 1, start: '2026-03-23T09:00' } }

describe('a weekly rotation', () => {
  test('hands over at its wall-clock time, across the change to summer time', () => {
    expect(turnsOf(berlin, '2026-03-23T00:00:00Z', '2026-04-08T00:00:00Z')).toEqual([
      { participant: 'ada', start: '2026-03-23T08:00:00.000Z', end: '2026-03-30T07:00:00.000Z' },
      { participant: 'ben', start: '2026-03-30T07:00:00.000Z', end: '2026-04-06T07:00:00.000Z' },
      { participant: 'cai', start: '2026-04-06T07:00:00.000Z', end: '2026-04-13T07:00:00.000Z' },
    ])
  })

  test('a handoff that falls into the gap of a clock change is at the end of the gap', () => {
    const gap: Rota = { ...berlin, rotation: { type: 'weekly', every: 1, start: '2026-03-22T02:30' } }
    expect(turnsOf(gap, '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z').map(shift => shift.start)).toContain('2026-03-29T01:00:00.000Z')
  })

  test('the primary stands first, then who follows in turn; before the first handoff nobody', () => {
    expect(inTurn(berlin, '2026-03-31T12:00:00Z')).toEqual(['ben', 'cai', 'ada'])
    expect(inTurn(berlin, '2026-03-30T06:59:59Z')[0]).toBe('ada')
    expect(inTurn(berlin, '2026-03-30T07:00:00Z')[0]).toBe('ben')
    expect(inTurn(berlin, '2026-03-23T07:59:59Z')).toEqual([])
    expect(inTurn({ ...berlin, participants: [] }, '2026-03-31T12:00:00Z')).toEqual([])
  })

  const rota = fc.record({
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia', 'America/Sao_Paulo'),
    participants: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }),
    rotation: fc.record({
      type: fc.constantFrom(...rotationTypes),
      every: fc.integer({ min: 1, max: 30 }),
      start: fc
        .date({ min: new Date('2010-01-01T00:00:00Z'), max: new Date('2030-01-01T00:00:00Z'), noInvalidDate: true })
        .map(date => date.toISOString().slice(0, 16)),
    }),
  })
  const instant = fc.date({ min: new Date('2010-01-01T00:00:00Z'), max: new Date('2035-01-01T00:00:00Z'), noInvalidDate: true }).map(date => date.toISOString())

  test('shifts follow each other without gap or overlap, and who is on call is whose shift it is', () => {
    fc.assert(
      fc.property(rota, instant, (each, from) => {
        const until = new Date(Date.parse(from) + 20 * 86_400_000).toISOString()
        const found = turnsOf(each, from, until)
        for (const [n, shift] of found.entries()) {
          const next = found[n + 1]
          if (next) expect(next.start).toBe(shift.end)
          expect(shift.start < shift.end).toBe(true)
          expect(inTurn(each, shift.start)[0]).toBe(shift.participant)
        }
        const [first] = found
        if (first && first.start <= from) expect(inTurn(each, from)[0]).toBe(first.participant)
        expect([...inTurn(each, until)].sort()).toEqual(found.length > 0 ? [...each.participants].sort() : [])
      }),
      { numRuns: 300 },
    )
  })
})

describe('an escalation policy', () => {
  const policy = {
    steps: [
      { target: { kind: 'depth' as const, depth: 0 }, waitMinutes: 5 },
      { target: { kind: 'everyone' as const }, waitMinutes: 10 },
    ],
    repeats: 1,
  }

  test('climbs through its steps, repeats, and is exhausted', () => {
    expect(Array.from({ length: 5 }, (_, position) => climb(policy, position, ['ada', 'ben']))).toEqual([
      { participants: ['ada'], waitMinutes: 5 },
      { participants: ['ada', 'ben'], waitMinutes: 10 },
      { participants: ['ada'], waitMinutes: 5 },
      { participants: ['ada', 'ben'], waitMinutes: 10 },
      undefined,
    ])
    expect(climbCount(policy)).toBe(4)
  })

  test('a depth that nobody holds pages everybody: a page is never silence', () => {
    expect(climb({ steps: [{ target: { kind: 'depth', depth: 3 }, waitMinutes: 5 }], repeats: 0 }, 0, ['ada'])).toEqual({
      participants: ['ada'],
      waitMinutes: 5,
    })
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Schedule, shifts, whoIsOnCall } from './schedule.ts'
import { rotationTypes } from './vocabulary.ts'

const berlin = (start = '2026-03-23T09:00'): Schedule => ({
  ...{ name: 's', timeZone: 'Europe/Berlin' },
  layers: [{ name: 'l', participants: ['ada', 'ben', 'cai'], rotation: { type: 'weekly', every: 1, start } }],
})

describe('a weekly rotation', () => {
  test('hands over at its wall-clock time, across the change to summer time', () => {
    expect(shifts(berlin(), '2026-03-23T00:00:00Z', '2026-04-08T00:00:00Z')).toEqual([
      { participants: [], start: '2026-03-23T00:00:00.000Z', end: '2026-03-23T08:00:00.000Z' },
      { participants: ['ada'], start: '2026-03-23T08:00:00.000Z', end: '2026-03-30T07:00:00.000Z' },
      { participants: ['ben'], start: '2026-03-30T07:00:00.000Z', end: '2026-04-06T07:00:00.000Z' },
      { participants: ['cai'], start: '2026-04-06T07:00:00.000Z', end: '2026-04-08T00:00:00.000Z' },
    ])
  })

  test('a handoff that falls into the gap of a clock change is at the end of the gap', () => {
    expect(shifts(berlin('2026-03-22T02:30'), '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z').map(({ start }) => start)).toContain('2026-03-29T01:00:00.000Z')
  })

  test('the primary comes first, then the next in the rotation; before the first handoff nobody', () => {
    const at = (instant: string) => [0, 1, 2].map(position => whoIsOnCall(berlin(), instant, position).join())
    expect(at('2026-03-31T12:00:00Z')).toEqual(['ben', 'cai', 'ada'])
    expect(at('2026-03-30T06:59:59Z')[0]).toBe('ada')
    expect(at('2026-03-30T07:00:00Z')[0]).toBe('ben')
    expect(at('2026-03-23T07:59:59Z')).toEqual(['', '', ''])
  })

  const schedule = fc.record({
    name: fc.constant('s'),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia', 'America/Sao_Paulo'),
    layers: fc.tuple(
      fc.record({
        name: fc.constant('l'),
        participants: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }),
        rotation: fc.record({
          type: fc.constantFrom(...rotationTypes),
          every: fc.integer({ min: 1, max: 30 }),
          start: fc
            .date({ min: new Date('2010-01-01T00:00:00Z'), max: new Date('2030-01-01T00:00:00Z'), noInvalidDate: true })
            .map(date => date.toISOString().slice(0, 16)),
        }),
      }),
    ),
  })
  const instant = fc.date({ min: new Date('2010-01-01T00:00:00Z'), max: new Date('2035-01-01T00:00:00Z'), noInvalidDate: true }).map(date => date.toISOString())

  test('who is on call is whose shift it is, and the positions at an instant are all the people, each once', () => {
    fc.assert(
      fc.property(schedule, instant, (each, from) => {
        const until = new Date(Date.parse(from) + 20 * 86_400_000).toISOString()
        for (const shift of shifts(each, from, until)) expect(whoIsOnCall(each, shift.start)).toEqual(shift.participants)
        const { participants } = each.layers[0]
        const positions = participants.flatMap((_, position) => whoIsOnCall(each, until, position))
        expect([[], [...participants].sort()]).toContainEqual(positions.sort())
      }),
      { numRuns: 300 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type EscalationPolicy, endOfHours, isWithin, levelCount, levelFrom, whenWithin } from './escalation.ts'

const office = { timeZone: 'Europe/Berlin', hours: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'] as const, from: '09:00', until: '17:00' }] }
const policy: EscalationPolicy<string> = {
  levels: [
    { targets: ['primary'], waitMinutes: 5 },
    { targets: ['office'], waitMinutes: 10, when: office },
    { targets: ['everyone'], waitMinutes: 15, urgency: 'high' },
  ],
  repeats: 1,
}
// 25 March 2026 is a Wednesday; clocks in Berlin go forward on the 29th.
const [noon, night] = ['2026-03-25T11:00:00.000Z', '2026-03-25T23:00:00.000Z']
const escalated = (at: string, urgency: 'high' | 'low') => {
  const found: string[] = []
  for (let next = levelFrom(policy, 0, at, urgency); next !== undefined; next = levelFrom(policy, next.levelIndex + 1, at, urgency))
    found.push(next.level.targets.join())
  return found
}

describe('an escalation policy', () => {
  test('escalates through its levels, repeats as configured, and then is exhausted', () => {
    expect(escalated(noon, 'high')).toEqual(['primary', 'office', 'everyone', 'primary', 'office', 'everyone'])
    expect(levelFrom(policy, levelCount(policy), noon, 'high')).toBeUndefined()
    expect(levelFrom({ levels: [], repeats: 3 }, 0, noon, 'high')).toBeUndefined()
  })

  test('passes over the steps whose hours or urgency do not hold', () => {
    expect(escalated(night, 'high')).toEqual(['primary', 'everyone', 'primary', 'everyone'])
    expect(escalated(night, 'low')).toEqual(['primary', 'primary'])
  })

  test('property: positions only grow, and each comes at most once', () => {
    fc.assert(
      fc.property(fc.integer({ min: -3, max: 12 }), fc.constantFrom(noon, night), fc.constantFrom('high' as const, 'low' as const), (from, at, urgency) => {
        const found = levelFrom(policy, from, at, urgency)
        if (found !== undefined) expect(found.levelIndex).toBeGreaterThanOrEqual(Math.max(0, from))
        else expect(escalated(at, urgency).length).toBeLessThanOrEqual(levelCount(policy))
      }),
    )
  })
})

describe('business hours', () => {
  test('are waited for, over weekends and a change of the clocks', () => {
    expect(whenWithin(office, noon)).toBe(noon)
    expect(whenWithin(office, night)).toBe('2026-03-26T08:00:00.000Z')
    // Friday evening: the next Monday is after the change, an hour earlier in UTC.
    expect(whenWithin(office, '2026-03-27T16:00:00.000Z')).toBe('2026-03-30T07:00:00.000Z')
    expect(whenWithin(undefined, night)).toBe(night)
    expect(whenWithin({ timeZone: 'UTC', hours: [] }, night)).toBe(night)
  })

  test('end where they end, and nowhere outside them', () => {
    expect(endOfHours(office, noon)).toBe('2026-03-25T16:00:00.000Z')
    expect(endOfHours(office, night)).toBeUndefined()
  })

  test('property: the instant waited for lies in them, and none before it does', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date('2026-01-01T00:00:00Z'), max: new Date('2027-01-01T00:00:00Z'), noInvalidDate: true }), date => {
        const at = date.toISOString()
        const next = whenWithin(office, at)
        expect(isWithin(office, next)).toBe(true)
        if (next !== at) expect(isWithin(office, new Date(Date.parse(next) - 1).toISOString())).toBe(false)
      }),
    )
  })
})

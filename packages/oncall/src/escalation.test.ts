import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type EscalationLevel,
  type EscalationPolicy,
  type EscalationProgress,
  endOfHours,
  isLevelGone,
  isWithin,
  nextLevel,
  noProgress,
  progressAfter,
  whenWithin,
} from './escalation.ts'

const office = { timeZone: 'Europe/Berlin', hours: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'] as const, from: '09:00', until: '17:00' }] }
const policy: EscalationPolicy<string> = {
  levels: [
    { id: 'a', targets: ['primary'], waitMinutes: 5 },
    { id: 'b', targets: ['office'], waitMinutes: 10, when: office },
    { id: 'c', targets: ['everyone'], waitMinutes: 15, urgency: 'high' },
  ],
  repeats: 1,
}
// 25 March 2026 is a Wednesday; clocks in Berlin go forward on the 29th.
const [noon, night] = ['2026-03-25T11:00:00.000Z', '2026-03-25T23:00:00.000Z']
/** What is paged from there on. */
const paged = (of: EscalationPolicy<string>, from: EscalationProgress, at: string, urgency: 'high' | 'low') => {
  const found: string[] = []
  for (let next = nextLevel(of, from, at, urgency); next !== undefined; next = nextLevel(of, next.progress, at, urgency)) found.push(next.level.targets.join())
  return found
}
const escalated = (at: string, urgency: 'high' | 'low', from = noProgress) => paged(policy, from, at, urgency)

describe('an escalation policy', () => {
  test('escalates through its levels, repeats as configured, and then is exhausted', () => {
    expect(escalated(noon, 'high')).toEqual(['primary', 'office', 'everyone', 'primary', 'office', 'everyone'])
    expect(nextLevel({ levels: [], repeats: 3 }, noProgress, noon, 'high')).toBeUndefined()
  })

  test('passes over the steps whose hours or urgency do not hold', () => {
    expect(escalated(night, 'high')).toEqual(['primary', 'everyone', 'primary', 'everyone'])
    expect(escalated(night, 'low')).toEqual(['primary', 'primary'])
  })

  test('goes on where a page of an earlier version was, of which only the number of levels is known', () => {
    const all = ['primary', 'office', 'everyone', 'primary', 'office', 'everyone']
    for (const [count] of [...all, ''].entries()) expect(escalated(noon, 'high', progressAfter(policy, count)), `${count}`).toEqual(all.slice(count))
    expect(escalated(noon, 'high', progressAfter(policy, -1))).toEqual(all)
    expect(escalated(noon, 'high', progressAfter(policy, 7)), 'after the fallback').toEqual([])
  })
})

describe('an escalation whose policy changes', () => {
  const levelsOf = (ids: string): EscalationLevel<string>[] => [...ids].map(id => ({ id, targets: [id], waitMinutes: 5 }))
  /** What is still paged once the policy has these levels, where those others are behind it. */
  const rest = (ids: string, passed: string, { round = 0, repeats = 0 } = {}) =>
    paged({ levels: levelsOf(ids), repeats }, { round, passed: [...passed] }, noon, 'high').join('')

  test('goes on after the level that it is at, wherever that is now', () => {
    expect(rest('abc', 'a')).toBe('bc')
    expect(rest('xabc', 'a'), 'one was added before it').toBe('bcx')
    expect(rest('axbc', 'a'), 'one was added after it').toBe('xbc')
    expect(rest('bca', 'a'), 'it was moved to the end').toBe('bc')
    expect(rest('cab', 'ab'), 'the last one was moved to the top').toBe('c')
    expect(rest('bac', 'a'), 'the next one was moved before it').toBe('cb')
  })

  test('goes on with the next one that was not paged where its level is gone, and not from the top', () => {
    expect(rest('bc', 'a')).toBe('bc')
    expect(rest('acd', 'ab')).toBe('cd')
    expect(rest('xac', 'ab')).toBe('cx')
    expect(rest('xyz', 'ab'), 'all are others').toBe('xyz')
    expect(rest('ab', 'abc', { repeats: 1 }), 'nothing is left of the round').toBe('ab')
    const isGone = (ids: string, passed: string) => isLevelGone({ levels: levelsOf(ids) }, { round: 0, passed: [...passed] })
    expect([isGone('ac', 'ab'), isGone('ab', 'a'), isGone('bc', 'ab'), isGone('ab', '')]).toEqual([true, false, false, false])
  })

  test('finishes the round that it is in where the policy repeats less often than before', () => {
    expect(rest('abc', 'a', { round: 2, repeats: 0 })).toBe('bc')
  })

  test('property: whatever changes, a round pages no level twice, each that stays once, and the next one is never before the level that it is at', () => {
    const ids = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.array(ids, { minLength: 1, maxLength: 8 }), ids, (changes, last) => {
        let progress = noProgress
        const done: string[] = []
        for (const order of [...changes, ...Array.from({ length: 9 }, () => last)]) {
          const next = nextLevel({ levels: levelsOf(order.join('')), repeats: 0 }, progress, noon, 'high')
          if (next === undefined) continue
          const at = progress.passed.at(-1)
          const following = order.slice(order.indexOf(at ?? '') + 1).find(id => !done.includes(id))
          if (at !== undefined && order.includes(at) && following !== undefined) expect(next.level.id).toBe(following)
          done.push(next.level.id)
          progress = next.progress
        }
        expect(new Set(done).size).toBe(done.length)
        expect(done).toEqual(expect.arrayContaining(last))
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

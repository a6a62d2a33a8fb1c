import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { steadyClock } from './clock.ts'

const start = Date.parse('2026-11-23T08:00:00Z')
const hour = 3_600_000

describe('the clock', () => {
  test('follows the machine’s, forward at once', () => {
    let [wall, steady] = [start, 0]
    const clock = steadyClock(
      () => wall,
      () => steady,
    )
    expect(clock.now()).toBe('2026-11-23T08:00:00.000Z')
    wall += hour
    steady += 1_000
    expect(clock.now()).toBe('2026-11-23T09:00:00.000Z')
  })

  test('goes on by itself while the machine’s is set back, and follows it again once that has caught up', () => {
    let [wall, steady] = [start, 0]
    const clock = steadyClock(
      () => wall,
      () => steady,
    )
    clock.now()
    wall += -hour + 60_000
    steady += 60_000
    expect(clock.now()).toBe('2026-11-23T08:01:00.000Z')
    wall += hour - 60_000
    steady += hour - 60_000
    expect(clock.now()).toBe('2026-11-23T09:00:00.000Z')
    wall += hour + 5_000
    steady += 4_000
    expect(clock.now()).toBe('2026-11-23T09:00:05.000Z')
  })

  test('property: whatever is done to the machine’s clock, it never goes back by more than is tolerated, and never stands', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -2 * hour, max: 2 * hour }), fc.integer({ min: 1, max: 600_000 })), { maxLength: 50 }), steps => {
        let [wall, steady] = [start, 0]
        const clock = steadyClock(
          () => wall,
          () => steady,
        )
        let before = Date.parse(clock.now())
        for (const [jump, passed] of steps) {
          wall += jump + passed
          steady += passed
          const now = Date.parse(clock.now())
          expect(now - before).toBeGreaterThanOrEqual(passed - 500)
          before = now
        }
      }),
    )
  })
})

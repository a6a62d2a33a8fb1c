import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addHours, firstCall, nextCall, noticeClock, overdueEveryHours, promiseClock, timing } from './index.ts'

const declared = '2026-03-28T12:00:00.000Z'
const contract = noticeClock(declared, addHours(declared, 72))
const hours = fc.double({ min: 0.5, max: 2_000, noNaN: true })

/** All pages about an obligation that is due from one time to another. */
function calls(clock: typeof contract, from: string, to: string): string[] {
  const found: string[] = []
  for (let at = firstCall(clock, from); at <= to; at = nextCall(clock, at)) found.push(at)
  return found
}

test('72 hours are 72 hours, with warnings at 48, 66 and 71, also across a clock change', () => {
  expect(contract.dueAt).toBe('2026-03-31T12:00:00.000Z')
  expect(contract.warnings).toEqual(['2026-03-30T12:00:00.000Z', '2026-03-31T06:00:00.000Z', '2026-03-31T11:00:00.000Z'])
})

test('a shorter contract is warned at the same shares of its time', () => {
  expect(noticeClock(declared, addHours(declared, 24)).warnings).toEqual(['2026-03-29T04:00:00.000Z', '2026-03-29T10:00:00.000Z', '2026-03-29T11:40:00.000Z'])
})

test('from the deadline on there is a page every four hours, the first when it is late', () => {
  expect(calls(contract, declared, addHours(declared, 81))).toEqual([
    ...contract.warnings,
    '2026-03-31T12:00:00.001Z',
    '2026-03-31T16:00:00.001Z',
    '2026-03-31T20:00:00.001Z',
  ])
})

test('one that is due again at 71.5 hours is paged about at once, at the deadline and from then on', () => {
  const again = addHours(declared, 71.5)
  expect(calls(contract, again, addHours(declared, 77))).toEqual([again, '2026-03-31T12:00:00.001Z', '2026-03-31T16:00:00.001Z'])
})

test('a promise is warned about four hours before, where it was made earlier than that', () => {
  expect(calls(promiseClock(declared, addHours(declared, 24)), declared, addHours(declared, 25))).toEqual([addHours(declared, 20), '2026-03-29T12:00:00.001Z'])
  expect(promiseClock(declared, addHours(declared, 4)).warnings).toEqual([])
})

test('the timing of an obligation', () => {
  const at = (now: number, metAfter: number | null = null) => timing(contract, metAfter === null ? null : addHours(declared, metAfter), addHours(declared, now))
  expect([at(0), at(47.9), at(48), at(72), at(72.01), at(80, 72), at(80, 72.01)]).toEqual([
    'due',
    'due',
    'due-soon',
    'due-soon',
    'overdue',
    'notified',
    'notified-late',
  ])
})

test('no warning precedes its clock or follows its end', () => {
  fc.assert(
    fc.property(hours, length => {
      for (const clock of [noticeClock(declared, addHours(declared, length)), promiseClock(declared, addHours(declared, length))]) {
        for (const at of clock.warnings) expect(at > declared && at < clock.dueAt).toBe(true)
        expect(clock.warnings).toEqual(clock.warnings.toSorted())
      }
    }),
  )
})

test('whenever it is asked, the next page lies ahead, and no later than the rhythm says once the deadline is past', () => {
  fc.assert(
    fc.property(hours, fc.double({ min: 0, max: 10_000, noNaN: true }), (length, after) => {
      const [clock, now] = [noticeClock(declared, addHours(declared, length)), addHours(declared, after)]
      const next = nextCall(clock, now)
      expect(next > now).toBe(true)
      expect(firstCall(clock, now) >= now).toBe(true)
      expect(firstCall(clock, now) <= next).toBe(true)
      if (now > clock.dueAt) expect(next <= addHours(now, overdueEveryHours + 1 / 3_600_000)).toBe(true)
      else expect(next <= addHours(clock.dueAt, 1 / 3_600_000)).toBe(true)
    }),
  )
})

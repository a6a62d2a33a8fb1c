import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addHours, customerClock, schedule, timing } from './index.ts'

const declared = '2026-03-28T12:00:00.000Z'

test('72 hours are 72 hours, with warnings at 48, 66 and 71, also across a clock change', () => {
  expect(schedule(customerClock(), declared)).toEqual({
    dueAt: '2026-03-31T12:00:00.000Z',
    warnings: [
      { afterHours: 48, at: '2026-03-30T12:00:00.000Z' },
      { afterHours: 66, at: '2026-03-31T06:00:00.000Z' },
      { afterHours: 71, at: '2026-03-31T11:00:00.000Z' },
    ],
  })
})

test('a shorter contract is warned at the same shares of its time', () => {
  expect(schedule(customerClock(24), declared).warnings.map(warning => warning.at)).toEqual([
    '2026-03-29T04:00:00.000Z',
    '2026-03-29T10:00:00.000Z',
    '2026-03-29T11:40:00.000Z',
  ])
})

test('the timing of an obligation', () => {
  const { dueAt } = schedule(customerClock(), declared)
  const at = (hours: number, metAfter: number | null = null) =>
    timing({ startedAt: declared, dueAt, notifiedAt: metAfter === null ? null : addHours(declared, metAfter) }, customerClock(), addHours(declared, hours))
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
    fc.property(fc.integer({ min: 1, max: 72 }), hours => {
      const { dueAt, warnings } = schedule(customerClock(hours), declared)
      for (const warning of warnings) expect(warning.at > declared && warning.at < dueAt).toBe(true)
      expect(warnings.map(warning => warning.at)).toEqual(warnings.map(warning => warning.at).sort())
    }),
  )
})

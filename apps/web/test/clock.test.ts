import { expect, test } from 'vitest'
import { ServerClock } from '../src/parts/clock.ts'
import { clockText } from '../src/shell/clock-text.ts'

const second = (at: number) => new Date(at).toUTCString()
const start = Date.parse('2026-11-27T12:00:00Z')

test('times are those of the server, whatever the clock of the device says', () => {
  const clock = new ServerClock()
  expect(clock.at(start), 'nothing is known yet').toBe(start)
  const ahead = 3_600_000
  // The device is an hour behind; requests take 80 ms, and each says the second alone.
  for (let here = start; here < start + 10_000; here += 1_370) clock.hear(second(here + ahead + 40), here, here + 80)
  expect(Math.abs(clock.at(start) - (start + ahead))).toBeLessThan(500)
})

test('a device whose clock is right is left as it is, and one that is set meanwhile is followed', () => {
  const clock = new ServerClock()
  clock.hear(second(start + 300), start, start + 600)
  clock.hear(null, start, start + 600)
  clock.hear('tomorrow', start, start + 600)
  expect(clock.at(start)).toBe(start)
  clock.hear(second(start - 86_400_000), start + 5_000, start + 5_050)
  expect(Math.abs(clock.at(start + 5_000) - (start - 86_400_000))).toBeLessThan(1_000)
})

// m2: 999 of "and 999 more · incident 2" were of another one.
test('the deadline on every page names the incident that it is of, and counts the others without saying that they are of it', () => {
  const incident = { id: 'i', number: 2, title: 'Leak', isClosed: false, executiveId: null }
  const customer = { id: 'c', name: 'Delayed Ltd' }
  expect(clockText({ kind: 'initial', customer, incident }, 999)).toBe('to notify Delayed Ltd · incident 2, and 999 more due')
  expect(clockText({ kind: 'update', customer, incident }, 0)).toBe('to update Delayed Ltd · incident 2')
  expect(clockText({ kind: 'scope', customer: null, incident }, 0)).toBe('to list the affected customers · incident 2')
})

import { expect, test } from 'vitest'
import { ServerClock } from '../src/parts/clock.ts'

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

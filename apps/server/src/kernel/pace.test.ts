import { expect, test } from 'vitest'
import { Pace } from './pace.ts'

test('pieces pass at the rate, of each sender in turn: who opens many connections keeps nobody waiting', async () => {
  const pace = new Pace(1_000_000)
  const passed: string[] = []
  const began = performance.now()
  const send = (sender: string, n: number) => pace.pass(10_000, sender).then(() => void passed.push(`${sender} ${n}`))
  const all = [...Array.from({ length: 20 }, (_, n) => send('many', n)), send('one', 0), send('one', 1)]
  await Promise.all(all)
  expect(passed.slice(0, 5)).toEqual(['many 0', 'many 1', 'one 0', 'many 2', 'one 1'])
  expect(passed).toHaveLength(22)
  expect(performance.now() - began).toBeGreaterThan(200)
  await send('many', 20)
  expect(passed.at(-1)).toBe('many 20')
})

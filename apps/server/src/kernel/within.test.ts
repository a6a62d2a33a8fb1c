import { expect, test } from 'vitest'
import { withinMs } from './within.ts'

test('what comes in time is given; what is late, or never comes, is not waited for, and its failure is nobody’s', async () => {
  expect(await withinMs(1_000, Promise.resolve(1))).toBe(1)
  await expect(withinMs(1_000, Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  const late = Promise.withResolvers<number>()
  await expect(withinMs(1, late.promise)).rejects.toThrow('not done within 1 ms')
  late.reject(new Error('too late'))
  await new Promise(resolve => setTimeout(resolve, 5))
})

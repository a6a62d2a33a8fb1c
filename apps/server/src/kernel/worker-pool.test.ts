import { afterEach, beforeEach, expect, test } from 'vitest'
import type { testTasks } from '../../test/worker-tasks.ts'
import { WorkerFailure, WorkerPool } from './worker-pool.ts'

let pool: WorkerPool<typeof testTasks>
beforeEach(() => {
  pool = new WorkerPool(new URL('../../test/worker-tasks.ts', import.meta.url), { workers: 2, maxQueued: 4, deadlineMs: 1_500, memoryMb: 64 })
})
afterEach(() => pool.close())

const double = (number: number) => pool.run('double', { number })

test('work is done in order, also of more than there are workers', async () => {
  expect(await Promise.all([1, 2, 3, 4, 5].map(double))).toEqual([2, 4, 6, 8, 10])
})

test('what a task refuses is told to whoever asked', async () => {
  await expect(pool.run('refuse', { sentence: 'body: is wrong.' })).rejects.toMatchObject({
    kind: 'invalid',
    message: 'body: is wrong.',
    errors: [{ path: 'body', message: 'is wrong' }],
  })
})

test.each([
  ['hang', 'it took longer than 1.5 seconds'],
  ['fill', 'it needed more than 64 MB of memory'],
  ['fail', 'TypeError: a fault of the parser'],
] as const)('an input at which a task would %s fails alone; its worker is replaced and holds up nothing', async (task, reason) => {
  expect(await double(1)).toBe(2)
  const failing = expect(pool.run(task, {})).rejects.toEqual(new WorkerFailure(reason))
  expect(await Promise.all([2, 3, 4].map(double))).toEqual([4, 6, 8])
  await failing
  const all = await Promise.allSettled([pool.run(task, {}), pool.run(task, {}), double(5)])
  expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
})

test('beyond the queue, work is refused at once', async () => {
  const taken = [pool.run('hang', {}), pool.run('hang', {}), ...[1, 2, 3, 4].map(double)]
  await expect(double(5)).rejects.toMatchObject({ kind: 'too-many', retryAfterSeconds: 5 })
  expect((await Promise.allSettled(taken)).map(({ status }) => status)).toEqual(['rejected', 'rejected', ...Array(4).fill('fulfilled')])
})

test('closing ends what is being done', async () => {
  const hanging = expect(pool.run('hang', {})).rejects.toBeInstanceOf(WorkerFailure)
  await pool.close()
  await hanging
  await expect(double(1)).rejects.toBeInstanceOf(WorkerFailure)
})

import { getPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
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

test('memory is handed over and comes back; a buffer that shares its memory is copied', async () => {
  const own = Buffer.from(new Uint8Array(100_000).fill(7).buffer)
  const shared = own.subarray(0, 10)
  expect((await pool.run('back', { bytes: shared }, shared)).bytes).toHaveLength(10)
  expect(own).toHaveLength(100_000)
  expect((await pool.run('back', { bytes: own }, own)).bytes).toEqual(new Uint8Array(100_000).fill(7))
  expect(own, 'is gone here').toHaveLength(0)
})

test('a worker that has nothing to do is ended, and another takes its place when there is', async () => {
  const short = new WorkerPool<typeof testTasks>(new URL('../../test/worker-tasks.ts', import.meta.url), {
    ...{ workers: 1, maxQueued: 4, deadlineMs: 1_500, memoryMb: 64, idleMs: 50 },
  })
  const first = await short.run('thread', {})
  expect(await short.run('thread', {})).toBe(first)
  await sleep(200)
  expect(await short.run('thread', {})).not.toBe(first)
  await short.close()
})

test('a worker that fails once it has answered takes nothing with it, neither this process nor the next input', async () => {
  const single = new WorkerPool<typeof testTasks>(new URL('../../test/worker-tasks.ts', import.meta.url), {
    ...{ workers: 1, maxQueued: 4, deadlineMs: 1_500, memoryMb: 64 },
  })
  const first = await single.run('failLater', {})
  await sleep(150)
  expect(await single.run('thread', {})).not.toBe(first)
  await single.close()
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

test.runIf(process.platform === 'linux')('large inputs are read with less priority than everything else has', async () => {
  const own = getPriority()
  expect(await pool.run('priority', {})).toBe(own + 10)
  expect(getPriority()).toBe(own)
})

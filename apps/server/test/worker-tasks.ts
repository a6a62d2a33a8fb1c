import { readlinkSync } from 'node:fs'
import { getPriority } from 'node:os'
import { basename } from 'node:path'
import { threadId } from 'node:worker_threads'
import { AppProblem } from '../src/kernel/problems.ts'
import { serve } from '../src/kernel/worker.ts'

/** What a test asks of a worker. */
export const testTasks = {
  /** Of this thread. */
  priority: (_: object) => getPriority(Number(basename(readlinkSync('/proc/thread-self')))),
  double: ({ number }: { number: number }) => 2 * number,
  thread: (_: object) => threadId,
  back: ({ bytes }: { bytes: Uint8Array }) => ({ bytes }),
  refuse: ({ sentence }: { sentence: string }): never => {
    throw new AppProblem('invalid', sentence, [{ path: 'body', message: 'is wrong' }])
  },
  fail: (_: object): never => {
    throw new TypeError('a fault of the parser')
  },
  failLater: (_: object) => {
    setTimeout(() => {
      throw new TypeError('a fault after the answer')
    }, 20)
    return threadId
  },
  hang: (_: object): never => {
    for (;;);
  },
  fill: (_: object): never => {
    const kept: number[][] = []
    for (;;) kept.push(Array<number>(100_000).fill(1.5))
  },
}
serve(testTasks)

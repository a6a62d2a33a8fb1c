import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { runCommand } from './command.ts'

const run = (script: string, deadlineMs: number) =>
  runCommand({ name: '/bin/sh', args: ['-c', script], env: { PATH: process.env.PATH }, folder: '/tmp' }, AbortSignal.timeout(deadlineMs))
const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe.concurrent('a command', () => {
  test('has ended when it has, also where a daemon that it started keeps its output open', async () => {
    const { code, answer } = await run('setsid sleep 30 & echo $!; exit 1', 10_000)
    expect(code).toBe(1)
    process.kill(Number(answer), 'SIGKILL')
  })

  test('takes a helper with it that keeps its output open', async () => {
    const { code, answer } = await run('sleep 30 & echo $!', 10_000)
    expect(code).toBe(0)
    for (let left = 100; isRunning(Number(answer)) && left > 0; left -= 1) await sleep(20)
    expect(isRunning(Number(answer))).toBe(false)
  })

  test('is ended at the deadline, whoever keeps its output open, and whatever it does about being asked to', async () => {
    await expect(run('setsid sleep 3 & wait', 200)).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(run('trap "" TERM; sleep 30', 200)).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  test('is read up to a bound; one that a signal ended has no exit code', async () => {
    const { code, answer, complaint } = await run('head -c 50000000 /dev/zero; echo no >&2; kill -9 $$', 10_000)
    expect({ code, length: answer.length, complaint }).toEqual({ code: null, length: 10_000, complaint: 'no\n' })
    await expect(runCommand({ name: '/nothing/there', args: [], env: {}, folder: '/tmp' }, AbortSignal.timeout(1_000))).rejects.toThrow('ENOENT')
  })
})

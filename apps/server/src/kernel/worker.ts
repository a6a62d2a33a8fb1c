import { existsSync, readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { basename } from 'node:path'
import { parentPort } from 'node:worker_threads'
import type { FieldError, ProblemKind } from '@tocsin/api'
import { AppProblem } from './problems.ts'

/** What a worker can do, by name: functions of plain data. */
export type Tasks = Readonly<Record<string, (input: never) => unknown>>

/** What a worker answers. */
export type Reply =
  | { readonly value: unknown }
  | { readonly problem: { readonly kind: ProblemKind; readonly detail: string; readonly errors?: readonly FieldError[] } }

/** Does tasks for a `WorkerPool`, one after the other. What a task refuses is told; what it throws otherwise ends the thread, which is replaced. */
export function serve(tasks: Tasks): void {
  yieldProcessors()
  // biome-ignore lint/plugin: the pool has checked the input against the task
  const run = (task: string, input: unknown) => tasks[task]?.(input as never)
  parentPort?.on('message', async ({ task, input }: { task: string; input: unknown }) => {
    const answer = await reply(() => run(task, input))
    parentPort?.postMessage(answer, 'value' in answer ? memoryIn(answer.value) : [])
  })
}

/** Threads that read large inputs are so much nicer than the process: the answers to everybody else come first where processors are short. */
const nicer = 10
const lowestPriority = 19
/** Where Linux says which thread this is. */
const ownThread = '/proc/thread-self'

/** On Linux threads have priorities of their own; elsewhere only processes have, and this one must keep its own. */
export function yieldProcessors(): void {
  if (!existsSync(ownThread)) return
  const thread = Number(basename(readlinkSync(ownThread)))
  setPriority(thread, Math.min(lowestPriority, getPriority(thread) + nicer))
}

/** The memory of what is given back, or of its members, is handed over instead of copied. */
function memoryIn(value: unknown): ArrayBuffer[] {
  const parts = value instanceof Uint8Array || typeof value !== 'object' || value === null ? [value] : Object.values(value)
  return [...new Set(parts.flatMap(part => (part instanceof Uint8Array ? memoryOf(part) : [])))]
}

/** The memory of a buffer that shares it with no other. */
export function memoryOf(bytes: Uint8Array): ArrayBuffer[] {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer] : []
}

async function reply(work: () => unknown): Promise<Reply> {
  try {
    return { value: await work() }
  } catch (error) {
    if (!(error instanceof AppProblem)) throw error
    return { problem: { kind: error.kind, detail: error.message, ...(error.errors === undefined ? {} : { errors: error.errors }) } }
  }
}

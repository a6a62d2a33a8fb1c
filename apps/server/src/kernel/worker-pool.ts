import { Worker } from 'node:worker_threads'
import { AppProblem } from './problems.ts'
import type { Reply, Tasks } from './worker.ts'

/** An input at which a worker reached a limit, or failed: a sentence about the input. */
export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure'
}

interface Limits {
  readonly workers: number
  /** Inputs that wait for a worker; beyond it they are refused. */
  readonly maxQueued: number
  /** An input that takes longer ends its worker. */
  readonly deadlineMs: number
  /** Memory of one worker; an input that needs more ends it. */
  readonly memoryMb: number
}

interface Job {
  readonly task: string
  readonly input: unknown
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Busy, with more to do than fits into the queue. */
class TooBusy extends AppProblem {
  override readonly retryAfterSeconds = 5
  constructor() {
    super('too-many', 'Too many large requests are being read. Try again in a few seconds.')
  }
}

/**
 * Reads what strangers send on threads of their own, so that nothing else waits for it. Each input has a deadline and a share of memory; one that goes beyond
 * either fails alone: its worker is ended, and the next input gets a new one. Workers start when they are needed.
 */
export class WorkerPool<T extends Tasks> {
  readonly #script: URL
  readonly #limits: Limits
  readonly #idle: Worker[] = []
  readonly #busy = new Set<Worker>()
  readonly #queue: Job[] = []
  #isClosed = false

  /** @param script a module that calls `serve` with the tasks */
  constructor(script: URL, limits: Limits) {
    this.#script = script
    this.#limits = limits
  }

  /**
   * @throws AppProblem as the task does, or too-many
   * @throws WorkerFailure
   */
  run<Name extends keyof T & string>(task: Name, input: Parameters<T[Name]>[0]): Promise<Awaited<ReturnType<T[Name]>>> {
    if (this.#isClosed) return Promise.reject(new WorkerFailure('the server is stopping'))
    if (this.#queue.length >= this.#limits.maxQueued) return Promise.reject(new TooBusy())
    return new Promise<Awaited<ReturnType<T[Name]>>>((resolve, reject) => {
      this.#queue.push({ task, input, resolve: value => resolve(value as Awaited<ReturnType<T[Name]>>), reject })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#queue.splice(0)) job.reject(new WorkerFailure('the server is stopping'))
    await Promise.all([...this.#idle, ...this.#busy].map(worker => worker.terminate()))
  }

  #next(): void {
    if (this.#isClosed || this.#queue.length === 0 || (this.#idle.length === 0 && this.#busy.size >= this.#limits.workers)) return
    const job = this.#queue.shift()
    if (job === undefined) return
    const worker = this.#idle.pop() ?? this.#started()
    this.#busy.add(worker)
    this.#work(worker, job)
  }

  #started(): Worker {
    const { memoryMb } = this.#limits
    const worker = new Worker(this.#script, { resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 32 } })
    // Nothing waits for one that has nothing to do.
    worker.unref()
    return worker
  }

  #work(worker: Worker, job: Job): void {
    const { deadlineMs, memoryMb } = this.#limits
    let failure = 'the thread that read it ended'
    const deadline = setTimeout(() => {
      failure = `it took longer than ${deadlineMs / 1_000} seconds`
      void worker.terminate()
    }, deadlineMs)
    const failed = (error: NodeJS.ErrnoException) => {
      failure = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? `it needed more than ${memoryMb} MB of memory` : `${error.name}: ${error.message}`
    }
    const finished = () => {
      clearTimeout(deadline)
      worker.off('message', answered)
      worker.off('error', failed)
      worker.off('exit', ended)
      this.#busy.delete(worker)
    }
    const answered = (reply: Reply) => {
      finished()
      this.#idle.push(worker)
      if ('problem' in reply) job.reject(new AppProblem(reply.problem.kind, reply.problem.detail, reply.problem.errors))
      else job.resolve(reply.value)
      this.#next()
    }
    // Comes after every error, also when the thread ran out of memory or was ended.
    const ended = () => {
      finished()
      job.reject(new WorkerFailure(this.#isClosed ? 'the server is stopping' : failure))
      this.#next()
    }
    worker.on('message', answered)
    worker.on('error', failed)
    worker.on('exit', ended)
    try {
      worker.postMessage({ task: job.task, input: job.input })
    } catch (error) {
      finished()
      this.#idle.push(worker)
      job.reject(error instanceof Error ? error : new Error(String(error)))
      this.#next()
    }
  }
}

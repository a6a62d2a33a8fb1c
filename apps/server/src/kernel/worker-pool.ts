import { Worker } from 'node:worker_threads'
import { AppProblem } from './problems.ts'
import { memoryOf, type Reply, type Tasks } from './worker.ts'

/** So much is read where it arrives, in at most some milliseconds (test/linear.test.ts): to hand it to a worker would take longer. */
export const maxHereBytes = 65_536
/** For the JSON of requests: one at a time, as workers share the processors with everything else. */
export const bodyLimits: Limits = { workers: 1, maxQueued: 64, deadlineMs: 10_000, memoryMb: 192 }

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
  /** A worker that has nothing to do for so long is ended: its memory is given back. */
  readonly idleMs?: number
}

interface Job {
  readonly task: string
  readonly input: unknown
  readonly moved: readonly ArrayBuffer[]
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
  /** With the timer that ends each. */
  readonly #idle = new Map<Worker, NodeJS.Timeout>()
  readonly #busy = new Set<Worker>()
  readonly #queue: Job[] = []
  #isClosed = false

  /** @param script a module that calls `serve` with the tasks */
  constructor(script: URL, limits: Limits) {
    this.#script = script
    this.#limits = limits
  }

  /**
   * @param moved memory of the input that is handed over instead of copied: it is gone here
   * @throws AppProblem as the task does, or too-many
   * @throws WorkerFailure
   */
  run<Name extends keyof T & string>(task: Name, input: Parameters<T[Name]>[0], moved?: Uint8Array): Promise<Awaited<ReturnType<T[Name]>>> {
    if (this.#isClosed) return Promise.reject(new WorkerFailure('the server is stopping'))
    if (this.#queue.length >= this.#limits.maxQueued) return Promise.reject(new TooBusy())
    return new Promise<Awaited<ReturnType<T[Name]>>>((resolve, reject) => {
      this.#queue.push({
        task,
        input,
        moved: moved === undefined ? [] : memoryOf(moved),
        resolve: value => resolve(value as Awaited<ReturnType<T[Name]>>),
        reject,
      })
      this.#next()
    })
  }

  /**
   * The same for what somebody sent, who is told where a worker reaches its limits at it.
   * @throws AppProblem
   */
  async request<Name extends keyof T & string>(task: Name, input: Parameters<T[Name]>[0], moved?: Uint8Array): Promise<Awaited<ReturnType<T[Name]>>> {
    try {
      return await this.run(task, input, moved)
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error
      throw new AppProblem('too-large', `This could not be read: ${error.message}. Nothing was stored. Send less at once.`)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#queue.splice(0)) job.reject(new WorkerFailure('the server is stopping'))
    for (const timer of this.#idle.values()) clearTimeout(timer)
    await Promise.all([...this.#idle.keys(), ...this.#busy].map(worker => worker.terminate()))
  }

  #next(): void {
    if (this.#isClosed || this.#queue.length === 0 || (this.#idle.size === 0 && this.#busy.size >= this.#limits.workers)) return
    const job = this.#queue.shift()
    if (job === undefined) return
    const worker = this.#woken() ?? this.#started()
    this.#busy.add(worker)
    this.#work(worker, job)
  }

  #woken(): Worker | undefined {
    const [worker] = this.#idle.keys()
    if (worker === undefined) return undefined
    clearTimeout(this.#idle.get(worker))
    this.#idle.delete(worker)
    return worker
  }

  #rest(worker: Worker): void {
    const end = () => {
      this.#idle.delete(worker)
      void worker.terminate()
    }
    this.#idle.set(worker, setTimeout(end, this.#limits.idleMs ?? 10_000).unref())
  }

  #started(): Worker {
    const { memoryMb } = this.#limits
    const worker = new Worker(this.#script, { resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 32 } })
    // Nothing waits for one that has nothing to do.
    worker.unref()
    // One may also end between two inputs. What ended it is told with an input, if there is one.
    worker.on('error', () => undefined)
    worker.once('exit', () => {
      clearTimeout(this.#idle.get(worker))
      this.#idle.delete(worker)
    })
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
      this.#rest(worker)
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
      worker.postMessage({ task: job.task, input: job.input }, job.moved)
    } catch (error) {
      finished()
      this.#rest(worker)
      job.reject(error instanceof Error ? error : new Error(String(error)))
      this.#next()
    }
  }
}

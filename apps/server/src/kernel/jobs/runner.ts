import type { Clock, Instant } from '../clock.ts'
import type { Database, Tx } from '../database.ts'
import { endedBy } from '../deadline.ts'
import { type Log, type Metrics, openGauge, sentenceOf } from '../telemetry.ts'
import { type CallHandler, type Claimed, Handled, type JobHandler, maxAttempts, type Registered, UnreadableJob } from './handlers.ts'
import type { JobKind, Lane } from './lanes.ts'
import { WorkerLease } from './lease.ts'
import { LanePlaces } from './places.ts'
import { JobQueue } from './queue.ts'
import { jobsChannel } from './schedule.ts'

/** Jobs that are due and leased to another worker are looked at so often: it may die. */
const takeoverMs = 500
/** What is done when the runner stops has so long to end by itself. */
const stopMs = 5_000

/** The lane's deadline passed. */
class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed'
}

export interface RunnerOptions {
  /** Which lanes this process runs; default all. */
  readonly runs?: ((lane: Lane) => boolean) | undefined
  /** Other deadlines than the lanes' own, by the lane's name. */
  readonly deadlineSeconds?: Readonly<Record<string, number>> | undefined
  /** The longest pause between two looks at the jobs; default 15 s. */
  readonly idleMs?: number | undefined
}

/**
 * Runs jobs when they are due: a loop of SKIP LOCKED, woken by NOTIFY and by a timer set to the next due job, because pages must be
 * sent within a second and polling runners were late by up to that. Each job is leased to its worker, see `WorkerLease`.
 */
export class JobRunner {
  readonly #database: Database
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #options: RunnerOptions
  readonly #kinds = new Map<string, Registered>()
  readonly #lanes = new Map<string, LanePlaces>()
  readonly #kept = new Map<string, (tx: Tx) => Promise<void>>()
  readonly #idleMs: number
  #keptAt = Number.NEGATIVE_INFINITY
  readonly #lease: WorkerLease
  readonly #queue: JobQueue
  #timer: NodeJS.Timeout | undefined
  /** What this worker has not done with yet, by the job's id. */
  readonly #running = new Map<string, { readonly ended: Promise<void>; readonly controller: AbortController }>()
  #draining: Promise<void> | undefined
  #isWoken = false
  #isStopped = true
  /** Ends the transactions of what takes long when the runner stops. */
  #stopping = new AbortController()

  constructor(database: Database, clock: Clock, log: Log, metrics: Metrics, options: RunnerOptions = {}) {
    this.#database = database
    this.#log = log
    this.#metrics = metrics
    this.#options = options
    this.#idleMs = options.idleMs ?? 15_000
    this.#lease = new WorkerLease(database.url, log)
    this.#queue = new JobQueue(database, clock, this.#lease.worker, () => [...this.#running.keys()])
    const byLane = { label: 'lane' }
    openGauge(metrics.registry, log, { name: 'tocsin_jobs_running', help: 'Running jobs by lane', ...byLane }, async () =>
      [...this.#lanes.values()].map(({ lane, taken }) => [lane.name, taken.size]),
    )
    openGauge(
      metrics.registry,
      log,
      { name: 'tocsin_jobs_oldest_due_seconds', help: 'Delay of the oldest due job that is not running, by lane', ...byLane },
      () => this.#queue.oldestDue([...this.#lanes.values()]),
    )
  }

  /** Says what jobs of a kind do that call nobody. */
  register<Data>(kind: JobKind<Data>, { run, runAll, ...rest }: JobHandler<Data>): void {
    this.registerCall(kind, {
      ...rest,
      before: async () => undefined,
      ...(run ? { run: (tx, data) => run(tx, data) } : {}),
      ...(runAll
        ? {
            runAll: (tx, all) =>
              runAll(
                tx,
                all.map(one => one.data),
              ),
          }
        : {}),
    })
  }

  /** Says what jobs of a kind do that call the outside world. */
  registerCall<Data, Outcome>(kind: JobKind<Data>, handler: CallHandler<Data, Outcome>): void {
    const { lane } = kind
    const handled = new Handled(kind, handler, (ids, signal, work) => this.#queue.take(ids, AbortSignal.any([signal, this.#stopping.signal]), work))
    this.#kinds.set(kind.kind, handled)
    if (!this.runs(lane) || this.#lanes.has(lane.name)) return
    this.#lanes.set(lane.name, new LanePlaces(lane, this.#options.deadlineSeconds?.[lane.name] ?? lane.deadlineSeconds))
  }

  /**
   * Says that a job of this kind is always to be scheduled, under the kind's name as its key: where there is none, because it was given up or deleted,
   * `scheduleNext` does it. That is looked at when the runner starts and at least every 15 seconds.
   */
  keep<Data>({ kind, lane }: JobKind<Data>, scheduleNext: (tx: Tx) => Promise<void>): void {
    if (this.runs(lane)) this.#kept.set(kind, scheduleNext)
  }

  /** True for a lane whose jobs this process runs. */
  runs(lane: Lane): boolean {
    return this.#options.runs?.(lane) ?? true
  }

  async start(): Promise<void> {
    this.#isStopped = false
    this.#stopping = new AbortController()
    await this.#lease.start()
    await this.#queue.moveLanes([...this.#kinds.values()])
    await this.#scheduleMissing()
    this.#database.listen(jobsChannel, () => this.wake())
    this.wake()
  }

  /** Stops taking jobs and waits for those that run; what takes long is ended, and done again by the next worker. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#draining
    const end = setTimeout(() => {
      const reason = new Error('the server is stopping')
      this.#stopping.abort(reason)
      for (const { controller } of this.#running.values()) controller.abort(reason)
    }, stopMs)
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
    clearTimeout(end)
    await this.#lease.stop()
  }

  wake(): void {
    if (this.#isStopped) return
    this.#isWoken = true
    if (!this.#draining) {
      this.#draining = this.#loop().finally(() => {
        this.#draining = undefined
        if (this.#isWoken) this.wake()
      })
    }
  }

  /** Runs all that is due now, to the last. Tests call it after moving time. */
  async drain(): Promise<void> {
    this.wake()
    while (this.#draining || this.#running.size > 0) await (this.#draining ?? Promise.all([...this.#running.values()].map(({ ended }) => ended)))
  }

  /** When the next job of this process's lanes is due that does not run yet, or undefined without one. */
  async nextDueAt(): Promise<Instant | undefined> {
    return this.#queue.nextDueAt([...this.#lanes.values()])
  }

  async #loop(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      while (this.#isWoken && !this.#isStopped) {
        this.#isWoken = false
        const open = [...this.#lanes.values()].filter(places => places.free > 0)
        // When a job ends its place is free, and what is due is looked for again.
        if (open.length === 0) return
        const claimed = await this.#queue.claim(open)
        for (const job of claimed) this.#begin(job)
        // Of a lane whose destinations are bounded only a part may have been looked at.
        if (claimed.some(job => this.#lanes.get(job.lane)?.lane.placesPerDestination !== undefined)) this.#isWoken = true
      }
      await this.#sleep()
    } catch (error) {
      this.#log.error({ err: error }, 'jobs cannot be read; retrying')
      this.#wakeIn(1_000)
    }
  }

  /** Starts a job. At the deadline its place is free, whatever it does; its row is another's only when this worker is done with it. */
  #begin(job: Claimed): void {
    const places = this.#lanes.get(job.lane)
    if (places === undefined) throw new Error(`a job of the lane ${job.lane} was claimed, which does not run here`)
    const controller = new AbortController()
    const { signal } = controller
    places.taken.set(job.id, job.destination)
    signal.addEventListener('abort', () => {
      places.taken.delete(job.id)
      this.wake()
    })
    const deadline = setTimeout(() => {
      this.#metrics.jobDeadlines.inc({ lane: job.lane })
      controller.abort(new DeadlinePassed(`It took longer than ${places.deadlineMs / 1_000} s.`))
    }, places.deadlineMs)
    const ended = this.#run(job, signal, places, () => clearTimeout(deadline))
      .catch((error: unknown) => this.#log.error({ err: error, kind: job.kind }, 'the result of a job could not be stored; it will run again'))
      .finally(() => {
        places.taken.delete(job.id)
        this.#running.delete(job.id)
        this.wake()
      })
    this.#running.set(job.id, { ended, controller })
  }

  async #run(job: Claimed, signal: AbortSignal, places: LanePlaces, isOver: () => void): Promise<void> {
    const registered = this.#kinds.get(job.kind)
    try {
      if (!registered) throw new Error(`no handler for jobs of kind ${job.kind}`)
      await endedBy(registered.run(job, { attempt: job.attempts, signal }, places), signal)
      this.#metrics.jobs.inc({ kind: job.kind, result: 'done' })
    } catch (error) {
      isOver()
      await this.#failed(job, registered, error)
    } finally {
      isOver()
    }
  }

  async #failed(job: Claimed, registered: Registered | undefined, error: unknown): Promise<void> {
    // The next worker does what this one left; it is no attempt that failed.
    if (this.#isStopped) return
    const sentence = sentenceOf(error)
    const attempts = job.attempts + 1
    const isUnreadable = error instanceof UnreadableJob
    const isLast = isUnreadable || attempts >= (registered?.attempts ?? maxAttempts)
    const { kind, key, lane } = job
    this.#metrics.jobs.inc({ kind, result: isLast ? 'given up' : 'failed' })
    // A key may hold ids, never content.
    if (isLast) this.#log.error({ err: error, kind, lane, jobKey: key, attempts }, 'a job failed permanently')
    else this.#log.warn({ err: error, kind, lane, attempts }, 'a job failed; retrying')
    if (!isLast) return this.#queue.retry(job.id, attempts, sentence)
    try {
      await this.#queue.giveUp(job.id, async tx => {
        if (!isUnreadable) await registered?.giveUp(tx, job, sentence)
        if (key === kind) await this.#kept.get(kind)?.(tx)
      })
    } catch (fault) {
      // Left as it is, it would be claimed again at once, and again.
      this.#log.error({ err: fault, kind, lane }, 'a job could not be given up; retrying')
      await this.#queue.retry(job.id, attempts, sentence)
    }
  }

  async #scheduleMissing(): Promise<void> {
    if (performance.now() - this.#keptAt < this.#idleMs) return
    this.#keptAt = performance.now()
    const missing = await this.#queue.missing([...this.#kept.keys()])
    if (missing.length === 0) return
    await this.#database.transaction(async tx => {
      for (const kind of missing) await this.#kept.get(kind)?.(tx)
    })
  }

  async #sleep(): Promise<void> {
    if (this.#isStopped) return
    await this.#scheduleMissing()
    const idleMs = this.#idleMs
    const { free = idleMs, any = idleMs } = await this.#queue.nextDueIn([...this.#lanes.values()].filter(places => places.free > 0))
    this.#wakeIn(Math.max(20, Math.min(idleMs, free, Math.max(takeoverMs, any))))
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    if (!this.#isStopped) this.#timer = setTimeout(() => this.wake(), ms)
  }
}

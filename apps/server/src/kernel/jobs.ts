import { randomInt } from 'node:crypto'
import { and, eq, inArray, sql } from 'drizzle-orm'
import pg from 'pg'
import { addSeconds, type Clock, type Instant } from './clock.ts'
import { type Database, patience, type Reader, type Tx } from './database.ts'
import { newId } from './ids.ts'
import { jobs } from './tables.ts'
import type { Log, Metrics } from './telemetry.ts'

/**
 * What a kind of job does. `before` may call the outside world (outside any transaction, so that a slow peer holds no lock);
 * `run` is the effect, in the transaction that also removes the job. After a crash between the two, `before` happens again:
 * it must carry an id that its receiver can tell a repetition by.
 */
export interface JobHandler<Data, Outcome> {
  before?(data: Data, attempt: number): Promise<Outcome>
  run?(tx: Tx, data: Data, outcome: Outcome): Promise<void>
  /**
   * Instead of `run`: the effect of many at once, in one transaction, for kinds that come in thousands. All that are ready when a transaction
   * ends go into the next one. Where it fails each is tried alone, so that one bad one does not stand in the way of the others.
   */
  runAll?(tx: Tx, all: readonly { readonly data: Data; readonly outcome: Outcome }[]): Promise<void>
  /** Called in a transaction when no attempt is left. */
  giveUp?(tx: Tx, data: Data, error: string): Promise<void>
  /** Attempts before it is given up; default 1000, at growing distances of a minute at most. */
  readonly attempts?: number
}

const channel = 'tocsin_jobs'
const leaseClass = 7_236_002
/** Jobs that run at once. A slow peer takes up one of these places and holds up no other job. */
const places = 96
/** Transactions at once: the pool of connections is for others too. */
const transactionsAtOnce = 6
/** The most that go into one transaction. */
const maxBatchSize = 200
const idleMs = 15_000

export interface NewJob {
  readonly kind: string
  /** At most one job has a key. */
  readonly key: string
  readonly runAt: Instant
  readonly data: unknown
}

/** Sees to it that a job runs at `runAt`. A job with the same key is replaced. */
export async function schedule(tx: Tx, job: NewJob): Promise<void> {
  await scheduleAll(tx, [job])
}

/** Schedules many jobs, no two of the same key. */
export async function scheduleAll(tx: Tx, all: readonly NewJob[]): Promise<void> {
  if (all.length === 0) return
  const taken = (column: string) => sql.raw(`excluded.${column}`)
  await tx.db
    .insert(jobs)
    .values(
      all.map(({ kind, key, runAt, data }) => ({ id: newId(), kind, key, runAt, scheduledAt: tx.now, data, attempts: 0, lastError: null, leasedBy: null })),
    )
    .onConflictDoUpdate({
      target: jobs.key,
      set: {
        ...{ id: taken('id'), kind: taken('kind'), data: taken('data'), runAt: taken('run_at'), scheduledAt: taken('scheduled_at') },
        ...{ attempts: 0, lastError: null, leasedBy: null },
      },
    })
  await tx.db.execute(sql`select pg_notify(${channel}, '')`)
}

/** Cancels the jobs with these keys, where they have not run. */
export async function cancel(tx: Tx, ...keys: readonly string[]): Promise<void> {
  if (keys.length > 0) await tx.db.delete(jobs).where(inArray(jobs.key, [...keys]))
}

/** A job whose `before` is done. */
interface Ready {
  readonly job: Claimed
  readonly outcome: unknown
}

/** Lets so many through at once; the others wait in order. */
class Gate {
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(width: number) {
    this.#free = width
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>(resolve => this.#queue.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#queue.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}

interface Claimed {
  id: string
  kind: string
  data: unknown
  attempts: number
}

/**
 * Runs jobs when they are due: a loop of SKIP LOCKED, woken by NOTIFY and by a timer set to the next due job, because pages are
 * promised within a second and polling runners were late by up to that. A job is leased to a worker by the number of an
 * advisory lock: when the worker dies, PostgreSQL frees the lock, and another takes the job at once.
 */
export class JobRunner {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #handlers = new Map<string, JobHandler<never, unknown>>()
  readonly #worker = randomInt(1, 2 ** 31 - 1)
  #lease: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  /** What this worker runs now, by the job's id. */
  readonly #running = new Map<string, Promise<void>>()
  readonly #gate = new Gate(transactionsAtOnce)
  /** Jobs whose kind takes many at once, by kind. */
  readonly #waiting = new Map<string, (Ready & { resolve: () => void; reject: (error: unknown) => void })[]>()
  #draining: Promise<void> | undefined
  #isWoken = false
  #isStopped = true

  constructor(database: Database, clock: Clock, log: Log, metrics: Metrics) {
    this.#database = database
    this.#clock = clock
    this.#log = log
    this.#metrics = metrics
  }

  register<Data, Outcome = undefined>(kind: string, handler: JobHandler<Data, Outcome>): void {
    this.#handlers.set(kind, handler as JobHandler<never, unknown>)
  }

  async start(): Promise<void> {
    this.#isStopped = false
    await this.#holdLease()
    this.#database.listen(channel, () => this.wake())
    this.wake()
  }

  /** Stops taking jobs and waits for those that run. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#draining
    await Promise.all(this.#running.values())
    await this.#lease?.end()
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
    while (this.#draining || this.#running.size > 0) await (this.#draining ?? Promise.all(this.#running.values()))
  }

  /** When the next job is due that does not run yet, or undefined without one. */
  async nextDueAt(): Promise<Instant | undefined> {
    const [next] = await this.#database
      .reader()
      .db.select({ at: sql<string | null>`min(${jobs.runAt})` })
      .from(jobs)
      .where(sql`not ${jobs.id} = any(${sql.param([...this.#running.keys()])}::uuid[])`)
    return next?.at ? new Date(next.at).toISOString() : undefined
  }

  async #holdLease(): Promise<void> {
    const lease = new pg.Client({ connectionString: this.#database.url, ...patience })
    this.#lease = lease
    lease.on('error', error => {
      this.#log.warn({ err: error }, 'the lease connection was lost; it is taken again')
      if (this.#lease === lease) this.#regainLease()
    })
    await lease.connect()
    await lease.query('select pg_advisory_lock($1, $2)', [leaseClass, this.#worker])
  }

  /** Again and again, until the database is back. */
  #regainLease(): void {
    this.#lease = undefined
    if (this.#isStopped) return
    setTimeout(() => {
      if (this.#isStopped) return
      this.#holdLease().catch((error: unknown) => {
        this.#log.warn({ err: error }, 'the lease cannot be taken yet')
        this.#regainLease()
      })
    }, 250)
  }

  async #loop(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      while (this.#isWoken && !this.#isStopped) {
        this.#isWoken = false
        if (this.#running.size >= places) return
        for (const job of await this.#claim()) this.#begin(job)
      }
      await this.#sleep()
    } catch (error) {
      this.#log.error({ err: error }, 'jobs cannot be read; trying again')
      this.#wakeIn(1_000)
    }
  }

  /** Starts a job; when it has ended its place is free, and what else is due is looked for. */
  #begin(job: Claimed): void {
    const running = this.#run(job)
      .catch((error: unknown) => this.#log.error({ err: error, kind: job.kind }, 'the database did not take the end of a job; it is claimed again'))
      .finally(() => {
        this.#running.delete(job.id)
        this.wake()
      })
    this.#running.set(job.id, running)
  }

  /** Takes what is due and nobody runs: jobs without a lease, of a dead worker, or its own that a fault of the database left behind. */
  async #claim(): Promise<Claimed[]> {
    const found = await this.#database.reader().db.execute<{ id: string; kind: string; data: unknown; attempts: number }>(sql`
      update jobs set leased_by = ${this.#worker}
      where id in (
        select id from jobs
        where run_at <= ${this.#clock.now()}
          and not id = any(${sql.param([...this.#running.keys()])}::uuid[])
          and (leased_by is null or leased_by = ${this.#worker} or not exists (
            select 1 from pg_locks where locktype = 'advisory' and classid = ${leaseClass} and objid = jobs.leased_by::oid and granted))
        order by run_at for update skip locked limit ${places - this.#running.size})
      returning id, kind, data, attempts`)
    return found.rows
  }

  async #run(job: Claimed): Promise<void> {
    const handler = this.#handlers.get(job.kind)
    try {
      if (!handler) throw new Error(`no handler for jobs of kind ${job.kind}`)
      const outcome = await handler.before?.(job.data as never, job.attempts)
      if (handler.runAll) await this.#together(handler, { job, outcome })
      else await this.#gate.pass(() => this.#settle(handler, [{ job, outcome }]))
      this.#metrics.jobs.inc({ kind: job.kind, result: 'done' })
    } catch (error) {
      await this.#failed(job, handler, error)
    }
  }

  /** The effect of jobs, in one transaction. Those replaced or cancelled while `before` ran are nobody's any more. */
  async #settle(handler: JobHandler<never, unknown>, all: readonly Ready[]): Promise<void> {
    await this.#database.transaction(async tx => {
      const deleted = await tx.db
        .delete(jobs)
        .where(
          and(
            inArray(
              jobs.id,
              all.map(({ job }) => job.id),
            ),
            eq(jobs.leasedBy, this.#worker),
          ),
        )
        .returning({ id: jobs.id })
      const ids = new Set(deleted.map(({ id }) => id))
      const mine = all.filter(({ job }) => ids.has(job.id)).map(({ job, outcome }) => ({ data: job.data as never, outcome }))
      if (handler.runAll && mine.length > 0) await handler.runAll(tx, mine)
      else for (const { data, outcome } of mine) await handler.run?.(tx, data, outcome)
    })
  }

  /** Puts a job to those of its kind that are ready; they share the next transaction. */
  #together(handler: JobHandler<never, unknown>, ready: Ready): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(ready.job.kind) ?? []
      this.#waiting.set(ready.job.kind, waiting)
      waiting.push({ ...ready, resolve, reject })
      if (waiting.length === 1) void this.#gate.pass(() => this.#flush(handler, ready.job.kind))
    })
  }

  async #flush(handler: JobHandler<never, unknown>, kind: string): Promise<void> {
    const waiting = this.#waiting.get(kind) ?? []
    const all = waiting.splice(0, maxBatchSize)
    // What comes from now on waits for the next transaction, which may run beside this one.
    if (waiting.length > 0) void this.#gate.pass(() => this.#flush(handler, kind))
    try {
      await this.#settle(handler, all)
      for (const { resolve } of all) resolve()
    } catch (error) {
      if (all.length === 1) return all[0]?.reject(error)
      for (const one of all) await this.#settle(handler, [one]).then(one.resolve, one.reject)
    }
  }

  async #failed(job: Claimed, handler: JobHandler<never, unknown> | undefined, error: unknown): Promise<void> {
    const sentence = error instanceof Error ? error.message : String(error)
    const attempts = job.attempts + 1
    const isLast = attempts >= (handler?.attempts ?? 1_000)
    this.#metrics.jobs.inc({ kind: job.kind, result: isLast ? 'given up' : 'failed' })
    this.#log.warn({ err: error, kind: job.kind, attempts }, isLast ? 'a job is given up' : 'a job failed and is tried again')
    await this.#database.transaction(async tx => {
      const mine = and(eq(jobs.id, job.id), eq(jobs.leasedBy, this.#worker))
      if (isLast) {
        const gone = await tx.db.delete(jobs).where(mine).returning({ id: jobs.id })
        if (gone.length > 0) await handler?.giveUp?.(tx, job.data as never, sentence)
        return
      }
      const runAt = addSeconds(tx.now, Math.min(60, 2 ** Math.min(attempts, 6)))
      await tx.db
        .update(jobs)
        .set({ attempts, lastError: sentence.slice(0, 500), leasedBy: null, runAt })
        .where(mine)
    })
  }

  async #sleep(): Promise<void> {
    if (this.#isStopped) return
    const next = await this.nextDueAt()
    const inMs = next === undefined ? idleMs : Date.parse(next) - Date.parse(this.#clock.now())
    this.#wakeIn(Math.max(20, Math.min(idleMs, inMs)))
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    if (!this.#isStopped) this.#timer = setTimeout(() => this.wake(), ms)
  }
}

/** True while a runner works on this database, in this process or in another. */
export async function isAnyRunning(reader: Reader): Promise<boolean> {
  const { rows } = await reader.db.execute(sql`
    select 1 from pg_locks where locktype = 'advisory' and classid = ${leaseClass} and granted
      and database = (select oid from pg_database where datname = current_database()) limit 1`)
  return rows.length > 0
}

import { randomInt } from 'node:crypto'
import { and, eq, inArray, sql } from 'drizzle-orm'
import pg from 'pg'
import { addSeconds, type Clock, type Instant } from './clock.ts'
import { type Database, patience, type Reader, type Tx } from './database.ts'
import { endedBy } from './deadline.ts'
import { newId } from './ids.ts'
import type { JobKind, Lane } from './lanes.ts'
import { locks } from './locks.ts'
import { jobs } from './tables.ts'
import { type Log, type Metrics, openGauge, sentenceOf } from './telemetry.ts'
import { storable } from './text.ts'

/** What a job that calls nobody does: its effect, in the transaction that also removes the job. */
export interface JobHandler<Data> {
  run?(tx: Tx, data: Data): Promise<void>
  /**
   * Instead of `run`: the effect of many at once, in one transaction, for kinds that come in thousands. All that are ready when a transaction
   * ends go into the next one. Where it fails each is tried alone, so that one bad one does not stand in the way of the others.
   */
  runAll?(tx: Tx, all: readonly Data[]): Promise<void>
  /** Called in a transaction when no attempt is left. */
  giveUp?(tx: Tx, data: Data, error: string): Promise<void>
  /** Attempts before it is given up; default 1000, at growing distances of a minute at most. */
  readonly attempts?: number
}

/** One run of a job. */
export interface Run {
  /** How often it was tried before. */
  readonly attempt: number
  /** Fires at the lane's deadline. Whatever is called outside takes it; what ignores it is not waited for. */
  readonly signal: AbortSignal
}

/**
 * What a job that calls the outside world does. `before` runs outside any transaction, so that a slow peer holds no lock; `run` or `runAll` takes
 * its outcome into the transaction that removes the job. After a crash between the two, `before` happens again: it must carry an id that its
 * receiver can tell a repetition by.
 */
export interface CallHandler<Data, Outcome> {
  before(data: Data, run: Run): Promise<Outcome>
  run?(tx: Tx, data: Data, outcome: Outcome): Promise<void>
  runAll?(tx: Tx, all: readonly { readonly data: Data; readonly outcome: Outcome }[]): Promise<void>
  giveUp?(tx: Tx, data: Data, error: string): Promise<void>
  readonly attempts?: number
}

const channel = 'tocsin_jobs'
const leaseClass = locks.jobWorkers
/** The most that go into one transaction. */
const maxTogether = 200
const idleMs = 15_000
/** Jobs that are due and leased to another worker are looked at so often: it may die. */
const takeoverMs = 500
/** What is done when the runner stops has so long to end by itself. */
const stopMs = 5_000
const maxAttempts = 1_000

export interface NewJob<Data> {
  readonly kind: JobKind<Data>
  /** At most one job has a key. */
  readonly key: string
  readonly runAt: Instant
  readonly data: NoInfer<Data>
  /** The host that it calls, where its lane bounds the places for one. */
  readonly destination?: string
  /** Comes before the others of its lane; as its kind says where this says nothing. */
  readonly isUrgent?: boolean
}

/** Sees to it that a job runs at `runAt`. A job with the same key is replaced. */
export async function schedule<Data>(tx: Tx, job: NewJob<Data>): Promise<void> {
  await scheduleAll(tx, [job])
}

/** Schedules many jobs of one kind or of kinds with the same data, no two of the same key. */
export async function scheduleAll<Data>(tx: Tx, all: readonly NewJob<Data>[]): Promise<void> {
  if (all.length === 0) return
  const taken = (column: string) => sql.raw(`excluded.${column}`)
  await tx.db
    .insert(jobs)
    .values(
      all.map(({ kind: { kind, lane, isUrgent: isUrgentKind }, key, runAt, data, destination = '', isUrgent = isUrgentKind }) => ({
        ...{ id: newId(), kind, lane: lane.name, priority: isUrgent ? urgent : normal, destination },
        ...{ key, runAt, scheduledAt: tx.now, data, attempts: 0, lastError: null, leasedBy: null },
      })),
    )
    .onConflictDoUpdate({
      target: jobs.key,
      set: {
        ...{ id: taken('id'), kind: taken('kind'), lane: taken('lane'), priority: taken('priority'), destination: taken('destination') },
        ...{ data: taken('data'), runAt: taken('run_at'), scheduledAt: taken('scheduled_at'), attempts: 0, lastError: null, leasedBy: null },
      },
    })
  await tx.db.execute(sql`select pg_notify(${channel}, '')`)
}

const [urgent, normal] = [0, 1]

/** Cancels the jobs with these keys, where they have not run. */
export async function cancel(tx: Tx, ...keys: readonly string[]): Promise<void> {
  if (keys.length > 0) await tx.db.delete(jobs).where(inArray(jobs.key, [...keys]))
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

interface Claimed extends Record<string, unknown> {
  readonly id: string
  readonly kind: string
  readonly key: string
  readonly lane: string
  readonly destination: string
  readonly data: unknown
  readonly attempts: number
}

/** What is stored is not what the kind carries: no repetition can help. */
class UnreadableJob extends Error {
  override readonly name = 'UnreadableJob'
}

/** The lane's deadline passed. */
class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed'
}

/** A lane in this process. */
class LanePlaces {
  readonly lane: Lane
  readonly deadlineMs: number
  readonly gate: Gate
  /** Destination of each job that has a place, by the job's id. */
  readonly taken = new Map<string, string>()

  constructor(lane: Lane, deadlineSeconds: number) {
    this.lane = lane
    this.deadlineMs = deadlineSeconds * 1_000
    this.gate = new Gate(lane.transactions ?? 1)
  }

  get free(): number {
    return this.lane.places - this.taken.size
  }

  /** Places that are left for each destination that has some taken, where the lane bounds them. */
  leftByDestination(): [key: string, left: number][] {
    const { name, placesPerDestination } = this.lane
    if (placesPerDestination === undefined) return []
    return [...Map.groupBy(this.taken.values(), destination => destination)].map(([destination, all]) => [
      `${name} ${destination}`,
      placesPerDestination - all.length,
    ])
  }
}

/** A kind with what it does. It knows its own types, so that the runner needs none. */
interface Registered {
  readonly kind: string
  readonly lane: Lane
  readonly attempts: number
  run(job: Claimed, run: Run, places: LanePlaces): Promise<void>
  giveUp(tx: Tx, job: Claimed, error: string): Promise<void>
}

/** A job whose `before` is done. */
interface Ready<Data, Outcome> {
  readonly job: Claimed
  readonly data: Data
  readonly outcome: Outcome
  readonly signal: AbortSignal
}

class Handled<Data, Outcome> implements Registered {
  readonly kind: string
  readonly lane: Lane
  readonly attempts: number
  readonly #schema: JobKind<Data>['data']
  readonly #handler: CallHandler<Data, Outcome>
  readonly #take: Take
  /** Those that share the next transaction. */
  readonly #waiting: (Ready<Data, Outcome> & { readonly resolve: () => void; readonly reject: (error: unknown) => void })[] = []

  constructor({ kind, lane, data }: JobKind<Data>, handler: CallHandler<Data, Outcome>, take: Take) {
    this.kind = kind
    this.lane = lane
    this.attempts = handler.attempts ?? maxAttempts
    this.#schema = data
    this.#handler = handler
    this.#take = take
  }

  async run(job: Claimed, run: Run, places: LanePlaces): Promise<void> {
    const data = this.#parse(job)
    const outcome = await this.#handler.before(data, run)
    if (run.signal.aborted) return
    const ready = { job, data, outcome, signal: run.signal }
    if (this.#handler.runAll) await this.#together(ready, places)
    else await places.gate.pass(() => this.#settle([ready], places))
  }

  async giveUp(tx: Tx, job: Claimed, error: string): Promise<void> {
    if (this.#handler.giveUp) await this.#handler.giveUp(tx, this.#parse(job), error)
  }

  /** @throws UnreadableJob with the fields that are wrong, never with what stands in them */
  #parse({ data, kind }: Claimed): Data {
    const parsed = this.#schema.safeParse(data)
    if (parsed.success) return parsed.data
    throw new UnreadableJob(`${kind}: ${parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`).join('; ')}`)
  }

  /** The effect of jobs, in one transaction. Those replaced or cancelled while `before` ran, and those whose deadline passed, are nobody's any more. */
  async #settle(all: readonly Ready<Data, Outcome>[], places: LanePlaces): Promise<void> {
    const inTime = all.filter(({ signal }) => !signal.aborted)
    if (inTime.length === 0) return
    await this.#take(
      inTime.map(({ job }) => job.id),
      AbortSignal.timeout(places.deadlineMs),
      async (tx, ids) => {
        const mine = inTime.filter(({ job }) => ids.has(job.id))
        if (mine.length > 0) await this.#handler.runAll?.(tx, mine)
        for (const { data, outcome } of mine) await this.#handler.run?.(tx, data, outcome)
      },
    )
  }

  #together(ready: Ready<Data, Outcome>, places: LanePlaces): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...ready, resolve, reject })
      if (this.#waiting.length === 1) void places.gate.pass(() => this.#flush(places))
    })
  }

  async #flush(places: LanePlaces): Promise<void> {
    const all = this.#waiting.splice(0, maxTogether)
    // What comes from now on waits for the next transaction, which may run beside this one.
    if (this.#waiting.length > 0) void places.gate.pass(() => this.#flush(places))
    try {
      await this.#settle(all, places)
      for (const { resolve } of all) resolve()
    } catch (error) {
      if (all.length === 1) return all[0]?.reject(error)
      for (const one of all) await this.#settle([one], places).then(one.resolve, one.reject)
    }
  }
}

/** Takes jobs away in a transaction and lets `work` do their effect in it; it is told which of them were still there. */
type Take = (ids: readonly string[], signal: AbortSignal, work: (tx: Tx, ids: ReadonlySet<string>) => Promise<void>) => Promise<void>

export interface RunnerOptions {
  /** Which lanes this process runs; default all. */
  readonly runs?: ((lane: Lane) => boolean) | undefined
  /** Other deadlines than the lanes' own, by the lane's name. */
  readonly deadlineSeconds?: Readonly<Record<string, number>> | undefined
}

/**
 * Runs jobs when they are due: a loop of SKIP LOCKED, woken by NOTIFY and by a timer set to the next due job, because pages must be
 * sent within a second and polling runners were late by up to that. A job is leased to a worker by the number of an
 * advisory lock: when the worker dies, PostgreSQL frees the lock, and another takes the job at once.
 */
export class JobRunner {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #options: RunnerOptions
  readonly #kinds = new Map<string, Registered>()
  readonly #lanes = new Map<string, LanePlaces>()
  readonly #worker = randomInt(1, 2 ** 31 - 1)
  #lease: pg.Client | undefined
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
    this.#clock = clock
    this.#log = log
    this.#metrics = metrics
    this.#options = options
    const byLane = { label: 'lane' }
    openGauge(metrics.registry, log, { name: 'tocsin_jobs_running', help: 'Running jobs by lane', ...byLane }, async () =>
      [...this.#lanes.values()].map(({ lane, taken }) => [lane.name, taken.size]),
    )
    openGauge(
      metrics.registry,
      log,
      { name: 'tocsin_jobs_oldest_due_seconds', help: 'Delay of the oldest due job that is not running, by lane', ...byLane },
      () => this.#oldestDue(),
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
    this.#kinds.set(kind.kind, new Handled(kind, handler, (ids, signal, work) => this.#take(ids, signal, work)))
    if (!this.runs(lane) || this.#lanes.has(lane.name)) return
    this.#lanes.set(lane.name, new LanePlaces(lane, this.#options.deadlineSeconds?.[lane.name] ?? lane.deadlineSeconds))
  }

  /** True for a lane whose jobs this process runs. */
  runs(lane: Lane): boolean {
    return this.#options.runs?.(lane) ?? true
  }

  async start(): Promise<void> {
    this.#isStopped = false
    this.#stopping = new AbortController()
    await this.#holdLease()
    await this.#moveLanes()
    this.#database.listen(channel, () => this.wake())
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
    while (this.#draining || this.#running.size > 0) await (this.#draining ?? Promise.all([...this.#running.values()].map(({ ended }) => ended)))
  }

  /** When the next job of this process's lanes is due that does not run yet, or undefined without one. */
  async nextDueAt(): Promise<Instant | undefined> {
    const [next] = (
      await this.#database.reader().db.execute<{ at: string | null }>(sql`
        select min(found.run_at) as at from ${this.#openLanes([...this.#lanes.values()])}
        cross join lateral (select run_at from jobs where ${this.#isMine()} order by run_at limit 1) as found`)
    ).rows
    return next?.at ? new Date(next.at).toISOString() : undefined
  }

  /** Jobs that an earlier version put into another lane. */
  async #moveLanes(): Promise<void> {
    const kinds = [...this.#kinds.values()].map(({ kind, lane }) => sql`(${kind}, ${lane.name})`)
    if (kinds.length === 0) return
    await this.#database.reader().db.execute(sql`
      update jobs set lane = now.lane from (values ${sql.join(kinds, sql`, `)}) as now (kind, lane)
      where jobs.kind = now.kind and jobs.lane <> now.lane`)
  }

  async #holdLease(): Promise<void> {
    const lease = new pg.Client({ connectionString: this.#database.url, ...patience })
    this.#lease = lease
    lease.on('error', error => {
      this.#log.warn({ err: error }, 'the lease connection was lost; reconnecting')
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
        this.#log.warn({ err: error }, 'the lease is not available yet')
        this.#regainLease()
      })
    }, 250)
  }

  async #loop(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      while (this.#isWoken && !this.#isStopped) {
        this.#isWoken = false
        const open = [...this.#lanes.values()].filter(places => places.free > 0)
        // When a job ends its place is free, and what is due is looked for again.
        if (open.length === 0) return
        const claimed = await this.#claim(open)
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

  /** The lanes that are looked at, each with its two priorities, as a table `lane` of a query. */
  #openLanes(all: readonly LanePlaces[]) {
    const rows = all.flatMap(({ lane, free }) =>
      [urgent, normal].map(priority => sql`(${lane.name}, ${priority}::smallint, ${free}::int, ${lane.placesPerDestination ?? null}::int)`),
    )
    return sql`(values ${sql.join(rows.length === 0 ? [sql`('', 0::smallint, 0, null::int)`] : rows, sql`, `)}) as lane (name, priority, free, per_destination)`
  }

  /** A job of that lane and priority which this worker does not run. */
  #isMine() {
    return sql`jobs.lane = lane.name and jobs.priority = lane.priority and not jobs.id = any(${sql.param([...this.#running.keys()])}::uuid[])`
  }

  /** Nobody runs it: it has no lease, that of a dead worker, or this worker's own that a fault of the database left behind. */
  #isFree() {
    return sql`(jobs.leased_by is null or jobs.leased_by = ${this.#worker} or jobs.leased_by::bigint not in (
      select objid::bigint from pg_locks where locktype = 'advisory' and classid = ${leaseClass} and granted
        and database = (select oid from pg_database where datname = current_database())))`
  }

  /** Its destination has a place left. */
  #hasRoom(left: readonly (readonly [string, number])[]) {
    const full = left.flatMap(([key, n]) => (n <= 0 ? [key] : []))
    return full.length === 0 ? sql`true` : sql`not (jobs.lane || ' ' || jobs.destination) = any(${sql.param(full)}::text[])`
  }

  /** Takes what is due and nobody runs, of all lanes with free places, in one statement: ten thousand due jobs of one lane hide none of another. */
  async #claim(open: readonly LanePlaces[]): Promise<readonly Claimed[]> {
    const left = open.flatMap(places => places.leftByDestination())
    const found = await this.#database.reader().db.execute<Claimed>(sql`
      with found as (
        select job.*, lane.free, lane.per_destination from ${this.#openLanes(open)}
        cross join lateral (
          select id, lane, priority, run_at, destination from jobs
          where ${this.#isMine()} and run_at <= ${this.#clock.now()} and ${this.#isFree()} and ${this.#hasRoom(left)}
          order by run_at limit lane.free for update skip locked) as job),
      ranked as (
        select *, row_number() over (partition by lane order by priority, run_at) as place,
          row_number() over (partition by lane, destination order by priority, run_at) as place_of_destination
        from found)
      update jobs set leased_by = ${this.#worker}
      -- An array, so that they are looked up one by one: the planner takes them for many.
      where id = any(array(select id from ranked where place <= free and (per_destination is null
        or place_of_destination <= coalesce((${JSON.stringify(Object.fromEntries(left))}::jsonb ->> (lane || ' ' || destination))::int, per_destination))))
      returning id, kind, key, lane, destination, data, attempts`)
    return found.rows
  }

  async #take(ids: readonly string[], signal: AbortSignal, work: (tx: Tx, ids: ReadonlySet<string>) => Promise<void>): Promise<void> {
    const effect = async (tx: Tx) => {
      const mine = and(inArray(jobs.id, [...ids]), eq(jobs.leasedBy, this.#worker))
      const deleted = await tx.db.delete(jobs).where(mine).returning({ id: jobs.id })
      await work(tx, new Set(deleted.map(({ id }) => id)))
    }
    await this.#database.transaction(effect, AbortSignal.any([signal, this.#stopping.signal]))
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
    const mine = and(eq(jobs.id, job.id), eq(jobs.leasedBy, this.#worker))
    const retryLater = async (tx: Tx) => {
      const runAt = addSeconds(tx.now, Math.min(60, 2 ** Math.min(attempts, 6)))
      await tx.db
        .update(jobs)
        .set({ attempts, lastError: storable(sentence, 500), leasedBy: null, runAt })
        .where(mine)
    }
    if (!isLast) return this.#database.transaction(retryLater)
    try {
      await this.#database.transaction(async tx => {
        const gone = await tx.db.delete(jobs).where(mine).returning({ id: jobs.id })
        if (gone.length > 0 && !isUnreadable) await registered?.giveUp(tx, job, sentence)
      })
    } catch (fault) {
      // Left as it is, it would be claimed again at once, and again.
      this.#log.error({ err: fault, kind, lane }, 'a job could not be given up; retrying')
      await this.#database.transaction(retryLater)
    }
  }

  async #sleep(): Promise<void> {
    if (this.#isStopped) return
    const open = [...this.#lanes.values()].filter(places => places.free > 0)
    const first = (more: ReturnType<typeof sql>) =>
      sql`(select run_at from jobs where ${this.#isMine()} and ${this.#hasRoom(open.flatMap(places => places.leftByDestination()))} and ${more} order by run_at limit 1)`
    const { rows } = await this.#database.reader().db.execute<{ free: string | null; first: string | null }>(sql`
      select min(${first(this.#isFree())}) as free, min(${first(sql`true`)}) as first from ${this.#openLanes(open)}`)
    const inMs = (at: string | null | undefined) => (at ? Date.parse(at) - Date.parse(this.#clock.now()) : idleMs)
    const [next] = rows
    this.#wakeIn(Math.max(20, Math.min(idleMs, inMs(next?.free), Math.max(takeoverMs, inMs(next?.first)))))
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    if (!this.#isStopped) this.#timer = setTimeout(() => this.wake(), ms)
  }

  /** Seconds by which the oldest job of each lane is late that does not run anywhere. */
  async #oldestDue(): Promise<[lane: string, seconds: number][]> {
    const { rows } = await this.#database.reader().db.execute<{ lane: string; at: string | null }>(sql`
      select lane.name as lane, min((select run_at from jobs where jobs.lane = lane.name and jobs.priority = lane.priority and leased_by is null order by run_at limit 1)) as at
      from ${this.#openLanes([...this.#lanes.values()])} group by lane.name`)
    const now = Date.parse(this.#clock.now())
    return rows.filter(({ lane }) => lane !== '').map(({ lane, at }) => [lane, at === null ? 0 : Math.max(0, (now - Date.parse(at)) / 1_000)])
  }
}

/** True while a runner works on this database, in this process or in another. */
export async function isAnyRunning(reader: Reader): Promise<boolean> {
  const { rows } = await reader.db.execute(sql`
    select 1 from pg_locks where locktype = 'advisory' and classid = ${leaseClass} and granted
      and database = (select oid from pg_database where datname = current_database()) limit 1`)
  return rows.length > 0
}

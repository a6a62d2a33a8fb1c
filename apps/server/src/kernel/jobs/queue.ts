import { and, eq, inArray, sql } from 'drizzle-orm'
import { addSeconds, type Clock, type Instant } from '../clock.ts'
import { type Database, type Tx, transactionRetried } from '../database.ts'
import { jobs } from '../tables.ts'
import { storable } from '../text.ts'
import type { Claimed, Take } from './handlers.ts'
import type { Lane } from './lanes.ts'
import { living } from './lease.ts'
import type { LanePlaces } from './places.ts'
import { keysOf, normal, urgent } from './schedule.ts'

/** The table of jobs as a worker sees it. */
export class JobQueue {
  readonly #database: Database
  readonly #clock: Clock
  readonly #worker: number
  /** Ids of what this worker has not done with yet. */
  readonly #running: () => readonly string[]

  constructor(database: Database, clock: Clock, worker: number, running: () => readonly string[]) {
    this.#database = database
    this.#clock = clock
    this.#worker = worker
    this.#running = running
  }

  /** Moves jobs that an earlier version put into another lane. */
  async moveLanes(all: readonly { readonly kind: string; readonly lane: Lane }[]): Promise<void> {
    if (all.length === 0) return
    const kinds = all.map(({ kind, lane }) => sql`(${kind}, ${lane.name})`)
    await this.#database.reader().db.execute(sql`
      update jobs set lane = now.lane from (values ${sql.join(kinds, sql`, `)}) as now (kind, lane)
      where jobs.kind = now.kind and jobs.lane <> now.lane`)
  }

  /** Takes what is due and nobody runs, of all lanes with free places, in one statement: ten thousand due jobs of one lane hide none of another. */
  async claim(open: readonly LanePlaces[]): Promise<readonly Claimed[]> {
    const left = open.flatMap(places => places.leftByDestination())
    const found = await this.#database.reader().db.execute<Claimed>(sql`
      with found as (
        select job.*, lane.free, lane.per_destination from ${this.#lanes(open)}
        cross join lateral (
          select id, lane, priority, run_at, destination from jobs
          where ${this.#isWaiting()} and run_at <= ${this.#clock.now()} and ${this.#isFree()} and ${this.#hasRoom(left)}
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

  /** Takes jobs away in a transaction, see `Take`. One that loses a deadlock is done again at once: a page must not wait for the next attempt. */
  readonly take: Take = async (ids, signal, work) => {
    await transactionRetried(
      this.#database,
      async tx => {
        const deleted = await tx.db
          .delete(jobs)
          .where(and(inArray(jobs.id, [...ids]), this.#isMine()))
          .returning({ id: jobs.id })
        await work(tx, new Set(deleted.map(({ id }) => id)))
      },
      signal,
    )
  }

  /** Lets a job that failed run again, later each time, a minute at most. */
  async retry(id: string, attempts: number, error: string): Promise<void> {
    await this.#database.transaction(async tx => {
      const runAt = addSeconds(tx.now, Math.min(60, 2 ** Math.min(attempts, 6)))
      await tx.db
        .update(jobs)
        .set({ attempts, lastError: storable(error, 500), leasedBy: null, runAt })
        .where(and(eq(jobs.id, id), this.#isMine()))
    })
  }

  /** Removes a job that is given up, with what `work` does about it, unless it was replaced or cancelled. */
  async giveUp(id: string, work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#database.transaction(async tx => {
      const gone = await tx.db
        .delete(jobs)
        .where(and(eq(jobs.id, id), this.#isMine()))
        .returning({ id: jobs.id })
      if (gone.length > 0) await work(tx)
    })
  }

  /** Which of these keys no job has. */
  async missing(keys: readonly string[]): Promise<readonly string[]> {
    const found = await keysOf(this.#database.reader(), keys)
    return keys.filter(key => !found.has(key))
  }

  /** When the next job of these lanes is due that this worker does not run yet, or undefined without one. */
  async nextDueAt(lanes: readonly LanePlaces[]): Promise<Instant | undefined> {
    const [next] = (
      await this.#database.reader().db.execute<{ at: string | null }>(sql`
        select min(found.run_at) as at from ${this.#lanes(lanes)}
        cross join lateral (select run_at from jobs where ${this.#isWaiting()} order by run_at limit 1) as found`)
    ).rows
    return next?.at ? new Date(next.at).toISOString() : undefined
  }

  /**
   * Milliseconds until the next job is due for which there is a place: of those that nobody runs, and of all, which are another's while it lives.
   * Undefined without one.
   */
  async nextDueIn(open: readonly LanePlaces[]): Promise<{ readonly free: number | undefined; readonly any: number | undefined }> {
    const left = open.flatMap(places => places.leftByDestination())
    const first = (more: ReturnType<typeof sql>) =>
      sql`(select run_at from jobs where ${this.#isWaiting()} and ${this.#hasRoom(left)} and ${more} order by run_at limit 1)`
    const { rows } = await this.#database.reader().db.execute<{ free: string | null; any: string | null }>(sql`
      select min(${first(this.#isFree())}) as free, min(${first(sql`true`)}) as any from ${this.#lanes(open)}`)
    const inMs = (at: string | null | undefined) => (at ? Date.parse(at) - Date.parse(this.#clock.now()) : undefined)
    const [next] = rows
    return { free: inMs(next?.free), any: inMs(next?.any) }
  }

  /** Seconds by which the oldest job of each lane is late that does not run anywhere. */
  async oldestDue(lanes: readonly LanePlaces[]): Promise<[lane: string, seconds: number][]> {
    const { rows } = await this.#database.reader().db.execute<{ lane: string; at: string | null }>(sql`
      select lane.name as lane, min((select run_at from jobs where jobs.lane = lane.name and jobs.priority = lane.priority and leased_by is null order by run_at limit 1)) as at
      from ${this.#lanes(lanes)} group by lane.name`)
    const now = Date.parse(this.#clock.now())
    return rows.filter(({ lane }) => lane !== '').map(({ lane, at }) => [lane, at === null ? 0 : Math.max(0, (now - Date.parse(at)) / 1_000)])
  }

  #isMine() {
    return eq(jobs.leasedBy, this.#worker)
  }

  /** The lanes that are looked at, each with its two priorities, as a table `lane` of a query. */
  #lanes(all: readonly LanePlaces[]) {
    const rows = all.flatMap(({ lane, free }) =>
      [urgent, normal].map(priority => sql`(${lane.name}, ${priority}::smallint, ${free}::int, ${lane.placesPerDestination ?? null}::int)`),
    )
    return sql`(values ${sql.join(rows.length === 0 ? [sql`('', 0::smallint, 0, null::int)`] : rows, sql`, `)}) as lane (name, priority, free, per_destination)`
  }

  /** A job of that lane and priority which this worker does not run. */
  #isWaiting() {
    return sql`jobs.lane = lane.name and jobs.priority = lane.priority and not jobs.id = any(${sql.param([...this.#running()])}::uuid[])`
  }

  /** Nobody runs it: it has no lease, that of a dead worker, or this worker's own that a fault of the database left behind. */
  #isFree() {
    return sql`(jobs.leased_by is null or jobs.leased_by = ${this.#worker} or jobs.leased_by::bigint not in (${living}))`
  }

  /** Its destination has a place left. */
  #hasRoom(left: readonly (readonly [string, number])[]) {
    const full = left.flatMap(([key, n]) => (n <= 0 ? [key] : []))
    return full.length === 0 ? sql`true` : sql`not (jobs.lane || ' ' || jobs.destination) = any(${sql.param(full)}::text[])`
  }
}

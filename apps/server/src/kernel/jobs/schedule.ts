import { and, inArray, isNull, sql } from 'drizzle-orm'
import type { Instant } from '../clock.ts'
import type { Reader, Tx } from '../database.ts'
import { newId } from '../ids.ts'
import { jobs } from '../tables.ts'
import type { JobKind } from './lanes.ts'

/** What wakes the runners. */
export const jobsChannel = 'tocsin_jobs'
/** How a job stands among those of its lane, as it is stored. */
export const [urgent, normal] = [0, 1]

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
  await tx.db.execute(sql`select pg_notify(${jobsChannel}, '')`)
}

/** Cancels the jobs with these keys, where they have not run. */
export async function cancel(tx: Tx, ...keys: readonly string[]): Promise<void> {
  if (keys.length > 0) await tx.db.delete(jobs).where(inArray(jobs.key, [...keys]))
}

/** As `cancel`, but what runs just now comes to its end, with its effect. */
export async function cancelWaiting(tx: Tx, ...keys: readonly string[]): Promise<void> {
  if (keys.length > 0) await tx.db.delete(jobs).where(and(inArray(jobs.key, [...keys]), isNull(jobs.leasedBy)))
}

/** Those of the keys that a job has. */
export async function keysOf({ db }: Reader, keys: readonly string[]): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set()
  const found = await db
    .select({ key: jobs.key })
    .from(jobs)
    .where(sql`${jobs.key} = any(${sql.param([...keys])}::text[])`)
  return new Set(found.map(({ key }) => key))
}

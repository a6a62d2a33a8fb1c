import { sql } from 'drizzle-orm'
import { expect, test as plainTest } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/alertmanager.ts'
import { cloneDatabase } from '../../test/world.ts'
import { systemClock } from './clock.ts'
import { type Database, openDatabase } from './database.ts'
import { newId } from './ids.ts'
import { JobRunner, type NewJob, schedule, scheduleAll } from './jobs.ts'
import { defineJob, type Lane } from './lanes.ts'
import { jobs, settings } from './tables.ts'
import { type Log, openMetrics } from './telemetry.ts'

interface Rig {
  readonly database: Database
  readonly runner: JobRunner
  readonly logged: { level: 'warn' | 'error'; sentence: string; kind: unknown; reason: string }[]
  readonly metrics: ReturnType<typeof openMetrics>
  /** Puts jobs of one kind in, due now. */
  add<Data>(...all: Omit<NewJob<Data>, 'runAt' | 'key'>[]): Promise<void>
  left(): Promise<{ kind: string; attempts: number; lastError: string | null }[]>
}

/** A runner on a database of its own, which is started by the test. */
const test = plainTest.extend<{ rig: Rig }>({
  // biome-ignore lint/correctness/noEmptyPattern: a fixture names what it needs
  rig: async ({}, use) => {
    const { url, drop } = await cloneDatabase()
    const logged: Rig['logged'] = []
    const note = (level: 'warn' | 'error') => (fields: unknown, sentence?: string) => {
      const { err, kind } = z.object({ err: z.instanceof(Error).optional(), kind: z.unknown() }).parse(fields)
      logged.push({ level, sentence: sentence ?? '', kind, reason: err?.message ?? '' })
    }
    const log = { debug: () => undefined, info: () => undefined, warn: note('warn'), error: note('error') } satisfies Record<keyof Log, unknown>
    const metrics = openMetrics()
    const database = openDatabase(url, systemClock, log, { poolSize: 8 })
    const runner = new JobRunner(database, systemClock, log, metrics)
    await use({
      ...{ database, runner, logged, metrics },
      add: (...all) =>
        database.transaction(tx =>
          scheduleAll(
            tx,
            all.map(one => ({ ...one, key: newId(), runAt: tx.now })),
          ),
        ),
      left: () => database.reader().db.select({ kind: jobs.kind, attempts: jobs.attempts, lastError: jobs.lastError }).from(jobs),
    })
    await runner.stop()
    await database.close()
    await drop()
  },
})

const slow: Lane = { name: 'slow', process: 'web', places: 2, deadlineSeconds: 0.3 }
const quick: Lane = { name: 'quick', process: 'web', places: 2, deadlineSeconds: 5 }
const numbered = z.object({ n: z.int() })
const never = () => new Promise<never>(() => undefined)
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

test('a job that ignores its signal loses its place at the deadline, and what it comes to later is dropped', async ({ rig }) => {
  const kind = defineJob({ kind: 'stubborn', lane: { ...slow, places: 1 }, data: numbered })
  const begun: number[] = []
  const done: number[] = []
  const late = Promise.withResolvers<string>()
  let reason: unknown
  rig.runner.registerCall(kind, {
    before: async ({ n }, { attempt, signal }) => {
      begun.push(n)
      if (n === 1 && attempt === 0) {
        signal.addEventListener('abort', () => {
          reason = signal.reason
        })
        return late.promise
      }
      return 'at once'
    },
    run: async (_tx, { n }, outcome) => {
      done.push(n)
      expect(outcome).toBe('at once')
    },
  })
  await rig.add({ kind, data: { n: 1 } }, { kind, data: { n: 2 } })
  await rig.runner.start()
  await until(() => (done.includes(2) ? true : undefined), 'the place of the first is given to the second', 5_000)
  expect(begun.slice(0, 2), 'one place').toEqual([1, 2])
  expect(String(reason)).toContain('It took longer than 0.3 s.')
  late.resolve('late')
  await pause(100)
  expect(done, 'the late result did nothing').toEqual([2])
  expect(await rig.left()).toEqual([{ kind: 'stubborn', attempts: 1, lastError: 'It took longer than 0.3 s.' }])
  await until(() => (done.includes(1) ? true : undefined), 'it is tried again', 10_000)
  expect(await rig.left()).toEqual([])
  expect(await rig.metrics.registry.getSingleMetricAsString('tocsin_job_deadlines_total')).toContain('tocsin_job_deadlines_total{lane="slow"} 1')
})

test('ten thousand due jobs of one lane that hang do not delay one of another', { timeout: 60_000 }, async ({ rig }) => {
  const hanging = defineJob({ kind: 'hanging', lane: { ...slow, deadlineSeconds: 60, places: 20 }, data: numbered })
  const other = defineJob({ kind: 'other', lane: quick, data: numbered })
  let hung = 0
  const done = Promise.withResolvers<number>()
  rig.runner.registerCall(hanging, {
    before: (_, { signal }) => {
      hung += 1
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })
  rig.runner.register(other, { run: async () => done.resolve(Date.now()) })
  await rig.database.reader().db.execute(sql`
    insert into jobs (id, kind, lane, priority, destination, key, data, run_at, scheduled_at, attempts)
    select gen_random_uuid(), 'hanging', 'slow', 1, '', 'hanging ' || n, '{"n":1}', now() - interval '1 hour', now() - interval '1 hour', 0 from generate_series(1, 10000) n`)
  await rig.runner.start()
  await until(() => (hung === 20 ? true : undefined), 'all places of the lane hang')
  const added = Date.now()
  await rig.add({ kind: other, data: { n: 1 } })
  expect((await done.promise) - added).toBeLessThan(1_000)
  expect(hung, 'and its places are its bound').toBe(20)
  const gauges = await rig.metrics.registry.metrics()
  expect(gauges).toContain('tocsin_jobs_running{lane="slow"} 20')
  expect(Number(/tocsin_jobs_oldest_due_seconds\{lane="slow"\} (\S+)/.exec(gauges)?.[1])).toBeGreaterThan(3_500)
  expect(Number(/tocsin_jobs_oldest_due_seconds\{lane="quick"\} (\S+)/.exec(gauges)?.[1])).toBe(0)
})

test('a lane whose transactions hang holds up no other, and its connections come back', async ({ rig }) => {
  const hanging = defineJob({ kind: 'hanging', lane: { ...slow, transactions: 2 }, data: numbered })
  const other = defineJob({ kind: 'other', lane: quick, data: numbered })
  let hung = 0
  let done = 0
  rig.runner.register(hanging, {
    run: async tx => {
      hung += 1
      await tx.db.insert(settings).values({ name: `hung ${hung}`, value: 1 })
      await never()
    },
  })
  rig.runner.register(other, {
    run: async () => {
      done += 1
    },
  })
  await rig.runner.start()
  await rig.add({ kind: hanging, data: { n: 1 } }, { kind: hanging, data: { n: 2 } }, { kind: hanging, data: { n: 3 } })
  await until(() => (hung === 2 ? true : undefined), 'both transactions of the lane hang')
  await rig.add(...Array.from({ length: 30 }, (_, n) => ({ kind: other, data: { n } })))
  await until(() => (done === 30 ? true : undefined), 'the other lane goes on', 3_000)
  await until(() => (hung > 8 ? true : undefined), 'more transactions than there are connections were begun, one after the other', 20_000)
  expect(await rig.database.reader().db.select().from(settings), 'and nothing of them stays').toEqual([])
})

test('of a lane, what is urgent comes first', async ({ rig }) => {
  const kind = defineJob({ kind: 'mixed', lane: { ...quick, places: 1 }, data: numbered })
  const order: number[] = []
  rig.runner.register(kind, {
    run: async (_tx, { n }) => {
      order.push(n)
    },
  })
  await rig.add({ kind, data: { n: 1 } }, { kind, data: { n: 2 } })
  await rig.add({ kind, data: { n: 3 }, isUrgent: true })
  await rig.runner.start()
  await rig.runner.drain()
  expect(order).toEqual([3, 1, 2])
})

test('a destination that hangs takes no more than its share of the places', async ({ rig }) => {
  const kind = defineJob({ kind: 'call', lane: { ...quick, places: 8, placesPerDestination: 3, deadlineSeconds: 60 }, data: numbered })
  let hung = 0
  const done: number[] = []
  rig.runner.registerCall(kind, {
    before: async ({ n }) => {
      if (n >= 0) return n
      hung += 1
      return never()
    },
    run: async (_tx, _data, n) => {
      done.push(n)
    },
  })
  await rig.add(...Array.from({ length: 100 }, () => ({ kind, data: { n: -1 }, destination: 'dead.example' })))
  await rig.runner.start()
  await until(() => (hung === 3 ? true : undefined), 'the dead one has its share')
  await rig.add(...Array.from({ length: 5 }, (_, n) => ({ kind, data: { n }, destination: 'alive.example' })))
  await until(() => (done.length === 5 ? true : undefined), 'the others go out', 3_000)
  expect(hung).toBe(3)
})

test('a job whose data are not what its kind carries is given up at once, with the field, and its data stay out of the log', async ({ rig }) => {
  const kind = defineJob({ kind: 'typed', lane: quick, data: numbered })
  let ran = 0
  rig.runner.register(kind, {
    run: async () => {
      ran += 1
    },
    giveUp: async () => {
      ran += 1
    },
  })
  await rig.add({ kind, data: { n: 1 } })
  await rig.database
    .reader()
    .db.update(jobs)
    .set({ data: { n: 'a secret' } })
  await rig.runner.start()
  await rig.runner.drain()
  expect(await rig.left()).toEqual([])
  expect(ran).toBe(0)
  expect(rig.logged).toEqual([
    { level: 'error', sentence: 'a job failed permanently', kind: 'typed', reason: 'typed: n: Invalid input: expected number, received string' },
  ])
  expect(await rig.metrics.registry.getSingleMetricAsString('tocsin_jobs_total')).toContain('{kind="typed",result="given up"} 1')
})

test('only the data of its kind can be scheduled', async ({ rig }) => {
  const kind = defineJob({ kind: 'typed', lane: quick, data: numbered })
  const wider = defineJob({ kind: 'wider', lane: quick, data: z.object({ n: z.union([z.int(), z.string()]) }) })
  await rig.database.transaction(async tx => {
    await schedule(tx, { kind, key: 'right', runAt: tx.now, data: { n: 1 } })
    // @ts-expect-error the number is missing
    await schedule(tx, { kind, key: 'wrong', runAt: tx.now, data: {} })
    // @ts-expect-error a word is no number
    await schedule(tx, { kind, key: 'wrong', runAt: tx.now, data: { n: 'one' } })
    // @ts-expect-error kinds of other data do not go into one list, where each could carry the other's
    await scheduleAll(tx, [{ kind, key: 'a', runAt: tx.now, data: { n: 'one' } }, { kind: wider, key: 'b', runAt: tx.now, data: { n: 'one' } }]) // biome-ignore format: the error is on this line
  })
  expect(await rig.left()).toHaveLength(4)
})

test('a job that another worker has taken meanwhile is that one’s: neither its effect nor its failure is written here', async ({ rig }) => {
  const kind = defineJob({ kind: 'taken', lane: quick, data: numbered })
  const calls = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let begun = 0
  let done = 0
  rig.runner.registerCall(kind, {
    before: async ({ n }) => {
      begun += 1
      await calls[n]?.promise
    },
    run: async () => {
      done += 1
    },
  })
  await rig.add({ kind, data: { n: 0 } }, { kind, data: { n: 1 } })
  await rig.runner.start()
  await until(() => (begun === 2 ? true : undefined), 'both have begun')
  // A live worker: the number of an advisory lock that somebody holds.
  const other = 12_345
  await rig.database.transaction(async tx => {
    await tx.db.execute(sql`select pg_advisory_xact_lock(7236002, ${other})`)
    await rig.database.reader().db.update(jobs).set({ leasedBy: other })
    calls[0]?.resolve()
    calls[1]?.reject(new Error('it failed'))
    await pause(500)
    expect(done).toBe(0)
    expect((await rig.left()).map(({ attempts, lastError }) => [attempts, lastError])).toEqual([
      [0, null],
      [0, null],
    ])
  })
})

test('a runner that stops ends what hangs and counts no failure, and another does it', { timeout: 30_000 }, async ({ rig }) => {
  const kind = defineJob({ kind: 'hanging', lane: { ...slow, deadlineSeconds: 60 }, data: numbered })
  let hung = 0
  rig.runner.registerCall(kind, {
    before: () => {
      hung += 1
      return never()
    },
  })
  await rig.runner.start()
  await rig.add({ kind, data: { n: 1 } })
  await until(() => (hung === 1 ? true : undefined), 'it hangs')
  const started = Date.now()
  await rig.runner.stop()
  expect(Date.now() - started).toBeLessThan(15_000)
  expect(await rig.left()).toEqual([{ kind: 'hanging', attempts: 0, lastError: null }])
  const next = new JobRunner(rig.database, systemClock, { debug() {}, info() {}, warn() {}, error() {} }, openMetrics())
  let done = 0
  next.register(kind, {
    run: async () => {
      done += 1
    },
  })
  await next.start()
  await until(() => (done === 1 ? true : undefined), 'the next one takes it', 5_000)
  await next.stop()
})

import { eq, sql } from 'drizzle-orm'
import { expect, test as plainTest } from 'vitest'
import { z } from 'zod'
import { until } from '../../../test/alertmanager.ts'
import { patience } from '../../../test/patience.ts'
import { layWire } from '../../../test/wire.ts'
import { asOwner, cloneDatabase } from '../../../test/world.ts'
import { addSeconds, type Clock, type Instant, systemClock } from '../clock.ts'
import { type Database, openDatabase } from '../database.ts'
import { newId } from '../ids.ts'
import { jobs, settings } from '../tables.ts'
import { type Log, openMetrics } from '../telemetry.ts'
import { defineJob, type Lane } from './lanes.ts'
import { isAnyRunning } from './lease.ts'
import { JobRunner, type RunnerOptions } from './runner.ts'
import { cancel, cancelWaiting, keysOf, type NewJob, schedule, scheduleAll } from './schedule.ts'

interface Rig {
  readonly url: string
  readonly database: Database
  readonly log: Log
  readonly runner: JobRunner
  readonly logged: { level: 'warn' | 'error'; sentence: string; kind: unknown; reason: string }[]
  readonly metrics: ReturnType<typeof openMetrics>
  /** Puts jobs of one kind in, due now. */
  add<Data>(...all: Omit<NewJob<Data>, 'runAt' | 'key'>[]): Promise<void>
  left(): Promise<{ kind: string; attempts: number; lastError: string | null }[]>
  /** The clock stands at that instant from now on. */
  standAt(instant: Instant): void
  /** Called before each answer of the clock. */
  onAsked: () => void
  /** A further worker, which is stopped at the end. */
  another(options?: RunnerOptions, database?: Database): JobRunner
}

/** A runner on a database of its own, which is started by the test. */
const test = plainTest.extend<{ rig: Rig }>({
  // biome-ignore lint/correctness/noEmptyPattern: a fixture names what it needs
  rig: async ({}, use) => {
    const { url, drop } = await cloneDatabase()
    const logged: Rig['logged'] = []
    const note = (level: 'warn' | 'error') => (fields: unknown, sentence?: string) => {
      const { data } = z.object({ err: z.instanceof(Error).optional(), kind: z.unknown() }).safeParse(fields)
      logged.push({ level, sentence: sentence ?? String(fields), kind: data?.kind, reason: data?.err?.message ?? '' })
    }
    const log = { debug: () => undefined, info: () => undefined, warn: note('warn'), error: note('error') } satisfies Record<keyof Log, unknown>
    const metrics = openMetrics()
    let stands: Instant | undefined
    const clock: Clock = {
      now: () => {
        const now = stands ?? systemClock.now()
        rig.onAsked()
        return now
      },
    }
    const database = openDatabase(url, clock, log, { poolSize: 8 })
    const runners: JobRunner[] = []
    const open = (options: RunnerOptions | undefined, on: Database, by = openMetrics()) => {
      const runner = new JobRunner(on, clock, log, by, options)
      runners.push(runner)
      return runner
    }
    const rig: Rig = {
      ...{ url, database, log, logged, metrics, runner: open(undefined, database, metrics) },
      add: (...all) =>
        database.transaction(tx =>
          scheduleAll(
            tx,
            all.map(one => ({ ...one, key: newId(), runAt: tx.now })),
          ),
        ),
      left: () => database.reader().db.select({ kind: jobs.kind, attempts: jobs.attempts, lastError: jobs.lastError }).from(jobs),
      standAt: instant => {
        stands = instant
      },
      onAsked: () => undefined,
      another: (options, on = database) => open(options, on),
    }
    await use(rig)
    for (const runner of runners) await runner.stop()
    await database.close()
    await drop()
  },
})

const slow: Lane = { name: 'slow', process: 'web', places: 2, deadlineSeconds: 0.3 }
const quick: Lane = { name: 'quick', process: 'web', places: 2, deadlineSeconds: 5 }
const numbered = z.object({ n: z.int() })
const never = () => new Promise<never>(() => undefined)
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const noon = '2026-11-23T12:00:00.000Z'

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

test('ten thousand due jobs of one lane that hang do not delay one of another', { timeout: 60_000 * patience }, async ({ rig }) => {
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
  expect(Number(/tocsin_jobs_oldest_due_seconds\{lane="slow"\} (\S+)/.exec(gauges)?.[1])).toBeGreaterThan(3_599)
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
  const dead = (count: number) => rig.add(...Array.from({ length: count }, () => ({ kind, data: { n: -1 }, destination: 'dead.example' })))
  await dead(2)
  await rig.runner.start()
  await until(() => (hung === 2 ? true : undefined), 'the dead one has two places')
  await dead(100)
  await until(() => (hung === 3 ? true : undefined), 'the dead one has its share, to the last place')
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

test('a runner that stops ends what hangs and counts no failure, and another does it', { timeout: 30_000 * patience }, async ({ rig }) => {
  const kind = defineJob({ kind: 'hanging', lane: { ...slow, deadlineSeconds: 60 }, data: numbered })
  const holding = defineJob({ kind: 'holding', lane: { ...slow, deadlineSeconds: 60 }, data: numbered })
  let hung = 0
  const hang = () => {
    hung += 1
    return never()
  }
  rig.runner.registerCall(kind, { before: hang })
  rig.runner.register(holding, { run: hang })
  await rig.runner.start()
  await rig.add({ kind, data: { n: 1 } }, { kind: holding, data: { n: 1 } })
  await until(() => (hung === 2 ? true : undefined), 'one hangs outside, one in its transaction')
  const started = Date.now()
  await rig.runner.stop()
  expect(Date.now() - started).toBeLessThan(15_000)
  const left = (await rig.left()).toSorted((a, b) => a.kind.localeCompare(b.kind))
  expect(left).toEqual(['hanging', 'holding'].map(name => ({ kind: name, attempts: 0, lastError: null })))
  const next = rig.another()
  let done = 0
  for (const one of [kind, holding])
    next.register(one, {
      run: async () => {
        done += 1
      },
    })
  await next.start()
  await until(() => (done === 2 ? true : undefined), 'the next one takes both', 5_000)
})

// These wait more than they compute, each on a database of its own.
test.concurrent('a stop waits for what is being claimed and run; nothing is begun before the start or after the stop', async ({ rig }) => {
  const kind = defineJob({ kind: 'late', lane: quick, data: numbered })
  let done = 0
  rig.runner.registerCall(kind, {
    before: () => pause(200),
    run: async () => {
      done += 1
    },
  })
  rig.standAt(noon)
  const due = addSeconds(noon, 60)
  await rig.database.transaction(tx => schedule(tx, { kind, key: 'late', runAt: due, data: { n: 1 } }))
  await rig.runner.start()
  await rig.runner.drain()
  /** Stops it while its claim waits for the table; undefined where it was at something else. */
  const stopWhileClaiming = () =>
    rig.database.transaction(async tx => {
      await tx.db.execute(sql`lock table jobs in access exclusive mode`)
      let isClaiming = false
      rig.onAsked = () => {
        isClaiming = true
      }
      rig.standAt(due)
      rig.runner.wake()
      rig.onAsked = () => undefined
      if (!isClaiming) {
        rig.standAt(noon)
        return undefined
      }
      await pause(100)
      const stopping = rig.runner.stop()
      await pause(100)
      return { stopping }
    })
  const { stopping } = await until(stopWhileClaiming, 'it is stopped')
  await stopping
  expect(done, 'what was being claimed is done').toBe(1)
  await rig.add({ kind, data: { n: 2 } })
  const unstarted = rig.another()
  unstarted.register(kind, {
    run: async () => {
      done += 1
    },
  })
  for (const runner of [rig.runner, unstarted]) {
    runner.wake()
    await runner.drain()
  }
  await pause(100)
  expect(done).toBe(1)
  expect(await rig.left()).toHaveLength(1)
})

test.concurrent('a key is of one job: what is scheduled under it again begins anew, and what is canceled does not run', async ({ rig }) => {
  const kind = defineJob({ kind: 'keyed', lane: quick, data: numbered })
  const done: number[] = []
  rig.runner.register(kind, { run: async (_tx, { n }) => void done.push(n) })
  await rig.database.transaction(async tx => {
    const job = (key: string, n: number) => ({ kind, key, runAt: tx.now, data: { n } })
    await scheduleAll(tx, [job('again', 1), job('canceled', 2), job('canceled too', 3), job('kept', 4)])
    await tx.db.update(jobs).set({ attempts: 7, lastError: 'it failed', leasedBy: 12_345 })
    await schedule(tx, job('again', 5))
    await scheduleAll(tx, [])
    await cancel(tx)
    await cancel(tx, 'canceled')
    await cancel(tx, 'canceled too', 'never there')
  })
  expect((await rig.left()).toSorted((a, b) => a.attempts - b.attempts)).toEqual([
    { kind: 'keyed', attempts: 0, lastError: null },
    { kind: 'keyed', attempts: 7, lastError: 'it failed' },
  ])
  await rig.runner.start()
  await rig.runner.drain()
  expect(done.toSorted()).toEqual([4, 5])
})

test.concurrent('a job whose transaction loses a deadlock runs again at once, and that is no attempt that failed', async ({ rig }) => {
  const kind = defineJob({ kind: 'crossing', lane: quick, data: numbered })
  let begun = 0
  rig.runner.register(kind, {
    run: async (tx, { n }) => {
      begun += 1
      await tx.db.insert(settings).values({ name: 'crossed', value: n })
      if (begun <= 2) await tx.db.execute(sql.raw(`do $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$`))
    },
  })
  rig.standAt(noon)
  await rig.add({ kind, data: { n: 1 } })
  await rig.runner.start()
  await rig.runner.drain()
  expect([begun, await rig.left(), rig.logged]).toEqual([3, [], []])
  expect(await rig.database.reader().db.select().from(settings)).toEqual([{ name: 'crossed', value: 1 }])
})

test.concurrent('a job that fails is tried again after a while, and given up after its last attempt, with what went wrong', async ({ rig }) => {
  const kind = defineJob({ kind: 'failing', lane: quick, data: numbered })
  const [error, given]: [string, unknown[]] = ['x'.repeat(600), []]
  let begun = 0
  rig.runner.register(kind, {
    attempts: 2,
    run: async () => {
      begun += 1
      throw new Error(error)
    },
    giveUp: async (tx, { n }, sentence) => {
      given.push([n, sentence])
      await tx.db.insert(settings).values({ name: 'given up', value: n })
    },
  })
  rig.standAt(noon)
  await rig.add({ kind, data: { n: 1 } })
  await rig.runner.start()
  await rig.runner.drain()
  expect(await rig.left()).toEqual([{ kind: 'failing', attempts: 1, lastError: error.slice(0, 500) }])
  const next = addSeconds(noon, 2)
  expect(await rig.runner.nextDueAt()).toBe(next)
  rig.standAt(addSeconds(next, -0.001))
  await rig.runner.drain()
  expect([begun, given]).toEqual([1, []])
  rig.standAt(next)
  await rig.runner.drain()
  expect([begun, given]).toEqual([2, [[1, error]]])
  expect(await rig.left()).toEqual([])
  expect(await rig.runner.nextDueAt()).toBeUndefined()
  expect(await rig.database.reader().db.select().from(settings)).toEqual([{ name: 'given up', value: 1 }])
  expect(rig.logged.filter(one => one.kind === 'failing')).toEqual([
    { level: 'warn', sentence: 'a job failed; retrying', kind: 'failing', reason: error },
    { level: 'error', sentence: 'a job failed permanently', kind: 'failing', reason: error },
  ])
  const counted = await rig.metrics.registry.getSingleMetricAsString('tocsin_jobs_total')
  for (const result of ['failed', 'given up']) expect(counted).toContain(`{kind="failing",result="${result}"} 1`)
})

test.concurrent('a job that cannot be given up is not tried again at once, but after a while, until it can', async ({ rig }) => {
  const kind = defineJob({ kind: 'failing', lane: quick, data: numbered })
  let [begun, givenUp, isBroken] = [0, 0, true]
  rig.runner.register(kind, {
    attempts: 1,
    run: async () => {
      begun += 1
      throw new Error('it failed')
    },
    giveUp: async () => {
      if (isBroken) throw new Error('nor can it be given up')
      givenUp += 1
    },
  })
  rig.standAt(noon)
  await rig.add({ kind, data: { n: 1 } })
  await rig.runner.start()
  await rig.runner.drain()
  expect(begun).toBe(1)
  expect(await rig.left()).toEqual([{ kind: 'failing', attempts: 1, lastError: 'it failed' }])
  expect(rig.logged.at(-1)).toMatchObject({ sentence: 'a job could not be given up; retrying', reason: 'nor can it be given up' })
  isBroken = false
  rig.standAt(addSeconds(noon, 2))
  await rig.runner.drain()
  expect([begun, givenUp]).toEqual([2, 1])
  expect(await rig.left()).toEqual([])
})

test.concurrent('a kind that says nothing of attempts has a thousand, a minute apart at most, and may have nothing to do at the end', async ({ rig }) => {
  const kind = defineJob({ kind: 'failing', lane: quick, data: numbered })
  rig.runner.register(kind, {
    run: async () => {
      throw new Error('it failed')
    },
  })
  rig.standAt(noon)
  const before = [9, 998, 999]
  await rig.add(...before.map(n => ({ kind, data: { n } })))
  await rig.database.reader().db.execute(sql`update jobs set attempts = (data->>'n')::int`)
  await rig.runner.start()
  await rig.runner.drain()
  const left = await rig.database.reader().db.select({ attempts: jobs.attempts, runAt: jobs.runAt }).from(jobs).orderBy(jobs.attempts)
  expect(left).toEqual([10, 999].map(attempts => ({ attempts, runAt: addSeconds(noon, 60) })))
  const said = rig.logged.filter(one => one.kind === 'failing').map(({ sentence }) => sentence)
  expect(said.toSorted()).toEqual(['a job failed permanently', 'a job failed; retrying', 'a job failed; retrying'])
})

test.concurrent('a runner leaves the jobs of other lanes alone, and says of which kind it knows nothing', async ({ rig }) => {
  const here = defineJob({ kind: 'here', lane: quick, data: numbered })
  const elsewhere = defineJob({ kind: 'elsewhere', lane: slow, data: numbered })
  const runner = rig.another({ runs: lane => lane.name !== 'slow' })
  const done: string[] = []
  runner.register(elsewhere, { run: async () => void done.push('elsewhere') })
  runner.register(here, {
    run: async () => {
      await pause(200)
      done.push('here')
    },
  })
  expect([runner.runs(slow), runner.runs(quick), rig.runner.runs(slow)]).toEqual([false, true, true])
  await rig.add({ kind: elsewhere, data: { n: 1 } })
  await rig.add({ kind: here, data: { n: 1 } })
  await runner.start()
  await runner.drain()
  expect(done).toEqual(['here'])
  await rig.add({ kind: defineJob({ kind: 'unknown', lane: quick, data: numbered }), data: { n: 1 } })
  await runner.drain()
  expect((await rig.left()).toSorted((a, b) => a.attempts - b.attempts)).toEqual([
    { kind: 'elsewhere', attempts: 0, lastError: null },
    { kind: 'unknown', attempts: 1, lastError: 'no handler for jobs of kind unknown' },
  ])
})

test.concurrent('a job that an earlier version put into another lane is run in its kind’s lane', async ({ rig }) => {
  const kind = defineJob({ kind: 'moved', lane: quick, data: numbered })
  let done = 0
  rig.runner.register(kind, {
    run: async () => {
      done += 1
    },
  })
  await rig.add({ kind, data: { n: 1 } })
  await rig.database.reader().db.update(jobs).set({ lane: 'before' })
  await rig.runner.start()
  await rig.runner.drain()
  expect(done).toBe(1)
  expect(await rig.metrics.registry.getSingleMetricAsString('tocsin_jobs_total')).toContain('{kind="moved",result="done"} 1')
})

test.concurrent('a runner without kinds starts, has nothing to do, and measures no lane', async ({ rig }) => {
  await rig.runner.start()
  await rig.runner.drain()
  expect(await rig.runner.nextDueAt()).toBeUndefined()
  expect(await rig.metrics.registry.metrics()).not.toContain('lane=')
  expect(rig.logged).toEqual([])
})

test.concurrent('a lane has as many transactions at once as it says, or one, and each job has its own', async ({ rig }) => {
  const lanes = [
    { lane: { ...quick, name: 'one', places: 10 }, width: 1 },
    { lane: { ...quick, name: 'two', places: 10, transactions: 2 }, width: 2 },
  ].map(({ lane, width }) => ({ kind: defineJob({ kind: lane.name, lane, data: numbered }), width, running: 0, most: 0, transactions: new Set<unknown>() }))
  for (const one of lanes)
    rig.runner.register(one.kind, {
      run: async tx => {
        one.running += 1
        one.most = Math.max(one.most, one.running)
        const { rows } = await tx.db.execute(sql`select pg_current_xact_id()::text as id`)
        one.transactions.add(rows[0]?.id)
        await pause(30)
        one.running -= 1
      },
    })
  await rig.runner.start()
  for (const round of [1, 2]) {
    for (const { kind } of lanes) await rig.add(...Array.from({ length: 6 }, (_, n) => ({ kind, data: { n } })))
    await rig.runner.drain()
    for (const { most, width, transactions } of lanes) expect([most, transactions.size]).toEqual([width, round * 6])
    for (const one of lanes) one.most = 0
  }
})

test.concurrent('jobs that are taken together share transactions of at most 200, and a bad one among them fails alone', async ({ rig }) => {
  const kind = defineJob({ kind: 'together', lane: { ...quick, places: 500, deadlineSeconds: 60 }, data: numbered })
  const calls: number[][] = []
  let begun = 0
  let held = Promise.withResolvers<void>()
  rig.runner.registerCall(kind, {
    before: async () => {
      begun += 1
    },
    runAll: async (tx, all) => {
      const own = all.map(({ data }) => data.n)
      calls.push(own)
      await tx.db.insert(settings).values(own.map(n => ({ name: String(n), value: n })))
      if (own.some(n => n < 0)) await held.promise
      if (own.some(n => n >= 1_000)) throw new Error('a bad one')
    },
  })
  const add = (...all: number[]) => rig.add(...all.map(n => ({ kind, data: { n } })))
  /** Has jobs wait for a transaction that is held, so that they are together in the next. */
  const addTogether = async (holding: number, ...all: number[]) => {
    held = Promise.withResolvers()
    begun = 0
    calls.length = 0
    await add(holding)
    await until(() => (calls.length === 1 ? true : undefined), 'the transaction is held')
    await add(...all)
    await until(() => (begun === all.length + 1 ? true : undefined), 'they wait')
    held.resolve()
    await rig.runner.drain()
    return calls.map(({ length }) => length)
  }
  rig.standAt(noon)
  await add(1_000)
  await rig.runner.start()
  await rig.runner.drain()
  expect(calls, 'alone it is not tried twice').toEqual([[1_000]])
  await rig.database.reader().db.delete(jobs)
  expect(await addTogether(-1, ...Array.from({ length: 401 }, (_, n) => n))).toEqual([1, 200, 200, 1])
  expect(await addTogether(-2, 401, 1_001, 402)).toEqual([1, 3, 1, 1, 1])
  const stored = await rig.database.reader().db.select().from(settings)
  expect(new Set(stored.map(({ value }) => value))).toEqual(new Set(Array.from({ length: 405 }, (_, n) => n - 2)))
  expect(await rig.left()).toEqual([{ kind: 'together', attempts: 1, lastError: 'a bad one' }])
})

test.concurrent('what a live worker runs is no other’s, until it dies; a job that was taken away is not given up, and no empty batch is run', async ({
  rig,
}) => {
  const together = defineJob({ kind: 'together', lane: quick, data: numbered })
  const failing = defineJob({ kind: 'failing', lane: quick, data: numbered })
  const [call, done]: [PromiseWithResolvers<void>, string[]] = [Promise.withResolvers<void>(), []]
  let begun = 0
  const before = async () => {
    begun += 1
    await call.promise
  }
  rig.runner.registerCall(together, { before, runAll: async (_tx, all) => void done.push(`together ${all.length}`) })
  rig.runner.registerCall(failing, {
    attempts: 1,
    before: async () => {
      await before()
      throw new Error('it failed')
    },
    giveUp: async () => void done.push('given up'),
  })
  await rig.add({ kind: together, data: { n: 1 } })
  await rig.add({ kind: failing, data: { n: 1 } })
  await rig.runner.start()
  await until(() => (begun === 2 ? true : undefined), 'both have begun')
  const other = 12_345
  await rig.database.transaction(async tx => {
    await tx.db.execute(sql`select pg_advisory_xact_lock(7236002, ${other})`)
    await rig.database.reader().db.update(jobs).set({ leasedBy: other })
    call.resolve()
    await pause(800)
    expect([begun, done]).toEqual([2, []])
  })
  const freed = performance.now()
  await until(() => (done.length === 2 ? true : undefined), 'they are taken over, though nobody says that the other one is gone')
  expect(performance.now() - freed).toBeLessThan(5_000)
  expect(done.toSorted()).toEqual(['given up', 'together 1'])
})

test.concurrent('a worker holds a lease from its start to its stop, and what it runs is not taken by one that starts beside it', async ({ rig }) => {
  const kind = defineJob({ kind: 'held', lane: quick, data: numbered })
  const call = Promise.withResolvers<void>()
  let [begun, done] = [0, 0]
  const beside = rig.another()
  for (const runner of [rig.runner, beside])
    runner.registerCall(kind, {
      before: () => {
        begun += 1
        return call.promise
      },
      run: async () => {
        done += 1
      },
    })
  const reader = rig.database.reader()
  expect(await isAnyRunning(reader)).toBe(false)
  await rig.runner.start()
  expect(await isAnyRunning(reader)).toBe(true)
  await rig.add({ kind, data: { n: 1 } })
  await until(() => (begun === 1 ? true : undefined), 'it has begun')
  await beside.start()
  await pause(800)
  expect(begun).toBe(1)
  call.resolve()
  await rig.runner.drain()
  expect(done).toBe(1)
  for (const runner of [rig.runner, beside]) await runner.stop()
  await until(async () => ((await isAnyRunning(reader)) ? undefined : true), 'nobody works any more', 5_000)
})

test.concurrent('a lease that is lost is had again once the database is back, unless the runner has stopped', async ({ rig }) => {
  const wire = await layWire(rig.url)
  const own = openDatabase(wire.url, systemClock, rig.log, { poolSize: 2 })
  const runner = rig.another({}, own)
  const isHeld = (wanted: boolean) => async () => ((await isAnyRunning(rig.database.reader())) === wanted ? true : undefined)
  const lost = () => rig.logged.filter(({ sentence }) => sentence === 'the lease connection was lost; reconnecting').length
  await runner.start()
  wire.cut()
  await until(() => (lost() === 1 ? true : undefined), 'it is lost')
  await until(() => rig.logged.find(({ sentence }) => sentence === 'the lease is not available yet'), 'it cannot be had')
  await until(isHeld(false), 'PostgreSQL has freed it')
  wire.restore()
  await until(isHeld(true), 'it is had again')
  wire.cut()
  await until(() => (lost() === 2 ? true : undefined), 'it is lost again')
  wire.restore()
  await runner.stop()
  await pause(600)
  await until(isHeld(false), 'nobody holds it')
  await own.close()
  wire.stop()
})

test('jobs are found and canceled by their keys, also none of them, and what runs just now is spared where it is to come to its end', async ({ rig }) => {
  const kind = defineJob({ kind: 'keyed', lane: quick, data: numbered })
  const { database } = rig
  const keys = ['one', 'two', 'three', 'four'] as const
  const found = async () => [...(await keysOf(database.reader(), [...keys, 'other']))].toSorted()
  await database.transaction(tx =>
    scheduleAll(
      tx,
      keys.map((key, n) => ({ kind, key, runAt: tx.now, data: { n } })),
    ),
  )
  expect(await found()).toEqual(keys.toSorted())
  expect(await keysOf(database.reader(), ['two'])).toEqual(new Set(['two']))
  expect(await keysOf(database.reader(), [])).toEqual(new Set())
  await database.reader().db.update(jobs).set({ leasedBy: 12_345 }).where(eq(jobs.key, 'one'))
  await database.transaction(async tx => {
    await cancel(tx)
    await cancelWaiting(tx)
  })
  expect(await found(), 'none was named').toEqual(keys.toSorted())
  await database.transaction(tx => cancelWaiting(tx, 'two'))
  await database.transaction(tx => cancelWaiting(tx, 'one'))
  expect(await found(), 'one of them runs').toEqual(['four', 'one', 'three'])
  await database.transaction(tx => cancel(tx, 'one', 'three'))
  expect(await found()).toEqual(['four'])
})

test.concurrent('a job that is due later runs then, without a notice', async ({ rig }) => {
  const kind = defineJob({ kind: 'later', lane: { ...quick, places: 1 }, data: numbered })
  const done = Promise.withResolvers<number>()
  rig.runner.register(kind, { run: async () => done.resolve(Date.now()) })
  await rig.runner.start()
  const runAt = addSeconds(systemClock.now(), 1.5)
  await rig.database.transaction(tx => schedule(tx, { kind, key: 'later', runAt, data: { n: 1 } }))
  await rig.runner.drain()
  expect(await rig.runner.nextDueAt()).toBe(runAt)
  expect(await rig.metrics.registry.metrics()).toContain('tocsin_jobs_oldest_due_seconds{lane="quick"} 0\n')
  const lateMs = (await done.promise) - Date.parse(runAt)
  expect(lateMs).toBeGreaterThanOrEqual(0)
  expect(lateMs).toBeLessThan(4_000)
})

test.concurrent('whenever it is woken, however far its look at what is due has come, a runner looks again', async ({ rig }) => {
  const kind = defineJob({ kind: 'due', lane: quick, data: numbered })
  let done = 0
  rig.runner.register(kind, {
    run: async () => {
      done += 1
    },
  })
  rig.standAt(noon)
  await rig.runner.start()
  let places = 0
  for (let hour = 1; ; hour += 1) {
    const due = addSeconds(noon, hour * 3_600)
    await rig.database.transaction(tx => schedule(tx, { kind, key: 'due', runAt: due, data: { n: hour } }))
    // The notice of that is over.
    await pause(150)
    await rig.runner.drain()
    let asked = 0
    rig.onAsked = () => {
      asked += 1
      if (asked !== hour) return
      // Just after it was asked the time has come.
      rig.standAt(due)
      queueMicrotask(() => rig.runner.wake())
    }
    await rig.runner.drain()
    rig.onAsked = () => undefined
    if (asked < hour) break
    expect(done).toBe(hour)
    places += 1
  }
  expect(places).toBeGreaterThan(3)
  expect(done).toBe(places)
})

test.concurrent('a runner that cannot read its jobs says so and tries again', async ({ rig }) => {
  const kind = defineJob({ kind: 'due', lane: quick, data: numbered })
  let done = 0
  rig.runner.register(kind, {
    run: async () => {
      done += 1
    },
  })
  rig.standAt(noon)
  const due = addSeconds(noon, 60)
  await rig.database.transaction(tx => schedule(tx, { kind, key: 'due', runAt: due, data: { n: 1 } }))
  await rig.runner.start()
  await rig.runner.drain()
  await asOwner(rig.url, 'alter table jobs rename to jobs_away')
  rig.standAt(due)
  rig.runner.wake()
  await until(() => rig.logged.find(({ sentence }) => sentence === 'jobs cannot be read; retrying'), 'it says so')
  await asOwner(rig.url, 'alter table jobs_away rename to jobs')
  const back = performance.now()
  await until(() => (done === 1 ? true : undefined), 'it has tried again')
  expect(performance.now() - back).toBeLessThan(5_000)
})

test('a job that is always to be scheduled is so at the start, and again when it was given up or deleted', async ({ rig }) => {
  const kind = defineJob({ kind: 'hourly', lane: quick, data: z.object({}) })
  const elsewhere = defineJob({ kind: 'elsewhere', lane: slow, data: z.object({}) })
  const at = (hour: string) => `2026-11-23T${hour}:00:00.000Z`
  rig.standAt(noon)
  const runner = rig.another({ idleMs: 50, runs: lane => lane === quick })
  runner.register(kind, { attempts: 1, run: () => Promise.reject(new Error('always')) })
  runner.keep(kind, tx => schedule(tx, { kind, key: kind.kind, runAt: addSeconds(tx.now, 3_600), data: {} }))
  runner.keep(elsewhere, tx => schedule(tx, { kind: elsewhere, key: elsewhere.kind, runAt: tx.now, data: {} }))
  const waiting = () => rig.database.reader().db.select({ kind: jobs.kind, runAt: jobs.runAt }).from(jobs)
  await runner.start()
  expect(await waiting()).toEqual([{ kind: 'hourly', runAt: at('13') }])
  rig.standAt(at('13'))
  await runner.drain()
  expect(rig.logged.map(({ sentence }) => sentence)).toEqual(['a job failed permanently'])
  expect(await waiting()).toEqual([{ kind: 'hourly', runAt: at('14') }])
  rig.standAt(at('13'))
  await rig.database.reader().db.delete(jobs)
  await until(async () => ((await waiting()).length > 0 ? true : undefined), 'it is scheduled again')
  expect(await waiting()).toEqual([{ kind: 'hourly', runAt: at('14') }])
})

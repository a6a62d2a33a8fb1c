import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { layWire } from '../../test/wire.ts'
import { asOwner, cloneDatabase } from '../../test/world.ts'
import { readConfig } from '../app/config.ts'
import { startPager } from '../app/pager.ts'
import { systemClock } from './clock.ts'
import { ConfigProblem } from './config-problem.ts'
import { assertMigrated, type Database, isContention, isOutage, isUnavailable, openDatabase } from './database.ts'

const silent = pino({ level: 'silent' })

async function withDatabase(
  options: Parameters<typeof openDatabase>[3],
  work: (database: Database, wire: Awaited<ReturnType<typeof layWire>>) => Promise<void>,
): Promise<void> {
  const clone = await cloneDatabase()
  const wire = await layWire(clone.url)
  const database = openDatabase(wire.url, systemClock, silent, options)
  try {
    await work(database, wire)
  } finally {
    await database.close()
    wire.stop()
    await clone.drop()
  }
}

const now = (database: Database) => database.transaction(async tx => (await tx.db.execute<{ n: number }>('select 1 as n')).rows[0]?.n)

test('a database that goes away again and again, at any moment of a transaction, takes no connection of the pool with it', async () => {
  await withDatabase({ poolSize: 2 }, async (database, wire) => {
    for (let round = 0; round < 12; round += 1) {
      await now(database)
      const some = Array.from({ length: 8 }, () => now(database))
      // Some are at their begin then, some at their query, some wait for a connection.
      await new Promise(resolve => setTimeout(resolve, round % 4))
      wire.cut()
      await Promise.allSettled(some)
      wire.restore()
    }
    expect(await Promise.all(Array.from({ length: 6 }, () => now(database)))).toEqual([1, 1, 1, 1, 1, 1])
  })
})

test('a transaction that could not be rolled back is not handed to the next', async () => {
  await withDatabase({ poolSize: 1 }, async (database, wire) => {
    const failed = database.transaction(async tx => {
      await tx.db.execute("set local application_name = 'left behind'")
      wire.cut()
      throw new Error('the first fault')
    })
    await expect(failed, 'the first fault is what is told').rejects.toThrow('the first fault')
    wire.restore()
    const name = await database.transaction(async tx => (await tx.db.execute<{ application_name: string }>('show application_name')).rows[0]?.application_name)
    expect(name).toBe('')
  })
})

test('a fault that is passed over inside a transaction does not look like success', async () => {
  await withDatabase({ poolSize: 1 }, async database => {
    const passed = database.transaction(tx => tx.db.execute('select 1/0').catch(() => undefined))
    await expect(passed).rejects.toThrow('rolled back')
    expect(await now(database)).toBe(1)
  })
})

test('transactions that wait for a row that another one changes keep nobody from reading, and the database is healthy', async () => {
  await withDatabase({ poolSize: 2 }, async database => {
    let release: () => void = () => undefined
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    const waiting = Array.from({ length: 6 }, () => database.transaction(tx => tx.db.execute('select pg_advisory_xact_lock(7)').then(() => released)))
    expect((await database.reader().db.execute<{ n: number }>('select 1 as n')).rows[0]?.n).toBe(1)
    expect([await database.health(), database.connections.waiting]).toEqual([undefined, 4])
    release()
    await Promise.all(waiting)
  })
})

test('a database that says nothing any more is given up after a while, and asked anew once the network is back', async () => {
  await withDatabase({ poolSize: 2, silentMs: 300 }, async (database, wire) => {
    expect(await now(database)).toBe(1)
    wire.hush()
    await expect(now(database)).rejects.toThrow(/timeout/)
    await expect(database.reader().db.execute('select 1')).rejects.toThrow()
    wire.restore()
    expect(await Promise.all([now(database), now(database), now(database)])).toEqual([1, 1, 1])
  })
})

test('a database that turned read-only, and one that is not reached by this name or password, is unavailable and an outage', async () => {
  const clone = await cloneDatabase()
  const database = openDatabase(clone.url, systemClock, silent)
  const faultOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    )
  try {
    expect(await database.health()).toBeUndefined()
    await asOwner(clone.url, `alter database ${new URL(clone.url).pathname.slice(1)} set default_transaction_read_only = on`)
    const readOnly = openDatabase(clone.url, systemClock, silent)
    const written = await faultOf(readOnly.transaction(tx => tx.db.execute(sql`update settings set value = value`)))
    expect([isUnavailable(written), isOutage(written)]).toEqual([true, true])
    expect(await readOnly.health()).toEqual({ severity: 'unavailable', detail: 'The database is read-only. Nothing can be written.' })
    await readOnly.close()
    const [wrongPassword, wrongName] = [new URL(clone.url), new URL(clone.url)]
    wrongPassword.password = 'another'
    wrongName.pathname = '/not_here'
    for (const { href } of [wrongPassword, wrongName]) {
      const away = openDatabase(href, systemClock, silent)
      for (const fault of [await faultOf(away.transaction(async () => 1)), await faultOf(away.reader().db.execute('select 1'))])
        expect([href, isUnavailable(fault), isOutage(fault)]).toEqual([href, true, true])
      await away.close()
    }
    const idle = await faultOf(
      database.transaction(async tx => {
        await tx.db.execute("set local idle_in_transaction_session_timeout = '50ms'")
        await sleep(300)
        await tx.db.execute('select 1')
      }),
    )
    expect(isUnavailable(idle)).toBe(true)
    const fault = await faultOf(database.transaction(tx => tx.db.execute('select 1/0')))
    expect([isUnavailable(fault), isOutage(fault), isContention(fault)]).toEqual([false, false, false])
  } finally {
    await database.close()
    await clone.drop()
  }
})

test('a database that is not set up, or is of a newer version, is refused by who does not bring it up to date', async () => {
  const clone = await cloneDatabase()
  const database = openDatabase(clone.url, systemClock, silent)
  try {
    await expect(assertMigrated(clone.url)).resolves.toBeUndefined()
    await asOwner(clone.url, `insert into drizzle.__drizzle_migrations (hash, created_at) values ('future', 9999999999999)`)
    await expect(assertMigrated(clone.url)).rejects.toThrow(/newer version of Tocsin/)
    // A pager ends with a configuration problem: one sentence and exit code 2.
    const env = { DATABASE_URL: clone.url, TOCSIN_SECRET: 'k'.repeat(40), TOCSIN_PUBLIC_URL: 'http://localhost:1', TOCSIN_LOG_LEVEL: 'silent' }
    await expect(startPager(readConfig(env), silent)).rejects.toThrow(/newer version of Tocsin/)
    await asOwner(clone.url, 'drop schema drizzle cascade')
    await expect(startPager(readConfig(env), silent)).rejects.toThrow(ConfigProblem)
    await expect(startPager(readConfig(env), silent)).rejects.toThrow(/not set up for this version of Tocsin\. Start the web process/)
  } finally {
    await database.close()
    await clone.drop()
  }
})

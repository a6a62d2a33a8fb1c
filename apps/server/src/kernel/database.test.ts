import { pino } from 'pino'
import { expect, test } from 'vitest'
import { layWire } from '../../test/wire.ts'
import { cloneDatabase } from '../../test/world.ts'
import { systemClock } from './clock.ts'
import { type Database, openDatabase } from './database.ts'

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

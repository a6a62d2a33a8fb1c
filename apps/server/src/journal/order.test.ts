import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { describe, expect, inject } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { test, type World } from '../../test/world.ts'
import type { Tx } from '../kernel/database.ts'
import { openMetrics } from '../kernel/telemetry.ts'
import { heldPlaces, look, lowerBound, withoutLiterals } from './order.ts'
import { readAfter } from './read.ts'
import { record, system } from './record.ts'
import { journal } from './tables.ts'
import { JournalWatch } from './watch.ts'

const write = (tx: Tx, id: string) => record(tx, { actor: system, type: 'heartbeat.received', subject: { kind: 'heartbeat', id }, data: { name: '' } })

/** Reads on and on, as a follower does, until told to end. */
function follow(world: World, from: number): { read: { seq: number; id: string }[]; end(): Promise<void> } {
  const { database } = world.server.context
  const read: { seq: number; id: string }[] = []
  let isOver = false
  const running = (async () => {
    let cursor = from
    while (!isOver) {
      const found = await readAfter(database.reader(), cursor)
      cursor = found.cursor
      read.push(...found.entries.filter(entry => entry.type === 'heartbeat.received').map(entry => ({ seq: cursor, id: entry.subject.id })))
      await sleep(1)
    }
  })()
  return {
    read,
    end: async () => {
      isOver = true
      await running
    },
  }
}

/** A connection that has a transaction open and forgets about it: it has written something, elsewhere. */
async function forgotten(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('begin')
  await client.query('select pg_current_xact_id()')
  return client
}

describe('the order of the journal', () => {
  test('lets every committed entry be read once and in order: writers that hold, roll back and die, and transactions elsewhere that never end', {
    timeout: 120_000,
  }, async ({ world }) => {
    const { database } = world.server.context
    const elsewhere = [await forgotten(database.url), await forgotten(inject('templateUrl').replace(/\/tocsin$/, '/postgres'))]
    const { bound } = await look(database.reader())
    const readers = [follow(world, bound), follow(world, bound)]
    const committed = new Set<string>()
    const gone = new Set<string>()
    const random = (below: number) => Math.floor(Math.random() * below)
    const writers = Array.from({ length: 8 }, async (_, lane) => {
      for (let round = 0; round < 60; round += 1) {
        const ids = Array.from({ length: 1 + random(4) }, (_, n) => `${lane}.${round}.${n}`)
        const fate = random(10)
        try {
          await database.transaction(async tx => {
            for (const id of ids) {
              await write(tx, id)
              if (random(3) === 0) await sleep(random(25))
            }
            if (fate === 0) throw new Error('rolled back')
            // The connection dies under it, before the commit.
            if (fate === 1) await tx.db.execute(sql`select pg_terminate_backend(pg_backend_pid())`)
          })
          for (const id of ids) committed.add(id)
        } catch {
          for (const id of ids) gone.add(id)
        }
      }
    })
    await Promise.all(writers)
    try {
      await until(() => (readers.every(({ read }) => read.length >= committed.size) ? true : undefined), 'all is read', 10_000)
      await sleep(50)
    } finally {
      for (const reader of readers) await reader.end()
      for (const client of elsewhere) await client.end()
    }
    const stored = await database
      .reader()
      .db.select({ id: journal.subjectId })
      .from(journal)
      .where(sql`${journal.type} = 'heartbeat.received'`)
      .orderBy(journal.seq)
    expect(gone.size).toBeGreaterThan(20)
    expect(new Set(stored.map(entry => entry.id))).toEqual(committed)
    for (const { read } of readers) expect(read.map(entry => entry.id)).toEqual(stored.map(entry => entry.id))
  })

  test('waits for a writer that has a smaller number, and for nobody else', async ({ world }) => {
    const { database } = world.server.context
    const before = (await readAfter(database.reader(), 0)).cursor
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    let hasWritten = () => {}
    const written = new Promise<void>(resolve => {
      hasWritten = resolve
    })
    const slow = database.transaction(async tx => {
      await write(tx, 'slow')
      hasWritten()
      await held
      await write(tx, 'slow again')
    })
    try {
      await written
      await database.transaction(tx => write(tx, 'quick'))
      expect(await readAfter(database.reader(), before)).toEqual({ entries: [], cursor: before, isBehind: true })
    } finally {
      release()
      await slow
    }
    const late = await readAfter(database.reader(), before)
    expect([late.entries.map(entry => entry.subject.id), late.isBehind]).toEqual([['slow', 'quick', 'slow again'], false])
  })

  test('takes one lock a transaction, however often it writes', async ({ world }) => {
    const { database } = world.server.context
    await database.transaction(async tx => {
      for (let n = 0; n < 30; n += 1) {
        await write(tx, String(n))
        await database.transaction(other => write(other, `other ${n}`))
      }
      const locks = await tx.db.execute(sql`select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`)
      expect(locks.rows.length).toBe(1)
    })
  })

  test('knows the number that a key of 31 bits stands for', () => {
    const keys = 2 ** 31
    for (const last of [0, 1, 99, keys - 1, keys, keys + 1, 5 * keys - 1, 5 * keys + 3]) {
      for (const behind of [0, 1, 2, 1_000, 1_000_000]) if (last >= behind) expect(lowerBound((last - behind) % keys, last)).toBe(last - behind)
      // Of writers that came after the number was read.
      for (const ahead of [1, 2, 1_000, 1_000_000]) expect(lowerBound((last + ahead) % keys, last)).toBe(Number.POSITIVE_INFINITY)
    }
  })

  test('a writer that does not end is named, with its statement, to monitors and to the administrators, until it has ended', {
    timeout: 60_000 * patience,
  }, async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    const { context } = world.server
    const watch = new JournalWatch({ ...context, metrics: openMetrics() }, { writerSeconds: 0.3 })
    const lock = await forgotten(context.database.url)
    let pid = 0
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const slow = context.database.transaction(async tx => {
      await write(tx, 'slow')
      pid = Number((await tx.db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows[0]?.pid)
      await held
    })
    await until(async () => ((await heldPlaces(context.database.reader(), 0.3)).length > 0 ? true : undefined), 'it is seen')
    expect(await watch.health()).toEqual({
      severity: 'degraded',
      detail: expect.stringContaining(`pid ${pid}, last statement: select pg_backend_pid() as pid`),
    })
    await watch.look()
    await context.jobs.drain()
    expect(ada.expectPage(/A long-running transaction blocks the audit log/).text).toContain(`pg_terminate_backend(${pid})`)
    // Only writers are meant: the other one has been open for longer.
    expect((await watch.read()).writers.map(writer => writer.pid)).toEqual([pid])
    release()
    await slow
    await watch.look()
    expect(await watch.health()).toBeUndefined()
    expect((await ada.call('pages')).items.map(page => page.state)).toEqual(['resolved'])
    await lock.end()
  })
})

test.for([
  ["select 'Kunde Müller, hunter2'", 'select ?'],
  ["update notes set text = 'it''s a secret' where id = 42", 'update notes set text = ? where id = ?'],
  ['select $$one$$, $tag$two $$ three$tag$, 1.5e3', 'select ?, ?, ?'],
  ["select 'one that is cut in the mid", 'select ?'],
  ['select col1 from t2 where a = $1', 'select col1 from t2 where a = $?'],
] as const)('a statement that is shown has no values in it: %s', ([query, shown]) => {
  expect(withoutLiterals(query)).toBe(shown)
})

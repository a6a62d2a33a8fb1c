import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import pg from 'pg'
import { describe, expect, test as plainTest } from 'vitest'
import { z } from 'zod'
import { until } from '../../test/alertmanager.ts'
import { layWire } from '../../test/wire.ts'
import { asOwner, cloneDatabase } from '../../test/world.ts'
import { type Alarm, Alarms } from '../kernel/alarms.ts'
import { systemClock } from '../kernel/clock.ts'
import { type Database, openDatabase, type Tx } from '../kernel/database.ts'
import { settings } from '../kernel/tables.ts'
import type { Log } from '../kernel/telemetry.ts'
import { JournalReaders } from './follow.ts'
import { faultOf } from './reader.ts'
import { type Entry, recordAll, system } from './record.ts'
import { journal, journalCursors, journalDeadLetters } from './tables.ts'

interface Rig {
  readonly url: string
  readonly database: Database
  readonly log: Log
  /** Warnings and errors. */
  readonly logged: { sentence: string; reader: string | undefined }[]
  readonly raised: Alarm[]
  /** Readers on this database or on another one; they are stopped at the end. */
  open(database?: Database, alarms?: Alarms): JournalReaders
  /** Writes entries in one transaction, numbered from `from` on. */
  write(count: number, from?: number, type?: 'heartbeat.received' | 'heartbeat.removed'): Promise<void>
  /** Numbers of the entries whose effect was committed. */
  committed(): Promise<number[]>
  /** How far a reader has come, as it is stored. */
  cursor(name: string): Promise<number | undefined>
}

/** Nothing is sealed here. */
const noKey = { sign: () => '', isSigned: () => true, wasSigned: () => true }

/** The journal of a database of its own, empty, without a server. */
const test = plainTest.extend<{ rig: Rig }>({
  // biome-ignore lint/correctness/noEmptyPattern: a fixture names what it needs
  rig: async ({}, use) => {
    const { url, drop } = await cloneDatabase()
    const logged: Rig['logged'] = []
    const note = (fields: unknown, sentence?: string) => {
      const { data } = z.object({ reader: z.string() }).safeParse(fields)
      logged.push({ sentence: sentence ?? String(fields), reader: data?.reader })
    }
    const log = { debug: () => undefined, info: () => undefined, warn: note, error: note } satisfies Record<keyof Log, unknown>
    const database = openDatabase(url, systemClock, log, { poolSize: 8 })
    database.signWith(noKey)
    const { db } = database.reader()
    const raised: Alarm[] = []
    const receiving = new Alarms()
    receiving.fill({ raise: async (_tx, alarm) => void raised.push(alarm), resolve: async () => undefined })
    const opened: JournalReaders[] = []
    await use({
      ...{ url, database, log, logged, raised },
      open: (on = database, alarms = receiving) => {
        const readers = new JournalReaders(on, log, alarms)
        opened.push(readers)
        return readers
      },
      write: (count, from = 0, type = 'heartbeat.received') =>
        database.transaction(tx =>
          recordAll(
            tx,
            Array.from({ length: count }, (_, n) => ({ actor: system, type, subject: { kind: 'heartbeat', id: String(from + n) }, data: { name: '' } })),
          ),
        ),
      committed: async () => (await db.select().from(settings)).map(({ name }) => Number(name)).toSorted((a, b) => a - b),
      cursor: async name => (await db.select().from(journalCursors).where(eq(journalCursors.name, name)))[0]?.seq,
    })
    for (const readers of opened) await readers.stop()
    await database.close()
    await drop()
  },
})

const numberOf = (entry: Entry) => Number(entry.subject.id)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
/** The effect of an entry. It can be had once: a second time violates the key. */
const commit = (tx: Tx, entry: Entry) => tx.db.insert(settings).values({ name: String(numberOf(entry)), value: 1 })
/** The database is as it was when its journal had so many entries: restored, or a replica that was behind. */
async function goBack({ url }: Rig, count: number): Promise<void> {
  await asOwner(
    url,
    `begin; set local session_replication_role = replica;
    delete from journal where seq > ${count}; delete from settings where name ~ '^[0-9]+$' and name::int >= ${count};
    update journal_cursors set seq = least(seq, ${count}); select setval('journal_seq_seq', ${count}); commit`,
  )
}
const sentences = ({ logged }: Rig, name: string) => logged.filter(({ reader }) => reader === name).map(({ sentence }) => sentence)

describe.concurrent('a journal reader', () => {
  test('begins with the first entry there is, and takes in at most 200 at once, also after it was held up', async ({ rig }) => {
    await rig.write(450)
    const sizes: number[] = []
    const read: number[] = []
    const release = Promise.withResolvers<void>()
    const readers = rig.open()
    readers.follow('held up', async (_tx, entries) => {
      sizes.push(entries.length)
      read.push(...entries.map(numberOf))
      if (read.at(-1) === 450) await release.promise
    })
    readers.follow('other', async () => undefined)
    await readers.start()
    await readers.drain()
    expect(sizes.splice(0)).toEqual([200, 200, 50])
    await rig.write(1, 450)
    await until(() => (read.at(-1) === 450 ? true : undefined), 'it is held up')
    await rig.write(300, 451)
    await until(() => (readers.readers.get('other')?.seen === 751 ? true : undefined), 'the other one is done')
    release.resolve()
    await readers.drain()
    expect(sizes).toEqual([1, 200, 100])
    expect(read).toEqual(upTo(751))
  })

  test('has a name that no other reader has', ({ rig }) => {
    const readers = rig.open()
    readers.follow('one', async () => undefined)
    expect(() => readers.react('one', {})).toThrow('there is a journal reader named one already')
  })

  test('reads nothing before its start; its stop lets what has begun end, and is the end of it', async ({ rig }) => {
    const own = openDatabase(rig.url, systemClock, rig.log, { poolSize: 4 })
    own.signWith(noKey)
    await rig.write(1)
    const read: number[] = []
    const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const readers = rig.open(own)
    readers.follow('all', async (_tx, entries) => {
      if (entries.some(entry => numberOf(entry) === 4)) {
        begun.resolve()
        await release.promise
      }
      read.push(...entries.map(numberOf))
    })
    readers.wake()
    await readers.drain()
    expect(readers.readers.get('all')).toMatchObject({ seen: 0, unstored: undefined })
    await readers.start()
    await readers.drain()
    const started = performance.now()
    for (const n of [1, 2, 3]) {
      await rig.write(1, n)
      await until(() => (read.at(-1) === n ? true : undefined), 'it is read')
    }
    expect(performance.now() - started, 'by its notice, not by the look every few seconds').toBeLessThan(4_000)
    await rig.write(1, 4)
    await begun.promise
    const stopping = readers.stop()
    await sleep(100)
    release.resolve()
    await stopping
    expect(read).toEqual([0, 1, 2, 3, 4])
    await rig.write(1, 5)
    await readers.drain()
    await own.close()
    readers.wake()
    await sleep(100)
    expect(read).toEqual([0, 1, 2, 3, 4])
    expect(await rig.cursor('all')).toBe(5)
    expect(rig.logged, 'it does not look at a database that was closed').toEqual([])
  })

  test('that had nothing to do is stored by the stop at the latest, and not while it takes something in', async ({ rig }) => {
    const readers = rig.open()
    const rare = () => readers.readers.get('rare')
    const unstored: unknown[] = []
    readers.react('rare', { 'heartbeat.removed': async () => void unstored.push(rare()?.unstored) })
    await readers.start()
    await rig.write(3)
    await readers.drain()
    expect(rare()).toMatchObject({ seen: 3, unstored: { seq: 3, stored: 0 } })
    await rig.write(1, 3, 'heartbeat.removed')
    await readers.drain()
    expect(unstored, 'its transaction stores it').toEqual([undefined])
    expect(rare()).toMatchObject({ seen: 4, unstored: undefined })
    expect(await rig.cursor('rare')).toBe(4)
    await rig.write(2, 4)
    await readers.drain()
    expect(rare()).toMatchObject({ seen: 6, unstored: { seq: 6, stored: 4 } })
    await readers.stop()
    expect(rare()).toMatchObject({ seen: 6, unstored: undefined })
    expect(await rig.cursor('rare')).toBe(6)
  })

  test('misses no entry whose notice was lost', async ({ rig }) => {
    const read: number[] = []
    const readers = rig.open({ ...rig.database, listen: () => undefined })
    readers.follow('all', async (_tx, entries) => void read.push(...entries.map(numberOf)))
    readers.react('rare', {})
    const release = Promise.withResolvers<void>()
    const written = Promise.withResolvers<void>()
    const writing = rig.database.transaction(async tx => {
      await recordAll(tx, [{ actor: system, type: 'heartbeat.received', subject: { kind: 'heartbeat', id: '0' }, data: { name: '' } }])
      written.resolve()
      await release.promise
    })
    await written.promise
    const started = performance.now()
    await readers.start()
    release.resolve()
    await writing
    await until(() => (read.length === 1 ? true : undefined), 'what was being written at the start')
    expect(performance.now() - started).toBeLessThan(3_000)
    await rig.write(1, 1)
    await readers.drain()
    expect(performance.now() - started, 'whoever waits for it has it looked for').toBeLessThan(4_000)
    expect(read).toEqual([0, 1])
    await rig.write(1, 2)
    await until(() => (read.length === 3 ? true : undefined), 'every few seconds it is looked for anyway', 15_000)
    await until(async () => (((await rig.cursor('rare')) ?? 0) >= 2 ? true : undefined), 'and what was nothing to a reader is stored then', 15_000)
  })

  test('that fails tries again at growing distances, which nothing shortens but a stop, and is stuck after three failures', async ({ rig }) => {
    const readers = rig.open()
    /** What each attempt at the first entry found. */
    const attempts: Record<string, { at: number; isStuck: boolean | undefined; lastError: string | undefined }[]> = {
      ...{ failing: [], strict: [], recovering: [], held: [] },
    }
    const release = Promise.withResolvers<void>()
    for (const [name, failures] of [
      ['failing', 99],
      ['strict', 99],
      ['recovering', 2],
      ['held', 99],
    ] as const)
      readers.follow(
        name,
        async (_tx, entries) => {
          const reader = readers.readers.get(name)
          const own = attempts[name] ?? []
          // One that may pass nothing over goes on with whatever there is.
          if (entries.length === 1 || name === 'strict') own.push({ at: performance.now(), isStuck: reader?.isStuck, lastError: reader?.lastError })
          if (name === 'held' && own.length === 4) await release.promise
          if (own.length <= failures) throw new Error(`no ${name}`)
        },
        { isStrict: name === 'strict' },
      )
    await rig.write(1)
    await readers.start()
    await until(() => (attempts.failing?.length === 3 && attempts.strict?.length === 3 ? true : undefined), 'three attempts')
    await rig.write(5, 1)
    await until(() => (Object.values(attempts).filter(({ length }) => length >= 4).length === 3 ? true : undefined), 'a fourth attempt')
    const stopped = performance.now()
    await readers.drain()
    const stopping = readers.stop()
    // Only then one of them fails that was at it.
    await sleep(100)
    release.resolve()
    await stopping
    expect(performance.now() - stopped, 'nobody waits for it').toBeLessThan(3_000)
    for (const [name, distances] of [
      ['failing', [90, 390, 1_590]],
      ['strict', [240, 490, 990]],
    ] as const) {
      const own = attempts[name]?.slice(0, 4) ?? []
      expect(own.map(({ isStuck }) => isStuck)).toEqual([false, false, false, true])
      expect(own.map(({ lastError }) => lastError)).toEqual([undefined, `no ${name}`, `no ${name}`, `no ${name}`])
      for (const [n, ms] of distances.entries()) expect((own[n + 1]?.at ?? 0) - (own[n]?.at ?? 0)).toBeGreaterThan(ms)
    }
    expect(sentences(rig, 'failing')).toEqual(Array(4).fill('a journal reader failed at an entry'))
    expect(new Set(sentences(rig, 'strict'))).toEqual(new Set(['a journal reader failed; retrying']))
    expect(readers.readers.get('recovering')).toMatchObject({ seen: 6, isStuck: false, lastError: undefined })
    expect(await rig.cursor('failing'), 'a stop is no reason to pass over it').toBe(0)
  })

  test('sets the one entry of a batch aside that fails again and again, with its fault and an alarm, and goes on', async ({ rig }) => {
    const readers = rig.open()
    let attempts = 0
    readers.react('poisoned', {
      'heartbeat.received': async (tx, entry) => {
        await commit(tx, entry)
        if (numberOf(entry) !== 1) return
        attempts += 1
        throw new Error('x'.repeat(2_000))
      },
    })
    await readers.start()
    await rig.write(2)
    const { db } = rig.database.reader()
    const deadLetter = await until(async () => (await db.select().from(journalDeadLetters))[0], 'it is set aside', 30_000)
    await until(() => (readers.readers.get('poisoned')?.lastError === undefined ? true : undefined), 'it fails no more')
    await rig.write(1, 2)
    await until(async () => ((await rig.committed()).length === 2 ? true : undefined), 'it goes on')
    expect(await rig.committed()).toEqual([0, 2])
    // With the other one, then alone.
    expect(attempts).toBe(6)
    const [entry] = await db.select().from(journal).where(eq(journal.subjectId, '1'))
    expect(deadLetter).toMatchObject({ reader: 'poisoned', entryId: entry?.id, error: 'x'.repeat(1_000), attempts: 5, state: 'open' })
    expect(rig.raised).toMatchObject([{ key: 'journal-dead-letters:poisoned', summary: expect.stringContaining('heartbeat.received') }])
    const [aside] = await db.select().from(journal).where(eq(journal.type, 'journal-entry.set-aside'))
    expect(aside).toMatchObject({ subjectId: entry?.id, data: { reader: 'poisoned', type: 'heartbeat.received', attempts: 5 } })
    expect(readers.readers.get('poisoned')).toMatchObject({ isStuck: false, lastError: undefined })
    expect(sentences(rig, 'poisoned').at(-1)).toBe('a journal reader created a dead letter')
  })

  test('sets an entry aside also where the administrators cannot be paged about it', async ({ rig }) => {
    const mute = new Alarms()
    mute.fill({ raise: () => Promise.reject(new Error('paging fails')), resolve: async () => undefined })
    const readers = rig.open(rig.database, mute)
    readers.react('poisoned', {
      'heartbeat.received': async (tx, entry) => {
        if (numberOf(entry) === 0) throw new Error('no such thing')
        await commit(tx, entry)
      },
    })
    await readers.start()
    await rig.write(1)
    await until(() => rig.logged.find(({ sentence }) => sentence === 'administrators could not be paged about a dead letter'), 'that is logged', 30_000)
    await rig.write(1, 1)
    await until(async () => ((await rig.committed()).length === 1 ? true : undefined), 'it goes on')
    expect(await rig.committed()).toEqual([1])
    expect(await rig.database.reader().db.select().from(journalDeadLetters)).toMatchObject([{ reader: 'poisoned', error: 'no such thing' }])
  })

  test('waits for a database that is away, gives up no entry meanwhile, and asks for it no more than once a second', async ({ rig }) => {
    await rig.write(450)
    const wire = await layWire(rig.url)
    const own = openDatabase(wire.url, systemClock, rig.log, { poolSize: 4 })
    own.signWith(noKey)
    const readers = rig.open(own)
    const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    readers.follow('all', async (tx, entries) => {
      begun.resolve()
      await release.promise
      for (const entry of entries) await commit(tx, entry)
    })
    await readers.start()
    await begun.promise
    wire.cut()
    release.resolve()
    await sleep(2_500)
    const said = sentences(rig, 'all')
    expect(said[0]).toBe('a journal reader failed; retrying')
    expect(said.filter(sentence => sentence === 'a journal reader cannot read; retrying').length).toBeGreaterThan(0)
    expect(said.length).toBeLessThan(6)
    wire.restore()
    await until(async () => ((await rig.committed()).length === 450 ? true : undefined), 'all is taken in')
    expect(await rig.database.reader().db.select().from(journalDeadLetters)).toEqual([])
    await readers.stop()
    await own.close()
    wire.stop()
  })

  for (const [fault, code] of [
    ['waits for a lock too long', '55P03'],
    ['loses a deadlock', '40P01'],
  ] as const)
    test(`that ${fault} tries again without end and sets nothing aside`, async ({ rig }) => {
      const readers = rig.open()
      let count = 0
      readers.follow('all', async (tx, entries) => {
        count += 1
        // More often than an entry is attempted.
        if (count <= 6) await tx.db.execute(sql.raw(`do $$ begin raise exception 'somebody else holds it' using errcode = '${code}'; end $$`))
        for (const entry of entries) await commit(tx, entry)
      })
      await readers.start()
      await rig.write(1)
      await until(async () => ((await rig.committed()).length === 1 ? true : undefined), 'it is taken in', 30_000)
      expect(count).toBe(7)
      expect(await rig.database.reader().db.select().from(journalDeadLetters)).toEqual([])
      expect(rig.raised).toEqual([])
      expect(new Set(sentences(rig, 'all'))).toEqual(new Set(['a journal reader failed; retrying']))
    })

  test('waits where the journal went back behind it, stores nothing over what came back, and passes over no entry after a restart', async ({ rig }) => {
    const readers = rig.open()
    readers.follow('all', async (tx, entries) => {
      for (const entry of entries) await commit(tx, entry)
    })
    // Nothing concerns it: how far it has come is only remembered.
    readers.follow('idle', async () => undefined, { types: new Set(['heartbeat.removed']) })
    await readers.start()
    await rig.write(30)
    await until(async () => ((await rig.committed()).length === 30 ? true : undefined), 'all is taken in')
    await readers.drain()
    await goBack(rig, 20)
    await until(() => ([...readers.readers.values()].every(({ isHalted }) => isHalted) ? true : undefined), 'it is noticed', 7_000)
    await rig.write(25, 100)
    await sleep(200)
    await readers.stop()
    expect([await rig.cursor('all'), (await rig.committed()).at(-1)]).toEqual([20, 19])
    expect(await rig.cursor('idle')).toBeLessThanOrEqual(20)
    for (const name of ['all', 'idle']) expect(sentences(rig, name)).toEqual(['the journal went back behind a reader; it waits for a restart'])
    const again = rig.open()
    again.follow('all', async (tx, entries) => {
      for (const entry of entries) await commit(tx, entry)
    })
    await again.start()
    await until(async () => ((await rig.committed()).length === 45 ? true : undefined), 'nothing is passed over')
  })

  test('waits also where the journal went back behind it and has grown past it again before anybody looked', async ({ rig }) => {
    const readers = rig.open()
    const follow = async (tx: Tx, entries: readonly Entry[]) => {
      for (const entry of entries) await commit(tx, entry)
    }
    readers.follow('all', follow)
    // Nothing concerns it: that it has come back is noticed where its position is stored.
    readers.follow('idle', async () => undefined, { types: new Set(['heartbeat.removed']) })
    await readers.start()
    await rig.write(30)
    await until(async () => ((await rig.committed()).length === 30 ? true : undefined), 'all is taken in')
    await until(async () => ((await rig.cursor('idle')) === 30 ? true : undefined), 'its position is stored', 7_000)
    await goBack(rig, 20)
    await rig.write(25, 100)
    await until(() => ([...readers.readers.values()].every(({ isHalted }) => isHalted) ? true : undefined), 'it is noticed', 7_000)
    await readers.stop()
    expect([await rig.cursor('all'), (await rig.committed()).at(-1)]).toEqual([20, 19])
    expect(await rig.cursor('idle')).toBe(20)
    expect(sentences(rig, 'all')).toEqual(['the journal went back behind a reader; it waits for a restart'])
    const again = rig.open()
    again.follow('all', follow)
    await again.start()
    await until(async () => ((await rig.committed()).length === 45 ? true : undefined), 'nothing is passed over')
  })

  test('shares its cursor with the same reader of another process, and asks for it no more than every 50 ms while that one works', async ({ rig }) => {
    let transactions = 0
    const counting: Database = {
      ...rig.database,
      transaction: (work, signal) => {
        transactions += 1
        return rig.database.transaction(work, signal)
      },
    }
    const [one, other] = [rig.open(), rig.open(counting)]
    const both = [one, other]
    for (const readers of both)
      readers.react('shared', {
        'heartbeat.received': async (tx, entry) => {
          await commit(tx, entry)
          await sleep(1)
        },
      })
    for (const readers of both) await readers.start()
    for (let n = 0; n < 20; n += 1) await rig.write(10, n * 10)
    for (const readers of both) await readers.drain()
    expect(await rig.committed()).toEqual(upTo(200))
    await rig.database.transaction(async tx => {
      await tx.db.select().from(journalCursors).for('update')
      await rig.write(1, 200)
      transactions = 0
      await sleep(1_000)
      expect(transactions).toBeLessThan(25)
      expect(await rig.committed()).toEqual(upTo(200))
      const stopped = performance.now()
      await one.stop()
      expect(performance.now() - stopped, 'it does not queue for it').toBeLessThan(4_000)
    })
    await other.drain()
    expect(await rig.committed()).toEqual(upTo(201))
    expect(rig.logged).toEqual([])
  })
})

plainTest('what an error says is its cause’s sentence, which holds neither a statement nor a value', () => {
  expect(faultOf(new Error('no such thing'))).toBe('no such thing')
  expect(faultOf(new Error('Failed query: insert a secret', { cause: new Error('violates a key') }))).toBe('violates a key')
  const quoting = Object.assign(new pg.DatabaseError('invalid input syntax for type uuid: "a secret"', 0, 'error'), { code: '22P02' })
  expect(faultOf(new Error('Failed query', { cause: quoting }))).toBe('invalid input syntax for type uuid: …')
  expect(faultOf('a thrown word')).toBe('a thrown string')
})

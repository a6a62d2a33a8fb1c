import { setTimeout as sleep } from 'node:timers/promises'
import { verifyExport } from '@tocsin/merkle'
import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { buildWorld, type Person, test as plainTest, type World } from '../../test/world.ts'
import { people } from '../access/tables.ts'
import { newId } from '../kernel/ids.ts'
import { type Entry, JournalReaders } from './index.ts'
import { recordAll, system } from './record.ts'
import { journalCursors } from './tables.ts'

/** Writes entries of one type, each with its number. */
async function write(world: World, type: 'heartbeat.received' | 'heartbeat.removed', count: number, from = 0): Promise<void> {
  await world.server.context.database.transaction(tx =>
    recordAll(
      tx,
      Array.from({ length: count }, (_, n) => ({ actor: system, type, subject: { kind: 'heartbeat', id: String(from + n) }, data: { name: '' } })),
    ),
  )
}

/** Further readers beside those of the world, as another process of the same installation has them. */
const test = plainTest.extend<{ more: JournalReaders }>({
  more: async ({ world }, use) => {
    const { database, log, alarms } = world.server.context
    const more = new JournalReaders(database, log, alarms)
    await use(more)
    await more.stop()
  },
})

const numbers = (entries: readonly Entry[]) => entries.map(entry => Number(entry.subject.id))
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

test.concurrent('a reader that is ahead of the journal, as after a restore, is seen in its status and in readiness, and pages the administrators', {
  timeout: 60_000 * patience,
}, async ({ world }) => {
  const ada = await world.person('administrator', 'Ada')
  const { database } = world.server.context
  await world.settle()
  const readyz = async () => JSON.stringify(await (await fetch(`${world.origin}/readyz`)).json())
  expect((await ada.call('journalReaders')).readers.filter(({ state }) => state !== 'running')).toEqual([])
  await database.transaction(tx => tx.db.update(journalCursors).set({ seq: 1_000_000 }).where(eq(journalCursors.name, 'alerts')))
  const { readers } = await ada.call('journalReaders')
  expect(readers.filter(({ state }) => state !== 'running')).toMatchObject([{ name: 'alerts', state: 'failing', error: expect.stringContaining('Restart') }])
  expect(await readyz()).toMatch(/"degraded".*The audit log is behind what was already processed.*Restart every Tocsin process.*alerts/)
  await until(() => world.mail.mails.find(mail => /went back behind its readers/.test(mail.subject)), 'the administrators are paged', 30_000)
})

describe.concurrent('one poisoned entry', () => {
  test('is set aside after its attempts and pages the administrators; all others are taken in, each once and in order', { timeout: 60_000 * patience }, async ({
    world,
    more,
  }) => {
    const ada = await world.person('administrator', 'Ada')
    const [taken, attempts]: [number[], number[]] = [[], []]
    let isFixed = false
    more.react('poisoned', {
      'heartbeat.received': async (_tx, entry) => {
        const number = Number(entry.subject.id)
        if (number === 150) attempts.push(performance.now())
        if (number === 150 && !isFixed) throw new Error('no such thing')
        taken.push(number)
      },
    })
    await more.start()
    await write(world, 'heartbeat.received', 300)
    await until(() => (taken.at(-1) === 299 ? true : undefined), 'the last is taken in')
    // What a failed batch had taken in was rolled back with it: the effects that count come after its last start.
    expect(taken.slice(taken.lastIndexOf(0))).toEqual(upTo(300).filter(n => n !== 150))
    // In a batch, then alone, at growing distances.
    expect(attempts.length).toBe(6)
    expect((attempts[5] ?? 0) - (attempts[4] ?? 0)).toBeGreaterThan((attempts[3] ?? 0) - (attempts[2] ?? 0))

    await world.settle()
    ada.expectPage(/Dead letter in the audit log reader "poisoned"/)
    const letters = await ada.call('journalDeadLetters')
    expect(letters.items).toMatchObject([{ reader: 'poisoned', error: 'no such thing', attempts: 5, state: 'open', entry: { type: 'heartbeat.received' } }])
    const ready = await fetch(`${world.origin}/readyz`)
    expect(ready.status).toBe(200)
    const id = letters.items[0]?.id ?? ''
    // A replay of another process' reader is refused by name, and nothing is lost by it.
    await expect(ada.call('replayJournalDeadLetter', { params: { id } })).rejects.toMatchObject({ problem: { status: 409 } })
    isFixed = true
  })

  test('is replayed once its cause is gone, or discarded with a reason; then the page about it is resolved', { timeout: 60_000 * patience }, async ({
    world,
  }) => {
    const ada = await world.person('administrator', 'Ada')
    const { context } = world.server
    const { id } = await world.alert({ severity: 'low' })
    // Somebody acknowledged it who is not there yet: the alert cannot say by whom.
    const personId = newId()
    const poisoned = async (alertId: string, by: string) => {
      const data = { about: { kind: 'alert' as const, id: alertId }, teamId: null, personId: by, afterSeconds: 0 }
      await context.database.transaction(tx =>
        recordAll(tx, [{ actor: system, type: 'page.acknowledged', subject: { kind: 'page', id: newId() }, within: null, data }]),
      )
      return until(async () => (await ada.call('journalDeadLetters')).items.at(0), 'it is set aside')
    }
    const deadLetter = await poisoned(id, personId)
    expect(deadLetter).toMatchObject({ reader: 'alerts', attempts: 5, error: expect.stringMatching(/foreign key/) })
    const params = { id: deadLetter.id }
    await expect(ada.call('replayJournalDeadLetter', { params })).rejects.toThrow(/failed again/)
    expect((await ada.call('journalDeadLetters')).items).toMatchObject([{ attempts: 6, state: 'open' }])
    expect((await systemPages(ada)).map(page => page.state)).toEqual(['triggered'])
    const lead = await world.person('lead')
    for (const work of [() => lead.call('journalDeadLetters'), () => lead.call('replayJournalDeadLetter', { params })])
      await expect(work()).rejects.toMatchObject({ problem: { status: 403 } })
    const base = { name: 'Late', email: 'late@tocsin.test', role: 'responder' as const, isActive: true, passwordHash: null, createdAt: world.now }
    await context.database.transaction(tx => tx.db.insert(people).values({ ...base, id: personId }))
    expect(await ada.call('replayJournalDeadLetter', { params })).toMatchObject({ state: 'replayed', settledBy: 'Ada' })
    expect(await ada.call('alert', { params: { id } })).toMatchObject({ status: 'acknowledged', acknowledgedBy: 'Late' })
    expect((await systemPages(ada)).map(page => page.state)).toEqual(['resolved'])
    await expect(ada.call('replayJournalDeadLetter', { params })).rejects.toThrow(/already replayed, by Ada/)

    const second = await poisoned((await world.alert({ severity: 'low', title: 'Another' })).id, newId())
    const discarded = await ada.call('discardJournalDeadLetter', { params: { id: second.id }, body: { reason: 'Done by hand.' } })
    expect(discarded).toMatchObject({ state: 'discarded', settledBy: 'Ada', reason: 'Done by hand.' })
    expect((await systemPages(ada)).every(page => page.state === 'resolved')).toBe(true)
    expect((await ada.call('journalDeadLetters')).items).toEqual([])
    const all = await ada.call('journalDeadLetters', { query: { view: 'all', limit: 1 } })
    expect(all.items).toMatchObject([{ state: 'discarded' }])
    const rest = await ada.call('journalDeadLetters', { query: { view: 'all', limit: 1, cursor: all.next ?? '' } })
    expect(rest).toMatchObject({ items: [{ state: 'replayed' }], next: null })
    await expect(ada.call('journalDeadLetters', { query: { cursor: 'MTI' } })).rejects.toThrow(/^cursor: must be the `next`/)
  })
})

const systemPages = async (person: Person) => (await person.call('pages')).items.filter(page => page.subject.kind === 'system')

describe('a reader that is slow, or fails always', () => {
  test('makes no other late: sealing, reactions, live stream and exports go on within a second', { timeout: 90_000 * patience }, async ({ world, more }) => {
    const ada = await world.person('administrator', 'Ada')
    const { team, primary } = await world.team()
    const service = await world.service('billing', team)
    let isOver = false
    const received: number[] = []
    more.react('slow', { 'heartbeat.received': async () => void (await until(() => (isOver ? true : undefined), 'the end of the test', 60_000)) })
    more.react('broken', {
      'heartbeat.received': async () => {
        throw new Error('always')
      },
    })
    more.follow('other', async (_tx, entries) => void received.push(...numbers(entries.filter(entry => entry.type === 'heartbeat.received'))))
    await more.start()
    try {
      await write(world, 'heartbeat.received', 200)
      const { stream } = await listen(world, ada)
      for (let round = 0; round < 4; round += 1) {
        const started = performance.now()
        await write(world, 'heartbeat.received', 20, 200 + round * 20)
        await until(() => (received.at(-1) === 219 + round * 20 ? true : undefined), 'the other reader')
        await until(() => (stream().includes('heartbeat.received') ? true : undefined), 'the live stream')
        expect(verifyExport(await (await ada.call.raw('exportJournal')).text())).toMatchObject({ problems: [], isComplete: true })
        expect(performance.now() - started).toBeLessThan(1_000)
      }
      // A page that is acknowledged is carried to its alert.
      const { alerts } = await primary.call('createAlerts', { body: { title: 'Odd', severity: 'high', service: service.name } })
      const [page] = (await primary.call('pages')).items
      const started = performance.now()
      await primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
      await until(
        async () => ((await primary.call('alert', { params: { id: alerts[0]?.id ?? '' } })).status === 'acknowledged' ? true : undefined),
        'the alert is acknowledged',
      )
      expect(performance.now() - started).toBeLessThan(1_000)
    } finally {
      isOver = true
    }
  })

  test('is seen: it lags in metrics, readiness and the list of readers, and the sealer, which may pass nothing over, is never given up', {
    timeout: 60_000,
  }, async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    const { context } = world.server
    const seal = context.sealer.seal
    let tries = 0
    Object.assign(context.sealer, {
      seal: async () => {
        tries += 1
        throw new Error('the key is not there')
      },
    })
    await write(world, 'heartbeat.received', 3)
    await until(() => (tries >= 5 ? true : undefined), 'it is tried again', 30_000)
    world.jump({ seconds: 120 })
    const { readers } = await ada.call('journalReaders')
    expect(readers.find(reader => reader.name === 'sealer')).toMatchObject({ state: 'failing', error: 'the key is not there', deadLetters: 0 })
    expect(readers.find(reader => reader.name === 'alerts')).toMatchObject({ state: 'running', lagEntries: 0, lagSeconds: 0 })
    const ready = await fetch(`${world.origin}/readyz`)
    expect(ready.status).toBe(200)
    expect(await ready.json()).toMatchObject({
      status: 'degraded',
      details: [{ name: 'audit log readers', detail: expect.stringMatching(/"sealer" is failing/) }],
    })
    await until(() => world.mail.mails.find(mail => /"sealer" is \d+ s behind/.test(mail.subject)), 'the administrators are paged', 30_000)
    const metrics = await (await fetch(`${world.origin}/metrics`)).text()
    expect(metrics).toMatch(/tocsin_journal_reader_lag_seconds\{reader="sealer"\} 12\d/)
    Object.assign(context.sealer, { seal })
    expect(verifyExport(await (await ada.call.raw('exportJournal')).text())).toMatchObject({ problems: [], isComplete: true })
    expect((await ada.call('journalDeadLetters')).items).toEqual([])
    await until(async () => ((await systemPages(ada)).every(page => page.state === 'resolved') ? true : undefined), 'the page is resolved', 15_000)
  })
})

describe('cursors', () => {
  test('are stored also of readers that had nothing to do, so that a restart reads nothing twice', { timeout: 60_000 * patience }, async ({ world }) => {
    const { database, log, alarms } = world.server.context
    const read: string[] = []
    const open = () => {
      const readers = new JournalReaders(database, log, alarms)
      readers.react('rare', { 'heartbeat.removed': async (_tx, entry) => void read.push(entry.subject.id) })
      readers.follow('all', async (_tx, entries) => void read.push(...entries.map(entry => entry.id)))
      return readers
    }
    const stored = async () =>
      Object.fromEntries((await database.reader().db.select().from(journalCursors)).map(({ name, seq }) => [name, seq])) as Record<string, number>
    let readers = open()
    await readers.start()
    await write(world, 'heartbeat.received', 500)
    await readers.drain()
    await until(async () => ((await stored()).rare === (await stored()).all ? true : undefined), 'it is stored in time, without a stop', 10_000)
    await readers.stop()
    const before = read.length
    readers = open()
    await readers.start()
    expect(readers.readers.get('rare')?.seen).toBe((await stored()).rare)
    await write(world, 'heartbeat.removed', 1)
    await readers.drain()
    expect(read.length).toBe(before + 2)
    await readers.stop()
  })

  test('of one name in two processes let each entry through once', { timeout: 60_000 * patience }, async ({ world }) => {
    const { database, log, alarms } = world.server.context
    const taken: number[] = []
    const both = [0, 1].map(() => {
      const readers = new JournalReaders(database, log, alarms)
      readers.react('shared', {
        'heartbeat.received': async (_tx, entry) => {
          await sleep(1)
          taken.push(Number(entry.subject.id))
        },
      })
      return readers
    })
    await Promise.all(both.map(readers => readers.start()))
    for (let n = 0; n < 20; n += 1) await write(world, 'heartbeat.received', 10, n * 10)
    await Promise.all(both.map(readers => readers.drain()))
    expect(taken).toEqual(upTo(200))
    await Promise.all(both.map(readers => readers.stop()))
    const [row] = await database.reader().db.select().from(journalCursors).where(eq(journalCursors.name, 'shared'))
    expect(row?.seq).toBeGreaterThanOrEqual(200)
  })

  test('are kept by a server that is stopped', { timeout: 60_000 * patience }, async () => {
    const { world, end } = await buildWorld()
    try {
      await write(world, 'heartbeat.received', 50)
      await world.settle()
      await world.server.context.readers.stop()
      const rows = await world.server.context.database.reader().db.select().from(journalCursors)
      expect(new Set(rows.map(row => row.seq)).size).toBe(1)
    } finally {
      await end()
    }
  })
})

/** Opens the live stream; what was received since the last call. */
async function listen(world: World, person: Person): Promise<{ stream: () => string }> {
  const aborter = new AbortController()
  const reply = await fetch(`${world.origin}/api/v1/live`, { headers: { cookie: person.cookie }, signal: aborter.signal })
  let received = ''
  void (async () => {
    const decoder = new TextDecoder()
    try {
      for await (const chunk of reply.body ?? []) received += decoder.decode(chunk)
    } catch {
      return
    }
  })()
  return {
    stream: () => {
      const since = received
      if (since.includes('heartbeat.received')) received = ''
      return since
    },
  }
}

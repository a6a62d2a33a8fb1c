import { verifyExport } from '@tocsin/merkle'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { test, type World } from '../../test/world.ts'
import { openMetrics } from '../kernel/telemetry.ts'
import { type NewEntry, recordAll, system } from './record.ts'
import { JournalWatch } from './watch.ts'

const incident = '0193b5a0-0000-7000-8000-000000000001'
const idOf = (n: number) => `0193b5a0-0000-7000-8000-${String(n).padStart(12, '0')}`
const columns =
  'actor_kind, actor_id, actor_name, type, subject_kind, subject_id, within_id, version, data, is_demo, is_exercise, is_restricted, salt, body_hash'
const off = 'alter table journal disable trigger user'

/** Entries of this program, which it writes as one batch. */
const write = (world: World, ...ids: readonly number[]) =>
  world.server.context.database.transaction(tx =>
    recordAll(
      tx,
      ids.map(
        (n): NewEntry => ({
          id: idOf(n),
          actor: system,
          type: 'note.written',
          subject: { kind: 'note', id: 'n' },
          within: incident,
          data: { markdown: `${n}` },
        }),
      ),
    ),
  )
/** SQL that copies an entry under another id. */
const copy = (from: number, to: number, { at = 'at', mac = 'null', seq = `nextval('journal_seq_seq')` } = {}) =>
  `insert into journal (id, seq, at, mac, ${columns}) select '${idOf(to)}', ${seq}, ${at}, ${mac}, ${columns} from journal where id = '${idOf(from)}'`
/** As somebody who has the password of the program, and as the owner of the tables. */
const asProgram = (world: World, statement: string) => world.server.context.database.reader().db.execute(statement)
const rows = async <T>(world: World, query: string, row: z.ZodType<T>) => z.array(row).parse((await asProgram(world, query)).rows)

const Finding = z.object({ count: z.int(), entries: z.array(z.object({ id: z.string(), fault: z.string() })) })
/** What was found, one entry of the audit log each. */
const findings = async (world: World) =>
  (await rows(world, `select data from journal where type = 'journal.foreign-entry' order by seq`, z.object({ data: Finding }))).map(({ data }) => data)
const named = async (world: World) => (await findings(world)).flatMap(({ entries }) => entries.map(({ id, fault }) => [id, fault]))
const unsealed = (world: World) => rows(world, 'select id from journal where id not in (select entry_id from journal_leaves)', z.object({ id: z.string() }))
const health = async (world: World) => (await world.server.context.health.findings()).find(({ name }) => name === 'audit log readers')?.detail
const watchOf = ({ server: { context } }: World) => new JournalWatch({ ...context, metrics: openMetrics() })

/** What is written meanwhile is not sealed before `work` has ended. */
async function unwatched(world: World, work: () => Promise<void>): Promise<void> {
  const { readers } = world.server.context
  await world.settle()
  await readers.stop()
  await work()
  await readers.start()
  await world.settle()
}

describe('an entry that somebody writes by SQL', () => {
  test('is sealed and named: without a MAC, with that of another, back-dated, or with what the program once wrote', async ({ world }) => {
    const ada = await world.person('administrator')
    await write(world, 1)
    await world.settle()
    expect(await findings(world)).toEqual([])
    expect(await health(world)).toBeUndefined()
    await asProgram(world, copy(1, 2))
    await asProgram(world, copy(1, 3, { mac: 'mac' }))
    await asProgram(world, copy(1, 4, { at: `at - interval '30 days'`, mac: 'mac' }))
    await asProgram(world, copy(1, 5, { at: `'-infinity'`, mac: `''` }))
    await asProgram(world, copy(1, 6, { at: `'infinity'` }))
    await asProgram(world, copy(1, 7, { at: `'0044-03-15 BC'` }))
    await world.settle()
    expect(await named(world)).toEqual([
      [idOf(2), 'no MAC'],
      [idOf(3), 'wrong MAC'],
      [idOf(4), 'wrong MAC'],
      [idOf(5), 'wrong MAC'],
      [idOf(6), 'no MAC'],
      [idOf(7), 'no MAC'],
    ])
    expect(await unsealed(world)).toEqual([])
    await world.asOwner(off, `create table kept as select * from journal where id = '${idOf(1)}'`, `delete from journal where id = '${idOf(1)}'`)
    await world.asOwner(`insert into journal (id, at, mac, ${columns}) select id, at, mac, ${columns} from kept`)
    await world.settle()
    expect((await named(world)).at(-1)).toEqual([idOf(1), 'sealed before'])
    expect(await health(world)).toBe('7 entries in the audit log were not written by Tocsin, or changed before they were sealed.')
    await watchOf(world).look()
    await world.settle()
    ada.expectPage(/The audit log has 7 entries that Tocsin did not write/)
    const { items } = await ada.call('journal', {})
    expect(items.map(({ sentence }) => sentence)).toContain(`Found an entry in the audit log that Tocsin did not write: ${idOf(1)} (sealed before)`)
    world.jump({ hours: 25 })
    expect(await health(world)).toBeUndefined()
  })

  test('is named once for many, which are all in the entry and are not taken for changed ones later; the first are in its sentence', async ({ world }) => {
    await write(world, 1)
    await unwatched(world, async () => {
      await asProgram(
        world,
        `insert into journal (id, at, mac, ${columns}) select gen_random_uuid(), at, mac, ${columns} from journal, generate_series(1, 450) where id = '${idOf(1)}'`,
      )
    })
    const found = await findings(world)
    expect(found.length).toBeLessThanOrEqual(4)
    expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(450)
    expect(found.every(({ count, entries }) => entries.length === count)).toBe(true)
    const ada = await world.person('administrator')
    const { items } = await ada.call('journal', { query: { type: 'journal.foreign-entry', limit: 1 } })
    expect(items[0]?.sentence.match(/no MAC|wrong MAC/g)).toHaveLength(10)
    const { sealedEntries } = world.server.context.sealer
    for (let n = 0; n < 5; n += 1) await sealedEntries.look(world.server.context.database.reader())
    expect(sealedEntries.altered).toEqual([])
    // Their bodies are not those that their hashes were made of, which makes no export of the whole log worthless.
    expect(verifyExport(await (await ada.call.raw('exportJournal')).text())).toMatchObject({ problems: [], isComplete: true, withheld: 450 })
  })

  test('is found where the sealer has passed it over: with a number of its own choice, or from a transaction that ended late', async ({ world }) => {
    await write(world, 1)
    await world.settle()
    await asProgram(world, copy(1, 2, { seq: '-7', mac: 'mac' }))
    await asProgram(world, copy(1, 6, { seq: `'-9223372036854775808'` }))
    await asProgram(world, copy(1, 7, { seq: '9223372036854775807' }))
    await asProgram(world, copy(1, 8, { seq: '1000000', mac: 'mac' }))
    let end: () => void = () => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const late = world.server.context.database.transaction(async tx => {
      await tx.db.execute(copy(1, 3))
      await ended
    })
    await write(world, 4)
    await world.settle()
    await write(world, 5)
    await world.settle()
    end()
    await late
    await world.settle()
    expect((await unsealed(world)).map(({ id }) => id).toSorted()).toEqual([2, 3, 6, 7, 8].map(idOf))
    await watchOf(world).look()
    await world.settle()
    expect(await named(world)).toEqual([
      [idOf(6), 'no MAC'],
      [idOf(2), 'wrong MAC'],
      [idOf(3), 'no MAC'],
      [idOf(8), 'wrong MAC'],
      [idOf(7), 'no MAC'],
    ])
    expect(await unsealed(world)).toEqual([])
    await watchOf(world).look()
    expect(await findings(world)).toHaveLength(1)
    expect(await health(world)).toMatch(/^5 entries in the audit log were not written by Tocsin, or changed before they were sealed\.$/)
    await world.settle()
    world.jump({ minutes: 10 })
    expect(await health(world), 'no reader waits for them').not.toContain('behind')
  })

  test('is not hidden by a finding that somebody else writes', async ({ world }) => {
    await write(world, 1)
    await unwatched(world, async () => {
      await asProgram(
        world,
        `insert into journal (id, at, ${columns}) select '${idOf(2)}', at, 'system', null, 'Tocsin', 'journal.foreign-entry', 'journal', 'journal', null, 1,
          '{"count": -1, "entries": []}', false, false, false, salt, body_hash from journal where id = '${idOf(1)}'`,
      )
    })
    expect(await health(world)).toMatch(/^An entry in the audit log was not written by Tocsin/)
  })
})

describe('an entry of this program', () => {
  test('that the owner of the database changes before it is sealed is named, whatever is changed', async ({ world }) => {
    const changes = [
      [`type = 'note.deleted'`, 'wrong MAC'],
      [`at = at - interval '1 day'`, 'wrong MAC'],
      [`subject_id = 'other'`, 'wrong MAC'],
      [`data = '{"markdown": "forged"}'`, 'changed body'],
      [`data = '{"markdown": 1e999}'`, 'changed body'],
      [`actor_name = 'Eve'`, 'changed body'],
      [`within_id = null`, 'changed body'],
      [`data = null, salt = null`, 'changed body'],
      [`data = '{}', body_hash = sha256(body_hash)`, 'wrong MAC'],
      ['mac = null', 'no MAC'],
    ] as const
    for (const [at, [set]] of changes.entries())
      await unwatched(world, async () => {
        await write(world, 2 * at, 2 * at + 1)
        await world.asOwner(off, `update journal set ${set} where id = '${idOf(2 * at)}'`)
      })
    expect(await named(world)).toEqual(changes.map(([, fault], at) => [idOf(2 * at), fault]))
    expect(await unsealed(world)).toEqual([])
  })
})

describe('entries from before there were MACs', () => {
  test('are not named, and nobody who writes to the database can make new ones count as such', async ({ world }) => {
    await write(world, 1)
    // As an older version has left it: nothing has a MAC, and some entries are not sealed yet.
    await unwatched(world, async () => {
      await world.asOwner(off, `delete from settings where name = 'journal.no-mac-up-to'`, 'update journal set mac = null', copy(1, 2))
    })
    expect(await findings(world)).toEqual([])
    await write(world, 3)
    await world.settle()
    const moveTo = (value: string) => `update settings set value = ${value} where name = 'journal.no-mac-up-to'`
    const moves = [
      `delete from settings where name = 'journal.no-mac-up-to'`,
      moveTo(`'{"seq": 99999, "mac": ""}'`),
      moveTo(`value || '{"seq": 99999}'`),
      moveTo(`'[]'`),
    ]
    for (const [at, move] of moves.entries()) {
      await unwatched(world, async () => {
        await asProgram(world, move)
        await asProgram(world, copy(1, 10 + at))
      })
    }
    expect(await named(world)).toEqual(moves.map((_, at) => [idOf(10 + at), 'no MAC']))
  })
})

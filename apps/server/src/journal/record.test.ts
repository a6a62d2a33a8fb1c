import { readdirSync, readFileSync } from 'node:fs'
import { events, UnreadableEvent } from '@tocsin/events'
import { verifyExport } from '@tocsin/merkle'
import { eq, sql } from 'drizzle-orm'
import { describe, expect, test as plainTest } from 'vitest'
import { test, type World } from '../../test/world.ts'
import type { Tx } from '../kernel/database.ts'
import { type Entry, type NewEntry, type Reactions, reactTo, record, recordAll, system, toEntry } from './record.ts'
import { journal } from './tables.ts'
import { storedColumns } from './values.ts'

const id = '0193b5a0-0000-7000-8000-000000000001'
const transact = <T>(world: World, work: (tx: Tx) => Promise<T>) => world.server.context.database.transaction(work)
const note: NewEntry = { actor: system, type: 'note.written', subject: { kind: 'note', id }, within: id, data: { markdown: 'x' } }

async function rowOf(world: World, entryId: string) {
  const [row] = await world.server.context.database.reader().db.select(storedColumns).from(journal).where(eq(journal.id, entryId))
  return row ?? expect.fail('the entry is there')
}

/** Adds an entry as another version of the program might have, or somebody with the database in hand. */
async function addRow(world: World, row: { id: string; type: string; version: number; within: string | null; data: string }): Promise<void> {
  await world.server.context.database.reader().db.execute(sql`
    insert into journal (id, at, actor_kind, actor_name, type, version, subject_kind, subject_id, within_id, data, salt, body_hash, is_demo, is_exercise, is_restricted)
    values (${row.id}, ${world.now}, 'system', 'Tocsin', ${row.type}, ${row.version}, 'note', 'n', ${row.within}, ${row.data}::jsonb,
      decode(repeat('01', 32), 'hex'), decode(repeat('02', 32), 'hex'), false, false, false)`)
}

plainTest('what the types do not allow does not compile', () => {
  const subject = { kind: 'note', id } as const
  const entries = [
    // @ts-expect-error a type that there is not
    { actor: system, type: 'note.exploded', subject, within: id, data: { markdown: 'x' } },
    // @ts-expect-error another kind of subject
    { actor: system, type: 'note.written', subject: { kind: 'task', id }, within: id, data: { markdown: 'x' } },
    // @ts-expect-error a field that is missing
    { actor: system, type: 'note.written', subject, within: id, data: {} },
    // @ts-expect-error data that is missing
    { actor: system, type: 'note.written', subject, within: id },
    // @ts-expect-error a field of another type
    { actor: system, type: 'note.written', subject, within: id, data: { markdown: 7 } },
    // @ts-expect-error a field too many
    { actor: system, type: 'note.written', subject, within: id, data: { markdown: 'x', html: 'x' } },
    // @ts-expect-error it always belongs to an incident
    { actor: system, type: 'note.written', subject, data: { markdown: 'x' } },
    // @ts-expect-error it may belong to one, and the writer has to say
    { actor: system, type: 'alert.acknowledged', subject: { kind: 'alert', id } },
    // @ts-expect-error it never belongs to one
    { actor: system, type: 'password.changed', subject: { kind: 'person', id }, within: id },
  ] satisfies NewEntry[]
  const reactions = {
    'note.written': async (_: Tx, entry) => {
      const markdown: string = entry.data.markdown
      // @ts-expect-error a field that the type does not have
      return void [markdown, entry.data.html]
    },
    // @ts-expect-error a type that there is not
    'note.exploded': async () => {},
  } satisfies Reactions
  expect([entries.length, Object.keys(reactions).length]).toEqual([9, 2])
})

plainTest('every type is written somewhere in the server', () => {
  const folder = new URL('../', import.meta.url)
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map(name => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
  expect(events.map(({ type }) => type).filter(type => !sources.includes(`'${type}'`))).toEqual([])
})

describe('writing', () => {
  test('wrong data that the compiler could not see is refused, with the transaction', async ({ world }) => {
    const wrong = { ...note, data: { markdown: 'x', ...JSON.parse('{"html":"<b>"}') } } as NewEntry
    await expect(transact(world, tx => recordAll(tx, [note, wrong]))).rejects.toThrow('data of note.written has a field that this version does not know: html')
    const { db } = world.server.context.database.reader()
    expect(await db.select().from(journal).where(eq(journal.type, 'note.written'))).toEqual([])
  })

  test('a batch keeps its order, and each entry has a salt of its own', async ({ world }) => {
    const texts = Array.from({ length: 500 }, (_, n) => `“${n}”, \\ {a,b} NULL`)
    await transact(world, tx =>
      recordAll(
        tx,
        texts.map(markdown => ({ ...note, data: { markdown } }) as NewEntry),
      ),
    )
    const rows = await world.server.context.database
      .reader()
      .db.select(storedColumns)
      .from(journal)
      .where(eq(journal.type, 'note.written'))
      .orderBy(journal.seq)
    expect(rows.map(row => toEntry(row).data)).toEqual(texts.map(markdown => ({ markdown })))
    expect(new Set(rows.map(row => row.salt?.toString('hex'))).size).toBe(500)
  })
})

describe('an entry that cannot be read', () => {
  const unknown = { id: '0193b5a0-0000-7000-8000-00000000000a', type: 'note.exploded', version: 1, data: '{"a": 1}' }
  const wrong = { id: '0193b5a0-0000-7000-8000-00000000000b', type: 'note.written', version: 1, data: '{"markdown": 7}' }
  const newer = { id: '0193b5a0-0000-7000-8000-00000000000c', type: 'note.written', version: 9, data: '{"markdown": "x"}' }

  test('is a fault of whoever reacts to its type, and nothing to others', async ({ world }) => {
    for (const row of [unknown, wrong, newer]) await addRow(world, { ...row, within: id })
    const seen: Entry[] = []
    const reactions: Reactions = { 'note.written': async (_, entry) => void seen.push(entry) }
    const react = async (entryId: string) => reactTo(reactions, await transact(world, async tx => tx), toEntry(await rowOf(world, entryId)))
    await expect(react(wrong.id)).rejects.toThrow(new UnreadableEvent(`Entry ${wrong.id} cannot be read: data.markdown of note.written must be of type string`))
    await expect(react(newer.id)).rejects.toThrow(/note.written of version 9 is not supported/)
    await react(unknown.id)
    expect(seen).toEqual([])
    await transact(world, tx => record(tx, { ...note, id: '0193b5a0-0000-7000-8000-00000000000d' }))
    await react('0193b5a0-0000-7000-8000-00000000000d')
    expect(seen.map(entry => entry.data)).toEqual([{ markdown: 'x' }])
  })

  test('breaks no list: the timeline, the audit log and the export show it as it is stored', async ({ world }) => {
    const administrator = await world.person('administrator')
    const incident = await administrator.call('openIncident', { body: { title: 'x', reason: 'x' } })
    for (const row of [unknown, wrong, newer]) await addRow(world, { ...row, within: incident.id })
    // Its finding, that Tocsin did not write them, is on record.
    await world.settle()
    const { timeline } = await administrator.call('incident', { params: { id: incident.id } })
    expect(timeline.slice(-3).map(({ sentence }) => sentence)).toEqual([
      'note.exploded (unreadable entry)',
      'note.written (unreadable entry)',
      'note.written (unreadable entry)',
    ])
    const { items } = await administrator.call('journal', {})
    expect(
      items
        .filter(({ type }) => type !== 'journal.foreign-entry')
        .slice(0, 3)
        .map(({ data }) => data),
    ).toEqual([{ markdown: 'x' }, { markdown: 7 }, { a: 1 }])
    const file = await (await administrator.call.raw('exportJournal')).text()
    expect(file).toContain('"type":"note.exploded"')
    expect(verifyExport(file)).toMatchObject({ isComplete: true, types: { 'note.exploded': 1, 'note.written': 2 } })
  })
})

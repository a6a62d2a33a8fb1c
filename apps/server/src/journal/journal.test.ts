import { verifyConsistency, verifyExport } from '@tocsin/merkle'
import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { readAfter } from './read.ts'
import { record, system } from './record.ts'

const incidentId = '0193b5a0-0000-7000-8000-000000000001'
const note = (world: World, text: string) =>
  world.server.context.database.transaction(tx =>
    record(tx, { actor: system, type: 'note.written', subject: { kind: 'note', id: 'n' }, within: incidentId, data: { markdown: text } }),
  )
const exported = async (person: Person) => (await person.call.raw('exportJournal')).text()

describe('the journal', () => {
  test('only grows: not even the database lets an entry be changed or removed', async ({ world }) => {
    await note(world, 'one')
    const { db } = world.server.context.database.reader()
    for (const change of [
      `update journal set type = 'x'`,
      'delete from journal',
      'truncate journal',
      'delete from journal_nodes',
      'delete from journal_leaves',
      `update journal_checkpoints set note = 'x'`,
    ]) {
      await expect(db.execute(sql.raw(change))).rejects.toMatchObject({ cause: { message: expect.stringMatching(/^permission denied for table journal/) } })
      await expect(world.asOwner(change), 'nor its owner, without dropping the trigger').rejects.toThrow('the journal is append-only')
    }
  })

  test('proves that it extends what it was at each earlier size, to administrators alone, and names a size that is wrong', async ({ world }) => {
    for (const text of ['one', 'two', 'three']) await note(world, text)
    const administrator = await world.person('administrator')
    await world.settle()
    const { size: to } = await administrator.call('checkpoint')
    const roots = new Map<number, string>()
    for (let from = 1; from <= to; from += 1) {
      const { fromRoot, toRoot, proof } = await administrator.call('consistency', { query: { from, to } })
      const bytes = (text: string) => Buffer.from(text, 'base64')
      const claim = { size1: from, size2: to, root1: bytes(fromRoot), root2: bytes(toRoot), proof: proof.map(bytes) }
      expect(verifyConsistency(claim), `from ${from}`).toBe(true)
      roots.set(from, fromRoot)
    }
    const { rows } = await world.server.context.database.reader().db.execute<{ note: string }>('select note from journal_checkpoints')
    expect(rows.length).toBeGreaterThan(0)
    for (const { note: signed } of rows) {
      const [, size, root] = signed.split('\n')
      expect(roots.get(Number(size)), 'the roots are those that were signed').toBe(root)
    }
    for (const [query, path] of [
      [{ from: 1, to: to + 1_000 }, 'to'],
      [{ from: 2, to: 1 }, 'from'],
      [{ from: 0, to }, 'from'],
      [{ from: 1, to: 1.5 }, 'to'],
    ] as const)
      await expect(administrator.call('consistency', { query })).rejects.toMatchObject(refusal('invalid', path))
    const lead = await world.person('lead')
    await expect(lead.call('consistency', { query: { from: 1, to } })).rejects.toMatchObject(refusal('forbidden'))
  })

  test('is read in commit order, and never past a transaction that still runs', async ({ world }) => {
    const { database } = world.server.context
    const before = (await readAfter(database.reader(), 0)).cursor
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const written = Promise.withResolvers<void>()
    const slow = database.transaction(async tx => {
      await record(tx, { actor: system, type: 'note.written', subject: { kind: 'note', id: 'slow' }, within: incidentId, data: { markdown: '' } })
      written.resolve()
      await held
    })
    await written.promise
    await database.transaction(tx =>
      record(tx, { actor: system, type: 'note.written', subject: { kind: 'note', id: 'quick' }, within: incidentId, data: { markdown: '' } }),
    )
    // Whatever else the server puts on record meanwhile is not looked at.
    const read = async () => {
      const { entries, isBehind } = await readAfter(database.reader(), before)
      return { notes: entries.filter(({ type }) => type === 'note.written').map(({ subject }) => subject.id), isBehind }
    }
    expect(await read()).toEqual({ notes: [], isBehind: true })
    release()
    await slow
    expect(await read()).toEqual({ notes: ['slow', 'quick'], isBehind: false })
  })

  test('an export proves itself, and shows what somebody with the database in hand has changed', async ({ world }) => {
    const administrator = await world.person('administrator')
    for (let n = 0; n < 12; n += 1) await note(world, `entry ${n}`)
    const file = await exported(administrator)
    const { key } = await administrator.call('checkpoint')
    expect(verifyExport(file, key)).toMatchObject({ problems: [], isComplete: true })
    // Who owns the database can drop the trigger; the signed tree still says what was written.
    await world.asOwner(
      'alter table journal disable trigger all',
      `update journal set data = '{"markdown": "entry 99"}' where id = (select entry_id from journal_values where value = 'entry 5')`,
      'alter table journal enable trigger all',
    )
    const { problems } = verifyExport(await exported(administrator), key)
    expect(problems).toEqual([expect.stringMatching(/^entry 8 of the file \(index 7 in the audit log\) was changed/)])
  })

  test('eighty at once are sealed each once, without a gap', async ({ world }) => {
    const administrator = await world.person('administrator')
    await Promise.all(Array.from({ length: 80 }, (_, n) => note(world, String(n))))
    const verification = verifyExport(await exported(administrator))
    expect(verification).toMatchObject({ problems: [], isComplete: true, entries: 83 })
  })
})

describe('the live stream', () => {
  async function listen(world: World, person: Person): Promise<{ received: string[]; stop(): void }> {
    const received: string[] = []
    const aborter = new AbortController()
    const reply = await fetch(`${world.origin}/api/v1/live`, { headers: { cookie: person.cookie }, signal: aborter.signal })
    expect(reply.headers.get('content-type')).toBe('text/event-stream')
    void (async () => {
      const decoder = new TextDecoder()
      // The stream ends with the abort.
      try {
        for await (const chunk of reply.body ?? [])
          received.push(
            ...decoder
              .decode(chunk)
              .split('\n')
              .filter(line => line.startsWith('data: ')),
          )
      } catch {
        return
      }
    })()
    return { received, stop: () => aborter.abort() }
  }

  test('tells of commands as they happen, and of restricted incidents only those who may see them', async ({ world }) => {
    const lead = await world.person('lead')
    const outsider = await world.person('responder')
    const [inside, outside] = [await listen(world, lead), await listen(world, outsider)]
    await lead.call('openIncident', { body: { title: 'Open to all', reason: 'x' } })
    await until(() => outside.received.find(line => line.includes('incident.opened')), 'the outsider receives it')
    expect(outside.received.join()).not.toContain('Open to all')
    const secret = await lead.call('openIncident', { body: { title: 'Secret', reason: 'x', isRestricted: true } })
    await until(() => inside.received.find(line => line.includes(secret.id)), 'the insider receives it')
    await lead.call('openIncident', { body: { title: 'Another', reason: 'x' } })
    await until(() => (outside.received.filter(line => line.includes('incident.opened')).length === 2 ? true : undefined), 'the outsider receives the next one')
    expect(outside.received.join()).not.toContain(secret.id)
    inside.stop()
    outside.stop()
  })
})

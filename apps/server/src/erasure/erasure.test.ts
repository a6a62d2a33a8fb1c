import { verifyExport } from '@tocsin/merkle'
import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { record, system } from '../journal/record.ts'

const secret = 'Ada Lovelace of Ockham clicked on a link'
const incidentOf = (person: Person, id: string) => person.call('incident', { params: { id } })

/** Every row of every table as text: what is erased is in none of them. */
async function everything(world: World): Promise<string> {
  const { db } = world.server.context.database.reader()
  const { rows } = await db.execute<{ name: string }>(sql`select quote_ident(tablename) as name from pg_tables where schemaname = current_schema()`)
  const texts: string[] = []
  for (const { name } of rows)
    texts.push(
      ...(await db.execute<{ row: string }>(sql`select row_to_json(one)::text as row from ${sql.raw(name)} one`)).rows.map(({ row }) => `${name} ${row}`),
    )
  return texts.filter(row => /Lovelace|Ockham/.test(row)).join('\n')
}

/** A report with a file, whose alert has paged the security team. */
async function report(world: World, text = secret): Promise<string> {
  const form = new FormData()
  const fields = { audience: 'customer', text, affected: 'Ockham', contactName: 'Ada Lovelace', contactEmail: 'Ada@Lovelace.example' }
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('files', new File(['hello'], 'Lovelace.eml'))
  const { reference } = (await (await world.client().raw('report', { body: form })).json()) as { reference: string }
  return reference
}

const exported = async (person: Person) => (await person.call.raw('exportJournal')).text()

describe('the erasure of personal data', () => {
  test.override({ options: { env: { TOCSIN_REPORTER_RETENTION_DAYS: '30' } } })

  test('of a note: by two administrators, gone from every table, and every proof holds', async ({ world }) => {
    const lead = await world.person('lead')
    const [first, second] = [await world.person('administrator'), await world.person('administrator')]
    const incident = await lead.call('openIncident', { body: { title: 'x', reason: 'x' } })
    const { notes } = await lead.call('addNote', { params: { id: incident.id }, body: { markdown: secret } })
    const noteId = notes[0]?.id ?? ''
    await lead.call('changeNote', { params: { id: incident.id, noteId }, body: { version: 1, markdown: `${secret}, twice` } })
    expect(verifyExport(await exported(first))).toMatchObject({ problems: [], erased: 0 })
    const body = { kind: 'note', target: noteId, reason: 'Asked for by the person' } as const
    await expect(lead.call('requestErasure', { body })).rejects.toMatchObject(refusal('forbidden'))
    await expect(first.call('requestErasure', { body: { ...body, target: 'ada' } })).rejects.toMatchObject(refusal('invalid', 'target'))
    const mistaken = await first.call('requestErasure', { body })
    expect(await second.call('withdrawErasure', { params: { id: mistaken.id }, body: { reason: 'Not this one' } })).toMatchObject({
      state: 'withdrawn',
      target: null,
    })
    await expect(second.call('approveErasure', { params: { id: mistaken.id } }), 'withdrawn').rejects.toMatchObject(refusal('conflict'))
    const { id } = await first.call('requestErasure', { body })
    await expect(second.call('requestErasure', { body }), 'twice').rejects.toMatchObject(refusal('conflict'))
    await expect(first.call('approveErasure', { params: { id } }), 'one pair of eyes').rejects.toMatchObject(refusal('forbidden'))
    // A legal hold is placed by who leads the incident, and keeps it all.
    const hold = async (isHeld: boolean) =>
      lead.call('setLegalHold', { params: { id: incident.id }, body: { version: (await incidentOf(lead, incident.id)).version, isHeld, reason: 'A lawsuit' } })
    expect(await hold(true)).toMatchObject({ legalHoldReason: 'A lawsuit' })
    await expect(second.call('approveErasure', { params: { id } }), 'held').rejects.toMatchObject(refusal('conflict'))
    expect(await everything(world)).toContain('Lovelace')
    await hold(false)
    expect(await second.call('approveErasure', { params: { id } })).toMatchObject({
      state: 'done',
      target: null,
      records: 1,
      fields: 2,
      decidedBy: second.name,
    })
    await expect(second.call('approveErasure', { params: { id } }), 'once').rejects.toMatchObject(refusal('conflict'))
    await world.settle()
    expect(await everything(world)).toBe('')
    const after = await incidentOf(lead, incident.id)
    const erasure = { at: expect.any(String), by: second.name, reason: body.reason }
    expect(after.notes).toEqual([expect.objectContaining({ markdown: '[erased]', erasure })])
    expect(after.timeline.find(({ type }) => type === 'note.written')).toMatchObject({
      sentence: 'Added a note: [erased]',
      reason: expect.stringContaining(`by ${second.name}: ${body.reason}`),
    })
    const entries = (await first.call('journal', { query: { subject: noteId } })).items
    expect(
      entries.map(entry => [entry.type, entry.erasure]),
      'the audit log says who erased it',
    ).toEqual(
      expect.arrayContaining([
        ['note.written', { ...erasure, fields: 1 }],
        ['note.corrected', { ...erasure, fields: 1 }],
      ]),
    )
    expect((await first.call('journal', { query: { type: 'incident.opened' } })).items).toMatchObject([{ erasure: null }])
    await expect(lead.call('changeNote', { params: { id: incident.id, noteId }, body: { version: 3, markdown: secret } })).rejects.toMatchObject(
      refusal('conflict'),
    )
    expect((await first.call('journal', { query: { type: 'erasure.done' } })).items.map(entry => entry.erasure)).toEqual([null])
    const file = await exported(first)
    expect(file).not.toContain('Lovelace')
    expect(verifyExport(file)).toMatchObject({ problems: [], erased: 2, withheld: 0, isComplete: true })
    expect((await first.call('erasures', {})).items.map(({ id: each, state }) => [each, state])).toEqual([
      [id, 'done'],
      [mistaken.id, 'withdrawn'],
    ])
    expect(await world.server.context.sealer.countForeign(world.server.context.database.reader())).toBe(0)
  })

  test('of a reporter: all their reports with files, alerts, pages, messages and answers; what is unrelated stays', async ({ world }) => {
    const { primary } = await world.team({ kind: 'security' })
    const [first, second] = [await world.person('administrator'), await world.person('administrator')]
    const reference = await report(world)
    await report(world, `${secret}, again`)
    await world.settle()
    primary.expectPage(/Lovelace/)
    const [alert] = (await primary.call('alerts', {})).items
    const params = { id: alert?.id ?? '' }
    const incident = await primary.call('escalateAlert', { params, body: { responsibility: 'us', reason: 'x' } })
    await primary.call('changeIncident', { params: { id: incident.id }, body: { version: incident.version, summary: 'Unrelated' } })
    expect(incident.title).toMatch(/^Report R-.{8}$/)
    // An earlier version had the first line of a report in the title that it put on record.
    const title = `Report ${reference}: ${secret}`
    await world.server.context.database.transaction(tx =>
      record(tx, {
        ...{ actor: system, type: 'alert.received', subject: { kind: 'alert', id: params.id } },
        data: { number: 1, title, severity: 'high', source: 'x', kind: 'report', serviceId: null, rule: null },
      }),
    )
    // A server that returns a mail may quote it.
    await world.asOwner("update messages set report = 'Lovelace clicked', last_error = 'Lovelace clicked' where purpose = 'page'")
    const body = { kind: 'reporter', target: 'ADA@lovelace.example', reason: 'Asked for by the reporter' } as const
    await expect(first.call('requestErasure', { body: { ...body, target: 'nobody@lovelace.example' } })).rejects.toMatchObject(refusal('not-found'))
    const { id } = await first.call('requestErasure', { body })
    const done = await second.call('approveErasure', { params: { id } })
    expect(done).toMatchObject({ records: 2, fields: 3, target: null })
    await world.settle()
    expect(await everything(world)).toBe('')
    expect(await primary.call('reportOfAlert', { params })).toMatchObject({ contactEmail: '[erased]', files: [], erasure: { by: second.name } })
    const { items } = await primary.call('alerts', { query: { view: 'all' } })
    expect(items.map(({ title }) => title)).toContain(`Report ${reference}: [erased]`)
    expect(await incidentOf(primary, incident.id)).toMatchObject({ summary: 'Unrelated' })
    expect(verifyExport(await exported(first))).toMatchObject({ problems: [], erased: 2, withheld: 1 })
    expect(await world.server.context.sealer.countForeign(world.server.context.database.reader())).toBe(0)
    await world.server.context.sealer.sealedEntries.look(world.server.context.database.reader())
    expect(world.server.context.sealer.sealedEntries.altered).toEqual([])
  })

  test('by schedule: so many days after the report was dismissed or its incident closed, unless it is held', async ({ world }) => {
    const lead = await world.person('lead')
    for (let n = 0; n < 4; n += 1) await report(world, `${secret} ${n}`)
    const { items } = await lead.call('alerts', {})
    const [dismissed, closed, held] = items
    const disposition = { responsibility: 'us', reason: 'x' } as const
    await lead.call('dismissAlert', { params: { id: dismissed?.id ?? '' }, body: { ...disposition, value: 'false-positive' } })
    for (const alert of [closed, held]) {
      const { id, version } = await lead.call('escalateAlert', { params: { id: alert?.id ?? '' }, body: disposition })
      const incident = await lead.call('classifyIncident', { params: { id }, body: { version, class: 'not-an-incident', reason: 'x' } })
      const { version: last } =
        alert === held ? await lead.call('setLegalHold', { params: { id }, body: { version: incident.version, isHeld: true, reason: 'x' } }) : incident
      await lead.call('closeIncident', { params: { id }, body: { version: last, reason: 'x' } })
    }
    const erased = async () => {
      const all = []
      for (const { id } of items) all.push((await lead.call('reportOfAlert', { params: { id } })).erasure !== null)
      return all
    }
    world.jump({ days: 29 })
    await world.settle()
    expect(await erased()).toEqual([false, false, false, false])
    world.jump({ days: 2 })
    await world.settle()
    expect(await erased()).toEqual([true, true, false, false])
    const administrator = await world.person('administrator')
    expect((await administrator.call('erasures', {})).items).toEqual([
      expect.objectContaining({ basis: 'retention', state: 'done', records: 2, requestedBy: null }),
    ])
  })

  test('of what a legal hold covers is refused, in linked incidents too, and nothing is carried out from under the hold', async ({ world }) => {
    const [lead, first] = [await world.person('lead'), await world.person('administrator')]
    const second = await world.person('administrator')
    await report(world)
    const [alert] = (await lead.call('alerts', {})).items
    const params = { id: alert?.id ?? '' }
    const { id } = await lead.call('escalateAlert', { params, body: { responsibility: 'us', reason: 'x' } })
    const parent = await lead.call('openIncident', { body: { title: 'Parent', reason: 'x' } })
    const parentParams = { id: parent.id }
    const version = async () => (await incidentOf(lead, parent.id)).version
    await lead.call('makeParent', { params: parentParams, body: { version: await version(), reason: 'One cause', incidentIds: [id] } })
    const { notes } = await lead.call('addNote', { params: { id }, body: { markdown: secret } })
    const hold = async (isHeld: boolean) => lead.call('setLegalHold', { params: parentParams, body: { version: await version(), isHeld, reason: 'A lawsuit' } })
    await hold(true)
    const requested = []
    for (const [kind, target] of [
      ['reporter', 'ada@lovelace.example'],
      ['note', notes[0]?.id ?? ''],
      ['incident', id],
    ] as const)
      requested.push(await first.call('requestErasure', { body: { kind, target, reason: 'Asked for' } }))
    for (const request of requested)
      await expect(second.call('approveErasure', { params: { id: request.id } }), request.kind).rejects.toMatchObject(refusal('conflict'))
    const held = /under legal hold, so nothing can be moved out/
    await expect(lead.call('moveAlert', { params, body: { incidentId: null, reason: 'x' } })).rejects.toThrow(held)
    await expect(lead.call('moveAlert', { params, body: { incidentId: (await incidentOf(lead, parent.id)).id, reason: 'x' } })).rejects.toThrow(held)
    const unlink = async () => lead.call('unlinkChild', { params: parentParams, body: { version: await version(), childId: id, reason: 'x' } })
    await expect(unlink()).rejects.toThrow(held)
    await lead.call('classifyIncident', { params: { id }, body: { version: (await incidentOf(lead, id)).version, class: 'not-an-incident', reason: 'x' } })
    await lead.call('closeIncident', { params: { id }, body: { version: (await incidentOf(lead, id)).version, reason: 'x' } })
    world.jump({ days: 31 })
    await world.settle()
    expect((await lead.call('reportOfAlert', { params })).erasure, 'the schedule passes over it').toBeNull()
    await hold(false)
    for (const request of requested) expect(await second.call('approveErasure', { params: { id: request.id } })).toMatchObject({ state: 'done' })
  })

  test('of a reporter covers no more than was requested, and nothing that tells of a suspect, to whom their reports do not exist', async ({ world }) => {
    const lead = await world.person('lead')
    const [first, second, suspect] = [await world.person('administrator'), await world.person('administrator'), await world.person('administrator')]
    await report(world)
    const [alert] = (await lead.call('alerts', {})).items
    const params = { id: alert?.id ?? '' }
    const { id, version } = await lead.call('escalateAlert', { params, body: { responsibility: 'us', reason: 'x' } })
    await lead.call('changeIncident', { params: { id }, body: { version, isRestricted: true, reason: 'x' } })
    const suspects = { version: (await incidentOf(lead, id)).version, personIds: [suspect.id] }
    await lead.call('setSuspects', { params: { id }, body: suspects })
    const body = { kind: 'reporter', target: 'ada@lovelace.example', reason: 'Asked for' } as const
    const none = await suspect.call('requestErasure', { body: { ...body, target: 'nobody@lovelace.example' } }).catch((error: unknown) => String(error))
    expect(await suspect.call('requestErasure', { body }).catch((error: unknown) => String(error)), 'as where there is none').toBe(none)
    // A second report: the suspect finds that one, and erases that one.
    await report(world, `${secret}, again`)
    expect((await suspect.call('requestErasure', { body })).records).toBe(1)
    const [theirs] = (await suspect.call('erasures', {})).items
    await expect(second.call('approveErasure', { params: { id: theirs?.id ?? '' } })).rejects.toThrow(/more to erase now \(2\) than was requested \(1\)/)
    await first.call('withdrawErasure', { params: { id: theirs?.id ?? '' }, body: { reason: 'Not all' } })
    const request = await first.call('requestErasure', { body })
    await report(world, `${secret}, later`)
    await expect(second.call('approveErasure', { params: { id: request.id } })).rejects.toThrow(/more to erase now \(3\) than was requested \(2\)/)
    expect(await suspect.call('approveErasure', { params: { id: request.id } })).toMatchObject({ records: 2 })
    expect((await lead.call('reportOfAlert', { params })).erasure, 'evidence against who approves').toBeNull()
  })

  test('that nobody recorded is tampering: the server finds it, and so does whoever has an export', async ({ world }) => {
    world.isTampered = true
    const administrator = await world.person('administrator')
    const { id } = await administrator.call('openIncident', { body: { title: 'x', reason: 'x' } })
    for (const markdown of ['one', 'two', 'three']) await administrator.call('addNote', { params: { id }, body: { markdown } })
    await world.settle()
    const { sealer, database } = world.server.context
    const look = async () => {
      await sealer.sealedEntries.look(database.reader())
      return sealer.sealedEntries.altered.map(({ fault }) => fault)
    }
    expect(await look()).toEqual([])
    // The program's own right is to erase, and what it erased is listed by an entry that it has signed.
    await database.transaction(tx => tx.db.execute(sql`update journal_values set value = null, salt = null, erased_in = entry_id where value = 'one'`))
    await expect(database.transaction(tx => tx.db.execute(sql`update journal_values set value = 'four' where value = 'two'`))).rejects.toThrow()
    await expect(database.transaction(tx => tx.db.execute(sql`update journal set data = null, salt = null where type = 'note.written'`))).rejects.toThrow()
    await expect(database.transaction(tx => tx.db.execute(sql`delete from journal_values`))).rejects.toThrow()
    expect(await look()).toEqual(['changed'])
    expect(verifyExport(await exported(administrator)).problems).toEqual([expect.stringContaining('no entry says that it was erased')])
    await world.asOwner(
      'alter table journal_values disable trigger user',
      "update journal_values set value = 'four' where value = 'two'",
      "delete from journal_values where value = 'three'",
      'alter table journal_values enable trigger user',
    )
    expect(await look()).toEqual(['changed', 'changed', 'changed'])
    expect(verifyExport(await exported(administrator)).problems[0]).toMatch(/markdown/)
  })
})

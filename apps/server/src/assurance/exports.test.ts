import { text as textOf } from 'node:stream/consumers'
import { digest, verifyExport } from '@tocsin/merkle'
import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { customers } from '../directory/tables.ts'
import { exportJournal, record, recordAll, system } from '../journal/index.ts'
import { newId } from '../kernel/ids.ts'

const Exported = z.object({
  document: z.looseObject({
    exportedBy: z.string(),
    incident: z.looseObject({ id: z.string(), title: z.string(), notes: z.array(z.looseObject({ markdown: z.string() })) }),
    obligations: z.array(z.looseObject({ customer: z.looseObject({ name: z.string() }) })),
    review: z.looseObject({ isRequired: z.boolean() }),
  }),
  entries: z.array(z.looseObject({ header: z.looseObject({ type: z.string(), subject: z.looseObject({ id: z.string() }) }) })),
})

const evil = '<script>alert(1)</script> & "quotes"'

/** An incident with a customer, a note, a task and a name that a browser must not run. */
async function incidentIn(world: World, isRestricted = false) {
  const lead = await world.person('lead')
  const customer = await lead.call('saveCustomer', {
    body: { name: `Globex ${evil}`, region: 'EU', contacts: [{ name: 'Security', email: 'security@globex.test' }] },
  })
  const opened = await lead.call('openIncident', { body: { title: `Records ${evil}`, reason: `Seen ${evil}`, isRestricted } })
  const params = { id: opened.id }
  await lead.call('addNote', { params, body: { markdown: `Look: ${evil}` } })
  await lead.call('addTask', { params, body: { title: `Revoke ${evil}` } })
  const { version } = await lead.call('incident', { params })
  await lead.call('setAffectedCustomers', { params, body: { version, customers: [{ id: customer.id, basis: `In the log ${evil}` }] } })
  return { lead, params }
}

const entriesOf = async (administrator: Person, type: string) =>
  (await administrator.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)

describe.concurrent('the export of an incident', () => {
  test('holds the whole record with its proof, and is itself on record with the digest of what it holds', async ({ world }) => {
    const { lead, params } = await incidentIn(world)
    const other = await lead.call('openIncident', { body: { title: 'Another', reason: 'Seen.' } })
    const reply = await lead.call.raw('exportIncident', { params })
    expect(reply.headers.get('content-disposition')).toBe(`attachment; filename="incident-${params.id}.json"`)
    expect(reply.headers.get('cache-control')).toBe('no-store')
    const text = await reply.text()
    const { key } = await lead.call('checkpoint')
    expect(verifyExport(text, key)).toMatchObject({ problems: [] })
    const { document, entries } = Exported.parse(JSON.parse(text))
    expect(document).toMatchObject({
      exportedBy: lead.name,
      incident: { id: params.id, notes: [{ markdown: `Look: ${evil}` }] },
      review: { isRequired: false },
    })
    const types = entries.map(entry => entry.header.type)
    expect(types).toEqual(expect.arrayContaining(['incident.opened', 'note.written', 'task.added']))
    expect(types.at(-1)).toBe('incident.exported')
    expect(
      entries.map(entry => entry.header.subject.id),
      'nothing of another incident',
    ).not.toContain(other.id)
    const [recorded] = await entriesOf(await world.person('administrator'), 'incident.exported')
    expect(recorded).toMatchObject({ actor: { name: lead.name }, data: { form: 'json', documentSha256: digest(document) } })
  })

  test('from which somebody left an entry out is not genuine, and neither is one of the whole journal', async ({ world }) => {
    const { lead, params } = await incidentIn(world)
    const text = await (await lead.call.raw('exportIncident', { params })).text()
    const all = await (await (await world.person('administrator')).call.raw('exportJournal')).text()
    const lines = text.split('\n')
    const at = lines.findIndex(line => line.startsWith('    {') && line.includes('note.written'))
    const count = lines.filter(line => line.startsWith('    {')).length - 1
    expect(verifyExport(lines.toSpliced(at, 1).join('\n')).problems).toEqual([`${count - 1} entries are there, but the file was exported with ${count}`])
    const whole = all.split('\n')
    const first = whole.findIndex(line => line.startsWith('    {'))
    expect(verifyExport(whole.toSpliced(first + 1, 1).join('\n')).problems).toEqual([
      'the entry with index 1 is missing: the file was exported with every entry of the audit log',
    ])
  })

  test('is whole, however many alerts and customers the incident has, and so is what is read of it', async ({ world }) => {
    const lead = await world.person('lead')
    const many = 1_100
    const sent: string[] = []
    for (let from = 0; from < many; from += 500) {
      const body = Array.from({ length: Math.min(500, many - from) }, (_, n) => ({
        title: `Login ${from + n}`,
        severity: 'low' as const,
        dedupKey: `${from + n}`,
      }))
      sent.push(...(await lead.call('createAlerts', { body })).alerts.map(({ id }) => id))
    }
    const opened = await lead.call('openIncident', { body: { title: 'Storm', reason: 'Seen.', alertIds: sent.slice(0, 500) } })
    const params = { id: opened.id }
    const version = async () => (await lead.call('incident', { params })).version
    for (let from = 500; from < many; from += 500)
      await lead.call('makeParent', { params, body: { version: await version(), reason: 'One attack.', alertIds: sent.slice(from, from + 500) } })
    const listed = Array.from({ length: many }, (_, n) => ({ id: newId(), name: `Customer ${n}`, region: 'EU', terms: '', contacts: [] }))
    await world.server.context.database.transaction(tx => tx.db.insert(customers).values(listed))
    const affected = listed.map(({ id }) => ({ id, basis: 'In the log.' }))
    await lead.call('setAffectedCustomers', { params, body: { version: await version(), customers: affected } })
    const incident = await lead.call('incident', { params })
    expect([incident.alerts.length, incident.customers.length]).toEqual([many, many])
    expect(incident.timelineNext, 'what is cut says so').not.toBeNull()
    const text = await (await lead.call.raw('exportIncident', { params })).text()
    expect(verifyExport(text)).toMatchObject({ problems: [] })
    const { document, entries } = Exported.extend({
      document: z.looseObject({ incident: z.looseObject({ alerts: z.array(z.unknown()) }), obligations: z.array(z.unknown()) }),
    }).parse(JSON.parse(text))
    expect([document.incident.alerts.length, document.obligations.length]).toEqual([many, many])
    const received = entries.filter(({ header }) => header.type === 'alert.received')
    expect(received).toHaveLength(many)
  })

  test('as a page runs nothing of what people wrote, and names the checkpoint and the key that it was made under', async ({ world }) => {
    const { lead, params } = await incidentIn(world)
    const reply = await lead.call.raw('printIncident', { params })
    expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(reply.headers.get('content-security-policy')).toContain("default-src 'none'")
    const page = await reply.text()
    expect(page).not.toContain('<script')
    expect(page, 'markup of ours is not escaped').not.toContain('&#60;time')
    expect(page).toContain('<th scope="row">Opened</th><td><time datetime="2026-11-23T08:00:00.000Z">')
    for (const written of ['Records', 'Revoke', 'In the log', 'Globex']) expect(page).toContain(`${written} &#60;script&#62;`)
    const { key } = await lead.call('checkpoint')
    expect(page).toContain(key.split('+')[0])
    const [recorded] = await entriesOf(await world.person('administrator'), 'incident.exported')
    expect(page).toContain(z.object({ documentSha256: z.string() }).parse(recorded?.data).documentSha256)
  })

  test('of a restricted incident is made for nobody outside it, and leaves no trace of a try', async ({ world }) => {
    const { lead, params } = await incidentIn(world, true)
    const outsider = await world.person('lead')
    for (const name of ['exportIncident', 'printIncident'] as const)
      await expect(outsider.call.raw(name, { params }), name).rejects.toMatchObject(refusal('not-found'))
    const administrator = await world.person('administrator')
    expect(await entriesOf(administrator, 'incident.exported')).toEqual([])
    const text = await (await lead.call.raw('exportIncident', { params })).text()
    expect(verifyExport(text)).toMatchObject({ problems: [] })
    expect((await outsider.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === 'incident.exported')).toEqual([])
  })

  test('of one that does not exist is none', async ({ world }) => {
    const lead = await world.person('lead')
    await expect(lead.call.raw('exportIncident', { params: { id: '0193b5a0-0000-7000-8000-000000000001' } })).rejects.toMatchObject(refusal('not-found'))
  })
})

describe.concurrent('the export of the whole journal', () => {
  test('is complete, and for administrators alone', async ({ world }) => {
    const { lead } = await incidentIn(world)
    await expect(lead.call.raw('exportJournal')).rejects.toMatchObject(refusal('forbidden'))
    const administrator = await world.person('administrator')
    const text = await (await administrator.call.raw('exportJournal')).text()
    expect(verifyExport(text)).toMatchObject({ problems: [], isComplete: true })
    expect(await entriesOf(administrator, 'journal.exported')).toMatchObject([{ actor: { name: administrator.name } }])
  })

  test('has no bodies of restricted incidents that the administrator may not see, a suspect there least of all, and is complete all the same', async ({
    world,
  }) => {
    const { lead, params } = await incidentIn(world, true)
    const [suspect, member] = [await world.person('administrator'), await world.person('administrator')]
    const version = async () => (await lead.call('incident', { params })).version
    await lead.call('setSuspects', { params, body: { version: await version(), personIds: [suspect.id] } })
    await lead.call('setMembers', { params, body: { version: await version(), personIds: [member.id] } })
    const exported = async (person: Person) => (await person.call.raw('exportJournal')).text()
    const hidden = await exported(suspect)
    expect(hidden).not.toContain(`Seen ${evil.slice(0, 8)}`)
    const { problems, isComplete, withheld } = verifyExport(hidden)
    expect([problems, isComplete]).toEqual([[], true])
    expect(withheld).toBeGreaterThan(3)
    const shown = await exported(member)
    expect(shown).toContain(`Seen ${evil.slice(0, 8)}`)
    expect(verifyExport(shown)).toMatchObject({ problems: [], isComplete: true, withheld: 0 })
  })

  test('is complete, too, where more was sealed before it was read', async ({ world }) => {
    const { lead, params } = await incidentIn(world)
    const { database, sealer } = world.server.context
    const text = await (await (await world.person('administrator')).call.raw('exportJournal')).text()
    const { document, entries } = z.object({ document: z.unknown(), entries: Exported.shape.entries }).parse(JSON.parse(text))
    for (const markdown of ['one', 'two', 'three']) await lead.call('addNote', { params, body: { markdown } })
    await world.settle()
    const later = await exportJournal(database, sealer, 'all', document, entries.at(-1)?.header.subject.id ?? '', sql`true`)
    expect(verifyExport(await textOf(later ?? expect.fail()), sealer.key)).toMatchObject({ problems: [], isComplete: true, treeSize: entries.length })
  })

  test('is read a part at a time: one of many parts is whole, and ends with the entry of its own', async ({ world }) => {
    const { params } = await incidentIn(world)
    const { database } = world.server.context
    const note = (n: number) => ({
      actor: system,
      type: 'note.written' as const,
      subject: { kind: 'note' as const, id: newId() },
      within: params.id,
      data: { markdown: `note ${n}` },
    })
    world.isTampered = true
    await database.transaction(tx =>
      recordAll(
        tx,
        Array.from({ length: 600 }, (_, n) => note(n)),
      ),
    )
    await world.settle()
    const administrator = await world.person('administrator')
    const text = await (await administrator.call.raw('exportJournal')).text()
    const verified = verifyExport(text)
    expect(verified).toMatchObject({ problems: [], isComplete: true, types: { 'note.written': 601, 'journal.exported': 1 } })
    expect(verified.entries).toBe(verified.treeSize)
  })

  test('waits for the sealer, and says so when that takes too long', async ({ world }) => {
    const administrator = await world.person('administrator')
    // A writer that does not end: nothing after it can be sealed.
    const held = Promise.withResolvers<void>()
    const writing = Promise.withResolvers<void>()
    const writer = world.server.context.database.transaction(async tx => {
      await record(tx, { actor: system, type: 'setting.changed', subject: { kind: 'setting', id: 'PORT' }, data: { name: 'PORT', before: 1, after: 2 } })
      writing.resolve()
      await held.promise
    })
    await writing.promise
    await expect(administrator.call.raw('exportJournal')).rejects.toMatchObject({ problem: { status: 503, detail: expect.stringContaining('Try again') } })
    held.resolve()
    await writer
    expect((await administrator.call.raw('exportJournal')).status).toBe(200)
  })
})

import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { test } from '../../test/world.ts'
import { recordAll, system } from './record.ts'
import { filterCondition, type JournalFilter } from './search.ts'

test('entries are found by type, actor, address, record, incident, time and words, each by an index; what is hidden is found by nothing', async ({ world }) => {
  const { database } = world.server.context
  const lead = await world.person('lead', 'Grace Hopper')
  const ada = await world.person('administrator', 'Ada Lovelace')
  const opened = await ada.call('openIncident', { body: { title: 'Kumquat of the board', reason: 'Seen.', isRestricted: true } })
  const open = await ada.call('openIncident', { body: { title: "O'Brien\\'s laptop was stolen", reason: 'Seen.' } })
  const counted = { area: 'session', count: 3, firstAt: world.now, lastAt: world.now, addresses: ['192.0.2.7', '2001:db8::7'], device: 'curl/8' }
  await database.transaction(tx =>
    recordAll(tx, [
      { actor: system, type: 'access.refused', subject: { kind: 'caller', id: '192.0.2.7' }, data: { ...counted, reason: 'wrong-link' } },
      { actor: system, type: 'sign-in.refused', subject: { kind: 'person', id: ada.id }, data: { address: '198.51.100.9', device: 'x' } },
      { actor: system, type: 'person.invited', subject: { kind: 'invitation', id: 'i' }, data: { email: 'grace.h@example.com', role: 'lead' } },
    ]),
  )
  world.jump({ days: 2 })
  await lead.call('openIncident', { body: { title: 'Laptop lost', reason: 'Seen.' } })
  const find = async (query: JournalFilter, person = lead) => (await person.call('journal', { query })).items.map(({ type }) => type)

  expect(await find({ type: 'sign-in.refused' })).toEqual(['sign-in.refused'])
  expect(await find({ type: 'fruit.eaten' })).toEqual([])
  expect(await find({ actor: lead.id })).toEqual(['incident.role-assigned', 'incident.opened'])
  expect(await find({ address: '198.51.100.9' })).toEqual(['sign-in.refused'])
  expect([await find({ address: '192.0.2.7' }), await find({ address: '2001:db8::7' })]).toEqual([['access.refused'], ['access.refused']])
  expect(await find({ subject: ada.id })).toEqual(['sign-in.refused'])
  expect(await find({ incident: open.id, type: 'incident.opened' })).toEqual(['incident.opened'])
  expect(await find({ from: world.now, type: 'incident.opened' })).toHaveLength(1)
  expect(await find({ to: '2026-11-24T00:00:00Z', type: 'incident.opened' })).toHaveLength(1)
  expect([await find({ text: 'LAPTOP' }), await find({ text: 'lap stol' }), await find({ text: 'laptop zebra' })]).toEqual([
    ['incident.opened', 'incident.opened'],
    ['incident.opened'],
    [],
  ])
  expect(await find({ text: 'grace.h@example.com' })).toEqual(['person.invited'])
  for (const text of ["O'Brien\\'s", "'", '\\', "':* | '", '!!', '& | ( <->', '%', '\u{1f600}']) expect(Array.isArray(await find({ text })), text).toBe(true)
  expect(await find({ text: "O'Brien\\'s" })).toEqual(['incident.opened'])
  // Who may not see the restricted incident finds it by nothing, as if there was none.
  for (const query of [{ incident: opened.id }, { subject: opened.id }, { text: 'kumquat' }, { actor: ada.id, text: 'board' }]) {
    expect(await find(query)).toEqual([])
    expect(await find(query, ada)).toContain('incident.opened')
  }
  // The filter holds for the further pages, too.
  const first = await ada.call('journal', { query: { text: 'o', type: 'incident.opened', limit: 1 } })
  const second = await ada.call('journal', { query: { type: 'incident.opened', limit: 200, cursor: first.next ?? undefined } })
  expect(second.items.every(({ type }) => type === 'incident.opened')).toBe(true)

  const indexOf = async (filter: JournalFilter) => {
    const plan = await database.transaction(async tx => {
      await tx.db.execute(sql`set local enable_seqscan = off`)
      return tx.db.execute<{ 'QUERY PLAN': string }>(sql`explain select 1 from journal where ${filterCondition(filter)}`)
    })
    return plan.rows.flatMap(row => /(?:on|using) (journal_\w+)/.exec(row['QUERY PLAN'])?.[1] ?? [])
  }
  expect(await indexOf({ type: 'x' })).toEqual(['journal_type'])
  expect(await indexOf({ actor: 'x' })).toEqual(['journal_actor'])
  expect(await indexOf({ address: 'x' })).toEqual(['journal_address', 'journal_addresses'])
  expect(await indexOf({ subject: 'x' })).toEqual(['journal_subject'])
  expect(await indexOf({ incident: open.id })).toEqual(['journal_within'])
  expect(await indexOf({ from: world.now })).toEqual(['journal_at'])
  expect(await indexOf({ text: 'x' })).toEqual(['journal_words'])
})

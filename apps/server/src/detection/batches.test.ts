import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { type Person, test } from '../../test/world.ts'
import { eventBatches } from './tables.ts'

const rule = `title: Seen
id: 44444444-4444-4444-8444-444444444444
logsource: {category: test}
detection:
  selection:
    F: evil
  condition: selection
level: low
`

/** Holds every statement that deletes batches, until who has the lock is done. */
const gate = 77_001

/** Titles of the pages about the installation that are not resolved. */
async function openPages(administrator: Person): Promise<string[]> {
  const { items } = await administrator.call('pages', { query: {} })
  return items.filter(({ subject, state }) => subject.kind === 'system' && state !== 'resolved').map(({ title }) => title)
}

test('a batch that another detector has taken while this one matched it is that one’s: nothing of it is kept here', async ({ world }) => {
  const lead = await world.person('lead')
  await lead.call('createDetectionRule', { body: { text: rule } })
  const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
  await world.settle()
  const { detector } = world.server.detection
  await detector.settle()
  const send = (host: string) => fetch(`${world.origin}${new URL(url).pathname}/events`, { method: 'POST', body: `${JSON.stringify({ F: 'evil', host })}\n` })
  const { database } = world.server.context
  await world.asOwner(
    `create function wait_at_gate() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(${gate}); return null; end'`,
    'create trigger gate before delete on event_batches for each statement execute function wait_at_gate()',
  )
  const alerts = async () => (await lead.call('alerts', { query: { view: 'all' } })).items.map(({ title }) => title)

  await database.transaction(async tx => {
    await tx.db.execute(sql`select pg_advisory_xact_lock(${gate})`)
    expect((await send('both')).status).toBe(202)
    await until(async () => {
      const { rows } = await database.reader().db.execute(sql`select 1 from pg_locks where locktype = 'advisory' and objid = ${gate} and not granted`)
      return rows.length > 0 ? true : undefined
    }, 'the detector has matched the batch and is about to take it away')
    expect(await tx.db.delete(eventBatches).returning({ id: eventBatches.id }), 'the other was first').toHaveLength(1)
  })
  await detector.settle()
  expect(await alerts()).toEqual([])
  const [listed] = (await lead.call('detectionRules', { query: { search: '44444444' } })).items
  expect(listed).toMatchObject({ matches: 0, lastMatchAt: null })

  expect((await send('alone')).status).toBe(202)
  await detector.settle()
  expect(await alerts(), 'it goes on with what comes next').toHaveLength(1)
})

test('of a batch with an event that fails only that event is set aside, and administrators are paged', async ({ world }) => {
  const lead = await world.person('lead')
  const administrator = await world.person('administrator')
  await lead.call('createDetectionRule', { body: { text: rule } })
  const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
  await world.settle()
  const { detector, intake } = world.server.detection
  await detector.settle()
  // A database that refuses one event stands for whatever else may fail at it.
  await world.asOwner(
    `create function refuse_poison() returns trigger language plpgsql as $$ begin
      if new.event like '%poison%' then raise exception 'this event is poison'; end if;
      return new; end $$`,
    'create trigger poison before insert on detection_matches for each row execute function refuse_poison()',
  )
  const lines = Array.from({ length: 50 }, (_, n) => JSON.stringify({ F: 'evil', host: n === 33 ? 'poison' : `h${n}` }))
  expect((await fetch(`${world.origin}${new URL(url).pathname}/events`, { method: 'POST', body: `${lines.join('\n')}\n` })).status).toBe(202)
  await until(() => (intake.waiting.batches === 0 ? true : undefined), 'all batches are matched', 30_000)
  await detector.settle()
  await world.settle()
  const { items } = await lead.call('alerts', { query: { view: 'all', limit: 100 } })
  expect(items).toHaveLength(49)
  expect(items.every(({ count }) => count === 1)).toBe(true)
  const letters = (await lead.call('deadLetters', {})).items
  expect(letters.map(({ text }) => text)).toEqual([lines[33]])
  expect(letters[0]?.reason).toContain('the batch could not be matched')
  const { items: pages } = await administrator.call('pages', { query: {} })
  expect(pages.map(({ title }) => title)).toContain('Log events could not be matched')

  const { watch } = world.server.detection
  await watch.look()
  expect(await openPages(administrator), 'while the event is not matched').toContain('Log events could not be matched')
  await world.asOwner('drop trigger poison on detection_matches')
  await lead.call('replayDeadLetters', { body: { letters: letters.map(({ id, text }) => ({ id, text })) } })
  await watch.look()
  expect(await openPages(administrator), 'once it was sent again').not.toContain('Log events could not be matched')
})

test('events that are not matched within five minutes page the administrators, until they are', async ({ world }) => {
  const lead = await world.person('lead')
  const administrator = await world.person('administrator')
  const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
  await world.settle()
  const { detector, watch } = world.server.detection
  await detector.settle()
  await detector.stop()
  expect((await fetch(`${world.origin}${new URL(url).pathname}/events`, { method: 'POST', body: '{"F":"fine"}\n' })).status).toBe(202)
  world.jump({ minutes: 4 })
  await watch.look()
  expect(await openPages(administrator)).toEqual([])
  world.jump({ minutes: 2 })
  await watch.look()
  await watch.look()
  expect(await openPages(administrator)).toEqual(['Detection is behind'])
  await detector.start()
  await detector.settle()
  await watch.look()
  expect(await openPages(administrator)).toEqual([])
})

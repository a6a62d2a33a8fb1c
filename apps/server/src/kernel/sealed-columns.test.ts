import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { enrolled, password, signIn } from '../../test/accounts.ts'
import { test, type World } from '../../test/world.ts'
import { people } from '../access/index.ts'
import { seal } from './sealing.ts'
import { UnreadableWatch } from './unreadable-watch.ts'

/** A value of another row, which the same key has sealed, stands where `column` is. */
async function move(world: World, table: string, column: string, where: string): Promise<void> {
  const moved = seal(world.server.context.secrets, 'moved', 'elsewhere')
  await world.asOwner(`update ${table} set ${column} = '${moved}' where ${where}`)
}

test('a sealed value that was moved there is a sentence for who needs it, and pages the administrators until it is right again', async ({ world }) => {
  const { database } = world.server.context
  const named = () => database.unreadable.list().map(({ table, column }) => `${table}.${column}`)
  const { administrator, person, code } = await enrolled(world)

  const [kim] = await database.transaction(tx => tx.db.select().from(people).where(eq(people.id, person.id)))
  await move(world, 'people', 'totp_secret', `id = '${person.id}'`)
  const session = await signIn(world, person.email, password)
  // It is no wrong code, of which the tenth locks codes: that would keep out the recovery codes that the sentence recommends.
  await world.asOwner(`update people set wrong_codes = 9 where id = '${person.id}'`)
  for (let tries = 0; tries < 2; tries += 1)
    await expect(session('giveOneTimeCode', code(2))).rejects.toMatchObject({
      problem: { status: 409, detail: expect.stringContaining('Use a passkey or a recovery code') },
    })
  expect(named()).toEqual(['people.totp_secret'])

  const repeated = {
    method: 'POST',
    headers: { cookie: administrator.cookie, origin: world.origin, 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({ title: 'Leak', reason: 'Seen.' }),
  }
  const openIncident = () => fetch(`${world.origin}/api/v1/incidents`, repeated)
  expect((await openIncident()).status).toBe(201)
  await move(world, 'idempotency_keys', 'reply', 'true')
  const again = await openIncident()
  expect([again.status, ((await again.json()) as { detail: string }).detail]).toEqual([
    409,
    expect.stringContaining('was carried out, but the stored answer cannot be read'),
  ])

  const { method } = await administrator.call('addContactMethod', { body: { kind: 'webhook', address: 'https://hooks.example/tocsin' } })
  await move(world, 'contact_methods', 'secret', `id = '${method.id}'`)
  await administrator.call('sendContactCode', { params: { id: method.id } })
  const list = await administrator.call('createIndicatorList', {
    body: { name: 'Botnets', taxii: { url: 'https://taxii.example/api/collections/1/', username: 'tocsin', secret: 'secret', pullMinutes: 60 } },
  })
  await world.settle()
  await move(world, 'indicator_lists', 'secret_sealed', 'true')
  await administrator.call('pullIndicators', { params: { id: list.id } })
  await world.settle()
  const [message] = (
    await database
      .reader()
      .db.execute<{ state: string; text: string }>(sql`select state, last_error as text from messages where channel = 'webhook' order by id desc`)
  ).rows
  expect(message).toMatchObject({ state: 'failed' })
  expect((await administrator.call('indicatorLists')).map(({ problem }) => problem)).toEqual([
    expect.stringContaining('password or token of this feed cannot be read'),
  ])
  expect(named().toSorted()).toEqual(['idempotency_keys.reply', 'indicator_lists.secret_sealed', 'messages.webhook_secret', 'people.totp_secret'])

  const watch = new UnreadableWatch(world.server.context, 'web')
  await watch.look()
  await world.settle()
  administrator.expectPage(/people .* \(totp_secret\).*An encrypted value among them was moved, changed or damaged outside Tocsin/s)
  await world.asOwner(
    `update people set totp_secret = '${kim?.totpSecret}' where id = '${person.id}'`,
    'delete from idempotency_keys',
    'delete from indicator_lists',
    `delete from messages where channel = 'webhook'`,
  )
  await watch.look()
  expect(named()).toEqual([])
  expect((await session('giveOneTimeCode', code(1))).assurance).toBe('full')
})

import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'
import { UnreadableWatch } from './unreadable-watch.ts'

const canary = 'canary of a stranger'
/** Two chunks, of which the last is not full. */
const content = Buffer.concat([Buffer.from(canary), randomBytes(1_100_000)])

/** A report with two files, and how to read them. */
async function reported(world: World) {
  const body = new FormData()
  for (const [name, value] of Object.entries({ audience: 'employee', contactName: 'Kim', contactEmail: 'kim@customer.test', text: 'Look at this.' }))
    body.append(name, value)
  for (const name of ['one.bin', 'two.bin']) body.append('files', new File([content], name))
  expect((await world.client().raw('report', { body })).status).toBe(201)
  const { call } = await world.person('responder')
  const [alert] = (await call('alerts', {})).items
  const [one, two] = (await call('reportOfAlert', { params: { id: alert?.id ?? '' } })).files.map(({ id }) => id)
  const read = async (id = '') => Buffer.from(await (await call.raw('reportFile', { params: { id } })).arrayBuffer())
  return { one, two, read }
}

const rows = async <Row extends Record<string, unknown>>({ server }: World, query: string) =>
  (await server.context.database.reader().db.execute<Row>(sql.raw(query))).rows

/** Content that whoever has the database alone can read. */
const plain = (world: World) => rows(world, `select 1 from file_chunks where position(convert_to('${canary}', 'UTF8') in content) > 0`)

test('a file is encrypted in the database, and one that was changed there is a sentence, never a part of it', async ({ world }) => {
  // Before anything is damaged: the server itself may look meanwhile, and page.
  const administrator = await world.person('administrator')
  await world.team()
  const { one = '', two = '', read } = await reported(world)
  expect(await plain(world)).toEqual([])
  expect((await read(one)).equals(content)).toBe(true)
  await world.asOwner('create table saved_chunks as table file_chunks', 'create table saved_files as table files')
  const restored = [
    `update file_chunks as c set content = s.content from saved_chunks as s where (s.file_id, s.position) = (c.file_id, c.position)`,
    'insert into file_chunks table saved_chunks on conflict do nothing',
    'update files as f set size_bytes = s.size_bytes, sha256 = s.sha256, key = s.key from saved_files as s where s.id = f.id',
  ]
  const of = `file_id = '${one}' and position`
  for (const [what, ...statements] of [
    ['a changed byte', `update file_chunks set content = set_byte(content, 5, get_byte(content, 5) # 1) where ${of} = 0`],
    [
      'a changed byte at the end',
      `update file_chunks set content = set_byte(content, length(content) - 1, get_byte(content, length(content) - 1) # 1) where ${of} = 1`,
    ],
    [
      'two chunks that changed places',
      `update file_chunks as c set content = s.content from saved_chunks as s where c.${of.replace(' and ', ' and c.')} < 2 and s.file_id = c.file_id and s.position = 1 - c.position`,
    ],
    ['a missing end', `delete from file_chunks where ${of} = 1`, `update files set size_bytes = 1048576`],
    ['a missing beginning', `delete from file_chunks where ${of} = 0`],
    ['a shortened chunk', `update file_chunks set content = substring(content from 1 for 1000) where ${of} = 1`],
    ['nothing left', `delete from file_chunks where ${of} >= 0`, 'update files set size_bytes = 0'],
    [
      'chunks of another file',
      `update file_chunks as c set content = s.content from saved_chunks as s where c.${of.replace(' and ', ' and c.')} = s.position and s.file_id = '${two}'`,
    ],
    ['the key of another file', `update files set key = (select key from saved_files where id = '${two}') where id = '${one}'`],
    ['no key', `update files set key = null where id = '${one}'`],
  ] as const) {
    await world.asOwner(...statements)
    await expect(read(one), what).rejects.toMatchObject(refusal('conflict'))
    await world.asOwner(...restored)
  }
  for (const id of [one, two]) expect((await read(id)).equals(content), 'restored').toBe(true)
  const watch = new UnreadableWatch(world.server.context, 'web')
  await world.asOwner(`delete from file_chunks where ${of} = 1`)
  await expect(read(one)).rejects.toThrow('The administrators are told')
  await watch.look()
  await world.settle()
  administrator.expectPage(/files .* \(content\)/)
  await world.asOwner(...restored)
  await watch.look()
  expect(world.server.context.database.unreadable.list()).toEqual([])
})

test('what an earlier version kept as it was is read, and encrypted one file at a time', async ({ world }) => {
  const { one = '', two = '', read } = await reported(world)
  const hex = (from: number) => `decode('${content.subarray(from * 1_048_576, (from + 1) * 1_048_576).toString('hex')}', 'hex')`
  await world.asOwner(
    'update files set key = null',
    ...[0, 1].map(position => `update file_chunks set content = ${hex(position)} where position = ${position}`),
  )
  expect(await plain(world)).toHaveLength(2)
  for (const id of [one, two]) expect((await read(id)).equals(content)).toBe(true)
  world.jump({ days: 2 })
  await world.settle()
  expect(await plain(world)).toEqual([])
  for (const id of [one, two]) expect((await read(id)).equals(content)).toBe(true)
  expect(await rows(world, 'select 1 from files where key is null')).toEqual([])
})

import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signCheckpoint, signingKey } from '@tocsin/merkle'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { test, type World } from '../../test/world.ts'
import { type Server, startServer } from '../app/server.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { openLog, openMetrics } from '../kernel/telemetry.ts'
import { CheckpointFile } from './checkpoint-file.ts'
import { record, recordAll, system } from './record.ts'
import { latestCheckpoint } from './seal.ts'
import { JournalWatch } from './watch.ts'

const note = ({ context }: Server, text: string) =>
  context.database.transaction(tx =>
    record(tx, {
      actor: system,
      type: 'note.written',
      subject: { kind: 'note', id: 'n' },
      within: '0193b5a0-0000-7000-8000-000000000001',
      data: { markdown: text },
    }),
  )
const sealed = async ({ context }: Server) => (await latestCheckpoint(context.database.reader()))?.size ?? 0
const finding = async ({ context }: Server) => (await context.health.findings()).find(({ name }) => name === 'audit log readers')?.detail

/** Who owns the database takes away what was sealed above a checkpoint that is stored, as if it had never been. */
const takeBack = (world: World, size: number) =>
  world.asOwner(
    ...['journal_leaves', 'journal_nodes', 'journal_checkpoints'].map(name => `alter table ${name} disable trigger user`),
    `delete from journal_leaves where leaf_index >= ${size}`,
    `delete from journal_nodes where (node_index + 1) * (1::bigint << level) > ${size}`,
    `delete from journal_checkpoints where size > ${size}`,
  )

/** Starts the server of a world anew, on the same database and data folder. */
async function restarted<T>(world: World, work: (server: Server) => Promise<T>, acceptsRestoredLog = false): Promise<T> {
  const { config } = world.server.context
  await world.server.stop()
  const server = await startServer(config, openLog('silent', false), { now: () => world.now }, { acceptsRestoredLog })
  try {
    return await work(server)
  } finally {
    await server.stop()
  }
}

/** Three entries under three checkpoints; the last two are gone from the tree. */
async function rewritten(world: World): Promise<{ size: number; last: number }> {
  const { server } = world
  await note(server, 'one')
  await world.settle()
  const size = await sealed(server)
  for (const text of ['two', 'three']) {
    await note(server, text)
    await world.settle()
  }
  const last = await sealed(server)
  await takeBack(world, size)
  return { size, last }
}

describe('a sealed journal that somebody rewrites in the database', () => {
  test('is not signed by the running server, nor after a restart, and the administrators are paged', { timeout: 60_000 }, async ({ world }) => {
    await world.person('administrator')
    const { size, last } = await rewritten(world)
    await note(world.server, 'forged')
    await until(() => world.server.context.readers.readers.get('sealer')?.isStuck || undefined, 'the sealer refuses', 20_000)
    expect(await sealed(world.server)).toBe(size)
    expect(await finding(world.server)).toMatch(new RegExp(`has ${size} sealed entries, fewer than the ${last} that were signed last\\. Nothing is sealed`))
    await until(() => world.mail.mails.find(mail => /was rewritten or restored/.test(mail.subject)), 'the administrators are paged', 30_000)
    await restarted(world, async server => {
      await note(server, 'forged again')
      await server.context.readers.drain()
      expect(await sealed(server)).toBe(size)
      expect(await finding(server)).toMatch(/fewer than the/)
    })
  })

  test('is accepted where an administrator says so at the start, on record with both checkpoints', async ({ world }) => {
    const { size, last } = await rewritten(world)
    await restarted(
      world,
      async server => {
        await server.context.readers.drain()
        const { rows } = await server.context.database
          .reader()
          .db.execute<{ data: { signed: string; restored: string } }>(`select data from journal where type = 'journal.restore-accepted'`)
        expect(rows.map(({ data }) => [data.signed.split('\n')[1], data.restored.split('\n')[1]])).toEqual([[String(last), String(size)]])
        expect(await sealed(server)).toBeGreaterThan(size)
        expect(await finding(server)).toBeUndefined()
      },
      true,
    )
  })

  test('is found by its other roots, its missing hashes, leaves that no checkpoint covers, and a checkpoint of another key', async ({ world }) => {
    const { server } = world
    const { context } = server
    await note(server, 'one')
    await world.settle()
    const size = await sealed(server)
    const inspected = () => context.sealer.inspect(context.database.reader())
    expect(await inspected()).toBeUndefined()
    const off = ['journal_leaves', 'journal_nodes', 'journal_checkpoints'].map(name => `alter table ${name} disable trigger user`)
    await world.asOwner(...off, 'create table kept as select * from journal_nodes', `update journal_nodes set hash = sha256(hash)`)
    expect(await inspected()).toBe(`The ${size} sealed entries in the database are not those that its newest checkpoint was signed for.`)
    await world.asOwner('delete from journal_nodes')
    expect(await inspected()).toBe(`Hashes of the first ${size} sealed entries are missing in the database.`)
    await world.asOwner('insert into journal_nodes select * from kept', `insert into journal_leaves values (${size}, gen_random_uuid())`)
    expect(await inspected()).toBe(`The audit log in the database has ${size + 1} sealed entries, but its newest checkpoint is of ${size}.`)
    await world.asOwner(`delete from journal_leaves where leaf_index = ${size}`, `update journal_checkpoints set note = replace(note, 'tocsin/', 'tocsin/0')`)
    expect(await inspected()).toBe('The newest checkpoint in the database was not signed by the key of this installation.')
  })
})

describe('the file of checkpoints in the data folder', () => {
  test('ends with the newest one, whatever a crash left behind it, and begins anew when it has grown', async ({ world }) => {
    const { context } = world.server
    const path = join(context.config.dataFolder, 'checkpoints.log')
    await note(world.server, 'one')
    await world.settle()
    const { note: newest = '', size } = (await latestCheckpoint(context.database.reader())) ?? {}
    expect(readFileSync(path, 'utf8').endsWith(newest)).toBe(true)
    const file = new CheckpointFile(path)
    appendFileSync(path, `tocsin/0\n9\nhalf`)
    expect(file.last(context.sealer.key)).toMatchObject({ note: newest, checkpoint: { size } })
    truncateSync(path, 1_000_001)
    await file.append(newest)
    expect(readFileSync(path, 'utf8')).toBe(`\n${newest}`)
    rmSync(path)
    expect(file.last(context.sealer.key), 'from the one before').toMatchObject({ note: newest })
    rmSync(`${path}.1`)
    expect(file.last(context.sealer.key)).toBeUndefined()
    mkdirSync(path)
    await expect(restarted(world, async () => undefined)).rejects.toThrow(
      new ConfigProblem(
        `${path} cannot be read (EISDIR): it has the checkpoints of the audit log that were signed last. Make it readable, or restore it from a backup.`,
      ),
    )
  })
})

test('the checkpoints of another installation, whose data folder was taken, are refused at the start by a sentence that names both logs', async ({ world }) => {
  const { context } = world.server
  const path = join(context.config.dataFolder, 'checkpoints.log')
  await note(world.server, 'one')
  await world.settle()
  const own = context.sealer.key.split('+')[0]
  const size = await sealed(world.server)
  const other = signCheckpoint({ origin: 'tocsin/0123456789abcdef', size: 9, root: Buffer.alloc(32) }, signingKey(Buffer.alloc(32, 7)))
  const before = readFileSync(path)
  appendFileSync(path, other)
  const refused = expect.stringContaining(`${path} has checkpoints of another audit log (tocsin/0123456789abcdef) than the one in the database (${own}):`)
  await expect(restarted(world, sealed)).rejects.toMatchObject({ constructor: ConfigProblem, message: refused })
  // As earlier versions went on after it, with checkpoints of their own.
  writeFileSync(path, `${other}${before}`)
  expect(await restarted(world, sealed)).toBeGreaterThanOrEqual(size)
  renameSync(path, `${path}.1`)
  writeFileSync(path, other)
  await expect(restarted(world, sealed)).rejects.toThrow(ConfigProblem)
})

describe('a sealed entry that the owner of the tables touches', () => {
  test('is named, wherever in the log it is and whatever was done to it, and pages the administrators', { timeout: 60_000 }, async ({ world }) => {
    const { context } = world.server
    const ada = await world.person('administrator')
    await world.settle()
    const first = await sealed(world.server)
    const within = '0193b5a0-0000-7000-8000-000000000001'
    const idOf = (n: number) => `0193b5a0-0000-7000-8000-${String(n).padStart(12, '0')}`
    const indexOf = (n: number) => first + n
    await context.database.transaction(tx =>
      recordAll(
        tx,
        Array.from({ length: 300 }, (_, n) => ({
          ...({ id: idOf(n), actor: system, type: 'note.written', subject: { kind: 'note', id: 'n' }, within } as const),
          data: { markdown: `${n}` },
        })),
      ),
    )
    await until(async () => (await sealed(world.server)) >= indexOf(300) || undefined, 'all are sealed')
    const { sealedEntries } = context.sealer
    const round = async () => {
      for (let n = 0; n < 3; n += 1) await sealedEntries.look(context.database.reader())
      return sealedEntries.altered.map(({ index, id, fault }) => `${index} ${id} ${fault}`).toSorted()
    }
    expect(await round()).toEqual([])
    const change = (...statements: string[]) =>
      world.asOwner(...['journal', 'journal_nodes', 'journal_leaves'].map(name => `alter table ${name} disable trigger user`), ...statements)
    await world.asOwner('create table kept as select * from journal', 'create table kept_nodes as select * from journal_nodes')
    await change(
      `delete from journal where id = '${idOf(1)}'`,
      `update journal set within_id = null where id = '${idOf(2)}'`,
      `update journal set subject_id = 'm' where id = '${idOf(3)}'`,
      `update journal set data = '{"markdown": "nothing"}' where id = '${idOf(200)}'`,
      `update journal set data = null, salt = null where id = '${idOf(201)}'`,
      `update journal set data = '{"markdown": "nothing"}', mac = null where id = '${idOf(202)}'`,
      `update journal set mac = null where id = '${idOf(203)}'`,
      `update journal set actor_name = 'Eve' where id = '${idOf(299)}'`,
    )
    const changed = [2, 3, 200, 201, 202, 203, 299].map(n => `${indexOf(n)} ${idOf(n)} changed`)
    expect(await round()).toEqual([...changed, `${indexOf(1)} ${idOf(1)} deleted`].toSorted())
    await new JournalWatch({ ...context, metrics: openMetrics() }).look()
    await world.settle()
    expect(ada.expectPage(/8 sealed entries of the audit log changed or deleted/).text).toContain(`number ${indexOf(1)} (${idOf(1)}) was deleted`)
    expect(await finding(world.server)).toBe('8 sealed entries of the audit log were changed or deleted in the database.')
    await change('delete from journal where id in (select id from kept)', 'insert into journal select * from kept')
    expect(await round()).toEqual([])
    // With the hash of what the entry is made to say, it is as its leaf, which leads to another root.
    await change(`update journal_nodes set hash = sha256('x') where level = 0 and node_index = ${indexOf(5)}`)
    expect(await round()).toEqual([`${indexOf(5)} ${idOf(5)} changed`])
    await change(
      `update journal_nodes set hash = (select hash from kept_nodes where level = 0 and node_index = ${indexOf(6)}) where level = 0 and node_index = ${indexOf(5)}`,
      `update journal_leaves set entry_id = '${idOf(6)}' where leaf_index = ${indexOf(5)}`,
    )
    expect(await round()).toEqual(['0  changed'])
  })
})

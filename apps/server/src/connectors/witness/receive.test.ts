import { createHmac, randomBytes } from 'node:crypto'
import { signCheckpoint, signingKey, signSuccession, verifierKey } from '@tocsin/merkle'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { until } from '../../../test/alertmanager.ts'
import { buildWorld, type Person, test, type World } from '../../../test/world.ts'
import { postSigned } from '../../kernel/signed-webhook.ts'

const secret = Buffer.alloc(24, 7).toString('base64')
const env = { TOCSIN_WITNESS_INTAKE_SECRET: `whsec_${secret}` }
const origin = 'tocsin/0123456789abcdef'
const [first, second, stranger] = [signingKey(randomBytes(32)), signingKey(randomBytes(32)), signingKey(randomBytes(32))]
const [root, otherRoot] = [randomBytes(32), randomBytes(32)]
const statement = (size: number, from = first, log = origin, given = root) => ({
  type: 'checkpoint',
  checkpoint: signCheckpoint({ origin: log, size, root: given }, from),
  key: verifierKey(log, from),
})

/** Sends a checkpoint as another Tocsin does. @returns status and body */
async function send(world: World, body: object, given: { secret?: string; sentAt?: number } = {}): Promise<{ status: number; text: string }> {
  const text = JSON.stringify(body)
  const timestamp = String(Math.floor(Date.parse(world.now) / 1_000) + (given.sentAt ?? 0))
  const signature = createHmac('sha256', Buffer.from(given.secret ?? secret, 'base64'))
    .update(`checkpoint_1.${timestamp}.${text}`)
    .digest('base64')
  const headers = {
    'content-type': 'application/json',
    'webhook-id': 'checkpoint_1',
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,x v1,${signature}`,
  }
  const reply = await fetch(`${world.origin}/hooks/witness`, { method: 'POST', headers, body: text })
  return { status: reply.status, text: await reply.text() }
}

const Data = z.record(z.string(), z.unknown())
const written = async ({ call }: Person) =>
  (await call('journal', { query: { limit: 200 } })).items
    .filter(({ type }) => type.startsWith('journal.checkpoint-'))
    .map(({ type, data }) => ({ type, ...Data.parse(data) }))
    .toReversed()
const paged = async (world: World) => {
  await world.settle()
  return world.takeMails().filter(mail => /contradicts its earlier checkpoint/.test(mail.subject)).length
}

test('a second Tocsin is given the checkpoints of the first, and keeps them on record', { timeout: 60_000 }, async () => {
  // The sender signs with the time that it is.
  const witness = await buildWorld({ env, now: new Date().toISOString() })
  const log = await buildWorld({ env: { TOCSIN_WITNESSES: `${witness.world.origin}/hooks/witness`, TOCSIN_WITNESS_SECRET: `whsec_${secret}` } })
  try {
    const administrator = await witness.world.person('administrator')
    const { sealer } = log.world.server.context
    const [entry] = await until(async () => {
      await log.world.settle()
      const found = await written(administrator)
      return found.length > 0 ? found : undefined
    }, 'it is on record')
    expect(entry).toMatchObject({ type: 'journal.checkpoint-received', origin: sealer.key.split('+')[0], key: sealer.key, size: expect.any(Number) })
    await until(() => (sealer.witnesses.every(({ status }) => status.error === undefined) ? true : undefined), 'the sender knows')
    expect(await paged(witness.world)).toBe(0)
  } finally {
    await log.end()
    await witness.end()
  }
})

describe('a checkpoint of another Tocsin', () => {
  test.override({ options: { env } })

  test('is on record where it is the first, and then once an hour; the same again and one that was overtaken say nothing', async ({ world }) => {
    const administrator = await world.person('administrator')
    for (const size of [5, 6, 6]) expect((await send(world, statement(size))).status).toBe(204)
    expect((await send(world, statement(5), { sentAt: -10 })).status).toBe(204)
    world.jump({ minutes: 61 })
    expect((await send(world, statement(9))).status).toBe(204)
    expect(await written(administrator)).toMatchObject([
      { type: 'journal.checkpoint-received', ...{ origin, size: 5, key: verifierKey(origin, first), checkpoint: statement(5).checkpoint } },
      { type: 'journal.checkpoint-received', size: 9 },
    ])
    expect(await paged(world)).toBe(0)
  })

  test('that has fewer or other entries than before, or is signed by somebody else, is refused, on record, and pages', async ({ world }) => {
    const administrator = await world.person('administrator')
    for (const [n, [reason, wrong]] of (
      [
        ['fewer entries', log => statement(4, first, log)],
        ['other entries', log => statement(5, first, log, otherRoot)],
        ['another key', log => statement(6, stranger, log)],
        ['another key', log => ({ ...statement(6, stranger, log), key: verifierKey(log, first) })],
        ['another key', log => ({ ...statement(6, stranger, log), successions: [signSuccession(log, 5, second, stranger)] })],
      ] as const satisfies readonly [string, (log: string) => ReturnType<typeof statement>][]
    ).entries()) {
      const log = `tocsin/${n}`
      expect((await send(world, statement(5, first, log))).status).toBe(204)
      const { status, text } = await send(world, wrong(log))
      expect([status, text], reason).toEqual([409, expect.stringContaining('The checkpoint was refused')])
      expect((await send(world, wrong(log))).status, 'again').toBe(409)
      expect((await written(administrator)).slice(-2), 'once').toMatchObject([
        { type: 'journal.checkpoint-received', origin: log },
        { type: 'journal.checkpoint-refused', origin: log, reason, checkpoint: wrong(log).checkpoint, before: statement(5, first, log).checkpoint },
      ])
      expect(await paged(world), reason).toBe(1)
    }
  })

  test('is refused for each reason by itself, and pages again once its log went on: what was acknowledged hides nothing', async ({ world }) => {
    const administrator = await world.person('administrator')
    const refused = async () => (await written(administrator)).flatMap(({ type, ...data }) => (type === 'journal.checkpoint-refused' ? data : []))
    await send(world, statement(5))
    for (let n = 0; n < 3; n += 1) expect((await send(world, statement(6, stranger))).status).toBe(409)
    expect((await send(world, statement(5, first, origin, otherRoot))).status).toBe(409)
    expect(await refused()).toMatchObject([{ reason: 'another key' }, { reason: 'other entries' }])
    expect(await paged(world)).toBe(2)
    for (const { id } of (await administrator.call('pages')).items) await administrator.call('acknowledgePage', { params: { id } })
    world.jump({ hours: 2 })
    expect((await send(world, statement(5, first, origin, otherRoot))).status).toBe(409)
    expect(await paged(world), 'the same contradiction').toBe(0)
    expect((await send(world, statement(7))).status).toBe(204)
    world.jump({ hours: 2 })
    expect((await send(world, statement(7, first, origin, otherRoot))).status).toBe(409)
    expect(await paged(world), 'a later one').toBe(1)
  })

  test('is believed when another key signs it that the one before has named, and from then on no other', async ({ world }) => {
    const administrator = await world.person('administrator')
    expect((await send(world, statement(5))).status).toBe(204)
    const named = { successions: [signSuccession(origin, 6, first, second)] }
    expect((await send(world, { ...statement(7, second), ...named })).status).toBe(204)
    expect((await written(administrator)).at(-1)).toMatchObject({ type: 'journal.checkpoint-received', size: 7, key: verifierKey(origin, second) })
    expect((await send(world, statement(8))).status).toBe(409)
    expect((await send(world, { ...statement(8, second), ...named })).status).toBe(204)
  })

  test('is believed after several keys have named the next while nothing was sent', async ({ world }) => {
    expect((await send(world, statement(5))).status).toBe(204)
    const [one, two] = [signSuccession(origin, 6, first, second), signSuccession(origin, 7, second, stranger)]
    expect((await send(world, { ...statement(8, stranger), successions: [two] })).status, 'a gap').toBe(409)
    expect((await send(world, { ...statement(8, stranger), successions: [one, two] })).status).toBe(204)
  })

  test('is taken from nobody who does not know the secret, nor late, nor in another form', async ({ world }) => {
    const administrator = await world.person('administrator')
    expect((await send(world, statement(5), { secret: Buffer.alloc(24, 8).toString('base64') })).status).toBe(403)
    expect((await send(world, statement(5), { sentAt: -301 })).status).toBe(403)
    for (const body of [
      {},
      { ...statement(5), more: 1 },
      { ...statement(5), type: 'x' },
      { ...statement(5), key: verifierKey(origin, second) },
      statement(5, first, 'tocsin/\0'),
      statement(2 ** 53),
    ])
      expect((await send(world, body)).status).toBe(400)
    expect(await send(world, { ...statement(5), successions: ['x'.repeat(40_000)] })).toEqual({
      status: 413,
      text: expect.stringContaining('larger than 32 kB'),
    })
    expect(await written(administrator)).toEqual([])
    const refused = async () => (await administrator.call('journal', { query: { limit: 50 } })).items.filter(({ type }) => type === 'access.refused')
    await world.server.context.securityEvents.flush()
    expect(await refused()).toMatchObject([{ data: { reason: 'invalid', count: 7 } }, { data: { reason: 'wrong-signature', count: 2 } }])
  })
})

test('a Tocsin without the secret is a witness of nobody', async ({ world }) => {
  const call = postSigned({
    ...{ url: `${world.origin}/hooks/witness`, id: 'checkpoint_1', sentAt: Date.parse(world.now), secret, body: JSON.stringify(statement(5)) },
    ...{ reach: 'anywhere', signal: AbortSignal.timeout(10_000) },
  })
  await expect(call).rejects.toThrow(/404/)
})

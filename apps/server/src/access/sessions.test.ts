import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { codeAt } from '../../test/totp.ts'
import { linkIn, test, type World } from '../../test/world.ts'
import { sessions } from './tables.ts'

const password = 'correct horse battery staple'

/** Signs in with a password, in a browser of its own. */
async function signIn(world: World, email: string, given = password) {
  const reply = await world.client().raw('signIn', { body: { email, password: given } })
  return world.client(reply.headers.getSetCookie()[0]?.split(';')[0])
}

/** Somebody who was invited and has chosen a password and an authenticator app; `call` is their first session. */
async function enrolled(world: World) {
  const administrator = await world.person('administrator')
  await administrator.call('invite', { body: { email: 'kim@tocsin.test', name: 'Kim', role: 'responder' } })
  await world.settle()
  const token = linkIn(world.expectMail('kim@tocsin.test', /invite/), '/invite/')
  const reply = await world.client().raw('acceptInvitation', { body: { token, name: 'Kim', password } })
  const call = world.client(reply.headers.getSetCookie()[0]?.split(';')[0])
  const { secret } = await call('startTotp')
  const code = () => ({ body: { code: codeAt(secret, Date.parse(world.now)) } })
  const { person } = await call('confirmTotp', code())
  return { administrator, call, person, code }
}

const sessionsOf = (world: World, { id }: { id: string }) => world.server.context.database.reader().db.select().from(sessions).where(eq(sessions.personId, id))

describe('a session', () => {
  test('ends after seven days to the second, and opens nothing from then on', async ({ world }) => {
    const { call } = await enrolled(world)
    await world.advance({ days: 6, hours: 23, minutes: 59, seconds: 59 })
    expect((await call('people')).people.length).toBeGreaterThan(0)
    await world.advance({ seconds: 1 })
    await expect(call('me')).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(call('people')).rejects.toMatchObject(refusal('not-signed-in'))
  })

  test('with half its factors ends when another session of the same person is complete, and complete ones stay', async ({ world }) => {
    const { call, person, code } = await enrolled(world)
    const halfOpen = await signIn(world, 'kim@tocsin.test')
    expect((await halfOpen('me')).assurance).toBe('password')
    const second = await signIn(world, 'kim@tocsin.test')
    await world.advance({ seconds: 30 })
    expect((await second('giveOneTimeCode', code())).assurance).toBe('full')
    await expect(halfOpen('me')).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await call('me')).assurance, 'the first was complete').toBe('full')
    expect((await sessionsOf(world, person)).map(({ assurance }) => assurance)).toEqual(['full', 'full'])
  })

  test('of somebody whose role changes ends, whichever role it becomes', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    for (const [role, session] of [
      ['lead', call],
      ['observer', undefined],
    ] as const) {
      const open = session ?? (await signIn(world, 'kim@tocsin.test'))
      expect((await open('me')).person.id).toBe(person.id)
      await administrator.call('changePerson', { params: { id: person.id }, body: { role } })
      await expect(open('me')).rejects.toMatchObject(refusal('not-signed-in'))
      expect(await sessionsOf(world, person)).toEqual([])
    }
  })
})

describe('ending another session', () => {
  test('ends that one at once, keeps this one, and is on record', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const stolen = await signIn(world, 'kim@tocsin.test')
    const { sessions: listed } = await call('me')
    const other = listed.find(session => !session.isThisOne)
    await call('endSession', { params: { id: other?.id ?? '' } })
    await expect(stolen('me')).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await call('me')).sessions).toMatchObject([{ isThisOne: true }])
    const [entry] = (await administrator.call('journal', {})).items
    expect(entry).toMatchObject({ type: 'session.ended', actor: { id: person.id }, data: { sessionId: other?.id } })
  })

  test('reaches nobody else, and needs a session', async ({ world }) => {
    const { call } = await enrolled(world)
    const [own] = (await call('me')).sessions
    const administrator = await world.person('administrator')
    await administrator.call('endSession', { params: { id: own?.id ?? '' } })
    expect((await call('me')).sessions, 'not even an administrator ends it').toHaveLength(1)
    await expect(world.client()('endSession', { params: { id: own?.id ?? '' } })).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(call('endSession', { params: { id: 'this-one' } })).rejects.toMatchObject(refusal('invalid', 'id'))
  })
})

describe('changing the password', () => {
  test('makes the new one good and the old one not, ends every other session, and is on record without it', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const other = await signIn(world, 'kim@tocsin.test')
    const next = 'a much better staple'
    await call('changePassword', { body: { current: password, next } })
    await expect(other('me')).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await call('me')).sessions).toMatchObject([{ isThisOne: true }])
    await expect(signIn(world, 'kim@tocsin.test')).rejects.toMatchObject(refusal('not-signed-in'))
    await (await signIn(world, 'kim@tocsin.test', next))('me')
    const entry = (await administrator.call('journal', {})).items.find(({ type }) => type === 'password.changed')
    expect(entry).toMatchObject({ subject: { kind: 'person', id: person.id } })
    expect(JSON.stringify(entry)).not.toContain(next)
  })

  test('needs the current one, a long new one, and a session with both factors; where it is refused nothing changes', async ({ world }) => {
    const { call } = await enrolled(world)
    const next = 'a much better staple'
    await expect(call('changePassword', { body: { current: 'wrong wrong wrong', next } })).rejects.toMatchObject(refusal('invalid', 'current'))
    await expect(call('changePassword', { body: { current: password, next: 'short' } })).rejects.toMatchObject(refusal('invalid', 'next'))
    const halfOpen = await signIn(world, 'kim@tocsin.test')
    for (const caller of [halfOpen, world.client()])
      await expect(caller('changePassword', { body: { current: password, next } })).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await halfOpen('me')).assurance, 'the other sessions go on').toBe('password')
    await signIn(world, 'kim@tocsin.test')
  })
})

describe('the list of API keys', () => {
  test('shows what each may do, who made it, when it was used and that it was revoked, and no secret', async ({ world }) => {
    const administrator = await world.person('administrator')
    const { key, secret } = await administrator.call('createApiKey', { body: { name: 'CI', scopes: ['alerts:read', 'alerts:read', 'alerts:write'] } })
    const expected = { id: key.id, name: 'CI', scopes: ['alerts:read', 'alerts:write'], createdBy: administrator.name, createdAt: world.now }
    expect(await administrator.call('apiKeys')).toEqual([{ ...expected, lastUsedAt: null, revokedAt: null }])
    await world.advance({ minutes: 5 })
    await fetch(`${world.origin}/api/v1/alerts`, { headers: { authorization: `Bearer ${secret}` } })
    const usedAt = world.now
    await world.advance({ minutes: 5 })
    await administrator.call('revokeApiKey', { params: { id: key.id } })
    const reply = await administrator.call.raw('apiKeys')
    const text = await reply.text()
    expect(JSON.parse(text)).toEqual([{ ...expected, lastUsedAt: usedAt, revokedAt: world.now }])
    expect(text).not.toContain(secret.slice(`tok_${key.id}_`.length))
  })

  test('is for administrators', async ({ world }) => {
    const lead = await world.person('lead')
    await expect(lead.call('apiKeys')).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('apiKeys')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

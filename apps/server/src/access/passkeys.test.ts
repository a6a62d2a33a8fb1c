import { expect } from 'vitest'
import { makePasskey } from '../../test/passkey.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

const originOf = (world: World) => world.server.context.messenger.origin

/** Enrolls a passkey for somebody with a session. */
async function enroll(world: World, person: Person, passkey = makePasskey(originOf(world))) {
  const { challengeId, options } = await person.call('startPasskey')
  const me = await person.call('addPasskey', { body: { challengeId, name: 'Laptop', response: passkey.enroll(options) } })
  return { passkey, me }
}

test('a passkey is enrolled in a session, and signs in alone with both factors given', async ({ world }) => {
  const person = await world.person('responder')
  const { passkey, me } = await enroll(world, person)
  expect(me).toMatchObject({ person: { id: person.id, hasSecondFactor: true }, passkeys: [{ name: 'Laptop', lastUsedAt: null }] })

  const visitor = world.client()
  const { challengeId, options } = await visitor('startPasskeySignIn')
  const reply = await visitor.raw('signInWithPasskey', { body: { challengeId, response: passkey.signIn(options) } })
  expect(reply.status).toBe(201)
  const signedIn = world.client(reply.headers.getSetCookie()[0]?.split(';')[0])
  expect(await signedIn('me')).toMatchObject({ person: { id: person.id }, assurance: 'full', passkeys: [{ lastUsedAt: world.now }] })
  expect((await signedIn('people')).people.length, 'it opens what a role opens').toBeGreaterThan(0)
})

test('enrolling needs a session, the second factor of who has one, and the challenge of the same person', async ({ world }) => {
  const person = await world.person('responder')
  const passkey = makePasskey(originOf(world))
  await expect(world.client()('startPasskey')).rejects.toMatchObject(refusal('not-signed-in'))
  const { challengeId, options } = await person.call('startPasskey')
  const body = { challengeId, name: 'Laptop', response: passkey.enroll(options) }
  await expect(world.client()('addPasskey', { body })).rejects.toMatchObject(refusal('not-signed-in'))
  const other = await world.person('responder')
  await expect(other.call('addPasskey', { body })).rejects.toMatchObject(refusal('invalid'))
  expect((await other.call('me')).passkeys).toEqual([])
  await world.lowerSessions(person)
  await expect(person.call('startPasskey'), 'a stolen password is not enough').rejects.toMatchObject(refusal('forbidden'))
  await expect(person.call('addPasskey', { body })).rejects.toMatchObject(refusal('forbidden'))
})

test('a challenge works once, for five minutes, and not for a sign-in when it was for an enrollment', async ({ world }) => {
  const person = await world.person('responder')
  const { passkey } = await enroll(world, person)
  const visitor = world.client()
  const started = async () => {
    const { challengeId, options } = await visitor('startPasskeySignIn')
    return { body: { challengeId, response: passkey.signIn(options) } }
  }
  const once = await started()
  await visitor('signInWithPasskey', once)
  await expect(visitor('signInWithPasskey', once), 'a second time').rejects.toMatchObject(refusal('invalid'))
  const late = await started()
  await world.advance({ minutes: 5 })
  await expect(visitor('signInWithPasskey', late), 'too late').rejects.toMatchObject(refusal('invalid'))
  const { challengeId, options } = await person.call('startPasskey')
  await expect(visitor('signInWithPasskey', { body: { challengeId, response: passkey.signIn(options) } }), 'of an enrollment').rejects.toMatchObject(
    refusal('invalid'),
  )
})

test('a sign-in that another origin asked for, one without user verification, one of another challenge, and an unknown passkey open nothing', async ({
  world,
}) => {
  const person = await world.person('responder')
  const { passkey } = await enroll(world, person)
  const visitor = world.client()
  const attempt = async (respond: (options: unknown) => Record<string, unknown>) => {
    const { challengeId, options } = await visitor('startPasskeySignIn')
    return visitor('signInWithPasskey', { body: { challengeId, response: respond(options) } })
  }
  const stranger = makePasskey(originOf(world))
  await expect(attempt(options => stranger.signIn(options))).rejects.toMatchObject(refusal('not-signed-in'))
  await expect(attempt(options => passkey.signIn(options, { isVerified: false }))).rejects.toMatchObject(refusal('invalid'))
  await expect(attempt(() => passkey.signIn({ challenge: 'AAAA' }))).rejects.toMatchObject(refusal('invalid'))
  // What the stranger signs, said to be of the passkey that is known.
  await expect(attempt(options => ({ ...stranger.signIn(options), id: passkey.signIn(options).id }))).rejects.toMatchObject({ problem: { status: 400 } })
  const { me } = await enroll(world, await world.person('responder'), makePasskey(originOf(world)))
  expect(me.sessions, 'nothing was started by any of them').toHaveLength(1)
  expect((await person.call('me')).sessions).toHaveLength(1)

  const administrator = await world.person('administrator')
  await administrator.call('changePerson', { params: { id: person.id }, body: { isActive: false } })
  await expect(
    attempt(options => passkey.signIn(options)),
    'who was deactivated',
  ).rejects.toMatchObject(refusal('not-signed-in'))
})

test('the same passkey is enrolled once, and a wrong answer enrolls none', async ({ world }) => {
  const person = await world.person('responder')
  const { passkey } = await enroll(world, person)
  const again = await person.call('startPasskey')
  await expect(
    person.call('addPasskey', { body: { challengeId: again.challengeId, name: 'Again', response: passkey.enroll(again.options) } }),
  ).rejects.toMatchObject(refusal('conflict'))
  const foreign = await person.call('startPasskey')
  const elsewhere = makePasskey('https://evil.example')
  await expect(
    person.call('addPasskey', { body: { challengeId: foreign.challengeId, name: 'Evil', response: elsewhere.enroll(foreign.options) } }),
  ).rejects.toMatchObject(refusal('invalid'))
  expect((await person.call('me')).passkeys).toMatchObject([{ name: 'Laptop' }])
})

test('a passkey confirms who is there: that of somebody else does not', async ({ world }) => {
  const person = await world.person('responder')
  const { passkey } = await enroll(world, person)
  const other = await enroll(world, await world.person('responder'), makePasskey(originOf(world)))
  const visitor = world.client()
  const answerOf = async (key: ReturnType<typeof makePasskey>) => {
    const { challengeId, options } = await visitor('startPasskeySignIn')
    return { body: { challengeId, response: key.signIn(options) } }
  }
  const reply = await visitor.raw('signInWithPasskey', await answerOf(passkey))
  const signedIn = world.client(reply.headers.getSetCookie()[0]?.split(';')[0])
  world.jump({ minutes: 11 })
  await expect(signedIn('startPasskey')).rejects.toMatchObject(refusal('reauthentication-required'))
  await expect(signedIn('reauthenticateWithPasskey', await answerOf(other.passkey))).rejects.toMatchObject(refusal('invalid', 'response'))
  await expect(signedIn('startPasskey')).rejects.toMatchObject(refusal('reauthentication-required'))
  await signedIn('reauthenticateWithPasskey', await answerOf(passkey))
  await signedIn('startPasskey')
})

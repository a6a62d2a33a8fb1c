import { codeAt } from './totp.ts'
import { linkIn, type Person, type World } from './world.ts'

export const password = 'correct horse battery staple'

/** Signs in with a password, in a browser of its own. */
export async function signIn(world: World, email: string, given = password) {
  const reply = await world.client().raw('signIn', { body: { email, password: given } })
  return world.client(reply.headers.getSetCookie()[0]?.split(';')[0])
}

/** Somebody who was invited and has chosen a password; `call` is their first session, which lacks a second factor. */
export async function joined(world: World) {
  const administrator = await world.person('administrator')
  await administrator.call('invite', { body: { email: 'kim@tocsin.test', name: 'Kim', role: 'responder' } })
  await world.settle()
  const token = linkIn(world.expectMail('kim@tocsin.test', /invite/), '/invite/')
  const reply = await world.client().raw('acceptInvitation', { body: { token, name: 'Kim', password } })
  return { administrator, call: world.client(reply.headers.getSetCookie()[0]?.split(';')[0]) }
}

/** The body with the code that an authenticator app shows so many steps of 30 seconds from now. */
export const codeOf = (world: World, secret: string, steps = 0) => ({ body: { code: codeAt(secret, Date.parse(world.now) + steps * 30_000) } })

/** The same with an authenticator app. */
export async function enrolled(world: World) {
  const { administrator, call } = await joined(world)
  const { secret } = await call('startTotp')
  const code = (steps = 0) => codeOf(world, secret, steps)
  const { person } = await call('confirmTotp', code())
  return { administrator, call, person, code }
}

/** The entries of one type, newest first. */
export const entriesOf = async ({ call }: Person, type: string) => (await call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)

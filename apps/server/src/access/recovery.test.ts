import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { codeOf, enrolled, entriesOf, password, signIn } from '../../test/accounts.ts'
import { makePasskey } from '../../test/passkey.ts'
import { refusal } from '../../test/refusal.ts'
import { linkIn, test, type World } from '../../test/world.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { recoverAdministrator } from './password-reset.ts'

const next = 'seven purple lighthouses'
const ask = (world: World, email = 'kim@tocsin.test') => world.client().raw('requestPasswordReset', { body: { email } })
/** The tokens in mails that nobody has looked at. */
const tokensIn = async (world: World) => {
  await world.settle()
  return world.takeMails().flatMap(mail => (mail.subject === 'Set a new password' ? [linkIn(mail, '/reset-password/')] : []))
}
const reset = (world: World, token = '', given = next) => world.client()('resetPassword', { body: { token, password: given } })

describe('a forgotten password', () => {
  test('is set anew by a link that works once: every session ends, the second factor is still asked for, and the person is told', async ({ world }) => {
    const { administrator, call, person, code } = await enrolled(world)
    world.jump({ minutes: 5 })
    await ask(world)
    const { rows } = await world.server.context.database.reader().db.execute(sql`select key from jobs where kind = 'access.password-reset'`)
    expect(rows, 'keys of jobs are logged').toEqual([{ key: expect.not.stringContaining('kim@') }])
    const [token] = await tokensIn(world)
    await expect(reset(world, token, 'passwordpassword'), 'an easy one does not use it up').rejects.toMatchObject(refusal('invalid', 'password'))
    await reset(world, token)
    await expect(call('me')).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(reset(world, token)).rejects.toMatchObject(refusal('forbidden'))
    await expect(signIn(world, 'kim@tocsin.test')).rejects.toMatchObject(refusal('not-signed-in'))
    const again = await signIn(world, 'kim@tocsin.test', next)
    expect(await again('me')).toMatchObject({ assurance: 'password', mustEnrol: false })
    expect((await again('giveOneTimeCode', code())).assurance).toBe('full')
    await world.settle()
    world.expectMail('kim@tocsin.test', /password of your Tocsin account was set anew/)
    expect(await entriesOf(administrator, 'password-reset.requested')).toMatchObject([{ subject: { id: person.id }, data: { address: '127.0.0.1' } }])
    expect(await entriesOf(administrator, 'password.reset')).toMatchObject([{ actor: { id: person.id }, data: { clearsSecondFactor: false } }])
    const log = JSON.stringify(await administrator.call('messageLog', {}))
    expect(log.includes('Set a new password') && !log.includes(token ?? ''), 'the message log has no link').toBe(true)
  })

  test('takes the newest use: of several links one works, for half an hour, three an hour are sent, and none to who is away', async ({ world }) => {
    const { administrator, person } = await enrolled(world)
    const tokens: string[] = []
    for (let n = 0; n < 4; n += 1) {
      await ask(world)
      tokens.push(...(await tokensIn(world)))
    }
    expect(tokens).toHaveLength(3)
    await reset(world, tokens[1])
    for (const token of tokens) await expect(reset(world, token)).rejects.toMatchObject(refusal('forbidden'))
    world.jump({ minutes: 61 })
    await ask(world)
    const [late] = await tokensIn(world)
    world.jump({ minutes: 30 })
    await expect(reset(world, late)).rejects.toMatchObject(refusal('forbidden'))
    await expect(reset(world, `${late}x`)).rejects.toMatchObject(refusal('forbidden'))
    world.jump({ minutes: 61 })
    await administrator.call('changePerson', { params: { id: person.id }, body: { isActive: false } })
    await expect(ask(world), 'and five requests a minute from one address').rejects.toMatchObject(refusal('too-many'))
  })

  test('is answered alike for every address, and nothing is sent to who has no account, is invited, or is deactivated', async ({ world }) => {
    const { administrator, person } = await enrolled(world)
    await administrator.call('invite', { body: { email: 'ben@tocsin.test', name: 'Ben', role: 'lead' } })
    const known = await ask(world)
    await administrator.call('changePerson', { params: { id: person.id }, body: { isActive: false } })
    const [token] = await tokensIn(world)
    await expect(reset(world, token), 'deactivated meanwhile').rejects.toMatchObject(refusal('forbidden'))
    const others = [await ask(world), await ask(world, 'ben@tocsin.test'), await ask(world, 'nobody@tocsin.test'), await ask(world, administrator.email)]
    for (const reply of others) expect([reply.status, await reply.text()]).toEqual([known.status, ''])
    expect(await tokensIn(world)).toEqual([])
  })
})

describe('recovery codes', () => {
  test('replace the second factor, each once, and end with new ones', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const first = await call('createRecoveryCodes')
    const { codes } = await call('createRecoveryCodes')
    expect(new Set([...codes, ...first.codes]).size).toBe(20)
    for (const code of codes) expect(code, '120 bits').toMatch(/^([2-9A-HJ-NP-Z]{4}-){5}[2-9A-HJ-NP-Z]{4}$/)
    const [code = ''] = codes
    const give = async (given: string) => (await signIn(world, 'kim@tocsin.test'))('giveRecoveryCode', { body: { code: given } })
    expect((await give(code.toLowerCase().replaceAll('-', ' '))).assurance).toBe('full')
    await expect(give(code), 'a second time').rejects.toMatchObject(refusal('invalid', 'code'))
    await expect(give(first.codes[0] ?? ''), 'of the earlier ones').rejects.toMatchObject(refusal('invalid', 'code'))
    expect((await call('me')).recoveryCodesLeft).toBe(9)
    await world.settle()
    world.expectMail('kim@tocsin.test', /recovery code was used .* 9 are left/)
    expect(await entriesOf(administrator, 'recovery-code.used')).toMatchObject([{ actor: { id: person.id }, data: { left: 9 } }])
    expect(await entriesOf(administrator, 'recovery-codes.created')).toHaveLength(2)
    expect(await entriesOf(administrator, 'one-time-code.refused'), 'wrong ones count as one-time codes do').toHaveLength(2)
    const stored = JSON.stringify(await entriesOf(administrator, 'recovery-codes.created'))
    expect(codes.some(each => stored.includes(each))).toBe(false)
  })
})

test('a second factor is removed by its owner, unless it is the last; other sessions end, and the person is told', async ({ world }) => {
  const { administrator, call, code } = await enrolled(world)
  await expect(call('removeTotp'), 'the only one').rejects.toMatchObject(refusal('conflict'))
  const passkey = makePasskey(world.server.context.messenger.origin)
  const { challengeId, options } = await call('startPasskey')
  const { passkeys } = await call('addPasskey', { body: { challengeId, name: 'Laptop', response: passkey.enroll(options) } })
  const params = { id: passkeys[0]?.id ?? '' }
  await expect(administrator.call('removePasskey', { params }), 'of somebody else').rejects.toMatchObject(refusal('not-found'))
  const other = await signIn(world, 'kim@tocsin.test')
  await call('removeTotp')
  await expect(other('me')).rejects.toMatchObject(refusal('not-signed-in'))
  await expect((await signIn(world, 'kim@tocsin.test'))('giveOneTimeCode', code())).rejects.toMatchObject(refusal('invalid', 'code'))
  await expect(call('removePasskey', { params }), 'now the only one').rejects.toMatchObject(refusal('conflict'))
  const { secret } = await call('startTotp')
  world.jump({ minutes: 1 })
  await call('confirmTotp', codeOf(world, secret))
  await call('removePasskey', { params })
  expect(await call('me')).toMatchObject({ passkeys: [], hasTotp: true })
  await world.settle()
  world.expectMail('kim@tocsin.test', /removed: the passkey Laptop/)
  expect(await entriesOf(administrator, 'second-factor.removed')).toMatchObject([{ data: { name: 'Laptop' } }, { data: { factor: 'authenticator app' } }])
})

test('an invitation that was withdrawn lets nobody in', async ({ world }) => {
  const administrator = await world.person('administrator')
  const { id, link } = await administrator.call('invite', { body: { email: 'eve@tocsin.test', name: 'Eve', role: 'administrator' } })
  await expect((await world.person('lead')).call('withdrawInvitation', { params: { id } })).rejects.toMatchObject(refusal('forbidden'))
  await administrator.call('withdrawInvitation', { params: { id } })
  const accept = { body: { token: link.split('/invite/')[1] ?? '', name: 'Eve', password } }
  await expect(world.client()('acceptInvitation', accept)).rejects.toMatchObject(refusal('forbidden'))
  await expect(administrator.call('withdrawInvitation', { params: { id } }), 'a second time').rejects.toMatchObject(refusal('not-found'))
  expect((await administrator.call('people')).invitations).toEqual([])
  expect(await entriesOf(administrator, 'invitation.withdrawn')).toMatchObject([{ data: { email: 'eve@tocsin.test' } }])
})

test('who is invited is put into a team at once, invited again with another role, and leaves the team when the invitation is withdrawn', async ({ world }) => {
  const administrator = await world.person('administrator')
  const invite = (role: 'responder' | 'administrator') => administrator.call('invite', { body: { email: 'eve@tocsin.test', name: 'Eve', role } })
  const eve = async () => (await administrator.call('people')).people.find(({ email }) => email === 'eve@tocsin.test')
  await invite('administrator')
  await expect(
    administrator.call('changePerson', { params: { id: administrator.id }, body: { role: 'lead' } }),
    'an administrator who has not accepted cannot help anybody',
  ).rejects.toThrow(/only administrator/)
  const { id, link } = await invite('responder')
  expect(await eve()).toMatchObject({ hasJoined: false, role: 'responder', isActive: true })
  const memberIds = [(await eve())?.id ?? '']
  const team = await administrator.call('saveTeam', { body: { name: 'Response', kind: 'security', memberIds } })
  expect(team.members).toMatchObject([{ name: 'Eve' }])
  await administrator.call('withdrawInvitation', { params: { id } })
  expect(await eve()).toMatchObject({ isActive: false })
  expect((await administrator.call('teams')).find(({ name }) => name === 'Response')?.members).toEqual([])
  const accept = (token: string) => world.client()('acceptInvitation', { body: { token: token.split('/invite/')[1] ?? '', name: 'Eve', password } })
  await expect(accept(link)).rejects.toMatchObject(refusal('forbidden'))
  const again = await invite('responder')
  expect(await eve(), 'the same account').toMatchObject({ id: memberIds[0], isActive: true })
  await accept(again.link)
  expect(await eve()).toMatchObject({ id: memberIds[0], hasJoined: true, role: 'responder' })
  await expect(invite('responder')).rejects.toThrow(/already has an account/)
})

test('who is deactivated before they accept gets in by no invitation', async ({ world }) => {
  const administrator = await world.person('administrator')
  const { link } = await administrator.call('invite', { body: { email: 'eve@tocsin.test', name: 'Eve', role: 'lead' } })
  const id = (await administrator.call('people')).people.find(({ email }) => email === 'eve@tocsin.test')?.id ?? ''
  await administrator.call('changePerson', { params: { id }, body: { isActive: false } })
  await administrator.call('changePerson', { params: { id }, body: { isActive: true } })
  const accept = { body: { token: link.split('/invite/')[1] ?? '', name: 'Eve', password } }
  await expect(world.client()('acceptInvitation', accept)).rejects.toMatchObject(refusal('forbidden'))
})

test('an administrator who lost everything is let in again by a link that is made on the server, on record, and all administrators are paged', async ({
  world,
}) => {
  const { administrator, person } = await enrolled(world)
  const recover = (email: string) => world.server.context.database.transaction(tx => recoverAdministrator(tx, world.server.context, email))
  for (const email of ['kim@tocsin.test', 'nobody@tocsin.test']) await expect(recover(email), 'of no administrator').rejects.toThrow(ConfigProblem)
  await administrator.call('changePerson', { params: { id: person.id }, body: { role: 'administrator' } })
  const older = await recover('Kim@Tocsin.test')
  const link = await recover('kim@tocsin.test')
  const tokenOf = (url: string) => url.split('/reset-password/')[1]
  await expect(reset(world, tokenOf(older)), 'a newer one ends it').rejects.toMatchObject(refusal('forbidden'))
  await reset(world, tokenOf(link))
  expect(await (await signIn(world, 'kim@tocsin.test', next))('me')).toMatchObject({ assurance: 'password', mustEnrol: true })
  await world.settle()
  expect(administrator.expectPage(/being recovered/).text).toContain('--recover-administrator kim@tocsin.test')
  expect(await entriesOf(administrator, 'account-recovery.started')).toHaveLength(2)
  expect(await entriesOf(administrator, 'password.reset')).toMatchObject([{ data: { clearsSecondFactor: true } }])
  const late = tokenOf(await recover('kim@tocsin.test'))
  world.jump({ minutes: 30 })
  await expect(reset(world, late)).rejects.toMatchObject(refusal('forbidden'))
})

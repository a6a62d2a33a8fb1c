import { type Route, type RouteName, routes } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { codeOf, enrolled, entriesOf, joined, password, signIn } from '../../test/accounts.ts'
import { freePort } from '../../test/alertmanager.ts'
import { refusal } from '../../test/refusal.ts'
import { buildWorld, linkIn, test, type World } from '../../test/world.ts'
import { addDays } from '../kernel/clock.ts'
import { secretDigest } from '../kernel/secrets.ts'
import { withMac } from './session-mac.ts'
import { giveOneTimeCode } from './sessions.ts'
import { sessions } from './tables.ts'

const sessionsOf = (world: World, { id }: { id: string }) => world.server.context.database.reader().db.select().from(sessions).where(eq(sessions.personId, id))

describe('a session', () => {
  test('starts with a cookie for seven days that no script can read, is on record, and removes those that have expired', async ({ world }) => {
    const { administrator, person } = await enrolled(world)
    const reply = await world.client().raw('signIn', { body: { email: 'kim@tocsin.test', password } })
    const [cookie = '', ...attributes] = reply.headers.getSetCookie()[0]?.split('; ') ?? []
    expect(cookie, 'at least 256 random bits').toMatch(/^tocsin_session=[\w-]{43,}$/)
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=604800', 'Path=/', 'SameSite=Lax'])
    const { sessions: listed } = await world.client(cookie)('me')
    const started = listed.find(session => session.isThisOne)
    expect(started).toMatchObject({ createdAt: world.now, lastSeenAt: world.now })
    const [entry] = await entriesOf(administrator, 'session.started')
    expect(entry).toMatchObject({
      ...{ actor: { kind: 'person', id: person.id }, subject: { kind: 'person', id: person.id } },
      data: { sessionId: started?.id, assurance: 'password', ip: '127.0.0.1' },
    })
    expect(await sessionsOf(world, person)).toHaveLength(2)
    world.jump({ days: 7, seconds: 1 })
    await signIn(world, 'kim@tocsin.test')
    expect(await sessionsOf(world, person)).toHaveLength(1)
  })

  test('gets a new token when it rises: whoever knows the one from before the second factor has nothing', async ({ world }) => {
    const { code } = await enrolled(world)
    world.jump({ hours: 1 })
    const half = await world.client().raw('signIn', { body: { email: 'kim@tocsin.test', password } })
    const known = half.headers.getSetCookie()[0]?.split(';')[0]
    world.jump({ hours: 1 })
    const reply = await world.client(known).raw('giveOneTimeCode', code())
    const [renewed = '', ...attributes] = reply.headers.getSetCookie()[0]?.split('; ') ?? []
    expect(renewed).toMatch(/^tocsin_session=[\w-]{43,}$/)
    expect(attributes.sort(), 'as long as before').toEqual(['HttpOnly', `Max-Age=${7 * 86_400 - 3_600}`, 'Path=/', 'SameSite=Lax'])
    expect((await world.client(renewed)('me')).assurance).toBe('full')
    await expect(world.client(known)('me')).rejects.toMatchObject(refusal('not-signed-in'))
  })

  test('that somebody writes into the database opens nothing, nor does one that is raised, handed over or prolonged there', async ({ world }) => {
    const { call, person } = await enrolled(world)
    const { id: administrator } = await world.person('administrator')
    const columns = 'person_id, assurance, device, created_at, last_seen_at, expires_at'
    const copy = (id: number, token: string, mac: string) =>
      `insert into sessions (id, token_digest, mac, ${columns})
       select '0193b5a0-0000-7000-8000-00000000000${id}', '${secretDigest(token)}', ${mac}, ${columns} from sessions
       where person_id = '${administrator}' and device = 'test' and token_digest not like '${secretDigest('forged')}'`
    await world.asOwner(copy(1, 'forged', `''`), copy(2, 'copied', 'mac'))
    for (const token of ['forged', 'copied']) await expect(world.client(`tocsin_session=${token}`)('me'), token).rejects.toMatchObject(refusal('not-signed-in'))
    for (const change of [`assurance = 'full'`, `person_id = '${administrator}'`, `expires_at = expires_at + interval '1 year'`]) {
      const half = await signIn(world, 'kim@tocsin.test')
      await half('me')
      await world.asOwner(`update sessions set ${change} where person_id = '${person.id}' and assurance = 'password'`)
      await expect(half('me'), change).rejects.toMatchObject(refusal('not-signed-in'))
    }
    expect((await call('me')).assurance, 'others go on').toBe('full')
  })

  test('ends after seven days to the second, however much it is used, and opens nothing from then on', async ({ world }) => {
    const { call } = await enrolled(world)
    for (let hours = 0; hours < 7 * 24 - 11; hours += 11) {
      world.jump({ hours: 11 })
      await call('me')
    }
    world.jump({ hours: 2, minutes: 59, seconds: 59 })
    expect((await call('people')).people.length).toBeGreaterThan(0)
    world.jump({ seconds: 1 })
    await expect(call('me')).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(call('people')).rejects.toMatchObject(refusal('not-signed-in'))
  })

  test('ends after twelve hours without use, and no stream that a page keeps open counts as use', async ({ world }) => {
    const { call, person } = await enrolled(world)
    world.jump({ hours: 11, minutes: 59 })
    await call('me')
    world.jump({ hours: 11, minutes: 59 })
    await (await call.raw('liveEvents')).body?.cancel()
    world.jump({ minutes: 1 })
    await expect(call('me')).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(call.raw('liveEvents')).rejects.toMatchObject(refusal('not-signed-in'))
    await signIn(world, 'kim@tocsin.test')
    expect(await sessionsOf(world, person), 'it is gone').toHaveLength(1)
  })

  test('is, under https, in a cookie that no other host of the domain can set; how long it lasts is a setting', async () => {
    const port = String(await freePort())
    const origin = 'https://tocsin.test'
    const { world, end } = await buildWorld({
      env: { PORT: port, TOCSIN_PUBLIC_URL: origin, TOCSIN_SESSION_DAYS: '2', TOCSIN_SESSION_IDLE_HOURS: '1' },
    })
    const ask = (path: string, cookie: string, body?: object) =>
      fetch(`http://127.0.0.1:${port}/api/v1/${path}`, {
        headers: { cookie, origin, 'content-type': 'application/json' },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      })
    const status = async (cookie: string) => (await ask('me', cookie)).status
    try {
      const { cookie: plain } = await world.person('administrator')
      expect(await status(plain), 'the plain name, which others could set, is not read').toBe(401)
      const invited = await ask('invitations', `__Host-${plain}`, { email: 'kim@tocsin.test', name: 'Kim', role: 'responder' })
      const { link } = (await invited.json()) as { link: string }
      const reply = await ask('invitations/accept', '', { token: link.split('/invite/')[1], name: 'Kim', password })
      const [cookie = '', ...attributes] = reply.headers.getSetCookie()[0]?.split('; ') ?? []
      expect(cookie).toMatch(/^__Host-tocsin_session=[\w-]{43,}$/)
      expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=172800', 'Path=/', 'SameSite=Lax', 'Secure'])
      expect(await status(cookie)).toBe(200)
      world.jump({ hours: 1 })
      expect(await status(cookie)).toBe(401)
    } finally {
      await end()
    }
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

describe('a one-time code', () => {
  test('is good for its 30 seconds and those beside them, once, and not after a later one', async ({ world }) => {
    const { administrator, call, code } = await enrolled(world)
    await world.advance({ minutes: 5 })
    const give = (given: ReturnType<typeof code>) => call('giveOneTimeCode', given)
    const refused = refusal('invalid', 'code')
    await expect(give(code(-2)), 'too old').rejects.toMatchObject(refused)
    await expect(give(code(2)), 'too early').rejects.toMatchObject(refused)
    await give(code(-1))
    const current = code()
    await give(current)
    await expect(give(current), 'a second time').rejects.toMatchObject(refused)
    world.jump({ seconds: 29 })
    await expect(give(current), 'a second time in its last second').rejects.toMatchObject(refused)
    world.jump({ seconds: 30 })
    await expect(give(current), 'a second time in the 30 seconds after its own').rejects.toMatchObject(refused)
    await give(code(1))
    await expect(give(code()), 'after a later one').rejects.toMatchObject(refused)
    expect(await entriesOf(administrator, 'one-time-code.refused')).toHaveLength(6)
  })

  test('that is right starts the count of wrong ones anew: the fifth in a row ends the session', async ({ world }) => {
    const { call, code } = await enrolled(world)
    await world.advance({ minutes: 5 })
    const giveWrong = async (times: number) => {
      for (let n = 0; n < times; n += 1) await expect(call('giveOneTimeCode', code(10))).rejects.toMatchObject(refusal('invalid', 'code'))
    }
    await giveWrong(4)
    await call('giveOneTimeCode', code())
    await giveWrong(4)
    expect((await call('me')).assurance).toBe('full')
    await giveWrong(1)
    await expect(call('me')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

describe('wrong one-time codes of a person', () => {
  /** A thief who knows the password gives `count` wrong codes at once, in as many sessions as that takes; past the limit of requests. */
  async function guess(world: World, person: { id: string }, count: number, { body }: ReturnType<typeof codeOf>) {
    while ((await sessionsOf(world, person)).length <= count / 4) await signIn(world, 'kim@tocsin.test')
    const open = (await sessionsOf(world, person)).filter(({ assurance }) => assurance === 'password')
    const caller = { actor: { kind: 'person', id: person.id, name: 'Kim' }, personId: person.id, role: 'responder', needToKnow: 'own' } as const
    const connection = { ip: '127.0.0.1', userAgent: '', cookie: () => undefined, setCookie() {}, clearCookie() {}, onClose() {} }
    return Promise.allSettled(
      [...Array(count)].map((_, n) =>
        giveOneTimeCode(world.server.context, connection, { ...caller, sessionId: open[n % open.length]?.id ?? null }, body.code),
      ),
    )
  }

  test('are counted in all sessions and before they are tried: after ten, codes pause longer each time, and the person and administrators are told', async ({
    world,
  }) => {
    const { administrator, person, code } = await enrolled(world)
    await world.advance({ minutes: 5 })
    await guess(world, person, 24, code(10))
    expect(await entriesOf(administrator, 'one-time-code.refused'), 'tried').toHaveLength(10)
    await world.settle()
    expect(world.expectMail('kim@tocsin.test', /wrong one-time codes/i).text).toContain('10 wrong one-time codes')
    expect(administrator.expectPage(/wrong one-time codes/i).text).toContain('Kim')

    const locked = refusal('too-many')
    const kim = await signIn(world, 'kim@tocsin.test')
    await expect(kim('giveOneTimeCode', code()), 'even the right one').rejects.toMatchObject(locked)
    world.jump({ seconds: 60 })
    await expect(kim('giveOneTimeCode', code(10)), 'one more after a minute').rejects.toMatchObject(refusal('invalid', 'code'))
    world.jump({ seconds: 119 })
    await expect(kim('giveOneTimeCode', code()), 'then two minutes').rejects.toMatchObject(locked)
    world.jump({ seconds: 1 })
    expect((await kim('giveOneTimeCode', code())).assurance).toBe('full')
    expect(await entriesOf(administrator, 'one-time-code.locked')).toMatchObject([
      { data: { wrongCodes: 11 }, subject: { id: person.id } },
      { data: { wrongCodes: 10 }, subject: { id: person.id } },
    ])
    await world.settle()
    expect(
      world.mail.mails.filter(({ to, subject }) => to === 'kim@tocsin.test' && /wrong one-time/i.test(subject)),
      'told once',
    ).toHaveLength(1)
    const [page] = (await administrator.call('pages', {})).items
    expect(page).toMatchObject({ state: 'resolved' })

    world.jump({ minutes: 5 })
    const again = await signIn(world, 'kim@tocsin.test')
    await expect(again('giveOneTimeCode', code(10)), 'the count starts anew').rejects.toMatchObject(refusal('invalid', 'code'))
    expect((await again('giveOneTimeCode', code())).assurance).toBe('full')
  })
})

describe('an authenticator app', () => {
  test('opens nothing before its first right code, is enrolled once, and not with half a session of who has a factor', async ({ world }) => {
    const { administrator, call } = await joined(world)
    const guess = { body: { code: '123456' } }
    await expect(call('confirmTotp', guess), 'nothing to confirm').rejects.toMatchObject(refusal('conflict'))
    await expect(call('giveOneTimeCode', guess), 'no app').rejects.toMatchObject(refusal('invalid', 'code'))
    const { secret, uri } = await call('startTotp')
    expect(secret, '160 bits (RFC 4226, section 4, R6) in base32').toMatch(/^[A-Z2-7]{32}$/)
    expect(uri).toMatch(new RegExp(`^otpauth://totp/Tocsin:kim%40tocsin\\.test\\?.*secret=${secret}`))
    await expect(call('giveOneTimeCode', codeOf(world, secret)), 'not confirmed').rejects.toMatchObject(refusal('invalid', 'code'))
    await expect(call('confirmTotp', codeOf(world, secret, 10)), 'a wrong code').rejects.toMatchObject(refusal('invalid', 'code'))
    expect(await call('me')).toMatchObject({ assurance: 'password', mustEnrol: true, hasTotp: false })
    expect(await call('confirmTotp', codeOf(world, secret))).toMatchObject({ assurance: 'full', mustEnrol: false, hasTotp: true })

    await world.advance({ seconds: 30 })
    await expect(call('startTotp'), 'a second app').rejects.toMatchObject(refusal('conflict'))
    await expect(call('confirmTotp', codeOf(world, secret)), 'a second time').rejects.toMatchObject(refusal('conflict'))
    const halfOpen = await signIn(world, 'kim@tocsin.test')
    await expect(halfOpen('startTotp')).rejects.toMatchObject(refusal('forbidden'))
    await expect(halfOpen('confirmTotp', codeOf(world, secret))).rejects.toMatchObject(refusal('forbidden'))
    expect((await halfOpen('giveOneTimeCode', codeOf(world, secret))).assurance, 'the app works on').toBe('full')
    expect(await entriesOf(administrator, 'second-factor.enrolled')).toMatchObject([{ data: { factor: 'authenticator app' } }])
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

  test('takes both factors: a stolen password ends only its own session, and signing out clears what the browser keeps', async ({ world }) => {
    const { call } = await enrolled(world)
    const [own] = (await call('me')).sessions
    const thief = await signIn(world, 'kim@tocsin.test')
    await expect(thief('endSession', { params: { id: own?.id ?? '' } })).rejects.toMatchObject(refusal('forbidden'))
    expect((await call('me')).sessions).toHaveLength(2)
    const reply = await thief.raw('signOut')
    expect(reply.headers.get('clear-site-data')).toBe('"cache", "cookies"')
    expect((await call('me')).sessions).toHaveLength(1)
  })

  test('can be all others at once', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const others = [await signIn(world, 'kim@tocsin.test'), await signIn(world, 'kim@tocsin.test')]
    await call('endOtherSessions')
    for (const other of others) await expect(other('me')).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await call('me')).sessions).toMatchObject([{ isThisOne: true }])
    expect(await entriesOf(administrator, 'sessions.ended')).toMatchObject([{ actor: { id: person.id }, data: { sessions: 2 } }])
  })

  test('of others is for administrators, who see them and end one or all', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const half = await signIn(world, 'kim@tocsin.test')
    const params = { id: person.id }
    const listed = await administrator.call('sessionsOfPerson', { params })
    expect(listed).toMatchObject([{ isThisOne: false }, { isThisOne: false }])
    const lead = await world.person('lead')
    await expect(lead.call('sessionsOfPerson', { params })).rejects.toMatchObject(refusal('forbidden'))
    await expect(lead.call('endSessionsOfPerson', { params })).rejects.toMatchObject(refusal('forbidden'))
    const theirs = { params: { id: administrator.id, sessionId: listed[0]?.id ?? '' } }
    await administrator.call('endSessionOfPerson', theirs)
    expect((await call('me')).sessions, 'it is of another person').toHaveLength(2)
    await administrator.call('endSessionOfPerson', { params: { ...params, sessionId: listed[1]?.id ?? '' } })
    await expect(half('me')).rejects.toMatchObject(refusal('not-signed-in'))
    await signIn(world, 'kim@tocsin.test')
    await administrator.call('endSessionsOfPerson', { params })
    await expect(call('me')).rejects.toMatchObject(refusal('not-signed-in'))
    expect(await administrator.call('sessionsOfPerson', { params })).toEqual([])
    await administrator.call('endSessionsOfPerson', { params: { id: administrator.id } })
    await administrator.call('me')
    expect(await entriesOf(administrator, 'session.ended')).toMatchObject([{ subject: { id: person.id }, data: { sessionId: listed[1]?.id } }])
    expect(await entriesOf(administrator, 'sessions.ended')).toMatchObject([
      { actor: { id: administrator.id }, subject: { id: person.id }, data: { sessions: 2 } },
    ])
  })

  test('reaches nobody else, and needs a session', async ({ world }) => {
    const { call } = await enrolled(world)
    const [own] = (await call('me')).sessions
    const administrator = await world.person('administrator')
    await administrator.call('endSession', { params: { id: own?.id ?? '' } })
    expect((await call('me')).sessions, 'administrators end it elsewhere').toHaveLength(1)
    expect(await entriesOf(administrator, 'session.ended'), 'nothing ended').toEqual([])
    await expect(world.client()('endSession', { params: { id: own?.id ?? '' } })).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(call('endSession', { params: { id: 'this-one' } })).rejects.toMatchObject(refusal('invalid', 'id'))
  })
})

describe('what changes who can sign in', () => {
  const guarded = (Object.entries(routes) as [RouteName, Route][]).filter(([, route]) => route.needsRecentFactor)

  test('is guarded, whichever route it is', () => {
    const isAboutAccounts = /me\/(sessions|totp|passkeys|password|recovery-codes|contact-methods)|\/people\/|api-keys|invitations|organization\/apply/
    const open = (Object.entries(routes) as [RouteName, Route][]).filter(
      ([, { method, path, access, needsRecentFactor }]) => method !== 'GET' && access.kind !== 'public' && isAboutAccounts.test(path) && !needsRecentFactor,
    )
    // A code must be given, which went to an address that was added with a recent factor.
    expect(open.map(([name]) => name)).toEqual(['verifyContactMethod', 'sendContactCode'])
  })

  test('takes a factor given within ten minutes: a session that was left open changes nothing, until the password is given again', async ({ world }) => {
    const { administrator, person } = await enrolled(world)
    await administrator.call('changePerson', { params: { id: person.id }, body: { role: 'administrator' } })
    const half = await world.client().raw('signIn', { body: { email: 'kim@tocsin.test', password } })
    const left = world.client(half.headers.getSetCookie()[0]?.split(';')[0])
    world.jump({ minutes: 10, seconds: 1 })
    for (const [name] of guarded.filter(([, { access }]) => access.kind === 'signed-in'))
      await expect(left.raw(name, { body: {}, params: { id: person.id } }), `${name}, before the second factor`).rejects.toMatchObject(
        refusal('reauthentication-required'),
      )
    await world.server.context.database.transaction(async tx => {
      for (const row of await tx.db.select().from(sessions).where(eq(sessions.personId, person.id)))
        await tx.db
          .update(sessions)
          .set(withMac(world.server.context.secrets, { ...row, assurance: 'full' }))
          .where(eq(sessions.id, row.id))
    })
    const params = { id: person.id, sessionId: person.id }
    for (const [name] of guarded) await expect(left.raw(name, { body: {}, params }), name).rejects.toMatchObject(refusal('reauthentication-required'))
    expect((await left('people')).people.length, 'all else goes on').toBeGreaterThan(0)
    await world.asOwner(`update sessions set verified_at = verified_at + interval '1 hour' where person_id = '${administrator.id}'`)
    await expect(administrator.call('me'), 'nobody writes it into the database').rejects.toMatchObject(refusal('not-signed-in'))

    const give = (given: string) => left('reauthenticate', { body: { password: given } })
    for (let n = 0; n < 5; n += 1) await expect(give('wrong wrong wrong')).rejects.toMatchObject(refusal('invalid', 'password'))
    await expect(give(password), 'wrong ones count as at sign-in').rejects.toMatchObject(refusal('invalid', 'password'))
    world.jump({ seconds: 2 })
    await give(password)
    await left('endOtherSessions')
    world.jump({ minutes: 10 })
    await left('endOtherSessions')
    world.jump({ seconds: 1 })
    await expect(left('endOtherSessions')).rejects.toMatchObject(refusal('reauthentication-required'))
    const reader = await world.person('administrator')
    expect(await entriesOf(reader, 'session.confirmed')).toMatchObject([{ actor: { id: person.id }, data: { factor: 'password', address: '127.0.0.1' } }])
    expect(await entriesOf(reader, 'sign-in.refused')).toMatchObject(Array(5).fill({ data: { during: 're-authentication' } }))
  })
})

describe('changing the password', () => {
  test('makes the new one good and the old one not, ends every other session, and is on record without it', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const other = await signIn(world, 'kim@tocsin.test')
    const next = 'a much better staple'
    await world.client()('requestPasswordReset', { body: { email: 'kim@tocsin.test' } })
    await world.settle()
    const token = linkIn(world.expectMail('kim@tocsin.test', /Set a new password/), '/reset-password/')
    expect(world.expectMail('kim@tocsin.test', /account was changed/).text).toContain('an authenticator app was added')
    await call('changePassword', { body: { current: password, next } })
    await world.settle()
    expect(world.expectMail('kim@tocsin.test', /account was changed/).text).toContain('the password of your Tocsin account was changed')
    await expect(world.client()('resetPassword', { body: { token, password: 'yet another good staple' } })).rejects.toMatchObject(refusal('forbidden'))
    await expect(other('me')).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await call('me')).sessions).toMatchObject([{ isThisOne: true }])
    await expect(signIn(world, 'kim@tocsin.test')).rejects.toMatchObject(refusal('not-signed-in'))
    await (await signIn(world, 'kim@tocsin.test', next))('me')
    const entry = (await administrator.call('journal', {})).items.find(({ type }) => type === 'password.changed')
    expect(entry).toMatchObject({ subject: { kind: 'person', id: person.id } })
    expect(JSON.stringify(entry)).not.toContain(next)
  })

  test('needs the current one, a long new one, and a session with both factors; where it is refused nothing changes', async ({ world }) => {
    const { administrator, call, person } = await enrolled(world)
    const next = 'a much better staple'
    for (let n = 0; n < 5; n += 1)
      await expect(call('changePassword', { body: { current: 'wrong wrong wrong', next } })).rejects.toMatchObject(refusal('invalid', 'current'))
    await expect(call('changePassword', { body: { current: password, next } }), 'locked').rejects.toMatchObject(refusal('invalid', 'current'))
    expect(await entriesOf(administrator, 'sign-in.refused'), 'on record').toMatchObject(
      Array(5).fill({ actor: { id: person.id }, data: { during: 'password change', address: '127.0.0.1' } }),
    )
    world.jump({ seconds: 2 })
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
    const expected = {
      id: key.id,
      name: 'CI',
      role: 'administrator',
      seesRestricted: false,
      networks: [],
      expiresAt: addDays(world.now, 365),
      scopes: ['alerts:read', 'alerts:write'],
      createdBy: administrator.name,
      createdAt: world.now,
    }
    expect(await administrator.call('apiKeys')).toEqual([{ ...expected, lastUsedAt: null, lastUsedFrom: null, revokedAt: null }])
    await world.advance({ minutes: 5 })
    await fetch(`${world.origin}/api/v1/alerts`, { headers: { authorization: `Bearer ${secret}` } })
    const usedAt = world.now
    await world.advance({ minutes: 5 })
    await administrator.call('revokeApiKey', { params: { id: key.id } })
    const reply = await administrator.call.raw('apiKeys')
    const text = await reply.text()
    expect(JSON.parse(text)).toEqual([{ ...expected, lastUsedAt: usedAt, lastUsedFrom: '127.0.0.1', revokedAt: world.now }])
    expect(text).not.toContain(secret.slice(`tok_${key.id}_`.length))
  })

  test('is for administrators', async ({ world }) => {
    const lead = await world.person('lead')
    await expect(lead.call('apiKeys')).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('apiKeys')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

import { describe, expect } from 'vitest'
import { codeAt } from '../../test/totp.ts'
import { type Call, linkIn, test, type World } from '../../test/world.ts'
import { addPerson, setupToken } from './accounts.ts'
import { PasswordAttempts } from './password-attempts.ts'

const password = 'correct horse battery staple'

/** A browser that keeps its cookie. */
function browser(world: World): { call: Call; cookie: () => string } {
  let cookie = ''
  const base = world.client()
  const send = async (name: Parameters<Call['raw']>[0], input?: object) => {
    const reply = await (cookie === '' ? base : world.client(cookie)).raw(name, input)
    cookie = reply.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    return reply
  }
  const call = Object.assign(
    async (name: never, input?: object) => {
      const reply = await send(name, input)
      return reply.status === 204 ? undefined : reply.json()
    },
    { raw: send },
  )
  // biome-ignore lint/plugin: what it does for any route is what the client's type says of each
  return { call: call as unknown as Call, cookie: () => cookie }
}

/** An administrator of the demo, behind whom nobody is. */
const addDemoAdministrator = (world: World) =>
  world.server.context.database.transaction(tx =>
    addPerson(tx, { name: 'Demo', email: 'demo@tocsin.test', role: 'administrator', passwordHash: null, isDemo: true }),
  )

const codeOf = (secret: string, world: World) => codeAt(secret, Date.parse(world.now))

describe('the first administrator', () => {
  test('is made with the one-time link, gives a second factor, and signs in again', async ({ world }) => {
    await addDemoAdministrator(world)
    const token = setupToken(world.server.context.secrets)
    const visitor = browser(world)
    const setup = { token, organization: 'Bright Ledger', name: 'Ada', email: 'Ada@Tocsin.test', password }
    await expect(visitor.call('setUp', { body: { ...setup, token: 'first-administrator.wrong' } })).rejects.toThrow(/is invalid/)
    await expect(visitor.call('setUp', { body: { ...setup, password: 'short' } })).rejects.toThrow(/at least 12 characters/)
    const me = await visitor.call('setUp', { body: setup })
    expect(me).toMatchObject({ assurance: 'password', mustEnrol: true, person: { role: 'administrator', email: 'ada@tocsin.test' } })
    await expect(visitor.call('people')).rejects.toThrow(/second factor/)
    await expect(browser(world).call('setUp', { body: setup })).rejects.toThrow(/already used/)

    const { secret } = await visitor.call('startTotp')
    await expect(visitor.call('confirmTotp', { body: { code: '000000' } })).rejects.toThrow(/not the current code/)
    expect((await visitor.call('confirmTotp', { body: { code: codeOf(secret, world) } })).assurance).toBe('full')
    expect((await visitor.call('people')).people.map(({ email, isDemo }) => [email, isDemo])).toEqual([
      ['ada@tocsin.test', false],
      ['demo@tocsin.test', true],
    ])

    const again = browser(world)
    expect((await again.call('signIn', { body: { email: 'ada@tocsin.test', password } })).assurance).toBe('password')
    await expect(again.call('giveOneTimeCode', { body: { code: codeOf(secret, world) } }), 'a code works once').rejects.toThrow(/not the current code/)
    await world.advance({ seconds: 30 })
    const code = codeOf(secret, world)
    const asShown = ` ${code.slice(0, 3)} ${code.slice(3)}\n`
    expect((await again.call('giveOneTimeCode', { body: { code: asShown } })).assurance).toBe('full')
    await again.call('signOut')
    await expect(again.call('me')).rejects.toThrow(/Sign in/)
  })
})

describe('an invitation', () => {
  test('ends with the next one to the same address: an older one gives no role any more', async ({ world }) => {
    const admin = await world.person('administrator')
    const invite = (email: string, role: 'administrator' | 'observer') => admin.call('invite', { body: { email, name: 'Eve', role } })
    const older = await invite('eve@tocsin.test', 'administrator')
    const other = await invite('mallory@tocsin.test', 'observer')
    const newer = await invite('Eve@tocsin.test', 'observer')
    const accept = (link: string) =>
      browser(world).call('acceptInvitation', { body: { token: link.split('/invite/')[1] ?? '', name: 'Eve', password } }) as Promise<unknown>
    expect((await admin.call('people')).invitations.map(({ id }) => id)).toEqual([other.id, newer.id])
    await expect(accept(older.link)).rejects.toThrow(/invitation is invalid/)
    expect(await accept(newer.link)).toMatchObject({ person: { email: 'eve@tocsin.test', role: 'observer' } })
    expect(await accept(other.link)).toMatchObject({ person: { email: 'mallory@tocsin.test' } })
  })

  test('ends with the right of who sent it: no administrator who leaves, or steps down, comes back by one', async ({ world }) => {
    const [admin, staying] = [await world.person('administrator'), await world.person('administrator')]
    const invite = async (who: typeof admin, name: string) =>
      (await who.call('invite', { body: { email: `${name}@tocsin.test`, name, role: 'administrator' } })).link.split('/invite/')[1] ?? ''
    const change = (id: string, body: { isActive?: boolean; role?: 'administrator' | 'lead' }) => admin.call('changePerson', { params: { id }, body })
    const other = await invite(staying, 'other')
    const tokens = []
    for (const [n, body] of [{ isActive: false }, { role: 'lead' } as const].entries()) {
      const leaving = await world.person('administrator')
      tokens.push(await invite(leaving, `back${n}`))
      await change(leaving.id, body)
      await change(leaving.id, { isActive: true, role: 'administrator' })
    }
    for (const token of tokens)
      await expect(browser(world).call('acceptInvitation', { body: { token, name: 'Eve', password } })).rejects.toThrow(/invitation is invalid/)
    expect((await admin.call('journal', {})).items.filter(({ type }) => type === 'invitation.withdrawn')).toMatchObject([
      { actor: { id: admin.id }, data: { email: 'back1@tocsin.test' } },
      { actor: { id: admin.id }, data: { email: 'back0@tocsin.test' } },
    ])
    expect(await browser(world).call('acceptInvitation', { body: { token: other, name: 'Ben', password } })).toMatchObject({ person: { name: 'Ben' } })
  })
})

test('whose account an administrator changes is told by email what was changed, by whom, and nothing of the reason', async ({ world }) => {
  const [admin, person] = [await world.person('administrator', 'Ada'), await world.person('responder')]
  const change = async (body: object) => {
    await admin.call('changePerson', { params: { id: person.id }, body: { ...body, reason: 'suspected insider' } })
    await world.settle()
    return world.takeMails().map(({ to, subject, text }) => ({ to, subject, text }))
  }
  const told = (text: string) => [
    { to: person.email, subject: 'Your Tocsin account was changed', text: expect.stringContaining(`Ada changed your Tocsin account: ${text}.`) },
  ]
  expect(await change({ resetSecondFactor: true })).toEqual(told('your second factors were removed: the next sign-in by password sets up a new one'))
  expect(await change({ role: 'lead' })).toEqual(told('your role was changed from responder to lead'))
  expect(await change({ role: 'observer', isActive: false })).toEqual(told('your role was changed from lead to observer; your account was deactivated'))
  expect(await change({ isActive: true })).toEqual(told('your account was reactivated'))
  expect(await change({ role: 'observer', isActive: true }), 'nothing was changed').toEqual([])
  expect(JSON.stringify((await admin.call('messageLog', {})).items)).not.toContain('insider')
})

test('a new password that is easy to guess is refused wherever one is set, with the words of the organization and of the person', async ({ world }) => {
  const visitor = browser(world)
  const setup = { token: setupToken(world.server.context.secrets), organization: 'Bright Ledger', name: 'Ada Lovelace', email: 'countess@tocsin.test' }
  for (const weak of ['passwordpassword', 'BrightLedger2026', 'Countess-Lovelace'])
    await expect(visitor.call('setUp', { body: { ...setup, password: weak } }), weak).rejects.toThrow(/^password: is easy to guess/)
  const me = await visitor.call('setUp', { body: { ...setup, password } })
  const { secret } = await visitor.call('startTotp')
  await visitor.call('confirmTotp', { body: { code: codeOf(secret, world) } })
  await expect(visitor.call('changePassword', { body: { current: password, next: 'ledger-of-ada-2026' } })).rejects.toThrow(/^next: is easy to guess/)

  const { link } = await visitor.call('invite', { body: { email: 'ben@tocsin.test', name: 'Benjamin', role: 'lead' } })
  const accept = (given: string) =>
    browser(world).call('acceptInvitation', { body: { token: link.split('/invite/')[1] ?? '', name: 'Benjamin', password: given } })
  await expect(accept('Benjamin-Bright-1')).rejects.toThrow(/^password: is easy to guess/)
  expect((await accept(password)).person.id, 'the invitation was not used up').not.toBe(me.person.id)
})

describe('signing in', () => {
  test('wrong passwords slow the next attempt down, and tell nothing about who has an account', async ({ world }) => {
    const visitor = browser(world)
    await visitor.call('setUp', {
      body: { token: setupToken(world.server.context.secrets), organization: 'B', name: 'Ada', email: 'ada@tocsin.test', password },
    })
    const attempt = (email: string, given: string) => browser(world).call('signIn', { body: { email, password: given } })
    for (let n = 0; n < 5; n += 1) await expect(attempt('ada@tocsin.test', 'wrong wrong wrong')).rejects.toThrow('Incorrect email or password.')
    await expect(attempt('nobody@tocsin.test', 'wrong wrong wrong')).rejects.toThrow('Incorrect email or password.')
    await expect(attempt('ada@tocsin.test', password), 'locked').rejects.toThrow('Incorrect email or password.')
    await world.advance({ minutes: 1 })
    expect((await attempt('ada@tocsin.test', password)).assurance).toBe('password')
  })

  test('wrong passwords that come at once are no more tries than those that come one by one', async ({ world }) => {
    await browser(world).call('setUp', {
      body: { token: setupToken(world.server.context.secrets), organization: 'B', name: 'Ada', email: 'ada@tocsin.test', password },
    })
    const attempts = new PasswordAttempts(world.server.context)
    const connection = { ip: '127.0.0.1', userAgent: 'test' }
    const attempt = (given: string) => attempts.check({ email: 'ada@tocsin.test', password: given, connection })
    expect(new Set(await Promise.all([...Array(20)].map(() => attempt('wrong wrong wrong')))), 'one answer for all').toEqual(new Set([undefined]))
    const { items } = await (await world.person('administrator')).call('journal', { query: { limit: 100 } })
    expect(
      items.filter(({ type }) => type === 'sign-in.refused'),
      'tried',
    ).toHaveLength(5)
  })

  describe('from several addresses', () => {
    test.override({ options: { env: { TOCSIN_TRUST_PROXY: 'true' } } })

    /** Ada, who has signed in from 192.0.2.1 with both factors; `attempt` gives the status of a sign-in from an address. */
    const ada = async (world: World) => {
      const signIn = async (ip: string, given: string) => {
        const headers = { 'content-type': 'application/json', 'x-forwarded-for': ip, 'user-agent': 'curl' }
        const reply = await fetch(`${world.origin}/api/v1/session`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ email: 'ada@tocsin.test', password: given }),
        })
        return { status: reply.status, cookie: reply.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
      }
      const visitor = browser(world)
      await visitor.call('setUp', {
        body: { token: setupToken(world.server.context.secrets), organization: 'B', name: 'Ada', email: 'ada@tocsin.test', password },
      })
      const { secret } = await visitor.call('startTotp')
      await visitor.call('confirmTotp', { body: { code: codeOf(secret, world) } })
      world.jump({ seconds: 30 })
      const { cookie } = await signIn('192.0.2.1', password)
      const headers = { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.1', origin: world.origin, cookie }
      await fetch(`${world.origin}/api/v1/session/one-time-code`, { method: 'POST', headers, body: JSON.stringify({ code: codeOf(secret, world) }) })
      return { visitor, attempt: async (ip: string, given = password) => (await signIn(ip, given)).status }
    }

    test('a stranger who tries passwords keeps nobody out elsewhere, however often', async ({ world }) => {
      const { visitor, attempt } = await ada(world)
      const ofStranger = (n: number) => `2001:db8:${(n >> 4).toString(16)}:${(n % 16).toString(16)}::${n + 1}`
      for (let n = 0; n < 6; n += 1) expect(await attempt('198.51.100.7', 'wrong wrong wrong')).toBe(401)
      expect(await attempt('198.51.100.7'), 'the address of the stranger is locked').toBe(401)
      expect(await attempt('203.0.113.5'), 'others are not').toBe(201)
      for (let n = 0; n < 50; n += 1) await attempt(ofStranger(n), 'wrong wrong wrong')
      expect(await attempt('203.0.113.6'), 'a strange address, after 50 in a row').toBe(401)
      expect(await attempt('192.0.2.1'), 'one that Ada has signed in from').toBe(201)
      expect(await attempt('203.0.113.6'), 'a right one ends the count').toBe(201)
      await world.settle()
      world.expectMail('ada@tocsin.test', /50 wrong passwords in a row/)
      const { items } = await visitor.call('journal', { query: { limit: 200 } })
      expect(items.find(({ type }) => type === 'sign-in.locked')).toMatchObject({ data: { failedAttempts: 50, device: 'curl', address: ofStranger(49) } })
      expect(items.filter(({ type }) => type === 'sign-in.locked')).toHaveLength(1)
      expect(items.findLast(({ type }) => type === 'sign-in.refused')).toMatchObject({ data: { address: '198.51.100.7', device: 'curl' } })
    })

    test('right passwords that come at once are all taken, and an IPv6 network of 64 bits is one address', async ({ world }) => {
      const { attempt } = await ada(world)
      expect(await Promise.all([...Array(8)].map(() => attempt('203.0.113.5')))).toEqual(Array(8).fill(201))
      for (let n = 0; n < 5; n += 1) await attempt(`2001:db8:1:2::${n}`, 'wrong wrong wrong')
      expect(await attempt('2001:db8:1:2:ffff::1'), 'counted with its network').toBe(401)
      expect(await attempt('2001:db8:1:3::1')).toBe(201)
      const many = await Promise.all([...Array(22)].map((_, n) => attempt(`2001:db8:9:9::${n}`, 'wrong wrong wrong')))
      expect(
        many.filter(status => status === 429),
        'the limit of requests, too',
      ).toHaveLength(2)
    })
  })

  test('five wrong codes end the session', async ({ world }) => {
    const visitor = browser(world)
    await visitor.call('setUp', {
      body: { token: setupToken(world.server.context.secrets), organization: 'B', name: 'Ada', email: 'ada@tocsin.test', password },
    })
    const { secret } = await visitor.call('startTotp')
    await visitor.call('confirmTotp', { body: { code: codeOf(secret, world) } })
    const thief = browser(world)
    await thief.call('signIn', { body: { email: 'ada@tocsin.test', password } })
    await expect(thief.call('startTotp'), 'a stolen password enrols no factor').rejects.toThrow(/existing second factor/)
    for (let n = 0; n < 5; n += 1) await expect(thief.call('giveOneTimeCode', { body: { code: '123456' } })).rejects.toThrow(/not the current code/)
    await expect(thief.call('me')).rejects.toThrow(/session has ended/)
  })
})

describe('invitations', () => {
  test('work once, for seven days, for the address that was invited', async ({ world }) => {
    const administrator = await world.person('administrator')
    await administrator.call('invite', { body: { email: 'ben@tocsin.test', name: 'Ben', role: 'responder' } })
    await world.settle()
    const token = linkIn(world.expectMail('ben@tocsin.test', /invited/), '/invite/')
    const me = await browser(world).call('acceptInvitation', { body: { token, name: 'Ben', password } })
    expect(me.person).toMatchObject({ email: 'ben@tocsin.test', role: 'responder' })
    await expect(browser(world).call('acceptInvitation', { body: { token, name: 'Ben', password } })).rejects.toThrow(/already used/)
    await administrator.call('invite', { body: { email: 'cai@tocsin.test', name: 'Cai', role: 'responder' } })
    await world.settle()
    const late = linkIn(world.expectMail('cai@tocsin.test', /invited/), '/invite/')
    await world.advance({ days: 7 })
    await expect(browser(world).call('acceptInvitation', { body: { token: late, name: 'Cai', password } })).rejects.toThrow(/has expired/)
  })
})

test('the last administrator stays one; nobody of the demo, and nobody who is deactivated, is another', async ({ world }) => {
  await addDemoAdministrator(world)
  const administrator = await world.person('administrator')
  const other = await world.person('administrator')
  const change = (id: string, body: { role?: 'lead'; isActive?: boolean }) => administrator.call('changePerson', { params: { id }, body })
  await change(other.id, { isActive: false })
  await expect(change(administrator.id, { role: 'lead' })).rejects.toThrow(/only administrator/)
  await expect(change(administrator.id, { isActive: false })).rejects.toThrow(/only administrator/)
  await change(other.id, { isActive: true })
  expect(await change(administrator.id, { role: 'lead' })).toMatchObject({ role: 'lead' })
})

test('who is deactivated is out at once', async ({ world }) => {
  const administrator = await world.person('administrator')
  const person = await world.person('lead')
  await administrator.call('changePerson', { params: { id: person.id }, body: { isActive: false } })
  await expect(person.call('me')).rejects.toThrow(/session has ended/)
})

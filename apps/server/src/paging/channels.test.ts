import { createHmac, createPublicKey, verify } from 'node:crypto'
import { describe, expect } from 'vitest'
import { type Peer, type Received, startPeer } from '../../test/peer.ts'
import { makeSubscription } from '../../test/push.ts'
import { buildWorld, linkIn, type Person, test, type World } from '../../test/world.ts'
import { readConfig } from '../kernel/config.ts'

const twilioToken = 'a-twilio-token'
const slackSecret = 'a-slack-secret'

/** A world whose providers are peers here. */
async function withProviders(work: (world: World, peers: { twilio: Peer; slack: Peer; web: Peer }) => Promise<void>): Promise<void> {
  const twilio = await startPeer(() => ({ status: 201, body: JSON.stringify({ sid: 'SM0001', status: 'queued' }) }))
  const slack = await startPeer(() => ({ status: 200, body: JSON.stringify({ ok: true, ts: '1503435956.000247' }) }))
  const web = await startPeer()
  const { world, end } = await buildWorld({
    env: {
      TWILIO_ACCOUNT_SID: 'AC0123456789',
      TWILIO_AUTH_TOKEN: twilioToken,
      TWILIO_FROM: '+15005550006',
      TWILIO_API_URL: twilio.url,
      SLACK_BOT_TOKEN: 'xoxb-test',
      SLACK_SIGNING_SECRET: slackSecret,
      SLACK_API_URL: `${slack.url}/api`,
      TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true',
    },
  })
  try {
    await work(world, { twilio, slack, web })
  } finally {
    await end()
    for (const peer of [twilio, slack, web]) await peer.stop()
  }
}

const formOf = (peer: Peer, at = -1) => Object.fromEntries(new URLSearchParams(peer.received.at(at)?.body.toString() ?? ''))
const jsonOf = (peer: Peer, at = -1): Record<string, unknown> => JSON.parse(peer.received.at(at)?.body.toString() ?? '{}') as Record<string, unknown>

/** Adds a method and gives the code that arrives there. */
async function addVerified(
  world: World,
  person: Person,
  input: { kind: 'sms' | 'voice' | 'slack' | 'ntfy' | 'webhook'; address: string },
  peer: Peer,
): Promise<string> {
  const { method } = await person.call('addContactMethod', { body: input })
  expect(method.isVerified).toBe(false)
  await world.settle()
  const { Body, Twiml } = formOf(peer)
  const said = Body ?? Twiml ?? peer.received.at(-1)?.body.toString() ?? ''
  const code = /(\d(?:, )?){6}/.exec(said)?.[0]?.replaceAll(', ', '') ?? ''
  expect((await person.call('verifyContactMethod', { params: { id: method.id }, body: { code } })).isVerified).toBe(true)
  return method.id
}

async function pagedTeam(world: World) {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  await world.service('billing', team)
  return { team, primary, backup }
}

/** Calls back as Twilio does, signed or not. */
async function twilioCalls(world: World, path: string, fields: Record<string, string>, token = twilioToken): Promise<Response> {
  const text = Object.keys(fields)
    .sort()
    .reduce((sum, name) => `${sum}${name}${fields[name]}`, `${world.server.origin}${path}`)
  return fetch(`${world.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': createHmac('sha1', token).update(text).digest('base64') },
    body: new URLSearchParams(fields).toString(),
  })
}

test('a signature of Twilio is what its documentation computes', async () => {
  // The example of "Validating requests" in Twilio's documentation.
  const { isFromTwilio } = await import('../notify/channels/twilio/send.ts')
  const fields = { CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234', From: '+14158675309', To: '+18005551212' }
  const config = readConfig({ TWILIO_AUTH_TOKEN: '12345' })
  expect(isFromTwilio(config, 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', 'https://mycompany.com/myapp.php?foo=1&bar=2', fields)).toBe(true)
  expect(isFromTwilio(config, 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', 'https://mycompany.com/myapp.php?foo=1&bar=3', fields)).toBe(false)
})

test('a signature of Slack is what its documentation computes, and not older than five minutes', async () => {
  const { isFromSlack } = await import('../notify/channels/slack/send.ts')
  const config = readConfig({ SLACK_SIGNING_SECRET: '8f742231b10e8888abcd99yyyzzz85a5' })
  const body =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const headers = { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503' }
  expect(isFromSlack(config, headers, body, 1_531_420_618_000)).toBe(true)
  expect(isFromSlack(config, headers, body, 1_531_420_618_000 + 301_000)).toBe(false)
  expect(isFromSlack(config, headers, `${body}x`, 1_531_420_618_000)).toBe(false)
})

describe('a contact method', () => {
  test('is not paged before its code was given, and a code cannot be guessed', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary } = await pagedTeam(world)
      const { method } = await primary.call('addContactMethod', { body: { kind: 'sms', address: '+49 30 123456' } })
      expect(method).toMatchObject({ address: '+4930123456', isVerified: false })
      await world.settle()
      const code = /\d{6}/.exec(formOf(twilio).Body ?? '')?.[0] ?? ''
      await world.alert({ service: 'billing' })
      expect(twilio.received.length, 'the code and nothing else').toBe(1)
      primary.expectPage(/billing/)
      const wrong = code === '000000' ? '000001' : '000000'
      for (let n = 0; n < 6; n += 1)
        await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: wrong } })).rejects.toThrow(/is incorrect/)
      await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code } })).rejects.toThrow(/has expired/)
      await primary.call('sendContactCode', { params: { id: method.id } })
      await world.settle()
      const fresh = /\d{6}/.exec(formOf(twilio).Body ?? '')?.[0] ?? ''
      await world.advance({ minutes: 16 })
      await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: fresh } })).rejects.toThrow(/has expired/)
      const stranger = await world.person()
      await expect(stranger.call('verifyContactMethod', { params: { id: method.id }, body: { code: fresh } })).rejects.toThrow(/contact method/)
    })
  })

  test('is refused with what would be right', async () => {
    await withProviders(async world => {
      const person = await world.person()
      for (const [kind, address, sentence] of [
        ['sms', '030 123', /phone number with country code/],
        ['slack', 'ada', /member ID/],
        ['ntfy', 'https://ntfy.example/', /URL of a topic/],
        ['email', 'nobody', /email address/],
        ['push', 'https://push.example/x', /keys/],
        ['webhook', 'ftp://x', /https/],
      ] as const)
        await expect(person.call('addContactMethod', { body: { kind, address } })).rejects.toThrow(sentence)
    })
  })

  test('of a channel that is not configured cannot be added', async ({ world }) => {
    const person = await world.person()
    await expect(person.call('addContactMethod', { body: { kind: 'sms', address: '+4930123456' } })).rejects.toThrow(/SMS is not configured/)
    expect((await person.call('pushKey')).channels).toEqual(['email', 'push', 'ntfy', 'webhook'])
  })
})

describe('rules of a person', () => {
  test('say which method comes when, for each urgency, and stop with the acknowledgement', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary } = await pagedTeam(world)
      const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
      const voice = await addVerified(world, primary, { kind: 'voice', address: '+4930123456' }, twilio)
      const email = (await primary.call('contactMethods')).find(method => method.kind === 'email')?.id ?? ''
      const rules = {
        high: [
          { methodId: email, afterMinutes: 0 },
          { methodId: sms, afterMinutes: 1 },
          { methodId: voice, afterMinutes: 3 },
        ],
        low: [{ methodId: email, afterMinutes: 0 }],
      }
      expect(await primary.call('saveNotificationRules', { body: rules })).toEqual(rules)
      twilio.received.length = 0
      await world.alert({ service: 'billing', title: 'First' })
      primary.expectPage(/First/)
      await world.advance({ seconds: 59 })
      expect(twilio.received.length).toBe(0)
      await world.advance({ seconds: 1 })
      expect(twilio.received.map(one => one.path)).toEqual(['/2010-04-01/Accounts/AC0123456789/Messages.json'])
      await world.advance({ minutes: 2 })
      expect(twilio.received.map(one => one.path).at(-1)).toBe('/2010-04-01/Accounts/AC0123456789/Calls.json')
      await world.alert({ service: 'billing', title: 'Second' })
      const token = linkIn(primary.expectPage(/Second/), '/a/')
      await world.client()('acknowledgeByLink', { body: { token } })
      twilio.received.length = 0
      await world.advance({ minutes: 1, seconds: 30 })
      expect(twilio.received.length, 'what was answered by mail calls nobody').toBe(0)
      await expect(primary.call('saveNotificationRules', { body: { ...rules, low: [{ methodId: crypto.randomUUID(), afterMinutes: 0 }] } })).rejects.toThrow(
        /low.0.methodId/,
      )
    })
  })
})

describe('SMS', () => {
  test('is sent by the API of Twilio, and a signed reply acknowledges', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary } = await pagedTeam(world)
      await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
      await world.alert({ service: 'billing' })
      const sent = twilio.received.at(-1)
      expect(sent?.headers.authorization).toBe(`Basic ${Buffer.from(`AC0123456789:${twilioToken}`).toString('base64')}`)
      expect(formOf(twilio)).toMatchObject({ To: '+4930123456', From: '+15005550006' })
      expect(formOf(twilio).Body).toMatch(/^\[HIGH\] billing: Something odd\nReply 1 to acknowledge, 2 to escalate\.\nhttp/)
      const fields = { From: '+4930123456', To: '+15005550006', Body: '1', MessageSid: 'SM2' }
      expect((await twilioCalls(world, '/hooks/twilio/sms', fields, 'another token')).status).toBe(403)
      expect((await primary.call('pages')).items[0]?.state).toBe('triggered')
      const reply = await twilioCalls(world, '/hooks/twilio/sms', fields)
      expect([reply.status, reply.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/xml')])
      expect(await reply.text()).toContain('<Message>Acknowledged: billing: Something odd</Message>')
      expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
      expect(await (await twilioCalls(world, '/hooks/twilio/sms', { ...fields, From: '+4930999999' })).text()).toContain('No page was sent to this number')
    })
  })

  test('passes it on with a 2', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary, backup } = await pagedTeam(world)
      await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
      await world.alert({ service: 'billing' })
      expect(await (await twilioCalls(world, '/hooks/twilio/sms', { From: '+4930123456', Body: '2' })).text()).toContain('Escalated to the next level')
      await world.settle()
      backup.expectPage(/billing/)
    })
  })
})

test('an answer that loses a deadlock in the database is done all the same, once', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    await world.alert({ service: 'billing' })
    // A sequence counts on where its transaction is rolled back: the first change of a page is refused as PostgreSQL refuses whoever loses a deadlock.
    await world.server.context.database.reader().db.execute(`
      create sequence changes;
      create function lose_once() returns trigger language plpgsql as
        $$ begin if nextval('changes') = 1 then raise exception 'deadlock detected' using errcode = '40P01'; end if; return new; end $$;
      create trigger lose_once before update on pages for each row execute function lose_once()`)
    const reply = await twilioCalls(world, '/hooks/twilio/sms', { From: '+4930123456', To: '+15005550006', Body: '1', MessageSid: 'SM2' })
    expect([reply.status, await reply.text()]).toEqual([200, expect.stringContaining('Acknowledged')])
    const [page] = (await primary.call('pages')).items
    expect(page).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    const { events } = await primary.call('page', { params: { id: page?.id ?? '' } })
    expect(events.filter(event => event.kind === 'page.acknowledged').length).toBe(1)
  })
})

test('a call says what it is about, and a digit acknowledges; what an attacker puts into a title is no markup', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'voice', address: '+4930123456' }, twilio)
    await world.alert({ service: 'billing', title: '</Say><Dial>+1900</Dial>' })
    const { Twiml = '' } = formOf(twilio)
    expect(Twiml).toContain('Press 1 to acknowledge')
    expect(Twiml).not.toContain('<Dial>')
    const action = /action="([^"]+)"/.exec(Twiml)?.[1] ?? ''
    const path = new URL(action).pathname
    expect((await twilioCalls(world, path, { Digits: '1' }, 'another token')).status).toBe(403)
    expect(await (await twilioCalls(world, path, { Digits: '7' })).text()).toContain('Press 1 to acknowledge')
    expect(await (await twilioCalls(world, path, { Digits: '1' })).text()).toContain('<Say>Acknowledged')
    expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  })
})

test('Slack gets a message with buttons, and a signed press of one acknowledges', async () => {
  await withProviders(async (world, { slack, web }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack)
    await world.alert({ service: 'billing' })
    const sent = jsonOf(slack)
    expect(slack.received.at(-1)).toMatchObject({ path: '/api/chat.postMessage', headers: { authorization: 'Bearer xoxb-test' } })
    expect(sent).toMatchObject({ channel: 'U012AB3CD', text: '[HIGH] billing: Something odd' })
    const blocks = sent.blocks as { type: string; block_id?: string; elements?: { action_id: string }[] }[]
    const buttons = blocks.find(block => block.type === 'actions')
    const press = (secret: string) => {
      const action = { action_id: buttons?.elements?.[0]?.action_id, block_id: buttons?.block_id }
      const payload = { type: 'block_actions', user: { id: 'U012AB3CD' }, actions: [action], response_url: `${web.url}/response` }
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
      const timestamp = String(Math.floor(Date.parse(world.now) / 1_000))
      return fetch(`${world.origin}/hooks/slack`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'x-slack-request-timestamp': timestamp,
          'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
        },
        body,
      })
    }
    expect((await press('another secret')).status).toBe(403)
    expect((await press(slackSecret)).status).toBe(200)
    expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    expect(jsonOf(web).text).toBe('Acknowledged: billing: Something odd')
    slack.answer = () => ({ status: 200, body: JSON.stringify({ ok: false, error: 'channel_not_found' }) })
    await world.alert({ service: 'billing', title: 'Later' })
    const [page] = (await primary.call('pages')).items.filter(one => one.state === 'triggered')
    const { events } = await primary.call('page', { params: { id: page?.id ?? '' } })
    expect(events.map(event => event.text)).toContain(`Page could not be sent to ${primary.name} by Slack: Slack rejected the message: channel_not_found (U012AB3CD)`)
  })
})

test('ntfy gets an urgent message whose button acknowledges', async () => {
  await withProviders(async (world, { web }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'ntfy', address: `${web.url}/ada-pages` }, web)
    await world.alert({ service: 'billing' })
    const sent = jsonOf(web)
    expect(web.received.at(-1)?.path).toBe('/')
    expect(sent).toMatchObject({ topic: 'ada-pages', title: '[HIGH] billing: Something odd', priority: 5 })
    const [action] = sent.actions as { url: string; method: string; headers: Record<string, string>; body: string }[]
    const pressed = await fetch((action?.url ?? '').replace('localhost', '127.0.0.1'), {
      method: action?.method ?? 'GET',
      headers: action?.headers ?? {},
      body: action?.body ?? '',
    })
    expect(await pressed.json()).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  })
})

test('a team’s channels are paged by a step: Teams gets a card, and a webhook no private link', async () => {
  await withProviders(async (world, { web, slack }) => {
    const { team } = await pagedTeam(world)
    const lead = await world.person('lead')
    const channels = []
    for (const [kind, address] of [
      ['teams', `${web.url}/workflow`],
      ['slack', 'C012AB3CD'],
    ] as const)
      channels.push((await lead.call('saveTeamChannel', { params: { id: team.id }, body: { kind, name: kind, address } })).channel)
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    const policy = await lead.call('savePolicy', {
      params: { id: team.id },
      body: { name: 'Notify the channel', levels: [{ targets: channels.map(({ id }) => ({ kind: 'channel' as const, channelId: id })), waitMinutes: 5 }] },
    })
    if (!found?.settings) throw new Error('settings')
    await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...found.settings, policyId: policy.id } })
    await world.alert({ service: 'billing' })
    const card = jsonOf(web) as {
      attachments: { contentType: string; content: { body: { inlines: { text: string }[] }[]; actions: { type: string; title: string; url: string }[] } }[]
    }
    expect(card.attachments[0]?.contentType).toBe('application/vnd.microsoft.card.adaptive')
    expect(card.attachments[0]?.content.body[0]?.inlines[0]?.text).toBe('[HIGH] billing: Something odd')
    expect(web.received.at(-1)?.body.toString()).not.toContain('/a/')
    expect(jsonOf(slack).channel).toBe('C012AB3CD')
    await expect(lead.call('removeTeamChannel', { params: { id: channels[0]?.id ?? '' } })).rejects.toThrow(/Notify the channel/)
    const [page] = (await lead.call('pages')).items
    const seen = [await lead.call('teamChannels'), (await lead.call('messageLog')).items, await lead.call('page', { params: { id: page?.id ?? '' } })]
    expect(JSON.stringify(seen), 'whoever knows the address can write there').not.toContain('/workflow')
    expect(JSON.stringify(seen)).toContain(`Page sent to the team channel by Teams workflow (${new URL(web.url).host}`)
  })
})

test('a browser gets an encrypted push from a server that shows who it is, and its button acknowledges', async () => {
  await withProviders(async (world, { web }) => {
    web.answer = () => ({ status: 201 })
    const { primary } = await pagedTeam(world)
    const subscription = makeSubscription(web)
    const { key } = await primary.call('pushKey')
    const { method } = await primary.call('addContactMethod', { body: { kind: 'push', label: 'My phone', ...subscription.input } })
    expect(method.address, 'the address is not shown').toBe(new URL(web.url).host)
    await world.settle()
    await primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: /\d{6}/.exec(subscription.latest().body)?.[0] ?? '' } })
    await world.alert({ service: 'billing' })
    const headers: Received['headers'] = web.received.at(-1)?.headers ?? {}
    expect(headers).toMatchObject({ 'content-encoding': 'aes128gcm', urgency: 'high', ttl: '3600' })
    // VAPID (RFC 8292): a token of the push service's origin, signed with the key that the browser was given.
    const [, token = '', shown] = /^vapid t=([^,]+), ?k=(.+)$/.exec(String(headers.authorization)) ?? []
    expect(shown).toBe(key)
    const [head = '', claims = '', signature = ''] = token.split('.')
    const point = Buffer.from(key, 'base64url')
    const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') }
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    expect([isSigned, (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: string }).aud]).toEqual([true, web.url])
    const pushed = subscription.latest()
    expect(pushed).toMatchObject({ title: '[HIGH] billing: Something odd', isPage: true })
    expect(await world.client()('acknowledgeByLink', { body: { token: pushed.token } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  })
})

test('a provider that is down is tried again, and the next method of the same person is used at once; the page says so', async () => {
  await withProviders(async (world, { twilio, slack }) => {
    const { primary, backup } = await pagedTeam(world)
    const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    const chat = await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack)
    await primary.call('saveNotificationRules', {
      body: {
        high: [
          { methodId: sms, afterMinutes: 0 },
          { methodId: chat, afterMinutes: 60 },
        ],
        low: [],
      },
    })
    twilio.answer = () => ({ status: 503, body: 'maintenance' })
    twilio.received.length = 0
    slack.received.length = 0
    await world.alert({ service: 'billing' })
    expect(slack.received.length, 'one failure may pass').toBe(0)
    await world.advance({ seconds: 3 })
    expect(jsonOf(slack).text).toBe('[HIGH] billing: Something odd')
    backup.expectNoPage()
    const [page] = (await primary.call('pages')).items
    const texts = (await primary.call('page', { params: { id: page?.id ?? '' } })).events.map(event => event.text)
    expect(texts.find(text => text.startsWith('Delivery by SMS failed'))).toMatch(/^Delivery by SMS failed; sending by Slack \(.*503: maintenance\)$/)
    await world.advance({ seconds: 40 })
    expect(slack.received.length, 'once').toBe(1)
    twilio.answer = () => ({ status: 201, body: JSON.stringify({ sid: 'SM1', status: 'queued' }) })
    await world.advance({ minutes: 2 })
    expect(new Set(twilio.received.map(one => one.headers['i-twilio-idempotency-token'])).size, 'every try under one id').toBe(1)
  })
})

test('a bundle whose channel fails goes out through another channel too, as one message, and is in the timeline of its pages', async () => {
  await withProviders(async (world, { twilio, slack }) => {
    const { primary } = await pagedTeam(world)
    const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    const chat = await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack)
    await primary.call('saveNotificationRules', {
      body: {
        high: [
          { methodId: sms, afterMinutes: 0 },
          { methodId: chat, afterMinutes: 60 },
        ],
        low: [],
      },
    })
    const sender = await world.person()
    await sender.call('createAlerts', { body: Array.from({ length: 12 }, (_, n) => ({ title: `Odd ${n}`, severity: 'high' as const, service: 'billing' })) })
    await world.settle()
    twilio.answer = () => ({ status: 503 })
    slack.received.length = 0
    await world.advance({ seconds: 64 })
    expect(slack.received.map((_, n) => jsonOf(slack, n).text)).toEqual(['7 more unacknowledged pages'])
    const bundled = (await primary.call('pages')).items.filter(page => page.notifications.some(one => one.channel === 'slack'))
    expect(bundled.length).toBe(7)
    const { events } = await primary.call('page', { params: { id: bundled[0]?.id ?? '' } })
    expect(events.map(event => event.text)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^Delivery by SMS failed/), `Page sent to ${primary.name} by Slack (U012AB3CD: posted 1503435956.000247)`]),
    )
  })
})

test('whose only methods are by a channel that is configured no more is paged another way', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary } = await pagedTeam(world)
    const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    await primary.call('saveNotificationRules', { body: { high: [{ methodId: sms, afterMinutes: 0 }], low: [] } })
    const has = world.server.context.messenger.has.bind(world.server.context.messenger)
    world.server.context.messenger.has = channel => channel !== 'sms' && has(channel)
    await world.alert({ service: 'billing' })
    primary.expectPage(/billing/)
  })
})

test('somebody whose methods are all unverified is paged at the account’s email, and the fallback with them', async () => {
  await withProviders(async world => {
    const { primary } = await pagedTeam(world)
    const administrator = await world.person('administrator')
    await primary.call('addContactMethod', { body: { kind: 'sms', address: '+4930123456' } })
    // The account's email became a method of its own, verified: it is taken away by hand, as an import may leave somebody.
    const { database } = world.server.context
    const { contactMethods } = await import('../notify/tables.ts')
    const { eq } = await import('drizzle-orm')
    await database.transaction(tx => tx.db.delete(contactMethods).where(eq(contactMethods.kind, 'email')))
    await world.alert({ service: 'billing' })
    primary.expectPage(/billing/)
    administrator.expectNoPage()
    const mails = world.takeMails().filter(mail => mail.purpose === 'page')
    expect(mails.map(mail => mail.text).join()).toContain('The person on call has no working contact method, so you are paged instead.')
  })
})

import { createHmac, randomUUID, type webcrypto } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect } from 'vitest'
import { type Peer, startPeer } from '../../../../test/peer.ts'
import { buildWorld, type Person, test, type World } from '../../../../test/world.ts'

const slackSecret = 'a-slack-secret'
const [appId, tenantId] = ['11111111-aaaa-4aaa-8aaa-111111111111', '22222222-bbbb-4bbb-8bbb-222222222222']

const keyPair = await generateKeyPair('RS256', { extractable: true })
const otherPair = await generateKeyPair('RS256', { extractable: true })

/** A world with Slack, and with the services of Microsoft Teams: the login service, the keys of the connector, and the connector itself. */
async function withChats(work: (chats: Chats) => Promise<void>): Promise<void> {
  const slack = await startPeer(() => ({ status: 200, body: JSON.stringify({ ok: true, ts: '1503435956.000247' }) }))
  const shared = { ...(await exportJWK(keyPair.publicKey)), use: 'sig' }
  const keys = {
    keys: [
      { ...shared, kid: 'one', endorsements: ['msteams', 'webchat'] },
      { ...shared, kid: 'of another channel', endorsements: ['webchat'] },
    ],
  }
  let issued = 0
  const microsoft = await startPeer(({ path }) => {
    if (path === '/keys') return { status: 200, body: JSON.stringify(keys) }
    if (path.endsWith('/oauth2/v2.0/token')) {
      issued += 1
      return { status: 200, body: JSON.stringify({ token_type: 'Bearer', expires_in: 3_599, access_token: `token-${issued}` }) }
    }
    return { status: 201, body: JSON.stringify({ id: '1:abc' }) }
  })
  const { world, end } = await buildWorld({
    env: {
      SLACK_BOT_TOKEN: 'xoxb-test',
      SLACK_SIGNING_SECRET: slackSecret,
      SLACK_API_URL: `${slack.url}/api`,
      TEAMS_APP_ID: appId,
      TEAMS_APP_PASSWORD: 'a-teams-secret',
      TEAMS_TENANT_ID: tenantId,
      TEAMS_LOGIN_URL: microsoft.url,
      TEAMS_KEYS_URL: `${microsoft.url}/keys`,
      TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true',
    },
  })
  try {
    await work(new Chats(world, slack, microsoft))
  } finally {
    await end()
    for (const peer of [slack, microsoft]) await peer.stop()
  }
}

interface Member {
  readonly aadObjectId: string
  readonly name: string
}

class Chats {
  readonly world: World
  readonly slack: Peer
  readonly microsoft: Peer
  constructor(world: World, slack: Peer, microsoft: Peer) {
    this.world = world
    this.slack = slack
    this.microsoft = microsoft
  }

  get serviceUrl(): string {
    return `${this.microsoft.url}/emea/`
  }

  /** What the bot has posted: where to, and what. */
  get posted(): { path: string; authorization: string; activity: Activity }[] {
    return this.microsoft.received
      .filter(({ path }) => path.startsWith('/emea/v3/'))
      .map(({ path, headers, body }) => {
        const said = JSON.parse(body.toString()) as Activity & { activity?: Activity }
        return { path: decodeURIComponent(path), authorization: String(headers.authorization), activity: said.activity ?? said }
      })
  }

  get lastText(): string {
    const activity = this.posted.at(-1)?.activity
    return activity?.text ?? activity?.attachments?.[0]?.content.body.map(block => block.inlines[0]?.text).join('\n') ?? ''
  }

  /** Calls the hook as the connector does. */
  async call(
    activity: object,
    sign: Partial<{ key: webcrypto.CryptoKey; issuer: string; audience: string; serviceUrl: string; kid: string; age: number }> = {},
  ) {
    const now = Math.floor(Date.parse(this.world.now) / 1_000) - (sign.age ?? 0)
    const token = await new SignJWT({ serviceurl: sign.serviceUrl ?? this.serviceUrl })
      .setProtectedHeader({ alg: 'RS256', kid: sign.kid ?? 'one', typ: 'JWT' })
      .setIssuer(sign.issuer ?? 'https://api.botframework.com')
      .setAudience(sign.audience ?? appId)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + 3_600)
      .sign(sign.key ?? keyPair.privateKey)
    const reply = await fetch(`${this.world.origin}/hooks/teams`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` },
      body: JSON.stringify(activity),
    })
    await this.world.settle()
    return reply.status
  }

  /** Something that a member does: in their chat with the bot, or in a channel where they name it. */
  activity(member: Member, more: object, channel?: string): object {
    return {
      type: 'message',
      id: randomUUID(),
      timestamp: this.world.now,
      serviceUrl: this.serviceUrl,
      channelId: 'msteams',
      from: { id: `29:${member.name}`, ...member },
      recipient: { id: `28:${appId}`, name: 'Tocsin' },
      conversation: channel
        ? { conversationType: 'channel', tenantId, id: `${channel};messageid=1485983194839`, isGroup: true }
        : { conversationType: 'personal', tenantId, id: `a:${member.name}` },
      channelData: { tenant: { id: tenantId } },
      ...more,
    }
  }

  says(member: Member, text: string, channel?: string) {
    return this.call(this.activity(member, { text: channel ? `<at>Tocsin</at> ${text}` : text }, channel))
  }

  presses(member: Member, value: object, channel?: string) {
    return this.call(this.activity(member, { value }, channel))
  }

  /** The token in the buttons of the last card. */
  get button(): string {
    const card = this.posted.findLast(({ activity }) => activity.attachments)?.activity.attachments?.[0]
    return card?.content.actions[0]?.data?.token ?? ''
  }

  /** Connects somebody's chat as their contact method, as the bot says that it is done. */
  async connect(person: Person, member: Member): Promise<string> {
    await this.says(member, 'connect')
    const [action] = this.posted.at(-1)?.activity.attachments?.[0]?.content.actions ?? []
    const address = new URL(action?.url ?? '').searchParams.get('teams') ?? ''
    const { method } = await person.call('addContactMethod', { body: { kind: 'teams-bot', address } })
    expect(method).toMatchObject({ isVerified: false, label: member.name, address: member.aadObjectId })
    await this.world.settle()
    const code = /\d{6}/.exec(this.lastText)?.[0] ?? ''
    await person.call('verifyContactMethod', { params: { id: method.id }, body: { code } })
    return method.id
  }

  /** Pages one channel of a team, and nobody else. */
  async pageChannel(teamId: string, kind: 'slack' | 'teams-bot', address: string): Promise<void> {
    const lead = await this.world.person('lead')
    const { channel } = await lead.call('saveTeamChannel', { params: { id: teamId }, body: { kind, name: kind, address } })
    const levels = [{ targets: [{ kind: 'channel' as const, channelId: channel.id }], waitMinutes: 60 }]
    const policy = await lead.call('savePolicy', { params: { id: teamId }, body: { name: 'Notify the channel', levels } })
    const settings = (await lead.call('onCall')).find(one => one.team.id === teamId)?.settings
    if (!settings) throw new Error('the team has no settings')
    await lead.call('saveTeamOnCall', { params: { id: teamId }, body: { ...settings, policyId: policy.id } })
  }
}

interface Activity {
  readonly type: string
  readonly text?: string
  readonly textFormat?: string
  readonly attachments?: {
    content: { body: { inlines: { text: string }[] }[]; actions: { type: string; title: string; url?: string; data?: { token: string } }[] }
  }[]
}

const ada: Member = { aadObjectId: 'aaaaaaaa-0000-4000-8000-000000000001', name: 'Ada in Teams' }
const ben: Member = { aadObjectId: 'aaaaaaaa-0000-4000-8000-000000000002', name: 'Ben in Teams' }

async function pagedTeam(world: World) {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  await world.service('billing', team)
  return { team, primary, backup }
}
const stateOf = async (person: Person) => (await person.call('pages')).items[0]

describe('Microsoft Teams', () => {
  test('somebody connects their chat, is paged there, and acknowledges by its button', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { primary } = await pagedTeam(world)
      await chats.connect(primary, ada)
      await world.alert({ service: 'billing', title: '[Reset your password](https://evil.example)' })
      const { path, authorization, activity } = chats.posted.at(-1) ?? { path: '', authorization: '', activity: undefined }
      expect([path, authorization]).toEqual(['/emea/v3/conversations/a:Ada in Teams/activities', 'Bearer token-1'])
      const content = activity?.attachments?.[0]?.content
      expect(
        content?.body.every(block => !('text' in block)),
        'a title is text, not markdown',
      ).toBe(true)
      expect(chats.lastText).toContain('[HIGH] billing: [Reset your password](https://evil.example)')
      expect(content?.actions.map(action => action.title)).toEqual(['Acknowledge', 'Escalate now', 'Open', 'More'])
      expect(content?.actions[2]?.url).toContain('/a/')
      expect(await chats.presses(ada, { token: chats.button, answer: 'acknowledge' })).toBe(200)
      expect(await stateOf(primary)).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
      expect(chats.lastText).toMatch(/^Acknowledged: billing/)
    })
  })

  test('a page is passed on, given away, joined by others and answered in words', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { primary, backup } = await pagedTeam(world)
      const third = await world.person()
      await chats.connect(primary, ada)
      await world.alert({ service: 'billing' })
      const token = chats.button
      expect(await chats.presses(ada, { token, answer: 'decline', who: '', minutes: '30' })).toBe(200)
      expect(chats.lastText).toMatch(/^Enter the name/)
      const adding = chats.activity(ada, { value: { token, answer: 'add', who: third.email, minutes: '30' } })
      await chats.call(adding)
      third.expectPage(/billing/)
      expect(await chats.call(adding), 'delivered a second time').toBe(200)
      third.expectNoPage()
      backup.expectNoPage()
      await chats.says(ada, 'What is this?')
      expect(chats.lastText).toContain('Reply “ack”')
      expect((await stateOf(primary))?.state).toBe('triggered')
      await chats.says(ada, `decline to ${backup.name}`)
      backup.expectPage(/billing/)
      await chats.presses(ada, { token, answer: 'snooze', minutes: '60' })
      expect(await stateOf(primary)).toMatchObject({ state: 'acknowledged', snoozedUntil: new Date(Date.parse(world.now) + 3_600_000).toISOString() })
    })
  })

  test('a call that Teams did not sign for this bot and directory does nothing', async () => {
    await withChats(async chats => {
      const { primary } = await pagedTeam(chats.world)
      await chats.connect(primary, ada)
      await chats.world.alert({ service: 'billing' })
      const press = chats.activity(ada, { value: { token: chats.button, answer: 'acknowledge' } })
      const count = chats.posted.length
      for (const [what, forged] of Object.entries({
        'another key': { key: otherPair.privateKey },
        'an unknown key': { kid: 'two' },
        'a key that is not endorsed for Teams': { kid: 'of another channel' },
        'another issuer': { issuer: 'https://evil.example' },
        'another bot': { audience: 'another-app' },
        'another service': { serviceUrl: 'https://evil.example/' },
        'an old one': { age: 4_000 },
      }))
        expect(await chats.call(press, forged), what).toBe(403)
      expect(await chats.call({ ...press, channelData: { tenant: { id: 'another' } } }), 'another directory').toBe(403)
      const bare = await fetch(`${chats.world.origin}/hooks/teams`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(press),
      })
      expect(bare.status).toBe(403)
      const odd = await fetch(`${chats.world.origin}/hooks/teams`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"type":' })
      expect(odd.status).toBe(400)
      expect((await stateOf(primary))?.state).toBe('triggered')
      expect(chats.posted.length, 'and nothing is sent anywhere').toBe(count)
    })
  })

  test('an address that the bot did not issue is refused, and that of a channel is nobody’s', async () => {
    await withChats(async chats => {
      const { team, primary } = await pagedTeam(chats.world)
      const conversation = { serviceUrl: 'https://evil.example/', conversationId: 'a:x', isChannel: false, id: ada.aadObjectId, name: 'Ada' }
      const forged = `${Buffer.from(JSON.stringify(conversation)).toString('base64url')}.AAAA`
      await expect(primary.call('addContactMethod', { body: { kind: 'teams-bot', address: forged } })).rejects.toThrow(/when you send it “connect”/)
      await chats.says(ada, 'connect', '19:ops@thread.tacv2')
      const told = chats.lastText.split('\n').at(-1) ?? ''
      await expect(primary.call('addContactMethod', { body: { kind: 'teams-bot', address: told } })).rejects.toThrow(/the address of a channel/)
      await chats.says(ada, 'connect')
      const own = new URL(chats.posted.at(-1)?.activity.attachments?.[0]?.content.actions[0]?.url ?? '').searchParams.get('teams') ?? ''
      const lead = await chats.world.person('lead')
      const body = { kind: 'teams-bot' as const, name: 'ops', address: own }
      await expect(lead.call('saveTeamChannel', { params: { id: team.id }, body })).rejects.toThrow(/direct chat/)
    })
  })

  test('a channel gets a thread with buttons: whoever presses is known by their own chat, and the channel is notified', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { team, backup } = await pagedTeam(world)
      const channel = '19:ops@thread.tacv2'
      await chats.says(ada, 'connect', channel)
      await chats.pageChannel(team.id, 'teams-bot', chats.lastText.split('\n').at(-1) ?? '')
      await chats.connect(backup, ben)
      await world.alert({ service: 'billing' })
      expect(chats.posted.at(-1)?.path).toBe('/emea/v3/conversations')
      expect(JSON.parse(chats.microsoft.received.at(-1)?.body.toString() ?? '')).toMatchObject({ isGroup: true, channelData: { channel: { id: channel } } })
      const token = chats.button
      const [, , open] = chats.posted.at(-1)?.activity.attachments?.[0]?.content.actions ?? []
      expect(open?.url, 'whoever opens it signs in').toBe(`${world.server.origin}/pages/${(await stateOf(backup))?.id}`)
      await chats.presses(ada, { token, answer: 'acknowledge' }, channel)
      expect(chats.lastText).toMatch(/not linked to a Tocsin account/)
      expect((await stateOf(backup))?.state).toBe('triggered')
      await chats.presses(ben, { token, answer: 'acknowledge' }, channel)
      expect(chats.posted.at(-1)?.path).toBe(`/emea/v3/conversations/${channel};messageid=1485983194839/activities`)
      expect(chats.lastText).toBe(`${backup.name} pressed “Acknowledge”. Acknowledged: billing: Something odd`)
      expect(await stateOf(backup)).toMatchObject({ state: 'acknowledged', acknowledgedBy: backup.name })
      await expect(world.client()('acknowledgeByLink', { body: { token } }), 'it is no private link').rejects.toThrow(/link is invalid/)
    })
  })

  test('the buttons of an incident that is hidden from somebody do nothing for them, and what the bot says of it is hidden too', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { team, primary, backup } = await pagedTeam(world)
      await chats.says(ada, 'connect', '19:ops@thread.tacv2')
      await chats.pageChannel(team.id, 'teams-bot', chats.lastText.split('\n').at(-1) ?? '')
      await chats.connect(primary, ada)
      await chats.connect(backup, ben)
      const lead = await world.person('lead')
      const [service] = await lead.call('services')
      const incident = await lead.call('openIncident', { body: { title: 'Secret', reason: 'Suspicion.', serviceIds: [service?.id ?? ''] } })
      await world.settle()
      const token = chats.button
      await chats.presses(ben, { token, answer: 'acknowledge' }, '19:ops@thread.tacv2')
      expect(chats.lastText).toContain(`${backup.name} pressed “Acknowledge”. Acknowledged`)
      const { version } = await lead.call('incident', { params: { id: incident.id } })
      await lead.call('changeIncident', { params: { id: incident.id }, body: { version, isRestricted: true, reason: 'It is one of us.' } })
      const outsider: Member = { aadObjectId: 'aaaaaaaa-0000-4000-8000-000000000003', name: 'Cai in Teams' }
      const stranger = await world.person('lead')
      await chats.connect(stranger, outsider)
      await chats.presses(outsider, { token, answer: 'escalate' }, '19:ops@thread.tacv2')
      expect(chats.lastText).toBe('This page no longer exists.')
      expect(JSON.stringify((await stranger.call('messageLog')).items)).not.toContain('Secret')
      expect(JSON.stringify((await lead.call('messageLog')).items)).toContain('Secret')
    })
  })

  test('an answer of Teams that is not understood does not send the message once more', async () => {
    await withChats(async chats => {
      const { primary } = await pagedTeam(chats.world)
      await chats.connect(primary, ada)
      const { answer } = chats.microsoft
      chats.microsoft.answer = request => (request.path.startsWith('/emea/') ? { status: 202, body: 'Accepted' } : answer(request))
      const before = chats.posted.length
      await chats.world.alert({ service: 'billing' })
      await chats.world.advance({ minutes: 3 })
      expect(chats.posted.length - before).toBe(1)
    })
  })

  test('its token is kept, fetched anew before it runs out, and at once when it is taken back', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { primary } = await pagedTeam(world)
      await chats.connect(primary, ada)
      await world.advance({ minutes: 56 })
      await world.alert({ service: 'billing', title: 'Later' })
      expect(chats.posted.at(-1)?.authorization).toBe('Bearer token-2')
      const answer = chats.microsoft.answer
      chats.microsoft.answer = request => (request.headers.authorization === 'Bearer token-2' ? { status: 401, body: '{}' } : answer(request))
      await world.alert({ service: 'billing', title: 'Taken back' })
      await world.advance({ seconds: 3 })
      expect(chats.posted.at(-1)?.authorization).toBe('Bearer token-3')
      expect(chats.lastText).toContain('Taken back')
    })
  })
})

describe('Slack', () => {
  const press = async ({ world, slack }: Chats, user: string, action: object, channel = user) => {
    const sent = slack.received
      .filter(({ path }) => path.endsWith('postMessage'))
      .map(({ body }) => JSON.parse(body.toString()) as { channel: string; blocks: { type: string; block_id?: string }[] })
    const blockId = sent.findLast(message => message.channel === channel)?.blocks.find(block => block.type === 'actions')?.block_id
    const payload = { type: 'block_actions', user: { id: user }, actions: [{ block_id: blockId, ...action }], response_url: `${slack.url}/response` }
    const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
    const timestamp = String(Math.floor(Date.parse(world.now) / 1_000))
    const signature = `v0=${createHmac('sha256', slackSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature }
    expect((await fetch(`${world.origin}/hooks/slack`, { method: 'POST', headers, body })).status).toBe(200)
    await world.settle()
    return JSON.parse(
      slack.received
        .filter(({ path }) => path === '/response')
        .at(-1)
        ?.body.toString() ?? '{}',
    ) as { text: string; response_type: string }
  }
  const join = async ({ world, slack }: Chats, person: Person, address: string) => {
    const { method } = await person.call('addContactMethod', { body: { kind: 'slack', address } })
    await world.settle()
    const code = /\d{6}/.exec(slack.received.at(-1)?.body.toString() ?? '')?.[0] ?? ''
    await person.call('verifyContactMethod', { params: { id: method.id }, body: { code } })
  }

  test('in a channel whoever presses is known by their member ID, and must be a responder', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { team, backup } = await pagedTeam(world)
      const channel = 'C012AB3CD'
      await chats.pageChannel(team.id, 'slack', channel)
      await join(chats, backup, 'U000BACKUP')
      const reader = await world.person('observer')
      await join(chats, reader, 'U000READER')
      await world.alert({ service: 'billing' })
      expect(await press(chats, 'U0STRANGER', { action_id: 'acknowledge' }, channel)).toMatchObject({
        response_type: 'ephemeral',
        text: expect.stringMatching(/not linked to a Tocsin account/),
      })
      expect(await press(chats, 'U000READER', { action_id: 'acknowledge' }, channel)).toMatchObject({
        response_type: 'ephemeral',
        text: expect.stringMatching(/requires the responder role/),
      })
      expect((await stateOf(backup))?.state).toBe('triggered')
      expect(await press(chats, 'U000BACKUP', { action_id: 'acknowledge' }, channel)).toMatchObject({
        response_type: 'in_channel',
        text: `${backup.name} pressed “Acknowledge”. Acknowledged: billing: Something odd`,
      })
      expect(await stateOf(backup)).toMatchObject({ state: 'acknowledged', acknowledgedBy: backup.name })
    })
  })

  test('a page is reassigned, gets a responder, and is snoozed, by the lists under it', async () => {
    await withChats(async chats => {
      const { world } = chats
      const { primary, backup } = await pagedTeam(world)
      const third = await world.person()
      for (const [person, address] of [
        [primary, 'U00PRIMARY'],
        [backup, 'U000BACKUP'],
        [third, 'U0000THIRD'],
      ] as const)
        await join(chats, person, address)
      await world.alert({ service: 'billing' })
      expect(await press(chats, 'U00PRIMARY', { action_id: 'open', value: '' }), 'Slack reports the click, and there is nothing to reply').toEqual({})
      expect((await press(chats, 'U00PRIMARY', { action_id: 'decline', selected_user: 'U0STRANGER' })).text).toMatch(/member is not linked to a Tocsin account/)
      expect((await press(chats, 'U00PRIMARY', { action_id: 'add', selected_user: 'U0000THIRD' })).text).toContain(`Added ${third.name}`)
      expect((await press(chats, 'U00PRIMARY', { action_id: 'decline', selected_user: 'U000BACKUP' })).text).toContain(`Reassigned to ${backup.name}`)
      expect((await press(chats, 'U000BACKUP', { action_id: 'snooze', selected_option: { value: '30' } })).text).toContain('Snoozed for 30 minutes')
      expect(await stateOf(primary)).toMatchObject({ state: 'acknowledged', acknowledgedBy: backup.name })
    })
  })
})

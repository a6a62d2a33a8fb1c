import { createHmac } from 'node:crypto'
import { expect } from 'vitest'
import { type Peer, startPeer } from './peer.ts'
import { buildWorld, type Person, type World } from './world.ts'

export const twilioToken = 'a-twilio-token'
export const slackSecret = 'a-slack-secret'

/** A world whose providers are peers here. */
export async function withProviders(work: (world: World, peers: { twilio: Peer; slack: Peer; web: Peer }) => Promise<void>): Promise<void> {
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

export const formOf = (peer: Peer, at = -1) => Object.fromEntries(new URLSearchParams(peer.received.at(at)?.body.toString() ?? ''))
export const jsonOf = (peer: Peer, at = -1): Record<string, unknown> => JSON.parse(peer.received.at(at)?.body.toString() ?? '{}') as Record<string, unknown>

/** Adds a method and gives the code that arrives there. */
export async function addVerified(
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

export async function pagedTeam(world: World) {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  await world.service('billing', team)
  return { team, primary, backup }
}

/** Calls back as Twilio does, signed or not. */
export async function twilioCalls(world: World, path: string, fields: Record<string, string>, token = twilioToken): Promise<Response> {
  const text = Object.keys(fields)
    .sort()
    .reduce((sum, name) => `${sum}${name}${fields[name]}`, `${world.server.origin}${path}`)
  return fetch(`${world.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': createHmac('sha1', token).update(text).digest('base64') },
    body: new URLSearchParams(fields).toString(),
  })
}

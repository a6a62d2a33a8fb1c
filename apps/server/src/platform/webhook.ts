import { createHmac } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import { Agent, request } from 'undici'

/** No retry can help: the address is wrong or refused. */
export class Undeliverable extends Error {
  override readonly name = 'Undeliverable'
}

/** True for addresses of the public internet: not private, loopback, link-local, multicast or reserved. */
export function isPublicAddress(address: string): boolean {
  const parsed = ipaddr.process(address)
  return parsed.range() === 'unicast'
}

/** Checks the form of a webhook address. @throws Undeliverable with a sentence. */
export function checkWebhookUrl(url: string): URL {
  if (!URL.canParse(url)) throw new Undeliverable('must be an address such as https://pager.example/hook')
  const parsed = new URL(url)
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') throw new Undeliverable('must start with https:// or http://')
  if (parsed.username || parsed.password) throw new Undeliverable('must not carry a password')
  return parsed
}

/**
 * A connection to the host of `url` and nowhere else. The name is resolved once and the connection made to that very address, so that a
 * second answer of the name server cannot lead inside.
 * @param setting that lets private addresses be reached, for the sentence
 * @throws Undeliverable for a private address
 */
export async function openOutbound(url: URL, mayReachPrivate: boolean, setting: string): Promise<Agent> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const address = ipaddr.isValid(host) ? host : (await lookup(host)).address
  if (!mayReachPrivate && !isPublicAddress(address))
    throw new Undeliverable(`${host} is a private address (${address}); it is reached only with ${setting}=true`)
  const family = ipaddr.parse(address).kind() === 'ipv6' ? 6 : 4
  return new Agent({
    connect: {
      timeout: 5_000,
      lookup: (_host, options, callback) => {
        if (options.all) callback(null, [{ address, family }])
        else callback(null, address, family)
      },
    },
  })
}

/**
 * Posts JSON to a webhook, signed as Standard Webhooks says (`webhook-id` is the same for every repetition).
 * @throws Undeliverable for a refused address or a 4xx answer; Error for what may pass.
 */
export async function postWebhook(
  message: { id: string; url: string; secret: string; body: string; sentAt: number },
  mayReachPrivate: boolean,
): Promise<string> {
  const url = checkWebhookUrl(message.url)
  const dispatcher = await openOutbound(url, mayReachPrivate, 'TOCSIN_ALLOW_PRIVATE_WEBHOOKS')
  const timestamp = String(Math.floor(message.sentAt / 1_000))
  const signature = createHmac('sha256', Buffer.from(message.secret, 'base64')).update(`${message.id}.${timestamp}.${message.body}`).digest('base64')
  try {
    const reply = await request(url, {
      method: 'POST',
      dispatcher,
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Tocsin',
        'webhook-id': message.id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      },
      body: message.body,
    })
    await reply.body.dump({ limit: 65_536 })
    if (reply.statusCode >= 200 && reply.statusCode < 300) return `HTTP ${reply.statusCode}`
    const sentence = `${url.origin} answered ${reply.statusCode}`
    throw reply.statusCode >= 500 || reply.statusCode === 429 ? new Error(sentence) : new Undeliverable(sentence)
  } finally {
    await dispatcher.close()
  }
}

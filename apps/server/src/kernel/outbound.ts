import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import { Agent, request } from 'undici'
import { endedBy } from './deadline.ts'
import { sentenceOf } from './telemetry.ts'

/** Another server failed, or refused. */
export class OutboundFailure extends Error {
  override readonly name: string = 'OutboundFailure'
  /** The status that it responded with, where it did. */
  readonly status: number | undefined
  /**
   * The beginning of what it said. It helps whoever may read the record of the delivery, but may hold secrets and personal data: never part of the
   * sentence, which is logged.
   */
  readonly reply: string

  constructor(sentence: string, status?: number, reply = '') {
    super(sentence)
    this.status = status
    this.reply = reply.slice(0, 200)
  }
}

/** No retry can help: the address is wrong or refused. */
export class Undeliverable extends OutboundFailure {
  override readonly name = 'Undeliverable'
}

/** A sentence of an error with what the other server said: for the record of a delivery, not for the log. */
export function sentenceWithReply(error: unknown): string {
  return error instanceof OutboundFailure && error.reply !== '' ? `${error.message}: ${error.reply}` : sentenceOf(error)
}

/** Public by their range, and answered by the host of a virtual machine with what is inside: Azure's wire server. */
const hostAddresses: ReadonlySet<string> = new Set(['168.63.129.16'])

/** True for addresses of the public internet: not private, loopback, link-local, multicast or reserved. */
export function isPublicAddress(address: string): boolean {
  const parsed = ipaddr.process(address)
  return parsed.range() === 'unicast' && !hostAddresses.has(parsed.toString())
}

/** Checks the form of a webhook address. @throws Undeliverable with a sentence. */
export function checkWebhookUrl(url: string): URL {
  if (!URL.canParse(url)) throw new Undeliverable('must be a URL such as https://pager.example/hook')
  const parsed = new URL(url)
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') throw new Undeliverable('must start with https:// or http://')
  if (parsed.username || parsed.password) throw new Undeliverable('must not contain a password')
  return parsed
}

const lookups = new Map<string, Promise<LookupAddress>>()

/**
 * The address of a host. The system looks up only a few names at a time, and one whose name server hangs for as long as that likes: whoever asks for a
 * name that is being looked up waits for that same answer, so that a host takes one place, not one for each message.
 */
function addressOf(host: string): Promise<LookupAddress> {
  const running = lookups.get(host)
  if (running) return running
  const started = lookup(host).finally(() => lookups.delete(host))
  lookups.set(host, started)
  return started
}

/**
 * A connection to the host of `url` and nowhere else. The name is resolved once and the connection made to that very address, so that a
 * second answer of the name server cannot lead inside.
 * @param setting that lets private addresses be reached, for the sentence
 * @param signal ends the wait for the name server
 * @throws Undeliverable for a private address
 */
export async function openOutbound(url: URL, mayReachPrivate: boolean, setting: string, signal: AbortSignal): Promise<Agent> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const address = ipaddr.isValid(host) ? host : (await endedBy(addressOf(host), signal)).address
  if (!mayReachPrivate && !isPublicAddress(address)) throw new Undeliverable(`${host} is a private address (${address}); allow it with ${setting}=true`)
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

interface Outgoing {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** Addresses that people enter may not lead inside, unless the operator lets them; those that the operator configured may. */
  readonly mayReachPrivate: boolean
  /** Ends all of it: a server that trickles its answer is not waited for longer. */
  readonly signal: AbortSignal
}

const maxReply = 65_536

/**
 * Posts something to another server and returns what it said.
 * @throws Undeliverable for a refused address or a 4xx answer; OutboundFailure for what may pass (5xx, 429); the error of a connection; the signal's reason.
 */
export async function post({ url: given, headers, body, mayReachPrivate, signal }: Outgoing): Promise<{ status: number; text: string }> {
  const url = checkWebhookUrl(given)
  const dispatcher = await openOutbound(url, mayReachPrivate, 'TOCSIN_ALLOW_PRIVATE_WEBHOOKS', signal)
  try {
    const reply = await request(url, {
      method: 'POST',
      dispatcher,
      signal,
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
      headers: { 'user-agent': 'Tocsin', ...headers },
      body,
    })
    let text = ''
    for await (const chunk of reply.body) {
      text += String(chunk)
      if (text.length > maxReply) break
    }
    if (reply.statusCode >= 200 && reply.statusCode < 300) return { status: reply.statusCode, text }
    const Failure = reply.statusCode >= 500 || reply.statusCode === 429 ? OutboundFailure : Undeliverable
    throw new Failure(`${url.origin} responded with status ${reply.statusCode}`, reply.statusCode, text)
  } finally {
    await dispatcher.destroy()
  }
}

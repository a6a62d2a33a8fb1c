import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import { Agent, request } from 'undici'
import type { Config } from './config.ts'
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

/** Where requests to addresses that people enter may go. */
export interface EnteredReach {
  readonly mayReachPrivate: boolean
  /** The setting that lets private addresses be reached, for sentences. */
  readonly privateSetting: string
  /** Hosts, `*.example.org` for all below one, addresses and networks; undefined for all. */
  readonly allowed: readonly string[] | undefined
}

/** Where webhooks may go, which people enter. */
export const webhookReach = (config: Config): EnteredReach => ({
  mayReachPrivate: config.mayReachPrivateWebhooks,
  privateSetting: 'TOCSIN_ALLOW_PRIVATE_WEBHOOKS',
  allowed: config.outboundHosts,
})

/** `anywhere`: the operator configured the address, which may lead inside. */
export type Reach = EnteredReach | 'anywhere'

/** Checks the form of the address of a webhook or a feed, and whether it may be reached as far as its form says. @throws Undeliverable with a sentence. */
export function checkUrl(url: string, reach: Reach): URL {
  if (!URL.canParse(url)) throw new Undeliverable('must be a URL such as https://pager.example/hook')
  const parsed = new URL(url)
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') throw new Undeliverable('must start with https://')
  if (parsed.username || parsed.password) throw new Undeliverable('must not contain a password')
  if (reach === 'anywhere') return parsed
  if (parsed.protocol === 'http:' && !reach.mayReachPrivate)
    throw new Undeliverable(`must start with https://; http:// is for private addresses, which ${reach.privateSetting}=true allows`)
  // A name may lead into a network that is allowed: that is known once it is looked up.
  if (!isListed(hostOf(parsed), undefined, reach.allowed)) throw new Undeliverable(`${hostOf(parsed)} is not in TOCSIN_OUTBOUND_HOSTS`)
  return parsed
}

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '')

/** True for a host that is listed by its name or by its address; with no address yet, also for one that may turn out to be. */
function isListed(host: string, address: string | undefined, allowed: EnteredReach['allowed']): boolean {
  if (allowed === undefined) return true
  const known = address ?? (ipaddr.isValid(host) ? host : undefined)
  return allowed.some(entry => {
    if (entry.startsWith('*.')) return host.endsWith(entry.slice(1))
    if (ipaddr.isValidCIDR(entry) || ipaddr.isValid(entry)) return known === undefined || isWithin(known, entry)
    return host === entry
  })
}

function isWithin(address: string, network: string): boolean {
  const parsed = ipaddr.process(address)
  const [base, bits] = ipaddr.isValidCIDR(network) ? ipaddr.parseCIDR(network) : [ipaddr.process(network), undefined]
  return base.kind() === parsed.kind() && parsed.match(base, bits ?? (base.kind() === 'ipv6' ? 128 : 32))
}

/** @throws Undeliverable for an address that a request to `url` may not go to */
function assertReach(url: URL, address: string, reach: Reach): void {
  if (reach === 'anywhere') return
  const host = hostOf(url)
  const isPublic = isPublicAddress(address)
  if (!isPublic && !reach.mayReachPrivate) throw new Undeliverable(`${host} is a private address (${address}); allow it with ${reach.privateSetting}=true`)
  if (isPublic && url.protocol === 'http:') throw new Undeliverable(`${host} must be reached by https://; http:// is for private addresses`)
  if (!isListed(host, address, reach.allowed)) throw new Undeliverable(`${host} (${address}) is not in TOCSIN_OUTBOUND_HOSTS`)
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
 * @param signal ends the wait for the name server
 * @throws Undeliverable for an address that may not be reached
 */
export async function openOutbound(url: URL, reach: Reach, signal: AbortSignal): Promise<Agent> {
  const host = hostOf(url)
  const address = ipaddr.isValid(host) ? host : (await endedBy(addressOf(host), signal)).address
  assertReach(url, address, reach)
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
  readonly reach: Reach
  /** Ends all of it: a server that trickles its answer is not waited for longer. */
  readonly signal: AbortSignal
}

const maxReply = 65_536

/**
 * Posts something to another server and returns what it said.
 * @throws Undeliverable for a refused address or a 4xx answer; OutboundFailure for what may pass (5xx, 429); the error of a connection; the signal's reason.
 */
export async function post({ url: given, headers, body, reach, signal }: Outgoing): Promise<{ status: number; text: string }> {
  const url = checkUrl(given, reach)
  const dispatcher = await openOutbound(url, reach, signal)
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

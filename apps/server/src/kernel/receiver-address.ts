import { z } from 'zod'
import { isLoopback } from './network.ts'
import type { SyslogReceiver } from './syslog-sender.ts'

/** A server that the operator has named as one that is told something: by syslog, or by a signed webhook. */
export type Receiver = { readonly kind: 'syslog'; readonly receiver: SyslogReceiver } | { readonly kind: 'webhook'; readonly url: string }

const transports = ['udp', 'tcp', 'tls'] as const

/** The receiver that an address means: `syslog+tls://host:port` (tcp, udp), or `https://…` without a password; undefined for one that means none. */
export function receiverOf(address: string): Receiver | undefined {
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  if (url.username !== '' || url.password !== '' || url.hash !== '') return undefined
  const transport = transports.find(one => url.protocol === `syslog+${one}:`)
  if (transport !== undefined) {
    const isBare = /^\/?$/.test(url.pathname) && url.search === ''
    return isBare && url.hostname !== '' && Number(url.port) > 0
      ? { kind: 'syslog', receiver: { transport, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) } }
      : undefined
  }
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)) ? { kind: 'webhook', url: url.href } : undefined
}

const maxAddresses = 10

/**
 * A list of addresses as a setting, separated by spaces or commas.
 * @param words what they are called
 * @param forms what one looks like
 */
export const addressList = (words: { readonly many: string; readonly one: string }, forms: string, isOne: (address: string) => boolean) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform(given => (typeof given === 'string' ? given.split(/[\s,]+/).filter(address => address !== '') : given))
    .superRefine((given, context) => {
      const refuse = (message: string) => context.addIssue({ code: 'custom', message })
      const wrong = given.findIndex(address => !isOne(address))
      if (wrong >= 0) refuse(`must be a list of ${words.many}, but number ${wrong + 1} is none: ${forms}, without a password`)
      else if (given.length > maxAddresses) refuse(`must name at most ${maxAddresses} ${words.many}`)
      else if (new Set(given).size < given.length) refuse(`must name each ${words.one} once`)
    })

/**
 * What is wrong where webhooks are named without the secret that signs them, or the secret without a webhook.
 * @param names of the two settings
 */
export function webhookSecretProblem(names: { readonly list: string; readonly secret: string }, hasWebhook: boolean, hasSecret: boolean): string | undefined {
  if (hasWebhook === hasSecret) return undefined
  return hasWebhook
    ? `${names.secret} is required, because ${names.list} names a webhook, which is signed.`
    : `${names.secret} is set, but ${names.list} names no webhook that it would sign. Name one, or remove the secret.`
}

/** A secret that signs webhooks. */
export const webhookSecret = z
  .string()
  .transform(text => text.replace(/^whsec_/, ''))
  .refine(text => /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length >= 24, 'must be whsec_ and at least 24 random bytes in base64')

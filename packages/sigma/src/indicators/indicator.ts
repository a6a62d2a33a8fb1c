import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { addressText, type Network, parseNetwork } from '../cidr.ts'

/** Kinds of indicators, by the names that STIX 2.1 gives to what they are about. */
export const indicatorKinds = ['ipv4-addr', 'ipv6-addr', 'domain-name', 'url', 'file-hash'] as const
export type IndicatorKind = (typeof indicatorKinds)[number]

export interface Indicator {
  readonly kind: IndicatorKind
  /**
   * The one way in which it is written: lower case; an address or a network (`198.51.100.0/24`); a domain without its last dot, with a
   * dot before it where it stands for what is under it as well; a URL without its fragment and last slash.
   */
  readonly key: string
}

const hashLengths = new Set([32, 40, 56, 64, 96, 128])
/** In UTF-8: databases index no longer ones. */
const maxBytes = 2_000

export const isHash = (word: string): boolean => hashLengths.has(word.length) && /^[0-9a-f]+$/i.test(word)

const domainPattern = /^\.?(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/

/** URLs as they are compared: whole, without case, fragment, last slash, and signs of a sentence behind them. */
export const urlKey = (url: string): string =>
  url
    .replace(/#.*$/s, '')
    .replace(/(?<![.,;:!)\]])[.,;:!)\]]+$/, '')
    .replace(/(?<!\/)\/+$/, '')
    .replace(/[A-Z]+/g, letters => letters.toLowerCase())

/** A network of one address is written without its length. */
export const networkKey = (network: Network): string => (network.prefix === network.size ? addressText(network) : `${addressText(network)}/${network.prefix}`)

/** Writers of reports make addresses harmless (`hxxp://evil[.]example`): that is undone. */
const refanged = (text: string) =>
  text
    .replace(/^(['"])(.*)\1$/, '$2')
    .replace(/^h(?:xx|XX|tt)p(s?)(?=:|\[)/i, 'http$1')
    .replaceAll(/\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)/gi, '.')
    .replaceAll(/\[:\]/g, ':')
    .replace(/\[:\/\/\]/, '://')

/** Reads an indicator as lists have it. Undefined when it is none of the kinds. */
export function parseIndicator(text: string): Indicator | undefined {
  const value = refanged(text.trim())
  if (value === '' || /[\0-\x20\x7f\s"'<>]/.test(value) || !value.isWellFormed() || Buffer.byteLength(value) > maxBytes) return undefined
  if (isHash(value)) return { kind: 'file-hash', key: value.toLowerCase() }
  if (/^[a-z][a-z0-9+.-]{1,15}:\/\/[^/]/i.test(value)) {
    const key = urlKey(value)
    return /^[^:]+:\/\/[^/]/.test(key) ? { kind: 'url', key } : undefined
  }
  // Lists of command-and-control servers give the port with the address.
  const network = parseNetwork(value.replace(/^((?:\d{1,3}\.){3}\d{1,3}):\d{1,5}$/, '$1'))
  if (network !== undefined) {
    const plain = unmapped(network)
    return { kind: plain.size === 32 ? 'ipv4-addr' : 'ipv6-addr', key: networkKey(plain) }
  }
  const domain = domainKey(value.replace(/^\*(?=\.)/, ''))
  return domain === undefined ? undefined : { kind: 'domain-name', key: domain }
}

/** An IPv4 address mapped into IPv6 is an IPv4 address. */
export function unmapped(network: Network): Network {
  if (network.size === 32 || network.prefix < 96 || network.bits >> 32n !== 0xffffn) return network
  return { size: 32, bits: network.bits & 0xffffffffn, prefix: network.prefix - 96 }
}

/** A domain as it is compared, or undefined when it is none. */
export function domainKey(text: string): string | undefined {
  const leading = text.startsWith('.') ? '.' : ''
  const name = text.slice(leading.length).replace(/(?<!\.)\.+$/, '')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is that of ASCII
  const ascii = /^[\x00-\x7f]*$/.test(name) ? name.toLowerCase() : domainToASCII(name)
  if (!ascii.includes('.') || /^[\d.]+$/.test(ascii) || !domainPattern.test(leading + ascii)) return undefined
  return leading + ascii
}

/** The address that a word is. */
export function addressOf(word: string): Network | undefined {
  if (isIP(word) === 0) return undefined
  const network = parseNetwork(word)
  return network === undefined ? undefined : unmapped(network)
}

/** A key and those that stand for it: networks around an address, domains above a name that stand for all under them. */
export function keysAbove(key: string): string[] {
  const network = key.includes('://') ? undefined : parseNetwork(key)
  if (network !== undefined)
    return Array.from({ length: network.prefix + 1 }, (_, prefix) => {
      const host = BigInt(network.size - prefix)
      return networkKey({ size: network.size, bits: (network.bits >> host) << host, prefix })
    })
  if (key.includes('://') || !key.includes('.')) return [key]
  const keys = [key]
  if (!key.startsWith('.')) keys.push(`.${key}`)
  for (let dot = key.indexOf('.', 1); dot >= 0; dot = key.indexOf('.', dot + 1)) keys.push(key.slice(dot))
  return keys
}

import type { Network } from '../cidr.ts'
import { addressOf, domainKey, isHash, urlKey } from './indicator.ts'

/** What a text has in it that an indicator may be about. */
export interface Words {
  readonly addresses: readonly Network[]
  readonly domains: readonly string[]
  /** Hashes and URLs, as they are compared. */
  readonly texts: readonly string[]
}

// The scanner (wasm/indicators.ts) cuts words in the same way, so that it never misses one that is found here.
const hostWord = /[\w.\x80-\u{10ffff}-]+/gu
const colonRun = /[0-9a-f:.]{2,}/gi
// biome-ignore lint/suspicious/noControlCharactersInRegex: blanks and what is below them end a URL
const urlWord = /[a-z][a-z0-9+.-]{1,15}:\/\/[^\x00-\x20"'<>\\^`{}|]*/gi

/** Cuts a value into what can be looked up. */
export function wordsOf(text: string): Words {
  const addresses: Network[] = []
  const domains: string[] = []
  const texts: string[] = []
  for (const [word] of text.matchAll(hostWord)) {
    const trimmed = word.replace(/^\.+|(?<!\.)\.+$/g, '')
    if (isHash(trimmed)) texts.push(trimmed.toLowerCase())
    if (trimmed.length < 4 || trimmed.length > 253) continue
    const address = addressOf(trimmed)
    const domain = address === undefined ? domainKey(trimmed) : undefined
    if (address !== undefined) addresses.push(address)
    else if (domain !== undefined) domains.push(domain)
  }
  if (text.includes(':'))
    for (const [run] of text.matchAll(colonRun)) {
      const trimmed = run
        .replace(/^\.+/, '')
        .replace(/^:(?!:)/, '')
        .replace(/(?<!\.)\.+$/, '')
        .replace(/(?<!:):$/, '')
      const address = trimmed.includes(':') && trimmed.length <= 45 ? addressOf(trimmed) : undefined
      if (address !== undefined) addresses.push(address)
    }
  if (text.includes('://')) for (const [url] of text.matchAll(urlWord)) texts.push(urlKey(url))
  return { addresses, domains, texts }
}

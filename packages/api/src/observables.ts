import { z } from 'zod'
import { Text } from './common.ts'

export const observableKinds = [
  'ipv4-addr',
  'ipv6-addr',
  'domain-name',
  'url',
  'email-addr',
  'file-hash',
  'file',
  'host',
  'user-account',
  'process',
  'other',
] as const
type Kind = (typeof observableKinds)[number]
/** A thing seen that identifies: STIX 2.1 cyber-observable names where there is one. */
export const Observable = z.object({ kind: z.enum(observableKinds).describe('file: a name or a path'), value: Text(2_000) }).meta({ id: 'Observable' })
export type Observable = z.output<typeof Observable>

/** Observables of one alert that are kept. */
export const maxObservables = 100

/** Undoes what writers do to make addresses harmless: `hxxps[:]//evil[.]example`, `203(.)0(.)113(.)66`, `ada[at]evil{dot}example`. */
export function refang(text: string): string {
  return text
    .replace(/\bhxxp(?=s?(?:\[:\]|\[:\/\/\]|:))/gi, 'http')
    .replace(/\[:\/\/\]/g, '://')
    .replace(/[[({](?:\.|dot)[\])}]/gi, '.')
    .replace(/[[({](?:@|at)[\])}]/gi, '@')
    .replace(/[[({]:[\])}]/g, ':')
    .replace(/\[\/\]/g, '/')
}

/** An address as responders write it, so that no program makes a link of it: `https[:]//evil[.]example`. */
export const defang = (text: string): string => text.replace(/:(?=\/\/)/g, '[:]').replace(/(?<=[\p{L}\p{N}_-])[.\u3002\uff0e\uff61](?=[\p{L}\p{N}])/gu, '[.]')

/** What programs make links of, and addresses: bounded repetitions, so that each place of a text is looked at a bounded number of times. */
const linkable = /[a-z][a-z0-9\x2b.-]{0,15}:\/\/[^\s<>"`]{1,2000}|[\w.\x2b-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}|\b(?:\d{1,3}\.){3}\d{1,3}\b/gi

/** Punctuation after an address is not part of it. */
function withoutEnd(text: string): string {
  let end = text.length
  while (end > 0 && '.,;:!?)]}'.includes(text.charAt(end - 1))) end -= 1
  return text.slice(0, end)
}

/** A text in its parts: `original` is that of one that is shown defanged. */
export function defangedParts(text: string): { readonly text: string; readonly original?: string }[] {
  const parts: { text: string; original?: string }[] = []
  let end = 0
  for (const { 0: found, index } of text.matchAll(linkable)) {
    const original = withoutEnd(found)
    if (index > end) parts.push({ text: text.slice(end, index) })
    parts.push({ text: defang(original), original })
    end = index + original.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
}

/** A text without anything that a program makes a link of; the rest stays as it is. */
export const withoutLinks = (text: string): string => text.replace(linkable, defang)

const hashLengths: readonly number[] = [32, 40, 56, 64, 96, 128]
const isHash = (text: string) => hashLengths.includes(text.length) && /^[0-9a-f]+$/i.test(text)
const isIpv4 = (text: string) => z.ipv4().safeParse(text).success
const isIpv6 = (text: string) => z.ipv6().safeParse(text).success

/** An address or a network (`198.51.100.0/24`). */
function network(text: string, isAddress: (text: string) => boolean, bits: number): string | undefined {
  const [address = '', length, ...more] = text.split('/')
  const isWhole = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits && more.length === 0)
  return isWhole && isAddress(address) ? text : undefined
}

/** The shortest form of an IPv6 address: `2001:db8::1`. */
function shortIpv6(text: string): string | undefined {
  const found = network(text, isIpv6, 128)
  if (found === undefined) return undefined
  const [address = '', length] = found.split('/')
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  return length === undefined ? short : `${short}/${length}`
}

/** Labels of letters, digits, hyphens and underscores, the last of which is not a number; one dot before them stands for all names under them. */
const domainPattern = /^\.?(?=.{3,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/

function domain(text: string): string | undefined {
  const name = text.replace(/\.$/, '').toLowerCase()
  const ascii = /^[\x21-\x7e]*$/.test(name) ? name : asciiDomain(name)
  return domainPattern.test(ascii) ? ascii : undefined
}

/** An internationalized name as the network knows it: `xn--…`. */
const asciiDomain = (name: string) => (/[\s/?#@:\\]/.test(name) ? '' : URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : '')

/** A URL with a host, whose scheme and host are written in lower case. */
function url(text: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/?#]/i.test(text) || /[\s<>"]/.test(text) || !URL.canParse(text)) return undefined
  return text.replace(
    /^([^:]+:\/\/)((?:[^/?#]*@)?)([^/?#]*)/,
    (_, scheme: string, user: string, host: string) => `${scheme.toLowerCase()}${user}${host.toLowerCase()}`,
  )
}

/** How a value of a kind is written; undefined for what is none. Kinds that are not here have no form. */
const forms: Partial<Record<Kind, (text: string) => string | undefined>> = {
  'ipv4-addr': text => network(text, isIpv4, 32),
  'ipv6-addr': text => shortIpv6(text.toLowerCase()),
  'domain-name': domain,
  url,
  'email-addr': text => (z.email().safeParse(text.toLowerCase()).success ? text.toLowerCase() : undefined),
  'file-hash': text => (isHash(text) ? text.toLowerCase() : undefined),
}

const expected: Partial<Record<Kind, string>> = {
  'ipv4-addr': 'must be an IPv4 address or network such as 203.0.113.66 or 203.0.113.0/24',
  'ipv6-addr': 'must be an IPv6 address or network such as 2001:db8::1 or 2001:db8::/32',
  'domain-name': 'must be a domain name such as evil.example',
  url: 'must be a URL such as https://evil.example/payload',
  'email-addr': 'must be an email address',
  'file-hash': 'must be an MD5, SHA-1, SHA-2 or SHA-3 hash in hexadecimal digits',
}

/** An observable as it is written: refanged, in the form of its kind. Undefined where the value is not of the kind. */
export function normalized({ kind, value }: Observable): Observable | undefined {
  const form = forms[kind]
  const found = form === undefined ? value.trim() : form(refang(value.trim()))
  return found === undefined || found === '' ? undefined : { kind, value: found }
}

/** Each of them once, in their order. */
export function unique(observables: readonly Observable[]): Observable[] {
  return [...new Map(observables.map(observable => [`${observable.kind} ${observable.value}`, observable])).values()]
}

/** What other software calls observables: one that is not of its kind is kept as a text. */
export const fitted = (observables: readonly Observable[]): Observable[] =>
  unique(observables.map(observable => normalized(observable) ?? { kind: 'other', value: observable.value }))

/** Observables that people or programs give by the API: refanged, checked by kind, once each. */
export const ObservablesInput = z
  .array(
    Observable.transform((observable, context) => {
      const found = normalized(observable)
      if (found !== undefined) return found
      context.issues.push({ code: 'custom', path: ['value'], message: expected[observable.kind] ?? 'must not be empty', input: observable.value })
      return z.NEVER
    }),
  )
  .max(maxObservables, `must have at most ${maxObservables} observables`)
  .transform(unique)

/** Endings of file names, which are no domains. */
const fileEndings = new Set(
  'exe dll sys scr bat cmd ps1 psm1 vbs vbe js jse wsf hta jar msi lnk iso img chm docm xlsm pptm doc docx xls xlsx ppt pptx pdf rtf txt log csv json xml html htm php asp aspx jsp zip rar 7z gz tar tgz py rb pl sh elf so dylib apk dmg pkg ts md yml yaml ini conf cfg png jpg jpeg gif svg eml'.split(
    ' ',
  ),
)
const runnable = /^[\w.() -]{1,200}\.(?:exe|dll|sys|scr|bat|cmd|ps1|psm1|vbs|vbe|jse|wsf|hta|jar|msi|lnk|iso|img|chm|docm|xlsm|pptm|elf|apk|dmg)$/i

/** The observable that one word of a text is. */
function observableIn(word: string): Observable | undefined {
  const isPath = /^(?:[a-z]:\\|\\\\)[^\\]/i.test(word)
  if (isPath || runnable.test(word)) return { kind: 'file', value: word }
  const of = (kind: Kind, value = word) => normalized({ kind, value })
  if (word.includes('://')) return of('url')
  if (word.includes('@')) return of('email-addr')
  const host = word.split('/')[0] ?? ''
  const address = of('ipv4-addr') ?? of('ipv4-addr', host.replace(/:\d{1,5}$/, '')) ?? of('ipv6-addr') ?? of('file-hash')
  if (address !== undefined) return address
  const name = of('domain-name', host.replace(/:\d{1,5}$/, ''))
  // What ends as files do is none, and neither is what lacks a space after the end of a sentence.
  return name === undefined || fileEndings.has(name.value.split('.').at(-1) ?? '') || /[a-z]\.[A-Z][a-z]/.test(word) ? undefined : name
}

/** The observables in a text, as far as their form alone tells them: addresses, domains, URLs, hashes, files. In linear time. */
export function observablesIn(text: string): Observable[] {
  const found: Observable[] = []
  for (const part of refang(text).split(/[\s<>"'`|,;{}[\]()]+/)) {
    if (part.length < 4 || part.length > 2_000) continue
    const word = part.replace(/^[*_~=]{1,9}/, '').replace(/(?<![.:!?*_~/\\])[.:!?*_~]+$/, '')
    // A key before a value, as in ip=203.0.113.66.
    const observable = observableIn(word) ?? (word.includes('=') ? observableIn(word.slice(word.indexOf('=') + 1)) : undefined)
    if (observable !== undefined && isAboutSomebodyElse(observable)) found.push(observable)
  }
  return unique(found)
}

/** Addresses that stand for none. */
const nobody = new Set(['0.0.0.0', '::', '127.0.0.1', '::1'])
const isAboutSomebodyElse = ({ value }: Observable) => !nobody.has(value)

/** The observables that an alert is given, and those that stand in its text. */
export function observablesOf({
  observables,
  title,
  description,
}: {
  readonly observables: readonly Observable[]
  readonly title: string
  readonly description: string
}): Observable[] {
  return unique([...fitted(observables), ...observablesIn(`${title}\n${description}`)]).slice(0, maxObservables)
}

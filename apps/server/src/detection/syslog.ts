import { type Instant, instantAt } from '../kernel/clock.ts'
import type { LogSourceParts } from './tables.ts'

/** A message of syslog as an event, and what its log source is where its program tells. */
export interface SyslogEvent {
  readonly event: Readonly<Record<string, unknown>>
  readonly logsource: LogSourceParts
}

const severities = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Programs whose messages are a log source of their own (Sigma 2.1, taxonomy, Linux services). */
const services: ReadonlyMap<string, string> = new Map(
  Object.entries({
    sshd: 'sshd',
    'sshd-session': 'sshd',
    sudo: 'sudo',
    cron: 'cron',
    crond: 'cron',
    CRON: 'cron',
    vsftpd: 'vsftpd',
    clamd: 'clamav',
    freshclam: 'clamav',
    guacd: 'guacamole',
    audispd: 'auditd',
    auditd: 'auditd',
  }),
)

/** Every log source that a program's messages can be. */
export const syslogSources: readonly LogSourceParts[] = [...new Set([...services.values(), 'syslog'])].map(service => ({ product: 'linux', service }))

/**
 * Reads one message, in the form of RFC 5424 or of RFC 3164, with CEF inside where there is some. What has neither form is a message
 * without a header: nothing is dropped.
 * @param receivedAt ISO 8601; RFC 3164 writes no year, and takes the one that puts the message closest before this
 */
export function parseSyslog(text: string, receivedAt: string): SyslogEvent {
  const [, priority, rest = text] = /^<(\d{1,3})>(.*)$/s.exec(text) ?? []
  const code = priority === undefined || Number(priority) > 191 ? undefined : Number(priority)
  const common = code === undefined ? {} : { 'log.syslog.facility.code': code >> 3, 'log.syslog.severity.name': severities[code & 7] }
  const header = rfc5424(rest) ?? rfc3164(rest, receivedAt) ?? { message: rest }
  const { program, message, ...fields } = header as { program?: string; message: string } & Record<string, unknown>
  const cef = /^CEF:\d\|/.test(message) ? parseCef(message) : undefined
  const decoded = program === undefined ? {} : decode(services.get(program) ?? program, message)
  const event = { ...common, ...fields, ...(program === undefined ? {} : { program, 'process.name': program }), message, ...cef, ...decoded }
  if (cef !== undefined) return { event, logsource: {} }
  return { event, logsource: { product: 'linux', service: (program === undefined ? undefined : services.get(program)) ?? 'syslog' } }
}

/** A header is shorter than this (RFC 5424, 6.1, asks for 480 bytes and more to be taken): what is longer is none. */
const maxHeaderLength = 8_192

/** The time that a text says; none where it says none, or one that no event has. */
const timeOf = (text: string): Instant | undefined => instantAt(Date.parse(text))

/**
 * Reads a line of a stranger. Where that fails, the line stays as it is: it is no JSON object then, and becomes a dead letter when it is matched. No line
 * stops those behind it.
 * @returns the event as JSON, or the line
 */
export function lineOf(text: string, read: (text: string) => SyslogEvent): { line: string; logsource: LogSourceParts } {
  try {
    const { event, logsource } = read(text)
    return { line: JSON.stringify(event), logsource }
  } catch {
    return { line: text.replaceAll('\n', ' '), logsource: {} }
  }
}

/** `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG` */
function rfc5424(text: string): Record<string, unknown> | undefined {
  const match = /^1 (\S+) (\S+) (\S+) (\S+) (\S+) /.exec(text.slice(0, maxHeaderLength))
  if (match === null) return undefined
  const [header, at = '', host, program, pid, id] = match
  const data = structuredData(text, header.length)
  if (data === undefined || (data.end < text.length && text[data.end] !== ' ')) return undefined
  const said = (value: string | undefined, name: string) => (value === undefined || value === '-' ? {} : { [name]: value })
  const time = timeOf(at)
  return {
    ...(time === undefined ? {} : { '@timestamp': time }),
    ...said(host, 'host.name'),
    ...said(program, 'program'),
    ...said(pid, 'process.pid'),
    ...said(id, 'log.syslog.msgid'),
    ...(data.parameters.length === 0 ? {} : { structured_data: Object.fromEntries(data.parameters) }),
    message: text.slice(data.end + 1).replace(/^\u{feff}/u, ''),
  }
}

/**
 * Reads structured data (RFC 5424, 6.3), each character once: `-`, or elements such as `[id name="value"]`.
 * @returns the parameters by `id.name`, and where the data end; undefined for what are none
 */
function structuredData(text: string, from: number): { parameters: (readonly [string, string])[]; end: number } | undefined {
  if (text[from] === '-') return { parameters: [], end: from + 1 }
  const parameters: (readonly [string, string])[] = []
  let at = from
  while (text[at] === '[') {
    const id = wordAt(text, at + 1)
    at += 1 + id.length
    while (text[at] !== ']') {
      if (at >= text.length) return undefined
      if (text[at] === '"') {
        at = afterQuoted(text, at)
        continue
      }
      const name = text[at] === ' ' ? wordAt(text, at + 1) : ''
      at += 1 + name.length
      if (name === '' || !text.startsWith('="', at)) continue
      const end = afterQuoted(text, at + 1)
      parameters.push([`${id}.${name}`, text.slice(at + 2, end - 1).replaceAll(/\\(["\\\]])/g, '$1')])
      at = end
    }
    at += 1
  }
  return at === from ? undefined : { parameters, end: at }
}

const word = /[^\s=\]"]*/y

/** What stands before the next blank, quote, bracket or equals sign. */
function wordAt(text: string, from: number): string {
  word.lastIndex = from
  return word.exec(text)?.[0] ?? ''
}

/** Where what is quoted from here on has ended: behind the text where it does not end. */
function afterQuoted(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** `Mmm dd hh:mm:ss HOST TAG[pid]: MSG`; many write an ISO 8601 time instead. */
function rfc3164(text: string, receivedAt: string): Record<string, unknown> | undefined {
  const match = /^(?:([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d)|(\d{4}-\d\d-\d\dT\S+)) (\S+) (?:(?!CEF:)([\w./()-]{1,64})(?:\[(\d+)\])?: ?)?(.*)$/s.exec(text)
  if (match === null || match[0].length - (match.at(-1)?.length ?? 0) > maxHeaderLength) return undefined
  const [, month, day, clock, iso, host, program, pid, message = ''] = match
  const at = iso === undefined ? instantAt(withoutYear(months.indexOf(month ?? ''), Number(day), clock ?? '', receivedAt)) : timeOf(iso)
  return {
    ...(at === undefined ? {} : { '@timestamp': at }),
    'host.name': host,
    ...(program === undefined ? {} : { program }),
    ...(pid === undefined ? {} : { 'process.pid': pid }),
    message,
  }
}

function withoutYear(month: number, day: number, clock: string, receivedAt: string): number | undefined {
  if (month < 0) return undefined
  const received = Date.parse(receivedAt)
  const year = new Date(received).getUTCFullYear()
  const at = (candidate: number) => Date.parse(`${candidate}-${String(month + 1).padStart(2, '0')}-${String(day).padStart(2, '0')}T${clock}Z`)
  // A day ahead is a clock that is off; more is last year's.
  return at(year) > received + 86_400_000 ? at(year - 1) : at(year)
}

/** `CEF:Version|Vendor|Product|Version|Signature|Name|Severity|Extension` (ArcSight Common Event Format). */
function parseCef(text: string): Record<string, string> {
  const parts = text.split(/(?<!\\)\|/)
  const plain = (part = '') => part.replaceAll(/\\([|\\])/g, '$1')
  const [, vendor, product, version, signature, name, severity] = parts
  const extension = parts.slice(7).join('|')
  // A value goes on to the next " key=": found by the keys, so that it takes one pass however the message is made.
  const keys = [...extension.matchAll(/(?:^|\s)([\w.[\]-]+)=/g)]
  const fields = Object.fromEntries(
    keys.map((key, i) => {
      const value = extension.slice(key.index + key[0].length, keys[i + 1]?.index)
      return [key[1] ?? '', value.replaceAll(/\\([=\\])/g, '$1').replaceAll('\\n', '\n')]
    }),
  )
  return {
    ...fields,
    DeviceVendor: plain(vendor),
    DeviceProduct: plain(product),
    DeviceVersion: plain(version),
    SignatureID: plain(signature),
    Name: plain(name),
    Severity: plain(severity),
  }
}

/** What sshd and sudo say in sentences, as fields of the Elastic Common Schema. */
function decode(service: string, message: string): Record<string, string> {
  if (service === 'sshd') {
    const failed = /^(?:Failed \S+ for (?:invalid user )?(\S*)|Invalid user (\S*)) from (\S+)/.exec(message)
    const accepted = /^Accepted \S+ for (\S+) from (\S+)/.exec(message)
    if (failed !== null)
      return { 'event.action': 'ssh_login', 'event.outcome': 'failure', 'user.name': failed[1] ?? failed[2] ?? '', 'source.ip': failed[3] ?? '' }
    if (accepted !== null) return { 'event.action': 'ssh_login', 'event.outcome': 'success', 'user.name': accepted[1] ?? '', 'source.ip': accepted[2] ?? '' }
  }
  // No part of it can begin where another is still read, so that it takes one pass.
  const sudo = service === 'sudo' ? /^\s*(\S+) : .*?USER=([^\s=]+) ; COMMAND=(.*)$/s.exec(message) : null
  return sudo === null ? {} : { 'user.name': sudo[1] ?? '', 'user.effective.name': sudo[2] ?? '', CommandLine: sudo[3] ?? '' }
}

/**
 * Cuts a stream into messages (RFC 6587): by the count of octets that stands before each, or by newlines.
 * @returns the messages that are whole, and what is left
 */
export function frames(buffer: Buffer): { messages: Buffer[]; rest: Buffer } {
  const messages: Buffer[] = []
  let at = 0
  while (at < buffer.length) {
    const count = /^(\d{1,7}) </.exec(buffer.toString('latin1', at, at + 10))
    if (count !== null) {
      const from = at + (count[1]?.length ?? 0) + 1
      const to = from + Number(count[1])
      if (to > buffer.length) break
      messages.push(buffer.subarray(from, to))
      at = to
      continue
    }
    const end = buffer.indexOf(10, at)
    if (end < 0) break
    messages.push(buffer.subarray(at, end))
    at = end + 1
  }
  return { messages, rest: buffer.subarray(at) }
}

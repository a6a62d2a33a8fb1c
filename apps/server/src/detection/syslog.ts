import type { LogSourceParts } from './tables.ts'

/** A message of syslog as an event, and what its log source is where its program tells. */
export interface SyslogEvent {
  readonly event: Readonly<Record<string, unknown>>
  readonly logsource: LogSourceParts
}

const severities = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Programs whose messages are a log source of their own (Sigma 2.1, taxonomy, Linux services). */
const services: Readonly<Record<string, string>> = {
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
}

/** Every log source that a program's messages can be. */
export const syslogSources: readonly LogSourceParts[] = [...new Set([...Object.values(services), 'syslog'])].map(service => ({ product: 'linux', service }))

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
  const decoded = program === undefined ? {} : decode(services[program] ?? program, message)
  const event = { ...common, ...fields, ...(program === undefined ? {} : { program, 'process.name': program }), message, ...cef, ...decoded }
  if (cef !== undefined) return { event, logsource: {} }
  return { event, logsource: { product: 'linux', service: (program === undefined ? undefined : services[program]) ?? 'syslog' } }
}

/** `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG` */
function rfc5424(text: string): Record<string, unknown> | undefined {
  const match = /^1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)(?: (.*))?$/s.exec(text)
  if (match === null) return undefined
  const [, at = '', host, program, pid, id, data = '-', message = ''] = match
  const said = (value: string | undefined, name: string) => (value === undefined || value === '-' ? {} : { [name]: value })
  const time = Date.parse(at)
  const parameters: Record<string, string> = {}
  for (const [, element = '', inner = ''] of data.matchAll(/\[(\S+?)((?: [^\s=\]"]+="(?:[^"\\]|\\.)*")*)\]/g))
    for (const [, name = '', value = ''] of inner.matchAll(/ ([^\s=\]"]+)="((?:[^"\\]|\\.)*)"/g))
      parameters[`${element}.${name}`] = value.replaceAll(/\\(["\\\]])/g, '$1')
  return {
    ...(Number.isNaN(time) ? {} : { '@timestamp': new Date(time).toISOString() }),
    ...said(host, 'host.name'),
    ...said(program, 'program'),
    ...said(pid, 'process.pid'),
    ...said(id, 'log.syslog.msgid'),
    ...(Object.keys(parameters).length === 0 ? {} : { structured_data: parameters }),
    message: message.replace(/^\u{feff}/u, ''),
  }
}

/** `Mmm dd hh:mm:ss HOST TAG[pid]: MSG`; many write an ISO 8601 time instead. */
function rfc3164(text: string, receivedAt: string): Record<string, unknown> | undefined {
  const match = /^(?:([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d)|(\d{4}-\d\d-\d\dT\S+)) (\S+) (?:(?!CEF:)([\w./()-]{1,64})(?:\[(\d+)\])?: ?)?(.*)$/s.exec(text)
  if (match === null) return undefined
  const [, month, day, clock, iso, host, program, pid, message = ''] = match
  const at = iso === undefined ? withoutYear(months.indexOf(month ?? ''), Number(day), clock ?? '', receivedAt) : Date.parse(iso)
  return {
    ...(at === undefined || Number.isNaN(at) ? {} : { '@timestamp': new Date(at).toISOString() }),
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
  const sudo = service === 'sudo' ? /^\s*(\S+) : .*?USER=(\S+) ; COMMAND=(.*)$/s.exec(message) : null
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

import { parseAuditd } from './auditd.ts'
import { lineOf, parseSyslog, type SyslogEvent } from './syslog.ts'
import type { LogSourceParts } from './tables.ts'

/** Lines of a file as events: JSON as it stands, auditd's records, syslog; anything else is a message. By what they are. */
export function eventsOf(bytes: Buffer, path: string, readAt: string): { lines: Buffer; logsource: LogSourceParts }[] {
  const groups = new Map<string, { logsource: LogSourceParts; lines: string[] }>()
  for (const row of bytes.toString('utf8').split('\n')) {
    const text = row.replace(/\r$/, '')
    if (text.trim() === '') continue
    const { line, logsource } = /^\s*\{/.test(text) ? { line: text, logsource: {} } : lineOf(text, one => eventOf(one, path, readAt))
    const key = JSON.stringify(logsource)
    const group = groups.get(key) ?? { logsource, lines: [] }
    groups.set(key, group)
    group.lines.push(line)
  }
  return [...groups.values()].map(({ logsource, lines }) => ({ logsource, lines: Buffer.from(`${lines.join('\n')}\n`) }))
}

function eventOf(text: string, path: string, readAt: string): SyslogEvent {
  const record = parseAuditd(text)
  const { event, logsource } = record === undefined ? parseSyslog(text, readAt) : { event: record, logsource: { product: 'linux', service: 'auditd' } }
  return { event: { ...event, 'log.file.path': path }, logsource }
}

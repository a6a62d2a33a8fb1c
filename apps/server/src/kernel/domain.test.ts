import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** Words of the domain. A page of a list, in cursor.ts, is none of them, nor are the names of lanes. */
const domain = /acknowledg|\balerts?\b|\bpaged?\b|\bpages\b|escalat|incident|on.?call\b|slack|twilio|\bteams\b|ntfy|smtp|syslog|taxii/i
const allowed: Readonly<Record<string, RegExp>> = {
  'cursor.ts': /\bpage\b/,
  'jobs/lanes.ts': /escalation|'paging'/,
  // A protocol to send by, as HTTP is one in outbound.ts.
  'syslog-sender.ts': /syslog/i,
  'receiver-address.ts': /syslog/i,
}

test('the kernel knows no page, alert or incident, no channel and no source of events', () => {
  const files = readdirSync(import.meta.dirname, { encoding: 'utf8', recursive: true }).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  expect(files.length).toBeGreaterThan(20)
  const found = files.flatMap(name =>
    readFileSync(join(import.meta.dirname, name), 'utf8')
      .replaceAll(/\/\*[\s\S]*?\*\//g, '')
      .split('\n')
      .map(line => line.replace(/(^|\s)\/\/ .*$/, ''))
      .filter(line => domain.test(line) && !allowed[name]?.test(line))
      .map(line => `${name}: ${line.trim()}`),
  )
  expect(found).toEqual([])
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApiKey } from '../apps/server/src/access/api-keys.ts'
import { addPerson, type Caller } from '../apps/server/src/access/index.ts'
import { readConfig } from '../apps/server/src/app/config.ts'
import { startServer } from '../apps/server/src/app/server.ts'
import { systemClock } from '../apps/server/src/kernel/clock.ts'
import { startEmbeddedPostgres } from '../apps/server/src/kernel/embedded-postgres.ts'
import { openLog } from '../apps/server/src/kernel/telemetry.ts'
import { seed } from '../scripts/seed-data.ts'

/** How long reads take at the server, with much data: one after the other, each over HTTP. */
const alerts = Number(process.env.ALERTS ?? 1_000_000)
const incidents = Number(process.env.INCIDENTS ?? alerts / 10)
const times = Number(process.env.TIMES ?? 100)
const aimMs = 50

const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
const log = openLog('error', false)
const postgres = await startEmbeddedPostgres(join(folder, 'postgres'), log)
const env = { ...process.env, TOCSIN_DATA: folder, PORT: '0', DATABASE_URL: postgres.url, DATABASE_OWNER_URL: postgres.ownerUrl, TOCSIN_LOG_LEVEL: 'error' }
const server = await startServer(readConfig(env), log, systemClock, { paging: 'elsewhere' })
const origin = server.origin.replace('localhost', '127.0.0.1')
const secret = await server.context.database.transaction(async tx => {
  const person = await addPerson(tx, { name: 'Bench', email: 'bench@tocsin.test', role: 'lead', passwordHash: null, isDemo: false })
  const actor = { kind: 'person', id: person.id, name: person.name } as const
  const caller: Caller = { actor, personId: person.id, role: person.role, needToKnow: 'own', sessionId: null }
  const key = {
    name: 'bench',
    seesRestricted: false,
    networks: [],
    expiresInDays: 1,
    scopes: ['alerts:read', 'catalog:read', 'incidents:read', 'detection:read'] as const,
  }
  return (await createApiKey(tx, caller, { ...key, scopes: [...key.scopes] })).secret
})
const seedStart = Date.now()
await seed(postgres.ownerUrl, { alerts, incidents, isForced: false, say: sentence => process.stdout.write(`${sentence}\n`) })
const seedSeconds = Math.round((Date.now() - seedStart) / 1_000)

const get = async (path: string) => {
  const reply = await fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${secret}` } })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${text.slice(0, 300)}`)
  return text
}
const idOf = (text: string) => /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? ''
const alertId = idOf(await get('/api/v1/alerts?limit=1'))
const list =
  (view: string, filter: string, more = '') =>
  (n: number) =>
    `/api/v1/alerts?view=${view}&limit=50&filter=${encodeURIComponent(filter.replaceAll('{n}', String(n * 97)))}${more}`
const search = (q: string) => (n: number) => `/api/v1/search?q=${encodeURIComponent(q.replaceAll('{n}', String(n * 97)))}`
const reads: readonly (readonly [string, (n: number) => string])[] = [
  ['triage, most severe first', list('triage', '')],
  ['triage by last seen', list('triage', '', '&sort=lastSeen')],
  ['all, newest first', list('all', '')],
  ['all, most severe first', list('all', '', '&sort=severity')],
  ['all by count', list('all', '', '&sort=count')],
  ['severity:critical source:okta', list('all', 'severity:critical source:okta')],
  ['service, not a source', list('all', 'service:seed-service-7 -source:okta')],
  ['host:host-N', list('all', 'host:host-{n}')],
  ['host:host-N*', list('all', 'host:host-1{n}*')],
  ['user and severity', list('all', 'user:user-{n} severity:high,critical')],
  ['rule', list('all', 'rule:rule-7')],
  ['label.env:prod label.region:r3', list('all', 'label.env:prod label.region:r3')],
  ['text, common', list('all', 'powershell')],
  ['text, rare', list('all', '"host-1{n} by"')],
  ['text, none, then similar', list('all', 'powershel1xq')],
  ['count:>12 age:>30d', list('all', 'count:>12 age:>30d')],
  ['facets of triage', () => '/api/v1/alerts/facets?view=triage'],
  ['facets of all', () => '/api/v1/alerts/facets?view=all'],
  ['facets of a filter', () => '/api/v1/alerts/facets?view=all&filter=severity:critical'],
  ['search: host', search('host-1{n}')],
  ['search: common word', search('powershell')],
  ['search: typing error', search('powershll')],
  ['search: INC-N', search('INC-{n}')],
  ['counters', () => '/api/v1/counters'],
  ['one alert', () => `/api/v1/alerts/${alertId}`],
  ['open incidents', () => '/api/v1/incidents?limit=50'],
  ['incidents: text, all', () => '/api/v1/incidents?view=all&limit=50&filter=site-4711'],
]
const rows: string[] = []
const seconds = Number(process.env.SECONDS ?? 5)
for (const [what, path] of reads) {
  try {
    const taken: number[] = []
    const end = Date.now() + seconds * 1_000
    await get(path(0))
    for (let n = 1; n <= times && Date.now() < end; n += 1) {
      const start = performance.now()
      await get(path(n))
      taken.push(performance.now() - start)
    }
    const sorted = taken.toSorted((one, other) => one - other)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    rows.push(`| ${what} | ${at(0.5).toFixed(1)} | ${at(0.99).toFixed(1)} | ${at(0.99) <= aimMs ? 'yes' : 'no'} | ${taken.length} |`)
  } catch (error) {
    rows.push(`| ${what} | failed: ${error instanceof Error ? error.message.replaceAll('|', '/').slice(0, 150) : ''} | | no | |`)
  }
  process.stdout.write(`${rows.at(-1)}\n`)
}
const report = `# Reads at the server

\`npm run bench -- api\` on ${new Date().toISOString().slice(0, 10)}: ${alerts.toLocaleString('en-US')} alerts and ${incidents.toLocaleString('en-US')} incidents, seeded in ${seedSeconds} s; ${cpus().length} cores (${cpus()[0]?.model ?? ''}), ${Math.round(totalmem() / 2 ** 30)} GB, shared with other work. Over HTTP, one after the other; aim: 99% within ${aimMs} ms.

| read | median ms | 99% ms | within the aim | times |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
if (alerts >= 1_000_000 || process.env.WRITE === 'yes') await writeFile(fileURLToPath(new URL('./api.md', import.meta.url)), report)
await server.stop()
await postgres.stop()
await rm(folder, { recursive: true, force: true })

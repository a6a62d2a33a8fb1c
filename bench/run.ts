import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from '@tocsin/api'
import { createApiKey } from '../apps/server/src/access/api-keys.ts'
import type { Caller } from '../apps/server/src/access/index.ts'
import { addPerson } from '../apps/server/src/access/index.ts'
import { readConfig } from '../apps/server/src/app/config.ts'
import { startServer } from '../apps/server/src/app/server.ts'
import { systemClock } from '../apps/server/src/kernel/clock.ts'
import { openLog } from '../apps/server/src/kernel/telemetry.ts'
import { freePort, hasAlertmanager, startAlertmanager } from '../apps/server/test/alertmanager.ts'
import { startMailServer } from '../apps/server/test/mailbox.ts'

interface Row {
  readonly what: string
  readonly ours: string
  readonly reference: string
  readonly ratio: string
}

const connections = 8
const secondsEach = 5
const quantile = (values: readonly number[], q: number) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0

/** Requests a second that `send` gets through on eight connections, times the alerts in each. */
async function throughput(send: (n: number) => Promise<Response>, alertsEach: number): Promise<number> {
  const end = Date.now() + secondsEach * 1_000
  let sent = 0
  const started = Date.now()
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      for (let n = 0; Date.now() < end; n += 1) {
        const reply = await send(connection * 1_000_000 + n)
        await reply.arrayBuffer()
        if (!reply.ok) throw new Error(`refused: ${reply.status}`)
        sent += alertsEach
      }
    }),
  )
  return sent / ((Date.now() - started) / 1_000)
}

async function untilServed(port: number): Promise<number> {
  const started = performance.now()
  for (;;) {
    const isServed = await fetch(`http://127.0.0.1:${port}/`).then(
      reply => reply.ok,
      () => false,
    )
    if (isServed) return performance.now() - started
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** `npm start` once installed, from the command to the first page. */
async function startTimes(): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
  const port = await freePort()
  const times: number[] = []
  for (let run = 0; run < 6; run += 1) {
    const child: ChildProcess = spawn('npm', ['start', '--', '--port', String(port)], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, TOCSIN_DATA: folder },
      stdio: 'ignore',
      detached: true,
    })
    times.push(await untilServed(port))
    process.kill(-(child.pid ?? 0), 'SIGINT')
    await new Promise(resolve => child.once('exit', resolve))
  }
  await rm(folder, { recursive: true, force: true })
  // The first start makes the database cluster.
  return times.slice(1)
}

const rows: Row[] = []
const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
const mail = await startMailServer()
// The pager is a process of its own, as with `npm start`, and reads the environment.
Object.assign(process.env, { TOCSIN_DATA: folder, PORT: '0', SMTP_URL: mail.url, TOCSIN_LOG_LEVEL: 'error' })
const server = await startServer(readConfig(process.env), openLog('error', false), systemClock, { paging: 'beside' })
const origin = server.origin.replace('localhost', '127.0.0.1')
/** Each gets so few pages a minute that none is bundled. */
const responders = 50
const apiKey = await server.context.database.transaction(async tx => {
  for (let n = 0; n < responders; n += 1)
    await addPerson(tx, { name: `Responder ${n}`, email: `responder.${n}@tocsin.test`, role: 'responder', passwordHash: null, isDemo: false })
  const person = await addPerson(tx, { name: 'Bench', email: 'bench@tocsin.test', role: 'administrator', passwordHash: null, isDemo: false })
  const caller: Caller = {
    actor: { kind: 'person', id: person.id, name: person.name },
    personId: person.id,
    role: person.role,
    needToKnow: 'own',
    sessionId: null,
  }
  return (
    await createApiKey(tx, caller, {
      ...{ name: 'bench', seesRestricted: false, networks: [], expiresInDays: 1 },
      scopes: ['alerts:write', 'alerts:read', 'catalog:read', 'catalog:write', 'incidents:read', 'incidents:write', 'detection:read', 'detection:write'],
    })
  ).secret
})
const call = createClient({ origin, apiKey })
const { people } = await call('people')
const engineering = await call('saveTeam', { body: { name: 'Engineering', kind: 'engineering', memberIds: [] } })
for (const [n, person] of people.filter(one => one.role === 'responder').entries()) {
  const security = await call('saveTeam', { body: { name: `Security ${n}`, kind: 'security', memberIds: [person.id] } })
  await call('saveService', { body: { name: `service ${n}`, securityTeamId: security.id, engineeringTeamId: engineering.id, pageFrom: 'high' } })
}

// From an alert accepted to its page in the hands of the mail server.
const delays: number[] = []
for (let n = 0; n < 200; n += 1) {
  await call('createAlerts', { body: { title: `Page ${n}`, severity: 'high', service: `service ${n % responders}` } })
  const accepted = performance.now()
  while (!mail.mails.some(each => each.subject.endsWith(`Page ${n}`))) await new Promise(resolve => setTimeout(resolve, 1))
  delays.push(performance.now() - accepted)
}
rows.push({
  what: 'alert accepted → page taken by the mail server, 200 one by one, p50 / p99',
  ours: `${quantile(delays, 0.5).toFixed(0)} / ${quantile(delays, 0.99).toFixed(0)} ms`,
  reference: 'target: 1,000 ms',
  ratio: `${(1_000 / quantile(delays, 0.99)).toFixed(1)}× inside`,
})

// From a command of one person to the update of another's open page.
const received: string[] = []
const stream = await fetch(`${origin}/api/v1/live`, { headers: { authorization: `Bearer ${apiKey}` } })
void (async () => {
  const decoder = new TextDecoder()
  for await (const chunk of stream.body ?? []) received.push(decoder.decode(chunk))
})().catch(() => undefined)
const told: number[] = []
for (let n = 0; n < 100; n += 1) {
  const acted = performance.now()
  const { id } = await call('openIncident', { body: { title: `Live ${n}`, reason: 'Measured.' } })
  while (!received.some(text => text.includes(id))) await new Promise(resolve => setTimeout(resolve, 1))
  told.push(performance.now() - acted)
}
rows.push({
  what: 'command sent → received by another open page, 100 one by one, p50 / p99',
  ours: `${quantile(told, 0.5).toFixed(0)} / ${quantile(told, 0.99).toFixed(0)} ms`,
  reference: 'target: 1,000 ms',
  ratio: `${(1_000 / quantile(told, 0.99)).toFixed(1)}× inside`,
})

// From an event sent by the bulk API to an open page receiving its alert, with the public rules enabled where they are at hand.
const archive = fileURLToPath(new URL('../../shared/sigma/sigmahq-rules.tar.gz', import.meta.url))
if (existsSync(archive)) {
  const form = new FormData()
  form.append('files', new Blob([new Uint8Array(readFileSync(archive))]), 'rules.tar.gz')
  const reply = await fetch(`${origin}/api/v1/detection/import`, { method: 'POST', body: form, headers: { authorization: `Bearer ${apiKey}` } })
  if (!reply.ok) throw new Error(await reply.text())
}
await call('createDetectionRule', {
  body: { text: 'title: Bench\nid: bench\nlogsource: {}\ndetection:\n  s:\n    marker: yes-it-is\n  condition: s\nlevel: low\n' },
})
const { url } = await call('createLogSource', { body: { name: 'Bench' } })
const bulk = `${origin}/in/${url.split('/').at(-1)}/elastic/_bulk`
await server.context.readers.drain()
await server.detection.detector.settle()
const { rules: enabledCount } = await call('detectionStatus')
const seen: number[] = []
for (let n = 0; n < 100; n += 1) {
  const before = received.join('').split('"alert.received"').length
  const sent = performance.now()
  await fetch(bulk, { method: 'POST', body: `{"create":{}}\n${JSON.stringify({ marker: 'yes-it-is', host: { name: `h${n}` } })}\n` })
  while (received.join('').split('"alert.received"').length === before) await new Promise(resolve => setTimeout(resolve, 1))
  seen.push(performance.now() - sent)
}
rows.push({
  what: `event sent by \`_bulk\`, ${enabledCount.toLocaleString('en')} rules enabled → its alert received by an open page, 100 one by one, p50 / p99`,
  ours: `${quantile(seen, 0.5).toFixed(0)} / ${quantile(seen, 0.99).toFixed(0)} ms`,
  reference: 'target: 2,000 ms',
  ratio: `${(2_000 / quantile(seen, 0.99)).toFixed(1)}× inside`,
})

// Alerts accepted: ours are on disk before they are acknowledged, Alertmanager's are in memory.
const alertmanagerUrl = hasAlertmanager ? await startAlertmanager('http://127.0.0.1:9/') : undefined
for (const [each, label] of [
  [1, 'one a request'],
  [50, 'fifty a request'],
] as const) {
  const ours = await throughput(
    n =>
      fetch(`${origin}/api/v1/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
        body: JSON.stringify(Array.from({ length: each }, (_, m) => ({ title: 'Load', severity: 'low', dedupKey: `${n}-${m}`, labels: { host: `h${m}` } }))),
      }),
    each,
  )
  const theirs = alertmanagerUrl
    ? await throughput(
        n =>
          alertmanagerUrl.post(
            Array.from({ length: each }, (_, m) => ({ labels: { alertname: 'Load', host: `h${m}`, n: String(n) }, annotations: { summary: 'Load' } })),
          ),
        each,
      )
    : undefined
  rows.push({
    what: `new alerts accepted a second, ${label}, ${connections} connections`,
    ours: ours.toFixed(0),
    reference: theirs === undefined ? 'Alertmanager not installed' : `Alertmanager 0.25 (in memory): ${theirs.toFixed(0)}`,
    ratio: theirs === undefined ? '–' : (ours / theirs).toFixed(2),
  })
}
await alertmanagerUrl?.stop()
await server.stop()
await mail.stop()
await rm(folder, { recursive: true, force: true })

const starts = await startTimes()
rows.push({
  what: '`npm start` once installed, to the first page, median of 5',
  ours: `${quantile(starts, 0.5).toFixed(0)} ms`,
  reference: 'target: 3,000 ms',
  ratio: `${(3_000 / quantile(starts, 0.5)).toFixed(1)}× inside`,
})

const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
const table = [
  '| what | Tocsin | reference | ratio |',
  '| --- | --- | --- | --- |',
  ...rows.map(row => `| ${row.what} | ${row.ours} | ${row.reference} | ${row.ratio} |`),
].join('\n')
const text = `# Last results\n\n${new Date().toISOString().slice(0, 10)}, ${machine}. Server, database, load and reference share the machine. \`npm run bench\` writes this file.\n\n${table}\n`
await writeFile(new URL('./results.md', import.meta.url), text)
process.stdout.write(text)
process.exit(0)

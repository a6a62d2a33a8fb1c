/**
 * What strangers and broken senders send, a hundred requests of each kind at eight at a time, on a server of its own process: how long ordinary requests beside
 * them take, of which one of each is sent every 20 ms, and how much memory the server needs. The hostile ones come from a thread of their own, so
 * that making them is not measured.
 */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { createClient } from '@tocsin/api'
import { addPerson } from '../apps/server/src/access/index.ts'
import { apiKeys } from '../apps/server/src/access/tables.ts'
import { addDays, systemClock } from '../apps/server/src/kernel/clock.ts'
import { openDatabase } from '../apps/server/src/kernel/database.ts'
import { startEmbeddedPostgres } from '../apps/server/src/kernel/embedded-postgres.ts'
import { newId } from '../apps/server/src/kernel/ids.ts'
import { randomSecret, secretDigest } from '../apps/server/src/kernel/secrets.ts'
import { openLog } from '../apps/server/src/kernel/telemetry.ts'
import { freePort } from '../apps/server/test/alertmanager.ts'

const atOnce = 8
const everyMs = 20
const mebibyte = 1_048_576
const count = Number(process.env.REQUESTS ?? 100)
/** A kind that takes longer is stopped, and the table says how many were answered. */
const maxSeconds = Number(process.env.SECONDS ?? 60)

/** What a sender knows. */
interface Target {
  readonly origin: string
  readonly apiKey: string
  readonly integration: string
  readonly source: string
  readonly syslogPort: number
  readonly incidentId: string
  readonly listId: string
}

/** Sends one; `n` counts them. */
type Send = (n: number) => Promise<unknown>

const post = async (url: string, body: string | Uint8Array<ArrayBuffer> | FormData, headers: Readonly<Record<string, string>> = {}) => {
  const reply = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(60_000) })
  await reply.arrayBuffer()
  return reply.status
}

/** An archive of one file of zeros. */
function archiveOf(bytes: number): Buffer {
  const header = Buffer.alloc(512)
  header.write('rule.yml')
  header.write('0000644\0', 100)
  header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  header.write(
    `${[...header]
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return gzipSync(Buffer.concat([header, Buffer.alloc(bytes + 1_024)]))
}

const kinds: Readonly<Record<string, (target: Target) => Send>> = {
  'JSON of 4 MB, nested, to an integration': ({ integration }) => {
    const body = `${'['.repeat(2 * mebibyte - 1)}${']'.repeat(2 * mebibyte - 1)}`
    return () => post(`${integration}/alertmanager`, body, json)
  },
  'JSON of 3.9 MB with 190,000 keys, to an integration': ({ integration }) => {
    const body = JSON.stringify(Object.fromEntries(Array.from({ length: 190_000 }, (_, n) => [`key-${n}`, 'value'])))
    return () => post(`${integration}/alertmanager`, body, json)
  },
  'JSON of 4 MB, nested, to the API': ({ origin, apiKey }) => {
    const body = `${'['.repeat(2 * mebibyte - 1)}${']'.repeat(2 * mebibyte - 1)}`
    return () => post(`${origin}/api/v1/alerts`, body, { ...json, authorization: `Bearer ${apiKey}` })
  },
  'JSON of 60 kB to the sign-in': ({ origin }) => {
    const body = '['.repeat(60_000)
    return () => post(`${origin}/api/v1/session`, body, { ...json, origin })
  },
  '60 kB of [ by syslog (UDP)': ({ syslogPort }) => {
    const socket = createSocket('udp4').unref()
    const message = Buffer.from(`<13>1 2026-01-01T00:00:00Z h app - - ${'['.repeat(60_000)} x`)
    return async () => {
      await new Promise<void>((resolve, reject) => socket.send(message, syslogPort, '127.0.0.1', error => (error ? reject(error) : resolve())))
      await sleep(10)
    }
  },
  '60 kB of [ as events': ({ source }) => {
    const body = '['.repeat(60_000)
    return () => post(`${source}/events`, body)
  },
  'gzip of 1 GB of zeros': ({ source }) => {
    const body = new Uint8Array(gzipSync(Buffer.alloc(1_024 * mebibyte)))
    return () => post(`${source}/events`, body, { 'content-encoding': 'gzip' })
  },
  'bulk of 50,000 items, 30 MB': ({ source }) => {
    const body = `{"create":{}}\n${JSON.stringify({ message: 'x'.repeat(580) })}\n`.repeat(50_000)
    return () => post(`${source}/elastic/_bulk`, body)
  },
  'OTLP of 32 MB': ({ source }) => {
    const logRecords = Array.from({ length: 200_000 }, (_, n) => ({ timeUnixNano: '1', body: { stringValue: `${n} ${'x'.repeat(100)}` } }))
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }).slice(0, 32 * mebibyte)
    return () => post(`${source}/v1/logs`, body, json)
  },
  'rule whose aliases come to ten million values': ({ origin, apiKey }) => {
    const values = Array.from({ length: 20_000 }, (_, n) => `v${n}`).join(',')
    const doubled = Array.from({ length: 9 }, (_, n) => `  a${n + 1}: &a${n + 1} [*a${n},*a${n}]`).join('\n')
    return ruleSender(origin, apiKey, `  a0: &a0 [${values}]\n${doubled}\n  s:\n    field: *a9\n  condition: s\n`)
  },
  'rule of 170 kB with 9,000 values': ({ origin, apiKey }) => {
    const values = Array.from({ length: 9_000 }, (_, n) => `      - '*v-${n}*'`).join('\n')
    return ruleSender(origin, apiKey, `  s:\n    field|contains:\n${values}\n  condition: s\n`)
  },
  'archive of rules with 1 GB of zeros': ({ origin, apiKey }) => {
    const archive = new Uint8Array(archiveOf(1_000 * mebibyte))
    return () => post(`${origin}/api/v1/detection/import`, formOf('rules.tar.gz', archive), { authorization: `Bearer ${apiKey}` })
  },
  'reports with five files of 4 MB, each from another address': ({ origin }) => {
    const file = new Uint8Array(4 * mebibyte)
    return n => {
      const form = new FormData()
      for (const [name, value] of Object.entries({ audience: 'employee', text: 'Odd.', contactName: 'Kim', contactEmail: 'kim@customer.test' }))
        form.append(name, value)
      for (let one = 0; one < 5; one += 1) form.append('files', new Blob([file]), 'file.bin')
      return post(`${origin}/api/v1/reports`, form, { 'x-forwarded-for': `198.51.100.${n % 250}` })
    }
  },
  'bodies that come a byte at a time, for two seconds':
    ({ origin }) =>
    async () => {
      const sending = request(`${origin}/api/v1/session`, { method: 'POST', headers: { ...json, origin, 'content-length': 60_000 } })
      sending.on('error', () => undefined)
      for (let sent = 0; sent < 100; sent += 1) {
        sending.write('[')
        await sleep(20)
      }
      sending.destroy()
    },
  'notes of 50 kB of table rows': ({ origin, apiKey, incidentId }) => {
    const body = JSON.stringify({ markdown: `|a|b|\n|-|-|\n${'|x|y|\n'.repeat(8_000)}`.slice(0, 49_000) })
    return () => post(`${origin}/api/v1/incidents/${incidentId}/notes`, body, { ...json, authorization: `Bearer ${apiKey}` })
  },
  'indicators of 8 MB (CSV)': ({ origin, apiKey, listId }) => {
    const list = new TextEncoder().encode(Array.from({ length: 8 * 40_000 }, (_, n) => `host-${n}.evil.example`).join('\n'))
    return () => post(`${origin}/api/v1/detection/indicator-lists/${listId}/import`, formOf('list.csv', list), { authorization: `Bearer ${apiKey}` })
  },
  'indicators of 8 MB (STIX)': ({ origin, apiKey, listId }) => {
    const objects = Array.from({ length: 40_000 }, (_, n) => ({
      ...{ type: 'indicator', spec_version: '2.1', id: `indicator--${newId()}`, created: '2026-01-01T00:00:00Z', modified: '2026-01-01T00:00:00Z' },
      ...{ pattern: `[domain-name:value = 'host-${n}.evil.example']`, pattern_type: 'stix', valid_from: '2026-01-01T00:00:00Z' },
    }))
    const list = new TextEncoder().encode(JSON.stringify({ type: 'bundle', id: `bundle--${newId()}`, objects }))
    return () => post(`${origin}/api/v1/detection/indicator-lists/${listId}/import`, formOf('list.json', list), { authorization: `Bearer ${apiKey}` })
  },
}

/** Sends a rule to be checked. */
function ruleSender(origin: string, apiKey: string, detection: string): Send {
  const body = JSON.stringify({ text: `title: Large\nlogsource:\n  product: linux\ndetection:\n${detection}` })
  return () => post(`${origin}/api/v1/detection/check`, body, { ...json, authorization: `Bearer ${apiKey}` })
}

const json = { 'content-type': 'application/json' }

function formOf(name: string, content: Uint8Array<ArrayBuffer>): FormData {
  const form = new FormData()
  form.append('files', new Blob([content]), name)
  return form
}

/** In the thread of the sender: sends all of a kind, and tells how they were answered. */
async function sendAll({ kind, target }: { readonly kind: string; readonly target: Target }): Promise<void> {
  const send = kinds[kind]?.(target)
  if (send === undefined || parentPort === null) throw new Error(`there is no kind ${kind}`)
  parentPort.postMessage('ready')
  await once(parentPort, 'message')
  const answers = new Map<string, number>()
  const end = Date.now() + maxSeconds * 1_000
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count && Date.now() < end) {
        const n = next++
        const answer = await send(n).then(
          status => String(status ?? 'sent'),
          () => 'no answer',
        )
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
      }
    }),
  )
  parentPort.postMessage(answers)
}

/** What was measured beside one kind: how long ordinary requests took, and how much more memory than before was needed. */
interface Measured {
  readonly answers: string
  readonly gets: readonly number[]
  readonly posts: readonly number[]
  readonly aboveIdleBytes: number
  /** By how much the measuring process itself was late at the most: what it sends and gets cannot be measured more exactly. */
  readonly ownDelayMs: number
}

/** Measures beside a kind, or beside nothing, on a server of its own: nothing of one kind is left when the next is measured. */
async function measureBeside(kind: string | undefined): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
  const postgres = await startEmbeddedPostgres(join(folder, 'postgres'), openLog('error', false))
  const [port, syslogPort] = [await freePort(), await freePort()]
  const child = spawn(process.execPath, [fileURLToPath(new URL('../packages/cli/src/main.ts', import.meta.url)), 'serve'], {
    env: {
      ...{ PATH: process.env.PATH, TOCSIN_DATA: join(folder, 'data'), DATABASE_URL: postgres.url, DATABASE_OWNER_URL: postgres.ownerUrl, PORT: String(port) },
      ...{ TOCSIN_SYSLOG_UDP: String(syslogPort), TOCSIN_TRUST_PROXY: 'true', TOCSIN_LOG_LEVEL: 'error' },
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const origin = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${origin}/readyz`).then(
      reply => reply.ok,
      () => false,
    )
  while (!(await isReady())) await sleep(100)
  const rssBytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024

  // One caller may send 1,200 requests of a route a minute: the ordinary ones come from several.
  const database = openDatabase(postgres.url, systemClock, openLog('error', false), { poolSize: 1 })
  const keys = await database.transaction(async tx => {
    const person = await addPerson(tx, { name: 'Bench', email: 'bench@tocsin.test', role: 'administrator', passwordHash: null, isDemo: false })
    const made: string[] = []
    for (let n = 0; n < 5; n += 1) {
      const [id, secret] = [newId(), randomSecret()]
      await tx.db.insert(apiKeys).values({
        ...{ id, name: `bench ${n}`, secretDigest: secretDigest(secret), createdBy: person.id, createdAt: tx.now, expiresAt: addDays(tx.now, 1) },
        ...{
          role: 'administrator',
          scopes: ['alerts:write', 'alerts:read', 'catalog:write', 'incidents:write', 'incidents:read', 'detection:read', 'detection:write'],
        },
      })
      made.push(`tok_${id}_${secret}`)
    }
    return made
  })
  await database.close()
  const [apiKey = '', ...ordinary] = keys
  const call = createClient({ origin, apiKey })

  /** Sends an ordinary request every 20 ms until it is told to end. @returns how long each took */
  async function measure(signal: AbortSignal, send: (key: string) => Promise<Response>): Promise<number[]> {
    const times: number[] = []
    const sent: Promise<void>[] = []
    for (let n = 0; !signal.aborted; n += 1) {
      const began = performance.now()
      sent.push(
        send(ordinary[n % ordinary.length] ?? '').then(async reply => {
          await reply.arrayBuffer()
          if (!reply.ok) throw new Error(`an ordinary request was refused: ${reply.status}`)
          times.push(performance.now() - began)
        }),
      )
      await sleep(everyMs)
    }
    await Promise.all(sent)
    return times
  }
  const get = (key: string) => fetch(`${origin}/api/v1/alerts`, { headers: { authorization: `Bearer ${key}` } })
  // Ordinary ones are of different things: what is sent about one and the same is written one after the other.
  let sent = 0
  const postAlert = (key: string) =>
    fetch(`${origin}/api/v1/alerts`, {
      ...{ method: 'POST', body: JSON.stringify({ title: 'Ordinary', severity: 'low', dedupKey: `ordinary-${sent++ % 100}` }) },
      headers: { ...json, authorization: `Bearer ${key}` },
    })

  const { url: sourceUrl } = await call('createLogSource', { body: { name: 'Bench' } })
  const { key: integrationKey } = await call('createIntegration', { body: { kind: 'alertmanager', name: 'Bench' } })
  const { id: listId } = await call('createIndicatorList', { body: { name: 'Bench', level: 'low' } })
  const { id: incidentId } = await call('openIncident', { body: { title: 'Bench', reason: 'Measured.' } })
  const target: Target = {
    ...{ origin, apiKey, syslogPort, incidentId, listId },
    integration: `${origin}/in/${integrationKey}`,
    source: `${origin}/in/${sourceUrl.split('/').at(-1)}`,
  }

  // Warm first: what is compiled at the first requests is no part of any kind.
  const warm = AbortSignal.timeout(5_000)
  await Promise.all([measure(warm, get), measure(warm, postAlert)])
  const idleBytes = rssBytes()
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, rssBytes())
  }, 50)
  const end = new AbortController()
  const ownDelay = monitorEventLoopDelay({ resolution: 5 })
  const sending = kind === undefined ? undefined : new Worker(new URL(import.meta.url), { workerData: { kind, target } })
  if (sending) await once(sending, 'message')
  ownDelay.enable()
  const measured = Promise.all([measure(end.signal, get), measure(end.signal, postAlert)])
  let answers = '–'
  if (sending) {
    sending.postMessage('go')
    const [counted] = (await once(sending, 'message')) as [ReadonlyMap<string, number>]
    answers = [...counted].map(([answer, times]) => `${times} × ${answer}`).join(', ')
    await sleep(500)
  } else await sleep(5_000)
  end.abort()
  const [gets, posts] = await measured
  clearInterval(watch)
  ownDelay.disable()
  await sending?.terminate()
  child.kill('SIGINT')
  await once(child, 'exit')
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
  return { answers, gets, posts, aboveIdleBytes: peak - idleBytes, ownDelayMs: ownDelay.max / 1e6 }
}

async function main(): Promise<void> {
  const slowest = (times: readonly number[]) => Math.max(...times).toFixed(0)
  const p99 = (times: readonly number[]) => (times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0).toFixed(0)
  const rows: string[] = []
  const chosen = Object.keys(kinds).filter(kind => kind.includes(process.env.KIND ?? ''))
  for (const kind of [undefined, ...chosen]) {
    const { answers, gets, posts, aboveIdleBytes, ownDelayMs } = await measureBeside(kind)
    rows.push(
      `| ${kind ?? 'nothing hostile'} | ${answers} | ${p99(gets)} / ${slowest(gets)} | ${p99(posts)} / ${slowest(posts)} | ${Math.round(aboveIdleBytes / mebibyte)} | ${Math.round(ownDelayMs)} |`,
    )
    process.stdout.write(`${rows.at(-1)}\n`)
  }

  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  const text = `# What strangers send

${new Date().toISOString().slice(0, 10)}, ${machine}, load at the end ${loadavg()[0]?.toFixed(1)}. Server, database and senders share the machine. \`npm run bench -- hostile\` writes this file.

${count} requests of each kind, ${atOnce} at a time, at most ${maxSeconds} s. Meanwhile an ordinary \`GET\` and an ordinary \`POST /api/v1/alerts\` are sent every ${everyMs} ms. Each kind has a server of its own. The aim: none slower than 200 ms, and at most 400 MB of memory (RSS of the web process) above idle. The last column is by how much a timer of the measuring process was late at the most, as it shares the two cores.

| kind | answers | GET, p99 / slowest, ms | POST, p99 / slowest, ms | memory above idle, MB | measuring process late, ms |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
  // A part of the kinds is no result.
  if (process.env.KIND === undefined) await writeFile(new URL('./hostile.md', import.meta.url), text)
  process.stdout.write(text)
  process.exit(0)
}

if (isMainThread) await main()
else await sendAll(workerData)

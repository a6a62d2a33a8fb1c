/**
 * Ten thousand escalations, opened by alerts through the API so that their next escalation is due within one minute, on two servers that share one database:
 * how late each page is in the hands of the mail server, and whether any is lost or doubled; undisturbed, with a server that is killed (-9) in the
 * middle, with a database that is away for a minute, with a channel that hangs, and with a web process that is busy for half a minute. Then 2,000
 * whose next level is due in one storm on a server that is killed (-9) while it sends, beside Alertmanager in the same.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from '@tocsin/api'
import { apiKeys, people } from '../apps/server/src/access/tables.ts'
import { services, teamMembers, teams } from '../apps/server/src/directory/tables.ts'
import { addDays, systemClock } from '../apps/server/src/kernel/clock.ts'
import { openDatabase } from '../apps/server/src/kernel/database.ts'
import { startEmbeddedPostgres } from '../apps/server/src/kernel/embedded-postgres.ts'
import { newId } from '../apps/server/src/kernel/ids.ts'
import { sealFor } from '../apps/server/src/kernel/sealed-columns.ts'
import { openSecrets, randomSecret, secretDigest } from '../apps/server/src/kernel/secrets.ts'
import { openLog } from '../apps/server/src/kernel/telemetry.ts'
import { failoverSeconds } from '../apps/server/src/notify/outbox.ts'
import { contactSecrets } from '../apps/server/src/notify/sealed-secrets.ts'
import { contactMethods, notificationRules } from '../apps/server/src/notify/tables.ts'
import { pages, policies } from '../apps/server/src/paging/tables.ts'
import { onCallSettings, schedules } from '../apps/server/src/scheduling/tables.ts'
import { freePort } from '../apps/server/test/alertmanager.ts'
import { layWire } from '../apps/server/test/wire.ts'
import { countKilled, type Killed, killAlertmanager } from './alertmanager.ts'
import type { Taken } from './mail-sink.ts'
import { Sink, settled } from './sink.ts'

const pageCount = Number(process.env.PAGES ?? 10_000)
const busyCount = Math.min(1_000, pageCount)
const killedCount = Math.min(2_000, pageCount)
/** Nobody gets more than five pages a minute before they are bundled. */
const alertsPerTeam = 5
/** The API takes them in at this pace; those that come earlier wait longer for their next escalation, so that all fall into one minute. */
const alertsPerMinute = 3_000
const minuteMs = 60_000
const busyMs = 30_000
const root = fileURLToPath(new URL('..', import.meta.url))
const masterKey = 'bench'.repeat(8)
const quantile = (values: readonly number[], q: number) => values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, Math.max(0, ms)))

interface Result {
  readonly what: string
  readonly due: number
  readonly lateness: readonly number[]
  readonly lost: number
  readonly doubled: number
  readonly repeated: number
  /** Seconds after the disturbance until everything that was due had come. */
  readonly caughtUp?: number
}

const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
const postgres = await startEmbeddedPostgres(join(folder, 'postgres'), openLog('error', false))
const sink = new Sink()
const smtp = `smtp://127.0.0.1:${await sink.port}`

interface Worker {
  readonly child: ChildProcess
  readonly origin: string
}

const envOf = (name: string, databaseUrl: string, port: number) => ({
  ...process.env,
  ...{
    TOCSIN_DATA: join(folder, name),
    TOCSIN_SECRET: masterKey,
    DATABASE_URL: databaseUrl,
    DATABASE_OWNER_URL: postgres.ownerUrl,
    SMTP_URL: smtp,
    PORT: String(port),
  },
  TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true',
  // What a database that is away does to a log is no result.
  TOCSIN_LOG_LEVEL: databaseUrl === postgres.url ? 'error' : 'silent',
})

async function ready(child: ChildProcess, port: number): Promise<Worker> {
  const origin = `http://127.0.0.1:${port}`
  for (;;) {
    const metrics = await fetch(`${origin}/metrics`).then(
      reply => reply.text(),
      () => '',
    )
    if (/^tocsin_pager_up\S* 1$/m.test(metrics)) return { child, origin }
    await pause(50)
  }
}

/** A server as `npm start` runs it: a web process with a pager beside it. */
async function startWorker(name: string, databaseUrl = postgres.url): Promise<Worker> {
  const port = await freePort()
  const child = spawn(process.execPath, [join(root, 'packages/cli/src/main.ts'), 'serve'], {
    env: envOf(name, databaseUrl, port),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return ready(child, port)
}

/** The same, with a door to keep its web process busy. */
async function startBusyWorker(): Promise<Worker> {
  const port = await freePort()
  const child = fork(join(root, 'apps/server/test/busy-server.ts'), [], {
    env: envOf('busy', postgres.url, port),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return ready(child, port)
}

interface Seeded {
  readonly run: string
  readonly count: number
  readonly apiKey: string
  /** Minutes over which the alerts are sent. */
  readonly minutes: number
}

/** Services with teams of two, whose policy pages the second so many minutes after the first that all second levels fall into the same minute. */
async function seed(run: string, count: number, hook?: string): Promise<Seeded> {
  const database = openDatabase(postgres.url, systemClock, openLog('error', false), { poolSize: 2 })
  const secrets = openSecrets(folder, masterKey)
  const minutes = Math.ceil(count / alertsPerMinute)
  const secret = randomSecret()
  const keyId = newId()
  await database.transaction(async tx => {
    const { now } = tx
    const all = Array.from({ length: Math.ceil(count / alertsPerTeam) }, (_, n) => ({
      ...{ n, teamId: newId(), engineeringId: newId(), scheduleId: newId(), policyId: newId(), people: [newId(), newId()] as const, name: `${run} ${n}` },
      waitMinutes: minutes - minuteOf(n * alertsPerTeam, count, minutes),
    }))
    const inserted = async <T>(rows: readonly T[], insert: (some: T[]) => PromiseLike<unknown>) => {
      for (let at = 0; at < rows.length; at += 1_000) await insert(rows.slice(at, at + 1_000))
    }
    const [first] = all
    await inserted(
      all.flatMap(({ teamId, name }) => [{ id: teamId, name, kind: 'security' as const, isDemo: false }]),
      some => tx.db.insert(teams).values(some),
    )
    await tx.db.insert(teams).values({ id: first?.engineeringId ?? '', name: `${run} engineering`, kind: 'engineering', isDemo: false })
    await inserted(
      all.flatMap(one =>
        one.people.map((id, level) => ({ id, name: `${one.name} ${level}`, email: emailOf(run, one.n, level), role: 'responder' as const, createdAt: now })),
      ),
      some => tx.db.insert(people).values(some),
    )
    await inserted(
      all.flatMap(one => one.people.map(personId => ({ teamId: one.teamId, personId }))),
      some => tx.db.insert(teamMembers).values(some),
    )
    await inserted(
      all.map(one => ({
        ...{ id: one.scheduleId, teamId: one.teamId, name: one.name, timeZone: 'Europe/Berlin', merge: 'top' as const },
        layers: [{ name: 'Rotation', rotation: { type: 'weekly' as const, every: 1, start: '2026-01-05T09:00' }, participants: [...one.people] }],
      })),
      some => tx.db.insert(schedules).values(some),
    )
    await inserted(
      all.map(one => ({
        ...{ id: one.policyId, teamId: one.teamId, name: 'Two levels', repeats: 0 },
        levels: [
          { targets: [{ kind: 'person' as const, personId: one.people[0] }], waitMinutes: one.waitMinutes },
          { targets: [{ kind: 'person' as const, personId: one.people[1] }], waitMinutes: 600 },
        ],
      })),
      some => tx.db.insert(policies).values(some),
    )
    await inserted(
      all.map(one => ({
        teamId: one.teamId,
        settings: {
          ...{ timeZone: 'Europe/Berlin', tiers: [], longestDays: null, longestNights: null, fallback: [], policyId: one.policyId, routing: [] },
          ...{ highFrom: 'high' as const, progressMinutes: null, holidays: [], traineeShifts: 3 },
        },
      })),
      some => tx.db.insert(onCallSettings).values(some),
    )
    await inserted(
      all.map(one => ({
        ...{ name: one.name, description: '', securityTeamId: one.teamId, engineeringTeamId: first?.engineeringId ?? '' },
        pageFrom: 'high' as const,
      })),
      some => tx.db.insert(services).values(some),
    )
    const hooked = hook === undefined ? [] : all.filter(({ n }) => isHooked(n)).map(one => ({ personId: one.people[1], methodId: newId() }))
    if (hook !== undefined && hooked.length > 0) {
      const sealed = sealFor(secrets, contactSecrets, Buffer.from('secret').toString('base64'), 'webhook', hook)
      await inserted(hooked, some =>
        tx.db.insert(contactMethods).values(
          some.map(({ personId, methodId }) => ({
            id: methodId,
            personId,
            kind: 'webhook' as const,
            address: hook,
            secret: sealed,
            createdAt: now,
            verifiedAt: now,
          })),
        ),
      )
      await inserted(hooked, some =>
        tx.db
          .insert(notificationRules)
          .values(some.map(({ personId, methodId }) => ({ personId, urgency: 'high' as const, steps: [{ methodId, afterMinutes: 0 }] }))),
      )
    }
    await tx.db.insert(apiKeys).values({
      id: keyId,
      name: run,
      scopes: ['alerts:write'],
      secretDigest: secretDigest(secret),
      createdBy: first?.people[0] ?? '',
      createdAt: now,
      role: 'responder',
      expiresAt: addDays(now, 1),
    })
  })
  await database.close()
  return { run, count, minutes, apiKey: `tok_${keyId}_${secret}` }
}

const emailOf = (run: string, team: number, level: number) => `${run}.${team}.${level}@bench.test`
/** Every second person's first method is the webhook that hangs, in the run that has one. */
const isHooked = (team: number) => team % 2 === 0
/** The minute in which the n-th alert is sent. */
const minuteOf = (n: number, count: number, minutes: number) =>
  Math.min(minutes - 1, Math.floor(n / Math.ceil(count / minutes / alertsPerTeam) / alertsPerTeam))
const titleOf = (run: string, n: number) => `${run}-${n}`
const subjectTitle = (subject: string) => subject.slice(subject.lastIndexOf(' ') + 1)

/** Sends the alerts through the API, evenly; `spreadMs` for each of the minutes. */
async function storm(origin: string, { run, count, minutes, apiKey }: Seeded, spreadMs = minuteMs): Promise<void> {
  const call = createClient({ origin, apiKey })
  const everyMs = 250
  const begin = Date.now()
  for (let n = 0; n < count; ) {
    const minute = minuteOf(n, count, minutes)
    const perMinute = Math.ceil(count / minutes / alertsPerTeam) * alertsPerTeam
    const until = Math.min(
      count,
      minute * perMinute + Math.ceil(((Date.now() - begin - minute * minuteMs + everyMs) / spreadMs) * perMinute),
      (minute + 1) * perMinute,
    )
    if (until > n) {
      const body = Array.from({ length: Math.min(100, until - n) }, (_, at) => ({
        ...{ title: titleOf(run, n + at), severity: 'high' as const, service: `${run} ${Math.floor((n + at) / alertsPerTeam)}` },
        ...{ dedupKey: titleOf(run, n + at), description: 'Something odd on a machine of the service.' },
      }))
      await call('createAlerts', { body })
      n += body.length
    } else await pause(Math.min(everyMs, Math.max(10, begin + minute * minuteMs - Date.now())))
  }
}

/** Pages of one level of the policies, with when each is due. */
interface Level {
  readonly what: string
  readonly due: ReadonlyMap<string, number>
  /** 0 for the first. */
  readonly level: number
}

/** When the pages were written, and so when their second level is due. */
async function dueTimes({ run, count, minutes }: Seeded): Promise<{ first: Map<string, number>; second: Map<string, number> }> {
  const database = openDatabase(postgres.url, systemClock, openLog('error', false), { poolSize: 1 })
  const rows = (await database.reader().db.select({ title: pages.title, at: pages.createdAt }).from(pages)).filter(({ title }) => title.includes(`: ${run}-`))
  await database.close()
  const first = new Map(rows.map(({ title, at }) => [subjectTitle(title), Date.parse(at)]))
  const waitMs = (title: string) => (minutes - minuteOf(Number(title.split('-')[1]), count, minutes)) * minuteMs
  return { first, second: new Map([...first].map(([title, at]) => [title, at + waitMs(title)])) }
}

function resultOf(found: readonly Taken[], { what, due, level }: Level, restoredAt = 0): Result {
  const ours = found.filter(({ to, subject }) => to.includes(`.${level}@`) && due.has(subjectTitle(subject)))
  const byTitle = Map.groupBy(ours, one => subjectTitle(one.subject))
  const lateness = [...byTitle].map(([title, all]) => Math.min(...all.map(one => one.at)) - (due.get(title) ?? 0)).sort((a, b) => a - b)
  const last = Math.max(...due.values())
  return {
    what,
    due: due.size,
    lateness,
    lost: due.size - byTitle.size,
    doubled: [...byTitle.values()].filter(all => new Set(all.map(one => one.messageId)).size > 1).length,
    repeated: [...byTitle.values()].filter(all => all.length > 1 && new Set(all.map(one => one.messageId)).size === 1).length,
    ...(restoredAt > last ? { caughtUp: Math.max(0, Math.max(...ours.map(one => one.at)) - restoredAt) / 1_000 } : {}),
  }
}

const isOf = (run: string) => (one: Taken) => one.to.startsWith(`${run}.`)

/** One storm through the API of `origin`; `disturb` begins when the first second level is due. */
async function measure(
  what: string,
  run: string,
  origin: string,
  count: number,
  options: { disturb?: () => Promise<void>; spreadMs?: number; hook?: string; isOutage?: boolean } = {},
): Promise<Result[]> {
  sink.forget()
  const seeded = await seed(run, count, options.hook)
  const begin = Date.now()
  await storm(origin, seeded, options.spreadMs)
  const posted = Date.now()
  await pause(begin + seeded.minutes * minuteMs - posted)
  let restoredAt = 0
  await options.disturb?.().then(() => {
    restoredAt = Date.now()
  })
  await settled(sink, isOf(run), 45_000, count * 2)
  const found = await settled(sink, isOf(run), 3_000)
  const { first, second } = await dueTimes(seeded)
  const parts = options.hook === undefined ? [{ what, due: second }] : hookedParts(what, second)
  const levels = parts.map(part => resultOf(found, { ...part, level: 1 }, options.isOutage ? restoredAt : 0))
  return options.disturb === undefined && options.hook === undefined
    ? [resultOf(found, { what: `${what}: from an alert accepted to its first page`, due: first, level: 0 }), ...levels]
    : levels
}

/** Those who are reached by mail, and those whose webhook hangs: they count from when a page goes another way. */
function hookedParts(what: string, due: ReadonlyMap<string, number>): { what: string; due: ReadonlyMap<string, number> }[] {
  const teamOf = (title: string) => Math.floor(Number(title.split('-')[1]) / alertsPerTeam)
  return [
    { what: `${what}: people reached by mail`, due: new Map([...due].filter(([title]) => !isHooked(teamOf(title)))) },
    {
      what: `${what}: people whose webhook hangs, from the ${failoverSeconds} s after which mail is used instead`,
      due: new Map([...due].flatMap(([title, at]) => (isHooked(teamOf(title)) ? [[title, at + failoverSeconds * 1_000] as const] : []))),
    },
  ]
}

let workers = [await startWorker('one'), await startWorker('two')]
async function stopAll(): Promise<void> {
  const ends = workers.map(({ child }) => new Promise(resolve => child.once('exit', resolve)))
  for (const { child } of workers) child.kill('SIGTERM')
  await Promise.all(ends)
}
const originOf = (at: number) => workers[at]?.origin ?? ''
const results = await measure('two servers', 'calm', originOf(0), pageCount)
results.push(
  ...(await measure('two servers, one killed (-9) in the middle and started again', 'torn', originOf(0), pageCount, {
    disturb: async () => {
      await pause(minuteMs / 2)
      workers[1]?.child.kill('SIGKILL')
      await pause(2_000)
      workers[1] = await startWorker('two')
    },
  })),
)
const dead = createServer(() => undefined)
await new Promise<void>(resolve => dead.listen(0, '127.0.0.1', resolve))
const hook = `http://127.0.0.1:${(dead.address() as AddressInfo).port}/hook`
results.push(...(await measure('a webhook that hangs', 'hung', originOf(0), Math.min(alertsPerMinute, pageCount), { hook })))
dead.closeAllConnections()
dead.close()
await stopAll()
const busy = await startBusyWorker()
workers = [busy]
results.push(
  ...(await measure(`one server, its web process busy for ${busyMs / 1_000} s`, 'busy', busy.origin, busyCount, {
    spreadMs: busyMs - 8_000,
    disturb: async () => {
      busy.child.send({ busyMs })
      await pause(busyMs)
    },
  })),
)
await stopAll()
const wire = await layWire(postgres.url)
workers = [await startWorker('one', wire.url), await startWorker('two', wire.url)]
for (const [what, run, disturb] of [
  ['the database away for a minute in the middle', 'away', () => wire.cut()],
  ['the network to the database silent for a minute', 'hush', () => wire.hush()],
] as const)
  results.push(
    ...(await measure(`two servers, ${what}`, run, originOf(0), pageCount, {
      isOutage: true,
      disturb: async () => {
        await pause(minuteMs / 2)
        disturb()
        await pause(minuteMs)
        wire.restore()
      },
    })),
  )
await stopAll()
wire.stop()

/** The same as is done to Alertmanager: so many second levels due in one storm, killed when a quarter is out, started again. */
async function killOurs(run: string): Promise<Killed> {
  sink.forget()
  const server = await startWorker('one')
  await storm(server.origin, await seed(run, killedCount), 1_000)
  const isOurs = ({ to }: Taken) => to.startsWith(`${run}.`) && to.includes('.1@')
  await settled(sink, isOurs, 90_000, killedCount / 4)
  server.child.kill('SIGKILL')
  workers = [await startWorker('one')]
  const found = await settled(sink, isOurs, 20_000)
  await stopAll()
  return countKilled(killedCount, found)
}
const killed: { who: string; times: Killed[] }[] = [
  { who: 'Tocsin', times: [] },
  { who: 'Alertmanager 0.25', times: [] },
  { who: 'Alertmanager 0.25, told of all again', times: [] },
]
for (let n = 0; n < 3; n += 1) {
  const all = [
    await killOurs(`ours${n}`),
    await killAlertmanager(sink, `theirs${n}`, killedCount, false),
    await killAlertmanager(sink, `again${n}`, killedCount, true),
  ]
  for (const [at, one] of all.entries()) if (one) killed[at]?.times.push(one)
}
sink.stop()
await pause(1_000)
await postgres.stop()
await rm(folder, { recursive: true, force: true })

const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
const table = [
  '| what | median | 99% | max | within 1 s | sent | lost | doubled | repeated under one id |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ...results.map(({ what, due, lateness, lost, doubled, repeated }) => {
    const ms = (q: number) => `${Math.round(quantile(lateness, q))} ms`
    const within = (lateness.filter(one => one <= 1_000).length / due) * 100
    return `| ${what} | ${ms(0.5)} | ${ms(0.99)} | ${ms(1)} | ${within.toFixed(2)} % | ${lateness.length} | ${lost} | ${doubled} | ${repeated} |`
  }),
].join('\n')
const caughtUp = results.flatMap(one => (one.caughtUp === undefined ? [] : `${one.caughtUp.toFixed(1)} s`))
const killedTable = [
  '| who | killed | due each time | never sent | sent more than once | of those as another message |',
  '| --- | --- | --- | --- | --- | --- |',
  ...killed
    .filter(({ times }) => times.length > 0)
    .map(({ who, times }) => {
      const cells = (['lost', 'twice', 'doubled'] as const).map(what => times.map(one => one[what]).join(', '))
      return `| ${[who, `${times.length} times`, killedCount, ...cells].join(' | ')} |`
    }),
].join('\n')
const text = `# Paging: last results

${new Date().toISOString().slice(0, 10)}, ${machine}. \`npm run bench -- paging\` writes this file: ${pageCount.toLocaleString('en')} escalations (${busyCount.toLocaleString('en')} with a busy web process), opened by alerts through the API, all of whose next
levels are due within a minute; servers, database and mail server share the machine. Each server is a web process and a pager. Lateness is from when a level was due to when the mail server had the whole mail.

${table}

Everything that had come due while the database was away, or out of reach, was out ${caughtUp.join(' and ')} after it was back.

## Killed (-9) while ${killedCount.toLocaleString('en')} pages are due in one storm

One server each, killed when a quarter of the mails was out, and started again on what it had stored. What is repeated under the same Message-ID is the same mail to a mailbox; as another message it is a second page.

${killedTable}
`
if (process.env.PAGES === undefined) await writeFile(new URL('./paging.md', import.meta.url), text)
process.stdout.write(text)
process.exit(0)

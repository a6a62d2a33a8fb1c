/**
 * Ten thousand open escalations whose next step is due within one minute, on two workers that share one database: how late each page is in the
 * hands of the mail server, and whether any is lost or doubled; undisturbed, with a worker that is killed (-9) in the middle, and with a database
 * that is away for a minute. Then 2,000 that are due at once on one server that is killed (-9) while it sends, beside Alertmanager in the same.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { people } from '../apps/server/src/access/tables.ts'
import { teamMembers, teams } from '../apps/server/src/directory/tables.ts'
import { systemClock } from '../apps/server/src/kernel/clock.ts'
import { openDatabase } from '../apps/server/src/kernel/database.ts'
import { startEmbeddedPostgres } from '../apps/server/src/kernel/embedded-postgres.ts'
import { scheduleAll } from '../apps/server/src/kernel/jobs.ts'
import { openLog } from '../apps/server/src/kernel/telemetry.ts'
import { pages, policies } from '../apps/server/src/paging/tables.ts'
import { onCallSettings, schedules } from '../apps/server/src/scheduling/tables.ts'
import { freePort } from '../apps/server/test/alertmanager.ts'
import { layWire } from '../apps/server/test/wire.ts'
import { countKilled, type Killed, killAlertmanager } from './alertmanager.ts'
import { Sink, settled } from './sink.ts'

const pageCount = Number(process.env.PAGES ?? 10_000)
const killedCount = 2_000
const teamCount = 500
const peoplePerTeam = 5
const windowMs = 60_000
const root = fileURLToPath(new URL('..', import.meta.url))
const quantile = (values: readonly number[], q: number) => values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

interface Result {
  readonly what: string
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

async function startWorker(name: string, databaseUrl = postgres.url): Promise<ChildProcess> {
  const port = await freePort()
  const child = spawn(process.execPath, [join(root, 'packages/cli/src/main.ts'), 'serve', '--port', String(port)], {
    env: {
      ...process.env,
      TOCSIN_DATA: join(folder, name),
      TOCSIN_SECRET: 'bench'.repeat(8),
      DATABASE_URL: databaseUrl,
      SMTP_URL: smtp,
      // What a database that is away does to a log is no result.
      TOCSIN_LOG_LEVEL: databaseUrl === postgres.url ? 'error' : 'silent',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  for (;;) {
    const isReady = await fetch(`http://127.0.0.1:${port}/healthz`).then(
      () => true,
      () => false,
    )
    if (isReady) return child
    await pause(50)
  }
}

/** Teams with a rotation of five and a policy that goes down its depths, and so many pages in the middle of it. */
async function seed(run: string, count: number, spreadMs: number): Promise<Map<string, number>> {
  const database = openDatabase(postgres.url, systemClock, openLog('error', false), { poolSize: 2 })
  const due = new Map<string, number>()
  await database.transaction(async tx => {
    const now = tx.now
    const id = () => crypto.randomUUID()
    const team = Array.from({ length: teamCount }, (_, n) => ({ id: id(), name: `${run} team ${n}`, kind: 'security' as const, isDemo: false }))
    const person = team.flatMap((one, t) =>
      Array.from({ length: peoplePerTeam }, (_, n) => ({ team: one.id, id: id(), name: `P ${t} ${n}`, email: `${run}.${t}.${n}@bench.test` })),
    )
    await tx.db.insert(teams).values(team)
    for (let at = 0; at < person.length; at += 500)
      await tx.db
        .insert(people)
        .values(person.slice(at, at + 500).map(one => ({ id: one.id, name: one.name, email: one.email, role: 'responder' as const, createdAt: now })))
    await tx.db.insert(teamMembers).values(person.map(one => ({ teamId: one.team, personId: one.id })))
    const schedule = team.map(one => ({
      id: id(),
      teamId: one.id,
      name: `${one.name} rotation`,
      timeZone: 'Europe/Berlin',
      merge: 'top' as const,
      layers: [
        {
          name: 'Rotation',
          rotation: { type: 'weekly' as const, every: 1, start: '2026-01-05T09:00' },
          participants: person.filter(each => each.team === one.id).map(each => each.id),
        },
      ],
    }))
    await tx.db.insert(schedules).values(schedule)
    const tierIds = team.map(() => Array.from({ length: peoplePerTeam }, id))
    const policy = team.map((one, t) => ({
      id: id(),
      teamId: one.id,
      name: 'Tiers',
      levels: (tierIds[t] ?? []).map(tierId => ({ targets: [{ kind: 'tier' as const, tierId }], waitMinutes: 30 })),
      repeats: 3,
    }))
    await tx.db.insert(policies).values(policy)
    await tx.db.insert(onCallSettings).values(
      team.map((one, t) => ({
        teamId: one.id,
        settings: {
          timeZone: 'Europe/Berlin',
          tiers: tierIds[t]?.map((tierId, position) => ({ id: tierId, name: `tier ${position}`, scheduleId: schedule[t]?.id ?? '', position })) ?? [],
          ...{
            longestDays: null,
            longestNights: null,
            fallback: [],
            policyId: policy[t]?.id ?? null,
            routing: [],
            highFrom: 'high' as const,
            progressMinutes: null,
            holidays: [],
            traineeShifts: 3,
          },
        },
      })),
    )
    // They are due from some seconds after now, evenly over a minute, in no order of teams.
    const begin = Date.now() + 15_000
    const page = Array.from({ length: count }, (_, n) => ({
      id: id(),
      teamId: team[n % teamCount]?.id ?? '',
      subjectKind: 'alert' as const,
      subjectId: id(),
      title: `${run} ${n}`,
      summary: 'Something odd on a machine of the service.',
      severity: 'high' as const,
      state: 'triggered' as const,
      key: `${run} ${n}`,
      levelIndex: 1 + (Math.floor(n / teamCount) % (peoplePerTeam - 1)),
      nextEscalationAt: new Date(begin + Math.floor((n / count) * spreadMs)).toISOString(),
      createdAt: now,
    }))
    for (let at = 0; at < page.length; at += 1_000) {
      const some = page.slice(at, at + 1_000)
      await tx.db.insert(pages).values(some)
      await scheduleAll(
        tx,
        some.map(one => ({ kind: 'page.escalate', key: `page:${one.id}`, data: { pageId: one.id }, runAt: one.nextEscalationAt })),
      )
    }
    for (const one of page) due.set(one.title, Date.parse(one.nextEscalationAt))
  })
  await database.close()
  return due
}

async function measure(what: string, run: string, disturb: (() => Promise<void>) | undefined): Promise<Result> {
  sink.forget()
  const due = await seed(run, pageCount, windowMs)
  const last = Math.max(...due.values())
  let mended = 0
  const disturbance = disturb?.().then(() => {
    mended = Date.now()
  })
  await pause(last - Date.now() + 1_000)
  await disturbance
  const isOurs = ({ subject }: { subject: string }) => subject.includes(`] ${run} `)
  await settled(sink, isOurs, 30_000, due.size)
  const found = await settled(sink, isOurs, 2_000)
  const byTitle = Map.groupBy(found, one => one.subject.slice(one.subject.indexOf(']') + 2))
  const lateness = [...byTitle].map(([title, all]) => Math.min(...all.map(one => one.at)) - (due.get(title) ?? 0)).sort((a, b) => a - b)
  return {
    what,
    lateness,
    lost: due.size - byTitle.size,
    doubled: [...byTitle.values()].filter(all => new Set(all.map(one => one.messageId)).size > 1).length,
    repeated: [...byTitle.values()].filter(all => all.length > 1 && new Set(all.map(one => one.messageId)).size === 1).length,
    ...(mended > last ? { caughtUp: Math.max(0, Math.max(...found.map(one => one.at)) - mended) / 1_000 } : {}),
  }
}

let workers = [await startWorker('one'), await startWorker('two')]
async function stopAll(): Promise<void> {
  const ends = workers.map(worker => new Promise(resolve => worker.once('exit', resolve)))
  for (const worker of workers) worker.kill('SIGTERM')
  await Promise.all(ends)
}
const results = [await measure('two workers', 'calm', undefined)]
results.push(
  await measure('two workers, one killed (-9) in the middle and started again', 'torn', async () => {
    await pause(45_000)
    workers[1]?.kill('SIGKILL')
    await pause(2_000)
    workers[1] = await startWorker('two')
  }),
)
await stopAll()
const wire = await layWire(postgres.url)
workers = [await startWorker('one', wire.url), await startWorker('two', wire.url)]
for (const [what, run, disturb] of [
  ['the database away for a minute in the middle', 'away', () => wire.cut()],
  ['the network to the database silent for a minute', 'hush', () => wire.hush()],
] as const)
  results.push(
    await measure(`two workers, ${what}`, run, async () => {
      await pause(45_000)
      disturb()
      await pause(60_000)
      wire.mend()
    }),
  )
await stopAll()
wire.stop()

/** The same as is done to Alertmanager: so many pages due at once, killed when a quarter is out, started again. */
async function killOurs(run: string): Promise<Killed> {
  sink.forget()
  const server = await startWorker('one')
  await seed(run, killedCount, 0)
  const isOurs = ({ subject }: { subject: string }) => subject.includes(`] ${run} `)
  await settled(sink, isOurs, 60_000, killedCount / 4)
  server.kill('SIGKILL')
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
  ...results.map(({ what, lateness, lost, doubled, repeated }) => {
    const ms = (q: number) => `${Math.round(quantile(lateness, q))} ms`
    const within = (lateness.filter(one => one <= 1_000).length / pageCount) * 100
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

${new Date().toISOString().slice(0, 10)}, ${machine}. \`npm run bench -- paging\` writes this file: ${pageCount.toLocaleString('en')} open escalations of ${teamCount} teams, all due within a minute, two workers on one
database; workers, database and mail server share the machine. Lateness is from when a step was due to when the mail server had the whole mail.

${table}

Everything that had come due while the database was away, or out of reach, was out ${caughtUp.join(' and ')} after it was back.

## Killed (-9) while ${killedCount.toLocaleString('en')} pages are due at once

One server each, killed when a quarter of the mails was out, and started again on what it had stored. What is repeated under the same Message-ID is the same mail to a mailbox; as another message it is a second page.

${killedTable}
`
if (process.env.PAGES === undefined) await writeFile(new URL('./paging.md', import.meta.url), text)
process.stdout.write(text)
process.exit(0)

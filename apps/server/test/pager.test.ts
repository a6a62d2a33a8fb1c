import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eq, inArray } from 'drizzle-orm'
import { expect, test as plainTest } from 'vitest'
import { z } from 'zod'
import { people } from '../src/access/tables.ts'
import { PagerSupervisor } from '../src/app/pager-supervisor.ts'
import { teamMembers, teams } from '../src/directory/tables.ts'
import { addSeconds, systemClock } from '../src/kernel/clock.ts'
import { type Database, openDatabase } from '../src/kernel/database.ts'
import { newId } from '../src/kernel/ids.ts'
import { scheduleAll } from '../src/kernel/jobs/schedule.ts'
import { jobs } from '../src/kernel/tables.ts'
import { openLog, openMetrics } from '../src/kernel/telemetry.ts'
import { escalateJob, escalationKey } from '../src/paging/escalation.ts'
import { pages } from '../src/paging/tables.ts'
import { watchdogJob } from '../src/paging/watchdog.ts'
import { until } from './alertmanager.ts'
import { type MailServer, startMailServer } from './mailbox.ts'
import { patience } from './patience.ts'
import { programEnv } from './program-env.ts'
import { cloneDatabase } from './world.ts'

const Ready = z.object({ origin: z.string() })
const Pid = z.object({ pid: z.number().nullable() })

/** The server as it is started, with its pager beside it, on a database of its own. */
interface Installation {
  readonly origin: string
  readonly web: ChildProcess
  readonly mail: MailServer
  readonly env: Readonly<Record<string, string>>
  readonly database: Database
  /** Keeps the loop of the web process busy, from now. */
  keepBusy(ms: number): void
  pagerPid(): Promise<number>
  /** So many open pages of one-person teams, whose next step is due in so many seconds. Gives their titles with when they are due. */
  due(count: number, inSeconds: number): Promise<ReadonlyMap<string, number>>
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const answerOf = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`the process ended with ${code}`))
    child.once('exit', gone)
    child.once('message', message => {
      child.off('exit', gone)
      resolve(message)
    })
  })

const test = plainTest.extend<{ installation: Installation }>({
  // biome-ignore lint/correctness/noEmptyPattern: a fixture names what it needs
  installation: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-pager-'))
    const cloned = await cloneDatabase()
    const mail = await startMailServer()
    const env = {
      ...{ ...programEnv, TOCSIN_DATA: join(folder, 'data'), PORT: '0', TOCSIN_LOG_LEVEL: 'error', TOCSIN_OWN_RULES: 'false' },
      ...{ DATABASE_URL: cloned.url, SMTP_URL: mail.url },
    }
    const web = fork(fileURLToPath(new URL('./busy-server.ts', import.meta.url)), [], { env, execArgv: ['--disable-warning=ExperimentalWarning'] })
    const { origin } = Ready.parse(await answerOf(web))
    const database = openDatabase(cloned.url, systemClock, openLog('silent', false), { poolSize: 2 })
    const pagerPid = async () => {
      const answer = answerOf(web)
      web.send({ pid: true })
      return Pid.parse(await answer).pid ?? 0
    }
    await until(async () => (/tocsin_pager_up\{process="web"\} 1/.test(await (await fetch(`${origin}/metrics`)).text()) ? true : undefined), 'the pager is up')
    await use({
      ...{ origin, web, mail, env, database, pagerPid },
      keepBusy: busyMs => void web.send({ busyMs }),
      due: (count, inSeconds) => openPages(database, count, inSeconds),
    })
    await database.close()
    if (web.exitCode === null && web.signalCode === null) {
      web.kill('SIGTERM')
      await new Promise(resolve => web.once('exit', resolve))
    }
    await mail.stop()
    await cloned.drop()
    await rm(folder, { recursive: true, force: true })
  },
})

async function openPages(database: Database, count: number, inSeconds: number): Promise<ReadonlyMap<string, number>> {
  const run = newId().slice(-6)
  const rows = Array.from({ length: count }, (_, n) => ({ teamId: newId(), personId: newId(), pageId: newId(), title: `Odd ${run} ${n}` }))
  return database.transaction(async tx => {
    const nextEscalationAt = addSeconds(tx.now, inSeconds)
    await tx.db.insert(teams).values(rows.map(({ teamId, title }) => ({ id: teamId, name: title, kind: 'security' as const, isDemo: false })))
    await tx.db.insert(people).values(
      rows.map(({ personId, title }) => ({
        ...{ id: personId, name: title, email: `${personId}@tocsin.test`, role: 'responder' as const, createdAt: tx.now },
      })),
    )
    await tx.db.insert(teamMembers).values(rows.map(({ teamId, personId }) => ({ teamId, personId })))
    await tx.db.insert(pages).values(
      rows.map(({ pageId, teamId, title }) => ({
        ...{ id: pageId, teamId, subjectKind: 'alert' as const, subjectId: newId(), title, summary: '', severity: 'high' as const },
        ...{ state: 'triggered' as const, key: pageId, position: 0, nextEscalationAt, createdAt: tx.now },
      })),
    )
    await scheduleAll(
      tx,
      rows.map(({ pageId }) => ({ kind: escalateJob, key: escalationKey(pageId), runAt: nextEscalationAt, data: { pageId } })),
    )
    return new Map(rows.map(({ title }) => [title, Date.parse(nextEscalationAt)]))
  })
}

/** Waits for the mails of these pages; gives how late the last of them was, in ms, and how many mails there were of each. */
async function arrivals(mail: MailServer, due: ReadonlyMap<string, number>): Promise<{ lateMs: number; ids: number[] }> {
  const found = () => Map.groupBy(mail.mails, one => one.subject.replace('[HIGH] ', ''))
  let at = 0
  await until(
    () => {
      if (![...due.keys()].every(title => found().has(title))) return undefined
      at = Date.now()
      return true
    },
    'all pages are in the hands of the mail server',
    60_000,
  )
  return { lateMs: at - Math.max(...due.values()), ids: [...due.keys()].map(title => new Set((found().get(title) ?? []).map(one => one.messageId)).size) }
}

/** What a busy machine may add to the second that is promised: three seconds on an idle one. */
const toleratedMs = 1_500 * patience

test('pages that fall due while the web process is busy go out on time', { timeout: 60_000 * patience }, async ({ installation }) => {
  const due = await installation.due(40, 3)
  installation.keepBusy(12_000)
  const asked = fetch(`${installation.origin}/healthz`).then(() => Date.now())
  const { lateMs, ids } = await arrivals(installation.mail, due)
  const arrived = Date.now()
  expect(lateMs).toBeLessThan(toleratedMs)
  expect(new Set(ids)).toEqual(new Set([1]))
  expect(await asked, 'the web process answered nothing meanwhile').toBeGreaterThan(arrived)
})

test('a pager that is killed (-9) is back in time for a page that is due two seconds later', { timeout: 60_000 * patience }, async ({ installation }) => {
  const before = await installation.pagerPid()
  const due = await installation.due(10, 2)
  process.kill(before, 'SIGKILL')
  const { lateMs, ids } = await arrivals(installation.mail, due)
  expect(lateMs).toBeLessThan(toleratedMs)
  expect(new Set(ids)).toEqual(new Set([1]))
  expect(await installation.pagerPid()).not.toBe(before)
})

test('two pagers share the work and double none of it, also when one is killed in the middle', { timeout: 90_000 * patience }, async ({ installation }) => {
  const second = fork(fileURLToPath(new URL('../src/app/pager-process.ts', import.meta.url)), [], {
    env: { ...installation.env, TOCSIN_PUBLIC_URL: installation.origin },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  expect(await answerOf(second)).toEqual({ kind: 'ready' })
  const calm = await installation.due(300, 1)
  expect(new Set((await arrivals(installation.mail, calm)).ids)).toEqual(new Set([1]))
  const torn = await installation.due(300, 1)
  await until(() => (installation.mail.mails.some(one => torn.has(one.subject.replace('[HIGH] ', ''))) ? true : undefined), 'the first of them has come')
  second.kill('SIGKILL')
  expect(new Set((await arrivals(installation.mail, torn)).ids), 'each under one id').toEqual(new Set([1]))
  // Nothing is left to be sent again.
  const left = await installation.database
    .reader()
    .db.select({ id: pages.id })
    .from(pages)
    .where(inArray(pages.state, ['exhausted']))
  expect(left).toEqual([])
})

test.concurrent('a pager that is started by itself runs the watchdog within a minute, wherever the clock of another had put it', {
  timeout: 60_000 * patience,
}, async ({ installation }) => {
  const { database } = installation
  const ahead = addSeconds(systemClock.now(), 7_200)
  await database.transaction(tx => tx.db.update(jobs).set({ runAt: ahead, scheduledAt: ahead }).where(eq(jobs.key, watchdogJob.kind)))
  const before = await installation.pagerPid()
  process.kill(before, 'SIGKILL')
  await until(async () => {
    const [watchdog] = await database.reader().db.select().from(jobs).where(eq(jobs.key, watchdogJob.kind))
    return watchdog && watchdog.runAt <= addSeconds(systemClock.now(), 61) ? true : undefined
  }, 'the watchdog is due')
})

test.concurrent('a pager that hangs is said to be down, ended and started again', { timeout: 90_000 * patience }, async ({ installation }) => {
  const before = await installation.pagerPid()
  process.kill(before, 'SIGSTOP')
  await until(
    async () => (/The pager process does not respond/.test(await (await fetch(`${installation.origin}/readyz`)).text()) ? true : undefined),
    'readiness says so',
    20_000,
  )
  expect(isAlive(before)).toBe(true)
  await until(async () => ((await installation.pagerPid()) !== before && !isAlive(before) ? true : undefined), 'another one runs', 40_000)
  const { ids } = await arrivals(installation.mail, await installation.due(3, 0))
  expect(ids).toEqual([1, 1, 1])
})

plainTest.concurrent('a pager that cannot start is tried again at growing distances, each time with the reason', { timeout: 60_000 * patience }, async () => {
  const logged: { reason: string; againInMs: number }[] = []
  const error = (fields: unknown) => void logged.push(z.object({ reason: z.string(), againInMs: z.number() }).parse(fields))
  const supervisor = new PagerSupervisor({ debug: () => undefined, info: () => undefined, warn: () => undefined, error }, openMetrics())
  // What it is given stands in for the file that this process has it from.
  process.env.DATABASE_URL_FILE = '/nowhere'
  supervisor.start({ DATABASE_URL: 'postgres://tocsin@127.0.0.1:1/tocsin', TOCSIN_SECRET: 'x'.repeat(32) })
  delete process.env.DATABASE_URL_FILE
  await until(() => (logged.length >= 3 ? true : undefined), 'it was tried three times', 40_000)
  await supervisor.stop()
  expect(logged.map(({ againInMs }) => againInMs).slice(0, 3)).toEqual([200, 400, 800])
  expect(logged[0]?.reason).toContain('TOCSIN_PUBLIC_URL is required')
})

test.concurrent('the pager ends with the web process, however that ends', { timeout: 60_000 * patience }, async ({ installation }) => {
  const pid = await installation.pagerPid()
  expect(isAlive(pid)).toBe(true)
  installation.web.kill('SIGKILL')
  await until(() => (isAlive(pid) ? undefined : true), 'the pager is gone too', 15_000)
})

test.concurrent('metrics are those of both processes, each described once', { timeout: 60_000 * patience }, async ({ installation }) => {
  const due = await installation.due(3, 0)
  await arrivals(installation.mail, due)
  await until(async () => {
    const text = await (await fetch(`${installation.origin}/metrics`)).text()
    return /tocsin_messages_total\{channel="email",state="sent",process="paging"\} 3/.test(text) ? true : undefined
  }, 'the pager has counted what it sent')
  const text = await (await fetch(`${installation.origin}/metrics`)).text()
  expect(text).toContain('tocsin_messages_oldest_unsent_seconds{channel="email",process="paging"} 0')
  expect(text).toContain('tocsin_jobs_running{lane="pulls",process="web"} 0')
  expect(text, 'each lane is run by one of them').not.toMatch(
    /lane="(pulls|housekeeping)",process="paging"|lane="(escalation|clocks|delivery:\w+)",process="web"/,
  )
  const described = text.split('\n').filter(line => line.startsWith('# TYPE'))
  expect(described.length).toBe(new Set(described).size)
})

test.concurrent('a pager without what the web process has says in one sentence what is missing', { timeout: 60_000 * patience }, async ({ installation }) => {
  const { DATABASE_URL: _, ...without } = installation.env
  const child = fork(fileURLToPath(new URL('../src/app/pager-process.ts', import.meta.url)), [], {
    env: without,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  expect(await answerOf(child)).toEqual({ kind: 'problem', sentence: 'DATABASE_URL is required. A pager uses the database of the web process.' })
  expect(await ended).toBe(2)
})

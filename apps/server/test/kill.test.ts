import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient, ProblemError } from '@tocsin/api'
import { verifyExport } from '@tocsin/merkle'
import { expect, test } from 'vitest'
import { freePort, until } from './alertmanager.ts'
import { type MailServer, startMailServer } from './mailbox.ts'
import { patience } from './patience.ts'
import { programEnv } from './program-env.ts'
import { codeAt } from './totp.ts'
import type { Call } from './world.ts'

/** Each run kills at other moments; `TOCSIN_KILLS` asks for more of them. */
const kills = Number(process.env.TOCSIN_KILLS ?? 25)
const day = 86_400_000

/** A server in a process of its own, with its embedded database, which is killed and started again. */
class Victim {
  readonly #env: Record<string, string>
  readonly #shiftFile: string
  #child: ChildProcess | undefined
  #shift = 0
  origin = ''
  setupLink: string | null = null
  killed = 0

  constructor(folder: string, port: number, smtpUrl: string) {
    this.#shiftFile = join(folder, 'shift')
    this.#env = {
      ...programEnv,
      TOCSIN_DATA: join(folder, 'data'),
      PORT: String(port),
      SMTP_URL: smtpUrl,
      TOCSIN_LOG_LEVEL: 'error',
      TOCSIN_OWN_RULES: 'false',
    }
  }

  async start(): Promise<void> {
    await writeFile(this.#shiftFile, String(this.#shift))
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./killable.ts', import.meta.url)), this.#shiftFile],
      { env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    this.#child = child
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()))
      child.once('exit', code => reject(new Error(`the server ended with ${code} before it was ready`)))
    })
    const ready = JSON.parse(line) as { origin: string; setupLink: string | null }
    this.origin = ready.origin.replace('localhost', '127.0.0.1')
    this.setupLink = ready.setupLink
  }

  async kill(): Promise<void> {
    const child = this.#child
    child?.kill('SIGKILL')
    await new Promise(resolve => (child?.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(undefined)))
    this.killed += 1
  }

  async stop(): Promise<void> {
    const child = this.#child
    child?.kill('SIGTERM')
    await new Promise(resolve => child?.once('exit', resolve))
  }

  async advance(ms: number): Promise<void> {
    this.#shift += ms
    await writeFile(this.#shiftFile, String(this.#shift))
  }

  get now(): number {
    return Date.now() + this.#shift
  }
}

/** Kills at random moments, starts again each time, until it has done so often enough. */
async function torment(victim: Victim): Promise<void> {
  while (victim.killed < kills) {
    await new Promise(resolve => setTimeout(resolve, 30 + Math.random() * 700))
    await victim.kill()
    await victim.start()
  }
}

/** Does an act until it is acknowledged. When the connection broke, `isDone` says whether the act had happened. */
async function insist<T>(command: () => Promise<T>, isDone: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    try {
      return await command()
    } catch (error) {
      if (!isBroken(error)) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
      const done = await ask(isDone)
      if (done !== undefined) return done
    }
  }
  throw new Error('the act could not be done')
}

/** Asks until there is an answer. */
async function ask<T>(question: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await question()
    } catch (error) {
      if (!isBroken(error) || attempt > 400) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

const done = (command: Promise<unknown>) => command.then(() => true as const)

function isBroken(error: unknown): boolean {
  return (
    (error instanceof ProblemError && error.problem.status === 503) ||
    (error instanceof TypeError && /terminated|fetch failed/.test(error.message)) ||
    (error instanceof SyntaxError && /JSON/.test(error.message))
  )
}

/** A person with a second factor, and a key of theirs that does the work. */
async function enrol(
  victim: Victim,
  join_: (call: Call) => Promise<Response>,
  role: 'administrator' | 'lead',
  by?: Call,
): Promise<{ session: Call; key: string; secret: string }> {
  let cookie = ''
  const send: typeof fetch = async (input, init) => {
    const reply = await fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), origin: victim.origin, cookie } })
    cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return reply
  }
  const session = createClient({ origin: victim.origin, fetch: send })
  await join_(session)
  const { secret } = await session('startTotp')
  const code = codeAt(secret, victim.now)
  const me = await session('confirmTotp', { body: { code } })
  if (by) await by('changePerson', { params: { id: me.person.id }, body: { role: 'administrator' } })
  const again = by ? await signIn(victim, me.person.email, secret) : session
  const { secret: key } = await again('createApiKey', {
    body: { name: role, scopes: ['alerts:read', 'alerts:write', 'incidents:read', 'incidents:write', 'catalog:read', 'catalog:write', 'journal:read'] },
  })
  return { session: again, key, secret }
}

const password = 'correct horse battery staple'

async function signIn(victim: Victim, email: string, secret: string): Promise<Call> {
  let cookie = ''
  const send: typeof fetch = async (input, init) => {
    const reply = await fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), origin: victim.origin, cookie } })
    cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return reply
  }
  const session = createClient({ origin: victim.origin, fetch: send })
  await session('signIn', { body: { email, password } })
  // The code with which the app was confirmed has been used: the next one is due half a minute later.
  await victim.advance(30_000)
  await session('giveOneTimeCode', { body: { code: codeAt(secret, victim.now) } })
  return session
}

test('killed again and again in the walk: what was acknowledged is there, every page went out, a repeated one has the same id', {
  timeout: 600_000 * patience,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-kill-'))
  const mail = await startMailServer()
  const victim = new Victim(folder, await freePort(), mail.url)
  try {
    await victim.start()
    const token = victim.setupLink?.split('/setup/')[1] ?? ''
    const ada = await enrol(
      victim,
      call => call.raw('setUp', { body: { token, organization: 'Bright Ledger', name: 'Ada', email: 'ada@tocsin.test', password } }),
      'administrator',
    )
    const { link } = await ada.session('invite', { body: { name: 'Ben', email: 'ben@tocsin.test', role: 'lead' } })
    const ben = await enrol(
      victim,
      call => call.raw('acceptInvitation', { body: { token: link.split('/invite/')[1] ?? '', name: 'Ben', password } }),
      'lead',
      ada.session,
    )
    const asAda = createClient({ origin: victim.origin, apiKey: ada.key })
    const { people } = await asAda('people')
    const memberIds = people.map(person => person.id)
    const security = await asAda('saveTeam', { body: { name: 'Security', kind: 'security', memberIds } })
    const engineering = await asAda('saveTeam', { body: { name: 'Engineering', kind: 'engineering', memberIds } })
    for (const team of [security, engineering])
      await asAda('setUpOnCall', {
        params: { id: team.id },
        body: {
          timeZone: 'UTC',
          rotation: { type: 'weekly', start: '2026-01-05T00:00' },
          participantIds: memberIds,
          levels: [{ targets: [{ kind: 'everyone' }], waitMinutes: 600 }],
          repeats: 9,
        },
      })
    await asAda('saveService', { body: { name: 'billing', securityTeamId: security.id, engineeringTeamId: engineering.id, pageFrom: 'high' } })
    const customer = await asAda('saveCustomer', { body: { name: 'Globex', region: 'EU', contacts: [{ name: 'SOC', email: 'soc@globex.test' }] } })

    const ledger: { title: string; incidentId: string; alertId: string }[] = []
    const tormenting = torment(victim)
    for (let n = 1; victim.killed < kills; n += 1) {
      // What Ben does, and Ada in person, is a person's to do: no key approves anything, nor closes what was declared. Each walk takes a day, and a session a week.
      const asBen = await ask(() => signIn(victim, 'ben@tocsin.test', ben.secret))
      const inPerson = () => ask(() => signIn(victim, 'ada@tocsin.test', ada.secret))
      ledger.push(await walk(victim, mail, asAda, asBen, inPerson, customer.id, `Attack ${n}`))
    }
    await tormenting

    // Everything that was acknowledged is there, and ended where the walk led it.
    const { items: all } = await ask(() => asAda('incidents', { query: { view: 'all', limit: 200 } }))
    for (const { title, incidentId } of ledger) {
      expect(
        all.filter(incident => incident.title === title),
        `one incident ${title}`,
      ).toHaveLength(1)
      const incident = await asAda('incident', { params: { id: incidentId } })
      expect(incident.status, title).toBe('closed')
      const [obligation] = (await asAda('obligations', { query: { view: 'all', incidentId } })).items
      expect(obligation?.state, title).toBe('notified')
      // One person may be paged once for an alert: when the mail came twice it came under one id.
      for (const person of ['ada@tocsin.test', 'ben@tocsin.test']) {
        const pages = mail.mails.filter(each => each.to === person && each.subject === `[HIGH] billing: ${title}`)
        expect(pages.length, `${title} paged ${person}`).toBeGreaterThan(0)
        expect(new Set(pages.map(page => page.messageId)).size, `${title} paged ${person} under one id`).toBe(1)
      }
      const notices = mail.mails.filter(each => each.to === 'soc@globex.test' && each.subject.includes(`incident ${incident.number})`))
      expect(new Set(notices.map(notice => notice.messageId)).size, `${title} one notice`).toBe(1)
    }
    expect(ledger.length).toBeGreaterThan(0)
    // The record of all this holds, byte for byte.
    const last = ledger.at(-1)
    const file = await (await asAda.raw('exportIncident', { params: { id: last?.incidentId ?? '' } })).text()
    expect(verifyExport(file).problems).toEqual([])
    process.stdout.write(`killed ${victim.killed} times in ${ledger.length} walks; ${mail.mails.length} mails arrived\n`)
    await victim.stop()
    // Nothing is left running.
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(folder)
  } finally {
    await mail.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

const criteria = {
  privacy: 'confirmed',
  impact: 'degraded',
  scope: 'one-service',
  customers: 'one',
  region: 'one',
  data: 'confidential',
  recoverability: 'regular',
} as const

async function walk(
  victim: Victim,
  mail: MailServer,
  ada: Call,
  ben: Call,
  inPerson: () => Promise<Call>,
  customerId: string,
  title: string,
): Promise<{ title: string; incidentId: string; alertId: string }> {
  const findAlert = async () => (await ada('alerts', { query: { view: 'all', limit: 200 } })).items.find(alert => alert.title === title)
  const { id: alertId } = await insist(
    async () => {
      const { alerts } = await ada('createAlerts', { body: { title, severity: 'high', service: 'billing', dedupKey: title } })
      return { id: alerts[0]?.id ?? '' }
    },
    async () => findAlert(),
  )
  await until(
    () =>
      ['ada@tocsin.test', 'ben@tocsin.test'].every(person => mail.mails.some(each => each.to === person && each.subject.endsWith(`: ${title}`)))
        ? true
        : undefined,
    `the page about ${title}`,
    60_000,
  )
  await insist(
    () => ada('acknowledgeAlert', { params: { id: alertId } }),
    async () => {
      const alert = await ada('alert', { params: { id: alertId } })
      return alert.acknowledgedAt === null ? undefined : alert
    },
  )
  const opened = await insist(
    async () => (await ada('escalateAlert', { params: { id: alertId }, body: { responsibility: 'us', reason: 'Suspicious.' } })).id,
    async () => (await ada('alert', { params: { id: alertId } })).incident?.id,
  )
  const params = { id: opened }
  const read = () => ask(() => ada('incident', { params }))
  const is = (test: (incident: Awaited<ReturnType<typeof read>>) => boolean) => async () => ((await read()) && test(await read()) ? true : undefined)
  await insist(
    async () => done(ada('assessSeverity', { params, body: { version: (await read()).version, criteria } })),
    is(incident => incident.severity !== null),
  )
  await insist(
    async () => done(ada('classifyIncident', { params, body: { version: (await read()).version, class: 'customer-reportable', reason: 'Yes.' } })),
    is(incident => incident.class === 'customer-reportable'),
  )
  await insist(
    async () => done(ada('setAffectedCustomers', { params, body: { version: (await read()).version, customers: [{ id: customerId, basis: 'Logs.' }] } })),
    is(incident => incident.customers.length > 0),
  )
  await insist(
    async () => done(ada('declareIncident', { params, body: { version: (await read()).version, reason: 'Confirmed.' } })),
    is(incident => incident.declaredAt !== null),
  )
  const obligation = () => ask(async () => (await ada('obligations', { query: { view: 'all', incidentId: opened } })).items[0])
  const running = await until(async () => ((await obligation())?.state === 'due' ? await obligation() : undefined), 'the clock runs', 60_000)
  await insist(
    async () =>
      done(ada('draftNotice', { params: { id: running.id }, body: { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true } })),
    async () => ((await obligation())?.notices.length ? true : undefined),
  )
  const notice = async () => (await obligation())?.notices[0]
  const noticeInput = async () => ({ params: { id: (await notice())?.id ?? '' }, body: { version: (await notice())?.version ?? 0 } })
  await insist(
    async () => done(ben('approveNotice', await noticeInput())),
    async () => ((await notice())?.state === 'draft' ? undefined : true),
  )
  await insist(
    async () => done(ada('sendNotice', await noticeInput())),
    async () => ((await notice())?.state === 'approved' ? undefined : true),
  )
  await until(async () => ((await obligation())?.state === 'notified' ? true : undefined), 'the notice arrives', 60_000)
  for (const [command, status] of [
    ['containIncident', 'contained'],
    ['eradicateIncident', 'eradicated'],
  ] as const)
    await insist(
      async () => done(ben(command, { params, body: { version: (await read()).version, reason: 'Done.' } })),
      is(incident => incident.status === status),
    )
  const monitorUntil = new Date(victim.now).toISOString().slice(0, 10)
  await insist(
    async () =>
      done(
        ada('recoverIncident', {
          params,
          body: {
            version: (await read()).version,
            reason: 'Done.',
            secureState: 'Restored from clean images',
            verification: 'Two scans found nothing',
            monitorUntil,
          },
        }),
      ),
    is(incident => incident.status === 'recovered'),
  )
  await insist(
    async () => done(ben('verifyRecovery', { params, body: { version: (await read()).version, reason: 'Two scans found nothing.' } })),
    is(incident => incident.recoveryVerified !== null),
  )
  const review = () => ask(async () => (await ada('review', { params })).review)
  await insist(
    async () => done(ada('startReview', { params })),
    async () => ((await review()) ? true : undefined),
  )
  const reviewId = (await review())?.id ?? ''
  await insist(
    async () =>
      done(
        ada('saveReview', {
          params: { id: reviewId },
          body: { version: (await review())?.version ?? 0, sequence: 'S', findings: [{ kind: 'technical-lapse', description: 'F' }] },
        }),
      ),
    async () => ((await review())?.findings.length ? true : undefined),
  )
  await insist(
    async () => done(ben('finishReview', { params: { id: reviewId }, body: { version: (await review())?.version ?? 0 } })),
    async () => ((await review())?.state === 'finished' ? true : undefined),
  )
  await victim.advance(day)
  const closer = await inPerson()
  await insist(
    async () => done(closer('closeIncident', { params, body: { version: (await read()).version, reason: 'Over.' } })),
    is(incident => incident.status === 'closed'),
  )
  return { title, incidentId: opened, alertId }
}

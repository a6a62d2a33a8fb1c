import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AlertInput, createClient, type NoticeTermInput, type Role, type Service, type Team } from '@tocsin/api'
import { differenceSentence } from '@tocsin/events/fold'
import { eq } from 'drizzle-orm'
import pg from 'pg'
import { expect, inject, test as plainTest } from 'vitest'
import type { z } from 'zod'
import { addPerson } from '../src/access/index.ts'
import { withMac } from '../src/access/session-mac.ts'
import { people, sessions } from '../src/access/tables.ts'
import { readConfig } from '../src/app/config.ts'
import { type Server, startServer } from '../src/app/server.ts'
import { allMissing } from '../src/assurance/missing.ts'
import { compareIncident } from '../src/assurance/reconcile.ts'
import { incidents } from '../src/incidents/tables.ts'
import { addDays, addSeconds, type Clock, type Instant } from '../src/kernel/clock.ts'
import { holdSnapshot } from '../src/kernel/database.ts'
import { newId } from '../src/kernel/ids.ts'
import { schedule } from '../src/kernel/jobs/schedule.ts'
import { randomSecret, secretDigest } from '../src/kernel/secrets.ts'
import { openLog } from '../src/kernel/telemetry.ts'
import { watchdogJob } from '../src/paging/watchdog.ts'
import { type Mail, type MailServer, startMailServer } from './mailbox.ts'
import { ToldAndLogged } from './told.ts'

export type Call = ReturnType<typeof createClient>

/** A clock that stands where it is put. */
class MovableClock implements Clock {
  #now: Instant
  constructor(now: Instant) {
    this.#now = now
  }
  now(): Instant {
    return this.#now
  }
  move(to: Instant): void {
    this.#now = to
  }
}

/** Somebody with an account, a session, and a device that receives mail. */
export interface Person {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly cookie: string
  readonly call: Call
  /** Waits for no time: the mail must have arrived by now. Returns it, and does not find it a second time. */
  expectPage(pattern: RegExp): Mail
  expectNoPage(): void
}

interface TeamOptions {
  readonly tiers?: number
  readonly kind?: 'security' | 'engineering'
  readonly escalateAfter?: { readonly minutes: number }
  readonly repeats?: number
}

export interface WorldOptions {
  readonly withMail?: boolean
  /** The auditor looks every minute, so that moving time over days would be long: it sleeps where nobody asks for it. */
  readonly withAuditor?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly now?: Instant
  /** The way to the database, where something is to stand in it. */
  readonly through?: (url: string) => Promise<string>
  /** Another mail server than the one that takes everything. */
  readonly smtpUrl?: string
  /** Deadlines of lanes, where a test would wait for the real ones. */
  readonly deadlineSeconds?: Readonly<Record<string, number>>
}

export class World {
  #sender: Person | undefined
  readonly server: Server
  readonly mail: MailServer
  readonly origin: string
  /** The process log, and what must not be in it. */
  readonly told: ToldAndLogged
  /** The test changes rows that only the program's own acts may change, so that they differ from the audit log at its end. */
  isTampered = false
  readonly #clock: MovableClock
  readonly #read = new Set<Mail>()
  #count = 0

  constructor(server: Server, mail: MailServer, clock: MovableClock, told: ToldAndLogged) {
    this.told = told
    this.server = server
    this.mail = mail
    this.#clock = clock
    this.origin = server.origin.replace('localhost', '127.0.0.1')
  }

  get now(): Instant {
    return this.#clock.now()
  }

  /** Runs SQL as the owner of the database. */
  asOwner(...statements: readonly string[]): Promise<void> {
    return asOwner(this.server.context.database.url, ...statements)
  }

  /** Somebody with this role, signed in. */
  async person(role: Role = 'responder', name = `${role} ${++this.#count}`): Promise<Person> {
    const email = `${name.toLowerCase().replaceAll(' ', '.')}@tocsin.test`
    const { id } = await this.server.context.database.transaction(async tx => {
      const added = await addPerson(tx, { name, email, role, passwordHash: null, isDemo: false })
      await tx.db.update(people).set({ totpConfirmedAt: tx.now }).where(eq(people.id, added.id))
      return added
    })
    return this.signIn({ id, name, email })
  }

  /** Somebody whom an administrator has marked as an executive. */
  async executive(role: Role = 'responder', name?: string): Promise<Person> {
    const person = await this.person(role, name)
    await this.server.context.database.transaction(tx => tx.db.update(people).set({ isExecutive: true }).where(eq(people.id, person.id)))
    return person
  }

  /** Another session of somebody, such as after theirs were ended. */
  async signIn({ id, name, email }: Pick<Person, 'id' | 'name' | 'email'>): Promise<Person> {
    const token = randomSecret()
    const { database, secrets } = this.server.context
    await database.transaction(async tx => {
      const session = {
        ...{ id: newId(), personId: id, tokenDigest: secretDigest(token), assurance: 'full' as const, device: 'test' },
        // Neither idle nor to be confirmed, however far time is moved.
        ...{ createdAt: tx.now, lastSeenAt: addDays(tx.now, 400), expiresAt: addDays(tx.now, 400), verifiedAt: addDays(tx.now, 400) },
      }
      await tx.db.insert(sessions).values(withMac(secrets, session))
    })
    const cookie = `tocsin_session=${token}`
    this.told.tell(token, name, email)
    return {
      ...{ id, name, email, cookie },
      call: this.client(cookie),
      expectPage: pattern => this.#take(email, pattern),
      expectNoPage: () =>
        expect(
          this.#unread(email)
            .filter(mail => mail.purpose.startsWith('page'))
            .map(mail => mail.subject),
        ).toEqual([]),
    }
  }

  /** Takes the second factor of a person's sessions back, as if it had not been given yet. */
  async lowerSessions({ id }: { readonly id: string }): Promise<void> {
    const { database, secrets } = this.server.context
    await database.transaction(async tx => {
      for (const row of await tx.db.select().from(sessions).where(eq(sessions.personId, id)))
        await tx.db
          .update(sessions)
          .set(withMac(secrets, { ...row, assurance: 'password' }))
          .where(eq(sessions.id, row.id))
    })
  }

  /** A client of the API as a browser with this cookie would be: it takes the new one of a session that rises. */
  client(cookie?: string): Call {
    let held = cookie
    const send: typeof fetch = async (input, init) => {
      const headers = { ...(init?.headers as Record<string, string>), origin: this.origin, ...(held === undefined ? {} : { cookie: held }) }
      const reply = await fetch(input, { ...init, headers })
      const renewed = reply.headers.getSetCookie()[0]?.split(';')[0]
      if (init?.method !== undefined && init.method !== 'GET') this.told.exchange(init.body, await reply.clone().text())
      if (held !== undefined && renewed !== undefined && !renewed.endsWith('=')) held = renewed
      return reply
    }
    return createClient({ origin: this.origin, fetch: send })
  }

  /** A team whose members take turns in a rotation; the first is on call now. */
  async team(options: TeamOptions = {}): Promise<{ team: Team; members: Person[]; primary: Person; backup: Person }> {
    const lead = await this.person('lead')
    const members: Person[] = []
    for (let n = 0; n < (options.tiers ?? 2); n += 1) members.push(await this.person('responder'))
    const team = await lead.call('saveTeam', {
      body: { name: `Team ${++this.#count}`, kind: options.kind ?? 'security', memberIds: members.map(member => member.id) },
    })
    const waitMinutes = options.escalateAfter?.minutes ?? 5
    await lead.call('setUpOnCall', {
      params: { id: team.id },
      body: {
        timeZone: 'UTC',
        rotation: { type: 'weekly', start: `${this.now.slice(0, 10)}T00:00` },
        participantIds: members.map(member => member.id),
        tiers: Math.min(3, members.length),
        levels: members.slice(0, 3).map((_, tier) => ({ targets: [{ kind: 'tier' as const, tier }], waitMinutes })),
        repeats: options.repeats ?? 0,
      },
    })
    const [primary, backup] = members
    if (!primary) throw new Error('a team has a member')
    return { team, members, primary, backup: backup ?? primary }
  }

  /** A service with its two sides; both are teams of this world. */
  async service(name: string, security: Team, engineering?: Team, pageFrom: Service['pageFrom'] = 'high'): Promise<Service> {
    const lead = await this.person('lead')
    const engineeringTeam = engineering ?? (await this.team({ kind: 'engineering', tiers: 1 })).team
    return lead.call('saveService', { body: { name, securityTeamId: security.id, engineeringTeamId: engineeringTeam.id, pageFrom } })
  }

  async customer(name: string, amount = 72, term: Partial<z.input<typeof NoticeTermInput>> = {}) {
    const lead = await this.person('lead')
    return lead.call('saveCustomer', {
      body: {
        name,
        region: 'EU',
        noticeTerm: { amount, ...term },
        contacts: [{ name: 'Security', email: `security@${name.toLowerCase().replaceAll(' ', '-')}.test` }],
      },
    })
  }

  /** Sends an alert by the API and lets everything that follows happen. */
  async alert(alert: Partial<z.input<typeof AlertInput>> = {}) {
    // One sender, as dedup keys are those of a sender.
    this.#sender ??= await this.person('responder')
    const { alerts } = await this.#sender.call('createAlerts', { body: { title: 'Something odd', severity: 'high', ...alert } })
    await this.settle()
    const [received] = alerts
    if (!received) throw new Error('an alert was sent')
    return received
  }

  /** Lets all that is due now happen: reactions, jobs, deliveries, and what follows from those. */
  async settle(): Promise<void> {
    const { readers, jobs } = this.server.context
    for (let round = 0; round < 4; round += 1) {
      await readers.drain()
      await jobs.drain()
    }
  }

  /** Moves the clock in one leap, as one that is set does; nothing happens on the way. */
  jump(by: { days?: number; hours?: number; minutes?: number; seconds?: number }): void {
    this.#clock.move(addSeconds(this.now, (by.days ?? 0) * 86_400 + (by.hours ?? 0) * 3_600 + (by.minutes ?? 0) * 60 + (by.seconds ?? 0)))
  }

  /** Moves time, stopping at each moment on the way when something falls due. */
  async advance(by: { hours?: number; minutes?: number; seconds?: number; days?: number }): Promise<void> {
    const seconds = (by.days ?? 0) * 86_400 + (by.hours ?? 0) * 3_600 + (by.minutes ?? 0) * 60 + (by.seconds ?? 0)
    const target = addSeconds(this.now, seconds)
    await this.settle()
    for (;;) {
      const next = await this.server.context.jobs.nextDueAt()
      if (next === undefined || next > target) break
      if (next > this.now) this.#clock.move(next)
      await this.settle()
    }
    this.#clock.move(target)
    await this.settle()
  }

  #unread(email: string): Mail[] {
    return this.mail.mails.filter(mail => mail.to === email && !this.#read.has(mail))
  }

  /** All mails that nobody looked at yet. */
  takeMails(): Mail[] {
    const found = this.mail.mails.filter(mail => !this.#read.has(mail))
    for (const mail of found) this.#read.add(mail)
    return found
  }

  /** The first mail to an address that matches and was not looked at before. */
  expectMail(email: string, pattern: RegExp): Mail {
    return this.#take(email, pattern)
  }

  #take(email: string, pattern: RegExp): Mail {
    const found = this.#unread(email).find(mail => pattern.test(mail.subject) || pattern.test(mail.text))
    expect(found, `a mail to ${email} that matches ${pattern}; there are ${JSON.stringify(this.mail.mails.map(mail => [mail.to, mail.subject]))}`).toBeDefined()
    if (!found) throw new Error('unreachable')
    this.#read.add(found)
    return found
  }
}

/** The token of the private link in a mail. */
export function linkIn(mail: Mail, path: string): string {
  const found = new RegExp(`${path}([A-Za-z0-9._-]+)`).exec(mail.text)?.[1]
  if (found === undefined) throw new Error(`no link ${path} in: ${mail.text}`)
  return found
}

/** Runs SQL on a clone as its owner: what somebody does who has the database in hand. */
export async function asOwner(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: inject('templateUrl').replace(/\/tocsin$/, new URL(url).pathname) })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

/** A database of its own, cloned from the migrated template. `url` is the program's, without rights over the schema. */
export async function cloneDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const template = inject('templateUrl')
  const name = `t_${randomUUID().replaceAll('-', '')}`
  const admin = template.replace(/\/tocsin$/, '/postgres')
  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: admin })
    await client.connect()
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
  await query(`create database ${name} template tocsin strategy file_copy`)
  return { url: inject('programUrl').replace(/\/tocsin$/, `/${name}`), drop: () => query(`drop database if exists ${name} with (force)`) }
}

/** Builds a world: a server on a real port with its own database, a mail server, a clock that stands still. */
export async function buildWorld(options: WorldOptions = {}): Promise<{ world: World; end(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-world-'))
  const database = await cloneDatabase()
  const mail = await startMailServer()
  const clock = new MovableClock(options.now ?? '2026-11-23T08:00:00.000Z')
  const config = readConfig({
    TOCSIN_DATA: folder,
    DATABASE_URL: (await options.through?.(database.url)) ?? database.url,
    PORT: '0',
    TOCSIN_LOG_LEVEL: 'silent',
    // What a test does to accounts would raise alerts beside its own, and each world would compile rules.
    TOCSIN_OWN_RULES: 'false',
    ...(options.withMail === false ? {} : { SMTP_URL: options.smtpUrl ?? mail.url }),
    ...options.env,
  })
  const told = new ToldAndLogged()
  const server = await startServer(config, openLog('debug', false, told), clock, { deadlineSeconds: options.deadlineSeconds })
  // Put off for good: one that is missing would be scheduled anew.
  if (options.withAuditor !== true)
    await server.context.database.transaction(tx => schedule(tx, { kind: watchdogJob, key: watchdogJob.kind, runAt: '9999-01-01T00:00:00.000Z', data: {} }))
  return {
    world: new World(server, mail, clock, told),
    end: async () => {
      await server.stop()
      await mail.stop()
      await database.drop()
      await rm(folder, { recursive: true, force: true })
      told.assertUnlogged()
    },
  }
}

/** Whatever was done in a world by its own acts, the tables say what the audit log says. */
async function assertRecorded({ server, isTampered }: World): Promise<void> {
  if (isTampered || server.context.database.connections.open === 0) return
  await server.context.database.transaction(async tx => {
    await holdSnapshot(tx)
    for (const { id } of await tx.db.select({ id: incidents.id }).from(incidents)) {
      const { differences } = await compareIncident(tx, id)
      expect(differences.map(differenceSentence)).toEqual([])
    }
    expect([...(await allMissing(tx)).keys()], 'incidents that were opened and are not stored').toEqual([])
  })
}

/** Tests with a world of their own. */
export const test = plainTest.extend<{ options: WorldOptions; world: World }>({
  options: [{}, { injected: true }],
  world: async ({ options }, use) => {
    const { world, end } = await buildWorld(options)
    await use(world)
    await assertRecorded(world)
    await end()
  },
})

import { type Me, sessionCookie } from '@tocsin/api'
import { and, eq, lte, ne, or, sql } from 'drizzle-orm'
import { Secret, TOTP } from 'otpauth'
import { record } from '../journal/index.ts'
import { addDays, addSeconds, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import type { Connection } from '../kernel/http.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, conflict, invalid } from '../kernel/problems.ts'
import { SealedValueDamaged, sealedColumn, sealFor, unsealRow } from '../kernel/sealed-columns.ts'
import { randomSecret, type Secrets, secretDigest } from '../kernel/secrets.ts'
import { actorOf, findPerson, readMe } from './accounts.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { deleteSessions, endSessionsOf } from './open-sessions.ts'
import { noteSignIn } from './password-attempts.ts'
import { takeRecoveryCode } from './recovery-codes.ts'
import { withMac } from './session-mac.ts'
import { idleSince, sessionSettings } from './session-settings.ts'
import { people, sessions } from './tables.ts'
import { tellPerson } from './tell.ts'

/** Starts a session: a random token in a cookie, its digest in store. */
export async function startSession(
  tx: Tx,
  context: AppContext,
  connection: Connection,
  person: { id: string; name: string },
  assurance: 'password' | 'full',
): Promise<Me> {
  const { secrets, config } = context
  const token = randomSecret(32)
  const id = newId()
  const days = config.of(sessionSettings).TOCSIN_SESSION_DAYS
  await tx.db.delete(sessions).where(or(lte(sessions.expiresAt, tx.now), lte(sessions.lastSeenAt, idleSince(tx, config))))
  await tx.db.insert(sessions).values(
    withMac(secrets, {
      id,
      personId: person.id,
      tokenDigest: secretDigest(token),
      assurance,
      device: connection.userAgent,
      createdAt: tx.now,
      lastSeenAt: tx.now,
      expiresAt: addDays(tx.now, days),
      verifiedAt: tx.now,
    }),
  )
  await record(tx, {
    actor: actorOf(person),
    type: 'session.started',
    subject: { kind: 'person', id: person.id },
    data: { sessionId: id, assurance, ip: connection.ip },
  })
  if (assurance === 'full') await noteSignIn(tx, secrets, person.id, connection.ip)
  connection.setCookie(sessionCookie, token, days * 86_400)
  return readMe(tx, context, { personId: person.id, sessionId: id })
}

/** Ends a session of the caller: this one, or another. @throws AppProblem forbidden for another, before this one has its second factor */
export async function endSession(tx: Tx, context: AppContext, caller: Caller, sessionId: string): Promise<void> {
  if (sessionId !== caller.sessionId && (await readMe(tx, context, caller)).assurance !== 'full')
    throw new AppProblem('forbidden', 'Verify your second factor first. Until then this session ends only itself.')
  await endSessionsOf(tx, caller, caller.personId, sessionId)
}

/** Lifts this session to full assurance: the second factor was given. One that rises gets a new token, so that whoever knows the old one has nothing. */
export async function liftSession(tx: Tx, context: AppContext, connection: Connection, caller: Caller): Promise<Me> {
  const { sessionId } = caller
  if (sessionId === null) throw conflict('API keys have no second factor.')
  const [session] = await tx.db.select().from(sessions).where(eq(sessions.id, sessionId)).for('update')
  if (!session) throw new AppProblem('not-signed-in', 'The session has ended. Sign in again.')
  const token = session.assurance === 'full' ? undefined : randomSecret(32)
  const renewed = token === undefined ? {} : { tokenDigest: secretDigest(token) }
  await tx.db
    .update(sessions)
    .set(withMac(context.secrets, { ...session, ...renewed, assurance: 'full', failedCodes: 0, verifiedAt: tx.now }))
    .where(eq(sessions.id, sessionId))
  await noteSignIn(tx, context.secrets, caller.personId, connection.ip)
  if (token !== undefined) connection.setCookie(sessionCookie, token, Math.ceil((Date.parse(session.expiresAt) - Date.parse(tx.now)) / 1_000))
  // Half-open sessions of the same person from before are of no more use to anybody but a thief of the password.
  await deleteSessions(tx, caller.personId, and(ne(sessions.id, sessionId), eq(sessions.assurance, 'password')))
  return readMe(tx, context, caller)
}

/** Keeps that the caller has just given a factor in this session. */
export async function confirmSession(tx: Tx, { secrets }: AppContext, connection: Connection, caller: Caller, factor: 'password' | 'passkey'): Promise<void> {
  const [session] = await tx.db
    .select()
    .from(sessions)
    .where(eq(sessions.id, caller.sessionId ?? caller.personId))
    .for('update')
  if (!session) throw new AppProblem('not-signed-in', 'The session has ended. Sign in again.')
  await tx.db
    .update(sessions)
    .set(withMac(secrets, { ...session, verifiedAt: tx.now }))
    .where(eq(sessions.id, session.id))
  await record(tx, {
    ...{ actor: caller.actor, type: 'session.confirmed', subject: { kind: 'person', id: caller.personId } },
    data: { sessionId: session.id, factor, address: connection.ip, device: connection.userAgent },
  })
}

function totp(secret: string, label: string): TOTP {
  return new TOTP({ issuer: 'Tocsin', label, secret: Secret.fromBase32(secret), digits: 6, period: 30 })
}

/** Wrong codes that end a session. */
const maxWrongCodes = 5
/** Wrong codes in a row, in all sessions of a person, from which each is followed by a pause. */
const codesBeforeLock = 10

/** Seconds for which no code of a person is tried after `wrong` wrong ones in a row: a minute, then twice as long each time, up to an hour. */
function codeLockSeconds(wrong: number): number {
  return wrong < codesBeforeLock ? 0 : Math.min(3_600, 60 * 2 ** (wrong - codesBeforeLock))
}

/**
 * Gives the second factor of this session: a code of the authenticator app, which works once. Five wrong ones end the session, and ten in a row, in all
 * sessions of the person, lock codes for a while. Takes its own transactions: a code is counted before it is tried, so that many at once are no more tries.
 */
export function giveOneTimeCode(context: AppContext, connection: Connection, caller: Caller, code: string): Promise<Me> {
  const wrong = 'is not the current code of the authenticator app'
  return giveCode(context, connection, caller, tx => takeOneTimeCode(tx, context.secrets, caller, code), wrong)
}

/** Gives a recovery code in place of the second factor; it is counted as a one-time code is. */
export function giveRecoveryCode(context: AppContext, connection: Connection, caller: Caller, code: string): Promise<Me> {
  return giveCode(context, connection, caller, tx => takeRecoveryCode(tx, context, caller, code), 'is not one of your unused recovery codes')
}

async function giveCode(context: AppContext, connection: Connection, caller: Caller, take: (tx: Tx) => Promise<boolean>, wrong: string): Promise<Me> {
  const { database } = context
  const attempt = await database.transaction(tx => reserveCode(tx, caller.personId))
  const me = await database
    .transaction(async tx => {
      if (!(await take(tx))) return undefined
      await tx.db.update(people).set({ wrongCodes: 0, codesLockedUntil: null }).where(eq(people.id, caller.personId))
      if (attempt.wrongCodes > codesBeforeLock) await context.alarms.resolve(tx, codeAlarm(caller.personId))
      return liftSession(tx, context, connection, caller)
    })
    .catch(async (error: unknown) => {
      if (error instanceof SealedValueDamaged) await database.transaction(tx => returnCode(tx, caller.personId, attempt))
      throw error
    })
  if (me) return me
  await database.transaction(tx => refuseCode(tx, context, caller, attempt))
  throw invalid('code', wrong)
}

interface CodeAttempt {
  /** This one included. */
  readonly wrongCodes: number
  readonly lockedUntil: Instant | null
}

/** Counts a code as wrong, which a right one takes back. @throws AppProblem too-many while codes of this person are locked */
async function reserveCode(tx: Tx, personId: string): Promise<CodeAttempt> {
  const [person] = await tx.db.select().from(people).where(eq(people.id, personId)).for('update')
  if (person?.codesLockedUntil != null && person.codesLockedUntil > tx.now)
    throw new AppProblem('too-many', 'Too many wrong codes. Wait up to an hour, or sign in with a passkey.')
  const wrongCodes = (person?.wrongCodes ?? 0) + 1
  const wait = codeLockSeconds(wrongCodes)
  const lockedUntil = wait > 0 ? addSeconds(tx.now, wait) : null
  await tx.db.update(people).set({ wrongCodes, codesLockedUntil: lockedUntil }).where(eq(people.id, personId))
  return { wrongCodes, lockedUntil }
}

/** Takes back that a code was counted which nothing could be compared with; not where another one was counted since. */
async function returnCode(tx: Tx, personId: string, { wrongCodes }: CodeAttempt): Promise<void> {
  await tx.db
    .update(people)
    .set({ wrongCodes: wrongCodes - 1, codesLockedUntil: null })
    .where(and(eq(people.id, personId), eq(people.wrongCodes, wrongCodes)))
}

const codeAlarm = (personId: string) => `one-time-codes:${personId}`

/** Whoever gives codes has given the password: at the first lock the person and the administrators are told. */
async function refuseCode(tx: Tx, { alarms, messenger }: AppContext, caller: Caller, { wrongCodes, lockedUntil }: CodeAttempt): Promise<void> {
  const [session] = await tx.db
    .update(sessions)
    .set({ failedCodes: sql`${sessions.failedCodes} + 1` })
    .where(eq(sessions.id, caller.sessionId ?? ''))
    .returning()
  if (session && session.failedCodes >= maxWrongCodes) await tx.db.delete(sessions).where(eq(sessions.id, session.id))
  const about = { actor: caller.actor, subject: { kind: 'person', id: caller.personId } } as const
  await record(tx, { ...about, type: 'one-time-code.refused' })
  if (lockedUntil === null) return
  await record(tx, { ...about, type: 'one-time-code.locked', data: { wrongCodes, until: lockedUntil } })
  if (wrongCodes > codesBeforeLock) return
  const person = await findPerson(tx, caller.personId)
  if (!person) return
  await messenger.post(tx, {
    channel: 'email',
    address: person.email,
    purpose: 'one-time-codes',
    purposeId: person.id,
    subject: 'Wrong one-time codes for your account',
    body: `Hello ${person.name},\n\nsomebody gave the password of your Tocsin account and then ${wrongCodes} wrong one-time codes in a row. Codes are locked for a while; a passkey still works.\n\nIf that was not you, your password is known to somebody else. Change it now, and tell your administrators.\n`,
  })
  await alarms.raise(tx, {
    key: codeAlarm(person.id),
    title: 'Many wrong one-time codes for one account',
    summary: `Somebody gave the password of ${person.name} (${person.email}) and then ${wrongCodes} wrong one-time codes in a row. Codes of this account are locked for a while, longer after each further one; a passkey still works. If it was not ${person.name}, the password is known to somebody else: ask for a new one, and look for the addresses in the audit log.`,
  })
}

async function takeOneTimeCode(tx: Tx, secrets: Secrets, caller: Caller, code: string): Promise<boolean> {
  if (!(await takeCode(tx, secrets, caller, code))) return false
  const subject = { kind: 'person', id: caller.personId } as const
  await record(tx, { actor: caller.actor, type: 'second-factor.accepted', subject, data: { factor: 'authenticator app' } })
  return true
}

async function takeCode(tx: Tx, secrets: Secrets, caller: Caller, code: string): Promise<boolean> {
  const [person] = await tx.db.select().from(people).where(eq(people.id, caller.personId)).for('update')
  if (!person?.totpSecret || person.totpConfirmedAt === null) return false
  return isFreshCode(tx, secrets, { ...person, totpSecret: person.totpSecret }, code)
}

const totpSecrets = sealedColumn(people.id, people.totpSecret, 'people.totp_secret')
const totpDamaged =
  'The stored secret of your authenticator app cannot be read. Use a passkey or a recovery code, or ask an administrator to reset your second factor.'

async function isFreshCode(
  tx: Tx,
  secrets: Secrets,
  person: { id: string; email: string; totpSecret: string; totpStep: number },
  code: string,
): Promise<boolean> {
  const timestamp = Date.parse(tx.now)
  const row = { id: person.id, sealed: person.totpSecret }
  const delta = totp(unsealRow(tx, secrets, totpSecrets, row, totpDamaged), person.email).validate({ token: code, window: 1, timestamp })
  if (delta === null) return false
  const step = Math.floor(timestamp / 30_000) + delta
  if (step <= person.totpStep) return false
  await tx.db.update(people).set({ totpStep: step }).where(eq(people.id, person.id))
  return true
}

/** Nobody enrols a further factor with half a session: otherwise a stolen password would be enough. */
export async function assertMayEnrol(tx: Tx, context: AppContext, caller: Caller): Promise<void> {
  const me = await readMe(tx, context, caller)
  if (me.assurance !== 'full' && !me.mustEnrol) throw new AppProblem('forbidden', 'Verify your existing second factor first.')
}

/** Starts to enroll an authenticator app; one that was started and not confirmed is replaced. @throws AppProblem conflict when one is enrolled. */
export async function startTotp(tx: Tx, context: AppContext, caller: Caller): Promise<{ secret: string; uri: string }> {
  await assertMayEnrol(tx, context, caller)
  const person = await findPerson(tx, caller.personId)
  if (!person) throw conflict('This account no longer exists.')
  if (person.totpConfirmedAt !== null) throw conflict('An authenticator app is already enrolled. Remove it first.')
  const secret = new Secret({ size: 20 }).base32
  await tx.db
    .update(people)
    .set({ totpSecret: sealFor(context.secrets, totpSecrets, secret, person.id) })
    .where(eq(people.id, person.id))
  return { secret, uri: totp(secret, person.email).toString() }
}

/** Confirms the authenticator app with its first code, which also lifts this session. */
export async function confirmTotp(tx: Tx, context: AppContext, connection: Connection, caller: Caller, code: string): Promise<Me> {
  await assertMayEnrol(tx, context, caller)
  const [person] = await tx.db.select().from(people).where(eq(people.id, caller.personId)).for('update')
  if (!person?.totpSecret || person.totpConfirmedAt !== null) throw conflict('Start enrolling an authenticator app first.')
  if (!(await isFreshCode(tx, context.secrets, { ...person, totpSecret: person.totpSecret }, code)))
    throw invalid('code', 'is not the current code of the authenticator app')
  await tx.db.update(people).set({ totpConfirmedAt: tx.now }).where(eq(people.id, person.id))
  await record(tx, { actor: caller.actor, type: 'second-factor.enrolled', subject: { kind: 'person', id: person.id }, data: { factor: 'authenticator app' } })
  await tellPerson(tx, context, person.id, 'an authenticator app was added to your Tocsin account.')
  return liftSession(tx, context, connection, caller)
}

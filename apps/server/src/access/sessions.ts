import { type Me, sessionCookie } from '@tocsin/api'
import { and, eq, lt, ne, sql } from 'drizzle-orm'
import { Secret, TOTP } from 'otpauth'
import { record } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Database, Tx } from '../kernel/database.ts'
import type { Connection } from '../kernel/http.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, conflict, invalid } from '../kernel/problems.ts'
import { randomSecret, type Secrets, secretDigest } from '../kernel/secrets.ts'
import { actorOf, findPerson, readMe } from './accounts.ts'
import type { Caller } from './caller.ts'
import { people, sessions } from './tables.ts'

const sessionDays = 7

/** Starts a session: a random token in a cookie, its digest in store. */
export async function startSession(tx: Tx, connection: Connection, person: { id: string; name: string }, assurance: 'password' | 'full'): Promise<Me> {
  const token = randomSecret(32)
  const id = newId()
  await tx.db.delete(sessions).where(lt(sessions.expiresAt, tx.now))
  await tx.db.insert(sessions).values({
    id,
    personId: person.id,
    tokenDigest: secretDigest(token),
    assurance,
    device: connection.userAgent,
    createdAt: tx.now,
    lastSeenAt: tx.now,
    expiresAt: addDays(tx.now, sessionDays),
  })
  await record(tx, {
    actor: actorOf(person),
    type: 'session.started',
    subject: { kind: 'person', id: person.id },
    data: { sessionId: id, assurance, ip: connection.ip },
  })
  connection.setCookie(sessionCookie, token, sessionDays * 86_400)
  return readMe(tx, person.id, id)
}

/** Ends a session of the caller: this one, or another. */
export async function endSession(tx: Tx, caller: Caller, sessionId: string): Promise<void> {
  const gone = await tx.db
    .delete(sessions)
    .where(and(eq(sessions.id, sessionId), eq(sessions.personId, caller.personId)))
    .returning({ id: sessions.id })
  if (gone.length > 0) await record(tx, { actor: caller.actor, type: 'session.ended', subject: { kind: 'person', id: caller.personId }, data: { sessionId } })
}

/** Lifts this session to full assurance: the second factor was given. */
export async function liftSession(tx: Tx, caller: Caller): Promise<Me> {
  const { sessionId } = caller
  if (sessionId === null) throw conflict('API keys have no second factor.')
  await tx.db.update(sessions).set({ assurance: 'full', failedCodes: 0 }).where(eq(sessions.id, sessionId))
  // Half-open sessions of the same person from before are of no more use to anybody but a thief of the password.
  await tx.db.delete(sessions).where(and(eq(sessions.personId, caller.personId), ne(sessions.id, sessionId), eq(sessions.assurance, 'password')))
  return readMe(tx, caller.personId, sessionId)
}

function totp(secret: string, label: string): TOTP {
  return new TOTP({ issuer: 'Tocsin', label, secret: Secret.fromBase32(secret), digits: 6, period: 30 })
}

const maxWrongCodes = 5

/**
 * Gives the second factor of this session: a code of the authenticator app, which works once. Five wrong ones end the session.
 * Takes its own transactions, because a wrong code is counted although it is refused.
 */
export async function giveOneTimeCode(database: Database, secrets: Secrets, caller: Caller, code: string): Promise<Me> {
  const me = await database.transaction(async tx => ((await takeCode(tx, secrets, caller, code)) ? liftSession(tx, caller) : undefined))
  if (me) return me
  await database.transaction(async tx => {
    const [session] = await tx.db
      .update(sessions)
      .set({ failedCodes: sql`${sessions.failedCodes} + 1` })
      .where(eq(sessions.id, caller.sessionId ?? ''))
      .returning()
    if (session && session.failedCodes >= maxWrongCodes) await tx.db.delete(sessions).where(eq(sessions.id, session.id))
    await record(tx, { actor: caller.actor, type: 'one-time-code.refused', subject: { kind: 'person', id: caller.personId } })
  })
  throw invalid('code', 'is not the current code of the authenticator app')
}

async function takeCode(tx: Tx, secrets: Secrets, caller: Caller, code: string): Promise<boolean> {
  const [person] = await tx.db.select().from(people).where(eq(people.id, caller.personId)).for('update')
  if (!person?.totpSecret || person.totpConfirmedAt === null) return false
  return isFreshCode(tx, secrets, { ...person, totpSecret: person.totpSecret }, code)
}

async function isFreshCode(
  tx: Tx,
  secrets: Secrets,
  person: { id: string; email: string; totpSecret: string; totpStep: number },
  code: string,
): Promise<boolean> {
  const timestamp = Date.parse(tx.now)
  const delta = totp(secrets.unseal(person.totpSecret), person.email).validate({ token: code, window: 1, timestamp })
  if (delta === null) return false
  const step = Math.floor(timestamp / 30_000) + delta
  if (step <= person.totpStep) return false
  await tx.db.update(people).set({ totpStep: step }).where(eq(people.id, person.id))
  return true
}

/** Nobody enrols a further factor with half a session: otherwise a stolen password would be enough. */
export async function assertMayEnrol(tx: Tx, caller: Caller): Promise<void> {
  const me = await readMe(tx, caller.personId, caller.sessionId)
  if (me.assurance !== 'full' && !me.mustEnrol) throw new AppProblem('forbidden', 'Verify your existing second factor first.')
}

/** Starts to enroll an authenticator app; one that was started and not confirmed is replaced. @throws AppProblem conflict when one is enrolled. */
export async function startTotp(tx: Tx, secrets: Secrets, caller: Caller): Promise<{ secret: string; uri: string }> {
  await assertMayEnrol(tx, caller)
  const person = await findPerson(tx, caller.personId)
  if (!person) throw conflict('This account no longer exists.')
  if (person.totpConfirmedAt !== null) throw conflict('An authenticator app is already enrolled. If you lost it, an administrator can reset it.')
  const secret = new Secret({ size: 20 }).base32
  await tx.db
    .update(people)
    .set({ totpSecret: secrets.seal(secret) })
    .where(eq(people.id, person.id))
  return { secret, uri: totp(secret, person.email).toString() }
}

/** Confirms the authenticator app with its first code, which also lifts this session. */
export async function confirmTotp(tx: Tx, secrets: Secrets, caller: Caller, code: string): Promise<Me> {
  await assertMayEnrol(tx, caller)
  const [person] = await tx.db.select().from(people).where(eq(people.id, caller.personId)).for('update')
  if (!person?.totpSecret || person.totpConfirmedAt !== null) throw conflict('Start enrolling an authenticator app first.')
  if (!(await isFreshCode(tx, secrets, { ...person, totpSecret: person.totpSecret }, code)))
    throw invalid('code', 'is not the current code of the authenticator app')
  await tx.db.update(people).set({ totpConfirmedAt: tx.now }).where(eq(people.id, person.id))
  await record(tx, { actor: caller.actor, type: 'second-factor.enrolled', subject: { kind: 'person', id: person.id }, data: { factor: 'authenticator app' } })
  return liftSession(tx, caller)
}

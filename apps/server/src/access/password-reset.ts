import { and, count, eq, gt, isNull, lt } from 'drizzle-orm'
import { z } from 'zod'
import { record } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import type { Tx } from '../kernel/database.ts'
import type { Connection } from '../kernel/http.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { linkPlaceholder, type PrivateLink } from '../kernel/messenger.ts'
import { AppProblem } from '../kernel/problems.ts'
import { openToken, secretDigest } from '../kernel/secrets.ts'
import { actorOf, clearSecondFactor, hashNewPassword, organizationName, type PersonRow } from './accounts.ts'
import type { AppContext } from './context.ts'
import { deleteSessions } from './open-sessions.ts'
import { passwordResets, people } from './tables.ts'

const linkMinutes = 30
/** What has ended is forgotten. */
const keptMinutes = 24 * 60
/** Links that one person is sent in an hour. */
const maxAnHour = 3

const Request = z.object({ email: z.string(), address: z.string(), device: z.string() })
const resetJob = defineJob({ kind: 'access.password-reset', lane: housekeepingLane, data: Request })

export function registerPasswordReset(context: AppContext): void {
  context.jobs.register(resetJob, { run: (tx, request) => sendLink(tx, context, request) })
}

/** Asks for a link to set a new password. Whoever has the email address gets it, a moment later: who asks learns nothing about who has an account. */
export async function requestPasswordReset(tx: Tx, email: string, connection: Connection): Promise<void> {
  const data = { email, address: connection.ip, device: connection.userAgent }
  // Keys of jobs are logged.
  await schedule(tx, { kind: resetJob, key: `${resetJob.kind}:${secretDigest(email)}`, runAt: tx.now, data })
}

const linkTo = (resetId: string): PrivateLink => ({ path: '/reset-password/', purpose: 'password-reset', claims: [resetId] })

async function sendLink(tx: Tx, { messenger }: AppContext, { email, address, device }: z.output<typeof Request>): Promise<void> {
  const [person] = await tx.db.select().from(people).where(eq(people.email, email)).for('update')
  // Who has no password yet was invited, and has a link for that.
  if (!person?.isActive || person.isDemo || person.passwordHash === null) return
  const [sent] = await tx.db
    .select({ n: count() })
    .from(passwordResets)
    .where(and(eq(passwordResets.personId, person.id), gt(passwordResets.createdAt, addMinutes(tx.now, -60))))
  if ((sent?.n ?? 0) >= maxAnHour) return
  await tx.db.delete(passwordResets).where(lt(passwordResets.expiresAt, addMinutes(tx.now, -keptMinutes)))
  const id = await addReset(tx, person, false)
  await messenger.post(tx, {
    channel: 'email',
    address: person.email,
    purpose: 'password-reset',
    purposeId: id,
    subject: 'Set a new password',
    body: `Hello ${person.name},\n\nsomebody asked for a new password for your Tocsin account. Set it within ${linkMinutes} minutes (private link, do not share; it works once):\n\n${linkPlaceholder}\n\nIf that was not you, ignore this message: nothing has changed.\n`,
    link: linkTo(id),
  })
  const actor = { kind: 'system', id: null, name: 'Somebody' } as const
  await record(tx, { actor, type: 'password-reset.requested', subject: { kind: 'person', id: person.id }, data: { address, device } })
}

async function addReset(tx: Tx, person: PersonRow, clears: boolean): Promise<string> {
  const id = newId()
  const expiresAt = addMinutes(tx.now, linkMinutes)
  await tx.db.insert(passwordResets).values({ id, personId: person.id, clearsSecondFactor: clears, createdAt: tx.now, expiresAt })
  return id
}

/** Sets a new password by a link. Every session ends; to sign in the second factor is asked for, as before. @throws AppProblem forbidden for a wrong, used or old link */
export async function resetPassword(tx: Tx, context: AppContext, connection: Connection, input: { token: string; password: string }): Promise<void> {
  const { secrets, messenger } = context
  const [id] = openToken(secrets, 'password-reset', input.token) ?? []
  const [reset] = id === undefined ? [] : await tx.db.select().from(passwordResets).where(eq(passwordResets.id, id)).for('update')
  const [person] = reset === undefined ? [] : await tx.db.select().from(people).where(eq(people.id, reset.personId)).for('update')
  if (!reset || !person?.isActive || reset.usedAt !== null || reset.expiresAt <= tx.now)
    throw new AppProblem('forbidden', 'This link is invalid, was already used, or has expired. Ask for a new one.')
  const passwordHash = await hashNewPassword('password', input.password, [await organizationName(tx), person.name, person.email])
  await tx.db.update(people).set({ passwordHash, failedAttempts: 0, lockedUntil: null }).where(eq(people.id, person.id))
  if (reset.clearsSecondFactor) await clearSecondFactor(tx, person.id)
  // The other links of this person end with it.
  await tx.db
    .update(passwordResets)
    .set({ usedAt: tx.now })
    .where(and(eq(passwordResets.personId, person.id), isNull(passwordResets.usedAt)))
  await deleteSessions(tx, person.id)
  await record(tx, {
    ...{ actor: actorOf(person), type: 'password.reset', subject: { kind: 'person', id: person.id } },
    data: { address: connection.ip, device: connection.userAgent, clearsSecondFactor: reset.clearsSecondFactor },
  })
  await messenger.post(tx, {
    channel: 'email',
    address: person.email,
    purpose: 'password-changed',
    purposeId: reset.id,
    subject: 'Your password was changed',
    body: `Hello ${person.name},\n\nthe password of your Tocsin account was set anew by a link that was sent to you. All sessions were signed out.\n\nIf that was not you, tell your administrators at once.\n`,
  })
}

/**
 * For an installation whose administrators cannot sign in any more: a link with which one of them sets a new password and enrolls a new second factor.
 * Whoever may start the server can make it; it is on record, and pages all administrators.
 * @throws ConfigProblem when the address is not of an active administrator
 */
export async function recoverAdministrator(tx: Tx, { messenger, alarms }: AppContext, email: string): Promise<string> {
  const [person] = await tx.db.select().from(people).where(eq(people.email, email.trim().toLowerCase()))
  if (!person?.isActive || person.isDemo || person.role !== 'administrator') throw new ConfigProblem(`${email} is not the email of an active administrator.`)
  await tx.db.delete(passwordResets).where(eq(passwordResets.personId, person.id))
  const id = await addReset(tx, person, true)
  const actor = { kind: 'system', id: null, name: 'Server' } as const
  await record(tx, { actor, type: 'account-recovery.started', subject: { kind: 'person', id: person.id }, data: { email: person.email } })
  await alarms.raise(tx, {
    key: `account-recovery:${id}`,
    title: 'An administrator account is being recovered on the server',
    summary: `Somebody started Tocsin with --recover-administrator ${person.email}: for ${linkMinutes} minutes, a link that was printed on the server sets a new password for ${person.name} and resets the second factor. If nobody of you did that, somebody else has access to the server.`,
  })
  return messenger.linkTo(linkTo(id))
}

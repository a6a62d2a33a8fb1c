import type { Session } from '@tocsin/api'
import { and, asc, eq, gt, inArray, isNull, ne, type SQL } from 'drizzle-orm'
import { record } from '../journal/index.ts'
import type { Config } from '../kernel/config.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { idleSince } from './session-settings.ts'
import { apiKeys, people, sessions } from './tables.ts'

/** The condition for sessions that have ended neither by age nor by not being used. */
const isOpen = (reader: Reader, config: Config) => and(gt(sessions.expiresAt, reader.now), gt(sessions.lastSeenAt, idleSince(reader, config)))

/** The open sessions of a person, oldest first. */
export async function openSessionsOf(reader: Reader, { config }: Pick<AppContext, 'config'>, personId: string) {
  return reader.db
    .select()
    .from(sessions)
    .where(and(eq(sessions.personId, personId), isOpen(reader, config)))
    .orderBy(asc(sessions.createdAt), asc(sessions.id))
}

export const sessionView = ({ id, createdAt, lastSeenAt, device }: typeof sessions.$inferSelect, thisOne: string | null): Session => ({
  ...{ id, createdAt, lastSeenAt, device },
  isThisOne: id === thisOne,
})

/** Ends sessions of a person, on record: one, or all but that of the caller. @throws AppProblem not-found for a person that does not exist */
export async function endSessionsOf(tx: Tx, caller: Caller, personId: string, sessionId?: string): Promise<void> {
  const [person] = await tx.db.select({ id: people.id }).from(people).where(eq(people.id, personId))
  if (!person) throw notFound('person')
  const which = sessionId === undefined ? ne(sessions.id, caller.sessionId ?? personId) : eq(sessions.id, sessionId)
  const ended = await deleteSessions(tx, personId, which)
  const about = { actor: caller.actor, subject: { kind: 'person', id: personId } } as const
  if (ended === 0) return
  if (sessionId === undefined) await record(tx, { ...about, type: 'sessions.ended', data: { sessions: ended } })
  else await record(tx, { ...about, type: 'session.ended', data: { sessionId } })
}

/** Ends the sessions of everybody, which another master key has signed. The caller has put that on record. */
export async function endAllSessions(tx: Tx): Promise<void> {
  await tx.db.delete(sessions)
}

/** @returns how many there were */
export async function deleteSessions(tx: Tx, personId: string, which?: SQL): Promise<number> {
  const gone = await tx.db
    .delete(sessions)
    .where(and(eq(sessions.personId, personId), which))
    .returning({ id: sessions.id })
  return gone.length
}

/** Those of these callers, whose streams are open, who are no longer signed in, or not in that role: their sessions, accounts or keys have ended. */
export async function callersWhoLeft(reader: Reader, config: Config, callers: readonly Caller[]): Promise<ReadonlySet<Caller>> {
  const idsOf = (kind: 'person' | 'key') =>
    callers.flatMap(({ actor, sessionId }) => (actor.kind === kind ? ((kind === 'key' ? actor.id : sessionId) ?? []) : []))
  const signedIn = await reader.db
    .select({ id: sessions.id, role: people.role })
    .from(sessions)
    .innerJoin(people, eq(people.id, sessions.personId))
    .where(and(inArray(sessions.id, idsOf('person')), eq(people.isActive, true), isOpen(reader, config)))
  const keys = await reader.db
    .select({ id: apiKeys.id, role: apiKeys.role })
    .from(apiKeys)
    .where(and(inArray(apiKeys.id, idsOf('key')), isNull(apiKeys.revokedAt), gt(apiKeys.expiresAt, reader.now)))
  const roles = new Map([...signedIn, ...keys].map(({ id, role }) => [id, role]))
  return new Set(callers.filter(({ actor, sessionId, role }) => roles.get(sessionId ?? actor.id ?? '') !== role))
}

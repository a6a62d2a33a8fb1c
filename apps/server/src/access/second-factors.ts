import { eq, ne } from 'drizzle-orm'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { deleteSessions } from './open-sessions.ts'
import { passkeys, people, sessions } from './tables.ts'
import { tellPerson } from './tell.ts'

/**
 * Removes a second factor of the caller: a passkey, or without one the authenticator app. All other sessions end, as somebody may have lost it.
 * @throws AppProblem conflict for the last one, which every account needs
 */
export async function removeSecondFactor(tx: Tx, context: AppContext, caller: Caller, passkeyId?: string): Promise<void> {
  const [person] = await tx.db.select().from(people).where(eq(people.id, caller.personId)).for('update')
  const keys = await tx.db.select({ id: passkeys.id, name: passkeys.name }).from(passkeys).where(eq(passkeys.personId, caller.personId))
  const hasTotp = person?.totpConfirmedAt != null
  const key = keys.find(({ id }) => id === passkeyId)
  if (passkeyId === undefined ? !hasTotp : !key) throw notFound(passkeyId === undefined ? 'authenticator app' : 'passkey')
  if (keys.length + (hasTotp ? 1 : 0) === 1) throw conflict('This is your only second factor. Add another one first.')
  if (key) await tx.db.delete(passkeys).where(eq(passkeys.id, key.id))
  else await tx.db.update(people).set({ totpSecret: null, totpConfirmedAt: null }).where(eq(people.id, caller.personId))
  await deleteSessions(tx, caller.personId, ne(sessions.id, caller.sessionId ?? caller.personId))
  await record(tx, {
    ...{ actor: caller.actor, type: 'second-factor.removed', subject: { kind: 'person', id: caller.personId } },
    data: key ? { factor: 'passkey', name: key.name } : { factor: 'authenticator app' },
  })
  await tellPerson(
    tx,
    context,
    caller.personId,
    `a second factor of your Tocsin account was removed: ${key ? `the passkey ${key.name}` : 'the authenticator app'}.`,
  )
}

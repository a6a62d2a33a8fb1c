import { eq } from 'drizzle-orm'
import type { Tx } from '../kernel/database.ts'
import type { AppContext } from './context.ts'
import { people } from './tables.ts'

const ownAdvice = 'If that was not you, change your password now, and tell your administrators.'

/**
 * Tells people by email what happened to their account, and to how they sign in and are reached: who did not do it themselves must learn of it.
 * @param advice what to do about what was not meant to happen
 */
export async function tellPerson(tx: Tx, { messenger }: AppContext, personId: string, what: string, advice = ownAdvice): Promise<void> {
  const [person] = await tx.db.select({ name: people.name, email: people.email }).from(people).where(eq(people.id, personId))
  if (!person) return
  await messenger.post(tx, {
    channel: 'email',
    address: person.email,
    purpose: 'account-changed',
    purposeId: personId,
    subject: 'Your Tocsin account was changed',
    body: `Hello ${person.name},\n\n${what}\n\n${advice}\n`,
  })
}

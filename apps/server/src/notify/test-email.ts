import { desc, eq } from 'drizzle-orm'
import { type AppContext, type Caller, findPerson } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { messages } from './tables.ts'

const purpose = 'test-email'

/** Sends an email to the caller's own address by the way that all email takes, so that what arrives shows that pages do. */
export async function sendTestEmail(tx: Tx, { messenger }: AppContext, caller: Caller): Promise<{ to: string; state: 'queued' | 'held' }> {
  const person = await findPerson(tx, caller.personId)
  if (!person) throw notFound('person')
  await messenger.post(tx, {
    ...{ channel: 'email', address: person.email, purpose, purposeId: person.id },
    subject: 'Test email from Tocsin',
    body: `Hello ${person.name},\n\nemail works: Tocsin at ${messenger.origin} can send you pages and notifications.\n\nYou asked for this test.\n`,
  })
  await record(tx, { actor: caller.actor, type: 'test-email.requested', subject: { kind: 'organization', id: 'organization' }, data: {} })
  return { to: person.email, state: messenger.isLive ? 'queued' : 'held' }
}

/** The latest test email, and what became of it. */
export async function latestTestEmail(reader: Reader) {
  const [found] = await reader.db
    .select({
      ...{ state: messages.state, createdAt: messages.createdAt, sentAt: messages.sentAt, lastError: messages.lastError },
      ...{ report: messages.report, reportedAt: messages.reportedAt },
    })
    .from(messages)
    .where(eq(messages.purpose, purpose))
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(1)
  return found
}

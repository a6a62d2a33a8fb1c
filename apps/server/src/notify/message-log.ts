import type { Message } from '@tocsin/api'
import { and, desc, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Viewer } from '../access/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { shownAddress } from './channels/index.ts'
import { mayRead } from './restricted.ts'
import { messages } from './tables.ts'

const cursor = listCursor('messages', z.tuple([z.iso.datetime(), z.uuid()]))

/** One page of the messages, the latest first, without the private links in them. */
export async function listMessages(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: { limit: number; cursor?: string | undefined },
): Promise<{ items: Message[]; next: string | null }> {
  const after = cursor.read(query.cursor)
  const rows = await reader.db
    .select()
    .from(messages)
    .where(and(mayRead(context.visibility, viewer), after && sql`(${messages.createdAt}, ${messages.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`))
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(query.limit + 1)
  const { items, next } = cursor.page(rows, query.limit, message => [message.createdAt, message.id])
  return { items: items.map(viewOf), next }
}

/** What of a message only its recipient may read, by purpose. */
const shownToRecipient: Readonly<Record<string, string>> = {
  // Whoever reads a code could verify an address that is not theirs.
  'contact-code': 'The code is shown only to its recipient.',
  // It names incidents that its recipient may see.
  handoff: 'The handoff is shown only to its recipient.',
}

function viewOf(message: typeof messages.$inferSelect): Message {
  return {
    id: message.id,
    channel: message.channel,
    purpose: message.purpose,
    to: shownAddress(message.channel, message.address),
    subject: message.subject,
    text: shownToRecipient[message.purpose] ?? message.body,
    state: message.state,
    attempts: message.attempts,
    lastError: message.lastError,
    createdAt: message.createdAt,
    sentAt: message.sentAt,
    report: message.report,
  }
}

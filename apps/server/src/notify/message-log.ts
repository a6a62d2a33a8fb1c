import type { Message } from '@tocsin/api'
import { desc } from 'drizzle-orm'
import type { AppContext, Viewer } from '../access/index.ts'
import type { Reader } from '../kernel/database.ts'
import { shownAddress } from './channels/index.ts'
import { messages } from './tables.ts'

/** The latest messages, without the private links in them. */
export async function listMessages(reader: Reader, context: AppContext, viewer: Viewer): Promise<Message[]> {
  const rows = await reader.db
    .select()
    .from(messages)
    .where(context.visibility.condition(viewer, messages.withinId))
    .orderBy(desc(messages.createdAt))
    .limit(200)
  return rows.map(message => ({
    id: message.id,
    channel: message.channel,
    purpose: message.purpose,
    to: shownAddress(message.channel, message.address),
    subject: message.subject,
    text: message.body,
    state: message.state,
    attempts: message.attempts,
    lastError: message.lastError,
    createdAt: message.createdAt,
    sentAt: message.sentAt,
  }))
}

import type { Message } from '@tocsin/api'
import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Viewer } from '../access/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { shownAddress } from './channels/index.ts'
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
    .where(
      and(
        context.visibility.condition(viewer, messages.withinId),
        after && sql`(${messages.createdAt}, ${messages.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`,
      ),
    )
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(query.limit + 1)
  const { items, next } = cursor.page(rows, query.limit, message => [message.createdAt, message.id])
  return { items: items.map(viewOf), next }
}

function viewOf(message: typeof messages.$inferSelect): Message {
  return {
    id: message.id,
    channel: message.channel,
    purpose: message.purpose,
    to: shownAddress(message.channel, message.address),
    subject: message.subject,
    // Whoever reads a code could verify an address that is not theirs.
    text: message.purpose === 'contact-code' ? 'The code is shown only to its recipient.' : message.body,
    state: message.state,
    attempts: message.attempts,
    lastError: message.lastError,
    createdAt: message.createdAt,
    sentAt: message.sentAt,
  }
}

/** Messages of records that are part of an incident now: it decides who may see them. */
export async function moveMessages(tx: Tx, purpose: string, purposeIds: readonly string[], withinId: string): Promise<void> {
  if (purposeIds.length === 0) return
  await tx.db
    .update(messages)
    .set({ withinId })
    .where(and(eq(messages.purpose, purpose), inArray(messages.purposeId, [...purposeIds])))
}

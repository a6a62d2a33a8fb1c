import { erasedText } from '@tocsin/merkle'
import { type AnyColumn, inArray, sql } from 'drizzle-orm'
import type { Tx } from '../kernel/database.ts'
import { linkPlaceholder } from '../kernel/messenger.ts'
import { messages } from './tables.ts'

const quoted = (said: AnyColumn) => sql`case when ${said} is not null then ${erasedText}::text end`

/** Erases the texts of messages, by what they are about. One that has still to leave keeps its private link, so that whoever is paged can answer. */
export async function eraseMessages(tx: Tx, purposeIds: readonly string[]): Promise<void> {
  await tx.db
    .update(messages)
    .set({
      subject: erasedText,
      // A server that refuses or returns a mail may quote it.
      ...{ report: quoted(messages.report), lastError: quoted(messages.lastError) },
      body: sql`case when ${messages.state} in ('queued', 'held') and ${messages.linkPath} is not null then ${`${erasedText}\n\n${linkPlaceholder}\n`}::text else ${erasedText}::text end`,
    })
    .where(inArray(messages.purposeId, [...purposeIds]))
}

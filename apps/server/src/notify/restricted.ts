import { and, eq, exists, isNotNull, or, type SQL, sql } from 'drizzle-orm'
import { people, type Viewer, type Visibility } from '../access/index.ts'
import type { Reader } from '../kernel/database.ts'
import { linkPlaceholder, type MessageChannel } from '../kernel/messenger.ts'
import { contactMethods } from './tables.ts'

/** What a page within a restricted incident says: it goes to people who may not see the incident, and through channels that others read. */
export const restrictedSummary = 'This incident is restricted. Acknowledge the page, then open the incident in Tocsin for details.'

/** What messages call a restricted incident, which never say its title. */
export const restrictedName = ({ number, codename }: { readonly number: number; readonly codename: string | null }) =>
  `Incident ${number} (restricted${codename === null ? '' : `: ${codename}`})`

/** A message without anything that it says, with the private link that it has: that of a page. */
export function neutral({ linkPath }: { readonly linkPath: string | null }): { subject: string; body: string } {
  const body =
    linkPath === null
      ? 'This message is about a restricted incident. Sign in to Tocsin for details.'
      : `${restrictedSummary}\n\nPrivate link, do not share:\n${linkPlaceholder}`
  return { subject: 'Restricted incident', body }
}

/** The condition for messages that a viewer may read: by the incident that they were written in, those that they name, and those of what they are about. */
export const mayRead = (visibility: Visibility, viewer: Viewer): SQL =>
  // By their full names: in what an update returns, Drizzle leaves the table's away.
  sql`(${visibility.condition(viewer, sql`messages.within_id`)} and ${visibility.ofAll(viewer, sql`select unnest(messages.named_ids)`)}
    and ${visibility.ofRecord(viewer, 'message', sql`messages.id`)})`

/** Whose address a message goes to: that of an account, or of a verified contact method. Undefined where it is nobody's alone. */
export async function recipientOf(
  reader: Reader,
  { channel, address }: { readonly channel: MessageChannel; readonly address: string },
): Promise<typeof people.$inferSelect | undefined> {
  const method = reader.db
    .select({ id: contactMethods.id })
    .from(contactMethods)
    .where(
      and(
        eq(contactMethods.personId, people.id),
        sql`${contactMethods.kind} = ${channel}`,
        eq(contactMethods.address, address),
        isNotNull(contactMethods.verifiedAt),
      ),
    )
  const isTheirs = channel === 'email' ? or(eq(people.email, address), exists(method)) : exists(method)
  const found = await reader.db
    .select()
    .from(people)
    .where(and(eq(people.isActive, true), isTheirs))
    .limit(2)
  return found.length === 1 ? found[0] : undefined
}

import type { Handover, IncidentRole } from '@tocsin/api'
import { and, asc, eq, inArray } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { type Actor, recordAll } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { namesOf } from './incident.ts'
import { renderMarkdown } from './markdown.ts'
import { incidentHandovers, notes } from './tables.ts'

export type HandoverRow = typeof incidentHandovers.$inferSelect

/** The roles that are taken over by accepting them: their holder acts for the whole response. */
export const handedOver = ['lead', 'owner'] as const
export type HandedOver = (typeof handedOver)[number]

export const isHandedOver = (role: IncidentRole): role is HandedOver => role === 'lead' || role === 'owner'

/** The topic of the page that asks somebody to take over a role: acknowledging it accepts the role. */
export const handoverTopic = (role: HandedOver) => `handover ${role}`
export const roleOfTopic = (topic: string | undefined): HandedOver | undefined => handedOver.find(role => handoverTopic(role) === topic)

/** Who is asked to take over roles of an incident. */
export async function handoversOf(reader: Reader, incidentId: string): Promise<Handover[]> {
  const rows = await reader.db
    .select({ handover: incidentHandovers, markdown: notes.markdown })
    .from(incidentHandovers)
    .leftJoin(notes, eq(notes.id, incidentHandovers.noteId))
    .where(eq(incidentHandovers.incidentId, incidentId))
    .orderBy(asc(incidentHandovers.role))
  const names = await namesOf(
    reader,
    rows.map(({ handover }) => handover.toId),
  )
  return rows.map(({ handover: { role, toId, by, requestedAt }, markdown }) => ({
    ...{ role, to: { id: toId, name: names.get(toId) ?? '' }, by, requestedAt },
    note: markdown === null ? null : { markdown, html: renderMarkdown(markdown) },
  }))
}

export async function findHandover(reader: Reader, incidentId: string, role: IncidentRole): Promise<HandoverRow | undefined> {
  const [found] = await reader.db
    .select()
    .from(incidentHandovers)
    .where(and(eq(incidentHandovers.incidentId, incidentId), eq(incidentHandovers.role, role)))
  return found
}

/** Nobody is asked any more to take over a role: somebody has it now, which the entry of that says. */
export async function settleHandover(tx: Tx, context: AppContext, actor: Actor, incidentId: string, role: IncidentRole): Promise<void> {
  const settled = await tx.db
    .delete(incidentHandovers)
    .where(and(eq(incidentHandovers.incidentId, incidentId), eq(incidentHandovers.role, role)))
    .returning({ role: incidentHandovers.role })
  if (settled.length > 0 && isHandedOver(role)) await resolvePagesAbout(tx, context, actor, incidentId, handoverTopic(role))
}

/**
 * Ends requests to take over roles of an incident that nobody accepted: of the people named, or all. The pages that ask are over.
 * @returns those that were ended
 */
export async function endHandovers(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  incidentId: string,
  how: { readonly outcome: 'declined' | 'withdrawn' | 'left'; readonly reason?: string; readonly role?: IncidentRole; readonly toIds?: readonly string[] },
): Promise<HandoverRow[]> {
  const ended = await tx.db
    .delete(incidentHandovers)
    .where(
      and(
        eq(incidentHandovers.incidentId, incidentId),
        how.role === undefined ? undefined : eq(incidentHandovers.role, how.role),
        how.toIds === undefined ? undefined : inArray(incidentHandovers.toId, [...how.toIds]),
      ),
    )
    .returning()
  const names = await namesOf(
    tx,
    ended.map(({ toId }) => toId),
  )
  await recordAll(
    tx,
    ended.map(({ role, toId }) => ({
      ...{ actor, type: 'incident.handover-ended' as const, subject: { kind: 'incident' as const, id: incidentId }, within: incidentId },
      data: { role, person: { id: toId, name: names.get(toId) ?? '' }, outcome: how.outcome, reason: how.reason ?? null },
    })),
  )
  for (const { role } of ended) if (isHandedOver(role)) await resolvePagesAbout(tx, context, actor, incidentId, handoverTopic(role))
  return ended
}

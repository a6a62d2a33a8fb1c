import type { TimelineEntry } from '@tocsin/api'
import { type Line, tellEvent } from '@tocsin/events'
import { inArray } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Viewer } from '../access/index.ts'
import { alertsOfIncident } from '../alerts/index.ts'
import { type Entry, entryColumns, erasureSentence, latestOfSelection, readEntries, type Selection } from '../journal/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { pages } from '../paging/index.ts'
import { findIncident } from './incident.ts'

/**
 * Entries of the journal as a timeline, in their order, without bookkeeping. An entry that cannot be read is shown by its type, so that none
 * is missing.
 */
export function timelineOf(entries: readonly Entry[]): TimelineEntry[] {
  return entries.flatMap(entry => {
    const line = lineOf(entry)
    if (line.isBookkeeping) return []
    return [
      {
        id: entry.id,
        at: entry.at,
        by: entry.actor.name,
        type: entry.type,
        sentence: line.title ? `${line.sentence}: ${line.title}` : line.sentence,
        reason: entry.erasure && entry.fault === null ? erasureSentence(entry.erasure) : (line.reason ?? null),
      },
    ]
  })
}

function lineOf(entry: Entry): Pick<Line, 'sentence' | 'reason' | 'isBookkeeping'> & { readonly title?: string | undefined } {
  if (entry.fault !== null) return { sentence: `${entry.type} (unreadable entry)`, reason: entry.fault, isBookkeeping: false }
  return tellEvent(entry.type, { actor: entry.actor.name, at: entry.at, data: entry.data })
}

type WithId = { readonly id: string }

/** Which journal entries make up the timeline of an incident: its own, and those of its alerts and their pages from before it was opened. */
export async function selectionOf(reader: Reader, incidentId: string, alerts: readonly WithId[]): Promise<Selection> {
  const alertIds = alerts.map(alert => alert.id)
  const paged = alertIds.length === 0 ? [] : await reader.db.select({ id: pages.id }).from(pages).where(inArray(pages.subjectId, alertIds))
  return { within: incidentId, subjects: [...alertIds, ...paged.map(page => page.id)] }
}

/** The whole timeline of an incident, oldest first, as a viewer may see it: for what is written down of it. */
export async function wholeTimeline(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  incidentId: string,
  alerts: readonly WithId[],
): Promise<TimelineEntry[]> {
  const condition = context.visibility.ofEntry(viewer, entryColumns)
  return timelineOf(await readEntries(reader, await selectionOf(reader, incidentId, alerts), condition))
}

interface ListQuery {
  readonly limit: number
  readonly cursor?: string | undefined
}

const cursor = listCursor('timeline', z.tuple([z.int()]))

/** One part of the timeline of an incident, newest first; without those that are bookkeeping, so that it may be shorter than the limit. */
export async function latestOfTimeline(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  incidentId: string,
  alerts: readonly WithId[],
  { limit, cursor: after }: ListQuery,
): Promise<{ items: TimelineEntry[]; next: string | null }> {
  const [before] = cursor.read(after) ?? []
  const condition = context.visibility.ofEntry(viewer, entryColumns)
  const found = await latestOfSelection(reader, await selectionOf(reader, incidentId, alerts), { limit: limit + 1, before, condition })
  const { items, next } = cursor.page(found, limit, ({ seq }) => [seq])
  return { items: timelineOf(items.map(({ entry }) => entry)), next }
}

/** One part of the timeline of an incident that the viewer may see, and the incident. */
export async function listTimeline(reader: Reader, context: AppContext, viewer: Viewer, id: string, query: ListQuery) {
  // As by every list, a cursor that is none is refused whatever the ID is.
  cursor.read(query.cursor)
  await findIncident(reader, context, viewer, id)
  return latestOfTimeline(reader, context, viewer, id, await alertsOfIncident(reader, context, viewer, id), query)
}

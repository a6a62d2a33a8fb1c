import type { TimelineEntry } from '@tocsin/api'
import { type Line, tellEvent } from '@tocsin/events'
import type { Entry } from '../journal/index.ts'

/**
 * The journal of an incident as its timeline, oldest first, without bookkeeping. An entry that cannot be read is shown by its type, so that none
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
        reason: line.reason ?? null,
      },
    ]
  })
}

function lineOf(entry: Entry): Pick<Line, 'sentence' | 'reason' | 'isBookkeeping'> & { readonly title?: string | undefined } {
  if (entry.fault !== null) return { sentence: `${entry.type} (unreadable entry)`, reason: entry.fault, isBookkeeping: false }
  return tellEvent(entry.type, { actor: entry.actor.name, at: entry.at, data: entry.data })
}

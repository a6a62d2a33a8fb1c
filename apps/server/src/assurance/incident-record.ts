import type { AppContext, Caller } from '../access/index.ts'
import { type ClosingConditions, readIncident, wholeTimeline } from '../incidents/index.ts'
import type { Reader } from '../kernel/database.ts'
import { obligationsOf } from '../notices/index.ts'
import { readReviewOf } from '../reviews/index.ts'

/** The record of one incident: itself with its whole timeline, its notification obligations, its review. */
export async function readRecord(reader: Reader, context: AppContext, conditions: ClosingConditions, caller: Caller, id: string) {
  const read = await readIncident(reader, context, conditions, caller, id)
  const incident = { ...read, timeline: await wholeTimeline(reader, id, read.alerts), timelineNext: null }
  const obligations = await obligationsOf(reader, context, caller, id)
  const review = await readReviewOf(reader, context, caller, id)
  return { exportedAt: reader.now, exportedBy: caller.actor.name, incident, obligations, review }
}
export type IncidentRecord = Awaited<ReturnType<typeof readRecord>>

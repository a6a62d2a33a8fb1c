import { differenceSentence } from '@tocsin/events/fold'
import type { AppContext, Caller } from '../access/index.ts'
import { allNotes, allProposals, type ClosingConditions, listFacts, readIncident, wholeTimeline } from '../incidents/index.ts'
import type { Tx } from '../kernel/database.ts'
import { obligationsOf } from '../notices/index.ts'
import { readReviewOf } from '../reviews/index.ts'
import { compareIncident } from './reconcile.ts'

/**
 * The record of one incident: itself with its whole timeline, all notes and proposals, its notification obligations, its review; the rows that all of it is read from, and what of them
 * differs from the entries. The transaction holds a snapshot.
 */
export async function readRecord(reader: Tx, context: AppContext, conditions: ClosingConditions, caller: Caller, id: string) {
  const read = await readIncident(reader, context, conditions, caller, id)
  const incident = {
    ...{ ...read, notes: await allNotes(reader, caller, id), notesNext: null, proposals: await allProposals(reader, id) },
    ...{ timeline: await wholeTimeline(reader, context, caller, id, read.alerts), timelineNext: null },
  }
  const facts = await listFacts(reader, id)
  const obligations = await obligationsOf(reader, context, caller, id)
  const review = await readReviewOf(reader, context, caller, id)
  const { records, differences } = await compareIncident(reader, id)
  const altered = differences.map(differenceSentence)
  const isParentHidden = incident.parent === null && records.some(({ fields }) => fields.parentId)
  const shown = isParentHidden ? records.map(({ fields: { parentId: _, ...fields }, ...record }) => ({ ...record, fields })) : records
  return { exportedAt: reader.now, exportedBy: caller.actor.name, incident, facts, obligations, review, records: shown, altered, differences }
}
export type IncidentRecord = Omit<Awaited<ReturnType<typeof readRecord>>, 'differences'>

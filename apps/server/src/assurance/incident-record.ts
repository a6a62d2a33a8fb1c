import type { Caller, House } from '../identity/index.ts'
import { type ClosingConditions, readIncident } from '../incidents/index.ts'
import { listObligations } from '../notices/index.ts'
import type { Reader } from '../platform/database.ts'
import { readReviewOf } from '../reviews/index.ts'

/** The record of one incident, as it stands: itself, its duties to notify, its review. */
export async function readRecord(reader: Reader, house: House, conditions: ClosingConditions, caller: Caller, id: string) {
  const incident = await readIncident(reader, house, conditions, caller, id)
  const obligations = await listObligations(reader, house, caller, { view: 'all', incidentId: id })
  const review = await readReviewOf(reader, house, caller, id)
  return { exportedAt: reader.now, exportedBy: caller.actor.name, incident, obligations, review }
}
export type IncidentRecord = Awaited<ReturnType<typeof readRecord>>

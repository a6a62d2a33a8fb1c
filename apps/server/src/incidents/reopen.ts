import { record, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { type IncidentRow, saveIncident, stateOf } from './incident.ts'
import { destination } from './lifecycle.ts'

/** Reopens a closed incident that owes something again, which no closed one may. @returns it as it is now; one that is open stays as it is */
export async function reopenForObligation(tx: Tx, incident: IncidentRow, reason: string): Promise<IncidentRow> {
  if (incident.status !== 'closed') return incident
  const to = destination('reopen', await stateOf(tx, incident))
  if (to === undefined) return incident
  const saved = await saveIncident(tx, incident, { status: to, closedAt: null })
  await record(tx, {
    ...{ actor: system, type: 'incident.reopened', subject: { kind: 'incident', id: incident.id }, within: incident.id },
    data: { from: incident.status, to, reason, ...(incident.stoodDownAt === null ? {} : { staysStoodDown: true as const }) },
  })
  return saved
}

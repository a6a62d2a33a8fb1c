import { inArray } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict } from '../kernel/problems.ts'
import { assertMayLead, assertVersion, lockIncident, saveIncident } from './incident.ts'
import { incidents } from './tables.ts'

/** Places or lifts a legal hold: while it is held, nothing that belongs to the incident is erased. Also of a closed incident. */
export async function setLegalHold(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { version: number; isHeld: boolean; reason: string },
): Promise<void> {
  const incident = await lockIncident(tx, context, caller, id)
  assertMayLead(caller, incident, 'place or lift a legal hold')
  assertVersion(incident, input.version)
  if (input.isHeld === (incident.legalHoldReason !== null))
    throw conflict(input.isHeld ? 'This incident is under legal hold already.' : 'This incident is not under legal hold.')
  await saveIncident(tx, incident, { legalHoldReason: input.isHeld ? input.reason : null })
  const type = input.isHeld ? 'incident.hold-placed' : 'incident.hold-lifted'
  await record(tx, { actor: caller.actor, type, subject: { kind: 'incident', id }, within: id, data: { reason: input.reason } })
}

/**
 * Nothing is erased that belongs to an incident under legal hold. Until the transaction ends, none is placed.
 * @throws AppProblem conflict that names no incident: who asks may not see each of them
 */
export async function assertNotHeld(tx: Tx, ids: readonly string[]): Promise<void> {
  const found = await tx.db
    .select({ reason: incidents.legalHoldReason })
    .from(incidents)
    .where(inArray(incidents.id, [...ids]))
    .orderBy(incidents.id)
    .for('share')
  if (found.some(({ reason }) => reason !== null))
    throw conflict('This belongs to an incident under legal hold, so nothing was erased. A lead of the incident can lift the hold.')
}

import { inArray, or } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict } from '../kernel/problems.ts'
import { assertMayLead, assertVersion, type IncidentRow, lockIncident, saveIncident } from './incident.ts'
import { incidents } from './tables.ts'

/** Places or lifts a legal hold: while it is held, nothing that belongs to the incident, or to one that is linked to it, is erased. Also of a closed incident. */
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

/** True where one of these incidents, or the parent of one, is under legal hold. Until the transaction ends, none is placed. */
async function isAnyHeld(tx: Tx, ids: readonly string[]): Promise<boolean> {
  const parents = tx.db
    .select({ id: incidents.parentId })
    .from(incidents)
    .where(inArray(incidents.id, [...ids]))
  const found = await tx.db
    .select({ reason: incidents.legalHoldReason })
    .from(incidents)
    .where(or(inArray(incidents.id, [...ids]), inArray(incidents.id, parents)))
    .orderBy(incidents.id)
    .for('share')
  return found.some(({ reason }) => reason !== null)
}

/**
 * Nothing is erased that belongs to an incident under legal hold, or to a child of one.
 * @throws AppProblem conflict that names no incident: who asks may not see each of them
 */
export async function assertNotHeld(tx: Tx, ids: readonly string[]): Promise<void> {
  if (await isAnyHeld(tx, ids)) throw conflict('This belongs to an incident under legal hold, so nothing was erased. A lead of the incident can lift the hold.')
}

/** @throws AppProblem conflict where something is about to leave an incident under legal hold: outside of it, it could be erased */
export async function assertMayLeave(tx: Tx, { id, number }: IncidentRow): Promise<void> {
  if (await isAnyHeld(tx, [id]))
    throw conflict(`Incident ${number} is under legal hold, so nothing can be moved out of it or unlinked from it. A lead can lift the hold.`)
}

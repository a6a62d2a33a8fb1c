import { record, wasRecorded } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { everybody } from './visibility.ts'

/** Reading a restricted incident, or what belongs to one, is recorded: once a quarter of an hour, because an open page reads again with every change. */
export async function recordRestrictedRead(tx: Tx, { visibility }: AppContext, caller: Caller, incidentId: string | null): Promise<void> {
  if (incidentId === null || (await visibility.maySee(tx, everybody, incidentId))) return
  const entry = { actor: caller.actor, type: 'incident.read', subject: { kind: 'incident', id: incidentId } } as const
  if (!(await wasRecorded(tx, { ...entry, since: addMinutes(tx.now, -15) }))) await record(tx, { ...entry, within: incidentId })
}

import type { AppContext, Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { type IncidentRow, saveIncident } from './incident.ts'
import { dropTasks } from './tasks.ts'
import { type ClosingConditions, closeIncident, type DeclarationEffects } from './transitions.ts'

/**
 * Stands an incident down whose declaration was an error: what is owed because of it ends, its tasks are not needed, and nobody stays paged. Customers who were notified are
 * owed an update, and until they have it the incident stays open; without anybody to tell it is closed in the same transaction.
 */
export async function standDown(
  tx: Tx,
  context: AppContext,
  conditions: ClosingConditions,
  effects: DeclarationEffects,
  caller: Caller,
  incident: IncidentRow,
  reason: string,
): Promise<void> {
  const { id, status: from, class: declaredClass } = incident
  const notified = await effects.obligations.countNotified(tx, id)
  const saved = await saveIncident(tx, incident, { class: 'not-an-incident', stoodDownAt: tx.now })
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.stood-down', subject: { kind: 'incident', id }, within: id },
    data: { from, class: declaredClass, reason, notified },
  })
  await dropTasks(tx, caller, id)
  await effects.obligations.standDown(tx, saved)
  await effects.follow(tx, saved)
  await resolvePagesAbout(tx, context, caller.actor, id)
  if ((await conditions.against(tx, saved)).length === 0) await closeIncident(tx, context, conditions, caller, id, { version: saved.version, reason })
}

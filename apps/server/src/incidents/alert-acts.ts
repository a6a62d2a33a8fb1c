import type { AlertActInput, AlertActResult } from '@tocsin/api'
import { inArray } from 'drizzle-orm'
import { type AppContext, assertPerson, type Caller } from '../access/index.ts'
import { actOn, beginUndo, keepAct, lockAlerts, pageUnspoken, sorted, takeAct, transferAlerts, undo, undone, unfitToEscalate } from '../alerts/index.ts'
import type { Tx } from '../kernel/database.ts'
import { unacknowledgePagesOf } from '../paging/index.ts'
import { lockOpenIncident } from './incident.ts'
import { assertMayLeave } from './legal-hold.ts'
import { escalateToIncident } from './open.ts'
import { incidents } from './tables.ts'

/** Acts on many alerts in one transaction. */
export async function actOnAlerts(tx: Tx, context: AppContext, caller: Caller, input: AlertActInput): Promise<AlertActResult> {
  return input.act === 'escalate' ? escalateMany(tx, context, caller, input) : actOn(tx, context, caller, input)
}

async function escalateMany(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  { ids, incidentId, title, responsibility = 'us', reason = '' }: AlertActInput,
): Promise<AlertActResult> {
  // The scope of this route is that of alerts: a key that may not write incidents would open one.
  assertPerson(caller, 'Alerts are escalated by this route')
  const into = incidentId === undefined ? undefined : await lockOpenIncident(tx, context, caller, incidentId)
  const rows = await lockAlerts(tx, context, caller, ids)
  const [first] = rows
  const kind = into ?? { isDemo: rows.every(row => row.isDemo), isExercise: rows.every(row => row.isExercise) }
  const { able, skipped } = sorted(rows, unfitToEscalate(kind))
  if (first === undefined || able.length === 0) return keepAct(tx, caller, 'escalate', [], skipped)
  const id = await escalateToIncident(tx, context, caller, able, { incidentId, title, responsibility, reason })
  const [incident] = await tx.db
    .select({ id: incidents.id, number: incidents.number })
    .from(incidents)
    .where(inArray(incidents.id, [id]))
  return { ...(await keepAct(tx, caller, 'escalate', able, skipped)), incident: incident ?? null }
}

/** Undoes an act on alerts. What it had escalated goes back to triage; an incident that it had opened stays open, for somebody to close it. */
export async function undoAlertAct(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<AlertActResult> {
  const kept = await takeAct(tx, caller, id)
  if (kept.act !== 'escalate') return undo(tx, context, caller, await beginUndo(tx, context, caller, kept))
  assertPerson(caller, 'What was escalated is put back')
  const incidentId = kept.changes.find(({ after }) => typeof after.incidentId === 'string')?.after.incidentId
  if (typeof incidentId !== 'string') throw new Error('an escalated alert is part of an incident')
  // Before its alerts, as everywhere.
  const from = await lockOpenIncident(tx, context, caller, incidentId)
  await assertMayLeave(tx, from)
  const { rows, before, by, skipped } = await beginUndo(tx, context, caller, kept)
  if (rows.length > 0) {
    await transferAlerts(tx, caller, rows, from, null, undone)
    // The pages that escalating them had acknowledged, where nobody had before.
    const open = rows.filter(row => before.get(row.id)?.acknowledgedAt === null).map(row => row.id)
    await unacknowledgePagesOf(tx, context, caller, open, by)
    await pageUnspoken(tx, context, caller.actor, open)
  }
  return { done: rows.length, skipped: [...skipped], undo: null, incident: null }
}

import { type AlertAct, type AlertActInput, type AlertActResult, includesRole, undoHours } from '@tocsin/api'
import { eq, lt, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, assertResponders, type Caller, people } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { addDays, addMinutes, type Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { conflict, forbidden, invalid, notFound } from '../kernel/problems.ts'
import { assigned, tellAssignee, unassigned, unfitToAssign, unfitToUnassign } from './assignment.ts'
import { correctAlerts, correctionOf, unfitToCorrect } from './correction.ts'
import { type AlertChange, type AlertState, alerts, performedActs } from './tables.ts'
import { acknowledgeAlerts, dismissAlerts, dismissalOf, lockOriginal, reopenAlerts, unfitToAcknowledge, unfitToReopen } from './triage.ts'
import { among, decidedAlready, idsOf, lockAlerts, type Skipped, sorted, type TriagedAlert, triaged } from './triaged.ts'

/** Acts are kept for so long, though they can be undone for a day only: somebody may ask what an act did. */
const keptDays = 30
export const purgeActsJob = defineJob({ kind: 'alert-acts.purge', lane: housekeepingLane, data: z.object({}) })

/** What an act did. */
export interface Acted {
  readonly done: readonly TriagedAlert[]
  readonly skipped: readonly Skipped[]
}

/** Acts on the alerts of an act, but for escalating them, which incidents do: in as many statements for many as for one. */
export async function actOn(tx: Tx, context: AppContext, caller: Caller, input: AlertActInput): Promise<AlertActResult> {
  const rows = await lockAlerts(tx, context, caller, input.ids)
  const { done, skipped } = await act(tx, context, caller, input, rows)
  return keepAct(tx, caller, input.act, done, skipped)
}

async function act(tx: Tx, context: AppContext, caller: Caller, input: AlertActInput, rows: readonly TriagedAlert[]): Promise<Acted> {
  const { actor } = caller
  switch (input.act) {
    case 'acknowledge': {
      const { able, skipped } = sorted(rows, unfitToAcknowledge)
      // The page of one that was acknowledged before may still want another acknowledgement.
      await acknowledgeAlerts(
        tx,
        context,
        caller,
        rows.filter(alert => alert.dispositionOutcome !== 'dismissed'),
      )
      return { done: able, skipped }
    }
    case 'dismiss': {
      const dismissal = dismissalOf(input)
      const original = dismissal.duplicateOf === undefined ? undefined : await lockOriginal(tx, context, caller, dismissal.duplicateOf)
      const { able, skipped } = sorted(rows, alert => decidedAlready(alert) ?? original?.obstacleTo(alert))
      if (able.length > 0) await dismissAlerts(tx, context, caller, able, dismissal, original)
      return { done: able, skipped }
    }
    case 'reopen': {
      const { able, skipped } = sorted(rows, unfitToReopen)
      if (able.length > 0) await reopenAlerts(tx, caller, able, input.reason ?? '')
      return { done: able, skipped }
    }
    case 'assign': {
      const to = await findAssignee(tx, input.assigneeId)
      const { able, skipped } = sorted(rows, unfitToAssign(to))
      if (able.length > 0) await assigned(tx, actor, able, to)
      await tellAssignee(tx, context, actor, able, to.id)
      return { done: able, skipped }
    }
    case 'unassign': {
      const { able, skipped } = sorted(rows, unfitToUnassign)
      if (able.length > 0) await unassigned(tx, actor, able)
      return { done: able, skipped }
    }
    case 'correct': {
      const { correction, reason } = correctionOf(input)
      const { able, skipped } = sorted(rows, await unfitToCorrect(tx, correction))
      if (able.length > 0) await correctAlerts(tx, context, actor, able, correction, reason)
      return { done: able, skipped }
    }
    case 'escalate':
      throw new Error('incidents escalate alerts')
  }
}

async function findAssignee(reader: Reader, id = ''): Promise<{ id: string; name: string; isDemo: boolean }> {
  await assertResponders(reader, [id], 'assigneeId')
  const [person] = await reader.db.select({ id: people.id, name: people.name, isDemo: people.isDemo }).from(people).where(eq(people.id, id))
  if (!person) throw invalid('assigneeId', 'must be somebody with an active account')
  return person
}

/** What of an alert an act can change and put back. */
function stateOf(alert: TriagedAlert): AlertState {
  const { id: _id, number: _number, title: _title, rule: _rule, hasPaged: _hasPaged, isDemo: _isDemo, isExercise: _isExercise, ...state } = alert
  return state
}

const fields: readonly (keyof AlertState)[] = [
  ...(['status', 'isOpen', 'severity', 'serviceId', 'acknowledgedById', 'acknowledgedAt', 'assigneeId', 'dispositionOutcome'] as const),
  ...(['dispositionValue', 'dispositionResponsibility', 'dispositionReason', 'dispositionById', 'dispositionAt', 'duplicateOfId'] as const),
  ...(['incidentId', 'incidentNumber'] as const),
]

const only = (state: AlertState, wanted: readonly (keyof AlertState)[]): Partial<AlertState> =>
  Object.fromEntries(Object.entries(state).filter(([field]) => wanted.some(one => one === field)))

/** What is different of alerts since they were `before`; those that were changed alike are told of together. */
function changesOf(before: readonly TriagedAlert[], after: readonly TriagedAlert[]): AlertChange[] {
  const now = new Map(after.map(alert => [alert.id, stateOf(alert)]))
  const alike = new Map<string, AlertChange>()
  for (const alert of before) {
    const [was, is] = [stateOf(alert), now.get(alert.id)]
    const changed = is === undefined ? [] : fields.filter(field => was[field] !== is[field])
    if (is === undefined || changed.length === 0) continue
    const change = { before: only(was, changed), after: only(is, changed) }
    const key = JSON.stringify(change)
    const one = alike.get(key) ?? { ids: [], ...change }
    alike.set(key, one)
    one.ids.push(alert.id)
  }
  return [...alike.values()]
}

/** Keeps what an act did, so that it can be undone. @param done the alerts, as they were before it */
export async function keepAct(
  tx: Tx,
  { personId }: Caller,
  act: AlertAct,
  done: readonly TriagedAlert[],
  skipped: readonly Skipped[],
): Promise<AlertActResult> {
  const result = { done: done.length, skipped: [...skipped], incident: null }
  if (done.length === 0) return { ...result, undo: null }
  const after = await tx.db
    .select(triaged)
    .from(alerts)
    .where(among(idsOf(done)))
  const id = newId()
  await tx.db.insert(performedActs).values({ id, act, personId, at: tx.now, changes: changesOf(done, after) })
  return { ...result, undo: { id, until: addMinutes(tx.now, undoHours * 60) } }
}

/** An act that is to be undone, and the alerts that are still as it left them. */
export interface Undoing {
  readonly act: AlertAct
  /** Who did it, and when. */
  readonly by: { readonly byId: string; readonly at: Instant }
  /** The alerts as they are. */
  readonly rows: readonly TriagedAlert[]
  /** What each of them was before. */
  readonly before: ReadonlyMap<string, AlertState>
  readonly skipped: readonly Skipped[]
}

type PerformedAct = typeof performedActs.$inferSelect

/** Takes an act to undo it: who did it or an administrator, within a day, once. */
export async function takeAct(tx: Tx, caller: Caller, id: string): Promise<PerformedAct> {
  const [kept] = await tx.db.select().from(performedActs).where(eq(performedActs.id, id)).for('update')
  if (!kept) throw notFound('act')
  if (kept.personId !== caller.personId && !includesRole(caller.role, 'administrator'))
    throw forbidden('Only the person who did this or an administrator can undo it.')
  if (kept.undoneAt !== null) throw conflict('This is already undone.')
  if (tx.now > addMinutes(kept.at, undoHours * 60)) throw conflict(`An act can be undone for ${undoHours} hours. Change the alerts themselves instead.`)
  await tx.db.update(performedActs).set({ undoneAt: tx.now }).where(eq(performedActs.id, id))
  return kept
}

/** Locks the alerts of an act, and tells those that are still as it left them from the others. */
export async function beginUndo(tx: Tx, context: AppContext, caller: Caller, kept: PerformedAct): Promise<Undoing> {
  const changes = new Map(kept.changes.flatMap(change => change.ids.map(alertId => [alertId, change] as const)))
  const found = await tx.db
    .select(triaged)
    .from(alerts)
    .where(sql`${among([...changes.keys()])} and ${context.visibility.condition(caller, alerts.incidentId)}`)
    .orderBy(alerts.id)
    .for('update')
  const serviceIds = [...new Set(kept.changes.flatMap(({ before }) => before.serviceId ?? []))]
  const known = await tx.db
    .select({ id: services.id })
    .from(services)
    .where(sql`${services.id} = any(${sql.param(serviceIds)}::uuid[])`)
  const gone = new Set(serviceIds.filter(serviceId => !known.some(service => service.id === serviceId)))
  const { able, skipped } = sorted(found, alert => {
    const [state, change] = [stateOf(alert), changes.get(alert.id)]
    const after = change?.after ?? {}
    if (gone.has(change?.before.serviceId ?? '')) return 'changed'
    return fields.every(field => !Object.hasOwn(after, field) || after[field] === state[field]) ? undefined : 'changed'
  })
  // What the caller may not see any more has changed as well, and nothing else is said of it.
  const seen = new Set(idsOf(found))
  const unseen = [...changes.keys()].filter(alertId => !seen.has(alertId))
  const changed = [...skipped.flatMap(one => one.ids), ...unseen]
  const why = `${changed.length === 1 ? '1 alert has' : `${changed.length} alerts have`} changed since.`
  return {
    act: kept.act,
    by: { byId: kept.personId, at: kept.at },
    rows: able,
    before: new Map(able.map(alert => [alert.id, { ...stateOf(alert), ...changes.get(alert.id)?.before }])),
    skipped: changed.length === 0 ? [] : [{ why, ids: changed }],
  }
}

/** Acts that are older than anybody asks about are removed, once a day. */
export async function purgeActs(tx: Tx): Promise<void> {
  await tx.db.delete(performedActs).where(lt(performedActs.at, addDays(tx.now, -keptDays)))
  await schedulePurge(tx)
}

export async function schedulePurge(tx: Tx): Promise<void> {
  await schedule(tx, { kind: purgeActsJob, key: purgeActsJob.kind, runAt: addDays(tx.now, 1), data: {} })
}

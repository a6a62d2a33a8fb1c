import type { Responsibility, RouteInput, alertRoutes as routes } from '@tocsin/api'
import { titleOnRecord } from '@tocsin/events'
import { and, eq, isNotNull, ne, notExists, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { AppContext, Caller } from '../access/index.ts'
import { type Actor, record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { acknowledgePagesAbout, movePagesInto, movePagesOut, resolvePagesAbout } from '../paging/index.ts'
import { alerts } from './tables.ts'

type AlertRow = typeof alerts.$inferSelect

/** Locks an alert for a change, if the caller may see it. */
export async function lockAlert(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<AlertRow> {
  const [alert] = await tx.db
    .select()
    .from(alerts)
    .where(and(eq(alerts.id, id), context.visibility.condition(caller, alerts.incidentId)))
    .for('update')
  if (!alert) throw notFound('alert')
  return alert
}

/** Acknowledges an alert: its pages stop escalating. */
export async function acknowledgeAlert(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  if (alert.dispositionOutcome === 'dismissed') throw conflict('This alert is already dismissed.')
  await markAcknowledged(tx, alert, caller.actor, caller.personId)
  await acknowledgePagesAbout(tx, context, caller.actor, caller.personId, id)
}

/** An acknowledged page is an acknowledged alert. */
export async function followPage(tx: Tx, actor: Actor, personId: string, alertId: string): Promise<void> {
  const [alert] = await tx.db.select().from(alerts).where(eq(alerts.id, alertId)).for('update')
  if (alert) await markAcknowledged(tx, alert, actor, personId)
}

/** A page that was released by somebody, or escalates again, leaves its alert unassigned. */
export async function releaseAlert(tx: Tx, alertId: string, personId?: string): Promise<void> {
  const theirs = personId === undefined ? isNotNull(alerts.acknowledgedById) : eq(alerts.acknowledgedById, personId)
  await tx.db
    .update(alerts)
    .set({ status: 'open', acknowledgedById: null, acknowledgedAt: null })
    .where(and(eq(alerts.id, alertId), eq(alerts.status, 'acknowledged'), theirs))
}

async function markAcknowledged(tx: Tx, alert: AlertRow, actor: Actor, personId: string): Promise<void> {
  if (alert.acknowledgedAt !== null || alert.status !== 'open') return
  await tx.db.update(alerts).set({ status: 'acknowledged', acknowledgedById: personId, acknowledgedAt: tx.now }).where(eq(alerts.id, alert.id))
  await record(tx, { actor, type: 'alert.acknowledged', subject: { kind: 'alert', id: alert.id }, within: alert.incidentId })
}

/** The source acknowledges on behalf of nobody here: escalation stops, and the alert stays in the triage queue. */
export async function acknowledgeBySource(tx: Tx, context: AppContext, actor: Actor, scope: string, dedupKey: string): Promise<void> {
  const acknowledged = await tx.db
    .update(alerts)
    .set({ status: 'acknowledged', acknowledgedAt: tx.now })
    .where(and(eq(alerts.dedupScope, scope), eq(alerts.dedupKey, dedupKey), eq(alerts.isOpen, true), eq(alerts.status, 'open')))
    .returning({ id: alerts.id, incidentId: alerts.incidentId })
  for (const { id, incidentId } of acknowledged) {
    await resolvePagesAbout(tx, context, actor, id)
    await record(tx, { actor, type: 'alert.acknowledged', subject: { kind: 'alert', id }, within: incidentId })
  }
}

function assertUndecided(alert: AlertRow): void {
  if (alert.dispositionOutcome === 'dismissed') throw conflict('This alert is already dismissed.')
  if (alert.dispositionOutcome === 'escalated') throw conflict(`This alert is already part of incident ${alert.incidentNumber}.`)
}

/** Dismisses an alert: a disposition with a responsibility and a reason. A duplicate names the alert that it repeats. */
export async function dismissAlert(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  { duplicateOf, ...disposition }: RouteInput<typeof routes.dismissAlert>['body'],
): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  assertUndecided(alert)
  const original = duplicateOf === undefined ? undefined : await originalOf(tx, context, caller, alert, duplicateOf)
  await tx.db
    .update(alerts)
    .set({
      status: 'dismissed',
      isOpen: false,
      dispositionOutcome: 'dismissed',
      dispositionValue: disposition.value,
      dispositionResponsibility: disposition.responsibility,
      dispositionReason: disposition.reason,
      dispositionById: caller.personId,
      dispositionAt: tx.now,
      duplicateOfId: duplicateOf ?? null,
    })
    .where(eq(alerts.id, id))
  await resolvePagesAbout(tx, context, caller.actor, id)
  await record(tx, { actor: caller.actor, type: 'alert.dismissed', subject: { kind: 'alert', id }, data: { ...disposition, ...original, ...ruleOf(alert) } })
}

/** What takes a disposition back. */
const undecided = {
  ...{ dispositionOutcome: null, dispositionValue: null, dispositionResponsibility: null, dispositionReason: null },
  ...{ dispositionById: null, dispositionAt: null, duplicateOfId: null },
  status: sql`case when ${alerts.acknowledgedAt} is null then 'open' else 'acknowledged' end`,
}

/** Takes the disposition of a dismissed alert back. It is counted up again, unless its source has resolved it, or opened another with its key meanwhile. */
export async function reopenAlert(tx: Tx, context: AppContext, caller: Caller, id: string, reason: string): Promise<void> {
  const { dispositionOutcome, dispositionValue, incidentNumber } = await lockAlert(tx, context, caller, id)
  if (dispositionOutcome === 'escalated') throw conflict(`This alert is part of incident ${incidentNumber}. Move it out of the incident instead.`)
  if (dispositionValue === null) throw conflict('This alert has no disposition.')
  const other = alias(alerts, 'other')
  const sameKey = and(
    other.isOpen,
    eq(other.dedupScope, alerts.dedupScope),
    eq(other.dedupKey, alerts.dedupKey),
    sql`${other.serviceId} is not distinct from ${alerts.serviceId}`,
  )
  await tx.db
    .update(alerts)
    .set({ ...undecided, isOpen: sql`${alerts.sourceResolvedAt} is null and ${notExists(tx.db.select({ id: other.id }).from(other).where(sameKey))}` })
    .where(eq(alerts.id, id))
  await record(tx, { actor: caller.actor, type: 'alert.reopened', subject: { kind: 'alert', id }, data: { value: dispositionValue, reason } })
}

/** What an entry says of the rule that the alert, and so a disposition of it, rested on. */
const ruleOf = ({ rule }: AlertRow) => (rule === null ? {} : { rule })

/** The number of the alert that a duplicate repeats. @throws AppProblem invalid unless it is another one of its kind that the caller may see, and does not repeat this one */
async function originalOf(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  { id, isDemo, isExercise }: AlertRow,
  originalId: string,
): Promise<{ duplicateOf: number }> {
  // Locked, so that no two of them become duplicates of each other at once.
  const [original] = await tx.db
    .select({ duplicateOf: alerts.number, isDemo: alerts.isDemo, isExercise: alerts.isExercise })
    .from(alerts)
    .where(and(eq(alerts.id, originalId), ne(alerts.id, id), context.visibility.condition(caller, alerts.incidentId)))
    .for('share')
  if (!original) throw invalid('duplicateOf', 'must be the ID of another alert')
  if (original.isExercise !== isExercise)
    throw invalid('duplicateOf', isExercise ? 'must be an alert of an exercise, as this one is' : 'must be a real alert: that one belongs to an exercise')
  if (original.isDemo !== isDemo) throw invalid('duplicateOf', isDemo ? 'must be demo data, as this alert is' : 'must be a real alert: that one is demo data')
  const { rows } = await tx.db.execute(sql`
    with recursive repeated (id) as (
      select ${originalId}::uuid union select ${alerts.duplicateOfId} from ${alerts} join repeated on ${alerts.id} = repeated.id
    ) select 1 from repeated where id = ${id}::uuid`)
  if (rows.length > 0) throw invalid('duplicateOf', 'must be an alert that is not itself a duplicate of this one')
  return { duplicateOf: original.duplicateOf }
}

/** Demo data goes in one step: nothing real may go with it, nor a real incident lose what it rests on. */
function assertSameKind({ number, isDemo, isExercise }: AlertRow, incident: { readonly isDemo: boolean; readonly isExercise: boolean }): void {
  if (isExercise !== incident.isExercise)
    throw conflict(
      isExercise
        ? `Alert ${number} belongs to an exercise. It cannot become part of a real incident.`
        : `Alert ${number} is a real one, and the incident is an exercise. Open another incident for it.`,
    )
  if (isDemo === incident.isDemo) return
  throw conflict(
    isDemo
      ? `Alert ${number} is demo data, which may be removed at any time. It cannot become part of a real incident.`
      : `Alert ${number} is a real one, and the incident is demo data, which may be removed at any time. Open another incident for it.`,
  )
}

/** Adds alerts to an incident: their disposition is `escalated`. */
export async function escalateAlerts(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  ids: readonly string[],
  incident: { id: string; number: number; codename: string | null; isRestricted: boolean; isDemo: boolean; isExercise: boolean },
  disposition: { responsibility: Responsibility; reason: string },
): Promise<AlertRow[]> {
  const escalated: AlertRow[] = []
  for (const id of [...new Set(ids)].sort()) {
    const alert = await lockAlert(tx, context, caller, id)
    assertUndecided(alert)
    assertSameKind(alert, incident)
    await tx.db
      .update(alerts)
      .set({
        status: 'escalated',
        dispositionOutcome: 'escalated',
        dispositionResponsibility: disposition.responsibility,
        dispositionReason: disposition.reason,
        dispositionById: caller.personId,
        dispositionAt: tx.now,
        incidentId: incident.id,
        incidentNumber: incident.number,
      })
      .where(eq(alerts.id, id))
    escalated.push(alert)
  }
  // Before the pages are acknowledged: what is recorded of that belongs to the incident.
  await movePagesInto(
    tx,
    escalated.map(alert => alert.id),
    incident,
  )
  if (incident.isRestricted && escalated.length > 0) await withdrawAnswers(tx)
  for (const alert of escalated) {
    const { id, number, title } = alert
    await acknowledgePagesAbout(tx, context, caller.actor, caller.personId, id)
    await record(tx, {
      actor: caller.actor,
      type: 'alert.escalated',
      subject: { kind: 'alert', id },
      within: incident.id,
      data: {
        responsibility: disposition.responsibility,
        reason: disposition.reason,
        number,
        title: titleOnRecord(title),
        incidentNumber: incident.number,
        ...ruleOf(alert),
      },
    })
  }
  return escalated
}

/**
 * Moves an alert that was escalated to the wrong incident to another one, or back to triage. Both timelines say so; who may not see one of the incidents is told
 * nothing of it. Both incidents are locked by the caller.
 * @param to null for the triage queue
 */
export async function transferAlert(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  from: { readonly id: string; readonly number: number },
  to: {
    readonly id: string
    readonly number: number
    readonly codename: string | null
    readonly isRestricted: boolean
    readonly isDemo: boolean
    readonly isExercise: boolean
  } | null,
  reason: string,
): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  if (alert.incidentId !== from.id) throw changedMeanwhile()
  if (to !== null) assertSameKind(alert, to)
  const decided = { dispositionReason: reason, dispositionById: caller.personId, dispositionAt: tx.now }
  await tx.db
    .update(alerts)
    .set({ ...(to === null ? undecided : decided), incidentId: to?.id ?? null, incidentNumber: to?.number ?? null })
    .where(eq(alerts.id, id))
  await movePagesOut(tx, alert, to)
  if (to?.isRestricted) await withdrawAnswers(tx)
  const named = ({ id, number }: { readonly id: string; readonly number: number }) => ({ id, number })
  for (const incident of [from, to])
    if (incident !== null)
      await record(tx, {
        ...{ actor: caller.actor, type: 'alert.moved', subject: { kind: 'alert', id }, within: incident.id },
        data: { number: alert.number, title: titleOnRecord(alert.title), from: named(from), to: to && named(to), reason },
      })
}

/** The incident is over: alerts with the same keys are new ones from now on. */
export async function closeAlertsOf(tx: Tx, incidentId: string): Promise<void> {
  await tx.db.update(alerts).set({ isOpen: false }).where(eq(alerts.incidentId, incidentId))
}

import type { dispositions, Responsibility } from '@tocsin/api'
import { and, eq, isNotNull, ne } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { type Actor, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { acknowledgePagesAbout, movePagesInto, resolvePagesAbout } from '../paging/index.ts'
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
  const [alert] = await tx.db
    .select()
    .from(alerts)
    .where(and(eq(alerts.dedupScope, scope), eq(alerts.dedupKey, dedupKey), eq(alerts.isOpen, true)))
    .for('update')
  if (alert?.status !== 'open') return
  await tx.db.update(alerts).set({ status: 'acknowledged', acknowledgedAt: tx.now }).where(eq(alerts.id, alert.id))
  await resolvePagesAbout(tx, context, actor, alert.id)
  await record(tx, { actor, type: 'alert.acknowledged', subject: { kind: 'alert', id: alert.id }, within: alert.incidentId })
}

function assertUndecided(alert: AlertRow): void {
  if (alert.dispositionOutcome === 'dismissed') throw conflict('This alert is already dismissed.')
  if (alert.dispositionOutcome === 'escalated') throw conflict(`This alert is already part of incident ${alert.incidentNumber}.`)
}

/** Dismisses an alert: a disposition with a responsibility and a reason. A duplicate may name the alert that it repeats. */
export async function dismissAlert(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  { duplicateOf, ...disposition }: { value: (typeof dispositions)[number]; responsibility: Responsibility; reason: string; duplicateOf?: string | undefined },
): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  assertUndecided(alert)
  if (duplicateOf !== undefined && disposition.value !== 'duplicate') throw invalid('duplicateOf', 'must be omitted unless the disposition is duplicate')
  const original = duplicateOf === undefined ? undefined : await originalOf(tx, context, caller, id, duplicateOf)
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
    })
    .where(eq(alerts.id, id))
  await resolvePagesAbout(tx, context, caller.actor, id)
  await record(tx, { actor: caller.actor, type: 'alert.dismissed', subject: { kind: 'alert', id }, data: { ...disposition, ...original, ...ruleOf(alert) } })
}

/** What an entry says of the rule that the alert, and so a disposition of it, rested on. */
const ruleOf = ({ rule }: AlertRow) => (rule === null ? {} : { rule })

/** The number of the alert that a duplicate repeats. @throws AppProblem invalid unless it is another one that the caller may see */
async function originalOf(reader: Reader, context: AppContext, caller: Caller, id: string, originalId: string): Promise<{ duplicateOf: number }> {
  const [original] = await reader.db
    .select({ duplicateOf: alerts.number })
    .from(alerts)
    .where(and(eq(alerts.id, originalId), ne(alerts.id, id), context.visibility.condition(caller, alerts.incidentId)))
  if (!original) throw invalid('duplicateOf', 'must be the ID of another alert')
  return original
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
  incident: { id: string; number: number; isRestricted: boolean; isDemo: boolean; isExercise: boolean },
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
      data: { responsibility: disposition.responsibility, reason: disposition.reason, number, title, incidentNumber: incident.number, ...ruleOf(alert) },
    })
  }
  return escalated
}

/** The incident is over: alerts with the same keys are new ones from now on. */
export async function closeAlertsOf(tx: Tx, incidentId: string): Promise<void> {
  await tx.db.update(alerts).set({ isOpen: false }).where(eq(alerts.incidentId, incidentId))
}

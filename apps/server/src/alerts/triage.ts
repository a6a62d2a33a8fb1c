import type { dismissalReasons, Realm } from '@tocsin/api'
import { and, eq } from 'drizzle-orm'
import type { Caller, House } from '../identity/index.ts'
import { type Actor, record } from '../journal/index.ts'
import { acknowledgePagesAbout, resolvePagesAbout } from '../oncall/index.ts'
import type { Tx } from '../platform/database.ts'
import { conflict, notFound } from '../platform/problems.ts'
import { alerts } from './tables.ts'

type AlertRow = typeof alerts.$inferSelect

/** Takes an alert to act on it, if the caller may see it. */
export async function lockAlert(tx: Tx, house: House, caller: Caller, id: string): Promise<AlertRow> {
  const [alert] = await tx.db
    .select()
    .from(alerts)
    .where(and(eq(alerts.id, id), house.visibility.condition(caller, alerts.incidentId)))
    .for('update')
  if (!alert) throw notFound('alert')
  return alert
}

/** Says that somebody looks at it: its pages stop climbing. */
export async function acknowledgeAlert(tx: Tx, house: House, caller: Caller, id: string): Promise<void> {
  const alert = await lockAlert(tx, house, caller, id)
  await markAcknowledged(tx, alert, caller.actor, caller.personId)
  await acknowledgePagesAbout(tx, house, caller.actor, caller.personId, id)
}

/** An acknowledged page is an acknowledged alert. */
export async function followPage(tx: Tx, actor: Actor, personId: string, alertId: string): Promise<void> {
  const [alert] = await tx.db.select().from(alerts).where(eq(alerts.id, alertId)).for('update')
  if (alert) await markAcknowledged(tx, alert, actor, personId)
}

/** A handed-back page leaves its alert with nobody. */
export async function releaseAlert(tx: Tx, alertId: string, personId: string): Promise<void> {
  await tx.db
    .update(alerts)
    .set({ status: 'open', acknowledgedById: null, acknowledgedAt: null })
    .where(and(eq(alerts.id, alertId), eq(alerts.status, 'acknowledged'), eq(alerts.acknowledgedById, personId)))
}

async function markAcknowledged(tx: Tx, alert: AlertRow, actor: Actor, personId: string): Promise<void> {
  if (alert.acknowledgedAt !== null || alert.status !== 'open') return
  await tx.db.update(alerts).set({ status: 'acknowledged', acknowledgedById: personId, acknowledgedAt: tx.now }).where(eq(alerts.id, alert.id))
  await record(tx, { actor, type: 'alert.acknowledged', subject: { kind: 'alert', id: alert.id }, within: alert.incidentId })
}

/** The source acknowledges in the name of nobody here: climbing stops, the queue keeps the alert. */
export async function acknowledgeBySource(tx: Tx, house: House, actor: Actor, scope: string, dedupKey: string): Promise<void> {
  const [alert] = await tx.db
    .select()
    .from(alerts)
    .where(and(eq(alerts.dedupScope, scope), eq(alerts.dedupKey, dedupKey), eq(alerts.isOpen, true)))
    .for('update')
  if (alert?.status !== 'open') return
  await tx.db.update(alerts).set({ status: 'acknowledged', acknowledgedAt: tx.now }).where(eq(alerts.id, alert.id))
  await resolvePagesAbout(tx, house, actor, alert.id)
  await record(tx, { actor, type: 'alert.acknowledged', subject: { kind: 'alert', id: alert.id }, within: alert.incidentId })
}

function assertUndecided(alert: AlertRow): void {
  if (alert.verdictOutcome === 'dismissed') throw conflict('This alert was dismissed already.')
  if (alert.verdictOutcome === 'escalated') throw conflict(`This alert belongs to incident ${alert.incidentNumber} already.`)
}

/** Dismisses an alert: a verdict with a reason, a realm and a statement. */
export async function dismissAlert(
  tx: Tx,
  house: House,
  caller: Caller,
  id: string,
  verdict: { reason: (typeof dismissalReasons)[number]; realm: Realm; statement: string },
): Promise<void> {
  const alert = await lockAlert(tx, house, caller, id)
  assertUndecided(alert)
  await tx.db
    .update(alerts)
    .set({
      status: 'dismissed',
      isOpen: false,
      verdictOutcome: 'dismissed',
      verdictReason: verdict.reason,
      verdictRealm: verdict.realm,
      verdictStatement: verdict.statement,
      verdictById: caller.personId,
      verdictAt: tx.now,
    })
    .where(eq(alerts.id, id))
  await resolvePagesAbout(tx, house, caller.actor, id)
  await record(tx, { actor: caller.actor, type: 'alert.dismissed', subject: { kind: 'alert', id }, data: { ...verdict } })
}

/** Puts alerts into an incident: the verdict is that it is worth one. */
export async function escalateAlerts(
  tx: Tx,
  house: House,
  caller: Caller,
  ids: readonly string[],
  incident: { id: string; number: number },
  verdict: { realm: Realm; statement: string },
): Promise<AlertRow[]> {
  const escalated: AlertRow[] = []
  for (const id of [...new Set(ids)].sort()) {
    const alert = await lockAlert(tx, house, caller, id)
    assertUndecided(alert)
    await tx.db
      .update(alerts)
      .set({
        status: 'escalated',
        verdictOutcome: 'escalated',
        verdictRealm: verdict.realm,
        verdictStatement: verdict.statement,
        verdictById: caller.personId,
        verdictAt: tx.now,
        incidentId: incident.id,
        incidentNumber: incident.number,
      })
      .where(eq(alerts.id, id))
    await acknowledgePagesAbout(tx, house, caller.actor, caller.personId, id)
    await record(tx, {
      actor: caller.actor,
      type: 'alert.escalated',
      subject: { kind: 'alert', id },
      within: incident.id,
      data: { ...verdict, number: alert.number, title: alert.title, incidentNumber: incident.number },
    })
    escalated.push(alert)
  }
  return escalated
}

/** The incident is over: alerts with the same keys are new ones from now on. */
export async function closeAlertsOf(tx: Tx, incidentId: string): Promise<void> {
  await tx.db.update(alerts).set({ isOpen: false }).where(eq(alerts.incidentId, incidentId))
}

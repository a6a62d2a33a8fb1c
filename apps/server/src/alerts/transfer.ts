import type { Responsibility } from '@tocsin/api'
import { titleOnRecord } from '@tocsin/events'
import { eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { recordAll } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { changedMeanwhile, conflict } from '../kernel/problems.ts'
import { acknowledgePagesOf, movePagesInto, movePagesOut } from '../paging/index.ts'
import { withoutDeparted } from './assignment.ts'
import { leaveStorms } from './storms.ts'
import { alerts } from './tables.ts'
import { ruleOf, undecided } from './triage.ts'
import { among, assertNo, decidedAlready, idsOf, lockAlert, lockAlerts, type Obstacle, type TriagedAlert } from './triaged.ts'

/** What of an incident decides which alerts it takes in, and who may see them then. */
export interface Taking {
  readonly id: string
  readonly number: number
  readonly codename: string | null
  readonly isRestricted: boolean
  readonly isDemo: boolean
  readonly isExercise: boolean
}
type Kind = Pick<Taking, 'isDemo' | 'isExercise'>

/** Demo data goes in one step: nothing real may go with it, nor a real incident lose what it rests on. */
function assertSameKind({ number, isDemo, isExercise }: TriagedAlert, incident: Kind): void {
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

/** Why an alert cannot become part of an incident of a kind. */
export const unfitToEscalate =
  (incident: Kind) =>
  (alert: TriagedAlert): Obstacle | undefined => {
    if (alert.isExercise !== incident.isExercise) return 'exercise-or-real'
    return decidedAlready(alert) ?? (alert.isDemo === incident.isDemo ? undefined : 'demo-or-real')
  }

/** Adds alerts to an incident: their disposition is `escalated`. In as many statements for many as for one. */
export async function escalateAlerts(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  ids: readonly string[],
  incident: Taking,
  { responsibility, reason }: { readonly responsibility: Responsibility; readonly reason: string },
): Promise<TriagedAlert[]> {
  const escalated = await lockAlerts(tx, context, caller, ids, 'alertIds')
  if (escalated.length === 0) return []
  for (const alert of escalated) {
    assertNo(decidedAlready(alert), alert)
    assertSameKind(alert, incident)
  }
  const own = idsOf(escalated)
  await leaveStorms(tx, own)
  await tx.db
    .update(alerts)
    .set({
      ...{ status: 'escalated', dispositionOutcome: 'escalated', dispositionResponsibility: responsibility, dispositionReason: reason },
      ...{ dispositionById: caller.personId, dispositionAt: tx.now, incidentId: incident.id, incidentNumber: incident.number, stormPageId: null },
    })
    .where(among(own))
  // Before the pages are acknowledged: what is recorded of that belongs to the incident.
  await movePagesInto(tx, own, incident)
  if (incident.isRestricted) await withdrawAnswers(tx)
  await acknowledgePagesOf(tx, context, caller.actor, caller.personId, own)
  await recordAll(
    tx,
    escalated.map(alert => ({
      ...{ actor: caller.actor, type: 'alert.escalated' as const, subject: { kind: 'alert' as const, id: alert.id }, within: incident.id },
      data: { responsibility, reason, number: alert.number, title: titleOnRecord(alert.title), incidentNumber: incident.number, ...ruleOf(alert) },
    })),
  )
  return escalated
}

type Named = Pick<Taking, 'id' | 'number'>

/** Moves an alert that was escalated to the wrong incident to another one, or back to triage. Both incidents are locked by the caller. */
export async function transferAlert(tx: Tx, context: AppContext, caller: Caller, id: string, from: Named, to: Taking | null, reason: string): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  if (alert.incidentId !== from.id) throw changedMeanwhile()
  await transferAlerts(tx, caller, [alert], from, to, reason)
}

/**
 * Moves alerts that are locked from their incident to another one, or back to triage. Both timelines say so; who may not see one of the incidents is told nothing
 * of it. In as many statements for many as for one.
 * @param to null for the triage queue
 */
export async function transferAlerts(tx: Tx, caller: Caller, rows: readonly TriagedAlert[], from: Named, to: Taking | null, reason: string): Promise<void> {
  if (to !== null) for (const alert of rows) assertSameKind(alert, to)
  const decided = { dispositionReason: reason, dispositionById: caller.personId, dispositionAt: tx.now }
  await tx.db
    .update(alerts)
    .set({ ...(to === null ? undecided : decided), incidentId: to?.id ?? null, incidentNumber: to?.number ?? null })
    .where(among(idsOf(rows)))
  await movePagesOut(tx, rows, to)
  if (to?.isRestricted) await withdrawAnswers(tx)
  const named = ({ id, number }: Named) => ({ id, number })
  const both = to === null ? [from] : [from, to]
  await recordAll(
    tx,
    rows.flatMap(alert =>
      both.map(incident => ({
        ...{ actor: caller.actor, type: 'alert.moved' as const, subject: { kind: 'alert' as const, id: alert.id }, within: incident.id },
        data: { number: alert.number, title: titleOnRecord(alert.title), from: named(from), to: to && named(to), reason },
      })),
    ),
  )
  if (to === null) await withoutDeparted(tx, caller.actor, idsOf(rows))
}

/** The incident is over: alerts with the same keys are new ones from now on. */
export async function closeAlertsOf(tx: Tx, incidentId: string): Promise<void> {
  await tx.db.update(alerts).set({ isOpen: false }).where(eq(alerts.incidentId, incidentId))
}

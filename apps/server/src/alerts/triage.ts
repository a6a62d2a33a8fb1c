import type { AlertActInput, RouteInput, alertRoutes as routes } from '@tocsin/api'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { type Actor, recordAll } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { invalid } from '../kernel/problems.ts'
import { acknowledgePagesOf, resolvePagesOf } from '../paging/index.ts'
import { takeOn, unassigned, withoutDeparted } from './assignment.ts'
import { leaveStorms } from './storms.ts'
import { alerts } from './tables.ts'
import { among, assertNo, decidedAlready, idsOf, lockAlert, type Obstacle, type TriagedAlert, triaged } from './triaged.ts'

/** Acknowledges an alert: its pages stop escalating. */
export async function acknowledgeAlert(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  if (alert.dispositionOutcome === 'dismissed') assertNo('dismissed', alert)
  await acknowledgeAlerts(tx, context, caller, [alert])
}

/** Why acknowledging an alert changes nothing of it; its page may be another matter. */
export function unfitToAcknowledge({ dispositionOutcome, acknowledgedAt, status }: TriagedAlert): Obstacle | undefined {
  if (dispositionOutcome !== null) return dispositionOutcome
  if (acknowledgedAt !== null) return 'acknowledged'
  return status === 'open' ? undefined : 'resolved'
}

/** Acknowledges alerts that are locked, and the pages about them, which stop escalating. */
export async function acknowledgeAlerts(tx: Tx, context: AppContext, { actor, personId }: Caller, rows: readonly TriagedAlert[]): Promise<void> {
  await markAcknowledged(tx, rows, actor, personId)
  await leaveStorms(tx, idsOf(rows))
  await acknowledgePagesOf(tx, context, actor, personId, idsOf(rows))
}

/** What a page speaks for: the alert that it is about, and those of a storm. */
interface Spoken {
  readonly pageId: string
  readonly alertId: string
}

const spokenFor = ({ pageId, alertId }: Spoken) => sql`(${alerts.id} = ${alertId} or ${alerts.stormPageId} = ${pageId})`

/** Acknowledged alerts are those that an acknowledged page speaks for. */
export async function followPage(tx: Tx, actor: Actor, personId: string, spoken: Spoken): Promise<void> {
  const rows = await tx.db.select(triaged).from(alerts).where(spokenFor(spoken)).orderBy(alerts.id).for('update')
  await markAcknowledged(tx, rows, actor, personId)
}

/** A page that was released by somebody, or escalates again, leaves what it speaks for open and unassigned. */
export async function releaseAlerts(tx: Tx, actor: Actor, spoken: Spoken, personId?: string): Promise<void> {
  const theirs = personId === undefined ? isNotNull(alerts.acknowledgedById) : eq(alerts.acknowledgedById, personId)
  const held = await tx.db
    .select(triaged)
    .from(alerts)
    .where(and(spokenFor(spoken), eq(alerts.status, 'acknowledged'), theirs))
    .orderBy(alerts.id)
    .for('update')
  if (held.length === 0) return
  await tx.db
    .update(alerts)
    .set({ status: 'open', acknowledgedById: null, acknowledgedAt: null })
    .where(among(idsOf(held)))
  // Whoever one was assigned to besides keeps it.
  await unassigned(
    tx,
    actor,
    held.filter(alert => alert.assigneeId === alert.acknowledgedById),
  )
}

/** Whoever acknowledges an alert that is unassigned has taken it on. */
async function markAcknowledged(tx: Tx, rows: readonly TriagedAlert[], actor: Actor, personId: string): Promise<void> {
  const fresh = rows.filter(({ acknowledgedAt, status }) => acknowledgedAt === null && status === 'open')
  if (fresh.length === 0) return
  await tx.db
    .update(alerts)
    .set({ status: 'acknowledged', acknowledgedById: personId, acknowledgedAt: tx.now })
    .where(among(idsOf(fresh)))
  await recordAll(
    tx,
    fresh.map(({ id, incidentId }) => ({ actor, type: 'alert.acknowledged' as const, subject: { kind: 'alert' as const, id }, within: incidentId })),
  )
  await takeOn(tx, actor, personId, fresh)
}

/** The source acknowledges on behalf of nobody here: escalation stops, and the alert stays in the triage queue. */
export async function acknowledgeBySource(tx: Tx, context: AppContext, actor: Actor, scope: string, dedupKey: string): Promise<void> {
  const acknowledged = await tx.db
    .update(alerts)
    .set({ status: 'acknowledged', acknowledgedAt: tx.now })
    .where(and(eq(alerts.dedupScope, scope), eq(alerts.dedupKey, dedupKey), eq(alerts.isOpen, true), eq(alerts.status, 'open')))
    .returning({ id: alerts.id, incidentId: alerts.incidentId })
  await leaveStorms(tx, idsOf(acknowledged))
  await resolvePagesOf(tx, context, actor, idsOf(acknowledged))
  await recordAll(
    tx,
    acknowledged.map(({ id, incidentId }) => ({ actor, type: 'alert.acknowledged' as const, subject: { kind: 'alert' as const, id }, within: incidentId })),
  )
}

type Dismissal = RouteInput<typeof routes.dismissAlert>['body']

/** Dismisses an alert: a disposition with a responsibility and a reason. A duplicate names the alert that it repeats. */
export async function dismissAlert(tx: Tx, context: AppContext, caller: Caller, id: string, dismissal: Dismissal): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  assertNo(decidedAlready(alert), alert)
  const original = dismissal.duplicateOf === undefined ? undefined : await lockOriginal(tx, context, caller, dismissal.duplicateOf)
  const obstacle = original?.obstacleTo(alert)
  if (obstacle !== undefined) throw invalid('duplicateOf', wrongOriginal(alert, obstacle))
  await dismissAlerts(tx, context, caller, [alert], dismissal, original)
}

/** What an act on many says of a dismissal. @throws Error unless the contract has checked that it is there */
export function dismissalOf({ value, responsibility, reason, duplicateOf }: AlertActInput): Dismissal {
  if (value === undefined || responsibility === undefined || reason === undefined) throw new Error('a dismissal has a disposition and a reason')
  return { value, responsibility, reason, duplicateOf }
}

/** Dismisses alerts that are locked and have no disposition: in as many statements for many as for one. */
export async function dismissAlerts(
  tx: Tx,
  context: AppContext,
  { actor, personId }: Caller,
  rows: readonly TriagedAlert[],
  { duplicateOf, ...disposition }: Dismissal,
  original?: Original,
): Promise<void> {
  const ids = idsOf(rows)
  await leaveStorms(tx, ids)
  await tx.db
    .update(alerts)
    .set({
      ...{ status: 'dismissed', isOpen: false, stormPageId: null, dispositionOutcome: 'dismissed' },
      ...{ dispositionValue: disposition.value, dispositionResponsibility: disposition.responsibility, dispositionReason: disposition.reason },
      ...{ dispositionById: personId, dispositionAt: tx.now, duplicateOfId: duplicateOf ?? null },
    })
    .where(among(ids))
  await resolvePagesOf(tx, context, actor, ids)
  const repeats = original === undefined ? {} : { duplicateOf: original.number }
  await recordAll(
    tx,
    rows.map(alert => ({
      ...{ actor, type: 'alert.dismissed' as const, subject: { kind: 'alert' as const, id: alert.id } },
      data: { ...disposition, ...repeats, ...ruleOf(alert) },
    })),
  )
}

/** What takes a disposition back. */
export const undecided = {
  ...{ dispositionOutcome: null, dispositionValue: null, dispositionResponsibility: null, dispositionReason: null },
  ...{ dispositionById: null, dispositionAt: null, duplicateOfId: null },
  status: sql`case when ${alerts.acknowledgedAt} is null then 'open' else 'acknowledged' end`,
}

/** Why the disposition of an alert cannot be taken back. */
export function unfitToReopen({ dispositionOutcome, dispositionValue }: TriagedAlert): Obstacle | undefined {
  if (dispositionOutcome === 'escalated') return 'in-incident'
  return dispositionValue === null ? 'undecided' : undefined
}

/** Takes the disposition of a dismissed alert back. */
export async function reopenAlert(tx: Tx, context: AppContext, caller: Caller, id: string, reason: string): Promise<void> {
  const alert = await lockAlert(tx, context, caller, id)
  assertNo(unfitToReopen(alert), alert)
  await reopenAlerts(tx, caller, [alert], reason)
}

/** Takes the dispositions of alerts back that are locked and dismissed. */
export async function reopenAlerts(tx: Tx, { actor }: Caller, rows: readonly TriagedAlert[], reason: string): Promise<void> {
  await tx.db
    .update(alerts)
    .set(undecided)
    .where(among(idsOf(rows)))
  await openKeys(tx, idsOf(rows))
  await recordReopened(tx, actor, rows, reason)
  await withoutDeparted(tx, actor, idsOf(rows))
}

export async function recordReopened(tx: Tx, actor: Actor, rows: readonly TriagedAlert[], reason: string): Promise<void> {
  await recordAll(
    tx,
    rows.flatMap(({ id, dispositionValue }) =>
      dispositionValue === null
        ? []
        : [{ actor, type: 'alert.reopened' as const, subject: { kind: 'alert' as const, id }, data: { value: dispositionValue, reason } }],
    ),
  )
}

/**
 * Alerts that are back are counted up again: of those with one key the newest, unless its source has resolved it, or opened another with its key meanwhile.
 * None of them is open yet.
 */
export async function openKeys(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx.db.execute(sql`
    update ${alerts} back set is_open = true
    where back.id = any(${sql.param([...ids])}::uuid[]) and back.source_resolved_at is null and not exists (
      select 1 from ${alerts} other
      where other.dedup_scope = back.dedup_scope and other.dedup_key = back.dedup_key and other.service_id is not distinct from back.service_id
        and other.id <> back.id and (other.is_open
          or (other.id = any(${sql.param([...ids])}::uuid[]) and other.source_resolved_at is null and other.number > back.number)))`)
}

/** What an entry says of the rule that the alert, and so a disposition of it, rested on. */
export const ruleOf = ({ rule }: Pick<TriagedAlert, 'rule'>) => (rule === null ? {} : { rule })

/** The alert that duplicates repeat. */
interface Original {
  readonly number: number
  readonly obstacleTo: (alert: TriagedAlert) => Obstacle | undefined
}

const wrongOriginal = ({ isDemo, isExercise }: TriagedAlert, obstacle: Obstacle): string => {
  if (obstacle === 'exercise-or-real')
    return isExercise ? 'must be an alert of an exercise, as this one is' : 'must be a real alert: that one belongs to an exercise'
  if (obstacle === 'demo-or-real') return isDemo ? 'must be demo data, as this alert is' : 'must be a real alert: that one is demo data'
  return obstacle === 'circle' ? 'must be an alert that is not itself a duplicate of this one' : 'must be the ID of another alert'
}

/**
 * The alert that duplicates repeat, and which alerts cannot be duplicates of it: itself, those that it repeats, and those of another kind.
 * @throws AppProblem invalid unless the caller may see it
 */
export async function lockOriginal(tx: Tx, context: AppContext, caller: Caller, originalId: string): Promise<Original> {
  // Locked, so that no two of them become duplicates of each other at once.
  const [original] = await tx.db
    .select({ number: alerts.number, isDemo: alerts.isDemo, isExercise: alerts.isExercise })
    .from(alerts)
    .where(and(eq(alerts.id, originalId), context.visibility.condition(caller, alerts.incidentId)))
    .for('share')
  if (!original) throw invalid('duplicateOf', 'must be the ID of another alert')
  const { rows } = await tx.db.execute<{ id: string }>(sql`
    with recursive repeated (id) as (
      select ${originalId}::uuid union select ${alerts.duplicateOfId} from ${alerts} join repeated on ${alerts.id} = repeated.id
    ) select id from repeated where id is not null`)
  const repeated = new Set(idsOf(rows))
  const obstacleTo = ({ id, isExercise, isDemo }: TriagedAlert): Obstacle | undefined => {
    if (id === originalId) return 'original'
    if (isExercise !== original.isExercise) return 'exercise-or-real'
    if (isDemo !== original.isDemo) return 'demo-or-real'
    return repeated.has(id) ? 'circle' : undefined
  }
  return { number: original.number, obstacleTo }
}

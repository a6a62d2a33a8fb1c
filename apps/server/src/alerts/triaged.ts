import { and, type SQL, sql } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { alerts } from './tables.ts'

/** What triage decides about an alert, and what that depends on: none of its long texts, as thousands are decided about at once. */
export const triaged = {
  ...{ id: alerts.id, number: alerts.number, title: alerts.title, severity: alerts.severity, serviceId: alerts.serviceId, rule: alerts.rule },
  ...{ status: alerts.status, isOpen: alerts.isOpen, hasPaged: alerts.hasPaged, isDemo: alerts.isDemo, isExercise: alerts.isExercise },
  ...{ acknowledgedById: alerts.acknowledgedById, acknowledgedAt: alerts.acknowledgedAt, assigneeId: alerts.assigneeId },
  ...{ dispositionOutcome: alerts.dispositionOutcome, dispositionValue: alerts.dispositionValue },
  ...{ dispositionResponsibility: alerts.dispositionResponsibility, dispositionReason: alerts.dispositionReason },
  ...{ dispositionById: alerts.dispositionById, dispositionAt: alerts.dispositionAt, duplicateOfId: alerts.duplicateOfId },
  ...{ incidentId: alerts.incidentId, incidentNumber: alerts.incidentNumber },
}
export type TriagedAlert = Pick<typeof alerts.$inferSelect, keyof typeof triaged>

export const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id)

/** The condition for the alerts with these IDs: one parameter, however many they are. */
export const among = (ids: readonly string[]): SQL => sql`${alerts.id} = any(${sql.param([...ids])}::uuid[])`

/** Locks alerts for a change, in one order everywhere. @throws AppProblem invalid, naming `field`, where one is not there, or the caller may not see it */
export async function lockAlerts(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  ids: readonly string[],
  field: 'ids' | 'alertIds' = 'ids',
): Promise<TriagedAlert[]> {
  const wanted = [...new Set(ids)]
  if (wanted.length === 0) return []
  const found = await tx.db
    .select(triaged)
    .from(alerts)
    .where(and(among(wanted), context.visibility.condition(caller, alerts.incidentId)))
    .orderBy(alerts.id)
    .for('update')
  const missing = wanted.length - found.length
  if (missing > 0) throw invalid(field, `must be IDs of alerts: ${missing} of them ${missing === 1 ? 'is' : 'are'} not`)
  return found
}

/** Locks one alert for a change, if the caller may see it. */
export async function lockAlert(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<TriagedAlert> {
  const [alert] = await tx.db
    .select(triaged)
    .from(alerts)
    .where(and(among([id]), context.visibility.condition(caller, alerts.incidentId)))
    .for('update')
  if (!alert) throw notFound('alert')
  return alert
}

const were = (n: number) => (n === 1 ? '1 alert was' : `${n.toLocaleString('en-US')} alerts were`)
const are = (n: number) => (n === 1 ? '1 alert is' : `${n.toLocaleString('en-US')} alerts are`)

/** Why an act does not apply to an alert, as a sentence about one and about many. */
const obstacles = {
  dismissed: { one: () => 'This alert is already dismissed.', many: n => `${were(n)} already dismissed.` },
  escalated: {
    one: ({ incidentNumber }) => `This alert is already part of incident ${incidentNumber}.`,
    many: n => `${are(n)} already part of an incident.`,
  },
  'in-incident': {
    one: ({ incidentNumber }) => `This alert is part of incident ${incidentNumber}. Move it out of the incident instead.`,
    many: n => `${are(n)} part of an incident.`,
  },
  undecided: { one: () => 'This alert has no disposition.', many: n => `${n === 1 ? '1 alert has' : `${n} alerts have`} no disposition.` },
  acknowledged: { one: () => 'This alert is already acknowledged.', many: n => `${were(n)} already acknowledged.` },
  resolved: { one: () => 'The source of this alert has resolved it.', many: n => `${were(n)} resolved by their source.` },
  assigned: { one: () => 'This alert is already assigned to them.', many: n => `${were(n)} already assigned to them.` },
  unassigned: { one: () => 'This alert is not assigned to anybody.', many: n => `${were(n)} not assigned to anybody.` },
  unchanged: { one: () => 'This alert already says that.', many: n => `${n === 1 ? '1 alert says' : `${n} alerts say`} that already.` },
  original: { one: () => 'This is the alert that the others repeat.', many: () => '1 alert is the one that the others repeat.' },
  circle: { one: () => 'The other alert is a duplicate of this one.', many: n => `${are(n)} repeated by the alert that you named.` },
  'exercise-or-real': {
    one: () => 'An alert of an exercise and a real one cannot be joined.',
    many: n => `${are(n)} of another kind: what is an exercise and what is real is not mixed.`,
  },
  'demo-or-real': {
    one: () => 'Demo data and real data cannot be joined.',
    many: n => `${are(n)} of another kind: demo data and real data are not mixed.`,
  },
  changed: { one: () => 'This alert has changed since.', many: n => `${n === 1 ? '1 alert has' : `${n} alerts have`} changed since.` },
} as const satisfies Record<string, { readonly one: (alert: TriagedAlert) => string; readonly many: (n: number) => string }>
export type Obstacle = keyof typeof obstacles

/** @throws AppProblem conflict where an act does not apply to an alert */
export function assertNo(obstacle: Obstacle | undefined, alert: TriagedAlert): void {
  if (obstacle !== undefined) throw conflict(obstacles[obstacle].one(alert))
}

/** Alerts that an act left as they were, and why. */
export interface Skipped {
  readonly why: string
  readonly ids: string[]
}

/** Tells the alerts that an act applies to from the others. */
export function sorted(
  rows: readonly TriagedAlert[],
  obstacleTo: (alert: TriagedAlert) => Obstacle | undefined,
): { readonly able: TriagedAlert[]; readonly skipped: Skipped[] } {
  const grouped = Map.groupBy(rows, obstacleTo)
  const able = grouped.get(undefined) ?? []
  const skipped = [...grouped].flatMap(([obstacle, own]) => (obstacle === undefined ? [] : [{ why: obstacles[obstacle].many(own.length), ids: idsOf(own) }]))
  return { able, skipped }
}

/** Why an alert cannot be decided about. */
export const decidedAlready = ({ dispositionOutcome }: TriagedAlert): Obstacle | undefined => dispositionOutcome ?? undefined

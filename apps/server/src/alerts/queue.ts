import type { Alert } from '@tocsin/api'
import { and, desc, eq, isNull, lt, ne, or, type SQL } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, accountsThatActed, people, type Viewer } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { changedSince } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { counted } from '../kernel/counted.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { alerts } from './tables.ts'

const acknowledger = alias(people, 'acknowledger')
const assignee = alias(people, 'assignee')
const decider = alias(people, 'decider')
const original = alias(alerts, 'original')

async function select(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined, limit?: number): Promise<Alert[]> {
  const asked = reader.db
    .select({
      alert: alerts,
      service: services.name,
      acknowledgedBy: acknowledger.name,
      assignee: assignee.name,
      dispositionBy: decider.name,
      original: original.number,
    })
    .from(alerts)
    .leftJoin(services, eq(services.id, alerts.serviceId))
    .leftJoin(acknowledger, eq(acknowledger.id, alerts.acknowledgedById))
    .leftJoin(assignee, eq(assignee.id, alerts.assigneeId))
    .leftJoin(decider, eq(decider.id, alerts.dispositionById))
    .leftJoin(original, and(eq(original.id, alerts.duplicateOfId), context.visibility.condition(viewer, original.incidentId)))
    .where(and(condition, context.visibility.condition(viewer, alerts.incidentId)))
    .orderBy(desc(alerts.number))
  const rows = limit === undefined ? await asked : await asked.limit(limit)
  const acts = (of: 'acknowledgedById' | 'dispositionById') => rows.map(({ alert }) => ({ id: alert.id, personId: alert[of] }))
  const acknowledged = await accountsThatActed(reader, acts('acknowledgedById'), 'alert.acknowledged')
  const decided = await accountsThatActed(reader, acts('dispositionById'), 'alert.dismissed', 'alert.escalated', 'alert.moved')
  return rows.map(({ alert, service, acknowledgedBy, assignee, dispositionBy, original }) => ({
    id: alert.id,
    number: alert.number,
    kind: alert.kind,
    title: alert.title,
    severity: alert.severity,
    status: alert.status,
    service: alert.serviceId === null ? null : { id: alert.serviceId, name: service ?? '' },
    dedupKey: alert.dedupKey,
    source: alert.source,
    labels: alert.labels,
    links: alert.links,
    description: alert.description,
    observables: alert.observables,
    count: alert.count,
    firstSeenAt: alert.firstSeenAt,
    lastSeenAt: alert.lastSeenAt,
    sourceResolvedAt: alert.sourceResolvedAt,
    acknowledgedBy: acknowledged.get(alert.id) ?? acknowledgedBy,
    acknowledgedAt: alert.acknowledgedAt,
    assignee: alert.assigneeId === null ? null : { id: alert.assigneeId, name: assignee ?? '' },
    disposition:
      alert.dispositionOutcome === null || alert.dispositionAt === null
        ? null
        : {
            outcome: alert.dispositionOutcome,
            value: alert.dispositionValue,
            responsibility: alert.dispositionResponsibility ?? 'us',
            reason: alert.dispositionReason ?? '',
            by: decided.get(alert.id) ?? dispositionBy ?? '',
            at: alert.dispositionAt,
            duplicateOf: alert.duplicateOfId === null || original === null ? null : { id: alert.duplicateOfId, number: original },
          },
    incident: alert.incidentId === null ? null : { id: alert.incidentId, number: alert.incidentNumber ?? 0 },
    isDemo: alert.isDemo,
    isExercise: alert.isExercise,
  }))
}

const cursor = listCursor('alerts', z.tuple([z.int()]))
const isQueued = and(isNull(alerts.dispositionAt), or(eq(alerts.hasPaged, true), ne(alerts.status, 'resolved')))

/** One page of alerts, newest first. The triage queue holds alerts without a disposition: nothing that paged somebody leaves it without one. */
export async function listAlerts(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: { view: 'triage' | 'all'; limit: number; cursor?: string | undefined; updatedSince?: Instant | undefined },
): Promise<{ items: Alert[]; next: string | null }> {
  const [after] = cursor.read(query.cursor) ?? []
  const condition = and(
    query.view === 'triage' ? isQueued : undefined,
    after === undefined ? undefined : lt(alerts.number, after),
    changedSince(alerts.id, query.updatedSince, 'subject or page'),
  )
  const found = await select(reader, context, viewer, condition, query.limit + 1)
  return cursor.page(found, query.limit, alert => [alert.number])
}

/** How many alerts in the triage queue a viewer may see; those of exercises are no work that is waiting. */
export async function countQueue(reader: Reader, context: AppContext, viewer: Viewer): Promise<number> {
  return counted(
    reader,
    reader.db
      .select({ id: alerts.id })
      .from(alerts)
      .where(and(isQueued, eq(alerts.isExercise, false), context.visibility.condition(viewer, alerts.incidentId))),
  )
}

/** How many alerts of the triage queue are assigned to the viewer, without those of exercises. */
export async function countAssigned(reader: Reader, context: AppContext, viewer: Viewer): Promise<number> {
  return counted(
    reader,
    reader.db
      .select({ id: alerts.id })
      .from(alerts)
      .where(and(isQueued, eq(alerts.assigneeId, viewer.personId), eq(alerts.isExercise, false), context.visibility.condition(viewer, alerts.incidentId))),
  )
}

export async function readAlert(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<Alert> {
  const [alert] = await select(reader, context, viewer, eq(alerts.id, id), 1)
  if (!alert) throw notFound('alert')
  return alert
}

/** The alerts of an incident, for one who may see it. */
export async function alertsOfIncident(reader: Reader, context: AppContext, viewer: Viewer, incidentId: string): Promise<Alert[]> {
  return select(reader, context, viewer, eq(alerts.incidentId, incidentId))
}

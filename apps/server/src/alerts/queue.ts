import { type Alert, type alertSorts, type alertViews, severities } from '@tocsin/api'
import type { Filter } from '@tocsin/filter'
import { and, asc, desc, eq, getTableColumns, isNull, ne, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, accountsThatActed, people, type Viewer } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { changedSince } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { counted } from '../kernel/counted.ts'
import { type ListCursor, listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { alertCondition, readAlertFilter, similarText } from './filter.ts'
import { alerts, urgencyOf } from './tables.ts'

const acknowledger = alias(people, 'acknowledger')
const assignee = alias(people, 'assignee')
const decider = alias(people, 'decider')
const original = alias(alerts, 'original')

/** What the database computes for searches is not shown. */
const { entities: _entities, searchText: _searchText, ...columns } = getTableColumns(alerts)

async function select(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  condition: SQL | undefined,
  by: readonly SQL[] = [desc(alerts.number)],
  limit?: number,
): Promise<Alert[]> {
  const asked = reader.db
    .select({
      alert: columns,
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
    .orderBy(...by)
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

const isQueued = and(isNull(alerts.dispositionAt), or(eq(alerts.hasPaged, true), ne(alerts.status, 'resolved')))

type Ordered = Pick<Alert, 'number' | 'severity' | 'count' | 'firstSeenAt' | 'lastSeenAt'>

interface Order {
  readonly by: readonly SQL[]
  readonly cursor: ListCursor<readonly (string | number)[]>
  readonly valuesOf: (alert: Ordered) => readonly (string | number)[]
  /** The condition for what comes after these values. */
  readonly after: (values: readonly (string | number)[]) => SQL
}

const [whole, moment] = [z.int(), z.iso.datetime()]
/** Keyset order: each by an index that has its columns. */
const orders: Readonly<Record<(typeof alertSorts)[number], Order>> = {
  severity: {
    by: [asc(urgencyOf(alerts.severity)), asc(alerts.firstSeenAt), asc(alerts.number)],
    cursor: listCursor('alerts by severity', z.tuple([whole, moment, whole])),
    valuesOf: alert => [severities.length - severities.indexOf(alert.severity), alert.firstSeenAt, alert.number],
    after: ([urgency, at, number]) =>
      sql`(${urgencyOf(alerts.severity)}, ${alerts.firstSeenAt}, ${alerts.number}) > (${urgency}::bigint, ${at}::timestamptz, ${number}::bigint)`,
  },
  newest: {
    by: [desc(alerts.number)],
    cursor: listCursor('alerts', z.tuple([whole])),
    valuesOf: alert => [alert.number],
    after: ([number]) => sql`${alerts.number} < ${number}::bigint`,
  },
  oldest: {
    by: [asc(alerts.number)],
    cursor: listCursor('alerts oldest', z.tuple([whole])),
    valuesOf: alert => [alert.number],
    after: ([number]) => sql`${alerts.number} > ${number}::bigint`,
  },
  lastSeen: {
    by: [desc(alerts.lastSeenAt), desc(alerts.number)],
    cursor: listCursor('alerts last seen', z.tuple([moment, whole])),
    valuesOf: alert => [alert.lastSeenAt, alert.number],
    after: ([at, number]) => sql`(${alerts.lastSeenAt}, ${alerts.number}) < (${at}::timestamptz, ${number}::bigint)`,
  },
  count: {
    by: [desc(alerts.count), desc(alerts.number)],
    cursor: listCursor('alerts by count', z.tuple([whole, whole])),
    valuesOf: alert => [alert.count, alert.number],
    after: ([count, number]) => sql`(${alerts.count}, ${alerts.number}) < (${count}::bigint, ${number}::bigint)`,
  },
}

/** Which alerts of a list, for one who may see them: those of the triage queue have no disposition, and nothing that paged somebody leaves it without one. */
export function selectionCondition(
  reader: Pick<Reader, 'now'>,
  viewer: Viewer,
  { view, filter }: { view: (typeof alertViews)[number]; filter: Filter },
  word?: Parameters<typeof alertCondition>[3],
): SQL | undefined {
  return and(view === 'triage' ? isQueued : undefined, alertCondition(filter, viewer, reader.now, word))
}

export interface SelectionQuery {
  readonly view: (typeof alertViews)[number]
  readonly filter: string
  readonly sort?: (typeof alertSorts)[number] | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/**
 * One page of what a filter finds. Where none contains its text, those with similar words are found: one page of them.
 * @param read reads the alerts that meet a condition, in an order, up to a number
 */
export async function pageOfSelection<Row extends Ordered>(
  reader: Reader,
  viewer: Viewer,
  query: SelectionQuery,
  read: (condition: SQL | undefined, by: readonly SQL[], limit: number) => Promise<Row[]>,
): Promise<{ items: Row[]; next: string | null; isApproximate: boolean }> {
  const order = orders[query.sort ?? 'newest']
  const after = order.cursor.read(query.cursor)
  const filter = readAlertFilter(query.filter)
  const find = (word?: typeof similarText) =>
    read(
      and(selectionCondition(reader, viewer, { view: query.view, filter }, word), after === undefined ? undefined : order.after(after)),
      order.by,
      query.limit + 1,
    )
  const found = order.cursor.page(await find(), query.limit, order.valuesOf)
  const isText = filter.some(term => term.kind === 'word' && !term.isNegated)
  if (found.items.length > 0 || after !== undefined || !isText) return { ...found, isApproximate: false }
  const items = (await find(similarText)).slice(0, query.limit)
  return { items, next: null, isApproximate: items.length > 0 }
}

/** One page of the alerts that a filter finds. */
export function listAlerts(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: SelectionQuery & { updatedSince?: Instant | undefined },
): Promise<{ items: Alert[]; next: string | null; isApproximate: boolean }> {
  const isChanged = changedSince(alerts.id, query.updatedSince, 'subject or page')
  return pageOfSelection(reader, viewer, query, (condition, by, limit) => select(reader, context, viewer, and(condition, isChanged), by, limit))
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
  const [alert] = await select(reader, context, viewer, eq(alerts.id, id), [], 1)
  if (!alert) throw notFound('alert')
  return alert
}

/** The alerts of an incident, for one who may see it. */
export async function alertsOfIncident(reader: Reader, context: AppContext, viewer: Viewer, incidentId: string): Promise<Alert[]> {
  return select(reader, context, viewer, eq(alerts.incidentId, incidentId))
}

import type { AlertRow } from '@tocsin/api'
import { and, eq, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { services } from '../directory/index.ts'
import type { Reader } from '../kernel/database.ts'
import { latestPagesAbout } from '../paging/index.ts'
import { pageOfSelection, type SelectionQuery } from './queue.ts'
import { alerts } from './tables.ts'

const assignee = alias(people, 'assignee')

/** The first observable of a kind. */
const firstOf = (kind: 'host' | 'user-account') =>
  sql<string | null>`jsonb_path_query_first(${alerts.observables}, ${`$[*] ? (@.kind == "${kind}").value`}::jsonpath) #>> '{}'`

/** One page of the alerts that a filter finds, as rows of a table: two statements, whatever their number. */
export function listRows(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: SelectionQuery,
): Promise<{ items: AlertRow[]; next: string | null; isApproximate: boolean }> {
  return pageOfSelection(reader, viewer, query, (condition, by, limit) => rows(reader, context, viewer, condition, by, limit))
}

async function rows(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined, by: readonly SQL[], limit: number): Promise<AlertRow[]> {
  const found = await reader.db
    .select({
      ...{ id: alerts.id, number: alerts.number, kind: alerts.kind, title: alerts.title, severity: alerts.severity, status: alerts.status },
      ...{ source: alerts.source, count: alerts.count, firstSeenAt: alerts.firstSeenAt, lastSeenAt: alerts.lastSeenAt, ruleOf: alerts.rule },
      ...{ serviceId: alerts.serviceId, service: services.name, assigneeId: alerts.assigneeId, assignee: assignee.name },
      ...{ incidentId: alerts.incidentId, incidentNumber: alerts.incidentNumber, silencedById: alerts.silencedById, stormPageId: alerts.stormPageId },
      ...{ isDemo: alerts.isDemo, isExercise: alerts.isExercise, host: firstOf('host'), user: firstOf('user-account') },
    })
    .from(alerts)
    .leftJoin(services, eq(services.id, alerts.serviceId))
    .leftJoin(assignee, eq(assignee.id, alerts.assigneeId))
    .where(and(condition, context.visibility.condition(viewer, alerts.incidentId)))
    .orderBy(...by)
    .limit(limit)
  const pages = await latestPagesAbout(
    reader,
    found.map(({ id }) => id),
    found.flatMap(({ stormPageId }) => stormPageId ?? []),
  )
  return found.map(({ serviceId, service, assigneeId, assignee: name, incidentId, incidentNumber, silencedById, stormPageId, ruleOf, ...row }) => ({
    ...row,
    service: serviceId === null ? null : { id: serviceId, name: service ?? '' },
    assignee: assigneeId === null ? null : { id: assigneeId, name: name ?? '' },
    incident: incidentId === null ? null : { id: incidentId, number: incidentNumber ?? 0 },
    rule: ruleOf?.id ?? null,
    isSilenced: silencedById !== null,
    page: pages.get(stormPageId ?? row.id) ?? null,
  }))
}

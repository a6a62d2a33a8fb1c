import { type AlertFacets, alertFacets, maxFacetMatches } from '@tocsin/api'
import { type Filter, patternText } from '@tocsin/filter'
import { and, desc, inArray, type SQL, sql } from 'drizzle-orm'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { services } from '../directory/index.ts'
import type { Reader } from '../kernel/database.ts'
import { readAlertFilter } from './filter.ts'
import { selectionCondition } from './queue.ts'
import { alerts } from './tables.ts'

type Facet = (typeof alertFacets)[number]
const maxValues = 20

/** What of the found alerts a facet counts; null counts as none. */
const counted: Readonly<Record<Facet, SQL>> = {
  severity: sql`select severity from found`,
  status: sql`select status from found`,
  service: sql`select service_id::text from found`,
  source: sql`select source from found`,
  rule: sql`select rule from found where rule is not null`,
  host: sql`select substr(entity, length('host=') + 1) from found, unnest(entities) as entity where entity like 'host=%'`,
  user: sql`select substr(entity, length('user-account=') + 1) from found, unnest(entities) as entity where entity like 'user-account=%'`,
  assignee: sql`select assignee_id::text from found`,
}
/** Fields whose terms a facet leaves aside, so that it shows what else could be chosen. */
const ownFields = (facet: Facet): readonly string[] => (facet === 'assignee' ? ['assignee', 'unassigned'] : [facet])

/** Counts what a filter finds by each facet, over its newest matches; one statement for all facets that the filter does not name. */
export async function countFacets(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  { view, filter: text }: { view: 'triage' | 'all'; filter: string },
): Promise<AlertFacets> {
  const filter = readAlertFilter(text)
  const without = (facet: Facet) => filter.filter(term => term.kind === 'word' || !ownFields(facet).includes(term.field))
  const shared = alertFacets.filter(facet => without(facet).length === filter.length)
  const named = alertFacets.filter(facet => !shared.includes(facet))
  const whole = await countEach(reader, context, viewer, view, filter, shared)
  const rest = await Promise.all(named.map(facet => countEach(reader, context, viewer, view, without(facet), [facet])))
  const facets = [whole, ...rest].flatMap(part => part.facets)
  const names = await namesOf(reader, facets)
  return {
    ...{ total: whole.total, isCapped: whole.total === maxFacetMatches },
    facets: facets
      .toSorted((one, other) => alertFacets.indexOf(one.field) - alertFacets.indexOf(other.field))
      .map(({ field, isCapped, values }) => ({ field, isCapped, values: values.map(value => shown(field, value, names)) })),
  }
}

interface Counted {
  readonly field: Facet
  readonly isCapped: boolean
  readonly values: readonly { readonly value: string | null; readonly count: number }[]
}

async function countEach(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  view: 'triage' | 'all',
  filter: Filter,
  facets: readonly Facet[],
): Promise<{ total: number; facets: Counted[] }> {
  const found = reader.db
    .select({
      ...{ severity: alerts.severity, status: alerts.status, serviceId: alerts.serviceId, source: alerts.source },
      ...{ rule: sql`${alerts.rule} ->> 'id'`.as('rule'), assigneeId: alerts.assigneeId, entities: alerts.entities },
    })
    .from(alerts)
    .where(and(selectionCondition(reader, viewer, { view, filter }), context.visibility.condition(viewer, alerts.incidentId)))
    .orderBy(desc(alerts.number))
    .limit(maxFacetMatches)
  const parts = facets.map(
    facet =>
      sql`(select ${facet} as field, one.value, count(*)::int as count from (${counted[facet]}) as one (value) group by 2 order by 3 desc, 2 limit ${maxValues})`,
  )
  const { rows } = await reader.db.execute<{ field: string; value: string | null; count: number }>(
    sql`with found as materialized ${found} ${sql.join([sql`(select 'total' as field, null as value, count(*)::int as count from found)`, ...parts], sql` union all `)}`,
  )
  const total = rows.find(row => row.field === 'total')?.count ?? 0
  return { total, facets: facets.map(field => ({ field, isCapped: total === maxFacetMatches, values: rows.filter(row => row.field === field) })) }
}

/** The names of the services and people that are counted. */
async function namesOf(reader: Reader, facets: readonly Counted[]): Promise<ReadonlyMap<string, string>> {
  const ids = (field: Facet) => facets.flatMap(facet => (facet.field === field ? facet.values.flatMap(({ value }) => value ?? []) : []))
  const [ofServices, ofPeople] = [ids('service'), ids('assignee')]
  const found = [
    ...(ofServices.length === 0 ? [] : await reader.db.select({ id: services.id, name: services.name }).from(services).where(inArray(services.id, ofServices))),
    ...(ofPeople.length === 0 ? [] : await reader.db.select({ id: people.id, name: people.name }).from(people).where(inArray(people.id, ofPeople))),
  ]
  return new Map(found.map(({ id, name }) => [id, name]))
}

function shown(field: Facet, { value, count }: Counted['values'][number], names: ReadonlyMap<string, string>) {
  const text = value === null ? 'none' : field === 'service' || field === 'assignee' ? (names.get(value) ?? value) : value
  return { value: text, count, term: `${field}:${patternText([text])}` }
}

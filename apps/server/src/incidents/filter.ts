import { type IncidentField, incidentFields } from '@tocsin/api'
import type { Filter, Pattern } from '@tocsin/filter'
import { isNull, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { people, type Viewer } from '../access/index.ts'
import { customers, services } from '../directory/index.ts'
import { lastRecordedWithin } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { type Conditions, containsText, filterCondition, isText, readFilter } from '../kernel/filter.ts'
import { incidentCustomers, incidentServices, incidents } from './tables.ts'

/** @throws AppProblem invalid, naming `filter` */
export const readIncidentFilter = (text: string): Filter => readFilter(text, incidentFields)

/** The condition for the incidents that a filter finds, for one who looks at a time; need-to-know is not part of it. */
export function incidentCondition(filter: Filter, viewer: Pick<Viewer, 'personId'>, now: Instant): SQL | undefined {
  return filterCondition(filter, conditionsFor(viewer), inText, now)
}

const inText = (pattern: Pattern) => containsText(incidentText, pattern)
/** What a search looks at, in lower case, as the index of it has it. */
export const incidentText = sql`lower(${incidents.title} || E'\\n' || ${incidents.summary} || E'\\n' || coalesce(${incidents.codename}, ''))`

const roleColumns = [incidents.leadId, incidents.ownerId, incidents.communicationsId, incidents.executiveId]
const peopleNamed = (value: Pattern) => sql`(select ${people.id} from ${people} where ${isText(sql`lower(${people.name})`, value)})`
const person = (viewer: Pick<Viewer, 'personId'>, column: SQLWrapper) => ({
  kind: 'person' as const,
  me: sql`${column} = ${viewer.personId}::uuid`,
  none: isNull(column),
  named: (value: Pattern) => sql`${column} in ${peopleNamed(value)}`,
})

const conditionsFor = (viewer: Pick<Viewer, 'personId'>): Conditions<IncidentField> => ({
  phase: { kind: 'choice', of: values => sql`${incidents.status} = any(${sql.param(values)}::text[])` },
  severity: {
    kind: 'choice',
    of: values =>
      or(sql`${incidents.severity} = any(${sql.param(values)}::text[])`, values.includes('none') ? isNull(incidents.severity) : undefined) ?? sql`false`,
  },
  class: { kind: 'choice', of: values => sql`${incidents.class} = any(${sql.param(values)}::text[])` },
  lead: person(viewer, incidents.leadId),
  owner: person(viewer, incidents.ownerId),
  involved: {
    kind: 'person',
    me: sql`${viewer.personId}::uuid in (${sql.join(roleColumns, sql`, `)})`,
    none: sql`coalesce(${sql.join(roleColumns, sql`, `)}) is null`,
    named: value => sql`(${or(...roleColumns.map(column => sql`${column} in ${peopleNamed(value)}`))})`,
  },
  service: {
    kind: 'text',
    of: value => sql`exists (select 1 from ${incidentServices} join ${services} on ${services.id} = ${incidentServices.serviceId}
      where ${incidentServices.incidentId} = ${incidents.id} and ${isText(sql`lower(${services.name})`, value)})`,
  },
  customer: {
    kind: 'text',
    of: value => sql`exists (select 1 from ${incidentCustomers} join ${customers} on ${customers.id} = ${incidentCustomers.customerId}
      where ${incidentCustomers.incidentId} = ${incidents.id} and ${isText(sql`lower(${customers.name})`, value)})`,
  },
  restricted: { kind: 'flag', of: sql`${incidents.isRestricted}` },
  exercise: { kind: 'flag', of: sql`${incidents.isExercise}` },
  demo: { kind: 'flag', of: sql`${incidents.isDemo}` },
  opened: { kind: 'time', of: incidents.openedAt },
  declared: { kind: 'time', of: incidents.declaredAt },
  updated: { kind: 'time', of: lastRecordedWithin(incidents.id) },
  text: { kind: 'text', of: inText },
})

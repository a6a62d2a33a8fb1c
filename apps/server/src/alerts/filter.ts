import { type AlertField, alertFields, normalized, type Observable, observableKinds } from '@tocsin/api'
import type { Filter, Pattern } from '@tocsin/filter'
import { isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm'
import { people, type Viewer } from '../access/index.ts'
import { services, teams } from '../directory/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { type Conditions, containsText, filterCondition, isText, readFilter } from '../kernel/filter.ts'
import { alerts, urgencyOf } from './tables.ts'

type Kind = Observable['kind']

/** @throws AppProblem invalid, naming `filter` */
export const readAlertFilter = (text: string): Filter => readFilter(text, alertFields)

/** The condition for the alerts that a filter finds, for one who looks at a time; need-to-know is not part of it. */
export function alertCondition(filter: Filter, viewer: Pick<Viewer, 'personId'>, now: Instant, word = inText): SQL | undefined {
  return filterCondition(filter, conditionsFor(viewer), word, now)
}

const inText = (pattern: Pattern) => containsText(alerts.searchText, pattern)
/** A typing error or two away, by the trigrams of the words. */
export const similarText = (pattern: Pattern): SQL => sql`lower(${pattern.join(' ')}::text) <% ${alerts.searchText}`

const isNone = (pattern: Pattern) => pattern.length === 1 && pattern[0].toLowerCase() === 'none'

/** Narrows down by the trigram index what is looked at one by one; true for what is too short for it. */
function mayContain(pattern: Pattern): SQL {
  const longest = pattern.toSorted((one, other) => other.length - one.length)[0] ?? ''
  return longest.length < 3 ? sql`true` : inText([longest])
}

/** Of kinds that are entities: exact values by their index. */
const entity = (...kinds: readonly Kind[]) => ({
  kind: 'text' as const,
  of: (value: Pattern) => {
    if (value.length === 1) {
      const [text] = value
      const named = kinds.map(kind => sql`${`${kind}=`}::text || left(lower(${normalized({ kind, value: text })?.value ?? text}::text), 500)`)
      return sql`${alerts.entities} && array[${sql.join(named, sql`, `)}]`
    }
    const [first, ...rest] = value
    const matches = kinds.map(kind => isText(sql`entity`, [`${kind}=${first}`, ...rest]))
    return sql`${mayContain(value)} and exists (select 1 from unnest(${alerts.entities}) as entity where ${or(...matches)})`
  },
})

/** Of any kinds: found by the trigrams of the search text. */
const observable = (...kinds: readonly Kind[]) => ({
  kind: 'text' as const,
  of: (value: Pattern) => sql`${mayContain(value)} and exists (
    select 1 from jsonb_array_elements(case when jsonb_typeof(${alerts.observables}) = 'array' then ${alerts.observables} else '[]' end) as one
    where one ->> 'kind' = any(${sql.param(kinds)}::text[]) and ${isText(sql`lower(one ->> 'value')`, value)})`,
})

const conditionsFor = (viewer: Pick<Viewer, 'personId'>): Conditions<AlertField> => ({
  severity: {
    kind: 'choice',
    of: values =>
      sql`${urgencyOf(alerts.severity)} in (${sql.join(
        values.map(value => urgencyOf(sql`${value}`)),
        sql`, `,
      )})`,
  },
  status: { kind: 'choice', of: values => sql`${alerts.status} = any(${sql.param(values)}::text[])` },
  disposition: {
    kind: 'choice',
    of: values =>
      or(sql`${alerts.dispositionValue} = any(${sql.param(values)}::text[])`, values.includes('none') ? isNull(alerts.dispositionAt) : undefined) ?? sql`false`,
  },
  kind: { kind: 'choice', of: values => sql`${alerts.kind} = any(${sql.param(values)}::text[])` },
  source: { kind: 'text', of: value => isText(sql`lower(${alerts.source})`, value) },
  rule: {
    kind: 'text',
    of: value =>
      sql`(${isText(sql`${alerts.rule} ->> 'id'`, value)} or (${alerts.rule} is not null and ${mayContain(value)} and ${isText(sql`lower(${alerts.title})`, value)}))`,
  },
  service: {
    kind: 'text',
    of: value =>
      isNone(value)
        ? isNull(alerts.serviceId)
        : sql`${alerts.serviceId} in (select ${services.id} from ${services} where ${isText(sql`lower(${services.name})`, value)})`,
  },
  team: {
    kind: 'text',
    of: value => sql`${alerts.serviceId} in (
      select ${services.id} from ${services} join ${teams} on ${teams.id} in (${services.securityTeamId}, ${services.engineeringTeamId})
      where ${isText(sql`lower(${teams.name})`, value)})`,
  },
  host: entity('host'),
  user: entity('user-account'),
  ip: entity('ipv4-addr', 'ipv6-addr'),
  domain: entity('domain-name'),
  url: entity('url'),
  email: entity('email-addr'),
  hash: entity('file-hash'),
  file: observable('file'),
  process: observable('process'),
  observable: observable(...observableKinds),
  assignee: {
    kind: 'person',
    me: sql`${alerts.assigneeId} = ${viewer.personId}::uuid`,
    none: isNull(alerts.assigneeId),
    named: value => sql`${alerts.assigneeId} in (select ${people.id} from ${people} where ${isText(sql`lower(${people.name})`, value)})`,
  },
  incident: {
    kind: 'text',
    of: value => {
      if (isNone(value)) return isNull(alerts.incidentId)
      const [first, ...rest] = value
      return sql`${alerts.incidentId} is not null and ${isText(sql`${alerts.incidentNumber}::text`, [first.replace(/^inc-/i, ''), ...rest])}`
    },
  },
  unassigned: { kind: 'flag', of: isNull(alerts.assigneeId) },
  silenced: { kind: 'flag', of: isNotNull(alerts.silencedById) },
  exercise: { kind: 'flag', of: sql`${alerts.isExercise}` },
  demo: { kind: 'flag', of: sql`${alerts.isDemo}` },
  count: { kind: 'number', of: alerts.count },
  age: { kind: 'duration', of: alerts.firstSeenAt },
  first: { kind: 'time', of: alerts.firstSeenAt },
  last: { kind: 'time', of: alerts.lastSeenAt },
  label: {
    kind: 'text',
    of: (value, key) =>
      value.length === 1
        ? sql`${alerts.labels} @> ${JSON.stringify({ [key]: value[0] })}::jsonb`
        : isText(sql`lower(${alerts.labels} ->> ${key}::text)`, value),
  },
  text: { kind: 'text', of: inText },
})

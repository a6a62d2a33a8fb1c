import type { EventType, SubjectOf, WithinOf } from '@tocsin/events'
import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'

/** Who looks. */
export interface Viewer {
  readonly personId: string
  readonly role: string
  /** Which restricted incidents: those that the person has a part in; of a service account none, or all where that was granted. */
  readonly needToKnow: 'own' | 'none' | 'all'
}

/** One to whom nothing is shown but what everybody with an account may see. */
export const everybody: Viewer = { personId: '00000000-0000-0000-0000-000000000000', role: 'observer', needToKnow: 'none' }

type SubjectKind = SubjectOf<EventType>
type WithinOfKind<Kind> = { [Type in EventType]: SubjectOf<Type> extends Kind ? WithinOf<Type> : never }[EventType]

/** Kinds of records whose entries are seen by who may see the incidents that the record belongs to now, which its module says (`belongs`). */
const ownedKinds = ['alert', 'page', 'report', 'silence', 'detection-rule'] as const satisfies readonly SubjectKind[]
/** No entry is about a message, but messages are shown. */
type OwnedKind = (typeof ownedKinds)[number] | 'message'

/**
 * Who may see the entries about every other kind, if they may see the incident that an entry was written in: of `incident`, each is written in one; what is `everybody`'s belongs
 * to none. A new kind does not compile before somebody has said it, here or above.
 */
const otherKinds: { readonly [Kind in Exclude<SubjectKind, OwnedKind>]: null extends WithinOfKind<Kind> ? 'everybody' : 'incident' } = {
  ...{
    incident: 'incident',
    task: 'incident',
    proposal: 'incident',
    note: 'incident',
    fact: 'incident',
    obligation: 'incident',
    notice: 'incident',
    review: 'incident',
    'follow-up': 'incident',
  },
  ...{ person: 'everybody', invitation: 'everybody', 'api-key': 'everybody', caller: 'everybody' },
  ...{
    team: 'everybody',
    service: 'everybody',
    customer: 'everybody',
    calendar: 'everybody',
    schedule: 'everybody',
    policy: 'everybody',
    organization: 'everybody',
  },
  ...{ integration: 'everybody', heartbeat: 'everybody', 'incident-class': 'everybody' },
  ...{ 'detection-rules': 'everybody', 'detection-settings': 'everybody', 'log-source': 'everybody', 'dead-letter': 'everybody' },
  ...{ indicator: 'everybody', 'indicator-list': 'everybody' },
  ...{
    journal: 'everybody',
    'journal-entry': 'everybody',
    export: 'everybody',
    'saved-view': 'everybody',
    system: 'everybody',
    setting: 'everybody',
    'segregation-policy': 'everybody',
    demo: 'everybody',
  },
  // Those about an incident are written in it.
  ...{ erasure: 'everybody' },
}
const knownKinds = [...ownedKinds, ...Object.keys(otherKinds)]

type Column = AnyColumn | SQL
type Rule = (viewer: Viewer, id: Column) => SQL
type Incidents = (id: Column) => SQL

/** Who may see restricted incidents. */
interface NeedToKnow {
  /** The condition under which `viewer` may see the incident whose ID stands in a column: no suspect may. */
  readonly maySee: Rule
  /** Selects the IDs of the people who are to see nothing of an incident, whatever their role: its suspects. */
  readonly suspects: Incidents
}

/** What of a journal entry decides who may see it. */
interface EntryColumns {
  readonly type: Column
  readonly data: Column
  readonly withinId: Column
  readonly subjectKind: Column
  readonly subjectId: Column
}

/** An ID that stands in a text, or null where the text is none. */
export const uuidIn = (text: Column) => sql`case when ${text} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then ${text}::uuid end`
/** A number of a record that stands in a text, or null where the text is none. */
export const numberIn = (text: Column) => sql`case when ${text} ~ '^[0-9]{1,9}$' then (${text})::int end`

/**
 * Who may see what belongs to a restricted incident. The module that owns incidents says the rule once, and the owner of each other kind of record
 * says once which incidents a record belongs to; every query in every layer that shows something (alerts, pages, messages, journal, live stream) puts
 * the condition into its `where`. It is joined when read, so that it holds also for what was written before there was an incident.
 */
export class Visibility {
  #needToKnow: NeedToKnow = { maySee: () => sql`true`, suspects: () => sql`select null::uuid where false` }
  readonly #incidents = new Map<OwnedKind, Incidents>()
  readonly #named = new Map<string, Incidents>()

  define(needToKnow: NeedToKnow): void {
    this.#needToKnow = needToKnow
  }

  /** `incidents` selects the IDs of the incidents that a record of this kind belongs to now; null counts as none. */
  belongs(kind: OwnedKind, incidents: Incidents): void {
    this.#incidents.set(kind, incidents)
  }

  /**
   * `incidents` selects, from the data of an entry of this type, the IDs of the incidents of what it names besides its subject: it is hidden with them, because
   * its sentence and its reason tell of them.
   */
  names(type: string, incidents: (data: Column) => SQL): void {
    this.#named.set(type, incidents)
  }

  /** The condition for rows that belong to the incident in `column`, or to none. */
  condition(viewer: Viewer, column: Column): SQL {
    return sql`(${column} is null or ${this.#needToKnow.maySee(viewer, column)})`
  }

  /** The condition that the viewer, or who made their key, is a suspect of the incident in `column`. */
  isSuspect({ personId }: Pick<Viewer, 'personId'>, column: Column): SQL {
    return sql`${personId}::uuid in (${this.#needToKnow.suspects(column)})`
  }

  /** The suspects of some incidents, by incident: one statement for all of them. */
  async suspectsOf(reader: Reader, incidentIds: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    if (incidentIds.length === 0) return new Map()
    const { rows } = await reader.db.execute<{ incident_id: string; person_id: string }>(
      sql`select named.incident_id, suspect.person_id from unnest(${sql.param([...new Set(incidentIds)])}::uuid[]) as named (incident_id)
        cross join lateral (${this.#needToKnow.suspects(sql`named.incident_id`)}) as suspect (person_id)`,
    )
    const byIncident = Map.groupBy(rows, row => row.incident_id)
    return new Map([...byIncident].map(([id, own]) => [id, new Set(own.map(row => row.person_id))]))
  }

  /** The condition for records of a kind, whose ids stand in `column`: the viewer may see every incident that one belongs to. */
  ofRecord(viewer: Viewer, kind: OwnedKind, column: Column): SQL {
    const incidents = this.#incidents.get(kind)
    if (incidents === undefined) throw new Error(`nobody has said which incidents a ${kind} belongs to`)
    return this.ofAll(viewer, incidents(column))
  }

  /** The condition for entries of the journal: by the incident that they were written in, and by those that their subject, and what they name, belong to now. */
  ofEntry(viewer: Viewer, { type, data, withinId, subjectKind, subjectId }: EntryColumns): SQL {
    const kinds = ownedKinds.map(kind => sql`when ${kind} then ${this.ofRecord(viewer, kind, uuidIn(subjectId))}`)
    const types = [...this.#named].map(([name, incidents]) => sql`when ${name} then ${this.ofAll(viewer, incidents(data))}`)
    const oneOf = (column: Column, cases: readonly SQL[], other: SQL) => sql`case ${column} ${sql.join([...cases, sql`else ${other} end`], sql` `)}`
    // Of a kind that this version does not know, nobody has said whose it is.
    const isForAll = viewer.needToKnow === 'all' || (viewer.needToKnow === 'own' && viewer.role === 'administrator')
    const known = isForAll ? sql`true` : sql`${subjectKind} = any(${sql.param(knownKinds)}::text[])`
    return sql`(${this.condition(viewer, withinId)} and ${oneOf(subjectKind, kinds, known)} and ${oneOf(type, types, sql`true`)})`
  }

  /** The condition that the viewer may see each of the incidents whose IDs a statement selects; null counts as none. */
  ofAll(viewer: Viewer, incidents: SQL): SQL {
    return sql`not exists (select 1 from (${incidents}) as belonging (incident_id) where not ${this.condition(viewer, sql`belonging.incident_id`)})`
  }

  async maySee(reader: Reader, viewer: Viewer, id: string): Promise<boolean> {
    const found = await reader.db.execute<{ may: boolean }>(sql`select ${this.condition(viewer, sql`${id}::uuid`)} as may`)
    return found.rows[0]?.may === true
  }
}

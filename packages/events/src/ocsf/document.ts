import { z } from 'zod'
import { isEventType, tellEvent } from '../registry.ts'
import { activities, type ClassUid, classes, ocsfVersion } from './activities.ts'
import { type Mapping, mappings, severities } from './types.ts'

/** What of an entry a document is made of. */
export interface StreamedEntry {
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  readonly type: string
  readonly actor: { readonly kind: string; readonly id: string | null; readonly name: string }
  readonly subject: { readonly kind: string; readonly id: string }
  readonly data: unknown
  /** What is wrong with it; null where `data` is as its type says. */
  readonly fault: string | null
  readonly calledFrom?: { readonly address: string; readonly device: string } | undefined
  readonly isDemo: boolean
  readonly isExercise: boolean
  readonly isRestricted: boolean
}

/** A document of the Open Cybersecurity Schema Framework: JSON. */
export interface OcsfDocument {
  readonly [attribute: string]: unknown
  readonly severity_id: number
  readonly metadata: { readonly uid: string; readonly event_code: string; readonly [attribute: string]: unknown }
}

/** What of the data has a place of its own in OCSF. */
const Known = z.looseObject({
  address: z.string().optional(),
  ip: z.string().optional(),
  addresses: z.array(z.string()).optional(),
  device: z.string().optional(),
  name: z.string().optional(),
  email: z.string().optional(),
  area: z.string().optional(),
  reason: z.string().optional(),
  count: z.number().optional(),
  firstAt: z.string().optional(),
  lastAt: z.string().optional(),
})

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

/**
 * An entry as OCSF. Of one that not everybody with an account may see, and of the work with alerts and incidents, it says who did what kind of thing to which
 * record, and when: neither sentence nor data, nor from where.
 * @param isOpen everybody with an account may see the entry
 */
export function ocsfDocument(entry: StreamedEntry, { version, isOpen }: { readonly version: string; readonly isOpen: boolean }): OcsfDocument {
  // Of a type that this version does not know, as after a downgrade, nothing is known but that something was changed.
  const mapping: Mapping = isEventType(entry.type) ? mappings[entry.type] : { activity: 'updated', severity: 'low', isFailure: false, isWhole: false }
  const { classUid, id, name } = activities[mapping.activity]
  const isWhole = isOpen && mapping.isWhole && entry.fault === null
  const known = isWhole ? (Known.safeParse(entry.data).data ?? {}) : {}
  const time = Date.parse(entry.at)
  return {
    ...{ activity_id: id, activity_name: name },
    ...{ category_uid: Math.floor(classUid / 1_000), category_name: classes[classUid].category, class_uid: classUid, class_name: classes[classUid].name },
    type_uid: classUid * 100 + id,
    ...{ severity_id: severities[mapping.severity], severity: capital(mapping.severity) },
    ...{ status_id: mapping.isFailure ? 2 : 1, status: mapping.isFailure ? 'Failure' : 'Success', status_detail: known.reason },
    time,
    ...{ count: known.count, start_time: millis(known.firstAt), end_time: millis(known.lastAt) },
    message: isWhole ? tellEvent(entry.type, { actor: entry.actor.name, at: entry.at, data: entry.data }).sentence : undefined,
    metadata: {
      ...{ version: ocsfVersion, uid: entry.id, event_code: entry.type, log_name: 'audit', original_time: entry.at },
      product: product(version),
    },
    actor: actorOf(entry.actor),
    ...about(classUid, entry, known, version),
    ...endpoint(classUid, isWhole ? entry.calledFrom : undefined, known),
    unmapped: {
      ...{ actor_kind: entry.actor.kind, subject: entry.subject, is_demo: entry.isDemo, is_exercise: entry.isExercise, is_restricted: entry.isRestricted },
      ...(isWhole ? { data: entry.data } : { is_withheld: true }),
    },
  }
}

/** The same without what may be long, for a transport that carries no more. */
export function shortened({ message: _, unmapped: __, http_request: ___, ...document }: OcsfDocument): OcsfDocument {
  return { ...document, metadata: { ...document.metadata, is_truncated: true } }
}

const product = (version: string) => ({ name: 'Tocsin', vendor_name: 'Tocsin', version })
const millis = (at: string | undefined) => (at === undefined ? undefined : Date.parse(at))

function actorOf({ kind, id, name }: StreamedEntry['actor']) {
  if (kind === 'system' && name === 'Tocsin') return { app_name: 'Tocsin' }
  return { user: { name, ...(id === null ? {} : { uid: id }) } }
}

/** What a class requires of what it is about. */
function about(classUid: ClassUid, { subject, type }: StreamedEntry, { name, email, area }: z.output<typeof Known>, version: string) {
  switch (classUid) {
    case 1008:
      return { log_name: 'audit' }
    case 3001:
      return { user: { uid: subject.id, name, email_addr: email } }
    case 3002:
      return { user: { uid: subject.id, name, email_addr: email }, service: { name: 'Tocsin' } }
    case 3004:
      return { entity: { uid: subject.id, type: subject.kind, name } }
    case 6002:
      return { app: product(version) }
    case 6003:
      return { api: { operation: area ?? type }, resources: [{ uid: subject.id, type: subject.kind }] }
  }
}

/** From where: required of API activity, also where that is not kept or not told. */
function endpoint(classUid: ClassUid, calledFrom: StreamedEntry['calledFrom'], known: z.output<typeof Known>) {
  const ip = calledFrom?.address ?? known.address ?? known.ip ?? known.addresses?.[0]
  const device = calledFrom?.device ?? (known.addresses || known.address ? known.device : undefined)
  const from = ip === undefined ? (classUid === 6003 ? { src_endpoint: { name: 'unknown' } } : {}) : { src_endpoint: { ip } }
  return { ...from, ...(device === undefined ? {} : { http_request: { user_agent: device } }) }
}

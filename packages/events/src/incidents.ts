import { z } from 'zod'
import { event } from './event.ts'
import { Basis, Count, Day, Digest, Id, IncidentSeverity, Instant, Named, Nothing, Responsibility } from './vocabulary.ts'
import { counted, few, firstLine, fromTo, when, words } from './words.ts'

export const Status = z.enum(['suspected', 'declared', 'contained', 'eradicated', 'recovered', 'closed'])
export const Class = z.enum(['suspected', 'security-incident', 'customer-reportable', 'privacy-breach', 'not-an-incident'])
export const Criteria = z.strictObject({
  privacy: z.enum(['none', 'possible', 'confirmed']),
  impact: z.enum(['none', 'degraded', 'outage', 'destructive']),
  scope: z.enum(['one-asset', 'one-service', 'several-services', 'widespread']),
  customers: z.enum(['none', 'one', 'several', 'most']),
  region: z.enum(['one', 'several', 'global']),
  data: z.enum(['none', 'internal', 'confidential', 'restricted']),
  recoverability: z.enum(['regular', 'supplemented', 'extended', 'not-recoverable']),
})
const Transition = z.strictObject({ from: Status, to: Status, reason: z.string() })
const Affected = z.strictObject({ id: Id, name: z.string(), basis: z.string() })
/** `foundAt`: when it was found that the customer is affected. Without one that is when it was listed first. */
const AffectedCustomer = z.strictObject({ ...Affected.shape, foundAt: Instant.optional() })

const Facts = z.strictObject({
  title: z.string().optional(),
  summary: z.string().optional(),
  responsibility: Responsibility.optional(),
  approximateUsers: Count.nullable().optional(),
  dataTouched: z
    .strictObject({ customerData: z.enum(['unknown', 'no', 'yes']), personalData: z.enum(['unknown', 'no', 'yes']), description: z.string() })
    .optional(),
  isRestricted: z.boolean().optional(),
  codename: z.string().nullable().optional(),
})
/** `reason`: why it was restricted, or is not any more. */
const FactsChange = z.strictObject({ ...Facts.shape, reason: z.string().optional(), before: Facts })

/** What a list of what is affected was before, with names and bases. Entries of version 1 had IDs alone. */
const AffectedBefore = z.array(z.strictObject({ id: Id, name: z.string().nullable(), basis: z.string().nullable(), foundAt: Instant.optional() }))
const withoutNames = (ids: unknown) =>
  z
    .array(Id)
    .parse(ids)
    .map(id => ({ id, name: null, basis: null }))

/** What a list of what is affected has more, less and otherwise than before; only a few of each are named. */
function difference(after: readonly z.output<typeof AffectedCustomer>[], before: z.output<typeof AffectedBefore>): string {
  const now = new Map(after.map(each => [each.id, each]))
  const was = new Map(before.map(each => [each.id, each]))
  const added = after.filter(each => !was.has(each.id)).map(each => each.name)
  const gone = before.filter(each => !now.has(each.id))
  const names = gone.map(each => each.name).filter(name => name !== null)
  const changed = after.filter(each => (was.get(each.id)?.basis ?? each.basis) !== each.basis).map(each => each.name)
  const found = after.filter(({ id, foundAt }) => foundAt !== (was.get(id)?.foundAt ?? foundAt)).map(each => each.name)
  const parts = [
    ...(added.length > 0 ? [`added ${few(added)}`] : []),
    ...(gone.length > 0 ? [`removed ${names.length === gone.length ? few(names) : gone.length}`] : []),
    ...(changed.length > 0 ? [`changed the basis of ${few(changed)}`] : []),
    ...(found.length > 0 ? [`corrected when ${few(found)} ${found.length === 1 ? 'was' : 'were'} found`] : []),
  ]
  return parts.length > 0 ? parts.join('; ') : 'nothing differs'
}

/** The names of those in a list of people that are not in another. */
const without = (all: readonly z.output<typeof Named>[], others: readonly z.output<typeof Named>[]) =>
  all.filter(({ id }) => !others.some(other => other.id === id)).map(({ name }) => name)

/** `incident 2`, `alerts 3, 4`, or nothing. */
const numbered = (noun: string, numbers: readonly number[]) =>
  numbers.length === 0 ? [] : [`${noun}${numbers.length === 1 ? '' : 's'} ${few(numbers.map(String))}`]

const users = (count: number | null | undefined) => count?.toLocaleString('en-US') ?? 'unknown'

/** What was changed of an incident's facts, from what to what. */
function factsChanged({ before, isRestricted, codename, dataTouched, title, summary, responsibility, approximateUsers }: z.output<typeof FactsChange>): string {
  const was = before.dataTouched
  const answered = (['customerData', 'personalData'] as const).filter(name => dataTouched !== undefined && was?.[name] !== dataTouched[name])
  const named = [
    ...(title === undefined ? [] : [fromTo('title', before.title, title)]),
    ...(summary === undefined ? [] : [fromTo('summary', before.summary, summary)]),
    ...(responsibility === undefined ? [] : [`responsibility from ${before.responsibility ?? 'unknown'} to ${responsibility}`]),
    ...(approximateUsers === undefined ? [] : [`approximate users from ${users(before.approximateUsers)} to ${users(approximateUsers)}`]),
    ...answered.map(name => `${words(name)} affected from ${was?.[name] ?? 'unknown'} to ${dataTouched?.[name] ?? 'unknown'}`),
    ...(dataTouched === undefined || dataTouched.description === was?.description
      ? []
      : [fromTo('data description', was?.description, dataTouched.description)]),
    ...(codename === undefined || isRestricted !== undefined ? [] : [fromTo('codename', before.codename ?? undefined, codename ?? '')]),
  ].join('; ')
  if (isRestricted === undefined) return `Changed ${named}`
  const restriction = `restricted access ${isRestricted ? 'on' : 'off'}`
  return named === '' ? `Turned ${restriction}` : `Changed ${named}; turned ${restriction}`
}

/** `assignee`: the name. The first entries had none. */
const TaskFacts = z.strictObject({
  title: z.string(),
  assigneeId: Id.nullable(),
  assignee: z.string().nullable().optional(),
  dueOn: Day.nullable(),
  isDone: z.boolean(),
})
/** `isApprovalVoid`: the task had been approved, and is now another one. */
const TaskChange = z.strictObject({ ...TaskFacts.shape, before: TaskFacts, isApprovalVoid: z.boolean().optional() })

function taskChanged({ title, assigneeId, assignee, dueOn, before, isApprovalVoid }: z.output<typeof TaskChange>, at: string): string {
  const day = (each: string | null) => (each === null ? 'no date' : when(each, at))
  const someone = (name: string | null | undefined, id: string | null) => name ?? (id === null ? 'nobody' : 'somebody')
  const parts = [
    title === before.title ? `Changed a task: ${title}` : `Renamed a task from ${before.title} to ${title}`,
    ...(assigneeId === before.assigneeId ? [] : [`assignee changed from ${someone(before.assignee, before.assigneeId)} to ${someone(assignee, assigneeId)}`]),
    ...(dueOn === before.dueOn ? [] : [`due date changed from ${day(before.dueOn)} to ${day(dueOn)}`]),
    ...(isApprovalVoid ? ['its approval is void'] : []),
  ]
  return parts.join('; ')
}

/** A record of the incident and a field of it; null: the record as a whole. */
const Altered = { record: z.strictObject({ kind: z.string(), id: Id }), field: z.string().nullable() }
const alteredPart = ({ record, field }: { readonly record: { readonly kind: string }; readonly field: string | null }) =>
  field === null ? `A stored ${words(record.kind)}` : `The stored ${words(field)} of the ${words(record.kind)}`

const Role = z.enum(['lead', 'owner', 'communications', 'executive'])
const roleNames = { lead: 'incident lead', owner: 'service owner', communications: 'communications lead', executive: 'executive sponsor' } as const

/** Incidents with what belongs to them: tasks, notes, the definitions of classes. */
export const incidentEvents = [
  event({
    type: 'incident.opened',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({
      ...{ number: Count, title: z.string(), reason: z.string(), responsibility: Responsibility, isRestricted: z.boolean() },
      codename: z.string().nullable().optional(),
    }),
    sentence: ({ data }) => `Opened a suspected incident: ${data.title}`,
  }),
  event({
    type: 'incident.changed',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: FactsChange,
    erasable: ['summary', 'dataTouched.description', 'before.summary', 'before.dataTouched.description'],
    sentence: ({ data }) => factsChanged(data),
  }),
  event({
    type: 'incident.assessed',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({
      criteria: Criteria,
      from: IncidentSeverity.nullable(),
      severity: IncidentSeverity,
      why: z.string(),
      /** Version of the rule that makes a severity of the criteria. */
      criteriaVersion: Count,
    }),
    sentence: ({ data: { from, severity, why } }) =>
      from === null || from === severity ? `Assessed the severity: ${why}` : `Changed the severity from ${from} to ${severity}: ${why}`,
  }),
  event({
    type: 'incident.classified',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ from: Class, class: Class, reason: z.string(), definition: Basis }),
    sentence: ({ data }) => `Changed the class from ${words(data.from)} to ${words(data.class)}`,
  }),
  event({
    type: 'incident.role-assigned',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({
      role: Role,
      personId: Id.nullable(),
      name: z.string().nullable(),
      /** `name`: the first entries had none. */
      before: z.strictObject({ personId: Id.nullable(), name: z.string().nullable().optional() }),
    }),
    sentence: ({ actor, data: { role, name, before } }) => {
      const earlier = before.name ? (name === null ? ` ${before.name}` : `, replacing ${before.name}`) : ''
      // Whoever takes a role is named by the entry already.
      const taken = name === actor ? `Became ${roleNames[role]}` : `Assigned ${name} as ${roleNames[role]}`
      return name === null ? `Removed the ${roleNames[role]}${earlier}` : taken + earlier
    },
  }),
  event({
    type: 'incident.handover-requested',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** `holder`: the name of who has the role until it is accepted; null where nobody has. `noteId`: the handover note. */
    data: z.strictObject({ role: Role, person: Named, holder: z.string().nullable(), noteId: Id.nullable() }),
    sentence: ({ actor, data: { role, person, holder } }) =>
      `Asked ${person.name} to ${holder === null ? 'become' : 'take over as'} ${roleNames[role]}${holder === null || holder === actor ? '' : ` from ${holder}`}`,
  }),
  event({
    type: 'incident.handover-ended',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** How a request ended that was not accepted. `left`: the account of the person was deactivated, or they may not have a role there any more. */
    data: z.strictObject({ role: Role, person: Named, outcome: z.enum(['declined', 'withdrawn', 'left']), reason: z.string().nullable() }),
    sentence: ({ actor, data: { role, person, outcome } }) =>
      outcome === 'declined' && person.name === actor
        ? `Declined to become ${roleNames[role]}`
        : `Ended the request that ${person.name} become ${roleNames[role]}`,
  }),
  event({
    type: 'incident.members-set',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** `added` and `removed`: names. The first entries had none. */
    data: z.strictObject({
      ...{ personIds: z.array(Id), before: z.strictObject({ personIds: z.array(Id) }) },
      ...{ added: z.array(z.string()).optional(), removed: z.array(z.string()).optional() },
    }),
    sentence: ({ data: { personIds, before, added: newcomers = [], removed: leavers = [] } }) => {
      const named = [...(newcomers.length > 0 ? [`added ${few(newcomers)}`] : []), ...(leavers.length > 0 ? [`removed ${few(leavers)}`] : [])]
      if (named.length > 0) return `Changed who can see the incident: ${named.join('; ')}`
      const added = personIds.filter(id => !before.personIds.includes(id)).length
      const removed = before.personIds.filter(id => !personIds.includes(id)).length
      return `Changed who can see the incident: ${added} added, ${removed} removed`
    },
  }),
  event({
    type: 'incident.suspects-set',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ suspects: z.array(Named), before: z.strictObject({ suspects: z.array(Named) }) }),
    sentence: ({ data: { suspects, before } }) => {
      const added = without(suspects, before.suspects)
      const cleared = without(before.suspects, suspects)
      const parts = [...(added.length > 0 ? [`named ${few(added)}`] : []), ...(cleared.length > 0 ? [`cleared ${few(cleared)}`] : [])]
      return `Changed the suspects: ${parts.join('; ')}`
    },
  }),
  event({
    type: 'incident.glass-broken',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ reason: z.string(), until: Instant, reviewTaskId: Id.optional() }),
    sentence: ({ data, at }) => `Opened the restricted incident by emergency access, until ${when(data.until, at)}`,
  }),
  event({
    type: 'incident.emergency-access-ended',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ person: Named }),
    sentence: ({ data }) => `Emergency access of ${data.person.name} ended`,
  }),
  event({
    type: 'incident.services-set',
    version: 2,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ services: z.array(Affected), before: z.strictObject({ services: AffectedBefore }) }),
    sentence: ({ data }) => `Changed the affected services: ${difference(data.services, data.before.services)}`,
    upcasts: [({ before, ...data }) => ({ ...data, before: { services: withoutNames(z.strictObject({ serviceIds: z.unknown() }).parse(before).serviceIds) } })],
  }),
  event({
    type: 'incident.customers-set',
    version: 2,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ customers: z.array(AffectedCustomer), before: z.strictObject({ customers: AffectedBefore }) }),
    sentence: ({ data }) => `Changed the affected customers: ${difference(data.customers, data.before.customers)}`,
    upcasts: [
      ({ before, ...data }) => ({ ...data, before: { customers: withoutNames(z.strictObject({ customerIds: z.unknown() }).parse(before).customerIds) } }),
    ],
  }),
  event({
    type: 'incident.made-parent',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** `joinedIds`: who led or owned a child, and may see it from now on. */
    data: z.strictObject({ reason: z.string(), alerts: z.array(Count), incidents: z.array(Count), joinedIds: z.array(Id).optional() }),
    sentence: ({ data }) => {
      const linked = [...numbered('incident', data.incidents), ...numbered('alert', data.alerts)]
      return linked.length === 0 ? 'Made it a parent incident' : `Made it a parent incident: linked ${linked.join(' and ')}`
    },
  }),
  event({
    type: 'incident.linked-to-parent',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ by: Count, title: z.string(), parentId: Id.optional() }),
    sentence: ({ data }) => `Linked it to parent incident ${data.by}${data.title === '' ? '' : `: ${data.title}`}`,
  }),
  event({
    type: 'incident.child-unlinked',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ reason: z.string(), incident: Count, incidentId: Id }),
    sentence: ({ data }) => `Unlinked incident ${data.incident}`,
  }),
  event({
    type: 'incident.unlinked-from-parent',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ reason: z.string(), by: Count, parentId: Id }),
    sentence: ({ data }) => `Unlinked it from parent incident ${data.by}`,
  }),
  event({
    type: 'incident.declared',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({
      ...Transition.shape,
      declaredAt: Instant,
      severity: IncidentSeverity,
      criteriaVersion: Count,
      class: Class,
      definition: Basis,
      customerIds: z.array(Id),
    }),
    sentence: ({ data }) => `Declared the incident as ${data.severity}`,
  }),
  event({
    type: 'incident.contained',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: Transition,
    sentence: ({ data }) => (data.from === 'declared' ? 'Marked the incident contained' : `Moved the incident from ${data.from} back to contained`),
  }),
  event({
    type: 'incident.eradicated',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: Transition,
    sentence: () => 'Marked the incident eradicated',
  }),
  event({
    type: 'incident.recovered',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({
      ...Transition.shape,
      secureState: z.string(),
      verification: z.string(),
      monitorUntil: Day.nullable(),
      noMonitoringReason: z.string().optional(),
    }),
    sentence: ({ data, at }) =>
      data.monitorUntil === null
        ? 'Marked the incident recovered, without a monitoring period'
        : `Marked the incident recovered; monitored until ${when(data.monitorUntil, at)}`,
    reason: ({ data }) =>
      [
        ...[data.reason, `Known secure state: ${data.secureState}`, `Verified by: ${data.verification}`],
        ...(data.noMonitoringReason === undefined ? [] : [`No monitoring period: ${data.noMonitoringReason}`]),
      ].join('\n'),
  }),
  event({
    type: 'incident.monitoring-extended',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ monitorUntil: Day, reason: z.string(), before: z.strictObject({ monitorUntil: Day.nullable() }) }),
    sentence: ({ data: { monitorUntil, before }, at }) =>
      before.monitorUntil === null
        ? `Started a monitoring period until ${when(monitorUntil, at)}`
        : `Extended the monitoring period from ${when(before.monitorUntil, at)} to ${when(monitorUntil, at)}`,
  }),
  event({
    type: 'incident.alerted-again',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** Alerts on services of a recovered incident under monitoring, the first few of them. */
    data: z.strictObject({ count: Count, alerts: z.array(z.strictObject({ number: Count, title: z.string(), service: z.string() })) }),
    sentence: ({ data: { count, alerts } }) =>
      `${counted(count, 'alert')} on a monitored service: ${few(alerts.map(({ number, title, service }) => `alert ${number} on ${service}, ${title}`))}`,
  }),
  event({
    type: 'incident.stood-down',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** `class`: as it was declared; `notified`: customers who were notified, and are owed an update that says so. */
    data: z.strictObject({ from: Status, class: Class, reason: z.string(), notified: Count }),
    sentence: ({ data }) =>
      `Stood the incident down: it was declared in error${data.notified === 0 ? '' : `; ${counted(data.notified, 'notified customer')} to be told`}`,
  }),
  event({ type: 'incident.closed', version: 1, subject: 'incident', within: 'incident', data: Transition, sentence: () => 'Closed the incident' }),
  event({
    type: 'incident.reopened',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** Of a declared incident: its `round`, how it is monitored, and whether the customers who were notified are told. `class`: as it was before it was stood down; `staysStoodDown`: it still is. */
    data: z.strictObject({
      ...{ ...Transition.shape, round: Count.optional(), class: Class.optional(), staysStoodDown: z.literal(true).optional() },
      ...{ monitorUntil: Day.nullable().optional(), noMonitoringReason: z.string().optional() },
      ...{ updateCustomers: z.boolean().optional(), noUpdateReason: z.string().optional() },
    }),
    sentence: ({ data: { round, monitorUntil, updateCustomers }, at }) =>
      [
        round === undefined ? 'Reopened the incident' : `Reopened the incident, round ${round}`,
        ...(monitorUntil ? [`monitored until ${when(monitorUntil, at)}`] : []),
        ...(updateCustomers === undefined ? [] : [updateCustomers ? 'notified customers get an update' : 'notified customers get no update']),
      ].join('; '),
    reason: ({ data }) =>
      [
        data.reason,
        ...(data.noMonitoringReason === undefined ? [] : [`No monitoring period: ${data.noMonitoringReason}`]),
        ...(data.noUpdateReason === undefined ? [] : [`No update to customers: ${data.noUpdateReason}`]),
      ].join('\n'),
  }),
  event({
    type: 'incident.hold-placed',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ reason: z.string() }),
    sentence: () => 'Placed a legal hold: nothing of the incident is erased',
  }),
  event({
    type: 'incident.hold-lifted',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ reason: z.string() }),
    sentence: () => 'Lifted the legal hold',
  }),
  event({ type: 'incident.read', version: 1, subject: 'incident', within: 'incident', data: Nothing, sentence: () => 'Viewed the restricted incident' }),
  event({
    type: 'class-definition.changed',
    version: 1,
    subject: 'incident-class',
    within: 'none',
    data: z.strictObject({ version: Count, text: z.string(), before: z.strictObject({ version: Count, text: z.string() }) }),
    sentence: ({ data }) => `Saved version ${data.version} of the definition of an incident class`,
  }),
  event({
    type: 'task.added',
    version: 1,
    subject: 'task',
    within: 'incident',
    data: z.strictObject({ title: z.string(), assigneeId: Id.nullable(), dueOn: Day.nullable(), isBusinessImpacting: z.boolean() }),
    sentence: ({ data }) => `Added a task: ${data.title}`,
  }),
  event({ type: 'task.changed', version: 1, subject: 'task', within: 'incident', data: TaskChange, sentence: ({ data, at }) => taskChanged(data, at) }),
  event({ type: 'task.done', version: 1, subject: 'task', within: 'incident', data: TaskChange, sentence: ({ data }) => `Completed a task: ${data.title}` }),
  event({
    type: 'task.reopened',
    version: 1,
    subject: 'task',
    within: 'incident',
    data: TaskChange,
    sentence: ({ data }) => `Reopened a task: ${data.title}${data.isApprovalVoid ? '; its approval is void' : ''}`,
  }),
  event({
    type: 'task.approved',
    version: 1,
    subject: 'task',
    within: 'incident',
    /** `sha256`: of the canonical JSON of what was approved. */
    data: z.strictObject({ title: z.string(), sha256: Digest.optional() }),
    sentence: ({ data }) => `Approved a task: ${data.title}`,
  }),
  event({
    type: 'task.dropped',
    version: 1,
    subject: 'task',
    within: 'incident',
    data: z.strictObject({ title: z.string() }),
    sentence: ({ data }) => `Closed a task as not needed: ${data.title}`,
  }),
  event({
    type: 'note.written',
    version: 1,
    subject: 'note',
    within: 'incident',
    data: z.strictObject({ markdown: z.string() }),
    erasable: ['markdown'],
    sentence: ({ data }) => `Added a note: ${firstLine(data.markdown)}`,
  }),
  event({
    type: 'note.corrected',
    version: 1,
    subject: 'note',
    within: 'incident',
    data: z.strictObject({ markdown: z.string() }),
    erasable: ['markdown'],
    sentence: ({ data }) => `Edited a note: ${firstLine(data.markdown)}`,
  }),
  event({
    type: 'record.altered',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** Values are canonical JSON, cut; `sha256` is of both whole. `source`: the entry that says otherwise. */
    data: z.strictObject({
      ...Altered,
      ...{ stored: z.string().nullable(), recorded: z.string().nullable(), sha256: Digest },
      source: z.strictObject({ id: Id, index: Count.nullable(), type: z.string() }).nullable(),
    }),
    sentence: ({ data }) =>
      data.field === null && data.source !== null
        ? `The row of ${data.recorded === null ? `the ${words(data.record.kind)}` : `incident ${data.recorded}`} is gone, but the audit log has it`
        : `${alteredPart(data)} differs from the audit log`,
  }),
  event({
    type: 'record.restored',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject(Altered),
    sentence: ({ data }) => `${alteredPart(data)} agrees with the audit log again`,
  }),
  event({
    type: 'incident.exported',
    version: 1,
    subject: 'export',
    within: 'incident',
    /** `selection`: how many entries were exported beside this one, and the digest of their body hashes (packages/merkle, `selectionDigest`). */
    data: z.strictObject({
      form: z.enum(['json', 'html']),
      documentSha256: Digest,
      selection: z.strictObject({ entries: Count, sha256: Digest }).optional(),
    }),
    sentence: ({ data }) => `Exported the incident as ${data.form === 'json' ? 'signed JSON' : 'an HTML report'}`,
  }),
] as const

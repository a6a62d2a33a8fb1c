import { digest } from '@tocsin/merkle'
import { z } from 'zod'
import { UnreadableEvent } from '../event.ts'
import { type DataOf, type EventType, readEvent } from '../registry.ts'
import { hoursOfDeclaration } from '../vocabulary.ts'
import { type FoldableEntry, FoldedRecords } from './records.ts'

type Step<Type extends EventType> = (records: FoldedRecords, entry: FoldableEntry, data: DataOf<Type>) => void
type Steps = { readonly [Type in EventType]?: Step<Type> }

/** Who did it, where that was a person: of what a service account did, the entry does not say for whom. */
const personOf = ({ actor }: FoldableEntry) => (actor.kind === 'person' && actor.id !== null ? actor.id : undefined)
/** The one form of an instant. */
const instant = (at: string) => new Date(at).toISOString()
const instantOrNull = (at: string | null) => (at === null ? null : instant(at))
const byId = <T extends { readonly id: string }>(all: readonly T[]) => all.toSorted((a, b) => (a.id < b.id ? -1 : 1))
const sorted = (ids: Iterable<string>) => [...new Set(ids)].sort()

/** Affected customers. Without a time, one was found when it was listed first. */
function listedCustomers(records: FoldedRecords, entry: FoldableEntry, { customers }: DataOf<'incident.customers-set'>): object[] {
  const before = records.of(entry).get('customers')
  const found = new Map(
    z
      .array(z.object({ id: z.string(), foundAt: z.string() }))
      .safeParse(before)
      .data?.map(({ id, foundAt }) => [id, foundAt]),
  )
  return byId(customers.map(({ id, basis, foundAt }) => ({ id, basis, foundAt: instant(foundAt ?? found.get(id) ?? entry.at) })))
}

const Handover = z.object({ role: z.string(), toId: z.string(), noteId: z.string().nullable(), requestedAt: z.string() })
const byRole = (all: readonly z.output<typeof Handover>[]) => all.toSorted((a, b) => (a.role < b.role ? -1 : 1))

/** Who is asked to take over roles of an incident, but for one role. */
const handoversWithout = (records: FoldedRecords, entry: FoldableEntry, role: string): z.output<typeof Handover>[] =>
  (z.array(Handover).safeParse(records.of(entry).get('handovers')).data ?? []).filter(each => each.role !== role)

const listed = (all: readonly { readonly id: string; readonly basis: string }[]) => byId(all.map(({ id, basis }) => ({ id, basis })))

/** Adds to who may see an incident, as far as that is on record. */
function admit(records: FoldedRecords, entry: FoldableEntry, personIds: readonly string[] | undefined): void {
  const record = records.of(entry)
  const before = record.get('memberIds')
  record.set(entry, { memberIds: Array.isArray(before) && personIds !== undefined ? sorted([...before, ...personIds]) : undefined })
}

const personOrNobody = (entry: FoldableEntry) => (entry.actor.kind === 'key' ? [] : [personOf(entry)].filter(id => id !== undefined))

const transition = (records: FoldedRecords, entry: FoldableEntry, { to }: { readonly to: string }, more: Readonly<Record<string, unknown>> = {}) =>
  records.of(entry).set(entry, { status: to, ...more })

const roleFields = { lead: 'leadId', owner: 'ownerId', communications: 'communicationsId', executive: 'executiveId' } as const

const incidentSteps: Steps = {
  'incident.opened': (records, entry, { number, title, responsibility, isRestricted, codename = null }) =>
    records.make(entry, {
      ...{
        number,
        title,
        responsibility,
        isRestricted,
        isDemo: entry.isDemo,
        isExercise: entry.isExercise,
        summary: '',
        status: 'suspected',
        class: 'suspected',
      },
      ...{ severity: null, severityCriteria: null, severityWhy: null, approximateUsers: null, parentId: null, monitorUntil: null },
      ...{ leadId: null, ownerId: null, communicationsId: null, executiveId: null, declaredAt: null, closedAt: null, openedAt: instant(entry.at) },
      ...{ dataTouched: { customerData: 'unknown', personalData: 'unknown', description: '' }, memberIds: personOrNobody(entry), services: [], customers: [] },
      ...{ codename, suspectIds: [], handovers: [], stoodDownAt: null, round: 1, legalHoldReason: null },
    }),
  'incident.changed': (records, entry, { before: _, reason: _why, ...facts }) => {
    records.of(entry).set(entry, facts)
    // Whoever hides an incident still sees it.
    if (facts.isRestricted === true) admit(records, entry, personOrNobody(entry))
  },
  'incident.assessed': (records, entry, { criteria, severity, why }) =>
    records.of(entry).set(entry, { severity, severityCriteria: criteria, severityWhy: why }),
  'incident.classified': (records, entry, data) => records.of(entry).set(entry, { class: data.class }),
  // Once somebody has a role, nobody is asked any more to take it over.
  'incident.role-assigned': (records, entry, { role, personId }) =>
    records.of(entry).set(entry, { [roleFields[role]]: personId, ...(personId === null ? {} : { handovers: handoversWithout(records, entry, role) }) }),
  'incident.handover-requested': (records, entry, { role, person, noteId }) =>
    records.of(entry).set(entry, {
      handovers: byRole([...handoversWithout(records, entry, role), { role, toId: person.id, noteId, requestedAt: instant(entry.at) }]),
    }),
  'incident.handover-ended': (records, entry, { role }) => records.of(entry).set(entry, { handovers: handoversWithout(records, entry, role) }),
  'incident.members-set': (records, entry, { personIds }) => records.of(entry).set(entry, { memberIds: sorted(personIds) }),
  'incident.hold-placed': (records, entry, { reason }) => records.of(entry).set(entry, { legalHoldReason: reason }),
  'incident.hold-lifted': (records, entry) => records.of(entry).set(entry, { legalHoldReason: null }),
  'incident.suspects-set': (records, entry, { suspects }) => records.of(entry).set(entry, { suspectIds: sorted(suspects.map(({ id }) => id)) }),
  'incident.glass-broken': (records, entry) => admit(records, entry, personOrNobody(entry)),
  'incident.emergency-access-ended': (records, entry, { person }) => {
    const record = records.of(entry)
    const before = record.get('memberIds')
    record.set(entry, { memberIds: Array.isArray(before) ? before.filter(id => id !== person.id) : undefined })
  },
  'incident.services-set': (records, entry, { services }) => records.of(entry).set(entry, { services: listed(services) }),
  'incident.customers-set': (records, entry, data) => records.of(entry).set(entry, { customers: listedCustomers(records, entry, data) }),
  'incident.made-parent': (records, entry, { joinedIds }) => admit(records, entry, joinedIds),
  'incident.linked-to-parent': (records, entry, { parentId }) => records.of(entry).set(entry, { parentId }),
  'incident.unlinked-from-parent': (records, entry) => records.of(entry).set(entry, { parentId: null }),
  'incident.declared': (records, entry, data) => transition(records, entry, data, { declaredAt: instant(data.declaredAt) }),
  'incident.contained': (records, entry, data) => transition(records, entry, data, { monitorUntil: null }),
  'incident.eradicated': transition,
  'incident.recovered': (records, entry, data) => transition(records, entry, data, { monitorUntil: data.monitorUntil }),
  'incident.monitoring-extended': (records, entry, { monitorUntil }) => records.of(entry).set(entry, { monitorUntil }),
  'incident.stood-down': (records, entry) => records.of(entry).set(entry, { class: 'not-an-incident', stoodDownAt: instant(entry.at) }),
  'incident.closed': (records, entry, data) => transition(records, entry, data, { closedAt: instant(entry.at) }),
  'incident.reopened': (records, entry, data) => {
    const { round, monitorUntil, class: restored, staysStoodDown } = data
    transition(records, entry, data, {
      ...{ closedAt: null, ...(staysStoodDown ? {} : { stoodDownAt: null }) },
      ...(round === undefined ? {} : { round }),
      ...(monitorUntil === undefined ? {} : { monitorUntil }),
      ...(restored === undefined ? {} : { class: restored }),
    })
  },
}

/** What the executive sponsor approves of a task. */
export const approvedOfTask = ({ title }: { readonly title: string }) => ({ title })

function taskChanged(records: FoldedRecords, entry: FoldableEntry, { title, assigneeId, dueOn, isDone, before }: DataOf<'task.changed'>): void {
  const done = isDone ? {} : { doneAt: null, doneById: null }
  const isFinished = isDone && !before.isDone
  records.of(entry).set(entry, {
    ...{ title, assigneeId, dueOn },
    ...(isFinished ? { doneAt: instant(entry.at), doneById: personOf(entry) } : done),
    // An approval is for what was approved.
    ...(title === before.title ? {} : { approvedById: null }),
  })
}

const taskSteps: Steps = {
  'task.added': (records, entry, data) => records.make(entry, { ...data, approvedById: null, doneAt: null, doneById: null }),
  'task.changed': taskChanged,
  'task.done': taskChanged,
  'task.reopened': taskChanged,
  'task.approved': (records, entry, { sha256 }) => {
    const record = records.of(entry)
    const title = record.get('title')
    records.approve(entry, sha256, typeof title === 'string' ? digest(approvedOfTask({ title })) : undefined)
    record.set(entry, { approvedById: personOf(entry) })
  },
  'task.dropped': (records, entry) => records.of(entry).set(entry, { doneAt: instant(entry.at), doneById: personOf(entry) }),
  'note.written': (records, entry, { markdown }) =>
    records.make(entry, { markdown, authorId: personOf(entry), createdAt: instant(entry.at), editedAt: null, erasure: null }),
  'note.corrected': (records, entry, { markdown }) => records.of(entry).set(entry, { markdown, editedAt: instant(entry.at) }),
  // Its texts read as erased already: this says when and why.
  'erasure.done': (records, entry, { kind, reason, fields }) => {
    if (kind !== 'note') return
    for (const { entryId } of fields) records.ofEntry(entryId)?.set(entry, { erasure: { at: instant(entry.at), reason } })
  },
}

/** What a second person approves of a proposal. */
export const approvedOfProposal = ({ kind, change, reason }: { readonly kind: unknown; readonly change: unknown; readonly reason: unknown }) => ({
  kind,
  change,
  reason,
})

const decided = (records: FoldedRecords, entry: FoldableEntry, state: string) =>
  records.of(entry).set(entry, { state, decidedById: state === 'void' ? null : personOf(entry), decidedAt: instant(entry.at) })

const proposalSteps: Steps = {
  'proposal.made': (records, entry, { kind, change, reason }) =>
    records.make(entry, {
      ...{ kind, change, reason, state: 'open', proposedById: personOf(entry), proposedAt: instant(entry.at) },
      ...{ decidedById: null, decidedAt: null },
    }),
  'proposal.approved': (records, entry, { sha256 }) => {
    const record = records.of(entry)
    const [kind, change, reason] = [record.get('kind'), record.get('change'), record.get('reason')]
    records.approve(entry, sha256, kind === undefined ? undefined : digest(approvedOfProposal({ kind, change, reason })))
    decided(records, entry, 'approved')
  },
  'proposal.rejected': (records, entry) => decided(records, entry, 'rejected'),
  'proposal.withdrawn': (records, entry) => decided(records, entry, 'withdrawn'),
  'proposal.voided': (records, entry) => decided(records, entry, 'void'),
}

const noDecision = {
  decisionKind: null,
  decisionReasonCategory: null,
  decisionReason: null,
  decisionReviewOn: null,
  decisionById: null,
  decisionApprovedById: null,
}

/** An obligation without a decision in force: due once its clock runs. */
function openState(records: FoldedRecords, entry: FoldableEntry): string | undefined {
  const { made, isForgotten } = records.of(entry)
  return made !== undefined ? 'due' : isForgotten ? undefined : 'pending'
}

/** A clock that has begun. */
const running = (entry: FoldableEntry, startedAt: string, dueAt: string) => ({
  ...{
    state: 'due',
    startedAt: instant(startedAt),
    dueAt: instant(dueAt),
    foundAt: null,
    foundDueAt: null,
    missedDueAt: null,
    notifiedAt: null,
    metById: null,
    joinedToId: null,
    isDemo: entry.isDemo,
    isExercise: entry.isExercise,
  },
})

const obligationSteps: Steps = {
  'obligation.opened': (records, entry, { customerId, startedAt, dueAt, foundAt, foundDueAt, term }) => {
    // A decision may have been proposed before.
    const { fields, isForgotten } = records.of(entry)
    records.make(entry, {
      ...(fields.size > 0 || isForgotten ? {} : noDecision),
      ...{ kind: 'initial', customerId, term, promisedById: null },
      ...{ ...running(entry, startedAt, dueAt), foundAt: instantOrNull(foundAt), foundDueAt: instantOrNull(foundDueAt) },
    })
  },
  'obligation.promised': (records, entry, { customerId, noticeId, startedAt, dueAt }) =>
    records.make(entry, { ...noDecision, kind: 'update', customerId, term: null, promisedById: noticeId, ...running(entry, startedAt, dueAt) }),
  'obligation.scope-opened': (records, entry, { startedAt, dueAt, hours }) =>
    records.make(entry, {
      ...noDecision,
      kind: 'scope',
      customerId: null,
      term: hoursOfDeclaration(hours),
      promisedById: null,
      ...running(entry, startedAt, dueAt),
    }),
  'obligation.moved': (records, entry, { startedAt, dueAt, foundAt, foundDueAt }) =>
    records.of(entry).set(entry, {
      ...{ startedAt: instant(startedAt), dueAt: instant(dueAt) },
      ...{ foundAt: instantOrNull(foundAt), foundDueAt: instantOrNull(foundDueAt) },
    }),
  'obligation.update-opened': (records, entry, { customerId, startedAt, dueAt }) =>
    records.make(entry, { ...noDecision, kind: 'update', customerId, term: null, promisedById: null, ...running(entry, startedAt, dueAt) }),
  'obligation.ended': (records, entry, { why }) => records.of(entry).set(entry, { ...(why === 'stood-down' ? noDecision : {}), state: 'ended' }),
  'obligation.joined': (records, entry, { joinedToId }) => records.of(entry).set(entry, { joinedToId }),
  'obligation.separated': (records, entry) => records.of(entry).set(entry, { joinedToId: null }),
  'decision.lapsed': (records, entry) => records.of(entry).set(entry, { ...noDecision, state: 'due' }),
  'obligation.missed': (records, entry, { dueAt }) => records.of(entry).set(entry, { missedDueAt: instant(dueAt) }),
  // Entries of older versions do not say by which notice.
  'obligation.notified': (records, entry, { notifiedAt, noticeId }) =>
    records.of(entry).set(entry, { state: 'notified', notifiedAt: instant(notifiedAt), metById: noticeId }),
  'obligation.reopened': (records, entry) => records.of(entry).set(entry, { ...noDecision, state: 'due', notifiedAt: null, metById: null }),
  'decision.proposed': (records, entry, { kind, reasonCategory, reason, reviewOn }) =>
    records.of(entry).set(entry, {
      ...{ decisionKind: kind, decisionReasonCategory: reasonCategory, decisionReason: reason, decisionReviewOn: reviewOn },
      ...{ decisionById: personOf(entry), decisionApprovedById: null, state: openState(records, entry) },
    }),
  'decision.approved': (records, entry, { kind, reasonCategory, reason, reviewOn, sha256 }) => {
    records.approve(entry, sha256, digest({ kind, reasonCategory, reason, reviewOn }))
    records.of(entry).set(entry, { decisionApprovedById: personOf(entry), state: kind === 'defer' ? 'deferred' : 'waived' })
  },
  'decision.rejected': (records, entry) => records.of(entry).set(entry, { ...noDecision, state: openState(records, entry) }),
  'decision.withdrawn': (records, entry) => records.of(entry).set(entry, { ...noDecision, state: openState(records, entry) }),
}

type NoticeText = Pick<DataOf<'notice.drafted'>, 'nature' | 'userImpact' | 'mitigation' | 'isInvestigationComplete' | 'nextSteps' | 'nextCommunicationAt'>

const textOf = ({ nature, userImpact, mitigation, isInvestigationComplete, nextSteps, nextCommunicationAt }: NoticeText) => ({
  ...{ nature, userImpact, mitigation, isInvestigationComplete, nextSteps },
  nextCommunicationAt: instantOrNull(nextCommunicationAt),
})
const textFields = ['nature', 'userImpact', 'mitigation', 'isInvestigationComplete', 'nextSteps', 'nextCommunicationAt'] as const

/** The digest of the text of a notice, where all of it is on record. */
function textDigest(records: FoldedRecords, entry: FoldableEntry): string | undefined {
  const { fields } = records.of(entry)
  return textFields.every(field => fields.has(field)) ? digest(Object.fromEntries(textFields.map(field => [field, fields.get(field)?.value]))) : undefined
}

/** How a mail of a notice went, which may settle the notice. Entries of older versions did not say. What was sent and returned to the last contact is to be sent again. */
function settled(records: FoldedRecords, entry: FoldableEntry, { noticeState }: { readonly noticeState?: string | undefined }): void {
  const record = records.of(entry)
  const isSent = noticeState === 'sent' && record.get('state') !== 'sent'
  const sentAt = noticeState === undefined ? { sentAt: undefined } : isSent ? { sentAt: instant(entry.at) } : noticeState === 'approved' ? { sentAt: null } : {}
  record.set(entry, { state: noticeState, ...sentAt })
}

const noticeSteps: Steps = {
  'notice.drafted': (records, entry, { kind, obligationId, ...data }) =>
    records.make(entry, {
      ...{ ...textOf(data), kind, obligationId, state: 'draft', authorId: personOf(entry), editorId: personOf(entry) },
      ...{ approvedById: null, approvedAt: null, sentAt: null, to: [] },
    }),
  'notice.changed': (records, entry, data) =>
    records.of(entry).set(entry, { ...textOf(data), state: 'draft', editorId: personOf(entry), approvedById: null, approvedAt: null }),
  'notice.discarded': (records, entry) => records.remove(entry),
  'notice.approved': (records, entry, { sha256 }) => {
    records.approve(entry, sha256, textDigest(records, entry))
    records.of(entry).set(entry, { state: 'approved', approvedById: personOf(entry), approvedAt: instant(entry.at) })
  },
  'notice.sent': (records, entry, { to, sha256 }) => {
    records.approve(entry, sha256, textDigest(records, entry))
    const before = records.of(entry).get('to')
    records.of(entry).set(entry, { state: 'sending', to: Array.isArray(before) ? [...before, ...to].sort() : undefined })
  },
  'notice.delivered': settled,
  'notice.undelivered': settled,
  'notice.bounced': settled,
}

/** What is verified of a follow-up action: that it is done as its owner says. */
export const verifiedOfFollowUp = ({ title, evidence }: { readonly title: string; readonly evidence: string | null }) => ({ title, evidence })

const reviewSteps: Steps = {
  'review.started': (records, entry, { sequence, round = 1 }) =>
    records.make(entry, { sequence, round, findings: [], state: 'draft', finishedById: null, finishedAt: null }),
  'review.saved': (records, entry, { sequence, findings }) => records.of(entry).set(entry, { sequence, findings }),
  'review.finished': (records, entry, { sha256, round }) => {
    const { fields } = records.of(entry)
    const [sequence, findings] = [fields.get('sequence'), fields.get('findings')]
    records.approve(entry, sha256, sequence && findings && digest({ sequence: sequence.value, findings: findings.value }))
    const finished = { state: 'finished', finishedById: personOf(entry), finishedAt: instant(entry.at) }
    records.of(entry).set(entry, { ...finished, ...(round === undefined ? {} : { round }) })
  },
  'follow-up.added': (records, entry, { title, ownerId, dueOn }) =>
    records.make(entry, { title, ownerId, dueOn, state: 'open', evidence: null, verifiedById: null }),
  'follow-up.updated': (records, entry, { state, reason, dueOn, owner, sha256 }) => {
    const record = records.of(entry)
    const [title, evidence] = [record.get('title'), record.get('evidence')]
    const isKnown = typeof title === 'string' && (typeof evidence === 'string' || evidence === null)
    records.approve(entry, sha256, isKnown ? digest(verifiedOfFollowUp({ title, evidence })) : undefined)
    record.set(entry, {
      ...{ state, dueOn, verifiedById: state === 'verified' ? personOf(entry) : null },
      ...(owner === undefined ? {} : { ownerId: owner.id }),
      ...(state === 'open' ? {} : { evidence: reason }),
    })
  },
}

/** What is approved of a proposed key date. */
export const approvedOfFact = ({ kind, at, source, basis, reason }: Omit<DataOf<'fact.proposed'>, 'before'>) => ({ kind, at, source, basis, reason })

const stated = (entry: FoldableEntry, { kind, at, source, basis, reason }: Omit<DataOf<'fact.proposed'>, 'before'>, state: 'current' | 'proposed') => ({
  ...{ kind, at: instant(at), source, basis, reason, state },
  ...{ recordedById: personOf(entry), recordedAt: instant(entry.at), decidedById: null, decidedAt: null },
})

/** The version before a correction does not count any more. */
const supersede = (records: FoldedRecords, entry: FoldableEntry, before: { readonly id: string } | null) =>
  before === null ? undefined : records.find(before.id)?.set(entry, { state: 'superseded' })

const factSteps: Steps = {
  'fact.stated': (records, entry, data) => records.make(entry, stated(entry, { ...data, reason: null }, 'current')),
  'fact.corrected': (records, entry, data) => {
    supersede(records, entry, data.before)
    records.make(entry, stated(entry, data, 'current'))
  },
  'fact.proposed': (records, entry, data) => records.make(entry, stated(entry, data, 'proposed')),
  'fact.approved': (records, entry, { before, sha256 }) => {
    const { fields } = records.of(entry)
    const [kind, at, source, basis, reason] = ['kind', 'at', 'source', 'basis', 'reason'].map(field => fields.get(field)?.value)
    const isKnown = ['kind', 'at', 'source', 'basis', 'reason'].every(field => fields.has(field))
    records.approve(entry, sha256, isKnown ? digest({ kind, at, source, basis, reason }) : undefined)
    supersede(records, entry, before)
    records.of(entry).set(entry, { state: 'current', decidedById: personOf(entry), decidedAt: instant(entry.at) })
  },
  'fact.rejected': (records, entry) => records.of(entry).set(entry, { state: 'rejected', decidedById: personOf(entry), decidedAt: instant(entry.at) }),
}

const steps: Steps = { ...incidentSteps, ...factSteps, ...taskSteps, ...proposalSteps, ...obligationSteps, ...noticeSteps, ...reviewSteps }

/** The types of entries that say what a record is: the others change no field of any. */
export const foldedTypes = Object.keys(steps)

/**
 * Folds entries, oldest first, into the records that they tell of: an incident with its tasks, notes, obligations, notices, review and follow-up actions. Pure: the
 * server folds its journal with it, and whoever holds an export folds that.
 */
export function foldEntries(entries: readonly FoldableEntry[]): FoldedRecords {
  const records = new FoldedRecords()
  for (const entry of entries) {
    // The registry checks that the data is that of the type: what a look-up by name cannot say in types.
    const step = Object.hasOwn(steps, entry.type) ? (steps[entry.type as EventType] as Step<EventType> | undefined) : undefined
    if (step === undefined) continue
    if (entry.data === undefined) {
      records.of(entry).forget()
      continue
    }
    try {
      step(records, entry, readEvent(entry.type, entry.version, entry.data) as DataOf<EventType>)
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error
      records.of(entry).forget()
    }
  }
  return records
}

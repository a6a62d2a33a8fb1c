import { z } from 'zod'
import { event } from './event.ts'
import { Count, Day, Digest, hoursOfDeclaration, Id, Instant, NoticeTerm } from './vocabulary.ts'
import { counted, when } from './words.ts'

const NoticeText = z.strictObject({
  nature: z.string(),
  userImpact: z.string(),
  mitigation: z.string(),
  isInvestigationComplete: z.boolean(),
  nextSteps: z.string().nullable(),
  nextCommunicationAt: Instant.nullable(),
})
/** `sha256`: of the canonical JSON of the text, so that an approval says what it approved. */
const Drafted = z.strictObject({ customer: z.string(), ...NoticeText.shape, sha256: Digest })
/** `noticeState`: of the notice after that: it is settled once every mail has gone its way. */
const Delivery = z.strictObject({
  ...{ customer: z.string(), address: z.string(), receipt: z.string(), messageId: Id },
  noticeState: z.enum(['draft', 'approved', 'sending', 'sent']).optional(),
})

const ObligationKind = z.enum(['initial', 'update', 'scope'])
const DecisionKind = z.enum(['defer', 'waive'])
const ReasonCategory = z.enum(['not-affected', 'data-unintelligible', 'would-tip-off-attacker', 'would-harm-others', 'asked-by-authority', 'other'])
const Decision = z.strictObject({ customer: z.string(), kind: DecisionKind, reasonCategory: ReasonCategory, reason: z.string(), reviewOn: Day })
const decided = { defer: 'deferral', waive: 'waiver' } as const
/** What a decision is about. Without a customer it is that nobody needs to be notified. */
const decision = (kind: z.output<typeof DecisionKind>, customer: string) =>
  customer === ''
    ? kind === 'waive'
      ? 'decision that nobody needs to be notified'
      : 'deferral of the list of affected customers'
    : `${decided[kind]} of the notice to ${customer}`

const EndReason = z.enum(['customers-listed', 'promised-anew', 'stood-down', 'notice-returned', 'reopened'])
const ended = {
  'customers-listed': 'affected customers are listed',
  'promised-anew': 'a newer notice announced another time',
  'stood-down': 'the incident was stood down',
  'notice-returned': 'the notice that announced it was returned',
  reopened: 'the incident is no longer stood down',
} as const

const Deadlines = { startedAt: Instant, dueAt: Instant, foundAt: Instant.nullable(), foundDueAt: Instant.nullable() }
const starts = { declared: '', found: ' from being found', aware: ' from becoming aware' } as const
/** The time that a term gives: `72 h`, `5 business days from being found`. */
const timeOf = ({ start, amount, unit }: z.output<typeof NoticeTerm>) =>
  (unit === 'hours' ? `${amount} h` : counted(amount, unit === 'calendar-days' ? 'calendar day' : 'business day')) + starts[start]

/** What the auditor of obligations repaired. */
const audited = {
  obligation: 'missing notification obligation',
  deadline: 'wrong notification deadline',
  warning: 'missing deadline warning',
  'late warning': 'late deadline warning',
  'missed deadline': 'unrecorded missed deadline',
  review: 'missing decision review',
  'announced update': 'missing update reminder',
  'joined obligation': 'wrongly joined notification',
} as const

/** Notification obligations, the notices that meet them, and decisions to defer or waive. */
export const noticeEvents = [
  event({
    type: 'obligation.opened',
    version: 2,
    subject: 'obligation',
    within: 'incident',
    /** `customerVersion`: of the customer's terms. The time from being found counts where the contract's deadline had passed before; entries of version 1 had none. */
    data: z.strictObject({
      ...{ customer: z.string(), customerId: Id, customerVersion: Count, term: NoticeTerm },
      ...{ startedAt: Instant, dueAt: Instant, foundAt: Instant.nullable(), foundDueAt: Instant.nullable() },
    }),
    sentence: ({ data: { customer, term, dueAt, foundAt, foundDueAt }, at }) =>
      foundAt !== null && foundDueAt !== null && dueAt <= foundAt
        ? `Notification deadline for ${customer} had passed on ${when(dueAt, at)} (${timeOf(term)}), before it was found affected; from then on it ends ${when(foundDueAt, at)}`
        : `Notification deadline for ${customer}: ${when(dueAt, at)} (${timeOf(term)})`,
    upcasts: [({ hours, ...data }) => ({ ...data, term: hoursOfDeclaration(hours), foundAt: null, foundDueAt: null })],
  }),
  event({
    type: 'obligation.moved',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** What its deadline is counted from was corrected: when the organization became aware, or when the customer was found. */
    data: z.strictObject({ ...{ customer: z.string(), customerId: Id }, ...Deadlines, before: z.strictObject(Deadlines) }),
    sentence: ({ data: { customer, before, ...data }, at }) =>
      data.dueAt === before.dueAt
        ? `Deadline for ${customer} from being found moved from ${when(before.foundDueAt ?? before.dueAt, at)} to ${when(data.foundDueAt ?? data.dueAt, at)}`
        : `Notification deadline for ${customer} moved from ${when(before.dueAt, at)} to ${when(data.dueAt, at)}`,
  }),
  event({
    type: 'obligation.warned',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** `isOverdue`: after the deadline, when the executive sponsor is paged too. Without a customer it is not known who is affected. */
    data: z.strictObject({
      ...{ customer: z.string(), afterHours: z.number(), dueAt: Instant.nullable() },
      ...{ kind: ObligationKind.optional(), isOverdue: z.boolean().optional() },
    }),
    sentence: ({ data }) => {
      const what =
        data.customer === '' ? 'No affected customer listed' : data.kind === 'update' ? `Update to ${data.customer} not sent` : `${data.customer} not notified`
      return `${what} after ${Math.round(data.afterHours)} h${data.isOverdue ? ', overdue' : ''}; ${data.isOverdue ? 'incident lead and executive sponsor' : 'incident lead'} paged`
    },
  }),
  event({
    type: 'obligation.notified',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** `foundDueAt`: where the contract's deadline had passed before the customer was found, and `isInTime` is by this one. `noticeId`: of the notice that a server took. */
    data: z.strictObject({
      ...{ customer: z.string(), notifiedAt: Instant, dueAt: Instant.nullable(), isInTime: z.boolean() },
      ...{ foundDueAt: Instant.optional(), noticeId: Id.optional() },
    }),
    sentence: ({ data }) =>
      `${data.customer} notified ${data.isInTime ? 'on time' : 'late'}${data.foundDueAt === undefined ? '' : ", counted from being found; the contract's deadline had passed before that"}`,
  }),
  event({
    type: 'obligation.reopened',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** The notice that met it reached nobody: it is due again, with the deadline that it had. */
    data: z.strictObject({ customer: z.string(), kind: ObligationKind, dueAt: Instant.nullable(), noticeId: Id }),
    sentence: ({ data, at }) =>
      `${data.kind === 'update' ? `The update to ${data.customer}` : `The notification of ${data.customer}`} is due again${data.dueAt === null ? '' : `, by ${when(data.dueAt, at)}`}: the notice was returned`,
  }),
  event({
    type: 'obligation.joined',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** To the obligation of the parent incident to the same customer: its notice meets both. */
    data: z.strictObject({ customer: z.string(), joinedToId: Id, incidentId: Id, incident: Count }),
    sentence: ({ data }) => `The notification of ${data.customer} is shared with parent incident ${data.incident}: one notice serves both`,
  }),
  event({
    type: 'obligation.separated',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ customer: z.string() }),
    sentence: ({ data }) => `The notification of ${data.customer} is not shared with a parent incident any more: it needs its own notice`,
  }),
  event({
    type: 'obligation.missed',
    version: 2,
    subject: 'obligation',
    within: 'incident',
    /** The deadline passed without a notice. A deferral does not move it: `state` says whether one explains the delay. */
    data: z.strictObject({
      ...{ customer: z.string(), customerId: Id.nullable(), dueAt: Instant, term: NoticeTerm.nullable(), state: z.enum(['due', 'deferred']) },
      kind: ObligationKind.optional(),
    }),
    sentence: ({ data, at }) => {
      const due = `due ${when(data.dueAt, at)}`
      const deferred = data.state === 'deferred'
      if (data.customer === '') return `Affected customers not listed in time: they were ${due}${deferred ? '; the list is deferred' : ''}`
      if (data.kind === 'update') return `Update to ${data.customer} not sent in time: it was ${due}${deferred ? '; it is deferred' : ''}`
      return `Notification deadline for ${data.customer} missed: the notice was ${due}${deferred ? '; the notice is deferred' : ''}`
    },
    upcasts: [({ hours, ...data }) => ({ ...data, term: hours === null ? null : hoursOfDeclaration(hours) })],
  }),
  event({
    type: 'obligation.promised',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ customer: z.string(), customerId: Id, noticeId: Id, startedAt: Instant, dueAt: Instant }),
    sentence: ({ data, at }) => `Announced an update to ${data.customer} by ${when(data.dueAt, at)}`,
  }),
  event({
    type: 'obligation.update-opened',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** To a customer who was notified, of an incident that was stood down or reopened. */
    data: z.strictObject({
      ...{ customer: z.string(), customerId: Id, startedAt: Instant, dueAt: Instant, hours: Count },
      why: z.enum(['stood-down', 'reopened']),
    }),
    sentence: ({ data, at }) =>
      `An update to ${data.customer} is due by ${when(data.dueAt, at)}: the incident was ${data.why === 'reopened' ? 'reopened' : 'stood down'}`,
  }),
  event({
    type: 'obligation.scope-opened',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ startedAt: Instant, dueAt: Instant, hours: Count }),
    sentence: ({ data, at }) => `No affected customer is listed: list them, or have it approved that nobody needs to be notified, by ${when(data.dueAt, at)}`,
  }),
  event({
    type: 'obligation.ended',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ customer: z.string(), kind: ObligationKind, why: EndReason }),
    sentence: ({ data }) =>
      `${data.customer === '' ? 'Nobody has to be asked for the affected customers' : `The ${data.kind === 'initial' ? 'notice' : 'update'} to ${data.customer} is not due`} any more: ${ended[data.why]}`,
  }),
  event({
    type: 'obligation.assessed',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** Which obligations a declared incident has, and why none. */
    data: z.strictObject({ class: z.string(), customers: Count, result: z.enum(['customers', 'scope', 'none']) }),
    sentence: ({ data }) =>
      data.result === 'customers'
        ? `Notification assessed: ${counted(data.customers, 'affected customer')} to notify`
        : data.result === 'scope'
          ? `Notification assessed: class ${data.class} has customers to notify, but none is listed`
          : `Notification assessed: nobody to notify, because class ${data.class} does not require it and no customer is listed`,
  }),
  event({
    type: 'notice.drafted',
    version: 1,
    subject: 'notice',
    within: 'incident',
    data: z.strictObject({ ...Drafted.shape, kind: z.enum(['initial', 'update']).optional(), obligationId: Id.optional() }),
    sentence: ({ data }) => `Drafted a notice to ${data.customer}`,
  }),
  event({
    type: 'notice.changed',
    version: 1,
    subject: 'notice',
    within: 'incident',
    /** `isApprovalVoid`: it had been approved, and the change took that away. */
    data: z.strictObject({ ...Drafted.shape, before: NoticeText, isApprovalVoid: z.boolean().optional() }),
    sentence: ({ data }) => `Changed the notice to ${data.customer}; ${data.isApprovalVoid ? 'its approval is void' : 'it needs approval'}`,
  }),
  event({
    type: 'notice.discarded',
    version: 1,
    subject: 'notice',
    within: 'incident',
    data: z.strictObject({ customer: z.string(), state: z.enum(['draft', 'approved']), sha256: Digest }),
    sentence: ({ data }) => `Discarded the ${data.state === 'draft' ? 'draft of a notice' : 'approved notice'} to ${data.customer}`,
  }),
  event({
    type: 'notice.approved',
    version: 1,
    subject: 'notice',
    within: 'incident',
    /** `to`: whom it was approved for, `alternates`: whom else where none of them is reached. `mailsSha256`: of the canonical JSON of all mails, each with address, subject, body and demo mark. */
    data: z.strictObject({
      customer: z.string(),
      sha256: Digest,
      to: z.array(z.string()).optional(),
      alternates: z.array(z.string()).optional(),
      mailsSha256: Digest.optional(),
    }),
    sentence: ({ data }) => `Approved the notice to ${data.customer}`,
  }),
  event({
    type: 'notice.sent',
    version: 1,
    subject: 'notice',
    within: 'incident',
    /** `mails`: the messages, with the digest of the canonical JSON of address, subject, body and demo mark of each. */
    data: z.strictObject({
      ...{ customer: z.string(), to: z.array(z.string()), sha256: Digest },
      mails: z.array(z.strictObject({ messageId: Id, sha256: Digest })).optional(),
      isToAlternates: z.boolean().optional(),
    }),
    sentence: ({ data }) =>
      data.isToAlternates
        ? `Sent the notice to the alternate contacts of ${data.customer}: no other contact was reached`
        : `Sent the notice to ${data.customer}`,
  }),
  event({
    type: 'notice.delivered',
    version: 1,
    subject: 'notice',
    within: 'incident',
    data: Delivery,
    sentence: ({ data }) => `Notice to ${data.customer} accepted by the mail server of ${data.address}`,
    reason: ({ data }) => data.receipt,
  }),
  event({
    type: 'notice.undelivered',
    version: 1,
    subject: 'notice',
    within: 'incident',
    data: Delivery,
    sentence: ({ data }) => `Notice to ${data.customer} could not be delivered to ${data.address}: ${data.receipt}`,
  }),
  event({
    type: 'notice.bounced',
    version: 1,
    subject: 'notice',
    within: 'incident',
    /** After a server had taken it. */
    data: Delivery,
    sentence: ({ data }) => `Notice to ${data.customer} returned, sent to ${data.address}: ${data.receipt}`,
  }),
  event({
    type: 'notice.reported',
    version: 1,
    subject: 'notice',
    within: 'incident',
    /** What a server says of a mail that another one had taken. `relayed`: it was handed on to a server that reports nothing. */
    data: z.strictObject({
      customer: z.string(),
      address: z.string(),
      messageId: Id,
      outcome: z.enum(['delayed', 'relayed', 'delivered']),
      report: z.string(),
    }),
    sentence: ({ data }) =>
      data.outcome === 'delivered'
        ? `Notice to ${data.customer} delivered to the mailbox of ${data.address}`
        : data.outcome === 'delayed'
          ? `Notice to ${data.customer} delayed on its way to ${data.address}: ${data.report}`
          : `Notice to ${data.customer} passed on to another mail server for ${data.address}`,
    reason: ({ data }) => data.report,
  }),
  event({
    type: 'decision.proposed',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: Decision,
    sentence: ({ data }) => `Proposed a ${decision(data.kind, data.customer)}`,
  }),
  event({
    type: 'decision.approved',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** `sha256`: of the canonical JSON of what was approved: kind, category, reason and day of review. */
    data: z.strictObject({ ...Decision.shape, sha256: Digest.optional() }),
    sentence: ({ data }) => `Approved the ${decision(data.kind, data.customer)}`,
  }),
  event({
    type: 'decision.rejected',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    /** It was proposed, and somebody who could have approved it did not. */
    data: z.strictObject({ customer: z.string(), kind: DecisionKind, reason: z.string() }),
    sentence: ({ data }) => `Rejected the ${decision(data.kind, data.customer)}`,
  }),
  event({
    type: 'decision.withdrawn',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ customer: z.string(), kind: DecisionKind }),
    sentence: ({ data }) => `Withdrew the ${decision(data.kind, data.customer)}`,
  }),
  event({
    type: 'decision.due',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ customer: z.string(), kind: DecisionKind, reviewOn: Day }),
    sentence: ({ data }) => `The ${decision(data.kind, data.customer)} is due for review`,
  }),
  event({
    type: 'decision.lapsed',
    version: 1,
    subject: 'obligation',
    within: 'incident',
    data: z.strictObject({ customer: z.string(), reviewOn: Day }),
    sentence: ({ data }) => `The ${decision('defer', data.customer)} ended on its day of review`,
  }),
  event({
    type: 'obligation.repaired',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({
      what: z.enum(['obligation', 'deadline', 'warning', 'late warning', 'missed deadline', 'review', 'announced update', 'joined obligation']),
      count: Count,
    }),
    sentence: ({ data }) => `The auditor repaired ${counted(data.count, audited[data.what])}`,
  }),
] as const

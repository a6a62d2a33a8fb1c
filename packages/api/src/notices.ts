import { z } from 'zod'
import { NoticeTerm } from './calendars.ts'
import { At, ChangingQuery, Day, Id, IdParams, Instant, pageOf, Reference, Text, Version } from './common.ts'
import { messageStates } from './paging.ts'
import { atLeast, route } from './route.ts'

/** What is owed: the first notice to a customer, an update that a notice promised, or the answer to which customers are affected. */
export const obligationKinds = ['initial', 'update', 'scope'] as const
export const obligationStates = ['pending', 'due', 'deferred', 'waived', 'notified', 'ended'] as const
export const reasonCategories = ['not-affected', 'data-unintelligible', 'would-tip-off-attacker', 'would-harm-others', 'asked-by-authority', 'other'] as const

export const Notice = z
  .object({
    id: Id,
    kind: z.enum(['initial', 'update']),
    state: z.enum(['draft', 'approved', 'sending', 'sent']),
    nature: z.string(),
    userImpact: z.string(),
    mitigation: z.string(),
    isInvestigationComplete: z.boolean(),
    nextSteps: z.string().nullable(),
    nextCommunicationAt: At.nullable(),
    author: Reference,
    editorId: Id.describe('Who changed it last, and so cannot approve it either'),
    approvedBy: z.string().nullable(),
    approvedAt: At.nullable(),
    sentAt: At.nullable(),
    deliveries: z.array(
      z.object({
        to: z.string(),
        state: z.enum(messageStates),
        receipt: z.string().nullable().describe('The mail server that took it, or refused it, and what it said'),
        at: At.nullable(),
        report: z.string().nullable().describe('What a mail server reported later: which one, and what it said'),
        reportedAt: At.nullable(),
      }),
    ),
    version: Version,
  })
  .meta({ id: 'Notice' })
export type Notice = z.output<typeof Notice>

const Timing = z.enum(['notified', 'notified-late', 'due', 'due-soon', 'overdue'])

const Joined = z.object({ id: Id, incident: z.object({ id: Id, number: z.number() }), dueAt: At.nullable() })

export const Obligation = z
  .object({
    id: Id,
    incident: z.object({ id: Id, number: z.number(), title: z.string(), isClosed: z.boolean(), executiveId: Id.nullable() }),
    kind: z
      .enum(obligationKinds)
      .describe('What is owed: the first notice to a customer, an update that a notice announced, or the answer to which customers are affected'),
    customer: Reference.nullable().describe('Null for `scope`: no customer is listed'),
    state: z.enum(obligationStates).describe('`ended`: nothing is owed any more, for example because customers were listed'),
    timing: Timing.nullable().describe(
      "Deadline status; null until the incident is declared, and where no notice is owed (waived, ended). Where the contract's deadline had passed before the customer was found affected, it is counted from being found",
    ),
    contractTiming: Timing.nullable().describe('Deadline status by the contract, whenever the customer was found'),
    term: NoticeTerm.nullable().describe('The term of the contract when the deadline started; null until then, and for an announced update'),
    startedAt: At.nullable(),
    dueAt: At.nullable().describe('By the contract'),
    found: z
      .object({ at: At, dueAt: At, timing: Timing.nullable() })
      .nullable()
      .describe('When the customer was found affected, and the deadline if the same time is counted from then'),
    notifiedAt: At.nullable(),
    decision: z
      .object({
        kind: z.enum(['defer', 'waive']),
        reasonCategory: z.enum(reasonCategories),
        reason: z.string(),
        proposedBy: Reference,
        approvedBy: z.string().nullable(),
        reviewOn: Day,
      })
      .nullable(),
    joinedTo: Joined.nullable().describe('The obligation of the parent incident, whose notice meets this one too'),
    joined: z.array(Joined).describe('Obligations of linked incidents that the notice to this customer meets too. The earliest deadline of all of them counts'),
    notices: z.array(Notice),
    isDemo: z.boolean(),
    isExercise: z.boolean(),
    version: Version,
  })
  .meta({ id: 'Obligation' })
export type Obligation = z.output<typeof Obligation>

/** What a notice must say. While the investigation goes on it must also say what happens next and when more follows. */
export const NoticeInput = z
  .object({
    nature: Text(8_000).describe('The nature of the breach'),
    userImpact: Text(4_000).describe('The approximate impact on users'),
    mitigation: Text(8_000).describe('Mitigation steps'),
    isInvestigationComplete: z.boolean(),
    nextSteps: z.string().trim().max(8_000).nullable().default(null),
    nextCommunicationAt: Instant.nullable().default(null),
  })
  .superRefine((notice, context) => {
    if (notice.isInvestigationComplete) return
    if (!notice.nextSteps) context.addIssue({ code: 'custom', path: ['nextSteps'], message: 'is required while the investigation is not complete' })
    if (!notice.nextCommunicationAt)
      context.addIssue({ code: 'custom', path: ['nextCommunicationAt'], message: 'is required while the investigation is not complete' })
  })

/** One mail of a notice, as its customer will read it. */
export const NoticeMail = z
  .object({
    to: z.string().describe('Email address of the contact'),
    isAlternate: z.boolean().describe('Sent only if no email reaches another contact'),
    subject: z.string(),
    body: z.string(),
  })
  .meta({ id: 'NoticeMail' })
export type NoticeMail = z.output<typeof NoticeMail>

export const noticeRoutes = {
  obligations: route({
    method: 'GET',
    path: '/api/v1/obligations',
    summary: 'List notification obligations, earliest due date first; with `incidentId`, access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    query: ChangingQuery.extend({
      view: z.enum(['open', 'all']).default('open'),
      incidentId: Id.optional(),
      isExercise: z.enum(['true', 'false']).optional().describe('Only those of exercises, or only real ones'),
    }),
    reply: pageOf(Obligation),
    isReadRecorded: true,
  }),
  draftNotice: route({
    method: 'POST',
    path: '/api/v1/obligations/{id}/notices',
    summary: 'Draft a notice; possible before the incident is declared',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: NoticeInput,
    reply: Obligation,
    status: 201,
  }),
  changeNotice: route({
    method: 'PUT',
    path: '/api/v1/notices/{id}',
    summary: 'Update a notice that was not sent; resets its approval',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: NoticeInput.and(z.object({ version: Version })),
    reply: Obligation,
  }),
  approveNotice: route({
    method: 'POST',
    path: '/api/v1/notices/{id}/approve',
    summary: 'Approve a notice; must not be its author',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version }),
    reply: Obligation,
  }),
  discardNotice: route({
    method: 'POST',
    path: '/api/v1/notices/{id}/discard',
    summary: 'Discard a notice that was not sent; the audit log keeps what it said',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version }),
    reply: Obligation,
  }),
  noticeMails: route({
    method: 'GET',
    path: '/api/v1/notices/{id}/mails',
    summary: 'Preview the emails of a notice as its customer will read them; access to a restricted incident is kept in the audit log',
    access: atLeast('responder', 'incidents:read'),
    params: IdParams,
    reply: z.array(NoticeMail),
    isReadRecorded: true,
  }),
  sendNotice: route({
    method: 'POST',
    path: '/api/v1/notices/{id}/send',
    summary: "Send an approved notice to the customer's contacts",
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version }),
    reply: Obligation,
  }),
  proposeDecision: route({
    method: 'POST',
    path: '/api/v1/obligations/{id}/decision',
    summary: 'Propose to defer or waive a notification, with reason category, reason and review date',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, kind: z.enum(['defer', 'waive']), reasonCategory: z.enum(reasonCategories), reason: Text(8_000), reviewOn: Day }),
    reply: Obligation,
  }),
  approveDecision: route({
    method: 'POST',
    path: '/api/v1/obligations/{id}/decision/approve',
    summary: 'Approve a deferral or waiver; must be the executive sponsor or a lead, and not the person who proposed it',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version }),
    reply: Obligation,
  }),
  rejectDecision: route({
    method: 'POST',
    path: '/api/v1/obligations/{id}/decision/reject',
    summary: 'Reject a proposed deferral or waiver, with the reason; must be the executive sponsor or a lead, and not the person who proposed it',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version, reason: Text(8_000) }),
    reply: Obligation,
  }),
  withdrawDecision: route({
    method: 'DELETE',
    path: '/api/v1/obligations/{id}/decision',
    summary: 'Withdraw a deferral or waiver; the obligation is due again',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    reply: Obligation,
  }),
}

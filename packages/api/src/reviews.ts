import { z } from 'zod'
import { At, ChangingQuery, Day, Id, IdParams, Line, pageOf, Reference, Text, Version } from './common.ts'
import { atLeast, route } from './route.ts'

/** Characters of a review's sequence of events. */
export const maxSequenceLength = 50_000
export const findingKinds = ['technical-lapse', 'procedural-failure', 'manual-error', 'process-flaw', 'communication'] as const

export const FollowUp = z
  .object({
    id: Id,
    incident: z.object({ id: Id, number: z.number() }),
    title: z.string(),
    owner: Reference,
    dueOn: Day,
    state: z.enum(['open', 'done', 'verified']),
    evidence: z.string().nullable().describe('How effectiveness was verified'),
    verifiedBy: z.string().nullable(),
    isOverdue: z.boolean(),
    version: Version,
  })
  .meta({ id: 'FollowUp' })
export type FollowUp = z.output<typeof FollowUp>

export const Review = z
  .object({
    id: Id,
    incidentId: Id,
    round: z.number().describe('Of the incident: 1, or the reopening that this supplement is for plus 1'),
    state: z.enum(['draft', 'finished']),
    sequence: z.string().describe('The sequence of events, prefilled from the timeline'),
    findings: z.array(z.object({ id: Id, kind: z.enum(findingKinds), description: z.string() })),
    followUps: z.array(FollowUp),
    finishedBy: z.string().nullable(),
    finishedAt: At.nullable(),
    version: Version,
  })
  .meta({ id: 'Review' })
export type Review = z.output<typeof Review>

export const reviewRoutes = {
  review: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}/review',
    summary: 'Get the post-incident review of an incident, if it was started; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    reply: z.object({
      review: Review.nullable().describe('That of this round of the incident; one that is not finished yet goes on in the next round'),
      earlier: z.array(Review).describe('The latest 20 of the rounds before, newest first, as they were finished'),
      isRequired: z.boolean(),
      because: z.string(),
    }),
    isReadRecorded: true,
  }),
  startReview: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/review',
    summary: 'Start a review, or the supplement to it once the incident was reopened; the sequence of events is prefilled from the timeline',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    reply: Review,
    status: 201,
  }),
  saveReview: route({
    method: 'PUT',
    path: '/api/v1/reviews/{id}',
    summary: 'Update the sequence of events and the contributing factors',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({
      version: Version,
      sequence: Text(maxSequenceLength),
      findings: z.array(z.object({ kind: z.enum(findingKinds), description: Text(4_000) })).max(100),
    }),
    reply: Review,
  }),
  addFollowUp: route({
    method: 'POST',
    path: '/api/v1/reviews/{id}/follow-ups',
    summary: 'Add a follow-up action with owner and due date',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ title: Line(300), ownerId: Id, dueOn: Day }),
    reply: Review,
    status: 201,
  }),
  finishReview: route({
    method: 'POST',
    path: '/api/v1/reviews/{id}/finish',
    summary: 'Finish the review; requires a sequence of events and at least one contributing factor',
    access: atLeast('lead'),
    params: IdParams,
    body: z.object({ version: Version }),
    reply: Review,
  }),
  followUps: route({
    method: 'GET',
    path: '/api/v1/follow-ups',
    summary: 'List follow-up actions that are not yet verified effective, earliest due date first',
    access: atLeast('observer', 'incidents:read'),
    query: ChangingQuery.extend({ view: z.enum(['open', 'all']).default('open') }),
    reply: pageOf(FollowUp),
  }),
  updateFollowUp: route({
    method: 'POST',
    path: '/api/v1/follow-ups/{id}/review',
    summary: 'Update a follow-up action: still open (with a new due date or owner), done, or verified effective',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({
      ...{ version: Version, state: z.enum(['open', 'done', 'verified']), reason: Text(4_000), dueOn: Day.optional() },
      ownerId: Id.optional().describe('Another owner, while the action stays open'),
    }),
    reply: FollowUp,
  }),
}

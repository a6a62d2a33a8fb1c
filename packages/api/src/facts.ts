import { z } from 'zod'
import { At, Id, IdParams, Instant, Line, Reference, Text, UpdatedQuery } from './common.ts'
import { atLeast, route } from './route.ts'

/** The key dates of an incident. */
export const factKinds = ['occurred', 'detected', 'aware', 'discovered', 'determined', 'contained'] as const
/** `proposed`: a correction to a later time, which somebody else must approve; `rejected`: a proposed one that was not approved. */
export const factStates = ['current', 'proposed', 'superseded', 'rejected'] as const

const FactKind = z
  .enum(factKinds)
  .describe(
    '`occurred`: it began; `detected`: a system or person noticed a sign of it; `aware`: reasonable certainty that it is an incident (contracts may count from here); `discovered`: as laws count discovery; `determined`: the decision that it is material or must be notified; `contained`: it was stopped',
  )

export const IncidentFact = z
  .object({
    id: Id,
    kind: FactKind,
    at: At,
    source: z.string().describe('Who says so'),
    basis: z.string().describe('How they know'),
    reason: z.string().nullable().describe('Why the one before it was wrong; null for the first of its kind'),
    state: z.enum(factStates),
    recordedBy: Reference,
    recordedAt: At,
    decidedBy: Reference.nullable().describe('Who approved or rejected it, where it was proposed'),
    decidedAt: At.nullable(),
  })
  .meta({ id: 'IncidentFact' })
export type IncidentFact = z.output<typeof IncidentFact>

const Statement = {
  at: Instant.describe('Not in the future'),
  source: Line(200).describe('Who says so, such as a person, a system or a report'),
  basis: Text(2_000).describe('How they know'),
}
const FactParams = IdParams.extend({ factId: Id })
const Facts = z.array(IncidentFact)

export const factRoutes = {
  incidentFacts: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}/facts',
    summary: 'List the key dates of an incident with all their versions, newest first; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    query: UpdatedQuery,
    reply: Facts,
    isReadRecorded: true,
  }),
  stateFact: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/facts',
    summary: 'State a key date of an incident. A time of awareness that would make a running deadline later takes effect once somebody else approves it',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ kind: FactKind, ...Statement }),
    reply: Facts,
    status: 201,
  }),
  correctFact: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/facts/{factId}/correct',
    summary:
      'Correct a key date; the earlier version is kept. A time of awareness that is earlier takes effect at once, a later one once somebody else approves it',
    access: atLeast('responder', 'incidents:write'),
    params: FactParams,
    body: z.object({ ...Statement, reason: Text(2_000).describe('Why the earlier version was wrong') }),
    reply: Facts,
    status: 201,
  }),
  approveFact: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/facts/{factId}/approve',
    summary: 'Approve a proposed key date; must be a lead or the executive sponsor, and not the person who proposed it',
    access: atLeast('responder'),
    params: FactParams,
    reply: Facts,
  }),
  rejectFact: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/facts/{factId}/reject',
    summary: 'Reject a proposed key date, or take back your own',
    access: atLeast('responder'),
    params: FactParams,
    reply: Facts,
  }),
}

import { z } from 'zod'
import { Id, IdParams, Reason, Version } from './common.ts'
import { Incident, IncidentClass, proposalKinds, SeverityCriteria } from './incident.ts'
import { atLeast, route } from './route.ts'

const ProposalParams = z.object({ id: Id, proposalId: Id })

/** What is proposed of a declared incident. */
const ProposalInput = z.object({
  version: Version,
  kind: z.enum(proposalKinds),
  class: IncidentClass.optional().describe('The class that it would have; of `lower-class` alone'),
  criteria: SeverityCriteria.optional().describe('What the severity would follow from; of `lower-severity` alone'),
  reason: Reason,
})
export type ProposalInput = z.output<typeof ProposalInput>

/** What takes a second person: one proposes it, another one approves exactly that. */
export const proposalRoutes = {
  propose: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/proposals',
    summary: 'Propose to stand a declared incident down, to lower its class or severity, or to close it; somebody else approves it',
    access: atLeast('responder'),
    params: IdParams,
    body: ProposalInput,
    reply: Incident,
    status: 201,
  }),
  approveProposal: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/proposals/{proposalId}/approve',
    summary: 'Approve a proposal and carry it out; only the executive sponsor or a lead can, and not who proposed it',
    access: atLeast('observer'),
    params: ProposalParams,
    body: z.object({
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'must be the sha256 of the proposal')
        .meta({ description: '`sha256` of the proposal that was read', examples: ['0'.repeat(64)] }),
    }),
    reply: Incident,
  }),
  rejectProposal: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/proposals/{proposalId}/reject',
    summary: 'Reject a proposal, with the reason; only the executive sponsor or a lead can, and not who proposed it',
    access: atLeast('observer'),
    params: ProposalParams,
    body: z.object({ reason: Reason }),
    reply: Incident,
  }),
  withdrawProposal: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/proposals/{proposalId}/withdraw',
    summary: 'Withdraw a proposal; who made it can, and who leads the incident',
    access: atLeast('responder'),
    params: ProposalParams,
    reply: Incident,
  }),
}

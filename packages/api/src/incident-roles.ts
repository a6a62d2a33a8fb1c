import { z } from 'zod'
import { Id, Reason, Text, Version } from './common.ts'
import { Incident, IncidentRole } from './incident.ts'
import { atLeast, route } from './route.ts'

const RoleParams = z.object({ id: Id, role: IncidentRole })

/** Who has which role in an incident. Lead and owner take their role over by accepting it; until then whoever has it keeps it. */
export const incidentRoleRoutes = {
  assignRole: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/roles/{role}',
    summary:
      'Assign or unassign an incident role. Somebody else who is to be lead or owner is paged and has to accept; if they do not, the page escalates to the team',
    access: atLeast('responder', 'incidents:write'),
    params: RoleParams,
    body: z.object({
      version: Version,
      personId: Id.nullable(),
      note: Text(20_000)
        .optional()
        .describe('Handover note, as Markdown: what happened, what is open, what comes next. Required where somebody else has the role'),
    }),
    reply: Incident,
  }),
  acceptRole: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/roles/{role}/accept',
    summary: 'Accept an incident role that you are asked to take over, as acknowledging the page about it does',
    access: atLeast('responder'),
    params: RoleParams,
    reply: Incident,
  }),
  declineRole: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/roles/{role}/decline',
    summary: 'Decline an incident role that you are asked to take over; whoever asked is told',
    access: atLeast('responder'),
    params: RoleParams,
    body: z.object({ reason: Reason }),
  }),
  withdrawHandover: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/roles/{role}/withdraw',
    summary: 'Withdraw the request to take over an incident role; who made it can, who has the role, and who leads the incident',
    access: atLeast('responder', 'incidents:write'),
    params: RoleParams,
    reply: Incident,
  }),
} as const

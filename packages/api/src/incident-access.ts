import { z } from 'zod'
import { Id, IdParams, Reason, Version } from './common.ts'
import { Incident } from './incident.ts'
import { atLeast, route } from './route.ts'

const IdOrNumber = z.union([Id, z.string().regex(/^[1-9][0-9]{0,8}$/)], 'must be the ID or the number of an incident')

/** Who can see a restricted incident, and who is paged about an incident. */
export const incidentAccessRoutes = {
  setMembers: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/members',
    summary: 'Set who can see a restricted incident in addition to its roles',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, personIds: z.array(Id).max(200) }),
    reply: Incident,
  }),
  setSuspects: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/suspects',
    summary: 'Set who can see nothing of a restricted incident, is not paged about it and holds no role in it, whatever their role; they are not told',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version, personIds: z.array(Id).max(50) }),
    reply: Incident,
  }),
  pageIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/page',
    summary: 'Page people, or the on-call of a team, about an incident; people named for a restricted incident can see it from then on',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ personIds: z.array(Id).max(50).default([]), teamId: Id.optional() }),
    reply: Incident,
  }),
  breakGlass: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/break-glass',
    summary: 'Get access to a restricted incident for 24 hours; its lead is paged, and a task to review the access is added',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: z.object({ id: IdOrNumber }),
    body: z.object({ reason: Reason }),
    reply: Incident,
  }),
}

import { z } from 'zod'
import { Id, IdParams, Instant, Text, Version } from './common.ts'
import { Incident } from './incident.ts'
import { atLeast, route } from './route.ts'

const AffectedCustomer = z.object({
  id: Id,
  basis: Text(1_000),
  foundAt: Instant.optional().describe(
    'When it was found that the customer is affected; by default now for one that is added. Once the incident is declared it can be corrected to an earlier time only',
  ),
})

/** Which services and customers an incident affects. */
export const incidentScopeRoutes = {
  setAffectedServices: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/services',
    summary: 'Set the affected services, each with a reason; the engineering team of each added service is paged, unless the incident is restricted',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, services: z.array(z.object({ id: Id, basis: Text(1_000) })).max(200) }),
    reply: Incident,
  }),
  setAffectedCustomers: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/customers',
    summary: 'Set the affected customers, each with a reason and when it was found affected',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ version: Version, customers: z.array(AffectedCustomer).max(2_000) }),
    reply: Incident,
  }),
}

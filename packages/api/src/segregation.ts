import { z } from 'zod'
import { Id, IdParams, Statement, Text, Version } from './common.ts'
import { Incident } from './incident.ts'
import { atLeast, route } from './route.ts'

export const segregationModes = ['block', 'review', 'off'] as const
/** What happens where one person does both: it is refused, it takes a review by somebody else before the incident closes, or nothing. */
const Mode = z.enum(segregationModes)

/** Acts that one person should not do both of in an incident. Writing and approving a notice is always two people's. */
export const SegregationPolicy = z
  .object({
    version: Version,
    declareLower: Mode.describe('Declare an incident, and approve that its class or severity is lowered or that it is stood down'),
    containClose: Mode.describe('Contain an incident and close it; never off for a privacy breach or a customer-reportable incident'),
    recoverVerify: Mode.describe('Recover an incident, and verify the recovery'),
    writeFinish: Mode.describe('Write a review as the last one, and finish it'),
  })
  .meta({ id: 'SegregationPolicy' })
export type SegregationPolicy = z.output<typeof SegregationPolicy>

export const segregationRoutes = {
  segregationPolicy: route({
    method: 'GET',
    path: '/api/v1/segregation-policy',
    summary: 'Get what one person may not do both of in an incident',
    access: atLeast('observer', 'incidents:read'),
    reply: SegregationPolicy,
  }),
  setSegregationPolicy: route({
    method: 'PUT',
    path: '/api/v1/segregation-policy',
    summary: 'Set what one person may not do both of in an incident: blocked, reviewed by somebody else, or off',
    access: atLeast('administrator'),
    body: SegregationPolicy,
    reply: SegregationPolicy,
  }),
  verifyRecovery: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/verify',
    summary: 'Confirm the verification of a recovery; by the segregation policy somebody other than who recovered it does',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version, reason: Statement(4_000, 'Two clean scans of all servers').describe('What was checked; kept in the audit log') }),
    reply: Incident,
  }),
  reviewException: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/exceptions/{exceptionId}/review',
    summary: 'Review that one person did both of two acts that the policy separates; somebody else does',
    access: atLeast('lead'),
    params: z.object({ id: Id, exceptionId: Id }),
    body: z.object({ reason: Text(4_000).describe('What the review found; kept in the audit log') }),
    reply: Incident,
  }),
}

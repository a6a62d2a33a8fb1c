import { z } from 'zod'
import { At, IdParams, Instant, Reference, Severity } from './common.ts'
import { atLeast, route } from './route.ts'
import { Urgency } from './schedules.ts'

export const PageSimulation = z
  .object({
    at: At.describe('When the alert would be raised'),
    severity: Severity,
    service: Reference,
    team: Reference.describe('The team that is paged'),
    outcome: z.enum(['paged', 'queued', 'silenced']),
    reason: z.string(),
    policy: z.string().nullable().describe('Name of the escalation policy'),
    urgency: Urgency.nullable(),
    escalations: z
      .array(
        z.object({
          at: At,
          afterMinutes: z.number().describe('Minutes after the alert'),
          people: z.array(
            Reference.extend({
              why: z.string().nullable().describe('Why they are paged, where they are not on call'),
              isShadow: z.boolean().describe('Is notified only'),
              messages: z.array(z.object({ channel: z.string(), afterMinutes: z.number().describe('Minutes after the alert') })),
            }),
          ),
          channels: z.array(z.string()).describe('Names of team channels'),
          why: z.string().nullable(),
          isLast: z.boolean().describe('Every level was paged: it does not escalate further'),
        }),
      )
      .describe('Until somebody acknowledges'),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'PageSimulation' })
export type PageSimulation = z.output<typeof PageSimulation>

export const pageSimulationRoutes = {
  simulatePage: route({
    method: 'GET',
    path: '/api/v1/services/{id}/page-simulation',
    summary: 'Simulate a page: who would be told, by which channel and at which minute, if the service raised an alert; nothing is sent',
    access: atLeast('responder', 'catalog:read'),
    params: IdParams,
    query: z.object({ severity: Severity.default('critical'), at: Instant.optional().describe('When the alert would be raised; by default now') }),
    reply: PageSimulation,
  }),
}

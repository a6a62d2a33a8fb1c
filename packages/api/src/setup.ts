import { z } from 'zod'
import { At } from './common.ts'
import { atLeast, route } from './route.ts'

/** What an installation needs before it pages somebody about something, in the order in which it is best done. */
export const setupStepIds = ['email', 'people', 'team', 'on-call', 'service', 'integration', 'log-source', 'rules', 'recovery-codes'] as const

export const SetupStep = z
  .object({
    id: z.enum(setupStepIds),
    state: z.enum(['done', 'waiting', 'todo']).describe('`waiting`: set up, and not heard from yet'),
    found: z.string().describe('What was found, in a sentence'),
    at: At.nullable().describe('When that happened last, where a time belongs to it'),
  })
  .meta({ id: 'SetupStep' })
export type SetupStep = z.output<typeof SetupStep>

export const setupRoutes = {
  setupChecklist: route({
    method: 'GET',
    path: '/api/v1/setup-checklist',
    summary: 'Get the setup checklist: what is set up, and what is missing. Demo data does not count, and recovery codes are those of the caller',
    access: atLeast('lead'),
    reply: z.object({ steps: z.array(SetupStep) }),
  }),
  sendTestEmail: route({
    method: 'POST',
    path: '/api/v1/test-email',
    summary: 'Send a test email to your own address; the setup checklist and the message log show what became of it',
    access: atLeast('administrator'),
    reply: z.object({ to: z.string(), state: z.enum(['queued', 'held']).describe('`held`: until email is configured') }),
    status: 202,
    perMinute: 5,
  }),
}

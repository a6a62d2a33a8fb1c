import { z } from 'zod'
import { event } from './event.ts'
import { Id, Nothing, Role } from './vocabulary.ts'

/** Accounts: how people sign in, and what may act in their name. */
export const accessEvents = [
  event({ type: 'organization.set-up', version: 1, subject: 'person', within: 'none', data: z.strictObject({ organization: z.string(), email: z.string() }) }),
  event({ type: 'person.invited', version: 1, subject: 'invitation', within: 'none', data: z.strictObject({ email: z.string(), role: Role }) }),
  event({ type: 'person.joined', version: 1, subject: 'person', within: 'none', data: z.strictObject({ email: z.string(), role: Role }) }),
  event({ type: 'sign-in.refused', version: 1, subject: 'person', within: 'none', data: Nothing }),
  event({
    type: 'session.started',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ sessionId: Id, assurance: z.enum(['password', 'full']), ip: z.string() }),
  }),
  event({ type: 'session.ended', version: 1, subject: 'person', within: 'none', data: z.strictObject({ sessionId: Id }) }),
  event({ type: 'password.changed', version: 1, subject: 'person', within: 'none', data: Nothing }),
  event({
    type: 'second-factor.enrolled',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ factor: z.enum(['passkey', 'authenticator app']), name: z.string().optional() }),
  }),
  event({ type: 'one-time-code.refused', version: 1, subject: 'person', within: 'none', data: Nothing }),
  event({ type: 'api-key.created', version: 1, subject: 'api-key', within: 'none', data: z.strictObject({ name: z.string(), scopes: z.array(z.string()) }) }),
  event({ type: 'api-key.revoked', version: 1, subject: 'api-key', within: 'none', data: z.strictObject({ name: z.string() }) }),
] as const

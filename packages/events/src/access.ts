import { z } from 'zod'
import { event } from './event.ts'
import { Count, Id, Instant, Nothing, Role } from './vocabulary.ts'

/** From where it was asked for, where that was kept. */
const Origin = { address: z.string().optional(), device: z.string().optional() }

/** Accounts: how people sign in, and what may act in their name. */
export const accessEvents = [
  event({
    type: 'organization.set-up',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ organization: z.string(), email: z.string() }),
    sentence: ({ data }) => `Set up ${data.organization}`,
  }),
  event({
    type: 'person.invited',
    version: 1,
    subject: 'invitation',
    within: 'none',
    data: z.strictObject({ email: z.string(), role: Role }),
    sentence: ({ data }) => `Invited ${data.email} as ${data.role}`,
  }),
  event({
    type: 'person.joined',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ email: z.string(), role: Role }),
    sentence: ({ data }) => `Joined as ${data.role}`,
  }),
  event({
    type: 'sign-in.refused',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ ...Origin, during: z.enum(['password change', 're-authentication']).optional() }),
    sentence: ({ data }) => (data.during === undefined ? 'Sign-in refused' : `Wrong password given for a ${data.during}`),
  }),
  event({
    type: 'sign-in.locked',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ ...Origin, failedAttempts: Count, until: Instant }),
    sentence: ({ data }) => `Password sign-in from new addresses locked for a while, after ${data.failedAttempts} wrong passwords`,
  }),
  event({
    type: 'session.started',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ sessionId: Id, assurance: z.enum(['password', 'full']), ip: z.string() }),
    sentence: ({ data }) => (data.assurance === 'full' ? 'Signed in' : 'Signed in with the password only'),
  }),
  event({ type: 'session.ended', version: 1, subject: 'person', within: 'none', data: z.strictObject({ sessionId: Id }), sentence: () => 'Ended a session' }),
  event({
    type: 'session.confirmed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ ...Origin, sessionId: Id, factor: z.enum(['password', 'passkey']) }),
    sentence: ({ data }) => `Confirmed their identity with the ${data.factor}`,
  }),
  event({
    type: 'sessions.ended',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ sessions: Count }),
    sentence: ({ data }) => `Ended ${data.sessions === 1 ? 'a session' : `${data.sessions} sessions`}`,
  }),
  event({ type: 'password.changed', version: 1, subject: 'person', within: 'none', data: Nothing, sentence: () => 'Changed the password' }),
  event({
    type: 'second-factor.enrolled',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ factor: z.enum(['passkey', 'authenticator app']), name: z.string().optional() }),
    sentence: ({ data }) => `Enrolled a second factor: ${data.name ?? data.factor}`,
  }),
  event({ type: 'one-time-code.refused', version: 1, subject: 'person', within: 'none', data: Nothing, sentence: () => 'One-time code refused' }),
  event({
    type: 'one-time-code.locked',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ wrongCodes: Count, until: Instant }),
    sentence: ({ data }) => `One-time codes locked for a while, after ${data.wrongCodes} wrong ones`,
  }),
  event({
    type: 'api-key.created',
    version: 1,
    subject: 'api-key',
    within: 'none',
    data: z.strictObject({
      name: z.string(),
      scopes: z.array(z.string()),
      role: Role.optional(),
      seesRestricted: z.boolean().optional(),
      networks: z.array(z.string()).optional(),
      expiresAt: z.string().optional(),
    }),
    sentence: ({ data }) => `Created API key ${data.name}`,
  }),
  event({
    type: 'api-key.revoked',
    version: 1,
    subject: 'api-key',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Revoked API key ${data.name}`,
  }),
  event({
    type: 'api-key.used',
    version: 1,
    subject: 'api-key',
    within: 'none',
    data: z.strictObject({ name: z.string(), address: z.string() }),
    sentence: ({ data }) => `Used API key ${data.name} from ${data.address}: for the first time, or that day`,
  }),
] as const

import { z } from 'zod'
import { event } from './event.ts'
import { Count, Id, Instant, Nothing, Role } from './vocabulary.ts'

/** From where it was asked for, where that was kept. */
const Origin = { address: z.string().optional(), device: z.string().optional() }

const times = (count: number) => (count === 1 ? 'once' : `${count} times`)
const from = ([first, ...others]: readonly string[]) =>
  first === undefined ? '' : `, from ${first}${others.length === 0 ? '' : ` and ${others.length} more ${others.length === 1 ? 'address' : 'addresses'}`}`

/** Parts of the API that have another name in the pages. */
const areaNames: ReadonlyMap<string, string> = new Map([
  ['journal', 'the audit log'],
  ['messages', 'the message log'],
  ['obligations', 'notification obligations'],
])

/** Why a caller was refused. */
export const refusals = {
  'not-signed-in': 'sent a session or key that is not valid',
  forbidden: 'asked for what they may not do',
  'too-many': 'sent more requests than the limit',
  invalid: 'sent what is not valid, too large or of another type',
  'unknown-account': 'gave a password for an account that does not exist',
  locked: 'gave a password for an account that takes none from there for a while',
  passkey: 'gave a passkey that was not accepted',
  'wrong-link': 'opened a private link that is not valid',
  'wrong-key': 'sent data with an integration key that is not valid',
  'wrong-signature': 'sent a callback without the signature of its provider',
} as const
export type Refusal = keyof typeof refusals

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
    type: 'invitation.withdrawn',
    version: 1,
    subject: 'invitation',
    within: 'none',
    data: z.strictObject({ email: z.string() }),
    sentence: ({ data }) => `Withdrew the invitation of ${data.email}`,
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
    type: 'password-reset.requested',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject(Origin),
    sentence: () => 'Asked for a link to set a new password',
  }),
  event({
    type: 'password.reset',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ ...Origin, clearsSecondFactor: z.boolean() }),
    sentence: ({ data }) =>
      data.clearsSecondFactor ? 'Set a new password and removed every second factor, by a link from the server' : 'Set a new password by a link',
  }),
  event({
    type: 'account-recovery.started',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ email: z.string() }),
    sentence: ({ data }) => `Printed a link to recover the administrator account ${data.email}`,
  }),
  event({
    type: 'second-factor.removed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ factor: z.enum(['passkey', 'authenticator app']), name: z.string().optional() }),
    sentence: ({ data }) => `Removed a second factor: ${data.name ?? data.factor}`,
  }),
  event({ type: 'recovery-codes.created', version: 1, subject: 'person', within: 'none', data: Nothing, sentence: () => 'Created recovery codes' }),
  event({
    type: 'recovery-code.used',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ left: Count }),
    sentence: ({ data }) => `Used a recovery code; ${data.left} are left`,
  }),
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
    sentence: ({ data }) => `Created the service account ${data.name}`,
  }),
  event({
    type: 'api-key.revoked',
    version: 1,
    subject: 'api-key',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Revoked the service account ${data.name}`,
  }),
  event({
    type: 'api-key.used',
    version: 1,
    subject: 'api-key',
    within: 'none',
    data: z.strictObject({ name: z.string(), address: z.string() }),
    sentence: ({ data }) => `Used the key of the service account ${data.name} from ${data.address}: for the first time, or that day`,
  }),
  event({
    type: 'second-factor.accepted',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ factor: z.enum(['passkey', 'authenticator app']) }),
    sentence: ({ data }) => `Signed in with the ${data.factor}`,
  }),
  event({
    type: 'access.refused',
    version: 1,
    subject: 'caller',
    within: 'none',
    data: z.strictObject({
      reason: z.enum(Object.keys(refusals) as [Refusal, ...Refusal[]]),
      area: z.string(),
      count: Count,
      firstAt: Instant,
      lastAt: Instant,
      addresses: z.array(z.string()),
      device: z.string(),
      accounts: z.array(z.string()).optional(),
    }),
    sentence: ({ data }) => `Refused ${times(data.count)} at ${data.area}: the caller ${refusals[data.reason]}${from(data.addresses)}`,
  }),
  event({
    type: 'records.read',
    version: 1,
    subject: 'caller',
    within: 'none',
    data: z.strictObject({ area: z.string(), count: Count, firstAt: Instant, lastAt: Instant, addresses: z.array(z.string()), device: z.string() }),
    sentence: ({ data }) => `Read ${areaNames.get(data.area) ?? data.area} ${times(data.count)}${from(data.addresses)}`,
  }),
] as const

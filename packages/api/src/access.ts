import { z } from 'zod'
import { At, Email, Id, IdParams, Line, Text, UpdatedQuery, Version } from './common.ts'
import { atLeast, open, roles, route, scopes, signedIn } from './route.ts'

/** The name of the cookie that holds the session of a person who is signed in; under https it begins with `__Host-`. */
export const sessionCookie = 'tocsin_session'
export const RoleName = z.enum(roles)
export const Password = z.string().min(12, 'must have at least 12 characters').max(200, 'must have at most 200 characters')
/** Authenticator apps show it as two groups of digits, and some copy it so. */
export const OneTimeCode = z
  .string()
  .overwrite(text => text.replaceAll(/\s/g, ''))
  .regex(/^[0-9]{6}$/, 'must be the 6-digit code from the authenticator app')

export const Person = z
  .object({
    id: Id,
    name: z.string(),
    email: z.string(),
    role: RoleName,
    isActive: z.boolean(),
    isDemo: z.boolean(),
    isExecutive: z.boolean().describe('Can be the executive sponsor of an incident'),
    hasJoined: z.boolean().describe('False for somebody who was invited and has not accepted yet'),
    hasSecondFactor: z.boolean(),
    createdAt: At,
  })
  .meta({ id: 'Person' })
export type Person = z.output<typeof Person>

export const Session = z.object({ id: Id, createdAt: At, lastSeenAt: At, device: z.string(), isThisOne: z.boolean() }).meta({ id: 'Session' })
export type Session = z.output<typeof Session>

export const Me = z
  .object({
    person: Person,
    /** `full` once the second factor was given; before that only the account's own routes answer. */
    assurance: z.enum(['password', 'full']),
    mustEnrol: z.boolean(),
    hasTotp: z.boolean(),
    recoveryCodesLeft: z.number(),
    passkeys: z.array(z.object({ id: Id, name: z.string(), createdAt: At, lastUsedAt: At.nullable() })),
    sessions: z.array(Session),
  })
  .meta({ id: 'Me' })
export type Me = z.output<typeof Me>

export const Team = z
  .object({
    id: Id,
    name: z.string(),
    kind: z.enum(['security', 'engineering']),
    members: z.array(z.object({ id: Id, name: z.string() })),
    isDemo: z.boolean(),
    version: Version,
  })
  .meta({ id: 'Team' })
export type Team = z.output<typeof Team>

const networkShape = 'must be a network in CIDR notation, such as 203.0.113.0/24 or 2001:db8::/32'
const Network = z.union([z.cidrv4(networkShape), z.cidrv6(networkShape)], networkShape)

/** A service account and its key. */
export const ApiKey = z
  .object({
    id: Id,
    name: z.string(),
    role: RoleName,
    scopes: z.array(z.enum(scopes)),
    seesRestricted: z.boolean(),
    networks: z.array(z.string()),
    createdBy: z.string(),
    createdAt: At,
    expiresAt: At,
    lastUsedAt: At.nullable(),
    lastUsedFrom: z.string().nullable(),
    revokedAt: At.nullable(),
  })
  .meta({ id: 'ApiKey' })
export type ApiKey = z.output<typeof ApiKey>

export const Invitation = z.object({ id: Id, email: z.string(), name: z.string(), role: RoleName, createdAt: At, expiresAt: At }).meta({ id: 'Invitation' })
export type Invitation = z.output<typeof Invitation>

/** WebAuthn messages are defined by the W3C and checked by the WebAuthn library. */
const WebAuthnMessage = z.record(z.string(), z.unknown())

export const accessRoutes = {
  setUp: route({
    method: 'POST',
    path: '/api/v1/setup',
    summary: 'Create the first administrator account with the one-time setup link that the server printed',
    access: open('requires the one-time setup token; only available until the first administrator exists'),
    body: z.object({ token: z.string().max(200), organization: Line(100), name: Line(100), email: Email, password: Password }),
    reply: Me,
    status: 201,
    perMinute: 20,
  }),
  signIn: route({
    method: 'POST',
    path: '/api/v1/session',
    summary: 'Sign in with email and password; a second factor may be required',
    access: open('sign-in'),
    body: z.object({ email: Email, password: z.string().max(200) }),
    reply: Me,
    status: 201,
    perMinute: 20,
  }),
  giveOneTimeCode: route({
    method: 'POST',
    path: '/api/v1/session/one-time-code',
    summary: 'Verify the second factor of this session with a code from the authenticator app',
    access: signedIn,
    body: z.object({ code: OneTimeCode }),
    reply: Me,
    perMinute: 10,
  }),
  giveRecoveryCode: route({
    method: 'POST',
    path: '/api/v1/session/recovery-code',
    summary: 'Verify the second factor of this session with a recovery code, which works once',
    access: signedIn,
    body: z.object({ code: z.string().trim().min(1).max(60) }),
    reply: Me,
    perMinute: 10,
  }),
  requestPasswordReset: route({
    method: 'POST',
    path: '/api/v1/password-reset',
    summary: 'Send a link for a new password to the email of an account; the answer is the same for every address',
    access: open('sends a link to the holder of the account only, and says nothing about who has one'),
    body: z.object({ email: Email }),
    perMinute: 5,
  }),
  resetPassword: route({
    method: 'POST',
    path: '/api/v1/password-reset/finish',
    summary: 'Set a new password with the link that was sent; ends all sessions of the person',
    access: open('requires the one-time link'),
    body: z.object({ token: z.string().max(300), password: Password }),
    perMinute: 20,
  }),
  startPasskeySignIn: route({
    method: 'POST',
    path: '/api/v1/session/passkey/options',
    summary: 'Create a sign-in challenge for a passkey',
    access: open('sign-in'),
    reply: z.object({ challengeId: Id, options: WebAuthnMessage }),
    perMinute: 20,
  }),
  signInWithPasskey: route({
    method: 'POST',
    path: '/api/v1/session/passkey',
    summary: 'Sign in with a passkey',
    access: open('sign-in'),
    body: z.object({ challengeId: Id, response: WebAuthnMessage }),
    reply: Me,
    status: 201,
    perMinute: 20,
  }),
  reauthenticate: route({
    method: 'POST',
    path: '/api/v1/session/reauthenticate',
    summary: 'Confirm your identity with your password, before actions that require it',
    access: signedIn,
    body: z.object({ password: z.string().max(200) }),
    perMinute: 10,
  }),
  reauthenticateWithPasskey: route({
    method: 'POST',
    path: '/api/v1/session/reauthenticate/passkey',
    summary: 'Confirm your identity with a passkey and a sign-in challenge',
    access: signedIn,
    body: z.object({ challengeId: Id, response: WebAuthnMessage }),
    perMinute: 20,
  }),
  me: route({ method: 'GET', path: '/api/v1/me', summary: 'Get the signed-in person and session', access: signedIn, reply: Me }),
  signOut: route({ method: 'DELETE', path: '/api/v1/session', summary: 'Sign out', access: signedIn }),
  endSession: route({
    method: 'DELETE',
    path: '/api/v1/me/sessions/{id}',
    summary: 'End another session of the signed-in person',
    access: signedIn,
    needsRecentFactor: true,
    params: IdParams,
  }),
  endOtherSessions: route({
    method: 'DELETE',
    path: '/api/v1/me/sessions',
    summary: 'End all other sessions of the signed-in person',
    access: atLeast('observer'),
    needsRecentFactor: true,
  }),
  sessionsOfPerson: route({
    method: 'GET',
    path: '/api/v1/people/{id}/sessions',
    summary: 'List the open sessions of a person',
    access: atLeast('administrator'),
    params: IdParams,
    reply: z.array(Session),
  }),
  endSessionOfPerson: route({
    method: 'DELETE',
    path: '/api/v1/people/{id}/sessions/{sessionId}',
    summary: 'End a session of a person',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: IdParams.extend({ sessionId: Id }),
  }),
  endSessionsOfPerson: route({
    method: 'DELETE',
    path: '/api/v1/people/{id}/sessions',
    summary: 'End all sessions of a person, except your own current one',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: IdParams,
  }),
  startTotp: route({
    method: 'POST',
    path: '/api/v1/me/totp',
    summary: 'Start enrolling an authenticator app: returns its secret, to be confirmed with a code',
    access: signedIn,
    needsRecentFactor: true,
    reply: z.object({ secret: z.string(), uri: z.string() }),
  }),
  confirmTotp: route({
    method: 'POST',
    path: '/api/v1/me/totp/confirm',
    summary: 'Confirm an authenticator app with its first code',
    access: signedIn,
    needsRecentFactor: true,
    body: z.object({ code: OneTimeCode }),
    reply: Me,
    perMinute: 10,
  }),
  startPasskey: route({
    method: 'POST',
    path: '/api/v1/me/passkeys/options',
    summary: 'Start enrolling a passkey',
    access: signedIn,
    needsRecentFactor: true,
    reply: z.object({ challengeId: Id, options: WebAuthnMessage }),
  }),
  addPasskey: route({
    method: 'POST',
    path: '/api/v1/me/passkeys',
    summary: 'Enroll a passkey',
    access: signedIn,
    needsRecentFactor: true,
    body: z.object({ challengeId: Id, name: Line(60), response: WebAuthnMessage }),
    reply: Me,
    status: 201,
  }),
  removePasskey: route({
    method: 'DELETE',
    path: '/api/v1/me/passkeys/{id}',
    summary: 'Remove a passkey and end all other sessions; the last second factor cannot be removed',
    access: atLeast('observer'),
    needsRecentFactor: true,
    params: IdParams,
  }),
  removeTotp: route({
    method: 'DELETE',
    path: '/api/v1/me/totp',
    summary: 'Remove the authenticator app and end all other sessions; the last second factor cannot be removed',
    access: atLeast('observer'),
    needsRecentFactor: true,
  }),
  createRecoveryCodes: route({
    method: 'POST',
    path: '/api/v1/me/recovery-codes',
    summary: 'Create ten recovery codes in place of earlier ones; they are shown only once',
    access: atLeast('observer'),
    needsRecentFactor: true,
    reply: z.object({ codes: z.array(z.string()) }),
    status: 201,
  }),
  changePassword: route({
    method: 'PUT',
    path: '/api/v1/me/password',
    summary: 'Change the password and end all other sessions',
    access: atLeast('observer'),
    needsRecentFactor: true,
    body: z.object({ current: z.string().max(200), next: Password }),
    perMinute: 10,
  }),
  people: route({
    method: 'GET',
    path: '/api/v1/people',
    summary: 'List the people in the organization',
    access: atLeast('observer', 'catalog:read'),
    reply: z.object({ people: z.array(Person), invitations: z.array(Invitation) }),
  }),
  invite: route({
    method: 'POST',
    path: '/api/v1/invitations',
    summary: 'Invite a person by email, or send somebody who has not accepted yet a new invitation; the one-time link expires after seven days',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    body: z.object({ email: Email, name: Line(100), role: RoleName }),
    reply: Invitation.extend({ link: z.string().describe('The invitation link; shown once, to share it when email is not configured') }),
    status: 201,
  }),
  withdrawInvitation: route({
    method: 'DELETE',
    path: '/api/v1/invitations/{id}',
    summary: 'Withdraw an invitation that was not accepted yet, and deactivate its account',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: IdParams,
  }),
  acceptInvitation: route({
    method: 'POST',
    path: '/api/v1/invitations/accept',
    summary: 'Accept an invitation and set a password',
    access: open('requires the secret of the invitation'),
    body: z.object({ token: z.string().max(300), name: Line(100), password: Password }),
    reply: Me,
    status: 201,
    perMinute: 20,
  }),
  changePerson: route({
    method: 'PATCH',
    path: '/api/v1/people/{id}',
    summary: 'Change a person’s role, mark them as an executive, deactivate them, or reset their second factor',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: IdParams,
    body: z.object({
      role: RoleName.optional(),
      isActive: z.boolean().optional(),
      isExecutive: z.boolean().optional().describe('Whether they can be the executive sponsor of an incident'),
      resetSecondFactor: z.boolean().optional(),
      reason: Text(500).optional().describe('Kept in the audit log'),
    }),
    reply: Person,
  }),
  teams: route({
    method: 'GET',
    path: '/api/v1/teams',
    summary: 'List teams and their members',
    access: atLeast('observer', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(Team),
  }),
  saveTeam: route({
    method: 'POST',
    path: '/api/v1/teams',
    summary: 'Create a team, or update it if id and version are given',
    access: atLeast('lead', 'catalog:write'),
    body: z.object({
      ...{ id: Id.optional(), version: Version.optional() },
      ...{ name: Line(80), kind: z.enum(['security', 'engineering']), memberIds: z.array(Id).max(500) },
    }),
    reply: Team,
  }),
  apiKeys: route({
    method: 'GET',
    path: '/api/v1/api-keys',
    summary: 'List API keys, without their secrets',
    access: atLeast('administrator'),
    query: UpdatedQuery,
    reply: z.array(ApiKey),
  }),
  createApiKey: route({
    method: 'POST',
    path: '/api/v1/api-keys',
    summary: 'Create a service account with its API key; the secret is shown only once',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    body: z.object({
      name: Line(80),
      /** Without it, that of who creates it. */
      role: RoleName.optional(),
      scopes: z.array(z.enum(scopes)).min(1, 'must have at least one scope'),
      /** Whether it sees restricted incidents: all of them, or none. */
      seesRestricted: z.boolean().default(false),
      /** From where the key may be used, such as 203.0.113.0/24; without any, from everywhere. */
      networks: z.array(Network).max(20).default([]),
      expiresInDays: z.int().min(1).max(730, 'must be at most 730 days').default(365),
    }),
    reply: z.object({ key: ApiKey, secret: z.string() }),
    status: 201,
  }),
  revokeApiKey: route({
    method: 'DELETE',
    path: '/api/v1/api-keys/{id}',
    summary: 'Revoke an API key immediately',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: IdParams,
  }),
}

import { alertSorts, roles, savedViewLists, scopes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { bytes, choice, count, id, instant, json, table } from '../kernel/columns.ts'

export const people = table(
  'people',
  {
    id: id(),
    name: text('name').notNull(),
    email: text('email').notNull(),
    role: choice('role', roles).notNull(),
    isActive: boolean('is_active').notNull().default(true),
    /** Can be the executive sponsor of an incident. */
    isExecutive: boolean('is_executive').notNull().default(false),
    /** Argon2id in PHC form; null for one who cannot sign in with a password. */
    passwordHash: text('password_hash'),
    /** Sealed; confirmed once `totp_confirmed_at` is set. */
    totpSecret: text('totp_secret'),
    totpConfirmedAt: instant('totp_confirmed_at'),
    /** The last time step whose code was taken: a code works once. */
    totpStep: count('totp_step').notNull().default(0),
    /** Wrong passwords in a row, from all addresses. */
    failedAttempts: integer('failed_attempts').notNull().default(0),
    /** Before this time a password is only tried from addresses that the person has signed in from. */
    lockedUntil: instant('locked_until'),
    /** Wrong one-time codes in a row, in all sessions. */
    wrongCodes: integer('wrong_codes').notNull().default(0),
    /** No one-time code is tried before this time; a passkey always is. */
    codesLockedUntil: instant('codes_locked_until'),
    createdAt: instant('created_at').notNull(),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  self => [uniqueIndex('people_email').on(self.email)],
)

/** Views of lists that people have saved. */
export const savedViews = table(
  'saved_views',
  {
    id: id(),
    list: choice('list', savedViewLists).notNull(),
    name: text('name').notNull(),
    view: choice('view', ['triage', 'open', 'all']).notNull(),
    filter: text('filter').notNull(),
    sort: choice('sort', alertSorts),
    grouping: text('grouping'),
    columns: json('columns', z.array(z.string()), []).notNull(),
    ownerId: uuid('owner_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    isShared: boolean('is_shared').notNull(),
    updatedAt: instant('updated_at').notNull(),
    version: integer('version').notNull().default(1),
  },
  self => [index('saved_views_owner').on(self.ownerId), index('saved_views_shared').on(self.name).where(sql`${self.isShared}`)],
)

export const passkeys = table(
  'passkeys',
  {
    id: id(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    credentialId: text('credential_id').notNull(),
    publicKey: bytes('public_key').notNull(),
    counter: count('counter').notNull(),
    transports: json('transports', z.array(z.string()), []).notNull(),
    createdAt: instant('created_at').notNull(),
    lastUsedAt: instant('last_used_at'),
  },
  self => [uniqueIndex('passkeys_credential').on(self.credentialId), index('passkeys_person').on(self.personId)],
)

/** WebAuthn challenges that wait for their answer; each works once, for five minutes. */
export const challenges = table('challenges', {
  id: id(),
  challenge: text('challenge').notNull(),
  personId: uuid('person_id'),
  expiresAt: instant('expires_at').notNull(),
})

export const sessions = table(
  'sessions',
  {
    id: id(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    tokenDigest: text('token_digest').notNull(),
    assurance: choice('assurance', ['password', 'full']).notNull(),
    failedCodes: integer('failed_codes').notNull().default(0),
    device: text('device').notNull(),
    createdAt: instant('created_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /** When a factor was last given in it; null for one from before this was kept. */
    verifiedAt: instant('verified_at'),
    /** Made with a key that the database does not have (`session-mac.ts`): a row without it opens nothing. */
    mac: text('mac').notNull().default(''),
  },
  self => [uniqueIndex('sessions_token').on(self.tokenDigest), index('sessions_person').on(self.personId)],
)

/** From where passwords of a person were tried, and where the person has signed in. */
export const signInOrigins = table(
  'sign_in_origins',
  {
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    /** A keyed digest of person and address. */
    origin: text('origin').notNull(),
    /** Wrong passwords in a row from there. */
    failedAttempts: integer('failed_attempts').notNull().default(0),
    lockedUntil: instant('locked_until'),
    /** When the person last signed in from there with both factors; null: never. */
    signedInAt: instant('signed_in_at'),
    triedAt: instant('tried_at').notNull(),
  },
  self => [primaryKey({ columns: [self.personId, self.origin] })],
)

/** One-time links with which a person sets a new password; what the link says is signed, this row ends it. */
export const passwordResets = table(
  'password_resets',
  {
    id: id(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    /** Made on the server, for an administrator who lost everything: the second factor goes, too. */
    clearsSecondFactor: boolean('clears_second_factor').notNull().default(false),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    usedAt: instant('used_at'),
  },
  self => [index('password_resets_person').on(self.personId)],
)

/** Codes that stand in for a lost second factor, each once. */
export const recoveryCodes = table(
  'recovery_codes',
  {
    id: id(),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
    digest: text('digest').notNull(),
    usedAt: instant('used_at'),
  },
  self => [uniqueIndex('recovery_codes_digest').on(self.personId, self.digest)],
)

export const invitations = table('invitations', {
  id: id(),
  email: text('email').notNull(),
  name: text('name').notNull(),
  role: choice('role', roles).notNull(),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  usedAt: instant('used_at'),
})

/** Service accounts, each with its API key. */
export const apiKeys = table('api_keys', {
  id: id(),
  name: text('name').notNull(),
  role: choice('role', roles).notNull(),
  /** True where it was granted to see every restricted incident; else it sees none. */
  seesRestricted: boolean('sees_restricted').notNull().default(false),
  /** Networks in CIDR notation from which the key may be used; none is anywhere. */
  networks: json('networks', z.array(z.string())).notNull().default(sql`'[]'::jsonb`),
  expiresAt: instant('expires_at').notNull(),
  scopes: json('scopes', z.array(z.enum(scopes)), []).notNull(),
  secretDigest: text('secret_digest').notNull(),
  createdBy: uuid('created_by')
    .notNull()
    .references(() => people.id),
  createdAt: instant('created_at').notNull(),
  lastUsedAt: instant('last_used_at'),
  lastUsedFrom: text('last_used_from'),
  revokedAt: instant('revoked_at'),
})

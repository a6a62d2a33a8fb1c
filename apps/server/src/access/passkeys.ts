import {
  type AuthenticationResponseJSON,
  type AuthenticatorTransport,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { Me } from '@tocsin/api'
import { and, eq, gt, lt } from 'drizzle-orm'
import { record } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import type { Connection } from '../kernel/http.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, conflict, invalid } from '../kernel/problems.ts'
import { findPerson, type PersonRow } from './accounts.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { assertMayEnrol, confirmSession, liftSession, startSession } from './sessions.ts'
import { challenges, passkeys } from './tables.ts'
import { tellPerson } from './tell.ts'

type Options = { challengeId: string; options: Record<string, unknown> }

/** Starts to enrol a passkey at this origin. */
export async function startPasskey(tx: Tx, context: AppContext, caller: Caller): Promise<Options> {
  const { origin } = context.messenger
  await assertMayEnrol(tx, context, caller)
  const person = await findPerson(tx, caller.personId)
  if (!person) throw conflict('This account no longer exists.')
  const known = await tx.db.select().from(passkeys).where(eq(passkeys.personId, person.id))
  const options = await generateRegistrationOptions({
    rpName: 'Tocsin',
    rpID: new URL(origin).hostname,
    userName: person.email,
    userDisplayName: person.name,
    userID: new Uint8Array(Buffer.from(person.id)),
    attestationType: 'none',
    excludeCredentials: known.map(key => ({ id: key.credentialId, transports: key.transports as AuthenticatorTransport[] })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  })
  return keepChallenge(tx, options, person.id)
}

/** Enrols a passkey, which also lifts this session. */
export async function addPasskey(
  tx: Tx,
  context: AppContext,
  connection: Connection,
  caller: Caller,
  input: { challengeId: string; name: string; response: Record<string, unknown> },
): Promise<Me> {
  const { origin } = context.messenger
  await assertMayEnrol(tx, context, caller)
  const challenge = await takeChallenge(tx, input.challengeId, caller.personId)
  const { registrationInfo } = await checked(() =>
    verifyRegistrationResponse({
      // biome-ignore lint/plugin: a message of the browser, every field of which the library checks itself
      response: input.response as unknown as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: new URL(origin).hostname,
      requireUserVerification: true,
    }),
  )
  if (!registrationInfo) throw refused()
  const { credential } = registrationInfo
  const added = await tx.db
    .insert(passkeys)
    .values({
      personId: caller.personId,
      name: input.name,
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey),
      counter: credential.counter,
      transports: credential.transports ?? [],
      createdAt: tx.now,
    })
    .onConflictDoNothing()
    .returning({ id: passkeys.id })
  if (added.length === 0) throw conflict('This passkey is already enrolled.')
  await record(tx, {
    actor: caller.actor,
    type: 'second-factor.enrolled',
    subject: { kind: 'person', id: caller.personId },
    data: { factor: 'passkey', name: input.name },
  })
  await tellPerson(tx, context, caller.personId, `the passkey ${input.name} was added to your Tocsin account.`)
  return liftSession(tx, context, connection, caller)
}

export async function startPasskeySignIn(tx: Tx, origin: string): Promise<Options> {
  return keepChallenge(tx, await generateAuthenticationOptions({ rpID: new URL(origin).hostname, userVerification: 'required' }), null)
}

interface Answer {
  readonly challengeId: string
  readonly response: Record<string, unknown>
}

/** Signs in with a passkey: possession and verification in one, so the session has full assurance at once. */
export async function signInWithPasskey(tx: Tx, context: AppContext, connection: Connection, answer: Answer): Promise<Me> {
  const person = await personOfPasskey(tx, context.messenger.origin, answer)
  const actor = { kind: 'person', id: person.id, name: person.name } as const
  await record(tx, { actor, type: 'second-factor.accepted', subject: { kind: 'person', id: person.id }, data: { factor: 'passkey' } })
  return startSession(tx, context, connection, person, 'full')
}

/** Confirms with a passkey that it is the caller who asks. */
export async function confirmWithPasskey(tx: Tx, context: AppContext, connection: Connection, caller: Caller, answer: Answer): Promise<void> {
  if ((await personOfPasskey(tx, context.messenger.origin, answer)).id !== caller.personId) throw invalid('response', 'is of a passkey of somebody else')
  await confirmSession(tx, context, connection, caller, 'passkey')
}

/** Whose passkey answers the challenge of a sign-in. */
async function personOfPasskey(tx: Tx, origin: string, input: Answer): Promise<PersonRow> {
  const challenge = await takeChallenge(tx, input.challengeId, null)
  // biome-ignore lint/plugin: a message of the browser, every field of which the library checks itself
  const response = input.response as unknown as AuthenticationResponseJSON
  const [key] = await tx.db
    .select()
    .from(passkeys)
    .where(eq(passkeys.credentialId, String(response.id)))
    .for('update')
  const person = key ? await findPerson(tx, key.personId) : undefined
  if (!key || !person?.isActive) throw refused()
  const { authenticationInfo, verified } = await checked(() =>
    verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: new URL(origin).hostname,
      requireUserVerification: true,
      credential: {
        id: key.credentialId,
        publicKey: new Uint8Array(key.publicKey),
        counter: key.counter,
        transports: key.transports as AuthenticatorTransport[],
      },
    }),
  )
  if (!verified) throw refused()
  await tx.db.update(passkeys).set({ counter: authenticationInfo.newCounter, lastUsedAt: tx.now }).where(eq(passkeys.id, key.id))
  return person
}

async function keepChallenge(tx: Tx, options: { challenge: string }, personId: string | null): Promise<Options> {
  const challengeId = newId()
  await tx.db.delete(challenges).where(lt(challenges.expiresAt, tx.now))
  await tx.db.insert(challenges).values({ id: challengeId, challenge: options.challenge, personId, expiresAt: addMinutes(tx.now, 5) })
  return { challengeId, options: { ...options } }
}

async function takeChallenge(tx: Tx, id: string, personId: string | null): Promise<string> {
  const [taken] = await tx.db
    .delete(challenges)
    .where(and(eq(challenges.id, id), gt(challenges.expiresAt, tx.now)))
    .returning()
  if (!taken || taken.personId !== personId) throw new AppProblem('invalid', 'The passkey request timed out. Try again.')
  return taken.challenge
}

/** What the WebAuthn library throws about a message is a wrong message, not a fault of ours. */
async function checked<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify()
  } catch (error) {
    throw new AppProblem('invalid', `The passkey was not accepted: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function refused(): AppProblem {
  return new AppProblem('not-signed-in', 'This passkey is not registered.')
}

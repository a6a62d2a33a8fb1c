import {
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser'
import { call } from '../api.ts'

/** Enrols a passkey of this device. @throws Error when the device or its user declines */
export async function enrolPasskey(name: string): Promise<void> {
  const { challengeId, options } = await call('startPasskey')
  // biome-ignore lint/plugin: what one half of SimpleWebAuthn made the other half reads; the contract only says that it is an object
  const response = await startRegistration({ optionsJSON: options as unknown as PublicKeyCredentialCreationOptionsJSON })
  await call('addPasskey', { body: { challengeId, name, response: { ...response } } })
}

/** Signs in with a passkey of this device. @throws Error when the device or its user declines */
export async function signInWithPasskey(): Promise<void> {
  await call('signInWithPasskey', { body: await answerChallenge() })
}

/** Confirms with a passkey of this device who is there. @throws Error when the device or its user declines */
export async function confirmWithPasskey(): Promise<void> {
  await call('reauthenticateWithPasskey', { body: await answerChallenge() })
}

async function answerChallenge(): Promise<{ challengeId: string; response: Record<string, unknown> }> {
  const { challengeId, options } = await call('startPasskeySignIn')
  // biome-ignore lint/plugin: what one half of SimpleWebAuthn made the other half reads; the contract only says that it is an object
  const response = await startAuthentication({ optionsJSON: options as unknown as PublicKeyCredentialRequestOptionsJSON })
  return { challengeId, response: { ...response } }
}

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
  const { challengeId, options } = await call('startPasskeySignIn')
  // biome-ignore lint/plugin: what one half of SimpleWebAuthn made the other half reads; the contract only says that it is an object
  const response = await startAuthentication({ optionsJSON: options as unknown as PublicKeyCredentialRequestOptionsJSON })
  await call('signInWithPasskey', { body: { challengeId, response: { ...response } } })
}

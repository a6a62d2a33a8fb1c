import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Secrets } from './secrets.ts'

// Only what is declared may be sealed, so that a rotation of the master key finds it: `sealed-columns.ts` uses this, and `master-key.ts` for what it keeps. A
// module rule keeps others away.

/** Begins what is sealed since it has a key ID and says what it belongs to. Before, it was base64, which has no dot. */
const envelopeVersion = 'v2'
const keyUse = 'sealing'

/** How each value begins that the master key with this ID has sealed. */
export const sealedWith = (keyId: string): string => `${envelopeVersion}.${keyId}.`

/**
 * Encrypts a secret for the database (AES-256-GCM).
 * @param belongsTo what it is of, such as table, column and row: elsewhere it does not open
 */
export function seal(secrets: Secrets, plain: string, belongsTo: string): string {
  const head = sealedWith(secrets.keyId)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', secrets.derive(keyUse), nonce).setAAD(Buffer.from(head + belongsTo))
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return head + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
}

/** @throws Error when the text was not sealed with this master key, or belongs to something else */
export function unseal(secrets: Secrets, sealed: string, belongsTo: string): string {
  const head = sealedWith(secrets.keyId)
  const isEnvelope = sealed.startsWith(`${envelopeVersion}.`)
  if (isEnvelope && !sealed.startsWith(head)) throw new Error('a value that was sealed with another master key')
  const bytes = isEnvelope ? Buffer.from(sealed.slice(head.length), 'base64url') : Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', secrets.derive(keyUse), bytes.subarray(0, 12), { authTagLength: 16 })
  if (isEnvelope) decipher.setAAD(Buffer.from(head + belongsTo))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
}

import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigProblem } from './config.ts'
import { makeFolder, writeOnce } from './folders.ts'

/** What is derived from the master key, each with a key of its own. */
export interface Secrets {
  /** Encrypts a secret for the database (AES-256-GCM). */
  seal(plain: string): string
  /** @throws Error when the text was not sealed with this master key. */
  unseal(sealed: string): string
  /** A keyed digest that nobody without the master key can make, base64url. */
  sign(purpose: string, claims: string): string
  isSigned(purpose: string, claims: string, signature: string): boolean
  /** 32 bytes for a named use, always the same. */
  derive(use: string): Buffer
}

/** As TOCSIN_SECRET. */
const minKeyLength = 32

export const masterKeyFile = (dataFolder: string): string => join(dataFolder, 'secret.key')

/**
 * Reads the master key from `given`, or from the data folder, where the first start makes one.
 * @throws ConfigProblem for a file that is too short to be a key
 */
export function openSecrets(dataFolder: string, given: string | undefined): Secrets {
  const master = given === undefined ? masterFile(dataFolder) : Buffer.from(given)
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', master, 'tocsin', use, 32))
  const sealing = derive('sealing')
  const signing = derive('links')
  const sign = (purpose: string, claims: string) => createHmac('sha256', signing).update(`${purpose}\n${claims}`).digest().subarray(0, 20).toString('base64url')
  return {
    derive,
    sign,
    isSigned: (purpose, claims, signature) => isEqual(sign(purpose, claims), signature),
    seal(plain) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce)
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
    },
    unseal(sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, 12), { authTagLength: 16 })
      decipher.setAuthTag(bytes.subarray(12, 28))
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
    },
  }
}

function masterFile(dataFolder: string): Buffer {
  const path = masterKeyFile(dataFolder)
  makeFolder(dataFolder)
  writeOnce(path, `${randomBytes(32).toString('hex')}\n`)
  const key = readFileSync(path, 'utf8').trim()
  if (key.length < minKeyLength)
    throw new ConfigProblem(
      `The master key ${path} has ${key.length} characters, but at least ${minKeyLength} are required. Restore the file; a new installation generates it once it is deleted.`,
    )
  return Buffer.from(key)
}

/** Compares in a time that does not tell where two texts differ. */
export function isEqual(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())
}

/** A secret for a machine or a link: `bytes` random bytes, base64url. */
export function randomSecret(bytes = 24): string {
  return randomBytes(bytes).toString('base64url')
}

/** The digest under which a random secret is stored: it has too much entropy to need a slow one. */
export function secretDigest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** A token for a private link: its claims and a signature, for one purpose. Nothing secret is stored for it. */
export function signToken(secrets: Secrets, purpose: string, claims: readonly string[]): string {
  const text = claims.join('.')
  return `${text}.${secrets.sign(purpose, text)}`
}

/** The claims of a token, or undefined when it was not signed for this purpose. */
export function openToken(secrets: Secrets, purpose: string, token: string): string[] | undefined {
  const parts = token.split('.')
  const signature = parts.pop() ?? ''
  return secrets.isSigned(purpose, parts.join('.'), signature) ? parts : undefined
}

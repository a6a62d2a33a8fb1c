import { createHash, createHmac, hkdfSync, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigProblem } from './config-problem.ts'
import { makeFolder, writeOnce } from './folders.ts'

/** What is derived from the master key, each with a key of its own. */
export interface Secrets {
  /** Names the master key, and tells nothing about it. */
  readonly keyId: string
  /** A keyed digest that nobody without the master key can make, base64url. */
  sign(purpose: string, claims: string): string
  isSigned(purpose: string, claims: string, signature: string): boolean
  /** True for what an earlier master key signed, of the journal alone: up to the entry `seq`, which was its last. */
  wasSigned(purpose: string, claims: string, signature: string, seq: number): boolean
  /** What modules keep with the master key, by name, since an earlier one was replaced. */
  readonly kept: ReadonlyMap<string, string>
  /** 32 bytes for a named use, always the same. */
  derive(use: string): Buffer
}

/** As TOCSIN_SECRET. */
const minKeyLength = 32

export const masterKeyFile = (dataFolder: string): string => join(dataFolder, 'secret.key')

/** Where a generated key lies until everything is sealed with it. */
export const nextKeyFile = (dataFolder: string): string => `${masterKeyFile(dataFolder)}.new`

/**
 * Reads the master key from `given`, or from the data folder, where the first start makes one.
 * @throws ConfigProblem for a file that is too short to be a key
 */
export function openSecrets(dataFolder: string, given: string | undefined): Secrets {
  if (given === undefined) return openKeyFile(masterKeyFile(dataFolder))
  return secretsOf(isGenerated(given) ? Buffer.from(given) : stretch(given))
}

/** The secrets of a given master key as it was read before keys were stretched. Databases that were made so keep to it. */
export const openUnstretched = (given: string): Secrets => secretsOf(Buffer.from(given))

/** A key as Tocsin makes them has 256 bits already, and is the same key wherever it is given. */
const isGenerated = (given: string) => /^[0-9a-f]{64}$/.test(given)

/** Makes each guess at a key that somebody thought up cost 128 MiB and about 0.3 seconds (2 cores, AMD EPYC). Servers share nothing but the key, so the salt is the same for all. */
function stretch(given: string): Buffer {
  return scryptSync(given, 'tocsin master key', 32, { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 })
}

/** The use of the key that signs. */
export const signingUse = 'links'

const signatureOf = (key: Buffer, purpose: string, claims: string) =>
  createHmac('sha256', key).update(`${purpose}\n${claims}`).digest().subarray(0, 20).toString('base64url')

/** What is kept of earlier master keys. */
export interface KeptKeys {
  /** By their use: keys that stay as they were derived first. */
  readonly derived: ReadonlyMap<string, Buffer>
  /** By name: what modules keep of theirs. */
  readonly texts: ReadonlyMap<string, string>
  /** Keys that signed, each with the last entry of the journal that it did sign. */
  readonly earlier: readonly { readonly key: Buffer; readonly lastSeq: number }[]
}

/** The secrets of a master key, with what is kept of earlier ones. */
export const withKept = (secrets: Secrets, { derived, texts, earlier }: KeptKeys): Secrets => ({
  ...secrets,
  kept: texts,
  derive: use => derived.get(use) ?? secrets.derive(use),
  wasSigned: (purpose, claims, signature, seq) => earlier.some(({ key, lastSeq }) => seq <= lastSeq && isEqual(signatureOf(key, purpose, claims), signature)),
})

function secretsOf(master: Buffer): Secrets {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', master, 'tocsin', use, 32))
  const keyId = derive('key id').subarray(0, 6).toString('base64url')
  const signing = derive(signingUse)
  const sign = (purpose: string, claims: string) => signatureOf(signing, purpose, claims)
  return {
    keyId,
    derive,
    sign,
    isSigned: (purpose, claims, signature) => isEqual(sign(purpose, claims), signature),
    wasSigned: () => false,
    kept: new Map(),
  }
}

/** The secrets of the master key in a file, which is made where there is none. @throws ConfigProblem for one that is too short to be a key */
export function openKeyFile(path: string): Secrets {
  makeFolder(dirname(path))
  writeOnce(path, `${randomBytes(32).toString('hex')}\n`)
  const key = readFileSync(path, 'utf8').trim()
  if (key.length < minKeyLength)
    throw new ConfigProblem(
      `The master key ${path} has ${key.length} characters, but at least ${minKeyLength} are required. Restore the file; a new installation generates it once it is deleted.`,
    )
  return secretsOf(Buffer.from(key))
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

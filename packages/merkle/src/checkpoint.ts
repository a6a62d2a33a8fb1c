import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What a checkpoint says: this log had `size` entries under `root` (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name, for example `tocsin/3f2a...`; no spaces, no plus sign. */
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
}

/** Why a checkpoint or export cannot be trusted, in one sentence. */
export class NotGenuine extends Error {
  override readonly name = 'NotGenuine'
}

/** The keys of a log, oldest first, each with the largest log that it may have signed. */
export type LogKeys = readonly { readonly key: string; readonly maxSize: number }[]

const ed25519 = 0x01
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The signing key of a log from its 32-byte Ed25519 seed. */
export function signingKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
}

/** The verifier key of C2SP signed-note: `<name>+<key id, hex>+<base64(algorithm byte || public key)>`. */
export function verifierKey(origin: string, privateKey: KeyObject): string {
  const raw = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
  const typed = Buffer.concat([Buffer.of(ed25519), raw])
  return `${origin}+${keyId(origin, typed).toString('hex')}+${typed.toString('base64')}`
}

function keyId(origin: string, typedKey: Buffer): Buffer {
  return createHash('sha256').update(`${origin}\n`).update(typedKey).digest().subarray(0, 4)
}

/** Signs a text as a C2SP signed note: text, empty line, a line for each signature. */
export function signNote(text: string, origin: string, privateKeys: readonly KeyObject[]): string {
  const lines = privateKeys.map(privateKey => {
    const signature = Buffer.concat([keyIdOf(verifierKey(origin, privateKey)), sign(null, Buffer.from(text), privateKey)])
    return `— ${origin} ${signature.toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

/** Signs a checkpoint as a C2SP signed note. */
export function signCheckpoint({ origin, size, root }: Checkpoint, privateKey: KeyObject): string {
  return signNote(`${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`, origin, [privateKey])
}

/**
 * Opens a signed checkpoint with the log's verifier key, or with that of its keys which has signed it.
 * @throws NotGenuine when the key is malformed, the note is for another log, or the signature is wrong; when its key was replaced before the log was of that size
 */
export function openCheckpoint(note: string, keys: string | LogKeys): Checkpoint {
  const { text, signatures } = openNote(note)
  const [, origin = '', size = '', root = ''] = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text) ?? []
  const [signature, ...more] = signatures
  if (origin === '' || !Number.isSafeInteger(Number(size)) || signature === undefined || more.length > 0)
    throw new NotGenuine('the checkpoint is not a signed note of the form origin, size, root, signature')
  const rootBytes = Buffer.from(root, 'base64')
  // Base64 has spare bits at its end: only the one spelling of the same bytes is accepted.
  if (rootBytes.toString('base64') !== root) throw new NotGenuine('the checkpoint has base64 with stray bits')
  const all = typeof keys === 'string' ? [{ key: keys, maxSize: Number.POSITIVE_INFINITY }] : keys
  const signer = all.find(({ key }) => isBy(signature, key)) ?? all.at(-1)
  openSigned(text, signature, origin, signer?.key ?? '')
  if (signer !== undefined && Number(size) > signer.maxSize)
    throw new NotGenuine(`the checkpoint of ${size} entries is signed by a key that was replaced when the log had ${signer.maxSize}`)
  return { origin, size: Number(size), root: rootBytes }
}

/** The text of a signed note and its signature lines, of which none is verified yet. @throws NotGenuine when it is none */
export function openNote(note: string): { readonly text: string; readonly signatures: readonly string[] } {
  const [, text, lines = ''] = /^([^\n]+\n(?:[^\n]+\n)*)\n((?:— [^ \n]+ [A-Za-z0-9+/]+={0,2}\n)+)$/.exec(note) ?? []
  if (text === undefined) throw new NotGenuine('the checkpoint is not a signed note of the form origin, size, root, signature')
  return { text, signatures: lines.trimEnd().split('\n') }
}

const isBy = (line: string, key: string) => signatureIn(line).subarray(0, 4).equals(keyIdOf(key))
const signatureIn = (line: string) => Buffer.from(line.split(' ')[2] ?? '', 'base64')
const keyIdOf = (key: string) => Buffer.from(key.split('+')[1] ?? '', 'hex')

/** Verifies one signature of a text. @throws NotGenuine when it is not that of this key, or for another log */
export function openSigned(text: string, line: string, origin: string, key: string): void {
  const { origin: expected, id, publicKey } = parseVerifierKey(key)
  const [, signer, written = ''] = line.split(' ')
  if (origin !== expected || signer !== expected) throw new NotGenuine(`the checkpoint is from ${origin}, the key from ${expected}`)
  const signature = signatureIn(line)
  if (signature.toString('base64') !== written) throw new NotGenuine('the checkpoint has base64 with stray bits')
  if (signature.length !== 68 || !signature.subarray(0, 4).equals(id)) throw new NotGenuine('the checkpoint was not signed by this key')
  if (!verify(null, Buffer.from(text), publicKey, signature.subarray(4))) throw new NotGenuine('the signature of the checkpoint is wrong')
}

/** The signed notes in a text, in their order, such as those of the data folder's `checkpoints.log`. None of them is verified yet. */
export function notesIn(text: string): string[] {
  return text.match(/(?<![^\n])[^\n]+\n\d+\n[^\n]+\n\n— [^\n]+\n/gu) ?? []
}

/** True for a verifier key of a log, whichever it is. */
export function isVerifierKey(text: string): boolean {
  try {
    parseVerifierKey(text)
    return true
  } catch {
    return false
  }
}

function parseVerifierKey(key: string): { origin: string; id: Buffer; publicKey: KeyObject } {
  const parts = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(key)
  if (!parts) throw new NotGenuine('the key is not of the form name+id+base64')
  const [, origin = '', idText = '', keyText = ''] = parts
  const typed = Buffer.from(keyText, 'base64')
  const id = Buffer.from(idText, 'hex')
  if (typed.length !== 33 || typed[0] !== ed25519) throw new NotGenuine('the key is not an Ed25519 key')
  if (!keyId(origin, typed).equals(id)) throw new NotGenuine('the id of the key does not match the key')
  const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, typed.subarray(1)]), format: 'der', type: 'spki' })
  return { origin, id, publicKey }
}

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

/** Signs a checkpoint as a C2SP signed note: text, empty line, one signature line. */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: KeyObject): string {
  const text = `${checkpoint.origin}\n${checkpoint.size}\n${Buffer.from(checkpoint.root).toString('base64')}\n`
  const [, id = ''] = verifierKey(checkpoint.origin, privateKey).split('+')
  const signature = Buffer.concat([Buffer.from(id, 'hex'), sign(null, Buffer.from(text), privateKey)])
  return `${text}\n— ${checkpoint.origin} ${signature.toString('base64')}\n`
}

/**
 * Opens a signed checkpoint with the log's verifier key.
 * @throws NotGenuine when the key is malformed, the note is for another log, or the signature is wrong.
 */
export function openCheckpoint(note: string, key: string): Checkpoint {
  const { origin, id, publicKey } = parseVerifierKey(key)
  const parts = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n\n— ([^ \n]+) ([A-Za-z0-9+/]+={0,2})\n$/.exec(note)
  if (!parts) throw new NotGenuine('the checkpoint is not a signed note of the form origin, size, root, signature')
  const [, noteOrigin = '', size = '', root = '', signer = '', signatureText = ''] = parts
  if (noteOrigin !== origin || signer !== origin) throw new NotGenuine(`the checkpoint is from ${noteOrigin}, the key from ${origin}`)
  const signature = Buffer.from(signatureText, 'base64')
  const rootBytes = Buffer.from(root, 'base64')
  // Base64 has spare bits at its end: only the one spelling of the same bytes is accepted.
  if (signature.toString('base64') !== signatureText || rootBytes.toString('base64') !== root) throw new NotGenuine('the checkpoint has base64 with stray bits')
  if (signature.length !== 68 || !signature.subarray(0, 4).equals(id)) throw new NotGenuine('the checkpoint was not signed by this key')
  const text = note.slice(0, note.indexOf('\n\n') + 1)
  if (!verify(null, Buffer.from(text), publicKey, signature.subarray(4))) throw new NotGenuine('the signature of the checkpoint is wrong')
  return { origin, size: Number(size), root: rootBytes }
}

/** The signed notes in a text, in their order, such as those of the data folder's `checkpoints.log`. None of them is verified yet. */
export function notesIn(text: string): string[] {
  return text.match(/(?<![^\n])[^\n]+\n\d+\n[^\n]+\n\n— [^\n]+\n/gu) ?? []
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

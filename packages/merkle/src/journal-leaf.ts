import { createHash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'

/** What of an entry is never withheld: all headers of a period can be handed over, so that each kind of entry can be counted. */
export interface LeafHeader {
  /** When it was written: ISO 8601 in UTC with milliseconds. */
  readonly at: string
  readonly type: string
  /** Of the form of the entry's data. */
  readonly version: number
  readonly subject: { readonly kind: string; readonly id: string }
  readonly actorKind: string
  readonly isDemo: boolean
  readonly isExercise: boolean
  readonly isRestricted: boolean
}

/** What of an entry may be withheld, or erased later, while the proofs of the journal hold. */
export interface LeafBody {
  readonly id: string
  readonly actor: { readonly id: string | null; readonly name: string }
  /** The incident that it belongs to. */
  readonly within: string | null
  readonly data: unknown
}

/** Bytes of a salt: without it, nobody can find out a withheld body by trying what it may say. */
export const saltBytes = 32

/** SHA-256(salt || canonical JSON of the body), 32 bytes. @param salt `saltBytes` random bytes of this entry alone */
export function hashBody(salt: Uint8Array, body: LeafBody): Buffer {
  return createHash('sha256').update(salt).update(canonicalJson(body)).digest()
}

/**
 * The data of an entry's leaf in the Merkle tree: the canonical JSON (RFC 8785) of `{ body, header }`, where `body` is the base64
 * (RFC 4648 section 4, with padding) of the 32 bytes of {@link hashBody}. The leaf's hash is then SHA-256(0x00 || this), as in RFC 9162.
 */
export function leafData(header: LeafHeader, bodyHash: Uint8Array): string {
  return canonicalJson({ header, body: Buffer.from(bodyHash).toString('base64') })
}

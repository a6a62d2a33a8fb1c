import { createHash } from 'node:crypto'

/** A SHA-256 digest, 32 bytes. */
export type Hash = Buffer

/** Hash of a leaf: SHA-256(0x00 || data), RFC 9162 section 2.1.1. */
export function leafHash(data: Uint8Array | string): Hash {
  return createHash('sha256').update(Buffer.of(0)).update(data).digest()
}

/** Hash of an inner node: SHA-256(0x01 || left || right), RFC 9162 section 2.1.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Hash {
  return createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest()
}

/** The root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Hash = createHash('sha256').digest()

/**
 * The hashes of the perfect subtrees of a tree of `size` leaves, largest first: all that is needed to append to it.
 * Appending costs O(log n) and keeps O(log n) hashes, however long the journal is.
 */
export interface Frontier {
  readonly size: number
  readonly hashes: readonly Hash[]
}

export const emptyFrontier: Frontier = { size: 0, hashes: [] }

/** A node that has become final: the root of the perfect subtree of 2^level leaves that starts at leaf index * 2^level. */
export interface TreeNode {
  readonly level: number
  readonly index: number
  readonly hash: Hash
}

/** Appends one leaf. Returns the new frontier and every node that this leaf completed, the leaf itself first. */
export function append(frontier: Frontier, leaf: Hash): { frontier: Frontier; completed: TreeNode[] } {
  const hashes = [...frontier.hashes]
  const completed: TreeNode[] = [{ level: 0, index: frontier.size, hash: leaf }]
  let hash = leaf
  let level = 0
  for (let index = frontier.size; index % 2 === 1; index = (index - 1) / 2) {
    const left = hashes.pop()
    if (left === undefined) throw new Error('a frontier holds one hash for each bit of its size')
    hash = nodeHash(left, hash)
    level += 1
    completed.push({ level, index: (index - 1) / 2, hash })
  }
  hashes.push(hash)
  return { frontier: { size: frontier.size + 1, hashes }, completed }
}

/** The root of the tree that a frontier stands for. */
export function root(frontier: Frontier): Hash {
  const hashes = [...frontier.hashes]
  let hash = hashes.pop()
  if (hash === undefined) return emptyRoot
  for (let left = hashes.pop(); left !== undefined; left = hashes.pop()) hash = nodeHash(left, hash)
  return hash
}

/** Where a subtree stands: `level` and `index` as in {@link TreeNode}. */
export interface NodePlace {
  readonly level: number
  readonly index: number
}

/**
 * Reads the nodes that an inclusion proof needs: for each sibling, from the leaf up, the perfect subtrees
 * that make it (largest first; joining them right to left gives the sibling's hash).
 */
export function inclusionPlaces(leafIndex: number, size: number): NodePlace[][] {
  if (!(leafIndex >= 0 && leafIndex < size)) throw new RangeError(`leaf ${leafIndex} is not in a tree of ${size}`)
  const siblings: NodePlace[][] = []
  let start = 0
  let width = size
  while (width > 1) {
    const split = 2 ** Math.floor(Math.log2(width - 1))
    if (leafIndex - start < split) {
      siblings.push(perfectSubtrees(start + split, width - split))
      width = split
    } else {
      siblings.push(perfectSubtrees(start, split))
      start += split
      width -= split
    }
  }
  return siblings.reverse()
}

/**
 * Reads the nodes that a consistency proof needs, that the tree of `size2` leaves extends the tree of `size1` (RFC 9162 section 2.1.4.1): for each
 * hash of the proof the perfect subtrees that make it, as in {@link inclusionPlaces}. @param size1 from 1 to `size2`
 */
export function consistencyPlaces(size1: number, size2: number): NodePlace[][] {
  if (!(size1 >= 1 && size1 <= size2)) throw new RangeError(`a tree of ${size2} does not extend one of ${size1}`)
  const hashes: NodePlace[][] = []
  let start = 0
  let width = size2
  while (start + width > size1) {
    const split = 2 ** Math.floor(Math.log2(width - 1))
    if (size1 - start <= split) {
      hashes.push(perfectSubtrees(start + split, width - split))
      width = split
    } else {
      hashes.push(perfectSubtrees(start, split))
      start += split
      width -= split
    }
  }
  // Where the older tree is a whole left part of the newer one, its root is known already.
  if (start > 0) hashes.push(perfectSubtrees(start, width))
  return hashes.reverse()
}

/** The perfect subtrees that cover leaves [start, start + width), largest first; start is a multiple of the largest. */
export function perfectSubtrees(start: number, width: number): NodePlace[] {
  const places: NodePlace[] = []
  let at = start
  let left = width
  while (left > 0) {
    const level = Math.floor(Math.log2(left))
    places.push({ level, index: at / 2 ** level })
    at += 2 ** level
    left -= 2 ** level
  }
  return places
}

/** Joins perfect subtrees, largest first, into the hash of their common parent (RFC 9162 shape). */
export function joinSubtrees(hashes: readonly Hash[]): Hash {
  return root({ size: 0, hashes })
}

/**
 * Checks that a leaf is in the tree with this root: RFC 9162 section 2.1.3.2.
 * Proof: sibling hashes from the leaf up. Never throws: wrong shapes are wrong proofs.
 */
export function verifyInclusion(claim: { leafIndex: number; treeSize: number; leafHash: Uint8Array; proof: readonly Uint8Array[]; root: Uint8Array }): boolean {
  const { leafIndex, treeSize, proof } = claim
  if (!Number.isSafeInteger(leafIndex) || !Number.isSafeInteger(treeSize)) return false
  if (leafIndex < 0 || leafIndex >= treeSize) return false
  if (claim.leafHash.length !== 32 || proof.some(hash => hash.length !== 32)) return false
  let node = leafIndex
  let last = treeSize - 1
  let hash: Uint8Array = claim.leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      while (node % 2 === 0 && node !== 0) {
        node = node / 2
        last = Math.floor(last / 2)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && Buffer.compare(hash, claim.root) === 0
}

/**
 * Checks that the tree of `size2` leaves extends the tree of `size1`: RFC 9162 section 2.1.4.2.
 * Never throws: wrong shapes are wrong proofs.
 */
export function verifyConsistency(claim: { size1: number; size2: number; root1: Uint8Array; root2: Uint8Array; proof: readonly Uint8Array[] }): boolean {
  const { size1, size2, root1, root2 } = claim
  if (!Number.isSafeInteger(size1) || !Number.isSafeInteger(size2) || size1 < 0 || size2 < size1) return false
  if (claim.proof.some(hash => hash.length !== 32)) return false
  if (size1 === size2) return claim.proof.length === 0 && Buffer.compare(root1, root2) === 0
  // Every tree extends the empty one, so a proof of that says nothing, and is none.
  if (size1 === 0) return false
  const path = Number.isInteger(Math.log2(size1)) ? [root1, ...claim.proof] : [...claim.proof]
  const first = path.shift()
  if (first === undefined || path.length === 0) return false
  let node = size1 - 1
  let last = size2 - 1
  while (node % 2 === 1) {
    node = (node - 1) / 2
    last = Math.floor(last / 2)
  }
  let hash1: Uint8Array = first
  let hash2: Uint8Array = first
  for (const sibling of path) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash1 = nodeHash(sibling, hash1)
      hash2 = nodeHash(sibling, hash2)
      while (node % 2 === 0 && node !== 0) {
        node = node / 2
        last = Math.floor(last / 2)
      }
    } else {
      hash2 = nodeHash(hash2, sibling)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && Buffer.compare(hash1, root1) === 0 && Buffer.compare(hash2, root2) === 0
}

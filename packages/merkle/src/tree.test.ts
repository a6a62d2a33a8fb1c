import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  append,
  consistencyPlaces,
  emptyFrontier,
  emptyRoot,
  type Hash,
  inclusionPlaces,
  joinSubtrees,
  leafHash,
  root,
  verifyConsistency,
  verifyInclusion,
} from './tree.ts'

interface Vector {
  readonly kind: 'inclusion' | 'consistency'
  readonly name: string
  readonly wantErr: boolean
  readonly proof: string[] | null
  readonly leafIdx: number
  readonly treeSize: number
  readonly leafHash: string
  readonly root: string
  readonly size1: number
  readonly size2: number
  readonly root1: string
  readonly root2: string
}

// Right and wrong proofs of transparency-dev/merkle (Apache-2.0).
const vectors = readFileSync(new URL('../test-data/proofs.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Vector)
const bytes = (text: string) => Buffer.from(text ?? '', 'base64')

describe('proofs of a peer', () => {
  test.for(vectors)('$name', vector => {
    const proof = (vector.proof ?? []).map(bytes)
    const isRight =
      vector.kind === 'inclusion'
        ? verifyInclusion({ leafIndex: vector.leafIdx, treeSize: vector.treeSize, leafHash: bytes(vector.leafHash), proof, root: bytes(vector.root) })
        : verifyConsistency({ size1: vector.size1, size2: vector.size2, root1: bytes(vector.root1), root2: bytes(vector.root2), proof })
    expect(isRight).toBe(!vector.wantErr)
  })
})

/** A tree of these leaves with all of its nodes. */
function grow(leaves: readonly string[]) {
  const nodes = new Map<string, Hash>()
  let frontier = emptyFrontier
  for (const leaf of leaves) {
    const appended = append(frontier, leafHash(leaf))
    frontier = appended.frontier
    for (const node of appended.completed) nodes.set(`${node.level}/${node.index}`, node.hash)
  }
  return { root: root(frontier), nodes }
}

function proofOf(tree: ReturnType<typeof grow>, leafIndex: number, size: number): Hash[] {
  return inclusionPlaces(leafIndex, size).map(siblings =>
    joinSubtrees(siblings.map(({ level, index }) => tree.nodes.get(`${level}/${index}`) ?? expect.fail('a node that is complete is kept'))),
  )
}

describe('a tree of our own', () => {
  const leavesAndPlace = fc.array(fc.string(), { minLength: 1, maxLength: 80 }).chain(leaves => fc.tuple(fc.constant(leaves), fc.nat(leaves.length - 1)))

  test('the proof of every kept leaf leads to the root, and that of none that was changed', () => {
    fc.assert(
      fc.property(leavesAndPlace, fc.string(), ([leaves, leafIndex], other) => {
        const tree = grow(leaves)
        const claim = { leafIndex, treeSize: leaves.length, proof: proofOf(tree, leafIndex, leaves.length), root: tree.root }
        expect(verifyInclusion({ ...claim, leafHash: leafHash(leaves[leafIndex] ?? '') })).toBe(true)
        if (other !== leaves[leafIndex]) expect(verifyInclusion({ ...claim, leafHash: leafHash(other) })).toBe(false)
      }),
    )
  })

  test('no proof holds for another place', () => {
    fc.assert(
      fc.property(leavesAndPlace, fc.nat(100), ([leaves, leafIndex], elsewhere) => {
        fc.pre(elsewhere !== leafIndex)
        const distinct = leaves.map((leaf, position) => `${position} ${leaf}`)
        const tree = grow(distinct)
        const proof = proofOf(tree, leafIndex, distinct.length)
        expect(
          verifyInclusion({ leafIndex: elsewhere, treeSize: distinct.length, leafHash: leafHash(distinct[leafIndex] ?? ''), proof, root: tree.root }),
        ).toBe(false)
      }),
    )
  })

  test('of every size extends each smaller one, and none that had another leaf', () => {
    const grown = fc
      .array(fc.string(), { minLength: 1, maxLength: 80 })
      .chain(leaves => fc.tuple(fc.constant(leaves), fc.integer({ min: 1, max: leaves.length })))
    fc.assert(
      fc.property(grown, fc.nat(79), ([leaves, size1], at) => {
        const tree = grow(leaves)
        const proof = consistencyPlaces(size1, leaves.length).map(places =>
          joinSubtrees(places.map(({ level, index }) => tree.nodes.get(`${level}/${index}`) ?? expect.fail('a node that is complete is kept'))),
        )
        const old = leaves.slice(0, size1)
        const claim = { size1, size2: leaves.length, root2: tree.root, proof }
        expect(verifyConsistency({ ...claim, root1: grow(old).root })).toBe(true)
        const other = old.map((leaf, position) => (position === at % size1 ? `${leaf}x` : leaf))
        expect(verifyConsistency({ ...claim, root1: grow(other).root })).toBe(false)
      }),
    )
  })

  test('the root of nothing is the hash of nothing', () => {
    expect(grow([]).root).toEqual(emptyRoot)
  })
})

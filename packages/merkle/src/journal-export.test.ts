import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from './canonical.ts'
import { openCheckpoint, signCheckpoint, signingKey, verifierKey } from './checkpoint.ts'
import { documentDigest, verifyExport, writeExport } from './journal-export.ts'
import { append, emptyFrontier, type Hash, inclusionPlaces, joinSubtrees, leafHash, root } from './tree.ts'

const privateKey = signingKey(Buffer.alloc(32, 7))
const origin = 'tocsin/test'
const key = verifierKey(origin, privateKey)

function exportOf(count: number): string {
  const document = { note: 'the record “as it is”' }
  const entries = Array.from({ length: count }, (_, n) => ({
    id: `e${n}`,
    type: 'note.written',
    data: n === count - 1 ? { documentSha256: documentDigest(document) } : { text: `entry ${n} äöü` },
  }))
  const nodes = new Map<string, Hash>()
  let frontier = emptyFrontier
  for (const entry of entries) {
    const appended = append(frontier, leafHash(canonicalJson(entry)))
    frontier = appended.frontier
    for (const node of appended.completed) nodes.set(`${node.level}/${node.index}`, node.hash)
  }
  return writeExport({
    key,
    checkpoint: signCheckpoint({ origin, size: count, root: root(frontier) }, privateKey),
    document,
    entries: entries.map((entry, index) => ({
      index,
      entry,
      proof: inclusionPlaces(index, count).map(siblings =>
        joinSubtrees(siblings.map(place => nodes.get(`${place.level}/${place.index}`) ?? expect.fail())).toString('base64'),
      ),
    })),
  })
}

describe('an exported journal', () => {
  const file = exportOf(7)

  test('is genuine as it was written', () => {
    expect(verifyExport(file)).toMatchObject({ problems: [], entries: 7, treeSize: 7, isComplete: true, origin })
    expect(verifyExport(file, key).problems).toEqual([])
  })

  test('any byte that is changed shows', () => {
    const bytes = Buffer.from(file)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ flip
        let text: string
        try {
          text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(changed)
        } catch {
          return // Not UTF-8 any more: refused before it is looked at.
        }
        expect(verifyExport(text).problems, text.slice(at - 60, at + 20)).not.toEqual([])
      }),
      { numRuns: 2_000 },
    )
  })

  test('the entry that was changed is named', () => {
    expect(verifyExport(file.replace('entry 3 ', 'entry 9 ')).problems).toEqual([
      'entry 4 of the file (index 3 in the journal) was changed: it does not lead to the signed root',
    ])
  })

  test('an entry that was taken away shows as incomplete, and its place does not close', () => {
    const lines = file.split('\n')
    const without = lines.filter(line => !line.includes('entry 2 ')).join('\n')
    expect(verifyExport(without)).toMatchObject({ isComplete: false, entries: 6 })
    const renumbered = without.replace('"index":3', '"index":2')
    expect(verifyExport(renumbered).problems).not.toEqual([])
  })

  test('signed by another key it is not believed', () => {
    expect(verifyExport(file, verifierKey(origin, signingKey(Buffer.alloc(32, 8)))).problems).toContain('the key in the file is not the key that you trust')
  })

  test('what is no export gets a sentence', () => {
    expect(verifyExport('{}').problems).toEqual(['the file is not a "tocsin journal export v1"'])
    expect(verifyExport('null').problems).toHaveLength(1)
    expect(verifyExport('').problems[0]).toMatch(/is not JSON/)
  })
})

test('a checkpoint opens with its key, and with no other', () => {
  const note = signCheckpoint({ origin, size: 3, root: Buffer.alloc(32, 1) }, privateKey)
  expect(openCheckpoint(note, key).size).toBe(3)
  expect(() => openCheckpoint(note.replace('\n3\n', '\n4\n'), key)).toThrow(/signature/)
  expect(() => openCheckpoint(note, verifierKey(origin, signingKey(Buffer.alloc(32, 9))))).toThrow(/not signed by this key/)
})

test('canonical JSON is that of RFC 8785', () => {
  expect(canonicalJson({ b: [1, 'é', null], a: { z: true, y: 1e21 }, '\u20ac': 0.000001 })).toBe('{"a":{"y":1e+21,"z":true},"b":[1,"é",null],"€":0.000001}')
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

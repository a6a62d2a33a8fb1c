import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digest } from './canonical.ts'
import { openCheckpoint, signCheckpoint, signingKey, verifierKey } from './checkpoint.ts'
import { commit } from './commitment.ts'
import { type ExportedEntry, exportEnd, exportEntries, exportStart, verifyExport, writeExport } from './journal-export.ts'
import { hashBody, leafData } from './journal-leaf.ts'
import { signSuccession } from './log-keys.ts'
import { append, emptyFrontier, type Hash, inclusionPlaces, joinSubtrees, leafHash, root } from './tree.ts'

const privateKey = signingKey(Buffer.alloc(32, 7))
const origin = 'tocsin/test'
const key = verifierKey(origin, privateKey)

type Given = Pick<ExportedEntry, 'values'> & { readonly type: string; readonly data: unknown }

/** An export of `count` entries, those at `withheld` without their bodies. @param given what its first entries are */
function exportOf(count: number, withheld: readonly number[] = [], given: readonly Given[] = []): string {
  const document = { note: 'the record “as it is”' }
  const entries = Array.from({ length: count }, (_, n) => {
    const isLast = n === count - 1
    const header = {
      at: `2026-11-26T10:00:0${n}.000Z`,
      type: isLast ? 'journal.exported' : (given[n]?.type ?? 'note.written'),
      version: 1,
      subject: { kind: isLast ? 'export' : 'note', id: `s${n}` },
      actorKind: 'person',
      ...{ isDemo: false, isExercise: false, isRestricted: n === 2 },
    }
    const data = isLast ? { documentSha256: digest(document) } : (given[n]?.data ?? { text: `entry ${n} äöü` })
    const body = { id: `e${n}`, actor: { id: null, name: 'Ada' }, within: null, data }
    const salt = Buffer.alloc(32, n + 1)
    return { header, body, salt, hash: hashBody(salt, body) }
  })
  const nodes = new Map<string, Hash>()
  let frontier = emptyFrontier
  for (const { header, hash } of entries) {
    const appended = append(frontier, leafHash(leafData(header, hash)))
    frontier = appended.frontier
    for (const node of appended.completed) nodes.set(`${node.level}/${node.index}`, node.hash)
  }
  return writeExport({
    key,
    checkpoint: signCheckpoint({ origin, size: count, root: root(frontier) }, privateKey),
    document,
    entries: entries.map(({ header, body, salt, hash }, index) => ({
      ...{ index, header },
      ...(withheld.includes(index)
        ? { bodyHash: hash.toString('base64') }
        : { salt: salt.toString('base64'), body, ...(given[index]?.values === undefined ? {} : { values: given[index].values }) }),
      proof: inclusionPlaces(index, count).map(siblings =>
        joinSubtrees(siblings.map(place => nodes.get(`${place.level}/${place.index}`) ?? expect.fail())).toString('base64'),
      ),
    })),
  })
}

/** The same file with entries that `change` has got at, written as an exporter would write it. */
function forged(file: string, change: (entries: ExportedEntry[]) => void): string {
  const content = JSON.parse(file) as Parameters<typeof writeExport>[0]
  const entries = [...content.entries]
  change(entries)
  return writeExport({ ...content, entries })
}

test('an exported journal whose key was replaced is genuine for whoever trusts one of its keys, and extends what the earlier one signed', () => {
  const file = exportOf(7)
  const next = signingKey(Buffer.alloc(32, 8))
  const { checkpoint, ...content } = JSON.parse(file) as Parameters<typeof writeExport>[0]
  const { root: hash } = openCheckpoint(checkpoint, key)
  const write = (size: number, signer: typeof next, successions = [signSuccession(origin, size, privateKey, next)]) =>
    writeExport({ ...content, key: verifierKey(origin, next), successions, checkpoint: signCheckpoint({ origin, size: 7, root: hash }, signer) })
  const renewed = write(5, next)
  for (const trusted of [undefined, key, verifierKey(origin, next)])
    expect(verifyExport(renewed, trusted)).toMatchObject({ problems: [], isComplete: true, key: verifierKey(origin, next) })
  expect(verifyExport(write(7, privateKey), key).problems, 'nothing was sealed since').toEqual([])
  const oldRoot = (size: number) => signCheckpoint({ origin, size, root: rootOfFirst(file, size) }, privateKey)
  expect(verifyExport(renewed, key, [oldRoot(5)]).problems).toEqual([])
  expect(verifyExport(renewed, key, [oldRoot(6)]).problems).toEqual([expect.stringContaining('signed by a key that was replaced when the log had 5')])
  expect(verifyExport(write(5, privateKey), key).problems, 'signed with the earlier key after it was replaced').toEqual([
    expect.stringContaining('a key that was replaced'),
  ])
  const other = signingKey(Buffer.alloc(32, 9))
  expect(verifyExport(renewed, verifierKey(origin, other)).problems[0]).toBe('the key in the file does not match the trusted key')
  expect(verifyExport(write(5, next, [signSuccession(origin, 5, other, next)]), key).problems[0]).toBe('the key in the file does not match the trusted key')
  expect(verifyExport(write(5, next, []), key).problems[0]).toBe('the key in the file does not match the trusted key')
  expect(verifyExport(renewed.replace('v4', 'v2')).problems).not.toEqual([])
})

/** The root of the first entries of an export. */
function rootOfFirst(file: string, size: number): Uint8Array {
  const { entries } = JSON.parse(file) as Parameters<typeof writeExport>[0]
  const leaves = entries
    .slice(0, size)
    .map(({ header, salt = '', body }) => leafHash(leafData(header, hashBody(Buffer.from(salt, 'base64'), body ?? expect.fail()))))
  return root(leaves.reduce((frontier, leaf) => append(frontier, leaf).frontier, emptyFrontier))
}

describe('an exported journal', () => {
  const file = exportOf(7)
  const partly = exportOf(7, [1, 2])

  test('is genuine as it was written', () => {
    expect(verifyExport(file)).toMatchObject({ problems: [], entries: 7, withheld: 0, treeSize: 7, isComplete: true, origin })
    expect(verifyExport(file, key).problems).toEqual([])
  })

  test('from which somebody takes texts out is found, also where an erasure is withheld from it', () => {
    const salt = Buffer.alloc(32, 1).toString('base64')
    const note = (value: string): Given => {
      const { data, values } = commit({ markdown: value }, ['markdown'], () => Buffer.from(salt, 'base64'))
      return { type: 'note.written', data, values: Object.fromEntries(values) }
    }
    const { values: _, ...erased } = note('one')
    const erasure = (entryId: string): Given => ({ type: 'erasure.done', data: { fields: [{ entryId, path: '/markdown' }] } })
    const given = [note('three'), erased, erasure('e1'), erasure('e7')]
    const hidden = exportOf(5, [3], given)
    expect(verifyExport(hidden, key)).toMatchObject({ problems: [], erased: 1, withheld: 1 })
    const takenOut = forged(hidden, entries => change(entries, 0, () => ({ values: undefined })))
    expect(verifyExport(takenOut, key).problems).toEqual([
      'entry 1 of the file (index 0 in the audit log) has no markdown, and no entry says that it was erased',
    ])
    const silenced = exportOf(5, [2, 3], given)
    expect(verifyExport(silenced, key).problems).toEqual([expect.stringContaining('entry 2 of the file')])
  })

  test('is the same file where it is written in pieces', () => {
    const { entries, ...head } = JSON.parse(file) as Parameters<typeof writeExport>[0]
    for (const at of [1, 3, 7])
      expect(exportStart(head) + exportEntries(entries.slice(0, at), true) + exportEntries(entries.slice(at), false) + exportEnd(7)).toBe(file)
  })

  test('whichever bodies are withheld, it is genuine and tells how many there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.uniqueArray(fc.nat(7)), (count, wanted) => {
        const withheld = wanted.filter(index => index < count - 1)
        expect(verifyExport(exportOf(count, withheld), key)).toMatchObject({ problems: [], entries: count, withheld: withheld.length, isComplete: true })
      }),
      { numRuns: 60 },
    )
  })

  test('with bodies withheld it is as genuine, says how many, and counts every type of the whole tree', () => {
    expect(verifyExport(partly, key)).toMatchObject({ problems: [], withheld: 2, isComplete: true, types: { 'journal.exported': 1, 'note.written': 6 } })
    expect(partly).not.toContain('entry 1 ')
    expect(partly).not.toContain('entry 2 ')
  })

  test.each<[string, string, (entries: ExportedEntry[]) => void]>([
    ['a changed time', file, entries => change(entries, 2, one => ({ header: { ...one.header, at: '2026-11-26T10:00:09.000Z' } }))],
    ['a changed type', file, entries => change(entries, 2, one => ({ header: { ...one.header, type: 'note.corrected' } }))],
    ['a changed version', file, entries => change(entries, 2, one => ({ header: { ...one.header, version: 2 } }))],
    ['a changed subject', file, entries => change(entries, 2, one => ({ header: { ...one.header, subject: { kind: 'note', id: 's3' } } }))],
    ['a changed kind of actor', file, entries => change(entries, 2, one => ({ header: { ...one.header, actorKind: 'system' } }))],
    ['a demo mark put on', file, entries => change(entries, 2, one => ({ header: { ...one.header, isDemo: true } }))],
    ['an exercise mark put on', file, entries => change(entries, 2, one => ({ header: { ...one.header, isExercise: true } }))],
    ['a restricted mark taken off', file, entries => change(entries, 2, one => ({ header: { ...one.header, isRestricted: false } }))],
    ['a mark taken off a withheld entry', partly, entries => change(entries, 2, one => ({ header: { ...one.header, isRestricted: false } }))],
    ['a changed actor', file, entries => change(entries, 2, one => ({ body: one.body && { ...one.body, actor: { id: null, name: 'Eve' } } }))],
    ['a changed body', file, entries => change(entries, 2, one => ({ body: one.body && { ...one.body, data: { text: 'entry 9 äöü' } } }))],
    ['a changed salt', file, entries => change(entries, 2, () => ({ salt: Buffer.alloc(32, 99).toString('base64') }))],
    ['a salt of another length', file, entries => change(entries, 2, () => ({ salt: Buffer.alloc(31, 3).toString('base64') }))],
    ['two salts swapped', file, entries => swap(entries, 2, 3, ({ salt }) => ({ salt }))],
    ['a body moved to another entry', file, entries => swap(entries, 2, 3, ({ salt, body }) => ({ salt, body }))],
    ['a withheld body replaced', partly, entries => change(entries, 2, () => ({ bodyHash: Buffer.alloc(32, 1).toString('base64') }))],
    ['two withheld bodies swapped', partly, entries => swap(entries, 1, 2, ({ bodyHash }) => ({ bodyHash }))],
    ['a body given beside the hash of another', partly, entries => change(entries, 2, () => ({ salt: entries[3]?.salt, body: entries[3]?.body }))],
    ['a body that is neither there nor withheld', partly, entries => change(entries, 2, () => ({ bodyHash: undefined }))],
  ])('%s is found', (_, genuine, attack) => {
    const { problems } = verifyExport(forged(genuine, attack), key)
    expect(problems[0]).toMatch(
      /^entry [23] of the file \(index [12] in the audit log\) (was changed: it does not lead to the signed root|is not an exported entry)$/,
    )
    expect(
      verifyExport(
        forged(genuine, () => {}),
        key,
      ).problems,
    ).toEqual([])
  })

  test.each([
    ['all bodies', file],
    ['some bodies withheld', partly],
  ])('with %s, any byte that is changed shows', (_, genuine) => {
    const bytes = Buffer.from(genuine)
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
      { numRuns: 1_500 },
    )
  })

  test('the entry that was changed is named', () => {
    expect(verifyExport(file.replace('entry 3 ', 'entry 9 ')).problems).toEqual([
      'entry 4 of the file (index 3 in the audit log) was changed: it does not lead to the signed root',
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
    expect(verifyExport(file, verifierKey(origin, signingKey(Buffer.alloc(32, 8)))).problems).toContain('the key in the file does not match the trusted key')
  })

  test('what is no export gets a sentence', () => {
    expect(verifyExport('{}').problems).toEqual(['the file is not a "tocsin journal export v4"'])
    expect(verifyExport('null').problems).toHaveLength(1)
    expect(verifyExport('').problems[0]).toMatch(/is not JSON/)
  })
})

function change(entries: ExportedEntry[], at: number, how: (one: ExportedEntry) => Partial<ExportedEntry>): void {
  const one = entries[at]
  if (one) entries[at] = { ...one, ...how(one) }
}

function swap(entries: ExportedEntry[], a: number, b: number, what: (one: ExportedEntry) => Partial<ExportedEntry>): void {
  const [left, right] = [entries[a], entries[b]]
  if (!left || !right) return
  entries[a] = { ...left, ...what(right) }
  entries[b] = { ...right, ...what(left) }
}

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

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashBody, leafData } from './journal-leaf.ts'
import { leafHash } from './tree.ts'

const header = {
  ...{ at: '2026-11-26T10:00:00.000Z', type: 'note.written', version: 1, subject: { kind: 'note', id: '0193b5a0-0000-7000-8000-000000000001' } },
  ...{ actorKind: 'person', isDemo: false, isExercise: false, isRestricted: true },
}
const body = {
  id: '0193b5a0-0000-7000-8000-000000000002',
  actor: { id: null, name: 'Ada “Countess” Lovelace' },
  within: '0193b5a0-0000-7000-8000-000000000003',
  data: { markdown: 'Ü, €, \n', count: 1_000_000 },
}
const salt = Buffer.from(Array.from({ length: 32 }, (_, n) => n))

test('a leaf is the one that docs/audit-log.md describes: these values were computed by another program', () => {
  expect(hashBody(salt, body).toString('hex')).toBe('0fa9c5fb819796e548606838414162d78cb1a66c3989e7c46bf93776a8e17809')
  expect(leafData(header, hashBody(salt, body))).toBe(
    '{"body":"D6nF+4GXluVIYGg4QUFi14yxpmw5iefEa/k3dqjheAk=","header":{"actorKind":"person","at":"2026-11-26T10:00:00.000Z","isDemo":false,"isExercise":false,"isRestricted":true,"subject":{"id":"0193b5a0-0000-7000-8000-000000000001","kind":"note"},"type":"note.written","version":1}}',
  )
  expect(leafHash(leafData(header, hashBody(salt, body))).toString('hex')).toBe('0532481d01120a2f9cfce3fadee4c5c3e72817726d0b948ba83ee194d62972db')
})

test('the same body under another salt is another hash, and the salt is what comes first', () => {
  expect(hashBody(Buffer.alloc(32, 9), body).equals(hashBody(salt, body))).toBe(false)
  const empty = { id: 'a', actor: { id: null, name: 'b' }, within: null, data: {} }
  const bytes = Buffer.concat([salt, Buffer.from('{"actor":{"id":null,"name":"b"},"data":{},"id":"a","within":null}')])
  expect(hashBody(salt, empty).equals(createHash('sha256').update(bytes).digest())).toBe(true)
})

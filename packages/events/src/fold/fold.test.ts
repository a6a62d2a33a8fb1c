import { digest } from '@tocsin/merkle'
import { describe, expect, test } from 'vitest'
import { differenceSentence, differencesBetween, type FoldableEntry, type StoredRecord } from './index.ts'

const id = (n: number) => `0193b5a0-0000-7000-8000-00000000000${n}`
const at = '2026-11-23T08:00:00.000Z'

/** Entries about records, as people wrote them one after the other. */
const written = (...entries: readonly { type: string; kind: string; of: number; data: unknown; version?: number }[]): FoldableEntry[] =>
  entries.map(({ type, kind, of, data, version = 1 }, index) => ({
    ...{ id: id(index), index, at, type, version, data, subject: { kind, id: id(of) }, actor: { kind: 'person', id: id(9) }, isDemo: false, isExercise: false },
  }))
const text = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true, nextSteps: null, nextCommunicationAt: null }
const draft = { type: 'notice.drafted', kind: 'notice', of: 1, data: { customer: 'Globex', ...text, sha256: digest(text) } }
const approved = (sha256: string) => ({ type: 'notice.approved', kind: 'notice', of: 1, data: { customer: 'Globex', sha256 } })
const notice = (fields: object): StoredRecord => ({
  ...{ kind: 'notice', id: id(1) },
  fields: { ...text, state: 'approved', authorId: id(9), editorId: id(9), approvedById: id(9), approvedAt: at, sentAt: null, ...fields },
})
const sentences = (entries: readonly FoldableEntry[], stored: readonly StoredRecord[]) => differencesBetween(entries, stored).map(differenceSentence)

describe('what entries say of a record', () => {
  const entries = written(draft, approved(digest(text)))

  test('is compared field by field: a difference names the record, the field, both values and the entry', () => {
    expect(sentences(entries, [notice({})])).toEqual([])
    expect(sentences(entries, [notice({ nature: 'Nothing', approvedById: null })])).toEqual([
      `notice ${id(1)}: nature is "Nothing" in the table, but "N" by entry 0 (notice.drafted)`,
      `notice ${id(1)}: approvedById is null in the table, but "${id(9)}" by entry 1 (notice.approved)`,
    ])
  })

  test('is no difference where it is not on record: entries of older versions did not carry it', () => {
    expect(sentences(entries, [notice({ kind: 'update', obligationId: id(3) })])).toEqual([])
    const delivery = { customer: 'Globex', address: 'a@b.test', receipt: 'ok', messageId: id(4) }
    const delivered = [...entries, ...written({ type: 'notice.delivered', kind: 'notice', of: 1, data: delivery })]
    expect(sentences(delivered, [notice({ state: 'sent', sentAt: at })])).toEqual([])
  })

  test('is not known from an entry whose body was erased, or that this version cannot read, until a later one says it', () => {
    const task = { title: 'Cut it off', assigneeId: null, dueOn: null }
    const added = { type: 'task.added', kind: 'task', of: 2, data: { ...task, isBusinessImpacting: false } }
    const stored = { kind: 'task', id: id(2), fields: { ...task, isBusinessImpacting: true, doneAt: at } }
    expect(sentences(written(added), [stored])).toHaveLength(2)
    expect(sentences(written({ ...added, data: undefined }), [stored])).toEqual([])
    expect(sentences(written({ ...added, version: 9 }), [stored])).toEqual([])
    const changed = { type: 'task.reopened', kind: 'task', of: 2, data: { ...task, isDone: false, before: { ...task, isDone: true } } }
    expect(sentences(written({ ...added, data: undefined }, changed), [stored])).toEqual([
      `task ${id(2)}: doneAt is "${at}" in the table, but null by entry 1 (task.reopened)`,
    ])
  })

  test('has of a customer when it was found; where an older entry does not say, that is when it was listed first', () => {
    const set = (of: readonly { id: string; foundAt?: string }[], when: string) => ({
      ...(written({
        ...{ type: 'incident.customers-set', kind: 'incident', of: 7, version: 2 },
        data: { customers: of.map(each => ({ ...each, name: 'Globex', basis: 'Logs.' })), before: { customers: [] } },
      })[0] ?? expect.fail('it is one entry')),
      at: when,
    })
    const [later, found] = ['2026-11-24T08:00:00.000Z', '2026-11-20T08:00:00.000Z']
    const entries = [set([{ id: id(1) }], at), set([{ id: id(1) }, { id: id(2) }, { id: id(3), foundAt: found }], later)]
    const customers = [at, later, found].map((foundAt, n) => ({ id: id(n + 1), basis: 'Logs.', foundAt }))
    expect(sentences(entries, [{ kind: 'incident', id: id(7), fields: { customers } }])).toEqual([])
    const removed = [...entries, set([{ id: id(2) }], later), set([{ id: id(1) }, { id: id(2) }], later)]
    const again = [later, later].map((foundAt, n) => ({ id: id(n + 1), basis: 'Logs.', foundAt }))
    expect(sentences(removed, [{ kind: 'incident', id: id(7), fields: { customers: again } }]), 'one that is listed anew is found anew').toEqual([])
  })

  test('names records that are missing from the tables, and those that no entry is about', () => {
    expect(sentences(entries, [])).toEqual([`notice ${id(1)} is missing from the tables; entry 0 (notice.drafted) made it`])
    expect(sentences([], [notice({})])).toEqual([`notice ${id(1)} is in the tables, but no entry is about it`])
    const discarded = { type: 'notice.discarded', kind: 'notice', of: 1, data: { customer: 'Globex', state: 'approved', sha256: digest(text) } }
    expect(sentences([...entries, ...written(discarded)], [])).toEqual([])
    expect(sentences([], [{ kind: 'obligation', id: id(5), fields: { state: 'pending' } }]), 'one that is only prepared').toEqual([])
  })

  test('is what an approval is for: one of another text is named', () => {
    expect(sentences(written(draft, approved(digest({ ...text, nature: 'Nothing' }))), [notice({})])).toEqual([
      expect.stringContaining(`notice ${id(1)}: entry 1 (notice.approved) approved something else`),
    ])
  })
})

import { type Concern, ProblemError } from '@tocsin/api'
import { expect, test } from 'vitest'
import { sentenceOf } from '../src/api.ts'
import { readsAfter } from '../src/refresh.ts'
import { coverageWords } from '../src/scheduling/words.ts'

const problem = { type: 'urn:tocsin:problem:invalid', title: 'Invalid', status: 400 } as const

test('a problem of one field names it as people do; every other one speaks for itself', () => {
  const of = (path: string, message: string) => sentenceOf(new ProblemError({ ...problem, detail: `${path}: ${message}.`, errors: [{ path, message }] }))
  expect(of('personId', 'must be somebody with an active account')).toBe('Person must be somebody with an active account.')
  expect(of('levels.0.securityTeamId', 'is unknown')).toBe('Security team is unknown.')
  expect(of('services.12', 'must not be empty')).toBe('Services must not be empty.')
  const clash = { ...problem, detail: 'name: is taken. Somebody else may have just saved it.', errors: [{ path: 'name', message: 'is taken' }] }
  expect(sentenceOf(new ProblemError(clash))).toBe(clash.detail)
  expect(sentenceOf(new ProblemError({ ...problem, detail: 'Assess the severity first.' }))).toBe('Assess the severity first.')
})

test('what is wrong with coverage is counted as what it is: a gap is when nobody is on call', () => {
  const concern = (kind: Concern['kind']): Concern => ({ kind, start: '', end: '', tier: 'primary', person: null, sentence: '' })
  const vacancy = { schedule: { id: '', name: '' }, layer: '', person: { id: '', name: '' }, sentence: '' }
  const of = (concerns: Concern['kind'][], vacant = 0) =>
    coverageWords({ concerns: concerns.map(concern), vacancies: Array.from({ length: vacant }, () => vacancy) })
  expect(of([])).toBe('')
  expect(of(['gap'])).toBe('1 coverage gap')
  expect(of(['gap', 'gap', 'double'], 1)).toBe('2 coverage gaps, 2 other problems')
  expect(of(['gap', 'unreachable'])).toBe('1 coverage gap, 1 other problem')
  expect(of(['stretch', 'nights'])).toBe('2 coverage problems')
  expect(of([], 1)).toBe('1 coverage problem')
})

test('an act that found no connection says what did not happen, and one without an answer says no such thing', () => {
  const error = (why: 'unreachable' | 'late') => new ProblemError({ ...problem, status: 503, detail: 'Failed to fetch.' }, why)
  expect(sentenceOf(error('unreachable'), 'acknowledgePage')).toBe('No connection: not acknowledged.')
  expect(sentenceOf(error('unreachable'), 'renameOrganization')).toBe('No connection: nothing was changed.')
  expect(sentenceOf(error('unreachable'))).toBe('No connection to Tocsin.')
  expect(sentenceOf(error('late'), 'acknowledgePage')).toMatch(/^No answer from Tocsin\. Check/)
})

test('an entry names what is read again: nothing after a look, everything after what no table has', () => {
  const after = (type: string, within: string | null = null) => readsAfter({ type, subject: { kind: 'x', id: 'x' }, within })
  expect(after('session.started')).toEqual([])
  expect(after('incident.read', 'i')).toEqual([])
  expect(after('person.changed')).toBeUndefined()
  expect(after('alert.received')).toContain('alerts')
  expect(after('alert.received')).not.toContain('pages')
  expect(after('page.triggered', 'i')).toEqual(expect.arrayContaining(['pages', 'counters', 'journal', 'incident', 'incidentTimeline']))
})

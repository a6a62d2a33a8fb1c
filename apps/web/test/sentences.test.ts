import { ProblemError } from '@tocsin/api'
import { expect, test } from 'vitest'
import { sentenceOf } from '../src/api.ts'

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

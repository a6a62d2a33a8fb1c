import { type ProblemKind, problemKinds } from '@tocsin/api'

/** What a refused call rejects with, to be matched: the kind of problem, its status, and the fields that are wrong. */
export function refusal(kind: ProblemKind, ...fields: readonly string[]) {
  const type = `urn:tocsin:problem:${kind}`
  return { problem: { type, status: problemKinds[kind], ...(fields.length > 0 ? { errors: fields.map(path => ({ path })) } : {}) } }
}

import { type FieldError, type Problem, type ProblemKind, problemKinds } from '@tocsin/api'

/** Something that a caller can be told: one of the closed set of problems, with a sentence for a person. */
export class AppProblem extends Error {
  override readonly name = 'AppProblem'
  readonly kind: ProblemKind
  readonly errors: readonly FieldError[] | undefined
  /** When it may be worth asking again, where that is known. */
  readonly retryAfterSeconds: number | undefined = undefined
  constructor(kind: ProblemKind, detail: string, errors?: readonly FieldError[]) {
    super(detail)
    this.kind = kind
    this.errors = errors
  }
}

const titles: Record<ProblemKind, string> = {
  invalid: 'Invalid request',
  'not-signed-in': 'Not signed in',
  forbidden: 'Not allowed',
  'reauthentication-required': 'Confirm your identity',
  'not-found': 'Not found',
  conflict: 'Conflict',
  'too-large': 'Too large',
  'unsupported-type': 'Unsupported content type',
  'key-reused': 'Key already used',
  'too-many': 'Too many requests',
  unexpected: 'Internal error',
  unavailable: 'Not available',
}

/** RFC 9457 problem details of a problem. */
export function problemDetails(kind: ProblemKind, detail: string, errors?: readonly FieldError[]): Problem {
  return { type: `urn:tocsin:problem:${kind}`, title: titles[kind], status: problemKinds[kind], detail, ...(errors ? { errors: [...errors] } : {}) }
}

export const notFound = (what: string) => new AppProblem('not-found', `There is no such ${what}.`)
export const conflict = (sentence: string) => new AppProblem('conflict', sentence)
export const forbidden = (sentence: string) => new AppProblem('forbidden', sentence)
/** Bad input beyond what its schema can say: `path` is the field. */
export const invalid = (path: string, message: string) => new AppProblem('invalid', `${path}: ${message}.`, [{ path, message }])

/** A record that somebody else changed in between: what the caller read is no longer what is stored. */
export const changedMeanwhile = () => conflict('Somebody else changed this in the meantime. Load the newer version and try again.')

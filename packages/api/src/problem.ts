import { z } from 'zod'

/** The closed set of things that can go wrong for a caller, with their HTTP status. */
export const problemKinds = {
  invalid: 400,
  'not-signed-in': 401,
  forbidden: 403,
  'reauthentication-required': 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  'unsupported-type': 415,
  'key-reused': 422,
  'too-many': 429,
  unexpected: 500,
  unavailable: 503,
} as const
export type ProblemKind = keyof typeof problemKinds

/** RFC 9457 problem details. `errors` names each bad field by its path. */
export const Problem = z
  .object({
    type: z.string().describe('Stable name of the kind of problem: urn:tocsin:problem:<kind>'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe('Human-readable explanation'),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })
export type Problem = z.output<typeof Problem>

import { validate } from '@tocsin/api'
import type { z } from 'zod'
import { CliProblem } from './output.ts'

/** What a person gave, parsed. @throws CliProblem (2) that names `what` it is, the field, and what would be right */
export function validated<Shape extends z.ZodType>(schema: Shape, value: unknown, what: string): z.output<Shape> {
  const parsed = validate(schema, value)
  if ('data' in parsed) return parsed.data
  const [error] = parsed.errors
  throw new CliProblem(`${what}: ${error?.path ? `${error.path} ` : ''}${error?.message}.`, 2)
}

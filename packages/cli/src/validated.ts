import { validate } from '@tocsin/api'
import type { z } from 'zod'
import { CliProblem } from './output.ts'

/**
 * What a person gave, parsed.
 * @param what it is, as in `teams.yaml` or `--zone`; the path of a field follows after `join`
 * @throws CliProblem (2) that names the field and what would be right
 */
export function validated<Shape extends z.ZodType>(schema: Shape, value: unknown, what: string, join = '.'): z.output<Shape> {
  const parsed = validate(schema, value)
  if ('data' in parsed) return parsed.data
  const [error] = parsed.errors
  throw new CliProblem(`${error?.path ? `${what}${join}${error.path}` : what} ${error?.message}.`, 2)
}

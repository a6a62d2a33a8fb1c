import { isUtf8 } from 'node:buffer'
import { type FieldError, type Route, unknownFields, validate } from '@tocsin/api'
import { z } from 'zod'
import { excessOf, parseJson } from './foreign-body.ts'
import { AppProblem } from './problems.ts'

/** Values of one request, and how deep they are nested: beyond that a schema takes seconds, or the stack. */
const maxValues = 50_000
const maxDepth = 100
/** Fields that an answer names as wrong. */
const maxErrors = 100

/** The JSON of our own API. @throws AppProblem invalid, for what is not JSON in UTF-8, or is more than a schema is asked about */
export function readOwnJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw new AppProblem('invalid', 'Body must be UTF-8.')
  const excess = excessOf(bytes, { levels: maxDepth, values: maxValues })
  if (excess !== undefined) {
    const message = excess === 'levels' ? `must be nested at most ${maxDepth} levels deep` : `must have at most ${maxValues.toLocaleString('en')} values`
    throw new AppProblem('invalid', `body: ${message}.`, [{ path: '', message }])
  }
  return parseJson(bytes)
}

type Part = 'path' | 'query' | 'body'

/** What a route expects that has no such part: nothing. Monitors and mail gateways add queries of their own to open addresses, which mean nothing. */
const nothing = z.object({})
export const schemaOf = (route: Route, part: 'query' | 'body'): z.ZodType | undefined => route[part] ?? (route.access.kind === 'public' ? undefined : nothing)

/** What a part of a request of our own API is, by the schema of its route. @throws AppProblem invalid, naming each field that is wrong or not known */
export function parse<Shape extends z.ZodType>(schema: Shape, value: unknown, part: Part): z.output<Shape>
export function parse(schema: z.ZodType | undefined, value: unknown, part: Part): unknown
export function parse(schema: z.ZodType | undefined, value: unknown, part: Part): unknown {
  if (!schema) return undefined
  const unacceptable = findUnacceptable(value)
  if (unacceptable) throw new AppProblem('invalid', `${unacceptable.path || part}: ${unacceptable.message}.`, [unacceptable])
  return conform(schema, value ?? {}, part, unknownFields(schema, value ?? {}))
}

/** The same of what was cleaned when it was read. @throws AppProblem invalid */
export function conform<Shape extends z.ZodType>(schema: Shape, value: unknown, part: Part, unknown: readonly FieldError[] = []): z.output<Shape> {
  const parsed = validate(schema, value)
  if ('data' in parsed && unknown.length === 0) return parsed.data
  const errors = [...('errors' in parsed ? parsed.errors : []), ...unknown].slice(0, maxErrors)
  throw new AppProblem(
    'invalid',
    errors
      .map(({ path, message }) => `${path || part}: ${message}`)
      .join('; ')
      .slice(0, 2_000),
    errors,
  )
}

const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed()

/** What of a value no schema allows: a text that PostgreSQL does not keep (NUL, half a surrogate pair), or a field named as what all objects share. */
function findUnacceptable(whole: unknown): FieldError | undefined {
  const left: { readonly value: unknown; readonly path: string }[] = [{ value: whole, path: '' }]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, path } = next
    if (typeof value === 'string' && !isStorable(value)) return { path, message: 'must be text without NUL characters and unpaired surrogates' }
    if (typeof value !== 'object' || value === null) continue
    for (const [key, member] of Object.entries(value).toReversed()) {
      if (!isStorable(key)) return { path, message: 'must be text without NUL characters and unpaired surrogates' }
      if (key === '__proto__') return { path, message: 'must not have a field named __proto__' }
      left.push({ value: member, path: path === '' ? key : `${path}.${key}` })
    }
  }
  return undefined
}

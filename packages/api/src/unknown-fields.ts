import type { z } from 'zod'
import { type FieldError, someOf } from './validate.ts'

type Path = readonly string[]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The fields of a value that its schema does not know, each with those that it does: what is misspelled, or meant for another version, would otherwise do nothing
 * in silence. Fields of strict objects are not among them, as the schema refuses them itself.
 */
export const unknownFields = (schema: z.core.$ZodType, value: unknown): FieldError[] => fieldsUnknownTo(schema, value, []) ?? []

/** Undefined where the value is of another shape than the schema, so that a union does not choose it. */
function fieldsUnknownTo(schema: z.core.$ZodType, value: unknown, path: Path): FieldError[] | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  const within = (inner: z.core.$ZodType) => fieldsUnknownTo(inner, value, path)
  switch (def.type) {
    case 'object':
      return isObject(value) ? Object.entries(value).flatMap(([name, member]) => ofField(def, name, member, path)) : undefined
    case 'array':
      return Array.isArray(value) ? value.flatMap((member, at) => fieldsUnknownTo(def.element, member, [...path, String(at)]) ?? []) : undefined
    case 'tuple':
      return Array.isArray(value)
        ? value.flatMap((member, at) => {
            const item = def.items[at] ?? def.rest
            return item === null || item === undefined ? [] : (fieldsUnknownTo(item, member, [...path, String(at)]) ?? [])
          })
        : undefined
    case 'record':
      return isObject(value) ? Object.entries(value).flatMap(([name, member]) => fieldsUnknownTo(def.valueType, member, [...path, name]) ?? []) : undefined
    case 'union':
      return meantOf(def, value)
        .map(within)
        .filter(unknown => unknown !== undefined)
        .toSorted((a, b) => a.length - b.length)[0]
    case 'intersection': {
      const toRight = new Set(within(def.right)?.map(({ path: unknown }) => unknown))
      return within(def.left)?.filter(({ path: unknown }) => toRight.has(unknown))
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return within(def.innerType)
    case 'pipe':
      return within(def.in)
    case 'lazy':
      return within(def.getter())
    case 'any':
    case 'unknown':
    case 'custom':
    case 'transform':
      return []
    default:
      return typeof value === 'object' && value !== null ? undefined : []
  }
}

function ofField({ shape, catchall }: z.core.$ZodObjectDef, name: string, member: unknown, path: Path): FieldError[] {
  const field = Object.hasOwn(shape, name) ? shape[name] : undefined
  if (field !== undefined) return fieldsUnknownTo(field, member, [...path, name]) ?? []
  if (catchall !== undefined) return []
  const known = Object.keys(shape)
  const right = known.length === 0 ? 'must be omitted: nothing is expected here' : `is not a known field. Known fields: ${someOf(known)}`
  return [{ path: [...path, name].join('.'), message: right }]
}

/** Of a union that names what tells its options apart the one that the value names, otherwise all. */
function meantOf(def: z.core.$ZodUnionDef, value: unknown): readonly z.core.$ZodType[] {
  if (!('discriminator' in def) || typeof def.discriminator !== 'string' || !isObject(value)) return def.options
  const { discriminator } = def
  const named = value[discriminator]
  return def.options.filter(option => new Set<unknown>(option._zod.propValues?.[discriminator]).has(named))
}

import { expect, test } from 'vitest'
import { z } from 'zod'
import { routes } from './routes.ts'
import { unknownFields } from './unknown-fields.ts'

const Target = z.discriminatedUnion('kind', [z.object({ kind: z.literal('person'), personId: z.string() }), z.object({ kind: z.literal('everyone') })])
const Shape = z.object({
  title: z.string(),
  labels: z.record(z.string(), z.object({ value: z.string() })).optional(),
  targets: z.array(Target).default([]),
  either: z.union([z.string(), z.array(z.object({ a: z.number() })), z.object({ b: z.number().nullable() })]).nullable(),
  pair: z
    .tuple([z.object({ a: z.number() }), z.string()])
    .readonly()
    .optional(),
  made: z.object({ day: z.string() }).transform(({ day }) => day),
  any: z.unknown(),
  open: z.looseObject({ a: z.number() }).optional(),
})

const pathsOf = (value: unknown) => unknownFields(Shape, value).map(({ path }) => path)

test('fields that a schema does not know are named, wherever they are', () => {
  expect(pathsOf({ title: 'x', severity: 'high' })).toEqual(['severity'])
  expect(unknownFields(z.object({ view: z.string(), limit: z.number() }), { severity: 'high' })).toEqual([
    { path: 'severity', message: 'is not a known field. Known fields: view, limit' },
  ])
  expect(pathsOf({ labels: { a: { value: '1', note: '2' } }, made: { day: '1', hour: 2 }, pair: [{ a: 1, b: 2 }, 'x'] })).toEqual([
    ...['labels.a.note', 'made.hour', 'pair.0.b'],
  ])
  expect(
    pathsOf({
      targets: [
        { kind: 'everyone', personId: '1' },
        { kind: 'person', personId: '2', name: 'x' },
        { kind: 'nobody', x: 1 },
      ],
    }),
  ).toEqual([...['targets.0.personId', 'targets.1.name']])
  expect([pathsOf({ either: [{ a: 1, b: 2 }] }), pathsOf({ either: { b: 1, a: 2 } }), pathsOf({ either: 'x' })]).toEqual([['either.0.b'], ['either.a'], []])
})

test('what one part of an intersection knows is known', () => {
  const both = z.object({ a: z.number() }).and(z.object({ b: z.number() }))
  expect(unknownFields(both, { a: 1, b: 2, c: 3 }).map(({ path }) => path)).toEqual(['c'])
})

test('what is known, or of any shape, is none of them', () => {
  expect(pathsOf({ title: 1, any: { a: 1 }, open: { a: 1, b: 2 }, either: null, targets: 'x', labels: null })).toEqual([])
  for (const value of [undefined, null, 'x', 1, []]) expect(pathsOf(value)).toEqual([])
})

test('every query and body of the contract says of a field that it does not know it', () => {
  for (const [name, { query, body, isFromOtherSoftware }] of Object.entries<{ query?: z.ZodType; body?: z.ZodType; isFromOtherSoftware?: true }>(routes))
    for (const schema of [query, body])
      if (schema !== undefined && isFromOtherSoftware !== true) {
        const strict = schema.safeParse({ 'not-a-field': 1 }).error?.issues.some(({ code }) => code === 'unrecognized_keys') ?? false
        expect(strict || unknownFields(schema, { 'not-a-field': 1 }).some(({ path }) => path === 'not-a-field'), name).toBe(true)
      }
})

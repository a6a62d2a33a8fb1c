import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { AlertInput } from './alerts.ts'
import { Day, Instant, Line } from './common.ts'
import { OrganizationFile } from './organization.ts'
import { routes } from './routes.ts'
import { ScheduleInput } from './schedules.ts'
import { validate } from './validate.ts'

const errorsOf = (schema: z.ZodType, value: unknown) => {
  const checked = validate(schema, value)
  return 'errors' in checked ? checked.errors : []
}

describe('what is wrong with a value', () => {
  const Shape = z.strictObject({
    title: z.string().min(1).max(5),
    severity: z.enum(['low', 'high']),
    count: z.number().int().min(2).max(9).optional(),
    ratio: z.number().gt(0).lt(1).multipleOf(0.25).optional(),
    isOpen: z.boolean().optional(),
    tags: z.array(z.string().min(2)).min(1).max(2).optional(),
    labels: z.record(z.string(), z.string()).optional(),
    kind: z.literal('alert').optional(),
    mail: z.email().optional(),
    at: z.iso.datetime().optional(),
    id: z.uuid().optional(),
  })
  const right = { title: 'x', severity: 'low' }

  test.for([
    ['a field that is missing', { severity: 'low' }, 'title', 'is required'],
    ['a choice that is missing', { title: 'x' }, 'severity', 'is required'],
    ['a choice that is none', { ...right, severity: 'urgent' }, 'severity', 'must be one of low, high'],
    ['the only value that is possible', { ...right, kind: 'incident' }, 'kind', 'must be alert'],
    ['text', { ...right, title: 3 }, 'title', 'must be text'],
    ['text that is empty', { ...right, title: '' }, 'title', 'must not be empty'],
    ['text that is too long', { ...right, title: '123456' }, 'title', 'must have at most 5 characters'],
    ['a number', { ...right, count: '3' }, 'count', 'must be a number'],
    ['a whole number', { ...right, count: 2.5 }, 'count', 'must be a whole number'],
    ['a number that is too small', { ...right, count: 1 }, 'count', 'must be at least 2'],
    ['a number that is too large', { ...right, count: 10 }, 'count', 'must be at most 9'],
    ['a limit that is not reached itself', { ...right, ratio: 0 }, 'ratio', 'must be more than 0'],
    ['a step', { ...right, ratio: 0.3 }, 'ratio', 'must be a multiple of 0.25'],
    ['true or false', { ...right, isOpen: 'yes' }, 'isOpen', 'must be true or false'],
    ['a list', { ...right, tags: 'x' }, 'tags', 'must be a list'],
    ['a list that is empty', { ...right, tags: [] }, 'tags', 'must have at least 1 item'],
    ['a list that is too long', { ...right, tags: ['ab', 'cd', 'ef'] }, 'tags', 'must have at most 2 items'],
    ['an item of a list', { ...right, tags: ['ab', 'c'] }, 'tags.1', 'must have at least 2 characters'],
    ['an object', { ...right, labels: [] }, 'labels', 'must be an object'],
    ['an email address', { ...right, mail: 'x' }, 'mail', 'must be an email address'],
    ['a time', { ...right, at: 'today' }, 'at', 'must be a date and time such as 2026-11-23T08:00:00Z'],
    ['an id', { ...right, id: '1' }, 'id', 'must be a valid ID'],
    ['a field that is unknown', { ...right, urgency: 1 }, '', 'has unknown field: urgency'],
    ['fields that are unknown', { ...right, urgency: 1, colour: 2 }, '', 'has unknown fields: urgency, colour'],
  ] as const)('names the field and what would be right: %s', ([, value, path, message]) => {
    expect(errorsOf(Shape, value)).toEqual([{ path, message }])
  })

  test('is said in the schema’s own words where it has some', () => {
    expect(errorsOf(z.object({ day: z.iso.date({ message: 'must be a day of this year' }) }), { day: 'x' })).toEqual([
      { path: 'day', message: 'must be a day of this year' },
    ])
  })

  test('is said of the branch of a union that was meant', () => {
    const Target = z.union([z.object({ kind: z.literal('person'), person: z.object({ id: z.uuid() }) }), z.string()])
    expect(errorsOf(z.object({ target: Target }), { target: { kind: 'person', person: { id: 'x' } } })).toEqual([
      { path: 'target.person.id', message: 'must be a valid ID' },
    ])
    expect(errorsOf(z.object({ target: Target }), {})).toEqual([{ path: 'target', message: 'is required' }])
  })

  test('is said of the branch that knows the fields, and by the union itself where none does', () => {
    const message = 'must be one of tier, schedule'
    const Target = z.union([z.strictObject({ tier: z.string() }), z.strictObject({ schedule: z.string(), position: z.number().optional() })], message)
    expect(errorsOf(Target, { user: 'x' })).toEqual([{ path: '', message }])
    expect(errorsOf(Target, { schedule: 'x', position: 'y' })).toEqual([{ path: 'position', message: 'must be a number' }])
    expect(errorsOf(Target, { tier: 1 })).toEqual([{ path: 'tier', message: 'must be text' }])
  })

  test('is nothing where nothing is wrong; what was parsed is returned', () => {
    expect(validate(z.object({ n: z.coerce.number() }), { n: '3' })).toEqual({ data: { n: 3 } })
  })
})

/** The library's own sentences are for programmers: `Invalid input: expected string, received undefined`. */
test.for([undefined, null, 'x', '', -1, 1.5, [], [[]], {}, { x: 1 }])('no route answers %j in any place with a sentence of the library', value => {
  const wrong = Object.values(routes).flatMap(route => {
    const shape = 'body' in route && route.body instanceof z.ZodObject ? Object.keys(route.body.shape) : []
    const bodies = [value, Object.fromEntries(shape.map(name => [name, value]))]
    return bodies.flatMap(body =>
      'body' in route && route.body ? errorsOf(route.body, body).map(error => `${route.path} ${error.path}: ${error.message}`) : [],
    )
  })
  expect(wrong.filter(line => /Invalid|expected|received|Too |Unrecognized/.test(line))).toEqual([])
})

describe('a name or a title in which nothing can be seen', () => {
  const blanks = ['', '   ', '\t\u00a0\u3000', '\u200b', '\u2060 \u00ad\u200d', '\ufeff', '\u3164\u115f', '\u2800', '\u0007\u009f', '\u{e0020}']

  test.for(blanks)('%j is refused once, by its name, by every route that takes one', blank => {
    const named = Object.values(routes).flatMap(route => {
      const { body } = 'body' in route ? route : {}
      if (!(body instanceof z.ZodObject)) return []
      const fields = Object.keys(body.shape).filter(field => /^(name|title|contactName)$/.test(field))
      return fields.map(field => errorsOf(body, { [field]: blank }).flatMap(({ path, message }) => (path === field ? [`${route.path} ${message}`] : [])))
    })
    expect(named.length).toBeGreaterThan(15)
    for (const errors of named) expect(errors).toEqual([expect.stringMatching(/ must not be empty$/)])
    const inside = [
      errorsOf(AlertInput, { title: blank, severity: 'high' }),
      errorsOf(ScheduleInput.shape.layers.element.pick({ name: true }), { name: blank }),
      errorsOf(OrganizationFile, { services: [{ name: blank, securityTeam: 'a', engineeringTeam: 'b' }] }),
    ]
    expect(inside.map(errors => errors.map(({ message }) => message))).toEqual([['must not be empty'], ['must not be empty'], ['must not be empty']])
  })

  test.for(['é', '.', '한', 'ا\u200d', '👩\u200d👧', ' x '])('%j is none of these', text => {
    expect(errorsOf(Line(), text)).toEqual([])
  })

  test('is one line that reads from its beginning, whatever was sent', () => {
    for (const text of [
      'Kim,\n\nPay here: https://evil.example',
      'Kim\r\nBcc: eve@evil.example',
      'Kim\u2028Pay',
      'Kim\u0000\u001b[2J',
      'Kim \u202ednuof',
      '\nKim\u2066',
    ])
      expect(Line().parse(text), JSON.stringify(text)).toMatch(/^Kim[^\p{Control}\u2028\u202e\u2066]*$/u)
    // The length is that of what is kept.
    expect(Line(5).parse('Kim\r\n\t\n')).toBe('Kim')
    expect(Line().parse('👩\u200d👧 한 ا\u200d')).toBe('👩\u200d👧 한 ا\u200d')
  })
})

test('a time of a year that no database has is refused in words', () => {
  for (const text of ['0000-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z'])
    expect(errorsOf(Instant, text), text).toMatchObject([{ message: 'must be in the year 1970 or later' }])
  for (const text of ['0000-01-01', '1969-12-31']) expect(errorsOf(Day, text), text).toMatchObject([{ message: 'must be in the year 1970 or later' }])
  for (const text of ['+010000-01-01T00:00:00Z', '10000-01-01T00:00:00Z', '2026-02-30T00:00:00Z'])
    expect(errorsOf(Instant, text), text).toMatchObject([{ message: expect.stringMatching(/^must be a date and time/) }])
  expect(errorsOf(Instant, '1970-01-01T00:00:00Z')).toEqual([])
  expect(errorsOf(Instant, '9999-12-31T23:59:59Z')).toEqual([])
})

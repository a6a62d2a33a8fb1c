import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { complete, type Field, filterLimits, parse, print } from './index.ts'

const fields: readonly Field[] = [
  { name: 'severity', kind: 'choice', values: ['critical', 'high', 'medium', 'low', 'info'], description: 'Severity' },
  { name: 'host', kind: 'text', example: 'db-*', description: 'Host' },
  { name: 'service', kind: 'text', description: 'Service' },
  { name: 'assignee', kind: 'person', description: 'Assignee' },
  { name: 'count', kind: 'number', example: '>5', description: 'Occurrences' },
  { name: 'age', kind: 'duration', example: '>2h', description: 'Age' },
  { name: 'last', kind: 'time', aliases: ['seen'], description: 'Last seen' },
  { name: 'silenced', kind: 'flag', description: 'Silenced' },
  { name: 'label', kind: 'text', isKeyed: true, example: 'env:prod', description: 'Label' },
]
const read = (text: string) => {
  const { filter, problem } = parse(text, fields)
  return filter ?? expect.fail(problem.message)
}
const canonical = (text: string) => print(read(text))
const problem = (text: string) => parse(text, fields).problem
const withoutPlaces = (text: string) => read(text).map(({ start: _, end: __, ...term }) => term)

describe('a filter', () => {
  test('is read into terms, with where each is', () => {
    expect(read('Severity:HIGH,low -host:db-* "two words" word')).toEqual([
      { kind: 'choice', field: 'severity', values: ['high', 'low'], isNegated: false, start: 0, end: 17 },
      { kind: 'text', field: 'host', key: undefined, values: [['db-', '']], isNegated: true, start: 18, end: 28 },
      { kind: 'word', pattern: ['two words'], isNegated: false, start: 29, end: 40 },
      { kind: 'word', pattern: ['word'], isNegated: false, start: 41, end: 45 },
    ])
    expect(withoutPlaces('assignee:me,none,"me",Mi* seen:<2026-11-01 age:>2h count:>5,0 is:silenced silenced:no label.env:prod')).toMatchObject([
      { values: [{ who: 'me' }, { who: 'none' }, { who: 'named', name: ['me'] }, { who: 'named', name: ['Mi', ''] }] },
      { field: 'last', values: [{ operator: '<', from: '2026-11-01T00:00:00.000Z', until: '2026-11-02T00:00:00.000Z' }] },
      { values: [{ operator: '>', ms: 7_200_000 }] },
      {
        values: [
          { operator: '>', number: 5 },
          { operator: '=', number: 0 },
        ],
      },
      { kind: 'flag', field: 'silenced', isNegated: false },
      { kind: 'flag', field: 'silenced', isNegated: true },
      { key: 'env', values: [['prod']] },
    ])
  })

  test('has one canonical text', () => {
    const texts = {
      '  severity:HIGH   host:"db-1" ': 'severity:high host:db-1',
      'host:a**b,"x y"*': 'host:a*b,"x y"*',
      'seen:>=2026-11-01T08:00Z': 'last:>=2026-11-01T08:00Z',
      'silenced:no -silenced:no': '-is:silenced is:silenced',
      'https://evil.example/x?y=1': '"https://evil.example/x?y=1"',
      '"OR" "-x" --x -': '"OR" "-x" -"-x" "-"',
      'host:fe80::1': 'host:fe80::1',
      '"say \\"hi\\" \\\\ "': '"say \\"hi\\" \\\\ "',
      'assignee:"none",me': 'assignee:"none",me',
    }
    for (const [text, expected] of Object.entries(texts)) expect(canonical(text), text).toBe(expected)
  })

  test('that is wrong is a sentence that says what would be right, and where', () => {
    const problems = {
      'severity:hgh': 'severity:hgh is not a severity: use critical, high, medium, low or info',
      'x sevrity:high': 'sevrity is not a field: did you mean severity? To search for it as text, put it in quotation marks',
      'zebra:1': 'zebra is not a field. To search for it as text, put it in quotation marks',
      'host.x:1': 'host.x is not a field: did you mean host? To search for it as text, put it in quotation marks',
      'severity:': 'severity: needs a value: use critical, high, medium, low or info',
      'host:a,': 'host: needs a value, such as host:db-*',
      'host:"a': 'A quotation mark is not closed: add " at the end of the text',
      'count:many': 'count:many is not a number: use count:5, count:>5 or count:<=5',
      'age:2h': 'age:2h needs < or >, such as age:>2h',
      'age:>2': 'age:>2 is not a duration: use a number with m, h, d or w, such as age:>2h',
      'seen:<2026-02-30': 'seen:<2026-02-30 is not a date: use 2026-11-01 or 2026-11-01T08:00Z, such as seen:<2026-11-01',
      'seen:tomorrow': 'seen:tomorrow is not a date: use 2026-11-01 or 2026-11-01T08:00Z, such as seen:<2026-11-01',
      'is:odd': 'is:odd is not known: use is:silenced',
      'silenced:maybe': 'silenced takes yes or no, or write is:silenced',
      'label:prod': 'label needs a key, such as label.env:prod',
      'a OR b': 'OR is not part of the filter language: write alternatives with commas, such as severity:high,critical',
      'a AND b': 'AND is not part of the filter language: all terms must hold anyway, so leave it out',
      '""': 'The text to search for is empty',
      'host:*a*b*c*d*e*f*': 'A value must have at most 5 wildcards',
      'a\0': 'A filter must be text without control characters',
    }
    for (const [text, message] of Object.entries(problems)) expect(problem(text)?.message, text).toBe(message)
    expect(problem('x sevrity:high')).toMatchObject({ start: 2, end: 9 })
    expect(problem('a '.repeat(filterLimits.terms + 1))?.message).toBe('A filter must have at most 50 terms')
    expect(problem(`host:${'a,'.repeat(60)}a`)?.message).toBe('host must have at most 50 values')
  })

  const piece = fc.oneof(
    fc.constantFrom(
      'severity:',
      'host:',
      'label.env:',
      'is:silenced',
      'assignee:',
      'count:',
      'age:',
      'seen:',
      '-',
      '*',
      ',',
      '"',
      '\\',
      ' ',
      '  ',
      '>',
      '<=',
      '5',
      '2h',
      '2026-11-01',
      'high',
      'me',
      'none',
      'OR',
      'https://x',
      'db-1',
      ':',
    ),
    fc.string({ maxLength: 5, unit: 'grapheme' }),
  )
  const text = fc.array(piece, { maxLength: 30 }).map(pieces => pieces.join(''))

  test('is either read, and the same after it was printed, or refused within its text', () => {
    fc.assert(
      fc.property(text, given => {
        const { filter, problem } = parse(given, fields)
        if (filter === undefined) {
          expect(problem.start).toBeGreaterThanOrEqual(0)
          expect(problem.end).toBeLessThanOrEqual(given.length)
          expect(problem.start).toBeLessThanOrEqual(problem.end)
          return
        }
        const printed = print(filter)
        expect(withoutPlaces(printed)).toEqual(withoutPlaces(given))
        expect(print(read(printed))).toBe(printed)
        for (const [place, term] of filter.entries()) expect(term.start).toBeGreaterThanOrEqual(filter[place - 1]?.end ?? 0)
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('a completion', () => {
  const items = (text: string, caret = text.length) => {
    const found = complete(text, caret, fields, { service: ['billing', 'API gateway'] })
    return found.items.map(item => `${text.slice(0, found.start)}${item.text}${text.slice(found.end)}`)
  }

  test('offers fields, and the values of one', () => {
    expect(items('s')).toEqual(['severity:', 'service:', 'is:silenced'])
    expect(items('x -sev')).toEqual(['x -severity:'])
    expect(items('severity:high,c host:x', 15)).toEqual(['severity:high,critical host:x'])
    expect(items('service:')).toEqual(['service:billing', 'service:"API gateway"'])
    expect(items('service:"ap')).toEqual(['service:"API gateway"'])
    expect(items('is:')).toEqual(['is:silenced'])
    expect(items('assignee:')).toEqual(['assignee:me', 'assignee:none'])
    expect(items('lab')).toEqual(['label.'])
    expect(items('zebra:')).toEqual([])
  })

  test('of anything is within the text', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: -5, max: 100 }), (given, caret) => {
        const { start, end, items } = complete(given, caret, fields)
        expect(0 <= start && start <= end && end <= given.length && items.length <= 30).toBe(true)
      }),
    )
  })
})

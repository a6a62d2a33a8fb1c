import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countLines, eventLines } from './event-lines.ts'

const linesOf = (text: string) => eventLines(Buffer.from(text)).toString('utf8').split('\n')
/** What is read of the lines; the texts of events have whatever JSON can have. */
const read = (text: string) => linesOf(text).flatMap(line => (line.trim() === '' ? [] : [JSON.parse(line) as unknown]))
const event = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3, stringUnit: fc.constantFrom(...'a"\\{}[],: \né') }))

test('an array, however it is laid out, objects without a separator, and lines are the same events', () => {
  fc.assert(
    fc.property(fc.array(event), fc.constantFrom(0, 2, '\t', '\r\n'), (events, indent) => {
      expect(read(` \n${JSON.stringify(events, null, indent)}\r\n`)).toEqual(JSON.parse(JSON.stringify(events)))
      expect(read(`\ufeff${JSON.stringify(events, null, indent)}`)).toEqual(JSON.parse(JSON.stringify(events)))
      expect(read(events.map(one => JSON.stringify(one)).join(''))).toEqual(JSON.parse(JSON.stringify(events)))
      const lines = events.map(one => `${JSON.stringify(one)}\n`).join('')
      expect(eventLines(Buffer.from(lines)).toString('utf8')).toBe(lines)
    }),
  )
})

test.each([
  '[error] it failed',
  '[{"a":1}',
  '[{"a":1}] [{"a":2}]',
  '[{"a":"1]\n{"b":2}',
  '[{"a":1]}',
  'no "JSON }{\n{"a":1}',
  '{"a":"}{"}\n{"b":1}',
  '',
  ' \n',
])('%j stays as it is', text => expect(eventLines(Buffer.from(text)).toString('utf8')).toBe(text))

test('members that are no objects are counted as such, and a line that leaves something open takes no other with it', () => {
  expect(countLines(eventLines(Buffer.from('[{"a":1},"x",[1],7,{}]')))).toEqual({ events: 2, others: 3 })
  expect(linesOf('{"a":"open }{\n{"b":1}{"c":1}')).toEqual(['{"a":"open }{', '{"b":1}', '{"c":1}'])
  expect(countLines(eventLines(Buffer.from('\ufeff{"a":1}\n{"b":1}')))).toEqual({ events: 2, others: 0 })
})

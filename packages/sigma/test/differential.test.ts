import fc from 'fast-check'
import { load } from 'js-yaml'
import { describe, expect, test } from 'vitest'
import { ChunkMatcher, Engine, readRules } from '../src/index.ts'
import { pathsOf } from '../src/taxonomy/fields.ts'
import { referenceOf } from './reference.ts'
import { isMissing, patience, publicRules, windowsEvents } from './shared.ts'

type Json = Readonly<Record<string, unknown>>

/** The rules that the engine finds to match each event, when every rule judges every event. */
function engineFinds(engine: Engine, events: readonly Json[]): readonly Set<string>[] {
  const text = events.map(event => JSON.stringify(event)).join('\n')
  const { matches } = new ChunkMatcher(engine).match(Buffer.from(text), {})
  const found = events.map(() => new Set<string>())
  for (const { rule, line } of matches) found[line]?.add(engine.rules[rule]?.id ?? '')
  return found
}

describe.skipIf(isMissing)('all public rules on 5,000 sampled events (skipped without the shared folder)', () => {
  test(
    'the engine and the reference agree on every pair',
    async () => {
      const files = await publicRules()
      const set = readRules(files)
      const engine = Engine.compile(set, { declared: [{}] })
      const lines = windowsEvents().toString('utf8').trim().split('\n')
      const step = lines.length / 5_000
      const events = Array.from({ length: 5_000 }, (_, i) => JSON.parse(lines[Math.floor(i * step)] ?? '{}') as Json)
      const found = engineFinds(engine, events)
      const references = new Map(
        files.flatMap(({ text }) => {
          const document = load(text) as { id: string; detection: Json }
          return [[document.id, referenceOf(document.detection, pathsOf)] as const]
        }),
      )
      const differences: string[] = []
      let agreed = 0
      // Rule by rule: what is compiled of a rule's expressions is used while it is there.
      for (const { id } of set.rules) {
        const reference = references.get(id)
        for (const [line, event] of events.entries()) {
          const expected = reference?.(event)
          if (expected !== found[line]?.has(id)) differences.push(`${line} ${id} ${expected ? 'missed' : 'too much'}`)
          else if (expected) agreed++
        }
      }
      expect(differences).toEqual([])
      expect(agreed).toBeGreaterThan(100)
    },
    300_000 * patience,
  )
})

/** Few letters, so that rules and events meet; signs that rules, JSON and folding treat in a way of their own. */
const letters = fc.constantFrom(
  'a',
  'A',
  'b',
  'k',
  'K',
  's',
  'ſ',
  '\u212a',
  '\\',
  '*',
  '?',
  '"',
  '/',
  '-',
  '–',
  ' ',
  'é',
  'É',
  '1',
  '0',
  '\n',
  '\u0001',
  '\ud83d\ude00',
)
const text = fc.array(letters, { maxLength: 8 }).map(list => list.join(''))
const field = fc.constantFrom('Image', 'CommandLine', 'a.b', 'ThreatName', 'n')
const modifiers = fc.constantFrom(
  '', '|contains', '|startswith', '|endswith', '|cased', '|contains|cased', '|neq', '|windash|contains', '|base64offset|contains', '|wide|base64offset|contains', '|contains|all',
) // biome-ignore format: a list
const value = fc.oneof(text, text, fc.integer({ min: 0, max: 12 }), fc.constant(null), fc.boolean())
const selection = fc.oneof(
  fc.dictionary(
    fc.tuple(field, modifiers).map(parts => parts.join('')),
    fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
    { minKeys: 1, maxKeys: 3 },
  ),
  fc.dictionary(field, value, { minKeys: 1, maxKeys: 2 }),
  fc.dictionary(
    fc.tuple(field, fc.constantFrom('|lt', '|gte')).map(parts => parts.join('')),
    fc.integer({ min: 0, max: 12 }),
    { minKeys: 1, maxKeys: 1 },
  ),
  fc.dictionary(
    field.map(name => `${name}|exists`),
    fc.boolean(),
    { minKeys: 1, maxKeys: 1 },
  ),
  fc.dictionary(
    field.map(name => `${name}|re`),
    fc.constantFrom('a+k', '[ab]{2,}', '^K', 's$', '(a|\\d)k?', '(?i)kS'),
    { minKeys: 1, maxKeys: 1 },
  ),
  fc.dictionary(fc.constant('Image|fieldref'), fc.constant('CommandLine'), { minKeys: 1, maxKeys: 1 }),
  fc.array(
    text.filter(word => word !== ''),
    { minLength: 1, maxLength: 2 },
  ),
)
const condition = fc.constantFrom(
  'one',
  'not one',
  'one and two',
  'one or not two',
  '1 of them',
  'all of *o*',
  'not (one or two) and three',
  'three and not 1 of t*',
)
const detection = fc.record({ one: selection, two: selection, three: selection, condition })
const leaf = fc.oneof(
  text,
  text,
  fc.integer({ min: -3, max: 12 }),
  fc.constant(null),
  fc.boolean(),
  fc.array(text, { maxLength: 2 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const event = fc.dictionary(
  fc.constantFrom('Image', 'CommandLine', 'a', 'a.b', 'Threat Name', 'n', 'Event', 'other'),
  fc.oneof(leaf, leaf, fc.dictionary(fc.constantFrom('b', 'EventData', 'c'), fc.oneof(leaf, fc.dictionary(field, leaf)))),
)

test(
  'generated rules and events: the engine and the reference agree',
  () => {
    fc.assert(
      fc.property(fc.array(detection, { minLength: 1, maxLength: 6 }), fc.array(event, { minLength: 1, maxLength: 12 }), (detections, events) => {
        const documents = detections.map((one, i) => ({ title: `Rule ${i}`, id: `r${i}`, logsource: { product: 'any' }, detection: one }))
        const set = readRules(documents.map((document, i) => ({ name: `${i}.yml`, text: JSON.stringify(document) })))
        const engine = Engine.compile(set, { declared: [{}] })
        const found = engineFinds(engine, events)
        for (const [line, one] of events.entries())
          for (const { id } of set.rules) {
            const document = documents.find(candidate => candidate.id === id)
            expect(found[line]?.has(id), `${JSON.stringify(document?.detection)} on ${JSON.stringify(one)}`).toBe(
              referenceOf(document?.detection ?? {}, pathsOf)(JSON.parse(JSON.stringify(one)) as Json),
            )
          }
      }),
      { numRuns: 400 },
    )
  },
  120_000 * patience,
)

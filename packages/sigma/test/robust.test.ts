import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold, foldTable } from '../src/fold.ts'
import { ChunkMatcher, Engine, EventView, readRules } from '../src/index.ts'
import { compileRegex, needsOf } from '../src/regex.ts'
import { patience } from './shared.ts'

test('the scanner is what its source compiles to', () => {
  const out = join(mkdtempSync(join(tmpdir(), 'tocsin-wasm-')), 'scan.wasm')
  const folder = fileURLToPath(new URL('../wasm/', import.meta.url))
  const compiler = fileURLToPath(new URL('../../../node_modules/assemblyscript/bin/asc.js', import.meta.url))
  const done = spawnSync(process.execPath, [compiler, 'scan.ts', '--config', 'asconfig.json', '--outFile', out], { cwd: folder, encoding: 'utf8' })
  expect(done.stderr).toBe('')
  expect(readFileSync(out).equals(readFileSync(new URL('../src/scan.wasm', import.meta.url))), 'run npm run wasm and commit the result').toBe(true)
})

test('folding is the simple case folding that regular expressions with i and u use', () => {
  for (let code = 0; code < 0x10000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue
    const folded = foldTable[code] ?? code
    if (folded === code) continue
    const escaped = `\\u{${code.toString(16)}}`
    expect(new RegExp(`^${escaped}$`, 'iu').test(String.fromCharCode(folded)), code.toString(16)).toBe(true)
  }
  expect(fold('K ſ É ẞ \u{10400}')).toBe('k s é ß \u{10428}')
})

test('property: what a regular expression is said to need, every match has', () => {
  const atom = fc.constantFrom('a', 'b', '.', '\\d', '[ab]', '(ab|c)', '\\.', '(?:xy)', '(?:z{2})', '\\s', '(a(b)?)')
  const quantified = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{0,}')).map(parts => parts.join(''))
  const source = fc.array(quantified, { minLength: 1, maxLength: 6 }).map(parts => parts.join(''))
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '1', '.', 'x', 'y', 'z', ' ', 'A'), { maxLength: 20 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(source, text, fc.constantFrom('', 'i'), (pattern, value, flags) => {
      if (!compileRegex(pattern, flags)(value)) return
      const { literals, length } = needsOf(pattern)
      for (const literal of literals) expect(fold(value), pattern).toContain(literal)
      expect([...value].length, pattern).toBeGreaterThanOrEqual(length)
    }),
    { numRuns: 3_000 },
  )
})

test('a regular expression that would take for ever elsewhere takes no time', () => {
  const matches = compileRegex('^(a+)+$', '')
  expect(matches(`${'a'.repeat(100_000)}b`)).toBe(false)
})

const good = `title: T
id: r1
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith|windash: ['\\cmd.exe', "x*y?z"]
    CommandLine|re: 'a{1,5}b'
  keywords: [evil, 5, true]
  condition: (selection or not keywords) and 1 of s*
level: high
`

/** A text with some bytes changed, left out, doubled or put in. */
const mutated = (text: string) =>
  fc
    .array(
      fc.record({
        at: fc.nat(text.length),
        cut: fc.nat(12),
        put: fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('|', '*', '\\', '[', '{', '&a ', '*a ', ':', '\n', '---\n', '(', "'", '\0')),
      }),
      { minLength: 1, maxLength: 6 },
    )
    .map(edits => edits.reduce((before, { at, cut, put }) => before.slice(0, at) + put + before.slice(at + cut), text))

test(
  'fuzz: a mutated rule file is read or refused with a line, and never throws',
  () => {
    fc.assert(
      fc.property(mutated(good), text => {
        const set = readRules([{ name: 'f.yml', text }])
        for (const { line, reason } of set.refused) {
          expect(line).toBeGreaterThan(0)
          expect(reason).not.toBe('')
        }
        if (set.rules.length > 0) Engine.compile(set)
      }),
      { numRuns: 1_500 },
    )
  },
  60_000 * patience,
)

test(
  'fuzz: mutated lines are matched as the slow path would, or told to be no events, and the good line among them is found',
  () => {
    const engine = Engine.compile(readRules([{ name: 'f.yml', text: good }]))
    const matcher = new ChunkMatcher(engine)
    const event = JSON.stringify({
      Channel: 'Microsoft-Windows-Sysmon/Operational',
      EventID: 1,
      Image: 'C:\\cmd.exe',
      CommandLine: 'xaab "é" \u0001\ud83d\ude00',
      nested: { list: [1.5, -0, null, true, { deep: 'evil' }] },
    })
    fc.assert(
      fc.property(mutated(event), line => {
        const one = line.replaceAll(/[\n\r]/g, ' ')
        const { matches, invalid } = matcher.match(Buffer.from(`${event}\n${one}\n${event}`))
        expect(matches.map(match => match.line).filter(number => number !== 1)).toEqual([0, 2])
        let isEvent = false
        let isMet = false
        try {
          // What bytes do to a text, this does too: half a surrogate pair becomes a replacement character.
          isMet = engine.matchAll(new EventView(Buffer.from(one).toString('utf8'))).length > 0
          isEvent = true
        } catch {
          isMet = false
        }
        expect(
          matches.some(match => match.line === 1),
          one,
        ).toBe(isMet)
        // A line whose fault no rule comes near may pass unseen; one that is an event is never called none.
        if (isEvent || one.trim() === '') expect(invalid, one).toEqual([])
      }),
      { numRuns: 5_000 },
    )
  },
  60_000 * patience,
)

const objectMembers = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']

test('fields may be called as what every object has', () => {
  for (const name of objectMembers) {
    const engine = Engine.compile(
      readRules([
        {
          name: 'r.yml',
          text: `title: T\nid: r1\nlogsource: {}\ndetection:\n  a:\n    "${name}": evil\n  condition: a\nlevel: low\n`,
        },
      ]),
    )
    expect(engine.refused, name).toEqual([])
    const matcher = new ChunkMatcher(engine)
    const event = `{"${name}":"evil","b":"evil"}`
    const { matches, invalid } = matcher.match(Buffer.from(`${event}\n{"b":"evil"}\n{}\n`))
    expect(invalid).toEqual([])
    expect(matches.map(({ line, fields }) => [line, Object.entries(fields)])).toEqual([[0, [[name, 'evil']]]])
    expect(engine.matchAll(new EventView('{"b":"evil"}'))).toEqual([])
  }
})

test('an event with many keys takes time in proportion to them, and one with too many is set aside with the reason', () => {
  const event = (keys: number) => `{${Array.from({ length: keys }, (_, n) => `"k ${n}":${n}`).join(',')},"F O":"evil"}`
  const many = event(15_000)
  const since = performance.now()
  const view = new EventView(many)
  for (let n = 0; n < 2_000; n += 1) view.field(`field${n}`)
  expect(view.field('FO').texts).toEqual(['evil'])
  expect(performance.now() - since).toBeLessThan(500 * patience)
  const engine = Engine.compile(
    readRules([{ name: 'r.yml', text: 'title: T\nid: r1\nlogsource: {}\ndetection:\n  a:\n    FO: evil\n  condition: a\nlevel: low\n' }]),
  )
  const { matches, invalid } = new ChunkMatcher(engine).match(Buffer.from(`{"FO":"evil"}\n${event(300_000)}\n{"FO":"evil"}\n`))
  expect(matches.map(({ line }) => line)).toEqual([0, 2])
  expect(invalid.map(({ line, reason }) => [line, reason.replace(/ \(only.*/, '')])).toEqual([[1, 'an event may have at most 20,000 keys']])
})

test('times and numbers of any length take no time', () => {
  const digits = '9'.repeat(400_000)
  const rule = 'title: T\nid: r1\nlogsource: {}\ndetection:\n  a:\n    n|gt: 5\n  condition: a\nlevel: low\n'
  const engine = Engine.compile(readRules([{ name: 'r.yml', text: rule }]))
  const since = performance.now()
  for (const text of [`{"@timestamp":"${digits}","n":6}`, `{"@timestamp":${digits},"n":6}`, `{"n":"${digits}x"}`]) {
    const view = new EventView(text)
    expect(view.time()).toBeUndefined()
    engine.matchAll(view)
  }
  expect(performance.now() - since).toBeLessThan(500 * patience)
})

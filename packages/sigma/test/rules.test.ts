import { describe, expect, test } from 'vitest'
import { ChunkMatcher, Engine, readRules } from '../src/index.ts'

const rule = (detection: string, extra = '') =>
  `title: A rule\nid: r1\nlogsource:\n  category: test\n${extra}detection:\n${detection
    .split('\n')
    .map(line => `  ${line}`)
    .join('\n')}\n`

/** Which of the events a detection meets. */
function met(detection: string, events: readonly unknown[], placeholders: Record<string, string[]> = {}): boolean[] {
  const set = readRules([{ name: 'rule.yml', text: rule(detection) }], placeholders)
  expect(set.refused).toEqual([])
  const { matches } = new ChunkMatcher(Engine.compile(set)).match(Buffer.from(events.map(event => JSON.stringify(event)).join('\n')))
  const lines = new Set(matches.map(({ line }) => line))
  return events.map((_, line) => lines.has(line))
}

/** Whether a field with this value meets `key: value`. */
const meets = (key: string, value: string, found: unknown, placeholders?: Record<string, string[]>) =>
  met(`selection:\n  ${key}: ${value}\ncondition: selection`, [{ F: found, G: 'other' }], placeholders)[0]

const refusal = (text: string) => readRules([{ name: 'rule.yml', text }]).refused[0]

describe('values (Sigma 2.1, Detection)', () => {
  test.each([
    ['F', 'abc', 'ABC', true],
    ['F', 'abc', 'abcd', false],
    ['F', "'a*c'", 'aXXc', true],
    ['F', "'a*c'", 'aXX', false],
    ['F', "'prog?.exe'", 'progA.exe', true],
    ['F', "'prog?.exe'", 'prog.exe', false],
    ['F', "'prog?.exe'", 'progAB.exe', false],
    // One character may take two units of UTF-16.
    ['F', "'a?b'", 'a\u{1f600}b', true],
    ['F', String.raw`'a\*b'`, 'a*b', true],
    ['F', String.raw`'a\*b'`, 'aXb', false],
    ['F', String.raw`'a\\*b'`, String.raw`a\XXb`, true],
    ['F', String.raw`'a\\\*b'`, String.raw`a\*b`, true],
    ['F', String.raw`'a\b'`, String.raw`a\b`, true],
    ['F', String.raw`'a\\b'`, String.raw`a\b`, true],
    ['F', String.raw`'a\\\\b'`, String.raw`a\\b`, true],
    ['F', "''", '', true],
    ['F', "''", 'x', false],
    ['F', 'null', null, true],
    ['F', 'null', '', false],
    ['F', '517', 517, true],
    ['F', '517', '517', true],
    ['F', "'517'", 517, true],
    ['F', '517', 5170, false],
    ['F', 'true', true, true],
    ['F', "'*'", '', true],
    // Case folds beyond ASCII: the Kelvin sign, the long s, accents, sharp capitals.
    ['F', "'k'", '\u212a', true],
    ['F', "'Straße'", 'STRAẞE', true],
    ['F', "'mass'", 'maſſ', true],
    ['F', "'ÉTÉ'", 'été', true],
    ['F', "'ı'", 'I', false],
    ['F', "'18446744073709551615'", '18446744073709551615', true],
    // Lists: any of them.
    ['F', 'b', ['a', 'B'], true],
    ['F', 'b', ['a', 'c'], false],
    ['F', 'b', { b: 'b' }, false],
  ])('%s: %s on %j is %s', (key, value, found, expected) => {
    expect(meets(key, value, found)).toBe(expected)
  })

  test('an integer that a number cannot hold keeps its digits', () => {
    const set = readRules([{ name: 'r.yml', text: rule("selection:\n  F: '18446744073709551615'\ncondition: selection") }])
    const matcher = new ChunkMatcher(Engine.compile(set))
    expect(matcher.match(Buffer.from('{"F":18446744073709551615}')).matches.length).toBe(1)
    expect(matcher.match(Buffer.from('{"F":18446744073709551614}')).matches.length).toBe(0)
  })

  test('a field that is not there is null, and nothing else', () => {
    expect(met('selection:\n  F: null\ncondition: selection', [{}, { F: 1 }])).toEqual([true, false])
    expect(met("selection:\n  F: ''\ncondition: selection", [{}])).toEqual([false])
    expect(met("selection:\n  F: '*'\ncondition: selection", [{}])).toEqual([false])
  })
})

describe('modifiers (Sigma 2.1, appendix)', () => {
  test.each([
    ['F|contains', 'b', 'aBc', true],
    ['F|contains', "'a*c'", 'xaYYcx', true],
    ['F|startswith', 'adm_', 'ADM_root', true],
    ['F|startswith', 'adm_', 'xadm_', false],
    ['F|endswith', String.raw`'\cmd.exe'`, String.raw`C:\CMD.EXE`, true],
    ['F|endswith', String.raw`'\cmd.exe'`, 'C:cmd.exe', false],
    ['F|contains|all', '[a, b]', 'xbxa', true],
    ['F|contains|all', '[a, b]', 'xb', false],
    ['F|cased', 'Abc', 'Abc', true],
    ['F|cased', 'Abc', 'abc', false],
    ['F|contains|cased', 'B', 'aBc', true],
    ['F|contains|cased', 'B', 'abc', false],
    ['F|exists', 'true', null, true],
    ['F|exists', 'false', '', false],
    ['H|exists', 'false', '', true],
    ['F|neq', 'a', 'b', true],
    ['F|neq', 'a', 'A', false],
    ['F|neq', '[a, b]', 'b', false],
    ['F|re', "'^ab+c$'", 'abbc', true],
    ['F|re', "'^ab+c$'", 'ABBC', false],
    ['F|re|i', "'^ab+c$'", 'ABBC', true],
    ['F|re', "'^b'", 'a\nb', false],
    ['F|re|m', "'^b'", 'a\nb', true],
    ['F|re', "'a.b'", 'a\nb', false],
    ['F|re|s', "'a.b'", 'a\nb', true],
    ['F|cidr', '10.0.0.0/8', '10.200.3.4', true],
    ['F|cidr', '10.0.0.0/8', '11.0.0.1', false],
    ['F|cidr', '10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['F|cidr', "'fe80::/10'", 'fe80:0:0:0:1::5', true],
    ['F|cidr', "'fe80::/10'", 'fec0::1', false],
    ['F|cidr', "'0.0.0.0/0'", 'not an address', false],
    ['F|cidr', '192.168.1.7', '192.168.1.7', true],
    ['F|lt', '5', 4, true],
    ['F|lt', '5', '4.9', true],
    ['F|lt', '5', 5, false],
    ['F|lte', '5', 5, true],
    ['F|gt', '5', 5, false],
    ['F|gte', '5', '5', true],
    ['F|gt', '5', 'x', false],
    ['F|base64', 'foobar', 'Zm9vYmFy', true],
    ['F|base64offset|contains', "'/bin/sh'", Buffer.from('x /bin/sh y').toString('base64'), true],
    ['F|base64offset|contains', "'/bin/sh'", Buffer.from('xy /bin/sh y').toString('base64'), true],
    ['F|base64offset|contains', "'/bin/sh'", Buffer.from('xyz /bin/sh y').toString('base64'), true],
    ['F|base64offset|contains', "'/bin/sh'", Buffer.from('/bin/zsh').toString('base64'), false],
    ['F|wide|base64offset|contains', 'ping', Buffer.from('x ping', 'utf16le').toString('base64'), true],
    ['F|utf16le|base64', 'ping', Buffer.from('ping', 'utf16le').toString('base64'), true],
    ['F|utf16be|base64', 'ping', Buffer.from('ping', 'utf16le').swap16().toString('base64'), true],
    ['F|utf16|base64', 'ping', Buffer.from('\u{feff}ping', 'utf16le').toString('base64'), true],
    ['F|wide|contains', 'ab', 'xa\0b\0', true],
    ['F|windash|contains', "' -s '", 'x /s y', true],
    ['F|windash|contains', "' /s '", 'x –s y', true],
    ['F|windash|contains', "' -a -b'", 'x /a ―b', true],
    ['F|windash|contains', "' -s '", 'x +s y', false],
    ['F|fieldref', 'G', 'OTHER', true],
    ['F|fieldref', 'G', 'another', false],
    ['F|fieldref|endswith', 'G', 'another', true],
    ['F|fieldref|neq', 'G', 'another', true],
    ['F|minute', '7', '2026-11-24T03:07:00Z', true],
    ['F|hour', '3', '2026-11-24T03:07:00Z', true],
    ['F|hour|gte', '22', '2026-11-24 23:10:00', true],
    ['F|hour|gte', '22', '2026-11-24 21:10:00', false],
    ['F|day', '24', '2026-11-24T03:07:00Z', true],
    ['F|week', '48', '2026-11-24T03:07:00Z', true],
    ['F|week', '53', '2027-01-01', true],
    ['F|month', '11', '2026-11-24', true],
    ['F|year', '2026', '2026-11-24', true],
  ])('%s: %s on %j is %s', (key, value, found, expected) => {
    expect(meets(key, value, found)).toBe(expected)
  })

  test('expand takes the values of placeholders; without values the rule is refused', () => {
    expect(meets('F|expand', "'%Servers%'", 'srv7', { Servers: ['srv*', 'db1'] })).toBe(true)
    expect(meets('F|contains|expand', "'x%Servers%y'", 'axdb1yz', { Servers: ['db1'] })).toBe(true)
    expect(meets('F', "'%Servers%'", '%servers%')).toBe(true)
    expect(meets('F|expand', String.raw`'\%plain%name%'`, '%plainN', { name: ['n'] })).toBe(true)
    expect(refusal(rule("selection:\n  F|expand: '%Servers%'\ncondition: selection"))?.reason).toContain('%Servers% has no values')
  })

  test.each([
    ['F|sounds', 'a', 'the modifier "sounds" is not in the specification'],
    ['F|contains|startswith', 'a', 'only one of contains'],
    ['F|contains|contains', 'a', 'appears twice'],
    ['F|lt', 'x', 'lt takes a number'],
    ['F|cidr', "'10.0.0.0/33'", 'is not a network'],
    ['F|re', "'a(?=b)'", 'look-around'],
    ['F|re', String.raw`'(a)\1'`, 'back-reference'],
    ['F|re', "'a('", 'is not valid'],
    ['F|base64', "'a*'", 'cannot be applied to a value with wildcards'],
    ['F|exists', "'yes'", 'takes true or false'],
    ['F|i', 'a', 'the modifiers i, m and s require re'],
    ['F|contains', 'null', 'null takes no modifier'],
    ['F', '{a: b}', 'a value must be a string'],
    ['F', '[]', 'the list of values is empty'],
  ])('%s: %s is refused with its line', (key, value, reason) => {
    expect(refusal(rule(`selection:\n  ${key}: ${value}\ncondition: selection`))).toMatchObject({
      file: 'rule.yml',
      line: 7,
      reason: expect.stringContaining(reason),
    })
  })
})

describe('search identifiers and conditions', () => {
  const four = 'a:\n  F: 1\nb:\n  G: 1\n_c:\n  H: 1\nab:\n  I: 1\n'
  const events = [{ F: 1 }, { G: 1 }, { H: 1 }, { F: 1, G: 1 }, { F: 1, G: 1, I: 1 }, {}]
  test.each([
    ['a', [true, false, false, true, true, false]],
    ['a and b', [false, false, false, true, true, false]],
    ['a or b', [true, true, false, true, true, false]],
    ['not a', [false, true, true, false, false, true]],
    ['not a or b', [false, true, true, true, true, true]],
    ['a and not b', [true, false, false, false, false, false]],
    ['not (a or b)', [false, false, true, false, false, true]],
    // and binds closer than or.
    ['a or b and ab', [true, false, false, true, true, false]],
    ['1 of them', [true, true, false, true, true, false]],
    ['all of them', [false, false, false, false, true, false]],
    ['1 of a*', [true, false, false, true, true, false]],
    ['all of a*', [false, false, false, false, true, false]],
    ['1 of _*', [false, false, true, false, false, false]],
    ['a AND NOT b', [true, false, false, false, false, false]],
    ['any of *b', [false, true, false, true, true, false]],
    ['[a and b, _c]', [false, false, true, true, true, false]],
  ])('%s', (condition, expected) => {
    expect(met(`${four}condition: ${condition}`, events)).toEqual(expected)
  })

  test('maps are and, lists of maps are or, lists of values are or', () => {
    expect(met('s:\n  - F: 1\n    G: 1\n  - H: [2, 3]\ncondition: s', [{ F: 1 }, { F: 1, G: 1 }, { H: 3 }])).toEqual([false, true, true])
  })

  test('keywords are looked for in every value, whatever its depth, and not in keys', () => {
    const events = [{ a: { b: ['x EVIL y'] } }, { evil: 1 }, { a: 'ev', b: 'il' }, { n: 4711 }]
    expect(met("k:\n  - evil\n  - '47*1'\ncondition: k", events)).toEqual([true, false, false, true])
    expect(met("k:\n  '|all':\n    - evil\n    - y\ncondition: k", [{ a: 'evil', b: 'y' }, { a: 'evil' }])).toEqual([true, false])
  })

  test.each([
    ['a and', 'ends where a search identifier is expected'],
    ['a b', 'has "b" where'],
    ['(a', 'not closed'],
    ['a)', 'has ")" where'],
    ['a | count() > 5', 'use a correlation rule'],
    ['2 of them', 'use "1 of" or "all of"'],
    ['x', '"x", which is not a search identifier'],
    ['1 of x*', 'no search identifier of this rule matches'],
  ])('%s is refused', (condition, reason) => {
    expect(refusal(rule(`a:\n  F: 1\nb:\n  G: 1\ncondition: ${condition}`))).toMatchObject({ line: 10, reason: expect.stringContaining(reason) })
  })
})

describe('documents', () => {
  test('one bad rule does not stop the others of its file', () => {
    const text = [rule('s:\n  F: 1\ncondition: s').replace('id: r1', 'id: good'), rule('s:\n  F|what: 1\ncondition: s').replace('id: r1', 'id: bad')].join(
      '---\n',
    )
    const set = readRules([{ name: 'two.yml', text }])
    expect(set.rules.map(({ id }) => id)).toEqual(['good'])
    expect(set.refused).toEqual([
      { file: 'two.yml', line: 16, reason: expect.stringContaining('detection / s / F|what'), rule: { id: 'bad', title: 'A rule' } },
    ])
  })

  test.each([
    ['a: [', 1, 'not valid YAML'],
    ['just a text', 1, 'must be a map'],
    ['title: T\nlogsource: {category: x}\ndetection: {s: {F: 1}, condition: s}\nlevel: severe', 4, 'the level must be one of'],
    ['title: T\nlogsource: {category: x}\ndetection: {s: {F: 1}, condition: s, timeframe: 5m}', 3, 'use a correlation rule with a timespan'],
    ['title: T\ndetection: {s: {F: 1}, condition: s}', 1, 'the logsource is missing'],
    ['action: global\ntitle: T', 1, 'action was removed'],
    ['title: T\nstatus: unsupported\nlogsource: {}\ndetection: {}', 2, 'the author does not consider'],
    ['title: T\ntaxonomy: mine\nlogsource: {}\ndetection: {}', 2, 'is not supported'],
    [`title: ${'x'.repeat(257)}\nlogsource: {}\ndetection: {}`, 1, 'longer than 256'],
  ])('%j is refused', (text, line, reason) => {
    expect(refusal(text)).toMatchObject({ line, reason: expect.stringContaining(reason) })
  })

  test('the same id twice is refused, and says where the first is', () => {
    const set = readRules(['one.yml', 'two.yml'].map(name => ({ name, text: rule('s:\n  F: 1\ncondition: s') })))
    expect(set.rules.length).toBe(1)
    expect(set.refused[0]).toMatchObject({ file: 'two.yml', line: 2, reason: expect.stringContaining('one.yml') })
  })

  test('aliases of aliases do not blow up', () => {
    const bomb = `a: &a [x,x,x,x]\n${[...'bcdefghij'].map((name, i) => `${name}: &${name} [${`*${String.fromCharCode(97 + i)},`.repeat(9)}]`).join('\n')}`
    expect(refusal(bomb)?.reason).toBeDefined()
    const doubled = (levels: number, values: number) => {
      const named = Array.from({ length: levels }, (_, n) => `  a${n + 1}: &a${n + 1} [*a${n},*a${n}]`).join('\n')
      return rule(`a0: &a0 [${Array(values).fill('x').join(',')}]\n${named.trim()}\ns:\n  F: *a0\ncondition: s`.replaceAll('\n  a', '\na'))
    }
    expect(refusal(doubled(9, 20_000))?.reason).toBe('its aliases repeat more than 100,000 values')
    expect(refusal(doubled(9, 1))?.reason ?? '', 'a few').not.toMatch(/aliases/)
    expect(refusal(rule('s: &s\n  F: [*s]\ncondition: s'))?.reason, 'one that is part of itself').toBeDefined()
  })
})

describe('filters', () => {
  const target = rule('s:\n  F: 1\ncondition: s')
  const filter = (rules: string, condition: string, logsource = 'category: test') =>
    `title: No adm\nlogsource:\n  ${logsource}\nfilter:\n  rules: ${rules}\n  selection:\n    User|startswith: adm_\n  condition: ${condition}\n`
  const met = (text: string) => {
    const set = readRules([
      { name: 'rule.yml', text: target },
      { name: 'filter.yml', text },
    ])
    expect(set.refused).toEqual([])
    return new ChunkMatcher(Engine.compile(set)).match(Buffer.from('{"F":1,"User":"adm_x"}\n{"F":1,"User":"bob"}')).matches.map(({ line }) => line)
  }
  test('suppress what they select, as the specification writes it and as filters in the field do', () => {
    expect(met(filter('[r1]', 'selection'))).toEqual([1])
    expect(met(filter('[r1]', 'not selection'))).toEqual([1])
  })
  test('reach the rules that they name, or all of their log source', () => {
    expect(met(filter('[other]', 'selection'))).toEqual([0, 1])
    expect(met(filter('any', 'selection'))).toEqual([1])
    expect(met(filter('any', 'selection', 'category: another'))).toEqual([0, 1])
  })
})

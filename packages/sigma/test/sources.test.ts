import { describe, expect, test } from 'vitest'
import { ChunkMatcher, Engine, EventView, type LogSource, readingOf, readRules } from '../src/index.ts'
import { isMissing, sharedText } from './shared.ts'

const rule = (id: string, logsource: string, detection: string) =>
  `title: ${id}\nid: ${id}\nlogsource: {${logsource}}\ndetection:\n  s:\n    ${detection}\n  condition: s\n`

const rules = [
  rule('whoami', 'product: windows, category: process_creation', String.raw`Image|endswith: '\whoami.exe'`),
  rule('child', 'product: windows, category: process_creation', 'ParentProcessId: 77'),
  rule('logon', 'product: windows, service: security', 'EventID: 4625'),
  rule('set', 'product: windows, category: registry_set', 'TargetObject|contains: Run'),
  rule('registry', 'product: windows, category: registry_event', 'TargetObject|contains: Run'),
  rule('script', 'product: windows, category: ps_script', 'ScriptBlockText|contains: mimikatz'),
  rule('defender', 'product: windows, service: windefend', 'ThreatName|contains: Mimi'),
  rule('linux', 'product: linux, category: process_creation', 'Image|endswith: /nc'),
  rule('auditd', 'product: linux, service: auditd', 'a0: nc'),
  rule('trail', 'product: aws, service: cloudtrail', 'eventName: CreateAccessKey'),
  rule('web', 'category: webserver', 'cs-uri-query|contains: passwd'),
]
const engine = Engine.compile(readRules(rules.map((text, i) => ({ name: `${i}.yml`, text }))), {
  declared: [{ category: 'webserver' }, { product: 'linux', service: 'sshd' }, { product: 'linux' }],
})

/** What the scanner finds, which must be what the engine finds without it. */
function fired(event: unknown): string[] {
  const text = JSON.stringify(event)
  const ids = new ChunkMatcher(engine)
    .match(Buffer.from(text))
    .matches.map(({ rule: number }) => engine.rules[number]?.id ?? '')
    .toSorted()
  expect(
    engine
      .matchAll(new EventView(text))
      .map(match => match.rule.id)
      .toSorted(),
  ).toEqual(ids)
  return ids
}

const sysmon = 'Microsoft-Windows-Sysmon/Operational'
const image = String.raw`C:\Windows\System32\whoami.exe`

describe('the shapes in which events come', () => {
  test.each([
    ['flat, as NXLog and Winlogbeat of old write it', { Channel: sysmon, EventID: 1, Image: image }],
    ['a channel in other letters', { Channel: sysmon.toLowerCase(), EventID: '1', Image: image }],
    ['only the provider', { Provider_Name: 'Microsoft-Windows-Sysmon', EventID: 1, Image: image }],
    ['nested, as evtx_dump writes it', { Event: { System: { Channel: sysmon, EventID: 1 }, EventData: { Image: image } } }],
    [
      'nested, with attributes',
      { Event: { System: { Channel: sysmon, EventID: { '#attributes': { Qualifiers: 0 }, '#text': 1 } }, EventData: { Image: image } } },
    ],
    ['user data', { Event: { System: { Channel: sysmon, EventID: 1 }, UserData: { Any: { Image: image } } } }],
    ['Winlogbeat', { winlog: { channel: sysmon, event_id: 1, event_data: { Image: image } } }],
    ['Winlogbeat with dots in its keys', { 'winlog.channel': sysmon, 'winlog.event_id': '1', 'winlog.event_data.Image': image }],
    ['Elastic Common Schema', { winlog: { channel: sysmon }, event: { code: '1' }, process: { executable: image } }],
    ['OCSF', { class_uid: 1007, process: { file: { path: image } } }],
    ['Security 4688, in its own words', { Channel: 'Security', EventID: 4688, NewProcessName: image }],
    ['escaped in an unusual way', JSON.parse(`{"Channel":"${sysmon}","EventID":1,"Image":"C:\\u005cwhoami.exe"}`)],
  ])('%s', (_name, event) => {
    expect(fired(event)).toContain('whoami')
  })

  test('keys with blanks count without them', () => {
    expect(fired({ Channel: 'Microsoft-Windows-Windows Defender/Operational', EventID: 1116, 'Threat Name': 'HackTool:Mimikatz' })).toEqual(['defender'])
  })

  test('auditd and CloudTrail are known by their fields', () => {
    expect(fired({ type: 'EXECVE', argc: 2, a0: 'nc', a1: '-e' })).toEqual(['auditd'])
    expect(fired({ auditd: { message_type: 'syscall', data: {} }, process: { executable: '/usr/bin/nc' } })).toEqual(['linux'])
    expect(fired({ eventSource: 'iam.amazonaws.com', eventName: 'CreateAccessKey', awsRegion: 'us-east-1' })).toEqual(['trail'])
  })
})

describe('a rule meets the events of its log source only', () => {
  test('registry event 13 is a set and an event; 12 is no set', () => {
    expect(fired({ Channel: sysmon, EventID: 13, TargetObject: 'HKLM\\Run' })).toEqual(['registry', 'set'])
    expect(fired({ Channel: sysmon, EventID: 12, TargetObject: 'HKLM\\Run' })).toEqual(['registry'])
  })
  test('another event id, another channel, another product', () => {
    expect(fired({ Channel: sysmon, EventID: 3, Image: image })).toEqual([])
    expect(fired({ Channel: 'Application', EventID: 1, Image: image })).toEqual([])
    expect(fired({ Channel: 'Linux-Sysmon/Operational', EventID: 1, Image: image })).toEqual([])
    expect(fired({ Channel: 'Something new', EventID: 1, Image: image })).toEqual([])
    expect(fired({ Channel: 'System', EventID: 4625 })).toEqual([])
    expect(fired({ Channel: 'Security', EventID: 4625 })).toEqual(['logon'])
  })
  test('4688 calls the creator ProcessId, and the rule ParentProcessId', () => {
    expect(fired({ Channel: 'Security', EventID: 4688, ProcessId: 77, NewProcessId: 78 })).toEqual(['child'])
    expect(fired({ Channel: sysmon, EventID: 1, ProcessId: 77 })).toEqual([])
  })
  test('an event that says nothing of its origin is judged by every rule', () => {
    expect(fired({ 'cs-uri-query': '/etc/passwd', Image: '/bin/nc' })).toEqual(['linux', 'web'])
  })
  test('a declared source counts for all its events', () => {
    const event = Buffer.from(JSON.stringify({ 'cs-uri-query': '/etc/passwd', Image: '/bin/nc' }))
    const ids = (logsource: object) => new ChunkMatcher(engine).match(event, logsource).matches.map(({ rule: number }) => engine.rules[number]?.id)
    expect(ids({ category: 'webserver' })).toEqual(['web'])
    expect(ids({ product: 'linux', service: 'sshd' })).toEqual([])
    expect(ids({ product: 'linux' })).toEqual(['linux'])
    expect(() => ids({ product: 'unheard' })).toThrow('was not compiled for')
  })
})

describe('lines that are no events', () => {
  const matcher = new ChunkMatcher(engine)
  test.each([
    '{',
    '{"a":}',
    '{"a":1,}',
    '{"a" 1}',
    '[1]',
    '"text"',
    '{"a":01}',
    '{"a":tru}',
    '{"a":"\u0001"}',
    '{"a":"\\x"}',
    '{"a":1}{',
    'x',
    '{"a":[1,2}',
    '{a:1}',
    '{"a":1e}',
  ])('%j is named, and the others are matched', line => {
    const good = JSON.stringify({ Channel: 'Security', EventID: 4625 })
    const { matches, invalid, events, lines } = matcher.match(Buffer.from(`${good}\n${line}\n\n${good}`))
    expect(matches.map(match => match.line)).toEqual([0, 3])
    expect(invalid.map(one => one.line)).toEqual([1])
    expect([events, lines]).toEqual([3, 4])
  })
  test('Windows line ends, blanks and a last line without an end', () => {
    const good = JSON.stringify({ Channel: 'Security', EventID: 4625 }, null, 1).replaceAll('\n', ' ')
    expect(matcher.match(Buffer.from(`${good}\r\n  ${good} \r\n\r\n${good}`)).matches.map(match => match.line)).toEqual([0, 1, 3])
  })
  test('an event may be larger than the scanner’s memory, and a piece may end anywhere', () => {
    const long = Buffer.from(`${JSON.stringify({ Channel: 'Security', EventID: 4625, Message: 'x'.repeat(3_000_000) })}\n`.repeat(2))
    const small = Buffer.from(`${JSON.stringify({ Channel: 'Security', EventID: 4625 })}\n`)
    const whole = Buffer.concat([small, long, small])
    for (const size of [1_000, 100_000, 2_000_000]) {
      const found: number[] = []
      const stream = engine.matcher()
      const sink = { match: ({ line }: { line: number }) => found.push(line), sighting: () => undefined, invalid: () => found.push(-1) }
      for (let at = 0; at < whole.length; at += size) stream.push(whole.subarray(at, at + size), sink)
      stream.end(sink)
      expect(found).toEqual([0, 1, 2, 3])
    }
  })
  test('the same key twice: the last counts, as in JSON', () => {
    const ids = (text: string) => matcher.match(Buffer.from(text)).matches.length
    expect(ids('{"Channel":"Security","EventID":1,"EventID":4625}')).toBe(1)
    expect(ids('{"Channel":"Security","EventID":4625,"EventID":1}')).toBe(0)
    expect(ids('{"Channel":"Security","\\u0045ventID":4625}')).toBe(1)
  })
})

describe.skipIf(isMissing)('the taxonomy appendix (skipped without the shared folder)', () => {
  // | windows | product: windows<br>category: dns_query | EventID: 22<br>Channel: Microsoft-Windows-Sysmon/Operational |
  const rows = isMissing
    ? []
    : sharedText('spec/specification/sigma-appendix-taxonomy.md')
        .split('\n')
        .flatMap(line => {
          const [, , source = '', conditions = ''] = line.split('|').map(cell => cell.replaceAll('<br>', '\n'))
          const part = (name: string) => new RegExp(`^\\s*${name}: *(\\S+) *$`, 'm').exec(source)?.[1]
          const listed = (name: string) =>
            [...(new RegExp(`${name}s?: *((?:[^\\n]*)(?:\\n\\s*- [^\\n]+)*)`).exec(conditions)?.[1] ?? '').split(/\n?\s*- /)]
              .map(text => text.trim())
              .filter(text => text !== '')
          const channels = listed('Channel')
          if (part('product') !== 'windows' || channels.length === 0) return []
          return [{ logsource: { product: 'windows', category: part('category'), service: part('service') }, channels, ids: listed('EventID').map(Number) }]
        })

  test('has rows to hold the data to', () => expect(rows.length).toBeGreaterThan(70))

  test.each(rows)('a rule for $logsource.category $logsource.service reads $channels $ids', ({ logsource, channels, ids }) => {
    for (const channel of channels)
      for (const eventId of ids.length === 0 ? [1] : ids)
        expect(readingOf(logsource as LogSource, { kind: 'channel', channel: channel.toLowerCase(), eventId }), `${channel} ${eventId}`).toBeDefined()
  })
})

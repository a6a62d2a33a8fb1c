import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { tocsin as run } from './tocsin.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-detect-'))
const at = (name: string) => join(folder, name)

const tocsin = (args: readonly string[], input = '') => run(args, { XDG_CACHE_HOME: at('cache') }, input)

const whoami = `title: Who am I
id: r1
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: '\\whoami.exe'
  condition: selection
level: high
`
const thrice = `---
title: Thrice
id: c1
correlation:
  type: event_count
  rules: [r1]
  group-by: [Computer]
  timespan: 1m
  generate: true
  condition: {gte: 3}
level: critical
`
const event = (Image: string, second = 0) => ({
  Channel: 'Microsoft-Windows-Sysmon/Operational',
  EventID: 1,
  Computer: 'ws1',
  Image,
  UtcTime: `2026-11-24 08:00:0${second}`,
})
const events = [event('C:\\whoami.exe'), event('C:\\other.exe'), event('\\whoami.exe', 1), event('\\whoami.exe', 2)]
const ndjson = events.map(one => `${JSON.stringify(one)}\n`).join('')

mkdirSync(at('rules'))
writeFileSync(at('rules/who.yml'), whoami + thrice)
writeFileSync(at('rules/bad.yml'), whoami.replace('endswith', 'nope').replace('r1', 'r2'))
writeFileSync(at('events.ndjson'), ndjson)
writeFileSync(at('events.ndjson.gz'), gzipSync(ndjson))
writeFileSync(at('list.json'), JSON.stringify(events, null, 2))
writeFileSync(at('one.json'), JSON.stringify(events[0], null, 2))

const rows = (out: string) =>
  out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { rule: { id: string }; line: number; fields: object; indicator?: object })

describe('npx tocsin detect', () => {
  test('writes a line for each match, with what matched', async () => {
    const { code, out, err } = await tocsin(['detect', '--rules', at('rules'), at('events.ndjson')])
    expect(rows(out)[0]).toEqual({ rule: { id: 'r1', title: 'Who am I', level: 'high' }, line: 1, fields: { Image: 'C:\\whoami.exe' } })
    expect(rows(out).map(({ rule, line }) => `${rule.id} ${line}`)).toEqual(['r1 1', 'r1 3', 'r1 4', 'c1 4'])
    expect(rows(out)[3]).toMatchObject({ fields: { Computer: 'ws1' }, correlation: { value: 3, events: 3, lines: [1, 3, 4] } })
    expect(err).toMatch(/2 rules \(1 refused\), 4 events, 4 matches in [\d.]+ s: \d+ events\/s\n$/)
    expect(code).toBe(0)
  })

  test.each([
    ['compressed', ['events.ndjson.gz']],
    ['a list', ['list.json']],
    ['two threads', ['--threads', '2', 'events.ndjson']],
  ])('%s: the same', async (_name, [...args]) => {
    const { out } = await tocsin(['detect', '--rules', at('rules'), ...args.slice(0, -1), at(args.at(-1) ?? '')])
    expect(rows(out).map(({ rule, line }) => `${rule.id} ${line}`)).toEqual(['r1 1', 'r1 3', 'r1 4', 'c1 4'])
  })

  test('indicators are looked for in the same pass, with rules and without', async () => {
    writeFileSync(at('list.csv'), 'indicator,description\n198.51.100.0/24,bad\nnonsense,\n')
    writeFileSync(
      at('sightings.ndjson'),
      `${JSON.stringify({ ...event('C:\\whoami.exe'), CommandLine: 'curl 198.51.100.7' })}\n{"DestinationIp":"192.0.2.1"}\n`,
    )
    const both = await tocsin(['detect', '--rules', at('rules'), '--indicators', at('list.csv'), at('sightings.ndjson')])
    const sighting = { indicator: { kind: 'ipv4-addr', value: '198.51.100.0/24' }, line: 1, fields: { CommandLine: 'curl 198.51.100.7' } }
    expect(rows(both.out).map(row => row.rule?.id ?? row)).toEqual(['r1', sighting])
    expect(both.err).toContain('line 3: no IP address, domain, URL or hash found: nonsense,')
    expect(both.code).toBe(0)
    const alone = await tocsin(['detect', '--indicators', at('list.csv'), '--count', '--threads', '2', at('sightings.ndjson')])
    expect(JSON.parse(alone.out)).toMatchObject({ events: 2, matches: 0, indicators: { loaded: 1, sightings: 1, byIndicator: { '198.51.100.0/24': 1 } } })
    expect(await tocsin(['detect', '--indicators', at('nowhere.csv'), at('sightings.ndjson')])).toMatchObject({ code: 2, out: '' })
    writeFileSync(at('empty.csv'), '# none\n')
    expect((await tocsin(['detect', '--indicators', at('empty.csv'), at('sightings.ndjson')])).err).toMatch(/^No indicators found at .*empty.csv\.\n$/)
  })

  test('placeholders and the field mapping are read from files', async () => {
    writeFileSync(at('open.yml'), whoami.replace("Image|endswith: '\\\\whoami.exe'", "Image|expand: '%tools%'"))
    writeFileSync(at('placeholders.json'), '{"tools": ["*\\\\whoami.exe"]}')
    writeFileSync(at('mapping.json'), '{"Image": ["my.program"]}')
    writeFileSync(at('mine.ndjson'), `${JSON.stringify({ ...event(''), Image: undefined, my: { program: 'C:\\whoami.exe' } })}\n`)
    const asked = ['detect', '--rules', at('open.yml'), '--placeholders', at('placeholders.json')]
    expect(rows((await tocsin([...asked, '--mapping', at('mapping.json'), at('mine.ndjson')])).out).map(({ line }) => line)).toEqual([1])
    expect((await tocsin([...asked, at('mine.ndjson')])).out, 'without the mapping it is not there').toBe('')
    writeFileSync(at('wrong.json'), '{"tools": "x"}')
    expect(await tocsin(['detect', '--rules', at('open.yml'), '--placeholders', at('wrong.json'), at('mine.ndjson')])).toEqual({
      code: 2,
      out: '',
      err: `${at('wrong.json')}: "tools" must be a list of strings.\n`,
    })
  })

  test('standard input, one event over several lines, an archive of rules, counted', async () => {
    const archive = pack()
    archive.entry({ name: 'rules/who.yml' }, whoami)
    archive.entry({ name: 'README.md' }, 'no rule')
    archive.finalize()
    const pieces: Buffer[] = []
    for await (const piece of archive) pieces.push(piece as Buffer)
    writeFileSync(at('rules.tar.gz'), gzipSync(Buffer.concat(pieces)))
    const { code, out } = await tocsin(['detect', '--rules', at('rules.tar.gz'), '--count', '-'], JSON.stringify(events[0], null, 2))
    expect(JSON.parse(out)).toEqual({
      rules: { loaded: 1, refused: [] },
      events: 1,
      matches: 1,
      byRule: { r1: 1 },
      seconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
    })
    expect(code).toBe(0)
  })

  test('counts say which rules were refused and why; lines that are no events are named', async () => {
    const { out, err } = await tocsin(['detect', '--rules', at('rules'), '--count', '-'], `${ndjson}{broken\n`)
    expect(JSON.parse(out)).toMatchObject({
      rules: { loaded: 2, refused: [{ file: 'bad.yml', reason: expect.stringMatching(/^line 6: .*"nope" is not in the specification/) }] },
      events: 4,
    })
    expect(err).toMatch(/^line 5 is not an event: /)
  })

  test.each([
    [['detect', '--rules', at('rules'), at('missing')], /missing does not exist\.\n$/],
    [['detect', '--rules', at('nowhere'), at('events.ndjson')], /nowhere does not exist\.\n$/],
    [['detect', at('events.ndjson')], /--rules/],
    [['detect', '--rules', at('rules'), folder], /is not a file\.\n$/],
    [['detect', '--rules', at('rules'), '--threads', 'x', at('events.ndjson')], /whole number from 1 to 64/],
    [['detect', '--rules', at('events.ndjson.gz'), '--what', at('events.ndjson')], /unknown option '--what'/],
    [['detect', '--rules', at('rules'), '--logsource', 'x', at('events.ndjson')], /product=linux,service=sshd/],
    [['rules', 'check', at('nowhere')], /does not exist/],
  ])('%j ends with code 2 and one sentence', async (args, sentence) => {
    const { code, out, err } = await tocsin(args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(sentence)
    expect(err.trim().split('\n').length).toBe(1)
  })
})

describe('npx tocsin rules', () => {
  test('check says per file what is wrong', async () => {
    const { code, out } = await tocsin(['rules', 'check', at('rules')])
    expect(out).toMatch(
      /^bad\.yml:6: detection \/ selection \/ Image\|nope: the modifier "nope" is not in the specification\n1 rules, 1 correlations and 0 filters are valid, 1 are refused\.\n$/,
    )
    expect(code).toBe(1)
    expect(await tocsin(['rules', 'check', at('rules/who.yml')])).toMatchObject({ code: 0 })
  })

  test('test runs the samples next to rules', async () => {
    mkdirSync(at('tested'))
    writeFileSync(at('tested/who.yml'), whoami)
    writeFileSync(at('tested/who.positive.ndjson'), ndjson)
    writeFileSync(at('tested/who.negative.json'), JSON.stringify([events[1]]))
    const { code, out } = await tocsin(['rules', 'test', at('tested')])
    expect(out).toMatch(/who\.positive\.ndjson: event 2 should match but does not match Who am I\n4 of 5 samples passed\. 0 rule files have no samples\.\n$/)
    expect(code).toBe(1)
  })
})

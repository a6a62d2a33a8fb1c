import { createWriteStream, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { alertFields, defang, defangedParts, fitted, observableKinds, observablesIn, withoutLinks } from '@tocsin/api'
import { complete, parse } from '@tocsin/filter'
import { EventView, indicatorsOfObjects, parseIndicator, parseNetwork, parseYaml, readIndicators, readRules } from '@tocsin/sigma'
import { readRuleFiles } from '@tocsin/sigma/files'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCondition } from '../../../packages/sigma/src/condition.ts'
import { parseTime } from '../../../packages/sigma/src/event.ts'
import { wordsOf } from '../../../packages/sigma/src/indicators/words.ts'
import { compileRegex } from '../../../packages/sigma/src/regex.ts'
import { Fit } from '../src/connectors/fit.ts'
import { webhookTasks } from '../src/connectors/webhook-tasks.ts'
import { parseAuditd } from '../src/detection/auditd.ts'
import { alertOf } from '../src/detection/findings.ts'
import { observablesOf } from '../src/detection/observables.ts'
import { otlpLines } from '../src/detection/otlp.ts'
import { parseTasks } from '../src/detection/parse-tasks.ts'
import { frames, parseSyslog } from '../src/detection/syslog.ts'
import { partsOfPage } from '../src/detection/taxii-page.ts'
import { renderMarkdown } from '../src/incidents/markdown.ts'
import { excessOf, readForeignJson } from '../src/kernel/foreign-body.ts'
import { jsonTasks } from '../src/kernel/json-tasks.ts'
import { shortened, storable } from '../src/kernel/text.ts'
import { parseAnswer } from '../src/notify/answers.ts'
import { parseDeliveryStatus } from '../src/notify/channels/email/delivery-report.ts'
import { mailTasks } from '../src/notify/channels/email/parse-mail.ts'
import { expectLinear, many, repetitions } from './linear.ts'

const at = '2026-01-01T00:00:00.000Z'
const syslog = (before: string) => (text: string) => parseSyslog(before + text, at)
const rfc3164 = '<13>Oct 11 22:14:15 host '
const rfc5424 = '<13>1 2026-01-01T00:00:00Z host app - - '
const audit = 'type=X msg=audit(1364481363.243:1): '

/** What a parser refuses, it must refuse in linear time as well. */
function refusing(read: (text: string) => unknown): (text: string) => unknown {
  return text => {
    try {
      return read(text)
    } catch (error) {
      return error
    }
  }
}
const mail = (before: string) => (text: string) => mailTasks.parse({ bytes: Buffer.from(before + text) }).catch((error: unknown) => error)
async function list(text: string): Promise<unknown> {
  try {
    let count = 0
    for await (const part of readIndicators(Readable.from([Buffer.from(text)]))) count += part.indicators.length
    return count
  } catch (error) {
    return error
  }
}
const rule = (detection: string, condition: string) => `title: Rule\nlogsource: {category: test}\ndetection:\n${detection}\n  condition: ${condition}\n`
const rules = (text: string) => readRules([{ name: 'rules.yml', text }])
const stix = (pattern: string) => indicatorsOfObjects([{ type: 'indicator', id: 'indicator--1', pattern }])
const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const otlp = (resource: object, records: readonly object[]) => JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: records }] }] })
const readOtlp = refusing(text => otlpLines(Buffer.from(text), 'application/json'))
const eventOf = (text: string) =>
  new EventView(JSON.stringify({ message: text, 'host.name': text, url: text, Hashes: text, 'source.ip': text, User: text }), {})
const bulk = refusing(text => parseTasks.bulk({ body: Buffer.from(text), asked: { index: undefined, filter: undefined, isRefused: false } }))
const concatenated = (text: string) => parseTasks.events({ body: Buffer.from(`{}{}${text}`) })
const alerts = (text: string) => ({
  version: '4',
  alerts: [{ status: 'firing', labels: { alertname: text, [text]: text }, annotations: { description: text, summary: text }, startsAt: text }],
})

/** Every parser of what strangers send, by what stands before the hostile part. */
const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  'syslog: anything': syslog(''),
  'syslog: behind a priority': syslog('<13>'),
  'syslog: a message of RFC 3164': syslog(`${rfc3164}app[1]: `),
  'syslog: a header of RFC 3164': syslog(rfc3164),
  'syslog: a header of RFC 5424': syslog('<13>1 '),
  'syslog: structured data': syslog(`${rfc5424}[`),
  'syslog: a parameter of structured data': syslog(`${rfc5424}[a b="`),
  'syslog: a message of RFC 5424': syslog(`${rfc5424}- `),
  'syslog: CEF': syslog(`${rfc3164}CEF:0|`),
  'syslog: the extension of CEF': syslog('CEF:0|a|b|c|d|e|f|'),
  'syslog: sudo': syslog(`${rfc3164}sudo: root : `),
  'syslog: sshd': syslog(`${rfc3164}sshd: Failed password for `),
  'syslog: frames': text => frames(Buffer.from(text)),
  'auditd: a header': text => parseAuditd(`type=${text}`),
  'auditd: fields': text => parseAuditd(audit + text),
  'auditd: fields in quotes': text => parseAuditd(`${audit}msg='${text}'`),
  'OTLP: JSON': readOtlp,
  'OTLP: a text': text => readOtlp(otlp({}, [{ body: { stringValue: text }, severityText: text }])),
  'OTLP: protobuf': refusing(text => otlpLines(Buffer.from(text), 'application/x-protobuf')),
  'JSON of other software': refusing(text => readForeignJson(Buffer.from(text))),
  'JSON of other software: a text': text => readForeignJson(json({ [text]: text })),
  'depth of JSON': text => excessOf(Buffer.from(text), { levels: 100, values: 1_000_000 }),
  'texts of an alert': text => [new Fit().describe(text), new Fit().links([{ url: `https://${text}`, text }])],
  'an answer to a page': text => [parseAnswer(text), parseAnswer(`decline to ${text}`), parseAnswer(`add ${text}`)],
  'a mail': mail(''),
  'a mail: addresses': mail('To: '),
  'a mail: a subject': mail('Subject: '),
  'a mail: a type': mail('Content-Type: text/plain; '),
  'a mail: parts': mail('Content-Type: multipart/mixed; boundary=b\n\n--b\n'),
  'a delivery status': text => parseDeliveryStatus(`Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@b.c\nAction: failed\nDiagnostic-Code: ${text}`),
  'a delivery status: a recipient': text => parseDeliveryStatus(`Status: 5.1.1\nFinal-Recipient: utf-8; ${text}`),
  'a mail: a delivery status': mail('Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: a;'),
  'a mail: HTML': mail('Content-Type: text/html\n\n'),
  'texts that are shown': text => [defang(text), storable(text), shortened(text, 100)],
  'observables in a text': observablesIn,
  'a text without links': text => [withoutLinks(text), defangedParts(text)],
  'a value of an observable': text => fitted(observableKinds.map(kind => ({ kind, value: text }))),
  'a URL as an observable': text => fitted([{ kind: 'url', value: `http://a${text}` }]),
  Markdown: renderMarkdown,
  YAML: refusing(parseYaml),
  'YAML: a value': refusing(text => parseYaml(`a: ${text}`)),
  'YAML: a quoted value': refusing(text => parseYaml(`a:\n  b: "${text}`)),
  'a rule': refusing(rules),
  'a value of a rule': text => rules(rule(`  a:\n    b: ${JSON.stringify(text)}`, 'a')),
  'a key of a rule': text => rules(rule(`  a:\n    ${JSON.stringify(`b|${text}`)}: 1`, 'a')),
  'a filter': text => parse(text, alertFields),
  'the completion of a filter': text => complete(text, text.length, alertFields),
  'a condition': refusing(parseCondition),
  'a condition behind an identifier': refusing(text => parseCondition(`a ${text}`)),
  'a regular expression of a rule': refusing(text => compileRegex(text.slice(0, 10_000), '')),
  'a STIX pattern': stix,
  'a STIX pattern: a value': text => stix(`[url:value = '${text}`),
  'a STIX pattern: a path': text => stix(`[a${text}`),
  'an indicator': text => [parseIndicator(text), parseIndicator(`http://a${text}`)],
  'a network': parseNetwork,
  'a time': parseTime,
  'a page of a TAXII server': refusing(text => [...partsOfPage(Buffer.from(text))]),
  'a page of a TAXII server: an indicator': text => [...partsOfPage(json({ objects: [{ type: 'indicator', id: text, pattern: text }] }))],
  'words that indicators are looked up for': wordsOf,
  'a list of indicators': list,
  'a CSV of indicators': text => list(`url,description\n${text}`),
  'observables of an event': text => observablesOf(eventOf(text)),
  'an alert of an event': text =>
    alertOf({
      rule: { id: 'a', title: text, level: 'low' },
      match: { rule: 0, line: 0, fields: { a: text, b: [text, text] }, at: 0, text: JSON.stringify({ message: text, host: text, url: text }) },
      batch: { id: 1, sourceId: 'a', receivedAt: at },
    }),
}

/** What each worker of the server does for strangers. A task without a line does not compile. */
const tasks: {
  readonly [Name in keyof (typeof jsonTasks & typeof mailTasks & typeof parseTasks & typeof webhookTasks) as `the task ${Name}`]: (text: string) => unknown
} = {
  'the task own': refusing(text => jsonTasks.own({ name: 'createAlerts', bytes: json({ title: text, severity: 'low', labels: { [text]: text } }) })),
  'the task parse': mail('To: a@b.c\n\n'),
  'the task bulk': bulk,
  'the task events': text => [parseTasks.events({ body: Buffer.from(text) }), parseTasks.events({ body: Buffer.from(`[${text}`) }), concatenated(text)],
  'the task otlp': text => readOtlp(otlp({ attributes: [{ key: text, value: { stringValue: text } }] }, [{}])),
  'the task file': text => parseTasks.file({ bytes: Buffer.from(text), path: 'a.log', readAt: at }),
  'the task rules': text => parseTasks.rules({ files: [{ name: 'rules.yml', text }], placeholders: {} }),
  'the task tried': text =>
    parseTasks.tried({ text: rule('  a:\n    b|contains: c', 'a'), events: [JSON.stringify({ b: text }), text], settings: { mapping: {}, placeholders: {} } }),
  'the task alertmanager': refusing(text => webhookTasks.alertmanager({ bytes: json(alerts(text)) })),
  'the task pagerDuty': refusing(text => {
    const payload = { summary: text, source: text, severity: 'critical', timestamp: text, custom_details: text, class: text }
    return webhookTasks.pagerDuty({ bytes: json({ event_action: 'trigger', dedup_key: text, payload, links: [{ href: text, text }] }) })
  }),
}

/** Parsers that a line above measures as a part of another one. */
const within: Readonly<Record<string, string>> = {
  readFilter: 'a filter',
  eventsOf: 'the task file',
  countLines: 'the task events',
  eventLines: 'the task events',
  takeBulk: 'the task bulk',
  parseJson: 'JSON of other software',
  readOwnJson: 'the task own',
  partsOf: 'a page of a TAXII server',
  parseDocument: 'a rule',
  parseIdentifier: 'a rule',
  parseItem: 'a key of a rule',
  parsePattern: 'a value of a rule',
}

/** Linear as well, but some microseconds for a character: less of it is enough. A mail has a promise for each line, and of many lines those cost the collector more. */
const slow = /^(a mail|the task parse|Markdown|a list|a CSV|a regular)/

describe('takes time in proportion to what a stranger sends', () => {
  test.each(Object.entries({ ...parsers, ...tasks }))('%s', async (name, read) => {
    const length = name.startsWith('a mail') ? 800 : slow.test(name) ? 1_500 : 16_000
    for (const [piece, shape] of repetitions) await expectLinear(`${name}, with ${piece} repeated`, read, shape, length)
  })
})

/** Many different things where there usually are few: how many, the input, the parser. */
const numbers: Readonly<Record<string, readonly [number, (count: number) => string, (text: string) => unknown]>> = {
  'parameters of structured data': [3_000, count => `${rfc5424}[x ${many(count, i => `k${i}="v"`, ' ')}]`, syslog('')],
  'elements of structured data': [3_000, count => rfc5424 + many(count, i => `[k${i} a="v"]`), syslog('')],
  'fields of CEF': [3_000, count => `CEF:0|a|b|c|d|e|f|${many(count, i => `k${i}=v`, ' ')}`, syslog('')],
  'fields of auditd': [3_000, count => audit + many(count, i => `k${i}=v`, ' '), parseAuditd],
  'quoted fields of auditd': [3_000, count => audit + many(count, i => `msg='k${i}=v'`, ' '), parseAuditd],
  'attributes of OTLP': [3_000, count => otlp({ attributes: Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: {} })) }, [{}]), readOtlp],
  'records of OTLP': [3_000, count => otlp({}, Array<object>(count).fill({ body: { stringValue: 'a' } })), readOtlp],
  'actions of the bulk API': [3_000, count => many(count, i => `{"index":{"_id":"${i}"}}\n{"a":${i}}\n`), bulk],
  'lines of events': [8_000, count => many(count, i => `{"a":${i}}\n`), tasks['the task events']],
  'events of an array': [8_000, count => `[${many(count, i => `{"a":${i}}`, ',')}]`, tasks['the task events']],
  'events without a separator': [8_000, count => many(count, i => `{"a":${i}}`), tasks['the task events']],
  'lines of a file': [2_000, count => many(count, i => `${rfc3164}app[${i}]: k=v\n`), tasks['the task file']],
  'objects of a page of a TAXII server': [
    1_000,
    count =>
      JSON.stringify({ objects: Array.from({ length: count }, (_, i) => ({ type: 'indicator', id: `${i}`, pattern: `[url:value = 'http://a${i}.b']` })) }),
    text => [...partsOfPage(Buffer.from(text))],
  ],
  'members of JSON': [
    8_000,
    count => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))),
    text => readForeignJson(Buffer.from(text)),
  ],
  'depth of JSON': [3_000, count => '{"a":'.repeat(count) + '1'.padEnd(count + 1, '}'), text => readForeignJson(Buffer.from(text))],
  'labels of an alert': [
    3_000,
    count => many(count, i => `k${i}`, ' '),
    text => new Fit().labels(Object.fromEntries(text.split(' ').map(name => [name, name]))),
  ],
  'keys of YAML': [3_000, count => many(count, i => `k${i}: v\n`), parseYaml],
  'anchors of YAML': [3_000, count => many(count, i => `k${i}: &a${i} v\n`), parseYaml],
  'flow keys of YAML': [3_000, count => `{${many(count, i => `k${i}: v`, ', ')}}`, parseYaml],
  'lines of a YAML text': [3_000, count => `a: |\n${many(count, i => ` l${i}\n`)}`, parseYaml],
  'tag directives of YAML': [1_000, count => `${many(count, i => `%TAG !t${i}! tag:a,${i}:\n`)}---\na: 1\n`, refusing(parseYaml)],
  'documents that are no rules': [1_000, count => many(count, i => `a: ${i}\n---\n`), rules],
  'rules with a problem': [300, count => many(count, i => `${rule(`  a:\n    b|nope: ${i}`, 'a')}---\n`), rules],
  'rules with one id': [300, count => many(count, () => `id: a\n${rule('  a:\n    b: 1', 'a')}---\n`), rules],
  'identifiers of a rule': [
    500,
    count =>
      rule(
        many(count, i => `  a${i}:\n    b: ${i}\n`),
        '1 of them',
      ),
    rules,
  ],
  'identifiers and patterns of a condition': [
    500,
    count =>
      rule(
        many(count, i => `  a${i}:\n    b: ${i}\n`),
        many(count, i => `1 of a${i}*`, ' and '),
      ),
    rules,
  ],
  'identifiers named again and again': [
    500,
    count =>
      rule(
        many(count, i => `  a${i}:\n    b: ${i}\n`),
        many(count, () => 'all of them', ' or '),
      ),
    rules,
  ],
  'values of a rule': [1_000, count => rule(`  a:\n    b:\n${many(count, i => `      - '*v${i}*'\n`)}`, 'a'), rules],
  'correlations of correlations': [
    200,
    count => many(count, i => `title: C\nid: c${i}\ncorrelation: {type: event_count, rules: [c${i + 1}], timespan: 5m, condition: {gte: 1}}\n---\n`),
    rules,
  ],
  'parts of a condition': [3_000, count => many(count, i => `a${i}`, ' and '), parseCondition],
  'values of a STIX pattern': [2_000, count => `[${many(count, i => `url:value = 'http://a${i}.b'`, ' OR ')}]`, stix],
  'columns of a CSV': [2_000, count => `url,${many(count, i => `c${i}`, ',')}\n${many(count, i => `c${i}`, ',')}\n`, list],
  'rows of a CSV': [1_000, count => `url,description\n${many(count, i => `http://a${i}.b,c\n`)}`, list],
  'values of an event': [
    2_000,
    count => JSON.stringify({ url: many(count, i => `http://a${i}`, ' ').split(' '), Hashes: many(count, () => 'MD5=a', ',') }),
    text => observablesOf(new EventView(text, {})),
  ],
  'headers of a mail': [3_000, count => `${many(count, i => `X-H${i}: v\n`)}\nx`, mail('')],
  'addresses of a mail': [2_000, count => `${many(count, i => `"a${i}" <a@b.c>`, ', ')}\n\nx`, mail('To: ')],
  'groups of addresses of a mail': [2_000, count => `${many(count, i => `g${i}:`)}${';'.repeat(count)}\n\nx`, mail('To: ')],
  'parts of a mail': [1_000, count => `${many(count, () => '--b\n\nx\n')}--b--`, mail('Content-Type: multipart/mixed; boundary=b\n\n')],
  'mails in a mail': [200, count => `${'Content-Type: message/rfc822\n\n'.repeat(count)}x`, mail('')],
}

describe('measures all that strangers send', () => {
  const sourcesIn = (pattern: string) => globSync(pattern).filter(path => !path.endsWith('.test.ts'))

  test('each worker', () => {
    const known = {
      'compile-worker.ts': 'a rule',
      'detector-worker.ts': 'an alert of an event',
      'build-worker.ts': 'words that indicators are looked up for',
      'list-worker.ts': 'a list of indicators',
      'mail-worker.ts': 'the task parse',
      'json-worker.ts': 'the task own',
      'webhook-worker.ts': 'the task alertmanager',
      'parse-worker.ts': 'the task bulk',
    }
    const found = sourcesIn('{apps/server,packages/*}/src/**/*.ts').filter(path => /\bparentPort\b|^serve\(/m.test(readFileSync(path, 'utf8')))
    expect(found.map(path => basename(path)).toSorted(), 'a new worker needs a line for each of its tasks').toEqual(
      [...Object.keys(known), 'worker.ts'].toSorted(),
    )
    for (const name of Object.values(known)) expect({ ...parsers, ...tasks }).toHaveProperty([name])
  })

  test('each function that reads bytes, and each that parses a text', () => {
    // Of no stranger: memory that is handed over, and a path.
    const others = ['memoryOf', 'readRuleFiles']
    const parser =
      /^export (?:async )?function\*? (\w+(?=\(\w+: (?:Buffer|Uint8Array|AsyncIterable<Uint8Array>)\b)|(?:parse|read|decode)\w*(?=\(\w+: (?:string|unknown)[,)]))/gm
    const found = sourcesIn('{apps/server,packages/api,packages/sigma}/src/**/*.ts').flatMap(path =>
      [...readFileSync(path, 'utf8').matchAll(parser)].flatMap(([, name]) => name ?? []),
    )
    // The imports of this file are what its lines measure: an import that no line uses does not pass the check.
    const [imports = ''] = readFileSync(import.meta.filename, 'utf8').split('\nconst ', 1)
    const measured = new Set([...(imports.match(/\w+/g) ?? []), ...Object.keys(within), ...others])
    expect(found.length).toBeGreaterThan(20)
    expect(
      found.filter(name => !measured.has(name)),
      'a new parser needs a line',
    ).toEqual([])
    expect(
      Object.keys(within).filter(name => !found.includes(name)),
      'are no parsers any more',
    ).toEqual([])
    for (const name of Object.values(within)) expect({ ...parsers, ...tasks }).toHaveProperty([name])
  })
})

describe('takes time in proportion to the number of', () => {
  test.each(Object.entries(numbers))('%s', async (name, [count, shape, read]) => {
    await expectLinear(name, read, shape, count)
  })

  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'archives-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  test('files of an archive', async () => {
    const paths = new Map<string, string>()
    for (const count of [500, 2_000]) {
      const archive = pack()
      for (let i = 0; i < count; i++) archive.entry({ name: `rules/r${i}.yml` }, 'title: a\n')
      archive.finalize()
      const pieces: Buffer[] = []
      for await (const piece of archive as AsyncIterable<Buffer>) pieces.push(piece)
      const path = join(folder, `${count}.tar`)
      writeFileSync(path, Buffer.concat(pieces))
      paths.set('x'.repeat(count), path)
    }
    await expectLinear(
      'an archive',
      text => readRuleFiles(paths.get(text) ?? ''),
      length => 'x'.repeat(length),
      500,
    )
  })
})

describe('a few bytes cannot come to any amount of work', () => {
  test('attributes of a resource, which each of its records is given', () => {
    const attributes = Array.from({ length: 2_000 }, (_, i) => ({ key: `k${i}`, value: { stringValue: 'v' } }))
    expect(readOtlp(otlp({ attributes }, Array<object>(20_000).fill({})))).toMatchObject({
      kind: 'too-large',
      message: 'With the attributes of their resources the events are larger than 32 MB. Nothing was stored. Send smaller batches.',
    })
  })

  test('an archive of what compresses well', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bombs-'))
    try {
      const archive = pack()
      // Neither is taken, but both are unpacked.
      for (const name of ['a.txt', 'b.txt']) archive.entry({ name }, Buffer.alloc(70_000_000))
      archive.finalize()
      const path = join(folder, 'bomb.tar.gz')
      await pipeline(archive, createGzip(), createWriteStream(path))
      expect(statSync(path).size).toBeLessThan(200_000)
      await expect(readRuleFiles(path)).rejects.toThrow('is too large')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('identifiers of a rule, which its condition names again and again', () => {
    const identifiers = many(1_000, i => `  a${i}:\n    b: ${i}\n`)
    expect(
      rules(
        rule(
          identifiers,
          many(99, () => '1 of them', ' or '),
        ),
      ).refused,
    ).toMatchObject([{ reason: 'detection / condition: the condition comes to more than 100,000 tests' }])
    expect(
      rules(
        rule(
          identifiers,
          many(49, () => '1 of them', ' or '),
        ),
      ).refused,
    ).toEqual([])
  })
})

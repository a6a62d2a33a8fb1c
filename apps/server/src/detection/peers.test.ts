import { once } from 'node:events'
import { connect } from 'node:net'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { Client } from '@elastic/elasticsearch'
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { describe, expect, onTestFinished } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { hasRsyslog, rsyslogMissing, startRsyslog } from '../../test/rsyslog.ts'
import { type Person, test, type World } from '../../test/world.ts'

const marked = `title: Marked
id: 77777777-7777-4777-8777-777777777777
logsource: {}
detection:
  selection:
    marker: yes-it-is
  condition: selection
level: low
`

async function source(world: World, lead: Person, more: object = {}): Promise<string> {
  await lead.call('createDetectionRule', { body: { text: marked } })
  const { url } = await lead.call('createLogSource', { body: { name: 'Peer', ...more } })
  await world.settle()
  await world.server.detection.detector.settle()
  return url.replace(/^https?:\/\/[^/]+/, world.origin)
}

/** Waits for so many matches. */
const alerted = (lead: Person, count: number) =>
  until(
    async () => {
      const { items } = await lead.call('alerts', {})
      return items.reduce((sum, alert) => sum + alert.count, 0) >= count ? items : undefined
    },
    `${count} matches`,
    20_000,
  )

describe('real shippers', () => {
  test('the client of Elasticsearch, with its bulk helper', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const client = new Client({ node: `${url}/elastic` })
    const documents = Array.from({ length: 1_000 }, (_, n) => ({ '@timestamp': '2026-11-23T08:00:00Z', marker: n % 100 === 0 ? 'yes-it-is' : 'no', n }))
    const stats = await client.helpers.bulk({ datasource: documents, onDocument: () => ({ create: { _index: 'logs' } }) })
    expect(stats).toMatchObject({ total: 1_000, successful: 1_000, failed: 0 })
    expect(await alerted(lead, 10)).toMatchObject([{ title: 'Marked', count: 10 }])
  })

  test.for([
    ['JSON', JsonExporter],
    ['protobuf', ProtobufExporter],
  ] as const)('the exporter of OpenTelemetry, in %s', async ([, Exporter], { world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const exporter = new Exporter({ url: `${url}/v1/logs` })
    const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
    provider.getLogger('app').emit({ body: 'something', attributes: { marker: 'yes-it-is', 'source.ip': '203.0.113.9' } })
    await provider.forceFlush()
    await provider.shutdown()
    const [alert] = await alerted(lead, 1)
    expect(alert?.observables).toContainEqual({ kind: 'ipv4-addr', value: '203.0.113.9' })
  })

  test('give their key in a header as well, and nothing is read of whoever has none', async ({ world }) => {
    const lead = await world.person('lead')
    const key = (await source(world, lead)).split('/').at(-1) ?? ''
    const document = { '@timestamp': '2026-11-23T08:00:00Z', marker: 'yes-it-is' }
    for (const apiKey of [key, { id: 'tocsin', api_key: key }]) {
      const client = new Client({ node: `${world.origin}/in/elastic`, auth: { apiKey } })
      expect(await client.helpers.bulk({ datasource: [document], onDocument: () => ({ create: { _index: 'logs' } }) })).toMatchObject({ successful: 1 })
    }
    const basic = new Client({ node: `${world.origin}/in/elastic`, auth: { username: 'tocsin', password: key } })
    expect(await basic.helpers.bulk({ datasource: [document], onDocument: () => ({ create: { _index: 'logs' } }) })).toMatchObject({ successful: 1 })
    const exporter = new JsonExporter({ url: `${world.origin}/in/v1/logs`, headers: { authorization: `Bearer ${key}` } })
    const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
    provider.getLogger('app').emit({ body: 'something', attributes: { marker: 'yes-it-is' } })
    await provider.forceFlush()
    const post = (headers: Record<string, string>) =>
      fetch(`${world.origin}/in/events`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson', ...headers }, body: JSON.stringify(document) })
    expect((await post({ 'x-api-key': key })).status).toBe(202)
    expect((await post({})).status).toBe(401)
    expect((await post({ authorization: `Bearer ${key}x` })).status).toBe(403)
    expect((await alerted(lead, 5)).reduce((sum, { count }) => sum + count, 0)).toBe(5)
    for (const [path, status] of [
      ['/in/wrong/events', 403],
      ['/in/events', 401],
      ['/in/wrong/alertmanager', 403],
      ['/in/wrong/v2/enqueue', 403],
      ['/api/v1/alerts', 401],
    ] as const) {
      const socket = connect(Number(new URL(world.origin).port), '127.0.0.1')
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 30000000\r\n\r\n`)
      const [answer] = await once(socket, 'data')
      expect(String(answer), 'the answer comes before the body').toMatch(new RegExp(`^HTTP/1.1 ${status}`))
      socket.destroy()
    }
  })

  test('rsyslog, by the bulk API of Elasticsearch', async ({ world, skip }) => {
    if (!hasRsyslog) skip(rsyslogMissing)
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const rsyslog = await startRsyslog('app', { elastic: `${url}/elastic` })
    onTestFinished(() => rsyslog.stop())
    for (let n = 0; n < 20; n++) await rsyslog.log(JSON.stringify({ marker: 'yes-it-is', n }))
    expect(await alerted(lead, 20)).toMatchObject([{ title: 'Marked', count: 20 }])
  })
})

describe('what shippers send over HTTP', () => {
  const document = (n: number) => ({ date: 1_763_884_800.5 + n, marker: 'yes-it-is', log: `n ${n}: }{ [],"\\\n`, kubernetes: { labels: [{ n }] } })
  const array = JSON.stringify([document(1), document(2)])
  const ndjson = `${JSON.stringify(document(1))}\n${JSON.stringify(document(2))}\n`
  const sent = [
    ['Vector: codec json', 'application/json', 'identity', array],
    ['Vector: codec json, compressed by gzip', 'application/json', 'gzip', gzipSync(array)],
    ['Vector: codec json, compressed by zlib', 'application/json', 'deflate', deflateSync(array)],
    ['Vector: codec json, compressed by zstd', 'application/json', 'zstd', zstdCompressSync(array)],
    ['Vector: framing newline_delimited', 'application/x-ndjson', 'identity', ndjson],
    ['Fluent Bit: format json', 'application/json', 'identity', array],
    ['Fluent Bit: format json_lines, compressed by gzip', 'application/x-ndjson', 'gzip', gzipSync(ndjson)],
    ['Fluent Bit: format json_stream', 'application/json', 'identity', ndjson.replaceAll('\n', '')],
    ['Logstash: format json_batch, compressed by gzip', 'application/json', 'gzip', gzipSync(array)],
    ['Cribl: NDJSON', 'application/x-ndjson', 'gzip', gzipSync(ndjson)],
    ['Cribl: JSON array', 'application/json', 'gzip', gzipSync(array)],
    ['an array over several lines', 'application/json', 'identity', JSON.stringify([document(1), document(2)], null, 2)],
  ] as const

  test('is taken in each format and compression', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    for (const [name, type, encoding, body] of sent) {
      const reply = await fetch(`${url}/events`, { method: 'POST', headers: { 'content-type': type, 'content-encoding': encoding }, body })
      expect([reply.status, await reply.json()], name).toEqual([202, { accepted: 2 }])
    }
    expect(await alerted(lead, 2 * sent.length)).toMatchObject([{ title: 'Marked', count: 2 * sent.length }])
    expect(await lead.call('deadLetters')).toMatchObject({ items: [] })
  })

  test('is refused where a part of it would not be read, or in an unknown compression', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const post = async (encoding: string, body: Buffer<ArrayBuffer>) => {
      const reply = await fetch(`${url}/events`, { method: 'POST', headers: { 'content-encoding': encoding }, body })
      return [reply.status, await reply.text()]
    }
    const twice = (packed: Buffer) => Buffer.concat([packed, packed])
    for (const [encoding, pack] of [
      ['zstd', zstdCompressSync],
      ['deflate', deflateSync],
    ] as const)
      expect(await post(encoding, twice(pack(ndjson)))).toEqual([400, expect.stringContaining(`body: has more after its first ${encoding} frame`)])
    expect(await post('gzip', twice(gzipSync(ndjson)))).toEqual([202, '{"accepted":4}'])
    for (const encoding of ['br', 'toString', '__proto__', 'constructor'])
      expect(await post(encoding, Buffer.from(ndjson))).toEqual([400, expect.stringContaining('Content-Encoding: must be gzip')])
  })

  test('an array is bounded as lines are, and what is in it beside events is set aside', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const post = async (list: unknown[]) => {
      const reply = await fetch(`${url}/events`, { method: 'POST', body: JSON.stringify(list) })
      return [reply.status, await reply.json()]
    }
    expect(await post([document(1), 'text', [document(2)], null])).toEqual([202, { accepted: 1, setAside: 3 }])
    expect(await post(Array(10_001).fill(1))).toMatchObject([
      400,
      { detail: expect.stringContaining('body: has 10001 lines of 10001 that are not JSON objects') },
    ])
    expect(await post(Array(20_000).fill({ n: 1 }))).toEqual([202, { accepted: 20_000 }])
    await alerted(lead, 1)
  })
})

describe('a real sender of syslog', () => {
  test.override({ options: { env: { TOCSIN_SYSLOG_TCP: '0' } } })
  test('rsyslog, over TCP with counted frames', async ({ world, skip }) => {
    if (!hasRsyslog) skip(rsyslogMissing)
    const lead = await world.person('lead')
    await source(world, lead, { senders: ['127.0.0.1'] })
    const rsyslog = await startRsyslog('sshd', { tcp: world.server.detection.syslog.ports.tcp ?? 0 })
    onTestFinished(() => rsyslog.stop())
    for (let n = 0; n < 10; n++) await rsyslog.log('Failed password for root from 203.0.113.9 port 22 ssh2')
    const [alert] = await alerted(lead, 1)
    expect(alert?.title).toBe('SSH Brute Force From Single Source: 203.0.113.9')
  })
})

describe('back-pressure', () => {
  test('when too much waits, events are asked for again later, in the bulk API item by item', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const { intake, detector } = world.server.detection
    await detector.stop()
    // What waits is counted as it was before it was packed.
    const filler = gzipSync(`{"x":"${'a'.repeat(1_048_576)}"}\n`.repeat(30))
    const fill = () => fetch(`${url}/events`, { method: 'POST', body: filler, headers: { 'content-encoding': 'gzip' } })
    while (!intake.isFull) expect((await fill()).status).toBe(202)
    const event = '{"marker":"yes-it-is"}\n'
    const plain = await fetch(`${url}/events`, { method: 'POST', body: event })
    expect([plain.status, plain.headers.get('retry-after')]).toEqual([429, '5'])
    const bulk = await fetch(`${url}/elastic/_bulk`, { method: 'POST', body: `{"create":{}}\n${event}` })
    expect([bulk.status, await bulk.json()]).toMatchObject([200, { errors: true, items: [{ create: { status: 429 } }] }])
    const record = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] }
    const otlp = await fetch(`${url}/v1/logs`, { method: 'POST', body: JSON.stringify(record), headers: { 'content-type': 'application/json' } })
    expect([otlp.status, otlp.headers.get('retry-after')]).toEqual([429, '5'])
    await detector.start()
    await until(() => (intake.isFull ? undefined : true), 'there is room again', 60_000)
    expect((await fetch(`${url}/events`, { method: 'POST', body: event })).status).toBe(202)
    await alerted(lead, 1)
  })
})

describe('a bulk request', () => {
  test('has an answer as short as is asked for, and bounds that are said', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const bulk = (body: string | Buffer, query = '', headers: Record<string, string> = {}) =>
      fetch(`${url}/elastic/_bulk${query}`, { method: 'POST', body, headers })
    const two = '{"create":{"_id":"a"}}\n{"n":1}\n{"delete":{"_id":"b"}}\n'
    const answers = async (filter: string) => (await bulk(two, `?filter_path=${encodeURIComponent(filter)}`)).json()
    const whole = (await (await bulk(two)).json()) as { items: unknown[] }
    expect(whole).toMatchObject({ took: 1, errors: false, items: [{ create: { _id: 'a', status: 201 } }, { delete: { _id: 'b', status: 404 } }] })
    expect(await answers('errors')).toEqual({ errors: false })
    expect(await answers('errors,items.*.error')).toEqual({ errors: false })
    expect(await answers('took, items.create.st*s')).toEqual({ took: 1, items: [{ create: { status: 201 } }] })
    expect(await answers('**.status')).toEqual({ items: [{ create: { status: 201 } }, { delete: { status: 404 } }] })
    expect(await answers('items')).toEqual({ items: whole.items })
    expect(await answers('nothing')).toEqual({})
    for (const bad of ['-items', 'a.'.repeat(9), 'a,'.repeat(20)]) expect((await bulk(two, `?filter_path=${bad}`)).status, bad).toBe(400)

    const actions = (count: number) => gzipSync('{"delete":{}}\n'.repeat(count))
    const zip = { 'content-encoding': 'gzip' }
    const most = await bulk(actions(50_000), '', zip)
    expect([most.status, ((await most.json()) as { items: unknown[] }).items.length]).toEqual([200, 50_000])
    const more = await bulk(actions(50_001), '', zip)
    expect([more.status, await more.json()]).toMatchObject([
      413,
      { detail: 'A bulk request may have at most 50,000 actions. Nothing was stored. Send smaller batches.' },
    ])
    const bomb = await bulk(gzipSync(Buffer.alloc(200 * 1_048_576, 10)), '', zip)
    expect([bomb.status, await bomb.json()]).toMatchObject([413, { detail: 'The decompressed events are larger than 32 MB. Send them in smaller batches.' }])
  })
})

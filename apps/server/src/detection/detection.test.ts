import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { saveAway } from '../kernel/uptime.ts'

const sysmon = (fields: Record<string, unknown>) => ({ Channel: 'Microsoft-Windows-Sysmon/Operational', EventID: 1, Computer: 'ws1', ...fields })

const whoami = `title: Who am I
id: 11111111-1111-4111-8111-111111111111
description: Somebody asks who they are.
tags:
  - attack.discovery
  - attack.t1033
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    Image|endswith: '\\whoami.exe'
  condition: selection
level: high
`

async function source(world: World, lead: Person, more: object = {}): Promise<string> {
  const { url } = await lead.call('createLogSource', { body: { name: 'Windows', ...more } })
  await world.settle()
  await world.server.detection.detector.settle()
  return url.replace(/^https?:\/\/[^/]+/, world.origin)
}

const post = (url: string, body: string | Buffer, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', body, headers })
const lines = (...events: unknown[]) => events.map(event => `${JSON.stringify(event)}\n`).join('')

async function matched(world: World): Promise<void> {
  await until(() => (world.server.detection.intake.waiting.batches === 0 ? true : undefined), 'all batches are matched', 20_000)
  await world.settle()
}

/** Rules that were just changed are active once this has passed. */
async function rulesActive(world: World): Promise<void> {
  await world.settle()
  await world.server.detection.detector.settle()
}

describe('from an event to an alert', () => {
  test('pages the team of the service that the rule is about, or else of that of the log source', async ({ world }) => {
    const lead = await world.person('lead')
    const [first, payments, storage] = [await world.team(), await world.team(), await world.team()]
    const billing = await world.service('billing', payments.team)
    const archive = await world.service('archive', storage.team)
    const rule = await lead.call('createDetectionRule', { body: { text: whoami } })
    expect(rule.service).toBeNull()
    const unknown = { serviceId: rule.id }
    await expect(lead.call('assignDetectionRule', { params: { id: rule.id }, body: unknown })).rejects.toMatchObject(refusal('invalid', 'serviceId'))
    await expect(lead.call('createLogSource', { body: { name: 'Windows', ...unknown } })).rejects.toMatchObject(refusal('invalid', 'serviceId'))
    const url = await source(world, lead, { serviceId: billing.id })
    const serviceOf = async (Computer: string) => {
      await post(`${url}/events`, lines(sysmon({ Computer, Image: 'C:\\whoami.exe' })))
      await matched(world)
      return (await lead.call('alerts', {})).items.find(({ title }) => title.includes(Computer))?.service?.name ?? null
    }
    expect(await serviceOf('ws1')).toBe('billing')
    payments.primary.expectPage(/Who am I/)
    expect((await lead.call('assignDetectionRule', { params: { id: rule.id }, body: { serviceId: archive.id } })).service).toMatchObject({ name: 'archive' })
    expect(await serviceOf('ws2')).toBe('archive')
    storage.primary.expectPage(/Who am I/)
    await lead.call('assignDetectionRule', { params: { id: rule.id }, body: { serviceId: null } })
    const [mine] = (await lead.call('logSources', {})).filter(({ name }) => name === 'Windows')
    await lead.call('assignLogSource', { params: { id: mine?.id ?? '' }, body: { serviceId: null } })
    expect(await serviceOf('ws3')).toBeNull()
    first.primary.expectPage(/Who am I/)
    payments.primary.expectNoPage()
    const told = (await lead.call('journal', { query: { limit: 200 } })).items.map(({ sentence }) => sentence)
    expect(told).toContain('Set the service of rule Who am I to archive (was none)')
    expect(told).toContain('Set the service of log source Windows to none (was billing)')
  })

  test('a match pages, shows what matched, and counts up on the same host and user', async ({ world }) => {
    const { primary } = await world.team()
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const event = sysmon({
      Image: 'C:\\Windows\\System32\\whoami.exe',
      User: 'corp\\bob',
      Hashes: `MD5=${'a'.repeat(32)},SHA256=${'b'.repeat(64)}`,
      UtcTime: '2026-11-23 07:59:58.100',
    })
    const reply = await post(`${url}/events`, lines(event, sysmon({ Image: 'C:\\other.exe' }), event))
    expect([reply.status, await reply.json()]).toEqual([202, { accepted: 3 }])
    await matched(world)
    const { items } = await lead.call('alerts', {})
    expect(items).toMatchObject([{ title: 'Who am I: ws1 corp\\bob', severity: 'high', count: 2, source: 'detection', labels: { level: 'high' } }])
    expect(items[0]?.observables).toEqual(
      expect.arrayContaining([
        { kind: 'host', value: 'ws1' },
        { kind: 'user-account', value: 'corp\\bob' },
        { kind: 'process', value: 'C:\\Windows\\System32\\whoami.exe' },
        { kind: 'file-hash', value: 'b'.repeat(64) },
      ]),
    )
    primary.expectPage(/Who am I/)
    const entries = (await lead.call('journal', { query: { limit: 200 } })).items
    const basis = { version: 1, sha256: createHash('sha256').update(whoami).digest('hex') }
    expect(entries.find(entry => entry.type === 'alert.received')?.data, 'the text of the rule that matched').toMatchObject({
      ...{ rule: basis, occurredAt: '2026-11-23T07:59:58.100Z' },
    })
    expect(entries.find(entry => entry.type === 'detection-rule.added')?.data).toMatchObject(basis)
    const matches = await lead.call('alertMatches', { params: { id: items[0]?.id ?? '' } })
    expect(matches).toMatchObject([{ at: '2026-11-23T07:59:58.100Z', fields: { Image: ['C:\\Windows\\System32\\whoami.exe'] }, source: 'Windows' }, {}])
    const [rule] = (await lead.call('detectionRules', { query: { search: 'who am' } })).items
    expect(rule).toMatchObject({ matches: 2, lastMatchAt: world.now })
    await post(`${url}/events`, lines(sysmon({ Image: 'C:\\whoami.exe', User: 'corp\\eve' })))
    await matched(world)
    const [eve, bob] = (await lead.call('alerts', {})).items
    expect(bob?.id, 'another user is another alert').toBe(items[0]?.id)
    // What is decided about an alert rests on the rule that raised it, also when that is another one now.
    const [added] = (await lead.call('detectionRules', { query: { search: 'who am' } })).items
    await lead.call('changeDetectionRule', { params: { id: added?.id ?? '' }, body: { text: whoami.replace('level: high', 'level: low'), version: 1 } })
    const judged = { responsibility: 'us', reason: 'An exercise.' } as const
    await lead.call('dismissAlert', { params: { id: bob?.id ?? '' }, body: { ...judged, value: 'benign-true-positive' } })
    await lead.call('escalateAlert', { params: { id: eve?.id ?? '' }, body: judged })
    const dispositions = (await lead.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => /^alert\.(dismissed|escalated)$/.test(type))
    expect(dispositions.map(({ data }) => data)).toMatchObject([{ rule: basis }, { rule: basis }])
  })

  test('an exception made from an alert is a filter with reason, author and end', async ({ world }) => {
    await world.team()
    const lead = await world.person('lead', 'Lea Lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const event = (Computer: string) => sysmon({ Computer, Image: 'C:\\it*?\\whoami.exe' })
    await post(`${url}/events`, lines(event('build1')))
    await matched(world)
    const [alert] = (await lead.call('alerts', {})).items
    const params = { id: alert?.id ?? '' }
    const exception = await lead.call('addDetectionException', {
      params,
      body: { field: 'Image', value: 'C:\\it*?\\whoami.exe', reason: 'The build asks.', expiresAt: '2026-11-24T08:00:00Z' },
    })
    expect(exception).toMatchObject({ kind: 'filter', origin: 'exception', changedBy: 'Lea Lead', expiresAt: '2026-11-24T08:00:00.000Z' })
    const recorded = (await lead.call('journal', {})).items.find(({ subject }) => subject.id === exception.id)
    expect(recorded?.data).toMatchObject({ origin: 'exception', expiresAt: '2026-11-24T08:00:00.000Z' })
    await rulesActive(world)
    await post(`${url}/events`, lines(event('build2'), sysmon({ Computer: 'ws9', Image: 'C:\\itXX\\whoami.exe' })))
    await matched(world)
    expect(
      (await lead.call('alerts', {})).items.map(({ title }) => title),
      'a wildcard in a value excepts nothing else',
    ).toEqual(['Who am I: ws9', 'Who am I: build1'])
    await world.advance({ hours: 25 })
    await rulesActive(world)
    await post(`${url}/events`, lines(event('build3')))
    await matched(world)
    expect((await lead.call('alerts', {})).items[0]?.title, 'it has ended').toBe('Who am I: build3')
    await expect(lead.call('addDetectionException', { params, body: { field: 'a|re', value: 'x', reason: 'x', expiresAt: null } })).rejects.toThrow(
      /field name without modifiers/,
    )
  })

  test('a rule that gives itself no id is counted, and keeps its exceptions when its text changes', async ({ world }) => {
    const lead = await world.person('lead')
    const nameless = whoami.replace(/^id: .*\n/m, '')
    const { id, version } = await lead.call('createDetectionRule', { body: { text: nameless } })
    const url = await source(world, lead)
    const asks = async (...computers: string[]) => {
      await post(`${url}/events`, lines(...computers.map(Computer => sysmon({ Computer, Image: 'C:\\whoami.exe' }))))
      await matched(world)
      return (await lead.call('alerts', {})).items
    }
    const [alert] = await asks('build')
    expect((await lead.call('detectionRules', { query: { search: 'who am' } })).items).toMatchObject([{ matches: 1 }])
    const exception = { field: 'Computer', value: 'build', reason: 'The build asks.', expiresAt: null }
    await lead.call('addDetectionException', { params: { id: alert?.id ?? '' }, body: exception })
    const params = { id }
    const changed = await lead.call('changeDetectionRule', { params, body: { text: nameless.replace('Somebody', 'Someone'), version } })
    await rulesActive(world)
    expect((await asks('build', 'ws9')).map(({ title, count }) => [title, count])).toEqual([
      ['Who am I: ws9', 1],
      ['Who am I: build', 1],
    ])
    await expect(
      lead.call('changeDetectionRule', { params, body: { text: whoami, version: changed.version } }),
      'under another id the exception would end in silence',
    ).rejects.toThrow(/"Exclude build: Who am I" refers to this rule by its id text-/)
  })

  test('a brute force that ends in a sign-in is one critical alert that outlives a restart of the correlation', async ({ world }) => {
    const { primary } = await world.team()
    const lead = await world.person('lead')
    const url = await source(world, lead, { logsource: { product: 'linux', service: 'sshd' } })
    const login = (outcome: string, second: number) => ({
      '@timestamp': `2026-11-23T07:50:${String(second).padStart(2, '0')}Z`,
      event: { action: 'ssh_login', outcome },
      source: { ip: '203.0.113.9' },
      user: { name: 'root' },
    })
    await post(`${url}/events`, lines(...Array.from({ length: 12 }, (_, i) => login('failure', i))))
    await matched(world)
    // A change of rules compiles everything anew: what the correlations know comes from the database.
    await lead.call('createDetectionRule', { body: { text: whoami } })
    await rulesActive(world)
    await post(`${url}/events`, lines(login('success', 30)))
    await matched(world)
    const { items } = await lead.call('alerts', {})
    expect(items.map(({ title, severity }) => [title, severity])).toEqual([
      ['Successful SSH Login After Brute Force: 203.0.113.9', 'critical'],
      ['SSH Brute Force From Single Source: 203.0.113.9', 'medium'],
    ])
    primary.expectPage(/Successful SSH Login After Brute Force/)
    const metrics = await (await fetch(`${world.origin}/metrics`)).text()
    expect(metrics).toMatch(/^tocsin_events_total 13$/m)
    expect(metrics).toMatch(/^tocsin_correlation_events [1-9]\d*$/m)
    expect(metrics).toMatch(/^tocsin_correlation_evicted_total 0$/m)
    const rested = async (title: string) => lead.call('alertMatches', { params: { id: items.find(alert => alert.title.startsWith(title))?.id ?? '' } })
    const many = await rested('SSH Brute Force')
    expect(many.length, 'the events that it rests on').toBe(10)
    expect(many.every(({ event }) => event.includes('failure'))).toBe(true)
    expect((await rested('Successful SSH Login'))[0]?.event).toContain('success')
  })

  test('a rule that meets everything, on thousands of hosts at once, stops nothing', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const events = Array.from({ length: 6_000 }, (_, i) => sysmon({ Computer: `h${i % 2_500}`, Image: '\\whoami.exe' }))
    await post(`${url}/events`, `${'{broken\n'.repeat(3_000)}${lines(...events)}`)
    await matched(world)
    expect(await lead.call('detectionStatus')).toMatchObject({ deadLetters: 3_000, waitingBatches: 0 })
    const [rule] = (await lead.call('detectionRules', { query: { search: 'who am' } })).items
    expect(rule?.matches).toBe(6_000)
    const { items } = await lead.call('alerts', { query: { limit: 200 } })
    expect(items.every(({ count }) => count === 2 || count === 3)).toBe(true)
  })

  test('what cannot be stored as it is does not keep the others of its batch from being matched', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const odd = ['\0', '\ud83d', `${'x'.repeat(3_999)}\u{1f600}`, `${'y'.repeat(290)}\u{1f600}\u{1f600}`].map((text, i) =>
      sysmon({ Computer: `h${i}`, User: text, Image: `${text}\\whoami.exe`, CommandLine: text }),
    )
    // Years that neither the database nor an entry has.
    const ages = ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59-05:00'].map(UtcTime => sysmon({ Computer: UtcTime, Image: '\\whoami.exe', UtcTime }))
    await post(`${url}/events`, lines(...odd, ...ages, sysmon({ Computer: 'plain', Image: '\\whoami.exe' })))
    await matched(world)
    expect((await lead.call('alerts', {})).items.length).toBe(7)
    expect((await lead.call('deadLetters')).items).toEqual([])
  })

  test('rules change again and again while events come in, and not one goes unmatched', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const other = whoami.replace('11111111', '22222222').replace('Who am I', 'Another').replace('whoami', 'other')
    const { id } = await lead.call('createDetectionRule', { body: { text: other } })
    const batch = lines(...Array.from({ length: 20 }, () => sysmon({ Image: '\\whoami.exe' })))
    for (let round = 0; round < 12; round++) {
      await lead.call('enableDetectionRule', { params: { id }, body: { isEnabled: round % 2 === 0 } })
      await world.server.context.readers.drain()
      for (let n = 0; n < 3; n++) expect((await post(`${url}/events`, batch)).status).toBe(202)
    }
    await matched(world)
    await rulesActive(world)
    expect((await lead.call('alerts', {})).items).toMatchObject([{ title: 'Who am I: ws1', count: 12 * 3 * 20 }])
  })

  test('what waits is matched after a stop, and nothing is lost or doubled', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const { detector } = world.server.detection
    await detector.stop()
    for (let i = 0; i < 5; i++) expect((await post(`${url}/events`, lines(sysmon({ Computer: `h${i}`, Image: '\\whoami.exe' })))).status).toBe(202)
    expect((await lead.call('alerts', {})).items).toEqual([])
    expect((await lead.call('detectionStatus')).waitingBatches).toBe(5)
    await detector.start()
    await matched(world)
    expect((await lead.call('alerts', {})).items.map(({ title, count }) => [title, count])).toEqual([4, 3, 2, 1, 0].map(i => [`Who am I: h${i}`, 1]))
  })
})

describe('shippers', () => {
  test('the bulk API of Elasticsearch: each item is answered, an index in the path, a compressed body', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = `${await source(world, lead)}/elastic`
    const hello = await fetch(url)
    expect([hello.status, hello.headers.get('x-elastic-product'), await hello.json()]).toMatchObject([
      200,
      'Elasticsearch',
      { tagline: 'You Know, for Search' },
    ])
    expect((await fetch(`${url}/_index_template/filebeat`, { method: 'PUT', body: '{}', headers: { 'content-type': 'application/json' } })).status).toBe(200)
    const event = sysmon({ Image: '\\whoami.exe' })
    const body = lines({ create: { _index: 'winlogbeat-8' } }, event, { delete: { _index: 'x', _id: '7' } }, { index: {} }, event)
    const reply = await post(`${url}/logs/_bulk`, gzipSync(body), { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' })
    expect(await reply.json()).toMatchObject({
      errors: false,
      items: [{ create: { _index: 'winlogbeat-8', status: 201 } }, { delete: { status: 404 } }, { index: { _index: 'logs', status: 201 } }],
    })
    await matched(world)
    expect((await lead.call('alerts', {})).items[0]?.count).toBe(2)
    for (const [wrong, says] of [
      ['{"what":{}}\n{}\n', 'line 1: must be an action'],
      ['{"index":{}}\n', 'line 1: is an action without its document'],
      ['not json\n', 'line 1: must be an action'],
    ] as const) {
      const refused = await post(`${url}/_bulk`, wrong)
      expect([refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([400, expect.stringContaining(says)])
    }
  })

  test('at the address of Elasticsearch every document is taken or refused: setup is acknowledged, all forms of bulk are taken, single documents are refused', async ({
    world,
  }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = `${await source(world, lead)}/elastic`
    const send = (line: string, body: string) => {
      const [method = '', path] = line.split(' ')
      return fetch(`${url}/${path}`, { method, body, headers: { 'content-type': 'application/json' } })
    }
    for (const setup of [
      'PUT _index_template/filebeat-8.17.0',
      'PUT _component_template/logs',
      'PUT _template/logstash',
      'POST _template/logstash',
      'PUT _ilm/policy/filebeat',
      'PUT _ingest/pipeline/filebeat-8.17.0-system-auth-pipeline',
      'PUT _data_stream/filebeat-8.17.0',
      'PUT %3Clogstash-%7Bnow%2Fd%7D-000001%3E',
      'PUT logs/_alias/write',
      'POST _aliases',
    ])
      expect([setup, (await send(setup, '{}')).status]).toEqual([setup, 200])
    for (const looked of ['_cluster/health', '_nodes/http', '_ilm/policy/filebeat', '_xpack'])
      expect([looked, (await fetch(`${url}/${looked}`)).status]).toEqual([looked, 200])
    const event = sysmon({ Image: '\\whoami.exe' })
    for (const single of [
      ...['POST logs/_doc', 'PUT logs/_doc/1', 'POST logs/_doc/1', 'PUT logs/_create/1', 'POST logs/_create/1', 'POST logs/_update/1'],
      ...['POST logs/event', 'PUT logs/event/1', 'POST logs', 'POST logs/_alias/x/_doc', 'POST _reindex', 'POST logs%2F_doc', 'POST /logs/_doc'],
    ]) {
      const refused = await send(single, JSON.stringify(event))
      expect([single, refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([single, 404, expect.stringContaining('_bulk')])
    }
    const forms = ['POST _bulk', 'PUT _bulk', 'POST logs/_bulk', 'PUT logs/_bulk', 'POST logs/_doc/_bulk', 'PUT logs/event/_bulk']
    for (const form of forms)
      expect(await (await send(form, lines({ index: {} }, event))).json()).toMatchObject({ errors: false, items: [{ index: { status: 201 } }] })
    await matched(world)
    expect((await lead.call('alerts', {})).items[0]?.count).toBe(forms.length)
  })

  test('OpenTelemetry logs in JSON with the names of protobuf or from before 1.0 are kept; what is no request is refused', async ({ world }) => {
    const lead = await world.person('lead')
    const text = whoami
      .replace('product: windows\n  category: process_creation', 'category: test')
      .replace("Image|endswith: '\\whoami.exe'", 'message|contains: evil\n    host_name: shop')
    await lead.call('createDetectionRule', { body: { text } })
    const url = `${await source(world, lead, { logsource: { category: 'test' } })}/v1/logs`
    const send = (body: unknown) => post(url, JSON.stringify(body), { 'content-type': 'application/json' })
    const attributes = [{ key: 'host_name', value: { string_value: 'shop' } }]
    for (const request of [
      { resource_logs: [{ resource: { attributes }, scope_logs: [{ log_records: [{ time_unix_nano: '1', body: { string_value: 'evil' } }] }] }] },
      { resourceLogs: [{ scopeLogs: [{ log_records: [{ attributes, body: { stringValue: 'evil' } }] }] }] },
      { resourceLogs: [{ resource: { attributes }, instrumentationLibraryLogs: [{ logRecords: [{ body: { stringValue: 'evil' } }] }] }] },
      { resource_logs: [{ resource: { attributes }, instrumentation_library_logs: [{ log_records: [{ body: { string_value: 'evil' } }] }] }] },
      {},
      { resourceLogs: [] },
    ])
      expect((await send(request)).status).toBe(200)
    await matched(world)
    expect((await lead.call('alerts', {})).items.map(({ count }) => count)).toEqual([4])
    for (const wrong of [null, [], 'x', { logs: [{}] }, { resourceLogs: {} }, { resourceLogs: [null] }, { resourceLogs: [{ scopeLogs: ['x'] }] }])
      expect([wrong, (await send(wrong)).status]).toEqual([wrong, 400])
  })

  test('OpenTelemetry logs, in JSON and in protobuf', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', {
      body: {
        text: whoami
          .replace('product: windows\n  category: process_creation', 'category: test')
          .replace("Image|endswith: '\\whoami.exe'", 'message|contains: evil\n    service.name: shop'),
      },
    })
    const url = await source(world, lead)
    const json = {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeLogs: [
            {
              logRecords: [
                { timeUnixNano: '1763884800000000000', body: { stringValue: 'An EVIL thing' }, attributes: [{ key: 'n', value: { intValue: '5' } }] },
              ],
            },
          ],
        },
      ],
    }
    const reply = await post(`${url}/v1/logs`, JSON.stringify(json), { 'content-type': 'application/json' })
    expect([reply.status, await reply.json()]).toEqual([200, {}])
    // The same in protobuf's wire format, put together by hand from the numbers of its fields.
    const field = (number: number, content: Buffer | string) => {
      const bytes = Buffer.from(content)
      return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes])
    }
    const attribute = (key: string, text: string) => Buffer.concat([field(1, key), field(2, field(1, text))])
    const record = Buffer.concat([field(5, field(1, 'evil again')), field(6, attribute('k', 'v'))])
    const request = field(1, Buffer.concat([field(1, field(1, attribute('service.name', 'shop'))), field(2, field(2, record))]))
    const binary = await post(`${url}/v1/logs`, request, { 'content-type': 'application/x-protobuf' })
    expect([binary.status, binary.headers.get('content-type'), await binary.text()]).toEqual([200, 'application/x-protobuf', ''])
    await matched(world)
    expect((await lead.call('alerts', {})).items[0]?.count).toBe(2)
    const cut = await post(`${url}/v1/logs`, request.subarray(0, 20), { 'content-type': 'application/x-protobuf' })
    expect(cut.status).toBe(400)
  })

  test('a wrong key, a revoked one, a body that is not what it says', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    expect((await post(`${world.origin}/in/wrong/events`, '{}')).status).toBe(403)
    expect((await post(`${url}/events`, 'not gzip', { 'content-encoding': 'gzip' })).status).toBe(400)
    expect((await post(`${url}/events`, '{}', { 'content-encoding': 'br' })).status).toBe(400)
    expect((await post(`${url}/events`, gzipSync(Buffer.alloc(140_000_000, 32)), { 'content-encoding': 'gzip' })).status).toBe(413)
    const [row] = await lead.call('logSources')
    await lead.call('revokeLogSource', { params: { id: row?.id ?? '' } })
    await world.settle()
    expect((await post(`${url}/events`, '{}')).status).toBe(403)
  })

  test('lines that are no events are counted in the answer; too many are refused whole; none is lost', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    const some = await post(`${url}/events`, `plain text\n\n${lines(sysmon({ Image: 'x' }))}["an array"]\n`)
    expect([some.status, await some.json()]).toEqual([202, { accepted: 1, setAside: 2 }])
    await matched(world)
    expect(await lead.call('detectionStatus')).toMatchObject({ deadLetters: 2 })
    const many = await post(`${url}/events`, `plain\n`.repeat(100_000))
    expect([many.status, ((await many.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringMatching(/100000 lines of 100000 that are not JSON objects, .* Nothing was stored/),
    ])
    // What looks like an object is found out later: all of it is kept.
    const broken = await post(`${url}/events`, Array.from({ length: 25_000 }, (_, n) => `{broken ${n}\n`).join(''))
    expect([broken.status, await broken.json()]).toEqual([202, { accepted: 25_000 }])
    await matched(world)
    const { rows } = await world.server.context.database
      .reader()
      .db.execute<{ letters: string; lines: string }>(
        sql`select count(*) as letters, sum(1 + length(text) - length(replace(text, e'\n', ''))) as lines from dead_letters`,
      )
    expect(rows).toEqual([{ letters: '10003', lines: '25002' }])
  })

  test('lines that are no events can be read, fixed and matched again', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: whoami } })
    const url = await source(world, lead)
    await post(`${url}/events`, `{"Image": "\\whoami.exe"\n${lines(sysmon({ Image: 'x\0y' }))}`)
    await matched(world)
    const letters = (await lead.call('deadLetters')).items
    expect(letters).toMatchObject([{ source: 'Windows', text: '{"Image": "\\whoami.exe"', reason: expect.stringContaining('JSON') }])
    await lead.call('replayDeadLetters', { body: { letters: [{ id: letters[0]?.id ?? '', text: lines(sysmon({ Image: '\\whoami.exe' })) }] } })
    await matched(world)
    expect((await lead.call('deadLetters')).items).toEqual([])
    expect((await lead.call('alerts', {})).items.length).toBe(1)
  })

  test('a source that falls silent raises an alert, which ends when it sends events again', async ({ world }) => {
    await world.team()
    const lead = await world.person('lead')
    const url = await source(world, lead, { gapMinutes: 30 })
    await world.advance({ minutes: 29 })
    expect((await lead.call('alerts', {})).items).toEqual([])
    await world.advance({ minutes: 1 })
    expect((await lead.call('alerts', {})).items).toMatchObject([{ title: 'No events from Windows for 30 minutes', severity: 'medium' }])
    expect(await lead.call('logSources')).toMatchObject([{ isSilent: true }])
    await post(`${url}/events`, '{"a":1}')
    await matched(world)
    expect(await lead.call('logSources')).toMatchObject([{ isSilent: false, events: 1, lastSeenAt: expect.any(String) }])
    expect((await lead.call('alerts', { query: { view: 'all' } })).items).toMatchObject([{ status: 'resolved' }])
    await world.advance({ minutes: 31 })
    expect((await lead.call('alerts', {})).items, 'and again').toMatchObject([{ title: 'No events from Windows for 30 minutes' }])
    const [added] = await lead.call('logSources')
    const turns = (await lead.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => type.startsWith('source.'))
    const subject = { kind: 'log-source', id: added?.id }
    expect(turns, 'each turn is on record').toMatchObject([
      { type: 'source.silent', subject, data: { name: 'Windows', gapMinutes: 30, lastSeenAt: '2026-11-23T08:30:00.000Z' } },
      { type: 'source.heard', subject, data: { name: 'Windows', seenAt: '2026-11-23T08:30:00.000Z' } },
      { type: 'source.silent', subject, data: { name: 'Windows', gapMinutes: 30, lastSeenAt: null } },
    ])
  })

  test('a source is not silent for the time in which no server ran', async ({ world }) => {
    const lead = await world.person('lead')
    await source(world, lead, { gapMinutes: 30 })
    const from = world.now
    world.jump({ minutes: 60 })
    await world.server.context.database.transaction(tx => saveAway(tx, { from, until: tx.now }))
    await world.advance({ minutes: 29 })
    expect(await lead.call('logSources')).toMatchObject([{ isSilent: false }])
    await world.advance({ minutes: 1 })
    expect(await lead.call('logSources')).toMatchObject([{ isSilent: true }])
  })
})

describe('rules', () => {
  test('are checked, versioned, disabled; two at once is told', async ({ world }) => {
    const lead = await world.person('lead')
    expect((await lead.call('checkDetectionRule', { body: { text: whoami.replace('endswith', 'endwith') } })).problems).toEqual([
      { line: 12, reason: expect.stringContaining('"endwith" is not in the specification') },
    ])
    await expect(lead.call('createDetectionRule', { body: { text: 'title: x' } })).rejects.toThrow('logsource is missing')
    const rule = await lead.call('createDetectionRule', { body: { text: whoami } })
    await expect(lead.call('createDetectionRule', { body: { text: whoami } })).rejects.toThrow('already')
    const params = { id: rule.id }
    const changed = await lead.call('changeDetectionRule', { params, body: { text: whoami.replace('level: high', 'level: low'), version: 1 } })
    expect(changed).toMatchObject({ level: 'low', version: 2, versions: [{ version: 2 }, { version: 1, text: whoami }] })
    await expect(lead.call('changeDetectionRule', { params, body: { text: whoami, version: 1 } })).rejects.toThrow('Somebody else')
    await lead.call('enableDetectionRule', { params, body: { isEnabled: false } })
    const url = await source(world, lead)
    await rulesActive(world)
    await post(`${url}/events`, lines(sysmon({ Image: '\\whoami.exe' })))
    await matched(world)
    expect((await lead.call('alerts', {})).items, 'a disabled rule raises nothing').toEqual([])
    const responder = await world.person('responder')
    await expect(responder.call('createDetectionRule', { body: { text: whoami } })).rejects.toThrow('role lead')
  })

  test('are tried on events, condition by condition', async ({ world }) => {
    const responder = await world.person('responder')
    const events = `${lines(sysmon({ Image: '\\whoami.exe' }), sysmon({ Image: '\\other.exe' }), { Channel: 'System', EventID: 7 })}{broken`
    const tried = await responder.call('tryDetectionRule', { body: { text: whoami, events } })
    expect(tried).toMatchObject({ given: 4, judged: 4, met: 1, problems: [] })
    const many = await responder.call('tryDetectionRule', { body: { text: whoami, events: '{"a":1}\n'.repeat(201) } })
    expect(many, 'what is not tested is told').toMatchObject({ given: 201, judged: 200, met: 0 })
    expect(tried.events).toMatchObject([
      {
        line: 1,
        isMet: true,
        identifiers: [
          {
            name: 'selection',
            isMet: true,
            alternatives: [{ items: [{ key: 'Image|endswith', wanted: ['\\whoami.exe'], found: ['\\whoami.exe'], isMet: true }] }],
          },
        ],
      },
      { line: 2, isMet: false, conditions: [{ text: 'selection', isMet: false }] },
      { line: 3, isRead: false, isMet: false },
      { line: 4, problem: expect.stringContaining('JSON') },
    ])
  })

  test('of the starter pack are there at a fresh start, and cover techniques once a source feeds them', async ({ world }) => {
    const lead = await world.person('lead')
    await rulesActive(world)
    expect(await lead.call('detectionStatus')).toMatchObject({ rules: expect.any(Number), refused: 0 })
    expect((await lead.call('detectionStatus')).rules).toBeGreaterThan(25)
    const cell = async () =>
      (await lead.call('detectionCoverage')).tactics.find(({ tactic }) => tactic === 'credential-access')?.techniques.find(({ id }) => id === 'T1621')
    expect(await cell()).toEqual({ id: 'T1621', rules: 2, fed: 0 })
    const url = await source(world, lead, { logsource: { product: 'okta', service: 'okta' } })
    await post(`${url}/events`, lines({ eventType: 'x' }))
    await matched(world)
    expect(await cell()).toMatchObject({ fed: 2 })
  })

  test('come in as files and archives; what is refused is named', async ({ world }) => {
    const lead = await world.person('lead')
    const form = (files: Record<string, string>) => {
      const data = new FormData()
      for (const [name, text] of Object.entries(files)) data.append('files', new Blob([text]), name)
      return fetch(`${world.origin}/api/v1/detection/import`, { method: 'POST', body: data, headers: { cookie: lead.cookie, origin: world.origin } })
    }
    const reply = await form({ 'a.yml': whoami, 'b.yml': whoami.replace('endswith', 'nope').replace('11111111', '22222222') })
    expect(await reply.json()).toEqual({ added: 1, changed: 0, unchanged: 0, refused: [{ file: 'b.yml', line: 12, reason: expect.any(String) }] })
    expect(await (await form({ 'a.yml': whoami.replace('high', 'low') })).json()).toMatchObject({ added: 0, changed: 1 })
    const nothing = await form({ 'a.txt.tar.gz': 'no archive' })
    expect([nothing.status, ((await nothing.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringContaining('a.txt.tar.gz is not a readable archive'),
    ])
  })
})

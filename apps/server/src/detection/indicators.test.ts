import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { startTaxiiServer } from '../../test/taxii-server.ts'
import { type Person, test, type World } from '../../test/world.ts'

const post = (url: string, ...events: unknown[]) => fetch(url, { method: 'POST', body: events.map(event => JSON.stringify(event)).join('\n') })
const flow = (address: string, Computer = 'ws1') => ({ Channel: 'Microsoft-Windows-Sysmon/Operational', EventID: 3, Computer, DestinationIp: address })

async function source(world: World, lead: Person): Promise<string> {
  const { url } = await lead.call('createLogSource', { body: { name: 'Windows' } })
  await rulesActive(world)
  return `${url.replace(/^https?:\/\/[^/]+/, world.origin)}/events`
}

async function rulesActive(world: World): Promise<void> {
  await world.settle()
  await world.server.detection.detector.settle()
}

async function matched(world: World): Promise<void> {
  await until(() => (world.server.detection.intake.waiting.batches === 0 ? true : undefined), 'all batches are matched', 20_000)
  await world.settle()
}

async function upload(world: World, who: Person, listId: string, content: string | Buffer, mode = 'replace') {
  const form = new FormData()
  form.append('mode', mode)
  form.append('file', new Blob([new Uint8Array(Buffer.from(content))]), 'list.csv')
  const reply = await fetch(`${world.origin}/api/v1/detection/indicator-lists/${listId}/import`, {
    method: 'POST',
    body: form,
    headers: { cookie: who.cookie, origin: world.origin },
  })
  await rulesActive(world)
  return {
    status: reply.status,
    body: (await reply.json()) as { taken: number; detail: string; list: { size: number; refused: number; refusedExamples: unknown[] } },
  }
}

const titles = async (who: Person) => (await who.call('alerts', {})).items.map(({ title, count }) => `${title} ×${count}`).sort()

describe('indicators of compromise', () => {
  test('an address of an uploaded list that is seen pages, says which list and what of it', async ({ world }) => {
    const { primary } = await world.team()
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const list = await lead.call('createIndicatorList', { body: { name: 'Botnets', level: 'critical' } })
    const taken = await upload(world, lead, list.id, gzipSync('ioc,description\n198.51.100.0/24,Command and control\nevil.example,\nnonsense,\n'))
    expect(taken).toMatchObject({
      status: 200,
      body: {
        taken: 2,
        list: { size: 2, refused: 1, refusedExamples: [{ at: 'line 4', reason: 'no IP address, domain, URL or hash found: nonsense,' }] },
      },
    })
    await post(url, flow('198.51.100.7'), flow('192.0.2.1'), flow('198.51.100.7'), flow('198.51.100.9', 'ws2'))
    await matched(world)
    expect(await titles(lead)).toEqual(['Indicator match 198.51.100.0/24: ws1 ×2', 'Indicator match 198.51.100.0/24: ws2 ×1'])
    const alert = (await lead.call('alerts', {})).items.find(({ count }) => count === 2)
    expect(alert).toMatchObject({ severity: 'critical', labels: { indicator: '198.51.100.0/24', lists: 'Botnets' }, source: 'detection' })
    expect(alert?.description).toContain('Botnets: Command and control')
    expect(alert?.observables[0]).toEqual({ kind: 'ipv4-addr', value: '198.51.100.0/24' })
    expect(await lead.call('alertMatches', { params: { id: alert?.id ?? '' } })).toMatchObject([
      { rule: null, fields: { DestinationIp: ['198.51.100.7'] } },
      {},
    ])
    primary.expectPage(/Indicator match 198.51.100.0\/24/)
    expect(await lead.call('indicatorLists')).toMatchObject([{ name: 'Botnets', sightings: 3, lastSightingAt: world.now }])
    expect((await lead.call('detectionStatus')).indicators).toBe(2)
  })

  test('a new upload takes the place of the old; one that cannot be read changes nothing', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const { id } = await lead.call('createIndicatorList', { body: { name: 'L' } })
    await upload(world, lead, id, '198.51.100.1\n198.51.100.2\n')
    expect((await upload(world, lead, id, 'nothing here\n')).body.detail).toBe(
      'file: has no IP address, domain, URL or hash (line 1: no IP address, domain, URL or hash found: nothing here).',
    )
    expect((await upload(world, lead, id, '{"a": 1}')).body.detail).toBe('file: is JSON but not a STIX 2.1 bundle: the list of objects is missing.')
    // A file that breaks off after it has named what the list has already.
    const packed = gzipSync(Array.from({ length: 20_000 }, (_, i) => `198.51.100.1\n10.1.${i >> 8}.${i & 255}\n`).join(''))
    expect((await upload(world, lead, id, packed.subarray(0, packed.length - 40))).body.detail).toBe('file: is not valid gzip.')
    expect((await lead.call('lookUpIndicator', { query: { value: '10.1.0.1' } })).found).toEqual([])
    await post(url, flow('198.51.100.1'))
    await matched(world)
    expect(await titles(lead)).toEqual(['Indicator match 198.51.100.1: ws1 ×1'])
    await upload(world, lead, id, '198.51.100.2\n198.51.100.3\n')
    await post(url, flow('198.51.100.1'), flow('198.51.100.3'))
    await matched(world)
    expect(await titles(lead)).toEqual(['Indicator match 198.51.100.1: ws1 ×1', 'Indicator match 198.51.100.3: ws1 ×1'])
    expect((await upload(world, lead, id, '198.51.100.4\n', 'add')).body.list.size).toBe(3)
    await lead.call('removeIndicatorList', { params: { id } })
    await rulesActive(world)
    await post(url, flow('198.51.100.3', 'ws9'))
    await matched(world)
    expect((await titles(lead)).length, 'a list that is gone is not looked for').toBe(2)
    expect(await lead.call('lookUpIndicator', { query: { value: '198.51.100.3' } })).toEqual({ kind: 'ipv4-addr', found: [] })
  })

  test('what has ended, is ignored, or stands on a list that is off raises nothing; ignoring is on record and can be taken back', async ({ world }) => {
    const lead = await world.person('lead', 'Lea Lead')
    const url = await source(world, lead)
    const { id } = await lead.call('createIndicatorList', { body: { name: 'L' } })
    await upload(world, lead, id, 'indicator,valid_until\n198.51.100.1,2026-11-23T09:00:00Z\n198.51.100.2,\n')
    await lead.call('ignoreIndicator', { body: { value: '198[.]51.100.2', reason: 'It is our own scanner.' } })
    await rulesActive(world)
    await post(url, flow('198.51.100.2'))
    await matched(world)
    expect(await titles(lead)).toEqual([])
    expect(await lead.call('lookUpIndicator', { query: { value: '198.51.100.2' } })).toMatchObject({ found: [{ list: { name: 'L' }, isIgnored: true }] })
    await lead.call('restoreIndicator', { body: { value: '198.51.100.2' } })
    await rulesActive(world)
    await world.advance({ hours: 2 })
    await rulesActive(world)
    expect((await lead.call('detectionStatus')).indicators, 'the one that has ended is not looked for').toBe(1)
    await post(url, flow('198.51.100.1'), flow('198.51.100.2'))
    await matched(world)
    expect(await titles(lead)).toEqual(['Indicator match 198.51.100.2: ws1 ×1'])
    await lead.call('changeIndicatorList', { params: { id }, body: { isEnabled: false } })
    await rulesActive(world)
    await post(url, flow('198.51.100.2', 'ws5'))
    await matched(world)
    expect((await titles(lead)).length).toBe(1)
    await expect(lead.call('ignoreIndicator', { body: { value: 'what?', reason: 'x' } })).rejects.toThrow('value: must be an IP address')
    const journal = await (await world.person('administrator')).call('journal', {})
    expect(journal.items.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['indicator.ignored', 'indicator.restored', 'indicator-list.imported', 'indicator-list.changed']),
    )
  })

  test('long URLs that differ at their end, and the same on two hosts, are alerts of their own', async ({ world }) => {
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const { id } = await lead.call('createIndicatorList', { body: { name: 'L' } })
    const long = (end: string) => `http://evil.example/${'a'.repeat(600)}${end}`
    await upload(world, lead, id, `${long('1')}\n${long('2')}\n`)
    await post(url, { url: { full: long('1') }, Computer: 'ws1' }, { url: { full: long('2') }, Computer: 'ws1' }, { url: { full: long('1') }, Computer: 'ws2' })
    await matched(world)
    const { items } = await lead.call('alerts', {})
    expect(items.map(({ labels, count }) => `${labels.indicator?.at(-1)} ×${count}`).sort()).toEqual(['1 ×1', '1 ×1', '2 ×1'])
  })

  test('who only responds may not upload, and an observer not look', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('createIndicatorList', { body: { name: 'L' } })
    expect((await upload(world, await world.person('responder'), id, '198.51.100.1\n')).status).toBe(403)
    await expect((await world.person('observer')).call('lookUpIndicator', { query: { value: '198.51.100.1' } })).rejects.toThrow(/role/)
  })
})

describe('TAXII 2.1', () => {
  const indicator = (n: number, more: object = {}) => ({
    type: 'indicator',
    id: `indicator--${n}`,
    name: `Bad ${n}`,
    pattern: `[ipv4-addr:value = '198.51.100.${n}']`,
    pattern_type: 'stix',
    ...more,
  })

  test.override({ options: { env: { TOCSIN_ALLOW_PRIVATE_FEEDS: 'true' } } })
  test('a collection is pulled page by page, goes on where it ended, and heeds what was revoked', async ({ world }) => {
    const taxii = await startTaxiiServer('reader', 's3cret')
    onTestFinished(() => taxii.stop())
    for (let n = 1; n <= 5; n++) taxii.objects.push({ added: `2026-11-01T00:00:0${n}.000000Z`, object: indicator(n) })
    taxii.objects.push({ added: '2026-11-01T00:00:06.000000Z', object: { type: 'malware', id: 'malware--1' } })
    const lead = await world.person('lead')
    const url = await source(world, lead)
    const { id } = await lead.call('createIndicatorList', {
      body: { name: 'Feed', taxii: { url: taxii.collection, username: 'reader', secret: 's3cret', pullMinutes: 30 } },
    })
    await rulesActive(world)
    expect(await lead.call('indicatorLists')).toMatchObject([{ size: 5, problem: null, taxii: { username: 'reader', hasSecret: true } }])
    expect(taxii.requests.map(request => request.url.searchParams.get('next'))).toEqual([null, '2', '4'])
    await post(url, flow('198.51.100.2'))
    await matched(world)
    expect((await lead.call('alerts', {})).items).toMatchObject([
      { title: 'Indicator match 198.51.100.2: ws1', description: expect.stringContaining('Feed: Bad 2') },
    ])

    taxii.objects.push({ added: '2026-11-02T00:00:00.000000Z', object: indicator(2, { revoked: true }) })
    taxii.objects.push({ added: '2026-11-02T00:00:01.000000Z', object: indicator(3, { pattern: "[ipv4-addr:value = '198.51.100.33']" }) })
    taxii.objects.push({ added: '2026-11-02T00:00:02.000000Z', object: indicator(7, { pattern: "[file:name = 'x']" }) })
    taxii.requests.length = 0
    await world.advance({ minutes: 31 })
    await rulesActive(world)
    expect(taxii.requests[0]?.url.searchParams.get('added_after')).toBe('2026-11-01T00:00:05.000000Z')
    expect(await lead.call('indicatorLists')).toMatchObject([{ size: 4, refused: 1, refusedExamples: [{ at: 'indicator--7' }] }])
    await post(url, flow('198.51.100.2', 'ws2'), flow('198.51.100.3', 'ws3'), flow('198.51.100.33', 'ws4'))
    await matched(world)
    expect((await lead.call('alerts', {})).items.map(({ title }) => title)).toEqual(['Indicator match 198.51.100.33: ws4', 'Indicator match 198.51.100.2: ws1'])
    await lead.call('pullIndicators', { params: { id } })
    await rulesActive(world)
    expect(taxii.requests.at(-1)?.url.searchParams.get('added_after')).toBe('2026-11-02T00:00:02.000000Z')
  })

  test('a server that fails is told of, leaves what was there, and is asked again', async ({ world }) => {
    const taxii = await startTaxiiServer('reader', 'right')
    taxii.objects.push({ added: '2026-11-01T00:00:01.000000Z', object: indicator(1) })
    const lead = await world.person('lead')
    await lead.call('createIndicatorList', { body: { name: 'Wrong', taxii: { url: taxii.collection, username: 'reader', secret: 'wrong' } } })
    await lead.call('createIndicatorList', { body: { name: 'Right', taxii: { url: taxii.collection, username: 'reader', secret: 'right' } } })
    await rulesActive(world)
    const lists = async () => (await lead.call('indicatorLists')).map(({ name, size, problem }) => [name, size, problem])
    const origin = new URL(taxii.collection).origin
    expect(await lists()).toEqual([
      ['Right', 1, null],
      ['Wrong', 0, `${origin} responded with status 401: incorrect user name or secret`],
    ])
    taxii.failWith = 503
    await world.advance({ minutes: 61 })
    expect((await lists())[0]).toEqual(['Right', 1, `${origin} responded with status 503`])
    taxii.failWith = undefined
    await world.advance({ minutes: 11 })
    expect((await lists())[0]).toEqual(['Right', 1, null])
    await taxii.stop()
    await world.advance({ minutes: 61 })
    expect((await lists())[0]).toEqual(['Right', 1, `${new URL(origin).host} refused the connection`])
    const rows = await world.server.context.database.reader().db.execute('select secret_sealed, url from indicator_lists')
    expect(JSON.stringify(rows.rows)).not.toMatch(/right|wrong/)
  })
})

test('without leave, a list is not pulled from inside', async ({ world }) => {
  const lead = await world.person('lead')
  await lead.call('createIndicatorList', { body: { name: 'Inside', taxii: { url: 'https://127.0.0.1:1/collections/x' } } })
  await world.settle()
  expect((await lead.call('indicatorLists'))[0]?.problem).toBe('127.0.0.1 is a private address (127.0.0.1); allow it with TOCSIN_ALLOW_PRIVATE_FEEDS=true')
  const plain = { name: 'Plain', taxii: { url: 'http://feeds.example/collections/x' } }
  await expect(lead.call('createIndicatorList', { body: plain })).rejects.toThrow('must start with https://; http:// is for private addresses')
  await expect(lead.call('createIndicatorList', { body: { name: 'Odd', taxii: { url: 'ftp://x/' } } })).rejects.toThrow('must be the URL of a collection')
})

test('a field that an organization maps is read by rules and looked at for indicators', async ({ world }) => {
  const lead = await world.person('lead')
  const url = await source(world, lead)
  const { id } = await lead.call('createIndicatorList', { body: { name: 'L' } })
  await upload(world, lead, id, '198.51.100.1\n')
  const event = { myapp: { peer: '198.51.100.1' } }
  await post(url, event)
  await matched(world)
  expect(await titles(lead)).toEqual([])
  await lead.call('changeFieldMapping', { body: { fields: [{ field: 'DestinationIp', paths: ['myapp.peer'] }] } })
  await rulesActive(world)
  await post(url, event)
  await matched(world)
  expect(await titles(lead)).toEqual(['Indicator match 198.51.100.1: 198.51.100.1 ×1'])
  expect(await lead.call('fieldMapping')).toEqual([{ field: 'DestinationIp', paths: ['myapp.peer'] }])
  const { events } = await lead.call('tryDetectionRule', {
    body: {
      text: 'title: T\nid: t\nlogsource: {category: network_connection}\ndetection:\n  s:\n    DestinationIp: 198.51.100.1\n  condition: s\n',
      events: JSON.stringify(event),
    },
  })
  expect(events).toMatchObject([{ isMet: true }])
})

test('a rule whose placeholder has no value is refused; with one it is active', async ({ world }) => {
  const lead = await world.person('lead')
  const url = await source(world, lead)
  const text = "title: Admin\nid: admin\nlogsource: {}\ndetection:\n  s:\n    User|expand: '%admins%'\n  condition: s\nlevel: low\n"
  await expect(lead.call('createDetectionRule', { body: { text } })).rejects.toThrow('admins')
  await lead.call('changePlaceholders', { body: { placeholders: [{ name: 'admins', values: ['adm-*'] }] } })
  await lead.call('createDetectionRule', { body: { text } })
  expect((await lead.call('tryDetectionRule', { body: { text, events: '{"User":"adm-1"}' } })).met).toBe(1)
  await rulesActive(world)
  await post(url, { User: 'adm-1' }, { User: 'bob' })
  await matched(world)
  expect(await titles(lead)).toEqual(['Admin: adm-1 ×1'])
  expect(await lead.call('placeholders')).toEqual([{ name: 'admins', values: ['adm-*'] }])
  await expect(lead.call('changePlaceholders', { body: { placeholders: [{ name: '%admins%', values: ['x'] }] } })).rejects.toThrow('without percent signs')
})

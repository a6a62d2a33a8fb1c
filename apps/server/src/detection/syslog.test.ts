import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test as plainTest } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { layWire, type Wire } from '../../test/wire.ts'
import { buildWorld, test } from '../../test/world.ts'
import { parseAuditd } from './auditd.ts'
import { SyslogListeners } from './listen.ts'
import { otlpLines } from './otlp.ts'
import { KnownSources } from './sources.ts'
import { frames, lineOf, parseSyslog } from './syslog.ts'

const now = '2026-11-24T08:00:00.000Z'
const read = (text: string, at = now) => parseSyslog(text, at)

describe('a message of syslog', () => {
  plainTest('RFC 5424, with structured data and a byte order mark', () => {
    expect(read('<165>1 2026-11-23T22:14:15.003Z host.example app 8710 ID47 [x@32473 iut="3" quoted="a \\"b\\] c"][y k="v"] \u{feff}An event')).toEqual({
      event: {
        'log.syslog.facility.code': 20,
        'log.syslog.severity.name': 'notice',
        '@timestamp': '2026-11-23T22:14:15.003Z',
        'host.name': 'host.example',
        program: 'app',
        'process.name': 'app',
        'process.pid': '8710',
        'log.syslog.msgid': 'ID47',
        structured_data: { 'x@32473.iut': '3', 'x@32473.quoted': 'a "b] c', 'y.k': 'v' },
        message: 'An event',
      },
      logsource: { product: 'linux', service: 'syslog' },
    })
    expect(read('<34>1 - - - - - -').event).toEqual({ 'log.syslog.facility.code': 4, 'log.syslog.severity.name': 'critical', message: '' })
  })

  plainTest('RFC 3164: the year is the one that fits', () => {
    expect(read('<38>Nov 24 07:59:58 web1 sshd[912]: Failed password for invalid user admin from 203.0.113.9 port 22 ssh2')).toMatchObject({
      event: {
        '@timestamp': '2026-11-24T07:59:58.000Z',
        'host.name': 'web1',
        'process.pid': '912',
        'event.action': 'ssh_login',
        'event.outcome': 'failure',
        'user.name': 'admin',
        'source.ip': '203.0.113.9',
      },
      logsource: { product: 'linux', service: 'sshd' },
    })
    expect(read('<38>Dec 31 23:59:59 h cron: x', '2027-01-01T00:00:05.000Z')).toMatchObject({
      event: { '@timestamp': '2026-12-31T23:59:59.000Z' },
      logsource: { service: 'cron' },
    })
    expect(read('<86>Nov  4 08:00:01 h sshd[1]: Accepted publickey for root from 2001:db8::1 port 9 ssh2: RSA').event).toMatchObject({
      'event.outcome': 'success',
      'user.name': 'root',
      'source.ip': '2001:db8::1',
    })
    expect(read('<85>Nov 24 08:00:01 h sudo:   bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/cat /etc/shadow').event).toMatchObject({
      'user.name': 'bob',
      CommandLine: '/bin/cat /etc/shadow',
    })
  })

  plainTest('CEF inside', () => {
    const { event, logsource } = read('<14>Nov 24 08:00:00 fw CEF:0|Acme|Wall\\|1|2.0|100|Deny it|7|src=10.0.0.1 msg=a \\= b and more dst=10.0.0.2')
    expect(event).toMatchObject({
      DeviceVendor: 'Acme',
      DeviceProduct: 'Wall|1',
      SignatureID: '100',
      Name: 'Deny it',
      src: '10.0.0.1',
      msg: 'a = b and more',
      dst: '10.0.0.2',
    })
    expect(logsource).toEqual({})
  })

  plainTest(
    'a message made to be slow is not',
    () => {
      for (const text of [
        `<1>CEF:0|a|b|c|d|e|f|k=${' '.repeat(250_000)}`,
        `<1>CEF:0|a|b|c|d|e|f|${'k '.repeat(120_000)}`,
        `<1>1 - - - - - ${'[a b="c"]'.repeat(25_000)}x`,
        `<1>Nov 24 08:00:00 h sudo: ${'USER=x '.repeat(30_000)}`,
      ])
        expect(read(text).event).toBeDefined()
    },
    3_000,
  )

  plainTest('what has no header is a message all the same', () => {
    expect(read('just words').event).toEqual({ message: 'just words' })
    expect(read('<999>1 x').event).toMatchObject({ message: expect.any(String) })
  })

  plainTest('a stream is cut by counted octets or by newlines, wherever it breaks off', () => {
    const stream = Buffer.from('7 <1>a\nbc<2>one\n5 <3>xy<4>rest')
    const cut = frames(stream)
    expect([cut.messages.map(String), String(cut.rest)]).toEqual([['<1>a\nbc', '<2>one', '<3>xy'], '<4>rest'])
    let held = Buffer.alloc(0)
    const found: string[] = []
    for (const byte of stream) {
      const { messages, rest } = frames(Buffer.concat([held, Buffer.of(byte)]))
      found.push(...messages.map(String))
      held = Buffer.from(rest)
    }
    expect([found, String(held)]).toEqual([['<1>a\nbc', '<2>one', '<3>xy'], '<4>rest'])
  })
})

const folder = mkdtempSync(join(tmpdir(), 'tocsin-syslog-'))
const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', certificate], {
  stdio: 'ignore',
})

/** The fastest of some runs, in ms: a busy machine only makes them slower. */
function fastest(work: () => unknown, runs = 5): number {
  return Math.min(
    ...Array.from({ length: runs }, () => {
      const since = performance.now()
      work()
      return performance.now() - since
    }),
  )
}

describe('what strangers send', () => {
  const header = '<13>1 2026-11-23T22:14:15Z h app - - '
  const hostile: Readonly<Record<string, (length: number) => string>> = {
    'brackets that open': length => `${header}${'['.repeat(length)} ] x`,
    'elements that do not end': length => `${header}${'[a b="'.repeat(length / 6)}`,
    'blanks in an element': length => `${header}[a${' '.repeat(length)}`,
    'names without a value': length => `${header}[a${' b'.repeat(length / 2)}`,
    'a value that does not end': length => `${header}[a b="${'\\"'.repeat(length / 2)}`,
    'users of sudo': length => `<13>Nov 24 07:59:58 h sudo: a : ${'USER='.repeat(length / 5)}`,
    'commands of sudo': length => `<13>Nov 24 07:59:58 h sudo: a : ${'USER=r ; COMMAND '.repeat(length / 17)}`,
    'blanks before sudo': length => `<13>Nov 24 07:59:58 h sudo: ${' '.repeat(length)}`,
    'words of sshd': length => `<13>Nov 24 07:59:58 h sshd[1]: Failed password for ${'invalid user '.repeat(length / 13)}`,
    'CEF without a key': length => `CEF:0|a|b|c|d|e|5|${'a'.repeat(length)}`,
    'CEF of bars and backslashes': length => `CEF:0|${'\\|'.repeat(length / 2)}`,
    'one long word': length => 'x'.repeat(length),
    'a long header': length => `<13>1 ${'a'.repeat(length)} h app - - - x`,
  }

  for (const [name, make] of Object.entries(hostile))
    plainTest(`a message of syslog takes time in proportion to its length: ${name}`, () => {
      // A megabyte is what a line of a followed file can be. One that took the square of its length would take minutes.
      const [small, large] = [make(60_000), make(960_000)]
      expect(fastest(() => read(small))).toBeLessThan(5 * patience)
      expect(fastest(() => read(large), 2)).toBeLessThan(80 * patience)
    })

  plainTest('records of auditd take time in proportion to their length', () => {
    const head = 'type=X msg=audit(1364481363.243:24287): '
    for (const part of ['a', 'a-', 'a="', "msg='", ' ', '=', 'a=b '])
      expect(
        fastest(() => parseAuditd(head + part.repeat(960_000 / part.length)), 2),
        part,
      ).toBeLessThan(300 * patience)
  })

  plainTest('a time that no event has is unknown, and the event stays', () => {
    for (const seconds of ['99999999999999999', '9'.repeat(400), '253402300800'])
      expect(parseAuditd(`type=X msg=audit(${seconds}.000:1): a=b`)).toEqual({ a: 'b', type: 'X', 'auditd.sequence': '1' })
    for (const at of ['0000-01-01T00:00:00Z', '-271821-04-20T00:00:00Z', '+275760-09-13T00:00:00Z', '2026-99-99T00:00:00Z'])
      expect(read(`<13>1 ${at} h app - - - it happened`).event).toEqual({
        'log.syslog.facility.code': 1,
        'log.syslog.severity.name': 'notice',
        'host.name': 'h',
        program: 'app',
        'process.name': 'app',
        message: 'it happened',
      })
    expect(read('<13>Foo 99 99:99:99 h app: it happened').event).not.toHaveProperty('@timestamp')
    expect(read('<13>0000-01-01T00:00:00Z h app: it happened').event).toMatchObject({ 'host.name': 'h', message: 'it happened' })
  })

  plainTest('a line at which a parser fails is kept as it is, to become a dead letter', () => {
    const failing = () => {
      throw new RangeError('Invalid time value')
    }
    expect(lineOf('a\nb', failing)).toEqual({ line: 'a b', logsource: {} })
    expect(lineOf('a', text => read(text))).toEqual({ line: '{"message":"a"}', logsource: { product: 'linux', service: 'syslog' } })
  })

  plainTest('programs and fields may be called as what every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      expect(read(`<13>1 - h ${name} - - [${name} ${name}="x"] m`)).toMatchObject({
        event: { program: name, structured_data: { [`${name}.${name}`]: 'x' } },
        logsource: { product: 'linux', service: 'syslog' },
      })
      expect(Object.entries(parseAuditd(`type=X msg=audit(1.000:1): ${name}=x`) ?? {})).toContainEqual([name, 'x'])
    }
  })

  plainTest('OTLP whose values are not what they should be is refused in a sentence', () => {
    const send = (record: unknown) => () =>
      otlpLines(Buffer.from(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] })), 'application/json')
    const deep = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":${'['.repeat(50_000)}${']'.repeat(50_000)}}}]}]}]}`
    expect(() => otlpLines(Buffer.from(deep), 'application/json')).toThrow('stringValue: must be a single value')
    expect(send({ body: { arrayValue: { values: 'x' } } })).toThrow('arrayValue.values: must be a list of objects')
    expect(send({ attributes: 'x' })).toThrow('attributes: must be a list of objects')
    expect(send({ attributes: [null] })).toThrow('attributes: must be a list of objects')
    expect(send({ attributes: [{ key: '__proto__', value: { stringValue: 'x' } }] })().toString()).toContain('"__proto__":"x"')
  })
})

describe('listening', () => {
  test.override({
    options: {
      env: { TOCSIN_SYSLOG_UDP: '0', TOCSIN_SYSLOG_TCP: '0', TOCSIN_SYSLOG_TLS: '0', TOCSIN_SYSLOG_TLS_CERT: certificate, TOCSIN_SYSLOG_TLS_KEY: key },
    },
  })

  test('a brute force told by sshd over UDP, TCP and TLS is one alert; a sender that is not known is ignored', async ({ world }) => {
    const lead = await world.person('lead')
    const { detection } = world.server
    const failure = (second: number) =>
      `<38>Nov 23 07:50:${String(second).padStart(2, '0')} web1 sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2`
    const udp = createSocket('udp4')
    const datagram = (text: string) => new Promise(resolve => udp.send(text, detection.syslog.ports.udp ?? 0, '127.0.0.1', resolve))
    await datagram(failure(0))
    await expect(lead.call('createLogSource', { body: { name: 'x', senders: ['nowhere'] } })).rejects.toThrow('senders.0')
    await lead.call('createLogSource', { body: { name: 'Web servers', senders: ['127.0.0.0/8'] } })
    await world.settle()
    await detection.detector.settle()
    for (let i = 1; i <= 4; i++) await datagram(failure(i))
    const tcp = connect(detection.syslog.ports.tcp ?? 0, '127.0.0.1')
    const counted = failure(5)
    tcp.end(`${counted.length} ${counted}${failure(6)}\n${failure(7)}`)
    const tls = connectTls({ port: detection.syslog.ports.tls ?? 0, host: '127.0.0.1', rejectUnauthorized: false })
    tls.end([8, 9, 10].map(i => `${failure(i)}\n`).join(''))
    await until(async () => ((await lead.call('logSources'))[0]?.events === 10 ? true : undefined), 'ten events are matched', 20_000)
    await datagram('<86>Nov 23 07:51:00 web1 sshd[1]: Accepted password for root from 203.0.113.9 port 22 ssh2')
    const alert = await until(async () => (await lead.call('alerts', {})).items.find(({ severity }) => severity === 'critical'), 'the alert is raised', 20_000)
    expect(alert.title).toBe('Successful SSH Login After Brute Force: 203.0.113.9')
    expect((await lead.call('logSources'))[0]?.events).toBe(11)
    udp.close()
  })

  test('connections are limited, in all and of one address, and one that says nothing is ended', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createLogSource', { body: { name: 'Web servers', senders: ['127.0.0.0/8'] } })
    const { context, detection } = world.server
    const sources = new KnownSources(() => context.database.reader())
    const limits = { connections: 5, connectionsOfAddress: 3, firstMessageMs: 800 * patience, idleMs: 1_600 * patience }
    const listeners = new SyslogListeners(context, sources, detection.intake, limits)
    await listeners.start()
    const opened: Socket[] = []
    const open = async (localAddress: string) => {
      const socket = connect({ port: listeners.ports.tcp ?? 0, host: '127.0.0.1', localAddress })
      socket.on('error', () => undefined)
      opened.push(socket)
      await once(socket, 'connect')
      // Whoever is refused is closed at once.
      return { socket, isRefused: await Promise.race([once(socket, 'close').then(() => true), sleep(60 * patience, false)]) }
    }
    try {
      for (let i = 0; i < 3; i++) expect((await open('127.0.0.1')).isRefused, `connection ${i + 1} of an address`).toBe(false)
      expect((await open('127.0.0.1')).isRefused, 'one more of the address').toBe(true)
      const talking = await open('127.0.0.2')
      expect(talking.isRefused).toBe(false)
      talking.socket.write('<38>Nov 23 07:50:00 web1 cron[1]: first\n')
      expect((await open('127.0.0.3')).isRefused).toBe(false)
      expect((await open('127.0.0.4')).isRefused, 'one more in all').toBe(true)
      await Promise.all(opened.filter(socket => socket !== talking.socket && !socket.closed).map(socket => once(socket, 'close')))
      expect(talking.socket.closed, 'one that has sent a message has more time').toBe(false)
      await once(talking.socket, 'close')
    } finally {
      for (const socket of opened) socket.destroy()
      await listeners.stop()
    }
  })
})

describe('listening to senders with certificates', () => {
  test.override({
    options: {
      env: {
        ...{ TOCSIN_SYSLOG_TLS: '0', TOCSIN_SYSLOG_TLS_CERT: certificate, TOCSIN_SYSLOG_TLS_KEY: key },
        // A certificate that signs itself: only who has its key is let in.
        TOCSIN_SYSLOG_TLS_CLIENT_CA: certificate,
      },
    },
  })

  test('takes what they send, and nothing from who has none, also from the address of a source', async ({ world }) => {
    const lead = await world.person('lead')
    await lead.call('createLogSource', { body: { name: 'Web servers', senders: ['127.0.0.0/8'] } })
    const send = async (credentials: { cert?: Buffer; key?: Buffer }, text: string) => {
      const socket = connectTls({ port: world.server.detection.syslog.ports.tls ?? 0, host: '127.0.0.1', rejectUnauthorized: false, ...credentials })
      const ended = new Promise<unknown>(resolve => socket.once('error', resolve).once('close', () => resolve(undefined)))
      socket.end(`<38>Nov 23 07:50:00 web1 cron[1]: ${text}\n`)
      return ended
    }
    expect(await send({}, 'from a stranger')).toMatchObject({ code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' })
    expect(await send({ cert: readFileSync(certificate), key: readFileSync(key) }, 'from a sender')).toBeUndefined()
    await until(async () => ((await lead.call('logSources'))[0]?.events === 1 ? true : undefined), 'one event is taken', 20_000)
    expect(await (await fetch(`${world.origin}/metrics`)).text()).toMatch(/tocsin_syslog_tls_refused_total 1/)
  })
})

plainTest('messages that arrive while the database is away are stored once each when it is back', { timeout: 60_000 * patience }, async () => {
  let wire: Wire | undefined
  const { world, end } = await buildWorld({
    env: { TOCSIN_SYSLOG_TCP: '0' },
    through: async url => {
      wire = await layWire(url)
      return wire.url
    },
  })
  const lead = await world.person('lead')
  await lead.call('createLogSource', { body: { name: 'Web servers', senders: ['127.0.0.0/8'] } })
  await world.settle()
  const tcp = connect(world.server.detection.syslog.ports.tcp ?? 0, '127.0.0.1')
  const send = (...texts: string[]) => new Promise(resolve => tcp.write(texts.map(text => `<38>Nov 23 07:50:00 web1 cron[1]: ${text}\n`).join(''), resolve))
  const areMatched = (count: number) =>
    until(
      async () => ((await lead.call('logSources').catch(() => [])).find(({ name }) => name === 'Web servers')?.events === count ? true : undefined),
      `${count} are matched`,
      20_000,
    )
  await send('before')
  await areMatched(1)
  // Who sends from where is not known any more, and cannot be asked.
  await lead.call('createLogSource', { body: { name: 'Others', senders: ['192.0.2.0/24'] } })
  await world.settle()
  wire?.cut()
  await send('one', 'two')
  // Longer than one attempt to store them.
  await sleep(700)
  await send('three')
  wire?.restore()
  await areMatched(4)
  expect(await world.server.context.metrics.text()).toContain('tocsin_syslog_messages_lost_total 0')
  tcp.destroy()
  await end()
  wire?.stop()
})

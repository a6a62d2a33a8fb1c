import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { notesIn, openCheckpoint, signCheckpoint, signingKey, signSuccession, verifierKey } from '@tocsin/merkle'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { until } from '../../../test/alertmanager.ts'
import { buildWorld, type World } from '../../../test/world.ts'
import { readConfig } from '../../app/config.ts'
import { formatSyslog, sendSyslog } from '../../kernel/syslog-sender.ts'
import { openLog, openMetrics } from '../../kernel/telemetry.ts'
import { latestCheckpoint } from '../seal.ts'
import { JournalWatch } from '../watch.ts'
import { commitCheckpoint } from './git.ts'
import { openWitnesses } from './settings.ts'
import { Witnessing } from './witness.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-witness-'))
const secret = Buffer.alloc(24, 7).toString('base64')
const silent = openLog('silent', false)

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A receiver of syslog over TCP that keeps what it is sent, frame by frame, and closes when the sender does. */
async function syslogServer(): Promise<{ port: number; messages: string[]; close(): void }> {
  const messages: string[] = []
  const server = createServer(socket => {
    let bytes = Buffer.alloc(0)
    socket.on('data', chunk => {
      bytes = Buffer.concat([bytes, chunk])
      for (;;) {
        const [head, digits = ''] = /^(\d+) /.exec(bytes.toString('latin1')) ?? []
        if (head === undefined || bytes.length < head.length + Number(digits)) return
        messages.push(bytes.subarray(head.length, head.length + Number(digits)).toString())
        bytes = bytes.subarray(head.length + Number(digits))
      }
    })
  })
  return { port: await listening(server), messages, close: () => server.close() }
}

async function withWorld(env: Record<string, string>, work: (world: World) => Promise<void>): Promise<void> {
  const { world, end } = await buildWorld({ env })
  try {
    await work(world)
  } finally {
    await end()
  }
}

const finding = async (world: World) => (await world.server.context.health.findings()).find(({ name }) => name === 'audit log readers')?.detail
const written = async (world: World) =>
  z
    .array(z.object({ type: z.string(), data: z.record(z.string(), z.string()) }))
    .parse((await world.server.context.database.reader().db.execute(`select type, data from journal where type like 'journal.witness%' order by seq`)).rows)

test('a witness is refused by name where it could not be one', () => {
  const read = (TOCSIN_WITNESSES: string, more = {}) => readConfig({ TOCSIN_WITNESSES, ...more })
  const wrong = [
    'file:relative',
    'git:',
    'syslog+tls://host',
    'syslog+tcp://user:pw@host:601',
    'syslog://host:514',
    'http://witness.example/x',
    'https://u:p@witness.example/x',
    'ftp://x/',
  ]
  for (const address of wrong)
    expect(() => read(`file:/a, ${address}`), address).toThrow(/^TOCSIN_WITNESSES must be a list of witnesses, but number 2 is none: file:\/path/)
  expect(() => read('file:/a,file:/a')).toThrow('TOCSIN_WITNESSES must name each witness once.')
  expect(() => read(Array.from({ length: 11 }, (_, n) => `file:/${n}`).join())).toThrow('TOCSIN_WITNESSES must name at most 10 witnesses.')
  expect(() => read('https://witness.example/x')).toThrow('TOCSIN_WITNESS_SECRET is required')
  expect(() => read('https://witness.example/x', { TOCSIN_WITNESS_SECRET: 'whsec_c2hvcnQ=' })).toThrow(/^TOCSIN_WITNESS_SECRET must be/)
  const { kept } = read('https://witness.example/x syslog+udp://[::1]:514', { TOCSIN_WITNESS_SECRET: `whsec_${secret}` })
  expect([kept.TOCSIN_WITNESSES, kept.TOCSIN_WITNESS_SECRET]).toEqual([['https://witness.example/x', 'syslog+udp://[::1]:514'], '(set)'])
})

test('the newest checkpoint reaches a file, a git repository with its remote, syslog and a signed webhook', { timeout: 60_000 }, async () => {
  const root = folder()
  const [repository, remote, file] = [join(root, 'repository'), join(root, 'remote.git'), join(root, 'witness.log')]
  const git = (...given: string[]) => execFileSync('git', given, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  git('init', '--quiet', '--bare', '--initial-branch=main', remote)
  git('clone', '--quiet', remote, repository)
  git('-C', repository, 'checkout', '--quiet', '-b', 'main')
  git('-C', repository, 'config', 'push.default', 'current')
  const syslog = await syslogServer()
  const hooks: { id: string; body: string; isSigned: boolean }[] = []
  const http = createHttp((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += String(chunk)
    })
    request.on('end', () => {
      const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signature } = request.headers
      const expected = createHmac('sha256', Buffer.from(secret, 'base64')).update(`${id}.${at}.${body}`).digest('base64')
      hooks.push({ id: String(id), body, isSigned: signature === `v1,${expected}` })
      response.end()
    })
  })
  const port = await listening(http)
  const witnesses = [`file:${file}`, `git+push:${repository}`, `syslog+tcp://127.0.0.1:${syslog.port}`, `http://127.0.0.1:${port}/in`]
  await withWorld({ TOCSIN_WITNESSES: witnesses.join(), TOCSIN_WITNESS_SECRET: `whsec_${secret}` }, async world => {
    await world.settle()
    const { context } = world.server
    await until(
      () => (context.sealer.witnesses.every(({ status }) => status.error === undefined) && hooks.length > 0 && syslog.messages.length > 0 ? true : undefined),
      'all have it',
    )
    await until(() => git('-C', remote, 'for-each-ref', 'refs/heads/main').trim() || undefined, 'it is pushed')
    const open = (note: string) => openCheckpoint(note, context.sealer.key)
    const Body = z.object({ checkpoint: z.string() })
    const stored = await latestCheckpoint(context.database.reader())
    const size = stored?.size ?? 0
    for (const text of [readFileSync(file, 'utf8'), git('-C', remote, 'show', 'main:checkpoints.log')]) expect(open(text.slice(1)).size).toBeGreaterThan(0)
    expect(git('-C', remote, 'log', '-1', '--format=%an %s', 'main')).toMatch(/^Tocsin Checkpoint of \d+ entries$/m)
    const [hook] = hooks
    expect(hook).toMatchObject({ isSigned: true, id: expect.stringMatching(/^checkpoint_[0-9a-f]{32}$/) })
    expect(open(Body.parse(JSON.parse(hook?.body ?? '')).checkpoint).size).toBeLessThanOrEqual(size)
    const [, header = '', text = ''] = /^([^\ufeff]*)\ufeff(.*)$/.exec(syslog.messages[0] ?? '') ?? []
    expect(header).toMatch(/^<109>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ tocsin \d+ checkpoint - $/)
    expect(open(Body.parse(JSON.parse(text)).checkpoint).size).toBeGreaterThan(0)
    expect(await finding(world)).toBeUndefined()
    expect(await written(world)).toEqual([])
  })
  syslog.close()
  http.close()
  rmSync(root, { recursive: true })
})

test('a witness is given the statement that names a new signing key, without which it could not believe a checkpoint', async () => {
  const root = folder()
  const [file, repository] = [join(root, 'witness.log'), join(root, 'repository')]
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository])
  const bodies: unknown[] = []
  const http = createHttp((request, response) => {
    request.on('data', chunk => void bodies.push(JSON.parse(String(chunk))))
    request.on('end', () => response.end())
  })
  const [first, second] = [signingKey(randomBytes(32)), signingKey(randomBytes(32))]
  const succession = signSuccession('tocsin/x', 1, first, second)
  const TOCSIN_WITNESSES = `file:${file} git:${repository} http://127.0.0.1:${await listening(http)}/in`
  const witnesses = openWitnesses(readConfig({ TOCSIN_WITNESSES, TOCSIN_WITNESS_SECRET: `whsec_${secret}` }), {
    key: verifierKey('tocsin/x', second),
    successions: [succession],
  })
  const checkpoints = [2, 3].map(size => signCheckpoint({ origin: 'tocsin/x', size, root: randomBytes(32) }, second))
  for (const checkpoint of checkpoints) for (const { witness } of witnesses) await witness(checkpoint, AbortSignal.timeout(10_000))
  for (const path of [file, join(repository, 'checkpoints.log')]) {
    const text = readFileSync(path, 'utf8')
    expect(text).toBe(`\n${succession}\n${checkpoints.join('\n')}`)
    expect(notesIn(text)).toEqual(checkpoints)
  }
  expect(bodies).toEqual(checkpoints.map(checkpoint => ({ type: 'checkpoint', checkpoint, key: verifierKey('tocsin/x', second), successions: [succession] })))
  http.close()
  rmSync(root, { recursive: true })
})

describe('a witness that fails', () => {
  test('is told in readiness, on record and by an alarm, holds up nothing, and heals by itself', { timeout: 60_000 }, async () => {
    const root = folder()
    const missing = join(root, 'not-mounted')
    await withWorld({ TOCSIN_WITNESSES: `file:${join(missing, 'witness.log')}` }, async world => {
      const ada = await world.person('administrator')
      const { context } = world.server
      const kept = join(context.config.dataFolder, 'checkpoints.log')
      rmSync(kept, { force: true })
      mkdirSync(kept)
      await world.team({ tiers: 1 })
      await world.settle()
      const sentence = await until(async () => {
        const found = (await finding(world)) ?? ''
        return found.includes('checkpoints.log') ? found : undefined
      }, 'both are told')
      expect(sentence).toMatch(
        /^Checkpoints of the audit log have not reached checkpoints\.log in the data folder for \d+ s \(EISDIR\)\. .* the witness file for \d+ s \(ENOENT\)\.$/,
      )
      expect(sentence).not.toContain(root)
      const unsealed = await context.database.reader().db.execute('select 1 from journal where id not in (select entry_id from journal_leaves)')
      expect(unsealed.rows).toEqual([])
      await until(() => (context.sealer.witnesses.every(({ status }) => status.isFailing) ? true : undefined), 'both have failed three times')
      const watch = new JournalWatch({ ...context, metrics: openMetrics() })
      await watch.look()
      await watch.look()
      await world.settle()
      ada.expectPage(/Checkpoints of the audit log do not reach checkpoints\.log in the data folder/)
      ada.expectPage(/Checkpoints of the audit log do not reach the witness file/)
      rmdirSync(kept)
      mkdirSync(missing)
      await until(() => (context.sealer.witnesses.every(({ status }) => status.error === undefined) ? true : undefined), 'both have healed')
      const { note = '' } = (await latestCheckpoint(context.database.reader())) ?? {}
      expect(readFileSync(kept, 'utf8').endsWith(note)).toBe(true)
      await watch.look()
      // The server's own watch may have seen the same: each is on record, and none at each attempt.
      const own = (type: string) => written(world).then(found => found.filter(entry => entry.type === type).map(({ data }) => data.witness))
      expect(new Set(await own('journal.witness-failed'))).toEqual(new Set(['checkpoints.log in the data folder', 'the witness file']))
      expect((await own('journal.witness-failed')).length).toBeLessThanOrEqual(4)
      expect(new Set(await own('journal.witness-recovered'))).toEqual(new Set(['checkpoints.log in the data folder', 'the witness file']))
      expect(await finding(world)).toBeUndefined()
      expect((await ada.call('pages')).items.map(({ state }) => state)).toEqual(['resolved', 'resolved'])
    })
    rmSync(root, { recursive: true })
  })

  test.for(['tcp', 'tls'] as const)('because it hangs is given up at the deadline: %s', async transport => {
    const sockets: Socket[] = []
    const server = createServer({ allowHalfOpen: true }, socket => void sockets.push(socket))
    const receiver = { transport, host: '127.0.0.1', port: await listening(server) }
    const given: string[] = []
    const witnessing = new Witnessing(
      {
        name: 'x',
        restMs: 0,
        witness: (checkpoint, signal) => {
          given.push(checkpoint)
          return sendSyslog(receiver, [Buffer.from(checkpoint)], signal)
        },
      },
      silent,
      { deadlineMs: 100 },
    )
    const began = performance.now()
    await witnessing.offer('one')
    expect(performance.now() - began).toBeLessThan(900)
    expect(witnessing.status).toMatchObject({ error: 'no response in time', isFailing: false })
    // Nobody waits for one that fails, and only the newest is tried again.
    void witnessing.offer('two')
    await witnessing.offer('three')
    await until(() => given.length > 1 || undefined, 'it is tried again', 3_000)
    expect(given).toEqual(['one', 'three'])
    await witnessing.stop()
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  test('because it hangs for good, as a share that is away does, is given nothing beside that, and the newest when it is back', async () => {
    const given: string[] = []
    let comeBack: () => void = () => undefined
    const away = new Promise<void>(resolve => {
      comeBack = resolve
    })
    const witness = (checkpoint: string) => {
      given.push(checkpoint)
      return away
    }
    const witnessing = new Witnessing({ name: 'x', restMs: 0, witness }, silent, { deadlineMs: 300 })
    await witnessing.offer('one')
    expect(witnessing.status.error).toBe('no response in time')
    void witnessing.offer('two')
    // The second attempt is under way.
    await sleep(1_100)
    expect(given).toEqual(['one'])
    comeBack()
    await until(() => (witnessing.status.error === undefined ? true : undefined), 'it has the newest')
    expect(given).toEqual(['one', 'two'])
    await witnessing.stop()
  })
  test('because the remote of its git repository hangs is given up at the deadline, with git; the checkpoint is committed', async () => {
    const root = folder()
    const sockets: Socket[] = []
    const server = createServer(socket => void sockets.push(socket.resume()))
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', root])
    execFileSync('git', ['-C', root, 'remote', 'add', 'origin', `http://127.0.0.1:${await listening(server)}/x.git`])
    execFileSync('git', ['-C', root, 'config', 'push.default', 'current'])
    await expect(commitCheckpoint(root, true, 'tocsin/x\n1\n', AbortSignal.timeout(3_000))).rejects.toMatchObject({ name: 'TimeoutError' })
    await commitCheckpoint(root, false, 'tocsin/x\n2\n', AbortSignal.timeout(15_000))
    expect(execFileSync('git', ['-C', root, 'log', '--format=%s'], { encoding: 'utf8' })).toBe('Checkpoint of 2 entries\nCheckpoint of 1 entries\n')
    expect(readFileSync(join(root, 'checkpoints.log'), 'utf8')).toBe('\ntocsin/x\n1\n\ntocsin/x\n2\n')
    await until(() => sockets.every(({ destroyed }) => destroyed) || undefined, 'nothing of git is left', 5_000)
    server.close()
    rmSync(root, { recursive: true })
  })

  test('is no git repository, or one whose remote is away: the reason has no path', { timeout: 20_000 }, async () => {
    const root = folder()
    const reasons = async (address: string) => {
      let reason: string | undefined
      await withWorld({ TOCSIN_WITNESSES: address }, async world => {
        reason = await until(() => world.server.context.sealer.witnesses[1]?.status.error, 'it fails')
      })
      return reason
    }
    expect(await reasons(`git:${root}`)).toBe('git rev-parse ended with 128')
    execFileSync('git', ['init', '--quiet', root])
    expect(await reasons(`git+push:${root}`)).toBe('git push ended with 128')
    expect(execFileSync('git', ['-C', root, 'log', '--format=%s'], { encoding: 'utf8' })).toMatch(/^Checkpoint of \d+ entries$/m)
    mkdirSync(join(root, 'inside'))
    expect(await reasons(`git:${join(root, 'inside')}`)).toBe('the folder is not the top of a git repository')
    rmSync(root, { recursive: true })
  })
})

describe('a message to syslog', () => {
  test('goes over TLS to a receiver with a trusted certificate, and to no other', async () => {
    const root = folder()
    const [key, certificate] = [join(root, 'key.pem'), join(root, 'certificate.pem')]
    const request = 'req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -addext subjectAltName=DNS:localhost'
    execFileSync('openssl', [...request.split(' '), '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    let received = ''
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, socket => {
      socket.on('error', () => undefined)
      socket.on('data', chunk => {
        received += String(chunk)
      })
    })
    const send = async (host: string, messages: string[]) =>
      sendSyslog(
        { transport: 'tls', host, port: await port },
        messages.map(message => Buffer.from(message)),
        AbortSignal.timeout(5_000),
      )
    const port = listening(server)
    await expect(send('localhost', ['x'])).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    const trusted = getCACertificates('default')
    setDefaultCACertificates([...trusted, readFileSync(certificate, 'utf8')])
    try {
      await send('localhost', ['one', 'zwölf'])
      await expect(send('127.0.0.1', ['x'])).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    } finally {
      setDefaultCACertificates(trusted)
    }
    expect(received).toBe('3 one6 zwölf')
    server.close()
    rmSync(root, { recursive: true })
  })

  test('is one datagram over UDP, and refused where it is too long for one', async () => {
    const socket = createSocket('udp4')
    await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
    const receiver = { transport: 'udp', host: '127.0.0.1', port: socket.address().port } as const
    const received = once(socket, 'message')
    const message = formatSyslog({ facility: 13, severity: 5, at: '2026-11-23T08:00:00.000Z', kind: 'a b\n€', text: 'Müller' })
    await sendSyslog(receiver, [message], AbortSignal.timeout(1_000))
    expect(String((await received)[0])).toMatch(/^<109>1 2026-11-23T08:00:00\.000Z \S+ tocsin \d+ ab - \ufeffMüller$/)
    await expect(sendSyslog(receiver, [Buffer.alloc(2_049)], AbortSignal.timeout(1_000))).rejects.toThrow('longer than the 2048 that UDP carries')
    socket.close()
  })
})

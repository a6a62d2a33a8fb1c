import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type SQL, sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect, test as plain } from 'vitest'
import { codeAt } from '../../test/totp.ts'
import { test } from '../../test/world.ts'
import { readConfig } from '../app/config.ts'
import { isPublicAddress } from './outbound.ts'
import { seal, unseal } from './sealing.ts'
import { openSecrets, openToken, openUnstretched, signToken } from './secrets.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-unit-'))

const databaseUrl = 'must be a URL such as postgres://user:password@host:5432/tocsin; write special characters in the password percent-encoded.'
const noSslMode =
  'DATABASE_URL must name an sslmode, because its host is another machine: add ?sslmode=verify-full, with &sslrootcert=/path/ca.pem for a CA of your own, or ?sslmode=disable in a network that you trust.'
const webhookSecret = `whsec_${Buffer.alloc(24, 's').toString('base64')}`
const smtpUrl = 'must be a URL such as smtp://user:password@host:587; write special characters in the password percent-encoded.'

describe('the configuration', () => {
  plain('takes URLs as they are written', () => {
    for (const env of [
      ...[
        'postgres://u:p%23%2F%40@h:5432/t?sslmode=disable',
        'postgresql://h/t?sslmode=require',
        'postgres://localhost/t',
        'postgres://%2Frun%2Fpg/t',
        'postgres:///t',
        'postgres:///t?host=/run/postgresql',
        'postgres://u:p@[::1]/t',
      ].map(url => ({
        DATABASE_URL: url,
      })),
      ...['smtp://h', 'smtps://u:p%23@h:465', 'smtp://u%40x:p@[::1]:25/'].map(url => ({ SMTP_URL: url })),
      { TOCSIN_PUBLIC_URL: 'https://t.example:8443/' },
      { TOCSIN_TRUST_PROXY: 'yes' },
      { SLACK_SIGNING_SECRET: 'x', SLACK_BOT_TOKEN: 'y' },
    ])
      expect(() => readConfig(env)).not.toThrow()
  })

  plain.for([
    [{ PORT: 'eighty' }, 'PORT must be a number.'],
    [{ PORT: '70000' }, 'PORT must be between 0 and 65535.'],
    [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL must start with postgres://.'],
    ...['pa#ss@h:1/t', '12#ss@h/t', 'pa/ss@h/t', '12/ss@h/t', 'pa%ss@h/t', 'p@h:99999/t', 'p@h:port/t', 'p@h h/t', 'p w@h/t'].map(
      rest => [{ DATABASE_URL: `postgres://u:${rest}` }, `DATABASE_URL ${databaseUrl}`] as const,
    ),
    ...[
      'mail.example',
      'smtp:mail',
      'smtp://',
      'smtp://u:pa#ss@h:25',
      'smtp://u:12#ss@h',
      'smtp://u:12/ss@h',
      'smtp://mail:99999',
      'smtp://ma il',
      'http://mail',
    ].map(url => [{ SMTP_URL: url }, `SMTP_URL ${smtpUrl}`] as const),
    [{ MAIL_FROM: 'Tocsin' }, 'MAIL_FROM must be an address such as Tocsin <tocsin@example.org>.'],
    [{ TOCSIN_HEARTBEAT_URL: 'https://mon itor/x' }, 'TOCSIN_HEARTBEAT_URL must be a URL'],
    [{ TOCSIN_HEARTBEAT_URL: 'https://monitor:port/x' }, 'TOCSIN_HEARTBEAT_URL must be a URL'],
    [{ TOCSIN_PUBLIC_URL: 'https://toc sin.example' }, 'TOCSIN_PUBLIC_URL must be an origin'],
    [{ TOCSIN_PUBLIC_URL: 'https://t.example:port' }, 'TOCSIN_PUBLIC_URL must be an origin'],
    [{ TOCSIN_PUBLIC_URL: 'https://t.example?x=1' }, 'TOCSIN_PUBLIC_URL must be an origin'],
    [{ SLACK_API_URL: 'http://bad host/api' }, 'SLACK_API_URL must be a URL'],
    [{ TWILIO_API_URL: 'http://b c' }, 'TWILIO_API_URL must be an origin'],
    [{ TOCSIN_TRUST_PROXY: 'on' }, 'TOCSIN_TRUST_PROXY must be networks such as 10.0.0.0/8,192.0.2.10, or true for those that are loopback or private.'],
    [{ TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: 'x' }, 'Set all of TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM, or none.'],
    [{ TWILIO_AUTH_TOKEN: 'x', TWILIO_FROM: '+15005550006' }, 'Set all of TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM, or none.'],
    [{ TWILIO_ACCOUNT_SID: 'AC1', TWILIO_FROM: '+15005550006' }, 'Set all of TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM, or none.'],
    [{ TWILIO_AUTH_TOKEN: 'x' }, 'Set all of TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM, or none.'],
    [{ SLACK_BOT_TOKEN: 'x' }, 'Set both SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET, or neither.'],
    [{ SLACK_SIGNING_SECRET: 'x' }, 'Set both SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET, or neither.'],
    [{ TEAMS_APP_PASSWORD: 'x' }, 'Set all of TEAMS_APP_ID, TEAMS_APP_PASSWORD and TEAMS_TENANT_ID, or none.'],
    [{ TEAMS_APP_PASSWORD_FILE: '/proc/self/cmdline' }, 'Set all of TEAMS_APP_ID, TEAMS_APP_PASSWORD and TEAMS_TENANT_ID, or none.'],
    [{ TOCSIN_MAIL_IN_DOMAIN: 'reply.t.example' }, 'Set both TOCSIN_MAIL_IN_PORT and TOCSIN_MAIL_IN_DOMAIN, or neither.'],
    [{ TOCSIN_TLS_KEY: '/key' }, 'Set both TOCSIN_TLS_CERT and TOCSIN_TLS_KEY, or neither.'],
    [{ TOCSIN_SYSLOG_TLS: '6514', TOCSIN_SYSLOG_TLS_KEY: '/key' }, 'Set all of TOCSIN_SYSLOG_TLS, TOCSIN_SYSLOG_TLS_CERT and TOCSIN_SYSLOG_TLS_KEY, or none.'],
    [{ TOCSIN_SYSLOG_TLS_CERT: '/cert' }, 'Set all of TOCSIN_SYSLOG_TLS, TOCSIN_SYSLOG_TLS_CERT and TOCSIN_SYSLOG_TLS_KEY, or none.'],
    [{ TOCSIN_SYSLOG_TLS_CLIENT_CA: '/ca' }, 'TOCSIN_SYSLOG_TLS_CLIENT_CA is set without TOCSIN_SYSLOG_TLS. Set both, or neither.'],
    [{ SMTP_URL: 'smtp://user@h' }, 'SMTP_URL must have both a user and a password, or neither.'],
    [{ SMTP_URL: 'smtp://:pass@h' }, 'SMTP_URL must have both a user and a password, or neither.'],
    ...[{}, { TOCSIN_WITNESSES: 'file:/a' }].map(
      more =>
        [{ TOCSIN_WITNESS_SECRET: webhookSecret, ...more }, 'TOCSIN_WITNESS_SECRET is set, but TOCSIN_WITNESSES names no webhook that it would sign.'] as const,
    ),
    [{ TOCSIN_AUDIT_STREAM_SECRET: webhookSecret }, 'TOCSIN_AUDIT_STREAM_SECRET is set, but TOCSIN_AUDIT_STREAM names no webhook that it would sign.'],
    [{ TOCSIN_SECRET: 'short' }, 'TOCSIN_SECRET must have at least 32 characters.'],
    [{ TOCSIN_PUBLIC_URL: 'https://a.example/path' }, 'TOCSIN_PUBLIC_URL must be an origin such as https://tocsin.example.'],
    [{ TOCSIN_PUBLIC_URL: 'https://t.ex\rample' }, 'TOCSIN_PUBLIC_URL must be an origin'],
    [{ DATABASE_OWNER_URL: 'postgres://o:p@localhost/t' }, 'DATABASE_OWNER_URL is set without DATABASE_URL.'],
    ...[
      'h/t',
      '10.0.0.7/t',
      '[2001:db8::1]/t',
      'localhost.example/t',
      'localhost/t?host=h',
      '/t?host=h',
      'h/t?sslmode=',
      'h/t?sslmode=disable&sslmode=',
      'h/t?ssl=true',
    ].map(rest => [{ DATABASE_URL: `postgres://${rest}` }, noSslMode] as const),
    [{ DATABASE_URL: 'postgres://localhost/t', DATABASE_OWNER_URL: 'postgres://o:p@h/t' }, noSslMode.replace('_URL', '_OWNER_URL')],
    [{ DATABASE_URL: 'postgres://h/t?sslmode=verify-full&sslcert=/c' }, 'DATABASE_URL must name both sslcert and sslkey, or neither.'],
    [{ DATABASE_URL: 'postgres://h%zz/t' }, `DATABASE_URL ${databaseUrl}`],
    [{ TOCSIN_SECRET_FLIE: '/x' }, 'TOCSIN_SECRET_FLIE is not a setting: did you mean TOCSIN_SECRET_FILE?'],
    [{ TOCSIN_LOG_LEVEL: 'loud' }, 'TOCSIN_LOG_LEVEL must be one of debug, info, warn, error, silent.'],
    [{ TOCSIN_CONFIG: '/nowhere/tocsin.json' }, 'TOCSIN_CONFIG names the file /nowhere/tocsin.json, which does not exist.'],
  ] as const)('%o gets one sentence that names it', ([env, sentence]) => {
    expect(() => readConfig(env)).toThrow(sentence)
  })

  plain('is taken without white space around it, and its file with a byte order mark, as editors on Windows write them; the master key stays as it is', () => {
    const path = join(folder(), 'tocsin.json')
    writeFileSync(path, '\uFEFF{"TOCSIN_HOST": "0.0.0.0\\n"}\r\n')
    const key = `${'k'.repeat(40)}\r`
    const env = { TOCSIN_CONFIG: `${path}\r`, TOCSIN_PUBLIC_URL: 'https://t.example\r', SMTP_URL: ' smtp://mail.example\n', PORT: '\r', TOCSIN_SECRET: key }
    const config = readConfig(env)
    expect(config).toMatchObject({ host: '0.0.0.0', publicUrl: 'https://t.example', port: 8_080, secret: key })
    expect(config.kept.SMTP_URL).toBe('mail.example')
    expect(readConfig({ TOCSIN_SECRET_COMMAND: `echo ${'k'.repeat(32)}\r`, PATH: process.env.PATH }).secret).toBe('k'.repeat(32))
  })

  plain('comes from the file, and the environment goes before it', () => {
    const path = join(folder(), 'tocsin.json')
    writeFileSync(path, JSON.stringify({ PORT: 9_000, TOCSIN_HOST: '0.0.0.0' }))
    expect(readConfig({ TOCSIN_CONFIG: path, PORT: '9001' })).toMatchObject({ port: 9_001, host: '0.0.0.0' })
    writeFileSync(path, JSON.stringify({ PROT: 9_000 }))
    expect(() => readConfig({ TOCSIN_CONFIG: path })).toThrow('"PROT" is not a setting')
  })
})

describe('a secret in a file, or printed by a command', () => {
  plain('is read from there, for settings that are secret alone, and its content is in no error', () => {
    const path = join(folder(), 'secret')
    const key = 'a master key that is in a file, not here'
    writeFileSync(path, `${key}\n`)
    expect(readConfig({ TOCSIN_SECRET_FILE: path }).secret).toBe(key)
    expect(readConfig({ TOCSIN_SECRET_COMMAND: `cat ${path}`, PATH: process.env.PATH }).secret).toBe(key)
    const both = { TOCSIN_SECRET_FILE: path, TOCSIN_SECRET: 'x'.repeat(32) }
    expect(() => readConfig(both)).toThrow('TOCSIN_SECRET and TOCSIN_SECRET_FILE are set. Set one of them.')
    expect(() => readConfig({ TOCSIN_SECRET_FILE: '/nowhere/x' })).toThrow('TOCSIN_SECRET_FILE names /nowhere/x, which is not a file.')
    expect(() => readConfig({ TOCSIN_SECRET_FILE: '/dev/zero' })).toThrow('TOCSIN_SECRET_FILE names /dev/zero, which is not a file.')
    expect(() => readConfig({ TOCSIN_LOG_LEVEL_FILE: path })).toThrow('TOCSIN_LOG_LEVEL_FILE is not a setting')
    writeFileSync(path, 'postgres://u:can#ary@h/t')
    expect(() => readConfig({ DATABASE_URL_FILE: path })).toThrow(/^DATABASE_URL must be a URL (?!.*canary)/)
    writeFileSync(path, ' \n')
    expect(() => readConfig({ TOCSIN_SECRET_FILE: path })).toThrow('TOCSIN_SECRET_FILE: what it names is empty.')
  })

  plain('a command is told no other secret, runs in no shell, and is bounded', () => {
    const env = { PATH: process.env.PATH, SMTP_URL: 'smtp://u:canary@h', VAULT_ADDR: 'https://vault.example' }
    const { secret } = readConfig({ ...env, TOCSIN_SECRET_COMMAND: 'env' })
    expect(secret).toContain('VAULT_ADDR=https://vault.example')
    expect(secret).not.toContain('canary')
    const failing = (command: string) => expect(() => readConfig({ ...env, TOCSIN_SECRET_COMMAND: command }))
    const spoken = 'echo $(hostname) ; is not given to a shell'
    expect(readConfig({ ...env, TOCSIN_SECRET_COMMAND: spoken }).secret).toBe(spoken.slice(5))
    failing('false').toThrow('TOCSIN_SECRET_COMMAND: the command false ended with 1.')
    failing('/nowhere/vault read x').toThrow('TOCSIN_SECRET_COMMAND: the command /nowhere/vault could not be run (ENOENT).')
    failing('yes').toThrow('TOCSIN_SECRET_COMMAND: the command yes could not be run (ENOBUFS).')
  })
})

describe('secrets', () => {
  const secrets = openSecrets(folder(), undefined)

  plain('the master key is made once, for its owner alone', () => {
    const place = folder()
    const first = seal(openSecrets(place, undefined), 'x', 'a')
    expect(unseal(openSecrets(place, undefined), first, 'a')).toBe('x')
    expect(statSync(join(place, 'secret.key')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(place, 'secret.key'), 'utf8').trim()).toHaveLength(64)
  })

  plain('what is sealed is not readable, and a changed byte shows', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, at) => {
        const sealed = seal(secrets, text, 'people.totp_secret 1')
        expect(unseal(secrets, sealed, 'people.totp_secret 1')).toBe(text)
        expect(() => unseal(secrets, sealed, 'people.totp_secret 2'), 'moved to another row').toThrow()
        const bytes = Buffer.from(sealed.slice(sealed.lastIndexOf('.') + 1), 'base64url')
        expect(() => unseal(secrets, bytes.toString('base64'), 'people.totp_secret 1'), 'passed off as older').toThrow()
        const position = at % bytes.length
        bytes[position] = (bytes[position] ?? 0) ^ 1
        expect(() => unseal(secrets, `v2.${secrets.keyId}.${bytes.toString('base64url')}`, 'people.totp_secret 1')).toThrow()
      }),
    )
  })

  plain('what was sealed before it had an envelope opens, and what another key sealed names no secret', () => {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', secrets.derive('sealing'), nonce)
    const body = Buffer.concat([cipher.update('old', 'utf8'), cipher.final()])
    expect(unseal(secrets, Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64'), 'people.totp_secret 1')).toBe('old')
    expect(() => unseal(openSecrets(folder(), undefined), seal(secrets, 'x', 'a'), 'a')).toThrow('sealed with another master key')
  })

  plain('a key that somebody thought up is stretched, a generated one is the same wherever it is given', () => {
    const phrase = 'correct horse battery staple, and again'
    expect(openSecrets('/nowhere', phrase).keyId).not.toBe(openUnstretched(phrase).keyId)
    const place = folder()
    const { keyId } = openSecrets(place, undefined)
    expect(openSecrets('/nowhere', readFileSync(join(place, 'secret.key'), 'utf8').trim()).keyId).toBe(keyId)
  })

  test('a secret that is moved to another row in the database opens nothing there', async ({ world }) => {
    const [ada, eve] = [await world.person('responder'), await world.person('responder')]
    const change = (statement: SQL) => world.server.context.database.transaction(tx => tx.db.execute(statement))
    await change(sql`update people set totp_secret = null, totp_confirmed_at = null where id in (${ada.id}, ${eve.id})`)
    const { secret } = await ada.call('startTotp')
    await eve.call('startTotp')
    await change(sql`update people set totp_secret = (select totp_secret from people where id = ${ada.id}) where id = ${eve.id}`)
    const code = { body: { code: codeAt(secret, Date.parse(world.now)) } }
    await expect(eve.call('confirmTotp', code)).rejects.toThrow()
    await ada.call('confirmTotp', code)
  })

  plain('a link is good for its purpose alone', () => {
    const token = signToken(secrets, 'page', ['p1', 'ada'])
    expect(openToken(secrets, 'page', token)).toEqual(['p1', 'ada'])
    expect(openToken(secrets, 'report', token)).toBeUndefined()
    expect(openToken(secrets, 'page', token.replace('ada', 'eve'))).toBeUndefined()
    expect(openToken(openSecrets(folder(), undefined), 'page', token)).toBeUndefined()
  })
})

describe('addresses of the outside', () => {
  plain.for([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '168.63.129.16',
    '::ffff:168.63.129.16',
    '0.0.0.0',
    '100.64.0.1',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '224.0.0.1',
    '64:ff9b::7f00:1',
  ])('%s is not public', address => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

describe('the HTTP server', () => {
  test('sends the headers that keep a page to itself', async ({ world }) => {
    const { headers } = await fetch(`${world.origin}/`)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(/script-src ([^;]+)/.exec(policy)?.[1]).toBe("'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect([headers.get('x-content-type-options'), headers.get('referrer-policy')]).toEqual(['nosniff', 'no-referrer'])
  })

  test('answers what it does not understand with problem details', async ({ world }) => {
    const person = await world.person()
    const post = (body: string, type = 'application/json') =>
      fetch(`${world.origin}/api/v1/alerts`, { method: 'POST', headers: { cookie: person.cookie, origin: world.origin, 'content-type': type }, body })
    for (const [reply, status] of [
      [await post('{'), 400],
      [await post('title=x', 'application/x-www-form-urlencoded'), 415],
      [await post(JSON.stringify({ title: 'x'.repeat(5_000_000), severity: 'low' })), 413],
      [await fetch(`${world.origin}/api/v1/nothing`), 404],
      [await fetch(`${world.origin}/api/v1/alerts/not-an-id`, { headers: { cookie: person.cookie } }), 400],
    ] as const) {
      expect([reply.status, reply.headers.get('content-type')]).toEqual([status, expect.stringContaining('application/problem+json')])
      expect(((await reply.json()) as { detail: string }).detail.length).toBeGreaterThan(10)
    }
  })

  test('an address that cannot be decoded gets problem details', async ({ world }) => {
    for (const path of ['/api/v1/%ff', '/%', '/in/%c0%ae/events']) {
      const reply = await fetch(`${world.origin}${path}`)
      expect([reply.status, reply.headers.get('content-type')], path).toEqual([400, 'application/problem+json; charset=utf-8'])
      expect(await reply.json(), path).toMatchObject({ status: 400, detail: expect.any(String) })
    }
  })

  test('what is no HTTP request, or has more headers than we read, gets problem details', async ({ world }) => {
    const ask = async (request: string) => {
      const socket = connect(Number(new URL(world.origin).port), '127.0.0.1')
      socket.end(request)
      return Buffer.concat(await socket.toArray()).toString()
    }
    for (const [request, status, type] of [
      [`GET /?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, 'too-large'],
      ['\u0016\u0003\u0001 no HTTP\r\n\r\n', 400, 'invalid'],
      ['GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400, 'invalid'],
    ] as const) {
      const [head = '', body = ''] = (await ask(request)).split('\r\n\r\n')
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\nContent-Type: application/problem\\+json`))
      expect(JSON.parse(body)).toMatchObject({ status, type: `urn:tocsin:problem:${type}`, detail: expect.any(String) })
    }
  })

  test('takes 64 kB where anybody may send, and says so', async ({ world }) => {
    const signIn = (bytes: number) =>
      fetch(`${world.origin}/api/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: world.origin },
        body: JSON.stringify({ email: 'ada@example.org', password: 'x'.repeat(bytes) }),
      })
    expect((await signIn(60_000)).status).not.toBe(413)
    const refused = await signIn(65_536)
    expect([refused.status, await refused.json()]).toMatchObject([413, { detail: 'The request is larger than 64 kB.' }])
    // Who goes on sending gets the answer, too, and not a reset connection: 30 MB, of known and of unknown length.
    const { hostname, port } = new URL(world.origin)
    const piece = Buffer.alloc(1_000_000, 32)
    for (const length of ['content-length: 30000000', 'transfer-encoding: chunked']) {
      const socket = connect({ host: hostname, port: Number(port) })
      const answer = text(socket)
      socket.write(`POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length}\r\n\r\n`)
      for (let n = 0; n < 30; n += 1) {
        const sent = length.startsWith('content') ? [piece] : [`${piece.length.toString(16)}\r\n`, piece, '\r\n']
        for (const part of sent) await new Promise<void>((resolve, reject) => void socket.write(part, error => (error ? reject(error) : resolve())))
      }
      if (length.startsWith('transfer')) socket.write('0\r\n\r\n')
      socket.end('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      expect((await answer).match(/HTTP\/1\.1 \d+/g), length).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
    }
    const document = (await (await fetch(`${world.origin}/api/openapi.json`)).json()) as {
      paths: Record<string, { post?: { requestBody?: { description?: string } } }>
    }
    expect(document.paths['/api/v1/session']?.post?.requestBody?.description).toBe('At most 64 KiB.')
    expect(document.paths['/api/v1/alerts']?.post?.requestBody?.description).toBe('At most 4096 KiB.')
  })

  test('refuses a body of another content type, and says which is right', async ({ world }) => {
    const person = await world.person()
    const refused = async (path: string, type: string, body: string, more = {}) => {
      const headers = { cookie: person.cookie, origin: world.origin, 'content-type': type, ...more }
      const reply = await fetch(`${world.origin}${path}`, { method: 'POST', headers, body })
      return [reply.status, await reply.json()]
    }
    const alert = JSON.stringify({ title: 'x', severity: 'low' })
    const problem = (detail: string) => [415, { type: 'urn:tocsin:problem:unsupported-type', title: 'Unsupported content type', status: 415, detail }]
    const either = problem('The content type is not supported. Send the body as application/json; only forms with files as multipart/form-data.')
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
      'application/json;charset="latin1"',
    ])
      expect(await refused('/api/v1/alerts', type, alert), type).toEqual(either)
    expect(await refused('/api/v1/alerts', 'application/json', alert, { 'content-encoding': 'gzip' }), 'packed').toEqual(either)
    for (const type of ['application/json; charset=utf-8', 'application/json;charset="UTF8"'])
      expect((await refused('/api/v1/alerts', type, alert, { 'content-encoding': 'identity' }))[0], type).toBe(202)
    expect(await refused('/api/v1/alerts', 'multipart/form-data; boundary=x', alert)).toEqual(problem('Send the body as application/json.'))
    expect(await refused('/api/v1/reports', 'application/json', '{}')).toEqual(problem('Send the form as multipart/form-data.'))
  })

  test('takes the type of a body where there is none', async ({ world }) => {
    const administrator = await world.person('administrator')
    const headers = { cookie: administrator.cookie, origin: world.origin, 'content-type': 'application/json' }
    const post = (path: string) => fetch(`${world.origin}/api/v1${path}`, { method: 'POST', headers })
    expect((await post('/journal/export')).status).toBe(200)
    const reply = await post('/alerts')
    expect([reply.status, ((await reply.json()) as { detail: string }).detail]).toEqual([400, expect.stringContaining('title: is required')])
  })

  test('refuses what is too deep or too much before its schema is asked, and names a hundred faults at most', async ({ world }) => {
    const person = await world.person()
    const post = async (body: string) => {
      const headers = { cookie: person.cookie, origin: world.origin, 'content-type': 'application/json' }
      const reply = await fetch(`${world.origin}/api/v1/alerts`, { method: 'POST', headers, body })
      const { detail, errors = [] } = (await reply.json()) as { detail: string; errors?: unknown[] }
      return [reply.status, detail.slice(0, 60), errors.length]
    }
    const deep = (levels: number) => `{"title":"x","severity":"low","labels":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`
    expect(await post(deep(50_000))).toEqual([400, 'body: must be nested at most 100 levels deep.', 1])
    expect(await post(`[${'1,'.repeat(1_000_000)}1]`)).toEqual([400, 'body: must have at most 50,000 values.', 1])
    const labels = (count: number) =>
      JSON.stringify({ title: 'x', severity: 'low', labels: Object.fromEntries(Array.from({ length: count }, (_, n) => [n, n])) })
    expect(await post(labels(250_000))).toEqual([400, 'body: must have at most 50,000 values.', 1])
    expect(await post(labels(45_000))).toEqual([400, expect.stringContaining('labels.0: must be text'), 100])
  })

  test('counts who is not known by address, whatever credential they show', async ({ world }) => {
    const attempt = (n: number) =>
      fetch(`${world.origin}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer x${n}` }, body: '{}' })
    const statuses = new Set<number>()
    for (let n = 0; n < 30; n += 1) statuses.add((await attempt(n)).status)
    expect(statuses).toContain(429)
  })

  test('limits how often somebody may try', async ({ world }) => {
    const attempt = () => fetch(`${world.origin}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    const statuses = []
    for (let n = 0; n < 22; n += 1) statuses.push((await attempt()).status)
    expect(statuses.slice(0, 20)).not.toContain(429)
    expect(statuses.at(-1)).toBe(429)
  })

  test('tells machines how it is: health, readiness, metrics, the API document', async ({ world }) => {
    expect((await fetch(`${world.origin}/healthz`)).status).toBe(200)
    expect((await fetch(`${world.origin}/readyz`)).status).toBe(200)
    expect(await (await fetch(`${world.origin}/metrics`)).text()).toContain('tocsin_alerts_total')
    const document = (await (await fetch(`${world.origin}/api/openapi.json`)).json()) as {
      openapi: string
      paths: Record<string, Record<string, { security: unknown[]; description: string }>>
    }
    expect(document.openapi).toBe('3.1.0')
    expect(document.paths['/api/v1/alerts']?.post).toMatchObject({
      security: [{ session: [] }, { apiKey: [] }],
      description: 'Requires the role responder or above, or an API key with the scope alerts:write.',
    })
  })
})

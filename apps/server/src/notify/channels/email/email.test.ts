import { SMTPServer } from 'smtp-server'
import { expect, test } from 'vitest'
import { until } from '../../../../test/alertmanager.ts'
import { startMailServer } from '../../../../test/mailbox.ts'
import { patience } from '../../../../test/patience.ts'
import { startStubbornMailServer } from '../../../../test/stubborn.ts'
import { readConfig } from '../../../app/config.ts'
import { sentenceWithReply } from '../../../kernel/outbound.ts'
import { openEmail } from './send.ts'

const message = {
  ...{ id: 'm1', address: 'ada@tocsin.test', purpose: 'page', purposeId: 'p1', subject: 'Odd', text: 'Look', brief: 'Look', origin: 'http://localhost' },
  ...{ link: undefined, secret: undefined, replyTo: undefined, returnTo: undefined, sentAt: 0 },
}

function senderBy(url: string, env: Record<string, string> = {}) {
  const send = openEmail(readConfig({ SMTP_URL: url, ...env }))
  if (!send) throw new Error('a mail server is configured')
  return send
}

test.for(['greeting', 'ehlo', 'data'] as const)('a mail server that stops at %s is left at the deadline, and the connection is closed', async where => {
  const server = await startStubbornMailServer(where)
  const started = Date.now()
  await expect(senderBy(server.url)(message, AbortSignal.timeout(400))).rejects.toThrow()
  expect(Date.now() - started).toBeLessThan(5_000)
  expect(server.count).toBe(1)
  if (where !== 'greeting') expect(server.received).toMatch(/^EHLO/)
  await until(() => (server.open === 0 ? true : undefined), 'the connection is closed')
  await server.stop()
})

test.for([
  ['greeting', 'greetingTimeout=300'],
  ['ehlo', 'socketTimeout=300'],
  ['data', 'socketTimeout=300'],
] as const)('a mail server that stops at %s is left by the time limit of the library too', async ([where, limit]) => {
  const server = await startStubbornMailServer(where)
  await expect(senderBy(`${server.url}?${limit}`)(message, AbortSignal.timeout(20_000))).rejects.toThrow(/timeout|never received|not received/i)
  await until(() => (server.open === 0 ? true : undefined), 'the connection is closed')
  await server.stop()
})

test('without a limit in its address, a mail server has ten seconds to greet', { timeout: 30_000 * patience }, async () => {
  const server = await startStubbornMailServer('greeting')
  const started = Date.now()
  await expect(senderBy(server.url)(message, AbortSignal.timeout(25_000))).rejects.toThrow(/greeting/i)
  expect((Date.now() - started) / 1_000).toBeGreaterThan(9)
  expect((Date.now() - started) / 1_000, 'not the thirty of the library').toBeLessThan(20)
  await server.stop()
})

test('an answer of 4xx is worth another try, one of 5xx is not, and what was taken says so', async () => {
  const stubborn = await startStubbornMailServer('4xx')
  const failure: unknown = await senderBy(stubborn.url)(message, AbortSignal.timeout(5_000)).catch((error: unknown) => error)
  expect(failure).toMatchObject({ name: 'OutboundFailure', message: 'The mail server 127.0.0.1 responded with status 451' })
  expect(sentenceWithReply(failure), 'what the server said is for the message log').toMatch(/451: .*not now/)
  await stubborn.stop()
  const mail = await startMailServer()
  mail.refuse({ code: 550, text: 'no such mailbox' })
  await expect(senderBy(mail.url)(message, AbortSignal.timeout(5_000))).rejects.toMatchObject({
    name: 'Undeliverable',
    reply: expect.stringContaining('no such mailbox'),
  })
  mail.refuse(undefined)
  expect(await senderBy(mail.url)(message, AbortSignal.timeout(5_000))).toContain('taken')
  expect(mail.mails.map(one => one.messageId)).toEqual(['<m1@localhost>'])
  await mail.stop()
})

/** A mail server as hosts offer it: with or without TLS (under a certificate that nobody knows) and sign-in. */
async function startHost(offers: { tls: boolean; login: boolean }) {
  const seen = { mails: 0, passwords: [] as string[] }
  const server = new SMTPServer({
    disabledCommands: [...(offers.tls ? [] : ['STARTTLS']), ...(offers.login ? [] : ['AUTH'])],
    allowInsecureAuth: true,
    authOptional: true,
    disableReverseLookup: true,
    onAuth(auth, _session, callback) {
      seen.passwords.push(auth.password ?? '')
      callback(null, { user: auth.username })
    },
    onData(stream, _session, callback) {
      stream.resume().on('end', () => {
        seen.mails += 1
        callback()
      })
    },
  })
  server.on('error', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.server.address()
  return {
    seen,
    at: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    stop: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}

test('email is sent over TLS and signed in, or not at all: neither mail nor password reaches a server that does not offer both', async () => {
  for (const offers of [
    { tls: false, login: false },
    { tls: false, login: true },
    { tls: true, login: false },
    { tls: true, login: true },
  ]) {
    const host = await startHost(offers)
    for (const scheme of ['smtp', 'smtps'])
      await expect(senderBy(`${scheme}://user:password@${host.at}`)(message, AbortSignal.timeout(5_000)), JSON.stringify(offers)).rejects.toThrow()
    expect(host.seen).toEqual({ mails: 0, passwords: [] })
    await host.stop()
  }
  const plain = await startHost({ tls: false, login: true })
  await expect(senderBy(`smtp://user:password@${plain.at}`)(message, AbortSignal.timeout(5_000))).rejects.toMatchObject({
    message: 'The mail server 127.0.0.1 does not offer TLS, or has a certificate that is not trusted. Email is not sent to it',
  })
  // Where the operator says so, it goes as before; mail without a password may stay on this machine.
  await senderBy(`smtp://user:password@${plain.at}`, { SMTP_ALLOW_PLAIN: 'true' })(message, AbortSignal.timeout(5_000))
  expect(plain.seen).toEqual({ mails: 1, passwords: ['password'] })
  await senderBy(`smtp://${plain.at}`)(message, AbortSignal.timeout(5_000))
  expect(plain.seen.mails).toBe(2)
  await plain.stop()
  const silent = await startHost({ tls: false, login: false })
  const elsewhere = silent.at.replace('127.0.0.1', '0.0.0.0')
  await expect(senderBy(`smtp://${elsewhere}`)(message, AbortSignal.timeout(5_000)), 'another machine').rejects.toThrow('does not offer TLS')
  expect(silent.seen.mails).toBe(0)
  await silent.stop()
})

test.for(['ignoreTLS=true', 'requireTLS=false', 'tls.rejectUnauthorized=false', 'forceAuth=false', 'socketTimeout=1&IGNORETLS=1'])(
  'an address with %s is refused, unless the operator says that email may be plain',
  option => {
    expect(() => readConfig({ SMTP_URL: `smtp://h?${option}` })).toThrow(/^SMTP_URL must not set \w+.*set SMTP_ALLOW_PLAIN=true\.$/)
    expect(() => readConfig({ SMTP_URL: `smtp://h?${option}`, SMTP_ALLOW_PLAIN: 'true' })).not.toThrow()
  },
)

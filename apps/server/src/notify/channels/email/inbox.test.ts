import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../../app/config.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { newId } from '../../../kernel/ids.ts'
import { openSecrets } from '../../../kernel/secrets.ts'
import { ServerCertificate } from '../../../kernel/server-certificate.ts'
import { openLog } from '../../../kernel/telemetry.ts'
import { Inbox, type IncomingMail, replyAddress } from './inbox.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-inbox-'))
const log = openLog('silent', false)
const secrets = openSecrets(folder, 'a master key for this test only, long')

function certificateNamed(name: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 90'
  execFileSync('openssl', [...request.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { cert, key }
}

/** A mail server of ours that listens at an address, and what it has received. `send` is a relay that trusts one certificate, or speaks no TLS. */
async function received(env: Record<string, string>, certificate?: ServerCertificate) {
  const config = readConfig({ TOCSIN_MAIL_IN_PORT: '0', TOCSIN_MAIL_IN_DOMAIN: 'reply.tocsin.test', ...env })
  const mails: IncomingMail[] = []
  const inbox = new Inbox({ config, secrets, log }, { reply: async mail => void mails.push(mail), report: () => expect.unreachable() }, certificate)
  onTestFinished(() => inbox.stop())
  await inbox.start()
  const send = (ca?: string) =>
    createTransport({
      ...{ host: 'localhost', port: inbox.port ?? 0 },
      ...(ca === undefined ? { ignoreTLS: true } : { requireTLS: true, tls: { ca: readFileSync(ca) } }),
    }).sendMail({ from: 'ada@tocsin.test', to: replyAddress(config, secrets, newId()) ?? '', text: 'ack' })
  return { mails, send }
}

describe('incoming mail from other machines', () => {
  const open = { TOCSIN_HOST: '0.0.0.0' }

  test('is received over TLS with the certificate of the server, also one that replaces it, and not without', async () => {
    const served = certificateNamed('served')
    const certificate = new ServerCertificate({ cert: ['CERT', served.cert], key: ['KEY', served.key] }, { clock: systemClock, log })
    onTestFinished(() => certificate.stop())
    const { mails, send } = await received(open, certificate)
    await expect(send()).rejects.toThrow(/530 .*STARTTLS/)
    expect(mails).toEqual([])
    await send(served.cert)
    expect(mails).toMatchObject([{ from: 'ada@tocsin.test' }])

    const renewed = certificateNamed('renewed')
    await expect(send(renewed.cert)).rejects.toThrow(/self-signed/)
    const ca = join(folder, 'ca.pem')
    execFileSync('cp', [renewed.cert, ca])
    for (const kind of ['cert', 'key'] as const) renameSync(renewed[kind], served[kind])
    await certificate.look()
    await send(ca)
    expect(mails).toHaveLength(2)
  })

  test('is not received without a certificate, unless that is allowed', async () => {
    await expect(received(open)).rejects.toThrow(
      /^TOCSIN_MAIL_IN_PORT is open to other machines at 0\.0\.0\.0, but there is no certificate for TLS: set TOCSIN_TLS_CERT/,
    )
    const { mails, send } = await received({ ...open, TOCSIN_MAIL_IN_ALLOW_PLAIN: 'true' })
    await send()
    expect(mails).toHaveLength(1)
  })
})

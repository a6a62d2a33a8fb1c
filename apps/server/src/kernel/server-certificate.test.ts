import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { buildWorld } from '../../test/world.ts'
import { addDays, systemClock } from './clock.ts'
import { ServerCertificate } from './server-certificate.ts'
import { openLog } from './telemetry.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-tls-'))
const log = openLog('silent', false)

/** A certificate and its key in files of that name. */
function certificateNamed(name: string, days = 90, type = 'ec -pkeyopt ec_paramgen_curve:prime256v1'): { cert: string; key: string } {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  const subject = `req -x509 -newkey ${type} -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -days ${days}`
  execFileSync('openssl', [...subject.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { cert, key }
}

const fingerprintOf = (path: string) => new X509Certificate(readFileSync(path)).fingerprint256
const filesOf = ({ cert, key }: { cert: string; key: string }) => ({ cert: ['CERT', cert], key: ['KEY', key] }) as const

describe('a certificate', () => {
  const certificates: ServerCertificate[] = []
  afterEach(() => {
    for (const one of certificates.splice(0)) one.stop()
  })
  const open = (files: { cert: string; key: string }, clock = systemClock) => {
    const certificate = new ServerCertificate(filesOf(files), { clock, log })
    certificates.push(certificate)
    return certificate
  }

  test('is not looked at a second time while a look hangs, as on a share that is away', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const certificate = open(certificateNamed('hanging'))
      let comeBack: () => void = () => undefined
      const look = vi.spyOn(certificate, 'look').mockImplementationOnce(() => new Promise(resolve => (comeBack = resolve)))
      certificate.follow({ setSecureContext: () => undefined })
      vi.advanceTimersByTime(300_000)
      expect(look).toHaveBeenCalledTimes(1)
      comeBack()
      await new Promise(setImmediate)
      vi.advanceTimersByTime(30_000)
      expect(look).toHaveBeenCalledTimes(2)
    } finally {
      vi.useRealTimers()
    }
  })

  test('is taken from its files when they change, and no connection ends; files that do not fit leave the last one in place', async () => {
    const served = certificateNamed('served')
    const certificate = open(served)
    const server = createServer(certificate.options, socket => socket.pipe(socket))
    certificate.follow(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const shown = async () => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      return { socket, fingerprint: socket.getPeerCertificate().fingerprint256 }
    }
    const before = await shown()
    expect(before.fingerprint).toBe(fingerprintOf(served.cert))

    const next = certificateNamed('next')
    // The certificate is there before its key: nothing is taken until both fit.
    renameSync(next.cert, served.cert)
    await certificate.look()
    expect(certificate.health()).toMatchObject({ severity: 'degraded', detail: expect.stringContaining('ERR_OSSL_X509_KEY_VALUES_MISMATCH') })
    const meanwhile = await shown()
    expect(meanwhile.fingerprint).toBe(before.fingerprint)
    // Nor with a key of another type, as when an ACME client goes from RSA to EC.
    copyFileSync(certificateNamed('rsa', 90, 'rsa:2048').key, served.key)
    await certificate.look()
    expect(certificate.health()?.detail).toContain('(the key is not that of the certificate)')
    expect((await shown()).fingerprint).toBe(before.fingerprint)
    renameSync(next.key, served.key)
    await certificate.look()
    expect(certificate.health()).toBeUndefined()
    const after = await shown()
    expect(after.fingerprint).toBe(fingerprintOf(served.cert))
    expect(after.fingerprint).not.toBe(before.fingerprint)
    const echo = once(before.socket, 'data')
    before.socket.write('still here')
    expect(String((await echo)[0])).toBe('still here')

    writeFileSync(served.cert, 'no certificate')
    await certificate.look()
    expect(certificate.health()?.detail).toMatch(/^The files of CERT cannot be used \(.*\)\. The certificate before them stays in place\.$/)
    expect((await shown()).fingerprint).toBe(after.fingerprint)
    server.close()
  })

  test('that ends within two weeks, or has ended, is in readiness', () => {
    const files = certificateNamed('short', 30)
    const at = (days: number) => open(files, { now: () => addDays(systemClock.now(), days) }).health()
    expect(at(0)).toBeUndefined()
    expect(at(17)?.detail).toMatch(/^The certificate of CERT expires on \d{4}-\d\d-\d\d\. Replace its file\.$/)
    expect(at(31)?.detail).toBe('The certificate of CERT has expired. Replace its file.')
  })

  test('that cannot be used ends the start with a sentence that names its setting', () => {
    const one = certificateNamed('one')
    const other = certificateNamed('other')
    expect(() => open({ cert: '/nowhere/cert.pem', key: one.key })).toThrow('CERT names /nowhere/cert.pem, which cannot be read (ENOENT).')
    expect(() => open({ cert: one.cert, key: other.key })).toThrow('CERT and KEY cannot be used: ERR_OSSL_X509_KEY_VALUES_MISMATCH.')
    const { key } = certificateNamed('other-type', 90, 'rsa:2048')
    expect(() => open({ cert: one.cert, key })).toThrow('CERT and KEY cannot be used: the key is not that of the certificate.')
  })
})

test('pages and API are served over TLS 1.2 or newer, and the browser is told to come back so', async () => {
  const { cert, key } = certificateNamed('pages')
  const { world, end } = await buildWorld({ env: { TOCSIN_TLS_CERT: cert, TOCSIN_TLS_KEY: key }, withMail: false })
  try {
    const { origin } = world.server
    expect(origin).toMatch(/^https:\/\/localhost:\d+$/)
    const ca = readFileSync(cert)
    const get = (path: string) =>
      new Promise<{ status: number | undefined; hsts: string | undefined; protocol: string | null }>((resolve, reject) =>
        request(`${origin}${path}`, { ca }, reply => {
          const protocol = reply.socket instanceof TLSSocket ? reply.socket.getProtocol() : null
          resolve({ status: reply.statusCode, hsts: reply.headers['strict-transport-security'], protocol })
          reply.resume()
        })
          .on('error', reject)
          .end(),
      )
    expect(await get('/healthz')).toMatchObject({ status: 200, protocol: 'TLSv1.3', hsts: expect.stringContaining('max-age=31536000') })
    const old = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })
    await expect(once(old, 'secureConnect')).rejects.toThrow()
    await expect(fetch(`${origin.replace('https', 'http')}/healthz`)).rejects.toThrow()
  } finally {
    await end()
  }
})

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type Server } from 'node:tls'
import { z } from 'zod'
import { addDays, type Clock } from './clock.ts'
import { allOrNone, type Config, settingsPart } from './config.ts'
import { ConfigProblem } from './config-problem.ts'
import type { Finding } from './finding.ts'
import type { Log } from './telemetry.ts'

const file = z.string().min(1, 'must not be empty')

export const tlsSettings = settingsPart(
  {
    TOCSIN_TLS_CERT: file.optional().describe('Certificate file with its chain (PEM): everything is then served over HTTPS'),
    TOCSIN_TLS_KEY: file.optional().describe('Key file of the certificate (PEM)'),
  },
  { TOCSIN_TLS_CERT: 'value', TOCSIN_TLS_KEY: 'value' },
  allOrNone('TOCSIN_TLS_CERT', 'TOCSIN_TLS_KEY'),
)

/** True where pages and API are served over HTTPS by this program itself. */
export const hasOwnTls = (config: Config): boolean => config.of(tlsSettings).TOCSIN_TLS_CERT !== undefined

/** How often the files are looked at: programs that renew certificates replace them days before they end. */
const lookMs = 30_000
const warnDays = 14

/** Where a certificate and what belongs to it is, each with the name of its setting. */
interface Files {
  readonly cert: readonly [setting: string, path: string]
  readonly key: readonly [setting: string, path: string]
  /** Certificates of those who sign clients; where it is given, clients without a certificate of theirs are refused. */
  readonly clientCa?: readonly [setting: string, path: string] | undefined
}

interface Content {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

/**
 * The certificate of a TLS server, read anew when its files change, without ending a connection. Files that cannot be used leave the last good ones in
 * place, and are in readiness.
 */
export class ServerCertificate {
  readonly #files: Files
  readonly #clock: Clock
  readonly #log: Log
  readonly #servers: Pick<Server, 'setSecureContext'>[] = []
  #content: Content
  #validTo: string
  #fault: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  /** @throws ConfigProblem that names the setting whose file cannot be used */
  constructor(files: Files, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#files = files
    this.#clock = clock
    this.#log = log
    const read = ([setting, path]: readonly [string, string]) => {
      try {
        return readFileSync(path, 'utf8')
      } catch (error) {
        throw new ConfigProblem(`${setting} names ${path}, which cannot be read (${codeOf(error)}).`)
      }
    }
    const content = { cert: read(files.cert), key: read(files.key), ...(files.clientCa ? { ca: read(files.clientCa) } : {}) }
    try {
      this.#validTo = validate(content)
    } catch (error) {
      throw new ConfigProblem(`${files.cert[0]} and ${files.key[0]} cannot be used: ${codeOf(error)}.`)
    }
    this.#content = content
  }

  /** What a server is made with. */
  get options() {
    return { ...this.#secure, ...(this.#files.clientCa ? { requestCert: true, rejectUnauthorized: true } : {}), handshakeTimeout: 10_000 }
  }

  get #secure() {
    return { ...this.#content, minVersion: 'TLSv1.2' } as const
  }

  /** Gives a server each later certificate. */
  follow(server: Pick<Server, 'setSecureContext'>): void {
    this.#servers.push(server)
    // Never a second look beside one that hangs, as on a share that is away.
    this.#timer ??= setInterval(() => {
      this.#looking ??= this.look().finally(() => {
        this.#looking = undefined
      })
    }, lookMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Looks whether the files have changed. */
  async look(): Promise<void> {
    const { cert, key, clientCa } = this.#files
    try {
      const [newCert, newKey, ca] = await Promise.all([cert, key, clientCa].map(one => (one ? readFile(one[1], 'utf8') : undefined)))
      const content = { cert: newCert ?? '', key: newKey ?? '', ...(ca === undefined ? {} : { ca }) }
      if (JSON.stringify(content) !== JSON.stringify(this.#content)) {
        // The files are replaced one after the other: what does not fit together yet does at the next look.
        this.#validTo = validate(content)
        this.#content = content
        for (const server of this.#servers) server.setSecureContext(this.#secure)
        this.#log.info({ validTo: this.#validTo }, `a new certificate was taken from ${cert[0]}`)
      }
      this.#fault = undefined
    } catch (error) {
      if (this.#fault === undefined) this.#log.error({ err: error }, `the certificate of ${cert[0]} cannot be used; the last one stays in place`)
      this.#fault = codeOf(error)
    }
  }

  health(): Finding | undefined {
    const [setting] = this.#files.cert
    if (this.#fault !== undefined)
      return { severity: 'degraded', detail: `The files of ${setting} cannot be used (${this.#fault}). The certificate before them stays in place.` }
    const now = this.#clock.now()
    if (this.#validTo <= now) return { severity: 'degraded', detail: `The certificate of ${setting} has expired. Replace its file.` }
    if (this.#validTo <= addDays(now, warnDays))
      return { severity: 'degraded', detail: `The certificate of ${setting} expires on ${this.#validTo.slice(0, 10)}. Replace its file.` }
    return undefined
  }
}

/** @returns until when the certificate is valid @throws Error for what TLS cannot be served with */
function validate({ cert, key, ca }: Content): string {
  createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) })
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('the file of client certificates has none')
  const certificate = new X509Certificate(cert)
  // OpenSSL compares keys of one type alone: an RSA key beside an EC certificate is taken, and then no handshake succeeds.
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate')
  return new Date(certificate.validTo).toISOString()
}

/** OpenSSL's code says what is wrong without anything of the key. */
const codeOf = (error: unknown): string => (error instanceof Error ? ('code' in error ? String(error.code) : error.message) : String(error))

import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import type { Config } from '../../../kernel/config.ts'
import { ConfigProblem } from '../../../kernel/config-problem.ts'
import { isLoopback } from '../../../kernel/network.ts'
import { isEqual, type Secrets } from '../../../kernel/secrets.ts'
import type { ServerCertificate } from '../../../kernel/server-certificate.ts'
import type { Log } from '../../../kernel/telemetry.ts'
import { WorkerFailure, WorkerPool } from '../../../kernel/worker-pool.ts'
import type { DeliveryReport } from './delivery-report.ts'
import type { mailTasks } from './parse-mail.ts'
import { emailSettings } from './settings.ts'

const maxBytes = 2 * 1_024 * 1_024
/** Mails that one reply address takes in a while: who learns it can neither keep the server busy nor flood the mailbox that gets the outcomes. */
const maxReplies = 20
const whileMs = 600_000
const limits = { workers: 1, maxQueued: 50, deadlineMs: 15_000, memoryMb: 128 }

interface Services {
  readonly config: Config
  readonly secrets: Secrets
  readonly log: Log
}

/** A received reply, as its handler gets it. */
export interface IncomingMail {
  /** The message of ours that it answers. */
  readonly messageId: string
  /** Its own Message-ID; a repetition after a fault has the same. Empty where it has none. */
  readonly ownId: string
  /** Address of its author, lower case. */
  readonly from: string
  readonly text: string
}

/** A received report of what became of a mail of ours. */
export interface IncomingReport {
  readonly messageId: string
  readonly report: DeliveryReport
}

/** What acts on what is received. */
export interface Takers {
  readonly reply: (mail: IncomingMail) => Promise<void>
  readonly report: (report: IncomingReport) => Promise<void>
}

/** Refused for good, with a sentence that the sender's server passes on. */
export class RefusedMail extends Error {
  override readonly name = 'RefusedMail'
}

/** What an address of ours is for: replies of people, or what servers report to whoever sent a mail. Neither can be made from the other. */
const uses = { reply: 'r', report: 'b' } as const
type Use = keyof typeof uses

const macOf = (secrets: Secrets, use: Use, id: string) =>
  Buffer.from(secrets.sign(use === 'reply' ? 'reply' : 'bounce', id), 'base64url')
    .toString('hex')
    .slice(0, 24)

function addressFor(use: Use, config: Config, secrets: Secrets, messageId: string): string | undefined {
  const { TOCSIN_MAIL_IN_DOMAIN: domain } = config.of(emailSettings)
  return domain && `${uses[use]}-${messageId.replaceAll('-', '')}${macOf(secrets, use, messageId)}@${domain}`
}

/** Where a reply to a message of ours goes: an address that nobody can forge, within the 64 characters allowed before the @. */
export const replyAddress = (config: Config, secrets: Secrets, messageId: string) => addressFor('reply', config, secrets, messageId)

/** The sender of a message's envelope, where servers report what became of it (a variable envelope return path). */
export const returnAddress = (config: Config, secrets: Secrets, messageId: string) => addressFor('report', config, secrets, messageId)

/** The message that an address of ours is for, and for what; undefined where it was not made here. */
function messageOf(config: Config, secrets: Secrets, address: string): { readonly use: Use; readonly messageId: string } | undefined {
  const [local = '', domain = ''] = address.toLowerCase().split('@')
  const [, prefix = '', hex = '', mac = ''] = /^([rb])-([0-9a-f]{32})([0-9a-f]{24})$/.exec(local) ?? []
  if (domain !== config.of(emailSettings).TOCSIN_MAIL_IN_DOMAIN || hex === '') return undefined
  const use = prefix === uses.reply ? 'reply' : 'report'
  const messageId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  return isEqual(macOf(secrets, use, messageId), mac) ? { use, messageId } : undefined
}

/**
 * Receives mail by SMTP, for reply and return addresses alone: whoever writes elsewhere is refused before they have sent anything, so that the port is of no
 * use to spam. Automatic replies (out of office) are accepted and ignored: they must not answer a page, say nothing of a delivery, and get no reply.
 */
export class Inbox {
  readonly #config: Config
  readonly #secrets: Secrets
  readonly #log: Log
  readonly #takers: Takers
  readonly #certificate: ServerCertificate | undefined
  readonly #pool = new WorkerPool<typeof mailTasks>(new URL('./mail-worker.ts', import.meta.url), limits)
  /** By address of ours: whoever a mail says it is from, it counts for the address that it was sent to. */
  #replies = new Map<string, number>()
  #countedUntil = 0
  #server: SMTPServer | undefined
  /** The port that it listens on. */
  port: number | undefined

  /**
   * @param takers act on a mail; a {@link RefusedMail} rejects it permanently, any other error makes the sender retry
   * @param certificate with which TLS is offered
   */
  constructor({ config, secrets, log }: Services, takers: Takers, certificate?: ServerCertificate) {
    this.#config = config
    this.#secrets = secrets
    this.#log = log
    this.#takers = takers
    this.#certificate = certificate
  }

  /** @throws ConfigProblem for a port that cannot be listened on, or is open to the network without TLS */
  async start(): Promise<void> {
    const {
      TOCSIN_MAIL_IN_PORT: port,
      TOCSIN_MAIL_IN_DOMAIN: domain = 'localhost',
      TOCSIN_MAIL_IN_ALLOW_PLAIN: isPlainAllowed,
    } = this.#config.of(emailSettings)
    if (port === undefined) return
    const certificate = this.#certificate
    const needsTls = !isPlainAllowed && !isLoopback(this.#config.host)
    if (needsTls && certificate === undefined)
      throw new ConfigProblem(
        `TOCSIN_MAIL_IN_PORT is open to other machines at ${this.#config.host}, but there is no certificate for TLS: set TOCSIN_TLS_CERT and TOCSIN_TLS_KEY, or TOCSIN_MAIL_IN_ALLOW_PLAIN=true in a network that you trust.`,
      )
    const server = new SMTPServer({
      name: domain,
      banner: 'Tocsin',
      authOptional: true,
      ...certificate?.options,
      hideSTARTTLS: certificate === undefined,
      disabledCommands: certificate === undefined ? ['AUTH', 'STARTTLS'] : ['AUTH'],
      disableReverseLookup: true,
      size: maxBytes,
      maxClients: 50,
      socketTimeout: 30_000,
      // Whoever holds a connection open must not hold the server when it stops.
      closeTimeout: 1_000,
      onMailFrom: (_, session, done) => done(needsTls && !session.secure ? refusal(530, 'Must issue a STARTTLS command first') : null),
      onRcptTo: ({ address }, session, done) => {
        const about = messageOf(this.#config, this.#secrets, address)
        if (about === undefined) return done(refusal(550, 'No such recipient'))
        if (this.#isTooMany(`${about.use} ${about.messageId}`)) return done(refusal(450, 'Too many replies to this message, try again later'))
        // One at a time, so that an answer is taken whole or not at all: a sending server gives the others in mails of their own.
        done(session.envelope.rcptTo.length > 0 ? refusal(452, 'Only one recipient per message is accepted') : null)
      },
      onData: (stream, session, done) => {
        this.#receive(stream, session).then(
          () => done(null, 'Accepted'),
          (error: unknown) => {
            if (error instanceof RefusedMail) return done(refusal(550, error.message))
            this.#log.error({ err: error }, 'an incoming email could not be processed; the sending server will retry')
            done(refusal(451, 'Temporary failure, try again later'))
          },
        )
      },
    })
    server.on('error', error => this.#log.warn({ err: error }, 'a connection for incoming email failed'))
    certificate?.follow({ setSecureContext: secure => server.updateSecureContext(secure) })
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.server.once('error', (error: NodeJS.ErrnoException) => reject(new ConfigProblem(`TOCSIN_MAIL_IN_PORT ${port} is not available (${error.code}).`)))
      server.listen(port, this.#config.host, () => resolve())
    })
    this.port = (server.server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server) await new Promise<void>(resolve => server.close(() => resolve()))
    await this.#pool.close()
  }

  #isTooMany(address: string): boolean {
    const now = performance.now()
    if (now >= this.#countedUntil) {
      this.#replies = new Map()
      this.#countedUntil = now + whileMs
    }
    const count = (this.#replies.get(address) ?? 0) + 1
    this.#replies.set(address, count)
    return count > maxReplies
  }

  async #receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
    }
    if (stream.sizeExceeded || bytes > maxBytes) throw new RefusedMail('The message is too large. The limit is 2 MB')
    const mail = await this.#pool.run('parse', { bytes: Buffer.concat(chunks) }).catch((error: unknown) => {
      throw error instanceof WorkerFailure ? new RefusedMail(`The message could not be read: ${error.message}`) : error
    })
    const about = messageOf(this.#config, this.#secrets, session.envelope.rcptTo[0]?.address ?? '')
    if (about === undefined) return
    const header = (key: string) => mail.headers.get(key)?.toLowerCase() ?? ''
    const sender = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address
    if (about.use === 'report') {
      const { report } = mail
      // Whoever has a sender of their own reports in the form that there is for it, or is a person or a program that answers.
      if (report !== undefined && (report.firstLines === undefined || sender === '')) await this.#takers.report({ messageId: about.messageId, report })
      return
    }
    const isAutomatic =
      sender === '' ||
      !['', 'no'].includes(header('auto-submitted')) ||
      /bulk|junk|list|auto/.test(header('precedence')) ||
      ['x-autoreply', 'x-autorespond'].some(key => header(key) !== '')
    if (isAutomatic) return
    await this.#takers.reply({ messageId: about.messageId, ownId: mail.ownId, from: mail.from, text: mail.text })
  }
}

const refusal = (responseCode: number, sentence: string) => Object.assign(new Error(sentence), { responseCode })

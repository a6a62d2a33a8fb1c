import { createTransport } from 'nodemailer'
import type { Config } from '../../../kernel/config.ts'
import { isLoopback } from '../../../kernel/network.ts'
import { OutboundFailure, Undeliverable } from '../../../kernel/outbound.ts'
import { isForOutside } from '../../purposes.ts'
import type { Send } from '../channel.ts'
import { emailSettings } from './settings.ts'

/**
 * Time limits for the mail server to connect, to greet, and to respond. Independently of them, the signal of a send ends it. What
 * `SMTP_URL` sets (`?socketTimeout=…`) takes precedence.
 */
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000, socketCloseTimeout: 1_000, dnsTimeout: 5_000 } as const

/** Email by SMTP. */
export function openEmail(config: Config): Send | undefined {
  const { SMTP_URL: url, MAIL_FROM: from, SMTP_ALLOW_PLAIN: mayBePlain } = config.of(emailSettings)
  if (url === undefined) return undefined
  const { hostname: host, username } = new URL(url)
  const hasLogin = username !== ''
  // A server that does not offer TLS or sign-in, or somebody on the way who hides the offer, gets neither the password nor the mail. (Mail to this very
  // machine passes no network; a password says that it is meant for somebody.)
  const isProtected = !mayBePlain && (hasLogin || !isLoopback(host))
  const transport = createTransport({ url, ...patience, ...(isProtected ? { requireTLS: true, forceAuth: hasLogin } : {}) })
  const domain = /@([^>\s]+)>?$/.exec(from)?.[1] ?? 'localhost'
  return async ({ id, address, purpose, subject, text, replyTo, returnTo }, signal) => {
    try {
      // The id is the message's own, so that a mail repeated after a crash is the same mail to its receiver.
      const sent = await transport.sendMail({
        from,
        to: address,
        subject,
        text: replyTo === undefined ? text : `${text}\nOr reply to this email with one word: ack, escalate, or decline.\n`,
        ...(replyTo === undefined ? {} : { replyTo }),
        ...(returnTo === undefined ? {} : reportedTo(returnTo, id, address, purpose)),
        messageId: `<${id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Tocsin-Purpose': purpose },
        signal,
      })
      return `${host}: ${sent.response}`.slice(0, 300)
    } catch (error) {
      throw signal.aborted ? error : failureOf(error, host)
    }
  }
}

/** Asks the servers on the way to report failures and delays, and of what goes outside also the delivery, where they can (RFC 3461). */
function reportedTo(returnTo: string, id: string, address: string, purpose: string) {
  const notify = [...(isForOutside(purpose) ? ['success'] : []), 'failure', 'delay']
  return { envelope: { from: returnTo, to: address }, dsn: { id, return: 'headers', notify, recipient: address } } as const
}

/** What a mail server says of a failure names addresses, and the library repeats it. Its own words about a connection name none. */
function failureOf(error: unknown, host: string): unknown {
  const { message, code, response, responseCode } = error as { message?: string; code?: string; response?: unknown; responseCode?: number }
  if (code === 'ETLS')
    return new OutboundFailure(
      `The mail server ${host} does not offer TLS, or has a certificate that is not trusted. Email is not sent to it`,
      responseCode,
      message,
    )
  if (response === undefined && /^E(CONNECTION|TIMEDOUT|SOCKET|DNS)$/.test(code ?? '')) return error
  const Failure = Number(responseCode) >= 550 ? Undeliverable : OutboundFailure
  const what = responseCode === undefined ? `failed (${code ?? 'no code'})` : `responded with status ${responseCode}`
  return new Failure(`The mail server ${host} ${what}`, responseCode, message)
}

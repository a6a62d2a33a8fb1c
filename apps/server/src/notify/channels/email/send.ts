import { createTransport } from 'nodemailer'
import type { Config } from '../../../kernel/config.ts'
import { OutboundFailure, Undeliverable } from '../../../kernel/outbound.ts'
import type { Send } from '../channel.ts'
import { emailSettings } from './settings.ts'

/**
 * Time limits for the mail server to connect, to greet, and to respond. Independently of them, the signal of a send ends it. What
 * `SMTP_URL` sets (`?socketTimeout=…`) takes precedence.
 */
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000, socketCloseTimeout: 1_000, dnsTimeout: 5_000 } as const

/** Email by SMTP. */
export function openEmail(config: Config): Send | undefined {
  const { SMTP_URL: url, MAIL_FROM: from } = config.of(emailSettings)
  if (url === undefined) return undefined
  const transport = createTransport({ url, ...patience })
  const host = new URL(url).hostname
  const domain = /@([^>\s]+)>?$/.exec(from)?.[1] ?? 'localhost'
  return async ({ id, address, purpose, subject, text, replyTo }, signal) => {
    try {
      // The id is the message's own, so that a mail repeated after a crash is the same mail to its receiver.
      const sent = await transport.sendMail({
        from,
        to: address,
        subject,
        text: replyTo === undefined ? text : `${text}\nOr reply to this email with one word: ack, escalate, or decline.\n`,
        ...(replyTo === undefined ? {} : { replyTo }),
        messageId: `<${id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Tocsin-Purpose': purpose },
        signal,
      })
      return sent.response.slice(0, 300)
    } catch (error) {
      throw signal.aborted ? error : failureOf(error, host)
    }
  }
}

/** What a mail server says of a failure names addresses, and the library repeats it. Its own words about a connection name none. */
function failureOf(error: unknown, host: string): unknown {
  const { message, code, response, responseCode } = error as { message?: string; code?: string; response?: unknown; responseCode?: number }
  if (response === undefined && /^E(CONNECTION|TIMEDOUT|SOCKET|DNS|TLS)$/.test(code ?? '')) return error
  const Failure = Number(responseCode) >= 550 ? Undeliverable : OutboundFailure
  const what = responseCode === undefined ? `failed (${code ?? 'no code'})` : `responded with status ${responseCode}`
  return new Failure(`The mail server ${host} ${what}`, responseCode, message)
}

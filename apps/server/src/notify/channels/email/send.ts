import { createTransport } from 'nodemailer'
import type { Config } from '../../../kernel/config.ts'
import { Undeliverable } from '../../../kernel/outbound.ts'
import type { Send } from '../channel.ts'

/** E-mail by SMTP. */
export function openEmail(config: Config): Send | undefined {
  if (config.smtpUrl === undefined) return undefined
  const transport = createTransport(config.smtpUrl, { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 } as object)
  const domain = /@([^>\s]+)>?$/.exec(config.mailFrom)?.[1] ?? 'localhost'
  return async ({ id, address, purpose, subject, text, replyTo }) => {
    try {
      // The id is the message's own, so that a mail repeated after a crash is the same mail to its receiver.
      const sent = (await transport.sendMail({
        from: config.mailFrom,
        to: address,
        subject,
        text: replyTo === undefined ? text : `${text}\nOr reply to this mail with one word: ack, pass, decline.\n`,
        ...(replyTo === undefined ? {} : { replyTo }),
        messageId: `<${id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Tocsin-Purpose': purpose },
      })) as { response?: string }
      return String(sent.response ?? 'accepted').slice(0, 300)
    } catch (error) {
      if (error instanceof Error && 'responseCode' in error && Number(error.responseCode) >= 550) throw new Undeliverable(error.message)
      throw error
    }
  }
}

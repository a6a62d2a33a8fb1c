import { readFileSync } from 'node:fs'
import { createTransport } from 'nodemailer'
import type { Mail } from './mailbox.ts'
import type { World } from './world.ts'

/** The options of a world that receives what mail servers report. */
export const withInbox = { env: { TOCSIN_MAIL_IN_PORT: '0', TOCSIN_MAIL_IN_DOMAIN: 'reply.tocsin.test' } }

/** Has a mail server report what became of a mail, in the words of one of the samples in `bounces`. */
export async function bounce(
  world: World,
  { to, messageId, returnPath }: Pick<Mail, 'to' | 'messageId' | 'returnPath'>,
  sample: string,
  sender = '',
): Promise<void> {
  const raw = readFileSync(new URL(`./bounces/${sample}.eml`, import.meta.url), 'utf8')
    .replaceAll('security@globex.test', to)
    .replaceAll('<MESSAGE-ID@localhost>', messageId)
    .replaceAll('\n', '\r\n')
  await createTransport({ host: '127.0.0.1', port: world.server.inbox.port ?? 0, ignoreTLS: true }).sendMail({
    ...{ envelope: { from: sender, to: returnPath }, raw },
  })
}

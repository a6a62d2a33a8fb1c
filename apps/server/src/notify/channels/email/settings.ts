import { z } from 'zod'
import { allOrNone, isServerUrl, port, settingsPart, yesNo } from '../../../kernel/config.ts'

/** The option of an address that would take the protection of the connection away. */
function weakerOption(url: string): string | undefined {
  return [...new URL(url).searchParams.keys()].find(name => /^(ignoreTLS|requireTLS|opportunisticTLS|forceAuth|tls\..*)$/i.test(name))
}

/** Mail that is sent, and replies that are received. */
export const emailSettings = settingsPart(
  {
    SMTP_URL: z
      .string()
      .refine(
        text => isServerUrl(text, ['smtp:', 'smtps:']) && new URL(text).host !== '',
        'must be a URL such as smtp://user:password@host:587; write special characters in the password percent-encoded',
      )
      .optional()
      .describe('Mail server; if not set, messages are held in the message log'),
    SMTP_ALLOW_PLAIN: yesNo.default(false).describe('Send email also without TLS, and without signing in where the server does not offer it'),
    MAIL_FROM: z
      .string()
      .regex(/^[^<>\r\n]*<?[^<>@\s]+@[^<>@\s]+>?$/, 'must be an address such as Tocsin <tocsin@example.org>')
      .default('Tocsin <tocsin@localhost>')
      .describe('From address of emails'),
    TOCSIN_MAIL_IN_DOMAIN: z
      .string()
      .toLowerCase()
      .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'must be a domain such as reply.tocsin.example')
      .optional()
      .describe('Domain of reply addresses; its mail must be routed to TOCSIN_MAIL_IN_PORT'),
    TOCSIN_MAIL_IN_PORT: port.optional().describe('Port for incoming mail (SMTP) with replies; disabled if not set'),
    TOCSIN_MAIL_IN_ALLOW_PLAIN: yesNo.default(false).describe('Receive replies from other machines also without TLS'),
  },
  {
    SMTP_URL: 'host',
    SMTP_ALLOW_PLAIN: 'value',
    MAIL_FROM: 'value',
    TOCSIN_MAIL_IN_DOMAIN: 'value',
    TOCSIN_MAIL_IN_PORT: 'value',
    TOCSIN_MAIL_IN_ALLOW_PLAIN: 'value',
  },
  values => {
    const problem = allOrNone('TOCSIN_MAIL_IN_PORT', 'TOCSIN_MAIL_IN_DOMAIN')(values)
    if (problem !== undefined || values.SMTP_URL === undefined) return problem
    const { username, password } = new URL(values.SMTP_URL)
    if ((username === '') !== (password === '')) return 'SMTP_URL must have both a user and a password, or neither.'
    const weaker = values.SMTP_ALLOW_PLAIN ? undefined : weakerOption(values.SMTP_URL)
    return weaker && `SMTP_URL must not set ${weaker}: email holds private links. To send it unprotected all the same, set SMTP_ALLOW_PLAIN=true.`
  },
)

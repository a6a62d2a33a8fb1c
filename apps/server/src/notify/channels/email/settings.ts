import { z } from 'zod'
import { isServerUrl, port, settingsPart } from '../../../kernel/config.ts'

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
  },
  {
    SMTP_URL: 'host',
    MAIL_FROM: 'value',
    TOCSIN_MAIL_IN_DOMAIN: 'value',
    TOCSIN_MAIL_IN_PORT: 'value',
  },
  values =>
    (values.TOCSIN_MAIL_IN_PORT === undefined) === (values.TOCSIN_MAIL_IN_DOMAIN === undefined)
      ? undefined
      : 'Set both TOCSIN_MAIL_IN_PORT and TOCSIN_MAIL_IN_DOMAIN, or neither.',
)

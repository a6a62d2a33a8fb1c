import { settingsPart } from '../../kernel/config.ts'
import { addressList, receiverOf, webhookSecret, webhookSecretProblem } from '../../kernel/receiver-address.ts'

/** Who is sent the entries of the audit log. */
export const streamSettings = settingsPart(
  {
    TOCSIN_AUDIT_STREAM: addressList(
      { many: 'receivers', one: 'receiver' },
      'syslog+tls://host:port, syslog+tcp://host:port, syslog+udp://host:port, or https://…',
      address => receiverOf(address) !== undefined,
    )
      .default([])
      .describe('Receivers that are sent the entries of the audit log as OCSF, separated by commas'),
    TOCSIN_AUDIT_STREAM_SECRET: webhookSecret.optional().describe('Secret that signs the webhooks of TOCSIN_AUDIT_STREAM'),
  },
  { TOCSIN_AUDIT_STREAM: 'value', TOCSIN_AUDIT_STREAM_SECRET: 'is-set' },
  values => {
    const hasWebhook = values.TOCSIN_AUDIT_STREAM.some(address => receiverOf(address)?.kind === 'webhook')
    return webhookSecretProblem(
      { list: 'TOCSIN_AUDIT_STREAM', secret: 'TOCSIN_AUDIT_STREAM_SECRET' },
      hasWebhook,
      values.TOCSIN_AUDIT_STREAM_SECRET !== undefined,
    )
  },
)

import { delimiter, isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { allOrNone, type Config, port, settingsPart, yesNo } from '../kernel/config.ts'
import type { EnteredReach } from '../kernel/outbound.ts'

/** Where events and indicators may be taken from. */
export const sourceSettings = settingsPart(
  {
    TOCSIN_OWN_RULES: yesNo.default(true).describe('Watch the audit log of Tocsin itself with detection rules'),
    TOCSIN_ALLOW_PRIVATE_FEEDS: yesNo.default(false).describe('Allow pulling indicator lists from private addresses'),
    TOCSIN_FOLLOW_FOLDERS: z
      .string()
      .transform(text => text.split(delimiter).filter(folder => folder !== ''))
      .refine(folders => folders.every(folder => isAbsolute(folder)), `must be absolute paths of folders, separated by ${delimiter}`)
      .transform(folders => folders.map(folder => resolve(folder)))
      .default([])
      .describe('Folders whose log files may be followed by log sources; none if not set'),
    TOCSIN_SYSLOG_UDP: port.optional().describe('Port for syslog over UDP; disabled if not set'),
    TOCSIN_SYSLOG_TCP: port.optional().describe('Port for syslog over TCP; disabled if not set'),
    TOCSIN_SYSLOG_TLS: port.optional().describe('Port for syslog over TLS; disabled if not set'),
    TOCSIN_SYSLOG_TLS_CERT: z.string().min(1, 'must not be empty').optional().describe('Certificate file for syslog over TLS (PEM)'),
    TOCSIN_SYSLOG_TLS_KEY: z.string().min(1, 'must not be empty').optional().describe('Key file for syslog over TLS (PEM)'),
    TOCSIN_SYSLOG_TLS_CLIENT_CA: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe('File with the certificates (PEM) of those who sign senders: a sender without a certificate of theirs is refused'),
  },
  {
    TOCSIN_OWN_RULES: 'value',
    TOCSIN_ALLOW_PRIVATE_FEEDS: 'value',
    TOCSIN_FOLLOW_FOLDERS: 'value',
    TOCSIN_SYSLOG_UDP: 'value',
    TOCSIN_SYSLOG_TCP: 'value',
    TOCSIN_SYSLOG_TLS: 'value',
    TOCSIN_SYSLOG_TLS_CERT: 'value',
    TOCSIN_SYSLOG_TLS_KEY: 'value',
    TOCSIN_SYSLOG_TLS_CLIENT_CA: 'value',
  },
  values => {
    const isCaAlone = values.TOCSIN_SYSLOG_TLS === undefined && values.TOCSIN_SYSLOG_TLS_CLIENT_CA !== undefined
    if (isCaAlone) return 'TOCSIN_SYSLOG_TLS_CLIENT_CA is set without TOCSIN_SYSLOG_TLS. Set both, or neither.'
    return allOrNone('TOCSIN_SYSLOG_TLS', 'TOCSIN_SYSLOG_TLS_CERT', 'TOCSIN_SYSLOG_TLS_KEY')(values)
  },
)

/** Where feeds may be pulled from, which people enter. */
export const feedReach = (config: Config): EnteredReach => ({
  mayReachPrivate: config.of(sourceSettings).TOCSIN_ALLOW_PRIVATE_FEEDS,
  privateSetting: 'TOCSIN_ALLOW_PRIVATE_FEEDS',
  allowed: config.outboundHosts,
})

import { delimiter, isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { port, settingsPart, yesNo } from '../kernel/config.ts'

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
  },
)

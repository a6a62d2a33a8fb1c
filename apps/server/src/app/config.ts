import { sessionSettings } from '../access/index.ts'
import { reportSettings, retentionSettings, witnessIntakeSettings } from '../connectors/index.ts'
import { sourceSettings } from '../detection/index.ts'
import { streamSettings, witnessSettings } from '../journal/index.ts'
import { type Config, readSettings } from '../kernel/config.ts'
import { diskSettings } from '../kernel/disk.ts'
import { scanSettings } from '../kernel/scan.ts'
import { tlsSettings } from '../kernel/server-certificate.ts'
import { channelSettings } from '../notify/index.ts'
import { heartbeatSettings } from '../paging/index.ts'

/** The configuration of the whole program. @throws ConfigProblem for a wrong value or an unknown name */
export const readConfig = (env: Readonly<Record<string, string | undefined>>): Config =>
  readSettings(env, [
    ...channelSettings,
    heartbeatSettings,
    sourceSettings,
    reportSettings,
    retentionSettings,
    sessionSettings,
    witnessSettings,
    witnessIntakeSettings,
    streamSettings,
    diskSettings,
    scanSettings,
    tlsSettings,
  ])

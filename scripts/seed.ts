import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig } from '../apps/server/src/app/config.ts'
import { startEmbeddedPostgres } from '../apps/server/src/kernel/embedded-postgres.ts'
import { openLog } from '../apps/server/src/kernel/telemetry.ts'
import { seed } from './seed-data.ts'

const usage = 'npm run seed -- --alerts 1000000 --incidents 100000 [--force]'

function whole(name: string, text: string | undefined): number {
  if (text !== undefined && /^\d{1,8}$/.test(text)) return Number(text)
  throw new Error(`--${name} must be a whole number: ${usage}`)
}

try {
  const { values } = parseArgs({
    options: { alerts: { type: 'string' }, incidents: { type: 'string', default: '0' }, force: { type: 'boolean', default: false } },
  })
  const given = { alerts: whole('alerts', values.alerts), incidents: whole('incidents', values.incidents), isForced: values.force }
  const own = process.env.DATABASE_OWNER_URL ?? process.env.DATABASE_URL
  const embedded = own === undefined ? await startEmbeddedPostgres(join(readConfig(process.env).dataFolder, 'postgres'), openLog('error', false)) : undefined
  try {
    await seed(own ?? embedded?.ownerUrl ?? '', { ...given, say: sentence => process.stdout.write(`${sentence}\n`) })
  } finally {
    await embedded?.stop()
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

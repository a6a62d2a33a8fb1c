import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { readConfig } from '../src/app/config.ts'
import { type Server, startServer } from '../src/app/server.ts'
import { openLog } from '../src/kernel/telemetry.ts'
import { cloneDatabase } from './world.ts'

interface Installation {
  start(at: string | (() => string), env?: Record<string, string>): Promise<Server>
  /** Gets at the database while no server runs. */
  query(statement: string): Promise<Record<string, unknown>[]>
}

/** Starts servers one after the other on one database, at the times and with the settings that a test says. */
export async function withInstallation(work: (installation: Installation) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-lifetime-'))
  const database = await cloneDatabase()
  const servers: Server[] = []
  try {
    await work({
      async start(at, env = {}) {
        const config = readConfig({
          ...{ TOCSIN_DATA: join(folder, String(servers.length)), TOCSIN_SECRET: 'of this installation, for ever and ever' },
          ...{ DATABASE_URL: database.url, PORT: '0', TOCSIN_LOG_LEVEL: 'silent', ...env },
        })
        const server = await startServer(config, openLog(config.logLevel, false), { now: typeof at === 'string' ? () => at : at })
        servers.push(server)
        return server
      },
      async query(statement) {
        const client = new pg.Client({ connectionString: database.url })
        await client.connect()
        try {
          return (await client.query<Record<string, unknown>>(statement)).rows
        } finally {
          await client.end()
        }
      },
    })
  } finally {
    for (const server of servers) await server.stop()
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
}

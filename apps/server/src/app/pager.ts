import { existsSync } from 'node:fs'
import type { AppContext, Bindings } from '../access/index.ts'
import { openAlerts } from '../alerts/index.ts'
import { ClosingConditions, openIncidents } from '../incidents/index.ts'
import { systemClock } from '../kernel/clock.ts'
import { type Config, ConfigProblem } from '../kernel/config.ts'
import { openDatabase } from '../kernel/database.ts'
import { masterKeyFile, openSecrets } from '../kernel/secrets.ts'
import { type Log, openMetrics } from '../kernel/telemetry.ts'
import { openNotices } from '../notices/index.ts'
import { openPaging } from '../paging/index.ts'
import { openReviews } from '../reviews/index.ts'
import { openHouse } from './house.ts'

/** One place for each transaction of its lanes, and some for what they ask before. */
const poolSize = 18

/** The rooms that page people or keep a clock: what the pager runs, and the web process too, for their routes. */
export function openPagingRooms(context: AppContext, conditions: ClosingConditions): Bindings {
  return [
    ...openPaging(context),
    ...openAlerts(context),
    ...openIncidents(context, conditions),
    ...openNotices(context, conditions),
    ...openReviews(context, conditions),
  ]
}

export interface Pager {
  readonly metrics: () => Promise<string>
  stop(): Promise<void>
}

/**
 * The pager: escalation, delivery and clocks, and nothing else: no routes, no journal readers, no threads. Several on one database share the work, each
 * job being leased to one.
 * @throws ConfigProblem without a database, a master key or an address for links, all of which the web process has
 */
export async function startPager(config: Config, log: Log): Promise<Pager> {
  if (config.databaseUrl === undefined) throw new ConfigProblem('DATABASE_URL is missing: a pager uses the database of the web process.')
  if (config.publicUrl === undefined) throw new ConfigProblem('TOCSIN_PUBLIC_URL is missing: a pager has no address of its own for the links in its messages.')
  if (config.secret === undefined && !existsSync(masterKeyFile(config.dataFolder)))
    throw new ConfigProblem(`TOCSIN_SECRET is missing, and there is no ${masterKeyFile(config.dataFolder)}: a pager uses the master key of the web process.`)
  const metrics = openMetrics()
  metrics.registry.setDefaultLabels({ process: 'paging' })
  const database = openDatabase(config.databaseUrl, systemClock, log, { poolSize })
  const secrets = openSecrets(config.dataFolder, config.secret)
  const context = openHouse({ config, clock: systemClock, log, metrics, secrets, database }, { runs: lane => lane.process === 'paging' })
  openPagingRooms(context, new ClosingConditions())
  context.messenger.origin = config.publicUrl
  try {
    await context.jobs.start()
  } catch (error) {
    await database.close()
    throw error
  }
  return {
    metrics: () => metrics.registry.metrics(),
    stop: async () => {
      await context.jobs.stop()
      await database.close()
    },
  }
}

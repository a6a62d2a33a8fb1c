import { existsSync } from 'node:fs'
import type { AppContext, Bindings } from '../access/index.ts'
import { openAlerts } from '../alerts/index.ts'
import { ClosingConditions, DeclarationEffects, openIncidents } from '../incidents/index.ts'
import { systemClock } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { assertMigrated, awaitDatabase, openDatabase } from '../kernel/database.ts'
import { openMasterKey } from '../kernel/master-key.ts'
import { masterKeyFile } from '../kernel/secrets.ts'
import { type Log, openMetrics } from '../kernel/telemetry.ts'
import { UnreadableWatch } from '../kernel/unreadable-watch.ts'
import { openNotices } from '../notices/index.ts'
import { openNotify } from '../notify/index.ts'
import { Audits, openPaging, resumePaging } from '../paging/index.ts'
import { openReviews } from '../reviews/index.ts'
import { openScheduling } from '../scheduling/index.ts'
import { openContext } from './context.ts'

/** One place for each transaction of its lanes, and some for what they ask before. */
const poolSize = 18

/** The modules that page people or keep a clock: what the pager runs, and the web process too, for their routes. */
export function openPagingModules(context: AppContext, conditions: ClosingConditions): Bindings {
  const effects = new DeclarationEffects()
  const audits = new Audits()
  return [
    ...openNotify(context),
    ...openScheduling(context),
    ...openPaging(context, audits),
    ...openAlerts(context),
    ...openIncidents(context, conditions, effects),
    ...openNotices(context, conditions, effects, audits),
    ...openReviews(context, conditions, effects),
  ]
}

export interface Pager {
  readonly metrics: () => Promise<string>
  readonly countUnexpected: (kind: string) => void
  stop(): Promise<void>
}

/**
 * The pager: escalation, delivery and clocks, and nothing else: no routes, no journal readers, no threads. Several on one database share the work, each
 * job being leased to one.
 * @param signal ends the start where it waits for the database
 * @throws ConfigProblem without a database of this version, a master key or an address for links, all of which the web process has
 */
export async function startPager(config: Config, log: Log, signal?: AbortSignal): Promise<Pager> {
  if (config.databaseUrl === undefined) throw new ConfigProblem('DATABASE_URL is required. A pager uses the database of the web process.')
  if (config.publicUrl === undefined) throw new ConfigProblem('TOCSIN_PUBLIC_URL is required. A pager uses it for the links in its messages.')
  if (config.secret === undefined && !existsSync(masterKeyFile(config.dataFolder)))
    throw new ConfigProblem(
      `TOCSIN_SECRET is required, because ${masterKeyFile(config.dataFolder)} does not exist. A pager uses the master key of the web process.`,
    )
  await awaitDatabase(config.databaseUrl, log, signal)
  await assertMigrated(config.databaseUrl)
  const metrics = openMetrics()
  metrics.registry.setDefaultLabels({ process: 'paging' })
  const database = openDatabase(config.databaseUrl, systemClock, log, { poolSize })
  const secrets = await openMasterKey(database, config)
  const context = openContext({ config, clock: systemClock, log, metrics, secrets, database }, { runs: lane => lane.process === 'paging' })
  openPagingModules(context, new ClosingConditions())
  context.messenger.origin = config.publicUrl
  try {
    // The watchdog is due a minute from the clock of this process, wherever that of another, which scheduled it, has stood.
    await database.transaction(resumePaging)
    await context.jobs.start()
  } catch (error) {
    await database.close()
    throw error
  }
  const unreadable = new UnreadableWatch(context, 'pager')
  unreadable.start()
  return {
    metrics: () => metrics.registry.metrics(),
    countUnexpected: kind => metrics.unexpected.inc({ kind }),
    stop: async () => {
      await unreadable.stop()
      await context.jobs.stop()
      await database.close()
    },
  }
}

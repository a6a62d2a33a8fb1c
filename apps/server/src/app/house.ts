import type { AppContext } from '../access/index.ts'
import { Visibility, Workload } from '../access/index.ts'
import { JournalReaders, Live, openSealer } from '../journal/index.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import type { Database } from '../kernel/database.ts'
import { JobRunner, type RunnerOptions } from '../kernel/jobs.ts'
import type { Secrets } from '../kernel/secrets.ts'
import type { Log, Metrics } from '../kernel/telemetry.ts'
import { Messenger } from '../notify/outbox.ts'

interface Opened {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly secrets: Secrets
  readonly database: Database
}

/** What every module is given to stand on, nothing of which runs yet. */
export function openHouse(opened: Opened, runner: RunnerOptions): AppContext {
  const { config, clock, log, metrics, secrets, database } = opened
  const jobs = new JobRunner(database, clock, log, metrics, runner)
  return {
    ...opened,
    jobs,
    messenger: new Messenger(config, secrets, metrics, jobs, database, log),
    readers: new JournalReaders(database, log),
    live: new Live(database, log),
    sealer: openSealer(secrets),
    visibility: new Visibility(),
    workload: new Workload(),
  }
}

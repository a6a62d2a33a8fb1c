import type { Alarms } from './alarms.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import type { HealthChecks } from './health.ts'
import type { JobRunner } from './jobs/runner.ts'
import type { Messenger } from './messenger.ts'
import type { Secrets } from './secrets.ts'
import type { Log, Metrics } from './telemetry.ts'

/** What every module is given of the kernel. */
export interface Kernel {
  readonly config: Config
  readonly alarms: Alarms
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly secrets: Secrets
  readonly database: Database
  readonly health: HealthChecks
  readonly jobs: JobRunner
  readonly messenger: Messenger
}

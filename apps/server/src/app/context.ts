import { version } from '@tocsin/api'
import {
  type AppContext,
  type Caller,
  callersWhoLeft,
  Departures,
  Erasables,
  everybody,
  nameOfCaller,
  Searches,
  SecurityEvents,
  Usages,
  type Viewer,
  Visibility,
  Workload,
} from '../access/index.ts'
import { AuditStreams, type Checkpoints, entriesThat, entryColumns, JournalReaders, Live, openSealer } from '../journal/index.ts'
import { Alarms } from '../kernel/alarms.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import type { Database } from '../kernel/database.ts'
import { HealthChecks } from '../kernel/health.ts'
import { JobRunner, type RunnerOptions } from '../kernel/jobs/runner.ts'
import type { Secrets } from '../kernel/secrets.ts'
import type { Log, Metrics } from '../kernel/telemetry.ts'
import { Outbox } from '../notify/index.ts'

interface Opened {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly secrets: Secrets
  readonly database: Database
}

export interface OpenedContext extends AppContext {
  readonly messenger: Outbox
}

/**
 * What every module is given, in the web process and in the pager; nothing of it runs yet.
 * @param checkpoints where checkpoints are kept outside the database, in the process that seals
 */
export function openContext(opened: Opened, runner: RunnerOptions, checkpoints?: Checkpoints): OpenedContext {
  const { config, clock, log, metrics, secrets, database } = opened
  const jobs = new JobRunner(database, clock, log, metrics, runner)
  const alarms = new Alarms()
  const visibility = new Visibility()
  const visible = (ids: readonly string[], viewer: Viewer = everybody) => entriesThat(database.reader(), ids, visibility.ofEntry(viewer, entryColumns))
  return {
    ...opened,
    alarms,
    jobs,
    health: new HealthChecks(log),
    messenger: new Outbox(config, secrets, metrics, jobs, database, log, visibility, alarms),
    readers: new JournalReaders(database, log, alarms),
    live: new Live<Caller>(database, log, {
      visible,
      left: callers => callersWhoLeft(database.reader(), config, callers),
      nameOf: nameOfCaller,
    }),
    sealer: openSealer(secrets, checkpoints),
    streams: new AuditStreams(config, { database, log, version, openEntries: visible }, alarms),
    securityEvents: new SecurityEvents(opened),
    searches: new Searches(),
    usages: new Usages(),
    departures: new Departures(),
    erasables: new Erasables(),
    visibility,
    workload: new Workload(),
  }
}

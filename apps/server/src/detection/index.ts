import { sql } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type AppContext, type Bindings, uuidIn } from '../access/index.ts'
import type { Tx } from '../kernel/database.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { Detector } from './detector.ts'
import { FileFollower } from './follow.ts'
import { announceChange, generationChannel, latestChange } from './generation.ts'
import { nextIndicatorEnd } from './indicators.ts'
import { EventIntake } from './intake.ts'
import { SyslogListeners } from './listen.ts'
import { measure } from './measure.ts'
import { OwnTrail } from './own-trail.ts'
import { Parsers } from './parsers.ts'
import { detectionBindings } from './routes.ts'
import { addStarterRules, nextExpiry } from './rules.ts'
import { mountShipping } from './ship.ts'
import { KnownSources, watchJob, watchSources } from './sources.ts'
import { pulling, pullJob } from './taxii.ts'
import { DetectionWatch } from './watch.ts'

export { countActiveRules, liveliestLogSource } from './set-up.ts'
export { sourceSettings } from './source-settings.ts'

const expiryJob = defineJob({ kind: 'detection.end-exceptions', lane: housekeepingLane, data: z.object({}) })
const tidyJob = defineJob({ kind: 'detection.end-indicators', lane: housekeepingLane, data: z.object({}) })

/** Events in, alerts out. */
export class Detection {
  readonly bindings: Bindings
  readonly detector: Detector
  readonly intake: EventIntake
  readonly syslog: SyslogListeners
  readonly follower: FileFollower
  readonly parsers: Parsers
  readonly watch: DetectionWatch
  readonly #context: AppContext
  readonly #sources: KnownSources
  readonly #ownTrail: OwnTrail
  /** The latest change that this server has taken in. */
  #generation = 0

  constructor(context: AppContext) {
    this.#context = context
    this.intake = new EventIntake(context.database)
    this.watch = new DetectionWatch(context)
    this.parsers = new Parsers(context.log)
    this.#ownTrail = new OwnTrail(context, this.intake, this.parsers)
    this.detector = new Detector(context, this.intake, this.watch)
    this.#sources = new KnownSources(() => context.database.reader())
    this.syslog = new SyslogListeners(context, this.#sources, this.intake)
    this.follower = new FileFollower(context, this.intake, this.parsers)
    context.health.add('detection', () => this.detector.health())
    context.health.add('syslog TLS certificate', () => this.syslog.health())
    measure(context.metrics, this.detector, this.intake)
    const reload = (tx: Tx) => this.#announce(tx)
    context.visibility.belongs(
      'detection-rule',
      id => sql`select alert.incident_id from detection_rules made join alerts alert on alert.id = made.alert_id where made.id = ${id}`,
    )
    for (const type of ['indicator.ignored', 'indicator.restored'] as const)
      context.visibility.names(type, data => sql`select alert.incident_id from alerts alert where alert.id = ${uuidIn(sql`(${data} ->> 'alertId')`)}`)
    context.readers.react('detection', {
      'detection-rule.added': tx => this.#changed(tx),
      'detection-rule.changed': reload,
      'detection-rule.enabled': reload,
      'detection-rule.disabled': reload,
      'detection-rules.imported': reload,
      'detection-settings.changed': reload,
      'indicator-list.changed': reload,
      'indicator-list.removed': reload,
      'indicator-list.imported': tx => this.#tidy(tx),
      'log-source.added': reload,
      'log-source.revoked': reload,
    })
    context.jobs.register(watchJob, { run: tx => watchSources(tx, context) })
    context.jobs.registerCall(pullJob, pulling(context))
    context.jobs.register(tidyJob, { run: tx => this.#tidy(tx) })
    context.jobs.register(expiryJob, { run: tx => this.#changed(tx) })
    this.bindings = detectionBindings(context, this)
  }

  /** What changed is read anew here at once, and by every other server on this database when the transaction is committed. */
  async #announce(tx: Tx): Promise<void> {
    this.#generation = await announceChange(tx)
    this.#readAnew()
  }

  #readAnew(): void {
    this.#sources.forget()
    this.follower.forget()
    this.detector.reload()
  }

  /** Another server may have changed something. */
  async #catchUp(): Promise<void> {
    try {
      const latest = await latestChange(this.#context.database.reader())
      if (latest === this.#generation) return
      this.#generation = latest
      this.#readAnew()
    } catch (error) {
      // A connection that is lost is opened again, and then this is asked anew.
      this.#context.log.warn({ err: error }, 'changes of rules and sources could not be read')
    }
  }

  /** Rules have changed: they are made ready anew, now and when the next exception ends. */
  async #changed(tx: Tx): Promise<void> {
    await this.#announce(tx)
    const at = await nextExpiry(tx)
    if (at !== undefined) await schedule(tx, { kind: expiryJob, key: expiryJob.kind, runAt: at, data: {} })
  }

  /** Indicators have come or ended: the matching is made ready anew, now and when the next have ended. */
  async #tidy(tx: Tx): Promise<void> {
    await this.#announce(tx)
    const at = await nextIndicatorEnd(tx)
    if (at !== undefined) await schedule(tx, { kind: tidyJob, key: tidyJob.kind, runAt: at, data: {} })
  }

  /** The addresses that shippers send to. */
  mount(http: FastifyInstance): void {
    mountShipping(http, this.#sources, this.intake, this.parsers)
  }

  async start(): Promise<void> {
    const { database } = this.#context
    await database.transaction(async tx => {
      await addStarterRules(tx)
      await this.#ownTrail.start(tx)
      await watchSources(tx, this.#context)
    })
    this.#generation = await latestChange(database.reader())
    database.listen(generationChannel, () => void this.#catchUp())
    await this.intake.start()
    await this.detector.start()
    await this.syslog.start()
    this.follower.start()
    this.watch.start()
  }

  async stop(): Promise<void> {
    await this.watch.stop()
    await this.follower.stop()
    await this.syslog.stop()
    await this.detector.stop()
    await this.parsers.close()
    this.intake.stop()
  }
}

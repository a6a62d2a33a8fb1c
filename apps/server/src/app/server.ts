import { createServer } from 'node:net'
import { join } from 'node:path'
import { routes, version } from '@tocsin/api'
import { Gauge } from 'prom-client'
import { type AppContext, accessBindings, authorizer, type Bindings, isSetUp, nameOfCaller, recoverAdministrator, setupToken } from '../access/index.ts'
import { openAssurance } from '../assurance/index.ts'
import { mountWitness, openConnectors } from '../connectors/index.ts'
import { openDemo } from '../demo/index.ts'
import { Detection } from '../detection/index.ts'
import { openDirectory } from '../directory/index.ts'
import { openErasure } from '../erasure/index.ts'
import { ClosingConditions } from '../incidents/index.ts'
import { JournalWatch, journalHealth, openCheckpoints, sealerName } from '../journal/index.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { awaitDatabase, migrateDatabase, openDatabase } from '../kernel/database.ts'
import { findExcessRights, grantRights, userOf } from '../kernel/database-rights.ts'
import { DiskGuard } from '../kernel/disk.ts'
import { Drain } from '../kernel/drain.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../kernel/embedded-postgres.ts'
import { registerFileEncryption } from '../kernel/files.ts'
import { type Answered, mount, openHttp } from '../kernel/http.ts'
import { Idempotency, registerPurge } from '../kernel/idempotency.ts'
import type { Lane } from '../kernel/jobs/lanes.ts'
import { openMasterKey } from '../kernel/master-key.ts'
import { isLoopback } from '../kernel/network.ts'
import { hasOwnTls, ServerCertificate, tlsSettings } from '../kernel/server-certificate.ts'
import { openMetrics } from '../kernel/telemetry.ts'
import { UnreadableWatch } from '../kernel/unreadable-watch.ts'
import { type Inbox, openAnswers } from '../notify/index.ts'
import { openOrganization } from '../organization/index.ts'
import { mountLinkPage, openAnswerDesk, resumePaging } from '../paging/index.ts'
import { resumeScheduling } from '../scheduling/index.ts'
import { type OpenedContext, openContext } from './context.ts'
import { holdDataFolder } from './data-folder.ts'
import { Lifetime } from './lifetime.ts'
import { openPagingModules } from './pager.ts'
import { PagerSupervisor } from './pager-supervisor.ts'
import { linkPageScript, servePages } from './pages.ts'
import { setupBindings } from './setup-checklist.ts'
import { systemBindings } from './system.ts'

export interface Server {
  readonly context: OpenedContext
  readonly detection: Detection
  readonly inbox: Inbox
  /** The process that pages people, where this one does not. */
  readonly pager: PagerSupervisor | undefined
  /** Where it is reached. */
  readonly origin: string
  /** The one-time link for the first administrator, while there is none. */
  readonly setupLink: string | undefined
  /** The one-time link of an administrator whose account is recovered. */
  readonly recoveryLink: string | undefined
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Where the jobs of paging run: in this process, in a pager beside it that it supervises, or in pagers that others start. */
  readonly paging?: 'here' | 'beside' | 'elsewhere'
  /** Other deadlines than the lanes' own, by the lane's name. */
  readonly deadlineSeconds?: Readonly<Record<string, number>> | undefined
  /** The audit log in the database is accepted where it is older than what was signed last, as after the restore of a backup. */
  readonly acceptsRestoredLog?: boolean | undefined
  /** The email of an administrator who cannot sign in: a link to recover the account is made. */
  readonly recoverAdministrator?: string | undefined
  /** Ends the start where it waits for something. */
  readonly signal?: AbortSignal | undefined
}

/** @throws Error when a route of the contract has no handler, or two: the document would describe what is not there. */
function assertComplete(bindings: Bindings): Bindings {
  const bound = bindings.map(({ route }) => `${route.method} ${route.path}`).sort()
  const described = Object.values(routes)
    .map(route => `${route.method} ${route.path}`)
    .sort()
  const wrong = described.find((route, position) => bound[position] !== route) ?? bound.find(route => !described.includes(route))
  if (wrong !== undefined || bound.length !== described.length) throw new Error(`the routes and their handlers do not match at ${wrong}`)
  return bindings
}

/** Every module with its routes, lowest first. */
export function openModules(config: Config, context: AppContext, detection: Detection, watch: JournalWatch): Bindings {
  const conditions = new ClosingConditions()
  return assertComplete([
    ...systemBindings(context, watch, version, config.securityContact),
    ...setupBindings(context),
    ...accessBindings(context),
    ...openDirectory(context),
    ...openPagingModules(context, conditions),
    ...openOrganization(context),
    ...openConnectors(context),
    ...openErasure(context),
    ...detection.bindings,
    ...openAssurance(context, conditions),
    ...openDemo(context),
  ])
}

/**
 * Starts everything: database, migrations, workers, web and API.
 * @throws ConfigProblem with one sentence when the port is taken or the data folder is in use.
 */
export async function startServer(config: Config, log: import('pino').Logger, clock: Clock = systemClock, options: ServerOptions = {}): Promise<Server> {
  const { paging = 'here', deadlineSeconds, acceptsRestoredLog = false, recoverAdministrator: recovered, signal } = options
  await assertPortIsFree(config)
  const folder = holdDataFolder(config.dataFolder)
  const undo: (() => Promise<void> | void)[] = [() => folder.release()]
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const embedded: EmbeddedPostgres | undefined =
      config.databaseUrl === undefined ? await startEmbeddedPostgres(join(config.dataFolder, 'postgres'), log) : undefined
    if (embedded) undo.push(() => embedded.stop())
    const url = config.databaseUrl ?? embedded?.url ?? ''
    await awaitDatabase(url, log, signal)
    const ownerUrl = config.databaseUrl === undefined ? embedded?.ownerUrl : config.databaseOwnerUrl
    if (ownerUrl !== undefined) await awaitDatabase(ownerUrl, log, signal, 'DATABASE_OWNER_URL')
    await migrateDatabase(ownerUrl ?? url)
    if (ownerUrl !== undefined) await grantRights(ownerUrl, userOf(url))
    const excess = await findExcessRights(url)
    if (excess !== undefined) log.warn(excess)
    const metrics = openMetrics()
    const database = openDatabase(url, clock, log)
    undo.push(() => database.close())
    const secrets = await openMasterKey(database, config)
    if (paging !== 'here') metrics.registry.setDefaultLabels({ process: 'web' })
    const runs = paging === 'here' ? undefined : (lane: Lane) => lane.process === 'web'
    const context = openContext({ config, clock, log, metrics, secrets, database }, { runs, deadlineSeconds }, openCheckpoints(config, log, secrets))
    undo.push(async () => void (await Promise.all(context.sealer.witnesses.map(witness => witness.stop()))))
    const { health, jobs, live, messenger } = context
    health.add('database', async () => {
      const finding = await database.health()
      return finding && { ...finding, detail: embedded?.whyAway() ?? finding.detail }
    })
    health.add('audit log storage', journalHealth(database))
    health.add('stored values', async () => database.unreadable.health())
    metrics.gauge('tocsin_database_connections', 'Open connections in the pool', () => database.connections.open)
    metrics.gauge('tocsin_database_connections_idle', 'Idle connections in the pool', () => database.connections.idle)
    metrics.gauge('tocsin_database_connections_waiting', 'Transactions and queries waiting for a connection', () => database.connections.waiting)
    metrics.gauge('tocsin_live_streams', 'Open live update streams', () => live.streams)
    new Gauge({ name: 'tocsin_build_info', help: 'The running version', labelNames: ['version', 'node'], registers: [metrics.registry] }).set(
      { version, node: process.version },
      1,
    )
    if (embedded)
      metrics.counter(
        'tocsin_embedded_database_restarts_total',
        'Unexpected exits of the embedded PostgreSQL that were followed by a restart',
        () => embedded.restarts,
      )
    // The last thing that is recorded, after every request and job.
    const lifetime = new Lifetime(database, log, config, version, paging === 'here' ? 'all' : 'web')
    undo.push(() => lifetime.stop())
    context.securityEvents.start()
    undo.push(() => context.securityEvents.stop())
    const pager = paging === 'beside' ? new PagerSupervisor(log, metrics) : undefined
    if (pager) {
      undo.push(() => pager.stop())
      health.add('pager', async () => pager.health())
    }
    const watch = new JournalWatch(context)
    health.add('audit log readers', () => watch.health())
    const disk = new DiskGuard(context)
    health.add('disk space', () => disk.health())
    const drain = new Drain()
    const certificate = openCertificate(config, context)
    if (certificate) {
      undo.push(() => certificate.stop())
      health.add('TLS certificate', async () => certificate.health())
    }
    const http = await openHttp({ config, log, metrics, drain, clock }, certificate)
    const detection = new Detection(context)
    const idempotency = new Idempotency(secrets)
    registerPurge(jobs)
    registerFileEncryption(jobs, secrets)
    const answered = (answer: Answered) => context.securityEvents.answered(answer)
    const authorize = authorizer(config, database, secrets)
    const services = { config, database, log, metrics, drain, idempotency, disk, answered, nameOf: nameOfCaller, authorize }
    mount(http, services, openModules(config, context, detection, watch))
    detection.mount(http)
    mountWitness(http, context)
    const inbox = openAnswers(http, context, openAnswerDesk(context), certificate)
    mountLinkPage(http, context, { drain, idempotency, script: linkPageScript() })
    await servePages(http)
    context.readers.follow(sealerName, (tx, entries) => context.sealer.seal(tx, entries), { isStrict: true, committed: () => context.sealer.committed() })
    if (acceptsRestoredLog && (await database.transaction(tx => context.sealer.accept(tx)))) await context.sealer.committed()
    await http.listen({ host: config.host, port: config.port })
    undo.push(() => http.close())
    if (!hasOwnTls(config) && !isLoopback(config.host) && config.trustedProxies.length === 0)
      log.warn(
        `pages and API are served on ${config.host} without TLS: set TOCSIN_TLS_CERT and TOCSIN_TLS_KEY, or put a proxy in front and name it in TOCSIN_TRUST_PROXY`,
      )
    const address = http.server.address()
    messenger.origin = config.publicUrl ?? originOf(config, typeof address === 'object' && address ? address.port : config.port)
    await database.transaction(async tx => {
      await messenger.releaseHeld(tx)
      await resumeScheduling(tx, context)
      await resumePaging(tx)
    })
    await context.streams.start()
    undo.push(() => context.streams.stop())
    await lifetime.start()
    await context.streams.started()
    await context.readers.start()
    undo.push(() => context.readers.stop())
    watch.start()
    undo.push(() => watch.stop())
    disk.start()
    undo.push(() => disk.stop())
    const unreadable = new UnreadableWatch(context, 'web')
    unreadable.start()
    undo.push(() => unreadable.stop())
    await detection.start()
    undo.push(() => detection.stop())
    await live.start()
    await inbox.start()
    undo.push(() => inbox.stop())
    await jobs.start()
    undo.push(() => jobs.stop())
    pager?.start({ DATABASE_URL: url, DATABASE_OWNER_URL: undefined, TOCSIN_PUBLIC_URL: messenger.origin, TOCSIN_DATA: config.dataFolder })
    // Last in, first out: those who wait are answered while everything that an answer may need still runs.
    undo.push(() => drain.run(http, () => live.stop()))
    const setupLink = (await isSetUp(database.reader())) ? undefined : `${messenger.origin}/setup/${setupToken(secrets)}`
    const recoveryLink = recovered === undefined ? undefined : await database.transaction(tx => recoverAdministrator(tx, context, recovered))
    return { context, detection, inbox, pager, origin: messenger.origin, setupLink, recoveryLink, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The certificate that pages and API are served with; undefined where a proxy does that, or nobody. */
function openCertificate(config: Config, context: AppContext): ServerCertificate | undefined {
  const { TOCSIN_TLS_CERT: cert, TOCSIN_TLS_KEY: key } = config.of(tlsSettings)
  if (cert === undefined || key === undefined) return undefined
  return new ServerCertificate({ cert: ['TOCSIN_TLS_CERT', cert], key: ['TOCSIN_TLS_KEY', key] }, context)
}

function originOf(config: Config, port: number): string {
  const host = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(config.host) ? 'localhost' : config.host
  return `${hasOwnTls(config) ? 'https' : 'http'}://${host}:${port}`
}

async function assertPortIsFree(config: Config): Promise<void> {
  if (config.port === 0) return
  const error = await new Promise<NodeJS.ErrnoException | undefined>(resolve => {
    const probe = createServer()
    probe.once('error', resolve)
    probe.listen({ host: config.host, port: config.port }, () => probe.close(() => resolve(undefined)))
  })
  if (error?.code === 'EADDRINUSE') throw new ConfigProblem(`Port ${config.port} is in use. Choose another port with --port or PORT.`)
  if (error?.code === 'EACCES') throw new ConfigProblem(`This user may not listen on port ${config.port}. Choose a port above 1023 with --port or PORT.`)
  if (error) throw new ConfigProblem(`TOCSIN_HOST ${config.host} is not available (${error.code}).`)
}

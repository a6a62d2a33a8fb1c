import { createServer } from 'node:net'
import { join } from 'node:path'
import { routes } from '@tocsin/api'
import { type AppContext, accessBindings, authorizer, type Bindings, isSetUp, setupToken } from '../access/index.ts'
import { openAssurance } from '../assurance/index.ts'
import { openConnectors } from '../connectors/index.ts'
import { openDemo } from '../demo/index.ts'
import { Detection } from '../detection/index.ts'
import { directoryBindings } from '../directory/index.ts'
import { ClosingConditions } from '../incidents/index.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { type Config, ConfigProblem } from '../kernel/config.ts'
import { migrateDatabase, openDatabase } from '../kernel/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../kernel/embedded-postgres.ts'
import { mount, openHttp } from '../kernel/http.ts'
import type { Lane } from '../kernel/lanes.ts'
import { openSecrets } from '../kernel/secrets.ts'
import { openMetrics } from '../kernel/telemetry.ts'
import { Inbox } from '../notify/inbox.ts'
import { openOrganization } from '../organization/index.ts'
import { answerByMail, mountCallbacks, resumePaging } from '../paging/index.ts'
import { holdDataFolder } from './data-folder.ts'
import { openHouse } from './house.ts'
import { openPagingRooms } from './pager.ts'
import { PagerSupervisor } from './pager-supervisor.ts'
import { servePages } from './pages.ts'
import { systemBindings } from './system.ts'

export const version = '0.1.0'

export interface Server {
  readonly context: AppContext
  readonly detection: Detection
  readonly inbox: Inbox
  /** The process that pages people, where this one does not. */
  readonly pager: PagerSupervisor | undefined
  /** Where it is reached. */
  readonly origin: string
  /** The one-time link for the first administrator, while there is none. */
  readonly setupLink: string | undefined
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Where the jobs of paging run: in this process, in a pager beside it that it supervises, or in pagers that others start. */
  readonly paging?: 'here' | 'beside' | 'elsewhere'
  /** Other deadlines than the lanes' own, by the lane's name. */
  readonly deadlineSeconds?: Readonly<Record<string, number>> | undefined
}

/** @throws Error when a route of the contract has no handler, or two: the document would promise what is not there. */
function assertComplete(bindings: Bindings): Bindings {
  const bound = bindings.map(({ route }) => `${route.method} ${route.path}`).sort()
  const promised = Object.values(routes)
    .map(route => `${route.method} ${route.path}`)
    .sort()
  const wrong = promised.find((route, position) => bound[position] !== route) ?? bound.find(route => !promised.includes(route))
  if (wrong !== undefined || bound.length !== promised.length) throw new Error(`the routes and their handlers do not match at ${wrong}`)
  return bindings
}

/** Every room with its routes, lowest floor first. */
export function openModules(context: AppContext, detection: Detection): Bindings {
  const conditions = new ClosingConditions()
  return assertComplete([
    ...systemBindings(context, version),
    ...accessBindings(context),
    ...directoryBindings(),
    ...openPagingRooms(context, conditions),
    ...openOrganization(context),
    ...openConnectors(context),
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
  const { paging = 'here', deadlineSeconds } = options
  await assertPortIsFree(config)
  const folder = holdDataFolder(config.dataFolder)
  const undo: (() => Promise<void> | void)[] = [() => folder.release()]
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const embedded: EmbeddedPostgres | undefined =
      config.databaseUrl === undefined ? await startEmbeddedPostgres(join(config.dataFolder, 'postgres')) : undefined
    if (embedded) undo.push(() => embedded.stop())
    const url = config.databaseUrl ?? embedded?.url ?? ''
    await migrateDatabase(url)
    const secrets = openSecrets(config.dataFolder, config.secret)
    const metrics = openMetrics()
    const database = openDatabase(url, clock, log)
    undo.push(() => database.close())
    const pager = paging === 'beside' ? new PagerSupervisor(log, metrics) : undefined
    if (pager) undo.push(() => pager.stop())
    if (paging !== 'here') metrics.registry.setDefaultLabels({ process: 'web' })
    const runs = paging === 'here' ? undefined : (lane: Lane) => lane.process === 'web'
    const context = openHouse({ config, clock, log, metrics, secrets, database }, { runs, deadlineSeconds })
    const { jobs, messenger } = context
    const http = await openHttp(config, log, metrics)
    const detection = new Detection(context)
    mount(http, { config, database, log, metrics, authorize: authorizer(config) }, openModules(context, detection))
    detection.mount(http)
    mountCallbacks(http, context)
    await servePages(http)
    context.readers.follow('sealer', (tx, entries) => context.sealer.seal(tx, entries))
    await http.listen({ host: config.host, port: config.port })
    undo.push(() => http.close())
    const address = http.server.address()
    messenger.origin = config.publicUrl ?? originOf(config, typeof address === 'object' && address ? address.port : config.port)
    await database.transaction(async tx => {
      await messenger.releaseHeld(tx)
      await resumePaging(tx, context)
    })
    await context.readers.start()
    undo.push(() => context.readers.stop())
    await detection.start()
    undo.push(() => detection.stop())
    await context.live.start()
    undo.push(() => context.live.stop())
    const inbox = new Inbox(config, secrets, log, mail => answerByMail(context, mail))
    await inbox.start()
    undo.push(() => inbox.stop())
    await jobs.start()
    undo.push(() => jobs.stop())
    pager?.start({ DATABASE_URL: url, TOCSIN_PUBLIC_URL: messenger.origin, TOCSIN_DATA: config.dataFolder })
    const setupLink = (await isSetUp(database.reader())) ? undefined : `${messenger.origin}/setup/${setupToken(secrets)}`
    return { context, detection, inbox, pager, origin: messenger.origin, setupLink, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function originOf(config: Config, port: number): string {
  const host = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(config.host) ? 'localhost' : config.host
  return `http://${host}:${port}`
}

async function assertPortIsFree(config: Config): Promise<void> {
  if (config.port === 0) return
  const error = await new Promise<NodeJS.ErrnoException | undefined>(resolve => {
    const probe = createServer()
    probe.once('error', resolve)
    probe.listen({ host: config.host, port: config.port }, () => probe.close(() => resolve(undefined)))
  })
  if (error?.code === 'EADDRINUSE') throw new ConfigProblem(`Port ${config.port} is taken by another program: choose another one with --port or PORT.`)
  if (error?.code === 'EACCES') throw new ConfigProblem(`Port ${config.port} may not be opened by this user: choose one above 1023 with --port or PORT.`)
  if (error) throw new ConfigProblem(`TOCSIN_HOST ${config.host} cannot be listened on (${error.code}).`)
}

import { includesRole, type Role, type Route, type Scope, sessionCookie } from '@tocsin/api'
import { and, eq, lt } from 'drizzle-orm'
import type { FastifyRequest } from 'fastify'
import type { Actor } from '../journal/index.ts'
import { addMinutes, type Instant } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import type { UploadChecks } from '../kernel/form.ts'
import {
  type Binding,
  bindCommand,
  bindQuery,
  bindWorkflow,
  type CommandHandler,
  cookieName,
  type ForeignBody,
  isSameOrigin,
  type QueryHandler,
  type WorkflowHandler,
} from '../kernel/http.ts'
import { AppProblem } from '../kernel/problems.ts'
import { isEqual, type Secrets, secretDigest } from '../kernel/secrets.ts'
import { actorOf, noteUse, openApiKey } from './key-use.ts'
import { isGenuine } from './session-mac.ts'
import { idleSince, sessionSettings } from './session-settings.ts'
import { people, sessions } from './tables.ts'
import type { Viewer } from './visibility.ts'

/** Somebody who acts: a person with a session, or a service account with its API key. */
export interface Caller {
  readonly actor: Actor
  /** The person responsible for the command: of a service account who created it, still with the company or not. Four eyes are counted by this, so a key is never a second pair. */
  readonly personId: string
  readonly role: Role
  readonly needToKnow: Viewer['needToKnow']
  readonly sessionId: string | null
  /** What a service account may use; without it all that the role may. */
  readonly scopes?: readonly Scope[]
}

/** Tells callers apart: a person in all their sessions, or a key; undefined for anybody on a public route. */
export function nameOfCaller(caller: MaybeCaller): string | undefined {
  return caller === null ? undefined : `${caller.actor.kind} ${caller.actor.id}`
}

/** @throws AppProblem forbidden for a service account, which is nobody's second pair of eyes; `what` begins the sentence */
export function assertPerson({ actor }: Caller, what: string): void {
  if (actor.kind === 'key') throw new AppProblem('forbidden', `${what} by a person. A service account cannot do this.`)
}

/** Nobody in particular, on a public route. */
export const anonymous = null
type MaybeCaller = Caller | null

/** A route that only somebody known may call. */
function guarded({ route, run }: Binding<Caller>): Binding<MaybeCaller> {
  if (route.access.kind === 'public') throw new Error(`${route.path} is public: its handler has no caller`)
  return {
    route,
    run: (database, { caller, ...call }, repeat) => {
      if (caller === anonymous) throw new Error(`${route.path} was called by nobody`)
      return run(database, { ...call, caller }, repeat)
    },
  }
}
/** A route that anybody may call. */
function unguarded({ route, run }: Binding<null>): Binding<MaybeCaller> {
  if (route.access.kind !== 'public') throw new Error(`${route.path} is not public`)
  return { route, run: (database, call, repeat) => run(database, { ...call, caller: anonymous }, repeat) }
}

/** Binds a command of a known caller. */
export function command<R extends Route>(route: R, handler: CommandHandler<R, Caller>): Binding<MaybeCaller> {
  return guarded(bindCommand(route, handler))
}
/** Binds a query of a known caller. */
export function query<R extends Route>(route: R, handler: QueryHandler<R, Caller>): Binding<MaybeCaller> {
  return guarded(bindQuery(route, handler))
}
/** Binds a workflow of a known caller. */
export function workflow<R extends Route>(route: R, handler: WorkflowHandler<R, Caller>): Binding<MaybeCaller> {
  return guarded(bindWorkflow(route, handler))
}
/** @param uploads what refuses a form before its files are received: anybody may send it */
export function openCommand<R extends Route>(route: R, handler: CommandHandler<R, null>, uploads?: UploadChecks): Binding<MaybeCaller> {
  return { ...unguarded(bindCommand(route, handler)), uploads }
}
/** @param body reads what other software sends: what the handler is given as body */
export function openWebhook<R extends Route, Body>(
  route: R,
  body: ForeignBody<Body>,
  handler: (tx: Tx, call: Omit<Parameters<CommandHandler<R, null>>[1], 'body'> & { readonly body: Body }) => ReturnType<CommandHandler<R, null>>,
): Binding<MaybeCaller> {
  // biome-ignore lint/plugin: the body is what `body` has read, which the compiler cannot follow through a route
  return { ...openCommand(route, handler as unknown as CommandHandler<R, null>), body }
}
export function openQuery<R extends Route>(route: R, handler: QueryHandler<R, null>): Binding<MaybeCaller> {
  return unguarded(bindQuery(route, handler))
}
export function openWorkflow<R extends Route>(route: R, handler: WorkflowHandler<R, null>): Binding<MaybeCaller> {
  return unguarded(bindWorkflow(route, handler))
}
export type Bindings = readonly Binding<MaybeCaller>[]

const actors = new WeakMap<FastifyRequest, Actor>()

/** Who sent a request, also where it was refused because of what they may not do; undefined for whoever is not known. */
export const actorOfRequest = (request: FastifyRequest): Actor | undefined => actors.get(request)

/** Says who calls a route, and refuses who may not: the one place where access is decided. */
export function authorizer(
  config: Config,
  database: Database,
  secrets: Secrets,
): (reader: Reader, route: Route, request: FastifyRequest) => Promise<MaybeCaller> {
  return async (reader, route, request) => {
    const { access } = route
    const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (access.kind === 'public') {
      const monitors = access.isForMonitors ? config.of(sessionSettings).TOCSIN_MONITORING_TOKEN : undefined
      if (monitors === undefined || (bearer !== undefined && isEqual(bearer, monitors))) return anonymous
    }
    if (bearer !== undefined) return callerOfKey(database, route, bearer, request)
    const token = request.cookies[cookieName(config, sessionCookie)]
    if (token === undefined) throw new AppProblem('not-signed-in', 'Sign in, or send an API key.')
    // A session cookie is sent by the browser whoever asks it to: commands must come from our own pages.
    if (route.method !== 'GET' && !isSameOrigin(config, request)) throw new AppProblem('forbidden', 'Cross-site requests are not allowed.')
    const found = await findSession(reader, config, secrets, token, route.produces !== 'text/event-stream')
    if (!found) throw new AppProblem('not-signed-in', 'The session has ended. Sign in again.')
    actors.set(request, found.caller.actor)
    if (access.kind !== 'signed-in' && found.assurance !== 'full') throw new AppProblem('not-signed-in', 'Verify your second factor first.')
    if (access.kind === 'role') {
      if (!includesRole(found.caller.role, access.role))
        throw new AppProblem('forbidden', `This requires the role ${access.role}. Your role is ${found.caller.role}.`)
    }
    if (route.needsRecentFactor && (found.verifiedAt === null || found.verifiedAt < addMinutes(reader.now, -recentMinutes)))
      throw new AppProblem('reauthentication-required', 'Confirm your identity with your password or a passkey, then try again.')
    return found.caller
  }
}

/** For so long a factor that was given in a session counts as just given. */
const recentMinutes = 10

/** @param isUse false where the page asks by itself, however long nobody has looked at it */
async function findSession(
  reader: Reader,
  config: Config,
  secrets: Secrets,
  token: string,
  isUse: boolean,
): Promise<{ caller: Caller; assurance: 'password' | 'full'; verifiedAt: Instant | null } | undefined> {
  const [found] = await reader.db
    .select({ session: sessions, person: people })
    .from(sessions)
    .innerJoin(people, eq(people.id, sessions.personId))
    .where(eq(sessions.tokenDigest, secretDigest(token)))
  if (!found?.person.isActive || found.session.expiresAt <= reader.now || !isGenuine(secrets, found.session)) return undefined
  const { session, person } = found
  if (session.lastSeenAt <= idleSince(reader, config)) return undefined
  // Kept to the minute: a write for each request would cost more than the answer.
  if (isUse && session.lastSeenAt < addMinutes(reader.now, -1))
    await reader.db
      .update(sessions)
      .set({ lastSeenAt: reader.now })
      .where(and(eq(sessions.id, session.id), lt(sessions.lastSeenAt, reader.now)))
  return {
    assurance: session.assurance,
    verifiedAt: session.verifiedAt,
    caller: { actor: { kind: 'person', id: person.id, name: person.name }, personId: person.id, role: person.role, needToKnow: 'own', sessionId: session.id },
  }
}

async function callerOfKey(database: Database, route: Route, bearer: string, request: FastifyRequest): Promise<Caller> {
  const address = request.ip
  const key = await openApiKey(database.reader(), bearer, address)
  actors.set(request, actorOf(key))
  const { access } = route
  const scope: Scope | null = access.kind === 'role' ? access.scope : null
  if (scope === null) throw new AppProblem('forbidden', 'This action is not available to API keys.')
  if (!key.scopes.includes(scope)) throw new AppProblem('forbidden', `This requires the scope ${scope}. The API key has ${key.scopes.join(', ')}.`)
  if (access.kind === 'role' && !includesRole(key.role, access.role))
    throw new AppProblem('forbidden', `This requires the role ${access.role}. The service account has the role ${key.role}.`)
  await noteUse(database, key, address)
  return { actor: actorOf(key), personId: key.createdBy, role: key.role, needToKnow: key.seesRestricted ? 'all' : 'none', sessionId: null, scopes: key.scopes }
}

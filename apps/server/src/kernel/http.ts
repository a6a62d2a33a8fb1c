import { maxHeaderSize, type RequestListener, STATUS_CODES } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import cookies from '@fastify/cookie'
import helmet from '@fastify/helmet'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import { maxBodyBytes, type ProblemKind, problemKinds, type Route, type RouteInput, type RouteReply, sessionCookie, uploadLimits } from '@tocsin/api'
import { type ConnectionError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { boundBytesInFlight, dropRest } from './bytes-in-flight.ts'
import type { CallOrigin } from './call-origin.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { constraintProblem } from './constraints.ts'
import { type Database, isUnavailable, type Reader, type Tx, transactionRetried } from './database.ts'
import type { DiskGuard } from './disk.ts'
import type { Drain } from './drain.ts'
import type { ReceivedFile } from './files.ts'
import { receiveForm, type UploadChecks } from './form.ts'
import { Gate } from './gate.ts'
import { describeRequest, type Idempotency, type Once, readKey } from './idempotency.ts'
import { newId } from './ids.ts'
import { networkOf } from './network.ts'
import { OwnBodies } from './own-bodies.ts'
import { parse, schemaOf } from './own-body.ts'
import { packReplies } from './pack-replies.ts'
import { AppProblem, problemDetails } from './problems.ts'
import { CallerLimits, perMinute, tooMany } from './request-limits.ts'
import { isEqual } from './secrets.ts'
import { hasOwnTls, type ServerCertificate } from './server-certificate.ts'
import type { Log, Metrics } from './telemetry.ts'
import { maxHereBytes } from './worker-pool.ts'

/** The largest body of what has no route of the contract, which says its own. */
const bodyBytes = 4 * 1_048_576
/** A request must have arrived whole by then. */
const requestTimeoutMs = 120_000
/** A connection without a request stays open for so long, as Fastify has it without TLS. */
const keepAliveMs = 72_000
/** Forms with files of one route that are stored at a time: each takes a connection of the database for as long as its files are written. */
const formsAtOnce = 2
/** What a caller waits before it asks again while something is away. */
const retryAfterSeconds = 2

/** A reply that is not JSON. */
export class Produced {
  readonly body: string | Readable
  readonly headers: Readonly<Record<string, string>>
  constructor(body: string | Readable, headers: Readonly<Record<string, string>> = {}) {
    this.body = body
    this.headers = headers
  }
}

/** What of the connection a handler may see and do. */
export interface Connection {
  readonly ip: string
  readonly userAgent: string
  readonly cookie: (name: string) => string | undefined
  setCookie(name: string, value: string, maxAgeSeconds: number): void
  clearCookie(name: string): void
  /** Called when the caller has gone away. */
  onClose(gone: () => void): void
}

type Reply<R extends Route> = RouteReply<R> extends undefined ? Produced | undefined | void : RouteReply<R>
interface Call<R extends Route, Caller> extends RouteInput<R> {
  readonly caller: Caller
  readonly files: readonly ReceivedFile[]
  readonly connection: Connection
}
export type CommandHandler<R extends Route, Caller> = (tx: Tx, call: Call<R, Caller>) => Promise<Reply<R>>
export type QueryHandler<R extends Route, Caller> = (reader: Reader, call: Call<R, Caller>) => Promise<Reply<R>>

export type WorkflowHandler<R extends Route, Caller> = (database: Database, call: Call<R, Caller>) => Promise<Reply<R>>

/** Reads the bodies of other software, large ones on a worker. */
export interface ForeignBody<Body = unknown> {
  /** @throws AppProblem */
  readonly read: (bytes: Buffer) => Promise<Body>
  /** Refuses who has no key, before a large body is read. Throws an AppProblem. */
  readonly admit?: ((reader: Reader, params: unknown) => Promise<void>) | undefined
  /** Takes note of a body that is too large to be read, and answers it: its sender does not send it again in parts. Without it such a body is refused. */
  readonly tooLarge?: ((database: Database, params: unknown, sentence: string) => Promise<unknown>) | undefined
  readonly close: () => Promise<void>
}

/** A route of the contract with the function that answers it. */
export interface Binding<Caller> {
  readonly route: Route
  readonly uploads?: UploadChecks | undefined
  /** Reads a body that is in the format of other software. */
  readonly body?: ForeignBody | undefined
  readonly run: (database: Database, call: Call<Route, Caller>, repeat: Repeat) => Promise<unknown>
}

/** How a handler runs when the request may have come before: in the transaction of a command, or around a workflow. */
interface Repeat {
  readonly inside: (tx: Tx, work: () => Promise<unknown>) => Promise<unknown>
  readonly around: (work: () => Promise<unknown>) => Promise<unknown>
}

/** Binds a command: it runs in one transaction, which is committed before the reply leaves. */
export function bindCommand<R extends Route, Caller>(route: R, handler: CommandHandler<R, Caller>): Binding<Caller> {
  return {
    route,
    run: (database, call, { inside }) => transactionRetried(database, tx => inside(tx, () => (handler as CommandHandler<Route, Caller>)(tx, call))),
  }
}

/** Binds a query: it reads, and writes nothing. */
export function bindQuery<R extends Route, Caller>(route: R, handler: QueryHandler<R, Caller>): Binding<Caller> {
  if (route.method !== 'GET' || route.isReadRecorded) throw new Error(`${route.method} ${route.path} is a command, not a query`)
  return { route, run: (database, call) => (handler as QueryHandler<Route, Caller>)(database.reader(), call) }
}

/** Binds what is neither: it takes several transactions, or none, such as an export that must be sealed before it is read. */
export function bindWorkflow<R extends Route, Caller>(route: R, handler: WorkflowHandler<R, Caller>): Binding<Caller> {
  return { route, run: (database, call, { around }) => around(() => (handler as WorkflowHandler<Route, Caller>)(database, call)) }
}

export interface HttpServices<Caller> {
  readonly config: Config
  readonly database: Database
  readonly log: Log
  readonly metrics: Metrics
  readonly drain: Drain
  readonly idempotency: Idempotency
  readonly disk: DiskGuard
  /** A name that tells callers apart, the same for each request of one; undefined for whoever is not known. */
  readonly nameOf: (caller: Caller) => string | undefined
  /** Told of each request once it was answered. */
  readonly answered: (answer: Answered) => void
  /** Says who calls, and refuses who may not call this route. */
  readonly authorize: (reader: Reader, route: Route, request: FastifyRequest) => Promise<Caller>
}

/**
 * The HTTP server with everything that guards it, and no routes yet.
 * @param certificate that it is served over TLS with
 */
export async function openHttp(
  { config, log, metrics, drain, clock }: { config: Config; log: Log; metrics: Metrics; drain: Drain; clock: Clock },
  certificate?: ServerCertificate,
): Promise<FastifyInstance> {
  const http = fastify({
    ...(certificate ? { serverFactory: (handler: RequestListener) => openHttps(certificate, handler) } : {}),
    // Of the addresses in X-Forwarded-For, the right-most one that is no proxy of ours counts: what is left of it, anybody can have written.
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    bodyLimit: bodyBytes,
    // An address that cannot be decoded reaches no route, nor the handler of errors.
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply, log),
    clientErrorHandler: answerUnreadable,
    requestTimeout: requestTimeoutMs,
    genReqId: request => requestIdOf(request.headers['x-request-id']),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 400 },
  })
  drain.watch(http)
  const isSecure = isSecureOrigin(config)
  await http.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // The component library writes its custom properties into style attributes; scripts have no such exception.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    hsts: isSecure ? { maxAge: 31_536_000, includeSubDomains: true } : false,
    // Private links carry their token in the path: it must not leave in a referrer.
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginEmbedderPolicy: false,
  })
  await http.register(cookies)
  await http.register(multipart, { limits: { fileSize: uploadLimits.fileBytes, files: uploadLimits.files, fields: 20, fieldSize: 65_536, parts: 30 } })
  await http.register(rateLimit, {
    max: perMinute.address,
    timeWindow: 60_000,
    // Never a credential: it is not verified yet, and a new one with each request would be a new share.
    keyGenerator: request => networkOf(request.ip),
    errorResponseBuilder: (_request, context) => tooMany(context.max, context.ttl),
  })
  // A body of this type would be taken for a JSON string.
  http.removeContentTypeParser('text/plain')
  // Many clients send the type of a body also where there is none, as to a route that takes none.
  // Read by whoever knows the route, once it is known who calls.
  http.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) =>
    isPlainUtf8(request) ? done(null, body.length === 0 ? undefined : body) : done(unsupportedType()),
  )
  boundBytesInFlight(http)
  packReplies(http)
  http.setErrorHandler((error, request, reply) => {
    if (hasHungUp(request)) {
      const route = request.routeOptions.url ?? 'none'
      metrics.requests.observe({ route, status: hungUpStatus }, reply.elapsedTime / 1_000)
      log.debug({ ...traceOf(request), err: error, route, method: request.method }, 'the client closed the connection')
      // There is nobody to answer.
      reply.hijack()
      return
    }
    if (problemOf(error).kind === 'unexpected') metrics.unexpected.inc({ kind: 'request' })
    return sendProblem(error, request, reply, log)
  })
  http.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    // The time that deadlines go by: pages show theirs by it.
    reply.header('date', new Date(clock.now()).toUTCString())
    const { traceparent } = request.headers
    if (typeof traceparent === 'string' && traceContext.test(traceparent)) reply.header('traceparent', traceparent)
  })
  http.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    metrics.requests.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000)
    // The route with its placeholders: addresses hold keys and private links.
    const line = { ...traceOf(request), route, method: request.method, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }
    if (probes.has(route)) log.debug(line, 'request')
    else log.info(line, 'request')
  })
  return http
}

/** JSON is UTF-8 (RFC 8259), and nothing of ours is sent packed: what says otherwise would be read as something else than was meant, here or by what stands in front. */
function isPlainUtf8({ headers }: FastifyRequest): boolean {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(headers['content-type'] ?? '') ?? []
  return /^utf-?8$/i.test(charset) && /^(identity)?$/i.test(headers['content-encoding'] ?? '')
}

const unsupportedType = () =>
  new AppProblem('unsupported-type', 'The content type is not supported. Send the body as application/json; only forms with files as multipart/form-data.')

/** Also called for each further address that a name stands for. */
function openHttps(certificate: ServerCertificate, handler: RequestListener): HttpsServer {
  const server = createHttpsServer({ ...certificate.options, requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveMs }, handler)
  certificate.follow(server)
  return server
}

/** Answers what is no request that HTTP knows, on the bare connection: there is no reply to send it by. */
function answerUnreadable(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, kind, detail] = unreadable[error.code ?? ''] ?? [400, 'invalid', 'This is no HTTP request.']
  const body = JSON.stringify({ ...problemDetails(kind, detail), status })
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'Content-Type: application/problem+json', `Content-Length: ${Buffer.byteLength(body)}`]
  if (socket.writable) socket.write(`${[...head, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`)
  socket.destroy(error)
}

/** By the code of Node's error; statuses that only they have are of the nearest kind of problem. */
const unreadable: Readonly<Record<string, readonly [status: number, ProblemKind, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'too-large', `The address and the headers of a request may have ${maxHeaderSize / 1_024} KiB in all.`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'invalid', 'The request took too long to arrive.'],
}

/** For the metrics, as nginx has it. */
const hungUpStatus = '499'

/** True when the connection was closed in the middle of the body: whatever failed then did so because of that. */
const hasHungUp = ({ raw }: FastifyRequest) => raw.destroyed && !raw.complete

/** What monitors ask every few seconds. */
const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])
/** W3C Trace Context, version 00. */
const traceContext = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : newId()
}

/** What ties lines of the log to a request: its id, and the trace that it is part of. */
function traceOf(request: FastifyRequest): { requestId: string; traceId?: string } {
  const traceId = traceContext.exec(String(request.headers.traceparent ?? ''))?.[1]
  return { requestId: request.id, ...(traceId === undefined ? {} : { traceId }) }
}

/** A request that was answered, by whatever part. */
export interface Answered {
  readonly request: FastifyRequest
  readonly method: string
  /** With placeholders for what stands in the address. */
  readonly route: string
  readonly status: number
  readonly origin: CallOrigin
  /** It carried a session cookie, or an authorization header; whether they are valid is not said. */
  readonly hasCredential: boolean
}

/** Mounts bindings: parse once, authorise, handle in a transaction, answer. */
export function mount<Caller>(http: FastifyInstance, services: HttpServices<Caller>, bindings: readonly Binding<Caller>[]): void {
  const limits = new CallerLimits()
  const bodies = new OwnBodies()
  http.addHook('onClose', () => bodies.close())
  http.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url
    if (route === undefined) return
    const { ip, userAgent, cookie } = connectionOf(services.config, request, reply)
    const hasCredential = request.headers.authorization !== undefined || cookie(sessionCookie) !== undefined
    services.answered({ request, method: request.method, route, status: reply.statusCode, origin: { address: ip, device: userAgent }, hasCredential })
  })
  for (const binding of bindings) {
    const { route, body } = binding
    const forms = new Gate(formsAtOnce)
    if (body) http.addHook('onClose', () => body.close())
    http.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ':$1'),
      ...(route.consumes === undefined ? { bodyLimit: maxBodyBytes(route) } : {}),
      // Of whoever may not call, nothing large is read.
      preParsing: async (request, _reply, payload) => {
        const length = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY)
        if (request.method !== 'GET' && length > maxHereBytes && !request.isMultipart()) await admit(services, binding, request)
        return payload
      },
      config: {
        isKnown: route.access.kind !== 'public' || body?.admit !== undefined,
        rateLimit: {
          max: route.access.kind === 'public' ? (route.perMinute ?? perMinute.public) : Math.max(perMinute.address, route.perMinute ?? 0),
          timeWindow: 60_000,
        },
      },
      handler: async (request, reply) => answer(services, limits, bodies, forms, binding, request, reply),
      ...(body?.tooLarge === undefined ? {} : { errorHandler: async (error, request, reply) => answerTooLarge(services, binding, error, request, reply) }),
    })
  }
}

async function admit<Caller>({ database, authorize }: HttpServices<Caller>, { route, body }: Binding<Caller>, request: FastifyRequest): Promise<void> {
  await authorize(database.reader(), route, request)
  await body?.admit?.(database.reader(), parse(route.params, request.params, 'path'))
}

/** The database as one request uses it: what it writes into the journal says from where the request came. */
function calledFrom(database: Database, origin: CallOrigin): Database {
  return {
    ...database,
    get connections() {
      return database.connections
    },
    transaction: (work, signal) => database.transaction(tx => work({ ...tx, origin }), signal),
  }
}

async function answer<Caller>(
  services: HttpServices<Caller>,
  limits: CallerLimits,
  bodies: OwnBodies,
  forms: Gate,
  binding: Binding<Caller>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { route } = binding
  const connection = connectionOf(services.config, request, reply)
  const database = calledFrom(services.drain.guard(services.database), { address: connection.ip, device: connection.userAgent })
  const key = route.method === 'GET' ? undefined : readKey(request.headers['idempotency-key'])
  const caller = await services.authorize(database.reader(), route, request)
  const name = services.nameOf(caller)
  if (name !== undefined) limits.count(route, name)
  const isForm = route.consumes === 'multipart/form-data'
  if (!isForm && request.isMultipart()) throw new AppProblem('unsupported-type', 'Send the body as application/json.')
  const { disk } = services
  const fileBytes = route.fileBytes ?? uploadLimits.fileBytes
  const form = isForm ? await receiveForm(request, { reader: database.reader(), disk, fileBytes, checks: binding.uploads }) : undefined
  try {
    // biome-ignore lint/plugin: each part was parsed by the route's own schema, which the compiler cannot follow through a route that is not known here
    const call = {
      params: parse(route.params, request.params, 'path'),
      query: parse(schemaOf(route, 'query'), request.query, 'query'),
      body: form ? parse(route.body, form.fields, 'body') : await bodyOf(bodies, binding, request.body),
      caller,
      files: form?.files ?? [],
      connection,
    } as unknown as Call<Route, Caller>
    const repeat = await repeatOf(services, database, call, key, route, reply)
    const run = () => binding.run(database, call, repeat)
    const result = await (form && form.files.length > 0 ? forms.pass(run) : run()).catch((error: unknown) => {
      throw database.unreadable.problemOf(error, idsIn(call)) ?? error
    })
    if (result instanceof Produced)
      return reply
        .code(route.status ?? 200)
        .headers({ 'content-type': route.produces ?? 'application/json', ...result.headers })
        .send(result.body)
    if (result === undefined) return reply.code(204).send()
    return reply
      .code(route.status ?? 200)
      .header('cache-control', 'no-store')
      .send(result)
  } finally {
    await form?.remove()
  }
}

/** Answers a request that failed: one whose body is too large is taken note of, every other one is refused as anywhere. */
async function answerTooLarge<Caller>(
  services: HttpServices<Caller>,
  { route, body }: Binding<Caller>,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { kind, message } = problemOf(error, request.routeOptions.bodyLimit)
  if (kind !== 'too-large' || body?.tooLarge === undefined) throw error
  const { ip, userAgent } = connectionOf(services.config, request, reply)
  const database = calledFrom(services.drain.guard(services.database), { address: ip, device: userAgent })
  const result = await body.tooLarge(database, parse(route.params, request.params, 'path'), message)
  dropUnread(request, reply)
  return reply
    .code(route.status ?? 200)
    .header('cache-control', 'no-store')
    .send(result)
}

async function bodyOf<Caller>(bodies: OwnBodies, { route, body }: Binding<Caller>, bytes: unknown): Promise<unknown> {
  if (!Buffer.isBuffer(bytes)) return parse(route.body, undefined, 'body')
  return body ? body.read(bytes) : bodies.read(route, bytes)
}

/** The records that a call is about. */
const idsIn = ({ params, body }: { readonly params: unknown; readonly body: unknown }) => [
  ...Object.values(params ?? {}),
  typeof body === 'object' && body !== null && 'id' in body ? body.id : undefined,
]

/**
 * What a request with an `Idempotency-Key` is run through. Answers that are no JSON, and those that set a cookie (a replay would hand a session to whoever
 * repeats the request), are not kept: such a request runs each time.
 */
async function repeatOf<Caller>(
  { idempotency, nameOf }: HttpServices<Caller>,
  database: Database,
  call: Call<Route, Caller>,
  key: string | undefined,
  route: Route,
  reply: FastifyReply,
): Promise<Repeat> {
  if (key === undefined) return { inside: (_, work) => work(), around: work => work() }
  const request = await describeRequest(key, nameOf(call.caller), `${route.method} ${route.path}`, call)
  const answerOf = ({ result, isReplayed }: Once) => {
    if (!isReplayed) return result
    reply.header('idempotent-replayed', 'true')
    return result ?? undefined
  }
  const isKept = () => !repliesWithCookie.has(reply)
  return {
    inside: async (tx, work) => answerOf(await idempotency.command(tx, request, work, isKept)),
    around: async work => answerOf(await idempotency.workflow(database, request, work, result => isKept() && !(result instanceof Produced))),
  }
}

const isSecureOrigin = (config: Config) => (config.publicUrl === undefined ? hasOwnTls(config) : config.publicUrl.startsWith('https://'))

/** The name that a cookie has in the browser: under https one that no other host of the domain can set (RFC 6265bis, section 4.1.3.2). */
export const cookieName = (config: Config, name: string) => (isSecureOrigin(config) ? `__Host-${name}` : name)

/** Replies that set or clear a cookie. */
const repliesWithCookie = new WeakSet<FastifyReply>()

function connectionOf(config: Config, request: FastifyRequest, reply: FastifyReply): Connection {
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecureOrigin(config) } as const
  return {
    ip: request.ip,
    userAgent: (request.headers['user-agent'] ?? '').slice(0, 300),
    cookie: name => request.cookies[cookieName(config, name)],
    setCookie: (name, value, maxAgeSeconds) =>
      void repliesWithCookie.add(reply.setCookie(cookieName(config, name), value, { ...options, maxAge: maxAgeSeconds })),
    // Not its storage: the service worker stays, and with it the pages that it is sent.
    clearCookie: name => void repliesWithCookie.add(reply.clearCookie(cookieName(config, name), options).header('clear-site-data', '"cache", "cookies"')),
    onClose: gone => void request.raw.socket.once('close', gone),
  }
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const problem = problemOf(error, request.routeOptions.bodyLimit)
  dropUnread(request, reply)
  if (problem.kind === 'unavailable') {
    log.warn({ ...traceOf(request), err: error, route: request.routeOptions.url, method: request.method }, 'a request could not be served')
    if (!reply.hasHeader('retry-after')) reply.header('retry-after', String(problem.retryAfterSeconds ?? retryAfterSeconds))
  } else if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', String(problem.retryAfterSeconds))
  if (problem.kind === 'unexpected') log.error({ ...traceOf(request), err: error, route: request.routeOptions.url, method: request.method }, 'a request failed')
  if (problem !== error && constraintProblem(error))
    log.warn({ ...traceOf(request), err: error, route: request.routeOptions.url }, 'a request violated a database constraint')
  return reply
    .code(problemKinds[problem.kind])
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problemDetails(problem.kind, problem.message, problem.errors)))
}

/** What is still to come of a body is dropped, and the connection stays: who never learns that a batch is too large sends it again for ever. */
function dropUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.complete) return
  reply.removeHeader('connection')
  request.raw.unpipe()
  dropRest(request.raw)
}

function problemOf(error: unknown, maxBytes = bodyBytes): AppProblem {
  if (error instanceof AppProblem) return error
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return new AppProblem('too-large', `A file is larger than ${uploadLimits.fileBytes / 1_048_576} MB.`)
  if (code === 'FST_FILES_LIMIT') return new AppProblem('too-large', `At most ${uploadLimits.files} files can be sent at once.`)
  if (statusCode === 413)
    return new AppProblem('too-large', `The request is larger than ${maxBytes < 1_048_576 ? `${maxBytes / 1_024} kB` : `${maxBytes / 1_048_576} MB`}.`)
  if (statusCode === 415) return unsupportedType()
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new AppProblem('invalid', String(message))
  if (isUnavailable(error)) return new AppProblem('unavailable', 'The database does not respond. Try again in a moment.')
  const violated = constraintProblem(error)
  if (violated) return violated
  return new AppProblem('unexpected', 'Internal error. The details were logged.')
}

/** True when a browser's request comes from our own pages: what a session cookie may be used for (CSRF). */
export function isSameOrigin(config: Config, request: FastifyRequest): boolean {
  const { origin } = request.headers
  if (origin !== undefined) {
    if (!URL.canParse(origin)) return false
    if (config.publicUrl !== undefined && isEqual(origin, config.publicUrl)) return true
    const { host, protocol } = new URL(origin)
    // A page that came without TLS may be anybody's on the way: it does not speak for a host that has it.
    const isAsSafe = protocol === 'https:' || (request.protocol === 'http' && !config.publicUrl?.startsWith('https://'))
    return host === request.host && isAsSafe
  }
  return request.headers['sec-fetch-site'] === 'same-origin'
}

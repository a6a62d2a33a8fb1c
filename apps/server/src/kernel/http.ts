import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import cookies from '@fastify/cookie'
import helmet from '@fastify/helmet'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import { problemKinds, type Route, type RouteInput, type RouteReply } from '@tocsin/api'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { z } from 'zod'
import type { Config } from './config.ts'
import { type Database, isSqlState, type Reader, type Tx, transactionRetried } from './database.ts'
import type { ReceivedFile } from './files.ts'
import { AppProblem, type FieldError, problemDetails } from './problems.ts'
import { isEqual, secretDigest } from './secrets.ts'
import type { Log, Metrics } from './telemetry.ts'

export const uploadLimits = { fileBytes: 20 * 1_048_576, files: 5 } as const
const bodyBytes = 4 * 1_048_576

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

/** A route of the contract with the function that answers it. */
export interface Binding<Caller> {
  readonly route: Route
  readonly run: (database: Database, call: Call<Route, Caller>) => Promise<unknown>
}

/** Binds an act: it runs in one transaction, which is committed before the reply leaves. */
export function bindCommand<R extends Route, Caller>(route: R, handler: CommandHandler<R, Caller>): Binding<Caller> {
  return { route, run: (database, call) => transactionRetried(database, tx => (handler as CommandHandler<Route, Caller>)(tx, call)) }
}

/** Binds a question: it reads, and writes nothing. */
export function bindQuery<R extends Route, Caller>(route: R, handler: QueryHandler<R, Caller>): Binding<Caller> {
  if (route.method !== 'GET' || route.isReadRecorded) throw new Error(`${route.method} ${route.path} is an act, not a question`)
  return { route, run: (database, call) => (handler as QueryHandler<Route, Caller>)(database.reader(), call) }
}

/** Binds what is neither: it takes several transactions, or none, such as an export that must be sealed before it is read. */
export function bindWorkflow<R extends Route, Caller>(route: R, handler: WorkflowHandler<R, Caller>): Binding<Caller> {
  return { route, run: handler as Binding<Caller>['run'] }
}

export interface HttpServices<Caller> {
  readonly config: Config
  readonly database: Database
  readonly log: Log
  readonly metrics: Metrics
  /** Says who calls, and refuses who may not call this route. */
  readonly authorize: (reader: Reader, route: Route, request: FastifyRequest) => Promise<Caller>
}

/** The HTTP server with everything that guards it, and no routes yet. */
export async function openHttp(config: Config, log: Log, metrics: Metrics): Promise<FastifyInstance> {
  const http = fastify({
    trustProxy: config.isProxyTrusted,
    bodyLimit: bodyBytes,
    requestTimeout: 120_000,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 400 },
  })
  const isSecure = config.publicUrl?.startsWith('https://') === true
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
    hsts: isSecure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    // Private links carry their token in the path: it must not leave in a referrer.
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginEmbedderPolicy: false,
  })
  await http.register(cookies)
  await http.register(multipart, { limits: { fileSize: uploadLimits.fileBytes, files: uploadLimits.files, fields: 20, fieldSize: 65_536, parts: 30 } })
  await http.register(rateLimit, {
    max: 1_200,
    timeWindow: 60_000,
    // People behind one address do not use up each other's share once they are signed in.
    keyGenerator: request => `${request.ip} ${callerDigest(request)}`,
    errorResponseBuilder: (_request, context) =>
      new AppProblem('too-many', `Too many requests: at most ${context.max} a minute here. Try again in ${Math.ceil(context.ttl / 1_000)} seconds.`),
  })
  http.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log))
  http.addHook('onResponse', async (request, reply) => {
    metrics.requests.observe({ route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1_000)
  })
  return http
}

function callerDigest(request: FastifyRequest): string {
  const credential = request.cookies.tocsin_session ?? request.headers.authorization
  return credential === undefined ? '' : secretDigest(credential).slice(0, 16)
}

/** Mounts bindings: parse once, authorise, handle in a transaction, answer. */
export function mount<Caller>(http: FastifyInstance, services: HttpServices<Caller>, bindings: readonly Binding<Caller>[]): void {
  for (const binding of bindings) {
    const { route } = binding
    http.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ':$1'),
      config: { rateLimit: { max: route.perMinute ?? 1_200, timeWindow: 60_000 } },
      handler: async (request, reply) => answer(services, binding, request, reply),
    })
  }
}

async function answer<Caller>(services: HttpServices<Caller>, binding: Binding<Caller>, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { route } = binding
  const { database } = services
  const caller = await services.authorize(database.reader(), route, request)
  if (route.consumes === 'multipart/form-data' && !request.isMultipart()) throw new AppProblem('invalid', 'This route takes multipart/form-data.')
  const form = route.consumes === 'multipart/form-data' ? await receiveForm(request, route.fileBytes ?? uploadLimits.fileBytes) : undefined
  try {
    // biome-ignore lint/plugin: each part was parsed by the route's own schema, which the compiler cannot follow through a route that is not known here
    const call = {
      params: parse(route.params, request.params),
      query: parse(route.query, request.query),
      body: parse(route.body, form ? form.fields : request.body),
      caller,
      files: form?.files ?? [],
      connection: connectionOf(services.config, request, reply),
    } as unknown as Call<Route, Caller>
    const result = await binding.run(database, call)
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

function parse(schema: z.ZodType | undefined, value: unknown): unknown {
  if (!schema) return undefined
  const unstorable = findUnstorable(value, [])
  if (unstorable)
    throw new AppProblem('invalid', `${unstorable}: must be text without NUL and without broken surrogates.`, [
      { path: unstorable, message: 'must be text without NUL and without broken surrogates' },
    ])
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const errors = fieldErrors(parsed.error.issues)
  throw new AppProblem(
    'invalid',
    errors
      .map(error => `${error.path || 'body'}: ${error.message}`)
      .join('; ')
      .slice(0, 2_000),
    errors,
  )
}

/** PostgreSQL keeps neither NUL nor half a surrogate pair: the path of a text that has one. */
function findUnstorable(value: unknown, path: readonly (string | number)[]): string | undefined {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? path.join('.') || 'body' : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, member] of Object.entries(value)) {
    const found = key.includes('\0') || !key.isWellFormed() ? path.join('.') || 'body' : findUnstorable(member, [...path, key])
    if (found) return found
  }
  return undefined
}

/** One line a bad field. Of a union's branches the one that got furthest speaks: it is the one that was meant. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[] = []): FieldError[] {
  return issues.flatMap(issue => {
    const path = [...prefix, ...issue.path]
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]
      if (deepest) return fieldErrors(deepest, path)
    }
    return [{ path: path.map(String).join('.'), message: issue.message.replace(/^Invalid input: /, '') }]
  })
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map(issue => issue.path.length))
}

async function receiveForm(
  request: FastifyRequest,
  fileBytes: number,
): Promise<{ fields: Record<string, string>; files: ReceivedFile[]; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-upload-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  const fields: Record<string, string> = {}
  const files: ReceivedFile[] = []
  try {
    for await (const part of request.parts({ limits: { fileSize: fileBytes } })) {
      if (part.type === 'field') {
        if (typeof part.value === 'string') fields[part.fieldname] = part.value
        continue
      }
      const path = join(folder, String(files.length))
      await pipeline(part.file, createWriteStream(path, { mode: 0o600 }))
      if (part.file.truncated) throw new AppProblem('too-large', `The file ${part.filename} is larger than ${fileBytes / 1_048_576} MB.`)
      // A file field left empty in a form comes as a nameless file.
      if (part.filename) files.push({ name: part.filename, mediaType: part.mimetype, path })
    }
    return { fields, files, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

function connectionOf(config: Config, request: FastifyRequest, reply: FastifyReply): Connection {
  const isSecure = config.publicUrl?.startsWith('https://') === true
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure } as const
  return {
    ip: request.ip,
    userAgent: (request.headers['user-agent'] ?? '').slice(0, 300),
    cookie: name => request.cookies[name],
    setCookie: (name, value, maxAgeSeconds) => void reply.setCookie(name, value, { ...options, maxAge: maxAgeSeconds }),
    clearCookie: name => void reply.clearCookie(name, options),
    onClose: gone => void request.raw.socket.once('close', gone),
  }
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const problem = problemOf(error)
  if (problem.kind === 'unexpected') log.error({ err: error, route: request.routeOptions.url, method: request.method }, 'a request failed')
  return reply
    .code(problemKinds[problem.kind])
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problemDetails(problem.kind, problem.message, problem.errors)))
}

function problemOf(error: unknown): AppProblem {
  if (error instanceof AppProblem) return error
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return new AppProblem('too-large', 'A file is larger than 20 MB.')
  if (code === 'FST_FILES_LIMIT') return new AppProblem('too-large', `At most ${uploadLimits.files} files can be sent at once.`)
  if (statusCode === 413) return new AppProblem('too-large', `The request is larger than ${bodyBytes / 1_048_576} MB.`)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new AppProblem('invalid', String(message))
  if (code === 'ECONNREFUSED' || isSqlState(error, '57P01') || isSqlState(error, '57P03') || isSqlState(error, '55P03'))
    return new AppProblem('unavailable', 'The database does not answer. Try again in a moment.')
  return new AppProblem('unexpected', 'Something went wrong on our side. It was logged.')
}

/** True when a browser's request comes from our own pages: what a session cookie may be used for (CSRF). */
export function isSameOrigin(config: Config, request: FastifyRequest): boolean {
  const { origin } = request.headers
  if (origin !== undefined) {
    if (!URL.canParse(origin)) return false
    if (config.publicUrl !== undefined && isEqual(origin, config.publicUrl)) return true
    return new URL(origin).host === request.host
  }
  return request.headers['sec-fetch-site'] === 'same-origin'
}

import type { Problem } from './problem.ts'
import type { CallInput, CallReply, Route } from './route.ts'
import { type RouteName, routes } from './routes.ts'

/** A reply that is not a success, with the problem details that the server gave. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem
  /** Why no reply came where none did: nobody was found, or the time for it has passed, and it is not known whether the call was heard. */
  readonly unanswered: 'unreachable' | 'late' | undefined
  constructor(problem: Problem, unanswered?: 'unreachable' | 'late') {
    super(problem.detail)
    this.problem = problem
    this.unanswered = unanswered
  }
}

type Routes = typeof routes
type RequiredKeys<T> = { [K in keyof T]-?: {} extends Pick<T, K> ? never : K }[keyof T]
type Args<R extends Route> = RequiredKeys<CallInput<R>> extends never ? [input?: CallInput<R>] : [input: CallInput<R>]

export interface ClientOptions {
  /** Origin of the server, for example `https://tocsin.example`; empty in the browser. */
  readonly origin: string
  readonly apiKey?: string
  readonly fetch?: typeof fetch
  /** How often a call is repeated that found nobody or a server that is away (503); none without it. Every call that changes something has a key of its own, so that a repetition does nothing twice. */
  readonly retries?: number
  /** How long a call may take with its repetitions, other than a download or an upload; a little longer than the server gives a request without it. */
  readonly replySeconds?: number
}

/** Calls one route of the API by its name: the types of what goes in and comes out are the contract's. */
export type Call = <Name extends RouteName>(name: Name, ...input: Args<Routes[Name]>) => Promise<CallReply<Routes[Name]>>

/**
 * The typed client, for the pages, the command line and the tests.
 * Every failure is a ProblemError, one of the network too (type `urn:tocsin:problem:unavailable`).
 */
export function createClient(options: ClientOptions): Call & { raw: (name: RouteName, input?: object) => Promise<Response> } {
  const send = options.fetch ?? fetch
  const replyMs = (options.replySeconds ?? defaultReplySeconds) * 1_000
  async function raw(name: RouteName, input: object = {}): Promise<Response> {
    const route: Route = routes[name]
    const { params = {}, query = {}, body } = input as { params?: Record<string, string>; query?: Record<string, unknown>; body?: unknown }
    const path = route.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? ''))
    const search = new URLSearchParams()
    for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value))
    const url = `${options.origin}${path}${search.size > 0 ? `?${search}` : ''}`
    const isForm = body instanceof FormData
    const request = {
      method: route.method,
      headers: {
        ...(options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}),
        ...(body !== undefined && !isForm ? { 'content-type': 'application/json' } : {}),
        ...(route.method === 'GET' ? {} : { 'idempotency-key': idempotencyKey() }),
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    }
    // Downloads and uploads take as long as they are large.
    const isBounded = route.produces === undefined && !isForm
    const deadline = isBounded ? AbortSignal.timeout(replyMs) : undefined
    for (let attempt = 0; ; attempt += 1) {
      const reply = await send(url, { ...request, ...(deadline ? { signal: deadline } : {}) }).catch((error: unknown) => {
        const isLate = deadline?.aborted === true
        if (!isLate && attempt < (options.retries ?? 0)) return undefined
        const problem = { type: 'urn:tocsin:problem:unavailable', title: 'Not reachable', status: 503 }
        const address = options.origin || 'this address'
        throw isLate
          ? new ProblemError({ ...problem, detail: `Tocsin at ${address} gave no answer within ${replyMs / 1_000} seconds.` }, 'late')
          : new ProblemError({ ...problem, detail: `Tocsin cannot be reached at ${address} (${reasonOf(error)}).` }, 'unreachable')
      })
      if (reply?.ok) return reply
      if (reply !== undefined && (reply.status !== 503 || attempt >= (options.retries ?? 0))) throw new ProblemError(await problemOf(reply))
      await new Promise(resolve => setTimeout(resolve, retryAfterMs * 2 ** attempt))
    }
  }
  const call = async (name: RouteName, input?: object) => {
    const reply = await raw(name, input)
    const route: Route = routes[name]
    if (route.produces) return reply.text()
    return reply.status === 204 ? undefined : reply.json()
  }
  // One cast at the edge: the replies are typed by the contract that the server is checked against.
  return Object.assign(call as Call, { raw })
}

/** Why nothing answered: `fetch` itself says only that it failed, and its cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!(error.cause instanceof Error)) return error.message
  // Several addresses were tried: the cause has no message, but the code of them all.
  return error.cause.message || ('code' in error.cause ? String(error.cause.code) : error.message)
}

const retryAfterMs = 500
/** A little longer than the server gives a request. */
const defaultReplySeconds = 130

/** A key for one request: 128 random bits. (`crypto.randomUUID` is missing from pages that are not served over https.) */
export function idempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}

async function problemOf(reply: Response): Promise<Problem> {
  const text = await reply.text()
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.detail === 'string') return problem
  } catch {
    // Not JSON: something between here and the server answered; its status is all that can be told.
  }
  return { type: 'urn:tocsin:problem:unexpected', title: 'Unexpected reply', status: reply.status, detail: `The server answered ${reply.status}.` }
}

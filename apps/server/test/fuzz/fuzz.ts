import { roles, scopes } from '@tocsin/api'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { z } from 'zod'
import type { World } from '../world.ts'
import { Random } from './random.ts'
import { kindOf, type Schema, Values } from './values.ts'

const Content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()).optional() }))
const Operation = z.object({
  operationId: z.string(),
  parameters: z
    .array(z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']), required: z.boolean().optional(), schema: z.record(z.string(), z.unknown()) }))
    .optional(),
  requestBody: z.object({ content: Content }).optional(),
  responses: z.record(z.string(), z.object({ content: Content.optional() })),
})
const Document = z.object({
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
})
type Operation = z.output<typeof Operation> & { readonly path: string; readonly method: string }

/** An answer that must not have been. */
interface Finding {
  readonly route: string
  readonly what: string
  readonly request: string
}

export interface Fuzzed {
  readonly inputs: number
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>
  /** Routes of the document that took at least one input as right, and those that took none. */
  readonly accepted: readonly string[]
  readonly neverAccepted: readonly string[]
  readonly slowestMs: number
  readonly findings: readonly Finding[]
}

interface FuzzOptions {
  readonly inputs: number
  readonly seed: number
  /** An answer that takes longer counts as none. */
  readonly answerMs: number
}

/** Requests under way at a time. */
const lanes = 4
/** Inputs between two looks at whether everybody is still signed in, and everything due is done. */
const roundInputs = 500
/** Findings after which there is no point in going on, and those of one route that are kept: what is broken is broken each time. */
const maxFindings = 20
const maxFindingsOfRoute = 3
/** They end the accounts and the data that the other inputs are about, or stream without end. */
const left: ReadonlySet<string> = new Set(['liveEvents', 'signOut', 'loadDemo', 'removeDemo'])

/**
 * Sends inputs made from the server's own OpenAPI document to each of its routes in turn: right ones, ones with a part or many parts wrong, and bodies that are
 * no JSON, as people of each role, as a service account and as nobody. Every answer must come in time, be no fault of the server, be one that the document
 * describes, and fit its schema.
 */
export async function fuzz(world: World, { inputs, seed, answerMs }: FuzzOptions): Promise<Fuzzed> {
  const random = new Random(seed)
  const document = Document.parse(await (await fetch(`${world.origin}/api/openapi.json`)).json())
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() })),
  )
  const routes = operations.filter(({ operationId }) => !left.has(operationId))
  const schemas = new AnswerSchemas(document)
  const values = new Values(random, document.components.schemas)
  const statuses: Record<string, number> = {}
  const accepted = new Set<string>()
  const findings: Finding[] = []
  const limits = new Limits()
  // Something to be about: teams, services, incidents in every phase.
  await (await world.person('administrator')).call('loadDemo')
  let callers = await signIn(world)
  let slowestMs = 0
  let sent = 0
  let turn = 0

  const one = async (): Promise<void> => {
    const operation = routes[turn++ % routes.length]
    if (operation === undefined || !limits.take(operation.operationId)) return
    const { url, init, text } = requestOf(operation, random, values)
    const headers = { ...init.headers, ...random.pick(callers) }
    const started = performance.now()
    const found = (what: string) => {
      const { operationId: route, method } = operation
      if (findings.filter(other => other.route === route).length < maxFindingsOfRoute)
        findings.push({ route, what, request: `${method} ${url} ${text.slice(0, 2_000)}` })
    }
    try {
      const reply = await fetch(`${world.origin}${url}`, { ...init, headers, redirect: 'manual', signal: AbortSignal.timeout(answerMs) })
      const answer = await reply.text()
      slowestMs = Math.max(slowestMs, performance.now() - started)
      sent += 1
      statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
      if (reply.status === 429) limits.reached(operation.operationId)
      if (reply.ok) {
        accepted.add(operation.operationId)
        if (isJson(reply)) values.learn(JSON.parse(answer), kindOf(folderOf(operation.path)))
      }
      const wrong = schemas.wrongWith(operation, reply, answer)
      if (wrong !== undefined) found(wrong)
    } catch (error) {
      sent += 1
      found(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
    }
  }
  while (sent < inputs && findings.length < maxFindings) {
    const end = Math.min(inputs, sent + roundInputs)
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (sent < end && findings.length < maxFindings) await one()
      }),
    )
    await world.settle()
    if (!(await areSignedIn(world, callers))) callers = await signIn(world)
  }
  const names = routes.map(({ operationId }) => operationId)
  return {
    inputs: sent,
    statuses,
    accepted: names.filter(name => accepted.has(name)),
    neverAccepted: names.filter(name => !accepted.has(name)),
    slowestMs,
    findings,
  }
}

type Headers = Readonly<Record<string, string>>

/** A person of each role, several of whom may do everything, a service account with every scope, and nobody. */
async function signIn(world: World): Promise<Headers[]> {
  const people = await Promise.all([...roles, 'administrator' as const, 'administrator' as const, 'lead' as const].map(role => world.person(role)))
  const administrator = await world.person('administrator')
  const { secret } = await administrator.call('createApiKey', { body: { name: 'fuzzer', role: 'administrator', scopes: [...scopes] } })
  return [...people.map(({ cookie }) => ({ cookie, origin: world.origin })), { authorization: `Bearer ${secret}` }, { origin: world.origin }]
}

/** An input may have ended a session, revoked the key, or taken a role away. */
async function areSignedIn(world: World, callers: readonly Headers[]): Promise<boolean> {
  const replies = await Promise.all(
    callers.filter(headers => 'cookie' in headers || 'authorization' in headers).map(headers => fetch(`${world.origin}/api/v1/services`, { headers })),
  )
  for (const reply of replies) await reply.body?.cancel()
  return replies.every(reply => reply.ok)
}

/** Routes that had enough in this minute are passed over, so that inputs are spent where they are looked at. */
class Limits {
  #full = new Set<string>()
  #endsAt = 0

  take(route: string): boolean {
    if (performance.now() >= this.#endsAt) {
      this.#full = new Set()
      this.#endsAt = performance.now() + 60_000
    }
    return !this.#full.has(route)
  }

  reached(route: string): void {
    this.#full.add(route)
  }
}

function requestOf(
  operation: Operation,
  random: Random,
  values: Values,
): { url: string; init: { method: string; headers: Record<string, string>; body?: string | FormData }; text: string } {
  // Two in three are right, so that what lies behind the first check is met; the others have one wrong part, or many.
  const wildness = random.pick([0, 0, 0, 0, 3, 40])
  const wildPath = random.once(40)
  let url = operation.path
  const query = new URLSearchParams()
  for (const { name, in: place, required, schema } of operation.parameters ?? []) {
    if (place === 'path') {
      const folder = url.split(`/{${name}}`)[0]?.split('/').at(-1) ?? ''
      url = url.replace(`{${name}}`, encoded(textOf(wildPath ? values.hostile() : values.inAddress(schema, wildness, folder))))
    } else if (place === 'query' && (required === true || random.once(name === 'cursor' ? 20 : 2)))
      query.append(name, textOf(values.of(schema, wildness, name)))
  }
  if (random.below(100) < wildness) query.append(random.pick(['limit', 'cursor', 'unknown', '__proto__']), textOf(values.hostile()).slice(0, 5_000))
  if (query.size > 0) url += `?${query}`
  const headers: Record<string, string> = {}
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  if (type === undefined) return { url, init: { method: operation.method, headers }, text: '' }
  const body = values.of(content?.schema ?? {}, wildness, kindOf(folderOf(operation.path)))
  if (type === 'multipart/form-data') {
    const form = new FormData()
    for (const [name, value] of Object.entries(typeof body === 'object' && body !== null ? body : {})) form.append(name.toWellFormed(), textOf(value))
    if (random.once(2)) form.append('files', new File([textOf(values.hostile())], random.pick(['a.txt', '../../x', 'a\r\nb.eml', ''])))
    return { url, init: { method: operation.method, headers, body: form }, text: JSON.stringify(body) ?? '' }
  }
  headers['content-type'] = random.once(60) ? random.pick(['text/plain', 'application/xml', 'application/json; charset=utf-16', '']) : type
  const text = JSON.stringify(body) ?? ''
  const sent = random.once(40) ? random.pick([text.slice(0, -1), `\ufeff${text}`, '{', 'null', '[]', '"', `${text}${text}`, '\u0000']) : text
  return { url, init: { method: operation.method, headers, body: sent }, text: sent }
}

const isJson = (reply: Response) => reply.headers.get('content-type')?.startsWith('application/json') === true
/** What an address is of: the last part of it that is no placeholder, before one or at the end. */
const folderOf = (path: string) => /([\w-]+)(?:\/\{\w+\})?$/.exec(path)?.[1] ?? ''

/** A value where only text can stand. */
const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed()

const encoded = (text: string) => encodeURIComponent(text.slice(0, 500).toWellFormed()) || '%00'

/** What the document says that a route answers. */
class AnswerSchemas {
  readonly #ajv = new Ajv2020({ strict: false })
  readonly #components: z.output<typeof Document>['components']
  readonly #checks = new Map<Schema, ValidateFunction>()

  constructor({ components }: z.output<typeof Document>) {
    addFormats.default(this.#ajv)
    this.#components = components
  }

  /** What is wrong with an answer; undefined where nothing is. */
  wrongWith(operation: Operation, reply: Response, text: string): string | undefined {
    if (reply.status >= 500) return `answers ${reply.status}: ${text.slice(0, 500)}`
    const type = reply.headers.get('content-type')?.split(';')[0]
    const isRight = reply.status < 300
    const described = operation.responses[isRight ? String(reply.status) : 'default']
    if (described === undefined) return `answers ${reply.status}, which the document does not describe`
    const [media, content] = Object.entries(described.content ?? {})[0] ?? []
    if (media === undefined) return text === '' ? undefined : `answers ${reply.status} with a body: ${text.slice(0, 200)}`
    if (type !== media) return `answers ${reply.status} as ${type}, where the document says ${media}: ${text.slice(0, 200)}`
    if (content?.schema === undefined) return undefined
    const check = this.#check(content.schema)
    if (!check(JSON.parse(text)))
      return `answers ${reply.status} with what does not fit its schema: ${this.#ajv.errorsText(check.errors)} in ${text.slice(0, 1_000)}`
    if (!isRight && /\b(select|insert into|update) .* (from|values|set) |node:internal|\.ts:\d+/.test(text)) return `tells of its inside: ${text.slice(0, 500)}`
    return undefined
  }

  #check(schema: Schema): ValidateFunction {
    const known = this.#checks.get(schema)
    if (known !== undefined) return known
    // What it refers to stands where the whole document has it.
    const made = this.#ajv.compile({ ...schema, components: this.#components })
    this.#checks.set(schema, made)
    return made
  }
}

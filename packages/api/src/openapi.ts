import { z } from 'zod'
import { sessionCookie } from './access.ts'
import { Problem, problemKinds } from './problem.ts'
import { maxBodyBytes, type Route } from './route.ts'
import { type RouteName, routes } from './routes.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document of the whole API, made from the same schemas that validate it. */
export function openApiDocument(server: { version: string; url: string }): Json {
  const schemas: Json = {}
  const paths: Record<string, Json> = {}
  for (const name of Object.keys(routes) as RouteName[]) {
    const route: Route = routes[name]
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(name, route, schemas) }
  }
  // Puts it among the schemas, by its id: no operation has it as its body.
  jsonSchema(z.object({ problem: Problem }), 'output', schemas)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tocsin',
      version: server.version,
      description: `Security incident management. Errors are RFC 9457 problem details of one of these types: ${Object.keys(problemKinds)
        .map(kind => `urn:tocsin:problem:${kind}`)
        .join(', ')}.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: server.url }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: `${server.url.startsWith('https://') ? '__Host-' : ''}${sessionCookie}` },
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key' },
      },
    },
  }
}

function operation(name: RouteName, route: Route, schemas: Json): Json {
  const parameters = [
    ...parametersOf(route.params, 'path', schemas),
    ...parametersOf(route.query, 'query', schemas),
    ...(route.method === 'GET' ? [] : [idempotencyKeyHeader]),
  ]
  const status = route.reply || route.produces ? String(route.status ?? 200) : '204'
  const content = route.produces
    ? { [route.produces]: {} }
    : route.reply
      ? { 'application/json': { schema: jsonSchema(route.reply, 'output', schemas) } }
      : undefined
  return {
    operationId: name,
    tags: [route.path.split('/')[3] ?? 'system'],
    summary: route.summary,
    description: accessSentence(route),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? {
          requestBody: {
            ...(route.consumes ? {} : { description: `At most ${maxBodyBytes(route) / 1_024} KiB.` }),
            required: true,
            content: {
              [route.consumes ?? 'application/json']: { schema: jsonSchema(route.body, route.isFromOtherSoftware ? 'foreign input' : 'input', schemas) },
            },
          },
        }
      : {}),
    responses: {
      [status]: { description: 'Done', ...(content ? { content } : {}) },
      default: { description: 'A problem', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
    },
    ...securityOf(route),
  }
}

const idempotencyKeyHeader: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'A unique random string per request. If the same request is retried with the same key within 24 hours, the stored response is returned with the header Idempotent-Replayed. A different request with the same key returns 422. Responses that are not JSON or set a cookie are not stored.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
}

function securityOf(route: Route): Json {
  if (route.access.kind === 'public') return { security: [] }
  const hasKey = route.access.kind === 'role' && route.access.scope !== null
  return { security: hasKey ? [{ session: [] }, { apiKey: [] }] : [{ session: [] }] }
}

/** Who may call a route, in words. */
export function accessSentence(route: Route): string {
  const { access } = route
  if (access.kind === 'public') return `No authentication${access.isForMonitors ? ', unless TOCSIN_MONITORING_TOKEN is set' : ''}: ${access.because}.`
  const recent = route.needsRecentFactor ? ' A person must have given a factor in the last 10 minutes.' : ''
  if (access.kind === 'signed-in') return `Requires a signed-in person.${recent}`
  return `Requires the role ${access.role} or above${access.scope ? `, or an API key with the scope ${access.scope}` : '; API keys are not accepted'}.${recent}`
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query', schemas: Json): Json[] {
  if (!schema) return []
  const object = jsonSchema(schema, 'input', schemas) as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(object.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || object.required?.includes(name) === true,
    schema: property,
  }))
}

/** A JSON Schema of a Zod schema; the ones with an id go to `schemas` and are referred to. */
function jsonSchema(schema: z.ZodType, kind: 'input' | 'foreign input' | 'output', schemas: Json): Json {
  // A request must have no field that is not known (`unknown-fields.ts`).
  const override = ({ zodSchema, jsonSchema: made }: { zodSchema: z.core.$ZodTypes; jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (kind === 'input' && zodSchema._zod.def.type === 'object') made.additionalProperties ??= false
  }
  const made = z.toJSONSchema(schema, { io: kind === 'output' ? 'output' : 'input', unrepresentable: 'any', reused: 'inline', override }) as Json & {
    $defs?: Json
  }
  const { $defs, $schema: _, ...rest } = made
  for (const [id, definition] of Object.entries($defs ?? {})) schemas[id] = rewriteRefs(definition)
  return rewriteRefs(rest) as Json
}

function rewriteRefs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewriteRefs)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'id' || typeof (value as Json).id !== 'string')
      .map(([key, member]) => [key, key === '$ref' && typeof member === 'string' ? member.replace('#/$defs/', '#/components/schemas/') : rewriteRefs(member)]),
  )
}

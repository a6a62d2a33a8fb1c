import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppProblem, invalid } from '../kernel/problems.ts'
import type { EventIntake } from './intake.ts'
import type { Parsers } from './parsers.ts'
import type { BulkItem } from './shipped.ts'
import type { KnownSources, LogSourceRow } from './sources.ts'

/**
 * Where shippers send to: their own protocols at the secret address of a source. These are not operations of our API (they have no
 * schema of ours, and no caller but a key), so they stand beside the contract and are described in docs/detection.md.
 */
export function mountShipping(http: FastifyInstance, sources: KnownSources, intake: EventIntake, parsers: Parsers): void {
  http.register(async shipping => {
    shipping.removeAllContentTypeParsers()
    shipping.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    const options = { bodyLimit: maxBodyBytes, config: { rateLimit: { max: 600_000, timeWindow: 60_000 } } }
    const opened = new WeakMap<FastifyRequest, LogSourceRow>()
    // Before the body is read, and after requests were counted: who has no key sends nothing.
    shipping.addHook('preParsing', async (request, _reply, payload) => {
      opened.set(request, await sourceOf(sources, request))
      return payload
    })
    const sourceFor = (request: FastifyRequest): LogSourceRow => {
      const source = opened.get(request)
      if (source === undefined) throw new Error('the key of each request is checked before its body is read')
      return source
    }

    // With the key in the address, or in a header.
    for (const base of ['/in/:key', '/in']) {
      shipping.post(`${base}/events`, options, async (request, reply) => {
        const lines = await bodyOf(request)
        const { events, others } = await parsers.count(lines)
        if (others > maxOtherLines)
          throw invalid(
            'body',
            `has ${others} lines of ${events + others} that are not JSON objects, but at most ${maxOtherLines} are allowed. Nothing was stored. Send one JSON object per line`,
          )
        await intake.accept(sourceFor(request), lines)
        return reply.code(202).send({ accepted: events, ...(others > 0 ? { setAside: others } : {}) })
      })

      const bulk = async (request: FastifyRequest, reply: FastifyReply) => {
        const { lines, items } = await parsers.bulk(await bodyOf(request), (request.params as { index?: string }).index)
        // Elasticsearch answers back-pressure item by item: shippers send those again that were refused.
        const isRefused = intake.isFull
        if (!isRefused) await intake.accept(sourceFor(request), lines)
        const { filter_path: filter } = request.query as { filter_path?: unknown }
        const wanted = typeof filter === 'string' ? pathsOf(filter) : undefined
        return reply
          .headers(elastic)
          .type('application/json')
          .send(Readable.from(bulkAnswer(items, isRefused, wanted)))
      }
      // The last is the form with a type, which clients before Elasticsearch 8 use.
      for (const path of ['_bulk', ':index/_bulk', ':index/:type/_bulk'])
        shipping.route({ method: ['POST', 'PUT'], url: `${base}/elastic/${path}`, ...options, handler: bulk })
      shipping.get(`${base}/elastic`, options, async (_request, reply) => reply.headers(elastic).send(cluster))
      shipping.get(`${base}/elastic/_license`, options, async (_request, reply) =>
        reply.headers(elastic).send({ license: { status: 'active', type: 'basic', mode: 'basic' } }),
      )
      // Shippers look for, and set up, templates, policies and data streams that nothing here needs: they are told that all is there.
      shipping.route({
        method: ['GET', 'HEAD', 'PUT', 'POST'],
        url: `${base}/elastic/*`,
        ...options,
        exposeHeadRoute: false,
        handler: async (request, reply) => {
          const isReading = request.method === 'GET' || request.method === 'HEAD'
          if (!isReading && !isSetup(request.method, (request.params as { '*': string })['*']))
            throw new AppProblem(
              'not-found',
              `${request.method} of this path is not supported, and nothing was stored. Send documents to _bulk: the bulk API of Elasticsearch.`,
            )
          return reply.headers(elastic).send({ acknowledged: true })
        },
      })

      shipping.post(`${base}/v1/logs`, options, async (request, reply) => {
        const type =
          String(request.headers['content-type'] ?? '')
            .split(';')[0]
            ?.trim() ?? ''
        const lines = await parsers.otlp(await bodyOf(request), type)
        await intake.accept(sourceFor(request), lines)
        // ExportLogsServiceResponse without a partial success is empty, in JSON and in protobuf.
        if (type === 'application/x-protobuf') return reply.header('content-type', type).send(Buffer.alloc(0))
        return reply.send({})
      })
    }
  })
}

/** Lines that are no events and are kept to be fixed, of one request. */
const maxOtherLines = 10_000
const maxBodyBytes = 32 * 1_048_576
const maxUnpackedBytes = 32 * 1_048_576
/** Items of an answer that are written at once. */
const itemsAtOnce = 500
/** Paths of an answer that a caller may ask for, and names in each. */
const maxPaths = 20
const maxNames = 8
const unpackGzip = promisify(gunzip)
const unpackDeflate = promisify(inflate)

/** Elasticsearch's clients refuse a server that does not say this. */
const elastic = { 'x-elastic-product': 'Elasticsearch' }
const cluster = {
  name: 'tocsin',
  cluster_name: 'tocsin',
  cluster_uuid: 'tocsin',
  version: {
    number: '8.17.0',
    build_flavor: 'default',
    build_type: 'tar',
    minimum_wire_compatibility_version: '7.17.0',
    minimum_index_compatibility_version: '7.0.0',
  },
  tagline: 'You Know, for Search',
}

/** What shippers set up before they send: templates, lifecycle policies, pipelines, data streams, aliases. */
const setUpBefore = new Set(['_index_template', '_component_template', '_template', '_ilm', '_ingest', '_data_stream', '_alias', '_aliases', '_cluster'])
/** The same of one index. */
const setUpOfIndex = new Set(['_alias', '_aliases', '_settings', '_mapping', '_mappings'])

/** True for a request that sets something up and carries no document; whatever else writes may be a document, which nobody would keep. */
function isSetup(method: string, path: string): boolean {
  // The name of an index may be made of a date: <logs-{now/d}-000001>.
  const [first = '', second, ...rest] = path
    .replace(/^<[^>]*>/, 'index')
    .replace(/\/$/, '')
    .split('/')
  if (first.startsWith('_')) return setUpBefore.has(first)
  // An index, perhaps with its first alias.
  return second === undefined ? method === 'PUT' && first !== '' : setUpOfIndex.has(second) && rest.length <= 1
}

async function sourceOf(sources: KnownSources, request: FastifyRequest): Promise<LogSourceRow> {
  const { key = keyInHeader(request) } = request.params as { key?: string }
  if (key === undefined)
    throw new AppProblem(
      'not-signed-in',
      'Give the key of a log source: in the address (/in/KEY/…), or as Authorization: Bearer KEY, Authorization: ApiKey KEY or X-Api-Key: KEY.',
    )
  const source = await sources.open(key)
  if (!source) throw new AppProblem('forbidden', 'The key of this log source is invalid or was revoked.')
  return source
}

/**
 * The key of a log source as shippers send one in a header: a token, the API key of an Elasticsearch client (also as `base64(id:key)`, which those make of
 * an id and a key), or the password of Basic authentication.
 */
function keyInHeader({ headers }: FastifyRequest): string | undefined {
  const plain = headers['x-api-key']
  if (typeof plain === 'string') return plain
  const [, scheme = '', value = ''] = /^(bearer|apikey|basic) (\S+)$/i.exec(headers.authorization ?? '') ?? []
  if (scheme === '') return undefined
  if (/^bearer$/i.test(scheme)) return value
  const [, afterColon] = /^[\x21-\x39\x3b-\x7e]*:([\x21-\x39\x3b-\x7e]+)$/.exec(Buffer.from(value, 'base64').toString('latin1')) ?? []
  return afterColon ?? (/^apikey$/i.test(scheme) ? value : undefined)
}

async function bodyOf(request: FastifyRequest): Promise<Buffer> {
  const body = request.body
  if (!Buffer.isBuffer(body)) throw invalid('body', 'is missing: send events, one JSON object per line')
  const encoding = request.headers['content-encoding'] ?? 'identity'
  try {
    if (encoding === 'identity') return body
    if (encoding === 'gzip') return await unpackGzip(body, { maxOutputLength: maxUnpackedBytes })
    if (encoding === 'deflate') return await unpackDeflate(body, { maxOutputLength: maxUnpackedBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppProblem('too-large', `The decompressed events are larger than ${maxUnpackedBytes / 1_048_576} MB. Send them in smaller batches.`)
    throw invalid('body', `is not ${encoding}, as declared in Content-Encoding`)
  }
  throw invalid('Content-Encoding', 'must be gzip, deflate or identity')
}

/** Paths of an answer: names, of which each may have wildcards. */
type Paths = readonly (readonly string[])[]

/** The paths of Elasticsearch's `filter_path`, such as `errors,items.*.error`. @throws AppProblem invalid */
function pathsOf(filter: string): Paths {
  const paths = filter.split(',', maxPaths + 1).map(path => path.trim().split('.', maxNames + 1))
  if (paths.length > maxPaths || paths.some(names => names.length > maxNames))
    throw invalid('filter_path', `must be at most ${maxPaths} paths of at most ${maxNames} names each`)
  if (paths.some(([first = '']) => first.startsWith('-'))) throw invalid('filter_path', 'cannot exclude fields; name those that are wanted')
  return paths.filter(([first]) => first !== '')
}

/** True where the name meets the pattern; `*` is any text. Each part is looked for once, from left to right. */
function isNamed(name: string, pattern: string): boolean {
  const [first = '', ...parts] = pattern.split('*')
  const last = parts.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of parts) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

/** What of a value the paths want; undefined where they want nothing of it. `**` is any number of names. */
function filtered(value: unknown, paths: Paths): unknown {
  if (paths.some(path => path.every(name => name === '**'))) return value
  if (typeof value !== 'object' || value === null) return undefined
  const kept = Object.entries(value).flatMap(([name, inner]) => {
    const rest = [...new Map(paths.flatMap(path => after(name, path)).map(path => [path.join('.'), path])).values()]
    const part = rest.length === 0 ? undefined : filtered(inner, rest)
    return part === undefined ? [] : [[name, part] as const]
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** What is left of a path behind a name. */
function after(name: string, [first = '', ...rest]: readonly string[]): readonly (readonly string[])[] {
  if (first !== '**') return isNamed(name, first) ? [rest] : []
  return [['**', ...rest], ...after(name, rest)]
}

/** The answer of the bulk API, in pieces: for 50,000 items it is as large as what was sent. @param wanted paths that the caller asked for */
function* bulkAnswer(items: readonly BulkItem[], isRefused: boolean, wanted: Paths | undefined): Generator<string> {
  const head = { took: 1, errors: isRefused }
  const said = wanted === undefined ? head : (filtered(head, wanted) ?? {})
  const ofItem = wanted?.flatMap(path => after('items', path))
  const start = JSON.stringify(said).slice(0, -1)
  let count = 0
  for (let from = 0; from < items.length && ofItem?.length !== 0; from += itemsAtOnce) {
    const texts = items.slice(from, from + itemsAtOnce).flatMap(item => {
      const whole = bulkItem(item, isRefused)
      const kept = ofItem === undefined ? whole : filtered(whole, ofItem)
      return kept === undefined ? [] : [JSON.stringify(kept)]
    })
    if (texts.length === 0) continue
    yield `${count === 0 ? `${start}${start === '{' ? '' : ','}"items":[` : ','}${texts.join(',')}`
    count += texts.length
  }
  if (count > 0) yield ']}'
  else yield wanted === undefined ? `${start},"items":[]}` : `${start}}`
}

function bulkItem({ action, index, id }: BulkItem, isRefused: boolean): object {
  const common = { _index: index, _id: id }
  if (isRefused)
    return {
      [action]: { ...common, status: 429, error: { type: 'es_rejected_execution_exception', reason: 'Too many events are queued. Try again.' } },
    }
  return { [action]: { ...common, _version: 1, result: action === 'delete' ? 'not_found' : 'created', status: action === 'delete' ? 404 : 201 } }
}

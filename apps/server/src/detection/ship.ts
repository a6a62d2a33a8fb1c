import { promisify } from 'node:util'
import { gunzip, inflate, zstdDecompress } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { holdBytes } from '../kernel/bytes-in-flight.ts'
import { AppProblem, invalid } from '../kernel/problems.ts'
import type { EventIntake } from './intake.ts'
import type { Parsers } from './parsers.ts'
import type { KnownSources, LogSourceRow } from './sources.ts'

/**
 * Where shippers send to: their own protocols at the secret address of a source. These are not operations of our API (they have no
 * schema of ours, and no caller but a key), so they stand beside the contract and are described in docs/detection.md.
 */
export function mountShipping(http: FastifyInstance, sources: KnownSources, intake: EventIntake, parsers: Parsers): void {
  http.register(async shipping => {
    shipping.removeAllContentTypeParsers()
    shipping.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    const options = { bodyLimit: maxBodyBytes, config: { isKnown: true, rateLimit: { max: 600_000, timeWindow: 60_000 } } }
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
        const { batches, events, others } = await parsers.events(await bodyOf(request))
        if (others > maxOtherLines)
          throw invalid(
            'body',
            `has ${others} lines of ${events + others} that are not JSON objects, but at most ${maxOtherLines} are allowed. Nothing was stored. Send JSON objects: one per line, or an array`,
          )
        await intake.accept(sourceFor(request), batches)
        return reply.code(202).send({ accepted: events, ...(others > 0 ? { setAside: others } : {}) })
      })

      const bulk = async (request: FastifyRequest, reply: FastifyReply) => {
        const { index } = request.params as { index?: string }
        const { filter_path: filter } = request.query as { filter_path?: unknown }
        // Elasticsearch answers back-pressure item by item: shippers send those again that were refused.
        const isRefused = intake.isFull
        const { batches, answer } = await parsers.bulk(await bodyOf(request), { index, isRefused, filter: typeof filter === 'string' ? filter : undefined })
        if (!isRefused) await intake.accept(sourceFor(request), batches)
        return reply.headers(elastic).type('application/json').send(answer)
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
        await intake.accept(sourceFor(request), await parsers.otlp(await bodyOf(request), type))
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
/** What follows the first stream is decompressed too by gzip alone; of the others it would be lost, with 202 as the answer. */
const whole = { rejectGarbageAfterEnd: true }
const unpackers = new Map<string, (packed: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>>([
  ['gzip', promisify(gunzip)],
  ['deflate', (packed, options) => promisify(inflate)(packed, { ...options, ...whole })],
  ['zstd', (packed, options) => promisify(zstdDecompress)(packed, { ...options, ...whole })],
])

let unpacking: Promise<unknown> = Promise.resolve()
/** How large it becomes is known when it is unpacked: that each may become 32 MB must not be true of many at once. */
function oneByOne<T>(work: () => Promise<T>): Promise<T> {
  const done = unpacking.then(work)
  unpacking = done.catch(() => undefined)
  return done
}

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
  if (!Buffer.isBuffer(body)) throw invalid('body', 'is missing: send events, as JSON objects')
  const encoding = request.headers['content-encoding'] ?? 'identity'
  try {
    if (encoding === 'identity') return body
    const unpack = unpackers.get(encoding)
    if (unpack !== undefined) {
      const unpacked = await oneByOne(() => unpack(body, { maxOutputLength: maxUnpackedBytes }))
      holdBytes(request, unpacked.length - body.length)
      return unpacked
    }
  } catch (error) {
    if (error instanceof AppProblem) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END')
      throw invalid('body', `has more after its first ${encoding} frame. Nothing was stored. Send one frame in each request`)
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppProblem('too-large', `The decompressed events are larger than ${maxUnpackedBytes / 1_048_576} MB. Send them in smaller batches.`)
    throw invalid('body', `is not ${encoding}, as declared in Content-Encoding`)
  }
  throw invalid('Content-Encoding', 'must be gzip, deflate, zstd or identity')
}

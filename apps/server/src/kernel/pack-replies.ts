import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** A shorter reply fits into the packets that are sent anyway. */
const minBytes = 2_048
const [packBrotli, packGzip] = [promisify(brotliCompress), promisify(gzip)]
/** Takes no longer than gzip, and is smaller. */
const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }

/**
 * Compresses what the API answers to reads. The length of a compressed reply tells something of its content to whoever can make a browser ask again and again
 * (BREACH), and so only what our own pages ask for is compressed, or who has an API key: never what another site makes a browser open with its cookie. Replies to
 * commands, in which secrets are shown once, and the live stream are not.
 */
export function packReplies(http: FastifyInstance): void {
  http.addHook('onSend', async (request, reply, payload) => {
    const isRead = request.method === 'GET' && request.url.startsWith('/api/')
    if (!isRead || typeof payload !== 'string' || payload.length < minBytes || reply.hasHeader('set-cookie')) return payload
    if (!String(reply.getHeader('content-type')).startsWith('application/json')) return payload
    reply.header('vary', 'accept-encoding')
    const accepted = request.headers['accept-encoding'] ?? ''
    if (!isAskedByUs(request)) return payload
    const encoding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : undefined
    if (encoding === undefined) return payload
    reply.header('content-encoding', encoding)
    return encoding === 'br' ? packBrotli(payload, brotliOptions) : packGzip(payload)
  })
}

const isAskedByUs = ({ headers }: FastifyRequest) => headers['sec-fetch-site'] === 'same-origin' || headers.authorization !== undefined

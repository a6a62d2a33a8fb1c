import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import statics from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { problemDetails } from '../kernel/problems.ts'

const built = fileURLToPath(new URL('../../../web/dist', import.meta.url))
const notPages = /^\/(\.well-known|api|in|v2|hooks|feeds|heartbeat|healthz|readyz|metrics)(\/|$)/

/** Serves the built pages. Every other address that a browser opens is the one page, which knows its own routes. */
export async function servePages(http: FastifyInstance): Promise<void> {
  const index = join(built, 'index.html')
  const isBuilt = existsSync(index)
  if (isBuilt)
    await http.register(statics, {
      root: built,
      wildcard: false,
      index: false,
      setHeaders: (reply, path) => void reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'),
    })
  const page = isBuilt
    ? readFileSync(index, 'utf8')
    : '<!doctype html><title>Tocsin</title><p>The web app is not built. Start Tocsin with <code>npm start</code>.'
  http.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? ''
    if (request.method !== 'GET' || notPages.test(path))
      return reply
        .code(404)
        .header('content-type', 'application/problem+json; charset=utf-8')
        .send(JSON.stringify(problemDetails('not-found', `${request.method} ${path.slice(0, 200)} does not exist.`)))
    return reply
      .code(isBuilt ? 200 : 503)
      .header('content-type', 'text/html; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(page)
  })
}

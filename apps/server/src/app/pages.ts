import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import statics from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { problemDetails } from '../kernel/problems.ts'

const built = fileURLToPath(new URL('../../../web/dist', import.meta.url))
const notPages = /^\/(\.well-known|api|in|v2|hooks|feeds|heartbeat|healthz|readyz|metrics)(\/|$)/
const unbuilt = '<!doctype html><title>Tocsin</title><p>The web app is not built. Start Tocsin with <code>npm start</code>.'

/** What the build says of its files, by the source of each entry. */
const Manifest = z.record(z.string(), z.object({ file: z.string() }))

/** Address of the script of private links; undefined where the pages are not built. */
export function linkPageScript(): string | undefined {
  const manifest = join(built, '.vite', 'manifest.json')
  if (!existsSync(manifest)) return undefined
  const file = Manifest.parse(JSON.parse(readFileSync(manifest, 'utf8')))['src/paging/link-page.ts']?.file
  return file === undefined ? undefined : `/${file}`
}

/**
 * Serves the built pages, as the build compressed them where the browser takes that. Every other address that a browser opens is the one page, which knows its own
 * routes.
 */
export async function servePages(http: FastifyInstance): Promise<void> {
  const isBuilt = existsSync(join(built, 'index.html'))
  if (isBuilt)
    await http.register(statics, {
      root: built,
      wildcard: false,
      index: false,
      preCompressed: true,
      globIgnore: ['**/*.br', '**/*.gz', 'index.html'],
      setHeaders: (reply, path) => void reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'),
    })
  http.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? ''
    // A file that an earlier build had is no page: whoever asks for it has to learn that it is gone.
    if (!['GET', 'HEAD'].includes(request.method) || notPages.test(path) || path.startsWith('/assets/'))
      return reply
        .code(404)
        .header('content-type', 'application/problem+json; charset=utf-8')
        .send(JSON.stringify(problemDetails('not-found', `${request.method} ${path.slice(0, 200)} does not exist.`)))
    if (isBuilt) return reply.sendFile('index.html')
    return reply.code(503).header('content-type', 'text/html; charset=utf-8').header('cache-control', 'no-cache').send(unbuilt)
  })
}

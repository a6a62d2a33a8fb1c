import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { expect } from 'vitest'
import { test } from '../../test/world.ts'

test('pages and long replies go out compressed where that is taken, and never what another site makes a browser ask for', async ({ world }) => {
  const administrator = await world.person('administrator')
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const reply = await request(`${world.origin}${path}`, { headers })
    return { status: reply.statusCode, headers: reply.headers, bytes: Buffer.from(await reply.body.arrayBuffer()) }
  }
  const page = await get('/alerts')
  expect(page.headers).toMatchObject({ 'cache-control': 'no-cache', etag: expect.any(String), vary: 'accept-encoding' })
  expect(page.bytes.toString()).toContain('Opening Tocsin…')
  expect(page.bytes.toString()).toContain('<noscript>')
  const packed = await get('/alerts', { 'accept-encoding': 'br, gzip' })
  expect(packed.headers['content-encoding']).toBe('br')
  expect(brotliDecompressSync(packed.bytes)).toEqual(page.bytes)
  expect((await get('/alerts', { 'if-none-match': String(page.headers.etag) })).status).toBe(304)
  const script = /src="(\/assets\/[\w-]+\.js)"/.exec(page.bytes.toString())?.[1] ?? ''
  const gzipped = await get(script, { 'accept-encoding': 'gzip' })
  expect(gzipped.headers).toMatchObject({ 'content-encoding': 'gzip', 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
  expect(gunzipSync(gzipped.bytes).length).toBeGreaterThan(gzipped.bytes.length)
  expect((await get('/assets/of-an-earlier-build.js')).status, 'a part that is gone is no page').toBe(404)

  const cookie = administrator.cookie
  const own = await get('/api/openapi.json', { cookie, 'accept-encoding': 'br', 'sec-fetch-site': 'same-origin' })
  expect(own.headers).toMatchObject({ 'content-encoding': 'br', vary: 'accept-encoding' })
  expect(JSON.parse(brotliDecompressSync(own.bytes).toString())).toHaveProperty('openapi')
  for (const site of ['cross-site', 'same-site', 'none'])
    expect((await get('/api/openapi.json', { cookie, 'accept-encoding': 'br', 'sec-fetch-site': site })).headers['content-encoding'], site).toBeUndefined()
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'

const script = join(import.meta.dirname, '..', '..', '..', 'scripts', 'run.mjs')

test('npm run audit ends with 1 for a part with a known vulnerability and where the registry does not say, else with 0', async () => {
  let advisories: object | undefined = {}
  const asked: string[] = []
  const registry = createServer((request, response) => {
    asked.push(request.url ?? '')
    const answer = request.url?.endsWith('/advisories/bulk') ? advisories : { name: 'fastify', 'dist-tags': {}, versions: {} }
    response.writeHead(answer === undefined ? 405 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  await once(registry.listen(0, '127.0.0.1'), 'listening')
  const address = registry.address()
  const cache = mkdtempSync(join(tmpdir(), 'tocsin-audit-'))
  const audit = async () => {
    const env = {
      ...process.env,
      ...{
        npm_config_registry: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`,
        npm_config_cache: cache,
        npm_config_fetch_retries: '0',
      },
    }
    const run = spawn(process.execPath, [script, 'audit'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    const [said, [code]] = await Promise.all([text(run.stdout), once(run, 'close')])
    return { code, said }
  }
  try {
    expect((await audit()).code).toBe(0)
    expect(asked).toContain('/-/npm/v1/security/advisories/bulk')
    const advisory = { id: 1, url: 'https://example.org/advisory', title: 'Made up', severity: 'critical', vulnerable_versions: '*', cwe: [] }
    advisories = { fastify: [advisory] }
    expect(await audit()).toEqual({ code: 1, said: expect.stringContaining('Made up') })
    advisories = undefined
    expect((await audit()).code).toBe(1)
  } finally {
    registry.close()
    rmSync(cache, { recursive: true, force: true })
  }
})

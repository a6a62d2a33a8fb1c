import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { test } from '../../test/world.ts'
import { readConfig } from '../app/config.ts'
import { startServer } from '../app/server.ts'
import { systemClock } from '../kernel/clock.ts'
import { openLog } from '../kernel/telemetry.ts'

const secret = 'a master key that both servers have'
test.override({ options: { env: { TOCSIN_SECRET: secret } } })

const rule = `title: Seen
id: 44444444-4444-4444-8444-444444444444
logsource: {category: test}
detection:
  selection:
    F: evil
  condition: selection
level: low
`

test('two servers on one database: what changes at one is known to the other, and what waits is counted right by both', async ({ world }) => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-second-'))
  const config = readConfig({
    TOCSIN_DATA: folder,
    TOCSIN_SECRET: secret,
    DATABASE_URL: world.server.context.database.url,
    PORT: '0',
    TOCSIN_LOG_LEVEL: 'silent',
    TOCSIN_OWN_RULES: 'false',
  })
  const second = await startServer(config, openLog('silent', false), systemClock)
  const both = [world.server, second]
  try {
    const lead = await world.person('lead')
    const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
    const [row] = await lead.call('logSources')
    const path = `${new URL(url).pathname}/events`
    const origins = both.map(({ origin }) => origin.replace('localhost', '127.0.0.1'))
    const send = (origin: string, host: string) => fetch(`${origin}${path}`, { method: 'POST', body: `${JSON.stringify({ F: 'evil', host })}\n` })
    for (const origin of origins) expect((await send(origin, 'before')).status).toBe(202)
    const before = Math.max(...both.map(({ detection }) => detection.detector.status.activeRules))
    await lead.call('createDetectionRule', { body: { text: rule } })
    for (const server of both)
      await until(
        () => (server.detection.detector.status.activeRules > before && !server.detection.detector.status.isCompiling ? true : undefined),
        'the rule is active',
      )
    for (let n = 0; n < 20; n += 1) for (const origin of origins) expect((await send(origin, `h${n}`)).status).toBe(202)
    for (const { detection } of both)
      await until(() => (detection.intake.waiting.bytes === 0 && detection.intake.waiting.batches === 0 ? true : undefined), 'nothing waits')
    const { items } = await lead.call('alerts', { query: { limit: 100 } })
    const times = items.filter(({ title }) => title.startsWith('Seen: h')).reduce((sum, { count }) => sum + count, 0)
    expect(times, 'each event is matched once').toBe(40)
    await lead.call('revokeLogSource', { params: { id: row?.id ?? '' } })
    for (const origin of origins) await until(async () => ((await send(origin, 'after')).status === 403 ? true : undefined), `the key is refused at ${origin}`)
  } finally {
    await second.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { type Person, test, type World } from '../../test/world.ts'

const rule = (id: string, value: string) => `title: Seen ${value}
id: ${id}
logsource: {category: test}
detection:
  selection:
    F: ${value}
  condition: selection
level: low
`

/** Threads that were started since the test began. */
let threads: Worker[] = []
const remember = (worker: Worker) => threads.push(worker)
beforeEach(() => {
  threads = []
  process.on('worker', remember)
})
afterEach(() => {
  process.off('worker', remember)
})

async function prepare(world: World, lead: Person): Promise<(value: string, host: string) => Promise<number>> {
  await lead.call('createDetectionRule', { body: { text: rule('44444444-4444-4444-8444-444444444444', 'evil') } })
  const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
  await rulesActive(world)
  const path = url.replace(/^https?:\/\/[^/]+/, world.origin)
  return async (value, host) => (await fetch(`${path}/events`, { method: 'POST', body: `${JSON.stringify({ F: value, host })}\n` })).status
}

async function rulesActive(world: World): Promise<void> {
  await world.settle()
  await world.server.detection.detector.settle()
}

const alertsOf = async (lead: Person) => (await lead.call('alerts', {})).items.map(({ title }) => title).sort()
const matched = (world: World) => until(() => (world.server.detection.intake.waiting.batches === 0 ? true : undefined), 'all batches are matched')
const readyz = async (world: World) =>
  (await fetch(`${world.origin}/readyz`)).json() as Promise<{ status: string; details: { name: string; detail: string }[] }>

describe('a thread that dies', () => {
  test('is replaced when it was the matcher: events go on to be matched, and it is told', async ({ world }) => {
    const lead = await world.person('lead')
    const send = await prepare(world, lead)
    expect(await readyz(world)).toEqual({ status: 'ready', details: [] })
    for (const [round, host] of ['h0', 'h1', 'h2'].entries()) {
      await threads.at(-1)?.terminate()
      expect(await send('evil', host)).toBe(202)
      await matched(world)
      expect(await alertsOf(lead)).toHaveLength(round + 1)
    }
    expect(await readyz(world)).toEqual({
      status: 'degraded',
      details: [{ name: 'detection', detail: 'A matcher thread exited unexpectedly and was restarted (3 since startup).' }],
    })
    expect(await (await fetch(`${world.origin}/metrics`)).text()).toContain('tocsin_matcher_restarts_total 3')
  })

  test('with batches on the way to it gives them to the next, and none is matched twice', async ({ world }) => {
    const lead = await world.person('lead')
    const send = await prepare(world, lead)
    const hosts = Array.from({ length: 12 }, (_, n) => `h${n}`)
    const killing = setInterval(() => void threads.at(-1)?.terminate(), 25)
    for (const host of hosts) {
      expect(await send('evil', host)).toBe(202)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    clearInterval(killing)
    await matched(world)
    const { items } = await lead.call('alerts', { query: { limit: 100 } })
    const { deadLetters } = await lead.call('detectionStatus')
    expect(new Set(items.map(({ title }) => title)).size).toBe(items.length)
    // A batch at which the thread died three times is set aside, where it can be seen and sent again.
    expect(items.length + deadLetters).toBe(hosts.length)
    expect(items.every(({ count }) => count === 1)).toBe(true)
  })

  test('does not keep the server from stopping', async ({ world }) => {
    const lead = await world.person('lead')
    const send = await prepare(world, lead)
    await threads.at(-1)?.terminate()
    await send('evil', 'h0')
    const since = Date.now()
    await world.server.stop()
    expect(Date.now() - since).toBeLessThan(9_000)
  })

  test('while it compiles rules: they are compiled again', async ({ world }) => {
    const lead = await world.person('lead')
    const send = await prepare(world, lead)
    const before = world.server.detection.detector.status.activeRules
    process.once('worker', (worker: Worker) => void worker.terminate())
    await lead.call('createDetectionRule', { body: { text: rule('55555555-5555-4555-8555-555555555555', 'worse') } })
    await until(() => (world.server.detection.detector.status.activeRules > before ? true : undefined), 'the rule is active')
    await send('worse', 'h0')
    await matched(world)
    expect(await alertsOf(lead)).toEqual(['Seen worse: h0'])
  })
})

import { expect } from 'vitest'
import { fuzz } from './fuzz/fuzz.ts'
import { patience } from './patience.ts'
import { test } from './world.ts'

/** `npm run fuzz` asks for more of them, and for other ones. */
const inputs = Number(process.env.FUZZ_INPUTS ?? 10_000)
const seed = Number(process.env.FUZZ_SEED ?? 1)

// A run says why a request failed, also where it fails once in many.
test.override({ options: { env: { TOCSIN_LOG_LEVEL: 'error' } } })

test('whatever is sent to a route of the OpenAPI document, the answer comes, fits its schema, and is no fault of the server', {
  timeout: (120_000 + inputs * 40) * patience,
}, async ({ world }) => {
  const started = performance.now()
  const { findings, ...figures } = await fuzz(world, { inputs, seed, answerMs: 20_000 * patience })
  if (process.env.FUZZ_INPUTS !== undefined)
    process.stdout.write(`${JSON.stringify({ seed, minutes: (performance.now() - started) / 60_000, ...figures }, null, 2)}\n`)
  expect(findings).toEqual([])
  expect(figures.inputs).toBeGreaterThanOrEqual(inputs)
  const { metrics, journal } = { metrics: await (await fetch(`${world.origin}/metrics`)).text(), journal: await fetch(`${world.origin}/readyz`) }
  // What an input set off in the background failed nowhere either.
  expect(metrics.split('\n').filter(line => /^tocsin_unexpected\w*\{.*\} [^0]/.test(line))).toEqual([])
  expect(await journal.json()).toMatchObject({ status: 'ready' })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { UnreadableList } from '@tocsin/sigma'
import { expect, test } from 'vitest'
import { patience } from '../../test/patience.ts'
import { partsOf, partsOfFile } from './list-parts.ts'

const objects = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    ...{ type: 'indicator', id: `indicator--${n}`, pattern: `[domain-name:value = 'host-${n}.evil.example']`, pattern_type: 'stix' },
    description: 'x'.repeat(200),
  }))

/** How many indicators there are, and how long anything else had to wait meanwhile. */
async function readAll(parts: AsyncIterable<{ indicators: readonly unknown[] }>): Promise<{ count: number; heldUpMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  await sleep(20)
  let count = 0
  for await (const { indicators } of parts) count += indicators.length
  await sleep(20)
  delay.disable()
  return { count, heldUpMs: delay.max / 1e6 }
}

test('nothing else waits while a long list is read: an upload, and a page of a TAXII server', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-lists-'))
  try {
    const [csv, stix] = [join(folder, 'list.csv'), join(folder, 'list.json')]
    await writeFile(csv, Array.from({ length: 60_000 }, (_, n) => `host-${n}.evil.example`).join('\n'))
    await writeFile(stix, JSON.stringify({ type: 'bundle', objects: objects(80_000) }))
    const page = Buffer.from(new TextEncoder().encode(JSON.stringify({ more: true, next: 'b', objects: objects(80_000) })).buffer)
    for (const [parts, expected] of [
      [partsOfFile(csv), 60_000],
      [partsOfFile(stix), 80_000],
      [partsOf(page), 80_000],
    ] as const) {
      const { count, heldUpMs } = await readAll(parts)
      expect(count).toBe(expected)
      expect(heldUpMs).toBeLessThan(60 * patience)
    }
    await writeFile(stix, '{"type":"bundle"')
    await expect(readAll(partsOfFile(stix))).rejects.toEqual(new UnreadableList('looks like a STIX bundle but is not valid JSON'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('a list that is broken off, wherever it is and whatever its thread does then, gives its place to the next one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-lists-'))
  const running = new Set<Worker>()
  const started = (worker: Worker) => void running.add(worker.once('exit', () => running.delete(worker)))
  process.on('worker', started)
  try {
    const csv = join(folder, 'list.csv')
    await writeFile(csv, Array.from({ length: 20_000 }, (_, n) => `host-${n}.evil.example`).join('\n'))
    const begin = () => partsOfFile(csv)[Symbol.asyncIterator]()
    // More of them than may be read at once; half of them while a part is being read.
    for (let round = 0; round < 8; round += 1) {
      const parts = begin()
      for (let part = 0; part < round % 4; part += 1) await parts.next()
      const last = round < 4 ? undefined : parts.next().catch((error: unknown) => error)
      for (const worker of running) worker.emit('error', new Error('failed while the list was broken off'))
      await Promise.all([last, parts.return?.()])
    }
    expect(running).toEqual(new Set())
    expect((await readAll(partsOfFile(csv))).count).toBe(20_000)

    const parts = begin()
    await parts.next()
    for (const worker of running) worker.emit('error', new Error('failed between two parts'))
    await expect(parts.next()).rejects.toThrow('failed between two parts')
  } finally {
    process.off('worker', started)
    await rm(folder, { recursive: true, force: true })
  }
})

test('a page says whether there are more, whether it is small or large, and also where it has nothing', async () => {
  const pageOf = (count: number) => Buffer.from(new TextEncoder().encode(JSON.stringify({ more: true, next: 'b', objects: objects(count) })).buffer)
  for (const count of [0, 3, 3_000]) {
    let found = 0
    for await (const { indicators, more, next } of partsOf(pageOf(count))) {
      found += indicators.length
      expect([more, next]).toEqual([true, 'b'])
    }
    expect(found).toBe(count)
  }
})

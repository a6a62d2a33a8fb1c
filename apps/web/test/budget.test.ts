import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { linkPage } from '../../server/src/paging/link-page/render.ts'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const Chunk = z.object({
  file: z.string(),
  css: z.array(z.string()).default([]),
  imports: z.array(z.string()).default([]),
  dynamicImports: z.array(z.string()).default([]),
})
const manifest = z.record(z.string(), Chunk).parse(JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8')))

/** As it goes over the wire: compressed where the build has compressed it. */
const bytesOf = (file: string) => statSync(join(dist, existsSync(join(dist, `${file}.br`)) ? `${file}.br` : file)).size

/** The files that a browser fetches for some entries before they show anything. */
function filesOf(keys: readonly string[]): Set<string> {
  const files = new Set<string>()
  const left = [...keys]
  for (let key = left.pop(); key !== undefined; key = left.pop()) {
    const chunk = manifest[key]
    if (!chunk) throw new Error(`the build has no ${key}`)
    if (files.has(chunk.file)) continue
    for (const file of [chunk.file, ...chunk.css]) files.add(file)
    left.push(...chunk.imports)
  }
  return files
}

const sizeOf = (keys: readonly string[]) => [...filesOf(keys)].reduce((sum, file) => sum + bytesOf(file), 0)
const font = Object.values(manifest).find(({ file }) => /inter-latin-[\w-]{8}\.woff2$/.test(file))

test('no page grows beyond what a phone on a bad network can fetch: scripts, styles and font, compressed', () => {
  if (!font) throw new Error('the font is part of the build')
  const pages = manifest['index.html']?.dynamicImports.filter(key => key.endsWith('-page.tsx')) ?? []
  expect(pages.length).toBeGreaterThan(25)
  const sizes = pages.map(key => {
    const isOutside = /^src\/(entry|reports)\//.test(key)
    const bytes = sizeOf(['index.html', key, ...(isOutside ? [] : ['src/shell/shell.tsx'])]) + bytesOf(font.file)
    // The reference shows the whole contract.
    const max = isOutside ? 250_000 : key.endsWith('reference-page.tsx') ? 320_000 : 290_000
    return { key, bytes, isWithin: bytes <= max }
  })
  expect(sizes.filter(({ isWithin }) => !isWithin)).toEqual([])
})

test('the page of a private link is less than 16 kB in all, whatever it is about', () => {
  const view = {
    ...{ pageId: 'id', title: 't'.repeat(200), summary: 's'.repeat(2_000), severity: 'critical', state: 'acknowledged', levels: [1], you: 'Ada' },
    ...{ acknowledgedBy: 'Ada', acknowledgedAt: '2026-11-23T09:00:00Z', waitsFor: 0, snoozedUntil: null, isDrill: false, isExercise: true },
    createdAt: '2026-11-23T09:00:00Z',
  } as const
  const html = linkPage({ token: 't'.repeat(200), page: view, now: view.createdAt, script: '/script.js' })
  expect(filesOf(['src/paging/link-page.ts']).size, 'its script is alone').toBe(1)
  expect(Buffer.byteLength(html) + sizeOf(['src/paging/link-page.ts']) + bytesOf('bell.svg')).toBeLessThan(16_000)
})

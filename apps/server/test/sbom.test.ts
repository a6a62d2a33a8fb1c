import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'

const root = join(import.meta.dirname, '..', '..', '..')

const Bom = z.object({
  bomFormat: z.literal('CycloneDX'),
  components: z.array(
    z.object({
      purl: z.string(),
      licenses: z.array(z.object({ license: z.object({ id: z.string() }).optional(), expression: z.string().optional() })).optional(),
      hashes: z.array(z.object({ alg: z.string(), content: z.string() })).optional(),
    }),
  ),
})
const Lock = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), dev: z.boolean().optional(), link: z.boolean().optional() })),
})

test('the bill of materials lists all that runs in production, with hashes, under free licenses', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-sbom-'))
  try {
    const file = join(folder, 'sbom.cdx.json')
    execFileSync(process.execPath, [join(root, 'scripts', 'run.mjs'), 'sbom', file], { stdio: ['ignore', 'ignore', 'inherit'] })
    const { components } = Bom.parse(JSON.parse(readFileSync(file, 'utf8')))
    const listed = new Set(components.map(({ purl }) => purl.split('?')[0]))
    const lock = Lock.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
    const installed = Object.entries(lock.packages)
      .filter(([path, entry]) => path.includes('node_modules/') && entry.dev !== true && entry.link !== true)
      .map(([path, entry]) => `pkg:npm/${path.split('node_modules/').at(-1)?.replace('@', '%40')}@${entry.version}`)
    expect(installed.length).toBeGreaterThan(50)
    expect(installed.filter(purl => !listed.has(purl))).toEqual([])
    const others = components.filter(({ purl }) => !/^pkg:npm\/(%40tocsin\/|tocsin@)/.test(purl))
    expect(others.filter(({ hashes }) => hashes === undefined).map(({ purl }) => purl)).toEqual([])
    const free =
      /^\(?(MIT|MIT-0|BSD-2-Clause|BSD-3-Clause|0BSD|Apache-2\.0|ISC|MPL-2\.0|BlueOak-1\.0\.0|PostgreSQL|Python-2\.0|PSF-2\.0|CC0-1\.0|CC-BY-4\.0|Unlicense|Zlib|OFL-1\.1)\b/
    expect(
      others.filter(({ licenses = [] }) => !licenses.some(one => free.test(one.license?.id ?? one.expression ?? ''))).map(one => [one.purl, one.licenses]),
    ).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

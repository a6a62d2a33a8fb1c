import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('the package stands by itself: installed elsewhere, it compiles on a thread, matches on others, and finds indicators', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-sigma-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@tocsin'), { recursive: true })
  const build = spawnSync(process.execPath, [fileURLToPath(new URL('../build.ts', import.meta.url)), join(modules, '@tocsin', 'sigma')], { encoding: 'utf8' })
  expect(build.status, build.stderr).toBe(0)
  // Everything that can be installed is there, and nothing of Tocsin.
  const installed = fileURLToPath(new URL('../../../node_modules/', import.meta.url))
  for (const name of readdirSync(installed)) if (name !== '@tocsin' && !name.startsWith('.')) symlinkSync(join(installed, name), join(modules, name))
  writeFileSync(
    join(folder, 'try.mjs'),
    `import { compileApart, Engine, IndicatorSetBuilder, MatcherPool, parseIndicator } from '@tocsin/sigma'
import { readRuleFiles } from '@tocsin/sigma/files'
const saved = await compileApart(await readRuleFiles('rule.yml'), {})
const builder = new IndicatorSetBuilder()
builder.add(parseIndicator('198.51.100.0/24').key)
const pool = new MatcherPool(saved, 2, { indicators: builder.finish() })
const { matches, sightings } = await pool.match(new Uint8Array(Buffer.from('{"F":"x","DestinationIp":"198.51.100.7"}')))
console.log(Engine.load(saved).rules[matches[0].rule].id, sightings[0].found[0].key)
await pool.close()
`,
  )
  writeFileSync(join(folder, 'rule.yml'), 'title: T\nid: it-is-met\nlogsource: {}\ndetection:\n  s:\n    F: x\n  condition: s\n')
  const tried = spawnSync(process.execPath, ['try.mjs'], { cwd: folder, encoding: 'utf8' })
  expect(tried.stderr).toBe('')
  expect(tried.stdout).toBe('it-is-met 198.51.100.0/24\n')
})

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'regexes-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the check of `npm run check` over one file. */
function check(text: string): { code: number | null; lines: string[] } {
  const path = join(folder, 'code.ts')
  writeFileSync(path, text)
  const { status, stdout } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/regexes.ts', path], { encoding: 'utf8' })
  return { code: status, lines: stdout.trim().split('\n').slice(0, -1) }
}

test.each([
  '/^(a+)+$/',
  String.raw`/^(?:\w+\s?)+$/`,
  String.raw`/^(?:a|ab)*(?:ba|a)*$/`,
  String.raw`/\d+\w*$/`,
  String.raw`/\s+$/`,
  String.raw`/<b>.*?<\/b>/`,
  String.raw`/(?<=x)a*a*$/`,
  String.raw`new RegExp('^(a|a)*$', 'i')`,
  String.raw`RegExp('(?:ab)*(?:ab)*$')`,
  'new RegExp(name)',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: code that is checked
  'new RegExp(`^${name}*$`)',
])('%s may take longer than its input is long', expression => {
  const { code, lines } = check(`const name = 'a'\nexport const found = ${expression}\n`)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('code.ts:2: ')
  expect(code).toBe(1)
})

test('what reads each character once may be', () => {
  const fine = [String.raw`/^\w+ \w+$/`, String.raw`/(?<!\s)\s+$/`, String.raw`/<b>[^<]*<\/b>/`, '/a{1,3}a{1,3}$/', `new RegExp('^a*b*$', 'u')`]
  expect(check(`export const list = [${fine.join(', ')}]\n`)).toEqual({ code: 0, lines: [] })
})

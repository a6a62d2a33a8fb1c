import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { routes } from '@tocsin/api'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..', '..')

/** The text of every test file under a folder, but for this one. */
function testsIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.ts') && !entry.parentPath.includes('node_modules'))
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => path !== import.meta.filename)
    .map(path => readFileSync(path, 'utf8'))
}

/** A test names a route where it calls it by the client (`call('openIncident', …)`), or takes it from the contract (`routes.openIncident`). */
function isNamedIn(name: string, texts: readonly string[]): boolean {
  const named = new RegExp(String.raw`\(\s*'${name}'\s*[,)]|\broutes\.${name}\b`)
  return texts.some(text => named.test(text))
}

test('every route of the contract is named by a test', () => {
  const texts = ['apps/server/src', 'apps/server/test', 'apps/web/test', 'packages/cli/test'].flatMap(testsIn)
  expect(texts.length).toBeGreaterThan(20)
  const missing = Object.keys(routes).filter(name => !isNamedIn(name, texts))
  expect(missing, 'routes that no test calls: write one beside the code of each').toEqual([])
})

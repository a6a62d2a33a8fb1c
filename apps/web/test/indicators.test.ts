import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { openBrowser } from '../../server/test/browser.ts'
import { patience } from '../../server/test/patience.ts'
import { test } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'
import { openPlace, sizes } from './tour.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser(inject('chromiumPath'))
})
afterAll(() => browser.close())

test('a list is added and uploaded, an indicator of it is seen live, looked up, and ignored', { timeout: 120_000 * patience }, async ({ world }) => {
  await world.team()
  const lead = await world.person('lead', 'Lea Lead')
  const { url } = await lead.call('createLogSource', { body: { name: 'Firewall' } })
  const { page, close } = await openPlace(world, browser, lead, '/detection?tab=indicators', { viewport: sizes.wide, colorScheme: 'light' })
  await page.getByText('No indicators yet').waitFor()
  await page.getByRole('button', { name: 'Add list' }).last().click()
  const dialog = page.getByRole('dialog', { name: 'Add indicator list' })
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await dialog.getByText('must not be empty').waitFor()
  await dialog.getByPlaceholder('Botnet controllers').fill('Botnet controllers')
  await dialog.getByText('TAXII server').click()
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await dialog.getByText('must be the URL of a collection').waitFor()
  await dialog.getByText('File upload').click()
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByText('nothing uploaded').waitFor()

  const choosing = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Upload' }).click()
  await (await choosing).setFiles({
    name: 'list.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('ioc,description\n198.51.100.0/24,Seen in the wild\nnot one,\n'),
  })
  await page.getByText('1 indicator, uploaded').waitFor()
  await page.getByText('1 entry rejected').click()
  await page.getByText('line 3: no IP address').waitFor()
  await page.getByLabel('Look up an indicator').fill('198.51.100.77')
  await page.getByText('Botnet controllers · Seen in the wild').waitFor()
  expect(await seriousViolations(page)).toEqual([])

  await world.settle()
  await world.server.detection.detector.settle()
  await page.goto('/alerts')
  await page.getByText('No alerts to triage').waitFor()
  await fetch(`${url.replace(/^https?:\/\/[^/]+/, world.origin)}/events`, {
    method: 'POST',
    body: JSON.stringify({ dst_ip: '198.51.100.77', host: { name: 'fw-1' } }),
  })
  await page.getByText('Indicator match 198.51.100.0/24: fw-1').click()
  await page.locator('mark', { hasText: '198.51.100.77' }).waitFor()
  await page.getByRole('button', { name: 'Ignore indicator' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('A documentation network.')
  expect(await seriousViolations(page)).toEqual([])
  await page.getByRole('dialog').getByRole('button', { name: 'Ignore', exact: true }).click()
  await page.getByText('Indicator ignored.').waitFor()
  await page.goto('/detection?tab=indicators')
  await page.getByText('A documentation network. · Lea Lead').waitFor()
  await page.getByRole('button', { name: 'Restore' }).click()
  await page.getByText('Indicator restored.').waitFor()
  await close()
})

test('a folder such as a git checkout is imported; its hidden folders are not', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead')
  const folder = join(await mkdtemp(join(tmpdir(), 'tocsin-checkout-')), 'rules')
  const deep = `${'a-long-name-of-a-folder/'.repeat(5)}windows`
  await mkdir(join(folder, deep), { recursive: true })
  await mkdir(join(folder, '.git'), { recursive: true })
  const rule = (id: string, title: string) =>
    `title: ${title}\nid: ${id}\nlogsource: {product: linux}\ndetection:\n  s:\n    F: x\n  condition: s\nlevel: low\n`
  await writeFile(join(folder, 'one.yml'), rule('44444444-4444-4444-8444-444444444444', 'Rule of the checkout'))
  await writeFile(join(folder, deep, 'two.yml'), rule('55555555-5555-4555-8555-555555555555', 'Rule in a deep folder'))
  await writeFile(join(folder, '.git', 'hidden.yml'), rule('66666666-6666-4666-8666-666666666666', 'Rule of git'))
  await writeFile(join(folder, 'README.md'), 'No rule.')
  const { page, close } = await openPlace(world, browser, lead, '/detection', { viewport: sizes.phone, colorScheme: 'dark' })
  await page.getByRole('button', { name: 'Import' }).click()
  const choosing = page.waitForEvent('filechooser')
  await page.getByText('Folder or Git checkout').click()
  await (await choosing).setFiles(folder)
  await page.getByText('2 added, 0 changed, 0 unchanged').waitFor()
  await page.getByLabel('Search rules').fill('in a deep')
  await page.getByText('Rule in a deep folder').waitFor()
  expect((await lead.call('detectionRules', { query: { search: 'Rule of git' } })).items).toEqual([])
  await close()
})

test('a field of its own events is mapped by a lead', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead')
  const { page, close } = await openPlace(world, browser, lead, '/detection?tab=sources', { viewport: sizes.wide, colorScheme: 'dark' })
  await page.getByRole('button', { name: 'Add field' }).click()
  await page.getByLabel('Field', { exact: true }).fill('DestinationIp')
  await page.getByRole('combobox', { name: 'DestinationIp maps to' }).fill('myapp.peer')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Field mapping saved.').waitFor()
  expect(await lead.call('fieldMapping')).toEqual([{ field: 'DestinationIp', paths: ['myapp.peer'] }])
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

import type { Browser, Page } from 'playwright-core'
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

/** The contrast between the border of the first such element and what is around it. */
const borderContrast = (page: Page, selector: string) =>
  page
    .locator(selector)
    .first()
    .evaluate(element => {
      const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
      const light = (color: string) => {
        const [r = 0, g = 0, b = 0] = channels(color).map(value => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      let around = element.parentElement
      while (around?.parentElement && channels(getComputedStyle(around).backgroundColor)[3] === 0) around = around.parentElement
      const both = [getComputedStyle(element).borderTopColor, getComputedStyle(around ?? document.body).backgroundColor]
        .map(light)
        .sort((one, other) => other - one)
      return ((both[0] ?? 0) + 0.05) / ((both[1] ?? 0) + 0.05)
    })

test('controls are seen, named and reached without a pointer and without color', { timeout: 120_000 * patience }, async ({ world }) => {
  const administrator = await world.person('administrator', 'Ada Admin')
  const { team } = await world.team({ tiers: 1 })
  const { page, close } = await openPlace(world, browser, administrator, '/people', { viewport: sizes.wide, colorScheme: 'light' })
  await page.getByRole('rowheader', { name: /^Ada Admin/ }).waitFor()
  for (const name of ['Person', 'Role', 'Team', 'Members']) await page.getByRole('columnheader', { name, exact: true }).waitFor()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const selector of ['.mantine-Select-input', 'button[data-variant="default"]'])
      await expect.poll(() => borderContrast(page, selector), `${selector}, ${colorScheme}`).toBeGreaterThanOrEqual(3)
  }
  expect(await seriousViolations(page)).toEqual([])

  // The palette: a named dialog, and the arrows move over options that are told.
  await page.keyboard.press('Control+k')
  const search = page.getByRole('dialog', { name: 'Go to' }).getByRole('combobox', { name: 'Go to' })
  await search.waitFor()
  await page.keyboard.type('On call')
  const option = page.getByRole('listbox', { name: 'Results' }).getByRole('option', { name: 'On call', selected: true })
  await option.waitFor()
  await expect.poll(async () => (await search.getAttribute('aria-activedescendant')) === (await option.getAttribute('id'))).toBe(true)
  expect(await seriousViolations(page)).toEqual([])
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 2, name: team.name }).waitFor()

  // Which weeks are shown is a named choice, and is seen where the colors are the reader's own.
  await page.getByRole('link', { name: team.name }).first().click()
  await page.getByRole('radiogroup', { name: 'Weeks shown' }).waitFor()
  await page.emulateMedia({ forcedColors: 'active' })
  expect(
    await page
      .locator('.mantine-SegmentedControl-indicator')
      .first()
      .evaluate(element => getComputedStyle(element).outlineWidth),
  ).toBe('2px')

  await page.emulateMedia({ forcedColors: 'none' })

  // What a tooltip says stays while the pointer is on it.
  await page.locator('.calendar-bar[data-kind="shift"]').first().hover()
  const tooltip = page.getByRole('tooltip')
  await tooltip.hover()
  await tooltip.waitFor()
  await close()
})

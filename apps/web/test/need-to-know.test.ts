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

const phone = { viewport: sizes.phone, colorScheme: 'light' } as const

test('on a phone an incident is restricted, its suspects are named, people are paged, and an administrator breaks the glass', {
  timeout: 180_000 * patience,
}, async ({ world }) => {
  const [lead, administrator] = [await world.person('lead', 'Lena Lead'), await world.person('administrator', 'Ada Admin')]
  const [suspect, colleague] = [await world.person('responder', 'Sam Suspect'), await world.person('responder', 'Cleo Colleague')]
  const { id } = await lead.call('openIncident', { body: { title: 'Payroll is copied', reason: 'Seen.' } })
  const params = { id }
  const now = () => lead.call('incident', { params })

  const { page, close } = await openPlace(world, browser, lead, `/incidents/${id}`, phone)
  const dialog = page.getByRole('dialog')
  await page.getByRole('region', { name: 'Details' }).getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('Restricted').check()
  await dialog.getByLabel('Codename').fill('Amber Falcon')
  await dialog.getByLabel('Reason').fill('It is one of us.')
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByText('restricted · Amber Falcon').waitFor()

  await page.getByRole('tab', { name: 'Scope' }).click()
  await page.getByPlaceholder('Add suspect').click()
  await page.getByRole('option', { name: 'Sam Suspect' }).click()
  await page.getByRole('region', { name: 'Suspects' }).getByText('Sam Suspect').waitFor()
  await page.getByPlaceholder('People to page').click()
  await page.getByRole('option', { name: 'Cleo Colleague' }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Page', exact: true }).click()
  await page.getByText('Paged.').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  expect(await now()).toMatchObject({ suspects: [{ id: suspect.id }], members: expect.arrayContaining([{ id: colleague.id, name: colleague.name }]) })
  await close()

  const other = await openPlace(world, browser, administrator, '/incidents', phone)
  await other.page.getByRole('button', { name: 'Emergency access…' }).click()
  const emergency = other.page.getByRole('dialog')
  await emergency.getByLabel('Number of the incident').fill('1')
  await emergency.getByLabel('Reason').fill('Its lead is in hospital.')
  expect(await seriousViolations(other.page)).toEqual([])
  await emergency.getByRole('button', { name: 'Get access' }).click()
  await other.page.getByRole('heading', { name: 'Payroll is copied' }).waitFor()
  await other.close()

  const people = await openPlace(world, browser, administrator, '/people', phone)
  await people.page.getByRole('button', { name: 'More about Cleo Colleague' }).click()
  await people.page.getByRole('menuitem', { name: 'Mark as an executive' }).click()
  await people.page.getByText('executive', { exact: true }).waitFor()
  await people.close()
})

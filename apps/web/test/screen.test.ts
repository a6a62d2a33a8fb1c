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

const wide = { viewport: sizes.wide, colorScheme: 'light' } as const

test('what cannot be undone asks once in words of what will happen, and what can be undone offers that', { timeout: 120_000 * patience }, async ({ world }) => {
  const administrator = await world.person('administrator', 'Ada Admin')
  const { team, primary } = await world.team({ tiers: 1 })
  const { page, close } = await openPlace(world, browser, administrator, `/on-call/${team.id}`, wide)
  const dialog = page.getByRole('dialog')

  // A drill says whom it pages; no is no, and the second click of a double click is no answer.
  await page.getByRole('button', { name: 'Start drill' }).dblclick()
  await dialog.getByText(`Pages ${primary.name} now by all their contact methods, marked as a drill.`).waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  expect((await administrator.call('pages')).items).toEqual([])
  await page.getByRole('button', { name: 'Start drill' }).click()
  await dialog.getByRole('button', { name: 'Start drill' }).click()
  await page.getByText('Drill started.').waitFor()

  // A key is revoked after a question that can be read, with the focus on the way out.
  const { key } = await administrator.call('createApiKey', { body: { name: 'CI', role: 'observer', scopes: ['incidents:read'] } })
  await page.goto('/settings')
  await page.getByRole('button', { name: 'Revoke CI' }).click()
  await expect.poll(() => dialog.getByRole('button', { name: 'Cancel' }).evaluate(button => button === document.activeElement)).toBe(true)
  expect(await dialog.getAttribute('aria-describedby'), 'a question is read when it opens').not.toBeNull()
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
  const revokedAt = async () => (await administrator.call('apiKeys')).find(({ id }) => id === key.id)?.revokedAt
  expect(await revokedAt()).toBeNull()
  await page.getByRole('button', { name: 'Revoke CI' }).click()
  await dialog.getByText('A revoked key cannot be restored.').waitFor()
  await dialog.getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('Revoked.').waitFor()
  expect(await revokedAt()).not.toBeNull()

  // A dismissal is taken back by one key, but not while a text is typed; that of another alert by its button.
  const { id } = await world.alert({ title: 'Odd sign-in', severity: 'low' })
  await page.goto(`/alerts/${id}`)
  const status = async () => (await administrator.call('alert', { params: { id } })).status
  for (const way of ['key', 'button']) {
    await page.getByRole('button', { name: 'Dismiss', exact: true }).first().click()
    await dialog.getByLabel('Reason').fill('Known.')
    await dialog.getByRole('button', { name: 'Dismiss', exact: true }).click()
    await page.getByText(/^Alert \d+ dismissed\.$/).waitFor()
    await dialog.waitFor({ state: 'detached' })
    expect(await status()).toBe('dismissed')
    if (way === 'key') await page.keyboard.press('u')
    else await page.getByRole('button', { name: 'Undo' }).click()
    await page
      .getByText(/^Alert \d+ reopened\.$/)
      .first()
      .waitFor()
    await expect.poll(status).toBe('open')
  }
  await close()
})

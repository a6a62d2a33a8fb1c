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

test('a screen that cannot follow says so, and never that nothing needs attention', { timeout: 180_000 * patience }, async ({ world }) => {
  const { team, primary } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team)
  const { page, close } = await openPlace(world, browser, primary, '/', wide)
  const context = page.context()
  const chip = page.getByRole('status', { name: 'Connection' })
  const headline = page.locator('h1 + p')
  const pages = page.getByRole('region', { name: 'Unacknowledged pages' })
  await chip.getByText('Live', { exact: true }).waitFor()
  const failing = { status: 500, contentType: 'application/problem+json', body: '{"type":"x","title":"Internal error","status":500,"detail":"It failed."}' }

  // Read once, and then not again: the old answer is shown with its time, and the headline says of when it is.
  await pages.getByText('No unacknowledged pages.').waitFor()
  await expect.poll(() => headline.textContent()).toBe('Nothing needs your attention.')
  await page.route(/api\/v1\/(pages|counters)(\?|$)/, route => route.fulfill(failing))
  await world.alert({ title: 'Unheard', severity: 'critical', service: service.name })
  await world.settle()
  await pages.getByText(/^Could not refresh. Data as of \d+:\d+/).waitFor()
  await headline.getByText(/^As of \d+:\d+/).waitFor()
  // Read for the first time, and failing.
  await page.goto('/')
  await headline.getByText(/could not be loaded/).waitFor()
  await pages.getByText('It failed.').waitFor()
  expect(await headline.textContent()).not.toContain('Nothing needs')
  expect(await page.getByText('Nothing needs your attention').count()).toBe(0)
  await page.getByRole('link', { name: 'Pages ? count could not be loaded' }).waitFor()
  await page.unroute(/api\/v1\/(pages|counters)(\?|$)/)
  await pages.getByRole('button', { name: 'Try again' }).click()
  await pages.getByText('Unheard').first().waitFor()
  await expect.poll(() => page.title()).toMatch(/^\(\d\) Now · Tocsin$/)
  expect(await page.locator('link[rel="icon"]').getAttribute('href')).toBe('/bell-unread.svg')

  // The network is cut: the chip says since when, and an act says what did not happen.
  await chip.getByText('Live', { exact: true }).waitFor()
  await context.setOffline(true)
  await chip.getByText(/^Offline since \d+:\d+/).waitFor()
  await chip.getByText(/^Data as of \d+:\d+/).waitFor()
  const before = await chip.textContent()
  expect(before).toContain('Offline since')
  await pages.getByRole('button', { name: 'Acknowledge' }).first().click()
  await page.getByText('No connection: not acknowledged.').waitFor()
  expect((await primary.call('pages')).items[0]?.state).toBe('triggered')
  await world.alert({ title: 'Meanwhile', severity: 'critical', service: service.name })
  await world.settle()
  await context.setOffline(false)
  await chip.getByText('Live', { exact: true }).waitFor()
  await pages.getByText('Meanwhile').first().waitFor()

  // The stream is refused, as when a session is unknown or too many pages are open: it is opened again.
  for (const status of [401, 503]) {
    await page.route('**/api/v1/live', route => route.fulfill({ status, body: '' }))
    await context.setOffline(true)
    await context.setOffline(false)
    await chip.getByText('Reconnecting').waitFor()
    await world.alert({ title: `During ${status}`, severity: 'critical', service: service.name })
    await world.settle()
    await page.unroute('**/api/v1/live')
    await chip.getByText('Live', { exact: true }).waitFor({ timeout: 30_000 })
    await pages.getByText(`During ${status}`).first().waitFor()
  }
  await close()
})

test('a storm of alerts makes no storm of requests', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead')
  const { page, close } = await openPlace(world, browser, lead, '/', wide)
  await page.getByRole('status', { name: 'Connection' }).getByText('Live', { exact: true }).waitFor()
  await page.waitForLoadState('networkidle').catch(() => undefined)
  let requests = 0
  page.on('request', request => {
    if (request.url().includes('/api/v1/')) requests += 1
  })
  for (let n = 0; n < 40; n += 1) await world.alert({ title: `Storm ${n}`, severity: 'high' })
  await page.getByText('Storm 39').first().waitFor()
  expect(requests).toBeLessThan(20)
  await close()
})

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
    await page.getByRole('main').getByRole('button', { name: 'Dismiss', exact: true }).click()
    await dialog.getByLabel('Reason').fill('Known.')
    await dialog.getByRole('button', { name: 'Dismiss', exact: true }).click()
    await page.getByText('1 alert dismissed.').waitFor()
    await dialog.waitFor({ state: 'detached' })
    expect(await status()).toBe('dismissed')
    if (way === 'key') await page.keyboard.press('u')
    else await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('Undone.').first().waitFor()
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
    await chip.getByText(/^Offline since/).waitFor()
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
  await page.getByRole('link', { name: /^Alerts 40/ }).waitFor()
  expect(requests).toBeLessThan(20)
  await close()
})

/** What is read out: every text that live regions get from now on. */
async function listen(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const said: string[] = []
    Object.assign(window, { said })
    new MutationObserver(changes => {
      for (const { target, addedNodes } of changes) {
        const element = target instanceof Element ? target : target.parentElement
        const region = element?.closest('[aria-live], [role="status"], [role="alert"]')
        const text = addedNodes.length > 0 ? [...addedNodes].map(node => node.textContent).join(' ') : target.textContent
        if (region && text?.trim()) said.push(`${region.getAttribute('aria-live') ?? region.getAttribute('role')}: ${text.trim()}`)
      }
    }).observe(document.body, { childList: true, subtree: true, characterData: true })
  })
  // biome-ignore lint/plugin: what was evaluated just above has put it there
  return () => page.evaluate(() => (window as unknown as { said: string[] }).said)
}

const focused = (page: Page) =>
  page.evaluate(() => {
    const { activeElement: element } = document
    return `${element?.tagName.toLowerCase()} ${element?.getAttribute('aria-label') ?? element?.textContent ?? ''}`.trim()
  })

test('a person who works by keyboard and hears the screen knows where they are', { timeout: 180_000 * patience }, async ({ world }) => {
  const { team, primary } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team)
  for (const title of ['First', 'Second', 'Third']) await world.alert({ title, severity: 'critical', service: service.name })
  await world.settle()
  const { page, close } = await openPlace(world, browser, primary, '/', wide)
  const pages = page.getByRole('region', { name: 'Unacknowledged pages' })
  await page.getByRole('status', { name: 'Connection' }).getByText('Live', { exact: true }).waitFor()
  await pages.getByText('Third').first().waitFor()
  const said = await listen(page)

  // The first stop leads past the menu.
  await page.keyboard.press('Tab')
  expect(await focused(page)).toBe('a Skip to content')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.querySelector('main')?.contains(document.activeElement))).toBe(true)

  // Rows: j moves the focus, also after a click; the button of an acknowledged row gives it to that of the next.
  await page.getByRole('link', { name: 'Alerts', exact: false }).first().focus()
  await page.keyboard.press('j')
  expect(await focused(page)).toMatch(/^a billing: (First|Second|Third)$/)
  await pages.getByRole('button', { name: 'Acknowledge' }).first().focus()
  await page.keyboard.press('Enter')
  await expect.poll(async () => (await said()).some(text => text.includes('Acknowledged. Escalation stopped.'))).toBe(true)
  await expect.poll(() => focused(page)).toMatch(/^button Acknowledge page: billing: /)

  // By mouse: the row stays where it was, and no other button gets under the pointer.
  await pages.getByRole('button', { name: 'Acknowledge' }).first().hover()
  const at = await pages.getByRole('button', { name: 'Acknowledge' }).first().boundingBox()
  if (!at) expect.fail('there are buttons')
  await page.mouse.click(at.x + at.width / 2, at.y + at.height / 2)
  const acknowledged = async () => (await primary.call('pages')).items.filter(({ state }) => state === 'acknowledged').length
  await expect.poll(acknowledged).toBe(2)
  await pages.getByText(`Acknowledged by ${primary.name}`).last().waitFor()
  await page.mouse.click(at.x + at.width / 2, at.y + at.height / 2)
  await world.settle()
  expect(await acknowledged()).toBe(2)
  await page.mouse.move(700, 5)
  await expect.poll(() => pages.getByText(`Acknowledged by ${primary.name}`).count()).toBe(0)

  // A new page is read out at once to whom it is for.
  await world.alert({ title: 'Fourth', severity: 'critical', service: service.name })
  await world.settle()
  await expect.poll(async () => (await said()).filter(text => text.startsWith('assertive:'))).toEqual([expect.stringContaining('Page to you: billing: Fourth')])

  // Another page: its heading has the focus, and its title is read.
  await page.keyboard.press('g')
  await page.keyboard.press('a')
  await page.getByRole('heading', { name: 'Alerts', level: 1 }).waitFor()
  await expect.poll(() => focused(page)).toBe('h1 Alerts')
  await expect.poll(async () => (await said()).some(text => text === 'polite: Alerts')).toBe(true)

  // A dialog begins at its first field, has no shortcuts, says what is wrong where it is wrong, and gives the focus back.
  await page.goto('/incidents')
  const opener = page.getByRole('button', { name: 'Open incident' }).first()
  await opener.focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toMatch(/INPUT|TEXTAREA/)
  expect(await dialog.getAttribute('aria-describedby'), 'a form is not its own description').toBeNull()
  await page.keyboard.press('Control+Enter')
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-invalid'))).toBe('true')
  await dialog.getByRole('button', { name: 'Cancel' }).focus()
  await page.keyboard.press('g')
  await page.keyboard.press('a')
  expect(new URL(page.url()).pathname).toBe('/incidents')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(() => focused(page)).toMatch(/^button Open/)

  // Shortcuts can be switched off.
  await page.goto('/account')
  await page.getByLabel('Single-letter shortcuts, such as j, k and ?').uncheck({ force: true })
  await page.keyboard.press('g')
  await page.keyboard.press('a')
  await page.keyboard.press('?')
  expect(await dialog.count()).toBe(0)
  expect(new URL(page.url()).pathname).toBe('/account')
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

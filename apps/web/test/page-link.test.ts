import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { openBrowser } from '../../server/test/browser.ts'
import { patience } from '../../server/test/patience.ts'
import { linkIn, test, type World } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser(inject('chromiumPath'))
})
afterAll(() => browser.close())

const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, timezoneId: 'Asia/Tokyo' } as const

async function paged(world: World) {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  await world.service('billing', team)
  await world.alert({ service: 'billing', title: '<b>Odd</b> sign-in' })
  const link = `/a/${linkIn(primary.expectPage(/billing/), '/a/')}`
  const [{ id = '' } = {}] = (await primary.call('pages')).items
  const state = async () => (await primary.call('pages')).items.map(page => page.state)
  const journal = async (type: string) => (await (await world.person('lead')).call('journal', {})).items.filter(entry => entry.type === type).length
  return { primary, backup, link, id, state, journal }
}

async function open(world: World, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ ...phone, ...options, baseURL: world.origin })
  return context.newPage()
}

const act = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const says = (page: Page, text: string | RegExp) => page.getByRole('status').getByText(text).waitFor()

test('a page is acknowledged from its link on a slow phone, with one press, once, and nothing does it again', { timeout: 120_000 * patience }, async ({
  world,
}) => {
  const { primary, backup, link, id, state, journal } = await paged(world)
  const page = await open(world, { colorScheme: 'dark' })
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  let bytes = 0
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength
  })
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 2_000, downloadThroughput: 50_000, uploadThroughput: 50_000 })
  await page.goto(link, { waitUntil: 'commit' })
  await page.getByRole('heading', { name: 'billing: <b>Odd</b> sign-in' }).waitFor()
  expect(await state(), 'a mail scanner runs scripts, and presses nothing').toEqual(['triggered'])
  expect(await act(page, 'Acknowledge').evaluate(button => button === document.activeElement), 'it has the focus').toBe(true)
  await page.waitForLoadState()
  await page.getByText('GMT+9').first().waitFor()
  await page.keyboard.press('Enter')
  await says(page, 'Acknowledging… not acknowledged yet.')
  for (const name of ['Acknowledge', 'Escalate now']) expect(await act(page, name).isDisabled(), name).toBe(true)
  await says(page, `Acknowledged by you, ${primary.name}. Escalation stopped.`)
  expect(bytes, 'all that was fetched for it').toBeLessThan(60_000)
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 })
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
  expect(await seriousViolations(page)).toEqual([])
  await page.reload()
  await says(page, 'Acknowledged by you')
  await act(page, 'Release').click()
  await says(page, 'Escalated to the next level.')
  await page.reload()
  await act(page, 'Acknowledge').waitFor()
  // Nor does Back.
  await page.getByRole('link', { name: 'Open the alert' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(new URL(page.url()).searchParams.get('to'), 'kept through the sign-in').toBe(`/pages/${id}`)
  await page.goBack()
  await page.waitForURL(url => url.pathname.startsWith('/a/'))
  await act(page, 'Acknowledge').waitFor()
  expect(await state()).toEqual(['triggered'])
  expect(await journal('page.acknowledged')).toBe(1)

  // What gets no answer is not said to be done; it is sent again once the network is back, and done once.
  await page.emulateMedia({ forcedColors: 'active', colorScheme: 'light' })
  await page.context().setOffline(true)
  await act(page, 'Acknowledge').click()
  await page.getByRole('alert').getByText('NOT acknowledged.').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await page.context().setOffline(false)
  await says(page, 'Acknowledged by you')
  // An answer that was lost: the first request got through, and what is pressed again is that same one.
  await page.route(
    '**/a/*',
    async route => {
      await route.fetch()
      await route.abort()
    },
    { times: 1 },
  )
  await act(page, 'Release').click()
  await page.getByRole('alert').getByText('NOT released.').waitFor()
  await act(page, 'Retry').click()
  await says(page, 'Escalated to the next level.')
  expect(await journal('page.released')).toBe(2)
  await world.settle()
  backup.expectPage(/billing/)
  await page.context().close()
})

test('without a script the link does all the same, and a colleague is asked by name', { timeout: 120_000 * patience }, async ({ world }) => {
  const { primary, backup, link, state, journal } = await paged(world)
  const olga = await world.person('responder', 'Olga Outside')
  const page = await open(world, { javaScriptEnabled: false })
  await page.goto(link)
  await page.getByText('UTC').first().waitFor()
  await act(page, 'Acknowledge').click()
  await says(page, `Acknowledged by you, ${primary.name}.`)
  await page.reload()
  await page.goBack()
  await page.goForward()
  expect(await journal('page.acknowledged')).toBe(1)
  await act(page, 'Snooze 30 min').click()
  await page.getByText('Snoozed until').waitFor()
  expect(await act(page, 'Snooze 30 min').count()).toBe(0)
  await page.getByLabel('Somebody else').fill('"><script>alert(1)</script>')
  await act(page, 'Add responder').click()
  await page.getByRole('alert').getByText('must be the name of a team member').waitFor()
  expect(await page.getByLabel('Somebody else').inputValue(), 'what was typed stays').toBe('"><script>alert(1)</script>')
  await page.getByLabel('Somebody else').fill(olga.email)
  await act(page, 'Add responder').click()
  await says(page, 'Responder added.')
  await page.getByLabel('Somebody else').fill(backup.name)
  await act(page, 'Reassign').click()
  await says(page, 'Reassigned.')
  expect(await state()).toEqual(['triggered'])
  await page.goto(`${link}x`)
  await page.getByRole('alert').getByText('This link is invalid or too old').waitFor()
  await page.getByRole('link', { name: 'Open Tocsin' }).waitFor()
  await page.context().close()
  await world.settle()
  olga.expectPage(/billing/)
  backup.expectPage(/billing/)
})

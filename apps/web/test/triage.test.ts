import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { openBrowser } from '../../server/test/browser.ts'
import { patience } from '../../server/test/patience.ts'
import { test, type World } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'
import { openPlace, sizes } from './tour.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser(inject('chromiumPath'))
})
afterAll(() => browser.close())

const wide = { viewport: sizes.wide, colorScheme: 'light' } as const

/** Alerts of two services, on hosts db-0 to db-4. */
async function fill(world: World, count: number) {
  const responder = await world.person('responder', 'Rae Responder')
  const { team } = await world.team()
  for (const name of ['billing', 'search']) await world.service(name, team)
  await responder.call('createAlerts', {
    body: Array.from({ length: count }, (_, n) => ({
      ...{ title: `Suspicious sign-in ${n}`, severity: n % 4 === 0 ? ('high' as const) : ('low' as const), service: n % 2 === 0 ? 'billing' : 'search' },
      observables: [{ kind: 'host' as const, value: `db-${n % 5}` }],
    })),
  })
  await world.settle()
  return responder
}

/** Counts what a person does: clicks and keys, without the letters of a text. */
function hands(page: Page) {
  const done = { clicks: 0, keys: 0 }
  return {
    done,
    click: async (name: string | RegExp, role: 'button' | 'checkbox' = 'button', modifiers: ('Shift' | 'Control')[] = []) => {
      done.clicks += 1
      await page.getByRole(role, { name }).first().click({ modifiers })
    },
    press: async (...keys: string[]) => {
      for (const key of keys) {
        done.keys += 1
        await page.keyboard.press(key)
      }
    },
  }
}

const rows = (page: Page) => page.getByRole('row').filter({ has: page.getByRole('rowheader') })

test('twenty alerts are dismissed with four clicks and taken back with a fifth; a filter finds an alert by its host', { timeout: 120_000 * patience }, async ({
  world,
}) => {
  const responder = await fill(world, 40)
  const { page, close } = await openPlace(world, browser, responder, '/alerts', wide)
  await page.getByText('40 alerts').waitFor()
  const { done, click } = hands(page)
  await click(/^Select alert/, 'checkbox')
  done.clicks += 1
  await page
    .getByRole('checkbox', { name: /^Select alert/ })
    .nth(19)
    .click({ modifiers: ['Shift'] })
  await page.getByText('20 selected').waitFor()
  await page.mouse.move(700, 500)
  const placeOfSecond = () =>
    rows(page)
      .nth(1)
      .evaluate(row => Math.round(row.getBoundingClientRect().top + window.scrollY))
  const place = await placeOfSecond()
  await click('Dismiss…')
  await page.getByLabel('Reason').fill('A load test of the sign-in page.')
  await click(/^Dismiss$/)
  await page.getByText('20 alerts dismissed.').waitFor()
  expect(done.clicks, 'clicks to dismiss twenty alerts').toBeLessThanOrEqual(4)
  // While the pointer is on the list its rows keep their place and say what became of them.
  await page.getByText(/^20 alerts · The list stays/).waitFor()
  expect(await rows(page).first().textContent()).toMatch(/Dismissed/)
  expect(await placeOfSecond()).toBe(place)
  await page.mouse.move(5, 5)
  await page.getByText('20 alerts', { exact: true }).waitFor()
  const dismissed = await responder.call('alerts', { query: { view: 'all', filter: 'status:dismissed', limit: 200 } })
  expect(dismissed.items.map(({ disposition }) => disposition?.reason)).toEqual(Array.from({ length: 20 }, () => 'A load test of the sign-in page.'))
  await click('Undo')
  await page.getByText('40 alerts', { exact: true }).waitFor()
  expect((await responder.call('alerts', { query: { view: 'all', filter: 'status:dismissed' } })).items).toEqual([])

  // A wrong filter is a sentence, and the list stays; a right one is in the address, and a facet adds to it.
  const filter = page.getByLabel('Filter alerts')
  await filter.fill('severity:hgh')
  await page.getByText('severity:hgh is not a severity: use critical, high, medium, low or info.').waitFor()
  await page.getByText('40 alerts', { exact: true }).waitFor()
  await filter.fill('host:db-3')
  await filter.press('Enter')
  await page.getByText('8 alerts', { exact: true }).waitFor()
  expect(new URL(page.url()).searchParams.get('filter')).toBe('host:db-3')
  await page.getByRole('checkbox', { name: /^high/ }).click()
  await page.getByText('2 alerts', { exact: true }).waitFor()
  await page.getByRole('checkbox', { name: /^low/ }).click()
  await page.getByText('8 alerts', { exact: true }).waitFor()

  // What is listed is kept as a view of one's own, and found again.
  await page.getByRole('button', { name: 'More', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Save view…' }).click()
  await page.getByLabel('Name').fill('Third database')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: 'Triage queue' }).click()
  await page.getByText('40 alerts', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Third database' }).click()
  await page.getByText('8 alerts', { exact: true }).waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

test('by keyboard alone an alert is looked at, taken on and escalated in under twelve keys; all that match are acknowledged with two clicks', {
  timeout: 120_000 * patience,
}, async ({ world }) => {
  const responder = await fill(world, 12)
  const { page, close } = await openPlace(world, browser, responder, '/alerts', wide)
  await page.getByText('12 alerts').waitFor()
  const { done, press, click } = hands(page)
  await press('j')
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-rowindex'))
  await expect.poll(focused).toBe('3')
  await press('k')
  await expect.poll(focused).toBe('2')
  await press('Enter')
  await page.getByRole('complementary', { name: 'Alert' }).getByText('Observables').waitFor()
  await press('m')
  await page.getByText('1 alert assigned to Rae Responder.').waitFor()
  await press('e')
  await page.getByRole('dialog', { name: /Escalate alert/ }).waitFor()
  await page.keyboard.type('It is not known to anybody.')
  await press('Control+Enter')
  await page.waitForURL('**/incidents/*')
  expect(done.keys, 'keys from the list to an incident').toBeLessThan(12)
  const [incident] = (await responder.call('incidents', {})).items
  expect(incident).toMatchObject({ title: expect.stringMatching(/^Suspicious sign-in/) })

  await page.goto('/alerts')
  await page.getByText('11 alerts').waitFor()
  await click('Select all that match', 'checkbox')
  await page.getByText('11 selected').waitFor()
  await click('Acknowledge')
  await page.getByText('11 alerts acknowledged.').waitFor()
  expect(done.clicks, 'clicks to acknowledge everything').toBe(2)
  expect((await responder.call('pages')).items.filter(({ state, subject }) => state === 'triggered' && subject.kind === 'alert')).toEqual([])
  await close()
})

test('an observer looks at alerts and is offered no act; while nothing can be read the page does not say that there is nothing', {
  timeout: 120_000 * patience,
}, async ({ world }) => {
  await fill(world, 3)
  const observer = await world.person('observer', 'Olu Observer')
  const { page, close } = await openPlace(world, browser, observer, '/alerts', { viewport: sizes.phone, colorScheme: 'dark' })
  await page.getByText('3 alerts').waitFor()
  await page
    .getByRole('checkbox', { name: /^Select alert/ })
    .first()
    .click()
  expect(await page.getByRole('toolbar').count()).toBe(0)
  await page.route('**/api/v1/alerts/*', route =>
    route.fulfill({
      status: 500,
      contentType: 'application/problem+json',
      body: '{"type":"about:blank","title":"Fault","status":500,"detail":"The database is away."}',
    }),
  )
  await page.goto('/alerts?filter=status%3Aopen')
  await page
    .getByText('The database is away.')
    .last()
    .waitFor({ timeout: 60_000 * patience })
  expect(await page.getByText('No alerts').count()).toBe(0)
  await close()
})

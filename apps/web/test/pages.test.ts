import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject } from 'vitest'
import { recordAll, system } from '../../server/src/journal/index.ts'
import { openBrowser } from '../../server/test/browser.ts'
import { patience } from '../../server/test/patience.ts'
import { test } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'
import { furnish, goTo, openPlace, outside, places, type Showing, sizes } from './tour.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser(inject('chromiumPath'))
})
afterAll(() => browser.close())

const showings: readonly Showing[] = [
  { viewport: sizes.wide, colorScheme: 'light' },
  { viewport: sizes.phone, colorScheme: 'dark' },
]

test('days are shown by their names, long timelines in parts, and the audit log is searched by keyboard', { timeout: 120_000 * patience }, async ({
  world,
}) => {
  const administrator = await world.person('administrator', 'Ada Admin')
  const hours = [{ days: ['mon' as const, 'sun' as const], from: '22:00', until: '02:00' }]
  await administrator.call('addSilence', {
    body: { matchers: { severities: ['low'] }, reason: 'Backups', start: world.now, end: '2026-12-20T00:00:00Z', hours: { timeZone: 'UTC', hours } },
  })
  const { id } = await administrator.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Many.', responsibility: 'us' } })
  const silences = await openPlace(world, browser, administrator, '/silences', { viewport: sizes.wide, colorScheme: 'light' })
  await silences.page.getByText('Mon Sun 22:00–02:00 UTC').waitFor()
  await silences.close()
  const incident = await openPlace(world, browser, administrator, `/incidents/${id}`, { viewport: sizes.wide, colorScheme: 'light' })
  await incident.page.getByRole('tab', { name: 'Notes' }).click()
  await expect.poll(() => new URL(incident.page.url()).searchParams.get('tab')).toBe('notes')
  // Of a long timeline the latest part is shown, and the rest when asked for.
  const note = { actor: system, type: 'note.written', subject: { kind: 'note', id }, within: id } as const
  const notes = Array.from({ length: 510 }, (_, n) => ({ ...note, data: { markdown: String(n) } }))
  await world.server.context.database.transaction(tx => recordAll(tx, notes))
  await incident.page.getByRole('tab', { name: 'Timeline' }).click()
  await incident.page.getByRole('button', { name: 'Show earlier entries' }).click()
  await incident.page.getByText('Opened a suspected incident: Odd sign-ins').waitFor()
  await expect.poll(() => incident.page.getByText(/Added a note/).count()).toBe(notes.length)
  await incident.close()

  // A name without a space where to break it does not widen the page of a phone.
  const name = `Donaudampfschifffahrts${'gesellschaft'.repeat(5)}`
  const customer = await administrator.call('saveCustomer', {
    body: { name, region: 'EU', contacts: [{ name: 'Security', email: 'security@donau.test' }] },
  })
  const current = await administrator.call('incident', { params: { id } })
  await administrator.call('setAffectedCustomers', {
    params: { id },
    body: { version: current.version, customers: [{ id: customer.id, basis: `Key ${'x'.repeat(80)}` }] },
  })
  const phone = { viewport: sizes.phone, colorScheme: 'light' } as const
  for (const path of [`/incidents/${id}?tab=scope`, `/incidents/${id}?tab=notices`, '/customers']) {
    const narrow = await openPlace(world, browser, administrator, path, phone)
    await narrow.page.getByText(name).first().waitFor()
    expect(await narrow.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), path).toBe(0)
    await narrow.close()
  }

  // What could not be read is not said to be none.
  const failing = await openPlace(world, browser, administrator, '/incidents', phone)
  const problem = { type: 'urn:tocsin:problem:invalid', title: 'Refused', status: 400, detail: 'Not now.' }
  await failing.page.route(/api\/v1\/(pages|people|obligations|counters)(\?|$)/, route =>
    route.fulfill({ status: 400, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
  )
  await failing.page.goto('/')
  await failing.page.getByRole('region', { name: 'Unacknowledged pages' }).getByText('Not now.').waitFor()
  await failing.page.getByText('Some of this could not be loaded.').waitFor()
  await failing.page.getByText('Notification deadlines could not be loaded.').waitFor()
  await failing.page.goto(`/incidents/${id}`)
  await expect.poll(() => failing.page.getByRole('combobox', { name: 'Lead', exact: true }).getAttribute('placeholder')).toBe('People could not be loaded')
  await failing.page.goto('/incidents/01a21f84-cd75-73e2-8c7d-29ea593eff98')
  await failing.page.getByRole('heading', { name: 'Incident', exact: true }).waitFor()
  await failing.page.getByRole('link', { name: 'All incidents' }).waitFor()
  await failing.close()

  // The audit log is searched by keyboard; what is looked for is in the address, so that it can be kept and sent.
  const { page, close } = await openPlace(world, browser, administrator, '/journal', { viewport: sizes.phone, colorScheme: 'light' })
  await page.getByRole('status').getByText('The newest 50 entries').waitFor()
  await page.getByRole('searchbox', { name: 'Names and titles' }).focus()
  await page.keyboard.type('odd sign')
  await page.keyboard.press('Enter')
  await page.getByRole('status').getByText('1 entry matches').waitFor()
  expect(new URL(page.url()).searchParams.get('text')).toBe('odd sign')
  await page.route('**/journal/checkpoint', async route => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...(await response.json()), successions: ['a statement'] } })
  })
  await page.reload()
  await page.getByText('The signing key was replaced once.').waitFor()
  expect(await page.getByRole('link', { name: 'Show when' }).getAttribute('href')).toBe('/journal?type=journal.key-replaced')
  await page.getByText('Opened a suspected incident: Odd sign-ins').click()
  await page.getByRole('button', { name: 'All of incident.opened' }).click()
  await expect.poll(() => new URL(page.url()).search).toBe('?type=incident.opened')
  await page.getByRole('combobox', { name: 'Type' }).fill('fruit.eaten')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  await page.getByText('No entries match', { exact: true }).last().waitFor()
  await page.getByRole('button', { name: 'Clear filters' }).first().click()
  await page.getByRole('status').getByText('The newest 50 entries').waitFor()
  // What is refused is said at once, not asked again and again.
  let asked = 0
  page.on('request', request => {
    if (request.url().includes('/api/v1/journal?')) asked += 1
  })
  await page.goto('/journal?from=yesterday')
  await page.getByRole('button', { name: 'Try again' }).waitFor()
  expect(asked).toBeLessThan(3)
  await close()
})

describe('every page, with much data and with none, wide and light, narrow and dark', () => {
  test.override({ options: { withMail: false } })

  test('has no serious accessibility violation, nothing wider than the screen, and no error in the console', { timeout: 300_000 * patience }, async ({
    world,
  }) => {
    const administrator = await world.person('administrator', 'Ada Admin')
    const faults: Record<string, unknown> = {}
    /** Loads each page anew, in one browser for all: it has the scripts, as that of anybody who comes a second time. */
    const visit = async (paths: readonly string[], showing: Showing, person: typeof administrator | undefined, state: string) => {
      const [first = ''] = paths
      const { page, close } = await openPlace(world, browser, person, first, showing)
      let wrong: string[] = []
      page.on('console', message => {
        // Who is signed in is asked of everybody, and the browser reports the answer for nobody.
        const isNobody = person === undefined && /status of 401/.test(message.text())
        if (message.type() === 'error' && !isNobody) wrong.push(message.text())
      })
      page.on('pageerror', error => wrong.push(error.message))
      for (const path of paths) {
        wrong = []
        await page.context().clock.setFixedTime(world.now)
        await goTo(page, path)
        await page.waitForTimeout(50)
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        if (overflow > 0) wrong.push(`is ${overflow} px wider than the screen`)
        wrong.push(...(await seriousViolations(page)))
        if (wrong.length > 0) faults[`${path} ${state} ${showing.colorScheme} ${showing.viewport.width}`] = wrong
      }
      await close()
    }
    for (const showing of showings) await visit(places, showing, administrator, 'empty')
    const { things } = await furnish(world, administrator)
    for (const showing of showings) {
      await visit([...places, ...things], showing, administrator, 'full')
      await visit(outside, showing, undefined, 'outside')
    }
    expect(faults).toEqual({})
  })
})

import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { openBrowser } from '../../server/test/browser.ts'
import { test } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'
import { openPlace, sizes } from './tour.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser(inject('chromiumPath'))
})
afterAll(() => browser.close())

test('a team is put on call, a shift is taken by dragging over the calendar, and given back', { timeout: 120_000 }, async ({ world }) => {
  const lead = await world.person('lead', 'Lea Lead')
  const [ben, cai] = [await world.person('responder', 'Ben'), await world.person('responder', 'Cai')]
  const team = await lead.call('saveTeam', { body: { name: 'Response', kind: 'security', memberIds: [ben.id, cai.id] } })
  const { page, close } = await openPlace(world, browser, lead, '/on-call', { viewport: sizes.wide, colorScheme: 'light' })
  await page.getByText('Nobody is on call yet').waitFor()
  await page.getByRole('button', { name: 'Set up on call' }).click()
  const dialog = page.getByRole('dialog', { name: 'On call for Response' })
  await dialog.getByRole('button', { name: 'Put the team on call' }).click()
  await dialog.getByText('name at least one person').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByLabel('Who takes turns').click()
  for (const name of ['Ben', 'Cai']) await page.getByRole('option', { name, exact: true }).click()
  await dialog.getByText('Escalation', { exact: true }).click()
  await dialog.getByRole('button', { name: 'Put the team on call' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Response' }).getByText('primary', { exact: true }).waitFor()

  await page.getByRole('link', { name: 'Response' }).first().click()
  const track = page.getByRole('img', { name: /On call: / })
  await track.waitFor()
  const box = await track.boundingBox()
  if (!box) throw new Error('the calendar has a track')
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 5 })
  await page.mouse.up()
  const override = page.getByRole('dialog', { name: 'Override' })
  await override.getByLabel('Reason').fill('A wedding')
  expect(await seriousViolations(page)).toEqual([])
  await override.getByRole('button', { name: 'Set it' }).click()
  await page.getByText('Set. Everybody whose shifts change is told.').waitFor()
  await page.getByText('Overrides', { exact: true }).waitFor()
  const [schedule] = (await lead.call('onCall')).find(one => one.team.id === team.id)?.schedules ?? []
  const overridesNow = async () =>
    (await lead.call('calendar', { params: { id: team.id }, query: { from: world.now, until: '2026-12-20T00:00:00Z' } })).schedules.find(
      one => one.schedule.id === schedule?.id,
    )?.overrides ?? []
  const [set] = await overridesNow()
  expect(set).toMatchObject({ participants: [lead.id], reason: 'A wedding' })

  // Moved by its middle, it keeps its length.
  const bar = page.locator('.calendar-bar[data-kind="override"]').first()
  const from = await bar.boundingBox()
  if (!from) throw new Error('the override has a bar')
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2)
  await page.mouse.down()
  await page.mouse.move(from.x + from.width / 2 + box.width * 0.1, from.y + from.height / 2, { steps: 5 })
  await page.mouse.up()
  const changing = page.getByRole('dialog', { name: 'Change an override' })
  await changing.getByRole('button', { name: 'Change it' }).click()
  await changing.waitFor({ state: 'detached' })
  const [moved, ...others] = await overridesNow()
  expect(others).toEqual([])
  const lengthOf = (one: { start: string; end: string } | undefined) => Date.parse(one?.end ?? '') - Date.parse(one?.start ?? '')
  expect(lengthOf(moved)).toBe(lengthOf(set))
  expect((moved?.start ?? '') > (set?.start ?? '')).toBe(true)

  await page.locator('.calendar-bar[data-kind="override"]').first().waitFor()
  await close()
})

test('on a phone a page is acknowledged with one thumb, and its story shows each moment', { timeout: 120_000 }, async ({ world }) => {
  const { team, primary } = await world.team()
  await world.service('billing', team)
  await world.alert({ service: 'billing', title: 'Odd sign-in' })
  const { page, close } = await openPlace(world, browser, primary, '/pages', { viewport: sizes.phone, colorScheme: 'dark' })
  const button = page.getByRole('button', { name: 'Acknowledge' })
  await button.waitFor()
  const size = await button.boundingBox()
  expect((size?.x ?? 0) + (size?.width ?? 0), 'it is on the screen').toBeLessThanOrEqual(390)
  expect(await seriousViolations(page)).toEqual([])
  await button.click()
  await page.getByText(`${primary.name} has it`).waitFor()
  await page.getByRole('link', { name: 'billing: Odd sign-in' }).click()
  await page.getByText(`Paged ${primary.name}.`).waitFor()
  await page.getByText(`${primary.name} acknowledged after 0 s.`).waitFor()
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Let it rest for 30 minutes' }).click()
  await page.getByText('lets it rest until').waitFor()
  // A menu that is fading away has no items left.
  await page.getByRole('menu').waitFor({ state: 'detached' })
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

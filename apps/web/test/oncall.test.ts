import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { hasWholeBrowser, openBrowser, openWholeBrowser, wholeBrowserMissing } from '../../server/test/browser.ts'
import { startPeer } from '../../server/test/peer.ts'
import { makeSubscription } from '../../server/test/push.ts'
import { buildWorld, linkIn, test } from '../../server/test/world.ts'
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

test('on the page of a private link a colleague is asked to join by name, and the page given to another', { timeout: 120_000 }, async ({ world }) => {
  const { team, primary, backup } = await world.team({ depth: 2 })
  await world.service('billing', team)
  const olga = await world.person('responder', 'Olga Outside')
  await world.alert({ service: 'billing' })
  const token = linkIn(primary.expectPage(/billing/), '/a/')
  const context = await browser.newContext({ viewport: sizes.phone, baseURL: world.origin })
  const page = await context.newPage()
  await page.goto(`/a/${token}`)
  await page.getByText(`It is yours, ${primary.name}.`).waitFor()
  await page.getByLabel('Somebody else').fill('Olga')
  await page.getByRole('button', { name: 'Ask them to join' }).click()
  await page.getByText('must be somebody of the team').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await page.getByLabel('Somebody else').fill(olga.email)
  await page.getByRole('button', { name: 'Ask them to join' }).click()
  await page.getByText(`${olga.email} is paged as well.`).waitFor()
  await page.getByLabel('Somebody else').fill(backup.name)
  await page.getByRole('button', { name: 'Give it to them' }).click()
  await page.getByText(`${backup.name} is paged instead of you.`).waitFor()
  await context.close()
  await world.settle()
  olga.expectPage(/billing/)
  backup.expectPage(/billing/)
})

test('an encrypted push becomes a notification while no page is open, and its button acknowledges', { timeout: 120_000 }, async ({ skip }) => {
  if (!hasWholeBrowser) skip(wholeBrowserMissing)
  const whole = await openWholeBrowser()
  const service = await startPeer(() => ({ status: 201 }))
  const { world, end } = await buildWorld({ env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } })
  const context = await whole.newContext({ baseURL: world.origin, permissions: ['notifications'] })
  try {
    const { team, primary, backup } = await world.team({ depth: 2 })
    await world.service('billing', team)
    const subscription = makeSubscription(service)
    const { method } = await primary.call('addContactMethod', { body: { kind: 'push', label: '', ...subscription.input } })
    await world.settle()
    await primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: /\d{6}/.exec(subscription.latest().body)?.[0] ?? '' } })

    const page = await context.newPage()
    await page.goto('/sign-in')
    const cdp = await context.newCDPSession(page)
    const registered = new Promise<string>(resolve =>
      cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        const [first] = registrations
        if (first) resolve(first.registrationId)
      }),
    )
    await cdp.send('ServiceWorker.enable')
    const started = context.waitForEvent('serviceworker')
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/worker.js')
      await navigator.serviceWorker.ready
    })
    const worker = await started
    /** What the push service does: it hands what came for the subscription to the worker. */
    const deliver = async () =>
      cdp.send('ServiceWorker.deliverPushMessage', { origin: world.origin, registrationId: await registered, data: JSON.stringify(subscription.latest()) })
    const shown = () =>
      worker.evaluate(async () => (await (self as unknown as Scope).registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag })))
    /** What the browser does when somebody presses something on the notification with this title. */
    const press = (title: string, action: string) => worker.evaluate(pressIn, { title, action })

    await world.alert({ service: 'billing' })
    await deliver()
    await expect.poll(shown).toMatchObject([{ title: '[HIGH] billing: Something odd', tag: subscription.latest().id }])
    expect((await shown())[0]?.body, 'a lock screen shows no private link').not.toContain('/a/')
    await deliver()
    expect((await shown()).length, 'a repetition replaces it').toBe(1)
    await press('[HIGH] billing: Something odd', 'acknowledge')
    expect((await primary.call('pages'))[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    expect(await shown()).toMatchObject([{ body: 'It is yours: it climbs no further.' }])
    await world.alert({ service: 'billing', title: 'Taken by another' })
    await deliver()
    await expect.poll(async () => (await shown()).length).toBe(2)
    const id = (await backup.call('pages')).find(one => one.state === 'triggered')?.id ?? ''
    await backup.call('acknowledgePage', { params: { id } })
    await press('[HIGH] billing: Taken by another', 'acknowledge')
    expect((await shown()).map(one => one.body)).toContain(`${backup.name} has it already.`)
  } finally {
    await whole.close()
    await end()
    await service.stop()
  }
})

test('the address that the bot in Microsoft Teams tells somebody opens the account with it filled in', { timeout: 120_000 }, async () => {
  const { world, end } = await buildWorld({ env: { TEAMS_APP_ID: 'an-app', TEAMS_APP_PASSWORD: 'a-secret', TEAMS_TENANT_ID: 'a-tenant' } })
  try {
    const person = await world.person()
    const { page, close } = await openPlace(world, browser, person, '/account?teams=eyJh.sig', { viewport: sizes.phone, colorScheme: 'dark' })
    await expect.poll(() => page.getByLabel('Address').inputValue()).toBe('eyJh.sig')
    expect(await page.getByRole('combobox', { name: 'Add' }).inputValue()).toBe('Microsoft Teams')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('must be what the bot in Microsoft Teams answers').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await close()
  } finally {
    await end()
  }
})

/** The worker's own scope, as far as the test asks it. */
interface Scope {
  readonly registration: { getNotifications(): Promise<{ title: string; body: string; tag: string }[]> }
  readonly NotificationEvent: new (type: string, init: object) => Event
  dispatchEvent(event: Event): boolean
}

/** Runs in the worker. An event that a script makes may not prolong the worker's life, so that what it waits for is kept here. */
async function pressIn({ title, action }: { title: string; action: string }): Promise<void> {
  const scope = self as unknown as Scope
  const notification = (await scope.registration.getNotifications()).find(one => one.title === title)
  const event = new scope.NotificationEvent('notificationclick', { notification, action })
  const waited: Promise<unknown>[] = []
  Object.defineProperty(event, 'waitUntil', { value: (work: Promise<unknown>) => waited.push(work) })
  scope.dispatchEvent(event)
  await Promise.all(waited)
}

test('a layer is given turns of several people and of nobody, and stands beside the one below', { timeout: 120_000 }, async ({ world }) => {
  const lead = await world.person('lead')
  const { team, members } = await world.team({ depth: 2 })
  const { page, close } = await openPlace(world, browser, lead, `/on-call/${team.id}`, { viewport: sizes.wide, colorScheme: 'light' })
  await page
    .getByRole('button', { name: /^Edit|^Change/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Add a layer on top' }).click()
  await dialog.getByRole('button', { name: 'Turns of several people, or of nobody' }).last().click()
  for (const _ of [1, 2]) await dialog.getByRole('button', { name: 'Add a turn' }).click()
  await dialog.getByLabel('Turn 1', { exact: true }).click()
  for (const member of members) await page.getByRole('option', { name: member.name, exact: true }).click()
  await dialog.getByLabel('On call together with the layer below').check()
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await close()
  const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
  expect(found?.schedules[0]?.layers[1]).toMatchObject({ participants: [members.map(member => member.id), []], beside: true })
})

import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { hasWholeBrowser, openBrowser, openWholeBrowser, wholeBrowserMissing } from '../../server/test/browser.ts'
import { patience } from '../../server/test/patience.ts'
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

test('a team is put on call, a shift is taken by dragging over the calendar, and given back', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead', 'Lea Lead')
  const [ben, cai] = [await world.person('responder', 'Ben'), await world.person('responder', 'Cai')]
  const team = await lead.call('saveTeam', { body: { name: 'Response', kind: 'security', memberIds: [ben.id, cai.id] } })
  const { page, close } = await openPlace(world, browser, lead, '/on-call', { viewport: sizes.wide, colorScheme: 'light' })
  await page.getByText('Nobody is on call yet').waitFor()
  await page.getByRole('button', { name: 'Set up on call' }).click()
  const dialog = page.getByRole('dialog', { name: 'Set up on call for Response' })
  await dialog.getByRole('button', { name: 'Set up on call' }).click()
  await dialog.getByText('must have at least one person').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByLabel('Rotation').click()
  for (const name of ['Ben', 'Cai']) await page.getByRole('option', { name, exact: true }).click()
  await dialog.getByText('Escalation', { exact: true }).click()
  await dialog.getByRole('button', { name: 'Set up on call' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Response' }).getByText('primary', { exact: true }).waitFor()

  await page.getByRole('link', { name: 'Response' }).first().click()
  const track = page.getByRole('img', { name: /On call: / })
  await track.waitFor()
  const box = await track.boundingBox()
  if (!box) throw new Error('the calendar has a track')
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { levels: 5 })
  await page.mouse.up()
  const override = page.getByRole('dialog', { name: 'Override' })
  await override.getByLabel('Reason').fill('A wedding')
  expect(await seriousViolations(page)).toEqual([])
  await override.getByRole('button', { name: 'Create override' }).click()
  await page.getByText('Override created. Affected people were notified.').waitFor()
  await page.getByRole('heading', { name: 'Overrides' }).waitFor()
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
  await page.mouse.move(from.x + from.width / 2 + box.width * 0.1, from.y + from.height / 2, { levels: 5 })
  await page.mouse.up()
  const changing = page.getByRole('dialog', { name: 'Edit override' })
  await changing.getByRole('button', { name: 'Save' }).click()
  await changing.waitFor({ state: 'detached' })
  const [moved, ...others] = await overridesNow()
  expect(others).toEqual([])
  const lengthOf = (one: { start: string; end: string } | undefined) => Date.parse(one?.end ?? '') - Date.parse(one?.start ?? '')
  expect(lengthOf(moved)).toBe(lengthOf(set))
  expect((moved?.start ?? '') > (set?.start ?? '')).toBe(true)

  // Without a pointer: its bar and its row are buttons, both open its dialog, and that takes it back.
  const edit = page.getByRole('button', { name: `Edit override: ${lead.name}` })
  await expect.poll(() => edit.count()).toBe(2)
  for (const nth of [0, 1]) {
    await edit.nth(nth).focus()
    await page.keyboard.press('Enter')
    await changing.waitFor()
    expect(await changing.getByLabel('Reason').inputValue()).toBe('A wedding')
    if (nth === 0) await page.keyboard.press('Escape')
    else {
      await changing.getByRole('button', { name: 'Remove', exact: true }).press('Enter')
      await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).press('Enter')
    }
    await changing.waitFor({ state: 'detached' })
  }
  await page.getByRole('heading', { name: 'Overrides' }).waitFor({ state: 'detached' })
  expect(await overridesNow()).toEqual([])

  // The shifts are a list as well, with who has them as the header of each row.
  await page.getByText('Shifts as a list').press('Enter')
  await page
    .getByRole('region', { name: 'Shifts' })
    .getByRole('rowheader', { name: /^(Ben|Cai)$/ })
    .first()
    .waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

test('on a phone a page is acknowledged with one thumb, and its timeline shows each event', { timeout: 120_000 * patience }, async ({ world }) => {
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
  await page.getByText(`acknowledged by ${primary.name}`).waitFor()
  await page.getByRole('link', { name: 'billing: Odd sign-in' }).click()
  await page.getByText(`Paged ${primary.name}`).waitFor()
  await page.getByText(`${primary.name} acknowledged the page after 0 s`).waitFor()
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Snooze for 30 minutes' }).click()
  await page.getByText('snoozed it until').waitFor()
  // A menu that is fading away has no items left.
  await page.getByRole('menu').waitFor({ state: 'detached' })
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

test('on a phone a finger that rests drags over the calendar, and one that moves at once scrolls', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead', 'Lea Lead')
  const { team } = await world.team({ tiers: 1 })
  const { page, close } = await openPlace(world, browser, lead, `/on-call/${team.id}`, { viewport: sizes.phone, colorScheme: 'light', hasTouch: true })
  await page.getByText('Press and hold, then drag across the calendar').waitFor()
  const cdp = await page.context().newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', x = 0, y = 0) =>
    cdp.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x, y }] })
  const middleOf = async (locator: Locator) => {
    await locator.scrollIntoViewIfNeeded()
    const box = await locator.boundingBox()
    if (!box) throw new Error('it is on the page')
    return { x: Math.max(box.x, 150) + 40, y: box.y + box.height / 2 }
  }
  const swipe = async (from: { x: number; y: number }, by: number, restsFor: number) => {
    await touch('touchStart', from.x, from.y)
    await page.waitForTimeout(restsFor)
    for (let n = 1; n <= 6; n += 1) await touch('touchMove', from.x + (by / 6) * n, from.y)
    await touch('touchEnd')
  }
  const track = page.getByRole('img', { name: /On call: / })
  const calendar = page.getByRole('region', { name: /^Calendar of/ })
  const scrolled = () => calendar.evaluate(element => element.scrollLeft)
  await swipe(await middleOf(track), -60, 0)
  await expect.poll(scrolled, 'it scrolls').toBeGreaterThan(0)
  expect(await page.getByRole('dialog').count()).toBe(0)
  const drift = async () => {
    const before = await scrolled()
    await page.waitForTimeout(100)
    return (await scrolled()) - before
  }
  await expect.poll(drift, 'it has come to rest').toBe(0)
  const from = await middleOf(track)
  const standing = await scrolled()
  await swipe(from, 90, 500)
  const override = page.getByRole('dialog', { name: 'Override' })
  await override.waitFor()
  expect(await scrolled(), 'and does not scroll meanwhile').toBe(standing)
  await override.getByRole('button', { name: 'Create override' }).click()
  await override.waitFor({ state: 'detached' })
  const bar = page.locator('.calendar-bar[data-kind="override"]').first()
  await bar.waitFor()
  const before = await bar.boundingBox()
  await swipe({ x: (before?.x ?? 0) + (before?.width ?? 0) / 2, y: (before?.y ?? 0) + (before?.height ?? 0) / 2 }, 60, 500)
  const changing = page.getByRole('dialog', { name: 'Edit override' })
  await changing.getByRole('button', { name: 'Save' }).click()
  await changing.waitFor({ state: 'detached' })
  await expect.poll(async () => ((await bar.boundingBox())?.x ?? 0) - (before?.x ?? 0)).toBeGreaterThan(30)
  await close()
})

test('an encrypted push becomes a notification while no page is open, and its button acknowledges', { timeout: 120_000 * patience }, async ({ skip }) => {
  if (!hasWholeBrowser) skip(wholeBrowserMissing)
  const whole = await openWholeBrowser()
  const service = await startPeer(() => ({ status: 201 }))
  const { world, end } = await buildWorld({ env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } })
  const context = await whole.newContext({ baseURL: world.origin, permissions: ['notifications'] })
  try {
    const { team, primary, backup } = await world.team({ tiers: 2 })
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
      const { active } = await navigator.serviceWorker.ready
      // The browser drops what comes for a worker that is still being activated.
      while (active?.state !== 'activated') await new Promise(resolve => active?.addEventListener('statechange', resolve, { once: true }))
    })
    const worker = await started
    await worker.evaluate(countShown)
    /**
     * What the push service does: it hands what came for the subscription to the worker, again if nothing came of it. Waits until the worker has
     * shown it: the browser forgets a notification that is asked for before it is on the screen.
     */
    const deliver = async () => {
      const registrationId = await registered
      const before = await worker.evaluate(shownSoFar)
      const again = { interval: 10_000 * patience, timeout: 40_000 * patience }
      await expect
        .poll(async () => {
          await cdp.send('ServiceWorker.deliverPushMessage', { origin: world.origin, registrationId, data: JSON.stringify(subscription.latest()) })
          return await worker.evaluate(shownAfter, { before, within: 5_000 * patience })
        }, again)
        .toBe(true)
    }
    const shown = () =>
      worker.evaluate(async () => {
        // biome-ignore lint/plugin: this runs in the worker, whose globals are not those of the test
        const scope = self as unknown as Scope
        return (await scope.registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }))
      })
    /** What the browser does when somebody presses something on the notification with this title. */
    const press = (title: string, action: string) => worker.evaluate(pressIn, { title, action })

    await world.alert({ service: 'billing' })
    await deliver()
    expect(await shown()).toMatchObject([{ title: '[HIGH] billing: Something odd', tag: subscription.latest().id }])
    expect((await shown())[0]?.body, 'a lock screen shows no private link').not.toContain('/a/')
    await deliver()
    expect((await shown()).length, 'a repetition replaces it').toBe(1)
    await press('[HIGH] billing: Something odd', 'acknowledge')
    expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    expect(await shown()).toMatchObject([{ body: 'Acknowledged. Escalation stopped.' }])
    await world.alert({ service: 'billing', title: 'Taken by another' })
    await deliver()
    expect((await shown()).length).toBe(2)
    const id = (await backup.call('pages')).items.find(one => one.state === 'triggered')?.id ?? ''
    await backup.call('acknowledgePage', { params: { id } })
    await press('[HIGH] billing: Taken by another', 'acknowledge')
    expect((await shown()).map(one => one.body)).toContain(`Already acknowledged by ${backup.name}.`)
  } finally {
    await whole.close()
    await end()
    await service.stop()
  }
})

test('the address that the bot in Microsoft Teams tells somebody opens the account with it filled in', { timeout: 120_000 * patience }, async () => {
  const { world, end } = await buildWorld({ env: { TEAMS_APP_ID: 'an-app', TEAMS_APP_PASSWORD: 'a-secret', TEAMS_TENANT_ID: 'a-tenant' } })
  try {
    const person = await world.person()
    const { page, close } = await openPlace(world, browser, person, '/account?teams=eyJh.sig', { viewport: sizes.phone, colorScheme: 'dark' })
    await expect.poll(() => page.getByLabel('Address').inputValue()).toBe('eyJh.sig')
    expect(await page.getByRole('combobox', { name: 'Add' }).inputValue()).toBe('Microsoft Teams')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('must be the address that the Microsoft Teams bot replies with').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await close()
  } finally {
    await end()
  }
})

test('what is wrong with a row of an editor is said in words, and an emptied wait is not saved as none', async ({ world }) => {
  const { team } = await world.team()
  const lead = await world.person('lead')
  const { page, close } = await openPlace(world, browser, lead, `/on-call/${team.id}`, { viewport: sizes.wide, colorScheme: 'light' })
  await page.getByRole('tab', { name: 'Escalation' }).click()
  await page.getByRole('button', { name: 'Add policy' }).click()
  const dialog = page.getByRole('dialog', { name: 'New policy' })
  await dialog.getByLabel('Name').fill('Quick')
  const wait = dialog.getByLabel('Wait (min)').first()
  await wait.fill('')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('Wait minutes must be a number.').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await wait.fill('3')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  expect((await lead.call('policies')).find(({ name }) => name === 'Quick')?.levels[0]?.waitMinutes).toBe(3)
  await close()
})

/** The worker's own scope, as far as the test asks it. */
interface Scope {
  readonly registration: {
    getNotifications(): Promise<{ title: string; body: string; tag: string }[]>
    showNotification(title: string, options?: object): Promise<void>
  }
  /** How many notifications the worker has shown, see `countShown`. */
  shown: number
  readonly NotificationEvent: new (type: string, init: object) => Event
  dispatchEvent(event: Event): boolean
}

/** Runs in the worker: counts from now on what it has shown. */
function countShown(): void {
  // biome-ignore lint/plugin: this runs in the worker, whose globals are not those of the test
  const scope = self as unknown as Scope
  const show = scope.registration.showNotification.bind(scope.registration)
  scope.shown = 0
  scope.registration.showNotification = async (title, options) => {
    await show(title, options)
    scope.shown += 1
  }
}

/** Runs in the worker. */
function shownSoFar(): number {
  // biome-ignore lint/plugin: this runs in the worker, whose globals are not those of the test
  return (self as unknown as Scope).shown
}

/** Runs in the worker: whether it shows one more than `before` within so many milliseconds. */
async function shownAfter({ before, within }: { before: number; within: number }): Promise<boolean> {
  // biome-ignore lint/plugin: this runs in the worker, whose globals are not those of the test
  const scope = self as unknown as Scope
  for (const end = Date.now() + within; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 20))) if (scope.shown > before) return true
  return false
}

/** Runs in the worker. An event that a script makes may not prolong the worker's life, so that what it waits for is kept here. */
async function pressIn({ title, action }: { title: string; action: string }): Promise<void> {
  // biome-ignore lint/plugin: this runs in the worker, whose globals are not those of the test
  const scope = self as unknown as Scope
  const notification = (await scope.registration.getNotifications()).find(one => one.title === title)
  const event = new scope.NotificationEvent('notificationclick', { notification, action })
  const waited: Promise<unknown>[] = []
  Object.defineProperty(event, 'waitUntil', { value: (work: Promise<unknown>) => waited.push(work) })
  scope.dispatchEvent(event)
  await Promise.all(waited)
}

test('Home says how many pages it does not show and leads to them; a policy of a team that is not on call yet is shown', {
  timeout: 120_000 * patience,
}, async ({ world }) => {
  const lead = await world.person('lead')
  const member = await world.person()
  const team = await lead.call('saveTeam', { body: { name: 'Response', kind: 'security', memberIds: [member.id] } })
  await lead.call('savePolicy', { params: { id: team.id }, body: { name: 'Night shift', levels: [{ targets: [{ kind: 'everyone' }], waitMinutes: 7 }] } })
  await world.service('billing', team)
  await lead.call('createAlerts', { body: Array.from({ length: 12 }, (_, n) => ({ title: `Odd ${n}`, severity: 'high' as const, service: 'billing' })) })
  await world.settle()
  const { page, close } = await openPlace(world, browser, lead, '/', { viewport: sizes.wide, colorScheme: 'light' })
  const pages = page.getByRole('region', { name: 'Unacknowledged pages' })
  await page.getByRole('link', { name: '6 more alerts to triage' }).waitFor()
  await pages.getByRole('link', { name: '2 more unacknowledged pages' }).click()
  await page.getByRole('heading', { name: 'Pages' }).waitFor()
  await page.getByRole('button', { name: 'Acknowledge' }).nth(11).waitFor()
  await page.goto(`/on-call/${team.id}?tab=escalation`)
  await page.getByText('Nobody is on call yet').waitFor()
  const policies = page.getByRole('region', { name: 'Policies' })
  await policies.getByText('Night shift').waitFor()
  await policies.getByText('everyone, 7 min').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

test('the settings of a team take its holidays, and its drills stand in its record', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead')
  const { team, primary } = await world.team({ tiers: 1 })
  await lead.call('startDrill', { params: { id: team.id }, body: {} })
  await world.settle()
  const mail = primary.expectPage(/DRILL/)
  await world.advance({ minutes: 3 })
  await world.client()('acknowledgeByLink', { body: { token: linkIn(mail, '/a/') } })
  await world.advance({ hours: 24 })
  const { page, close } = await openPlace(world, browser, lead, `/on-call/${team.id}?tab=escalation`, { viewport: sizes.wide, colorScheme: 'dark' })
  await page.getByRole('button', { name: 'Edit' }).first().click()
  const dialog = page.getByRole('dialog', { name: /^On-call settings/ })
  expect(await dialog.getByLabel('Time zone of coverage hours').first().inputValue(), 'browsers do not list it').toBe('UTC')
  await dialog.getByLabel('Holidays').fill('2026-12-32')
  await page.keyboard.press('Enter')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('“2026-12-32” must be a date such as 2026-11-23').first().waitFor()
  await dialog.getByLabel('Holidays').focus()
  await page.keyboard.press('Backspace')
  await dialog.getByLabel('Holidays').fill('2026-11-23')
  await page.keyboard.press('Enter')
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('tab', { name: 'History' }).click()
  const drills = page.getByRole('region', { name: 'Drills', exact: true }).first()
  await drills.getByText(primary.name).first().waitFor()
  await drills.getByText('3 min', { exact: true }).waitFor()
  await page.getByRole('tab', { name: 'People' }).click()
  await page.getByRole('columnheader', { name: 'Holidays (h)' }).waitFor()
  expect(await seriousViolations(page)).toEqual([])
  await close()
})

test('a layer is given turns of several people and of nobody, and stands beside the one below', { timeout: 120_000 * patience }, async ({ world }) => {
  const lead = await world.person('lead')
  const { team, members } = await world.team({ tiers: 2 })
  const { page, close } = await openPlace(world, browser, lead, `/on-call/${team.id}`, { viewport: sizes.wide, colorScheme: 'light' })
  await page
    .getByRole('button', { name: /^Edit|^Change/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Add layer' }).click()
  await dialog.getByRole('button', { name: 'Shared or empty shifts' }).last().click()
  for (const _ of [1, 2]) await dialog.getByRole('button', { name: 'Add shift' }).click()
  await dialog.getByLabel('Shift 1', { exact: true }).click()
  for (const member of members) await page.getByRole('option', { name: member.name, exact: true }).click()
  await dialog.getByLabel('On call together with the layer below').check()
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await close()
  const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
  expect(found?.schedules[0]?.layers[1]).toMatchObject({ participants: [members.map(member => member.id), []], beside: true })
})

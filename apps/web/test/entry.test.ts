import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject } from 'vitest'
import { openBrowser } from '../../server/test/browser.ts'
import { codeAt } from '../../server/test/totp.ts'
import { test, type World } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser(inject('chromiumPath'))
})
afterAll(() => browser.close())

const password = 'correct horse battery staple'

async function openSetup(world: World): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' })
  await context.clock.setFixedTime(world.now)
  const page = await context.newPage()
  await page.goto(world.server.setupLink ?? '')
  await page.getByLabel('Organization').fill('Bright Ledger')
  await page.getByLabel('Your name').fill('Ada Admin')
  await page.getByLabel('Your email').fill('ada@tocsin.test')
  await page.getByRole('textbox', { name: 'Password' }).fill('short')
  await page.getByRole('button', { name: 'Create administrator' }).click()
  await page.getByText('must have at least 12 characters').waitFor()
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  expect(await seriousViolations(page)).toEqual([])
  await page.getByRole('button', { name: 'Create administrator' }).click()
  await page.getByRole('heading', { name: 'Second factor' }).waitFor()
  expect(await seriousViolations(page)).toEqual([])
  return page
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: /Account of/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

describe('coming in', () => {
  test('what changes who can sign in asks for the password when the last factor is old, and then happens', async ({ world }) => {
    const page = await openSetup(world)
    await page.getByRole('button', { name: 'Use an authenticator app' }).click()
    const secret = (await page.locator('code').textContent()) ?? ''
    await page.getByLabel('Six-digit code').fill(codeAt(secret, Date.parse(world.now)))
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('heading', { name: 'Welcome to Tocsin' }).waitFor()
    world.jump({ minutes: 11 })
    await page.goto(`${world.server.origin}/account`)
    await page.getByRole('button', { name: 'Create codes' }).click()
    const dialog = page.getByRole('dialog', { name: 'Confirm your identity' })
    await dialog.getByRole('textbox', { name: 'Password' }).fill('wrong wrong wrong')
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    await dialog.getByText('is incorrect').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await dialog.getByRole('textbox', { name: 'Password' }).fill(password)
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('Save these codes now').waitFor()
    expect(await page.locator('code').count()).toBe(10)
    expect(await seriousViolations(page)).toEqual([])
  })

  test('the printed link makes an administrator, who enrols an app, signs out and in again', async ({ world }) => {
    const page = await openSetup(world)
    await page.getByRole('button', { name: 'Use an authenticator app' }).click()
    const secret = (await page.locator('code').textContent()) ?? ''
    const code = () => codeAt(secret, Date.parse(world.now))
    await page.getByLabel('Six-digit code').fill(code())
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('heading', { name: 'Welcome to Tocsin' }).waitFor()
    await page.getByRole('link', { name: 'Setup checklist' }).click()
    await page.getByText('1 of 9 done').waitFor()
    await page.getByRole('button', { name: 'Send test email' }).click()
    // The mail server of this world may have taken it before the page asks.
    await page
      .getByText(/^The test email is being sent\.|^Email works: the mail server accepted the test email\./)
      .first()
      .waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    expect(await seriousViolations(page)).toEqual([])
    await signOut(page)

    await page.goto(`${world.server.origin}/incidents`)
    await page.getByLabel('Email').fill('ada@tocsin.test')
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong wrong wrong')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByText('Incorrect email or password.').waitFor()
    await page.getByRole('textbox', { name: 'Password' }).fill(password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await world.advance({ seconds: 30 })
    await page.getByLabel('Six-digit code').fill(code())
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('heading', { name: 'Incidents' }).waitFor()
    expect(new URL(page.url()).pathname, 'where one was going').toBe('/incidents')
    await page.context().close()
  })

  test('a passkey is enrolled, and signs in alone', async ({ world }) => {
    const page = await openSetup(world)
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await page.getByRole('heading', { name: 'Welcome to Tocsin' }).waitFor()
    await signOut(page)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByRole('heading', { name: 'Welcome to Tocsin' }).waitFor()
    await signOut(page)
    // An old link for a new password leads to a new one.
    await page.goto(`${world.server.origin}/reset-password/old.link`)
    await page.getByLabel('New password').fill('several quite unrelated words')
    await page.getByRole('button', { name: 'Set password' }).click()
    await page.getByText('This link is invalid, was already used, or has expired.').waitFor()
    await page.getByRole('link', { name: 'Ask for a new link' }).click()
    await page.getByRole('heading', { name: 'Forgot password' }).waitFor()
    await page.getByLabel('Email').fill('ada.admin.of.the.night.shift@securityoperations.brightledger.example')
    await page.getByRole('button', { name: 'Send link' }).click()
    await page.getByRole('heading', { name: 'Check your email' }).waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'no wider than the phone, however long the address').toBe(390)
    await page.context().close()
  })

  test('signing in goes on to no other site, however its address is written', async ({ world }) => {
    const { cookie } = await world.person('responder')
    const [name = '', value = ''] = cookie.split('=')
    const context = await browser.newContext()
    await context.addCookies([{ name, value, url: world.server.origin }])
    const page = await context.newPage()
    const asked: string[] = []
    await page.route(
      url => url.origin !== world.server.origin,
      route => {
        asked.push(route.request().url())
        return route.abort()
      },
    )
    for (const to of ['/\\evil.test/x', '/%09/evil.test', '//evil.test', 'https:evil.test']) {
      await page.goto(`${world.server.origin}/sign-in?to=${to}`)
      await page.waitForURL(`${world.server.origin}/`)
    }
    expect(asked).toEqual([])
    await context.close()
  })

  test('a report is sent with a file, and its private link shows how it stands', async ({ world }) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, baseURL: world.server.origin })
    const page = await context.newPage()
    // m5: whoever reports knows whom they write to.
    await (await world.person('administrator')).call('renameOrganization', { body: { name: 'Bright Ledger' } })
    await page.goto('/report/customer')
    await page.getByRole('heading', { name: 'Report a security concern to Bright Ledger' }).waitFor()
    await page.getByRole('button', { name: 'Send report' }).click()
    await page.getByText('must not be empty').first().waitFor()
    await page.getByLabel('What have you seen?').fill('A mail in your name asks for my password.')
    await page.getByLabel('Your name').fill('Kim')
    await page.getByLabel('Your email').fill('kim@customer.test')
    await page.locator('input[type=file]').setInputFiles({ name: 'mail.eml', mimeType: 'message/rfc822', buffer: Buffer.from('From: x') })
    await page.getByRole('button', { name: 'Send report' }).click()
    await page.getByText(/Your reference is R-/).waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('link', { name: /\/r\// }).click()
    await page.getByText('The security team received your report').waitFor()
    await page.getByText('with mail.eml').waitFor()
    expect(await seriousViolations(page)).toEqual([])

    const responder = await world.person('responder')
    const [name = '', value = ''] = responder.cookie.split('=')
    await context.addCookies([{ name, value, url: world.server.origin }])
    const [alert] = (await responder.call('alerts', {})).items
    await page.goto(`/alerts/${alert?.id}`)
    await page.getByRole('button', { name: 'Show (access is logged)' }).click()
    await page.getByRole('link', { name: 'mail.eml (1 KB)' }).waitFor()
    await page.getByRole('button', { name: 'Revoke the reporter’s link' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke link' }).click()
    await page.getByText('The reporter’s private link is revoked.').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await context.close()
  })

  test('two browsers at one incident see each other’s acts without a reload', async ({ world }) => {
    const [one, two] = [await world.person('lead', 'Ada'), await world.person('responder', 'Ben')]
    const incident = await one.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Two countries.' } })
    const pages: Page[] = []
    for (const person of [one, two]) {
      const context = await browser.newContext({ baseURL: world.origin })
      const [name = '', value = ''] = person.cookie.split('=')
      await context.addCookies([{ name, value, url: world.origin }])
      const page = await context.newPage()
      await page.goto(`/incidents/${incident.id}?tab=notes`)
      await page.getByLabel('New note').waitFor()
      pages.push(page)
    }
    const [ada, ben] = pages
    await ada?.getByLabel('New note').fill('The account is svc-support.')
    await ada?.getByRole('button', { name: 'Add note' }).click()
    await ben?.locator('.markdown', { hasText: 'svc-support' }).waitFor()
    await ben?.getByLabel('New note').fill('Its key is revoked.')
    await ben?.getByRole('button', { name: 'Add note' }).click()
    await ada?.locator('.markdown', { hasText: 'revoked' }).waitFor()

    // A session that ends in the middle of a note is told, and takes nothing of it along; after the next sign-in the page goes on.
    const administrator = await world.person('administrator')
    await ben?.getByLabel('New note').fill('Half a no')
    await administrator.call('endSessionsOfPerson', { params: { id: two.id } })
    await ben?.getByText('Your session has ended').waitFor()
    if (ben) expect(await seriousViolations(ben)).toEqual([])
    expect(await ben?.getByLabel('New note').inputValue()).toBe('Half a no')
    const [name = '', value = ''] = (await world.person('responder', 'Cyd')).cookie.split('=')
    await ben?.context().addCookies([{ name, value, url: world.origin }])
    await ben?.evaluate(() => window.dispatchEvent(new Event('visibilitychange')))
    await ben?.getByText('Your session has ended').waitFor({ state: 'detached' })
    expect(await ben?.getByLabel('New note').inputValue()).toBe('Half a no')
    await ada?.getByLabel('New note').fill('All keys are.')
    await ada?.getByRole('button', { name: 'Add note' }).click()
    await ben?.locator('.markdown', { hasText: 'All keys are.' }).waitFor()
    for (const page of pages) await page.context().close()
  })
})

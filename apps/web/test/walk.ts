import { readFile } from 'node:fs/promises'
import { verifyExport } from '@tocsin/merkle'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { hasAlertmanager, startAlertmanager, until } from '../../server/test/alertmanager.ts'
import { linkIn, type Person, type World } from '../../server/test/world.ts'

/** Looks at a page in a state of the walk: takes its picture, checks its accessibility. */
export type Look = (page: Page, name: string) => Promise<void>

/** A browser in the hands of one person, its clock at the world's. */
export async function browserOf(
  world: World,
  browser: Browser,
  person: Person | undefined,
  viewport = { width: 1440, height: 900 },
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({
    viewport,
    baseURL: world.origin,
    timezoneId: 'Europe/Lisbon',
    locale: 'en-GB',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  })
  if (person) {
    const [name = '', value = ''] = person.cookie.split('=')
    await context.addCookies([{ name, value, url: world.origin, httpOnly: true, sameSite: 'Lax' }])
  }
  await context.clock.setFixedTime(world.now)
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  return { context, page }
}

const press = (page: Page, name: string | RegExp) =>
  page
    .getByRole('button', { name, exact: typeof name === 'string' })
    .first()
    .click()
const fill = (page: Page, label: string, text: string) => page.getByRole('dialog').getByLabel(label).first().fill(text)
const dialogButton = (page: Page, name: string) => page.getByRole('dialog').getByRole('button', { name, exact: true }).click()

async function choose(page: Page, label: string, option: string | RegExp): Promise<void> {
  await page.getByRole('dialog').getByRole('combobox', { name: label }).click()
  await page.getByRole('option', { name: option }).first().click()
}

async function tab(page: Page, name: RegExp): Promise<void> {
  await page.getByRole('tab', { name }).click()
}

async function step(page: Page, button: string, reason: string, confirm: string): Promise<void> {
  await press(page, button)
  await fill(page, 'Reason', reason)
  await dialogButton(page, confirm)
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
}

/** Sends the alert through a real Alertmanager; where that is not installed, posts what it would. */
async function raiseAlert(world: World, url: string): Promise<() => Promise<void>> {
  const labels = { alertname: 'BulkRead', service: 'billing', severity: 'critical', host: 'billing-api-3', src_ip: '198.51.100.77' }
  const annotations = {
    summary: 'Bulk export of customer records through the support API',
    description: '41,200 records were read in six minutes; a typical hour has fewer than 90. ATT&CK T1530 Data from Cloud Storage.',
  }
  const own = url.replace('localhost', '127.0.0.1')
  if (!hasAlertmanager) {
    const payload = { version: '4', groupKey: '{}', alerts: [{ status: 'firing', labels, annotations, startsAt: world.now, fingerprint: 'f1' }] }
    await fetch(own, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(payload) })
    return async () => undefined
  }
  const alertmanager = await startAlertmanager(own)
  await alertmanager.send({ labels, annotations })
  return () => alertmanager.stop()
}

/** One alert from its arrival to a closed incident with a sent notice and a finished review, all of it through the pages. */
export async function walk(world: World, browser: Browser, look: Look): Promise<void> {
  const security = await world.team()
  const engineering = await world.team({ kind: 'engineering' })
  await world.service('billing', security.team, engineering.team)
  await world.customer('Northwind Freight')
  const lead = await world.person('lead', 'Mira Okafor')
  const { url } = await lead.call('createIntegration', { body: { kind: 'alertmanager', name: 'Production Alertmanager' } })
  const responder = security.primary
  const { page, context } = await browserOf(world, browser, responder)
  const leader = await browserOf(world, browser, lead)

  // An alert arrives while somebody looks at the queue.
  await page.goto('/alerts')
  await page.getByText('No alerts to triage').waitFor()
  await look(page, 'alerts-empty')
  const stopAlertmanager = await raiseAlert(world, url)
  await page.getByText('Bulk export of customer records').first().waitFor()
  await look(page, 'alerts')

  // A person is paged, and acknowledges on a phone.
  const mail = await until(() => world.mail.mails.find(each => each.to === responder.email && each.purpose === 'page'), 'the page goes out')
  const phone = await browserOf(world, browser, undefined, { width: 390, height: 844 })
  await phone.page.goto(`/a/${linkIn(mail, '/a/')}`)
  await look(phone.page, 'page-link')
  await press(phone.page, 'Acknowledge')
  await phone.page.getByText('Escalation stopped').waitFor()
  await look(phone.page, 'page-link-acknowledged')

  // Triage.
  await page.getByText('Bulk export of customer records').first().click()
  await page.getByText('acknowledged', { exact: true }).first().waitFor()
  await look(page, 'alert')
  await press(page, 'Escalate')
  await fill(page, 'Reason', 'A support key read 41,200 records from an unknown host.')
  await look(page, 'alert-escalate')
  await dialogButton(page, 'Escalate')
  await page.getByRole('tab', { name: 'Timeline' }).waitFor()
  await look(page, 'incident-suspected')
  const engineerMail = await until(
    () => world.mail.mails.find(each => each.to === engineering.primary.email && each.purpose === 'page'),
    'the engineering team is paged',
  )
  await phone.page.goto(`/a/${linkIn(engineerMail, '/a/')}`)
  await press(phone.page, 'Acknowledge')
  await phone.page.getByText('Escalation stopped').waitFor()

  // Severity, class, scope.
  await press(page, 'Assess the severity')
  await choose(page, 'Exposure of personal data', 'confirmed')
  await choose(page, 'Data touched', 'confidential')
  await look(page, 'incident-assess')
  await dialogButton(page, 'Assess')
  await page.getByText('SEV2 because').first().waitFor()
  await press(page, 'Classify')
  await choose(page, 'Class', /Customer-reportable/)
  await fill(page, 'Reason', 'Records of customers left the company.')
  await dialogButton(page, 'Classify')
  await tab(page, /Scope/)
  await press(page, 'Add customer')
  await choose(page, 'Customers', /Northwind/)
  await fill(page, 'Basis', 'Its records are in the export log.')
  await dialogButton(page, 'Add')
  await page.getByText('Its records are in the export log.').waitFor()
  await look(page, 'incident-scope')

  // Tasks and notes.
  await tab(page, /Tasks/)
  await page.getByLabel('New task').fill('Revoke key ak_7Q')
  await press(page, 'Add')
  await page.getByRole('checkbox', { name: /Revoke key/ }).click()
  await page.getByText('done by').waitFor()
  await look(page, 'incident-tasks')
  await tab(page, /Notes/)
  await page.getByLabel('New note').fill('The key was made **14 minutes** after the sign-in.\n\n<script>alert(1)</script>')
  await press(page, 'Add note')
  await page.locator('.markdown strong', { hasText: '14 minutes' }).waitFor()
  await look(page, 'incident-notes')

  // The notice is drafted before the declaration.
  await tab(page, /Customer notifications/)
  await press(page, 'Draft notice')
  await fill(page, 'Nature of the breach', 'A stolen support key read records of your company.')
  await fill(page, 'Approximate user impact', 'About 41,200 people.')
  await fill(page, 'Mitigation steps', 'The key is revoked; all support keys were replaced.')
  await page.getByLabel('The investigation is complete').check()
  await look(page, 'notice-draft')
  await dialogButton(page, 'Save draft')
  await page.getByText('Awaiting approval by somebody else.').waitFor()

  // The lead declares, and approves the notice; the responder's page follows without a reload.
  await leader.page.goto(new URL(page.url()).pathname)
  await step(leader.page, 'Declare', 'Confirmed: records of Northwind Freight were read by an outsider.', 'Declare incident')
  await page
    .getByText(/left\b/)
    .first()
    .waitFor()
  await look(page, 'incident-declared')
  await tab(leader.page, /Customer notifications/)
  await press(leader.page, 'Approve')
  await press(page, 'Send notice…')
  await look(page, 'notice-preview')
  await dialogButton(page, 'Send notice')
  await page.getByText('before the deadline').waitFor()
  await until(() => world.mail.mails.find(each => each.to === 'security@northwind-freight.test'), 'the notice arrives')
  await look(page, 'incident-notified')

  // Containment, eradication, recovery.
  await step(page, 'Mark contained…', 'The key is revoked and the host is cut off.', 'Mark contained')
  await step(page, 'Mark eradicated…', 'The phished session and everything it made are gone.', 'Mark eradicated')
  await press(page, 'Mark recovered…')
  await fill(page, 'Reason', 'Support access is back.')
  await fill(page, 'Known secure state', 'Configuration of 20 November, keys replaced')
  await fill(page, 'Verification', 'Compared with the build; no foreign session left')
  await look(page, 'incident-recover')
  await dialogButton(page, 'Mark recovered')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await press(leader.page, 'Verify recovery…')
  await fill(leader.page, 'What was checked', 'Both scans were repeated.')
  await look(leader.page, 'incident-verify')
  await dialogButton(leader.page, 'Verify recovery')
  await leader.page.getByRole('dialog').waitFor({ state: 'hidden' })

  // The watch passes.
  await world.advance({ days: 15 })
  for (const each of [context, leader.context]) await each.clock.setFixedTime(world.now)
  await page.reload()

  // The review.
  await tab(page, /Review/)
  await press(page, 'Start review')
  await press(page, 'Add contributing factor')
  await page.getByRole('textbox', { name: 'Contributing factor', exact: true }).fill('Support keys never expired.')
  await press(page, 'Save review')
  await page.getByText('Saved.').waitFor()
  await page.getByLabel('New follow-up action').fill('Support keys expire after 30 days')
  await page.getByRole('combobox', { name: 'Owner' }).first().click()
  await page.getByRole('option', { name: engineering.primary.name, exact: true }).click()
  await press(page, 'Add')
  await page.getByRole('button', { name: 'Update' }).waitFor()
  await look(page, 'incident-review')
  await leader.page.reload()
  await tab(leader.page, /Review/)
  await press(leader.page, 'Finish review')
  await dialogButton(leader.page, 'Finish review')
  await leader.page.getByText('finished', { exact: true }).first().waitFor()
  await step(leader.page, 'Close', 'Notified, recovered, reviewed.', 'Close incident')
  await page.getByText('closed and read-only').waitFor()
  await tab(page, /Timeline/)
  await look(page, 'incident-closed')

  // The record proves itself.
  await press(page, 'More')
  const downloading = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: /JSON/ }).click()
  const file = await (await downloading).path()
  const { problems } = verifyExport(await readFile(file, 'utf8'))
  if (problems.length > 0) throw new Error(`the export is not genuine: ${problems.join('; ')}`)
  await stopAlertmanager()
  await Promise.all([context.close(), leader.context.close(), phone.context.close()])
}

import type { Browser, Locator, Page } from 'playwright-core'
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
const criteria = { privacy: 'none', impact: 'none', scope: 'one-asset', customers: 'none', region: 'one', data: 'none', recoverability: 'regular' } as const
const refusal = 'Somebody else changed this in the meantime.'

/** The page has heard of the other's change, and the save is still refused. */
async function saveInVain(form: Locator, button: string): Promise<void> {
  await form.getByText('Somebody else changed this while you were editing.').waitFor()
  await form.getByRole('button', { name: button }).click()
  await form.getByText(refusal).waitFor()
  expect(await seriousViolations(form.page())).toEqual([])
}

const loadNewer = (form: Locator) => form.getByRole('button', { name: 'Load newer version' }).click()

/** An incident of one customer, declared. */
async function declared(world: World) {
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const customer = await world.customer('Globex')
  const administrator = await world.person('administrator', 'Ada Admin')
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  const params = { id }
  const version = async () => (await administrator.call('incident', { params })).version
  await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers: [{ id: customer.id, basis: 'Logs.' }] } })
  await primary.call('assessSeverity', { params, body: { version: await version(), criteria } })
  await primary.call('classifyIncident', { params, body: { version: await version(), class: 'customer-reportable', reason: 'Yes.' } })
  await administrator.call('declareIncident', { params, body: { version: await version(), reason: 'Confirmed.' } })
  const obligation = async () => {
    const [found] = (await administrator.call('obligations', { query: { view: 'all', incidentId: id } })).items
    if (!found) throw new Error('the declaration opens an obligation')
    return found
  }
  return { primary, administrator, params, version, obligation }
}

const editDetails = (page: Page) => page.getByRole('region', { name: 'Details' }).getByRole('button', { name: 'Edit' }).click()

test('details and severity: a save under which somebody else has saved is refused, and loses nothing of either', { timeout: 180_000 * patience }, async ({
  world,
}) => {
  const { primary, administrator, params, version } = await declared(world)
  const { page, close } = await openPlace(world, browser, primary, `/incidents/${params.id}`, wide)
  const dialog = page.getByRole('dialog')
  const now = () => administrator.call('incident', { params })

  await editDetails(page)
  await dialog.getByLabel('Title').fill('Leak of invoices')
  await dialog.getByLabel('Data description').fill('Invoices of 2025')
  await administrator.call('changeIncident', {
    params,
    body: {
      version: await version(),
      summary: 'The attacker is an employee',
      isRestricted: true,
      reason: 'It is one of us.',
      dataTouched: { customerData: 'yes', personalData: 'unknown', description: 'Invoices' },
    },
  })
  await saveInVain(dialog, 'Save')
  expect(await now()).toMatchObject({ title: 'Leak', summary: 'The attacker is an employee', isRestricted: true })
  expect(await dialog.getByLabel('Title').inputValue()).toBe('Leak of invoices')
  await loadNewer(dialog)
  // What only the other wrote is taken over; what both wrote stays, and says so.
  await expect.poll(() => dialog.getByLabel('Summary').inputValue()).toBe('The attacker is an employee')
  expect(await dialog.getByLabel('Title').inputValue()).toBe('Leak of invoices')
  expect(await dialog.getByLabel('Data description').inputValue()).toBe('Invoices of 2025')
  await dialog.getByText('Somebody else saved “Invoices”. Saving replaces it.').waitFor()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await now()).toMatchObject({
    ...{ title: 'Leak of invoices', summary: 'The attacker is an employee', isRestricted: true },
    dataTouched: { customerData: 'yes', description: 'Invoices of 2025' },
  })
  const focused = () => page.evaluate(() => document.activeElement?.textContent)
  await expect.poll(focused, { message: 'the focus is back where the dialog was opened' }).toBe('Edit')

  await page.getByRole('button', { name: 'Reassess' }).click()
  await dialog.getByRole('button', { name: 'Assess' }).waitFor()
  await administrator.call('assessSeverity', {
    params,
    body: { version: await version(), criteria: { ...criteria, privacy: 'confirmed', data: 'restricted' } },
  })
  const { severity } = await now()
  await saveInVain(dialog, 'Assess')
  expect((await now()).severity).toBe(severity)
  await loadNewer(dialog)
  await expect.poll(() => dialog.getByRole('combobox', { name: 'Exposure of personal data' }).inputValue()).toBe('confirmed')
  await dialog.getByRole('button', { name: 'Assess' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect((await now()).severity).toBe(severity)

  // What changed meanwhile has nothing to do with the form: it is saved without a question.
  await page.getByRole('button', { name: 'Reassess' }).click()
  await dialog.getByRole('button', { name: 'Assess' }).waitFor()
  await administrator.call('changeIncident', { params, body: { version: await version(), title: 'Leak of all invoices' } })
  await page.getByRole('heading', { name: 'Leak of all invoices', includeHidden: true }).waitFor()
  await dialog.getByRole('button', { name: 'Assess' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await close()
})

test('notices and decisions: a save under which somebody else has saved is refused, and loses nothing of either', { timeout: 180_000 * patience }, async ({
  world,
}) => {
  const { primary, administrator, params, obligation } = await declared(world)
  const text = { nature: 'A key was stolen.', userImpact: 'Unknown', mitigation: 'Revoked.', isInvestigationComplete: true }
  await primary.call('draftNotice', { params: { id: (await obligation()).id }, body: text })
  const { page, close } = await openPlace(world, browser, primary, `/incidents/${params.id}?tab=notices`, wide)
  const dialog = page.getByRole('dialog')
  await page.getByRole('article').getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('Approximate user impact').fill('About 3 users')
  const [draft] = (await obligation()).notices
  if (!draft) throw new Error('the notice is drafted')
  await administrator.call('changeNotice', { params: { id: draft.id }, body: { ...text, version: draft.version, nature: 'Corrected by legal.' } })
  await saveInVain(dialog, 'Save')
  expect((await obligation()).notices).toMatchObject([{ nature: 'Corrected by legal.', userImpact: 'Unknown' }])
  await loadNewer(dialog)
  await expect.poll(() => dialog.getByLabel('Nature of the breach').inputValue()).toBe('Corrected by legal.')
  expect(await dialog.getByLabel('Approximate user impact').inputValue()).toBe('About 3 users')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect((await obligation()).notices).toMatchObject([{ nature: 'Corrected by legal.', userImpact: 'About 3 users' }])
  await close()

  const lead = await world.person('lead', 'Lena Lead')
  const deciding = await openPlace(world, browser, lead, '/notices', wide)
  const proposal = deciding.page.getByRole('dialog')
  await deciding.page.getByRole('button', { name: 'Defer or waive' }).click()
  await proposal.getByRole('textbox', { name: 'Reason' }).fill('The police asked.')
  await proposal.getByLabel('Review on (UTC)').fill('2027-06-01')
  const { id, version } = await obligation()
  const theirs = { kind: 'waive', reasonCategory: 'other', reason: 'Encrypted.', reviewOn: '2027-07-02' } as const
  await administrator.call('proposeDecision', { params: { id }, body: { ...theirs, version } })
  await saveInVain(proposal, 'Propose')
  expect(await proposal.getByRole('textbox', { name: 'Reason' }).inputValue()).toBe('The police asked.')
  expect((await obligation()).decision).toMatchObject(theirs)

  // Also when it leaves the list meanwhile.
  await deciding.page.reload()
  await deciding.page.getByRole('article').getByRole('button', { name: 'Edit' }).click()
  await proposal.getByLabel('Approximate user impact').fill('About 4 users')
  await lead.call('approveDecision', { params: { id }, body: { version: version + 1 } })
  await deciding.page.locator('.clock-bar', { hasText: 'to notify Globex' }).waitFor({ state: 'detached' })
  await proposal.getByRole('button', { name: 'Save' }).click()
  await proposal.getByText('The notification of this customer was waived.').waitFor()
  expect(await proposal.getByLabel('Approximate user impact').inputValue()).toBe('About 4 users')
  await deciding.close()
})

test('class definitions and services: a save under which somebody else has saved is refused, and loses nothing of either', {
  timeout: 180_000 * patience,
}, async ({ world }) => {
  const administrator = await world.person('administrator', 'Ada Admin')
  const other = await world.person('administrator', 'Bea Admin')
  const settings = await openPlace(world, browser, administrator, '/settings', wide)
  const classes = settings.page.getByRole('region', { name: 'Incident classes' })
  const definition = async () => {
    const [found] = await other.call('classDefinitions')
    if (!found) throw new Error('there are definitions from the start')
    return found
  }
  const first = await definition()
  await classes.getByRole('button', { name: 'Edit' }).first().click()
  const field = classes.getByLabel(`Definition: ${first.name}`)
  await field.fill('Ours')
  await other.call('defineClass', { params: { class: first.class }, body: { version: first.version, text: 'Theirs, agreed with legal' } })
  await saveInVain(classes, 'Save new version')
  expect((await definition()).text).toBe('Theirs, agreed with legal')
  expect(await field.inputValue()).toBe('Ours')
  await loadNewer(classes)
  await classes.getByText('Somebody else saved “Theirs, agreed with legal”. Saving replaces it.').waitFor()
  expect(await field.inputValue()).toBe('Ours')
  await classes.getByRole('button', { name: 'Save new version' }).click()
  await field.waitFor({ state: 'hidden' })
  expect(await definition()).toMatchObject({ text: 'Ours', version: first.version + 2 })
  await settings.close()

  // A record that was picked from a list is found in it again.
  const { team } = await world.team()
  const service = await world.service('billing', team)
  const saved = async () => (await other.call('services')).find(one => one.id === service.id)
  const { page, close } = await openPlace(world, browser, administrator, '/services', wide)
  const dialog = page.getByRole('dialog')
  await page.getByRole('button', { name: 'billing' }).click()
  await dialog.getByLabel('Description').fill('Invoices and payments')
  const before = await saved()
  if (!before) throw new Error('the service is listed')
  await other.call('saveService', {
    body: {
      ...{ id: before.id, version: before.version, name: before.name, description: before.description, pageFrom: 'critical' },
      ...{ securityTeamId: before.securityTeam.id, engineeringTeamId: before.engineeringTeam.id },
    },
  })
  await saveInVain(dialog, 'Save')
  await loadNewer(dialog)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await saved()).toMatchObject({ description: 'Invoices and payments', pageFrom: 'critical' })
  await close()
})

test('who may not do it sees no button for it: an observer, and everybody once the incident is closed; a second press of a button does nothing', {
  timeout: 240_000 * patience,
}, async ({ world }) => {
  const { primary, administrator, params, version, obligation } = await declared(world)
  const lead = await world.person('lead', 'Lena Lead')
  const observer = await world.person('observer', 'Olaf Observer')
  const { id } = await obligation()
  const text = { nature: 'A key was stolen.', userImpact: 'Unknown', mitigation: 'Revoked.', isInvestigationComplete: true }
  await primary.call('draftNotice', { params: { id }, body: text })
  const propose = async () => {
    const decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'The police asked.', reviewOn: '2027-06-01' } as const
    await lead.call('proposeDecision', { params: { id }, body: { ...decision, version: (await obligation()).version } })
  }
  await propose()
  const cards = async (person: typeof observer) => {
    const { page, close } = await openPlace(world, browser, person, `/incidents/${params.id}?tab=notices`, wide)
    const card = page.getByRole('article')
    await card.getByText('Deferral: proposed').waitFor()
    const buttons = await card.getByRole('button').allTextContents()
    await close()
    return buttons
  }
  expect(await cards(observer)).toEqual([])
  // A responder who is not the executive sponsor may approve neither the decision nor the notice that is their own.
  expect(await cards(primary)).toEqual(['Edit', 'Discard…'])
  await administrator.call('changePerson', { params: { id: primary.id }, body: { isExecutive: true } })
  await administrator.call('assignRole', { params: { ...params, role: 'executive' }, body: { version: await version(), personId: primary.id } })
  expect(await cards(primary)).toEqual(['Approve', 'Reject…', 'Edit', 'Discard…'])

  // A decision is withdrawn only once that was confirmed.
  const { page, close } = await openPlace(world, browser, lead, `/incidents/${params.id}?tab=notices`, wide)
  const card = page.getByRole('article')
  const dialog = page.getByRole('dialog')
  await card.getByRole('button', { name: 'Withdraw…' }).click()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect((await obligation()).decision).not.toBeNull()
  await card.getByRole('button', { name: 'Withdraw…' }).click()
  await dialog.getByRole('button', { name: 'Withdraw', exact: true }).click()
  await page.getByText('Withdrawn. The obligation is open again.').waitFor()
  expect((await obligation()).decision).toBeNull()

  // A double click is one command.
  await card.getByRole('button', { name: 'Approve' }).dblclick()
  await card.getByRole('button', { name: 'Send notice' }).dblclick()
  await dialog.getByText('Emails security@globex.test now. A sent notice cannot be recalled.').waitFor()
  await dialog.getByText('A key was stolen.').waitFor()
  expect(
    world.takeMails().filter(mail => mail.to === 'security@globex.test'),
    'nothing leaves before the answer',
  ).toEqual([])
  await dialog.getByRole('button', { name: 'Send notice' }).dblclick()
  await page.getByText('Sending to the customer’s contacts.').waitFor()
  await world.settle()
  await card.getByText('before the deadline').waitFor()
  expect(await page.getByText('Something went wrong').count()).toBe(0)
  expect(world.takeMails().filter(mail => mail.to === 'security@globex.test')).toHaveLength(1)

  for (const step of ['containIncident', 'eradicateIncident'] as const)
    await primary.call(step, { params, body: { version: await version(), reason: 'Done.' } })
  const secured = { reason: 'Back.', secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: world.now.slice(0, 10) }
  await primary.call('recoverIncident', { params, body: { ...secured, version: await version() } })
  await lead.call('verifyRecovery', { params, body: { version: await version(), reason: 'Two scans found nothing.' } })
  const review = await lead.call('startReview', { params })
  const findings = [{ kind: 'manual-error', description: 'A key in a log.' }] as const
  const saved = await primary.call('saveReview', {
    params: { id: review.id },
    body: { version: review.version, sequence: 'It happened.', findings: [...findings] },
  })
  await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
  await world.advance({ days: 1 })
  await page.goto('/notices')
  await page.getByText('All', { exact: true }).click()
  await card.getByRole('button', { name: 'Draft update' }).waitFor()
  await lead.call('closeIncident', { params, body: { version: await version(), reason: 'Done.' } })
  await expect.poll(() => card.getByRole('button').count()).toBe(0)
  await card.getByText('Globex', { exact: true }).waitFor()
  await close()
})

test('reviews and rules: what one has saved is one’s own version; a save under which somebody else has saved is refused', {
  timeout: 180_000 * patience,
}, async ({ world }) => {
  const { primary, administrator, params } = await declared(world)
  const { id, version } = await administrator.call('startReview', { params })
  const findings = [{ kind: 'manual-error', description: 'A key in a log.' }] as const
  const first = await administrator.call('saveReview', { params: { id }, body: { version, sequence: 'It began.', findings: [...findings] } })
  const { page, close } = await openPlace(world, browser, primary, `/incidents/${params.id}?tab=review`, wide)
  const panel = page.getByRole('tabpanel')
  const sequence = panel.getByLabel('Sequence of events')
  const save = panel.getByRole('button', { name: 'Save review' })
  const stored = async () => (await administrator.call('review', { params })).review
  await sequence.fill('It began at night.')
  await save.click()
  await expect.poll(stored).toMatchObject({ sequence: 'It began at night.', version: first.version + 1 })
  await sequence.fill('It began at night, in July.')
  await save.click()
  await expect.poll(stored).toMatchObject({ sequence: 'It began at night, in July.', version: first.version + 2 })
  expect(await panel.getByText('Somebody else').count()).toBe(0)

  await sequence.fill('It began at night, in June.')
  const theirs = {
    version: first.version + 2,
    sequence: 'It began at night, in July.',
    findings: [{ kind: 'technical-lapse', description: 'No rotation.' }],
  } as const
  await administrator.call('saveReview', { params: { id }, body: { ...theirs, findings: [...theirs.findings] } })
  await saveInVain(panel, 'Save review')
  await loadNewer(panel)
  await expect.poll(() => panel.getByRole('textbox', { name: 'Contributing factor', exact: true }).inputValue()).toBe('No rotation.')
  expect(await sequence.inputValue()).toBe('It began at night, in June.')
  await save.click()
  await expect.poll(stored).toMatchObject({ sequence: 'It began at night, in June.', findings: [{ description: 'No rotation.' }] })
  await close()

  const text = (title: string) => `title: ${title}\nlogsource: {product: linux}\ndetection:\n  s:\n    F: x\n  condition: s\nlevel: low\n`
  const rule = await administrator.call('createDetectionRule', { body: { text: text('One') } })
  const at = { params: { id: rule.id } }
  const writing = await openPlace(world, browser, await world.person('lead', 'Lena Lead'), `/detection/rules/${rule.id}`, wide)
  const editor = writing.page.locator('.cm-content')
  // Who writes nothing sees what the rule says now.
  await administrator.call('changeDetectionRule', { ...at, body: { version: rule.version, text: text('Two') } })
  await expect.poll(() => editor.textContent()).toContain('title: Two')
  await editor.click()
  await writing.page.keyboard.press('Control+End')
  await writing.page.keyboard.type('# ours')
  await administrator.call('changeDetectionRule', { ...at, body: { version: rule.version + 1, text: text('Three') } })
  await saveInVain(writing.page.getByRole('main'), 'Save')
  expect(await editor.textContent()).toContain('# ours')
  expect((await administrator.call('detectionRule', at)).text).toBe(text('Three'))
  await writing.page.getByRole('button', { name: 'Discard' }).click()
  await expect.poll(() => editor.textContent()).toContain('title: Three')
  await writing.close()
})

test('on phones, one proposes to stand down and another approves it; it is reopened', { timeout: 180_000 * patience }, async ({ world }) => {
  const { primary, administrator, params } = await declared(world)
  const phone = { viewport: sizes.phone, colorScheme: 'light' } as const
  const fits = async (page: Page) => {
    // What is just being shown may not be there whole yet.
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true)
    await expect.poll(() => seriousViolations(page)).toEqual([])
  }
  const proposer = await openPlace(world, browser, primary, `/incidents/${params.id}`, phone)
  await proposer.page.getByRole('button', { name: 'More' }).click()
  await proposer.page.getByRole('menuitem', { name: 'Propose to stand down…' }).click()
  const dialog = proposer.page.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('A test of the backup team.')
  await fits(proposer.page)
  await dialog.getByRole('button', { name: 'Propose' }).click()
  const proposal = proposer.page.getByRole('alert').filter({ hasText: 'Proposed: stand the incident down' })
  await proposal.getByRole('button', { name: 'Withdraw' }).waitFor()
  expect(await proposal.getByRole('button', { name: 'Approve' }).count()).toBe(0)
  await proposer.close()

  const approver = await openPlace(world, browser, administrator, `/incidents/${params.id}`, phone)
  await approver.page.getByText('Approving it ends all notification deadlines').waitFor()
  await fits(approver.page)
  await approver.page.getByRole('button', { name: 'Approve' }).click()
  await approver.page.getByText('To be reviewed by a second person').waitFor()
  await approver.page.getByText(/^Ada Admin declared the incident and approved that it is lowered/).waitFor()
  const { exceptions, version } = await primary.call('incident', { params })
  const other = await world.person('lead')
  await other.call('reviewException', { params: { ...params, exceptionId: exceptions[0]?.id ?? '' }, body: { reason: 'It was a drill.' } })
  await other.call('closeIncident', { params, body: { version, reason: 'A drill.' } })
  await approver.page.getByText('It is closed and read-only').waitFor()
  await approver.page.getByRole('button', { name: 'Reopen' }).click()
  const reopening = approver.page.getByRole('dialog')
  await reopening.getByText('Its declaration was no error after all').waitFor()
  await reopening.getByLabel('Reason').fill('The keys are for sale.')
  await fits(approver.page)
  await reopening.getByRole('button', { name: 'Reopen' }).click()
  await approver.page.getByText('Reopened the incident, round 2').waitFor()
  expect(await primary.call('incident', { params })).toMatchObject({ status: 'declared', class: 'customer-reportable' })
  await approver.close()
})

test('on phones, one hands the lead over with a note, and the other accepts', { timeout: 180_000 * patience }, async ({ world }) => {
  const [alice, bob] = [await world.person('responder', 'Alice'), await world.person('responder', 'Bob')]
  const { id } = await alice.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
  const phone = { viewport: sizes.phone, colorScheme: 'dark' } as const
  const theirs = await openPlace(world, browser, bob, `/incidents/${id}`, phone)
  await theirs.page.getByRole('region', { name: 'Roles' }).getByText('Alice').waitFor()
  expect(await theirs.page.getByLabel('Lead', { exact: true }).count(), 'what another has is not theirs to give').toBe(0)
  const { page, close } = await openPlace(world, browser, alice, `/incidents/${id}`, phone)
  await page.getByLabel('Lead', { exact: true }).first().click()
  await page.getByRole('option', { name: 'Bob' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Ask Bob' }).click()
  await dialog.getByText('must not be empty').waitFor()
  await dialog.getByLabel('Handover note').fill('Open: rotate the **tokens**.')
  expect(await seriousViolations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Ask Bob' }).click()
  await page.getByText('Bob is asked to take over').waitFor()
  const asked = theirs.page.getByRole('alert').filter({ hasText: 'Alice asks you to be lead of this incident' })
  await asked.getByText('tokens').waitFor()
  expect(await seriousViolations(theirs.page)).toEqual([])
  await asked.getByRole('button', { name: 'Accept' }).click()
  await theirs.page.getByLabel('Lead', { exact: true }).first().waitFor()
  await expect.poll(() => page.getByText('Bob is asked to take over').count()).toBe(0)
  expect((await bob.call('incident', { params: { id } })).lead?.name).toBe('Bob')
  await Promise.all([close(), theirs.close()])
})

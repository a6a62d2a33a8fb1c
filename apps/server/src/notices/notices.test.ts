import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }

/** A declared incident with affected customers; the primary of the security team leads it. */
async function declared(world: World, customers: readonly { name: string; hours?: number }[] = [{ name: 'Globex' }]) {
  const { team, primary, backup } = await world.team()
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  const params = { id }
  for (const page of (await primary.call('pages')).items) await primary.call('acknowledgePage', { params: { id: page.id } })
  await world.settle()
  const listed = []
  for (const each of customers) listed.push({ id: (await world.customer(each.name, each.hours)).id, basis: 'Logs.' })
  const { version } = await primary.call('incident', { params })
  await primary.call('setAffectedCustomers', { params, body: { version, customers: listed } })
  await declare(primary, id, { by: lead })
  const incident = await lead.call('incident', { params })
  await world.settle()
  const obligation = async (name = 'Globex') =>
    (await lead.call('obligations', { query: { view: 'all', incidentId: incident.id } })).items.find(each => each.customer?.name === name)
  return { primary, backup, lead, incident, params, obligation }
}

async function notify(
  obligation: () => Promise<{ id: string; notices: { id: string; version: number; state: string }[] } | undefined>,
  author: Person,
  approver: Person,
) {
  await author.call('draftNotice', { params: { id: (await obligation())?.id ?? '' }, body: content })
  const input = async () => {
    const notice = (await obligation())?.notices.at(-1)
    return { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } }
  }
  await approver.call('approveNotice', await input())
  await author.call('sendNotice', await input())
}

describe('the clock', () => {
  test('pages the lead at 48, 66 and 71 hours, each once, and is overdue after 72', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    await world.advance({ hours: 47, minutes: 59 })
    primary.expectNoPage()
    for (const minutes of [1, 18 * 60, 5 * 60]) {
      await world.advance({ minutes })
      primary.expectPage(/1 customer not notified \(due Nov 26, 08:00 UTC\)/)
      for (const page of (await lead.call('pages')).items.filter(each => each.state === 'triggered'))
        await primary.call('acknowledgePage', { params: { id: page.id } })
      primary.expectNoPage()
    }
    expect((await obligation())?.timing).toBe('due-soon')
    await world.advance({ hours: 1, seconds: 1 })
    expect((await obligation())?.timing).toBe('overdue')
  })

  test('a lead who does not answer is followed by the team', async ({ world }) => {
    const { primary, backup } = await declared(world)
    await world.advance({ hours: 48 })
    primary.expectPage(/not notified/)
    backup.expectNoPage()
    await world.advance({ minutes: 15 })
    backup.expectPage(/not notified/)
  })

  test('once met it pages nobody any more', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    await world.advance({ hours: 48 })
    primary.expectPage(/not notified/)
    await notify(obligation, primary, lead)
    await world.settle()
    expect(await obligation()).toMatchObject({ state: 'notified', timing: 'notified' })
    expect((await lead.call('pages')).items.every(page => page.state !== 'triggered')).toBe(true)
    const count = world.mail.mails.length
    await world.advance({ hours: 30 })
    expect(world.mail.mails.length).toBe(count)
  })

  test('runs from the declaration for a customer who is found later, and one who is listed stays', async ({ world }) => {
    const { primary, params, obligation } = await declared(world)
    await world.advance({ hours: 50 })
    const late = await world.customer('Initech')
    const incident = await primary.call('incident', { params })
    await expect(primary.call('setAffectedCustomers', { params, body: { version: incident.version, customers: [] } })).rejects.toThrow(
      /cannot be removed from a declared incident/,
    )
    await primary.call('setAffectedCustomers', {
      params,
      body: { version: incident.version, customers: [...incident.customers.map(({ id, basis }) => ({ id, basis })), { id: late.id, basis: 'More logs.' }] },
    })
    await world.settle()
    expect((await obligation('Initech'))?.dueAt).toBe((await obligation())?.dueAt)
  })

  test('is met on time up to the moment it is due, and late after it; the lead stays paged until the last customer is notified', async ({ world }) => {
    const { primary, lead, params, obligation } = await declared(world, [{ name: 'Globex' }, { name: 'Initech' }])
    await world.advance({ hours: 72 })
    const warnings = async () =>
      (await lead.call('pages')).items.filter(({ title, state }) => title.includes('not notified') && state !== 'resolved').map(({ title }) => title)
    const warning = ['Incident 1: 2 customers not notified (due Nov 26, 08:00 UTC)']
    expect(await warnings()).toEqual(warning)
    await notify(obligation, primary, lead)
    await world.settle()
    expect(await obligation()).toMatchObject({ timing: 'notified', notifiedAt: world.now, dueAt: world.now })
    expect(await warnings(), 'Initech is not notified').toEqual(warning)
    await world.advance({ seconds: 1 })
    expect(await warnings()).toEqual(['Incident 1: 1 customer not notified (overdue)'])
    await notify(() => obligation('Initech'), primary, lead)
    await world.settle()
    expect(await obligation('Initech')).toMatchObject({ timing: 'notified-late' })
    expect(await warnings()).toEqual([])
    const sentences = (await lead.call('incident', { params })).timeline.map(({ sentence }) => sentence)
    expect(sentences.filter(sentence => / notified (on time|late)$/.test(sentence)).toSorted()).toEqual(['Globex notified on time', 'Initech notified late'])
  })
})

describe('a notice', () => {
  test('while the investigation goes on it says what is next and when, and the lead is reminded', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    const id = (await obligation())?.id ?? ''
    await expect(primary.call('draftNotice', { params: { id }, body: { ...content, isInvestigationComplete: false } })).rejects.toMatchObject({
      problem: { errors: [{ path: 'nextSteps' }, { path: 'nextCommunicationAt' }] },
    })
    await primary.call('draftNotice', {
      params: { id },
      body: { ...content, isInvestigationComplete: false, nextSteps: 'Logs.', nextCommunicationAt: '2026-11-24T08:00:00Z' },
    })
    const input = async () => {
      const notice = (await obligation())?.notices[0]
      return { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } }
    }
    await lead.call('approveNotice', await input())
    await primary.call('sendNotice', await input())
    await world.settle()
    expect(world.expectMail('security@globex.test', /Security notice/).text).toContain('2026-11-24 08:00 UTC')
    await world.advance({ hours: 24 })
    primary.expectPage(/1 update not sent/)
  })

  test('that corrects an earlier one is not forgotten: it is sent or discarded before the incident is closed', async ({ world }) => {
    const { primary, lead, params, obligation } = await declared(world)
    await notify(obligation, primary, lead)
    await world.settle()
    const step = async () => ({ params, body: { version: (await lead.call('incident', { params })).version, reason: 'As the runbook says.' } })
    await primary.call('containIncident', await step())
    await primary.call('eradicateIncident', await step())
    const recovery = { secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: null, noMonitoringReason: 'None.' }
    await primary.call('recoverIncident', { params, body: { ...(await step()).body, ...recovery } })
    await lead.call('verifyRecovery', await step())
    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'manual-error' as const, description: 'A typo.' }]
    const saved = await primary.call('saveReview', { params: { id: review.id }, body: { version: 1, sequence: 'It began.', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    const close = async () => lead.call('closeIncident', await step())
    const draft = async (body: Parameters<typeof lead.call<'draftNotice'>>[1]['body']) => {
      const { notices } = await primary.call('draftNotice', { params: { id: (await obligation())?.id ?? '' }, body })
      return { params: { id: notices.at(-1)?.id ?? '' }, body: { version: 1 } }
    }
    const forgotten = await draft(content)
    await expect(close()).rejects.toThrow(/^A notice to Globex is drafted and not sent: send or discard it\.$/)
    await lead.call('approveNotice', forgotten)
    await expect(close()).rejects.toThrow(/is approved and not sent/)
    await expect(lead.call('discardNotice', forgotten), 'as it was').rejects.toThrow(/in the meantime/)
    expect((await lead.call('discardNotice', { ...forgotten, body: { version: 2 } })).notices).toHaveLength(1)

    // One that is on its way may announce another, which no closed incident owes.
    const last = await draft({ ...content, isInvestigationComplete: false, nextSteps: 'Logs.', nextCommunicationAt: '2026-12-01T08:00:00.000Z' })
    await lead.call('approveNotice', last)
    await world.server.context.jobs.stop()
    await primary.call('sendNotice', { ...last, body: { version: 2 } })
    await expect(close()).rejects.toThrow(/is being sent now: wait until it has arrived or failed/)
    await expect(lead.call('discardNotice', { ...last, body: { version: 3 } })).rejects.toThrow(/A sent notice cannot be discarded/)
    await world.server.context.jobs.start()
    await world.settle()
    await expect(close()).rejects.toThrow(/The update that was announced to Globex for Dec 1, 08:00 UTC is not sent yet/)
  })

  test('a change voids its approval, and whoever changed it does not approve it', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    await primary.call('draftNotice', { params: { id: (await obligation())?.id ?? '' }, body: content })
    const notice = async () => (await obligation())?.notices[0]
    const at = async () => ({ params: { id: (await notice())?.id ?? '' } })
    const version = async () => ({ version: (await notice())?.version ?? 0 })
    await lead.call('approveNotice', { ...(await at()), body: await version() })
    await lead.call('changeNotice', { ...(await at()), body: { ...content, nature: 'Changed', ...(await version()) } })
    expect(await notice()).toMatchObject({ state: 'draft', approvedBy: null })
    await expect(lead.call('approveNotice', { ...(await at()), body: await version() })).rejects.toThrow(/somebody other than/)
    await expect(primary.call('sendNotice', { ...(await at()), body: await version() })).rejects.toThrow(/must first be approved/)
  })

  test('that no server takes is back to be sent again, and the obligation stays open', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    world.mail.refuse({ code: 550, text: 'no such mailbox' })
    await notify(obligation, primary, lead)
    await world.settle()
    expect(await obligation()).toMatchObject({ state: 'due', notices: [{ state: 'approved', deliveries: [{ state: 'failed' }] }] })
    world.mail.refuse(undefined)
    const notice = (await obligation())?.notices[0]
    await primary.call('sendNotice', { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } })
    await world.settle()
    expect((await obligation())?.state).toBe('notified')
  })

  test('waits out a mail server that is away', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    world.mail.refuse({ code: 451, text: 'try later' })
    await notify(obligation, primary, lead)
    await world.advance({ minutes: 10 })
    expect((await obligation())?.state).toBe('due')
    world.mail.refuse(undefined)
    await world.advance({ minutes: 2 })
    expect((await obligation())?.state).toBe('notified')
    expect(world.mail.mails.filter(mail => mail.to === 'security@globex.test')).toHaveLength(1)
  })

  test('to several contacts meets the obligation with the first that is taken, and is sent once the others are taken or refused', async ({ world }) => {
    const { primary, lead, obligation } = await declared(world)
    const [security, legal] = ['security@globex.test', 'legal@globex.test']
    const contacts = [security, legal].map(email => ({ name: 'Globex', email }))
    const id = (await obligation())?.customer?.id ?? ''
    await lead.call('saveCustomer', { body: { id, version: 1, name: 'Globex', region: 'EU', contacts } })
    const states = async () => {
      const { state, notices } = (await obligation()) ?? expect.fail('there is one')
      const deliveries = notices[0]?.deliveries.map(each => [each.to, each.state]) ?? []
      return { obligation: state, notice: notices[0]?.state, ...Object.fromEntries(deliveries) }
    }
    world.mail.refuse({ code: 451, text: 'try later' }, legal)
    await notify(obligation, primary, lead)
    // Whoever sends it reads before what each contact will, and nobody else does.
    const params = { id: (await obligation())?.notices[0]?.id ?? '' }
    const preview = await primary.call('noticeMails', { params })
    await expect((await world.person('observer')).call('noticeMails', { params })).rejects.toMatchObject(refusal('forbidden'))
    await expect(primary.call('noticeMails', { params: { id: (await obligation())?.id ?? '' } })).rejects.toMatchObject(refusal('not-found'))
    await world.settle()
    expect(preview.map(({ to, isAlternate }) => [to, isAlternate])).toEqual([security, legal].map(to => [to, false]))
    expect(world.mail.mails.find(mail => mail.to === security)).toMatchObject({ subject: preview[0]?.subject, text: preview[0]?.body })
    expect(await states()).toEqual({ obligation: 'notified', notice: 'sending', [security]: 'sent', [legal]: 'queued' })
    world.mail.refuse({ code: 550, text: 'no such mailbox' }, legal)
    await world.advance({ minutes: 2 })
    expect(await states(), 'one has it').toEqual({ obligation: 'notified', notice: 'sent', [security]: 'sent', [legal]: 'failed' })
  })
})

describe('a decision', () => {
  test('deferring needs a reason category, a reason, another approver and a review date', async ({ world }) => {
    const { primary, lead, params, obligation } = await declared(world)
    const executive = await world.executive()
    const incident = await primary.call('incident', { params })
    await primary.call('assignRole', { params: { id: params.id, role: 'executive' }, body: { version: incident.version, personId: executive.id } })
    const at = { params: { id: (await obligation())?.id ?? '' } }
    const version = async () => ({ version: (await obligation())?.version ?? 0 })
    await lead.call('proposeDecision', {
      ...at,
      body: { ...(await version()), kind: 'defer', reasonCategory: 'would-tip-off-attacker', reason: 'He still reads our mail.', reviewOn: '2026-11-25' },
    })
    expect((await obligation())?.state).toBe('due')
    await expect(lead.call('approveDecision', { ...at, body: await version() })).rejects.toThrow(/somebody other than/)
    await expect(primary.call('approveDecision', { ...at, body: await version() })).rejects.toThrow(/executive sponsor or a lead/)
    await executive.call('approveDecision', { ...at, body: await version() })
    expect(await obligation()).toMatchObject({ state: 'deferred', decision: { approvedBy: executive.name, reviewOn: '2026-11-25' } })
    // It ends on its day of review, when the first warning is past.
    await world.advance({ hours: 49 })
    expect(await obligation()).toMatchObject({ state: 'due', decision: null, dueAt: '2026-11-26T08:00:00.000Z' })
    primary.expectPage(/1 customer not notified/)
  })
})

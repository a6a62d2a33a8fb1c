import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { journal } from '../journal/tables.ts'
import { jobs } from '../kernel/tables.ts'
import { recordMissed } from './clocks.ts'
import { obligations } from './tables.ts'
import { clockJob } from './timers.ts'

/** A declared incident without customers, led by the primary of the security team. */
async function declared(world: World) {
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  const params = { id }
  const version = async () => (await primary.call('incident', { params })).version
  await acknowledgeAll(world, primary)
  await declare(primary, id, { class: 'security-incident', by: lead })
  const list = async (...names: string[]) => {
    const customers = []
    for (const name of names) customers.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
    const { customers: before } = await primary.call('incident', { params })
    const kept = before.map(({ id: customerId, basis }) => ({ id: customerId, basis }))
    await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers: [...kept, ...customers] } })
    await world.settle()
  }
  const obligation = async (name: string) => {
    const found = (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items.find(({ customer }) => customer?.name === name)
    if (!found) throw new Error(`there is an obligation to notify ${name}`)
    return found
  }
  return { primary, lead, params, version, list, obligation }
}

async function acknowledgeAll(world: World, person: Person): Promise<void> {
  for (const { id, state } of (await person.call('pages')).items) if (state === 'triggered') await person.call('acknowledgePage', { params: { id } })
  await world.settle()
}

/** Pages to somebody about a customer that nobody has looked at. */
const pagesAbout = (world: World, person: Person, customer: string) =>
  world.takeMails().filter(mail => mail.to === person.email && mail.purpose.startsWith('page') && mail.text.includes(customer))

test('a customer who is found late is warned about at once, once for all the hours that have passed, and at each that is left', async ({ world }) => {
  const { primary, list } = await declared(world)
  await world.advance({ hours: 67 })
  expect(pagesAbout(world, primary, 'Initech')).toEqual([])
  await list('Initech')
  expect(pagesAbout(world, primary, 'Initech'), 'for 48 and 66 hours together').toHaveLength(1)
  await acknowledgeAll(world, primary)
  await world.advance({ hours: 3, minutes: 59 })
  expect(pagesAbout(world, primary, 'Initech')).toEqual([])
  await world.advance({ minutes: 1 })
  expect(pagesAbout(world, primary, 'Initech'), 'after 71 hours').toHaveLength(1)
})

test('a customer who is found late is named at once, also while the page about the others escalates: one page stands for all of an incident, the worst first', async ({
  world,
}) => {
  const { primary, lead, list, obligation } = await declared(world)
  await list('Globex')
  await world.advance({ hours: 48, minutes: 2 })
  expect(pagesAbout(world, primary, 'Globex')).toHaveLength(1)
  await list('Initech')
  expect(pagesAbout(world, primary, 'Initech').map(({ text }) => text.split('\n')[0])).toEqual(['Globex: the first notice is due on Nov 26, 08:00 UTC.'])
  const open = async () => (await lead.call('pages')).items.filter(({ state }) => state === 'triggered').map(({ title }) => title)
  expect(await open()).toEqual(['Incident 1: 2 customers not notified (due Nov 26, 08:00 UTC)'])
  // One whose contract gives 24 hours is overdue: the one page says the worst first, and each with its own time.
  const { id: customerId } = await world.customer('Hooli', 24)
  const { customers, version, id } = await primary.call('incident', { params: { id: (await obligation('Globex')).incident.id } })
  const listed = [...customers.map(({ id: known, basis }) => ({ id: known, basis })), { id: customerId, basis: 'Logs.' }]
  await primary.call('setAffectedCustomers', { params: { id }, body: { version, customers: listed } })
  await world.settle()
  expect(await open()).toEqual(['Incident 1: 3 customers not notified (1 overdue)'])
  expect(pagesAbout(world, primary, 'Hooli').map(({ text }) => text.split('\n').slice(0, 3))).toEqual([
    [
      'Hooli: the first notice was due on Nov 24, 08:00 UTC, before the customer was found affected; counted from then, it is due on Nov 26, 08:02 UTC.',
      'Globex: the first notice is due on Nov 26, 08:00 UTC.',
      'Initech: the first notice is due on Nov 26, 08:00 UTC.',
    ],
  ])
})

test('a deferral that is withdrawn is reviewed by nobody on its day: its timer goes with it, and the obligation is due as before', async ({ world }) => {
  const { primary, lead, list, obligation } = await declared(world)
  await list('Globex')
  const { dueAt, id } = await obligation('Globex')
  const params = { id }
  const timers = async () => (await world.server.context.database.reader().db.select().from(jobs).where(eq(jobs.kind, clockJob.kind))).map(({ runAt }) => runAt)
  const decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'The police asks for it.', reviewOn: '2026-11-24' } as const
  await lead.call('proposeDecision', { params, body: { ...decision, version: (await obligation('Globex')).version } })
  expect(await timers(), 'nothing is decided yet: the first warning').toEqual(['2026-11-25T08:00:00.000Z'])
  const approver = await world.person('lead')
  await approver.call('approveDecision', { params, body: { version: (await obligation('Globex')).version } })
  expect(await obligation('Globex')).toMatchObject({ state: 'deferred' })
  expect(await timers()).toEqual(['2026-11-24T09:00:00.000Z'])
  await lead.call('withdrawDecision', { params })
  expect(await timers()).toEqual(['2026-11-25T08:00:00.000Z'])
  expect(await obligation('Globex')).toMatchObject({ state: 'due', decision: null, dueAt })
  world.takeMails()
  await world.advance({ hours: 30 })
  expect(pagesAbout(world, primary, 'Globex')).toEqual([])
})

test('an obligation that is due again after its warnings is warned about at once, and nobody stays paged for one that is deferred', async ({ world }) => {
  const { primary, lead, list, obligation } = await declared(world)
  await list('Globex', 'Initech')
  const approver = await world.person('lead')
  const defer = async (name: string) => {
    const { id, version } = await obligation(name)
    const decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'The police asks for it.', reviewOn: '2026-12-24' } as const
    await lead.call('proposeDecision', { params: { id }, body: { ...decision, version } })
    return approver.call('approveDecision', { params: { id }, body: { version: version + 1 } })
  }
  const { id } = await defer('Globex')
  await world.advance({ hours: 48 })
  expect(pagesAbout(world, primary, 'Initech'), 'one of them is due').toHaveLength(1)
  const open = async () => (await lead.call('pages')).items.filter(({ state }) => state === 'triggered').length
  expect(await open()).toBe(1)
  await defer('Initech')
  await world.settle()
  expect(await open(), 'nobody is to be notified now').toBe(0)
  await world.advance({ hours: 30 })
  expect(pagesAbout(world, primary, 'Globex')).toEqual([])

  await lead.call('withdrawDecision', { params: { id } })
  await world.settle()
  const [page, ...more] = pagesAbout(world, primary, 'Globex')
  expect(more).toEqual([])
  expect(page?.subject).toContain('1 customer not notified (overdue)')
  expect(page?.text).toContain('Globex: the first notice was due on')
  expect(page?.text).not.toContain('Initech')
  await acknowledgeAll(world, primary)
  world.takeMails()
  // A proposal that was not approved changes nothing about the clock, and so does its withdrawal.
  const { version } = await obligation('Globex')
  const decision = { kind: 'waive', reasonCategory: 'other', reason: 'R', reviewOn: '2026-12-24' } as const
  await lead.call('proposeDecision', { params: { id }, body: { ...decision, version } })
  await lead.call('withdrawDecision', { params: { id } })
  await world.settle()
  expect(pagesAbout(world, primary, 'Globex')).toEqual([])
})

/** A declared incident with customers to notify, to defer and to waive. */
async function notifying(world: World, ...names: string[]) {
  const incident = await declared(world)
  const { primary, lead, params, list, obligation } = incident
  await list(...names)
  const approver = await world.person('lead')
  const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
  const notify = async (name: string) => {
    await primary.call('draftNotice', { params: { id: (await obligation(name)).id }, body: content })
    const latest = async () => {
      const notice = (await obligation(name)).notices.at(-1)
      return { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } }
    }
    await lead.call('approveNotice', await latest())
    await primary.call('sendNotice', await latest())
    await world.settle()
  }
  const decide = async (kind: 'defer' | 'waive', name: string) => {
    const { id, version } = await obligation(name)
    const decision = { kind, reasonCategory: 'other', reason: 'Later.', reviewOn: '2026-12-24' } as const
    await lead.call('proposeDecision', { params: { id }, body: { ...decision, version } })
    await approver.call('approveDecision', { params: { id }, body: { version: version + 1 } })
  }
  /** What the timeline says of deadlines and notifications, by customer. */
  const told = async () =>
    (await primary.call('incident', { params })).timeline
      .filter(({ type }) => type === 'obligation.missed' || type === 'obligation.notified')
      .map(({ sentence }) => sentence)
  return { ...incident, notify, decide, told }
}

test('a deadline that passes without a notice is on record as missed, once; one that was notified or waived is not, and one that is moved can be missed anew', async ({
  world,
}) => {
  const { lead, list, obligation, notify, decide, told } = await notifying(world, 'Globex', 'Hooli', 'Initech', 'Umbrella')
  await notify('Hooli')
  await decide('waive', 'Initech')
  await decide('defer', 'Umbrella')
  await world.advance({ hours: 72 })
  const notified = 'Hooli notified on time'
  expect(await told(), 'a notice at the very deadline is on time').toEqual([notified])
  await world.advance({ seconds: 1 })
  const missed = ['Notification deadline for Globex missed: the notice was due Nov 26, 08:00 UTC']
  const deferred = 'Notification deadline for Umbrella missed: the notice was due Nov 26, 08:00 UTC; the notice is deferred'
  expect((await told()).toSorted()).toEqual([notified, ...missed, deferred])

  // Due again, and found late: the one has missed it already, the other could not meet it, and has the same time from being found.
  await lead.call('withdrawDecision', { params: { id: (await obligation('Umbrella')).id } })
  await list('Vandelay')
  await world.advance({ minutes: 1 })
  expect((await told()).toSorted()).toEqual([notified, ...missed.toSorted(), deferred].toSorted())

  const { id, customer } = await obligation('Globex')
  const { database } = world.server.context
  const miss = () => database.transaction(tx => recordMissed(tx, eq(obligations.id, id)))
  world.isTampered = true
  await database.transaction(tx => tx.db.update(obligations).set({ dueAt: '2026-11-27T08:00:00.000Z' }).where(eq(obligations.id, id)))
  await miss()
  expect(await told(), 'the new one is ahead').toHaveLength(3)
  world.jump({ hours: 24 })
  await miss()
  await miss()
  expect(await told()).toHaveLength(4)
  const entries = await database.reader().db.select({ data: journal.data }).from(journal).where(eq(journal.subjectId, id)).orderBy(journal.seq)
  const term = { start: 'declared', amount: 72, unit: 'hours', calendar: null }
  const newest = { customer: 'Globex', customerId: customer?.id, dueAt: '2026-11-27T08:00:00.000Z', term, state: 'due', kind: 'initial' }
  expect(entries.at(-1)?.data).toEqual(newest)
})

test('what is notified, deferred or waived after its deadline has missed it, also where the job of the deadline is lost', async ({ world }) => {
  const { notify, decide, told } = await notifying(world, 'Globex', 'Initech', 'Umbrella')
  const { database } = world.server.context
  await database.transaction(tx => tx.db.delete(jobs).where(eq(jobs.kind, clockJob.kind)))
  world.jump({ hours: 73 })
  await notify('Globex')
  await decide('waive', 'Initech')
  await decide('defer', 'Umbrella')
  const missed = (name: string) => `Notification deadline for ${name} missed: the notice was due Nov 26, 08:00 UTC`
  expect(await told()).toEqual([missed('Globex'), 'Globex notified late', missed('Initech'), missed('Umbrella')])
})

/** Sends notices to customers, each with what it promises. */
async function promising(world: World, ...names: string[]) {
  const incident = await notifying(world, ...names)
  const { primary, lead, obligation } = incident
  const draft = async (name: string, nextCommunicationAt: string | null) =>
    primary.call('draftNotice', {
      params: { id: (await obligation(name)).id },
      body: { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: nextCommunicationAt === null, nextSteps: 'Logs.', nextCommunicationAt },
    })
  const latest = async (name: string) => {
    const notice = (await obligation(name)).notices.at(-1)
    return { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } }
  }
  const send = async (name: string, nextCommunicationAt: string | null) => {
    await draft(name, nextCommunicationAt)
    await lead.call('approveNotice', await latest(name))
    await primary.call('sendNotice', await latest(name))
    await world.settle()
  }
  const promises = async () =>
    (await lead.call('obligations', { query: { view: 'all' } })).items
      .filter(({ kind }) => kind === 'update')
      .map(({ customer, state, dueAt }) => [customer?.name, state, dueAt])
  const pages = async () => (await lead.call('pages')).items.filter(({ title }) => /\d updates? not sent/.test(title)).map(({ title, state }) => [title, state])
  return { ...incident, draft, latest, send, promises, pages }
}

describe('the update that a notice promises', () => {
  test('is owed: it keeps the incident open, is paged about until it is sent, and any later notice to the customer meets it', async ({ world }) => {
    const { primary, lead, params, version, send, promises, pages } = await promising(world, 'Globex')
    await send('Globex', '2026-11-23T12:00:00.000Z')
    expect(await promises()).toEqual([['Globex', 'due', '2026-11-23T12:00:00.000Z']])
    await world.advance({ hours: 4, seconds: 1 })
    expect(await pages()).toEqual([['Incident 1: 1 update not sent (overdue)', 'triggered']])
    expect(pagesAbout(world, primary, 'Globex').map(({ text }) => text.split('\n')[0])).toEqual(['Globex: the update was due on Nov 23, 12:00 UTC.'])
    await acknowledgeAll(world, primary)
    await world.advance({ hours: 4 })
    expect(await pages(), 'again, as nothing was sent').toEqual([
      ['Incident 1: 1 update not sent (overdue)', 'triggered'],
      ['Incident 1: 1 update not sent (overdue)', 'resolved'],
    ])

    await send('Globex', '2026-12-13T08:00:00.000Z')
    expect(
      (await pages()).map(([, state]) => state),
      'what it asked for is done',
    ).toEqual(['resolved', 'resolved'])
    expect(await promises()).toEqual([
      ['Globex', 'due', '2026-12-13T08:00:00.000Z'],
      ['Globex', 'notified', '2026-11-23T12:00:00.000Z'],
    ])
    const step = async () => ({ version: await version(), reason: 'Done as the runbook says.' })
    await primary.call('containIncident', { params, body: await step() })
    await primary.call('eradicateIncident', { params, body: await step() })
    await primary.call('recoverIncident', {
      params,
      body: { ...(await step()), secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: '2026-11-23' },
    })
    await lead.call('verifyRecovery', { params, body: await step() })
    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'technical-lapse' as const, description: 'Found.' }]
    const saved = await primary.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: 'S', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    await world.advance({ days: 2 })
    await expect(lead.call('closeIncident', { params, body: await step() })).rejects.toMatchObject({
      problem: { status: 409, detail: 'The update that was announced to Globex for Dec 13, 08:00 UTC is not sent yet.' },
    })
    // Sent early, it is met, and nobody is paged at its time.
    await send('Globex', null)
    expect((await promises()).map(([, state]) => state)).toEqual(['notified', 'notified'])
    expect(await lead.call('closeIncident', { params, body: await step() })).toMatchObject({ status: 'closed' })
    world.takeMails()
    await world.advance({ days: 20 })
    expect(pagesAbout(world, primary, 'Globex')).toEqual([])
    expect((await lead.call('pages')).items.filter(({ state }) => state === 'triggered')).toEqual([])
  })

  test('lies ahead when it is drafted, changed and sent', async ({ world }) => {
    const { primary, lead, draft, latest } = await promising(world, 'Globex')
    const past = { problem: { status: 400, detail: expect.stringContaining('nextCommunicationAt') } }
    await expect(draft('Globex', '2026-11-23T08:00:00.000Z')).rejects.toMatchObject(past)
    await expect(draft('Globex', '2062-11-24T09:00:00.000Z'), 'a slip of the year').rejects.toThrow(/must be within 366 days/)
    await draft('Globex', '2026-11-23T09:00:00.000Z')
    await lead.call('approveNotice', await latest('Globex'))
    await world.advance({ hours: 1 })
    await expect(primary.call('sendNotice', await latest('Globex'))).rejects.toMatchObject({
      problem: { status: 409, detail: expect.stringContaining('has passed') },
    })
  })

  test('is one page where several customers were promised the same', async ({ world }) => {
    const { primary, send, pages } = await promising(world, 'Globex', 'Hooli', 'Initech')
    for (const name of ['Globex', 'Hooli', 'Initech']) await send(name, '2026-11-24T08:00:00.000Z')
    world.takeMails()
    await world.advance({ hours: 20 })
    expect(await pages()).toEqual([['Incident 1: 3 updates not sent (due Nov 24, 08:00 UTC)', 'triggered']])
    expect(pagesAbout(world, primary, 'Initech')).toHaveLength(1)
  })
})

test('after the deadline it gets louder: lead and executive sponsor are paged at it, and every four hours until it is met', async ({ world }) => {
  const { primary, lead, params, version, notify } = await notifying(world, 'Globex')
  const executive = await world.executive('lead', 'Elena')
  await lead.call('assignRole', { params: { ...params, role: 'executive' }, body: { version: await version(), personId: executive.id } })
  await world.advance({ hours: 72 })
  world.takeMails()
  const paged = () => {
    const mails = world.takeMails().filter(mail => mail.purpose.startsWith('page') && mail.text.includes('Globex'))
    return [primary, executive].map(person => mails.filter(({ to }) => to === person.email).length)
  }
  await world.advance({ seconds: 1 })
  expect(paged()).toEqual([1, 1])
  for (let round = 0; round < 3; round += 1) {
    await acknowledgeAll(world, primary)
    await acknowledgeAll(world, executive)
    await world.advance({ hours: 3, minutes: 59 })
    expect(paged()).toEqual([0, 0])
    await world.advance({ minutes: 1 })
    expect(paged()).toEqual([1, 1])
  }
  await notify('Globex')
  expect((await lead.call('pages')).items.filter(({ state }) => state === 'triggered')).toEqual([])
  world.takeMails()
  await world.advance({ hours: 24 })
  expect(paged()).toEqual([0, 0])
})

test('a deferral ends on its day of review: what was deferred is due again, and paged about at once, past its deadline too', async ({ world }) => {
  const { primary, lead, obligation, decide } = await notifying(world, 'Globex')
  await decide('defer', 'Globex')
  await world.advance({ days: 31, hours: 0, minutes: 59 })
  world.takeMails()
  expect(await obligation('Globex')).toMatchObject({ state: 'deferred' })
  await world.advance({ minutes: 1 })
  expect(await obligation('Globex')).toMatchObject({ state: 'due', decision: null })
  expect(pagesAbout(world, primary, 'Globex')).toHaveLength(1)
  await acknowledgeAll(world, primary)
  // The rhythm is that of the deadline, at 8 o'clock.
  await world.advance({ hours: 3, minutes: 1 })
  expect(pagesAbout(world, primary, 'Globex')).toHaveLength(1)
  expect((await lead.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => type === 'decision.lapsed')).toHaveLength(1)
})

test('warnings belong to one obligation: nobody is paged about a customer of whom no warning is due', async ({ world }) => {
  const { primary, lead, params, version, notify, list } = await notifying(world, 'Globex')
  const { customers } = await primary.call('incident', { params })
  const { id } = await world.customer('Hooli', 24)
  const listed = [...customers.map(each => ({ id: each.id, basis: each.basis })), { id, basis: 'Logs.' }]
  await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers: listed } })
  await notify('Hooli')
  await list()
  world.takeMails()
  await world.advance({ hours: 47, minutes: 59 })
  expect(world.takeMails().filter(({ purpose }) => purpose.startsWith('page'))).toEqual([])
  expect((await lead.call('pages')).items.filter(({ state }) => state === 'triggered')).toEqual([])
})

describe('an incident that has somebody to notify and lists nobody', () => {
  /** As `declared`, of a class that customers must be notified of. */
  async function reportable(world: World) {
    const incident = await declared(world)
    const { primary, lead, params, version } = incident
    await primary.call('classifyIncident', { params, body: { version: await version(), class: 'customer-reportable', reason: 'Their data.' } })
    await world.settle()
    const scope = async () => (await lead.call('obligations', { query: { view: 'all' } })).items.find(({ kind }) => kind === 'scope')
    const against = async () => (await lead.call('incident', { params })).nextActions
    return { ...incident, scope, against }
  }

  test('owes the list within a day, and its lead is paged like about any other obligation', async ({ world }) => {
    const { primary, scope } = await reportable(world)
    expect(await scope()).toMatchObject({ customer: null, state: 'due', dueAt: '2026-11-24T08:00:00.000Z' })
    await world.advance({ hours: 24, seconds: 1 })
    expect(world.takeMails().filter(mail => mail.to === primary.email && mail.subject.includes('affected customers not listed')).length).toBeGreaterThan(1)
  })

  test('owes it within a day of getting its class, where that was raised later: nobody is late before that', async ({ world }) => {
    const { primary, params, version } = await declared(world)
    await world.advance({ days: 5 })
    world.takeMails()
    for (const [kind, reason] of [
      ['customer-reportable', 'Their data.'],
      ['privacy-breach', 'Of people, too.'],
    ] as const) {
      await primary.call('classifyIncident', { params, body: { version: await version(), class: kind, reason } })
      await world.settle()
      const { items } = await primary.call('obligations', { query: { view: 'all' } })
      expect(items).toMatchObject([{ kind: 'scope', timing: 'due', startedAt: '2026-11-28T08:00:00.000Z', dueAt: '2026-11-29T08:00:00.000Z' }])
      world.jump({ hours: 1 })
    }
    primary.expectNoPage()
  })

  test('is asked no more once somebody is listed', async ({ world }) => {
    const { list, scope, lead } = await reportable(world)
    await list('Globex')
    expect(await scope()).toMatchObject({ state: 'ended' })
    const assessed = (await lead.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => type === 'obligation.assessed').map(({ data }) => data)
    expect(assessed.toReversed()).toEqual([
      { class: 'security-incident', customers: 0, result: 'none' },
      { class: 'customer-reportable', customers: 0, result: 'scope' },
      { class: 'customer-reportable', customers: 1, result: 'customers' },
    ])
  })

  test('cannot be closed, unless a second person approves that nobody needs to be notified', async ({ world }) => {
    const { primary, lead, params, version, scope } = await reportable(world)
    const step = async () => ({ version: await version(), reason: 'Done as the runbook says.' })
    await primary.call('containIncident', { params, body: await step() })
    await primary.call('eradicateIncident', { params, body: await step() })
    await primary.call('recoverIncident', {
      params,
      body: { ...(await step()), secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: '2026-11-23' },
    })
    await lead.call('verifyRecovery', { params, body: await step() })
    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'technical-lapse' as const, description: 'Found.' }]
    const saved = await primary.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: 'S', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    await world.advance({ days: 1 })
    await expect(lead.call('closeIncident', { params, body: await step() })).rejects.toMatchObject({
      problem: { status: 409, detail: 'No affected customer is listed: list them, or have it approved that nobody needs to be notified.' },
    })
    const owed = await scope()
    const of = { params: { id: owed?.id ?? '' } }
    const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
    await expect(primary.call('draftNotice', { ...of, body: content })).rejects.toThrow(/not known who is affected/)
    const decision = { kind: 'waive', reasonCategory: 'data-unintelligible', reason: 'All of it was encrypted.', reviewOn: '2026-12-24' } as const
    await lead.call('proposeDecision', { ...of, body: { ...decision, version: owed?.version ?? 0 } })
    await expect(lead.call('approveDecision', { ...of, body: { version: (owed?.version ?? 0) + 1 } })).rejects.toMatchObject({ problem: { status: 403 } })
    await (await world.person('lead')).call('approveDecision', { ...of, body: { version: (owed?.version ?? 0) + 1 } })
    expect(await lead.call('closeIncident', { params, body: await step() })).toMatchObject({ status: 'closed' })
    const timeline = (await lead.call('incident', { params })).timeline.map(({ sentence }) => sentence)
    expect(timeline).toContain('Approved the decision that nobody needs to be notified')
  })
})

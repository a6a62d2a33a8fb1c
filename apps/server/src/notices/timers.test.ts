import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import { type Person, test, type World } from '../../test/world.ts'
import { journal } from '../journal/tables.ts'
import { jobs } from '../kernel/tables.ts'
import { recordMissed } from './obligations.ts'
import { obligations } from './tables.ts'
import { deadlineJob, reviewJob } from './timers.ts'

const criteria = {
  privacy: 'confirmed',
  impact: 'none',
  scope: 'one-asset',
  customers: 'one',
  region: 'one',
  data: 'internal',
  recoverability: 'regular',
} as const

/** A declared incident without customers, led by the primary of the security team. */
async function declared(world: World) {
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  const params = { id }
  const version = async () => (await primary.call('incident', { params })).version
  await acknowledgeAll(world, primary)
  await primary.call('assessSeverity', { params, body: { version: await version(), criteria } })
  await primary.call('classifyIncident', { params, body: { version: await version(), class: 'security-incident', reason: 'Yes.' } })
  await lead.call('declareIncident', { params, body: { version: await version(), reason: 'Confirmed.' } })
  const list = async (...names: string[]) => {
    const customers = []
    for (const name of names) customers.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
    const { customers: before } = await primary.call('incident', { params })
    const kept = before.map(({ id: customerId, basis }) => ({ id: customerId, basis }))
    await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers: [...kept, ...customers] } })
    await world.settle()
  }
  const obligation = async (name: string) => {
    const found = (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items.find(({ customer }) => customer.name === name)
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

test('a customer who is found late is named at once, also while the page about the others escalates; other clocks are not concerned', async ({ world }) => {
  const { primary, lead, list, obligation } = await declared(world)
  await list('Globex')
  await world.advance({ hours: 48, minutes: 2 })
  expect(pagesAbout(world, primary, 'Globex')).toHaveLength(1)
  await list('Initech')
  expect(pagesAbout(world, primary, 'Initech').map(({ text }) => text.split('\n')[0])).toEqual(['Not notified: Globex, Initech.'])
  const open = async () => (await lead.call('pages')).items.filter(({ state }) => state === 'triggered').map(({ title }) => title)
  expect(await open()).toEqual(['Incident 1: 2 customers are not notified after 48 hours'])
  // One whose contract gives 24 hours is overdue: a page of its own, which ends with its notice, and the other stays.
  const { id: customerId } = await world.customer('Hooli', 24)
  const { customers, version, id } = await primary.call('incident', { params: { id: (await obligation('Globex')).incident.id } })
  const listed = [...customers.map(({ id: known, basis }) => ({ id: known, basis })), { id: customerId, basis: 'Logs.' }]
  await primary.call('setAffectedCustomers', { params: { id }, body: { version, customers: listed } })
  await world.settle()
  expect((await open()).sort()).toEqual(['Incident 1: 1 customer is not notified after 24 hours', 'Incident 1: 2 customers are not notified after 48 hours'])
})

test('a deferral that is withdrawn is reviewed by nobody on its day: its timer goes with it, and the obligation is due as before', async ({ world }) => {
  const { primary, lead, list, obligation } = await declared(world)
  await list('Globex')
  const { dueAt, id } = await obligation('Globex')
  const params = { id }
  const timers = async () =>
    (await world.server.context.database.reader().db.select().from(jobs).where(eq(jobs.kind, reviewJob.kind))).map(({ runAt, data }) => [runAt, data])
  const decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'The police asks for it.', reviewOn: '2026-11-24' } as const
  await lead.call('proposeDecision', { params, body: { ...decision, version: (await obligation('Globex')).version } })
  expect(await timers(), 'nothing is decided yet').toEqual([])
  const approver = await world.person('lead')
  await approver.call('approveDecision', { params, body: { version: (await obligation('Globex')).version } })
  expect(await obligation('Globex')).toMatchObject({ state: 'deferred' })
  expect(await timers()).toEqual([['2026-11-24T09:00:00.000Z', { obligationId: id }]])
  await lead.call('withdrawDecision', { params })
  expect(await timers()).toEqual([])
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
  expect(page?.subject).toContain('1 customer is not notified after 71 hours')
  expect(page?.text).toContain('The first notice was due on')
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

  // Due again, and listed late: the one has missed it already, the other has missed it at once.
  await lead.call('withdrawDecision', { params: { id: (await obligation('Umbrella')).id } })
  await list('Vandelay')
  await world.advance({ minutes: 1 })
  missed.push('Notification deadline for Vandelay missed: the notice was due Nov 26, 08:00 UTC')
  expect((await told()).toSorted()).toEqual([notified, ...missed.toSorted(), deferred].toSorted())

  const { id, customer } = await obligation('Globex')
  const { database } = world.server.context
  const miss = () => database.transaction(tx => recordMissed(tx, eq(obligations.id, id)))
  world.isTampered = true
  await database.transaction(tx => tx.db.update(obligations).set({ dueAt: '2026-11-27T08:00:00.000Z' }).where(eq(obligations.id, id)))
  await miss()
  expect(await told(), 'the new one is ahead').toHaveLength(4)
  world.jump({ hours: 24 })
  await miss()
  await miss()
  expect(await told()).toHaveLength(5)
  const entries = await database.reader().db.select({ data: journal.data }).from(journal).where(eq(journal.subjectId, id)).orderBy(journal.seq)
  const newest = { customer: 'Globex', customerId: customer.id, dueAt: '2026-11-27T08:00:00.000Z', hours: 72, state: 'due' }
  expect(entries.at(-1)?.data).toEqual(newest)
})

test('what is notified, deferred or waived after its deadline has missed it, also where the job of the deadline is lost', async ({ world }) => {
  const { notify, decide, told } = await notifying(world, 'Globex', 'Initech', 'Umbrella')
  const { database } = world.server.context
  await database.transaction(tx => tx.db.delete(jobs).where(eq(jobs.kind, deadlineJob.kind)))
  world.jump({ hours: 73 })
  await notify('Globex')
  await decide('waive', 'Initech')
  await decide('defer', 'Umbrella')
  const missed = (name: string) => `Notification deadline for ${name} missed: the notice was due Nov 26, 08:00 UTC`
  expect(await told()).toEqual([missed('Globex'), 'Globex notified late', missed('Initech'), missed('Umbrella')])
})

test('what a notice promised is remembered while the incident is open, and nobody is paged about it once it is closed', async ({ world }) => {
  const { primary, lead, params, version, list, obligation } = await declared(world)
  await list('Globex')
  /** Sends a notice that promises the next communication at this time. */
  const promise = async (nextCommunicationAt: string) => {
    const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: false, nextSteps: 'Logs.', nextCommunicationAt }
    const latest = async () => {
      const notice = (await obligation('Globex')).notices.at(-1)
      return { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } }
    }
    await primary.call('draftNotice', { params: { id: (await obligation('Globex')).id }, body: content })
    await lead.call('approveNotice', await latest())
    await primary.call('sendNotice', await latest())
    await world.settle()
  }
  await promise('2026-11-23T12:00:00.000Z')
  await world.advance({ hours: 4 })
  expect(pagesAbout(world, primary, 'Globex')).toHaveLength(1)
  await acknowledgeAll(world, primary)

  const reminders = async () => (await lead.call('pages')).items.filter(({ title }) => title.includes('next communication')).map(({ state }) => state)
  expect(await reminders()).toEqual(['acknowledged'])
  await promise('2026-11-30T08:00:00.000Z')
  expect(await reminders(), 'what it asked for is done').toEqual(['resolved'])
  const step = async () => ({ version: await version(), reason: 'Done.' })
  await primary.call('containIncident', { params, body: await step() })
  await primary.call('eradicateIncident', { params, body: await step() })
  await primary.call('recoverIncident', { params, body: { ...(await step()), secureState: 'S', verification: 'V', monitorUntil: '2026-11-25' } })
  const review = await lead.call('startReview', { params })
  const findings = [{ kind: 'technical-lapse' as const, description: 'Found.' }]
  const saved = await lead.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: 'S', findings } })
  await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })

  // The last day of the monitoring period is part of it.
  await world.advance({ days: 2, hours: 11, minutes: 59, seconds: 59 })
  expect(world.now).toBe('2026-11-25T23:59:59.000Z')
  await expect(lead.call('closeIncident', { params, body: await step() })).rejects.toMatchObject({
    problem: { status: 409, detail: expect.stringContaining('2026-11-25') },
  })
  await world.advance({ seconds: 1 })
  expect(await obligation('Globex')).toMatchObject({ incident: { isClosed: false } })
  expect(await lead.call('closeIncident', { params, body: await step() })).toMatchObject({ status: 'closed' })
  expect(await obligation('Globex')).toMatchObject({ incident: { isClosed: true } })
  world.takeMails()
  await world.advance({ days: 6 })
  expect(pagesAbout(world, primary, 'Globex')).toEqual([])
  expect((await lead.call('pages')).items.filter(({ state }) => state === 'triggered')).toEqual([])
})

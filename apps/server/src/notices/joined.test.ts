import { expect } from 'vitest'
import { bounce, withInbox } from '../../test/bounce.ts'
import { declare } from '../../test/declared.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { watchdogJob } from './auditor.ts'

test.override({ options: withInbox })

const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true } as const
/** A declared incident that its opener leads, with affected customers. */
async function declared(person: Person, title: string, customerIds: readonly string[]) {
  const { id, number } = await person.call('openIncident', { body: { title, reason: 'Seen.', serviceIds: [] } })
  const params = { id }
  const version = async () => ({ version: (await person.call('incident', { params })).version })
  await person.call('assignRole', { params: { ...params, role: 'lead' }, body: { ...(await version()), personId: person.id } })
  const affect = async (ids: readonly string[]) => {
    await person.call('setAffectedCustomers', { params, body: { ...(await version()), customers: ids.map(id => ({ id, basis: 'Logs.' })) } })
  }
  await affect(customerIds)
  await declare(person, id)
  const obligation = async (name = 'Globex') =>
    (await person.call('obligations', { query: { view: 'all', incidentId: params.id } })).items.find(({ customer }) => customer?.name === name) ??
    expect.fail('there is one')
  return { params, number, version, affect, obligation }
}

async function acknowledgeAll(world: World, person: Person) {
  for (const page of (await person.call('pages')).items) if (page.state === 'triggered') await person.call('acknowledgePage', { params: { id: page.id } })
  await world.settle()
  world.takeMails()
}

test('linked incidents that owe a notice to the same customer share it: the earliest deadline pages the parent, one notice meets both, a return undoes both', async ({
  world,
}) => {
  await world.team()
  const [first, second] = [await world.person('lead'), await world.person('lead')]
  const [globex, initech] = [await world.customer('Globex'), await world.customer('Initech')]
  const child = await declared(first, 'Odd sign-ins', [globex.id])
  await world.advance({ hours: 10 })
  const parent = await declared(second, 'Keys leaked', [globex.id, initech.id])
  await acknowledgeAll(world, second)
  await second.call('makeParent', { params: parent.params, body: { ...(await parent.version()), reason: 'One cause.', incidentIds: [child.params.id] } })
  await world.settle()
  await acknowledgeAll(world, second)
  await acknowledgeAll(world, first)
  const [owed, shared] = [await child.obligation(), await parent.obligation()]
  expect(owed).toMatchObject({ state: 'due', joinedTo: { id: shared.id, incident: { number: parent.number } }, joined: [] })
  expect(shared).toMatchObject({ joinedTo: null, joined: [{ id: owed.id, incident: { number: child.number }, dueAt: owed.dueAt }] })
  expect(Date.parse(shared.dueAt ?? '') - Date.parse(owed.dueAt ?? ''), 'each keeps its own').toBe(10 * 3_600_000)
  await expect(first.call('draftNotice', { params: { id: owed.id }, body: content })).rejects.toThrow(
    `The notification of Globex is shared with parent incident ${parent.number}: one notice serves both.`,
  )
  const { version } = owed
  const proposal = { version, kind: 'defer', reasonCategory: 'other', reason: 'No.', reviewOn: '2026-11-30' } as const
  await expect(first.call('proposeDecision', { params: { id: owed.id }, body: proposal })).rejects.toThrow(/is shared with parent incident/)

  // The other order: a customer of the parent is listed at the child, later.
  await child.affect([globex.id, initech.id])
  expect((await child.obligation('Initech')).joinedTo).toMatchObject({ incident: { number: parent.number } })

  // 48 hours after the child was declared, 38 after the parent was: the parent's lead is paged, once, and nobody else.
  await world.advance({ hours: 38 })
  second.expectPage(/2 customers not notified \(due Nov 26, 08:00 UTC\)/)
  first.expectNoPage()
  await acknowledgeAll(world, second)
  await world.advance({ hours: 10 })
  second.expectNoPage()

  const { id } = await parent.obligation()
  await second.call('draftNotice', { params: { id }, body: content })
  const notice = async () => {
    const [one] = (await parent.obligation()).notices
    return { params: { id: one?.id ?? '' }, body: { version: one?.version ?? 0 } }
  }
  await first.call('approveNotice', await notice())
  await second.call('sendNotice', await notice())
  await world.settle()
  const mail = world.expectMail('security@globex.test', /Security notice/)
  expect(mail.subject).toContain(`(incident ${child.number} and incident ${parent.number})`)
  expect(mail.text).toContain(`our reference: incident ${child.number} and incident ${parent.number}`)
  expect([(await child.obligation()).state, (await parent.obligation()).state]).toEqual(['notified', 'notified'])
  await bounce(world, mail, 'postfix')
  await world.settle()
  expect([(await child.obligation()).state, (await parent.obligation()).state]).toEqual(['due', 'due'])
  await second.call('sendNotice', await notice())
  await world.settle()
  expect(await child.obligation()).toMatchObject({ state: 'notified', timing: 'notified', joinedTo: { id } })
  // A correction is the child's own: the parent may be closed by then, and an incident cannot be unlinked from a closed one.
  const { notices } = await first.call('draftNotice', { params: { id: (await child.obligation()).id }, body: content })
  expect(notices).toMatchObject([{ kind: 'update', state: 'draft' }])
  await second.call('approveNotice', { params: { id: notices[0]?.id ?? '' }, body: { version: 1 } })
  await first.call('sendNotice', { params: { id: notices[0]?.id ?? '' }, body: { version: 2 } })
  await world.settle()
  expect(world.expectMail('security@globex.test', /, update\)/).subject).toContain(`(incident ${child.number}, update)`)

  // Unlinked, what was met stays met, and what is open needs its own notice.
  const unlink = async (person: Person, childId = child.params.id) =>
    person.call('unlinkChild', { params: parent.params, body: { ...(await parent.version()), childId, reason: 'Two causes.' } })
  await expect(unlink(await world.person('responder'))).rejects.toThrow(/Only the lead of this incident/)
  await expect(unlink(second, parent.params.id)).rejects.toMatchObject({ problem: { errors: [{ path: 'childId' }] } })
  expect((await unlink(second)).children).toEqual([])
  await expect(unlink(second), 'twice').rejects.toMatchObject({ problem: { errors: [{ path: 'childId' }] } })
  expect((await child.obligation()).state).toBe('notified')
  const open = await child.obligation('Initech')
  expect(open).toMatchObject({ state: 'due', joinedTo: null })
  const { parent: none, timeline } = await first.call('incident', { params: child.params })
  expect(none).toBeNull()
  expect(timeline.map(({ sentence }) => sentence)).toEqual(
    expect.arrayContaining([
      `Unlinked it from parent incident ${parent.number}`,
      `The notification of Globex is shared with parent incident ${parent.number}: one notice serves both`,
      'The notification of Initech is not shared with a parent incident any more: it needs its own notice',
    ]),
  )
  await acknowledgeAll(world, second)
  await world.advance({ hours: 8 })
  first.expectPage(/1 customer not notified/)
})

test('a restricted incident shares nothing, and its roll-up is for those who may see it', async ({ world }) => {
  await world.team()
  const [lead, other] = [await world.person('lead'), await world.person('lead')]
  const globex = await world.customer('Globex')
  const parent = await declared(lead, 'Keys leaked', [globex.id])
  const [open, hidden] = [await declared(lead, 'Odd sign-ins', [globex.id]), await declared(lead, 'An insider', [globex.id])]
  const children = [open.params.id, hidden.params.id]
  for (const { params } of [open, hidden]) {
    await lead.call('addNote', { params, body: { markdown: `What was seen in ${params.id}` } })
    await lead.call('addTask', { params, body: { title: `Look into ${params.id}`, assigneeId: null, dueOn: null, isBusinessImpacting: false } })
  }
  await lead.call('makeParent', { params: parent.params, body: { ...(await parent.version()), reason: 'One cause.', incidentIds: children } })
  const alert = await world.alert({ severity: 'low', title: 'Odd copies' })
  await world.asOwner(`update alerts set incident_id = '${hidden.params.id}' where id = '${alert.id}'`)
  const joined = async () => (await lead.call('obligations', { query: { view: 'all', incidentId: parent.params.id } })).items[0]?.joined.length
  expect(await joined()).toBe(2)
  const whole = await other.call('rollUp', { params: parent.params })
  expect(whole.children.map(({ id, openTaskCount, noteCount, alertCount }) => [id, openTaskCount, noteCount, alertCount])).toEqual(
    children.map(id => [id, 1, 1, id === hidden.params.id ? 1 : 0]),
  )
  expect(whole.alerts).toMatchObject([{ title: 'Odd copies', incident: { id: hidden.params.id } }])
  expect([whole.tasks.length, whole.notes.map(({ text }) => text).toSorted()]).toEqual([2, children.map(id => `What was seen in ${id}`).toSorted()])

  await lead.call('changeIncident', { params: hidden.params, body: { ...(await hidden.version()), isRestricted: true, reason: 'A suspicion.' } })
  expect(await joined(), 'separated with the restriction').toBe(1)
  expect((await hidden.obligation()).joinedTo).toBeNull()
  const seen = await other.call('rollUp', { params: parent.params })
  expect(JSON.stringify(seen)).not.toContain(hidden.params.id)
  expect([seen.children.length, seen.tasks.length, seen.notes.length, seen.alerts.length]).toEqual([1, 1, 1, 0])
  expect((await lead.call('rollUp', { params: parent.params })).children).toHaveLength(2)
  await expect(other.call('rollUp', { params: hidden.params })).rejects.toThrow('There is no such incident.')

  // A decision about the parent's own notice is not one about the child's.
  const own = await parent.obligation()
  const proposal = { version: own.version, kind: 'defer', reasonCategory: 'other', reason: 'Later.', reviewOn: '2026-11-30' } as const
  await lead.call('proposeDecision', { params: { id: own.id }, body: proposal })
  await other.call('approveDecision', { params: { id: own.id }, body: { version: (await parent.obligation()).version } })
  expect(await open.obligation()).toMatchObject({ state: 'due', joinedTo: null })
  await lead.call('withdrawDecision', { params: { id: own.id } })
  expect((await open.obligation()).joinedTo).toMatchObject({ id: own.id })
})

test('what is due again, as a deferral has ended or a notice was returned, is joined as its incident is linked by then; the auditor finds what is not', async ({
  world,
}) => {
  await world.team()
  const [lead, other] = [await world.person('lead'), await world.person('lead')]
  const globex = await world.customer('Globex')
  const [parent, child] = [await declared(lead, 'Keys leaked', [globex.id]), await declared(lead, 'Odd sign-ins', [globex.id])]
  const link = async () =>
    lead.call('makeParent', { params: parent.params, body: { ...(await parent.version()), reason: 'One cause.', incidentIds: [child.params.id] } })
  const unlink = async () =>
    lead.call('unlinkChild', { params: parent.params, body: { ...(await parent.version()), childId: child.params.id, reason: 'Two causes.' } })
  const { id } = await parent.obligation()
  const isJoined = async () => (await child.obligation()).joinedTo?.id === id
  await link()
  const defer = async (reviewOn: string) => {
    const body = { kind: 'defer', reasonCategory: 'other', reason: 'Later.', reviewOn, version: (await parent.obligation()).version } as const
    await lead.call('proposeDecision', { params: { id }, body })
  }
  await defer('2026-11-25')
  await other.call('approveDecision', { params: { id }, body: { version: (await parent.obligation()).version } })
  expect(await isJoined()).toBe(false)
  await world.advance({ days: 2, hours: 1 })
  expect((await parent.obligation()).state).toBe('due')
  expect(await isJoined(), 'the deferral has ended').toBe(true)
  await defer('2026-11-27')
  await other.call('approveDecision', { params: { id }, body: { version: (await parent.obligation()).version } })
  expect(await isJoined()).toBe(false)
  await defer('2026-11-28')
  expect(await isJoined(), 'until the new one is approved it is due').toBe(true)
  await lead.call('withdrawDecision', { params: { id } })

  // What is on its way was approved without the other incident.
  await unlink()
  const { notices } = await lead.call('draftNotice', { params: { id }, body: content })
  const notice = { id: notices[0]?.id ?? '' }
  await other.call('approveNotice', { params: notice, body: { version: 1 } })
  world.mail.refuse({ code: 451, text: 'try again later' }, 'security@globex.test')
  await lead.call('sendNotice', { params: notice, body: { version: 2 } })
  await world.settle()
  await link()
  expect(await isJoined()).toBe(false)
  world.mail.refuse(undefined)
  await world.advance({ minutes: 10 })
  expect([(await parent.obligation()).state, (await child.obligation()).state]).toEqual(['notified', 'due'])
  const mail = world.expectMail('security@globex.test', /Security notice/)
  await bounce(world, mail, 'postfix')
  await world.settle()
  expect(await isJoined(), 'it is due again, and linked now').toBe(true)

  // Returned after the incidents were unlinked.
  const [{ version = 0 } = {}] = (await parent.obligation()).notices
  await lead.call('changeNotice', { params: notice, body: { ...content, version } })
  await other.call('approveNotice', { params: notice, body: { version: version + 1 } })
  await lead.call('sendNotice', { params: notice, body: { version: version + 2 } })
  await world.settle()
  expect([(await parent.obligation()).state, (await child.obligation()).state]).toEqual(['notified', 'notified'])
  await unlink()
  await bounce(world, world.expectMail('security@globex.test', /Security notice/), 'postfix')
  await world.settle()
  expect([(await parent.obligation()).state, (await child.obligation()).state]).toEqual(['due', 'due'])
  expect(await isJoined()).toBe(false)

  await link()
  world.isTampered = true
  const { database, jobs } = world.server.context
  const audit = async () => {
    await database.transaction(tx => schedule(tx, { kind: watchdogJob, key: watchdogJob.kind, runAt: tx.now, data: {} }))
    await jobs.drain()
    const entries = (await lead.call('journal', { query: { limit: 200 } })).items
    return entries.flatMap(({ type, data }) => (type === 'obligation.repaired' ? [data] : []))
  }
  expect(await audit()).toEqual([])
  await world.asOwner('update obligations set joined_to_id = null')
  expect(await audit()).toEqual([{ what: 'joined obligation', count: 1 }])
  expect(await isJoined()).toBe(true)
})

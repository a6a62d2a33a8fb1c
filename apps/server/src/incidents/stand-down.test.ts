import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

/** A declared, customer-reportable incident with an affected customer. */
async function declared(world: World) {
  const [lead, other] = [await world.person('lead'), await world.person('lead')]
  const customer = { id: (await world.customer('Globex', 48)).id, basis: 'Logs.' }
  const { id } = await lead.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
  const params = { id }
  const read = () => lead.call('incident', { params })
  const say = async () => ({ params, body: { version: (await read()).version, reason: 'As the runbook says.' } })
  await lead.call('setAffectedCustomers', { params, body: { version: (await read()).version, customers: [customer] } })
  await declare(lead, id)
  const obligations = async () => (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items
  const standDown = async (proposer: Person = lead, approver: Person = other) => {
    const { body } = await say()
    await proposer.call('propose', { params, body: { ...body, kind: 'stand-down', reason: 'A test of the backup team.' } })
    const [proposal] = (await read()).proposals
    return approver.call('approveProposal', { params: { id, proposalId: proposal?.id ?? '' }, body: { sha256: proposal?.sha256 ?? '' } })
  }
  /** Sends a notice for what is due. */
  const notify = async () => {
    const due = (await obligations()).find(({ state }) => state === 'due')
    const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
    const { notices } = await lead.call('draftNotice', { params: { id: due?.id ?? '' }, body: content })
    const notice = { id: notices.at(-1)?.id ?? '' }
    await other.call('approveNotice', { params: notice, body: { version: 1 } })
    await lead.call('sendNotice', { params: notice, body: { version: 2 } })
    await world.settle()
  }
  const closing = async () => (await read()).nextActions.find(({ action }) => action === 'close')?.blockedBy
  return { lead, other, id, params, read, say, obligations, standDown, notify, closing }
}

describe('standing down', () => {
  // M5: it had to be contained, eradicated, recovered and reviewed, and its clock ran on.
  test('an incident that was declared in error ends it with its clocks, tasks and pages, and it can be declared again', async ({ world }) => {
    const { lead, other, params, read, say, obligations, standDown } = await declared(world)
    await lead.call('addTask', { params, body: { title: 'Rotate the keys' } })
    await lead.call('pageIncident', { params, body: { personIds: [other.id] } })
    const [due] = await obligations()
    await lead.call('draftNotice', {
      params: { id: due?.id ?? '' },
      body: { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true },
    })
    const responder = await world.person('responder')
    await expect(standDown(responder), 'a lead proposes it').rejects.toMatchObject(refusal('forbidden'))
    await expect(standDown(lead, lead)).rejects.toThrow(/somebody other than the person who made it/)
    await lead.call('withdrawProposal', { params: { ...params, proposalId: (await read()).proposals[0]?.id ?? '' } })
    const closed = await standDown()
    expect(closed).toMatchObject({ status: 'closed', class: 'not-an-incident', stoodDownAt: world.now, closedAt: world.now })
    expect(closed.tasks).toMatchObject([{ doneAt: world.now, doneBy: other.name }])
    expect((await obligations()).map(({ state, notices }) => [state, notices.length])).toEqual([['ended', 0]])
    expect((await lead.call('pages')).items.map(({ state }) => state)).toEqual(['resolved'])
    const sentences = closed.timeline.map(({ sentence }) => sentence)
    for (const sentence of [
      'Approved the proposal to stand the incident down',
      'Stood the incident down: it was declared in error',
      'Closed a task as not needed: Rotate the keys',
      'The notice to Globex is not due any more: the incident was stood down',
      'Closed the incident',
    ])
      expect(sentences).toContain(sentence)
    expect(await lead.call('review', { params })).toMatchObject({ isRequired: false })
    await world.advance({ hours: 60 })
    expect((await read()).timeline.filter(({ type }) => type === 'obligation.missed')).toEqual([])
    expect((await lead.call('incidents', { query: { view: 'all' } })).items, 'it stays in every list').toHaveLength(1)

    // It was no error after all: the deadline is that of the declaration, and was missed.
    const { body } = await say()
    await expect(lead.call('reopenIncident', { params, body: { ...body, monitorUntil: '2026-12-24' } })).rejects.toMatchObject(
      refusal('invalid', 'monitorUntil'),
    )
    expect(await lead.call('reopenIncident', { params, body })).toMatchObject({ status: 'declared', class: 'customer-reportable', stoodDownAt: null, round: 2 })
    expect(await obligations()).toMatchObject([{ state: 'due', startedAt: due?.startedAt, dueAt: due?.dueAt, timing: 'overdue' }])
    await world.settle()
    expect((await read()).timeline.filter(({ type }) => type === 'obligation.missed')).toHaveLength(1)
    expect(await lead.call('review', { params })).toMatchObject({ isRequired: true })
  })

  test('tells customers who were notified, and only then can the incident be closed, from whatever status', async ({ world }) => {
    const { lead, other, params, read, say, obligations, standDown, notify, closing } = await declared(world)
    await notify()
    expect(await standDown()).toMatchObject({ status: 'declared', class: 'not-an-incident', closedAt: null })
    expect((await obligations()).map(({ kind, state }) => [kind, state])).toContainEqual(['update', 'due'])
    expect(await closing()).toEqual([
      'The update to Globex that is due by Nov 24, 08:00 UTC is not sent yet.',
      'The required review is not finished. Customers were notified of an incident that was declared in error.',
    ])
    const { body } = await say()
    for (const refused of [
      () => lead.call('containIncident', { params, body }),
      () => lead.call('classifyIncident', { params, body: { ...body, class: 'privacy-breach' } }),
      () => lead.call('propose', { params, body: { ...body, kind: 'stand-down' } }),
      () => lead.call('closeIncident', { params, body }),
    ])
      await expect(refused()).rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('classifyIncident', { params, body: { ...body, class: 'privacy-breach' } })).rejects.toThrow(/Reopen it to classify it again/)

    // It was right after all: nobody has to be told first that it was nothing.
    const [update] = (await obligations()).filter(({ kind }) => kind === 'update')
    const correction = { nature: 'It was nothing.', userImpact: 'None', mitigation: 'None', isInvestigationComplete: true }
    await lead.call('draftNotice', { params: { id: update?.id ?? '' }, body: correction })
    const again = await lead.call('reopenIncident', { params, body: { ...(await say()).body, updateCustomers: false, noUpdateReason: 'They know of it.' } })
    expect(again).toMatchObject({ status: 'declared', class: 'customer-reportable', stoodDownAt: null, closedAt: null })
    expect((await obligations()).map(({ kind, state, notices }) => [kind, state, notices.length]).toSorted()).toEqual([
      ['initial', 'notified', 1],
      ['update', 'ended', 0],
    ])
    expect(again.timeline.map(({ sentence }) => sentence)).toEqual(
      expect.arrayContaining(['Discarded the draft of a notice to Globex', 'The update to Globex is not due any more: the incident is no longer stood down']),
    )
    await standDown()
    await notify()
    world.expectMail('security@globex.test', /, update\)/)
    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'communication' as const, description: 'The drill was not announced.' }]
    const saved = await other.call('saveReview', { params: { id: review.id }, body: { version: 1, sequence: 'It began.', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    await lead.call('closeIncident', await say())
    expect(await read()).toMatchObject({ status: 'closed', class: 'not-an-incident' })

    // An auditor reads in the report what the pages show.
    const report = await (await lead.call.raw('printIncident', { params })).text()
    for (const told of [
      '<th scope="row">Stood down</th>',
      '<th scope="row">Round</th><td>2: it was reopened</td>',
      'proposed to stand the incident down<br>A test of the backup team.',
      `approved by ${other.name}`,
      'Globex, update</strong>: notified',
    ])
      expect(report).toContain(told)
    expect(report).not.toContain('Exercise')
  })
})

describe('reopening a declared incident', () => {
  test('is a new round: a monitoring period, a supplement to the review, and the question whether customers are told', async ({ world }) => {
    const { lead, other, params, read, say, obligations, notify, closing } = await declared(world)
    await notify()
    await lead.call('containIncident', await say())
    await lead.call('eradicateIncident', await say())
    const recovery = { secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: '2026-11-23' }
    await lead.call('recoverIncident', { params, body: { ...(await say()).body, ...recovery } })
    await other.call('verifyRecovery', { params, body: { version: (await read()).version, reason: 'Two scans found nothing.' } })
    const finish = async (person: Person, writer: Person) => {
      const review = await person.call('startReview', { params })
      const findings = [{ kind: 'manual-error' as const, description: 'A typo.' }]
      const saved = await writer.call('saveReview', { params: { id: review.id }, body: { version: 1, sequence: review.sequence, findings } })
      return person.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    }
    const first = await finish(lead, other)
    world.jump({ days: 1 })
    await other.call('closeIncident', await say())

    const reopen = async (more: { monitorUntil?: string | null; noMonitoringReason?: string; updateCustomers?: boolean; noUpdateReason?: string }) =>
      lead.call('reopenIncident', { params, body: { ...(await say()).body, ...more } })
    for (const [more, field] of [
      [{ updateCustomers: true }, 'monitorUntil'],
      [{ monitorUntil: '2026-11-01', updateCustomers: true }, 'monitorUntil'],
      [{ monitorUntil: null, updateCustomers: true }, 'noMonitoringReason'],
      [{ monitorUntil: '2026-12-01' }, 'updateCustomers'],
      [{ monitorUntil: '2026-12-01', updateCustomers: false }, 'noUpdateReason'],
      [{ monitorUntil: '2026-12-01', updateCustomers: true, noUpdateReason: 'x' }, 'noUpdateReason'],
    ] as const)
      await expect(reopen(more), field).rejects.toMatchObject(refusal('invalid', field))
    expect(await reopen({ monitorUntil: '2026-11-24', updateCustomers: true })).toMatchObject({ status: 'recovered', round: 2, monitorUntil: '2026-11-24' })
    expect(await obligations()).toContainEqual(expect.objectContaining({ kind: 'update', state: 'due', dueAt: '2026-11-25T08:00:00.000Z' }))
    expect((await read()).timeline.find(({ type }) => type === 'incident.reopened')?.sentence).toBe(
      'Reopened the incident, round 2; monitored until Nov 24; notified customers get an update',
    )
    expect(await lead.call('review', { params })).toMatchObject({ review: null, isRequired: true, earlier: [{ id: first.id, state: 'finished' }] })
    await notify()
    expect(await closing()).toEqual([
      'The monitoring period lasts until 2026-11-24 UTC.',
      'The required supplement to the review, for what happened since the incident was reopened, is not finished. The incident is customer-reportable.',
    ])
    const second = await finish(other, lead)
    expect(second).toMatchObject({ round: 2, sequence: expect.stringMatching(/^- 2026-11-24 08:00 UTC, lead 1: Reopened the incident, round 2/) })
    expect(await lead.call('review', { params }), 'the earlier text stays').toMatchObject({ review: { id: second.id }, earlier: [first] })
    world.jump({ days: 1 })
    await other.call('closeIncident', await say())
    await reopen({ monitorUntil: null, noMonitoringReason: 'Switched off.', updateCustomers: false, noUpdateReason: 'A typo in the title.' })
    expect((await read()).timeline.find(({ sentence }) => sentence.includes('round 3'))?.reason).toBe(
      'As the runbook says.\nNo monitoring period: Switched off.\nNo update to customers: A typo in the title.',
    )
    expect((await obligations()).filter(({ state }) => state === 'due')).toEqual([])
  })
})

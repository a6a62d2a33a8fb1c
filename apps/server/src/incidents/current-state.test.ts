import { describe, expect } from 'vitest'
import { test } from '../../test/world.ts'

describe('what was decided is not decided again', () => {
  test('a task is approved once, and neither finished twice nor changed once it is done', async ({ world }) => {
    const lead = await world.person('lead')
    const executive = await world.executive('responder', 'Eve')
    let incident = await lead.call('openIncident', { body: { title: 'Odd', reason: 'x' } })
    const { id } = incident
    incident = await lead.call('assignRole', { params: { id, role: 'executive' }, body: { version: incident.version, personId: executive.id } })
    incident = await lead.call('addTask', { params: { id }, body: { title: 'Cut the line', assigneeId: null, dueOn: null, isBusinessImpacting: true } })
    const task = () => incident.tasks[0] ?? { id: '', version: 0, doneAt: null, doneBy: null }
    const params = () => ({ id, taskId: task().id })
    const approve = async () => executive.call('approveTask', { params: params(), body: { version: task().version } })
    incident = await approve()
    await expect(approve()).rejects.toThrow(/is (already )?approved/)
    incident = await lead.call('changeTask', { params: params(), body: { version: task().version, isDone: true } })
    const { doneAt, doneBy } = task()
    world.jump({ hours: 1 })
    // Finishing it again does not say that it was done later, by somebody else.
    incident = await executive.call('changeTask', { params: params(), body: { version: task().version, isDone: true } })
    expect(task()).toMatchObject({ doneAt, doneBy })
    await expect(lead.call('changeTask', { params: params(), body: { version: task().version, title: 'Cut another' } })).rejects.toThrow(/Reopen it/)
    incident = await lead.call('changeTask', { params: params(), body: { version: task().version, title: 'Cut another', isDone: false } })
    expect(incident.tasks[0]).toMatchObject({ doneAt: null, approvedBy: null })
  })

  test('a dismissed alert is not acknowledged, and not dismissed or escalated again', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await world.alert({ severity: 'low' })
    const disposition = { value: 'false-positive', responsibility: 'us', reason: 'Nothing.' } as const
    await lead.call('dismissAlert', { params: { id }, body: disposition })
    await expect(lead.call('acknowledgeAlert', { params: { id } })).rejects.toThrow(/already dismissed/)
    await expect(lead.call('dismissAlert', { params: { id }, body: disposition })).rejects.toThrow(/already dismissed/)
    await expect(lead.call('escalateAlert', { params: { id }, body: { responsibility: 'us', reason: 'x' } })).rejects.toThrow(/already dismissed/)
  })

  test('an improvement that was verified stays so, and a finished review as it was agreed', async ({ world }) => {
    const lead = await world.person('lead')
    const owner = await world.person('responder')
    const incident = await lead.call('openIncident', { body: { title: 'Odd', reason: 'x' } })
    let review = await lead.call('startReview', { params: { id: incident.id } })
    const params = { id: review.id }
    const finding = { kind: 'manual-error', description: 'A typo.' } as const
    const content = () => ({ version: review.version, sequence: 'It happened.', findings: [finding] })
    review = await lead.call('saveReview', { params, body: content() })
    review = await lead.call('addFollowUp', { params, body: { title: 'Check twice', ownerId: owner.id, dueOn: '2026-12-01' } })
    review = await lead.call('finishReview', { params, body: { version: review.version } })
    await expect(lead.call('finishReview', { params, body: { version: review.version } })).rejects.toThrow(/finished/)
    await expect(lead.call('saveReview', { params, body: content() })).rejects.toThrow(/finished/)
    let followUp = review.followUps[0]
    const look = async (state: 'open' | 'done' | 'verified', by = lead) =>
      by.call('updateFollowUp', { params: { id: followUp?.id ?? '' }, body: { version: followUp?.version ?? 0, state, reason: 'Seen.' } })
    await expect(look('verified')).rejects.toThrow(/done before verifying/)
    followUp = await look('done', owner)
    followUp = await look('verified')
    for (const state of ['open', 'done', 'verified'] as const) await expect(look(state)).rejects.toThrow(/already verified as effective/)
  })

  test('nothing is decided on a closed incident, and an act is taken only from where it leads on', async ({ world }) => {
    const lead = await world.person('lead')
    let incident = await lead.call('openIncident', { body: { title: 'Odd', reason: 'x' } })
    const params = { id: incident.id }
    const action = () => ({ params, body: { version: incident.version, reason: 'x' } })
    await expect(lead.call('reopenIncident', action())).rejects.toThrow(/suspected cannot be reopened/)
    await expect(lead.call('containIncident', action())).rejects.toThrow(/suspected cannot be contained/)
    incident = await lead.call('classifyIncident', { params, body: { version: incident.version, class: 'not-an-incident', reason: 'A test.' } })
    incident = await lead.call('closeIncident', action())
    for (const refused of [
      () => lead.call('closeIncident', action()),
      () => lead.call('declareIncident', action()),
      () => lead.call('classifyIncident', { params, body: { version: incident.version, class: 'security-incident', reason: 'x' } }),
      () => lead.call('setAffectedCustomers', { params, body: { version: incident.version, customers: [] } }),
      () => lead.call('addTask', { params, body: { title: 'x', assigneeId: null, dueOn: null, isBusinessImpacting: false } }),
      () => lead.call('startReview', { params }),
    ])
      await expect(refused()).rejects.toMatchObject({ problem: { status: 409 } })
    incident = await lead.call('reopenIncident', action())
    expect(incident.status).toBe('suspected')
  })
})

import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

/** An incident with a review and one follow-up action, owned by `owner` and due in four days. */
async function followedUp(world: World, { isRestricted = false } = {}) {
  const lead = await world.person('lead')
  const owner = await world.person('responder')
  const incident = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.', isRestricted } })
  const review = await lead.call('startReview', { params: { id: incident.id } })
  const add = async (title: string, dueOn: string) => {
    const saved = await lead.call('addFollowUp', { params: { id: review.id }, body: { title, ownerId: owner.id, dueOn } })
    const added = saved.followUps.find(each => each.title === title)
    if (!added) throw new Error('it was added')
    return added
  }
  const first = await add('Rotate the keys', '2026-11-27')
  const read = async (id = first.id) => {
    const found = (await lead.call('followUps', { query: { view: 'all' } })).items.find(each => each.id === id)
    if (!found) throw new Error('it is listed')
    return found
  }
  /** Updates it on its current version. */
  const update = async (person: Person, change: { state: 'open' | 'done' | 'verified'; reason?: string; dueOn?: string }) =>
    person.call('updateFollowUp', { params: { id: first.id }, body: { reason: 'Seen.', ...change, version: (await read()).version } })
  return { lead, owner, incident, review, first, add, read, update }
}

describe('the list of follow-up actions', () => {
  test('has the open ones with the one due first on top, says which are overdue, and all of them where asked', async ({ world }) => {
    const { lead, owner, incident, first, add, update } = await followedUp(world)
    const late = await add('Write a runbook', '2026-11-25')
    expect((await lead.call('followUps')).items).toEqual([late, first])
    expect(first).toMatchObject({ incident: { id: incident.id, number: incident.number }, owner: { id: owner.id }, state: 'open', isOverdue: false })
    await world.advance({ days: 3 })
    expect((await lead.call('followUps')).items.map(({ id, isOverdue }) => [id, isOverdue])).toEqual([
      [late.id, true],
      [first.id, false],
    ])
    await update(owner, { state: 'done' })
    expect((await lead.call('followUps')).items, 'what is only done is still open').toHaveLength(2)
    await update(lead, { state: 'verified' })
    expect((await lead.call('followUps')).items.map(({ id }) => id)).toEqual([late.id])
    expect((await lead.call('followUps', { query: { view: 'all' } })).items).toHaveLength(2)
  })

  test('shows those of a restricted incident to nobody outside it, and nothing without a session', async ({ world }) => {
    const { lead, first, update } = await followedUp(world, { isRestricted: true })
    const outsider = await world.person('lead')
    expect((await outsider.call('followUps', { query: { view: 'all' } })).items).toEqual([])
    await expect(update(outsider, { state: 'done' })).rejects.toMatchObject(refusal('not-found'))
    expect((await lead.call('followUps')).items.map(({ id }) => id)).toEqual([first.id])
    await expect(world.client()('followUps')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

describe('updating a follow-up action', () => {
  test('goes from open to done to verified, which somebody else than its owner says, and each step is on record', async ({ world }) => {
    const { lead, owner, first, read, update } = await followedUp(world)
    await expect(update(lead, { state: 'verified' }), 'before it is done').rejects.toMatchObject(refusal('conflict'))
    expect(await read()).toEqual(first)
    await update(owner, { state: 'done', reason: 'Rotated today.' })
    await expect(update(owner, { state: 'verified' }), 'by its owner').rejects.toMatchObject(refusal('forbidden'))
    expect(await read()).toMatchObject({ state: 'done', evidence: 'Rotated today.', verifiedBy: null })
    expect(await update(lead, { state: 'verified', reason: 'The old key is refused.' })).toMatchObject({
      ...{ state: 'verified', evidence: 'The old key is refused.', verifiedBy: lead.name, isOverdue: false },
    })
    await expect(update(lead, { state: 'open' }), 'what is verified stays').rejects.toMatchObject(refusal('conflict'))
    const entries = (await lead.call('journal', {})).items.filter(({ type }) => type === 'follow-up.updated')
    expect(entries).toMatchObject([
      { actor: { id: lead.id }, subject: { kind: 'follow-up', id: first.id }, data: { state: 'verified', before: { state: 'done' } } },
      { actor: { id: owner.id }, data: { state: 'done', before: { state: 'open', dueOn: '2026-11-27' } } },
    ])
  })

  test('is for responders and above, on the newest version, with a reason', async ({ world }) => {
    const { lead, first, read, update } = await followedUp(world)
    const params = { id: first.id }
    const body = { version: first.version, state: 'done' as const, reason: 'Done.' }
    await expect((await world.person('observer')).call('updateFollowUp', { params, body })).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('updateFollowUp', { params, body })).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(lead.call('updateFollowUp', { params, body: { ...body, reason: ' ' } })).rejects.toMatchObject(refusal('invalid', 'reason'))
    await update(lead, { state: 'open', dueOn: '2026-12-01' })
    await expect(lead.call('updateFollowUp', { params, body })).rejects.toMatchObject(refusal('conflict'))
    expect(await read()).toMatchObject({ state: 'open', dueOn: '2026-12-01' })
  })

  test('its owner is reminded on the day it is due and every week after, until it is verified', async ({ world }) => {
    const { lead, owner, first, update } = await followedUp(world)
    const reminders = () => world.takeMails().filter(mail => mail.purpose === 'follow-up')
    await world.advance({ days: 4 })
    expect(reminders(), 'at eight o’clock it is not time yet').toEqual([])
    await world.advance({ hours: 1 })
    const [mail, ...more] = reminders()
    expect(more).toEqual([])
    expect(mail).toMatchObject({ to: owner.email, text: expect.stringContaining(first.title) })
    await world.advance({ days: 6, hours: 23, minutes: 59 })
    expect(reminders()).toEqual([])
    await world.advance({ minutes: 1 })
    expect(reminders(), 'a week later').toHaveLength(1)
    await update(owner, { state: 'done' })
    await world.advance({ days: 7 })
    expect(reminders(), 'done, and not verified').toHaveLength(1)
    await update(lead, { state: 'verified' })
    await world.advance({ days: 21 })
    expect(reminders()).toEqual([])
  })

  test('a new date moves the reminder, and of a restricted incident a mail says no more than that there is one', async ({ world }) => {
    const { lead, first, update } = await followedUp(world, { isRestricted: true })
    await update(lead, { state: 'open', dueOn: '2026-11-30' })
    await world.advance({ days: 6 })
    expect(world.takeMails().filter(mail => mail.purpose === 'follow-up')).toEqual([])
    await world.advance({ days: 1, hours: 1 })
    const [mail] = world.takeMails().filter(each => each.purpose === 'follow-up')
    expect(mail).toBeDefined()
    expect(`${mail?.subject} ${mail?.text}`).not.toContain(first.title)
  })
})

describe('a review', () => {
  test('is written on its newest version, is finished with a finding by a lead, and then stands', async ({ world }) => {
    const { lead, owner, incident, review } = await followedUp(world)
    const params = { id: review.id }
    const findings = [{ kind: 'technical-lapse' as const, description: 'The key was shared.' }]
    await expect(lead.call('startReview', { params: { id: incident.id } }), 'there is one').rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('finishReview', { params, body: { version: review.version } }), 'without a finding').rejects.toMatchObject(refusal('conflict'))
    const saved = await owner.call('saveReview', { params, body: { version: review.version, sequence: 'It began at noon.', findings } })
    expect(saved).toMatchObject({ state: 'draft', sequence: 'It began at noon.', findings })
    await expect(lead.call('saveReview', { params, body: { version: review.version, sequence: 'Mine', findings: [] } })).rejects.toMatchObject(
      refusal('conflict'),
    )
    await expect(owner.call('finishReview', { params, body: { version: saved.version } })).rejects.toMatchObject(refusal('forbidden'))
    const finished = await lead.call('finishReview', { params, body: { version: saved.version } })
    expect(finished).toMatchObject({ state: 'finished', finishedBy: lead.name, finishedAt: world.now, sequence: 'It began at noon.' })
    await expect(lead.call('saveReview', { params, body: { version: finished.version, sequence: 'Other', findings } })).rejects.toMatchObject(
      refusal('conflict'),
    )
  })
})

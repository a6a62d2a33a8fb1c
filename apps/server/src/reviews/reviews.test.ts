import { type IncidentClass, maxSequenceLength } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { sequenceOf } from './sequence.ts'

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
  const update = async (person: Person, change: { state: 'open' | 'done' | 'verified'; reason?: string; dueOn?: string; ownerId?: string }) =>
    person.call('updateFollowUp', { params: { id: first.id }, body: { reason: 'Seen.', ...change, version: (await read()).version } })
  const entries = async (type: string) => (await lead.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)
  return { lead, owner, incident, review, first, add, read, update, entries }
}

describe('the sequence of events', () => {
  const entry = (type: string, sentence: string, minute: number, by = 'Tocsin') => ({
    ...{ id: `${type} ${sentence} ${minute}`, type, sentence, by, reason: null },
    at: new Date(Date.parse('2026-11-23T08:00:00.000Z') + minute * 60_000).toISOString(),
  })
  const each = (count: number, type: string, sentence: (i: number) => string, minute: number, by?: string) =>
    Array.from({ length: count }, (_, i) => entry(type, sentence(i), minute, by))

  test('of an incident with 1,200 customers tells repeated lines as one with their count, and everything else', () => {
    const told = sequenceOf([
      entry('incident.declared', 'Declared the incident as SEV1', 0, 'Ada'),
      ...each(1_200, 'obligation.opened', i => `Notification deadline for Customer ${i}: Nov 26, 08:00 UTC (72 h)`, 0),
      entry('note.written', 'Added a note', 5, 'Ada'),
      ...each(1_200, 'notice.drafted', i => `Drafted a notice to Customer ${i}`, 10, 'Ada'),
      ...each(1_198, 'obligation.notified', i => `Customer ${i} notified on time`, 60),
      ...each(2, 'obligation.notified', i => `Customer ${i} notified late`, 61),
      entry('decision.approved', 'Approved the waiver of the notice to Customer 3', 62, 'Ben'),
      entry('incident.contained', 'Marked the incident contained', 90, 'Ada'),
    ])
    expect(told.split('\n')).toEqual([
      '- 2026-11-23 08:00 UTC, Ada: Declared the incident as SEV1',
      '- 2026-11-23 08:00 UTC, Tocsin: Notification deadlines for 1,200 customers started',
      '- 2026-11-23 08:05 UTC, Ada: Added a note',
      '- 2026-11-23 08:10 UTC, Ada: Drafted notices to 1,200 customers',
      '- 2026-11-23 09:00 UTC, Tocsin: 1,198 customers notified on time',
      '- 2026-11-23 09:01 UTC, Tocsin: Customer 0 notified late',
      '- 2026-11-23 09:01 UTC, Tocsin: Customer 1 notified late',
      '- 2026-11-23 09:02 UTC, Ben: Approved the waiver of the notice to Customer 3',
      '- 2026-11-23 09:30 UTC, Ada: Marked the incident contained',
    ])
  })

  // m8
  test('that is too long even so has milestones and decisions, then other work, and leaves out pages first', () => {
    const told = sequenceOf([
      ...each(500, 'page.declined', i => `Declined the page ${i} ${'x'.repeat(80)}`, 1, 'Ada'),
      ...each(1_000, 'task.added', i => `Added a task: ${i} ${'x'.repeat(80)}`, 2, 'Ada'),
      entry('decision.proposed', 'Proposed a deferral of the notice to Globex', 3, 'Ada'),
      entry('fact.stated', 'Stated when the organization became aware of it', 3, 'Ada'),
      entry('proposal.made', 'Proposed to lower the class', 3, 'Ada'),
      ...each(3, 'obligation.notified', i => `Customer ${i} notified late, counted from being found; the contract's deadline had passed before that`, 3),
      ...each(3, 'obligation.missed', i => `Update to Customer ${i} not sent in time: it was due Nov 24, 08:00 UTC`, 3),
      entry('incident.recovered', 'Marked the incident recovered; monitored until Dec 3', 4, 'Ada'),
    ])
    const lines = told.split('\n')
    expect(told.length).toBeLessThanOrEqual(maxSequenceLength)
    expect(lines.slice(-7)).toEqual([
      '- 2026-11-23 08:03 UTC, Ada: Proposed a deferral of the notice to Globex',
      '- 2026-11-23 08:03 UTC, Ada: Stated when the organization became aware of it',
      '- 2026-11-23 08:03 UTC, Ada: Proposed to lower the class',
      '- 2026-11-23 08:03 UTC, Tocsin: 3 customers notified late',
      '- 2026-11-23 08:03 UTC, Tocsin: Updates to 3 customers not sent in time',
      '- 2026-11-23 08:04 UTC, Ada: Marked the incident recovered; monitored until Dec 3',
      `- Not included for length: ${1_510 - (lines.length - 1) - 4} of 1510 entries of the timeline.`,
    ])
    expect(told).not.toContain('Declined the page')
    expect(lines.filter(line => line.includes('Added a task')).length).toBeGreaterThan(350)
  })

  /** So many entries, each a line of so many characters. */
  const timeline = (count: number, characters: number) =>
    Array.from({ length: count }, () => {
      const entry = { id: '', at: '2026-11-23T08:00:00.000Z', by: 'Ada', type: 'note.written', reason: null }
      return { ...entry, sentence: 'x'.repeat(characters - '- 2026-11-23 08:00 UTC, Ada: '.length) }
    })

  test('has the whole timeline, up to as much as a review can hold', () => {
    expect(sequenceOf([])).toBe('')
    // 49 lines of 1,000 characters with the line feed, and the last without one.
    const [last] = timeline(1, 1_000)
    const whole = sequenceOf([...timeline(49, 999), ...(last ? [last] : [])])
    expect(whole).toHaveLength(maxSequenceLength)
    expect(whole.split('\n')).toHaveLength(50)
  })

  test('joins repeated entries only where it would be too long, and leaves out what is still too long, wherever that is', () => {
    const repeated = each(3, 'obligation.opened', i => `Notification deadline for Customer ${i}`, 0)
    const apart = sequenceOf(repeated)
    expect(apart.split('\n')).toHaveLength(3)
    const joined = '- 2026-11-23 08:00 UTC, Tocsin: Notification deadlines for 3 customers started'
    /** With one more line, so long that the text is as long as it may be where the repeated entries take so much of it. */
    const filled = (length: number) => sequenceOf([...repeated, ...timeline(1, maxSequenceLength - length - 1)])
    for (const start of [apart, joined]) {
      expect(filled(start.length).startsWith(`${start}\n`)).toBe(true)
      expect(filled(start.length)).toHaveLength(maxSequenceLength)
    }
    const [first, second, count] = sequenceOf([...timeline(1, 60_000), ...timeline(2, 100)]).split('\n')
    expect([first, second].map(line => line?.length)).toEqual([100, 100])
    expect(count).toBe('- Not included for length: 1 of 3 entries of the timeline.')
  })

  test('of a longer one has the whole lines that fit, and says how many entries are not included', () => {
    for (const characters of [99, 900, 1_000, 8_000]) {
      const entries = timeline(1_000, characters)
      const sequence = sequenceOf(entries)
      const lines = sequence.split('\n')
      const count = lines.pop()
      expect(new Set(lines)).toEqual(new Set(sequenceOf(entries.slice(0, 1)).split('\n')))
      expect(count).toBe(`- Not included for length: the last ${1_000 - lines.length} of 1000 entries of the timeline.`)
      expect(sequence.length).toBeLessThanOrEqual(maxSequenceLength)
      expect(sequence.length, 'no more is left out than must be').toBeGreaterThan(maxSequenceLength - characters - 110)
    }
    expect(sequenceOf(timeline(2, 60_000))).toBe('- Not included for length: the last 2 of 2 entries of the timeline.')
  })
})

describe('the list of follow-up actions', () => {
  test('has the open ones with the one due first on top, says which are overdue, and all of them where asked', async ({ world }) => {
    const { lead, owner, incident, first, add, read, update } = await followedUp(world)
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
    await world.advance({ days: 1 })
    expect(await read(), 'on the day itself').toMatchObject({ state: 'done', isOverdue: false })
    await world.advance({ days: 1 })
    expect(await read()).toMatchObject({ isOverdue: true })
    await update(lead, { state: 'verified' })
    expect(await read()).toMatchObject({ isOverdue: false })
    expect((await lead.call('followUps')).items.map(({ id }) => id)).toEqual([late.id])
    const { items } = await lead.call('followUps', { query: { view: 'all' } })
    expect(items.map(({ id }) => id)).toEqual([late.id, first.id])
    // The same, one at a time.
    const page = await lead.call('followUps', { query: { view: 'all', limit: 1 } })
    expect(page.items).toEqual(items.slice(0, 1))
    expect(await lead.call('followUps', { query: { view: 'all', limit: 1, cursor: page.next ?? '' } })).toEqual({ items: items.slice(1), next: null })
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
  test('is verified by somebody else than who says that it is done, though they gave it away', async ({ world }) => {
    const { lead, owner, update } = await followedUp(world)
    await update(owner, { state: 'open', ownerId: lead.id })
    await update(owner, { state: 'done', reason: 'Rotated today.' })
    await expect(update(owner, { state: 'verified' })).rejects.toMatchObject(refusal('forbidden'))
    await expect(update(lead, { state: 'verified' }), 'its owner').rejects.toMatchObject(refusal('forbidden'))
    expect(await update(await world.person('responder'), { state: 'verified' })).toMatchObject({ state: 'verified' })
  })

  test('goes from open to done to verified, which somebody else than its owner says, and each step is on record', async ({ world }) => {
    const { lead, owner, first, read, update, entries } = await followedUp(world)
    await expect(update(lead, { state: 'verified' }), 'before it is done').rejects.toMatchObject(refusal('conflict'))
    expect(await read()).toEqual(first)
    await update(owner, { state: 'done', reason: 'Rotated today.' })
    await expect(update(owner, { state: 'verified' }), 'by its owner').rejects.toMatchObject(refusal('forbidden'))
    expect(await read()).toMatchObject({ state: 'done', evidence: 'Rotated today.', verifiedBy: null, version: first.version + 1 })
    const reopened = await update(lead, { state: 'open', reason: 'The old key still works.' })
    expect(reopened, 'what was done stays said').toMatchObject({ state: 'open', evidence: 'Rotated today.', verifiedBy: null, version: first.version + 2 })
    expect(await update(owner, { state: 'done', reason: 'Revoked it.' })).toMatchObject({ state: 'done', evidence: 'Revoked it.' })
    expect(await update(lead, { state: 'verified', reason: 'The old key is refused.' })).toMatchObject({
      ...{ state: 'verified', evidence: 'The old key is refused.', verifiedBy: lead.name, isOverdue: false },
    })
    await expect(update(lead, { state: 'open' }), 'what is verified stays').rejects.toMatchObject(refusal('conflict'))
    expect(await entries('follow-up.updated')).toMatchObject([
      { actor: { id: lead.id }, subject: { kind: 'follow-up', id: first.id }, data: { state: 'verified', before: { state: 'done' } } },
      { actor: { id: owner.id }, data: { state: 'done', reason: 'Revoked it.', before: { state: 'open' } } },
      { actor: { id: lead.id }, data: { state: 'open', reason: 'The old key still works.', before: { state: 'done' } } },
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
    expect(mail?.text).toContain('It was due on 2026-11-27 and is open.')
    await world.advance({ days: 6, hours: 23, minutes: 59 })
    expect(reminders()).toEqual([])
    await world.advance({ minutes: 1 })
    expect(reminders(), 'a week later').toHaveLength(1)
    await update(owner, { state: 'done' })
    await world.advance({ days: 7 })
    expect(reminders(), 'done, and not verified').toMatchObject([{ text: expect.stringContaining('is done, but not yet verified as effective') }])
    await update(lead, { state: 'verified' })
    await world.advance({ days: 21 })
    expect(reminders()).toEqual([])
  })

  test('in place of an owner who has left, the incident lead is reminded, and without one the leads; another owner can be chosen', async ({ world }) => {
    const { lead, owner, first, update, entries } = await followedUp(world)
    const admin = await world.person('administrator')
    const heir = await world.person('responder')
    const other = await world.person('lead')
    const reminders = () => world.takeMails().filter(mail => mail.purpose === 'follow-up')
    await admin.call('changePerson', { params: { id: owner.id }, body: { isActive: false } })
    const { incident } = first
    const read = () => lead.call('incident', { params: { id: incident.id } })
    if ((await read()).lead?.id !== lead.id)
      await lead.call('assignRole', { params: { id: incident.id, role: 'lead' }, body: { version: (await read()).version, personId: lead.id } })
    await world.advance({ days: 4, hours: 1 })
    expect(reminders()).toMatchObject([{ to: lead.email, text: expect.stringContaining(`Its owner, ${owner.name}, has left.`) }])

    await lead.call('assignRole', { params: { id: incident.id, role: 'lead' }, body: { version: (await read()).version, personId: null } })
    await world.advance({ days: 7 })
    expect(
      reminders()
        .map(mail => mail.to)
        .toSorted(),
    ).toEqual([lead.email, other.email].toSorted())

    await expect(update(lead, { state: 'done', ownerId: heir.id })).rejects.toMatchObject(refusal('conflict'))
    await expect(update(lead, { state: 'open', ownerId: crypto.randomUUID() })).rejects.toMatchObject(refusal('invalid', 'ownerId'))
    expect(await update(lead, { state: 'open', ownerId: heir.id, dueOn: '2026-12-10' })).toMatchObject({ owner: { id: heir.id, name: heir.name } })
    expect(await entries('follow-up.updated')).toMatchObject([{ data: { owner: { name: heir.name }, before: { owner: { name: owner.name } } } }])
    expect((await read()).timeline.map(entry => entry.sentence)).toContain(`Reassigned the follow-up action to ${heir.name}: Rotate the keys`)
    await world.advance({ days: 7 })
    expect(reminders()).toMatchObject([{ to: heir.email, text: expect.not.stringContaining('has left') }])
    await expect(update(lead, { state: 'open', ownerId: owner.id }), 'who has left').rejects.toMatchObject(refusal('invalid', 'ownerId'))
    await admin.call('changePerson', { params: { id: heir.id }, body: { isActive: false } })
    expect(await update(lead, { state: 'done' }), 'what somebody did who has left').toMatchObject({ state: 'done', owner: { id: heir.id } })
  })

  test('in place of an owner who has left, of a restricted incident the administrators are reminded, and where there is no lead; ten at most', async ({
    world,
  }) => {
    const { lead, owner, incident } = await followedUp(world, { isRestricted: true })
    const administrators: Person[] = []
    for (let n = 0; n < 11; n += 1) administrators.push(await world.person('administrator'))
    const [admin] = administrators
    if (!admin) throw new Error('there are eleven')
    const params = { id: incident.id }
    const version = async () => (await lead.call('incident', { params })).version
    const leave = (person: Person) => admin.call('changePerson', { params: { id: person.id }, body: { isActive: false } })
    await lead.call('assignRole', { params: { ...params, role: 'lead' }, body: { version: await version(), personId: null } })
    await leave(owner)
    const expectTen = () => {
      const reminded = new Set(world.takeMails().flatMap(mail => (mail.purpose === 'follow-up' ? [mail.to] : [])))
      expect(reminded.size).toBe(10)
      expect(administrators.map(({ email }) => email)).toEqual(expect.arrayContaining([...reminded]))
    }
    await world.advance({ days: 4, hours: 1 })
    expectTen()
    await lead.call('changeIncident', { params, body: { version: await version(), isRestricted: false, reason: 'It is known.' } })
    await leave(lead)
    await world.advance({ days: 7 })
    expectTen()
  })

  test('who is a suspect of it owns none, and in their place its lead is reminded', async ({ world }) => {
    const { lead, owner, incident, review } = await followedUp(world, { isRestricted: true })
    const params = { id: incident.id }
    const { version } = await lead.call('incident', { params })
    await lead.call('setSuspects', { params, body: { version, personIds: [owner.id] } })
    const another = { title: 'Write a runbook', ownerId: owner.id, dueOn: '2026-12-01' }
    await expect(lead.call('addFollowUp', { params: { id: review.id }, body: another })).rejects.toMatchObject(refusal('invalid', 'ownerId'))
    world.takeMails()
    await world.advance({ days: 4, hours: 1 })
    const reminded = world.takeMails().filter(mail => mail.purpose === 'follow-up')
    expect(reminded.map(mail => mail.to)).toEqual([lead.email])
    expect(reminded[0]?.text).toContain('Its owner has left. It needs another owner.')
    expect(reminded[0]?.text).not.toContain(owner.name)
    expect((await owner.call('followUps', { query: { view: 'all' } })).items).toEqual([])
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

describe('a follow-up action', () => {
  test('is added by whoever may see the incident, while that is open, for somebody who is active', async ({ world }) => {
    const { lead, owner, incident, review, first, entries } = await followedUp(world)
    const params = { id: review.id }
    const input = { title: 'Write a runbook', ownerId: owner.id, dueOn: '2026-12-01' }
    expect(await entries('follow-up.added')).toMatchObject([
      {
        ...{ actor: { id: lead.id }, subject: { kind: 'follow-up', id: first.id } },
        data: { title: first.title, ownerId: owner.id, dueOn: '2026-11-27' },
      },
    ])
    const administrator = await world.person('administrator')
    const former = await world.person('responder')
    await administrator.call('changePerson', { params: { id: former.id }, body: { isActive: false } })
    await expect(lead.call('addFollowUp', { params, body: { ...input, ownerId: former.id } })).rejects.toMatchObject(refusal('invalid', 'ownerId'))
    await expect(lead.call('addFollowUp', { params: { id: incident.id }, body: input }), 'of no review').rejects.toMatchObject(refusal('not-found'))
    const { version } = await lead.call('incident', { params: { id: incident.id } })
    const classified = await lead.call('classifyIncident', { params: { id: incident.id }, body: { version, class: 'not-an-incident', reason: 'A test.' } })
    await lead.call('closeIncident', { params: { id: incident.id }, body: { version: classified.version, reason: 'A test.' } })
    await expect(lead.call('addFollowUp', { params, body: input })).rejects.toThrow(/is closed and cannot be changed/)
    const findings = [{ kind: 'manual-error' as const, description: 'A test.' }]
    const body = { version: review.version, sequence: 'A test.', findings }
    await expect(lead.call('saveReview', { params, body }), 'nor is its review saved').rejects.toThrow(/is closed and cannot be changed/)
    expect((await lead.call('followUps')).items).toEqual([first])
  })
})

describe('a review', () => {
  test('is written on its newest version, is finished with a finding by a lead, and then stands', async ({ world }) => {
    const { lead, owner, incident, review, entries } = await followedUp(world)
    const params = { id: review.id }
    const findings = [{ kind: 'technical-lapse' as const, description: 'The key was shared.' }]
    await expect(lead.call('startReview', { params: { id: incident.id } }), 'there is one').rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('finishReview', { params, body: { version: review.version } }), 'without a finding').rejects.toMatchObject(refusal('conflict'))
    const saved = await owner.call('saveReview', { params, body: { version: review.version, sequence: 'It began at noon.', findings } })
    expect(saved).toMatchObject({ state: 'draft', sequence: 'It began at noon.', findings, version: review.version + 1, finishedBy: null })
    await expect(lead.call('saveReview', { params, body: { version: review.version, sequence: 'Mine', findings: [] } })).rejects.toMatchObject(
      refusal('conflict'),
    )
    const save = (version: number, sequence: string, all: typeof findings) => owner.call('saveReview', { params, body: { version, sequence, findings: all } })
    expect(await save(saved.version, 'It began at noon.', findings), 'nothing is new').toEqual(saved)
    const found = [...findings, { kind: 'technical-lapse' as const, description: 'It was in a log.' }]
    expect(await save(saved.version, 'It began at noon.', found)).toMatchObject({ findings: found, version: saved.version + 1 })
    const told = await save(saved.version + 1, 'It began at one.', found)
    expect(told).toMatchObject({ sequence: 'It began at one.', version: saved.version + 2 })
    await expect(owner.call('finishReview', { params, body: { version: told.version } })).rejects.toMatchObject(refusal('forbidden'))
    const finished = await lead.call('finishReview', { params, body: { version: told.version } })
    expect(finished).toMatchObject({
      state: 'finished',
      finishedBy: lead.name,
      finishedAt: world.now,
      sequence: 'It began at one.',
      version: told.version + 1,
    })
    await expect(lead.call('finishReview', { params, body: { version: finished.version } }), 'it is finished').rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('saveReview', { params, body: { version: finished.version, sequence: 'Other', findings } })).rejects.toMatchObject(
      refusal('conflict'),
    )
    const subject = { kind: 'review', id: review.id }
    expect(await entries('review.started')).toMatchObject([{ actor: { id: lead.id }, subject }])
    const entry = { actor: { id: owner.id }, subject }
    expect(await entries('review.saved')).toMatchObject([
      { ...entry, data: { sequence: 'It began at one.', findings: found } },
      { ...entry, data: { sequence: 'It began at noon.', findings: found } },
      { ...entry, data: { sequence: 'It began at noon.', findings } },
    ])
    expect(await entries('review.finished')).toMatchObject([{ actor: { id: lead.id }, subject, data: { findings: 2 } }])
  })

  test('of a restricted incident is there for nobody outside it', async ({ world }) => {
    const { owner, incident, review } = await followedUp(world, { isRestricted: true })
    const outsider = await world.person('lead')
    const params = { id: review.id }
    const ofIncident = { params: { id: incident.id } }
    const version = review.version
    const findings = [{ kind: 'manual-error' as const, description: 'A guess.' }]
    await expect(outsider.call('review', ofIncident)).rejects.toMatchObject(refusal('not-found'))
    await expect(outsider.call('startReview', ofIncident)).rejects.toMatchObject(refusal('not-found'))
    for (const refused of [
      () => outsider.call('saveReview', { params, body: { version, sequence: 'A guess.', findings } }),
      () => outsider.call('finishReview', { params, body: { version } }),
      () => outsider.call('addFollowUp', { params, body: { title: 'Ask', ownerId: owner.id, dueOn: '2026-12-01' } }),
    ])
      await expect(refused()).rejects.toMatchObject({ problem: { status: 404, detail: 'There is no such review.' } })
  })

  test('is required of a declared incident that touches customers or data, which does not close without it', async ({ world }) => {
    const lead = await world.person('lead')
    const customer = { id: (await world.customer('Globex')).id, basis: 'Logs.' }
    const criteria = {
      privacy: 'none',
      impact: 'outage',
      scope: 'one-service',
      customers: 'none',
      region: 'one',
      data: 'internal',
      recoverability: 'regular',
    } as const
    const dataTouched = { customerData: 'no', personalData: 'no', description: '' } as const
    const step = ({ id, version }: { id: string; version: number }) => ({ params: { id }, body: { version, reason: 'Seen.' } })
    const declared = async (
      given: { class?: IncidentClass; dataTouched?: { customerData: 'no' | 'yes'; personalData: 'no' | 'yes' }; customers?: (typeof customer)[] } = {},
    ) => {
      let incident = await lead.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
      const params = { id: incident.id }
      const change = { version: incident.version, dataTouched: { ...dataTouched, ...given.dataTouched } }
      incident = await lead.call('changeIncident', { params, body: change })
      incident = await lead.call('setAffectedCustomers', { params, body: { version: incident.version, customers: given.customers ?? [] } })
      incident = await lead.call('assessSeverity', { params, body: { version: incident.version, criteria } })
      const classified = { version: incident.version, class: given.class ?? 'security-incident', reason: 'Yes.' } as const
      incident = await lead.call('classifyIncident', { params, body: classified })
      const before = await lead.call('review', { params })
      expect(before, 'it is not declared').toMatchObject({ isRequired: false, review: null })
      incident = await lead.call('declareIncident', step(incident))
      const { isRequired, because } = await lead.call('review', { params })
      const ahead = `${because} Once it is declared, it needs a review before it can be closed.`
      expect(before.because, 'what is suspected is not called harmless').toBe(isRequired ? ahead : because)
      return incident
    }
    const recovered = async (incident: { id: string; version: number }) => {
      const contained = await lead.call('containIncident', step(incident))
      const { params, body } = step(await lead.call('eradicateIncident', step(contained)))
      return lead.call('recoverIncident', {
        params,
        body: { ...body, secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: '2026-11-23' },
      })
    }
    const because = async ({ id }: { id: string }) => lead.call('review', { params: { id } })
    const plain = await declared()
    const reportable = await declared({ class: 'customer-reportable' })
    const required = (reason: string) => ({ review: null, earlier: [], isRequired: true, because: reason })
    const optional = 'No affected customers or data are recorded, so a review is optional.'
    expect(await because(plain)).toEqual({ review: null, earlier: [], isRequired: false, because: optional })
    expect(await because(reportable)).toEqual(required('The incident is customer-reportable.'))
    expect(await because(await declared({ class: 'privacy-breach' }))).toEqual(required('The incident is a privacy breach.'))
    const touched = required('The incident affected customer or personal data.')
    expect(await because(await declared({ dataTouched: { customerData: 'yes', personalData: 'no' } }))).toEqual(touched)
    expect(await because(await declared({ dataTouched: { customerData: 'no', personalData: 'yes' } }))).toEqual(touched)
    expect(await because(await declared({ customers: [customer] }))).toEqual(required('The incident affects customers.'))

    // On record in the transaction in which it became so, with the rule: once, whatever other rule requires it, and however little the incident is later.
    const recorded = async ({ id }: { id: string }) =>
      (await lead.call('journal', { query: { limit: 200 } })).items
        .filter(({ type, subject }) => type === 'review.required' && subject.id === id)
        .map(({ data }) => data)
    const entry = { rule: 'customer-reportable', ruleVersion: 2, reason: 'The incident is customer-reportable.' }
    expect(await recorded(plain)).toEqual([])
    expect(await recorded(reportable)).toEqual([entry])
    const changing = await declared()
    const params = { id: changing.id }
    const version = async () => (await lead.call('incident', { params })).version
    const touch = async (customerData: 'no' | 'yes') =>
      lead.call('changeIncident', {
        params,
        body: { version: await version(), dataTouched: { ...dataTouched, customerData }, ...(customerData === 'no' ? { reason: 'Looked again.' } : {}) },
      })
    const rules = async () => (await recorded(changing)).map(data => (data as { rule: string }).rule)
    const touchedIncident = await touch('yes')
    expect(touchedIncident.timeline.at(-1)).toMatchObject({
      ...{ type: 'review.required', sentence: 'A review is required before the incident can be closed' },
      reason: 'The incident affected customer or personal data.',
    })
    await lead.call('classifyIncident', { params, body: { version: await version(), class: 'privacy-breach', reason: 'Yes.' } })
    await touch('no')
    expect(await because(changing)).toEqual(required('The incident is a privacy breach.'))
    const proposed = await lead.call('propose', {
      params,
      body: { version: await version(), kind: 'lower-class', class: 'security-incident', reason: 'No personal data.' },
    })
    const [proposal] = proposed.proposals
    const approval = { params: { ...params, proposalId: proposal?.id ?? '' }, body: { sha256: proposal?.sha256 ?? '' } }
    expect(await (await world.person('lead')).call('approveProposal', approval)).toMatchObject({ class: 'security-incident' })
    expect(await because(changing)).toEqual(required('Customer or personal data counted as affected.'))
    expect(await rules()).toEqual(['affected-data'])

    const blocked = async ({ id }: { id: string }) =>
      (await lead.call('incident', { params: { id } })).nextActions.find(({ to }) => to === 'closed')?.blockedBy.filter(reason => reason.includes('review'))
    expect(await blocked(await recovered(plain))).toEqual([])
    const missing = ['The required review is not finished. The incident is customer-reportable.']
    expect(await blocked(await recovered(reportable))).toEqual(missing)
    const review = await lead.call('startReview', { params: { id: reportable.id } })
    expect(await blocked(reportable), 'it is a draft').toEqual(missing)
    const body = { version: review.version, sequence: 'It began.', findings: [{ kind: 'manual-error' as const, description: 'A typo.' }] }
    const saved = await (await world.person('lead')).call('saveReview', { params: { id: review.id }, body })
    const finished = await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    expect(await blocked(reportable)).toEqual([])
    expect(await because(reportable)).toMatchObject({ review: finished, isRequired: true })
  })

  test('starts with the timeline, a line for each entry with its reason', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'From afar.\nAt night.' } })
    world.jump({ hours: 1, minutes: 30 })
    await lead.call('addNote', { params: { id }, body: { markdown: 'Asked the owner.' } })
    const { sequence } = await lead.call('startReview', { params: { id } })
    expect(sequence.split('\n')).toEqual([
      `- 2026-11-23 08:00 UTC, ${lead.name}: Opened a suspected incident: Odd sign-ins — From afar. At night.`,
      `- 2026-11-23 08:00 UTC, ${lead.name}: Became incident lead`,
      `- 2026-11-23 09:30 UTC, ${lead.name}: Added a note: Asked the owner.`,
    ])
  })
})

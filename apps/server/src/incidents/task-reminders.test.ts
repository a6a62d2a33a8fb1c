import { describe, expect } from 'vitest'
import { type Person, test, type World } from '../../test/world.ts'

/** An incident that a lead has opened and leads, and somebody to work on it. */
async function opened(world: World, more: { isRestricted?: boolean; isExercise?: boolean } = {}) {
  const [lead, alice] = [await world.person('lead'), await world.person('responder', 'Alice')]
  let incident = await lead.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', ...more } })
  const params = { id: incident.id }
  incident = await lead.call('assignRole', { params: { ...params, role: 'lead' }, body: { version: incident.version, personId: lead.id } })
  const add = async (title: string, dueOn: string | null, assignee: Person | null = alice) => {
    const { tasks } = await lead.call('addTask', { params, body: { title, dueOn, assigneeId: assignee?.id ?? null } })
    await world.settle()
    return tasks.find(task => task.title === title) ?? expect.fail('a task')
  }
  const change = async (task: { id: string; title: string }, values: object) => {
    const { tasks } = await lead.call('incident', { params })
    const version = tasks.find(one => one.id === task.id)?.version ?? 0
    await lead.call('changeTask', { params: { ...params, taskId: task.id }, body: { version, ...values } })
    await world.settle()
  }
  const told = () =>
    world
      .takeMails()
      .filter(mail => mail.purpose === 'task')
      .map(mail => [mail.to, mail.subject, mail.text] as const)
  return { lead, alice, incident, params, add, change, told }
}

describe('a task', () => {
  test('tells its assignee, reminds the day before and on the day, and is escalated to the lead when it is overdue', async ({ world }) => {
    const { lead, alice, add, change, told } = await opened(world)
    const task = await add('Rotate the keys', '2026-11-25')
    expect(told()).toEqual([[alice.email, 'Task assigned to you: incident 1', expect.stringContaining('- Rotate the keys, due on 2026-11-25')]])
    await world.advance({ hours: 24 })
    expect(told(), 'the morning is not there yet').toEqual([])
    await world.advance({ hours: 1 })
    expect(told()).toEqual([[alice.email, 'Tasks due: incident 1', expect.stringContaining('Rotate the keys')]])
    await world.advance({ hours: 24 })
    expect(told()).toEqual([[alice.email, 'Tasks due: incident 1', expect.stringContaining('Rotate the keys')]])
    await world.advance({ hours: 24 })
    const late = told()
    expect(late.map(([to, subject]) => [to, subject]).toSorted()).toEqual(
      [
        [alice.email, 'Tasks overdue: incident 1'],
        [lead.email, 'Tasks overdue: incident 1'],
      ].toSorted(),
    )
    await world.advance({ days: 6 })
    expect(told(), 'not every day').toEqual([])
    await world.advance({ days: 1 })
    expect(told()).toHaveLength(2)
    await change(task, { isDone: true })
    await world.advance({ days: 10 })
    expect(told()).toEqual([])
  })

  test('whose first day overdue passed while the server was down is escalated when it is back, once', async ({ world }) => {
    const { lead, alice, add, told } = await opened(world)
    await add('Rotate the keys', '2026-11-24')
    await world.advance({ days: 1, hours: 2 })
    told()
    // From the day that it is due until two days after.
    world.jump({ days: 2, hours: 6 })
    await world.settle()
    expect(
      told()
        .map(([to, subject]) => [to, subject])
        .toSorted(),
    ).toEqual(
      [
        [alice.email, 'Tasks overdue: incident 1'],
        [lead.email, 'Tasks overdue: incident 1'],
      ].toSorted(),
    )
    await world.advance({ days: 5 })
    expect(told()).toEqual([])
    await world.advance({ days: 1 })
    expect(told(), 'a week after the first day').toHaveLength(2)
    // Over the day of the next week.
    await world.advance({ days: 6 })
    world.jump({ days: 2 })
    await world.settle()
    expect(told()).toHaveLength(2)
  })

  test('is listed to its assignee, those due first on top, until it is done, and never to who may not see its incident', async ({ world }) => {
    const { lead, alice, add, change, incident, params } = await opened(world)
    const [late, first] = [await add('Write it up', null), await add('Rotate the keys', '2026-11-25')]
    await add('Of somebody else', '2026-11-24', lead)
    const mine = async (query = {}) => (await alice.call('myTasks', { query })).items.map(({ title }) => title)
    expect(await mine()).toEqual([first.title, late.title])
    const page = await alice.call('myTasks', { query: { limit: 1 } })
    expect(page.items).toMatchObject([{ id: first.id, dueOn: '2026-11-25', incident: { number: incident.number, title: 'Leak' } }])
    expect((await alice.call('myTasks', { query: { limit: 1, cursor: page.next ?? '' } })).items).toMatchObject([{ title: late.title }])
    await change(first, { isDone: true })
    expect(await mine()).toEqual([late.title])
    const { version } = await lead.call('incident', { params })
    await lead.call('changeIncident', { params, body: { version, isRestricted: true, reason: 'An insider.' } })
    expect(await mine()).toEqual([])
  })

  test('that is given to another tells them; whoever takes one, or finishes it, gets no mail', async ({ world }) => {
    const { lead, alice, add, change, told } = await opened(world)
    const own = await add('Mine', null, lead)
    expect(told()).toEqual([])
    await change(own, { assigneeId: alice.id })
    expect(told().map(([to]) => to)).toEqual([alice.email])
    await change(own, { title: 'Still hers' })
    await change(own, { isDone: true })
    expect(told()).toEqual([])
  })

  test('due in the past is escalated the next morning, once for each person, and what has no assignee who is here goes to the lead', async ({ world }) => {
    const { lead, alice, add, told } = await opened(world)
    await add('Long over', '2026-11-22')
    await add('Also over', '2026-11-22', null)
    told()
    const administrator = await world.person('administrator')
    await administrator.call('changePerson', { params: { id: alice.id }, body: { isActive: false, reason: 'Left the company.' } })
    await world.settle()
    told()
    await world.advance({ hours: 1 })
    const mails = told()
    expect(mails.map(([to]) => to)).toEqual([lead.email])
    expect(mails[0]?.[2]).toMatch(/Overdue:[\s\S]*Long over[\s\S]*Also over/)
  })

  test('of a restricted incident is named in no mail; one of an exercise says so; a closed incident reminds of nothing', async ({ world }) => {
    const restricted = await opened(world, { isRestricted: true })
    await restricted.add('Secret step', '2026-11-24')
    const exercise = await world.person('lead')
    const drill = await exercise.call('openIncident', { body: { title: 'Drill', reason: 'Planned.', isExercise: true } })
    await exercise.call('addTask', { params: { id: drill.id }, body: { title: 'Practice', dueOn: '2026-11-24', assigneeId: restricted.alice.id } })
    await world.settle()
    const assigned = restricted.told()
    expect(assigned).toHaveLength(2)
    expect(JSON.stringify(assigned)).not.toContain('Secret step')
    expect(assigned.map(([, subject]) => subject)).toContain('[EXERCISE] Task assigned to you: incident 2')
    const { context } = world.server
    await context.database.transaction(tx => tx.db.execute(`update incidents set status = 'closed' where number = 2`))
    world.isTampered = true
    await world.advance({ hours: 2 })
    const mails = restricted.told()
    expect(mails.length).toBeGreaterThan(0)
    expect(JSON.stringify(mails)).not.toMatch(/Secret step|Practice/)
  })
})

import type { CallInput, routes } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

type ActBody = CallInput<(typeof routes)['actOnAlerts']>['body']
const act = (person: Person, body: ActBody) => person.call('actOnAlerts', { body })
const undo = (person: Person, id = '') => person.call('undoAlertAct', { params: { id } })
const dismissal = { act: 'dismiss', value: 'false-positive', responsibility: 'us', reason: 'The nightly scan.' } as const

/** IDs of new alerts that page nobody. */
async function alertsOf(world: World, count: number, severity: 'low' | 'high' = 'low'): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) ids.push((await world.alert({ severity, title: `Odd ${n}` })).id)
  return ids
}

const entriesOf = async (person: Person, type: string) => (await person.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)
const statuses = async (person: Person, ids: readonly string[]) => Promise.all(ids.map(async id => (await person.call('alert', { params: { id } })).status))

describe('an act on many alerts', () => {
  test('dismisses them with one reason and an entry each, says what it left, and is undone but for what has changed since', async ({ world }) => {
    const lead = await world.person('lead')
    const [a, b, c, d] = (await alertsOf(world, 4)) as [string, string, string, string]
    await lead.call('dismissAlert', { params: { id: d }, body: { value: 'not-security', responsibility: 'us', reason: 'Disk.' } })
    const result = await act(lead, { ...dismissal, ids: [a, b, c, d] })
    expect(result).toMatchObject({ done: 3, skipped: [{ why: '1 alert was already dismissed.', ids: [d] }], incident: null })
    expect(await statuses(lead, [a, b, c, d])).toEqual(['dismissed', 'dismissed', 'dismissed', 'dismissed'])
    expect((await entriesOf(lead, 'alert.dismissed')).filter(({ data }) => JSON.stringify(data).includes('nightly'))).toHaveLength(3)

    await lead.call('reopenAlert', { params: { id: c }, body: { reason: 'Not the scan.' } })
    const other = await world.person('lead')
    await expect(undo(other, result.undo?.id)).rejects.toMatchObject(refusal('forbidden'))
    expect(await undo(lead, result.undo?.id)).toEqual({ done: 2, skipped: [{ why: '1 alert has changed since.', ids: [c] }], undo: null, incident: null })
    expect(await statuses(lead, [a, b, c, d])).toEqual(['open', 'open', 'open', 'dismissed'])
    expect((await entriesOf(lead, 'alert.reopened')).map(({ data }) => data)).toContainEqual({ value: 'false-positive', reason: 'Undone' })
    await expect(undo(lead, result.undo?.id)).rejects.toMatchObject(refusal('conflict'))
    const late = await act(lead, { ...dismissal, ids: [a] })
    world.jump({ hours: 25 })
    await expect(undo(await world.person('administrator'), late.undo?.id)).rejects.toMatchObject(refusal('conflict'))
    world.jump({ days: 31 })
    await world.settle()
    await expect(undo(lead, late.undo?.id)).rejects.toMatchObject(refusal('not-found'))
  })

  test('names what is missing or does not belong to it, and knows no alert that its caller may not see', async ({ world }) => {
    const [lead, outsider] = [await world.person('lead'), await world.person('responder')]
    const [open, hidden] = (await alertsOf(world, 2)) as [string, string]
    const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const escalated = await act(lead, { act: 'escalate', ids: [hidden], incidentId: incident.id, responsibility: 'us', reason: 'Theirs.' })
    expect(escalated).toMatchObject({ done: 1, incident: { id: incident.id, number: incident.number } })
    for (const ids of [
      [open, hidden],
      [open, incident.id],
    ])
      await expect(act(outsider, { ...dismissal, ids })).rejects.toMatchObject(refusal('invalid', 'ids'))
    expect(await statuses(lead, [open]), 'nothing is half-done').toEqual(['open'])
    const ids = [open]
    const wrong: [string, ActBody][] = [
      ['ids', { ...dismissal, ids: [] }],
      ['reason', { act: 'dismiss', ids, value: 'false-positive', responsibility: 'us' }],
      ['duplicateOf', { ...dismissal, value: 'duplicate', ids }],
      ['reason', { act: 'acknowledge', ids, reason: 'Mine.' }],
      ['assigneeId', { act: 'assign', ids }],
      ['assigneeId', { act: 'assign', ids, assigneeId: (await world.person('observer')).id }],
      ['severity', { act: 'correct', ids, reason: 'Wrong.' }],
      ['serviceId', { act: 'correct', ids, reason: 'Wrong.', serviceId: incident.id }],
      ['title', { act: 'escalate', ids, incidentId: incident.id, title: 'Both', responsibility: 'us', reason: 'No.' }],
    ]
    for (const [field, body] of wrong) await expect(act(outsider, body), field).rejects.toMatchObject(refusal('invalid', field))
    const observer = await world.person('observer')
    await expect(act(observer, { ...dismissal, ids })).rejects.toMatchObject(refusal('forbidden'))
    // What has become part of a restricted incident is told of to nobody outside.
    const mine = await act(outsider, { ...dismissal, ids })
    await lead.call('reopenAlert', { params: { id: open }, body: { reason: 'Theirs.' } })
    await act(lead, { act: 'escalate', ids, incidentId: incident.id, responsibility: 'us', reason: 'Theirs.' })
    expect(await undo(outsider, mine.undo?.id)).toMatchObject({ done: 0, skipped: [{ why: '1 alert has changed since.', ids }] })
  })

  test('reopens alerts that share a key so that one of them is counted up, and dismisses duplicates of one that is among them', async ({ world }) => {
    const lead = await world.person('lead')
    const send = () => world.alert({ severity: 'low', dedupKey: 'k' })
    const first = await send()
    await act(lead, { ...dismissal, ids: [first.id] })
    const second = await send()
    expect(second.id).not.toBe(first.id)
    const both = [first.id, second.id]
    const duplicates = await act(lead, { ...dismissal, value: 'duplicate', ids: [second.id, first.id], duplicateOf: first.id })
    expect(duplicates).toMatchObject({ done: 1, skipped: expect.arrayContaining([{ why: '1 alert was already dismissed.', ids: [first.id] }]) })
    const reopened = await act(lead, { act: 'reopen', ids: both, reason: 'Both again.' })
    expect(reopened.done).toBe(2)
    expect(await send(), 'the newest goes on').toMatchObject({ id: second.id, count: 2 })
    expect(await undo(lead, reopened.undo?.id)).toMatchObject({ done: 2 })
    expect(await lead.call('alert', { params: { id: second.id } })).toMatchObject({
      status: 'dismissed',
      disposition: { value: 'duplicate', reason: 'The nightly scan.', duplicateOf: { id: first.id } },
    })
  })
})

describe('pages of alerts that are acted on', () => {
  test('stop, and what nobody had acknowledged pages again when the act is undone', async ({ world }) => {
    const { primary, members } = await world.team({ tiers: 2 })
    const ids = await alertsOf(world, 3, 'high')
    const pages = async () => (await primary.call('pages', {})).items.flatMap(page => (page.state === 'triggered' ? [page.state] : []))
    for (const _ of ids) primary.expectPage(/Odd/)
    const acknowledged = await act(primary, { act: 'acknowledge', ids })
    expect(acknowledged).toMatchObject({ done: 3, skipped: [] })
    await world.settle()
    expect(await pages()).toEqual([])
    expect(await act(primary, { act: 'acknowledge', ids })).toMatchObject({ done: 0, undo: null, skipped: [{ why: '3 alerts were already acknowledged.' }] })
    expect(await primary.call('alert', { params: { id: ids[0] ?? '' } })).toMatchObject({ assignee: { id: primary.id }, status: 'acknowledged' })
    expect(await undo(primary, acknowledged.undo?.id)).toMatchObject({ done: 3 })
    await world.settle()
    expect(await pages()).toEqual(['triggered', 'triggered', 'triggered'])
    expect(await primary.call('alert', { params: { id: ids[0] ?? '' } })).toMatchObject({ assignee: null, status: 'open', acknowledgedBy: null })
    for (const _ of ids) primary.expectPage(/Odd/)

    await act(primary, { act: 'acknowledge', ids: ids.slice(0, 1) })
    const dismissed = await act(primary, { ...dismissal, ids })
    await world.settle()
    expect(await pages()).toEqual([])
    await undo(primary, dismissed.undo?.id)
    await world.settle()
    expect(await statuses(primary, ids)).toEqual(['acknowledged', 'open', 'open'])
    expect(await pages(), 'but not what somebody works on').toEqual(['triggered', 'triggered'])
    primary.expectPage(/Odd/)
    primary.expectPage(/Odd/)
    primary.expectNoPage()

    const escalated = await act(primary, { act: 'escalate', ids, title: 'All three', responsibility: 'us', reason: 'One attack.' })
    expect(escalated).toMatchObject({ done: 3 })
    await world.settle()
    expect(await statuses(primary, ids)).toEqual(['escalated', 'escalated', 'escalated'])
    const incidentId = escalated.incident?.id ?? ''
    expect((await primary.call('incident', { params: { id: incidentId } })).title).toBe('All three')
    expect(await undo(primary, escalated.undo?.id)).toMatchObject({ done: 3 })
    await world.settle()
    expect(await statuses(primary, ids)).toEqual(['acknowledged', 'open', 'open'])
    expect(await pages()).toEqual(['triggered', 'triggered'])
    expect(members).toHaveLength(2)
  })
})

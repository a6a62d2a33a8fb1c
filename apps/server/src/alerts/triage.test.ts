import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('a duplicate can name the alert that it repeats: another one, which the caller may see', async ({ world }) => {
  const lead = await world.person('lead')
  const outsider = await world.person('lead')
  const [original, copy, hidden] = [await world.alert({ severity: 'low' }), await world.alert({ severity: 'low' }), await world.alert({ severity: 'low' })]
  const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
  await lead.call('escalateAlert', { params: { id: hidden.id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'It is theirs.' } })
  const dismiss = (value: 'duplicate' | 'false-positive', duplicateOf?: string) =>
    outsider.call('dismissAlert', { params: { id: copy.id }, body: { value, responsibility: 'us', reason: 'Same as re-run of job 17.', duplicateOf } })
  await expect(dismiss('false-positive', original.id)).rejects.toMatchObject(refusal('invalid', 'duplicateOf'))
  for (const id of [copy.id, hidden.id, incident.id]) await expect(dismiss('duplicate', id)).rejects.toMatchObject(refusal('invalid', 'duplicateOf'))
  expect(await dismiss('duplicate', original.id)).toMatchObject({ status: 'dismissed', disposition: { value: 'duplicate' } })
  const [entry] = (await lead.call('journal', { query: { limit: 200 } })).items.filter(each => each.type === 'alert.dismissed')
  expect(entry?.data).toEqual({ value: 'duplicate', responsibility: 'us', reason: 'Same as re-run of job 17.', duplicateOf: original.number })
})

describe('a duplicate', () => {
  test('names the alert that it repeats, which it shows to who may see that, and none of them goes round in a circle', async ({ world }) => {
    const lead = await world.person('lead')
    const [a, b, c] = [await world.alert({ severity: 'low' }), await world.alert({ severity: 'low' }), await world.alert({ severity: 'low' })]
    const duplicate = (id: string, duplicateOf?: string) =>
      lead.call('dismissAlert', { params: { id }, body: { value: 'duplicate', responsibility: 'us', reason: 'Same.', duplicateOf } })
    await expect(duplicate(a.id)).rejects.toMatchObject(refusal('invalid', 'duplicateOf'))
    expect(await duplicate(a.id, b.id)).toMatchObject({ disposition: { duplicateOf: { id: b.id, number: b.number } } })
    await duplicate(b.id, c.id)
    for (const id of [a.id, b.id]) await expect(duplicate(c.id, id)).rejects.toMatchObject(refusal('invalid', 'duplicateOf'))
    await lead.call('reopenAlert', { params: { id: b.id }, body: { reason: 'It is another one.' } })
    expect(await duplicate(c.id, b.id)).toMatchObject({ disposition: { duplicateOf: { id: b.id } } })

    const outsider = await world.person('lead')
    const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    await lead.call('escalateAlert', { params: { id: b.id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'Theirs.' } })
    expect((await outsider.call('alert', { params: { id: a.id } })).disposition).toMatchObject({ value: 'duplicate', duplicateOf: null })
  })

  test('of each other, named at once, is one of them', async ({ world }) => {
    const lead = await world.person('lead')
    const [a, b] = [await world.alert({ severity: 'low' }), await world.alert({ severity: 'low' })]
    const duplicate = (id: string, duplicateOf: string) =>
      lead.call('dismissAlert', { params: { id }, body: { value: 'duplicate', responsibility: 'us', reason: 'Same.', duplicateOf } })
    const both = await Promise.allSettled([duplicate(a.id, b.id), duplicate(b.id, a.id)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})

describe('a disposition', () => {
  test('can say that a true positive was handled without an incident', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await world.alert({ severity: 'low' })
    const body = { value: 'true-positive', responsibility: 'us', reason: 'Blocked, and the account is reset.' } as const
    expect(await lead.call('dismissAlert', { params: { id }, body })).toMatchObject({ status: 'dismissed', disposition: body })
  })

  test('is taken back with a reason: the alert is in triage again, and can be escalated', async ({ world }) => {
    const { primary } = await world.team({ tiers: 1 })
    const send = async () => (await primary.call('createAlerts', { body: { title: 'Odd', severity: 'high', dedupKey: 'k' } })).alerts[0] ?? expect.fail()
    const { id } = await send()
    const dismiss = () =>
      primary.call('dismissAlert', { params: { id }, body: { value: 'false-positive', responsibility: 'us', reason: 'A scanner of ours.' } })
    const reopen = (reason = 'The scanner was off.') => primary.call('reopenAlert', { params: { id }, body: { reason } })
    await expect(reopen()).rejects.toMatchObject(refusal('conflict'))
    await dismiss()
    await expect(reopen(' ')).rejects.toMatchObject(refusal('invalid', 'reason'))
    const observer = await world.person('observer')
    await expect(observer.call('reopenAlert', { params: { id }, body: { reason: 'No.' } })).rejects.toMatchObject(refusal('forbidden'))
    expect(await reopen()).toMatchObject({ status: 'open', disposition: null })
    expect((await primary.call('alerts')).items.map(alert => alert.id)).toEqual([id])
    expect(await send(), 'it is counted up again').toMatchObject({ id, count: 2, isNew: false })
    await dismiss()
    const other = await send()
    expect(other).toMatchObject({ isNew: true })
    await reopen()
    expect(await send(), 'what was opened meanwhile with the same key goes on').toMatchObject({ id: other.id, count: 2 })
    const escalated = await primary.call('escalateAlert', { params: { id }, body: { responsibility: 'us', reason: 'It is real.' } })
    await expect(reopen()).rejects.toMatchObject(refusal('conflict'))
    const told = escalated.timeline.map(({ sentence }) => sentence)
    expect(told).toContain('Reopened the alert; it had been dismissed as false positive: The scanner was off.')
  })

  test('of an alert that its source has resolved is taken back into triage all the same', async ({ world }) => {
    const lead = await world.person('lead')
    const { url } = await lead.call('createIntegration', { body: { kind: 'pagerduty', name: 'SIEM', serviceId: null } })
    const post = (event_action: string) =>
      fetch(new URL(new URL(url).pathname, world.origin), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ event_action, dedup_key: 'k', payload: { summary: 'Odd', source: 'db-1', severity: 'warning' } }),
      })
    await post('trigger')
    const [alert] = (await lead.call('alerts')).items
    await post('resolve')
    expect((await lead.call('alerts')).items).toEqual([])
    const params = { id: alert?.id ?? '' }
    await lead.call('dismissAlert', { params, body: { value: 'not-security', responsibility: 'us', reason: 'Audit.' } })
    await lead.call('reopenAlert', { params, body: { reason: 'Is one after all.' } })
    expect((await lead.call('alerts')).items).toMatchObject([{ id: params.id, status: 'open' }])
    await post('trigger')
    expect((await lead.call('alerts')).items, 'what was resolved is over').toHaveLength(2)
  })
})

describe('an alert that was escalated to the wrong incident', () => {
  test('is moved to another one, or back to triage, and both timelines say so', async ({ world }) => {
    const { team, primary } = await world.team({ tiers: 1 })
    await world.service('billing', team)
    const { id, number } = await world.alert({ title: 'Bulk read', severity: 'high', service: 'billing' })
    const wrong = await primary.call('escalateAlert', { params: { id }, body: { title: 'Wrong one', responsibility: 'us', reason: 'Seen.' } })
    const right = await primary.call('openIncident', { body: { title: 'Right one', reason: 'Seen.' } })
    const move = (incidentId: string | null, reason = 'It belongs to the other.') => primary.call('moveAlert', { params: { id }, body: { incidentId, reason } })
    await expect(move(wrong.id)).rejects.toMatchObject(refusal('invalid', 'incidentId'))
    await expect(move(id)).rejects.toMatchObject(refusal('not-found'))
    await expect(move(right.id, '')).rejects.toMatchObject(refusal('invalid', 'reason'))
    expect(await move(right.id)).toMatchObject({ status: 'escalated', incident: { id: right.id }, disposition: { reason: 'It belongs to the other.' } })
    const read = (incident: { id: string }) => primary.call('incident', { params: { id: incident.id } })
    const moved = `Moved alert ${number} from incident ${wrong.number} to incident ${right.number}: Bulk read`
    expect((await read(wrong)).alerts).toEqual([])
    expect(await read(right)).toMatchObject({ alerts: [{ id }], services: [{ name: 'billing', basis: `Alert ${number}: Bulk read` }] })
    for (const incident of [wrong, right])
      expect(
        (await read(incident)).timeline.filter(({ sentence, reason }) => sentence === moved && reason === 'It belongs to the other.').length,
      ).toBeGreaterThan(0)

    expect(await move(null, 'Neither.')).toMatchObject({ status: 'open', incident: null, disposition: null })
    expect((await primary.call('alerts')).items.map(alert => alert.id)).toEqual([id])
    await expect(move(right.id)).rejects.toMatchObject(refusal('conflict'))
    expect((await read(right)).timeline.map(({ sentence }) => sentence)).toContain(
      `Moved alert ${number} from incident ${right.number} back to the triage queue: Bulk read`,
    )
  })

  test('is moved only by who may see both incidents, while both are open, and is then seen by who may see where it is', async ({ world }) => {
    const { primary } = await world.team({ tiers: 1 })
    const [lead, outsider] = [await world.person('lead'), await world.person('lead')]
    const { id } = await world.alert({ title: 'Bulk read', severity: 'high' })
    const open = await lead.call('escalateAlert', { params: { id }, body: { title: 'Open to all', responsibility: 'us', reason: 'Seen.' } })
    const restricted = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const closed = await lead.call('openIncident', { body: { title: 'Over', reason: 'Seen.' } })
    const classified = await lead.call('classifyIncident', {
      params: { id: closed.id },
      body: { version: closed.version, class: 'not-an-incident', reason: 'None.' },
    })
    await lead.call('closeIncident', { params: { id: closed.id }, body: { version: classified.version, reason: 'None.' } })
    const move = (by: typeof lead, incidentId: string | null) => by.call('moveAlert', { params: { id }, body: { incidentId, reason: 'Wrong one.' } })
    await expect(move(outsider, restricted.id)).rejects.toMatchObject(refusal('not-found'))
    await expect(move(lead, closed.id)).rejects.toMatchObject(refusal('conflict'))
    await move(lead, restricted.id)
    await expect(outsider.call('alert', { params: { id } })).rejects.toMatchObject(refusal('not-found'))
    await expect(move(outsider, null)).rejects.toMatchObject(refusal('not-found'))
    const seen = await outsider.call('incident', { params: { id: open.id } })
    expect(JSON.stringify(seen.timeline)).not.toMatch(/Bulk read|Wrong one/)
    expect((await outsider.call('pages')).items).toEqual([])
    expect((await primary.call('myPages', { query: {} })).items.map(({ title }) => title)).not.toContain('Bulk read')
    await move(lead, null)
    expect(await outsider.call('alert', { params: { id } })).toMatchObject({ incident: null })
    expect((await outsider.call('pages')).items.map(({ title }) => title)).toEqual(['Bulk read'])
    const journal = (await outsider.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => type === 'alert.moved')
    expect(journal, 'that it was in the restricted incident is nobody else’s').toEqual([])
  })
})

import { expect } from 'vitest'
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

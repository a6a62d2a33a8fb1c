import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('the kind of a team is changed, except that of the last security team', async ({ world }) => {
  const lead = await world.person('lead')
  const save = (name: string, kind: 'security' | 'engineering', team?: { id: string; version: number }) =>
    lead.call('saveTeam', { body: { ...(team && { id: team.id, version: team.version }), name, kind, memberIds: [] } })
  const response = await save('Response', 'security')
  await expect(save('Response', 'engineering', response)).rejects.toMatchObject(refusal('conflict'))
  await expect(save('Response', 'engineering', response)).rejects.toThrow(/only security team/)
  const other = await save('Other', 'security')
  const service = await world.service('billing', response)
  expect(await save('Renamed', 'engineering', response)).toMatchObject({ name: 'Renamed', kind: 'engineering' })
  await expect(save('Other', 'engineering', other)).rejects.toThrow(/only security team/)
  const [kept] = (await lead.call('services')).filter(one => one.id === service.id)
  expect(kept?.securityTeam).toEqual({ id: response.id, name: 'Renamed' })
})

test('a team is not saved over a newer version, also one that somebody left meanwhile', async ({ world }) => {
  const lead = await world.person('administrator')
  const { team, backup } = await world.team()
  const [read] = (await lead.call('teams')).filter(each => each.id === team.id)
  const body = { id: team.id, version: read?.version ?? 0, name: 'Response', kind: 'security' as const, memberIds: [backup.id] }
  await expect(lead.call('saveTeam', { body: { ...body, version: undefined } })).rejects.toThrow(/version: is required to update a team/)
  const saves = await Promise.allSettled([lead.call('saveTeam', { body }), lead.call('saveTeam', { body: { ...body, name: 'Defense' } })])
  expect(saves.map(({ status }) => status).toSorted(), 'of two at once, one').toEqual(['fulfilled', 'rejected'])
  await expect(lead.call('saveTeam', { body: { ...body, name: 'Late' } })).rejects.toMatchObject(refusal('conflict'))
  const now = (await lead.call('teams')).find(each => each.id === team.id)
  await lead.call('changePerson', { params: { id: backup.id }, body: { isActive: false, reason: 'Left the company.' } })
  await expect(lead.call('saveTeam', { body: { ...body, version: now?.version ?? 0, memberIds: [] } })).rejects.toMatchObject(refusal('conflict'))
})

import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('the kind of a team is changed only where nothing rests on it, and the last security team stays one', async ({ world }) => {
  const lead = await world.person('lead')
  const save = (name: string, kind: 'security' | 'engineering', id?: string) =>
    lead.call('saveTeam', { body: { ...(id === undefined ? {} : { id }), name, kind, memberIds: [] } })
  const response = await save('Response', 'security')
  await expect(save('Response', 'engineering', response.id)).rejects.toMatchObject(refusal('conflict'))
  await expect(save('Response', 'engineering', response.id)).rejects.toThrow(/only security team/)
  const other = await save('Other', 'security')
  await world.service('billing', response)
  await expect(save('Response', 'engineering', response.id)).rejects.toThrow('Response is the security team of billing. Give them another one first.')
  expect(await save('Other', 'engineering', other.id)).toMatchObject({ kind: 'engineering' })
  expect(await save('Renamed', 'security', response.id)).toMatchObject({ name: 'Renamed', kind: 'security' })
})

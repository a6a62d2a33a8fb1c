import { incidentClasses } from '@tocsin/api'
import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('every class has a definition, and the list shows the newest version that the organization wrote', async ({ world }) => {
  const administrator = await world.person('administrator')
  const observer = await world.person('observer')
  const before = await observer.call('classDefinitions')
  expect(before.map(definition => definition.class)).toEqual([...incidentClasses])
  expect(before.every(({ text, version }) => text.length > 0 && version === 1)).toBe(true)
  const params = { class: 'privacy-breach' as const }
  await administrator.call('defineClass', { params, body: { version: 1, text: 'The first.' } })
  await world.advance({ minutes: 1 })
  const written = await administrator.call('defineClass', { params, body: { version: 2, text: 'The second.' } })
  const after = await observer.call('classDefinitions')
  expect(after).toEqual(written)
  expect(after.find(definition => definition.class === 'privacy-breach')).toMatchObject({
    ...{ text: 'The second.', version: 3, changedBy: administrator.name, changedAt: world.now },
  })
  expect(after.filter(definition => definition.class !== 'privacy-breach').map(({ text }) => text)).toEqual(
    before.filter(definition => definition.class !== 'privacy-breach').map(({ text }) => text),
  )
})

test('a definition is written by administrators, on the newest version, and read by whoever is signed in', async ({ world }) => {
  const administrator = await world.person('administrator')
  const input = { params: { class: 'suspected' as const }, body: { version: 1, text: 'Ours.' } }
  await expect((await world.person('lead')).call('defineClass', input)).rejects.toMatchObject(refusal('forbidden'))
  await administrator.call('defineClass', input)
  await expect(administrator.call('defineClass', input)).rejects.toMatchObject(refusal('conflict'))
  await expect(world.client()('classDefinitions')).rejects.toMatchObject(refusal('not-signed-in'))
})

test('a decision names the definition that it rests on, as it was then', async ({ world }) => {
  const administrator = await world.person('administrator')
  const classified = async () => {
    const { id, version } = await administrator.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
    await administrator.call('classifyIncident', { params: { id }, body: { version, class: 'privacy-breach', reason: 'Yes.' } })
    return (await administrator.call('journal', {})).items.find(({ type, subject }) => type === 'incident.classified' && subject.id === id)?.data
  }
  const first = await classified()
  await administrator.call('defineClass', { params: { class: 'privacy-breach' }, body: { version: 1, text: 'Ours.' } })
  const second = await classified()
  expect(first).toMatchObject({ definition: { version: 1 } })
  expect(second).toMatchObject({ definition: { version: 2 } })
})

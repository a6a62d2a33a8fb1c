import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('alerts are assigned by mail, taken on by who acknowledges them, and nobody’s once that person has left', async ({ world }) => {
  const { primary, backup } = await world.team({ tiers: 2 })
  const [lead, administrator] = [await world.person('lead'), await world.person('administrator')]
  const [a, b] = [(await world.alert({ severity: 'low' })).id, (await world.alert({ severity: 'low' })).id]
  const read = (id: string) => primary.call('alert', { params: { id } })
  const assign = (by: typeof primary, to: typeof primary, ids = [a, b]) => by.call('actOnAlerts', { body: { act: 'assign', ids, assigneeId: to.id } })
  const first = await assign(lead, backup)
  expect(first.done).toBe(2)
  await world.settle()
  expect(backup.expectPage(/You were assigned 2 alerts/).text).toMatch(/alert \d+ \(low\)/)
  backup.expectNoPage()
  expect((await read(a)).assignee).toEqual({ id: backup.id, name: backup.name })
  expect(await assign(lead, backup)).toMatchObject({ done: 0, skipped: [{ why: '2 alerts were already assigned to them.' }] })
  expect(await assign(primary, primary)).toMatchObject({ done: 2 })
  await world.settle()
  primary.expectNoPage()
  expect((await lead.call('journal', { query: { limit: 50 } })).items.map(entry => entry.sentence)).toContain(
    `Assigned the alert to ${primary.name}; it had been assigned to ${backup.name}`,
  )
  await primary.call('acknowledgeAlert', { params: { id: a } })
  expect((await read(a)).assignee?.id).toBe(primary.id)
  expect(await primary.call('actOnAlerts', { body: { act: 'unassign', ids: [a, b] } })).toMatchObject({ done: 2 })
  await backup.call('acknowledgeAlert', { params: { id: b } })
  expect((await read(b)).assignee?.id, 'who acknowledges what is unassigned has it').toBe(backup.id)
  await assign(lead, backup, [a])
  await world.settle()
  backup.expectPage(/You were assigned an alert/)

  const c = (await world.alert({ severity: 'low' })).id
  await assign(lead, backup, [c])
  const given = await primary.call('actOnAlerts', { body: { act: 'unassign', ids: [c] } })
  await assign(lead, backup, [c])
  const dismissed = await backup.call('actOnAlerts', { body: { act: 'dismiss', ids: [c], value: 'false-positive', responsibility: 'us', reason: 'The scan.' } })
  await world.settle()
  for (let n = 0; n < 2; n += 1) backup.expectPage(/You were assigned an alert/)
  await administrator.call('changePerson', { params: { id: backup.id }, body: { isActive: false, reason: 'Left.' } })
  for (const id of [a, b]) expect((await read(id)).assignee).toBeNull()
  expect((await read(c)).assignee?.id, 'what was decided stays as it was').toBe(backup.id)
  await administrator.call('undoAlertAct', { params: { id: dismissed.undo?.id ?? '' } })
  expect(await read(c), 'but what is open again is nobody’s').toMatchObject({ status: 'open', assignee: null })
  await administrator.call('undoAlertAct', { params: { id: given.undo?.id ?? '' } })
  expect((await read(c)).assignee).toBeNull()
  await expect(assign(lead, backup)).rejects.toMatchObject(refusal('invalid', 'assigneeId'))
  await world.settle()
  expect(lead.expectPage(/Unassigned: 2 alerts/).text).toMatch(new RegExp(backup.name))
})

test('a correction of severity or service pages whom the alert should have paged, and nobody else', async ({ world }) => {
  const [billing, storage] = [await world.team({ tiers: 1 }), await world.team({ tiers: 1 })]
  const lead = await world.person('lead')
  const one = await world.service('Billing', billing.team)
  const other = await world.service('Storage', storage.team)
  const { id } = await world.alert({ severity: 'low', service: 'Billing', title: 'Odd', dedupKey: 'k' })
  billing.primary.expectNoPage()
  const correct = (body: { severity?: 'info' | 'high' | 'critical'; serviceId?: string | null }, ids = [id]) =>
    billing.primary.call('actOnAlerts', { body: { act: 'correct', ids, reason: 'It is the database.', ...body } })
  const raised = await correct({ severity: 'high' })
  await world.settle()
  billing.primary.expectPage(/Odd/)
  await correct({ serviceId: other.id })
  await world.settle()
  storage.primary.expectPage(/Storage: Odd/)
  const pages = (await billing.primary.call('pages', { query: { limit: 50 } })).items
  expect(pages.map(page => [page.team?.id, page.state]).sort()).toEqual(
    [
      [billing.team.id, 'resolved'],
      [storage.team.id, 'triggered'],
    ].sort(),
  )
  expect(await correct({ serviceId: other.id, severity: 'high' })).toMatchObject({ done: 0, skipped: [{ why: '1 alert says that already.' }] })
  await storage.primary.call('acknowledgeAlert', { params: { id } })
  await correct({ severity: 'critical' })
  await world.settle()
  expect(storage.primary.expectPage(/Odd/).text).toMatch(/Its severity has risen/)
  await correct({ severity: 'info' })
  await world.settle()
  for (const { primary } of [billing, storage]) primary.expectNoPage()
  const alert = await billing.primary.call('alert', { params: { id } })
  expect(alert).toMatchObject({ severity: 'info', service: { name: 'Storage' } })
  expect((await lead.call('journal', { query: { limit: 50 } })).items.map(entry => entry.sentence)).toContain(
    'Corrected the alert: service from Billing to Storage: It is the database.',
  )
  expect(await billing.primary.call('undoAlertAct', { params: { id: raised.undo?.id ?? '' } })).toMatchObject({ done: 0 })

  // A key that another open alert of the service has stays with that one.
  const again = await world.alert({ severity: 'low', service: 'Billing', dedupKey: 'k' })
  expect(again.id).not.toBe(id)
  const moved = await correct({ serviceId: one.id })
  expect(moved.done).toBe(1)
  expect(await world.alert({ severity: 'low', service: 'Billing', dedupKey: 'k' })).toMatchObject({ id: again.id, count: 2 })
  expect(await billing.primary.call('undoAlertAct', { params: { id: moved.undo?.id ?? '' } })).toMatchObject({ done: 1 })
  expect(await world.alert({ severity: 'low', service: 'Storage', dedupKey: 'k' }), 'counted up again').toMatchObject({ id, count: 2 })
})

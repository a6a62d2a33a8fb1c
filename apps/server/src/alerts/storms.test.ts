import { expect } from 'vitest'
import { type Person, test } from '../../test/world.ts'

const send = async (sender: Person, count: number, severity: 'high' | 'critical' = 'high', name = 'Odd') =>
  (
    await sender.call('createAlerts', {
      body: Array.from({ length: count }, (_, n) => ({ title: `${name} ${n}`, severity, service: 'Billing', dedupKey: `${name} ${n}` })),
    })
  ).alerts.map(({ id }) => id)
const pagesOf = async (person: Person) => (await person.call('pages', { query: { limit: 200 } })).items
const triggered = async (person: Person) => (await pagesOf(person)).filter(page => page.state === 'triggered' && page.subject.kind === 'alert')
const allAlerts = async (person: Person) => (await person.call('alerts', { query: { view: 'all', limit: 200 } })).items
async function statuses(person: Person): Promise<Readonly<Record<string, number>>> {
  const byStatus = Map.groupBy(await allAlerts(person), alert => alert.status)
  return Object.fromEntries([...byStatus].map(([status, own]) => [status, own.length]))
}

test('one page speaks for a storm of one service, until each of its alerts is acknowledged or decided', async ({ world }) => {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  await world.service('Billing', team)
  const ids = await send(primary, 100)
  await world.settle()
  const [page, ...others] = await triggered(primary)
  expect(others).toEqual([])
  expect(page).toMatchObject({ title: 'Billing: alert storm, 100 alerts', state: 'triggered' })
  primary.expectPage(/alert storm, 100 alerts/)
  primary.expectNoPage()

  // More of it join the page, and page nobody anew unless they are more severe.
  await send(primary, 5, 'high', 'More')
  await world.settle()
  expect((await triggered(primary)).map(({ title }) => title)).toEqual(['Billing: alert storm, 105 alerts'])
  primary.expectNoPage()
  await send(primary, 1, 'critical', 'Worst')
  await world.settle()
  expect(primary.expectPage(/alert storm, 106 alerts/).subject).toMatch(/CRITICAL/)

  // Some are dismissed, the one that the page is listed under among them: the page goes on for the others.
  const about = page?.subject.id ?? ''
  expect(ids).toContain(about)
  const dismissed = await primary.call('actOnAlerts', {
    body: { act: 'dismiss', ids: [about, ...ids.filter(id => id !== about).slice(0, 49)], value: 'false-positive', responsibility: 'us', reason: 'The scan.' },
  })
  expect(dismissed.done).toBe(50)
  const [left] = await triggered(primary)
  expect(left).toMatchObject({ id: page?.id, state: 'triggered' })
  world.jump({ minutes: 6 })
  await world.settle()
  backup.expectPage(/alert storm/)
  // Somebody takes one of them on: that acknowledges nothing else.
  await backup.call('acknowledgeAlert', { params: { id: left?.subject.id ?? '' } })
  await world.settle()
  expect(await triggered(primary)).toHaveLength(1)
  expect(await statuses(primary)).toEqual({ acknowledged: 1, dismissed: 50, open: 55 })
  await primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
  await world.settle()
  expect(await statuses(primary)).toEqual({ acknowledged: 56, dismissed: 50 })
  expect(await triggered(primary)).toEqual([])
  // Released, it escalates again, and what it speaks for is open; what somebody else took on stays theirs.
  await primary.call('declinePage', { params: { id: page?.id ?? '' }, body: { toId: null, reason: '' } })
  await world.settle()
  expect(await statuses(primary)).toEqual({ acknowledged: 1, dismissed: 50, open: 55 })
  expect(await triggered(primary)).toHaveLength(1)

  // What was dismissed by mistake joins it again, and the page ends with the last of its alerts.
  expect(await primary.call('undoAlertAct', { params: { id: dismissed.undo?.id ?? '' } })).toMatchObject({ done: 50 })
  await world.settle()
  expect((await triggered(primary)).map(({ id }) => id)).toEqual([page?.id])
  const all = await allAlerts(primary)
  const escalated = await primary.call('actOnAlerts', { body: { act: 'escalate', ids: all.map(({ id }) => id), responsibility: 'us', reason: 'One attack.' } })
  expect(escalated.done).toBe(106)
  await world.settle()
  expect(await triggered(primary)).toEqual([])
  expect(await statuses(primary)).toEqual({ escalated: 106 })
})

test('a few alerts page for themselves, also of an exercise in a storm, and one that joins a restricted incident takes no page of others along', async ({
  world,
}) => {
  const { team, primary } = await world.team({ tiers: 1 })
  await world.service('Billing', team)
  const lead = await world.person('lead')
  await send(primary, 60, 'high', 'Few')
  await world.settle()
  expect(await triggered(primary)).toHaveLength(60)
  await send(primary, 1, 'high', 'One')
  await primary.call('createAlerts', { body: { title: 'Drill', severity: 'high', service: 'Billing', isExercise: true } })
  await world.settle()
  expect(
    (await triggered(primary))
      .map(({ title, isExercise }) => `${isExercise} ${title}`)
      .filter(title => !title.includes('Few'))
      .sort(),
  ).toEqual(['false Billing: alert storm, 1 alert', 'true Billing: Drill'])
  const ids = await send(primary, 30, 'high', 'Storm')
  const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
  const about = (await triggered(primary)).find(page => page.title.includes('storm'))
  await lead.call('actOnAlerts', {
    body: { act: 'escalate', ids: [about?.subject.id ?? '', ...ids.slice(0, 3)], incidentId: incident.id, responsibility: 'us', reason: 'Theirs.' },
  })
  await world.settle()
  const still = (await triggered(primary)).find(page => page.id === about?.id)
  expect(still?.title).toMatch(/Billing: alert storm/)
  expect(still?.subject.id).not.toBe(about?.subject.id)
  expect((await primary.call('alert', { params: { id: still?.subject.id ?? '' } })).incident).toBeNull()
})

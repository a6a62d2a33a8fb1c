import { expect } from 'vitest'
import { test, type World } from '../../test/world.ts'
import { scheduleWatchdog } from './watchdog.ts'

test.override({ options: { withAuditor: true } })

/** The server starts again at the right time, after its clock ran two hours ahead. */
async function restartBack(world: World): Promise<void> {
  world.jump({ hours: -2 })
  await world.server.context.database.transaction(tx => scheduleWatchdog(tx))
}

/** What the audit log says was repaired of the page about an alert; a page of Tocsin about itself, which the jump of the clock may have caused, is another. */
const repaired = async (world: World, title: string) => {
  const administrator = await world.person('administrator')
  const page = (await administrator.call('pages')).items.find(one => one.title.includes(title)) ?? expect.fail('there is a page')
  const { items } = await administrator.call('journal', { query: { limit: 200, type: 'page.repaired' } })
  return items.flatMap(({ subject, data }) => (subject.id === page.id ? [data] : []))
}

test('an escalation that was timed while the clock ran two hours ahead is brought back, and reported', async ({ world }) => {
  const { team, primary, backup } = await world.team({ escalateAfter: { minutes: 5 } })
  const service = await world.service('billing', team)
  world.jump({ hours: 2 })
  await world.alert({ title: 'Ahead', severity: 'critical', service: service.name })
  primary.expectPage(/Ahead/)
  await restartBack(world)
  await world.advance({ minutes: 1 })
  backup.expectNoPage()
  expect(await repaired(world, 'Ahead')).toEqual([expect.objectContaining({ what: 'ahead' })])
  await world.advance({ minutes: 4, seconds: 59 })
  backup.expectNoPage()
  await world.advance({ seconds: 1 })
  backup.expectPage(/Ahead/)
  expect(await repaired(world, 'Ahead'), 'it is brought back once').toHaveLength(1)
})

test('a step that waits for long by its policy is left alone', async ({ world }) => {
  const { team, primary, backup } = await world.team({ escalateAfter: { minutes: 600 } })
  const service = await world.service('billing', team)
  await world.alert({ title: 'Patient', severity: 'critical', service: service.name })
  primary.expectPage(/Patient/)
  await world.advance({ minutes: 599 })
  expect(await repaired(world, 'Patient')).toEqual([])
  backup.expectNoPage()
  await world.advance({ minutes: 1 })
  backup.expectPage(/Patient/)
})

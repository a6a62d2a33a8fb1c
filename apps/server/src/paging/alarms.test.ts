import { describe, expect } from 'vitest'
import { type Person, test, type World } from '../../test/world.ts'

const stuck = { key: 'journal-reader:notices', title: 'A journal reader is stuck', summary: 'Look at System.' }
const raise = async (world: World, alarm = stuck) => {
  await world.server.context.database.transaction(tx => world.server.context.alarms.raise(tx, alarm))
  await world.settle()
}
const systemPages = async (person: Person) => (await person.call('pages')).items.filter(page => page.subject.kind === 'system')

describe('an alarm', () => {
  test('pages every active administrator and nobody else, once while it is open', async ({ world }) => {
    const [ada, bob] = [await world.person('administrator', 'Ada'), await world.person('administrator', 'Bob')]
    const lead = await world.person('lead')
    const gone = await world.person('administrator', 'Gone')
    await ada.call('changePerson', { params: { id: gone.id }, body: { isActive: false } })
    await raise(world)
    ada.expectPage(/A journal reader is stuck/)
    bob.expectPage(/A journal reader is stuck/)
    gone.expectNoPage()
    lead.expectNoPage()
    await raise(world)
    ada.expectNoPage()
    const [page] = await systemPages(bob)
    expect(page).toMatchObject({ team: null, state: 'triggered', severity: 'critical' })
    // It is about the installation: for its administrators.
    expect(await systemPages(lead)).toEqual([])
    await expect(lead.call('acknowledgePage', { params: { id: page?.id ?? '' } })).rejects.toMatchObject({ problem: { status: 404 } })
    await raise(world, { ...stuck, key: 'other', title: 'Something else' })
    ada.expectPage(/Something else/)
  })

  test('that nobody acknowledges is sent again, and once acknowledged it is quiet until its cause is gone and comes back', async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    await raise(world)
    ada.expectPage(/stuck/)
    await world.advance({ minutes: 5 })
    ada.expectPage(/stuck/)
    const [page] = await systemPages(ada)
    await ada.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    await world.advance({ minutes: 30 })
    await raise(world)
    ada.expectNoPage()
    await world.server.context.database.transaction(tx => world.server.context.alarms.resolve(tx, stuck.key))
    expect((await systemPages(ada)).map(each => each.state)).toEqual(['resolved'])
    await raise(world)
    ada.expectPage(/stuck/)
  })

  test('that nobody ever answers is raised again after four hours', async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    await raise(world)
    await world.advance({ hours: 1 })
    expect((await systemPages(ada)).map(each => each.state)).toEqual(['exhausted'])
    world.takeMails()
    await raise(world)
    ada.expectNoPage()
    await world.advance({ hours: 3, minutes: 1 })
    await raise(world)
    ada.expectPage(/stuck/)
  })
})

import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { giveRole } from '../../test/roles.ts'
import { type Person, test } from '../../test/world.ts'

async function opened(lead: Person) {
  const { id } = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  const assign = async (caller: Person, personId: string | null) =>
    caller.call('assignRole', {
      params: { id, role: 'executive' },
      body: { version: (await lead.call('incident', { params: { id } })).version, personId },
    })
  return { id, assign }
}

describe('the executive sponsor', () => {
  test('is assigned by a lead, out of the people marked as executives, and by nobody to themselves', async ({ world }) => {
    const [lead, bob, administrator] = [await world.person('lead'), await world.person('responder', 'Bob'), await world.person('administrator')]
    const alice = await world.executive('observer', 'Alice')
    const { id, assign } = await opened(lead)
    await expect(assign(bob, bob.id)).rejects.toMatchObject(refusal('forbidden'))
    await expect(assign(bob, alice.id), 'no lead').rejects.toThrow(/Only the lead of this incident/)
    await expect(assign(lead, bob.id)).rejects.toMatchObject(refusal('invalid', 'personId'))
    await administrator.call('changePerson', { params: { id: bob.id }, body: { isExecutive: true, reason: 'Head of operations.' } })
    expect((await bob.call('me')).person, 'their session is not ended').toMatchObject({ isExecutive: true })
    await world.settle()
    world.expectMail(bob.email, /you can now be the executive sponsor/)
    await expect(assign(bob, bob.id)).rejects.toMatchObject(refusal('forbidden'))
    expect(await assign(lead, bob.id)).toMatchObject({ executive: { name: 'Bob' } })
    await expect(assign(bob, null), 'nor removed by others').rejects.toMatchObject(refusal('forbidden'))
    // Whoever leads the incident is a lead there, whatever their role.
    const carol = await world.person('responder', 'Carol')
    await giveRole(lead, id, 'lead', carol)
    expect(await assign(carol, alice.id)).toMatchObject({ executive: { name: 'Alice' } })
    const { items } = await administrator.call('journal', { query: { type: 'person.changed' } })
    expect(items[0]).toMatchObject({ sentence: 'Changed Bob: marked as an executive', subject: { id: bob.id } })
  })

  test('is marked by an administrator alone', async ({ world }) => {
    const lead = await world.person('lead')
    await expect(lead.call('changePerson', { params: { id: lead.id }, body: { isExecutive: true } })).rejects.toMatchObject(refusal('forbidden'))
  })

  test('approves neither what they created nor, once the mark is taken back, anything', async ({ world }) => {
    const [lead, administrator] = [await world.person('lead'), await world.person('administrator')]
    const bob = await world.executive('responder', 'Bob')
    const { id, assign } = await opened(lead)
    await assign(lead, bob.id)
    await bob.call('addTask', { params: { id }, body: { title: 'Switch billing off', isBusinessImpacting: true } })
    await lead.call('addTask', { params: { id }, body: { title: 'Switch it on again', isBusinessImpacting: true } })
    const { tasks } = await lead.call('incident', { params: { id } })
    const approve = (title: string) =>
      bob.call('approveTask', { params: { id, taskId: tasks.find(task => task.title === title)?.id ?? '' }, body: { version: 1 } })
    await expect(approve('Switch billing off')).rejects.toThrow(/somebody other than the person who wrote it/)
    await administrator.call('changePerson', { params: { id: bob.id }, body: { isExecutive: false } })
    await expect(approve('Switch it on again')).rejects.toThrow(/Only the executive sponsor/)
    await administrator.call('changePerson', { params: { id: bob.id }, body: { isExecutive: true } })
    await approve('Switch it on again')
  })
})

import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { giveRole } from '../../test/roles.ts'
import { type Person, test, type World } from '../../test/world.ts'

const note = 'Host db-3 is isolated. Open: rotate the **tokens**.'

/** An incident of a service, and who may be asked to lead it. */
async function place(world: World, more: { readonly isRestricted?: boolean } = {}) {
  const security = await world.team({ tiers: 2, escalateAfter: { minutes: 5 } })
  const engineering = await world.team({ kind: 'engineering', tiers: 1 })
  const service = await world.service('billing', security.team, engineering.team)
  const [alice, bob] = [await world.person('responder', 'Alice'), await world.person('responder', 'Bob')]
  const lead = await world.person('lead', 'Lena')
  const { id } = await alice.call('openIncident', { body: { title: 'Tokens are used', reason: 'Seen.', ...more } })
  const read = (person: Person = alice) => person.call('incident', { params: { id } })
  const services = [{ id: service.id, basis: 'Its tokens.' }]
  await alice.call('setAffectedServices', { params: { id }, body: { version: (await read()).version, services } })
  if (!more.isRestricted) await acknowledge(world, engineering.primary)
  world.takeMails()
  const ask = async (by: Person, to: Person | null, text: string | undefined = undefined, role: 'lead' | 'owner' = 'lead') =>
    by.call('assignRole', {
      params: { id, role },
      body: { version: (await read(by)).version, personId: to?.id ?? null, ...(text === undefined ? {} : { note: text }) },
    })
  return { security, engineering, alice, bob, lead, id, params: { id, role: 'lead' as const }, read, ask }
}

/** Somebody answers the page that they have. */
async function acknowledge(world: World, person: Person) {
  await world.settle()
  const open = (await person.call('pages')).items.find(page => page.state === 'triggered' || page.state === 'exhausted')
  await person.call('acknowledgePage', { params: { id: open?.id ?? '' } })
  await world.settle()
}

const paged = (world: World) =>
  world
    .takeMails()
    .filter(mail => mail.purpose === 'page')
    .map(({ to, subject }) => ({ to, subject }))
const told = (world: World) =>
  world
    .takeMails()
    .filter(mail => mail.purpose === 'incident-role')
    .map(({ to, subject }) => [to, subject])
describe('the lead of an incident', () => {
  test('is handed over with a note: who is asked is paged, and leads once they accept', async ({ world }) => {
    const { alice, bob, lead, params, read, ask, security } = await place(world)
    await expect(ask(alice, bob)).rejects.toMatchObject(refusal('invalid', 'note'))
    await expect(ask(alice, await world.person('observer'), note)).rejects.toMatchObject(refusal('invalid', 'personId'))
    await expect(ask(alice, alice, note), 'nobody else gets the note').rejects.toMatchObject(refusal('invalid', 'note'))
    await expect(ask(bob, bob), 'nobody takes the lead from who has it').rejects.toThrow(/Alice is incident lead.*can hand that over/)
    await expect(bob.call('acceptRole', { params })).rejects.toMatchObject(refusal('conflict'))
    const asked = await ask(alice, bob, note)
    expect(asked).toMatchObject({
      lead: { name: 'Alice' },
      handovers: [
        {
          role: 'lead',
          to: { name: 'Bob' },
          by: 'Alice',
          note: { markdown: expect.stringContaining(note), html: expect.stringContaining('<strong>tokens</strong>') },
        },
      ],
    })
    expect(await ask(alice, bob), 'asked twice').toMatchObject({ version: asked.version, lead: { name: 'Alice' } })
    await world.settle()
    expect(paged(world)).toEqual([{ to: bob.email, subject: '[HIGH] Incident 1: take over as incident lead? Tokens are used' }])
    await expect(lead.call('acceptRole', { params }), 'asked is somebody else').rejects.toThrow(/Not you but Bob/)
    expect(await bob.call('acceptRole', { params })).toMatchObject({ lead: { name: 'Bob' }, handovers: [] })
    await world.settle()
    expect(told(world)).toEqual([[alice.email, 'You are not incident lead any more: incident 1']])
    expect((await read()).timeline.map(({ by, sentence }) => `${by}: ${sentence}`)).toEqual(
      expect.arrayContaining(['Alice: Asked Bob to take over as incident lead', 'Bob: Became incident lead, replacing Alice']),
    )
    await world.advance({ hours: 1 })
    expect(paged(world), 'the page is over').toEqual([])
    expect((await read()).notes.at(-1)?.markdown).toBe(`Handover to Bob as incident lead:\n\n${note}`)
    // A lead takes it over without asking; both are told where somebody else decides.
    expect(await ask(lead, lead)).toMatchObject({ lead: { name: 'Lena' } })
    await world.settle()
    expect(told(world)).toEqual([[bob.email, 'You are not incident lead any more: incident 1']])
    expect(security.members.length).toBe(2)
  })

  test('who is asked does not answer: the page escalates to the team, and who acknowledges leads', async ({ world }) => {
    const { alice, bob, read, ask, security } = await place(world)
    await ask(alice, bob, note)
    await world.advance({ minutes: 11 })
    expect(paged(world).map(({ to }) => to)).toEqual(expect.arrayContaining([bob.email, security.primary.email]))
    expect((await read()).lead?.name).toBe('Alice')
    await acknowledge(world, security.primary)
    expect(await read()).toMatchObject({ lead: { name: security.primary.name }, handovers: [] })
  })

  test('who is asked acknowledges the page, or the holder does and keeps the role', async ({ world }) => {
    const { alice, bob, read, ask } = await place(world)
    await ask(alice, bob, note)
    await acknowledge(world, alice)
    expect(await read()).toMatchObject({ lead: { name: 'Alice' }, handovers: [] })
    await ask(alice, bob, note)
    await acknowledge(world, bob)
    expect(await read()).toMatchObject({ lead: { name: 'Bob' }, handovers: [] })
  })

  test('is declined with a reason, which who asked is told, or the request withdrawn', async ({ world }) => {
    const { alice, bob, lead, params, read, ask, security } = await place(world)
    await ask(alice, bob, note)
    await world.settle()
    world.takeMails()
    await bob.call('declineRole', { params, body: { reason: 'I am on a train.' } })
    await world.settle()
    expect(told(world)).toEqual([[alice.email, 'Bob declined to become incident lead: incident 1']])
    expect(await read()).toMatchObject({ lead: { name: 'Alice' }, handovers: [] })
    await ask(alice, bob, note)
    await expect(security.backup.call('withdrawHandover', { params })).rejects.toMatchObject(refusal('forbidden'))
    expect((await lead.call('withdrawHandover', { params })).handovers).toEqual([])
    await expect(bob.call('acceptRole', { params })).rejects.toThrow(/asked to become incident lead of this incident any more/)
    await world.settle()
    world.takeMails()
    // Where nobody has the role, it is not left there: the team is paged.
    await ask(alice, null)
    await world.settle()
    const page = { to: security.primary.email, subject: '[HIGH] Incident 1: Tokens are used' }
    expect(paged(world)).toEqual([page])
    await acknowledge(world, security.primary)
    expect((await read()).lead?.name).toBe(security.primary.name)
  })

  test('of a restricted incident: who is asked sees it, until they decline or are named a suspect', async ({ world }) => {
    const { alice, bob, lead, params, read, ask } = await place(world, { isRestricted: true })
    await expect(bob.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
    await ask(alice, bob, note)
    await world.settle()
    const [page] = world.takeMails().filter(mail => mail.purpose === 'page')
    expect(page?.subject).toMatch(/^\[HIGH\] Incident 1 \(restricted: .*\): take over as incident lead$/)
    expect(page?.text).not.toContain('Tokens')
    expect((await read(bob)).handovers).toHaveLength(1)
    await bob.call('declineRole', { params, body: { reason: 'I am on a train.' } })
    await expect(read(bob)).rejects.toMatchObject(refusal('not-found'))
    await ask(alice, bob, note)
    // Nobody is there: in the end the administrators are paged, who do not come to see it by answering.
    const administrator = await world.person('administrator')
    await world.advance({ hours: 1 })
    await acknowledge(world, administrator)
    await expect(read(administrator)).rejects.toMatchObject(refusal('not-found'))
    expect((await read()).lead?.name).toBe('Alice')
    await alice.call('setSuspects', { params, body: { version: (await read()).version, personIds: [bob.id] } })
    await expect(read(bob)).rejects.toMatchObject(refusal('not-found'))
    await expect(bob.call('acceptRole', { params })).rejects.toMatchObject(refusal('not-found'))
    expect((await read()).handovers).toEqual([])
    await expect(lead.call('withdrawHandover', { params }), 'who cannot see it').rejects.toMatchObject(refusal('not-found'))
    await world.settle()
    expect(JSON.stringify(world.takeMails().filter(mail => mail.purpose !== 'page'))).not.toContain('Tokens')
  })

  test('is asked for no longer once the incident is closed', async ({ world }) => {
    const { alice, bob, lead, params, read, ask } = await place(world)
    await ask(alice, bob, note)
    await alice.call('classifyIncident', { params, body: { version: (await read()).version, class: 'not-an-incident', reason: 'It was a test.' } })
    await lead.call('closeIncident', { params, body: { version: (await read()).version, reason: 'It was a test.' } })
    expect((await read()).handovers).toEqual([])
    await expect(bob.call('acceptRole', { params })).rejects.toMatchObject(refusal('conflict'))
    await world.advance({ hours: 1 })
    expect(paged(world).filter(({ to }) => to !== bob.email)).toEqual([])
  })
})

test('whose account ends has no role any more: the teams are paged and who answers takes it, the lead is told of the others', async ({ world }) => {
  const { alice, bob, lead, id, read, ask, security, engineering } = await place(world)
  const administrator = await world.person('administrator', 'Ada')
  const sponsor = await world.executive('responder', 'Eve')
  await giveRole(alice, id, 'owner', bob)
  await giveRole(lead, id, 'executive', sponsor)
  const deactivate = (person: Person) => administrator.call('changePerson', { params: { id: person.id }, body: { isActive: false } })
  await world.settle()
  world.takeMails()
  await deactivate(sponsor)
  await world.settle()
  expect(told(world)).toEqual([[alice.email, 'No executive sponsor: incident 1']])
  await deactivate(bob)
  await world.settle()
  expect(paged(world)).toEqual([{ to: engineering.primary.email, subject: '[HIGH] Incident 1: Tokens are used' }])
  // Who was asked is asked no more; the lead keeps the role.
  const carol = await world.person('responder', 'Carol')
  await ask(alice, carol, note)
  await deactivate(carol)
  expect(await read()).toMatchObject({ lead: { name: 'Alice' }, owner: null, executive: null, handovers: [] })
  // Asked, and left alone: the request stays, as it is what there is.
  await world.settle()
  world.takeMails()
  await deactivate(alice)
  await world.settle()
  expect(paged(world)).toEqual([{ to: security.primary.email, subject: '[HIGH] Incident 1: Tokens are used' }])
  for (const person of [security.primary, engineering.primary]) await acknowledge(world, person)
  expect(await read(lead)).toMatchObject({ lead: { name: security.primary.name }, owner: { name: engineering.primary.name } })
})

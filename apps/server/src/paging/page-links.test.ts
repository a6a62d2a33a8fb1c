import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { linkIn, test, type World } from '../../test/world.ts'
import { signToken } from '../kernel/secrets.ts'

/** An alert that has paged the primary, and the token of the link in that page. */
async function paged(world: World) {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  await world.alert({ service: 'billing' })
  const token = linkIn(primary.expectPage(/billing/), '/a/')
  const state = async () => (await primary.call('pages')).items.map(page => page.state)
  return { primary, backup, token, state, escalate: (given = token) => world.client()('escalateByLink', { body: { token: given } }) }
}

describe('escalateByLink', () => {
  test('pages the next level now, not after its wait, in the name of whoever was paged', async ({ world }) => {
    const { primary, backup, escalate } = await paged(world)
    backup.expectNoPage()
    expect(await escalate()).toMatchObject({ state: 'triggered', you: primary.name, acknowledgedBy: null })
    await world.settle()
    backup.expectPage(/billing/)
    const lead = await world.person('lead')
    const entry = (await lead.call('journal', {})).items.find(({ type }) => type === 'page.escalated')
    expect(entry).toMatchObject({ actor: { id: primary.id } })
  })

  test('opens a page again that was acknowledged', async ({ world }) => {
    const { backup, token, escalate, state } = await paged(world)
    await world.client()('acknowledgeByLink', { body: { token } })
    expect(await state()).toEqual(['acknowledged'])
    await escalate()
    await world.settle()
    expect(await state()).toEqual(['triggered'])
    backup.expectPage(/billing/)
  })

  test('does nothing for a link that is not right, of another purpose, or of somebody who left, nor for a page that is over', async ({ world }) => {
    const { primary, backup, token, escalate } = await paged(world)
    const administrator = await world.person('administrator')
    await administrator.call('invite', { body: { email: 'kim@tocsin.test', name: 'Kim', role: 'observer' } })
    await world.settle()
    const invitation = linkIn(world.expectMail('kim@tocsin.test', /invite/), '/invite/')
    for (const wrong of [`${token}x`, token.slice(1), invitation]) await expect(escalate(wrong)).rejects.toMatchObject(refusal('not-found'))
    const [page] = (await primary.call('pages')).items
    const [alert] = (await primary.call('alerts', {})).items
    await primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    await primary.call('dismissAlert', { params: { id: alert?.id ?? '' }, body: { value: 'false-positive', responsibility: 'us', reason: 'Nothing.' } })
    await world.settle()
    await expect(escalate(), 'it is over').rejects.toMatchObject(refusal('conflict'))
    await administrator.call('changePerson', { params: { id: primary.id }, body: { isActive: false } })
    await expect(escalate(), 'who left').rejects.toMatchObject(refusal('not-found'))
    await world.settle()
    backup.expectNoPage()
  })
})

describe('a private link', () => {
  test('ends after seven days, whatever its page does; one that is sent then works', async ({ world }) => {
    const { token, escalate } = await paged(world)
    const view = (given: string) => world.client()('pageByLink', { body: { token: given } })
    world.jump({ days: 6, hours: 23, minutes: 59 })
    expect((await view(token)).state).toBe('triggered')
    world.takeMails()
    await escalate()
    world.jump({ minutes: 2 })
    const refused = refusal('not-found')
    for (const act of ['pageByLink', 'acknowledgeByLink', 'escalateByLink', 'releaseByLink'] as const)
      await expect(world.client()(act, { body: { token } }), act).rejects.toMatchObject(refused)
    await expect(view(`${token}x`), 'it answers as one that never was').rejects.toMatchObject(refused)
    await world.settle()
    const later = world.takeMails().find(mail => mail.purpose === 'page')
    if (!later) throw new Error('it escalated')
    expect((await view(linkIn(later, '/a/'))).state).toBe('triggered')
  })

  test('from before links said when they were made is as old as its page', async ({ world }) => {
    const { primary } = await paged(world)
    const [page] = (await primary.call('pages')).items
    const token = signToken(world.server.context.secrets, 'page', [page?.id ?? '', primary.id])
    expect((await world.client()('pageByLink', { body: { token } })).you).toBe(primary.name)
    world.jump({ days: 7, minutes: 1 })
    await expect(world.client()('pageByLink', { body: { token } })).rejects.toMatchObject(refusal('not-found'))
  })
})

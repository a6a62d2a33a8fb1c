import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { addContactMethod, removeContactMethod, sendContactCode } from './contact-methods.ts'

/** A second address of somebody, verified by the code that was sent there. */
async function addAddress(world: World, person: Person, address: string): Promise<string> {
  const { method } = await person.call('addContactMethod', { body: { kind: 'email', address } })
  await world.settle()
  const code = /\b\d{6}\b/.exec(world.expectMail(address, /code/).text)?.[0] ?? ''
  expect(await person.call('verifyContactMethod', { params: { id: method.id }, body: { code } })).toMatchObject({ id: method.id, isVerified: true })
  return method.id
}

async function withTwo(world: World) {
  const { team, primary } = await world.team({ tiers: 1 })
  await world.service('billing', team)
  const second = await addAddress(world, primary, 'second@tocsin.test')
  const account = (await primary.call('contactMethods')).find(({ address }) => address === primary.email)?.id ?? ''
  const addresses = async () => (await primary.call('contactMethods')).map(({ address }) => address)
  return { primary, account, second, addresses }
}

/** Addresses that a page has gone to since somebody looked last. */
const paged = (world: World) =>
  world
    .takeMails()
    .filter(({ purpose }) => purpose.startsWith('page'))
    .map(({ to }) => to)
    .toSorted()

describe('notificationRules', () => {
  test('are one’s own, none at first, and as they were saved; pages follow them by urgency and minutes', async ({ world }) => {
    const { primary, account, second } = await withTwo(world)
    expect(await primary.call('notificationRules')).toEqual({ high: [], low: [] })
    await world.alert({ service: 'billing', title: 'First' })
    expect(paged(world), 'without rules every method at once').toEqual([primary.email, 'second@tocsin.test'].toSorted())
    const rules = {
      high: [
        { methodId: second, afterMinutes: 0 },
        { methodId: account, afterMinutes: 3 },
      ],
      low: [{ methodId: account, afterMinutes: 0 }],
    }
    expect(await primary.call('saveNotificationRules', { body: rules })).toEqual(rules)
    expect(await primary.call('notificationRules')).toEqual(rules)
    const other = await world.person()
    expect(await other.call('notificationRules')).toEqual({ high: [], low: [] })
    for (const page of (await primary.call('pages')).items) await primary.call('acknowledgePage', { params: { id: page.id } })
    await world.alert({ service: 'billing', title: 'Second' })
    expect(paged(world)).toEqual(['second@tocsin.test'])
    await world.advance({ minutes: 3 })
    expect(paged(world)).toEqual([primary.email])
  })

  test('name verified methods of one’s own, and need a session; where one is refused none is saved', async ({ world }) => {
    const { primary, account, second } = await withTwo(world)
    const other = await world.person()
    const rule = (methodId: string) => ({ methodId, afterMinutes: 0 })
    await expect(other.call('saveNotificationRules', { body: { high: [rule(second)], low: [] } }), 'of somebody else').rejects.toMatchObject(
      refusal('invalid', 'high.0.methodId'),
    )
    const { method } = await primary.call('addContactMethod', { body: { kind: 'email', address: 'third@tocsin.test' } })
    await expect(
      primary.call('saveNotificationRules', { body: { high: [rule(account)], low: [rule(account), rule(method.id)] } }),
      'not verified',
    ).rejects.toMatchObject(refusal('invalid', 'low.1.methodId'))
    const late = { methodId: account, afterMinutes: 121 }
    await expect(primary.call('saveNotificationRules', { body: { high: [late], low: [] } })).rejects.toMatchObject(refusal('invalid', 'high.0.afterMinutes'))
    expect(await primary.call('notificationRules')).toEqual({ high: [], low: [] })
    await expect(world.client()('notificationRules')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

test('the code that verifies a contact method is in no message log, journal or answer, of whatever channel: only where it was sent', async ({ world }) => {
  const lead = await world.person('lead')
  const { method } = await lead.call('addContactMethod', { body: { kind: 'email', address: 'lead@elsewhere.test', label: '' } })
  await lead.call('sendContactCode', { params: { id: method.id } })
  await world.settle()
  const codes = world.takeMails().flatMap(mail => (mail.to === 'lead@elsewhere.test' ? (/\b\d{6}\b/.exec(`${mail.subject} ${mail.text}`) ?? []) : []))
  expect(codes.length, 'two mails with codes').toBe(2)
  const administrator = await world.person('administrator')
  for (const reader of [lead, administrator])
    for (const route of ['messageLog', 'journal', 'contactMethods', 'me'] as const) {
      const text = JSON.stringify(await reader.call(route))
      expect(
        codes.filter(code => text.includes(code)),
        route,
      ).toEqual([])
    }
})

test('a contact method gives its owner a mail, and nobody more tries by being added again, nor more codes to the address of somebody else', async ({
  world,
}) => {
  const { primary } = await withTwo(world)
  await world.settle()
  const told = world.expectMail(primary.email, /account was changed/).text
  expect(told).toContain('a contact method was added to your Tocsin account: email, second@tocsin.test.')
  const { context } = world.server
  const caller = {
    actor: { kind: 'person', id: primary.id, name: primary.name },
    personId: primary.id,
    role: 'responder',
    needToKnow: 'own',
    sessionId: null,
  } as const
  // Past the limits of a minute.
  const add = () => context.database.transaction(tx => addContactMethod(tx, context, caller, { kind: 'email', address: 'victim@elsewhere.test', label: '' }))
  for (let n = 1; n < 15; n += 1) {
    const { method } = await add()
    await context.database.transaction(tx => removeContactMethod(tx, context, caller, method.id))
  }
  await expect(add()).rejects.toThrow('A person can add at most 15 contact methods a day.')
  world.jump({ hours: 25 })
  const { method } = await add()
  const send = () => context.database.transaction(tx => sendContactCode(tx, context, caller, method.id))
  for (let n = 1; n < 5; n += 1) await send()
  await expect(send()).rejects.toThrow('A contact method is sent at most 5 codes a day.')
})

describe('removeContactMethod', () => {
  test('takes a method away at once: out of the list, out of the rules, pages go to what is left, and its owner is told', async ({ world }) => {
    const { primary, account, second, addresses } = await withTwo(world)
    const rules = { high: [{ methodId: second, afterMinutes: 0 }], low: [{ methodId: account, afterMinutes: 0 }] }
    await primary.call('saveNotificationRules', { body: rules })
    await primary.call('removeContactMethod', { params: { id: second } })
    expect(await addresses()).toEqual([primary.email])
    expect(await primary.call('notificationRules')).toEqual({ high: [], low: rules.low })
    await world.alert({ service: 'billing' })
    world.expectMail(primary.email, /a contact method was removed from your Tocsin account: email, second@tocsin\.test\./)
    expect(paged(world)).toEqual([primary.email])
    const lead = await world.person('lead')
    const entry = (await lead.call('journal', { query: { limit: 50 } })).items.find(({ type }) => type === 'contact-method.removed')
    expect(entry).toMatchObject({ actor: { id: primary.id }, data: { id: second, kind: 'email' } })
  })

  test('leaves one that pages can reach, and takes nobody else’s', async ({ world }) => {
    const { primary, account, second, addresses } = await withTwo(world)
    const other = await world.person('administrator')
    await expect(other.call('removeContactMethod', { params: { id: second } })).rejects.toMatchObject(refusal('not-found'))
    await expect(world.client()('removeContactMethod', { params: { id: second } })).rejects.toMatchObject(refusal('not-signed-in'))
    await expect(other.call('removeContactMethod', { params: { id: other.id } }), 'the account’s own address').rejects.toMatchObject(refusal('conflict'))
    await primary.call('removeContactMethod', { params: { id: account } })
    await primary.call('addContactMethod', { body: { kind: 'email', address: 'third@tocsin.test' } })
    await expect(primary.call('removeContactMethod', { params: { id: second } }), 'what is left is not verified').rejects.toMatchObject(refusal('conflict'))
    expect(await addresses()).toEqual(['second@tocsin.test', 'third@tocsin.test'])
  })
})

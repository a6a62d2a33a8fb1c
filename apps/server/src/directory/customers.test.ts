import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'

const input = { name: 'Globex', region: 'EU', noticeHours: 48, contacts: [{ name: 'Security', email: 'Security@Globex.test' }] }

async function customer(world: World) {
  const lead = await world.person('lead')
  const { team } = await world.team({ tiers: 1 })
  const service = await world.service('billing', team)
  const saved = await lead.call('saveCustomer', { body: { ...input, serviceIds: [service.id] } })
  return { lead, service, saved }
}

describe('a customer', () => {
  test('is listed with its terms, its contacts and the services that it uses', async ({ world }) => {
    const { lead, service, saved } = await customer(world)
    expect(saved).toMatchObject({ ...input, contacts: [{ name: 'Security', email: 'security@globex.test' }], services: [{ id: service.id, name: 'billing' }] })
    expect(await lead.call('customers')).toEqual([saved])
    await expect((await world.person('observer')).call('customers'), 'whom we tell is not for everybody').rejects.toMatchObject(refusal('forbidden'))
  })

  test('is never saved over a newer version: the second of two is told, and changes nothing', async ({ world }) => {
    const { lead, saved } = await customer(world)
    const { id, version } = saved
    const theirs = await lead.call('saveCustomer', { body: { ...input, id, version, noticeHours: 24 } })
    expect(theirs).toMatchObject({ noticeHours: 24, services: [], version: version + 1 })
    await expect(lead.call('saveCustomer', { body: { ...input, id, version, noticeHours: 72 } })).rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('saveCustomer', { body: { ...input, id, noticeHours: 72 } })).rejects.toMatchObject(refusal('invalid', 'version'))
    expect(await lead.call('customers')).toEqual([theirs])
  })

  test('one of many who save at the very same moment wins', async ({ world }) => {
    const { lead, saved } = await customer(world)
    const { id, version } = saved
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, (_, n) => lead.call('saveCustomer', { body: { ...input, id, version, noticeHours: 10 + n } })),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await lead.call('customers'))[0]?.version).toBe(version + 1)
  })

  test('needs a name of its own, services that there are, and a lead; no contract promises more than 72 hours', async ({ world }) => {
    const { lead, saved } = await customer(world)
    const save = (change: object, who = lead) => who.call('saveCustomer', { body: { ...input, name: 'Initech', ...change } })
    for (const name of ['Globex', 'GLOBEX', 'globex', 'Ｇｌｏｂｅｘ']) await expect(save({ name }), name).rejects.toMatchObject(refusal('conflict'))
    await expect(save({ serviceIds: [saved.id] })).rejects.toMatchObject(refusal('invalid', 'serviceIds'))
    await expect(save({ noticeHours: 73 })).rejects.toMatchObject(refusal('invalid', 'noticeHours'))
    await expect(save({ contacts: [] })).rejects.toMatchObject(refusal('invalid', 'contacts'))
    await expect(save({ id: lead.id, version: 1 })).rejects.toMatchObject(refusal('not-found'))
    await expect(save({}, await world.person('responder'))).rejects.toMatchObject(refusal('forbidden'))
    expect(await lead.call('customers')).toEqual([saved])
  })

  test('a change is on record with what was before', async ({ world }) => {
    const { lead, service, saved } = await customer(world)
    await lead.call('saveCustomer', { body: { ...input, id: saved.id, version: saved.version, noticeHours: 24 } })
    const [entry] = (await lead.call('journal', {})).items
    expect(entry).toMatchObject({ type: 'customer.changed', data: { noticeHours: 24, before: { noticeHours: 48, serviceIds: [service.id] } } })
  })
})

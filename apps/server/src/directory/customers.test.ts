import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'

const input = { name: 'Globex', region: 'EU', noticeTerm: { amount: 48 }, contacts: [{ name: 'Security', email: 'Security@Globex.test' }] }

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
    const theirs = await lead.call('saveCustomer', { body: { ...input, id, version, noticeTerm: { amount: 24 } } })
    expect(theirs).toMatchObject({ noticeTerm: { amount: 24 }, services: [], version: version + 1 })
    await expect(lead.call('saveCustomer', { body: { ...input, id, version, noticeTerm: { amount: 72 } } })).rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('saveCustomer', { body: { ...input, id, noticeTerm: { amount: 72 } } })).rejects.toMatchObject(refusal('invalid', 'version'))
    expect(await lead.call('customers')).toEqual([theirs])
    // Whoever corrects a contact and says nothing of the contract changes no deadline.
    const { noticeTerm: _, ...contact } = input
    expect(await lead.call('saveCustomer', { body: { ...contact, id, version: version + 1, region: 'US' } })).toMatchObject({
      region: 'US',
      noticeTerm: { amount: 24 },
    })
  })

  test('one of many who save at the very same moment wins', async ({ world }) => {
    const { lead, saved } = await customer(world)
    const { id, version } = saved
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, (_, n) => lead.call('saveCustomer', { body: { ...input, id, version, noticeTerm: { amount: 10 + n } } })),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await lead.call('customers'))[0]?.version).toBe(version + 1)
  })

  test('needs a name of its own, services that there are, and a lead', async ({ world }) => {
    const { lead, saved } = await customer(world)
    const save = (change: object, who = lead) => who.call('saveCustomer', { body: { ...input, name: 'Initech', ...change } })
    for (const name of ['Globex', 'GLOBEX', 'globex', 'Ｇｌｏｂｅｘ']) await expect(save({ name }), name).rejects.toMatchObject(refusal('conflict'))
    await expect(save({ serviceIds: [saved.id] })).rejects.toMatchObject(refusal('invalid', 'serviceIds'))
    await expect(save({ contacts: [] })).rejects.toMatchObject(refusal('invalid', 'contacts'))
    await expect(save({ id: lead.id, version: 1 })).rejects.toMatchObject(refusal('not-found'))
    await expect(save({}, await world.person('responder'))).rejects.toMatchObject(refusal('forbidden'))
    expect(await lead.call('customers')).toEqual([saved])
  })

  test('a change is on record with what was before', async ({ world }) => {
    const { lead, service, saved } = await customer(world)
    await lead.call('saveCustomer', { body: { ...input, id: saved.id, version: saved.version, noticeTerm: { amount: 24 } } })
    const [entry] = (await lead.call('journal', {})).items
    expect(entry).toMatchObject({
      type: 'customer.changed',
      data: { noticeTerm: { amount: 24 }, before: { noticeTerm: { amount: 48 }, serviceIds: [service.id] } },
    })
  })
})

describe('the term of a contract', () => {
  test('is of any length in hours or days, from the event that it names; what is out of bounds is refused by a sentence', async ({ world }) => {
    const { lead, saved } = await customer(world)
    expect(saved.noticeTerm).toEqual({ start: 'declared', amount: 48, unit: 'hours', calendar: null })
    let { version } = saved
    const set = async (noticeTerm: NonNullable<Parameters<typeof lead.call<'saveCustomer'>>[1]['body']['noticeTerm']>) => {
      const next = await lead.call('saveCustomer', { body: { ...input, id: saved.id, version, noticeTerm } })
      version = next.version
      return next.noticeTerm
    }
    expect(await set({ amount: 96 })).toEqual({ start: 'declared', amount: 96, unit: 'hours', calendar: null })
    expect(await set({ start: 'aware', amount: 5, unit: 'business-days' })).toEqual({ start: 'aware', amount: 5, unit: 'business-days', calendar: null })
    const calendar = await lead.call('saveCalendar', { body: { name: 'Berlin', timeZone: 'Europe/Berlin', workdays: ['mon', 'tue'] } })
    const { id: calendarId, name } = calendar
    expect(await set({ start: 'found', amount: 366, unit: 'calendar-days', calendarId })).toMatchObject({ start: 'found', calendar: { id: calendarId, name } })
    await expect(set({ amount: 8_761 })).rejects.toThrow('noticeTerm.amount: must be at most 8,760 hours')
    await expect(set({ amount: 367, unit: 'business-days' })).rejects.toThrow('noticeTerm.amount: must be at most 366 business days')
    await expect(set({ amount: 0 })).rejects.toThrow('noticeTerm.amount: must be at least 1')
    await expect(set({ amount: 72, calendarId })).rejects.toThrow('noticeTerm.calendarId: must be null for a period in hours')
    await expect(set({ amount: 5, unit: 'business-days', calendarId: saved.id })).rejects.toMatchObject(refusal('invalid', 'noticeTerm.calendarId'))
    const old = { ...input, id: saved.id, version, noticeHours: 24 }
    await expect(lead.call('saveCustomer', { body: old }), 'the field of earlier releases').rejects.toThrow(/noticeHours/)
    const [entry] = (await lead.call('journal', { query: { type: 'customer.changed' } })).items
    expect(entry?.data).toMatchObject({
      noticeTerm: { start: 'found', calendarId },
      before: { noticeTerm: { start: 'aware', amount: 5, unit: 'business-days', calendarId: null } },
    })
  })

  test('counts by a calendar, which has a name of its own and at least one workday, and stays while a contract uses it', async ({ world }) => {
    const { lead, saved } = await customer(world)
    const body = { name: 'Berlin', timeZone: 'Europe/Berlin', workdays: ['fri', 'mon'] as const, holidays: ['2026-12-25', '2026-01-01', '2026-12-25'] }
    const save = (change: object = {}, who = lead) => who.call('saveCalendar', { body: { ...body, workdays: [...body.workdays], ...change } })
    const calendar = await save()
    expect(calendar).toEqual({ ...body, id: calendar.id, workdays: ['mon', 'fri'], holidays: ['2026-01-01', '2026-12-25'], version: 1 })
    await expect(save()).rejects.toMatchObject(refusal('conflict'))
    await expect(save({ name: 'Paris', timeZone: 'Europe/Atlantis' })).rejects.toMatchObject(refusal('invalid', 'timeZone'))
    await expect(save({ name: 'Paris', workdays: [] })).rejects.toMatchObject(refusal('invalid', 'workdays'))
    await expect(save({ name: 'Paris', holidays: ['2026-02-30'] })).rejects.toMatchObject(refusal('invalid', 'holidays.0'))
    await expect(save({ name: 'Paris' }, await world.person('responder'))).rejects.toMatchObject(refusal('forbidden'))
    const changed = await save({ id: calendar.id, version: 1, workdays: ['mon'] })
    expect(changed).toMatchObject({ workdays: ['mon'], version: 2 })
    await expect(save({ id: calendar.id, version: 1 })).rejects.toMatchObject(refusal('conflict'))
    await lead.call('saveCustomer', {
      body: { ...input, id: saved.id, version: saved.version, noticeTerm: { amount: 5, unit: 'business-days', calendarId: calendar.id } },
    })
    const params = { id: calendar.id }
    await expect(lead.call('removeCalendar', { params })).rejects.toThrow(
      'The contract of Globex counts by this calendar. Choose another calendar there first.',
    )
    await lead.call('saveCustomer', { body: { ...input, id: saved.id, version: saved.version + 1 } })
    await lead.call('removeCalendar', { params })
    await expect(lead.call('removeCalendar', { params })).rejects.toMatchObject(refusal('not-found'))
    expect(await lead.call('calendars')).toEqual([])
    const types = (await lead.call('journal', { query: { limit: 200 } })).items.map(({ type }) => type).filter(type => type.startsWith('calendar.'))
    expect(types).toEqual(['calendar.removed', 'calendar.changed', 'calendar.added'])
  })
})

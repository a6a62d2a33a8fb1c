import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { linkIn, type Person, test, type World } from '../../test/world.ts'

/** An incident without services, and two services with teams of their own that would carry out the plan. */
async function incidentWith(world: World, { isRestricted = false } = {}) {
  const { team } = await world.team({ tiers: 1 })
  const billing = await world.team({ kind: 'engineering', tiers: 1 })
  const search = await world.team({ kind: 'engineering', tiers: 1 })
  const services = { billing: await world.service('billing', team, billing.team), search: await world.service('search', team, search.team) }
  const lead = await world.person('lead')
  const incident = await lead.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', isRestricted } })
  const params = { id: incident.id }
  const set = async (listed: readonly { id: string; basis: string }[], person: Person = lead) => {
    const { version } = await lead.call('incident', { params })
    const after = await person.call('setAffectedServices', { params, body: { version, services: [...listed] } })
    await world.settle()
    return after
  }
  await world.settle()
  world.takeMails()
  return { lead, incident, params, services, set, owners: { billing: billing.primary, search: search.primary } }
}

describe('setting the affected services', () => {
  test('replaces the list, each with its basis, and pages the engineering team of each new one once', async ({ world }) => {
    const { services, set, owners, lead } = await incidentWith(world)
    const billing = { id: services.billing.id, basis: 'Its logs show it.' }
    const search = { id: services.search.id, basis: 'It reads the same database.' }
    expect((await set([billing])).services).toMatchObject([billing])
    owners.billing.expectPage(/Its logs show it/)
    owners.search.expectNoPage()
    await set([billing, search])
    owners.search.expectPage(/It reads the same database/)
    owners.billing.expectNoPage()
    expect((await set([search])).services).toMatchObject([search])
    owners.billing.expectNoPage()
    const [entry] = (await lead.call('journal', {})).items.filter(({ type }) => type === 'incident.services-set')
    expect(entry).toMatchObject({ data: { services: [{ ...search, name: 'search' }] } })
  })

  test('of a restricted incident pages nobody: its lead names whom', async ({ world }) => {
    const { services, set, owners } = await incidentWith(world, { isRestricted: true })
    await set([{ id: services.billing.id, basis: 'An insider.' }])
    await world.advance({ hours: 1 })
    owners.billing.expectNoPage()
  })

  test('names each service once, of those that there are, on the newest version; where it is refused nobody is paged', async ({ world }) => {
    const { services, set, owners, incident, params, lead } = await incidentWith(world)
    const billing = { id: services.billing.id, basis: 'Logs.' }
    await expect(set([billing, billing])).rejects.toMatchObject(refusal('invalid', 'services'))
    await expect(set([billing, { id: incident.id, basis: 'x' }])).rejects.toMatchObject(refusal('invalid', 'services'))
    await expect(set([{ ...billing, basis: ' ' }])).rejects.toMatchObject(refusal('invalid', 'services.0.basis'))
    const stale = { version: incident.version + 1, services: [billing] }
    await expect(lead.call('setAffectedServices', { params, body: stale })).rejects.toMatchObject(refusal('conflict'))
    await world.settle()
    owners.billing.expectNoPage()
    expect((await lead.call('incident', { params })).services).toEqual([])
  })

  test('leaves a declared incident with at least one, whose teams are paged', async ({ world }) => {
    const { services, set, params, lead } = await incidentWith(world)
    const billing = { id: services.billing.id, basis: 'Its logs show it.' }
    await set([billing])
    await set([])
    await set([billing])
    await declare(lead, params.id, { class: 'security-incident' })
    await expect(set([])).rejects.toMatchObject(refusal('conflict'))
    const search = { id: services.search.id, basis: 'It was this one.' }
    expect((await set([search])).services).toMatchObject([search])
  })

  test('is for responders and above who may see the incident', async ({ world }) => {
    const { set, services } = await incidentWith(world, { isRestricted: true })
    const listed = [{ id: services.billing.id, basis: 'Logs.' }]
    await expect(set(listed, await world.person('observer'))).rejects.toMatchObject(refusal('forbidden'))
    await expect(set(listed, await world.person('lead')), 'an outsider').rejects.toMatchObject(refusal('not-found'))
    await expect(world.client()('setAffectedServices', { params: { id: services.billing.id }, body: { version: 1, services: listed } })).rejects.toMatchObject(
      refusal('not-signed-in'),
    )
  })
})

test('one team of any kind answers both sides of a service: its alerts page it, once about an incident, and who acknowledges leads and owns', async ({
  world,
}) => {
  for (const kind of ['engineering', 'security'] as const) {
    const { team, primary } = await world.team({ kind, tiers: 1 })
    await world.service(`${kind} service`, team, team)
    const alert = await world.alert({ service: `${kind} service` })
    primary.expectPage(/Something odd/)
    const other = await world.person('responder')
    const incident = await other.call('openIncident', {
      body: {
        title: 'Breach',
        reason: 'Suspicion.',
        serviceIds: [alert && (await other.call('alert', { params: { id: alert.id } })).service?.id].flatMap(id => id ?? []),
      },
    })
    await world.settle()
    const mail = primary.expectPage(/Breach/)
    primary.expectNoPage()
    await world.client()('acknowledgeByLink', { body: { token: linkIn(mail, '/a/') } })
    await world.settle()
    expect(await other.call('incident', { params: { id: incident.id } })).toMatchObject({ lead: { id: primary.id }, owner: { id: primary.id } })
  }
})

import type { PageTarget } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { linkIn, test, type World } from '../../test/world.ts'
import { newId } from '../kernel/ids.ts'
import { teamChannels } from '../notify/index.ts'

const unknown = '0193b5a0-0000-7000-8000-000000000001'
const unknownTargets: readonly (readonly [PageTarget, string])[] = [
  [{ kind: 'person', personId: unknown }, 'personId'],
  [{ kind: 'schedule', scheduleId: unknown, position: 0 }, 'scheduleId'],
  [{ kind: 'team', teamId: unknown }, 'teamId'],
  [{ kind: 'tier', tierId: unknown }, 'tierId'],
  [{ kind: 'channel', channelId: unknown }, 'channelId'],
]

async function teamIn(world: World) {
  const { team, primary } = await world.team({ tiers: 1 })
  const lead = await world.person('lead')
  const params = { id: team.id }
  const settings = (await lead.call('onCall')).find(one => one.team.id === team.id)?.settings
  if (!settings) throw new Error('the team is on call')
  return { team, primary, lead, params, settings }
}

describe('what is to be paged must exist', () => {
  test('in a policy, in a fallback, in a routing rule and in a silence', async ({ world }) => {
    const { lead, params, settings } = await teamIn(world)
    for (const [target, field] of unknownTargets) {
      const levels = [
        { targets: [{ kind: 'everyone' as const }], waitMinutes: 5 },
        { targets: [{ kind: 'everyone' as const }, target], waitMinutes: 5 },
      ]
      await expect(lead.call('savePolicy', { params, body: { name: 'Odd', levels } }), target.kind).rejects.toMatchObject(
        refusal('invalid', `levels.1.targets.1.${field}`),
      )
      await expect(lead.call('saveTeamOnCall', { params, body: { ...settings, fallback: [target] } }), target.kind).rejects.toMatchObject(
        refusal('invalid', `fallback.0.${field}`),
      )
    }
    const [policy] = await lead.call('policies')
    const routing = [{ serviceIds: [unknown], severities: [], policyId: policy?.id ?? '' }]
    await expect(lead.call('saveTeamOnCall', { params, body: { ...settings, routing } })).rejects.toMatchObject(refusal('invalid', 'routing.0.serviceIds'))
    const silence = { matchers: { serviceIds: [unknown] }, reason: 'Maintenance', start: world.now, end: '2026-11-24T08:00:00Z' }
    await expect(lead.call('addSilence', { body: silence })).rejects.toMatchObject(refusal('invalid', 'matchers.serviceIds'))
  })

  test('and be able to answer: an observer, or somebody who left, is refused by name wherever people are chosen to be on call or paged', async ({ world }) => {
    const { lead, primary, params, team } = await teamIn(world)
    const [observer, gone] = [await world.person('observer', 'Olga'), await world.person('responder', 'Gero')]
    await (await world.person('administrator')).call('changePerson', { params: { id: gone.id }, body: { isActive: false } })
    const schedule = (await lead.call('onCall')).find(one => one.team.id === team.id)?.schedules[0]
    const settings = (await lead.call('onCall')).find(one => one.team.id === team.id)?.settings
    if (!schedule || !settings) throw new Error('the team is on call')
    const other = await lead.call('saveTeam', { body: { name: 'New', kind: 'engineering', memberIds: [] } })
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    const token = linkIn(primary.expectPage(/billing/), '/a/')
    const [page] = (await primary.call('pages')).items
    const of = { id: page?.id ?? '' }
    const rotation = { type: 'daily' as const, start: '2026-11-23T08:00' }
    const [start, end] = ['2026-11-24T08:00:00Z', '2026-11-25T08:00:00Z']
    for (const { id, name, email } of [observer, gone]) {
      const layers = [...schedule.layers, { name: 'Nights', rotation, participants: [[primary.id, id]] }]
      const target = { kind: 'person' as const, personId: id }
      const level = { targets: [target], waitMinutes: 5 }
      const set = { timeZone: 'UTC', rotation, participantIds: [primary.id, id], levels: [{ ...level, targets: [] }] }
      const choices: readonly (readonly [string, () => Promise<unknown>])[] = [
        ['layers.participants', () => lead.call('saveSchedule', { params, body: { ...schedule, layers } })],
        ['participants', () => lead.call('addOverride', { params: { id: schedule.id }, body: { participants: [id], start, end } })],
        ['participants', () => lead.call('addOverride', { params: { id: schedule.id }, body: { kind: 'shadow', participants: [id], start, end } })],
        ['layers.participants', () => lead.call('addTemporary', { params: { id: schedule.id }, body: { name: 'Holidays', layers, start, end } })],
        ['participantIds', () => lead.call('setUpOnCall', { params: { id: other.id }, body: set })],
        ['levels.0.targets.0.personId', () => lead.call('savePolicy', { params, body: { name: 'Odd', levels: [level] } })],
        ['fallback.0.personId', () => lead.call('saveTeamOnCall', { params, body: { ...settings, fallback: [target] } })],
        ['personId', () => lead.call('saveApprenticeship', { params: { ...params, personId: id }, body: { isFinished: false } })],
        ['toId', () => primary.call('declinePage', { params: of, body: { toId: id } })],
        ['personIds', () => primary.call('addResponders', { params: of, body: { personIds: [id] } })],
      ]
      for (const [field, choose] of choices) {
        await expect(choose(), field).rejects.toMatchObject(refusal('invalid', field))
        await expect(choose(), field).rejects.toThrow(name)
      }
      await expect(world.client()('declineByLink', { body: { token, to: email } })).rejects.toMatchObject(refusal('invalid', 'to'))
      await expect(world.client()('addRespondersByLink', { body: { token, who: email } })).rejects.toMatchObject(refusal('invalid', 'who'))
    }
    await lead.call('addOverride', { params: { id: schedule.id }, body: { kind: 'remove', participants: [observer.id], start, end } })
    await world.settle()
    for (const person of [observer, gone]) person.expectNoPage()
  })

  test('also later: a schedule or a channel that a fallback pages cannot be deleted', async ({ world }) => {
    const { team, lead, params, settings } = await teamIn(world)
    const spare = await lead.call('saveSchedule', { params, body: { name: 'Spare', timeZone: 'UTC', layers: [] } })
    const channelId = newId()
    await world.server.context.database.transaction(tx =>
      tx.db.insert(teamChannels).values({ id: channelId, teamId: team.id, kind: 'slack', name: 'war room', address: 'C012AB3CD', secret: null }),
    )
    const fallback: PageTarget[] = [
      { kind: 'schedule', scheduleId: spare.id, position: 0 },
      { kind: 'channel', channelId },
    ]
    const saved = await lead.call('saveTeamOnCall', { params, body: { ...settings, fallback } })
    const removals = [() => lead.call('removeSchedule', { params: { id: spare.id } }), () => lead.call('removeTeamChannel', { params: { id: channelId } })]
    for (const remove of removals) await expect(remove()).rejects.toThrow(`The fallback of ${team.name} uses this`)
    if (!saved.settings) throw new Error('the settings were saved')
    await lead.call('saveTeamOnCall', { params, body: { ...saved.settings, fallback: [] } })
    for (const remove of removals) await remove()
  })

  test('also in the moment when it is deleted: either that is refused, or its use', async ({ world }) => {
    const { lead, params, settings } = await teamIn(world)
    const levels = [{ targets: [{ kind: 'everyone' as const }], waitMinutes: 5 }]
    let { version } = settings
    for (let round = 0; round < 12; round += 1) {
      const schedule = await lead.call('saveSchedule', { params, body: { name: `Spare ${round}`, timeZone: 'UTC', layers: [] } })
      const policy = await lead.call('savePolicy', { params, body: { name: `Spare ${round}`, levels } })
      const targets: PageTarget[] = [{ kind: 'schedule', scheduleId: schedule.id, position: 0 }]
      const remove = [() => lead.call('removeSchedule', { params: { id: schedule.id } }), () => lead.call('removePolicy', { params: { id: policy.id } })]
      const use = [
        () => lead.call('savePolicy', { params, body: { name: `User ${round}`, levels: [{ targets, waitMinutes: 5 }] } }),
        () => lead.call('saveTeamOnCall', { params, body: { ...settings, version, policyId: policy.id } }),
      ]
      const both = await Promise.allSettled((round % 2 === 0 ? [...remove, ...use] : [...use, ...remove]).map(start => start()))
      const [removals, uses] = round % 2 === 0 ? [both.slice(0, 2), both.slice(2)] : [both.slice(2), both.slice(0, 2)]
      for (const [n, removal] of removals.entries()) {
        expect([removal.status, uses[n]?.status].toSorted(), 'one of both').toEqual(['fulfilled', 'rejected'])
      }
      for (const { reason } of both.filter(each => each.status === 'rejected')) expect([400, 409]).toContain(reason.problem.status)
      version = (await lead.call('onCall')).find(one => one.team.id === params.id)?.settings?.version ?? version
    }
  })
})

import { describe, expect } from 'vitest'
import { test } from '../../test/world.ts'
import { calendarFeeds } from '../scheduling/tables.ts'
import { constraintProblem } from './constraints.ts'

const violation = (code: string, detail: string, constraint = '', table = 'teams') =>
  constraintProblem(Object.assign(new Error('Failed query'), { cause: Object.assign(new Error(detail), { code, detail, constraint, table }) }))

describe('a violated constraint', () => {
  test('is told by its field, and is nothing that went wrong on our side', () => {
    expect(violation('23505', 'Key (name)=(Blue) already exists.')).toMatchObject({ kind: 'conflict', errors: [{ path: 'name' }] })
    expect(violation('23505', 'Key (team_id, start_at)=(1, 2) already exists.')).toMatchObject({ errors: [{ path: 'startAt' }] })
    expect(violation('23505', 'Key (lower(email))=(a@b.c) already exists.')).toMatchObject({ errors: [{ path: 'email' }] })
    expect(violation('23505', 'Key (key_digest)=(12ab) already exists.')).toMatchObject({ kind: 'conflict', errors: [{ path: 'body' }] })
    expect(violation('23505', 'Key (key_digest)=(12ab) already exists.')?.message).not.toContain('12ab')
    expect(violation('23503', 'Key (owner_id)=(1) is not present in table "people".')).toMatchObject({ kind: 'invalid', errors: [{ path: 'ownerId' }] })
    expect(violation('23503', 'Key (id)=(1) is still referenced from table "pages".')).toMatchObject({
      kind: 'conflict',
      message: expect.stringMatching(/used by the pages/),
    })
    expect(violation('23514', 'Failing row contains (…).', 'teams_kind_check')).toMatchObject({ kind: 'invalid', errors: [{ path: 'kind' }] })
    expect(violation('23502', 'Failing row contains (…).')).toBeUndefined()
    expect(constraintProblem(new Error('no'))).toBeUndefined()
  })

  test('nine equal ones at once: one is saved, and the others are refused by name as one that comes later is', async ({ world }) => {
    const lead = await world.person('lead')
    const { team, primary } = await world.team({ tiers: 1 })
    const params = { id: team.id }
    const levels = [{ targets: [{ kind: 'everyone' as const }], waitMinutes: 5 }]
    const contacts = [{ name: 'Security', email: 'security@globex.test' }]
    const hook = { kind: 'webhook' as const, name: 'Room', address: 'https://chat.example/room' }
    const saves: Record<string, () => Promise<unknown>> = {
      team: () => lead.call('saveTeam', { body: { name: 'Blue', kind: 'security', memberIds: [] } }),
      customer: () => lead.call('saveCustomer', { body: { name: 'Globex', region: 'EU', contacts } }),
      service: () => lead.call('saveService', { body: { name: 'Billing', securityTeamId: team.id, engineeringTeamId: engineering.id, pageFrom: 'high' } }),
      schedule: () => lead.call('saveSchedule', { params, body: { name: 'Nights', timeZone: 'UTC', layers: [] } }),
      policy: () => lead.call('savePolicy', { params, body: { name: 'Quiet', levels } }),
      channel: () => lead.call('saveTeamChannel', { params, body: hook }),
      'contact method': () => primary.call('addContactMethod', { body: { kind: 'webhook', address: 'https://pager.example/hook' } }),
    }
    const { team: engineering } = await world.team({ tiers: 1, kind: 'engineering' })
    for (const [what, save] of Object.entries(saves)) {
      const all = await Promise.allSettled(Array.from({ length: 9 }, save))
      const refused = all.flatMap(each => (each.status === 'rejected' ? [String(each.reason)] : []))
      expect(refused, what).toHaveLength(8)
      const later = await save().then(String, String)
      expect(later, what).toMatch(/already (has|have|exists)/)
      expect(new Set(refused), what).toEqual(new Set([later]))
    }
    const administrator = await world.person('administrator')
    const invite = () => administrator.call('invite', { body: { email: 'new@tocsin.test', name: 'New', role: 'responder' } })
    await Promise.all(Array.from({ length: 9 }, invite))
    expect((await administrator.call('people')).invitations, 'a newer invitation ends the earlier ones').toHaveLength(1)
    await Promise.all(Array.from({ length: 9 }, () => primary.call('makeFeed', { body: {} })))
    expect(await world.server.context.database.reader().db.select().from(calendarFeeds), 'a newer feed replaces the earlier ones').toHaveLength(1)
  })
})

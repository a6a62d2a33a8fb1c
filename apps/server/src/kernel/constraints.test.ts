import { describe, expect } from 'vitest'
import { test } from '../../test/world.ts'
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

  test.for([
    ['saveTeam', () => ({ name: 'Blue', kind: 'security', memberIds: [] })],
    ['saveCustomer', () => ({ name: 'Globex', region: 'EU', noticeHours: 72, contacts: [{ name: 'Security', email: 'security@globex.test' }] })],
  ] as const)('ten equal names at once (%s): one is saved, nine are refused by name', async ([route, body], { world }) => {
    const lead = await world.person('lead')
    const replies = await Promise.all(
      Array.from({ length: 10 }, () =>
        fetch(`${world.origin}/api/v1/${route === 'saveTeam' ? 'teams' : 'customers'}`, {
          method: 'POST',
          headers: { cookie: lead.cookie, origin: world.origin, 'content-type': 'application/json' },
          body: JSON.stringify(body()),
        }),
      ),
    )
    const statuses = replies.map(reply => reply.status).sort()
    expect(statuses.filter(status => status < 300)).toHaveLength(1)
    expect(statuses.filter(status => status === 409)).toHaveLength(9)
    for (const reply of replies.filter(each => each.status === 409)) expect(await reply.json()).toMatchObject({ detail: expect.stringMatching(/name/) })
  })
})

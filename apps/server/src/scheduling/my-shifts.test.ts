import type { ProblemError } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'

const hour = 3_600_000

/** A team of three whose daily rotation hands over at midnight; the first is primary now, the second secondary. */
async function dailyTeam(world: World) {
  const lead = await world.person('lead')
  const members = [await world.person(), await world.person(), await world.person()] as const
  const participantIds = members.map(({ id }) => id)
  const team = await lead.call('saveTeam', { body: { name: 'Response', kind: 'security', memberIds: participantIds } })
  const { schedules } = await lead.call('setUpOnCall', {
    params: { id: team.id },
    body: {
      ...{ timeZone: 'UTC', rotation: { type: 'daily', start: '2026-11-23T00:00' }, participantIds, tiers: 2, repeats: 0 },
      levels: [{ targets: [{ kind: 'tier', tier: 0 }], waitMinutes: 5 }],
    },
  })
  await world.settle()
  const [schedule] = schedules
  if (!schedule) throw new Error('the team has a schedule')
  return { lead, members, team, schedule }
}

describe('myShifts', () => {
  test('are those of the signed-in person alone, in order, for the next 90 days', async ({ world }) => {
    const { members, team, schedule } = await dailyTeam(world)
    const [first, second] = members
    const shifts = await first.call('myShifts')
    expect(shifts[0]).toMatchObject({ team: { id: team.id }, schedule: { id: schedule.id }, tier: 'primary', isShadow: false, end: '2026-11-24T00:00:00.000Z' })
    expect(shifts.map(({ start }) => start)).toEqual(shifts.map(({ start }) => start).toSorted())
    const last = Math.max(...shifts.map(({ end }) => Date.parse(end)))
    expect(last - Date.parse(world.now)).toBeLessThanOrEqual(90 * 24 * hour)
    expect(last - Date.parse(world.now)).toBeGreaterThan(86 * 24 * hour)
    // At each tier a third of the days.
    for (const tier of ['primary', 'secondary']) {
      const count = shifts.filter(shift => shift.tier === tier).length
      expect(count, tier).toBeGreaterThanOrEqual(30)
      expect(count, tier).toBeLessThanOrEqual(31)
    }
    const now = (await second.call('myShifts')).filter(({ start }) => start <= world.now)
    expect(now.map(({ tier }) => tier)).toEqual(['secondary'])
  })

  test('follow an override at once, and need a session', async ({ world }) => {
    const { lead, members, schedule } = await dailyTeam(world)
    const stranger = await world.person()
    expect(await stranger.call('myShifts')).toEqual([])
    const [start, end] = ['2026-12-01T00:00:00.000Z', '2026-12-02T00:00:00.000Z']
    await lead.call('addOverride', { params: { id: schedule.id }, body: { kind: 'replace', participants: [stranger.id], start, end, reason: 'A swap.' } })
    expect(await stranger.call('myShifts')).toMatchObject([{ start, end, tier: 'primary' }])
    for (const member of members) expect((await member.call('myShifts')).some(shift => shift.tier === 'primary' && shift.start === start)).toBe(false)
    await expect(world.client()('myShifts')).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

describe('apprenticeships', () => {
  test('show who learns in the team, what they have watched, and who said that they have finished', async ({ world }) => {
    const { lead, team } = await dailyTeam(world)
    const novice = await world.person()
    const observer = await world.person('observer')
    const params = { id: team.id }
    expect(await observer.call('apprenticeships', { params })).toEqual([])
    const startedAt = world.now
    await lead.call('saveApprenticeship', { params: { ...params, personId: novice.id }, body: { isFinished: false } })
    expect(await observer.call('apprenticeships', { params })).toEqual([
      { person: { id: novice.id, name: novice.name }, watched: 0, needed: 3, startedAt, finishedAt: null, finishedBy: null },
    ])
    const { team: other } = await world.team({ tiers: 1 })
    expect(await observer.call('apprenticeships', { params: { id: other.id } }), 'of that team alone').toEqual([])
  })

  test('begin and end by a lead, who is not the apprentice, and end after the shifts that are needed', async ({ world }) => {
    const { lead, team } = await dailyTeam(world)
    const novice = await world.person()
    const save = (isFinished: boolean, who = lead, id = novice.id) =>
      who.call('saveApprenticeship', { params: { id: team.id, personId: id }, body: { isFinished } })
    await expect(save(false, novice)).rejects.toMatchObject(refusal('forbidden'))
    await expect(save(true), 'it has not begun').rejects.toMatchObject(refusal('not-found'))
    await save(false)
    await expect(save(true), 'too few shifts').rejects.toMatchObject(refusal('conflict'))
    await save(false, lead, lead.id)
    await expect(save(true, lead, lead.id)).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('apprenticeships', { params: { id: team.id } })).rejects.toMatchObject(refusal('not-signed-in'))
    expect((await novice.call('apprenticeships', { params: { id: team.id } })).map(({ finishedAt }) => finishedAt)).toEqual([null, null])
  })
})

describe('feed', () => {
  const tokenOf = (url: string) => new URL(url).pathname.split('/').at(-1) ?? ''

  test('is a calendar of the shifts of whoever made its address, for who has that address', async ({ world }) => {
    const { members, schedule } = await dailyTeam(world)
    const [first, second] = members
    const { url } = await first.call('makeFeed', { body: {} })
    const reply = await world.client().raw('feed', { params: { token: tokenOf(url) } })
    expect(reply.headers.get('content-type')).toContain('text/calendar')
    const own = await reply.text()
    const ahead = (await first.call('myShifts')).filter(({ start }) => start > world.now)
    for (const { start } of ahead.slice(0, 5)) expect(own).toContain(`DTSTART:${start.replace(/[-:]|\.000/g, '')}`)
    expect(own).not.toContain(second.name)
    const ofSchedule = await second.call('makeFeed', { body: { scheduleId: schedule.id } })
    const all = await world.client()('feed', { params: { token: tokenOf(ofSchedule.url) } })
    for (const member of members) expect(all).toContain(member.name)
  })

  test('is gone for a wrong address, one that a newer replaced, and one of somebody who left', async ({ world }) => {
    const { members } = await dailyTeam(world)
    const [first] = members
    const administrator = await world.person('administrator')
    const read = (token: string) => world.client()('feed', { params: { token } })
    await expect(read(`${'x'.repeat(32)}.ics`)).rejects.toMatchObject(refusal('not-found'))
    const old = tokenOf((await first.call('makeFeed', { body: {} })).url)
    const token = tokenOf((await first.call('makeFeed', { body: {} })).url)
    await expect(read(old)).rejects.toMatchObject(refusal('not-found'))
    expect(await read(token)).toContain('BEGIN:VCALENDAR')
    await administrator.call('changePerson', { params: { id: first.id }, body: { isActive: false } })
    await expect(read(token)).rejects.toMatchObject(refusal('not-found'))
    await expect(world.client()('makeFeed', { body: {} })).rejects.toMatchObject(refusal('not-signed-in'))
  })

  test('is revoked by its owner: its address then answers as one that never was', async ({ world }) => {
    const { members } = await dailyTeam(world)
    const [first, second] = members
    const read = (token: string) =>
      world
        .client()('feed', { params: { token } })
        .catch((error: ProblemError) => error.problem)
    const token = tokenOf((await first.call('makeFeed', { body: {} })).url)
    const [feed] = await first.call('calendarFeeds')
    expect(feed).toEqual({ id: feed?.id, scheduleId: null, createdAt: world.now })
    const params = { id: feed?.id ?? '' }
    expect(await second.call('calendarFeeds')).toEqual([])
    await expect(second.call('revokeFeed', { params }), 'of somebody else').rejects.toMatchObject(refusal('not-found'))
    expect(await read(token)).toContain('BEGIN:VCALENDAR')
    await first.call('revokeFeed', { params })
    expect(await read(token)).toEqual(await read(`${'x'.repeat(32)}.ics`))
    await expect(first.call('revokeFeed', { params })).rejects.toMatchObject(refusal('not-found'))
    expect(await first.call('calendarFeeds')).toEqual([])
  })
})

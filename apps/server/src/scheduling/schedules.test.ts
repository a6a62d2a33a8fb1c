import { describe, expect } from 'vitest'
import { linkIn, test, type World } from '../../test/world.ts'

const names = (people: readonly { name: string }[]) => people.map(person => person.name)

/** A team with one daily rotation, handed over at 08:00 UTC, and a lead who may change it. */
async function dailyTeam(world: World, count = 3) {
  const lead = await world.person('lead')
  const members = []
  for (let n = 0; n < count; n += 1) members.push(await world.person('responder', `member ${n}`))
  const team = await lead.call('saveTeam', { body: { name: 'Response', kind: 'security', memberIds: members.map(member => member.id) } })
  const set = await lead.call('setUpOnCall', {
    params: { id: team.id },
    body: {
      timeZone: 'UTC',
      rotation: { type: 'daily', start: '2026-11-23T08:00' },
      participantIds: members.map(member => member.id),
      tiers: 2,
      levels: [
        { targets: [{ kind: 'tier', tier: 0 }], waitMinutes: 5 },
        { targets: [{ kind: 'tier', tier: 1 }], waitMinutes: 5 },
      ],
      repeats: 0,
    },
  })
  await world.settle()
  const [schedule] = set.schedules
  if (!schedule) throw new Error('the team has a schedule')
  const current = async () => {
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    return found?.current.map(({ tier, people }) => `${tier}: ${names(people).join()}`)
  }
  return { lead, members, team, schedule, current }
}

describe('a schedule', () => {
  test('says who is on call at each tier, with handoffs on time', async ({ world }) => {
    const { current, members } = await dailyTeam(world)
    expect(await current()).toEqual(['primary: member 0', 'secondary: member 1'])
    await world.advance({ hours: 23, minutes: 59 })
    expect(await current()).toEqual(['primary: member 0', 'secondary: member 1'])
    await world.advance({ minutes: 1 })
    expect(await current()).toEqual(['primary: member 1', 'secondary: member 2'])
    // Whoever goes on call is notified.
    expect(world.expectMail(members[1]?.email ?? '', /You are on call for Response/).text).toContain('No handoff notes.')
    expect(world.expectMail(members[2]?.email ?? '', /You are secondary for Response/).text).toContain('No open incidents.')
  })

  test('that changes applies to pages not sent yet, notifies those affected, and nobody else', async ({ world }) => {
    const { lead, team, schedule, members } = await dailyTeam(world)
    const [first, second, third] = members
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    first?.expectPage(/billing/)
    world.takeMails()
    await lead.call('saveSchedule', {
      params: { id: team.id },
      body: { ...schedule, layers: schedule.layers.map(layer => ({ ...layer, participants: [first?.id ?? '', third?.id ?? ''] })) },
    })
    await world.settle()
    const notified = world.takeMails().filter(mail => mail.purpose === 'on-call')
    expect(notified.map(mail => mail.to).toSorted()).toEqual([first?.email, second?.email, third?.email])
    expect(notified.find(mail => mail.to === second?.email)?.text).toContain('You have no shifts on this schedule')
    await world.advance({ minutes: 5 })
    third?.expectPage(/billing/)
    second?.expectNoPage()
  })

  test('refuses a stale version, a stranger, and a rotation without a day that there is, and changes nothing', async ({ world }) => {
    const { lead, team, schedule } = await dailyTeam(world)
    const body = (change: object) => ({ params: { id: team.id }, body: { ...schedule, ...change } })
    await expect(lead.call('saveSchedule', body({ version: 9 }))).rejects.toThrow(/in the meantime/)
    await expect(lead.call('saveSchedule', body({ layers: [{ ...schedule.layers[0], participants: [crypto.randomUUID()] }] }))).rejects.toThrow(
      /layers.participants/,
    )
    const rotation = { type: 'daily', every: 1, start: '2026-02-30T08:00' }
    await expect(lead.call('saveSchedule', body({ layers: [{ ...schedule.layers[0], rotation }] }))).rejects.toThrow(/layers.0.rotation.start/)
    await expect(lead.call('removeSchedule', { params: { id: schedule.id } })).rejects.toThrow(/The team Response uses this schedule for its tier primary/)
    expect((await lead.call('onCall'))[0]?.schedules[0]).toEqual(schedule)
  })
})

describe('an override', () => {
  test('lets somebody take a part of a shift, and everybody affected is notified', async ({ world }) => {
    const { schedule, members, current } = await dailyTeam(world)
    const [first, , third] = members
    world.takeMails()
    const override = await third?.call('addOverride', {
      params: { id: schedule.id },
      body: { participants: [third.id], start: '2026-11-23T12:00:00Z', end: '2026-11-23T14:00:00Z', reason: 'A doctor' },
    })
    await world.settle()
    const mails = world.takeMails()
    expect(mails.map(mail => [mail.to, mail.purpose])).toEqual([[first?.email, 'on-call']])
    expect(mails[0]?.text).toContain(`
- Mon, Nov 23, 08:00 to Mon, Nov 23, 12:00 (UTC)
- Mon, Nov 23, 14:00 to Tue, Nov 24, 08:00 (UTC)
- Wed, Nov 25, 08:00 to Thu, Nov 26, 08:00 (UTC), secondary
`)
    await world.advance({ hours: 4 })
    expect(await current()).toEqual(['primary: member 2', 'secondary: member 1'])
    await world.advance({ hours: 2 })
    expect(await current()).toEqual(['primary: member 0', 'secondary: member 1'])
    await expect(third?.call('removeOverride', { params: { id: override?.id ?? '' } })).rejects.toThrow(/override/)
  })

  test('is nothing that a responder can put on others, and ends nothing that has been', async ({ world }) => {
    const { schedule, members, lead, current } = await dailyTeam(world)
    const [first, second] = members
    const span = { start: '2026-11-23T06:00:00Z', end: '2026-11-23T20:00:00Z' }
    await expect(first?.call('addOverride', { params: { id: schedule.id }, body: { ...span, participants: [second?.id ?? ''] } })).rejects.toThrow(/Ask a lead/)
    await expect(first?.call('addOverride', { params: { id: schedule.id }, body: { ...span, participants: [] } }), 'nobody instead is a gap').rejects.toThrow(
      /Ask a lead/,
    )
    const stranger = await world.person()
    await expect(stranger.call('addOverride', { params: { id: schedule.id }, body: { ...span, participants: [stranger.id] } })).rejects.toThrow(
      /not on this team/,
    )
    await expect(
      lead.call('addOverride', { params: { id: schedule.id }, body: { participants: [], start: '2026-11-22T06:00:00Z', end: '2026-11-22T20:00:00Z' } }),
    ).rejects.toThrow(/end/)
    const override = await lead.call('addOverride', { params: { id: schedule.id }, body: { ...span, participants: [second?.id ?? ''] } })
    expect(override.start, 'it starts now').toBe(world.now)
    await world.advance({ hours: 1 })
    await lead.call('removeOverride', { params: { id: override.id } })
    expect(await current()).toEqual(['primary: member 0', 'secondary: member 1'])
    const { schedules } = await lead.call('calendar', {
      params: { id: (await lead.call('onCall'))[0]?.team.id ?? '' },
      query: { from: '2026-11-23T00:00:00Z', until: '2026-11-24T00:00:00Z' },
    })
    expect(schedules[0]?.overrides).toMatchObject([{ start: '2026-11-23T08:00:00.000Z', end: '2026-11-23T09:00:00.000Z' }])
  })

  test('can be a temporary schedule, for a week of holidays', async ({ world }) => {
    const { lead, schedule, members, current } = await dailyTeam(world)
    const layers = [{ name: 'Holidays', rotation: { type: 'weekly' as const, start: '2026-11-23T00:00' }, participants: [members[2]?.id ?? ''] }]
    await lead.call('addTemporary', {
      params: { id: schedule.id },
      body: { name: 'Holidays', start: '2026-11-24T00:00:00Z', end: '2026-11-27T00:00:00Z', layers },
    })
    await world.advance({ days: 2 })
    expect(await current()).toEqual(['primary: member 2', 'secondary: '])
    await world.advance({ days: 2 })
    expect(await current()).toEqual(['primary: member 1', 'secondary: member 2'])
  })
})

describe('time off', () => {
  test('leaves a gap that the others are asked to cover, and one of them does', async ({ world }) => {
    const { lead, schedule, members, current } = await dailyTeam(world)
    const [first, second] = members
    await world.advance({ hours: 1 })
    world.takeMails()
    const off = await first?.call('addTimeOff', { body: { start: '2026-11-26T00:00:00Z', end: '2026-11-28T00:00:00Z', reason: 'Moving house' } })
    await world.settle()
    expect(off?.uncovered.map(one => one.start)).toEqual(['2026-11-26T00:00:00.000Z', '2026-11-26T08:00:00.000Z'])
    expect(world.expectMail(second?.email ?? '', /Can you cover for member 0/).text).toContain('Thu, Nov 26, 00:00')
    const [before] = await lead.call('onCall')
    expect(before?.concerns.filter(one => one.kind === 'gap').map(one => [one.start, one.tier])).toContainEqual(['2026-11-26T08:00:00.000Z', 'primary'])
    await second?.call('addOverride', {
      params: { id: schedule.id },
      body: { participants: [second.id], start: '2026-11-26T08:00:00Z', end: '2026-11-27T08:00:00Z' },
    })
    await world.advance({ days: 3 })
    expect(await current()).toEqual(['primary: member 1', 'secondary: member 1'])
    const [after] = await lead.call('onCall')
    expect(after?.concerns.map(one => one.kind)).toContain('double')
  })

  test('of somebody else is for leads to enter', async ({ world }) => {
    const { lead, members } = await dailyTeam(world)
    const body = { personId: members[1]?.id ?? '', start: '2026-11-26T00:00:00Z', end: '2026-11-28T00:00:00Z' }
    await expect(members[0]?.call('addTimeOff', { body })).rejects.toThrow(/Only a lead/)
    const off = await lead.call('addTimeOff', { body })
    await lead.call('removeTimeOff', { params: { id: off.id } })
    expect(await lead.call('timeOff')).toEqual([])
  })
})

test('who leaves is never on call from that instant, and their places are listed', async ({ world }) => {
  const { members, current, team, lead } = await dailyTeam(world)
  const administrator = await world.person('administrator')
  await world.service('billing', team)
  await administrator.call('changePerson', { params: { id: members[0]?.id ?? '' }, body: { isActive: false } })
  expect(await current()).toEqual(['primary: ', 'secondary: member 1'])
  await world.settle()
  await world.alert({ service: 'billing' })
  members[0]?.expectNoPage()
  expect(members[1]?.expectPage(/billing/).text).toContain('Nobody is on call as primary, so you are paged instead.')
  const [found] = await lead.call('onCall')
  expect(found?.vacancies).toMatchObject([{ layer: 'Rotation', person: { name: 'member 0' } }])
  const past = await lead.call('pastCoverage', { params: { id: team.id }, query: { from: '2026-11-23T00:00:00Z', until: '2026-11-24T00:00:00Z' } })
  expect(past.filter(one => one.position === 0).map(one => names(one.people))).toEqual([['member 0'], []])
})

test('whose role is taken is not on call from then on: a coverage gap, a place to fill, and no answer by an earlier link', async ({ world }) => {
  const { members, current, team, lead, schedule } = await dailyTeam(world)
  const [first, second] = members
  if (!first || !second) throw new Error('two people')
  const administrator = await world.person('administrator')
  await world.service('billing', team)
  await world.alert({ service: 'billing', title: 'Before' })
  const token = linkIn(first.expectPage(/Before/), '/a/')
  await administrator.call('changePerson', { params: { id: first.id }, body: { role: 'observer' } })
  expect(await current()).toEqual(['primary: ', 'secondary: member 1'])
  const [found] = await lead.call('onCall')
  expect(found?.vacancies.map(one => one.sentence)).toEqual([`member 0 is an observer and still in ${schedule.name}, layer Rotation.`])
  expect(found?.concerns.map(one => [one.kind, one.tier])).toContainEqual(['gap', 'primary'])
  await expect(world.client()('acknowledgeByLink', { body: { token } })).rejects.toThrow(
    'Responding to pages requires the responder role. Your role is observer.',
  )
  await world.settle()
  await world.alert({ service: 'billing', title: 'After' })
  first.expectNoPage()
  expect(second.expectPage(/After/).text).toContain('Nobody is on call as primary, so you are paged instead.')
  const past = await lead.call('pastCoverage', { params: { id: team.id }, query: { from: '2026-11-23T00:00:00Z', until: '2026-11-24T00:00:00Z' } })
  expect(past.filter(one => one.position === 0).map(one => names(one.people))).toEqual([['member 0'], []])
  // They stay in their slot until they are replaced, so that the shifts of the others do not move.
  await lead.call('saveSchedule', { params: { id: team.id }, body: { ...schedule, merge: 'all' } })
})

test('an apprentice shadows until somebody signs off their training', async ({ world }) => {
  const { lead, team, schedule, members, current } = await dailyTeam(world, 2)
  const novice = await world.person('responder', 'novice')
  const layers = schedule.layers.map(layer => ({ ...layer, participants: [...layer.participants, novice.id] }))
  await lead.call('saveTeamOnCall', {
    params: { id: team.id },
    body: { ...((await lead.call('onCall'))[0]?.settings ?? fail()), traineeShifts: 2 },
  })
  const strict = await lead.call('saveSchedule', { params: { id: team.id }, body: { ...schedule, needsApprenticeship: true } })
  await lead.call('saveSchedule', { params: { id: team.id }, body: { ...strict, layers } })
  await lead.call('saveApprenticeship', { params: { id: team.id, personId: novice.id }, body: { isFinished: false } })
  await world.service('billing', team)
  await world.advance({ days: 2, hours: 1 })
  expect(await current(), 'the novice has the shift').toEqual(['primary: ', 'secondary: member 0'])
  expect((await lead.call('onCall'))[0]?.current[0]?.shadows).toMatchObject([{ name: 'novice' }])
  await world.alert({ service: 'billing' })
  expect(novice.expectPage(/billing/).text).toContain('you are shadowing')
  members[0]?.expectPage(/so you are paged instead/)
  const finish = () => lead.call('saveApprenticeship', { params: { id: team.id, personId: novice.id }, body: { isFinished: true } })
  await expect(finish(), 'not before enough shifts were shadowed').rejects.toThrow(/has shadowed 1 of 2 required shifts/)
  await expect(novice.call('saveApprenticeship', { params: { id: team.id, personId: novice.id }, body: { isFinished: true } })).rejects.toThrow()
  await world.advance({ days: 1 })
  expect((await finish()).find(one => one.person.name === 'novice')).toMatchObject({ watched: 2, finishedBy: lead.name })
  await world.advance({ days: 2 })
  expect(await current()).toEqual(['primary: novice', 'secondary: member 0'])
})

const fail = (): never => {
  throw new Error('the team has settings')
}

test('coverage that is broken in the next 90 days is alarmed each morning, to the leads of the team', async ({ world }) => {
  const { lead, team, schedule } = await dailyTeam(world)
  const layers = schedule.layers.map(layer => ({ ...layer, ends: '2026-12-20T00:00:00Z' }))
  await lead.call('saveSchedule', { params: { id: team.id }, body: { ...schedule, layers } })
  await world.advance({ hours: 23 })
  const alarm = world.expectMail(lead.email, /Response: 2 on-call coverage problems/)
  expect(alarm.text).toContain('Sun, Dec 20, 00:00 to Mon, Feb 22, 2027, 07:00 (UTC): Coverage gap: nobody is on call as primary.')
  world.takeMails()
  await world.advance({ days: 1 })
  world.expectMail(lead.email, /Response: \d+ on-call coverage problem/)
})

test('past coverage stays as it was, whatever becomes of the schedule, and each moment has its entry in the journal', async ({ world }) => {
  const { lead, team, schedule, members } = await dailyTeam(world)
  const administrator = await world.person('administrator')
  await world.advance({ days: 2 })
  await lead.call('saveSchedule', {
    params: { id: team.id },
    body: { ...schedule, layers: schedule.layers.map(layer => ({ ...layer, participants: [members[2]?.id ?? ''] })) },
  })
  await world.advance({ days: 1 })
  const past = await lead.call('pastCoverage', { params: { id: team.id }, query: { from: '2026-11-23T00:00:00Z', until: '2026-11-27T00:00:00Z' } })
  expect(past.filter(one => one.position === 0).map(one => [one.start.slice(5, 16), one.end?.slice(5, 16) ?? 'now', names(one.people).join()])).toEqual([
    ['11-23T08:00', '11-24T08:00', 'member 0'],
    ['11-24T08:00', '11-25T08:00', 'member 1'],
    ['11-25T08:00', 'now', 'member 2'],
  ])
  const { items } = await administrator.call('journal', { query: { limit: 200 } })
  for (const { entryId } of past) expect(items.some(entry => entry.id === entryId && entry.type === 'on-call.changed')).toBe(true)
})

test('a server that was away writes down what it missed, with the true times', async ({ world }) => {
  const { lead, team } = await dailyTeam(world)
  const { jobs } = world.server.context
  await jobs.stop()
  world.jump({ days: 3, hours: 5 })
  await jobs.start()
  await world.settle()
  const past = await lead.call('pastCoverage', { params: { id: team.id }, query: { from: '2026-11-23T00:00:00Z', until: '2026-11-27T00:00:00Z' } })
  expect(past.filter(one => one.position === 1).map(one => [one.start.slice(5, 16), names(one.people).join()])).toEqual([
    ['11-23T08:00', 'member 1'],
    ['11-24T08:00', 'member 2'],
    ['11-25T08:00', 'member 0'],
    ['11-26T08:00', 'member 1'],
  ])
})

test('fairness counts hours, nights, weekends, holidays and pages of each person', async ({ world }) => {
  const { lead, team, members } = await dailyTeam(world, 2)
  await world.service('billing', team)
  await world.advance({ hours: 16 })
  await world.alert({ service: 'billing' })
  members[0]?.expectPage(/billing/)
  // Exercises page people, and are no load of the real world.
  const sent = async () => /tocsin_messages_total\{channel="email",state="sent"\} \d+/.exec(await (await world.client().raw('metrics')).text())?.[0]
  const before = await sent()
  await world.alert({ service: 'billing', title: 'Drill', isExercise: true })
  members[0]?.expectPage(/Drill/)
  expect([before, await sent()]).toEqual([expect.stringMatching(/ [1-9]/), before])
  const shares = await lead.call('fairness', {
    params: { id: team.id },
    query: { from: '2026-11-23T08:00:00Z', until: '2026-11-25T08:00:00Z', holidays: '2026-11-24' },
  })
  expect(shares).toEqual(
    [0, 1].map(n => ({
      person: { id: members[n]?.id, name: `member ${n}` },
      ...{ hours: 48, nightHours: 16, weekendHours: 0, holidayHours: 24 },
      ...{ pages: n === 0 ? 1 : 0, nightPages: n === 0 ? 1 : 0 },
    })),
  )
  const settings = (await lead.call('onCall')).find(one => one.team.id === team.id)?.settings
  if (!settings) throw new Error('the team has settings')
  await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...settings, holidays: ['2026-11-24'] } })
  const ofTeam = await lead.call('fairness', { params: { id: team.id }, query: { from: '2026-11-23T08:00:00Z', until: '2026-11-25T08:00:00Z' } })
  expect(ofTeam.map(share => share.holidayHours)).toContain(24)
  await expect(
    lead.call('fairness', { params: { id: team.id }, query: { from: '2026-11-23T08:00:00Z', until: '2026-11-25T08:00:00Z', holidays: 'Christmas' } }),
  ).rejects.toThrow(/holidays/)
})

test('calendar feeds are read at a secret address, which a new one replaces', async ({ world }) => {
  const { members, schedule } = await dailyTeam(world)
  const [first] = members
  if (!first) throw new Error('a member')
  const fetchFeed = async (url: string) => fetch(url.replace('localhost', '127.0.0.1'))
  const { url } = await first.call('makeFeed', { body: {} })
  const reply = await fetchFeed(url)
  expect(reply.headers.get('content-type')).toContain('text/calendar')
  const text = await reply.text()
  expect(text).toContain('BEGIN:VCALENDAR')
  expect(text).toMatch(/DTSTART:20261123T080000Z/)
  expect(text).toContain('SUMMARY:On call: Response\\, primary')
  expect(text, 'the same text within the hour').toBe(await (await fetchFeed(url)).text())
  const { url: another } = await first.call('makeFeed', { body: { scheduleId: schedule.id } })
  expect(await (await fetchFeed(another)).text()).toContain('SUMMARY:member 1')
  const { url: fresh } = await first.call('makeFeed', { body: {} })
  expect((await fetchFeed(url)).status).toBe(404)
  expect((await fetchFeed(fresh)).status).toBe(200)
  expect((await fetchFeed(`${fresh.slice(0, -8)}AAAA.ics`)).status).toBe(404)
})

test('what the leaving person wrote reaches the arriving one, with the incidents that they may see', async ({ world }) => {
  const { members, team } = await dailyTeam(world)
  const stranger = await world.person()
  const [first, second] = members
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const open = (title: string, isRestricted: boolean) =>
    lead.call('openIncident', { body: { title, reason: 'Reasonable suspicion.', serviceIds: [service.id], isRestricted } })
  await open('Odd sign-ins', false)
  await open('A matter of few', true)
  await first?.call('writeHandoffNote', { params: { id: team.id }, body: { text: 'Watch the billing queue.' } })
  await expect(stranger.call('writeHandoffNote', { params: { id: team.id }, body: { text: 'Hello' } })).rejects.toThrow(/Only people on the team/)
  await world.advance({ days: 1 })
  const { text } = world.expectMail(second?.email ?? '', /You are on call/)
  expect(text).toContain('member 0 wrote:\nWatch the billing queue.')
  expect(text).toMatch(/- Incident 1, no severity yet, suspected: Odd sign-ins/)
  expect(text).not.toContain('A matter of few')
  expect((await second?.call('handoffNotes', { params: { id: team.id } }))?.items.map(note => note.text)).toEqual(['Watch the billing queue.'])
})

import type { IncidentFact } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { assess } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { statements } from '../../test/statements.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { customers } from '../directory/tables.ts'
import { incidentCustomers, incidents } from '../incidents/tables.ts'
import { newId } from '../kernel/ids.ts'
import { followIncident } from './follow.ts'

/** A suspected incident, led by the primary of the security team, that a lead can declare. Everybody is paged by mail. */
async function suspected(world: World) {
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  const params = { id }
  const version = async () => (await primary.call('incident', { params })).version
  await assess(primary, id, 'security-incident')
  const declare = async () => lead.call('declareIncident', { params, body: { version: await version(), reason: 'Confirmed.' } })
  const list = async (added: readonly { id: string; foundAt?: string }[], by: Person = primary) => {
    const { customers: before } = await primary.call('incident', { params })
    const kept = before.filter(each => !added.some(other => other.id === each.id)).map(({ id: known, basis, foundAt }) => ({ id: known, basis, foundAt }))
    await by.call('setAffectedCustomers', {
      params,
      body: {
        version: await version(),
        customers: [
          ...kept,
          ...added.map(({ id: customerId, foundAt }) => ({ id: customerId, basis: 'Logs.', ...(foundAt === undefined ? {} : { foundAt }) })),
        ],
      },
    })
    await world.settle()
  }
  const obligation = async (name: string) => {
    const found = (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items.find(({ customer }) => customer?.name === name)
    return found ?? expect.fail(`there is an obligation to notify ${name}`)
  }
  const entries = async (type: string) => (await lead.call('journal', { query: { limit: 200, type } })).items
  return { primary, lead, params, version, declare, list, obligation, entries }
}

const pagesAbout = (world: World, person: Person, text: RegExp) =>
  world.takeMails().filter(mail => mail.to === person.email && mail.purpose.startsWith('page') && text.test(mail.text))

const acknowledgeAll = async (world: World, person: Person) => {
  for (const { id, state } of (await person.call('pages')).items) if (state === 'triggered') await person.call('acknowledgePage', { params: { id } })
  await world.settle()
}

describe('a deadline', () => {
  test.override({ options: { withAuditor: true } })

  test('runs from the event that the contract names, for as long as it says, by the calendar as it was then', async ({ world }) => {
    const { lead, primary, params, declare, list, obligation, entries } = await suspected(world)
    // Monday, November 23, 08:00 UTC. In Berlin the Friday of that week is taken as a holiday.
    const calendar = await lead.call('saveCalendar', {
      body: { name: 'Berlin', timeZone: 'Europe/Berlin', workdays: ['mon', 'tue', 'wed', 'thu', 'fri'], holidays: ['2026-11-27'] },
    })
    const [globex, initech, hooli] = [
      await world.customer('Globex', 96),
      await world.customer('Initech', 5, { unit: 'business-days', start: 'aware', calendarId: calendar.id }),
      await world.customer('Hooli', 48, { start: 'found' }),
    ]
    await primary.call('stateFact', { params, body: { kind: 'aware', at: '2026-11-22T23:30:00.000Z', source: 'The on-call log', basis: 'First note.' } })
    world.jump({ hours: 2 })
    await list([globex, initech, hooli])
    world.jump({ hours: 3 })
    await declare()
    await world.settle()
    expect(await obligation('Globex')).toMatchObject({
      ...{ startedAt: '2026-11-23T13:00:00.000Z', dueAt: '2026-11-27T13:00:00.000Z', timing: 'due', contractTiming: 'due' },
      term: { start: 'declared', amount: 96, unit: 'hours', calendar: null },
      found: { at: '2026-11-23T10:00:00.000Z', dueAt: '2026-11-27T10:00:00.000Z', timing: 'due' },
    })
    const days = { startedAt: '2026-11-22T23:30:00.000Z', dueAt: '2026-12-01T22:59:59.999Z' }
    expect(await obligation('Initech'), 'in Berlin it is Monday already, which does not count').toMatchObject({
      ...days,
      term: { start: 'aware', amount: 5, unit: 'business-days', calendar: { name: 'Berlin', timeZone: 'Europe/Berlin', holidays: ['2026-11-27'] } },
    })
    expect(await obligation('Hooli')).toMatchObject({ startedAt: '2026-11-23T10:00:00.000Z', dueAt: '2026-11-25T10:00:00.000Z' })

    // What is changed of a contract or a calendar later is for the incidents after this one.
    await lead.call('saveCalendar', { body: { ...calendar, holidays: [] } })
    await list([{ ...globex, foundAt: '2026-11-23T09:00:00.000Z' }])
    expect(await obligation('Initech')).toMatchObject(days)
    // The auditor counts as the clock does: a deadline that somebody moves in the database is put right.
    world.isTampered = true
    const { id } = await obligation('Initech')
    await world.asOwner(`update obligations set due_at = due_at + interval '30 days' where id = '${id}'`)
    await world.advance({ minutes: 2 })
    expect(await obligation('Initech')).toMatchObject(days)
    expect((await entries('obligation.repaired')).map(({ data }) => data)).toEqual([{ what: 'deadline', count: 1 }])
  })
})

describe('a deadline of the contract', () => {
  test('that had passed before the customer was found is shown both ways, paged at once, and late only when the same time from being found is over', async ({
    world,
  }) => {
    const { lead, primary, declare, list, obligation, entries } = await suspected(world)
    await declare()
    await acknowledgeAll(world, primary)
    world.jump({ days: 29 })
    const globex = await world.customer('Globex')
    world.takeMails()
    const foundAt = '2026-12-22T06:00:00.000Z'
    await list([{ ...globex, foundAt }])
    const both = { startedAt: '2026-11-23T08:00:00.000Z', dueAt: '2026-11-26T08:00:00.000Z', contractTiming: 'overdue' }
    const found = { at: foundAt, dueAt: '2026-12-25T06:00:00.000Z' }
    expect(await obligation('Globex')).toMatchObject({ ...both, timing: 'due', found: { ...found, timing: 'due' } })
    expect(pagesAbout(world, primary, /before the customer was found affected; counted from then, it is due on Dec 25, 06:00 UTC/)).toHaveLength(1)
    expect(await entries('obligation.missed')).toEqual([])
    const [opened] = await entries('obligation.opened')
    expect(opened?.data).toMatchObject({ dueAt: both.dueAt, foundAt, foundDueAt: found.dueAt })

    // Found even earlier: that is a correction to an earlier time. To a later one it would give more time.
    await expect(list([{ ...globex, foundAt: '2026-12-22T07:00:00.000Z' }])).rejects.toThrow(/can be corrected to an earlier time only/)
    await expect(list([{ ...globex, foundAt: '2026-12-22T08:00:01.000Z' }])).rejects.toMatchObject(refusal('invalid', 'customers.0.foundAt'))
    await expect(list([{ ...globex, foundAt: '2016-12-22T08:00:00.000Z' }])).rejects.toMatchObject(refusal('invalid', 'customers.0.foundAt'))
    await list([{ ...globex, foundAt: '2026-12-21T06:00:00.000Z' }])
    expect(await obligation('Globex')).toMatchObject({ ...both, found: { at: '2026-12-21T06:00:00.000Z', dueAt: '2026-12-24T06:00:00.000Z' } })

    // Initech is notified in time from being found; Globex is not.
    const initech = await world.customer('Initech')
    await list([initech])
    const { id } = await obligation('Initech')
    const drafted = await primary.call('draftNotice', {
      params: { id },
      body: { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true },
    })
    const notice = drafted.notices[0] ?? expect.fail('it was drafted')
    await lead.call('approveNotice', { params: { id: notice.id }, body: { version: notice.version } })
    await lead.call('sendNotice', { params: { id: notice.id }, body: { version: notice.version + 1 } })
    await world.settle()
    expect(await obligation('Initech')).toMatchObject({ state: 'notified', timing: 'notified', contractTiming: 'notified-late', found: { timing: 'notified' } })
    expect((await entries('obligation.notified'))[0]?.data).toMatchObject({ isInTime: true, foundDueAt: '2026-12-25T08:00:00.000Z' })
    await acknowledgeAll(world, primary)
    world.jump({ hours: 46, minutes: 1 })
    await world.settle()
    expect(await obligation('Globex')).toMatchObject({ timing: 'overdue', found: { timing: 'overdue' } })
    expect((await entries('obligation.missed')).map(({ data }) => data)).toMatchObject([{ customer: 'Globex', dueAt: '2026-12-24T06:00:00.000Z' }])
  })
})

describe('the key dates of an incident', () => {
  const statement = { source: 'The support desk', basis: 'Ticket 4711.' }

  test('move deadlines to an earlier time at once, and to a later one with the approval of a second person; every version is kept', async ({ world }) => {
    const { lead, primary, params, declare, list, obligation, entries } = await suspected(world)
    const [globex, initech] = [await world.customer('Globex', 72, { start: 'aware' }), await world.customer('Initech', 72)]
    await list([globex, initech])
    await declare()
    await acknowledgeAll(world, primary)
    const byDeclaration = { startedAt: '2026-11-23T08:00:00.000Z', dueAt: '2026-11-26T08:00:00.000Z' }
    expect(await obligation('Globex'), 'nobody has stated it: from the declaration').toMatchObject(byDeclaration)
    world.jump({ hours: 20 })
    world.takeMails()
    const current = (facts: readonly IncidentFact[]) => facts.find(({ kind, state }) => kind === 'aware' && state === 'current') ?? expect.fail('it is stated')
    const at = '2026-11-21T08:00:00.000Z'
    const first = current(await primary.call('stateFact', { params, body: { ...statement, kind: 'aware', at } }))
    expect(first).toMatchObject({ ...statement, at, reason: null, recordedBy: { id: primary.id }, decidedBy: null })
    await world.settle()
    const earlier = { startedAt: at, dueAt: '2026-11-24T08:00:00.000Z' }
    expect(await obligation('Globex')).toMatchObject(earlier)
    expect(await obligation('Initech'), 'its contract counts from the declaration').toMatchObject(byDeclaration)
    expect(pagesAbout(world, primary, /Globex/), 'two warnings of the new time are past').toHaveLength(1)
    expect((await entries('obligation.moved')).map(({ data }) => data)).toMatchObject([{ customer: 'Globex', ...earlier, before: byDeclaration }])

    // Later: proposed, and nothing moves before somebody else approves it.
    const correct = (by: Person, factId: string, change: object) =>
      by.call('correctFact', { params: { ...params, factId }, body: { ...statement, at, reason: 'The ticket was about another leak.', ...change } })
    const later = '2026-11-22T08:00:00.000Z'
    const proposed = (await correct(primary, first.id, { at: later })).find(({ state }) => state === 'proposed') ?? expect.fail('it is proposed')
    expect(await obligation('Globex')).toMatchObject(earlier)
    await expect(correct(primary, first.id, { at: '2026-11-23T07:00:00.000Z' })).rejects.toThrow('A later time is proposed already.')
    const decide = { params: { ...params, factId: proposed.id } }
    await expect(primary.call('approveFact', decide)).rejects.toMatchObject(refusal('forbidden'))
    await expect((await world.person('responder')).call('approveFact', decide)).rejects.toThrow('Only the executive sponsor or a lead')
    const facts = await lead.call('approveFact', decide)
    expect(facts.map(({ state, at: stated, reason, decidedBy }) => [state, stated, reason, decidedBy?.id ?? null])).toEqual([
      ['current', later, 'The ticket was about another leak.', lead.id],
      ['superseded', at, null, null],
    ])
    expect(await obligation('Globex')).toMatchObject({ startedAt: later, dueAt: '2026-11-25T08:00:00.000Z' })
    await expect(lead.call('approveFact', decide)).rejects.toMatchObject(refusal('conflict'))
    await expect(correct(lead, first.id, { at: later }), 'a version that counts no more').rejects.toThrow(
      'This version is superseded. Correct the current one.',
    )

    // A lead gives themself no time either, and what is rejected changes nothing.
    const again = (await correct(lead, proposed.id, { at: '2026-11-23T08:00:00.000Z' })).find(({ state }) => state === 'proposed') ?? expect.fail('proposed')
    await expect(lead.call('approveFact', { params: { ...params, factId: again.id } })).rejects.toMatchObject(refusal('forbidden'))
    await lead.call('rejectFact', { params: { ...params, factId: again.id } })
    // What was met is not counted anew; a deferral is.
    const deferred = await obligation('Globex')
    const decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'Asked.', reviewOn: '2026-11-30' } as const
    await lead.call('proposeDecision', { params: { id: deferred.id }, body: { ...decision, version: deferred.version } })
    const other = await world.person('lead')
    await other.call('approveDecision', { params: { id: deferred.id }, body: { version: deferred.version + 1 } })
    await correct(primary, proposed.id, { at })
    expect(await obligation('Globex')).toMatchObject({ state: 'deferred', ...earlier })
    expect((await lead.call('incidentFacts', { params })).map(({ state }) => state)).toEqual(['current', 'rejected', 'superseded', 'superseded'])
    const told = (await lead.call('incident', { params })).timeline.map(({ sentence }) => sentence)
    expect(told).toContain('Corrected when the organization became aware of it from Nov 22, 08:00 UTC to Nov 21, 08:00 UTC, says The support desk')
    expect(told).toContain('Notification deadline for Globex moved from Nov 25, 08:00 UTC to Nov 24, 08:00 UTC')
  })

  test('are stated once for each kind with source and basis, not in the future, and seen by whoever sees the incident', async ({ world }) => {
    const { lead, primary, params, version, entries } = await suspected(world)
    const state = (body: object, by = primary) =>
      by.call('stateFact', { params, body: { ...statement, kind: 'occurred', at: '2026-11-01T08:00:00.000Z', ...body } })
    await state({})
    await expect(state({})).rejects.toMatchObject(refusal('conflict'))
    await expect(state({ kind: 'detected', at: '2026-11-23T08:00:01.000Z' })).rejects.toMatchObject(refusal('invalid', 'at'))
    await expect(state({ kind: 'detected', source: ' ' })).rejects.toMatchObject(refusal('invalid', 'source'))
    await expect(state({ kind: 'rumored' })).rejects.toMatchObject(refusal('invalid', 'kind'))
    await expect(state({ kind: 'detected' }, await world.person('observer'))).rejects.toMatchObject(refusal('forbidden'))
    const [fact] = await lead.call('incidentFacts', { params })
    const elsewhere = { id: (await primary.call('openIncident', { body: { title: 'Other', reason: 'Seen.' } })).id, factId: fact?.id ?? '' }
    const correction = { ...statement, at: '2026-11-02T08:00:00.000Z', reason: 'Read again.' }
    await expect(primary.call('correctFact', { params: elsewhere, body: correction })).rejects.toMatchObject(refusal('not-found'))
    const corrected = { ...params, factId: fact?.id ?? '' }
    await primary.call('correctFact', { params: corrected, body: correction })
    expect(
      (await lead.call('incidentFacts', { params })).map(({ state: each, at }) => [each, at]),
      'no deadline starts there: at once',
    ).toEqual([
      ['current', '2026-11-02T08:00:00.000Z'],
      ['superseded', '2026-11-01T08:00:00.000Z'],
    ])
    // Before the declaration a later time of awareness must be approved, too: the clock would begin there.
    await state({ kind: 'aware', at: '2026-11-22T08:00:00.000Z' })
    const aware = (await lead.call('incidentFacts', { params })).find(({ kind }) => kind === 'aware')
    await primary.call('correctFact', { params: { ...params, factId: aware?.id ?? '' }, body: { ...correction, at: '2026-11-23T08:00:00.000Z' } })
    expect((await lead.call('incidentFacts', { params })).filter(({ kind }) => kind === 'aware').map(({ state: each }) => each)).toEqual([
      'proposed',
      'current',
    ])

    await primary.call('changeIncident', { params, body: { version: await version(), isRestricted: true, reason: 'An insider.' } })
    await expect(lead.call('incidentFacts', { params })).rejects.toMatchObject(refusal('not-found'))
    await expect(lead.call('stateFact', { params, body: { ...statement, kind: 'detected', at: correction.at } })).rejects.toMatchObject(refusal('not-found'))
    expect(await entries('fact.stated'), 'nor in the audit log').toEqual([])
    expect(await primary.call('incidentFacts', { params })).toHaveLength(4)
  })

  test('move the deadlines of 600 customers in as many statements as that of one', async ({ world }) => {
    const { primary, params, declare } = await suspected(world)
    world.isTampered = true
    const { context } = world.server
    const add = async (count: number) => {
      const added = Array.from({ length: count }, (_, n) => ({
        id: newId(),
        name: `Customer ${count} ${n}`,
        region: 'EU',
        terms: '',
        noticeStart: 'aware' as const,
        contacts: [],
      }))
      await context.database.transaction(async tx => {
        await tx.db.insert(customers).values(added)
        await tx.db.insert(incidentCustomers).values(added.map(({ id }) => ({ incidentId: params.id, customerId: id, basis: 'Logs.', foundAt: tx.now })))
      })
    }
    await add(1)
    await declare()
    const body = { ...statement, reason: 'Read again.' }
    let [fact] = await primary.call('stateFact', { params, body: { ...statement, kind: 'aware', at: '2026-11-22T08:00:00.000Z' } })
    await context.jobs.stop()
    await context.readers.stop()
    const moved = (at: string) =>
      statements(async () => {
        fact = (await primary.call('correctFact', { params: { ...params, factId: fact?.id ?? '' }, body: { ...body, at } }))[0]
      })
    const one = await moved('2026-11-22T07:00:00.000Z')
    await add(600)
    const [incident] = await context.database.reader().db.select().from(incidents).where(eq(incidents.id, params.id))
    await context.database.transaction(tx => followIncident(tx, incident ?? expect.fail('it was opened')))
    expect(await moved('2026-11-22T06:00:00.000Z')).toBe(one)
  })
})

import { eq, sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { assess } from '../../test/declared.ts'
import { patience } from '../../test/patience.ts'
import { statements } from '../../test/statements.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { customers } from '../directory/tables.ts'
import { incidentCustomers, incidents } from '../incidents/tables.ts'
import { newId } from '../kernel/ids.ts'
import { jobs } from '../kernel/tables.ts'
import { checkClocks } from './checks.ts'
import { followIncident } from './follow.ts'
import { openObligations } from './obligations.ts'
import { obligations as obligationRows } from './tables.ts'
import { clockJob } from './timers.ts'

/** An incident with its customers listed, ready to be declared. */
async function ready(world: World, names: readonly string[] = ['Globex']) {
  const { team, primary } = await world.team()
  await world.service('billing', team)
  const lead = await world.person('lead')
  const { id, version } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
  const params = { id }
  const listed = []
  for (const name of names) listed.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
  await primary.call('setAffectedCustomers', { params, body: { version, customers: listed } })
  await assess(primary, id)
  const declare = async () => {
    const { version: latest } = await lead.call('incident', { params })
    return lead.call('declareIncident', { params, body: { version: latest, reason: 'Confirmed.' } })
  }
  const obligations = async () => (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items
  const list = async (affected: readonly { id: string; basis: string }[]) => {
    const { version: latest } = await lead.call('incident', { params })
    await primary.call('setAffectedCustomers', { params, body: { version: latest, customers: [...affected] } })
  }
  const entries = async (type: string) => (await lead.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)
  return { lead, primary, params, declare, obligations, listed, list, entries }
}

describe('the clock of an obligation', () => {
  test('starts in the transaction of the declaration, and of listing a customer later: no reader of the journal is in between', async ({ world }) => {
    const { declare, obligations, listed, list } = await ready(world)
    await world.server.context.readers.stop()
    expect(await obligations()).toMatchObject([{ state: 'pending', startedAt: null }])
    await declare()
    const [obligation] = await obligations()
    expect(obligation).toMatchObject({ state: 'due', startedAt: world.now, dueAt: '2026-11-26T08:00:00.000Z' })
    const late = await world.customer('Initech')
    await list([...listed, { id: late.id, basis: 'More logs.' }])
    expect((await obligations()).map(each => [each.customer?.name, each.state, each.dueAt])).toEqual([
      ['Globex', 'due', obligation?.dueAt],
      ['Initech', 'due', obligation?.dueAt],
    ])
    const { db } = world.server.context.database.reader()
    expect((await db.select().from(jobs).where(eq(jobs.kind, clockJob.kind))).map(({ runAt }) => runAt)).toEqual(['2026-11-25T08:00:00.000Z'])
  })

  test('that cannot be started leaves the incident undeclared: one does not go without the other', async ({ world }) => {
    const { lead, params, declare, obligations } = await ready(world)
    await world.asOwner("alter table obligations add constraint never check (state <> 'due')")
    await expect(declare()).rejects.toThrow()
    expect(await lead.call('incident', { params })).toMatchObject({ status: 'suspected', declaredAt: null })
    await world.asOwner('alter table obligations drop constraint never')
    await declare()
    expect(await obligations()).toMatchObject([{ state: 'due' }])
  })

  test('that starts late is looked at at once, for all the warnings that are past, and then at each that is left, before what else is due', async ({
    world,
  }) => {
    const { params, declare, listed, list, obligations, entries } = await ready(world)
    const { context } = world.server
    await declare()
    await context.jobs.stop()
    world.jump({ hours: 25 })
    // Of 36 hours the warnings are at 24, 33 and 35.5: the first is past.
    await list([...listed, { id: (await world.customer('Initech', 36)).id, basis: 'More logs.' }])
    const job = async () =>
      (await context.database.reader().db.select().from(jobs).where(eq(jobs.kind, clockJob.kind))).map(({ runAt, priority, data }) => [runAt, priority, data])
    const check = () => context.database.transaction(tx => checkClocks(tx, context, params.id))
    expect(await job()).toEqual([[world.now, 0, { incidentId: params.id }]])
    await check()
    const checked = [(await job())[0]?.[0]]
    for (let n = 0; n < 6; n += 1) {
      world.jump({ seconds: (Date.parse(`${checked.at(-1)}`) - Date.parse(world.now)) / 1_000 })
      await check()
      checked.push((await job())[0]?.[0])
    }
    expect(checked).toEqual([
      ...['2026-11-24T17:00:00.000Z', '2026-11-24T19:30:00.000Z', '2026-11-24T20:00:00.001Z', '2026-11-25T00:00:00.001Z', '2026-11-25T04:00:00.001Z'],
      ...['2026-11-25T08:00:00.000Z', '2026-11-25T08:00:00.001Z'],
    ])
    const given = (await entries('obligation.warned')).map(({ data }) => data as { customer: string; isOverdue: boolean })
    expect(given.toReversed().map(({ customer, isOverdue }) => `${customer}${isOverdue ? ', overdue' : ''}`)).toEqual([
      ...['Initech', 'Initech', 'Initech', 'Initech, overdue', 'Initech, overdue', 'Initech, overdue', 'Globex'],
    ])
    expect((await obligations()).map(({ customer }) => customer?.name)).toEqual(['Initech', 'Globex'])
  })

  test('takes as many statements for 1,200 customers as for one, and so does a warning, which names some and counts the rest', {
    timeout: 60_000 * patience,
  }, async ({ world }) => {
    const { lead, params, declare } = await ready(world)
    const { context } = world.server
    await declare()
    world.isTampered = true
    const counted = async (count: number) => {
      await context.database.transaction(async tx => {
        const ids = Array.from({ length: count }, newId)
        await tx.db.insert(customers).values(ids.map((id, n) => ({ id, name: `Customer ${count} ${n}`, region: 'EU', terms: '', contacts: [] })))
        await tx.db
          .insert(incidentCustomers)
          .values(ids.map(id => ({ incidentId: params.id, customerId: id, basis: 'Logs.', foundAt: '2026-11-23T08:00:00.000Z' })))
      })
      const [incident] = await context.database.reader().db.select().from(incidents).where(eq(incidents.id, params.id))
      if (!incident) throw new Error('it was opened')
      const follow = await statements(() => context.database.transaction(tx => followIncident(tx, incident)))
      world.jump({ hours: 48 })
      const warned = await statements(() => context.database.transaction(tx => checkClocks(tx, context, params.id)))
      return { follow, warned }
    }
    await context.jobs.stop()
    await context.readers.stop()
    // Each takes the place of an earlier one.
    world.jump({ hours: 49 })
    await context.database.transaction(tx => checkClocks(tx, context, params.id))
    const one = await counted(1)
    const many = await counted(1_200)
    expect(many.follow).toBe(one.follow)
    expect(many.warned).toBe(one.warned)
    const rows = await context.database.reader().db.select().from(obligationRows).where(eq(obligationRows.incidentId, params.id))
    expect(rows.length).toBe(1_202)
    expect(rows.every(row => row.state === 'due')).toBe(true)
    const [page] = (await lead.call('pages')).items.filter(each => each.state === 'triggered')
    expect((await lead.call('page', { params: { id: page?.id ?? '' } })).summary).toMatch(
      /^Customer 1 0: the first notice was due .*\nAnd 1182 more\.\nNo executive sponsor is assigned/s,
    )
  })
})

describe('a warning', () => {
  test('names up to 20 customers, the worst first, counts the rest, takes the place of the one before, and is on record for each', async ({ world }) => {
    const { lead, params, declare, obligations, entries } = await ready(world)
    const { context } = world.server
    await declare()
    world.isTampered = true
    await context.jobs.stop()
    /** More customers of the incident, with so many hours each. */
    const add = async (names: readonly string[], noticeAmount = 24) =>
      context.database.transaction(async tx => {
        const added = names.map(name => ({ id: newId(), name, region: 'EU', terms: '', noticeAmount, contacts: [] }))
        await tx.db.insert(customers).values(added)
        await tx.db.insert(incidentCustomers).values(added.map(({ id }) => ({ incidentId: params.id, customerId: id, basis: 'Logs.', foundAt: tx.now })))
        const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, params.id))
        if (incident) await followIncident(tx, incident)
      })
    const checked = async () => {
      await context.database.transaction(tx => checkClocks(tx, context, params.id))
      const [page] = (await lead.call('pages')).items.filter(({ state }) => state === 'triggered')
      const { title, summary } = await lead.call('page', { params: { id: page?.id ?? '' } })
      await lead.call('acknowledgePage', { params: { id: page?.id ?? '' } })
      return { title, lines: summary.split('\n') }
    }
    const names = Array.from({ length: 20 }, (_, n) => `Customer ${n + 10}`)
    await add(names)
    world.jump({ hours: 16 })
    expect(await checked(), 'the clock of Globex has no such warning').toEqual({
      title: 'Incident 1: 20 customers not notified (due Nov 24, 08:00 UTC)',
      lines: names.map(name => `${name}: the first notice is due on Nov 24, 08:00 UTC.`),
    })
    await add(['Customer 30'])
    expect((await checked()).lines.slice(-2)).toEqual(['Customer 29: the first notice is due on Nov 24, 08:00 UTC.', 'And 1 more.'])
    world.jump({ hours: 8, seconds: 1 })
    await add(['Hooli'], 1)
    expect(await checked()).toMatchObject({
      title: 'Incident 1: 22 customers not notified (22 overdue)',
      lines: [
        'Hooli: the first notice was due on Nov 23, 09:00 UTC, before the customer was found affected; counted from then, it is due on Nov 24, 09:00 UTC.',
        ...names.slice(0, 19).map(name => expect.stringMatching(`^${name}: the first notice was due`)),
        'And 2 more.',
        'No executive sponsor is assigned, so nobody else is paged about this. Assign one.',
      ],
    })
    const pages = (await lead.call('pages')).items.filter(({ title }) => title.includes('not notified'))
    expect(pages.map(({ state }) => state)).toEqual(['acknowledged', 'resolved', 'resolved'])

    const globex = (await obligations()).find(({ customer }) => customer?.name === 'Globex')
    const entry = { actor: { kind: 'system' }, subject: { kind: 'obligation', id: globex?.id } }
    const opened = await entries('obligation.opened')
    expect(opened).toHaveLength(23)
    const { startedAt, dueAt, customer } = globex ?? expect.fail('it was opened')
    expect(opened.at(-1)).toMatchObject({
      ...entry,
      data: { customer: 'Globex', customerId: customer?.id, customerVersion: 1, startedAt, dueAt, term: { amount: 72 } },
    })
    const given = await entries('obligation.warned')
    expect(given).toHaveLength(20 + 1 + 22)
    expect(given.at(-1)?.data).toMatchObject({ afterHours: 16, kind: 'initial', isOverdue: false, dueAt: '2026-11-24T08:00:00.000Z' })
  })
})

describe('the obligations of an incident', () => {
  test('are those to the customers on its list, until it is declared; where nobody is to be notified, nobody is warned', async ({ world }) => {
    const { lead, primary, params, obligations, listed, list, entries } = await ready(world, ['Globex', 'Initech'])
    const { context } = world.server
    const id = (await obligations()).find(({ customer }) => customer?.name === 'Globex')?.id ?? ''
    const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
    const drafted = await primary.call('draftNotice', { params: { id }, body: content })
    await list(listed.slice(1))
    // What was drafted for who is not affected goes too, and is on record.
    const [draft] = await entries('notice.drafted')
    const { sha256 } = (draft?.data ?? {}) as { sha256?: string }
    expect(await entries('notice.discarded')).toMatchObject([
      { subject: { kind: 'notice', id: drafted.notices[0]?.id }, data: { customer: 'Globex', state: 'draft', sha256 } },
    ])
    expect((await obligations()).map(({ customer, state }) => [customer?.name, state])).toEqual([['Initech', 'pending']])
    const approved = await primary.call('draftNotice', { params: { id: (await obligations())[0]?.id ?? '' }, body: content })
    const [notice] = approved.notices
    await lead.call('approveNotice', { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } })
    await list([])
    expect(await obligations()).toEqual([])
    expect((await entries('notice.discarded')).map(({ data }) => data)).toMatchObject([
      { customer: 'Initech', state: 'approved' },
      { customer: 'Globex', state: 'draft' },
    ])
    world.jump({ days: 4 })
    await context.database.transaction(tx => checkClocks(tx, context, params.id))
    expect(await entries('obligation.warned')).toEqual([])
    expect((await lead.call('pages')).items).toEqual([])
  })

  test('are named in the closing condition as long as they are few; of many it names three, and says how many more there are', async ({ world }) => {
    const { params, declare, listed, list } = await ready(world, ['Globex', 'Hooli', 'Initech'])
    await declare()
    const against = () => openObligations(world.server.context.database.reader(), params.id)
    expect(await against()).toEqual(['Globex is not notified yet.', 'Hooli is not notified yet.', 'Initech is not notified yet.'])
    const more = Array.from({ length: 1_200 }, (_, n) => ({
      ...{ id: newId(), name: `Umbrella ${n}`, region: 'EU' },
      ...{ terms: '', contacts: [] },
    }))
    await world.server.context.database.transaction(tx => tx.db.insert(customers).values(more))
    await list([...listed, ...more.map(({ id }) => ({ id, basis: 'Logs.' }))])
    expect(await against()).toEqual(['1,203 customers are not notified yet: Globex, Hooli, Initech and 1,200 more.'])
  })

  test('are listed with the one due first on top, then those without a deadline, and those that are met last', async ({ world }) => {
    const { lead, primary, params, declare, obligations, listed, list } = await ready(world, ['Globex', 'Hooli'])
    const executive = await world.person('lead')
    await declare()
    await list([...listed, { id: (await world.customer('Initech', 24)).id, basis: 'More logs.' }])
    const suspected = await primary.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
    const pending = []
    for (const name of ['Umbrella', 'Soylent']) pending.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
    await primary.call('setAffectedCustomers', { params: { id: suspected.id }, body: { version: suspected.version, customers: pending } })
    const obligation = async (name: string) => (await obligations()).find(({ customer }) => customer?.name === name) ?? expect.fail(name)
    const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
    // Hooli is notified, the notice to Globex is a draft, and Initech is to be notified later.
    for (const name of ['Globex', 'Hooli']) await primary.call('draftNotice', { params: { id: (await obligation(name)).id }, body: content })
    const notice = async () => {
      const [drafted] = (await obligation('Hooli')).notices
      return { params: { id: drafted?.id ?? '' }, body: { version: drafted?.version ?? 0 } }
    }
    await lead.call('approveNotice', await notice())
    await primary.call('sendNotice', await notice())
    await world.settle()
    const { id, version } = await obligation('Initech')
    const decision = { kind: 'defer', reasonCategory: 'other', reason: 'Later.', reviewOn: '2026-11-25' } as const
    await lead.call('proposeDecision', { params: { id }, body: { ...decision, version } })
    await executive.call('approveDecision', { params: { id }, body: { version: version + 1 } })

    const all = await lead.call('obligations', { query: { view: 'all' } })
    const author = { id: primary.id, name: primary.name }
    expect(all.items).toMatchObject([
      {
        ...{ customer: { name: 'Initech' }, state: 'deferred', timing: 'due', dueAt: '2026-11-24T08:00:00.000Z', notices: [] },
        decision: { ...decision, proposedBy: { id: lead.id, name: lead.name }, approvedBy: executive.name },
      },
      {
        ...{ customer: { name: 'Globex' }, state: 'due', timing: 'due', dueAt: '2026-11-26T08:00:00.000Z', decision: null },
        notices: [{ kind: 'initial', state: 'draft', author, approvedBy: null, deliveries: [] }],
      },
      { customer: { name: 'Soylent' }, state: 'pending', timing: null, startedAt: null, dueAt: null },
      { customer: { name: 'Umbrella' }, state: 'pending', timing: null, startedAt: null, dueAt: null },
      {
        ...{ customer: { name: 'Hooli' }, state: 'notified', timing: 'notified', notifiedAt: world.now },
        notices: [
          {
            ...{ state: 'sent', author, approvedBy: lead.name, approvedAt: world.now, sentAt: world.now },
            deliveries: [{ to: 'security@hooli.test', state: 'sent', at: world.now }],
          },
        ],
      },
    ])
    expect(all.next).toBeNull()
    const names = async (query: { view: 'open' | 'all'; incidentId?: string }) =>
      (await lead.call('obligations', { query })).items.map(({ customer }) => customer?.name)
    expect(await names({ view: 'open' })).toEqual(['Initech', 'Globex'])
    expect(await names({ view: 'all', incidentId: params.id })).toEqual(['Initech', 'Globex', 'Hooli'])
    expect((await lead.call('counters')).obligationsDue).toBe(2)
    expect(await openObligations(world.server.context.database.reader(), params.id)).toEqual([
      'Initech is not notified yet (deferred).',
      'Globex is not notified yet.',
    ])

    // The same, one at a time.
    const walked = []
    for (let cursor: string | null | undefined; cursor !== null && walked.length <= all.items.length; ) {
      const page = await lead.call('obligations', { query: { view: 'all', limit: 1, cursor } })
      expect(page.items).toHaveLength(1)
      walked.push(...page.items)
      cursor = page.next
    }
    expect(walked).toEqual(all.items)
  })
})

describe('the auditor of obligations', () => {
  test.override({ options: { withAuditor: true } })

  test('puts a missed deadline on record whose job is lost, and leaves one to its job that is late with the server', async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    const { declare, entries } = await ready(world)
    await declare()
    world.jump({ hours: 73 })
    await world.settle()
    expect(await entries('obligation.missed')).toMatchObject([{ subject: { kind: 'obligation' }, data: { customer: 'Globex', state: 'due' } }])
    expect(await entries('obligation.repaired')).toEqual([])
    const { db } = world.server.context.database.reader()
    await db.update(obligationRows).set({ missedDueAt: null })
    await world.advance({ minutes: 2 })
    expect(await entries('obligation.missed')).toHaveLength(2)
    expect((await entries('obligation.repaired')).map(({ data }) => data)).toEqual([{ what: 'missed deadline', count: 1 }])
    ada.expectPage(/repaired notification deadlines of incident 1/)
  })

  test('repairs an obligation, a warning and a review that are missing, puts it on record and pages the administrators', {
    timeout: 60_000 * patience,
  }, async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    const { lead, params, declare, obligations } = await ready(world, ['Globex', 'Initech', 'Hooli'])
    await declare()
    await world.advance({ minutes: 2 })
    ada.expectNoPage()
    const before = await obligations()
    const [globex, , initech] = before
    if (!globex || !initech) throw new Error('three were opened')
    const { db } = world.server.context.database.reader()
    // Initech's notice is deferred; its day of review is lost. Globex' obligation is lost, and all warnings.
    const decision = { kind: 'defer', reasonCategory: 'other', reason: 'Later.', reviewOn: '2026-11-25' } as const
    await lead.call('proposeDecision', { params: { id: initech.id }, body: { ...decision, version: initech.version } })
    const executive = await world.person('lead')
    await executive.call('approveDecision', { params: { id: initech.id }, body: { version: initech.version + 1 } })
    world.isTampered = true
    await db.delete(obligationRows).where(eq(obligationRows.id, globex.id))
    await db.delete(jobs).where(eq(jobs.kind, clockJob.kind))
    await world.advance({ minutes: 1 })
    const after = await obligations()
    expect(after.find(each => each.customer?.id === globex.customer?.id)).toMatchObject({ state: 'due', startedAt: globex.startedAt, dueAt: globex.dueAt })
    expect((await db.select().from(jobs).where(eq(jobs.kind, clockJob.kind))).map(job => job.runAt)).toEqual(['2026-11-25T08:00:00.000Z'])
    expect((await db.select().from(obligationRows)).map(({ nextCheckAt }) => nextCheckAt).sort()).toEqual([
      '2026-11-25T08:00:00.000Z',
      '2026-11-25T08:00:00.000Z',
      '2026-11-25T09:00:00.000Z',
    ])
    expect(ada.expectPage(/repaired notification deadlines of incident 1/).text).toMatch(/1 x obligation/)
    const metrics = await (await fetch(`${world.origin}/metrics`)).text()
    expect(metrics).toMatch(/tocsin_obligation_audits_total\{result="repaired"\} 1/)
    // Once in order it is quiet.
    await world.advance({ minutes: 3 })
    ada.expectNoPage()
    const recorded = (await lead.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === 'obligation.repaired')
    expect(recorded.map(entry => entry.subject.id)).toEqual(recorded.map(() => params.id))
    expect(recorded).toHaveLength(1)
  })

  test('sets a warning anew that was put off, and a deadline that was moved; each later loss pages again', { timeout: 60_000 * patience }, async ({
    world,
  }) => {
    const ada = await world.person('administrator', 'Ada')
    const { lead, primary, declare, obligations } = await ready(world, ['Globex'])
    await declare()
    await world.settle()
    world.takeMails()
    const { db } = world.server.context.database.reader()
    const putOff = async () => {
      await db.update(jobs).set({ runAt: sql`run_at + interval '10 days'` }).where(eq(jobs.kind, clockJob.kind))
      await db.update(obligationRows).set({ nextCheckAt: sql`next_check_at + interval '10 days'` })
    }
    const before = (await obligations())[0]
    await putOff()
    await db.update(obligationRows).set({ dueAt: sql`due_at + interval '10 days'` })
    await world.advance({ minutes: 1 })
    expect(ada.expectPage(/repaired notification deadlines/).text).toMatch(/1 x deadline, 1 x late warning/)
    expect((await obligations())[0]).toMatchObject({ dueAt: before?.dueAt })
    const page = async (title: RegExp) => (await ada.call('pages')).items.find(one => title.test(one.title) && one.state === 'triggered')?.id ?? ''
    await ada.call('acknowledgePage', { params: { id: await page(/repaired/) } })
    world.takeMails()
    world.jump({ hours: 48 })
    await world.advance({ minutes: 1 })
    primary.expectPage(/1 customer not notified/)
    ada.expectNoPage()

    // Found out only after its time: given at once.
    await putOff()
    world.jump({ hours: 18 })
    await world.advance({ minutes: 1 })
    ada.expectPage(/repaired notification deadlines/)
    primary.expectPage(/1 customer not notified/)
    const repairs = (await lead.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === 'obligation.repaired')
    expect(repairs.map(({ data }) => (data as { what: string }).what)).toEqual(['late warning', 'late warning', 'deadline'])
  })
})

describe('a waiver', () => {
  const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
  const decision = { reasonCategory: 'other', reason: 'Later.', reviewOn: '2026-11-25' } as const
  const propose = async (person: Person, id: string, version: number) =>
    person.call('proposeDecision', { params: { id }, body: { ...decision, kind: 'waive', version } })

  test('keeps notices from being drafted, changed, approved or sent until it is withdrawn', async ({ world }) => {
    const { lead, primary, declare, obligations } = await ready(world)
    await declare()
    const executive = await world.person('lead')
    const id = (await obligations())[0]?.id ?? ''
    let obligation = await primary.call('draftNotice', { params: { id }, body: content })
    const notice = () => ({ id: obligation.notices[0]?.id ?? '', version: obligation.notices[0]?.version ?? 0 })
    await propose(lead, id, obligation.version)
    await executive.call('approveDecision', { params: { id }, body: { version: obligation.version + 1 } })
    const { id: noticeId, version } = notice()
    const params = { id: noticeId }
    for (const refused of [
      () => executive.call('approveNotice', { params, body: { version } }),
      () => primary.call('changeNotice', { params, body: { ...content, version } }),
      () => primary.call('draftNotice', { params: { id }, body: content }),
    ])
      await expect(refused()).rejects.toThrow(/was waived/)
    await lead.call('withdrawDecision', { params: { id } })
    obligation = await executive.call('approveNotice', { params, body: { version } })
    const again = (await obligations())[0]
    await propose(lead, id, again?.version ?? 0)
    await executive.call('approveDecision', { params: { id }, body: { version: (again?.version ?? 0) + 1 } })
    await expect(primary.call('sendNotice', { params, body: { version: notice().version } })).rejects.toThrow(/was waived/)
  })
})

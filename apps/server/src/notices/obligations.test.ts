import { eq, inArray, sql } from 'drizzle-orm'
import pg from 'pg'
import { describe, expect } from 'vitest'
import { type Person, test, type World } from '../../test/world.ts'
import { customers } from '../directory/tables.ts'
import { incidentCustomers, incidents } from '../incidents/tables.ts'
import { newId } from '../kernel/ids.ts'
import { jobs } from '../kernel/tables.ts'
import { followIncident, warn } from './obligations.ts'
import { obligations as obligationRows } from './tables.ts'

const criteria = {
  privacy: 'confirmed',
  impact: 'none',
  scope: 'one-asset',
  customers: 'one',
  region: 'one',
  data: 'internal',
  recoverability: 'regular',
} as const

/** An incident with its customers listed, ready to be declared. */
async function ready(world: World, names: readonly string[] = ['Globex']) {
  const { team, primary } = await world.team()
  await world.service('billing', team)
  const lead = await world.person('lead')
  let incident = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
  const params = { id: incident.id }
  const listed = []
  for (const name of names) listed.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
  incident = await primary.call('assessSeverity', { params, body: { version: incident.version, criteria } })
  incident = await primary.call('classifyIncident', { params, body: { version: incident.version, class: 'customer-reportable', reason: 'Yes.' } })
  incident = await primary.call('setAffectedCustomers', { params, body: { version: incident.version, customers: listed } })
  const declare = async () => {
    const { version } = await lead.call('incident', { params })
    return lead.call('declareIncident', { params, body: { version, reason: 'Confirmed.' } })
  }
  const obligations = async () => (await lead.call('obligations', { query: { view: 'all', incidentId: incident.id } })).items
  return { lead, primary, params, declare, obligations, listed }
}

describe('the clock of an obligation', () => {
  test('starts in the transaction of the declaration, and of listing a customer later: no reader of the journal is in between', async ({ world }) => {
    const { lead, primary, params, declare, obligations, listed } = await ready(world)
    await world.server.context.readers.stop()
    expect(await obligations()).toMatchObject([{ state: 'pending', startedAt: null }])
    await declare()
    const [obligation] = await obligations()
    expect(obligation).toMatchObject({ state: 'due', startedAt: world.now, dueAt: '2026-11-26T08:00:00.000Z' })
    const late = await world.customer('Initech')
    const { version } = await lead.call('incident', { params })
    await primary.call('setAffectedCustomers', { params, body: { version, customers: [...listed, { id: late.id, basis: 'More logs.' }] } })
    expect((await obligations()).map(each => [each.customer.name, each.state, each.dueAt])).toEqual([
      ['Globex', 'due', obligation?.dueAt],
      ['Initech', 'due', obligation?.dueAt],
    ])
    const { db } = world.server.context.database.reader()
    expect((await db.select().from(jobs).where(eq(jobs.kind, 'notices.warn'))).length).toBe(3)
  })

  test('that cannot be started leaves the incident undeclared: one does not go without the other', async ({ world }) => {
    const { lead, params, declare, obligations } = await ready(world)
    const { db } = world.server.context.database.reader()
    await db.execute(sql`alter table obligations add constraint never check (state <> 'due')`)
    await expect(declare()).rejects.toThrow()
    expect(await lead.call('incident', { params })).toMatchObject({ status: 'suspected', declaredAt: null })
    await db.execute(sql`alter table obligations drop constraint never`)
    await declare()
    expect(await obligations()).toMatchObject([{ state: 'due' }])
  })

  test('takes as many statements for 1,200 customers as for one, and so does a warning, which names some and counts the rest', { timeout: 60_000 }, async ({
    world,
  }) => {
    const { lead, params, declare } = await ready(world)
    const { context } = world.server
    await declare()
    const counted = async (count: number) => {
      await context.database.transaction(async tx => {
        const ids = Array.from({ length: count }, newId)
        await tx.db
          .insert(customers)
          .values(ids.map((id, n) => ({ id, name: `Customer ${count} ${n}`, region: 'EU', terms: '', noticeHours: 72, contacts: [] })))
        await tx.db.insert(incidentCustomers).values(ids.map(id => ({ incidentId: params.id, customerId: id, basis: 'Logs.' })))
      })
      const [incident] = await context.database.reader().db.select().from(incidents).where(eq(incidents.id, params.id))
      if (!incident) throw new Error('it was opened')
      const follow = await statements(() => context.database.transaction(tx => followIncident(tx, incident)))
      for (const page of (await lead.call('pages')).items) await lead.call('acknowledgePage', { params: { id: page.id } })
      const warned = await statements(() => context.database.transaction(tx => warn(tx, context, params.id, 48)))
      return { follow, warned }
    }
    await context.jobs.stop()
    await context.readers.stop()
    const one = await counted(1)
    const many = await counted(1_200)
    expect(many.follow).toBe(one.follow)
    expect(many.warned).toBe(one.warned)
    const rows = await context.database.reader().db.select().from(obligationRows).where(eq(obligationRows.incidentId, params.id))
    expect(rows.length).toBe(1_202)
    expect(rows.every(row => row.state === 'due')).toBe(true)
    const [page] = (await lead.call('pages')).items.filter(each => each.state === 'triggered')
    expect((await lead.call('page', { params: { id: page?.id ?? '' } })).summary).toMatch(/^Not notified: .* and 1182 more\./)
  })
})

/** How many statements the transaction of the work sends to the database; others that run meanwhile are not counted. */
async function statements(work: () => Promise<unknown>): Promise<number> {
  const original = pg.Client.prototype.query
  let count = 0
  let own: pg.Client | undefined
  Object.assign(pg.Client.prototype, {
    query(this: pg.Client, ...given: Parameters<typeof original>) {
      if (given[0] === 'begin') own ??= this
      if (own === this) count += 1
      return original.apply(this, given)
    },
  })
  try {
    await work()
  } finally {
    Object.assign(pg.Client.prototype, { query: original })
  }
  return count
}

describe('the auditor of obligations', () => {
  test.override({ options: { withAuditor: true } })

  test('repairs an obligation, a warning and a review that are missing, puts it on record and pages the administrators', { timeout: 60_000 }, async ({
    world,
  }) => {
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
    await db.delete(obligationRows).where(eq(obligationRows.id, globex.id))
    await db.delete(jobs).where(inArray(jobs.kind, ['notices.warn', 'notices.review-decision']))
    await world.advance({ minutes: 1 })
    const after = await obligations()
    expect(after.find(each => each.customer.id === globex.customer.id)).toMatchObject({ state: 'due', startedAt: globex.startedAt, dueAt: globex.dueAt })
    expect((await db.select().from(jobs).where(eq(jobs.kind, 'notices.warn'))).map(job => job.runAt).sort()).toEqual([
      '2026-11-25T08:00:00.000Z',
      '2026-11-26T02:00:00.000Z',
      '2026-11-26T07:00:00.000Z',
    ])
    expect((await db.select().from(jobs).where(eq(jobs.kind, 'notices.review-decision'))).length).toBe(1)
    expect(ada.expectPage(/repaired notification deadlines of incident 1/).text).toMatch(/1 x obligation/)
    const metrics = await (await fetch(`${world.origin}/metrics`)).text()
    expect(metrics).toMatch(/tocsin_obligation_audits_total\{result="repaired"\} 1/)
    // Once in order it is quiet.
    await world.advance({ minutes: 3 })
    ada.expectNoPage()
    const recorded = (await lead.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === 'obligation.repaired')
    expect(recorded.map(entry => entry.subject.id)).toEqual(recorded.map(() => params.id))
    expect(recorded.length).toBeGreaterThan(1)
  })
})

describe('what was met, waived or sent', () => {
  const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
  const decision = { reasonCategory: 'other', reason: 'Later.', reviewOn: '2026-11-25' } as const
  const propose = async (person: Person, id: string, version: number, kind: 'defer' | 'waive' = 'defer') =>
    person.call('proposeDecision', { params: { id }, body: { ...decision, kind, version } })

  test('is not turned back: an old deferral is not approved once the customer was notified', async ({ world }) => {
    const { lead, primary, declare, obligations } = await ready(world)
    await declare()
    const executive = await world.person('lead')
    let [obligation] = await obligations()
    const id = obligation?.id ?? ''
    await propose(lead, id, obligation?.version ?? 0)
    obligation = await primary.call('draftNotice', { params: { id }, body: content })
    const notice = () => ({ params: { id: obligation?.notices[0]?.id ?? '' }, body: { version: obligation?.notices[0]?.version ?? 0 } })
    obligation = await executive.call('approveNotice', notice())
    await world.server.context.jobs.stop()
    obligation = await primary.call('sendNotice', notice())
    // On its way, it will be met in a moment.
    await expect(executive.call('approveDecision', { params: { id }, body: { version: obligation.version } })).rejects.toThrow(/is being sent now/)
    await world.server.context.jobs.start()
    await world.settle()
    ;[obligation] = await obligations()
    expect(obligation).toMatchObject({ state: 'notified' })
    const body = { version: obligation?.version ?? 0 }
    await expect(executive.call('approveDecision', { params: { id }, body })).rejects.toThrow(/was already notified/)
    await expect(propose(lead, id, body.version)).rejects.toThrow(/was already notified/)
    await expect(lead.call('withdrawDecision', { params: { id } })).rejects.toThrow(/no deferral or waiver to withdraw/)
    await expect(primary.call('sendNotice', notice())).rejects.toMatchObject({ problem: { status: 409 } })
    expect((await obligations())[0]).toMatchObject({ state: 'notified', notifiedAt: obligation?.notifiedAt })
  })

  test('a decision that was withdrawn, or whose review is past, is not approved', async ({ world }) => {
    const { lead, declare, obligations } = await ready(world)
    await declare()
    const executive = await world.person('lead')
    const id = (await obligations())[0]?.id ?? ''
    const version = async () => (await obligations())[0]?.version ?? 0
    const approve = async () => executive.call('approveDecision', { params: { id }, body: { version: await version() } })
    await propose(lead, id, await version())
    await lead.call('withdrawDecision', { params: { id } })
    await expect(approve()).rejects.toThrow(/no proposed deferral or waiver/)
    await propose(lead, id, await version())
    world.jump({ days: 3 })
    await expect(approve()).rejects.toThrow(/review date has passed/)
  })

  test('of a waived obligation no notice is drafted, changed, approved or sent until the decision is withdrawn', async ({ world }) => {
    const { lead, primary, declare, obligations } = await ready(world)
    await declare()
    const executive = await world.person('lead')
    const id = (await obligations())[0]?.id ?? ''
    let obligation = await primary.call('draftNotice', { params: { id }, body: content })
    const notice = () => ({ id: obligation.notices[0]?.id ?? '', version: obligation.notices[0]?.version ?? 0 })
    await propose(lead, id, obligation.version, 'waive')
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
    await propose(lead, id, again?.version ?? 0, 'waive')
    await executive.call('approveDecision', { params: { id }, body: { version: (again?.version ?? 0) + 1 } })
    await expect(primary.call('sendNotice', { params, body: { version: notice().version } })).rejects.toThrow(/was waived/)
  })
})

import type { reasonCategories } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { assess } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'

const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }

interface Decision {
  readonly kind: 'defer' | 'waive'
  readonly reasonCategory: (typeof reasonCategories)[number]
  readonly reason: string
  readonly reviewOn: string
}
const deferral: Decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'The police asks for it.', reviewOn: '2026-11-24' }
const waiver: Decision = { kind: 'waive', reasonCategory: 'data-unintelligible', reason: 'It was encrypted.', reviewOn: '2026-11-24' }

/** An incident with affected customers, ready to be declared; the primary of the security team leads it. */
async function reportable(world: World, ...names: readonly string[]) {
  const { primary } = await world.team()
  const lead = await world.person('lead')
  const approver = await world.person('lead')
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
  const params = { id }
  const version = async () => (await primary.call('incident', { params })).version
  const customers = []
  for (const name of names) customers.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
  await assess(primary, id)
  await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers } })
  const declare = async () => lead.call('declareIncident', { params, body: { version: await version(), reason: 'Confirmed.' } })
  const obligation = async (name = 'Globex') => {
    const found = (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items.find(({ customer }) => customer?.name === name)
    if (!found) throw new Error(`there is an obligation to notify ${name}`)
    return found
  }
  const propose = async (person: Person, decision: Decision, name?: string) => {
    const { id: obligationId, version: read } = await obligation(name)
    return person.call('proposeDecision', { params: { id: obligationId }, body: { ...decision, version: read } })
  }
  const approve = async (person: Person, name?: string) => {
    const { id: obligationId, version: read } = await obligation(name)
    return person.call('approveDecision', { params: { id: obligationId }, body: { version: read } })
  }
  /** The lead proposes it and the approver approves it. */
  const decide = async (decision: Decision, name?: string) => {
    await propose(lead, decision, name)
    return approve(approver, name)
  }
  /** The newest notice to a customer, as the routes of a notice take it. */
  const notice = async (name?: string) => {
    const newest = (await obligation(name)).notices.at(-1)
    return { params: { id: newest?.id ?? '' }, body: { version: newest?.version ?? 0 } }
  }
  /** Drafts a notice to a customer, has it approved and sends it. */
  const send = async (name?: string) => {
    await primary.call('draftNotice', { params: { id: (await obligation(name)).id }, body: content })
    await lead.call('approveNotice', await notice(name))
    await primary.call('sendNotice', await notice(name))
  }
  const entries = async (type: string) => (await lead.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)
  const triggered = async () => (await lead.call('pages')).items.filter(({ state }) => state === 'triggered')
  return { primary, lead, approver, params, version, declare, obligation, propose, approve, decide, notice, send, entries, triggered }
}

describe('a decision to defer or waive', () => {
  test('is proposed and withdrawn also before the declaration, with a review date from today on, and both are on record', async ({ world }) => {
    const { lead, approver, obligation, propose, approve, entries } = await reportable(world, 'Globex')
    const before = await obligation()
    const params = { id: before.id }
    await expect(propose(lead, { ...deferral, reviewOn: '2026-11-22' }), 'yesterday').rejects.toMatchObject(refusal('invalid', 'reviewOn'))
    await expect(propose(lead, { ...deferral, reviewOn: '9999-12-31' }), 'never').rejects.toThrow(/reviewOn: must be within 366 days/)
    await expect(propose(lead, { ...deferral, reasonCategory: 'not-affected' }), 'who is not affected needs none later').rejects.toThrow(
      /reasonCategory: .*Waive it/,
    )
    const other = { ...deferral, version: before.version + 1 }
    await expect(lead.call('proposeDecision', { params, body: other }), 'of another version').rejects.toMatchObject(refusal('conflict'))
    await expect(lead.call('withdrawDecision', { params }), 'none is there').rejects.toMatchObject(refusal('conflict'))
    await expect(approve(approver), 'none is there').rejects.toThrow(/no proposed deferral or waiver/)
    expect(await obligation()).toEqual(before)

    // M5 found no category for a customer who was listed by mistake.
    const today = { ...waiver, reasonCategory: 'not-affected', reviewOn: '2026-11-23' } as const
    const decision = { ...today, proposedBy: { id: lead.id, name: lead.name }, approvedBy: null }
    expect(await propose(lead, today)).toEqual({ ...before, version: before.version + 1, decision })
    await expect(approve(approver)).rejects.toThrow(/not declared yet/)
    expect(await lead.call('withdrawDecision', { params })).toEqual({ ...before, version: before.version + 2 })
    await expect(approve(approver), 'it is withdrawn').rejects.toThrow(/no proposed deferral or waiver/)
    const entry = { actor: { id: lead.id }, subject: { kind: 'obligation', id: before.id } }
    expect(await entries('decision.proposed')).toMatchObject([{ ...entry, data: { customer: 'Globex', ...today } }])
    expect(await entries('decision.withdrawn')).toMatchObject([{ ...entry, data: { customer: 'Globex', kind: 'waive' } }])
  })

  test('is approved once, until its review date, by the executive sponsor or a lead who did not propose it', async ({ world }) => {
    const { primary, lead, approver, params, version, declare, obligation, propose, approve, entries } = await reportable(world, 'Globex')
    const executive = await world.executive()
    await primary.call('assignRole', { params: { id: params.id, role: 'executive' }, body: { version: await version(), personId: executive.id } })
    await declare()
    const due = await obligation()
    expect(await propose(lead, deferral)).toMatchObject({ state: 'due', version: due.version + 1 })
    await expect(approve(lead)).rejects.toThrow(/somebody other than the person who proposed it/)
    await expect(approve(primary)).rejects.toThrow(/executive sponsor or a lead/)
    // It is rejected by whoever could approve it, for a reason, and proposed again.
    const reject = async (person: Person) =>
      person.call('rejectDecision', { params: { id: due.id }, body: { version: (await obligation()).version, reason: 'The police does not ask for it.' } })
    await expect(reject(lead)).rejects.toThrow(/somebody other than the person who proposed it/)
    await expect(reject(primary)).rejects.toThrow(/executive sponsor or a lead/)
    expect(await reject(executive)).toMatchObject({ state: 'due', decision: null, dueAt: due.dueAt })
    await expect(reject(executive)).rejects.toThrow(/no proposed deferral or waiver/)
    expect(await entries('decision.rejected')).toMatchObject([
      { actor: { id: executive.id }, data: { customer: 'Globex', kind: 'defer', reason: 'The police does not ask for it.' } },
    ])
    expect(await propose(lead, deferral)).toMatchObject({ state: 'due', decision: { approvedBy: null } })
    // A second account of the proposer is nobody else.
    const twin = await world.person('lead', lead.name.replace(/$/, '+2'))
    await expect(approve(twin)).rejects.toThrow(/counts as the same person/)
    const stale = approver.call('approveDecision', { params: { id: due.id }, body: { version: due.version } })
    await expect(stale, 'of an older version').rejects.toThrow(/in the meantime/)
    expect(await obligation()).toMatchObject({ state: 'due', decision: { approvedBy: null } })
    expect(await approve(executive)).toMatchObject({
      ...{ state: 'deferred', version: due.version + 4, dueAt: due.dueAt },
      decision: { ...deferral, approvedBy: executive.name },
    })
    await expect(approve(approver)).rejects.toThrow(/already approved/)
    await expect(reject(approver)).rejects.toThrow(/already approved. A lead can withdraw it/)
    expect(await entries('decision.approved')).toMatchObject([
      { actor: { id: executive.id }, subject: { kind: 'obligation', id: due.id }, data: { customer: 'Globex', ...deferral } },
    ])

    // A new proposal replaces it: until that is approved, the obligation is due.
    expect(await propose(lead, { ...waiver, reviewOn: '2026-11-23' })).toMatchObject({ state: 'due', decision: { approvedBy: null } })
    expect(await approve(approver), 'on the day of its review').toMatchObject({
      state: 'waived',
      timing: null,
      contractTiming: null,
      found: { timing: null },
      decision: { approvedBy: approver.name },
    })
    const { version: waived } = await obligation()
    const again = await lead.call('withdrawDecision', { params: { id: due.id } })
    expect(again).toMatchObject({ state: 'due', decision: null, version: waived + 1, dueAt: due.dueAt })
    await propose(lead, deferral)
    world.jump({ days: 2 })
    await expect(approve(approver)).rejects.toThrow(/review date has passed/)
    expect(await obligation()).toMatchObject({ state: 'due' })
  })

  test('is over on its day: the lead is paged to review a waiver that still applies, and about what was deferred; of others nobody hears', async ({
    world,
  }) => {
    const names = ['Globex', 'Initech', 'Hooli', 'Umbrella', 'Soylent'] as const
    const { primary, lead, approver, params, version, declare, obligation, propose, decide, send, entries, triggered } = await reportable(world, ...names)
    await declare()
    expect(await decide(deferral, 'Globex')).toMatchObject({ state: 'deferred' })
    expect(await decide(waiver, 'Initech')).toMatchObject({ state: 'waived' })
    await decide(waiver, 'Soylent')
    await decide(deferral, 'Hooli')
    await propose(lead, { ...deferral, reason: 'They ask for more time.' }, 'Hooli')
    await decide(deferral, 'Umbrella')
    await send('Umbrella')
    await world.settle()
    expect(await obligation('Umbrella')).toMatchObject({ state: 'notified' })

    await world.advance({ hours: 24, minutes: 59 })
    expect(await entries('decision.due')).toEqual([])
    primary.expectNoPage()
    await world.advance({ minutes: 1 })
    primary.expectPage(/Incident 1: reviews of 2 notification decisions are due/)
    const summaries = await Promise.all((await triggered()).map(async ({ id }) => (await lead.call('page', { params: { id } })).summary))
    expect(summaries.toSorted()).toEqual([
      'Globex: the first notice is due on Nov 26, 08:00 UTC.',
      expect.stringMatching(/^The notification of Initech was waived,.*\nThe notification of Soylent was waived,/),
    ])
    const due = async () => (await entries('decision.due')).map(({ data }) => (data as { customer: string }).customer).toSorted()
    expect(await due()).toEqual(['Initech', 'Soylent'])
    // A deferral ends, and the lead is paged about what is due again, also before its first warning.
    expect((await entries('decision.lapsed')).map(({ data }) => data)).toEqual([{ customer: 'Globex', reviewOn: '2026-11-24' }])
    expect(await obligation('Globex')).toMatchObject({ state: 'due', decision: null })

    // The page ends once something else is decided about each of them.
    const reviews = async () => (await triggered()).filter(({ title }) => title.includes('notification decision')).length
    await decide({ ...waiver, reviewOn: '2026-11-26' }, 'Initech')
    expect(await reviews(), 'Soylent is left').toBe(1)
    await decide({ ...waiver, reviewOn: '2026-11-26' }, 'Soylent')
    expect(await reviews()).toBe(0)
    // Of what was an error nobody has to be notified, whatever was decided.
    await lead.call('propose', { params, body: { version: await version(), kind: 'stand-down', reason: 'A test of the backups.' } })
    const [proposal] = (await lead.call('incident', { params })).proposals
    const stoodDown = { params: { ...params, proposalId: proposal?.id ?? '' }, body: { sha256: proposal?.sha256 ?? '' } }
    expect(await approver.call('approveProposal', stoodDown)).toMatchObject({ status: 'declared', class: 'not-an-incident' })
    world.jump({ days: 3 })
    await world.settle()
    expect(await due()).toHaveLength(2)
    const body = { version: await version(), reason: 'It was none.', updateCustomers: false, noUpdateReason: 'They know.' }
    await lead.call('reopenIncident', { params, body })
    await world.settle()
    expect(await due(), 'what nobody looked at meanwhile').toHaveLength(4)
  })

  test('that a new proposal replaces leaves the obligation due, and the warning that nobody got meanwhile is given at once', async ({ world }) => {
    const { lead, declare, propose, decide, triggered } = await reportable(world, 'Globex')
    await declare()
    await decide({ ...deferral, reviewOn: '2026-11-30' })
    await world.advance({ hours: 49 })
    expect(await triggered(), 'it was deferred').toEqual([])
    expect(await propose(lead, { ...waiver, reviewOn: '2026-11-30' })).toMatchObject({ state: 'due' })
    await world.settle()
    expect(await triggered()).toMatchObject([{ title: 'Incident 1: 1 customer not notified (due Nov 26, 08:00 UTC)' }])
  })

  test('ends the page about customers who are not notified once it answers for the last of them', async ({ world }) => {
    const { declare, decide, triggered } = await reportable(world, 'Globex', 'Initech')
    await declare()
    await world.advance({ hours: 48 })
    expect(await triggered()).toMatchObject([{ title: 'Incident 1: 2 customers not notified (due Nov 26, 08:00 UTC)' }])
    const later = { ...waiver, reviewOn: '2026-11-30' }
    await decide(later, 'Globex')
    expect(await triggered(), 'Initech is not notified').toHaveLength(1)
    await decide(later, 'Initech')
    expect(await triggered()).toEqual([])
  })

  test('is neither proposed nor approved nor withdrawn once the notice is on its way, or has arrived', async ({ world }) => {
    const { primary, lead, approver, declare, obligation, propose, approve, notice, send } = await reportable(world, 'Globex')
    await declare()
    const { id } = await propose(lead, deferral)
    await world.server.context.jobs.stop()
    await send()
    // On its way, it will be met in a moment.
    await expect(approve(approver)).rejects.toThrow(/is being sent now/)
    await expect(propose(lead, deferral)).rejects.toThrow(/is being sent now/)
    await world.server.context.jobs.start()
    await world.settle()
    const notified = await obligation()
    expect(notified).toMatchObject({ state: 'notified' })
    await expect(approve(approver)).rejects.toThrow(/was already notified/)
    await expect(propose(lead, deferral)).rejects.toThrow(/was already notified/)
    await expect(lead.call('withdrawDecision', { params: { id } })).rejects.toThrow(/no deferral or waiver to withdraw/)
    await expect(primary.call('sendNotice', await notice())).rejects.toMatchObject(refusal('conflict'))
    expect(await obligation()).toEqual(notified)
  })
})

import { createClient, type IncidentClass } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'

/** An incident that one lead has brought to recovered, alone. */
async function recovered(lead: Person, kind: IncidentClass, container: Person['call'] = lead.call) {
  const { id } = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  const params = { id }
  const read = () => lead.call('incident', { params })
  const say = async (reason = 'As the runbook says.') => ({ params, body: { version: (await read()).version, reason } })
  await declare(lead, id, { class: kind })
  await container('containIncident', await say())
  await lead.call('eradicateIncident', await say())
  const recover = async (secureState = 'Restored from clean images', verification = 'Two scans found nothing') =>
    lead.call('recoverIncident', {
      params,
      body: { ...(await say()).body, secureState, verification, monitorUntil: null, noMonitoringReason: 'The service is switched off.' },
    })
  await expect(recover('x')).rejects.toMatchObject(refusal('invalid', 'secureState'))
  await expect(recover('looks fine')).rejects.toMatchObject(refusal('invalid', 'secureState'))
  await expect(recover(undefined, 'n/a')).rejects.toMatchObject(refusal('invalid', 'verification'))
  await recover()
  const closing = async () => (await read()).nextActions.find(({ action }) => action === 'close')?.blockedBy
  const propose = async (caller: Person, what: { kind: 'close' } | { kind: 'lower-class'; class: IncidentClass }) =>
    caller.call('propose', { params, body: { ...(await say()).body, ...what } })
  const approve = async (caller: Person) => {
    const [proposal] = (await read()).proposals
    return caller.call('approveProposal', { params: { id, proposalId: proposal?.id ?? '' }, body: { sha256: proposal?.sha256 ?? '' } })
  }
  const verify = async (caller: Person) => caller.call('verifyRecovery', await say('Two clean scans of all servers.'))
  return { id, params, read, say, closing, propose, approve, verify }
}

const unseen = (name: string) => `${name} recovered the incident and verified the recovery. Somebody else with the role lead has to review that.`

describe('segregation of duties', () => {
  // A3: one lead opened, declared, contained, eradicated, recovered, lowered and closed a privacy breach.
  test('a lead alone takes no privacy breach from open to closed', async ({ world }) => {
    const lead = await world.person('lead', 'Ada')
    const { params, read, say, closing, propose, approve, verify } = await recovered(lead, 'privacy-breach')
    const body = { kind: 'waive', reasonCategory: 'other', reason: 'Nobody is affected.', reviewOn: '2026-12-24' } as const
    const [scope] = (await lead.call('obligations', { query: { incidentId: params.id } })).items
    await lead.call('proposeDecision', { params: { id: scope?.id ?? '' }, body: { ...body, version: scope?.version ?? 0 } })
    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'process-flaw' as const, description: 'Nobody looked.' }]
    await lead.call('saveReview', { params: { id: review.id }, body: { version: 1, sequence: 'It began.', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: 2 } })
    expect((await closing())?.[0]).toBe('The recovery is not verified yet.')
    await verify(lead)
    await expect(verify(lead)).rejects.toThrow(/Ada has verified this recovery/)
    // A6: the review that one person wrote and finished.
    const alone = { personId: lead.id, reviewedBy: null }
    expect(await read()).toMatchObject({ recoveryVerified: { by: 'Ada' }, exceptions: [{ ...alone, sentence: 'Ada wrote the review and finished it' }, alone] })
    expect((await closing())?.slice(0, 2)).toEqual([
      'Ada wrote the review and finished it. Somebody else with the role lead has to review that.',
      unseen('Ada'),
    ])
    const [written, exception] = (await read()).exceptions.map(({ id }) => ({
      params: { ...params, exceptionId: id },
      body: { reason: 'The scans are in the ticket.' },
    }))
    if (written === undefined || exception === undefined) throw new Error('there are two')
    await expect(lead.call('reviewException', exception)).rejects.toMatchObject(refusal('forbidden'))
    await expect(lead.call('classifyIncident', { params, body: { ...(await say()).body, class: 'security-incident' } })).rejects.toMatchObject(
      refusal('conflict'),
    )
    await expect(lead.call('closeIncident', await say())).rejects.toMatchObject(refusal('conflict'))

    const other = await world.person('lead', 'Ben')
    await other.call('reviewException', written)
    expect(await other.call('reviewException', exception)).toMatchObject({ exceptions: [{ reviewedBy: 'Ben' }, { reviewedBy: 'Ben' }] })
    await expect(other.call('reviewException', exception)).rejects.toThrow(/Ben has reviewed this/)
    await other.call('approveDecision', { params: { id: scope?.id ?? '' }, body: { version: (scope?.version ?? 0) + 1 } })
    expect(await closing()).toEqual([])
    await expect(lead.call('closeIncident', await say()), 'nothing is left but who closes it').rejects.toThrow(/somebody else must close it/)
    await expect(propose(lead, { kind: 'close' }), 'there is another lead to do it').rejects.toMatchObject(refusal('forbidden'))
    await propose(other, { kind: 'close' })
    expect(await approve(lead), 'two people close it').toMatchObject({ status: 'closed' })
    const { timeline } = await read()
    expect(timeline.map(({ sentence }) => sentence)).toEqual(
      expect.arrayContaining([
        'Ada recovered the incident and verified the recovery: somebody else has to review that',
        'Reviewed that Ada recovered the incident and verified the recovery',
        'Verified the recovery',
      ]),
    )
  })

  test('follows the policy of the organization: review for small teams, block, or off', async ({ world }) => {
    const [lead, other, administrator] = [await world.person('lead', 'Ada'), await world.person('lead', 'Ben'), await world.person('administrator')]
    const sponsor = await world.executive('observer')
    const { params, say, propose, approve, verify } = await recovered(lead, 'security-incident')
    await verify(other)
    await lead.call('assignRole', { params: { ...params, role: 'executive' }, body: { version: (await say()).body.version, personId: sponsor.id } })
    await expect(lead.call('closeIncident', await say())).rejects.toThrow(/Propose to close it/)
    await propose(lead, { kind: 'close' })
    expect(await approve(sponsor)).toMatchObject({ status: 'closed' })

    const policy = await lead.call('segregationPolicy')
    expect(policy).toEqual({ version: 1, declareLower: 'review', containClose: 'review', recoverVerify: 'review', writeFinish: 'review' })
    const blocked = { version: 1, declareLower: 'block', containClose: 'block', recoverVerify: 'block', writeFinish: 'block' } as const
    await expect(lead.call('setSegregationPolicy', { body: blocked })).rejects.toMatchObject(refusal('forbidden'))

    // Review: who declared it approves that it is lowered, and somebody else looks at that.
    const reviewed = await recovered(lead, 'privacy-breach')
    await reviewed.propose(other, { kind: 'lower-class', class: 'security-incident' })
    expect(await reviewed.approve(lead)).toMatchObject({
      class: 'security-incident',
      exceptions: [{ sentence: 'Ada declared the incident and approved that it is lowered or stood down' }],
    })

    await administrator.call('setSegregationPolicy', { body: blocked })
    await expect(administrator.call('setSegregationPolicy', { body: policy }), 'another version').rejects.toMatchObject(refusal('conflict'))
    const { items } = await administrator.call('journal', { query: { type: 'segregation-policy.changed' } })
    expect(items[0]?.sentence).toBe(
      'Changed the segregation of duties: declaring and lowering from review to block; containing and closing from review to block; recovering and verifying from review to block; writing and finishing a review from review to block',
    )
    await world.asOwner(`update settings set value = jsonb_set(value, '{recoverVerify}', '"off"') where name = 'segregation-of-duties'`)
    const strict = await recovered(lead, 'customer-reportable')
    const review = await lead.call('startReview', { params: strict.params })
    const findings = [{ kind: 'process-flaw' as const, description: 'Nobody looked.' }]
    await lead.call('saveReview', { params: { id: review.id }, body: { version: 1, sequence: 'It began.', findings } })
    await expect(lead.call('finishReview', { params: { id: review.id }, body: { version: 2 } })).rejects.toThrow(/somebody else must finish it/)
    await other.call('finishReview', { params: { id: review.id }, body: { version: 2 } })
    await expect(strict.verify(lead), 'by what is on record').rejects.toThrow(/somebody else must verify the recovery/)
    await strict.propose(other, { kind: 'lower-class', class: 'security-incident' })
    await expect(strict.approve(lead)).rejects.toThrow(/You declared this incident/)
    expect(await strict.approve(administrator)).toMatchObject({ class: 'security-incident' })
    await expect(strict.propose(lead, { kind: 'close' })).rejects.toThrow(/somebody else must close it/)

    // Whoever sets the policy does not set it for what they are about to do.
    const before = await recovered(administrator, 'security-incident')
    await administrator.call('setSegregationPolicy', {
      body: { version: 2, declareLower: 'off', containClose: 'off', recoverVerify: 'off', writeFinish: 'off' },
    })
    await expect(before.verify(administrator)).rejects.toThrow(/somebody else must verify the recovery/)
    expect(await before.closing()).toEqual(['The recovery is not verified yet.'])
    await before.verify(lead)
    await expect(administrator.call('closeIncident', await before.say())).rejects.toThrow(/somebody else must close it/)
    const free = await recovered(lead, 'security-incident')
    expect(await lead.call('closeIncident', await free.say())).toMatchObject({ status: 'closed' })
  })

  test('counts a service account, whoever made it, as nobody', async ({ world }) => {
    const [lead, other, administrator] = [await world.person('lead', 'Ada'), await world.person('lead', 'Ben'), await world.person('administrator')]
    const body = { name: 'Playbooks', role: 'lead', scopes: ['incidents:read', 'incidents:write'] } as const
    const { secret } = await administrator.call('createApiKey', { body: { ...body, scopes: [...body.scopes] } })
    const playbooks = createClient({ origin: world.origin, apiKey: secret })
    const byLead = await recovered(lead, 'security-incident')
    await byLead.verify(other)
    await expect(playbooks('closeIncident', await byLead.say())).rejects.toThrow(/closed by a person/)
    await byLead.propose(lead, { kind: 'close' })
    await byLead.approve(other)
    const byKey = await recovered(lead, 'security-incident', playbooks)
    await byKey.verify(other)
    await expect(lead.call('closeIncident', await byKey.say())).rejects.toThrow(/A service account contained this incident, so closing it takes two people/)
    await byKey.propose(lead, { kind: 'close' })
    await expect(byKey.approve(lead)).rejects.toMatchObject(refusal('forbidden'))
    expect(await byKey.approve(other)).toMatchObject({ status: 'closed' })
  })
})

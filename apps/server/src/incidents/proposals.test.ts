import type { IncidentClass, SeverityCriteria } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'

const severe: SeverityCriteria = {
  ...({ privacy: 'confirmed', impact: 'destructive', scope: 'one-service', customers: 'one' } as const),
  ...({ region: 'one', data: 'internal', recoverability: 'regular' } as const),
}
const mild: SeverityCriteria = { ...severe, privacy: 'none', impact: 'none', scope: 'one-asset', customers: 'none', data: 'none' }

const current = (caller: Person, id: string) => caller.call('incident', { params: { id } })

/** A declared incident of a class, and acts on its current version. */
async function declared(lead: Person, kind: IncidentClass) {
  const { id } = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  const params = { id }
  const version = async () => (await current(lead, id)).version
  await lead.call('assessSeverity', { params, body: { version: await version(), criteria: severe } })
  await lead.call('classifyIncident', { params, body: { version: await version(), class: kind, reason: 'Confirmed.' } })
  await lead.call('declareIncident', { params, body: { version: await version(), reason: 'Confirmed.' } })
  const latest = async () => (await current(lead, id)).proposals[0] ?? expect.fail('nothing is proposed')
  const decide = async (caller: Person, sha256?: string) => {
    const proposal = await latest()
    return caller.call('approveProposal', { params: { id, proposalId: proposal.id }, body: { sha256: sha256 ?? proposal.sha256 } })
  }
  const lower = async (caller: Person, to: IncidentClass) =>
    caller.call('propose', { params, body: { version: await version(), kind: 'lower-class', class: to, reason: 'No personal data after all.' } })
  return { id, params, version, latest, decide, lower }
}

describe('lowering the class or severity of a declared incident', () => {
  test('takes a reason and a second person; raising does not', async ({ world }) => {
    const [lead, other, responder] = [await world.person('lead'), await world.person('lead'), await world.person('responder')]
    const { id, params, version, latest, decide, lower } = await declared(lead, 'privacy-breach')

    // M6: what one responder could do with the statement ".".
    const classify = async (to: IncidentClass) => responder.call('classifyIncident', { params, body: { version: await version(), class: to, reason: '.' } })
    await expect(classify('security-incident')).rejects.toThrow(/Lowering the class .* from privacy breach to security incident takes a second person/)
    await expect(classify('not-an-incident')).rejects.toThrow(/by standing it down/)
    const assess = async (criteria: SeverityCriteria) => responder.call('assessSeverity', { params, body: { version: await version(), criteria } })
    await expect(assess(mild)).rejects.toThrow(/from SEV1 to SEV4, which takes a second person/)
    expect(await current(lead, id)).toMatchObject({ class: 'privacy-breach', severity: 'SEV1' })

    await expect(lower(responder, 'privacy-breach'), 'not lower').rejects.toMatchObject(refusal('invalid', 'class'))
    await expect(lower(responder, 'not-an-incident')).rejects.toMatchObject(refusal('invalid', 'class'))
    await lower(responder, 'security-incident')
    await expect(lower(lead, 'security-incident'), 'one at a time').rejects.toThrow(
      /already proposed to lower the class from privacy breach to security incident/,
    )
    expect(await latest()).toMatchObject({ kind: 'lower-class', change: 'lower the class from privacy breach to security incident', state: 'open' })
    await expect(decide(responder), 'who proposed it').rejects.toThrow(/somebody other than the person who made it/)
    await expect(decide(await world.person('responder'))).rejects.toThrow(/Only the executive sponsor or a lead/)
    await expect(decide(lead, '0'.repeat(64)), 'what was not read').rejects.toMatchObject(refusal('invalid', 'sha256'))
    const { sha256 } = await latest()
    expect(await decide(lead)).toMatchObject({ class: 'security-incident' })
    await expect(decide(other)).rejects.toThrow(/already approved/)
    const { items } = await lead.call('journal', { query: { type: 'proposal.approved' } })
    expect(items.map(({ data }) => data)).toMatchObject([{ sha256 }])
    // M6: the review that it needed when it was a privacy breach is needed still.
    expect(await lead.call('review', { params })).toMatchObject({ isRequired: true, because: 'The incident was a privacy breach.' })

    expect(await classify('customer-reportable'), 'raised directly').toMatchObject({ class: 'customer-reportable' })
    const propose = async (criteria: SeverityCriteria) =>
      lead.call('propose', { params, body: { version: await version(), kind: 'lower-severity', criteria, reason: 'One test machine.' } })
    const odd = { version: await version(), reason: 'x', criteria: mild } as const
    await expect(lead.call('propose', { params, body: { ...odd, kind: 'stand-down' } })).rejects.toMatchObject(refusal('invalid', 'criteria'))
    await expect(lead.call('propose', { params, body: { version: odd.version, reason: 'x', kind: 'lower-class' } })).rejects.toMatchObject(
      refusal('invalid', 'class'),
    )
    await expect(propose({ ...severe, region: 'global' })).rejects.toMatchObject(refusal('invalid', 'criteria'))
    await propose(mild)
    expect(await decide(other)).toMatchObject({ severity: 'SEV4', severityCriteria: mild })
    expect(await assess(severe)).toMatchObject({ severity: 'SEV1' })
  })

  test('is void once the incident has changed, and can be rejected and withdrawn', async ({ world }) => {
    const [lead, other, responder] = [await world.person('lead'), await world.person('lead'), await world.person('responder')]
    const { id, params, version, latest, decide, lower } = await declared(lead, 'privacy-breach')
    await lower(lead, 'security-incident')
    await lead.call('containIncident', { params, body: { version: await version(), reason: 'Blocked.' } })
    expect(await latest()).toMatchObject({ state: 'void', decidedBy: null })
    await expect(decide(other)).rejects.toThrow(/has changed since this was proposed/)
    expect((await current(lead, id)).timeline.at(-2)).toMatchObject({
      by: 'Tocsin',
      sentence: 'The proposal to lower the class from privacy breach to security incident is void: the incident has changed',
    })

    await lower(lead, 'security-incident')
    const of = async () => ({ id, proposalId: (await latest()).id })
    const reject = async (caller: Person) => caller.call('rejectProposal', { params: await of(), body: { reason: 'Mail addresses are personal data.' } })
    await expect(reject(lead)).rejects.toMatchObject(refusal('forbidden'))
    expect((await reject(other)).timeline.at(-1)).toMatchObject({ reason: 'Mail addresses are personal data.' })
    await lower(lead, 'security-incident')
    await expect(responder.call('withdrawProposal', { params: await of() })).rejects.toMatchObject(refusal('forbidden'))
    await lead.call('withdrawProposal', { params: await of() })
    expect((await current(lead, id)).proposals.map(({ state }) => state)).toEqual(['withdrawn', 'rejected', 'void'])

    // What was changed in the database is not approved.
    await lower(lead, 'security-incident')
    world.isTampered = true
    await world.asOwner(`update incident_proposals set change = jsonb_set(change, '{to,class}', '"customer-reportable"') where state = 'open'`)
    await expect(decide(other)).rejects.toThrow(/changed outside Tocsin/)
  })

  test('is for a declared incident alone, and data that was affected stays so without a reason', async ({ world }) => {
    const lead = await world.person('lead')
    const opened = await lead.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
    const early = { version: opened.version, kind: 'stand-down', reason: 'x' } as const
    await expect(lead.call('propose', { params: { id: opened.id }, body: early })).rejects.toThrow(/not declared/)
    const { params, version } = await declared(lead, 'security-incident')
    const touch = async (customerData: 'yes' | 'no', reason?: string) =>
      lead.call('changeIncident', {
        params,
        body: {
          version: await version(),
          dataTouched: { customerData, personalData: 'unknown', description: '' },
          ...(reason === undefined ? {} : { reason }),
        },
      })
    await touch('yes')
    await expect(touch('no')).rejects.toMatchObject(refusal('invalid', 'reason'))
    expect((await touch('no', 'The bucket was empty.')).timeline.at(-1)).toMatchObject({ reason: 'The bucket was empty.' })
  })
})

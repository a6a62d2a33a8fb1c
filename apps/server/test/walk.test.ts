import { verifyExport } from '@tocsin/merkle'
import { expect } from 'vitest'
import { linkIn, test } from './world.ts'

const criteria = {
  privacy: 'confirmed',
  impact: 'degraded',
  scope: 'one-service',
  customers: 'one',
  region: 'one',
  data: 'confidential',
  recoverability: 'regular',
} as const

test('one alert walks the whole way: page, incident, notice, review, closure, proof', async ({ world }) => {
  const security = await world.team()
  const engineering = await world.team({ kind: 'engineering' })
  const service = await world.service('billing', security.team, engineering.team)
  const globex = await world.customer('Globex')
  const lead = await world.person('lead')
  const { primary } = security

  const alert = await world.alert({ title: 'Bulk export of customer records', severity: 'critical', service: 'billing' })
  await world.client()('acknowledgeByLink', { body: { token: linkIn(primary.expectPage(/Bulk export/), '/a/') } })

  let incident = await primary.call('escalateAlert', {
    params: { id: alert.id },
    body: { responsibility: 'us', reason: 'Records were read with a stolen key.' },
  })
  const params = { id: incident.id }
  expect(incident).toMatchObject({
    status: 'suspected',
    lead: { name: primary.name },
    services: [{ name: 'billing', basis: 'Alert 1: Bulk export of customer records' }],
  })
  expect((await primary.call('alert', { params: { id: alert.id } })).status).toBe('escalated')
  await world.settle()
  await world.client()('acknowledgeByLink', { body: { token: linkIn(engineering.primary.expectPage(/billing is affected/), '/a/') } })
  await world.settle()
  incident = await primary.call('incident', { params })
  expect(incident.owner?.name).toBe(engineering.primary.name)

  await expect(lead.call('declareIncident', { params, body: { version: incident.version, reason: 'Now.' } })).rejects.toThrow(/Assess the severity first/)
  incident = await primary.call('assessSeverity', { params, body: { version: incident.version, criteria } })
  expect(incident).toMatchObject({ severity: 'SEV2', severityWhy: expect.stringContaining('exposure of personal data: confirmed') })
  incident = await primary.call('classifyIncident', {
    params,
    body: { version: incident.version, class: 'customer-reportable', reason: 'Customer records left.' },
  })
  incident = await primary.call('setAffectedCustomers', {
    params,
    body: { version: incident.version, customers: [{ id: globex.id, basis: 'Its records are in the export log.' }] },
  })
  await world.settle()
  const [prepared] = (await primary.call('obligations', { query: { view: 'all', incidentId: incident.id } })).items
  expect(prepared).toMatchObject({ state: 'pending', customer: { name: 'Globex' }, dueAt: null })

  incident = await lead.call('declareIncident', { params, body: { version: incident.version, reason: 'Confirmed: records of Globex were read.' } })
  await world.settle()
  const [running] = (await primary.call('obligations', { query: { incidentId: incident.id } })).items
  expect(running).toMatchObject({ state: 'due', timing: 'due', dueAt: '2026-11-26T08:00:00.000Z' })

  const draft = {
    nature: 'A stolen key read your records.',
    userImpact: 'About 41,000 people.',
    mitigation: 'The key is revoked.',
    isInvestigationComplete: true,
  }
  const obligationId = running?.id ?? ''
  let obligation = await primary.call('draftNotice', { params: { id: obligationId }, body: draft })
  const notice = () => ({ params: { id: obligation.notices[0]?.id ?? '' }, body: { version: obligation.notices[0]?.version ?? 0 } })
  await expect(primary.call('approveNotice', notice())).rejects.toThrow(/somebody other than its author/)
  await expect(primary.call('sendNotice', notice())).rejects.toThrow(/must first be approved/)
  obligation = await lead.call('approveNotice', notice())
  obligation = await primary.call('sendNotice', notice())
  await world.settle()
  const mail = world.expectMail('security@globex.test', /Security notice/)
  expect(mail.text).toContain('A stolen key read your records.')
  const [met] = (await primary.call('obligations', { query: { view: 'all', incidentId: incident.id } })).items
  expect(met).toMatchObject({
    state: 'notified',
    timing: 'notified',
    notices: [{ state: 'sent', deliveries: [{ to: 'security@globex.test', state: 'sent', receipt: expect.stringContaining('taken') }] }],
  })

  incident = await primary.call('incident', { params })
  for (const command of ['containIncident', 'eradicateIncident'] as const)
    incident = await primary.call(command, { params, body: { version: incident.version, reason: `${command} done` } })
  incident = await primary.call('recoverIncident', {
    params,
    body: {
      version: incident.version,
      reason: 'Restored.',
      secureState: 'Restored from clean images',
      verification: 'Two scans found nothing',
      monitorUntil: '2026-11-24',
    },
  })
  await expect(lead.call('closeIncident', { params, body: { version: incident.version, reason: 'Done.' } })).rejects.toThrow(
    /monitoring period lasts until 2026-11-24.*recovery is not verified yet.*required review/,
  )
  incident = await lead.call('verifyRecovery', { params, body: { version: incident.version, reason: 'Compared with the build.' } })
  await world.advance({ days: 2 })

  let review = await primary.call('startReview', { params })
  expect(review.sequence).toContain('Declared the incident as SEV')
  await expect(lead.call('finishReview', { params: { id: review.id }, body: { version: review.version } })).rejects.toThrow(/at least one contributing factor/)
  review = await primary.call('saveReview', {
    params: { id: review.id },
    body: { version: review.version, sequence: review.sequence, findings: [{ kind: 'technical-lapse', description: 'The key never expired.' }] },
  })
  review = await primary.call('addFollowUp', {
    params: { id: review.id },
    body: { title: 'Keys expire after 30 days', ownerId: engineering.primary.id, dueOn: '2026-12-20' },
  })
  review = await lead.call('finishReview', { params: { id: review.id }, body: { version: review.version } })

  incident = await lead.call('closeIncident', { params, body: { version: incident.version, reason: 'All done.' } })
  expect(incident.status).toBe('closed')
  await expect(primary.call('addNote', { params, body: { markdown: 'later' } })).rejects.toThrow(/closed/)

  const file = await (await primary.call.raw('exportIncident', { params })).text()
  const disposition = verifyExport(file)
  expect(disposition.problems).toEqual([])
  const types = (JSON.parse(file) as { entries: { header: { type: string } }[] }).entries.map(({ header }) => header.type)
  expect(types).toEqual(
    expect.arrayContaining([
      'alert.received',
      'page.acknowledged',
      'incident.declared',
      'notice.delivered',
      'obligation.notified',
      'review.finished',
      'incident.closed',
    ]),
  )
  expect(types.at(-1)).toBe('incident.exported')
  expect(verifyExport(file.replace('A stolen key read', 'A stolen key saw')).problems).not.toEqual([])
  const page = await (await primary.call.raw('printIncident', { params })).text()
  expect(page).toContain('Bulk export of customer records')
  expect(service.name).toBe('billing')
})

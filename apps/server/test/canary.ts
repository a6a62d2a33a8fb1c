import { sql } from 'drizzle-orm'
import { newId } from '../src/kernel/ids.ts'
import { linkIn, type Person, type World } from './world.ts'

/** A word that stands in everything about the restricted incident. */
export const canary = 'CANARY'
/** The number of the incident, and that of the first alert in it: like no other number. */
const firstNumber = { incidents: 4_710_471, alerts: 5_820_582 }

const criteria = {
  privacy: 'confirmed',
  impact: 'degraded',
  scope: 'one-service',
  customers: 'one',
  region: 'one',
  data: 'confidential',
  recoverability: 'regular',
} as const

export interface Canaries {
  /** Who leads it. */
  readonly lead: Person
  /** Who else may see it, by address: those named, and its customer. */
  readonly insiders: readonly string[]
  readonly teamId: string
  /** IDs of what belongs to it, by the part of a path that they follow. */
  readonly ids: Readonly<Record<string, string>>
  /** Incidents that everybody may see, which are linked to it. */
  readonly knownIds: readonly string[]
  /** What nobody else may read anywhere: the word, numbers, and the IDs of all that belongs to it. */
  readonly secrets: readonly string[]
}

/**
 * A restricted incident with every kind of thing linked to it, all of it full of the word. What it is about was known, paged, answered and reported before
 * it was restricted, and in part before it was opened.
 */
export async function fillRestricted(world: World): Promise<Canaries> {
  const { database } = world.server.context
  const lead = await world.person('lead')
  const second = await world.person('lead')
  const security = await world.team({ tiers: 2 })
  await world.service('billing', security.team)
  const customer = await world.customer('Globex')
  await world.asOwner(
    `update numbers set last = ${firstNumber.incidents - 1} where kind = 'incidents'`,
    `select setval(pg_get_serial_sequence('alerts', 'number'), ${firstNumber.alerts - 1})`,
  )
  const alert = await world.alert({ title: `${canary} alert`, description: canary, severity: 'critical', service: 'billing', labels: { host: canary } })
  const mail = security.primary.expectPage(new RegExp(canary))
  const silenced = { matchers: { serviceIds: [], severities: [], source: '', titleContains: 'hushed' }, reason: canary, hours: null }
  const silence = await lead.call('addSilence', { body: { ...silenced, start: world.now, end: '2026-12-20T00:00:00Z' } })
  const hushed = await world.alert({ title: 'Known, and hushed' })
  await world.alert({ title: `${canary} hushed`, severity: 'critical', service: 'billing' })
  const [rule] = (await lead.call('detectionRules', { query: { view: 'enabled' } })).items.filter(one => one.kind === 'rule')
  if (!rule) throw new Error('the starter pack has rules')
  const matched = await world.alert({ title: `${canary} matched`, labels: { rule: rule.ruleId } })
  const excepted = { field: 'User', value: canary, reason: canary, expiresAt: null }
  const exception = await lead.call('addDetectionException', { params: { id: matched.id }, body: excepted })
  await lead.call('ignoreIndicator', { body: { value: '198.51.100.77', reason: canary, alertId: matched.id } })
  const { source } = await lead.call('createLogSource', { body: { name: 'Sensors' } })
  const match = newId()
  await world.asOwner(
    `insert into detection_matches (id, alert_id, rule_id, source_id, at, fields, event)
      values ('${match}', '${matched.id}', '${exception.id}', '${source.id}', '${world.now}', '{"User": ["${canary}"]}', '${canary}')`,
  )
  await world.client()('declineByLink', { body: { token: linkIn(mail, '/a/'), to: null } })
  await world.settle()
  const [page] = (await lead.call('pages')).items
  if (!page) throw new Error('the alert pages')
  await lead.call('declinePage', { params: { id: page.id }, body: { toId: security.primary.id, reason: canary } })
  await security.primary.call('acknowledgePage', { params: { id: page.id } })
  await security.primary.call('snoozePage', { params: { id: page.id }, body: { minutes: 60 } })
  const form = new FormData()
  for (const [name, value] of Object.entries({ audience: 'customer', text: `${canary} report`, contactName: canary, contactEmail: 'kim@customer.test' }))
    form.append(name, value)
  form.append('files', new File([canary], `${canary}.eml`))
  await world.client().raw('report', { body: form })
  // So many at once that they go out as one message.
  for (const n of [1, 2, 3, 4, 5, 6, 7]) await world.alert({ title: `${canary} ${n}`, severity: 'critical', service: 'billing' })
  await world.advance({ minutes: 2 })
  const alerts = (await lead.call('alerts', { query: { view: 'all' } })).items
  const report = alerts.find(one => one.kind === 'report')
  if (!report) throw new Error('a report is an alert')
  let incident = await lead.call('openIncident', { body: { title: `${canary} incident`, reason: canary } })
  const params = { id: incident.id }
  const before = await lead.call('addNote', { params, body: { markdown: `${canary} note` } })
  incident = await lead.call('changeIncident', { params, body: { version: before.version, isRestricted: true, reason: canary } })
  const inIt = alerts.filter(one => one.id !== hushed.id)
  for (const { id } of inIt) await lead.call('escalateAlert', { params: { id }, body: { incidentId: params.id, responsibility: 'us', reason: canary } })
  const twin = await world.alert({ title: 'Known twin' })
  const repeats = { value: 'duplicate', responsibility: 'us', reason: 'Seen before.', duplicateOf: alert.id } as const
  await lead.call('dismissAlert', { params: { id: twin.id }, body: repeats })
  const parent = await lead.call('openIncident', { body: { title: 'Known parent', reason: 'Seen.' } })
  const children = { version: parent.version, reason: 'One cause.', incidentIds: [params.id], alertIds: [] }
  await lead.call('makeParent', { params: { id: parent.id }, body: children })
  const restricted = await lead.call('openIncident', { body: { title: canary, reason: canary, isRestricted: true } })
  const known = await lead.call('openIncident', { body: { title: 'Known child', reason: 'Seen.' } })
  await lead.call('escalateAlert', { params: { id: hushed.id }, body: { incidentId: known.id, responsibility: 'us', reason: 'Seen.' } })
  await lead.call('makeParent', {
    params: { id: restricted.id },
    body: { version: restricted.version, reason: canary, incidentIds: [known.id], alertIds: [] },
  })
  await world.settle()
  world.takeMails()
  const { files } = await lead.call('reportOfAlert', { params: { id: report.id } })
  const version = async () => ({ version: (await lead.call('incident', { params })).version })
  await lead.call('setMembers', { params, body: { ...(await version()), personIds: [lead.id, second.id] } })
  await lead.call('addTask', { params, body: { title: `${canary} task` } })
  await lead.call('assessSeverity', { params, body: { ...(await version()), criteria } })
  await lead.call('classifyIncident', { params, body: { ...(await version()), class: 'customer-reportable', reason: canary } })
  await lead.call('setAffectedCustomers', { params, body: { ...(await version()), customers: [{ id: customer.id, basis: canary }] } })
  await lead.call('declareIncident', { params, body: { ...(await version()), reason: canary } })
  const obligation = async () => {
    const [found] = (await lead.call('obligations', { query: { incidentId: params.id } })).items
    if (!found) throw new Error('its customer is to be notified')
    return found
  }
  const draft = { nature: canary, userImpact: canary, mitigation: canary, isInvestigationComplete: true }
  await lead.call('draftNotice', { params: { id: (await obligation()).id }, body: draft })
  const decision = { kind: 'defer', reasonCategory: 'other', reason: canary, reviewOn: world.now.slice(0, 10) } as const
  const { id: obligationId, version: read } = await obligation()
  await lead.call('proposeDecision', { params: { id: obligationId }, body: { ...decision, version: read, reviewOn: '2026-11-24' } })
  for (const step of ['containIncident', 'eradicateIncident'] as const) await lead.call(step, { params, body: { ...(await version()), reason: canary } })
  let review = await lead.call('startReview', { params })
  const findings = [{ kind: 'manual-error' as const, description: canary }]
  review = await lead.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: canary, findings } })
  review = await lead.call('addFollowUp', { params: { id: review.id }, body: { title: canary, ownerId: second.id, dueOn: '2026-12-01' } })
  const lower = { ...(await version()), kind: 'lower-class', class: 'security-incident', reason: canary } as const
  const { proposals } = await lead.call('propose', { params, body: lower })
  await lead.call.raw('exportIncident', { params })
  await world.settle()
  incident = await lead.call('incident', { params })
  const isKnown = (subjectId: string) => [twin.id, parent.id, known.id].includes(subjectId)
  const pages = (await lead.call('pages')).items.filter(one => !isKnown(one.subject.id))
  const { rows } = await database.reader().db.execute<{ id: string }>(sql`
    select id::text from messages where purpose in ('page', 'page-bundle')
      and not exists (select from pages where pages.id = purpose_id and subject_id in (${twin.id}, ${parent.id}, ${known.id})) union select id::text from reports
    union select subject_id from journal where type = 'incident.exported'`)
  const deadLetter = newId()
  await world.asOwner(
    `insert into journal_dead_letters (id, reader, entry_id, error, attempts, at)
      select '${deadLetter}', 'incidents', id, '${canary}', 5, '${world.now}' from journal where type = 'incident.opened' and subject_id = '${params.id}'`,
  )
  const ids = {
    ...{ silences: silence.id, rules: exception.id, 'dead-letters': deadLetter },
    ...{ incidents: incident.id, alerts: report.id, pages: page.id, 'report-files': files[0]?.id ?? '' },
    ...{ tasks: incident.tasks[0]?.id ?? '', notes: incident.notes[0]?.id ?? '', obligations: obligationId },
    ...{
      notices: (await obligation()).notices[0]?.id ?? '',
      reviews: review.id,
      proposals: proposals[0]?.id ?? '',
      'follow-ups': review.followUps[0]?.id ?? '',
    },
  }
  const all = [...Object.values(ids), alert.id, restricted.id, match, ...inIt.map(one => one.id), ...pages.map(one => one.id), ...rows.map(one => one.id)]
  const insiders = [lead.email, second.email, 'security@globex.test']
  return {
    lead,
    insiders,
    teamId: security.team.id,
    ids,
    knownIds: [parent.id, known.id],
    secrets: [canary, ...Object.values(firstNumber).map(String), ...new Set(all)],
  }
}

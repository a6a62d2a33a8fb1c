import { createHash } from 'node:crypto'
import type { EventType } from '@tocsin/events'
import { digest } from '@tocsin/merkle'
import { and, desc, eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { giveRole } from '../../test/roles.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { journal } from './tables.ts'

/** The data of the newest entry of a type, or of the newest about one subject, without from where it was asked for. */
async function dataOf(world: World, type: EventType, subjectId?: string): Promise<Readonly<Record<string, unknown>>> {
  const { db } = world.server.context.database.reader()
  const about = subjectId === undefined ? undefined : eq(journal.subjectId, subjectId)
  const [row] = await db
    .select({ data: journal.data })
    .from(journal)
    .where(and(eq(journal.type, type), about))
    .orderBy(desc(journal.seq))
    .limit(1)
  const { calledFrom: _, ...data } = row?.data ?? expect.fail(`there is an entry ${type}`)
  return data
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('an entry of a change says what was before', () => {
  test('people, teams, services, customers', async ({ world }) => {
    const lead = await world.person('administrator')
    const { team, primary, backup } = await world.team()
    await lead.call('changePerson', { params: { id: primary.id }, body: { role: 'lead' } })
    expect(await dataOf(world, 'person.changed')).toEqual({ name: primary.name, role: 'lead', before: { role: 'responder', isActive: true } })
    await lead.call('changePerson', { params: { id: primary.id }, body: { isActive: false, reason: 'Left the company.' } })
    expect(await dataOf(world, 'person.changed')).toEqual({
      name: primary.name,
      isActive: false,
      reason: 'Left the company.',
      before: { role: 'lead', isActive: true },
    })
    // Somebody who is deactivated leaves their teams with it.
    expect(await dataOf(world, 'team.changed', team.id)).toMatchObject({ memberIds: [backup.id], before: { memberIds: [backup.id, primary.id] } })

    await lead.call('saveTeam', { body: { id: team.id, version: team.version + 1, name: 'Renamed', kind: 'security', memberIds: [] } })
    expect(await dataOf(world, 'team.changed')).toEqual({
      ...{ name: 'Renamed', kind: 'security', memberIds: [] },
      before: { name: team.name, kind: 'security', memberIds: [backup.id] },
    })

    const service = await world.service('billing', team)
    const sides = { securityTeamId: service.securityTeam.id, engineeringTeamId: service.engineeringTeam?.id }
    await lead.call('saveService', { body: { id: service.id, version: service.version, name: 'Billing', ...sides, pageFrom: 'low' } })
    expect((await dataOf(world, 'service.changed')).before).toEqual({ name: 'billing', description: '', ...sides, pageFrom: 'high' })

    const customer = await world.customer('Globex', 72)
    const { contacts, region } = customer
    await lead.call('saveCustomer', {
      body: { id: customer.id, version: customer.version, name: 'Globex', region, contacts, noticeTerm: { amount: 24 }, serviceIds: [service.id] },
    })
    expect(await dataOf(world, 'customer.changed')).toMatchObject({
      noticeTerm: { amount: 24 },
      serviceIds: [service.id],
      before: { noticeTerm: { amount: 72 }, serviceIds: [] },
    })
  })

  test('policies, schedules, what a team commits to, overrides, silences', async ({ world }) => {
    const lead = await world.person('lead')
    const { team, primary } = await world.team()
    const params = { id: team.id }
    const [schedule] = (await lead.call('onCall')).flatMap(each => each.schedules)
    if (!schedule) expect.fail('the team has a schedule')
    await lead.call('saveSchedule', { params, body: { ...schedule, name: 'Nights' } })
    expect(await dataOf(world, 'schedule.changed')).toMatchObject({ name: 'Nights', before: { name: schedule.name, layers: schedule.layers } })

    const [policy] = await lead.call('policies')
    if (!policy) expect.fail('the team has a policy')
    await lead.call('savePolicy', { params, body: { ...policy, repeats: 7 } })
    // The IDs of its levels are no rules.
    const levels = policy.levels.map(({ id: _, ...level }) => level)
    const rules = ({ name, businessHours }: typeof policy, repeats: number) => digest({ name, levels, repeats, businessHours })
    expect(await dataOf(world, 'policy.changed')).toMatchObject({
      ...{ repeats: 7, version: 2, sha256: rules(policy, 7) },
      before: { repeats: policy.repeats, version: 1, sha256: rules(policy, policy.repeats) },
    })

    const settings = (await lead.call('onCall')).find(each => each.team.id === team.id)?.settings ?? expect.fail('the team has settings')
    await lead.call('saveTeamOnCall', { params, body: { ...settings, traineeShifts: 9 } })
    expect(await dataOf(world, 'on-call.set')).toMatchObject({ traineeShifts: 9, before: { traineeShifts: settings.traineeShifts } })

    const span = { start: '2026-11-24T08:00:00.000Z', end: '2026-11-24T12:00:00.000Z' }
    const override = await lead.call('addOverride', { params: { id: schedule.id }, body: { participants: [primary.id], ...span, reason: 'Dentist' } })
    await lead.call('removeOverride', { params: { id: override.id } })
    expect(await dataOf(world, 'override.removed')).toMatchObject({ id: override.id, participantIds: [primary.id], ...span, reason: 'Dentist' })

    const silence = await lead.call('addSilence', { body: { matchers: { source: 'backup' }, reason: 'Maintenance', ...span } })
    await lead.call('endSilence', { params: { id: silence.id } })
    expect(await dataOf(world, 'silence.ended')).toMatchObject({ before: { reason: 'Maintenance', ...span, matchers: { source: 'backup' } } })
  })

  test('an incident, its roles, members, services, tasks', async ({ world }) => {
    const lead = await world.person('lead')
    const other = await world.person('lead')
    const { team } = await world.team()
    const service = await world.service('billing', team)
    const { id } = await lead.call('openIncident', { body: { title: 'Odd', reason: 'x' } })
    const params = { id }
    const version = async () => (await lead.call('incident', { params })).version
    await lead.call('changeIncident', { params, body: { version: await version(), title: 'Odder', approximateUsers: 7 } })
    expect(await dataOf(world, 'incident.changed')).toEqual({ title: 'Odder', approximateUsers: 7, before: { title: 'Odd', approximateUsers: null } })
    await giveRole(lead, id, 'lead', other)
    const assigned = await dataOf(world, 'incident.role-assigned')
    expect([assigned.personId, (assigned.before as { personId: string }).personId]).toContain(other.id)
    await lead.call('assignRole', { params: { id, role: 'lead' }, body: { version: await version(), personId: lead.id } })
    expect(await dataOf(world, 'incident.role-assigned')).toMatchObject({ personId: lead.id, before: { personId: other.id } })
    await lead.call('setMembers', { params, body: { version: await version(), personIds: [other.id] } })
    expect(await dataOf(world, 'incident.members-set')).toEqual({
      ...{ personIds: [other.id], before: { personIds: [lead.id] } },
      ...{ added: [other.name], removed: [lead.name] },
    })
    for (const services of [[{ id: service.id, basis: 'x' }], []])
      await lead.call('setAffectedServices', { params, body: { version: await version(), services } })
    expect(await dataOf(world, 'incident.services-set')).toEqual({ services: [], before: { services: [{ id: service.id, name: 'billing', basis: 'x' }] } })
    const { tasks } = await lead.call('addTask', { params, body: { title: 'Look' } })
    await lead.call('changeTask', { params: { id, taskId: tasks[0]?.id ?? '' }, body: { version: 1, title: 'Look closer', isDone: true } })
    expect(await dataOf(world, 'task.done')).toMatchObject({ title: 'Look closer', isDone: true, before: { title: 'Look', isDone: false } })
  })
})

describe('an entry of a decision says what it rested on', () => {
  test('a page: which version of which escalation policy', async ({ world }) => {
    const lead = await world.person('lead')
    const { team } = await world.team()
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    const policy = (await lead.call('policies')).find(each => each.teamId === team.id) ?? expect.fail('the team has a policy')
    const added = await dataOf(world, 'policy.added', policy.id)
    expect((await dataOf(world, 'page.notified')).policy).toEqual({ id: policy.id, name: policy.name, version: 1, sha256: added.sha256 })
    await lead.call('savePolicy', { params: { id: team.id }, body: { ...policy, repeats: 5 } })
    await world.alert({ service: 'billing', title: 'Another' })
    const changed = await dataOf(world, 'policy.changed', policy.id)
    expect((await dataOf(world, 'page.notified')).policy).toEqual({ id: policy.id, name: policy.name, version: 2, sha256: changed.sha256 })
    expect(changed.sha256).not.toBe(added.sha256)
  })

  test('severity, class and declaration: the version of the criteria, the text of the definition', async ({ world }) => {
    const lead = await world.person('administrator')
    const { id } = await lead.call('openIncident', { body: { title: 'x', reason: 'x' } })
    const params = { id }
    const version = async () => (await lead.call('incident', { params })).version
    const text = 'A breach, as our board defined it.'
    const [before] = (await lead.call('classDefinitions')).filter(definition => definition.class === 'privacy-breach')
    await lead.call('defineClass', { params: { class: 'privacy-breach' }, body: { version: before?.version ?? 0, text } })
    expect(await dataOf(world, 'class-definition.changed')).toEqual({ version: 2, text, before: { version: 1, text: before?.text } })
    const criteria = {
      privacy: 'confirmed',
      impact: 'none',
      scope: 'one-asset',
      customers: 'several',
      region: 'one',
      data: 'none',
      recoverability: 'regular',
    } as const
    await lead.call('assessSeverity', { params, body: { version: await version(), criteria } })
    expect(await dataOf(world, 'incident.assessed')).toMatchObject({ from: null, severity: 'SEV1', criteriaVersion: 1 })
    await lead.call('classifyIncident', { params, body: { version: await version(), class: 'privacy-breach', reason: 'x' } })
    const definition = { version: 2, sha256: sha256(text) }
    expect(await dataOf(world, 'incident.classified')).toMatchObject({ from: 'suspected', definition })
    await lead.call('declareIncident', { params, body: { version: await version(), reason: 'x' } })
    expect(await dataOf(world, 'incident.declared')).toMatchObject({
      severity: 'SEV1',
      criteriaVersion: 1,
      class: 'privacy-breach',
      definition,
      customerIds: [],
    })
  })

  test('a notice and a review: the text that was approved, sent, agreed', async ({ world }) => {
    const lead = await world.person('administrator')
    const author = await world.person('lead')
    const globex = await world.customer('Globex', 48)
    const { id } = await lead.call('openIncident', { body: { title: 'x', reason: 'x' } })
    const params = { id }
    await declareFor(lead, id, globex.id)
    await world.settle()
    const declaredAt = world.now
    expect(await dataOf(world, 'obligation.opened')).toMatchObject({
      customerId: globex.id,
      customerVersion: globex.version,
      term: { amount: 48 },
      startedAt: declaredAt,
    })

    const content = {
      nature: 'A key leaked.',
      userImpact: 'None.',
      mitigation: 'Revoked.',
      isInvestigationComplete: true,
      nextSteps: null,
      nextCommunicationAt: null,
    }
    const [obligation] = (await lead.call('obligations', { query: { view: 'all', incidentId: id } })).items
    const drafted = await author.call('draftNotice', { params: { id: obligation?.id ?? '' }, body: content })
    const notice = drafted.notices[0]?.id ?? ''
    const first = await dataOf(world, 'notice.drafted', notice)
    expect(first.sha256).toBe(digest(content))
    await author.call('changeNotice', { params: { id: notice }, body: { ...content, userImpact: 'Some.', version: 1 } })
    expect(await dataOf(world, 'notice.changed', notice)).toMatchObject({ before: content, sha256: digest({ ...content, userImpact: 'Some.' }) })
    await lead.call('approveNotice', { params: { id: notice }, body: { version: 2 } })
    await lead.call('sendNotice', { params: { id: notice }, body: { version: 3 } })
    for (const type of ['notice.approved', 'notice.sent'] as const)
      expect((await dataOf(world, type, notice)).sha256).toBe(digest({ ...content, userImpact: 'Some.' }))

    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'manual-error' as const, description: 'A key in a repository.' }]
    const saved = await lead.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: 'It began.', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
    expect(await dataOf(world, 'review.finished')).toEqual({ findings: 1, round: 1, sha256: digest({ sequence: 'It began.', findings: saved.findings }) })
  })
})

/** Declares an incident of which a customer is affected. */
async function declareFor(person: Person, id: string, customerId: string): Promise<void> {
  const params = { id }
  const { version } = await person.call('incident', { params })
  await person.call('setAffectedCustomers', { params, body: { version, customers: [{ id: customerId, basis: 'x' }] } })
  await declare(person, id)
}

import { createClient } from '@tocsin/api'
import fc from 'fast-check'
import { describe, expect, test as plain } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Call, test, type World } from '../../test/world.ts'
import { blockers, destination } from './lifecycle.ts'
import { renderMarkdown } from './markdown.ts'
import { assessSeverity } from './severity.ts'

async function open(world: World, input: { isRestricted?: boolean } = {}) {
  const lead = await world.person('lead')
  const incident = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'From two countries at once.', ...input } })
  return { lead, incident, params: { id: incident.id } }
}

describe('two people at once', () => {
  test('never overwrite each other silently: the second is told', async ({ world }) => {
    const { lead, incident, params } = await open(world)
    const other = await world.person('responder')
    await other.call('changeIncident', { params, body: { version: incident.version, summary: 'Theirs' } })
    await expect(lead.call('changeIncident', { params, body: { version: incident.version, summary: 'Mine' } })).rejects.toThrow(/Somebody else changed this/)
    expect((await lead.call('incident', { params })).summary).toBe('Theirs')
  })

  test('one of two who act at the very same moment wins', async ({ world }) => {
    const { lead, incident, params } = await open(world)
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => lead.call('changeIncident', { params, body: { version: incident.version, summary: String(n) } })),
    )
    expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1)
  })

  test('a note is corrected by its author alone, and never over a newer version', async ({ world }) => {
    const { lead, params } = await open(world)
    const other = await world.person('responder')
    const [note] = (await lead.call('addNote', { params, body: { markdown: 'One' } })).notes
    const at = { params: { id: params.id, noteId: note?.id ?? '' } }
    await expect(other.call('changeNote', { ...at, body: { version: 1, markdown: 'Two' } })).rejects.toThrow(/Only the author/)
    await lead.call('changeNote', { ...at, body: { version: 1, markdown: 'Two' } })
    await expect(lead.call('changeNote', { ...at, body: { version: 1, markdown: 'Three' } })).rejects.toThrow(/Somebody else changed/)
    const said = (await lead.call('journal', {})).items
      .filter(entry => entry.subject.id === note?.id)
      .map(entry => (entry.data as { markdown: string }).markdown)
    expect(said).toEqual(['Two', 'One'])
  })
})

describe('a restricted incident', () => {
  test('does not exist for others, anywhere', async ({ world }) => {
    const { team, primary } = await world.team()
    await world.service('billing', team)
    const alert = await world.alert({ service: 'billing', title: 'Insider copies files' })
    const [outsider, administrator] = [await world.person('lead'), await world.person('administrator')]
    const member = await world.person('responder')
    let incident = await primary.call('escalateAlert', { params: { id: alert.id }, body: { responsibility: 'us', reason: 'An insider.' } })
    incident = await primary.call('changeIncident', {
      params: { id: incident.id },
      body: { version: incident.version, isRestricted: true, reason: 'It is one of us.' },
    })
    incident = await primary.call('setMembers', { params: { id: incident.id }, body: { version: incident.version, personIds: [member.id] } })
    const params = { id: incident.id }
    for (const look of [
      () => administrator.call('incident', { params }),
      () => outsider.call('incident', { params }),
      () => outsider.call('incidentTimeline', { params }),
      () => outsider.call('alert', { params: { id: alert.id } }),
      () => outsider.call('review', { params }),
      () => outsider.call('addNote', { params, body: { markdown: 'x' } }),
      () => outsider.call.raw('exportIncident', { params }),
      () => outsider.call.raw('printIncident', { params }),
    ])
      await expect(look()).rejects.toMatchObject({ problem: { status: 404 } })
    expect((await outsider.call('incidents', { query: { view: 'all' } })).items).toEqual([])
    expect((await outsider.call('alerts', { query: { view: 'all' } })).items).toEqual([])
    expect((await outsider.call('obligations', { query: { view: 'all' } })).items).toEqual([])
    const seen = JSON.stringify([
      (await outsider.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.subject.id === incident.id),
      (await outsider.call('messageLog')).items.filter(message => message.purpose === 'page' && message.text.includes('is affected')),
    ])
    expect(seen).toBe('[[],[]]')
    for (const insider of [member, primary]) expect((await insider.call('incident', { params })).title).toBe('Insider copies files')
  })

  test('that it was read is on record, once a quarter of an hour', async ({ world }) => {
    const { lead, params } = await open(world, { isRestricted: true })
    const member = await world.person('lead')
    await lead.call('setMembers', { params, body: { version: (await lead.call('incident', { params })).version, personIds: [member.id] } })
    for (let n = 0; n < 3; n += 1) await member.call('incident', { params })
    const reads = async () => (await lead.call('incident', { params })).timeline.filter(entry => entry.type === 'incident.read' && entry.by === member.name)
    expect(await reads()).toHaveLength(1)
    await world.advance({ minutes: 16 })
    await member.call('incident', { params })
    expect(await reads()).toHaveLength(2)
    await world.advance({ minutes: 16 })
    await member.call('incidentTimeline', { params })
    expect(await reads(), 'its timeline alone, too').toHaveLength(3)
    const alert = await world.alert()
    await lead.call('escalateAlert', { params: { id: alert.id }, body: { incidentId: params.id, responsibility: 'us', reason: 'It is theirs.' } })
    for (const [n, read] of [
      () => member.call('alert', { params: { id: alert.id } }),
      () => member.call('alertMatches', { params: { id: alert.id } }),
      () => member.call('alertOccurrences', { params: { id: alert.id } }),
      () => member.call('review', { params }),
    ].entries()) {
      await world.advance({ minutes: 16 })
      await read()
      expect(await reads(), 'what belongs to it, too').toHaveLength(4 + n)
    }
  })
})

describe('the lifecycle', () => {
  plain('declaring needs severity and a confirmed class', () => {
    const state = { status: 'suspected', class: 'suspected', severity: null, declaredAt: null, stoodDownAt: null, monitorUntil: null, openTasks: 0 } as const
    expect(blockers('declare', state, '2026-11-23')).toHaveLength(2)
    expect(blockers('declare', { ...state, severity: 'SEV3', class: 'privacy-breach' }, '2026-11-23')).toEqual([])
  })

  plain('goes forward step by step, and back to contained when the attacker returns', () => {
    const at = (status: 'suspected' | 'declared' | 'contained' | 'eradicated' | 'recovered' | 'closed') =>
      ({
        status,
        class: 'security-incident',
        severity: 'SEV2',
        declaredAt: '2026-11-23T08:00:00.000Z',
        stoodDownAt: null,
        monitorUntil: null,
        openTasks: 0,
      }) as const
    expect(destination('contain', at('recovered'))).toBe('contained')
    expect(destination('recover', at('declared'))).toBeUndefined()
    expect(destination('close', at('contained'))).toBeUndefined()
    expect(destination('reopen', at('closed'))).toBe('recovered')
    expect(destination('reopen', { ...at('closed'), declaredAt: null })).toBe('suspected')
  })

  test('the monitoring period, open tasks and the class block closing; a closed record changes by reopening alone', async ({ world }) => {
    const { lead, incident, params } = await open(world)
    await lead.call('addTask', { params, body: { title: 'Look at the logs' } })
    await expect(lead.call('closeIncident', { params, body: { version: incident.version, reason: 'No.' } })).rejects.toThrow(
      /only as "not an incident".*One task is open/,
    )
    let now = await lead.call('classifyIncident', { params, body: { version: incident.version, class: 'not-an-incident', reason: 'A test run.' } })
    const [task] = now.tasks
    now = await lead.call('changeTask', { params: { id: incident.id, taskId: task?.id ?? '' }, body: { version: 1, isDone: true } })
    now = await lead.call('closeIncident', { params, body: { version: now.version, reason: 'A test run.' } })
    const { version } = now
    for (const change of [
      () => lead.call('addNote', { params, body: { markdown: 'x' } }),
      () => lead.call('changeIncident', { params, body: { version, title: 'x' } }),
      () => lead.call('addTask', { params, body: { title: 'x' } }),
    ])
      await expect(change()).rejects.toThrow(/is closed/)
    now = await lead.call('reopenIncident', { params, body: { version: now.version, reason: 'It was real.' } })
    expect(now).toMatchObject({ status: 'suspected', closedAt: null })
  })

  test('a business-impacting task is done only after the executive sponsor has approved it', async ({ world }) => {
    const { lead, params } = await open(world)
    const executive = await world.executive('observer')
    let incident = await lead.call('addTask', { params, body: { title: 'Switch billing off', isBusinessImpacting: true } })
    const at = { params: { id: params.id, taskId: incident.tasks[0]?.id ?? '' } }
    await expect(lead.call('changeTask', { ...at, body: { version: 1, isDone: true } })).rejects.toThrow(/executive sponsor must approve it first/)
    await expect(lead.call('approveTask', { ...at, body: { version: 1 } })).rejects.toThrow(/Only the executive/)
    incident = await lead.call('assignRole', { params: { id: params.id, role: 'executive' }, body: { version: incident.version, personId: executive.id } })
    await executive.call('approveTask', { ...at, body: { version: 1 } })
    incident = await lead.call('changeTask', { ...at, body: { version: 2, isDone: true } })
    expect(incident.tasks[0]).toMatchObject({ approvedBy: executive.name, doneBy: lead.name })
  })

  test('nobody makes themselves the executive sponsor, nor approves what they wrote, from whatever account', async ({ world }) => {
    const { lead, params } = await open(world)
    const eve = await world.executive('responder', 'Eve')
    const twin = await world.person('responder', 'Eve+2')
    const administrator = await world.executive('administrator')
    const { secret } = await administrator.call('createApiKey', { body: { name: 'Bot', role: 'administrator', scopes: ['incidents:write'] } })
    const bot = createClient({ origin: world.origin, apiKey: secret })
    const versioned = async (personId: string) => ({ version: (await lead.call('incident', { params })).version, personId })
    const role = { ...params, role: 'executive' as const }
    for (const [call, who] of [
      [eve.call, eve],
      [twin.call, eve],
      [bot, administrator],
      [bot, eve],
    ] as const)
      await expect(call('assignRole', { params: role, body: await versioned(who.id) })).rejects.toMatchObject(refusal('forbidden'))
    expect((await lead.call('incident', { params })).executive).toBeNull()
    await lead.call('assignRole', { params: role, body: await versioned(eve.id) })
    const task = async () => (await lead.call('incident', { params })).tasks.at(-1) ?? { id: '', version: 0, title: '' }
    const approve = async (call: Call) => {
      const { id, version } = await task()
      return call('approveTask', { params: { id: params.id, taskId: id }, body: { version } })
    }
    for (const call of [eve.call, twin.call]) {
      await call('addTask', { params, body: { title: 'Switch billing off', isBusinessImpacting: true } })
      await expect(approve(eve.call), 'their own').rejects.toMatchObject(refusal('forbidden'))
    }
    await lead.call('addTask', { params, body: { title: 'Switch billing off', isBusinessImpacting: true } })
    const { id, version } = await task()
    await eve.call('changeTask', { params: { id: params.id, taskId: id }, body: { version, title: 'Switch everything off' } })
    await expect(approve(eve.call), 'what they made of it').rejects.toMatchObject(refusal('forbidden'))
    await lead.call('addTask', { params, body: { title: 'Switch billing off', isBusinessImpacting: true } })
    await lead.call('assignRole', { params: role, body: await versioned(administrator.id) })
    await expect(approve(eve.call), 'they were the sponsor').rejects.toMatchObject(refusal('forbidden'))
    await bot('addTask', { params, body: { title: 'Switch mail off', isBusinessImpacting: true } })
    await expect(approve(administrator.call), 'what their service account wrote').rejects.toMatchObject(refusal('forbidden'))
    await expect(approve(bot)).rejects.toMatchObject(refusal('forbidden'))
  })
})

test('what a service account does is shown under its name, and gives its maker no role', async ({ world }) => {
  const { team } = await world.team()
  await world.service('billing', team)
  const maker = await world.person('administrator')
  const scopes = ['alerts:read', 'alerts:write', 'incidents:read', 'incidents:write', 'catalog:write', 'catalog:read'] as const
  const { secret } = await maker.call('createApiKey', { body: { name: 'Bot', role: 'lead', scopes: [...scopes] } })
  const bot = createClient({ origin: world.origin, apiKey: secret })
  const name = 'Bot (service account)'
  const alert = await world.alert({ service: 'billing', severity: 'critical' })
  await bot('acknowledgeAlert', { params: { id: alert.id } })
  await world.settle()
  expect((await maker.call('pages')).items[0]).toMatchObject({ acknowledgedBy: name, acknowledgements: [{ person: { name } }] })
  await bot('dismissAlert', { params: { id: alert.id }, body: { value: 'false-positive', responsibility: 'us', reason: 'Noise.' } })
  expect(await maker.call('alert', { params: { id: alert.id } })).toMatchObject({ acknowledgedBy: name, disposition: { by: name } })
  const [service] = await maker.call('services')
  const incident = await maker.call('openIncident', { body: { title: 'Odd', reason: 'x', serviceIds: [service?.id ?? ''] } })
  const params = { id: incident.id }
  await world.settle()
  for (const { id, state } of (await maker.call('pages')).items) if (state === 'triggered') await bot('acknowledgePage', { params: { id } })
  await world.settle()
  await bot('addNote', { params, body: { markdown: 'Seen.' } })
  const added = await bot('addTask', { params, body: { title: 'Look' } })
  const at = { params: { ...params, taskId: added.tasks[0]?.id ?? '' } }
  const finish = async (call: Call, isDone: boolean) => {
    const [task] = (await maker.call('incident', { params })).tasks
    return call('changeTask', { ...at, body: { version: task?.version ?? 0, isDone } })
  }
  expect(await finish(bot, true)).toMatchObject({ lead: null, owner: null, notes: [{ author: name }], tasks: [{ doneBy: name }] })
  await finish(bot, false)
  expect(await finish(maker.call, true), 'a person did it since').toMatchObject({ tasks: [{ doneBy: maker.name }] })
})

describe('who leads', () => {
  test('opened by somebody outside, the security team is paged, and who answers leads', async ({ world }) => {
    const security = await world.team()
    const engineering = await world.team({ kind: 'engineering' })
    const service = await world.service('billing', security.team, engineering.team)
    const engineer = engineering.primary
    const incident = await engineer.call('openIncident', { body: { title: 'My laptop is odd', reason: 'It calls home.', serviceIds: [service.id] } })
    expect(incident.lead).toBeNull()
    await world.settle()
    security.primary.expectPage(/My laptop is odd/)
    engineer.expectPage(/billing is affected/)
    const page = (await security.primary.call('pages')).items.find(each => each.team?.id === security.team.id)
    await security.primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    await world.settle()
    expect((await engineer.call('incident', { params: { id: incident.id } })).lead?.name).toBe(security.primary.name)
  })

  test('of a service that has no engineering team yet the security team is paged, and who answers leads and owns', async ({ world }) => {
    const security = await world.team()
    const administrator = await world.person('administrator')
    const { id } = await administrator.call('saveService', { body: { name: 'ledger', securityTeamId: security.team.id } })
    expect((await administrator.call('services')).find(service => service.id === id)).toMatchObject({ engineeringTeam: null })
    expect((await administrator.call('exportOrganization')).services).toMatchObject([{ name: 'ledger' }])
    const reporter = await world.person('responder')
    const incident = await reporter.call('openIncident', { body: { title: 'Odd queries', reason: 'At night.', serviceIds: [id] } })
    await world.settle()
    security.primary.expectPage(/Odd queries/)
    const [page] = (await security.primary.call('pages')).items
    await security.primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    await world.settle()
    const { lead, owner } = await reporter.call('incident', { params: { id: incident.id } })
    expect([lead?.name, owner?.name]).toEqual([security.primary.name, security.primary.name])
  })
})

describe('severity', () => {
  plain('is that of the gravest answer, and says which it was', () => {
    const none = { privacy: 'none', impact: 'none', scope: 'one-asset', customers: 'none', region: 'one', data: 'none', recoverability: 'regular' } as const
    expect(assessSeverity(none)).toEqual({ severity: 'SEV4', why: 'SEV4 because no criterion indicates a higher severity.' })
    expect(assessSeverity({ ...none, data: 'restricted', impact: 'degraded' })).toEqual({ severity: 'SEV1', why: 'SEV1 because of data touched: restricted.' })
    expect(assessSeverity({ ...none, privacy: 'confirmed', customers: 'several' }).severity).toBe('SEV1')
  })
})

describe('notes', () => {
  plain('carry no script, whatever is written', () => {
    for (const evil of [
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
      '[x](javascript:alert(1))',
      '![x](https://evil.example/seen.png)',
      '<a href="https://x" onclick="a()">x</a>',
      '<svg/onload=alert(1)>',
    ])
      expect(renderMarkdown(evil)).not.toMatch(/<script|<img|<svg|href="javascript|<[^>]* on\w+=/i)
    fc.assert(
      fc.property(fc.string(), text => {
        expect(renderMarkdown(`${text}<b onmouseover=x>`)).not.toMatch(/<[^>]* onmouseover/i)
      }),
    )
  })
})

test('definitions of classes are versioned', async ({ world }) => {
  const administrator = await world.person('administrator')
  const written = await administrator.call('defineClass', { params: { class: 'privacy-breach' }, body: { version: 1, text: 'Our own words.' } })
  expect(written.find(each => each.class === 'privacy-breach')).toMatchObject({ text: 'Our own words.', version: 2, changedBy: administrator.name })
  await expect(administrator.call('defineClass', { params: { class: 'privacy-breach' }, body: { version: 1, text: 'Others.' } })).rejects.toThrow(
    /Somebody else changed/,
  )
})

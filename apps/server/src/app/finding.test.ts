import { builtInViews } from '@tocsin/api'
import { expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

test('what is looked for is found: counted by facets, in everything, in saved views and as CSV', async ({ world }) => {
  const { primary, team } = await world.team({ tiers: 1 })
  const lead = await world.person('lead', 'Mira Okafor')
  const observer = await world.person('observer')
  const outsider = await world.person('lead', 'Ola Outside')
  const administrator = await world.person('administrator')
  await lead.call('saveService', { body: { name: 'billing', description: '', securityTeamId: team.id, engineeringTeamId: team.id, pageFrom: 'critical' } })
  const host = (value: string) => [{ kind: 'host' as const, value }]
  const { alerts } = await primary.call('createAlerts', {
    body: [
      { title: '=HYPERLINK("x")', severity: 'high', source: 'okta', service: 'billing', observables: host('DB-01') },
      { title: 'Brute force', severity: 'low', source: 'okta', description: 'Secret of the insider', observables: host('web 1') },
      { title: 'Brute force', severity: 'low', source: 'sigma', observables: host('web 1') },
    ],
  })
  const hidden = alerts[1] ?? expect.fail()
  const incident = await lead.call('openIncident', { body: { title: 'Insider Mallory', reason: 'Seen.', isRestricted: true } })
  await lead.call('escalateAlert', { params: { id: hidden.id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'Theirs.' } })

  // Facets: each without the terms of its own field.
  const facets = async (person: typeof lead, filter: string) => {
    const found = await person.call('alertFacets', { query: { view: 'all', filter } })
    return { ...found, facets: Object.fromEntries(found.facets.map(facet => [facet.field, facet.values.map(({ term, count }) => `${term} ${count}`)])) }
  }
  expect(await facets(lead, 'severity:low')).toEqual({
    total: 2,
    isCapped: false,
    facets: {
      severity: ['severity:low 2', 'severity:high 1'],
      status: ['status:escalated 1', 'status:open 1'],
      service: ['service:none 2'],
      source: ['source:okta 1', 'source:sigma 1'],
      rule: [],
      host: ['host:"web 1" 2'],
      user: [],
      assignee: ['assignee:none 2'],
    },
  })
  expect(await facets(outsider, 'severity:low')).toMatchObject({
    total: 1,
    facets: { source: ['source:sigma 1'], severity: ['severity:high 1', 'severity:low 1'] },
  })
  expect((await facets(lead, 'service:billing')).facets).toMatchObject({ service: ['service:none 2', 'service:billing 1'], severity: ['severity:high 1'] })
  await expect(facets(lead, 'severity:hgh')).rejects.toMatchObject(refusal('invalid', 'filter'))

  // Search of everything.
  const search = async (person: typeof lead, q: string) =>
    Object.fromEntries(
      (await person.call('search', { query: { q } })).groups.flatMap(({ kind, items, problem }) =>
        items.length === 0 && problem === null ? [] : [[kind, items.map(item => `${item.isApproximate ? '~' : ''}${item.title}`)]],
      ),
    )
  expect(await search(lead, 'mira')).toEqual({ person: ['Mira Okafor'] })
  expect(await search(lead, 'billng')).toEqual({ service: ['~billing'] })
  expect(await search(lead, `INC-${incident.number}`)).toMatchObject({ incident: ['Insider Mallory'] })
  expect(await search(lead, 'malory')).toEqual({ incident: ['~Insider Mallory'] })
  expect(await search(lead, 'web 1')).toMatchObject({ alert: ['Brute force', 'Brute force'] })
  expect(await search(lead, `#${hidden.number}`)).toMatchObject({ alert: ['Brute force'] })
  expect(await search(lead, 'secret of')).toMatchObject({ alert: ['Brute force'] })
  for (const q of ['mallory', `INC-${incident.number}`, `#${hidden.number}`, 'secret of', 'sekret of'])
    expect(await search(outsider, q), q).not.toMatchObject({ incident: expect.anything() })
  for (const q of ['secret of', 'sekret of', `#${hidden.number}`]) expect(await search(outsider, q), q).not.toHaveProperty('alert')
  await expect(search(lead, ' ')).rejects.toMatchObject(refusal('invalid', 'q'))

  // Saved views.
  for (const { list, view, filter } of builtInViews) {
    if (list === 'alerts') await lead.call('alerts', { query: { view, filter } })
    else await lead.call('incidents', { query: { view, filter } })
  }
  const view = { list: 'alerts', name: 'Databases', view: 'triage', filter: 'host:db-*', isShared: false } as const
  const change = { name: 'Webs', view: 'all', filter: 'host:web*', isShared: true } as const
  const saved = await observer.call('saveView', { body: view })
  expect(saved).toMatchObject({ ...view, isMine: true, sort: null, grouping: null, columns: [], version: 1 })
  await expect(observer.call('saveView', { body: { ...view, isShared: true } })).rejects.toMatchObject(refusal('forbidden'))
  await expect(observer.call('saveView', { body: { ...view, filter: 'hst:x' } })).rejects.toMatchObject(refusal('invalid', 'filter'))
  await expect(observer.call('saveView', { body: { ...view, view: 'open' } })).rejects.toMatchObject(refusal('invalid', 'view'))
  await expect(lead.call('updateView', { params: { id: saved.id }, body: { ...change, version: 1 } })).rejects.toMatchObject(refusal('not-found'))
  const shared = await primary.call('saveView', { body: { ...view, name: 'All databases', isShared: true } })
  expect((await lead.call('savedViews')).map(({ name, isMine }) => [name, isMine])).toEqual([['All databases', false]])
  await expect(lead.call('updateView', { params: { id: shared.id }, body: { ...change, version: 1 } })).rejects.toMatchObject(refusal('forbidden'))
  expect(await primary.call('updateView', { params: { id: shared.id }, body: { ...change, version: 1 } })).toMatchObject({ name: 'Webs', version: 2 })
  await expect(primary.call('updateView', { params: { id: shared.id }, body: { ...change, version: 1 } })).rejects.toMatchObject(refusal('conflict'))
  await expect(lead.call('removeView', { params: { id: shared.id } })).rejects.toMatchObject(refusal('forbidden'))
  await administrator.call('removeView', { params: { id: shared.id } })
  await expect(administrator.call('removeView', { params: { id: saved.id } })).rejects.toMatchObject(refusal('not-found'))
  await observer.call('removeView', { params: { id: saved.id } })
  expect(await observer.call('savedViews')).toEqual([])

  // CSV, of what one may see, without formulas, and on record.
  const csv = async (name: 'alertsCsv' | 'incidentsCsv', person: typeof lead, filter: string) => {
    const reply = await person.call.raw(name, { query: { view: 'all', filter } })
    return (await reply.text()).trimEnd().split('\r\n')
  }
  const [header, first, ...more] = await csv('alertsCsv', lead, 'host:db-01,"web 1"')
  expect(header).toMatch(/^number,kind,severity,status,title,/)
  expect([first, ...more].join('\n')).toContain(`"'=HYPERLINK(""x"")"`)
  expect(more).toHaveLength(2)
  expect(await csv('alertsCsv', outsider, '')).toHaveLength(3)
  expect(await csv('alertsCsv', lead, 'brutte')).toHaveLength(1)
  expect(await csv('incidentsCsv', lead, 'phase:suspected')).toHaveLength(2)
  expect(await csv('incidentsCsv', outsider, '')).toHaveLength(1)
  await expect(csv('alertsCsv', observer, '')).rejects.toMatchObject(refusal('forbidden'))
  const entries = (await administrator.call('journal', { query: { limit: 200 } })).items
  expect(entries.filter(entry => entry.type === 'list.exported').map(entry => entry.sentence)).toContain('Exported alerts as CSV (all, filtered by host)')
  expect(entries.filter(entry => entry.type === 'saved-view.removed')).toHaveLength(2)
})

import { createClient } from '@tocsin/api'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { giveRole } from '../../test/roles.ts'
import { linkIn, type Person, test, type World } from '../../test/world.ts'

const secret = 'The payroll is copied'
const nobody = '01900000-0000-7000-8000-000000000000'

/** A service whose engineers are on call: the suspect first, the colleague next. */
async function billing(world: World) {
  const security = await world.team({ tiers: 2, escalateAfter: { minutes: 5 } })
  const engineering = await world.team({ kind: 'engineering', tiers: 2, escalateAfter: { minutes: 5 } })
  const service = await world.service('billing', security.team, engineering.team)
  const lead = await world.person('lead', 'Lena Lead')
  return { security, engineering, service, lead, suspect: engineering.primary, colleague: engineering.backup }
}

const open = (lead: Person, serviceIds: string[] = []) =>
  lead.call('openIncident', { body: { title: secret, reason: 'Seen.', isRestricted: true, codename: 'Amber Falcon', serviceIds } })

const at = async (lead: Person, id: string) => ({ params: { id }, version: (await lead.call('incident', { params: { id } })).version })

async function name(lead: Person, id: string, ...suspects: readonly Person[]) {
  const { params, version } = await at(lead, id)
  return lead.call('setSuspects', { params, body: { version, personIds: suspects.map(person => person.id) } })
}

const pagesTo = (world: World, ...people: readonly Person[]) =>
  world.takeMails().filter(mail => mail.purpose.startsWith('page') && people.some(person => person.email === mail.to))

describe('a restricted incident pages', () => {
  test('nobody by rota, when it is opened nor when services are listed: its lead names whom, by its codename', async ({ world }) => {
    const { lead, service, security, engineering, colleague } = await billing(world)
    const incident = await open(lead, [service.id])
    expect(incident).toMatchObject({ lead: { name: lead.name }, codename: 'Amber Falcon' })
    await world.advance({ hours: 2 })
    expect(pagesTo(world, lead, ...security.members, ...engineering.members)).toEqual([])
    const params = { id: incident.id }
    await expect(colleague.call('pageIncident', { params, body: { personIds: [colleague.id] } })).rejects.toMatchObject(refusal('not-found'))
    for (const body of [{}, { personIds: [colleague.id], teamId: engineering.team.id }])
      await expect(lead.call('pageIncident', { params, body })).rejects.toMatchObject(refusal('invalid', 'personIds'))
    await expect(lead.call('pageIncident', { params, body: { personIds: [nobody] } })).rejects.toMatchObject(refusal('invalid', 'personIds'))
    await expect(lead.call('pageIncident', { params, body: { teamId: nobody } })).rejects.toMatchObject(refusal('invalid', 'teamId'))
    await lead.call('pageIncident', { params, body: { personIds: [colleague.id] } })
    await world.settle()
    const mails = world.takeMails().filter(mail => mail.purpose === 'page')
    expect(mails.map(({ to, subject }) => [to, subject])).toEqual([[colleague.email, '[HIGH] Incident 1 (restricted: Amber Falcon) needs a response']])
    expect(JSON.stringify(mails.map(mail => [mail.subject, mail.text]))).not.toContain(secret)
    const known = await colleague.call('incident', { params })
    expect(known, 'whoever is named has to know').toMatchObject({ title: secret })
    expect(known.timeline.map(({ sentence }) => sentence)).toContain(`Changed who can see the incident: added ${colleague.name}`)
    const [page] = (await colleague.call('pages')).items
    await colleague.call('acknowledgePage', { params: { id: page?.id ?? '' } })
  })

  test('a team that its lead names, once at a time, and the administrators where none of those who are named answers', async ({ world }) => {
    const { lead, engineering, suspect, colleague } = await billing(world)
    const administrator = await world.person('administrator')
    const { id } = await open(lead)
    await lead.call('pageIncident', { params: { id }, body: { teamId: engineering.team.id } })
    await expect(lead.call('pageIncident', { params: { id }, body: { teamId: engineering.team.id } })).rejects.toMatchObject(refusal('conflict'))
    await world.settle()
    expect(pagesTo(world, suspect, colleague, lead).map(mail => mail.to)).toEqual([suspect.email])
    await lead.call('pageIncident', { params: { id }, body: { personIds: [lead.id] } })
    await world.advance({ minutes: 25 })
    expect(pagesTo(world, administrator)).toEqual([])
    await world.advance({ minutes: 10 })
    const told = pagesTo(world, administrator)
    expect(told.map(mail => mail.subject)).toEqual(['[HIGH] Incident 1 (restricted: Amber Falcon) needs a response'])
    expect(JSON.stringify(told)).not.toContain(secret)
  })

  test('the administrators, by number, while nobody leads it, and nobody any more once somebody does', async ({ world }) => {
    const { lead, security } = await billing(world)
    const administrator = await world.person('administrator')
    const { id } = await open(lead)
    const assign = async (personId: string | null) => {
      const { params, version } = await at(lead, id)
      return lead.call('assignRole', { params: { ...params, role: 'lead' }, body: { version, personId } })
    }
    await assign(null)
    await world.settle()
    const [told, ...more] = pagesTo(world, administrator, ...security.members)
    expect([told?.to, told?.subject, more]).toEqual([administrator.email, '[CRITICAL] Incident 1 (restricted: Amber Falcon) has no lead', []])
    expect(told?.text).not.toContain(secret)
    await assign(lead.id)
    await world.advance({ hours: 1 })
    expect(pagesTo(world, administrator)).toEqual([])
    await administrator.call('changePerson', { params: { id: lead.id }, body: { isActive: false } })
    await world.settle()
    expect(
      pagesTo(world, administrator).map(mail => mail.subject),
      'who has left leads nothing',
    ).toEqual([told?.subject])
  })

  test('its lead about what is due, then the others with a role in it, and never the rota', async ({ world }) => {
    const { lead, service, security, engineering } = await billing(world)
    const [owner, administrator] = [await world.person('responder', 'Olga'), await world.person('administrator')]
    const { id } = await open(lead, [service.id])
    const { version } = await giveRole(lead, id, 'owner', owner)
    const params = { id }
    const child = await lead.call('openIncident', { body: { title: 'Another', reason: 'Seen.' } })
    await world.settle()
    world.takeMails()
    await lead.call('makeParent', { params, body: { version, reason: 'One cause.', incidentIds: [child.id] } })
    await world.settle()
    expect(pagesTo(world, lead, owner, administrator, ...security.members, ...engineering.members).map(mail => mail.to)).toEqual([lead.email])
    await world.advance({ minutes: 11 })
    expect(pagesTo(world, lead, owner, administrator, ...security.members, ...engineering.members).map(mail => mail.to)).toEqual([owner.email])
    await world.advance({ minutes: 30 })
    expect(pagesTo(world, lead, administrator, ...security.members, ...engineering.members).map(mail => mail.to)).toEqual([administrator.email])
  })
})

describe('a suspect', () => {
  test('of a restricted incident is named by its lead or a lead, and by nobody of an open one', async ({ world }) => {
    const { lead, suspect, colleague } = await billing(world)
    const { id } = await lead.call('openIncident', { body: { title: secret, reason: 'Seen.' } })
    await expect(name(lead, id, suspect)).rejects.toThrow(/not restricted.*Restrict it first/)
    const turn = async (isRestricted: boolean) => {
      const { params, version } = await at(lead, id)
      return lead.call('changeIncident', { params, body: { version, isRestricted, reason: 'It is one of us.' } })
    }
    await turn(true)
    await expect(name(lead, id, lead)).rejects.toMatchObject(refusal('invalid', 'personIds'))
    const { params, version } = await at(lead, id)
    await lead.call('setMembers', { params, body: { version, personIds: [lead.id, colleague.id] } })
    await expect(name(colleague, id, suspect), 'a responder').rejects.toMatchObject(refusal('forbidden'))
    expect((await name(lead, id, suspect)).suspects).toEqual([{ id: suspect.id, name: suspect.name }])
    expect((await at(lead, id)).version).toBe((await name(lead, id, suspect)).version)
    await expect(turn(false)).rejects.toThrow(/has suspects/)
    await name(lead, id)
    await turn(false)
    expect((await suspect.call('incident', { params: { id } })).title).toBe(secret)
  })

  test('has no part in it from then on, and can be given none', async ({ world }) => {
    const { lead, suspect, colleague } = await billing(world)
    const { id } = await open(lead)
    let { version } = await giveRole(lead, id, 'owner', suspect)
    const params = { id }
    await lead.call('setMembers', { params, body: { version, personIds: [lead.id, suspect.id] } })
    await lead.call('addTask', { params, body: { title: 'Read the logs', assigneeId: suspect.id } })
    expect(await suspect.call('incident', { params })).toMatchObject({ title: secret })
    await world.settle()
    world.takeMails()
    const named = await name(lead, id, suspect)
    expect(named).toMatchObject({ owner: null, members: [{ id: lead.id }], tasks: [{ assignee: null }], suspects: [{ id: suspect.id }] })
    version = named.version
    const refused = refusal('invalid', 'personId')
    for (const role of ['lead', 'owner', 'communications'] as const)
      await expect(lead.call('assignRole', { params: { id, role }, body: { version, personId: suspect.id } }), role).rejects.toMatchObject(refused)
    const personIds = [lead.id, suspect.id]
    await expect(lead.call('setMembers', { params, body: { version, personIds } })).rejects.toMatchObject(refusal('invalid', 'personIds'))
    await expect(lead.call('pageIncident', { params, body: { personIds } })).rejects.toMatchObject(refusal('invalid', 'personIds'))
    await expect(lead.call('addTask', { params, body: { title: 'Read more', assigneeId: suspect.id } })).rejects.toMatchObject(refusal('invalid', 'assigneeId'))
    await world.settle()
    expect(world.takeMails().filter(mail => mail.to === suspect.email && mail.purpose !== 'on-call')).toEqual([])
    expect(await giveRole(lead, id, 'owner', colleague)).toMatchObject({ owner: { id: colleague.id } })
  })

  test('is passed over by schedule, escalation and fallback; a page that they hold goes to the next, and their link leads nowhere', async ({ world }) => {
    const { lead, engineering, suspect, colleague } = await billing(world)
    const { id } = await open(lead)
    await lead.call('pageIncident', { params: { id }, body: { teamId: engineering.team.id } })
    await world.settle()
    const token = linkIn(suspect.expectPage(/restricted: Amber Falcon/), '/a/')
    await suspect.call('acknowledgeByLink', { body: { token } })
    await world.settle()
    expect(await lead.call('incident', { params: { id } })).toMatchObject({ owner: { id: suspect.id } })
    await name(lead, id, suspect)
    await world.settle()
    colleague.expectPage(/restricted: Amber Falcon/)
    const gone = refusal('not-found')
    for (const act of [
      () => suspect.call('pageByLink', { body: { token } }),
      () => suspect.call('acknowledgeByLink', { body: { token } }),
      () => suspect.call('escalateByLink', { body: { token } }),
    ])
      await expect(act()).rejects.toMatchObject(gone)
    const unknown = await suspect.call('acknowledgeByLink', { body: { token: 'x' } }).catch((error: unknown) => String(error))
    expect(await suspect.call('acknowledgeByLink', { body: { token } }).catch((error: unknown) => String(error)), 'as one that is none').toBe(unknown)
    expect((await suspect.call('pages')).items).toEqual([])
    expect((await suspect.call('myPages')).items).toEqual([])
    const [page] = (await lead.call('pages')).items
    const pageParams = { id: page?.id ?? '' }
    await expect(suspect.call('acknowledgePage', { params: pageParams })).rejects.toMatchObject(gone)
    await expect(suspect.call('escalatePage', { params: pageParams, body: { level: 1 } })).rejects.toMatchObject(gone)
    await expect(lead.call('addResponders', { params: { id: page?.id ?? '' }, body: { personIds: [suspect.id] } })).rejects.toMatchObject(
      refusal('invalid', 'personIds'),
    )
    await world.advance({ hours: 2 })
    suspect.expectNoPage()
  })

  test('who has acknowledged two pages about the same leaves one behind, that escalates', async ({ world }) => {
    const { lead, engineering, suspect, colleague } = await billing(world)
    const { id } = await open(lead)
    for (let n = 0; n < 2; n += 1) {
      await lead.call('pageIncident', { params: { id }, body: { teamId: engineering.team.id } })
      const [page] = (await lead.call('pages')).items
      await suspect.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    }
    await world.settle()
    world.takeMails()
    await name(lead, id, suspect)
    await world.settle()
    expect((await lead.call('pages')).items.map(page => page.state).toSorted()).toEqual(['resolved', 'triggered'])
    expect(pagesTo(world, suspect, colleague).map(mail => mail.to)).toEqual([colleague.email])
  })

  test('who is the only one on call does not get the page of an alert that the incident takes in: the fallback does', async ({ world }) => {
    const security = await world.team({ tiers: 1, escalateAfter: { minutes: 5 }, repeats: 3 })
    await world.service('billing', security.team)
    const [lead, administrator, suspect] = [await world.person('lead'), await world.person('administrator'), security.primary]
    const alert = await world.alert({ title: secret, severity: 'critical', service: 'billing' })
    suspect.expectPage(new RegExp(secret))
    const { id } = await open(lead)
    const settings = (await lead.call('onCall')).find(one => one.team.id === security.team.id)?.settings ?? expect.fail()
    await lead.call('saveTeamOnCall', { params: { id: security.team.id }, body: { ...settings, progressMinutes: 15 } })
    await lead.call('escalateAlert', { params: { id: alert.id }, body: { incidentId: id, responsibility: 'us', reason: 'It is theirs.' } })
    await name(lead, id, suspect)
    await world.settle()
    world.takeMails()
    await world.advance({ hours: 3 })
    const paged = world.takeMails().filter(mail => mail.purpose === 'page')
    expect(new Set(paged.map(mail => mail.to))).toEqual(new Set([administrator.email]))
    expect(JSON.stringify(paged)).not.toContain(secret)
  })

  test('sees nothing of it anywhere, whatever their role, and does not find out that it exists', async ({ world }) => {
    const { lead, service } = await billing(world)
    const suspect = await world.person('administrator', 'Sam')
    const before = await suspect.call('counters')
    const body = { name: 'All', scopes: ['incidents:read', 'alerts:read', 'journal:read'], role: 'lead', seesRestricted: true } as const
    const { secret: key } = await suspect.call('createApiKey', { body: { ...body, scopes: [...body.scopes] } })
    const byKey = createClient({ origin: world.origin, apiKey: key })
    const alert = await world.alert({ title: secret, severity: 'low', service: 'billing' })
    const { id } = await open(lead, [service.id])
    await lead.call('escalateAlert', { params: { id: alert.id }, body: { incidentId: id, responsibility: 'us', reason: secret } })
    await lead.call('addNote', { params: { id }, body: { markdown: secret } })
    await lead.call('addTask', { params: { id }, body: { title: secret } })
    expect(await byKey('incident', { params: { id } })).toMatchObject({ title: secret })
    await name(lead, id, suspect)
    await lead.call('pageIncident', { params: { id }, body: { personIds: [lead.id] } })
    await world.settle()
    const gone = refusal('not-found')
    const [page] = (await lead.call('pages')).items
    for (const act of [
      () => suspect.call('incident', { params: { id } }),
      () => suspect.call('incidentTimeline', { params: { id } }),
      () => suspect.call('incidentNotes', { params: { id } }),
      () => suspect.call('alert', { params: { id: alert.id } }),
      () => suspect.call('page', { params: { id: page?.id ?? '' } }),
      () => suspect.call('exportIncident', { params: { id } }),
      () => suspect.call('setSuspects', { params: { id }, body: { version: 1, personIds: [] } }),
      () => suspect.call('breakGlass', { params: { id }, body: { reason: 'I must know.' } }),
      () => suspect.call('breakGlass', { params: { id: '1' }, body: { reason: 'I must know.' } }),
      () => byKey('incident', { params: { id } }),
    ])
      await expect(act()).rejects.toMatchObject(gone)
    const sentenceOf = (which: string) => suspect.call('breakGlass', { params: { id: which }, body: { reason: 'x' } }).catch((error: unknown) => String(error))
    expect(await sentenceOf(id), 'as one that does not exist').toBe(await sentenceOf(nobody))
    const shown = [
      await suspect.call('incidents', { query: { view: 'all' } }),
      await suspect.call('alerts', { query: { view: 'all' } }),
      await suspect.call('pages'),
      await suspect.call('followUps', { query: { view: 'all' } }),
      await suspect.call('obligations', { query: { view: 'all' } }),
      await suspect.call('messageLog'),
      await suspect.call('journal', { query: { limit: 200 } }),
      await byKey('incidents', { query: { view: 'all' } }),
      await byKey('journal', { query: { limit: 200 } }),
    ]
    const whole = await (await suspect.call.raw('exportJournal', {})).text()
    for (const text of [secret, 'Amber Falcon']) expect(whole).not.toContain(text)
    for (const text of [secret, 'Amber Falcon', id, 'suspects-set']) expect(JSON.stringify(shown)).not.toContain(text)
    expect((await suspect.call('counters')).openIncidents).toBe(before.openIncidents)
    expect(world.takeMails().filter(mail => mail.to === suspect.email && /incident|restricted/i.test(mail.subject))).toEqual([])
  })

  test('is so with each account of theirs, whenever it was made', async ({ world }) => {
    const { lead, colleague } = await billing(world)
    const [suspect, twin] = [await world.person('administrator', 'Sam'), await world.person('administrator', 'Sam+2')]
    const { id } = await open(lead)
    expect((await name(lead, id, suspect)).suspects.map(one => one.name)).toEqual([suspect.name, twin.name])
    const later = await world.person('administrator', 'Sam+3')
    for (const account of [suspect, twin, later])
      await expect(account.call('breakGlass', { params: { id }, body: { reason: 'I must know.' } }), account.name).rejects.toMatchObject(refusal('not-found'))
    const { params, version } = await at(lead, id)
    await expect(lead.call('setMembers', { params, body: { version, personIds: [lead.id, later.id] } })).rejects.toMatchObject(refusal('invalid', 'personIds'))
    await lead.call('setMembers', { params, body: { version, personIds: [lead.id, colleague.id] } })
    expect(
      (await name(lead, id, suspect)).suspects.map(one => one.id),
      'one is cleared',
    ).toEqual([suspect.id])
    expect((await name(lead, id)).suspects).toEqual([])
  })

  test('who led it is not its lead any more: the administrators who are none are told by number', async ({ world }) => {
    const [lead, other] = [await world.person('lead'), await world.person('lead')]
    const [suspect, administrator] = [await world.person('administrator', 'Sam'), await world.person('administrator')]
    const { id } = await open(lead)
    const { params, version } = await at(lead, id)
    await lead.call('setMembers', { params, body: { version, personIds: [lead.id, other.id] } })
    await name(other, id, lead, suspect)
    await world.settle()
    const told = world.takeMails().filter(mail => mail.purpose === 'page')
    expect(told.map(mail => [mail.to, mail.subject])).toEqual([[administrator.email, '[CRITICAL] Incident 1 (restricted: Amber Falcon) has no lead']])
    await expect(lead.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
  })

  test('gets no message that was written before and has not left yet', async ({ world }) => {
    const { lead, suspect } = await billing(world)
    const { id } = await open(lead)
    await world.settle()
    world.takeMails()
    world.mail.refuse({ code: 451, text: 'try again later' })
    await lead.call('pageIncident', { params: { id }, body: { personIds: [suspect.id] } })
    await lead.call('addNote', { params: { id }, body: { markdown: 'Paged him.' } })
    await world.settle()
    await name(lead, id, suspect)
    world.mail.refuse(undefined)
    await world.advance({ hours: 1 })
    expect(world.takeMails().filter(mail => mail.to === suspect.email)).toEqual([])
  })
})

describe('restricting', () => {
  test('an incident that has a lead is for that lead or a lead, with a reason, and so is lifting it; other leads are told by number', async ({ world }) => {
    const [lead, other, third] = [await world.person('responder', 'Lena'), await world.person('lead'), await world.person('lead')]
    const bob = await world.person('responder', 'Bob')
    const opened = await lead.call('openIncident', { body: { title: secret, reason: 'Seen.' } })
    expect(opened).toMatchObject({ lead: { id: lead.id }, codename: null })
    const params = { id: opened.id }
    const turn = async (person: Person, isRestricted: boolean, more: { reason?: string; codename?: string } = {}) =>
      person.call('changeIncident', { params, body: { version: (await at(lead, opened.id)).version, isRestricted, ...more } })
    const reason = 'It is one of us.'
    await expect(turn(bob, true, { reason })).rejects.toThrow(/Only the lead of this incident.*can restrict it/)
    await expect(turn(lead, true)).rejects.toMatchObject(refusal('invalid', 'reason'))
    await expect(turn(lead, true, { reason: ' ' })).rejects.toMatchObject(refusal('invalid', 'reason'))
    expect(await lead.call('incident', { params })).toMatchObject({ isRestricted: false, version: opened.version })
    const restricted = await turn(other, true, { reason })
    expect(restricted).toMatchObject({ isRestricted: true, codename: expect.stringMatching(/^[A-Z][a-z]+ [A-Z][a-z]+$/), lead: { id: lead.id } })
    expect(restricted.timeline.find(entry => entry.type === 'incident.changed')).toMatchObject({ reason, by: other.name })
    await world.settle()
    const told = world.takeMails().filter(mail => mail.purpose === 'incident-restricted')
    expect(told.map(mail => [mail.to, mail.subject])).toEqual([[third.email, 'Incident 1 is restricted now']])
    expect(JSON.stringify(told)).not.toMatch(new RegExp(`${secret}|${reason}`))
    await expect(third.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
    await lead.call('setMembers', { params, body: { version: restricted.version, personIds: [other.id, bob.id] } })
    await expect(turn(bob, false, { reason }), 'a member who does not lead it').rejects.toMatchObject(refusal('forbidden'))
    const version = async () => (await at(lead, opened.id)).version
    for (const act of [
      async () => bob.call('setMembers', { params, body: { version: await version(), personIds: [bob.id] } }),
      async () => bob.call('assignRole', { params: { ...params, role: 'lead' }, body: { version: await version(), personId: bob.id } }),
      async () => bob.call('assignRole', { params: { ...params, role: 'owner' }, body: { version: await version(), personId: third.id } }),
    ])
      await expect(act(), 'a member gives no part in it, nor takes one').rejects.toMatchObject(refusal('forbidden'))
    await giveRole(lead, opened.id, 'owner', bob)
    expect(await bob.call('assignRole', { params: { ...params, role: 'owner' }, body: { version: await version(), personId: null } })).toMatchObject({
      owner: null,
    })
    await expect(turn(lead, false)).rejects.toMatchObject(refusal('invalid', 'reason'))
    expect(await turn(lead, false, { reason: 'It was not.' })).toMatchObject({ isRestricted: false })
    expect(await turn(lead, true, { reason }), 'under the name that it had').toMatchObject({ codename: restricted.codename })
  })

  test('one that nobody leads is for whoever sees it, and the administrators are told that nobody does', async ({ world }) => {
    const { service, security } = await billing(world)
    const [reporter, administrator] = [await world.person('responder', 'Rita'), await world.person('administrator')]
    const { id, version } = await reporter.call('openIncident', { body: { title: secret, reason: 'Seen.', serviceIds: [service.id] } })
    await world.settle()
    world.takeMails()
    await reporter.call('changeIncident', { params: { id }, body: { version, isRestricted: true, codename: 'Amber Falcon', reason: 'It is one of us.' } })
    await world.settle()
    expect(pagesTo(world, administrator, reporter).map(mail => mail.subject)).toEqual(['[CRITICAL] Incident 1 (restricted: Amber Falcon) has no lead'])
    // Who was paged by rota before it was restricted does not come to lead it, nor to see it, by an answer now.
    const [page] = (await security.primary.call('myPages')).items
    expect(page).toMatchObject({ state: 'resolved', title: expect.stringContaining('Incident 1') })
    await security.primary.call('acknowledgePage', { params: { id: page?.id ?? '' } })
    await world.advance({ hours: 1 })
    expect((await reporter.call('incident', { params: { id } })).lead).toBeNull()
    expect(pagesTo(world, ...security.members)).toEqual([])
    await expect(security.primary.call('incident', { params: { id } })).rejects.toMatchObject(refusal('not-found'))
  })

  test('takes what its lead is paged about from the rota, and loses none of it', async ({ world }) => {
    const { lead, service, security, engineering } = await billing(world)
    const administrator = await world.person('administrator')
    const owner = await world.person('responder', 'Olga')
    const { id } = await security.primary.call('openIncident', { body: { title: secret, reason: 'Seen.', serviceIds: [service.id] } })
    await giveRole(lead, id, 'owner', owner)
    const child = await lead.call('openIncident', { body: { title: 'Another', reason: 'Seen.' } })
    let { params, version } = await at(lead, id)
    await lead.call('makeParent', { params, body: { version, reason: 'One cause.', incidentIds: [child.id] } })
    ;({ params, version } = await at(lead, id))
    await lead.call('changeIncident', { params, body: { version, isRestricted: true, codename: 'Amber Falcon', reason: 'It is one of us.' } })
    await world.settle()
    world.takeMails()
    const all = [lead, owner, administrator, ...security.members, ...engineering.members]
    await world.advance({ minutes: 11 })
    expect(pagesTo(world, ...all).map(mail => mail.to)).toEqual([owner.email])
    await world.advance({ hours: 2 })
    const told = pagesTo(world, ...all)
    expect(new Set(told.map(mail => mail.to))).toEqual(new Set([owner.email, administrator.email]))
    expect(JSON.stringify(told)).not.toContain(secret)
  })
})

describe('an administrator', () => {
  test('without need-to-know sees a restricted incident only by breaking the glass, for a day, and the lead reviews it', async ({ world }) => {
    const { lead, service } = await billing(world)
    const administrator = await world.person('administrator', 'Ada')
    const { id, number } = await open(lead, [service.id])
    const params = { id }
    await expect(administrator.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
    expect((await administrator.call('incidents', { query: { view: 'all' } })).items).toEqual([])
    expect(JSON.stringify((await administrator.call('journal', { query: { limit: 200 } })).items)).not.toContain(secret)
    for (const [person, kind] of [
      [await world.person('lead'), 'forbidden'],
      [administrator, 'invalid'],
    ] as const)
      await expect(person.call('breakGlass', { params, body: { reason: '' } })).rejects.toMatchObject(refusal(kind))
    await world.settle()
    world.takeMails()
    const seen = await administrator.call('breakGlass', { params: { id: String(number) }, body: { reason: 'Its lead is in hospital.' } })
    expect(seen).toMatchObject({ id, title: secret, tasks: [{ title: 'Review the emergency access of Ada', assignee: { id: lead.id } }] })
    expect(seen.timeline.find(entry => entry.type === 'incident.glass-broken')).toMatchObject({
      ...{ by: 'Ada', reason: 'Its lead is in hospital.' },
      sentence: 'Opened the restricted incident by emergency access, until Nov 24, 08:00 UTC',
    })
    await expect(administrator.call('breakGlass', { params, body: { reason: 'Again.' } })).rejects.toMatchObject(refusal('conflict'))
    await world.settle()
    expect(pagesTo(world, lead, administrator).map(mail => [mail.to, mail.subject])).toEqual([
      [lead.email, '[CRITICAL] Incident 1 (restricted: Amber Falcon): opened by emergency access'],
    ])
    await administrator.call('incident', { params })
    expect((await lead.call('incident', { params })).timeline.map(entry => `${entry.by}: ${entry.sentence}`)).toContain('Ada: Viewed the restricted incident')
    await world.advance({ hours: 23, minutes: 59 })
    expect((await administrator.call('incident', { params })).id).toBe(id)
    await world.advance({ minutes: 2 })
    await expect(administrator.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
    expect((await lead.call('incident', { params })).timeline.map(entry => entry.sentence)).toContain('Emergency access of Ada ended')
  })

  test('whose emergency access it is does not review it, nor make it last, but names somebody who leads instead', async ({ world }) => {
    const { lead, colleague } = await billing(world)
    const administrator = await world.person('administrator', 'Ada')
    const { id } = await open(lead)
    const params = { id }
    const [task] = (await administrator.call('breakGlass', { params, body: { reason: 'Its lead is in hospital.' } })).tasks
    const version = async () => (await at(lead, id)).version
    const forbidden = refusal('forbidden')
    const reviewed = { params: { id, taskId: task?.id ?? '' }, body: { version: task?.version ?? 0 } }
    for (const change of [{ isDone: true }, { title: 'Something else' }, { assigneeId: null }])
      await expect(administrator.call('changeTask', { ...reviewed, body: { ...reviewed.body, ...change } })).rejects.toMatchObject(forbidden)
    for (const role of ['lead', 'owner', 'communications'] as const)
      await expect(
        administrator.call('assignRole', { params: { id, role }, body: { version: await version(), personId: administrator.id } }),
        role,
      ).rejects.toThrow(/emergency access.*give you a role/)
    for (const act of [
      async () => administrator.call('setMembers', { params, body: { version: await version(), personIds: [administrator.id] } }),
      async () => administrator.call('setSuspects', { params, body: { version: await version(), personIds: [lead.id] } }),
      async () => administrator.call('changeIncident', { params, body: { version: await version(), isRestricted: false, reason: 'x' } }),
    ])
      await expect(act()).rejects.toMatchObject(forbidden)
    await giveRole(administrator, id, 'lead', colleague)
    expect(await colleague.call('changeTask', { ...reviewed, body: { ...reviewed.body, isDone: true } })).toMatchObject({ lead: { id: colleague.id } })
    await world.advance({ days: 2 })
    await expect(administrator.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
  })

  test('loses emergency access when they are removed, and keeps what they are given instead', async ({ world }) => {
    const { lead } = await billing(world)
    const administrator = await world.person('administrator', 'Ada')
    const { id } = await open(lead)
    const params = { id }
    await administrator.call('breakGlass', { params, body: { reason: 'I must.' } })
    const members = async (...personIds: string[]) => lead.call('setMembers', { params, body: { version: (await at(lead, id)).version, personIds } })
    await members(lead.id)
    await expect(administrator.call('incident', { params })).rejects.toMatchObject(refusal('not-found'))
    await members(lead.id, administrator.id)
    await world.advance({ days: 2 })
    expect((await administrator.call('incident', { params })).id).toBe(id)
    // So does somebody whom the lead pages about it meanwhile.
    const other = await world.person('administrator', 'Abe')
    await other.call('breakGlass', { params, body: { reason: 'I must.' } })
    await lead.call('pageIncident', { params, body: { personIds: [other.id] } })
    await world.advance({ days: 2 })
    expect((await other.call('incident', { params })).id).toBe(id)
  })

  test('who makes a service account that sees restricted incidents has the lead of each paged', async ({ world }) => {
    const { lead } = await billing(world)
    const administrator = await world.person('administrator', 'Ada')
    const [first, , closed] = [await open(lead), await lead.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } }), await open(lead)]
    const at3 = await at(lead, closed.id)
    await lead.call('classifyIncident', { params: at3.params, body: { version: at3.version, class: 'not-an-incident', reason: 'No.' } })
    await lead.call('closeIncident', { params: at3.params, body: { version: at3.version + 1, reason: 'No.' } })
    await world.settle()
    world.takeMails()
    const make = (name: string, seesRestricted: boolean) =>
      administrator.call('createApiKey', { body: { name, scopes: ['incidents:read'], role: 'lead', seesRestricted } })
    await make('Blind', false)
    await make('All-seeing', true)
    await world.settle()
    expect(pagesTo(world, lead).map(mail => mail.subject)).toEqual([
      `[CRITICAL] Incident ${first.number} (restricted: Amber Falcon): the new service account All-seeing can read it`,
    ])
  })

  test('breaks no glass of an incident that is open to them, or that there is none of, nor does a service account', async ({ world }) => {
    const administrator = await world.person('administrator')
    const { id } = await administrator.call('openIncident', { body: { title: 'Odd', reason: 'Seen.' } })
    await expect(administrator.call('breakGlass', { params: { id }, body: { reason: 'x' } })).rejects.toMatchObject(refusal('conflict'))
    for (const which of [nobody, '77']) {
      const broken = administrator.call('breakGlass', { params: { id: which }, body: { reason: 'x' } })
      await expect(broken).rejects.toMatchObject(refusal('not-found'))
    }
    for (const which of ['x', '0', '-1', '99999999999'])
      await expect(administrator.call('breakGlass', { params: { id: which }, body: { reason: 'x' } }), which).rejects.toMatchObject(refusal('invalid', 'id'))
    const scopes = ['incidents:read', 'incidents:write'] as const
    const { secret: key } = await administrator.call('createApiKey', { body: { name: 'Bot', role: 'administrator', scopes: [...scopes] } })
    const bot = createClient({ origin: world.origin, apiKey: key })
    for (const act of [
      () => bot('breakGlass', { params: { id }, body: { reason: 'x' } }),
      () => bot('setSuspects', { params: { id }, body: { version: 1, personIds: [] } }),
    ])
      await expect(act()).rejects.toMatchObject(refusal('forbidden'))
  })
})

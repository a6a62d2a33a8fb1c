import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'
import { messages, restrictedSummary } from '../notify/index.ts'

const secret = 'Bob copies the payroll'

async function teamIn(world: World) {
  const { team, primary, backup } = await world.team({ tiers: 2, escalateAfter: { minutes: 5 } })
  const engineering = await world.team({ kind: 'engineering', tiers: 2, escalateAfter: { minutes: 5 } })
  await world.service('billing', team, engineering.team)
  const outsider = await world.person('lead')
  return { team, primary, backup, outsider }
}

describe('pages within a restricted incident', () => {
  test('of an alert that it has taken in are hidden with it, their messages too, and say nothing of it when they escalate again', async ({ world }) => {
    const { primary, backup, outsider, team } = await teamIn(world)
    const lead = await world.person('lead')
    const settings = (await lead.call('onCall')).find(one => one.team.id === team.id)?.settings
    if (!settings) throw new Error('the team is on call')
    await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...settings, progressMinutes: 15 } })
    const alert = await world.alert({ title: secret, description: `${secret} by night`, severity: 'critical', service: 'billing' })
    expect(JSON.stringify((await outsider.call('pages')).items)).toContain(secret)
    const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    await lead.call('escalateAlert', { params: { id: alert.id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'It is theirs.' } })
    await world.settle()
    world.takeMails()
    const seen = [(await outsider.call('pages')).items, (await outsider.call('messageLog')).items.filter(message => message.purpose === 'page')]
    expect(JSON.stringify(seen)).not.toContain(secret)
    const pageId = (await lead.call('pages')).items.find(page => page.subject.id === alert.id)?.id ?? ''
    for (const person of [outsider, backup]) {
      await expect(person.call('page', { params: { id: pageId } })).rejects.toMatchObject({ problem: { status: 404 } })
      await expect(person.call('addResponders', { params: { id: pageId }, body: { personIds: [primary.id] } })).rejects.toMatchObject({
        problem: { status: 404 },
      })
    }
    // Work on the incident is progress; without any, whoever is on call is paged again, and learns no more than that.
    await world.advance({ minutes: 10 })
    await lead.call('addNote', { params: { id: incident.id }, body: { markdown: 'I look at the logs.' } })
    await world.advance({ minutes: 10 })
    const toTheTeam = () => world.takeMails().filter(mail => mail.purpose === 'page' && [primary, backup].some(person => person.email === mail.to))
    expect(toTheTeam()).toEqual([])
    await world.advance({ minutes: 30 })
    const paged = toTheTeam()
    expect(paged.length).toBeGreaterThan(0)
    expect(JSON.stringify(paged.map(mail => [mail.subject, mail.text]))).not.toContain(secret)
  })

  test('say nothing of it any more once it is restricted', async ({ world }) => {
    const { primary, outsider } = await teamIn(world)
    const [service] = await primary.call('services')
    const incident = await primary.call('openIncident', { body: { title: secret, reason: 'Seen.', serviceIds: [service?.id ?? ''] } })
    await world.settle()
    expect(JSON.stringify(world.takeMails().map(mail => mail.subject))).toContain(secret)
    await primary.call('changeIncident', {
      params: { id: incident.id },
      body: { version: incident.version, isRestricted: true, codename: 'Jade Owl', reason: 'It is one of us.' },
    })
    await world.advance({ minutes: 6 })
    const told = (await primary.call('incident', { params: { id: incident.id } })).timeline.map(entry => entry.sentence)
    expect(told).toContain(`Page triggered: ${secret}`)
    const logged = (await outsider.call('journal', { query: { limit: 200 } })).items
    expect(logged.length, 'what is not about it').toBeGreaterThan(0)
    expect(JSON.stringify(logged)).not.toContain(secret)
    expect(world.takeMails().filter(mail => mail.purpose === 'page')).toEqual([])
    expect(JSON.stringify((await outsider.call('pages')).items)).not.toContain(secret)
  })

  test('are answered by whoever they paged, who adds nobody that may not see it', async ({ world }) => {
    const { primary, backup, outsider } = await teamIn(world)
    const lead = await world.person('lead')
    const alert = await world.alert({ title: secret, severity: 'critical', service: 'billing' })
    const { secret: key } = await (await world.person('administrator', 'Ada')).call('createApiKey', { body: { name: 'CI', scopes: ['alerts:write'] } })
    const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    await lead.call('escalateAlert', { params: { id: alert.id }, body: { incidentId: incident.id, responsibility: 'us', reason: 'It is theirs.' } })
    await world.settle()
    const [page] = (await primary.call('pages')).items
    expect(page).toMatchObject({ title: `Incident ${incident.number} (restricted: ${incident.codename}) needs a response`, subject: { id: alert.id } })
    const params = { id: page?.id ?? '' }
    for (const person of [backup, outsider]) expect((await person.call('pages')).items).toEqual([])
    await lead.call('escalatePage', { params, body: { level: 1 } })
    await expect(primary.call('addResponders', { params, body: { personIds: [lead.id, outsider.id] } })).rejects.toMatchObject(refusal('invalid', 'personIds'))
    await expect(primary.call('declinePage', { params, body: { toId: outsider.id } })).rejects.toMatchObject(refusal('invalid', 'toId'))
    const asKey = await fetch(`${world.origin}/api/v1/pages/${params.id}/acknowledge`, { method: 'POST', headers: { authorization: `Bearer ${key}` } })
    expect(asKey.status).toBe(404)
    await primary.call('addResponders', { params, body: { personIds: [lead.id] } })
    expect(await primary.call('acknowledgePage', { params })).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    await expect(outsider.call('page', { params })).rejects.toMatchObject(refusal('not-found'))
  })

  test('what was written before leaves without its text to who may not see it any more, and as it is to who may', async ({ world }) => {
    const { outsider } = await teamIn(world)
    const lead = await world.person('lead')
    const incident = await lead.call('openIncident', { body: { title: 'Insider', reason: 'Seen.', isRestricted: true } })
    const { database, messenger } = world.server.context
    // Whoever writes the sentence of a neutral message into their own text does not make that neutral.
    const message = { purpose: 'parent-incident', purposeId: incident.id, subject: secret, body: `${secret} ${restrictedSummary}` } as const
    for (const about of [{ withinId: incident.id }, { namedIds: [incident.id] }]) {
      await database.transaction(async tx => {
        for (const { email } of [lead, outsider]) await messenger.post(tx, { ...message, ...about, channel: 'email', address: email })
      })
      await world.settle()
      const told = world.takeMails().filter(mail => mail.purpose === message.purpose)
      expect(told.map(({ to, subject }) => [to, subject]).toSorted()).toEqual(
        [
          [lead.email, secret],
          [outsider.email, 'Restricted incident'],
        ].toSorted(),
      )
      expect(told.find(({ to }) => to === outsider.email)?.text).not.toContain(secret)
    }
    const logged = (await outsider.call('messageLog')).items
    expect(JSON.stringify(logged)).not.toContain(secret)
  })

  test('a handoff knows which incidents it names: one that is restricted before it leaves', async ({ world }) => {
    const { primary, backup } = await teamIn(world)
    const [service] = await primary.call('services')
    const incident = await primary.call('openIncident', { body: { title: secret, reason: 'Seen.', serviceIds: [service?.id ?? ''] } })
    await world.settle()
    world.jump({ days: 6, hours: 15, minutes: 59 })
    await world.advance({ minutes: 2 })
    expect(world.expectMail(backup.email, /^You are on call/).text).toContain(secret)
    const sent = await world.server.context.database.reader().db.select().from(messages).where(eq(messages.address, backup.email))
    expect(sent.filter(({ purpose }) => purpose === 'handoff')).toMatchObject([{ namedIds: [incident.id] }])
  })

  test('a handoff names it by its number', async ({ world }) => {
    const { team, primary } = await teamIn(world)
    const [service] = await primary.call('services')
    const incident = await primary.call('openIncident', { body: { title: secret, reason: 'Seen.', serviceIds: [service?.id ?? ''], isRestricted: true } })
    const { context } = world.server
    const reader = context.database.reader()
    const { ids, lines } = await context.workload.openIncidents(reader, team.id, { personId: primary.id, role: 'responder', needToKnow: 'own' })
    expect(ids, 'who may not see it by then gets the handoff without it').toEqual([incident.id])
    expect(lines).toEqual([`Incident ${incident.number}, no severity yet, suspected: restricted (${incident.codename}); open it in Tocsin`])
  })
})

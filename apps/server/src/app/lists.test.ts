import { createClient, type Incident, type RouteName, routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { patience } from '../../test/patience.ts'
import { test, type World } from '../../test/world.ts'
import { customers } from '../directory/tables.ts'
import { incidents, notes } from '../incidents/tables.ts'
import { recordAll, system } from '../journal/index.ts'
import { counted } from '../kernel/counted.ts'
import { newId } from '../kernel/ids.ts'
import { obligations } from '../notices/tables.ts'
import { messages } from '../notify/tables.ts'
import { pages } from '../paging/tables.ts'
import { followUps, reviews } from '../reviews/tables.ts'

const many = 450

/** An incident with so many obligations, improvements, pages, messages and events of one page. */
async function fill(world: World, teamId: string, ownerId: string): Promise<{ incidentId: string; pageId: string }> {
  const ids = { incidentId: newId(), reviewId: newId(), pageId: newId() }
  const all = Array.from({ length: many }, (_, n) => n)
  await world.server.context.database.transaction(async tx => {
    await tx.db.insert(incidents).values({
      ...{
        id: ids.incidentId,
        title: 'Leak',
        status: 'declared' as const,
        class: 'customer-reportable' as const,
        responsibility: 'us' as const,
        openedAt: tx.now,
      },
      ...{ declaredAt: tx.now, isRestricted: false, dataTouched: { customerData: 'no' as const, personalData: 'no' as const, description: '' } },
    })
    const listed = all.map(n => ({ id: newId(), name: `Customer ${n}`, region: 'EU', terms: '', contacts: [] }))
    await tx.db.insert(customers).values(listed)
    await tx.db.insert(obligations).values(
      listed.map(({ id }, n) => ({
        ...{ incidentId: ids.incidentId, kind: 'initial' as const, customerId: id, hours: 72, state: n % 3 === 0 ? ('notified' as const) : ('due' as const) },
        // Many are due at the same instant, and some have no time yet.
        ...{ startedAt: tx.now, dueAt: n % 7 === 0 ? null : `2026-11-2${6 + (n % 2)}T08:00:00.000Z`, notifiedAt: n % 3 === 0 ? tx.now : null },
      })),
    )
    await tx.db.insert(reviews).values({ id: ids.reviewId, incidentId: ids.incidentId, state: 'draft', sequence: '', findings: [] })
    await tx.db
      .insert(followUps)
      .values(all.map(n => ({ reviewId: ids.reviewId, incidentId: ids.incidentId, title: `${n}`, ownerId, dueOn: '2026-12-01', state: 'open' as const })))
    await tx.db.insert(pages).values(
      all.map(n => ({
        ...{ id: n === 0 ? ids.pageId : newId(), teamId, subjectKind: 'alert' as const, subjectId: newId(), title: `${n}`, summary: '' },
        ...{ severity: 'high' as const, state: n % 2 === 0 ? ('exhausted' as const) : ('resolved' as const), key: `${n}`, createdAt: tx.now },
      })),
    )
    await tx.db.insert(messages).values(
      all.map(n => ({
        ...{ channel: 'email' as const, address: 'a@tocsin.test', purpose: 'test', purposeId: newId(), subject: `${n}`, body: '', state: 'sent' as const },
        createdAt: tx.now,
      })),
    )
    await recordAll(
      tx,
      all.map(n => ({
        actor: system,
        type: 'page.sent',
        subject: { kind: 'page', id: ids.pageId },
        within: null,
        data: { messageId: ids.pageId, channel: 'email' as const, person: null, address: '', receipt: String(n) },
      })),
    )
  })
  return ids
}

/** Every item of a list, page after page, and how many pages it took. */
async function walk<T>(read: (cursor: string | undefined) => Promise<{ items: T[]; next: string | null }>): Promise<{ items: T[]; pages: number }> {
  const items: T[] = []
  let cursor: string | undefined
  for (let count = 1; ; count += 1) {
    const page = await read(cursor)
    items.push(...page.items)
    if (page.next === null) return { items, pages: count }
    cursor = page.next
  }
}
const query = (cursor: string | undefined, more: object = {}) => ({ limit: 100, ...(cursor === undefined ? {} : { cursor }), ...more })

describe('a list', () => {
  test('says when there is more, and its pages hold everything once, in order', { timeout: 60_000 * patience }, async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    const { team } = await world.team()
    world.isTampered = true
    const { incidentId, pageId } = await fill(world, team.id, ada.id)
    const view = { view: 'all' as const, incidentId }
    const obligations = await walk(cursor => ada.call('obligations', { query: { ...view, ...query(cursor) } }))
    expect(obligations.pages).toBe(5)
    expect(new Set(obligations.items.map(obligation => obligation.id)).size).toBe(many)
    // Those that are notified come last; of the others the one due first on top, and without a time after those.
    const places = obligations.items.map(obligation => `${obligation.notifiedAt === null ? 0 : 1} ${obligation.dueAt ?? '9'}`)
    expect(places).toEqual(places.toSorted())
    const open = await walk(cursor => ada.call('obligations', { query: query(cursor) }))
    expect(open.items.length).toBe(300)

    const shown = await walk(cursor => ada.call('pages', { query: query(cursor) }))
    expect(new Set(shown.items.map(page => page.id)).size).toBe(many)
    expect(shown.items.findIndex(page => page.state === 'resolved')).toBe(many / 2)
    const sent = await walk(cursor => ada.call('messageLog', { query: query(cursor) }))
    expect(new Set(sent.items.filter(message => message.purpose === 'test').map(message => message.id)).size).toBe(many)
    const asked = await walk(cursor => ada.call('followUps', { query: query(cursor) }))
    expect(new Set(asked.items.map(followUp => followUp.title)).size).toBe(many)
    const timeline = await walk(async cursor => {
      const part = await ada.call('page', { params: { id: pageId }, query: query(cursor) })
      return { items: part.events, next: part.next }
    })
    expect(timeline.items.map(event => /\((\d+)\)$/.exec(event.text)?.[1])).toEqual(Array.from({ length: many }, (_, n) => String(n)))
    await world.server.context.database.transaction(tx =>
      recordAll(
        tx,
        Array.from({ length: 2 * many }, (_, n) => ({
          actor: system,
          type: 'note.written' as const,
          subject: { kind: 'note' as const, id: newId() },
          within: incidentId,
          data: { markdown: `${n}` },
        })),
      ),
    )
    const incident = await ada.call('incident', { params: { id: incidentId } })
    expect(incident.timeline, 'the latest part of many').toHaveLength(500)
    const whole = await walk(cursor => ada.call('incidentTimeline', { params: { id: incidentId }, query: query(cursor) }))
    expect(new Set(whole.items.map(({ id }) => id)).size).toBe(2 * many)
    expect(incident.timeline).toEqual(whole.items.slice(0, 500).toReversed())
    const older = await walk(cursor => ada.call('incidentTimeline', { params: { id: incidentId }, query: query(cursor ?? incident.timelineNext ?? '') }))
    expect(older.items).toEqual(whole.items.slice(500))
    const texts = Array.from({ length: 130 }, (_, n) => `Note ${n}`)
    const tables = Array.from({ length: 20 }, (_, n) => `${n}\n\n|a|b|\n|-|-|\n${'|x|y|\n'.repeat(8_000)}`)
    const written = [...texts, ...tables].map(markdown => ({ id: newId(), incidentId, authorId: ada.id, markdown, createdAt: world.now }))
    await world.server.context.database.transaction(tx => tx.db.insert(notes).values(written))
    const read = await ada.call('incident', { params: { id: incidentId } })
    const noted = await walk(cursor => ada.call('incidentNotes', { params: { id: incidentId }, query: query(cursor) }))
    expect(noted.items.map(({ markdown }) => markdown)).toEqual(written.map(({ markdown }) => markdown).toReversed())
    expect(read.notes, 'the latest part').toEqual(noted.items.slice(0, read.notes.length).toReversed())
    expect([read.noteCount, read.notes.length > 5, read.notes.reduce((sum, { html }) => sum + html.length, 0) < 1_500_000]).toEqual([150, true, true])
    const before = await walk(cursor => ada.call('incidentNotes', { params: { id: incidentId }, query: query(cursor ?? read.notesNext ?? '') }))
    expect(before.items).toEqual(noted.items.slice(read.notes.length))
    const exported = (await (await ada.call.raw('exportIncident', { params: { id: incidentId } })).json()) as { document: { incident: Incident } }
    expect(exported.document.incident.timeline, 'a document holds all of it').toHaveLength(2 * many)
    expect(exported.document.incident.notes.map(({ markdown }) => markdown)).toEqual(written.map(({ markdown }) => markdown))
    const entries = await walk(cursor => ada.call('journal', { query: query(cursor) }))
    expect(new Set(entries.items.map(entry => entry.id)).size).toBeGreaterThan(many)

    // And the page about rows that no act wrote, which the export found.
    const unacknowledgedPages = many / 2 + 1
    expect(await ada.call('counters')).toMatchObject({ stalledChannels: [], unacknowledgedPages, alertsToTriage: 0, openIncidents: 1, obligationsDue: 300 })
  })

  test('refuses a cursor that it did not give, by name, whichever list it is', { timeout: 60_000 * patience }, async ({ world }) => {
    const ada = await world.person('administrator', 'Ada')
    const lead = await world.person('lead')
    const { team } = await world.team()
    await lead.call('openIncident', { body: { title: 'One', reason: 'x' } })
    await lead.call('openIncident', { body: { title: 'Two', reason: 'x' } })
    const { next } = await lead.call('incidents', { query: { limit: 1 } })
    const lists = (Object.entries(routes) as [RouteName, (typeof routes)[RouteName]][]).filter(
      ([name, route]) => 'query' in route && route.query !== undefined && 'cursor' in route.query.shape && !['incidents', 'page'].includes(name),
    )
    expect(lists.length).toBeGreaterThan(10)
    // Of the right shape, with what the database would refuse.
    const id = '0193b5a0-0000-7000-8000-000000000001'
    const forged = ['messages', 'pages', 'journal-dead-letters', 'obligations', 'follow-ups'].flatMap(name =>
      [
        ['0000-01-01T00:00:00Z', id],
        [true, '0000-01-01T00:00:00Z', id],
        [0, '0000-01-01', 'x', id],
        [0, 'a\u0000b', id],
      ].map(values => Buffer.from(JSON.stringify([name, ...values])).toString('base64url')),
    )
    for (const [name] of lists)
      for (const cursor of ['nonsense', '12', next ?? '', Buffer.from('[1').toString('base64url'), ...forged]) {
        const reply = ada.call.raw(name, { params: { id: team.id }, query: { cursor } })
        await expect(reply, name).rejects.toMatchObject({ problem: { status: 400, errors: [{ path: 'cursor' }] } })
      }
    expect((await lead.call('incidents', { query: { limit: 1, cursor: next ?? '' } })).items.map(incident => incident.title)).toEqual(['One'])
  })

  test('and the counters hold what the caller may see', async ({ world }) => {
    const lead = await world.person('lead')
    const outsider = await world.person('observer')
    await lead.call('openIncident', { body: { title: 'Secret', reason: 'x', isRestricted: true } })
    expect((await lead.call('counters')).openIncidents).toBe(1)
    expect((await outsider.call('counters')).openIncidents).toBe(0)
    await world.alert({ severity: 'low' })
    expect((await outsider.call('counters')).alertsToTriage).toBe(1)
    // m1: the count is of all of them, not of a page.
    const more = Array.from({ length: 120 }, (_, n) => ({ title: `Odd ${n}`, severity: 'low' as const }))
    const { alerts } = await lead.call('createAlerts', { body: more })
    expect((await outsider.call('counters')).alertsToTriage).toBe(121)
    // m9: one bound for the alerts that are taken into an incident, also when it is opened.
    const open = (alertIds: string[]) => lead.call('openIncident', { body: { title: 'Many', reason: 'One cause.', alertIds } })
    const many = Array.from({ length: 501 }, () => alerts[0]?.id ?? '')
    await expect(open(many)).rejects.toMatchObject({ problem: { status: 400, errors: [{ path: 'alertIds', message: expect.stringMatching(/at most 500/) }] } })
    expect((await open(alerts.map(({ id }) => id))).alerts).toHaveLength(120)
    expect((await outsider.call('counters')).alertsToTriage).toBe(1)
  })

  test('stop at a thousand, and hold what is the caller’s own and what awaits their approval', async ({ world }) => {
    const { team, primary } = await world.team({ tiers: 1 })
    const [lead, outsider] = [await world.person('lead'), await world.person('lead')]
    const service = await world.service('billing', team)
    const customer = await world.customer('Globex')
    const incident = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
    const params = { id: incident.id }
    const version = async () => (await primary.call('incident', { params })).version
    await primary.call('setAffectedCustomers', { params, body: { version: await version(), customers: [{ id: customer.id, basis: 'Logs.' }] } })
    await world.settle()
    const [obligation] = (await lead.call('obligations', { query: { incidentId: incident.id, view: 'all' } })).items
    if (obligation === undefined) expect.fail('the customer is owed a notice')
    await primary.call('draftNotice', { params: { id: obligation.id }, body: { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true } })
    await world.alert({ title: 'Odd', severity: 'critical', service: 'billing' })
    await world.settle()
    expect(await primary.call('counters')).toMatchObject({ mine: 1, pagesToMe: 1, unacknowledgedPages: 2, approvalsWaiting: 0 })
    expect(await lead.call('counters')).toMatchObject({ mine: 0, pagesToMe: 0, unacknowledgedPages: 2, approvalsWaiting: 1 })
    const { secret } = await (await world.person('administrator')).call('createApiKey', { body: { name: 'CI', role: 'lead', scopes: ['incidents:read'] } })
    expect(await createClient({ origin: world.origin, apiKey: secret })('counters')).toMatchObject({ approvalsWaiting: 0 })
    await primary.call('changeIncident', { params, body: { version: await version(), isRestricted: true, reason: 'It is one of us.' } })
    expect((await outsider.call('counters')).approvalsWaiting, 'of what is hidden nothing is counted').toBe(0)
    expect(await counted(world.server.context.database.reader(), sql`select 1 from generate_series(1, 5000)`), 'more is not counted').toBe(1_000)
  })
})

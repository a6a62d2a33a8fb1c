import { messageChannels } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { declare } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { linkIn, test, type World } from '../../test/world.ts'
import { newId } from '../kernel/ids.ts'
import { messages } from '../notify/index.ts'
import { isForOutside } from '../notify/purposes.ts'

/** An exercise that begins with an alert: its incident is declared, with a customer whose clock runs. */
async function exercise(world: World) {
  const { team, primary, backup } = await world.team()
  await world.service('billing', team)
  const lead = await world.person('lead')
  const administrator = await world.person('administrator')
  const alert = await world.alert({ service: 'billing', title: 'Bulk export', isExercise: true, dedupKey: 'bulk' })
  const mail = primary.expectPage(/Bulk export/)
  const { id } = await primary.call('escalateAlert', { params: { id: alert.id }, body: { responsibility: 'us', reason: 'It is planned.' } })
  const params = { id }
  const customer = await world.customer('Globex')
  await world.settle()
  const { version } = await primary.call('incident', { params })
  await primary.call('setAffectedCustomers', { params, body: { version, customers: [{ id: customer.id, basis: 'Logs.' }] } })
  await declare(primary, id, { by: lead })
  const incident = await lead.call('incident', { params })
  await world.settle()
  return { team, primary, backup, lead, administrator, alert, mail, incident, params, customer }
}

describe('an exercise', () => {
  test('is marked from its alert onwards on every surface, and in the audit log', async ({ world }) => {
    const { primary, lead, alert, mail, incident } = await exercise(world)
    expect(mail.subject).toBe('[EXERCISE] [HIGH] billing: Bulk export')
    expect(mail.text).toMatch(/^This is an exercise\./)
    expect(await primary.call('alert', { params: { id: alert.id } })).toMatchObject({ isExercise: true })
    expect(incident).toMatchObject({ isExercise: true })
    expect((await lead.call('incidents', {})).items).toMatchObject([{ isExercise: true }])
    expect((await lead.call('pages')).items.map(page => page.isExercise)).not.toContain(false)
    expect(await world.client()('pageByLink', { body: { token: linkIn(mail, '/a/') } })).toMatchObject({
      isExercise: true,
      title: expect.stringMatching(/^\[EXERCISE\] /),
    })
    expect((await lead.call('obligations', { query: { view: 'all' } })).items).toMatchObject([{ isExercise: true, state: 'due' }])
    expect(await (await lead.call.raw('printIncident', { params: { id: incident.id } })).text()).toContain('<strong>Exercise.</strong>')
    const about = ['alert.', 'incident.', 'page.', 'obligation.']
    const { items } = await lead.call('journal', { query: { limit: 200 } })
    const own = items.filter(({ type }) => about.some(prefix => type.startsWith(prefix)))
    expect(own.length).toBeGreaterThan(8)
    const marked = await world.server.context.database
      .reader()
      .db.execute<{ is_exercise: boolean }>('select is_exercise from journal where type ~ $$^(alert|incident|page|obligation)[.]$$')
    expect(marked.rows.every(row => row.is_exercise)).toBe(true)
    // What the lead is warned of 48 hours later says so, too.
    await world.advance({ hours: 48 })
    expect(world.takeMails().filter(one => one.purpose.startsWith('page') && !one.subject.startsWith('[EXERCISE]'))).toEqual([])
    expect(incident.number).toBeGreaterThan(0)
  })

  test('counts nowhere as work that is waiting, and keeps nobody busy', async ({ world }) => {
    const { lead, primary } = await exercise(world)
    await world.alert({ service: 'billing', title: 'Another', isExercise: true })
    expect(await lead.call('counters')).toMatchObject({ unacknowledgedPages: 0, alertsToTriage: 0, openIncidents: 0, obligationsDue: 0 })
    const listed = async (isExercise: 'true' | 'false') => (await lead.call('obligations', { query: { isExercise } })).items.length
    expect([await listed('true'), await listed('false')], 'what every page says is due first is real').toEqual([1, 0])
    world.takeMails()
    await world.alert({ service: 'billing', title: 'A real one' })
    primary.expectPage(/A real one/)
    expect(
      world.takeMails().filter(mail => mail.purpose === 'page'),
      'the next tier is not paged because of an exercise',
    ).toEqual([])
    expect(await lead.call('counters')).toMatchObject({ unacknowledgedPages: 1, alertsToTriage: 1 })
  })

  test('never mixes with what is real: alerts, incidents, keys', async ({ world }) => {
    const { lead, alert, params, incident } = await exercise(world)
    const real = await world.alert({ service: 'billing', title: 'Bulk export', dedupKey: 'bulk' })
    expect(real).toMatchObject({ isNew: true, count: 1 })
    expect(real.id).not.toBe(alert.id)
    const disposition = { responsibility: 'us' as const, reason: 'Seen.' }
    await expect(lead.call('escalateAlert', { params: { id: real.id }, body: { ...disposition, incidentId: incident.id } })).rejects.toMatchObject(
      refusal('conflict'),
    )
    const other = await world.alert({ title: 'Other', isExercise: true })
    const both = { title: 'Both', reason: 'Seen.', alertIds: [real.id, other.id] }
    await expect(lead.call('openIncident', { body: both })).rejects.toThrow(/belongs to an exercise|is a real one/)
    await expect(lead.call('openIncident', { body: { ...both, alertIds: [real.id], isExercise: true } })).rejects.toThrow(
      /is a real one, and the incident is an exercise/,
    )
    const own = await lead.call('openIncident', { body: { title: 'Real', reason: 'Seen.', alertIds: [real.id] } })
    expect(own.isExercise).toBe(false)
    await expect(lead.call('escalateAlert', { params: { id: other.id }, body: { ...disposition, incidentId: own.id } })).rejects.toThrow(
      /belongs to an exercise/,
    )
    // As a duplicate of an exercise, what is real would be dismissed.
    const [unread, drill] = [await world.alert({ title: 'Real' }), await world.alert({ title: 'Drill', isExercise: true })]
    for (const [id, duplicateOf] of [
      [unread.id, drill.id],
      [drill.id, unread.id],
    ] as const)
      await expect(lead.call('dismissAlert', { params: { id }, body: { ...disposition, value: 'duplicate', duplicateOf } })).rejects.toMatchObject(
        refusal('invalid', 'duplicateOf'),
      )
    const { version } = await lead.call('incident', { params })
    const part = { version, reason: 'One cause.', incidentIds: [own.id] }
    await expect(lead.call('makeParent', { params, body: part })).rejects.toMatchObject(refusal('conflict'))
    expect((await lead.call('alert', { params: { id: real.id } })).incident?.id).toBe(own.id)
    // A batch has both, each for itself.
    const batch = [true, false].map(isExercise => ({ title: 'Pair', severity: 'low' as const, dedupKey: 'pair', isExercise }))
    const { alerts } = await lead.call('createAlerts', { body: batch })
    expect(alerts.map(one => one.isNew)).toEqual([true, true])
    expect(await Promise.all(alerts.map(async ({ id }) => (await lead.call('alert', { params: { id } })).isExercise))).toEqual([true, false])
  })

  test('sends no notice: it says so before anything is handed over', async ({ world }) => {
    const { lead, primary, params, customer } = await exercise(world)
    const obligation = async () => (await lead.call('obligations', { query: { view: 'all', incidentId: params.id } })).items[0] ?? expect.fail()
    const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true }
    await primary.call('draftNotice', { params: { id: (await obligation()).id }, body: content })
    const input = async () => {
      const notice = (await obligation()).notices.at(-1)
      return { params: { id: notice?.id ?? '' }, body: { version: notice?.version ?? 0 } }
    }
    await lead.call('approveNotice', await input())
    await expect(primary.call('sendNotice', await input())).rejects.toThrow(/is an exercise: nothing is sent to customers/)
    await world.settle()
    expect(world.takeMails().map(mail => mail.to)).not.toContain(customer.contacts[0]?.email)
    expect((await obligation()).notices.at(-1)?.state).toBe('approved')
  })
})

describe('what goes to people outside', () => {
  test('is refused by every channel where it belongs to an exercise, even unmarked, and pages the administrators', async ({ world }) => {
    const { params, administrator } = await exercise(world)
    const { context } = world.server
    world.takeMails()
    const base = { purpose: 'notice' as const, subject: 'Security notice', body: 'Dear customer.' }
    const tried = messageChannels.flatMap(channel => [
      { ...base, id: newId(), channel, address: 'https://customer.test/security', purposeId: newId(), isExercise: true },
      { ...base, id: newId(), channel, address: 'https://customer.test/security', purposeId: newId(), withinId: params.id },
    ])
    await context.database.transaction(tx => context.messenger.postAll(tx, tried))
    // As if every channel had been configured when they were written.
    await world.asOwner(`update messages set state = 'queued' where state = 'held' and purpose = 'notice'`)
    await world.settle()
    const rows = await context.database.reader().db.select().from(messages).where(eq(messages.purpose, 'notice'))
    const reached = rows.filter(row => row.state !== 'failed' && row.state !== 'queued')
    expect(rows).toHaveLength(tried.length)
    expect(reached).toEqual([])
    for (const row of rows.filter(one => one.state === 'failed')) expect(row.lastError).toContain('it belongs to an exercise and is for somebody outside')
    expect(rows.filter(row => row.channel === 'email').map(row => row.state)).toEqual(['failed', 'failed'])
    expect(world.takeMails().filter(mail => mail.purpose === 'notice')).toEqual([])
    const [page] = (await administrator.call('pages')).items.filter(one => one.subject.kind === 'system')
    expect(page?.title).toBe('A message of an exercise to somebody outside was not sent')
  })

  test('is all that no purpose of ours says is for staff', () => {
    expect(['notice', 'never-heard-of', 'constructor'].map(isForOutside)).toEqual([true, true, true])
    expect(['page', 'page-bundle', 'follow-up', 'task'].map(isForOutside)).toEqual([false, false, false, false])
  })

  test('leaves as ever where it is real', async ({ world }) => {
    const { context } = world.server
    const message = {
      channel: 'email' as const,
      address: 'real@staff.test',
      purpose: 'coverage' as const,
      purposeId: newId(),
      subject: 'Coverage',
      body: 'Gaps.',
    }
    await context.database.transaction(tx =>
      context.messenger.postAll(tx, [
        { ...message, id: newId() },
        { ...message, id: newId(), isExercise: true },
      ]),
    )
    await world.settle()
    expect(
      world
        .takeMails()
        .map(mail => mail.subject)
        .toSorted(),
    ).toEqual(['Coverage', '[EXERCISE] Coverage'].toSorted())
  })
})

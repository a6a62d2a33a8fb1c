import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { event, UnreadableEvent } from './event.ts'
import { events, isEventType, readEvent, tellEvent, versionOf } from './registry.ts'
import { duration, span, when } from './words.ts'

const id = '0193b5a0-0000-7000-8000-000000000001'
const dismissal = { responsibility: 'us', reason: 'Same as re-run of job 17' }
const affected = (name: string, i: number, basis = 'Logs') => ({ id: `0193b5a0-0000-7000-8000-${String(i).padStart(12, '0')}`, name, basis })
const task = { title: 'Cut it off', assigneeId: null, dueOn: null, isDone: false }
const told = (data: unknown) => ({ actor: 'Ada', at: '2026-11-25T10:02:56.342Z', data })

describe('the types of entries', () => {
  test('are each defined once, as <noun>.<past participle>', () => {
    const types = events.map(({ type }) => type)
    expect(types.filter((type, at) => types.indexOf(type) !== at)).toEqual([])
    expect(types.filter(type => !/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/.test(type))).toEqual([])
    expect(isEventType('incident.declared')).toBe(true)
    expect(isEventType('incident.exploded')).toBe(false)
  })

  test('what was written is what is read: no type changes its data on the way', () => {
    const data = {
      customer: 'Orchard Bank',
      customerId: id,
      customerVersion: 1,
      startedAt: '2026-11-25T10:02:56.342Z',
      dueAt: '2026-11-27T10:02:56.342Z',
      term: { start: 'declared', amount: 48, unit: 'hours', calendar: null },
      foundAt: '2026-11-25T10:02:56.342Z',
      foundDueAt: '2026-11-27T10:02:56.342Z',
    }
    expect(readEvent('obligation.opened', 2, data)).toEqual(data)
    for (const { type } of events) expect(versionOf(type)).toBeGreaterThanOrEqual(1)
  })

  test.each([
    ['an unknown type', 'incident.exploded', 1, {}, 'incident.exploded is not a known type of journal entry'],
    ['a version of a newer program', 'note.written', 2, { markdown: 'x' }, 'note.written of version 2 is not supported; supported versions are 1 to 1'],
    ['a version that there never was', 'note.written', 0, { markdown: 'x' }, 'note.written of version 0 is not supported; supported versions are 1 to 1'],
    ['a field that is missing', 'note.written', 1, {}, 'data.markdown of note.written is missing'],
    ['a field of another type', 'alert.repeated', 1, { count: '2' }, 'data.count of alert.repeated must be of type number'],
    ['a field too many', 'alert.acknowledged', 1, { why: 'x' }, 'data of alert.acknowledged has a field that this version does not know: why'],
    ['no data at all', 'note.written', 1, null, 'data of note.written must be of type object'],
  ])('%s is a fault that names what is wrong', (_, type, version, data, sentence) => {
    expect(() => readEvent(type, version, data)).toThrow(new UnreadableEvent(sentence))
  })
})

describe('an older version', () => {
  test('of what had hours alone counted them from the declaration', () => {
    const term = { start: 'declared', amount: 24, unit: 'hours', calendar: null }
    const customer = { name: 'Globex', region: 'EU', terms: '', contacts: [], serviceIds: [] }
    const { calendar: _, ...noticeTerm } = { ...term, calendarId: null }
    const changed = { ...customer, noticeHours: 24, before: { ...customer, noticeHours: 48 } }
    expect(readEvent('customer.added', 1, { ...customer, noticeHours: 24 })).toEqual({ ...customer, noticeTerm })
    expect(readEvent('customer.changed', 1, changed)).toEqual({ ...customer, noticeTerm, before: { ...customer, noticeTerm: { ...noticeTerm, amount: 48 } } })
    const at = '2026-11-25T10:02:56.342Z'
    const opened = { customer: 'Globex', customerId: id, customerVersion: 1, startedAt: at, dueAt: at }
    expect(readEvent('obligation.opened', 1, { ...opened, hours: 24 })).toEqual({ ...opened, term, foundAt: null, foundDueAt: null })
    const missed = { customer: 'Globex', customerId: id, dueAt: at, state: 'due' }
    expect(readEvent('obligation.missed', 1, { ...missed, hours: 24 })).toEqual({ ...missed, term })
    expect(readEvent('obligation.missed', 1, { ...missed, hours: null }), 'of an announced update').toEqual({ ...missed, term: null })
  })

  const moved = event({
    type: 'box.moved',
    version: 3,
    subject: 'box',
    within: 'none',
    data: z.strictObject({ to: z.string(), weightGrams: z.number(), by: z.string().nullable() }),
    sentence: ({ data }) => `Moved the box to ${data.to}`,
    upcasts: [({ weightKilograms, ...data }) => ({ ...data, weightGrams: Number(weightKilograms) * 1_000 }), data => ({ ...data, by: null })],
  })

  test('is brought into the newest form step by step; the newest is read as it is', () => {
    expect(moved.read(1, { to: 'B', weightKilograms: 2 })).toEqual({ to: 'B', weightGrams: 2_000, by: null })
    expect(moved.read(2, { to: 'B', weightGrams: 7 })).toEqual({ to: 'B', weightGrams: 7, by: null })
    expect(moved.read(3, { to: 'B', weightGrams: 7, by: 'Ada' })).toEqual({ to: 'B', weightGrams: 7, by: 'Ada' })
    expect(() => moved.read(1, { weightKilograms: 2 })).toThrow(UnreadableEvent)
    expect(() => moved.read(2, { to: 'B', weightKilograms: 2 })).toThrow(UnreadableEvent)
  })

  test('cannot be forgotten: a type of version 2 has an upcast', () => {
    expect(() => event({ type: 'a.b', version: 2, subject: 'a', within: 'none', data: z.strictObject({}), sentence: () => 'A' })).toThrow(
      'it has 1 upcasts, not 0',
    )
  })
})

describe('the timeline', () => {
  test.each([
    [
      'page.sent',
      { messageId: id, channel: 'email', person: 'Ada Lovelace', address: 'ada@example.org', receipt: '250 ok' },
      'Page sent to Ada Lovelace by email',
    ],
    [
      'obligation.opened',
      {
        ...{ customer: 'Orchard Bank', customerId: id, customerVersion: 1, startedAt: '2026-11-26T10:02:56.342Z', dueAt: '2026-11-28T10:02:56.342Z' },
        ...{ term: { start: 'declared', amount: 48, unit: 'hours', calendar: null }, foundAt: null, foundDueAt: null },
      },
      'Notification deadline for Orchard Bank: Nov 28, 10:02 UTC (48 h)',
    ],
    [
      'incident.declared',
      {
        ...{ from: 'suspected', to: 'declared', reason: 'x', declaredAt: '2026-11-25T10:02:56.342Z', severity: 'SEV1', criteriaVersion: 1 },
        ...{ class: 'privacy-breach', definition: { version: 1, sha256: 'a'.repeat(64) }, customerIds: [] },
      },
      'Declared the incident as SEV1',
    ],
    [
      'obligation.opened',
      {
        ...{ customer: 'Globex', customerId: id, customerVersion: 1, startedAt: '2026-11-25T08:00:00.000Z', dueAt: '2026-12-02T23:59:59.999Z' },
        ...{ term: { start: 'aware', amount: 5, unit: 'business-days', calendar: null }, foundAt: null, foundDueAt: null },
      },
      'Notification deadline for Globex: Dec 2, 23:59 UTC (5 business days from becoming aware)',
    ],
    [
      'obligation.opened',
      {
        ...{ customer: 'Globex', customerId: id, customerVersion: 1, startedAt: '2026-11-20T08:00:00.000Z', dueAt: '2026-11-23T08:00:00.000Z' },
        term: { start: 'declared', amount: 72, unit: 'hours', calendar: null },
        ...{ foundAt: '2026-11-26T10:00:00.000Z', foundDueAt: '2026-11-29T10:00:00.000Z' },
      },
      'Notification deadline for Globex had passed on Nov 23, 08:00 UTC (72 h), before it was found affected; from then on it ends Nov 29, 10:00 UTC',
    ],
    [
      'obligation.moved',
      {
        ...{ customer: 'Globex', customerId: id, startedAt: '2026-11-24T08:00:00.000Z', dueAt: '2026-11-27T08:00:00.000Z', foundAt: null, foundDueAt: null },
        before: { startedAt: '2026-11-25T08:00:00.000Z', dueAt: '2026-11-28T08:00:00.000Z', foundAt: null, foundDueAt: null },
      },
      'Notification deadline for Globex moved from Nov 28, 08:00 UTC to Nov 27, 08:00 UTC',
    ],
    [
      'fact.corrected',
      {
        ...{ kind: 'aware', at: '2026-11-24T08:00:00.000Z', source: 'the on-call log', basis: 'x', reason: 'y' },
        before: { id, at: '2026-11-25T08:00:00.000Z' },
      },
      'Corrected when the organization became aware of it from Nov 25, 08:00 UTC to Nov 24, 08:00 UTC, says the on-call log',
    ],
    ['page.acknowledged', { about: { kind: 'alert', id }, teamId: id, personId: id, afterSeconds: 200 }, 'Acknowledged the page after 3 min'],
    ['page.snoozed', { about: { kind: 'alert', id }, until: '2027-01-02T03:04:00.000Z' }, 'Snoozed the page until Jan 2, 2027, 03:04 UTC'],
    [
      'incident.changed',
      { title: 'b', approximateUsers: null, isRestricted: true, before: { title: 'a', approximateUsers: 1, isRestricted: false } },
      'Changed title from “a” to “b”; approximate users from 1 to unknown; turned restricted access on',
    ],
    ['incident.changed', { approximateUsers: 1999, before: { approximateUsers: 412 } }, 'Changed approximate users from 412 to 1,999'],
    [
      'incident.changed',
      { summary: '# Login\nMore.', responsibility: 'shared', before: { summary: '', responsibility: 'us' } },
      'Changed summary from nothing to “Login”; responsibility from us to shared',
    ],
    [
      'incident.changed',
      {
        dataTouched: { customerData: 'yes', personalData: 'no', description: 'Mail addresses' },
        before: { dataTouched: { customerData: 'unknown', personalData: 'no', description: '' } },
      },
      'Changed customer data affected from unknown to yes; data description from nothing to “Mail addresses”',
    ],
    ['note.written', { markdown: '\n> - The **token** of 2024\nis used.' }, 'Added a note: The **token** of 2024'],
    ['note.corrected', { markdown: 'x'.repeat(200) }, `Edited a note: ${'x'.repeat(119)}…`],
    [
      'incident.classified',
      { from: 'suspected', class: 'privacy-breach', reason: 'x', definition: { version: 1, sha256: 'a'.repeat(64) } },
      'Changed the class from suspected to privacy breach',
    ],
    [
      'incident.role-assigned',
      { role: 'lead', personId: id, name: 'Ben', before: { personId: id, name: 'Eve' } },
      'Assigned Ben as incident lead, replacing Eve',
    ],
    ['incident.role-assigned', { role: 'lead', personId: id, name: 'Ben', before: { personId: id } }, 'Assigned Ben as incident lead'],
    ['incident.role-assigned', { role: 'lead', personId: null, name: null, before: { personId: id, name: 'Eve' } }, 'Removed the incident lead Eve'],
    ['incident.members-set', { personIds: [id], before: { personIds: [] } }, 'Changed who can see the incident: 1 added, 0 removed'],
    [
      'incident.members-set',
      { personIds: [id], before: { personIds: [] }, added: ['Ben'], removed: ['Eve'] },
      'Changed who can see the incident: added Ben; removed Eve',
    ],
    ['incident.changed', { isRestricted: false, before: { isRestricted: true } }, 'Turned restricted access off'],
    ['alert.dismissed', { ...dismissal, value: 'false-positive' }, 'Dismissed the alert as false positive: Same as re-run of job 17'],
    ['alert.dismissed', { ...dismissal, value: 'duplicate' }, 'Dismissed the alert as duplicate: Same as re-run of job 17'],
    ['alert.dismissed', { ...dismissal, value: 'duplicate', duplicateOf: 3 }, 'Dismissed the alert as duplicate of alert 3: Same as re-run of job 17'],
    [
      'incident.customers-set',
      { customers: [affected('Acme', 1), affected('Globex', 2, 'Now known')], before: { customers: [affected('Globex', 2), affected('Hooli', 3)] } },
      'Changed the affected customers: added Acme; removed Hooli; changed the basis of Globex',
    ],
    [
      'incident.customers-set',
      { customers: Array.from({ length: 1_200 }, (_, i) => affected(`Bank ${i}`, i)), before: { customers: [] } },
      'Changed the affected customers: added Bank 0, Bank 1, Bank 2, Bank 3, Bank 4 and 1,195 more',
    ],
    ['incident.made-parent', { reason: 'x', incidents: [2], alerts: [] }, 'Made it a parent incident: linked incident 2'],
    ['incident.made-parent', { reason: 'x', incidents: [2, 3], alerts: [7] }, 'Made it a parent incident: linked incidents 2, 3 and alert 7'],
    ['alert.repeated', { count: 2 }, 'Alert received again: 2 occurrences'],
    [
      'alert.repeated',
      { count: 2, severity: 'critical', before: { severity: 'low' } },
      'Alert received again: 2 occurrences; severity raised from low to critical',
    ],
    ['task.changed', { ...task, before: { ...task, title: 'Look' }, isApprovalVoid: true }, 'Renamed a task from Look to Cut it off; its approval is void'],
    ['task.changed', { ...task, before: { ...task, dueOn: '2026-11-25' } }, 'Changed a task: Cut it off; due date changed from Nov 25 to no date'],
    [
      'task.changed',
      { ...task, assigneeId: id, assignee: 'Ben', before: { ...task, assigneeId: null, assignee: null } },
      'Changed a task: Cut it off; assignee changed from nobody to Ben',
    ],
    ['obligation.repaired', { what: 'obligation', count: 1_200 }, 'The auditor repaired 1,200 missing notification obligations'],
    ['obligation.repaired', { what: 'late warning', count: 1 }, 'The auditor repaired 1 late deadline warning'],
    ['obligation.repaired', { what: 'missed deadline', count: 2 }, 'The auditor repaired 2 unrecorded missed deadlines'],
    [
      'obligation.missed',
      {
        customer: 'Globex',
        customerId: id,
        dueAt: '2026-11-25T08:00:00.000Z',
        term: { start: 'declared', amount: 72, unit: 'hours', calendar: null },
        state: 'due',
      },
      'Notification deadline for Globex missed: the notice was due Nov 25, 08:00 UTC',
    ],
    ['source.silent', { name: 'VPN', gapMinutes: 30, lastSeenAt: '2026-11-25T08:00:00.000Z' }, 'Log source VPN fell silent: no events since Nov 25, 08:00 UTC'],
    ['source.silent', { name: 'VPN', gapMinutes: 30, lastSeenAt: null }, 'Log source VPN fell silent: no events since it was added'],
    ['person.changed', { name: 'Ben', isActive: false, reason: 'Has left', before: { role: 'lead', isActive: true } }, 'Changed Ben: deactivated'],
    ['person.changed', { role: 'lead', resetSecondFactor: true, before: { role: 'lead', isActive: true } }, 'Changed a person: role lead, second factor reset'],
    ['coverage.alarmed', { concerns: 2, vacancies: 1, first: null }, 'Reported 2 coverage problems and 1 vacancy'],
    ['report.received', { reference: 'R-1', audience: 'employee', alertId: id, files: [] }, 'Report R-1 received'],
    [
      'system.away',
      { from: '2026-11-25T08:00:00.000Z', until: '2026-11-25T10:00:00.000Z', seconds: 7_200, isExact: false },
      'No server ran for about 2 h, from Nov 25, 08:00 UTC',
    ],
  ])('tells %s in words that people use', (type, data, sentence) => {
    expect(tellEvent(type, told(data))?.sentence).toBe(sentence)
  })

  test('of a page itself says more: what a provider answered, what failed, what was repaired', () => {
    const sent = { messageId: id, person: 'Ada Lovelace', receipt: 'taken' }
    const of = (type: string, data: object) => tellEvent(type, told(data))
    expect(of('page.sent', { ...sent, channel: 'slack', address: 'U012AB3CD' })?.detail).toBe('U012AB3CD: taken')
    expect(of('page.sent', { ...sent, channel: 'teams-bot', address: '29:1x' })?.detail, 'an ID of Teams means nothing to people').toBe('taken')
    expect(of('page.failed', { ...sent, channel: 'voice', address: '+4930123456' })).toMatchObject({
      sentence: 'Page could not be sent to Ada Lovelace by phone call: taken',
      detail: '+4930123456',
    })
    expect(of('page.failed-over', { from: 'voice', to: 'ntfy', error: '503' })).toMatchObject({
      sentence: 'Delivery by phone call failed; sending by ntfy',
      detail: '503',
    })
    expect(of('page.repaired', { what: 'late', dueAt: null })).toMatchObject({ detail: 'it was late', isBookkeeping: true })
    expect(of('page.acknowledged', { about: { kind: 'alert', id }, teamId: id, personId: id, afterSeconds: 0 })?.isBookkeeping).toBe(false)
  })

  test('of a list of what is affected that an older version wrote, with IDs alone', () => {
    const old = readEvent('incident.customers-set', 1, {
      customers: [affected('Globex', 2)],
      before: { customerIds: [affected('', 3).id, affected('', 2).id] },
    })
    expect(tellEvent('incident.customers-set', told(old))?.sentence).toBe('Changed the affected customers: removed 1')
    const services = readEvent('incident.services-set', 1, { services: [affected('billing', 2)], before: { serviceIds: [] } })
    expect(tellEvent('incident.services-set', told(services))?.sentence).toBe('Changed the affected services: added billing')
  })

  test('of a page names what it is about, in every timeline but its own', () => {
    const titled = (kind: string, title?: string) => tellEvent('page.exhausted', told({ about: { kind, id }, title }))
    expect(titled('incident', 'Incident 7: 1 customer is not notified after 48 hours')).toMatchObject({
      ...{ sentence: 'Nobody acknowledged the page', title: '1 customer is not notified after 48 hours' },
    })
    expect(titled('incident', 'Incident 7 (restricted): notification obligation due')?.title).toBe('notification obligation due')
    expect(titled('alert', 'Incident 7: a title that somebody else chose')?.title).toBe('Incident 7: a title that somebody else chose')
    expect(titled('alert')?.title, 'the first entries had none').toBeUndefined()
  })

  test('leaves bookkeeping out, and shows the reason of who acted below the sentence', () => {
    expect(tellEvent('report.read', told({}))).toMatchObject({ sentence: 'Viewed the report', isBookkeeping: true })
    expect(tellEvent('alert.dismissed', told({ ...dismissal, value: 'false-positive' }))?.reason, 'not twice').toBeUndefined()
    const step = { from: 'eradicated', to: 'recovered', reason: 'Restored from Tuesday.' }
    expect(tellEvent('incident.closed', told({ ...step, from: 'recovered', to: 'closed' }))?.reason).toBe('Restored from Tuesday.')
    expect(tellEvent('incident.recovered', told({ ...step, secureState: 'Clean images', verification: 'Two scans', monitorUntil: '2026-12-03' }))).toEqual({
      sentence: 'Marked the incident recovered; monitored until Dec 3',
      reason: 'Restored from Tuesday.\nKnown secure state: Clean images\nVerified by: Two scans',
      title: undefined,
      detail: undefined,
      isBookkeeping: false,
    })
    expect(tellEvent('note.written', told({ markdown: 'x' }))?.reason).toBeUndefined()
  })

  test('shows moments in UTC or in a zone that it names, with the year when it is another one there', () => {
    expect(when('2026-11-28T23:59:59.999Z', '2026-01-01T00:00:00.000Z')).toBe('Nov 28, 23:59 UTC')
    expect(when('2026-11-28T00:00:00.000Z', '2026-01-01T00:00:00.000Z'), 'not 24:00').toBe('Nov 28, 00:00 UTC')
    expect(when('2027-01-01', '2026-12-31T23:59:59.999Z')).toBe('Jan 1, 2027')
    expect(when('2026-12-31T23:30:00.000Z', '2026-12-31T22:00:00.000Z', 'Europe/Berlin')).toBe('Jan 1, 2027, 00:30 GMT+1')
    expect(when('2026-12-31T23:30:00.000Z', '2026-12-31T23:10:00.000Z', 'Europe/Berlin')).toBe('Jan 1, 00:30 GMT+1')
    expect(span('2026-10-19T07:00:00.000Z', '2026-10-26T08:00:00.000Z', '2026-10-01T00:00:00.000Z', 'Europe/Berlin')).toBe(
      'Mon, Oct 19, 09:00 to Mon, Oct 26, 09:00 (Europe/Berlin)',
    )
    expect([0, 89, 90, 5_340, 5_400].map(duration)).toEqual(['0 s', '89 s', '2 min', '89 min', '2 h'])
  })
})

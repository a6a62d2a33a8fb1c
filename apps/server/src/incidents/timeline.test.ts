import { expect, test } from 'vitest'
import type { EntryOf } from '../journal/index.ts'
import { timelineOf } from './timeline.ts'

const id = '0193b5a0-0000-7000-8000-000000000001'
const about = { kind: 'incident' as const, id }
const base = {
  ...{ id, at: '2026-11-25T10:02:56.342Z', actor: { kind: 'person' as const, id, name: 'Ada' }, version: 1, fault: null },
  ...{ isDemo: false, isExercise: false, isRestricted: false, bodyHash: Buffer.alloc(32), subject: { kind: 'page' as const, id }, within: id },
}

test('the timeline of an incident tells what was done about its pages, and neither bookkeeping nor addresses', () => {
  const sent: EntryOf<'page.sent'> = {
    ...{ ...base, type: 'page.sent' },
    data: { messageId: id, channel: 'sms', person: 'Ben', address: '+4930123456', receipt: 'queued' },
  }
  const resolved: EntryOf<'page.resolved'> = { ...base, type: 'page.resolved', data: { about, mergedInto: null } }
  const repaired: EntryOf<'page.repaired'> = { ...base, type: 'page.repaired', data: { what: 'late', dueAt: null } }
  expect(timelineOf([sent, resolved, repaired])).toEqual([{ id, at: base.at, by: 'Ada', type: 'page.sent', sentence: 'Page sent to Ben by SMS', reason: null }])
  const title = 'Incident 7: 1 customer is not notified after 48 hours'
  const triggered: EntryOf<'page.triggered'> = { ...base, type: 'page.triggered', data: { about, title, teamId: id, severity: 'critical' } }
  const exhausted: EntryOf<'page.exhausted'> = { ...base, type: 'page.exhausted', data: { about, title } }
  const untitled: EntryOf<'page.exhausted'> = { ...base, type: 'page.exhausted', data: { about } }
  expect(timelineOf([triggered, exhausted, untitled]).map(line => line.sentence)).toEqual([
    'Page triggered: 1 customer is not notified after 48 hours',
    'Nobody acknowledged the page: 1 customer is not notified after 48 hours',
    'Nobody acknowledged the page',
  ])
})

import { expect, test } from 'vitest'
import { z } from 'zod'
import { events } from '../registry.ts'
import { ocsfDocument, type StreamedEntry, shortened } from './document.ts'

const Text = z.string().min(1)
const User = z
  .looseObject({ uid: Text.optional(), name: Text.optional() })
  .refine(({ uid, name }) => uid !== undefined || name !== undefined, 'needs a uid or a name')
const Product = z.looseObject({ name: Text, vendor_name: Text, version: Text })
const Endpoint = z
  .looseObject({ ip: Text.optional(), name: Text.optional() })
  .refine(({ ip, name }) => ip !== undefined || name !== undefined, 'needs an ip or a name')
const base = {
  activity_id: z.int().min(1).max(99),
  activity_name: Text,
  category_name: Text,
  class_name: Text,
  category_uid: z.int(),
  type_uid: z.int(),
  severity_id: z.int().min(1).max(5),
  status_id: z.union([z.literal(1), z.literal(2)]),
  time: z.int().min(1_700_000_000_000),
  metadata: z.looseObject({ version: z.literal('1.6.0'), product: Product, uid: z.uuid(), event_code: Text }),
  actor: z.looseObject({ user: User.optional(), app_name: Text.optional() }).refine(({ user, app_name }) => user !== undefined || app_name !== undefined),
}
/** What OCSF 1.6 requires of each class, beside what it requires of all. */
const Document = z
  .discriminatedUnion('class_uid', [
    z.looseObject({ ...base, class_uid: z.literal(1008), log_name: Text }),
    z.looseObject({ ...base, class_uid: z.literal(3001), user: User }),
    z.looseObject({ ...base, class_uid: z.literal(3002), user: User, service: z.looseObject({ name: Text }) }),
    z.looseObject({ ...base, class_uid: z.literal(3004), entity: User }),
    z.looseObject({ ...base, class_uid: z.literal(6002), app: Product }),
    z.looseObject({ ...base, class_uid: z.literal(6003), api: z.looseObject({ operation: Text }), src_endpoint: Endpoint }),
  ])
  .refine(({ category_uid, class_uid }) => category_uid === Math.floor(class_uid / 1_000), 'the category is that of the class')
  .refine(({ type_uid, class_uid, activity_id }) => type_uid === class_uid * 100 + activity_id, 'the type is made of class and activity')

const entry = (type: string, more: Partial<StreamedEntry> = {}): StreamedEntry => ({
  ...{ id: '01900000-0000-7000-8000-000000000001', at: '2026-11-23T08:00:00.000Z', type, data: {}, fault: null },
  ...{ actor: { kind: 'person', id: '01900000-0000-7000-8000-000000000002', name: 'Ada' }, subject: { kind: 'person', id: 'x' } },
  ...{ isDemo: false, isExercise: false, isRestricted: false },
  ...more,
})
const documentOf = (of: StreamedEntry, isOpen = true) => JSON.parse(JSON.stringify(ocsfDocument(of, { version: '1.0.0', isOpen }))) as unknown

test.for(events.map(({ type }) => type))('%s is valid OCSF, also where nothing of it may be told', type => {
  const document = Document.parse(documentOf(entry(type, { data: { canary: 'kumquat' }, calledFrom: { address: '192.0.2.7', device: 'kumquat' } }), false))
  expect(document).toMatchObject({ metadata: { event_code: type }, unmapped: { subject: { kind: 'person', id: 'x' }, is_withheld: true } })
  expect(JSON.stringify(document)).not.toMatch(/kumquat|192\.0\.2\.7/)
  const short = Document.parse(JSON.parse(JSON.stringify(shortened(ocsfDocument(entry(type), { version: '1.0.0', isOpen: false })))))
  expect(short.metadata).toMatchObject({ is_truncated: true })
})

test('what is about the security of Tocsin is told with its sentence, its data and from where', () => {
  const data = {
    area: 'session',
    count: 485,
    firstAt: '2026-11-23T07:59:00.000Z',
    lastAt: '2026-11-23T08:00:00.000Z',
    addresses: ['192.0.2.7'],
    device: 'curl/8',
  }
  const actor = { kind: 'system', id: null, name: 'Somebody' }
  const refused = entry('access.refused', { actor, subject: { kind: 'caller', id: '192.0.2.7' }, data: { ...data, reason: 'too-many' } })
  expect(Document.parse(documentOf(refused))).toMatchObject({
    ...{ class_uid: 6003, activity_id: 99, type_uid: 600_399, status_id: 2, status_detail: 'too-many', severity_id: 2, count: 485 },
    ...{ start_time: Date.parse(data.firstAt), end_time: Date.parse(data.lastAt), api: { operation: 'session' }, actor: { user: { name: 'Somebody' } } },
    ...{ src_endpoint: { ip: '192.0.2.7' }, http_request: { user_agent: 'curl/8' } },
    message: 'Refused 485 times at session: the caller sent more requests than the limit, from 192.0.2.7',
  })
  const signedIn = entry('session.started', { data: { sessionId: '01900000-0000-7000-8000-000000000003', assurance: 'full', ip: '192.0.2.8' } })
  expect(Document.parse(documentOf(signedIn))).toMatchObject({
    class_uid: 3002,
    activity_id: 1,
    status_id: 1,
    user: { uid: 'x' },
    src_endpoint: { ip: '192.0.2.8' },
  })
})

test('what cannot be read, and what this version does not know, is told without what it says', () => {
  for (const odd of [
    entry('session.started', { data: { pear: 'kumquat' }, fault: 'is missing' }),
    entry('fruit.eaten', { data: { pear: 'kumquat' }, fault: 'unknown' }),
  ]) {
    const document = Document.parse(documentOf(odd))
    expect(document).toMatchObject({ metadata: { event_code: odd.type }, unmapped: { is_withheld: true } })
    expect(JSON.stringify(document)).not.toContain('kumquat')
  }
})

import { z } from 'zod'
import { event } from './event.ts'
import { CalendarDays, Count, Id, NoticeStart, NoticeUnit, Role, Severity, TeamKind } from './vocabulary.ts'
import { list } from './words.ts'

const Team = z.strictObject({ name: z.string(), kind: TeamKind, memberIds: z.array(Id) })
const Service = z.strictObject({ name: z.string(), description: z.string(), securityTeamId: Id, engineeringTeamId: Id.nullable(), pageFrom: Severity })
const Customer = z.strictObject({
  name: z.string(),
  region: z.string(),
  terms: z.string(),
  noticeTerm: z.strictObject({ start: NoticeStart, amount: Count, unit: NoticeUnit, calendarId: Id.nullable() }),
  /** `isAlternate`: who gets notices where no other contact is reached. */
  contacts: z.array(z.strictObject({ name: z.string(), email: z.string(), isAlternate: z.boolean().optional() })),
  serviceIds: z.array(Id),
})

/** Version 1 had hours, which ran from the declaration. */
const withTerm = ({ noticeHours, ...customer }: Readonly<Record<string, unknown>>) => ({
  ...customer,
  noticeTerm: { start: 'declared', amount: noticeHours, unit: 'hours', calendarId: null },
})

/** What was changed of a person. */
const PersonChange = z.strictObject({
  /** Not in the first entries. */
  name: z.string().optional(),
  role: Role.optional(),
  isActive: z.boolean().optional(),
  isExecutive: z.boolean().optional(),
  resetSecondFactor: z.boolean().optional(),
  reason: z.string().optional(),
  before: z.strictObject({ role: Role, isActive: z.boolean(), isExecutive: z.boolean().optional() }),
})

function personChanged({ name = 'a person', role, isActive, isExecutive, resetSecondFactor }: z.output<typeof PersonChange>): string {
  const changes = [
    ...(role === undefined ? [] : [`role ${role}`]),
    ...(isActive === undefined ? [] : [isActive ? 'reactivated' : 'deactivated']),
    ...(isExecutive === undefined ? [] : [isExecutive ? 'marked as an executive' : 'no longer marked as an executive']),
    ...(resetSecondFactor ? ['second factor reset'] : []),
  ]
  return changes.length === 0 ? `Changed ${name}` : `Changed ${name}: ${list(changes, '')}`
}

/** People, teams, services, customers, calendars. */
export const directoryEvents = [
  event({
    type: 'person.entered',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ email: z.string(), role: Role }),
    sentence: ({ data }) => `Added ${data.email} as ${data.role}`,
  }),
  event({
    type: 'person.changed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: PersonChange,
    sentence: ({ data }) => personChanged(data),
  }),
  event({ type: 'team.added', version: 1, subject: 'team', within: 'none', data: Team, sentence: ({ data }) => `Added team ${data.name}` }),
  event({
    type: 'team.changed',
    version: 1,
    subject: 'team',
    within: 'none',
    data: z.strictObject({ ...Team.shape, before: Team }),
    sentence: ({ data }) => `Changed team ${data.name}`,
  }),
  event({ type: 'service.added', version: 1, subject: 'service', within: 'none', data: Service, sentence: ({ data }) => `Added service ${data.name}` }),
  event({
    type: 'service.changed',
    version: 1,
    subject: 'service',
    within: 'none',
    data: z.strictObject({ ...Service.shape, before: Service }),
    sentence: ({ data }) => `Changed service ${data.name}`,
  }),
  event({
    type: 'customer.added',
    version: 2,
    subject: 'customer',
    within: 'none',
    data: Customer,
    erasable: ['contacts.*.name', 'contacts.*.email'],
    sentence: ({ data }) => `Added customer ${data.name}`,
    upcasts: [withTerm],
  }),
  event({
    type: 'customer.changed',
    version: 2,
    subject: 'customer',
    within: 'none',
    data: z.strictObject({ ...Customer.shape, before: Customer }),
    erasable: ['contacts.*.name', 'contacts.*.email', 'before.contacts.*.name', 'before.contacts.*.email'],
    sentence: ({ data }) => `Changed customer ${data.name}`,
    upcasts: [({ before, ...data }) => ({ ...withTerm(data), before: withTerm(z.record(z.string(), z.unknown()).parse(before)) })],
  }),
  event({
    type: 'calendar.added',
    version: 1,
    subject: 'calendar',
    within: 'none',
    data: CalendarDays,
    sentence: ({ data }) => `Added calendar ${data.name}`,
  }),
  event({
    type: 'calendar.changed',
    version: 1,
    subject: 'calendar',
    within: 'none',
    data: z.strictObject({ ...CalendarDays.shape, before: CalendarDays }),
    sentence: ({ data }) => `Changed calendar ${data.name}`,
  }),
  event({
    type: 'calendar.removed',
    version: 1,
    subject: 'calendar',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Removed calendar ${data.name}`,
  }),
  event({
    type: 'organization.applied',
    version: 1,
    subject: 'organization',
    within: 'none',
    data: z.strictObject({ added: Count, changed: Count }),
    sentence: ({ data }) => `Applied an organization file: ${data.added} added, ${data.changed} changed`,
  }),
] as const

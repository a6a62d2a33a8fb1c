import { z } from 'zod'
import { event } from './event.ts'
import { Target } from './paging.ts'
import { Count, Id, Instant, Named, Restriction, Severity, Urgency } from './vocabulary.ts'
import { counted, list, when } from './words.ts'

const Merge = z.enum(['top', 'all'])
const Layer = z.strictObject({
  name: z.string(),
  rotation: z.strictObject({ type: z.enum(['hourly', 'daily', 'weekly', 'monthly']), every: Count, start: z.string() }),
  /** In order: one person, several together, or nobody. */
  participants: z.array(z.union([Id, z.array(Id)])),
  beside: z.boolean().optional(),
  advance: z.enum(['handoff', 'shift']).optional(),
  timeZone: z.string().optional(),
  restrictions: z.array(Restriction).optional(),
  starts: z.string().optional(),
  ends: z.string().optional(),
})
const Schedule = z.strictObject({
  teamId: Id,
  name: z.string(),
  timeZone: z.string(),
  merge: Merge,
  layers: z.array(Layer),
  needsApprenticeship: z.boolean(),
})
const Override = z.strictObject({
  id: Id,
  kind: z.enum(['replace', 'add', 'remove', 'shadow', 'temporary']),
  position: Count,
  participantIds: z.array(Id),
  layers: z.array(Layer).nullable(),
  start: Instant,
  end: Instant,
  reason: z.string(),
})
const TeamSettings = z.strictObject({
  timeZone: z.string(),
  tiers: z.array(z.strictObject({ id: Id, name: z.string(), scheduleId: Id, position: Count, hours: z.array(Restriction).optional() })),
  longestDays: z.number().nullable(),
  longestNights: z.number().nullable(),
  fallback: z.array(Target),
  policyId: Id.nullable(),
  routing: z.array(z.strictObject({ serviceIds: z.array(Id), severities: z.array(Severity), policyId: Id, urgency: Urgency.optional() })),
  highFrom: Severity,
  progressMinutes: Count.nullable(),
  holidays: z.array(z.string()),
  traineeShifts: Count,
})
const TimeOff = z.strictObject({ id: Id, start: Instant, end: Instant })

/** Who is on call, and who is to be. */
export const schedulingEvents = [
  event({ type: 'schedule.added', version: 1, subject: 'schedule', within: 'none', data: Schedule, sentence: ({ data }) => `Added schedule ${data.name}` }),
  event({
    type: 'schedule.changed',
    version: 1,
    subject: 'schedule',
    within: 'none',
    data: z.strictObject({ ...Schedule.shape, before: Schedule }),
    sentence: ({ data }) => `Changed schedule ${data.name}`,
  }),
  event({
    type: 'schedule.removed',
    version: 1,
    subject: 'schedule',
    within: 'none',
    data: z.strictObject({ teamId: Id, name: z.string() }),
    sentence: ({ data }) => `Removed schedule ${data.name}`,
  }),
  event({
    type: 'override.added',
    version: 1,
    subject: 'schedule',
    within: 'none',
    data: Override,
    sentence: ({ data, at }) => `Added an override from ${when(data.start, at)} to ${when(data.end, at)}`,
  }),
  event({
    type: 'override.removed',
    version: 1,
    subject: 'schedule',
    within: 'none',
    data: Override,
    sentence: ({ data, at }) => `Removed the override from ${when(data.start, at)} to ${when(data.end, at)}`,
  }),
  event({
    type: 'on-call.set',
    version: 1,
    subject: 'team',
    within: 'none',
    data: z.strictObject({ ...TeamSettings.shape, before: TeamSettings.nullable() }),
    sentence: () => 'Changed the on-call settings of a team',
  }),
  event({
    type: 'on-call.changed',
    version: 1,
    subject: 'schedule',
    within: 'none',
    data: z.strictObject({ teamId: Id, schedule: z.string(), position: Count, start: Instant, people: z.array(Named), shadows: z.array(Named) }),
    sentence: ({ data }) =>
      `On call for ${data.schedule}: ${list(
        data.people.map(person => person.name),
        'nobody',
      )}`,
  }),
  event({
    type: 'coverage.alarmed',
    version: 1,
    subject: 'team',
    within: 'none',
    data: z.strictObject({ concerns: Count, vacancies: Count, first: Instant.nullable() }),
    sentence: ({ data }) =>
      `Reported ${counted(data.concerns, 'coverage problem')}${data.vacancies === 0 ? '' : ` and ${counted(data.vacancies, 'vacancy', 'vacancies')}`}`,
  }),
  event({
    type: 'time-off.added',
    version: 1,
    subject: 'person',
    within: 'none',
    data: TimeOff,
    sentence: ({ data, at }) => `Added time off from ${when(data.start, at)} to ${when(data.end, at)}`,
  }),
  event({
    type: 'time-off.removed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: TimeOff,
    sentence: ({ data, at }) => `Removed the time off from ${when(data.start, at)} to ${when(data.end, at)}`,
  }),
  event({
    type: 'apprenticeship.begun',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ teamId: Id }),
    sentence: () => 'Started on-call training',
  }),
  event({
    type: 'apprenticeship.finished',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ teamId: Id }),
    sentence: () => 'Finished on-call training',
  }),
  event({
    type: 'handoff-note.written',
    version: 1,
    subject: 'team',
    within: 'none',
    data: z.strictObject({ id: Id }),
    sentence: () => 'Wrote a handoff note',
  }),
  event({
    type: 'calendar-feed.made',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ scheduleId: Id.nullable() }),
    sentence: () => 'Created a calendar feed',
  }),
  event({
    type: 'calendar-feed.revoked',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ scheduleId: Id.nullable() }),
    sentence: () => 'Revoked a calendar feed',
  }),
] as const

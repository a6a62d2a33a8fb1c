import { night } from '@tocsin/oncall/vocabulary'
import { z } from 'zod'
import { At, Day, Id, IdParams, Instant, Line, PageQuery, pageOf, Reference, SameTeamId, Severity, Text, UpdatedQuery, Version } from './common.ts'
import { EscalationLevelInput, PageTarget } from './policies.ts'
import { atLeast, open, route } from './route.ts'
import { OverrideInput, RestrictionShape, RotationShape, ScheduleInput, TemporaryInput, TimeZone, Urgency } from './schedules.ts'

/** Who is on call from `start` until `end`; nobody: a gap. */
export const OnCallShift = z.object({ start: At, end: At, people: z.array(Reference), shadows: z.array(Reference) }).meta({ id: 'OnCallShift' })
export type OnCallShift = z.output<typeof OnCallShift>

const Stored = { id: Id, createdBy: z.string(), createdAt: At }
export const Override = OverrideInput.safeExtend({ ...Stored, start: At, end: At, reason: z.string() }).meta({ id: 'Override' })
export type Override = z.output<typeof Override>
export const Temporary = TemporaryInput.safeExtend({ ...Stored, start: At, end: At, reason: z.string() }).meta({ id: 'TemporarySchedule' })
export type Temporary = z.output<typeof Temporary>

export const Schedule = ScheduleInput.extend({ id: Id, teamId: Id, version: Version }).meta({ id: 'Schedule' })
export type Schedule = z.output<typeof Schedule>

const tierShape = {
  name: Line(40).describe('Name, such as primary, secondary or tertiary'),
  scheduleId: Id,
  position: z.number().int().min(0).max(9).default(0).describe('Position in the rotation of the schedule: 0 is who is on call, 1 who comes next'),
  hours: z.array(RestrictionShape).max(50).optional().describe('Hours to cover; always if empty'),
}
const Tier = z.object({ id: Id, ...tierShape })
const TierInput = z.object({ id: Id.optional().describe('ID of an existing tier; omit it for a new tier'), ...tierShape })

/** Which policy a page uses: the first matching rule decides. */
const RoutingRule = z.object({
  serviceIds: z.array(Id).max(200).default([]).describe('Matching services; any if empty'),
  severities: z.array(Severity).max(5).default([]).describe('Matching severities; any if empty'),
  policyId: Id,
  urgency: Urgency.optional().describe('Overrides the urgency derived from the severity'),
})

/** A team's coverage requirements and escalation rules. */
export const TeamOnCallInput = z.object({
  timeZone: TimeZone.describe('Time zone of the tier hours'),
  tiers: z.array(TierInput).max(10).describe('In order: primary, secondary, tertiary'),
  longestDays: z.number().min(1).max(365).nullable().default(null).describe('Maximum days on one tier without a break'),
  longestNights: z.number().int().min(1).max(365).nullable().default(null).describe('Maximum consecutive nights'),
  fallback: z.array(PageTarget).max(10).default([]).describe('Fallback targets if nobody is on call; after them, administrators are paged'),
  policyId: Id.nullable().default(null).describe('Default policy if no routing rule matches; if null, everyone in the team is paged'),
  routing: z.array(RoutingRule).max(50).default([]),
  highFrom: Severity.default('high').describe('Pages of this severity or above are high-urgency'),
  progressMinutes: z
    .number()
    .int()
    .min(5, 'must be at least 5 minutes')
    .max(1_440)
    .nullable()
    .default(null)
    .describe('Minutes without progress after which an acknowledged page escalates again'),
  holidays: z.array(Day).max(400).default([]).describe('Public holidays of the team, counted in fairness statistics'),
  traineeShifts: z.number().int().min(0).max(100).default(3).describe('Number of shifts a trainee shadows before they can complete training'),
})

/** Settings as they are stored: every tier has its id. */
export const TeamOnCallSettings = TeamOnCallInput.extend({ tiers: z.array(Tier) })
export type TeamOnCallSettings = z.output<typeof TeamOnCallSettings>
/** The settings of a team that has set nothing: the defaults of the schema, which is not needed to know them. */
export const teamOnCallDefaults: TeamOnCallSettings = {
  timeZone: 'UTC',
  tiers: [],
  longestDays: null,
  longestNights: null,
  fallback: [],
  policyId: null,
  routing: [],
  highFrom: 'high',
  progressMinutes: null,
  holidays: [],
  traineeShifts: 3,
}

/** Setting up names the tiers that it makes by their number. */
const SetUpTarget = z.union([z.object({ kind: z.literal('tier'), tier: z.number().int().min(0).max(2).describe('0 is the first tier') }), PageTarget])
export type SetUpTarget = z.output<typeof SetUpTarget>

export const concernKinds = ['gap', 'double', 'stretch', 'nights', 'unreachable'] as const
export const Concern = z
  .object({
    kind: z.enum(concernKinds),
    start: At,
    end: At,
    tier: z.string(),
    person: Reference.nullable(),
    sentence: z.string().describe('Description of the problem'),
  })
  .meta({ id: 'CoverageConcern' })
export type Concern = z.output<typeof Concern>

/** A tier and who is on call for it now. */
const CurrentShift = z.object({
  tier: z.string(),
  schedule: Reference,
  people: z.array(Reference),
  shadows: z.array(Reference),
  until: At.nullable().describe('Next handoff, if within two weeks'),
})

export const TeamOnCall = z
  .object({
    team: Reference,
    teamKind: z.enum(['security', 'engineering']),
    settings: TeamOnCallInput.extend({ tiers: z.array(Tier), version: Version }).nullable(),
    schedules: z.array(Schedule),
    current: z.array(CurrentShift).describe('Who is on call now, by tier'),
    concerns: z.array(Concern).describe('Coverage problems in the next 90 days'),
    vacancies: z
      .array(z.object({ schedule: Reference, layer: z.string(), person: Reference, sentence: z.string().describe('Description of the problem') }))
      .describe('Rotation slots of people who have left, or are observers now'),
  })
  .meta({ id: 'TeamOnCall' })
export type TeamOnCall = z.output<typeof TeamOnCall>

export const TimeOff = z
  .object({
    id: Id,
    person: Reference,
    start: At,
    end: At,
    reason: z.string(),
    uncovered: z.array(z.object({ team: Reference, schedule: Reference, start: At, end: At })),
  })
  .meta({ id: 'TimeOff' })
export type TimeOff = z.output<typeof TimeOff>

export const TeamCalendar = z
  .object({
    team: Reference,
    schedules: z.array(
      z.object({
        schedule: Schedule,
        layers: z.array(z.object({ name: z.string(), shifts: z.array(OnCallShift) })).describe('Shifts of each layer, lowest first'),
        final: z.array(z.object({ position: z.number(), shifts: z.array(OnCallShift) })).describe('Final shifts for each position used by a tier'),
        overrides: z.array(Override),
        temporaries: z.array(Temporary),
      }),
    ),
    concerns: z.array(Concern),
    timeOff: z.array(TimeOff),
    people: z.array(Reference).describe('Everyone on the schedule'),
  })
  .meta({ id: 'TeamCalendar' })
export type TeamCalendar = z.output<typeof TeamCalendar>

const Period = z.object({ from: Instant, until: Instant })

export const MyShift = z.object({ team: Reference, schedule: Reference, tier: z.string(), start: At, end: At, isShadow: z.boolean() }).meta({ id: 'MyShift' })

export const CoverageEntry = z
  .object({ schedule: Reference, position: z.number(), start: At, end: At.nullable(), people: z.array(Reference), shadows: z.array(Reference), entryId: Id })
  .meta({ id: 'CoverageEntry' })

const Share = z.object({
  person: Reference,
  hours: z.number(),
  nightHours: z.number(),
  weekendHours: z.number(),
  holidayHours: z.number(),
  pages: z.number().describe('Pages received'),
  nightPages: z.number().describe(`Pages received between ${night.from} and ${night.until} in the team’s time zone`),
})

export const Apprenticeship = z
  .object({ person: Reference, watched: z.number(), needed: z.number(), startedAt: At, finishedAt: At.nullable(), finishedBy: z.string().nullable() })
  .meta({ id: 'Apprenticeship' })

export const HandoffNote = z.object({ id: Id, text: z.string(), writtenBy: z.string(), writtenAt: At }).meta({ id: 'HandoffNote' })
export type HandoffNote = z.output<typeof HandoffNote>

const reason = z.string().trim().max(500).default('')

export const schedulingRoutes = {
  onCall: route({
    method: 'GET',
    path: '/api/v1/on-call',
    summary: 'List teams with who is on call now, coverage requirements and coverage problems',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(TeamOnCall),
  }),
  setUpOnCall: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/on-call/set-up',
    summary: 'Set up on-call for a new team: one rotation, its tiers and one policy',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: z.object({
      timeZone: TimeZone,
      rotation: RotationShape,
      participantIds: z.array(Id).min(1, 'must have at least one person').max(100),
      tiers: z.number().int().min(1).max(3).default(2).describe('1: primary; 2: primary and secondary; 3: primary, secondary and tertiary'),
      levels: z
        .array(EscalationLevelInput.omit({ id: true }).extend({ targets: z.array(SetUpTarget).max(20) }))
        .min(1, 'must have at least one level')
        .max(20),
      repeats: z.number().int().min(0).max(9).default(2),
    }),
    reply: TeamOnCall,
    status: 201,
  }),
  saveTeamOnCall: route({
    method: 'PUT',
    path: '/api/v1/teams/{id}/on-call',
    summary: 'Set the coverage requirements, fallback and routing rules of a team',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: TeamOnCallInput.extend({ version: Version.optional() }),
    reply: TeamOnCall,
  }),
  calendar: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/on-call/calendar',
    summary: 'Get the layers, overrides, shifts and gaps of a team for up to 100 days',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    query: Period,
    reply: TeamCalendar,
  }),
  saveSchedule: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/schedules',
    summary: 'Create a schedule for a team, or update it if id and version are given; affected people are notified',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: ScheduleInput.extend({ id: Id.optional(), teamId: SameTeamId, version: Version.optional() }),
    reply: Schedule,
  }),
  removeSchedule: route({
    method: 'DELETE',
    path: '/api/v1/schedules/{id}',
    summary: 'Delete a schedule that no tier or policy uses',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
  addOverride: route({
    method: 'POST',
    path: '/api/v1/schedules/{id}/overrides',
    summary: 'Create an override: take, swap or cover a shift, or add a shadow. Responders can give away their own shifts and take those of others',
    access: atLeast('responder', 'catalog:write'),
    params: IdParams,
    body: OverrideInput.safeExtend({ reason }),
    reply: Override,
    status: 201,
  }),
  removeOverride: route({
    method: 'DELETE',
    path: '/api/v1/overrides/{id}',
    summary: 'End an override or a temporary schedule from now on; past shifts are unchanged',
    access: atLeast('responder', 'catalog:write'),
    params: IdParams,
  }),
  addTemporary: route({
    method: 'POST',
    path: '/api/v1/schedules/{id}/temporaries',
    summary: 'Temporarily replace the layers of a schedule, for example over holidays',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: TemporaryInput.safeExtend({ reason }),
    reply: Temporary,
    status: 201,
  }),
  timeOff: route({
    method: 'GET',
    path: '/api/v1/time-off',
    summary: 'List current and upcoming time off, with uncovered shifts',
    access: atLeast('observer', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(TimeOff),
  }),
  addTimeOff: route({
    method: 'POST',
    path: '/api/v1/time-off',
    summary: 'Add time off; the other people in the rotations are asked to cover. A lead can add it for somebody else',
    access: atLeast('responder', 'catalog:write'),
    body: z
      .object({ personId: Id.optional(), start: Instant, end: Instant, reason })
      .refine(({ start, end }) => start < end, { path: ['end'], message: 'must be later than start' }),
    reply: TimeOff,
    status: 201,
  }),
  removeTimeOff: route({
    method: 'DELETE',
    path: '/api/v1/time-off/{id}',
    summary: 'Delete time off',
    access: atLeast('responder', 'catalog:write'),
    params: IdParams,
  }),
  myShifts: route({
    method: 'GET',
    path: '/api/v1/me/shifts',
    summary: 'List your shifts in the next 90 days',
    access: atLeast('observer'),
    reply: z.array(MyShift),
  }),
  pastCoverage: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/on-call/record',
    summary: 'List who was on call in a period, as recorded in the audit log',
    access: atLeast('observer', 'journal:read'),
    params: IdParams,
    query: Period,
    reply: z.array(CoverageEntry),
  }),
  fairness: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/on-call/fairness',
    summary: 'Get hours, nights, weekends, holidays and pages per person for up to 400 days',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    query: Period.extend({
      holidays: z.string().max(2_000).default('').describe('Public holidays instead of those of the team, comma-separated: 2026-12-25,2026-12-26'),
    }),
    reply: z.array(Share),
  }),
  apprenticeships: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/apprenticeships',
    summary: 'List the trainees of a team, the shifts they shadowed, and who has completed training',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    reply: z.array(Apprenticeship),
  }),
  saveApprenticeship: route({
    method: 'PUT',
    path: '/api/v1/teams/{id}/apprenticeships/{personId}',
    summary: 'Start or complete somebody’s training in a team',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams.extend({ personId: Id }),
    body: z.object({ isFinished: z.boolean() }),
    reply: z.array(Apprenticeship),
  }),
  handoffNotes: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/handoff-notes',
    summary: 'List the latest handoff notes of a team',
    access: atLeast('responder', 'incidents:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(HandoffNote),
  }),
  writeHandoffNote: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/handoff-notes',
    summary: 'Add a handoff note; sent with the open incidents to the next person on call when their shift starts',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ text: Text(5_000) }),
    reply: HandoffNote,
    status: 201,
  }),
  makeFeed: route({
    method: 'POST',
    path: '/api/v1/calendar-feeds',
    summary: 'Create a calendar feed (iCalendar) with a secret URL for your shifts or a schedule; replaces your earlier feed',
    access: atLeast('observer'),
    body: z.object({ scheduleId: Id.nullable().default(null).describe('Null for your own shifts in all teams') }),
    reply: z.object({ url: z.string() }),
    status: 201,
  }),
  calendarFeeds: route({
    method: 'GET',
    path: '/api/v1/calendar-feeds',
    summary: 'List your calendar feeds, without their secret URLs',
    access: atLeast('observer'),
    reply: z.array(z.object({ id: Id, scheduleId: Id.nullable().describe('Null for your own shifts in all teams'), createdAt: At })),
  }),
  revokeFeed: route({
    method: 'DELETE',
    path: '/api/v1/calendar-feeds/{id}',
    summary: 'Revoke the secret URL of one of your calendar feeds',
    access: atLeast('observer'),
    params: IdParams,
  }),
  feed: route({
    method: 'GET',
    path: '/feeds/{token}',
    summary: 'Get a calendar feed by its secret URL',
    access: open('requires the secret token in the URL'),
    params: z.object({ token: z.string().max(100) }),
    produces: 'text/calendar',
    perMinute: 60,
  }),
}

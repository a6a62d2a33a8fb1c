import { z } from 'zod'
import { At, Day, Id, IdParams, Instant, Line, PageQuery, pageOf, Reference, Severity, Version } from './common.ts'
import { EscalationLevel, PageTarget } from './policies.ts'
import { atLeast, open, route } from './route.ts'
import { OverrideInput, RestrictionShape, RotationShape, ScheduleInput, TemporaryInput, TimeZone } from './schedules.ts'

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
  name: Line(40).describe('What the team calls it: primary, secondary, tertiary'),
  scheduleId: Id,
  position: z.number().int().min(0).max(9).default(0).describe('Position in the rotation of the schedule: 0 is who is on call, 1 who comes next'),
  hours: z.array(RestrictionShape).max(50).optional().describe('When it must be covered; always where there are none'),
}
const Tier = z.object({ id: Id, ...tierShape })
const TierInput = z.object({ id: Id.optional().describe('Of a tier that the team has already; a new one is given an id'), ...tierShape })

/** Which pages climb which policy: the first rule that fits decides. */
const RoutingRule = z.object({
  serviceIds: z.array(Id).max(200).default([]).describe('For these services; any where there are none'),
  severities: z.array(Severity).max(5).default([]).describe('For these severities; any where there are none'),
  policyId: Id,
  urgency: z.enum(['high', 'low']).optional().describe('Says the urgency, whatever the severity'),
})

/** What a team promises and how its pages climb. */
export const TeamOnCallInput = z.object({
  timeZone: TimeZone.describe('Where the clock of its promised hours hangs'),
  tiers: z.array(TierInput).max(10).describe('In order: who is paged first, who comes next'),
  longestDays: z.number().min(1).max(365).nullable().default(null).describe('Nobody should hold one depth longer without a break'),
  longestNights: z.number().int().min(1).max(365).nullable().default(null).describe('Nobody should hold more nights one after the other'),
  fallback: z.array(PageTarget).max(10).default([]).describe('Whom to page where a page would reach nobody; the administrators come after them'),
  policyId: Id.nullable().default(null).describe('The policy of pages that no rule fits; without it everyone in the team is paged'),
  routing: z.array(RoutingRule).max(50).default([]),
  highFrom: Severity.default('high').describe('Pages of this severity or above have high urgency'),
  progressMinutes: z
    .number()
    .int()
    .min(5, 'must be at least 5')
    .max(1_440)
    .nullable()
    .default(null)
    .describe('An acknowledged page about which nothing happens for so long is paged again'),
  holidays: z.array(Day).max(400).default([]).describe('Days off where the team works, counted in its fairness'),
  traineeShifts: z.number().int().min(0).max(100).default(3).describe('Shifts that a new responder watches before somebody may let them stand alone'),
})

/** Settings as they are stored: every tier has its id. */
export const TeamOnCallSettings = TeamOnCallInput.extend({ tiers: z.array(Tier) })
export type TeamOnCallSettings = z.output<typeof TeamOnCallSettings>

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
    sentence: z.string().describe('What is wrong, in words'),
  })
  .meta({ id: 'CoverageConcern' })
export type Concern = z.output<typeof Concern>

/** One depth that a team promises, and who holds it now. */
const CurrentShift = z.object({
  tier: z.string(),
  schedule: Reference,
  people: z.array(Reference),
  shadows: z.array(Reference),
  until: At.nullable().describe('When it changes next, within two weeks'),
})

export const TeamOnCall = z
  .object({
    team: Reference,
    teamKind: z.enum(['security', 'engineering']),
    settings: TeamOnCallInput.extend({ tiers: z.array(Tier), version: Version }).nullable(),
    schedules: z.array(Schedule),
    current: z.array(CurrentShift).describe('Depth by depth, who is on call now'),
    concerns: z.array(Concern).describe('What is wrong with the coverage of the next 90 days'),
    vacancies: z.array(z.object({ schedule: Reference, layer: z.string(), person: Reference })).describe('Places of people who have left, to be filled'),
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
        layers: z.array(z.object({ name: z.string(), shifts: z.array(OnCallShift) })).describe('Each layer alone, the lowest first'),
        final: z.array(z.object({ position: z.number(), shifts: z.array(OnCallShift) })).describe('What counts in the end, for each turn that is promised'),
        overrides: z.array(Override),
        temporaries: z.array(Temporary),
      }),
    ),
    concerns: z.array(Concern),
    timeOff: z.array(TimeOff),
    people: z.array(Reference).describe('Everybody who stands in it'),
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
  pages: z.number().describe('Pages that went to them'),
  nightPages: z.number().describe('Of those, between 22:00 and 06:00 on the clock of the team'),
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
    summary: 'Each team: who is on call now, what it promises, and what is wrong with its coverage',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(TeamOnCall),
  }),
  setUpOnCall: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/on-call/set-up',
    summary: 'Set up on call for a team that has nothing yet: one rotation, its depths, one policy',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: z.object({
      timeZone: TimeZone,
      rotation: RotationShape,
      participantIds: z.array(Id).min(1, 'name at least one person').max(100),
      tiers: z.number().int().min(1).max(3).default(2).describe('1: primary; 2: and secondary; 3: and tertiary'),
      levels: z
        .array(EscalationLevel.extend({ targets: z.array(SetUpTarget).max(20) }))
        .min(1, 'name at least one level')
        .max(20),
      repeats: z.number().int().min(0).max(9).default(2),
    }),
    reply: TeamOnCall,
    status: 201,
  }),
  saveTeamOnCall: route({
    method: 'PUT',
    path: '/api/v1/teams/{id}/on-call',
    summary: 'What a team promises, whom to page where nobody would be reached, and which pages climb which policy',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: TeamOnCallInput.extend({ version: Version.optional() }),
    reply: TeamOnCall,
  }),
  calendar: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/on-call/calendar',
    summary: 'The layers, overrides, shifts and gaps of a team over a period of at most a hundred days',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    query: Period,
    reply: TeamCalendar,
  }),
  saveSchedule: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/schedules',
    summary: 'Add a schedule to a team, or change the one whose id and version are given; who is affected is told',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: ScheduleInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Schedule,
  }),
  removeSchedule: route({
    method: 'DELETE',
    path: '/api/v1/schedules/{id}',
    summary: 'Remove a schedule that no team promises and no policy pages',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
  addOverride: route({
    method: 'POST',
    path: '/api/v1/schedules/{id}/overrides',
    summary: 'Take a shift, swap it, cover a part of it, or let somebody watch. A responder may give their own shifts away and take others’',
    access: atLeast('responder', 'catalog:write'),
    params: IdParams,
    body: OverrideInput.safeExtend({ reason }),
    reply: Override,
    status: 201,
  }),
  removeOverride: route({
    method: 'DELETE',
    path: '/api/v1/overrides/{id}',
    summary: 'Take an override or a temporary schedule back, from now on: what has been stays as it was',
    access: atLeast('responder', 'catalog:write'),
    params: IdParams,
  }),
  addTemporary: route({
    method: 'POST',
    path: '/api/v1/schedules/{id}/temporaries',
    summary: 'Let other layers stand instead of those of a schedule for a time, such as a week of holidays',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: TemporaryInput.safeExtend({ reason }),
    reply: Temporary,
    status: 201,
  }),
  timeOff: route({
    method: 'GET',
    path: '/api/v1/time-off',
    summary: 'Who is away now or later, and which of their shifts nobody covers yet',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(TimeOff),
  }),
  addTimeOff: route({
    method: 'POST',
    path: '/api/v1/time-off',
    summary: 'Take time off; the others of the rotations are asked to cover. A lead may enter it for somebody else',
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
    summary: 'Take time off back',
    access: atLeast('responder', 'catalog:write'),
    params: IdParams,
  }),
  myShifts: route({
    method: 'GET',
    path: '/api/v1/me/shifts',
    summary: 'The shifts of the signed-in person in the next 90 days',
    access: atLeast('observer'),
    reply: z.array(MyShift),
  }),
  pastCoverage: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/on-call/record',
    summary: 'Who was on call in a period, as it was written down when it happened, each with its entry of the journal',
    access: atLeast('observer', 'journal:read'),
    params: IdParams,
    query: Period,
    reply: z.array(CoverageEntry),
  }),
  fairness: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/on-call/fairness',
    summary: 'Hours, nights, weekends, holidays and pages of each person in a period of at most 400 days',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    query: Period.extend({
      holidays: z.string().max(2_000).default('').describe('Days off instead of those of the team, with commas between them: 2026-12-25,2026-12-26'),
    }),
    reply: z.array(Share),
  }),
  apprenticeships: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/apprenticeships',
    summary: 'Who learns in a team, how many shifts they watched, and who has finished',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    reply: z.array(Apprenticeship),
  }),
  saveApprenticeship: route({
    method: 'PUT',
    path: '/api/v1/teams/{id}/apprenticeships/{personId}',
    summary: 'Take somebody on as an apprentice of a team, or say that they have finished, and stand alone from now on',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams.extend({ personId: Id }),
    body: z.object({ isFinished: z.boolean() }),
    reply: z.array(Apprenticeship),
  }),
  handoffNotes: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/handoff-notes',
    summary: 'The latest handoff notes of a team',
    access: atLeast('responder', 'incidents:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(HandoffNote),
  }),
  writeHandoffNote: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/handoff-notes',
    summary: 'Write to whoever comes on call next: they are sent it with the open incidents when their shift begins',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ text: z.string().trim().min(1, 'must not be empty').max(5_000) }),
    reply: HandoffNote,
    status: 201,
  }),
  makeFeed: route({
    method: 'POST',
    path: '/api/v1/calendar-feeds',
    summary: 'Make the secret address of a calendar feed (iCalendar) of your own shifts or of a schedule; an earlier one of yours for the same stops working',
    access: atLeast('observer'),
    body: z.object({ scheduleId: Id.nullable().default(null).describe('Null: your own shifts, in all teams') }),
    reply: z.object({ url: z.string() }),
    status: 201,
  }),
  feed: route({
    method: 'GET',
    path: '/feeds/{token}',
    summary: 'A calendar feed, for who has its secret address',
    access: open('needs the secret token in the address'),
    params: z.object({ token: z.string().max(100) }),
    produces: 'text/calendar',
    perMinute: 60,
  }),
}

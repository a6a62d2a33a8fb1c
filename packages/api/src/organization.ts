import { z } from 'zod'
import { Day, Email, Line, Severity } from './common.ts'
import { atLeast, roles, route } from './route.ts'
import { RestrictionShape, ScheduleShape, TimeZone, Urgency, ZonedHours } from './schedules.ts'

/** The name of something that is there, or stands elsewhere in the file; what gets a name here gets one no longer than anywhere else. */
const Name = Line()
const Position = z.number().int().min(0).max(9)

/** Whom a level pages, by name: `{ tier: primary }`, `{ person: ada@example.org }`, `{ everyone: true }`. */
export const TargetShape = z.union(
  [
    z.strictObject({ tier: Name.describe('Name of a tier of the team') }),
    z.strictObject({ schedule: Name, position: Position.optional() }),
    z.strictObject({ person: Email }),
    z.strictObject({ team: Name }),
    z.strictObject({ everyone: z.literal(true) }),
    z.strictObject({ channel: Name.describe('Name of a team channel; its address is a secret and is configured in the web app') }),
  ],
  'must be one of tier, schedule, person, team, everyone, channel',
)
export type TargetShape = z.output<typeof TargetShape>

export const PolicyShape = z
  .strictObject({
    team: Name,
    name: Line(80),
    levels: z
      .array(
        z.strictObject({
          targets: z.array(TargetShape).max(20),
          waitMinutes: z.number().int().min(0).max(1_440),
          acknowledgements: z.number().int().min(1).max(10).optional(),
          when: ZonedHours.optional(),
          urgency: Urgency.optional(),
          whenEmpty: z.enum(['fallback', 'skip', 'wait']).optional(),
        }),
      )
      .min(1, 'must have at least one level')
      .max(20),
    repeats: z.number().int().min(0).max(9).default(2),
    businessHours: ZonedHours.optional(),
  })
  .meta({ id: 'PolicyFileEntry' })

/** A team: its people, coverage requirements and escalation. What a file does not name stays unchanged. */
export const TeamShape = z
  .strictObject({
    name: Line(80),
    kind: z.enum(['security', 'engineering']).optional(),
    members: z.array(Email).max(500).optional(),
    timeZone: TimeZone.optional().describe('Time zone of the tier hours'),
    tiers: z
      .array(
        z.strictObject({
          name: Line(40),
          schedule: Name,
          position: Position.optional().describe('Position in the rotation of the schedule: 0 is who is on call, 1 who comes next'),
          hours: z.array(RestrictionShape).max(50).optional().describe('Hours to cover; always if empty'),
        }),
      )
      .max(10)
      .optional()
      .describe('In order: primary, secondary, tertiary'),
    longestDays: z.number().min(1, 'must be at least 1').max(365).optional().describe('Maximum days on one tier without a break'),
    longestNights: z.number().int().min(1, 'must be at least 1').max(365).optional().describe('Maximum consecutive nights'),
    holidays: z.array(Day).max(400).optional().describe('Public holidays of the team, counted in fairness statistics'),
    fallback: z.array(TargetShape).max(10).optional(),
    policy: Name.optional().describe('Default policy, if no `routing` rule matches'),
    routing: z
      .array(
        z.strictObject({
          services: z.array(Name).max(200).optional(),
          severities: z.array(Severity).max(5).optional(),
          policy: Name,
          urgency: Urgency.optional(),
        }),
      )
      .max(50)
      .optional(),
    highFrom: Severity.optional(),
    progressMinutes: z.number().int().min(5).max(1_440).optional(),
    traineeShifts: z.number().int().min(0).max(100).optional(),
  })
  .meta({ id: 'TeamFileEntry' })

/** What items are told by: people by their address, the rest by its name, schedules and policies within their team. */
const nameOf = (item: { readonly name: string; readonly email?: string; readonly team?: string | undefined }) =>
  item.email ?? (item.team === undefined ? item.name : `${item.team} / ${item.name}`)
type Items = Parameters<typeof nameOf>[0]
export const organizationKinds = ['people', 'teams', 'schedules', 'policies', 'services'] as const
type Kind = (typeof organizationKinds)[number]

/** Items of one kind with one name: which of them would count is not said, so files with such are refused. `first` is the place of the first with that name. */
export function repeatedNames(organization: Readonly<Record<Kind, readonly Items[]>>): { kind: Kind; name: string; index: number; first: number }[] {
  return organizationKinds.flatMap(kind => {
    const places = new Map<string, number>()
    return organization[kind].flatMap((item, index) => {
      const name = nameOf(item)
      const first = places.get(name)
      if (first !== undefined) return [{ kind, name, index, first }]
      places.set(name, index)
      return []
    })
  })
}

/** An organization on call, as YAML kept in git. Everything is named: people by email address, the rest by its name. */
export const OrganizationFile = z
  .strictObject({
    people: z
      .array(z.strictObject({ email: Email, name: Line(100), role: z.enum(roles).default('responder') }))
      .max(10_000)
      .default([]),
    teams: z.array(TeamShape).max(1_000).default([]),
    schedules: z.array(ScheduleShape).max(1_000).default([]),
    policies: z.array(PolicyShape).max(1_000).default([]),
    services: z
      .array(
        z.strictObject({
          name: Line(80),
          description: z.string().trim().max(2_000).default(''),
          securityTeam: Name,
          engineeringTeam: Name.optional(),
          pageFrom: Severity.default('high'),
        }),
      )
      .max(5_000)
      .default([]),
  })
  .superRefine((organization, context) => {
    for (const { kind, name, index, first } of repeatedNames(organization))
      context.addIssue({
        code: 'custom',
        path: [kind, index, kind === 'people' ? 'email' : 'name'],
        message: `must be unique. ${kind}.${first} is ${name}, too`,
      })
  })
  .meta({ id: 'OrganizationFile' })
export type OrganizationFile = z.output<typeof OrganizationFile>

export const PlanLine = z.object({
  action: z.enum(['add', 'change', 'keep']),
  kind: z.enum(['person', 'team', 'schedule', 'policy', 'service']),
  name: z.string(),
  changes: z.array(z.string()).describe('Changes by field'),
  warning: z.string().optional().describe('What to know about it, such as that a person is deactivated'),
})
export type PlanLine = z.output<typeof PlanLine>

export const organizationRoutes = {
  exportOrganization: route({
    method: 'GET',
    path: '/api/v1/organization',
    summary: 'Export teams, people, schedules, policies, services and routing in the format of `npx tocsin apply`',
    access: atLeast('lead', 'catalog:read'),
    reply: OrganizationFile,
  }),
  applyOrganization: route({
    method: 'POST',
    path: '/api/v1/organization/apply',
    summary:
      'Apply teams, people, schedules, policies and services in one transaction; anything not listed is unchanged. With isPlanOnly, only returns the changes',
    access: atLeast('administrator', 'catalog:write'),
    needsRecentFactor: true,
    body: z.object({ organization: OrganizationFile, isPlanOnly: z.boolean().default(false) }),
    reply: z.array(PlanLine),
    perMinute: 30,
  }),
}

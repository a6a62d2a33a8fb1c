import { z } from 'zod'

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const isZone = (zone: string) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

export const TimeZone = z.string().max(60).refine(isZone, 'must be a time zone such as Europe/Berlin')
const Name = z.string().trim().min(1, 'must not be empty').max(200)
const WallTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d$/, 'must be a time on the wall clock such as 2026-03-23T09:00')
  .refine(text => new Date(`${text}Z`).toJSON()?.startsWith(text) === true, 'must be a day that there is')
const Clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 09:00')
const When = z.iso.datetime({ offset: true, message: 'must be an instant such as 2026-03-23T09:00:00+01:00' }).transform(text => new Date(text).toISOString())
const Who = z.array(Name).max(200)

export const RotationShape = z.strictObject({
  type: z.enum(['hourly', 'daily', 'weekly', 'monthly']),
  every: z.number().int().min(1, 'must be at least 1').max(1_000).default(1).describe('So many hours, days, weeks or months a turn'),
  start: WallTime.describe('The first handoff, on the wall clock; the first participant starts there'),
})

export const RestrictionShape = z.strictObject({
  days: z.array(z.enum(weekdays)).min(1, 'must name a day').optional().describe('Days on which the hours begin; all where there are none'),
  from: Clock,
  until: z.union([Clock, z.literal('24:00')]).describe('Earlier than `from`: over midnight; the same: a whole day'),
})

export const LayerShape = z.strictObject({
  name: Name,
  rotation: RotationShape,
  participants: Who.describe('In the order of their turns'),
  timeZone: TimeZone.optional().describe("Where its clock hangs, if that is not the schedule's"),
  restrictions: z.array(RestrictionShape).max(50).optional(),
  starts: When.optional(),
  ends: When.optional(),
})

export const OverrideShape = z
  .strictObject({ kind: z.enum(['replace', 'add', 'remove']).default('replace'), participants: Who, start: When, end: When })
  .refine(({ start, end }) => start < end, { path: ['end'], message: 'must be later than start' })

/** A schedule as it stands in a file. */
export const ScheduleShape = z
  .strictObject({
    name: Name,
    timeZone: TimeZone,
    merge: z.enum(['top', 'all']).default('top').describe('Where several layers are active: the highest counts, or all'),
    layers: z.array(LayerShape).max(50).describe('The lowest first'),
    overrides: z.array(OverrideShape).max(5_000).default([]),
  })
  .meta({ id: 'Schedule' })

/** What a team promises: who answers first, who stands behind. */
export const CoverageShape = z
  .strictObject({
    name: Name,
    timeZone: TimeZone.describe('Where the clock of its hours hangs'),
    promises: z
      .array(
        z.strictObject({
          depth: Name,
          schedule: Name,
          hours: z.array(RestrictionShape).max(50).optional().describe('When it is promised; always where there are none'),
        }),
      )
      .max(10)
      .describe('Depth by depth: primary, backup, third'),
    longestDays: z.number().min(1, 'must be at least 1').max(365).optional().describe('Nobody should hold one depth longer without a break'),
  })
  .meta({ id: 'TeamCoverage' })

/** A file of schedules, kept in git beside what it describes. */
export const ScheduleFile = z.strictObject({ schedules: z.array(ScheduleShape).max(1_000), teams: z.array(CoverageShape).max(1_000).default([]) })
export type ScheduleFile = z.output<typeof ScheduleFile>

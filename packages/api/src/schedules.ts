import { rotationTypes, tierNames, urgencies, weekdays } from '@tocsin/oncall/vocabulary'
import { z } from 'zod'
import { Id, Instant, Line } from './common.ts'

export { tierNames, weekdays }
export const Urgency = z.enum(urgencies)

const isZone = (zone: string) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

export const TimeZone = z.string().max(60).refine(isZone, 'must be a time zone such as Europe/Berlin')
const Name = Line()
const WallTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d$/, 'must be a local date and time such as 2026-03-23T09:00')
  .refine(text => new Date(`${text}Z`).toJSON()?.startsWith(text) === true, 'must be an existing date')
const Clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 09:00')
const When = z.iso
  .datetime({ offset: true, message: 'must be a date and time with offset such as 2026-03-23T09:00:00+01:00' })
  .transform(text => new Date(text).toISOString())

export const RotationShape = z.strictObject({
  type: z.enum(rotationTypes),
  every: z.number().int().min(1, 'must be at least 1').max(1_000).default(1).describe('Shift length in hours, days, weeks or months'),
  start: WallTime.describe('First handoff in local time; the shift of the first participant starts here'),
})

export const RestrictionShape = z.strictObject({
  days: z.array(z.enum(weekdays)).min(1, 'must have at least one day').optional().describe('Days on which the hours start; every day if empty'),
  from: Clock,
  until: z.union([Clock, z.literal('24:00')]).describe('If earlier than `from`, the next day; if equal, 24 hours'),
})
const Restrictions = z.array(RestrictionShape).max(50)

/** Hours on the clock of a zone. */
export const ZonedHours = z.object({ timeZone: TimeZone, hours: Restrictions })

const Merge = z.enum(['top', 'all']).describe('If several layers are active: only the top layer, or all')
const Position = z.number().int().min(0).max(9).describe('Position in the rotation: 0 is who is on call, 1 who comes next')
const isInOrder = ({ start, end }: { start: string; end: string }) => start < end
const order = { path: ['end'], message: 'must be later than start' }

/** The shapes of a schedule, with people and times in the form of files (names) or of the API (ids). */
function shapesWith(Person: z.ZodType<string, string>, At: z.ZodType<string, string>) {
  const SingleSlot = z.union([Person, z.array(Person).max(20)])
  const Layer = z.strictObject({
    name: Name,
    rotation: RotationShape,
    participants: z.array(SingleSlot).max(200).describe('One entry per shift: one person, several ([a, b]), or nobody ([])'),
    beside: z.boolean().optional().describe('On call in addition to the layer below, instead of replacing it'),
    advance: z.enum(['handoff', 'shift']).optional().describe('Advance the rotation at every handoff, or only after shifts that contain on-call hours'),
    timeZone: TimeZone.optional().describe("Time zone, if different from the schedule's"),
    restrictions: Restrictions.optional(),
    starts: At.optional(),
    ends: At.optional(),
  })
  const Layers = z.array(Layer).max(50).describe('Lowest layer first')
  const span = { start: At, end: At }
  const Override = z.strictObject({
    kind: z.enum(['replace', 'add', 'remove', 'shadow']).default('replace'),
    position: Position.optional(),
    participants: z.array(Person).max(200),
    ...span,
  })
  const Temporary = z.strictObject({ name: Name, ...span, layers: Layers, merge: Merge.optional() })
  return { Layer, Layers, Override: Override.refine(isInOrder, order), Temporary: Temporary.refine(isInOrder, order) }
}

const inFiles = shapesWith(Name, When)
const inApi = shapesWith(Id, Instant)

/** A schedule in a file: people by name or, for a server, by email address. */
export const ScheduleShape = z
  .strictObject({
    name: Name,
    timeZone: TimeZone,
    merge: Merge.default('top'),
    layers: inFiles.Layers,
    overrides: z.array(inFiles.Override).max(5_000).default([]),
    temporaries: z.array(inFiles.Temporary).max(200).default([]).describe('Layers that temporarily replace the schedule’s layers, for example over holidays'),
    absences: z
      .array(z.strictObject({ participant: Name, start: When, end: When.optional().describe('If empty, the person has left') }))
      .max(5_000)
      .default([]),
    team: Name.optional().describe('The team that owns the schedule; required when applying to a server'),
    needsApprenticeship: z.boolean().optional().describe('Only people who completed training in the team are on call alone; others shadow'),
    apprentices: z.array(Name).max(200).default([]).describe('Trainees: they shadow their shifts until they complete training'),
  })
  .meta({ id: 'ScheduleFileEntry' })

/** A schedule as the API takes it: people are ids. */
export const ScheduleInput = z.object({
  name: Name,
  timeZone: TimeZone,
  merge: Merge.default('top'),
  layers: inApi.Layers,
  needsApprenticeship: z.boolean().default(false).describe('Only people who completed training in the team are on call alone; others shadow'),
})
export const OverrideInput = inApi.Override
export const TemporaryInput = inApi.Temporary

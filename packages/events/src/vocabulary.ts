import { z } from 'zod'
import { messageChannels } from './channels.ts'

/**
 * Shapes that several events share. They are this package's own and not the API's: what an entry said when it was written must not
 * change with a form of today.
 */
export const Id = z.guid()
export const Instant = z.iso.datetime()
export const Day = z.iso.date()
export const Count = z.number().int().min(0)
/** SHA-256 in hexadecimal digits. */
export const Digest = z.string().regex(/^[0-9a-f]{64}$/)
export const Nothing = z.strictObject({})

export const Severity = z.enum(['info', 'low', 'medium', 'high', 'critical'])
export const IncidentSeverity = z.enum(['SEV1', 'SEV2', 'SEV3', 'SEV4'])
export const Responsibility = z.enum(['us', 'customer', 'shared'])
export const Urgency = z.enum(['high', 'low'])
export const TeamKind = z.enum(['security', 'engineering'])
export const Role = z.enum(['observer', 'responder', 'lead', 'administrator'])
export const Channel = z.enum(messageChannels)
export const Named = z.strictObject({ id: Id, name: z.string() })

/** A text or set of rules that a decision rested on, as it was then: its version and the SHA-256 of it. */
export const Basis = z.strictObject({ version: z.number().int(), sha256: Digest })

export const Restriction = z.strictObject({ days: z.array(z.string()).optional(), from: z.string(), until: z.string() })
export const NoticeStart = z.enum(['declared', 'found', 'aware'])
export const NoticeUnit = z.enum(['hours', 'calendar-days', 'business-days'])
export const CalendarDays = z.strictObject({ name: z.string(), timeZone: z.string(), workdays: z.array(z.string()), holidays: z.array(Day) })
/** The time that a contract gives, with the calendar that its days are counted by: whoever reads it can count the deadline again. */
export const NoticeTerm = z.strictObject({ start: NoticeStart, amount: Count, unit: NoticeUnit, calendar: CalendarDays.nullable() })
/** What versions before terms had: hours from the declaration. */
export const hoursOfDeclaration = (hours: unknown) => ({ start: 'declared', amount: hours, unit: 'hours', calendar: null })

/** Hours on the clock of a time zone. */
export const ZonedHours = z.strictObject({ timeZone: z.string(), hours: z.array(Restriction) })

import { filterLimits } from '@tocsin/filter'
import { z } from 'zod'

/** Shapes that every module uses. */
export const Id = z.uuid('must be a valid ID')
/** Earlier ones are mistakes, and some of them no database and no calendar has. (Later than 9999 is no date of this form.) */
const isFrom1970 = (text: string) => text >= '1970'
export const Instant = z.iso
  .datetime({ message: 'must be a date and time such as 2026-11-23T08:00:00Z', abort: true })
  .refine(isFrom1970, 'must be in the year 1970 or later')
  .transform(text => new Date(text).toISOString())
/** An instant in a reply: already in the one form. */
export const At = z.string().meta({ format: 'date-time' })
export const Day = z.iso.date({ message: 'must be a date such as 2026-11-23', abort: true }).refine(isFrom1970, 'must be in the year 1970 or later')
/** True for a text in which something can be seen: not only spaces, controls and characters without width. */
export const isVisible = (text: string): boolean => /[^\s\p{Default_Ignorable_Code_Point}\p{Control}\u2800]/u.test(text)
const filled = (text: z.ZodString) => text.trim().min(1, { error: 'must not be empty', abort: true }).refine(isVisible, 'must not be empty')
/** Text that must say something. */
export const Filled = filled(z.string())
/** Line breaks and other controls, and what turns the direction of text around: by them a name would add words of its own to a mail that it stands in. */
const breaking = /[\p{Control}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu
/** A text as one line. */
export const oneLine = (text: string): string => text.replace(breaking, ' ')
/** A name, a title: one line, whatever was sent. */
export const Line = (max = 200) => filled(z.string().overwrite(oneLine)).max(max, `must have at most ${max} characters`)
/** A longer text. */
export const Text = (max = 20_000) => Filled.max(max, `must have at most ${max} characters`)
/** Scripts that put no space between words. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu
const saysSomething = (text: string): boolean =>
  (text.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}._:/-]*/gu) ?? []).length >= 3 || (text.match(unspaced) ?? []).length >= 6
/** A text that others are to rely on: "x" and "n/a" say nothing. @param example follows "such as" */
export const Statement = (max: number, example: string) =>
  Text(max)
    .refine(saysSomething, `must say it in three words or more, such as "${example}"`)
    .meta({ examples: [example] })
export const Email = z
  .email('must be an email address')
  .max(254)
  .transform(text => text.toLowerCase())
export const Version = z.number().int().min(1).describe('The version last read; 409 if a newer version exists')

/** Why somebody did it. */
export const Reason = Text(8_000).describe('Reason; kept in the audit log')

/** The team of a record that is read, changed and sent back as a whole: that of the path. */
export const SameTeamId = Id.optional().describe('If given, the team of the path')

export const IdParams = z.object({ id: Id })
export const Reference = z.object({ id: Id, name: z.string() }).meta({ id: 'Reference' })
export type Reference = z.output<typeof Reference>

export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(2_000).optional().describe('`next` of the previous page'),
})
/** A list of records that change. */
export const UpdatedQuery = z.object({
  updatedSince: Instant.optional().describe('Only records that something was recorded of in the audit log at this time or later'),
})
/** A page of such a list. */
export const ChangingQuery = PageQuery.extend(UpdatedQuery.shape)
/** A filter of a list. What is wrong with it is said by the server, once it is read with the fields of that list (`filter-fields.ts`). */
export const FilterText = z
  .string()
  .trim()
  .max(filterLimits.characters, `must have at most ${filterLimits.characters} characters`)
  .default('')
  .describe('Filter such as `severity:high,critical host:db-* -service:billing "brute force"`; the documentation lists the fields')
/** One page of a list; `next` is null on the last. */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() })

/** Who erased something, when and why. */
export const Erasure = z.object({ at: At, by: z.string(), reason: z.string() }).meta({ id: 'Erasure' })
export type Erasure = z.output<typeof Erasure>

export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const
export const Severity = z.enum(severities)
export type Severity = z.output<typeof Severity>

/** True when `severity` is `threshold` or above it. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(threshold)
}

/** Whether something that is made belongs to an exercise. */
export const IsExercise = z.boolean().default(false).describe('Part of an exercise: pages people, marked as an exercise, and nothing of it reaches a customer')

export const responsibilities = ['us', 'customer', 'shared'] as const
export const Responsibility = z.enum(responsibilities).describe('Who is responsible (shared responsibility model): us, the customer, or shared')
export type Responsibility = z.output<typeof Responsibility>

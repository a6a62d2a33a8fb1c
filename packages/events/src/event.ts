import { z } from 'zod'

/**
 * How an entry of a type belongs to an incident, which then decides who may see it:
 * `incident`: always to one; `either`: to one or to none; `none`: never.
 */
export type Belonging = 'incident' | 'either' | 'none'

/** What of a read entry its sentence is made of. `actor` is the name, as it was then; `at` is ISO 8601. */
export interface Told<Data> {
  readonly actor: string
  readonly at: string
  readonly data: Data
}

/** Data of an entry as some version of the program wrote it. */
type Stored = Readonly<Record<string, unknown>>

interface Definition<Type extends string, Subject extends string, Within extends Belonging, Data extends z.ZodType> {
  /** `<noun>.<past participle>`. Chosen for ever: entries that were written keep it. */
  readonly type: Type
  /** Of the form of `data`: one more whenever that changes in a way that older entries do not have. */
  readonly version: number
  /** The kind of record that it is about. */
  readonly subject: Subject
  readonly within: Within
  /** Without transforms or defaults: what was written is what is read. Secrets do not belong here, because entries are exported. */
  readonly data: Data
  /** Texts of the data that may hold personal data (`files.*.name`): the journal commits to them, so that they can be erased. They read as `[erased]` then. */
  readonly erasable?: readonly string[]
  /** What a reader is told: what `actor` did, beginning with a verb where people do it. */
  readonly sentence: (told: Told<z.output<Data>>) => string
  /** True for what only the timeline of its own subject tells; that of an incident leaves it out. */
  readonly isBookkeeping?: boolean
  /** What every other timeline adds: the title of its subject, such as that of a page. */
  readonly title?: (told: Told<z.output<Data>>) => string | undefined
  /** What only the timeline of its own subject adds, such as what a provider answered. */
  readonly detail?: (told: Told<z.output<Data>>) => string | undefined
  /** The reason in people's own words, shown below the sentence; by default `data.reason`. */
  readonly reason?: (told: Told<z.output<Data>>) => string | undefined
  /** What makes data of version 1 into that of version 2, of version 2 into that of 3, and so on. */
  readonly upcasts?: readonly ((data: Stored) => Stored)[]
}

/** What timelines and the audit log show of one entry. */
export interface Line {
  readonly sentence: string
  readonly reason: string | undefined
  readonly title: string | undefined
  readonly detail: string | undefined
  readonly isBookkeeping: boolean
}

export interface EventDefinition<Type extends string, Subject extends string, Within extends Belonging, Data extends z.ZodType> {
  readonly type: Type
  readonly version: number
  readonly subject: Subject
  readonly within: Within
  readonly data: Data
  readonly erasable: readonly string[]
  /** Reads stored data of this or an older version. @throws UnreadableEvent */
  read(version: number, stored: unknown): z.output<Data>
  /** @throws UnreadableEvent when the data is not that of the newest version. */
  tell(told: Told<unknown>): Line
}

/** From where the request came that an entry was written in: in its body, beside its data, whatever its type. */
export const CalledFrom = z.strictObject({ address: z.string(), device: z.string() })

const WithOrigin = z.looseObject({ calledFrom: CalledFrom })

/** Where stored data says from where its entry was asked for; undefined where it does not. */
export const originOf = (stored: unknown): z.output<typeof CalledFrom> | undefined => WithOrigin.safeParse(stored).data?.calledFrom

function withoutOrigin(stored: unknown): unknown {
  const parsed = WithOrigin.safeParse(stored)
  if (!parsed.success) return stored
  const { calledFrom: _, ...data } = parsed.data
  return data
}

/** Stored data that is not what its type says, or of a version that this program does not know. */
export class UnreadableEvent extends Error {}

/** What is wrong with stored data, for people who look at a dead letter. */
function faultOf(issue: z.core.$ZodIssue, stored: unknown): string {
  const found = issue.path.reduce<unknown>((value, key) => Object.entries(Object(value)).find(([name]) => name === String(key))?.[1], stored)
  if (found === undefined) return 'is missing'
  if (issue.code === 'unrecognized_keys') return `has a field that this version does not know: ${issue.keys.join(', ')}`
  if (issue.code === 'invalid_type') return `must be of type ${issue.expected}`
  return `is not valid: ${issue.message}`
}

const WithReason = z.looseObject({ reason: z.string() })

/**
 * Defines one type of journal entry: everything that is known of it is defined here once.
 * @throws Error when the versions and upcasts do not fit: version 3 has two upcasts.
 */
export function event<const Type extends string, const Subject extends string, const Within extends Belonging, Data extends z.ZodType>(
  definition: Definition<Type, Subject, Within, Data>,
): EventDefinition<Type, Subject, Within, Data> {
  const { type, version, subject, within, data, erasable = [], sentence, isBookkeeping = false, title, detail, reason, upcasts = [] } = definition
  if (upcasts.length !== version - 1) throw new Error(`${type} is of version ${version}: it has ${version - 1} upcasts, not ${upcasts.length}`)
  const parse = (stored: unknown): z.output<Data> => {
    const parsed = data.safeParse(stored)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw new UnreadableEvent(`${['data', ...(issue?.path ?? [])].join('.')} of ${type} ${issue === undefined ? 'is not as defined' : faultOf(issue, stored)}`)
  }
  return {
    ...{ type, version, subject, within, data, erasable },
    read(storedVersion, stored) {
      if (!(storedVersion >= 1 && storedVersion <= version))
        throw new UnreadableEvent(`${type} of version ${storedVersion} is not supported; supported versions are 1 to ${version}`)
      return parse(
        upcasts.slice(storedVersion - 1).reduce<unknown>((older, upcast) => upcast(z.record(z.string(), z.unknown()).parse(older)), withoutOrigin(stored)),
      )
    },
    tell({ actor, at, data: stored }) {
      const told = { actor, at, data: parse(stored) }
      const why = reason ? reason(told) : WithReason.safeParse(told.data).data?.reason
      return { sentence: sentence(told), reason: why, title: title?.(told), detail: detail?.(told), isBookkeeping }
    },
  }
}

import { activeHours, type Restriction } from './hours.ts'
import type { Urgency } from './vocabulary.ts'

/** Hours on the clock of a zone. */
export interface ZonedHours {
  readonly timeZone: string
  readonly hours: readonly Restriction[]
}

/** One level of an escalation policy: who is paged, under which conditions, and how long they have before the next level. */
export interface EscalationLevel<Target> {
  readonly targets: readonly Target[]
  /** Minutes until the next level. */
  readonly waitMinutes: number
  /** How many people have to acknowledge before escalation stops; 1 where undefined. */
  readonly acknowledgements?: number | undefined
  /** The level counts only in these hours. */
  readonly when?: ZonedHours | undefined
  /** The level counts only for pages of this urgency. */
  readonly urgency?: Urgency | undefined
  /**
   * What happens where its targets are nobody: the team's fallback is paged (the default: a page is never lost), the next level is paged at once,
   * or its minutes pass.
   */
  readonly whenEmpty?: 'fallback' | 'skip' | 'wait' | undefined
}

/** Levels in order; the whole list runs `repeats` more times when nobody acknowledges. */
export interface EscalationPolicy<Target> {
  readonly levels: readonly EscalationLevel<Target>[]
  readonly repeats: number
  /** Pages of low urgency escalate in these hours only. */
  readonly businessHours?: ZonedHours | undefined
}

/** The number of levels of an unacknowledged escalation, repeats included, before it is exhausted. */
export function levelCount(policy: Pick<EscalationPolicy<unknown>, 'levels' | 'repeats'>): number {
  return policy.levels.length * (policy.repeats + 1)
}

/** The first level at or after `levelIndex` (0 is the first page) whose conditions hold at `at`, with its index; undefined once the policy is exhausted. */
export function levelFrom<Target>(
  policy: EscalationPolicy<Target>,
  levelIndex: number,
  at: string,
  urgency: Urgency,
): { readonly level: EscalationLevel<Target>; readonly levelIndex: number } | undefined {
  for (let place = Math.max(0, levelIndex); place < levelCount(policy); place++) {
    const level = policy.levels[place % policy.levels.length]
    if (level === undefined) return undefined
    if (level.urgency !== undefined && level.urgency !== urgency) continue
    if (level.when !== undefined && !isWithin(level.when, at)) continue
    return { level, levelIndex: place }
  }
  return undefined
}

/** True when the hours hold at an instant. */
export function isWithin({ timeZone, hours }: ZonedHours, at: string): boolean {
  const ms = Date.parse(at)
  return activeHours(hours, timeZone, { start: ms, end: ms + 1 }).some(({ start, end }) => start <= ms && ms < end)
}

/** When the hours that hold at an instant end, ISO 8601 UTC; undefined where they do not hold. */
export function endOfHours({ timeZone, hours }: ZonedHours, at: string): string | undefined {
  const ms = Date.parse(at)
  const found = activeHours(hours, timeZone, { start: ms, end: ms + 15 * 86_400_000 }).find(({ start, end }) => start <= ms && ms < end)
  return found === undefined ? undefined : new Date(found.end).toISOString()
}

/** `at` where the hours hold, or the next instant at which they do: ISO 8601 UTC. Without hours, and with hours that never come, `at`. */
export function whenWithin(zoned: ZonedHours | undefined, at: string): string {
  if (zoned === undefined || zoned.hours.length === 0) return at
  const ms = Date.parse(at)
  // Hours repeat every week; a change of the clocks can swallow one of them, not two.
  const spans = activeHours(zoned.hours, zoned.timeZone, { start: ms, end: ms + 15 * 86_400_000 })
  const next = spans.find(({ end }) => end > ms)
  return new Date(Math.max(ms, next?.start ?? ms)).toISOString()
}

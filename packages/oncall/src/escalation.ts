import { activeHours, type Restriction } from './hours.ts'
import type { Urgency } from './vocabulary.ts'

/** Hours on the clock of a zone. */
export interface ZonedHours {
  readonly timeZone: string
  readonly hours: readonly Restriction[]
}

/** One level of an escalation policy: who is paged, under which conditions, and how long they have before the next level. */
export interface EscalationLevel<Target> {
  /** Stable, whatever becomes of its place in the policy. */
  readonly id: string
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

/** How far an escalation has come. It names levels by their ID, because a policy may change while a page is open. */
export interface EscalationProgress {
  /** 0 while the levels run for the first time. */
  readonly round: number
  /** The levels of this round that are behind it, in the order in which they were; the last one is the level that it is at. */
  readonly passed: readonly string[]
}

export const noProgress: EscalationProgress = { round: 0, passed: [] }

/**
 * The next level whose conditions hold at `at`, with the progress that paging it makes; undefined once the policy is exhausted. Levels come in the order
 * that they have now, from the level that the escalation is at. Within a round each comes once, also one that was moved or added before that level: it
 * comes at the end.
 */
export function nextLevel<Target>(
  { levels, repeats }: Pick<EscalationPolicy<Target>, 'levels' | 'repeats'>,
  progress: EscalationProgress,
  at: string,
  urgency: Urgency,
): { readonly level: EscalationLevel<Target>; readonly progress: EscalationProgress } | undefined {
  let { round, passed } = progress
  for (;;) {
    const level = levelAfter(levels, passed)
    if (level !== undefined) {
      passed = [...passed, level.id]
      if (counts(level, at, urgency)) return { level, progress: { round, passed } }
    } else if (round < repeats) {
      round += 1
      passed = []
    } else return undefined
  }
}

/** The first level that was not passed, from the last one on that was and is still there. */
function levelAfter<Target>(levels: readonly EscalationLevel<Target>[], passed: readonly string[]): EscalationLevel<Target> | undefined {
  const last = passed.findLast(id => levels.some(level => level.id === id))
  const from = levels.findIndex(level => level.id === last) + 1
  return [...levels.slice(from), ...levels.slice(0, from)].find(level => !passed.includes(level.id))
}

function counts<Target>({ urgency: own, when }: EscalationLevel<Target>, at: string, urgency: Urgency): boolean {
  return (own === undefined || own === urgency) && (when === undefined || isWithin(when, at))
}

/** True when the level that an escalation is at was removed from the policy, or another policy applies now. */
export function isLevelGone({ levels }: Pick<EscalationPolicy<unknown>, 'levels'>, { passed }: EscalationProgress): boolean {
  const at = passed.at(-1)
  return at !== undefined && !levels.some(level => level.id === at)
}

/** The progress of an escalation of which only the number of levels behind it is known: of pages that an earlier version opened. */
export function progressAfter({ levels, repeats }: Pick<EscalationPolicy<unknown>, 'levels' | 'repeats'>, count: number): EscalationProgress {
  const behind = Math.min(count, levels.length * (repeats + 1))
  if (behind <= 0) return noProgress
  const round = Math.ceil(behind / levels.length) - 1
  return { round, passed: levels.slice(0, behind - round * levels.length).map(level => level.id) }
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

/** An instant: ISO 8601 in UTC with milliseconds, `2026-11-23T08:00:00.000Z`. Two of them compare as text. */
export type Instant = string

const hourMs = 3_600_000

/** The deadline of a notification obligation: how long, and when people are warned on the way. Hours count from its start. */
export interface ClockRule {
  readonly hours: number
  /** Hours after the start at which the lead is paged while the obligation is not fulfilled, in rising order. */
  readonly warnAfterHours: readonly number[]
}

/**
 * Customers are told within 72 hours of the declaration, by contract; the lead is warned after 48, 66 and 71.
 * A contract with a shorter deadline is warned at the same shares of its time.
 */
export function customerClock(hours = 72): ClockRule {
  return { hours, warnAfterHours: [48, 66, 71].map(after => (after * hours) / 72) }
}

/** `instant` plus a number of elapsed hours (never wall-clock hours: the contract counts real time). */
export function addHours(instant: Instant, hours: number): Instant {
  return new Date(Date.parse(instant) + hours * hourMs).toISOString()
}

/** When an obligation that starts now is due, and when its warnings are. */
export function schedule(rule: ClockRule, startedAt: Instant): { dueAt: Instant; warnings: { afterHours: number; at: Instant }[] } {
  return {
    dueAt: addHours(startedAt, rule.hours),
    warnings: rule.warnAfterHours.filter(afterHours => afterHours < rule.hours).map(afterHours => ({ afterHours, at: addHours(startedAt, afterHours) })),
  }
}

/** The timing of an obligation: notified on time, notified late, due, close to its end (past its first warning), or overdue. */
export type Timing = 'notified' | 'notified-late' | 'due' | 'due-soon' | 'overdue'

/** The timing of an obligation at `now`. `notifiedAt` is when it was fulfilled, if it was. */
export function timing(obligation: { startedAt: Instant; dueAt: Instant; notifiedAt: Instant | null }, rule: ClockRule, now: Instant): Timing {
  if (obligation.notifiedAt !== null) return obligation.notifiedAt <= obligation.dueAt ? 'notified' : 'notified-late'
  if (now > obligation.dueAt) return 'overdue'
  const firstWarning = rule.warnAfterHours[0]
  return firstWarning !== undefined && now >= addHours(obligation.startedAt, firstWarning) ? 'due-soon' : 'due'
}

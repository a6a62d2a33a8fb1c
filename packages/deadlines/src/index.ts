import { addHours, hourMs, type Instant } from './instants.ts'

export { addHours, type Instant } from './instants.ts'
export { type Calendar, countingOnce, defaultCalendar, dueAt, type Period } from './periods.ts'
export { type Deadlines, deadlinesOf, lastTime, type NoticeTerm, type Start, type Starts, type StoredDeadlines, wasFoundTooLate } from './terms.ts'

/** The clock of one obligation: when it runs, and when somebody is paged on the way to its end. */
export interface Clock {
  readonly startedAt: Instant
  readonly dueAt: Instant
  /** In rising order, each after the start and before the end. */
  readonly warnings: readonly Instant[]
}

/** Of 72 hours the contract's warnings come after 48, 66 and 71; those of any other time at the same shares of it. */
const warningShares = [48 / 72, 66 / 72, 71 / 72]
/** A promised communication is warned about so long before it is due, where it was promised earlier than that. */
const promiseWarningHours = 4
/** From the deadline on it is paged about again and again, until the obligation is met or waived. */
export const overdueEveryHours = 4

/** The clock of a notification: it is warned about three times. */
export function noticeClock(startedAt: Instant, dueAt: Instant): Clock {
  const hours = (Date.parse(dueAt) - Date.parse(startedAt)) / hourMs
  return { startedAt, dueAt, warnings: warningShares.map(share => addHours(startedAt, hours * share)) }
}

/** The clock of a communication that was promised for a time. */
export function promiseClock(promisedAt: Instant, dueAt: Instant): Clock {
  const warning = addHours(dueAt, -promiseWarningHours)
  return { startedAt: promisedAt, dueAt, warnings: warning > promisedAt ? [warning] : [] }
}

/** The first moment at which it is late: what is done at the very deadline is on time. */
export const lateFrom = ({ dueAt }: Pick<Clock, 'dueAt'>): Instant => addHours(dueAt, 1 / hourMs)

/** When somebody is paged next, after `now`, while the obligation is not met: there always is such a time. */
export function nextCall(clock: Clock, now: Instant): Instant {
  const late = lateFrom(clock)
  const ahead = [...clock.warnings, late].find(at => at > now)
  if (ahead !== undefined) return ahead
  const everyMs = overdueEveryHours * hourMs
  const rounds = Math.floor((Date.parse(now) - Date.parse(late)) / everyMs) + 1
  return addHours(late, rounds * overdueEveryHours)
}

/** When somebody is paged first about an obligation that is due from `now` on: at once where a warning or the deadline is past, as nobody got that. */
export function firstCall(clock: Clock, now: Instant): Instant {
  return [...clock.warnings, lateFrom(clock)].some(at => at <= now) ? now : nextCall(clock, now)
}

/** The timing of an obligation: met on time, met late, due, close to its end (past its first warning), or overdue. */
export type Timing = 'notified' | 'notified-late' | 'due' | 'due-soon' | 'overdue'

/** The timing of an obligation at `now`. `notifiedAt` is when it was met, if it was. */
export function timing(clock: Clock, notifiedAt: Instant | null, now: Instant): Timing {
  if (notifiedAt !== null) return notifiedAt <= clock.dueAt ? 'notified' : 'notified-late'
  if (now > clock.dueAt) return 'overdue'
  return clock.warnings.some(at => at <= now) ? 'due-soon' : 'due'
}

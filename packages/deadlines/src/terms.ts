import type { Instant } from './instants.ts'
import { type Calendar, dueAt, type Period } from './periods.ts'

/** What a contract counts from: the declaration of the incident, finding that the customer is affected, or becoming aware of the incident. */
export type Start = 'declared' | 'found' | 'aware'

/** What a contract says about when a customer is notified. */
export interface NoticeTerm extends Period {
  readonly start: Start
  /** Null: the default. Hours need none. */
  readonly calendar: Calendar | null
}

/** When what contracts count from happened. */
export interface Starts {
  readonly declaredAt: Instant
  readonly foundAt: Instant
  /** Null where nobody has stated it. */
  readonly awareAt: Instant | null
}

/** The deadline of a notice, counted both ways. */
export interface Deadlines {
  readonly startedAt: Instant
  /** By the contract. */
  readonly dueAt: Instant
  /** The same time, counted from finding that the customer is affected. */
  readonly foundDueAt: Instant
}

/**
 * The deadlines by a term. Where nobody has stated when the organization became aware, that is the declaration.
 * @param count for many terms, `countingOnce()`
 */
export function deadlinesOf(term: NoticeTerm, { declaredAt, foundAt, awareAt }: Starts, count = dueAt): Deadlines {
  const startedAt = { declared: declaredAt, found: foundAt, aware: awareAt ?? declaredAt }[term.start]
  const calendar = term.calendar ?? undefined
  return { startedAt, dueAt: count(startedAt, term, calendar), foundDueAt: count(foundAt, term, calendar) }
}

/** Deadlines as they are stored; without `foundAt` nobody had to be found. */
export interface StoredDeadlines {
  readonly dueAt: Instant
  readonly foundAt: Instant | null
  readonly foundDueAt: Instant | null
}

/** True where the deadline of the contract had passed before it was found that the customer is affected: nobody could meet it. */
export const wasFoundTooLate = ({ dueAt: due, foundAt }: Pick<StoredDeadlines, 'dueAt' | 'foundAt'>): boolean => foundAt !== null && due <= foundAt

/** The deadline after which a notice is late: that of the contract, or the one from being found where nobody could meet the former. */
export const lastTime = (deadlines: StoredDeadlines): Instant => (wasFoundTooLate(deadlines) ? (deadlines.foundDueAt ?? deadlines.dueAt) : deadlines.dueAt)

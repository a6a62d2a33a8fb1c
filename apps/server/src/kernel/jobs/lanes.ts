import type { z } from 'zod'

/**
 * Where jobs run: so many places that no other lane can take, and a time within which each run ends. A part that hangs holds up its own lane
 * and nothing else.
 */
export interface Lane {
  readonly name: string
  /** Which process runs it, where there are two: what pages people and keeps clocks is the pager's. */
  readonly process: 'paging' | 'web'
  /** Jobs of this lane that one process runs at once. */
  readonly places: number
  /** Of those, at most so many for one destination (a host), so that a dead one leaves room for the others. */
  readonly placesPerDestination?: number
  /** A run that takes longer is ended: its signal fires, its place is free, and what it comes to later is dropped. */
  readonly deadlineSeconds: number
  /** Transactions of this lane at once in one process; the pool of connections is for all. Default 1. */
  readonly transactions?: number
}

/** The next escalation level of each page, and the failover to another contact method. */
export const escalationLane: Lane = { name: 'escalation', process: 'paging', places: 200, deadlineSeconds: 30, transactions: 3 }
/** What is due at a committed time: obligations, handoffs, silences, heartbeat monitors, the auditor. */
export const clocksLane: Lane = { name: 'clocks', process: 'paging', places: 24, deadlineSeconds: 60, transactions: 2 }
/** Pulls from other servers, which may take minutes. */
export const pullsLane: Lane = { name: 'pulls', process: 'web', places: 8, deadlineSeconds: 660 }
/** The scanner of files, another program: one that hangs holds up no other work. */
export const scansLane: Lane = { name: 'scans', process: 'web', places: 2, deadlineSeconds: 120 }
/** Everything that may be a little late. */
export const housekeepingLane: Lane = { name: 'housekeeping', process: 'web', places: 8, deadlineSeconds: 120 }

/** A kind of job: where it runs, and what it carries. Both who schedules it and who runs it are held to it. */
export interface JobKind<Data> {
  readonly kind: string
  readonly lane: Lane
  readonly data: z.ZodType<Data>
  /** Comes before the others of its lane. */
  readonly isUrgent: boolean
  /** Never called: it makes the compiler refuse a kind of other data, also one whose data is a part of this. */
  readonly takes: (data: Data) => void
}

/** Declares a kind of job. Its name is stored with each job: choose it for ever. */
export function defineJob<Data>(given: { kind: string; lane: Lane; data: z.ZodType<Data>; isUrgent?: boolean }): JobKind<Data> {
  return { isUrgent: false, ...given, takes: () => undefined }
}

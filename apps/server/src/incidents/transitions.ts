import type { IncidentStatus, RouteInput, incidentRoutes as routes } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { closeAlertsOf } from '../alerts/index.ts'
import { type Actor, lastEntryAbout, record } from '../journal/index.ts'
import { addDays, type Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { definitionOf } from './classes.ts'
import { endHandovers } from './handovers.ts'
import { assertVersion, type IncidentRow, lockIncident, saveIncident, stateOf } from './incident.ts'
import { blockers, destination, type Transition } from './lifecycle.ts'
import { assertMayCloseAlone } from './segregation.ts'
import { criteriaVersion } from './severity.ts'
import { incidentCustomers, type incidents } from './tables.ts'

/** The topic of a page about alerts on services that are monitored. */
export const monitoringTopic = 'monitoring'

/** Reasons of other modules against closing an incident: each a sentence. They are in higher layers and register here. */
type ClosingCondition = (reader: Reader, incident: IncidentRow) => Promise<string[]>
/** Throws where an incident must not be closed. It is asked only when somebody closes it, not by those who read what could be done. */
type ClosingGuard = (id: string) => Promise<void>
export class ClosingConditions {
  readonly #conditions: ClosingCondition[] = []
  readonly #guards: ClosingGuard[] = []
  guard(guard: ClosingGuard): void {
    this.#guards.push(guard)
  }
  async assertMayClose(id: string): Promise<void> {
    for (const guard of this.#guards) await guard(id)
  }
  add(condition: ClosingCondition): void {
    this.#conditions.push(condition)
  }
  async against(reader: Reader, incident: IncidentRow): Promise<string[]> {
    const sentences: string[] = []
    for (const condition of this.#conditions) sentences.push(...(await condition(reader, incident)))
    return sentences
  }
}

/**
 * What other modules do in the transaction in which an incident is declared, or in which its class, its customers or the data that it touched change: what a law
 * or a contract depends on must not wait for anybody. They are in higher layers and register here.
 */
type DeclarationEffect = (tx: Tx, incident: IncidentRow) => Promise<void>
export class DeclarationEffects {
  readonly #effects: DeclarationEffect[] = []
  #obligations: CustomerObligations | undefined
  set obligations(filled: CustomerObligations) {
    this.#obligations = filled
  }
  get obligations(): CustomerObligations {
    if (this.#obligations === undefined) throw new Error('nobody has said what customers are owed')
    return this.#obligations
  }
  add(effect: DeclarationEffect): void {
    this.#effects.push(effect)
  }
  /** @param incident as it is now stored */
  async follow(tx: Tx, incident: IncidentRow): Promise<void> {
    for (const effect of this.#effects) await effect(tx, incident)
  }
}

/** What customers are owed when an incident is stood down or reopened. It is known in a higher layer, which registers here. */
export interface CustomerObligations {
  /** Customers who were notified of the incident. */
  countNotified(reader: Reader, incidentId: string): Promise<number>
  /** Ends what is owed, and makes an update owed to each customer who was notified. @throws AppProblem conflict while a notice is on its way */
  standDown(tx: Tx, incident: IncidentRow): Promise<void>
  /** What ended with a stand-down is owed again, with the deadlines of the declaration: before `follow`. */
  reinstate(tx: Tx, incident: IncidentRow): Promise<void>
  /** Makes an update owed to each customer who was notified, because the incident was reopened. */
  oweUpdates(tx: Tx, incident: IncidentRow): Promise<void>
}

export interface TransitionInput {
  readonly version: number
  readonly reason: string
}

const pastParticiple: Readonly<Record<Transition, string>> = {
  declare: 'declared',
  contain: 'contained',
  eradicate: 'eradicated',
  recover: 'recovered',
  close: 'closed',
  reopen: 'reopened',
}

/** A step that was taken: the incident as it was before, and the common part of its journal entry. */
interface Step {
  /** As it is now. */
  readonly saved: IncidentRow
  readonly incident: IncidentRow
  readonly entry: { readonly actor: Actor; readonly subject: { readonly kind: 'incident'; readonly id: string }; readonly within: string }
  readonly data: { readonly from: IncidentStatus; readonly to: IncidentStatus; readonly reason: string }
}

/** One step of the lifecycle, for its entry in the journal to be written: an action with actor, time and reason. */
async function takeStep(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  action: Transition,
  input: TransitionInput,
  details: { conditions?: ClosingConditions; change?: Partial<typeof incidents.$inferInsert> } = {},
): Promise<Step> {
  const incident = await lockIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  const state = await stateOf(tx, incident)
  const to = destination(action, state)
  if (to === undefined) throw conflict(`An incident that is ${incident.status} cannot be ${pastParticiple[action]}.`)
  const against = [...blockers(action, state, tx.now.slice(0, 10)), ...((await details.conditions?.against(tx, incident)) ?? [])]
  if (against.length > 0) throw conflict(against.join(' '))
  const saved = await saveIncident(tx, incident, { status: to, ...details.change })
  const entry = { actor: caller.actor, subject: { kind: 'incident', id }, within: id } as const
  return { incident, saved, entry, data: { from: incident.status, to, reason: input.reason } }
}

/** Declares a suspected incident: the official action that starts the deadlines, in the same transaction. */
export async function declareIncident(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  id: string,
  input: TransitionInput,
): Promise<void> {
  const { incident, saved, entry, data } = await takeStep(tx, context, caller, id, 'declare', input, { change: { declaredAt: tx.now } })
  const affected = await tx.db.select({ id: incidentCustomers.customerId }).from(incidentCustomers).where(eq(incidentCustomers.incidentId, id))
  if (incident.severity === null) throw new Error('the lifecycle declares no incident without a severity')
  await record(tx, {
    ...entry,
    type: 'incident.declared',
    data: {
      ...data,
      declaredAt: tx.now,
      severity: incident.severity,
      criteriaVersion,
      class: incident.class,
      definition: await definitionOf(tx, incident.class),
      customerIds: affected.map(customer => customer.id),
    },
  })
  await effects.follow(tx, saved)
}

/** Contained: for the first time, or again when the attacker has returned. */
export async function containIncident(tx: Tx, context: AppContext, caller: Caller, id: string, input: TransitionInput): Promise<void> {
  const { entry, data } = await takeStep(tx, context, caller, id, 'contain', input, { change: { monitorUntil: null } })
  await record(tx, { ...entry, type: 'incident.contained', data })
  await resolvePagesAbout(tx, context, caller.actor, id, monitoringTopic)
}

export async function eradicateIncident(tx: Tx, context: AppContext, caller: Caller, id: string, input: TransitionInput): Promise<void> {
  const { entry, data } = await takeStep(tx, context, caller, id, 'eradicate', input)
  await record(tx, { ...entry, type: 'incident.eradicated', data })
}

/** A monitoring period that is longer is a slip of the year, and is never shortened: nobody could close the incident. */
const maxMonitoredDays = 366

/** @throws AppProblem invalid for the last day of a monitoring period that is past, or too far away */
export function assertMonitorable(monitorUntil: string, now: Instant): void {
  if (monitorUntil < now.slice(0, 10)) throw invalid('monitorUntil', 'must not be in the past')
  if (monitorUntil > addDays(now, maxMonitoredDays).slice(0, 10)) throw invalid('monitorUntil', `must be within ${maxMonitoredDays} days`)
}

/** Recovered: to a known secure state, verified in a stated way, and monitored until a set date, or not for a stated reason. */
export async function recoverIncident(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  { secureState, verification, monitorUntil, noMonitoringReason, ...input }: RouteInput<typeof routes.recoverIncident>['body'],
): Promise<void> {
  if (monitorUntil !== null) assertMonitorable(monitorUntil, tx.now)
  const { entry, data } = await takeStep(tx, context, caller, id, 'recover', input, { change: { monitorUntil } })
  await record(tx, {
    ...entry,
    type: 'incident.recovered',
    data: { ...data, secureState, verification, monitorUntil, ...(noMonitoringReason === undefined ? {} : { noMonitoringReason }) },
  })
}

/** Closes it. Afterwards it cannot change. @param isApproved somebody else proposed it */
export async function closeIncident(
  tx: Tx,
  context: AppContext,
  conditions: ClosingConditions,
  caller: Caller,
  id: string,
  input: TransitionInput,
  isApproved = false,
): Promise<void> {
  const { incident, entry, data } = await takeStep(tx, context, caller, id, 'close', input, { conditions, change: { closedAt: tx.now } })
  if (!isApproved) await assertMayCloseAlone(tx, caller, incident)
  await conditions.assertMayClose(id)
  await record(tx, { ...entry, type: 'incident.closed', data })
  await endHandovers(tx, context, caller.actor, id, { outcome: 'withdrawn' })
  await closeAlertsOf(tx, id)
  await resolvePagesAbout(tx, context, caller.actor, id)
}

type Reopening = RouteInput<typeof routes.reopenIncident>['body']

/**
 * Reopens it: what was declared is in a new round, with a monitoring period of its own, and customers who were notified are told or not, for a stated reason. What was stood
 * down is declared again, as it was: the declaration was no error after all.
 */
export async function reopenIncident(tx: Tx, context: AppContext, effects: DeclarationEffects, caller: Caller, id: string, input: Reopening): Promise<void> {
  const before = await lockIncident(tx, context, caller, id)
  assertMonitoring(before, input, tx.now)
  assertUpdate(input, before.declaredAt === null ? 0 : await effects.obligations.countNotified(tx, id))
  const { monitorUntil, noMonitoringReason, updateCustomers, noUpdateReason } = input
  const stoodDown = before.stoodDownAt === null ? undefined : await lastEntryAbout(tx, { kind: 'incident', id }, 'incident.stood-down')
  const round = before.declaredAt === null ? undefined : before.round + 1
  const change = {
    ...(round === undefined ? {} : { round }),
    ...(monitorUntil === undefined ? {} : { monitorUntil }),
    ...(stoodDown === undefined ? {} : { class: stoodDown.data.class }),
  }
  const { saved, entry, data } = await takeStep(tx, context, caller, id, 'reopen', input, { change: { closedAt: null, stoodDownAt: null, ...change } })
  await record(tx, {
    ...{ ...entry, type: 'incident.reopened' },
    data: {
      ...{ ...data, ...change },
      ...(noMonitoringReason === undefined ? {} : { noMonitoringReason }),
      ...(updateCustomers === undefined ? {} : { updateCustomers }),
      ...(noUpdateReason === undefined ? {} : { noUpdateReason }),
    },
  })
  if (before.stoodDownAt !== null) await effects.obligations.reinstate(tx, saved)
  await effects.follow(tx, saved)
  if (updateCustomers === true) await effects.obligations.oweUpdates(tx, saved)
}

/** @throws AppProblem invalid unless a recovered incident says how it is monitored, and any other one does not */
function assertMonitoring({ declaredAt, stoodDownAt }: IncidentRow, { monitorUntil, noMonitoringReason }: Reopening, now: Instant): void {
  const isRecovered = declaredAt !== null && stoodDownAt === null
  if (!isRecovered && monitorUntil !== undefined) throw invalid('monitorUntil', 'must be omitted: the incident was not recovered')
  if (isRecovered && monitorUntil === undefined)
    throw invalid('monitorUntil', 'is required to reopen a declared incident: the last day of its monitoring period, or null with noMonitoringReason')
  if (typeof monitorUntil === 'string') assertMonitorable(monitorUntil, now)
  if (monitorUntil === null && noMonitoringReason === undefined) throw invalid('noMonitoringReason', 'is required without a monitoring period')
  if (monitorUntil !== null && noMonitoringReason !== undefined) throw invalid('noMonitoringReason', 'must be omitted unless monitorUntil is null')
}

/** @throws AppProblem invalid unless it is said whether customers who were notified get an update */
function assertUpdate({ updateCustomers, noUpdateReason }: Reopening, notified: number): void {
  if (notified === 0 && updateCustomers !== undefined) throw invalid('updateCustomers', 'must be omitted: no customer was notified of this incident')
  if (notified > 0 && updateCustomers === undefined)
    throw invalid('updateCustomers', `is required, because customers were notified (${notified}): true to send them an update, false with noUpdateReason`)
  if (updateCustomers === false && noUpdateReason === undefined) throw invalid('noUpdateReason', 'is required where customers get no update')
  if (updateCustomers !== false && noUpdateReason !== undefined) throw invalid('noUpdateReason', 'must be omitted unless updateCustomers is false')
}

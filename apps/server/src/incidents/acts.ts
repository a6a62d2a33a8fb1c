import { eq } from 'drizzle-orm'
import { closeAlertsOf } from '../alerts/index.ts'
import type { Caller, House } from '../identity/index.ts'
import { record } from '../journal/index.ts'
import { resolvePagesAbout } from '../oncall/index.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { conflict, invalid } from '../platform/problems.ts'
import { assertVersion, type IncidentRow, lockIncident, saveIncident, standingOf } from './incident.ts'
import { type Act, blockers, destination } from './lifecycle.ts'
import { incidentCustomers, type incidents } from './tables.ts'

/** Reasons of other modules against closing an incident: each a sentence. They stand on higher floors and register here. */
type ClosingCondition = (reader: Reader, incident: IncidentRow) => Promise<string[]>
export class ClosingConditions {
  readonly #conditions: ClosingCondition[] = []
  add(condition: ClosingCondition): void {
    this.#conditions.push(condition)
  }
  async against(reader: Reader, incident: IncidentRow): Promise<string[]> {
    const sentences: string[] = []
    for (const condition of this.#conditions) sentences.push(...(await condition(reader, incident)))
    return sentences
  }
}

export interface ActInput {
  readonly version: number
  readonly statement: string
}

const pastParticiple: Readonly<Record<Act, string>> = {
  declare: 'declared',
  contain: 'contained',
  eradicate: 'eradicated',
  recover: 'recovered',
  close: 'closed',
  reopen: 'reopened',
}

/** One step of the lifecycle: an act with who, when and a statement. */
async function takeStep(
  tx: Tx,
  house: House,
  caller: Caller,
  id: string,
  act: Act,
  input: ActInput,
  details: { conditions?: ClosingConditions; change?: Partial<typeof incidents.$inferInsert>; data?: Record<string, unknown> } = {},
): Promise<IncidentRow> {
  const incident = await lockIncident(tx, house, caller, id)
  assertVersion(incident, input.version)
  const standing = await standingOf(tx, incident)
  const to = destination(act, standing)
  if (to === undefined) throw conflict(`An incident that is ${incident.status} cannot be ${pastParticiple[act]}.`)
  const against = [...blockers(act, standing, tx.now.slice(0, 10)), ...((await details.conditions?.against(tx, incident)) ?? [])]
  if (against.length > 0) throw conflict(against.join(' '))
  await saveIncident(tx, incident, { status: to, ...details.change })
  await record(tx, {
    actor: caller.actor,
    type: `incident.${pastParticiple[act]}`,
    subject: { kind: 'incident', id },
    within: id,
    data: { from: incident.status, to, statement: input.statement, ...details.data },
  })
  return { ...incident, status: to }
}

/** Declares a suspected incident: the official act that starts the clocks. */
export async function declareIncident(tx: Tx, house: House, caller: Caller, id: string, input: ActInput): Promise<void> {
  const affected = await tx.db.select({ id: incidentCustomers.customerId }).from(incidentCustomers).where(eq(incidentCustomers.incidentId, id))
  const { severity, class: class_ } = await lockIncident(tx, house, caller, id)
  await takeStep(tx, house, caller, id, 'declare', input, {
    change: { declaredAt: tx.now },
    data: { declaredAt: tx.now, severity, class: class_, customerIds: affected.map(customer => customer.id) },
  })
}

/** Contained: for the first time, or again when the attacker has returned. */
export async function containIncident(tx: Tx, house: House, caller: Caller, id: string, input: ActInput): Promise<void> {
  await takeStep(tx, house, caller, id, 'contain', input, { change: { watchUntil: null } })
}

export async function eradicateIncident(tx: Tx, house: House, caller: Caller, id: string, input: ActInput): Promise<void> {
  await takeStep(tx, house, caller, id, 'eradicate', input)
}

/** Recovered: to a known secure state, verified in a stated way, and watched until a set date. */
export async function recoverIncident(
  tx: Tx,
  house: House,
  caller: Caller,
  id: string,
  input: ActInput & { secureState: string; verification: string; watchUntil: string },
): Promise<void> {
  const { secureState, verification, watchUntil } = input
  if (watchUntil < tx.now.slice(0, 10)) throw invalid('watchUntil', 'must not lie in the past')
  await takeStep(tx, house, caller, id, 'recover', input, { change: { watchUntil }, data: { secureState, verification, watchUntil } })
}

/** Closes it. Afterwards its record cannot change. */
export async function closeIncident(tx: Tx, house: House, conditions: ClosingConditions, caller: Caller, id: string, input: ActInput): Promise<void> {
  await takeStep(tx, house, caller, id, 'close', input, { conditions, change: { closedAt: tx.now } })
  await closeAlertsOf(tx, id)
  await resolvePagesAbout(tx, house, caller.actor, id)
}

export async function reopenIncident(tx: Tx, house: House, caller: Caller, id: string, input: ActInput): Promise<void> {
  await takeStep(tx, house, caller, id, 'reopen', input, { change: { closedAt: null } })
}

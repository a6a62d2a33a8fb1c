import { isDeepStrictEqual } from 'node:util'
import type { DataTouched, IncidentClass, IncidentRole, Responsibility, SeverityCriteria } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { type AppContext, assertPeople, assertPerson, type Caller } from '../access/index.ts'
import { type Actor, markRecords, record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { conflict } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { redactPages } from '../paging/index.ts'
import { definitionOf } from './classes.ts'
import { assertMayRestrict, assertVersion, type IncidentRow, lockOpenIncident, namesOf, saveIncident } from './incident.ts'
import { assessSeverity, criteriaVersion } from './severity.ts'
import { incidentMembers, incidents } from './tables.ts'
import type { DeclarationEffects } from './transitions.ts'

interface Facts {
  readonly version: number
  readonly title?: string | undefined
  readonly summary?: string | undefined
  readonly responsibility?: Responsibility | undefined
  readonly approximateUsers?: number | null | undefined
  readonly dataTouched?: z.output<typeof DataTouched> | undefined
  readonly isRestricted?: boolean | undefined
}

/** Of some facts those in which an input differs from an incident. */
function changed(facts: Omit<Facts, 'version'>, incident: IncidentRow, input: Facts): Omit<Facts, 'version'> {
  const { title, summary, responsibility, approximateUsers, dataTouched, isRestricted } = facts
  const differs = (name: Exclude<keyof Facts, 'version'>) => input[name] !== undefined && !isDeepStrictEqual(input[name], incident[name])
  return {
    ...(differs('title') ? { title } : {}),
    ...(differs('summary') ? { summary } : {}),
    ...(differs('responsibility') ? { responsibility } : {}),
    ...(differs('approximateUsers') ? { approximateUsers } : {}),
    ...(differs('dataTouched') ? { dataTouched } : {}),
    ...(differs('isRestricted') ? { isRestricted } : {}),
  }
}

/** Changes what is known about an incident. Saving what is known already changes nothing. */
export async function changeIncident(tx: Tx, context: AppContext, effects: DeclarationEffects, caller: Caller, id: string, input: Facts): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  const change = changed(input, incident, input)
  assertMayRestrict(caller, change.isRestricted)
  if (Object.keys(change).length === 0) return
  const saved = await saveIncident(tx, incident, change)
  // Whoever hides an incident must still see it.
  if (change.isRestricted === true && caller.actor.kind !== 'key')
    await tx.db.insert(incidentMembers).values({ incidentId: id, personId: caller.personId }).onConflictDoNothing()
  if (change.isRestricted !== undefined) await markRecords(tx, [id], { isRestricted: change.isRestricted })
  if (change.isRestricted === true) {
    await redactPages(tx, incident)
    await withdrawAnswers(tx)
  }
  await record(tx, {
    actor: caller.actor,
    type: 'incident.changed',
    subject: { kind: 'incident', id },
    within: id,
    data: { ...change, before: changed(incident, incident, input) },
  })
  if (change.dataTouched !== undefined) await effects.follow(tx, saved)
}

/** Sets the severity criteria: the severity is calculated from them, with the reason. */
export async function assessIncident(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { version: number; criteria: SeverityCriteria },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  const { severity, why } = assessSeverity(input.criteria)
  if (incident.severity === severity && incident.severityWhy === why && isDeepStrictEqual(incident.severityCriteria, input.criteria)) return
  await saveIncident(tx, incident, { severity, severityCriteria: input.criteria, severityWhy: why })
  await record(tx, {
    actor: caller.actor,
    type: 'incident.assessed',
    subject: { kind: 'incident', id },
    within: id,
    data: { criteria: input.criteria, from: incident.severity, severity, why, criteriaVersion },
  })
}

/** Classifies it, with the reason. What is declared stays a confirmed class, unless it turns out to be no incident. */
export async function classifyIncident(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  id: string,
  input: { version: number; class: IncidentClass; reason: string },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  if (incident.declaredAt !== null && input.class === 'suspected') throw conflict('A declared incident cannot be classified as suspected.')
  const saved = await saveIncident(tx, incident, { class: input.class })
  await record(tx, {
    actor: caller.actor,
    type: 'incident.classified',
    subject: { kind: 'incident', id },
    within: id,
    data: { from: incident.class, class: input.class, reason: input.reason, definition: await definitionOf(tx, input.class) },
  })
  await effects.follow(tx, saved)
}

const roleColumns = { lead: 'leadId', owner: 'ownerId', communications: 'communicationsId', executive: 'executiveId' } as const

/** Gives one of the roles of an incident to a person, or to nobody. */
export async function assignRole(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  role: IncidentRole,
  input: { version: number; personId: string | null },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  if (input.personId !== null) await assertPeople(tx, [input.personId], 'personId')
  // Who approves what costs the business is somebody else's choice.
  if (role === 'executive' && input.personId !== null) {
    assertPerson(caller, 'The executive sponsor must be assigned')
    await assertSecondPerson(tx, caller, [input.personId], 'The executive sponsor must be assigned by somebody else.')
  }
  await takeRole(tx, caller.actor, incident, role, input.personId)
}

async function takeRole(tx: Tx, actor: Actor, incident: IncidentRow, role: IncidentRole, personId: string | null): Promise<void> {
  if (incident[roleColumns[role]] === personId) return
  const earlierId = incident[roleColumns[role]]
  const names = await namesOf(tx, [personId, earlierId])
  const nameOf = (id: string | null) => (id === null ? null : (names.get(id) ?? null))
  await saveIncident(tx, incident, { [roleColumns[role]]: personId })
  if (incident.isRestricted && earlierId !== null) await withdrawAnswers(tx)
  await record(tx, {
    actor,
    type: 'incident.role-assigned',
    subject: { kind: 'incident', id: incident.id },
    within: incident.id,
    data: { role, personId, name: nameOf(personId), before: { personId: earlierId, name: nameOf(earlierId) } },
  })
}

/** Who answers a team's page about an incident takes that side's role, if nobody has it yet. */
export async function takeVacantRole(tx: Tx, actor: Actor, id: string, role: 'lead' | 'owner', personId: string): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, id)).for('update')
  if (!incident || incident.status === 'closed' || incident[roleColumns[role]] !== null) return
  await takeRole(tx, actor, incident, role, personId)
}

/** Who may see a restricted incident besides its roles. */
export async function setMembers(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { version: number; personIds: readonly string[] },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  const personIds = [...new Set(input.personIds)]
  await assertPeople(tx, personIds, 'personIds')
  const before = await tx.db.select({ id: incidentMembers.personId }).from(incidentMembers).where(eq(incidentMembers.incidentId, id))
  if (before.length === personIds.length && before.every(member => personIds.includes(member.id))) return
  const names = await namesOf(tx, [...personIds, ...before.map(member => member.id)])
  const named = (personId: string) => names.get(personId) ?? ''
  await tx.db.delete(incidentMembers).where(eq(incidentMembers.incidentId, id))
  if (personIds.length > 0) await tx.db.insert(incidentMembers).values(personIds.map(personId => ({ incidentId: id, personId })))
  await saveIncident(tx, incident, {})
  if (incident.isRestricted && before.some(member => !personIds.includes(member.id))) await withdrawAnswers(tx)
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.members-set', subject: { kind: 'incident', id }, within: id },
    data: {
      ...{ personIds, before: { personIds: before.map(member => member.id) } },
      added: personIds.filter(personId => !before.some(member => member.id === personId)).map(named),
      removed: before.flatMap(member => (personIds.includes(member.id) ? [] : named(member.id))),
    },
  })
}

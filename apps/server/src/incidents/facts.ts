import { isDeepStrictEqual } from 'node:util'
import type { DataTouched, IncidentClass, Responsibility, SeverityCriteria } from '@tocsin/api'
import { and, asc, eq, ne } from 'drizzle-orm'
import type { z } from 'zod'
import { type AppContext, assertPeople, type Caller, people } from '../access/index.ts'
import { type Actor, markRecords, record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { endRota, redactPages } from '../paging/index.ts'
import { definitionOf } from './classes.ts'
import { newCodename } from './codenames.ts'
import { assertNoEmergencyAccess } from './emergency-access.ts'
import {
  assertMayGrant,
  assertMayLead,
  assertMayRestrict,
  assertNoSuspects,
  assertVersion,
  type IncidentRow,
  lockOpenIncident,
  namesOf,
  saveIncident,
} from './incident.ts'
import { isLowerClass, isLowerSeverity } from './lifecycle.ts'
import { cancelEmergencyAccess, suspectsOf } from './need-to-know.ts'
import { besidesLead, watchForLead } from './scope.ts'
import { assessSeverity, criteriaVersion } from './severity.ts'
import { incidentMembers } from './tables.ts'
import type { DeclarationEffects } from './transitions.ts'

const words = (name: string) => name.replaceAll('-', ' ')

interface Facts {
  readonly version: number
  readonly title?: string | undefined
  readonly summary?: string | undefined
  readonly responsibility?: Responsibility | undefined
  readonly approximateUsers?: number | null | undefined
  readonly dataTouched?: z.output<typeof DataTouched> | undefined
  readonly isRestricted?: boolean | undefined
  readonly codename?: string | undefined
}

/** Of some facts those in which an input differs from an incident. */
function changed<F extends Omit<Facts, 'version' | 'codename'> & { codename?: string | null | undefined }>(facts: F, incident: IncidentRow, input: Facts) {
  const { title, summary, responsibility, approximateUsers, dataTouched, isRestricted, codename } = facts
  const differs = (name: Exclude<keyof Facts, 'version'>) => input[name] !== undefined && !isDeepStrictEqual(input[name], incident[name])
  return {
    ...(differs('title') ? { title } : {}),
    ...(differs('summary') ? { summary } : {}),
    ...(differs('responsibility') ? { responsibility } : {}),
    ...(differs('approximateUsers') ? { approximateUsers } : {}),
    ...(differs('dataTouched') ? { dataTouched } : {}),
    ...(differs('isRestricted') ? { isRestricted } : {}),
    ...(differs('codename') ? { codename } : {}),
  }
}

/** Changes what is known about an incident. Saving what is known already changes nothing. */
export async function changeIncident(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  id: string,
  { reason, ...given }: Facts & { readonly reason?: string | undefined },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, given.version)
  const isHidden = given.isRestricted === true && !incident.isRestricted
  const input = { ...given, ...(isHidden ? { codename: given.codename ?? incident.codename ?? newCodename() } : {}) }
  const change = changed(input, incident, input)
  if (change.isRestricted !== undefined) await assertMayTurnRestriction(tx, caller, incident, change.isRestricted, reason)
  const isPlayedDown = incident.declaredAt !== null && playsDown(incident, change.dataTouched)
  if (isPlayedDown && reason === undefined) throw invalid('reason', 'is required to say of a declared incident that data was not affected after all')
  if (Object.keys(change).length === 0) return
  const saved = await saveIncident(tx, incident, change)
  // Whoever hides an incident must still see it.
  if (change.isRestricted === true && caller.actor.kind !== 'key')
    await tx.db.insert(incidentMembers).values({ incidentId: id, personId: caller.personId }).onConflictDoNothing()
  if (change.isRestricted !== undefined) await markRecords(tx, [id], { isRestricted: change.isRestricted })
  if (isHidden) await endRota(tx, context, caller.actor, id, besidesLead(saved))
  if (saved.isRestricted && (isHidden || change.codename !== undefined)) await redactPages(tx, saved)
  if (isHidden) await withdrawAnswers(tx)
  await record(tx, {
    actor: caller.actor,
    type: 'incident.changed',
    subject: { kind: 'incident', id },
    within: id,
    data: { ...change, ...(change.isRestricted === undefined && !isPlayedDown ? {} : { reason }), before: changed(incident, incident, input) },
  })
  if (isHidden) await tellLeads(tx, context, caller, saved)
  if (change.isRestricted !== undefined) await watchForLead(tx, context, saved)
  if (change.dataTouched !== undefined || change.isRestricted !== undefined) await effects.follow(tx, saved)
}

/** True where data that counted as affected does not any more. */
const playsDown = ({ dataTouched: was }: IncidentRow, now: IncidentRow['dataTouched'] | undefined): boolean =>
  now !== undefined && (['customerData', 'personalData'] as const).some(name => was[name] === 'yes' && now[name] !== 'yes')

/** Restricting an incident takes it out of others' sight, and lifting that shows it to everybody: the decision of whoever leads it, with a reason. */
async function assertMayTurnRestriction(tx: Tx, caller: Caller, incident: IncidentRow, isRestricted: boolean, reason: string | undefined): Promise<void> {
  assertMayRestrict(caller, isRestricted)
  if (incident.leadId !== null) assertMayLead(caller, incident, isRestricted ? 'restrict it' : 'lift its restriction')
  if (!isRestricted) await assertNoEmergencyAccess(tx, caller, incident, 'lift its restriction')
  if (reason === undefined) throw invalid('reason', 'is required to restrict an incident, or to lift its restriction')
  if (!isRestricted && (await suspectsOf(tx, incident.id)).length > 0)
    throw conflict('This incident has suspects, who would read it. Clear them first, then lift the restriction.')
}

/** Other leads, who see the incident no more, are told so by its number. */
async function tellLeads(tx: Tx, context: AppContext, caller: Caller, incident: IncidentRow): Promise<void> {
  const leads = await tx.db
    .select({ email: people.email, isDemo: people.isDemo })
    .from(people)
    .where(and(eq(people.role, 'lead'), eq(people.isActive, true), eq(people.isDemo, incident.isDemo), ne(people.id, caller.personId)))
    .orderBy(asc(people.id))
    .limit(maxTold)
  await context.messenger.postAll(
    tx,
    leads.map(({ email, isDemo }) => ({
      ...{
        id: newId(),
        channel: 'email',
        address: email,
        isDemo,
        isExercise: incident.isExercise,
        purpose: 'incident-restricted',
        purposeId: incident.id,
        withinId: incident.id,
      },
      ...{ subject: `Incident ${incident.number} is restricted now`, isNeutral: true },
      body: `Incident ${incident.number} was restricted. Only those with a part in it can see it; its lead can give you access.\n`,
    })),
  )
}
/** Leads who are told that an incident was restricted. */
const maxTold = 200

/** Sets the severity criteria: the severity is calculated from them, with the reason. Of a declared incident it is not lowered by one person. */
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
  if (incident.declaredAt !== null && isLowerSeverity(incident.severity, severity))
    throw conflict(
      `These criteria lower the severity of a declared incident from ${incident.severity} to ${severity}, which takes a second person. Propose it with a reason (kind lower-severity).`,
    )
  await setSeverity(tx, caller.actor, incident, input.criteria)
}

/** Sets the severity that follows from criteria, and records it. */
export async function setSeverity(tx: Tx, actor: Actor, incident: IncidentRow, criteria: SeverityCriteria): Promise<void> {
  const { severity, why } = assessSeverity(criteria)
  await saveIncident(tx, incident, { severity, severityCriteria: criteria, severityWhy: why })
  await record(tx, {
    ...{ actor, type: 'incident.assessed', subject: { kind: 'incident', id: incident.id }, within: incident.id },
    data: { criteria, from: incident.severity, severity, why, criteriaVersion },
  })
}

/** Classifies it, with the reason. What is declared stays a confirmed class, and is not lowered by one person. */
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
  if (incident.declaredAt !== null) assertMayClassify(incident, input.class)
  await setClass(tx, effects, caller.actor, incident, input)
}

/** @throws AppProblem conflict where one person alone may not give a declared incident this class */
function assertMayClassify(incident: IncidentRow, to: IncidentClass): void {
  if (incident.stoodDownAt !== null) throw conflict('This incident was stood down. Reopen it to classify it again.')
  if (to === 'suspected') throw conflict('A declared incident cannot be classified as suspected.')
  if (to === 'not-an-incident')
    throw conflict(
      'A declared incident becomes "not an incident" by standing it down, which takes a second person. Propose it with a reason (kind stand-down).',
    )
  if (isLowerClass(incident.class, to))
    throw conflict(
      `Lowering the class of a declared incident from ${words(incident.class)} to ${words(to)} takes a second person. Propose it with a reason (kind lower-class).`,
    )
}

/** Sets the class, and records it; what the law hangs on follows. */
export async function setClass(
  tx: Tx,
  effects: DeclarationEffects,
  actor: Actor,
  incident: IncidentRow,
  input: { readonly class: IncidentClass; readonly reason: string },
): Promise<void> {
  const saved = await saveIncident(tx, incident, { class: input.class })
  await record(tx, {
    ...{ actor, type: 'incident.classified', subject: { kind: 'incident', id: incident.id }, within: incident.id },
    data: { from: incident.class, class: input.class, reason: input.reason, definition: await definitionOf(tx, input.class) },
  })
  await effects.follow(tx, saved)
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
  assertMayGrant(caller, incident, 'say who may see it')
  await assertNoEmergencyAccess(tx, caller, incident, 'say who may see it')
  const personIds = [...new Set(input.personIds)]
  await assertPeople(tx, personIds, 'personIds')
  await assertNoSuspects(tx, context, id, personIds, 'personIds')
  const before = await tx.db.select({ id: incidentMembers.personId }).from(incidentMembers).where(eq(incidentMembers.incidentId, id))
  if (before.length === personIds.length && before.every(member => personIds.includes(member.id))) return
  const names = await namesOf(tx, [...personIds, ...before.map(member => member.id)])
  const named = (personId: string) => names.get(personId) ?? ''
  await tx.db.delete(incidentMembers).where(eq(incidentMembers.incidentId, id))
  if (personIds.length > 0) await tx.db.insert(incidentMembers).values(personIds.map(personId => ({ incidentId: id, personId })))
  await saveIncident(tx, incident, {})
  const removed = before.flatMap(member => (personIds.includes(member.id) ? [] : [member.id]))
  await cancelEmergencyAccess(tx, id, removed)
  if (incident.isRestricted && removed.length > 0) await withdrawAnswers(tx)
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.members-set', subject: { kind: 'incident', id }, within: id },
    data: {
      ...{ personIds, before: { personIds: before.map(member => member.id) } },
      added: personIds.filter(personId => !before.some(member => member.id === personId)).map(named),
      removed: before.flatMap(member => (personIds.includes(member.id) ? [] : named(member.id))),
    },
  })
}

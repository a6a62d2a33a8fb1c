import type { Reference } from '@tocsin/api'
import { and, eq, inArray, notInArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, assertPeople, assertResponders, type Caller, people } from '../access/index.ts'
import { type NewEntry, record, recordAll, system } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { newId } from '../kernel/ids.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { withTheirAccounts } from '../notify/index.ts'
import { takePagesFrom } from '../paging/index.ts'
import { assertNoEmergencyAccess } from './emergency-access.ts'
import { endHandovers } from './handovers.ts'
import {
  assertMayLead,
  assertNoSuspects,
  assertVersion,
  type IncidentRow,
  lockOpenIncident,
  namesOf,
  roleColumns,
  saveIncident,
  suspectsAmong,
} from './incident.ts'
import { pageLead, pageNamed, pageTeamAbout, watchForLead } from './scope.ts'
import { incidentMembers, incidentSuspects, incidents, tasks } from './tables.ts'
import { insertTask } from './tasks.ts'

/** The end of somebody's emergency access. */
export const emergencyAccessJob = defineJob({
  kind: 'incident.end-emergency-access',
  lane: clocksLane,
  data: z.object({ incidentId: z.uuid(), personId: z.uuid() }),
})
const emergencyAccessKey = (incidentId: string, personId: string) => `emergency-access:${incidentId}:${personId}`

/** The suspects of an incident, by name. */
export async function suspectsOf(reader: Reader, id: string): Promise<Reference[]> {
  return reader.db
    .select({ id: people.id, name: people.name })
    .from(incidentSuspects)
    .innerJoin(people, eq(people.id, incidentSuspects.personId))
    .where(eq(incidentSuspects.incidentId, id))
    .orderBy(people.name, people.id)
}

/**
 * Names who is suspected of having caused a restricted incident. From then on they see nothing of it, whatever their role, hold none in it, and are passed over by
 * every schedule and escalation. Nobody tells them.
 */
export async function setSuspects(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { version: number; personIds: readonly string[] },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  assertMayLead(caller, incident, 'name suspects')
  await assertNoEmergencyAccess(tx, caller, incident, 'name suspects')
  if (!incident.isRestricted) throw conflict('This incident is not restricted, so a suspect would read it. Restrict it first, then name suspects.')
  const before = await suspectsOf(tx, id)
  const named = input.personIds.filter(personId => before.every(one => one.id !== personId))
  await assertPeople(tx, [...new Set(named)], 'personIds')
  const personIds = [...new Set([...input.personIds, ...(await withTheirAccounts(tx, named))])]
  if (personIds.includes(caller.personId)) throw invalid('personIds', 'must not include yourself. Somebody else has to name you')
  const added = personIds.filter(personId => before.every(one => one.id !== personId))
  if (added.length === 0 && before.length === personIds.length) return
  await tx.db.delete(incidentSuspects).where(and(eq(incidentSuspects.incidentId, id), notInArray(incidentSuspects.personId, personIds)))
  if (added.length > 0)
    await tx.db.insert(incidentSuspects).values(added.map(personId => ({ incidentId: id, personId, namedById: caller.personId, namedAt: tx.now })))
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.suspects-set', subject: { kind: 'incident', id }, within: id },
    data: { suspects: await suspectsOf(tx, id), before: { suspects: before } },
  })
  await endHandovers(tx, context, caller.actor, id, { outcome: 'left', toIds: added })
  const saved = await takeParts(tx, caller, incident, added)
  await takePagesFrom(tx, context, id, added)
  await watchForLead(tx, context, saved)
  await withdrawAnswers(tx)
}

/** Takes from suspects what they have in an incident: roles, access and tasks. */
async function takeParts(tx: Tx, caller: Caller, incident: IncidentRow, personIds: readonly string[]): Promise<IncidentRow> {
  const { id } = incident
  const base = { actor: caller.actor, within: id } as const
  const names = await namesOf(tx, personIds)
  const entries: NewEntry[] = []
  const vacant: Partial<Record<(typeof roleColumns)[keyof typeof roleColumns], null>> = {}
  for (const role of ['lead', 'owner', 'communications', 'executive'] as const) {
    const personId = incident[roleColumns[role]]
    if (personId === null || !personIds.includes(personId)) continue
    vacant[roleColumns[role]] = null
    const data = { role, personId: null, name: null, before: { personId, name: names.get(personId) ?? null } }
    entries.push({ ...base, type: 'incident.role-assigned', subject: { kind: 'incident', id }, data })
  }
  const members = await tx.db.select({ id: incidentMembers.personId }).from(incidentMembers).where(eq(incidentMembers.incidentId, id))
  const left = members.filter(member => !personIds.includes(member.id))
  if (left.length < members.length) {
    await tx.db.delete(incidentMembers).where(and(eq(incidentMembers.incidentId, id), inArray(incidentMembers.personId, [...personIds])))
    await cancelEmergencyAccess(tx, id, personIds)
    const removed = members.flatMap(member => (personIds.includes(member.id) ? (names.get(member.id) ?? []) : []))
    const data = { personIds: left.map(member => member.id), before: { personIds: members.map(member => member.id) }, removed }
    entries.push({ ...base, type: 'incident.members-set', subject: { kind: 'incident', id }, data })
  }
  const assigned = await tx.db
    .select()
    .from(tasks)
    .where(and(eq(tasks.incidentId, id), inArray(tasks.assigneeId, [...personIds])))
    .for('update')
  for (const { id: taskId, title, assigneeId, dueOn, doneAt } of assigned) {
    const facts = { title, dueOn, isDone: doneAt !== null }
    const assignee = assigneeId === null ? null : (names.get(assigneeId) ?? null)
    const data = { ...facts, assigneeId: null, assignee: null, before: { ...facts, assigneeId, assignee } }
    entries.push({ ...base, type: 'task.changed', subject: { kind: 'task', id: taskId }, data })
  }
  if (assigned.length > 0)
    await tx.db
      .update(tasks)
      .set({ assigneeId: null, version: sql`${tasks.version} + 1` })
      .where(
        inArray(
          tasks.id,
          assigned.map(task => task.id),
        ),
      )
  await recordAll(tx, entries)
  return saveIncident(tx, incident, vacant)
}

/** Pages exactly the people named, or the on-call of one team, about an incident. Whoever is named for a restricted one may see it from then on. */
export async function pageIncident(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { personIds: readonly string[]; teamId?: string | undefined },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertMayLead(caller, incident, 'page somebody about it')
  const personIds = [...new Set(input.personIds)]
  if ((personIds.length === 0) === (input.teamId === undefined)) throw invalid('personIds', 'must name the people to page, or teamId the team, and not both')
  if (input.teamId !== undefined) return pageTeamAbout(tx, context, caller, incident, input.teamId)
  await assertResponders(tx, personIds, 'personIds')
  await assertNoSuspects(tx, context, id, personIds, 'personIds')
  if (incident.isRestricted) await admit(tx, caller, incident, personIds)
  await pageNamed(tx, context, caller, incident, personIds)
}

/** Adds people to who may see an incident. */
async function admit(tx: Tx, caller: Caller, incident: IncidentRow, personIds: readonly string[]): Promise<void> {
  const before = (await tx.db.select({ id: incidentMembers.personId }).from(incidentMembers).where(eq(incidentMembers.incidentId, incident.id))).map(
    one => one.id,
  )
  // Whoever has emergency access and is named now sees it from now on.
  await cancelEmergencyAccess(tx, incident.id, personIds)
  const added = personIds.filter(id => !before.includes(id))
  if (added.length === 0) return
  const names = await namesOf(tx, added)
  await tx.db.insert(incidentMembers).values(added.map(personId => ({ incidentId: incident.id, personId })))
  await saveIncident(tx, incident, {})
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.members-set', subject: { kind: 'incident', id: incident.id }, within: incident.id },
    data: { personIds: [...before, ...added], before: { personIds: before }, added: added.map(personId => names.get(personId) ?? '') },
  })
}

/**
 * Breaks the glass: an administrator without need-to-know gets access to a restricted incident for a day. Its lead is paged, and is to review the access.
 * @param which its ID or its number
 * @returns its ID
 */
export async function breakGlass(tx: Tx, context: AppContext, caller: Caller, which: string, reason: string): Promise<string> {
  const [incident] = await tx.db
    .select()
    .from(incidents)
    .where(/^[0-9]+$/.test(which) ? eq(incidents.number, Number(which)) : eq(incidents.id, which))
    .for('update')
  // To a suspect it does not exist, with an administrator's rights and another account of theirs too.
  if (!incident || (await suspectsAmong(tx, context, incident.id, [caller.personId])).length > 0) throw notFound('incident')
  const { id } = incident
  if (await context.visibility.maySee(tx, caller, id)) throw conflict('You can see this incident already. Open it as any other.')
  const until = addDays(tx.now, 1)
  await tx.db.insert(incidentMembers).values({ incidentId: id, personId: caller.personId })
  const saved = await saveIncident(tx, incident, {})
  const reviewTaskId = newId()
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.glass-broken', subject: { kind: 'incident', id }, within: id },
    data: { reason, until, reviewTaskId },
  })
  await schedule(tx, {
    ...{ kind: emergencyAccessJob, key: emergencyAccessKey(id, caller.personId), runAt: until },
    data: { incidentId: id, personId: caller.personId },
  })
  const title = `Review the emergency access of ${caller.actor.name}`
  await insertTask(tx, context, caller, saved, { title, assigneeId: incident.leadId, dueOn: null, isBusinessImpacting: false }, reviewTaskId)
  await pageLead(tx, context, saved, {
    topic: `emergency-access ${caller.personId}`,
    brief: 'opened by emergency access',
    title: '',
    summary: '',
  })
  return id
}

/** A day after the glass was broken the access ends, if nobody has ended it before. */
export async function endEmergencyAccess(tx: Tx, incidentId: string, personId: string): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, incidentId)).for('update')
  const [person] = await tx.db.select({ id: people.id, name: people.name }).from(people).where(eq(people.id, personId))
  const ended = await tx.db
    .delete(incidentMembers)
    .where(and(eq(incidentMembers.incidentId, incidentId), eq(incidentMembers.personId, personId)))
    .returning({ id: incidentMembers.personId })
  if (!incident || !person || ended.length === 0) return
  await saveIncident(tx, incident, {})
  const entry = { actor: system, type: 'incident.emergency-access-ended', subject: { kind: 'incident', id: incidentId }, within: incidentId } as const
  await record(tx, { ...entry, data: { person } })
  await withdrawAnswers(tx)
}

/** Whoever is no member any more, or one for good, has no emergency access that ends. */
export const cancelEmergencyAccess = (tx: Tx, incidentId: string, personIds: readonly string[]): Promise<void> =>
  cancel(tx, ...personIds.map(personId => emergencyAccessKey(incidentId, personId)))

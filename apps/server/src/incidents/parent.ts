import { and, asc, eq, inArray } from 'drizzle-orm'
import { type AppContext, type Caller, findPerson, type Viewer } from '../access/index.ts'
import { escalateAlerts } from '../alerts/index.ts'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { assertMayLead, assertVersion, findIncident, type IncidentRow, lockOpenIncident, saveIncident } from './incident.ts'
import { assertMayLeave } from './legal-hold.ts'
import { pageLead } from './scope.ts'
import { incidentMembers, incidents } from './tables.ts'
import type { DeclarationEffects } from './transitions.ts'

/** `1 alert`, `2 alerts`, or nothing. */
const count = (n: number, noun: string) => (n === 0 ? [] : [`${n} ${noun}${n === 1 ? '' : 's'}`])

interface ParentInput {
  readonly version: number
  readonly reason: string
  readonly alertIds: readonly string[]
  readonly incidentIds: readonly string[]
}

/**
 * Makes an incident the parent of others (a major incident): the alerts become its own, the incidents its children. Their pages are resolved, its lead is paged once
 * about all of it, and whoever led or owned a child is asked to join. Each child keeps its timeline, its obligations and its lifecycle; what both owe to the same customer is met by one notice.
 */
export async function makeParent(tx: Tx, context: AppContext, effects: DeclarationEffects, caller: Caller, id: string, input: ParentInput): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  if (incident.parentId !== null) throw conflict('This incident already has a parent incident. Link the others to that parent instead.')
  if (input.alertIds.length + input.incidentIds.length === 0) throw invalid('incidentIds', 'must list at least one incident, unless alertIds lists an alert')
  const parts: IncidentRow[] = []
  for (const partId of [...new Set(input.incidentIds)].sort()) {
    if (partId === id) throw invalid('incidentIds', 'must not include the incident itself')
    const part = await lockOpenIncident(tx, context, caller, partId)
    if (part.isExercise !== incident.isExercise)
      throw conflict(
        `Incident ${part.number} is ${part.isExercise ? 'an exercise' : 'a real one'}, and incident ${incident.number} is ${incident.isExercise ? 'an exercise' : 'a real one'}.`,
      )
    if (part.parentId !== null && part.parentId !== id) throw conflict(`Incident ${part.number} already has another parent incident.`)
    if ((await childrenOf(tx, context, caller, partId)).length > 0) throw conflict(`Incident ${part.number} is itself a parent incident.`)
    if (part.parentId === null) parts.push(part)
  }
  const alerts = await escalateAlerts(tx, context, caller, input.alertIds, incident, { responsibility: incident.responsibility, reason: input.reason })
  // All of them were linked before: there is nothing to record, and nobody to page.
  if (parts.length + alerts.length === 0) return
  if (parts.length > 0)
    await tx.db
      .update(incidents)
      .set({ parentId: id })
      .where(
        inArray(
          incidents.id,
          parts.map(part => part.id),
        ),
      )
  const saved = await saveIncident(tx, incident, {})
  const joined = await joining(tx, caller, incident, parts)
  await record(tx, {
    actor: caller.actor,
    type: 'incident.made-parent',
    subject: { kind: 'incident', id },
    within: id,
    data: {
      ...{ reason: input.reason, alerts: alerts.map(alert => alert.number), incidents: parts.map(part => part.number) },
      joinedIds: joined.map(person => person.id),
    },
  })
  for (const part of parts) {
    await resolvePagesAbout(tx, context, caller.actor, part.id)
    await record(tx, {
      actor: caller.actor,
      type: 'incident.linked-to-parent',
      subject: { kind: 'incident', id: part.id },
      within: part.id,
      data: { by: incident.number, title: incident.isRestricted ? '' : incident.title, parentId: id },
    })
  }
  await join(tx, context, caller, incident, joined)
  await effects.follow(tx, saved)
  const linked = [...count(alerts.length, 'alert'), ...count(parts.length, 'incident')]
  await pageLead(tx, context, incident, {
    topic: 'parent-incident',
    brief: 'now a parent incident',
    title: `Incident ${incident.number} is now a parent incident: ${incident.title}`,
    summary: `${caller.actor.name} linked ${linked.join(' and ')} to it. You lead the combined response.\n\n${input.reason}`,
  })
}

/**
 * Unlinks a child from its parent: it has its own lead again, and owes its own notices, by their deadlines. What one notice of the parent met stays met. Alerts that were
 * linked with it stay with the parent, where they were triaged; whoever joined the parent may still see it.
 */
export async function unlinkChild(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  id: string,
  input: { readonly version: number; readonly childId: string; readonly reason: string },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  assertMayLead(caller, incident, 'unlink an incident from it')
  const child = await lockOpenIncident(tx, context, caller, input.childId)
  if (child.parentId !== id) throw invalid('childId', 'must be an incident that is linked to this one')
  await assertMayLeave(tx, incident)
  const unlinked = await saveIncident(tx, child, { parentId: null })
  await saveIncident(tx, incident, {})
  const { reason } = input
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.child-unlinked', subject: { kind: 'incident', id }, within: id },
    data: { reason, incident: child.number, incidentId: child.id },
  })
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.unlinked-from-parent', subject: { kind: 'incident', id: child.id }, within: child.id },
    data: { reason, by: incident.number, parentId: id },
  })
  await effects.follow(tx, unlinked)
}

type Joining = NonNullable<Awaited<ReturnType<typeof findPerson>>>

/** Whoever led or owned a child joins its parent. A restricted parent is not revealed by this: its lead grants access. */
async function joining(tx: Tx, caller: Caller, incident: IncidentRow, parts: readonly IncidentRow[]): Promise<Joining[]> {
  if (incident.isRestricted) return []
  const personIds = new Set(parts.flatMap(part => [part.leadId, part.ownerId]).filter(id => id !== null && id !== incident.leadId && id !== caller.personId))
  const found: Joining[] = []
  for (const personId of personIds) {
    const person = personId === null ? undefined : await findPerson(tx, personId)
    if (person?.isActive) found.push(person)
  }
  return found
}

/** Those who join are notified once, and may see the incident. */
async function join(tx: Tx, context: AppContext, caller: Caller, incident: IncidentRow, people: readonly Joining[]): Promise<void> {
  for (const person of people) {
    await tx.db.insert(incidentMembers).values({ incidentId: incident.id, personId: person.id }).onConflictDoNothing()
    await context.messenger.post(tx, {
      channel: 'email',
      address: person.email,
      purpose: 'parent-incident',
      purposeId: incident.id,
      withinId: incident.id,
      subject: `Join incident ${incident.number}: ${incident.title}`.slice(0, 200),
      body: `${caller.actor.name} declared incident ${incident.number} a parent incident and linked your incident to it. The parent has one lead. Your incident keeps its own timeline and notification obligations.\n\nSee ${context.messenger.origin}/incidents/${incident.id}\n`,
      isDemo: person.isDemo,
      isExercise: incident.isExercise,
    })
  }
}

/** The children of a parent incident that a viewer may see. */
export async function childrenOf(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<{ id: string; number: number; title: string }[]> {
  return reader.db
    .select({ id: incidents.id, number: incidents.number, title: incidents.title })
    .from(incidents)
    .where(and(eq(incidents.parentId, id), context.visibility.condition(viewer, incidents.id)))
    .orderBy(asc(incidents.number))
}

/** The parent of an incident, if the viewer may see it. */
export async function parentOf(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  incident: IncidentRow,
): Promise<{ id: string; number: number; title: string } | null> {
  if (incident.parentId === null || !(await context.visibility.maySee(reader, viewer, incident.parentId))) return null
  const { id, number, title } = await findIncident(reader, context, viewer, incident.parentId)
  return { id, number, title }
}

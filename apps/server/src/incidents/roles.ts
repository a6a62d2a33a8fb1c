import type { IncidentRole } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { type AppContext, assertPeople, assertPerson, assertResponders, type Caller, findPerson } from '../access/index.ts'
import { type Actor, record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { conflict, forbidden, invalid } from '../kernel/problems.ts'
import { assertSecondPerson, withTheirAccounts } from '../notify/index.ts'
import { assertNoEmergencyAccess } from './emergency-access.ts'
import { endHandovers, findHandover, type HandedOver, handoverTopic, isHandedOver, settleHandover } from './handovers.ts'
import {
  assertMayGrant,
  assertMayLead,
  assertNoSuspects,
  assertVersion,
  type IncidentRow,
  lockOpenIncident,
  mayLead,
  namesOf,
  roleColumns,
  saveIncident,
  suspectsAmong,
} from './incident.ts'
import { mailAbout } from './mails.ts'
import { insertNote } from './notes.ts'
import { pageForRole, pageForVacancy, watchForLead } from './scope.ts'
import { incidentHandovers, incidents } from './tables.ts'

export const roleNames = { lead: 'incident lead', owner: 'service owner', communications: 'communications lead', executive: 'executive sponsor' } as const

interface Assignment {
  readonly version: number
  readonly personId: string | null
  readonly note?: string | undefined
}

/**
 * Gives one of the roles of an incident to a person, or to nobody. Whoever is to be lead or owner at somebody else's wish is asked: they have the role once they accept,
 * and until then whoever has it keeps it, so that there is no time in which nobody knows that they lead.
 */
export async function assignRole(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  role: IncidentRole,
  { version, personId, note }: Assignment,
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, version)
  const isTaken = caller.actor.kind !== 'key' && personId === caller.personId
  const isAsked = isHandedOver(role) && personId !== null && !isTaken
  if (note !== undefined && !isAsked) throw invalid('note', 'must be omitted: only somebody else who is to be lead or owner gets a handover note')
  if (personId !== null) {
    await (isAsked ? assertResponders : assertPeople)(tx, [personId], 'personId')
    await assertNoSuspects(tx, context, id, [personId], 'personId')
  }
  const isGivenUp = personId === null && incident[roleColumns[role]] === caller.personId
  if (!isGivenUp) assertMayGrant(caller, incident, 'assign its roles')
  // Whom they name instead of a lead who is away sees it for good: somebody else, then.
  if (personId !== null && (await withTheirAccounts(tx, [caller.personId])).includes(personId))
    await assertNoEmergencyAccess(tx, caller, incident, 'give you a role')
  if (role === 'executive') await assertMayAssignExecutive(tx, caller, incident, personId)
  else await assertMayReplace(tx, caller, incident, role)
  if (isAsked && incident[roleColumns[role]] !== personId) return askToTakeOver(tx, context, caller, incident, role, personId, note)
  const saved = await takeRole(tx, context, caller.actor, incident, role, personId)
  if (saved !== undefined && personId === null && isHandedOver(role))
    await seek(tx, context, saved, role, `${caller.actor.name} has removed the ${roleNames[role]}.`)
}

/** A role that somebody has is theirs to hand over; else whoever leads the incident, or has the role lead, decides. */
async function assertMayReplace(tx: Tx, caller: Caller, incident: IncidentRow, role: Exclude<IncidentRole, 'executive'>): Promise<void> {
  const holderId = incident[roleColumns[role]]
  if (holderId === null || (caller.actor.kind === 'person' && holderId === caller.personId) || mayLead(caller, incident)) return
  const holder = await findPerson(tx, holderId)
  throw forbidden(
    `${holder?.name} is ${roleNames[role]} of this incident. Only they, the lead of this incident, or somebody with the role lead can hand that over. Your role is ${caller.role}.`,
  )
}

/** Who approves what costs the business is a lead's choice, of those whom an administrator has marked, and never of themselves. */
async function assertMayAssignExecutive(tx: Tx, caller: Caller, incident: IncidentRow, personId: string | null): Promise<void> {
  assertPerson(caller, 'The executive sponsor must be assigned')
  assertMayLead(caller, incident, 'assign the executive sponsor')
  const person = personId === null ? undefined : await findPerson(tx, personId)
  if (person === undefined) return
  await assertSecondPerson(tx, caller, [person.id], 'The executive sponsor must be assigned by somebody else.')
  if (!person.isExecutive) throw invalid('personId', `must be somebody whom an administrator has marked as an executive. ${person.name} is not`)
}

/** Asks somebody to take over a role: they are paged with the handover note, and the team after them. */
async function askToTakeOver(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  incident: IncidentRow,
  role: HandedOver,
  toId: string,
  note: string | undefined,
): Promise<void> {
  const { id } = incident
  const holderId = incident[roleColumns[role]]
  const earlier = await findHandover(tx, id, role)
  if (earlier?.toId === toId && note === undefined) return
  if (holderId !== null && note === undefined) throw invalid('note', 'is required to hand the role over: what happened, what is open, and what comes next')
  await endHandovers(tx, context, caller.actor, id, { outcome: 'withdrawn', role })
  const names = await namesOf(tx, [toId, holderId])
  const to = { id: toId, name: names.get(toId) ?? '' }
  const noteId = note === undefined ? null : await insertNote(tx, caller, id, `Handover to ${to.name} as ${roleNames[role]}:\n\n${note}`)
  const saved = await saveIncident(tx, incident, {})
  await tx.db.insert(incidentHandovers).values({ incidentId: id, role, toId, byId: caller.personId, by: caller.actor.name, noteId, requestedAt: tx.now })
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.handover-requested', subject: { kind: 'incident', id }, within: id },
    data: { role, person: to, holder: holderId === null ? null : (names.get(holderId) ?? ''), noteId },
  })
  await pageForRole(tx, context, saved, role, {
    ...{ topic: handoverTopic(role), personId: toId, severity: 'high' },
    brief: `take over as ${roleNames[role]}`,
    title: `Incident ${saved.number}: take over as ${roleNames[role]}? ${saved.title}`,
    summary: `${caller.actor.name} asks ${to.name} to be ${roleNames[role]}. Whoever acknowledges this page accepts the role.${noteId === null ? '' : ' The handover note is in the incident.'}`,
  })
}

/** Accepts a role that the caller is asked to take over. */
export async function acceptRole(tx: Tx, context: AppContext, caller: Caller, id: string, role: IncidentRole): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  await assertAsked(tx, caller, id, role)
  await takeRole(tx, context, caller.actor, incident, role, caller.personId)
}

/** Declines a role. Whoever asked is told; where nobody has the role, the team is paged. */
export async function declineRole(tx: Tx, context: AppContext, caller: Caller, id: string, role: IncidentRole, reason: string): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  const { byId } = await assertAsked(tx, caller, id, role)
  await endHandovers(tx, context, caller.actor, id, { outcome: 'declined', role, reason })
  const saved = await saveIncident(tx, incident, {})
  await tell(tx, context, saved, byId, {
    ...{ subject: `${caller.actor.name} declined to become ${roleNames[role]}`, neutral: `${caller.actor.name} declined the role. Sign in to read why.` },
    lines: [`${caller.actor.name} declined to become ${roleNames[role]}: ${reason}`],
  })
  if (isHandedOver(role) && saved[roleColumns[role]] === null)
    await seek(tx, context, saved, role, `${caller.actor.name} declined to become ${roleNames[role]}.`)
}

/** Withdraws the request that somebody take over a role. */
export async function withdrawHandover(tx: Tx, context: AppContext, caller: Caller, id: string, role: IncidentRole): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  const asked = await findHandover(tx, id, role)
  if (asked === undefined) throw conflict(`Nobody is asked to become ${roleNames[role]} of this incident any more.`)
  const isTheirs = caller.personId === asked.byId || (caller.actor.kind === 'person' && caller.personId === incident[roleColumns[role]])
  if (!isTheirs) assertMayLead(caller, incident, 'withdraw the request of somebody else')
  await endHandovers(tx, context, caller.actor, id, { outcome: 'withdrawn', role })
  const saved = await saveIncident(tx, incident, {})
  if (isHandedOver(role) && saved[roleColumns[role]] === null)
    await seek(tx, context, saved, role, `${caller.actor.name} asks nobody any more to become ${roleNames[role]}.`)
}

async function assertAsked(tx: Tx, caller: Caller, id: string, role: IncidentRole) {
  const asked = await findHandover(tx, id, role)
  if (asked?.toId !== caller.personId || caller.actor.kind === 'key')
    throw conflict(
      asked === undefined
        ? `Nobody is asked to become ${roleNames[role]} of this incident any more.`
        : `Not you but ${(await findPerson(tx, asked.toId))?.name} is asked to become ${roleNames[role]} of this incident.`,
    )
  return asked
}

/** @returns the incident with the role; undefined where it was so already */
async function takeRole(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  incident: IncidentRow,
  role: IncidentRole,
  personId: string | null,
): Promise<IncidentRow | undefined> {
  const earlierId = incident[roleColumns[role]]
  if (earlierId === personId) {
    // Whoever keeps a role asks nobody any more to take it over.
    if (personId !== null) await endHandovers(tx, context, actor, incident.id, { outcome: 'withdrawn', role })
    return undefined
  }
  const names = await namesOf(tx, [personId, earlierId])
  const nameOf = (id: string | null) => (id === null ? null : (names.get(id) ?? null))
  const saved = await saveIncident(tx, incident, { [roleColumns[role]]: personId })
  if (incident.isRestricted && earlierId !== null) await withdrawAnswers(tx)
  await record(tx, {
    actor,
    type: 'incident.role-assigned',
    subject: { kind: 'incident', id: incident.id },
    within: incident.id,
    data: { role, personId, name: nameOf(personId), before: { personId: earlierId, name: nameOf(earlierId) } },
  })
  if (personId !== null) await settleHandover(tx, context, actor, incident.id, role)
  if (role === 'lead' && incident.isRestricted) await watchForLead(tx, context, saved)
  const byId = actor.kind === 'person' ? actor.id : null
  if (personId !== null && personId !== byId)
    await tell(tx, context, saved, personId, {
      ...{ subject: `You are ${roleNames[role]}`, neutral: `You are ${roleNames[role]} of this restricted incident. Sign in to see it.` },
      lines: [`${actor.name} made you ${roleNames[role]} of "${saved.title}".`],
    })
  if (earlierId !== null && earlierId !== byId)
    await tell(tx, context, saved, earlierId, {
      ...{ subject: `You are not ${roleNames[role]} any more`, neutral: `You are not ${roleNames[role]} of this restricted incident any more.` },
      lines: [`${personId === null ? `${actor.name} removed you as` : `${nameOf(personId)} is now`} ${roleNames[role]} of "${saved.title}".`],
    })
  return saved
}

async function tell(
  tx: Tx,
  context: AppContext,
  incident: IncidentRow,
  personId: string,
  message: { readonly subject: string; readonly lines: readonly string[]; readonly neutral: string },
): Promise<void> {
  const person = await findPerson(tx, personId)
  if (!person?.isActive) return
  await context.messenger.postAll(tx, [mailAbout(context.messenger.origin, incident, person, { purpose: 'incident-role', ...message })])
}

/** Who answers a team's page about an incident takes that side's role, if nobody has it yet. */
export async function takeVacantRole(tx: Tx, context: AppContext, actor: Actor, id: string, role: HandedOver, personId: string): Promise<void> {
  const incident = await lockForAnswer(tx, context, id, personId)
  if (incident !== undefined && incident[roleColumns[role]] === null) await takeRole(tx, context, actor, incident, role, personId)
}

/** Who acknowledges the page that asks somebody to take over a role has it: whoever it escalated to as well. */
export async function takeAskedRole(tx: Tx, context: AppContext, actor: Actor, id: string, role: HandedOver, personId: string): Promise<void> {
  const incident = await lockForAnswer(tx, context, id, personId)
  if (incident === undefined || (await findHandover(tx, id, role)) === undefined) return
  // In the end the page of a restricted incident goes to administrators, who see no more of it than that.
  if (await context.visibility.maySee(tx, { personId, role: 'responder', needToKnow: 'own' }, id)) await takeRole(tx, context, actor, incident, role, personId)
}

/** An open incident of which somebody has answered a page; undefined where they have been named a suspect since. */
async function lockForAnswer(tx: Tx, context: AppContext, id: string, personId: string): Promise<IncidentRow | undefined> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, id)).for('update')
  if (!incident || incident.status === 'closed') return undefined
  return (await suspectsAmong(tx, context, id, [personId])).length > 0 ? undefined : incident
}

/** Pages for somebody who takes a role that nobody has: the team by rota, or the administrators of a restricted incident without a lead. */
export async function seek(tx: Tx, context: AppContext, incident: IncidentRow, role: HandedOver, because: string): Promise<void> {
  if ((await findHandover(tx, incident.id, role)) !== undefined) return
  await pageForVacancy(tx, context, incident, role, `${because} Whoever acknowledges this page becomes ${roleNames[role]}.`)
}
